/* tests/http/test_cookies.c - cookies read and set: what vectors can't show. */
#include "donjon/cookies.h"
#include "http/http.h"
#include "test.h"

static dj_req *request(dj_case *c, size_t n, const dj_str *cookies)
{
    static const dj_peer peer = {.address = DJ_STR_INIT("127.0.0.1"), .port = 80};
    dj_head             *head = dj_new(c->scope, dj_head);
    head->method = DJ_GET;
    head->minor = 1;
    head->path = DJ_LIT("/");
    for (size_t i = 0; i < n; i++) {
        head->fields[head->nfields++] =
            (dj_field){.name = DJ_LIT("Cookie"), .value = cookies[i], .id = DJ_FIELD_COOKIE};
        head->seen |= 1u << DJ_FIELD_COOKIE;
    }
    return dj_req_new(c->scope, head, &peer, DJ_LIT(""));
}

static dj_req *request_of(dj_case *c, dj_str cookie)
{
    return request(c, 1, &cookie);
}

static dj_response *response(dj_case *c)
{
    dj_clock_freeze(c->scope, INT64_C(1767225600000000));
    return dj_respond(request(c, 0, NULL), 200);
}

/* The one Set-Cookie value of a response that sets `cookie`. */
#define expect_set(want, ...)                                                                      \
    do {                                                                                           \
        dj_response *made = response(c);                                                           \
        dj_cookie_set(made, &(dj_cookie){__VA_ARGS__});                                            \
        assert_int_equal(made->raised, DJ_OK);                                                     \
        dj_expect_str(DJ_LIT(want), dj_header_get(made, DJ_LIT("Set-Cookie")));                    \
    } while (0)
#define expect_refused(...)                                                                        \
    do {                                                                                           \
        dj_response *made = response(c);                                                           \
        dj_cookie_set(made, &(dj_cookie){__VA_ARGS__});                                            \
        assert_int_equal(made->raised, DJ_ERR_BAD_HEADER);                                         \
        assert_false(dj_header_has(made, DJ_LIT("Set-Cookie")));                                   \
    } while (0)

DJ_TEST(no_cookie_header_costs_no_memory)
{
    dj_req *req = request(c, 0, NULL);
    size_t  used = dj_scope_used(c->scope), pos = 0;
    dj_str  name, value;
    dj_expect_ok(dj_cookies_check(req));
    assert_true(dj_str_is_none(dj_cookie_get(req, DJ_LIT("a"))));
    assert_false(dj_cookie_next(req, &pos, &name, &value));
    assert_int_equal(dj_scope_used(c->scope), used);
}

DJ_TEST(a_request_is_parsed_once_and_only_when_asked)
{
    dj_req *req = request_of(c, DJ_LIT("a=1; b=2"));
    size_t  used = dj_scope_used(c->scope);
    dj_expect_ok(dj_cookies_check(req));
    assert_int_equal(dj_scope_used(c->scope), used);
    dj_expect_str(DJ_LIT("2"), dj_cookie_get(req, DJ_LIT("b")));
    used = dj_scope_used(c->scope);
    dj_expect_str(DJ_LIT("1"), dj_cookie_get(req, DJ_LIT("a")));
    assert_true(dj_str_is_none(dj_cookie_get(req, DJ_LIT("A"))));
    assert_int_equal(dj_scope_used(c->scope), used);
}

DJ_TEST(several_headers_are_one)
{
    dj_req *req = request(c, 2, (dj_str[]){DJ_LIT("a=1; b=2"), DJ_LIT("a=3")});
    size_t  pos = 0;
    dj_str  name, value;
    assert_true(dj_cookie_next(req, &pos, &name, &value));
    dj_expect_str(DJ_LIT("a"), name);
    dj_expect_str(DJ_LIT("3"), value);
    assert_true(dj_cookie_next(req, &pos, &name, &value));
    dj_expect_str(DJ_LIT("b"), name);
    assert_false(dj_cookie_next(req, &pos, &name, &value));
}

