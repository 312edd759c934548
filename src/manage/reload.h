/* src/manage/reload.h - runserver from the inside: who watches, who builds, who answers meanwhile.
 *
 *   watch.c        files below some folders changed                       (inotify)
 *   rebuild.c      the project's build: which it is, running it
 *   diagnostics.c  what compilers and the settings reader print: places and sentences
 *   reload_page.c  the answer while there is no program that could answer
 *   reload.c       the process that holds the socket and starts the program again and again
 *   runserver.c    the command, and the program's side
 *
 * Two processes: one that stays (reload.c) and the program, started by it with the listening socket
 * and a pipe to report on. Whatever the program does, crash and all, the socket stays open. */
#pragma once
#include "loop/loop.h"
#include "manage/manage.h"
#include "server/server.h"
#include "donjon/settings.h"

/* -- watch.c -- */

typedef struct dj_watcher dj_watcher;
/* `path` has changed, was made, moved or removed; `marks` are those of all trees that want it. A
 * path of a whole folder: so much happened that single files were lost. */
typedef void dj_changed_fn(dj_str path, unsigned marks, void *ctx);
typedef bool dj_wanted_fn(dj_str name);

/* Lives in `s`. DJ_ERR_IO: the system has no more inotify instances. */
DJ_CHECKED DJ_NONNULL dj_err dj_watcher_new(dj_scope *s, dj_loop *loop, dj_changed_fn *changed,
                                            void *ctx, dj_watcher **out);
typedef struct dj_tree {
    dj_str        folder; /* need not exist yet */
    bool          deep;   /* folders below it, too; not hidden ones, not build folders */
    unsigned      marks;  /* the caller's own */
    dj_wanted_fn *wanted; /* by file name; NULL: all */
} dj_tree;
/* A tree that is there already (same folder, depth and filter) only gains marks. At most 64. */
DJ_NONNULL void dj_watcher_add(dj_watcher *w, const dj_tree *tree);
/* Reports now what has happened until now. */
DJ_NONNULL void dj_watcher_look(dj_watcher *w);
/* One sentence if something can't be watched (limits), once; else DJ_NONE. */
DJ_NONNULL dj_str dj_watcher_complaint(dj_watcher *w);

/* -- rebuild.c -- */

typedef struct dj_project {
    dj_str             program; /* the running program's file */
    dj_str             root;    /* its sources are below; none: nothing to watch */
    dj_str             folder;  /* where the build runs: relative places in its output start here */
    const char *const *command; /* NULL: there is no build that could be run */
    dj_str             text;    /* the command, for people */
} dj_project;
/* Looks for what builds the running program: `command` if there is one (a shell's, run in the
 * current folder), else the build.ninja or Makefile of the folder that the program is in or of one
 * above it. */
DJ_CHECKED DJ_NONNULL dj_err dj_project_find(dj_scope *s, const dj_console *con, dj_str command,
                                             dj_project *out);
/* Is it by its name a file that a build of C reads? */
bool dj_project_wants(dj_str name);

#define DJ_BUILD_OUTPUT_MAX ((size_t)256 * 1024)
typedef struct dj_build dj_build;
typedef struct dj_build_events {
    void (*printed)(dj_str text, void *ctx);
    /* Once, with waitpid's status and what was printed, up to DJ_BUILD_OUTPUT_MAX. `build` is gone
     * after it. */
    void (*ended)(int status, dj_str output, void *ctx);
    void *ctx;
} dj_build_events;
DJ_CHECKED DJ_NONNULL dj_err dj_build_start(dj_scope *s, dj_loop *loop, const dj_project *project,
                                            const dj_build_events *events, dj_build **out);
/* Ends it, compilers and all; `ended` still comes. */
DJ_NONNULL void dj_build_stop(dj_build *b);

/* In a child of fork, before exec: ends with its parent, by `signo`, and has the signals of a fresh
 * process. False: the parent is gone already. */
bool dj_child_prepare(pid_t parent, int signo);

/* -- diagnostics.c -- */

typedef enum dj_diagnostic_kind { DJ_DIAG_ERROR, DJ_DIAG_WARNING, DJ_DIAG_NOTE } dj_diagnostic_kind;
typedef struct dj_diagnostic {
    dj_diagnostic_kind kind;
    dj_str             file;         /* as printed */
    uint32_t           line, column; /* column 0: not said */
    dj_str             message;      /* one line */
    dj_str             excerpt;      /* the lines behind it: source and caret; may be empty */
} dj_diagnostic;
/* Terminal colours and other control characters, but for line ends and tabs, taken out. */
DJ_NONNULL dj_str dj_plain_text(dj_scope *s, dj_str text);
/* gcc, clang, ld, meson, make, and our settings reader; text as dj_plain_text leaves it. In order;
 * at most `max`. */
DJ_NONNULL size_t dj_diagnostics(dj_str text, dj_diagnostic *out, size_t max);

/* -- reload_page.c -- */

/* Why there is no program that could answer. */
typedef struct dj_trouble {
    dj_str      title;  /* "The build failed" */
    dj_str      text;   /* what was printed */
    dj_str      advice; /* one sentence */
    dj_str      folder; /* relative places in `text` start here */
    dj_str      cwd;    /* places below it are shown relative to it */
    dj_str_list hosts;  /* ALLOWED_HOSTS, as far as known */
    bool        debug;  /* details for clients on this machine */
} dj_trouble;
/* 500 with the trouble, as a page or as text; for clients elsewhere and for foreign names a page
 * that says nothing. */
DJ_RETURNS DJ_NONNULL dj_response *dj_trouble_answer(dj_req *req, const dj_trouble *trouble);

/* -- reload.c and runserver.c -- */

/* What the program says to the process that started it: a letter, text, NUL. */
#define DJ_REPORT_SETTINGS 's' /* a settings file that was read */
#define DJ_REPORT_HOST     'h' /* an entry of ALLOWED_HOSTS */
#define DJ_REPORT_DEBUG    'd' /* "1" or "0": DEBUG */
#define DJ_REPORT_FAILURE  'f' /* why it can't serve; it ends then */
#define DJ_REPORT_READY    'r' /* it serves */

/* "5 6": the socket and the pipe, in the environment of a program started by reload.c. */
#define DJ_RUNSERVER_ENV "DONJON_RUNSERVER"
/* How long requests that run may take before a program that was replaced ends. */
#define DJ_RUNSERVER_DRAIN_MS 5000

typedef struct dj_reload_options {
    dj_str address, settings; /* where to listen; the settings file */
    dj_str build;             /* --build, or empty */
} dj_reload_options;
/* Serves until told to end; the exit status. */
DJ_CHECKED DJ_NONNULL int dj_reload_run(dj_scope *s, const dj_console *con, char *const *argv,
                                        const dj_reload_options *options);
/* A line for each request, as Django's runserver writes it. */
DJ_NONNULL void dj_runserver_line(const dj_console *con, const dj_req *req, const dj_response *resp,
                                  uint64_t bytes_sent);
