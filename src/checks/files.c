/* src/checks/files.c - files and folders that settings name: who may read and write them, who may
 * fetch them; and secrets written into them.
 *
 * Must not know: the text of any secret; only whether one is there. */
#include "checks/family.h"
#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>

/* Django: django/core/checks/files.py */
static void upload_folder(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "FILE_UPLOAD_TEMP_DIR");
    if (v == NULL || !dj_value_truth(v))
        return;
    dj_str text = ck_text(v);
    if (!ck_is_dir(c->s, ck_abspath(c->s, c->in->base, text)))
        ck_report(c, "files.E001", dj_check_origin(c, "FILE_UPLOAD_TEMP_DIR"), NULL,
                  "FILE_UPLOAD_TEMP_DIR is not a folder: '" DJ_FMT "'.", DJ_ARG(text));
}

static void imports(dj_check_run *c)
{
    if (c->in->conf->uses_os_without_import)
        ck_report(c, "donjon.I001", c->in->conf->os_use, "Add 'import os' to the file.",
                  "os is used without an import: Donjon reads it, Django would stop.");
    if (c->in->conf->uses_path_without_import)
        ck_report(c, "donjon.I001", c->in->conf->path_use,
                  "Add 'from pathlib import Path' to the file.",
                  "Path is used without an import: Donjon reads it, Django would stop.");
}

/* -- who may write -- */

static dj_str parent_of(dj_str path)
{
    size_t slash = dj_str_rchr(path, '/');
    return slash == DJ_NOT_FOUND || slash == 0 ? DJ_LIT("/") : dj_str_first(path, slash);
}

/* By others; or by a group that is not its owner's own. A sticky folder of root's (/tmp) lets
 * nobody replace the files of another. */
static bool others_write(const struct stat *st)
{
    if (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0 && st->st_uid == 0)
        return false;
    if ((st->st_mode & S_IWOTH) != 0)
        return true;
    if ((st->st_mode & S_IWGRP) == 0)
        return false;
    char          room[4096];
    struct passwd account, *found = NULL;
    if (getpwuid_r(st->st_uid, &account, room, sizeof room, &found) != 0 || found == NULL)
        return st->st_gid != st->st_uid;
    return found->pw_gid != st->st_gid;
}

static void settings_writable(dj_check_run *c)
{
    for (size_t i = 0; i < c->in->conf->nfiles; i++) {
        dj_str      path = c->in->conf->files[i];
        struct stat st;
        for (dj_str at = path;; at = parent_of(at)) {
            if (stat(dj_cstr(c->s, at), &st) == 0 && others_write(&st)) {
                ck_report(
                    c, "donjon.E010", (dj_origin){.file = path, .column = 1},
                    dj_cstr(c->s, dj_strf(c->s, "Run chmod go-w " DJ_FMT ".", DJ_ARG(at))),
                    "The settings can be changed by other users: %s is writable by them (" DJ_FMT
                    ").",
                    S_ISDIR(st.st_mode) ? "a folder above the file" : "the file", DJ_ARG(at));
                break;
            }
            if (at.len <= 1)
                break;
        }
    }
}

/* -- secrets in the file -- */

static bool is_literal(const dj_value *v)
{
    return v != NULL && v->kind == DJ_V_STR && v->str.len > 0 &&
           (v->flags & (DJ_VALUE_LITERAL | DJ_VALUE_ENV_DEFAULT)) != 0 &&
           (v->flags & DJ_VALUE_ENV) == 0;
}

/* scheme://user:password@host */
static bool has_password_in_url(dj_str text)
{
    size_t scheme = dj_str_find(text, DJ_LIT("://"));
    if (scheme == DJ_NOT_FOUND || scheme == 0)
        return false;
    dj_str rest = dj_str_from(text, scheme + 3);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?' && rest.ptr[end] != '#')
        end++;
    dj_str authority = dj_str_first(rest, end);
    size_t at = dj_str_rchr(authority, '@');
    if (at == DJ_NOT_FOUND)
        return false;
    size_t colon = dj_str_chr(dj_str_first(authority, at), ':');
    return colon != DJ_NOT_FOUND && colon + 1 < at;
}

typedef void found_fn(dj_check_run *c, dj_str setting, const dj_value *v, void *ctx);

