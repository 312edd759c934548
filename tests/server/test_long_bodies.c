/* tests/server/test_long_bodies.c - bodies that are kept on disk while they arrive: whole whatever
 * the pieces, refused when the framing breaks, given up when the client leaves or the disk is full.
 */
#include "one_worker.h"
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#define LONG ((size_t)700 * 1000)

static unsigned views;
static dj_err   form_error;

static char byte_at(size_t i)
{
    return (char)('A' + i * 7 % 53 % 26);
}

/* "PATH LENGTH ok": the body is what long_body() made; a form says what is in it. */
static dj_response *handle(dj_req *req, void *ctx)
{
    dj_scope      *s = req->scope;
    dj_str         body = dj_req_body(req);
    const dj_form *form;
    (void)ctx;
    views++;
    if (dj_str_eq(req->path, DJ_LIT("/form"))) {
        form_error = dj_form_read(req, &req->intake->limits, &form);
        if (form_error)
            return dj_text(req, DJ_LIT("no form "));
        const dj_upload *file = dj_file_get(form, DJ_LIT("f"));
        dj_str           text = dj_post_get(form, DJ_LIT("text"));
        return dj_text(req, dj_strf(s, "form " DJ_FMT " %zu %s", DJ_ARG(text),
                                    file == NULL ? 0 : (size_t)file->size,
                                    dj_str_is_none(body) ? "ok" : "kept twice"));
    }
    size_t right = 0;
    while (right < body.len && body.ptr[right] == byte_at(right))
        right++;
    const dj_upload *file = dj_req_body_upload(req, DJ_LIT("x"));
    char             last[4] = "";
    size_t           got = 0;
    if (body.len > 3)
        dj_expect_ok(dj_upload_read(s, file, body.len - 3, last, 3, &got));
    bool same = file->size == body.len && memcmp(last, body.ptr + body.len - got, got) == 0;
    return dj_text(req, dj_strf(s, DJ_FMT " %zu %s", DJ_ARG(req->path), body.len,
                                right == body.len && same ? "ok" : "wrong"));
}

static char *long_body(dj_case *c)
{
    char *bytes = dj_alloc_raw(c->scope, LONG);
    for (size_t i = 0; i < LONG; i++)
        bytes[i] = byte_at(i);
    return bytes;
}

