/* include/donjon/events.h - server-sent events: an answer that goes on while something happens.
 *
 *     static int64_t ticks(dj_event_stream *stream, void *ctx)
 *     {
 *         counter *c = ctx;
 *         dj_event e = {.type = DJ_LIT("tick"), .data = dj_strf(dj_events_scope(stream), "%d",
 * ++c->n)}; return dj_event_send(stream, &e) ? DJ_EVENTS_END : 1000;
 *     }
 *
 *     return dj_events(req, ticks, counter);
 *
 * In the browser: new EventSource("/ticks/").addEventListener("tick", ...). Django has nothing of
 * the kind. HTML standard, section 9.2 (Server-sent events). */
#pragma once
#include "donjon/response.h"

DJ_BEGIN_DECLS

typedef struct dj_event_stream dj_event_stream;

#define DJ_EVENTS_END ((int64_t)-1)
/* All that one call of a dj_events_fn may send. */
#define DJ_EVENTS_TURN_MAX ((size_t)1024 * 1024)
/* A comment goes out when nothing else did for so long: it keeps proxies from giving up, and finds
 * out clients that vanished. */
#define DJ_EVENTS_BEAT_MS 15000

/* Sends what there is, and says after how many milliseconds it wants to be asked again (at least 1;
 * earlier if dj_events_wake is called), or DJ_EVENTS_END. What it sent goes out when it returns. */
typedef int64_t (*dj_events_fn)(dj_event_stream *stream, void *ctx) DJ_WAITS;

/* 200 text/event-stream; never cached, compressed or held back by a proxy. `fn` is called until it
 * says DJ_EVENTS_END, the client goes away (everything of the request is freed at once), or the
 * server stops: then the answer ends in order, and the browser connects again by itself. */
DJ_RETURNS dj_response *dj_events(dj_req *req, dj_events_fn fn, void *ctx)
    __attribute__((nonnull(1, 2)));

typedef struct dj_event {
    dj_str  type; /* none: "message" */
    dj_str  id;   /* comes back as Last-Event-ID when the client connects again; none: unchanged */
    dj_str  data; /* any text, sent line by line; none: nothing happens but id and retry */
    int64_t retry_ms; /* how long the client waits before it connects again; 0: unchanged */
} dj_event;

/* Nothing in an event can end it or begin another: `data` is split at each CR, LF and CR LF.
 *   DJ_ERR_MALFORMED  a line end or a NUL in type or id
 *   DJ_ERR_LIMIT      more than DJ_EVENTS_TURN_MAX in one turn
 * After an error nothing of this event is sent; its sentence is in dj_events_scope, and in the log
 * if the stream ends with this turn. */
DJ_CHECKED DJ_NONNULL dj_err dj_event_send(dj_event_stream *stream, const dj_event *event);

/* What the client saw last, in the client's own words; DJ_NONE on its first visit. */
DJ_NONNULL dj_str dj_last_event_id(dj_req *req);
/* Memory for one call of `fn`; the request's own lives as long as the stream. */
DJ_RETURNS DJ_NONNULL dj_scope *dj_events_scope(dj_event_stream *stream);
DJ_RETURNS DJ_NONNULL dj_req   *dj_events_req(dj_event_stream *stream);
/* Asks `fn` now. From this worker only; who keeps a stream to wake it takes it off its list by
 * dj_own in the request's scope. */
DJ_NONNULL void dj_events_wake(dj_event_stream *stream);

DJ_END_DECLS