/* Walks a value, shared or nested as it may be, as far as the budget goes. */
static void walk(dj_check_run *c, dj_str setting, const dj_value *v, dj_str key, size_t *budget,
                 int depth, found_fn *fn, void *ctx)
{
    if (v == NULL || depth > 32 || *budget == 0)
        return;
    (*budget)--;
    if (dj_value_is_seq(v))
        for (size_t i = 0; i < v->seq.len; i++)
            walk(c, setting, v->seq.items[i], DJ_NONE, budget, depth + 1, fn, ctx);
    else if (v->kind == DJ_V_DICT)
        for (size_t i = 0; i < v->dict.len; i++)
            walk(c, setting, v->dict.pairs[i].value, ck_text(v->dict.pairs[i].key), budget,
                 depth + 1, fn, ctx);
    else if (is_literal(v) &&
             (dj_str_eq_nocase(key, DJ_LIT("PASSWORD")) || has_password_in_url(v->str)))
        fn(c, setting, v, ctx);
}

static void each_password(dj_check_run *c, found_fn *fn, void *ctx)
{
    const dj_map *names = &c->in->conf->names;
    size_t        budget = 100000;
    for (size_t i = 0; i < names->len; i++) {
        dj_str name = names->entries[i].key;
        bool   whole = dj_str_eq(name, DJ_LIT("EMAIL_HOST_PASSWORD"));
        walk(c, name, names->entries[i].value, whole ? DJ_LIT("PASSWORD") : DJ_NONE, &budget, 0, fn,
             ctx);
    }
}

static void report_password(dj_check_run *c, dj_str setting, const dj_value *v, void *ctx)
{
    (void)ctx;
    ck_report(
        c, "donjon.W013", v->origin,
        dj_cstr(c->s,
                dj_strf(c->s, "Read it from the environment in " DJ_FMT ": os.environ['NAME'].",
                        DJ_ARG(setting))),
        DJ_FMT " holds a password that stands in the file.", DJ_ARG(setting));
}

static void passwords(dj_check_run *c)
{
    const dj_value *databases = ck_peek(c, "DATABASES");
    if (databases != NULL && databases->kind == DJ_V_UNKNOWN)
        ck_undecided(c, "DATABASES", databases);
    each_password(c, report_password, NULL);
}

static void literal_keys(dj_check_run *c)
{
    const dj_value *key = dj_check_setting(c, "SECRET_KEY"),
                   *old = dj_check_setting(c, "SECRET_KEY_FALLBACKS");
    const char *hint =
        "Write SECRET_KEY = os.environ['DJANGO_SECRET_KEY'], and give the process that variable.";
    if (is_literal(key))
        ck_report(c, "donjon.W012", key->origin, hint, "SECRET_KEY stands in the settings file%s.",
                  (key->flags & DJ_VALUE_ENV_DEFAULT) != 0
                      ? ", as the default of a variable that is not set"
                      : "");
    for (size_t i = 0; i < ck_len(old); i++)
        if (is_literal(ck_item(old, i)))
            ck_report(c, "donjon.W012", ck_at(c, "SECRET_KEY_FALLBACKS", ck_item(old, i)),
                      "Read old keys from the environment in SECRET_KEY_FALLBACKS too.",
                      "SECRET_KEY_FALLBACKS[%zu] stands in the settings file.", i);
}

typedef struct secret_files {
    const dj_str *files;
    size_t        nfiles;
    bool         *holds;
} secret_files;

static void mark_file(dj_check_run *c, dj_str setting, const dj_value *v, void *ctx)
{
    (void)c;
    (void)setting;
    secret_files *all = ctx;
    for (size_t i = 0; i < all->nfiles; i++)
        if (dj_str_eq(all->files[i], v->origin.file))
            all->holds[i] = true;
}

static void readable_secrets(dj_check_run *c)
{
    const dj_conf  *conf = c->in->conf;
    secret_files    all = {conf->files, conf->nfiles, dj_new_array(c->s, bool, conf->nfiles)};
    const dj_value *key = ck_peek(c, "SECRET_KEY"), *old = ck_peek(c, "SECRET_KEY_FALLBACKS");
    each_password(c, mark_file, &all);
    if (is_literal(key))
        mark_file(c, DJ_NONE, key, &all);
    for (size_t i = 0; i < ck_len(old); i++)
        if (is_literal(ck_item(old, i)))
            mark_file(c, DJ_NONE, ck_item(old, i), &all);
    for (size_t i = 0; i < all.nfiles; i++) {
        struct stat st;
        if (all.holds[i] && stat(dj_cstr(c->s, all.files[i]), &st) == 0 &&
            (st.st_mode & S_IROTH) != 0)
            ck_report(
                c, "donjon.W011", (dj_origin){.file = all.files[i], .column = 1},
                dj_cstr(c->s, dj_strf(c->s, "Run chmod 640 " DJ_FMT ", and move the secrets out.",
                                      DJ_ARG(all.files[i]))),
                "A settings file holds a secret and can be read by every user of the machine "
                "(" DJ_FMT ").",
                DJ_ARG(all.files[i]));
    }
}

