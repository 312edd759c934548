/* src/server/answer.c - answers out: what a turn staged, bodies where they lie, files, streams.
 *
 * Heads and small bodies of a turn are staged together, in the worker's one buffer, and go out with
 * one send. A large body stays in its request's scope and follows its head; behind it may come a
 * stretch of a file, by sendfile(2), or through a buffer where TLS has to see the bytes. What the
 * kernel does not take now is kept: staged bytes by copy, bodies by position.
 *
 * Must not know: how requests are read (connection.c), routes, settings. RFC 9110 15, 9112 6. */
#include "server/server.h"
#include "donjon/log.h"
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define COPY_MAX                                                                                   \
    ((size_t)16 *                                                                                  \
     1024) /* bodies up to here are copied behind their head: one piece for the kernel */
#define IOV_BATCH     32
#define WRITE_TICK_MS 1000
#define TURN_MAX      ((size_t)1024 * 1024) /* of one body in one turn: the others want theirs, too */

/* `more` follows at once: the kernel need not send a packet that is not full. */
static dj_io send_some(dj_conn *conn, const struct iovec *iov, size_t n, bool more, size_t *sent)
{
    if (conn->tls != NULL) {
        dj_io io = dj_tls_write(conn->tls, iov[0].iov_base, iov[0].iov_len, sent);
        conn->sent += *sent;
        return io;
    }
    int           flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n};
    ssize_t       done = n == 1 ? send(conn->watch.fd, iov[0].iov_base, iov[0].iov_len, flags)
                                : sendmsg(conn->watch.fd, &message, flags);
    if (done >= 0) {
        *sent = (size_t)done;
        conn->sent += *sent;
        return DJ_IO_OK;
    }
    return errno == EAGAIN || errno == EINTR ? DJ_IO_WANT_WRITE : DJ_IO_FAILED;
}

/* -- bodies that stay where they are: pieces, then a stretch of a file -- */

static void body_begins(dj_conn *conn)
{
    const dj_response *resp = conn->work->resp;
    conn->piece = conn->piece_from = 0;
    conn->file_sent = 0;
    conn->body_left = resp->body_len > 0;
}

static bool pieces_left(const dj_conn *conn)
{
    return conn->body_left && conn->piece < conn->work->resp->npieces;
}

static bool file_left(const dj_conn *conn)
{
    return conn->body_left && conn->file_sent < conn->work->resp->file_len;
}

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
    conn->body_left = pieces_left(conn) || file_left(conn);
}

/* Its length was promised, so only the end of the connection tells the client. */
static dj_io file_failed(const char *why)
{
    dj_log(DJ_LIT("donjon.server"), DJ_ERROR_LEVEL, NULL,
           "a file that is being sent can't be read on: %s", why);
    return DJ_IO_FAILED;
}

/* Bytes of a file into `to`; what is not there any more is an error. */
static dj_io read_file(const dj_response *resp, uint64_t at, char *to, size_t want, size_t *got)
{
    for (*got = 0; *got < want;) {
        ssize_t n =
            pread(resp->file_fd, to + *got, want - *got, (off_t)(resp->file_from + at + *got));
        if (n == 0)
            return file_failed("it became shorter");
        if (n > 0)
            *got += (size_t)n;
        else if (errno != EINTR)
            return file_failed(strerrordesc_np(errno));
    }
    return DJ_IO_OK;
}

/* Through the worker's buffer. What the kernel does not take is read again: nothing is kept for a
 * slow client. OpenSSL then gets the same bytes as before, or as many. */
static dj_io copy_file(dj_conn *conn, size_t want, size_t *sent)
{
    size_t got;
    char  *buffer = dj_worker_file_buffer(conn->worker);
    if (buffer == NULL)
        return DJ_IO_FAILED;
    dj_io io = read_file(conn->work->resp, conn->file_sent, buffer,
                         want < DJ_FILE_BUFFER ? want : DJ_FILE_BUFFER, &got);
    if (io != DJ_IO_OK)
        return io;
    return send_some(conn, &(struct iovec){buffer, got}, 1, false, sent);
}

