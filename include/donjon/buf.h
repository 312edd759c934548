/* include/donjon/buf.h - bytes that grow, up to a limit given at birth.
 *
 * Lives in a scope. Past the limit nothing more is added and `full` is set: test it once, at the
 * end. */
#pragma once
#include "donjon/scope.h"

DJ_BEGIN_DECLS

typedef struct dj_buf {
    dj_scope *scope;
    char     *ptr;
    size_t    len, cap, max;
    bool      full; /* something did not fit */
} dj_buf;

/* Nothing is allocated before the first byte. */
static inline dj_buf dj_buf_make(dj_scope *s, size_t max)
{
    return (dj_buf){.scope = s, .max = max};
}
/* Makes room for `more` bytes; false, and `full`, past the limit. */
DJ_NONNULL bool dj_buf_reserve(dj_buf *b, size_t more);
DJ_NONNULL      DJ_FORMAT(2, 3) void dj_buf_addf(dj_buf *b, const char *fmt, ...);
DJ_NONNULL void dj_buf_add_int(dj_buf *b, int64_t n);

static inline void dj_buf_add(dj_buf *b, dj_str text)
{
    if (text.len == 0 || !(b->cap - b->len >= text.len || dj_buf_reserve(b, text.len)))
        return;
    memcpy(b->ptr + b->len, text.ptr, text.len);
    b->len += text.len;
}
static inline void dj_buf_add_byte(dj_buf *b, char c)
{
    if (b->cap == b->len && !dj_buf_reserve(b, 1))
        return;
    b->ptr[b->len++] = c;
}
/* Borrows what is there; valid until the next addition. */
static inline dj_str dj_buf_str(const dj_buf *b)
{
    return (dj_str){b->ptr == NULL ? "" : b->ptr, b->len};
}

DJ_END_DECLS
