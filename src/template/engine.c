/* src/template/engine.c - finds, compiles and keeps templates.
 *
 * A compiled template has a scope of its own, so that one whose file changed can be dropped while
 * an older rendering still uses it: renderings hold what they use. Names can't leave the folders.
 * Django: django/template/engine.py, loaders/filesystem.py, loaders/cached.py.
 *
 * Must not know: tags, except that there is a table of them. */
#include "template/inside.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_LEN   ((size_t)1024)
#define SOURCE_MAX     ((size_t)4 * 1024 * 1024)
#define FOLDERS_MAX    16                          /* inside each other */
#define TEMPLATE_SCOPE ((size_t)512 * 1024 * 1024) /* far over what a source of its limit needs */

struct dj_engine {
    dj_scope         *scope;
    dj_engine_options options;
    dj_map            filters, tags, libraries;
    dj_map            kept;  /* "dir:name" -> slot */
    dj_map            found; /* name -> template, if nothing is compiled anew */
    dj_map            names; /* of variables in all templates -> its own key */
};

typedef struct slot {
    dj_template *template; /* NULL: dropped */
} slot;

dj_str dj_engine_name(dj_engine *en, dj_str name)
{
    const dj_str *known = dj_map_get(&en->names, name);
    if (known != NULL)
        return *known;
    dj_str *own = dj_new(en->scope, dj_str);
    *own = dj_str_dup(en->scope, name);
    dj_map_set(&en->names, *own, own);
    return *own;
}

const dj_engine_options *dj_engine_options_of(const dj_engine *engine)
{
    return &engine->options;
}

/* -- what templates may use -- */

static const dj_tag *const builtin_tags[] = {
    &dj_tag_autoescape, &dj_tag_block,      &dj_tag_comment,     &dj_tag_csrf_token,
    &dj_tag_cycle,      &dj_tag_debug,      &dj_tag_extends,     &dj_tag_filter,
    &dj_tag_firstof,    &dj_tag_for,        &dj_tag_if,          &dj_tag_ifchanged,
    &dj_tag_include,    &dj_tag_load,       &dj_tag_lorem,       &dj_tag_now,
    &dj_tag_partial,    &dj_tag_partialdef, &dj_tag_querystring, &dj_tag_regroup,
    &dj_tag_resetcycle, &dj_tag_spaceless,  &dj_tag_templatetag, &dj_tag_url,
    &dj_tag_verbatim,   &dj_tag_widthratio, &dj_tag_with,
};

static const dj_tag *const     static_tags[] = {&dj_tag_static, &dj_tag_get_static_prefix,
                                                &dj_tag_get_media_prefix};
static const dj_library_inside static_library = {DJ_STR_INIT("static"), static_tags,
                                                 DJ_COUNT(static_tags), NULL};

static dj_err add_library(dj_engine *en, const dj_library_inside *library)
{
    if (dj_map_has(&en->libraries, library->name))
        return dj_fail(en->scope, DJ_ERR_SETTINGS,
                       "Two libraries of templates are named '" DJ_FMT "'", DJ_ARG(library->name));
    dj_map_set(&en->libraries, library->name, (void *)(uintptr_t)library);
    return DJ_OK;
}

/* With localisation off these print what the variable alone does. */
static dj_err localize(dj_run *run, const dj_var *in, const dj_var *arg, dj_var *out)
{
    dj_str text = DJ_NONE;
    dj_err e = dj_var_text(run, in, &text);
    (void)arg;
    *out = dj_var_made(text, in->kind == DJ_VAR_STR ? (dj_safety)in->safety : DJ_UNSAFE);
    return e;
}

static const dj_filter  l10n_filters[] = {{"localize", localize, 0}, {"unlocalize", localize, 0}};
static const dj_library l10n = {
    .name = "l10n", .filters = l10n_filters, .nfilters = DJ_COUNT(l10n_filters)};
