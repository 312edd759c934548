/* src/test/exchange.c - a site answers one request's bytes, as it would behind a socket.
 *
 * The parser of `serve` reads them, the view runs on a coroutine with a scope of its own, and the
 * answer's head is written by the same function as in the server and read back. When the view is
 * done with, so is its scope: what a test looks at was copied.
 *
 * Must not know: how a request is put together, cookies, redirects. */
#include "donjon/log.h"
#include "donjon/time.h"
#include "test/test.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define REQUEST_MEMORY ((size_t)64 * 1024 * 1024)
#define HEAD_MAX       ((size_t)1024 * 1024)
#define STRETCH        ((size_t)50000) /* of a long body; any size will do */

typedef struct exchange {
    dj_client   *client;
    dj_scope    *scope; /* the request's; NULL once it is closed */
    dj_co       *co;
    dj_timer     timer;
    dj_head      head;
    dj_peer      peer;
    dj_req      *req;
    dj_response *resp;
    dj_answer   *answer;
    dj_buf       out, body;
    dj_str       long_body; /* of the request: over DJ_BODY_MEMORY */
    size_t       pieces_max;
    dj_err       failed; /* the long body could not be kept */
    bool         ended, abandoned, late;
} exchange;

static dj_scope *answers_of(const exchange *x)
{
    return x->client->answers;
}

/* -- records -- */

static void keep_record(const dj_log_record *record, void *ctx)
{
    const exchange *x = ctx;
    dj_scope       *s = answers_of(x);
    dj_answer      *a = x->answer;
    dj_str          detail = record->context == NULL ? DJ_NONE : record->context->detail;
    if (record->level >= DJ_ERROR_LEVEL && !x->client->options.quiet)
        (void)fprintf(stderr, DJ_FMT ": " DJ_FMT " " DJ_FMT "\n", DJ_ARG(record->logger),
                      DJ_ARG(record->message), DJ_ARG(detail));
    if (a->nrecords == DJ_TEST_RECORDS_MAX)
        return;
    dj_test_record *kept = (dj_test_record *)(uintptr_t)&a->records[a->nrecords++];
    *kept = (dj_test_record){
        .logger = dj_str_dup(s, record->logger),
        .message = dj_str_dup(s, record->message),
        .detail = detail.len == 0 ? DJ_NONE : dj_str_dup(s, detail),
        .level = record->level,
        .status = record->context == NULL ? 0 : record->context->status,
    };
}

/* -- the answer -- */

/* Reads back what dj_response_head, or a refusal, has written. */
static void read_head(exchange *x, dj_str text)
{
    dj_scope       *s = answers_of(x);
    dj_answer      *a = x->answer;
    dj_test_header *headers = dj_new_array(s, dj_test_header, DJ_TEST_HEADERS_MAX);
    int64_t         status = 0;
    size_t          end;
    text = dj_str_dup(s, text);
    a->headers = headers;
    if (dj_str_to_int(dj_str_first(dj_str_from(text, strlen("HTTP/1.1 ")), 3), &status))
        a->status = (int)status;
    text = dj_str_from(text, dj_str_find(text, DJ_LIT("\r\n")) + 2);
    while ((end = dj_str_find(text, DJ_LIT("\r\n"))) != DJ_NOT_FOUND && end > 0) {
        dj_str line = dj_str_first(text, end);
        size_t colon = dj_str_chr(line, ':');
        if (a->nheaders < DJ_TEST_HEADERS_MAX)
            headers[a->nheaders++] =
                (dj_test_header){.name = dj_str_first(line, colon),
                                 .value = dj_str_trim(dj_str_from(line, colon + 1))};
        text = dj_str_from(text, end + 2);
    }
}

static void problem(exchange *x, dj_str text)
{
    x->answer->problem = text;
}

static dj_str date_line(dj_scope *s)
{
    return dj_strf(s, "Date: " DJ_FMT "\r\n", DJ_ARG(dj_http_date_str(s, dj_now(s))));
}

/* As the server answers what never becomes a request. */
static void refuse(exchange *x, int status, dj_str why)
{
    dj_scope *s = answers_of(x);
    dj_str    headers = dj_site_refusal_headers(status, x->peer.tls, x->client->site);
    dj_str    body = dj_site_refusal_body(status, x->client->site);
    dj_buf    b = dj_buf_make(s, HEAD_MAX);
    dj_buf_addf(&b, "HTTP/1.1 %d " DJ_FMT "\r\n", status, DJ_ARG(dj_reason(status)));
    dj_buf_add(&b, headers);
    dj_buf_addf(&b, "Content-Length: %zu\r\nConnection: close\r\n\r\n", body.len);
    read_head(x, dj_buf_str(&b));
    if (x->head.method != DJ_HEAD)
        x->answer->body = body;
    problem(x, why);
    if (status >= 400) {
        dj_log_capture(keep_record, x);
        dj_site_refused(&x->peer, status, why, x->client->site);
        dj_log_capture(NULL, NULL);
    }
}

