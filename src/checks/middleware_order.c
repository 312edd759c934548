/* src/checks/middleware_order.c - the order of MIDDLEWARE, and names in it that nobody knows.
 *
 * Django: the ordering notes of ref/middleware; auth.E013 is its own check. */
#include "checks/family.h"
#include "donjon/builtin.h"
#include "donjon/map.h"

#define SECURITY_LAYER "django.middleware.security.SecurityMiddleware"
#define SESSION_LAYER  "django.contrib.sessions.middleware.SessionMiddleware"
#define AUTH_LAYER     "django.contrib.auth.middleware.AuthenticationMiddleware"
#define LOGIN_LAYER    "django.contrib.auth.middleware.LoginRequiredMiddleware"
#define MESSAGE_LAYER  "django.contrib.messages.middleware.MessageMiddleware"
#define CSRF_LAYER     "django.middleware.csrf.CsrfViewMiddleware"

static const char *const django_middleware[] = {
    "django.contrib.admindocs.middleware.XViewMiddleware",
    AUTH_LAYER,
    LOGIN_LAYER,
    "django.contrib.auth.middleware.RemoteUserMiddleware",
    "django.contrib.auth.middleware.PersistentRemoteUserMiddleware",
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
    MESSAGE_LAYER,
    "django.contrib.redirects.middleware.RedirectFallbackMiddleware",
    SESSION_LAYER,
    "django.contrib.sites.middleware.CurrentSiteMiddleware",
    "django.middleware.cache.CacheMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.common.BrokenLinkEmailsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    CSRF_LAYER,
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    SECURITY_LAYER,
    NULL,
};

bool ck_known_middleware(dj_check_run *c, dj_str name)
{
    for (size_t i = 0; i < dj_builtin_middleware_len; i++)
        if (dj_str_eq(name, dj_str_of(dj_builtin_middleware[i]->name)))
            return true;
    return ck_in_table(django_middleware, name) ||
           (c->in->middleware != NULL && ck_in_table(c->in->middleware, name));
}

/* `later` must stand below `earlier`. *at is the place of `later`. */
static tri out_of_order(dj_check_run *c, const char *later, const char *earlier, dj_origin *at)
{
    bool   later_open, earlier_open;
    size_t l = ck_index(c, "MIDDLEWARE", later, &later_open);
    if (l == NO_INDEX)
        return later_open ? UNDECIDED : NO;
    size_t          e = ck_index(c, "MIDDLEWARE", earlier, &earlier_open);
    const dj_value *v = ck_peek(c, "MIDDLEWARE");
    *at = l < ck_len(v) ? ck_at(c, "MIDDLEWARE", ck_item(v, l)) : dj_check_origin(c, "MIDDLEWARE");
    if (e == NO_INDEX)
        return earlier_open ? UNDECIDED : YES;
    return e > l ? YES : NO;
}

static void login_required(dj_check_run *c)
{
    dj_origin at;
    if (out_of_order(c, LOGIN_LAYER, AUTH_LAYER, &at) == YES)
        ck_report(c, "auth.E013", at, NULL,
                  "'" LOGIN_LAYER "' needs '" AUTH_LAYER "' before it in MIDDLEWARE.");
}

/* What may stand before SecurityMiddleware: layers that refuse hosts or read a proxy's headers. */
static bool may_precede(dj_scope *s, dj_str name)
{
    static const char *const words[] = {"host",   "proxy",      "forwarded",
                                        "realip", "remoteaddr", "healthcheck"};
    dj_str                   lower = dj_str_lower(s, name);
    for (size_t i = 0; i < DJ_COUNT(words); i++)
        if (dj_str_has(lower, dj_str_of(words[i])))
            return true;
    return false;
}

static void security_first(dj_check_run *c)
{
    const dj_value *v = ck_peek(c, "MIDDLEWARE");
    if (v != NULL && v->kind == DJ_V_UNKNOWN)
        ck_undecided(c, "MIDDLEWARE", v);
    for (size_t i = 0; i < ck_len(v); i++) {
        const dj_value *item = ck_item(v, i);
        if (ck_is_text(item, SECURITY_LAYER))
            return;
        if (item->kind == DJ_V_UNKNOWN) {
            ck_undecided(c, "MIDDLEWARE", v);
            return;
        }
        if (may_precede(c->s, ck_text(item)))
            continue;
        if (ck_has(c, "MIDDLEWARE", SECURITY_LAYER) == YES)
            ck_report(c, "donjon.W080", ck_at(c, "MIDDLEWARE", item),
                      "Put '" SECURITY_LAYER
                      "' first in MIDDLEWARE, so that its redirect and headers cover all others.",
                      "'" DJ_FMT "' stands before '" SECURITY_LAYER "' in MIDDLEWARE.",
                      DJ_ARG(ck_text(item)));
        return;
    }
}

