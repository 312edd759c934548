/* src/checks/transport.c - HTTPS, HSTS, and what a proxy in front is believed. */
#include "checks/family.h"

#define YEAR  31536000
#define MONTH 2592000

/* The number of an int setting; false if it is not known or no int. */
static bool number(dj_check_run *c, const char *name, int64_t *out)
{
    const dj_value *v = dj_check_setting(c, name);
    if (v == NULL || (v->kind != DJ_V_INT && v->kind != DJ_V_BOOL))
        return false;
    *out = v->kind == DJ_V_INT ? v->integer : v->boolean;
    return true;
}

static void preload(dj_check_run *c)
{
    int64_t seconds;
    if (ck_is_true(c, "SECURE_HSTS_PRELOAD") != YES ||
        !number(c, "SECURE_HSTS_SECONDS", &seconds) || seconds <= 0)
        return;
    if (seconds < YEAR)
        ck_report(c, "donjon.W050", dj_check_origin(c, "SECURE_HSTS_SECONDS"),
                  "Set SECURE_HSTS_SECONDS = 31536000, or SECURE_HSTS_PRELOAD = False.",
                  "SECURE_HSTS_PRELOAD is on, but SECURE_HSTS_SECONDS is below a year: the preload "
                  "list will not take the site.");
    if (ck_is_true(c, "SECURE_HSTS_INCLUDE_SUBDOMAINS") == NO)
        ck_report(c, "donjon.W051", dj_check_origin(c, "SECURE_HSTS_INCLUDE_SUBDOMAINS"),
                  "Set SECURE_HSTS_INCLUDE_SUBDOMAINS = True, or SECURE_HSTS_PRELOAD = False.",
                  "SECURE_HSTS_PRELOAD is on without SECURE_HSTS_INCLUDE_SUBDOMAINS: the preload "
                  "list will not take the site.");
}

static void short_hsts(dj_check_run *c)
{
    int64_t seconds;
    if (number(c, "SECURE_HSTS_SECONDS", &seconds) && seconds > 0 && seconds < MONTH)
        ck_report(c, "donjon.W052", dj_check_origin(c, "SECURE_HSTS_SECONDS"),
                  "Set SECURE_HSTS_SECONDS = 31536000 once HTTPS works everywhere.",
                  "SECURE_HSTS_SECONDS is below 30 days: browsers forget soon that this site "
                  "speaks HTTPS only.");
}

/* -- proxies -- */

static bool is_loopback(dj_str address)
{
    return dj_str_starts(address, DJ_LIT("127.")) || dj_str_starts(address, DJ_LIT("[::1]")) ||
           dj_str_starts(address, DJ_LIT("localhost")) || dj_str_starts(address, DJ_LIT("unix:"));
}

/* Does the server listen where clients reach it without the proxy? */
static bool listens_publicly(dj_check_run *c, const char *name)
{
    const dj_value *v = ck_peek(c, name);
    if (ck_text(v).len > 0)
        return !is_loopback(ck_text(v));
    for (size_t i = 0; i < ck_len(v); i++)
        if (ck_text(ck_item(v, i)).len > 0 && !is_loopback(ck_text(ck_item(v, i))))
            return true;
    return false;
}

/* Nobody is trusted, everybody is, or clients can come from outside to a port that trusts. An
 * audited project says nothing about its server, so there only TRUSTED_PROXIES counts if it is
 * written down. */
static bool proxy_untrusted(dj_check_run *c)
{
    const dj_value *trusted = ck_peek(c, "TRUSTED_PROXIES");
    bool            said = dj_conf_is_set(c->in->conf, DJ_LIT("TRUSTED_PROXIES"));
    if (c->in->urls == NULL && !said)
        return true;
    if (trusted != NULL && trusted->kind != DJ_V_UNKNOWN && ck_len(trusted) == 0)
        return true;
    for (size_t i = 0; i < ck_len(trusted); i++)
        if (dj_str_ends(ck_text(ck_item(trusted, i)), DJ_LIT("/0")) ||
            ck_is_text(ck_item(trusted, i), "*"))
            return true;
    return !said && (listens_publicly(c, "BIND") || listens_publicly(c, "BIND_TLS"));
}

static void ssl_header_trust(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "SECURE_PROXY_SSL_HEADER");
    if (v != NULL && v->kind != DJ_V_NONE && proxy_untrusted(c))
        ck_report(
            c, "donjon.W053", dj_check_origin(c, "SECURE_PROXY_SSL_HEADER"),
            "List the proxy's network in TRUSTED_PROXIES, and let the proxy overwrite that header.",
            "SECURE_PROXY_SSL_HEADER is believed, but nothing says which proxy sends it: a client "
            "can send it too.");
}

