/* src/manage/collectstatic.c - gathers static files where the site serves them from.
 *
 * Django: contrib/staticfiles/management/commands/collectstatic.py. Files are copied, then named
 * by their contents; the manifest, which says what is called how, comes last. Whatever fails
 * before leaves the old manifest, and all the files that it names, as they were.
 *
 * Must not know: how links are found, how files are written. */
#include "donjon/app.h"
#include "donjon/checks.h"
#include "donjon/settings.h"
#include "manage/collectstatic.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BAR_WIDTH    30
#define COMPRESS_MAX ((uint64_t)64 * 1024 * 1024)

static const dj_option options[] = {
    {0, "noinput", NULL, "Do NOT prompt the user for input of any kind.", NULL},
    {0, "no-input", NULL, "The same.", NULL},
    {0, "no-post-process", NULL, "Do NOT post process collected files.", NULL},
    {'i', "ignore", "PATTERN",
     "Ignore files or directories matching this glob-style pattern. Use multiple times to ignore "
     "more.",
     NULL},
    {'n', "dry-run", NULL, "Do everything except modify the filesystem.", NULL},
    {'c', "clear", NULL,
     "Remove from STATIC_ROOT, when all went well, what this run did not put there.", NULL},
    {0, "no-default-ignore", NULL,
     "Don't ignore the common private glob-style patterns 'CVS', '.*' and '*~'.", NULL},
    {0, "skip-checks", NULL, "Skip system checks.", NULL},
};
static const dj_command_spec spec = {
    .name = "collectstatic",
    .summary = "Collects static files in a single location: STATIC_ROOT.",
    .options = options,
    .noptions = DJ_COUNT(options),
    .common = true,
};

typedef struct command {
    dj_collection     c;
    const dj_console *con;
    dj_options        o;
    int64_t           verbosity;
    bool              dry_run, bar;
    unsigned          percent; /* shown */
    dj_str_list       ignore;
    size_t            copied, unmodified, skipped;
} command;

/* -- what a terminal shows -- */

static void progress(void *ctx, const char *what, size_t done, size_t all)
{
    command *k = ctx;
    char     bar[BAR_WIDTH + 1];
    unsigned percent = all == 0 ? 100 : (unsigned)(done * 100 / all);
    if (!k->bar || percent == k->percent)
        return;
    k->percent = percent;
    for (unsigned i = 0; i < BAR_WIDTH; i++)
        bar[i] = i * 100 < percent * BAR_WIDTH ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    dj_console_errf(k->c.scope, k->con, "\r[%s] %3u%% %-8s %zu/%zu\033[K", bar, percent, what, done,
                    all);
}

static void end_progress(command *k)
{
    if (k->bar && k->percent <= 100)
        dj_console_err(k->con, DJ_LIT("\r\033[K"));
    k->percent = 101;
}

static void say(void *ctx, int verbosity, dj_str line)
{
    command *k = ctx;
    if (k->verbosity < verbosity)
        return;
    end_progress(k);
    if (verbosity == 0)
        dj_console_errf(k->c.scope, k->con, DJ_FMT "\n", DJ_ARG(line));
    else
        dj_console_outf(k->c.scope, k->con, DJ_FMT "\n", DJ_ARG(line));
}

/* -- finding -- */

typedef struct finding {
    command *k;
    size_t   source;
} finding;

static dj_err found(void *ctx, dj_str path, const struct stat *st)
{
    const finding *f = ctx;
    command       *k = f->k;
    dj_collection *c = &k->c;
    dj_scope      *s = c->scope;
    dj_str         name = dj_str_cat(s, c->sources.items[f->source].prefix, path);
    if (dj_map_has(&c->by_name, name)) {
        k->skipped++;
        say(k, 2,
            dj_strf(s,
                    "Found another file with the destination path '" DJ_FMT
                    "'. It will be ignored since only the first encountered file is collected. If "
                    "this is not what you want, make sure every static file has a unique path.",
                    DJ_ARG(name)));
        return DJ_OK;
    }
    if (dj_str_eq(name, DJ_LIT(DJ_STATIC_MANIFEST)))
        return dj_fail(s, DJ_ERR_SETTINGS, "'" DJ_FMT "' is the name of the manifest",
                       DJ_ARG(name));
    if (c->len == c->cap) {
        size_t cap = c->cap == 0 ? 256 : c->cap * 2;
        c->items = dj_realloc(s, c->items, c->cap * sizeof *c->items, cap * sizeof *c->items);
        c->cap = cap;
    }
    c->items[c->len++] = (dj_static_item){
        .name = name,
        .path = path,
        .source = f->source,
        .size = (uint64_t)st->st_size,
        .mtime = st->st_mtim.tv_sec,
        .adjustable = dj_str_ends(name, DJ_LIT(".css")) || dj_str_ends(name, DJ_LIT(".js")),
    };
    dj_map_set(&c->by_name, name, k); /* the items still move; see index_items */
    return DJ_OK;
}

