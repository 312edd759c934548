/* src/http/upload.c - a file that a client sends: its bytes, and what is left of its name.
 *
 * Bytes lie in memory until the request's share is used up, then in a file that has no name
 * (O_TMPFILE), so nothing is left behind however the request ends. What goes to disk goes through a
 * writer of loop/: threads write, the loop does not wait for a disk. Django:
 * core/files/uploadhandler.py, http/multipartparser.py (sanitize_file_name).
 *
 * Must not know: forms, where a program keeps files. */
#include "donjon/unicode.h"
#include "http/http.h"
#include "loop/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME_CHARS_MAX 255

/* -- bytes -- */

static void close_store(void *what)
{
    dj_upload_store *store = what;
    if (store->writer != NULL)
        dj_writer_end(store->writer);
    store->writer = NULL;
    store->fd = -1;
}

dj_upload_store *dj_upload_store_new(dj_scope *s, const dj_form_limits *limits)
{
    dj_upload_store *store = dj_new(s, dj_upload_store);
    *store = (dj_upload_store){
        .scope = s, .memory = dj_buf_make(s, SIZE_MAX / 2), .limits = limits, .fd = -1};
    return store;
}

dj_err dj_file_error(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return DJ_ERR_NO_SPACE;
    case ENOMEM:
        return DJ_ERR_MEMORY;
    case EMFILE:
    case ENFILE:
    case EAGAIN: /* the writers' queue is full */
        return DJ_ERR_OVERLOAD;
    default:
        return DJ_ERR_IO;
    }
}

static dj_err not_kept(dj_scope *s, int error)
{
    return dj_fail(s, dj_file_error(error),
                   "An uploaded file can't be kept in FILE_UPLOAD_TEMP_DIR: %s",
                   strerrordesc_np(error));
}

static dj_err open_temp(dj_upload_store *store)
{
    dj_scope *s = store->scope;
    dj_str    dir = store->limits->temp_dir;
    if (dj_str_is_none(dir))
        dir = dj_str_of(secure_getenv("TMPDIR"));
    if (dir.len == 0)
        dir = DJ_LIT("/tmp");
    store->fd = open(dj_cstr(s, dir), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (store->fd < 0)
        return not_kept(s, errno);
    store->writer = dj_writer_new(store->limits->loop, store->fd);
    if (store->writer == NULL) {
        close(store->fd);
        store->fd = -1;
        return not_kept(s, ENOMEM);
    }
    dj_own(s, close_store, store);
    return DJ_OK;
}

static dj_err write_temp(dj_upload_store *store, dj_str bytes)
{
    int error = dj_writer_add(store->writer, bytes.ptr, bytes.len);
    return error == 0 ? DJ_OK : not_kept(store->scope, error);
}

dj_err dj_upload_store_add(dj_upload_store *store, dj_str bytes, uint64_t memory)
{
    store->size += bytes.len;
    if (store->fd < 0 && store->memory.len + bytes.len <= memory) {
        dj_buf_add(&store->memory, bytes);
        return DJ_OK;
    }
    if (store->fd < 0) {
        dj_err e = open_temp(store);
        if (!e)
            e = write_temp(store, dj_buf_str(&store->memory));
        if (e)
            return e;
        store->memory.len = 0;
    }
    return write_temp(store, bytes);
}

dj_err dj_upload_store_finish(dj_upload_store *store)
{
    int error = store->writer == NULL ? 0 : dj_writer_flush(store->writer);
    return error == 0 ? DJ_OK : not_kept(store->scope, error);
}

void dj_upload_store_drop(dj_upload_store *store)
{
    if (store->fd < 0)
        return;
    dj_disown(store->scope, store);
    close_store(store);
}

dj_err dj_upload_read(dj_scope *s, const dj_upload *upload, uint64_t offset, void *out, size_t max,
                      size_t *got)
{
    const dj_upload_store *store = upload->store;
    *got = 0;
    if (offset >= upload->size)
        return DJ_OK;
    if (max > upload->size - offset)
        max = (size_t)(upload->size - offset);
    if (store->fd < 0) {
        memcpy(out, store->memory.ptr + offset, max);
        *got = max;
        return DJ_OK;
    }
    while (*got < max) {
        ssize_t n = pread(store->fd, (char *)out + *got, max - *got, (off_t)(offset + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return dj_fail_errno(s, "An uploaded file can't be read back");
        *got += (size_t)n;
    }
    return DJ_OK;
}

/* -- names -- */

static dj_str after_last(dj_str text, char c)
{
    size_t at = dj_str_rchr(text, c);
    return at == DJ_NOT_FOUND ? text : dj_str_from(text, at + 1);
}

/* How many bytes the first `chars` characters have. */
static size_t bytes_of(dj_str text, size_t chars)
{
    size_t pos = 0;
    while (chars-- > 0 && pos < text.len)
        (void)dj_utf8_next(text, &pos);
    return pos;
}

/* Dots at the start belong to the name. */
size_t dj_extension_at(dj_str name)
{
    size_t dot = dj_str_rchr(name, '.'), start = 0;
    while (start < name.len && name.ptr[start] == '.')
        start++;
    return dot == DJ_NOT_FOUND || dot < start ? name.len : dot;
}

static dj_str shortened(dj_scope *s, dj_str name)
{
    if (dj_utf8_len(name) <= NAME_CHARS_MAX)
        return name;
    size_t at = dj_extension_at(name);
    dj_str root = dj_str_first(name, at), extension = dj_str_from(name, at);
    extension.len = bytes_of(extension, NAME_CHARS_MAX);
    root.len = bytes_of(root, NAME_CHARS_MAX - dj_utf8_len(extension));
    return dj_str_cat(s, root, extension);
}

dj_str dj_upload_name(dj_scope *s, dj_str name)
{
    name = after_last(after_last(dj_html_unescape(s, name), '/'), '\\');
    char  *kept = dj_alloc_raw(s, name.len + 1);
    size_t len = 0;
    for (size_t pos = 0; pos < name.len;) {
        size_t  start = pos;
        int32_t cp = dj_utf8_next(name, &pos);
        if (cp < 0 || !dj_cp_is_printable((uint32_t)cp))
            continue;
        memcpy(kept + len, name.ptr + start, pos - start);
        len += pos - start;
    }
    dj_str clean = dj_str_n(kept, len);
    if (len == 0 || dj_str_eq(clean, DJ_LIT(".")) || dj_str_eq(clean, DJ_LIT("..")))
        return DJ_NONE;
    return shortened(s, clean);
}
