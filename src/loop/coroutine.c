/* src/loop/coroutine.c - functions that can wait: switches between the loop's stack and pooled
 * ones.
 *
 * A stack is mapped once and kept; the coroutine's own record sits at its top, so starting one
 * allocates nothing. Below each stack lies a page that can't be touched: running over the end stops
 * the worker, it never writes into a neighbour. An abandoned coroutine is simply never resumed;
 * what it had belongs to its scope.
 *
 * Must not know: requests. */
#include "inside.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
enum { STACK_SIZE = 256 * 1024 }; /* its frames are several times larger */
#else
enum { STACK_SIZE = 64 * 1024 };
#endif
enum { GUARD_SIZE = 4096, MAPPING_SIZE = GUARD_SIZE + STACK_SIZE };

/* Boost.Context's assembly (libboost_context.a) has no header for C. */
typedef struct {
    void *from; /* the context that was left */
    void *data;
} transfer_t;
transfer_t jump_fcontext(void *to, void *data);
void      *make_fcontext(void *top, size_t size, void (*fn)(transfer_t t));

typedef enum state { NEW, RUNNING, WAITING, WOKEN, DONE, ABANDONED } state;

struct dj_co {
    dj_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    void (*ended)(void *arg, bool abandoned);
    void    *sp; /* where to go on */
    state    state;
    bool     timed_out;
    bool     wake_kept; /* woken while it ran */
    bool     watching;
    unsigned got; /* events of `watch` */
    dj_task  task;
    dj_timer timer;
    dj_watch watch;
    void    *job;
    dj_co   *next, **link; /* live, or free */
    void    *fake;         /* AddressSanitizer's */
};

/* -- what AddressSanitizer must be told about stacks -- */

static char *stack_of(dj_co *co)
{
    return (char *)(co + 1) - STACK_SIZE;
}

/* Before the switch from the loop's stack to that of `co`, and behind the way back. */
static inline void before_enter(dj_co *co)
{
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&co->loop->stacks.loop_fake, stack_of(co), STACK_SIZE);
#endif
    (void)co;
}
static inline void after_enter(dj_loop *loop)
{
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(loop->stacks.loop_fake, NULL, NULL);
#endif
    (void)loop;
}
/* The same, seen from the coroutine; `last`: it won't come back. */
static inline void before_leave(dj_co *co, bool last)
{
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(last ? NULL : &co->fake, co->loop->stacks.loop_stack,
                                   co->loop->stacks.loop_stack_size);
#endif
    (void)co;
    (void)last;
}
static inline void after_leave(dj_co *co)
{
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(co->fake, &co->loop->stacks.loop_stack,
                                    &co->loop->stacks.loop_stack_size);
#endif
    (void)co;
}

/* -- stacks -- */

