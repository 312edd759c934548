/* tests/base/test_log.c - tests src/base/log.c and sink.c: what a line says, and what happens when
 * it can't be written. */
#include "test.h"
#include "base/sink.h"
#include "donjon/log.h"
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct log_file {
    char dir[DJ_TEST_PATH], path[DJ_TEST_PATH + 16];
} log_file;

static void remove_log_file(void *what)
{
    log_file *f = what;
    (void)unlink(f->path);
    (void)rmdir(f->dir);
}

/* Records go to a fresh file from here on. */
static log_file *open_log(dj_case *c, dj_log_format format)
{
    log_file *f = dj_new(c->scope, log_file);
    assert_non_null(mkdtemp(dj_test_template(f->dir, "log")));
    (void)snprintf(f->path, sizeof f->path, "%s/site.log", f->dir);
    dj_own(c->scope, remove_log_file, f);
    dj_log_target t = {.to = dj_str_of(f->path), .format = format};
    dj_expect_ok(dj_log_open(c->scope, &t));
    return f;
}

static dj_str contents(dj_case *c, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    size_t  size = 1024 * 1024;
    char   *bytes = dj_alloc(c->scope, size);
    ssize_t n = read(fd, bytes, size);
    assert_true(n >= 0);
    close(fd);
    return dj_str_n(bytes, (size_t)n);
}

/* Behind "2026-11-22T17:41:29.123Z ". */
static dj_str without_time(dj_str line)
{
    assert_true(line.len > 25);
    assert_int_equal(line.ptr[10], 'T');
    assert_int_equal(line.ptr[23], 'Z');
    return dj_str_from(line, 25);
}

static const dj_log_context not_found = {.status = 404,
                                         .method = DJ_STR_INIT("GET"),
                                         .path = DJ_STR_INIT("/x"),
                                         .client = DJ_STR_INIT("127.0.0.1")};

DJ_TEST(a_record_is_one_line_of_text)
{
    log_file *f = open_log(c, DJ_LOG_TEXT);
    dj_log(DJ_LIT("django.request"), DJ_WARNING, &not_found, "Not Found: %s", "/x");
    dj_expect_str(DJ_LIT("WARNING django.request Not Found: /x status=404 method=GET path=\"/x\" "
                         "client=127.0.0.1\n"),
                  without_time(contents(c, f->path)));
}

DJ_TEST(a_record_is_one_json_object)
{
    log_file      *f = open_log(c, DJ_LOG_JSON);
    dj_log_context context = not_found;
    context.path = DJ_LIT("/\"\\\n\xff\xc3\xa9\xe2\x80\xae");
    context.request_id = DJ_LIT("17");
    dj_log(DJ_LIT("django.request"), DJ_WARNING, &context, "Not Found: %s", "a\"b\nc");
    json_t *o = json_loads(dj_cstr(c->scope, contents(c, f->path)), 0, NULL);
    assert_non_null(o);
    assert_string_equal(json_string_value(json_object_get(o, "level")), "WARNING");
    assert_string_equal(json_string_value(json_object_get(o, "logger")), "django.request");
    assert_string_equal(json_string_value(json_object_get(o, "message")), "Not Found: a\"b\nc");
    assert_string_equal(json_string_value(json_object_get(o, "path")),
                        "/\"\\\n\\xff\xc3\xa9\xe2\x80\xae");
    assert_string_equal(json_string_value(json_object_get(o, "client")), "127.0.0.1");
    assert_string_equal(json_string_value(json_object_get(o, "request_id")), "17");
    assert_int_equal(json_integer_value(json_object_get(o, "status")), 404);
    assert_int_equal(json_integer_value(json_object_get(o, "pid")), getpid());
    assert_int_equal(strlen(json_string_value(json_object_get(o, "ts"))), 24);
    json_decref(o);
}

DJ_TEST(no_input_forges_a_line)
{
    log_file      *f = open_log(c, DJ_LOG_TEXT);
    dj_log_context context = {.method = DJ_LIT("A B\n"),
                              .path = DJ_LIT("/a\" status=200\n\x1b[2K")};
    dj_log(DJ_LIT("django.security.DisallowedHost"), DJ_ERROR_LEVEL, &context, "%s",
           "a\r\nb\x1b["
           "31m\xff\xfe\xc3\xa9\xe2\x80\xa8\xe2\x80\xae\x7f\xc2\x9b\xed\xa0\x80\t\xf0\x9f\x92\xa9");
    dj_expect_str(DJ_LIT("ERROR django.security.DisallowedHost "
                         "a\\r\\nb\\x1b[31m\\xff\\xfe\xc3\xa9\\u2028\\u202e\\x7f\\x9b"
                         "\\xed\\xa0\\x80\\t\xf0\x9f\x92\xa9 method=\"A B\\n\" path=\"/a\\\" "
                         "status=200\\n\\x1b[2K\"\n"),
                  without_time(contents(c, f->path)));
}

