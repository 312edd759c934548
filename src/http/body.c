/* src/http/body.c - reads the body of an HTTP/1.1 request: of a known length, or chunked.
 *
 * Data is handed out as slices of the input. Chunk lines and trailers are judged as whole lines,
 * like those of the head. Extensions are checked and ignored; trailers are checked like fields and
 * thrown away, so that nothing which stands behind the body can change what the head said. RFC 9112
 * sections 6.3 and 7.1.
 *
 * Must not know: sockets, where the data goes. */
#include "http/http.h"

enum { FINISHED, LENGTH, CHUNK_LINE, CHUNK_DATA, CHUNK_END, TRAILERS };

#define CHUNK_DIGITS_MAX 16 /* 64 bits */

void dj_http1_body_init(dj_http1_body *b, const dj_head *head, const dj_http_limits *limits)
{
    *b = (dj_http1_body){.limits = limits};
    if (head->chunked) {
        b->state = CHUNK_LINE;
    } else if (head->content_length > 0) {
        b->state = LENGTH;
        b->left = b->total = head->content_length;
    }
}

/* -- chunk lines -- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t skip_blanks(dj_str s, size_t i)
{
    while (i < s.len && is_blank(s.ptr[i]))
        i++;
    return i;
}

static bool is_tchar(char c)
{
    return dj_is_alpha(c) || dj_is_digit(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t skip_token(dj_str s, size_t i)
{
    while (i < s.len && is_tchar(s.ptr[i]))
        i++;
    return i;
}

/* Behind the quoted string that begins at i, or 0. */
static size_t skip_quoted(dj_str s, size_t i)
{
    for (i++; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"')
            return i + 1;
        if (c == '\\') {
            if (++i == s.len)
                return 0;
            c = (unsigned char)s.ptr[i];
        }
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return 0;
    }
    return 0;
}

/* *( ";" token [ "=" ( token / quoted-string ) ] ). Blanks, which the RFC calls bad and to be
 * removed, are refused. */
static dj_refusal check_extensions(dj_str s)
{
    bool blanks = false;
    for (size_t i = 0, next; i < s.len;) {
        next = skip_blanks(s, i);
        if (next == s.len || s.ptr[next] != ';')
            return DJ_REFUSED_CHUNK_EXT;
        blanks = blanks || next != i;
        i = skip_blanks(s, next + 1);
        blanks = blanks || i != next + 1;
        if ((next = skip_token(s, i)) == i)
            return DJ_REFUSED_CHUNK_EXT;
        i = next;
        next = skip_blanks(s, i);
        if (next == s.len || s.ptr[next] != '=')
            continue;
        blanks = blanks || next != i;
        i = skip_blanks(s, next + 1);
        blanks = blanks || i != next + 1;
        next = i < s.len && s.ptr[i] == '"' ? skip_quoted(s, i) : skip_token(s, i);
        if (next <= i)
            return DJ_REFUSED_CHUNK_EXT;
        i = next;
    }
    return blanks ? DJ_REFUSED_CHUNK_EXT_BWS : DJ_REFUSAL_NONE;
}

/* chunk-size [ chunk-ext ]: sets `left`. */
static dj_refusal chunk_line(dj_http1_body *b, dj_str line)
{
    uint64_t size = 0;
    size_t   digits = 0, zeros = 0, rest;
    while (digits < line.len && dj_hex_value(line.ptr[digits]) >= 0) {
        if (zeros == digits && line.ptr[digits] == '0')
            zeros++;
        size = size << 4 | (uint64_t)dj_hex_value(line.ptr[digits]);
        digits++;
    }
    if (digits == 0)
        return DJ_REFUSED_CHUNK_SIZE;
    rest = skip_blanks(line, digits);
    if (digits < line.len && (rest == line.len || line.ptr[rest] != ';'))
        return DJ_REFUSED_CHUNK_SIZE;
    if (digits > CHUNK_DIGITS_MAX)
        return digits - zeros > CHUNK_DIGITS_MAX ? DJ_REFUSED_CHUNK_SIZE_OVERFLOW
                                                 : DJ_REFUSED_CHUNK_SIZE_DIGITS;
    dj_refusal r = check_extensions(dj_str_from(line, digits));
    if (r != DJ_REFUSAL_NONE)
        return r;
    if (size > b->limits->body || b->total > b->limits->body - size)
        return DJ_REFUSED_BODY_TOO_LARGE;
    b->total += size;
    b->left = size;
    b->state = size == 0 ? TRAILERS : CHUNK_DATA;
    return DJ_REFUSAL_NONE;
}

