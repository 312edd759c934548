/* src/app/static_serve.c - answers requests for static files.
 *
 * In production a look-up in the index, prepared header lines, and bytes from memory or by
 * sendfile. The path of a request is a key and never a name of a file. With DEBUG a file is looked
 * for each time, below the folders of sources.
 *
 * Must not know: how the index is made, what hashed names are. */
#include "app/static.h"
#include "donjon/files.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Descriptors that a worker keeps; what is asked for beyond is opened each time. */
#define OPEN_MAX_KEPT 256

#define LINE(resp, id, text, name)                                                                 \
    dj_header_add_line((resp), (id), (uint32_t)sizeof(name) - 1, DJ_LIT(text))

static void close_fd(void *what)
{
    close((int)(intptr_t)what);
}

/* -- the body -- */

/* An open file for `body`. *fresh is filled if the file is another one than at start: it was
 * collected anew, and the site not yet reloaded. */
static int open_body(dj_req *req, dj_static *st, dj_static_body *body, dj_static_body *fresh)
{
    struct stat now;
    if (body->fd >= 0)
        return body->fd;
    int fd = dj_open_beneath(st->root, body->path, O_RDONLY);
    if (fd < 0)
        return -1;
    if (fstat(fd, &now) < 0 || !S_ISREG(now.st_mode)) {
        close(fd);
        return -1;
    }
    bool same = body->size == (uint64_t)now.st_size && body->mtime == now.st_mtim.tv_sec &&
                body->mtime_ns == now.st_mtim.tv_nsec;
    if (same && st->nopen < OPEN_MAX_KEPT) {
        body->fd = fd; /* until the site ends */
        st->nopen++;
        return fd;
    }
    dj_own(req->scope, close_fd, (void *)(intptr_t)fd);
    if (!same && dj_static_describe(req->scope, &now, body->mark, fresh) != DJ_OK)
        return -1;
    return fd;
}

static void add_body(dj_response *resp, const dj_static_body *body, int fd, const dj_range *part)
{
    if (body->bytes != NULL)
        dj_body_add(resp, dj_str_n(body->bytes + part->from, (size_t)part->len));
    else
        dj_body_file(resp, fd, part->from, part->len);
    resp->raw = false; /* the operator's own files: markup is meant to be markup */
}

/* -- the answer -- */

static void add_line(dj_response *resp, const dj_header *h)
{
    dj_header_add_line(resp, h->id, h->name_len, h->line);
}

/* Style sheets, scripts, pictures: framing, features and openers are matters of pages. Who may load
 * them is not. */
static void add_policies(dj_req *req, dj_response *resp)
{
    const struct dj_site *site = req->site;
    resp->part = true;
    for (size_t i = 0; i < site->nlines && site->settings->SECURE_ALL_ANSWERS; i++) {
        if (site->lines[i].header.id == DJ_HEADER_CORP)
            add_line(resp, &site->lines[i].header);
    }
}

static dj_response *refused(dj_req *req, int status, uint64_t size)
{
    dj_response *resp = dj_respond(req, status);
    if (status == 416)
        dj_content_range_add(resp, NULL, size);
    return resp;
}

static dj_response *respond(dj_req *req, const dj_static_entry *entry, dj_coding coding,
                            const dj_static_body *body, int fd, const dj_file_asked *asked)
{
    const dj_validators have = {.etag = body->etag_value, .last_modified = body->mtime};
    dj_range            part = {.from = 0, .len = body->size};
    int                 status = dj_file_status(req, asked, &have, body->size, &part);
    if (DJ_UNLIKELY(status == 412 || status == 416))
        return refused(req, status, body->size);
    dj_response *resp = dj_response_bare(req, status);
    add_line(resp, &entry->cache);
    add_line(resp, &body->etag);
    add_line(resp, &body->modified);
    if (!entry->document)
        add_policies(req, resp);
    if (entry->codings != 1u << DJ_CODING_IDENTITY)
        LINE(resp, DJ_HEADER_VARY, "Vary: Accept-Encoding\r\n", "Vary");
    if (status == 304)
        return resp;
    add_line(resp, &entry->type);
    LINE(resp, DJ_HEADER_OTHER, "Accept-Ranges: bytes\r\n", "Accept-Ranges");
    LINE(resp, DJ_HEADER_NOSNIFF, "X-Content-Type-Options: nosniff\r\n", "X-Content-Type-Options");
    if (coding == DJ_CODING_GZIP)
        LINE(resp, DJ_HEADER_CONTENT_ENCODING, "Content-Encoding: gzip\r\n", "Content-Encoding");
    else if (coding == DJ_CODING_BR)
        LINE(resp, DJ_HEADER_CONTENT_ENCODING, "Content-Encoding: br\r\n", "Content-Encoding");
    if (status == 206)
        dj_content_range_add(resp, &part, body->size);
    add_body(resp, body, fd, &part);
    return resp;
}

