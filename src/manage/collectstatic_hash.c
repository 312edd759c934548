/* src/manage/collectstatic_hash.c - names that tell contents: a changed file is a new address.
 *
 * A stylesheet names other files, so its own contents, and with them its name, change when theirs
 * do: stylesheets and scripts are gone through until no name changes any more, five times at most.
 *
 * Django: contrib/staticfiles/storage.py, HashedFilesMixin.post_process.
 *
 * Must not know: the command line. */
#include "donjon/url.h"
#include "manage/collectstatic.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PASSES_MAX    5
#define HASH_LEN      12
#define ADJUSTED_MAX  ((size_t)32 * 1024 * 1024)
#define COMPRESS_MAX  ((size_t)64 * 1024 * 1024)
#define FILE_SCOPE    ((size_t)512 * 1024 * 1024) /* for one file at a time */
#define LOG_EACH_NAME 2

/* -- files -- */

dj_err dj_static_item_read(dj_scope *s, const dj_collection *c, const dj_static_item *item,
                           size_t max, dj_str *out)
{
    if (item->size > max)
        return dj_fail(s, DJ_ERR_LIMIT, "'" DJ_FMT "' is over %zu bytes", DJ_ARG(item->name), max);
    int     fd = dj_open_beneath(c->roots[item->source], dj_cstr(s, item->path), O_RDONLY);
    char   *bytes = dj_alloc_raw(s, (size_t)item->size);
    size_t  got = 0;
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 && got < item->size) {
        n = pread(fd, bytes + got, (size_t)item->size - got, (off_t)got);
        got += n > 0 ? (size_t)n : 0;
    }
    dj_err e = n < 0 ? dj_fail_errno(s, "'" DJ_FMT "' can't be read", DJ_ARG(item->name)) : DJ_OK;
    if (fd >= 0)
        close(fd);
    *out = dj_str_n(bytes, got);
    return e;
}

static dj_str hashed(const dj_collection *c, dj_str name, const char *hex)
{
    return dj_static_hashed_name(c->scope, name, dj_str_n(hex, HASH_LEN));
}

/* -- links -- */

typedef struct linking {
    dj_scope             *scope; /* of this file */
    const dj_collection  *c;
    const dj_static_item *item;
} linking;

/* posixpath.normpath of a relative path; false if it leads out. */
static bool normalised(dj_scope *s, dj_str path, dj_str *out)
{
    dj_str_list parts = {.items = &path, .len = 1};
    if (dj_str_starts(path, DJ_LIT("/")) || dj_safe_join(s, DJ_LIT("/x"), parts, out) != DJ_OK)
        return false;
    *out = dj_str_from(*out, sizeof "/x/" - 1);
    return true;
}

/* Folders, and files that lie in STATIC_ROOT though nobody collects them, keep their names: there
 * is no copy of theirs. */
static dj_err keep_stranger(const linking *l, dj_str name)
{
    if (name.len == 0)
        return DJ_OK; /* STATIC_ROOT itself */
    int fd = dj_open_beneath(l->c->out.root, dj_cstr(l->scope, name), O_PATH);
    if (fd >= 0)
        close(fd);
    if (fd < 0)
        return dj_fail(l->scope, DJ_ERR_MISSING, "The file '" DJ_FMT "' could not be found",
                       DJ_ARG(name));
    return DJ_OK;
}

/* The hashed name, as far as it is known, of the file that `path` means in this file; DJ_NONE: it
 * has none. */
static dj_err hashed_target(const linking *l, dj_str path, dj_str *out)
{
    dj_scope *s = l->scope;
    dj_str    target, url = l->c->static_url;
    if (dj_str_starts(path, url)) {
        target = dj_str_from(path, url.len);
    } else {
        size_t slash = dj_str_rchr(l->item->name, '/');
        target = slash == DJ_NOT_FOUND
                     ? path
                     : dj_str_cat(s, dj_str_first(l->item->name, slash + 1), path);
    }
    target = dj_str_trim(dj_url_unquote(s, target));
    if (!normalised(s, target, &target))
        return dj_fail(s, DJ_ERR_SUSPICIOUS_FILE, "'" DJ_FMT "' leads out of STATIC_ROOT",
                       DJ_ARG(path));
    const dj_static_item *item = dj_map_get(&l->c->by_name, target);
    *out = DJ_NONE;
    if (item == NULL)
        return keep_stranger(l, target);
    *out = dj_str_is_none(item->hashed) ? hashed(l->c, item->name, item->original) : item->hashed;
    return DJ_OK;
}

/* "https:", "data:" */
static bool has_scheme(dj_str url)
{
    size_t i = 0;
    while (i < url.len && url.ptr[i] >= 'a' && url.ptr[i] <= 'z')
        i++;
    return i > 0 && i < url.len && url.ptr[i] == ':';
}

