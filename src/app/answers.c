/* src/app/answers.c - the security headers of answers that the layers have not seen: a refused
 * host, an error or a redirect of an outer layer, requests that the server refuses before there is
 * one.
 *
 * The lines are made at start by the functions that the middleware asks, too. With
 * SECURE_ALL_ANSWERS = False an answer carries what its layers gave it and nothing more, as in
 * Django.
 *
 * Must not know: layers. */
#include "app/app.h"
#include "donjon/policy.h"

static const char security_middleware[] = "django.middleware.security.SecurityMiddleware";
static const char csp_middleware[] = "django.middleware.csp.ContentSecurityPolicyMiddleware";

/* Our own pages load nothing, run nothing, and are framed by nobody. */
#define PAGE_CSP                                                                                   \
    DJ_LIT("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")

typedef struct builder {
    dj_scope       *scope;
    struct dj_site *site;
    dj_err          failed;
} builder;

static void add(builder *b, dj_str name, dj_str value, bool tls_only, bool pages_only)
{
    if (b->failed || value.len == 0)
        return;
    DJ_ASSERT(b->site->nlines < DJ_SITE_LINES_MAX);
    dj_site_line *line = &b->site->lines[b->site->nlines];
    b->failed = dj_header_line(b->scope, name, value, &line->header);
    line->tls_only = tls_only;
    line->pages_only = pages_only;
    b->site->nlines++;
}

static bool has_layer(const dj_settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->MIDDLEWARE.len; i++) {
        if (dj_str_eq(settings->MIDDLEWARE.items[i], dj_str_of(name)))
            return true;
    }
    return false;
}

static dj_err add_lines(builder *b)
{
    const dj_settings *settings = b->site->settings;
    dj_str             referrer = DJ_NONE, permissions = DJ_NONE;
    const dj_value    *coop = settings->SECURE_CROSS_ORIGIN_OPENER_POLICY;
    dj_err e = dj_referrer_policy_value(b->scope, settings->SECURE_REFERRER_POLICY, &referrer);
    if (e ||
        (e = dj_permissions_policy_value(b->scope, settings->PERMISSIONS_POLICY, &permissions)))
        return e;
    /* HSTS binds the whole host for long: only where the site has switched it on. */
    if (has_layer(settings, security_middleware))
        add(b, DJ_LIT("Strict-Transport-Security"),
            dj_hsts_value(b->scope, settings->SECURE_HSTS_SECONDS,
                          settings->SECURE_HSTS_INCLUDE_SUBDOMAINS, settings->SECURE_HSTS_PRELOAD),
            true, false);
    add(b, DJ_LIT("X-Content-Type-Options"), DJ_LIT("nosniff"), false, false);
    add(b, DJ_LIT("Referrer-Policy"), referrer, false, false);
    if (coop != NULL && coop->kind == DJ_V_STR)
        add(b, DJ_LIT("Cross-Origin-Opener-Policy"), coop->str, false, false);
    add(b, DJ_LIT("X-Frame-Options"), dj_str_upper(b->scope, settings->X_FRAME_OPTIONS), false,
        false);
    add(b, DJ_LIT("Permissions-Policy"), permissions, false, false);
    add(b, DJ_LIT("Cross-Origin-Resource-Policy"), settings->CROSS_ORIGIN_RESOURCE_POLICY, false,
        false);
    add(b, DJ_LIT("Content-Security-Policy"), PAGE_CSP, false, true);
    return b->failed;
}

/* The site's policy, for pages of the program's own error handlers that the CSP layer has not seen.
 */
static dj_err prepare_csp(dj_scope *s, struct dj_site *site)
{
    dj_csp_config config;
    site->csp = (dj_csp){.plain = DJ_NONE};
    if (!has_layer(site->settings, csp_middleware))
        return DJ_OK;
    dj_err e = dj_csp_config_of_value(s, site->settings->SECURE_CSP, &config);
    return e ? e : dj_csp_compile(s, DJ_LIT("Content-Security-Policy"), &config, &site->csp);
}

