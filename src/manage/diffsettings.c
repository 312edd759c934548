/* src/manage/diffsettings.c - which settings differ from the defaults, and where each value comes
 * from.
 *
 * Django's layout, with the place behind each value. What a telling name or a URL hides is written
 * as asterisks.
 *
 * Must not know: what any setting means. */
#include "donjon/app.h"
#include "donjon/policy.h"
#include "donjon/settings.h"
#include "manage/manage.h"
#include <stdlib.h>

#define REPR_MAX   ((size_t)64 * 1024)
#define OUTPUT_MAX ((size_t)4 * 1024 * 1024)

static const char *const outputs[] = {"hash", "unified", "json", NULL};
static const dj_option   options[] = {
      {0, "all", NULL, "Show the settings that have their default, too.", NULL},
      {0, "output", "{hash,unified,json}",
       "hash: \"NAME = value\", '###' marks what is no setting of Django or Donjon;\n"
         "                        unified: default and value below each other; json: one object.",
       outputs},
};
static const dj_command_spec spec = {
    .name = "diffsettings",
    .summary = "Shows the settings that differ from the defaults, and where each value comes from. "
               "Secrets are not shown.",
    .options = options,
    .noptions = DJ_COUNT(options),
    .common = true,
};

/* -- values, as they may be shown -- */

/* Settings of Django whose names sound secret and whose values are not: names of classes, paths,
 * periods. */
static bool is_harmless(dj_str name)
{
    static const dj_str names[] = {
        DJ_STR_INIT("AUTHENTICATION_BACKENDS"),
        DJ_STR_INIT("AUTH_PASSWORD_VALIDATORS"),
        DJ_STR_INIT("AUTH_USER_MODEL"),
        DJ_STR_INIT("PASSWORD_HASHERS"),
        DJ_STR_INIT("PASSWORD_RESET_TIMEOUT"),
        DJ_STR_INIT("TLS_KEY"),
        DJ_STR_INIT("SECRET_KEY_FILE"),
        DJ_STR_INIT("KEEPALIVE_TIMEOUT"),
        DJ_STR_INIT("CACHE_MIDDLEWARE_KEY_PREFIX"),
    };
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        if (dj_str_eq(name, names[i]))
            return true;
    }
    return false;
}

static dj_str shown(dj_scope *s, dj_str name, const dj_value *v)
{
    static const dj_cleanse_rules rules = {.session_cookie_name = DJ_STR_INIT("")};
    if (is_harmless(name))
        name = DJ_LIT("");
    return dj_value_repr(s, dj_cleanse(s, &rules, name, v), REPR_MAX);
}

/* -- the rows -- */

typedef struct row {
    dj_str          name;
    const dj_value *value, *def; /* def NULL: no setting that we know */
    bool            changed;
} row;

static int by_name(const void *a, const void *b)
{
    return dj_str_cmp(((const row *)a)->name, ((const row *)b)->name);
}

static row *collect(dj_scope *s, const dj_conf *conf, size_t *len)
{
    size_t                 nknown, n = 0;
    const dj_setting_info *known = dj_setting_table(&nknown);
    row                   *rows = dj_new_array(s, row, nknown + conf->names.len);
    for (size_t i = 0; i < nknown; i++) {
        const dj_value *value = dj_conf_get(conf, known[i].name);
        bool            set = dj_conf_is_set(conf, known[i].name);
        rows[n++] =
            (row){known[i].name, value, known[i].def, set && !dj_value_equal(value, known[i].def)};
    }
    for (size_t i = 0; i < conf->names.len; i++) {
        dj_str name = conf->names.entries[i].key;
        bool   is_known = false;
        for (size_t k = 0; k < nknown && !is_known; k++)
            is_known = dj_str_eq(known[k].name, name);
        if (!is_known)
            rows[n++] = (row){name, conf->names.entries[i].value, NULL, true};
    }
    qsort(rows, n, sizeof *rows, by_name);
    *len = n;
    return rows;
}

static dj_str origin_text(dj_scope *s, const dj_console *con, const row *r)
{
    dj_origin at = r->value->origin;
    if (at.line == 0 || !r->changed)
        return DJ_LIT("default");
    dj_str cwd = dj_strf(s, DJ_FMT "/", DJ_ARG(con->cwd));
    dj_str file = dj_str_starts(at.file, cwd) ? dj_str_from(at.file, cwd.len) : at.file;
    return dj_strf(s, DJ_FMT ":%u", DJ_ARG(file), at.line);
}

static void add_row(dj_scope *s, const dj_console *con, dj_buf *b, const row *r, bool unified)
{
    dj_str      value = shown(s, r->name, r->value), origin = origin_text(s, con, r);
    const char *mark = unified ? (r->changed ? "+ " : "  ") : r->changed ? "" : "### ";
    if (unified && r->changed && r->def != NULL)
        dj_buf_addf(b, "- " DJ_FMT " = " DJ_FMT "\n", DJ_ARG(r->name),
                    DJ_ARG(shown(s, r->name, r->def)));
    dj_buf_addf(b, "%s" DJ_FMT " = " DJ_FMT "%s", mark, DJ_ARG(r->name), DJ_ARG(value),
                r->def == NULL && !unified ? "  ###" : "");
    if (r->changed)
        dj_buf_addf(b, "  # " DJ_FMT, DJ_ARG(origin));
    dj_buf_add_byte(b, '\n');
}

static void add_json(dj_scope *s, const dj_console *con, dj_json *j, const row *r)
{
    dj_json_key(j, r->name);
    dj_json_open(j, '{');
    dj_json_add_str(j, DJ_LIT("value"), shown(s, r->name, r->value));
    if (r->def != NULL)
        dj_json_add_str(j, DJ_LIT("default"), shown(s, r->name, r->def));
    dj_json_add_str(j, DJ_LIT("origin"), origin_text(s, con, r));
    dj_json_close(j, '}');
}

static void write_rows(dj_scope *s, const dj_console *con, const dj_conf *conf, const dj_options *o)
{
    size_t     len;
    const row *rows = collect(s, conf, &len);
    bool       all = dj_options_has(o, "all"),
         json = dj_str_eq(dj_options_get(o, "output"), DJ_LIT("json"));
    bool    unified = dj_str_eq(dj_options_get(o, "output"), DJ_LIT("unified"));
    dj_buf  b = dj_buf_make(s, OUTPUT_MAX);
    dj_json j = dj_json_make(&b);
    if (json)
        dj_json_open(&j, '{');
    for (size_t i = 0; i < len; i++) {
        if (!rows[i].changed && !all)
            continue;
        if (json)
            add_json(s, con, &j, &rows[i]);
        else
            add_row(s, con, &b, &rows[i], unified);
    }
    if (json) {
        dj_json_close(&j, '}');
        dj_buf_add_byte(&b, '\n');
    }
    dj_console_out(con, dj_buf_str(&b));
}

int dj_manage_diffsettings(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                           const dj_app *app)
{
    dj_options o;
    int        status = dj_options_parse(s, con, &spec, argc, argv, &o);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    dj_str       path;
    dj_settings *settings;
    dj_err       e = dj_settings_path(s, con, &o, app, &path);
    if (!e)
        e = dj_settings_read(s, con, path, &settings);
    if (e)
        return dj_command_fail(s, con, argv, DJ_FMT, DJ_ARG(dj_failure_text(s)));
    write_rows(s, con, settings->conf, &o);
    return 0;
}
