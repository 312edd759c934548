/* src/manage/reload.c - the process that stays: it holds the socket, watches the files and starts
 * the program again and again.
 *
 *   a file changes -> the program gets no more requests, and ends when those that run are answered
 *   nothing has changed for a moment -> the build runs, if it was a source
 *   built -> the program starts anew, with the same socket
 *
 * What arrives meanwhile waits in the socket's queue: nobody is refused, and an answer never comes
 * from a program older than the files. If there is no program that could answer (the build failed,
 * the settings are broken, it crashed), this process says so to whoever asks.
 *
 * Must not know: settings, routes, what a compiler prints. */
#include "manage/reload.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MARK_SOURCE = 1, MARK_SETTINGS = 2 };

#define QUIET_MS     100 /* without a change, before anything is started */
#define KILL_MS      2000
#define PROGRAMS_MAX 8 /* one that serves, and those that end */
#define REPORT_MAX   ((size_t)256 * 1024)
#define HOSTS_MAX    256
#define AGAIN_MAX    12 /* builds in a row that a file may interrupt */

typedef struct reloader reloader;

/* A run of the program. */
typedef struct program {
    dj_watch  report; /* first: the loop hands it back */
    dj_timer  kill;
    reloader *r;
    dj_scope *scope; /* of one run; NULL: the slot is free */
    dj_buf    text;  /* reports; those before `done` were read */
    size_t    done;
    pid_t     pid;
    bool      retired, watched;
    dj_str    failure; /* why it said it can't serve */
} program;

struct reloader {
    const dj_console *con;
    dj_scope         *scope;
    dj_scope         *scratch; /* until all is quiet */
    char *const      *argv;
    dj_loop          *loop;
    dj_listen         listen;
    dj_server_config  config;
    dj_server_app     hooks;
    dj_worker        *worker; /* answers while there is trouble; NULL before the first */
    dj_watcher       *watcher;
    dj_project        project;
    dj_build         *build; /* that runs, or NULL */
    dj_scope         *build_scope;
    bool              build_stale; /* something has changed since it began */
    bool              source_changed, said_change, served, stopping;
    char              interrupter[PATH_MAX]; /* the file that interrupted the last build */
    unsigned          interrupted;           /* ... and how often in a row it did */
    dj_timer          quiet, last;
    program           programs[PROGRAMS_MAX];
    program          *current; /* the one that serves, or is about to; or NULL */
    dj_scope         *trouble_scope;
    dj_trouble        trouble;
    bool              in_trouble;
    dj_scope         *hosts_scope;
    int               status;
};

static bool wants_settings(dj_str name)
{
    return dj_str_ends(name, DJ_LIT(".py")) && !dj_str_starts(name, DJ_LIT("."));
}

static void say_complaint(reloader *r)
{
    dj_str complaint = dj_watcher_complaint(r->watcher);
    if (!dj_str_is_none(complaint))
        dj_console_errf(r->scratch, r->con, DJ_FMT "\n", DJ_ARG(complaint));
}

/* As the reader would type it. */
static dj_str short_path(const reloader *r, dj_str path)
{
    size_t cwd = r->con->cwd.len;
    bool   below = dj_str_starts(path, r->con->cwd) && path.len > cwd + 1 && path.ptr[cwd] == '/';
    return below ? dj_str_from(path, cwd + 1) : path;
}

/* -- while there is no program -- */

static dj_response *answer_trouble(dj_req *req, void *ctx)
{
    const reloader *r = ctx;
    return dj_trouble_answer(req, &r->trouble);
}

static void answered(const dj_req *req, const dj_response *resp, uint64_t bytes, void *ctx)
{
    const reloader *r = ctx;
    dj_runserver_line(r->con, req, resp, bytes);
}

static dj_str refusal_headers(int status, bool tls, void *ctx)
{
    (void)status;
    (void)tls;
    (void)ctx;
    return DJ_LIT("Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n");
}

static dj_str refusal_body(int status, void *ctx)
{
    (void)ctx;
    return dj_reason(status);
}

/* Title, text and advice are copied; places in the text start in `folder`. */
static void begin_trouble(reloader *r, dj_str folder, dj_str title, dj_str text, dj_str advice)
{
    dj_scope *s = r->trouble_scope;
    dj_scope_reset(s);
    r->trouble.title = dj_str_dup(s, title);
    r->trouble.text = dj_plain_text(s, text);
    r->trouble.advice = dj_str_dup(s, advice);
    r->trouble.folder = folder;
    r->in_trouble = true;
    if (r->worker != NULL)
        dj_worker_resume(r->worker);
    else if (dj_worker_new(r->scope, r->loop, &r->config, &r->hooks, NULL, &r->worker) != DJ_OK)
        dj_console_errf(r->scope, r->con, DJ_FMT "\n", DJ_ARG(dj_failure_text(r->scope)));
}

