/* src/base/buf.c - growing bytes inside a scope. */
#include "donjon/buf.h"
#include <stdio.h>

bool dj_buf_reserve(dj_buf *b, size_t more)
{
    if (more <= b->cap - b->len)
        return true;
    if (b->full || more > b->max - b->len) {
        b->full = true;
        return false;
    }
    size_t want = b->cap * 2;
    if (want < b->len + more)
        want = b->len + more;
    if (want < 64)
        want = 64;
    if (want > b->max)
        want = b->max;
    b->ptr = dj_realloc(b->scope, b->ptr, b->cap, want);
    b->cap = want;
    return true;
}

void dj_buf_addf(dj_buf *b, const char *fmt, ...)
{
    char    quick[256];
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(quick, sizeof quick, fmt, args);
    if (n > 0 && (size_t)n < sizeof quick)
        dj_buf_add(b, dj_str_n(quick, (size_t)n));
    else if (n > 0)
        dj_buf_add(b, dj_vstrf(b->scope, fmt, again));
    va_end(again);
    va_end(args);
}

void dj_buf_add_int(dj_buf *b, int64_t n)
{
    char     digits[20];
    size_t   at = sizeof digits;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (n < 0)
        digits[--at] = '-';
    dj_buf_add(b, dj_str_n(digits + at, sizeof digits - at));
}
