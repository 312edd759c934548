/* src/server/supervisor.c - the process that reads no byte of a client: starts workers, replaces
 * them, ends them.
 *
 * Workers are forked, not executed: what `prepare` read is theirs by copy-on-write, certificates
 * and keys too, so a worker needs no right to read them. All waiting is on the loop: signals, ends
 * of children, timers, "I am ready".
 *
 * Must not know: what a worker serves. */
#include "server/server.h"
#include "donjon/log.h"
#include "donjon/time.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WORKERS_MAX = 256,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MAX_MS = 10000,
    LIVED_MS = 30000, /* a worker that lived so long starts again without delay */
    START_MS = 30000, /* to say that it is ready */
    DRAIN_MS = 35000, /* longer than the slowest write may stall */
};

typedef enum phase { STARTING, READY, BACKING_OFF, LEAVING } phase;
typedef enum mode { COMING_UP, SERVING, RELOADING, STOPPING } mode;

typedef struct super  super;
typedef struct worker worker;

struct worker {
    super   *sup;
    worker  *next;
    unsigned index;
    unsigned generation;
    phase    phase;
    pid_t    pid; /* 0: no process */
    int64_t  started_ms, backoff_ms;
    dj_timer timer; /* STARTING: too late; BACKING_OFF: now; LEAVING: long enough */
    dj_watch ready; /* fd -1: closed */
};

struct super {
    const dj_supervisor *conf;
    dj_loop             *loop;
    dj_scope            *scope;
    dj_scope            *prepared; /* what `prepare` made */
    worker              *workers, *spare;
    unsigned             nworkers, generation;
    mode                 mode;
    bool                 reload_again;
    int                  status;
    pid_t                pid;
    int64_t              drain_ms;
    const char          *notify; /* systemd's socket, or NULL */
};

static const dj_str LOGGER = DJ_STR_INIT("donjon.server");

static void reload(super *sup);
static void stop(super *sup);
static void spawn(worker *w);

/* -- systemd -- */

/* sd_notify(3): one datagram. Nobody there: nothing lost. */
static void notify(const super *sup, const char *text)
{
    if (sup->notify == NULL)
        return;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t             len = strlen(sup->notify);
    if (len >= sizeof address.sun_path || (sup->notify[0] != '/' && sup->notify[0] != '@'))
        return;
    memcpy(address.sun_path, sup->notify, len);
    if (address.sun_path[0] == '@')
        address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
    close(fd);
}

static void notify_reloading(const super *sup)
{
    char text[80];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)dj_monotonic_us());
    notify(sup, text);
}

/* -- the list of workers -- */

static worker *worker_new(super *sup, unsigned index)
{
    worker *w = sup->spare;
    if (w != NULL)
        sup->spare = w->next;
    else
        w = dj_new(sup->scope, worker);
    *w = (worker){.sup = sup,
                  .index = index,
                  .generation = sup->generation,
                  .backoff_ms = BACKOFF_FIRST_MS,
                  .ready.fd = -1};
    w->next = sup->workers;
    sup->workers = w;
    return w;
}

static void close_ready(worker *w)
{
    if (w->ready.fd < 0)
        return;
    dj_watch_remove(w->sup->loop, &w->ready);
    close(w->ready.fd);
    w->ready.fd = -1;
}

