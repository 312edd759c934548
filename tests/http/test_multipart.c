/* tests/http/test_multipart.c - multipart bodies: what the vectors don't show. Expected values:
 * Django 5.2, http/multipartparser.py. */
#include "http/http.h"
#include "test.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const dj_form_limits usual = {
    .memory = 2621440, .fields = 1000, .files = 100, .files_memory = 2621440};

static dj_err parse_cut(dj_case *c, const dj_form_limits *limits, dj_str body, size_t step,
                        dj_form **form)
{
    dj_multipart *m;
    dj_expect_ok(dj_multipart_new(c->scope, DJ_LIT("B"), DJ_CHARSET_UTF8, limits, &m));
    for (size_t at = 0; at < body.len; at += step) {
        dj_err e = dj_multipart_feed(m, dj_str_first(dj_str_from(body, at), step));
        if (e) {
            assert_int_equal(e, dj_multipart_feed(m, DJ_LIT("more"))); /* an error stays */
            break;
        }
    }
    return dj_multipart_end(m, form);
}

static dj_err parse(dj_case *c, dj_str body, dj_form **form)
{
    return parse_cut(c, &usual, body, body.len, form);
}

#define FIELD(name) "--B\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define FILE_PART(name, file)                                                                      \
    "--B\r\nContent-Disposition: form-data; name=\"" name "\"; filename=\"" file "\"\r\n\r\n"

static dj_str filled(dj_case *c, dj_str before, char with, size_t times, dj_str after)
{
    dj_buf b = dj_buf_make(c->scope, (size_t)32 * 1024 * 1024);
    dj_buf_add(&b, before);
    for (size_t i = 0; i < times; i++)
        dj_buf_add_byte(&b, with);
    dj_buf_add(&b, after);
    return dj_buf_str(&b);
}

