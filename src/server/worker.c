/* src/server/worker.c - a worker's listeners, its pools, its clock line and its end.
 *
 * Must not know: how a request is read (connection.c) or answered (the application). */
#include "server/server.h"
#include "donjon/log.h"
#include "donjon/time.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define ACCEPT_BATCH   16  /* a turn, so that connections in service get theirs */
#define PAUSE_MS       100 /* without descriptors or memory, before accepting again */
#define TICKETS_MS     60000
#define KEEP_WORKS     64u /* pooled, beyond that freed */
#define KEEP_CONNS     256u
#define KEEP_BUFFERS   64u
#define UNSENT_MAX     (64 * 1024)
#define STAGE_FIRST    ((size_t)64 * 1024)
#define STAGE_MAX      ((size_t)1024 * 1024)
#define REQUEST_MEMORY ((size_t)64 * 1024 * 1024) /* of a request's scope, beside its body */

typedef struct dj_listener {
    dj_watch         watch;
    dj_worker       *worker;
    const dj_listen *listen;
    dj_peer          peer; /* what all its connections share */
    bool             watching;
} dj_listener;

dj_limits dj_limits_default(void)
{
    return (dj_limits){
        .http = dj_http_limits_default(),
        .connections = 10000,
        .connections_per_address = 100,
        .requests_per_connection = 1000,
        .head_ms = 10000,
        .idle_ms = 15000,
        .write_ms = 30000,
        .body_grace_ms = 10000,
        .body_rate = 1024,
        .write_rate = 1024,
    };
}

/* -- pools: kept warm up to a number, so an idle worker is small again -- */

char *dj_worker_buffer(dj_worker *w)
{
    char *buffer = w->free_buffers;
    if (buffer == NULL)
        return malloc(DJ_CONN_BUFFER);
    memcpy(&w->free_buffers, buffer, sizeof w->free_buffers);
    w->nfree_buffers--;
    return buffer;
}

void dj_worker_buffer_back(dj_worker *w, char *buffer)
{
    if (w->nfree_buffers >= KEEP_BUFFERS) {
        free(buffer);
        return;
    }
    memcpy(buffer, &w->free_buffers, sizeof w->free_buffers);
    w->free_buffers = buffer;
    w->nfree_buffers++;
}

char *dj_worker_file_buffer(dj_worker *w)
{
    if (w->file_buffer == NULL)
        w->file_buffer = malloc(DJ_FILE_BUFFER);
    return w->file_buffer;
}

dj_work *dj_worker_work(dj_worker *w)
{
    dj_work *work = w->free_works;
    if (work != NULL) {
        w->free_works = work->next;
        w->nfree_works--;
        return work;
    }
    work = malloc(sizeof *work);
    if (work == NULL)
        return NULL;
    /* A view may take a long body into memory and decode it. */
    work->scope = dj_scope_open(REQUEST_MEMORY + 2 * w->config->limits.http.body);
    if (work->scope == NULL) {
        free(work);
        return NULL;
    }
    return work;
}

void dj_worker_work_back(dj_worker *w, dj_work *work)
{
    if (w->nfree_works >= KEEP_WORKS) {
        dj_scope_close(work->scope);
        free(work);
        return;
    }
    dj_scope_reset(work->scope);
    work->next = w->free_works;
    w->free_works = work;
    w->nfree_works++;
}

dj_conn *dj_worker_conn(dj_worker *w)
{
    dj_conn *conn = w->free_conns;
    if (conn == NULL) {
        conn = malloc(sizeof *conn);
    } else {
        w->free_conns = conn->next;
        w->nfree_conns--;
    }
    if (conn == NULL)
        return NULL;
    *conn = (dj_conn){.worker = w, .next = w->conns};
    if (w->conns != NULL)
        w->conns->prev = conn;
    w->conns = conn;
    w->nconns++;
    return conn;
}

static void drained(dj_worker *w)
{
    void (*done)(void *) = w->drained;
    w->drained = NULL;
    dj_timer_stop(w->loop, &w->drain_timer);
    if (done != NULL)
        done(w->drained_ctx);
}

