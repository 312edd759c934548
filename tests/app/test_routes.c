/* tests/app/test_routes.c - tables of routes: what is refused at start, what hostile paths do, what
 * comes back. */
#include "../test.h"
#include "app/app.h"
#include <time.h>

static dj_response *one(dj_req *req)
{
    return dj_not_found(req);
}

static dj_response *two(dj_req *req)
{
    return dj_not_found(req);
}

static dj_resolver *compiled(dj_case *c, const dj_urls *urls)
{
    dj_resolver *r = NULL;
    if (dj_resolver_new(c->scope, urls, &r) != DJ_OK)
        fail_msg("%.*s", DJ_ARG(dj_failure_text(c->scope)));
    return r;
}

#define REFUSED(c, urls, words)                                                                    \
    do {                                                                                           \
        dj_resolver *r_ = NULL;                                                                    \
        dj_expect_err(DJ_ERR_SETTINGS, dj_resolver_new((c)->scope, (urls), &r_));                  \
        assert_true(dj_str_has(dj_failure_text((c)->scope), DJ_LIT(words)));                       \
    } while (0)

static bool found(dj_case *c, const dj_resolver *r, dj_str path, dj_match *m)
{
    return dj_resolve(c->scope, r, path, m);
}

DJ_TEST(a_broken_route_is_named_at_start)
{
    static const dj_urls inner = {.len = 0};
    const struct {
        dj_route    route;
        const char *words;
    } broken[] = {
        {DJ_PATH("a/<what:x>/", one), "converter \"what\", which does not exist"},
        {DJ_PATH("a/<int:x>/<x>/", one), "names the argument \"x\" twice"},
        {DJ_PATH("a/<int: x>/", one), "has a blank between < and >"},
        {DJ_PATH("a/<int:1x>/", one), "no identifier"},
        {DJ_REGEX("^a/(", one), "the route \"^a/(\""},
        {DJ_REGEX("^(a)\\1$", one), "the route"},
        {DJ_PATH("a/", NULL), "either a view or an included table"},
        {{.route = "a/", .view = one, .include = &inner}, "either a view or an included table"},
        {DJ_INCLUDE("a/", &inner, .space = "x"), "no included table with an app_name"},
        {DJ_PATH("a/", one, .needs = "blog.change_article"),
         "needs the permission blog.change_article"},
        {DJ_PATH("a/", one, .defaults = (const char *const[]){"int:page", "first", NULL}),
         "is no integer"},
        {DJ_PATH("a/", one, .defaults = (const char *const[]){"page", NULL}),
         "name and value in turn"},
        {DJ_PATH("<a>/<b>/<c>/<d>/<e>/<f>/<g>/<h>/<i>/<j>/<k>/<l>/<m>/<n>/<o>/<p>/<q>/", one),
         "more than 16 arguments"},
    };
    for (size_t i = 0; i < DJ_COUNT(broken); i++) {
        dj_urls      urls = {.routes = &broken[i].route, .len = 1};
        dj_resolver *r = NULL;
        dj_expect_err(DJ_ERR_SETTINGS, dj_resolver_new(c->scope, &urls, &r));
        if (!dj_str_has(dj_failure_text(c->scope), dj_str_of(broken[i].words)))
            fail_msg("%.*s", DJ_ARG(dj_failure_text(c->scope)));
    }
}

static const dj_urls  circle;
static const dj_route circle_routes[] = {DJ_INCLUDE("a/", &circle)};
static const dj_urls  circle = DJ_ALL(circle_routes);

DJ_TEST(a_table_that_includes_itself_is_refused)
{
    REFUSED(c, &circle, "does one include itself?");
}

static const dj_route plain[] = {
    DJ_PATH("", one),
    DJ_PATH("hello/", one),
    DJ_PATH("items/<int:pk>/", one),
    DJ_PATH("items/<slug:name>/", two),
    DJ_PATH("files/<path:p>/edit/", one),
    DJ_PATH("files/<path:p>", two),
    DJ_PATH("list/", one, .defaults = (const char *const[]){"int:page", "1", "kind", "all", NULL}),
    DJ_PATH("<path:a>/x/<path:b>/y/<path:c>/z", one),
};
static const dj_urls plain_urls = DJ_ALL(plain);

DJ_TEST(the_first_match_wins_and_a_failed_conversion_is_no_match)
{
    dj_resolver *r = compiled(c, &plain_urls);
    dj_match     m;
    assert_true(found(c, r, DJ_LIT("/items/007/"), &m));
    assert_ptr_equal(m.route->view, one);
    assert_int_equal(m.args[0].number, 7);
    assert_true(found(c, r, DJ_LIT("/items/9223372036854775808/"), &m));
    assert_ptr_equal(m.route->view, two); /* a slug, as it is beyond 64 bits */
    assert_false(found(c, r, DJ_LIT("/items//"), &m));
    assert_false(found(c, r, DJ_LIT("items/1/"), &m));
    assert_false(found(c, r, DJ_LIT(""), &m));
}

