/* src/checks/types.c - values of the wrong kind, and the slips that make them. */
#include "checks/family.h"
#include "donjon/map.h"
#include "donjon/settings.h"

static const dj_setting_info *info_of(dj_str name)
{
    size_t                 len;
    const dj_setting_info *table = dj_setting_table(&len);
    for (size_t i = 0; i < len; i++)
        if (dj_str_eq(table[i].name, name))
            return &table[i];
    return NULL;
}

static dj_origin value_at(const dj_value *v)
{
    return v->origin;
}

static void typos(dj_check_run *c)
{
    const dj_map *names = &c->in->conf->names;
    for (size_t i = 0; i < names->len; i++) {
        if (info_of(names->entries[i].key) != NULL)
            continue;
        dj_str near = dj_conf_nearest(c->s, names->entries[i].key);
        if (near.len > 0)
            ck_report(c, "donjon.W020", value_at(names->entries[i].value),
                      dj_cstr(c->s, dj_strf(c->s, "Did you mean " DJ_FMT "?", DJ_ARG(near))),
                      "The setting " DJ_FMT " is unknown and has no effect.",
                      DJ_ARG(names->entries[i].key));
    }
}

static void wrong_types(dj_check_run *c)
{
    size_t                     len;
    const dj_settings_problem *problems = dj_settings_problems(c->s, c->in->conf, &len);
    for (size_t i = 0; i < len; i++)
        ck_report(c, "donjon.E021", problems[i].origin,
                  problems[i].advice.len == 0 ? NULL : dj_cstr(c->s, problems[i].advice),
                  DJ_FMT ": " DJ_FMT, DJ_ARG(problems[i].name), DJ_ARG(problems[i].message));
}

static void trailing_comma(dj_check_run *c)
{
    const dj_map *names = &c->in->conf->names;
    for (size_t i = 0; i < names->len; i++) {
        const dj_value        *v = names->entries[i].value;
        const dj_setting_info *info = info_of(names->entries[i].key);
        bool                   scalar =
            info != NULL &&
            (dj_str_eq(info->type, DJ_LIT("bool")) || dj_str_eq(info->type, DJ_LIT("int")) ||
             dj_str_eq(info->type, DJ_LIT("str")) || dj_str_starts(info->type, DJ_LIT("opt_")));
        if (scalar && v->kind == DJ_V_TUPLE && v->seq.len == 1)
            ck_report(c, "donjon.W022", value_at(v),
                      dj_cstr(c->s, dj_strf(c->s, "Drop the comma behind the value of " DJ_FMT ".",
                                            DJ_ARG(info->name))),
                      DJ_FMT " is a tuple of one value: a comma stands behind it.",
                      DJ_ARG(info->name));
    }
}

static void bool_of_text(dj_check_run *c)
{
    const dj_map *names = &c->in->conf->names;
    for (size_t i = 0; i < names->len; i++) {
        const dj_value *v = names->entries[i].value;
        if ((v->flags & DJ_VALUE_BOOL_OF_ENV) != 0)
            ck_report(c, "donjon.W023", value_at(v),
                      dj_cstr(c->s, dj_strf(c->s,
                                            "Write " DJ_FMT " = os.environ.get('" DJ_FMT
                                            "', '').lower() == 'true'.",
                                            DJ_ARG(names->entries[i].key),
                                            DJ_ARG(names->entries[i].key))),
                      DJ_FMT " is bool() of a text: 'False' and '0' count as true.",
                      DJ_ARG(names->entries[i].key));
    }
}

/* -- silencing -- */

/* Ids of Django's that no check of ours reports. */
static bool is_django_id(dj_str id)
{
    static const char *const families[] = {
        "models.",    "fields.",      "contenttypes.", "mysql.", "postgres.",  "signals.",
        "sites.",     "admin.",       "auth.",         "urls.",  "templates.", "commands.",
        "flatpages.", "gis.",         "database.",     "async.", "guardian.",  "redirects.",
        "tasks.",     "staticfiles.", "translation.",  NULL};
    static const char *const ids[] = {"security.W007",  "security.W017", "templates.E001",
                                      "templates.E003", "files.E001",    "4_0.E002",
                                      "1_6.W001",       "1_6.W002",      "1_7.W001",
                                      "1_8.W001",       "1_10.W001",     NULL};
    for (size_t i = 0; families[i] != NULL; i++)
        if (dj_str_starts(id, dj_str_of(families[i])))
            return true;
    return ck_in_table(ids, id);
}

/* "name.X000": the form of an id of some other package, which may well exist. */
static bool is_foreign_id(dj_str id)
{
    static const char *const own[] = {"security.", "donjon.",        "caches.",
                                      "mail.",     "compatibility.", NULL};
    for (size_t i = 0; own[i] != NULL; i++)
        if (dj_str_starts(id, dj_str_of(own[i])))
            return false;
    size_t dot = dj_str_rchr(id, '.');
    return dot != DJ_NOT_FOUND && dot > 0 && dot + 1 < id.len &&
           strchr("CEWID", id.ptr[dot + 1]) != NULL;
}

static bool in_catalogue(dj_check_run *c, dj_str id)
{
    size_t               len;
    const dj_check_info *all = dj_check_catalogue(c->s, &len);
    for (size_t i = 0; i < len; i++)
        if (dj_str_eq(all[i].id, id))
            return true;
    for (size_t i = 0; i < c->in->nchecks; i++)
        if (dj_str_has(dj_str_of(c->in->checks[i].ids), id))
            return true;
    return false;
}

static void silenced_unknown(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "SILENCED_SYSTEM_CHECKS");
    for (size_t i = 0; i < ck_len(v); i++) {
        dj_str id = ck_text(ck_item(v, i));
        if (!is_django_id(id) && !is_foreign_id(id) && !in_catalogue(c, id))
            ck_report(c, "donjon.W024", ck_at(c, "SILENCED_SYSTEM_CHECKS", ck_item(v, i)),
                      "Remove it from SILENCED_SYSTEM_CHECKS, or correct it, e.g. 'security.W008'.",
                      "SILENCED_SYSTEM_CHECKS names '" DJ_FMT "', which no check reports.",
                      DJ_ARG(id));
    }
}

static void silenced_security(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "SILENCED_SYSTEM_CHECKS");
    for (size_t i = 0; i < ck_len(v); i++) {
        dj_str id = ck_text(ck_item(v, i));
        if (dj_str_starts(id, DJ_LIT("security.")) || dj_str_starts(id, DJ_LIT("donjon.E")))
            ck_report(c, "donjon.W025", ck_at(c, "SILENCED_SYSTEM_CHECKS", ck_item(v, i)),
                      "Mend what the check reports and remove it from SILENCED_SYSTEM_CHECKS.",
                      "SILENCED_SYSTEM_CHECKS hides '" DJ_FMT "'.", DJ_ARG(id));
    }
}

static const dj_check checks[] = {
    {"donjon", false, "donjon.W020", typos},
    {"donjon", false, "donjon.E021", wrong_types},
    {"donjon", false, "donjon.W022", trailing_comma},
    {"donjon", false, "donjon.W023", bool_of_text},
    {"donjon", false, "donjon.W024", silenced_unknown},
    {"donjon", true, "donjon.W025", silenced_security},
};
CHECK_FAMILY(types, checks);
