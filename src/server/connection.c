/* src/server/connection.c - one client: bytes in, requests to the application, answers out.
 *
 * A state machine on the loop; only the view runs on a coroutine. All requests that one read
 * brought are answered with one send. Nothing here waits: what can't go on now leaves and is called
 * again by the loop.
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
#include <sys/uio.h>
#include <unistd.h>

#define COPY_MAX                                                                                   \
    ((size_t)16 *                                                                                  \
     1024) /* bodies up to here are copied behind their head: one piece for the kernel */
#define STAGE_FULL    ((size_t)48 * 1024) /* staged answers go out before there are more */
#define LINGER_MS     1000
#define LINGER_BYTES  ((size_t)64 * 1024)
#define BODY_TICK_MS  1000
#define IOV_BATCH     32
#define BODY_ROOM     ((size_t)64 * 1024)
#define DRAIN_IDLE_MS 2000

static void process(dj_conn *conn);

/* -- the socket -- */

static void want(dj_conn *conn, unsigned events)
{
    if (conn->watched == events)
        return;
    conn->watched = events;
    (void)dj_watch_change(conn->worker->loop, &conn->watch, events);
}

static void give_back_buffer(dj_conn *conn)
{
    if (conn->in != NULL && conn->in_cap == DJ_CONN_BUFFER)
        dj_worker_buffer_back(conn->worker, conn->in);
    else
        free(conn->in);
    conn->in = NULL;
    conn->in_cap = conn->in_len = conn->in_from = 0;
}

static void free_conn(dj_conn *conn)
{
    give_back_buffer(conn);
    free(conn->out);
    dj_worker_conn_back(conn->worker, conn);
}

static void release_work(dj_conn *conn)
{
    dj_work *work = conn->work;
    conn->work = NULL;
    dj_worker_work_back(conn->worker, work);
}

/* Off the loop at once; freed now, or by the request that still runs on it, or by the process() on
 * the stack. Does not return when the running coroutine is the connection's own. */
static void close_conn(dj_conn *conn)
{
    dj_loop *loop = conn->worker->loop;
    bool     handling = conn->state == DJ_CONN_HANDLE;
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
    if (handling) {
        dj_co_abandon(conn->work->co); /* ends in request_ended, which frees */
        return;
    }
    if (conn->busy)
        return;
    if (conn->work != NULL)
        release_work(conn);
    free_conn(conn);
}

static void enter(dj_conn *conn, dj_conn_state state, int64_t ms)
{
    conn->state = state;
    conn->since_ms = dj_loop_ms(conn->worker->loop);
    dj_timer_start(conn->worker->loop, &conn->timer, ms);
}

static dj_io receive(dj_conn *conn, char *to, size_t size, size_t *got)
{
    if (conn->tls != NULL)
        return dj_tls_read(conn->tls, to, size, got);
    ssize_t n = recv(conn->watch.fd, to, size, 0);
    if (n > 0) {
        *got = (size_t)n;
        return DJ_IO_OK;
    }
    if (n == 0)
        return DJ_IO_CLOSED;
    return errno == EAGAIN || errno == EINTR ? DJ_IO_WANT_READ : DJ_IO_FAILED;
}

static dj_io send_some(dj_conn *conn, const struct iovec *iov, size_t n, size_t *sent)
{
    if (conn->tls != NULL)
        return dj_tls_write(conn->tls, iov[0].iov_base, iov[0].iov_len, sent);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n};
    ssize_t done = n == 1 ? send(conn->watch.fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL)
                          : sendmsg(conn->watch.fd, &message, MSG_NOSIGNAL);
    if (done >= 0) {
        *sent = (size_t)done;
        return DJ_IO_OK;
    }
    return errno == EAGAIN || errno == EINTR ? DJ_IO_WANT_WRITE : DJ_IO_FAILED;
}

/* -- answers out -- */

static size_t pieces_to_iov(const dj_conn *conn, struct iovec *iov, size_t n)
{
    const dj_response *resp = conn->work->resp;
    for (size_t i = conn->piece; i < resp->npieces && n < IOV_BATCH; i++) {
        size_t from = i == conn->piece ? conn->piece_from : 0;
        iov[n++] = (struct iovec){(void *)(uintptr_t)(resp->pieces[i].ptr + from),
                                  resp->pieces[i].len - from};
    }
    return n;
}

