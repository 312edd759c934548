/* src/http/intake.c - a long body while it arrives: a form is read at once, anything else goes to
 * disk.
 *
 * A short body waits in memory until a view asks for it. A long one would cost its length, so it is
 * handed here piece by piece. What a multipart parser makes of a form is kept, its bytes are not: a
 * file in it is written once. If it is no form that can be read, the view shall learn that when it
 * asks, as with a short one; until then the rest is thrown away. Every other body becomes a file
 * without a name, which is mapped when it is whole: a view sees the bytes as ever, and memory is
 * used only for those it looks at.
 *
 * Must not know: sockets, settings. Django: core/handlers/wsgi.py, http/request.py. */
#include "donjon/forms.h"
#include "http/http.h"
#include <errno.h>
#include <sys/mman.h>

/* Of the files of one form, whatever FILE_UPLOAD_MAX_MEMORY_SIZE would allow: many clients send at
 * once. */
#define FILES_MEMORY ((uint64_t)64 * 1024)

/* -- as it arrives -- */

static bool is_ours(dj_err e)
{
    return e == DJ_ERR_NO_SPACE || e == DJ_ERR_IO || e == DJ_ERR_MEMORY || e == DJ_ERR_OVERLOAD;
}

/* What the client did wrong is kept for the view; what went wrong here ends the request. */
static dj_err keep_failure(dj_req *req, dj_err e)
{
    dj_intake *in = req->intake;
    if (is_ours(e))
        return e;
    in->failed = e;
    in->why = dj_failure_text(req->scope);
    dj_failure_clear(req->scope);
    return DJ_OK;
}

static dj_err begin(dj_req *req, const dj_form_limits *limits)
{
    dj_intake *in = dj_new(req->scope, dj_intake);
    in->limits = *limits;
    if (in->limits.files_memory > FILES_MEMORY)
        in->limits.files_memory = FILES_MEMORY;
    in->is_form = dj_form_is_multipart(req);
    req->intake = in;
    if (!in->is_form) {
        in->store = dj_upload_store_new(req->scope, &in->limits);
        return DJ_OK;
    }
    dj_err e = dj_form_begin(req, &in->limits, &in->multipart);
    return e ? keep_failure(req, e) : DJ_OK;
}

dj_err dj_intake_take(dj_req *req, const dj_form_limits *limits, dj_str bytes)
{
    dj_err e = req->intake == NULL ? begin(req, limits) : DJ_OK;
    if (e || req->intake->failed)
        return e;
    if (!req->intake->is_form)
        return dj_upload_store_add(req->intake->store, bytes, 0);
    e = dj_multipart_feed(req->intake->multipart, bytes);
    return e ? keep_failure(req, e) : DJ_OK;
}

/* -- when it is whole -- */

typedef struct mapping {
    void  *at;
    size_t len;
} mapping;

static void unmap(void *what)
{
    const mapping *m = what;
    munmap(m->at, m->len);
}

/* Nobody else has the file, so nobody can shorten it under the mapping. */
static dj_err map_body(dj_req *req, const dj_upload_store *store)
{
    mapping *m = dj_new(req->scope, mapping);
    m->len = (size_t)store->size;
    m->at = mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, store->fd, 0);
    if (m->at == MAP_FAILED)
        return dj_fail(req->scope, DJ_ERR_MEMORY, "A body of %zu bytes can't be mapped: %s", m->len,
                       strerrordesc_np(errno));
    dj_own(req->scope, unmap, m);
    req->body = dj_str_n(m->at, m->len);
    return DJ_OK;
}

dj_err dj_intake_end(dj_req *req)
{
    dj_intake *in = req->intake;
    if (in == NULL || in->failed)
        return DJ_OK;
    if (in->is_form) {
        dj_err e = dj_multipart_end(in->multipart, &in->form);
        return e ? keep_failure(req, e) : DJ_OK;
    }
    dj_err e = dj_upload_store_finish(in->store);
    return e || in->store->size == 0 ? e : map_body(req, in->store);
}

dj_err dj_intake_form(dj_req *req, dj_form **form)
{
    const dj_intake *in = req->intake;
    if (in->failed)
        return dj_fail(req->scope, in->failed, DJ_FMT, DJ_ARG(in->why));
    *form = in->form;
    return DJ_OK;
}

/* -- the body as a file -- */

const dj_upload *dj_req_body_upload(dj_req *req, dj_str name)
{
    static const dj_form_limits in_memory = {0};
    dj_scope                   *s = req->scope;
    dj_header_params            type;
    if (dj_str_is_none(dj_req_body(req)))
        return NULL;
    dj_upload *upload = dj_new(s, dj_upload);
    *upload = (dj_upload){.field = DJ_LIT(""), .name = name, .charset = DJ_NONE};
    upload->size = req->body.len;
    upload->content_type = DJ_LIT("");
    if (dj_header_params_parse(s, dj_latin1_to_utf8(s, dj_req_header(req, DJ_LIT("Content-Type"))),
                               &type) == DJ_OK) {
        upload->content_type = type.value;
        upload->charset = dj_header_param_get(&type, DJ_LIT("charset"));
    }
    if (req->intake != NULL) {
        upload->store = req->intake->store;
        return upload;
    }
    upload->store = dj_upload_store_new(s, &in_memory);
    upload->store->memory.ptr = (char *)(uintptr_t)req->body.ptr; /* only ever read */
    upload->store->memory.len = req->body.len;
    upload->store->size = req->body.len;
    return upload;
}