static const dj_library_inside l10n_library = {DJ_STR_INIT("l10n"), NULL, 0, &l10n};

/* A library of the application: each of its tags is a tag of ours around its function. */
static const dj_library_inside *own_library(dj_scope *s, const dj_library *own)
{
    dj_library_inside *library = dj_new(s, dj_library_inside);
    const dj_tag     **tags = dj_new_array(s, const dj_tag *, own->ntags);
    for (size_t i = 0; i < own->ntags; i++) {
        dj_tag *tag = dj_new(s, dj_tag);
        *tag = dj_tag_own;
        tag->name = own->tags[i].name;
        tag->own = &own->tags[i];
        tags[i] = tag;
    }
    *library = (dj_library_inside){
        .name = dj_str_of(own->name), .tags = tags, .ntags = own->ntags, .own = own};
    return library;
}

static dj_err add_own(dj_engine *en, const dj_library *own)
{
    for (size_t i = 0; i < own->ntags; i++) {
        if (own->tags[i].end != NULL && own->tags[i].includes != NULL)
            return dj_fail(en->scope, DJ_ERR_SETTINGS,
                           "The tag %s has a body and includes a template: it can't do both",
                           own->tags[i].name);
    }
    return add_library(en, own_library(en->scope, own));
}

static dj_err fill_tables(dj_engine *en)
{
    dj_scope *s = en->scope;
    en->filters = en->tags = en->libraries = en->kept = en->found = en->names = dj_map_make(s);
    for (size_t i = 0; i < dj_nfilters_builtin; i++)
        dj_map_set(&en->filters, dj_str_of(dj_filters_builtin[i].name),
                   (void *)(uintptr_t)&dj_filters_builtin[i]);
    for (size_t i = 0; i < DJ_COUNT(builtin_tags); i++)
        dj_map_set(&en->tags, dj_str_of(builtin_tags[i]->name), (void *)(uintptr_t)builtin_tags[i]);
    dj_err e = add_library(en, &static_library);
    if (!e)
        e = add_library(en, &l10n_library);
    for (size_t i = 0; i < en->options.nlibraries && !e; i++)
        e = add_own(en, en->options.libraries[i]);
    return e;
}

void dj_engine_each_tag(const dj_engine *engine, void (*visit)(void *ctx, dj_str name), void *ctx)
{
    (void)engine;
    for (size_t i = 0; i < DJ_COUNT(builtin_tags); i++)
        visit(ctx, dj_str_of(builtin_tags[i]->name));
    for (size_t i = 0; i < DJ_COUNT(static_tags); i++)
        visit(ctx, dj_str_of(static_tags[i]->name));
}

const dj_tag *dj_engine_tag(const dj_engine *engine, dj_str name)
{
    return dj_map_get(&engine->tags, name);
}

const dj_filter *dj_engine_filter(const dj_engine *engine, dj_str name)
{
    return dj_map_get(&engine->filters, name);
}

const dj_library_inside *dj_engine_library(const dj_engine *engine, dj_str name)
{
    return dj_map_get(&engine->libraries, name);
}

static int by_name(const void *a, const void *b)
{
    return dj_str_cmp(*(const dj_str *)a, *(const dj_str *)b);
}

dj_str dj_engine_library_names(const dj_engine *engine, dj_scope *s)
{
    dj_buf  b = dj_buf_make(s, 64 * 1024);
    dj_str *names = dj_new_array(s, dj_str, engine->libraries.len);
    for (size_t i = 0; i < engine->libraries.len; i++)
        names[i] = engine->libraries.entries[i].key;
    qsort(names, engine->libraries.len, sizeof *names, by_name);
    for (size_t i = 0; i < engine->libraries.len; i++) {
        if (i > 0)
            dj_buf_add_byte(&b, '\n');
        dj_buf_add(&b, names[i]);
    }
    return dj_buf_str(&b);
}

static void let_go(void *what)
{
    dj_template *t = what;
    if (--t->users == 0)
        dj_scope_close(t->scope);
}