DJ_TEST(every_byte_keeps_the_line_whole)
{
    for (int format = DJ_LOG_TEXT; format <= DJ_LOG_JSON; format++) {
        log_file *f = open_log(c, (dj_log_format)format);
        for (int byte = 1; byte < 256; byte++) {
            char           text[3] = {'x', (char)byte, '\0'};
            dj_log_context context = {.path = dj_str_n(text, 2)};
            dj_log(DJ_LIT("t"), DJ_ERROR_LEVEL, &context, "%s", text);
        }
        dj_str rest = contents(c, f->path), one;
        assert_true(dj_utf8_valid(rest));
        int lines = 0;
        while (dj_str_next(&rest, '\n', &one)) {
            if (one.len == 0)
                break;
            lines++;
            for (size_t i = 0; i < one.len; i++)
                assert_true((unsigned char)one.ptr[i] >= 0x20 && one.ptr[i] != 0x7f);
            if (format == DJ_LOG_JSON) {
                json_t *o = json_loadb(one.ptr, one.len, 0, NULL);
                assert_non_null(o);
                json_decref(o);
            }
        }
        assert_int_equal(lines, 255);
    }
}

DJ_TEST(a_long_record_is_cut_and_keeps_its_request)
{
    log_file *f = open_log(c, DJ_LOG_JSON);
    char     *text = dj_alloc(c->scope, 20001), *path = dj_alloc(c->scope, 8001);
    memset(text, 0x01, 20000); /* the longest escape */
    memset(path, 0x02, 8000);
    dj_log_context context = not_found;
    context.path = dj_str_of(path);
    dj_log(DJ_LIT("t"), DJ_ERROR_LEVEL, &context, "%s", text);
    dj_str got = contents(c, f->path);
    assert_true(got.len <= 4096);
    assert_int_equal(dj_str_chr(got, '\n'), got.len - 1);
    json_t *o = json_loadb(got.ptr, got.len, 0, NULL);
    assert_non_null(o);
    assert_string_equal(json_string_value(json_object_get(o, "client")), "127.0.0.1");
    assert_int_equal(json_integer_value(json_object_get(o, "pid")), getpid());
    json_decref(o);
}

DJ_TEST(passwords_in_urls_are_masked)
{
    static const char *const cases[][2] = {
        {"redis://user:hunter2@10.0.0.1/0 failed",
         "redis://user:********************@10.0.0.1/0 failed"},
        {"a://:p@h b://u:q@r@i", "a://:********************@h b://u:********************@i"},
        {"http://example.com:8000/a:b@c", "http://example.com:8000/a:b@c"},
        {"http://user@example.com/", "http://user@example.com/"},
        {"http://example.com:8000", "http://example.com:8000"},
        {"postgres://u:secret", "postgres://u:********************"},
        {"mail a:b@c", "mail a:b@c"},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        log_file *f = open_log(c, DJ_LOG_TEXT);
        dj_log(DJ_LIT("t"), DJ_ERROR_LEVEL, NULL, "%s", cases[i][0]);
        dj_expect_str(dj_strf(c->scope, "ERROR t %s\n", cases[i][1]),
                      without_time(contents(c, f->path)));
    }
}

DJ_TEST(levels_are_inherited_at_the_dots)
{
    assert_true(dj_log_enabled(DJ_LIT("django.request"), DJ_INFO));
    assert_false(dj_log_enabled(DJ_LIT("django.request"), DJ_DEBUG));
    dj_log_set_level(DJ_LIT("django"), DJ_ERROR_LEVEL);
    dj_log_set_level(DJ_LIT("django.security"), DJ_DEBUG);
    assert_false(dj_log_enabled(DJ_LIT("django.request"), DJ_WARNING));
    assert_true(dj_log_enabled(DJ_LIT("django.security.csrf"), DJ_DEBUG));
    assert_true(dj_log_enabled(DJ_LIT("djangoish"), DJ_INFO));
    dj_log_set_level(DJ_LIT("django"), DJ_INFO);
    assert_true(dj_log_enabled(DJ_LIT("django.request"), DJ_WARNING));
    dj_log_set_level(DJ_LIT(""), DJ_CRITICAL);
    assert_false(dj_log_enabled(DJ_LIT("other"), DJ_ERROR_LEVEL));
    dj_log_set_level(DJ_LIT(""), DJ_INFO);
}

