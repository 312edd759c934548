/* src/conf/reader.c - files: opens them, follows relative imports, and makes the result. */
#include "reader.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK_MAX ((size_t)1024 * 1024 * 1024) /* texts, tokens and trees of 16 files of 1 MiB */

/* -- one file -- */

/* The bytes of a regular file up to the limit. False with *message set. */
static bool read_file(conf_reader *r, dj_str path, dj_str *bytes, dj_str *message)
{
    struct stat st;
    int         fd = open(dj_cstr(r->work, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        *message = dj_strf(r->s, "can't be opened: %s", strerror(errno));
        return false;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > DJ_CONF_FILE_MAX) {
        *message = S_ISREG(st.st_mode) ? DJ_LIT("is larger than 1 MiB") : DJ_LIT("is not a file");
        close(fd);
        return false;
    }
    char  *text = dj_alloc_raw(r->work, DJ_CONF_FILE_MAX + 1);
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, text + len, DJ_CONF_FILE_MAX + 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *message = n < 0 ? dj_strf(r->s, "can't be read: %s", strerror(errno)) : DJ_NONE;
            break;
        }
        len += (size_t)n;
    }
    close(fd);
    *bytes = dj_str_n(text, len);
    if (len > DJ_CONF_FILE_MAX)
        *message = DJ_LIT("is larger than 1 MiB");
    return dj_str_is_none(*message);
}

static void add_file(conf_reader *r, dj_str path)
{
    dj_conf *c = r->conf;
    if (c->nfiles == r->files_cap) {
        size_t cap = r->files_cap == 0 ? 4 : 2 * r->files_cap;
        c->files = dj_realloc(r->s, c->files, r->files_cap * sizeof(dj_str), cap * sizeof(dj_str));
        r->files_cap = cap;
    }
    c->files[c->nfiles++] = path;
}

/* Reads and runs one file. NULL: the error is set. */
static conf_module *run_file(conf_reader *r, dj_str path, dj_str bytes)
{
    conf_module *m = dj_new(r->work, conf_module);
    block        statements = {0};
    m->names = dj_map_make(r->s);
    m->sticky = dj_map_make(r->s);
    m->running = true;
    r->modules[r->nmodules++] = m;
    add_file(r, path);
    if (!conf_source_init(&m->src, r->work, r, path, bytes))
        return NULL;
    conf_lex(r->work, &m->src, r->audit, &m->tokens);
    if (r->audit && m->tokens.broken) {
        const token *t = m->tokens.unclosed ? &m->tokens.open : &m->tokens.items[m->tokens.len - 1];
        conf_error_set(r, m->tokens.bad_code == NULL ? "syntax" : m->tokens.bad_code, &m->src,
                       t->start,
                       DJ_LIT("Python can't read this file either: a bracket, a text or an "
                              "indentation does not match"),
                       DJ_LIT(""));
        return NULL;
    }
    conf_parser p = {.reader = r,
                     .src = &m->src,
                     .work = r->work,
                     .tokens = &m->tokens,
                     .audit = r->audit,
                     .aliases = dj_map_make(r->work)};
    conf_eval   e = {.r = r, .m = m, .s = r->s};
    if (!conf_parse(&p, &statements) || !conf_run(&e, &statements))
        return NULL;
    m->running = false;
    return m;
}

/* -- imports -- */

static bool is_file(conf_reader *r, dj_str path)
{
    struct stat st;
    return stat(dj_cstr(r->work, path), &st) == 0 && S_ISREG(st.st_mode);
}

/* Python prefers the package to the module of the same name. */
static dj_str find_file(conf_reader *r, dj_str dir, dj_str module)
{
    dj_str base = module.len == 0
                      ? dir
                      : dj_strf(r->s, DJ_FMT "/" DJ_FMT, DJ_ARG(dir),
                                DJ_ARG(dj_str_replace(r->work, module, DJ_LIT("."), DJ_LIT("/"))));
    dj_str package = dj_str_cat(r->s, base, DJ_LIT("/__init__.py"));
    if (is_file(r, package))
        return package;
    dj_str file = dj_str_cat(r->s, base, DJ_LIT(".py"));
    return module.len > 0 && is_file(r, file) ? file : DJ_NONE;
}

