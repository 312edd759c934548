/* src/loop/inside.h - what the files of this room share: the loop's insides. Private to src/loop/.
 *
 * A part (timers, coroutines, signals, offload) owns its fields; the others ask it. */
#pragma once
#include "loop/loop.h"
#include <signal.h>
#include <sys/epoll.h>

enum {
    EVENTS_PER_TURN = 128,
    TICK_BITS = 4,     /* a tick is 16 ms */
    WHEEL_SLOTS = 512, /* one turn of the wheel: 8 s */
    STACKS_KEPT = 64,
};

typedef struct dj_wheel {
    dj_timer *slots[WHEEL_SLOTS];
    uint64_t  busy[WHEEL_SLOTS / 64]; /* a bit for each slot that may hold timers */
    int64_t   tick;                   /* all ticks up to this one were served */
    size_t    running;
} dj_wheel;

typedef struct dj_stacks {
    dj_co   *self;    /* running now */
    void    *loop_sp; /* the loop's own context while a coroutine runs */
    dj_co   *live;
    unsigned count;
    dj_co   *free;
    unsigned kept;
    /* AddressSanitizer's view of the loop's own stack. */
    const void *loop_stack;
    size_t      loop_stack_size;
    void       *loop_fake;
} dj_stacks;

typedef struct dj_signals {
    dj_watch watch; /* fd -1 before first use */
    sigset_t set;   /* caught here */
    sigset_t added; /* ... and not blocked before */
    struct {
        void (*caught)(int signo, void *ctx);
        void *ctx;
    } on[NSIG];
} dj_signals;

typedef struct dj_pool  dj_pool;  /* offload.c */
typedef struct dj_child dj_child; /* process.c */

typedef struct dj_writers {
    unsigned   busy;  /* have a job on the pool, or are about to */
    dj_writer *first; /* of those who wait for their turn */
} dj_writers;

struct dj_loop {
    int  epoll_fd;
    bool stopped;
    /* What could wake it, apart from timers and tasks: watches of others, signals, jobs on threads.
     */
    size_t  wakers;
    int64_t ms, now;

    int                at, nevents; /* this turn's events from `at` on are not delivered yet */
    struct epoll_event events[EVENTS_PER_TURN];

    dj_task *tasks, **tasks_end;

    dj_wheel   wheel;
    dj_stacks  stacks;
    dj_signals signals;
    dj_child  *children;
    dj_pool   *pool;
    unsigned   pool_threads, pool_queue;
    dj_writers writers;
};

#define DJ_OWNER(type, member, ptr) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* loop.c: a watch that does not keep the loop running. */
int  dj_watch_add_quiet(dj_loop *loop, dj_watch *w, unsigned events);
void dj_watch_remove_quiet(dj_loop *loop, dj_watch *w);

/* timer.c */
void dj_wheel_init(dj_wheel *wheel, int64_t now_ms);
/* Milliseconds to the next timer, -1 for none. */
int  dj_wheel_next(const dj_loop *loop);
void dj_wheel_turn(dj_loop *loop);

/* coroutine.c */
void dj_stacks_prepare(void); /* once a thread that switches */
void dj_stacks_free(dj_loop *loop);
/* The job on whose end `co` waits; NULL for none. dj_pool_forsake is called if `co` is abandoned.
 */
void dj_co_set_job(dj_co *co, void *job);

/* signal.c */
void dj_signals_free(dj_loop *loop);
/* process.c */
void dj_children_free(dj_loop *loop);
/* offload.c */
void dj_pool_forsake(dj_loop *loop, void *job);
void dj_pool_free(dj_loop *loop, bool forked);
