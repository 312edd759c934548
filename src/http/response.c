/* src/http/response.c - building an answer: status, header lines, body pieces, raised errors.
 *
 * A header is kept as the line that will be sent, so that sending is copying. Every line is made by
 * dj_header_line, which refuses what could end it early, or was prepared at start by the same
 * function. Must not know: sockets, settings, policies. */
#include "http/http.h"

/* -- headers -- */

static const struct {
    dj_str       name;
    dj_header_id id;
} known[] = {
    {DJ_STR_INIT("Content-Type"), DJ_HEADER_CONTENT_TYPE},
    {DJ_STR_INIT("Content-Length"), DJ_HEADER_CONTENT_LENGTH},
    {DJ_STR_INIT("Location"), DJ_HEADER_LOCATION},
    {DJ_STR_INIT("Strict-Transport-Security"), DJ_HEADER_STS},
    {DJ_STR_INIT("X-Content-Type-Options"), DJ_HEADER_NOSNIFF},
    {DJ_STR_INIT("Referrer-Policy"), DJ_HEADER_REFERRER_POLICY},
    {DJ_STR_INIT("Cross-Origin-Opener-Policy"), DJ_HEADER_COOP},
    {DJ_STR_INIT("X-Frame-Options"), DJ_HEADER_XFRAME},
    {DJ_STR_INIT("Content-Security-Policy"), DJ_HEADER_CSP},
    {DJ_STR_INIT("Content-Security-Policy-Report-Only"), DJ_HEADER_CSP_REPORT_ONLY},
    {DJ_STR_INIT("Permissions-Policy"), DJ_HEADER_PERMISSIONS_POLICY},
    {DJ_STR_INIT("Cross-Origin-Resource-Policy"), DJ_HEADER_CORP},
    {DJ_STR_INIT("Vary"), DJ_HEADER_VARY},
    {DJ_STR_INIT("Cache-Control"), DJ_HEADER_CACHE_CONTROL},
    {DJ_STR_INIT("Set-Cookie"), DJ_HEADER_SET_COOKIE},
    {DJ_STR_INIT("ETag"), DJ_HEADER_ETAG},
    {DJ_STR_INIT("Last-Modified"), DJ_HEADER_LAST_MODIFIED},
    {DJ_STR_INIT("Content-Encoding"), DJ_HEADER_CONTENT_ENCODING},
    {DJ_STR_INIT("Allow"), DJ_HEADER_ALLOW},
    {DJ_STR_INIT("Connection"), DJ_HEADER_HOP},
    {DJ_STR_INIT("Date"), DJ_HEADER_HOP},
    {DJ_STR_INIT("Keep-Alive"), DJ_HEADER_HOP},
    {DJ_STR_INIT("Transfer-Encoding"), DJ_HEADER_HOP},
    {DJ_STR_INIT("Upgrade"), DJ_HEADER_HOP},
};

dj_header_id dj_header_id_of(dj_str name)
{
    for (size_t i = 0; i < DJ_COUNT(known); i++) {
        if (known[i].name.len == name.len && dj_str_eq_nocase(known[i].name, name))
            return known[i].id;
    }
    return DJ_HEADER_OTHER;
}

/* RFC 9110 5.6.2 */
static bool is_token(dj_str name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!dj_is_alpha(c) && !dj_is_digit(c) && (c == '\0' || strchr(marks, c) == NULL))
            return false;
    }
    return name.len > 0;
}

