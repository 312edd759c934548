/* src/app/templates.c - TEMPLATES becomes engines, at start: folders, context processors, options.
 *
 * All that can be wrong with a template is found here: with DEBUG off every one is compiled, and
 * what it names in {% extends %} and {% include %} must be there. Django: ref/settings TEMPLATES,
 * template/engine.py.
 *
 * Must not know: requests, how a page is made. */
#include "app/templates.h"
#include <sys/stat.h>

#define DIRS_MAX   64
#define BROKEN_MAX 20

/* -- reading an engine's entry -- */

static dj_err wrong(dj_scope *s, const dj_value *at, const char *what)
{
    if (at->origin.line == 0)
        return dj_fail(s, DJ_ERR_SETTINGS, "TEMPLATES: %s", what);
    return dj_fail(s, DJ_ERR_SETTINGS, DJ_FMT ":%u:%u: TEMPLATES: %s", DJ_ARG(at->origin.file),
                   at->origin.line, at->origin.column, what);
}

static dj_err wrong_name(dj_scope *s, const dj_value *at, const char *what, dj_str name)
{
    return wrong(s, at, dj_cstr(s, dj_strf(s, "%s: '" DJ_FMT "'", what, DJ_ARG(name))));
}

static bool is_text(const dj_value *v)
{
    return v->kind == DJ_V_STR || v->kind == DJ_V_PATH;
}

static bool is_folder(dj_scope *s, dj_str path)
{
    struct stat st;
    return stat(dj_cstr(s, path), &st) == 0 && S_ISDIR(st.st_mode);
}

static dj_err add_dir(dj_scope *s, dj_engine_options *options, dj_template_dir *dirs, dj_str path)
{
    if (options->ndirs >= DIRS_MAX)
        return dj_fail(s, DJ_ERR_SETTINGS, "TEMPLATES: over %d folders", DIRS_MAX);
    dirs[options->ndirs++] = (dj_template_dir){.path = path};
    return DJ_OK;
}

/* The folder that the dotted names of INSTALLED_APPS start from: BASE_DIR, or the current one. */
static dj_str base_folder(const dj_settings *settings)
{
    const dj_value *base =
        settings->conf == NULL ? NULL : dj_map_get(&settings->conf->names, DJ_LIT("BASE_DIR"));
    return base != NULL && is_text(base) ? base->str : DJ_LIT(".");
}

static dj_err add_app_dirs(dj_scope *s, const dj_settings *settings, dj_engine_options *options,
                           dj_template_dir *dirs)
{
    dj_str base = base_folder(settings);
    for (size_t i = 0; i < settings->INSTALLED_APPS.len; i++) {
        dj_str app = dj_str_replace(s, settings->INSTALLED_APPS.items[i], DJ_LIT("."), DJ_LIT("/"));
        dj_str path = dj_strf(s, DJ_FMT "/" DJ_FMT "/templates", DJ_ARG(base), DJ_ARG(app));
        dj_err e = is_folder(s, path) ? add_dir(s, options, dirs, path) : DJ_OK;
        if (e)
            return e;
    }
    return DJ_OK;
}

