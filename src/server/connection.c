/* src/server/connection.c - one client: its states, bytes in, requests to the application.
 *
 * A state machine on the loop; only the view runs on a coroutine. All requests that one read
 * brought are answered with one send (answer.c). Nothing here waits: what can't go on now leaves
 * and is called again by the loop.
 *
 * The rule for `busy`: process() is the only place that parses and dispatches. A request that ends
 * while process() is on the stack (it did not wait) goes on in that call; one that ends later calls
 * process() itself.
 *
 * Must not know: routes, settings, middleware. RFC 9112. */
#include "server/server.h"
#include "donjon/log.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STAGE_FULL    ((size_t)48 * 1024) /* staged answers go out before there are more */
#define LINGER_MS     1000
#define LINGER_BYTES  ((size_t)64 * 1024)
#define DRAIN_IDLE_MS 2000

static void process(dj_conn *conn);

/* Does its request wait on a coroutine, in a view or for the rest of a long body? */
static bool is_on_coroutine(const dj_conn *conn)
{
    return conn->work != NULL && conn->work->co != NULL;
}

/* -- the socket -- */

void dj_conn_want(dj_conn *conn, unsigned events)
{
    if (conn->watched == events)
        return;
    conn->watched = events;
    (void)dj_watch_change(conn->worker->loop, &conn->watch, events);
}

static void free_conn(dj_conn *conn)
{
    dj_conn_give_back_buffer(conn);
    free(conn->out);
    dj_worker_conn_back(conn->worker, conn);
}

static void release_work(dj_conn *conn)
{
    dj_work *work = conn->work;
    conn->work = NULL;
    dj_worker_work_back(conn->worker, work);
}

/* Freed now, or by the request that still runs on it, or by the process() on the stack. */
void dj_conn_close(dj_conn *conn)
{
    dj_loop *loop = conn->worker->loop;
    if (conn->state == DJ_CONN_CLOSED)
        return;
    dj_timer_stop(loop, &conn->timer);
    dj_loop_undefer(loop, &conn->again);
    dj_watch_remove(loop, &conn->watch);
    if (conn->tls != NULL) {
        (void)dj_tls_shutdown(conn->tls);
        dj_tls_session_free(conn->tls);
        conn->tls = NULL;
    }
    close(conn->watch.fd);
    conn->state = DJ_CONN_CLOSED;
    if (is_on_coroutine(conn)) {
        dj_co_abandon(conn->work->co); /* ends in request_ended, which frees */
        return;
    }
    if (conn->busy)
        return;
    if (conn->work != NULL)
        release_work(conn);
    free_conn(conn);
}

void dj_conn_enter(dj_conn *conn, dj_conn_state state, int64_t ms)
{
    conn->state = state;
    conn->since_ms = dj_loop_ms(conn->worker->loop);
    dj_timer_start(conn->worker->loop, &conn->timer, ms);
}

/* After the last answer: half-close, then throw away a bounded amount of what still comes, so that
 * the peer reads the answer instead of a reset. RFC 9112 9.6. */
static void linger(dj_conn *conn)
{
    if (conn->tls != NULL)
        (void)dj_tls_shutdown(conn->tls);
    shutdown(conn->watch.fd, SHUT_WR);
    conn->in_from = conn->in_len = 0;
    dj_conn_enter(conn, DJ_CONN_LINGER, LINGER_MS);
    dj_conn_want(conn, DJ_READ);
}

/* -- requests in -- */

static void run_request(void *arg)
{
    dj_work   *work = arg;
    dj_worker *w = work->conn->worker;
    work->co = dj_co_self(w->loop);
    if (work->conn->state == DJ_CONN_BODY && !dj_conn_receive_body(work))
        return;
    work->conn->state = DJ_CONN_HANDLE; /* the timer may run on: it is set anew afterwards */
    if (work->head.form == DJ_TARGET_ASTERISK)
        return;
    work->req->started_us = dj_loop_ms(w->loop) * 1000;
    work->resp = w->app->handle(work->req, w->app->ctx);
    if (work->resp->stream != NULL)
        dj_conn_stream_body(work);
}

