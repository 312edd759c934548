/* src/middleware/csp.c - Content-Security-Policy and Content-Security-Policy-Report-Only.
 *
 * The policies of the settings and of the routes are compiled at start. The nonce goes into the
 * header only if the page asked for it. Django 6.0: middleware/csp.py. */
#include "middleware/middleware.h"

typedef struct override {
    const dj_csp_policy *policy;
    dj_csp               enforce, report_only; /* the same policy under either name */
} override;

typedef struct state {
    dj_csp          enforce, report_only;
    override       *overrides; /* of the routes, one for each policy */
    size_t          noverrides, cap;
    dj_str          report_path; /* empty: no receiver */
    dj_csp_reports *reports;
} state;

#define ENFORCE     DJ_LIT("Content-Security-Policy")
#define REPORT_ONLY DJ_LIT("Content-Security-Policy-Report-Only")

static dj_err compile_setting(dj_scope *s, dj_str header, const dj_value *setting, dj_csp *out)
{
    dj_csp_config config;
    dj_err        e = dj_csp_config_of_value(s, setting, &config);
    return e ? e : dj_csp_compile(s, header, &config, out);
}

static dj_err init(dj_scope *s, const dj_settings *settings, void **out)
{
    state *st = dj_new(s, state);
    *out = st;
    st->report_path = settings->CSP_REPORT_PATH;
    if (st->report_path.len > 0 && st->report_path.ptr[0] != '/')
        return dj_fail(s, DJ_ERR_SETTINGS, "CSP_REPORT_PATH must begin with '/'");
    st->reports = dj_csp_reports_new(s);
    dj_err e = compile_setting(s, ENFORCE, settings->SECURE_CSP, &st->enforce);
    return e ? e
             : compile_setting(s, REPORT_ONLY, settings->SECURE_CSP_REPORT_ONLY, &st->report_only);
}

static const override *find(const state *st, const dj_csp_policy *policy)
{
    for (size_t i = 0; i < st->noverrides; i++) {
        if (st->overrides[i].policy == policy)
            return &st->overrides[i];
    }
    return NULL;
}

static dj_err add_override(dj_scope *s, state *st, const dj_csp_policy *policy)
{
    if (policy == NULL || find(st, policy) != NULL)
        return DJ_OK;
    if (st->noverrides == st->cap) {
        size_t cap = st->cap == 0 ? 8 : st->cap * 2;
        st->overrides =
            dj_realloc(s, st->overrides, st->cap * sizeof(override), cap * sizeof(override));
        st->cap = cap;
    }
    override      o = {.policy = policy};
    dj_csp_config config;
    dj_csp_config_of_policy(s, policy, &config);
    dj_err e = dj_csp_compile(s, ENFORCE, &config, &o.enforce);
    if (!e)
        e = dj_csp_compile(s, REPORT_ONLY, &config, &o.report_only);
    if (!e)
        st->overrides[st->noverrides++] = o;
    return e;
}

static dj_err on_routes(dj_scope *s, const dj_urls *urls, void *given)
{
    state *st = given;
    for (size_t i = 0; i < urls->len; i++) {
        const dj_route *route = &urls->routes[i];
        dj_err          e = add_override(s, st, route->csp);
        if (!e)
            e = add_override(s, st, route->csp_report_only);
        if (!e && route->include != NULL)
            e = on_routes(s, route->include, st);
        if (e)
            return e;
    }
    return DJ_OK;
}

static void add(dj_req *req, dj_response *resp, dj_header_id id, const dj_csp *csp)
{
    dj_str nonce = req->nonce_made ? dj_str_n(req->nonce, DJ_NONCE_LEN) : DJ_NONE;
    dj_str line = dj_csp_line(req->scope, csp, nonce);
    if (line.len > 0)
        dj_header_add_line(resp, id, csp->name_len, line);
}

static dj_response *around(dj_req *req, dj_next *next)
{
    state *st = dj_layer_state(next);
    if (DJ_UNLIKELY(st->report_path.len > 0) && dj_str_eq(req->path, st->report_path))
        return dj_csp_report_receive(req, st->reports);
    dj_response *resp = dj_call(next, req);
    /* What a route says holds for what its view returned, not for an error page in its place. */
    const dj_route *route = resp->from_view && req->match != NULL ? req->match->route : NULL;
    const override *o;
    if (!dj_header_seen(resp, DJ_HEADER_CSP)) {
        o = route != NULL && route->csp != NULL ? find(st, route->csp) : NULL;
        add(req, resp, DJ_HEADER_CSP, o != NULL ? &o->enforce : &st->enforce);
    }
    if (!dj_header_seen(resp, DJ_HEADER_CSP_REPORT_ONLY)) {
        o = route != NULL && route->csp_report_only != NULL ? find(st, route->csp_report_only)
                                                            : NULL;
        add(req, resp, DJ_HEADER_CSP_REPORT_ONLY, o != NULL ? &o->report_only : &st->report_only);
    }
    return resp;
}

const dj_middleware dj_csp_middleware = {
    .name = "django.middleware.csp.ContentSecurityPolicyMiddleware",
    .after = "django.middleware.security.SecurityMiddleware",
    .init = init,
    .on_routes = on_routes,
    .around = around,
};
