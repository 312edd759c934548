/* src/checks/cookies.c - names, attributes and domains of the session, CSRF and language cookies.
 *
 * RFC 6265bis: __Host- needs Secure, Path=/ and no Domain; __Secure- needs Secure. */
#include "checks/family.h"

#define DAY ((int64_t)86400)

typedef struct cookie {
    const char *what;  /* SESSION, CSRF, LANGUAGE */
    const char *layer; /* the middleware that sets it; NULL: views do */
    const char *samesite_id;
} cookie;

static const cookie cookies[] = {
    {"SESSION", "django.contrib.sessions.middleware.SessionMiddleware", "donjon.W060"},
    {"CSRF", "django.middleware.csrf.CsrfViewMiddleware", "donjon.W061"},
    {"LANGUAGE", NULL, NULL},
};

static const char *setting(dj_check_run *c, const cookie *k, const char *attribute)
{
    return dj_cstr(c->s, dj_strf(c->s, "%s_COOKIE_%s", k->what, attribute));
}

static bool is_used(dj_check_run *c, const cookie *k)
{
    if (k->layer == NULL || ck_has(c, "MIDDLEWARE", k->layer) != YES)
        return false;
    return strcmp(k->what, "CSRF") != 0 || ck_truth(c, "CSRF_USE_SESSIONS") == NO;
}

static bool is_word(const dj_value *v, const char *word)
{
    return v != NULL && v->kind == DJ_V_STR && dj_str_eq_nocase(v->str, dj_str_of(word));
}

static void samesite_open(dj_check_run *c, const cookie *k)
{
    const char     *name = setting(c, k, "SAMESITE");
    const dj_value *v = is_used(c, k) ? dj_check_setting(c, name) : NULL;
    if (v == NULL)
        return;
    bool open = v->kind == DJ_V_NONE || (v->kind == DJ_V_BOOL && !v->boolean) || is_word(v, "None");
    if (open)
        ck_report(c, k->samesite_id, dj_check_origin(c, name),
                  dj_cstr(c->s, dj_strf(c->s, "Set %s = 'Lax'.", name)),
                  "%s lets other sites send this cookie with their requests.", name);
}

static void session_samesite(dj_check_run *c)
{
    samesite_open(c, &cookies[0]);
}

static void csrf_samesite(dj_check_run *c)
{
    samesite_open(c, &cookies[1]);
}

static void samesite_values(dj_check_run *c)
{
    for (size_t i = 0; i < DJ_COUNT(cookies); i++) {
        const char *name = setting(c, &cookies[i], "SAMESITE"),
                   *secure = setting(c, &cookies[i], "SECURE");
        const dj_value *v = dj_check_setting(c, name);
        if (v == NULL || v->kind == DJ_V_NONE || (v->kind == DJ_V_BOOL && !v->boolean))
            continue;
        if (is_word(v, "None")) {
            if (ck_is_true(c, secure) == NO)
                ck_report(
                    c, "donjon.E062", dj_check_origin(c, name),
                    dj_cstr(c->s, dj_strf(c->s, "Set %s = True, or %s = 'Lax'.", secure, name)),
                    "%s is 'None', but %s is not True: browsers drop such a cookie.", name, secure);
        } else if (!is_word(v, "Lax") && !is_word(v, "Strict")) {
            ck_report(
                c, "donjon.E063", dj_check_origin(c, name),
                dj_cstr(c->s, dj_strf(c->s, "Set %s = 'Lax' (or 'Strict', 'None', False).", name)),
                "%s is none of 'Lax', 'Strict', 'None' and False.", name);
        }
    }
}

/* -- domains -- */

static dj_str without_dot(dj_str domain)
{
    return dj_str_starts(domain, DJ_LIT(".")) ? dj_str_from(domain, 1) : domain;
}

/* host is domain or below it */
static bool belongs(dj_str host, dj_str domain)
{
    return host.len >= domain.len &&
           dj_str_eq_nocase(dj_str_from(host, host.len - domain.len), domain) &&
           (host.len == domain.len || host.ptr[host.len - domain.len - 1] == '.');
}

static void one_domain(dj_check_run *c, const char *name, const dj_value *hosts)
{
    dj_str domain = without_dot(ck_text(dj_check_setting(c, name)));
    if (domain.len == 0)
        return;
    const char *hint = dj_cstr(
        c->s, dj_strf(c->s, "Set %s = None: the cookie then goes to its own host only.", name));
    if (ck_public_suffix(domain) == YES) {
        ck_report(c, "donjon.E064", dj_check_origin(c, name), hint,
                  "%s '" DJ_FMT "' is a public suffix: browsers refuse such a cookie.", name,
                  DJ_ARG(domain));
        return;
    }
    bool some = false, exact = false, any = false;
    for (size_t i = 0; i < ck_len(hosts); i++) {
        dj_str host = ck_text(ck_item(hosts, i)), plain = without_dot(host);
        any = any || ck_is_text(ck_item(hosts, i), "*");
        some = some || belongs(plain, domain) || (host.len > plain.len && belongs(domain, plain));
        exact = exact || dj_str_eq_nocase(plain, domain) ||
                (host.len > plain.len && belongs(domain, plain));
    }
    if (any || ck_len(hosts) == 0)
        return;
    if (!some)
        ck_report(c, "donjon.E064", dj_check_origin(c, name), hint,
                  "%s '" DJ_FMT
                  "' belongs to none of ALLOWED_HOSTS: browsers refuse such a cookie.",
                  name, DJ_ARG(domain));
    else if (!exact)
        ck_report(
            c, "donjon.W065", dj_check_origin(c, name), hint,
            "%s '" DJ_FMT
            "' is wider than every host in ALLOWED_HOSTS: other sites below it get the cookie too.",
            name, DJ_ARG(domain));
}

