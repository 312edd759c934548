/* Case and normal forms; what is expected is what Python 3.11 says. */
#include "donjon/unicode.h"
#include "test.h"

static const struct {
    const char *text, *lower, *upper, *title;
} cased[] = {
    {"", "", "", ""},
    {"hello WORLD", "hello world", "HELLO WORLD", "Hello World"},
    {"stra\u00dfe", "stra\u00dfe", "STRASSE", "Stra\u00dfe"},
    {"\u00dfa", "\u00dfa", "SSA", "Ssa"},
    {"\u01c6 \ufb01n", "\u01c6 \ufb01n", "\u01c4 FIN", "\u01c5 Fin"},
    {"\u0130I\u0131i", "i\u0307i\u0131i", "\u0130III", "\u0130i\u0131i"},
    {"\u039f\u0394\u039f\u03a3 \u03a3", "\u03bf\u03b4\u03bf\u03c2 \u03c3",
     "\u039f\u0394\u039f\u03a3 \u03a3", "\u039f\u03b4\u03bf\u03c2 \u03a3"},
    {"\u0390x", "\u0390x", "\u0399\u0308\u0301X", "\u0399\u0308\u0301x"},
    {"\U00010428\U00010400", "\U00010428\U00010428", "\U00010400\U00010400",
     "\U00010400\U00010428"},
    {"a\xff"
     "B",
     "a\ufffd"
     "b",
     "A\ufffd"
     "B",
     "A\ufffd"
     "B"},
};

DJ_TEST(case_is_mapped_in_full)
{
    for (size_t i = 0; i < DJ_COUNT(cased); i++) {
        dj_str text = dj_str_of(cased[i].text);
        dj_expect_str(dj_str_of(cased[i].lower), dj_utf8_lower(c->scope, text));
        dj_expect_str(dj_str_of(cased[i].upper), dj_utf8_upper(c->scope, text));
        dj_expect_str(dj_str_of(cased[i].title), dj_utf8_title(c->scope, text));
    }
}

DJ_TEST(normal_forms)
{
    dj_expect_str(DJ_LIT("\u00e9"), dj_utf8_nfc(c->scope, DJ_LIT("e\u0301")));
    dj_expect_str(DJ_LIT("\uac01"), dj_utf8_nfc(c->scope, DJ_LIT("\u1100\u1161\u11a8")));
    dj_expect_str(DJ_LIT("\u1e69"), dj_utf8_nfc(c->scope, DJ_LIT("s\u0307\u0323")));
    dj_expect_str(DJ_LIT("fi1\u20442e\u0301"),
                  dj_utf8_nfkd(c->scope, DJ_LIT("\ufb01\u00bd\u00e9")));
    dj_expect_str(DJ_LIT("\ufffd"), dj_utf8_nfc(c->scope, DJ_LIT("\xc3")));
    dj_expect_str(DJ_LIT("plain"), dj_utf8_nfkd(c->scope, DJ_LIT("plain")));
    assert_int_equal(dj_cp_combining(0x301), 230);
    assert_int_equal(dj_cp_combining('a'), 0);
    assert_int_equal(dj_cp_combining(0x110000), 0);
}

/* Putting marks in order takes the square of their number; a text that has nothing else is left. */
DJ_TEST(a_letter_with_endless_marks_is_left_alone)
{
    enum { MARKS = 200000 };
    char *text = dj_alloc(c->scope, 2 * MARKS);
    for (size_t i = 0; i < MARKS; i++)
        memcpy(text + 2 * i, i % 2 == 0 ? "\u0301" : "\u0323", 2);
    dj_str got = dj_utf8_nfc(c->scope, dj_str_n(text, 2 * MARKS));
    assert_int_equal(got.len, 2 * MARKS);
}

DJ_TESTS(DJ_T(case_is_mapped_in_full), DJ_T(normal_forms),
         DJ_T(a_letter_with_endless_marks_is_left_alone))
