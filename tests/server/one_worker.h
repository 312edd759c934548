/* tests/server/one_worker.h - a whole worker on a loopback port, and a client that turns its loop.
 */
#pragma once
#include "test.h"
#include "server/server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELPER __attribute__((unused)) /* each test uses some of them */

#define GOT_MAX ((size_t)4 * 1024 * 1024)

typedef struct fix {
    dj_scope          *scope; /* of the worker */
    dj_loop           *loop;
    dj_listen          listen;
    dj_server_config   config;
    dj_server_app      app;
    dj_worker         *worker;
    dj_timer           pause;
    struct sockaddr_in at;
    unsigned           answered, refused, released, woken, pieces;
    int                last_refusal;
    dj_str             lines; /* of refusals */
    bool               drained;
    char              *got;
    size_t             got_len;
} fix;

static fix *the; /* a timer has no context */

static void stop_loop(dj_timer *t)
{
    (void)t;
    dj_loop_stop(the->loop);
}

static void turn(fix *f, int64_t ms)
{
    dj_timer_start(f->loop, &f->pause, ms);
    dj_loop_run(f->loop);
}

static void done(const dj_req *req, const dj_response *resp, uint64_t bytes, void *ctx)
{
    (void)req, (void)resp, (void)bytes;
    ((fix *)ctx)->answered++;
}

static dj_str refusal_headers(int status, bool tls, void *ctx)
{
    (void)status, (void)tls;
    return ((fix *)ctx)->lines;
}

static dj_str refusal_body(int status, void *ctx)
{
    (void)status, (void)ctx;
    return DJ_LIT("no");
}

static void refused(const dj_peer *peer, int status, dj_str reason, void *ctx)
{
    (void)peer, (void)reason;
    ((fix *)ctx)->refused++;
    ((fix *)ctx)->last_refusal = status;
}

/* Long bodies as a site keeps them. */
static dj_err keep_body(dj_req *req, dj_str bytes, bool last, void *ctx)
{
    static dj_form_limits limits = {.memory = 1000, .fields = 10, .files = 3};
    limits.loop = ((fix *)ctx)->loop;
    return last ? dj_intake_end(req) : dj_intake_take(req, &limits, bytes);
}

/* -- the two ends -- */

static fix *begin(dj_case *c, dj_response *(*handle)(dj_req *req, void *ctx))
{
    fix *f = dj_new(c->scope, fix);
    the = f;
    f->scope = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    f->got = dj_alloc_raw(c->scope, GOT_MAX);
    f->loop = dj_loop_new();
    f->lines = DJ_LIT("X-Content-Type-Options: nosniff\r\n");
    f->listen = (dj_listen){.address = DJ_LIT("127.0.0.1:0"), .fd = -1};
    f->config = (dj_server_config){
        .listens = &f->listen, .nlistens = 1, .limits = dj_limits_default(), .workers = 1};
    f->config.limits.http.body = 1024 * 1024;
    f->app = (dj_server_app){.ctx = f,
                             .handle = handle,
                             .body = keep_body,
                             .done = done,
                             .refusal_headers = refusal_headers,
                             .refusal_body = refusal_body,
                             .refused = refused};
    f->pause.fire = stop_loop;
    dj_expect_ok(dj_server_bind(c->scope, &f->config));
    socklen_t len = sizeof f->at;
    assert_int_equal(getsockname(f->listen.fd, (struct sockaddr *)&f->at, &len), 0);
    dj_expect_ok(dj_worker_new(f->scope, f->loop, &f->config, &f->app, NULL, &f->worker));
    return f;
}

static void end(dj_case *c, fix *f)
{
    dj_worker_close(f->worker);
    assert_int_equal(dj_worker_connections(f->worker), 0);
    assert_int_equal(dj_co_count(f->loop), 0);
    dj_scope_close(f->scope);
    dj_loop_free(f->loop);
    dj_server_unbind(c->scope, &f->config);
}

static HELPER int connect_with(fix *f, int receive_buffer)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0)
        assert_int_equal(
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&f->at, sizeof f->at), 0);
    f->got_len = 0;
    return fd;
}

static HELPER void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static HELPER void ask(int fd, const char *path)
{
    char text[256];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    say(fd, text);
}

static HELPER size_t times(const fix *f, const char *what)
{
    size_t n = 0;
    dj_str rest = dj_str_n(f->got, f->got_len);
    for (size_t at; (at = dj_str_find(rest, dj_str_of(what))) != DJ_NOT_FOUND; n++)
        rest = dj_str_from(rest, at + strlen(what));
    return n;
}

static HELPER size_t place(const fix *f, const char *what)
{
    return dj_str_find(dj_str_n(f->got, f->got_len), dj_str_of(what));
}

/* Reads until `what` came `n` times (NULL: until the end of the connection) or 5 s are over. True:
 * so it was. */
static HELPER bool hear(fix *f, int fd, const char *what, size_t n)
{
    for (int i = 0; i < 1000; i++) {
        ssize_t len;
        while ((len = recv(fd, f->got + f->got_len, GOT_MAX - f->got_len, MSG_DONTWAIT)) > 0)
            f->got_len += (size_t)len;
        if (len == 0 || (len < 0 && errno != EAGAIN))
            return what == NULL || times(f, what) >= n;
        if (what != NULL && times(f, what) >= n)
            return true;
        turn(f, 5);
    }
    return false;
}

static HELPER void reset_and_close(int fd)
{
    const struct linger at_once = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}
