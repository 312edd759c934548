/* src/checks/setup.c - what Django refuses at start, before any check runs; here for a site's own
 * settings.
 *
 * Django: django/apps/registry.py (populate), django/conf/__init__.py, django/template/utils.py,
 * core/cache. Names of Python code can't be imported here; a name counts as found if Django ships
 * it or the project has that module.
 *
 * Must not know: reports, exit statuses. */
#include "checks/family.h"
#include "donjon/map.h"
#include "donjon/time.h"

typedef struct setup {
    dj_check_run     *c;
    dj_setup_problem *problems;
    size_t            len, cap;
} setup;

static void problem(setup *st, dj_origin at, dj_str advice, const char *fmt, ...) DJ_FORMAT(4, 5);
static void problem(setup *st, dj_origin at, dj_str advice, const char *fmt, ...)
{
    va_list args;
    if (st->len == st->cap)
        return; /* more than enough to read */
    va_start(args, fmt);
    st->problems[st->len++] = (dj_setup_problem){at, dj_vstrf(st->c->s, fmt, args), advice};
    va_end(args);
}

/* -- apps -- */

static const char *const django_apps[] = {"django.contrib.admin",
                                          "django.contrib.admindocs",
                                          "django.contrib.auth",
                                          "django.contrib.contenttypes",
                                          "django.contrib.flatpages",
                                          "django.contrib.gis",
                                          "django.contrib.humanize",
                                          "django.contrib.messages",
                                          "django.contrib.postgres",
                                          "django.contrib.redirects",
                                          "django.contrib.sessions",
                                          "django.contrib.sitemaps",
                                          "django.contrib.sites",
                                          "django.contrib.staticfiles",
                                          "django.contrib.syndication",
                                          "django.forms",
                                          NULL};

/* "x.y.apps.Config" -> "x.y" */
static dj_str app_module(dj_str entry)
{
    size_t apps = dj_str_find(entry, DJ_LIT(".apps."));
    return apps == DJ_NOT_FOUND ? entry : dj_str_first(entry, apps);
}

static dj_str label_of(dj_str entry)
{
    dj_str module = app_module(entry);
    size_t dot = dj_str_rchr(module, '.');
    return dot == DJ_NOT_FOUND ? module : dj_str_from(module, dot + 1);
}

static void apps(setup *st)
{
    const dj_value *v = ck_peek(st->c, "INSTALLED_APPS");
    dj_map          labels = dj_map_make(st->c->s);
    for (size_t i = 0; i < ck_len(v); i++) {
        dj_str    entry = ck_text(ck_item(v, i)), label = label_of(entry);
        dj_origin at = ck_at(st->c, "INSTALLED_APPS", ck_item(v, i));
        if (ck_item(v, i)->kind != DJ_V_STR)
            continue; /* donjon.E021 says so */
        if (!ck_in_table(django_apps, app_module(entry)) &&
            !ck_module_exists(st->c->s, st->c->in, app_module(entry)))
            problem(st, at,
                    DJ_LIT("remove it, or write the name of an app of Django or of a folder of "
                           "this project"),
                    "INSTALLED_APPS names '" DJ_FMT
                    "', which is neither part of Django nor a module of this project",
                    DJ_ARG(entry));
        else if (dj_map_has(&labels, label))
            problem(st, at, DJ_LIT("remove one of them"),
                    "INSTALLED_APPS has two apps with the label '" DJ_FMT "'", DJ_ARG(label));
        dj_map_set(&labels, label, st);
    }
}

const dj_str *dj_check_app_labels(dj_scope *s, const dj_check_input *input, size_t *len,
                                  bool *unknown)
{
    const dj_value *v = dj_conf_get(input->conf, DJ_LIT("INSTALLED_APPS"));
    dj_str         *out = dj_new_array(s, dj_str, ck_len(v) + 1);
    *len = 0;
    *unknown = v != NULL && dj_value_has_unknown(v);
    for (size_t i = 0; i < ck_len(v); i++)
        if (ck_item(v, i)->kind == DJ_V_STR)
            out[(*len)++] = label_of(ck_item(v, i)->str);
    return out;
}

/* -- one name each -- */

static void time_zone(setup *st)
{
    dj_str zone = ck_text(ck_peek(st->c, "TIME_ZONE"));
    if (zone.len > 0 && !dj_time_zone_exists(st->c->s, zone))
        problem(st, dj_check_origin(st->c, "TIME_ZONE"),
                DJ_LIT("write a name such as 'UTC' or 'Europe/Amsterdam'"),
                "TIME_ZONE '" DJ_FMT "' is not a time zone of this machine", DJ_ARG(zone));
}

static void root_urlconf(setup *st)
{
    dj_str name = ck_text(ck_peek(st->c, "ROOT_URLCONF"));
    if (name.len > 0 && !ck_module_exists(st->c->s, st->c->in, name))
        problem(st, dj_check_origin(st->c, "ROOT_URLCONF"),
                DJ_LIT("remove the line (the program's own table is dj_app.urls), or name a module "
                       "that exists"),
                "ROOT_URLCONF names '" DJ_FMT "', which is not a module of this project",
                DJ_ARG(name));
}

