/* src/checks/caches.c - CACHES. Django: django/core/checks/caches.py. */
#include "checks/family.h"

#define FILE_CACHE "django.core.cache.backends.filebased.FileBasedCache"

static void default_cache(dj_check_run *c)
{
    const dj_value *v = ck_peek(c, "CACHES");
    if (v != NULL && v->kind == DJ_V_UNKNOWN) {
        ck_undecided(c, "CACHES", v);
        return;
    }
    if (v == NULL || dj_value_get(v, DJ_LIT("default")) != NULL)
        return;
    if (dj_value_has_unknown(v)) {
        ck_undecided(c, "CACHES", v);
        return;
    }
    ck_report(c, "caches.E001", dj_check_origin(c, "CACHES"), NULL, "CACHES has no 'default'.");
}

/* The folders a visitor can fetch from, of one setting. */
static size_t public_folders(dj_check_run *c, const char *name, dj_str *out, size_t max)
{
    const dj_value *v = dj_check_setting(c, name);
    size_t          n = 0;
    if (v == NULL || !dj_value_truth(v))
        return 0;
    if (ck_text(v).len > 0)
        out[n++] = ck_resolve(c->s, c->in->base, ck_text(v));
    for (size_t i = 0; i < ck_len(v) && n < max; i++) {
        const dj_value *item = ck_item(v, i);
        if (ck_len(item) == 2)
            item = ck_item(item, 1);
        if (ck_text(item).len > 0)
            out[n++] = ck_resolve(c->s, c->in->base, ck_text(item));
    }
    return n;
}

static const char *relation(dj_str cache, const dj_str *folders, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (dj_str_eq(cache, folders[i]))
            return "matches";
    for (size_t i = 0; i < n; i++)
        if (ck_is_below(cache, folders[i]))
            return "is inside";
    for (size_t i = 0; i < n; i++)
        if (ck_is_below(folders[i], cache))
            return "contains";
    return NULL;
}

static void exposed(dj_check_run *c)
{
    static const char *const settings[] = {"MEDIA_ROOT", "STATIC_ROOT", "STATICFILES_DIRS"};
    const dj_value          *caches = dj_check_setting(c, "CACHES");
    if (caches == NULL || caches->kind != DJ_V_DICT)
        return;
    for (size_t s = 0; s < DJ_COUNT(settings); s++) {
        dj_str folders[64];
        size_t n = public_folders(c, settings[s], folders, DJ_COUNT(folders));
        for (size_t i = 0; i < caches->dict.len && n > 0; i++) {
            const dj_value *cache = caches->dict.pairs[i].value;
            dj_str          where = ck_text(ck_in(cache, "LOCATION"));
            if (!ck_is_text(ck_in(cache, "BACKEND"), FILE_CACHE) || dj_str_is_none(where))
                continue;
            const char *how = relation(ck_resolve(c->s, c->in->base, where), folders, n);
            if (how != NULL)
                ck_report(c, "caches.W002", ck_at(c, "CACHES", ck_in(cache, "LOCATION")), NULL,
                          "The cache '" DJ_FMT
                          "' might be fetched by visitors or damaged: its LOCATION %s %s.",
                          DJ_ARG(ck_text(caches->dict.pairs[i].key)), how, settings[s]);
        }
    }
}

static void absolute(dj_check_run *c)
{
    const dj_value *caches = dj_check_setting(c, "CACHES");
    if (caches == NULL || caches->kind != DJ_V_DICT)
        return;
    for (size_t i = 0; i < caches->dict.len; i++) {
        const dj_value *cache = caches->dict.pairs[i].value, *where = ck_in(cache, "LOCATION");
        if (ck_is_text(ck_in(cache, "BACKEND"), FILE_CACHE) && where != NULL &&
            !dj_str_starts(ck_text(where), DJ_LIT("/")))
            ck_report(c, "caches.W003", ck_at(c, "CACHES", where), NULL,
                      "The LOCATION of the cache '" DJ_FMT
                      "' is a relative path; write an absolute one.",
                      DJ_ARG(ck_text(caches->dict.pairs[i].key)));
    }
}

static const dj_check checks[] = {
    {"caches", false, "caches.E001", default_cache},
    {"caches", true, "caches.W002", exposed},
    {"caches", false, "caches.W003", absolute},
};
CHECK_FAMILY(caches, checks);
