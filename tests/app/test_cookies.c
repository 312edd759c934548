/* tests/app/test_cookies.c - cookies through a whole site: refused before any middleware, signed
 * with the site's keys. */
#include "../test.h"
#include "app/app.h"
#include "donjon/signed_cookies.h"
#include <stdio.h>

static size_t reached;

static dj_response *counted(dj_req *req, dj_next *next)
{
    reached++;
    return dj_call(next, req);
}

static dj_response *give(dj_req *req)
{
    dj_response *resp = dj_page(req, DJ_HTML("x"));
    dj_cookie_set_signed(
        resp, &(dj_cookie){.name = DJ_LIT("who"), .value = DJ_LIT("jo;e"), .httponly = true},
        DJ_LIT("s"));
    return resp;
}

static dj_response *take(dj_req *req)
{
    dj_str who = DJ_LIT("untouched");
    if (dj_cookie_get_signed(req, DJ_LIT("who"), DJ_LIT("s"), 60, &who) != DJ_OK) {
        dj_expect_str(DJ_LIT("untouched"), who);
        return dj_raise_failure(req);
    }
    return dj_text(req, who);
}

static dj_response *planted(dj_req *req)
{
    dj_response *resp = dj_page(req, DJ_HTML("x"));
    dj_cookie_set(
        resp,
        &(dj_cookie){.name = DJ_LIT("a"), .value = DJ_LIT("b"), .path = DJ_LIT("/;Domain=x")});
    return resp;
}

static const dj_route routes[] = {
    DJ_PATH("give/", give),
    DJ_PATH("take/", take),
    DJ_PATH("planted/", planted),
};
static const dj_middleware        layer = {.name = "counted", .around = counted};
static const dj_middleware *const layers[] = {&layer};

static dj_site *site_with(dj_case *c, const char *key, const char *old)
{
    static const dj_str hosts[] = {DJ_STR_INIT("example.com")}, names[] = {DJ_STR_INIT("counted")};
    dj_settings        *settings = dj_settings_default(c->scope);
    dj_app             *app = dj_new(c->scope, dj_app);
    dj_str             *fallbacks = dj_new(c->scope, dj_str);
    dj_site            *site = NULL;
    *app = (dj_app){.urls = DJ_ALL(routes), .middleware = layers, .nmiddleware = 1};
    *fallbacks = dj_str_of(old);
    settings->ALLOWED_HOSTS = (dj_str_list){hosts, 1};
    settings->MIDDLEWARE = (dj_str_list){names, 1};
    settings->SECRET_KEY_FALLBACKS = (dj_str_list){fallbacks, old == NULL ? 0 : 1};
    settings->secret_key = key == NULL ? NULL : dj_secret_new(c->scope, dj_str_of(key));
    dj_site_parts parts = {.app = app, .settings = settings};
    dj_expect_ok(dj_site_new(c->scope, &parts, &site));
    return site;
}

static dj_response *ask(dj_case *c, dj_site *site, const char *path, dj_str cookie)
{
    static dj_peer peer = {.address = DJ_STR_INIT("127.0.0.1"),
                           .loopback = true,
                           .port = 80,
                           .server_name = DJ_STR_INIT("h")};
    dj_head       *head = dj_new(c->scope, dj_head);
    head->method = DJ_GET;
    head->method_name = DJ_LIT("GET");
    head->target = head->path = dj_str_of(path);
    head->query = DJ_LIT("");
    head->host = DJ_LIT("example.com");
    if (!dj_str_is_none(cookie)) {
        head->fields[0] =
            (dj_field){.name = DJ_LIT("Cookie"), .value = cookie, .id = DJ_FIELD_COOKIE};
        head->nfields = 1;
        head->seen = 1u << DJ_FIELD_COOKIE;
    }
    reached = 0;
    return dj_site_handle(dj_req_new(c->scope, head, &peer, DJ_LIT("")), site);
}

typedef struct records {
    size_t count;
    char   logger[64];
} records;

static void keep(const dj_log_record *record, void *ctx)
{
    records *all = ctx;
    all->count++;
    snprintf(all->logger, sizeof all->logger, DJ_FMT, DJ_ARG(record->logger));
    assert_false(dj_str_has(record->message, DJ_LIT("s3cret")));
}