/* As much as the worker takes, `step` bytes at a time. False: the connection has ended. */
static bool push(fix *f, int fd, dj_str bytes, size_t step)
{
    for (int i = 0; i < 20000 && bytes.len > 0; i++) {
        dj_str  part = dj_str_first(bytes, step);
        ssize_t n = send(fd, part.ptr, part.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return false;
        bytes = dj_str_from(bytes, n < 0 ? 0 : (size_t)n);
        if (n < 0 || i % 32 == 31)
            turn(f, 1);
    }
    return bytes.len == 0;
}

static void put(fix *f, int fd, const char *path, const char *fields)
{
    char text[256];
    (void)f;
    snprintf(text, sizeof text, "PUT %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, fields);
    say(fd, text);
}

static size_t open_descriptors(void)
{
    DIR   *dir = opendir("/proc/self/fd");
    size_t n = 0;
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* A refused client that is still sending has a second to read its answer. */
static void all_gone(fix *f)
{
    for (int i = 0; i < 1000 && dj_worker_connections(f->worker) > 0; i++)
        turn(f, 5);
    assert_int_equal(dj_worker_connections(f->worker), 0);
}

static dj_str chunked(dj_case *c, const char *body, size_t size)
{
    dj_buf b = dj_buf_make(c->scope, 2 * LONG);
    for (size_t at = 0; at < LONG; at += size) {
        size_t n = LONG - at < size ? LONG - at : size;
        dj_buf_addf(&b, "%zx;x=y\r\n", n);
        dj_buf_add(&b, dj_str_n(body + at, n));
        dj_buf_add(&b, DJ_LIT("\r\n"));
    }
    return dj_buf_str(&b);
}

DJ_TEST(long_bodies_arrive_whole_in_pieces_of_any_size)
{
    fix   *f = begin(c, handle);
    char  *body = long_body(c);
    dj_str rest = DJ_LIT("0\r\nTrailer: x\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    dj_str next = dj_str_from(rest, 17);
    size_t steps[] = {LONG, 65536, 4099, 511};
    size_t before = open_descriptors();
    for (size_t i = 0; i < DJ_COUNT(steps); i++) {
        int fd = connect_with(f, 0);
        put(f, fd, "/length", "Content-Length: 700000\r\n");
        assert_true(push(f, fd, dj_str_n(body, LONG), steps[i]));
        say(fd, dj_cstr(c->scope, next)); /* pipelined */
        assert_true(hear(f, fd, "/next 0 ok", 1));
        assert_int_equal(times(f, "/length 700000 ok"), 1);
        f->got_len = 0;
        put(f, fd, "/chunked", "Transfer-Encoding: chunked\r\n");
        assert_true(push(f, fd, chunked(c, body, 9999), steps[i]));
        assert_true(push(f, fd, rest, steps[i]));
        assert_true(hear(f, fd, "/next 0 ok", 1));
        assert_int_equal(times(f, "/chunked 700000 ok"), 1);
        close(fd);
    }
    turn(f, 20);
    assert_int_equal(open_descriptors(), before + 1); /* the pool's own */
    end(c, f);
}

DJ_TEST(expect_continue_and_a_body_that_nobody_wants)
{
    fix  *f = begin(c, handle);
    char *body = long_body(c);
    int   fd = connect_with(f, 0);
    put(f, fd, "/late", "Content-Length: 700000\r\nExpect: 100-continue\r\n");
    assert_true(hear(f, fd, "HTTP/1.1 100 Continue\r\n\r\n", 1));
    assert_true(push(f, fd, dj_str_n(body, LONG), 30000));
    assert_true(hear(f, fd, "/late 700000 ok", 1));
    say(fd, "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 700000\r\n\r\n");
    views = 0;
    assert_true(push(f, fd, dj_str_n(body, LONG), LONG));
    ask(fd, "/after");
    assert_true(hear(f, fd, "/after", 1));
    assert_int_equal(times(f, "HTTP/1.1 204 No Content"), 1);
    assert_int_equal(views, 1);
    close(fd);
    end(c, f);
}

static dj_str form_of(dj_case *c, const char *field, dj_str file)
{
    return dj_strf(c->scope,
                   "--B\r\nContent-Disposition: form-data; name=text\r\n\r\n%s\r\n--B\r\n"
                   "Content-Disposition: form-data; name=f; filename=f.bin\r\n\r\n" DJ_FMT
                   "\r\n--B--\r\n",
                   field, DJ_ARG(file));
}

static void post_form(fix *f, int fd, const char *boundary, size_t len)
{
    char text[256];
    (void)f;
    snprintf(text, sizeof text,
             "POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data%s\r\n"
             "Content-Length: %zu\r\n\r\n",
             boundary, len);
    say(fd, text);
}

/* What is wrong with a form is for the view to hear, and only when it asks. */
DJ_TEST(forms_are_read_while_they_arrive)
{
    fix   *f = begin(c, handle);
    dj_str good = form_of(c, "hello", dj_str_n(long_body(c), LONG));
    dj_str fields =
        form_of(c, dj_cstr(c->scope, dj_str_n(long_body(c), 2000)), dj_str_n(long_body(c), LONG));
    int fd = connect_with(f, 0);
    post_form(f, fd, "; boundary=B", good.len);
    assert_true(push(f, fd, good, 50000));
    assert_true(hear(f, fd, "form hello 700000 ok", 1));
    post_form(f, fd, "", good.len);
    assert_true(push(f, fd, good, 50000));
    assert_true(hear(f, fd, "no form ", 1));
    dj_expect_err(DJ_ERR_MULTIPART, form_error);
    post_form(f, fd, "; boundary=B", fields.len);
    assert_true(push(f, fd, fields, 50000));
    assert_true(hear(f, fd, "no form ", 2));
    dj_expect_err(DJ_ERR_DATA_TOO_BIG, form_error);
    assert_int_equal(f->refused, 0);
    close(fd);
    end(c, f);
}

DJ_TEST(a_body_that_breaks_its_framing_never_becomes_a_request)
{
    fix   *f = begin(c, handle);
    char  *body = long_body(c);
    dj_str good = chunked(c, body, 5000);
    size_t before = open_descriptors();
    int    fd = connect_with(f, 0);
    views = 0;
    put(f, fd, "/x", "Transfer-Encoding: chunked\r\n");
    (void)push(f, fd, good, 50000);
    (void)push(f, fd, DJ_LIT("zz\r\n"), 10);
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(times(f, "HTTP/1.1 400 Bad Request"), 1);
    close(fd);
    fd = connect_with(f, 0);
    put(f, fd, "/x", "Transfer-Encoding: chunked\r\n");
    (void)push(f, fd, good, 50000);
    (void)push(f, fd, good, 50000); /* over the limit of 1 MiB */
    (void)hear(f, fd, NULL, 0);
    assert_int_equal(f->last_refusal, 413);
    close(fd);
    all_gone(f);
    assert_int_equal(views, 0);
    assert_int_equal(open_descriptors(), before + 1);
    end(c, f);
}

DJ_TEST(a_client_that_leaves_in_the_middle_frees_everything)
{
    fix   *f = begin(c, handle);
    char  *body = long_body(c);
    size_t before = open_descriptors();
    views = 0;
    for (int i = 0; i < 12; i++) {
        int fd = connect_with(f, 0);
        put(f, fd, "/x", "Content-Length: 700000\r\n");
        assert_true(push(f, fd, dj_str_n(body, 50000 * (size_t)i + 10), 60000));
        turn(f, 5);
        assert_int_equal(dj_worker_connections(f->worker), 1);
        if (i % 2 == 0)
            reset_and_close(fd);
        else
            close(fd);
        for (int k = 0; k < 100 && dj_worker_connections(f->worker) > 0; k++)
            turn(f, 5);
        assert_int_equal(dj_worker_connections(f->worker), 0);
        assert_int_equal(dj_co_count(f->loop), 0);
    }
    for (int k = 0; k < 100 && open_descriptors() > before + 1; k++)
        turn(f, 5);
    assert_int_equal(open_descriptors(), before + 1);
    assert_int_equal(views, 0);
    end(c, f);
}

/* As on a full disk: a limit on the size of files, with its signal ignored. */
DJ_TEST(a_full_disk_ends_the_request_with_507)
{
    fix          *f = begin(c, handle);
    char         *body = long_body(c);
    struct rlimit old, small = {.rlim_cur = 200000};
    size_t        before = open_descriptors();
    int           fd = connect_with(f, 0);
    views = 0;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    put(f, fd, "/x", "Content-Length: 700000\r\n");
    (void)push(f, fd, dj_str_n(body, LONG), 30000);
    (void)hear(f, fd, NULL, 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(f->last_refusal, 507);
    close(fd);
    all_gone(f);
    assert_int_equal(open_descriptors(), before + 1);
    assert_int_equal(views, 0);
    end(c, f);
}

DJ_TEST(a_long_body_that_stops_gets_408)
{
    fix  *f = begin(c, handle);
    char *body = long_body(c);
    f->config.limits.body_grace_ms = 200;
    f->config.limits.write_ms = 200;
    int fd = connect_with(f, 0);
    put(f, fd, "/x", "Content-Length: 700000\r\n");
    assert_true(push(f, fd, dj_str_n(body, 300000), 60000));
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(times(f, "HTTP/1.1 408 Request Timeout"), 1);
    close(fd);
    end(c, f);
}

/* Answers before it are still on their way while the body begins: both get on. */
DJ_TEST(a_body_behind_answers_that_are_read_slowly)
{
    fix  *f = begin(c, handle);
    char *body = long_body(c);
    int   fd = connect_with(f, 4096);
    for (int i = 0; i < 400; i++)
        ask(fd, "/answer-that-fills-the-socket");
    put(f, fd, "/late", "Content-Length: 700000\r\nExpect: 100-continue\r\n");
    for (int i = 0; i < 5; i++)
        turn(f, 10);
    assert_true(hear(f, fd, "HTTP/1.1 100 Continue\r\n\r\n", 1));
    assert_true(push(f, fd, dj_str_n(body, LONG), 30000));
    assert_true(hear(f, fd, "/late 700000 ok", 1));
    assert_int_equal(times(f, "socket 0 ok"), 400);
    close(fd);
    end(c, f);
}

DJ_TESTS(DJ_T(long_bodies_arrive_whole_in_pieces_of_any_size),
         DJ_T(expect_continue_and_a_body_that_nobody_wants), DJ_T(forms_are_read_while_they_arrive),
         DJ_T(a_body_that_breaks_its_framing_never_becomes_a_request),
         DJ_T(a_client_that_leaves_in_the_middle_frees_everything),
         DJ_T(a_full_disk_ends_the_request_with_507), DJ_T(a_long_body_that_stops_gets_408),
         DJ_T(a_body_behind_answers_that_are_read_slowly))
