/* src/manage/serving.c - a site from its settings file to the functions that a server calls.
 *
 * All that can be wrong is found here, before a socket is bound or while the old configuration
 * still serves.
 *
 * Must not know: which command serves, processes, sockets. */
#include "app/app.h"
#include "donjon/builtin.h"
#include "donjon/checks.h"
#include "donjon/settings.h"
#include "donjon/time.h"
#include "manage/manage.h"
#include "server/server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY_LEN_MIN      50
#define KEY_DISTINCT_MIN 5

/* -- what the server calls -- */

static dj_response *handle(dj_req *req, void *ctx)
{
    const dj_serving *serving = ctx;
    return dj_site_handle(req, serving->site);
}

static dj_err body(dj_req *req, dj_str bytes, bool last, void *ctx)
{
    const dj_serving *serving = ctx;
    return dj_site_body(req, bytes, last, serving->site);
}

static void done(const dj_req *req, const dj_response *resp, uint64_t bytes_sent, void *ctx)
{
    const dj_serving *serving = ctx;
    dj_access_log_add(serving->access, req, resp, bytes_sent);
}

static dj_str refusal_headers(int status, bool tls, void *ctx)
{
    const dj_serving *serving = ctx;
    return dj_site_refusal_headers(status, tls, serving->site);
}

static dj_str refusal_body(int status, void *ctx)
{
    const dj_serving *serving = ctx;
    return dj_site_refusal_body(status, serving->site);
}

static bool is_proxy(const dj_peer *peer, void *ctx)
{
    const dj_serving *serving = ctx;
    return dj_site_is_proxy(peer, serving->site);
}

static void refused(const dj_peer *peer, int status, dj_str reason, void *ctx)
{
    const dj_serving *serving = ctx;
    dj_site_refused(peer, status, reason, serving->site);
}

/* -- the key -- */

/* Django's rule of security.W009: what makes a key weak, or NULL. */
static const char *key_weakness(dj_str key)
{
    if (dj_str_starts(key, DJ_LIT("django-insecure-")))
        return "begins with 'django-insecure-'";
    bool   seen[256] = {false};
    size_t distinct = 0;
    for (size_t i = 0; i < key.len; i++) {
        unsigned char c = (unsigned char)key.ptr[i];
        distinct += !seen[c];
        seen[c] = true;
    }
    if ((dj_utf8_valid(key) ? dj_utf8_len(key) : key.len) < KEY_LEN_MIN)
        return "has fewer than 50 characters";
    return distinct < KEY_DISTINCT_MIN ? "has fewer than 5 different characters" : NULL;
}

static dj_err check_key(dj_scope *s, const dj_settings *settings)
{
    if (settings->DEBUG)
        return DJ_OK;
    if (settings->secret_key == NULL)
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "SECRET_KEY is missing: set it from the environment, or SECRET_KEY_FILE; "
                       "`secret-key` makes one");
    const char *why = key_weakness(dj_secret_reveal(settings->secret_key));
    if (why != NULL)
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "SECRET_KEY is weak: it %s; `secret-key` makes a new one", why);
    return DJ_OK;
}

/* -- logs -- */

static dj_err parse_level(dj_scope *s, const char *setting, dj_str name, dj_level *out)
{
    static const dj_level levels[] = {DJ_DEBUG, DJ_INFO, DJ_WARNING, DJ_ERROR_LEVEL, DJ_CRITICAL};
    for (size_t i = 0; i < DJ_COUNT(levels); i++) {
        if (dj_str_eq(name, dj_level_name(levels[i]))) {
            *out = levels[i];
            return DJ_OK;
        }
    }
    return dj_fail(s, DJ_ERR_SETTINGS,
                   "%s: '" DJ_FMT "' is no level: use DEBUG, INFO, WARNING, ERROR or CRITICAL",
                   setting, DJ_ARG(name));
}