void dj_worker_conn_back(dj_worker *w, dj_conn *conn)
{
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        w->conns = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    if (conn->counted)
        dj_addresses_leave(w->addresses, conn->key);
    w->nconns--;
    if (w->nfree_conns >= KEEP_CONNS) {
        free(conn);
    } else {
        conn->next = w->free_conns;
        w->free_conns = conn;
        w->nfree_conns++;
    }
    if (w->draining && w->nconns == 0)
        drained(w);
}

dj_str dj_worker_date(dj_worker *w)
{
    int64_t now = dj_loop_now(w->loop);
    if (now != w->date || w->date_line_len == 0) {
        w->date = now;
        memcpy(w->date_line, "Date: ", 6);
        dj_http_date(w->date_line + 6, now);
        memcpy(w->date_line + 6 + DJ_HTTP_DATE_LEN, "\r\n", 2);
        w->date_line_len = 8 + DJ_HTTP_DATE_LEN;
    }
    return dj_str_n(w->date_line, w->date_line_len);
}

unsigned dj_worker_connections(const dj_worker *w)
{
    return w->nconns;
}

void dj_worker_set_tls(dj_worker *w, dj_tls *tls)
{
    w->tls = tls;
}

/* -- accepting -- */

static void watch_listeners(dj_worker *w, bool on)
{
    for (size_t i = 0; i < w->nlisteners; i++) {
        dj_listener *l = &w->listeners[i];
        if (on && !l->watching)
            l->watching = dj_watch_add(w->loop, &l->watch, DJ_READ | DJ_EXCLUSIVE) == 0;
        else if (!on && l->watching) {
            dj_watch_remove(w->loop, &l->watch);
            l->watching = false;
        }
    }
}

static void resume(dj_timer *t)
{
    dj_worker *w = (dj_worker *)(void *)((char *)t - offsetof(dj_worker, pause));
    if (!w->draining)
        watch_listeners(w, true);
}

static void pause_accepting(dj_worker *w, const char *why)
{
    dj_log(DJ_LIT("donjon.server"), DJ_ERROR_LEVEL, NULL, "accepting pauses: %s", why);
    watch_listeners(w, false);
    dj_timer_start(w->loop, &w->pause, PAUSE_MS);
}

/* Refused before anything is read: one write, whatever fits, and gone. */
static void turn_away(dj_worker *w, const dj_peer *peer, int fd)
{
    if (!peer->tls) {
        dj_str body = w->app->refusal_body(503, w->app->ctx);
        char   end[80];
        int    n =
            snprintf(end, sizeof end, "Content-Length: %zu\r\nConnection: close\r\n\r\n", body.len);
        dj_str        parts[] = {DJ_LIT("HTTP/1.1 503 Service Unavailable\r\n"), dj_worker_date(w),
                                 w->app->refusal_headers(503, false, w->app->ctx),
                                 dj_str_n(end, (size_t)n), body};
        struct iovec  iov[DJ_COUNT(parts)];
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = DJ_COUNT(parts)};
        for (size_t i = 0; i < DJ_COUNT(parts); i++)
            iov[i] = (struct iovec){(void *)(uintptr_t)parts[i].ptr, parts[i].len};
        (void)!sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (w->app->refused != NULL)
        w->app->refused(peer, 503, DJ_LIT("too-many-connections"), w->app->ctx);
    close(fd);
}

void dj_address_describe(const struct sockaddr_storage *from, char text[48], unsigned char key[16],
                         bool *loopback)
{
    memset(key, 0, 16);
    text[0] = '\0';
    *loopback = false;
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
        inet_ntop(AF_INET, &in->sin_addr, text, 48);
        memcpy(key + 12, &in->sin_addr, 4);
        key[10] = key[11] = 0xFF;
        *loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from;
        memcpy(key, &in6->sin6_addr, 16);
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
            inet_ntop(AF_INET, key + 12, text, 48);
            *loopback = key[12] == 127;
        } else {
            inet_ntop(AF_INET6, &in6->sin6_addr, text, 48);
            *loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
            memset(key + 8, 0, 8); /* a subscriber has a whole /64: that counts as one client */
        }
    }
}