/* One stretch of the file, as much as the kernel takes at once. */
static dj_io send_file(dj_conn *conn)
{
    const dj_response *resp = conn->work->resp;
    uint64_t           left = resp->file_len - conn->file_sent;
    size_t             want = left < TURN_MAX ? (size_t)left : TURN_MAX, sent = 0;
    off_t              at = (off_t)(resp->file_from + conn->file_sent);
    ssize_t            n = -1;
    if (conn->tls == NULL)
        n = sendfile(conn->watch.fd, resp->file_fd, &at, want);
    if (n == 0)
        return file_failed("it became shorter");
    if (n < 0 && conn->tls == NULL && (errno == EAGAIN || errno == EINTR))
        return DJ_IO_WANT_WRITE;
    if (n < 0 && conn->tls == NULL && errno != EINVAL && errno != ENOSYS)
        return errno == EPIPE || errno == ECONNRESET ? DJ_IO_CLOSED
                                                     : file_failed(strerrordesc_np(errno));
    if (n < 0) { /* TLS, or a file system without sendfile */
        dj_io io = copy_file(conn, want, &sent);
        if (io != DJ_IO_OK)
            return io;
    }
    conn->file_sent += n < 0 ? sent : (size_t)n;
    conn->sent += n < 0 ? 0 : (uint64_t)n;
    conn->body_left = file_left(conn);
    return DJ_IO_OK;
}

/* -- what is kept, and the stage -- */

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

static void kept_sent(dj_conn *conn, size_t sent)
{
    conn->out_from += sent;
    if (conn->out_from < conn->out_len)
        return;
    free(conn->out);
    conn->out = NULL;
    conn->out_len = conn->out_from = 0;
}

/* What is owned, then the response's pieces. */
static dj_io send_kept(dj_conn *conn)
{
    struct iovec iov[IOV_BATCH];
    size_t       n = 0, sent = 0, kept = conn->out_len - conn->out_from;
    if (conn->out != NULL)
        iov[n++] = (struct iovec){conn->out + conn->out_from, kept};
    if (pieces_left(conn))
        n = pieces_to_iov(conn, iov, n);
    dj_io io = send_some(conn, iov, n, file_left(conn), &sent);
    if (io != DJ_IO_OK)
        return io;
    size_t of_kept = sent < kept ? sent : kept;
    if (conn->out != NULL)
        kept_sent(conn, of_kept);
    if (sent > of_kept)
        pieces_sent(conn, sent - of_kept);
    return DJ_IO_OK;
}

/* All that is kept, then the body. DJ_IO_OK: all is with the kernel. A client that reads as fast as
 * we send is put off until the next turn once it had its share. */
static dj_io flush_kept(dj_conn *conn)
{
    uint64_t before = conn->file_sent;
    while (conn->out != NULL || conn->body_left) {
        dj_io io = conn->out == NULL && !pieces_left(conn) ? send_file(conn) : send_kept(conn);
        if (io != DJ_IO_OK)
            return io;
        if (file_left(conn) && conn->file_sent - before >= TURN_MAX)
            return DJ_IO_WANT_WRITE;
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
        size_t       n = pieces_left(conn) && conn->tls == NULL ? pieces_to_iov(conn, iov, 1) : 1;
        dj_io        io = send_some(conn, iov, n, file_left(conn), &sent);
        if (io == DJ_IO_WANT_WRITE || io == DJ_IO_WANT_READ)
            return keep_unsent(conn, rest) ? io : DJ_IO_FAILED;
        if (io != DJ_IO_OK)
            return io;
        size_t of_stage = sent < rest.len ? sent : rest.len;
        rest = dj_str_from(rest, of_stage);
        if (sent > of_stage)
            pieces_sent(conn, sent - of_stage);
    }
    return conn->body_left ? flush_kept(conn) : DJ_IO_OK;
}

/* -- clients that read slowly --
 *
 * Time in which we wait for the client is paid with bytes that its side has acknowledged, as a body
 * is with those that arrive. It may stand still for write_ms, and on average take write_rate: else
 * a byte now and then would hold an answer, its memory and its file for ever. */

static int64_t tick_ms(const dj_conn *conn)
{
    int64_t ms = conn->worker->config->limits.write_ms / 4 + 1;
    return ms < WRITE_TICK_MS ? ms : WRITE_TICK_MS;
}

/* Of all that was sent: what is not waiting in the kernel. (Under TLS a little less: records have
 * headers.) */
static uint64_t taken(const dj_conn *conn)
{
    int queued = 0;
    if (ioctl(conn->watch.fd, SIOCOUTQ, &queued) < 0 || queued < 0)
        queued = 0;
    return conn->sent > (uint64_t)queued ? conn->sent - (uint64_t)queued : 0;
}

static void wait_begins(dj_conn *conn)
{
    conn->write_since_ms = dj_loop_ms(conn->worker->loop);
    conn->taken = taken(conn);
}