DJ_TEST(the_longest_text_goes_to_the_first_converter)
{
    dj_resolver *r = compiled(c, &plain_urls);
    dj_match     m;
    assert_true(found(c, r, DJ_LIT("/files/a/edit/b/edit/"), &m));
    assert_ptr_equal(m.route->view, one);
    dj_expect_str(DJ_LIT("a/edit/b"), m.args[0].text);
    assert_true(found(c, r, DJ_LIT("/files/edit/"), &m));
    assert_ptr_equal(m.route->view, two);
    assert_true(found(c, r, DJ_LIT("/1/x/2/x/3/y/4/y/5/z"), &m));
    dj_expect_str(DJ_LIT("1/x/2"), m.args[0].text);
    dj_expect_str(DJ_LIT("3/y/4"), m.args[1].text);
    dj_expect_str(DJ_LIT("5"), m.args[2].text);
}

DJ_TEST(defaults_have_types)
{
    dj_resolver *r = compiled(c, &plain_urls);
    dj_match     m;
    assert_true(found(c, r, DJ_LIT("/list/"), &m));
    assert_int_equal(m.nargs, 2);
    assert_int_equal(m.args[0].kind, DJ_ARG_INT);
    assert_int_equal(m.args[0].number, 1);
    dj_expect_str(DJ_LIT("all"), m.args[1].text);
}

/* Three converters that may stop anywhere, and the longest path the server reads: a backtracking
 * matcher needs days. */
DJ_TEST(no_path_makes_matching_slow)
{
    dj_resolver      *r = compiled(c, &plain_urls);
    char              path[8190];
    static const char unit[] = "/x/y";
    for (size_t i = 0; i < sizeof path; i++)
        path[i] = unit[i % 4];
    dj_match        m;
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    for (int i = 0; i < 10; i++)
        assert_false(found(c, r, dj_str_n(path, sizeof path), &m));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    int64_t ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    assert_in_range(ms, 0, 1000); /* 10 searches, sanitizers included; a few ms without */
}

/* Any bytes at all: no crash, and what is found was captured from the path itself. */
DJ_TEST(random_paths_are_answered)
{
    static const char alphabet[] = "/ax1-_.%\n\0\xC3\xA9<>edit";
    dj_resolver      *r = compiled(c, &plain_urls);
    uint64_t          seed = 42;
    for (int i = 0; i < 20000; i++) {
        char   path[24];
        size_t len = 1 + (size_t)(seed >> 33) % (sizeof path - 1);
        path[0] = '/';
        for (size_t k = 1; k < len; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            path[k] = alphabet[(size_t)(seed >> 33) % (sizeof alphabet - 1)];
        }
        dj_match m;
        if (!found(c, r, dj_str_n(path, len), &m))
            continue;
        for (size_t k = 0; k < m.nargs && m.pattern.len > 6; k++)
            assert_true(m.args[k].text.len > 0);
    }
}

static bool even(dj_str text)
{
    return ((text.ptr[text.len - 1] - '0') & 1) == 0;
}

DJ_TEST(a_program_brings_its_own_converters)
{
    static const dj_converter own[] = {{.name = "year", .regex = "[0-9]{4}"},
                                       {.name = "even", .regex = "[0-9]+", .accepts = even}};
    static const dj_route     inner[] = {DJ_PATH("<even:n>/<int:k>/", one)};
    static const dj_urls      inner_urls = DJ_ALL(inner);
    static const dj_route     routes[] = {DJ_PATH("<year:y>/", one, .name = "year"),
                                          DJ_INCLUDE("in/<year:y>-", &inner_urls)};
    static const dj_urls      urls = {
             .routes = routes, .len = DJ_COUNT(routes), .converters = own, .nconverters = DJ_COUNT(own)};
    dj_resolver *r = compiled(c, &urls);
    dj_match     m;
    dj_str       url;
    assert_true(found(c, r, DJ_LIT("/2026/"), &m));
    dj_expect_str(DJ_LIT("2026"), m.args[0].text);
    assert_false(found(c, r, DJ_LIT("/20266/"), &m));
    assert_true(found(c, r, DJ_LIT("/in/2026-12/7/"), &m));
    assert_int_equal(m.nargs, 3);
    assert_int_equal(m.args[2].number, 7);
    assert_false(found(c, r, DJ_LIT("/in/2026-13/7/"), &m));
    dj_arg           arg = {.name = DJ_LIT("y"), .text = DJ_LIT("12345")};
    dj_reverse_query q = {.name = DJ_LIT("year"), .args = &arg, .nargs = 1};
    dj_expect_err(DJ_ERR_NO_REVERSE, dj_resolver_reverse(c->scope, r, &q, &url));
    arg.text = DJ_LIT("1234");
    dj_expect_ok(dj_resolver_reverse(c->scope, r, &q, &url));
    dj_expect_str(DJ_LIT("/1234/"), url);
}

