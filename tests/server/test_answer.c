/* tests/server/test_answer.c - bodies that lie in files: whole, behind pieces, for slow readers,
 * cut short meanwhile, and clients that leave. */
#include "one_worker.h"
#include <fcntl.h>

#define LARGE ((size_t)3 * 1000 * 1000)

static int  files[2]; /* the large one, and one of 64 KiB */
static bool is_shut;

static char byte_at(size_t i)
{
    return (char)('A' + i * 7 % 53);
}

static int file_of(size_t len)
{
    char *bytes = malloc(len);
    int   fd = open(dj_test_tmp(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && bytes != NULL);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(i);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    free(bytes);
    return fd;
}

static void shut(void *what)
{
    (void)what;
    is_shut = true;
}

static dj_response *handle(dj_req *req, void *ctx)
{
    (void)ctx;
    dj_response *resp = dj_text(req, DJ_LIT(""));
    dj_str       name = dj_str_from(req->path, 1);
    dj_own(req->scope, shut, resp);
    if (dj_str_eq(name, DJ_LIT("large")))
        dj_body_file(resp, files[0], 0, LARGE);
    else if (dj_str_eq(name, DJ_LIT("middle")))
        dj_body_file(resp, files[1], 0, 65536);
    else if (dj_str_eq(name, DJ_LIT("little")))
        dj_body_file(resp, files[1], 100, 10);
    else if (dj_str_eq(name, DJ_LIT("pieces"))) {
        dj_body_add(resp, DJ_LIT("before "));
        dj_body_add(resp, DJ_LIT("the file: "));
        dj_body_file(resp, files[1], 1000, 60000);
    } else {
        dj_body_add(resp, req->path);
    }
    return resp;
}

static fix *begin_with_files(dj_case *c)
{
    files[0] = file_of(LARGE);
    files[1] = file_of(65536);
    is_shut = false;
    return begin(c, handle);
}

static void end_with_files(dj_case *c, fix *f)
{
    end(c, f);
    close(files[0]);
    close(files[1]);
}

/* The answer at the start of what came: its body is `before` and `len` bytes of a file. Cuts it
 * off. */
static void expect_file(fix *f, const char *before, size_t from, size_t len)
{
    char   length[48];
    size_t head = place(f, "\r\n\r\n"), body = head + 4 + strlen(before);
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", len + strlen(before));
    assert_true(head != DJ_NOT_FOUND && f->got_len >= body + len);
    assert_true(place(f, length) < head);
    assert_memory_equal(f->got + head + 4, before, strlen(before));
    for (size_t i = 0; i < len; i++)
        if (f->got[body + i] != byte_at(from + i))
            fail_msg("byte %zu of the file is wrong", i);
    f->got_len -= body + len;
    memmove(f->got, f->got + body + len, f->got_len);
}

DJ_TEST(files_arrive_whole_and_in_order)
{
    fix *f = begin_with_files(c);
    int  fd = connect_with(f, 0);
    ask(fd, "/little");
    ask(fd, "/middle");
    ask(fd, "/pieces");
    ask(fd, "/last");
    assert_true(hear(f, fd, "/last", 1));
    expect_file(f, "", 100, 10);
    expect_file(f, "", 0, 65536);
    expect_file(f, "before the file: ", 1000, 60000);
    assert_int_equal(times(f, "HTTP/1.1 200 OK"), 1);
    assert_int_equal(f->answered, 4);
    close(fd);
    end_with_files(c, f);
}

DJ_TEST(a_slow_reader_gets_the_whole_file)
{
    fix *f = begin_with_files(c);
    int  fd = connect_with(f, 4096);
    ask(fd, "/large");
    for (int i = 0; i < 5; i++)
        turn(f, 10); /* nothing is read meanwhile */
    ask(fd, "/pieces");
    ask(fd, "/last");
    assert_true(hear(f, fd, "/last", 1));
    expect_file(f, "", 0, LARGE);
    expect_file(f, "before the file: ", 1000, 60000);
    close(fd);
    end_with_files(c, f);
}

DJ_TEST(head_gets_the_length_alone)
{
    fix *f = begin_with_files(c);
    int  fd = connect_with(f, 0);
    say(fd, "HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n");
    ask(fd, "/last");
    assert_true(hear(f, fd, "/last", 1));
    assert_int_equal(times(f, "Content-Length: 3000000\r\n"), 1);
    assert_int_equal(times(f, "HTTP/1.1 200 OK"), 2);
    assert_true(f->got_len < 1000);
    close(fd);
    end_with_files(c, f);
}

/* What was promised can't be sent: the connection ends, so that the client knows. */
DJ_TEST(a_file_that_became_shorter_ends_the_connection)
{
    fix *f = begin_with_files(c);
    int  fd = connect_with(f, 4096);
    ask(fd, "/large");
    turn(f, 20);
    assert_int_equal(ftruncate(files[0], 1000), 0);
    assert_true(hear(f, fd, NULL, 0));
    assert_true(f->got_len < LARGE);
    assert_true(is_shut);
    close(fd);
    assert_int_equal(ftruncate(files[1], 50), 0);
    fd = connect_with(f, 0);
    ask(fd, "/little");
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(times(f, "Content-Length: 10\r\n"), 1);
    close(fd);
    end_with_files(c, f);
}

DJ_TEST(a_client_that_leaves_frees_its_request_at_once)
{
    fix *f = begin_with_files(c);
    int  fd = connect_with(f, 4096);
    ask(fd, "/large");
    turn(f, 20);
    assert_int_equal(dj_worker_connections(f->worker), 1);
    assert_false(is_shut);
    reset_and_close(fd);
    turn(f, 20);
    assert_int_equal(dj_worker_connections(f->worker), 0);
    assert_true(is_shut);
    end_with_files(c, f);
}

DJ_TESTS(DJ_T(files_arrive_whole_and_in_order), DJ_T(a_slow_reader_gets_the_whole_file),
         DJ_T(head_gets_the_length_alone), DJ_T(a_file_that_became_shorter_ends_the_connection),
         DJ_T(a_client_that_leaves_frees_its_request_at_once))
