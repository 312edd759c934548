/* tools/conformance/templates.c - templates.render: sources from the file, compiled and rendered
 * with its context by the engine that serves pages; templates.routes: the table of routes that
 * {% url %} is tried with, read beside the file.
 *
 * An error of a class that only Python has stands for any failure at the right place: the README
 * of these vectors says so. */
#include "app/app.h"
#include "app/templates.h"
#include "conformance.h"
#include "donjon/time.h"
#include "http/http.h"
#include "template/template.h"
#include <stdlib.h>

/* -- values -- */

static dj_var value_of(run *r, const json_t *json);

/* "2024-01-01", "10:00:00.5", "2024-01-01T10:00:00+02:00" */
static const dj_moment *moment_of(run *r, dj_str text, bool date)
{
    dj_moment  *m = dj_new(r->scope, dj_moment);
    const char *at = dj_cstr(r->scope, text);
    int         year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
    if (date && sscanf(at, "%4d-%2d-%2d%n", &year, &month, &day, &used) == 3)
        at += used;
    if (*at == 'T' || *at == ' ')
        at++;
    if (sscanf(at, "%2d:%2d%n", &hour, &minute, &used) == 2)
        at += used;
    if (*at == ':' && sscanf(at, ":%2d%n", &second, &used) == 1)
        at += used;
    if (*at == '.') {
        uint32_t unit = 100000;
        for (at++; dj_is_digit(*at); at++, unit /= 10)
            m->microsecond += (uint32_t)(*at - '0') * unit;
    }
    if (*at == '+' || *at == '-') {
        int sign = *at == '-' ? -1 : 1, hours = 0, minutes = 0, seconds = 0;
        (void)sscanf(at + 1, "%2d:%2d:%2d", &hours, &minutes, &seconds);
        m->aware = true;
        m->utc_offset = sign * (hours * 3600 + minutes * 60 + seconds);
    } else if (*at == 'Z') {
        m->aware = true;
    }
    m->year = year;
    m->month = (uint8_t)month;
    m->day = (uint8_t)day;
    m->hour = (uint8_t)hour;
    m->minute = (uint8_t)minute;
    m->second = (uint8_t)second;
    return m;
}

static const dj_var_multi *multi_of(run *r, dj_str query)
{
    dj_querydict *q = NULL;
    if (dj_querydict_parse(r->scope, query, 1000, &q)) {
        case_fail(r, "query refused");
        return NULL;
    }
    dj_var_multi         *multi = dj_new(r->scope, dj_var_multi);
    struct dj_multi_item *items = dj_new_array(r->scope, struct dj_multi_item, q->names.len);
    for (size_t i = 0; i < q->names.len; i++) {
        const dj_querydict_entry *entry = q->names.entries[i].value;
        items[i] = (struct dj_multi_item){entry->name, entry->values, entry->nvalues};
    }
    *multi = (dj_var_multi){items, q->names.len};
    return multi;
}

/* {"$safe": ...} and the like; false: an object like any other. */
static bool marked(run *r, const json_t *json, dj_var *out)
{
    dj_str text;
    if (json_object_size(json) != 1)
        return false;
    if (!dj_str_is_none(text = js_str(json, "$safe")))
        *out = dj_var_html(dj_html_trust(text, DJ_LIT("a vector says so")));
    else if (!dj_str_is_none(text = js_str(json, "$datetime")))
        *out = (dj_var){.kind = DJ_VAR_DATETIME, .moment = moment_of(r, text, true)};
    else if (!dj_str_is_none(text = js_str(json, "$date")))
        *out = (dj_var){.kind = DJ_VAR_DATE, .moment = moment_of(r, text, true)};
    else if (!dj_str_is_none(text = js_str(json, "$time")))
        *out = (dj_var){.kind = DJ_VAR_TIME, .moment = moment_of(r, text, false)};
    else if (!dj_str_is_none(text = js_str(json, "$querydict")))
        *out = (dj_var){.kind = DJ_VAR_MULTI, .multi = multi_of(r, text)};
    else
        return false;
    return true;
}

static const dj_var_item *items_of(run *r, const json_t *json)
{
    dj_var_item *items = dj_new_array(r->scope, dj_var_item, json_object_size(json));
    const char  *name;
    json_t      *value;
    size_t       n = 0;
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        items[n].name = dj_str_of(name);
        items[n++].value = value_of(r, value);
    }
    return items;
}

