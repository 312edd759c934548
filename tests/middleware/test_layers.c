/* tests/middleware/test_layers.c - the layers in a whole site: what the vectors do not show. */
#include "app/app.h"
#include "donjon/builtin.h"
#include "donjon/csp.h"
#include "donjon/map.h"
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
                    dj_site **site)
{
    dj_app *app = dj_new(c->scope, dj_app);
    app->urls = (dj_urls){.routes = routes, .len = n};
    dj_site_parts parts = {.app = app,
                           .settings = settings,
                           .builtin = dj_builtin_middleware,
                           .nbuiltin = dj_builtin_middleware_len};
    return dj_site_new(c->scope, &parts, site);
}

static dj_site *started(dj_case *c)
{
    dj_site *site;
    dj_expect_ok(start(c, settings_of(c), urls, DJ_COUNT(urls), &site));
    return site;
}

static const dj_peer peer = {.address = DJ_STR_INIT("127.0.0.1"),
                             .loopback = true,
                             .tls = true,
                             .port = 443,
                             .server_name = DJ_STR_INIT("testserver")};

static dj_response *ask(dj_case *c, dj_site *site, dj_method method, const char *path,
                        const char *type, dj_str body)
{
    dj_head *head = dj_new(c->scope, dj_head);
    head->method = method;
    head->method_name = method == DJ_POST ? DJ_LIT("POST") : DJ_LIT("GET");
    head->target = head->path = dj_str_of(path);
    head->query = DJ_LIT("");
    head->host = hosts[0];
    head->minor = 1;
    head->fields[head->nfields++] = (dj_field){DJ_LIT("Host"), hosts[0], DJ_FIELD_HOST};
    head->seen |= 1u << DJ_FIELD_HOST;
    if (type != NULL) {
        head->fields[head->nfields++] =
            (dj_field){DJ_LIT("Content-Type"), dj_str_of(type), DJ_FIELD_CONTENT_TYPE};
        head->seen |= 1u << DJ_FIELD_CONTENT_TYPE;
    }
    return dj_site_handle(dj_req_new(c->scope, head, &peer, body), site);
}

static dj_response *get(dj_case *c, dj_site *site, const char *path)
{
    return ask(c, site, DJ_GET, path, NULL, DJ_LIT(""));
}

static size_t header_count(const dj_response *resp, dj_header_id id)
{
    size_t n = 0;
    for (size_t i = 0; i < resp->nheaders; i++)
        n += resp->headers[i].id == id;
    return n;
}

DJ_TEST(each_header_is_there_once)
{
    static const dj_header_id ids[] = {
        DJ_HEADER_STS,           DJ_HEADER_NOSNIFF,         DJ_HEADER_REFERRER_POLICY,
        DJ_HEADER_COOP,          DJ_HEADER_XFRAME,          DJ_HEADER_CSP,
        DJ_HEADER_CORP,          DJ_HEADER_CSP_REPORT_ONLY, DJ_HEADER_PERMISSIONS_POLICY,
        DJ_HEADER_CONTENT_LENGTH};
    static const char *const paths[] = {"/nonce/", "/own-fails/"};
    dj_site                 *site = started(c);
    for (size_t p = 0; p < DJ_COUNT(paths); p++) {
        dj_response *resp = get(c, site, paths[p]);
        for (size_t i = 0; i < DJ_COUNT(ids); i++) {
            /* The error page asked for no nonce, and a policy of nothing but a nonce is none: our
             * pages have their own. */
            if (header_count(resp, ids[i]) != 1)
                fail_msg("%s: header %d is there %zu times", paths[p], (int)ids[i],
                         header_count(resp, ids[i]));
        }
    }
}

DJ_TEST(the_nonce_of_the_page_is_that_of_the_header_and_never_repeats)
{
    dj_site *site = started(c);
    dj_map   seen = dj_map_make(c->scope);
    for (int i = 0; i < 200; i++) {
        dj_response *resp = get(c, site, "/nonce/");
        dj_str       nonce = resp->pieces[0];
        assert_int_equal(nonce.len, 22);
        assert_false(dj_map_has(&seen, nonce));
        dj_map_set(&seen, nonce, c);
        dj_expect_str(dj_strf(c->scope, "script-src 'nonce-" DJ_FMT "'", DJ_ARG(nonce)),
                      dj_header_get(resp, DJ_LIT("Content-Security-Policy")));
    }
}

DJ_TEST(a_route_replaces_the_policy_of_its_view_alone)
{
    dj_site     *site = started(c);
    dj_response *resp = get(c, site, "/own/");
    dj_expect_str(dj_strf(c->scope, "default-src 'none'; script-src 'nonce-" DJ_FMT "'",
                          DJ_ARG(resp->pieces[0])),
                  dj_header_get(resp, DJ_LIT("Content-Security-Policy")));
    dj_expect_str(DJ_LIT("script-src 'self'"),
                  dj_header_get(resp, DJ_LIT("Content-Security-Policy-Report-Only")));
    assert_false(dj_header_has(get(c, site, "/none/"), DJ_LIT("Content-Security-Policy")));
    dj_str after_error =
        dj_header_get(get(c, site, "/own-fails/"), DJ_LIT("Content-Security-Policy"));
    assert_false(dj_str_has(after_error, DJ_LIT("script-src")));
}

