/* src/checks/staticfiles.c - folders of static files. Django:
 * django/contrib/staticfiles/{checks,finders}.py. */
#include "checks/family.h"

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

static const dj_check checks[] = {
    {"staticfiles", false, "staticfiles.E001 staticfiles.E002 staticfiles.E003 staticfiles.W004",
     folders},
    {"staticfiles", false, "staticfiles.E005", storage},
};
CHECK_FAMILY(staticfiles, checks, .app = "django.contrib.staticfiles");
