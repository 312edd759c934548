/* tests/test/test_client.c - the test client tells what a client over a socket would see. */
#include "test.h"
#include "donjon/cookies.h"
#include "donjon/forms.h"
#include "donjon/test.h"
#include "http/http.h"
#include "loop/loop.h"

/* -- a site -- */

static dj_response *echo(dj_req *req)
{
    dj_str       method = dj_req_method_name(req), path = dj_req_full_path(req);
    dj_response *resp = dj_text(
        req, dj_strf(dj_req_scope(req), DJ_FMT " " DJ_FMT "\n", DJ_ARG(method), DJ_ARG(path)));
    dj_body_add(resp, dj_req_body(req));
    return resp;
}

static dj_response *form(dj_req *req)
{
    const dj_form *f;
    dj_buf         out = dj_buf_make(dj_req_scope(req), 4096);
    char           bytes[64];
    size_t         got;
    if (dj_form_parse(req, &f) != DJ_OK)
        return dj_raise_failure(req);
    for (size_t i = 0; i < dj_post_names(f); i++) {
        dj_str name = dj_post_name(f, i);
        for (size_t k = 0; k < dj_post_count(f, name); k++) {
            dj_buf_addf(&out, DJ_FMT "=", DJ_ARG(name));
            dj_buf_add(&out, dj_post_at(f, name, k));
            dj_buf_add(&out, DJ_LIT(";"));
        }
    }
    const dj_upload *file = dj_file_get(f, DJ_LIT("photo"));
    if (file != NULL) {
        if (dj_upload_read(dj_req_scope(req), file, 0, bytes, sizeof bytes, &got) != DJ_OK)
            return dj_raise_failure(req);
        dj_buf_addf(&out, DJ_FMT " " DJ_FMT " ", DJ_ARG(file->name), DJ_ARG(file->content_type));
        dj_buf_add(&out, dj_str_n(bytes, got));
    }
    return dj_text(req, dj_buf_str(&out));
}

static dj_response *log_in(dj_req *req)
{
    dj_response *resp = dj_redirect(req, DJ_LIT("/whoami/"));
    dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("user"), .value = DJ_LIT("ada")});
    dj_cookie_set(resp,
                  &(dj_cookie){.name = DJ_LIT("hour"), .value = DJ_LIT("1"), .max_age = 3600});
    dj_cookie_set(
        resp,
        &(dj_cookie){.name = DJ_LIT("there"), .value = DJ_LIT("1"), .path = DJ_LIT("/there/")});
    if (dj_req_is_secure(req))
        dj_cookie_set(resp,
                      &(dj_cookie){.name = DJ_LIT("safe"), .value = DJ_LIT("1"), .secure = true});
    return resp;
}

static dj_response *log_out(dj_req *req)
{
    dj_response *resp = dj_redirect(req, DJ_LIT("/whoami/"));
    dj_cookie_delete(resp, &(dj_cookie){.name = DJ_LIT("user")});
    return resp;
}

static dj_response *whoami(dj_req *req)
{
    return dj_text(req, dj_req_header(req, DJ_LIT("Cookie")));
}

static dj_response *around_and_around(dj_req *req)
{
    return dj_redirect(req, DJ_LIT("/loop/"));
}

static dj_response *repeat(dj_req *req)
{
    return dj_redirect_preserving(req, DJ_LIT("/echo/?again=1"), false);
}

static dj_response *boom(dj_req *req)
{
    return dj_raise(req, DJ_ERR_INTERNAL, "the tank is empty");
}

static int scopes_ended;

static void scope_ended(void *what)
{
    scopes_ended++;
}

typedef struct counting {
    int left;
} counting;

static bool next_piece(dj_req *req, void *ctx, dj_str *piece)
{
    counting *c = ctx;
    if (c->left-- == 0)
        return false;
    *piece = dj_strf(dj_req_scope(req), "%d ", c->left);
    return true;
}

static dj_response *stream(dj_req *req)
{
    counting *c = dj_new(dj_req_scope(req), counting);
    c->left = (int)dj_path_int(req, "n");
    dj_own(dj_req_scope(req), scope_ended, NULL);
    return dj_stream(req, next_piece, c);
}

