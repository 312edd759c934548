/* src/manage/check.c - `manage check` and `donjon check`: options, settings file, report, exit
 * status.
 *
 * Django: django/core/management/commands/check.py. A site's own program reads its settings
 * strictly and looks at its routes, its binary and its process; `donjon check` audits the settings
 * file of any Django project without running it.
 *
 * Must not know: any single check. */
#include "donjon/app.h"
#include "donjon/checks.h"
#include "manage/manage.h"
#include "manage/version.h"
#include <sys/stat.h>

static const char *const levels[] = {"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", NULL};
static const char *const formats[] = {"text", "json", "sarif", "junit", "github", NULL};

static const dj_option check_options[] = {
    {'t', "tag", "TAGS", "Run only checks labeled with given tag.", NULL, false},
    {0, "list-tags", NULL, "List available tags.", NULL, false},
    {0, "deploy", NULL, "Check deployment settings.", NULL, false},
    {0, "fail-level", "{CRITICAL,ERROR,WARNING,INFO,DEBUG}",
     "Message level that makes the exit status 1. Default: ERROR.", levels, false},
    {0, "database", "ALIAS", "Run database related checks against this alias.", NULL, false},
    {0, "audit", NULL,
     "Read a Django project's file as far as that goes without Python; say what stays undecided.",
     NULL, true},
    {0, "strict", NULL, "Anything that is not read without Python is an error.", NULL, true},
    {0, "format", "{text,json,sarif,junit,github}", "Form of the report. Default: text.", formats,
     true},
    {0, "exclude-tag", "TAG", "Leave out the checks with this tag; donjon: run Django's alone.",
     NULL, true},
    {0, "ids", NULL, "List every id that a check may report, as a table.", NULL, true},
};

static const dj_command_spec spec = {
    .name = "check",
    .summary = "Looks for mistakes in settings, routes, files and the program. Exit status 1 if it "
               "finds an error.",
    .options = check_options,
    .noptions = DJ_COUNT(check_options),
    .common = true,
    .args = "app_label",
};

typedef struct check {
    dj_scope         *s;
    const dj_console *con;
    char *const      *argv;
    const dj_app     *app;
    dj_options        o;
    bool              audit;
    dj_check_input    input;
    dj_check_options  what;
    dj_level          fail_level;
} check;

static int command_error(check *k, const char *fmt, ...) DJ_FORMAT(2, 3);
static int command_error(check *k, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    dj_str why = dj_vstrf(k->s, fmt, args);
    va_end(args);
    dj_console_errf(k->s, k->con, "CommandError: " DJ_FMT "\n", DJ_ARG(why));
    if (dj_options_has(&k->o, "traceback") && dj_failure(k->s) != DJ_OK)
        dj_console_errf(k->s, k->con, "found at " DJ_FMT "\n", DJ_ARG(dj_failure_place(k->s)));
    return 1;
}

/* -- what to look at -- */

static bool exists(dj_scope *s, dj_str path)
{
    struct stat st;
    return stat(dj_cstr(s, path), &st) == 0;
}

static dj_str folder_of(dj_str path)
{
    size_t slash = dj_str_rchr(path, '/');
    return slash == DJ_NOT_FOUND || slash == 0 ? DJ_LIT("/") : dj_str_first(path, slash);
}

/* Where manage.py would stand: above the packages that hold the settings file. */
static dj_str project_folder(check *k, dj_str settings)
{
    dj_str folder = folder_of(settings), start = folder;
    while (folder.len > 1 && exists(k->s, dj_strf(k->s, DJ_FMT "/__init__.py", DJ_ARG(folder))))
        folder = folder_of(folder);
    return dj_str_eq(folder, start) ? k->con->cwd : folder;
}

void dj_check_site_input(dj_scope *s, const dj_console *con, const dj_app *app, const dj_conf *conf,
                         dj_check_input *out)
{
    const char **names = dj_new_array(s, const char *, app->nmiddleware + 1); /* ends with NULL */
    for (size_t i = 0; i < app->nmiddleware; i++)
        names[i] = app->middleware[i]->name;
    *out = (dj_check_input){
        .conf = conf,
        .base = con->cwd,
        .env = con->env,
        .env_ctx = con->ctx,
        .urls = &app->urls,
        .middleware = names,
        .checks = app->checks,
        .nchecks = app->nchecks,
        .program = true,
    };
}