/* Audit: `from mysite.settings.base import *` is found when the folder mysite stands beside this
 * file or above it. */
static dj_str find_above(conf_reader *r, dj_str dir, dj_str module)
{
    size_t dot = dj_str_chr(module, '.');
    for (int level = 0; level < 8 && dj_str_chr(dir, '/') != DJ_NOT_FOUND; level++) {
        struct stat st;
        dj_str      top = dj_strf(r->work, DJ_FMT "/" DJ_FMT, DJ_ARG(dir),
                                  DJ_ARG(dot == DJ_NOT_FOUND ? module : dj_str_first(module, dot)));
        if (stat(dj_cstr(r->work, top), &st) == 0 && S_ISDIR(st.st_mode))
            return find_file(r, dir, module);
        dj_str up = conf_path_up(dir);
        if (dj_str_eq(up, dir) || dj_str_eq(up, DJ_LIT("/")))
            break;
        dir = up;
    }
    return DJ_NONE;
}

static conf_module *import_failed(conf_eval *e, const stmt *st, const char *code, dj_str message,
                                  const char *advice)
{
    (void)conf_eval_fail(e, code, st->tok, message, advice);
    return NULL;
}

conf_module *conf_import(conf_eval *e, const stmt *st)
{
    conf_reader *r = e->r;
    dj_str       dir = conf_path_up(e->m->src.path), message = DJ_NONE, bytes;
    for (uint32_t i = 1; i < st->dots; i++)
        dir = conf_path_up(dir);
    if (dj_str_eq(dir, DJ_LIT("/")))
        dir = DJ_LIT("");
    /* blanks may stand between the parts of a name */
    dj_str module = dj_str_replace(r->work, st->module, DJ_LIT(" "), DJ_LIT(""));
    dj_str path = st->dots == 0 ? find_above(r, dir, module) : find_file(r, dir, module);
    e->missing = dj_str_is_none(path) && st->dots > 0;
    if (dj_str_is_none(path) && st->dots == 0)
        return import_failed(e, st, "import",
                             dj_strf(r->s, "import of " DJ_FMT, DJ_ARG(dj_str_first(module, 80))),
                             "");
    if (e->missing)
        return import_failed(e, st, "import-missing",
                             dj_strf(r->s,
                                     "there is no " DJ_FMT "/" DJ_FMT ".py and no " DJ_FMT
                                     "/__init__.py there",
                                     DJ_ARG(dir), DJ_ARG(module), DJ_ARG(module)),
                             "one dot is the folder of this file, each further dot one folder up");
    for (size_t i = 0; i < r->nmodules; i++) {
        if (!dj_str_eq(r->modules[i]->src.path, path))
            continue;
        if (!r->modules[i]->running)
            return r->modules[i];
        dj_str chain = DJ_LIT("");
        for (size_t k = i; k < r->nmodules; k++) {
            if (r->modules[k]->running)
                chain = dj_strf(r->s, DJ_FMT DJ_FMT " -> ", DJ_ARG(chain),
                                DJ_ARG(r->modules[k]->src.path));
        }
        return import_failed(
            e, st, "import-cycle",
            dj_strf(r->s, "files import each other: " DJ_FMT DJ_FMT, DJ_ARG(chain), DJ_ARG(path)),
            "move what both need into a third file");
    }
    if (r->nmodules == CONF_FILES_MAX)
        return import_failed(e, st, "import", dj_strf(r->s, "more than %d files", CONF_FILES_MAX),
                             "");
    if (!read_file(r, path, &bytes, &message))
        return import_failed(e, st, "import-missing",
                             dj_strf(r->s, DJ_FMT " " DJ_FMT, DJ_ARG(path), DJ_ARG(message)), "");
    const stmt  *outer = e->statement;
    conf_module *m = run_file(r, path, bytes);
    e->statement = outer;
    if (m != NULL)
        return m;
    if (!r->audit) {
        e->failed = true;
        return NULL;
    }
    r->failed = false; /* an audit goes on without a file that nobody can read */
    r->modules[r->nmodules - 1]->running = false;
    return import_failed(e, st, "import", dj_strf(r->s, DJ_FMT " can't be read", DJ_ARG(path)), "");
}

