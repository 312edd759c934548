/* src/app/upload_save.c - an uploaded file becomes a file of the program.
 *
 * The client's name decides nothing but how the file is called inside the folder: the kernel is
 * told to stay below it, to follow no link and to make a new file or none. Copying and waiting for
 * the disk are for threads (a writer of loop/); a client that leaves meanwhile takes the file with
 * it. Django:
 * core/files/storage (get_available_name, FileSystemStorage._save).
 *
 * Must not know: forms, how the file arrived. */
#include "app/app.h"
#include "donjon/crypto.h"
#include "donjon/forms.h"
#include "donjon/policy.h"
#include "loop/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME_BYTES_MAX 255 /* NAME_MAX of every file system that we know */
#define SUFFIX_LEN     7
#define TRIES          100

typedef struct target {
    dj_scope  *scope;
    int        dir;
    dj_writer *writer; /* has the file */
    char      *name;
} target;

static void close_target(void *what)
{
    target *t = what;
    if (t->writer != NULL) {
        unlinkat(t->dir, t->name, 0); /* not finished: nobody shall find it */
        dj_writer_end(t->writer);
    }
    if (t->dir >= 0)
        close(t->dir);
}

/* `error` is an errno. */
static dj_err not_saved(dj_scope *s, int error)
{
    return dj_fail(s, dj_file_error(error), "An uploaded file can't be saved: %s",
                   strerrordesc_np(error));
}

/* Cuts to at most `max` bytes at the beginning of a character. */
static dj_str cut(dj_str text, size_t max)
{
    if (text.len <= max)
        return text;
    while (max > 0 && ((unsigned char)text.ptr[max] & 0xC0u) == 0x80)
        max--;
    return dj_str_first(text, max);
}

/* "photo.jpg", or "photo_Ab3dE9x.jpg". */
static dj_str named(dj_scope *s, dj_str name, bool suffixed)
{
    size_t at = dj_extension_at(name), room = NAME_BYTES_MAX - (suffixed ? SUFFIX_LEN + 1 : 0);
    dj_str extension = cut(dj_str_from(name, at), room / 2);
    dj_str root = cut(dj_str_first(name, at), room - extension.len);
    if (suffixed)
        root = dj_str_cat(s, dj_str_cat(s, root, DJ_LIT("_")),
                          dj_random_string(s, SUFFIX_LEN, DJ_ALPHANUMERIC));
    return dj_str_cat(s, root, extension);
}

static int create(const target *t, const char *name)
{
    const struct open_how how = {
        .flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
        .mode = 0600,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, t->dir, name, &how, sizeof how);
}

static dj_err take(target *t, dj_loop *loop, int fd)
{
    t->writer = dj_writer_new(loop, fd);
    if (t->writer != NULL)
        return DJ_OK;
    close(fd);
    unlinkat(t->dir, t->name, 0);
    return dj_fail(t->scope, DJ_ERR_MEMORY, "no memory to save a file");
}

static dj_err open_target(target *t, dj_loop *loop, dj_str wanted, dj_str dir)
{
    dj_scope *s = t->scope;
    t->dir = open(dj_cstr(s, dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->dir < 0)
        return dj_fail_errno(s, "open " DJ_FMT, DJ_ARG(dir));
    for (int i = 0; i < TRIES; i++) {
        dj_str name = named(s, wanted, i > 0);
        t->name = dj_alloc(s, name.len + 1);
        memcpy(t->name, name.ptr, name.len);
        int fd = create(t, t->name);
        if (fd >= 0)
            return take(t, loop, fd);
        if (errno != EEXIST)
            break;
    }
    if (errno == ENOSPC || errno == EDQUOT)
        return not_saved(s, errno);
    return dj_fail_errno(s, "A file can't be made in " DJ_FMT, DJ_ARG(dir));
}

/* Threads copy and wait for the disk. */
static dj_err fill(target *t, const dj_upload *upload, int64_t mode)
{
    const dj_upload_store *store = upload->store;
    int                    error = 0;
    if (mode >= 0 && fchmod(dj_writer_fd(t->writer), (mode_t)mode & 0777u) < 0)
        return dj_fail_errno(t->scope, "FILE_UPLOAD_PERMISSIONS can't be set");
    if (store->fd < 0)
        error = dj_writer_add(t->writer, store->memory.ptr, store->memory.len);
    else
        error = dj_writer_copy(t->writer, store->fd, 0, upload->size);
    if (error == 0)
        error = dj_writer_sync(t->writer, t->dir);
    return error == 0 ? DJ_OK : not_saved(t->scope, error);
}

dj_err dj_upload_save(dj_req *req, const dj_upload *upload, dj_str dir, dj_str *name)
{
    dj_scope *s = req->scope;
    dj_str    wanted;
    target   *t = dj_new(s, target);
    *t = (target){.scope = s, .dir = -1};
    dj_err e = dj_valid_filename(s, upload->name, &wanted);
    if (e)
        return e;
    dj_own(s, close_target, t);
    e = open_target(t, req->loop, wanted, dir);
    if (!e)
        e = fill(t, upload, req->site->settings->FILE_UPLOAD_PERMISSIONS);
    if (!e) {
        dj_writer_end(t->writer);
        t->writer = NULL;
        *name = dj_str_of(t->name);
    }
    dj_disown(s, t);
    close_target(t);
    return e;
}
