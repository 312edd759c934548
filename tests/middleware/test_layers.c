/* tests/middleware/test_layers.c - the layers in a whole site: what the vectors do not show. */
#include "donjon/csp.h"
#include "donjon/map.h"
#include "donjon/test.h"
#include "test.h"

static const dj_csp_policy own_policy =
    DJ_CSP({"default-src", {DJ_CSP_NONE}}, {"script-src", {DJ_CSP_NONCE}});
static const dj_csp_policy no_policy = {0};
static const dj_csp_policy bad_policy = DJ_CSP({"script-src", {"a; default-src *"}});

static dj_response *plain(dj_req *req)
{
    return dj_text(req, DJ_LIT("ok"));
}
static dj_response *with_nonce(dj_req *req)
{
    return dj_text(req, dj_csp_nonce(req));
}
static dj_response *fails(dj_req *req)
{
    return dj_raise(req, DJ_ERR_INTERNAL, "boom");
}

static const dj_route urls[] = {
    DJ_PATH("", plain),
    DJ_PATH("nonce/", with_nonce),
    DJ_PATH("own/", with_nonce, .csp = &own_policy),
    DJ_PATH("none/", plain, .csp = &no_policy),
    DJ_PATH("own-fails/", fails, .csp = &own_policy),
};
static const dj_route bad_urls[] = {DJ_PATH("", plain, .csp = &bad_policy)};

static const dj_str layers[] = {
    DJ_STR_INIT("django.middleware.security.SecurityMiddleware"),
    DJ_STR_INIT("django.middleware.csp.ContentSecurityPolicyMiddleware"),
    DJ_STR_INIT("django.middleware.common.CommonMiddleware"),
    DJ_STR_INIT("django.middleware.clickjacking.XFrameOptionsMiddleware"),
    DJ_STR_INIT("donjon.middleware.PermissionsPolicyMiddleware"),
};
static const dj_str hosts[] = {DJ_STR_INIT("testserver")};

static dj_value *text(dj_case *c, const char *s)
{
    dj_value *v = dj_new(c->scope, dj_value);
    v->kind = DJ_V_STR;
    v->str = dj_str_of(s);
    return v;
}

/* {"script-src": value} */
static dj_value *script_src(dj_case *c, const char *value)
{
    dj_value *v = dj_new(c->scope, dj_value);
    v->kind = DJ_V_DICT;
    v->dict.pairs = dj_new(c->scope, dj_value_pair);
    v->dict.pairs[0] = (dj_value_pair){text(c, "script-src"), text(c, value)};
    v->dict.len = 1;
    return v;
}

static dj_settings *settings_of(dj_case *c)
{
    dj_settings *s = dj_settings_default(c->scope);
    s->MIDDLEWARE = (dj_str_list){layers, DJ_COUNT(layers)};
    s->ALLOWED_HOSTS = (dj_str_list){hosts, DJ_COUNT(hosts)};
    s->SECURE_HSTS_SECONDS = 60;
    s->SECURE_CSP = script_src(c, DJ_CSP_NONCE);
    s->SECURE_CSP_REPORT_ONLY = script_src(c, DJ_CSP_SELF);
    s->CSP_REPORT_PATH = DJ_LIT("/csp-report/");
    return s;
}

static dj_err start(dj_case *c, const dj_settings *settings, const dj_route *routes, size_t n,
                    dj_client **client)
{
    dj_app *app = dj_new(c->scope, dj_app);
    app->urls = (dj_urls){.routes = routes, .len = n};
    return dj_client_open(
        c->scope, &(dj_client_options){.app = app, .settings = settings, .quiet = true}, client);
}

static dj_client *started(dj_case *c)
{
    dj_client *client;
    dj_expect_ok(start(c, settings_of(c), urls, DJ_COUNT(urls), &client));
    return client;
}