static void authentication(dj_check_run *c)
{
    dj_origin at;
    if (out_of_order(c, AUTH_LAYER, SESSION_LAYER, &at) == YES)
        ck_report(c, "donjon.E081", at,
                  "Put '" SESSION_LAYER "' before '" AUTH_LAYER "' in MIDDLEWARE.",
                  "'" AUTH_LAYER "' stands before or without '" SESSION_LAYER
                  "': nobody can be logged in.");
}

static void messages(dj_check_run *c)
{
    dj_origin       at;
    const dj_value *storage = dj_check_setting(c, "MESSAGE_STORAGE");
    if (storage == NULL ||
        ck_is_text(storage, "django.contrib.messages.storage.cookie.CookieStorage"))
        return;
    if (out_of_order(c, MESSAGE_LAYER, SESSION_LAYER, &at) == YES)
        ck_report(c, "donjon.E082", at,
                  "Put '" SESSION_LAYER "' before '" MESSAGE_LAYER "' in MIDDLEWARE.",
                  "'" MESSAGE_LAYER "' stands before or without '" SESSION_LAYER
                  "', where its storage keeps messages.");
}

static void csrf_in_session(dj_check_run *c)
{
    dj_origin at;
    if (ck_truth(c, "CSRF_USE_SESSIONS") == YES &&
        out_of_order(c, CSRF_LAYER, SESSION_LAYER, &at) == YES)
        ck_report(c, "donjon.E083", at,
                  "Put '" SESSION_LAYER "' before '" CSRF_LAYER "' in MIDDLEWARE.",
                  "CSRF_USE_SESSIONS is on, but '" CSRF_LAYER
                  "' stands before or without '" SESSION_LAYER "'.");
}

static void twice(dj_check_run *c)
{
    const dj_value *v = ck_peek(c, "MIDDLEWARE");
    dj_map          seen = dj_map_make(c->s);
    for (size_t i = 0; i < ck_len(v); i++) {
        dj_str name = ck_text(ck_item(v, i));
        if (name.len == 0)
            continue;
        if (dj_map_has(&seen, name))
            ck_report(c, "donjon.W084", ck_at(c, "MIDDLEWARE", ck_item(v, i)),
                      "Remove the second one from MIDDLEWARE.",
                      "'" DJ_FMT "' stands twice in MIDDLEWARE.", DJ_ARG(name));
        dj_map_set(&seen, name, c);
    }
}

/* A program of ours can't run a Python class; in someone else's project any name may be one. */
static void unknown_name(dj_check_run *c)
{
    const dj_value *v = ck_peek(c, "MIDDLEWARE");
    for (size_t i = 0; i < ck_len(v); i++) {
        dj_str name = ck_text(ck_item(v, i));
        if (ck_item(v, i)->kind == DJ_V_UNKNOWN || ck_known_middleware(c, name))
            continue;
        bool ours =
            dj_str_starts(name, DJ_LIT("django.")) || dj_str_starts(name, DJ_LIT("donjon."));
        if (c->in->urls != NULL || ours)
            ck_report(c, "donjon.E085", ck_at(c, "MIDDLEWARE", ck_item(v, i)),
                      "Remove it from MIDDLEWARE, correct its spelling, or register it in "
                      "dj_app.middleware.",
                      "MIDDLEWARE names '" DJ_FMT "', which this build does not know.",
                      DJ_ARG(name));
    }
}

static const dj_check checks[] = {
    {"", false, "auth.E013", login_required}, /* Django gives it no tag */
    {"donjon", false, "donjon.W080", security_first},
    {"donjon", false, "donjon.E081", authentication},
    {"donjon", false, "donjon.E082", messages},
    {"donjon", false, "donjon.E083", csrf_in_session},
    {"donjon", false, "donjon.W084", twice},
    {"donjon", false, "donjon.E085", unknown_name},
};
CHECK_FAMILY(middleware_order, checks);
