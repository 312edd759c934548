/* src/conf/paths.c - pathlib and os.path on text: POSIX rules, as Python applies them.
 *
 * realpath alone looks at the file system: it follows links and never fails, as Python's does. */
#include "reader.h"
#include <limits.h>
#include <unistd.h>

#define LINKS_MAX 40

static bool absolute(dj_str path)
{
    return path.len > 0 && path.ptr[0] == '/';
}

/* POSIX gives exactly two slashes at the start a meaning of their own; Python keeps them. */
static dj_str root_of(dj_str path)
{
    if (!absolute(path))
        return DJ_LIT("");
    bool two = path.len >= 2 && path.ptr[1] == '/' && !(path.len >= 3 && path.ptr[2] == '/');
    return two ? DJ_LIT("//") : DJ_LIT("/");
}

dj_str conf_path_clean(dj_scope *s, dj_str path)
{
    dj_buf b = dj_buf_make(s, path.len + 2);
    dj_str rest = path, piece;
    dj_buf_add(&b, root_of(path));
    size_t root = b.len;
    while (dj_str_next(&rest, '/', &piece)) {
        if (piece.len == 0 || dj_str_eq(piece, DJ_LIT(".")))
            continue;
        if (b.len > root)
            dj_buf_add_byte(&b, '/');
        dj_buf_add(&b, piece);
    }
    return b.len == 0 ? DJ_LIT(".") : dj_buf_str(&b);
}

dj_str conf_path_join(dj_scope *s, dj_str a, dj_str b)
{
    if (absolute(b))
        return conf_path_clean(s, b);
    /* a slash behind the root would make it another one: two slashes are a root of their own */
    dj_str glue = a.len == 0 || a.ptr[a.len - 1] == '/' ? DJ_LIT("") : DJ_LIT("/");
    return conf_path_clean(s, dj_str_cat(s, dj_str_cat(s, a, glue), b));
}

dj_str conf_path_up(dj_str path)
{
    size_t root = root_of(path).len;
    size_t slash = dj_str_rchr(path, '/');
    if (slash == DJ_NOT_FOUND)
        return DJ_LIT(".");
    return dj_str_first(path, slash < root ? root : slash);
}

dj_str conf_path_dirname(dj_str path)
{
    size_t slash = dj_str_rchr(path, '/');
    if (slash == DJ_NOT_FOUND)
        return DJ_LIT("");
    size_t end = slash + 1;
    while (end > 0 && path.ptr[end - 1] == '/')
        end--;
    return dj_str_first(path, end == 0 ? slash + 1 : end);
}

static dj_str with_cwd(dj_scope *s, dj_str path)
{
    char here[PATH_MAX];
    if (absolute(path) || getcwd(here, sizeof(here)) == NULL)
        return path;
    return dj_strf(s, "%s/" DJ_FMT, here, DJ_ARG(path));
}

/* Takes the last piece of an absolute path off. */
static void drop_last(dj_buf *b, size_t root)
{
    while (b->len > root && b->ptr[b->len - 1] != '/')
        b->len--;
    if (b->len > root)
        b->len--;
}

dj_str conf_path_abspath(dj_scope *s, dj_str path)
{
    dj_str full = with_cwd(s, path), rest = full, piece;
    dj_buf b = dj_buf_make(s, full.len + 2);
    dj_buf_add(&b, root_of(full));
    size_t root = b.len;
    while (dj_str_next(&rest, '/', &piece)) {
        if (piece.len == 0 || dj_str_eq(piece, DJ_LIT(".")))
            continue;
        if (dj_str_eq(piece, DJ_LIT(".."))) {
            drop_last(&b, root);
            continue;
        }
        if (b.len > root)
            dj_buf_add_byte(&b, '/');
        dj_buf_add(&b, piece);
    }
    return dj_buf_str(&b);
}

dj_str conf_path_realpath(dj_scope *s, dj_str path)
{
    dj_str   rest = with_cwd(s, path), piece;
    dj_buf   b = dj_buf_make(s, (size_t)PATH_MAX * (LINKS_MAX + 1) + rest.len);
    unsigned links = 0;
    dj_buf_add_byte(&b, '/');
    for (;;) {
        size_t slash = 0;
        while (rest.len > 0 && rest.ptr[0] == '/')
            rest = dj_str_from(rest, 1);
        if (rest.len == 0)
            break;
        slash = dj_str_chr(rest, '/');
        piece = dj_str_first(rest, slash == DJ_NOT_FOUND ? rest.len : slash);
        rest = dj_str_from(rest, piece.len);
        if (dj_str_eq(piece, DJ_LIT(".")))
            continue;
        if (dj_str_eq(piece, DJ_LIT(".."))) {
            drop_last(&b, 1);
            continue;
        }
        size_t before = b.len;
        if (b.len > 1)
            dj_buf_add_byte(&b, '/');
        dj_buf_add(&b, piece);
        char    target[PATH_MAX];
        ssize_t n =
            links < LINKS_MAX ? readlink(dj_cstr(s, dj_buf_str(&b)), target, sizeof(target)) : -1;
        if (n <= 0 || n == (ssize_t)sizeof(target))
            continue;
        links++;
        b.len = target[0] == '/' ? 1 : before;
        rest = dj_strf(s, "%.*s/" DJ_FMT, (int)n, target, DJ_ARG(rest));
    }
    return dj_str_dup(s, dj_buf_str(&b));
}
