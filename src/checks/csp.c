/* src/checks/csp.c - SECURE_CSP and SECURE_CSP_REPORT_ONLY: form (Django 6), and what the policy
 * lets through.
 *
 * CSP Level 3 (W3C). Must not know: how the header is written; policy/csp does that. */
#include "checks/family.h"

#define CSP_LAYER     "django.middleware.csp.ContentSecurityPolicyMiddleware"
#define CSP_PROCESSOR "django.template.context_processors.csp"
#define NONCE         "<CSP_NONCE_SENTINEL>"
#define DJANGO_ENGINE "django.template.backends.django.DjangoTemplates"

static const char *const policies[] = {"SECURE_CSP", "SECURE_CSP_REPORT_ONLY"};

static void is_dict(dj_check_run *c)
{
    for (size_t i = 0; i < DJ_COUNT(policies); i++) {
        const dj_value *v = ck_peek(c, policies[i]);
        if (v != NULL && v->kind == DJ_V_UNKNOWN)
            ck_undecided(c, policies[i], v);
        else if (v != NULL && v->kind != DJ_V_NONE && v->kind != DJ_V_DICT)
            ck_report(c, "security.E026", dj_check_origin(c, policies[i]), NULL,
                      "%s must be a dictionary or None, but is " DJ_FMT ".", policies[i],
                      DJ_ARG(dj_value_repr(c->s, v, 200)));
    }
}

/* -- looking into a policy -- */

typedef bool source_test(dj_str source);

static bool any_word(dj_str text, source_test *test)
{
    dj_str rest = text, piece;
    while (dj_str_next(&rest, ' ', &piece))
        if (piece.len > 0 && test(piece))
            return true;
    return false;
}

/* Does some source of the directive pass the test? A value is a text (one or several sources) or a
 * list of them. */
static bool any_source(const dj_value *value, source_test *test)
{
    if (value == NULL)
        return false;
    if (value->kind == DJ_V_STR)
        return any_word(value->str, test);
    for (size_t i = 0; i < ck_len(value); i++)
        if (any_word(ck_text(ck_item(value, i)), test))
            return true;
    return false;
}

static bool is_nonce(dj_str s)
{
    return dj_str_eq(s, DJ_LIT(NONCE)) || dj_str_starts_nocase(s, DJ_LIT("'nonce-"));
}
static bool is_nonce_or_hash(dj_str s)
{
    return is_nonce(s) || dj_str_starts_nocase(s, DJ_LIT("'sha256-")) ||
           dj_str_starts_nocase(s, DJ_LIT("'sha384-")) ||
           dj_str_starts_nocase(s, DJ_LIT("'sha512-"));
}
static bool is_unsafe_inline(dj_str s)
{
    return dj_str_eq_nocase(s, DJ_LIT("'unsafe-inline'"));
}
static bool is_unsafe_eval(dj_str s)
{
    return dj_str_eq_nocase(s, DJ_LIT("'unsafe-eval'"));
}
static bool is_strict_dynamic(dj_str s)
{
    return dj_str_eq_nocase(s, DJ_LIT("'strict-dynamic'"));
}
static bool is_anywhere(dj_str s)
{
    return dj_str_eq(s, DJ_LIT("*")) || dj_str_eq_nocase(s, DJ_LIT("http:")) ||
           dj_str_eq_nocase(s, DJ_LIT("https:")) || dj_str_eq_nocase(s, DJ_LIT("data:")) ||
           dj_str_eq_nocase(s, DJ_LIT("http://*")) || dj_str_eq_nocase(s, DJ_LIT("https://*"));
}
static bool is_none(dj_str s)
{
    return dj_str_eq_nocase(s, DJ_LIT("'none'"));
}

static const dj_value *scripts_of(const dj_value *policy)
{
    const dj_value *v = ck_in(policy, "script-src");
    return v != NULL ? v : ck_in(policy, "default-src");
}

static bool is_set(const dj_value *policy)
{
    return policy != NULL && policy->kind == DJ_V_DICT && policy->dict.len > 0;
}

static bool has_nonce(const dj_value *policy)
{
    for (size_t i = 0; is_set(policy) && i < policy->dict.len; i++)
        if (any_source(policy->dict.pairs[i].value, is_nonce))
            return true;
    return false;
}

/* -- the nonce must reach the templates -- */

/* Is a nonce promised although no template engine hands one out? The setting that promises, or
 * NULL. */
static const char *nonce_without_processor(dj_check_run *c)
{
    const char *promising = NULL;
    if (ck_has(c, "MIDDLEWARE", CSP_LAYER) != YES)
        return NULL;
    for (size_t i = 0; i < DJ_COUNT(policies) && promising == NULL; i++)
        promising = has_nonce(dj_check_setting(c, policies[i])) ? policies[i] : NULL;
    const dj_value *engines = promising == NULL ? NULL : dj_check_setting(c, "TEMPLATES");
    if (engines == NULL)
        return NULL;
    for (size_t i = 0; i < ck_len(engines); i++) {
        const dj_value *processors =
            ck_in(ck_in(ck_item(engines, i), "OPTIONS"), "context_processors");
        for (size_t k = 0; ck_is_text(ck_in(ck_item(engines, i), "BACKEND"), DJANGO_ENGINE) &&
                           k < ck_len(processors);
             k++)
            if (ck_is_text(ck_item(processors, k), CSP_PROCESSOR))
                return NULL;
    }
    return promising;
}