static bool is_sendable(dj_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

static bool is_ascii(dj_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        if ((unsigned char)value.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

static void add_base64(dj_buf *out, dj_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t   left = bytes.len - i;
        unsigned group = (unsigned)(unsigned char)bytes.ptr[i] << 16;
        if (left > 1)
            group |= (unsigned)(unsigned char)bytes.ptr[i + 1] << 8;
        if (left > 2)
            group |= (unsigned char)bytes.ptr[i + 2];
        dj_buf_add_byte(out, digits[group >> 18 & 63]);
        dj_buf_add_byte(out, digits[group >> 12 & 63]);
        dj_buf_add_byte(out, left > 1 ? digits[group >> 6 & 63] : '=');
        dj_buf_add_byte(out, left > 2 ? digits[group & 63] : '=');
    }
}

/* RFC 2047, the shorter of Q and B as Python's email.header chooses; `value` is UTF-8. */
static dj_str mime_encoded(dj_scope *s, dj_str value)
{
    static const char hex[] = "0123456789ABCDEF";
    dj_buf            q = dj_buf_make(s, value.len * 3 + 1);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (dj_is_alpha((char)c) || dj_is_digit((char)c) ||
            (c != 0 && strchr("-!*+/", c) != NULL)) {
            dj_buf_add_byte(&q, (char)c);
        } else if (c == ' ') {
            dj_buf_add_byte(&q, '_');
        } else {
            dj_buf_add_byte(&q, '=');
            dj_buf_add_byte(&q, hex[c >> 4]);
            dj_buf_add_byte(&q, hex[c & 15]);
        }
    }
    size_t base64_len = (value.len + 2) / 3 * 4;
    dj_buf out = dj_buf_make(s, q.len + base64_len + 16);
    bool   base64 = base64_len < q.len;
    dj_buf_add(&out, base64 ? DJ_LIT("=?utf-8?b?") : DJ_LIT("=?utf-8?q?"));
    if (base64)
        add_base64(&out, value);
    else
        dj_buf_add(&out, dj_buf_str(&q));
    dj_buf_add(&out, DJ_LIT("?="));
    return dj_buf_str(&out);
}

/* Django's rule for text in a header: latin-1 if it fits, else MIME. Bytes that are not UTF-8 are
 * sent as they are. */
static dj_str header_bytes(dj_scope *s, dj_str value)
{
    if (is_ascii(value) || !dj_utf8_valid(value))
        return value;
    char  *latin1 = dj_alloc_raw(s, value.len);
    size_t len = 0;
    for (size_t pos = 0; pos < value.len;) {
        int32_t cp = dj_utf8_next(value, &pos);
        if (cp > 0xFF)
            return mime_encoded(s, value);
        latin1[len++] = (char)cp;
    }
    return dj_str_n(latin1, len);
}

dj_err dj_header_line(dj_scope *s, dj_str name, dj_str value, dj_header *out)
{
    if (!is_token(name))
        return dj_fail(s, DJ_ERR_BAD_HEADER, "a header name that is no token");
    if (!is_sendable(value))
        return dj_fail(s, DJ_ERR_BAD_HEADER, "a control character in the value of " DJ_FMT,
                       DJ_ARG(name));
    value = header_bytes(s, value);
    size_t len = name.len + value.len + 4;
    char  *line = dj_alloc_raw(s, len);
    memcpy(line, name.ptr, name.len);
    memcpy(line + name.len, ": ", 2);
    if (value.len > 0)
        memcpy(line + name.len + 2, value.ptr, value.len);
    memcpy(line + len - 2, "\r\n", 2);
    *out = (dj_header){
        .line = dj_str_n(line, len), .name_len = (uint32_t)name.len, .id = dj_header_id_of(name)};
    return DJ_OK;
}

static dj_str name_of(const dj_header *h)
{
    return dj_str_first(h->line, h->name_len);
}

static dj_header *find(const dj_response *resp, dj_header_id id, dj_str name)
{
    if (id != DJ_HEADER_OTHER && !dj_header_seen(resp, id))
        return NULL;
    for (size_t i = 0; i < resp->nheaders; i++) {
        dj_header *h = &resp->headers[i];
        /* HOP stands for several names, OTHER for all the rest. */
        if (h->id == id && (dj_str_is_none(name) || dj_str_eq_nocase(name_of(h), name)))
            return h;
    }
    return NULL;
}

static void append(dj_response *resp, const dj_header *h)
{
    if (resp->nheaders == resp->headers_cap) {
        size_t     cap = resp->headers_cap * 2;
        dj_header *more = dj_alloc_raw(resp->req->scope, cap * sizeof *more);
        memcpy(more, resp->headers, resp->nheaders * sizeof *more);
        resp->headers = more;
        resp->headers_cap = cap;
    }
    resp->headers[resp->nheaders++] = *h;
    resp->seen |= 1u << h->id;
}

void dj_header_add_line(dj_response *resp, dj_header_id id, uint32_t name_len, dj_str line)
{
    append(resp, &(dj_header){.line = line, .name_len = name_len, .id = id});
}

/* Types in which a browser runs scripts. */
static bool is_markup(dj_str type)
{
    type = dj_str_trim(dj_str_first(type, dj_str_chr(type, ';')));
    return dj_str_eq_nocase(type, DJ_LIT("text/html")) ||
           dj_str_eq_nocase(type, DJ_LIT("application/xhtml+xml")) ||
           dj_str_eq_nocase(type, DJ_LIT("image/svg+xml")) || type.len == 0;
}

void dj_header_set(dj_response *resp, dj_str name, dj_str value)
{
    dj_header h;
    if (dj_header_line(resp->req->scope, name, value, &h) != DJ_OK) {
        resp->raised = DJ_ERR_BAD_HEADER;
        return;
    }
    if (h.id == DJ_HEADER_CONTENT_TYPE)
        resp->html = is_markup(value);
    dj_header *old = find(resp, h.id, name);
    if (old != NULL)
        *old = h; /* its place is kept, as in Django's mapping */
    else
        append(resp, &h);
}

void dj_header_add(dj_response *resp, dj_str name, dj_str value)
{
    dj_header h;
    if (dj_header_line(resp->req->scope, name, value, &h) != DJ_OK) {
        resp->raised = DJ_ERR_BAD_HEADER;
        return;
    }
    append(resp, &h);
    if (h.id == DJ_HEADER_CONTENT_TYPE)
        resp->html = true; /* two of them: nobody knows which one counts */
}

void dj_header_remove(dj_response *resp, dj_str name)
{
    size_t   kept = 0;
    uint32_t seen = 0;
    for (size_t i = 0; i < resp->nheaders; i++) {
        if (dj_str_eq_nocase(name_of(&resp->headers[i]), name))
            continue;
        seen |= 1u << resp->headers[i].id;
        resp->headers[kept++] = resp->headers[i];
    }
    resp->nheaders = kept;
    resp->seen = seen;
    resp->html = resp->html || (seen >> DJ_HEADER_CONTENT_TYPE & 1u) == 0;
}

bool dj_header_has(const dj_response *resp, dj_str name)
{
    return find(resp, dj_header_id_of(name), name) != NULL;
}

dj_str dj_header_get(const dj_response *resp, dj_str name)
{
    const dj_header *h = find(resp, dj_header_id_of(name), name);
    if (h == NULL)
        return DJ_NONE;
    return dj_str_n(h->line.ptr + h->name_len + 2, h->line.len - h->name_len - 4);
}

/* -- making responses -- */

dj_response *dj_response_bare(dj_req *req, int status)
{
    DJ_ASSERT(status >= 100 && status <= 599);
    /* Not zeroed as a whole: the two inline arrays are most of it. */
    dj_response *resp = dj_alloc_raw(req->scope, sizeof *resp);
    memset(resp, 0, offsetof(dj_response, inline_headers));
    resp->req = req;
    resp->status = status;
    resp->headers = resp->inline_headers;
    resp->headers_cap = DJ_HEADERS_INLINE;
    resp->pieces = resp->inline_pieces;
    resp->pieces_cap = DJ_PIECES_INLINE;
    return resp;
}

#define CONTENT_TYPE_LINE(type)                                                                    \
    dj_header_add_line(resp, DJ_HEADER_CONTENT_TYPE, (uint32_t)sizeof "Content-Type" - 1,          \
                       DJ_LIT("Content-Type: " type "\r\n"))

static void add_piece(dj_response *resp, dj_str piece)
{
    if (piece.len == 0)
        return;
    if (resp->npieces == resp->pieces_cap) {
        size_t  cap = resp->pieces_cap * 2;
        dj_str *more = dj_alloc_raw(resp->req->scope, cap * sizeof *more);
        memcpy(more, resp->pieces, resp->npieces * sizeof *more);
        resp->pieces = more;
        resp->pieces_cap = cap;
    }
    resp->pieces[resp->npieces++] = piece;
    resp->body_len += piece.len;
}

dj_response *dj_respond(dj_req *req, int status)
{
    dj_response *resp = dj_response_bare(req, status);
    CONTENT_TYPE_LINE("text/html; charset=utf-8");
    resp->html = true;
    return resp;
}

dj_response *dj_page(dj_req *req, dj_html page)
{
    dj_response *resp = dj_respond(req, 200);
    dj_page_add(resp, page);
    return resp;
}

dj_response *dj_text(dj_req *req, dj_str body)
{
    dj_response *resp = dj_response_bare(req, 200);
    CONTENT_TYPE_LINE("text/plain; charset=utf-8");
    dj_body_add(resp, body);
    return resp;
}

dj_response *dj_json_response(dj_req *req, const dj_buf *body)
{
    if (body->full)
        return dj_raise(req, DJ_ERR_LIMIT, "a JSON body over its %zu bytes", body->max);
    dj_response *resp = dj_response_bare(req, 200);
    CONTENT_TYPE_LINE("application/json");
    dj_body_add(resp, dj_buf_str(body));
    return resp;
}

dj_response *dj_stream(dj_req *req, dj_stream_fn next, void *ctx)
{
    dj_response *resp = dj_text(req, DJ_LIT(""));
    resp->raw = true;
    resp->stream = next;
    resp->stream_ctx = ctx;
    return resp;
}

typedef struct page_stream {
    dj_page_stream_fn next;
    void             *ctx;
} page_stream;

static bool next_of_page(dj_req *req, void *ctx, dj_str *piece)
{
    const page_stream *page = ctx;
    dj_html            html = {DJ_NONE};
    bool               more = page->next(req, page->ctx, &html);
    *piece = html.safe;
    return more;
}

dj_response *dj_page_stream(dj_req *req, dj_page_stream_fn next, void *ctx)
{
    page_stream *page = dj_new(req->scope, page_stream);
    *page = (page_stream){next, ctx};
    dj_response *resp = dj_respond(req, 200);
    resp->stream = next_of_page;
    resp->stream_ctx = page;
    return resp;
}

void dj_body_set(dj_response *resp, dj_str body)
{
    resp->npieces = 0;
    resp->body_len = 0;
    resp->file_len = 0;
    resp->raw = false;
    dj_body_add(resp, body);
}

void dj_body_add(dj_response *resp, dj_str piece)
{
    if (piece.len > 0)
        resp->raw = true;
    add_piece(resp, piece);
}

void dj_body_file(dj_response *resp, int fd, uint64_t from, uint64_t len)
{
    DJ_ASSERT(fd >= 0 && resp->stream == NULL && from <= INT64_MAX && len <= INT64_MAX - from);
    resp->body_len += (size_t)len - (size_t)resp->file_len;
    resp->file_fd = fd;
    resp->file_from = from;
    resp->file_len = len;
    if (len > 0)
        resp->raw = true;
}

void dj_page_add(dj_response *resp, dj_html piece)
{
    add_piece(resp, piece.safe);
}

int dj_status(const dj_response *resp)
{
    return resp->status;
}

void dj_status_set(dj_response *resp, int status)
{
    DJ_ASSERT(status >= 100 && status <= 599);
    resp->status = status;
}

/* -- raised errors -- */

dj_response *dj_raise_at(dj_req *req, dj_err e, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    dj_str text = dj_vstrf(req->scope, fmt, args);
    va_end(args);
    (void)dj_fail_at(req->scope, e, file, line, DJ_FMT, DJ_ARG(text));
    return dj_raise_failure(req);
}

dj_response *dj_raise_failure(dj_req *req)
{
    dj_err e = dj_failure(req->scope);
    if (e == DJ_OK)
        e = dj_fail(req->scope, DJ_ERR_INTERNAL, "raised without a failure");
    dj_response *resp = dj_response_bare(req, dj_err_info_of(e)->status);
    resp->raised = e;
    return resp;
}

dj_response *dj_not_found(dj_req *req)
{
    return dj_raise(req, DJ_ERR_NOT_FOUND, "not found");
}

dj_response *dj_denied(dj_req *req)
{
    return dj_raise(req, DJ_ERR_DENIED, "permission denied");
}