static void release_all(void *what)
{
    dj_engine *en = what;
    for (size_t i = 0; i < en->kept.len; i++) {
        slot *kept = en->kept.entries[i].value;
        if (kept->template != NULL)
            let_go(kept->template);
    }
}

dj_err dj_engine_new(dj_scope *s, const dj_engine_options *options, dj_engine **out)
{
    dj_engine *en = dj_new(s, dj_engine);
    en->scope = s;
    en->options = *options;
    dj_template_limits *limits = &en->options.limits;
    limits->depth = limits->depth == 0 ? 32 : limits->depth;
    limits->loops = limits->loops == 0 ? 1000000 : limits->loops;
    limits->output = limits->output == 0 ? (uint64_t)16 * 1024 * 1024 : limits->output;
    limits->source = limits->source == 0 ? (size_t)1024 * 1024 : limits->source;
    limits->source = limits->source > SOURCE_MAX ? SOURCE_MAX : limits->source;
    limits->templates = limits->templates == 0 ? 10000 : limits->templates;
    dj_err e = fill_tables(en);
    if (e)
        return e;
    dj_own(s, release_all, en);
    *out = en;
    return DJ_OK;
}

/* -- names -- */

/* Inside its folder, whatever the folder is: not absolute, no NUL, no "." or ".." or empty part. */
static bool is_plain_name(dj_str name)
{
    dj_str rest = name, part;
    if (name.len == 0 || name.len > NAME_MAX_LEN || memchr(name.ptr, '\0', name.len) != NULL)
        return false;
    while (dj_str_next(&rest, '/', &part)) {
        if (part.len == 0 || dj_str_eq(part, DJ_LIT(".")) || dj_str_eq(part, DJ_LIT("..")))
            return false;
    }
    return true;
}

/* posixpath.normpath() of a relative name; none: it leaves the folder or is absolute. */
static dj_str normal_name(dj_scope *s, dj_str name)
{
    dj_str parts[64], rest = name, part;
    size_t n = 0;
    if (is_plain_name(name))
        return name;
    if (name.len == 0 || name.len > NAME_MAX_LEN || name.ptr[0] == '/' ||
        memchr(name.ptr, '\0', name.len) != NULL)
        return DJ_NONE;
    while (dj_str_next(&rest, '/', &part)) {
        if (part.len == 0 || dj_str_eq(part, DJ_LIT(".")))
            continue;
        if (dj_str_eq(part, DJ_LIT(".."))) {
            if (n == 0)
                return DJ_NONE;
            n--;
        } else if (n < DJ_COUNT(parts)) {
            parts[n++] = part;
        } else {
            return DJ_NONE;
        }
    }
    dj_buf b = dj_buf_make(s, NAME_MAX_LEN);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            dj_buf_add_byte(&b, '/');
        dj_buf_add(&b, parts[i]);
    }
    return n == 0 ? DJ_NONE : dj_buf_str(&b);
}

dj_err dj_relative_name(dj_scope *s, dj_str from, dj_str word, bool recursion_is_fine, dj_str *out)
{
    dj_str name = dj_str_strip(word, DJ_LIT("'\""));
    *out = DJ_NONE;
    if (!dj_str_starts(name, DJ_LIT("./")) && !dj_str_starts(name, DJ_LIT("../")))
        return DJ_OK;
    size_t slash = dj_str_rchr(from, '/');
    dj_str dir = slash == DJ_NOT_FOUND ? DJ_LIT("") : dj_str_first(from, slash + 1);
    dj_str joined = normal_name(s, dj_str_cat(s, dir, name));
    if (dj_str_is_none(joined))
        return dj_fail(s, DJ_ERR_TEMPLATE_SYNTAX,
                       "The relative path '" DJ_FMT "' points outside the file hierarchy that "
                       "template '" DJ_FMT "' is in.",
                       DJ_ARG(word), DJ_ARG(from));
    if (!recursion_is_fine && dj_str_eq(joined, from))
        return dj_fail(s, DJ_ERR_TEMPLATE_SYNTAX,
                       "The relative path '" DJ_FMT "' was translated to template name '" DJ_FMT
                       "', the same template in which the tag appears.",
                       DJ_ARG(word), DJ_ARG(joined));
    *out = joined;
    return DJ_OK;
}

