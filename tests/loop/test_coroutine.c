/* tests/loop/test_coroutine.c - starting, waiting, waking, abandoning; slow work on threads. */
#include "test.h"
#include "loop/loop.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

typedef struct run {
    dj_loop  *loop;
    dj_scope *scope;
    dj_co    *co;
    dj_err    got;
    int       fd;
    int64_t   ms;
    int       steps, ended, abandoned, released;
    bool      waiting;
} run;

static void run_ended(void *arg, bool abandoned)
{
    run *r = arg;
    assert_null(dj_co_self(r->loop));
    r->ended++;
    r->abandoned += abandoned ? 1 : 0;
    if (r->scope != NULL)
        dj_scope_close(r->scope);
    r->scope = NULL;
}

static void released(void *what)
{
    ((run *)what)->released++;
}

static run run_make(dj_loop *loop)
{
    run r = {.loop = loop, .scope = dj_scope_open(1 << 20), .fd = -1, .ms = -1};
    assert_non_null(r.scope);
    return r;
}

static void step(void *arg)
{
    run *r = arg;
    assert_non_null(dj_co_self(r->loop));
    r->steps++;
}

DJ_TEST(a_coroutine_that_never_waits_has_ended_when_start_returns)
{
    dj_loop *loop = dj_loop_new();
    run      r = run_make(loop);
    assert_true(dj_co_start(loop, r.scope, step, &r, run_ended));
    assert_int_equal(r.steps, 1);
    assert_int_equal(r.ended, 1);
    assert_int_equal(r.abandoned, 0);
    assert_int_equal(dj_co_count(loop), 0);
    dj_loop_free(loop);
}

static void wait_once(void *arg)
{
    run *r = arg;
    dj_own(r->scope, released, r);
    r->steps++;
    r->co = dj_co_self(r->loop);
    r->waiting = true;
    r->got = dj_co_wait(r->loop, r->ms);
    r->waiting = false;
    r->steps++;
}

static void wake_both(void *arg)
{
    run *r = arg;
    r->steps++;
    dj_co_wake(r->co);
    dj_co_wake(r->co);
}

DJ_TEST(waking_makes_it_go_on_at_the_end_of_the_turn)
{
    dj_loop *loop = dj_loop_new();
    run      a = run_make(loop), b = run_make(loop);
    assert_true(dj_co_start(loop, a.scope, wait_once, &a, run_ended));
    assert_int_equal(a.steps, 1);
    assert_int_equal(a.ended, 0);
    b.co = a.co;
    assert_true(dj_co_start(loop, b.scope, wake_both, &b, run_ended));
    assert_int_equal(a.steps, 1);
    dj_loop_run(loop);
    assert_int_equal(a.steps, 2);
    assert_int_equal(a.ended, 1);
    dj_expect_ok(a.got);
    dj_loop_free(loop);
}

DJ_TEST(a_wait_ends_at_its_limit)
{
    dj_loop *loop = dj_loop_new();
    run      a = run_make(loop);
    a.ms = 40;
    assert_true(dj_co_start(loop, a.scope, wait_once, &a, run_ended));
    dj_loop_run(loop);
    dj_expect_err(DJ_ERR_DEADLINE, a.got);
    assert_int_equal(a.ended, 1);
    dj_loop_free(loop);
}

static void wake_self(void *arg)
{
    run *r = arg;
    dj_co_wake(dj_co_self(r->loop));
    r->got = dj_co_wait(r->loop, -1);
    r->steps++;
}

DJ_TEST(a_wake_while_it_runs_is_not_lost)
{
    dj_loop *loop = dj_loop_new();
    run      a = run_make(loop);
    assert_true(dj_co_start(loop, a.scope, wake_self, &a, run_ended));
    assert_int_equal(a.ended, 1);
    dj_loop_free(loop);
}

DJ_TEST(an_abandoned_coroutine_is_never_resumed_and_its_owners_run)
{
    dj_loop *loop = dj_loop_new();
    run      a = run_make(loop), b = run_make(loop);
    a.ms = 10000;
    assert_true(dj_co_start(loop, a.scope, wait_once, &a, run_ended));
    assert_true(dj_co_start(loop, b.scope, wait_once, &b, run_ended));
    dj_co_abandon(a.co);
    assert_int_equal(a.ended, 1);
    assert_int_equal(a.abandoned, 1);
    assert_int_equal(a.released, 1);
    /* Woken, then abandoned before its turn came. */
    dj_co_wake(b.co);
    dj_co_abandon(b.co);
    assert_int_equal(b.abandoned, 1);
    dj_loop_run(loop); /* its timer is gone too: nothing to wait for */
    assert_int_equal(a.steps, 1);
    assert_int_equal(b.steps, 1);
    dj_loop_free(loop);
}

static void abandon_other(void *arg)
{
    run *r = arg;
    dj_co_abandon(r->co);
    r->steps++;
    dj_co_abandon(dj_co_self(r->loop));
    r->steps++;
}

