/* src/test/client.c - the test client: a site of its own, requests to it, the way of redirects.
 *
 * Must not know: how bytes are read or written (request.c, exchange.c). */
#include "donjon/builtin.h"
#include "donjon/crypto.h"
#include "donjon/time.h"
#include "test/test.h"
#include <time.h>

#define ANSWERS_MAX   ((size_t)512 * 1024 * 1024)
#define REDIRECTS_MAX 20
#define KEY_LEN       50

/* -- opening -- */

/* As Django's test runner changes the settings: the test's own host is allowed, DEBUG is off. */
static void prepare(dj_scope *s, const char *host, dj_settings *settings)
{
    size_t  n = settings->ALLOWED_HOSTS.len;
    dj_str *hosts = dj_new_array(s, dj_str, n + 1);
    for (size_t i = 0; i < n; i++)
        hosts[i] = settings->ALLOWED_HOSTS.items[i];
    hosts[n] = dj_str_of(host);
    settings->ALLOWED_HOSTS = (dj_str_list){hosts, n + 1};
    settings->DEBUG = false;
    if (settings->secret_key == NULL)
        settings->secret_key = dj_secret_new(s, dj_random_string(s, KEY_LEN, DJ_ALPHANUMERIC));
}

static dj_err read_settings(dj_scope *s, const dj_client_options *o, const dj_settings **out)
{
    const dj_conf_options options = {.mode = DJ_CONF_STRICT};
    dj_conf_error         error;
    dj_conf              *conf;
    dj_settings          *settings;
    dj_err                e;
    if (o->settings != NULL) {
        *out = o->settings;
        return DJ_OK;
    }
    if (o->settings_text != NULL) {
        e = dj_conf_read_text(s, DJ_LIT("settings"), dj_str_of(o->settings_text), &options, &conf,
                              &error);
    } else {
        const char *path = o->settings_file != NULL ? o->settings_file : o->app->settings;
        if (path == NULL)
            return dj_fail(s, DJ_ERR_SETTINGS, "the test client has no settings: say which");
        e = dj_conf_read(s, dj_str_of(path), &options, &conf, &error);
    }
    if (e || (e = dj_settings_load(s, conf, &settings)) != DJ_OK)
        return e;
    prepare(s, o->host, settings);
    *out = settings;
    return DJ_OK;
}

static void client_close(void *what)
{
    dj_client *client = what;
    dj_loop_free(client->loop);
    dj_scope_close(client->answers);
}

dj_err dj_client_open(dj_scope *s, const dj_client_options *options, dj_client **out)
{
    dj_client *client = dj_new(s, dj_client);
    client->scope = client->jar.scope = s;
    client->options = *options;
    if (options->host == NULL)
        client->options.host = "testserver";
    if (options->address == NULL)
        client->options.address = "127.0.0.1";
    if (options->timeout_ms == 0)
        client->options.timeout_ms = 10000;
    if (options->body_max == 0)
        client->options.body_max = (size_t)16 * 1024 * 1024;
    dj_err e = read_settings(s, &client->options, &client->settings);
    if (e)
        return e;
    if ((e = dj_time_zone_set(s, client->settings->TIME_ZONE)) != DJ_OK)
        return e;
    const dj_site_parts parts = {.app = options->app,
                                 .settings = client->settings,
                                 .builtin = dj_builtin_middleware,
                                 .nbuiltin = dj_builtin_middleware_len};
    if ((e = dj_site_new(s, &parts, &client->site)) != DJ_OK)
        return e;
    client->limits = dj_http_limits_default();
    client->limits.body = (uint64_t)client->settings->MAX_REQUEST_BODY;
    client->answers = dj_scope_open(ANSWERS_MAX);
    client->loop = dj_loop_new();
    dj_own(s, client_close, client);
    if (client->answers == NULL || client->loop == NULL)
        return dj_fail_errno(s, "no memory or descriptor for the test client");
    *out = client;
    return DJ_OK;
}

void dj_client_forget(dj_client *client)
{
    dj_scope_reset(client->answers);
}

void dj_client_set_now(dj_client *client, int64_t now)
{
    client->options.now = now;
}

const dj_settings *dj_client_settings(const dj_client *client)
{
    return client->settings;
}

/* -- sending -- */

static int64_t now_of(const dj_client *client)
{
    return client->options.now != 0 ? client->options.now : (int64_t)time(NULL);
}