static dj_var value_of(run *r, const json_t *json)
{
    dj_var out = dj_var_none();
    if (json_is_boolean(json)) {
        out = dj_var_bool(json_is_true(json));
    } else if (json_is_integer(json)) {
        out = dj_var_int(json_integer_value(json));
    } else if (json_is_real(json)) {
        out = dj_var_float(json_real_value(json));
    } else if (json_is_string(json)) {
        out = dj_var_str(js_text(json));
    } else if (json_is_array(json)) {
        size_t  len = json_array_size(json);
        dj_var *list = dj_new_array(r->scope, dj_var, len);
        for (size_t i = 0; i < len; i++)
            list[i] = value_of(r, json_array_get(json, i));
        out = dj_var_of_list(list, len);
    } else if (json_is_object(json) && !marked(r, json, &out)) {
        out = dj_var_of_map(items_of(r, json), json_object_size(json));
    }
    return out;
}

/* -- sources -- */

static bool find_source(void *ctx, dj_str name, dj_str *source)
{
    const json_t *text = json_object_getn(ctx, name.ptr, name.len);
    *source = js_text(text);
    return text != NULL;
}

static dj_template_dir dir_of(const json_t *templates)
{
    return (dj_template_dir){.find = find_source, .ctx = (void *)(uintptr_t)templates};
}

static const dj_template_dir *dirs_of(run *r, const json_t *c, size_t *len)
{
    const json_t    *list = json_object_get(c, "dirs");
    dj_template_dir *dirs;
    *len = list == NULL ? 1 : json_array_size(list);
    dirs = dj_new_array(r->scope, dj_template_dir, *len);
    for (size_t i = 0; i < *len; i++)
        dirs[i] = dir_of(list == NULL ? json_object_get(c, "templates") : json_array_get(list, i));
    return dirs;
}

/* -- routes -- */

static dj_response *no_view(dj_req *req)
{
    return dj_not_found(req);
}

/* The routes of the file, in the root and in a namespace each. */
static dj_resolver *resolver_of(run *r, const json_t *file)
{
    const json_t *list = json_object_get(file, "routes");
    size_t        len = json_array_size(list);
    dj_route     *routes = dj_new_array(r->scope, dj_route, len);
    dj_urls      *urls = dj_new(r->scope, dj_urls);
    dj_resolver  *resolver = NULL;
    size_t        n = 0;
    for (size_t i = 0; i < len; i++) {
        const json_t  *one = json_array_get(list, i);
        const char    *space = json_string_value(json_object_get(one, "namespace"));
        const dj_route route = {.route = json_string_value(json_object_get(one, "route")),
                                .name = json_string_value(json_object_get(one, "name")),
                                .view = no_view};
        if (space == NULL) {
            routes[n++] = route;
            continue;
        }
        /* All routes of a namespace go into one include. */
        size_t at = 0;
        while (at < n && (routes[at].space == NULL || strcmp(routes[at].space, space) != 0))
            at++;
        dj_urls  *inner = at < n ? (dj_urls *)(uintptr_t)routes[at].include : NULL;
        dj_route *rows;
        if (inner == NULL) {
            inner = dj_new(r->scope, dj_urls);
            *inner = (dj_urls){.routes = dj_new_array(r->scope, dj_route, len), .app_name = space};
            routes[n++] = (dj_route){.route = "", .include = inner, .space = space};
        }
        rows = (dj_route *)(uintptr_t)inner->routes;
        rows[inner->len++] = route;
    }
    *urls = (dj_urls){.routes = routes, .len = n};
    if (dj_resolver_new(r->scope, urls, &resolver))
        case_fail(r, DJ_FMT, DJ_ARG(dj_failure_text(r->scope)));
    return resolver;
}

static const json_t *routes_beside(const char *path)
{
    static json_t *kept;
    char           name[4096];
    const char    *slash = strrchr(path, '/');
    if (kept != NULL)
        return kept;
    snprintf(name, sizeof name, "%.*surls.json", slash == NULL ? 0 : (int)(slash - path) + 1, path);
    kept = json_load_file(name, 0, NULL);
    return kept;
}