static void nonce_processor(dj_check_run *c)
{
    const char *name = nonce_without_processor(c);
    if (name != NULL)
        ck_report(c, "security.W027", dj_check_origin(c, name), NULL,
                  "%s uses CSP.NONCE, but no DjangoTemplates engine in TEMPLATES has the context "
                  "processor '" CSP_PROCESSOR "'.",
                  name);
}

static void nonce_processor_own(dj_check_run *c)
{
    const char *name = nonce_without_processor(c);
    if (name != NULL)
        ck_report(c, "donjon.W077", dj_check_origin(c, name),
                  "Add '" CSP_PROCESSOR "' to the context_processors of TEMPLATES, and write "
                                        "nonce=\"{{ csp_nonce }}\" in the tags.",
                  "%s promises a nonce that templates can't write: inline scripts will be blocked.",
                  name);
}

/* -- is there a policy at all -- */

static void present(dj_check_run *c)
{
    const dj_value *enforced = dj_check_setting(c, "SECURE_CSP"),
                   *watched = dj_check_setting(c, "SECURE_CSP_REPORT_ONLY");
    tri layer = ck_has(c, "MIDDLEWARE", CSP_LAYER);
    if (enforced == NULL || watched == NULL || layer == UNDECIDED)
        return;
    const char *hint =
        "Put '" CSP_LAYER "' into MIDDLEWARE and set SECURE_CSP = {'default-src': [\"'self'\"]}.";
    bool      any = is_set(enforced) || is_set(watched);
    dj_origin at = dj_check_origin(
        c, is_set(enforced) || !is_set(watched) ? "SECURE_CSP" : "SECURE_CSP_REPORT_ONLY");
    if (!any && layer == NO)
        ck_report(c, "donjon.W070", at, hint,
                  "There is no Content-Security-Policy: SECURE_CSP is empty and nothing limits "
                  "where scripts come from.");
    else if (!any)
        ck_report(c, "donjon.W070", at, hint,
                  "'" CSP_LAYER "' is in MIDDLEWARE, but SECURE_CSP and SECURE_CSP_REPORT_ONLY "
                  "are empty: no policy is sent.");
    else if (layer == NO)
        ck_report(c, "donjon.W070", at, hint,
                  "A policy is set, but '" CSP_LAYER "' is not in MIDDLEWARE: it is not sent.");
    else if (!is_set(enforced))
        ck_report(c, "donjon.I075", at,
                  "Once the reports are clean, move the policy to SECURE_CSP.",
                  "SECURE_CSP is empty: SECURE_CSP_REPORT_ONLY only watches and blocks nothing.");
}

/* -- what the policy lets through -- */

static dj_origin directive_at(dj_check_run *c, const char *name, const dj_value *v)
{
    return ck_at(c, name, v);
}

static void scripts(dj_check_run *c)
{
    const dj_value *policy = dj_check_setting(c, "SECURE_CSP"), *v = scripts_of(policy);
    dj_origin       at = directive_at(c, "SECURE_CSP", v);
    if (!is_set(policy))
        return;
    if (v == NULL) {
        ck_report(
            c, "donjon.W073", at, "Add 'default-src': [\"'self'\"] to SECURE_CSP.",
            "SECURE_CSP has neither script-src nor default-src: scripts may come from anywhere.");
        return;
    }
    bool guarded = any_source(v, is_nonce_or_hash);
    if (any_source(v, is_unsafe_inline) && !guarded)
        ck_report(c, "donjon.W071", at, "Replace 'unsafe-inline' in SECURE_CSP by CSP.NONCE.",
                  "SECURE_CSP allows 'unsafe-inline' for scripts without a nonce or hash: injected "
                  "scripts run.");
    if (any_source(v, is_unsafe_eval))
        ck_report(c, "donjon.W072", at, "Remove 'unsafe-eval' from SECURE_CSP.",
                  "SECURE_CSP allows 'unsafe-eval': text can be run as a script.");
    if (any_source(v, is_anywhere) && !(guarded && any_source(v, is_strict_dynamic)))
        ck_report(
            c, "donjon.W073", at,
            "Name the hosts of scripts in SECURE_CSP, or use CSP.NONCE with CSP.STRICT_DYNAMIC.",
            "SECURE_CSP lets scripts come from anywhere (*, http:, https: or data:).");
}

