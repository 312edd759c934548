/* src/http/cookies.c - cookies: a Cookie header to names and values, Set-Cookie lines.
 *
 * Both are Django's to the byte (http/cookie.py, Python's http.cookies), which is not RFC 6265:
 * values are quoted with octal escapes, and any text is a name. Stricter is what a browser would
 * drop, what would end an attribute early, and a protected name that arrives twice: one of the two
 * was planted by somebody else.
 *
 * Must not know: settings, sessions, signatures, what a cookie means. */
#include "http/http.h"
#include "donjon/cookies.h"
#include "donjon/time.h"
#include "donjon/unicode.h"

static bool is_host_name(dj_str name)
{
    return dj_str_starts(name, DJ_LIT("__Host-"));
}

/* Names that a browser takes only from a secure origin. */
static bool is_protected(dj_str name)
{
    return is_host_name(name) || dj_str_starts(name, DJ_LIT("__Secure-"));
}

/* -- reading -- */

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* Python's http.cookies._unquote. `\ooo` is a code point, not a byte of UTF-8. */
static dj_str unquote(dj_scope *s, dj_str value)
{
    if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
        return value;
    dj_str in = dj_str_n(value.ptr + 1, value.len - 2);
    if (dj_str_chr(in, '\\') == DJ_NOT_FOUND)
        return in;
    char  *out = dj_alloc_raw(s, in.len);
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        const char *c = in.ptr + i;
        size_t      left = in.len - i;
        if (*c != '\\' || left < 2 ||
            c[1] == '\n') { /* '.' of Python's re is any character but a line end */
            out[n++] = *c;
        } else if (left >= 4 && c[1] <= '3' && is_octal(c[1]) && is_octal(c[2]) && is_octal(c[3])) {
            n += dj_utf8_put(out + n,
                             (uint32_t)((c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0')));
            i += 3;
        } else {
            out[n++] = c[1];
            i++;
        }
    }
    return dj_str_n(out, n);
}

dj_err dj_cookies_parse(dj_scope *s, dj_str header, dj_map *out)
{
    dj_map cookies = dj_map_make(s);
    dj_str text = dj_utf8_repair(s, header), piece;
    size_t pieces = 0;
    while (dj_str_next(&text, ';', &piece)) {
        size_t equals = dj_str_chr(piece, '=');
        dj_str name =
            equals == DJ_NOT_FOUND ? DJ_LIT("") : dj_utf8_strip(dj_str_first(piece, equals));
        dj_str value =
            dj_utf8_strip(equals == DJ_NOT_FOUND ? piece : dj_str_from(piece, equals + 1));
        if (++pieces > DJ_COOKIES_MAX)
            return dj_fail(s, DJ_ERR_SUSPICIOUS, "a request with more than %d cookies",
                           DJ_COOKIES_MAX);
        if (name.len == 0 && value.len == 0)
            continue;
        dj_str *slot = dj_map_get(&cookies, name);
        if (slot == NULL) {
            slot = dj_new(s, dj_str);
            dj_map_set(&cookies, name, slot);
        } else if (is_protected(name)) {
            return dj_fail(s, DJ_ERR_SUSPICIOUS, "a request with the cookie " DJ_FMT " twice",
                           DJ_ARG(dj_str_first(name, 64)));
        }
        *slot = unquote(s, value);
    }
    *out = cookies;
    return DJ_OK;
}

/* Parsed once. NULL: there is no Cookie header. A refused one counts as empty: the site has
 * answered 400. */
static const dj_map *cookies_of(dj_req *req, dj_err *e)
{
    *e = DJ_OK;
    if (req->cookies != NULL || (req->head->seen >> DJ_FIELD_COOKIE & 1u) == 0)
        return req->cookies;
    dj_map *cookies = dj_new(req->scope, dj_map);
    *cookies = dj_map_make(req->scope);
    req->cookies = cookies;
    *e = dj_cookies_parse(req->scope, dj_req_header(req, DJ_LIT("Cookie")), cookies);
    return cookies;
}

dj_err dj_cookies_check(dj_req *req)
{
    const dj_head *head = req->head;
    dj_err         e = DJ_OK;
    size_t         pieces = 0;
    bool           protected_name = false;
    for (size_t i = 0; i < head->nfields; i++) {
        if (head->fields[i].id != DJ_FIELD_COOKIE)
            continue;
        dj_str value = head->fields[i].value, piece;
        protected_name = protected_name || dj_str_has(value, DJ_LIT("__Host-")) ||
                         dj_str_has(value, DJ_LIT("__Secure-"));
        while (dj_str_next(&value, ';', &piece))
            pieces++;
    }
    if (protected_name || pieces > DJ_COOKIES_MAX)
        (void)cookies_of(req, &e);
    return e;
}

dj_str dj_cookie_get(dj_req *req, dj_str name)
{
    dj_err        e;
    const dj_map *cookies = cookies_of(req, &e);
    const dj_str *value = cookies == NULL ? NULL : dj_map_get(cookies, name);
    return value == NULL ? DJ_NONE : *value;
}

bool dj_cookie_next(dj_req *req, size_t *pos, dj_str *name, dj_str *value)
{
    dj_err        e;
    const dj_map *cookies = cookies_of(req, &e);
    if (cookies == NULL || *pos >= cookies->len)
        return false;
    *name = cookies->entries[*pos].key;
    *value = *(const dj_str *)cookies->entries[*pos].value;
    ++*pos;
    return true;
}

/* -- setting -- */

/* What one name has been set to on this response. */
typedef struct dj_set_cookie {
    struct dj_set_cookie *next;
    dj_str                name, expires, path, domain, samesite;
    int64_t               max_age;
    bool                  has_max_age, secure, httponly, partitioned;
    dj_str                line; /* as it stands among the headers */
} set_cookie;

/* _LegalChars of Python's http.cookies */
static bool is_bare(uint32_t cp)
{
    return cp < 0x80 && cp != 0 &&
           (dj_is_alpha((char)cp) || dj_is_digit((char)cp) ||
            strchr("!#$%&'*+-.^_`|~:", (int)cp) != NULL);
}

static bool all_bare(dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_bare((unsigned char)text.ptr[i]))
            return false;
    }
    return text.len > 0;
}