static void pieces_sent(dj_conn *conn, size_t sent)
{
    const dj_response *resp = conn->work->resp;
    while (sent > 0) {
        size_t left = resp->pieces[conn->piece].len - conn->piece_from;
        if (sent < left) {
            conn->piece_from += sent;
            return;
        }
        sent -= left;
        conn->piece++;
        conn->piece_from = 0;
    }
    conn->pieces_left = conn->piece < resp->npieces;
}

/* Keeps `rest` for later, behind what is kept already; false without memory. */
static bool keep_unsent(dj_conn *conn, dj_str rest)
{
    if (rest.len == 0)
        return true;
    size_t kept = conn->out_len - conn->out_from;
    char  *both = malloc(kept + rest.len);
    if (both == NULL)
        return false;
    if (kept > 0)
        memcpy(both, conn->out + conn->out_from, kept);
    memcpy(both + kept, rest.ptr, rest.len);
    free(conn->out);
    conn->out = both;
    conn->out_from = 0;
    conn->out_len = kept + rest.len;
    return true;
}

/* What is owned, then the response's pieces. DJ_IO_OK: all is with the kernel. */
static dj_io flush_kept(dj_conn *conn)
{
    while (conn->out != NULL || conn->pieces_left) {
        struct iovec iov[IOV_BATCH];
        size_t       n = 0, sent = 0, kept = conn->out_len - conn->out_from;
        if (conn->out != NULL)
            iov[n++] = (struct iovec){conn->out + conn->out_from, kept};
        if (conn->pieces_left)
            n = pieces_to_iov(conn, iov, n);
        dj_io io = send_some(conn, iov, n, &sent);
        if (io != DJ_IO_OK)
            return io;
        if (conn->out != NULL) {
            size_t of_kept = sent < kept ? sent : kept;
            conn->out_from += of_kept;
            sent -= of_kept;
            if (conn->out_from == conn->out_len) {
                free(conn->out);
                conn->out = NULL;
                conn->out_len = conn->out_from = 0;
            }
        }
        if (sent > 0)
            pieces_sent(conn, sent);
        /* A body's tick and a view's freedom from time-outs are not the writer's to change. */
        if (conn->state == DJ_CONN_WRITE)
            dj_timer_start(conn->worker->loop, &conn->timer, conn->worker->config->limits.write_ms);
    }
    return DJ_IO_OK;
}

/* Sends what this turn staged for `conn` (the stage is empty afterwards), and the pieces of a large
 * body behind it. */
static dj_io flush_stage(dj_conn *conn)
{
    dj_buf *stage = &conn->worker->stage;
    dj_str  rest = dj_buf_str(stage);
    bool    cut = stage->full;
    stage->len = 0; /* the bytes stay until the next answer is staged */
    stage->full = false;
    if (cut) {
        dj_log(DJ_LIT("donjon.server"), DJ_ERROR_LEVEL, NULL, "response headers over %zu bytes",
               stage->max);
        return DJ_IO_FAILED;
    }
    if (conn->out != NULL)
        return keep_unsent(conn, rest) ? flush_kept(conn) : DJ_IO_FAILED;
    while (rest.len > 0) {
        struct iovec iov[IOV_BATCH] = {{(void *)(uintptr_t)rest.ptr, rest.len}};
        size_t       sent = 0;
        size_t       n = conn->pieces_left && conn->tls == NULL ? pieces_to_iov(conn, iov, 1) : 1;
        dj_io        io = send_some(conn, iov, n, &sent);
        if (io == DJ_IO_WANT_WRITE || io == DJ_IO_WANT_READ)
            return keep_unsent(conn, rest) ? io : DJ_IO_FAILED;
        if (io != DJ_IO_OK)
            return io;
        size_t of_stage = sent < rest.len ? sent : rest.len;
        rest = dj_str_from(rest, of_stage);
        if (sent > of_stage)
            pieces_sent(conn, sent - of_stage);
    }
    return conn->pieces_left ? flush_kept(conn) : DJ_IO_OK;
}

/* Stage and kept bytes to the kernel; what it does not take stays with the connection, which then
 * waits for it. False: the connection is closed. */
