/* tests/app/test_site.c - a whole site without sockets: what every answer carries, what none may
 * say. */
#include "../test.h"
#include "app/app.h"

static const char secret[] = "hunter2-detail";

/* -- views -- */

static dj_response *hello(dj_req *req)
{
    return dj_page(req, DJ_HTML("hello"));
}

static dj_response *boom(dj_req *req)
{
    return dj_raise(req, DJ_ERR_INTERNAL, "%s", secret);
}

static dj_response *bad(dj_req *req)
{
    return dj_raise(req, DJ_ERR_BAD_REQUEST, "%s", secret);
}

static dj_response *suspicious(dj_req *req)
{
    return dj_raise(req, DJ_ERR_SUSPICIOUS, "%s", secret);
}

static dj_response *denied(dj_req *req)
{
    return dj_raise(req, DJ_ERR_DENIED, "%s", secret);
}

static dj_response *busy(dj_req *req)
{
    return dj_raise(req, DJ_ERR_OVERLOAD, "%s", secret);
}

static dj_response *bad_header(dj_req *req)
{
    dj_response *resp = hello(req);
    dj_header_set(resp, DJ_LIT("X-A"), DJ_LIT("a\r\nSet-Cookie: a=1"));
    return resp;
}

static dj_response *groups(dj_req *req)
{
    assert_false(dj_path_has(req, "a"));
    assert_true(dj_str_is_none(dj_path_group(req, 2)));
    dj_response *resp = dj_respond(req, 200);
    dj_str second = dj_str_is_none(dj_path_group(req, 1)) ? DJ_LIT("none") : dj_path_group(req, 1);
    dj_page_add(resp,
                dj_html_escape(req->scope, dj_strf(req->scope, DJ_FMT "-" DJ_FMT,
                                                   DJ_ARG(dj_path_group(req, 0)), DJ_ARG(second))));
    return resp;
}

/* Text of a client in a page, past the escaper: four ways to try it. */
static dj_response *unescaped(dj_req *req)
{
    dj_response *resp = dj_text(req, dj_query_get(req, DJ_LIT("q")));
    dj_str       way = dj_query_get(req, DJ_LIT("way"));
    if (dj_str_eq(way, DJ_LIT("set")))
        dj_header_set(resp, DJ_LIT("Content-Type"), DJ_LIT("Text/HTML ; charset=utf-8"));
    else if (dj_str_eq(way, DJ_LIT("svg")))
        dj_header_set(resp, DJ_LIT("Content-Type"), DJ_LIT("image/svg+xml"));
    else if (dj_str_eq(way, DJ_LIT("remove")))
        dj_header_remove(resp, DJ_LIT("Content-Type"));
    else if (dj_str_eq(way, DJ_LIT("two")))
        dj_header_add(resp, DJ_LIT("Content-Type"), DJ_LIT("text/html"));
    else if (dj_str_eq(way, DJ_LIT("body")))
        dj_body_set(resp = dj_respond(req, 200), dj_query_get(req, DJ_LIT("q")));
    else
        dj_header_set(resp, DJ_LIT("Content-Type"), DJ_LIT("application/octet-stream"));
    return resp;
}

static dj_response *not_here(dj_req *req)
{
    return dj_page(req, DJ_HTML("our own 404"));
}

static const dj_route routes[] = {
    DJ_PATH("", hello, .methods = DJ_GET),
    DJ_PATH("form/", hello, .methods = DJ_GET | DJ_POST, .name = "form"),
    DJ_PATH("framed/", boom, .exempt = DJ_EXEMPT_XFRAME),
    DJ_PATH("boom/", boom),
    DJ_PATH("bad/", bad),
    DJ_PATH("suspicious/", suspicious),
    DJ_PATH("denied/", denied),
    DJ_PATH("busy/", busy),
    DJ_PATH("bad-header/", bad_header),
    DJ_PATH("unescaped/", unescaped),
    DJ_REGEX("^groups/([a-z]+)/([0-9])?$", groups),
};

/* -- layers: each adds its letter on the way in and out -- */

static char   steps[16];
static size_t nsteps;

