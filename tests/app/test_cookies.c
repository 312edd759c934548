/* tests/app/test_cookies.c - cookies through a whole site: refused before any middleware, signed
 * with the site's keys. */
#include "../test.h"
#include "donjon/signed_cookies.h"
#include "donjon/test.h"

#define NOW INT64_C(1767225600)

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

static dj_client *site_with(dj_case *c, const char *key, const char *old)
{
    static const dj_str hosts[] = {DJ_STR_INIT("testserver")}, names[] = {DJ_STR_INIT("counted")};
    dj_settings        *settings = dj_settings_default(c->scope);
    dj_app             *app = dj_new(c->scope, dj_app);
    dj_str             *fallbacks = dj_new(c->scope, dj_str);
    dj_client          *client = NULL;
    *app = (dj_app){.urls = DJ_ALL(routes), .middleware = layers, .nmiddleware = 1};
    *fallbacks = dj_str_of(old);
    settings->ALLOWED_HOSTS = (dj_str_list){hosts, 1};
    settings->MIDDLEWARE = (dj_str_list){names, 1};
    settings->SECRET_KEY_FALLBACKS = (dj_str_list){fallbacks, old == NULL ? 0 : 1};
    settings->secret_key = key == NULL ? NULL : dj_secret_new(c->scope, dj_str_of(key));
    dj_expect_ok(dj_client_open(
        c->scope, &(dj_client_options){.app = app, .settings = settings, .now = NOW, .quiet = true},
        &client));
    return client;
}

/* `cookie`: the whole header, instead of what the client keeps. */
static const dj_answer *ask(dj_case *c, dj_client *site, const char *path, dj_str cookie)
{
    reached = 0;
    dj_client_forget_cookies(site);
    return dj_client_send(
        site,
        &(dj_client_request){.path = path,
                             .headers = dj_str_is_none(cookie)
                                            ? DJ_NO_PAIRS
                                            : DJ_PAIRS({"Cookie", dj_cstr(c->scope, cookie)})});
}

DJ_TEST(a_protected_name_twice_is_refused_before_any_layer)
{
    dj_client       *site = site_with(c, "k", NULL);
    const dj_answer *a =
        ask(c, site, "/planted-or-not/", DJ_LIT("__Host-sid=s3cret; __Host-sid=s3cret2"));
    assert_int_equal(a->status, 400);
    assert_int_equal(reached, 0);
    assert_int_equal(a->nrecords, 1);
    assert_true(dj_answer_logged(a, "django.security.SuspiciousOperation", ""));
    assert_false(dj_answer_logged(a, "django.security.SuspiciousOperation", "s3cret"));
    assert_int_equal(dj_answer_header_count(a, "X-Content-Type-Options"), 1);
    assert_int_equal(ask(c, site, "/take/", DJ_LIT("__Host-sid=1"))->status,
                     400); /* reached: no signed cookie */
    assert_int_equal(reached, 1);
}

DJ_TEST(a_cookie_that_cant_be_sent_is_an_error_page)
{
    dj_client       *site = site_with(c, "k", NULL);
    const dj_answer *a = ask(c, site, "/planted/", DJ_NONE);
    assert_int_equal(a->status, 500);
    assert_int_equal(a->nrecords, 1);
    assert_int_equal(dj_answer_header_count(a, "Set-Cookie"), 0);
}

/* "who=..." as a browser sends it back. */
static dj_str given_by(dj_case *c, dj_client *site)
{
    const dj_answer *a = ask(c, site, "/give/", DJ_NONE);
    assert_int_equal(a->status, 200);
    dj_str line = dj_answer_header(a, "Set-Cookie");
    assert_true(dj_str_ends(line, DJ_LIT("; HttpOnly; Path=/")));
    return dj_str_first(line, dj_str_chr(line, ';')); /* the value's own ';' is \073 */
}

DJ_TEST(a_signed_cookie_comes_back_from_the_site_that_made_it)
{
    dj_client *first = site_with(c, "first key", NULL), *second = site_with(c, "second key", NULL);
    dj_client *turned = site_with(c, "second key", "first key");
    dj_str     cookie = given_by(c, first);
    const dj_answer *a = ask(c, first, "/take/", cookie);
    assert_int_equal(a->status, 200);
    dj_expect_str(DJ_LIT("jo;e"), a->body);
    assert_int_equal(ask(c, turned, "/take/", cookie)->status, 200);
    assert_int_equal(ask(c, second, "/take/", cookie)->status, 400);
    assert_int_equal(ask(c, first, "/take/", given_by(c, turned))->status, 400);
    for (size_t at = sizeof "who=\"" - 1; at + 1 < cookie.len; at++) {
        char *changed = dj_alloc_raw(c->scope, cookie.len);
        memcpy(changed, cookie.ptr, cookie.len);
        changed[at] = changed[at] == 'x' ? 'y' : 'x';
        assert_int_equal(ask(c, first, "/take/", dj_str_n(changed, cookie.len))->status, 400);
    }
    dj_client_set_now(first, NOW + 61);
    assert_int_equal(ask(c, first, "/take/", cookie)->status, 400);
}

DJ_TEST(without_a_key_nothing_is_signed)
{
    dj_client       *site = site_with(c, NULL, "old");
    const dj_answer *a = ask(c, site, "/give/", DJ_NONE);
    assert_int_equal(a->status, 500);
    assert_int_equal(dj_answer_header_count(a, "Set-Cookie"), 0);
    assert_int_equal(ask(c, site, "/take/", DJ_LIT("who=x:1:y"))->status, 500);
}

DJ_TESTS(DJ_T(a_protected_name_twice_is_refused_before_any_layer),
         DJ_T(a_cookie_that_cant_be_sent_is_an_error_page),
         DJ_T(a_signed_cookie_comes_back_from_the_site_that_made_it),
         DJ_T(without_a_key_nothing_is_signed))
