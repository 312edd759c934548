/* src/checks/security.c - Django's security.* checks; the simple ones come from the table of
 * settings.
 *
 * Django: django/core/checks/security/{base,sessions,csrf}.py.
 *
 * Must not know: reports, the command line. */
#include "checks/family.h"
#include "donjon/secret.h"

#define SECURITY_MIDDLEWARE "django.middleware.security.SecurityMiddleware"
#define XFRAME_MIDDLEWARE   "django.middleware.clickjacking.XFrameOptionsMiddleware"
#define CSRF_MIDDLEWARE     "django.middleware.csrf.CsrfViewMiddleware"
#define SESSION_MIDDLEWARE  "django.contrib.sessions.middleware.SessionMiddleware"
#define SESSIONS_APP        "django.contrib.sessions"

/* -- the table's simple checks: one setting, one condition, one companion -- */

typedef enum warn_if {
    WARN_NONE_,
    WARN_FALSE,
    WARN_TRUTHY,
    WARN_ZERO,
    WARN_EMPTY,
    WARN_IS_NONE,
    WARN_NOT_DENY
} warn_if;
typedef enum warn_with {
    WITH_ALWAYS,
    WITH_SECURITY,
    WITH_HSTS,
    WITH_XFRAME,
    WITH_CSRF_COOKIE,
    WITH_SESSIONS
} warn_with;

typedef struct simple_check {
    const char *setting, *id, *text;
    warn_if     warn;
    warn_with   with;
} simple_check;

/* What each says; a row of settings.def without a sentence here does not compile into a check (the
 * test sees it). */
static const struct {
    const char *id, *text;
} sentences[] = {
    {"security.W004",
     "SECURE_HSTS_SECONDS is not set: browsers may still reach this site over plain HTTP. Once all "
     "of it is "
     "served over HTTPS, set it; start with a small value, as browsers remember it."},
    {"security.W005", "SECURE_HSTS_INCLUDE_SUBDOMAINS is not True: an attacker can use an insecure "
                      "connection to a subdomain. "
                      "Set it only if all subdomains are served over HTTPS."},
    {"security.W006", "SECURE_CONTENT_TYPE_NOSNIFF is not True: answers go without "
                      "'X-Content-Type-Options: nosniff', and "
                      "browsers may guess another content type."},
    {"security.W008", "SECURE_SSL_REDIRECT is not True: plain HTTP is answered instead of "
                      "redirected to HTTPS. Set it, unless "
                      "a proxy in front redirects."},
    {"security.W010", "'django.contrib.sessions' is in INSTALLED_APPS, but SESSION_COOKIE_SECURE "
                      "is not True: the session "
                      "cookie also travels over plain HTTP, where it can be read and used."},
    {"security.W011",
     "'" SESSION_MIDDLEWARE
     "' is in MIDDLEWARE, but SESSION_COOKIE_SECURE is not True: the session cookie "
     "also travels over plain HTTP, where it can be read and used."},
    {"security.W012", "SESSION_COOKIE_SECURE is not True: the session cookie also travels over "
                      "plain HTTP, where it can be "
                      "read and used."},
    {"security.W013", "'django.contrib.sessions' is in INSTALLED_APPS, but SESSION_COOKIE_HTTPONLY "
                      "is not True: a script "
                      "injected into a page can read the session cookie."},
    {"security.W014",
     "'" SESSION_MIDDLEWARE
     "' is in MIDDLEWARE, but SESSION_COOKIE_HTTPONLY is not True: a script injected "
     "into a page can read the session cookie."},
    {"security.W015", "SESSION_COOKIE_HTTPONLY is not True: a script injected into a page can read "
                      "the session cookie."},
    {"security.W016", "'" CSRF_MIDDLEWARE
                      "' is in MIDDLEWARE, but CSRF_COOKIE_SECURE is not True: the CSRF token also "
                      "travels over plain HTTP."},
    {"security.W018",
     "DEBUG is on. It must be off in production: error pages show code and settings."},
    {"security.W019",
     "'" XFRAME_MIDDLEWARE
     "' is in MIDDLEWARE, but X_FRAME_OPTIONS is not 'DENY'. Unless parts of the site "
     "frame each other, set it to 'DENY'."},
    {"security.W020",
     "ALLOWED_HOSTS is empty: in production it must name the hosts this site answers to."},
    {"security.W021",
     "SECURE_HSTS_PRELOAD is not True: the site can't be put on the browsers' preload list."},
    {"security.W022", "SECURE_REFERRER_POLICY is not set: answers go without a Referrer-Policy "
                      "header, and visited addresses "
                      "are told to other sites."},
};

