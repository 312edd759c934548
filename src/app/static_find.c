/* src/app/static_find.c - where static files are written: folders of the settings, folders of apps.
 *
 * Every look at a file goes through the folder's descriptor, and the kernel keeps it below: a link
 * may lead from one file to another, never out.
 *
 * Django: contrib/staticfiles/finders.py, utils.py (get_files).
 *
 * Must not know: what happens to the files. */
#include "app/static.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEPTH_MAX   64
#define ENTRIES_MAX 1000000 /* links that lead up multiply folders */

int dj_open_beneath(int folder, const char *path, int flags)
{
    const struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    const struct open_how path_only = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, folder, path, (flags & O_PATH) != 0 ? &path_only : &how,
                        sizeof how);
}

/* -- sources -- */

static dj_str absolute(dj_scope *s, dj_str cwd, dj_str path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (path.len > 0 && path.ptr[0] == '/')
        return path;
    return dj_strf(s, DJ_FMT "/" DJ_FMT, DJ_ARG(cwd), DJ_ARG(path));
}

static bool is_text(const dj_value *v)
{
    return v->kind == DJ_V_STR || v->kind == DJ_V_PATH;
}

static dj_err read_entry(dj_scope *s, const dj_value *entry, dj_str cwd, dj_static_source *out)
{
    const dj_value *folder = entry, *prefix = NULL;
    if ((entry->kind == DJ_V_TUPLE || entry->kind == DJ_V_LIST) && entry->seq.len == 2) {
        prefix = entry->seq.items[0];
        folder = entry->seq.items[1];
    }
    if (!is_text(folder) || (prefix != NULL && prefix->kind != DJ_V_STR))
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "STATICFILES_DIRS must hold folders, or tuples (prefix, folder)");
    *out = (dj_static_source){.prefix = DJ_LIT(""), .folder = absolute(s, cwd, folder->str)};
    if (prefix != NULL && prefix->str.len > 0)
        out->prefix = dj_str_cat(s, prefix->str, DJ_LIT("/"));
    return DJ_OK;
}

/* "shop.apps.ShopConfig" and "shop" to CWD/shop/static. */
static dj_str folder_of_app(dj_scope *s, dj_str app, dj_str cwd)
{
    size_t config = dj_str_find(app, DJ_LIT(".apps."));
    if (config != DJ_NOT_FOUND)
        app = dj_str_first(app, config);
    return dj_strf(s, DJ_FMT "/" DJ_FMT "/static", DJ_ARG(cwd),
                   DJ_ARG(dj_str_replace(s, app, DJ_LIT("."), DJ_LIT("/"))));
}

static bool finds(const dj_settings *settings, const char *finder)
{
    for (size_t i = 0; i < settings->STATICFILES_FINDERS.len; i++) {
        if (dj_str_eq(settings->STATICFILES_FINDERS.items[i], dj_str_of(finder)))
            return true;
    }
    return false;
}

dj_err dj_static_sources_of(dj_scope *s, const dj_settings *settings, dj_str cwd,
                            dj_static_sources *out)
{
    const dj_value    *dirs = settings->STATICFILES_DIRS;
    const dj_str_list *apps = &settings->INSTALLED_APPS;
    size_t             ndirs = dirs != NULL && dj_value_is_seq(dirs) ? dirs->seq.len : 0;
    struct stat        st;
    *out = (dj_static_sources){.items = dj_new_array(s, dj_static_source, ndirs + apps->len)};
    if (!finds(settings, "django.contrib.staticfiles.finders.FileSystemFinder"))
        ndirs = 0;
    for (size_t i = 0; i < ndirs; i++) {
        dj_err e = read_entry(s, dirs->seq.items[i], cwd, &out->items[out->len++]);
        if (e)
            return e;
    }
    if (!finds(settings, "django.contrib.staticfiles.finders.AppDirectoriesFinder"))
        return DJ_OK;
    for (size_t i = 0; i < apps->len; i++) {
        dj_str folder = folder_of_app(s, apps->items[i], cwd);
        if (!dj_str_starts(apps->items[i], DJ_LIT("django.")) &&
            stat(dj_cstr(s, folder), &st) == 0 && S_ISDIR(st.st_mode))
            out->items[out->len++] = (dj_static_source){.prefix = DJ_LIT(""), .folder = folder};
    }
    return DJ_OK;
}