/* -- the result -- */

/* What callers hold as dj_conf. */
typedef struct conf_result {
    dj_conf  conf; /* first */
    dj_value lost; /* what an absent name is when any name may have been bound */
} conf_result;

typedef struct measured {
    const dj_value *v;
    uint32_t        height, weight;
} measured;

typedef struct measure {
    dj_scope *work;
    measured *slots;
    size_t    len, cap;
} measure;

static measured *slot_of(measure *m, const dj_value *v)
{
    size_t at = ((uintptr_t)v >> 4) * 0x9E3779B97F4A7C15u >> 20 & (m->cap - 1);
    while (m->slots[at].v != NULL && m->slots[at].v != v)
        at = (at + 1) & (m->cap - 1);
    return &m->slots[at];
}

static void remember(measure *m, const dj_value *v, uint32_t height, uint32_t weight)
{
    if (2 * m->len >= m->cap) {
        measured *old = m->slots;
        size_t    n = m->cap;
        m->cap = n == 0 ? 256 : 2 * n;
        m->slots = dj_new_array(m->work, measured, m->cap);
        for (size_t i = 0; i < n; i++) {
            if (old[i].v != NULL)
                *slot_of(m, old[i].v) = old[i];
        }
    }
    *slot_of(m, v) = (measured){v, height, weight};
    m->len++;
}

/* How high and how heavy a value is, shared parts counted each time. False: too much, or it
 * contains itself. */
static bool weigh(measure *m, const dj_value *v, unsigned depth, measured *out)
{
    *out = (measured){v, 0, 1};
    if (!dj_value_is_seq(v) && v->kind != DJ_V_DICT)
        return true;
    if (depth > CONF_DEPTH_MAX)
        return false;
    if (m->cap > 0 && slot_of(m, v)->v == v) {
        *out = *slot_of(m, v);
        return depth + out->height <= CONF_DEPTH_MAX;
    }
    size_t n = v->kind == DJ_V_DICT ? 2 * v->dict.len : v->seq.len;
    for (size_t i = 0; i < n; i++) {
        const dj_value *item = v->kind != DJ_V_DICT ? v->seq.items[i]
                               : i % 2 == 0         ? v->dict.pairs[i / 2].key
                                                    : v->dict.pairs[i / 2].value;
        measured        one;
        if (!weigh(m, item, depth + 1, &one))
            return false;
        out->height = one.height + 1 > out->height ? one.height + 1 : out->height;
        out->weight += one.weight;
        if (out->weight > CONF_WEIGHT_MAX)
            return false;
    }
    remember(m, v, out->height, out->weight);
    return true;
}

/* Django's rule: str.isupper. */
static bool is_setting(dj_str name)
{
    bool letter = false;
    for (size_t i = 0; i < name.len; i++) {
        if ((name.ptr[i] >= 'a' && name.ptr[i] <= 'z') || (unsigned char)name.ptr[i] >= 0x80)
            return false;
        letter = letter || dj_is_alpha(name.ptr[i]);
    }
    return letter;
}

