/* src/middleware/security.c - HTTPS only, and the headers that make a browser keep to it.
 *
 * Django: middleware/security.py. */
#include "donjon/pattern.h"
#include "middleware/middleware.h"

typedef struct security {
    bool         redirect;
    dj_str       host; /* SECURE_SSL_HOST; empty: the requested one */
    dj_pattern **exempt;
    size_t       nexempt;
    dj_header    hsts, nosniff, referrer, opener;
} security;

static dj_err read_exempt(dj_scope *s, const dj_settings *settings, security *st)
{
    const dj_str_list *list = &settings->SECURE_REDIRECT_EXEMPT;
    st->exempt = dj_new_array(s, dj_pattern *, list->len);
    for (size_t i = 0; i < list->len; i++) {
        if (dj_pattern_compile(s, list->items[i], &st->exempt[i]))
            return dj_fail(s, DJ_ERR_SETTINGS, "SECURE_REDIRECT_EXEMPT: " DJ_FMT,
                           DJ_ARG(dj_failure_text(s)));
    }
    st->nexempt = list->len;
    return DJ_OK;
}

static dj_err init(dj_scope *s, const dj_settings *settings, void **state)
{
    security *st = dj_new(s, security);
    dj_str    referrer;
    st->redirect = settings->SECURE_SSL_REDIRECT;
    st->host = settings->SECURE_SSL_HOST;
    dj_str hsts =
        dj_hsts_value(s, settings->SECURE_HSTS_SECONDS, settings->SECURE_HSTS_INCLUDE_SUBDOMAINS,
                      settings->SECURE_HSTS_PRELOAD);
    dj_str          nosniff = settings->SECURE_CONTENT_TYPE_NOSNIFF ? DJ_LIT("nosniff") : DJ_NONE;
    const dj_value *coop = settings->SECURE_CROSS_ORIGIN_OPENER_POLICY;
    if (dj_value_truth(coop) && coop->kind != DJ_V_STR)
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "SECURE_CROSS_ORIGIN_OPENER_POLICY must be text or None");
    dj_str opener = coop->kind == DJ_V_STR ? coop->str : DJ_NONE;
    dj_err e = read_exempt(s, settings, st);
    if (!e)
        e = dj_referrer_policy_value(s, settings->SECURE_REFERRER_POLICY, &referrer);
    if (!e)
        e = dj_layer_header(s, DJ_LIT("Strict-Transport-Security"), hsts, &st->hsts);
    if (!e)
        e = dj_layer_header(s, DJ_LIT("X-Content-Type-Options"), nosniff, &st->nosniff);
    if (!e)
        e = dj_layer_header(s, DJ_LIT("Referrer-Policy"), referrer, &st->referrer);
    if (!e)
        e = dj_layer_header(s, DJ_LIT("Cross-Origin-Opener-Policy"), opener, &st->opener);
    *state = st;
    return e;
}

/* A pattern that gives up exempts nothing. */
static bool is_exempt(const security *st, dj_str path)
{
    while (path.len > 0 && path.ptr[0] == '/')
        path = dj_str_from(path, 1);
    for (size_t i = 0; i < st->nexempt; i++) {
        if (dj_pattern_search(st->exempt[i], path, NULL) == DJ_FOUND_YES)
            return true;
    }
    return false;
}

static dj_response *to_https(dj_req *req, const security *st)
{
    dj_str host = st->host;
    if (host.len == 0 && dj_get_host(req, &host))
        return dj_raise_failure(req);
    return dj_redirect_permanent(req, dj_strf(req->scope, "https://" DJ_FMT DJ_FMT, DJ_ARG(host),
                                              DJ_ARG(dj_req_full_path(req))));
}

static dj_response *around(dj_req *req, dj_next *next)
{
    const security *st = dj_layer_state(next);
    dj_response    *resp;
    if (DJ_UNLIKELY(st->redirect && !req->secure && !is_exempt(st, req->path)))
        resp = to_https(req, st);
    else
        resp = dj_call(next, req);
    if (req->secure)
        dj_layer_add(resp, &st->hsts);
    dj_layer_add(resp, &st->nosniff);
    dj_layer_add(resp, &st->referrer);
    dj_layer_add(resp, &st->opener);
    return resp;
}

const dj_middleware dj_security_middleware = {
    .name = "django.middleware.security.SecurityMiddleware",
    .init = init,
    .around = around,
};