/* Anybody else could claim to be anybody: not a word to them. */
static bool is_proxy(dj_worker *w, const dj_peer *peer)
{
    const dj_server_app *app = w->app;
    if (app->is_proxy != NULL && app->is_proxy(peer, app->ctx))
        return true;
    if (app->refused != NULL)
        app->refused(peer, 403, DJ_LIT("not-a-trusted-proxy"), app->ctx);
    return false;
}

/* False when there is nothing more to accept now. */
static bool accept_one(dj_listener *l)
{
    dj_worker              *w = l->worker;
    struct sockaddr_storage from;
    socklen_t               len = sizeof from;
    int                     fd =
        accept4(l->watch.fd, (struct sockaddr *)(void *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(w, strerrordesc_np(errno));
        return errno == ECONNABORTED || errno == EINTR;
    }
    dj_peer       peer = l->peer;
    char          text[48];
    unsigned char key[16] = {0};
    if (peer.unix_socket)
        text[0] = '\0';
    else
        dj_address_describe(&from, text, key, &peer.loopback);
    peer.address = dj_str_of(text);
    const dj_limits *limits = &w->config->limits;
    bool             proxied = w->config->proxy_protocol;
    if (proxied && !is_proxy(w, &peer)) {
        close(fd);
        return true;
    }
    if (w->nconns >= limits->connections ||
        (!peer.unix_socket && !proxied &&
         !dj_addresses_enter(w->addresses, key, limits->connections_per_address))) {
        turn_away(w, &peer, fd);
        return true;
    }
    dj_conn_start(w, &peer, key, fd, peer.tls);
    return true;
}

static void accept_ready(dj_watch *watch, unsigned events)
{
    (void)events;
    dj_listener *l = (dj_listener *)(void *)watch;
    for (int i = 0; i < ACCEPT_BATCH && l->watching; i++) {
        if (!accept_one(l))
            break;
    }
}

/* "127.0.0.1:8000" gives the address and the port; a Unix socket has neither. */
static void local_side(const dj_listen *listen, dj_peer *peer)
{
    size_t colon = dj_str_rchr(listen->address, ':');
    peer->tls = listen->tls;
    peer->redirect_only = listen->redirect_only;
    peer->unix_socket = dj_str_starts(listen->address, DJ_LIT("unix:"));
    peer->loopback = peer->unix_socket;
    peer->server_name = DJ_LIT("localhost");
    peer->port = listen->tls ? 443 : 80;
    if (peer->unix_socket || colon == DJ_NOT_FOUND)
        return;
    int64_t port = 0;
    if (dj_str_to_int(dj_str_from(listen->address, colon + 1), &port) && port > 0 && port < 65536)
        peer->port = (uint16_t)port;
    if (colon > 0)
        peer->server_name = dj_str_first(listen->address, colon);
}

static uint16_t https_port(const dj_server_config *config)
{
    for (size_t i = 0; i < config->nlistens; i++) {
        if (config->listens[i].tls) {
            dj_peer peer = {0};
            local_side(&config->listens[i], &peer);
            return peer.port;
        }
    }
    return 443;
}

static dj_err open_listener(dj_scope *s, dj_worker *w, dj_listener *l, const dj_listen *listen)
{
    *l = (dj_listener){
        .watch = {.fd = listen->fd, .ready = accept_ready}, .worker = w, .listen = listen};
    local_side(listen, &l->peer);
    l->peer.https_port = https_port(w->config);
    int on = 1; /* inherited by accepted sockets; a Unix socket refuses it, which is fine */
    (void)setsockopt(listen->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* Little waits unsent in the kernel: "writable" then means that the client reads, so the stall
     * time-out is about the client and not about megabytes of buffer. */
    int unsent = UNSENT_MAX;
    (void)setsockopt(listen->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    int error = dj_watch_add(w->loop, &l->watch, DJ_READ | DJ_EXCLUSIVE);
    if (error != 0) {
        errno = error;
        return dj_fail_errno(s, "watching " DJ_FMT, DJ_ARG(listen->address));
    }
    l->watching = true;
    return DJ_OK;
}

static void turn_tickets(dj_timer *t)
{
    dj_worker *w = (dj_worker *)(void *)((char *)t - offsetof(dj_worker, tickets));
    dj_tls_tick();
    dj_timer_start(w->loop, t, TICKETS_MS);
}

/* The end of the worker's scope: what the pools hold. */
static void empty_pools(void *what)
{
    dj_worker *w = what;
    while (w->free_works != NULL) {
        dj_work *work = w->free_works;
        w->free_works = work->next;
        dj_scope_close(work->scope);
        free(work);
    }
    while (w->free_conns != NULL) {
        dj_conn *conn = w->free_conns;
        w->free_conns = conn->next;
        free(conn);
    }
    while (w->free_buffers != NULL) {
        char *buffer = w->free_buffers;
        memcpy(&w->free_buffers, buffer, sizeof w->free_buffers);
        free(buffer);
    }
    free(w->file_buffer);
}

dj_err dj_worker_new(dj_scope *s, dj_loop *loop, const dj_server_config *config,
                     const dj_server_app *app, dj_tls *tls, dj_worker **out)
{
    dj_worker *w = dj_new(s, dj_worker);
    w->loop = loop;
    w->scope = s;
    w->config = config;
    w->app = app;
    w->tls = tls;
    w->pause.fire = resume;
    dj_own(s, empty_pools, w);
    w->addresses = dj_addresses_new(s, config->limits.connections);
    w->stage = dj_buf_make(s, STAGE_MAX);
    if (!dj_buf_reserve(&w->stage, STAGE_FIRST))
        return dj_fail(s, DJ_ERR_MEMORY, "no room for answers");
    w->nlisteners = config->nlistens;
    w->listeners = dj_new_array(s, dj_listener, config->nlistens);
    for (size_t i = 0; i < config->nlistens; i++) {
        dj_err e = open_listener(s, w, &w->listeners[i], &config->listens[i]);
        if (e)
            return e;
    }
    w->tickets.fire = turn_tickets;
    if (tls != NULL)
        dj_timer_start(loop, &w->tickets, TICKETS_MS);
    *out = w;
    return DJ_OK;
}

/* -- the end -- */

static void drain_over(dj_timer *t)
{
    dj_worker *w = (dj_worker *)(void *)((char *)t - offsetof(dj_worker, drain_timer));
    dj_log(DJ_LIT("donjon.server"), DJ_WARNING, NULL, "drain is over with %u connections open",
           w->nconns);
    drained(w);
}

void dj_worker_drain(dj_worker *w, int64_t ms, void (*done)(void *ctx), void *ctx)
{
    w->draining = true;
    w->drained = done;
    w->drained_ctx = ctx;
    w->drain_timer.fire = drain_over;
    dj_timer_stop(w->loop, &w->pause);
    watch_listeners(w, false);
    dj_timer_start(w->loop, &w->drain_timer, ms);
    for (dj_conn *conn = w->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        dj_conn_drain(conn);
    }
    if (w->nconns == 0 && w->drained != NULL)
        drained(w);
}

void dj_worker_resume(dj_worker *w)
{
    w->draining = false;
    w->drained = NULL;
    dj_timer_stop(w->loop, &w->drain_timer);
    watch_listeners(w, true);
}

void dj_worker_close(dj_worker *w)
{
    w->drained = NULL;
    dj_timer_stop(w->loop, &w->pause);
    dj_timer_stop(w->loop, &w->tickets);
    dj_timer_stop(w->loop, &w->drain_timer);
    watch_listeners(w, false);
    while (w->conns != NULL)
        dj_conn_close(w->conns);
}