static dj_response *slow(dj_req *req)
{
    dj_own(dj_req_scope(req), scope_ended, NULL);
    if (dj_co_sleep(req->loop, dj_path_int(req, "ms")) != DJ_OK)
        return dj_raise_failure(req);
    return dj_text(req, DJ_LIT("awake"));
}

static dj_response *hungry(dj_req *req)
{
    for (int i = 0; i < 1000; i++)
        (void)dj_alloc(dj_req_scope(req), (size_t)1024 * 1024);
    return echo(req);
}

static dj_response *now(dj_req *req)
{
    return dj_text(req, dj_strf(dj_req_scope(req), "%lld", (long long)dj_now(dj_req_scope(req))));
}

static const dj_route urls[] = {
    DJ_PATH("echo/", echo),
    DJ_PATH("form/", form),
    DJ_PATH("log-in/", log_in),
    DJ_PATH("log-out/", log_out),
    DJ_PATH("whoami/", whoami),
    DJ_PATH("there/whoami/", whoami),
    DJ_PATH("loop/", around_and_around),
    DJ_PATH("repeat/", repeat),
    DJ_PATH("boom/", boom),
    DJ_PATH("stream/<int:n>/", stream),
    DJ_PATH("slow/<int:ms>/", slow),
    DJ_PATH("hungry/", hungry),
    DJ_PATH("now/", now),
};
static const dj_app app = {.urls = DJ_ALL(urls)};

static const char settings[] = "MIDDLEWARE = ['django.middleware.security.SecurityMiddleware',\n"
                               "              'django.middleware.common.CommonMiddleware']\n"
                               "DEBUG = True\n"
                               "MAX_REQUEST_BODY = 1000\n";

static dj_client *opened(dj_case *c)
{
    dj_client *client;
    dj_expect_ok(dj_client_open(
        c->scope, &(dj_client_options){.app = &app, .settings_text = settings, .quiet = true},
        &client));
    return client;
}

/* -- requests -- */

DJ_TEST(a_view_gets_what_was_sent)
{
    dj_client       *client = opened(c);
    const dj_answer *a = dj_client_get(client, "/echo/?a=%C3%A9");
    assert_int_equal(a->status, 200);
    dj_expect_str(DJ_LIT("GET /echo/?a=%C3%A9\n"), a->body);
    dj_expect_str(DJ_LIT("http://testserver/echo/?a=%C3%A9"), a->url);
    dj_expect_str(DJ_LIT("echo/"), a->route);
    dj_expect_str(DJ_LIT(""), a->problem);

    a = dj_client_send(client, &(dj_client_request){.method = "PUT",
                                                    .path = "/echo/",
                                                    .query = DJ_PAIRS({"q", "a b&c"}),
                                                    .body = DJ_LIT("hello"),
                                                    .chunked = true});
    dj_expect_str(DJ_LIT("PUT /echo/?q=a+b%26c\nhello"), a->body);
    a = dj_client_post_json(client, "/echo/", "{\"a\":1}");
    dj_expect_str(DJ_LIT("POST /echo/\n{\"a\":1}"), a->body);
    a = dj_client_send(client, &(dj_client_request){.method = "HEAD", .path = "/echo/"});
    assert_int_equal(a->status, 200);
    dj_expect_str(DJ_LIT(""), a->body);
    dj_expect_str(DJ_LIT("12"), dj_answer_header(a, "content-length"));
}