static void keep_record(const dj_log_record *r, void *ctx)
{
    dj_case *c = ctx;
    (void)dj_fail(c->scope, DJ_ERR_INTERNAL, DJ_FMT "|" DJ_FMT "|%d", DJ_ARG(r->logger),
                  DJ_ARG(r->message), (int)r->level);
}

DJ_TEST(a_capture_takes_every_record_as_given)
{
    log_file *f = open_log(c, DJ_LOG_TEXT);
    dj_log_capture(keep_record, c);
    dj_log(DJ_LIT("django.x"), DJ_DEBUG, NULL, "a\nb://u:p@h");
    dj_log_capture(NULL, NULL);
    dj_expect_str(DJ_LIT("django.x|a\nb://u:p@h|10"), dj_failure_text(c->scope));
    dj_expect_str(DJ_LIT(""), contents(c, f->path));
}

DJ_TEST(a_full_disk_loses_records_but_says_how_many)
{
    dj_sink sink = {.fd = -1};
    dj_expect_ok(dj_sink_open(c->scope, &sink, DJ_LIT("/dev/full")));
    assert_false(dj_sink_write(&sink, DJ_LIT("one\n")));
    assert_false(dj_sink_write(&sink, DJ_LIT("two\nthree\n")));
    assert_int_equal(dj_sink_lost(&sink), 3);

    log_file *f = open_log(c, DJ_LOG_TEXT);
    int       fd = open(f->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0 && dup2(fd, sink.fd) == sink.fd); /* there is room again */
    close(fd);
    assert_true(dj_sink_write(&sink, DJ_LIT("four\n")));
    assert_int_equal(dj_sink_lost(&sink), 0);
    dj_expect_str(DJ_LIT("3 records could not be written\nfour\n"), contents(c, f->path));
    close(sink.fd);
}

DJ_TEST(a_record_to_a_full_disk_does_not_fail_the_caller)
{
    dj_log_target full = {.to = DJ_LIT("/dev/full"), .format = DJ_LOG_JSON};
    dj_expect_ok(dj_log_open(c->scope, &full));
    for (int i = 0; i < 1000; i++)
        dj_log(DJ_LIT("t"), DJ_ERROR_LEVEL, &not_found, "record %d", i);
}

DJ_TEST(a_reader_that_stalls_does_not_stall_the_writer)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    dj_sink sink = {.fd = ends[1], .kind = DJ_SINK_STREAM};
    char   *big = dj_alloc(c->scope, 100001);
    for (size_t i = 0; i < 100000; i++)
        big[i] = i % 100 == 99 ? '\n' : 'x';
    for (int i = 0; i < 10; i++)
        (void)dj_sink_write(&sink, dj_str_n(big, 100000));
    assert_true(dj_sink_lost(&sink) >= 9000);
    unsigned long lost = dj_sink_lost(&sink);
    static char   drain[1 << 20];
    ssize_t       n = read(ends[0], drain, sizeof drain);
    assert_true(n > 0);
    assert_int_equal(drain[n - 1], '\n'); /* whole lines only */
    assert_int_equal((unsigned long)n / 100 + lost, 10000);
    assert_true(dj_sink_write(&sink, DJ_LIT("again\n")));
    close(ends[0]);
    close(ends[1]);
}

DJ_TEST(reopening_follows_a_rotation)
{
    log_file   *f = open_log(c, DJ_LOG_TEXT);
    const char *old = dj_cstr(c->scope, dj_strf(c->scope, "%s.1", f->path));
    dj_log(DJ_LIT("t"), DJ_ERROR_LEVEL, NULL, "before");
    assert_int_equal(rename(f->path, old), 0);
    dj_log(DJ_LIT("t"), DJ_ERROR_LEVEL, NULL, "between");
    dj_expect_ok(dj_log_reopen(c->scope));
    dj_log(DJ_LIT("t"), DJ_ERROR_LEVEL, NULL, "after");
    assert_true(dj_str_ends(contents(c, old), DJ_LIT("between\n")));
    dj_expect_str(DJ_LIT("ERROR t after\n"), without_time(contents(c, f->path)));
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0137, 0);
    (void)unlink(old);
}

