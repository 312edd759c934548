/* src/conf/casing.c - str.lower, str.upper and str.isspace for all of Unicode, from tables made by
 * tools/gen_casing.py. */
#include "reader.h"

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
static const casing_span spaces[] = {
#define CASING_SPACE
#include "casing.def"
#undef CASING_SPACE
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

bool conf_is_space(uint32_t cp)
{
    return within(spaces, DJ_COUNT(spaces), cp);
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

static dj_str change(dj_scope *s, dj_str text, bool lower)
{
    const casing_special *special = lower ? lower_special : upper_special;
    size_t                nspecial = lower ? DJ_COUNT(lower_special) : DJ_COUNT(upper_special);
    dj_buf                b = dj_buf_make(s, 3 * text.len + 16);
    bool                  cased_before = false;
    dj_buf_reserve(&b, text.len);
    for (size_t pos = 0; pos < text.len;) {
        size_t   k = nspecial;
        uint32_t cp = (uint32_t)dj_utf8_next(text, &pos);
        if (cp < 0x80) {
            dj_buf_add_byte(&b, lower ? dj_to_lower((char)cp) : dj_to_upper((char)cp));
        } else if (lower && cp == 0x3A3) {
            add(&b, final_sigma(text, pos, cased_before) ? 0x3C2 : 0x3C3);
        } else {
            for (k = 0; k < nspecial && special[k].from != cp; k++)
                ;
            for (size_t i = 0; k < nspecial && i < 3 && special[k].to[i] != 0; i++)
                add(&b, special[k].to[i]);
            if (k == nspecial)
                add(&b, lower ? mapped(lower_ranges, DJ_COUNT(lower_ranges), cp)
                              : mapped(upper_ranges, DJ_COUNT(upper_ranges), cp));
        }
        if (lower && !within(ignorable, DJ_COUNT(ignorable), cp))
            cased_before = within(cased, DJ_COUNT(cased), cp);
    }
    return dj_buf_str(&b);
}

dj_str conf_lower(dj_scope *s, dj_str text)
{
    return change(s, text, true);
}

dj_str conf_upper(dj_scope *s, dj_str text)
{
    return change(s, text, false);
}