static void step(char c)
{
    if (nsteps < sizeof steps)
        steps[nsteps++] = c;
}

static dj_response *outer(dj_req *req, dj_next *next)
{
    step('A');
    dj_response *resp = dj_call(next, req);
    assert_int_equal(resp->raised, DJ_OK);
    step('a');
    return resp;
}

static dj_response *inner(dj_req *req, dj_next *next)
{
    step('B');
    dj_response *resp = dj_call(next, req);
    step('b');
    return resp;
}

static dj_response *nothing(dj_req *req, dj_next *next)
{
    return NULL;
}

static dj_response *moved(dj_req *req, dj_next *next)
{
    return dj_redirect_permanent(req, DJ_LIT("/elsewhere/"));
}

static const dj_middleware        layer_a = {.name = "A", .around = outer};
static const dj_middleware        layer_b = {.name = "B", .around = inner};
static const dj_middleware        layer_nothing = {.name = "nothing", .around = nothing};
static const dj_middleware        layer_moved = {.name = "moved", .around = moved};
static const dj_middleware *const layers[] = {&layer_a, &layer_b, &layer_nothing, &layer_moved};

/* -- a site and a request -- */

typedef struct setup {
    dj_settings *settings;
    dj_app       app;
    dj_site     *site;
} setup;

static setup site_new(dj_case *c, const char *middleware)
{
    static const dj_str hosts[] = {DJ_STR_INIT("example.com")};
    setup   t = {.settings = dj_settings_default(c->scope), .app = {.urls = DJ_ALL(routes)}};
    dj_str *names = dj_new_array(c->scope, dj_str, 8);
    size_t  n = 0;
    dj_str  rest = dj_str_of(middleware), name;
    while (rest.len > 0 && dj_str_next(&rest, ' ', &name))
        names[n++] = name;
    t.settings->ALLOWED_HOSTS = (dj_str_list){hosts, 1};
    t.settings->MIDDLEWARE = (dj_str_list){names, n};
    t.app.middleware = layers;
    t.app.nmiddleware = DJ_COUNT(layers);
    return t;
}

static dj_err start(dj_case *c, setup *t)
{
    dj_app *app = dj_new(c->scope, dj_app);
    *app = t->app;
    dj_site_parts parts = {.app = app, .settings = t->settings};
    return dj_site_new(c->scope, &parts, &t->site);
}

static dj_peer here = {.address = DJ_STR_INIT("127.0.0.1"),
                       .loopback = true,
                       .port = 80,
                       .server_name = DJ_STR_INIT("localhost")};
static dj_peer far = {
    .address = DJ_STR_INIT("203.0.113.9"), .port = 80, .server_name = DJ_STR_INIT("localhost")};

static dj_response *ask(dj_case *c, const setup *t, const dj_peer *peer, dj_method method,
                        const char *path, const char *host, const char *field)
{
    dj_head *head = dj_new(c->scope, dj_head);
    dj_str   target = dj_str_of(path);
    size_t   mark = dj_str_chr(target, '?');
    head->method = method;
    head->method_name = dj_methods_text(c->scope, method);
    head->target = target;
    head->path = mark == DJ_NOT_FOUND ? target : dj_str_first(target, mark);
    head->query = mark == DJ_NOT_FOUND ? DJ_LIT("") : dj_str_from(target, mark + 1);
    head->host = dj_str_of(host);
    if (field != NULL) {
        head->fields[0] = (dj_field){.name = dj_str_of(field), .value = DJ_LIT("198.51.100.7")};
        head->nfields = 1;
    }
    nsteps = 0;
    return dj_site_handle(dj_req_new(c->scope, head, peer, DJ_LIT("")), t->site);
}

static dj_str body(const dj_response *resp)
{
    return resp->npieces == 0 ? DJ_LIT("") : resp->pieces[0];
}

static void silent(const dj_log_record *record, void *ctx)
{
    size_t *count = ctx;
    (*count)++;
    assert_true(dj_str_chr(record->message, '\n') == DJ_NOT_FOUND);
}