/* url_converter: the same link to the hashed file. Query and fragment stay. */
static dj_err relink(void *ctx, dj_str url, dj_str *replacement)
{
    const linking *l = ctx;
    if (has_scheme(url) || dj_str_starts(url, DJ_LIT("//")) ||
        (dj_str_starts(url, DJ_LIT("/")) && !dj_str_starts(url, l->c->static_url)))
        return DJ_OK;
    size_t sign = dj_str_chr(url, '#');
    dj_str fragment = dj_str_from(url, sign), path = dj_str_first(url, sign);
    size_t mark = dj_str_chr(path, '?');
    dj_str query = dj_str_from(path, mark), target;
    path = dj_str_first(path, mark);
    if (dj_str_trim(path).len == 0 && query.len == 0)
        return DJ_OK;
    *replacement = dj_url_unquote(l->scope, url); /* folders keep their name */
    if (dj_str_trim(path).len == 0 || dj_str_ends(path, DJ_LIT("/")))
        return DJ_OK;
    dj_err e = hashed_target(l, path, &target);
    if (e || dj_str_is_none(target))
        return e;
    size_t folder = dj_str_rchr(path, '/'), base = dj_str_rchr(target, '/');
    folder = folder == DJ_NOT_FOUND ? 0 : folder + 1;
    base = base == DJ_NOT_FOUND ? 0 : base + 1;
    /* "?#iefix" is an old browser's way into a font: the empty query matters */
    bool iefix = query.len == 1 && fragment.len > 1;
    *replacement =
        dj_strf(l->scope, DJ_FMT DJ_FMT DJ_FMT DJ_FMT,
                DJ_ARG(dj_url_unquote(l->scope, dj_str_first(path, folder))),
                DJ_ARG(dj_str_from(target, base)),
                DJ_ARG(query.len > 1 || iefix ? dj_url_unquote(l->scope, query) : DJ_LIT("")),
                DJ_ARG(fragment.len > 1 ? dj_url_unquote(l->scope, fragment) : DJ_LIT("")));
    return DJ_OK;
}

/* The contents that an adjustable file gets with the names of now. */
static dj_err adjusted(dj_scope *s, const dj_collection *c, const dj_static_item *item, dj_str *out)
{
    dj_str  text;
    size_t  line = 0;
    linking l = {.scope = s, .c = c, .item = item};
    dj_err  e = dj_static_item_read(s, c, item, ADJUSTED_MAX, &text);
    if (e)
        return e;
    if (!dj_utf8_valid(text))
        return dj_fail(s, DJ_ERR_MALFORMED, "'" DJ_FMT "' is not UTF-8", DJ_ARG(item->name));
    bool css = dj_str_ends(item->name, DJ_LIT(".css"));
    e = dj_static_rewrite(s, css ? DJ_STATIC_CSS : DJ_STATIC_JS, text, relink, &l, out, &line);
    if (e)
        return dj_fail(s, e, DJ_FMT " (named in '" DJ_FMT "', line %zu)",
                       DJ_ARG(dj_failure_text(s)), DJ_ARG(item->name), line);
    return DJ_OK;
}

/* -- one item -- */

/* The failure of one file's scope becomes that of the whole run. */
static dj_err passed_on(const dj_collection *c, dj_scope *s, dj_err e)
{
    if (e)
        e = dj_fail(c->scope, e, DJ_FMT, DJ_ARG(dj_failure_text(s)));
    return e;
}

static dj_err rename_item(const dj_collection *c, dj_scope *s, dj_static_item *item, bool *changed)
{
    dj_str text;
    char   hex[DJ_MD5_HEX];
    dj_err e = adjusted(s, c, item, &text);
    if (e)
        return passed_on(c, s, e);
    dj_md5_hex(c->md5, &text, 1, hex);
    dj_str name = hashed(c, item->name, hex);
    *changed = *changed || !dj_str_eq(name, item->hashed);
    item->hashed = name;
    return DJ_OK;
}

static void log_named(dj_collection *c, dj_scope *s, const dj_static_item *item, bool written)
{
    if (written)
        c->log(c->ctx, LOG_EACH_NAME,
               dj_strf(s, "Post-processed '" DJ_FMT "' as '" DJ_FMT "'", DJ_ARG(item->name),
                       DJ_ARG(item->hashed)));
    else
        c->log(c->ctx, LOG_EACH_NAME,
               dj_strf(s, "Skipped post-processing '" DJ_FMT "'", DJ_ARG(item->name)));
}

/* A copy of the source, too large or not worth compressing: its bytes don't go through memory. */
static dj_err write_plain(dj_collection *c, dj_scope *s, const dj_static_item *item)
{
    int    fd = dj_open_beneath(c->roots[item->source], dj_cstr(s, item->path), O_RDONLY);
    dj_err e = fd < 0 ? dj_fail_errno(s, "'" DJ_FMT "' can't be read", DJ_ARG(item->name))
                      : dj_static_out_copy(s, &c->out, item->hashed, fd, NULL, NULL);
    if (fd >= 0)
        close(fd);
    return e;
}