static dj_err set_level(dj_scope *s, dj_str logger, const dj_value *config)
{
    const dj_value *level = dj_value_get(config, DJ_LIT("level"));
    if (level == NULL || level->kind != DJ_V_STR)
        return DJ_OK;
    dj_level parsed;
    dj_err   e = parse_level(s, "LOGGING", level->str, &parsed);
    if (!e)
        dj_log_set_level(logger, parsed);
    return e;
}

/* Of LOGGING only the levels are taken: loggers.NAME.level and root.level. Where records go is
 * LOG_TO's. */
static dj_err set_levels(dj_scope *s, const dj_settings *settings)
{
    dj_level level;
    dj_err   e = parse_level(s, "LOG_LEVEL", settings->LOG_LEVEL, &level);
    if (e)
        return e;
    dj_log_set_level(DJ_LIT(""), level);
    const dj_value *logging = settings->LOGGING;
    if (logging == NULL || logging->kind != DJ_V_DICT)
        return DJ_OK;
    const dj_value *root = dj_value_get(logging, DJ_LIT("root")),
                   *loggers = dj_value_get(logging, DJ_LIT("loggers"));
    if (root != NULL && (e = set_level(s, DJ_LIT(""), root)) != DJ_OK)
        return e;
    if (loggers == NULL || loggers->kind != DJ_V_DICT)
        return DJ_OK;
    for (size_t i = 0; i < loggers->dict.len; i++) {
        const dj_value_pair *pair = &loggers->dict.pairs[i];
        if (pair->key->kind == DJ_V_STR && (e = set_level(s, pair->key->str, pair->value)) != DJ_OK)
            return e;
    }
    return DJ_OK;
}

static dj_err open_logs(dj_scope *s, dj_serving *serving, const dj_serving *before)
{
    const dj_settings *settings = serving->settings;
    dj_log_target      target = {.to = settings->LOG_TO, .format = DJ_LOG_TEXT};
    if (dj_str_eq(settings->LOG_FORMAT, DJ_LIT("json")))
        target.format = DJ_LOG_JSON;
    else if (!dj_str_eq(settings->LOG_FORMAT, DJ_LIT("text")))
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "LOG_FORMAT: '" DJ_FMT "' is not known: use 'text' or 'json'",
                       DJ_ARG(settings->LOG_FORMAT));
    if (target.to.len == 0)
        target.to = DJ_LIT("/dev/null");
    /* At a reload the supervisor has opened the same file again; it may no longer be allowed to
     * open another. */
    bool same = before != NULL && dj_str_eq(before->settings->LOG_TO, settings->LOG_TO) &&
                dj_str_eq(before->settings->LOG_FORMAT, settings->LOG_FORMAT);
    dj_err e = same ? DJ_OK : dj_log_open(s, &target);
    if (!e && settings->ACCESS_LOG.len > 0)
        e = dj_access_log_open(s, settings->ACCESS_LOG, target.format, &serving->access);
    return e;
}

/* -- loading -- */

static dj_err make_site(const dj_app *app, dj_serving *serving)
{
    const dj_site_parts parts = {
        .app = app,
        .settings = serving->settings,
        .builtin = dj_builtin_middleware,
        .nbuiltin = dj_builtin_middleware_len,
    };
    return dj_site_new(serving->scope, &parts, &serving->site);
}

static dj_err make_tls(const dj_serving_options *options, dj_serving *serving)
{
    dj_str cert = options->tls_cert.len > 0 ? options->tls_cert : serving->settings->TLS_CERT;
    dj_str key = options->tls_key.len > 0 ? options->tls_key : serving->settings->TLS_KEY;
    if (cert.len == 0 || key.len == 0)
        return dj_fail(
            serving->scope, DJ_ERR_SETTINGS,
            "an address for HTTPS needs TLS_CERT and TLS_KEY (or --tls-cert and --tls-key)");
    dj_err      e = dj_tls_new(serving->scope, cert, key, &serving->tls);
    dj_serving *before = options->before;
    if (e && before != NULL && before->tls != NULL &&
        access(dj_cstr(serving->scope, key), R_OK) != 0 && errno == EACCES) {
        /* A key for root alone, and we are no longer root: what was read at the start stays. */
        dj_log(DJ_LIT("donjon.server"), DJ_WARNING, NULL,
               "reload: " DJ_FMT " can't be read by this user: the certificate stays", DJ_ARG(key));
        serving->tls = before->tls;
        before->tls = NULL;
        return DJ_OK;
    }
    return e;
}

