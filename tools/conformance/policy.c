/* tools/conformance/policy.c - http.hosts, http.safe-redirect, http.safe-join,
 * http.hidden-settings.
 *
 * Where Donjon is stricter than Django on purpose (spec/http.md, marked [D]), the case is held to
 * Donjon's rule; the functions below say so. */
#include "app/app.h"
#include "donjon/host.h"
#include "donjon/policy.h"
#include "values.h"

#define EACH_CASE(file, i, one) json_array_foreach(json_object_get((file), "cases"), (i), (one))

/* -- http.hosts -- */

static void add_field(run *r, dj_head *head, const json_t *meta, const char *key, const char *name,
                      dj_field_id id)
{
    dj_str value = js_str(meta, key);
    if (dj_str_is_none(value))
        return;
    head->fields[head->nfields++] = (dj_field){dj_str_of(name), js_latin1(r, value), id};
    head->seen |= 1u << id;
}

/* A header can't hold a character above U+00FF: such a case tests the decision alone. */
static bool fits_a_header(dj_str text)
{
    for (size_t pos = 0; pos < text.len;) {
        if (dj_utf8_next(text, &pos) > 0xFF)
            return false;
    }
    return true;
}

static dj_req *host_request(run *r, const json_t *meta, dj_site *site)
{
    dj_head *head = dj_new(r->scope, dj_head);
    dj_peer *peer = dj_new(r->scope, dj_peer);
    int64_t  port = 0;
    *head = (dj_head){.method = DJ_GET,
                      .method_name = DJ_LIT("GET"),
                      .target = DJ_LIT("/p/?q=1"),
                      .path = DJ_LIT("/p/"),
                      .query = DJ_LIT("q=1"),
                      .has_query = true,
                      .minor = 1};
    add_field(r, head, meta, "HTTP_HOST", "Host", DJ_FIELD_HOST);
    add_field(r, head, meta, "HTTP_X_FORWARDED_HOST", "X-Forwarded-Host",
              DJ_FIELD_X_FORWARDED_HOST);
    add_field(r, head, meta, "HTTP_X_FORWARDED_PORT", "X-Forwarded-Port",
              DJ_FIELD_X_FORWARDED_PORT);
    add_field(r, head, meta, "HTTP_X_FORWARDED_PROTO", "X-Forwarded-Proto",
              DJ_FIELD_X_FORWARDED_PROTO);
    add_field(r, head, meta, "HTTP_X_SSL", "X-Ssl", DJ_FIELD_OTHER);
    head->host = dj_head_field(head, DJ_FIELD_HOST);
    if (!dj_str_to_int(js_str(meta, "SERVER_PORT"), &port))
        case_fail(r, "SERVER_PORT is no number");
    *peer = (dj_peer){.address = DJ_LIT("127.0.0.1"),
                      .loopback = true,
                      .port = (uint16_t)port,
                      .tls = dj_str_eq(js_str(meta, "url_scheme"), DJ_LIT("https")),
                      .server_name = js_str(meta, "SERVER_NAME")};
    dj_req *req = dj_req_new(r->scope, head, peer, DJ_LIT(""));
    req->site = site;
    dj_host_prepare(req);
    return req;
}

static void expect_refused(run *r, const json_t *expect, dj_str message)
{
    case_expect_str(r, "error", js_str(expect, "error"), DJ_LIT("DisallowedHost"));
    case_expect_str(r, "message", js_str(expect, "message"), message);
}

static void expect_host(run *r, const json_t *expect, dj_req *req)
{
    dj_str host, uri = DJ_NONE;
    if (dj_get_host(req, &host)) {
        expect_refused(r, expect, dj_failure_text(r->scope));
        return;
    }
    case_expect_str(r, "host", js_str(expect, "host"), host);
    case_expect_int(r, "build_absolute_uri", DJ_OK,
                    (int64_t)dj_build_absolute_uri(req, DJ_NONE, &uri));
    case_expect_str(r, "absolute_uri", js_str(expect, "absolute_uri"), uri);
}

static void expect_decision(run *r, const json_t *one, const dj_settings *settings, dj_str scheme)
{
    const json_t *expect = json_object_get(one, "expect");
    dj_str        host = js_str(json_object_get(one, "meta"), "HTTP_HOST");
    if (dj_host_decide(host, settings->ALLOWED_HOSTS, settings->DEBUG) != DJ_HOST_OK) {
        expect_refused(r, expect, dj_host_complaint(r->scope, host));
        return;
    }
    case_expect_str(r, "host", js_str(expect, "host"), host);
    case_expect_str(r, "absolute_uri", js_str(expect, "absolute_uri"),
                    dj_iri_to_uri(r->scope, dj_strf(r->scope, DJ_FMT "://" DJ_FMT "/p/?q=1",
                                                    DJ_ARG(scheme), DJ_ARG(host))));
}