/* -- sources -- */

typedef struct source {
    dj_str      text;
    const char *path; /* NULL: not a file */
    int64_t     mtime_ns, size;
} source;

static dj_err read_file(dj_scope *s, dj_scope *into, const char *path, size_t max, source *out,
                        bool *found)
{
    struct stat st;
    int         fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *found = false;
    if (fd < 0)
        return DJ_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return DJ_OK;
    }
    *found = true;
    if (st.st_size < 0 || (uint64_t)st.st_size > max) {
        close(fd);
        return dj_fail(s, DJ_ERR_TEMPLATE_SYNTAX, "The template is over %zu bytes", max);
    }
    char  *text = dj_alloc_raw(into, (size_t)st.st_size + 1);
    size_t n = 0;
    while (n < (size_t)st.st_size) {
        ssize_t got = read(fd, text + n, (size_t)st.st_size - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    close(fd);
    text[n] = '\0';
    *out = (source){.text = dj_str_n(text, n),
                    .path = path,
                    .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                    .size = st.st_size};
    return DJ_OK;
}

static const char *path_of(dj_scope *s, const dj_template_dir *dir, dj_str name)
{
    return dj_cstr(s, dj_strf(s, DJ_FMT "/" DJ_FMT, DJ_ARG(dir->path), DJ_ARG(name)));
}

/* Reads from one folder into the template's own scope. */
static dj_err read_source(dj_engine *en, dj_scope *s, dj_scope *into, size_t dir, dj_str name,
                          source *out, bool *found)
{
    const dj_template_dir *d = &en->options.dirs[dir];
    *found = false;
    if (d->find != NULL) {
        *found = d->find(d->ctx, name, &out->text);
        return *found && out->text.len > en->options.limits.source
                   ? dj_fail(s, DJ_ERR_TEMPLATE_SYNTAX, "The template is over %zu bytes",
                             en->options.limits.source)
                   : DJ_OK;
    }
    dj_str normal = normal_name(into, name);
    if (dj_str_is_none(normal))
        return DJ_OK;
    return read_file(s, into, path_of(into, d, normal), en->options.limits.source, out, found);
}

/* -- compiling -- */

static dj_err fill_error(dj_scope *s, dj_err e, const dj_template *t, uint32_t line,
                         uint32_t column, dj_template_error *error)
{
    *error = (dj_template_error){.code = e,
                                 .message = dj_failure_text(s),
                                 .template = dj_str_dup(s, t->name),
                                 .line = line,
                                 .column = column,
                                 .source = dj_str_dup(s, t->source)};
    return e;
}

static void find_bad_byte(dj_str text, uint32_t *line, uint32_t *column)
{
    size_t at = 0, from = 0, start = 0;
    *line = 1;
    while (at < text.len) {
        from = at;
        if (dj_utf8_next(text, &at) < 0)
            break;
        if (text.ptr[from] == '\n') {
            (*line)++;
            start = at;
        }
    }
    *column = (uint32_t)(from - start) + 1;
}

static const dj_block_def *defs_of(dj_scope *s, const dj_map *map, size_t *len)
{
    dj_block_def *defs = dj_new_array(s, dj_block_def, map->len);
    for (size_t i = 0; i < map->len; i++)
        defs[i] = (dj_block_def){.name = map->entries[i].key,
                                 .node = (uint32_t)(uintptr_t)map->entries[i].value - 1};
    *len = map->len;
    return defs;
}

/* Compiles t->source. */
static dj_err compile(dj_engine *en, dj_scope *s, dj_template *t, dj_template_error *error)
{
    dj_parser *p = dj_new(s, dj_parser);
    *p = (dj_parser){.failures = s,
                     .scope = t->scope,
                     .engine = en,
                     .template = t,
                     .lexer = dj_lexer_make(t->source)};
    if (!dj_utf8_valid(t->source)) {
        uint32_t line, column;
        find_bad_byte(t->source, &line, &column);
        dj_err e = dj_fail(s, DJ_ERR_TEMPLATE_SYNTAX, "The template is not UTF-8");
        return fill_error(s, e, t, line, column, error);
    }
    t->extends = UINT32_MAX;
    dj_err e = dj_parse(p);
    if (e)
        return fill_error(s, e, t, p->blame.line, p->blame.column, error);
    t->nodes = p->nodes;
    t->nnodes = t->to = p->nnodes;
    t->blocks = defs_of(t->scope, &p->blocks, &t->nblocks);
    t->partials = defs_of(t->scope, &p->partials, &t->npartials);
    t->fragments = dj_new_array(t->scope, dj_template, t->npartials);
    for (size_t i = 0; i < t->npartials; i++) {
        t->fragments[i] = *t;
        t->fragments[i].from = t->partials[i].node + 1;
        t->fragments[i].to = t->nodes[t->partials[i].node].next;
    }
    return DJ_OK;
}

static dj_err load_from(dj_engine *en, dj_scope *s, size_t dir, dj_str name, dj_template **out,
                        dj_template_error *error)
{
    dj_scope *scope = dj_scope_open(TEMPLATE_SCOPE);
    source    src = {0};
    bool      found = false;
    *out = NULL;
    if (scope == NULL)
        return dj_fail(s, DJ_ERR_MEMORY, "No memory for a template");
    dj_template *t = dj_new(scope, dj_template);
    *t = (dj_template){.scope = scope, .engine = en, .name = dj_str_dup(scope, name), .dir = dir};
    t->whole = t;
    t->contextual = en->options.contextual && dj_template_is_markup(t->name);
    dj_err e = read_source(en, s, scope, dir, name, &src, &found);
    if (e)
        e = fill_error(s, e, t, 1, 1, error);
    else if (found) {
        t->source = src.text;
        t->path = src.path;
        t->mtime_ns = src.mtime_ns;
        t->size = src.size;
        e = compile(en, s, t, error);
    }
    if (e || !found) {
        dj_scope_close(scope);
        return e;
    }
    *out = t;
    return DJ_OK;
}

/* -- keeping -- */

/* Only templates that may be replaced are counted; the others live as long as the engine. */
static void hold(dj_engine *en, dj_scope *s, dj_template *t)
{
    if (!en->options.reload)
        return;
    t->users++;
    dj_own(s, let_go, t);
}

static bool is_fresh(const dj_engine *en, const dj_template *t)
{
    struct stat st;
    if (!en->options.reload || t->path == NULL)
        return true;
    return stat(t->path, &st) == 0 && st.st_size == t->size &&
           (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec == t->mtime_ns;
}

/* NULL without a failure: that folder has none. */
static dj_err get_from(dj_engine *en, dj_scope *s, size_t dir, dj_str name, const dj_template **out,
                       dj_template_error *error)
{
    dj_template *t = NULL;
    dj_str       key = dj_strf(s, "%zu:" DJ_FMT, dir, DJ_ARG(name));
    slot        *kept = dj_map_get(&en->kept, key);
    *out = NULL;
    if (kept != NULL && kept->template != NULL && is_fresh(en, kept->template)) {
        hold(en, s, kept->template);
        *out = kept->template;
        return DJ_OK;
    }
    if (kept != NULL && kept->template != NULL) {
        let_go(kept->template);
        kept->template = NULL;
    }
    dj_err e = load_from(en, s, dir, name, &t, error);
    if (e || t == NULL)
        return e;
    if (kept == NULL) {
        if (en->kept.len >= en->options.limits.templates) {
            dj_scope_close(t->scope);
            return dj_fail(s, DJ_ERR_TEMPLATE, "Over %zu templates", en->options.limits.templates);
        }
        kept = dj_new(en->scope, slot);
        dj_map_set(&en->kept, dj_str_dup(en->scope, key), kept);
    }
    t->users = 1;
    kept->template = t;
    hold(en, s, t);
    *out = t;
    return DJ_OK;
}

static bool is_skipped(const struct dj_held *skip, size_t dir, dj_str name)
{
    for (; skip != NULL; skip = skip->older) {
        if (skip->template->dir == dir && dj_str_eq(skip->template->name, name))
            return true;
    }
    return false;
}

static bool names_skipped(const struct dj_held *skip, dj_str name)
{
    while (skip != NULL && !dj_str_eq(skip->template->name, name))
        skip = skip->older;
    return skip != NULL;
}

static dj_err missing(dj_engine *en, dj_scope *s, dj_str name, const struct dj_held *skip,
                      dj_template_error *error)
{
    dj_buf tried = dj_buf_make(s, 16 * 1024);
    for (size_t i = 0; i < en->options.ndirs; i++) {
        const dj_template_dir *d = &en->options.dirs[i];
        dj_str                 where = d->find == NULL ? d->path : DJ_LIT("(in the program)");
        dj_buf_addf(
            &tried, "%s" DJ_FMT "/" DJ_FMT " (%s)", i > 0 ? "\n" : "", DJ_ARG(where), DJ_ARG(name),
            is_skipped(skip, i, name) ? "Skipped to avoid recursion" : "Source does not exist");
    }
    error->tried = dj_buf_str(&tried);
    return dj_fail(s, DJ_ERR_TEMPLATE_MISSING, DJ_FMT, DJ_ARG(name));
}

/* "page.html#name": the fragment of that name. */
static dj_err fragment_of(dj_scope *s, dj_str name, const dj_template **t)
{
    for (size_t i = 0; i < (*t)->npartials; i++) {
        if (dj_str_eq((*t)->partials[i].name, name)) {
            *t = &(*t)->fragments[i];
            return DJ_OK;
        }
    }
    return dj_fail(s, DJ_ERR_TEMPLATE_MISSING, DJ_FMT, DJ_ARG(name));
}

dj_err dj_engine_find(dj_engine *en, dj_scope *s, dj_str name, const struct dj_held *skip,
                      const dj_template **out, dj_template_error *error)
{
    size_t hash = dj_str_chr(name, '#');
    dj_str file = dj_str_first(name, hash), fragment = DJ_NONE;
    if (hash != DJ_NOT_FOUND && hash + 1 < name.len)
        fragment = dj_str_from(name, hash + 1);
    bool first = !names_skipped(skip, file);
    *out = first && !en->options.reload ? dj_map_get(&en->found, file) : NULL;
    for (size_t i = 0; i < en->options.ndirs && *out == NULL && file.len <= NAME_MAX_LEN; i++) {
        if (is_skipped(skip, i, file))
            continue;
        dj_err e = get_from(en, s, i, file, out, error);
        if (e)
            return e;
        if (*out != NULL && first && !en->options.reload)
            dj_map_set(&en->found, (*out)->name, (void *)(uintptr_t)*out);
    }
    if (*out == NULL)
        return missing(en, s, dj_str_first(name, NAME_MAX_LEN), skip, error);
    return dj_str_is_none(fragment) ? DJ_OK : fragment_of(s, fragment, out);
}

dj_err dj_engine_load(dj_engine *en, dj_scope *s, dj_str name, const dj_template **out,
                      dj_template_error *error)
{
    *error = (dj_template_error){0};
    dj_err e = dj_engine_find(en, s, name, NULL, out, error);
    if (e && error->code == DJ_OK) {
        error->code = e;
        error->message = dj_failure_text(s);
    }
    return e;
}

/* -- all of them -- */

typedef struct all {
    dj_engine *engine;
    dj_scope  *s;
    dj_err (*visit)(void *ctx, dj_str name, const dj_template *t, const dj_template_error *error);
    void *ctx;
} all;

static dj_err visit_one(const all *a, dj_str name)
{
    const dj_template *t = NULL;
    dj_template_error  error;
    dj_err             e = dj_engine_load(a->engine, a->s, name, &t, &error);
    if (e == DJ_ERR_MEMORY)
        return e;
    return a->visit(a->ctx, name, e ? NULL : t, &error);
}

/* Not what editors leave behind. */
static bool is_template_file(const char *name)
{
    size_t len = strlen(name);
    return name[0] != '.' && len > 0 && name[len - 1] != '~';
}

static dj_err visit_folder(const all *a, dj_str dir, dj_str below, unsigned depth);

static dj_err visit_entry(const all *a, dj_str dir, dj_str name, unsigned depth)
{
    struct stat st;
    dj_str      path = dj_strf(a->s, DJ_FMT "/" DJ_FMT, DJ_ARG(dir), DJ_ARG(name));
    if (stat(dj_cstr(a->s, path), &st) != 0)
        return DJ_OK;
    if (S_ISDIR(st.st_mode))
        return visit_folder(a, dir, name, depth + 1);
    return S_ISREG(st.st_mode) ? visit_one(a, name) : DJ_OK;
}

/* Names of a folder's entries, sorted, so that two runs say the same. */
static size_t list_folder(dj_scope *s, dj_str path, dj_str **out)
{
    DIR           *dir = opendir(dj_cstr(s, path));
    struct dirent *entry;
    dj_str        *names = NULL;
    size_t         n = 0, cap = 0;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (!is_template_file(entry->d_name))
            continue;
        if (n == cap) {
            size_t more = cap == 0 ? 16 : 2 * cap;
            names = dj_realloc(s, names, cap * sizeof *names, more * sizeof *names);
            cap = more;
        }
        names[n++] = dj_str_dup(s, dj_str_of(entry->d_name));
    }
    if (dir != NULL)
        closedir(dir);
    if (n > 1)
        qsort(names, n, sizeof *names, by_name);
    *out = names;
    return n;
}

static dj_err visit_folder(const all *a, dj_str dir, dj_str below, unsigned depth)
{
    dj_str *names = NULL, path = dir;
    dj_err  e = DJ_OK;
    if (below.len > 0)
        path = dj_strf(a->s, DJ_FMT "/" DJ_FMT, DJ_ARG(dir), DJ_ARG(below));
    size_t n = depth > FOLDERS_MAX ? 0 : list_folder(a->s, path, &names);
    for (size_t i = 0; i < n && !e; i++) {
        dj_str name = names[i];
        if (below.len > 0)
            name = dj_strf(a->s, DJ_FMT "/" DJ_FMT, DJ_ARG(below), DJ_ARG(name));
        e = visit_entry(a, dir, name, depth);
    }
    return e;
}

dj_err dj_engine_each(dj_engine *en, dj_scope *s,
                      dj_err (*visit)(void *ctx, dj_str name, const dj_template *t,
                                      const dj_template_error *error),
                      void *ctx)
{
    all a = {.engine = en, .s = s, .visit = visit, .ctx = ctx};
    for (size_t i = 0; i < en->options.ndirs; i++) {
        const dj_template_dir *d = &en->options.dirs[i];
        dj_str                 name = DJ_NONE;
        dj_err                 e = DJ_OK;
        if (d->find == NULL)
            e = visit_folder(&a, d->path, DJ_LIT(""), 0);
        for (size_t k = 0; d->each != NULL && !e && d->each(d->ctx, k, &name); k++)
            e = visit_one(&a, name);
        if (e)
            return e;
    }
    return DJ_OK;
}

dj_str dj_template_name(const dj_template *t)
{
    return t->name;
}
