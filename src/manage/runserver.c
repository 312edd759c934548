/* src/manage/runserver.c - the site for development: plain HTTP, output like Django's.
 *
 * What serves is a process of its own, started by another that watches (reload.c); with --noreload
 * it is this one. The two differ in where the socket comes from, and in whom they report to.
 *
 * Must not know: how sockets and requests are handled, and when the program is started again. */
#include "donjon/app.h"
#include "donjon/settings.h"
#include "http/http.h"
#include "manage/reload.h"
#include "manage/version.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPORT_MAX ((size_t)64 * 1024)

static const dj_option options[] = {
    {0, "noreload", NULL, "Do not watch files: one process, until it is ended.", NULL},
    {0, "build", "COMMAND",
     "What builds the program when a source below the current folder has changed. Without it: the "
     "build.ninja or Makefile that the program lies beside.",
     NULL},
    {0, "skip-checks", NULL, "Start without the system checks.", NULL},
};
static const dj_command_spec spec = {
    .name = "runserver",
    .summary = "Serves the site for development: plain HTTP, on 127.0.0.1:8000 unless told "
               "otherwise. While DEBUG is on, a changed\nsource is built and the program started "
               "again. Not for production.",
    .options = options,
    .noptions = DJ_COUNT(options),
    .common = true,
    .args = "addrport",
    .max_args = 1,
};

static bool is_number(dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!dj_is_digit(text.ptr[i]))
            return false;
    }
    return text.len > 0;
}

/* "8000", "0:8000", "127.0.0.1:8000", "[::1]:8000", "localhost:8000". */
static bool parse_addrport(dj_scope *s, dj_str given, dj_str *address)
{
    if (dj_str_is_none(given)) {
        *address = DJ_LIT("127.0.0.1:8000");
        return true;
    }
    size_t colon = dj_str_rchr(given, ':');
    dj_str port = colon == DJ_NOT_FOUND ? given : dj_str_from(given, colon + 1);
    dj_str host = colon == DJ_NOT_FOUND ? DJ_LIT("127.0.0.1") : dj_str_first(given, colon);
    if (!is_number(port) || port.len > 5 || host.len == 0)
        return false;
    if (dj_str_eq(host, DJ_LIT("0")))
        host = DJ_LIT("0.0.0.0");
    *address = dj_strf(s, DJ_FMT ":" DJ_FMT, DJ_ARG(host), DJ_ARG(port));
    return true;
}

/* -- a line for each request, as Django's runserver writes it -- */

void dj_runserver_line(const dj_console *con, const dj_req *req, const dj_response *resp,
                       uint64_t bytes_sent)
{
    dj_scope              *s = req->scope;
    const dj_access_record r = {
        .time_us = dj_now_us(s),
        .client = DJ_LIT(""),
        .method = req->head->method_name,
        .target = req->head->target,
        .minor = req->head->minor,
        .status = resp->status,
        .bytes = bytes_sent,
    };
    dj_buf b = dj_buf_make(s, 64 * 1024);
    dj_access_short(s, &b, &r);
    dj_console_err(con, dj_buf_str(&b));
}

/* -- what serves -- */

typedef struct runserver {
    const dj_console *con;
    dj_serving       *serving;
    dj_loop          *loop;
    dj_worker        *worker;
    dj_server_app     hooks;
    int               socket, report; /* from the process that watches; -1: there is none */
} runserver;

static dj_response *handle(dj_req *req, void *ctx)
{
    const runserver *rs = ctx;
    return rs->serving->app->handle(req, rs->serving);
}

static dj_err body(dj_req *req, dj_str bytes, bool last, void *ctx)
{
    const runserver *rs = ctx;
    return rs->serving->app->body(req, bytes, last, rs->serving);
}

static void done(const dj_req *req, const dj_response *resp, uint64_t bytes_sent, void *ctx)
{
    const runserver *rs = ctx;
    dj_runserver_line(rs->con, req, resp, bytes_sent);
}

static dj_str refusal_headers(int status, bool tls, void *ctx)
{
    const runserver *rs = ctx;
    return rs->serving->app->refusal_headers(status, tls, rs->serving);
}

static dj_str refusal_body(int status, void *ctx)
{
    const runserver *rs = ctx;
    return rs->serving->app->refusal_body(status, rs->serving);
}

static void refused(const dj_peer *peer, int status, dj_str reason, void *ctx)
{
    const runserver *rs = ctx;
    rs->serving->app->refused(peer, status, reason, rs->serving);
}

static void on_stop(int signo, void *ctx)
{
    const runserver *rs = ctx;
    (void)signo;
    dj_loop_stop(rs->loop);
}

