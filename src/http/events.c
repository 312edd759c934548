/* src/http/events.c - server-sent events: what they look like on the wire, and when the program is
 * asked for more.
 *
 * A stream lives for hours, so nothing it sends may stay in the request's scope: each turn has its
 * own memory. The program never waits by itself; it says when it wants to be asked again, and what
 * it has sent is on its way before the wait begins.
 *
 * Must not know: sockets, settings, routes. HTML standard, section 9.2. */
#include "donjon/events.h"
#include "donjon/log.h"
#include "donjon/time.h"
#include "http/http.h"
#include "loop/loop.h"

#define TURN_MEMORY (4 * DJ_EVENTS_TURN_MAX)

struct dj_event_stream {
    dj_req      *req;
    dj_response *resp;
    dj_events_fn fn;
    void        *ctx;
    dj_scope    *turn; /* memory of one call of fn */
    dj_buf       out;
    int64_t      ask_ms, beat_ms; /* when fn, when a comment is due; of the monotonic clock */
    dj_co       *waits;           /* in wait_for_turn; else NULL */
    bool         woken, over;
};

/* -- one event -- */

static bool has_line_end(dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n' || text.ptr[i] == '\r' || text.ptr[i] == '\0')
            return true;
    }
    return false;
}

static void add_field(dj_buf *out, dj_str name, dj_str value)
{
    dj_buf_add(out, name);
    dj_buf_add(out, DJ_LIT(": "));
    dj_buf_add(out, value);
    dj_buf_add_byte(out, '\n');
}

/* A field for each line: the client puts them together again, with LF between. */
static void add_data(dj_buf *out, dj_str data)
{
    size_t end;
    for (;;) {
        for (end = 0; end < data.len && data.ptr[end] != '\n' && data.ptr[end] != '\r'; end++)
            ;
        add_field(out, DJ_LIT("data"), dj_str_first(data, end));
        if (end == data.len)
            return;
        bool pair = data.ptr[end] == '\r' && end + 1 < data.len && data.ptr[end + 1] == '\n';
        data = dj_str_from(data, end + 1 + pair);
    }
}

dj_err dj_event_send(dj_event_stream *stream, const dj_event *event)
{
    dj_buf *out = &stream->out;
    size_t  before = out->len;
    if (has_line_end(event->type) || has_line_end(event->id))
        return dj_fail(stream->turn, DJ_ERR_MALFORMED,
                       "a line end or a NUL in the type or the id of an event");
    if (!dj_str_is_none(event->type))
        add_field(out, DJ_LIT("event"), event->type);
    if (!dj_str_is_none(event->id))
        add_field(out, DJ_LIT("id"), event->id);
    if (event->retry_ms > 0)
        dj_buf_addf(out, "retry: %lld\n", (long long)event->retry_ms);
    if (!dj_str_is_none(event->data))
        add_data(out, event->data);
    dj_buf_add_byte(out, '\n');
    if (out->full) {
        out->len = before;
        out->full = false;
        return dj_fail(stream->turn, DJ_ERR_LIMIT, "more than %zu bytes of events at once",
                       DJ_EVENTS_TURN_MAX);
    }
    return DJ_OK;
}

/* -- turns -- */

/* The head went out long ago, so only the log can tell. */
static void record_failure(dj_event_stream *st)
{
    const dj_req        *req = st->req;
    const dj_log_context context = {.method = req->head->method_name,
                                    .path = req->path,
                                    .client = req->peer->address,
                                    .detail = dj_failure_text(st->turn)};
    dj_log(DJ_LIT("django.request"), DJ_ERROR_LEVEL, &context,
           "A stream of events ended with a failure: " DJ_FMT, DJ_ARG(req->path));
}

/* True: fn is to be asked. False: a comment is due, or the server ends. */
static bool wait_for_turn(dj_event_stream *st)
{
    dj_loop *loop = st->req->loop;
    for (;;) {
        int64_t now = dj_monotonic_ms(),
                until = st->ask_ms < st->beat_ms ? st->ask_ms : st->beat_ms;
        if (st->resp->ending)
            return false;
        if (st->woken || now >= st->ask_ms || loop == NULL)
            return true;
        if (now >= st->beat_ms)
            return false;
        st->waits = dj_co_self(loop);
        dj_err e =
            dj_co_wait(loop, until - now); /* woken, or over: what holds now is asked above */
        (void)e;
        st->waits = NULL;
    }
}

static bool next(dj_req *req, void *ctx, dj_str *piece)
{
    dj_event_stream *st = ctx;
    if (st->over)
        return false;
    *piece = DJ_LIT(":\n\n");
    if (wait_for_turn(st)) {
        dj_scope_reset(st->turn);
        st->out = dj_buf_make(st->turn, DJ_EVENTS_TURN_MAX);
        st->woken = false;
        int64_t ms = st->fn(st, st->ctx);
        st->over = ms < 0;
        if (st->over && dj_failure(st->turn) != DJ_OK)
            record_failure(st);
        st->ask_ms = dj_monotonic_ms() + (ms < 1 ? 1 : ms < INT32_MAX ? ms : INT32_MAX);
        *piece = dj_buf_str(&st->out);
    } else if (st->resp->ending) {
        return false;
    }
    if (piece->len > 0)
        st->beat_ms = dj_monotonic_ms() + DJ_EVENTS_BEAT_MS;
    return true;
}

static void close_turn(void *scope)
{
    dj_scope_close(scope);
}

dj_response *dj_events(dj_req *req, dj_events_fn fn, void *ctx)
{
    dj_event_stream *st = dj_new(req->scope, dj_event_stream);
    dj_scope        *turn = dj_scope_open(TURN_MEMORY);
    if (turn == NULL)
        return dj_raise(req, DJ_ERR_MEMORY, "no memory for a stream of events");
    dj_own(req->scope, close_turn, turn);
    if (req->loop != NULL)
        dj_co_guard(req->loop, turn);
    *st = (dj_event_stream){.req = req, .fn = fn, .ctx = ctx, .turn = turn};
    st->beat_ms = dj_monotonic_ms() + DJ_EVENTS_BEAT_MS;
    st->resp = dj_stream(req, next, st);
    st->resp->live = true;
    dj_header_set(st->resp, DJ_LIT("Content-Type"), DJ_LIT("text/event-stream"));
    dj_header_set(st->resp, DJ_LIT("Cache-Control"), DJ_LIT("no-store"));
    dj_header_set(st->resp, DJ_LIT("X-Accel-Buffering"), DJ_LIT("no")); /* nginx */
    return st->resp;
}

dj_str dj_last_event_id(dj_req *req)
{
    return dj_req_header(req, DJ_LIT("Last-Event-ID"));
}

dj_scope *dj_events_scope(dj_event_stream *stream)
{
    return stream->turn;
}

dj_req *dj_events_req(dj_event_stream *stream)
{
    return stream->req;
}

void dj_events_wake(dj_event_stream *stream)
{
    stream->woken = true;
    if (stream->waits != NULL)
        dj_co_wake(stream->waits);
}
