/* src/conf/settings.c - from the values of a file to typed settings; the defaults, the problems,
 * the key.
 *
 * settings.def is the only place that names settings; this file pastes it. Defaults are Python text
 * there and are read by the reader itself, once. */
#include "donjon/settings.h"
#include "reader.h"
#include <pthread.h>
#include <unistd.h>

typedef enum set_type {
    SET_bool,
    SET_int,
    SET_opt_int,
    SET_str,
    SET_opt_str,
    SET_str_list,
    SET_value
} set_type;

static const struct {
    dj_str   name;
    set_type type;
    size_t   offset;
} rows[] = {
#define DJ_SETTING(type, name, def, warn_if, with, check, help)                                    \
    {DJ_STR_INIT(#name), SET_##type, offsetof(dj_settings, name)},
#include "settings.def"
#undef DJ_SETTING
};

static const char defaults_text[] =
#define DJ_SETTING(type, name, def, warn_if, with, check, help) #name " = " def "\n"
#include "settings.def"
#undef DJ_SETTING
    ;

static dj_setting_info table[] = {
#define DJ_SETTING(type, name, def, warn_if, with, check, help)                                    \
    {DJ_STR_INIT(#name), DJ_STR_INIT(#type), DJ_STR_INIT(help), DJ_STR_INIT(check), NULL},
#include "settings.def"
#undef DJ_SETTING
};

static pthread_once_t defaults_once = PTHREAD_ONCE_INIT;
static dj_scope      *defaults_scope; /* lives as long as the process */
static dj_conf       *defaults;

static void read_defaults(void)
{
    defaults_scope = dj_scope_open((size_t)4 * 1024 * 1024);
    DJ_ASSERT(defaults_scope != NULL);
    const dj_conf_options options = {.mode = DJ_CONF_STRICT};
    dj_conf_error         error;
    dj_err e = dj_conf_read_text(defaults_scope, DJ_LIT("settings.def"), dj_str_of(defaults_text),
                                 &options, &defaults, &error);
    DJ_ASSERT(e == DJ_OK);
    for (size_t i = 0; i < DJ_COUNT(table); i++)
        table[i].def = dj_map_get(&defaults->names, table[i].name);
}

const dj_value *conf_default(dj_str name)
{
    pthread_once(&defaults_once, read_defaults);
    return dj_map_get(&defaults->names, name);
}

const dj_setting_info *dj_setting_table(size_t *len)
{
    pthread_once(&defaults_once, read_defaults);
    *len = DJ_COUNT(table);
    return table;
}

/* -- types -- */

static const char *wanted(set_type type)
{
    static const char *const words[] = {
        [SET_bool] = "True or False",
        [SET_int] = "an int",
        [SET_opt_int] = "an int or None",
        [SET_str] = "a str",
        [SET_opt_str] = "a str, a Path or None",
        [SET_str_list] = "a list or tuple of str",
        [SET_value] = "any value",
    };
    return words[type];
}

static bool is_text(const dj_value *v)
{
    return v->kind == DJ_V_STR || v->kind == DJ_V_PATH;
}

/* Is `v` of the wanted type? What is unknown is no problem. */
static bool fits(set_type type, const dj_value *v)
{
    if (v->kind == DJ_V_UNKNOWN)
        return true;
    switch (type) {
    case SET_bool:
        return v->kind == DJ_V_BOOL;
    case SET_int:
        return v->kind == DJ_V_INT;
    case SET_opt_int:
        return v->kind == DJ_V_NONE || (v->kind == DJ_V_INT && v->integer >= 0);
    case SET_str:
        return v->kind == DJ_V_STR;
    case SET_opt_str:
        return v->kind == DJ_V_NONE || is_text(v);
    case SET_str_list:
        if (v->kind != DJ_V_LIST && v->kind != DJ_V_TUPLE)
            return false;
        for (size_t i = 0; i < v->seq.len; i++) {
            if (!is_text(v->seq.items[i]) && v->seq.items[i]->kind != DJ_V_UNKNOWN)
                return false;
        }
        return true;
    case SET_value:
        return true;
    }
    return false;
}

/* "a tuple", "a list with an int in it", "a negative int" */
static dj_str met(dj_scope *s, set_type type, const dj_value *v)
{
    if (type == SET_opt_int && v->kind == DJ_V_INT)
        return DJ_LIT("a negative int");
    if (v->kind == DJ_V_NONE)
        return DJ_LIT("None");
    bool seq = v->kind == DJ_V_LIST || v->kind == DJ_V_TUPLE;
    for (size_t i = 0; seq && type == SET_str_list && i < v->seq.len; i++) {
        if (!is_text(v->seq.items[i]) && v->seq.items[i]->kind != DJ_V_UNKNOWN)
            return dj_strf(s, DJ_FMT " whose item %zu is " DJ_FMT, DJ_ARG(dj_value_type(v)), i + 1,
                           DJ_ARG(dj_value_type(v->seq.items[i])));
    }
    return dj_value_type(v);
}

static dj_str advice_for(dj_scope *s, set_type type, dj_str name, const dj_value *v)
{
    bool one = v->kind == DJ_V_TUPLE && v->seq.len == 1 && type != SET_str_list;
    if (one && fits(type, v->seq.items[0]))
        return dj_strf(s, "drop the comma at the end of the line of " DJ_FMT, DJ_ARG(name));
    if (type == SET_bool && v->kind == DJ_V_STR &&
        (v->flags & (DJ_VALUE_ENV | DJ_VALUE_ENV_DEFAULT)) != 0)
        return dj_strf(s, "compare the text: " DJ_FMT " = os.environ.get(...).lower() == 'true'",
                       DJ_ARG(name));
    if (type == SET_int && v->kind == DJ_V_STR)
        return dj_strf(s, "write " DJ_FMT " = int(...), or the number without quotes",
                       DJ_ARG(name));
    if (type == SET_str_list && v->kind == DJ_V_STR)
        return dj_strf(s, "write " DJ_FMT " = ['...'], or .split(',') behind the text",
                       DJ_ARG(name));
    return dj_strf(s, "write " DJ_FMT " = followed by %s", DJ_ARG(name), wanted(type));
}

const dj_settings_problem *dj_settings_problems(dj_scope *s, const dj_conf *conf, size_t *len)
{
    dj_settings_problem *list = dj_new_array(s, dj_settings_problem, DJ_COUNT(rows));
    *len = 0;
    for (size_t i = 0; i < DJ_COUNT(rows); i++) {
        const dj_value *v = dj_map_get(&conf->names, rows[i].name);
        if (v == NULL || fits(rows[i].type, v))
            continue;
        list[(*len)++] = (dj_settings_problem){
            .name = rows[i].name,
            .origin = v->origin,
            .message = dj_strf(s, DJ_FMT " must be %s, not " DJ_FMT, DJ_ARG(rows[i].name),
                               wanted(rows[i].type), DJ_ARG(met(s, rows[i].type, v))),
            .advice = advice_for(s, rows[i].type, rows[i].name, v),
        };
    }
    return list;
}

/* -- the typed settings -- */

static dj_str_list list_of(dj_scope *s, const dj_value *v)
{
    dj_str *items = dj_new_array(s, dj_str, v->seq.len);
    size_t  n = 0;
    for (size_t i = 0; i < v->seq.len; i++) {
        if (is_text(v->seq.items[i]))
            items[n++] = v->seq.items[i]->str;
    }
    return (dj_str_list){items, n};
}

static void set_field(dj_scope *s, void *field, set_type type, const dj_value *v)
{
    switch (type) {
    case SET_bool:
        *(dj_set_bool *)field = v->boolean;
        break;
    case SET_int:
    case SET_opt_int:
        *(dj_set_int *)field = v->kind == DJ_V_NONE ? -1 : v->integer;
        break;
    case SET_str:
    case SET_opt_str:
        *(dj_set_str *)field = v->kind == DJ_V_NONE ? DJ_NONE : v->str;
        break;
    case SET_str_list:
        *(dj_set_str_list *)field = list_of(s, v);
        break;
    case SET_value:
        *(dj_set_value *)field = v;
        break;
    }
}

static dj_settings *settings_of(dj_scope *s, const dj_conf *conf)
{
    dj_settings *settings = dj_new(s, dj_settings);
    for (size_t i = 0; i < DJ_COUNT(rows); i++) {
        const dj_value *v = conf == NULL ? NULL : dj_map_get(&conf->names, rows[i].name);
        if (v == NULL || (v->kind == DJ_V_UNKNOWN && rows[i].type != SET_value))
            v = conf_default(rows[i].name);
        set_field(s, (char *)settings + rows[i].offset, rows[i].type, v);
    }
    settings->conf = conf;
    return settings;
}

dj_settings *dj_settings_default(dj_scope *s)
{
    return settings_of(s, NULL);
}

/* The key: the setting, else its file, else systemd's credential of that name. No key is no error
 * here. */
static dj_err load_key(dj_scope *s, dj_settings *settings)
{
    if (settings->SECRET_KEY.len > 0) {
        settings->secret_key = dj_secret_new(s, settings->SECRET_KEY);
        settings->SECRET_KEY = DJ_LIT(""); /* the typed settings hold it as a secret only */
        return DJ_OK;
    }
    if (settings->SECRET_KEY_FILE.len > 0)
        return dj_secret_from_file(s, settings->SECRET_KEY_FILE, &settings->secret_key);
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL || folder[0] != '/')
        return DJ_OK;
    dj_str path = dj_strf(s, "%s/SECRET_KEY", folder);
    if (access(dj_cstr(s, path), F_OK) != 0)
        return DJ_OK;
    return dj_secret_from_file(s, path, &settings->secret_key);
}

dj_err dj_settings_load(dj_scope *s, const dj_conf *conf, dj_settings **out)
{
    size_t                     n;
    const dj_settings_problem *problems = dj_settings_problems(s, conf, &n);
    if (n > 0) {
        dj_buf b = dj_buf_make(s, 16384);
        for (size_t i = 0; i < n; i++)
            dj_buf_addf(&b, "%s" DJ_FMT ":%u:%u: error: " DJ_FMT "\n" DJ_FMT, i == 0 ? "" : "\n",
                        DJ_ARG(problems[i].origin.file), problems[i].origin.line,
                        problems[i].origin.column, DJ_ARG(problems[i].message),
                        DJ_ARG(problems[i].advice));
        return dj_fail(s, DJ_ERR_SETTINGS, DJ_FMT, DJ_ARG(dj_buf_str(&b)));
    }
    dj_settings *settings = settings_of(s, conf);
    dj_err       e = load_key(s, settings);
    if (e)
        return e;
    *out = settings;
    return DJ_OK;
}
