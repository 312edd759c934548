/* src/checks/paths.c - paths as Python's pathlib and os.path see them, and modules as its import
 * finds them.
 *
 * Must not know: settings, checks. */
#include "checks/family.h"
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

dj_str ck_abspath(dj_scope *s, dj_str base, dj_str path)
{
    dj_str whole = dj_str_starts(path, DJ_LIT("/"))
                       ? path
                       : dj_strf(s, DJ_FMT "/" DJ_FMT, DJ_ARG(base), DJ_ARG(path));
    char  *out = dj_alloc(s, whole.len + 2);
    size_t len = 0;
    dj_str rest = whole, piece;
    while (dj_str_next(&rest, '/', &piece)) {
        if (piece.len == 0 || dj_str_eq(piece, DJ_LIT(".")))
            continue;
        if (dj_str_eq(piece, DJ_LIT(".."))) {
            while (len > 0 && out[--len] != '/')
                ;
            continue;
        }
        out[len++] = '/';
        memcpy(out + len, piece.ptr, piece.len);
        len += piece.len;
    }
    if (len == 0)
        out[len++] = '/';
    return (dj_str){out, len};
}

/* The real path of the longest part that exists, with the rest behind it. ".." is applied after its
 * links are followed, as pathlib does: one component at a time. */
dj_str ck_resolve(dj_scope *s, dj_str base, dj_str path)
{
    dj_str whole = dj_str_starts(path, DJ_LIT("/"))
                       ? path
                       : dj_strf(s, DJ_FMT "/" DJ_FMT, DJ_ARG(base), DJ_ARG(path));
    dj_str done = DJ_LIT("/"), rest = whole, piece;
    while (dj_str_next(&rest, '/', &piece)) {
        if (piece.len == 0 || dj_str_eq(piece, DJ_LIT(".")))
            continue;
        if (dj_str_eq(piece, DJ_LIT(".."))) {
            size_t slash = dj_str_rchr(done, '/');
            done = slash == 0 ? DJ_LIT("/") : dj_str_first(done, slash);
            continue;
        }
        dj_str next =
            dj_strf(s, DJ_FMT "%s" DJ_FMT, DJ_ARG(done), done.len == 1 ? "" : "/", DJ_ARG(piece));
        char real[PATH_MAX];
        bool has_nul = memchr(next.ptr, '\0', next.len) != NULL;
        done = !has_nul && realpath(dj_cstr(s, next), real) != NULL ? dj_str_dup(s, dj_str_of(real))
                                                                    : next;
    }
    return done;
}

bool ck_is_below(dj_str inner, dj_str outer)
{
    if (!dj_str_starts(inner, outer))
        return false;
    return inner.len == outer.len || dj_str_ends(outer, DJ_LIT("/")) || inner.ptr[outer.len] == '/';
}

bool ck_is_dir(dj_scope *s, dj_str path)
{
    struct stat st;
    return stat(dj_cstr(s, path), &st) == 0 && S_ISDIR(st.st_mode);
}

bool ck_is_file(dj_scope *s, dj_str path)
{
    struct stat st;
    return stat(dj_cstr(s, path), &st) == 0 && S_ISREG(st.st_mode);
}

/* -- modules -- */

static bool is_module_name(dj_str dotted)
{
    if (dotted.len == 0 || dotted.ptr[0] == '.' || dotted.ptr[dotted.len - 1] == '.')
        return false;
    for (size_t i = 0; i < dotted.len; i++) {
        char ch = dotted.ptr[i];
        if (!(dj_is_alpha(ch) || dj_is_digit(ch) || ch == '_' || ch == '.') ||
            (ch == '.' && dotted.ptr[i + 1] == '.'))
            return false;
    }
    return true;
}

static dj_str parent_of(dj_str path)
{
    size_t slash = dj_str_rchr(path, '/');
    return slash == DJ_NOT_FOUND || slash == 0 ? DJ_LIT("/") : dj_str_first(path, slash);
}

static bool module_below(dj_scope *s, dj_str folder, dj_str dotted)
{
    dj_str path = dj_strf(s, DJ_FMT "/" DJ_FMT, DJ_ARG(folder),
                          DJ_ARG(dj_str_replace(s, dotted, DJ_LIT("."), DJ_LIT("/"))));
    return ck_is_file(s, dj_strf(s, DJ_FMT ".py", DJ_ARG(path))) || ck_is_dir(s, path);
}

bool ck_module_exists(dj_scope *s, const dj_check_input *in, dj_str dotted)
{
    if (!is_module_name(dotted))
        return false;
    if (module_below(s, in->base, dotted))
        return true;
    dj_str folder = in->conf->nfiles == 0 ? DJ_LIT("/") : parent_of(in->conf->files[0]);
    for (int up = 0; up < 3; up++, folder = parent_of(folder))
        if (module_below(s, folder, dotted))
            return true;
    return false;
}

bool ck_attribute_module_exists(dj_scope *s, const dj_check_input *in, dj_str dotted)
{
    size_t dot = dj_str_rchr(dotted, '.');
    return dot != DJ_NOT_FOUND && ck_module_exists(s, in, dj_str_first(dotted, dot));
}