static void expect_secured(const dj_response *resp)
{
    assert_true(dj_header_has(resp, DJ_LIT("X-Content-Type-Options")));
    assert_true(dj_header_has(resp, DJ_LIT("X-Frame-Options")));
    assert_true(dj_header_has(resp, DJ_LIT("Referrer-Policy")));
    assert_true(dj_header_has(resp, DJ_LIT("Cross-Origin-Opener-Policy")));
    assert_true(dj_header_has(resp, DJ_LIT("Permissions-Policy")));
    assert_false(dj_header_has(resp, DJ_LIT("Strict-Transport-Security")));
}

/* -- tests -- */

static const struct {
    const char *path, *host;
    int         status;
} errors[] = {
    {"/boom/", "example.com", 500},       {"/bad/", "example.com", 400},
    {"/suspicious/", "example.com", 400}, {"/denied/", "example.com", 403},
    {"/busy/", "example.com", 503},       {"/nowhere/<x>/", "example.com", 404},
    {"/", "evil.example", 400},           {"/", "exa mple", 400},
    {"/bad-header/", "example.com", 500},
};

DJ_TEST(an_error_says_nothing_and_carries_the_headers)
{
    size_t records = 0;
    dj_log_capture(silent, &records);
    setup t = site_new(c, "A B");
    dj_expect_ok(start(c, &t));
    for (size_t i = 0; i < DJ_COUNT(errors); i++) {
        dj_response *resp = ask(c, &t, &here, DJ_GET, errors[i].path, errors[i].host, NULL);
        assert_int_equal(resp->status, errors[i].status);
        assert_int_equal(records, i + 1);
        expect_secured(resp);
        assert_true(dj_header_has(resp, DJ_LIT("Content-Security-Policy")));
        dj_expect_str(dj_error_page(errors[i].status), body(resp));
        assert_false(dj_str_has(body(resp), dj_str_of(secret)));
        assert_false(dj_str_has(body(resp), DJ_LIT("evil")));
        assert_false(dj_header_has(resp, DJ_LIT("Set-Cookie")));
        if (errors[i].status == 400 || errors[i].status >= 500)
            dj_expect_str(DJ_LIT("no-store"), dj_header_get(resp, DJ_LIT("Cache-Control")));
    }
    dj_log_capture(NULL, NULL);
}

DJ_TEST(a_foreign_host_meets_no_layer)
{
    size_t records = 0;
    dj_log_capture(silent, &records);
    setup t = site_new(c, "A B");
    dj_expect_ok(start(c, &t));
    (void)ask(c, &t, &here, DJ_GET, "/", "evil.example", NULL);
    assert_int_equal(nsteps, 0);
    (void)ask(c, &t, &here, DJ_GET, "/", "example.com", NULL);
    dj_expect_str(DJ_LIT("ABba"), dj_str_n(steps, nsteps));
    (void)ask(c, &t, &here, DJ_GET, "/boom/", "example.com", NULL);
    dj_expect_str(DJ_LIT("ABba"), dj_str_n(steps, nsteps));
    dj_log_capture(NULL, NULL);
}

DJ_TEST(an_answer_that_no_view_made_carries_the_headers)
{
    setup t = site_new(c, "moved");
    dj_expect_ok(start(c, &t));
    dj_response *resp = ask(c, &t, &here, DJ_GET, "/", "example.com", NULL);
    assert_int_equal(resp->status, 301);
    expect_secured(resp);
}

DJ_TEST(a_layer_that_returns_nothing_is_an_error)
{
    size_t records = 0;
    dj_log_capture(silent, &records);
    setup t = site_new(c, "A nothing");
    dj_expect_ok(start(c, &t));
    assert_int_equal(ask(c, &t, &here, DJ_GET, "/", "example.com", NULL)->status, 500);
    dj_expect_str(DJ_LIT("Aa"), dj_str_n(steps, nsteps));
    assert_int_equal(records, 1);
    dj_log_capture(NULL, NULL);
}

