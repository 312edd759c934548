/* tests/template/test_context.c - where a value lands, and what is printed there. Beyond the
 * vectors: the corners where a browser and a simpler reader of HTML disagree. */
#include "template/inside.h"
#include "template/place.h"
#include "test.h"

/* Prints the page with `value` for each "@", or "refused". */
static dj_str page(dj_scope *s, const char *template, const char *value, dj_safety safety)
{
    dj_run   run = {.scope = s};
    dj_out   out = dj_out_make(s, 1 << 20);
    dj_place at = dj_place_start();
    dj_str   rest = dj_str_of(template), text;
    dj_var   v = dj_var_made(dj_str_of(value), safety);
    dj_print how = {.escape = true, .contextual = true};
    for (bool first = true; dj_str_next(&rest, '@', &text); first = false) {
        bool failsafe = false;
        if (!first && dj_place_print(&run, &at, &v, &how, &out, &failsafe) != DJ_OK)
            return DJ_LIT("refused");
        at = dj_place_after(at, text);
        dj_out_add(&out, text);
    }
    return dj_out_str(&out);
}

typedef struct row {
    const char *template, *value, *want;
} row;

static void expect_rows(dj_scope *s, const row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dj_str got = page(s, rows[i].template, rows[i].value, DJ_UNSAFE);
        if (!dj_str_eq(got, dj_str_of(rows[i].want)))
            fail_msg("%s with %s\nwant %s\ngot  %.*s", rows[i].template, rows[i].value,
                     rows[i].want, DJ_ARG(got));
    }
}
#define EXPECT_ROWS(rows) expect_rows(c->scope, (rows), DJ_COUNT(rows))

static const char *const pages[] = {
    "<!doctype html><html lang=en><head><meta http-equiv=\"refresh\" content=\"0; url='/x?a=1'\">"
    "<title>a</b></title><script type=\" Text/JavaScript; x\">var a = b/c/d, e = /[/\"]\\//g;\n"
    "-->c\n`a${b + `c${ {d: 1} }`}` // x\n\"</script >\"</script><style>p{a:url( 'b?c' )}/* ' */"
    "q{content:\"\\41 \\\"\"}</style></head><body onload=\"f('a&quot;b&#39;&#x27;&amp;x')\">",
    "<script><!-- <script> var a = '<'; </script> x --> y</script><textarea></p></textarea ><p>x",
    "<a/href=x/y title='b'class=\"c\"data-url = http://h/?q#f xlink:href=\"java&#115;cript:x\">z",
    "<a href=\"&lt;&ltx&lt=&quot&colon;&#00058;&#x3A;&nosuch;&\" onclick=\"a&&b /c/ d\">",
    "<!-- a -- b --!> c <!--> d <!---> e <!-- f ---> <?php > g </> </3> <3 > </p x='>'>",
    "<script type=text/x-template><style>p</style><b title=\"</script>\"></script> ok <xmp>",
    "<iframe srcdoc=\"<p title='>'>a</p><script>b\"></iframe><img srcset=\"a 1x, b 2x\">",
    "<p style=\"background:url(&quot;a&quot;);font:'b\\'c'\">\xC3\xA9\xE2\x80\xA8</p>",
    "<script>a\xE2\x80\xA8-->b\n in /x/; c\xC2\xA0/d/e; \xE3\x80\x80/f\"/ ; x++ /y</script>",
    "<script>z = + /w/\n</script>",
};

DJ_TEST(where_a_chunk_ends_makes_no_difference)
{
    for (size_t i = 0; i < DJ_COUNT(pages); i++) {
        dj_str   all = dj_str_of(pages[i]);
        dj_place whole = dj_place_after(dj_place_start(), all), bytes = dj_place_start();
        for (size_t cut = 0; cut <= all.len; cut++) {
            dj_place half = dj_place_after(dj_place_start(), dj_str_first(all, cut)),
                     both = dj_place_after(half, dj_str_from(all, cut));
            assert_memory_equal(&half, &bytes, sizeof half);
            assert_memory_equal(&both, &whole, sizeof both);
            bytes = dj_place_after(bytes, dj_str_first(dj_str_from(all, cut), 1));
        }
    }
}

