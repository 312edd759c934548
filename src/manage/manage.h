/* src/manage/manage.h - the command line from the inside: what a command sees of the world, and its
 * options.
 *
 * A command is a function of a console and an argument vector that returns the exit status; it
 * never calls exit() and never touches stdout, stderr or the environment but through the console.
 * So tests and vectors drive the same functions as a terminal does. */
#pragma once
#include "donjon/conf.h"
#include "donjon/log.h"
#include "donjon/response.h"

struct dj_app; /* donjon/app.h */

/* -- console: streams, environment, current folder -- */

typedef struct dj_console {
    void (*write)(void *ctx, bool to_stderr, dj_str text);
    dj_env_fn env; /* never NULL */
    void     *ctx; /* of both */
    dj_str    cwd; /* absolute */
    bool      out_is_terminal, err_is_terminal;
} dj_console;

/* The process's own. DJ_ERR_IO if the current folder is gone. */
DJ_CHECKED DJ_NONNULL dj_err dj_console_process(dj_scope *s, dj_console *out);
DJ_NONNULL void              dj_console_out(const dj_console *con, dj_str text);
DJ_NONNULL void              dj_console_err(const dj_console *con, dj_str text);
DJ_NONNULL DJ_FORMAT(3, 4) void dj_console_outf(dj_scope *s, const dj_console *con, const char *fmt,
                                                ...);
DJ_NONNULL DJ_FORMAT(3, 4) void dj_console_errf(dj_scope *s, const dj_console *con, const char *fmt,
                                                ...);
/* A variable of the console's environment, or DJ_NONE. */
DJ_NONNULL dj_str dj_console_env(const dj_console *con, const char *name);
/* `path` from the console's folder; absolute paths stay. */
DJ_NONNULL dj_str dj_console_path(dj_scope *s, const dj_console *con, dj_str path);

/* -- options: what Python's argparse accepts, so that Django's habits hold --
 *
 * --name VALUE, --name=VALUE, unique prefixes of long names, -t VALUE, -tVALUE, bundled flags
 * (-xy), "--" ends them; options and positional arguments may stand in any order. */

typedef struct dj_option {
    char               letter;  /* 't' for -t; 0: none */
    const char        *name;    /* "tag" for --tag */
    const char        *metavar; /* "TAG"; NULL: a flag without value */
    const char        *help;
    const char *const *choices; /* ends with NULL; NULL: any value */
    bool exact; /* no prefix stands for it: an own option must not make Django's prefixes ambiguous
                 */
} dj_option;

typedef struct dj_command_spec {
    const char      *name;    /* "check" */
    const char      *summary; /* one sentence, for --help */
    const dj_option *options;
    size_t           noptions;
    bool        common; /* also --settings, --traceback, --no-color, --force-color, -v, --version */
    const char *args;   /* metavar of the positional arguments, "app_label"; NULL: none allowed */
    size_t      min_args, max_args; /* max 0: any number */
} dj_command_spec;

typedef struct dj_option_value {
    const dj_option *option;
    dj_str           value; /* empty for a flag */
} dj_option_value;

typedef struct dj_options {
    dj_option_value *given; /* in order of the command line */
    size_t           ngiven;
    dj_str          *args;
    size_t           nargs;
} dj_options;

#define DJ_OPTIONS_GO_ON (-1)
#define DJ_EXIT_USAGE    2

/* argv[0] is the program's name as the usage shows it ("manage"), argv[1] the command, the rest its
 * arguments. Returns DJ_OPTIONS_GO_ON with *out filled; or the exit status: 0 after --help or
 * --version (on stdout), 2 after usage and one line on stderr. Values borrow argv. */
DJ_CHECKED DJ_NONNULL int dj_options_parse(dj_scope *s, const dj_console *con,
                                           const dj_command_spec *spec, int argc, char *const *argv,
                                           dj_options *out);
/* Usage and one line on stderr, as for any bad option; returns DJ_EXIT_USAGE. For values that only
 * the command can judge: dj_options_refuse(s, con, spec, argv, "argument --database: invalid
 * choice: 'x'"). */
DJ_NONNULL DJ_FORMAT(5, 6) int dj_options_refuse(dj_scope *s, const dj_console *con,
                                                 const dj_command_spec *spec, char *const *argv,
                                                 const char *fmt, ...);

DJ_NONNULL bool dj_options_has(const dj_options *o, const char *name);
/* The last value given, or DJ_NONE. */
DJ_NONNULL dj_str dj_options_get(const dj_options *o, const char *name);
/* How often it was given, and the i-th value (DJ_NONE past the end). */
DJ_NONNULL size_t dj_options_count(const dj_options *o, const char *name);
DJ_NONNULL dj_str dj_options_nth(const dj_options *o, const char *name, size_t i);
/* Colours on stderr? --force-color, else --no-color and NO_COLOR say no, else whether it is a
 * terminal. */
DJ_NONNULL bool dj_options_color(const dj_options *o, const dj_console *con);

/* -- commands: each gets argv with argv[1] its own name, and returns the exit status -- */

/* `manage check` of a site: strict reading, its own routes checked too. `app` NULL: `donjon check`,
 * which audits any Django project's settings file without running it. */
DJ_CHECKED int dj_manage_check(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                               const struct dj_app *app) __attribute__((nonnull(1, 2, 4)));

struct dj_check_input;
/* What the checks of a site look at. Relative paths in its settings start in the console's folder,
 * as in Django. */
void dj_check_site_input(dj_scope *s, const dj_console *con, const struct dj_app *app,
                         const dj_conf *conf, struct dj_check_input *out) __attribute__((nonnull));

/* -- dispatch: manage.c -- */

