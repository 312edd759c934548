/* The calendar and the local zone. */
#include "donjon/time.h"
#include "test.h"

DJ_TEST(days_and_dates_are_each_others_inverse)
{
    for (int64_t t = -62135596800; t < 253402300800; t += 86400 * 17 + 12345) { /* years 1-9999 */
        dj_civil at = dj_civil_of(t);
        assert_int_equal(dj_civil_unix(&at), t);
        assert_true(at.day >= 1 && at.day <= dj_days_in_month(at.year, at.month));
    }
}

DJ_TEST(the_local_zone_is_the_one_that_was_set)
{
    dj_zone_time at;
    assert_int_equal(dj_time_zone_set(c->scope, DJ_LIT("Europe/Paris")), DJ_OK);
    dj_zone_at(1720000000, &at); /* July 2024 */
    assert_int_equal(at.utc_offset, 7200);
    assert_true(at.dst);
    assert_string_equal(at.name, "CEST");
    assert_int_equal(dj_time_zone_set(c->scope, DJ_LIT("UTC")), DJ_OK);
    dj_zone_at(1720000000, &at);
    assert_int_equal(at.utc_offset, 0);
    assert_string_equal(at.name, "UTC");
}

DJ_TEST(a_zone_that_the_system_lacks_is_refused)
{
    static const char *const bad[] = {
        "",         "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe",
        "zone.tab", "UTC ",         "EST5EDT,M3.2.0"};
    for (size_t i = 0; i < DJ_COUNT(bad); i++) {
        assert_false(dj_time_zone_exists(c->scope, dj_str_of(bad[i])));
        assert_int_equal(dj_time_zone_set(c->scope, dj_str_of(bad[i])), DJ_ERR_SETTINGS);
    }
    assert_true(dj_time_zone_exists(c->scope, DJ_LIT("America/Argentina/Buenos_Aires")));
}

DJ_TESTS(DJ_T(days_and_dates_are_each_others_inverse), DJ_T(the_local_zone_is_the_one_that_was_set),
         DJ_T(a_zone_that_the_system_lacks_is_refused))