static void domains(dj_check_run *c)
{
    const dj_value *hosts = dj_check_setting(c, "ALLOWED_HOSTS");
    for (size_t i = 0; i < DJ_COUNT(cookies) && hosts != NULL; i++)
        one_domain(c, setting(c, &cookies[i], "DOMAIN"), hosts);
}

/* -- names -- */

static void prefixes(dj_check_run *c)
{
    for (size_t i = 0; i < DJ_COUNT(cookies); i++) {
        const cookie *k = &cookies[i];
        if (!is_used(c, k) || ck_is_true(c, setting(c, k, "SECURE")) != YES)
            continue;
        const char     *setting_name = setting(c, k, "NAME");
        dj_str          name = ck_text(dj_check_setting(c, setting_name));
        const dj_value *domain = dj_check_setting(c, setting(c, k, "DOMAIN"));
        const dj_value *path = dj_check_setting(c, setting(c, k, "PATH"));
        if (name.len == 0 || domain == NULL || dj_str_starts_nocase(name, DJ_LIT("__Host-")) ||
            dj_str_starts_nocase(name, DJ_LIT("__Secure-")))
            continue;
        bool        host = domain->kind == DJ_V_NONE && ck_is_text(path, "/");
        const char *prefix = host ? "__Host-" : "__Secure-";
        ck_report(
            c, "donjon.I066", dj_check_origin(c, setting_name),
            dj_cstr(c->s, dj_strf(c->s, "Set %s = '%s" DJ_FMT "'; everybody is logged out once.",
                                  setting_name, prefix, DJ_ARG(name))),
            "%s could begin with '%s', which keeps other hosts and plain HTTP from setting it.",
            setting_name, prefix);
    }
}

static bool is_token(dj_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!dj_is_alpha(name.ptr[i]) && !dj_is_digit(name.ptr[i]) &&
            (name.ptr[i] == '\0' || strchr("!#$%&'*+-.^_`|~", name.ptr[i]) == NULL))
            return false;
    return name.len > 0;
}

static void names(dj_check_run *c)
{
    for (size_t i = 0; i < DJ_COUNT(cookies); i++) {
        const char     *name = setting(c, &cookies[i], "NAME");
        const dj_value *v = dj_check_setting(c, name);
        if (v != NULL && v->kind == DJ_V_STR && !is_token(v->str))
            ck_report(
                c, "donjon.E069", dj_check_origin(c, name),
                dj_cstr(c->s,
                        dj_strf(c->s, "Use letters, digits, '-' and '_' in %s, e.g. 'sessionid'.",
                                name)),
                "%s is not a name a cookie can have.", name);
    }
}

/* -- life, origins, serializer -- */

static void session_age(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "SESSION_COOKIE_AGE");
    if (is_used(c, &cookies[0]) && v != NULL && v->kind == DJ_V_INT && v->integer > 30 * DAY)
        ck_report(c, "donjon.W067", dj_check_origin(c, "SESSION_COOKIE_AGE"),
                  "Set SESSION_COOKIE_AGE = 1209600.",
                  "SESSION_COOKIE_AGE is over 30 days: a stolen session stays good for long.");
}

static void one_origin(dj_check_run *c, const dj_value *v)
{
    dj_str    origin = ck_text(v);
    dj_origin at = ck_at(c, "CSRF_TRUSTED_ORIGINS", v);
    if (dj_str_starts_nocase(origin, DJ_LIT("http://")))
        ck_report(c, "donjon.W067", at, "Write https:// in CSRF_TRUSTED_ORIGINS.",
                  "CSRF_TRUSTED_ORIGINS trusts '" DJ_FMT
                  "': whoever changes plain HTTP on the way may post here.",
                  DJ_ARG(origin));
    size_t star = dj_str_find(origin, DJ_LIT("://*."));
    if (star == DJ_NOT_FOUND)
        return;
    dj_str domain = dj_str_from(origin, star + 5);
    domain = dj_str_first(domain, dj_str_chr(domain, ':'));
    if (ck_public_suffix(domain) == YES)
        ck_report(c, "donjon.W067", at,
                  "Name the origins in CSRF_TRUSTED_ORIGINS, e.g. 'https://www.example.com'.",
                  "CSRF_TRUSTED_ORIGINS trusts '" DJ_FMT "', which anybody can register a name in.",
                  DJ_ARG(origin));
}

static void origins(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "CSRF_TRUSTED_ORIGINS");
    for (size_t i = 0; i < ck_len(v); i++)
        one_origin(c, ck_item(v, i));
}

static void serializer(dj_check_run *c)
{
    dj_str name = ck_text(dj_check_setting(c, "SESSION_SERIALIZER"));
    if (dj_str_ends(name, DJ_LIT("PickleSerializer")))
        ck_report(
            c, "donjon.E068", dj_check_origin(c, "SESSION_SERIALIZER"),
            "Set SESSION_SERIALIZER = 'django.contrib.sessions.serializers.JSONSerializer'.",
            "SESSION_SERIALIZER is a pickle serializer: who can write session data can run code.");
}

static const dj_check checks[] = {
    {"donjon security", true, "donjon.W060", session_samesite},
    {"donjon security", true, "donjon.W061", csrf_samesite},
    {"donjon security", false, "donjon.E062 donjon.E063", samesite_values},
    {"donjon security", true, "donjon.E064 donjon.W065", domains},
    {"donjon security", true, "donjon.I066", prefixes},
    {"donjon security", true, "donjon.W067", session_age},
    {"donjon security", true, "donjon.W067", origins},
    {"donjon security", false, "donjon.E068", serializer},
    {"donjon security", false, "donjon.E069", names},
};
CHECK_FAMILY(cookies, checks);