DJ_TEST(markup_is_read_as_browsers_read_it)
{
    static const row rows[] = {
        {"<a/href=\"@\">", "javascript:x", "<a/href=\"#ZdonjonZ\">"},
        {"<a title=\"x\"href=\"@\">", "javascript:x", "<a title=\"x\"href=\"#ZdonjonZ\">"},
        {"<a HREF\n=\n'@'>", "data:x", "<a HREF\n=\n'#ZdonjonZ'>"},
        {"<scr", "", "<scr"},
        {"<!--> <script>@</script>", "alert(1)", "<!--> <script>\"alert(1)\"</script>"},
        {"<!-- --!> <script>@</script>", "x", "<!-- --!> <script>\"x\"</script>"},
        {"<!-- <script> @ </script> -->", "<b>", "<!-- <script> &lt;b&gt; </script> -->"},
        {"<script><!-- <script> @ </script> @ --></script>@", "a",
         "<script><!-- <script>  </script>  --></script>a"},
        {"<script><!-- <script>\n@\n// </script>\n@\n--></script>@", "a",
         "<script><!-- <script>\n\"a\"\n// </script>\n\"a\"\n--></script>a"},
        {"<script>s = '</script>' + @", "<", "<script>s = '</script>' + &lt;"},
        {"<textarea></textareas>@</textarea><a href='@'>", "b:c",
         "<textarea></textareas>b:c</textarea><a href='#ZdonjonZ'>"},
        {"<script type=\"\">x = @</script>", "a", "<script type=\"\">x = \"a\"</script>"},
        {"<script type=text/x><b title='@'>@</b></script><script>@</script>", "'",
         "<script type=text/x><b title='&#x27;'>&#x27;</b></script><script>\"'\"</script>"},
        {"<script type=text/x type=module>@</script>", "'",
         "<script type=text/x type=module>&#x27;</script>"},
        {"<script type=module type=text/x>@</script>", "'",
         "<script type=module type=text/x>\"'\"</script>"},
        {"<script type=text/x><a title='</script><script>@</script>", "a",
         "<script type=text/x><a title='</script><script>\"a\"</script>"},
        {"<script src=x></script>@", "<", "<script src=x></script>&lt;"},
        {"</script href='@'>", "a:b", "</script href='#ZdonjonZ'>"},
        {"<meta content=\"5;url=@\">", "javascript:x", "<meta content=\"5;url=#ZdonjonZ\">"},
        {"<meta content=\"5;URL = '@'\">", "javascript:x",
         "<meta content=\"5;URL = '#ZdonjonZ'\">"},
        {"<meta content=\"@\">", "a b", "<meta content=\"a b\">"},
        {"<div content=\"url=@\">", "a:b", "<div content=\"url=a:b\">"},
        {"<a data-on=\"@\" xmlns:q=\"@\" x:onclick=\"@\">", "a:b",
         "<a data-on=\"&quot;a:b&quot;\" xmlns:q=\"#ZdonjonZ\" x:onclick=\"&quot;a:b&quot;\">"},
        {"<a security=\"@\" srclang=\"@\">", "a:b", "<a security=\"#ZdonjonZ\" srclang=\"a:b\">"},
    };
    EXPECT_ROWS(rows);
}

