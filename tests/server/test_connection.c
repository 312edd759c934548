/* tests/server/test_connection.c - a whole worker over loopback sockets with an application of a
 * few lines: order of answers, large and streamed bodies, clients that go away, time-outs,
 * refusals, the end. */
#include "one_worker.h"

#define BIG ((size_t)600 * 1000)

/* -- the application -- */

static void released(void *what)
{
    ((fix *)what)->released++;
}

static bool count_down(dj_req *req, void *ctx, dj_str *piece)
{
    int *left = ctx;
    *piece = DJ_LIT("");
    if (*left == 0)
        return false;
    the->pieces++;
    (*left)--;
    if (*left % 3 == 2)
        return dj_co_sleep(the->loop, 1) == DJ_OK; /* an empty piece after a wait */
    *piece = dj_strf(req->scope, "piece %d\n", *left);
    return true;
}

/* Two pieces, and between them a wait that nobody should disturb. */
static bool wait_between(dj_req *req, void *ctx, dj_str *piece)
{
    int *left = ctx;
    (void)req;
    if (*left == 0)
        return false;
    int64_t end = dj_loop_ms(the->loop) + 200;
    if (--*left == 0) {
        while (dj_loop_ms(the->loop) < end &&
               dj_co_wait(the->loop, end - dj_loop_ms(the->loop)) == DJ_OK)
            the->woken++;
    }
    *piece = DJ_LIT("half\n");
    return true;
}

static char filler[32 * 1024];
static bool for_ever(dj_req *req, void *ctx, dj_str *piece)
{
    (void)req, (void)ctx;
    the->pieces++;
    *piece = dj_str_n(filler, sizeof filler);
    return true;
}

static dj_response *streamed(dj_req *req, dj_stream_fn fn, int n)
{
    int *left = dj_new(req->scope, int);
    *left = n;
    return dj_stream(req, fn, left);
}

static dj_response *big(dj_req *req)
{
    char *body = dj_alloc_raw(req->scope, BIG);
    for (size_t i = 0; i < BIG; i++)
        body[i] = (char)('a' + i % 26);
    dj_response *resp = dj_text(req, dj_str_n(body, BIG / 3));
    dj_body_add(resp, dj_str_n(body + BIG / 3, BIG - BIG / 3));
    return resp;
}

static dj_response *handle(dj_req *req, void *ctx)
{
    fix *f = ctx;
    if (dj_str_eq(req->path, DJ_LIT("/wait")))
        dj_expect_ok(dj_co_sleep(f->loop, 20));
    if (dj_str_eq(req->path, DJ_LIT("/big")))
        return big(req);
    if (dj_str_eq(req->path, DJ_LIT("/stream")))
        return streamed(req, count_down, 9);
    if (dj_str_eq(req->path, DJ_LIT("/between")))
        return streamed(req, wait_between, 2);
    if (dj_str_eq(req->path, DJ_LIT("/for-ever")))
        return streamed(req, for_ever, 1);
    if (dj_str_eq(req->path, DJ_LIT("/too-long"))) {
        dj_response *resp = streamed(req, for_ever, 1);
        dj_header_set(resp, DJ_LIT("Content-Length"), DJ_LIT("40000"));
        return resp;
    }
    if (dj_str_eq(req->path, DJ_LIT("/hang"))) {
        dj_own(req->scope, released, f);
        dj_expect_ok(dj_co_sleep(f->loop, 60000));
    }
    if (dj_str_eq(req->path, DJ_LIT("/greedy"))) {
        dj_own(req->scope, released, f);
        for (;;)
            memset(dj_alloc_raw(req->scope, 1024 * 1024), 0, 16);
    }
    dj_response *resp = dj_text(req, dj_str_cat(req->scope, req->path, DJ_LIT(" ")));
    dj_body_add(resp, req->body);
    return resp;
}

/* -- order and bodies -- */

DJ_TEST(pipelined_answers_keep_their_order_when_views_wait)
{
    fix *f = begin(c, handle);
    int  fd = connect_with(f, 0);
    say(fd, "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /wait HTTP/1.1\r\nHost: a\r\n\r\n"
            "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /wait "
            "HTTP/1.1\r\nHost: a\r\n\r\n"
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nGET /big HTTP/1.1\r\nHost: a\r\n\r\n"
            "GET /stream HTTP/1.1\r\nHost: a\r\n\r\nGET /last HTTP/1.1\r\nHost: a\r\nConnection: "
            "close\r\n\r\nGET /never");
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(times(f, "HTTP/1.1 200 OK"), 7);
    assert_int_equal(times(f, "HTTP/1.1 204 No Content"), 1);
    const char *order[] = {
        "/a ",     "/wait ",        "/b hello", "204 No", "Content-Length: 600000",
        "piece 7", "\r\n0\r\n\r\n", "/last "};
    for (size_t i = 1; i < DJ_COUNT(order); i++)
        assert_true(place(f, order[i - 1]) < place(f, order[i]));
    assert_int_equal(f->answered, 7);
    assert_int_equal(f->refused, 0);
    close(fd);
    end(c, f);
}