static bool is_attribute_name(dj_str name)
{
    static const dj_str names[] = {
        DJ_STR_INIT("path"),     DJ_STR_INIT("expires"),  DJ_STR_INIT("domain"),
        DJ_STR_INIT("secure"),   DJ_STR_INIT("httponly"), DJ_STR_INIT("max-age"),
        DJ_STR_INIT("samesite"), DJ_STR_INIT("comment"),  DJ_STR_INIT("version"),
    };
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        if (dj_str_eq_nocase(names[i], name))
            return true;
    }
    return false;
}

/* Can't end its attribute early, nor mean different things to different readers. */
static bool is_attribute_text(dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c > 0x7E || c == ';')
            return false;
    }
    return true;
}

/* False: a character above U+00FF, or no UTF-8. */
static bool add_value(dj_buf *out, dj_str value)
{
    if (all_bare(value)) {
        dj_buf_add(out, value);
        return true;
    }
    dj_buf_add_byte(out, '"');
    for (size_t pos = 0; pos < value.len && !out->full;) {
        int32_t cp = dj_utf8_next(value, &pos);
        if (cp < 0 || cp > 0xFF)
            return false;
        if (cp == '"' || cp == '\\')
            dj_buf_add_byte(out, '\\');
        if (is_bare((uint32_t)cp) ||
            (cp != 0 && cp < 0x80 && strchr(" ()/<=>?@[]{}\"\\", cp) != NULL))
            dj_buf_add_byte(out, (char)cp);
        else
            dj_buf_addf(out, "\\%03o", (unsigned)cp);
    }
    dj_buf_add_byte(out, '"');
    return true;
}

static void add_attribute(dj_buf *out, dj_str label, dj_str text)
{
    if (text.len == 0)
        return;
    dj_buf_add(out, label);
    dj_buf_add(out, text);
}