DJ_TEST(a_value_makes_no_tag_and_no_name_of_its_own)
{
    static const row rows[] = {
        {"<@>", "script", "<&#115;cript>"},
        {"<@>", "img src=x onerror=alert(1)", "<&#105;mg src=x onerror=alert(1)>"},
        {"<@>", "/p", "<&#47;p>"},
        {"</@>", "p", "</&#112;>"},
        {"<!@>", "--", "<!&#45;->"},
        {"1 <@", "2", "1 <2"},
        {"a<@", "A<", "a<A&lt;"}, /* as Django has it: no browser knows such a tag */
        {"<h@>", "1", "<h1>"},
        {"<h@>", "r", "<hZdonjonZ>"},
        {"<my-@>", "kind", "<my-kind>"},
        {"<s@>", "cript", "<sZdonjonZ>"},
        {"<b @>", "disabled", "<b disabled>"},
        {"<b @@=\"x\">", "o", "<b oo=\"x\">"},
        {"<b on@=\"f('@')\">", "click", "<b onclick=\"f('click')\">"},
        {"<b data-@=\"@\">", "src", "<b data-ZdonjonZ=\"src\">"},
        {"<b data-@=\"@\">", "id", "<b data-id=\"id\">"},
        {"<b x@=\"@\">", "src", "<b xZdonjonZ=\"src\">"},
    };
    EXPECT_ROWS(rows);
    /* o + nclick */
    dj_run   run = {.scope = c->scope};
    dj_out   out = dj_out_make(c->scope, 1000);
    dj_place at = dj_place_after(dj_place_start(), DJ_LIT("<p "));
    dj_print how = {.escape = true, .contextual = true};
    bool     failsafe = false;
    dj_var   o = dj_var_str(DJ_LIT("o")), nclick = dj_var_str(DJ_LIT("nclick"));
    dj_expect_ok(dj_place_print(&run, &at, &o, &how, &out, &failsafe));
    assert_false(failsafe);
    dj_expect_ok(dj_place_print(&run, &at, &nclick, &how, &out, &failsafe));
    assert_true(failsafe);
    dj_expect_str(DJ_LIT("oZdonjonZ"), dj_out_str(&out));
}

DJ_TEST(a_value_ends_no_comment)
{
    static const row rows[] = {
        {"<!-- @> @ -->", "--", "<!-- -&#45;> -&#45; -->"},
        {"<!--@>x", "-", "<!--&#45;>x"},
        {"<!-- --@>", "!", "<!-- --&#33;>"},
        {"<!-- @ -->", "a! - b", "<!-- a! - b -->"},
        {"<!-- @ -->", "-->", "<!-- --&gt; -->"},
    };
    EXPECT_ROWS(rows);
}

DJ_TEST(a_value_goes_on_with_no_character_reference)
{
    static const row rows[] = {
        {"<a onclick=\"f('?a=1&@')\">", "quot;", "<a onclick=\"f('?a=1&\\u0071uot;')\">"},
        {"<a onclick=\"f('?a=1&@')\">", "#39;", "<a onclick=\"f('?a=1&\\u002339;')\">"},
        {"<a onclick=\"f('&#@;')\">", "39", "<a onclick=\"f('&#\\u00339;')\">"},
        {"<a onclick=\"f('&quo@')\">", "t;", "<a onclick=\"f('&quo\\u0074;')\">"},
        {"<a onclick=\"f('&quot;@')\">", "t;", "<a onclick=\"f('&quot;t;')\">"},
        {"<a onclick=\"f(&#39@)\">", "a", "<a onclick=\"f(&#39\\u0061)\">"},
        {"<p style=\"a: '&@'\">", "quot;", "refused"},
        {"<p title=\"&@\">", "lt;", "<p title=\"&lt;\">"},
        {"<a href=\"/?a=1&@=2\">", "b", "<a href=\"/?a=1&b=2\">"},
    };
    EXPECT_ROWS(rows);
}

DJ_TEST(a_value_goes_on_with_no_end_tag)
{
    static const row rows[] = {
        {"<script>x = \"</@>\";", "script", "<script>x = \"</\\u0073cript>\";"},
        {"<script>x = \"</scr@>\";", "ipt", "<script>x = \"</scr\\u0069pt>\";"},
        {"<script>x = \"<@>\";", "!--", "<script>x = \"<\\u0021-->\";"},
        {"<script>x = \"<b>@\";", "i", "<script>x = \"<b>i\";"},
        {"<title></titl@></title>", "e", "<title></titl&#101;></title>"},
        {"<title>a</@></title>", "b", "<title>a</&#98;></title>"},
        {"<style>a { b: '</styl@>' }", "e", "refused"},
        {"<script type=text/x></scr@>", "ipt", "<script type=text/x></scrZdonjonZ>"},
    };
    EXPECT_ROWS(rows);
}