static size_t open_descriptors(void)
{
    size_t n = 0;
    DIR   *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

DJ_TEST(a_body_means_the_same_however_it_is_cut)
{
    dj_str body = DJ_LIT("pre\n" FIELD("a") "one\r\n\r\n--b\r\r\n" FILE_PART(
        "f", "x.txt") "--\r\n-\r\n"
                      "--B\r\n\r\n--B\r\nnot\r\n" FIELD("b") "2\r\n--B--");
    for (size_t step = 1; step <= body.len; step++) {
        dj_form *form = NULL;
        dj_expect_ok(parse_cut(c, &usual, body, step, &form));
        assert_int_equal(dj_post_names(form), 2);
        dj_expect_str(DJ_LIT("one\r\n\r\n--b\r"), dj_post_get(form, DJ_LIT("a")));
        dj_expect_str(DJ_LIT("2"), dj_post_get(form, DJ_LIT("b")));
        assert_int_equal(dj_file_get(form, DJ_LIT("f"))->size, 5);
    }
}

DJ_TEST(a_header_of_1024_bytes_is_read_and_one_more_is_refused)
{
    dj_form *form = NULL;
    dj_str   head = DJ_LIT("--B\r\nContent-Disposition: form-data; name=\"a\"\r\nX: ");
    size_t   fits = 1024 - (head.len - 3) - 4; /* of the piece, which begins behind the boundary */
    for (size_t step = 1; step < 3000; step += 611) {
        dj_expect_ok(parse_cut(c, &usual, filled(c, head, 'p', fits, DJ_LIT("\r\n\r\nv\r\n--B--")),
                               step, &form));
        dj_expect_str(DJ_LIT("v"), dj_post_get(form, DJ_LIT("a")));
        dj_expect_err(DJ_ERR_MULTIPART,
                      parse_cut(c, &usual,
                                filled(c, head, 'p', fits + 1, DJ_LIT("\r\n\r\nv\r\n--B--")), step,
                                &form));
    }
    /* What is no header at all may have no more bytes either. */
    dj_expect_ok(parse(c, filled(c, DJ_LIT(""), 'x', 1023, DJ_LIT("--B--")), &form));
    dj_expect_err(DJ_ERR_MULTIPART,
                  parse(c, filled(c, DJ_LIT(""), 'x', 1024, DJ_LIT("--B--")), &form));
}

DJ_TEST(limits_count_as_in_django)
{
    dj_form       *form = NULL;
    dj_form_limits limits = usual;
    dj_str         euro = DJ_LIT(FIELD("\xE2\x82\xAC") "12345\r\n--B--");
    limits.memory = 8; /* 5 bytes, a name of one character, 2 */
    dj_expect_ok(parse_cut(c, &limits, euro, 7, &form));
    limits.memory = 7;
    dj_expect_err(DJ_ERR_DATA_TOO_BIG, parse_cut(c, &limits, euro, 7, &form));
    limits.memory = 0;
    dj_expect_err(DJ_ERR_DATA_TOO_BIG,
                  parse_cut(c, &limits, DJ_LIT(FIELD("") "\r\n--B--"), 7, &form));
    limits = usual;
    limits.fields = 0; /* the pieces around count, two are free; a body that ends with its boundary
                          has one less */
    dj_expect_ok(parse_cut(c, &limits, DJ_LIT(FIELD("a") "1\r\n--B"), 7, &form));
    dj_expect_err(DJ_ERR_TOO_MANY_FIELDS,
                  parse_cut(c, &limits, DJ_LIT(FIELD("a") "1\r\n--B\r\n"), 7, &form));
    limits = usual;
    limits.files = 1; /* a file whose name is refused counts */
    dj_expect_err(DJ_ERR_TOO_MANY_FILES,
                  parse_cut(c, &limits,
                            DJ_LIT(FILE_PART("f", "..") "x\r\n" FILE_PART("f", "a") "x\r\n--B--"),
                            7, &form));
}

DJ_TEST(a_file_counts_once_something_follows_its_boundary)
{
    dj_form *form = NULL;
    dj_expect_ok(parse(c, DJ_LIT(FILE_PART("f", "x") "abc\r\n--B"), &form));
    assert_int_equal(dj_file_names(form), 0);
    dj_expect_ok(parse(c, DJ_LIT(FILE_PART("f", "x") "abc\r\n--B-"), &form));
    assert_int_equal(dj_file_get(form, DJ_LIT("f"))->size, 3);
}

DJ_TEST(blanks_before_a_header_name_do_not_matter)
{
    dj_form *form = NULL;
    dj_expect_ok(parse(c,
                       DJ_LIT("--B\r\n\n Content-Disposition: form-data; name=a\r\n\r\n1\r\n"
                              "--B\r\nContent-Disposition : form-data; name=b\r\n\r\n2\r\n--B--"),
                       &form));
    assert_int_equal(dj_post_names(form), 1);
    dj_expect_str(DJ_LIT("1"), dj_post_get(form, DJ_LIT("a")));
}

DJ_TEST(base64_of_files_must_be_whole)
{
    static const struct {
        const char *text, *plain;
    } cases[] = {
        {"aGVsbG8=", "hello"}, {"aG Vs\r\nbG8=", "hello"}, {"aGVs", "hel"}, {"", ""},
        {"aGVsbG8", NULL},     {"aGVs*bG8", NULL},         {"a", NULL},     {"aGVsbG8=x", NULL}};
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        dj_str body = dj_strf(c->scope,
                              "--B\r\nContent-Disposition: form-data; name=f; "
                              "filename=x\r\nContent-Transfer-Encoding: BASE64\r\n\r\n"
                              "%s\r\n--B--",
                              cases[i].text);
        for (size_t step = 1; step <= body.len; step += 5) {
            dj_form *form = NULL;
            dj_err   e = parse_cut(c, &usual, body, step, &form);
            char     out[16];
            size_t   got = 0;
            if (cases[i].plain == NULL) {
                dj_expect_err(DJ_ERR_MULTIPART, e);
                continue;
            }
            dj_expect_ok(e);
            dj_expect_ok(
                dj_upload_read(c->scope, dj_file_get(form, DJ_LIT("f")), 0, out, sizeof out, &got));
            dj_expect_str(dj_str_of(cases[i].plain), dj_str_n(out, got));
        }
    }
}

