/* src/loop/loop.h - one event loop per worker: descriptors, timers, coroutines, slow work,
 * processes.
 *
 * Epoll, level-triggered, one thread. Everything here is called on the loop's thread unless said.
 * Watches, timers and tasks are structs inside their owner: adding one allocates nothing.
 *
 * Must not know: HTTP, settings, requests. */
#pragma once
#include "donjon/scope.h"
#include <sys/types.h>

typedef struct dj_loop dj_loop;

/* NULL if descriptors or memory are missing (errno says). */
dj_loop *dj_loop_new(void);
void     dj_loop_free(dj_loop *loop);
/* In a child of fork: closes and frees what was inherited and leaves the parent's loop untouched
 * (an epoll set is shared across fork, so dj_loop_free there would take the parent's watches away).
 * Signals are as before the loop. */
void dj_loop_forked(dj_loop *loop);
/* Until dj_loop_stop, or until there is nothing left that could wake it. */
void dj_loop_run(dj_loop *loop);
void dj_loop_stop(dj_loop *loop);
/* Clocks read once per turn. */
int64_t dj_loop_ms(const dj_loop *loop);  /* monotonic */
int64_t dj_loop_now(const dj_loop *loop); /* Unix seconds */

/* -- descriptors -- */

enum {
    DJ_READ = 1,
    DJ_WRITE = 2,
    /* Reported, never asked for: error, or both directions are shut. A client that only stopped
     * sending is DJ_READ with an end of file. Reported again every turn until the watch is removed.
     */
    DJ_HANGUP = 4,
    /* For a listening socket shared by workers: one of them is woken, not all. */
    DJ_EXCLUSIVE = 8,
};

typedef struct dj_watch dj_watch;
struct dj_watch {
    int      fd;
    unsigned events; /* asked for; set by dj_watch_* */
    void (*ready)(dj_watch *w, unsigned events);
};
/* 0 or an errno. The watch must stay where it is until dj_watch_remove, which may be called from
 * any callback, its own too: events of this turn that are still pending for it are dropped. */
int  dj_watch_add(dj_loop *loop, dj_watch *w, unsigned events);
int  dj_watch_change(dj_loop *loop, dj_watch *w, unsigned events);
void dj_watch_remove(dj_loop *loop, dj_watch *w);

/* -- timers: a wheel, accurate to 50 ms, O(1) -- */

typedef struct dj_timer dj_timer;
struct dj_timer {
    dj_timer *next, **link; /* link NULL: not running */
    int64_t   due_ms;
    void (*fire)(dj_timer *t); /* not running any more when it is called; may start it again */
};
/* Never fires early. Moving a running timer later costs one store, so a time-out may be renewed at
 * every read. */
void dj_timer_start(dj_loop *loop, dj_timer *t, int64_t after_ms); /* running: moved */
void dj_timer_stop(dj_loop *loop, dj_timer *t);                    /* not running: nothing */

/* -- at the end of this turn, before the loop sleeps -- */

typedef struct dj_task dj_task;
struct dj_task {
    dj_task *next, **link; /* link NULL: not queued */
    void (*run)(dj_task *t);
};
void dj_loop_defer(dj_loop *loop, dj_task *t);   /* queued already: nothing */
void dj_loop_undefer(dj_loop *loop, dj_task *t); /* not queued: nothing */

/* -- signals and children -- */

/* 0 or an errno. `caught` runs on the loop, once per delivery seen (signalfd; the signal is blocked
 * from now on, in children of fork too until dj_loop_forked). A second call for a signal replaces
 * the first; NULL forgets it. */
int dj_loop_on_signal(dj_loop *loop, int signo, void (*caught)(int signo, void *ctx), void *ctx);
/* 0 or an errno. `ended` runs once with waitpid's status (pidfd). */
int dj_loop_on_exit(dj_loop *loop, pid_t pid, void (*ended)(pid_t pid, int status, void *ctx),
                    void *ctx);

/* -- coroutines: a function that can wait -- */

typedef struct dj_co dj_co;

