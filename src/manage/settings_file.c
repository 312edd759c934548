/* src/manage/settings_file.c - which settings file a command works with, and its settings.
 *
 * Must not know: what any setting means. */
#include "manage/manage.h"
#include "donjon/app.h"
#include "donjon/settings.h"
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* "mysite.settings.production" -> "mysite/settings/production.py", if it looks like that. */
static bool is_module_name(dj_str name)
{
    if (dj_str_ends(name, DJ_LIT(".py")) || name.len == 0 || !dj_is_alpha(name.ptr[0]))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!dj_is_alpha(c) && !dj_is_digit(c) && c != '_' && c != '.')
            return false;
    }
    return true;
}

static bool exists(dj_scope *s, const dj_console *con, dj_str path)
{
    struct stat st;
    return stat(dj_cstr(s, dj_console_path(s, con, path)), &st) == 0;
}

/* The program's own settings file is looked for in the current folder, then beside the program. */
static dj_str beside_program(dj_scope *s, const dj_console *con, dj_str path)
{
    char exe[PATH_MAX];
    if (path.len == 0 || path.ptr[0] == '/' || exists(s, con, path))
        return path;
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe);
    size_t  slash = len > 0 ? dj_str_rchr(dj_str_n(exe, (size_t)len), '/') : DJ_NOT_FOUND;
    if (slash == DJ_NOT_FOUND)
        return path;
    dj_str beside = dj_strf(s, "%.*s/" DJ_FMT, (int)slash, exe, DJ_ARG(path));
    return exists(s, con, beside) ? beside : path;
}

dj_err dj_settings_path(dj_scope *s, const dj_console *con, const dj_options *o, const dj_app *app,
                        dj_str *path)
{
    dj_str given = dj_options_get(o, "settings");
    if (given.len == 0)
        given = dj_console_env(con, "DONJON_SETTINGS");
    if (given.len == 0 && app != NULL)
        given = beside_program(s, con, dj_str_of(app->settings));
    if (given.len == 0)
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "no settings file: use --settings FILE, or set DONJON_SETTINGS");
    if (is_module_name(given) && !exists(s, con, given)) {
        dj_str file =
            dj_strf(s, DJ_FMT ".py", DJ_ARG(dj_str_replace(s, given, DJ_LIT("."), DJ_LIT("/"))));
        if (exists(s, con, file))
            given = file;
    }
    *path = dj_console_path(s, con, given);
    return DJ_OK;
}

dj_err dj_settings_read(dj_scope *s, const dj_console *con, dj_str path, dj_settings **out)
{
    dj_conf_options options = {.mode = DJ_CONF_STRICT, .env = con->env, .env_ctx = con->ctx};
    dj_conf_error   error;
    dj_conf        *conf;
    dj_err          e = dj_conf_read(s, path, &options, &conf, &error);
    return e ? e : dj_settings_load(s, conf, out);
}