static void worker_free(worker *w)
{
    super *sup = w->sup;
    close_ready(w);
    dj_timer_stop(sup->loop, &w->timer);
    for (worker **at = &sup->workers; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    w->next = sup->spare;
    sup->spare = w;
}

static unsigned count(const super *sup, unsigned generation, phase wanted)
{
    unsigned n = 0;
    for (const worker *w = sup->workers; w != NULL; w = w->next)
        if (w->phase == wanted && w->generation == generation)
            n++;
    return n;
}

static unsigned count_leaving(const super *sup)
{
    unsigned n = 0;
    for (const worker *w = sup->workers; w != NULL; w = w->next)
        n += w->phase == LEAVING ? 1 : 0;
    return n;
}

/* -- one worker's life -- */

static DJ_NORETURN void worker_main(super *sup, unsigned index, int ready_fd)
{
    const dj_supervisor *conf = sup->conf;
    pid_t                parent = sup->pid;
    /* What the supervisor holds for its other workers is not this one's business. */
    for (worker *w = sup->workers; w != NULL; w = w->next)
        if (w->ready.fd >= 0)
            close(w->ready.fd);
    dj_loop_forked(sup->loop);
    /* Ctrl-C goes to the whole process group; that a worker ends is the supervisor's decision, by
     * SIGTERM. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    /* The rest of the rights, before a byte of a client is read. */
    if (dj_drop_privileges(sup->scope, conf->config->user)) {
        dj_log(LOGGER, DJ_CRITICAL, NULL, DJ_FMT, DJ_ARG(dj_failure_text(sup->scope)));
        _exit(1);
    }
    /* A worker without supervisor would hold the port for ever. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
    int status = conf->worker(index, ready_fd, conf->config, conf->ctx);
    fflush(NULL);
    _exit(status);
}

/* Old workers leave only now: at every moment somebody accepts. */
static void retire(super *sup, unsigned before)
{
    for (worker *w = sup->workers, *next; w != NULL; w = next) {
        next = w->next;
        if (w->generation >= before || w->phase == LEAVING)
            continue;
        if (w->pid == 0) {
            worker_free(w);
            continue;
        }
        w->phase = LEAVING;
        close_ready(w);
        kill(w->pid, SIGTERM);
        dj_timer_start(sup->loop, &w->timer, sup->drain_ms);
    }
}

static void someone_is_ready(super *sup)
{
    if (count(sup, sup->generation, READY) < sup->nworkers)
        return;
    if (sup->mode == COMING_UP) {
        dj_log(LOGGER, DJ_INFO, NULL, "ready: %u workers, supervisor pid %d", sup->nworkers,
               (int)sup->pid);
    } else if (sup->mode == RELOADING) {
        dj_log(LOGGER, DJ_INFO, NULL, "reloaded: %u new workers are ready, the old ones drain",
               sup->nworkers);
        retire(sup, sup->generation);
    } else {
        return;
    }
    sup->mode = SERVING;
    notify(sup, "READY=1");
    if (sup->reload_again)
        reload(sup);
}

static void on_ready(dj_watch *watch, unsigned events)
{
    (void)events;
    worker *w = (worker *)(void *)((char *)watch - offsetof(worker, ready));
    char    byte;
    bool    said = read(watch->fd, &byte, 1) == 1;
    close_ready(w);
    if (!said || w->phase != STARTING)
        return; /* it is about to end; on_exit says how */
    w->phase = READY;
    dj_timer_stop(w->sup->loop, &w->timer);
    someone_is_ready(w->sup);
}

static void back_off(worker *w)
{
    w->phase = BACKING_OFF;
    dj_timer_start(w->sup->loop, &w->timer, w->backoff_ms);
    w->backoff_ms = w->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : w->backoff_ms * 2;
}

static void on_timer(dj_timer *timer)
{
    worker *w = (worker *)(void *)((char *)timer - offsetof(worker, timer));
    if (w->phase == BACKING_OFF) {
        spawn(w);
        return;
    }
    dj_log(LOGGER, DJ_ERROR_LEVEL, NULL, "worker %u (pid %d) %s: killed", w->index, (int)w->pid,
           w->phase == STARTING ? "did not become ready in time" : "did not end in time");
    kill(w->pid, SIGKILL);
}

static void log_end(const worker *w, int status)
{
    const char *when = w->phase == STARTING ? " before it was ready" : "";
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        dj_log(LOGGER, w->phase == LEAVING ? DJ_WARNING : DJ_ERROR_LEVEL, NULL,
               "worker %u (pid %d) was killed by SIG%s%s", w->index, (int)w->pid,
               name == NULL ? "?" : name, when);
    } else if (w->phase != LEAVING || WEXITSTATUS(status) != 0) {
        dj_log(LOGGER, DJ_ERROR_LEVEL, NULL, "worker %u (pid %d) ended with status %d%s", w->index,
               (int)w->pid, WEXITSTATUS(status), when);
    } else {
        dj_log(LOGGER, DJ_INFO, NULL, "worker %u (pid %d) ended", w->index, (int)w->pid);
    }
}

/* The new workers can't start: the old ones stay, and missing ones are tried again. */
static void abort_reload(super *sup)
{
    dj_log(LOGGER, DJ_ERROR_LEVEL, NULL,
           "reload failed: a new worker did not start; the old ones go on");
    bool have[WORKERS_MAX] = {false};
    for (worker *w = sup->workers, *next; w != NULL; w = next) {
        next = w->next;
        if (w->phase == LEAVING)
            continue;
        if (w->generation != sup->generation) {
            w->generation = sup->generation;
            have[w->index] = true;
        } else if (w->pid == 0) {
            worker_free(w);
        } else {
            w->phase = LEAVING;
            close_ready(w);
            kill(w->pid, SIGTERM);
            dj_timer_start(sup->loop, &w->timer, sup->drain_ms);
        }
    }
    for (unsigned i = 0; i < sup->nworkers; i++)
        if (!have[i])
            back_off(worker_new(sup, i));
    sup->mode = SERVING;
    notify(sup, "READY=1");
}

static void on_exit_of(pid_t pid, int status, void *ctx)
{
    worker *w = ctx;
    super  *sup = w->sup;
    (void)pid;
    log_end(w, status);
    close_ready(w);
    dj_timer_stop(sup->loop, &w->timer);
    w->pid = 0;
    bool starting = w->phase == STARTING;

    if (w->phase == LEAVING) {
        worker_free(w);
        if (sup->mode == STOPPING && sup->workers == NULL)
            dj_loop_stop(sup->loop);
        else if (sup->mode == SERVING && sup->reload_again)
            reload(sup);
        return;
    }
    if (sup->mode == COMING_UP && starting) {
        worker_free(w);
        sup->status = 1;
        stop(sup);
        return;
    }
    if (sup->mode == RELOADING && starting && w->generation == sup->generation) {
        worker_free(w);
        abort_reload(sup);
        return;
    }
    if (dj_loop_ms(sup->loop) - w->started_ms >= LIVED_MS)
        w->backoff_ms = BACKOFF_FIRST_MS;
    back_off(w);
}

static void spawn(worker *w)
{
    super *sup = w->sup;
    int    ready[2] = {-1, -1};
    pid_t  pid = -1;
    if (pipe2(ready, O_CLOEXEC | O_NONBLOCK) == 0) {
        fflush(NULL); /* or the child writes it once more */
        pid = fork();
    }
    if (pid == 0) {
        close(ready[0]);
        worker_main(sup, w->index, ready[1]);
    }
    int error = errno;
    if (ready[1] >= 0)
        close(ready[1]);
    w->pid = pid > 0 ? pid : 0;
    w->started_ms = dj_loop_ms(sup->loop);
    w->timer.fire = on_timer;
    if (pid > 0) {
        w->phase = STARTING;
        w->ready = (dj_watch){.fd = ready[0], .ready = on_ready};
        if ((error = dj_watch_add(sup->loop, &w->ready, DJ_READ)) == 0) {
            error = dj_loop_on_exit(sup->loop, pid, on_exit_of, w);
            if (error == 0) {
                dj_timer_start(sup->loop, &w->timer, START_MS);
                dj_log(LOGGER, DJ_INFO, NULL, "worker %u started (pid %d)", w->index, (int)pid);
                return;
            }
            dj_watch_remove(sup->loop, &w->ready);
        }
        /* A child that can't be watched is none. */
        kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        w->pid = 0;
    }
    if (ready[0] >= 0)
        close(ready[0]);
    w->ready.fd = -1;
    dj_log(LOGGER, DJ_ERROR_LEVEL, NULL, "worker %u can't be started: %s", w->index,
           strerrordesc_np(error));
    back_off(w);
}

void dj_worker_ready(int ready_fd)
{
    (void)!write(ready_fd, "r", 1);
    close(ready_fd);
}

/* -- the whole -- */

static dj_err prepare(super *sup)
{
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s == NULL) {
        dj_log(LOGGER, DJ_ERROR_LEVEL, NULL, "no memory to read the settings");
        return DJ_ERR_MEMORY;
    }
    dj_read_any_file(true);
    dj_err e = sup->conf->prepare == NULL ? DJ_OK : sup->conf->prepare(s, sup->conf->ctx);
    dj_read_any_file(false);
    if (e) {
        dj_log(LOGGER, DJ_ERROR_LEVEL, NULL, DJ_FMT, DJ_ARG(dj_failure_text(s)));
        dj_scope_close(s);
        return e;
    }
    dj_scope_close(sup->prepared);
    sup->prepared = s;
    return DJ_OK;
}

