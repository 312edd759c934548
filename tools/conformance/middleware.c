/* tools/conformance/middleware.c - http.middleware and http.conditional: the test site of the
 * vectors' README, whole requests to whole answers.
 *
 * The site answers as Django does (HOST_CHECK_FIRST, SECURE_ALL_ANSWERS, GZIP_REFUSABLE off): the
 * vectors are Django's. */
#include "forms.h"
#include "donjon/builtin.h"
#include "donjon/caching.h"
#include "donjon/cookies.h"
#include <openssl/evp.h>
#include <zlib.h>

/* -- views -- */

#define SAYS(name, status, text)                                                                   \
    static dj_response *name(dj_req *req)                                                          \
    {                                                                                              \
        dj_response *resp = dj_respond(req, status);                                               \
        dj_page_add(resp, DJ_HTML(text));                                                          \
        return resp;                                                                               \
    }
#define RAISES(name, code)                                                                         \
    static dj_response *name(dj_req *req)                                                          \
    {                                                                                              \
        return dj_raise(req, DJ_ERR_##code, "secret detail");                                      \
    }

SAYS(home, 200, "home")
SAYS(ok, 200, "ok")
SAYS(noslash, 200, "noslash")
SAYS(x, 200, "x")
SAYS(empty, 200, "")
SAYS(no_content, 204, "")
SAYS(created, 201, "made")
SAYS(custom_404, 404, "custom 404")
SAYS(custom_403, 403, "custom 403")
SAYS(custom_400, 400, "custom 400")
SAYS(custom_500, 500, "custom 500")
SAYS(custom_503, 503, "custom 503")
SAYS(teapot, 418, "teapot")
SAYS(file, 200, "file")
RAISES(missing, NOT_FOUND)
RAISES(denied, DENIED)
RAISES(bad, BAD_REQUEST)
RAISES(suspicious, SUSPICIOUS)
RAISES(susp_file, SUSPICIOUS_FILE)
RAISES(too_big, DATA_TOO_BIG)
RAISES(disallowed_host, DISALLOWED_HOST)
RAISES(boom, INTERNAL)

static dj_response *none(dj_req *req)
{
    return NULL;
}

static dj_response *plain(dj_req *req)
{
    return dj_text(req, DJ_LIT("plain text"));
}

static dj_response *echo(dj_req *req)
{
    dj_buf  b = dj_buf_make(req->scope, 64 * 1024);
    dj_json j = dj_json_make(&b);
    j.comma = DJ_LIT(", ");
    j.colon = DJ_LIT(": ");
    dj_querydict *q = NULL;
    if (dj_querydict_parse(req->scope, dj_req_query_string(req), -1, &q) != DJ_OK)
        return dj_raise_failure(req);
    dj_json_open(&j, '{');
    dj_json_add_str(&j, DJ_LIT("method"), dj_req_method_name(req));
    dj_json_add_str(&j, DJ_LIT("path"), dj_req_path(req));
    dj_json_add_str(&j, DJ_LIT("full_path"), dj_req_full_path(req));
    dj_json_key(&j, DJ_LIT("get"));
    dj_json_open(&j, '{');
    for (size_t i = 0; i < q->names.len; i++) {
        const dj_querydict_entry *entry = q->names.entries[i].value;
        dj_json_key(&j, entry->name);
        dj_json_open(&j, '[');
        for (size_t k = 0; k < entry->nvalues; k++)
            dj_json_str(&j, entry->values[k]);
        dj_json_close(&j, ']');
    }
    dj_json_close(&j, '}');
    dj_json_add_bool(&j, DJ_LIT("secure"), dj_req_is_secure(req));
    dj_json_close(&j, '}');
    return dj_json_response(req, &b);
}

static dj_response *repeated(dj_req *req, dj_str unit, size_t times)
{
    dj_buf b = dj_buf_make(req->scope, 64 * 1024);
    for (size_t i = 0; i < times; i++)
        dj_buf_add(&b, unit);
    dj_response *resp = dj_respond(req, 200);
    dj_page_add(resp, dj_html_escape(req->scope, dj_buf_str(&b)));
    return resp;
}

static dj_response *big(dj_req *req)
{
    return repeated(req, DJ_LIT("donjon "), 100);
}

static dj_response *big_random(dj_req *req)
{
    unsigned char *body = dj_alloc(req->scope, 4 * 64);
    size_t         len;
    bool           good = EVP_Q_digest(NULL, "SHA512", NULL, "x", 1, body, &len) == 1;
    DJ_ASSERT(good && len == 64);
    for (size_t i = 1; i < 4; i++)
        memcpy(body + i * len, body, len);
    dj_response *resp = dj_text(req, dj_str_n((const char *)body, 4 * len));
    dj_header_set(resp, DJ_LIT("Content-Type"), DJ_LIT("application/octet-stream"));
    return resp;
}

static dj_response *gzip_view(dj_req *req)
{
    dj_response *resp = big(req);
    dj_gzip_page(resp);
    return resp;
}

#define CONDITION(view, etag, last_modified)                                                       \
    static dj_response *view(dj_req *req)                                                          \
    {                                                                                              \
        dj_response *known = dj_condition(req, etag, last_modified);                               \
        return known != NULL ? known : x(req);                                                     \
    }
#define FROZEN_AT INT64_C(1767225600)
CONDITION(cond_etag, DJ_LIT("abc"), 0)
CONDITION(cond_lm, DJ_NONE, FROZEN_AT)
CONDITION(cond_both, DJ_LIT("abc"), FROZEN_AT)
CONDITION(cond_none, DJ_NONE, 0)
CONDITION(cond_weak, DJ_LIT("W/\"abc\""), 0)

#define DECORATED(view, ...)                                                                       \
    static dj_response *view(dj_req *req)                                                          \
    {                                                                                              \
        dj_response *resp = x(req);                                                                \
        __VA_ARGS__;                                                                               \
        return resp;                                                                               \
    }
DECORATED(never_cache, dj_never_cache(resp))
DECORATED(cache_control, dj_cache_control(resp, DJ_LIT("private, max-age=60")))
DECORATED(vary, dj_patch_vary(resp, DJ_LIT("User-Agent, Cookie")))
DECORATED(vary_cookie, dj_patch_vary(resp, DJ_LIT("Cookie")))

static dj_response *len199(dj_req *req)
{
    return repeated(req, DJ_LIT("a"), 199);
}

static dj_response *len200(dj_req *req)
{
    return repeated(req, DJ_LIT("a"), 200);
}

static dj_response *with(dj_response *resp, dj_str name, dj_str value)
{
    dj_header_set(resp, name, value);
    return resp;
}

#define BIG_WITH(view, name, value)                                                                \
    static dj_response *view(dj_req *req)                                                          \
    {                                                                                              \
        return with(big(req), DJ_LIT(name), DJ_LIT(value));                                        \
    }
BIG_WITH(big_etag, "ETag", "\"v1\"")
BIG_WITH(big_weak, "ETag", "W/\"v1\"")
BIG_WITH(big_br, "Content-Encoding", "br")
BIG_WITH(big_vary, "Vary", "Cookie")
BIG_WITH(big_vary_star, "Vary", "*")

#define X_WITH(view, name, value)                                                                  \
    static dj_response *view(dj_req *req)                                                          \
    {                                                                                              \
        return with(x(req), DJ_LIT(name), DJ_LIT(value));                                          \
    }
#define FROZEN "Thu, 01 Jan 2026 00:00:00 GMT"
X_WITH(nostore, "Cache-Control", "no-store")
X_WITH(nostore2, "Cache-Control", "private, No-Store")
X_WITH(lm, "Last-Modified", FROZEN)
X_WITH(etag, "ETag", "\"abc\"")
X_WITH(etag_weak, "ETag", "W/\"abc\"")
X_WITH(lm_bad, "Last-Modified", "yesterday")
X_WITH(newline, "X-A", "a\r\nX-Evil: 1")
X_WITH(newline_name, "X-A\r\nX-Evil: 1", "a")
X_WITH(header_utf8, "X-A", "h\xC3\xA9 \xE2\x99\xA5")
X_WITH(header_latin1, "X-A", "h\xC3\xA9")

static dj_response *etag_404(dj_req *req)
{
    dj_response *resp = etag(req);
    dj_status_set(resp, 404);
    return resp;
}

static dj_response *etag_lm(dj_req *req)
{
    dj_response *resp = etag(req);
    with(resp, DJ_LIT("Last-Modified"), DJ_LIT(FROZEN));
    with(resp, DJ_LIT("Cache-Control"), DJ_LIT("max-age=5"));
    with(resp, DJ_LIT("Vary"), DJ_LIT("Cookie"));
    with(resp, DJ_LIT("Expires"), DJ_LIT(FROZEN));
    with(resp, DJ_LIT("Content-Location"), DJ_LIT("/l"));
    with(resp, DJ_LIT("X-Other"), DJ_LIT("1"));
    dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("a"), .value = DJ_LIT("1")});
    return resp;
}

