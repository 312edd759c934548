/* include/donjon/settings.h - the settings of a site, typed, with defaults: made once at start,
 * then constant.
 *
 * Fields carry Django's names and are generated from settings.def:
 * dj_settings_of(req)->SECURE_HSTS_SECONDS. */
#pragma once
#include "donjon/conf.h"
#include "donjon/secret.h"

DJ_BEGIN_DECLS

typedef struct dj_str_list {
    const dj_str *items;
    size_t        len;
} dj_str_list;

/* The C types of settings.def; opt_: None allowed (opt_str: ptr NULL; opt_int: negative = None). */
typedef bool            dj_set_bool;
typedef int64_t         dj_set_int;
typedef int64_t         dj_set_opt_int;
typedef dj_str          dj_set_str;
typedef dj_str          dj_set_opt_str; /* also a Path */
typedef dj_str_list     dj_set_str_list;
typedef const dj_value *dj_set_value; /* anything; its room reads it */

typedef struct dj_settings {
#define DJ_SETTING(type, name, def, warn_if, with, check, help) dj_set_##type name;
#include "settings.def"
#undef DJ_SETTING
    const dj_conf   *conf;       /* where it came from; NULL for settings made by code */
    const dj_secret *secret_key; /* SECRET_KEY, its file or credential; NULL if there is none */
} dj_settings;

typedef struct dj_settings_problem {
    dj_str    name;
    dj_origin origin;
    dj_str    message, advice; /* wanted and met type */
} dj_settings_problem;

/* Wrong types, in order of the table: what donjon.E021 reports. Never NULL; *len says how many. */
DJ_NONNULL const dj_settings_problem *dj_settings_problems(dj_scope *s, const dj_conf *conf,
                                                           size_t *len);
/* Makes the typed settings; DJ_ERR_SETTINGS with all problems in the sentence if a type is wrong.
 */
DJ_CHECKED DJ_NONNULL dj_err dj_settings_load(dj_scope *s, const dj_conf *conf, dj_settings **out);
/* All defaults (tests; programs without a file). */
DJ_RETURNS DJ_NONNULL dj_settings *dj_settings_default(dj_scope *s);

/* One row of settings.def, for docs, checks and `diffsettings`. */
typedef struct dj_setting_info {
    dj_str          name, type, help, check; /* type as in the table, check may be none */
    const dj_value *def;
} dj_setting_info;
DJ_RETURNS const dj_setting_info *dj_setting_table(size_t *len);

DJ_END_DECLS