/* [D] X-Forwarded-Port that is not one to five digits is ignored: such a request must go as the
 * same one without it. */
static bool port_is_ignored(const json_t *one)
{
    dj_str port = js_str(json_object_get(one, "meta"), "HTTP_X_FORWARDED_PORT");
    return js_bool(json_object_get(one, "settings"), "USE_X_FORWARDED_PORT") &&
           !dj_str_is_none(port) && !dj_port_is_plausible(port);
}

static void expect_port_ignored(run *r, const json_t *one, dj_req *req)
{
    json_t *meta = json_copy(json_object_get(one, "meta"));
    dj_str  with = DJ_NONE, without = DJ_NONE;
    json_object_del(meta, "HTTP_X_FORWARDED_PORT");
    dj_req *plain = host_request(r, meta, (dj_site *)(uintptr_t)req->site);
    dj_err  e = dj_build_absolute_uri(req, DJ_NONE, &with);
    case_expect_int(r, "error", (int64_t)dj_build_absolute_uri(plain, DJ_NONE, &without),
                    (int64_t)e);
    case_expect_str(r, "absolute_uri without the header", without, with);
    case_expect_str(r, "port", js_str(json_object_get(one, "meta"), "SERVER_PORT"),
                    dj_req_port(req));
    json_decref(meta);
}

static void host_case(run *r, const json_t *one)
{
    static const dj_str proxies[] = {DJ_STR_INIT("127.0.0.0/8")};
    const json_t *given = json_object_get(one, "settings"), *meta = json_object_get(one, "meta");
    const json_t *expect = json_object_get(one, "expect");
    dj_settings  *settings = dj_new(r->scope, dj_settings);
    dj_site      *site = dj_new(r->scope, dj_site);
    settings->ALLOWED_HOSTS = js_str_list(r, json_object_get(given, "ALLOWED_HOSTS"));
    settings->DEBUG = js_bool(given, "DEBUG");
    settings->USE_X_FORWARDED_HOST = js_bool(given, "USE_X_FORWARDED_HOST");
    settings->USE_X_FORWARDED_PORT = js_bool(given, "USE_X_FORWARDED_PORT");
    const json_t *proxy = json_object_get(given, "SECURE_PROXY_SSL_HEADER");
    settings->SECURE_PROXY_SSL_HEADER = js_value(r, proxy == NULL ? json_null() : proxy);
    settings->TRUSTED_PROXIES = (dj_str_list){proxies, DJ_COUNT(proxies)};
    site->settings = settings;
    if (dj_host_rules_new(r->scope, settings, &site->hosts)) {
        case_fail(r, "settings refused: " DJ_FMT, DJ_ARG(dj_failure_text(r->scope)));
        return;
    }
    dj_req *req = host_request(r, meta, site);
    case_expect_bool(r, "is_secure", js_bool(expect, "is_secure"), dj_req_is_secure(req));
    if (port_is_ignored(one)) {
        expect_port_ignored(r, one, req);
        return;
    }
    case_expect_str(r, "port", js_str(expect, "port"), dj_req_port(req));
    dj_str host = js_str(meta, "HTTP_HOST");
    if (!dj_str_is_none(host) && !fits_a_header(host))
        expect_decision(r, one, settings, js_str(expect, "scheme"));
    else
        expect_host(r, expect, req);
}

void run_hosts(run *r, const json_t *file)
{
    const json_t *one;
    size_t        i;
    EACH_CASE(file, i, one)
    {
        case_begin(r, json_string_value(json_object_get(one, "id")));
        host_case(r, one);
        case_end(r);
    }
}

/* -- http.safe-redirect -- */

static void redirect_case(run *r, const json_t *one)
{
    static const dj_head head = {
        .method = DJ_GET, .method_name = DJ_STR_INIT("GET"), .path = DJ_STR_INIT("/")};
    static const dj_peer peer = {.address = DJ_STR_INIT("127.0.0.1"), .loopback = true, .port = 80};
    const json_t        *expect = json_object_get(one, "expect");
    dj_req              *req = dj_req_new(r->scope, &head, &peer, DJ_LIT(""));
    dj_str               to = js_str(one, "redirect_to"), error = js_str(expect, "error");
    bool permanent = dj_str_eq(js_str(one, "call"), DJ_LIT("HttpResponsePermanentRedirect"));
    dj_response *resp;
    if (js_bool(one, "preserve_request"))
        resp = dj_redirect_preserving(req, to, permanent);
    else
        resp = permanent ? dj_redirect_permanent(req, to) : dj_redirect(req, to);
    if (!dj_str_is_none(error)) {
        /* An uncaught ValueError in Django; the file says that DisallowedRedirect is as good. */
        case_expect_int(r, "raised", DJ_ERR_DISALLOWED_REDIRECT, (int64_t)resp->raised);
        return;
    }
    case_expect_int(r, "raised", DJ_OK, (int64_t)resp->raised);
    case_expect_int(r, "status", js_int(expect, "status"), dj_status(resp));
    case_expect_str(r, "Location", js_str(expect, "location"),
                    dj_header_get(resp, DJ_LIT("Location")));
}

