/* src/base/unicode.c - looks code points up in tables of ranges. */
#include "donjon/unicode.h"
#include "donjon/buf.h"

typedef struct range {
    uint32_t first, last;
} range;

#define R(first, last) {first, last},
static const range other[] = {
#define DJ_RANGES_OTHER
#include "unicode.def"
#undef DJ_RANGES_OTHER
};
static const range word[] = {
#define DJ_RANGES_WORD
#include "unicode.def"
#undef DJ_RANGES_WORD
};
static const range space[] = {
#define DJ_RANGES_SPACE
#include "unicode.def"
#undef DJ_RANGES_SPACE
};
static const range url_mark[] = {
#define DJ_RANGES_URL_MARK
#include "unicode.def"
#undef DJ_RANGES_URL_MARK
};
#undef R

static bool holds(const range *ranges, size_t len, uint32_t cp)
{
    size_t low = 0, high = len;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (cp > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < len && cp >= ranges[low].first;
}

bool dj_cp_is_other(uint32_t cp)
{
    return cp > 0x10FFFF || holds(other, DJ_COUNT(other), cp);
}

bool dj_cp_is_word(uint32_t cp)
{
    return holds(word, DJ_COUNT(word), cp);
}

bool dj_cp_is_space(uint32_t cp)
{
    return holds(space, DJ_COUNT(space), cp);
}

/* Category Z is what isspace() knows beyond the controls; of it only the blank is printable. */
bool dj_cp_is_printable(uint32_t cp)
{
    return cp == ' ' || (!dj_cp_is_other(cp) && !dj_cp_is_space(cp));
}

bool dj_cp_is_url_mark(uint32_t cp)
{
    return holds(url_mark, DJ_COUNT(url_mark), cp);
}

char dj_cp_fold(uint32_t cp)
{
    switch (cp) {
    case 0x130:
    case 0x131:
        return 'i';
    case 0x17F:
        return 's';
    case 0x212A:
        return 'k';
    default:
        return cp < 0x80 ? dj_to_lower((char)cp) : '\0';
    }
}

/* Where the code point that ends at `end` begins. */
static size_t before(dj_str text, size_t end)
{
    size_t start = end - 1;
    while (start > 0 && end - start < 4 && ((unsigned char)text.ptr[start] & 0xC0) == 0x80)
        start--;
    return start;
}

dj_str dj_utf8_strip(dj_str text)
{
    size_t from = 0, to = text.len;
    while (from < to) {
        size_t  pos = from;
        int32_t cp = dj_utf8_next(text, &pos);
        if (cp < 0 || !dj_cp_is_space((uint32_t)cp))
            break;
        from = pos;
    }
    while (to > from) {
        size_t  start = before(text, to), pos = start;
        int32_t cp = dj_utf8_next(dj_str_first(text, to), &pos);
        if (cp < 0 || pos != to || !dj_cp_is_space((uint32_t)cp))
            break;
        to = start;
    }
    return text.ptr == NULL ? text : dj_str_n(text.ptr + from, to - from);
}

dj_str dj_utf8_repaired(dj_scope *s, dj_str text)
{
    if (dj_utf8_valid(text))
        return text;
    dj_buf b = dj_buf_make(s, 3 * text.len);
    for (size_t pos = 0; pos < text.len;) {
        int32_t cp = dj_utf8_next(text, &pos);
        char    bytes[4];
        dj_buf_add(&b, dj_str_n(bytes, dj_utf8_put(bytes, cp < 0 ? 0xFFFD : (uint32_t)cp)));
    }
    return dj_buf_str(&b);
}
