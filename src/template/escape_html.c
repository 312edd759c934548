/* src/template/escape_html.c - escapers for text and for attributes with and without quotes.
 *
 * Must not know: places in a page, templates. Reference: django.utils.html.escape. */
#include "template/place.h"
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { HTML = 1, AGAIN = 2, NOSPACE = 4 };

/* For which escapers a byte is not just copied. */
static const uint8_t special[256] = {
    [0] = NOSPACE,          ['\t'] = NOSPACE,
    ['\n'] = NOSPACE,       ['\v'] = NOSPACE,
    ['\f'] = NOSPACE,       ['\r'] = NOSPACE,
    [' '] = NOSPACE,        ['"'] = HTML | AGAIN | NOSPACE,
    ['&'] = HTML | NOSPACE, ['\''] = HTML | AGAIN | NOSPACE,
    ['+'] = NOSPACE,        ['<'] = HTML | AGAIN | NOSPACE,
    ['='] = NOSPACE,        ['>'] = HTML | AGAIN | NOSPACE,
    ['`'] = NOSPACE,        [0xef] = NOSPACE, /* U+F000 to U+FFFF */
};

static dj_str with(char c)
{
    switch (c) {
    case '&':
        return DJ_LIT("&amp;");
    case '<':
        return DJ_LIT("&lt;");
    case '>':
        return DJ_LIT("&gt;");
    case '"':
        return DJ_LIT("&quot;");
    case '\'':
        return DJ_LIT("&#x27;");
    case '\0':
        return DJ_LIT("&#xfffd;");
    case '\t':
        return DJ_LIT("&#9;");
    case '\n':
        return DJ_LIT("&#10;");
    case '\v':
        return DJ_LIT("&#11;");
    case '\f':
        return DJ_LIT("&#12;");
    case '\r':
        return DJ_LIT("&#13;");
    case ' ':
        return DJ_LIT("&#32;");
    case '+':
        return DJ_LIT("&#43;");
    case '=':
        return DJ_LIT("&#61;");
    default:
        return DJ_LIT("&#96;");
    }
}

/* How many bytes from `at` on need nothing. */
static size_t plain_len(const char *at, size_t len, uint8_t mask)
{
    size_t n = 0;
#if defined(__SSE2__)
    if ((mask & NOSPACE) == 0) {
        const __m128i amp = _mm_set1_epi8('&'), lt = _mm_set1_epi8('<'), gt = _mm_set1_epi8('>'),
                      dq = _mm_set1_epi8('"'), sq = _mm_set1_epi8('\'');
        for (; len - n >= 16; n += 16) {
            __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(at + n));
            __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, amp), _mm_cmpeq_epi8(v, lt));
            hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(v, gt), _mm_cmpeq_epi8(v, dq)));
            hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, sq));
            if (_mm_movemask_epi8(hit) != 0)
                break;
        }
    }
#endif
    while (n < len && (special[(uint8_t)at[n]] & mask) == 0)
        n++;
    return n;
}

/* Code points that are no characters are written as references. */
static size_t add_wide(dj_buf *b, dj_str text)
{
    size_t  len = 0;
    int32_t cp = dj_utf8_next(text, &len);
    if ((cp >= 0xfdd0 && cp <= 0xfdef) || (cp >= 0xfff0 && cp <= 0xffff))
        dj_buf_addf(b, "&#x%x;", (unsigned)cp);
    else
        dj_buf_add(b, dj_str_first(text, len));
    return len;
}

static void escape(dj_buf *b, dj_str text, uint8_t mask)
{
    for (size_t i = 0; i < text.len;) {
        size_t n = plain_len(text.ptr + i, text.len - i, mask);
        dj_buf_add(b, dj_str_n(text.ptr + i, n));
        i += n;
        if (i == text.len)
            return;
        if ((uint8_t)text.ptr[i] >= 0x80)
            i += add_wide(b, dj_str_from(text, i));
        else
            dj_buf_add(b, with(text.ptr[i++]));
    }
}

static bool is_ascii(dj_str text)
{
    unsigned char all = 0;
    for (size_t i = 0; i < text.len; i++)
        all |= (unsigned char)text.ptr[i];
    return all < 0x80;
}

#if defined(__SSE2__)
#define STEP ((size_t)16)

/* Bits of the bytes among these sixteen that HTML minds. */
static inline unsigned html_bytes(__m128i v)
{
    __m128i hit =
        _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('&')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\'')));
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
    /* '<' and '>' are two apart: one bit. */
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(2)), _mm_set1_epi8('>')));
    return (unsigned)_mm_movemask_epi8(hit);
}

static inline char *put(char *out, dj_str entity)
{
    memcpy(out, entity.ptr, entity.len);
    return out + entity.len;
}

/* Sixteen bytes go out at a time, also where fewer count: what is too much is written over by what
 * comes next. `b` has room for the longest outcome and for one such step. */
static bool escape_in_place(dj_buf *b, dj_str text)
{
    char   *out = b->ptr + b->len;
    size_t  i = 0;
    __m128i seen = _mm_setzero_si128();
    uint8_t rest = 0;
    while (text.len - i >= STEP) {
        __m128i  v = _mm_loadu_si128((const __m128i *)(const void *)(text.ptr + i));
        unsigned hit = html_bytes(v);
        size_t   n = hit == 0 ? STEP : (size_t)__builtin_ctz(hit);
        _mm_storeu_si128((__m128i *)(void *)out, v);
        seen = _mm_or_si128(seen, v);
        out += n;
        i += n;
        if (n < STEP)
            out = put(out, with(text.ptr[i++]));
    }
    for (; i < text.len; i++) {
        rest |= (uint8_t)text.ptr[i];
        if ((special[(uint8_t)text.ptr[i]] & HTML) == 0)
            *out++ = text.ptr[i];
        else
            out = put(out, with(text.ptr[i]));
    }
    b->len = (size_t)(out - b->ptr);
    return rest < 0x80 && _mm_movemask_epi8(seen) == 0;
}

bool dj_escape_html(dj_buf *b, dj_str text)
{
    /* "&quot;" and "&#x27;" are the longest. */
    size_t most = 6 * text.len + STEP;
    if (text.len < 4096 &&
        (b->cap - b->len >= most || (most <= b->max - b->len && dj_buf_reserve(b, most))))
        return escape_in_place(b, text);
    escape(b, text, HTML);
    return is_ascii(text);
}
#else
bool dj_escape_html(dj_buf *b, dj_str text)
{
    escape(b, text, HTML);
    return is_ascii(text);
}
#endif

void dj_escape_html_again(dj_buf *b, dj_str text)
{
    escape(b, text, AGAIN);
}

/* What is HTML already keeps its "&"; the rest is escaped for a place that a blank would end. */
void dj_escape_nospace(dj_buf *b, dj_str text, bool again)
{
    if (text.len == 0) {
        dj_buf_add(b, DJ_LIT(DJ_FAILSAFE));
        return;
    }
    if (!again) {
        escape(b, text, NOSPACE);
        return;
    }
    for (size_t from = 0;;) {
        size_t amp = dj_str_chr(dj_str_from(text, from), '&');
        if (amp == DJ_NOT_FOUND) {
            escape(b, dj_str_from(text, from), NOSPACE);
            return;
        }
        escape(b, dj_str_n(text.ptr + from, amp), NOSPACE);
        dj_buf_add_byte(b, '&');
        from += amp + 1;
    }
}
