/* src/manage/manage.h - the command line from the inside: what a command sees of the world, and its options.
 *
 * A command is a function of a console and an argument vector that returns the exit status; it never calls exit()
 * and never touches stdout, stderr or the environment but through the console. So tests and vectors drive the same
 * functions as a terminal does. */
#pragma once
#include "donjon/conf.h"

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
DJ_NONNULL void dj_console_out(const dj_console *con, dj_str text);
DJ_NONNULL void dj_console_err(const dj_console *con, dj_str text);
DJ_NONNULL DJ_FORMAT(3, 4) void dj_console_outf(dj_scope *s, const dj_console *con, const char *fmt, ...);
DJ_NONNULL DJ_FORMAT(3, 4) void dj_console_errf(dj_scope *s, const dj_console *con, const char *fmt, ...);
/* A variable of the console's environment, or DJ_NONE. */
DJ_NONNULL dj_str dj_console_env(const dj_console *con, const char *name);
/* `path` from the console's folder; absolute paths stay. */
DJ_NONNULL dj_str dj_console_path(dj_scope *s, const dj_console *con, dj_str path);

/* -- options: what Python's argparse accepts, so that Django's habits hold --
 *
 * --name VALUE, --name=VALUE, unique prefixes of long names, -t VALUE, -tVALUE, bundled flags (-xy), "--" ends them;
 * options and positional arguments may stand in any order. */

typedef struct dj_option {
    char               letter;  /* 't' for -t; 0: none */
    const char        *name;    /* "tag" for --tag */
    const char        *metavar; /* "TAG"; NULL: a flag without value */
    const char        *help;
    const char *const *choices; /* ends with NULL; NULL: any value */
} dj_option;

typedef struct dj_command_spec {
    const char      *name;     /* "check" */
    const char      *summary;  /* one sentence, for --help */
    const dj_option *options;
    size_t           noptions;
    bool             common;   /* also --settings, --traceback, --no-color, --force-color, -v, --version */
    const char      *args;     /* metavar of the positional arguments, "app_label"; NULL: none allowed */
    size_t           min_args, max_args; /* max 0: any number */
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
#define DJ_EXIT_USAGE 2

/* argv[0] is the program's name as the usage shows it ("manage"), argv[1] the command, the rest its arguments.
 * Returns DJ_OPTIONS_GO_ON with *out filled; or the exit status: 0 after --help or --version (on stdout), 2 after
 * usage and one line on stderr. Values borrow argv. */
DJ_CHECKED DJ_NONNULL int dj_options_parse(dj_scope *s, const dj_console *con, const dj_command_spec *spec, int argc,
                                           char *const *argv, dj_options *out);
/* Usage and one line on stderr, as for any bad option; returns DJ_EXIT_USAGE. For values that only the command can
 * judge: dj_options_refuse(s, con, spec, argv, "argument --database: invalid choice: 'x'"). */
DJ_NONNULL DJ_FORMAT(5, 6) int dj_options_refuse(dj_scope *s, const dj_console *con, const dj_command_spec *spec,
                                                 char *const *argv, const char *fmt, ...);

DJ_NONNULL bool dj_options_has(const dj_options *o, const char *name);
/* The last value given, or DJ_NONE. */
DJ_NONNULL dj_str dj_options_get(const dj_options *o, const char *name);
/* How often it was given, and the i-th value (DJ_NONE past the end). */
DJ_NONNULL size_t dj_options_count(const dj_options *o, const char *name);
DJ_NONNULL dj_str dj_options_nth(const dj_options *o, const char *name, size_t i);
/* Colours on stderr? --force-color, else --no-color and NO_COLOR say no, else whether it is a terminal. */
DJ_NONNULL bool dj_options_color(const dj_options *o, const dj_console *con);

/* -- commands: each gets argv with argv[1] its own name, and returns the exit status -- */

/* `manage check` of a site: strict reading, its own routes checked too. `app` NULL: `donjon check`, which audits any
 * Django project's settings file without running it. */
DJ_CHECKED int dj_manage_check(dj_scope *s, const dj_console *con, int argc, char *const *argv, const struct dj_app *app)
    __attribute__((nonnull(1, 2, 4)));
