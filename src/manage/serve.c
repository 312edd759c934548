/* src/manage/serve.c - the site in production: a supervisor and its workers.
 *
 * Order matters: everything that can be wrong (settings, key, checks, routes, certificate,
 * addresses) is found before the first worker exists, so a start either serves or says in one line
 * why not. A reload loads all of it again beside the running site; an error keeps the old one.
 *
 * Must not know: how sockets, processes and requests are handled. */
#include "donjon/app.h"
#include "donjon/settings.h"
#include "manage/manage.h"
#include "server/server.h"
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTENS_MAX     16
#define DRAIN_MARGIN_MS 2000 /* for a worker that drains until its last moment */
#define WORKERS_MAX     256

typedef struct serve {
    const dj_console  *con;
    const dj_app      *app;
    dj_serving_options loading;
    dj_serving        *serving;
    dj_server_config   config;
    bool               started; /* the first load is done by then */
} serve;

static const dj_option options[] = {
    {0, "bind", "ADDRESS",
     "Plain HTTP on host:port, [v6]:port or unix:/path; may be repeated. Beside TLS it only "
     "redirects.",
     NULL},
    {0, "bind-tls", "ADDRESS", "HTTPS on host:port; may be repeated.", NULL},
    {0, "tls-cert", "FILE", "PEM file with the certificate chain.", NULL},
    {0, "tls-key", "FILE", "PEM file with the private key.", NULL},
    {0, "workers", "N", "Worker processes; 0 is one a core.", NULL},
    {0, "user", "NAME", "Account to run under when started as root.", NULL},
    {0, "skip-checks", NULL, "Start without the system checks.", NULL},
};
static const dj_command_spec spec = {
    .name = "serve",
    .summary = "Serves the site in production: a supervisor and one worker a core. SIGHUP reloads "
               "settings, certificate and\n"
               "logs without losing a connection, SIGTERM drains and ends.",
    .options = options,
    .noptions = DJ_COUNT(options),
    .common = true,
};

/* -- addresses -- */

static dj_err add_listen(dj_scope *s, dj_server_config *config, dj_str address, bool tls)
{
    if (config->nlistens == LISTENS_MAX)
        return dj_fail(s, DJ_ERR_SETTINGS, "more than %d addresses", LISTENS_MAX);
    config->listens[config->nlistens++] = (dj_listen){.address = address, .tls = tls, .fd = -1};
    return DJ_OK;
}

/* BIND is an address or a list of them. */
static dj_err add_setting(dj_scope *s, dj_server_config *config, const dj_value *bind)
{
    if (bind == NULL || bind->kind == DJ_V_NONE)
        return DJ_OK;
    if (bind->kind == DJ_V_STR)
        return add_listen(s, config, bind->str, false);
    if (!dj_value_is_seq(bind))
        return dj_fail(s, DJ_ERR_SETTINGS, "BIND must be an address or a list of addresses");
    for (size_t i = 0; i < bind->seq.len; i++) {
        const dj_value *one = bind->seq.items[i];
        if (one->kind != DJ_V_STR)
            return dj_fail(s, DJ_ERR_SETTINGS,
                           "BIND[%zu] must be text, for example '127.0.0.1:8000'", i);
        dj_err e = add_listen(s, config, one->str, false);
        if (e)
            return e;
    }
    return DJ_OK;
}

/* Then the command line alone says where to listen. */
static bool addresses_given(const dj_options *o)
{
    return dj_options_count(o, "bind") > 0 || dj_options_count(o, "bind-tls") > 0;
}