static void stop_loop(void *loop)
{
    dj_loop_stop(loop);
}

/* A newer program takes over: what runs is answered. */
static void on_replaced(int signo, void *ctx)
{
    const runserver *rs = ctx;
    (void)signo;
    dj_worker_drain(rs->worker, DJ_RUNSERVER_DRAIN_MS, stop_loop, rs->loop);
}

/* -- the process that watches: what it hands down, what it is told -- */

/* "5 6" in the environment. False: this process has not been started by reload.c. */
static bool take_over(runserver *rs)
{
    dj_str    given = dj_console_env(rs->con, DJ_RUNSERVER_ENV), word;
    int64_t   fds[2];
    int       listens = 0;
    socklen_t len = sizeof listens;
    rs->socket = rs->report = -1;
    if (dj_str_is_none(given))
        return false;
    for (size_t i = 0; i < DJ_COUNT(fds); i++) {
        if (!dj_str_next(&given, ' ', &word) || !dj_str_to_int(word, &fds[i]) || fds[i] < 3 ||
            fds[i] > 1000000 || fcntl((int)fds[i], F_SETFD, FD_CLOEXEC) != 0)
            return false;
    }
    if (getsockopt((int)fds[0], SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 || listens == 0)
        return false;
    rs->socket = (int)fds[0];
    rs->report = (int)fds[1];
    unsetenv(DJ_RUNSERVER_ENV); /* not for the site's own children */
    return true;
}

static void report(const runserver *rs, char letter, dj_str text)
{
    char piece[REPORT_MAX];
    if (rs->report < 0 || text.len > sizeof piece - 2 || memchr(text.ptr, 0, text.len) != NULL)
        return;
    piece[0] = letter;
    memcpy(piece + 1, text.ptr, text.len);
    piece[text.len + 1] = '\0';
    for (size_t at = 0; at < text.len + 2;) {
        ssize_t n = write(rs->report, piece + at, text.len + 2 - at);
        if (n <= 0)
            return; /* nobody listens: then this process is about to end, too */
        at += (size_t)n;
    }
}

static void report_settings(const runserver *rs, const dj_settings *settings)
{
    report(rs, DJ_REPORT_DEBUG, settings->DEBUG ? DJ_LIT("1") : DJ_LIT("0"));
    for (size_t i = 0; i < settings->ALLOWED_HOSTS.len; i++)
        report(rs, DJ_REPORT_HOST, settings->ALLOWED_HOSTS.items[i]);
    for (size_t i = 0; settings->conf != NULL && i < settings->conf->nfiles; i++)
        report(rs, DJ_REPORT_SETTINGS, settings->conf->files[i]);
}

/* -- the command -- */

static void say_where(dj_scope *s, const runserver *rs, const dj_listen *listen)
{
    dj_str path = rs->serving->path, cwd = dj_strf(s, DJ_FMT "/", DJ_ARG(rs->con->cwd));
    if (dj_str_starts(path, cwd))
        path = dj_str_from(path, cwd.len);
    dj_console_outf(s, rs->con,
                    "Donjon version %s, using settings '" DJ_FMT "'\n"
                    "Starting development server at " DJ_FMT "/\n"
                    "Quit the server with CONTROL-C.\n\n",
                    DJ_VERSION_TEXT, DJ_ARG(path), DJ_ARG(dj_listen_text(s, listen)));
}

static void free_loop(void *loop)
{
    dj_loop_free(loop);
}

static int take_signals(runserver *rs)
{
    if (rs->socket < 0) {
        int e = dj_loop_on_signal(rs->loop, SIGINT, on_stop, rs);
        return e != 0 ? e : dj_loop_on_signal(rs->loop, SIGTERM, on_stop, rs);
    }
    int e = dj_loop_on_signal(rs->loop, SIGTERM, on_replaced, rs);
    return e != 0 ? e : dj_loop_on_signal(rs->loop, SIGQUIT, on_stop, rs);
}

static dj_err run(dj_scope *s, runserver *rs, dj_str address)
{
    dj_listen        listen = {.address = address, .fd = rs->socket};
    dj_server_config config = {
        .listens = &listen, .nlistens = 1, .limits = dj_limits_default(), .workers = 1};
    config.limits.http.body = (uint64_t)rs->serving->settings->MAX_REQUEST_BODY;
    dj_err e = DJ_OK;
    if (rs->socket < 0)
        e = dj_server_bind(s, &config);
    else
        dj_server_ignore_signals();
    if (e)
        return e;
    rs->loop = dj_loop_new();
    if (rs->loop == NULL)
        return dj_fail_errno(s, "event loop");
    dj_own(s, free_loop, rs->loop);
    rs->hooks = (dj_server_app){.ctx = rs,
                                .handle = handle,
                                .body = body,
                                .done = done,
                                .refusal_headers = refusal_headers,
                                .refusal_body = refusal_body,
                                .refused = refused};
    e = dj_worker_new(s, rs->loop, &config, &rs->hooks, NULL, &rs->worker);
    if (e)
        return e;
    if (take_signals(rs) != 0)
        return dj_fail_errno(s, "signals");
    say_where(s, rs, &listen);
    report(rs, DJ_REPORT_READY, DJ_LIT(""));
    dj_loop_run(rs->loop);
    dj_worker_close(rs->worker); /* while the site is still there */
    return DJ_OK;
}

/* What must be right before anything else is tried. */
static dj_err read_settings(dj_scope *s, const dj_console *con, dj_str path, dj_settings **out)
{
    dj_err e = dj_settings_read(s, con, path, out);
    if (!e && !(*out)->DEBUG && (*out)->ALLOWED_HOSTS.len == 0)
        e = dj_fail(s, DJ_ERR_SETTINGS,
                    "CommandError: You must set settings.ALLOWED_HOSTS if DEBUG is False.");
    return e;
}

/* Settings, checks, the site: DJ_ERR_SETTINGS with the report of the checks as its sentence. */
static dj_err load(dj_scope *s, runserver *rs, const dj_app *app, const dj_options *o, dj_str path)
{
    const dj_serving_options loading = {.path = path};
    dj_settings             *settings;
    dj_err                   e = read_settings(s, rs->con, path, &settings);
    if (e)
        return e;
    report_settings(rs, settings);
    if (!dj_options_has(o, "skip-checks")) {
        dj_console_out(rs->con, DJ_LIT("Performing system checks...\n\n"));
        dj_checks_said said;
        bool pass = dj_checks_pass(s, rs->con, app, settings, dj_options_color(o, rs->con), &said);
        if (!pass)
            return dj_fail(s, DJ_ERR_SETTINGS, DJ_FMT,
                           DJ_ARG(dj_str_strip(said.report, DJ_LIT("\n"))));
        if (said.clean)
            dj_console_out(rs->con, said.report);
        else
            dj_console_err(rs->con, said.report);
    }
    return dj_serving_load(s, rs->con, app, &loading, &rs->serving);
}

static int serve_here(dj_scope *s, runserver *rs, const dj_app *app, const dj_options *o,
                      dj_str path, dj_str address)
{
    dj_err e = load(s, rs, app, o, path);
    if (!e)
        e = run(s, rs, address);
    if (e) {
        dj_console_errf(s, rs->con, DJ_FMT "\n", DJ_ARG(dj_failure_text(s)));
        report(rs, DJ_REPORT_FAILURE, dj_failure_text(s));
    }
    dj_serving_free(rs->serving);
    return e ? 1 : 0;
}

static int serve_and_watch(dj_scope *s, const dj_console *con, char *const *argv,
                           const dj_options *o, dj_str path, dj_str address)
{
    const dj_reload_options reload = {
        .address = address, .settings = path, .build = dj_options_get(o, "build")};
    dj_settings *settings;
    /* A mistake of the command line or of the settings is known before a socket is taken. */
    if (read_settings(s, con, path, &settings) == DJ_OK)
        return dj_reload_run(s, con, argv, &reload);
    dj_console_errf(s, con, DJ_FMT "\n", DJ_ARG(dj_failure_text(s)));
    return 1;
}

int dj_manage_runserver(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                        const dj_app *app)
{
    dj_options o;
    int        status = dj_options_parse(s, con, &spec, argc, argv, &o);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    dj_str address, path;
    if (!parse_addrport(s, o.nargs > 0 ? o.args[0] : DJ_NONE, &address)) {
        dj_console_errf(s, con,
                        "CommandError: \"" DJ_FMT
                        "\" is not a valid port number or address:port pair.\n",
                        DJ_ARG(o.args[0]));
        return 1;
    }
    if (dj_settings_path(s, con, &o, app, &path)) {
        dj_console_errf(s, con, DJ_FMT "\n", DJ_ARG(dj_failure_text(s)));
        return 1;
    }
    runserver rs = {.con = con};
    if (take_over(&rs) || dj_options_has(&o, "noreload"))
        return serve_here(s, &rs, app, &o, path, address);
    return serve_and_watch(s, con, argv, &o, path, address);
}
