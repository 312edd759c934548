/* tests/loop/test_loop.c - turns, watches, timers, tasks, signals, children. */
#include "test.h"
#include "loop/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t real_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

DJ_TEST(a_loop_with_nothing_to_wait_for_ends)
{
    dj_loop *loop = dj_loop_new();
    assert_non_null(loop);
    dj_loop_run(loop);
    assert_true(dj_loop_now(loop) >= (int64_t)time(NULL) - 2);
    dj_loop_free(loop);
}

/* -- timers -- */

typedef struct timed {
    dj_timer      timer;
    dj_loop      *loop;
    int64_t       start, fired, after;
    int           times;
    struct timed *stops;
} timed;

static void timed_fire(dj_timer *t)
{
    timed *m = (timed *)(void *)t;
    m->fired = real_ms();
    m->times++;
    if (m->stops != NULL)
        dj_timer_stop(m->loop, &m->stops->timer);
}

DJ_TEST(timers_fire_in_time_and_never_early)
{
    dj_loop     *loop = dj_loop_new();
    static timed m[400];
    memset(m, 0, sizeof m);
    for (size_t i = 0; i < 400; i++) {
        m[i] = (timed){
            .timer = {.fire = timed_fire}, .loop = loop, .start = real_ms(), .after = (int64_t)i};
        dj_timer_start(loop, &m[i].timer, m[i].after);
    }
    dj_loop_run(loop);
    for (size_t i = 0; i < 400; i++) {
        assert_int_equal(m[i].times, 1);
        /* The loop's clock may be a turn older than ours. */
        assert_true(m[i].fired - m[i].start >= m[i].after - 5);
        assert_true(m[i].fired - m[i].start <= m[i].after + 150);
    }
    dj_loop_free(loop);
}

DJ_TEST(a_renewed_timer_fires_once_at_its_last_time)
{
    dj_loop *loop = dj_loop_new();
    timed    m = {.timer = {.fire = timed_fire}, .start = real_ms()};
    for (int64_t after = 10; after <= 200; after += 10)
        dj_timer_start(loop, &m.timer, after);
    dj_loop_run(loop);
    assert_int_equal(m.times, 1);
    assert_true(m.fired - m.start >= 195);
    /* And one moved nearer fires at the nearer time. */
    m = (timed){.timer = {.fire = timed_fire}, .start = real_ms()};
    dj_timer_start(loop, &m.timer, 60000);
    dj_timer_start(loop, &m.timer, 30);
    dj_loop_run(loop);
    assert_int_equal(m.times, 1);
    assert_true(m.fired - m.start < 500);
    dj_loop_free(loop);
}

DJ_TEST(a_timer_may_stop_another_that_is_due_too)
{
    dj_loop *loop = dj_loop_new();
    timed    a = {.timer = {.fire = timed_fire}, .loop = loop}, b = a;
    a.stops = &b;
    b.stops = &a;
    dj_timer_start(loop, &a.timer, 20);
    dj_timer_start(loop, &b.timer, 20);
    dj_loop_run(loop);
    assert_int_equal(a.times + b.times, 1);
    dj_loop_free(loop);
}

static void timed_again(dj_timer *t)
{
    timed *m = (timed *)(void *)t;
    if (++m->times < 5)
        dj_timer_start(m->loop, t, 0);
    else
        m->fired = real_ms();
}

DJ_TEST(a_timer_may_start_itself_again)
{
    dj_loop *loop = dj_loop_new();
    timed    m = {.timer = {.fire = timed_again}, .loop = loop};
    dj_timer_start(loop, &m.timer, 0);
    dj_loop_run(loop);
    assert_int_equal(m.times, 5);
    dj_loop_free(loop);
}

DJ_TEST(a_timer_beyond_a_turn_of_the_wheel_waits_its_time)
{
    dj_loop *loop = dj_loop_new();
    timed    far = {.timer = {.fire = timed_fire}, .loop = loop, .start = real_ms()};
    timed    later = far;
    dj_timer_start(loop, &far.timer, 8300); /* just beyond 512 * 16 ms */
    dj_timer_start(loop, &later.timer, 90000);
    far.stops = &later;
    dj_loop_run(loop);
    assert_int_equal(far.times, 1);
    assert_int_equal(later.times, 0);
    assert_true(far.fired - far.start >= 8295 && far.fired - far.start < 8600);
    dj_loop_free(loop);
}