static void end_trouble(reloader *r)
{
    if (r->in_trouble && r->worker != NULL)
        dj_worker_drain(r->worker, DJ_RUNSERVER_DRAIN_MS, NULL, NULL);
    r->in_trouble = false;
}

/* -- the end of it all -- */

static void end_if_all_ended(reloader *r)
{
    for (size_t i = 0; i < PROGRAMS_MAX; i++) {
        if (r->programs[i].scope != NULL)
            return;
    }
    if (r->stopping && r->build == NULL)
        dj_loop_stop(r->loop);
}

static void signal_all(reloader *r, int signo)
{
    for (size_t i = 0; i < PROGRAMS_MAX; i++) {
        if (r->programs[i].scope != NULL)
            kill(r->programs[i].pid, signo);
    }
    if (r->build != NULL)
        dj_build_stop(r->build);
}

static void stop_hard(dj_timer *t)
{
    reloader *r = (reloader *)(void *)((char *)t - offsetof(reloader, last));
    signal_all(r, SIGKILL);
}

static void stop(reloader *r, int status)
{
    if (r->stopping)
        return;
    r->stopping = true;
    r->status = status;
    dj_timer_stop(r->loop, &r->quiet);
    signal_all(r, SIGQUIT); /* at once: who presses Ctrl-C does not want to wait */
    dj_timer_start(r->loop, &r->last, KILL_MS);
    end_if_all_ended(r);
}

static void on_stop(int signo, void *ctx)
{
    reloader *r = ctx;
    (void)signo;
    if (r->stopping)
        signal_all(r, SIGKILL);
    stop(r, 0);
}

/* -- what the program reports -- */

static dj_str folder_of(dj_str path)
{
    size_t slash = dj_str_rchr(path, '/');
    return slash == DJ_NOT_FOUND || slash == 0 ? DJ_LIT("/") : dj_str_first(path, slash);
}

static void add_host(reloader *r, dj_str host)
{
    dj_str *items = (dj_str *)(uintptr_t)r->trouble.hosts.items;
    if (r->trouble.hosts.len < HOSTS_MAX)
        items[r->trouble.hosts.len++] = dj_str_dup(r->hosts_scope, host);
}

/* What a new program says of hosts replaces what the one before said. */
static void forget_hosts(reloader *r)
{
    dj_scope_reset(r->hosts_scope);
    r->trouble.hosts =
        (dj_str_list){.items = dj_new_array(r->hosts_scope, dj_str, HOSTS_MAX), .len = 0};
}

static void take_report(program *p, char letter, dj_str text)
{
    reloader *r = p->r;
    if (p->retired)
        return;
    switch (letter) {
    case DJ_REPORT_DEBUG: /* the first of those about the settings */
        r->trouble.debug = dj_str_eq(text, DJ_LIT("1"));
        forget_hosts(r);
        break;
    case DJ_REPORT_HOST:
        add_host(r, text);
        break;
    case DJ_REPORT_SETTINGS:
        dj_watcher_add(r->watcher, &(dj_tree){.folder = folder_of(text),
                                              .marks = MARK_SETTINGS,
                                              .wanted = wants_settings});
        break;
    case DJ_REPORT_FAILURE:
        p->failure = dj_str_dup(p->scope, text);
        break;
    case DJ_REPORT_READY:
        r->served = true;
        break;
    default: /* of a program that is newer than this process */
        break;
    }
    say_complaint(r);
}

static void take_reports(program *p)
{
    for (size_t i = p->done; i < p->text.len; i++) {
        if (p->text.ptr[i] != '\0')
            continue;
        if (i > p->done)
            take_report(p, p->text.ptr[p->done],
                        dj_str_n(p->text.ptr + p->done + 1, i - p->done - 1));
        p->done = i + 1;
    }
}

static void unwatch(program *p)
{
    if (p->watched)
        dj_watch_remove(p->r->loop, &p->report);
    p->watched = false;
}

/* False at the end, for now or for ever. */
static bool read_report(program *p)
{
    char piece[4096];
    errno = 0;
    ssize_t got = read(p->report.fd, piece, sizeof piece);
    if (got <= 0)
        return false;
    dj_buf_add(&p->text, dj_str_n(piece, (size_t)got));
    take_reports(p);
    return true;
}

