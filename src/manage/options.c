/* src/manage/options.c - reads a command's options the way Python's argparse does, and writes usage
 * and --help.
 *
 * Django's commands are argparse programs; people and scripts know their habits (prefixes, =VALUE,
 * exit status 2, usage on stderr). Messages keep argparse's wording.
 *
 * Must not know: any command, settings, the process's streams. */
#include "manage/manage.h"
#include "donjon/buf.h"
#include "manage/version.h"

#define TEXT_MAX    ((size_t)64 * 1024)
#define USAGE_WIDTH 78
#define GIVEN_MAX   256

static const char *const verbosities[] = {"0", "1", "2", "3", NULL};

/* What every command takes besides its own: Django's common options. */
static const dj_option common_options[] = {
    {0, "version", NULL, "Show the version and exit.", NULL},
    {'v', "verbosity", "{0,1,2,3}",
     "How much to tell: 0 little, 1 normal, 2 verbose, 3 very verbose.", verbosities},
    {0, "settings", "SETTINGS", "The settings file, e.g. settings/production.py.", NULL},
    {0, "traceback", NULL, "On an error, also tell where in the program it was found.", NULL},
    {0, "no-color", NULL, "Don't colour the output.", NULL},
    {0, "force-color", NULL, "Colour the output even if it is no terminal.", NULL},
};
static const dj_option help_option = {'h', "help", NULL, "Show this help and exit.", NULL};

static size_t option_total(const dj_command_spec *spec)
{
    return 1 + spec->noptions + (spec->common ? DJ_COUNT(common_options) : 0);
}

/* In the order of --help: -h, the command's own, the common ones. */
static const dj_option *option_at(const dj_command_spec *spec, size_t i)
{
    if (i == 0)
        return &help_option;
    i--;
    return i < spec->noptions ? &spec->options[i] : &common_options[i - spec->noptions];
}

/* -- usage and help -- */

static const char *program_name(char *const *argv)
{
    const char *slash = strrchr(argv[0], '/');
    return slash == NULL ? argv[0] : slash + 1;
}

static dj_str option_usage(dj_scope *s, const dj_option *o)
{
    /* argparse shows the first way to write an option: -v before --verbosity, but Django lists
     * --tag first. */
    bool   by_letter = o->letter == 'h' || o->letter == 'v';
    dj_str how = by_letter ? dj_strf(s, "-%c", o->letter) : dj_strf(s, "--%s", o->name);
    return o->metavar == NULL ? dj_strf(s, "[" DJ_FMT "]", DJ_ARG(how))
                              : dj_strf(s, "[" DJ_FMT " %s]", DJ_ARG(how), o->metavar);
}

static dj_str args_usage(dj_scope *s, const dj_command_spec *spec)
{
    if (spec->args == NULL)
        return DJ_NONE;
    bool many = spec->max_args != 1;
    if (spec->min_args == 0)
        return dj_strf(s, many ? "[%s ...]" : "[%s]", spec->args);
    return dj_strf(s, many ? "%s [...]" : "%s", spec->args);
}

static void add_usage(dj_scope *s, dj_buf *b, const dj_command_spec *spec, char *const *argv)
{
    dj_str head = dj_strf(s, "usage: %s %s", program_name(argv), spec->name);
    dj_buf_add(b, head);
    size_t column = head.len;
    size_t total = option_total(spec) + (spec->args == NULL ? 0 : 1);
    for (size_t i = 0; i < total; i++) {
        dj_str part =
            i < option_total(spec) ? option_usage(s, option_at(spec, i)) : args_usage(s, spec);
        if (column + 1 + part.len > USAGE_WIDTH && column > head.len) {
            dj_buf_addf(b, "\n%*s", (int)head.len, "");
            column = head.len;
        }
        dj_buf_add_byte(b, ' ');
        dj_buf_add(b, part);
        column += 1 + part.len;
    }
    dj_buf_add_byte(b, '\n');
}

static void add_help_line(dj_scope *s, dj_buf *b, dj_str how, const char *help)
{
    if (how.len <= 21)
        dj_buf_addf(b, "  %-21.*s %s\n", DJ_ARG(how), help);
    else
        dj_buf_addf(b, "  " DJ_FMT "\n%*s%s\n", DJ_ARG(how), 24, "", help);
    (void)s;
}

static void write_help(dj_scope *s, const dj_console *con, const dj_command_spec *spec,
                       char *const *argv)
{
    dj_buf b = dj_buf_make(s, TEXT_MAX);
    add_usage(s, &b, spec, argv);
    dj_buf_addf(&b, "\n%s\n", spec->summary);
    if (spec->args != NULL)
        dj_buf_addf(&b, "\npositional arguments:\n  %s\n", spec->args);
    dj_buf_add(&b, DJ_LIT("\noptions:\n"));
    for (size_t i = 0; i < option_total(spec); i++) {
        const dj_option *o = option_at(spec, i);
        const char      *value = o->metavar == NULL ? "" : o->metavar;
        const char      *space = o->metavar == NULL ? "" : " ";
        dj_str           how = dj_strf(s, "--%s%s%s", o->name, space, value);
        if (o->letter != 0)
            how = dj_strf(s, "-%c%s%s, " DJ_FMT, o->letter, space, value, DJ_ARG(how));
        add_help_line(s, &b, how, o->help);
    }
    dj_console_out(con, dj_buf_str(&b));
}