DJ_TEST(no_scheme_comes_together_from_pieces)
{
    static const row rows[] = {
        {"<a href=\"@:x\">", "javascript", "<a href=\"javascript:x\">"},
        {"<a href=\"@:@\">", "javascript", "refused"},
        {"<a href=\"@:@\">", "tel", "<a href=\"tel:tel\">"},
        {"<a href=\"java@\">", "script:alert(1)", "<a href=\"java#ZdonjonZ\">"},
        {"<a href=\"java@:@\">", "script", "refused"},
        {"<a href=\"javascript:f('@')\">", "x", "refused"},
        {"<a href=\" JAVA&Tab;script&colon;f('@')\">", "x", "refused"},
        {"<a href=\"&#1;@\">", "javascript:x", "<a href=\"&#1;#ZdonjonZ\">"},
        {"<a href=\"http://@\">", "h:80", "<a href=\"http://h:80\">"},
        {"<a href=\"jav@\">", "x", "<a href=\"javx\">"},
        {"<a href=\"/javascript:@\">", "x", "<a href=\"/javascript:x\">"},
    };
    EXPECT_ROWS(rows);
}

DJ_TEST(javascript_is_followed)
{
    static const row rows[] = {
        {"<script>a = b / @ / c; d = \"@\"", "x", "<script>a = b / \"x\" / c; d = \"x\""},
        {"<script>a = /@/ / b", ".", "<script>a = /\\./ / b"},
        {"<script>x = a++ / @", "1", "<script>x = a++ / \"1\""},
        {"<script>x = + /@/", "1", "<script>x = + /1/"},
        {"<script>x = a.in / @", "1", "<script>x = a.in / \"1\""},
        {"<script>return /@/", "1", "<script>return /1/"},
        {"<script>f(x) /@", "1", "<script>f(x) /\"1\""},
        {"<script>1. / @", "1", "<script>1. / \"1\""},
        {"<script>a\xC2\xA0/@", "1", "<script>a\xC2\xA0/\"1\""},
        {"<script>// it's\xE2\x80\xA8@", "x", "<script>// it's\xE2\x80\xA8\"x\""},
        {"<script>a <!-- b '\n@", "x", "<script>a <!-- b '\n\"x\""},
        {"<script>\n  --> b '\n@", "x", "<script>\n  --> b '\n\"x\""},
        {"<script>while (n --> @)", "0", "<script>while (n --> \"0\")"},
        {"<script>`a${b}c`; @", "x", "<script>`a${b}c`; \"x\""},
        {"<script>`<ul>${l.map(i => `<li>${f({a: i})}</li>`)}</ul>`; @", "x",
         "<script>`<ul>${l.map(i => `<li>${f({a: i})}</li>`)}</ul>`; \"x\""},
        {"<script>`a @`", "x", "refused"},
        {"<script>`a ${@}`", "x", "refused"},
        {"<script>`${`${`${1}`}`}` @", "x", "refused"},
        {"<script>`${`${`${1}`}`}`</script>@", "<", "<script>`${`${`${1}`}`}`</script>&lt;"},
        {"<script>'\\@'", "x", "refused"},
        {"<script>/[@]/", "x", "refused"},
        {"<script>x </script@>", "x", "refused"},
    };
    EXPECT_ROWS(rows);
}