/* The copy under the hashed name, behind its compressed ones: where it is, they are. */
static dj_err write_item(dj_collection *c, dj_scope *s, const dj_static_item *item)
{
    struct stat st;
    dj_str      bytes = DJ_NONE;
    bool        there = dj_static_out_stat(s, &c->out, item->hashed, &st);
    bool        compress = dj_media_type_of(item->name)->compress && item->size <= COMPRESS_MAX;
    dj_err      e = DJ_OK;
    if (item->adjustable || !there)
        c->post_processed++;
    log_named(c, s, item, item->adjustable || !there);
    if (there)
        return DJ_OK;
    if (item->adjustable)
        e = adjusted(s, c, item, &bytes);
    else if (compress)
        e = dj_static_item_read(s, c, item, COMPRESS_MAX, &bytes);
    if (!e && compress)
        e = dj_static_out_compress(s, &c->out, item->hashed, bytes);
    if (!e)
        e = dj_str_is_none(bytes) ? write_plain(c, s, item)
                                  : dj_static_out_write(s, &c->out, item->hashed, bytes);
    return passed_on(c, s, e);
}

/* -- all of them -- */

/* Files in deeper folders first, as Django goes through them: on the way fewer names change. */
static size_t depth_of(dj_str name)
{
    size_t depth = 0;
    for (size_t i = 0; i < name.len; i++)
        depth += name.ptr[i] == '/';
    return depth;
}

static int deepest_first(const void *a, const void *b)
{
    const dj_static_item *x = *(const dj_static_item *const *)a,
                         *y = *(const dj_static_item *const *)b;
    size_t dx = depth_of(x->name), dy = depth_of(y->name);
    return dx != dy ? (dx > dy ? -1 : 1) : x < y ? -1 : x > y;
}

static dj_err one_pass(dj_collection *c, dj_scope *s, dj_static_item **order, size_t n, int pass,
                       bool *changed)
{
    *changed = false;
    for (size_t i = 0; i < n; i++) {
        c->progress(c->ctx, pass == 0 ? "naming" : "linking", i, n);
        dj_err e = rename_item(c, s, order[i], changed);
        if (e) {
            c->log(c->ctx, 0,
                   dj_strf(s, "Post-processing '" DJ_FMT "' failed!\n", DJ_ARG(order[i]->name)));
            return e;
        }
        dj_scope_reset(s);
    }
    return DJ_OK;
}

static dj_err settle_names(dj_collection *c, dj_scope *s)
{
    dj_static_item **order = dj_new_array(c->scope, dj_static_item *, c->len);
    size_t           n = 0;
    bool             changed = true;
    dj_err           e = DJ_OK;
    for (size_t i = 0; i < c->len; i++) {
        if (c->items[i].adjustable)
            order[n++] = &c->items[i];
        else
            c->items[i].hashed = hashed(c, c->items[i].name, c->items[i].original);
    }
    if (n > 0)
        qsort(order, n, sizeof(dj_static_item *), deepest_first);
    for (int pass = 0; pass <= PASSES_MAX && changed && !e; pass++)
        e = one_pass(c, s, order, n, pass, &changed);
    if (!e && changed && n > 0)
        e = dj_fail(
            c->scope, DJ_ERR_LIMIT,
            "Max post-process passes exceeded: do stylesheets name each other in a circle?");
    return e;
}

static dj_err write_manifest(dj_collection *c)
{
    dj_static_pair *pairs = dj_new_array(c->scope, dj_static_pair, c->len);
    for (size_t i = 0; i < c->len; i++)
        pairs[i] = (dj_static_pair){.name = c->items[i].name, .hashed = c->items[i].hashed};
    dj_str text = dj_static_manifest_text(c->scope, c->md5, pairs, c->len);
    if (dj_str_is_none(text))
        return dj_fail(c->scope, DJ_ERR_LIMIT, "too many files for one manifest");
    dj_err e = dj_static_out_sync(c->scope, &c->out);
    if (!e)
        e = dj_static_out_write(c->scope, &c->out, DJ_LIT(DJ_STATIC_MANIFEST), text);
    return e ? e : dj_static_out_sync(c->scope, &c->out);
}

dj_err dj_collection_post_process(dj_collection *c)
{
    dj_scope *s = dj_scope_open(FILE_SCOPE);
    if (s == NULL)
        return dj_fail(c->scope, DJ_ERR_MEMORY, "no memory");
    dj_err e = settle_names(c, s);
    for (size_t i = 0; i < c->len && !e; i++) {
        c->progress(c->ctx, "writing", i, c->len);
        dj_scope_reset(s);
        e = write_item(c, s, &c->items[i]);
    }
    dj_scope_close(s);
    return e ? e : write_manifest(c);
}