static dj_err fill(const dj_console *con, const dj_app *app, const dj_serving_options *options,
                   dj_serving *serving)
{
    dj_scope *s = serving->scope;
    dj_err    e = dj_settings_read(s, con, serving->path, &serving->settings);
    if (!e)
        e = check_key(s, serving->settings);
    if (!e)
        e = make_site(app, serving);
    if (!e)
        e = set_levels(s, serving->settings);
    if (!e && options->production)
        e = open_logs(s, serving, options->before);
    if (!e && options->tls)
        e = make_tls(options, serving); /* late: it may take the running site's certificate over */
    return e ? e : dj_time_zone_set(s, serving->settings->TIME_ZONE);
}

void dj_serving_free(dj_serving *serving)
{
    if (serving == NULL)
        return;
    if (serving->tls != NULL)
        dj_tls_free(serving->tls);
    dj_scope_close(serving->scope);
}

dj_err dj_serving_load(dj_scope *s, const dj_console *con, const dj_app *app,
                       const dj_serving_options *options, dj_serving **out)
{
    dj_scope *own = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (own == NULL)
        return dj_fail(s, DJ_ERR_MEMORY, "no memory");
    dj_serving *serving = dj_new(own, dj_serving);
    serving->scope = own;
    serving->path = dj_str_dup(own, options->path);
    dj_err e = fill(con, app, options, serving);
    if (e) {
        e = dj_fail(s, e, DJ_FMT, DJ_ARG(dj_failure_text(own)));
        dj_serving_free(serving);
        return e;
    }
    dj_server_app *hooks = dj_new(own, dj_server_app);
    *hooks = (dj_server_app){.ctx = serving,
                             .handle = handle,
                             .body = body,
                             .refusal_headers = refusal_headers,
                             .refusal_body = refusal_body,
                             .is_proxy = is_proxy,
                             .refused = refused};
    if (serving->access != NULL)
        hooks->done = done;
    serving->app = hooks;
    *out = serving;
    return DJ_OK;
}

/* -- checks before anything else -- */

bool dj_checks_pass(dj_scope *s, const dj_console *con, const dj_app *app,
                    const dj_settings *settings, bool color, dj_checks_said *said)
{
    dj_check_input input;
    dj_check_site_input(s, con, app, settings->conf, &input);
    const dj_check_options options = {.deploy = false};
    dj_check_result        result;
    dj_checks_run(s, &input, &options, &result);

    const dj_check_report_options how = {
        .fail_level = DJ_ERROR_LEVEL, .color = color, .cwd = con->cwd};
    *said = (dj_checks_said){.report = dj_check_report_text(s, &result, &how),
                             .clean = result.len == 0};
    return !dj_checks_failed(&result, DJ_ERROR_LEVEL);
}

/* -- addresses -- */

dj_str dj_listen_text(dj_scope *s, const dj_listen *l)
{
    struct sockaddr_storage at = {0};
    socklen_t               len = sizeof at;
    char                    host[INET6_ADDRSTRLEN] = "";
    const char             *scheme = l->tls ? "https" : "http";
    if (getsockname(l->fd, (struct sockaddr *)&at, &len) != 0 || at.ss_family == AF_UNIX)
        return l->address;
    if (at.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&at;
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        return dj_strf(s, "%s://[%s]:%u", scheme, host, ntohs(in6->sin6_port));
    }
    const struct sockaddr_in *in = (const struct sockaddr_in *)&at;
    (void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
    return dj_strf(s, "%s://%s:%u", scheme, host, ntohs(in->sin_port));
}