DJ_TEST(files_share_memory_and_go_to_disk_beyond)
{
    dj_form       *form = NULL;
    dj_form_limits limits = usual;
    size_t         before = open_descriptors(), got = 0;
    char           out[4];
    limits.files_memory = 100000;
    dj_buf b = dj_buf_make(c->scope, 1 << 20);
    dj_buf_add(&b, filled(c, DJ_LIT(FILE_PART("f", "a")), 'a', 60000, DJ_LIT("\r\n")));
    dj_buf_add(&b, filled(c, DJ_LIT(FILE_PART("f", "b")), 'b', 60000, DJ_LIT("\r\n")));
    dj_buf_add(&b, filled(c, DJ_LIT(FILE_PART("f", "c")), 'c', 39000, DJ_LIT("\r\n--B--\r\n")));
    dj_expect_ok(parse_cut(c, &limits, dj_buf_str(&b), 1000, &form));
    assert_int_equal(dj_file_count(form, DJ_LIT("f")), 3);
    assert_int_equal(dj_file_at(form, DJ_LIT("f"), 0)->store->fd, -1);
    assert_true(dj_file_at(form, DJ_LIT("f"), 1)->store->fd >= 0);
    assert_int_equal(dj_file_at(form, DJ_LIT("f"), 2)->store->fd, -1);
    assert_int_equal(open_descriptors(), before + 1);
    for (size_t i = 0; i < 3; i++) {
        const dj_upload *upload = dj_file_at(form, DJ_LIT("f"), i);
        dj_expect_ok(dj_upload_read(c->scope, upload, upload->size - 2, out, sizeof out, &got));
        assert_int_equal(got, 2);
        assert_int_equal(out[1], 'a' + (int)i);
    }
    struct stat st;
    assert_int_equal(fstat(dj_file_at(form, DJ_LIT("f"), 1)->store->fd, &st), 0);
    assert_int_equal(st.st_nlink, 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    dj_scope_reset(c->scope);
    assert_int_equal(open_descriptors(), before);
}

/* As on a full disk: a limit on the size of files, with its signal ignored. */
DJ_TEST(a_full_disk_is_an_error_and_leaves_nothing)
{
    dj_form       *form = NULL;
    dj_form_limits limits = usual;
    struct rlimit  old, small = {.rlim_cur = 4096};
    size_t         before = open_descriptors();
    limits.files_memory = 0;
    dj_str body = filled(c, DJ_LIT(FILE_PART("f", "a")), 'a', 60000, DJ_LIT("\r\n--B--\r\n"));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    dj_err e = parse_cut(c, &limits, body, 5000, &form);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    dj_expect_err(DJ_ERR_NO_SPACE, e);
    assert_int_equal(dj_err_info_of(e)->status, 507);
    assert_true(dj_failure_text(c->scope).len > 0);
    assert_int_equal(open_descriptors(), before);
    limits.temp_dir = DJ_LIT("/nonexistent");
    dj_expect_err(DJ_ERR_IO, parse_cut(c, &limits, body, 5000, &form));
}

DJ_TEST(a_file_in_progress_is_dropped_at_once)
{
    dj_form       *form = NULL;
    dj_form_limits limits = usual;
    size_t         before = open_descriptors();
    limits.files_memory = 0;
    dj_expect_ok(parse_cut(c, &limits, DJ_LIT(FILE_PART("f", "a") "half a fi"), 10, &form));
    assert_int_equal(dj_file_names(form), 0);
    assert_int_equal(open_descriptors(), before);
}

DJ_TEST(the_parser_takes_no_more_memory_than_what_it_keeps)
{
    dj_form       *form = NULL;
    dj_str         chunk = filled(c, DJ_LIT(""), 'x', 65536, DJ_LIT(""));
    dj_form_limits limits = usual;
    dj_multipart  *m;
    limits.files_memory = 1000;
    dj_expect_ok(dj_multipart_new(c->scope, DJ_LIT("B"), DJ_CHARSET_UTF8, &limits, &m));
    dj_expect_ok(dj_multipart_feed(m, DJ_LIT(FILE_PART("f", "a"))));
    size_t before = dj_scope_used(c->scope);
    for (int i = 0; i < 320; i++) /* 20 MiB */
        dj_expect_ok(dj_multipart_feed(m, chunk));
    dj_expect_ok(dj_multipart_feed(m, DJ_LIT("\r\n--B--")));
    dj_expect_ok(dj_multipart_end(m, &form));
    assert_int_equal(dj_file_get(form, DJ_LIT("f"))->size, 320 * 65536);
    assert_true(dj_scope_used(c->scope) - before < 64 * 1024);
}

DJ_TEST(files_without_a_field_are_bounded)
{
    dj_form       *form;
    dj_form_limits limits = usual;
    dj_buf         body = dj_buf_make(c->scope, 1 << 20);
    limits.files = 3;
    for (int i = 0; i < 3; i++)
        dj_buf_add(&body, DJ_LIT("--B\r\nContent-Disposition:x;filename=x\r\n\r\n\r\n"));
    dj_expect_ok(
        parse_cut(c, &limits, dj_str_cat(c->scope, dj_buf_str(&body), DJ_LIT("--B--")), 7, &form));
    dj_buf_add(&body, DJ_LIT("--B\r\nContent-Disposition:x;filename=x\r\n\r\n\r\n"));
    dj_expect_err(
        DJ_ERR_TOO_MANY_FILES,
        parse_cut(c, &limits, dj_str_cat(c->scope, dj_buf_str(&body), DJ_LIT("--B--")), 7, &form));
}

DJ_TEST(boundaries_are_checked)
{
    dj_multipart *m;
    dj_str        bad[] = {DJ_NONE,
                           DJ_LIT(""),
                           DJ_LIT("a "),
                           DJ_LIT("a\tb"),
                           DJ_LIT("\xC3\xA9"),
                           DJ_LIT("a\0b"),
                           filled(c, DJ_LIT(""), 'b', 202, DJ_LIT(""))};
    for (size_t i = 0; i < DJ_COUNT(bad); i++)
        dj_expect_err(DJ_ERR_MULTIPART,
                      dj_multipart_new(c->scope, bad[i], DJ_CHARSET_UTF8, &usual, &m));
    dj_expect_ok(dj_multipart_new(c->scope, filled(c, DJ_LIT(""), 'b', 201, DJ_LIT("")),
                                  DJ_CHARSET_UTF8, &usual, &m));
    dj_expect_ok(dj_multipart_new(c->scope, DJ_LIT(" a b"), DJ_CHARSET_UTF8, &usual, &m));
}

DJ_TEST(long_names_are_cut_before_the_extension)
{
    dj_str name =
        dj_upload_name(c->scope, filled(c, DJ_LIT("\xC3\xA9"), 'n', 400, DJ_LIT(".tar.gz")));
    assert_int_equal(dj_utf8_len(name), 255);
    assert_true(dj_str_ends(name, DJ_LIT("nnn.gz")) && dj_str_starts(name, DJ_LIT("\xC3\xA9nnn")));
    name = dj_upload_name(c->scope, filled(c, DJ_LIT("a."), 'n', 400, DJ_LIT("")));
    assert_int_equal(name.len, 255);
    dj_expect_str(DJ_LIT(".n"), dj_str_first(name, 2));
    assert_int_equal(dj_extension_at(DJ_LIT(".profile")), 8);
    assert_int_equal(dj_extension_at(DJ_LIT("..a.b")), 3);
}

DJ_TESTS(DJ_T(a_body_means_the_same_however_it_is_cut),
         DJ_T(a_header_of_1024_bytes_is_read_and_one_more_is_refused),
         DJ_T(limits_count_as_in_django), DJ_T(a_file_counts_once_something_follows_its_boundary),
         DJ_T(blanks_before_a_header_name_do_not_matter), DJ_T(base64_of_files_must_be_whole),
         DJ_T(files_share_memory_and_go_to_disk_beyond),
         DJ_T(a_full_disk_is_an_error_and_leaves_nothing),
         DJ_T(a_file_in_progress_is_dropped_at_once),
         DJ_T(the_parser_takes_no_more_memory_than_what_it_keeps),
         DJ_T(files_without_a_field_are_bounded), DJ_T(boundaries_are_checked),
         DJ_T(long_names_are_cut_before_the_extension))
