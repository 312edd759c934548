/* src/checks/template_findings.c - what stands in the site's templates: values whose place is not
 * known, raw output, forms without a token, scripts that the policy would block.
 *
 * Only a site's own program is asked, since it alone knows the tags of its templates; a template
 * that does not compile is told by the start of the site. */
#include "checks/family.h"
#include "donjon/render.h"
#include "template/template.h"

#define DJANGO_ENGINE "django.template.backends.django.DjangoTemplates"
#define DIRS_MAX      64

/* -- the engines of TEMPLATES -- */

typedef struct source {
    dj_template_dir dirs[DIRS_MAX];
    size_t          len;
} source;

static void add_dir(dj_check_run *c, source *from, dj_str path)
{
    path = ck_resolve(c->s, c->in->base, path);
    if (from->len < DIRS_MAX && ck_is_dir(c->s, path))
        from->dirs[from->len++] = (dj_template_dir){.path = path};
}

static void add_app_dirs(dj_check_run *c, source *from)
{
    const dj_value *apps = ck_peek(c, "INSTALLED_APPS");
    for (size_t i = 0; i < ck_len(apps); i++) {
        dj_str app = dj_str_replace(c->s, ck_text(ck_item(apps, i)), DJ_LIT("."), DJ_LIT("/"));
        if (app.len > 0)
            add_dir(c, from, dj_str_cat(c->s, app, DJ_LIT("/templates")));
    }
}

static bool find_embedded(void *ctx, dj_str name, dj_str *text)
{
    const dj_embedded_templates *all = ctx;
    for (size_t i = 0; i < all->len; i++) {
        if (!dj_str_eq(name, dj_str_of(all->items[i].name)))
            continue;
        *text = dj_str_n(all->items[i].text, all->items[i].len);
        return true;
    }
    return false;
}

static bool each_embedded(void *ctx, size_t i, dj_str *name)
{
    const dj_embedded_templates *all = ctx;
    if (i < all->len)
        *name = dj_str_of(all->items[i].name);
    return i < all->len;
}

static void add_embedded(dj_check_run *c, source *from)
{
    const dj_embedded_templates *all = c->in->templates->embedded;
    if (all != NULL && from->len < DIRS_MAX)
        from->dirs[from->len++] = (dj_template_dir){
            .find = find_embedded, .each = each_embedded, .ctx = (void *)(uintptr_t)all};
}

static bool is_false(const dj_value *v)
{
    return v != NULL && v->kind == DJ_V_BOOL && !v->boolean;
}

/* NULL: it has no folder, or is not one of ours. */
static dj_engine *engine_of(dj_check_run *c, const dj_value *entry, source *from)
{
    const dj_value *dirs = ck_in(entry, "DIRS"), *options = ck_in(entry, "OPTIONS"),
                   *app_dirs = ck_in(entry, "APP_DIRS");
    dj_engine *engine = NULL;
    if (!ck_is_text(ck_in(entry, "BACKEND"), DJANGO_ENGINE))
        return NULL;
    for (size_t i = 0; i < ck_len(dirs); i++)
        add_dir(c, from, ck_text(ck_item(dirs, i)));
    if (app_dirs != NULL && app_dirs->kind == DJ_V_BOOL && app_dirs->boolean)
        add_app_dirs(c, from);
    add_embedded(c, from);
    dj_engine_options how = {.dirs = from->dirs,
                             .ndirs = from->len,
                             .libraries = c->in->templates->libraries,
                             .nlibraries = c->in->templates->nlibraries,
                             .autoescape = !is_false(ck_in(options, "autoescape")),
                             .contextual = true};
    if (from->len == 0 || dj_engine_new(c->s, &how, &engine) != DJ_OK)
        return NULL;
    return engine;
}

/* -- which findings matter -- */

static bool has_source(const dj_value *sources, const char *word)
{
    if (sources != NULL && sources->kind == DJ_V_STR)
        return dj_str_has(sources->str, dj_str_of(word));
    for (size_t i = 0; i < ck_len(sources); i++)
        if (dj_str_has(ck_text(ck_item(sources, i)), dj_str_of(word)))
            return true;
    return false;
}

/* Does SECURE_CSP block what stands in the page without a nonce? */
static bool blocks_inline(dj_check_run *c, const char *directive)
{
    const dj_value *policy = ck_peek(c, "SECURE_CSP"), *sources = ck_in(policy, directive);
    if (sources == NULL)
        sources = ck_in(policy, "default-src");
    return sources != NULL && !has_source(sources, "'unsafe-inline'");
}

