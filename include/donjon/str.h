/* include/donjon/str.h - bytes with a length.
 *
 * A dj_str borrows: it owns nothing, promises no NUL at its end, and may hold any byte. An absent
 * value is { NULL, 0 } (dj_str_is_none); an empty one has a pointer. Case is ASCII's: A-Z and a-z.
 */
#pragma once
#include "donjon/attr.h"
#include <string.h>

DJ_BEGIN_DECLS

typedef struct {
    const char *ptr;
    size_t      len;
} dj_str;

/* A string literal, and nothing else: a pointer or a conditional expression does not compile. */
#define DJ_LIT(lit) ((dj_str){*&("" lit ""), sizeof("" lit "") - 1})
/* The same as an initialiser of static data. */
#define DJ_STR_INIT(lit)                                                                           \
    {                                                                                              \
        "" lit "", sizeof("" lit "") - 1                                                           \
    }
#define DJ_NONE ((dj_str){NULL, 0})

/* printf("host " DJ_FMT, DJ_ARG(host)) */
#define DJ_FMT    "%.*s"
#define DJ_ARG(s) (int)(s).len, ((s).ptr == NULL ? "" : (s).ptr)

/* Borrows a C string; NULL gives DJ_NONE. */
static inline dj_str dj_str_of(const char *text)
{
    return text == NULL ? DJ_NONE : (dj_str){text, strlen(text)};
}
static inline dj_str dj_str_n(const char *ptr, size_t len)
{
    return (dj_str){ptr, len};
}
static inline bool dj_str_is_none(dj_str s)
{
    return s.ptr == NULL;
}
static inline bool dj_str_eq(dj_str a, dj_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
/* From byte `from` to the end; from > len gives the empty end. */
static inline dj_str dj_str_from(dj_str s, size_t from)
{
    if (from > s.len)
        from = s.len;
    return s.ptr == NULL ? s : (dj_str){s.ptr + from, s.len - from};
}
/* The first `len` bytes, or all if there are fewer. */
static inline dj_str dj_str_first(dj_str s, size_t len)
{
    return (dj_str){s.ptr, len < s.len ? len : s.len};
}
static inline bool dj_str_starts(dj_str s, dj_str with)
{
    return s.len >= with.len && (with.len == 0 || memcmp(s.ptr, with.ptr, with.len) == 0);
}
static inline bool dj_str_ends(dj_str s, dj_str with)
{
    return s.len >= with.len &&
           (with.len == 0 || memcmp(s.ptr + s.len - with.len, with.ptr, with.len) == 0);
}

/* Same bytes but for the case of A-Z. */
bool dj_str_eq_nocase(dj_str a, dj_str b);
bool dj_str_starts_nocase(dj_str s, dj_str with);
/* Byte order, shorter first on a tie: < 0, 0, > 0. UTF-8 sorts by code point. */
int dj_str_cmp(dj_str a, dj_str b);

#define DJ_NOT_FOUND ((size_t)-1)
/* Index of the first match (rchr: of the last), or DJ_NOT_FOUND. An empty part is found at 0. */
size_t             dj_str_chr(dj_str s, char c);
size_t             dj_str_rchr(dj_str s, char c);
size_t             dj_str_find(dj_str s, dj_str part);
static inline bool dj_str_has(dj_str s, dj_str part)
{
    return dj_str_find(s, part) != DJ_NOT_FOUND;
}

/* Without blanks and TABs at both ends. */
dj_str dj_str_trim(dj_str s);
/* Without any of the bytes in `set` at both ends. */
dj_str dj_str_strip(dj_str s, dj_str set);

/* Cuts the next piece off *rest at `sep`. False when nothing is left; "a,,b" gives "a", "", "b" and
 * "" gives one empty piece. Start with *rest = text; do not touch *rest between calls. */
DJ_NONNULL bool dj_str_next(dj_str *rest, char sep, dj_str *piece);

/* Decimal digits with an optional '-', nothing else, within int64_t; else false and *out untouched.
 */
DJ_CHECKED DJ_NONNULL bool dj_str_to_int(dj_str s, int64_t *out);

/* UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool dj_utf8_valid(dj_str s);
/* Code points in valid UTF-8. */
size_t dj_utf8_len(dj_str s);
/* Decodes one code point at *pos and moves *pos behind it. On a bad sequence returns -1 and moves
 * *pos behind its maximal invalid prefix (Unicode 3.9, as Python decodes), at least one byte. */
DJ_NONNULL int32_t dj_utf8_next(dj_str s, size_t *pos);
/* Writes 1-4 bytes to `out` and returns how many; `cp` must be a Unicode scalar value. */
DJ_NONNULL size_t dj_utf8_put(char out[4], uint32_t cp);

static inline bool dj_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool dj_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline char dj_to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
static inline char dj_to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}
/* 0-15, or -1. */
static inline int dj_hex_value(char c)
{
    if (dj_is_digit(c))
        return c - '0';
    c = dj_to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

DJ_END_DECLS
