/* tests/app/test_site.c - a whole site without sockets: what every answer carries, what none may
 * say. */
#include "../test.h"
#include "app/app.h"
#include "donjon/test.h"
#include "test/test.h"

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
    dj_client   *client;
} setup;

static setup site_new(dj_case *c, const char *middleware)
{
    static const dj_str hosts[] = {DJ_STR_INIT("testserver")};
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

/* `address` of its client. */
static dj_err start_for(dj_case *c, setup *t, const char *address)
{
    dj_app *app = dj_new(c->scope, dj_app);
    *app = t->app;
    return dj_client_open(
        c->scope,
        &(dj_client_options){
            .app = app, .settings = t->settings, .address = address, .quiet = true},
        &t->client);
}

static dj_err start(dj_case *c, setup *t)
{
    return start_for(c, t, "127.0.0.1");
}

static const dj_answer *get(const setup *t, const char *path)
{
    nsteps = 0;
    return dj_client_get(t->client, path);
}

static const dj_answer *get_with(const setup *t, const char *path, const char *name,
                                 const char *value)
{
    nsteps = 0;
    return dj_client_send(t->client,
                          &(dj_client_request){.path = path, .headers = DJ_PAIRS({name, value})});
}

static const dj_answer *ask(const setup *t, const char *method, const char *path)
{
    return dj_client_send(t->client, &(dj_client_request){.method = method, .path = path});
}

/* One record each, and none that a path or a host has cut in two. */
static void expect_one_record(const dj_answer *a)
{
    assert_int_equal(a->nrecords, 1);
    assert_true(dj_str_chr(a->records[0].message, '\n') == DJ_NOT_FOUND);
}

static void expect_secured(const dj_answer *a)
{
    assert_int_equal(dj_answer_header_count(a, "X-Content-Type-Options"), 1);
    assert_int_equal(dj_answer_header_count(a, "X-Frame-Options"), 1);
    assert_int_equal(dj_answer_header_count(a, "Referrer-Policy"), 1);
    assert_int_equal(dj_answer_header_count(a, "Cross-Origin-Opener-Policy"), 1);
    assert_int_equal(dj_answer_header_count(a, "Permissions-Policy"), 1);
    assert_int_equal(dj_answer_header_count(a, "Strict-Transport-Security"), 0);
}

/* -- tests -- */

static const struct {
    const char *path, *host;
    int         status;
} errors[] = {
    {"/boom/", "testserver", 500},       {"/bad/", "testserver", 400},
    {"/suspicious/", "testserver", 400}, {"/denied/", "testserver", 403},
    {"/busy/", "testserver", 503},       {"/nowhere/%3Cx%3E/", "testserver", 404},
    {"/", "evil.example", 400},          {"/", "exa_mple,", 400},
    {"/bad-header/", "testserver", 500},
};

DJ_TEST(an_error_says_nothing_and_carries_the_headers)
{
    setup t = site_new(c, "A B");
    dj_expect_ok(start(c, &t));
    for (size_t i = 0; i < DJ_COUNT(errors); i++) {
        const dj_answer *a = get_with(&t, errors[i].path, "Host", errors[i].host);
        assert_int_equal(a->status, errors[i].status);
        expect_one_record(a);
        expect_secured(a);
        assert_int_equal(dj_answer_header_count(a, "Content-Security-Policy"), 1);
        dj_expect_str(dj_error_page(errors[i].status), a->body);
        assert_false(dj_str_has(a->body, dj_str_of(secret)));
        assert_false(dj_str_has(a->body, DJ_LIT("evil")));
        assert_int_equal(dj_answer_header_count(a, "Set-Cookie"), 0);
        if (errors[i].status == 400 || errors[i].status >= 500)
            dj_expect_str(DJ_LIT("no-store"), dj_answer_header(a, "Cache-Control"));
    }
}

DJ_TEST(a_program_gets_errors_as_json)
{
    static const struct {
        const char *accept;
        bool        json;
    } cases[] = {
        {"application/json", true},
        {"application/problem+json", true},
        {"application/json, text/plain, */*", true},
        {"text/html;q=0.5, application/json", true},
        {"*/*", false},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
        {"application/json;q=0.5, text/html", false},
        {"image/png", false},
        {"", false},
    };
    setup t = site_new(c, "A B");
    dj_expect_ok(start(c, &t));
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        const dj_answer *a = get_with(&t, "/boom/", "Accept", cases[i].accept);
        assert_int_equal(a->status, 500);
        expect_one_record(a);
        expect_secured(a);
        dj_expect_str(DJ_LIT("Accept"), dj_answer_header(a, "Vary"));
        dj_expect_str(DJ_LIT("no-store"), dj_answer_header(a, "Cache-Control"));
        dj_expect_str(cases[i].json ? DJ_LIT("application/problem+json")
                                    : DJ_LIT("text/html; charset=utf-8"),
                      dj_answer_header(a, "Content-Type"));
        dj_expect_str(cases[i].json ? DJ_LIT("{\"type\":\"about:blank\",\"title\":\"Server "
                                             "Error\",\"status\":500}\n")
                                    : dj_error_page(500),
                      a->body);
    }
    assert_int_equal(dj_answer_header_count(get(&t, "/boom/"), "Vary"), 0);
}

