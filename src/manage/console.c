/* src/manage/console.c - the process's streams, environment and folder, as commands see them.
 *
 * Must not know: any command. */
#include "manage/manage.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void write_all(void *ctx, bool to_stderr, dj_str text)
{
    (void)ctx;
    int fd = to_stderr ? STDERR_FILENO : STDOUT_FILENO;
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody reads: there is no place left to say so */
        text = dj_str_from(text, (size_t)n);
    }
}

static bool process_env(void *ctx, dj_str name, dj_str *value)
{
    (void)ctx;
    char key[256];
    if (name.len >= sizeof key)
        return false;
    memcpy(key, name.ptr, name.len);
    key[name.len] = '\0';
    const char *text = getenv(key);
    if (text != NULL)
        *value = dj_str_of(text);
    return text != NULL;
}

dj_err dj_console_process(dj_scope *s, dj_console *out)
{
    char *cwd = getcwd(NULL, 0);
    if (cwd == NULL)
        return dj_fail_errno(s, "current folder");
    *out = (dj_console){
        .write = write_all,
        .env = process_env,
        .cwd = dj_str_dup(s, dj_str_of(cwd)),
        .out_is_terminal = isatty(STDOUT_FILENO) == 1,
        .err_is_terminal = isatty(STDERR_FILENO) == 1,
    };
    free(cwd);
    return DJ_OK;
}

void dj_console_out(const dj_console *con, dj_str text)
{
    con->write(con->ctx, false, text);
}

void dj_console_err(const dj_console *con, dj_str text)
{
    con->write(con->ctx, true, text);
}

void dj_console_outf(dj_scope *s, const dj_console *con, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    dj_console_out(con, dj_vstrf(s, fmt, args));
    va_end(args);
}

void dj_console_errf(dj_scope *s, const dj_console *con, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    dj_console_err(con, dj_vstrf(s, fmt, args));
    va_end(args);
}

dj_str dj_console_env(const dj_console *con, const char *name)
{
    dj_str value = DJ_NONE;
    return con->env(con->ctx, dj_str_of(name), &value) ? value : DJ_NONE;
}

dj_str dj_console_path(dj_scope *s, const dj_console *con, dj_str path)
{
    if (dj_str_starts(path, DJ_LIT("/")))
        return path;
    return dj_strf(s, DJ_FMT "/" DJ_FMT, DJ_ARG(con->cwd), DJ_ARG(path));
}