static bool next_piece(dj_req *req, void *ctx, dj_html *piece)
{
    const char ***at = ctx;
    if (**at == NULL)
        return false;
    *piece = dj_html_escape(req->scope, dj_str_of(*(*at)++));
    return true;
}

static dj_response *streamed(dj_req *req, const char **pieces)
{
    const char ***at = dj_new(req->scope, const char **);
    *at = pieces;
    return dj_page_stream(req, next_piece, at);
}

static dj_response *stream(dj_req *req)
{
    static const char *pieces[] = {"one ", "two ", "three", NULL};
    return streamed(req, pieces);
}

static dj_response *stream_len(dj_req *req)
{
    static const char *pieces[] = {"one", "two", NULL};
    return with(streamed(req, pieces), DJ_LIT("Content-Length"), DJ_LIT("6"));
}

static dj_response *redirect(dj_req *req)
{
    return dj_redirect(req, DJ_LIT("/ok/"));
}

static dj_response *redirect_js(dj_req *req)
{
    return dj_redirect(req, DJ_LIT("javascript:alert(1)"));
}

static dj_response *redirect_nl(dj_req *req)
{
    return dj_redirect(req, DJ_LIT("/a\r\nX-Evil: 1"));
}

static dj_response *frame_deny(dj_req *req)
{
    dj_response *resp = x(req);
    dj_xframe_deny(resp);
    return resp;
}