/* One request; cookies of the answer are kept. */
static dj_answer *send_one(dj_client *client, const dj_client_request *r, const dj_target *target)
{
    dj_scope  *s = client->answers;
    int64_t    now = now_of(client);
    dj_answer *a = dj_exchange(client, dj_test_bytes(s, client, r, target, now), target->secure,
                               r->pieces_max);
    dj_str     path = dj_str_first(target->path, dj_str_chr(target->path, '?'));
    for (size_t i = 0; i < a->nheaders; i++) {
        if (dj_str_eq_nocase(a->headers[i].name, DJ_LIT("Set-Cookie")))
            dj_jar_take(&client->jar, a->headers[i].value, path, target->secure, now);
    }
    a->method = target->method;
    a->url = dj_strf(s, "%s://" DJ_FMT DJ_FMT, target->secure ? "https" : "http",
                     DJ_ARG(target->host), DJ_ARG(target->path));
    return a;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where the answer sends its client; 307 and 308 keep method and body. */
static bool next_target(dj_scope *s, const dj_answer *a, dj_target *target)
{
    dj_url_parts parts;
    dj_str       url, location = dj_answer_header(a, "Location");
    if (!is_redirect(a->status) || dj_str_is_none(location) ||
        !dj_url_join(s, a->url, location, &url) || !dj_url_split(s, url, &parts) ||
        parts.netloc.len == 0)
        return false;
    target->secure = dj_str_eq(parts.scheme, DJ_LIT("https"));
    target->host = parts.netloc;
    target->path = parts.path.len == 0 ? DJ_LIT("/") : parts.path;
    if (parts.query.len > 0)
        target->path = dj_strf(s, DJ_FMT "?" DJ_FMT, DJ_ARG(target->path), DJ_ARG(parts.query));
    if (a->status != 307 && a->status != 308) {
        if (!dj_str_eq(target->method, DJ_LIT("HEAD")))
            target->method = DJ_LIT("GET");
        target->with_body = false;
    }
    return true;
}

static bool was_asked(const dj_answer *a, const dj_answer *now)
{
    for (; a != NULL; a = a->before) {
        if (dj_str_eq(a->url, now->url) && dj_str_eq(a->method, now->method))
            return true;
    }
    return false;
}

const dj_answer *dj_client_send(dj_client *client, const dj_client_request *request)
{
    dj_scope  *s = client->answers;
    dj_target  target = {.host = dj_str_of(client->options.host),
                         .path = dj_test_path(s, request),
                         .secure = request->secure,
                         .with_body = dj_test_has_body(request)};
    dj_answer *a, *before;
    target.method = request->method != NULL ? dj_str_of(request->method)
                    : target.with_body      ? DJ_LIT("POST")
                                            : DJ_LIT("GET");
    a = send_one(client, request, &target);
    for (int i = 0; request->follow && next_target(s, a, &target); i++) {
        before = a;
        a = send_one(client, request, &target);
        a->before = before;
        if (i == REDIRECTS_MAX || was_asked(before, a)) {
            a->problem = DJ_LIT("redirect loop");
            break;
        }
    }
    return a;
}

const dj_answer *dj_client_send_raw(dj_client *client, dj_str bytes, bool secure)
{
    dj_answer *a = dj_exchange(client, dj_str_dup(client->answers, bytes), secure, 0);
    a->method = a->url = DJ_LIT("");
    return a;
}

const dj_answer *dj_client_get(dj_client *client, const char *path)
{
    return dj_client_send(client, &(dj_client_request){.path = path});
}

const dj_answer *dj_client_post(dj_client *client, const char *path, dj_pairs form)
{
    return dj_client_send(
        client, &(dj_client_request){.method = "POST",
                                     .path = path,
                                     .form = form,
                                     .content_type = "application/x-www-form-urlencoded"});
}

const dj_answer *dj_client_post_json(dj_client *client, const char *path, const char *json)
{
    return dj_client_send(client, &(dj_client_request){.path = path,
                                                       .body = dj_str_of(json),
                                                       .content_type = "application/json"});
}

/* -- cookies -- */

dj_str dj_client_cookie(const dj_client *client, const char *name)
{
    const dj_jar_cookie *c = dj_jar_find(&client->jar, dj_str_of(name));
    return c == NULL ? DJ_NONE : c->value;
}

void dj_client_set_cookie(dj_client *client, const char *name, const char *value)
{
    dj_jar_put(
        &client->jar,
        &(dj_jar_cookie){.name = dj_str_of(name), .value = dj_str_of(value), .path = DJ_LIT("/")});
}

void dj_client_forget_cookies(dj_client *client)
{
    client->jar.len = 0;
}