/* A site with these routes and nothing else: its hook for {% url %} is the one that serves pages.
 */
static dj_engine_hooks hooks_of(run *r)
{
    dj_site *site = dj_new(r->scope, dj_site);
    site->resolver = resolver_of(r, routes_beside(r->file));
    dj_engine_hooks hooks = dj_template_hooks(site);
    hooks.failsafe = NULL;   /* a log is no result */
    hooks.static_url = NULL; /* the staticfiles app is not installed in these cases */
    return hooks;
}

/* -- a case -- */

static void set_zone(run *r, dj_str zone)
{
    if (dj_time_zone_set(r->scope, dj_str_is_none(zone) ? DJ_LIT("UTC") : zone))
        case_fail(r, DJ_FMT, DJ_ARG(dj_failure_text(r->scope)));
}

static bool flag(const json_t *object, const char *name, bool otherwise)
{
    const json_t *value = json_object_get(object, name);
    return value == NULL ? otherwise : json_is_true(value);
}

static dj_engine *engine_of(run *r, const json_t *c)
{
    /* What Django registers and Donjon has not; the messages list their names. */
    static const dj_library        absent[] = {{.name = "cache"}, {.name = "i18n"}, {.name = "tz"}};
    static const dj_library *const libraries[] = {&absent[0], &absent[1], &absent[2]};
    const json_t                  *settings = json_object_get(c, "settings");
    dj_str                         invalid = js_str(settings, "string_if_invalid");
    dj_str                         static_url = js_str(settings, "STATIC_URL");
    dj_engine                     *engine = NULL;
    dj_engine_options              options = {
                     .libraries = libraries,
                     .nlibraries = DJ_COUNT(libraries),
                     .string_if_invalid = dj_str_is_none(invalid) ? DJ_LIT("") : invalid,
                     .autoescape = flag(settings, "autoescape", true),
                     .contextual = flag(c, "contextual", true),
                     .use_tz = flag(settings, "USE_TZ", true),
                     .static_url = dj_str_is_none(static_url) ? DJ_LIT("/static/") : static_url,
                     .media_url = DJ_LIT("/media/"),
                     .hooks = hooks_of(r)};
    options.dirs = dirs_of(r, c, &options.ndirs);
    if (dj_engine_new(r->scope, &options, &engine))
        case_fail(r, DJ_FMT, DJ_ARG(dj_failure_text(r->scope)));
    return engine;
}

/* Classes that Donjon has, too. */
static bool is_class_of_ours(dj_str name)
{
    return dj_str_eq(name, DJ_LIT("TemplateSyntaxError")) ||
           dj_str_eq(name, DJ_LIT("TemplateDoesNotExist")) ||
           dj_str_eq(name, DJ_LIT("VariableDoesNotExist")) ||
           dj_str_eq(name, DJ_LIT("NoReverseMatch"));
}

static void expect_error(run *r, const json_t *want, const dj_template_error *error, bool parsing)
{
    dj_str class = js_str(want, "class"), message = js_str(want, "message");
    if (is_class_of_ours(class)) {
        case_expect_str(r, "class", class, dj_err_info_of(error->code)->name);
        case_expect_str(r, "when", js_str(want, "when"),
                        parsing ? DJ_LIT("parse") : DJ_LIT("render"));
    }
    if (!dj_str_is_none(js_str(want, "template")))
        case_expect_str(r, "template", js_str(want, "template"), error->template);
    if (json_is_integer(json_object_get(want, "line")))
        case_expect_int(r, "line", js_int(want, "line"), error->line);
    /* Of a URL that can't be reversed, Django's message names the patterns, too. */
    if (!dj_str_is_none(message) && dj_str_eq(class, DJ_LIT("NoReverseMatch")))
        case_expect_str(r, "message", message, dj_str_first(error->message, message.len));
    else if (!dj_str_is_none(message))
        case_expect_str(r, "message", message, error->message);
}