static void gaps(dj_check_run *c)
{
    const dj_value *policy = dj_check_setting(c, "SECURE_CSP");
    if (!is_set(policy))
        return;
    dj_buf missing = dj_buf_make(c->s, 256);
    if (ck_in(policy, "object-src") == NULL && !any_source(ck_in(policy, "default-src"), is_none))
        dj_buf_add(&missing, DJ_LIT(" object-src"));
    if (ck_in(policy, "base-uri") == NULL)
        dj_buf_add(&missing, DJ_LIT(" base-uri"));
    if (ck_in(policy, "frame-ancestors") == NULL)
        dj_buf_add(&missing, DJ_LIT(" frame-ancestors"));
    if (missing.len > 0)
        ck_report(c, "donjon.W074", dj_check_origin(c, "SECURE_CSP"),
                  "Add 'object-src': [\"'none'\"], 'base-uri': [\"'none'\"] and 'frame-ancestors': "
                  "[\"'none'\"] to SECURE_CSP.",
                  "SECURE_CSP lacks" DJ_FMT ".", DJ_ARG(dj_buf_str(&missing)));
}

/* -- spelling -- */

static const char *const directives[] = {"base-uri",
                                         "block-all-mixed-content",
                                         "child-src",
                                         "connect-src",
                                         "default-src",
                                         "fenced-frame-src",
                                         "font-src",
                                         "form-action",
                                         "frame-ancestors",
                                         "frame-src",
                                         "img-src",
                                         "manifest-src",
                                         "media-src",
                                         "navigate-to",
                                         "object-src",
                                         "plugin-types",
                                         "prefetch-src",
                                         "referrer",
                                         "report-to",
                                         "report-uri",
                                         "require-sri-for",
                                         "require-trusted-types-for",
                                         "sandbox",
                                         "script-src",
                                         "script-src-attr",
                                         "script-src-elem",
                                         "style-src",
                                         "style-src-attr",
                                         "style-src-elem",
                                         "trusted-types",
                                         "upgrade-insecure-requests",
                                         "worker-src",
                                         "webrtc",
                                         NULL};

static const char *const keywords[] = {"self",
                                       "none",
                                       "unsafe-inline",
                                       "unsafe-eval",
                                       "unsafe-hashes",
                                       "strict-dynamic",
                                       "report-sample",
                                       "wasm-unsafe-eval",
                                       "inline-speculation-rules",
                                       NULL};

static void one_text(dj_check_run *c, const char *setting, dj_str directive, const dj_value *at,
                     dj_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == ';' || (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            ck_report(c, "donjon.E076", ck_at(c, setting, at),
                      "Write one source per item of the list, e.g. [\"'self'\"].",
                      "%s: a value of " DJ_FMT " contains ';' or a control character.", setting,
                      DJ_ARG(directive));
            return;
        }
    dj_str rest = text, word;
    while (dj_str_next(&rest, ' ', &word))
        if (ck_in_table(keywords, word) && !dj_str_eq(directive, DJ_LIT("trusted-types")))
            ck_report(c, "donjon.E076", ck_at(c, setting, at),
                      dj_cstr(c->s, dj_strf(c->s, "Write \"'" DJ_FMT "'\" in %s.", DJ_ARG(word),
                                            setting)),
                      "%s: the keyword " DJ_FMT " of " DJ_FMT
                      " has no quotes, so browsers take it for a host.",
                      setting, DJ_ARG(word), DJ_ARG(directive));
}

static void spelling(dj_check_run *c)
{
    for (size_t p = 0; p < DJ_COUNT(policies); p++) {
        const dj_value *policy = dj_check_setting(c, policies[p]);
        for (size_t i = 0; is_set(policy) && i < policy->dict.len; i++) {
            const dj_value *value = policy->dict.pairs[i].value;
            dj_str          name = ck_text(policy->dict.pairs[i].key);
            if (!ck_in_table(directives, dj_str_lower(c->s, name)))
                ck_report(
                    c, "donjon.E076", ck_at(c, policies[p], policy->dict.pairs[i].key),
                    dj_cstr(c->s, dj_strf(c->s, "Correct the directive in %s, e.g. 'script-src'.",
                                          policies[p])),
                    "%s has the directive '" DJ_FMT "', which no browser knows.", policies[p],
                    DJ_ARG(name));
            if (value->kind == DJ_V_STR)
                one_text(c, policies[p], name, value, value->str);
            for (size_t k = 0; k < ck_len(value); k++)
                one_text(c, policies[p], name, ck_item(value, k), ck_text(ck_item(value, k)));
        }
    }
}

static const dj_check checks[] = {
    {"security", false, "security.E026", is_dict},
    {"security", false, "security.W027", nonce_processor},
    {"donjon security", true, "donjon.W070 donjon.I075", present},
    {"donjon security", true, "donjon.W071 donjon.W072 donjon.W073", scripts},
    {"donjon security", true, "donjon.W074", gaps},
    {"donjon security", false, "donjon.E076", spelling},
    {"donjon security", true, "donjon.W077", nonce_processor_own},
};
CHECK_FAMILY(csp, checks);