typedef struct meaning {
    const char *id, *hint;
} meaning;

static meaning meaning_of(dj_check_run *c, dj_finding_code code)
{
    switch (code) {
    case DJ_FINDING_BRANCH_END:
    case DJ_FINDING_END_CONTEXT:
    case DJ_FINDING_AMBIGUOUS_URL:
    case DJ_FINDING_AMBIGUOUS_SLASH:
        return (meaning){"donjon.W160", "Let every branch begin and end in the same place of the "
                                        "page."};
    case DJ_FINDING_BAD_MARKUP:
    case DJ_FINDING_REFUSED:
        return (meaning){"donjon.E161", "Move the value, or the page can't be rendered: see "
                                        "docs/contextual-escaping.md."};
    case DJ_FINDING_RAW:
        return (meaning){"donjon.W162", "Use safeurl, safejs, safejsstr, safecss, safeattr or "
                                        "safesrcset."};
    case DJ_FINDING_NO_CSRF_TOKEN:
        return (meaning){"donjon.W163", "Put {% csrf_token %} into the form."};
    case DJ_FINDING_INLINE_SCRIPT:
    case DJ_FINDING_INLINE_HANDLER:
    case DJ_FINDING_CODE_URL:
        return blocks_inline(c, "script-src")
                   ? (meaning){"donjon.W164", "Move it into a file, or into <script nonce=\"{{ "
                                              "csp_nonce }}\">."}
                   : (meaning){NULL, NULL};
    case DJ_FINDING_INLINE_STYLE:
        return blocks_inline(c, "style-src")
                   ? (meaning){"donjon.W164", "Move it into a file, or into <style nonce=\"{{ "
                                              "csp_nonce }}\">."}
                   : (meaning){NULL, NULL};
    default:
        return (meaning){NULL, NULL}; /* `safe` in HTML text is Django's own way */
    }
}

static dj_origin place_of(dj_check_run *c, const source *from, const dj_finding *found)
{
    dj_str path = found->template;
    for (size_t i = from->len; i-- > 0;) {
        dj_str there =
            dj_strf(c->s, DJ_FMT "/" DJ_FMT, DJ_ARG(from->dirs[i].path), DJ_ARG(found->template));
        if (from->dirs[i].find == NULL && ck_is_file(c->s, there))
            path = there;
    }
    return (dj_origin){.file = path, .line = found->line, .column = 1};
}

static void report(dj_check_run *c, const source *from, const dj_findings *all)
{
    for (size_t i = 0; i < all->len; i++) {
        const dj_finding *found = &all->items[i];
        meaning           what = meaning_of(c, found->code);
        if (what.id != NULL)
            ck_report_on(c, what.id,
                         dj_strf(c->s, DJ_FMT ":%u", DJ_ARG(found->template), found->line),
                         place_of(c, from, found), what.hint, DJ_FMT ".", DJ_ARG(found->message));
    }
}

static void walked(dj_check_run *c)
{
    const dj_value *entries = ck_peek(c, "TEMPLATES");
    if (c->in->templates == NULL)
        return;
    for (size_t i = 0; i < ck_len(entries); i++) {
        source     *from = dj_new(c->s, source);
        dj_findings found = {0};
        dj_engine  *engine = engine_of(c, ck_item(entries, i), from);
        if (engine != NULL && dj_engine_check(engine, c->s, &found) == DJ_OK)
            report(c, from, &found);
    }
}

static void plain_django(dj_check_run *c)
{
    const dj_value *entries = ck_peek(c, "TEMPLATES");
    for (size_t i = 0; i < ck_len(entries); i++) {
        const dj_value *option =
            ck_in(ck_in(ck_item(entries, i), "OPTIONS"), "contextual_autoescape");
        if (is_false(option))
            ck_report(c, "donjon.W165", ck_at(c, "TEMPLATES", option),
                      "Remove 'contextual_autoescape' from OPTIONS.",
                      "TEMPLATES switches contextual escaping off: a value in a URL, a script or "
                      "a style can become code.");
    }
}

static const dj_check checks[] = {
    {"donjon security templates", false,
     "donjon.W160 donjon.E161 donjon.W162 donjon.W163 donjon.W164", walked},
    {"donjon security templates", true, "donjon.W165", plain_django},
};
CHECK_FAMILY(template_findings, checks);
