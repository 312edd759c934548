/* src/conf/source.c - the bytes of a settings file become text that the lexer can trust.
 *
 * UTF-8 without NUL, no byte order mark, every line end an LF. Everything behind this file counts
 * on it. */
#include "reader.h"

/* A coding line (PEP 263) that names something else than UTF-8 would change what Python reads. */
static bool foreign_coding(dj_str text, uint32_t *offset)
{
    size_t pos = 0;
    for (int line = 0; line < 2 && pos < text.len; line++) {
        dj_str rest = dj_str_from(text, pos);
        size_t end = dj_str_chr(rest, '\n');
        dj_str one = end == DJ_NOT_FOUND ? rest : dj_str_first(rest, end);
        dj_str bare = dj_str_strip(one, DJ_LIT(" \t\f"));
        if (bare.len > 0 && bare.ptr[0] != '#')
            return false;
        size_t at = dj_str_find(one, DJ_LIT("coding"));
        if (at != DJ_NOT_FOUND && at + 6 < one.len &&
            (one.ptr[at + 6] == ':' || one.ptr[at + 6] == '=')) {
            size_t from = at + 7;
            while (from < one.len && (one.ptr[from] == ' ' || one.ptr[from] == '\t'))
                from++;
            size_t to = from;
            while (to < one.len && (dj_is_alpha(one.ptr[to]) || dj_is_digit(one.ptr[to]) ||
                                    one.ptr[to] == '-' || one.ptr[to] == '_' || one.ptr[to] == '.'))
                to++;
            dj_str name = dj_str_n(one.ptr + from, to - from);
            if (to > from && !dj_str_starts_nocase(name, DJ_LIT("utf-8")) &&
                !dj_str_starts_nocase(name, DJ_LIT("utf_8")) &&
                !dj_str_eq_nocase(name, DJ_LIT("utf8"))) {
                *offset = (uint32_t)(pos + from);
                return true;
            }
        }
        pos += one.len + 1;
    }
    return false;
}

bool conf_source_init(conf_source *src, dj_scope *work, conf_reader *r, dj_str path, dj_str bytes)
{
    src->reader = r;
    src->path = path;
    if (dj_str_starts(bytes, DJ_LIT("\xEF\xBB\xBF")))
        bytes = dj_str_from(bytes, 3);
    char  *out = dj_alloc_raw(work, bytes.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        if (c == '\r') {
            if (i + 1 < bytes.len && bytes.ptr[i + 1] == '\n')
                i++;
            c = '\n';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    src->text = dj_str_n(out, n);

    bool ascii = true;
    for (size_t pos = 0; pos < n;) {
        size_t  at = pos;
        int32_t cp = dj_utf8_next(src->text, &pos);
        if (cp < 0) {
            conf_error_set(
                r, "encoding", src, (uint32_t)at,
                dj_strf(r->s, "byte 0x%02X is not UTF-8", (unsigned)(unsigned char)out[at]),
                DJ_LIT("save the file as UTF-8"));
            return false;
        }
        if (cp == 0) {
            conf_error_set(r, "encoding", src, (uint32_t)at, DJ_LIT("a NUL byte in the file"),
                           DJ_LIT("remove the byte; the file is not plain text"));
            return false;
        }
        ascii = ascii && cp < 0x80;
    }
    uint32_t offset = 0;
    if (!ascii && foreign_coding(src->text, &offset)) {
        conf_error_set(r, "encoding", src, offset, DJ_LIT("the file says that it is not UTF-8"),
                       DJ_LIT("save it as UTF-8 and write `# coding: utf-8`, or no such line"));
        return false;
    }
    return true;
}