DJ_TEST(a_coroutine_may_abandon_another_and_itself)
{
    dj_loop *loop = dj_loop_new();
    run      a = run_make(loop), b = run_make(loop);
    assert_true(dj_co_start(loop, a.scope, wait_once, &a, run_ended));
    b.co = a.co;
    assert_true(dj_co_start(loop, b.scope, abandon_other, &b, run_ended));
    assert_int_equal(b.steps, 1);
    assert_int_equal(b.abandoned, 1);
    dj_loop_run(loop);
    assert_int_equal(a.steps, 1);
    assert_int_equal(a.abandoned, 1);
    dj_loop_free(loop);
}

static void eat(void *arg)
{
    run *r = arg;
    for (;;) {
        char *p = dj_alloc(r->scope, 4000);
        p[0] = 1;
        r->steps++;
    }
}

DJ_TEST(running_out_of_memory_abandons_the_coroutine_alone)
{
    dj_loop *loop = dj_loop_new();
    run      other = run_make(loop);
    other.ms = 20;
    assert_true(dj_co_start(loop, other.scope, wait_once, &other, run_ended));
    for (int i = 0; i < 50; i++) {
        run a = run_make(loop);
        assert_true(dj_co_start(loop, a.scope, eat, &a, run_ended));
        assert_true(a.steps > 100);
        assert_int_equal(a.ended, 1);
        assert_int_equal(a.abandoned, 1);
    }
    dj_loop_run(loop);
    assert_int_equal(other.steps, 2);
    dj_loop_free(loop);
}

static void start_another(void *arg)
{
    run *r = arg;
    run *inner = (run *)(void *)r->co;
    r->steps++;
    assert_true(dj_co_start(r->loop, inner->scope, step, inner, run_ended));
    assert_int_equal(inner->steps, 0);
    dj_expect_ok(dj_co_sleep(r->loop, 0));
    r->steps++;
}

DJ_TEST(a_coroutine_started_inside_another_begins_at_the_end_of_the_turn)
{
    dj_loop *loop = dj_loop_new();
    run      a = run_make(loop), b = run_make(loop);
    a.co = (dj_co *)(void *)&b;
    assert_true(dj_co_start(loop, a.scope, start_another, &a, run_ended));
    assert_int_equal(b.steps, 0);
    dj_loop_run(loop);
    assert_int_equal(a.steps, 2);
    assert_int_equal(b.steps, 1);
    assert_int_equal(b.ended, 1);
    dj_loop_free(loop);
}

static int64_t deep(int64_t n, dj_loop *loop)
{
    volatile char frame[200];
    frame[0] = (char)n;
    if (n == 0) {
        (void)!dj_co_sleep(loop, 5);
        return 1;
    }
    return deep(n - 1, loop) + (frame[0] == (char)n ? 1 : 1000);
}

static void go_deep(void *arg)
{
    run *r = arg;
    r->steps = (int)deep(40, r->loop);
}

DJ_TEST(thousands_of_coroutines_wait_side_by_side)
{
    enum { MANY = 4000 };
    dj_loop *loop = dj_loop_new();
    run     *many = dj_new_array(c->scope, run, MANY);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            many[i] = run_make(loop);
            assert_true(dj_co_start(loop, many[i].scope, go_deep, &many[i], run_ended));
        }
        assert_int_equal(dj_co_count(loop), MANY);
        dj_loop_run(loop);
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(many[i].steps, 41);
            assert_int_equal(many[i].ended, 1);
        }
    }
    dj_loop_free(loop);
}

DJ_TEST(freeing_the_loop_abandons_what_is_suspended)
{
    dj_loop *loop = dj_loop_new();
    run      a = run_make(loop);
    assert_true(dj_co_start(loop, a.scope, wait_once, &a, run_ended));
    dj_loop_free(loop);
    assert_int_equal(a.abandoned, 1);
    assert_int_equal(a.released, 1);
}

/* -- descriptors -- */

static void wait_fd(void *arg)
{
    run *r = arg;
    r->co = dj_co_self(r->loop);
    r->got = dj_co_wait_fd(r->loop, r->scope, r->fd, DJ_READ, r->ms);
    r->steps++;
}

DJ_TEST(waiting_for_a_descriptor)
{
    dj_loop *loop = dj_loop_new();
    int      p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    run a = run_make(loop);
    a.fd = p[0];
    assert_true(dj_co_start(loop, a.scope, wait_fd, &a, run_ended));
    assert_int_equal(write(p[1], "x", 1), 1);
    dj_loop_run(loop);
    assert_int_equal(a.steps, 1);
    dj_expect_ok(a.got);

    char byte;
    assert_int_equal(read(p[0], &byte, 1), 1);
    a = run_make(loop);
    a.fd = p[0];
    a.ms = 30;
    assert_true(dj_co_start(loop, a.scope, wait_fd, &a, run_ended));
    dj_loop_run(loop);
    dj_expect_err(DJ_ERR_DEADLINE, a.got);

    a = run_make(loop);
    a.fd = p[0];
    assert_true(dj_co_start(loop, a.scope, wait_fd, &a, run_ended));
    dj_co_abandon(a.co);
    dj_loop_run(loop);
    assert_int_equal(a.steps, 0);

    a = run_make(loop);
    a.fd = 9999;
    assert_true(dj_co_start(loop, a.scope, wait_fd, &a, run_ended));
    dj_expect_err(DJ_ERR_IO, a.got);
    close(p[0]), close(p[1]);
    dj_loop_free(loop);
}

