/* src/app/static_index.c - all that can be served from STATIC_ROOT, with its headers, made at
 * start.
 *
 * A copy "a.css.gz" or "a.css.br" beside "a.css" is a coding of it and no file of its own; one that
 * is older than the file is left out. Dot files and the manifest are not served.
 *
 * Must not know: requests. */
#include "app/static.h"
#include "donjon/time.h"
#include "donjon/url.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILES_MAX    50000
#define MEMORY_FILE  ((uint64_t)16 * 1024) /* up to here a copy in memory is cheaper than a file */
#define FOREVER      "max-age=315360000, public, immutable"
#define FOR_A_MINUTE "max-age=60, public"

static const char logger[] = "donjon.static";

/* -- headers -- */

dj_err dj_static_describe(dj_scope *s, const struct stat *st, const char *mark,
                          dj_static_body *body)
{
    body->mark = mark;
    body->size = (uint64_t)st->st_size;
    body->mtime = st->st_mtim.tv_sec;
    body->mtime_ns = st->st_mtim.tv_nsec;
    body->etag_value = dj_strf(s, "\"%llx.%lx-%llx%s\"", (unsigned long long)body->mtime,
                               (unsigned long)body->mtime_ns, (unsigned long long)body->size, mark);
    dj_err e = dj_header_line(s, DJ_LIT("ETag"), body->etag_value, &body->etag);
    return e ? e
             : dj_header_line(s, DJ_LIT("Last-Modified"), dj_http_date_str(s, body->mtime),
                              &body->modified);
}

/* -- the index -- */

typedef struct indexer {
    dj_scope  *scope;
    dj_static *st;
    dj_map     all; /* path -> dj_static_body *: all files, codings too */
    uint64_t   memory, memory_max;
} indexer;

static dj_err found(void *ctx, dj_str path, const struct stat *st)
{
    indexer *x = ctx;
    if (x->all.len == FILES_MAX)
        return dj_fail(x->scope, DJ_ERR_SETTINGS,
                       "STATIC_ROOT holds more than %d files: is it the folder that you mean?",
                       FILES_MAX);
    dj_static_body *body = dj_new(x->scope, dj_static_body);
    *body = (dj_static_body){.path = dj_cstr(x->scope, path), .fd = -1};
    body->size = (uint64_t)st->st_size;
    body->mtime = st->st_mtim.tv_sec;
    body->mtime_ns = st->st_mtim.tv_nsec;
    dj_map_set(&x->all, dj_str_of(body->path), body);
    return DJ_OK;
}

static void left_out(void *ctx, dj_str path, const char *why)
{
    (void)ctx;
    dj_log(dj_str_of(logger), DJ_WARNING, NULL, "'" DJ_FMT "' in STATIC_ROOT is not served: it %s",
           DJ_ARG(path), why);
}

/* Opens it for good measure, and keeps a small one's bytes. False: it is left out, the log says so.
 */
