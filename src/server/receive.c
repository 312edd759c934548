/* src/server/receive.c - bytes in: the buffer of a connection, and bodies.
 *
 * A body that fits into DJ_BODY_MEMORY is gathered in its request's scope, on the loop. A longer
 * one is read on the request's coroutine, which hands each stretch to the application before it
 * reads the next: what is done with it may wait (a disk may be slow) and may run out of memory or
 * room, and only this request feels it. Meanwhile nothing is read from this client, so it costs one
 * buffer whatever it sends. The view runs on the same coroutine once the framing was found valid to
 * the end. Ruled out: a file for every body (most are small), and threads that read sockets.
 *
 * Must not know: what bodies mean, where they are kept. RFC 9112 6 and 7. */
#include "server/server.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BODY_TICK_MS 1000
#define BODY_ROOM    ((size_t)64 * 1024)
#define READS_A_TURN 16 /* of a body that nobody keeps: the others want their turn */

/* -- the buffer -- */

void dj_conn_give_back_buffer(dj_conn *conn)
{
    if (conn->in != NULL && conn->in_cap == DJ_CONN_BUFFER)
        dj_worker_buffer_back(conn->worker, conn->in);
    else
        free(conn->in);
    conn->in = NULL;
    conn->in_cap = conn->in_len = conn->in_from = 0;
}

void dj_conn_shrink_buffer(dj_conn *conn)
{
    size_t rest = conn->in_len - conn->in_from;
    if (conn->in_cap <= DJ_CONN_BUFFER || rest > DJ_CONN_BUFFER / 2 || conn->state == DJ_CONN_HEAD)
        return;
    char *small = dj_worker_buffer(conn->worker);
    if (small == NULL)
        return; /* the large one will do */
    memcpy(small, conn->in + conn->in_from, rest);
    dj_conn_give_back_buffer(conn);
    conn->in = small;
    conn->in_cap = DJ_CONN_BUFFER;
    conn->in_len = rest;
    conn->in_from = 0;
}

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
    dj_conn_give_back_buffer(conn);
    conn->in = larger;
    conn->in_cap = cap;
    conn->in_len = len;
    return true;
}

dj_io dj_conn_receive(dj_conn *conn)
{
    dj_io  io = DJ_IO_OK;
    size_t got = 0;
    if (!make_room(conn))
        return DJ_IO_FAILED;
    if (conn->tls != NULL) {
        io = dj_tls_read(conn->tls, conn->in + conn->in_len, conn->in_cap - conn->in_len, &got);
    } else {
        ssize_t n = recv(conn->watch.fd, conn->in + conn->in_len, conn->in_cap - conn->in_len, 0);
        if (n > 0)
            got = (size_t)n;
        else if (n == 0)
            io = DJ_IO_CLOSED;
        else
            io = errno == EAGAIN || errno == EINTR ? DJ_IO_WANT_READ : DJ_IO_FAILED;
    }
    conn->in_len += got;
    conn->body_bytes += got;
    return io;
}

/* -- bodies -- */

/* What of it is in the buffer. */
static dj_http1_result read_body(dj_conn *conn, dj_str *data)
{
    dj_str          input = dj_str_n(conn->in + conn->in_from, conn->in_len - conn->in_from);
    size_t          consumed = 0;
    dj_http1_result r = dj_http1_body_read(&conn->body_parser, input, &consumed, data);
    conn->in_from += consumed;
    return r;
}

dj_body dj_conn_take_body(dj_conn *conn)
{
    dj_work *work = conn->work;
    if (work->head.content_length > DJ_BODY_MEMORY)
        return DJ_BODY_LONG;
    for (;;) {
        dj_str data = DJ_NONE;
        switch (read_body(conn, &data)) {
        case DJ_HTTP1_DATA:
            if (data.len > DJ_BODY_MEMORY - work->body.len) {
                work->pending = data;
                return DJ_BODY_LONG;
            }
            dj_buf_add(&work->body, data);
            break;
        case DJ_HTTP1_DONE:
            return DJ_BODY_WHOLE;
        case DJ_HTTP1_MORE:
            return DJ_BODY_PART;
        case DJ_HTTP1_REFUSED:
            dj_conn_refuse(conn, dj_refusal_status(conn->body_parser.refusal),
                           dj_refusal_name(conn->body_parser.refusal));
            return DJ_BODY_REFUSED;
        }
    }
}

/* A larger buffer for it, with the head at its start, and room behind the head for the longest line
 * of a chunked body. */