DJ_TEST(the_debug_page_is_for_this_machine_alone)
{
    size_t records = 0;
    dj_log_capture(silent, &records);
    setup t = site_new(c, "");
    t.settings->DEBUG = true;
    dj_expect_ok(start(c, &t));
    assert_true(dj_str_has(body(ask(c, &t, &here, DJ_GET, "/boom/", "example.com", NULL)),
                           dj_str_of(secret)));
    assert_false(dj_str_has(body(ask(c, &t, &far, DJ_GET, "/boom/", "example.com", NULL)),
                            dj_str_of(secret)));
    /* A proxy on this machine, and a Unix socket. */
    assert_false(
        dj_str_has(body(ask(c, &t, &here, DJ_GET, "/boom/", "example.com", "X-Forwarded-For")),
                   dj_str_of(secret)));
    dj_peer local = here;
    local.unix_socket = true;
    assert_false(dj_str_has(body(ask(c, &t, &local, DJ_GET, "/boom/", "example.com", NULL)),
                            dj_str_of(secret)));
    dj_str page = body(
        ask(c, &t, &here, DJ_GET, "/<script>alert(1)</script>/", "example.com", "Authorization"));
    assert_false(dj_str_has(page, DJ_LIT("<script>")));
    assert_true(dj_str_has(page, DJ_LIT("&lt;script&gt;")));
    assert_false(dj_str_has(page, DJ_LIT("198.51.100.7"))); /* the value of Authorization */
    assert_true(dj_str_has(page, DJ_LIT("[name=&#x27;form&#x27;]")) ||
                dj_str_has(page, DJ_LIT("[name='form']")));
    dj_log_capture(NULL, NULL);
}

DJ_TEST(handlers_answer_and_may_fail)
{
    size_t records = 0;
    dj_log_capture(silent, &records);
    setup t = site_new(c, "");
    t.app.urls.handler404 = not_here;
    t.app.urls.handler403 = boom;
    t.app.urls.handler500 = boom;
    dj_expect_ok(start(c, &t));
    dj_response *resp = ask(c, &t, &here, DJ_GET, "/nowhere/", "example.com", NULL);
    assert_int_equal(resp->status, 404);
    dj_expect_str(DJ_LIT("our own 404"), body(resp));
    expect_secured(resp);
    resp = ask(c, &t, &here, DJ_GET, "/denied/", "example.com", NULL);
    assert_int_equal(resp->status, 500);
    dj_expect_str(dj_error_page(500), body(resp));
    resp = ask(c, &t, &here, DJ_GET, "/boom/", "example.com", NULL);
    assert_int_equal(resp->status, 500);
    dj_expect_str(dj_error_page(500), body(resp));
    dj_log_capture(NULL, NULL);
}

DJ_TEST(the_table_states_the_methods)
{
    size_t records = 0;
    dj_log_capture(silent, &records);
    setup t = site_new(c, "");
    dj_expect_ok(start(c, &t));
    assert_int_equal(ask(c, &t, &here, DJ_HEAD, "/", "example.com", NULL)->status, 200);
    dj_response *resp = ask(c, &t, &here, DJ_POST, "/", "example.com", NULL);
    assert_int_equal(resp->status, 405);
    dj_expect_str(DJ_LIT("GET, HEAD"), dj_header_get(resp, DJ_LIT("Allow")));
    expect_secured(resp);
    resp = ask(c, &t, &here, DJ_OPTIONS, "/form/", "example.com", NULL);
    assert_int_equal(resp->status, 200);
    dj_expect_str(DJ_LIT("GET, HEAD, POST, OPTIONS"), dj_header_get(resp, DJ_LIT("Allow")));
    assert_int_equal(records, 1);
    dj_log_capture(NULL, NULL);
}

DJ_TEST(too_many_fields_end_before_the_view)
{
    size_t records = 0;
    dj_log_capture(silent, &records);
    setup t = site_new(c, "");
    t.settings->DATA_UPLOAD_MAX_NUMBER_FIELDS = 3;
    dj_expect_ok(start(c, &t));
    assert_int_equal(ask(c, &t, &here, DJ_GET, "/?a&b&c", "example.com", NULL)->status, 200);
    assert_int_equal(ask(c, &t, &here, DJ_GET, "/?a&b&c&d", "example.com", NULL)->status, 400);
    assert_int_equal(records, 1);
    dj_log_capture(NULL, NULL);
}