static bool flush(dj_conn *conn)
{
    dj_io io = conn->worker->stage.len > 0 ? flush_stage(conn) : flush_kept(conn);
    if (io == DJ_IO_OK)
        return true;
    if (io == DJ_IO_FAILED || io == DJ_IO_CLOSED) {
        close_conn(conn);
        return false;
    }
    if (conn->state != DJ_CONN_HANDLE && conn->state != DJ_CONN_BODY)
        enter(conn, DJ_CONN_WRITE, conn->worker->config->limits.write_ms);
    want(conn, io == DJ_IO_WANT_READ ? DJ_READ : DJ_WRITE);
    return true;
}

static bool is_flushed(const dj_conn *conn)
{
    return conn->out == NULL && !conn->pieces_left && conn->worker->stage.len == 0;
}

/* After the last answer: half-close, then throw away a bounded amount of what still comes, so that
 * the peer reads the answer instead of a reset. RFC 9112 9.6. */
static void linger(dj_conn *conn)
{
    if (conn->tls != NULL)
        (void)dj_tls_shutdown(conn->tls);
    shutdown(conn->watch.fd, SHUT_WR);
    conn->in_from = conn->in_len = 0;
    enter(conn, DJ_CONN_LINGER, LINGER_MS);
    want(conn, DJ_READ);
}

/* Does the refused request ask for a head alone? Its head may never have been understood, so the
 * bytes are asked. */
static bool wants_head_only(const dj_conn *conn)
{
    if (conn->work != NULL)
        return conn->work->head.method == DJ_HEAD;
    dj_str input = dj_str_n(conn->in + conn->in_from, conn->in_len - conn->in_from);
    if (dj_str_starts(input, DJ_LIT("\r\n")))
        input = dj_str_from(input, 2);
    return dj_str_starts(input, DJ_LIT("HEAD "));
}

/* Answers without a request, by bytes prepared at start; nothing more is read. RFC 9110 15. */
static void refuse(dj_conn *conn, int status, dj_str reason)
{
    dj_worker *w = conn->worker;
    dj_str     body = w->app->refusal_body(status, w->app->ctx);
    dj_buf    *out = &w->stage;
    dj_buf_addf(out, "HTTP/1.1 %d " DJ_FMT "\r\n", status, DJ_ARG(dj_reason(status)));
    dj_buf_add(out, dj_worker_date(w));
    dj_buf_add(out, w->app->refusal_headers(status, conn->peer.tls, w->app->ctx));
    dj_buf_addf(out, "Content-Length: %zu\r\n", body.len);
    dj_buf_add(out, DJ_LIT("Connection: close\r\n\r\n"));
    if (!wants_head_only(conn))
        dj_buf_add(out, body);
    if (w->app->refused != NULL)
        w->app->refused(&conn->peer, status, reason, w->app->ctx);
    conn->close_after = true;
}

/* May no request follow this one? */
static bool is_last(const dj_conn *conn, const dj_head *head)
{
    return !head->keep_alive || conn->worker->draining ||
           conn->requests >= conn->worker->config->limits.requests_per_connection;
}

/* OPTIONS * concerns the server, not a resource. RFC 9110 9.3.7. */
static void answer_asterisk(dj_conn *conn, const dj_head *head)
{
    dj_worker *w = conn->worker;
    dj_buf    *out = &w->stage;
    dj_buf_add(out, DJ_LIT("HTTP/1.1 204 No Content\r\n"));
    dj_buf_add(out, dj_worker_date(w));
    dj_buf_add(out, w->app->refusal_headers(204, conn->peer.tls, w->app->ctx));
    dj_buf_add(out, DJ_LIT("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"));
    if (is_last(conn, head))
        conn->close_after = true;
    dj_buf_add(out, conn->close_after ? DJ_LIT("Connection: close\r\n\r\n") : DJ_LIT("\r\n"));
}

static dj_wire wire_of(dj_conn *conn, const dj_work *work)
{
    const dj_response *resp = work->resp;
    bool               no_body = resp->status == 204 || resp->status == 304 || resp->status < 200;
    bool unknown_length = resp->stream != NULL && !dj_header_seen(resp, DJ_HEADER_CONTENT_LENGTH);
    bool head_only = work->head.method == DJ_HEAD || no_body;
    bool chunked = unknown_length && work->head.minor > 0 && !no_body;
    if (unknown_length && !chunked && !head_only)
        conn->close_after = true; /* HTTP/1.0: the end of the connection ends the body */
    if (resp->close || is_last(conn, &work->head))
        conn->close_after = true;
    return (dj_wire){.head_only = head_only,
                     .chunked = chunked,
                     .close = conn->close_after,
                     .minor = work->head.minor};
}