/* After logrotate. As the user that we became, so the directory must let that one write. */
static void reopen_log(void)
{
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s != NULL && dj_log_reopen(s) != DJ_OK)
        dj_log(LOGGER, DJ_ERROR_LEVEL, NULL, DJ_FMT, DJ_ARG(dj_failure_text(s)));
    dj_scope_close(s);
}

static void start_generation(super *sup)
{
    sup->generation++;
    for (unsigned i = 0; i < sup->nworkers; i++)
        spawn(worker_new(sup, i));
}

static void reload(super *sup)
{
    /* One at a time, and not faster than old workers leave. */
    if (sup->mode != SERVING || count_leaving(sup) >= 4 * sup->nworkers) {
        sup->reload_again = sup->mode != STOPPING;
        return;
    }
    sup->reload_again = false;
    notify_reloading(sup);
    dj_log(LOGGER, DJ_INFO, NULL, "reloading");
    reopen_log();
    if (prepare(sup)) {
        dj_log(LOGGER, DJ_ERROR_LEVEL, NULL, "reload failed: the old workers go on");
        notify(sup, "READY=1");
        return;
    }
    sup->mode = RELOADING;
    start_generation(sup);
}

static void stop(super *sup)
{
    sup->mode = STOPPING;
    sup->reload_again = false;
    notify(sup, "STOPPING=1");
    retire(sup, sup->generation + 1);
    if (sup->workers == NULL)
        dj_loop_stop(sup->loop);
}