/* -- SQLite -- */

#define SQLITE "django.db.backends.sqlite3"

typedef void sqlite_fn(dj_check_run *c, dj_str path, dj_origin at);

static void each_sqlite(dj_check_run *c, sqlite_fn *fn)
{
    const dj_value *all = dj_check_setting(c, "DATABASES");
    for (size_t i = 0; all != NULL && all->kind == DJ_V_DICT && i < all->dict.len; i++) {
        const dj_value *name = ck_in(all->dict.pairs[i].value, "NAME");
        dj_str          text = ck_text(name);
        if (ck_is_text(ck_in(all->dict.pairs[i].value, "ENGINE"), SQLITE) && text.len > 0 &&
            !dj_str_starts(text, DJ_LIT(":memory:")) && !dj_str_starts(text, DJ_LIT("file:")))
            fn(c, ck_abspath(c->s, c->in->base, text), ck_at(c, "DATABASES", name));
    }
}

static void sqlite_mode(dj_check_run *c, dj_str path, dj_origin at)
{
    struct stat file, folder;
    bool        has_file = stat(dj_cstr(c->s, path), &file) == 0;
    if ((has_file && (file.st_mode & S_IWOTH) != 0) ||
        (stat(dj_cstr(c->s, parent_of(path)), &folder) == 0 && (folder.st_mode & S_IWOTH) != 0))
        ck_report(
            c, "donjon.E014", at,
            "Run chmod 600 on the file of DATABASES and chmod 700 on its folder.",
            "The SQLite database or its folder can be written by every user of the machine (" DJ_FMT
            ").",
            DJ_ARG(path));
    if (has_file && (file.st_mode & S_IROTH) != 0)
        ck_report(c, "donjon.W015", at, "Run chmod 600 on the file of DATABASES.",
                  "The SQLite database can be read by every user of the machine (" DJ_FMT ").",
                  DJ_ARG(path));
}

static void sqlite(dj_check_run *c)
{
    each_sqlite(c, sqlite_mode);
}

/* -- what visitors could fetch -- */

typedef struct public_place {
    const char *setting;
    dj_str      path;
} public_place;

static size_t add_place(dj_check_run *c, public_place *out, size_t n, size_t max,
                        const char *setting, dj_str text)
{
    if (text.len == 0 || n == max)
        return n;
    out[n] = (public_place){setting, ck_resolve(c->s, c->in->base, text)};
    return n + 1;
}

static size_t public_places(dj_check_run *c, public_place *out, size_t max, bool with_media)
{
    size_t n =
        add_place(c, out, 0, max, "STATIC_ROOT", ck_text(dj_check_setting(c, "STATIC_ROOT")));
    if (with_media)
        n = add_place(c, out, n, max, "MEDIA_ROOT", ck_text(dj_check_setting(c, "MEDIA_ROOT")));
    const dj_value *dirs = dj_check_setting(c, "STATICFILES_DIRS");
    for (size_t i = 0; i < ck_len(dirs); i++) {
        const dj_value *item =
            ck_len(ck_item(dirs, i)) == 2 ? ck_item(ck_item(dirs, i), 1) : ck_item(dirs, i);
        n = add_place(c, out, n, max, "STATICFILES_DIRS", ck_text(item));
    }
    return n;
}

static void expose(dj_check_run *c, const char *what, dj_str path, dj_origin at)
{
    public_place places[66];
    size_t       n = public_places(c, places, DJ_COUNT(places), true);
    dj_str       real = path.len == 0 ? DJ_NONE : ck_resolve(c->s, c->in->base, path);
    for (size_t i = 0; i < n && real.len > 0; i++)
        if (ck_is_below(real, places[i].path)) {
            ck_report(c, "donjon.E016", at,
                      dj_cstr(c->s, dj_strf(c->s, "Move it out of %s, or point %s elsewhere.",
                                            places[i].setting, places[i].setting)),
                      "%s lies under %s, where visitors can fetch it (" DJ_FMT ").", what,
                      places[i].setting, DJ_ARG(path));
            return;
        }
}

static void expose_sqlite(dj_check_run *c, dj_str path, dj_origin at)
{
    expose(c, "The SQLite database", path, at);
}

