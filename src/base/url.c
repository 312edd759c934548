/* src/base/url.c - percent coding of text.
 *
 * Byte for byte what urllib.parse.quote does, and django.utils.encoding on top of it.
 *
 * Must not know: requests, routes, which hosts are ours. */
#include "donjon/url.h"

/* What iri_to_uri leaves alone beside the unreserved: reserved characters of RFC 3986, '%' and '~'.
 */
#define IRI_SAFE DJ_LIT("/#%[]=:;$&()+,!?*@'~")
/* What escape_uri_path leaves alone: pchar without ';' and '=', and '/'. */
#define PATH_SAFE DJ_LIT("/:@&+$,-_.!~*'()")

static const char upper_hex[16] = {'0', '1', '2', '3', '4', '5', '6', '7',
                                   '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'};

/* -- quoting -- */

typedef struct byte_set {
    uint32_t bits[8];
} byte_set;

static inline bool set_has(const byte_set *set, char c)
{
    unsigned char u = (unsigned char)c;
    return (set->bits[u >> 5] >> (u & 31) & 1u) != 0;
}

/* Letters, digits, "_.-~" and `more`. */
static byte_set safe_set(dj_str more)
{
    /* '-' '.' 0-9; A-Z '_'; a-z '~' */
    byte_set set = {{0, 0x03FF6000u, 0x87FFFFFEu, 0x47FFFFFEu, 0, 0, 0, 0}};
    for (size_t i = 0; i < more.len; i++) {
        unsigned char u = (unsigned char)more.ptr[i];
        if (u < 0x80) /* as urllib: `safe` is ASCII */
            set.bits[u >> 5] |= 1u << (u & 31);
    }
    return set;
}

static size_t quoted_len(dj_str text, const byte_set *safe, bool plus)
{
    size_t n = text.len;
    for (size_t i = 0; i < text.len; i++) {
        if (!set_has(safe, text.ptr[i]) && !(plus && text.ptr[i] == ' '))
            n += 2;
    }
    return n;
}

/* Writes quoted_len() bytes to `out` and returns the byte behind them. */
static char *put_quoted(char *out, dj_str text, const byte_set *safe, bool plus)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (set_has(safe, (char)c)) {
            *out++ = (char)c;
        } else if (plus && c == ' ') {
            *out++ = '+';
        } else {
            *out++ = '%';
            *out++ = upper_hex[c >> 4];
            *out++ = upper_hex[c & 15];
        }
    }
    return out;
}

static void add_quoted(dj_buf *b, dj_str text, dj_str safe, bool plus)
{
    byte_set set = safe_set(safe);
    size_t   len = quoted_len(text, &set, plus);
    if (len == 0 || !dj_buf_reserve(b, len))
        return;
    put_quoted(b->ptr + b->len, text, &set, plus);
    b->len += len;
}

void dj_buf_add_quoted(dj_buf *b, dj_str text, dj_str safe)
{
    add_quoted(b, text, safe, false);
}

void dj_buf_add_quoted_plus(dj_buf *b, dj_str text, dj_str safe)
{
    add_quoted(b, text, safe, true);
}

dj_str dj_url_quote(dj_scope *s, dj_str text, dj_str safe)
{
    byte_set set = safe_set(safe);
    size_t   len = quoted_len(text, &set, false);
    if (len == text.len)
        return text;
    char *out = dj_alloc_raw(s, len);
    put_quoted(out, text, &set, false);
    return dj_str_n(out, len);
}

dj_str dj_iri_to_uri(dj_scope *s, dj_str iri)
{
    return dj_url_quote(s, iri, IRI_SAFE);
}

dj_str dj_url_escape_path(dj_scope *s, dj_str path)
{
    return dj_url_quote(s, path, PATH_SAFE);
}

/* -- unquoting -- */

dj_str dj_url_unquote(dj_scope *s, dj_str text)
{
    size_t i = dj_str_chr(text, '%');
    if (i == DJ_NOT_FOUND)
        return text;
    char  *out = dj_alloc_raw(s, text.len);
    size_t n = i;
    memcpy(out, text.ptr, i);
    while (i < text.len) {
        int high = -1, low = -1;
        if (text.ptr[i] == '%' && text.len - i >= 3) {
            high = dj_hex_value(text.ptr[i + 1]);
            low = dj_hex_value(text.ptr[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            out[n++] = (char)(high << 4 | low);
            i += 3;
        } else {
            out[n++] = text.ptr[i++];
        }
    }
    return dj_str_n(out, n);
}