static void report_done(dj_conn *conn, const dj_work *work, uint64_t bytes)
{
    const dj_server_app *app = conn->worker->app;
    if (app->done != NULL)
        app->done(work->req, work->resp, bytes, app->ctx);
}

/* The head, and a small body behind it, onto the stage; a large body stays where it is, in the
 * request's scope. */
static void stage_response(dj_conn *conn)
{
    dj_work           *work = conn->work;
    const dj_response *resp = work->resp;
    dj_buf            *stage = &conn->worker->stage;
    dj_wire            wire = wire_of(conn, work);
    size_t             before = stage->len;
    dj_response_head(stage, resp, &wire, dj_worker_date(conn->worker));
    if (!wire.head_only && resp->body_len <= COPY_MAX) {
        for (size_t i = 0; i < resp->npieces; i++)
            dj_buf_add(stage, resp->pieces[i]);
    } else if (!wire.head_only) {
        conn->piece = conn->piece_from = 0;
        conn->pieces_left = resp->npieces > 0;
    }
    report_done(conn, work, stage->len - before + (conn->pieces_left ? resp->body_len : 0));
}

/* -- streamed bodies: on the coroutine -- */

/* All staged and kept bytes to the kernel; waits while it takes no more. The coroutine does not
 * come back from a connection that is lost meanwhile. */
static void flush_waiting(dj_conn *conn)
{
    dj_loop *loop = conn->worker->loop;
    while (flush(conn) && !is_flushed(conn)) {
        if (dj_co_wait(loop, conn->worker->config->limits.write_ms) != DJ_OK)
            close_conn(conn); /* the peer reads nothing any more */
    }
}

/* One piece of a streamed body, in parts that the stage holds. */
static void stream_piece(dj_conn *conn, dj_str piece, bool chunked)
{
    dj_buf *stage = &conn->worker->stage;
    if (chunked)
        dj_buf_addf(stage, "%zx\r\n", piece.len);
    while (piece.len > 0) {
        dj_str part = dj_str_first(piece, COPY_MAX);
        dj_buf_add(stage, part);
        piece = dj_str_from(piece, part.len);
        if (piece.len > 0)
            flush_waiting(conn);
    }
    if (chunked)
        dj_buf_add(stage, DJ_LIT("\r\n"));
}

/* The stage belongs to whoever runs, so it is flushed before each call that may wait. */
static void stream_body(dj_work *work)
{
    dj_conn *conn = work->conn;
    dj_wire  wire = wire_of(conn, work);
    dj_str   piece = DJ_NONE;
    int64_t  promised = 0;
    uint64_t sent = 0;
    bool     counted = !wire.chunked &&
                   dj_str_to_int(dj_header_get(work->resp, DJ_LIT("Content-Length")), &promised) &&
                   promised >= 0;
    dj_response_head(&conn->worker->stage, work->resp, &wire, dj_worker_date(conn->worker));
    work->streaming = true;
    flush_waiting(conn);
    bool too_long = false;
    while (!wire.head_only && !too_long &&
           work->resp->stream(work->req, work->resp->stream_ctx, &piece)) {
        if (counted && piece.len > (uint64_t)promised - sent) {
            dj_log(DJ_LIT("donjon.server"), DJ_ERROR_LEVEL, NULL,
                   "a streamed body is longer than its Content-Length");
            piece = dj_str_first(piece, (size_t)((uint64_t)promised - sent));
            conn->close_after = too_long = true;
        }
        if (piece.len == 0)
            continue;
        sent += piece.len;
        stream_piece(conn, piece, wire.chunked);
        flush_waiting(conn);
    }
    if (counted && !wire.head_only && sent < (uint64_t)promised)
        conn->close_after = true; /* too short: only a close tells the client */
    if (wire.chunked && !wire.head_only)
        dj_buf_add(&conn->worker->stage, DJ_LIT("0\r\n\r\n"));
    report_done(conn, work, sent);
}

/* -- requests in -- */