DJ_TEST(a_large_body_arrives_whole_at_a_slow_reader)
{
    fix *f = begin(c, handle);
    int  fd = connect_with(f, 4096);
    ask(fd, "/big");
    ask(fd, "/after");
    for (int i = 0; i < 5; i++)
        turn(f, 10); /* nothing is read meanwhile */
    assert_true(hear(f, fd, "/after ", 1));
    size_t body = place(f, "\r\n\r\n") + 4;
    for (size_t i = 0; i < BIG; i++)
        if (f->got[body + i] != (char)('a' + i % 26))
            fail_msg("byte %zu of the body is wrong", i);
    close(fd);
    end(c, f);
}

/* A peer that sends during a stream, or reads it slowly once, must not keep the loop awake while
 * the view waits. */
DJ_TEST(a_waiting_stream_is_woken_by_nobody)
{
    fix *f = begin(c, handle);
    int  fd = connect_with(f, 0);
    ask(fd, "/between");
    assert_true(hear(f, fd, "half", 1));
    ask(fd, "/next");
    assert_true(hear(f, fd, "/next ", 1));
    assert_int_equal(times(f, "half"), 2);
    assert_true(f->woken <= 2);
    close(fd);
    end(c, f);
}

DJ_TEST(a_stream_waits_for_its_reader)
{
    fix *f = begin(c, handle);
    int  fd = connect_with(f, 4096);
    ask(fd, "/for-ever");
    turn(f, 100);
    unsigned pieces = f->pieces;
    turn(f, 100);
    assert_true(pieces > 0);
    assert_int_equal(f->pieces, pieces);
    assert_int_equal(dj_worker_connections(f->worker), 1);
    reset_and_close(fd);
    turn(f, 20);
    assert_int_equal(dj_worker_connections(f->worker), 0);
    assert_int_equal(dj_co_count(f->loop), 0);
    end(c, f);
}

DJ_TEST(a_stream_ends_where_its_content_length_says)
{
    fix *f = begin(c, handle);
    int  fd = connect_with(f, 0);
    ask(fd, "/too-long");
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(f->got_len - place(f, "\r\n\r\n") - 4, 40000);
    assert_true(f->pieces <= 3);
    close(fd);
    end(c, f);
}

/* -- clients that go away -- */

DJ_TEST(a_reset_abandons_the_view)
{
    fix *f = begin(c, handle);
    int  fd = connect_with(f, 0);
    ask(fd, "/hang");
    turn(f, 20);
    assert_int_equal(dj_co_count(f->loop), 1);
    reset_and_close(fd);
    turn(f, 20);
    assert_int_equal(dj_co_count(f->loop), 0);
    assert_int_equal(f->released, 1);
    assert_int_equal(dj_worker_connections(f->worker), 0);
    end(c, f);
}

DJ_TEST(a_client_that_only_stopped_sending_gets_its_answer)
{
    fix *f = begin(c, handle);
    int  fd = connect_with(f, 0);
    ask(fd, "/wait");
    shutdown(fd, SHUT_WR);
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(times(f, "/wait "), 1);
    close(fd);
    end(c, f);
}