DJ_TEST(a_protected_name_comes_once)
{
    static const struct {
        dj_str header;
        bool   refused;
    } cases[] = {
        {DJ_STR_INIT("__Host-s=1; a=2"), false},
        {DJ_STR_INIT("__Host-s=1; __Host-t=1; __Secure-s=1"), false},
        {DJ_STR_INIT("s=1; s=2"), false},
        {DJ_STR_INIT("__Host-s=1; __host-s=1"),
         false}, /* another name, here as in the browser's jar */
        {DJ_STR_INIT("a=__Host-s=1; __Host-s=1"), false},
        {DJ_STR_INIT("__Host-s=1; __Host-s=1"), true},
        {DJ_STR_INIT("__Secure-s=1; a=b;__Secure-s=2"), true},
        {DJ_STR_INIT("__Host-s=1; \xC2\xA0__Host-s=2"), true},
        {DJ_STR_INIT("__Host-s=1; \x1C__Host-s\xE2\x80\x83=2"), true},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        dj_req *req = request_of(c, cases[i].header);
        dj_expect_err(cases[i].refused ? DJ_ERR_SUSPICIOUS : DJ_OK, dj_cookies_check(req));
        assert_int_equal(dj_str_is_none(dj_cookie_get(req, DJ_LIT("__Host-s"))),
                         cases[i].refused || !dj_str_has(cases[i].header, DJ_LIT("__Host-s")));
    }
    dj_req *req = request(c, 2, (dj_str[]){DJ_LIT("__Host-s=1"), DJ_LIT("__Host-s=2")});
    dj_expect_err(DJ_ERR_SUSPICIOUS, dj_cookies_check(req));
}

DJ_TEST(the_number_of_cookies_is_bounded)
{
    for (size_t n = DJ_COOKIES_MAX; n <= DJ_COOKIES_MAX + 1; n++) {
        dj_buf b = dj_buf_make(c->scope, 1 << 20);
        for (size_t i = 0; i < n; i++)
            dj_buf_addf(&b, "%sk%zu=v", i == 0 ? "" : ";", i);
        dj_expect_err(n > DJ_COOKIES_MAX ? DJ_ERR_SUSPICIOUS : DJ_OK,
                      dj_cookies_check(request_of(c, dj_buf_str(&b))));
    }
}

DJ_TEST(every_byte_of_a_value_reads_back)
{
    for (uint32_t cp = 0; cp < 0x110000; cp += cp < 0x200 ? 1 : 997) {
        if (cp >= 0xD800 && cp <= 0xDFFF)
            continue;
        char         text[6] = "a";
        size_t       len = 1 + dj_utf8_put(text + 1, cp);
        dj_str       value = dj_str_n(text, len);
        dj_response *resp = response(c);
        dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("k"), .value = value});
        assert_int_equal(resp->raised, cp > 0xFF ? DJ_ERR_BAD_HEADER : DJ_OK);
        if (cp > 0xFF)
            continue;
        dj_str sent = dj_header_get(resp, DJ_LIT("Set-Cookie"));
        for (size_t i = 0; i < sent.len; i++)
            assert_true(sent.ptr[i] >= 0x20 && sent.ptr[i] <= 0x7E);
        dj_expect_str(value, dj_cookie_get(request_of(c, dj_str_first(sent, dj_str_chr(sent, ';'))),
                                           DJ_LIT("k")));
    }
    expect_refused(.name = DJ_LIT("k"), .value = DJ_LIT("\xFF no UTF-8"));
}

DJ_TEST(no_byte_ends_an_attribute_early)
{
    for (int byte = 0; byte < 256; byte++) {
        char   bytes[3] = {'/', (char)byte, 'b'};
        dj_str text = dj_str_n(bytes, 3);
        bool   refused = byte < 0x20 || byte > 0x7E || byte == ';';
        for (int which = 0; which < 3; which++) {
            dj_response *resp = response(c);
            dj_cookie    cookie = {.name = DJ_LIT("k"), .value = DJ_LIT("v")};
            *(which == 0   ? &cookie.path
              : which == 1 ? &cookie.domain
                           : &cookie.expires_text) = text;
            dj_cookie_set(resp, &cookie);
            assert_int_equal(resp->raised, refused ? DJ_ERR_BAD_HEADER : DJ_OK);
        }
        char         name[2] = {'a', (char)byte};
        dj_response *resp = response(c);
        dj_cookie_set(resp, &(dj_cookie){.name = dj_str_n(name, 2), .value = DJ_LIT("v")});
        bool bare = dj_is_alpha((char)byte) || dj_is_digit((char)byte) ||
                    (byte != 0 && byte < 128 && strchr("!#$%&'*+-.^_`|~:", byte) != NULL);
        assert_int_equal(resp->raised, bare ? DJ_OK : DJ_ERR_BAD_HEADER);
    }
    expect_refused(.name = DJ_LIT("SameSite"), .value = DJ_LIT("v"));
    expect_refused(.name = DJ_NONE, .value = DJ_LIT("v"));
}