static void request_ended(void *arg, bool abandoned)
{
    dj_work *work = arg;
    dj_conn *conn = work->conn;
    work->co = NULL;
    if (conn->state == DJ_CONN_CLOSED) {
        release_work(conn);
        if (!conn->busy)
            free_conn(conn);
        return;
    }
    conn->state = DJ_CONN_IDLE;
    if (abandoned && work->streaming) {
        conn->worker->stage.len = 0; /* half an answer can't be mended */
        dj_conn_close(conn);
        return;
    }
    if (abandoned)
        dj_conn_refuse(conn, 503, DJ_LIT("out-of-memory"));
    else if (work->refused != 0)
        dj_conn_refuse(conn, work->refused, work->why);
    else if (work->resp == NULL)
        dj_conn_answer_asterisk(conn);
    else if (!work->streaming)
        dj_conn_stage_response(conn);
    if (!conn->body_left)
        release_work(conn);
    if (!conn->busy)
        process(conn);
}

static void dispatch(dj_conn *conn)
{
    dj_work   *work = conn->work;
    dj_worker *w = conn->worker;
    conn->requests++;
    work->req = dj_req_new(work->scope, &work->head, &conn->peer, dj_buf_str(&work->body));
    work->req->id = ++w->next_id;
    work->req->loop = w->loop;
    if (!dj_co_start(w->loop, work->scope, run_request, work, request_ended)) {
        conn->state = DJ_CONN_IDLE;
        dj_conn_refuse(conn, 503, DJ_LIT("no-stack"));
        release_work(conn);
    }
}

/* A whole head at in_from becomes conn->work. False: not whole, or refused. */
static bool take_head(dj_conn *conn)
{
    dj_worker *w = conn->worker;
    dj_str     input = dj_str_n(conn->in + conn->in_from, conn->in_len - conn->in_from);
    size_t     consumed = 0;
    dj_work   *work = dj_worker_work(w);
    if (work == NULL) {
        dj_conn_refuse(conn, 503, DJ_LIT("out-of-memory"));
        return false;
    }
    dj_http1_result r = dj_http1_parse(&conn->head_parser, input, &work->head, &consumed);
    if (r != DJ_HTTP1_DONE) {
        dj_worker_work_back(w, work); /* half a head needs none */
        if (r == DJ_HTTP1_REFUSED)
            dj_conn_refuse(conn, dj_refusal_status(conn->head_parser.refusal),
                           dj_refusal_name(conn->head_parser.refusal));
        return false;
    }
    work->conn = conn;
    work->co = NULL;
    work->resp = NULL;
    work->streaming = work->hungry = false;
    work->refused = 0;
    work->reads = 0;
    work->pending = DJ_NONE;
    work->body = dj_buf_make(work->scope, DJ_BODY_MEMORY);
    conn->work = work;
    conn->in_from += consumed;
    dj_http1_body_init(&conn->body_parser, &work->head, &w->config->limits.http);
    return true;
}

static void refuse_request(dj_conn *conn, int status, dj_str reason)
{
    dj_conn_refuse(conn, status, reason);
    conn->state = DJ_CONN_IDLE;
    release_work(conn);
}

/* The request is whole, or its body is a long one. */
static void request_is_there(dj_conn *conn)
{
    dj_http1_init(&conn->head_parser, &conn->worker->config->limits.http, conn->peer.tls);
    if (conn->state != DJ_CONN_BODY && conn->work->head.form == DJ_TARGET_ASTERISK) {
        conn->requests++;
        dj_conn_answer_asterisk(conn);
        release_work(conn);
    } else {
        dispatch(conn);
    }
}

/* One request as far as its bytes go. False: stop for now (more input needed, or refused). */
static bool process_one(dj_conn *conn)
{
    if (conn->state != DJ_CONN_BODY) {
        conn->head_from = conn->in_from;
        if (conn->in_len == conn->in_from || !take_head(conn))
            return false;
    }
    dj_body body = dj_conn_take_body(conn);
    if (body == DJ_BODY_REFUSED) {
        conn->state = DJ_CONN_IDLE;
        release_work(conn);
        return false;
    }
    if (body == DJ_BODY_LONG && conn->worker->app->body == NULL) {
        refuse_request(conn, 413, DJ_LIT("body-too-large"));
        return false;
    }
    if (body != DJ_BODY_WHOLE && conn->state != DJ_CONN_BODY && !dj_conn_await_body(conn)) {
        refuse_request(conn, 503, DJ_LIT("out-of-memory"));
        return false;
    }
    if (body == DJ_BODY_PART)
        return false;
    if (body == DJ_BODY_WHOLE)
        conn->state = DJ_CONN_IDLE;
    request_is_there(conn);
    return conn->state != DJ_CONN_BODY;
}

