/* tests/http/test_files.c - ranges, codings, types and names of files. Expected values: RFC 9110,
 * RFC 6266, Django 5.2 (content_disposition_header). */
#include "test.h"
#include "http/files.h"

static dj_range_verdict decide(const char *text, uint64_t size, dj_range *out)
{
    *out = (dj_range){77, 77};
    return dj_range_decide(dj_str_of(text), size, out);
}

DJ_TEST(one_range_is_a_part)
{
    static const struct {
        const char *text;
        uint64_t    size, from, len;
    } good[] = {
        {"bytes=0-0", 10, 0, 1},   {"bytes=0-9", 10, 0, 10},
        {"bytes=2-", 10, 2, 8},    {"bytes=9-", 10, 9, 1},
        {"bytes=5-99", 10, 5, 5},  {"bytes=-3", 10, 7, 3},
        {"bytes=-99", 10, 0, 10},  {"BYTES=1-2", 10, 1, 2},
        {"bytes= 1-2 ", 10, 1, 2}, {"bytes=3-99999999999999999999999999", 10, 3, 7},
    };
    for (size_t i = 0; i < DJ_COUNT(good); i++) {
        dj_range part;
        assert_int_equal(decide(good[i].text, good[i].size, &part), DJ_RANGE_PART);
        assert_int_equal(part.from, good[i].from);
        assert_int_equal(part.len, good[i].len);
    }
}

DJ_TEST(what_is_no_single_range_gets_the_whole)
{
    static const char *const whole[] = {
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1-0",
        "bytes=0-1,3-4",
        "items=0-1",
        "bytes=0x1-2",
        "bytes=+1-2",
        "bytes=1 - 2",
        "bytes=--1",
        "bytes=0-1-2",
        "bytes = 0-1",
    };
    dj_range part;
    for (size_t i = 0; i < DJ_COUNT(whole); i++)
        assert_int_equal(decide(whole[i], 10, &part), DJ_RANGE_WHOLE);
    assert_int_equal(dj_range_decide(DJ_NONE, 10, &part), DJ_RANGE_WHOLE);
    assert_int_equal(decide("bytes=-5", 0, &part), DJ_RANGE_WHOLE);
}

DJ_TEST(a_range_behind_the_end_is_unsatisfiable)
{
    dj_range part;
    assert_int_equal(decide("bytes=10-", 10, &part), DJ_RANGE_UNSATISFIABLE);
    assert_int_equal(decide("bytes=10-20", 10, &part), DJ_RANGE_UNSATISFIABLE);
    assert_int_equal(decide("bytes=-0", 10, &part), DJ_RANGE_UNSATISFIABLE);
    assert_int_equal(decide("bytes=0-", 0, &part), DJ_RANGE_UNSATISFIABLE);
    assert_int_equal(decide("bytes=99999999999999999999-", 10, &part), DJ_RANGE_UNSATISFIABLE);
}

DJ_TEST(if_range_wants_the_same_strong_tag_or_the_same_date)
{
    const int64_t now = INT64_C(1767225600);
    dj_validators have = {.etag = DJ_LIT("\"a\""), .last_modified = 784111777};
    assert_true(dj_if_range_holds(DJ_LIT("\"a\""), &have, now));
    assert_false(dj_if_range_holds(DJ_LIT("\"b\""), &have, now));
    assert_false(dj_if_range_holds(DJ_LIT("W/\"a\""), &have, now));
    assert_true(dj_if_range_holds(DJ_LIT("Sun, 06 Nov 1994 08:49:37 GMT"), &have, now));
    assert_false(dj_if_range_holds(DJ_LIT("Sun, 06 Nov 1994 08:49:38 GMT"), &have, now));
    assert_false(dj_if_range_holds(DJ_LIT("rubbish"), &have, now));
    have.etag = DJ_LIT("W/\"a\"");
    assert_false(dj_if_range_holds(DJ_LIT("W/\"a\""), &have, now));
}