static void user_model(setup *st)
{
    static const char *const auth_models[] = {"user", "group", "permission", NULL};
    dj_str                   name = ck_text(ck_peek(st->c, "AUTH_USER_MODEL"));
    dj_origin                at = dj_check_origin(st->c, "AUTH_USER_MODEL");
    if (dj_str_is_none(name) || !dj_conf_is_set(st->c->in->conf, DJ_LIT("AUTH_USER_MODEL")))
        return;
    size_t dot = dj_str_chr(name, '.');
    if (dot == DJ_NOT_FOUND || dot == 0 || dot + 1 == name.len ||
        dj_str_has(dj_str_from(name, dot + 1), DJ_LIT("."))) {
        problem(st, at, DJ_LIT("write 'auth.User', or 'app_label.ModelName'"),
                "AUTH_USER_MODEL '" DJ_FMT "' is not of the form 'app_label.ModelName'",
                DJ_ARG(name));
        return;
    }
    bool          unknown, installed = false;
    size_t        n;
    const dj_str *labels = dj_check_app_labels(st->c->s, st->c->in, &n, &unknown);
    dj_str        app = dj_str_first(name, dot),
           model = dj_str_lower(st->c->s, dj_str_from(name, dot + 1));
    for (size_t i = 0; i < n; i++)
        installed = installed || dj_str_eq(labels[i], app);
    if (!installed || (dj_str_eq(app, DJ_LIT("auth")) && !ck_in_table(auth_models, model)))
        problem(st, at, DJ_LIT("write 'auth.User', or install the app of that model"),
                "AUTH_USER_MODEL names '" DJ_FMT "', a model that is not installed", DJ_ARG(name));
}

/* -- backends -- */

static bool is_backend(setup *st, const char *const *known, dj_str name)
{
    return ck_in_table(known, name) || ck_attribute_module_exists(st->c->s, st->c->in, name);
}

static void caches(setup *st)
{
#define CACHE(name) "django.core.cache.backends." name
    static const char *const known[] = {
        CACHE("db.DatabaseCache"),         CACHE("dummy.DummyCache"),
        CACHE("filebased.FileBasedCache"), CACHE("locmem.LocMemCache"),
        CACHE("memcached.PyLibMCCache"),   CACHE("memcached.PyMemcacheCache"),
        CACHE("redis.RedisCache"),         NULL};
#undef CACHE
    const dj_value *v = ck_peek(st->c, "CACHES");
    for (size_t i = 0; v != NULL && v->kind == DJ_V_DICT && i < v->dict.len; i++) {
        const dj_value *backend = ck_in(v->dict.pairs[i].value, "BACKEND");
        if (!is_backend(st, known, ck_text(backend)))
            problem(st, ck_at(st->c, "CACHES", backend),
                    DJ_LIT("write e.g. 'django.core.cache.backends.locmem.LocMemCache'"),
                    "CACHES: the BACKEND '" DJ_FMT "' of '" DJ_FMT "' is not known",
                    DJ_ARG(ck_text(backend)), DJ_ARG(ck_text(v->dict.pairs[i].key)));
    }
}

static dj_str engine_alias(const dj_value *engine)
{
    dj_str name = ck_text(ck_in(engine, "NAME"));
    if (name.len > 0)
        return name;
    dj_str backend = ck_text(ck_in(engine, "BACKEND")); /* a.b.NAME.Class */
    backend = dj_str_first(backend, dj_str_rchr(backend, '.'));
    size_t dot = dj_str_rchr(backend, '.');
    return dot == DJ_NOT_FOUND ? backend : dj_str_from(backend, dot + 1);
}

static void templates(setup *st)
{
    static const char *const known[] = {"django.template.backends.django.DjangoTemplates",
                                        "django.template.backends.jinja2.Jinja2",
                                        "django.template.backends.dummy.TemplateStrings", NULL};
    static const char *const keys[] = {"BACKEND", "NAME", "DIRS", "APP_DIRS", "OPTIONS", NULL};
    const dj_value          *v = ck_peek(st->c, "TEMPLATES");
    dj_map                   aliases = dj_map_make(st->c->s);
    for (size_t i = 0; i < ck_len(v); i++) {
        const dj_value *engine = ck_item(v, i), *backend = ck_in(engine, "BACKEND");
        if (engine->kind != DJ_V_DICT)
            continue;
        if (!is_backend(st, known, ck_text(backend)))
            problem(st, ck_at(st->c, "TEMPLATES", backend),
                    DJ_LIT("write 'django.template.backends.django.DjangoTemplates'"),
                    "TEMPLATES: the BACKEND '" DJ_FMT "' is not known", DJ_ARG(ck_text(backend)));
        for (size_t k = 0; k < engine->dict.len; k++)
            if (!ck_in_table(keys, ck_text(engine->dict.pairs[k].key)))
                problem(st, ck_at(st->c, "TEMPLATES", engine->dict.pairs[k].key),
                        DJ_LIT("an engine has BACKEND, NAME, DIRS, APP_DIRS and OPTIONS"),
                        "TEMPLATES: unknown key '" DJ_FMT "'",
                        DJ_ARG(ck_text(engine->dict.pairs[k].key)));
        if (dj_map_has(&aliases, engine_alias(engine)))
            problem(st, ck_at(st->c, "TEMPLATES", engine), DJ_LIT("give one of them another NAME"),
                    "TEMPLATES: two engines are called '" DJ_FMT "'", DJ_ARG(engine_alias(engine)));
        dj_map_set(&aliases, engine_alias(engine), st);
    }
}

const dj_setup_problem *dj_checks_setup(dj_scope *s, const dj_check_input *input, size_t *len)
{
    static const dj_check starting = {"", false, "", NULL};
    dj_check_run          c = {.s = s, .in = input, .current = &starting};
    setup st = {.c = &c, .cap = 100, .problems = dj_new_array(s, dj_setup_problem, 100)};
    apps(&st);
    time_zone(&st);
    root_urlconf(&st);
    user_model(&st);
    caches(&st);
    templates(&st);
    *len = st.len;
    return st.problems;
}