/* Runs `fn(arg)` on a pooled stack (64 KiB usable, guard page below) until it returns or waits.
 * `scope` is its unit of work: its `exhausted` hook is set so that running out of memory abandons
 * the coroutine and calls `ended`. `ended(arg, abandoned)` runs on the loop's stack, once, after fn
 * returned (false) or was abandoned (true); it closes the scope. If fn does not wait, that is
 * before dj_co_start returns. Called inside a coroutine, the new one begins at the end of the turn.
 * Returns false, nothing started, if no stack can be had. */
bool dj_co_start(dj_loop *loop, dj_scope *scope, void (*fn)(void *arg), void *arg,
                 void (*ended)(void *arg, bool abandoned));
/* The running coroutine, or NULL on the loop's own stack. */
dj_co *dj_co_self(dj_loop *loop);
/* Suspends the running coroutine until dj_co_wake; `ms` < 0: no limit. DJ_OK, or DJ_ERR_DEADLINE.
 * Other parts may wake a coroutine as well, so test what was waited for. */
DJ_CHECKED dj_err dj_co_wait(dj_loop *loop, int64_t ms) DJ_WAITS;
/* Makes a suspended coroutine go on (at the end of the turn); the next dj_co_wait of a running one
 * returns at once. */
void dj_co_wake(dj_co *co);
/* A suspended coroutine is never resumed; `ended(arg, true)` runs before this returns (called
 * inside another coroutine: at the end of the turn). Abandoning oneself does not return. Client
 * gone, deadline over. */
void dj_co_abandon(dj_co *co);
/* How many coroutines are running or suspended. */
unsigned dj_co_count(const dj_loop *loop);
/* A `scope` that a coroutine opened beside its own: running out of memory in it abandons that
 * coroutine too. */
void dj_co_guard(dj_loop *loop, dj_scope *scope);
/* DJ_ERR_IO if `fd` can't be watched (one watch per descriptor), DJ_ERR_DEADLINE; both explained in
 * `s`. */
DJ_CHECKED dj_err dj_co_wait_fd(dj_loop *loop, dj_scope *s, int fd, unsigned events,
                                int64_t ms) DJ_WAITS;
DJ_CHECKED dj_err dj_co_sleep(dj_loop *loop, int64_t ms) DJ_WAITS;

/* -- slow computing: a bounded pool of threads -- */

/* Runs `fn(arg)` on a pool thread; the coroutine waits. DJ_ERR_OVERLOAD at once if the queue is
 * full. `arg` must own what it uses until fn has ended, also if the coroutine was abandoned
 * meanwhile: then `drop(arg)` (may be NULL) runs on the loop after fn, or instead of fn if that had
 * not begun. DJ_ERR_MEMORY if no thread can be had. */
DJ_CHECKED dj_err dj_offload(dj_loop *loop, void (*fn)(void *arg), void (*drop)(void *arg),
                             void    *arg) DJ_WAITS;
/* Before first use; default 2 threads, 64 waiting. */
void dj_offload_configure(dj_loop *loop, unsigned threads, unsigned queue_max);

/* -- bytes to a file, on those threads: writer.c -- */

typedef struct dj_writer dj_writer;

/* Takes `fd` over: it is closed by dj_writer_end. `loop` NULL: nobody waits, the caller writes.
 * NULL without memory. */
dj_writer *dj_writer_new(dj_loop *loop, int fd);
/* Behind what was added before; gathered, and written 64 KiB at a time while the coroutine waits.
 * Outside of a coroutine it is written at once. 0 or the errno of the first write that failed. */
int dj_writer_add(dj_writer *w, const char *bytes, size_t len) DJ_WAITS;
/* All that was added is in the file (not: on disk); the buffer is given back. */
int dj_writer_flush(dj_writer *w) DJ_WAITS;
/* A stretch of another file. 0 or an errno; EIO if it is not that long. */
int dj_writer_copy(dj_writer *w, int from, uint64_t at, uint64_t len) DJ_WAITS;
/* All is on disk, and `folder` (-1: none) is, too. */
int dj_writer_sync(dj_writer *w, int folder) DJ_WAITS;
int dj_writer_fd(const dj_writer *w);
/* What was not flushed is lost. From any place, also when its coroutine was abandoned in a write:
 * the descriptor is closed when the thread is done with it. */
void dj_writer_end(dj_writer *w);
