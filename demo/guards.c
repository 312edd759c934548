/* demo/guards.c - what protects the answer to this very request, asked of its settings and its
 * connection. */
#include "guards.h"

static bool has_layer(const dj_settings *settings, dj_str name)
{
    for (size_t i = 0; i < settings->MIDDLEWARE.len; i++) {
        if (dj_str_eq(settings->MIDDLEWARE.items[i], name))
            return true;
    }
    return false;
}

/* A policy is text or a list of texts. */
static dj_str policy_text(dj_scope *s, const dj_value *policy)
{
    if (policy == NULL || policy->kind == DJ_V_NONE)
        return DJ_NONE;
    if (policy->kind == DJ_V_STR)
        return policy->str;
    dj_buf b = dj_buf_make(s, 4096);
    for (size_t i = 0; dj_value_is_seq(policy) && i < policy->seq.len; i++) {
        if (i > 0)
            dj_buf_add(&b, DJ_LIT(","));
        dj_buf_add(&b, policy->seq.items[i]->str);
    }
    return dj_buf_str(&b);
}

static bool has_policy(const dj_value *policy)
{
    return policy != NULL && policy->kind == DJ_V_DICT && policy->dict.len > 0;
}

static guard hsts(dj_req *req, const dj_settings *set, bool layer)
{
    guard g = {
        .header = DJ_HTML("Strict-Transport-Security"),
        .setting = DJ_HTML("SECURE_HSTS_SECONDS"),
        .why = DJ_HTML("The browser speaks HTTPS with this host and nothing else, so nobody on the "
                       "way can talk it back to plain HTTP. "
                       "It is sent over HTTPS only: on a plain connection it would mean nothing."),
        .on = layer && set->SECURE_HSTS_SECONDS > 0 && dj_req_is_secure(req),
    };
    g.value = dj_strf(dj_req_scope(req), "max-age=%lld%s%s", (long long)set->SECURE_HSTS_SECONDS,
                      set->SECURE_HSTS_INCLUDE_SUBDOMAINS ? "; includeSubDomains" : "",
                      set->SECURE_HSTS_PRELOAD ? "; preload" : "");
    return g;
}

size_t guards_of(dj_req *req, guard out[GUARDS_MAX])
{
    const dj_settings *set = dj_settings_of(req);
    dj_scope          *s = dj_req_scope(req);
    bool security = has_layer(set, DJ_LIT("django.middleware.security.SecurityMiddleware"));
    bool csp = has_layer(set, DJ_LIT("django.middleware.csp.ContentSecurityPolicyMiddleware"));
    bool frames = has_layer(set, DJ_LIT("django.middleware.clickjacking.XFrameOptionsMiddleware"));
    dj_str referrer = policy_text(s, set->SECURE_REFERRER_POLICY);
    dj_str opener = policy_text(s, set->SECURE_CROSS_ORIGIN_OPENER_POLICY);
    size_t n = 0;

    out[n++] = (guard){
        .header = DJ_HTML("Content-Security-Policy"),
        .setting = DJ_HTML("SECURE_CSP"),
        .why = DJ_HTML("The browser runs only what carries the nonce of this one answer. A script "
                       "that an attacker smuggled into "
                       "the page has none, and stays text."),
        .value = dj_strf(s, "nonce-" DJ_FMT, DJ_ARG(dj_csp_nonce(req))),
        .on = csp && has_policy(set->SECURE_CSP),
    };
    out[n++] = hsts(req, set, security);
    out[n++] = (guard){
        .header = DJ_HTML("X-Content-Type-Options"),
        .setting = DJ_HTML("SECURE_CONTENT_TYPE_NOSNIFF"),
        .why = DJ_HTML("The browser believes the declared type and does not guess: an uploaded "
                       "picture never becomes a script."),
        .value = DJ_LIT("nosniff"),
        .on = security && set->SECURE_CONTENT_TYPE_NOSNIFF,
    };
    out[n++] = (guard){
        .header = DJ_HTML("X-Frame-Options"),
        .setting = DJ_HTML("X_FRAME_OPTIONS"),
        .why = DJ_HTML("No other site can lay this page under its own and let the visitor click on "
                       "it unseen."),
        .value = set->X_FRAME_OPTIONS,
        .on = frames,
    };
    out[n++] = (guard){
        .header = DJ_HTML("Referrer-Policy"),
        .setting = DJ_HTML("SECURE_REFERRER_POLICY"),
        .why = DJ_HTML("Addresses of this site, and what stands in them, are not told to the sites "
                       "it links to."),
        .value = referrer,
        .on = security && referrer.len > 0,
    };
    out[n++] = (guard){
        .header = DJ_HTML("Cross-Origin-Opener-Policy"),
        .setting = DJ_HTML("SECURE_CROSS_ORIGIN_OPENER_POLICY"),
        .why = DJ_HTML("A window that opened this page, or was opened by it, can't reach into it."),
        .value = opener,
        .on = security && opener.len > 0,
    };
    out[n++] = (guard){
        .header = DJ_HTML("Permissions-Policy"),
        .setting = DJ_HTML("PERMISSIONS_POLICY"),
        .why = DJ_HTML("Camera, microphone, position and the like stay off, also for a script that "
                       "should not be here."),
        .value = DJ_LIT("camera=(), geolocation=(), microphone=(), ..."),
        .on = has_layer(set, DJ_LIT("donjon.middleware.PermissionsPolicyMiddleware")) &&
              has_policy(set->PERMISSIONS_POLICY),
    };
    out[n++] = (guard){
        .header = DJ_HTML("Cross-Origin-Resource-Policy"),
        .setting = DJ_HTML("CROSS_ORIGIN_RESOURCE_POLICY"),
        .why = DJ_HTML("Other sites can't load this answer into their own process, where a side "
                       "channel might read it."),
        .value = set->CROSS_ORIGIN_RESOURCE_POLICY,
        .on = set->CROSS_ORIGIN_RESOURCE_POLICY.len > 0,
    };
    return n;
}