/* -- threads -- */

typedef struct slow {
    run        r;
    atomic_int fn_ran, dropped;
    int        ms;
    bool       dropping;
} slow;

static void slow_fn(void *arg)
{
    slow *w = arg;
    nanosleep(&(struct timespec){.tv_nsec = (long)w->ms * 1000000}, NULL);
    w->fn_ran++;
}

static void slow_drop(void *arg)
{
    ((slow *)arg)->dropped++;
}

static void slow_co(void *arg)
{
    slow *w = arg;
    w->r.co = dj_co_self(w->r.loop);
    w->r.got = dj_offload(w->r.loop, slow_fn, slow_drop, w);
    w->r.steps++;
}

static void slow_ended(void *arg, bool abandoned)
{
    run_ended(&((slow *)arg)->r, abandoned);
}

DJ_TEST(slow_work_runs_beside_the_loop_and_overload_is_said_at_once)
{
    enum { JOBS = 12 };
    dj_loop *loop = dj_loop_new();
    dj_offload_configure(loop, 2, 4);
    static slow w[JOBS];
    memset(w, 0, sizeof w);
    int64_t         start = 0, refused = 0;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    start = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    for (int i = 0; i < JOBS; i++) {
        w[i].r = run_make(loop);
        w[i].ms = 60;
        assert_true(dj_co_start(loop, w[i].r.scope, slow_co, &w[i], slow_ended));
        if (w[i].r.steps == 1) {
            dj_expect_err(DJ_ERR_OVERLOAD, w[i].r.got);
            refused++;
        }
    }
    assert_int_equal(refused, JOBS - 6);
    dj_loop_run(loop);
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t took = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 - start;
    assert_true(took >= 180 && took < 1000); /* six jobs, two at a time */
    for (int i = 0; i < 6; i++) {
        dj_expect_ok(w[i].r.got);
        assert_int_equal(w[i].fn_ran, 1);
        assert_int_equal(w[i].dropped, 0);
        assert_int_equal(w[i].r.ended, 1);
    }
    dj_loop_free(loop);
}

DJ_TEST(a_forsaken_job_is_dropped_once)
{
    dj_loop *loop = dj_loop_new();
    dj_offload_configure(loop, 1, 4);
    static slow w[3];
    memset(w, 0, sizeof w);
    for (int i = 0; i < 3; i++) {
        w[i].r = run_make(loop);
        w[i].ms = 40;
        assert_true(dj_co_start(loop, w[i].r.scope, slow_co, &w[i], slow_ended));
    }
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    dj_co_abandon(w[0].r.co); /* is running */
    assert_int_equal(w[0].r.abandoned, 1);
    assert_int_equal(w[0].dropped, 0);
    dj_co_abandon(w[1].r.co); /* still waiting: never runs */
    assert_int_equal(w[1].dropped, 1);
    dj_loop_run(loop);
    assert_int_equal(w[0].fn_ran, 1);
    assert_int_equal(w[0].dropped, 1);
    assert_int_equal(w[1].fn_ran, 0);
    assert_int_equal(w[1].dropped, 1);
    assert_int_equal(w[2].fn_ran, 1);
    assert_int_equal(w[2].dropped, 0);
    assert_int_equal(w[2].r.steps, 1);
    /* And one that the loop is freed under. */
    w[0].r = run_make(loop);
    w[0].dropped = 0;
    assert_true(dj_co_start(loop, w[0].r.scope, slow_co, &w[0], slow_ended));
    dj_loop_free(loop);
    assert_int_equal(w[0].dropped, 1);
    assert_int_equal(w[0].r.abandoned, 1);
}

DJ_TESTS(DJ_T(a_coroutine_that_never_waits_has_ended_when_start_returns),
         DJ_T(waking_makes_it_go_on_at_the_end_of_the_turn), DJ_T(a_wait_ends_at_its_limit),
         DJ_T(a_wake_while_it_runs_is_not_lost),
         DJ_T(an_abandoned_coroutine_is_never_resumed_and_its_owners_run),
         DJ_T(a_coroutine_may_abandon_another_and_itself),
         DJ_T(running_out_of_memory_abandons_the_coroutine_alone),
         DJ_T(a_coroutine_started_inside_another_begins_at_the_end_of_the_turn),
         DJ_T(thousands_of_coroutines_wait_side_by_side),
         DJ_T(freeing_the_loop_abandons_what_is_suspended), DJ_T(waiting_for_a_descriptor),
         DJ_T(slow_work_runs_beside_the_loop_and_overload_is_said_at_once),
         DJ_T(a_forsaken_job_is_dropped_once))