static dj_err add_addresses(dj_scope *s, serve *sv, const dj_options *o)
{
    const dj_settings *settings = sv->serving->settings;
    dj_server_config  *config = &sv->config;
    dj_err             e = DJ_OK;
    for (size_t i = 0; !e && i < dj_options_count(o, "bind"); i++)
        e = add_listen(s, config, dj_options_nth(o, "bind", i), false);
    if (!e && !addresses_given(o))
        e = add_setting(s, config, settings->BIND);
    size_t plain = config->nlistens;
    for (size_t i = 0; !e && i < dj_options_count(o, "bind-tls"); i++)
        e = add_listen(s, config, dj_options_nth(o, "bind-tls", i), true);
    for (size_t i = 0; !e && !addresses_given(o) && i < settings->BIND_TLS.len; i++)
        e = add_listen(s, config, settings->BIND_TLS.items[i], true);
    if (e)
        return e;
    if (config->nlistens == 0)
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "no address to serve on: use --bind, or BIND in the settings");
    /* A proxy on the Unix socket may speak for HTTPS clients; anyone else on a plain port is sent
     * to HTTPS. */
    for (size_t i = 0; i < plain; i++)
        config->listens[i].redirect_only =
            config->nlistens > plain && !dj_str_starts(config->listens[i].address, DJ_LIT("unix:"));
    return DJ_OK;
}

static bool needs_tls(const dj_options *o, const dj_settings *settings)
{
    return dj_options_count(o, "bind-tls") > 0 ||
           (!addresses_given(o) && settings->BIND_TLS.len > 0);
}

/* -- numbers -- */

static dj_err in_range(dj_scope *s, const char *name, int64_t value, int64_t min, int64_t max)
{
    if (value >= min && value <= max)
        return DJ_OK;
    return dj_fail(s, DJ_ERR_SETTINGS, "%s must be from %lld to %lld, not %lld", name,
                   (long long)min, (long long)max, (long long)value);
}

static dj_err add_limits(dj_scope *s, serve *sv)
{
    const dj_settings *settings = sv->serving->settings;
    const struct {
        const char *name;
        int64_t     value, min, max;
    } rows[] = {
        {"MAX_REQUEST_BODY", settings->MAX_REQUEST_BODY, 0, INT64_C(1) << 40},
        {"HEAD_TIMEOUT", settings->HEAD_TIMEOUT, 1, 3600},
        {"KEEPALIVE_TIMEOUT", settings->KEEPALIVE_TIMEOUT, 1, 3600},
        {"WRITE_TIMEOUT", settings->WRITE_TIMEOUT, 1, 3600},
        {"DRAIN_TIMEOUT", settings->DRAIN_TIMEOUT, 0, 3600},
        {"MAX_CONNECTIONS", settings->MAX_CONNECTIONS, 1, 1000000},
        {"MAX_CONNECTIONS_PER_ADDRESS", settings->MAX_CONNECTIONS_PER_ADDRESS, 1, 1000000},
        {"MAX_REQUESTS_PER_CONNECTION", settings->MAX_REQUESTS_PER_CONNECTION, 1, 1000000000},
    };
    for (size_t i = 0; i < DJ_COUNT(rows); i++) {
        dj_err e = in_range(s, rows[i].name, rows[i].value, rows[i].min, rows[i].max);
        if (e)
            return e;
    }
    dj_limits limits = dj_limits_default();
    limits.http.body = (uint64_t)settings->MAX_REQUEST_BODY;
    limits.head_ms = settings->HEAD_TIMEOUT * 1000;
    limits.idle_ms = settings->KEEPALIVE_TIMEOUT * 1000;
    limits.write_ms = settings->WRITE_TIMEOUT * 1000;
    limits.connections = (unsigned)settings->MAX_CONNECTIONS;
    limits.connections_per_address = (unsigned)settings->MAX_CONNECTIONS_PER_ADDRESS;
    limits.requests_per_connection = (unsigned)settings->MAX_REQUESTS_PER_CONNECTION;
    sv->config.limits = limits;
    sv->config.proxy_protocol = settings->PROXY_PROTOCOL;
    if (settings->PROXY_PROTOCOL && settings->TRUSTED_PROXIES.len == 0)
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "PROXY_PROTOCOL is on, and TRUSTED_PROXIES names no proxy");
    return DJ_OK;
}

