/* src/base/normalise.c - Unicode's normal forms, by libutf8proc.
 *
 * The only file that knows the library. Memory is the scope's: the library's own functions that
 * allocate are not used. */
#include "donjon/buf.h"
#include "donjon/unicode.h"
#include <utf8proc.h>

unsigned dj_cp_combining(uint32_t cp)
{
    if (cp < 0x300 || cp > 0x10FFFF)
        return 0;
    utf8proc_propval_t class = utf8proc_get_property((utf8proc_int32_t)cp)->combining_class;
    return class > 0 ? (unsigned)class : 0;
}

static bool is_ascii(dj_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    return true;
}

/* Marks of one letter are put in order by insertion, so a run of thousands would take their square
 * in time: past Unicode's own limit for streams (UAX 15, 30 of them) with a wide margin, the run is
 * cut by leaving it as it is. */
enum { MARKS_MAX = 256 };

static bool has_endless_marks(dj_str text)
{
    size_t run = 0;
    for (size_t pos = 0; pos < text.len;) {
        int32_t cp = dj_utf8_next(text, &pos);
        run = cp >= 0 && dj_cp_combining((uint32_t)cp) != 0 ? run + 1 : 0;
        if (run > MARKS_MAX)
            return true;
    }
    return false;
}

static dj_str normalised(dj_scope *s, dj_str text, utf8proc_option_t options)
{
    if (is_ascii(text))
        return text;
    if (has_endless_marks(text))
        return text;
    text = dj_utf8_repaired(s, text);
    utf8proc_ssize_t n = utf8proc_decompose((const utf8proc_uint8_t *)text.ptr,
                                            (utf8proc_ssize_t)text.len, NULL, 0, options);
    DJ_ASSERT(n >= 0); /* it is valid UTF-8 */
    utf8proc_int32_t *cps = dj_alloc_array(s, (size_t)n + 1, sizeof(*cps));
    n = utf8proc_decompose((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)text.len, cps, n,
                           options);
    DJ_ASSERT(n >= 0);
    n = utf8proc_normalize_utf32(cps, n, options);
    DJ_ASSERT(n >= 0);
    dj_buf out = dj_buf_make(s, 4 * (size_t)n);
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        char bytes[4];
        dj_buf_add(&out, dj_str_n(bytes, dj_utf8_put(bytes, (uint32_t)cps[i])));
    }
    return dj_buf_str(&out);
}

dj_str dj_utf8_nfc(dj_scope *s, dj_str text)
{
    return normalised(s, text, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

dj_str dj_utf8_nfkd(dj_scope *s, dj_str text)
{
    return normalised(s, text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
}