/* -- answers of a site -- */

static void add_csp(dj_req *req, dj_response *resp)
{
    const dj_csp *csp = &req->site->csp;
    if (resp->from_view || dj_header_seen(resp, DJ_HEADER_CSP))
        return;
    dj_str line = dj_csp_line(req->scope, csp,
                              req->nonce_made ? dj_str_n(req->nonce, DJ_NONCE_LEN) : DJ_NONE);
    if (line.len > 0)
        dj_header_add_line(resp, DJ_HEADER_CSP, csp->name_len, line);
}

void dj_answer_finish(dj_req *req, dj_response *resp)
{
    const struct dj_site *site = req->site;
    if (!site->settings->SECURE_ALL_ANSWERS)
        return;
    for (size_t i = 0; i < site->nlines; i++) {
        const dj_site_line *line = &site->lines[i];
        dj_header_id        id = line->header.id;
        if (dj_header_seen(resp, id) || (line->tls_only && !req->secure) ||
            (line->pages_only && !resp->builtin) ||
            (id == DJ_HEADER_XFRAME && dj_is_exempt(req, DJ_EXEMPT_XFRAME)))
            continue;
        dj_header_add_line(resp, id, line->header.name_len, line->header.line);
    }
    if (resp->status >= 400)
        add_csp(req, resp);
    if (resp->builtin && (resp->status == 400 || resp->status >= 500) &&
        !dj_header_seen(resp, DJ_HEADER_CACHE_CONTROL))
        dj_header_set(resp, DJ_LIT("Cache-Control"), DJ_LIT("no-store"));
}

/* -- refusals -- */

static dj_str refusal_headers(builder *b, int status, bool tls)
{
    const struct dj_site *site = b->site;
    dj_buf                buf = dj_buf_make(b->scope, 16 * 1024);
    if (status != 204) /* OPTIONS *: no page */
        dj_buf_add(&buf,
                   DJ_LIT("Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"));
    if (status == 503)
        dj_buf_add(&buf, DJ_LIT("Retry-After: 5\r\n"));
    for (size_t i = 0; i < site->nlines; i++) {
        if (tls || !site->lines[i].tls_only)
            dj_buf_add(&buf, site->lines[i].header.line);
    }
    return dj_buf_str(&buf);
}

static void add_refusals(builder *b)
{
    static const int statuses[] = {400, 204, 403, 404, 408, 413, 414, 417,
                                   421, 431, 500, 501, 503, 505, 507};
    _Static_assert(DJ_COUNT(statuses) <= DJ_REFUSAL_PAGES_MAX, "room for all");
    for (size_t i = 0; i < DJ_COUNT(statuses); i++) {
        b->site->pages[b->site->npages++] = (dj_refusal_page){
            .status = statuses[i],
            .headers = {refusal_headers(b, statuses[i], false),
                        refusal_headers(b, statuses[i], true)},
            .body = statuses[i] == 204 ? DJ_LIT("") : dj_error_page(statuses[i]),
        };
    }
}

static const dj_refusal_page *refusal(int status, const struct dj_site *site)
{
    for (size_t i = 0; i < site->npages; i++) {
        if (site->pages[i].status == status)
            return &site->pages[i];
    }
    return &site->pages[0];
}

dj_str dj_site_refusal_headers(int status, bool tls, void *site)
{
    return refusal(status, site)->headers[tls];
}

dj_str dj_site_refusal_body(int status, void *site)
{
    return refusal(status, site)->body;
}

dj_err dj_answers_prepare(dj_scope *s, struct dj_site *site)
{
    builder b = {.scope = s, .site = site};
    dj_err  e = add_lines(&b);
    if (e || (e = prepare_csp(s, site)) != DJ_OK)
        return e;
    add_refusals(&b);
    return DJ_OK;
}