void run_safe_redirect(run *r, const json_t *file)
{
    const json_t *one;
    size_t        i;
    EACH_CASE(file, i, one)
    {
        case_begin(r, json_string_value(json_object_get(one, "id")));
        if (dj_str_eq(js_str(one, "call"), DJ_LIT("url_has_allowed_host_and_scheme"))) {
            dj_str url = js_str(one, "url");
            case_expect_bool(r, "safe", js_bool(one, "expect"),
                             !dj_str_is_none(url) &&
                                 dj_url_has_allowed_host_and_scheme(
                                     r->scope, url,
                                     js_str_list(r, json_object_get(one, "allowed_hosts")),
                                     js_bool(one, "require_https")));
        } else {
            redirect_case(r, one);
        }
        case_end(r);
    }
}

/* -- http.safe-join -- */

/* [D] a NUL is refused: the note of such a case says so. */
static bool has_nul(const json_t *one)
{
    return dj_str_starts(js_str(one, "note"), DJ_LIT("NUL:"));
}

void run_safe_join(run *r, const json_t *file)
{
    const json_t *one;
    size_t        i;
    EACH_CASE(file, i, one)
    {
        const json_t *expect = json_object_get(one, "expect");
        dj_str        op = js_str(one, "op"), want = js_str(expect, "path"), got = DJ_NONE;
        dj_err        e;
        case_begin(r, json_string_value(json_object_get(one, "id")));
        if (dj_str_eq(op, DJ_LIT("safe_join"))) {
            e = dj_safe_join(r->scope, js_str(one, "base"),
                             js_str_list(r, json_object_get(one, "parts")), &got);
        } else if (dj_str_eq(op, DJ_LIT("static_path"))) {
            e = dj_static_path(r->scope, js_str(one, "root"), js_str(one, "url_path"), &got);
        } else {
            want = js_str(expect, "name");
            e = dj_valid_filename(r->scope, js_str(one, "name"), &got);
        }
        dj_str error = has_nul(one) ? DJ_LIT("SuspiciousFileOperation") : js_str(expect, "error");
        case_expect_str(r, "error", error, e == DJ_OK ? DJ_NONE : dj_err_info_of(e)->name);
        if (dj_str_is_none(error))
            case_expect_str(r, "result", want, got);
        case_end(r);
    }
}

/* -- http.hidden-settings -- */

/* The names that Donjon adds, and passwords in URLs, must not make it show more than Django does.
 */
static void expect_strict_hides(run *r, dj_str key, const dj_value *value)
{
    static const dj_cleanse_rules strict = {.session_cookie_name = DJ_STR_INIT("sessionid")};
    static const dj_cleanse_rules django = {.session_cookie_name = DJ_STR_INIT("sessionid"),
                                            .as_django = true};
    const dj_value               *more = dj_cleanse(r->scope, &strict, key, value);
    const dj_value               *again =
        dj_cleanse(r->scope, &strict, key, dj_cleanse(r->scope, &django, key, value));
    case_expect_bool(r, "our rules hide what Django's hide", true, js_value_same(more, again));
}

void run_hidden_settings(run *r, const json_t *file)
{
    static const dj_cleanse_rules rules = {.session_cookie_name = DJ_STR_INIT("sessionid"),
                                           .as_django = true};
    const json_t                 *one;
    size_t                        i;
    EACH_CASE(file, i, one)
    {
        case_begin(r, json_string_value(json_object_get(one, "id")));
        dj_str          key = js_str(one, "key");
        const dj_value *value = js_value(r, json_object_get(one, "value"));
        const dj_value *shown = dj_cleanse(r->scope, &rules, key, value);
        case_expect_bool(r, "hidden", js_bool(one, "hidden"), dj_name_is_sensitive(&rules, key));
        case_expect_bool(r, "shown as expected", true,
                         js_value_same(shown, js_value(r, json_object_get(one, "expect"))));
        expect_strict_hides(r, key, value);
        case_end(r);
    }
}
