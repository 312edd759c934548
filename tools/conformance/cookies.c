/* tools/conformance/cookies.c - http.cookies-parse: a Cookie header to pairs; http.cookies-emit:
 * calls on one response to its Set-Cookie lines. Both through a request and a response, as a view
 * has them. */
#include "conformance.h"
#include "donjon/cookies.h"
#include "http/http.h"
#include <math.h>
#include <stdio.h>

/* A request with that Cookie header; none if it is DJ_NONE. */
static dj_req *request_with(run *r, dj_str header)
{
    static const dj_peer peer = {.address = DJ_STR_INIT("127.0.0.1"), .port = 80};
    dj_head             *head = dj_new(r->scope, dj_head);
    head->method = DJ_GET;
    head->path = DJ_LIT("/");
    if (!dj_str_is_none(header)) {
        head->fields[head->nfields++] =
            (dj_field){.name = DJ_LIT("Cookie"), .value = header, .id = DJ_FIELD_COOKIE};
        head->seen = 1u << DJ_FIELD_COOKIE;
    }
    return dj_req_new(r->scope, head, &peer, DJ_LIT(""));
}

void run_cookies_parse(run *r, const json_t *file)
{
    const json_t *one;
    size_t        i;
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        case_begin(r, json_string_value(json_object_get(one, "id")));
        const json_t *expect = json_object_get(one, "expect");
        dj_req       *req = request_with(r, js_base64(r, js_str(one, "header_b64")));
        size_t        pos = 0, n = 0;
        dj_str        name, value;
        for (; dj_cookie_next(req, &pos, &name, &value); n++) {
            const json_t *pair = json_array_get(expect, n);
            case_expect_str(r, "name", js_text(json_array_get(pair, 0)), name);
            case_expect_str(r, "value", js_text(json_array_get(pair, 1)), value);
            case_expect_str(r, "get", value, dj_cookie_get(req, name));
        }
        case_expect_int(r, "cookies", (int64_t)json_array_size(expect), (int64_t)n);
        case_end(r);
    }
}

/* -- arguments -- */

/* "2026-01-01T01:00:00[.5]" as UTC; the fraction is dropped: with the clock at a whole second it
 * makes no difference. */