/* A line behind the last chunk. */
static dj_refusal trailer_line(dj_http1_body *b, dj_str line)
{
    dj_field ignored;
    if (line.len == 0) {
        b->state = FINISHED;
        return DJ_REFUSAL_NONE;
    }
    if (b->ntrailers >= b->limits->fields || b->trailer_bytes + line.len + 2 > b->limits->trailers)
        return DJ_REFUSED_TRAILER_TOO_LARGE;
    if (dj_field_line(line, b->ntrailers == 0, &ignored) != DJ_REFUSAL_NONE)
        return DJ_REFUSED_TRAILER_FIELD;
    b->ntrailers++;
    b->trailer_bytes += (uint32_t)line.len + 2;
    return DJ_REFUSAL_NONE;
}

/* Reads the line at the start of `input`; *used is its length with the line end. */
static dj_http1_result read_line(dj_http1_body *b, dj_str input, size_t *used)
{
    bool   trailer = b->state == TRAILERS;
    size_t max = trailer ? b->limits->trailers - b->trailer_bytes + 2 : b->limits->chunk_line + 2;
    size_t to = input.len < max ? input.len : max;
    const char *lf = b->scanned < to ? memchr(input.ptr + b->scanned, '\n', to - b->scanned) : NULL;
    if (lf == NULL) {
        b->scanned = (uint32_t)to;
        if (to < max)
            return DJ_HTTP1_MORE;
        b->refusal = trailer ? DJ_REFUSED_TRAILER_TOO_LARGE : DJ_REFUSED_CHUNK_LINE_TOO_LONG;
        return DJ_HTTP1_REFUSED;
    }
    dj_str line = dj_str_n(input.ptr, (size_t)(lf - input.ptr));
    *used = line.len + 1;
    b->scanned = 0;
    if ((b->refusal = dj_line_check(&line)) == DJ_REFUSAL_NONE)
        b->refusal = trailer ? trailer_line(b, line) : chunk_line(b, line);
    return b->refusal == DJ_REFUSAL_NONE ? DJ_HTTP1_DONE : DJ_HTTP1_REFUSED;
}

/* The line end behind a chunk's data. */
static dj_http1_result read_chunk_end(dj_http1_body *b, dj_str input, size_t *used)
{
    if ((input.len > 0 && input.ptr[0] != '\r') || (input.len > 1 && input.ptr[1] != '\n')) {
        b->refusal = DJ_REFUSED_CHUNK_END;
        return DJ_HTTP1_REFUSED;
    }
    if (input.len < 2)
        return DJ_HTTP1_MORE;
    *used = 2;
    b->state = CHUNK_LINE;
    return DJ_HTTP1_DONE;
}

dj_http1_result dj_http1_body_read(dj_http1_body *b, dj_str input, size_t *consumed, dj_str *data)
{
    *consumed = 0;
    if (b->refusal != DJ_REFUSAL_NONE)
        return DJ_HTTP1_REFUSED;
    for (;;) {
        dj_str          rest = dj_str_from(input, *consumed);
        size_t          used = 0;
        dj_http1_result r;
        if (b->state == FINISHED)
            return DJ_HTTP1_DONE;
        if (b->state == LENGTH || b->state == CHUNK_DATA) {
            if (rest.len == 0)
                return DJ_HTTP1_MORE;
            used = b->left < rest.len ? (size_t)b->left : rest.len;
            *data = dj_str_first(rest, used);
            *consumed += used;
            b->left -= used;
            if (b->left == 0)
                b->state = b->state == LENGTH ? FINISHED : CHUNK_END;
            return DJ_HTTP1_DATA;
        }
        r = b->state == CHUNK_END ? read_chunk_end(b, rest, &used) : read_line(b, rest, &used);
        if (r != DJ_HTTP1_DONE)
            return r;
        *consumed += used;
    }
}
