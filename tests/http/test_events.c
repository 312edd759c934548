/* tests/http/test_events.c - nothing in an event can end it or begin another; streams are asked,
 * wait and end. */
#include "test.h"
#include "donjon/events.h"
#include "donjon/test.h"
#include "http/http.h"

/* -- a site with one stream, told by each test what to send -- */

typedef struct script {
    const dj_event *events;
    size_t          len;
    dj_err          failed; /* of the last event */
} script;

static script now;
static int    ended, asked;

static void count_end(void *what)
{
    ended++;
}

static int64_t play(dj_event_stream *stream, void *ctx)
{
    for (size_t i = 0; i < now.len; i++) {
        now.failed = dj_event_send(stream, &now.events[i]);
        if (now.failed)
            return DJ_EVENTS_END;
    }
    return DJ_EVENTS_END;
}

static dj_response *scripted(dj_req *req)
{
    dj_own(dj_req_scope(req), count_end, NULL);
    return dj_events(req, play, NULL);
}

typedef struct counter {
    int              n;
    dj_event_stream *stream;
} counter;

/* Takes memory each turn that the request's scope could not hold for long. */
static int64_t count(dj_event_stream *stream, void *ctx)
{
    counter *c = ctx;
    asked++;
    (void)dj_alloc(dj_events_scope(stream), (size_t)512 * 1024);
    dj_event e = {.data = dj_strf(dj_events_scope(stream), "%d", ++c->n)};
    if (dj_event_send(stream, &e))
        return DJ_EVENTS_END;
    return c->n == 400 ? DJ_EVENTS_END : 0;
}

static dj_response *counted(dj_req *req)
{
    dj_own(dj_req_scope(req), count_end, NULL);
    return dj_events(req, count, dj_new(dj_req_scope(req), counter));
}

static int64_t never(dj_event_stream *stream, void *ctx)
{
    asked++;
    return INT64_MAX;
}

static dj_response *quiet(dj_req *req)
{
    dj_own(dj_req_scope(req), count_end, NULL);
    return dj_events(req, never, NULL);
}

static int64_t hungry(dj_event_stream *stream, void *ctx)
{
    for (int i = 0; i < 1000; i++)
        (void)dj_alloc(dj_events_scope(stream), (size_t)1024 * 1024);
    return DJ_EVENTS_END;
}

static dj_response *starved(dj_req *req)
{
    dj_own(dj_req_scope(req), count_end, NULL);
    return dj_events(req, hungry, NULL);
}

static dj_response *again(dj_req *req)
{
    dj_str id = dj_last_event_id(req);
    return dj_text(req, dj_str_is_none(id) ? DJ_LIT("(first)") : id);
}

static const dj_route urls[] = {
    DJ_PATH("events/", scripted), DJ_PATH("count/", counted),   DJ_PATH("quiet/", quiet),
    DJ_PATH("again/", again),     DJ_PATH("starved/", starved),
};
static const dj_app app = {.urls = DJ_ALL(urls)};

static dj_client *opened(dj_case *c)
{
    static const char settings[] = "MIDDLEWARE = ['django.middleware.gzip.GZipMiddleware',\n"
                                   "    'django.middleware.http.ConditionalGetMiddleware']\n";
    dj_client        *client;
    ended = asked = 0;
    dj_expect_ok(dj_client_open(
        c->scope,
        &(dj_client_options){
            .app = &app, .settings_text = settings, .timeout_ms = 300, .quiet = true},
        &client));
    return client;
}

static dj_str sent(dj_client *client, const dj_event *events, size_t len)
{
    now = (script){.events = events, .len = len};
    return dj_client_get(client, "/events/")->body;
}

/* -- what stands on the wire -- */

