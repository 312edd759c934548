/* src/manage/collectstatic_write.c - puts files into STATIC_ROOT, each of them whole or not at all.
 *
 * A file is written to a folder of its own inside STATIC_ROOT, brought to disk and then renamed, so
 * a site that serves from there, a full disk or a crash never sees half of one. No link inside
 * STATIC_ROOT is followed.
 *
 * Must not know: what the files are. */
#include "manage/collectstatic.h"
#include <brotli/encode.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#define STAGING    ".collectstatic"
#define STEP       ((size_t)64 * 1024)
#define GZIP_LEVEL 9
#define WITH_GZIP  (15 + 16) /* zlib: the largest window, and gzip around it */

static int open_here(int folder, const char *name, int flags, mode_t mode)
{
    const struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
}

/* -- the folder -- */

static void close_out(void *what)
{
    const dj_static_out *out = what;
    if (out->staging >= 0) {
        close(out->staging);
        unlinkat(out->root, STAGING, AT_REMOVEDIR);
    }
    if (out->root >= 0)
        close(out->root);
}

/* mkdir -p */
static dj_err make_root(dj_scope *s, dj_str path, mode_t mode)
{
    for (size_t i = 1; i <= path.len; i++) {
        if ((i == path.len || path.ptr[i] == '/') &&
            mkdir(dj_cstr(s, dj_str_first(path, i)), mode) < 0 && errno != EEXIST)
            return dj_fail_errno(s, "STATIC_ROOT " DJ_FMT " can't be made", DJ_ARG(path));
    }
    return DJ_OK;
}

/* What a run that was ended left behind. */
static dj_err empty_staging(dj_scope *s, const dj_static_out *out)
{
    dj_str left = DJ_LIT(STAGING "/file");
    if (unlinkat(out->root, left.ptr, 0) < 0 && errno != ENOENT)
        return dj_fail_errno(s, DJ_FMT "/" STAGING " can't be emptied", DJ_ARG(out->path));
    return DJ_OK;
}

dj_err dj_static_out_open(dj_scope *s, dj_str path, const dj_settings *settings, bool dry_run,
                          dj_static_out *out)
{
    *out = (dj_static_out){
        .scope = s,
        .path = path,
        .root = -1,
        .staging = -1,
        .file_mode = settings->FILE_UPLOAD_PERMISSIONS < 0
                         ? 0644
                         : (mode_t)settings->FILE_UPLOAD_PERMISSIONS & 0666,
        .folder_mode = settings->FILE_UPLOAD_DIRECTORY_PERMISSIONS < 0
                           ? 0755
                           : (mode_t)settings->FILE_UPLOAD_DIRECTORY_PERMISSIONS & 0777,
    };
    dj_err e = dry_run ? DJ_OK : make_root(s, path, out->folder_mode);
    if (e)
        return e;
    dj_own(s, close_out, out);
    out->root = open(dj_cstr(s, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->root < 0)
        return dry_run && errno == ENOENT
                   ? DJ_OK
                   : dj_fail_errno(s, "STATIC_ROOT " DJ_FMT " can't be opened", DJ_ARG(path));
    if (dry_run)
        return DJ_OK;
    if (flock(out->root, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? dj_fail(s, DJ_ERR_IO, "Another collectstatic works on " DJ_FMT, DJ_ARG(path))
                   : dj_fail_errno(s, "STATIC_ROOT " DJ_FMT " can't be locked", DJ_ARG(path));
    if (mkdirat(out->root, STAGING, 0700) < 0 && errno != EEXIST)
        return dj_fail_errno(s, "STATIC_ROOT " DJ_FMT " can't be written to", DJ_ARG(path));
    out->staging = open_here(out->root, STAGING, O_RDONLY | O_DIRECTORY, 0);
    if (out->staging < 0)
        return dj_fail_errno(s, DJ_FMT "/" STAGING " can't be opened", DJ_ARG(path));
    return empty_staging(s, out);
}

bool dj_static_out_stat(dj_scope *s, const dj_static_out *out, dj_str name, struct stat *st)
{
    int fd = out->root < 0 ? -1 : open_here(out->root, dj_cstr(s, name), O_PATH, 0);
    if (fd < 0)
        return false;
    bool good = fstat(fd, st) == 0 && S_ISREG(st->st_mode);
    close(fd);
    return good;
}

dj_err dj_static_out_sync(dj_scope *s, const dj_static_out *out)
{
    if (syncfs(out->root) < 0)
        return dj_fail_errno(s, "STATIC_ROOT " DJ_FMT " can't be brought to disk",
                             DJ_ARG(out->path));
    return DJ_OK;
}

/* -- files -- */

static dj_err failed(dj_scope *s, const dj_static_out *out, dj_str name)
{
    return dj_fail_errno(s, "'" DJ_FMT "' can't be written to " DJ_FMT, DJ_ARG(name),
                         DJ_ARG(out->path));
}

static dj_err make_folders(dj_scope *s, const dj_static_out *out, dj_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] != '/')
            continue;
        const char *folder = dj_cstr(s, dj_str_first(name, i));
        int         fd = open_here(out->root, folder, O_PATH | O_DIRECTORY, 0);
        if (fd < 0 && errno == ENOENT) {
            if (mkdirat(out->root, folder, out->folder_mode) < 0)
                return failed(s, out, name);
            continue;
        }
        if (fd < 0)
            return failed(s, out, name);
        close(fd);
    }
    return DJ_OK;
}