DJ_TEST(what_a_browser_would_drop_is_refused)
{
    expect_refused(.name = DJ_LIT("k"), .samesite = DJ_LIT("None"));
    expect_refused(.name = DJ_LIT("k"), .partitioned = true);
    expect_refused(.name = DJ_LIT("__Secure-k"), .value = DJ_LIT("v"));
    expect_refused(.name = DJ_LIT("__Host-k"), .value = DJ_LIT("v"));
    expect_refused(.name = DJ_LIT("__Host-k"), .secure = true, .domain = DJ_LIT("example.com"));
    expect_refused(.name = DJ_LIT("__Host-k"), .secure = true, .path = DJ_LIT("/a"));
    expect_refused(.name = DJ_LIT("__Host-k"), .secure = true, .path = DJ_LIT(""));
    expect_set("__Host-k=v; Path=/; Secure", .name = DJ_LIT("__Host-k"), .value = DJ_LIT("v"),
               .secure = true);
    expect_set("__Secure-k=v; Domain=a.b; Path=/x; Secure", .name = DJ_LIT("__Secure-k"),
               .value = DJ_LIT("v"), .secure = true, .path = DJ_LIT("/x"), .domain = DJ_LIT("a.b"));
    expect_set("k=v; Partitioned; Path=/; SameSite=None; Secure", .name = DJ_LIT("k"),
               .value = DJ_LIT("v"), .secure = true, .partitioned = true,
               .samesite = DJ_LIT("None"));
}

DJ_TEST(times_stay_within_four_digit_years)
{
    expect_set("k=v; expires=Fri, 31 Dec 9999 23:59:59 GMT; Max-Age=251635075199; Path=/",
               .name = DJ_LIT("k"), .value = DJ_LIT("v"), .max_age = INT64_C(251635075199));
    expect_refused(.name = DJ_LIT("k"), .max_age = INT64_C(251635075200));
    expect_refused(.name = DJ_LIT("k"), .max_age = INT64_MAX);
    expect_refused(.name = DJ_LIT("k"), .max_age = INT64_MIN + 1);
    expect_refused(.name = DJ_LIT("k"), .expires = INT64_MAX);
    expect_refused(.name = DJ_LIT("k"), .expires = 5, .max_age = 5);
    expect_set("k=v; expires=Thu, 01 Jan 2026 00:00:00 GMT; Max-Age=0; Path=/", .name = DJ_LIT("k"),
               .value = DJ_LIT("v"), .expires = INT64_MIN);
    expect_set("k=v; expires=Wed, 31 Dec 2025 23:59:55 GMT; Max-Age=-5; Path=/",
               .name = DJ_LIT("k"), .value = DJ_LIT("v"), .max_age = -5);
}

DJ_TEST(a_date_is_met_however_far_the_second_has_gone)
{
    for (int64_t us = 0; us < 1000000; us += 124999) {
        dj_response *resp = response(c);
        dj_clock_freeze(c->scope, INT64_C(1767225600000000) + us);
        dj_cookie_set(
            resp, &(dj_cookie){.name = DJ_LIT("k"), .value = DJ_LIT("v"), .expires = 1767225610});
        dj_expect_str(
            us == 0 ? DJ_LIT("k=v; expires=Thu, 01 Jan 2026 00:00:11 GMT; Max-Age=11; Path=/")
                    : DJ_LIT("k=v; expires=Thu, 01 Jan 2026 00:00:10 GMT; Max-Age=10; Path=/"),
            dj_header_get(resp, DJ_LIT("Set-Cookie")));
    }
}

