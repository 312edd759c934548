/* tests/http/test_url.c - percent coding. Expectations are what Python 3.11's urllib.parse and
 * Django 5.2 answer. */
#include "http/http.h"
#include "test.h"

DJ_TEST(quote_keeps_the_unreserved_and_what_is_called_safe)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~";
    for (int b = 0; b < 256; b++) {
        char   byte = (char)b;
        dj_str text = dj_str_n(&byte, 1);
        bool   kept = memchr(unreserved, b, sizeof unreserved - 1) != NULL;
        dj_str escaped = dj_strf(c->scope, "%%%02X", (unsigned)b);
        dj_expect_str(kept ? text : escaped, dj_url_quote(c->scope, text, DJ_LIT("")));
        dj_expect_str(b < 0x80 ? text : escaped,
                      dj_url_quote(c->scope, text, text)); /* `safe` is ASCII's alone */
        dj_buf plus = dj_buf_make(c->scope, 10);
        dj_buf_add_quoted_plus(&plus, text, DJ_LIT(""));
        dj_expect_str(kept ? text : b == ' ' ? DJ_LIT("+") : escaped, dj_buf_str(&plus));
    }
}

DJ_TEST(what_needs_no_quoting_is_not_copied)
{
    dj_str text = DJ_LIT("/a/b-c/");
    assert_true(dj_iri_to_uri(c->scope, text).ptr == text.ptr);
    assert_true(dj_url_escape_path(c->scope, text).ptr == text.ptr);
    assert_true(dj_url_path_decode(c->scope, text).ptr == text.ptr);
    assert_true(dj_url_full_path(c->scope, text, DJ_LIT(""), true).ptr == text.ptr);
    assert_true(dj_url_unquote(c->scope, text).ptr == text.ptr);
}

DJ_TEST(an_iri_becomes_a_uri)
{
    dj_expect_str(DJ_LIT("/%E2%99%A5?a=b%20c&d=%41#%22"),
                  dj_iri_to_uri(c->scope, DJ_LIT("/\xE2\x99\xA5?a=b c&d=%41#\"")));
    dj_expect_str(DJ_LIT("/a%0D%0AX:%20y"), dj_iri_to_uri(c->scope, DJ_LIT("/a\r\nX: y")));
    dj_expect_str(DJ_LIT("/#%[]=:;$&()+,!?*@'~%5C%5E%60%7B%7C%7D%3C%3E"),
                  dj_iri_to_uri(c->scope, DJ_LIT("/#%[]=:;$&()+,!?*@'~\\^`{|}<>")));
}

DJ_TEST(a_path_is_escaped_as_a_path)
{
    dj_expect_str(DJ_LIT("/a%20b%3Bc%3Dd%3F%C3%A9%25"),
                  dj_url_escape_path(c->scope, DJ_LIT("/a b;c=d?\xC3\xA9%")));
    dj_expect_str(DJ_LIT("/a%20b/?x=%C3%A9"),
                  dj_url_full_path(c->scope, DJ_LIT("/a b"), DJ_LIT("x=\xE9"), true));
    dj_expect_str(DJ_LIT("/?x"), dj_url_full_path(c->scope, DJ_LIT("/"), DJ_LIT("x"), true));
}

DJ_TEST(bytes_that_are_not_utf8_stay_percent_coded_in_a_path)
{
    dj_expect_str(DJ_LIT("/%FF\xC3\xA9%C3(%E2%82"),
                  dj_url_path_decode(c->scope, DJ_LIT("/%ff%C3%A9%c3(%E2%82")));
    dj_expect_str(DJ_LIT("/%F5%80"), dj_url_path_decode(c->scope, DJ_LIT("/\xF5%80")));
    dj_expect_str(DJ_LIT("/%4%zz%"), dj_url_path_decode(c->scope, DJ_LIT("/%4%zz%")));
    dj_expect_str(DJ_LIT("/%41"),
                  dj_url_path_decode(c->scope, DJ_LIT("/%2541"))); /* once, not twice */
    dj_expect_str(DJ_LIT("/"), dj_url_path_decode(c->scope, DJ_LIT("")));
}

DJ_TEST(repaired_text_has_one_mark_for_each_bad_sequence)
{
    dj_expect_str(DJ_LIT("a\xEF\xBF\xBD"
                         "b"),
                  dj_utf8_repair(c->scope, DJ_LIT("a\xE2\x82"
                                                  "b")));
    dj_expect_str(DJ_LIT("\xEF\xBF\xBD\xEF\xBF\xBD"), dj_utf8_repair(c->scope, DJ_LIT("\xC0\xAF")));
    dj_expect_str(DJ_LIT("\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"),
                  dj_utf8_repair(c->scope, DJ_LIT("\xED\xA0\x80")));
}

DJ_TESTS(DJ_T(quote_keeps_the_unreserved_and_what_is_called_safe),
         DJ_T(what_needs_no_quoting_is_not_copied), DJ_T(an_iri_becomes_a_uri),
         DJ_T(a_path_is_escaped_as_a_path),
         DJ_T(bytes_that_are_not_utf8_stay_percent_coded_in_a_path),
         DJ_T(repaired_text_has_one_mark_for_each_bad_sequence))