static dj_err add_workers(dj_scope *s, serve *sv, const dj_options *o)
{
    int64_t workers = sv->serving->settings->WORKERS;
    dj_str  given = dj_options_get(o, "workers");
    if (!dj_str_is_none(given) && !dj_str_to_int(given, &workers))
        return dj_fail(s, DJ_ERR_SETTINGS, "--workers: '" DJ_FMT "' is no number", DJ_ARG(given));
    dj_err e = in_range(s, "WORKERS", workers, 0, WORKERS_MAX);
    if (e)
        return e;
    if (workers == 0)
        workers = sysconf(_SC_NPROCESSORS_ONLN);
    sv->config.workers = workers < 1 ? 1 : (unsigned)workers;
    return DJ_OK;
}

/* A log file that root opened must be writable after the change of user, too: for a rotation. Only
 * a plain file that is root's and has one name: /dev/null stays what it is, and a link that
 * somebody put there gives nothing else away. */
static void give_away(dj_scope *s, dj_str path, const struct passwd *to)
{
    if (!dj_str_starts(path, DJ_LIT("/")) && !dj_str_has(path, DJ_LIT(".")))
        return; /* stderr, syslog */
    int         fd = open(dj_cstr(s, path),
                          O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == 0)
        (void)!fchown(fd, to->pw_uid, to->pw_gid);
    close(fd);
}

static dj_err add_user(dj_scope *s, serve *sv, const dj_options *o)
{
    dj_str user = dj_options_get(o, "user");
    sv->config.user = user.len > 0 ? user : sv->serving->settings->USER;
    if (geteuid() != 0)
        return DJ_OK;
    const struct passwd *entry =
        sv->config.user.len > 0 ? getpwnam(dj_cstr(s, sv->config.user)) : NULL;
    if (entry == NULL)
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "started as root, and there is no user '" DJ_FMT "' to become: use --user",
                       DJ_ARG(sv->config.user));
    if (entry->pw_uid == 0)
        return dj_fail(s, DJ_ERR_SETTINGS, "--user: '" DJ_FMT "' is root again",
                       DJ_ARG(sv->config.user));
    give_away(s, sv->serving->settings->LOG_TO, entry);
    give_away(s, sv->serving->settings->ACCESS_LOG, entry);
    return DJ_OK;
}

static dj_err configure(dj_scope *s, serve *sv, const dj_options *o)
{
    sv->config.listens = dj_new_array(s, dj_listen, LISTENS_MAX);
    sv->config.unix_mode = 0660;
    dj_err e = add_addresses(s, sv, o);
    if (!e)
        e = add_limits(s, sv);
    if (!e)
        e = add_workers(s, sv, o);
    if (!e)
        e = add_user(s, sv, o);
    return e;
}

/* -- a worker -- */

static void stop_loop(void *loop)
{
    dj_loop_stop(loop);
}

typedef struct worker_end {
    dj_loop   *loop;
    dj_worker *worker;
    int64_t    drain_ms;
} worker_end;

static void on_terminate(int signo, void *ctx)
{
    worker_end *end = ctx;
    (void)signo;
    dj_worker_drain(end->worker, end->drain_ms, stop_loop, end->loop);
}

static void on_quit(int signo, void *ctx)
{
    worker_end *end = ctx;
    (void)signo;
    dj_loop_stop(end->loop);
}

/* Serves until told to stop; the exit status. */
static int run_worker(dj_scope *s, const dj_server_config *config, dj_serving *serving,
                      int ready_fd)
{
    dj_loop *loop = dj_loop_new();
    if (loop == NULL) {
        dj_log(DJ_LIT("donjon.server"), DJ_CRITICAL, NULL, "worker: no event loop");
        return 1;
    }
    worker_end end = {.loop = loop, .drain_ms = serving->settings->DRAIN_TIMEOUT * 1000};
    dj_err     e = dj_worker_new(s, loop, config, serving->app, serving->tls, &end.worker);
    if (e || dj_loop_on_signal(loop, SIGTERM, on_terminate, &end) != 0 ||
        dj_loop_on_signal(loop, SIGQUIT, on_quit, &end) != 0) {
        dj_str why = dj_failure_text(s);
        dj_log(DJ_LIT("donjon.server"), DJ_CRITICAL, NULL, "worker: " DJ_FMT, DJ_ARG(why));
        return 1;
    }
    if (serving->access != NULL)
        dj_access_log_attach(serving->access, loop);
    dj_worker_ready(ready_fd);
    dj_loop_run(loop);
    dj_serving_free(serving);
    return 0;
}

