/* tests/site/peersite.c - a site that says what arrived, driven through real clients and proxies by
 * test_peers.py and test_smuggling.py.
 *
 * An answer carries what a test needs to tell which request it belongs to: its number in this
 * worker's life, the method, and the X-Request-Id that a proxy gave it. */
#include "donjon/app.h"
#include "donjon/forms.h"
#include "donjon/host.h"
#include <zlib.h>

static dj_response *seen(dj_req *req, dj_response *resp)
{
    static unsigned number;
    dj_str          id = dj_req_header(req, DJ_LIT("X-Request-Id"));
    dj_header_set(resp, DJ_LIT("X-Seen-Number"), dj_strf(dj_req_scope(req), "%u", ++number));
    dj_header_set(resp, DJ_LIT("X-Seen-Method"), dj_req_method_name(req));
    if (!dj_str_is_none(id))
        dj_header_set(resp, DJ_LIT("X-Seen-Id"), id);
    return resp;
}

static dj_response *token(dj_req *req)
{
    dj_str said = dj_path_str(req, "token");
    return seen(req, dj_text(req, dj_strf(dj_req_scope(req), DJ_FMT "\n", DJ_ARG(said))));
}

/* What the site believes of a request, a line each. */
static dj_response *about(dj_req *req)
{
    dj_scope *s = dj_req_scope(req);
    dj_str    host, uri;
    if (dj_get_host(req, &host) || dj_build_absolute_uri(req, DJ_NONE, &uri))
        return dj_raise_failure(req);
    dj_str names[] = {DJ_LIT("X-Forwarded-For"),  DJ_LIT("X-Forwarded-Host"),
                      DJ_LIT("X-Forwarded-Port"), DJ_LIT("X-Forwarded-Proto"),
                      DJ_LIT("Forwarded"),        DJ_LIT("X-Real-IP")};
    dj_buf out = dj_buf_make(s, 65536);
    dj_buf_addf(&out, "secure: %d\nhost: " DJ_FMT "\nport: " DJ_FMT "\nclient: " DJ_FMT "\n",
                dj_req_is_secure(req), DJ_ARG(host), DJ_ARG(dj_req_port(req)),
                DJ_ARG(dj_req_client(req)));
    dj_buf_addf(&out, "uri: " DJ_FMT "\n", DJ_ARG(uri));
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        dj_str value = dj_req_header(req, names[i]);
        if (!dj_str_is_none(value))
            dj_buf_addf(&out, DJ_FMT ": " DJ_FMT "\n", DJ_ARG(names[i]), DJ_ARG(value));
    }
    return dj_text(req, dj_buf_str(&out));
}

static dj_err sum_upload(dj_scope *s, const dj_upload *upload, unsigned long *sum)
{
    static unsigned char piece[65536];
    size_t               got = sizeof piece;
    for (uint64_t at = 0; got == sizeof piece; at += got) {
        dj_err e = dj_upload_read(s, upload, at, piece, sizeof piece, &got);
        if (e)
            return e;
        *sum = crc32(*sum, piece, (unsigned)got);
    }
    return DJ_OK;
}

/* Length and CRC-32 of what arrived: the file of a form, or the body. A field `note` is repeated.
 */
static dj_response *count(dj_req *req)
{
    const dj_form *form;
    dj_scope      *s = dj_req_scope(req);
    if (dj_form_parse(req, &form))
        return dj_raise_failure(req);
    dj_str           body = dj_req_body(req), note = dj_post_get(form, DJ_LIT("note"));
    const dj_upload *upload = dj_file_get(form, DJ_LIT("file"));
    uint64_t         len = upload != NULL ? upload->size : body.len;
    unsigned long    sum = 0;
    if (upload == NULL)
        sum = crc32(0, (const unsigned char *)body.ptr, (unsigned)body.len);
    else if (sum_upload(s, upload, &sum))
        return dj_raise_failure(req);
    return seen(req, dj_text(req, dj_strf(s, "%llu %08lx " DJ_FMT "\n", (unsigned long long)len,
                                          sum, DJ_ARG(note))));
}

/* `n` bytes: 0123456789 over and over. */
static dj_response *bytes(dj_req *req)
{
    int64_t n = dj_path_int(req, "n");
    if (n > 32 * 1024 * 1024)
        return dj_not_found(req);
    char *body = dj_alloc_raw(dj_req_scope(req), (size_t)n + 1);
    for (int64_t i = 0; i < n; i++)
        body[i] = (char)('0' + i % 10);
    return seen(req, dj_text(req, dj_str_n(body, (size_t)n)));
}

static bool next_piece(dj_req *req, void *ctx, dj_str *piece)
{
    int64_t *left = ctx;
    if (*left == 0)
        return false;
    *piece = dj_strf(dj_req_scope(req), "piece %lld\n", (long long)(*left)--);
    return true;
}

/* `n` pieces, counted down. */
static dj_response *stream(dj_req *req)
{
    int64_t *left = dj_new(dj_req_scope(req), int64_t);
    *left = dj_path_int(req, "n");
    return seen(req, dj_stream(req, next_piece, left));
}

/* What arrived: method, path, query, a line each, and the body. */
static dj_response *echo(dj_req *req)
{
    dj_str       method = dj_req_method_name(req), path = dj_req_path(req);
    dj_str       query = dj_req_query_string(req);
    dj_response *resp = dj_text(req, dj_strf(dj_req_scope(req), DJ_FMT "\n" DJ_FMT "\n" DJ_FMT "\n",
                                             DJ_ARG(method), DJ_ARG(path), DJ_ARG(query)));
    dj_body_add(resp, dj_req_body(req));
    return seen(req, resp);
}

static const dj_route urls[] = {
    DJ_PATH("token/<slug:token>/", token),
    DJ_PATH("about/", about),
    DJ_PATH("count/", count, .methods = DJ_POST | DJ_PUT),
    DJ_PATH("bytes/<int:n>/", bytes, .methods = DJ_GET),
    DJ_PATH("stream/<int:n>/", stream, .methods = DJ_GET),
    DJ_REGEX("", echo),
};

int main(int argc, char **argv)
{
    return dj_manage(argc, argv, &(dj_app){.urls = DJ_ALL(urls)});
}