DJ_TEST(css_is_followed)
{
    static const row rows[] = {
        {"<style>a { b: url(@) } c { d: @ }", "x", "<style>a { b: url(x) } c { d: x }"},
        {"<style>a { b: URL ( '@' ) }", "a:b", "<style>a { b: URL ( '#ZdonjonZ' ) }"},
        {"<style>a { b: curl(@) }", "x)", "<style>a { b: curl(ZdonjonZ) }"},
        {"<style>a { b: 'x?@' }", "&", "<style>a { b: 'x?%26' }"},
        {"<style>a { b: 'x\\3f @' }", "&", "<style>a { b: 'x\\3f %26' }"},
        {"<style>a { b: 'x?'; c: '@' }", "a:b", "<style>a { b: 'x?'; c: '#ZdonjonZ' }"},
        {"<style>a\\\"b { c: @ }", "d", "<style>a\\\"b { c: d }"},
        {"<style>// '@\na { b: @ }", "c", "<style>// '\na { b: c }"},
        {"<style>a { b: '\\@' }", "c", "refused"},
        {"<style>a { b: '@' }", "\x01\x7f", "<style>a { b: '\\1\\7f ' }"},
    };
    EXPECT_ROWS(rows);
}

DJ_TEST(a_page_in_srcdoc_takes_values_in_its_text_only)
{
    static const row rows[] = {
        {"<iframe srcdoc=\"<p title='>'>@</p>\">", "<",
         "<iframe srcdoc=\"<p title='>'>&amp;lt;</p>\">"},
        {"<iframe srcdoc=\"<a href='@'>\">", "x", "refused"},
        {"<iframe srcdoc=\"&lt;script>@\">", "x", "refused"},
        {"<iframe srcdoc=\"<script></script>@\">", "x", "refused"},
        {"<iframe srcdoc='<@'>", "x", "refused"},
    };
    EXPECT_ROWS(rows);
}

DJ_TEST(kinds_of_safety_count_in_their_place_only)
{
    static const struct {
        const char *template, *value;
        dj_safety   safety;
        const char *want;
    } rows[] = {
        {"<p>@", "<b>", DJ_SAFE_HTML, "<p><b>"},
        {"<p>@", "<b>", DJ_SAFE_JS, "<p>&lt;b&gt;"},
        {"<p>@", "a&b", DJ_SAFE_URL, "<p>a&amp;b"},
        {"<p title=@>", "a &amp; b", DJ_SAFE_HTML, "<p title=a&#32;&amp;&#32;b>"},
        {"<p title=\"@\">", "a&b", DJ_SAFE_URL_ENCODED, "<p title=\"a&amp;b\">"},
        {"<a href=\"@\">", "/x'(y)?a&b", DJ_SAFE_URL_ENCODED, "<a href=\"/x&#x27;(y)?a&amp;b\">"},
        {"<a href=\"@\">", "javascript:x", DJ_SAFE_URL_ENCODED, "<a href=\"#ZdonjonZ\">"},
        {"<a href=\"@\">", "tel:1", DJ_SAFE_URL, "<a href=\"tel:1\">"},
        {"<p style=\"a:url('@')\">", "/x'(y)", DJ_SAFE_URL_ENCODED,
         "<p style=\"a:url('/x%27%28y%29')\">"},
        {"<script>@", "f()", DJ_SAFE_JS, "<script>f()"},
        {"<script>'@'", "f('", DJ_SAFE_JS, "<script>'f(\\u0027'"},
        {"<script>'@'", "a\\u0027/b", DJ_SAFE_ESCAPEJS, "<script>'a\\u0027/b'"},
        {"<script>'@'", "a\\u0027/b", DJ_SAFE_JSSTR, "<script>'a\\u0027\\/b'"},
        {"<img srcset='@'>", "a,b", DJ_SAFE_URL, "<img srcset='a%2cb'>"},
        {"<iframe srcdoc='@'>", "<b>&amp;", DJ_SAFE_HTML, "<iframe srcdoc='&lt;b&gt;&amp;amp;'>"},
    };
    for (size_t i = 0; i < DJ_COUNT(rows); i++)
        dj_expect_str(dj_str_of(rows[i].want),
                      page(c->scope, rows[i].template, rows[i].value, rows[i].safety));
}

