/* include/donjon/response.h - an answer.
 *
 * Made by a view, owned by the request. Setting a header never fails at the call: a name that is no
 * token, or a value with CR, LF, NUL or another control, marks the response as failed and the
 * client gets 500 (Django's BadHeaderError). Nothing of it is sent. Django: ref/request-response,
 * HttpResponse. */
#pragma once
#include "donjon/json.h"
#include "donjon/request.h"

DJ_BEGIN_DECLS

typedef struct dj_response dj_response;

/* Status 100-599; Content-Type "text/html; charset=utf-8" and an empty body. */
DJ_RETURNS DJ_NONNULL dj_response *dj_respond(dj_req *req, int status);
/* 200 with a page; a dj_str does not fit here. The bytes must live as long as the request. */
DJ_RETURNS DJ_NONNULL dj_response *dj_page(dj_req *req, dj_html page);
/* 200 text/plain; charset=utf-8. */
DJ_RETURNS DJ_NONNULL dj_response *dj_text(dj_req *req, dj_str body);
/* 200 application/json; `body` holds finished JSON (dj_json). */
DJ_RETURNS DJ_NONNULL dj_response *dj_json_response(dj_req *req, const dj_buf *body);
/* 302 / 301 to `url`: relative, or http, https, ftp; at most 16384 bytes; else DisallowedRedirect
 * (400). Quoted as an IRI. For a target that came from the client use dj_redirect_safe. */
DJ_RETURNS DJ_NONNULL dj_response *dj_redirect(dj_req *req, dj_str url);
DJ_RETURNS DJ_NONNULL dj_response *dj_redirect_permanent(dj_req *req, dj_str url);
/* 307, or 308 if `permanent`: the client repeats method and body there. (preserve_request) */
DJ_RETURNS DJ_NONNULL dj_response *dj_redirect_preserving(dj_req *req, dj_str url, bool permanent);

/* One more piece of a page, behind what is there; sent without being copied together. The bytes
 * must live as long as the request. */
DJ_NONNULL void dj_page_add(dj_response *resp, dj_html piece);

/* The same for bytes that are no HTML: text, JSON, images. A response that is called HTML (or has
 * no Content-Type, so that a browser might guess) and has such bytes in it is not sent: the client
 * gets 500, the log the reason. So text can't get into a page but through the escaper. */
DJ_NONNULL void dj_body_set(dj_response *resp, dj_str body);
DJ_NONNULL void dj_body_add(dj_response *resp, dj_str piece);

/* A streamed body: `next` is called until it returns false, each time for one piece (which it may
 * leave empty); it may wait. Sent chunked (HTTP/1.0: until close); gets no Content-Length of its
 * own. text/plain; charset=utf-8 unless the view sets another type. */
typedef bool (*dj_stream_fn)(dj_req *req, void *ctx, dj_str *piece) DJ_WAITS;
DJ_RETURNS dj_response *dj_stream(dj_req *req, dj_stream_fn next, void *ctx)
    __attribute__((nonnull(1, 2)));
/* A page in pieces. */
typedef bool (*dj_page_stream_fn)(dj_req *req, void *ctx, dj_html *piece) DJ_WAITS;
DJ_RETURNS dj_response *dj_page_stream(dj_req *req, dj_page_stream_fn next, void *ctx)
    __attribute__((nonnull(1, 2)));

/* 100-599; another number is a bug in the program (DJ_ASSERT). */
DJ_NONNULL int  dj_status(const dj_response *resp);
DJ_NONNULL void dj_status_set(dj_response *resp, int status);
/* "Not Found"; "Unknown Status Code" for one that RFC 9110 does not name, as Django. */
dj_str dj_reason(int status);

/* Names are compared without case. Set replaces; add makes a second line (Set-Cookie only in
 * practice). */
DJ_NONNULL void   dj_header_set(dj_response *resp, dj_str name, dj_str value);
DJ_NONNULL void   dj_header_add(dj_response *resp, dj_str name, dj_str value);
DJ_NONNULL void   dj_header_remove(dj_response *resp, dj_str name);
DJ_NONNULL bool   dj_header_has(const dj_response *resp, dj_str name);
DJ_NONNULL dj_str dj_header_get(const dj_response *resp, dj_str name); /* DJ_NONE if absent */

/* -- ending with an error: `return dj_raise(...)`, in a view, a middleware or a hook -- */

/* What an exception is in Django: the middleware above see on_exception, then the error page of the
 * code's status. Sentence and place go to the log, never to the client. */
#define dj_raise(req, e, ...) dj_raise_at((req), (e), __FILE__, __LINE__, __VA_ARGS__)
DJ_RETURNS DJ_NONNULL DJ_FORMAT(5, 6) dj_response *dj_raise_at(dj_req *req, dj_err e,
                                                               const char *file, int line,
                                                               const char *fmt, ...);
/* Raises what dj_fail left in the request's scope. */
DJ_RETURNS DJ_NONNULL dj_response *dj_raise_failure(dj_req *req);
DJ_RETURNS DJ_NONNULL dj_response *dj_not_found(dj_req *req); /* Http404 */
DJ_RETURNS DJ_NONNULL dj_response *dj_denied(dj_req *req);    /* PermissionDenied */

DJ_END_DECLS
