/* src/checks/templates.c - TEMPLATES. Django: django/template/backends/django.py (its check
 * method). */
#include "checks/family.h"
#include <dirent.h>

#define DJANGO_ENGINE "django.template.backends.django.DjangoTemplates"

static dj_str engine_name(const dj_value *engine)
{
    dj_str name = ck_text(ck_in(engine, "NAME"));
    return name.len > 0 ? name : DJ_LIT("django"); /* the module's name: template.backends.django */
}

static dj_str engine_object(dj_check_run *c, const dj_value *engine)
{
    return dj_strf(c->s, "<" DJANGO_ENGINE " object '" DJ_FMT "'>", DJ_ARG(engine_name(engine)));
}

static void invalid_text(dj_check_run *c)
{
    const dj_value *v = ck_peek(c, "TEMPLATES");
    if (v != NULL && v->kind == DJ_V_UNKNOWN)
        ck_undecided(c, "TEMPLATES", v);
    for (size_t i = 0; i < ck_len(v); i++) {
        const dj_value *engine = ck_item(v, i),
                       *text = ck_in(ck_in(engine, "OPTIONS"), "string_if_invalid");
        if (engine->kind == DJ_V_UNKNOWN || (text != NULL && text->kind == DJ_V_UNKNOWN)) {
            ck_undecided(c, "TEMPLATES", engine);
            continue;
        }
        if (ck_is_text(ck_in(engine, "BACKEND"), DJANGO_ENGINE) && text != NULL &&
            text->kind != DJ_V_STR)
            ck_report_on(c, "templates.E002", engine_object(c, engine), ck_at(c, "TEMPLATES", text),
                         NULL,
                         "'string_if_invalid' in TEMPLATES OPTIONS must be text, but is " DJ_FMT
                         " (" DJ_FMT ").",
                         DJ_ARG(dj_value_repr(c->s, text, 100)), DJ_ARG(dj_value_type(text)));
    }
}

/* -- two tag libraries of one name -- */

typedef struct library {
    dj_str name, module;
} library;

#define LIBRARIES_MAX 512
typedef struct libraries {
    library items[LIBRARIES_MAX];
    size_t  len;
} libraries;

static void add_library(libraries *all, dj_str name, dj_str module)
{
    if (all->len < LIBRARIES_MAX)
        all->items[all->len++] = (library){name, module};
}

/* What Django and its apps bring. */
static const struct {
    const char *app, *name, *module;
} shipped[] = {
    {NULL, "cache", "django.templatetags.cache"},
    {NULL, "i18n", "django.templatetags.i18n"},
    {NULL, "l10n", "django.templatetags.l10n"},
    {NULL, "static", "django.templatetags.static"},
    {NULL, "tz", "django.templatetags.tz"},
    {"django.contrib.admin", "admin_list", "django.contrib.admin.templatetags.admin_list"},
    {"django.contrib.admin", "admin_modify", "django.contrib.admin.templatetags.admin_modify"},
    {"django.contrib.admin", "admin_urls", "django.contrib.admin.templatetags.admin_urls"},
    {"django.contrib.admin", "log", "django.contrib.admin.templatetags.log"},
    {"django.contrib.flatpages", "flatpages", "django.contrib.flatpages.templatetags.flatpages"},
    {"django.contrib.humanize", "humanize", "django.contrib.humanize.templatetags.humanize"},
};

/* The modules in an app's templatetags folder. */
static void add_app_folder(dj_check_run *c, libraries *all, dj_str app)
{
    dj_str folder = dj_strf(c->s, DJ_FMT "/" DJ_FMT "/templatetags", DJ_ARG(c->in->base),
                            DJ_ARG(dj_str_replace(c->s, app, DJ_LIT("."), DJ_LIT("/"))));
    DIR   *dir = opendir(dj_cstr(c->s, folder));
    if (dir == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        dj_str file = dj_str_of(e->d_name);
        if (!dj_str_ends(file, DJ_LIT(".py")) || dj_str_starts(file, DJ_LIT("_")))
            continue;
        dj_str name = dj_str_dup(c->s, dj_str_first(file, file.len - 3));
        add_library(all, name,
                    dj_strf(c->s, DJ_FMT ".templatetags." DJ_FMT, DJ_ARG(app), DJ_ARG(name)));
    }
    closedir(dir);
}

static void collect(dj_check_run *c, libraries *all)
{
    for (size_t i = 0; i < DJ_COUNT(shipped); i++)
        if (shipped[i].app == NULL || ck_app(c, shipped[i].app) == YES)
            add_library(all, dj_str_of(shipped[i].name), dj_str_of(shipped[i].module));
    const dj_value *apps = ck_peek(c, "INSTALLED_APPS");
    for (size_t i = 0; i < ck_len(apps); i++) {
        dj_str app = ck_text(ck_item(apps, i));
        size_t config = dj_str_find(app, DJ_LIT(".apps."));
        app = config == DJ_NOT_FOUND ? app : dj_str_first(app, config);
        if (app.len > 0 && !dj_str_starts(app, DJ_LIT("django.")) && !dj_str_has(app, DJ_LIT("/")))
            add_app_folder(c, all, app);
    }
}

static int compare_library(const void *a, const void *b)
{
    const library *x = a, *y = b;
    int            by_name = dj_str_cmp(x->name, y->name);
    return by_name != 0 ? by_name : dj_str_cmp(x->module, y->module);
}

static void report_shared_names(dj_check_run *c, const dj_value *engine, libraries *all)
{
    if (all->len > 1)
        qsort(all->items, all->len, sizeof all->items[0], compare_library);
    for (size_t i = 0; i < all->len;) {
        dj_buf modules = dj_buf_make(c->s, 8192);
        size_t first = i, distinct = 0;
        for (; i < all->len && dj_str_eq(all->items[i].name, all->items[first].name); i++) {
            if (i > first && dj_str_eq(all->items[i].module, all->items[i - 1].module))
                continue;
            dj_buf_addf(&modules, "%s'" DJ_FMT "'", distinct == 0 ? "" : ", ",
                        DJ_ARG(all->items[i].module));
            distinct++;
        }
        if (distinct > 1)
            ck_report_on(c, "templates.W003", engine_object(c, engine),
                         ck_at(c, "TEMPLATES", engine), NULL,
                         "'" DJ_FMT "' is the name of several template tag modules: " DJ_FMT ".",
                         DJ_ARG(all->items[first].name), DJ_ARG(dj_buf_str(&modules)));
    }
}

static void shared_names(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "TEMPLATES");
    for (size_t i = 0; i < ck_len(v); i++) {
        const dj_value *engine = ck_item(v, i), *own = ck_in(ck_in(engine, "OPTIONS"), "libraries");
        if (!ck_is_text(ck_in(engine, "BACKEND"), DJANGO_ENGINE))
            continue;
        libraries *all = dj_new(c->s, libraries);
        collect(c, all);
        for (size_t k = 0; own != NULL && own->kind == DJ_V_DICT && k < own->dict.len; k++)
            add_library(all, ck_text(own->dict.pairs[k].key), ck_text(own->dict.pairs[k].value));
        report_shared_names(c, engine, all);
    }
}

static const dj_check checks[] = {
    {"templates", false, "templates.E002", invalid_text},
    {"templates", false, "templates.W003", shared_names},
};
CHECK_FAMILY(templates, checks);