static dj_err make_line(dj_scope *s, set_cookie *c, dj_str value)
{
    dj_buf b = dj_buf_make(s, DJ_COOKIE_LINE_MAX);
    dj_buf_add(&b, DJ_LIT("Set-Cookie: "));
    dj_buf_add(&b, c->name);
    dj_buf_add_byte(&b, '=');
    if (!add_value(&b, value))
        return dj_fail(s, DJ_ERR_BAD_HEADER,
                       "the value of cookie " DJ_FMT " has a character above U+00FF",
                       DJ_ARG(c->name));
    add_attribute(&b, DJ_LIT("; Domain="), c->domain);
    add_attribute(&b, DJ_LIT("; expires="), c->expires);
    if (c->httponly)
        dj_buf_add(&b, DJ_LIT("; HttpOnly"));
    if (c->has_max_age) {
        dj_buf_add(&b, DJ_LIT("; Max-Age="));
        dj_buf_add_int(&b, c->max_age);
    }
    if (c->partitioned)
        dj_buf_add(&b, DJ_LIT("; Partitioned"));
    add_attribute(&b, DJ_LIT("; Path="), c->path);
    add_attribute(&b, DJ_LIT("; SameSite="), c->samesite);
    if (c->secure)
        dj_buf_add(&b, DJ_LIT("; Secure"));
    dj_buf_add(&b, DJ_LIT("\r\n"));
    if (b.full)
        return dj_fail(s, DJ_ERR_BAD_HEADER, "cookie " DJ_FMT " is longer than %d bytes",
                       DJ_ARG(dj_str_first(c->name, 64)), DJ_COOKIE_LINE_MAX);
    c->line = dj_buf_str(&b);
    return DJ_OK;
}

/* Years 1 to 9999: what an HTTP date can say. */
#define FIRST_SECOND INT64_C(-62135596800)
#define LAST_SECOND  INT64_C(253402300799)

/* Max-Age and expires. A date, as in Django, becomes the seconds left, and that the date: so both
 * say the same. */
static dj_err merge_times(dj_scope *s, set_cookie *c, const dj_cookie *new)
{
    bool    given = new->max_age != 0 || new->expires != 0;
    int64_t seconds = new->max_age == DJ_MAX_AGE_ZERO ? 0 : new->max_age, at;
    if (new->expires != 0) {
        if (new->max_age != 0 || new->expires_text.len > 0)
            return dj_fail(s, DJ_ERR_BAD_HEADER,
                           "cookie " DJ_FMT ": 'expires' and another time can't be used together",
                           DJ_ARG(c->name));
        int64_t now_us = dj_now_us(s);
        int64_t now =
            now_us / 1000000 + (now_us % 1000000 > 0); /* rounded up; one second is added below */
        if (__builtin_sub_overflow(new->expires, now, &seconds) || seconds >= LAST_SECOND)
            seconds = new->expires < now ? -1 : LAST_SECOND;
        seconds = seconds < -1 ? 0 : seconds + 1;
    }
    c->expires = new->expires_text;
    if (!given)
        return DJ_OK;
    c->has_max_age = true;
    c->max_age = seconds;
    if (c->expires.len > 0)
        return DJ_OK;
    if (__builtin_add_overflow(dj_now(s), seconds, &at) || at < FIRST_SECOND || at > LAST_SECOND)
        return dj_fail(s, DJ_ERR_BAD_HEADER,
                       "cookie " DJ_FMT " would end outside the years 1 to 9999", DJ_ARG(c->name));
    c->expires = dj_http_date_str(s, at);
    return DJ_OK;
}

/* What a browser would not store. */
static dj_err check_flags(dj_scope *s, const set_cookie *c)
{
    const char *wrong = NULL;
    if (!c->secure && dj_str_eq_nocase(c->samesite, DJ_LIT("none")))
        wrong = "SameSite=None needs secure";
    else if (!c->secure && c->partitioned)
        wrong = "Partitioned needs secure";
    else if (!c->secure && is_protected(c->name))
        wrong = "this name needs secure";
    else if (is_host_name(c->name) && (c->domain.len > 0 || !dj_str_eq(c->path, DJ_LIT("/"))))
        wrong = "this name needs the path / and no domain";
    return wrong == NULL
               ? DJ_OK
               : dj_fail(s, DJ_ERR_BAD_HEADER, "cookie " DJ_FMT ": %s", DJ_ARG(c->name), wrong);
}

