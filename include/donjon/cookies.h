/* include/donjon/cookies.h - cookies, both ways.
 *
 * Read when first asked for, once a request. A request that names the same `__Host-` or `__Secure-`
 * cookie twice, or has more than DJ_COOKIES_MAX, is answered with 400 before any middleware.
 *
 * What can't be sent safely marks the response as failed, as dj_header_set does: the client gets
 * 500, the log the reason, and no cookie is set. Names, path and domain are checked; SameSite=None,
 * Partitioned and the names `__Secure-...` need `secure`, `__Host-...` also path "/" and no domain.
 * Django: ref/request-response, HttpRequest.COOKIES, HttpResponse.set_cookie, delete_cookie. RFC
 * 6265. */
#pragma once
#include "donjon/response.h"

DJ_BEGIN_DECLS

/* In one request, and on one response. */
#define DJ_COOKIES_MAX     1000
#define DJ_COOKIES_SET_MAX 100
/* Longest "name=value; attributes". Browsers drop a cookie whose name and value have more than 4096
 * bytes. */
#define DJ_COOKIE_LINE_MAX 16384

/* The value, UTF-8 (bytes that are none are U+FFFD), quotes removed; of a repeated name the last.
 * DJ_NONE if absent. It came from the client, who may have changed it. */
DJ_NONNULL dj_str dj_cookie_get(dj_req *req, dj_str name);
/* Walks all cookies in order of their first appearance; *pos is 0 before the first call. False: no
 * more. for (size_t pos = 0; dj_cookie_next(req, &pos, &name, &value);) */
DJ_CHECKED DJ_NONNULL bool dj_cookie_next(dj_req *req, size_t *pos, dj_str *name, dj_str *value);

/* `Max-Age=0`: a max_age of 0 means that none is given. */
#define DJ_MAX_AGE_ZERO INT64_MIN

typedef struct dj_cookie {
    dj_str  name;         /* letters, digits, !#$%&'*+-.^_`|~: and no attribute's name */
    dj_str  value;        /* UTF-8, no character above U+00FF; quoted as needed */
    int64_t max_age;      /* seconds; 0: until the browser closes. `expires` is sent with it */
    int64_t expires;      /* Unix time, instead of max_age; 0: not given */
    dj_str  expires_text; /* sent as it is; with max_age if that is given, too */
    dj_str  path;         /* none: "/"; empty: left out, so that it is the request's folder */
    dj_str  domain;       /* none or empty: this host only */
    dj_str  samesite;     /* "Lax", "Strict" or "None", in any case; none or empty: left out */
    bool    secure, httponly, partitioned;
} dj_cookie;

/* A name that this response sets already keeps its place, and what this call does not say of it
 * (but for `path` and `expires`): flags stay on. dj_header_remove(resp, "Set-Cookie") forgets all
 * cookies. */
DJ_NONNULL void dj_cookie_set(dj_response *resp, const dj_cookie *cookie);
/* Tells the browser to forget it: path, domain, samesite and partitioned must be those it was set
 * with; value and times do not count. `secure` is added where the browser would refuse the line
 * without it. */
DJ_NONNULL void dj_cookie_delete(dj_response *resp, const dj_cookie *cookie);

DJ_END_DECLS