static bool can_parse(const dj_conn *conn)
{
    return !conn->close_after && !conn->body_left && conn->out == NULL &&
           conn->state != DJ_CONN_CLOSED && !is_on_coroutine(conn);
}

/* Nothing to do until the peer sends more: the timer and the watch for that. */
static void settle(dj_conn *conn)
{
    const dj_limits *limits = &conn->worker->config->limits;
    if (conn->state == DJ_CONN_BODY) {
        ; /* its tick runs */
    } else if (conn->in_len > conn->in_from) {
        dj_conn_shrink_buffer(conn);
        if (conn->state != DJ_CONN_HEAD)
            dj_conn_enter(conn, DJ_CONN_HEAD, limits->head_ms);
    } else {
        dj_conn_give_back_buffer(conn);
        dj_conn_enter(conn, DJ_CONN_IDLE, conn->worker->draining ? DRAIN_IDLE_MS : limits->idle_ms);
    }
    dj_conn_want(conn, DJ_READ);
    if (conn->tls != NULL)
        dj_loop_defer(conn->worker->loop,
                      &conn->again); /* OpenSSL may hold bytes that epoll does not know of */
}

/* As many requests as the input holds, then one send; again while that lets more be parsed. */
static void process(dj_conn *conn)
{
    bool starved = false;
    conn->busy = true;
    for (;;) {
        while (!starved && can_parse(conn)) {
            starved = !process_one(conn);
            if (conn->worker->stage.len >= STAGE_FULL && !dj_conn_flush(conn))
                break;
        }
        if (conn->state == DJ_CONN_CLOSED || !dj_conn_flush(conn) || is_on_coroutine(conn) ||
            !dj_conn_is_flushed(conn))
            break;
        if (conn->work != NULL && conn->state != DJ_CONN_BODY)
            release_work(conn); /* its large body has been sent */
        if (starved || conn->close_after)
            break;
    }
    conn->busy = false;
    if (conn->state == DJ_CONN_CLOSED) {
        if (conn->work != NULL)
            release_work(conn);
        free_conn(conn);
    } else if (!is_on_coroutine(conn) && dj_conn_is_flushed(conn)) {
        if (conn->close_after)
            linger(conn);
        else
            settle(conn);
    }
}

/* -- events -- */

static void read_once(dj_conn *conn)
{
    dj_io io = dj_conn_receive(conn);
    if (io == DJ_IO_OK) {
        process(conn);
    } else if (io == DJ_IO_WANT_READ || io == DJ_IO_WANT_WRITE) {
        if (conn->in_len == conn->in_from && conn->state == DJ_CONN_IDLE)
            dj_conn_give_back_buffer(conn);
        dj_conn_want(conn, io == DJ_IO_WANT_WRITE ? DJ_READ | DJ_WRITE : DJ_READ);
    } else {
        dj_conn_close(conn); /* an unfinished request is never handed on; RFC 9112 8 */
    }
}

/* Beyond the bound nothing more is read: a client that is still sending stands still, and finds the
 * answer, until the timer closes. Closing at once would reset the connection under the answer. */