/* -- on the coroutine -- */

static void add_file(exchange *x)
{
    const dj_response *resp = x->resp;
    char               bytes[8192];
    for (uint64_t done = 0; done < resp->file_len && !x->body.full;) {
        uint64_t left = resp->file_len - done;
        ssize_t  n = pread(resp->file_fd, bytes, left < sizeof bytes ? (size_t)left : sizeof bytes,
                           (off_t)(resp->file_from + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            problem(x, DJ_LIT("a file of the body is shorter than it was"));
            return;
        }
        dj_buf_add(&x->body, dj_str_n(bytes, (size_t)n));
        done += (uint64_t)n;
    }
}

static void add_stream(exchange *x)
{
    dj_str piece = DJ_NONE;
    x->answer->streamed = true;
    while (!x->body.full && x->resp->stream(x->req, x->resp->stream_ctx, &piece)) {
        if (piece.len == 0)
            continue;
        dj_buf_add(&x->body, piece);
        piece = DJ_NONE;
        if (++x->answer->npieces == x->pieces_max)
            return; /* the client goes away */
    }
}

/* As it would arrive: in stretches, kept or read by the application. */
static dj_err hand_on_body(exchange *x)
{
    dj_site *site = x->client->site;
    dj_str   rest = x->long_body;
    while (rest.len > 0) {
        dj_str bytes = dj_str_first(rest, STRETCH);
        dj_err e = dj_site_body(x->req, bytes, false, site);
        if (e)
            return e;
        rest = dj_str_from(rest, bytes.len);
    }
    return dj_site_body(x->req, DJ_LIT(""), true, site);
}

static void run(void *arg)
{
    exchange          *x = arg;
    const dj_response *resp;
    x->co = dj_co_self(x->client->loop);
    x->failed = x->long_body.len > 0 ? hand_on_body(x) : DJ_OK;
    if (x->failed) {
        problem(x, dj_str_dup(answers_of(x), dj_failure_text(x->scope)));
        return;
    }
    resp = x->resp = dj_site_handle(x->req, x->client->site);
    bool    no_body = resp->status == 204 || resp->status == 304 || resp->status < 200;
    bool    no_length = resp->stream != NULL && !dj_header_seen(resp, DJ_HEADER_CONTENT_LENGTH);
    dj_wire wire = {.head_only = no_body || x->head.method == DJ_HEAD,
                    .chunked = no_length && x->head.minor > 0 && !no_body,
                    .close = resp->close || !x->head.keep_alive,
                    .minor = x->head.minor};
    dj_response_head(&x->out, resp, &wire, date_line(x->scope));
    if (wire.head_only)
        return;
    for (size_t i = 0; i < resp->npieces; i++)
        dj_buf_add(&x->body, resp->pieces[i]);
    if (resp->file_len > 0)
        add_file(x);
    if (resp->stream != NULL)
        add_stream(x);
}

/* On the loop's stack; the scope's owners run here. */
static void ended(void *arg, bool abandoned)
{
    exchange *x = arg;
    x->ended = true;
    x->abandoned = abandoned;
    x->co = NULL;
    if (x->req->match != NULL)
        x->answer->route = dj_str_dup(answers_of(x), x->req->match->pattern);
    dj_scope_close(x->scope);
    x->scope = NULL;
    dj_timer_stop(x->client->loop, &x->timer);
    dj_loop_stop(x->client->loop);
}

static void too_late(dj_timer *timer)
{
    exchange *x = (exchange *)(void *)((char *)timer - offsetof(exchange, timer));
    x->late = true;
    if (x->co != NULL)
        dj_co_abandon(x->co);
}

/* -- the way in -- */

/* Head and body of `bytes`, read to their end. The refusal, or none with x->req made. */
static dj_refusal read_request(exchange *x, dj_str bytes, bool *incomplete)
{
    dj_http1        parser;
    dj_http1_body   reader;
    dj_http1_result got;
    dj_str          data;
    size_t          used;
    dj_buf          body = dj_buf_make(answers_of(x), (size_t)x->client->limits.body);
    dj_http1_init(&parser, &x->client->limits, x->peer.tls);
    got = dj_http1_parse(&parser, bytes, &x->head, &used);
    if (got == DJ_HTTP1_REFUSED)
        return parser.refusal;
    *incomplete = got != DJ_HTTP1_DONE;
    if (*incomplete)
        return DJ_REFUSAL_NONE;
    dj_http1_body_init(&reader, &x->head, &x->client->limits);
    do {
        bytes = dj_str_from(bytes, used);
        got = dj_http1_body_read(&reader, bytes, &used, &data);
        if (got == DJ_HTTP1_DATA)
            dj_buf_add(&body, data);
    } while (got == DJ_HTTP1_DATA);
    *incomplete = got == DJ_HTTP1_MORE;
    if (got == DJ_HTTP1_REFUSED)
        return reader.refusal;
    x->long_body = body.len > DJ_BODY_MEMORY ? dj_buf_str(&body) : DJ_NONE;
    x->req = dj_req_new(x->scope, &x->head, &x->peer,
                        body.len > DJ_BODY_MEMORY ? DJ_LIT("") : dj_buf_str(&body));
    return DJ_REFUSAL_NONE;
}

static bool is_loopback(dj_str address)
{
    return dj_str_starts(address, DJ_LIT("127.")) || dj_str_eq(address, DJ_LIT("::1"));
}

static void handle(exchange *x)
{
    dj_client *client = x->client;
    x->req->started_us = dj_monotonic_us();
    x->req->loop = client->loop;
    x->timer.fire = too_late;
    dj_timer_start(client->loop, &x->timer, client->options.timeout_ms);
    dj_log_capture(keep_record, x);
    if (!dj_co_start(client->loop, x->scope, run, x, ended)) {
        dj_timer_stop(client->loop, &x->timer);
        refuse(x, 503, DJ_LIT("no stack for the view"));
    } else if (!x->ended) {
        dj_loop_run(client->loop);
    }
    dj_log_capture(NULL, NULL);
}

static void conclude(exchange *x)
{
    dj_scope *s = answers_of(x);
    if (x->failed) {
        refuse(x, dj_err_info_of(x->failed)->status, x->answer->problem);
    } else if (!x->abandoned) {
        read_head(x, dj_buf_str(&x->out));
        x->answer->body = dj_buf_str(&x->body);
        if (x->body.full)
            problem(x, dj_strf(s, "body cut at %zu bytes", x->client->options.body_max));
    } else if (x->late) {
        problem(x,
                dj_strf(s, "no answer within %lld ms", (long long)x->client->options.timeout_ms));
        if (x->out.len > 0) { /* what a client has seen by then */
            read_head(x, dj_buf_str(&x->out));
            x->answer->body = dj_buf_str(&x->body);
        }
    } else {
        refuse(x, 503, DJ_LIT("out of memory"));
    }
}

dj_answer *dj_exchange(dj_client *client, dj_str bytes, bool secure, size_t pieces_max)
{
    dj_scope *s = client->answers;
    dj_str    address = dj_str_of(client->options.address);
    exchange *x = dj_new(s, exchange);
    bool      incomplete = false;
    x->client = client;
    x->pieces_max = pieces_max;
    x->answer = dj_new(s, dj_answer);
    x->answer->records = dj_new_array(s, dj_test_record, DJ_TEST_RECORDS_MAX);
    x->answer->problem = x->answer->body = DJ_LIT("");
    x->out = dj_buf_make(s, HEAD_MAX);
    x->body = dj_buf_make(s, client->options.body_max);
    x->peer = (dj_peer){.address = address,
                        .tls = secure,
                        .loopback = is_loopback(address),
                        .unix_socket = address.len == 0,
                        .port = secure ? 443 : 80,
                        .server_name = dj_str_of(client->options.host)};
    x->scope = dj_scope_open(REQUEST_MEMORY + 2 * client->limits.body);
    DJ_ASSERT(x->scope != NULL);
    if (client->options.now != 0)
        dj_clock_freeze(x->scope, client->options.now * 1000000);
    dj_refusal refusal = read_request(x, bytes, &incomplete);
    if (refusal != DJ_REFUSAL_NONE) {
        refuse(x, dj_refusal_status(refusal), dj_refusal_name(refusal));
    } else if (incomplete) {
        problem(x, DJ_LIT("the request is not complete: a server would wait for more"));
    } else if (x->head.form == DJ_TARGET_ASTERISK) {
        refuse(x, 204, DJ_LIT(""));
    } else {
        handle(x);
        if (x->ended)
            conclude(x);
    }
    if (x->scope != NULL)
        dj_scope_close(x->scope);
    return x->answer;
}