static int read_settings(check *k)
{
    dj_str        path;
    dj_conf      *conf;
    dj_conf_error error;
    if (dj_settings_path(k->s, k->con, &k->o, k->app, &path) != DJ_OK)
        return command_error(k, DJ_FMT, DJ_ARG(dj_failure_text(k->s)));
    dj_conf_options how = {k->audit ? DJ_CONF_AUDIT : DJ_CONF_STRICT, k->con->env, k->con->ctx};
    if (dj_conf_read(k->s, path, &how, &conf, &error) != DJ_OK) {
        dj_console_errf(k->s, k->con, DJ_FMT "\n", DJ_ARG(error.text));
        return 1;
    }
    if (k->app != NULL && !k->audit) {
        dj_check_templates *templates = dj_new(k->s, dj_check_templates);
        *templates = (dj_check_templates){k->app->libraries, k->app->nlibraries, k->app->templates};
        dj_check_site_input(k->s, k->con, k->app, conf, &k->input);
        k->input.templates = templates; /* not at the start of a site: it takes its time */
    } else {
        k->input = (dj_check_input){.conf = conf,
                                    .base = project_folder(k, path),
                                    .env = k->con->env,
                                    .env_ctx = k->con->ctx};
    }
    return DJ_OPTIONS_GO_ON;
}

/* Django stops here with ImproperlyConfigured: no check can run on such settings. */
static int refuse_broken_setup(check *k)
{
    size_t                  n;
    const dj_setup_problem *problems = k->audit ? NULL : dj_checks_setup(k->s, &k->input, &n);
    if (problems == NULL || n == 0)
        return DJ_OPTIONS_GO_ON;
    for (size_t i = 0; i < n; i++) {
        dj_origin at = problems[i].origin;
        dj_console_errf(k->s, k->con, DJ_FMT ":%u:%u: error: " DJ_FMT ": " DJ_FMT "\n",
                        DJ_ARG(at.file), (unsigned)at.line, (unsigned)at.column,
                        DJ_ARG(problems[i].message), DJ_ARG(problems[i].advice));
    }
    return 1;
}

/* -- arguments that depend on the settings -- */

static int check_database(check *k)
{
    const dj_value *v = dj_conf_get(k->input.conf, DJ_LIT("DATABASES"));
    bool            open = v == NULL || dj_value_has_unknown(v);
    for (size_t i = 0; i < dj_options_count(&k->o, "database"); i++) {
        dj_str alias = dj_options_nth(&k->o, "database", i);
        if (open || dj_str_eq(alias, DJ_LIT("default")) || dj_value_get(v, alias) != NULL)
            continue;
        dj_buf known = dj_buf_make(k->s, 65536);
        dj_buf_add(&known, DJ_LIT("'default'"));
        for (size_t n = 0; v->kind == DJ_V_DICT && n < v->dict.len; n++)
            if (v->dict.pairs[n].key->kind == DJ_V_STR &&
                !dj_str_eq(v->dict.pairs[n].key->str, DJ_LIT("default")))
                dj_buf_addf(&known, ", '" DJ_FMT "'", DJ_ARG(v->dict.pairs[n].key->str));
        return dj_options_refuse(k->s, k->con, &spec, k->argv,
                                 "argument --database: invalid choice: '" DJ_FMT
                                 "' (choose from " DJ_FMT ")",
                                 DJ_ARG(alias), DJ_ARG(dj_buf_str(&known)));
    }
    return DJ_OPTIONS_GO_ON;
}

static int check_labels(check *k)
{
    size_t        n;
    bool          unknown;
    const dj_str *labels = dj_check_app_labels(k->s, &k->input, &n, &unknown);
    for (size_t i = 0; i < k->o.nargs; i++) {
        dj_str wanted = k->o.args[i];
        bool   found = unknown;
        for (size_t l = 0; l < n && !found; l++)
            found = dj_str_eq(labels[l], wanted);
        if (found)
            continue;
        dj_str last = dj_str_from(
            wanted, dj_str_rchr(wanted, '.') == DJ_NOT_FOUND ? 0 : dj_str_rchr(wanted, '.') + 1);
        for (size_t l = 0; l < n; l++)
            if (dj_str_eq(labels[l], last))
                return command_error(
                    k, "No installed app with label '" DJ_FMT "'. Did you mean '" DJ_FMT "'?",
                    DJ_ARG(wanted), DJ_ARG(last));
        return command_error(k, "No installed app with label '" DJ_FMT "'.", DJ_ARG(wanted));
    }
    return DJ_OPTIONS_GO_ON;
}

static int check_tags(check *k)
{
    size_t        n;
    const dj_str *known = dj_check_tags(k->s, &k->input, &k->what, &n);
    for (size_t i = 0; i < k->what.ntags; i++) {
        bool found = false;
        for (size_t t = 0; t < n; t++)
            found = found || dj_str_eq(known[t], k->what.tags[i]);
        if (!found)
            return command_error(k, "There is no system check with the \"" DJ_FMT "\" tag.",
                                 DJ_ARG(k->what.tags[i]));
    }
    return DJ_OPTIONS_GO_ON;
}

static int list_tags(check *k)
{
    size_t        n;
    const dj_str *tags = dj_check_tags(k->s, &k->input, &k->what, &n);
    for (size_t i = 0; i < n; i++)
        dj_console_outf(k->s, k->con, DJ_FMT "\n", DJ_ARG(tags[i]));
    return 0;
}