static void run_request(void *arg)
{
    dj_work   *work = arg;
    dj_worker *w = work->conn->worker;
    work->co = dj_co_self(w->loop);
    work->resp = w->app->handle(work->req, w->app->ctx);
    if (work->resp->stream != NULL)
        stream_body(work);
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
        close_conn(conn);
        return;
    }
    if (abandoned)
        refuse(conn, 503, DJ_LIT("out-of-memory"));
    else if (!work->streaming)
        stage_response(conn);
    if (!conn->pieces_left)
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
    work->req->started_us = dj_loop_ms(w->loop) * 1000;
    conn->state = DJ_CONN_HANDLE; /* the timer may run on: it is set anew afterwards */
    if (!dj_co_start(w->loop, work->scope, run_request, work, request_ended)) {
        conn->state = DJ_CONN_IDLE;
        refuse(conn, 503, DJ_LIT("no-stack"));
        release_work(conn);
    }
}

/* Reads what is in the buffer. True: the body is whole. */
static bool take_body(dj_conn *conn)
{
    dj_work *work = conn->work;
    for (;;) {
        dj_str input = dj_str_n(conn->in + conn->in_from, conn->in_len - conn->in_from),
               data = DJ_NONE;
        size_t          consumed = 0;
        dj_http1_result r = dj_http1_body_read(&conn->body_parser, input, &consumed, &data);
        conn->in_from += consumed;
        switch (r) {
        case DJ_HTTP1_DATA:
            dj_buf_add(&work->body, data);
            DJ_ASSERT(!work->body.full); /* the parser counts against the same limit */
            break;
        case DJ_HTTP1_DONE:
            return true;
        case DJ_HTTP1_MORE:
            return false;
        case DJ_HTTP1_REFUSED:
            refuse(conn, dj_refusal_status(conn->body_parser.refusal),
                   dj_refusal_name(conn->body_parser.refusal));
            conn->state = DJ_CONN_IDLE;
            release_work(conn);
            return false;
        }
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
        refuse(conn, 503, DJ_LIT("out-of-memory"));
        return false;
    }
    dj_http1_result r = dj_http1_parse(&conn->head_parser, input, &work->head, &consumed);
    if (r != DJ_HTTP1_DONE) {
        dj_worker_work_back(w, work); /* half a head needs none */
        if (r == DJ_HTTP1_REFUSED)
            refuse(conn, dj_refusal_status(conn->head_parser.refusal),
                   dj_refusal_name(conn->head_parser.refusal));
        return false;
    }
    work->conn = conn;
    work->co = NULL;
    work->resp = NULL;
    work->streaming = false;
    work->body = dj_buf_make(work->scope, (size_t)w->config->limits.http.body);
    conn->work = work;
    conn->in_from += consumed;
    dj_http1_body_init(&conn->body_parser, &work->head, &w->config->limits.http);
    return true;
}

/* The rest of a body comes later: a larger buffer for it, with the head at its start, and room
 * behind the head for the longest line of a chunked body. False without memory. */
static bool await_body(dj_conn *conn)
{
    const dj_head *head = &conn->work->head;
    size_t start = conn->head_from, rest = conn->in_len - start, base = conn->in_from - start;
    size_t cap = base + BODY_ROOM + conn->worker->config->limits.http.trailers;
    char  *larger = malloc(cap);
    if (larger == NULL)
        return false;
    memcpy(larger, conn->in + start, rest);
    dj_head_move(&conn->work->head, conn->in + start, larger);
    give_back_buffer(conn);
    conn->in = larger;
    conn->in_cap = cap;
    conn->in_len = rest;
    conn->in_from = conn->body_base = base;
    conn->body_bytes = 0;
    conn->body_credit_ms = conn->worker->config->limits.body_grace_ms;
    if (head->expect_continue && head->minor > 0 && rest == base)
        dj_buf_add(&conn->worker->stage, DJ_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
    enter(conn, DJ_CONN_BODY, BODY_TICK_MS);
    return true;
}

/* One request as far as its bytes go. False: stop for now (more input needed, or refused). */
static bool process_one(dj_conn *conn)
{
    if (conn->state != DJ_CONN_BODY) {
        conn->head_from = conn->in_from;
        if (conn->in_len == conn->in_from || !take_head(conn))
            return false;
    }
    if (!take_body(conn)) {
        if (!conn->close_after && conn->state != DJ_CONN_BODY && !await_body(conn)) {
            refuse(conn, 503, DJ_LIT("out-of-memory"));
            release_work(conn);
        }
        return false;
    }
    dj_http1_init(&conn->head_parser, &conn->worker->config->limits.http, conn->peer.tls);
    if (conn->work->head.form == DJ_TARGET_ASTERISK) {
        conn->requests++;
        answer_asterisk(conn, &conn->work->head);
        conn->state = DJ_CONN_IDLE;
        release_work(conn);
    } else {
        dispatch(conn);
    }
    return true;
}

static bool can_parse(const dj_conn *conn)
{
    return !conn->close_after && !conn->pieces_left && conn->out == NULL &&
           conn->state != DJ_CONN_HANDLE && conn->state != DJ_CONN_CLOSED;
}

/* Nothing to do until the peer sends more: the timer and the watch for that. */
static void settle(dj_conn *conn)
{
    const dj_limits *limits = &conn->worker->config->limits;
    if (conn->state == DJ_CONN_BODY) {
        ; /* its tick runs */
    } else if (conn->in_len > conn->in_from) {
        if (conn->state != DJ_CONN_HEAD)
            enter(conn, DJ_CONN_HEAD, limits->head_ms);
    } else {
        give_back_buffer(conn);
        enter(conn, DJ_CONN_IDLE, conn->worker->draining ? DRAIN_IDLE_MS : limits->idle_ms);
    }
    want(conn, DJ_READ);
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
            if (conn->worker->stage.len >= STAGE_FULL && !flush(conn))
                break;
        }
        if (conn->state == DJ_CONN_CLOSED || !flush(conn) || conn->state == DJ_CONN_HANDLE ||
            !is_flushed(conn))
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
    } else if (conn->state != DJ_CONN_HANDLE && is_flushed(conn)) {
        if (conn->close_after)
            linger(conn);
        else
            settle(conn);
    }
}