static dj_err begin(dj_scope *s, const dj_static_out *out, dj_str name, int *fd)
{
    *fd = open_here(out->staging, "file", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    return *fd < 0 ? failed(s, out, name) : DJ_OK;
}

static dj_err add(dj_scope *s, const dj_static_out *out, dj_str name, int fd, dj_str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno != EINTR)
            return failed(s, out, name);
        bytes = dj_str_from(bytes, n < 0 ? 0 : (size_t)n);
    }
    return DJ_OK;
}

/* Ends the writing of `name`, well or (with `e`) not. */
static dj_err finish(dj_scope *s, const dj_static_out *out, dj_str name, int fd, dj_err e)
{
    if (!e && (fchmod(fd, out->file_mode) < 0 || fsync(fd) < 0))
        e = failed(s, out, name);
    if (close(fd) < 0 && !e)
        e = failed(s, out, name);
    if (!e)
        e = make_folders(s, out, name);
    if (!e && renameat(out->staging, "file", out->root, dj_cstr(s, name)) < 0)
        e = failed(s, out, name);
    if (e)
        unlinkat(out->staging, "file", 0);
    return e;
}

dj_err dj_static_out_write(dj_scope *s, const dj_static_out *out, dj_str name, dj_str bytes)
{
    int    fd;
    dj_err e = begin(s, out, name, &fd);
    return e ? e : finish(s, out, name, fd, add(s, out, name, fd, bytes));
}

dj_err dj_static_out_copy(dj_scope *s, const dj_static_out *out, dj_str name, int from, dj_md5 *md5,
                          char hex[DJ_MD5_HEX])
{
    char  *step = dj_alloc_raw(s, STEP);
    off_t  at = 0;
    int    fd;
    dj_err e = begin(s, out, name, &fd);
    if (e)
        return e;
    if (md5 != NULL)
        dj_md5_begin(md5);
    for (ssize_t n = 1; n > 0 && !e; at += n > 0 ? n : 0) {
        n = pread(from, step, STEP, at);
        if (n < 0)
            e = dj_fail_errno(s, "'" DJ_FMT "' can't be read", DJ_ARG(name));
        if (n > 0 && md5 != NULL)
            dj_md5_add(md5, dj_str_n(step, (size_t)n));
        if (n > 0)
            e = add(s, out, name, fd, dj_str_n(step, (size_t)n));
    }
    if (md5 != NULL)
        dj_md5_end(md5, hex);
    return finish(s, out, name, fd, e);
}

dj_err dj_static_out_remove(dj_scope *s, const dj_static_out *out, dj_str name)
{
    size_t slash = dj_str_rchr(name, '/');
    bool   top = slash == DJ_NOT_FOUND;
    dj_str base = top ? name : dj_str_from(name, slash + 1);
    int    folder = open_here(out->root, top ? "." : dj_cstr(s, dj_str_first(name, slash)),
                              O_PATH | O_DIRECTORY, 0);
    int    undone = folder < 0 ? -1 : unlinkat(folder, dj_cstr(s, base), 0);
    int    why = errno;
    if (folder >= 0)
        close(folder);
    errno = why;
    /* ELOOP: behind a link, where it is not ours to remove */
    if (undone < 0 && why != ENOENT && why != ENOTDIR && why != ELOOP)
        return dj_fail_errno(s, "'" DJ_FMT "' can't be removed from " DJ_FMT, DJ_ARG(name),
                             DJ_ARG(out->path));
    return DJ_OK;
}

/* -- compressed copies -- */

/* DJ_NONE: no smaller, or no memory. No name and no time inside, so that the same bytes always give
 * the same copy. */
static dj_str gzipped(dj_scope *s, dj_str bytes)
{
    z_stream z = {.zalloc = Z_NULL};
    char    *out = dj_alloc_raw(s, bytes.len);
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, WITH_GZIP, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return DJ_NONE;
    z.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    z.avail_in = (uInt)bytes.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)bytes.len;
    bool   fits = deflate(&z, Z_FINISH) == Z_STREAM_END;
    size_t len = z.total_out;
    deflateEnd(&z);
    return fits && len < bytes.len ? dj_str_n(out, len) : DJ_NONE;
}

static dj_str brotlied(dj_scope *s, dj_str bytes)
{
    size_t   len = bytes.len;
    uint8_t *out = dj_alloc_raw(s, bytes.len);
    if (BrotliEncoderCompress(BROTLI_MAX_QUALITY, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT,
                              bytes.len, (const uint8_t *)bytes.ptr, &len, out) == BROTLI_FALSE ||
        len >= bytes.len)
        return DJ_NONE;
    return dj_str_n((const char *)out, len);
}

dj_err dj_static_out_compress(dj_scope *s, const dj_static_out *out, dj_str name, dj_str bytes)
{
    dj_str gzip = gzipped(s, bytes), br = brotlied(s, bytes);
    dj_err e = DJ_OK;
    if (!dj_str_is_none(gzip))
        e = dj_static_out_write(s, out, dj_str_cat(s, name, DJ_LIT(".gz")), gzip);
    if (!e && !dj_str_is_none(br))
        e = dj_static_out_write(s, out, dj_str_cat(s, name, DJ_LIT(".br")), br);
    return e;
}