static dj_response *frame_same(dj_req *req)
{
    dj_response *resp = x(req);
    dj_xframe_sameorigin(resp);
    return resp;
}

static dj_response *preset(dj_req *req)
{
    dj_response *resp = ok(req);
    with(resp, DJ_LIT("Strict-Transport-Security"), DJ_LIT("max-age=1"));
    with(resp, DJ_LIT("X-Content-Type-Options"), DJ_LIT("custom"));
    with(resp, DJ_LIT("Referrer-Policy"), DJ_LIT("origin"));
    with(resp, DJ_LIT("Cross-Origin-Opener-Policy"), DJ_LIT("unsafe-none"));
    with(resp, DJ_LIT("X-Frame-Options"), DJ_LIT("SAMEORIGIN"));
    return with(resp, DJ_LIT("Content-Length"), DJ_LIT("2"));
}

static dj_response *host(dj_req *req)
{
    dj_str text;
    if (dj_get_host(req, &text) != DJ_OK)
        return dj_raise_failure(req);
    dj_response *resp = dj_respond(req, 200);
    dj_page_add(resp, dj_html_escape(req->scope, text));
    return resp;
}

static dj_response *cookie(dj_req *req)
{
    dj_response *resp = x(req);
    dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("a"), .value = DJ_LIT("1")});
    dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("b"),
                                     .value = DJ_LIT("2"),
                                     .httponly = true,
                                     .samesite = DJ_LIT("Lax")});
    return resp;
}

static dj_response *cookie_vary(dj_req *req)
{
    dj_response *resp = with(x(req), DJ_LIT("Vary"), DJ_LIT("Cookie"));
    dj_cookie_set(resp, &(dj_cookie){.name = DJ_LIT("a"), .value = DJ_LIT("1")});
    return resp;
}

static dj_response *guarded(dj_req *req, unsigned methods)
{
    dj_response *refused = dj_require_methods(req, methods);
    return refused != NULL ? refused : x(req);
}

static dj_response *only_post(dj_req *req)
{
    return guarded(req, DJ_POST);
}

static dj_response *only_safe(dj_req *req)
{
    return guarded(req, DJ_GET | DJ_HEAD);
}

static dj_response *get_post(dj_req *req)
{
    return guarded(req, DJ_GET | DJ_POST);
}

static dj_response *item(dj_req *req)
{
    dj_response *resp = dj_respond(req, 200);
    dj_page_add(resp, dj_html_escape(req->scope, dj_strf(req->scope, "item %lld",
                                                         (long long)dj_path_int(req, "pk"))));
    return resp;
}