DJ_TEST(settings_that_cannot_be_sent_stop_the_start)
{
    dj_site     *site;
    dj_settings *s = settings_of(c);
    dj_expect_err(DJ_ERR_SETTINGS, start(c, s, bad_urls, DJ_COUNT(bad_urls), &site));
    s->SECURE_CSP = script_src(c, "a\r\nSet-Cookie: x=1");
    dj_expect_err(DJ_ERR_SETTINGS, start(c, s, urls, DJ_COUNT(urls), &site));
    s = settings_of(c);
    s->X_FRAME_OPTIONS = DJ_LIT("DENY\r\nX: y");
    assert_int_not_equal(start(c, s, urls, DJ_COUNT(urls), &site), DJ_OK);
    s = settings_of(c);
    s->SECURE_CROSS_ORIGIN_OPENER_POLICY = text(c, "same-origin\n");
    assert_int_not_equal(start(c, s, urls, DJ_COUNT(urls), &site), DJ_OK);
    s = settings_of(c);
    s->CROSS_ORIGIN_RESOURCE_POLICY = DJ_LIT("everybody");
    dj_expect_err(DJ_ERR_SETTINGS, start(c, s, urls, DJ_COUNT(urls), &site));
    static const dj_str behind[] = {DJ_STR_INIT("(?<=a)b")};
    s = settings_of(c);
    s->SECURE_REDIRECT_EXEMPT = (dj_str_list){behind, 1};
    dj_expect_err(DJ_ERR_SETTINGS, start(c, s, urls, DJ_COUNT(urls), &site));
}

/* -- reports -- */

static size_t nrecords;
static dj_str last_message;

static void keep(const dj_log_record *record, void *ctx)
{
    if (dj_str_eq(record->logger, DJ_LIT("django.security.csp_report"))) {
        nrecords++;
        last_message = dj_str_dup(ctx, record->message);
    }
}

#define OLD "application/csp-report"
#define NEW "application/reports+json; charset=utf-8"

DJ_TEST(reports_are_answered_by_what_they_are)
{
    static const struct {
        dj_method   method;
        const char *type, *body;
        int         status;
    } cases[] = {
        {DJ_POST, OLD, "{\"csp-report\":{\"blocked-uri\":\"inline\"}}", 204},
        {DJ_POST, NEW,
         "[{\"type\":\"csp-violation\",\"body\":{\"blockedURL\":\"eval\"}},{\"type\":"
         "\"deprecation\"}]",
         204},
        {DJ_POST, NEW, "[]", 204},
        {DJ_POST, NEW, "{}", 400},
        {DJ_POST, OLD, "{}", 400},
        {DJ_POST, OLD, "{\"csp-report\":[]}", 400},
        {DJ_POST, OLD, "nonsense", 400},
        {DJ_POST, OLD, "[[[[[[[[[1]]]]]]]]]", 400},
        {DJ_POST, "application/json", "{}", 415},
        {DJ_POST, NULL, "{}", 415},
        {DJ_GET, OLD, "", 405},
    };
    dj_site *site = started(c);
    dj_log_capture(keep, c->scope);
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        dj_response *resp =
            ask(c, site, cases[i].method, "/csp-report/", cases[i].type, dj_str_of(cases[i].body));
        if (dj_status(resp) != cases[i].status)
            fail_msg("case %zu: %d", i, dj_status(resp));
    }
    char *large = dj_alloc(c->scope, 16 * 1024 + 1);
    memset(large, ' ', 16 * 1024 + 1);
    assert_int_equal(
        dj_status(ask(c, site, DJ_POST, "/csp-report/", OLD, dj_str_n(large, 16 * 1024 + 1))), 413);
    dj_log_capture(NULL, NULL);
}

DJ_TEST(the_same_report_is_written_once_and_a_flood_is_bounded)
{
    dj_site *site = started(c);
    nrecords = 0;
    dj_log_capture(keep, c->scope);
    for (int i = 0; i < 50; i++)
        (void)ask(c, site, DJ_POST, "/csp-report/", OLD,
                  DJ_LIT("{\"csp-report\":{\"document-uri\":\"https://testserver/"
                         "a?token=s3cret#x\",\"blocked-uri\":\"inline\","
                         "\"effective-directive\":\"script-src\"}}"));
    assert_int_equal(nrecords, 1);
    assert_true(dj_str_has(last_message, DJ_LIT("document=https://testserver/a ")));
    assert_false(dj_str_has(last_message, DJ_LIT("s3cret")));
    for (int i = 0; i < 500; i++)
        (void)ask(
            c, site, DJ_POST, "/csp-report/", OLD,
            dj_strf(c->scope, "{\"csp-report\":{\"blocked-uri\":\"https://h%d.example\"}}", i));
    assert_true(nrecords <= 60);
    dj_log_capture(NULL, NULL);
}

DJ_TESTS(DJ_T(each_header_is_there_once),
         DJ_T(the_nonce_of_the_page_is_that_of_the_header_and_never_repeats),
         DJ_T(a_route_replaces_the_policy_of_its_view_alone),
         DJ_T(settings_that_cannot_be_sent_stop_the_start),
         DJ_T(reports_are_answered_by_what_they_are),
         DJ_T(the_same_report_is_written_once_and_a_flood_is_bounded))
