/* include/donjon/forms.h - what a client sent in the body: forms, files, JSON.
 *
 *   const dj_form *form;
 *   if (dj_form_parse(req, &form) != DJ_OK)
 *       return dj_raise_failure(req);
 *   dj_str title = dj_post_get(form, DJ_LIT("title"));
 *
 * Texts are UTF-8. Files have names that a client chose: text to show, never a path. Small ones lie
 * in memory, larger ones in a file without a name that vanishes with the request. Limits:
 * DATA_UPLOAD_MAX_MEMORY_SIZE, DATA_UPLOAD_MAX_NUMBER_FIELDS, DATA_UPLOAD_MAX_NUMBER_FILES,
 * FILE_UPLOAD_MAX_MEMORY_SIZE. Django: request.POST, request.FILES, topics/http/file-uploads. */
#pragma once
#include "donjon/json.h"
#include "donjon/request.h"

DJ_BEGIN_DECLS

typedef struct dj_form dj_form;

typedef struct dj_header_param {
    dj_str name, value;
} dj_header_param;

/* A file that came with a form. Read only. */
typedef struct dj_upload {
    dj_str field; /* name of the form's field */
    dj_str name;  /* last part of what the client called it, at most 255 characters; not empty, no
                     '/', '\', control */
    dj_str content_type; /* what the client says, in lower case; may be empty. Not to be trusted */
    dj_str charset;      /* DJ_NONE if it said none */
    const dj_header_param  *params; /* of its Content-Type, charset included */
    size_t                  nparams;
    uint64_t                size;
    struct dj_upload_store *store; /* where the bytes are: Donjon's own */
} dj_upload;

/* Reads the body, once: a second call gives the same form. Empty for a method other than POST and
 * for a content type other than application/x-www-form-urlencoded and multipart/form-data. `return
 * dj_raise_failure(req)` answers a failure as Django does; after one the form is empty and is not
 * read again. DJ_ERR_DATA_TOO_BIG, DJ_ERR_TOO_MANY_FIELDS, DJ_ERR_TOO_MANY_FILES, DJ_ERR_MULTIPART,
 * DJ_ERR_BAD_REQUEST   400
 * DJ_ERR_NO_SPACE 507, DJ_ERR_IO 500: a file could not be kept. A form over 64 KiB is read while it
 * arrives, and the server gives that answer before there is a view. */
DJ_CHECKED DJ_NONNULL dj_err dj_form_parse(dj_req *req, const dj_form **form);

/* request.POST[name]: the last value; DJ_NONE if there is none. */
DJ_NONNULL dj_str dj_post_get(const dj_form *form, dj_str name);
/* request.POST.getlist(name): how many values, and each, in order. `i` counts from 0; past the end:
 * DJ_NONE. */
DJ_NONNULL size_t dj_post_count(const dj_form *form, dj_str name);
DJ_NONNULL dj_str dj_post_at(const dj_form *form, dj_str name, size_t i);
/* All fields in order of first appearance: how many names, and each. */
DJ_NONNULL size_t dj_post_names(const dj_form *form);
DJ_NONNULL dj_str dj_post_name(const dj_form *form, size_t i);

/* request.FILES[name]: the last file; NULL if there is none. */
DJ_NONNULL const dj_upload *dj_file_get(const dj_form *form, dj_str name);
DJ_NONNULL size_t           dj_file_count(const dj_form *form, dj_str name);
DJ_NONNULL const dj_upload *dj_file_at(const dj_form *form, dj_str name, size_t i);
DJ_NONNULL size_t           dj_file_names(const dj_form *form);
DJ_NONNULL dj_str           dj_file_name(const dj_form *form, size_t i);

/* The whole body as a file, for an API that takes one by PUT: to be read in parts or saved, however
 * large it is. `name` is what dj_upload_save shall make a name from: the program's choice. Its type
 * is that of the request. NULL for a form with files (POST, multipart/form-data). */
DJ_CHECKED DJ_NONNULL const dj_upload *dj_req_body_upload(dj_req *req, dj_str name);

/* Up to `max` bytes from `offset` on; *got is less than `max` only at the end. DJ_ERR_IO. */
DJ_CHECKED DJ_NONNULL dj_err dj_upload_read(dj_scope *s, const dj_upload *upload, uint64_t offset,
                                            void *out, size_t max, size_t *got);
/* Writes the file into `dir`, an existing folder that the program names, under a name made from the
 * client's (dj_valid_filename; seven random letters before the extension if it is taken), and says
 * which. Nothing that exists is written to, no symbolic link followed, nothing outside `dir`
 * reached. On disk when the call returns; mode FILE_UPLOAD_PERMISSIONS. After an error there is no
 * file. May wait: threads do the work.
 *   DJ_ERR_SUSPICIOUS_FILE  no usable name is left (400)
 *   DJ_ERR_NO_SPACE         the disk is full (507)
 *   DJ_ERR_IO               no such folder, no permission (500)
 * Serve such files from another host, or as attachments:
 * docs/uploads.md. */
DJ_CHECKED DJ_NONNULL dj_err dj_upload_save(dj_req *req, const dj_upload *upload, dj_str dir,
                                            dj_str *name) DJ_WAITS;

/* The body as JSON, whatever its Content-Type says: at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes, 64
 * brackets deep, 100,000 values. DJ_ERR_DATA_TOO_BIG, or DJ_ERR_BAD_REQUEST for what is no JSON
 * (400 both). */
DJ_CHECKED DJ_NONNULL dj_err dj_json_body(dj_req *req, const dj_json_value **value);

DJ_END_DECLS