static void report_ready(dj_watch *w, unsigned events)
{
    program *p = (program *)(void *)w;
    (void)events;
    if (!read_report(p) && errno != EAGAIN && errno != EINTR)
        unwatch(p);
}

/* -- runs of the program -- */

static void kill_program(dj_timer *t)
{
    program *p = (program *)(void *)((char *)t - offsetof(program, kill));
    kill(p->pid, SIGKILL);
}

/* It answers what it has, and ends. */
static void retire(reloader *r)
{
    program *p = r->current;
    r->current = NULL;
    if (p == NULL)
        return;
    p->retired = true;
    kill(p->pid, SIGTERM);
    dj_timer_start(r->loop, &p->kill, DJ_RUNSERVER_DRAIN_MS + KILL_MS);
}

/* "crashed: SIGSEGV (Segmentation fault)", "ended with exit status 3" */
static dj_str how_it_ended(dj_scope *s, int status)
{
    if (!WIFSIGNALED(status))
        return dj_strf(s, "ended with exit status %d", WEXITSTATUS(status));
    const char *name = sigabbrev_np(WTERMSIG(status)), *what = sigdescr_np(WTERMSIG(status));
    return dj_strf(s, "crashed: signal %d, SIG%s (%s)", WTERMSIG(status), name ? name : "?",
                   what ? what : "?");
}

static void judge_end(program *p, int status)
{
    reloader *r = p->r;
    dj_scope *s = p->scope;
    dj_str    how = how_it_ended(s, status);
    bool      failed = !dj_str_is_none(p->failure); /* it has said so on the terminal */
    r->current = NULL;
    if (!failed)
        dj_console_errf(s, r->con, "The program " DJ_FMT ".\n", DJ_ARG(how));
    if (!r->served) { /* the first start serves, or runserver ends */
        stop(r, WIFEXITED(status) && WEXITSTATUS(status) > 0 ? WEXITSTATUS(status) : 1);
        return;
    }
    if (failed) {
        begin_trouble(r, r->con->cwd, DJ_LIT("The site does not start"), p->failure,
                      DJ_LIT("It is tried again with the next change of a file."));
        return;
    }
    dj_console_err(r->con, DJ_LIT("It is started again with the next change of a file.\n"));
    begin_trouble(r, r->con->cwd, dj_strf(s, "The program " DJ_FMT, DJ_ARG(how)), DJ_LIT(""),
                  DJ_LIT("What it printed stands in the terminal. It is started again with the "
                         "next change of a file."));
}

static void program_ended(pid_t pid, int status, void *ctx)
{
    program *p = ctx;
    (void)pid;
    while (read_report(p))
        ;
    unwatch(p);
    close(p->report.fd);
    dj_timer_stop(p->r->loop, &p->kill);
    if (!p->retired && !p->r->stopping)
        judge_end(p, status);
    dj_scope *s = p->scope;
    p->scope = NULL;
    dj_scope_close(s);
    end_if_all_ended(p->r);
}

static program *free_slot(reloader *r)
{
    for (size_t i = 0; i < PROGRAMS_MAX; i++) {
        if (r->programs[i].scope == NULL)
            return &r->programs[i];
    }
    return NULL;
}

/* In the child. */
static void become_program(const reloader *r, int report, pid_t parent)
{
    char fds[32];
    if (!dj_child_prepare(parent, SIGQUIT))
        _exit(1);
    (void)signal(SIGINT, SIG_IGN); /* a terminal sends it to both: this process decides */
    (void)fcntl(r->listen.fd, F_SETFD, 0);
    (void)fcntl(report, F_SETFD, 0);
    (void)snprintf(fds, sizeof fds, "%d %d", r->listen.fd, report);
    setenv(DJ_RUNSERVER_ENV, fds, 1);
    execv(dj_cstr(r->scope, r->project.program), r->argv);
    dprintf(STDERR_FILENO, DJ_FMT ": can't be run: %s\n", DJ_ARG(r->project.program),
            strerrordesc_np(errno));
    _exit(127);
}

