/* src/base/casing.c - str.lower, str.upper and str.title for all of Unicode, from tables made by
 * tools/generate/casing.py.
 *
 * Must not know: languages. Turkish and Lithuanian rules are not Python's either. */
#include "donjon/buf.h"
#include "donjon/unicode.h"

typedef struct casing_range {
    uint32_t first, last;
    uint8_t  step;
    int32_t  delta;
} casing_range;
typedef struct casing_special {
    uint32_t from, to[3];
} casing_special;
typedef struct casing_span {
    uint32_t first, last;
} casing_span;

static const casing_range lower_ranges[] = {
#define CASING_LOWER
#include "casing.def"
#undef CASING_LOWER
};
static const casing_range upper_ranges[] = {
#define CASING_UPPER
#include "casing.def"
#undef CASING_UPPER
};
static const casing_special lower_special[] = {
#define CASING_LOWER_SPECIAL
#include "casing.def"
#undef CASING_LOWER_SPECIAL
};
static const casing_special upper_special[] = {
#define CASING_UPPER_SPECIAL
#include "casing.def"
#undef CASING_UPPER_SPECIAL
};
static const casing_special title_special[] = {
#define CASING_TITLE_SPECIAL
#include "casing.def"
#undef CASING_TITLE_SPECIAL
};
static const casing_span cased[] = {
#define CASING_CASED
#include "casing.def"
#undef CASING_CASED
};
static const casing_span ignorable[] = {
#define CASING_IGNORABLE
#include "casing.def"
#undef CASING_IGNORABLE
};
static bool within(const casing_span *spans, size_t n, uint32_t cp)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (cp > spans[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && cp >= spans[low].first;
}

/* Ranges with a step may lie in each other, so all that start at or before `cp` count; there are
 * few. */
static uint32_t mapped(const casing_range *ranges, size_t n, uint32_t cp)
{
    for (size_t i = 0; i < n && ranges[i].first <= cp; i++) {
        if (cp <= ranges[i].last && (cp - ranges[i].first) % ranges[i].step == 0)
            return (uint32_t)((int32_t)cp + ranges[i].delta);
    }
    return cp;
}

static void add(dj_buf *b, uint32_t cp)
{
    char bytes[4];
    dj_buf_add(b, dj_str_n(bytes, dj_utf8_put(bytes, cp)));
}

/* A sigma that ends a word: a cased letter before it, none behind it; what is ignorable does not
 * count. */
static bool final_sigma(dj_str text, size_t behind, bool cased_before)
{
    if (!cased_before)
        return false;
    while (behind < text.len) {
        int32_t cp = dj_utf8_next(text, &behind);
        if (cp < 0 || within(ignorable, DJ_COUNT(ignorable), (uint32_t)cp))
            continue;
        return !within(cased, DJ_COUNT(cased), (uint32_t)cp);
    }
    return true;
}

/* False: `cp` is in no such table. */
static bool add_special(dj_buf *b, const casing_special *special, size_t n, uint32_t cp)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (cp > special[mid].from)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == n || special[low].from != cp)
        return false;
    for (size_t i = 0; i < 3 && special[low].to[i] != 0; i++)
        add(b, special[low].to[i]);
    return true;
}

static void add_lower(dj_buf *b, dj_str text, size_t behind, uint32_t cp, bool cased_before)
{
    if (cp < 0x80)
        dj_buf_add_byte(b, dj_to_lower((char)cp));
    else if (cp == 0x3A3)
        add(b, final_sigma(text, behind, cased_before) ? 0x3C2 : 0x3C3);
    else if (!add_special(b, lower_special, DJ_COUNT(lower_special), cp))
        add(b, mapped(lower_ranges, DJ_COUNT(lower_ranges), cp));
}

static void add_upper(dj_buf *b, uint32_t cp)
{
    if (cp < 0x80)
        dj_buf_add_byte(b, dj_to_upper((char)cp));
    else if (!add_special(b, upper_special, DJ_COUNT(upper_special), cp))
        add(b, mapped(upper_ranges, DJ_COUNT(upper_ranges), cp));
}

static void add_title(dj_buf *b, uint32_t cp)
{
    if (!add_special(b, title_special, DJ_COUNT(title_special), cp))
        add_upper(b, cp);
}

typedef enum casing { LOWER, UPPER, TITLE } casing;

static dj_str change(dj_scope *s, dj_str text, casing to)
{
    dj_buf b = dj_buf_make(s, 3 * text.len + 16); /* U+0390: two bytes, then six */
    bool   letter_before = false;                 /* right before: for title */
    bool   cased_before = false; /* before what is ignorable: for the sigma at a word's end */
    dj_buf_reserve(&b, text.len);
    for (size_t pos = 0; pos < text.len;) {
        int32_t  next = dj_utf8_next(text, &pos);
        uint32_t cp = next < 0 ? 0xFFFD : (uint32_t)next;
        if (to == UPPER)
            add_upper(&b, cp);
        else if (to == TITLE && !letter_before)
            add_title(&b, cp);
        else
            add_lower(&b, text, pos, cp, cased_before);
        if (to == UPPER)
            continue;
        letter_before = within(cased, DJ_COUNT(cased), cp);
        if (!within(ignorable, DJ_COUNT(ignorable), cp))
            cased_before = letter_before;
    }
    return dj_buf_str(&b);
}

dj_str dj_utf8_lower(dj_scope *s, dj_str text)
{
    return change(s, text, LOWER);
}

dj_str dj_utf8_upper(dj_scope *s, dj_str text)
{
    return change(s, text, UPPER);
}

dj_str dj_utf8_title(dj_scope *s, dj_str text)
{
    return change(s, text, TITLE);
}
