/* tests/base/test_str.c - bytes with a length. */
#include "test.h"
#include "donjon/str.h"

DJ_TEST(pieces_come_one_by_one)
{
    dj_str rest = DJ_LIT("a,,b"), piece;
    assert_true(dj_str_next(&rest, ',', &piece));
    dj_expect_str(DJ_LIT("a"), piece);
    assert_true(dj_str_next(&rest, ',', &piece));
    dj_expect_str(DJ_LIT(""), piece);
    assert_true(dj_str_next(&rest, ',', &piece));
    dj_expect_str(DJ_LIT("b"), piece);
    assert_false(dj_str_next(&rest, ',', &piece));
    rest = DJ_LIT("");
    assert_true(dj_str_next(&rest, ',', &piece));
    assert_false(dj_str_next(&rest, ',', &piece));
}

DJ_TEST(integers_are_whole_or_nothing)
{
    int64_t n = 5;
    assert_true(dj_str_to_int(DJ_LIT("-9223372036854775808"), &n));
    assert_true(n == INT64_MIN);
    assert_true(dj_str_to_int(DJ_LIT("9223372036854775807"), &n));
    assert_true(n == INT64_MAX);
    n = 5;
    const char *bad[] = {"",
                         "-",
                         "+1",
                         " 1",
                         "1 ",
                         "0x1",
                         "9223372036854775808",
                         "-9223372036854775809",
                         "99999999999999999999"};
    for (size_t i = 0; i < DJ_COUNT(bad); i++)
        assert_false(dj_str_to_int(dj_str_of(bad[i]), &n));
    assert_int_equal(n, 5);
}

DJ_TEST(utf8_is_strict_and_steps_over_maximal_prefixes)
{
    assert_true(dj_utf8_valid(DJ_LIT("h\xc3\xa9 \xe2\x99\xa5 \xf0\x9f\x98\x80")));
    const char *bad[] = {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                         "\xe2\x99", "\x80",         "\xff"};
    for (size_t i = 0; i < DJ_COUNT(bad); i++)
        assert_false(dj_utf8_valid(dj_str_of(bad[i])));
    size_t pos = 0;
    dj_str s = DJ_LIT("\xf0\x9f\x98z");
    assert_int_equal(dj_utf8_next(s, &pos), -1);
    assert_int_equal(pos, 3);
    for (uint32_t cp = 1; cp < 0x110000; cp += 251) {
        if (cp >= 0xD800 && cp < 0xE000)
            continue;
        char   out[4];
        size_t len = dj_utf8_put(out, cp);
        pos = 0;
        assert_int_equal(dj_utf8_next(dj_str_n(out, len), &pos), cp);
        assert_int_equal(pos, len);
    }
}

DJ_TEST(searching_and_cutting)
{
    dj_str s = DJ_LIT("Content-Type");
    assert_int_equal(dj_str_find(s, DJ_LIT("-T")), 7);
    assert_int_equal(dj_str_chr(s, 'x'), DJ_NOT_FOUND);
    assert_true(dj_str_eq_nocase(s, DJ_LIT("content-type")));
    assert_true(dj_str_starts_nocase(s, DJ_LIT("CONTENT")));
    dj_expect_str(DJ_LIT("a b"), dj_str_trim(DJ_LIT(" \ta b\t ")));
    assert_true(dj_str_cmp(DJ_LIT("a"), DJ_LIT("ab")) < 0);
    dj_expect_str(DJ_LIT("x-y-z"),
                  dj_str_replace(c->scope, DJ_LIT("x..y..z"), DJ_LIT(".."), DJ_LIT("-")));
}

DJ_TESTS(DJ_T(pieces_come_one_by_one), DJ_T(integers_are_whole_or_nothing),
         DJ_T(utf8_is_strict_and_steps_over_maximal_prefixes), DJ_T(searching_and_cutting))
