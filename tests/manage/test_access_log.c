/* tests/manage/test_access_log.c - tests src/manage/access_log.c: the lines of the access log. */
#include "test.h"
#include "manage/manage.h"
#include <jansson.h>

static const dj_access_record record = {
    .time_us = INT64_C(1795369289123456),
    .duration_us = 250,
    .client = DJ_STR_INIT("127.0.0.1"),
    .method = DJ_STR_INIT("GET"),
    .target = DJ_STR_INIT("/a?q=1"),
    .host = DJ_STR_INIT("example.com"),
    .user_agent = DJ_STR_INIT("curl/7.88.1"),
    .minor = 1,
    .status = 200,
    .bytes = 5120,
    .request_id = 7,
    .tls = true,
};

static dj_str line_of(dj_case *c, dj_log_format format, const dj_access_record *r)
{
    dj_buf b = dj_buf_make(c->scope, 64 * 1024);
    dj_access_line(c->scope, &b, format, r);
    assert_false(b.full);
    return dj_buf_str(&b);
}

DJ_TEST(the_combined_format_is_apaches)
{
    dj_expect_str(DJ_LIT("127.0.0.1 - - [22/Nov/2026:17:41:29 +0000] \"GET /a?q=1 HTTP/1.1\" 200 "
                         "5120 \"-\" \"curl/7.88.1\"\n"),
                  line_of(c, DJ_LOG_TEXT, &record));
}

DJ_TEST(a_json_line_is_one_object)
{
    dj_str line = line_of(c, DJ_LOG_JSON, &record);
    assert_int_equal(line.ptr[line.len - 1], '\n');
    json_t *o = json_loadb(line.ptr, line.len, 0, NULL);
    assert_non_null(o);
    assert_string_equal(json_string_value(json_object_get(o, "ts")), "2026-11-22T17:41:29.123456Z");
    assert_string_equal(json_string_value(json_object_get(o, "target")), "/a?q=1");
    assert_int_equal(json_integer_value(json_object_get(o, "status")), 200);
    assert_int_equal(json_integer_value(json_object_get(o, "duration_us")), 250);
    assert_true(json_is_true(json_object_get(o, "tls")));
    json_decref(o);
}

DJ_TEST(no_input_forges_a_line_or_a_field)
{
    dj_access_record r = record;
    r.user_agent = DJ_LIT("x\" 500 1 \"\\\r\n\x1b[2K\xff");
    r.referer = DJ_LIT("\"\n");
    dj_str line = line_of(c, DJ_LOG_TEXT, &r);
    assert_int_equal(dj_str_chr(line, '\n'), line.len - 1);
    assert_true(dj_str_ends(
        line, DJ_LIT("\"\\x22\\x0A\" \"x\\x22 500 1 \\x22\\x5C\\x0D\\x0A\\x1B[2K\\xFF\"\n")));
    line = line_of(c, DJ_LOG_JSON, &r);
    assert_int_equal(dj_str_chr(line, '\n'), line.len - 1);
}

DJ_TEST(values_of_telling_names_are_masked)
{
    dj_access_record r = record;
    r.target = DJ_LIT("/reset?token=s3cret&page=2&Api_Key=k&x=&password");
    r.referer = DJ_LIT("https://u:hunter2@h/?session_token=zzz");
    dj_str line = line_of(c, DJ_LOG_TEXT, &r);
    assert_true(dj_str_has(line, DJ_LIT("/reset?token=***&page=2&Api_Key=***&x=&password HTTP")));
    assert_false(dj_str_has(line, DJ_LIT("hunter2")));
    assert_false(dj_str_has(line, DJ_LIT("zzz")));
}

DJ_TEST(a_line_is_bounded_whatever_is_sent)
{
    char *big = dj_alloc(c->scope, 100001);
    memset(big, '"', 100000);
    dj_access_record r = record;
    r.target = r.referer = r.user_agent = r.method = r.host = dj_str_n(big, 100000);
    assert_true(line_of(c, DJ_LOG_TEXT, &r).len < 32 * 1024);
    assert_true(line_of(c, DJ_LOG_JSON, &r).len < 32 * 1024);
}

DJ_TESTS(DJ_T(the_combined_format_is_apaches), DJ_T(a_json_line_is_one_object),
         DJ_T(no_input_forges_a_line_or_a_field), DJ_T(values_of_telling_names_are_masked),
         DJ_T(a_line_is_bounded_whatever_is_sent))