/* Each error of our own as JSON: it parses, and says what the status line says. */
DJ_TEST(every_problem_is_one_json_object)
{
    const dj_json_limits limits = {.bytes = 1000, .depth = 2, .nodes = 10};
    setup                t = site_new(c, "");
    dj_expect_ok(start(c, &t));
    for (size_t i = 0; i < DJ_COUNT(errors); i++) {
        const dj_json_value *json;
        const dj_answer     *a = dj_client_send(
                t.client, &(dj_client_request){.path = errors[i].path,
                                               .headers = DJ_PAIRS({"Host", errors[i].host},
                                                                   {"Accept", "application/json"})});
        assert_int_equal(a->status, errors[i].status);
        dj_expect_ok(dj_json_parse(c->scope, a->body, &limits, &json));
        assert_int_equal(json->object.len, 3);
        assert_int_equal(dj_json_get(json, DJ_LIT("status"))->integer, a->status);
        dj_expect_str(DJ_LIT("about:blank"), dj_json_get_str(json, DJ_LIT("type")));
        assert_false(dj_str_has(a->body, dj_str_of(secret)));
    }
}

DJ_TEST(a_handler_wins_over_json)
{
    setup t = site_new(c, "");
    t.app.urls.handler404 = not_here;
    dj_expect_ok(start(c, &t));
    dj_expect_str(DJ_LIT("our own 404"),
                  get_with(&t, "/nowhere/", "Accept", "application/json")->body);
}

DJ_TEST(a_foreign_host_meets_no_layer)
{
    setup t = site_new(c, "A B");
    dj_expect_ok(start(c, &t));
    (void)get_with(&t, "/", "Host", "evil.example");
    assert_int_equal(nsteps, 0);
    (void)get(&t, "/");
    dj_expect_str(DJ_LIT("ABba"), dj_str_n(steps, nsteps));
    (void)get(&t, "/boom/");
    dj_expect_str(DJ_LIT("ABba"), dj_str_n(steps, nsteps));
}

DJ_TEST(an_answer_that_no_view_made_carries_the_headers)
{
    setup t = site_new(c, "moved");
    dj_expect_ok(start(c, &t));
    const dj_answer *a = get(&t, "/");
    assert_int_equal(a->status, 301);
    expect_secured(a);
}

DJ_TEST(a_layer_that_returns_nothing_is_an_error)
{
    setup t = site_new(c, "A nothing");
    dj_expect_ok(start(c, &t));
    const dj_answer *a = get(&t, "/");
    assert_int_equal(a->status, 500);
    dj_expect_str(DJ_LIT("Aa"), dj_str_n(steps, nsteps));
    expect_one_record(a);
}

DJ_TEST(the_debug_page_is_for_this_machine_alone)
{
    setup t = site_new(c, "");
    t.settings->DEBUG = true;
    dj_expect_ok(start(c, &t));
    assert_int_equal(dj_answer_count(get(&t, "/boom/"), secret), 1);
    /* A proxy on this machine speaks for clients elsewhere. */
    assert_int_equal(
        dj_answer_count(get_with(&t, "/boom/", "X-Forwarded-For", "198.51.100.7"), secret), 0);
    dj_str page =
        get_with(&t, "/%3Cscript%3Ealert(1)%3C/script%3E/", "Authorization", "198.51.100.7")->body;
    assert_false(dj_str_has(page, DJ_LIT("<script>")));
    assert_true(dj_str_has(page, DJ_LIT("&lt;script&gt;")));
    assert_false(dj_str_has(page, DJ_LIT("198.51.100.7"))); /* the value of Authorization */
    assert_true(dj_str_has(page, DJ_LIT("[name=&#x27;form&#x27;]")) ||
                dj_str_has(page, DJ_LIT("[name='form']")));
    /* What a program gets of it. */
    const dj_answer *a = get_with(&t, "/boom/", "Accept", "application/json");
    dj_expect_str(DJ_LIT("application/problem+json"), dj_answer_header(a, "Content-Type"));
    assert_int_equal(dj_answer_count(a, secret), 1);
    dj_expect_ok(start_for(c, &t, "203.0.113.9"));
    assert_int_equal(dj_answer_count(get(&t, "/boom/"), secret), 0);
    a = get_with(&t, "/boom/", "Accept", "application/json");
    assert_int_equal(dj_answer_count(a, secret), 0);
    dj_expect_ok(start_for(c, &t, "")); /* a Unix socket */
    assert_int_equal(dj_answer_count(get(&t, "/boom/"), secret), 0);
}

