/* tests/manage/test_collectstatic.c - links inside CSS and JavaScript. Expected values: the regular
 * expressions of Django 5.2 (contrib/staticfiles/storage.py). */
#include "test.h"
#include "manage/collectstatic.h"

/* Every link that starts with 'k' is kept, "bad" is an error, the others get an x in front. */
static dj_err mark(void *ctx, dj_str url, dj_str *replacement)
{
    dj_case *c = ctx;
    if (dj_str_eq(url, DJ_LIT("bad")))
        return dj_fail(c->scope, DJ_ERR_MISSING, "bad");
    if (!dj_str_starts(url, DJ_LIT("k")))
        *replacement = dj_str_cat(c->scope, DJ_LIT("x"), url);
    return DJ_OK;
}

static dj_str rewritten(dj_case *c, dj_static_language language, const char *text)
{
    dj_str out = DJ_NONE;
    size_t line = 0;
    dj_expect_ok(dj_static_rewrite(c->scope, language, dj_str_of(text), mark, c, &out, &line));
    return out;
}

DJ_TEST(links_of_css)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"url(a)", "url(\"xa\")"},
        {"url('a') url(\"b\")", "url(\"xa\") url(\"xb\")"},
        {"URL( a )", "url(\"xa \")"},
        {"url(\n'a')", "url(\"x'a'\")"},
        {"url(' \n a')", "url(\"xa\")"},
        {"url(a\nb) url(c)", "url(a\nb) url(\"xc\")"},
        {"url(\"a)", "url(\"x\"a\")"},
        {"url('a\")", "url(\"x'a\"\")"},
        {"url(\"a) url(\"b\")", "url(\"xa) url(\"b\")"},
        {"url(keep) url(", "url(keep) url("},
        {"url()", "url(\"x\")"},
        {"urlurl(a)", "urlurl(\"xa\")"},
        {"@import 'a';", "@import url(\"xa\");"},
        {"@IMPORT\n\"a\" print;", "@import url(\"xa\") print;"},
        {"@import 'a\";", "@import url(\"xa\");"},
        {"@import url(a);", "@import url(\"xa\");"},
        {"@import 'a\n'", "@import 'a\n'"},
        {"@import 'k'", "@import 'k'"},
        {"/* url(a) @import 'b' */ url(c)", "/* url(a) @import 'b' */ url(\"xc\")"},
        {"/* url(a)", "/* url(\"xa\")"},
        {"/*/ url(a) */ url(b)", "/*/ url(a) */ url(\"xb\")"},
        {"// url(a)", "// url(\"xa\")"},
        {"/*# sourceMappingURL=a.map */", "/*# sourceMappingURL=xa.map  */"},
        {"a\n/*#\tsourceMappingURL=a*/\nb", "a\n/*# sourceMappingURL=xa */\nb"},
        {" /*# sourceMappingURL=a */", " /*# sourceMappingURL=a */"},
        {"/*# sourceMappingURL=a */ ", "/*# sourceMappingURL=a */ "},
        {"/*# SOURCEMAPPINGURL=a */", "/*# SOURCEMAPPINGURL=a */"},
        {"", ""},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++)
        dj_expect_str(dj_str_of(cases[i].want), rewritten(c, DJ_STATIC_CSS, cases[i].text));
}

DJ_TEST(links_of_scripts)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"url(a)\n//# sourceMappingURL=a.map", "url(a)\n//# sourceMappingURL=xa.map"},
        {"//# sourceMappingURL=a\r\nb", "//# sourceMappingURL=xa\r\nb"},
        {"x //# sourceMappingURL=a", "x //# sourceMappingURL=a"},
        {"/*\n//# sourceMappingURL=a\n*/", "/*\n//# sourceMappingURL=a\n*/"},
        {"import a from './a.js';", "import a from './a.js';"},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++)
        dj_expect_str(dj_str_of(cases[i].want), rewritten(c, DJ_STATIC_JS, cases[i].text));
}

DJ_TEST(an_error_says_the_line)
{
    dj_str out = DJ_NONE;
    size_t line = 0;
    dj_expect_err(DJ_ERR_MISSING,
                  dj_static_rewrite(c->scope, DJ_STATIC_CSS, DJ_LIT("a\nurl(b)\nurl(bad)\n"), mark,
                                    c, &out, &line));
    assert_int_equal(line, 3);
}

DJ_TEST(many_unfinished_links_cost_no_more_than_few)
{
    /* quadratic, this would be 10^11 steps */
    const size_t n = 400000;
    char        *text = dj_alloc_raw(c->scope, n * 5);
    dj_str       out = DJ_NONE;
    size_t       line = 0;
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * 5, "url(\"", 5);
    dj_expect_ok(
        dj_static_rewrite(c->scope, DJ_STATIC_CSS, dj_str_n(text, n * 5), mark, c, &out, &line));
    assert_int_equal(out.len, n * 5);
}

DJ_TESTS(DJ_T(links_of_css), DJ_T(links_of_scripts), DJ_T(an_error_says_the_line),
         DJ_T(many_unfinished_links_cost_no_more_than_few))