DJ_TEST(the_best_coding_that_is_there)
{
    const unsigned all = 7, gzip = 1u << DJ_CODING_GZIP;
    static const struct {
        const char *accept;
        dj_coding   want;
    } cases[] = {
        {"gzip, deflate, br", DJ_CODING_BR},
        {"gzip", DJ_CODING_GZIP},
        {"x-GZIP", DJ_CODING_GZIP},
        {"br;q=0.5, gzip;q=0.8", DJ_CODING_GZIP},
        {"br;q=0.8, gzip;q=0.8", DJ_CODING_BR},
        {"br;q=0, gzip;q=0", DJ_CODING_IDENTITY},
        {"*", DJ_CODING_BR},
        {"*;q=0.1, br;q=0", DJ_CODING_GZIP},
        {"identity, gzip;q=0.5", DJ_CODING_IDENTITY},
        {"identity;q=0.4, gzip;q=0.5", DJ_CODING_GZIP},
        {"br;q=2", DJ_CODING_IDENTITY},
        {"br;q=0.001", DJ_CODING_BR},
        {"br ; q=1.000", DJ_CODING_BR},
        {"br;level=9", DJ_CODING_IDENTITY},
        {"deflate", DJ_CODING_IDENTITY},
        {"", DJ_CODING_IDENTITY},
        {",,;,", DJ_CODING_IDENTITY},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++)
        assert_int_equal(dj_coding_choose(dj_str_of(cases[i].accept), all), cases[i].want);
    assert_int_equal(dj_coding_choose(DJ_NONE, all), DJ_CODING_IDENTITY);
    assert_int_equal(dj_coding_choose(DJ_LIT("br, gzip;q=0.1"), gzip), DJ_CODING_GZIP);
    assert_int_equal(dj_coding_choose(DJ_LIT("br, gzip"), 1), DJ_CODING_IDENTITY);
}

DJ_TEST(types_come_from_the_table)
{
    dj_expect_str(DJ_LIT("text/css; charset=utf-8"), dj_media_type_of(DJ_LIT("a/b.CSS"))->type);
    dj_expect_str(DJ_LIT("image/svg+xml; charset=utf-8"), dj_media_type_of(DJ_LIT("x.svg"))->type);
    static const char *const unknown[] = {"css", ".css", "a.", "a.css/b", "a.b.cssx", ""};
    for (size_t i = 0; i < DJ_COUNT(unknown); i++)
        dj_expect_str(DJ_LIT("application/octet-stream"),
                      dj_media_type_of(dj_str_of(unknown[i]))->type);
    assert_true(dj_media_type_is_active(DJ_LIT("image/svg+xml")));
    assert_true(dj_media_type_is_active(DJ_LIT("Text/HTML ; charset=utf-8")));
    assert_true(dj_media_type_is_active(DJ_LIT("")));
    assert_false(dj_media_type_is_active(DJ_LIT("text/plain; charset=utf-8")));
    assert_false(dj_media_type_is_active(DJ_LIT("image/png")));
}

DJ_TEST(names_for_the_client_as_django_writes_them)
{
    dj_scope *s = c->scope;
    assert_true(dj_str_is_none(dj_content_disposition(s, false, DJ_NONE)));
    dj_expect_str(DJ_LIT("attachment"), dj_content_disposition(s, true, DJ_NONE));
    dj_expect_str(DJ_LIT("inline; filename=\"example.png\""),
                  dj_content_disposition(s, false, DJ_LIT("example.png")));
    dj_expect_str(DJ_LIT("attachment; filename=\"\\\"esp\\\\ecial\\\" name\""),
                  dj_content_disposition(s, true, DJ_LIT("\"esp\\ecial\" name")));
    dj_expect_str(DJ_LIT("attachment; filename*=utf-8''%C2%ABplay%C2%BB/a%20b.ogg"),
                  dj_content_disposition(s, true, DJ_LIT("\xc2\xabplay\xc2\xbb/a b.ogg")));
}

DJ_TESTS(DJ_T(one_range_is_a_part), DJ_T(what_is_no_single_range_gets_the_whole),
         DJ_T(a_range_behind_the_end_is_unsatisfiable),
         DJ_T(if_range_wants_the_same_strong_tag_or_the_same_date),
         DJ_T(the_best_coding_that_is_there), DJ_T(types_come_from_the_table),
         DJ_T(names_for_the_client_as_django_writes_them))
