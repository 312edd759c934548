/* src/loop/signal.c - signals as events on the loop (signalfd).
 *
 * Must not know: what a signal means to the program. */
#include "inside.h"
#include <errno.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void ready(dj_watch *w, unsigned events)
{
    (void)events;
    dj_loop                *loop = DJ_OWNER(dj_loop, signals, DJ_OWNER(dj_signals, watch, w));
    struct signalfd_siginfo info;
    /* One a call: level-triggered, so the next one is reported again, and a callback may free
     * nothing under us. */
    if (read(w->fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    int signo = (int)info.ssi_signo;
    if (signo > 0 && signo < NSIG && loop->signals.on[signo].caught != NULL)
        loop->signals.on[signo].caught(signo, loop->signals.on[signo].ctx);
}

static int block(dj_signals *sig, int signo)
{
    sigset_t one, before;
    sigemptyset(&one);
    sigaddset(&one, signo);
    int e = pthread_sigmask(SIG_BLOCK, &one, &before);
    if (e == 0 && sigismember(&before, signo) == 0)
        sigaddset(&sig->added, signo);
    return e;
}

int dj_loop_on_signal(dj_loop *loop, int signo, void (*caught)(int signo, void *ctx), void *ctx)
{
    dj_signals *sig = &loop->signals;
    if (signo <= 0 || signo >= NSIG)
        return EINVAL;
    bool had = sig->on[signo].caught != NULL;
    if (caught == NULL) { /* stays blocked: a signal sent a moment ago must not kill */
        loop->wakers -= had ? 1 : 0;
        sig->on[signo].caught = NULL;
        return 0;
    }
    int e = 0;
    if (sig->watch.fd < 0) {
        sigemptyset(&sig->set);
        sigemptyset(&sig->added);
    }
    if (sigismember(&sig->set, signo) == 0) {
        if ((e = block(sig, signo)) != 0)
            return e;
        sigaddset(&sig->set, signo);
        int fd = signalfd(sig->watch.fd, &sig->set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
            return errno;
        if (sig->watch.fd < 0) {
            sig->watch = (dj_watch){.fd = fd, .ready = ready};
            if ((e = dj_watch_add_quiet(loop, &sig->watch, DJ_READ)) != 0) {
                close(fd);
                sig->watch.fd = -1;
                return e;
            }
        }
    }
    sig->on[signo].caught = caught;
    sig->on[signo].ctx = ctx;
    loop->wakers += had ? 0 : 1;
    return 0;
}

void dj_signals_free(dj_loop *loop)
{
    if (loop->signals.watch.fd < 0)
        return;
    close(loop->signals.watch.fd);
    loop->signals.watch.fd = -1;
    pthread_sigmask(SIG_UNBLOCK, &loop->signals.added, NULL);
}