static bool reads_too_slowly(dj_conn *conn)
{
    const dj_limits *limits = &conn->worker->config->limits;
    int64_t          now = dj_loop_ms(conn->worker->loop);
    uint64_t         all = taken(conn);
    if (all > conn->taken) {
        conn->write_credit_ms += (int64_t)((all - conn->taken) * 1000 / limits->write_rate);
        conn->taken = all;
    }
    conn->write_credit_ms -= now - conn->write_since_ms;
    conn->write_since_ms = now;
    if (conn->write_credit_ms > limits->write_ms)
        conn->write_credit_ms = limits->write_ms;
    return conn->write_credit_ms < 0;
}

bool dj_conn_write_tick(dj_conn *conn)
{
    if (reads_too_slowly(conn))
        return false;
    dj_timer_start(conn->worker->loop, &conn->timer, tick_ms(conn));
    return true;
}

bool dj_conn_flush(dj_conn *conn)
{
    dj_io io = conn->worker->stage.len > 0 ? flush_stage(conn) : flush_kept(conn);
    if (io == DJ_IO_OK)
        return true;
    if (io == DJ_IO_FAILED || io == DJ_IO_CLOSED) {
        dj_conn_close(conn);
        return false;
    }
    /* A body's tick and a view's freedom from time-outs are not the writer's to change. */
    if (conn->state != DJ_CONN_HANDLE && conn->state != DJ_CONN_BODY &&
        conn->state != DJ_CONN_WRITE) {
        dj_conn_enter(conn, DJ_CONN_WRITE, tick_ms(conn));
        conn->write_credit_ms = conn->worker->config->limits.write_ms;
        wait_begins(conn);
    }
    dj_conn_want(conn, io == DJ_IO_WANT_READ ? DJ_READ : DJ_WRITE);
    return true;
}

bool dj_conn_is_flushed(const dj_conn *conn)
{
    return conn->out == NULL && !conn->body_left && conn->worker->stage.len == 0;
}

/* Does the refused request ask for a head alone? Its head may never have been understood, so the
 * bytes are asked. */
static bool wants_head_only(const dj_conn *conn)
{
    if (conn->work != NULL)
        return conn->work->head.method == DJ_HEAD;
    if (conn->in == NULL)
        return false;
    dj_str input = dj_str_n(conn->in + conn->in_from, conn->in_len - conn->in_from);
    if (dj_str_starts(input, DJ_LIT("\r\n")))
        input = dj_str_from(input, 2);
    return dj_str_starts(input, DJ_LIT("HEAD "));
}

/* Answers without a request, by bytes prepared at start. */
void dj_conn_refuse(dj_conn *conn, int status, dj_str reason)
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
void dj_conn_answer_asterisk(dj_conn *conn)
{
    const dj_head *head = &conn->work->head;
    dj_worker     *w = conn->worker;
    dj_buf        *out = &w->stage;
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

/* A small file onto the stage. Behind a head that promised more there is only the end. */
static void stage_file(dj_conn *conn, const dj_response *resp)
{
    char   bytes[COPY_MAX];
    size_t got;
    if (read_file(resp, 0, bytes, (size_t)resp->file_len, &got) != DJ_IO_OK)
        conn->close_after = true;
    dj_buf_add(&conn->worker->stage, dj_str_n(bytes, got));
}

void dj_conn_stage_response(dj_conn *conn)
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
        if (resp->file_len > 0)
            stage_file(conn, resp);
    } else if (!wire.head_only) {
        body_begins(conn);
    }
    report_done(conn, work, stage->len - before + (conn->body_left ? resp->body_len : 0));
}

/* -- streamed bodies: on the coroutine -- */

/* All staged and kept bytes to the kernel; waits while it takes no more. The coroutine does not
 * come back from a connection that is lost meanwhile. */
static void flush_waiting(dj_conn *conn)
{
    bool     waits = false;
    dj_loop *loop = conn->worker->loop;
    while (dj_conn_flush(conn) && !dj_conn_is_flushed(conn)) {
        if (!waits)
            wait_begins(conn);
        waits = true;
        (void)!dj_co_wait(loop, tick_ms(conn));
        if (reads_too_slowly(conn))
            dj_conn_close(conn);
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
void dj_conn_stream_body(dj_work *work)
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
    conn->write_credit_ms = conn->worker->config->limits.write_ms;
    work->resp->ending = conn->worker->draining;
    flush_waiting(conn);
    if (work->resp->live)
        dj_conn_want(conn, DJ_READ); /* its end is how a client leaves */
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