DJ_TEST(a_protected_name_twice_is_refused_before_any_layer)
{
    records  all = {0};
    dj_site *site = site_with(c, "k", NULL);
    dj_log_capture(keep, &all);
    dj_response *resp =
        ask(c, site, "/planted-or-not/", DJ_LIT("__Host-sid=s3cret; __Host-sid=s3cret2"));
    dj_log_capture(NULL, NULL);
    assert_int_equal(resp->status, 400);
    assert_int_equal(reached, 0);
    assert_int_equal(all.count, 1);
    assert_string_equal(all.logger, "django.security.SuspiciousOperation");
    assert_true(dj_header_has(resp, DJ_LIT("X-Content-Type-Options")));
    dj_log_capture(keep, &all);
    assert_int_equal(ask(c, site, "/take/", DJ_LIT("__Host-sid=1"))->status,
                     400); /* reached: no signed cookie */
    dj_log_capture(NULL, NULL);
    assert_int_equal(reached, 1);
}

DJ_TEST(a_cookie_that_cant_be_sent_is_an_error_page)
{
    records  all = {0};
    dj_site *site = site_with(c, "k", NULL);
    dj_log_capture(keep, &all);
    dj_response *resp = ask(c, site, "/planted/", DJ_NONE);
    dj_log_capture(NULL, NULL);
    assert_int_equal(resp->status, 500);
    assert_int_equal(all.count, 1);
    assert_false(dj_header_has(resp, DJ_LIT("Set-Cookie")));
}

/* "who=..." as a browser sends it back. */
static dj_str given_by(dj_case *c, dj_site *site)
{
    dj_response *resp = ask(c, site, "/give/", DJ_NONE);
    assert_int_equal(resp->status, 200);
    dj_str line = dj_header_get(resp, DJ_LIT("Set-Cookie"));
    assert_true(dj_str_ends(line, DJ_LIT("; HttpOnly; Path=/")));
    return dj_str_first(line, dj_str_chr(line, ';')); /* the value's own ';' is \073 */
}

DJ_TEST(a_signed_cookie_comes_back_from_the_site_that_made_it)
{
    records  all = {0};
    dj_site *first = site_with(c, "first key", NULL), *second = site_with(c, "second key", NULL);
    dj_site *turned = site_with(c, "second key", "first key");
    dj_log_capture(keep, &all);
    dj_clock_freeze(c->scope, INT64_C(1767225600000000));
    dj_str       cookie = given_by(c, first);
    dj_response *resp = ask(c, first, "/take/", cookie);
    assert_int_equal(resp->status, 200);
    dj_expect_str(DJ_LIT("jo;e"), resp->pieces[0]);
    assert_int_equal(ask(c, turned, "/take/", cookie)->status, 200);
    assert_int_equal(ask(c, second, "/take/", cookie)->status, 400);
    assert_int_equal(ask(c, first, "/take/", given_by(c, turned))->status, 400);
    for (size_t at = sizeof "who=\"" - 1; at + 1 < cookie.len; at++) {
        char *changed = dj_alloc_raw(c->scope, cookie.len);
        memcpy(changed, cookie.ptr, cookie.len);
        changed[at] = changed[at] == 'x' ? 'y' : 'x';
        assert_int_equal(ask(c, first, "/take/", dj_str_n(changed, cookie.len))->status, 400);
    }
    dj_clock_freeze(c->scope, INT64_C(1767225661000000));
    assert_int_equal(ask(c, first, "/take/", cookie)->status, 400);
    dj_log_capture(NULL, NULL);
}

DJ_TEST(without_a_key_nothing_is_signed)
{
    records  all = {0};
    dj_site *site = site_with(c, NULL, "old");
    dj_log_capture(keep, &all);
    dj_response *resp = ask(c, site, "/give/", DJ_NONE);
    assert_int_equal(resp->status, 500);
    assert_false(dj_header_has(resp, DJ_LIT("Set-Cookie")));
    assert_int_equal(ask(c, site, "/take/", DJ_LIT("who=x:1:y"))->status, 500);
    dj_log_capture(NULL, NULL);
}

DJ_TESTS(DJ_T(a_protected_name_twice_is_refused_before_any_layer),
         DJ_T(a_cookie_that_cant_be_sent_is_an_error_page),
         DJ_T(a_signed_cookie_comes_back_from_the_site_that_made_it),
         DJ_T(without_a_key_nothing_is_signed))
