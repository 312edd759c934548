/* src/checks/compatibility.c - values that older releases of Django took and newer ones don't; and
 * checks of Django's that say something about its Python side only. */
#include "checks/family.h"

static void report_origin(dj_check_run *c, const dj_value *at, dj_str entry)
{
    if (!dj_str_has(entry, DJ_LIT("://")))
        ck_report(c, "4_0.E001", ck_at(c, "CSRF_TRUSTED_ORIGINS", at), NULL,
                  "An entry of CSRF_TRUSTED_ORIGINS must begin with a scheme (https:// as a rule), "
                  "but found " DJ_FMT ".",
                  DJ_ARG(entry));
}

static void trusted_origins(dj_check_run *c)
{
    const dj_value *v = ck_peek(c, "CSRF_TRUSTED_ORIGINS");
    if (v == NULL)
        return;
    if (v->kind == DJ_V_UNKNOWN)
        ck_undecided(c, "CSRF_TRUSTED_ORIGINS", v);
    if (v->kind == DJ_V_STR) /* Python walks it letter by letter */
        for (size_t pos = 0, from = 0; pos < v->str.len; from = pos) {
            (void)dj_utf8_next(v->str, &pos);
            report_origin(c, v, dj_str_n(v->str.ptr + from, pos - from));
        }
    for (size_t i = 0; i < ck_len(v); i++) {
        if (ck_item(v, i)->kind == DJ_V_UNKNOWN)
            ck_undecided(c, "CSRF_TRUSTED_ORIGINS", ck_item(v, i));
        else
            report_origin(c, ck_item(v, i), ck_text(ck_item(v, i)));
    }
}

static const dj_check checks[] = {{"compatibility", false, "4_0.E001", trusted_origins}};
CHECK_FAMILY(compatibility, checks);

static void async_unsafe(dj_check_run *c)
{
    if (ck_env(c, "DJANGO_ALLOW_ASYNC_UNSAFE").len > 0)
        ck_report(c, "async.E001", (dj_origin){0}, NULL,
                  "The environment variable DJANGO_ALLOW_ASYNC_UNSAFE is set: Django's protection "
                  "of asynchronous code is off.");
}

static const dj_check async_checks[] = {{"async_support", true, "async.E001", async_unsafe}};
CHECK_FAMILY(async_support, async_checks);
