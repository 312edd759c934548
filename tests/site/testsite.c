/* tests/site/testsite.c - a site whose answers say who answered what: driven by the tests of this
 * folder. */
#include "donjon/app.h"
#include "donjon/events.h"
#include "donjon/files.h"
#include <unistd.h>

/* "TOKEN PID\n": a client sees that the answer is its own, and which worker gave it. */
static dj_response *token(dj_req *req)
{
    dj_str said = dj_path_str(req, "token");
    return dj_text(req, dj_strf(dj_req_scope(req), DJ_FMT " %d\n", DJ_ARG(said), (int)getpid()));
}

/* `n` bytes: 0123456789 over and over. */
static dj_response *bytes(dj_req *req)
{
    int64_t n = dj_path_int(req, "n");
    if (n > 32 * 1024 * 1024)
        return dj_not_found(req);
    char *body = dj_alloc_raw(dj_req_scope(req), (size_t)n + 1);
    for (int64_t i = 0; i < n; i++)
        body[i] = (char)('0' + i % 10);
    return dj_text(req, dj_str_n(body, (size_t)n));
}

/* Files of the folder "files", beside the settings. */
static dj_response *file(dj_req *req)
{
    return dj_file_response(req, DJ_LIT("files"), dj_path_str(req, "name"), NULL);
}

static dj_response *saved_file(dj_req *req)
{
    const dj_file_options options = {.attachment = true,
                                     .filename = DJ_LIT("\xc3\xa9t\xc3\xa9 \"1\".txt"),
                                     .etag = DJ_LIT("\"v1\""),
                                     .content_type = DJ_LIT("text/plain")};
    return dj_file_response(req, DJ_LIT("files"), dj_path_str(req, "name"), &options);
}

typedef struct {
    int64_t left;
} countdown;

static bool next_piece(dj_req *req, void *ctx, dj_str *piece)
{
    countdown *c = ctx;
    if (c->left == 0)
        return false;
    *piece = dj_strf(dj_req_scope(req), "piece %lld\n", (long long)c->left--);
    return true;
}

/* `n` pieces, counted down. */
static dj_response *stream(dj_req *req)
{
    countdown *c = dj_new(dj_req_scope(req), countdown);
    c->left = dj_path_int(req, "n");
    return dj_stream(req, next_piece, c);
}

/* -- events: a number a turn; a line end in it, so that the split shows -- */

static int live; /* streams in this worker */

static void one_less(void *what)
{
    live--;
}

static int64_t next_event(dj_event_stream *stream, void *ctx)
{
    countdown *c = ctx;
    dj_scope  *s = dj_events_scope(stream);
    dj_event   e = {.data = dj_strf(s, "event\n%lld", (long long)c->left)};
    if (c->left == 0 || dj_event_send(stream, &e) != DJ_OK)
        return DJ_EVENTS_END;
    return --c->left == 1 ? 3600000 : 1; /* the last one comes after an hour */
}

static dj_response *events(dj_req *req)
{
    countdown *c = dj_new(dj_req_scope(req), countdown);
    c->left = dj_path_int(req, "n");
    live++;
    dj_own(dj_req_scope(req), one_less, c);
    return dj_events(req, next_event, c);
}

static dj_response *how_many_live(dj_req *req)
{
    return dj_text(req, dj_strf(dj_req_scope(req), "%d", live));
}

static dj_response *boom(dj_req *req)
{
    return dj_raise(req, DJ_ERR_INTERNAL, "secret detail");
}

static dj_response *missing(dj_req *req)
{
    return dj_not_found(req);
}

static dj_response *hello(dj_req *req)
{
    dj_response *resp = dj_page(
        req, DJ_HTML("<!DOCTYPE html><title>Hello</title><p>Hello, World!<script nonce=\""));
    dj_page_add(resp, dj_html_escape(dj_req_scope(req), dj_csp_nonce(req)));
    dj_page_add(resp, DJ_HTML("\"></script>"));
    return resp;
}

/* What arrived: method, path, query and body, a line each (the body as it is). */
static dj_response *echo(dj_req *req)
{
    dj_str       query = dj_req_query_string(req);
    dj_str       path = dj_req_path(req);
    dj_response *resp =
        dj_text(req, dj_strf(dj_req_scope(req), DJ_FMT "\n" DJ_FMT "\n" DJ_FMT "\n",
                             DJ_ARG(dj_req_method_name(req)), DJ_ARG(path), DJ_ARG(query)));
    dj_body_add(resp, dj_req_body(req));
    return resp;
}

static const dj_route urls[] = {
    DJ_PATH("hello/", hello, .methods = DJ_GET),
    DJ_PATH("token/<slug:token>/", token, .methods = DJ_GET),
    DJ_PATH("bytes/<int:n>/", bytes, .methods = DJ_GET),
    DJ_PATH("stream/<int:n>/", stream, .methods = DJ_GET),
    DJ_PATH("events/<int:n>/", events, .methods = DJ_GET),
    DJ_PATH("live/", how_many_live),
    DJ_PATH("files/<path:name>", file, .methods = DJ_GET),
    DJ_PATH("saved/<path:name>", saved_file, .methods = DJ_GET),
    DJ_PATH("boom/", boom),
    DJ_PATH("missing/", missing),
    DJ_REGEX("", echo),
};

int main(int argc, char **argv)
{
    return dj_manage(argc, argv, &(dj_app){.urls = DJ_ALL(urls)});
}
