/* src/policy/safe_join.c - a path that stays below its base, decided on the text alone.
 *
 * Django: utils/_os.py, safe_join; views/static.py, serve. Python: posixpath.join,
 * posixpath.normpath.
 *
 * Must not know: the file system. Links are not followed; who opens the file does it with
 * O_NOFOLLOW or RESOLVE_BENEATH. */
#include "donjon/policy.h"

/* posixpath.normpath. Exactly two slashes in front stay two (POSIX leaves their meaning open). */
static dj_str normalised(dj_scope *s, dj_str path)
{
    size_t slashes = 0, len = 0;
    while (slashes < path.len && path.ptr[slashes] == '/')
        slashes++;
    if (slashes > 2)
        slashes = 1;
    char  *out = dj_alloc_raw(s, path.len + 2);
    dj_str rest = path, piece;
    memset(out, '/', slashes);
    len = slashes;
    while (dj_str_next(&rest, '/', &piece)) {
        if (piece.len == 0 || dj_str_eq(piece, DJ_LIT(".")))
            continue;
        dj_str done = dj_str_n(out + slashes, len - slashes);
        size_t cut = dj_str_rchr(done, '/');
        dj_str last = cut == DJ_NOT_FOUND ? done : dj_str_from(done, cut + 1);
        if (!dj_str_eq(piece, DJ_LIT("..")) || (done.len == 0 && slashes == 0) ||
            dj_str_eq(last, DJ_LIT(".."))) {
            if (done.len > 0)
                out[len++] = '/';
            memcpy(out + len, piece.ptr, piece.len);
            len += piece.len;
        } else if (done.len > 0) {
            len = slashes + (cut == DJ_NOT_FOUND ? 0 : cut);
        }
    }
    return len == 0 ? DJ_LIT(".") : dj_str_n(out, len);
}

/* posixpath.join of two. */
static dj_str joined(dj_scope *s, dj_str path, dj_str part)
{
    if (part.len > 0 && part.ptr[0] == '/')
        return part;
    if (path.len == 0 || path.ptr[path.len - 1] == '/')
        return dj_str_cat(s, path, part);
    return dj_str_cat(s, dj_str_cat(s, path, DJ_LIT("/")), part);
}

/* Nothing but slashes: everything lies below. */
static bool is_root(dj_str base)
{
    for (size_t i = 0; i < base.len; i++) {
        if (base.ptr[i] != '/')
            return false;
    }
    return base.len > 0;
}

dj_err dj_safe_join(dj_scope *s, dj_str base, dj_str_list parts, dj_str *out)
{
    dj_str path = base;
    DJ_ASSERT(base.len > 0 && base.ptr[0] == '/');
    for (size_t i = 0; i < parts.len; i++)
        path = joined(s, path, parts.items[i]);
    for (size_t i = 0; i < parts.len; i++) {
        if (dj_str_chr(parts.items[i], '\0') != DJ_NOT_FOUND)
            return dj_fail(s, DJ_ERR_SUSPICIOUS_FILE, "The joined path holds a NUL");
    }
    path = normalised(s, path);
    base = normalised(s, base);
    bool below = dj_str_starts(path, base) && path.len > base.len && path.ptr[base.len] == '/';
    if (!below && !dj_str_eq(path, base) && !is_root(base))
        return dj_fail(s, DJ_ERR_SUSPICIOUS_FILE,
                       "The joined path (" DJ_FMT
                       ") is located outside of the base path component (" DJ_FMT ")",
                       DJ_ARG(dj_str_first(path, 256)), DJ_ARG(dj_str_first(base, 256)));
    *out = path;
    return DJ_OK;
}

dj_err dj_static_path(dj_scope *s, dj_str root, dj_str url_path, dj_str *out)
{
    dj_str path = normalised(s, url_path);
    while (path.len > 0 && path.ptr[0] == '/')
        path = dj_str_from(path, 1);
    return dj_safe_join(s, root, (dj_str_list){&path, 1}, out);
}
