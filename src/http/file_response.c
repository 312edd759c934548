/* src/http/file_response.c - a file as a view's answer.
 *
 * Django: http/response.py, FileResponse; views/static.py, serve.
 *
 * Must not know: settings, routes, which files there are. */
#include "donjon/files.h"
#include "donjon/time.h"
#include "http/files.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void close_fd(void *what)
{
    close((int)(intptr_t)what);
}

static dj_str etag_of(dj_scope *s, const struct stat *st)
{
    return dj_strf(s, "\"%llx.%09lx-%llx\"", (unsigned long long)st->st_mtim.tv_sec,
                   (unsigned long)st->st_mtim.tv_nsec, (unsigned long long)st->st_size);
}

/* The last part of a path. */
static dj_str base_name(dj_str name)
{
    size_t slash = dj_str_rchr(name, '/');
    return slash == DJ_NOT_FOUND ? name : dj_str_from(name, slash + 1);
}

/* -- the answer -- */

static void add_type(dj_response *resp, dj_str type, dj_str name, const dj_file_options *o)
{
    bool   tame = dj_media_type_is_active(type) && !o->trust_markup;
    dj_str disposition =
        dj_content_disposition(resp->req->scope, o->attachment || tame,
                               dj_str_is_none(o->filename) ? base_name(name) : o->filename);
    dj_header_set(resp, DJ_LIT("Content-Type"), type);
    if (disposition.len > 0)
        dj_header_set(resp, DJ_LIT("Content-Disposition"), disposition);
    if (tame)
        dj_header_set(resp, DJ_LIT("Content-Security-Policy"),
                      DJ_LIT("sandbox; default-src 'none'"));
    if (!dj_header_seen(resp, DJ_HEADER_NOSNIFF))
        dj_header_set(resp, DJ_LIT("X-Content-Type-Options"), DJ_LIT("nosniff"));
}

static dj_response *answer(dj_req *req, int fd, const struct stat *st, dj_str name,
                           const dj_file_options *o)
{
    uint64_t      size = (uint64_t)st->st_size;
    dj_validators have = {.etag = o->etag, .last_modified = st->st_mtim.tv_sec};
    dj_range      part = {.from = 0, .len = size};
    if (dj_str_is_none(have.etag))
        have.etag = etag_of(req->scope, st);
    dj_file_asked asked = dj_file_asked_of(req);
    int           status = dj_file_status(req, &asked, &have, size, &part);
    if (status == 412 || status == 416) {
        dj_response *refused = dj_respond(req, status);
        if (status == 416)
            dj_content_range_add(refused, &part, size);
        return refused;
    }
    dj_response *resp = dj_response_bare(req, status);
    dj_header_set(resp, DJ_LIT("ETag"), have.etag);
    dj_header_set(resp, DJ_LIT("Last-Modified"), dj_http_date_str(req->scope, have.last_modified));
    if (status == 304)
        return resp;
    dj_header_set(resp, DJ_LIT("Accept-Ranges"), DJ_LIT("bytes"));
    if (status == 206)
        dj_content_range_add(resp, &part, size);
    add_type(resp, dj_str_is_none(o->content_type) ? dj_media_type_of(name)->type : o->content_type,
             name, o);
    dj_body_file(resp, fd, part.from, part.len);
    /* The file's own bytes are what was asked for: nothing of it is mistaken for a page of ours. */
    resp->raw = false;
    return resp;
}

static dj_response *respond(dj_req *req, int fd, dj_str name, const dj_file_options *options)
{
    static const dj_file_options none = {.attachment = false};
    struct stat                  st;
    if (fstat(fd, &st) < 0)
        return dj_raise(req, DJ_ERR_IO, "fstat of a file to send: %s", strerrordesc_np(errno));
    if (!S_ISREG(st.st_mode))
        return dj_raise(req, DJ_ERR_NOT_FOUND, "no regular file");
    return answer(req, fd, &st, name, options == NULL ? &none : options);
}

dj_response *dj_file_response_fd(dj_req *req, int fd, dj_str name, const dj_file_options *options)
{
    dj_own(req->scope, close_fd, (void *)(intptr_t)fd);
    return respond(req, fd, name, options);
}

dj_response *dj_file_response(dj_req *req, dj_str dir, dj_str name, const dj_file_options *options)
{
    /* O_NONBLOCK: a pipe that lies there must not hold the worker up. */
    const struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    dj_scope *s = req->scope;
    if (name.len == 0 || dj_str_chr(name, '\0') != DJ_NOT_FOUND)
        return dj_raise(req, DJ_ERR_NOT_FOUND, "no name of a file");
    int folder = open(dj_cstr(s, dir), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return dj_raise(req, dj_file_error(errno), "open " DJ_FMT ": %s", DJ_ARG(dir),
                        strerrordesc_np(errno));
    int fd = (int)syscall(SYS_openat2, folder, dj_cstr(s, name), &how, sizeof how);
    int why = errno;
    close(folder);
    if (fd >= 0)
        return dj_file_response_fd(req, fd, name, options);
    if (why == EXDEV)
        return dj_raise(req, DJ_ERR_SUSPICIOUS_FILE, "a file outside of " DJ_FMT " was asked for",
                        DJ_ARG(dir));
    if (why == ENOENT || why == ENOTDIR || why == ELOOP || why == ENAMETOOLONG || why == ENXIO)
        return dj_raise(req, DJ_ERR_NOT_FOUND, "no such file");
    return dj_raise(req, dj_file_error(why), "open a file below " DJ_FMT ": %s", DJ_ARG(dir),
                    strerrordesc_np(why));
}
