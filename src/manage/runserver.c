/* src/manage/runserver.c - the site for development: one process, plain HTTP, output like Django's.
 *
 * Must not know: how sockets and requests are handled. */
#include "donjon/app.h"
#include "donjon/settings.h"
#include "http/http.h"
#include "manage/manage.h"
#include "manage/version.h"
#include "server/server.h"
#include <signal.h>
#include <stdio.h>

static const dj_option options[] = {
    {0, "skip-checks", NULL, "Start without the system checks.", NULL},
};
static const dj_command_spec spec = {
    .name = "runserver",
    .summary = "Serves the site for development: one process, plain HTTP, on 127.0.0.1:8000 unless "
               "told otherwise. Not for production.",
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

typedef struct runserver {
    const dj_console *con;
    dj_serving       *serving;
    dj_loop          *loop;
    dj_server_app     hooks;
} runserver;

static dj_response *handle(dj_req *req, void *ctx)
{
    const runserver *rs = ctx;
    return rs->serving->app->handle(req, rs->serving);
}

static void done(const dj_req *req, const dj_response *resp, uint64_t bytes_sent, void *ctx)
{
    const runserver       *rs = ctx;
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
    dj_console_err(rs->con, dj_buf_str(&b));
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

static dj_err run(dj_scope *s, runserver *rs, dj_str address)
{
    dj_listen        listen = {.address = address, .fd = -1};
    dj_server_config config = {
        .listens = &listen, .nlistens = 1, .limits = dj_limits_default(), .workers = 1};
    config.limits.http.body = (uint64_t)rs->serving->settings->MAX_REQUEST_BODY;
    dj_err e = dj_server_bind(s, &config);
    if (e)
        return e;
    rs->loop = dj_loop_new();
    if (rs->loop == NULL)
        return dj_fail_errno(s, "event loop");
    dj_own(s, free_loop, rs->loop);
    rs->hooks = (dj_server_app){.ctx = rs,
                                .handle = handle,
                                .done = done,
                                .refusal_headers = refusal_headers,
                                .refusal_body = refusal_body,
                                .refused = refused};
    dj_worker *worker;
    e = dj_worker_new(s, rs->loop, &config, &rs->hooks, NULL, &worker);
    if (e)
        return e;
    if (dj_loop_on_signal(rs->loop, SIGINT, on_stop, rs) != 0 ||
        dj_loop_on_signal(rs->loop, SIGTERM, on_stop, rs) != 0)
        return dj_fail_errno(s, "signals");
    say_where(s, rs, &listen);
    dj_loop_run(rs->loop);
    dj_worker_close(worker); /* while the site is still there */
    return DJ_OK;
}

static dj_err start(dj_scope *s, runserver *rs, const dj_app *app, const dj_options *o,
                    bool *checks_failed)
{
    dj_serving_options loading = {0};
    dj_settings       *settings;
    dj_err             e = dj_settings_path(s, rs->con, o, app, &loading.path);
    if (!e)
        e = dj_settings_read(s, rs->con, loading.path, &settings);
    if (e)
        return e;
    if (!settings->DEBUG && settings->ALLOWED_HOSTS.len == 0)
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "CommandError: You must set settings.ALLOWED_HOSTS if DEBUG is False.");
    if (!dj_options_has(o, "skip-checks")) {
        dj_console_out(rs->con, DJ_LIT("Performing system checks...\n\n"));
        dj_checks_said said;
        bool pass = dj_checks_pass(s, rs->con, app, settings, dj_options_color(o, rs->con), &said);
        if (said.clean)
            dj_console_out(rs->con, said.report);
        else
            dj_console_err(rs->con, said.report);
        if (!pass) {
            *checks_failed = true;
            return DJ_ERR_SETTINGS;
        }
    }
    return dj_serving_load(s, rs->con, app, &loading, &rs->serving);
}

int dj_manage_runserver(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                        const dj_app *app)
{
    dj_options o;
    int        status = dj_options_parse(s, con, &spec, argc, argv, &o);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    dj_str address;
    if (!parse_addrport(s, o.nargs > 0 ? o.args[0] : DJ_NONE, &address)) {
        dj_console_errf(s, con,
                        "CommandError: \"" DJ_FMT
                        "\" is not a valid port number or address:port pair.\n",
                        DJ_ARG(o.args[0]));
        return 1;
    }
    runserver rs = {.con = con};
    bool      checks_failed = false;
    dj_err    e = start(s, &rs, app, &o, &checks_failed);
    if (!e)
        e = run(s, &rs, address);
    if (e && !checks_failed)
        dj_console_errf(s, con, DJ_FMT "\n", DJ_ARG(dj_failure_text(s)));
    dj_serving_free(rs.serving);
    return e ? 1 : 0;
}
