/* tests/http/test_content_type.c - headers with parameters, charsets, character references.
 * Expected values: Django 5.2 (parse_header_parameters) and Python 3.11 (codecs, html.unescape). */
#include "http/http.h"
#include "test.h"

static dj_str param(dj_case *c, const char *text, const char *name)
{
    dj_header_params h;
    dj_expect_ok(dj_header_params_parse(c->scope, dj_str_of(text), &h));
    return dj_header_param_get(&h, dj_str_of(name));
}

DJ_TEST(parameters_are_read_as_django_reads_them)
{
    static const struct {
        const char *text, *name, *value;
    } cases[] = {
        {"text/plain; charset=utf-8", "charset", "utf-8"},
        {"text/plain;;  CharSet = x ;b", "charset", "x"},
        {"a; b=\"c;d\"; e=f", "b", "c;d"},
        {"a; b=\"c\\\";d\"; e=f", "b", "c\";d"},
        {"a; b=\"c\\\\\"; e=f", "b",
         "\"c\\\\\"; e=f"}, /* any backslash before it makes a quote none */
        {"a; b=\"open; e=f", "b", "\"open; e=f"},
        {"a; b=1; b=2", "b", "2"},
        {"a; b*=UTF-8''%c3%a9; b=x", "b", "x"},
        {"a; b*=UTF-8'en'%c3%a9+", "b", "\xC3\xA9+"},
        {"a; b*=latin-1''%e9", "b", "\xC3\xA9"},
        {"a; b*=latin-1''\xC3\xA9%e9", "b", "\xC3\xA9\xC3\xA9"},
        {"a; b*=plain", "b", "plain"},
        {"a; b*=cp1252''%80", "b", "\xE2\x82\xAC"},
        {"a; b=", "b", ""},
        {"a; =x", "", "x"},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        dj_expect_str(dj_str_of(cases[i].value), param(c, cases[i].text, cases[i].name));
    }
    assert_true(dj_str_is_none(param(c, "a; b", "b")));
    assert_true(dj_str_is_none(param(c, "", "b")));
}

DJ_TEST(unknown_charsets_of_parameters_are_errors)
{
    dj_header_params h;
    dj_expect_err(DJ_ERR_MALFORMED, dj_header_params_parse(c->scope, DJ_LIT("a; b*=bogus''x"), &h));
    dj_expect_err(DJ_ERR_MALFORMED,
                  dj_header_params_parse(c->scope, DJ_LIT("a; b*=iso-2022-jp''x"), &h));
    char *long_text = dj_alloc(c->scope, 10001);
    memset(long_text, 'a', 10001);
    dj_expect_ok(dj_header_params_parse(c->scope, dj_str_n(long_text, 10000), &h));
    dj_expect_err(DJ_ERR_MALFORMED,
                  dj_header_params_parse(c->scope, dj_str_n(long_text, 10001), &h));
}

DJ_TEST(charsets_have_pythons_names)
{
    static const char *utf8[] = {"utf-8", "UTF8", "utf_8", " utf 8 ", "u8", "cp65001"};
    static const char *latin[] = {"latin-1", "ISO-8859-1", "iso8859_1", "l1", "cp819", "Latin1"};
    static const char *ascii[] = {"ascii", "US-ASCII", "646", "ansi_x3.4-1968"};
    static const char *unknown[] = {"", "nope", "utf-9",
                                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < DJ_COUNT(utf8); i++)
        assert_int_equal(dj_charset_find(dj_str_of(utf8[i])), DJ_CHARSET_UTF8);
    for (size_t i = 0; i < DJ_COUNT(latin); i++)
        assert_int_equal(dj_charset_find(dj_str_of(latin[i])), DJ_CHARSET_LATIN1);
    for (size_t i = 0; i < DJ_COUNT(ascii); i++)
        assert_int_equal(dj_charset_find(dj_str_of(ascii[i])), DJ_CHARSET_ASCII);
    for (size_t i = 0; i < DJ_COUNT(unknown); i++)
        assert_int_equal(dj_charset_find(dj_str_of(unknown[i])), DJ_CHARSET_UNKNOWN);
    assert_int_equal(dj_charset_find(DJ_NONE), DJ_CHARSET_UNKNOWN);
    assert_int_equal(dj_charset_find(DJ_LIT("shift_jis")), DJ_CHARSET_OTHER);
    assert_int_equal(dj_charset_find(DJ_LIT("utf-16")), DJ_CHARSET_OTHER);
    dj_expect_str(DJ_LIT("a\xD0\x96"),
                  dj_charset_decode(c->scope, dj_charset_find(DJ_LIT("koi8-r")), DJ_LIT("a\xF6")));
    dj_expect_str(
        DJ_LIT("\xD0\x96"),
        dj_charset_decode(c->scope, dj_charset_find(DJ_LIT("windows-1251")), DJ_LIT("\xC6")));
    dj_expect_str(DJ_LIT("a\xEF\xBF\xBD"),
                  dj_charset_decode(c->scope, DJ_CHARSET_ASCII, DJ_LIT("a\xE9")));
}

DJ_TEST(character_references_are_read_as_python_reads_them)
{
    static const struct {
        const char *text, *plain;
    } cases[] = {
        {"a&b", "a&b"},
        {"&amp;#47;", "&#47;"},
        {"&#47;&#x2F&#X2f;", "///"},
        {"&sol;&bsol;", "/\\"},
        {"&notit;", "\xC2\xACit;"},
        {"&lt&gt", "<>"},
        {"&#0;", "\xEF\xBF\xBD"},
        {"&#x80;", "\xE2\x82\xAC"},
        {"&#1;&#x7f;", ""},
        {"&#xD800;", "\xEF\xBF\xBD"},
        {"&", "&"},
        {"&#;&#x;", "&#;&#x;"},
        {"&l", "&l"},
        {"&nLt;", "\xE2\x89\xAA\xE2\x83\x92"},
        {"&#99999999999999999999;", "\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++)
        dj_expect_str(dj_str_of(cases[i].plain),
                      dj_html_unescape(c->scope, dj_str_of(cases[i].text)));
}

DJ_TESTS(DJ_T(parameters_are_read_as_django_reads_them),
         DJ_T(unknown_charsets_of_parameters_are_errors), DJ_T(charsets_have_pythons_names),
         DJ_T(character_references_are_read_as_python_reads_them))