DJ_TEST(raw_text_is_printed_anywhere_and_moves_nothing)
{
    dj_run   run = {.scope = c->scope};
    dj_out   out = dj_out_make(c->scope, 1000);
    dj_place at = dj_place_after(dj_place_start(), DJ_LIT("<script>x = `")), before = at;
    dj_print how = {.escape = true, .raw = true, .contextual = true};
    bool     failsafe = false;
    dj_var   v = dj_var_str(DJ_LIT("`</script>"));
    dj_expect_ok(dj_place_print(&run, &at, &v, &how, &out, &failsafe));
    dj_expect_str(v.text, dj_out_str(&out));
    assert_memory_equal(&at, &before, sizeof at);
}

DJ_TEST(json_is_typed)
{
    dj_run      run = {.scope = c->scope};
    dj_moment   moment = {.year = 2026,
                          .month = 1,
                          .day = 2,
                          .hour = 3,
                          .microsecond = 4567,
                          .aware = true,
                          .utc_offset = 3600};
    dj_var      list[] = {dj_var_int(-5),
                          dj_var_float(1.0),
                          dj_var_float(2.5),
                          dj_var_bool(true),
                          dj_var_none(),
                          dj_var_str(DJ_LIT("\xC3\xA9<\x01\xE2\x80\xA9\\\"")),
                          {.kind = DJ_VAR_DATETIME, .moment = &moment}};
    dj_var_item items[] = {{DJ_LIT("z"), dj_var_of_list(list, DJ_COUNT(list))},
                           {DJ_LIT("a"), dj_var_of_map(NULL, 0)}};
    dj_var      v = dj_var_of_map(items, 2);
    dj_buf      js = dj_buf_make(c->scope, 1000), script = dj_buf_make(c->scope, 1000);
    dj_expect_ok(dj_var_json(&run, &v, DJ_JSON_JS, &js));
    dj_expect_str(
        DJ_LIT("{\"a\":{},\"z\":[-5,1,2.5,true,null,\"\xC3\xA9\\u003c\\u0001\\u2029\\\\\\\"\","
               "\"2026-01-02T03:00:00.004+01:00\"]}"),
        dj_buf_str(&js));
    dj_expect_ok(dj_var_json(&run, &v, DJ_JSON_SCRIPT, &script));
    dj_expect_str(
        DJ_LIT("{\"z\": [-5, 1.0, 2.5, true, null, \"\\u00e9\\u003C\\u0001\\u2029\\\\\\\"\", "
               "\"2026-01-02T03:00:00.004+01:00\"], \"a\": {}}"),
        dj_buf_str(&script));
}

DJ_TEST(json_has_an_end)
{
    dj_run run = {.scope = c->scope};
    dj_var lists[200] = {dj_var_none()};
    dj_buf b = dj_buf_make(c->scope, 10000);
    for (size_t i = 1; i < DJ_COUNT(lists); i++)
        lists[i] = dj_var_of_list(&lists[i - 1], 1);
    dj_expect_err(DJ_ERR_TEMPLATE, dj_var_json(&run, &lists[199], DJ_JSON_JS, &b));
}

DJ_TESTS(DJ_T(where_a_chunk_ends_makes_no_difference), DJ_T(markup_is_read_as_browsers_read_it),
         DJ_T(a_value_makes_no_tag_and_no_name_of_its_own), DJ_T(a_value_ends_no_comment),
         DJ_T(a_value_goes_on_with_no_character_reference), DJ_T(a_value_goes_on_with_no_end_tag),
         DJ_T(no_scheme_comes_together_from_pieces), DJ_T(javascript_is_followed),
         DJ_T(css_is_followed), DJ_T(a_page_in_srcdoc_takes_values_in_its_text_only),
         DJ_T(kinds_of_safety_count_in_their_place_only),
         DJ_T(raw_text_is_printed_anywhere_and_moves_nothing), DJ_T(json_is_typed),
         DJ_T(json_has_an_end))