/* The names that the reference has for what it refuses without rendering. */
static bool is_finding(dj_str code, dj_finding_code found)
{
    if (dj_str_eq(code, DJ_LIT("ErrBranchEnd")))
        return found == DJ_FINDING_BRANCH_END;
    if (dj_str_eq(code, DJ_LIT("ErrEndContext")))
        return found == DJ_FINDING_END_CONTEXT;
    if (dj_str_eq(code, DJ_LIT("ErrAmbigContext")))
        return found == DJ_FINDING_AMBIGUOUS_URL;
    if (dj_str_eq(code, DJ_LIT("ErrSlashAmbig")))
        return found == DJ_FINDING_AMBIGUOUS_SLASH;
    return found == DJ_FINDING_BAD_MARKUP || found == DJ_FINDING_REFUSED ||
           found == DJ_FINDING_BRANCH_END;
}

/* { "level": "check" }: told by `check`; a page is made all the same. */
static void expect_finding(run *r, const json_t *c, dj_engine *engine)
{
    dj_str      code = js_str(json_object_get(c, "error"), "code");
    dj_findings found = {0};
    dj_template_check(engine, r->scope, js_str(c, "main"), &found);
    for (size_t i = 0; i < found.len; i++) {
        if (is_finding(code, found.items[i].code))
            return;
    }
    case_fail(r, "no finding for " DJ_FMT " (%zu others, first: " DJ_FMT ")", DJ_ARG(code),
              found.len, DJ_ARG(found.len == 0 ? DJ_LIT("none") : found.items[0].message));
}

/* An opt-out is told, too. */
static void expect_warning(run *r, const json_t *c, dj_engine *engine)
{
    dj_findings found = {0};
    dj_template_check(engine, r->scope, js_str(c, "main"), &found);
    for (size_t i = 0; i < found.len; i++) {
        if (found.items[i].code == DJ_FINDING_RAW || found.items[i].code == DJ_FINDING_RAW_TEXT)
            return;
    }
    case_fail(r, "no warning");
}

static void render_case(run *r, const json_t *c)
{
    const json_t      *settings = json_object_get(c, "settings");
    const json_t      *context = json_object_get(c, "context");
    const json_t      *want = json_object_get(c, "error");
    dj_str             get = js_str(settings, "request_get");
    dj_template_error  error = {0};
    const dj_template *t = NULL;
    dj_render_input    input = {.items = items_of(r, context), .nitems = json_object_size(context)};
    dj_out             out = dj_out_make(r->scope, (uint64_t)16 * 1024 * 1024);
    set_zone(r, js_str(settings, "TIME_ZONE"));
    if (!dj_str_is_none(get))
        input.get = multi_of(r, get);
    dj_engine *engine = engine_of(r, c);
    if (engine == NULL)
        return;
    dj_err e = dj_engine_load(engine, r->scope, js_str(c, "main"), &t, &error);
    bool   parsing = e != DJ_OK;
    if (!e && dj_str_eq(js_str(want, "level"), DJ_LIT("check"))) {
        expect_finding(r, c, engine);
        return;
    }
    if (js_bool(c, "warning"))
        expect_warning(r, c, engine);
    if (!e)
        e = dj_template_render(r->scope, t, &input, &out, &error);
    if (e && want == NULL) {
        case_fail(r, DJ_FMT ":%u: " DJ_FMT ": " DJ_FMT, DJ_ARG(error.template), error.line,
                  DJ_ARG(dj_err_info_of(e)->name), DJ_ARG(error.message));
    } else if (e) {
        if (dj_str_is_none(js_str(want, "level")))
            expect_error(r, want, &error, parsing);
    } else if (want != NULL) {
        case_fail(r, "expected %s, got a page", json_string_value(json_object_get(want, "class")));
    } else {
        case_expect_str(r, "page", js_str(c, "expect"), dj_out_str(&out));
    }
}

/* Noon, UTC, of the day on which these vectors were made: some show the date of their own making
 * ({% now "" %}). A file with a "now" of its own says another time. */
#define MADE_ON INT64_C(1795348800)

void run_templates(run *r, const json_t *file)
{
    const json_t *one, *now = json_object_get(file, "now");
    int64_t       clock = json_is_integer(now) ? json_integer_value(now) : MADE_ON;
    size_t        i;
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        case_begin(r, json_string_value(json_object_get(one, "id")));
        dj_clock_freeze(r->scope, clock * 1000000);
        render_case(r, one);
        case_end(r);
    }
}

void run_template_routes(run *r, const json_t *file)
{
    case_begin(r, "routes");
    case_expect_bool(r, "the table stands", true, resolver_of(r, file) != NULL);
    case_end(r);
}