DJ_TEST(events_are_written_as_the_standard_says)
{
    dj_client     *client = opened(c);
    const dj_event all = {
        .type = DJ_LIT("news"), .id = DJ_LIT("7"), .data = DJ_LIT("hello"), .retry_ms = 5000};
    dj_expect_str(DJ_LIT("event: news\nid: 7\nretry: 5000\ndata: hello\n\n"),
                  sent(client, &all, 1));
    const dj_event empty = {.data = DJ_LIT("")}, nothing = {.id = DJ_LIT("")};
    dj_expect_str(DJ_LIT("data: \n\n"), sent(client, &empty, 1));
    dj_expect_str(DJ_LIT("id: \n\n"), sent(client, &nothing, 1));
}

DJ_TEST(data_cannot_forge_a_field_or_an_event)
{
    static const struct {
        dj_str data, wire;
    } cases[] = {
        {DJ_STR_INIT("a\nb"), DJ_STR_INIT("data: a\ndata: b\n\n")},
        {DJ_STR_INIT("a\r\nb"), DJ_STR_INIT("data: a\ndata: b\n\n")},
        {DJ_STR_INIT("a\rb"), DJ_STR_INIT("data: a\ndata: b\n\n")},
        {DJ_STR_INIT("a\n\rb"), DJ_STR_INIT("data: a\ndata: \ndata: b\n\n")},
        {DJ_STR_INIT("a\r"), DJ_STR_INIT("data: a\ndata: \n\n")},
        {DJ_STR_INIT("\n\nevent: x"), DJ_STR_INIT("data: \ndata: \ndata: event: x\n\n")},
        {DJ_STR_INIT("\r\r\nid: 9\r\n\r\n"),
         DJ_STR_INIT("data: \ndata: \ndata: id: 9\ndata: \ndata: \n\n")},
        {DJ_STR_INIT(" kept"), DJ_STR_INIT("data:  kept\n\n")},
        {DJ_STR_INIT("a\0b"), DJ_STR_INIT("data: a\0b\n\n")},
    };
    dj_client *client = opened(c);
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        dj_event e = {.data = cases[i].data};
        dj_expect_str(cases[i].wire, sent(client, &e, 1));
    }
}