int dj_options_refuse(dj_scope *s, const dj_console *con, const dj_command_spec *spec,
                      char *const *argv, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    dj_str why = dj_vstrf(s, fmt, args);
    va_end(args);
    dj_buf b = dj_buf_make(s, TEXT_MAX);
    add_usage(s, &b, spec, argv);
    dj_buf_addf(&b, "%s %s: error: " DJ_FMT "\n", program_name(argv), spec->name, DJ_ARG(why));
    dj_console_err(con, dj_buf_str(&b));
    return DJ_EXIT_USAGE;
}

/* -- parsing -- */

typedef struct parse {
    dj_scope              *s;
    const dj_console      *con;
    const dj_command_spec *spec;
    char *const           *argv;
    int                    argc, at;
    dj_options            *out;
    dj_buf                 unrecognized; /* words, blank between */
} parse;

static dj_str option_label(dj_scope *s, const dj_option *o)
{
    return o->letter == 0 ? dj_strf(s, "--%s", o->name)
                          : dj_strf(s, "--%s/-%c", o->name, o->letter);
}

#define REFUSE(p, ...) dj_options_refuse((p)->s, (p)->con, (p)->spec, (p)->argv, __VA_ARGS__)

static bool is_flag_like(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

static void keep_unrecognized(parse *p, const char *word)
{
    if (p->unrecognized.len > 0)
        dj_buf_add_byte(&p->unrecognized, ' ');
    dj_buf_add(&p->unrecognized, dj_str_of(word));
}

static int check_choice(parse *p, const dj_option *o, dj_str value)
{
    if (o->choices == NULL)
        return DJ_OPTIONS_GO_ON;
    dj_buf names = dj_buf_make(p->s, TEXT_MAX);
    for (size_t i = 0; o->choices[i] != NULL; i++) {
        if (dj_str_eq(dj_str_of(o->choices[i]), value))
            return DJ_OPTIONS_GO_ON;
        dj_buf_addf(&names, "%s'%s'", i == 0 ? "" : ", ", o->choices[i]);
    }
    return REFUSE(p, "argument " DJ_FMT ": invalid choice: '" DJ_FMT "' (choose from " DJ_FMT ")",
                  DJ_ARG(option_label(p->s, o)), DJ_ARG(value), DJ_ARG(dj_buf_str(&names)));
}

static int keep(parse *p, const dj_option *o, dj_str value)
{
    int status = check_choice(p, o, value);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    if (p->out->ngiven == GIVEN_MAX)
        return REFUSE(p, "more than %d options", GIVEN_MAX);
    p->out->given[p->out->ngiven++] = (dj_option_value){o, value};
    return DJ_OPTIONS_GO_ON;
}

/* `inline_value` is what stood behind "=" or the letter; none: it is the next word. */
static int take_value(parse *p, const dj_option *o, dj_str inline_value)
{
    if (!dj_str_is_none(inline_value))
        return keep(p, o, inline_value);
    if (p->at >= p->argc || is_flag_like(p->argv[p->at]))
        return REFUSE(p, "argument " DJ_FMT ": expected one argument",
                      DJ_ARG(option_label(p->s, o)));
    return keep(p, o, dj_str_of(p->argv[p->at++]));
}

static int take_flag(parse *p, const dj_option *o)
{
    if (o == &help_option) {
        write_help(p->s, p->con, p->spec, p->argv);
        return 0;
    }
    if (o == &common_options[0]) {
        dj_console_outf(p->s, p->con, "%s\n", DJ_VERSION_TEXT);
        return 0;
    }
    return keep(p, o, DJ_LIT(""));
}

/* The option of a whole or shortened long name: NULL if there is none; *status is set if several
 * fit. */
static const dj_option *find_long(parse *p, dj_str name, int *status)
{
    const dj_option *found = NULL;
    dj_buf           several = dj_buf_make(p->s, TEXT_MAX);
    size_t           fits = 0;
    *status = DJ_OPTIONS_GO_ON;
    for (size_t i = 0; i < option_total(p->spec); i++) {
        const dj_option *o = option_at(p->spec, i);
        dj_str           full = dj_str_of(o->name);
        if (dj_str_eq(full, name))
            return o;
        if (o->exact || !dj_str_starts(full, name))
            continue;
        dj_buf_addf(&several, "%s--%s", fits == 0 ? "" : ", ", o->name);
        found = o;
        fits++;
    }
    if (fits <= 1)
        return found;
    *status = REFUSE(p, "ambiguous option: --" DJ_FMT " could match " DJ_FMT, DJ_ARG(name),
                     DJ_ARG(dj_buf_str(&several)));
    return NULL;
}

static int take_long(parse *p, const char *word)
{
    dj_str name = dj_str_of(word + 2), value = DJ_NONE;
    size_t eq = dj_str_chr(name, '=');
    if (eq != DJ_NOT_FOUND) {
        value = dj_str_from(name, eq + 1);
        name = dj_str_first(name, eq);
    }
    int              status;
    const dj_option *o = find_long(p, name, &status);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    if (o == NULL) {
        keep_unrecognized(p, word);
        return DJ_OPTIONS_GO_ON;
    }
    if (o->metavar != NULL)
        return take_value(p, o, value);
    if (!dj_str_is_none(value))
        return REFUSE(p, "argument " DJ_FMT ": ignored explicit argument '" DJ_FMT "'",
                      DJ_ARG(option_label(p->s, o)), DJ_ARG(value));
    return take_flag(p, o);
}

static const dj_option *find_letter(const dj_command_spec *spec, char letter)
{
    for (size_t i = 0; i < option_total(spec); i++)
        if (option_at(spec, i)->letter == letter)
            return option_at(spec, i);
    return NULL;
}

/* "-v2", "-t urls", "-xy": letters up to the first that takes a value. */
static int take_short(parse *p, const char *word)
{
    for (const char *at = word + 1; *at != '\0'; at++) {
        const dj_option *o = find_letter(p->spec, *at);
        if (o == NULL) {
            keep_unrecognized(p, word);
            return DJ_OPTIONS_GO_ON;
        }
        if (o->metavar != NULL) {
            const char *rest = at[1] == '=' ? at + 2 : at + 1;
            return take_value(p, o, at[1] == '\0' ? DJ_NONE : dj_str_of(rest));
        }
        int status = take_flag(p, o);
        if (status != DJ_OPTIONS_GO_ON)
            return status;
    }
    return DJ_OPTIONS_GO_ON;
}

static int take_arg(parse *p, const char *word)
{
    const dj_command_spec *spec = p->spec;
    if (spec->args == NULL || (spec->max_args > 0 && p->out->nargs == spec->max_args))
        keep_unrecognized(p, word);
    else
        p->out->args[p->out->nargs++] = dj_str_of(word);
    return DJ_OPTIONS_GO_ON;
}

int dj_options_parse(dj_scope *s, const dj_console *con, const dj_command_spec *spec, int argc,
                     char *const *argv, dj_options *out)
{
    DJ_ASSERT(argc >= 2);
    *out = (dj_options){.given = dj_new_array(s, dj_option_value, GIVEN_MAX),
                        .args = dj_new_array(s, dj_str, (size_t)argc)};
    parse p = {.s = s,
               .con = con,
               .spec = spec,
               .argv = argv,
               .argc = argc,
               .at = 2,
               .out = out,
               .unrecognized = dj_buf_make(s, TEXT_MAX)};
    bool  options_over = false;
    while (p.at < argc) {
        const char *word = argv[p.at++];
        int         status;
        if (options_over || !is_flag_like(word))
            status = take_arg(&p, word);
        else if (strcmp(word, "--") == 0)
            options_over = true, status = DJ_OPTIONS_GO_ON;
        else
            status = word[1] == '-' ? take_long(&p, word) : take_short(&p, word);
        if (status != DJ_OPTIONS_GO_ON)
            return status;
    }
    if (out->nargs < spec->min_args)
        return REFUSE(&p, "the following arguments are required: %s", spec->args);
    if (p.unrecognized.len > 0)
        return REFUSE(&p, "unrecognized arguments: " DJ_FMT, DJ_ARG(dj_buf_str(&p.unrecognized)));
    return DJ_OPTIONS_GO_ON;
}

/* -- answers -- */

size_t dj_options_count(const dj_options *o, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < o->ngiven; i++)
        n += strcmp(o->given[i].option->name, name) == 0;
    return n;
}

dj_str dj_options_nth(const dj_options *o, const char *name, size_t nth)
{
    for (size_t i = 0; i < o->ngiven; i++)
        if (strcmp(o->given[i].option->name, name) == 0 && nth-- == 0)
            return o->given[i].value;
    return DJ_NONE;
}

bool dj_options_has(const dj_options *o, const char *name)
{
    return dj_options_count(o, name) > 0;
}

dj_str dj_options_get(const dj_options *o, const char *name)
{
    size_t n = dj_options_count(o, name);
    return n == 0 ? DJ_NONE : dj_options_nth(o, name, n - 1);
}

bool dj_options_color(const dj_options *o, const dj_console *con)
{
    if (dj_options_has(o, "force-color"))
        return true;
    if (dj_options_has(o, "no-color") || dj_console_env(con, "NO_COLOR").len > 0)
        return false;
    return con->err_is_terminal;
}