DJ_TEST(forms_and_files_arrive)
{
    dj_client       *client = opened(c);
    const dj_answer *a =
        dj_client_post(client, "/form/", DJ_PAIRS({"a b", "1&2"}, {"a b", "+%"}, {"n", "x\0y", 3}));
    assert_int_equal(a->body.len, strlen("a b=1&2;a b=+%;n=x_y;"));
    assert_memory_equal(a->body.ptr, "a b=1&2;a b=+%;n=x\0y;", a->body.len);
    a = dj_client_send(client,
                       &(dj_client_request){
                           .path = "/form/",
                           .form = DJ_PAIRS({"title", "Me \"and\" you"}),
                           .files = DJ_FILES({"photo", "a\"b.png", "image/png", DJ_LIT("bytes")})});
    assert_int_equal(a->status, 200);
    assert_int_equal(dj_answer_count(a, "title=Me \"and\" you;"), 1);
    assert_int_equal(dj_answer_count(a, "image/png bytes"), 1);
    a = dj_client_post(client, "/form/", DJ_NO_PAIRS);
    assert_int_equal(a->status, 200);
    dj_expect_str(DJ_LIT("POST"), a->method);
}

/* Over what is kept in memory: as the server, the client hands it on in stretches. */
DJ_TEST(a_long_body_arrives_whole)
{
    static const char large[] = "MIDDLEWARE = []\nMAX_REQUEST_BODY = 1000000\n"
                                "DATA_UPLOAD_MAX_MEMORY_SIZE = 400000\n";
    dj_client        *client;
    char             *bytes = dj_alloc(c->scope, 300001);
    memset(bytes, 'x', 300000);
    memcpy(bytes + 299990, "0123456789", 10);
    dj_expect_ok(dj_client_open(
        c->scope, &(dj_client_options){.app = &app, .settings_text = large, .quiet = true},
        &client));
    for (int chunked = 0; chunked < 2; chunked++) {
        const dj_answer *a =
            dj_client_send(client, &(dj_client_request){.path = "/echo/",
                                                        .body = dj_str_n(bytes, 300000),
                                                        .chunked = chunked == 1});
        assert_int_equal(a->status, 200);
        assert_int_equal(a->body.len, 300000 + strlen("POST /echo/\n"));
        assert_true(dj_str_ends(a->body, DJ_LIT("x0123456789")));
    }
    const dj_answer *a = dj_client_send(
        client,
        &(dj_client_request){.path = "/form/",
                             .form = DJ_PAIRS({"title", "kept"}),
                             .files = DJ_FILES({"photo", "a.png", NULL, dj_str_n(bytes, 300000)})});
    assert_int_equal(a->status, 200);
    assert_int_equal(dj_answer_count(a, "title=kept;"), 1);
    assert_int_equal(dj_answer_count(a, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), 2);
    a = dj_client_send(client,
                       &(dj_client_request){.path = "/form/",
                                            .body = dj_str_n(bytes, 300000),
                                            .content_type = "multipart/form-data; boundary=x"});
    assert_int_equal(a->status, 400);
}

/* What the server's parser refuses, it refuses here. */
DJ_TEST(the_parser_and_its_limits_hold)
{
    dj_client       *client = opened(c);
    const dj_answer *a = dj_client_get(client, "/a b");
    assert_int_equal(a->status, 400);
    assert_true(a->problem.len > 0);
    assert_true(dj_answer_count(a, "Bad Request") > 0);
    assert_false(dj_str_is_none(dj_answer_header(a, "X-Content-Type-Options")));

    a = dj_client_send(
        client, &(dj_client_request){.path = "/echo/", .headers = DJ_PAIRS({"X", "a\r\nHost: b"})});
    assert_int_equal(a->status, 400);
    a = dj_client_send(client, &(dj_client_request){.path = "/echo/",
                                                    .headers = DJ_PAIRS({"Host", "evil.example"})});
    assert_int_equal(a->status, 400);
    assert_true(dj_answer_logged(a, "django.security.DisallowedHost", "evil.example"));
    char large[1002] = {0};
    memset(large, 'a', 1001);
    a = dj_client_send(client, &(dj_client_request){.path = "/echo/", .body = dj_str_of(large)});
    assert_int_equal(a->status, 413);
    a = dj_client_send_raw(client, DJ_LIT("GET /echo/ HTTP/1.1\nHost: testserver\n\n"), false);
    assert_int_equal(a->status, 400);
    dj_expect_str(DJ_LIT("bare-lf"), a->problem);
    a = dj_client_send_raw(client, DJ_LIT("GET /echo/ HTTP/1.1\r\n"), false);
    assert_int_equal(a->status, 0);
    a = dj_client_send_raw(client, DJ_LIT("OPTIONS * HTTP/1.1\r\nHost: testserver\r\n\r\n"), false);
    assert_int_equal(a->status, 204);
    /* DEBUG of a settings file is off in tests. */
    assert_int_equal(dj_answer_count(dj_client_get(client, "/nowhere/"), "urlpatterns"), 0);
}