/* -- walking -- */

bool dj_static_matches(dj_scope *s, dj_str name, const dj_str_list *patterns)
{
    for (size_t i = 0; patterns != NULL && i < patterns->len; i++) {
        if (fnmatch(dj_cstr(s, patterns->items[i]), dj_cstr(s, name), FNM_NOESCAPE) == 0)
            return true;
    }
    return false;
}

static int by_name(const void *a, const void *b)
{
    return dj_str_cmp(*(const dj_str *)a, *(const dj_str *)b);
}

typedef struct walker {
    dj_scope             *scope;
    const dj_static_walk *walk;
    size_t                seen;
} walker;

static dj_err list_folder(dj_scope *s, const dj_static_walk *w, dj_str path, dj_str_list *out)
{
    int  fd = dj_open_beneath(w->root, path.len == 0 ? "." : dj_cstr(s, path), O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        dj_err e = dj_fail_errno(s, "'" DJ_FMT "' can't be listed", DJ_ARG(path));
        if (fd >= 0)
            close(fd);
        return e;
    }
    dj_str *items = NULL;
    size_t  cap = 0;
    *out = (dj_str_list){.items = NULL};
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (out->len == cap) {
            size_t more = cap == 0 ? 32 : cap * 2;
            items = dj_realloc(s, items, cap * sizeof *items, more * sizeof *items);
            cap = more;
        }
        items[out->len++] = dj_str_dup(s, dj_str_of(entry->d_name));
    }
    closedir(dir);
    if (out->len > 1) /* an empty folder has no array */
        qsort(items, out->len, sizeof *items, by_name);
    out->items = items;
    return DJ_OK;
}

static dj_err odd(const walker *w, dj_str path, const char *why)
{
    if (w->walk->odd == NULL)
        return dj_fail(w->scope, DJ_ERR_SUSPICIOUS_FILE, "'" DJ_FMT "' %s", DJ_ARG(path), why);
    w->walk->odd(w->walk->ctx, path, why);
    return DJ_OK;
}

static dj_err walk_folder(walker *w, dj_str folder, int depth);

static dj_err walk_entry(walker *w, dj_str path, bool ignored, int depth)
{
    struct stat st;
    int         fd = dj_open_beneath(w->walk->root, dj_cstr(w->scope, path), O_PATH);
    if (fd < 0)
        return odd(w, path,
                   errno == EXDEV    ? "is a symbolic link that leads out of its folder"
                   : errno == ENOENT ? "is a symbolic link that leads nowhere"
                                     : strerrordesc_np(errno));
    int failed = fstat(fd, &st);
    close(fd);
    if (failed < 0)
        return odd(w, path, "can't be looked at");
    if (S_ISDIR(st.st_mode))
        return walk_folder(w, path, depth + 1);
    if (!S_ISREG(st.st_mode))
        return odd(w, path, "is no regular file");
    return ignored ? DJ_OK : w->walk->file(w->walk->ctx, path, &st);
}

static dj_err walk_folder(walker *w, dj_str folder, int depth)
{
    dj_scope          *s = w->scope;
    const dj_str_list *ignore = w->walk->ignore;
    dj_str_list        names = {.items = NULL};
    if (depth > DEPTH_MAX)
        return odd(w, folder, "lies too deep: a link that leads up?");
    dj_err e = list_folder(s, w->walk, folder, &names);
    for (size_t i = 0; i < names.len && !e; i++) {
        dj_str name = names.items[i], path = name;
        if (dj_static_matches(s, name, ignore))
            continue;
        if (folder.len > 0)
            path = dj_strf(s, DJ_FMT "/" DJ_FMT, DJ_ARG(folder), DJ_ARG(name));
        if (++w->seen > ENTRIES_MAX)
            e = dj_fail(s, DJ_ERR_LIMIT, "more than %d files: links that lead up?", ENTRIES_MAX);
        else if (!dj_utf8_valid(name))
            e = odd(w, path, "has a name that is not UTF-8");
        else
            e = walk_entry(w, path, folder.len > 0 && dj_static_matches(s, path, ignore), depth);
    }
    return e;
}

dj_err dj_static_walk_run(dj_scope *s, const dj_static_walk *walk)
{
    walker w = {.scope = s, .walk = walk};
    return walk_folder(&w, DJ_LIT(""), 0);
}