static void exposed(dj_check_run *c)
{
    static const struct {
        const char *setting, *what;
    } paths[] = {{"SESSION_FILE_PATH", "The folder of sessions"},
                 {"SECRET_KEY_FILE", "The file of SECRET_KEY"},
                 {"TLS_KEY", "The TLS key"},
                 {"LOG_TO", "The log"},
                 {"ACCESS_LOG", "The access log"},
                 {"EMAIL_FILE_PATH", "The folder of mails"}};
    for (size_t i = 0; i < c->in->conf->nfiles; i++)
        expose(c, "The settings file", c->in->conf->files[i],
               (dj_origin){.file = c->in->conf->files[i], .column = 1});
    for (size_t i = 0; i < DJ_COUNT(paths); i++) {
        dj_str text = ck_text(dj_check_setting(c, paths[i].setting));
        if (!dj_str_eq(text, DJ_LIT("stderr")) && !dj_str_eq(text, DJ_LIT("syslog")))
            expose(c, paths[i].what, text, dj_check_origin(c, paths[i].setting));
    }
    each_sqlite(c, expose_sqlite);
    const dj_value *handlers = ck_in(dj_check_setting(c, "LOGGING"), "handlers");
    for (size_t i = 0; handlers != NULL && handlers->kind == DJ_V_DICT && i < handlers->dict.len;
         i++) {
        const dj_value *file = ck_in(handlers->dict.pairs[i].value, "filename");
        expose(c, "A log of LOGGING", ck_text(file), ck_at(c, "LOGGING", file));
    }
}

static void media_and_static(dj_check_run *c)
{
    public_place places[65];
    dj_str       text = ck_text(dj_check_setting(c, "MEDIA_ROOT"));
    if (text.len == 0)
        return;
    dj_str media = ck_resolve(c->s, c->in->base, text);
    size_t n = public_places(c, places, DJ_COUNT(places), false);
    for (size_t i = 0; i < n; i++)
        if (ck_is_below(media, places[i].path) || ck_is_below(places[i].path, media)) {
            ck_report(c, "donjon.W017", dj_check_origin(c, "MEDIA_ROOT"),
                      "Give MEDIA_ROOT a folder of its own, e.g. BASE_DIR / 'media'.",
                      "MEDIA_ROOT is equal to, inside or above %s: an upload could replace a "
                      "static file.",
                      places[i].setting);
            return;
        }
}

/* -- modes of uploads -- */

static void upload_modes(dj_check_run *c)
{
    const dj_value *file = dj_check_setting(c, "FILE_UPLOAD_PERMISSIONS");
    const dj_value *folder = dj_check_setting(c, "FILE_UPLOAD_DIRECTORY_PERMISSIONS");
    if (file != NULL && file->kind == DJ_V_INT && (file->integer & 0113) != 0)
        ck_report(c, "donjon.W018", dj_check_origin(c, "FILE_UPLOAD_PERMISSIONS"),
                  "Set FILE_UPLOAD_PERMISSIONS = 0o640.",
                  "FILE_UPLOAD_PERMISSIONS lets uploads be executed, or written by every user of "
                  "the machine.");
    if (folder != NULL && folder->kind == DJ_V_INT && (folder->integer & 02) != 0)
        ck_report(c, "donjon.W018", dj_check_origin(c, "FILE_UPLOAD_DIRECTORY_PERMISSIONS"),
                  "Set FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750.",
                  "FILE_UPLOAD_DIRECTORY_PERMISSIONS lets every user of the machine write.");
}

static void shared_folders(dj_check_run *c)
{
    static const char *const settings[] = {"FILE_UPLOAD_TEMP_DIR", "SESSION_FILE_PATH"};
    for (size_t i = 0; i < DJ_COUNT(settings); i++) {
        dj_str      text = ck_text(dj_check_setting(c, settings[i]));
        struct stat st;
        if (text.len > 0 && stat(dj_cstr(c->s, ck_abspath(c->s, c->in->base, text)), &st) == 0 &&
            (st.st_mode & S_IWOTH) != 0)
            ck_report(
                c, "donjon.W019", dj_check_origin(c, settings[i]),
                dj_cstr(c->s,
                        dj_strf(c->s, "Give %s a folder of mode 700 that the site alone uses.",
                                settings[i])),
                "%s is a folder that every user of the machine can write to.", settings[i]);
    }
}

static const dj_check checks[] = {
    {"files", false, "files.E001", upload_folder},
    {"donjon files security", false, "donjon.I001", imports},
    {"donjon files security", false, "donjon.E010", settings_writable},
    {"donjon files security", true, "donjon.W011", readable_secrets},
    {"donjon files security", true, "donjon.W012", literal_keys},
    {"donjon files security", true, "donjon.W013", passwords},
    {"donjon files security", false, "donjon.E014 donjon.W015", sqlite},
    {"donjon files security", false, "donjon.E016", exposed},
    {"donjon files security", false, "donjon.W017", media_and_static},
    {"donjon files security", false, "donjon.W018", upload_modes},
    {"donjon files security", true, "donjon.W019", shared_folders},
};
CHECK_FAMILY(files, checks);
