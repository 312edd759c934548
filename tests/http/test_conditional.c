/* tests/http/test_conditional.c - dates, tags and preconditions beyond the vectors. Expected
 * values: RFC 9110, Django 5.2. */
#include "test.h"
#include "donjon/time.h"
#include "http/caching.h"

#define NOW INT64_C(1767225600) /* 2026-01-01 */

static int64_t date(const char *text)
{
    int64_t t;
    return dj_http_date_parse(dj_str_of(text), NOW, &t) ? t : INT64_MIN;
}

DJ_TEST(the_three_forms_of_the_rfc_are_one_date)
{
    assert_int_equal(date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
    assert_int_equal(date("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
    assert_int_equal(date("Sun Nov  6 08:49:37 1994"), 784111777);
    assert_int_equal(date("xyz, 06 nOV 1994 08:49:37 GMT"), 784111777);
}

DJ_TEST(a_short_year_is_at_most_50_years_ahead)
{
    assert_int_equal(date("Thursday, 01-Jan-76 00:00:00 GMT"), INT64_C(3345062400)); /* 2076 */
    assert_int_equal(date("Saturday, 01-Jan-77 00:00:00 GMT"), 220924800);           /* 1977 */
    assert_int_equal(date("Thu, 01 Jan 0026 00:00:00 GMT"), NOW);
}

DJ_TEST(what_is_no_date_is_refused)
{
    static const char *const bad[] = {
        "",
        "yesterday",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Su, 06 Nov 1994 08:49:37 GMT",
        "Sundayyyyy, 06-Nov-94 08:49:37 GMT",
        "Sun, 06 Nov 199- 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
    };
    for (size_t i = 0; i < DJ_COUNT(bad); i++)
        assert_int_equal(date(bad[i]), INT64_MIN);
    assert_int_equal(date("Tue, 29 Feb 2000 08:49:37 GMT"), 951814177);
}

DJ_TEST(every_date_that_is_written_is_read_back)
{
    for (int64_t t = -INT64_C(50000000000); t < INT64_C(200000000000);
         t += INT64_C(86400) * 97 + 12345)
        assert_int_equal(date(dj_cstr(c->scope, dj_http_date_str(c->scope, t))), t);
}

DJ_TEST(a_tag_is_quoted_and_may_be_weak)
{
    assert_true(dj_is_etag(DJ_LIT("\"\"")) && dj_is_etag(DJ_LIT("\"a\"")) &&
                dj_is_etag(DJ_LIT("W/\"a,b\"")));
    assert_false(dj_is_etag(DJ_LIT("")) || dj_is_etag(DJ_LIT("\"")) || dj_is_etag(DJ_LIT("W/")) ||
                 dj_is_etag(DJ_LIT("a")));
    assert_false(dj_is_etag(DJ_LIT("w/\"a\"")) || dj_is_etag(DJ_LIT("\"a\"b\"")) ||
                 dj_is_etag(DJ_LIT("W/W/\"a\"")));
}

static dj_verdict decide(const char *match, const char *none_match, const char *etag, bool safe)
{
    dj_preconditions asked = {.if_match = dj_str_of(match), .if_none_match = dj_str_of(none_match)};
    dj_validators    have = {.etag = dj_str_of(etag)};
    return dj_preconditions_decide(&asked, &have, safe, NOW);
}

DJ_TEST(if_match_is_strong_and_if_none_match_weak)
{
    assert_int_equal(decide("\"a\"", NULL, "\"a\"", true), DJ_VERDICT_GO_ON);
    assert_int_equal(decide("W/\"a\"", NULL, "W/\"a\"", true), DJ_VERDICT_FAILED);
    assert_int_equal(decide("*", NULL, NULL, true), DJ_VERDICT_FAILED);
    assert_int_equal(decide(NULL, "W/\"a\"", "\"a\"", true), DJ_VERDICT_NOT_MODIFIED);
    assert_int_equal(decide(NULL, "\"a\"", "W/\"a\"", false), DJ_VERDICT_FAILED);
    assert_int_equal(decide(NULL, "*", NULL, false), DJ_VERDICT_GO_ON);
    assert_int_equal(decide("nonsense", "nonsense", "\"a\"", true), DJ_VERDICT_GO_ON);
}

DJ_TEST(tags_outrank_dates)
{
    dj_validators    have = {.etag = DJ_LIT("\"a\""), .last_modified = NOW};
    dj_preconditions old = {.if_match = DJ_LIT("\"a\""),
                            .if_unmodified_since = DJ_LIT("Wed, 31 Dec 2025 23:59:59 GMT")};
    assert_int_equal(dj_preconditions_decide(&old, &have, true, NOW), DJ_VERDICT_GO_ON);
    old.if_match = DJ_NONE;
    assert_int_equal(dj_preconditions_decide(&old, &have, true, NOW), DJ_VERDICT_FAILED);
    dj_preconditions same = {.if_none_match = DJ_LIT("\"b\""),
                             .if_modified_since = DJ_LIT("Thu, 01 Jan 2026 00:00:00 GMT")};
    assert_int_equal(dj_preconditions_decide(&same, &have, true, NOW), DJ_VERDICT_GO_ON);
    same.if_none_match = DJ_NONE;
    assert_int_equal(dj_preconditions_decide(&same, &have, true, NOW), DJ_VERDICT_NOT_MODIFIED);
    assert_int_equal(dj_preconditions_decide(&same, &have, false, NOW), DJ_VERDICT_GO_ON);
}

DJ_TESTS(DJ_T(the_three_forms_of_the_rfc_are_one_date),
         DJ_T(a_short_year_is_at_most_50_years_ahead), DJ_T(what_is_no_date_is_refused),
         DJ_T(every_date_that_is_written_is_read_back), DJ_T(a_tag_is_quoted_and_may_be_weak),
         DJ_T(if_match_is_strong_and_if_none_match_weak), DJ_T(tags_outrank_dates))
