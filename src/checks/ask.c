/* src/checks/ask.c - the questions checks ask about settings, with Python's answers and a third
 * one: not known.
 *
 * Must not know: what any check makes of the answer. */
#include "checks/family.h"
#include <ctype.h>
#include <stdlib.h>

const dj_value *ck_peek(dj_check_run *c, const char *name)
{
    return dj_conf_get(c->in->conf, dj_str_of(name));
}

const dj_value *dj_check_setting(dj_check_run *c, const char *name)
{
    const dj_value *v = ck_peek(c, name);
    if (v == NULL || !dj_value_has_unknown(v))
        return v;
    ck_undecided(c, name, v);
    return NULL;
}

dj_origin dj_check_origin(dj_check_run *c, const char *name)
{
    const dj_value *v = ck_peek(c, name);
    dj_origin       nowhere = {.file = c->in->conf->nfiles > 0 ? c->in->conf->files[0] : DJ_NONE};
    if (v == NULL || v->origin.line == 0 || !dj_conf_is_set(c->in->conf, dj_str_of(name)))
        return nowhere;
    return v->origin;
}

dj_origin ck_at(dj_check_run *c, const char *name, const dj_value *v)
{
    return v != NULL && v->origin.line > 0 ? v->origin : dj_check_origin(c, name);
}

tri ck_truth(dj_check_run *c, const char *name)
{
    const dj_value *v = ck_peek(c, name);
    if (v == NULL)
        return NO;
    if (v->kind == DJ_V_UNKNOWN) {
        ck_undecided(c, name, v);
        return UNDECIDED;
    }
    return dj_value_truth(v) ? YES : NO;
}

tri ck_is_true(dj_check_run *c, const char *name)
{
    const dj_value *v = ck_peek(c, name);
    if (v == NULL)
        return NO;
    if (v->kind == DJ_V_UNKNOWN) {
        ck_undecided(c, name, v);
        return UNDECIDED;
    }
    return dj_value_is_true(v) ? YES : NO;
}

bool ck_is_text(const dj_value *v, const char *text)
{
    return v != NULL && v->kind == DJ_V_STR && dj_str_eq(v->str, dj_str_of(text));
}

size_t ck_len(const dj_value *v)
{
    return v != NULL && dj_value_is_seq(v) ? v->seq.len : 0;
}

const dj_value *ck_item(const dj_value *v, size_t i)
{
    return v->seq.items[i];
}

dj_str ck_text(const dj_value *v)
{
    return v != NULL && (v->kind == DJ_V_STR || v->kind == DJ_V_PATH) ? v->str : DJ_NONE;
}

const dj_value *ck_in(const dj_value *dict, const char *key)
{
    return dict == NULL ? NULL : dj_value_get(dict, dj_str_of(key));
}

size_t ck_index(dj_check_run *c, const char *name, const char *item, bool *undecided)
{
    const dj_value *v = ck_peek(c, name);
    *undecided = false;
    if (v == NULL)
        return NO_INDEX;
    if (v->kind == DJ_V_UNKNOWN) {
        *undecided = true;
        ck_undecided(c, name, v);
        return NO_INDEX;
    }
    if (v->kind == DJ_V_STR)
        return dj_str_find(v->str, dj_str_of(item)) == DJ_NOT_FOUND ? NO_INDEX : 0;
    for (size_t i = 0; i < ck_len(v); i++) {
        if (ck_is_text(ck_item(v, i), item))
            return i;
        if (ck_item(v, i)->kind == DJ_V_UNKNOWN)
            *undecided = true;
    }
    if (*undecided)
        ck_undecided(c, name, v);
    return NO_INDEX;
}

tri ck_has(dj_check_run *c, const char *name, const char *item)
{
    bool undecided;
    if (ck_index(c, name, item, &undecided) != NO_INDEX)
        return YES;
    return undecided ? UNDECIDED : NO;
}

tri ck_app(dj_check_run *c, const char *app)
{
    const dj_value *apps = ck_peek(c, "INSTALLED_APPS");
    dj_str          plain = dj_str_of(app);
    if (apps != NULL && apps->kind == DJ_V_UNKNOWN) {
        ck_undecided(c, "INSTALLED_APPS", apps);
        return UNDECIDED;
    }
    bool unknown = false;
    for (size_t i = 0; i < ck_len(apps); i++) {
        dj_str entry = ck_text(ck_item(apps, i));
        unknown = unknown || ck_item(apps, i)->kind == DJ_V_UNKNOWN;
        if (dj_str_starts(entry, plain) &&
            (entry.len == plain.len ||
             dj_str_starts(dj_str_from(entry, plain.len), DJ_LIT(".apps."))))
            return YES;
    }
    if (!unknown)
        return NO;
    ck_undecided(c, "INSTALLED_APPS", apps);
    return UNDECIDED;
}

dj_str ck_env(dj_check_run *c, const char *name)
{
    dj_str value = DJ_NONE;
    if (c->in->env == NULL)
        return dj_str_of(getenv(name));
    return c->in->env(c->in->env_ctx, dj_str_of(name), &value) ? value : DJ_NONE;
}

bool ck_in_table(const char *const *table, dj_str name)
{
    for (; *table != NULL; table++)
        if (dj_str_eq(dj_str_of(*table), name))
            return true;
    return false;
}