/* -- cookies and redirects -- */

DJ_TEST(cookies_are_kept_as_a_browser_keeps_them)
{
    dj_client *client = opened(c);
    dj_client_set_now(client, 1700000000);
    const dj_answer *a = dj_client_get(client, "/log-in/");
    assert_int_equal(a->status, 302);
    assert_true(dj_str_starts(dj_answer_cookie(a, "hour"), DJ_LIT("1;")));
    dj_expect_str(DJ_LIT("ada"), dj_client_cookie(client, "user"));
    dj_expect_str(DJ_LIT("user=ada; hour=1"), dj_client_get(client, "/whoami/")->body);
    dj_expect_str(DJ_LIT("user=ada; hour=1; there=1"),
                  dj_client_get(client, "/there/whoami/")->body);
    dj_client_set_now(client, 1700003601);
    dj_expect_str(DJ_LIT("user=ada"), dj_client_get(client, "/whoami/")->body);
    (void)dj_client_get(client, "/log-out/");
    assert_true(dj_str_is_none(dj_client_cookie(client, "user")));

    (void)dj_client_send(client, &(dj_client_request){.path = "/log-in/", .secure = true});
    dj_client_set_cookie(client, "more", "2");
    a = dj_client_send(client, &(dj_client_request){.path = "/whoami/", .secure = true});
    assert_int_equal(dj_answer_count(a, "safe=1"), 1);
    assert_int_equal(dj_answer_count(a, "more=2"), 1);
    assert_int_equal(dj_answer_count(dj_client_get(client, "/whoami/"), "safe=1"), 0);
    dj_client_forget_cookies(client);
    dj_expect_str(DJ_LIT(""), dj_client_get(client, "/whoami/")->body);
    for (int i = 0; i < 300; i++)
        dj_client_set_cookie(client, dj_cstr(c->scope, dj_strf(c->scope, "c%d", i)), "1");
    assert_int_equal(dj_client_get(client, "/whoami/")->status, 200);
}

DJ_TEST(redirects_are_followed_when_asked_for)
{
    dj_client       *client = opened(c);
    const dj_answer *a =
        dj_client_send(client, &(dj_client_request){.path = "/log-in/", .follow = true});
    assert_int_equal(a->status, 200);
    assert_true(dj_str_starts(a->body, DJ_LIT("user=ada")));
    assert_int_equal(a->before->status, 302);
    assert_null(a->before->before);
    a = dj_client_send(client, &(dj_client_request){.path = "/echo", .follow = true});
    dj_expect_str(DJ_LIT("GET /echo/\n"), a->body);
    a = dj_client_send(
        client, &(dj_client_request){.path = "/repeat/", .body = DJ_LIT("kept"), .follow = true});
    dj_expect_str(DJ_LIT("POST /echo/?again=1\nkept"), a->body);
    a = dj_client_send(client, &(dj_client_request){.path = "/loop/", .follow = true});
    dj_expect_str(DJ_LIT("redirect loop"), a->problem);
}

/* -- what views do -- */

DJ_TEST(failures_and_records_are_told)
{
    dj_client       *client = opened(c);
    const dj_answer *a = dj_client_get(client, "/boom/");
    assert_int_equal(a->status, 500);
    assert_int_equal(dj_answer_count(a, "tank"), 0);
    assert_int_equal(a->nrecords, 1);
    assert_true(dj_str_has(dj_answer_failure(a), DJ_LIT("the tank is empty")));
    assert_true(dj_answer_logged(a, "django.request", "Internal Server Error: /boom/"));
    assert_false(dj_answer_logged(a, "django", "Internal"));
    assert_true(dj_str_is_none(dj_answer_failure(dj_client_get(client, "/whoami/"))));
}