bool dj_conn_await_body(dj_conn *conn)
{
    const dj_head *head = &conn->work->head;
    size_t start = conn->head_from, rest = conn->in_len - start, base = conn->in_from - start;
    size_t room = BODY_ROOM + conn->worker->config->limits.http.trailers;
    /* More than that may be here already, if the buffer was an earlier body's. */
    size_t cap = base + (rest - base > room ? rest - base : room);
    char  *larger = malloc(cap);
    if (larger == NULL)
        return false;
    memcpy(larger, conn->in + start, rest);
    dj_head_move(&conn->work->head, conn->in + start, larger);
    if (conn->work->pending.len > 0)
        conn->work->pending.ptr = larger + (conn->work->pending.ptr - (conn->in + start));
    dj_conn_give_back_buffer(conn);
    conn->in = larger;
    conn->in_cap = cap;
    conn->in_len = rest;
    conn->in_from = conn->body_base = base;
    conn->body_bytes = 0;
    conn->body_credit_ms = conn->worker->config->limits.body_grace_ms;
    if (head->expect_continue && head->minor > 0 && rest == base)
        dj_buf_add(&conn->worker->stage, DJ_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
    dj_conn_enter(conn, DJ_CONN_BODY, BODY_TICK_MS);
    return true;
}

/* -- long bodies: on the coroutine -- */

static bool fail(dj_work *work, int status, dj_str why)
{
    work->refused = status;
    work->why = why;
    return false;
}

/* To the application; an answer that no view makes needs no body. */
static dj_err hand_on(dj_work *work, dj_str bytes, bool last)
{
    const dj_server_app *app = work->conn->worker->app;
    if (work->head.form == DJ_TARGET_ASTERISK || (bytes.len == 0 && !last))
        return DJ_OK;
    return app->body(work->req, bytes, last, app->ctx);
}

/* Waits for the client. False: it is too slow. The coroutine does not come back from a connection
 * that is lost meanwhile. */
static bool receive_more(dj_conn *conn)
{
    dj_work *work = conn->work;
    dj_loop *loop = conn->worker->loop;
    for (;;) {
        dj_io io = dj_conn_receive(conn);
        if (io == DJ_IO_OK) {
            if (++work->reads % READS_A_TURN == 0 && dj_co_sleep(loop, 0) != DJ_OK)
                dj_conn_close(conn);
            return true;
        }
        if (io != DJ_IO_WANT_READ && io != DJ_IO_WANT_WRITE)
            dj_conn_close(conn); /* an unfinished request is never handed on; RFC 9112 8 */
        dj_conn_want(conn,
                     io == DJ_IO_WANT_WRITE || conn->out != NULL ? DJ_READ | DJ_WRITE : DJ_READ);
        work->hungry = true;
        if (dj_co_wait(loop, -1) != DJ_OK)
            dj_conn_close(conn);
        work->hungry = false;
        if (work->refused != 0)
            return false;
    }
}

bool dj_conn_receive_body(dj_work *work)
{
    dj_conn *conn = work->conn;
    dj_err   e = hand_on(work, dj_buf_str(&work->body), false);
    if (!e)
        e = hand_on(work, work->pending, false);
    while (!e) {
        dj_str data = DJ_NONE;
        switch (read_body(conn, &data)) {
        case DJ_HTTP1_DATA:
            e = hand_on(work, data, false);
            break;
        case DJ_HTTP1_MORE:
            if (!receive_more(conn))
                return false;
            break;
        case DJ_HTTP1_REFUSED:
            return fail(work, dj_refusal_status(conn->body_parser.refusal),
                        dj_refusal_name(conn->body_parser.refusal));
        case DJ_HTTP1_DONE:
            e = hand_on(work, DJ_NONE, true);
            if (!e)
                return true;
        }
    }
    return fail(work, dj_err_info_of(e)->status, dj_failure_text(work->scope));
}

void dj_conn_body_ready(dj_conn *conn)
{
    if (conn->out != NULL && !dj_conn_flush(conn))
        return;
    if (conn->work->hungry)
        dj_co_wake(conn->work->co); /* it asks the socket and says what it waits for */
    else
        dj_conn_want(conn, conn->out != NULL ? DJ_WRITE : 0);
}

/* -- its time -- */

/* Time that passes is paid with bytes that arrive; time in which we did not read costs nothing.
 * What came fast is worth as much as a stalled write at most: a client that sent most of a body at
 * once can't sit on it for hours. */
static bool is_too_slow(dj_conn *conn)
{
    const dj_limits *limits = &conn->worker->config->limits;
    const dj_work   *work = conn->work;
    int64_t          now = dj_loop_ms(conn->worker->loop);
    int64_t          most =
        limits->body_grace_ms > limits->write_ms ? limits->body_grace_ms : limits->write_ms;
    conn->body_credit_ms += (int64_t)(conn->body_bytes * 1000 / limits->body_rate);
    if (work->co == NULL || work->hungry)
        conn->body_credit_ms -= now - conn->since_ms;
    if (conn->body_credit_ms > most)
        conn->body_credit_ms = most;
    conn->since_ms = now;
    conn->body_bytes = 0;
    return conn->body_credit_ms < 0;
}

bool dj_conn_body_tick(dj_conn *conn)
{
    dj_work *work = conn->work;
    if (!is_too_slow(conn)) {
        dj_timer_start(conn->worker->loop, &conn->timer, BODY_TICK_MS);
        return true;
    }
    if (work->co == NULL)
        return false;
    (void)fail(work, 408, DJ_LIT("body-too-slow"));
    dj_co_wake(work->co);
    return true;
}