/* Templates inside the program: after the folders, so that a file can replace one. */
static bool find_embedded(void *ctx, dj_str name, dj_str *source)
{
    const dj_embedded_templates *all = ctx;
    size_t                       low = 0, high = all->len;
    while (low < high) {
        size_t             middle = (low + high) / 2;
        const dj_embedded *it = &all->items[middle];
        int                order = dj_str_cmp(name, dj_str_of(it->name));
        if (order == 0) {
            *source = dj_str_n(it->text, it->len);
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool each_embedded(void *ctx, size_t i, dj_str *name)
{
    const dj_embedded_templates *all = ctx;
    if (i >= all->len)
        return false;
    *name = dj_str_of(all->items[i].name);
    return true;
}

/* find_embedded() halves; a table that was written by hand may not be sorted. */
static dj_err check_embedded(dj_scope *s, const dj_embedded_templates *all)
{
    for (size_t i = 1; i < all->len; i++) {
        if (strcmp(all->items[i - 1].name, all->items[i].name) >= 0)
            return dj_fail(s, DJ_ERR_SETTINGS,
                           "the program's templates are not sorted by name: '%s' before '%s'",
                           all->items[i - 1].name, all->items[i].name);
    }
    return DJ_OK;
}

static dj_err read_processors(dj_scope *s, const dj_app *app, const dj_value *list,
                              struct dj_site_engine *engine)
{
    if (!dj_value_is_seq(list))
        return wrong(s, list, "'context_processors' must be a list of names");
    const dj_context_processor **found =
        dj_new_array(s, const dj_context_processor *, list->seq.len + 1);
    for (size_t i = 0; i < list->seq.len; i++) {
        const dj_value *name = list->seq.items[i];
        if (!is_text(name))
            return wrong(s, name, "'context_processors' must be a list of names");
        found[i] = dj_context_processor_find(app, name->str);
        if (found[i] == NULL)
            return wrong_name(s, name, "this program has no context processor of that name",
                              name->str);
    }
    engine->processors = found;
    engine->nprocessors = list->seq.len;
    return DJ_OK;
}

static dj_err read_libraries(dj_scope *s, const dj_app *app, const dj_value *map)
{
    if (map->kind != DJ_V_DICT)
        return wrong(s, map, "'libraries' must be a dict");
    for (size_t i = 0; i < map->dict.len; i++) {
        const dj_value *name = map->dict.pairs[i].key;
        bool            known = false;
        for (size_t k = 0; is_text(name) && k < app->nlibraries; k++)
            known |= dj_str_eq(dj_str_of(app->libraries[k]->name), name->str);
        if (!known)
            return wrong_name(s, name, "this program has no tag library of that name",
                              is_text(name) ? name->str : dj_value_repr(s, name, 60));
    }
    return DJ_OK;
}

/* Those of Django that only say what happens here anyway. */
static dj_err read_loaders(dj_scope *s, const dj_value *list)
{
    static const dj_str usual[] = {
        DJ_STR_INIT("django.template.loaders.filesystem.Loader"),
        DJ_STR_INIT("django.template.loaders.app_directories.Loader"),
        DJ_STR_INIT("django.template.loaders.cached.Loader"),
    };
    if (is_text(list)) {
        for (size_t i = 0; i < DJ_COUNT(usual); i++) {
            if (dj_str_eq(usual[i], list->str))
                return DJ_OK;
        }
        return wrong_name(s, list, "this loader is not known here: use DIRS, APP_DIRS or embed",
                          list->str);
    }
    if (!dj_value_is_seq(list))
        return wrong(s, list, "'loaders' must be a list of names");
    for (size_t i = 0; i < list->seq.len; i++) {
        dj_err e = read_loaders(s, list->seq.items[i]);
        if (e)
            return e;
    }
    return DJ_OK;
}

static dj_err read_bool(dj_scope *s, const dj_value *v, dj_str name, bool *out)
{
    if (v->kind != DJ_V_BOOL)
        return wrong_name(s, v, "must be True or False", name);
    *out = v->boolean;
    return DJ_OK;
}

static dj_err read_option(dj_scope *s, const dj_app *app, dj_str name, const dj_value *v,
                          dj_engine_options *options, struct dj_site_engine *engine)
{
    if (dj_str_eq(name, DJ_LIT("context_processors")))
        return read_processors(s, app, v, engine);
    if (dj_str_eq(name, DJ_LIT("libraries")))
        return read_libraries(s, app, v);
    if (dj_str_eq(name, DJ_LIT("loaders")))
        return read_loaders(s, v);
    if (dj_str_eq(name, DJ_LIT("autoescape")))
        return read_bool(s, v, name, &options->autoescape);
    if (dj_str_eq(name, DJ_LIT("contextual_autoescape")))
        return read_bool(s, v, name, &options->contextual);
    if (dj_str_eq(name, DJ_LIT("debug")))
        return read_bool(s, v, name, &options->debug);
    if (dj_str_eq(name, DJ_LIT("string_if_invalid"))) {
        if (v->kind != DJ_V_STR)
            return wrong(s, v, "'string_if_invalid' must be text");
        options->string_if_invalid = v->str;
        return DJ_OK;
    }
    if (dj_str_eq(name, DJ_LIT("file_charset"))) {
        if (is_text(v) &&
            (dj_str_eq_nocase(v->str, DJ_LIT("utf-8")) || dj_str_eq_nocase(v->str, DJ_LIT("utf8"))))
            return DJ_OK;
        return wrong(s, v, "'file_charset' can only be 'utf-8'");
    }
    if (dj_str_eq(name, DJ_LIT("builtins")))
        return dj_value_is_seq(v) && v->seq.len == 0
                   ? DJ_OK
                   : wrong(s, v, "'builtins' must be empty: {% load %} the library instead");
    return wrong_name(s, v, "there is no such option", name);
}

static dj_err read_dirs(dj_scope *s, const dj_value *list, dj_engine_options *options,
                        dj_template_dir *dirs)
{
    if (!dj_value_is_seq(list))
        return wrong(s, list, "'DIRS' must be a list of folders");
    for (size_t i = 0; i < list->seq.len; i++) {
        const dj_value *dir = list->seq.items[i];
        dj_err          e = is_text(dir) ? add_dir(s, options, dirs, dir->str)
                                         : wrong(s, dir, "'DIRS' must be a list of folders");
        if (e)
            return e;
    }
    return DJ_OK;
}

static dj_err read_entry(dj_scope *s, const dj_site_parts *parts, const dj_value *entry,
                         dj_engine_options *options, dj_template_dir *dirs,
                         struct dj_site_engine *engine)
{
    const dj_value *list = dj_value_get(entry, DJ_LIT("DIRS")),
                   *apps = dj_value_get(entry, DJ_LIT("APP_DIRS")),
                   *more = dj_value_get(entry, DJ_LIT("OPTIONS"));
    dj_err e = list == NULL ? DJ_OK : read_dirs(s, list, options, dirs);
    if (!e && apps != NULL && dj_value_truth(apps))
        e = add_app_dirs(s, parts->settings, options, dirs);
    if (!e && more != NULL && more->kind != DJ_V_DICT)
        e = wrong(s, more, "'OPTIONS' must be a dict");
    for (size_t i = 0; !e && more != NULL && i < more->dict.len; i++) {
        const dj_value *key = more->dict.pairs[i].key;
        e = is_text(key)
                ? read_option(s, parts->app, key->str, more->dict.pairs[i].value, options, engine)
                : wrong(s, key, "names of options are text");
    }
    return e;
}

/* -- making an engine -- */

static dj_engine_options defaults(const dj_site_parts *parts, struct dj_site *site)
{
    const dj_settings *settings = parts->settings;
    return (dj_engine_options){
        .libraries = parts->app->libraries,
        .nlibraries = parts->app->nlibraries,
        .string_if_invalid = DJ_LIT(""),
        .autoescape = true,
        .contextual = true,
        .use_tz = settings->USE_TZ,
        .debug = settings->DEBUG,
        .reload = settings->DEBUG,
        .static_url = dj_str_is_none(settings->STATIC_URL) ? DJ_LIT("") : settings->STATIC_URL,
        .media_url = settings->MEDIA_URL,
        .limits = {.depth = (uint32_t)settings->TEMPLATE_MAX_DEPTH,
                   .loops = (uint64_t)settings->TEMPLATE_MAX_LOOPS,
                   .output = (uint64_t)settings->TEMPLATE_MAX_OUTPUT},
        .hooks = dj_template_hooks(site),
    };
}

/* Numbers that the settings' table can't judge. */
static dj_err check_limits(dj_scope *s, const dj_settings *settings)
{
    if (settings->TEMPLATE_MAX_DEPTH < 1 || settings->TEMPLATE_MAX_DEPTH > 1000)
        return dj_fail(s, DJ_ERR_SETTINGS, "TEMPLATE_MAX_DEPTH must be from 1 to 1000");
    if (settings->TEMPLATE_MAX_LOOPS < 1)
        return dj_fail(s, DJ_ERR_SETTINGS, "TEMPLATE_MAX_LOOPS must be at least 1");
    if (settings->TEMPLATE_MAX_OUTPUT < 1)
        return dj_fail(s, DJ_ERR_SETTINGS, "TEMPLATE_MAX_OUTPUT must be at least 1");
    return DJ_OK;
}

/* Templates inside the program, and no word of TEMPLATES about them. */
static dj_err usual_processors(dj_scope *s, const dj_app *app, struct dj_site_engine *engine)
{
    static const dj_str usual[] = {
        DJ_STR_INIT("django.template.context_processors.request"),
        DJ_STR_INIT("django.template.context_processors.csp"),
    };
    const dj_context_processor **found =
        dj_new_array(s, const dj_context_processor *, DJ_COUNT(usual));
    for (size_t i = 0; i < DJ_COUNT(usual); i++)
        found[i] = dj_context_processor_find(app, usual[i]);
    engine->processors = found;
    engine->nprocessors = DJ_COUNT(usual);
    return DJ_OK;
}

static dj_err make_engine(dj_scope *s, const dj_site_parts *parts, struct dj_site *site,
                          const dj_value *entry)
{
    struct dj_site_engine *engine = &site->templates->engines[site->templates->nengines];
    dj_engine_options      options = defaults(parts, site);
    dj_template_dir       *dirs = dj_new_array(s, dj_template_dir, DIRS_MAX + 1);
    dj_err                 e = entry == NULL ? usual_processors(s, parts->app, engine)
                                             : read_entry(s, parts, entry, &options, dirs, engine);
    if (!e && parts->app->templates != NULL)
        e = check_embedded(s, parts->app->templates);
    if (e)
        return e;
    if (parts->app->templates != NULL)
        dirs[options.ndirs++] = (dj_template_dir){.find = find_embedded,
                                                  .each = each_embedded,
                                                  .ctx = (void *)(uintptr_t)parts->app->templates};
    options.dirs = dirs;
    e = dj_engine_new(s, &options, &engine->engine);
    if (!e)
        site->templates->nengines++;
    return e;
}

/* -- all templates, before the first request -- */

typedef struct survey {
    dj_scope       *s;
    struct dj_site *site;
    const dj_template *template; /* whose steps are looked at */
    dj_buf   report;
    unsigned broken;
} survey;

static void report(survey *it, dj_str name, uint32_t line, uint32_t column, dj_str message)
{
    if (++it->broken > BROKEN_MAX)
        return;
    if (it->broken > 1)
        dj_buf_add(&it->report, DJ_LIT("\n"));
    dj_buf_addf(&it->report, DJ_FMT ":%u:%u: " DJ_FMT, DJ_ARG(name), line, column, DJ_ARG(message));
}

/* {% extends "x" %} and {% include "x" %}: is there an x? */
static bool see_step(void *ctx, const dj_walk_step *step)
{
    survey            *it = ctx;
    const dj_template *found;
    dj_template_error  error = {0};
    bool               names =
        dj_str_eq(step->name, DJ_LIT("extends")) || dj_str_eq(step->name, DJ_LIT("include"));
    if (step->kind != DJ_WALK_TAG || !names || dj_str_is_none(step->target) ||
        dj_str_starts(step->target, DJ_LIT("./")) || dj_str_starts(step->target, DJ_LIT("../")))
        return true;
    for (size_t i = 0; i < it->site->templates->nengines; i++) {
        if (dj_engine_load(it->site->templates->engines[i].engine, it->s, step->target, &found,
                           &error) != DJ_ERR_TEMPLATE_MISSING)
            return true;
    }
    report(it, dj_template_name(it->template), step->line, step->column,
           dj_strf(it->s, "there is no template '" DJ_FMT "'", DJ_ARG(step->target)));
    return true;
}

static dj_err see_template(void *ctx, dj_str name, const dj_template *t,
                           const dj_template_error *error)
{
    survey *it = ctx;
    if (t == NULL) {
        report(it, name, error->line, error->column, error->message);
        return DJ_OK;
    }
    it->template = t;
    dj_template_walk(t, see_step, it);
    return DJ_OK;
}

/* With DEBUG a broken template shows when it is used, and may be mended meanwhile. */
static dj_err check_all(dj_scope *s, struct dj_site *site)
{
    survey it = {.s = s, .site = site, .report = dj_buf_make(s, 64 * 1024)};
    for (size_t i = 0; i < site->templates->nengines; i++) {
        dj_err e = dj_engine_each(site->templates->engines[i].engine, s, see_template, &it);
        if (e)
            return e;
    }
    if (it.broken == 0)
        return DJ_OK;
    return dj_fail(s, DJ_ERR_SETTINGS, "%u template%s cannot be used:\n" DJ_FMT, it.broken,
                   it.broken == 1 ? "" : "s", DJ_ARG(dj_buf_str(&it.report)));
}

dj_err dj_templates_new(dj_scope *s, const dj_site_parts *parts, struct dj_site *site)
{
    const dj_value   *list = parts->settings->TEMPLATES;
    size_t            n = list != NULL && dj_value_is_seq(list) ? list->seq.len : 0;
    const dj_str_list layers = parts->settings->MIDDLEWARE;
    dj_err            e = check_limits(s, parts->settings);
    site->templates = dj_new(s, struct dj_site_templates);
    site->templates->engines = dj_new_array(s, struct dj_site_engine, n + 1);
    for (size_t i = 0; i < layers.len; i++)
        site->templates->has_csp |= dj_str_eq(
            layers.items[i], DJ_LIT("django.middleware.csp.ContentSecurityPolicyMiddleware"));
    for (size_t i = 0; !e && i < n; i++) {
        const dj_value *backend = dj_value_get(list->seq.items[i], DJ_LIT("BACKEND"));
        if (backend == NULL || !is_text(backend) ||
            !dj_str_eq(backend->str, DJ_LIT("django.template.backends.django.DjangoTemplates")))
            return wrong(s, list->seq.items[i],
                         "the only BACKEND is django.template.backends.django.DjangoTemplates");
        e = make_engine(s, parts, site, list->seq.items[i]);
    }
    if (!e && n == 0 && parts->app->templates != NULL)
        e = make_engine(s, parts, site, NULL);
    if (!e && !parts->settings->DEBUG)
        e = check_all(s, site);
    return e;
}
