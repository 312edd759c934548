/* src/loop/writer.c - bytes to a file in large steps, each on a thread of the pool.
 *
 * A disk may take its time: pages that must be written back first, a network behind a mount. So a
 * writer gathers 64 KiB and has a thread write them while its coroutine waits. It owns descriptor
 * and buffer until that thread is done, even if whoever wrote is gone by then.
 *
 * Writers share the pool with slow computing, so only as many of them as there are threads have a
 * job there at a time; the others stand in line, and a flood of uploads keeps no log-in waiting.
 *
 * Must not know: what the bytes are, which file it is. */
#include "inside.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER    ((size_t)64 * 1024)
#define COPY_STEP ((size_t)4 * 1024 * 1024) /* then another writer has its turn */

struct dj_writer {
    dj_loop *loop;
    int      fd;
    int      error; /* the first one */
    char    *buffer;
    size_t   len;
    void (*step)(dj_writer *w); /* for the thread */
    int        other;           /* -1, or a descriptor for that step */
    off_t      at;              /* in `other` */
    size_t     count;
    dj_co     *co;                  /* while it stands in line */
    dj_writer *next;                /* behind it */
    bool       turn, working, gone; /* may use the pool; does; is to be freed when it does not */
};

/* -- the line -- */

static void stand_in_line(dj_writer *w, dj_co *co)
{
    dj_writer **end = &w->loop->writers.first;
    while (*end != NULL)
        end = &(*end)->next;
    w->co = co;
    w->next = NULL;
    *end = w;
}

static void leave_line(dj_writer *w)
{
    for (dj_writer **at = &w->loop->writers.first; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    w->co = NULL;
}

static void take_turn(dj_writer *w)
{
    dj_loop *loop = w->loop;
    if (loop->writers.busy < loop->pool_threads && loop->writers.first == NULL) {
        loop->writers.busy++;
        w->turn = true;
        return;
    }
    stand_in_line(w, dj_co_self(loop));
    while (!w->turn) {
        dj_err e = dj_co_wait(loop, -1);
        DJ_ASSERT(e == DJ_OK);
    }
}

static void end_turn(dj_writer *w)
{
    dj_writer *next = w->loop->writers.first;
    if (!w->turn)
        return;
    w->turn = false;
    if (next == NULL) {
        w->loop->writers.busy--;
        return;
    }
    dj_co *co = next->co;
    leave_line(next);
    next->turn = true;
    dj_co_wake(co);
}

/* -- writing -- */

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

static void step_write(dj_writer *w)
{
    w->error = write_all(w->fd, w->buffer, w->len);
}

/* The kernel copies, or shares the blocks; not all file systems can. */
static void step_copy(dj_writer *w)
{
    char bytes[16 * 1024];
    while (w->count > 0 && w->error == 0) {
        ssize_t n = copy_file_range(w->other, &w->at, w->fd, NULL, w->count, 0);
        if (n < 0 &&
            (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
            n = pread(w->other, bytes, w->count < sizeof bytes ? w->count : sizeof bytes, w->at);
            if (n > 0) {
                w->error = write_all(w->fd, bytes, (size_t)n);
                w->at += n;
            }
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            w->error = n < 0 ? errno : EIO; /* shorter than it was said to be */
        else
            w->count -= (size_t)n;
    }
}

static void step_sync(dj_writer *w)
{
    if (fsync(w->fd) < 0 || (w->other >= 0 && fsync(w->other) < 0))
        w->error = errno;
}

static void on_thread(void *arg)
{
    dj_writer *w = arg;
    w->step(w);
}

static void close_other(dj_writer *w)
{
    if (w->other >= 0)
        close(w->other);
    w->other = -1;
}

static void destroy(dj_writer *w)
{
    close_other(w);
    close(w->fd);
    free(w->buffer);
    free(w);
}

/* Whoever waited is gone. */
static void dropped(void *arg)
{
    dj_writer *w = arg;
    w->working = false;
    end_turn(w);
    if (w->gone)
        destroy(w);
}

/* A pool that is full ends the writing (EAGAIN): doing it on the loop would stall every client just
 * then. Where no thread can be had at all there is no other way. */
static void run(dj_writer *w, void (*step)(dj_writer *w))
{
    w->step = step;
    if (w->loop == NULL || dj_co_self(w->loop) == NULL) {
        step(w);
        return;
    }
    take_turn(w);
    w->working = true;
    dj_err e = dj_offload(w->loop, on_thread, dropped, w);
    w->working = false;
    end_turn(w);
    if (e == DJ_ERR_OVERLOAD)
        w->error = EAGAIN;
    else if (e)
        step(w);
}

static void empty(dj_writer *w)
{
    run(w, step_write);
    w->len = 0;
}

int dj_writer_add(dj_writer *w, const char *bytes, size_t len)
{
    if (w->error != 0)
        return w->error;
    if (w->loop == NULL || dj_co_self(w->loop) == NULL)
        return w->error = write_all(w->fd, bytes, len);
    if (w->buffer == NULL && (w->buffer = malloc(BUFFER)) == NULL)
        return ENOMEM;
    while (len > 0 && w->error == 0) {
        size_t n = len < BUFFER - w->len ? len : BUFFER - w->len;
        memcpy(w->buffer + w->len, bytes, n);
        w->len += n;
        bytes += n;
        len -= n;
        if (w->len == BUFFER)
            empty(w);
    }
    return w->error;
}

int dj_writer_flush(dj_writer *w)
{
    if (w->len > 0 && w->error == 0)
        empty(w);
    free(w->buffer);
    w->buffer = NULL;
    return w->error;
}

int dj_writer_copy(dj_writer *w, int from, uint64_t at, uint64_t len)
{
    int error = dj_writer_flush(w);
    if (error != 0)
        return error;
    w->other = fcntl(from, F_DUPFD_CLOEXEC, 0); /* the caller's may be closed meanwhile */
    if (w->other < 0)
        return w->error = errno;
    w->at = (off_t)at;
    while (len > 0 && w->error == 0) {
        w->count = len < COPY_STEP ? (size_t)len : COPY_STEP;
        len -= w->count;
        run(w, step_copy);
    }
    close_other(w);
    return w->error;
}

int dj_writer_sync(dj_writer *w, int folder)
{
    int error = dj_writer_flush(w);
    if (error != 0)
        return error;
    w->other = folder < 0 ? -1 : fcntl(folder, F_DUPFD_CLOEXEC, 0);
    if (folder >= 0 && w->other < 0)
        return w->error = errno;
    run(w, step_sync);
    close_other(w);
    return w->error;
}

dj_writer *dj_writer_new(dj_loop *loop, int fd)
{
    dj_writer *w = calloc(1, sizeof *w);
    if (w != NULL)
        *w = (dj_writer){.loop = loop, .fd = fd, .other = -1};
    return w;
}

int dj_writer_fd(const dj_writer *w)
{
    return w->fd;
}

void dj_writer_end(dj_writer *w)
{
    if (w->co != NULL)
        leave_line(w);
    w->gone = true;
    if (w->working)
        return; /* dropped() comes */
    if (w->loop != NULL)
        end_turn(w);
    destroy(w);
}