DJ_TEST(streams_are_collected_and_can_be_left)
{
    dj_client       *client = opened(c);
    const dj_answer *a;
    scopes_ended = 0;
    a = dj_client_get(client, "/stream/3/");
    dj_expect_str(DJ_LIT("2 1 0 "), a->body);
    assert_true(a->streamed);
    assert_int_equal(a->npieces, 3);
    dj_expect_str(DJ_LIT("chunked"), dj_answer_header(a, "Transfer-Encoding"));
    a = dj_client_send(client, &(dj_client_request){.path = "/stream/1000000/", .pieces_max = 2});
    dj_expect_str(DJ_LIT("999999 999998 "), a->body);
    assert_int_equal(scopes_ended, 2);
}

DJ_TEST(a_view_may_wait_but_not_for_ever)
{
    dj_client *client;
    dj_expect_ok(dj_client_open(
        c->scope,
        &(dj_client_options){
            .app = &app, .settings_text = settings, .timeout_ms = 200, .quiet = true},
        &client));
    scopes_ended = 0;
    dj_expect_str(DJ_LIT("awake"), dj_client_get(client, "/slow/10/")->body);
    const dj_answer *a = dj_client_get(client, "/slow/3600000/");
    assert_int_equal(a->status, 0);
    dj_expect_str(DJ_LIT("no answer within 200 ms"), a->problem);
    assert_int_equal(scopes_ended, 2);
    dj_expect_str(DJ_LIT("awake"), dj_client_get(client, "/slow/0/")->body);
}

DJ_TEST(memory_that_runs_out_is_a_503)
{
    dj_client       *client = opened(c);
    const dj_answer *a = dj_client_get(client, "/hungry/");
    assert_int_equal(a->status, 503);
    assert_int_equal(dj_client_get(client, "/whoami/")->status, 200);
}

DJ_TEST(the_clock_can_stand_still)
{
    dj_client *client;
    dj_expect_ok(dj_client_open(
        c->scope, &(dj_client_options){.app = &app, .settings_text = settings, .now = 1700000000},
        &client));
    const dj_answer *a = dj_client_get(client, "/now/");
    dj_expect_str(DJ_LIT("1700000000"), a->body);
    dj_expect_str(DJ_LIT("Tue, 14 Nov 2023 22:13:20 GMT"), dj_answer_header(a, "Date"));
}

DJ_TEST(settings_that_serve_would_refuse_are_refused)
{
    static const char *const texts[] = {"MIDDLEWARE = ['no.such.Layer']\n", "DEBUG = 'yes'\n",
                                        "import this\n"};
    dj_client               *client;
    for (size_t i = 0; i < DJ_COUNT(texts); i++)
        dj_expect_err(DJ_ERR_SETTINGS,
                      dj_client_open(c->scope,
                                     &(dj_client_options){.app = &app, .settings_text = texts[i]},
                                     &client));
    dj_expect_err(DJ_ERR_SETTINGS,
                  dj_client_open(c->scope, &(dj_client_options){.app = &app}, &client));
}

DJ_TEST(answers_can_be_forgotten)
{
    dj_client *client = opened(c);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(dj_client_get(client, "/stream/100/")->status, 200);
        dj_client_forget(client);
    }
}

DJ_TESTS(DJ_T(a_view_gets_what_was_sent), DJ_T(forms_and_files_arrive),
         DJ_T(a_long_body_arrives_whole), DJ_T(the_parser_and_its_limits_hold),
         DJ_T(cookies_are_kept_as_a_browser_keeps_them),
         DJ_T(redirects_are_followed_when_asked_for), DJ_T(failures_and_records_are_told),
         DJ_T(streams_are_collected_and_can_be_left), DJ_T(a_view_may_wait_but_not_for_ever),
         DJ_T(memory_that_runs_out_is_a_503), DJ_T(the_clock_can_stand_still),
         DJ_T(settings_that_serve_would_refuse_are_refused), DJ_T(answers_can_be_forgotten))