static dj_err start_program(reloader *r)
{
    dj_scope *s = r->scope;
    int       ends[2];
    program  *p = free_slot(r);
    if (p == NULL || pipe2(ends, O_CLOEXEC) != 0)
        return dj_fail_errno(s, "starting the program");
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become_program(r, ends[1], parent);
    int fork_errno = errno;
    close(ends[1]);
    errno = fork_errno;
    if (pid < 0) {
        close(ends[0]);
        return dj_fail_errno(s, "starting the program");
    }
    *p = (program){.report = {.fd = ends[0], .ready = report_ready},
                   .kill = {.fire = kill_program},
                   .r = r,
                   .scope = dj_scope_open(4 * REPORT_MAX),
                   .pid = pid};
    int error = p->scope == NULL ? ENOMEM : dj_watch_add(r->loop, &p->report, DJ_READ);
    p->watched = error == 0;
    if (error == 0)
        error = dj_loop_on_exit(r->loop, pid, program_ended, p);
    if (error != 0) {
        unwatch(p);
        close(ends[0]);
        kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        dj_scope_close(p->scope);
        p->scope = NULL;
        errno = error;
        return dj_fail_errno(s, "following the program");
    }
    p->text = dj_buf_make(p->scope, REPORT_MAX);
    r->current = p;
    return DJ_OK;
}

/* -- changes -- */

static void start_build(reloader *r);

static void all_quiet(dj_timer *t)
{
    reloader *r = (reloader *)(void *)((char *)t - offsetof(reloader, quiet));
    if (r->build != NULL)
        return; /* it is being stopped; its end comes here again */
    r->said_change = false;
    dj_scope_reset(r->scratch);
    if (r->source_changed) {
        start_build(r);
        return;
    }
    if (free_slot(r) == NULL) { /* many changes, each with a request that does not end */
        signal_all(r, SIGKILL);
        dj_timer_start(r->loop, &r->quiet, QUIET_MS);
        return;
    }
    end_trouble(r);
    if (start_program(r) != DJ_OK)
        begin_trouble(r, r->con->cwd, DJ_LIT("The program does not start"),
                      dj_failure_text(r->scope),
                      DJ_LIT("It is tried again with the next change of a file."));
}

/* A build that writes into the folder of the sources would interrupt itself for ever: a file that
 * interrupts one build after the other is left to it. */
static bool is_of_the_build(reloader *r, dj_str path)
{
    if (!dj_str_eq(path, dj_str_of(r->interrupter))) {
        (void)snprintf(r->interrupter, sizeof r->interrupter, DJ_FMT, DJ_ARG(path));
        r->interrupted = 0;
    }
    if (r->interrupted == AGAIN_MAX)
        return true;
    if (!r->build_stale && ++r->interrupted == AGAIN_MAX)
        dj_console_errf(r->scratch, r->con,
                        DJ_FMT " is changed by the build itself, it seems: not built again.\n",
                        DJ_ARG(short_path(r, path)));
    return r->interrupted == AGAIN_MAX;
}

static void changed(dj_str path, unsigned marks, void *ctx)
{
    reloader *r = ctx;
    bool      source = (marks & MARK_SOURCE) != 0;
    if (source && !r->trouble.debug && (marks & ~(unsigned)MARK_SOURCE) == 0)
        return; /* without DEBUG nothing is built */
    if (r->stopping)
        return;
    if (r->build != NULL && is_of_the_build(r, path))
        return;
    if (!r->said_change)
        dj_console_outf(r->scratch, r->con, DJ_FMT " changed, reloading.\n",
                        DJ_ARG(short_path(r, path)));
    r->said_change = true;
    r->source_changed = r->source_changed || (source && r->trouble.debug);
    retire(r);
    end_trouble(r);
    if (r->build != NULL) {
        r->build_stale = true;
        dj_build_stop(r->build);
    }
    dj_timer_start(r->loop, &r->quiet, QUIET_MS);
}

/* -- the build -- */

static void build_printed(dj_str text, void *ctx)
{
    const reloader *r = ctx;
    dj_console_err(r->con, text);
}

static void build_ended(int status, dj_str output, void *ctx)
{
    reloader *r = ctx;
    dj_watcher_look(r->watcher); /* what happened before it ended happened to this build */
    r->build = NULL;
    if (r->stopping) {
        end_if_all_ended(r);
        return;
    }
    if (r->build_stale) {
        r->build_stale = false;
        dj_timer_start(r->loop, &r->quiet, QUIET_MS);
        return;
    }
    r->interrupted = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        r->source_changed = false;
        all_quiet(&r->quiet);
        return;
    }
    dj_console_err(r->con, DJ_LIT("The build failed. Waiting for changes.\n"));
    begin_trouble(r, r->project.folder, DJ_LIT("The build failed"), output,
                  dj_strf(r->build_scope,
                          "It was `" DJ_FMT "`. It runs again with the next change.",
                          DJ_ARG(r->project.text)));
}

