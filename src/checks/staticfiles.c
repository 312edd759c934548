/* src/checks/staticfiles.c - folders of static files. Django:
 * django/contrib/staticfiles/{checks,finders}.py. */
#include "app/static.h"
#include "checks/family.h"
#include <fcntl.h>
#include <unistd.h>

#define FOLDER_FINDER "django.contrib.staticfiles.finders.FileSystemFinder"

static void one_folder(dj_check_run *c, const dj_value *entry, dj_str static_root)
{
    const dj_value *folder = entry;
    if (ck_len(entry) == 2) {
        folder = ck_item(entry, 1);
        dj_str prefix = ck_text(ck_item(entry, 0));
        if (dj_str_ends(prefix, DJ_LIT("/")))
            ck_report(c, "staticfiles.E003", ck_at(c, "STATICFILES_DIRS", entry), NULL,
                      "The prefix '" DJ_FMT "' in STATICFILES_DIRS must not end with a slash.",
                      DJ_ARG(prefix));
    }
    dj_str text = ck_text(folder), path = ck_abspath(c->s, c->in->base, text);
    if (static_root.len > 0 && dj_str_eq(static_root, path))
        ck_report(c, "staticfiles.E002", ck_at(c, "STATICFILES_DIRS", folder), NULL,
                  "STATICFILES_DIRS must not hold STATIC_ROOT, which collectstatic fills.");
    if (!ck_is_dir(c->s, path))
        ck_report(c, "staticfiles.W004", ck_at(c, "STATICFILES_DIRS", folder), NULL,
                  "The folder '" DJ_FMT "' in STATICFILES_DIRS does not exist.", DJ_ARG(text));
}

static void folders(dj_check_run *c)
{
    if (ck_has(c, "STATICFILES_FINDERS", FOLDER_FINDER) != YES)
        return;
    const dj_value *v = dj_check_setting(c, "STATICFILES_DIRS"),
                   *root = dj_check_setting(c, "STATIC_ROOT");
    if (v == NULL)
        return;
    if (v->kind != DJ_V_LIST && v->kind != DJ_V_TUPLE) {
        ck_report(c, "staticfiles.E001", dj_check_origin(c, "STATICFILES_DIRS"),
                  "Perhaps you forgot a trailing comma?",
                  "STATICFILES_DIRS is neither a list nor a tuple.");
        return;
    }
    dj_str text = ck_text(root);
    dj_str static_root = text.len == 0 ? DJ_NONE : ck_abspath(c->s, c->in->base, text);
    for (size_t i = 0; i < ck_len(v); i++)
        one_folder(c, ck_item(v, i), static_root);
}

static void storage(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "STORAGES");
    if (v != NULL && dj_value_get(v, DJ_LIT("staticfiles")) == NULL)
        ck_report(c, "staticfiles.E005", dj_check_origin(c, "STORAGES"), NULL,
                  "STORAGES has no 'staticfiles'.");
}

/* -- what collectstatic left -- */

typedef struct newer {
    struct timespec than;
    dj_str          path; /* the first such file; or none */
} newer;

static dj_err look(void *ctx, dj_str path, const struct stat *st)
{
    newer *n = ctx;
    if (st->st_mtim.tv_sec <= n->than.tv_sec)
        return DJ_OK;
    n->path = path;
    return DJ_ERR_LIMIT; /* one is enough */
}

static void pass_by(void *ctx, dj_str path, const char *why)
{
    (void)ctx;
    (void)path;
    (void)why;
}

/* A source that is younger than the manifest. */
static dj_str newer_source(dj_check_run *c, const dj_value *entry, const struct stat *manifest)
{
    static const dj_str      usual[] = {DJ_STR_INIT("CVS"), DJ_STR_INIT(".*"), DJ_STR_INIT("*~")};
    static const dj_str_list ignore = {(dj_str *)(uintptr_t)usual, DJ_COUNT(usual)};
    newer                    n = {.than = manifest->st_mtim, .path = DJ_NONE};
    dj_str                   folder = ck_text(ck_len(entry) == 2 ? ck_item(entry, 1) : entry);
    int                      root = open(dj_cstr(c->s, ck_abspath(c->s, c->in->base, folder)),
                                         O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return DJ_NONE; /* staticfiles.W004 says so */
    const dj_static_walk walk = {
        .root = root, .ignore = &ignore, .file = look, .odd = pass_by, .ctx = &n};
    if (dj_static_walk_run(c->s, &walk) != DJ_OK)
        dj_failure_clear(c->s);
    close(root);
    return n.path;
}

static bool uses_manifest(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "STORAGES");
    const dj_value *storage = v == NULL ? NULL : dj_value_get(v, DJ_LIT("staticfiles"));
    const dj_value *backend = storage == NULL ? NULL : ck_in(storage, "BACKEND");
    return backend != NULL && dj_str_has(ck_text(backend), DJ_LIT("Manifest"));
}

static void collected(dj_check_run *c)
{
    const dj_value *root = dj_check_setting(c, "STATIC_ROOT"),
                   *dirs = dj_check_setting(c, "STATICFILES_DIRS");
    struct stat st;
    if (c->in->urls == NULL || root == NULL || ck_text(root).len == 0 ||
        ck_truth(c, "DEBUG") != NO || !uses_manifest(c))
        return;
    dj_str path = dj_strf(c->s, DJ_FMT "/" DJ_STATIC_MANIFEST,
                          DJ_ARG(ck_abspath(c->s, c->in->base, ck_text(root))));
    if (stat(dj_cstr(c->s, path), &st) < 0) {
        ck_report(c, "donjon.W150", dj_check_origin(c, "STATIC_ROOT"), "Run collectstatic.",
                  "STATIC_ROOT has no manifest: pages that use {%% static %%} fail.");
        return;
    }
    for (size_t i = 0; dirs != NULL && i < ck_len(dirs); i++) {
        dj_str file = newer_source(c, ck_item(dirs, i), &st);
        if (dj_str_is_none(file))
            continue;
        ck_report(c, "donjon.W151", dj_check_origin(c, "STATIC_ROOT"), "Run collectstatic again.",
                  "STATIC_ROOT is older than its sources: '" DJ_FMT "' was changed since.",
                  DJ_ARG(file));
        return;
    }
}

static const dj_check checks[] = {
    {"staticfiles", false, "staticfiles.E001 staticfiles.E002 staticfiles.E003 staticfiles.W004",
     folders},
    {"staticfiles", false, "staticfiles.E005", storage},
    {"donjon staticfiles", true, "donjon.W150 donjon.W151", collected},
};
CHECK_FAMILY(staticfiles, checks, .app = "django.contrib.staticfiles");