static const char *sentence_of(const char *id)
{
    for (size_t i = 0; i < DJ_COUNT(sentences); i++)
        if (strcmp(sentences[i].id, id) == 0)
            return sentences[i].text;
    return "This value is not safe in production.";
}

static const simple_check simple_checks[] = {
#define DJ_SETTING(type, name, def, warn_if, with, check, help)                                    \
    {#name, check, NULL, WARN_##warn_if, WITH_##with},
#include "settings.def"
#undef DJ_SETTING
};

static tri negate(tri t)
{
    return t == UNDECIDED ? UNDECIDED : t == YES ? NO : YES;
}

static tri both(tri a, tri b)
{
    return a == NO || b == NO ? NO : a == UNDECIDED || b == UNDECIDED ? UNDECIDED : YES;
}

static tri is_kind(dj_check_run *c, const char *name, dj_value_kind kind)
{
    const dj_value *v = ck_peek(c, name);
    if (v != NULL && v->kind == DJ_V_UNKNOWN) {
        ck_undecided(c, name, v);
        return UNDECIDED;
    }
    return v == NULL || v->kind == kind ? YES : NO;
}

static tri is_text(dj_check_run *c, const char *name, const char *text)
{
    const dj_value *v = ck_peek(c, name);
    if (v != NULL && v->kind == DJ_V_UNKNOWN) {
        ck_undecided(c, name, v);
        return UNDECIDED;
    }
    return ck_is_text(v, text) ? YES : NO;
}

static tri warns(dj_check_run *c, const simple_check *check)
{
    switch (check->warn) {
    case WARN_NONE_:
        return NO;
    case WARN_FALSE:
        return negate(ck_is_true(c, check->setting));
    case WARN_TRUTHY:
        return ck_truth(c, check->setting);
    case WARN_ZERO:
    case WARN_EMPTY:
        return negate(ck_truth(c, check->setting));
    case WARN_IS_NONE:
        return is_kind(c, check->setting, DJ_V_NONE);
    case WARN_NOT_DENY:
        return negate(is_text(c, check->setting, "DENY"));
    }
    return NO;
}

static tri holds_besides(dj_check_run *c, const simple_check *check)
{
    tri t;
    switch (check->with) {
    case WITH_ALWAYS:
    case WITH_SESSIONS: /* three ids: report_session decides */
        return YES;
    case WITH_SECURITY:
        return ck_has(c, "MIDDLEWARE", SECURITY_MIDDLEWARE);
    case WITH_HSTS:
        t = ck_has(c, "MIDDLEWARE", SECURITY_MIDDLEWARE);
        return t == NO ? NO : both(t, ck_truth(c, "SECURE_HSTS_SECONDS"));
    case WITH_XFRAME:
        return ck_has(c, "MIDDLEWARE", XFRAME_MIDDLEWARE);
    case WITH_CSRF_COOKIE:
        t = ck_has(c, "MIDDLEWARE", CSRF_MIDDLEWARE);
        return t == NO ? NO : both(t, negate(ck_truth(c, "CSRF_USE_SESSIONS")));
    }
    return NO;
}

static void report_sentence(dj_check_run *c, const char *id, const char *setting)
{
    ck_report(c, id, dj_check_origin(c, setting), NULL, "%s", sentence_of(id));
}

/* `first` of three ids: sessions as an app only, as middleware only, both. */
static void report_session(dj_check_run *c, const simple_check *check)
{
    tri app = ck_has(c, "INSTALLED_APPS", SESSIONS_APP),
        layer = ck_has(c, "MIDDLEWARE", SESSION_MIDDLEWARE);
    if (app == UNDECIDED || layer == UNDECIDED || (app == NO && layer == NO))
        return;
    size_t which = app == YES && layer == YES ? 2 : layer == YES ? 1 : 0;
    dj_str first = dj_str_of(check->id);
    char   last = (char)(first.ptr[first.len - 1] + (char)which);
    report_sentence(
        c,
        dj_cstr(c->s, dj_strf(c->s, DJ_FMT "%c", DJ_ARG(dj_str_first(first, first.len - 1)), last)),
        check->setting);
}

static void one_simple(dj_check_run *c, const simple_check *check)
{
    tri besides = holds_besides(c, check);
    if (besides == NO || both(besides, warns(c, check)) != YES)
        return;
    if (check->with == WITH_SESSIONS)
        report_session(c, check);
    else
        report_sentence(c, check->id, check->setting);
}

/* What stays undecided is noted for the one id, not for all of the table. */
static void simple(dj_check_run *c)
{
    const dj_check *all = c->current;
    for (size_t i = 0; i < DJ_COUNT(simple_checks); i++) {
        if (simple_checks[i].warn == WARN_NONE_)
            continue;
        dj_check one = *all;
        one.ids = simple_checks[i].id;
        c->current = &one;
        one_simple(c, &simple_checks[i]);
    }
    c->current = all;
}

/* -- middleware that is not there -- */

static void security_middleware(dj_check_run *c)
{
    if (ck_has(c, "MIDDLEWARE", SECURITY_MIDDLEWARE) == NO)
        ck_report(c, "security.W001", dj_check_origin(c, "MIDDLEWARE"), NULL,
                  "'" SECURITY_MIDDLEWARE
                  "' is not in MIDDLEWARE, so SECURE_HSTS_SECONDS, SECURE_CONTENT_TYPE_NOSNIFF, "
                  "SECURE_REFERRER_POLICY, SECURE_CROSS_ORIGIN_OPENER_POLICY and "
                  "SECURE_SSL_REDIRECT have no effect.");
}

static void xframe_middleware(dj_check_run *c)
{
    if (ck_has(c, "MIDDLEWARE", XFRAME_MIDDLEWARE) == NO)
        ck_report(c, "security.W002", dj_check_origin(c, "MIDDLEWARE"), NULL,
                  "'" XFRAME_MIDDLEWARE
                  "' is not in MIDDLEWARE, so pages go without X-Frame-Options and other sites can "
                  "frame them (clickjacking).");
}

static void csrf_middleware(dj_check_run *c)
{
    if (ck_has(c, "MIDDLEWARE", CSRF_MIDDLEWARE) == NO)
        ck_report(
            c, "security.W003", dj_check_origin(c, "MIDDLEWARE"), NULL,
            "'" CSRF_MIDDLEWARE
            "' is not in MIDDLEWARE: forms are not protected against requests forged by other "
            "sites.");
}

/* -- keys -- */

/* Fewer than 50 code points, fewer than 5 different ones, or made by startproject. */
static bool is_weak_key(dj_str key)
{
    int32_t seen[5];
    size_t  distinct = 0, len = 0, pos = 0;
    while (pos < key.len) {
        int32_t cp = dj_utf8_next(key, &pos);
        bool    known = false;
        for (size_t i = 0; i < distinct && i < DJ_COUNT(seen); i++)
            known = known || seen[i] == cp;
        if (!known && distinct < DJ_COUNT(seen))
            seen[distinct++] = cp;
        len++;
    }
    return len < 50 || distinct < 5 || dj_str_starts(key, DJ_LIT("django-insecure-"));
}

#define WEAK_KEY                                                                                   \
    "is missing, shorter than 50 characters, made of fewer than 5 different ones, or begins with " \
    "'django-insecure-'. "                                                                         \
    "Sessions, tokens and cookies signed with it can be forged: make a long random one."

static void secret_key(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "SECRET_KEY");
    if (v == NULL && ck_peek(c, "SECRET_KEY") != NULL)
        return;
    dj_str          key = ck_text(v);
    const dj_value *file = key.len == 0 ? ck_peek(c, "SECRET_KEY_FILE") : NULL;
    if (file != NULL && ck_text(file).len > 0) {
        const dj_secret *secret;
        dj_str           path = ck_abspath(c->s, c->in->base, ck_text(file));
        if (dj_secret_from_file(c->s, path, &secret) == DJ_OK &&
            !is_weak_key(dj_secret_reveal(secret)))
            return;
        ck_report(c, "security.W009", dj_check_origin(c, "SECRET_KEY_FILE"), NULL,
                  "The SECRET_KEY in SECRET_KEY_FILE " WEAK_KEY);
        return;
    }
    if (is_weak_key(key))
        ck_report(c, "security.W009", dj_check_origin(c, "SECRET_KEY"), NULL,
                  "SECRET_KEY " WEAK_KEY);
}