static void forwarded_host(dj_check_run *c)
{
    static const char *const settings[] = {"USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT"};
    for (size_t i = 0; i < DJ_COUNT(settings); i++)
        if (ck_truth(c, settings[i]) == YES && proxy_untrusted(c))
            ck_report(
                c, "donjon.W054", dj_check_origin(c, settings[i]),
                dj_cstr(c->s,
                        dj_strf(c->s,
                                "Set %s = False, or list the proxy's network in TRUSTED_PROXIES.",
                                settings[i])),
                "%s is on, but nothing says which proxy sends that header: a client can send it "
                "too.",
                settings[i]);
}

static void redirect_loop(dj_check_run *c)
{
    if (c->in->urls == NULL || ck_is_true(c, "SECURE_SSL_REDIRECT") != YES)
        return;
    const dj_value *header = dj_check_setting(c, "SECURE_PROXY_SSL_HEADER"),
                   *tls = dj_check_setting(c, "BIND_TLS");
    if (header != NULL && header->kind == DJ_V_NONE && ck_len(tls) == 0)
        ck_report(c, "donjon.I055", dj_check_origin(c, "SECURE_SSL_REDIRECT"),
                  "Behind a proxy that ends TLS, set SECURE_PROXY_SSL_HEADER = "
                  "('HTTP_X_FORWARDED_PROTO', 'https'); else set "
                  "BIND_TLS, TLS_CERT and TLS_KEY.",
                  "SECURE_SSL_REDIRECT is on, but neither SECURE_PROXY_SSL_HEADER nor BIND_TLS is "
                  "set: each request will be "
                  "redirected to itself.");
}

/* Matches every path: nothing, "^", ".*", "/" ... patterns are searched, not matched whole. */
static bool matches_everything(dj_str pattern)
{
    static const char *const all[] = {"",     "^",      "$",      ".",     ".*",     ".+",
                                      "^.*",  "^.*$",   ".*$",    "^.+$",  "^.+",    "^/",
                                      "/",    "(.*)",   "^(.*)$", ".?",    "[^/]*",  "\\S*",
                                      "\\S+", "^\\S*$", "^\\S+$", "^(.*)", "(?s).*", NULL};
    return ck_in_table(all, pattern);
}

static void exempt_everything(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "SECURE_REDIRECT_EXEMPT");
    for (size_t i = 0; i < ck_len(v); i++) {
        dj_str pattern = ck_text(ck_item(v, i));
        if (!dj_str_is_none(pattern) && matches_everything(pattern))
            ck_report(c, "donjon.W056", ck_at(c, "SECURE_REDIRECT_EXEMPT", ck_item(v, i)),
                      "Narrow the pattern in SECURE_REDIRECT_EXEMPT, e.g. r'^healthz$'.",
                      "SECURE_REDIRECT_EXEMPT has '" DJ_FMT
                      "', which matches every path: nothing is redirected to HTTPS.",
                      DJ_ARG(pattern));
    }
}

static void ssl_header_form(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "SECURE_PROXY_SSL_HEADER");
    if (v == NULL || v->kind == DJ_V_NONE)
        return;
    bool pair = (v->kind == DJ_V_TUPLE || v->kind == DJ_V_LIST) && v->seq.len == 2 &&
                ck_item(v, 0)->kind == DJ_V_STR && ck_item(v, 1)->kind == DJ_V_STR;
    if (!pair || !dj_str_starts(ck_item(v, 0)->str, DJ_LIT("HTTP_")))
        ck_report(c, "donjon.E057", dj_check_origin(c, "SECURE_PROXY_SSL_HEADER"),
                  "Write SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https').",
                  "SECURE_PROXY_SSL_HEADER %s.",
                  pair ? "names a header without HTTP_ before it, which no request has"
                       : "is not a pair of texts");
}

static const dj_check checks[] = {
    {"donjon security", true, "donjon.W050 donjon.W051", preload},
    {"donjon security", true, "donjon.W052", short_hsts},
    {"donjon security", true, "donjon.W053", ssl_header_trust},
    {"donjon security", true, "donjon.W054", forwarded_host},
    {"donjon security", true, "donjon.I055", redirect_loop},
    {"donjon security", true, "donjon.W056", exempt_everything},
    {"donjon security", false, "donjon.E057", ssl_header_form},
};
CHECK_FAMILY(transport, checks);
