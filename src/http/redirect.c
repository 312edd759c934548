/* src/http/redirect.c - answers that send the client elsewhere.
 *
 * Which schemes a Location may name is decided here, for every redirect; whether a target that came
 * from a client is ours is policy's to say (dj_redirect_safe). Django: http/response.py,
 * HttpResponseRedirectBase.
 *
 * Must not know: hosts, settings. */
#include "http/http.h"

#define REDIRECT_MAX 16384 /* characters, django.http.response.MAX_URL_REDIRECT_LENGTH */

static size_t characters(dj_str text)
{
    return dj_utf8_valid(text) ? dj_utf8_len(text) : text.len;
}

dj_err dj_redirect_location(dj_scope *s, dj_str url, dj_str *location)
{
    dj_url_parts parts;
    if (characters(url) > REDIRECT_MAX)
        return dj_fail(s, DJ_ERR_DISALLOWED_REDIRECT, "Unsafe redirect exceeding %d characters",
                       REDIRECT_MAX);
    if (!dj_url_split(s, url, &parts))
        return dj_fail(s, DJ_ERR_DISALLOWED_REDIRECT,
                       "Unsafe redirect to a URL with a malformed host");
    if (parts.scheme.len > 0 && !dj_str_eq(parts.scheme, DJ_LIT("http")) &&
        !dj_str_eq(parts.scheme, DJ_LIT("https")) && !dj_str_eq(parts.scheme, DJ_LIT("ftp")))
        return dj_fail(s, DJ_ERR_DISALLOWED_REDIRECT,
                       "Unsafe redirect to URL with protocol '" DJ_FMT "'",
                       DJ_ARG(dj_str_first(parts.scheme, 64)));
    *location = dj_iri_to_uri(s, url);
    return DJ_OK;
}

static dj_response *redirect(dj_req *req, dj_str url, int status)
{
    dj_str location;
    if (dj_redirect_location(req->scope, url, &location))
        return dj_raise_failure(req);
    dj_response *resp = dj_respond(req, status);
    dj_header_set(resp, DJ_LIT("Location"), location);
    return resp;
}

dj_response *dj_redirect(dj_req *req, dj_str url)
{
    return redirect(req, url, 302);
}

dj_response *dj_redirect_permanent(dj_req *req, dj_str url)
{
    return redirect(req, url, 301);
}

dj_response *dj_redirect_preserving(dj_req *req, dj_str url, bool permanent)
{
    return redirect(req, url, permanent ? 308 : 307);
}