static dj_response *rx(dj_req *req)
{
    dj_response *resp = dj_respond(req, 200);
    dj_page_add(resp, dj_html_escape(req->scope,
                                     dj_str_cat(req->scope, DJ_LIT("rx "), dj_path_str(req, "y"))));
    return resp;
}

static const dj_route routes[] = {
    DJ_PATH("", home),
    DJ_PATH("ok/", ok),
    DJ_PATH("noslash", noslash),
    DJ_PATH("plain/", plain),
    DJ_PATH("post/", form_view),
    DJ_PATH("echo/", echo),
    DJ_PATH("big/", big),
    DJ_PATH("big-etag/", big_etag),
    DJ_PATH("big-weak/", big_weak),
    DJ_PATH("big-br/", big_br),
    DJ_PATH("big-vary/", big_vary),
    DJ_PATH("big-vary-star/", big_vary_star),
    DJ_PATH("big-random/", big_random),
    DJ_PATH("len199/", len199),
    DJ_PATH("len200/", len200),
    DJ_PATH("stream/", stream),
    DJ_PATH("stream-len/", stream_len),
    DJ_PATH("empty/", empty),
    DJ_PATH("204/", no_content),
    DJ_PATH("created/", created),
    DJ_PATH("redirect/", redirect),
    DJ_PATH("redirect-js/", redirect_js),
    DJ_PATH("redirect-nl/", redirect_nl),
    DJ_PATH("missing/", missing),
    DJ_PATH("denied/", denied),
    DJ_PATH("bad/", bad),
    DJ_PATH("suspicious/", suspicious),
    DJ_PATH("susp-file/", susp_file),
    DJ_PATH("too-big/", too_big),
    DJ_PATH("disallowed-host/", disallowed_host),
    DJ_PATH("boom/", boom),
    DJ_PATH("none/", none),
    DJ_PATH("404/", custom_404),
    DJ_PATH("403/", custom_403),
    DJ_PATH("400/", custom_400),
    DJ_PATH("500/", custom_500),
    DJ_PATH("503/", custom_503),
    DJ_PATH("418/", teapot),
    DJ_PATH("frame-exempt/", x, .exempt = DJ_EXEMPT_XFRAME),
    DJ_PATH("frame-deny/", frame_deny),
    DJ_PATH("frame-same/", frame_same),
    DJ_PATH("preset/", preset),
    DJ_PATH("host/", host),
    DJ_PATH("newline/", newline),
    DJ_PATH("newline-name/", newline_name),
    DJ_PATH("header-utf8/", header_utf8),
    DJ_PATH("header-latin1/", header_latin1),
    DJ_PATH("cookie/", cookie),
    DJ_PATH("cookie-vary/", cookie_vary),
    DJ_PATH("nostore/", nostore),
    DJ_PATH("nostore2/", nostore2),
    DJ_PATH("lm/", lm),
    DJ_PATH("etag/", etag),
    DJ_PATH("etag-weak/", etag_weak),
    DJ_PATH("lm-bad/", lm_bad),
    DJ_PATH("etag-404/", etag_404),
    DJ_PATH("etag-lm/", etag_lm),
    DJ_PATH("cond-etag/", cond_etag),
    DJ_PATH("cond-lm/", cond_lm),
    DJ_PATH("cond-both/", cond_both),
    DJ_PATH("cond-none/", cond_none),
    DJ_PATH("cond-weak/", cond_weak),
    DJ_PATH("never-cache/", never_cache),
    DJ_PATH("cache-control/", cache_control),
    DJ_PATH("vary/", vary),
    DJ_PATH("vary-cookie/", vary_cookie),
    DJ_PATH("gzip-view/", gzip_view),
    DJ_PATH("no-append/", ok, .exempt = DJ_EXEMPT_APPEND_SLASH),
    DJ_PATH("only-post/", only_post),
    DJ_PATH("only-safe/", only_safe),
    DJ_PATH("get-post/", get_post),
    DJ_PATH("items/<int:pk>/", item),
    DJ_PATH("files/<path:p>", file),
    DJ_REGEX("^rx/(?P<y>[0-9]{4})/$", rx),
};

static const dj_app app = {.urls = DJ_ALL(routes)};

/* -- a case -- */