/* docs/checks.md is this table. */
static int list_ids(check *k)
{
    size_t               n;
    const dj_check_info *all = dj_check_catalogue(k->s, &n);
    dj_console_out(k->con,
                   DJ_LIT("| id | tags | runs | fires when |\n| --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !dj_str_eq(all[i].id, all[i - 1].id))
            dj_console_outf(k->s, k->con, "| " DJ_FMT " | " DJ_FMT " | %s | " DJ_FMT " |\n",
                            DJ_ARG(all[i].id), DJ_ARG(all[i].tags),
                            all[i].deploy ? "--deploy" : "always", DJ_ARG(all[i].summary));
    return 0;
}

/* -- the run -- */

static dj_level level_of(dj_str name)
{
    static const dj_level values[] = {DJ_CRITICAL, DJ_ERROR_LEVEL, DJ_WARNING, DJ_INFO, DJ_DEBUG};
    for (size_t i = 0; levels[i] != NULL; i++)
        if (dj_str_eq(dj_str_of(levels[i]), name))
            return values[i];
    return DJ_ERROR_LEVEL;
}

static int run(check *k)
{
    dj_check_result result;
    dj_checks_run(k->s, &k->input, &k->what, &result);
    dj_str format = dj_options_get(&k->o, "format"), verbosity = dj_options_get(&k->o, "verbosity");
    const dj_check_report_options how = {
        .fail_level = k->fail_level,
        .color = dj_options_color(&k->o, k->con),
        .origins = k->app == NULL || k->audit || dj_str_eq(verbosity, DJ_LIT("2")) ||
                   dj_str_eq(verbosity, DJ_LIT("3")),
        .audited = k->audit,
        .cwd = k->con->cwd,
        .version = DJ_LIT(DJ_VERSION_TEXT),
    };
    if (dj_str_eq(format, DJ_LIT("json")))
        dj_console_out(k->con, dj_check_report_json(k->s, &result, &how));
    else if (dj_str_eq(format, DJ_LIT("sarif")))
        dj_console_out(k->con, dj_check_report_sarif(k->s, &result, &how));
    else if (dj_str_eq(format, DJ_LIT("junit")))
        dj_console_out(k->con, dj_check_report_junit(k->s, &result, &how));
    else if (dj_str_eq(format, DJ_LIT("github")))
        dj_console_out(k->con, dj_check_report_github(k->s, &result, &how));
    else if (result.len > 0)
        dj_console_err(k->con, dj_check_report_text(k->s, &result, &how));
    else
        dj_console_out(k->con, dj_check_report_text(k->s, &result, &how));
    return dj_checks_failed(&result, k->fail_level) ? 1 : 0;
}

static void take_options(check *k)
{
    size_t  n = dj_options_count(&k->o, "tag");
    dj_str *tags = dj_new_array(k->s, dj_str, n);
    for (size_t i = 0; i < n; i++)
        tags[i] = dj_options_nth(&k->o, "tag", i);
    dj_str excluded = dj_options_get(&k->o, "exclude-tag");
    k->what = (dj_check_options){
        .tags = tags,
        .ntags = n,
        .deploy = dj_options_has(&k->o, "deploy"),
        .leave_out = dj_str_is_none(excluded) ? NULL : dj_cstr(k->s, excluded),
    };
    k->fail_level = level_of(dj_options_get(&k->o, "fail-level"));
    k->audit =
        dj_options_has(&k->o, "audit") || (k->app == NULL && !dj_options_has(&k->o, "strict"));
}

int dj_manage_check(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                    const dj_app *app)
{
    check k = {.s = s, .con = con, .argv = argv, .app = app};
    int   status = dj_options_parse(s, con, &spec, argc, argv, &k.o);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    if (dj_options_has(&k.o, "no-color") && dj_options_has(&k.o, "force-color"))
        return command_error(&k,
                             "The --no-color and --force-color options can't be used together.");
    if (dj_options_has(&k.o, "audit") && dj_options_has(&k.o, "strict"))
        return command_error(&k, "The --audit and --strict options can't be used together.");
    take_options(&k);
    if (dj_options_has(&k.o, "ids"))
        return list_ids(&k);
    int (*const steps[])(check *) = {read_settings, refuse_broken_setup, check_database};
    for (size_t i = 0; i < DJ_COUNT(steps); i++)
        if ((status = steps[i](&k)) != DJ_OPTIONS_GO_ON)
            return status;
    if (dj_options_has(&k.o, "list-tags"))
        return list_tags(&k);
    if ((status = check_labels(&k)) != DJ_OPTIONS_GO_ON ||
        (status = check_tags(&k)) != DJ_OPTIONS_GO_ON)
        return status;
    return run(&k);
}