static void on_signal(int signo, void *ctx)
{
    super *sup = ctx;
    if (signo == SIGHUP) {
        reload(sup);
        return;
    }
    if (signo == SIGQUIT || sup->mode == STOPPING) {
        dj_log(LOGGER, DJ_INFO, NULL, "ending at once (SIG%s)", sigabbrev_np(signo));
        stop(sup);
        for (const worker *w = sup->workers; w != NULL; w = w->next)
            if (w->pid != 0)
                kill(w->pid, SIGKILL);
        return;
    }
    dj_log(LOGGER, DJ_INFO, NULL, "ending (SIG%s): %u workers finish what they have",
           sigabbrev_np(signo), sup->nworkers);
    stop(sup);
}

static unsigned cores(void)
{
    cpu_set_t set;
    int       n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : (unsigned)n;
}

static int run(super *sup)
{
    static const int signals[] = {SIGHUP, SIGTERM, SIGINT, SIGQUIT};
    for (size_t i = 0; i < DJ_COUNT(signals); i++) {
        int error = dj_loop_on_signal(sup->loop, signals[i], on_signal, sup);
        if (error != 0) {
            dj_log(LOGGER, DJ_CRITICAL, NULL, "can't catch signals: %s", strerrordesc_np(error));
            return 1;
        }
    }
    if (prepare(sup))
        return 1;
    dj_err e = dj_drop_privileges_but_reading(sup->scope, sup->conf->config->user);
    if (e) {
        dj_log(LOGGER, DJ_CRITICAL, NULL, DJ_FMT, DJ_ARG(dj_failure_text(sup->scope)));
        return 1;
    }
    start_generation(sup);
    dj_loop_run(sup->loop);
    return sup->status;
}

int dj_supervise(dj_scope *s, const dj_supervisor *conf)
{
    unsigned wanted = conf->config->workers;
    super    sup = {
           .conf = conf,
           .loop = dj_loop_new(),
           .scope = s,
           .nworkers = wanted == 0 ? cores() : wanted,
           .pid = getpid(),
           .drain_ms = conf->drain_ms > 0 ? conf->drain_ms : DRAIN_MS,
           .notify = getenv("NOTIFY_SOCKET"),
    };
    if (sup.nworkers > WORKERS_MAX)
        sup.nworkers = WORKERS_MAX;
    if (sup.loop == NULL) {
        dj_log(LOGGER, DJ_CRITICAL, NULL, "no event loop: %s", strerrordesc_np(errno));
        return 1;
    }
    int status = run(&sup);
    dj_loop_free(sup.loop);
    dj_scope_close(sup.prepared);
    return status;
}