static dj_err merge(dj_scope *s, set_cookie *c, const dj_cookie *new)
{
    bool fits = new->samesite.len == 0 || dj_str_eq_nocase(new->samesite, DJ_LIT("lax")) ||
                dj_str_eq_nocase(new->samesite, DJ_LIT("strict")) ||
                dj_str_eq_nocase(new->samesite, DJ_LIT("none"));
    if (!fits)
        return dj_fail(s, DJ_ERR_BAD_HEADER,
                       "cookie " DJ_FMT ": samesite must be \"lax\", \"none\", or \"strict\"",
                       DJ_ARG(c->name));
    if (!is_attribute_text(new->path) || !is_attribute_text(new->domain) ||
        !is_attribute_text(new->expires_text))
        return dj_fail(s, DJ_ERR_BAD_HEADER,
                       "cookie " DJ_FMT
                       ": a control character, ';' or non-ASCII in path, domain or expires",
                       DJ_ARG(c->name));
    /* Copied: a later call for the same name sends them again. */
    c->path = dj_str_is_none(new->path) ? DJ_LIT("/") : dj_str_dup(s, new->path);
    if (!dj_str_is_none(new->domain))
        c->domain = dj_str_dup(s, new->domain);
    if (new->samesite.len > 0)
        c->samesite = dj_str_dup(s, new->samesite);
    c->secure = c->secure || new->secure;
    c->httponly = c->httponly || new->httponly;
    c->partitioned = c->partitioned || new->partitioned;
    dj_err e = merge_times(s, c, new);
    return e ? e : check_flags(s, c);
}

static dj_header *header_of(dj_response *resp, const set_cookie *c)
{
    for (size_t i = 0; i < resp->nheaders; i++) {
        if (resp->headers[i].line.ptr == c->line.ptr)
            return &resp->headers[i];
    }
    return NULL;
}

static dj_err set(dj_response *resp, const dj_cookie *new)
{
    dj_scope   *s = resp->req->scope;
    set_cookie *old = resp->cookies;
    dj_header  *header = NULL;
    size_t      count = 0;
    if (!all_bare(new->name) || is_attribute_name(new->name))
        return dj_fail(s, DJ_ERR_BAD_HEADER, "a cookie's name that can't be sent");
    for (; old != NULL && !dj_str_eq(old->name, new->name); old = old->next)
        count++;
    if (old != NULL)
        header = header_of(resp, old);
    set_cookie c = {.name = new->name};
    if (header != NULL)
        c = *old; /* else removed with the header: it begins anew */
    else if (count >= DJ_COOKIES_SET_MAX)
        return dj_fail(s, DJ_ERR_BAD_HEADER, "more than %d cookies set", DJ_COOKIES_SET_MAX);
    dj_err e = merge(s, &c, new);
    if (e || (e = make_line(s, &c, new->value)))
        return e;
    c.name = dj_str_n(c.line.ptr + sizeof "Set-Cookie: " - 1, c.name.len);
    if (old == NULL) {
        old = dj_new(s, set_cookie);
        c.next = resp->cookies;
        resp->cookies = old;
    } else {
        c.next = old->next;
    }
    *old = c;
    if (header != NULL)
        header->line = c.line;
    else
        dj_header_add_line(resp, DJ_HEADER_SET_COOKIE, (uint32_t)sizeof "Set-Cookie" - 1, c.line);
    return DJ_OK;
}

void dj_cookie_set(dj_response *resp, const dj_cookie *cookie)
{
    dj_err e = set(resp, cookie);
    if (e)
        resp->raised = e;
}

void dj_cookie_delete(dj_response *resp, const dj_cookie *cookie)
{
    dj_cookie gone = {
        .name = cookie->name,
        .value = DJ_LIT(""),
        .max_age = DJ_MAX_AGE_ZERO,
        .expires_text = DJ_LIT("Thu, 01 Jan 1970 00:00:00 GMT"),
        .path = cookie->path,
        .domain = cookie->domain,
        .samesite = cookie->samesite,
        .secure = cookie->secure || cookie->partitioned || is_protected(cookie->name) ||
                  dj_str_eq_nocase(cookie->samesite, DJ_LIT("none")),
        .partitioned = cookie->partitioned,
    };
    dj_cookie_set(resp, &gone);
}