/* -- events -- */

/* Room for the next read: the pooled buffer, then one that holds the largest head. False without
 * memory. */
static bool make_room(dj_conn *conn)
{
    const dj_http_limits *limits = &conn->worker->config->limits.http;
    if (conn->in == NULL) {
        conn->in = dj_worker_buffer(conn->worker);
        conn->in_cap = DJ_CONN_BUFFER;
        conn->in_len = conn->in_from = 0;
        return conn->in != NULL;
    }
    /* What was consumed makes room; before a body that is all, behind its head only the body. */
    size_t base = conn->state == DJ_CONN_BODY ? conn->body_base : 0;
    if (conn->in_from > base) {
        memmove(conn->in + base, conn->in + conn->in_from, conn->in_len - conn->in_from);
        conn->in_len -= conn->in_from - base;
        conn->in_from = base;
    }
    if (conn->in_len < conn->in_cap)
        return true;
    size_t cap = limits->request_line + limits->header_section + limits->field_line + 64;
    if (cap <= conn->in_cap)
        return false; /* the parser has its say before that: see its limits */
    char *larger = malloc(cap);
    if (larger == NULL)
        return false;
    memcpy(larger, conn->in, conn->in_len);
    size_t len = conn->in_len;
    give_back_buffer(conn);
    conn->in = larger;
    conn->in_cap = cap;
    conn->in_len = len;
    return true;
}

static void read_once(dj_conn *conn)
{
    size_t got = 0;
    if (!make_room(conn)) {
        close_conn(conn);
        return;
    }
    dj_io io = receive(conn, conn->in + conn->in_len, conn->in_cap - conn->in_len, &got);
    if (io == DJ_IO_OK) {
        conn->in_len += got;
        conn->body_bytes += got;
        process(conn);
    } else if (io == DJ_IO_WANT_READ || io == DJ_IO_WANT_WRITE) {
        if (conn->in_len == conn->in_from && conn->state == DJ_CONN_IDLE)
            give_back_buffer(conn);
        want(conn, io == DJ_IO_WANT_WRITE ? DJ_READ | DJ_WRITE : DJ_READ);
    } else {
        close_conn(conn); /* an unfinished request is never handed on; RFC 9112 8 */
    }
}