static int64_t unix_time(const char *text)
{
    int y = 0, month = 1, d = 1, h = 0, minute = 0, sec = 0;
    if (sscanf(text, "%d-%d-%dT%d:%d:%d", &y, &month, &d, &h, &minute, &sec) <
        3) /* NOLINT: a test's input */
        return 0;
    int shifted =
        month <= 2 ? y - 1 : y; /* years that begin in March: the leap day is their last */
    int64_t days = (int64_t)shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 +
                   (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + d - 1 - 719468;
    return ((days * 24 + h) * 60 + minute) * 60 + sec;
}

static void read_expires(dj_cookie *cookie, const json_t *value)
{
    const char *utc = json_string_value(json_object_get(value, "utc"));
    const char *naive = json_string_value(json_object_get(value, "naive"));
    const char *plus2 = json_string_value(json_object_get(value, "plus2"));
    cookie->expires_text = js_text(value);
    if (utc != NULL || naive != NULL)
        cookie->expires = unix_time(utc != NULL ? utc : naive);
    else if (plus2 != NULL)
        cookie->expires = unix_time(plus2) - 2 * 3600;
    if (json_is_object(value) && cookie->expires == 0)
        cookie->expires = 1; /* 0 is none; both are past */
}

/* False: no C program can say it. */
static bool read_max_age(dj_cookie *cookie, const json_t *value)
{
    const json_t *seconds = json_is_object(value) ? json_object_get(value, "seconds") : value;
    if (seconds == NULL || json_is_null(seconds))
        return true;
    if (!json_is_number(seconds))
        return false;
    cookie->max_age = (int64_t)trunc(json_number_value(seconds));
    if (cookie->max_age == 0)
        cookie->max_age = DJ_MAX_AGE_ZERO;
    return true;
}

static bool read_cookie(dj_cookie *cookie, const json_t *call)
{
    const json_t *args = json_object_get(call, "args");
    *cookie = (dj_cookie){
        .name = js_str(call, "name"),
        .value = js_str(call, "value"),
        .path = js_str(args, "path"),
        .domain = js_str(args, "domain"),
        .samesite = js_str(args, "samesite"),
        .secure = js_bool(args, "secure"),
        .httponly = js_bool(args, "httponly"),
    };
    read_expires(cookie, json_object_get(args, "expires"));
    return read_max_age(cookie, json_object_get(args, "max_age"));
}

/* -- what Donjon refuses and Django sends: docs/differences.md -- */

static bool has_any(dj_str text, bool (*bad)(unsigned char c))
{
    for (size_t i = 0; i < text.len; i++) {
        if (bad((unsigned char)text.ptr[i]))
            return true;
    }
    return false;
}

static bool ends_attribute(unsigned char c)
{
    return c == ';' || c < 0x20 || c >= 0x7F;
}

/* Deleting makes secure what a browser would not store otherwise. */
static bool deletes_secure(const json_t *call, const dj_cookie *c)
{
    return dj_str_eq(js_str(call, "op"), DJ_LIT("delete_cookie")) &&
           (dj_str_starts(c->name, DJ_LIT("__Host-")) ||
            dj_str_starts(c->name, DJ_LIT("__Secure-")) ||
            dj_str_eq_nocase(c->samesite, DJ_LIT("none")));
}

static bool refuses(const json_t *calls, size_t index)
{
    dj_cookie     c, earlier;
    const json_t *call = json_array_get(calls, index);
    (void)read_cookie(&c, call);
    /* Flags of earlier calls for the name stay on. */
    for (size_t i = 0; i < index; i++) {
        if (!dj_str_eq(js_str(json_array_get(calls, i), "name"), c.name))
            continue;
        (void)read_cookie(&earlier, json_array_get(calls, i));
        c.secure = c.secure || earlier.secure || deletes_secure(json_array_get(calls, i), &earlier);
        c.domain = dj_str_is_none(c.domain) ? earlier.domain : c.domain;
        c.samesite = c.samesite.len == 0 ? earlier.samesite : c.samesite;
    }
    c.secure = c.secure || deletes_secure(call, &c);
    bool host = dj_str_starts(c.name, DJ_LIT("__Host-")),
         secure_name = dj_str_starts(c.name, DJ_LIT("__Secure-"));
    bool none = dj_str_eq_nocase(c.samesite, DJ_LIT("none"));
    for (size_t pos = 0; pos < c.value.len;) {
        if (dj_utf8_next(c.value, &pos) > 0xFF)
            return true;
    }
    return has_any(c.path, ends_attribute) || has_any(c.domain, ends_attribute) ||
           has_any(c.expires_text, ends_attribute) ||
           ((none || host || secure_name) && !c.secure) ||
           (host &&
            (c.domain.len > 0 || !(dj_str_is_none(c.path) || dj_str_eq(c.path, DJ_LIT("/")))));
}

/* -- calls -- */

static void set_signed(run *r, dj_response *resp, const json_t *file, const json_t *one,
                       dj_cookie *cookie)
{
    const dj_keys keys = {.key = dj_secret_new(r->scope, js_str(file, "SECRET_KEY"))};
    dj_str        salt = js_str(json_object_get(one, "args"), "salt");
    cookie->value = dj_signed_cookie(r->scope, &keys, cookie->name,
                                     dj_str_is_none(salt) ? DJ_LIT("") : salt, cookie->value);
    dj_cookie_set(resp, cookie);
}

static bool call(run *r, dj_response *resp, const json_t *file, const json_t *one)
{
    dj_str    op = js_str(one, "op");
    dj_cookie cookie;
    if (!read_cookie(&cookie, one))
        return false;
    if (dj_str_eq(op, DJ_LIT("set_cookie")))
        dj_cookie_set(resp, &cookie);
    else if (dj_str_eq(op, DJ_LIT("delete_cookie")))
        dj_cookie_delete(resp, &cookie);
    else if (dj_str_eq(op, DJ_LIT("set_signed_cookie")))
        set_signed(r, resp, file, one, &cookie);
    else
        case_fail(r, "this build does not know the call " DJ_FMT, DJ_ARG(op));
    return resp->raised == DJ_OK;
}

static void expect_lines(run *r, const dj_response *resp, const json_t *lines)
{
    size_t n = 0;
    for (size_t i = 0; i < resp->nheaders; i++) {
        const dj_header *h = &resp->headers[i];
        if (h->id != DJ_HEADER_SET_COOKIE)
            continue;
        case_expect_str(r, "Set-Cookie", js_text(json_array_get(lines, n++)),
                        dj_str_n(h->line.ptr + h->name_len + 2, h->line.len - h->name_len - 4));
    }
    case_expect_int(r, "cookies", (int64_t)json_array_size(lines), (int64_t)n);
}

void run_cookies_emit(run *r, const json_t *file)
{
    const json_t *one;
    size_t        i;
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        case_begin(r, json_string_value(json_object_get(one, "id")));
        dj_clock_freeze(r->scope, js_int(file, "now") * 1000000);
        const json_t *calls = json_object_get(one, "calls"),
                     *expect = json_object_get(one, "expect");
        dj_response *resp = dj_respond(request_with(r, DJ_NONE), 200);
        bool         refused = !dj_str_is_none(js_str(expect, "error")), ok = true;
        for (size_t k = 0; k < json_array_size(calls); k++) {
            refused = refused || refuses(calls, k);
            ok = ok && call(r, resp, file, json_array_get(calls, k));
        }
        if (case_expect_bool(r, "can be sent", !refused, ok) && ok)
            expect_lines(r, resp, json_object_get(expect, "set_cookie"));
        case_end(r);
    }
}