static const dj_answer *ask(dj_client *client, const char *method, const char *path,
                            const char *type, dj_str body)
{
    return dj_client_send(
        client,
        &(dj_client_request){
            .method = method, .path = path, .content_type = type, .body = body, .secure = true});
}

static const dj_answer *get(dj_client *client, const char *path)
{
    return ask(client, "GET", path, NULL, DJ_NONE);
}

DJ_TEST(each_header_is_there_once)
{
    static const char *const names[] = {"Strict-Transport-Security",
                                        "X-Content-Type-Options",
                                        "Referrer-Policy",
                                        "Cross-Origin-Opener-Policy",
                                        "X-Frame-Options",
                                        "Content-Security-Policy",
                                        "Content-Security-Policy-Report-Only",
                                        "Cross-Origin-Resource-Policy",
                                        "Permissions-Policy",
                                        "Content-Length"};
    static const char *const paths[] = {"/nonce/", "/own-fails/"};
    dj_client               *client = started(c);
    for (size_t p = 0; p < DJ_COUNT(paths); p++) {
        const dj_answer *a = get(client, paths[p]);
        for (size_t i = 0; i < DJ_COUNT(names); i++) {
            /* The error page asked for no nonce, and a policy of nothing but a nonce is none: our
             * pages have their own. */
            if (dj_answer_header_count(a, names[i]) != 1)
                fail_msg("%s: %s is there %zu times", paths[p], names[i],
                         dj_answer_header_count(a, names[i]));
        }
    }
}

DJ_TEST(the_nonce_of_the_page_is_that_of_the_header_and_never_repeats)
{
    dj_client *client = started(c);
    dj_map     seen = dj_map_make(c->scope);
    for (int i = 0; i < 200; i++) {
        const dj_answer *a = get(client, "/nonce/");
        dj_str           nonce = a->body;
        assert_int_equal(nonce.len, 22);
        assert_false(dj_map_has(&seen, nonce));
        dj_map_set(&seen, nonce, c);
        dj_expect_str(dj_strf(c->scope, "script-src 'nonce-" DJ_FMT "'", DJ_ARG(nonce)),
                      dj_answer_header(a, "Content-Security-Policy"));
    }
}

DJ_TEST(a_route_replaces_the_policy_of_its_view_alone)
{
    dj_client       *client = started(c);
    const dj_answer *a = get(client, "/own/");
    dj_expect_str(
        dj_strf(c->scope, "default-src 'none'; script-src 'nonce-" DJ_FMT "'", DJ_ARG(a->body)),
        dj_answer_header(a, "Content-Security-Policy"));
    dj_expect_str(DJ_LIT("script-src 'self'"),
                  dj_answer_header(a, "Content-Security-Policy-Report-Only"));
    assert_int_equal(dj_answer_header_count(get(client, "/none/"), "Content-Security-Policy"), 0);
    dj_str after_error = dj_answer_header(get(client, "/own-fails/"), "Content-Security-Policy");
    assert_false(dj_str_has(after_error, DJ_LIT("script-src")));
}

DJ_TEST(settings_that_cannot_be_sent_stop_the_start)
{
    dj_client   *client;
    dj_settings *s = settings_of(c);
    dj_expect_err(DJ_ERR_SETTINGS, start(c, s, bad_urls, DJ_COUNT(bad_urls), &client));
    s->SECURE_CSP = script_src(c, "a\r\nSet-Cookie: x=1");
    dj_expect_err(DJ_ERR_SETTINGS, start(c, s, urls, DJ_COUNT(urls), &client));
    s = settings_of(c);
    s->X_FRAME_OPTIONS = DJ_LIT("DENY\r\nX: y");
    assert_int_not_equal(start(c, s, urls, DJ_COUNT(urls), &client), DJ_OK);
    s = settings_of(c);
    s->SECURE_CROSS_ORIGIN_OPENER_POLICY = text(c, "same-origin\n");
    assert_int_not_equal(start(c, s, urls, DJ_COUNT(urls), &client), DJ_OK);
    s = settings_of(c);
    s->CROSS_ORIGIN_RESOURCE_POLICY = DJ_LIT("everybody");
    dj_expect_err(DJ_ERR_SETTINGS, start(c, s, urls, DJ_COUNT(urls), &client));
    static const dj_str behind[] = {DJ_STR_INIT("(?<=a)b")};
    s = settings_of(c);
    s->SECURE_REDIRECT_EXEMPT = (dj_str_list){behind, 1};
    dj_expect_err(DJ_ERR_SETTINGS, start(c, s, urls, DJ_COUNT(urls), &client));
}