/* -- reverse -- */

static const dj_route named[] = {
    DJ_PATH("users/<name>/", one, .name = "user"),
    DJ_PATH("files/<path:p>", one, .name = "file"),
    DJ_REGEX("^tags/(?P<t>[^/]+)/$", one, .name = "tag"),
    DJ_REGEX("^(?:a|b)/([0-9])$", one, .name = "either"),
};
static const dj_urls named_urls = DJ_ALL(named);

static dj_err reversed(dj_case *c, const dj_resolver *r, dj_str name, dj_str arg, dj_str *url)
{
    dj_arg           a = {.text = arg};
    dj_reverse_query q = {.name = name, .args = &a, .nargs = 1};
    return dj_resolver_reverse(c->scope, r, &q, url);
}

DJ_TEST(dots_are_no_argument)
{
    dj_resolver *r = compiled(c, &named_urls);
    dj_str       url;
    dj_expect_err(DJ_ERR_NO_REVERSE, reversed(c, r, DJ_LIT("user"), DJ_LIT("."), &url));
    dj_expect_err(DJ_ERR_NO_REVERSE, reversed(c, r, DJ_LIT("user"), DJ_LIT(".."), &url));
    dj_expect_err(DJ_ERR_NO_REVERSE, reversed(c, r, DJ_LIT("tag"), DJ_LIT(".."), &url));
    dj_expect_ok(reversed(c, r, DJ_LIT("user"), DJ_LIT("..."), &url));
    dj_expect_err(DJ_ERR_NO_REVERSE,
                  reversed(c, r, DJ_LIT("either"), DJ_LIT("1"), &url)); /* a/1 or b/1? */
}

DJ_TEST(a_fragment_is_quoted)
{
    dj_resolver     *r = compiled(c, &named_urls);
    dj_arg           a = {.text = DJ_LIT("x")};
    dj_reverse_query q = {
        .name = DJ_LIT("user"), .args = &a, .nargs = 1, .fragment = DJ_LIT("a b<\n")};
    dj_str url;
    dj_expect_ok(dj_resolver_reverse(c->scope, r, &q, &url));
    dj_expect_str(DJ_LIT("/users/x/#a%20b%3C%0A"), url);
}

/* Whatever is put in comes out of the same route as the same argument, or is refused. */
DJ_TEST(an_argument_stays_in_its_place)
{
    static const char   alphabet[] = "/ab.%?#&;:\\\n\r <>\"'+\xC3\xA9";
    static const dj_str names[] = {DJ_STR_INIT("user"), DJ_STR_INIT("file"), DJ_STR_INIT("tag")};
    dj_resolver        *r = compiled(c, &named_urls);
    uint64_t            seed = 7;
    size_t              written = 0;
    for (int i = 0; i < 20000; i++) {
        char   text[8];
        size_t len = 0, want = 1 + (size_t)i % 5;
        while (len < want) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            size_t at = (size_t)(seed >> 33) % (sizeof alphabet - 2);
            text[len++] = alphabet[at];
            if (alphabet[at] == '\xC3')
                text[len++] = '\xA9';
        }
        if (text[0] == '\xA9')
            continue;
        dj_str arg = dj_str_n(text, len), url;
        if (!dj_utf8_valid(arg) || reversed(c, r, names[i % 3], arg, &url) != DJ_OK)
            continue;
        dj_match m;
        assert_false(dj_str_starts(url, DJ_LIT("//")));
        for (size_t k = 0; k < url.len; k++)
            assert_true(url.ptr[k] > 0x20 && url.ptr[k] < 0x7F &&
                        strchr("<>\"\\?#", url.ptr[k]) == NULL);
        assert_true(found(c, r, dj_url_path_decode(c->scope, url), &m));
        dj_expect_str(names[i % 3], m.url_name);
        dj_expect_str(arg, m.args[0].text);
        written++;
    }
    assert_true(written > 5000);
}

DJ_TESTS(DJ_T(a_broken_route_is_named_at_start), DJ_T(a_table_that_includes_itself_is_refused),
         DJ_T(the_first_match_wins_and_a_failed_conversion_is_no_match),
         DJ_T(the_longest_text_goes_to_the_first_converter), DJ_T(defaults_have_types),
         DJ_T(no_path_makes_matching_slow), DJ_T(random_paths_are_answered),
         DJ_T(a_program_brings_its_own_converters), DJ_T(dots_are_no_argument),
         DJ_T(a_fragment_is_quoted), DJ_T(an_argument_stays_in_its_place))