static bool finish(conf_reader *r, const conf_module *m)
{
    measure size = {.work = r->work};
    for (size_t i = 0; i < m->names.len; i++) {
        dj_str    name = m->names.entries[i].key;
        dj_value *v = conf_lookup(m, name);
        measured  total;
        if (v == NULL || v == &conf_gettext || v == &conf_messages || !is_setting(name))
            continue;
        if (!weigh(&size, v, 0, &total)) {
            if (!r->audit) {
                conf_error_set(r, "nesting", &m->src, 0,
                               dj_strf(r->s,
                                       "the value of " DJ_FMT
                                       " is nested too deep, too large, or contains itself",
                                       DJ_ARG(name)),
                               DJ_LIT(""));
                return false;
            }
            dj_value *unknown = dj_new(r->s, dj_value);
            unknown->origin = v->origin;
            unknown->str = DJ_LIT("too large");
            v = unknown;
        }
        dj_map_set(&r->conf->names, dj_str_dup(r->s, name), v);
    }
    for (size_t i = 0; i < m->sticky.len; i++) {
        if (is_setting(m->sticky.entries[i].key))
            dj_map_set(&r->conf->names, dj_str_dup(r->s, m->sticky.entries[i].key),
                       m->sticky.entries[i].value);
    }
    r->conf->names_lost = m->lost;
    r->conf->names_lost_at = m->lost_at;
    return true;
}

static void close_work(void *work)
{
    dj_scope_close(work);
}

static void wipe_sources(conf_reader *r)
{
    for (size_t i = 0; i < r->nmodules; i++) {
        dj_str text = r->modules[i]->src.text;
        if (text.len > 0)
            dj_wipe((char *)(uintptr_t)text.ptr, text.len);
    }
}

/* `bytes` none: the file is opened. */
static dj_err read_settings(dj_scope *s, dj_str path, dj_str bytes, const dj_conf_options *options,
                            dj_conf **out, dj_conf_error *error)
{
    dj_scope *work = dj_scope_open(WORK_MAX);
    if (work == NULL)
        return dj_fail(s, DJ_ERR_MEMORY, "no memory to read settings");
    dj_own(s, close_work, work);
    conf_result *result = dj_new(s, conf_result);
    dj_str       message = DJ_NONE;
    conf_reader  r = {.s = s,
                      .work = work,
                      .conf = &result->conf,
                      .options = options,
                      .error = error,
                      .audit = options->mode == DJ_CONF_AUDIT};
    result->conf.mode = options->mode;
    result->conf.names = dj_map_make(s);
    r.env_changed = dj_map_make(work);
    *error = (dj_conf_error){0};
    bool from_file = dj_str_is_none(bytes), ok = !from_file;
    if (from_file)
        ok = read_file(&r, path, &bytes, &message);
    if (!ok) {
        conf_error_io(&r, path, message);
    } else {
        conf_module *m = run_file(&r, path, bytes);
        ok = m != NULL && finish(&r, m);
    }
    result->lost = (dj_value){.kind = DJ_V_UNKNOWN,
                              .origin = result->conf.names_lost_at,
                              .str = DJ_LIT("a statement there may bind any name")};
    if (from_file && bytes.len > 0)
        dj_wipe((char *)(uintptr_t)bytes.ptr, bytes.len);
    wipe_sources(&r);
    dj_disown(s, work);
    dj_scope_close(work);
    if (!ok)
        return dj_fail(s, DJ_ERR_SETTINGS, DJ_FMT, DJ_ARG(error->text));
    *out = &result->conf;
    return DJ_OK;
}

dj_err dj_conf_read(dj_scope *s, dj_str path, const dj_conf_options *options, dj_conf **out,
                    dj_conf_error *error)
{
    return read_settings(s, conf_path_abspath(s, path), DJ_NONE, options, out, error);
}

dj_err dj_conf_read_text(dj_scope *s, dj_str name, dj_str text, const dj_conf_options *options,
                         dj_conf **out, dj_conf_error *error)
{
    return read_settings(s, name, text, options, out, error);
}

bool dj_conf_is_set(const dj_conf *conf, dj_str name)
{
    return dj_map_has(&conf->names, name);
}

const dj_value *dj_conf_get(const dj_conf *conf, dj_str name)
{
    const dj_value *v = dj_map_get(&conf->names, name);
    if (v != NULL)
        return v;
    if (conf->names_lost)
        return &((const conf_result *)(const void *)conf)->lost;
    return conf_default(name);
}