/* -- reports -- */

static size_t reported(const dj_answer *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->nrecords; i++)
        n += dj_str_eq(a->records[i].logger, DJ_LIT("django.security.csp_report"));
    return n;
}

#define OLD "application/csp-report"
#define NEW "application/reports+json; charset=utf-8"

DJ_TEST(reports_are_answered_by_what_they_are)
{
    static const struct {
        const char *method, *type, *body;
        int         status;
    } cases[] = {
        {"POST", OLD, "{\"csp-report\":{\"blocked-uri\":\"inline\"}}", 204},
        {"POST", NEW,
         "[{\"type\":\"csp-violation\",\"body\":{\"blockedURL\":\"eval\"}},{\"type\":"
         "\"deprecation\"}]",
         204},
        {"POST", NEW, "[]", 204},
        {"POST", NEW, "{}", 400},
        {"POST", OLD, "{}", 400},
        {"POST", OLD, "{\"csp-report\":[]}", 400},
        {"POST", OLD, "nonsense", 400},
        {"POST", OLD, "[[[[[[[[[1]]]]]]]]]", 400},
        {"POST", "application/json", "{}", 415},
        {"POST", NULL, "{}", 415},
        {"GET", OLD, "", 405},
    };
    dj_client *client = started(c);
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        const dj_answer *a =
            ask(client, cases[i].method, "/csp-report/", cases[i].type, dj_str_of(cases[i].body));
        if (a->status != cases[i].status)
            fail_msg("case %zu: %d", i, a->status);
    }
    char *large = dj_alloc(c->scope, 16 * 1024 + 1);
    memset(large, ' ', 16 * 1024 + 1);
    assert_int_equal(
        ask(client, "POST", "/csp-report/", OLD, dj_str_n(large, 16 * 1024 + 1))->status, 413);
}

DJ_TEST(the_same_report_is_written_once_and_a_flood_is_bounded)
{
    dj_client       *client = started(c);
    size_t           n = 0;
    const dj_answer *a;
    for (int i = 0; i < 50; i++) {
        a = ask(client, "POST", "/csp-report/", OLD,
                DJ_LIT("{\"csp-report\":{\"document-uri\":\"https://testserver/"
                       "a?token=s3cret#x\",\"blocked-uri\":\"inline\","
                       "\"effective-directive\":\"script-src\"}}"));
        if (i == 0)
            assert_true(
                dj_str_has(a->records[0].message, DJ_LIT("document=https://testserver/a ")));
        assert_false(dj_answer_logged(a, "django.security.csp_report", "s3cret"));
        n += reported(a);
    }
    assert_int_equal(n, 1);
    for (int i = 0; i < 500; i++)
        n += reported(ask(
            client, "POST", "/csp-report/", OLD,
            dj_strf(c->scope, "{\"csp-report\":{\"blocked-uri\":\"https://h%d.example\"}}", i)));
    assert_true(n <= 60);
}

DJ_TESTS(DJ_T(each_header_is_there_once),
         DJ_T(the_nonce_of_the_page_is_that_of_the_header_and_never_repeats),
         DJ_T(a_route_replaces_the_policy_of_its_view_alone),
         DJ_T(settings_that_cannot_be_sent_stop_the_start),
         DJ_T(reports_are_answered_by_what_they_are),
         DJ_T(the_same_report_is_written_once_and_a_flood_is_bounded))