DJ_TEST(an_exempt_view_stays_exempt_in_its_errors)
{
    size_t records = 0;
    dj_log_capture(silent, &records);
    setup t = site_new(c, "");
    dj_expect_ok(start(c, &t));
    dj_response *resp = ask(c, &t, &here, DJ_GET, "/framed/", "example.com", NULL);
    assert_int_equal(resp->status, 500);
    assert_false(dj_header_has(resp, DJ_LIT("X-Frame-Options")));
    dj_log_capture(NULL, NULL);
}

DJ_TEST(a_view_reads_unnamed_groups)
{
    setup t = site_new(c, "");
    dj_expect_ok(start(c, &t));
    dj_expect_str(DJ_LIT("abc-7"),
                  body(ask(c, &t, &here, DJ_GET, "/groups/abc/7", "example.com", NULL)));
    dj_expect_str(DJ_LIT("abc-none"),
                  body(ask(c, &t, &here, DJ_GET, "/groups/abc/", "example.com", NULL)));
}

DJ_TEST(an_unknown_layer_stops_the_start)
{
    setup t = site_new(c, "A django.contrib.sessions.middleware.SessionMiddleware");
    dj_expect_err(DJ_ERR_SETTINGS, start(c, &t));
    dj_expect_str(DJ_LIT("MIDDLEWARE names django.contrib.sessions.middleware.SessionMiddleware, "
                         "which this build does not have"),
                  dj_failure_text(c->scope));
}

DJ_TEST(refusals_are_ready)
{
    static const int statuses[] = {400, 408, 413, 414, 417, 421, 431, 500, 501, 503, 505};
    setup            t = site_new(c, "");
    t.settings->SECURE_HSTS_SECONDS = 60;
    dj_expect_ok(start(c, &t));
    for (size_t i = 0; i < DJ_COUNT(statuses); i++) {
        dj_str head = dj_site_refusal_headers(statuses[i], true, t.site);
        assert_true(dj_str_has(head, DJ_LIT("\r\nX-Content-Type-Options: nosniff\r\n")));
        assert_true(dj_str_has(head, DJ_LIT("\r\nX-Frame-Options: DENY\r\n")));
        assert_true(dj_str_ends(head, DJ_LIT("\r\n")));
        assert_false(dj_str_has(head, DJ_LIT("\r\n\r\n")));
        dj_expect_str(dj_error_page(statuses[i]), dj_site_refusal_body(statuses[i], t.site));
    }
}

DJ_TEST(text_that_nothing_escaped_is_not_sent_as_html)
{
    static const char *const ways[] = {"set", "svg", "remove", "two", "body"};
    setup                    t = site_new(c, "A");
    dj_expect_ok(start(c, &t));
    for (size_t i = 0; i < DJ_COUNT(ways); i++) {
        const char  *path = dj_cstr(c->scope, dj_strf(c->scope, "/unescaped/?q=1&way=%s", ways[i]));
        dj_response *resp = ask(c, &t, &here, DJ_GET, path, "example.com", NULL);
        assert_int_equal(resp->status, 500);
    }
    assert_int_equal(ask(c, &t, &here, DJ_GET, "/unescaped/?q=1", "example.com", NULL)->status,
                     200);
}

DJ_TESTS(DJ_T(an_error_says_nothing_and_carries_the_headers), DJ_T(a_foreign_host_meets_no_layer),
         DJ_T(an_answer_that_no_view_made_carries_the_headers),
         DJ_T(a_layer_that_returns_nothing_is_an_error),
         DJ_T(the_debug_page_is_for_this_machine_alone), DJ_T(handlers_answer_and_may_fail),
         DJ_T(the_table_states_the_methods), DJ_T(too_many_fields_end_before_the_view),
         DJ_T(an_exempt_view_stays_exempt_in_its_errors), DJ_T(a_view_reads_unnamed_groups),
         DJ_T(an_unknown_layer_stops_the_start), DJ_T(refusals_are_ready),
         DJ_T(text_that_nothing_escaped_is_not_sent_as_html))