/* -- watches -- */

typedef struct end {
    dj_watch    watch;
    dj_loop    *loop;
    struct end *other;
    int         calls;
    unsigned    events;
} end;

static void end_ready(dj_watch *w, unsigned events)
{
    end *e = (end *)(void *)w;
    e->calls++;
    e->events |= events;
    dj_watch_remove(e->loop, w);
    if (e->other != NULL) {
        dj_watch_remove(e->loop, &e->other->watch);
        e->other->other = NULL;
        e->other = NULL;
    }
}

DJ_TEST(a_watch_removed_in_a_callback_hears_nothing_more_of_this_turn)
{
    dj_loop *loop = dj_loop_new();
    int      p[2], q[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_int_equal(pipe2(q, O_CLOEXEC), 0);
    end a = {.watch = {.fd = p[0], .ready = end_ready}, .loop = loop}, b = a;
    b.watch.fd = q[0];
    a.other = &b;
    b.other = &a;
    assert_int_equal(dj_watch_add(loop, &a.watch, DJ_READ), 0);
    assert_int_equal(dj_watch_add(loop, &b.watch, DJ_READ), 0);
    assert_int_equal(dj_watch_add(loop, &b.watch, DJ_READ), EEXIST);
    assert_int_equal(write(p[1], "x", 1), 1);
    assert_int_equal(write(q[1], "x", 1), 1);
    dj_loop_run(loop);
    assert_int_equal(a.calls + b.calls, 1);
    assert_int_equal(a.events | b.events, DJ_READ);
    close(p[0]), close(p[1]), close(q[0]), close(q[1]);
    dj_loop_free(loop);
}

DJ_TEST(a_watch_reports_writing_hanging_up_and_changes)
{
    dj_loop *loop = dj_loop_new();
    int      p[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
    end a = {.watch = {.fd = p[0], .ready = end_ready}, .loop = loop};
    assert_int_equal(dj_watch_add(loop, &a.watch, DJ_READ), 0);
    assert_int_equal(dj_watch_change(loop, &a.watch, DJ_WRITE), 0);
    dj_loop_run(loop);
    assert_int_equal(a.events, DJ_WRITE);
    a.events = 0;
    assert_int_equal(dj_watch_add(loop, &a.watch, DJ_READ | DJ_EXCLUSIVE), 0);
    assert_int_equal(dj_watch_change(loop, &a.watch, DJ_WRITE), 0);
    assert_int_equal(dj_watch_change(loop, &a.watch, 0), 0);
    close(p[1]);
    dj_loop_run(loop);
    assert_int_equal(a.events, DJ_HANGUP);
    close(p[0]);
    dj_loop_free(loop);
}

/* -- tasks -- */

typedef struct chained {
    dj_task         task;
    dj_loop        *loop;
    struct chained *next, *not ;
    int             runs;
} chained;

static void chained_run(dj_task *t)
{
    chained *m = (chained *)(void *)t;
    m->runs++;
    if (m->not != NULL)
        dj_loop_undefer(m->loop, &m->not ->task);
    if (m->next != NULL) {
        dj_loop_defer(m->loop, &m->next->task);
        dj_loop_defer(m->loop, &m->next->task);
    }
}

DJ_TEST(tasks_run_once_per_deferral_and_can_be_taken_back)
{
    dj_loop *loop = dj_loop_new();
    chained  c3 = {.task = {.run = chained_run}, .loop = loop};
    chained  c2 = {.task = {.run = chained_run}, .loop = loop, .next = &c3};
    chained  never = {.task = {.run = chained_run}, .loop = loop};
    chained  c1 = {.task = {.run = chained_run}, .loop = loop, .next = &c2, .not = &never};
    dj_loop_defer(loop, &c1.task);
    dj_loop_defer(loop, &never.task);
    dj_loop_run(loop);
    assert_int_equal(c1.runs, 1);
    assert_int_equal(c2.runs, 1);
    assert_int_equal(c3.runs, 1);
    assert_int_equal(never.runs, 0);
    dj_loop_defer(loop, &never.task);
    dj_loop_undefer(loop, &never.task);
    dj_loop_undefer(loop, &never.task);
    dj_loop_defer(loop, &c3.task);
    dj_loop_run(loop);
    assert_int_equal(never.runs, 0);
    assert_int_equal(c3.runs, 2);
    dj_loop_free(loop);
}

static void endless_run(dj_task *t)
{
    chained *m = (chained *)(void *)t;
    m->runs++;
    dj_loop_defer(m->loop, t);
}

static void stop_fire(dj_timer *t)
{
    dj_loop_stop(((timed *)(void *)t)->loop);
}

DJ_TEST(a_task_that_never_ends_starves_no_timer)
{
    dj_loop *loop = dj_loop_new();
    chained  m = {.task = {.run = endless_run}, .loop = loop};
    timed    stop = {.timer = {.fire = stop_fire}, .loop = loop};
    dj_timer_start(loop, &stop.timer, 50);
    dj_loop_defer(loop, &m.task);
    dj_loop_run(loop);
    assert_true(m.runs > 100);
    dj_loop_free(loop);
}

/* -- signals and children -- */

static void count_signal(int signo, void *ctx)
{
    int *count = ctx;
    count[signo == SIGUSR1 ? 0 : 1]++;
}

DJ_TEST(signals_arrive_on_the_loop_and_are_unblocked_after_it)
{
    dj_loop *loop = dj_loop_new();
    int      count[2] = {0, 0};
    assert_int_equal(dj_loop_on_signal(loop, SIGUSR1, count_signal, count), 0);
    assert_int_equal(dj_loop_on_signal(loop, SIGUSR2, count_signal, count), 0);
    assert_int_equal(dj_loop_on_signal(loop, 0, count_signal, count), EINVAL);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    timed stop = {.timer = {.fire = stop_fire}, .loop = loop};
    dj_timer_start(loop, &stop.timer, 50);
    dj_loop_run(loop);
    assert_int_equal(count[0], 1);
    assert_int_equal(count[1], 1);
    assert_int_equal(dj_loop_on_signal(loop, SIGUSR1, NULL, NULL), 0);
    assert_int_equal(dj_loop_on_signal(loop, SIGUSR2, NULL, NULL), 0);
    dj_loop_run(loop); /* nothing left that could wake it */
    dj_loop_free(loop);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    assert_false(sigismember(&now, SIGUSR1));
}

typedef struct ends {
    int n, exited, killed;
} ends;

static void child_ended(pid_t pid, int status, void *ctx)
{
    ends *e = ctx;
    (void)pid;
    e->n++;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 7)
        e->exited++;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        e->killed++;
}

DJ_TEST(the_end_of_a_child_arrives_once_with_its_status)
{
    dj_loop *loop = dj_loop_new();
    int      count[2] = {0, 0};
    assert_int_equal(dj_loop_on_signal(loop, SIGUSR1, count_signal, count), 0);
    ends e = {0};
    for (int i = 0; i < 6; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            dj_loop_forked(loop);
            sigset_t now;
            sigprocmask(SIG_BLOCK, NULL, &now);
            if (i % 2 == 0)
                _exit(sigismember(&now, SIGUSR1) ? 1 : 7);
            pause();
        }
        assert_int_equal(dj_loop_on_exit(loop, pid, child_ended, &e), 0);
        if (i % 2 == 1)
            kill(pid, SIGKILL);
    }
    assert_int_equal(dj_loop_on_signal(loop, SIGUSR1, NULL, NULL), 0);
    dj_loop_run(loop);
    assert_int_equal(e.n, 6);
    assert_int_equal(e.exited, 3);
    assert_int_equal(e.killed, 3);
    assert_int_not_equal(dj_loop_on_exit(loop, 0, child_ended, &e), 0);
    dj_loop_free(loop);
}

DJ_TESTS(DJ_T(a_loop_with_nothing_to_wait_for_ends), DJ_T(timers_fire_in_time_and_never_early),
         DJ_T(a_renewed_timer_fires_once_at_its_last_time),
         DJ_T(a_timer_may_stop_another_that_is_due_too), DJ_T(a_timer_may_start_itself_again),
         DJ_T(a_timer_beyond_a_turn_of_the_wheel_waits_its_time),
         DJ_T(a_watch_removed_in_a_callback_hears_nothing_more_of_this_turn),
         DJ_T(a_watch_reports_writing_hanging_up_and_changes),
         DJ_T(tasks_run_once_per_deferral_and_can_be_taken_back),
         DJ_T(a_task_that_never_ends_starves_no_timer),
         DJ_T(signals_arrive_on_the_loop_and_are_unblocked_after_it),
         DJ_T(the_end_of_a_child_arrives_once_with_its_status))