static void throw_away(dj_conn *conn)
{
    char    scrap[4096];
    ssize_t n = recv(conn->watch.fd, scrap, sizeof scrap, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        conn->lingered += (size_t)n;
    if (n <= 0 || conn->lingered > LINGER_BYTES)
        close_conn(conn);
}

static void handshake(dj_conn *conn)
{
    switch (dj_tls_handshake(conn->tls)) {
    case DJ_IO_OK:
        enter(conn, DJ_CONN_IDLE,
              conn->worker->draining ? DRAIN_IDLE_MS : conn->worker->config->limits.idle_ms);
        want(conn, DJ_READ);
        read_once(conn);
        break;
    case DJ_IO_WANT_READ:
        want(conn, DJ_READ);
        break;
    case DJ_IO_WANT_WRITE:
        want(conn, DJ_WRITE);
        break;
    default:
        close_conn(conn);
    }
}

static void act(dj_conn *conn)
{
    switch (conn->state) {
    case DJ_CONN_HANDSHAKE:
        handshake(conn);
        break;
    case DJ_CONN_IDLE:
    case DJ_CONN_HEAD:
    case DJ_CONN_BODY:
        if (conn->out != NULL)
            process(conn);
        else
            read_once(conn);
        break;
    case DJ_CONN_HANDLE:
        /* The next request waits its turn, so its bytes must not be reported every turn; a hang-up
         * still is. A stream that waits for the kernel to take more asks anew if that was not
         * enough. */
        if (conn->work->streaming) {
            want(conn, 0);
            if (conn->out != NULL)
                dj_co_wake(conn->work->co);
        } else if (conn->out == NULL || (flush(conn) && is_flushed(conn))) {
            want(conn, 0);
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
        close_conn(conn);
        return;
    }
    if ((events & DJ_HANGUP) != 0 && conn->state >= DJ_CONN_HANDLE && conn->state != DJ_CONN_LINGER)
        close_conn(conn); /* nobody is there to read the answer */
    else
        act(conn);
}

static void read_again(dj_task *task)
{
    dj_conn *conn = (dj_conn *)(void *)((char *)task - offsetof(dj_conn, again));
    if (conn->state >= DJ_CONN_IDLE && conn->state <= DJ_CONN_BODY)
        read_once(conn);
}

/* Time that passes is paid with bytes that arrive. What came fast is worth as much as a stalled
 * write at most: a client that sent most of a body at once can't sit on it for hours. */
static bool body_is_too_slow(dj_conn *conn)
{
    const dj_limits *limits = &conn->worker->config->limits;
    int64_t          now = dj_loop_ms(conn->worker->loop);
    int64_t          most =
        limits->body_grace_ms > limits->write_ms ? limits->body_grace_ms : limits->write_ms;
    conn->body_credit_ms +=
        (int64_t)(conn->body_bytes * 1000 / limits->body_rate) - (now - conn->since_ms);
    if (conn->body_credit_ms > most)
        conn->body_credit_ms = most;
    conn->since_ms = now;
    conn->body_bytes = 0;
    return conn->body_credit_ms < 0;
}

/* Slower than allowed: 408, if there is a request to answer. */
static void time_out(dj_timer *timer)
{
    dj_conn *conn = (dj_conn *)(void *)((char *)timer - offsetof(dj_conn, timer));
    if (conn->state == DJ_CONN_HANDLE)
        return;
    if (conn->state == DJ_CONN_BODY) {
        if (!body_is_too_slow(conn)) {
            dj_timer_start(conn->worker->loop, &conn->timer, BODY_TICK_MS);
            return;
        }
        conn->state = DJ_CONN_IDLE;
        refuse(conn, 408, DJ_LIT("body-too-slow"));
        release_work(conn);
    } else if (conn->state == DJ_CONN_HEAD) {
        refuse(conn, 408, DJ_LIT("head-too-slow"));
    } else {
        close_conn(conn);
        return;
    }
    process(conn); /* sends and lingers */
}

void dj_conn_start(dj_worker *w, const dj_peer *peer, const unsigned char key[16], int fd, bool tls)
{
    dj_conn *conn = dj_worker_conn(w);
    if (conn == NULL) {
        if (!peer->unix_socket)
            dj_addresses_leave(w->addresses, key);
        close(fd);
        return;
    }
    conn->watch = (dj_watch){.fd = fd, .ready = ready};
    conn->timer.fire = time_out;
    conn->again.run = read_again;
    conn->peer = *peer;
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
    if (tls)
        enter(conn, DJ_CONN_HANDSHAKE, w->config->limits.head_ms);
    else
        enter(conn, DJ_CONN_IDLE, w->config->limits.idle_ms);
}

void dj_conn_drain(dj_conn *conn)
{
    /* A request may be on its way: an idle connection gets a moment, then the timer closes it. */
    if (conn->state == DJ_CONN_IDLE)
        enter(conn, DJ_CONN_IDLE, DRAIN_IDLE_MS);
}

void dj_conn_close(dj_conn *conn)
{
    close_conn(conn);
}
