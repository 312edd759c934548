/* src/middleware/conditional_get.c - ETag for every page, and 304 for who has it already.
 *
 * It saves the bytes of the answer, not the making of it: a view that knows its validators asks
 * dj_condition. GET only: for others it is too late, what was asked has been done. Django:
 * middleware/http.py. */
#include "crypto/crypto.h"
#include "donjon/time.h"
#include "http/caching.h"
#include "middleware/middleware.h"

static dj_err init(dj_scope *s, const dj_settings *settings, void **state)
{
    dj_md5 *md5;
    dj_err  e = dj_md5_new(s, &md5);
    *state = md5;
    return e;
}

static void add_etag(dj_response *resp, dj_md5 *md5)
{
    static const char name[] = "ETag: \"";
    const size_t      before = sizeof name - 1, len = before + DJ_MD5_HEX + 3;
    char             *line = dj_alloc_raw(resp->req->scope, len);
    memcpy(line, name, before);
    dj_md5_hex(md5, resp->pieces, resp->npieces, line + before);
    memcpy(line + before + DJ_MD5_HEX, "\"\r\n", 3);
    dj_header_add_line(resp, DJ_HEADER_ETAG, sizeof "ETag" - 1, dj_str_n(line, len));
}

static dj_response *around(dj_req *req, dj_next *next)
{
    dj_response *resp = dj_call(next, req);
    if (req->head->method != DJ_GET)
        return resp;
    if (!dj_header_seen(resp, DJ_HEADER_ETAG) && resp->stream == NULL && resp->body_len > 0 &&
        resp->file_len == 0 && !dj_cache_control_lists(resp, DJ_LIT("no-store")))
        add_etag(resp, dj_layer_state(next));
    if (resp->status < 200 || resp->status > 299)
        return resp;
    dj_validators have = {.etag = dj_header_get(resp, DJ_LIT("ETag"))};
    int64_t       now = dj_now(req->scope), changed;
    if (dj_http_date_parse(dj_header_get(resp, DJ_LIT("Last-Modified")), now, &changed))
        have.last_modified = changed;
    if (have.etag.len == 0 && have.last_modified == 0)
        return resp;
    dj_preconditions asked = dj_preconditions_of(req);
    switch (dj_preconditions_decide(&asked, &have, true, now)) {
    case DJ_VERDICT_NOT_MODIFIED:
        return dj_not_modified(req, resp);
    case DJ_VERDICT_FAILED:
        return dj_respond(req, 412); /* its record is written at the border */
    case DJ_VERDICT_GO_ON:
        break;
    }
    return resp;
}

const dj_middleware dj_conditional_get_middleware = {
    .name = "django.middleware.http.ConditionalGetMiddleware",
    .after = "django.middleware.gzip.GZipMiddleware", /* a tag of compressed bytes would be another
                                                         one each time */
    .init = init,
    .around = around,
};
