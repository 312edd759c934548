/* src/test/request.c - writes a test's request as the bytes that a browser would send.
 *
 * What the test says goes out as it stands, so that it can be wrong on purpose; only query, forms
 * and files are encoded here. RFC 9112; forms as in the WHATWG's URL and HTML standards.
 *
 * Must not know: who answers. */
#include "donjon/crypto.h"
#include "test/test.h"

#define BYTES_MAX    ((size_t)256 * 1024 * 1024)
#define BOUNDARY_LEN 24
#define CHUNK        ((size_t)4096)

static dj_str value_of(const dj_pair *pair)
{
    return pair->len > 0 ? dj_str_n(pair->value, pair->len) : dj_str_of(pair->value);
}

static void add_urlencoded(dj_buf *out, const dj_pairs *pairs)
{
    for (size_t i = 0; i < pairs->len; i++) {
        if (i > 0)
            dj_buf_add_byte(out, '&');
        dj_buf_add_quoted_plus(out, dj_str_of(pairs->items[i].name), DJ_LIT("*-._"));
        dj_buf_add_byte(out, '=');
        dj_buf_add_quoted_plus(out, value_of(&pairs->items[i]), DJ_LIT("*-._"));
    }
}

dj_str dj_test_path(dj_scope *s, const dj_client_request *r)
{
    dj_str path = dj_str_of(r->path);
    if (r->query.len == 0)
        return path;
    dj_buf b = dj_buf_make(s, BYTES_MAX);
    dj_buf_add(&b, path);
    dj_buf_add_byte(&b, dj_str_chr(path, '?') == DJ_NOT_FOUND ? '?' : '&');
    add_urlencoded(&b, &r->query);
    return dj_buf_str(&b);
}

bool dj_test_has_body(const dj_client_request *r)
{
    return r->body.len > 0 || r->form.len > 0 || r->files.len > 0 || r->content_type != NULL;
}

/* -- multipart/form-data -- */

/* A name between quotes: what would end it or the line becomes %XX, as browsers do. */
static void add_name(dj_buf *out, const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '"' || *p == '\r' || *p == '\n')
            dj_buf_addf(out, "%%%02X", (unsigned)*p);
        else
            dj_buf_add_byte(out, *p);
    }
}

static void add_part(dj_buf *out, dj_str boundary, const char *name)
{
    dj_buf_add(out, DJ_LIT("--"));
    dj_buf_add(out, boundary);
    dj_buf_add(out, DJ_LIT("\r\nContent-Disposition: form-data; name=\""));
    add_name(out, name);
    dj_buf_add_byte(out, '"');
}

static dj_str multipart(dj_scope *s, const dj_client_request *r, dj_str boundary)
{
    dj_buf b = dj_buf_make(s, BYTES_MAX);
    for (size_t i = 0; i < r->form.len; i++) {
        add_part(&b, boundary, r->form.items[i].name);
        dj_buf_add(&b, DJ_LIT("\r\n\r\n"));
        dj_buf_add(&b, value_of(&r->form.items[i]));
        dj_buf_add(&b, DJ_LIT("\r\n"));
    }
    for (size_t i = 0; i < r->files.len; i++) {
        const dj_test_file *file = &r->files.items[i];
        const char         *type =
            file->content_type == NULL ? "application/octet-stream" : file->content_type;
        add_part(&b, boundary, file->field);
        dj_buf_add(&b, DJ_LIT("; filename=\""));
        add_name(&b, file->name);
        dj_buf_addf(&b, "\"\r\nContent-Type: %s\r\n\r\n", type);
        dj_buf_add(&b, file->content);
        dj_buf_add(&b, DJ_LIT("\r\n"));
    }
    dj_buf_add(&b, DJ_LIT("--"));
    dj_buf_add(&b, boundary);
    dj_buf_add(&b, DJ_LIT("--\r\n"));
    return dj_buf_str(&b);
}

/* -- the whole -- */

static bool says(const dj_client_request *r, dj_str name)
{
    for (size_t i = 0; i < r->headers.len; i++) {
        if (dj_str_eq_nocase(dj_str_of(r->headers.items[i].name), name))
            return true;
    }
    return false;
}

static void add_header(dj_buf *out, const dj_client_request *r, dj_str name, dj_str value)
{
    if (dj_str_is_none(value) || says(r, name))
        return;
    dj_buf_add(out, name);
    dj_buf_add(out, DJ_LIT(": "));
    dj_buf_add(out, value);
    dj_buf_add(out, DJ_LIT("\r\n"));
}

static dj_str body_of(dj_scope *s, const dj_client_request *r, dj_str *type)
{
    *type = dj_str_of(r->content_type);
    if (r->files.len > 0 || r->multipart) {
        dj_str boundary = dj_random_string(s, BOUNDARY_LEN, DJ_ALPHANUMERIC);
        *type = dj_strf(s, "multipart/form-data; boundary=" DJ_FMT, DJ_ARG(boundary));
        return multipart(s, r, boundary);
    }
    if (r->form.len > 0) {
        dj_buf b = dj_buf_make(s, BYTES_MAX);
        *type = DJ_LIT("application/x-www-form-urlencoded");
        add_urlencoded(&b, &r->form);
        return dj_buf_str(&b);
    }
    return r->body;
}

static void add_chunked(dj_buf *out, dj_str body)
{
    while (body.len > 0) {
        dj_str chunk = dj_str_first(body, CHUNK);
        dj_buf_addf(out, "%zx\r\n", chunk.len);
        dj_buf_add(out, chunk);
        dj_buf_add(out, DJ_LIT("\r\n"));
        body = dj_str_from(body, chunk.len);
    }
    dj_buf_add(out, DJ_LIT("0\r\n\r\n"));
}

dj_str dj_test_bytes(dj_scope *s, const dj_client *client, const dj_client_request *r,
                     const dj_target *target, int64_t now)
{
    dj_buf b = dj_buf_make(s, BYTES_MAX);
    dj_str type = DJ_NONE, body = target->with_body ? body_of(s, r, &type) : DJ_NONE;
    dj_buf_add(&b, target->method);
    dj_buf_add_byte(&b, ' ');
    dj_buf_add(&b, target->path);
    dj_buf_add(&b, DJ_LIT(" HTTP/1.1\r\n"));
    add_header(&b, r, DJ_LIT("Host"), target->host);
    add_header(&b, r, DJ_LIT("Cookie"),
               dj_jar_header(s, &client->jar, target->path, target->secure, now));
    add_header(&b, r, DJ_LIT("Content-Type"), type);
    for (size_t i = 0; i < r->headers.len; i++) {
        dj_buf_addf(&b, "%s: ", r->headers.items[i].name);
        dj_buf_add(&b, value_of(&r->headers.items[i]));
        dj_buf_add(&b, DJ_LIT("\r\n"));
    }
    if (target->with_body && r->chunked) {
        dj_buf_add(&b, DJ_LIT("Transfer-Encoding: chunked\r\n\r\n"));
        add_chunked(&b, body);
    } else {
        if (target->with_body)
            add_header(&b, r, DJ_LIT("Content-Length"), dj_strf(s, "%zu", body.len));
        dj_buf_add(&b, DJ_LIT("\r\n"));
        dj_buf_add(&b, body);
    }
    DJ_ASSERT(!b.full);
    return dj_buf_str(&b);
}
