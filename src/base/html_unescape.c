/* src/base/html_unescape.c - character references to characters, as a browser reads them in text.
 *
 * Browsers write references into file names that the page's charset lacks; Django undoes that
 * before it looks for separators, and so must we, or "&#47;" would be one later. Python:
 * html.unescape.
 *
 * Must not know: what the text is for. */
#include "donjon/html.h"

static const struct {
    dj_str name, text;
} entities[] = {
#define E(name, text) {DJ_STR_INIT(name), DJ_STR_INIT(text)},
#include "entities.def"
#undef E
};

/* What bytes 0x80-0x9F mean to a browser: windows-1252. */
static const uint16_t windows[32] = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178,
};

static dj_str find(dj_str name)
{
    size_t low = 0, high = DJ_COUNT(entities);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int    order = dj_str_cmp(name, entities[middle].name);
        if (order == 0)
            return entities[middle].text;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return DJ_NONE;
}

static bool is_noncharacter(uint32_t cp)
{
    return (cp >= 0x1 && cp <= 0x8) || cp == 0xB || (cp >= 0xE && cp <= 0x1F) ||
           (cp >= 0x7F && cp <= 0x9F) || (cp >= 0xFDD0 && cp <= 0xFDEF) || (cp & 0xFFFE) == 0xFFFE;
}

static void add_number(dj_buf *out, uint32_t cp)
{
    char text[4];
    if (cp >= 0x80 && cp <= 0x9F)
        cp = windows[cp - 0x80];
    else if (cp == 0 || (cp >= 0xD800 && cp <= 0xDFFF) || cp > 0x10FFFF)
        cp = 0xFFFD;
    else if (is_noncharacter(cp))
        return;
    dj_buf_add(out, dj_str_n(text, dj_utf8_put(text, cp)));
}

/* "#47;" or "#x2F;" at the start of `text`: how many bytes it has; 0 if it is none. */
static size_t numeric(dj_buf *out, dj_str text)
{
    bool     hex = text.len > 1 && (text.ptr[1] == 'x' || text.ptr[1] == 'X');
    size_t   from = hex ? 2 : 1, i = from;
    uint32_t cp = 0;
    for (; i < text.len && (hex ? dj_hex_value(text.ptr[i]) >= 0 : dj_is_digit(text.ptr[i])); i++) {
        if (cp <= 0x10FFFF)
            cp = cp * (hex ? 16 : 10) + (uint32_t)dj_hex_value(text.ptr[i]);
    }
    if (i == from)
        return 0;
    add_number(out, cp);
    return i < text.len && text.ptr[i] == ';' ? i + 1 : i;
}

/* "amp;" or "amp": as numeric(). A name without ';' may be the beginning of a longer word. */
static size_t named(dj_buf *out, dj_str text)
{
    size_t len = 0;
    while (len < text.len && len < 32 && (dj_is_alpha(text.ptr[len]) || dj_is_digit(text.ptr[len])))
        len++;
    if (len < text.len && text.ptr[len] == ';')
        len++;
    for (; len > 1; len--) {
        dj_str found = find(dj_str_first(text, len));
        if (!dj_str_is_none(found)) {
            dj_buf_add(out, found);
            return len;
        }
    }
    return 0;
}

dj_str dj_html_unescape(dj_scope *s, dj_str text)
{
    size_t mark = dj_str_chr(text, '&');
    if (mark == DJ_NOT_FOUND)
        return text;
    dj_buf out =
        dj_buf_make(s, 3 * text.len + 4); /* the longest text for its name: "&nL;", six bytes */
    while (mark != DJ_NOT_FOUND) {
        dj_buf_add(&out, dj_str_first(text, mark));
        text = dj_str_from(text, mark + 1);
        size_t used = text.len == 0        ? 0
                      : text.ptr[0] == '#' ? numeric(&out, text)
                                           : named(&out, text);
        if (used == 0)
            dj_buf_add_byte(&out, '&');
        text = dj_str_from(text, used);
        mark = dj_str_chr(text, '&');
    }
    dj_buf_add(&out, text);
    return dj_buf_str(&out);
}