DJ_TEST(what_still_runs_is_abandoned_at_the_end)
{
    fix *f = begin(c, handle);
    int  fd = connect_with(f, 0), slow = connect_with(f, 4096), half = connect_with(f, 0);
    ask(fd, "/hang");
    ask(slow, "/for-ever");
    say(half, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc");
    turn(f, 50);
    assert_int_equal(dj_worker_connections(f->worker), 3);
    end(c, f);
    assert_int_equal(f->released, 1);
    close(fd);
    close(slow);
    close(half);
}

/* -- refusals -- */

DJ_TEST(a_view_without_memory_gives_503)
{
    fix *f = begin(c, handle);
    int  fd = connect_with(f, 0);
    ask(fd, "/a");
    ask(fd, "/greedy");
    ask(fd, "/never");
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(times(f, "/a "), 1);
    assert_int_equal(times(f, "HTTP/1.1 503 Service Unavailable"), 1);
    assert_int_equal(times(f, "nosniff"), 1);
    assert_int_equal(times(f, "/never"), 0);
    assert_int_equal(f->released, 1);
    close(fd);
    end(c, f);
}

DJ_TEST(an_address_has_so_many_connections)
{
    fix *f = begin(c, handle);
    f->config.limits.connections_per_address = 2;
    char *long_lines = dj_alloc_raw(c->scope, 6000);
    memset(long_lines, 'x', 6000);
    memcpy(long_lines, "X-Long: ", 8);
    memcpy(long_lines + 5998, "\r\n", 2);
    f->lines = dj_str_n(long_lines, 6000);
    int one = connect_with(f, 0), two = connect_with(f, 0), three = connect_with(f, 0);
    assert_true(hear(f, three, NULL, 0));
    assert_int_equal(times(f, "HTTP/1.1 503 Service Unavailable"), 1);
    assert_int_equal(times(f, "X-Long: "), 1);
    assert_int_equal(times(f, "Content-Length: 2\r\nConnection: close\r\n\r\nno"), 1);
    assert_int_equal(f->last_refusal, 503);
    close(one);
    turn(f, 20);
    int four = connect_with(f, 0);
    ask(four, "/again");
    assert_true(hear(f, four, "/again ", 1));
    close(two);
    close(three);
    close(four);
    end(c, f);
}

DJ_TEST(a_connection_has_so_many_requests)
{
    fix *f = begin(c, handle);
    f->config.limits.requests_per_connection = 3;
    int fd = connect_with(f, 0);
    for (int i = 0; i < 6; i++)
        say(fd, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(times(f, "HTTP/1.1 204 No Content"), 3);
    assert_int_equal(times(f, "Connection: close"), 1);
    close(fd);
    end(c, f);
}

/* -- time -- */

DJ_TEST(a_slow_head_gets_408_however_often_it_sends)
{
    fix *f = begin(c, handle);
    f->config.limits.head_ms = 150;
    int fd = connect_with(f, 0);
    say(fd, "GET / HTTP/1.1\r\nX: ");
    for (int i = 0; i < 30 && f->refused == 0; i++) {
        say(fd, "a");
        turn(f, 20);
    }
    assert_int_equal(f->last_refusal, 408);
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(times(f, "HTTP/1.1 408 Request Timeout"), 1);
    close(fd);
    end(c, f);
}

/* What a client sent fast does not let it stop for hours. */
DJ_TEST(a_body_that_stops_after_a_fast_start_gets_408)
{
    fix *f = begin(c, handle);
    f->config.limits.body_grace_ms = 200;
    f->config.limits.write_ms = 200;
    int fd = connect_with(f, 0);
    say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n");
    char *bytes = dj_alloc(c->scope, 400000);
    for (size_t sent = 0; sent < 400000;) {
        ssize_t n = send(fd, bytes + sent, 400000 - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        turn(f, 1);
    }
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(times(f, "HTTP/1.1 408 Request Timeout"), 1);
    close(fd);
    end(c, f);
}

DJ_TEST(a_body_at_the_permitted_rate_is_taken)
{
    fix *f = begin(c, handle);
    f->config.limits.body_grace_ms = 100;
    f->config.limits.write_ms = 100;
    int fd = connect_with(f, 0);
    say(fd, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 6000\r\n\r\n");
    char some[200];
    memset(some, 'b', sizeof some);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(send(fd, some, sizeof some, MSG_NOSIGNAL), (ssize_t)sizeof some);
        turn(f, 80);
    }
    assert_true(hear(f, fd, "/slow ", 1));
    assert_int_equal(f->refused, 0);
    close(fd);
    end(c, f);
}

DJ_TEST(a_reader_that_stops_is_closed)
{
    fix *f = begin(c, handle);
    f->config.limits.write_ms = 100;
    int one = connect_with(f, 4096), two = connect_with(f, 4096);
    ask(one, "/big");
    ask(two, "/for-ever");
    turn(f, 600);
    assert_int_equal(dj_worker_connections(f->worker), 0);
    close(one);
    close(two);
    end(c, f);
}

/* A little now and then is not enough; a steady kilobyte a second is. */
DJ_TEST(a_reader_that_takes_a_little_now_and_then_is_closed)
{
    fix *f = begin(c, handle);
    f->config.limits.write_ms = 300;
    f->config.limits.write_rate = 100000;
    const char *paths[] = {"/big", "/for-ever"};
    for (size_t i = 0; i < DJ_COUNT(paths); i++) {
        int  fd = connect_with(f, 4096);
        char some[512];
        ask(fd, paths[i]);
        turn(f, 20);
        assert_int_equal(dj_worker_connections(f->worker), 1);
        for (int k = 0; k < 200 && dj_worker_connections(f->worker) > 0; k++) {
            (void)!recv(fd, some, sizeof some, MSG_DONTWAIT);
            turn(f, 40); /* about 12 kB a second */
        }
        assert_int_equal(dj_worker_connections(f->worker), 0);
        close(fd);
    }
    int fd = connect_with(f, 4096);
    f->config.limits.write_rate = 1000;
    ask(fd, "/big");
    assert_true(hear(f, fd, "Content-Length: 600000", 1));
    while (f->got_len < BIG) { /* 4 KiB at a time, for longer than write_ms */
        ssize_t n = recv(fd, f->got + f->got_len, 16384, MSG_DONTWAIT);
        assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        f->got_len += n > 0 ? (size_t)n : 0;
        turn(f, 20);
    }
    close(fd);
    end(c, f);
}

/* Kept bytes of earlier answers stop the reading of a body, not its clock. */
DJ_TEST(a_body_behind_answers_that_nobody_reads_gets_nowhere)
{
    fix *f = begin(c, handle);
    f->config.limits.body_grace_ms = 200;
    f->config.limits.write_ms = 200;
    int fd = connect_with(f, 4096);
    for (int i = 0; i < 2000; i++)
        ask(fd, "/a-path-that-makes-an-answer");
    say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc");
    for (int i = 0; i < 200 && dj_worker_connections(f->worker) > 0; i++)
        turn(f, 50);
    assert_int_equal(dj_worker_connections(f->worker), 0);
    close(fd);
    end(c, f);
}

DJ_TEST(an_idle_connection_is_closed_without_a_word)
{
    fix *f = begin(c, handle);
    f->config.limits.idle_ms = 50;
    int fd = connect_with(f, 0);
    ask(fd, "/a");
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(times(f, "HTTP/1.1 "), 1);
    close(fd);
    end(c, f);
}

/* -- drain -- */

static void drain_done(void *ctx)
{
    ((fix *)ctx)->drained = true;
}

DJ_TEST(drain_answers_what_is_there_and_what_is_on_its_way)
{
    fix *f = begin(c, handle);
    int  busy = connect_with(f, 0), idle = connect_with(f, 0), silent = connect_with(f, 0),
        star = connect_with(f, 0);
    ask(busy, "/wait");
    turn(f, 5);
    dj_worker_drain(f->worker, 10000, drain_done, f);
    assert_false(f->drained);
    assert_true(hear(f, busy, NULL, 0));
    assert_int_equal(times(f, "/wait "), 1);
    assert_int_equal(times(f, "Connection: close"), 1);
    ask(idle, "/late");
    f->got_len = 0;
    assert_true(hear(f, idle, NULL, 0));
    assert_int_equal(times(f, "/late "), 1);
    assert_int_equal(times(f, "Connection: close"), 1);
    say(star, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    f->got_len = 0;
    assert_true(hear(f, star, NULL, 0));
    assert_int_equal(times(f, "Connection: close"), 1);
    close(busy);
    close(idle);
    close(star);
    for (int i = 0; i < 400 && !f->drained; i++)
        turn(f, 50);
    assert_true(f->drained);
    close(silent);
    end(c, f);
}

DJ_TESTS(DJ_T(pipelined_answers_keep_their_order_when_views_wait),
         DJ_T(a_large_body_arrives_whole_at_a_slow_reader),
         DJ_T(a_waiting_stream_is_woken_by_nobody), DJ_T(a_stream_waits_for_its_reader),
         DJ_T(a_stream_ends_where_its_content_length_says), DJ_T(a_reset_abandons_the_view),
         DJ_T(a_client_that_only_stopped_sending_gets_its_answer),
         DJ_T(what_still_runs_is_abandoned_at_the_end), DJ_T(a_view_without_memory_gives_503),
         DJ_T(an_address_has_so_many_connections), DJ_T(a_connection_has_so_many_requests),
         DJ_T(a_slow_head_gets_408_however_often_it_sends),
         DJ_T(a_body_that_stops_after_a_fast_start_gets_408),
         DJ_T(a_body_at_the_permitted_rate_is_taken), DJ_T(a_reader_that_stops_is_closed),
         DJ_T(a_reader_that_takes_a_little_now_and_then_is_closed),
         DJ_T(a_body_behind_answers_that_nobody_reads_gets_nowhere),
         DJ_T(an_idle_connection_is_closed_without_a_word),
         DJ_T(drain_answers_what_is_there_and_what_is_on_its_way))