typedef int (*dj_command_fn)(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                             const struct dj_app *app);
typedef struct dj_command {
    const char   *name, *alias; /* alias may be NULL; not listed */
    const char   *summary;      /* one line of `help` */
    dj_command_fn run;
} dj_command;

/* Runs argv[1] in a scope of its own. No command, `help` and --help list the commands on stdout,
 * exit status 0; an unknown one is answered on stderr with the nearest name, exit status 1, as
 * Django does. `app` may be NULL. */
DJ_CHECKED int dj_commands_run(const dj_command *commands, size_t len, const char *intro, int argc,
                               char *const *argv, const struct dj_app *app)
    __attribute__((nonnull(1, 3, 5)));
/* "demo: sentence" on stderr, or the sentence alone if it begins with a place; returns 1, the exit
 * status of a command that failed. */
DJ_NONNULL DJ_FORMAT(4, 5) int dj_command_fail(dj_scope *s, const dj_console *con,
                                               char *const *argv, const char *fmt, ...);

/* -- the settings of a site: settings_file.c -- */

/* The file a command works with: --settings, else DONJON_SETTINGS, else the program's own; a dotted
 * module name
 * ("mysite.settings.production") means the file of that module. DJ_ERR_SETTINGS if there is none.
 */
DJ_CHECKED dj_err dj_settings_path(dj_scope *s, const dj_console *con, const dj_options *o,
                                   const struct dj_app *app, dj_str *path)
    __attribute__((nonnull(1, 2, 3, 5)));

struct dj_settings;
/* Reads that file, strictly. The failure's sentence is what to show; it may have several lines
 * (source and caret). */
DJ_CHECKED dj_err dj_settings_read(dj_scope *s, const dj_console *con, dj_str path,
                                   struct dj_settings **out) __attribute__((nonnull));

int dj_manage_collectstatic(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                            const struct dj_app *app);
int dj_manage_diffsettings(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                           const struct dj_app *app);
int dj_manage_runserver(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                        const struct dj_app *app);
int dj_manage_secret_key(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                         const struct dj_app *app);
int dj_manage_serve(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                    const struct dj_app *app);
int dj_manage_version(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                      const struct dj_app *app);

/* -- access log: access_log.c -- */

typedef struct dj_access_record {
    int64_t  time_us, duration_us;
    dj_str   client, method, target, host, referer, user_agent; /* as received */
    int      minor, status;
    uint64_t bytes, request_id;
    bool     tls;
} dj_access_record;
/* Adds one line, '\n' included: DJ_LOG_TEXT is Apache's "combined" format. */
DJ_NONNULL void dj_access_line(dj_scope *s, dj_buf *out, dj_log_format format,
                               const dj_access_record *r);

/* The same for people who watch a terminal. */
DJ_NONNULL void dj_access_short(dj_scope *s, dj_buf *out, const dj_access_record *r);

typedef struct dj_access_log dj_access_log;
/* Lives in `s`; what is gathered is written when `s` ends. DJ_ERR_IO names the path. */
DJ_CHECKED DJ_NONNULL dj_err dj_access_log_open(dj_scope *s, dj_str to, dj_log_format format,
                                                dj_access_log **out);
/* From now on lines are gathered and written at the end of a turn of `loop`. */
struct dj_loop;
DJ_NONNULL void              dj_access_log_attach(dj_access_log *log, struct dj_loop *loop);
DJ_CHECKED DJ_NONNULL dj_err dj_access_log_reopen(dj_scope *s, dj_access_log *log);
DJ_NONNULL void dj_access_log_add(dj_access_log *log, const dj_req *req, const dj_response *resp,
                                  uint64_t bytes);

/* -- a site that is being served: serving.c; for serve and runserver -- */

typedef struct dj_serving {
    dj_scope                   *scope; /* its own: a reload makes the next one beside it */
    dj_str                      path;  /* the settings file */
    struct dj_settings         *settings;
    struct dj_site             *site;
    struct dj_tls              *tls;    /* or NULL */
    dj_access_log              *access; /* or NULL */
    const struct dj_server_app *app;    /* what the server calls */
} dj_serving;

typedef struct dj_serving_options {
    dj_str      path;              /* of the settings file */
    dj_str      tls_cert, tls_key; /* instead of the settings'; none: the settings' */
    bool        tls;               /* a listener needs it; else no certificate is read */
    bool        production;        /* write LOG_TO and ACCESS_LOG */
    dj_serving *before;            /* reload: what serves until now; else NULL */
} dj_serving_options;

/* Settings, logs, site, certificate: all that can be wrong before a byte is served. *out is
 * untouched on error. */
DJ_CHECKED DJ_NONNULL dj_err dj_serving_load(dj_scope *s, const dj_console *con,
                                             const struct dj_app      *app,
                                             const dj_serving_options *options, dj_serving **out);
void                         dj_serving_free(dj_serving *serving);

/* The normal checks, as every command runs them before it does anything. False: there is an ERROR,
 * and the command must not go on. The report goes to stderr, or to stdout if it is clean
 * (runserver; other commands then say nothing). */
typedef struct dj_checks_said {
    dj_str report;
    bool   clean;
} dj_checks_said;
DJ_CHECKED DJ_NONNULL bool dj_checks_pass(dj_scope *s, const dj_console *con,
                                          const struct dj_app      *app,
                                          const struct dj_settings *settings, bool color,
                                          dj_checks_said *said);

struct dj_listen;
/* What a client connects to: "http://127.0.0.1:8000"; for port 0 the one that the system chose. */
DJ_NONNULL dj_str dj_listen_text(dj_scope *s, const struct dj_listen *l);
