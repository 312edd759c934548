/* src/loop/process.c - the end of a child as an event on the loop (pidfd).
 *
 * Must not know: what the child does. */
#include "inside.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct dj_child {
    dj_loop  *loop;
    dj_child *next, **link;
    dj_watch  watch;
    pid_t     pid;
    void (*ended)(pid_t pid, int status, void *ctx);
    void *ctx;
};

static void forget(dj_child *child)
{
    *child->link = child->next;
    if (child->next != NULL)
        child->next->link = child->link;
    close(child->watch.fd);
    free(child);
}

static void ready(dj_watch *w, unsigned events)
{
    (void)events;
    dj_child *child = DJ_OWNER(dj_child, watch, w);
    pid_t     pid = child->pid;
    int       status = 0;
    pid_t     got = waitpid(pid, &status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR))
        return; /* reported again */
    void (*ended)(pid_t pid, int status, void *ctx) = child->ended;
    void *ctx = child->ctx;
    dj_watch_remove(child->loop, w);
    forget(child);
    /* Reaped by somebody else: its status is lost, that it ended is not. */
    ended(pid, got == pid ? status : 0, ctx);
}

int dj_loop_on_exit(dj_loop *loop, pid_t pid, void (*ended)(pid_t pid, int status, void *ctx),
                    void *ctx)
{
    dj_child *child = calloc(1, sizeof *child);
    if (child == NULL)
        return ENOMEM;
    *child = (dj_child){.loop = loop,
                        .watch = {.fd = pidfd_open(pid, 0), .ready = ready},
                        .pid = pid,
                        .ended = ended,
                        .ctx = ctx};
    int e = child->watch.fd < 0 ? errno : dj_watch_add(loop, &child->watch, DJ_READ);
    if (e != 0) {
        if (child->watch.fd >= 0)
            close(child->watch.fd);
        free(child);
        return e;
    }
    child->link = &loop->children;
    child->next = loop->children;
    if (child->next != NULL)
        child->next->link = &child->next;
    loop->children = child;
    return 0;
}

void dj_children_free(dj_loop *loop)
{
    while (loop->children != NULL) {
        dj_child *child = loop->children;
        dj_watch_remove(loop, &child->watch);
        forget(child);
    }
}
