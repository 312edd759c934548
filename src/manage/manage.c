/* src/manage/manage.c - from a command line to a command.
 *
 * Must not know: what any command does. */
#include "manage/manage.h"
#include "donjon/app.h"
#include "donjon/buf.h"
#include "manage/version.h"

#define TEXT_MAX     ((size_t)64 * 1024)
#define NAME_MAX_LEN 48

static const char *program_name(char *const *argv)
{
    const char *slash = strrchr(argv[0], '/');
    return slash == NULL ? argv[0] : slash + 1;
}

int dj_command_fail(dj_scope *s, const dj_console *con, char *const *argv, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    dj_str why = dj_vstrf(s, fmt, args);
    va_end(args);
    /* "FILE:LINE:COL: error: ..." begins with its place, so that editors find it. */
    if (dj_str_has(why, DJ_LIT(": error: ")))
        dj_console_errf(s, con, DJ_FMT "\n", DJ_ARG(why));
    else
        dj_console_errf(s, con, "%s: " DJ_FMT "\n", program_name(argv), DJ_ARG(why));
    return 1;
}

/* -- an unknown name -- */

/* Single-letter edits between two short names. */
static size_t edit_distance(dj_str a, dj_str b)
{
    size_t row[NAME_MAX_LEN + 1];
    if (a.len > NAME_MAX_LEN || b.len > NAME_MAX_LEN)
        return NAME_MAX_LEN;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = diagonal + (dj_to_lower(a.ptr[i - 1]) != b.ptr[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.len];
}

static const char *nearest(const dj_command *commands, size_t len, dj_str name)
{
    const char *found = NULL;
    size_t      least = name.len / 2 + 1;
    for (size_t i = 0; i < len; i++) {
        dj_str known = dj_str_of(commands[i].name);
        size_t d = edit_distance(name, known);
        if (name.len >= 3 && dj_str_starts(known, name))
            d = 1;
        if (d < least) {
            least = d;
            found = commands[i].name;
        }
    }
    return found;
}

static int refuse_unknown(dj_scope *s, const dj_console *con, const dj_command *commands,
                          size_t len, char *const *argv, const char *name)
{
    const char *near = nearest(commands, len, dj_str_of(name));
    dj_console_errf(s, con, "Unknown command: '%s'.", name);
    if (near != NULL)
        dj_console_errf(s, con, " Did you mean %s?", near);
    dj_console_errf(s, con, "\nType '%s help' for usage.\n", program_name(argv));
    return 1;
}

/* -- the list -- */

static int list_commands(dj_scope *s, const dj_console *con, const dj_command *commands, size_t len,
                         const char *intro, char *const *argv)
{
    dj_buf b = dj_buf_make(s, TEXT_MAX);
    dj_buf_addf(&b, "%s\n\nusage: %s COMMAND [options]\n\ncommands:\n", intro, program_name(argv));
    for (size_t i = 0; i < len; i++)
        dj_buf_addf(&b, "  %-14s %s\n", commands[i].name, commands[i].summary);
    dj_buf_addf(&b, "\n'%s help COMMAND' tells about one.\n", program_name(argv));
    dj_console_out(con, dj_buf_str(&b));
    return 0;
}

static const dj_command *find(const dj_command *commands, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(commands[i].name, name) == 0 ||
            (commands[i].alias != NULL && strcmp(commands[i].alias, name) == 0))
            return &commands[i];
    }
    return NULL;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

static int dispatch(dj_scope *s, const dj_console *con, const dj_command *commands, size_t len,
                    const char *intro, int argc, char *const *argv, const dj_app *app)
{
    if (argc < 2)
        return list_commands(s, con, commands, len, intro, argv);
    if (strcmp(argv[1], "--version") == 0) {
        dj_console_outf(s, con, "%s\n", DJ_VERSION_TEXT);
        return 0;
    }
    bool help = is_one_of(argv[1], "help", "--help", "-h");
    if (help && argc == 2)
        return list_commands(s, con, commands, len, intro, argv);

    const char       *name = help ? argv[2] : argv[1];
    const dj_command *command = find(commands, len, name);
    if (command == NULL)
        return refuse_unknown(s, con, commands, len, argv, name);
    if (help) {
        char *const asked[] = {argv[0], argv[2], (char[]){"--help"}, NULL};
        return command->run(s, con, 3, asked, app);
    }
    return command->run(s, con, argc, argv, app);
}

int dj_commands_run(const dj_command *commands, size_t len, const char *intro, int argc,
                    char *const *argv, const dj_app *app)
{
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s == NULL) {
        (void)fputs("no memory\n", stderr);
        return 1;
    }
    dj_console con;
    int        status = 1;
    if (dj_console_process(s, &con) == DJ_OK)
        status = dispatch(s, &con, commands, len, intro, argc, argv, app);
    else
        (void)fprintf(stderr, "%s: " DJ_FMT "\n", program_name(argv), DJ_ARG(dj_failure_text(s)));
    dj_scope_close(s);
    return status;
}

int dj_manage_version(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                      const dj_app *app)
{
    static const dj_command_spec spec = {.name = "version",
                                         .summary = "Shows the version of Donjon."};
    dj_options                   o;
    int                          status = dj_options_parse(s, con, &spec, argc, argv, &o);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    (void)app;
    dj_console_outf(s, con, "%s\n", DJ_VERSION_TEXT);
    return 0;
}

int dj_manage(int argc, char **argv, const dj_app *app)
{
    static const dj_command commands[] = {
        {"check", NULL, "Looks for mistakes in settings and routes; --deploy: for production.",
         dj_manage_check},
        {"collectstatic", NULL, "Collects static files in STATIC_ROOT, with names for caches.",
         dj_manage_collectstatic},
        {"diffsettings", NULL,
         "Shows the settings that differ from the defaults, and where each comes from.",
         dj_manage_diffsettings},
        {"runserver", NULL, "Serves the site for development, on 127.0.0.1:8000.",
         dj_manage_runserver},
        {"secret-key", "generate-secret-key", "Makes a new secret key.", dj_manage_secret_key},
        {"serve", NULL, "Serves the site in production: TLS, workers, reload without loss.",
         dj_manage_serve},
        {"version", NULL, "Shows the version of Donjon.", dj_manage_version},
    };
    return dj_commands_run(commands, DJ_COUNT(commands), "A site made with Donjon.", argc, argv,
                           app);
}
