/* src/http/url.c - paths of requests: decoded for the routes, quoted again for links and logs.
 *
 * Byte for byte what Django does with WSGI's PATH_INFO. Django: core/handlers/wsgi.py
 * get_path_info, http/request.py get_full_path.
 *
 * Must not know: requests, routes, which hosts are ours. */
#include "http/http.h"

static const char upper_hex[16] = {'0', '1', '2', '3', '4', '5', '6', '7',
                                   '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'};

dj_str dj_url_full_path(dj_scope *s, dj_str path, dj_str query, bool force_slash)
{
    dj_str escaped = dj_url_escape_path(s, path);
    dj_str quoted =
        dj_iri_to_uri(s, dj_latin1_to_utf8(s, query)); /* to WSGI a query is Latin-1 characters */
    bool slash = force_slash && !dj_str_ends(path, DJ_LIT("/"));
    if (!slash && quoted.len == 0)
        return escaped;
    char *out = dj_alloc_raw(s, escaped.len + quoted.len + 2), *end = out;
    if (escaped.len > 0)
        end = (char *)memcpy(out, escaped.ptr, escaped.len) + escaped.len;
    if (slash)
        *end++ = '/';
    if (quoted.len > 0) {
        *end++ = '?';
        memcpy(end, quoted.ptr, quoted.len);
        end += quoted.len;
    }
    return dj_str_n(out, (size_t)(end - out));
}

/* Rewrites text that is not UTF-8: a bad sequence becomes U+FFFD, or its bytes %XX. */
static dj_str rewrite_bad(dj_scope *s, dj_str text, bool percent)
{
    if (dj_utf8_valid(text))
        return text;
    char  *out = dj_alloc_array(s, text.len, 3); /* a bad byte becomes three in either way */
    size_t n = 0;
    for (size_t pos = 0; pos < text.len;) {
        size_t from = pos;
        if (dj_utf8_next(text, &pos) >= 0) {
            memcpy(out + n, text.ptr + from, pos - from);
            n += pos - from;
        } else if (percent) {
            for (; from < pos; from++) {
                unsigned char c = (unsigned char)text.ptr[from];
                out[n++] = '%';
                out[n++] = upper_hex[c >> 4];
                out[n++] = upper_hex[c & 15];
            }
        } else {
            n += dj_utf8_put(out + n, 0xFFFD);
        }
    }
    return dj_str_n(out, n);
}

dj_str dj_latin1_to_utf8(dj_scope *s, dj_str text)
{
    size_t high = 0, n = 0;
    for (size_t i = 0; i < text.len; i++)
        high += (unsigned char)text.ptr[i] >> 7;
    if (high == 0)
        return text;
    char *out = dj_alloc_raw(s, text.len + high);
    for (size_t i = 0; i < text.len; i++)
        n += dj_utf8_put(out + n, (unsigned char)text.ptr[i]);
    return dj_str_n(out, n);
}

dj_str dj_utf8_repair(dj_scope *s, dj_str text)
{
    return rewrite_bad(s, text, false);
}

dj_str dj_url_path_decode(dj_scope *s, dj_str raw)
{
    if (raw.len == 0)
        return DJ_LIT("/");
    return rewrite_bad(s, dj_url_unquote(s, raw), true);
}
