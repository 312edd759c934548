/* include/donjon/request.h - a request, as a view sees it.
 *
 * Complete and valid before a view runs: framing, target, Host and size were checked. Everything
 * returned is borrowed from the request and lives as long as it. Text from the client is bytes, not
 * UTF-8 by promise, unless said. Django: ref/request-response, HttpRequest. */
#pragma once
#include "donjon/html.h"
#include "donjon/scope.h"

DJ_BEGIN_DECLS

typedef struct dj_req dj_req;

typedef enum dj_method {
    DJ_GET = 1,
    DJ_HEAD = 2,
    DJ_POST = 4,
    DJ_PUT = 8,
    DJ_PATCH = 16,
    DJ_DELETE = 32,
    DJ_OPTIONS = 64
} dj_method;
#define DJ_ANY_METHOD 0u

/* The request's unit of work: what is allocated in it, or owned by it, ends when the answer has
 * been sent. */
DJ_NONNULL dj_scope *dj_req_scope(dj_req *req);
/* One bit, so that sets of methods can be written DJ_GET | DJ_POST; and its name in capitals. */
DJ_NONNULL dj_method dj_req_method(const dj_req *req);
DJ_NONNULL dj_str    dj_req_method_name(const dj_req *req);
/* Django's path_info: percent-decoded, UTF-8; bytes that are not UTF-8 stay as %XX. Begins with
 * '/'. */
DJ_NONNULL dj_str dj_req_path(dj_req *req);
/* Django's get_full_path(): quoted again, with the query. */
DJ_NONNULL dj_str dj_req_full_path(dj_req *req);
/* As received, without the '?'; empty if there is none. */
DJ_NONNULL dj_str dj_req_query_string(const dj_req *req);
/* Django's request.GET[name]: the last value, decoded to UTF-8; DJ_NONE if absent. Over
 * DATA_UPLOAD_MAX_NUMBER_FIELDS pairs the request ends with 400 before the view. */
DJ_NONNULL dj_str dj_query_get(dj_req *req, dj_str name);
/* Value of a header, any case of the name; a repeated one joined with ", " (Cookie "; "). DJ_NONE
 * if absent. Names with '_' never arrive. */
DJ_NONNULL dj_str dj_req_header(dj_req *req, dj_str name);
/* Does the client take an answer of that kind ("application/json")? Without Accept it takes any.
 * And which of several it likes best: the first of those it likes the same, DJ_NONE if none. The
 * answer then depends on a header: dj_patch_vary(resp, DJ_LIT("Accept")). Django: accepts,
 * get_preferred_type. */
DJ_CHECKED DJ_NONNULL bool   dj_accepts(dj_req *req, dj_str type);
DJ_CHECKED DJ_NONNULL dj_str dj_preferred_type(dj_req *req, const dj_str *types, size_t len);
/* The whole body, decoded from its transfer coding; empty if there is none. At most
 * MAX_REQUEST_BODY bytes; over 64 KiB they lie in a file that is mapped, so only those that are
 * looked at take memory. DJ_NONE for a form with files (POST, multipart/form-data), which is read
 * while it arrives: dj_form_parse. */
DJ_NONNULL dj_str dj_req_body(const dj_req *req);
/* Came over TLS, or a trusted proxy says so (SECURE_PROXY_SSL_HEADER). */
DJ_NONNULL bool dj_req_is_secure(const dj_req *req);
/* The peer's address as text, "" on a Unix socket. */
DJ_NONNULL dj_str dj_req_client(const dj_req *req);
/* Captured by the route. The type is that of the converter: asking another or an unknown name is a
 * bug in the program (DJ_ASSERT). */
DJ_NONNULL int64_t dj_path_int(const dj_req *req, const char *name);
DJ_NONNULL dj_str  dj_path_str(const dj_req *req, const char *name);
DJ_NONNULL bool    dj_path_has(const dj_req *req, const char *name);
/* Unnamed group of a regular expression, counted from 0; DJ_NONE if there is none, or it took no
 * part. */
DJ_NONNULL dj_str dj_path_group(const dj_req *req, size_t index);
/* A fresh nonce for this response's Content-Security-Policy: 22 characters of base64url, the same
 * all through the request, made when first asked for. */
DJ_NONNULL dj_str dj_csp_nonce(dj_req *req);

/* Marks that decorators set in Django; also fields of a route. */
typedef enum dj_exempt {
    DJ_EXEMPT_XFRAME = 1,         /* xframe_options_exempt */
    DJ_EXEMPT_CSRF = 2,           /* csrf_exempt */
    DJ_EXEMPT_APPEND_SLASH = 4,   /* no_append_slash */
    DJ_EXEMPT_LOGIN = 8,          /* login_not_required */
    DJ_EXEMPT_FETCH_METADATA = 16 /* other sites may load it: an image, an API with CORS */
} dj_exempt;
/* Both take one mark or several; is_exempt: any of them. */
DJ_NONNULL void dj_set_exempt(dj_req *req, dj_exempt what);
DJ_NONNULL bool dj_is_exempt(const dj_req *req, dj_exempt what);

DJ_END_DECLS