static void index_items(dj_collection *c)
{
    for (size_t i = 0; i < c->len; i++)
        dj_map_set(&c->by_name, c->items[i].name, &c->items[i]);
}

static void close_roots(void *what)
{
    const dj_collection *c = what;
    for (size_t i = 0; i < c->sources.len; i++) {
        if (c->roots[i] >= 0)
            close(c->roots[i]);
    }
}

static dj_err find_all(command *k)
{
    dj_collection *c = &k->c;
    dj_scope      *s = c->scope;
    dj_err         e = dj_static_sources_of(s, c->settings, k->con->cwd, &c->sources);
    if (e)
        return e;
    c->roots = dj_new_array(s, int, c->sources.len);
    for (size_t i = 0; i < c->sources.len; i++)
        c->roots[i] = -1;
    dj_own(s, close_roots, c);
    for (size_t i = 0; i < c->sources.len && !e; i++) {
        dj_str folder = c->sources.items[i].folder;
        c->roots[i] = open(dj_cstr(s, folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (c->roots[i] < 0) { /* as Django; the check says so, too */
            say(k, 0, dj_strf(s, "Path [" DJ_FMT "] does not exist. Skipping...", DJ_ARG(folder)));
            continue;
        }
        finding              f = {.k = k, .source = i};
        const dj_static_walk walk = {
            .root = c->roots[i], .ignore = &k->ignore, .file = found, .ctx = &f};
        e = dj_static_walk_run(s, &walk);
        if (e)
            e = dj_fail(s, e, DJ_FMT ": " DJ_FMT, DJ_ARG(folder), DJ_ARG(dj_failure_text(s)));
    }
    if (!e)
        index_items(c);
    return e;
}

/* -- copying -- */

/* Django's rule, to the second; and another length is another file. */
static bool is_current(const dj_static_item *item, const struct stat *target)
{
    return target->st_mtim.tv_sec >= item->mtime && (uint64_t)target->st_size == item->size;
}

static dj_err digest(dj_scope *s, command *k, dj_static_item *item)
{
    char   *step = dj_alloc_raw(s, 65536);
    int     fd = dj_open_beneath(k->c.roots[item->source], dj_cstr(s, item->path), O_RDONLY);
    ssize_t n = fd < 0 ? -1 : 1;
    dj_md5_begin(k->c.md5);
    while (n > 0) {
        n = read(fd, step, 65536);
        if (n > 0)
            dj_md5_add(k->c.md5, dj_str_n(step, (size_t)n));
    }
    dj_md5_end(k->c.md5, item->original);
    dj_err e = n < 0 ? dj_fail_errno(s, "'" DJ_FMT "' can't be read", DJ_ARG(item->name)) : DJ_OK;
    if (fd >= 0)
        close(fd);
    return e;
}

/* The copy, and compressed ones; old ones go first, so that none is of other contents. */
static dj_err copy(dj_scope *s, command *k, dj_static_item *item)
{
    const dj_static_out *out = &k->c.out;
    dj_str               bytes;
    dj_err               e = dj_static_out_remove(s, out, dj_str_cat(s, item->name, DJ_LIT(".gz")));
    if (!e)
        e = dj_static_out_remove(s, out, dj_str_cat(s, item->name, DJ_LIT(".br")));
    int fd = dj_open_beneath(k->c.roots[item->source], dj_cstr(s, item->path), O_RDONLY);
    if (!e && fd < 0)
        e = dj_fail_errno(s, "'" DJ_FMT "' can't be read", DJ_ARG(item->name));
    if (!e)
        e = dj_static_out_copy(s, out, item->name, fd, k->c.md5, item->original);
    if (fd >= 0)
        close(fd);
    bool compress = !dj_options_has(&k->o, "no-post-process") && item->size <= COMPRESS_MAX &&
                    dj_media_type_of(item->name)->compress;
    if (!e && compress)
        e = dj_static_item_read(s, &k->c, item, (size_t)COMPRESS_MAX, &bytes);
    if (!e && compress)
        e = dj_static_out_compress(s, out, item->name, bytes);
    return e;
}

static dj_err copy_one(dj_scope *s, command *k, dj_static_item *item)
{
    struct stat st;
    if (!dj_options_has(&k->o, "clear") && dj_static_out_stat(s, &k->c.out, item->name, &st) &&
        is_current(item, &st)) {
        k->unmodified++;
        say(k, 2, dj_strf(s, "Skipping '" DJ_FMT "' (not modified)", DJ_ARG(item->path)));
        return k->dry_run ? DJ_OK : digest(s, k, item);
    }
    k->copied++;
    dj_str from = dj_strf(s, DJ_FMT "/" DJ_FMT, DJ_ARG(k->c.sources.items[item->source].folder),
                          DJ_ARG(item->path));
    say(k, k->dry_run ? 1 : 2,
        dj_strf(s, k->dry_run ? "Pretending to copy '" DJ_FMT "'" : "Copying '" DJ_FMT "'",
                DJ_ARG(from)));
    return k->dry_run ? DJ_OK : copy(s, k, item);
}

static dj_err copy_all(command *k)
{
    dj_collection *c = &k->c;
    dj_scope      *s = dj_scope_open((size_t)512 * 1024 * 1024); /* for one file at a time */
    dj_err         e = s == NULL ? dj_fail(c->scope, DJ_ERR_MEMORY, "no memory") : DJ_OK;
    for (size_t i = 0; i < c->len && !e; i++) {
        progress(k, "copying", i, c->len);
        dj_scope_reset(s);
        e = copy_one(s, k, &c->items[i]);
        if (e)
            e = dj_fail(c->scope, e, DJ_FMT, DJ_ARG(dj_failure_text(s)));
    }
    dj_scope_close(s);
    return e;
}

/* -- clearing -- */

typedef struct clearing {
    command *k;
    dj_map   kept;
} clearing;

static dj_err clear_one(void *ctx, dj_str path, const struct stat *st)
{
    clearing *cl = ctx;
    dj_str    base = path;
    (void)st;
    if (dj_str_ends(path, DJ_LIT(".gz")) || dj_str_ends(path, DJ_LIT(".br")))
        base = dj_str_first(path, path.len - 3);
    if (dj_map_has(&cl->kept, path) || dj_map_has(&cl->kept, base) ||
        dj_str_starts(path, DJ_LIT(".collectstatic/")))
        return DJ_OK;
    say(cl->k, 1,
        dj_strf(cl->k->c.scope,
                cl->k->dry_run ? "Pretending to delete '" DJ_FMT "'" : "Deleting '" DJ_FMT "'",
                DJ_ARG(path)));
    return cl->k->dry_run ? DJ_OK : dj_static_out_remove(cl->k->c.scope, &cl->k->c.out, path);
}

static void clear_odd(void *ctx, dj_str path, const char *why)
{
    (void)why;
    clearing *cl = ctx;
    (void)clear_one(cl, path, NULL);
}

/* Django clears first; here the old files serve until the new ones are complete. */
static dj_err clear(command *k)
{
    dj_collection *c = &k->c;
    clearing       cl = {.k = k, .kept = dj_map_make(c->scope)};
    for (size_t i = 0; i < c->len; i++) {
        dj_map_set(&cl.kept, c->items[i].name, k);
        if (!dj_str_is_none(c->items[i].hashed))
            dj_map_set(&cl.kept, c->items[i].hashed, k);
    }
    if (!dj_options_has(&k->o, "no-post-process"))
        dj_map_set(&cl.kept, DJ_LIT(DJ_STATIC_MANIFEST), k);
    const dj_static_walk walk = {
        .root = c->out.root, .file = clear_one, .odd = clear_odd, .ctx = &cl};
    return c->out.root < 0 ? DJ_OK : dj_static_walk_run(c->scope, &walk);
}

/* -- the command -- */

/* STATIC_ROOT is about to be filled, perhaps cleared. */
static dj_err check_root(command *k, dj_str path)
{
    dj_scope *s = k->c.scope;
    dj_str    below = dj_strf(s, DJ_FMT "/", DJ_ARG(path));
    dj_str    cwd = dj_strf(s, DJ_FMT "/", DJ_ARG(k->con->cwd));
    if (path.len == 1 || dj_str_starts(cwd, below))
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "STATIC_ROOT " DJ_FMT " holds the site itself: name a folder of its own",
                       DJ_ARG(path));
    for (size_t i = 0; i < k->c.sources.len; i++) {
        dj_str folder = k->c.sources.items[i].folder;
        if (dj_str_eq(folder, path) || dj_str_starts(folder, below))
            return dj_fail(s, DJ_ERR_SETTINGS,
                           "STATIC_ROOT " DJ_FMT " holds a folder that is collected: " DJ_FMT,
                           DJ_ARG(path), DJ_ARG(folder));
    }
    return DJ_OK;
}

static bool is_empty(command *k)
{
    struct stat st;
    /* one file of those to come is enough to ask */
    for (size_t i = 0; i < k->c.len; i++) {
        if (dj_static_out_stat(k->c.scope, &k->c.out, k->c.items[i].name, &st))
            return false;
    }
    return !dj_static_out_stat(k->c.scope, &k->c.out, DJ_LIT(DJ_STATIC_MANIFEST), &st);
}

static dj_err confirm(command *k)
{
    char   answer[8] = "";
    size_t len = 0;
    if (dj_options_has(&k->o, "noinput") || dj_options_has(&k->o, "no-input") || k->dry_run ||
        (is_empty(k) && !dj_options_has(&k->o, "clear")))
        return DJ_OK;
    dj_console_outf(k->c.scope, k->con,
                    "\nYou have requested to collect static files at the destination\n"
                    "location as specified in your settings:\n\n    " DJ_FMT "\n\n%s\n"
                    "Are you sure you want to do this?\n\n"
                    "Type 'yes' to continue, or 'no' to cancel: ",
                    DJ_ARG(k->c.out.path),
                    dj_options_has(&k->o, "clear")
                        ? "This will DELETE ALL OTHER FILES in this location!"
                        : "This will overwrite existing files!");
    while (len < sizeof answer - 1 && read(STDIN_FILENO, answer + len, 1) == 1 &&
           answer[len] != '\n')
        len++;
    if (len == 3 && memcmp(answer, "yes", 3) == 0)
        return DJ_OK;
    return dj_fail(k->c.scope, DJ_ERR_DENIED, "Collecting static files cancelled.");
}

static void read_ignored(command *k)
{
    static const dj_str usual[] = {DJ_STR_INIT("CVS"), DJ_STR_INIT(".*"), DJ_STR_INIT("*~")};
    size_t              n = dj_options_count(&k->o, "ignore");
    dj_str             *items = dj_new_array(k->c.scope, dj_str, n + DJ_COUNT(usual));
    for (size_t i = 0; i < n; i++)
        items[i] = dj_options_nth(&k->o, "ignore", i);
    for (size_t i = 0; i < DJ_COUNT(usual) && !dj_options_has(&k->o, "no-default-ignore"); i++)
        items[n++] = usual[i];
    k->ignore = (dj_str_list){.items = items, .len = n};
}

static dj_err collect(command *k)
{
    dj_collection *c = &k->c;
    dj_str         root = c->settings->STATIC_ROOT;
    if (root.len == 0)
        return dj_fail(c->scope, DJ_ERR_SETTINGS,
                       "You're using the staticfiles app without having set the STATIC_ROOT "
                       "setting to a filesystem path.");
    c->static_url = dj_static_prefix(c->scope, c->settings);
    if (dj_str_is_none(c->static_url))
        return dj_fail(c->scope, DJ_ERR_SETTINGS,
                       "You're using the staticfiles app without having set the required "
                       "STATIC_URL setting.");
    root = dj_console_path(c->scope, k->con, root);
    while (root.len > 1 && root.ptr[root.len - 1] == '/')
        root.len--;
    read_ignored(k);
    dj_err e = dj_md5_new(c->scope, &c->md5);
    if (e || (e = find_all(k)) || (e = check_root(k, root)) ||
        (e = dj_static_out_open(c->scope, root, c->settings, k->dry_run, &c->out)) ||
        (e = confirm(k)) || (e = copy_all(k)))
        return e;
    if (!k->dry_run && !dj_options_has(&k->o, "no-post-process"))
        e = dj_collection_post_process(c);
    if (!e && dj_options_has(&k->o, "clear"))
        e = clear(k);
    return e;
}

static void summarise(command *k)
{
    dj_scope *s = k->c.scope;
    dj_buf    b = dj_buf_make(s, (size_t)64 * 1024);
    dj_buf_addf(&b, "\n%zu static file%s copied to '" DJ_FMT "'", k->copied,
                k->copied == 1 ? "" : "s", DJ_ARG(k->c.out.path));
    if (k->unmodified > 0)
        dj_buf_addf(&b, ", %zu unmodified", k->unmodified);
    if (k->c.post_processed > 0)
        dj_buf_addf(&b, ", %zu post-processed", k->c.post_processed);
    if (k->skipped > 0)
        dj_buf_addf(&b, ", %zu skipped due to conflict", k->skipped);
    dj_buf_add(&b, DJ_LIT("."));
    say(k, 1, dj_buf_str(&b));
}

/* As Django: those with the tag staticfiles. */
static bool passes_checks(command *k, const dj_app *app)
{
    dj_str                 tag = DJ_LIT("staticfiles");
    dj_scope              *s = k->c.scope;
    dj_check_input         input;
    dj_check_result        result;
    const dj_check_options what = {.tags = &tag, .ntags = 1};
    if (dj_options_has(&k->o, "skip-checks"))
        return true;
    dj_check_site_input(s, k->con, app, k->c.settings->conf, &input);
    dj_checks_run(s, &input, &what, &result);
    const dj_check_report_options how = {
        .fail_level = DJ_ERROR_LEVEL, .color = dj_options_color(&k->o, k->con), .cwd = k->con->cwd};
    if (result.len > 0)
        dj_console_err(k->con, dj_check_report_text(s, &result, &how));
    return !dj_checks_failed(&result, DJ_ERROR_LEVEL);
}

int dj_manage_collectstatic(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                            const dj_app *app)
{
    command *k = dj_new(s, command); /* owned things look at it when the scope ends */
    *k = (command){.con = con, .verbosity = 1, .percent = 101};
    int status = dj_options_parse(s, con, &spec, argc, argv, &k->o);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    dj_str       path, verbosity = dj_options_get(&k->o, "verbosity");
    dj_settings *settings;
    dj_err       e = dj_settings_path(s, con, &k->o, app, &path);
    if (!e)
        e = dj_settings_read(s, con, path, &settings);
    if (e)
        return dj_command_fail(s, con, argv, DJ_FMT, DJ_ARG(dj_failure_text(s)));
    if (!dj_str_is_none(verbosity) && !dj_str_to_int(verbosity, &k->verbosity))
        k->verbosity = 1;
    k->dry_run = dj_options_has(&k->o, "dry-run");
    k->bar = con->err_is_terminal && !k->dry_run && k->verbosity == 1 &&
             !dj_str_eq(dj_console_env(con, "TERM"), DJ_LIT("dumb"));
    k->c = (dj_collection){.scope = s,
                           .settings = settings,
                           .by_name = dj_map_make(s),
                           .progress = progress,
                           .log = say,
                           .ctx = k};
    if (!passes_checks(k, app))
        return 1;
    e = collect(k);
    end_progress(k);
    if (e) {
        dj_console_errf(s, con, "CommandError: " DJ_FMT "\n", DJ_ARG(dj_failure_text(s)));
        return 1;
    }
    summarise(k);
    return 0;
}