static dj_co *stack_map(void)
{
    char *base = mmap(NULL, MAPPING_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    if (mprotect(base, GUARD_SIZE, PROT_NONE) < 0) {
        munmap(base, MAPPING_SIZE);
        return NULL;
    }
#ifdef WITH_ASAN
    /* Leak checking must see pointers that are held by a suspended coroutine alone. */
    __lsan_register_root_region(base + GUARD_SIZE, STACK_SIZE);
#endif
    return (dj_co *)(void *)(base + MAPPING_SIZE) - 1;
}

static void stack_unmap(dj_co *co)
{
    char *base = stack_of(co) - GUARD_SIZE;
#ifdef WITH_ASAN
    __lsan_unregister_root_region(base + GUARD_SIZE, STACK_SIZE);
#endif
    munmap(base, MAPPING_SIZE);
}

/* The one used last is warm in the cache: last in, first out. */
static dj_co *stack_take(dj_loop *loop)
{
    dj_co *co = loop->stacks.free;
    if (co == NULL)
        return stack_map();
    loop->stacks.free = co->next;
    loop->stacks.kept--;
    return co;
}

static void stack_give(dj_loop *loop, dj_co *co)
{
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(stack_of(co), STACK_SIZE - sizeof *co);
#endif
    if (loop->stacks.kept >= STACKS_KEPT) {
        stack_unmap(co);
        return;
    }
    co->next = loop->stacks.free;
    loop->stacks.free = co;
    loop->stacks.kept++;
}

/* -- switching -- */

static void finish(dj_co *co)
{
    dj_loop *loop = co->loop;
    void    *arg = co->arg;
    void (*ended)(void *arg, bool abandoned) = co->ended;
    bool abandoned = co->state == ABANDONED;

    if (co->task.link != NULL)
        dj_loop_undefer(loop, &co->task);
    if (co->timer.link != NULL)
        dj_timer_stop(loop, &co->timer);
    if (co->watching)
        dj_watch_remove(loop, &co->watch);
    *co->link = co->next;
    if (co->next != NULL)
        co->next->link = co->link;
    loop->stacks.count--;
    if (!abandoned) {
        stack_give(loop, co);
        ended(arg, false);
        return;
    }
    if (co->job != NULL)
        dj_pool_forsake(loop, co->job);
    /* The stack's bytes stay until the owners of the scope have run. */
    ended(arg, true);
    stack_give(loop, co);
}

static void enter(dj_co *co)
{
    dj_loop *loop = co->loop;
    loop->stacks.self = co;
    co->state = RUNNING;
    before_enter(co);
    transfer_t t = jump_fcontext(co->sp, co);
    after_enter(loop);
    loop->stacks.self = NULL;
    co->sp = t.from;
    if (co->state == DONE || co->state == ABANDONED)
        finish(co);
}

static inline void leave(dj_co *co)
{
    before_leave(co, co->state == DONE || co->state == ABANDONED);
    transfer_t t = jump_fcontext(co->loop->stacks.loop_sp, NULL);
    after_leave(co);
    co->loop->stacks.loop_sp = t.from;
}

static void first_entry(transfer_t t)
{
    dj_co *co = t.data;
    after_leave(co);
    co->loop->stacks.loop_sp = t.from;
    co->fn(co->arg);
    co->state = DONE;
    leave(co);
    abort(); /* resumed after its end */
}

static void task_run(dj_task *task)
{
    dj_co *co = DJ_OWNER(dj_co, task, task);
    if (co->state == ABANDONED)
        finish(co);
    else
        enter(co);
}

static void timer_fire(dj_timer *timer)
{
    dj_co *co = DJ_OWNER(dj_co, timer, timer);
    co->timed_out = true;
    dj_co_wake(co);
}

static void watch_ready(dj_watch *watch, unsigned events)
{
    dj_co *co = DJ_OWNER(dj_co, watch, watch);
    co->got |= events;
    co->watching = false;
    dj_watch_remove(co->loop, watch);
    dj_co_wake(co);
}

static DJ_NORETURN void abandon_self(dj_co *co)
{
    co->state = ABANDONED;
    leave(co);
    abort(); /* resumed after its end */
}

static void out_of_memory(dj_scope *s, void *ctx)
{
    dj_loop *loop = ctx;
    (void)s;
    if (loop->stacks.self != NULL)
        abandon_self(loop->stacks.self);
    /* On the loop's own stack there is nothing to go back to: this worker is replaced. */
    static const char line[] = "donjon: out of memory outside of any coroutine\n";
    (void)!write(STDERR_FILENO, line, sizeof line - 1);
    _exit(1);
}

void dj_co_guard(dj_loop *loop, dj_scope *scope)
{
    dj_scope_on_exhausted(scope, out_of_memory, loop);
}

bool dj_co_start(dj_loop *loop, dj_scope *scope, void (*fn)(void *arg), void *arg,
                 void (*ended)(void *arg, bool abandoned))
{
    dj_co *co = stack_take(loop);
    if (DJ_UNLIKELY(co == NULL))
        return false;
    co->loop = loop;
    co->fn = fn;
    co->arg = arg;
    co->ended = ended;
    co->state = NEW;
    co->timed_out = co->wake_kept = co->watching = false;
    co->task.link = NULL;
    co->task.run = task_run;
    co->timer.link = NULL;
    co->timer.fire = timer_fire;
    co->watch.ready = watch_ready;
    co->job = NULL;
    co->fake = NULL;
    co->next = loop->stacks.live;
    co->link = &loop->stacks.live;
    if (co->next != NULL)
        co->next->link = &co->next;
    loop->stacks.live = co;
    loop->stacks.count++;
    dj_co_guard(loop, scope);

    /* The ABI wants the stack's top on 16 bytes. A context of its own each time takes the loop's
     * floating-point state: a rounding mode that one view sets is not the next one's. */
    char *top = (char *)((uintptr_t)co & ~(uintptr_t)15);
    co->sp = make_fcontext(top, (size_t)(top - stack_of(co)), first_entry);
    if (loop->stacks.self == NULL)
        enter(co);
    else
        dj_loop_defer(loop, &co->task);
    return true;
}

/* -- waiting -- */

dj_co *dj_co_self(dj_loop *loop)
{
    return loop->stacks.self;
}

unsigned dj_co_count(const dj_loop *loop)
{
    return loop->stacks.count;
}

dj_err dj_co_wait(dj_loop *loop, int64_t ms)
{
    dj_co *co = loop->stacks.self;
    DJ_ASSERT(co != NULL); /* only a coroutine can wait */
    if (co->wake_kept) {
        co->wake_kept = false;
        return DJ_OK;
    }
    if (ms == 0)
        return DJ_ERR_DEADLINE;
    co->timed_out = false;
    if (ms > 0)
        dj_timer_start(loop, &co->timer, ms);
    co->state = WAITING;
    leave(co);
    if (ms > 0)
        dj_timer_stop(loop, &co->timer);
    return co->timed_out ? DJ_ERR_DEADLINE : DJ_OK;
}

void dj_co_wake(dj_co *co)
{
    if (co->state == WAITING) {
        co->state = WOKEN;
        dj_loop_defer(co->loop, &co->task);
    } else if (co->state == RUNNING || co->state == NEW) {
        co->wake_kept = true;
    }
}

void dj_co_abandon(dj_co *co)
{
    dj_loop *loop = co->loop;
    if (co == loop->stacks.self)
        abandon_self(co);
    if (co->state == DONE || co->state == ABANDONED)
        return;
    co->state = ABANDONED;
    if (loop->stacks.self == NULL)
        finish(co);
    else
        dj_loop_defer(loop, &co->task);
}

dj_err dj_co_wait_fd(dj_loop *loop, dj_scope *s, int fd, unsigned events, int64_t ms)
{
    dj_co *co = loop->stacks.self;
    DJ_ASSERT(co != NULL && !co->watching);
    co->watch.fd = fd;
    co->got = 0;
    int error = dj_watch_add(loop, &co->watch, events);
    if (error != 0) {
        errno = error;
        return dj_fail_errno(s, "watch a descriptor");
    }
    co->watching = true;
    dj_err e = dj_co_wait(loop, ms);
    if (co->watching) {
        co->watching = false;
        dj_watch_remove(loop, &co->watch);
    }
    if (e != DJ_OK && co->got == 0)
        return dj_fail(s, e, "no answer within %lld ms", (long long)ms);
    return DJ_OK;
}

dj_err dj_co_sleep(dj_loop *loop, int64_t ms)
{
    dj_co *co = loop->stacks.self;
    DJ_ASSERT(co != NULL);
    if (ms <= 0) { /* lets the others have a turn */
        co->state = WOKEN;
        dj_loop_defer(loop, &co->task);
        leave(co);
        return DJ_OK;
    }
    int64_t end = loop->ms + ms;
    while (loop->ms < end)
        if (dj_co_wait(loop, end - loop->ms) == DJ_ERR_DEADLINE)
            break;
    return DJ_OK;
}

void dj_co_set_job(dj_co *co, void *job)
{
    co->job = job;
}

void dj_stacks_prepare(void)
{
#ifdef __SSE__
    /* Each context has its MXCSR, and loading one that differs costs 70 ns. The flags "an operation
     * was inexact" and the like only ever get set, so with all of them set before, contexts don't
     * differ. */
    _mm_setcsr(_mm_getcsr() | _MM_EXCEPT_MASK);
#endif
}

void dj_stacks_free(dj_loop *loop)
{
    while (loop->stacks.live != NULL)
        dj_co_abandon(loop->stacks.live);
    while (loop->stacks.free != NULL) {
        dj_co *co = loop->stacks.free;
        loop->stacks.free = co->next;
        stack_unmap(co);
    }
}
