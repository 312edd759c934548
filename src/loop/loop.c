/* src/loop/loop.c - the turn: wait, deliver events, fire timers, run what was deferred.
 *
 * Epoll, level-triggered: what a callback leaves unread is reported again, so nobody has to drain a
 * descriptor and no event can be lost. Clocks are read once a turn.
 *
 * Must not know: what a descriptor is for. */
#include "inside.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Tasks that defer tasks are served in the same turn up to this depth; then descriptors get their
 * share again. */
enum { ROUNDS_OF_TASKS = 8 };

static void read_clocks(dj_loop *loop)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    loop->ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    clock_gettime(CLOCK_REALTIME_COARSE, &t);
    loop->now = t.tv_sec;
}

dj_loop *dj_loop_new(void)
{
    dj_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        int e = errno;
        free(loop);
        errno = e;
        return NULL;
    }
    loop->tasks_end = &loop->tasks;
    loop->signals.watch.fd = -1;
    loop->pool_threads = 2;
    loop->pool_queue = 64;
    read_clocks(loop);
    dj_wheel_init(&loop->wheel, loop->ms);
    dj_stacks_prepare();
    return loop;
}

void dj_loop_free(dj_loop *loop)
{
    if (loop == NULL)
        return;
    DJ_ASSERT(loop->stacks.self == NULL);
    dj_stacks_free(loop); /* first: abandoned coroutines give their watches, timers and jobs back */
    dj_pool_free(loop, false);
    dj_children_free(loop);
    dj_signals_free(loop);
    close(loop->epoll_fd);
    free(loop);
}

void dj_loop_forked(dj_loop *loop)
{
    if (loop == NULL)
        return;
    /* Closed first: whatever the parts do below can't reach the parent's set any more. */
    close(loop->epoll_fd);
    loop->epoll_fd = -1;
    dj_pool_free(loop, true);
    dj_children_free(loop);
    dj_signals_free(loop);
    free(loop);
}

int64_t dj_loop_ms(const dj_loop *loop)
{
    return loop->ms;
}

int64_t dj_loop_now(const dj_loop *loop)
{
    return loop->now;
}

void dj_loop_stop(dj_loop *loop)
{
    loop->stopped = true;
}

/* -- watches -- */

static uint32_t to_epoll(unsigned events)
{
    return (events & DJ_READ ? (uint32_t)EPOLLIN : 0) |
           (events & DJ_WRITE ? (uint32_t)EPOLLOUT : 0) |
           (events & DJ_EXCLUSIVE ? (uint32_t)EPOLLEXCLUSIVE : 0);
}

static int control(dj_loop *loop, int op, dj_watch *w, unsigned events)
{
    struct epoll_event e = {.events = to_epoll(events), .data.ptr = w};
    if (epoll_ctl(loop->epoll_fd, op, w->fd, &e) < 0)
        return errno;
    w->events = events;
    return 0;
}

int dj_watch_add_quiet(dj_loop *loop, dj_watch *w, unsigned events)
{
    return control(loop, EPOLL_CTL_ADD, w, events);
}

int dj_watch_add(dj_loop *loop, dj_watch *w, unsigned events)
{
    int e = control(loop, EPOLL_CTL_ADD, w, events);
    if (e == 0)
        loop->wakers++;
    return e;
}

int dj_watch_change(dj_loop *loop, dj_watch *w, unsigned events)
{
    if (w->events == events)
        return 0;
    if (((w->events | events) & DJ_EXCLUSIVE) == 0)
        return control(loop, EPOLL_CTL_MOD, w, events);
    /* The kernel modifies no exclusive watch. */
    int e = control(loop, EPOLL_CTL_DEL, w, 0);
    return e != 0 ? e : control(loop, EPOLL_CTL_ADD, w, events);
}

void dj_watch_remove_quiet(dj_loop *loop, dj_watch *w)
{
    if (loop->epoll_fd >= 0)
        (void)control(loop, EPOLL_CTL_DEL, w, 0);
    for (int i = loop->at; i < loop->nevents; i++)
        if (loop->events[i].data.ptr == w)
            loop->events[i].data.ptr = NULL;
}

void dj_watch_remove(dj_loop *loop, dj_watch *w)
{
    DJ_ASSERT(loop->wakers > 0);
    loop->wakers--;
    dj_watch_remove_quiet(loop, w);
}

static void deliver(dj_loop *loop)
{
    while (loop->at < loop->nevents) {
        const struct epoll_event *e = &loop->events[loop->at++];
        dj_watch                 *w = e->data.ptr;
        if (w == NULL)
            continue; /* removed by an earlier callback of this turn */
        unsigned events = (e->events & EPOLLIN ? (unsigned)DJ_READ : 0) |
                          (e->events & EPOLLOUT ? (unsigned)DJ_WRITE : 0) |
                          (e->events & (EPOLLERR | EPOLLHUP) ? (unsigned)DJ_HANGUP : 0);
        w->ready(w, events);
    }
}

/* -- tasks -- */

void dj_loop_defer(dj_loop *loop, dj_task *t)
{
    if (t->link != NULL)
        return;
    t->next = NULL;
    t->link = loop->tasks_end;
    *loop->tasks_end = t;
    loop->tasks_end = &t->next;
}

void dj_loop_undefer(dj_loop *loop, dj_task *t)
{
    if (t->link == NULL)
        return;
    *t->link = t->next;
    if (t->next != NULL)
        t->next->link = t->link;
    else if (loop->tasks_end == &t->next)
        loop->tasks_end = t->link; /* else it is the last of those that run_tasks has taken off */
    t->link = NULL;
}

static void run_tasks(dj_loop *loop)
{
    for (int round = 0; round < ROUNDS_OF_TASKS && loop->tasks != NULL; round++) {
        dj_task *taken = loop->tasks;
        taken->link = &taken;
        loop->tasks = NULL;
        loop->tasks_end = &loop->tasks;
        while (taken != NULL) {
            dj_task *t = taken;
            dj_loop_undefer(loop, t);
            t->run(t);
        }
    }
}

/* -- the turn -- */

void dj_loop_run(dj_loop *loop)
{
    loop->stopped = false;
    read_clocks(loop);
    run_tasks(loop);
    while (!loop->stopped) {
        if (loop->wakers == 0 && loop->wheel.running == 0 && loop->tasks == NULL)
            break;
        int wait = loop->tasks != NULL ? 0 : dj_wheel_next(loop);
        int n = epoll_wait(loop->epoll_fd, loop->events, EVENTS_PER_TURN, wait);
        DJ_ASSERT(n >= 0 || errno == EINTR);
        read_clocks(loop);
        loop->at = 0;
        loop->nevents = n < 0 ? 0 : n;
        deliver(loop);
        loop->nevents = 0;
        dj_wheel_turn(loop);
        run_tasks(loop);
    }
}