static bool load(indexer *x, dj_static_body *body, const char *mark)
{
    struct stat st;
    int         fd = dj_open_beneath(x->st->root, body->path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0 || dj_static_describe(x->scope, &st, mark, body) != DJ_OK) {
        left_out(x, dj_str_of(body->path), "can't be read");
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (body->size <= MEMORY_FILE && x->memory + body->size <= x->memory_max) {
        char   *bytes = dj_alloc_raw(x->scope, (size_t)body->size);
        ssize_t got = read(fd, bytes, (size_t)body->size);
        if (got == (ssize_t)body->size) {
            body->bytes = bytes;
            x->memory += body->size;
        }
    }
    close(fd);
    return true;
}

/* Is `coded` a fresh copy of `body`? Under a hashed name it can't be of anything else. */
static bool is_fresh(const dj_static_body *body, const dj_static_body *coded, dj_str name)
{
    return dj_static_is_hashed(name) || coded->mtime > body->mtime ||
           (coded->mtime == body->mtime && coded->mtime_ns >= body->mtime_ns);
}

static void add_coding(indexer *x, dj_static_entry *entry, dj_str name, dj_coding coding,
                       const char *suffix)
{
    dj_static_body *coded =
        dj_map_get(&x->all, dj_strf(x->scope, DJ_FMT "%s", DJ_ARG(name), suffix));
    if (coded == NULL || !is_fresh(entry->bodies[DJ_CODING_IDENTITY], coded, name) ||
        !load(x, coded, suffix))
        return;
    entry->bodies[coding] = coded;
    entry->codings |= 1u << coding;
}

static dj_err add_entry(indexer *x, dj_str name, dj_static_body *body)
{
    dj_scope        *s = x->scope;
    dj_static_entry *entry = dj_new(s, dj_static_entry);
    dj_str           type = dj_media_type_of(name)->type;
    if (!load(x, body, ""))
        return DJ_OK;
    entry->bodies[DJ_CODING_IDENTITY] = body;
    entry->codings = 1u << DJ_CODING_IDENTITY;
    entry->document = dj_media_type_is_active(type) || dj_str_eq(type, DJ_LIT("application/pdf"));
    add_coding(x, entry, name, DJ_CODING_GZIP, ".gz");
    add_coding(x, entry, name, DJ_CODING_BR, ".br");
    dj_err e = dj_header_line(s, DJ_LIT("Content-Type"), type, &entry->type);
    if (!e)
        e = dj_header_line(s, DJ_LIT("Cache-Control"),
                           dj_static_is_hashed(name) ? DJ_LIT(FOREVER) : DJ_LIT(FOR_A_MINUTE),
                           &entry->cache);
    if (!e)
        dj_map_set(&x->st->entries, name, entry);
    return e;
}

static bool is_coding_of_another(const indexer *x, dj_str name)
{
    return (dj_str_ends(name, DJ_LIT(".gz")) || dj_str_ends(name, DJ_LIT(".br"))) &&
           dj_map_has(&x->all, dj_str_first(name, name.len - 3));
}

static void close_all(void *what)
{
    const dj_static *st = what;
    for (size_t i = 0; i < st->entries.len; i++) {
        const dj_static_entry *entry = st->entries.entries[i].value;
        for (int c = 0; c < DJ_CODINGS; c++) {
            if (entry->bodies[c] != NULL && entry->bodies[c]->fd >= 0)
                close(entry->bodies[c]->fd);
        }
    }
    if (st->root >= 0)
        close(st->root);
}

static dj_err make_index(dj_scope *s, const dj_settings *settings, dj_static *st)
{
    static const dj_str      hidden[] = {DJ_STR_INIT(".*")};
    static const dj_str_list ignore = {.items = (dj_str *)(uintptr_t)hidden, .len = 1};
    indexer                  x = {.scope = s,
                                  .st = st,
                                  .all = dj_map_make(s),
                                  .memory_max =
                     settings->STATIC_MEMORY_MAX < 0 ? 0 : (uint64_t)settings->STATIC_MEMORY_MAX};
    const dj_static_walk     walk = {
            .root = st->root, .ignore = &ignore, .file = found, .odd = left_out, .ctx = &x};
    dj_err e = dj_static_walk_run(s, &walk);
    for (size_t i = 0; i < x.all.len && !e; i++) {
        dj_str name = x.all.entries[i].key;
        if (!is_coding_of_another(&x, name) && !dj_str_eq(name, DJ_LIT(DJ_STATIC_MANIFEST)))
            e = add_entry(&x, name, x.all.entries[i].value);
    }
    return e;
}

static void read_manifest(dj_scope *s, const dj_settings *settings, dj_static *st)
{
    dj_err e = dj_static_manifest_read(s, settings->STATIC_ROOT, &st->manifest);
    st->has_manifest = e == DJ_OK;
    if (e && dj_static_uses_manifest(settings))
        dj_log(dj_str_of(logger), DJ_WARNING, NULL, DJ_FMT, DJ_ARG(dj_failure_text(s)));
}

static dj_err open_root(dj_scope *s, const dj_settings *settings, dj_static *st)
{
    st->root =
        open(dj_cstr(s, settings->STATIC_ROOT), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (st->root >= 0)
        return make_index(s, settings, st);
    if (errno != ENOENT)
        return dj_fail_errno(s, "STATIC_ROOT " DJ_FMT " can't be opened",
                             DJ_ARG(settings->STATIC_ROOT));
    dj_log(dj_str_of(logger), DJ_WARNING, NULL,
           "STATIC_ROOT " DJ_FMT " is not there: run collectstatic", DJ_ARG(settings->STATIC_ROOT));
    return DJ_OK;
}

/* The path that STATIC_URL names; a CDN in front asks for the same one. */
static dj_str path_of(dj_scope *s, dj_str url)
{
    dj_url_parts parts;
    if (!dj_url_split(s, url, &parts))
        return DJ_NONE;
    return parts.path.len == 0 ? DJ_LIT("/") : dj_url_unquote(s, parts.path);
}

static dj_err find_sources(dj_scope *s, const dj_settings *settings, dj_static *st)
{
    char cwd[4096];
    if (getcwd(cwd, sizeof cwd) == NULL)
        return dj_fail_errno(s, "current folder");
    return dj_static_sources_of(s, settings, dj_str_dup(s, dj_str_of(cwd)), &st->sources);
}

dj_err dj_static_new(dj_scope *s, const dj_settings *settings, dj_static **out)
{
    dj_str url = dj_static_prefix(s, settings);
    *out = NULL;
    if (dj_str_is_none(url) || (!settings->DEBUG && settings->STATIC_ROOT.len == 0))
        return DJ_OK;
    dj_static *st = dj_new(s, dj_static);
    *st = (dj_static){.prefix = path_of(s, url), .root = -1, .entries = dj_map_make(s)};
    if (dj_str_is_none(st->prefix) || !dj_str_ends(st->prefix, DJ_LIT("/")))
        return dj_fail(s, DJ_ERR_SETTINGS, "STATIC_URL must be an address that ends with '/'");
    dj_own(s, close_all, st);
    dj_err e;
    if (settings->DEBUG) {
        e = find_sources(s, settings, st);
    } else {
        e = open_root(s, settings, st);
        if (!e)
            read_manifest(s, settings, st);
    }
    dj_failure_clear(s);
    if (!e)
        *out = st;
    return e;
}

const dj_static_manifest *dj_static_manifest_of(const dj_static *st)
{
    return st != NULL && st->has_manifest ? &st->manifest : NULL;
}