static dj_response *answer(dj_req *req, dj_static *st, const dj_static_entry *entry)
{
    dj_file_asked   asked = dj_file_asked_of(req);
    dj_coding       coding = dj_coding_choose(asked.accept_encoding, entry->codings);
    dj_static_body *body = entry->bodies[coding];
    if (body->bytes != NULL)
        return respond(req, entry, coding, body, -1, &asked);
    dj_static_body fresh = {.path = NULL};
    int            fd = open_body(req, st, body, &fresh);
    if (DJ_UNLIKELY(fd < 0))
        return dj_raise(
            req, errno == EMFILE || errno == ENFILE ? DJ_ERR_OVERLOAD : DJ_ERR_NOT_FOUND,
            "a static file that was there at start can't be opened: %s", strerrordesc_np(errno));
    if (DJ_LIKELY(fresh.etag.line.len == 0))
        return respond(req, entry, coding, body, fd, &asked);
    return respond(req, entry, coding, &fresh, fd, &asked);
}

/* -- development -- */

/* A part of the path that begins with a dot. */
static bool is_hidden(dj_str path)
{
    dj_str part;
    while (dj_str_next(&path, '/', &part)) {
        if (part.len > 0 && part.ptr[0] == '.')
            return true;
    }
    return false;
}

static int open_source(dj_req *req, const dj_static_source *source, dj_str name)
{
    struct stat st;
    if (!dj_str_starts(name, source->prefix))
        return -1;
    name = dj_str_from(name, source->prefix.len);
    int root = open(dj_cstr(req->scope, source->folder), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    int fd = dj_open_beneath(root, dj_cstr(req->scope, name), O_RDONLY);
    close(root);
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* The first source that has it; -1: none. */
static int find_in_sources(dj_req *req, const dj_static *st, dj_str name)
{
    int fd = -1;
    if (name.len == 0 || is_hidden(name) || dj_str_chr(name, '\0') != DJ_NOT_FOUND)
        return -1;
    for (size_t i = 0; i < st->sources.len && fd < 0; i++)
        fd = open_source(req, &st->sources.items[i], name);
    return fd;
}

static dj_response *answer_from_source(dj_req *req, int fd, dj_str name)
{
    dj_response *resp =
        dj_file_response_fd(req, fd, name, &(dj_file_options){.trust_markup = true});
    dj_header_remove(resp, DJ_LIT("Content-Disposition"));
    dj_header_set(resp, DJ_LIT("Cache-Control"), DJ_LIT("no-cache"));
    return resp;
}

/* -- the layer -- */

static dj_response *around(dj_req *req, dj_next *next)
{
    dj_static *st = dj_layer_state(next);
    if (DJ_LIKELY(!dj_str_starts(req->path, st->prefix)))
        return dj_call(next, req);
    dj_str           name = dj_str_from(req->path, st->prefix.len);
    bool             debug = req->site->settings->DEBUG;
    int              fd = debug ? find_in_sources(req, st, name) : -1;
    dj_static_entry *entry = debug ? NULL : dj_map_get(&st->entries, name);
    if (entry == NULL && fd < 0) /* STATIC_URL "/": pages live there, too */
        return st->prefix.len == 1 ? dj_call(next, req) : dj_not_found(req);
    if (DJ_UNLIKELY((req->head->method & (DJ_GET | DJ_HEAD)) == 0)) {
        if (fd >= 0)
            close(fd);
        return dj_method_not_allowed(req, DJ_GET | DJ_HEAD);
    }
    return entry != NULL ? answer(req, st, entry) : answer_from_source(req, fd, name);
}

const dj_middleware dj_static_layer = {
    .name = "static files",
    .after = "django.middleware.security.SecurityMiddleware",
    .around = around,
};
