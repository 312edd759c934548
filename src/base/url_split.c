/* src/base/url_split.c - takes URLs apart and joins them, as Python's urllib.parse does.
 *
 * Browsers forgive much (leading controls, line ends inside, look-alikes of '/'), and a decision
 * about a URL is only worth something if it was taken on the same pieces that a browser will see.
 * Python 3.11: urlsplit with its checks of the authority, urljoin.
 *
 * Must not know: which hosts and schemes are allowed. */
#include "donjon/unicode.h"
#include "donjon/url.h"
#include <arpa/inet.h>

static bool is_scheme(dj_str text)
{
    if (text.len == 0 || !dj_is_alpha(text.ptr[0]))
        return false;
    for (size_t i = 1; i < text.len; i++) {
        char c = text.ptr[i];
        if (!dj_is_alpha(c) && !dj_is_digit(c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

/* Without C0 controls and blanks in front, and without TAB, CR and LF anywhere. */
static dj_str cleaned(dj_scope *s, dj_str url)
{
    size_t from = 0;
    while (from < url.len && (unsigned char)url.ptr[from] <= 0x20)
        from++;
    url = dj_str_from(url, from);
    if (dj_str_chr(url, '\t') == DJ_NOT_FOUND && dj_str_chr(url, '\r') == DJ_NOT_FOUND &&
        dj_str_chr(url, '\n') == DJ_NOT_FOUND)
        return url;
    char  *out = dj_alloc_raw(s, url.len);
    size_t len = 0;
    for (size_t i = 0; i < url.len; i++) {
        char c = url.ptr[i];
        if (c != '\t' && c != '\r' && c != '\n')
            out[len++] = c;
    }
    return dj_str_n(out, len);
}

/* "v1.x" of RFC 3986, or an IPv6 address, which may have a scope. */
static bool bracketed_ok(dj_str host)
{
    if (host.len > 0 && host.ptr[0] == 'v') {
        size_t i = 1;
        while (i < host.len && dj_hex_value(host.ptr[i]) >= 0)
            i++;
        return i > 1 && i + 1 < host.len && host.ptr[i] == '.';
    }
    size_t percent = dj_str_chr(host, '%');
    if (percent != DJ_NOT_FOUND) {
        dj_str scope = dj_str_from(host, percent + 1);
        if (scope.len == 0 || dj_str_chr(scope, '%') != DJ_NOT_FOUND)
            return false;
        host = dj_str_first(host, percent);
    }
    char            text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (host.len >= sizeof text || dj_str_chr(host, '\0') != DJ_NOT_FOUND)
        return false;
    if (host.len > 0)
        memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool brackets_ok(dj_str netloc)
{
    bool open = dj_str_chr(netloc, '[') != DJ_NOT_FOUND,
         close = dj_str_chr(netloc, ']') != DJ_NOT_FOUND;
    if (!open && !close)
        return true;
    if (open != close)
        return false;
    size_t at = dj_str_rchr(netloc, '@');
    dj_str host = at == DJ_NOT_FOUND ? netloc : dj_str_from(netloc, at + 1);
    size_t bracket = dj_str_chr(host, '[');
    if (bracket == DJ_NOT_FOUND) /* brackets in the userinfo alone */
        return bracketed_ok(dj_str_first(host, dj_str_chr(host, ':')));
    if (bracket != 0)
        return false;
    dj_str rest = dj_str_from(host, 1);
    size_t end = dj_str_chr(rest, ']');
    dj_str port = end == DJ_NOT_FOUND ? DJ_NONE : dj_str_from(rest, end + 1);
    if (port.len > 0 && port.ptr[0] != ':')
        return false;
    return bracketed_ok(dj_str_first(rest, end));
}

/* A character that NFKC (and so IDNA) turns into / ? # @ or : would give the host another end. */
static bool survives_nfkc(dj_str netloc)
{
    for (size_t pos = 0; pos < netloc.len;) {
        int32_t cp = dj_utf8_next(netloc, &pos);
        if (cp >= 0x80 && dj_cp_is_url_mark((uint32_t)cp))
            return false;
    }
    return true;
}

static size_t first_of(dj_str text, dj_str set)
{
    for (size_t i = 0; i < text.len; i++) {
        if (dj_str_chr(set, text.ptr[i]) != DJ_NOT_FOUND)
            return i;
    }
    return text.len;
}

/* Cuts what follows the first `mark` off *url. */
static dj_str cut_tail(dj_str *url, char mark)
{
    size_t i = dj_str_chr(*url, mark);
    if (i == DJ_NOT_FOUND)
        return DJ_LIT("");
    dj_str tail = dj_str_from(*url, i + 1);
    *url = dj_str_first(*url, i);
    return tail;
}

bool dj_url_split(dj_scope *s, dj_str url, dj_url_parts *out)
{
    url = cleaned(s, url);
    *out = (dj_url_parts){DJ_LIT(""), DJ_LIT(""), DJ_LIT(""), DJ_LIT(""), DJ_LIT("")};
    size_t colon = dj_str_chr(url, ':');
    if (colon != DJ_NOT_FOUND && is_scheme(dj_str_first(url, colon))) {
        out->scheme = dj_str_lower(s, dj_str_first(url, colon));
        url = dj_str_from(url, colon + 1);
    }
    if (dj_str_starts(url, DJ_LIT("//"))) {
        dj_str rest = dj_str_from(url, 2);
        size_t end = first_of(rest, DJ_LIT("/?#"));
        out->netloc = dj_str_first(rest, end);
        url = dj_str_from(rest, end);
        if (!brackets_ok(out->netloc))
            return false;
    }
    out->fragment = cut_tail(&url, '#');
    out->query = cut_tail(&url, '?');
    out->path = url;
    return survives_nfkc(out->netloc);
}

/* -- joining -- */

/* ";params" of the last segment, which stay out of the resolving of dots. */
static dj_str cut_params(dj_str *path)
{
    size_t slash = dj_str_rchr(*path, '/'), from = slash == DJ_NOT_FOUND ? 0 : slash;
    size_t i = dj_str_chr(dj_str_from(*path, from), ';');
    if (i == DJ_NOT_FOUND)
        return DJ_LIT("");
    dj_str params = dj_str_from(*path, from + i + 1);
    *path = dj_str_first(*path, from + i);
    return params;
}

typedef struct segments {
    dj_str *items;
    size_t  len;
} segments;

static segments split_segments(dj_scope *s, dj_str path, size_t room)
{
    size_t count = 1;
    for (size_t i = 0; i < path.len; i++)
        count += path.ptr[i] == '/';
    segments out = {dj_new_array(s, dj_str, count + room), 0};
    dj_str   piece;
    while (dj_str_next(&path, '/', &piece))
        out.items[out.len++] = piece;
    if (out.len == 0)
        out.items[out.len++] = DJ_LIT("");
    return out;
}

/* The segments of `path` seen from `base`. */
static segments relative_to(dj_scope *s, dj_str base, dj_str path)
{
    segments mine = split_segments(s, path, 0);
    if (path.len > 0 && path.ptr[0] == '/')
        return mine;
    segments all = split_segments(s, base, mine.len);
    if (all.items[all.len - 1].len > 0)
        all.len--;
    for (size_t i = 0; i < mine.len; i++)
        all.items[all.len++] = mine.items[i];
    size_t kept = 0;
    for (size_t i = 0; i < all.len; i++) {
        bool inner = i > 0 && i + 1 < all.len;
        if (!inner || all.items[i].len > 0)
            all.items[kept++] = all.items[i];
    }
    all.len = kept;
    return all;
}

static dj_str without_dots(dj_scope *s, segments all)
{
    dj_str  last = all.items[all.len - 1];
    dj_str *kept = dj_new_array(s, dj_str, all.len + 1);
    size_t  n = 0, bytes = 0;
    for (size_t i = 0; i < all.len; i++) {
        if (dj_str_eq(all.items[i], DJ_LIT(".."))) {
            if (n > 0)
                n--;
        } else if (!dj_str_eq(all.items[i], DJ_LIT("."))) {
            kept[n++] = all.items[i];
        }
    }
    if (dj_str_eq(last, DJ_LIT(".")) || dj_str_eq(last, DJ_LIT("..")))
        kept[n++] = DJ_LIT("");
    for (size_t i = 0; i < n; i++)
        bytes += kept[i].len + 1;
    dj_buf out = dj_buf_make(s, bytes + 1);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            dj_buf_add_byte(&out, '/');
        dj_buf_add(&out, kept[i]);
    }
    return out.len == 0 ? DJ_LIT("/") : dj_buf_str(&out);
}

static dj_str unsplit(dj_scope *s, const dj_url_parts *p, dj_str params)
{
    dj_buf out = dj_buf_make(s, p->scheme.len + p->netloc.len + p->path.len + params.len +
                                    p->query.len + p->fragment.len + 8);
    dj_buf_add(&out, p->scheme);
    dj_buf_add(&out, DJ_LIT("://"));
    dj_buf_add(&out, p->netloc);
    if (p->path.len + params.len > 0 && (p->path.len == 0 || p->path.ptr[0] != '/'))
        dj_buf_add_byte(&out, '/');
    dj_buf_add(&out, p->path);
    if (params.len > 0) {
        dj_buf_add_byte(&out, ';');
        dj_buf_add(&out, params);
    }
    if (p->query.len > 0) {
        dj_buf_add_byte(&out, '?');
        dj_buf_add(&out, p->query);
    }
    if (p->fragment.len > 0) {
        dj_buf_add_byte(&out, '#');
        dj_buf_add(&out, p->fragment);
    }
    return dj_buf_str(&out);
}

bool dj_url_join(dj_scope *s, dj_str base, dj_str url, dj_str *out)
{
    dj_url_parts b, u;
    if (!dj_url_split(s, base, &b) || !dj_url_split(s, url, &u))
        return false;
    if (u.scheme.len > 0 && !dj_str_eq(u.scheme, b.scheme)) {
        *out = url;
        return true;
    }
    dj_str base_params = cut_params(&b.path), params = cut_params(&u.path);
    u.scheme = b.scheme;
    if (u.netloc.len == 0) {
        u.netloc = b.netloc;
        if (u.path.len == 0 && params.len == 0) {
            u.path = b.path;
            params = base_params;
            if (u.query.len == 0)
                u.query = b.query;
        } else {
            u.path = without_dots(s, relative_to(s, b.path, u.path));
        }
    }
    *out = unsplit(s, &u, params);
    return true;
}