static void throw_away(dj_conn *conn)
{
    char    scrap[4096];
    ssize_t n = recv(conn->watch.fd, scrap, sizeof scrap, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        conn->lingered += (size_t)n;
    if (n <= 0)
        dj_conn_close(conn);
    else if (conn->lingered > LINGER_BYTES)
        dj_conn_want(conn, 0);
}

static void handshake(dj_conn *conn)
{
    switch (dj_tls_handshake(conn->tls)) {
    case DJ_IO_OK:
        dj_conn_enter(conn, DJ_CONN_IDLE,
                      conn->worker->draining ? DRAIN_IDLE_MS
                                             : conn->worker->config->limits.idle_ms);
        dj_conn_want(conn, DJ_READ);
        read_once(conn);
        break;
    case DJ_IO_WANT_READ:
        dj_conn_want(conn, DJ_READ);
        break;
    case DJ_IO_WANT_WRITE:
        dj_conn_want(conn, DJ_WRITE);
        break;
    default:
        dj_conn_close(conn);
    }
}

/* A client that closes its end of a live stream has left: it may be long until there is something
 * to send that would tell. Bytes that wait behind the request hide it, and are not looked at. */
static void act_on_stream(dj_conn *conn)
{
    char     c;
    unsigned watch = 0;
    if (conn->work->resp->live) {
        ssize_t n = recv(conn->watch.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n == 0) {
            dj_conn_close(conn);
            return;
        }
        watch = n < 0 ? DJ_READ : 0;
    }
    dj_conn_want(conn, watch);
    if (conn->out != NULL)
        dj_co_wake(conn->work->co);
}

/* The client begins to speak. */
static void first_state(dj_conn *conn)
{
    const dj_limits *limits = &conn->worker->config->limits;
    if (conn->tls != NULL)
        dj_conn_enter(conn, DJ_CONN_HANDSHAKE, limits->head_ms);
    else
        dj_conn_enter(conn, DJ_CONN_IDLE, limits->idle_ms);
}

/* From now on the peer is whom the proxy named: for the logs, for counting, and for the question
 * whose forwarding headers are believed. A client without an address is nobody whom we know. False:
 * that address has connections enough. */
static bool peer_is_named(dj_conn *conn, const dj_proxy_header *header)
{
    dj_worker *w = conn->worker;
    bool       here = conn->peer.loopback, loopback;
    if (header->local)
        return true;
    dj_address_describe(&header->from, conn->address, conn->key, &loopback);
    conn->peer.address = dj_str_of(conn->address);
    conn->peer.unix_socket = false;
    conn->peer.loopback = here && loopback;
    if (conn->peer.address.len == 0)
        return true;
    conn->counted =
        dj_addresses_enter(w->addresses, conn->key, w->config->limits.connections_per_address);
    return conn->counted;
}

/* Exactly the header is read: what follows may be TLS, which reads for itself. */
static void read_proxy_header(dj_conn *conn)
{
    dj_proxy_header header;
    if (conn->in == NULL && (conn->in = dj_worker_buffer(conn->worker)) != NULL)
        conn->in_cap = DJ_CONN_BUFFER;
    for (size_t need = 0; conn->in != NULL;) {
        switch (dj_proxy_header_read(dj_str_n(conn->in, conn->in_len), &need, &header)) {
        case DJ_PROXY_REFUSED:
            if (conn->worker->app->refused != NULL)
                conn->worker->app->refused(&conn->peer, 400, DJ_LIT("proxy-header"),
                                           conn->worker->app->ctx);
            dj_conn_close(conn);
            return;
        case DJ_PROXY_DONE:
            dj_conn_give_back_buffer(conn);
            first_state(conn);
            if (peer_is_named(conn, &header))
                return; /* the loop reports what has come already */
            dj_conn_refuse(conn, 503, DJ_LIT("too-many-connections"));
            if (conn->tls != NULL) {
                conn->worker->stage.len = 0; /* no handshake, no answer */
                dj_conn_close(conn);
            } else {
                process(conn);
            }
            return;
        case DJ_PROXY_MORE:
            break;
        }
        ssize_t n = recv(conn->watch.fd, conn->in + conn->in_len, need - conn->in_len, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            break;
        conn->in_len += (size_t)n;
    }
    dj_conn_close(conn);
}

static void act(dj_conn *conn)
{
    switch (conn->state) {
    case DJ_CONN_PROXY:
        read_proxy_header(conn);
        break;
    case DJ_CONN_HANDSHAKE:
        handshake(conn);
        break;
    case DJ_CONN_IDLE:
    case DJ_CONN_HEAD:
    case DJ_CONN_BODY:
        if (is_on_coroutine(conn))
            dj_conn_body_ready(conn);
        else if (conn->out != NULL)
            process(conn);
        else
            read_once(conn);
        break;
    case DJ_CONN_HANDLE:
        /* The next request waits its turn, so its bytes must not be reported every turn; a hang-up
         * still is. A stream that waits for the kernel to take more asks anew if that was not
         * enough. */
        if (conn->work->streaming) {
            act_on_stream(conn);
        } else if (conn->out == NULL || (dj_conn_flush(conn) && dj_conn_is_flushed(conn))) {
            dj_conn_want(conn, 0);
        }
        break;
    case DJ_CONN_WRITE:
        process(conn);
        break;
    case DJ_CONN_LINGER:
        throw_away(conn);
        break;
    case DJ_CONN_CLOSED:
        break;
    }
}

static void ready(dj_watch *watch, unsigned events)
{
    dj_conn *conn = (dj_conn *)(void *)watch;
    if ((events & DJ_HANGUP) != 0 && (events & DJ_READ) == 0) {
        dj_conn_close(conn);
        return;
    }
    if ((events & DJ_HANGUP) != 0 && conn->state != DJ_CONN_LINGER &&
        (conn->state >= DJ_CONN_HANDLE || is_on_coroutine(conn)))
        dj_conn_close(conn); /* nobody is there to read the answer */
    else
        act(conn);
}

static void read_again(dj_task *task)
{
    dj_conn *conn = (dj_conn *)(void *)((char *)task - offsetof(dj_conn, again));
    if (conn->state >= DJ_CONN_IDLE && conn->state <= DJ_CONN_BODY && !is_on_coroutine(conn))
        read_once(conn);
}

/* Slower than allowed: 408, if there is a request to answer. */
static void time_out(dj_timer *timer)
{
    dj_conn *conn = (dj_conn *)(void *)((char *)timer - offsetof(dj_conn, timer));
    if (conn->state == DJ_CONN_HANDLE)
        return;
    if (conn->state == DJ_CONN_BODY) {
        if (dj_conn_body_tick(conn))
            return;
        refuse_request(conn, 408, DJ_LIT("body-too-slow"));
    } else if (conn->state == DJ_CONN_WRITE && dj_conn_write_tick(conn)) {
        return;
    } else if (conn->state == DJ_CONN_HEAD) {
        dj_conn_refuse(conn, 408, DJ_LIT("head-too-slow"));
    } else {
        dj_conn_close(conn);
        return;
    }
    process(conn); /* sends and lingers */
}

void dj_conn_start(dj_worker *w, const dj_peer *peer, const unsigned char key[16], int fd, bool tls)
{
    dj_conn *conn = dj_worker_conn(w);
    bool     counted = !peer->unix_socket && !w->config->proxy_protocol;
    if (conn == NULL) {
        if (counted)
            dj_addresses_leave(w->addresses, key);
        close(fd);
        return;
    }
    conn->watch = (dj_watch){.fd = fd, .ready = ready};
    conn->timer.fire = time_out;
    conn->again.run = read_again;
    conn->peer = *peer;
    conn->counted = counted;
    memcpy(conn->key, key, sizeof conn->key);
    DJ_ASSERT(peer->address.len < sizeof conn->address);
    memcpy(conn->address, peer->address.ptr, peer->address.len);
    conn->peer.address = dj_str_n(conn->address, peer->address.len);
    dj_http1_init(&conn->head_parser, &w->config->limits.http, tls);
    if (tls)
        conn->tls = dj_tls_accept(w->tls, fd);
    if ((tls && conn->tls == NULL) || dj_watch_add(w->loop, &conn->watch, DJ_READ) != 0) {
        if (conn->tls != NULL)
            dj_tls_session_free(conn->tls);
        conn->tls = NULL;
        close(fd);
        free_conn(conn);
        return;
    }
    conn->watched = DJ_READ;
    if (w->config->proxy_protocol)
        dj_conn_enter(conn, DJ_CONN_PROXY, w->config->limits.head_ms);
    else
        first_state(conn);
}

void dj_conn_drain(dj_conn *conn)
{
    /* A request may be on its way: an idle connection gets a moment, then the timer closes it. */
    if (conn->state == DJ_CONN_IDLE)
        dj_conn_enter(conn, DJ_CONN_IDLE, DRAIN_IDLE_MS);
    if (conn->state == DJ_CONN_HANDLE && conn->work->streaming && conn->work->resp->live) {
        conn->work->resp->ending = conn->close_after = true;
        dj_co_wake(conn->work->co);
    }
}