static dj_settings *settings_of(run *r, const json_t *file, const json_t *c)
{
    dj_settings        *settings = dj_settings_default(r->scope);
    const char         *name;
    json_t             *value;
    const json_t       *list = json_object_get(c, "middleware");
    static const dj_str hosts[] = {DJ_STR_INIT("testserver")};
    settings->ALLOWED_HOSTS = (dj_str_list){hosts, 1};
    settings->HOST_CHECK_FIRST = false;
    settings->SECURE_ALL_ANSWERS = false;
    settings->GZIP_REFUSABLE = false;
    json_object_foreach(json_object_get(c, "settings"), name, value)
    {
        if (!js_setting(r, settings, name, value))
            case_fail(r, "the setting %s", name);
    }
    dj_str *layers = dj_alloc_array(r->scope, json_array_size(list), sizeof *layers);
    for (size_t i = 0; i < json_array_size(list); i++) {
        dj_str known = js_text(json_array_get(list, i));
        dj_str full = js_str(json_object_get(file, "middleware_names"), dj_cstr(r->scope, known));
        layers[i] = dj_str_is_none(full) ? known : full;
    }
    settings->MIDDLEWARE = (dj_str_list){layers, json_array_size(list)};
    return settings;
}

static dj_str header_value(const dj_header *h)
{
    return dj_str_n(h->line.ptr + h->name_len + 2, h->line.len - h->name_len - 4);
}

static bool is_cookie(dj_str name)
{
    return dj_str_eq_nocase(name, DJ_LIT("Set-Cookie"));
}

/* Django sends cookies last; here they stand where they were set. Order counts among the others and
 * among themselves. */
static const dj_header *next_header(const dj_response *resp, bool cookies, size_t *at)
{
    while (*at < resp->nheaders) {
        const dj_header *h = &resp->headers[(*at)++];
        if (is_cookie(dj_str_first(h->line, h->name_len)) == cookies)
            return h;
    }
    return NULL;
}

static void compare_header(run *r, const json_t *pair, const dj_header *h, const dj_response *resp)
{
    dj_str name = js_text(json_array_get(pair, 0)),
           value = js_latin1(r, js_text(json_array_get(pair, 1)));
    dj_str got_name = dj_str_first(h->line, h->name_len), got = header_value(h);
    if (!dj_str_eq_nocase(name, got_name)) {
        case_fail(r, "expected the header " DJ_FMT " got " DJ_FMT, DJ_ARG(name), DJ_ARG(got_name));
        return;
    }
    if (dj_str_eq(value, DJ_LIT("*"))) {
        if (dj_str_eq_nocase(name, DJ_LIT("Content-Length")))
            value = dj_strf(r->scope, "%zu", resp->body_len);
        else
            value = got.len > 2 && got.ptr[0] == '"' && dj_str_ends(got, DJ_LIT("\""))
                        ? got
                        : DJ_LIT("a strong tag");
    }
    case_expect_str(r, dj_cstr(r->scope, name), value, got);
}

static void compare_headers(run *r, const json_t *list, const dj_response *resp)
{
    size_t plain_at = 0, cookie_at = 0;
    case_expect_int(r, "headers", (int64_t)json_array_size(list), (int64_t)resp->nheaders);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t    *pair = json_array_get(list, i);
        bool             cookies = is_cookie(js_text(json_array_get(pair, 0)));
        const dj_header *h = next_header(resp, cookies, cookies ? &cookie_at : &plain_at);
        if (h != NULL)
            compare_header(r, pair, h, resp);
        else
            case_fail(r, "the header " DJ_FMT " is missing",
                      DJ_ARG(js_text(json_array_get(pair, 0))));
    }
}

/* Checks the header, then inflates. gzip_name_length is what Django drew when the vectors were
 * made: ours is any below 100. */