/* Read back as a browser does: any bytes give exactly one event with these lines. */
DJ_TEST(any_data_is_one_event)
{
    static const char alphabet[] = "\r\n\0: adtev";
    dj_client        *client = opened(c);
    uint32_t          seed = 1;
    for (int round = 0; round < 300; round++) {
        char   data[24];
        size_t len = 0, events = 0;
        for (; len < sizeof data && (seed >> 8) % 29 != 0; len++) {
            seed = seed * 1664525u + 1013904223u;
            data[len] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        seed = seed * 1664525u + 1013904223u;
        dj_event e = {.data = dj_str_n(data, len)};
        dj_str   rest = sent(client, &e, 1), line;
        assert_true(dj_str_chr(rest, '\r') == DJ_NOT_FOUND);
        while (dj_str_next(&rest, '\n', &line) && rest.ptr != NULL) {
            if (line.len == 0)
                events++;
            else
                assert_true(dj_str_starts(line, DJ_LIT("data: ")));
            if (rest.len == 0)
                break;
        }
        assert_int_equal(events, 1);
        dj_client_forget(client);
    }
}

DJ_TEST(a_type_or_id_with_a_line_end_is_refused)
{
    static const dj_str bad[] = {DJ_STR_INIT("a\nb"), DJ_STR_INIT("a\rb"), DJ_STR_INIT("a\0b"),
                                 DJ_STR_INIT("\n")};
    dj_client          *client = opened(c);
    for (size_t i = 0; i < DJ_COUNT(bad); i++) {
        dj_event id = {.id = bad[i], .data = DJ_LIT("x")}, type = {.type = bad[i]};
        dj_expect_str(DJ_LIT(""), sent(client, &id, 1));
        dj_expect_err(DJ_ERR_MALFORMED, now.failed);
        dj_expect_str(DJ_LIT(""), sent(client, &type, 1));
        dj_expect_err(DJ_ERR_MALFORMED, now.failed);
        assert_true(dj_answer_logged(dj_client_get(client, "/events/"), "django.request",
                                     "a line end or a NUL in the type or the id"));
    }
}

DJ_TEST(one_turn_is_bounded_and_whole)
{
    dj_client *client = opened(c);
    char      *large = dj_alloc(c->scope, 600000);
    memset(large, 'x', 600000);
    const dj_event two[] = {{.data = dj_str_n(large, 600000)}, {.data = dj_str_n(large, 600000)}};
    dj_str         body = sent(client, two, 2);
    dj_expect_err(DJ_ERR_LIMIT, now.failed);
    assert_int_equal(body.len, 600000 + strlen("data: \n\n"));
}

/* -- streams -- */

DJ_TEST(the_answer_is_live_and_left_alone)
{
    dj_client *client = opened(c);
    now = (script){0};
    const dj_answer *a = dj_client_send(
        client,
        &(dj_client_request){.path = "/events/", .headers = DJ_PAIRS({"Accept-Encoding", "gzip"})});
    assert_int_equal(a->status, 200);
    dj_expect_str(DJ_LIT("text/event-stream"), dj_answer_header(a, "Content-Type"));
    dj_expect_str(DJ_LIT("no-store"), dj_answer_header(a, "Cache-Control"));
    dj_expect_str(DJ_LIT("no"), dj_answer_header(a, "X-Accel-Buffering"));
    assert_int_equal(dj_answer_header_count(a, "Content-Encoding"), 0);
    assert_int_equal(dj_answer_header_count(a, "ETag"), 0);
    assert_int_equal(ended, 1);
}

DJ_TEST(a_long_stream_takes_no_more_memory_than_a_turn)
{
    dj_client       *client = opened(c);
    const dj_answer *a = dj_client_send(client, &(dj_client_request){.path = "/count/"});
    /* 400 turns of half a megabyte in a scope of 84: the time is up before, or all were sent. */
    assert_int_equal(a->status, 200);
    assert_int_equal(a->npieces, asked);
    assert_true(asked > 1);
    a = dj_client_send(client, &(dj_client_request){.path = "/count/", .pieces_max = 3});
    dj_expect_str(DJ_LIT("data: 1\n\ndata: 2\n\ndata: 3\n\n"), a->body);
    assert_int_equal(ended, 2);
}

DJ_TEST(a_quiet_stream_waits_and_is_freed_with_its_client)
{
    dj_client       *client = opened(c);
    const dj_answer *a = dj_client_get(client, "/quiet/");
    assert_true(dj_str_starts(a->problem, DJ_LIT("no answer within")));
    dj_expect_str(DJ_LIT(""), a->body);
    assert_int_equal(asked, 1);
    assert_int_equal(ended, 1);
}

DJ_TEST(memory_that_runs_out_ends_the_stream_alone)
{
    dj_client *client = opened(c);
    (void)dj_client_get(client, "/starved/");
    assert_int_equal(ended, 1);
    assert_int_equal(dj_client_get(client, "/again/")->status, 200);
}

DJ_TEST(the_client_says_what_it_saw_last)
{
    dj_client *client = opened(c);
    dj_expect_str(DJ_LIT("(first)"), dj_client_get(client, "/again/")->body);
    const dj_answer *a =
        dj_client_send(client, &(dj_client_request){.path = "/again/",
                                                    .headers = DJ_PAIRS({"Last-Event-ID", "41"})});
    dj_expect_str(DJ_LIT("41"), a->body);
}

DJ_TESTS(DJ_T(events_are_written_as_the_standard_says), DJ_T(data_cannot_forge_a_field_or_an_event),
         DJ_T(any_data_is_one_event), DJ_T(a_type_or_id_with_a_line_end_is_refused),
         DJ_T(one_turn_is_bounded_and_whole), DJ_T(the_answer_is_live_and_left_alone),
         DJ_T(a_long_stream_takes_no_more_memory_than_a_turn),
         DJ_T(a_quiet_stream_waits_and_is_freed_with_its_client),
         DJ_T(memory_that_runs_out_ends_the_stream_alone), DJ_T(the_client_says_what_it_saw_last))