DJ_TEST(a_path_that_cannot_be_opened_is_an_error_and_changes_nothing)
{
    log_file     *f = open_log(c, DJ_LOG_TEXT);
    dj_log_target bad = {.to = DJ_LIT("/nonexistent/site.log")};
    dj_expect_err(DJ_ERR_IO, dj_log_open(c->scope, &bad));
    assert_true(dj_str_has(dj_failure_text(c->scope), DJ_LIT("/nonexistent/site.log")));
    dj_log(DJ_LIT("t"), DJ_ERROR_LEVEL, NULL, "still here");
    assert_true(contents(c, f->path).len > 0);
}

DJ_TEST(root_follows_no_link_to_a_log)
{
    log_file *f = open_log(c, DJ_LOG_TEXT);
    char      link[DJ_TEST_PATH + 16];
    (void)snprintf(link, sizeof link, "%s/link", f->dir);
    assert_int_equal(symlink(f->path, link), 0);
    dj_err e = dj_log_open(c->scope, &(dj_log_target){.to = dj_str_of(link)});
    unlink(link);
    dj_expect_err(geteuid() == 0 ? DJ_ERR_IO : DJ_OK, e);
}

DJ_TEST(syslog_gets_a_datagram_with_facility_and_severity)
{
    log_file          *f = open_log(c, DJ_LOG_TEXT);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.64s/log", f->dir);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    dj_log_target t = {.to = dj_strf(c->scope, "syslog:%s", address.sun_path)};
    dj_expect_ok(dj_log_open(c->scope, &t));
    dj_log(DJ_LIT("django.request"), DJ_ERROR_LEVEL, NULL, "a\nb");
    char    got[512];
    ssize_t n = recv(fd, got, sizeof got, MSG_DONTWAIT);
    assert_true(n > 0);
    dj_str text = dj_str_n(got, (size_t)n);
    assert_true(dj_str_starts(text, DJ_LIT("<27>"))); /* daemon.err */
    assert_true(dj_str_ends(text, DJ_LIT("ERROR django.request a\\nb\n")));
    assert_true(dj_str_has(text, dj_strf(c->scope, " donjon[%ld]: ", (long)getpid())));
    close(fd);
    (void)unlink(address.sun_path);
    dj_log_target back = {.to = DJ_LIT("stderr")};
    dj_expect_ok(dj_log_open(c->scope, &back));
}

static void *log_many(void *arg)
{
    for (int i = 0; i < 500; i++)
        dj_log(DJ_LIT("t"), DJ_ERROR_LEVEL, &not_found, "from %s", (const char *)arg);
    return NULL;
}

DJ_TEST(threads_do_not_mix_their_lines)
{
    log_file   *f = open_log(c, DJ_LOG_TEXT);
    pthread_t   threads[4];
    static char who[] = "one of the threads";
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, who), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    dj_str rest = contents(c, f->path), one;
    int    lines = 0;
    while (dj_str_next(&rest, '\n', &one) && one.len > 0) {
        dj_expect_str(DJ_LIT("ERROR t from one of the threads status=404 method=GET path=\"/x\" "
                             "client=127.0.0.1"),
                      without_time(one));
        lines++;
    }
    assert_int_equal(lines, 2000);
}

DJ_TESTS(DJ_T(a_record_is_one_line_of_text), DJ_T(a_record_is_one_json_object),
         DJ_T(no_input_forges_a_line), DJ_T(every_byte_keeps_the_line_whole),
         DJ_T(a_long_record_is_cut_and_keeps_its_request), DJ_T(passwords_in_urls_are_masked),
         DJ_T(levels_are_inherited_at_the_dots), DJ_T(a_capture_takes_every_record_as_given),
         DJ_T(a_full_disk_loses_records_but_says_how_many),
         DJ_T(a_record_to_a_full_disk_does_not_fail_the_caller),
         DJ_T(a_reader_that_stalls_does_not_stall_the_writer), DJ_T(reopening_follows_a_rotation),
         DJ_T(a_path_that_cannot_be_opened_is_an_error_and_changes_nothing),
         DJ_T(root_follows_no_link_to_a_log),
         DJ_T(syslog_gets_a_datagram_with_facility_and_severity),
         DJ_T(threads_do_not_mix_their_lines))