static dj_str gunzipped(run *r, dj_str body)
{
    static const char start[] = "\x1f\x8b\x08\x08\0\0\0\0\0\x03";
    size_t            max = (size_t)1024 * 1024, header = sizeof start - 1;
    char             *out = dj_alloc_raw(r->scope, max);
    if (!dj_str_eq(dj_str_first(body, header), dj_str_n(start, header))) {
        case_fail(r, "not the header of gzip with a name");
        return DJ_NONE;
    }
    dj_str name =
        dj_str_first(dj_str_from(body, header), dj_str_chr(dj_str_from(body, header), '\0'));
    case_expect_bool(r, "a name of 0 to 99 letters a", true,
                     name.len < 100 && dj_str_strip(name, DJ_LIT("a")).len == 0);
    unsigned char *in = dj_alloc_raw(r->scope, body.len + 1);
    memcpy(in, body.ptr, body.len);
    z_stream z = {.next_in = in,
                  .avail_in = (uInt)body.len,
                  .next_out = (Bytef *)out,
                  .avail_out = (uInt)max};
    int      e = inflateInit2(&z, 15 + 16);
    DJ_ASSERT(e == Z_OK);
    e = inflate(&z, Z_FINISH);
    size_t len = z.total_out;
    bool   whole = e == Z_STREAM_END && z.avail_in == 0;
    inflateEnd(&z);
    case_expect_bool(r, "one whole gzip member", true, whole);
    return dj_str_n(out, len);
}

static dj_str sha256_hex(run *r, dj_str bytes)
{
    unsigned char sum[32];
    size_t        len;
    dj_buf        b = dj_buf_make(r->scope, 64);
    bool          good = EVP_Q_digest(NULL, "SHA256", NULL, bytes.ptr, bytes.len, sum, &len) == 1;
    DJ_ASSERT(good && len == sizeof sum);
    for (size_t i = 0; i < len; i++)
        dj_buf_addf(&b, "%02x", sum[i]);
    return dj_buf_str(&b);
}

/* Bodies too long to stand in the vectors as text, and compressed ones. */
static void compare_encoded(run *r, const json_t *expect, dj_str body)
{
    dj_str sum = js_str(expect, "body_sha256"), plain = js_str(expect, "gunzipped_body_b64");
    if (!dj_str_is_none(sum))
        case_expect_str(r, "body_sha256", sum, sha256_hex(r, body));
    if (dj_str_is_none(plain) && json_object_get(expect, "gzip_name_length") == NULL)
        return;
    dj_str got = gunzipped(r, body);
    if (!dj_str_is_none(plain))
        case_expect_str(r, "gunzipped body", js_base64(r, plain), got);
}

static void compare_body(run *r, const json_t *expect, const dj_response *resp, dj_str body)
{
    dj_str want = js_str(expect, "body");
    if (dj_str_starts(want, DJ_LIT("<built-in "))) {
        case_expect_str(r, "body", dj_error_page(dj_status(resp)), body);
        case_expect_bool(r, "a page of our own", true, resp->builtin);
    } else if (js_bool(expect, "debug_page")) {
        /* The path of the request is all that the page repeats of it, and never as markup. */
        case_expect_bool(r, "a debug page", true,
                         dj_str_starts(body, DJ_LIT("<!doctype html>")) && !resp->builtin);
        case_expect_bool(r, "escaped", false, dj_str_has(body, DJ_LIT("<x>")));
    } else if (!dj_str_is_none(want)) {
        case_expect_str(r, "body", js_latin1(r, want), body);
    }
}

static void run_case(run *r, const json_t *file, const json_t *c)
{
    const json_t *expect = json_object_get(c, "expect");
    dj_site      *site = NULL;
    dj_site_parts parts = {.app = &app,
                           .settings = settings_of(r, file, c),
                           .builtin = dj_builtin_middleware,
                           .nbuiltin = dj_builtin_middleware_len};
    if (dj_site_new(r->scope, &parts, &site) != DJ_OK) {
        case_fail(r, DJ_FMT, DJ_ARG(dj_failure_text(r->scope)));
        return;
    }
    dj_req *req = js_request(r, json_object_get(c, "request"));
    case_log_start(r);
    dj_response *resp = dj_site_handle(req, site);
    case_log_compare(r, json_object_get(expect, "log"));
    case_expect_int(r, "status", js_int(expect, "status"), dj_status(resp));
    case_expect_str(r, "reason", js_str(expect, "reason"), dj_reason(dj_status(resp)));
    compare_headers(r, json_object_get(expect, "headers"), resp);
    dj_str body = case_body(r, resp);
    compare_body(r, expect, resp, body);
    compare_encoded(r, expect, body);
}

void run_middleware(run *r, const json_t *file)
{
    const json_t *cases = json_object_get(file, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        case_begin(r, json_string_value(json_object_get(c, "id")));
        dj_clock_freeze(r->scope, INT64_C(1767225600) * 1000000);
        run_case(r, file, c);
        case_end(r);
    }
}
