/* src/loop/offload.c - slow computing on a few threads, so that the loop never waits for it.
 *
 * Threads begin when there is a job and none is idle; the queue is bounded and says so at once. A
 * job belongs to this file from dj_offload until it was handed back on the loop, so a coroutine may
 * vanish meanwhile.
 *
 * Must not know: what is computed. */
#include "inside.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { THREADS_MAX = 64, THREAD_STACK = 1024 * 1024 };

typedef struct job job;
struct job {
    job *next;
    void (*fn)(void *arg);
    void (*drop)(void *arg);
    void  *arg;
    dj_co *co; /* the loop's field: NULL once forsaken */
    bool   back;
};

struct dj_pool {
    dj_loop *loop;
    dj_watch watch; /* eventfd: something is in `done` */

    pthread_mutex_t lock; /* all below */
    pthread_cond_t  more;
    job            *todo, **todo_end;
    unsigned        waiting, running, nthreads;
    job            *done;
    bool            quit;
    pthread_t       threads[THREADS_MAX];
};

void dj_offload_configure(dj_loop *loop, unsigned threads, unsigned queue_max)
{
    DJ_ASSERT(loop->pool == NULL);
    loop->pool_threads = threads == 0 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
    loop->pool_queue = queue_max;
}

static job *job_pop(dj_pool *pool)
{
    job *j = pool->todo;
    pool->todo = j->next;
    if (pool->todo == NULL)
        pool->todo_end = &pool->todo;
    pool->waiting--;
    return j;
}

static void *thread_main(void *ctx)
{
    dj_pool *pool = ctx;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->todo == NULL && !pool->quit)
            pthread_cond_wait(&pool->more, &pool->lock);
        if (pool->quit)
            break;
        job *j = job_pop(pool);
        pool->running++;
        pthread_mutex_unlock(&pool->lock);
        j->fn(j->arg);
        pthread_mutex_lock(&pool->lock);
        pool->running--;
        bool first = pool->done == NULL;
        j->next = pool->done;
        pool->done = j;
        if (first) {
            uint64_t one = 1;
            (void)!write(pool->watch.fd, &one, sizeof one);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* The job came back, or will never run. */
static void hand_back(dj_pool *pool, job *j)
{
    pool->loop->wakers--;
    j->back = true;
    if (j->co != NULL) {
        dj_co_wake(j->co); /* dj_offload frees it */
        return;
    }
    if (j->drop != NULL)
        j->drop(j->arg);
    free(j);
}

static void ready(dj_watch *w, unsigned events)
{
    (void)events;
    dj_pool *pool = DJ_OWNER(dj_pool, watch, w);
    uint64_t n;
    (void)!read(w->fd, &n, sizeof n);
    pthread_mutex_lock(&pool->lock);
    job *done = pool->done;
    pool->done = NULL;
    pthread_mutex_unlock(&pool->lock);
    while (done != NULL) {
        job *j = done;
        done = j->next;
        hand_back(pool, j);
    }
}

static dj_pool *pool_new(dj_loop *loop)
{
    dj_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pool->loop = loop;
    pool->todo_end = &pool->todo;
    pool->watch = (dj_watch){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = ready};
    if (pool->watch.fd < 0 || dj_watch_add_quiet(loop, &pool->watch, DJ_READ) != 0) {
        if (pool->watch.fd >= 0)
            close(pool->watch.fd);
        free(pool);
        return NULL;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->more, NULL);
    return pool;
}

/* With the lock held. Signals are the loop's business: a thread of the pool has all of them
 * blocked. */
static bool thread_start(dj_pool *pool)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return false;
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = pthread_create(&pool->threads[pool->nthreads], &attr, thread_main, pool) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (ok)
        pool->nthreads++;
    return ok;
}

static dj_err put(dj_pool *pool, job *j)
{
    const dj_loop *loop = pool->loop;
    dj_err         e = DJ_OK;
    pthread_mutex_lock(&pool->lock);
    unsigned jobs = pool->waiting + pool->running;
    if (jobs >= pool->nthreads && pool->nthreads < loop->pool_threads)
        (void)thread_start(pool);
    if (jobs >= loop->pool_threads + loop->pool_queue)
        e = DJ_ERR_OVERLOAD;
    else if (pool->nthreads == 0)
        e = DJ_ERR_MEMORY;
    if (e == DJ_OK) {
        j->next = NULL;
        *pool->todo_end = j;
        pool->todo_end = &j->next;
        pool->waiting++;
        pthread_cond_signal(&pool->more);
    }
    pthread_mutex_unlock(&pool->lock);
    return e;
}

dj_err dj_offload(dj_loop *loop, void (*fn)(void *arg), void (*drop)(void *arg), void *arg)
{
    dj_co *co = dj_co_self(loop);
    DJ_ASSERT(co != NULL); /* only a coroutine can wait */
    if (loop->pool == NULL)
        loop->pool = pool_new(loop);
    job *j = loop->pool == NULL ? NULL : calloc(1, sizeof *j);
    if (j == NULL)
        return DJ_ERR_MEMORY;
    *j = (job){.fn = fn, .drop = drop, .arg = arg, .co = co};
    dj_err e = put(loop->pool, j);
    if (e != DJ_OK) {
        free(j);
        return e;
    }
    loop->wakers++;
    dj_co_set_job(co, j);
    while (!j->back) {
        dj_err waited = dj_co_wait(loop, -1);
        DJ_ASSERT(waited == DJ_OK);
    }
    dj_co_set_job(co, NULL);
    free(j);
    return DJ_OK;
}

/* Takes a job that no thread has begun out of the queue. */
static bool unqueue(dj_pool *pool, job *wanted)
{
    bool found = false;
    pthread_mutex_lock(&pool->lock);
    for (job **at = &pool->todo; *at != NULL; at = &(*at)->next) {
        if (*at != wanted)
            continue;
        *at = wanted->next;
        if (*at == NULL)
            pool->todo_end = at;
        pool->waiting--;
        found = true;
        break;
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

void dj_pool_forsake(dj_loop *loop, void *what)
{
    job *j = what;
    j->co = NULL;
    if (j->back) {
        if (j->drop != NULL)
            j->drop(j->arg);
        free(j);
    } else if (unqueue(loop->pool, j)) {
        hand_back(loop->pool, j);
    }
}

void dj_pool_free(dj_loop *loop, bool forked)
{
    dj_pool *pool = loop->pool;
    if (pool == NULL)
        return;
    loop->pool = NULL;
    /* After fork the threads are the parent's, and so is the lock that one of them may have held.
     */
    if (!forked) {
        pthread_mutex_lock(&pool->lock);
        pool->quit = true;
        pthread_cond_broadcast(&pool->more);
        pthread_mutex_unlock(&pool->lock);
        for (unsigned i = 0; i < pool->nthreads; i++)
            pthread_join(pool->threads[i], NULL);
        ready(&pool->watch, DJ_READ);
        while (pool->todo != NULL)
            hand_back(pool, job_pop(pool));
        pthread_cond_destroy(&pool->more);
        pthread_mutex_destroy(&pool->lock);
    }
    close(pool->watch.fd);
    free(pool);
}
