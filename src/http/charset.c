/* src/http/charset.c - text in the charset that a client names, to UTF-8.
 *
 * Names are Python's (codecs.lookup), so that what Django takes for known is known here. Only
 * charsets of one byte a character, and UTF-8, are read: the tables are ours. iconv is left alone
 * on purpose: a client would choose which of its converters runs, and these have had holes.
 *
 * Must not know: requests, forms. */
#include "http/http.h"

enum {
    UTF8 = DJ_CHARSET_UTF8,
    ASCII = DJ_CHARSET_ASCII,
    LATIN1 = DJ_CHARSET_LATIN1,
    OTHER = DJ_CHARSET_OTHER,
    FIRST_TABLE,
    BEFORE_TABLES = FIRST_TABLE - 1,
#define TABLE(name, ...) name,
#define DJ_CHARSET_TABLES
#include "charsets.def"
#undef DJ_CHARSET_TABLES
#undef TABLE
};

static const uint16_t tables[][128] = {
#define TABLE(name, ...) {__VA_ARGS__},
#define DJ_CHARSET_TABLES
#include "charsets.def"
#undef DJ_CHARSET_TABLES
#undef TABLE
};

static const struct {
    dj_str name;
    int    charset;
} names[] = {
#define NAME(name, kind) {DJ_STR_INIT(name), kind},
#define DJ_CHARSET_NAMES
#include "charsets.def"
#undef DJ_CHARSET_NAMES
#undef NAME
};

#define NAME_MAX_LEN 40 /* longer than any we know */

/* As Python's encodings.normalize_encoding: lower case, what is no letter, digit or '.' becomes one
 * '_'. */
static size_t normalise(dj_str name, char out[NAME_MAX_LEN])
{
    size_t len = 0;
    bool   gap = false;
    for (size_t i = 0; i < name.len; i++) {
        char c = dj_to_lower(name.ptr[i]);
        if (!dj_is_alpha(c) && !dj_is_digit(c) && c != '.') {
            gap = true;
            continue;
        }
        if (len + 2 > NAME_MAX_LEN)
            return 0;
        if (gap && len > 0)
            out[len++] = '_';
        gap = false;
        out[len++] = c == '.' ? '_' : c;
    }
    return len;
}

int dj_charset_find(dj_str name)
{
    char   text[NAME_MAX_LEN];
    dj_str wanted = dj_str_n(text, normalise(name, text));
    size_t low = 0, high = DJ_COUNT(names);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int    order = dj_str_cmp(wanted, names[middle].name);
        if (order == 0)
            return names[middle].charset;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return DJ_CHARSET_UNKNOWN;
}

dj_str dj_charset_decode(dj_scope *s, int charset, dj_str bytes)
{
    DJ_ASSERT(charset != DJ_CHARSET_UNKNOWN && charset != DJ_CHARSET_OTHER);
    size_t high = 0, len = 0;
    if (charset == DJ_CHARSET_UTF8)
        return dj_utf8_repair(s, bytes);
    if (charset == DJ_CHARSET_LATIN1)
        return dj_latin1_to_utf8(s, bytes);
    for (size_t i = 0; i < bytes.len; i++)
        high += (unsigned char)bytes.ptr[i] >> 7;
    if (high == 0)
        return bytes;
    char *out = dj_alloc_raw(s, bytes.len + 2 * high);
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        uint32_t      cp = c;
        if (c >= 0x80)
            cp = charset == DJ_CHARSET_ASCII ? 0xFFFD : tables[charset - FIRST_TABLE][c - 0x80];
        len += dj_utf8_put(out + len, cp);
    }
    return dj_str_n(out, len);
}