static void fallback_keys(dj_check_run *c)
{
    const dj_value *v = ck_peek(c, "SECRET_KEY_FALLBACKS");
    if (v != NULL && v->kind == DJ_V_UNKNOWN)
        ck_undecided(c, "SECRET_KEY_FALLBACKS", v);
    for (size_t i = 0; i < ck_len(v); i++) {
        if (ck_item(v, i)->kind == DJ_V_UNKNOWN)
            ck_undecided(c, "SECRET_KEY_FALLBACKS", ck_item(v, i));
        else if (is_weak_key(ck_text(ck_item(v, i))))
            ck_report(c, "security.W025", ck_at(c, "SECRET_KEY_FALLBACKS", ck_item(v, i)), NULL,
                      "SECRET_KEY_FALLBACKS[%zu] " WEAK_KEY, i);
    }
}

/* -- values out of a list -- */

static const char *const referrer_policies[] = {
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
    NULL,
};
static const char *const opener_policies[] = {"same-origin", "same-origin-allow-popups",
                                              "unsafe-none", NULL};

static const char *valid_values(dj_scope *s, const char *const *table)
{
    dj_buf b = dj_buf_make(s, 4096);
    dj_buf_add(&b, DJ_LIT("Valid values are: "));
    for (size_t i = 0; table[i] != NULL; i++)
        dj_buf_addf(&b, "%s%s", i == 0 ? "" : ", ", table[i]);
    dj_buf_add_byte(&b, '.');
    return dj_cstr(s, dj_buf_str(&b));
}