DJ_TEST(handlers_answer_and_may_fail)
{
    setup t = site_new(c, "");
    t.app.urls.handler404 = not_here;
    t.app.urls.handler403 = boom;
    t.app.urls.handler500 = boom;
    dj_expect_ok(start(c, &t));
    const dj_answer *a = get(&t, "/nowhere/");
    assert_int_equal(a->status, 404);
    dj_expect_str(DJ_LIT("our own 404"), a->body);
    expect_secured(a);
    a = get(&t, "/denied/");
    assert_int_equal(a->status, 500);
    dj_expect_str(dj_error_page(500), a->body);
    a = get(&t, "/boom/");
    assert_int_equal(a->status, 500);
    dj_expect_str(dj_error_page(500), a->body);
}

DJ_TEST(the_table_states_the_methods)
{
    setup t = site_new(c, "");
    dj_expect_ok(start(c, &t));
    assert_int_equal(ask(&t, "HEAD", "/")->status, 200);
    const dj_answer *a = ask(&t, "POST", "/");
    assert_int_equal(a->status, 405);
    expect_one_record(a);
    dj_expect_str(DJ_LIT("GET, HEAD"), dj_answer_header(a, "Allow"));
    expect_secured(a);
    a = ask(&t, "OPTIONS", "/form/");
    assert_int_equal(a->status, 200);
    dj_expect_str(DJ_LIT("GET, HEAD, POST, OPTIONS"), dj_answer_header(a, "Allow"));
    assert_int_equal(a->nrecords, 0);
}

DJ_TEST(too_many_fields_end_before_the_view)
{
    setup t = site_new(c, "");
    t.settings->DATA_UPLOAD_MAX_NUMBER_FIELDS = 3;
    dj_expect_ok(start(c, &t));
    assert_int_equal(get(&t, "/?a&b&c")->status, 200);
    const dj_answer *a = get(&t, "/?a&b&c&d");
    assert_int_equal(a->status, 400);
    expect_one_record(a);
}

DJ_TEST(an_exempt_view_stays_exempt_in_its_errors)
{
    setup t = site_new(c, "");
    dj_expect_ok(start(c, &t));
    const dj_answer *a = get(&t, "/framed/");
    assert_int_equal(a->status, 500);
    assert_int_equal(dj_answer_header_count(a, "X-Frame-Options"), 0);
}

DJ_TEST(a_view_reads_unnamed_groups)
{
    setup t = site_new(c, "");
    dj_expect_ok(start(c, &t));
    dj_expect_str(DJ_LIT("abc-7"), get(&t, "/groups/abc/7")->body);
    dj_expect_str(DJ_LIT("abc-none"), get(&t, "/groups/abc/")->body);
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
        dj_str head = dj_site_refusal_headers(statuses[i], true, t.client->site);
        assert_true(dj_str_has(head, DJ_LIT("\r\nX-Content-Type-Options: nosniff\r\n")));
        assert_true(dj_str_has(head, DJ_LIT("\r\nX-Frame-Options: DENY\r\n")));
        assert_true(dj_str_ends(head, DJ_LIT("\r\n")));
        assert_false(dj_str_has(head, DJ_LIT("\r\n\r\n")));
        dj_expect_str(dj_error_page(statuses[i]),
                      dj_site_refusal_body(statuses[i], t.client->site));
    }
}

DJ_TEST(text_that_nothing_escaped_is_not_sent_as_html)
{
    static const char *const ways[] = {"set", "svg", "remove", "two", "body"};
    setup                    t = site_new(c, "A");
    dj_expect_ok(start(c, &t));
    for (size_t i = 0; i < DJ_COUNT(ways); i++) {
        const char *path = dj_cstr(c->scope, dj_strf(c->scope, "/unescaped/?q=1&way=%s", ways[i]));
        const dj_answer *a = get(&t, path);
        assert_int_equal(a->status, 500);
    }
    assert_int_equal(get(&t, "/unescaped/?q=1")->status, 200);
}

DJ_TESTS(DJ_T(an_error_says_nothing_and_carries_the_headers), DJ_T(a_program_gets_errors_as_json),
         DJ_T(every_problem_is_one_json_object), DJ_T(a_handler_wins_over_json),
         DJ_T(a_foreign_host_meets_no_layer), DJ_T(an_answer_that_no_view_made_carries_the_headers),
         DJ_T(a_layer_that_returns_nothing_is_an_error),
         DJ_T(the_debug_page_is_for_this_machine_alone), DJ_T(handlers_answer_and_may_fail),
         DJ_T(the_table_states_the_methods), DJ_T(too_many_fields_end_before_the_view),
         DJ_T(an_exempt_view_stays_exempt_in_its_errors), DJ_T(a_view_reads_unnamed_groups),
         DJ_T(an_unknown_layer_stops_the_start), DJ_T(refusals_are_ready),
         DJ_T(text_that_nothing_escaped_is_not_sent_as_html))