static int worker(unsigned index, int ready_fd, const dj_server_config *config, void *ctx)
{
    serve *sv = ctx;
    (void)index;
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    return s == NULL ? 1 : run_worker(s, config, sv->serving, ready_fd);
}

/* -- the supervisor -- */

/* Room for every connection of MAX_CONNECTIONS: the soft limit is 1024 on most systems. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static dj_err prepare(dj_scope *s, void *ctx)
{
    serve *sv = ctx;
    if (!sv->started) {
        sv->started = true;
        return DJ_OK;
    }
    dj_serving *next;
    sv->loading.before = sv->serving;
    dj_err e = dj_serving_load(s, sv->con, sv->app, &sv->loading, &next);
    if (e)
        return e;
    dj_serving_free(sv->serving);
    sv->serving = next;
    dj_log(DJ_LIT("donjon.server"), DJ_INFO, NULL, "settings and certificate loaded again");
    return DJ_OK;
}

static void say_ready(dj_scope *s, const serve *sv)
{
    dj_buf b = dj_buf_make(s, 4096);
    dj_buf_addf(&b, "Serving with %u worker%s, pid %ld:", sv->config.workers,
                sv->config.workers == 1 ? "" : "s", (long)getpid());
    for (size_t i = 0; i < sv->config.nlistens; i++) {
        dj_buf_add_byte(&b, ' ');
        dj_buf_add(&b, dj_listen_text(s, &sv->config.listens[i]));
    }
    dj_buf_add_byte(&b, '\n');
    dj_console_out(sv->con, dj_buf_str(&b));
}

/* What can be said in one line comes first; warnings of the checks only when nothing else is wrong.
 */
static dj_err start(dj_scope *s, serve *sv, const dj_options *o, bool *checks_failed)
{
    const dj_console *con = sv->con;
    dj_settings      *settings;
    dj_err            e = dj_settings_read(s, con, sv->loading.path, &settings);
    if (e)
        return e;
    sv->loading.tls_cert = dj_options_get(o, "tls-cert");
    sv->loading.tls_key = dj_options_get(o, "tls-key");
    sv->loading.tls = needs_tls(o, settings);
    sv->loading.production = true;
    e = dj_serving_load(s, con, sv->app, &sv->loading, &sv->serving);
    if (!e)
        e = configure(s, sv, o);
    if (e)
        return e;
    dj_checks_said said = {.clean = true};
    if (!dj_options_has(o, "skip-checks") &&
        !dj_checks_pass(s, con, sv->app, sv->serving->settings, dj_options_color(o, con), &said)) {
        dj_console_err(con, said.report);
        *checks_failed = true;
        return DJ_ERR_SETTINGS;
    }
    e = dj_server_bind(s, &sv->config);
    if (!e && !said.clean)
        dj_console_err(con, said.report);
    return e;
}

int dj_manage_serve(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                    const dj_app *app)
{
    dj_options o;
    int        status = dj_options_parse(s, con, &spec, argc, argv, &o);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    serve  sv = {.con = con, .app = app};
    bool   checks_failed = false;
    dj_err e = dj_settings_path(s, con, &o, app, &sv.loading.path);
    if (!e)
        e = start(s, &sv, &o, &checks_failed);
    if (checks_failed)
        return 1;
    if (e) {
        dj_serving_free(sv.serving);
        return dj_command_fail(s, con, argv, DJ_FMT, DJ_ARG(dj_failure_text(s)));
    }
    raise_descriptor_limit();
    say_ready(s, &sv);
    dj_supervisor supervisor = {.config = &sv.config,
                                .worker = worker,
                                .prepare = prepare,
                                .ctx = &sv,
                                .drain_ms =
                                    sv.serving->settings->DRAIN_TIMEOUT * 1000 + DRAIN_MARGIN_MS};
    status = dj_supervise(s, &supervisor);
    dj_serving_free(sv.serving);
    return status;
}