static bool referrer_valid(const dj_value *v)
{
    if (v->kind == DJ_V_STR) {
        dj_str rest = v->str, piece;
        while (dj_str_next(&rest, ',', &piece))
            if (!ck_in_table(referrer_policies, dj_str_strip(piece, DJ_LIT(" \t\n\r\v\f"))))
                return false;
        return true;
    }
    if (!dj_value_is_seq(v))
        return false;
    for (size_t i = 0; i < ck_len(v); i++)
        if (ck_item(v, i)->kind != DJ_V_STR || !ck_in_table(referrer_policies, ck_item(v, i)->str))
            return false;
    return true;
}

static void referrer_policy(dj_check_run *c)
{
    if (ck_has(c, "MIDDLEWARE", SECURITY_MIDDLEWARE) != YES)
        return;
    const dj_value *v = dj_check_setting(c, "SECURE_REFERRER_POLICY");
    if (v != NULL && v->kind != DJ_V_NONE && !referrer_valid(v))
        ck_report(c, "security.E023", dj_check_origin(c, "SECURE_REFERRER_POLICY"),
                  valid_values(c->s, referrer_policies),
                  "SECURE_REFERRER_POLICY has a value that browsers don't know.");
}

static void opener_policy(dj_check_run *c)
{
    if (ck_has(c, "MIDDLEWARE", SECURITY_MIDDLEWARE) != YES)
        return;
    const dj_value *v = dj_check_setting(c, "SECURE_CROSS_ORIGIN_OPENER_POLICY");
    if (v == NULL || v->kind == DJ_V_NONE ||
        (v->kind == DJ_V_STR && ck_in_table(opener_policies, v->str)))
        return;
    ck_report(c, "security.E024", dj_check_origin(c, "SECURE_CROSS_ORIGIN_OPENER_POLICY"),
              valid_values(c->s, opener_policies),
              "SECURE_CROSS_ORIGIN_OPENER_POLICY has a value that browsers don't know.");
}

/* -- CSRF_FAILURE_VIEW -- */

/* Django's own views; only the first answers a refused request. */
static const char *const django_views[] = {
    "django.views.defaults.bad_request",
    "django.views.defaults.page_not_found",
    "django.views.defaults.permission_denied",
    "django.views.defaults.server_error",
    "django.views.debug.default_urlconf",
    "django.views.i18n.set_language",
    "django.views.static.serve",
    NULL,
};

static void csrf_failure_view(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "CSRF_FAILURE_VIEW");
    if (v == NULL || ck_is_text(v, "django.views.csrf.csrf_failure"))
        return;
    dj_str    name = ck_text(v);
    dj_origin at = dj_check_origin(c, "CSRF_FAILURE_VIEW");
    if (ck_in_table(django_views, name))
        ck_report(c, "security.E101", at, NULL,
                  "CSRF_FAILURE_VIEW '" DJ_FMT "' can't be called with a request and a reason.",
                  DJ_ARG(name));
    else if (c->in->urls == NULL && dj_str_has(name, DJ_LIT(".")) &&
             !dj_str_starts(name, DJ_LIT("django.")))
        ck_undecided(c, "CSRF_FAILURE_VIEW", v); /* a Python view: only Python can look at it */
    else
        ck_report(c, "security.E102", at, NULL,
                  "CSRF_FAILURE_VIEW '" DJ_FMT "' is not the name of a view.", DJ_ARG(name));
}

static const dj_check checks[] = {
    {"security", true, "security.W001", security_middleware},
    {"security", true, "security.W002", xframe_middleware},
    {"security", true, "security.W003", csrf_middleware},
    {"security", true,
     "security.W004 security.W005 security.W006 security.W008 security.W010 security.W011 "
     "security.W012 security.W013 "
     "security.W014 security.W015 security.W016 security.W018 security.W019 security.W020 "
     "security.W021 security.W022",
     simple},
    {"security", true, "security.W009", secret_key},
    {"security", true, "security.W025", fallback_keys},
    {"security", true, "security.E023", referrer_policy},
    {"security", true, "security.E024", opener_policy},
    {"security", false, "security.E101 security.E102", csrf_failure_view},
};
CHECK_FAMILY(security, checks);
