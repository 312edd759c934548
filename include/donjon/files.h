/* include/donjon/files.h - a file as an answer: ranges, conditional requests, its type and name.
 *
 *     static dj_response *invoice(dj_req *req)
 *     {
 *         const invoice *i = invoice_get(req, dj_path_int(req, "id"));
 *         return dj_file_response(req, DJ_LIT("/srv/shop/invoices"), i->file,
 *                                 &(dj_file_options){.attachment = true, .filename = i->title});
 *     }
 *
 * The bytes never pass through the program: the kernel sends them. Answers 200, 206 to a Range (one
 * range; several get the whole file), 304, 412 and 416. A GET or HEAD is expected.
 *
 * Django: ref/request-response, FileResponse. RFC 9110 sections 13 and 14, RFC 6266. */
#pragma once
#include "donjon/response.h"

DJ_BEGIN_DECLS

typedef struct dj_file_options {
    bool   attachment;   /* the browser saves it instead of showing it */
    dj_str filename;     /* the name that it is saved under, UTF-8; DJ_NONE: that of the file */
    dj_str content_type; /* DJ_NONE: by the extension, from a fixed table */
    dj_str etag;         /* complete, "\"v1\""; DJ_NONE: made of size and time of change */
    /* A type in which a browser runs scripts (HTML, SVG, XML) is sent as an attachment and with
     * "Content-Security-Policy: sandbox; default-src 'none'", so that what a visitor uploaded can't
     * act in the name of the site. True: the program vouches for the file. */
    bool trust_markup;
} dj_file_options;

/* The file `name` below the folder `dir` (absolute). The kernel sees to it that neither ".." nor a
 * link leads out of it, so `name` may be of a client's choice; a name that tries is
 * SuspiciousFileOperation (400), what is not there or no regular file is 404. `options` may be
 * NULL. */
DJ_RETURNS dj_response *dj_file_response(dj_req *req, dj_str dir, dj_str name,
                                         const dj_file_options *options)
    __attribute__((nonnull(1)));
/* The same for an open descriptor of a regular file; it is closed when the request ends, whatever
 * the answer is. `name` says the type, and what it is saved under. */
DJ_RETURNS dj_response *dj_file_response_fd(dj_req *req, int fd, dj_str name,
                                            const dj_file_options *options)
    __attribute__((nonnull(1)));

DJ_END_DECLS