static void start_build(reloader *r)
{
    const dj_build_events events = {.printed = build_printed, .ended = build_ended, .ctx = r};
    if (r->project.command == NULL) {
        r->source_changed = false;
        all_quiet(&r->quiet);
        return;
    }
    dj_scope_reset(r->build_scope);
    dj_console_outf(r->build_scope, r->con, "Building: " DJ_FMT "\n", DJ_ARG(r->project.text));
    if (dj_build_start(r->build_scope, r->loop, &r->project, &events, &r->build) != DJ_OK)
        begin_trouble(r, r->project.folder, DJ_LIT("The build does not start"),
                      dj_failure_text(r->build_scope),
                      DJ_LIT("It is tried again with the next change of a file."));
}

/* -- all of it -- */

static void free_loop(void *loop)
{
    dj_loop_free(loop);
}

static void close_scope(void *scope)
{
    dj_scope_close(scope);
}

static dj_scope *own_scope(dj_scope *s, size_t max)
{
    dj_scope *own = dj_scope_open(max);
    if (own != NULL)
        dj_own(s, close_scope, own);
    return own;
}

static dj_err prepare(reloader *r, const dj_reload_options *options)
{
    dj_scope *s = r->scope;
    r->listen = (dj_listen){.address = options->address, .fd = -1};
    r->config = (dj_server_config){
        .listens = &r->listen, .nlistens = 1, .limits = dj_limits_default(), .workers = 1};
    r->trouble.cwd = r->con->cwd;
    r->hooks = (dj_server_app){.ctx = r,
                               .handle = answer_trouble,
                               .done = answered,
                               .refusal_headers = refusal_headers,
                               .refusal_body = refusal_body};
    r->scratch = own_scope(s, DJ_SCOPE_MAX_DEFAULT);
    r->build_scope = own_scope(s, DJ_SCOPE_MAX_DEFAULT);
    r->trouble_scope = own_scope(s, DJ_SCOPE_MAX_DEFAULT);
    r->hosts_scope = own_scope(s, DJ_SCOPE_MAX_DEFAULT);
    if (!r->scratch || !r->build_scope || !r->trouble_scope || !r->hosts_scope)
        return dj_fail(s, DJ_ERR_MEMORY, "no memory");
    r->loop = dj_loop_new();
    if (r->loop == NULL)
        return dj_fail_errno(s, "event loop");
    dj_own(s, free_loop, r->loop);
    dj_err e = dj_project_find(s, r->con, options->build, &r->project);
    if (!e)
        e = dj_server_bind(s, &r->config);
    if (!e)
        e = dj_watcher_new(s, r->loop, changed, r, &r->watcher);
    if (!e && (dj_loop_on_signal(r->loop, SIGINT, on_stop, r) != 0 ||
               dj_loop_on_signal(r->loop, SIGTERM, on_stop, r) != 0))
        e = dj_fail_errno(s, "signals");
    return e;
}

static void watch_first(reloader *r, const dj_reload_options *options)
{
    dj_watcher_add(r->watcher, &(dj_tree){.folder = folder_of(options->settings),
                                          .marks = MARK_SETTINGS,
                                          .wanted = wants_settings});
    if (r->project.command != NULL)
        dj_watcher_add(r->watcher, &(dj_tree){.folder = r->project.root,
                                              .deep = true,
                                              .marks = MARK_SOURCE,
                                              .wanted = dj_project_wants});
    dj_console_out(r->con, DJ_LIT("Watching for file changes with inotify\n"));
    if (r->project.command == NULL)
        dj_console_outf(r->scratch, r->con,
                        "No build.ninja or Makefile above " DJ_FMT
                        ": sources are not watched. --build COMMAND names the build.\n",
                        DJ_ARG(short_path(r, r->project.program)));
    say_complaint(r);
}

int dj_reload_run(dj_scope *s, const dj_console *con, char *const *argv,
                  const dj_reload_options *options)
{
    reloader *r = dj_new(s, reloader);
    *r = (reloader){.con = con,
                    .scope = s,
                    .argv = argv,
                    .quiet = {.fire = all_quiet},
                    .last = {.fire = stop_hard}};
    dj_err e = prepare(r, options);
    if (!e) {
        watch_first(r, options);
        e = start_program(r);
    }
    if (e) {
        dj_console_errf(s, con, DJ_FMT "\n", DJ_ARG(dj_failure_text(s)));
        return 1;
    }
    dj_loop_run(r->loop);
    if (r->worker != NULL)
        dj_worker_close(r->worker);
    dj_timer_stop(r->loop, &r->last);
    dj_server_unbind(s, &r->config);
    return r->status;
}