DJ_TEST(a_failed_call_changes_nothing_that_stands)
{
    dj_response *resp = response(c);
    dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("a"), .value = DJ_LIT("1"), .httponly = true});
    dj_cookie_set(resp,
                  &(dj_cookie){.name = DJ_LIT("a"), .value = DJ_LIT("2"), .path = DJ_LIT(";")});
    assert_int_equal(resp->raised, DJ_ERR_BAD_HEADER);
    dj_expect_str(DJ_LIT("a=1; HttpOnly; Path=/"), dj_header_get(resp, DJ_LIT("Set-Cookie")));
}

DJ_TEST(removed_with_the_header_a_cookie_begins_anew)
{
    dj_response *resp = response(c);
    dj_header_set(resp, DJ_LIT("X-First"), DJ_LIT("1"));
    dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("a"), .value = DJ_LIT("1"), .httponly = true});
    dj_header_remove(resp, DJ_LIT("X-First")); /* the lines behind it move */
    dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("a"), .value = DJ_LIT("2")});
    dj_expect_str(DJ_LIT("a=2; HttpOnly; Path=/"), dj_header_get(resp, DJ_LIT("Set-Cookie")));
    dj_header_remove(resp, DJ_LIT("Set-Cookie"));
    dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("a"), .value = DJ_LIT("3")});
    dj_expect_str(DJ_LIT("a=3; Path=/"), dj_header_get(resp, DJ_LIT("Set-Cookie")));
}

DJ_TEST(kept_attributes_outlive_the_text_they_were_given_as)
{
    char         domain[] = "example.com", path[] = "/a";
    dj_response *resp = response(c);
    dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("a"),
                                     .value = DJ_LIT("1"),
                                     .domain = dj_str_of(domain),
                                     .path = dj_str_of(path)});
    memset(domain, 'x', sizeof domain - 1);
    dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("a"), .value = DJ_LIT("2")});
    dj_expect_str(DJ_LIT("a=2; Domain=example.com; Path=/"),
                  dj_header_get(resp, DJ_LIT("Set-Cookie")));
}

DJ_TEST(what_is_set_is_bounded)
{
    dj_response *resp = response(c);
    char        *text = dj_alloc_raw(c->scope, DJ_COOKIE_LINE_MAX);
    memset(text, 'x', DJ_COOKIE_LINE_MAX);
    expect_refused(.name = DJ_LIT("k"), .value = dj_str_n(text, DJ_COOKIE_LINE_MAX));
    expect_refused(.name = dj_str_n(text, DJ_COOKIE_LINE_MAX), .value = DJ_LIT(""));
    memset(text, 1, DJ_COOKIE_LINE_MAX);
    expect_refused(.name = DJ_LIT("k"), .value = dj_str_n(text, DJ_COOKIE_LINE_MAX / 4));
    for (int i = 0; i <= DJ_COOKIES_SET_MAX; i++) {
        assert_int_equal(resp->raised, DJ_OK);
        dj_cookie_set(resp,
                      &(dj_cookie){.name = dj_strf(c->scope, "k%d", i), .value = DJ_LIT("v")});
    }
    assert_int_equal(resp->raised, DJ_ERR_BAD_HEADER);
}

DJ_TESTS(DJ_T(no_cookie_header_costs_no_memory), DJ_T(a_request_is_parsed_once_and_only_when_asked),
         DJ_T(several_headers_are_one), DJ_T(a_protected_name_comes_once),
         DJ_T(the_number_of_cookies_is_bounded), DJ_T(every_byte_of_a_value_reads_back),
         DJ_T(no_byte_ends_an_attribute_early), DJ_T(what_a_browser_would_drop_is_refused),
         DJ_T(times_stay_within_four_digit_years),
         DJ_T(a_date_is_met_however_far_the_second_has_gone),
         DJ_T(a_failed_call_changes_nothing_that_stands),
         DJ_T(removed_with_the_header_a_cookie_begins_anew),
         DJ_T(kept_attributes_outlive_the_text_they_were_given_as), DJ_T(what_is_set_is_bounded))
