/* include/donjon/caching.h - what browsers and proxies may keep of an answer, and when they need
 * not fetch it again.
 *
 *     static dj_response *article(dj_req *req)
 *     {
 *         const article *a = article_get(req, dj_path_int(req, "id"));
 *         dj_response   *known = dj_condition(req, DJ_NONE, a->changed);
 *         if (known != NULL)
 *             return known;
 *         dj_response *resp = dj_page(req, article_page(req, a));
 *         dj_cache_control(resp, DJ_LIT("private, max-age=60"));
 *         return resp;
 *     }
 *
 * Django: topics/conditional-view-processing, utils/cache. RFC 9110 section 13, RFC 9111. */
#pragma once
#include "donjon/response.h"

DJ_BEGIN_DECLS

/* Asks whether the client's preconditions (If-Match, If-Unmodified-Since, If-None-Match,
 * If-Modified-Since) hold for the resource as it is now. NULL: go on. Else return what came back:
 * 304 when a GET or HEAD need not be answered again, 412 when the resource is not the one that the
 * client wanted to change. etag           complete ("\"v1\"", "W/\"v1\""), or the text inside the
 * quotes of a strong one; DJ_NONE: has none last_modified  Unix seconds; 0: unknown The answer to a
 * GET or HEAD gets both as ETag and Last-Modified, whatever way it is made, unless the view sets
 * its own. Not for a page with a nonce or a form token: its body is another one each time. Django:
 * condition(). */
DJ_NONNULL dj_response *dj_condition(dj_req *req, dj_str etag, int64_t last_modified);

/* Adds names to Vary ("Cookie, Accept-Language") that are not there yet, in any case; order is
 * kept. '*' stands alone. Django: patch_vary_headers, vary_on_headers. */
DJ_NONNULL void dj_patch_vary(dj_response *resp, dj_str names);

/* Adds directives to Cache-Control ("private, max-age=60", in the header's own spelling) or
 * replaces their values. Of two max-age the smaller counts; public takes private away and the other
 * way round; no-cache keeps each of its field names, or stands alone. Django: patch_cache_control.
 */
DJ_NONNULL void dj_cache_control(dj_response *resp, dj_str directives);

/* Nobody keeps it: Expires now, "max-age=0, no-cache, no-store, must-revalidate, private". Django:
 * never_cache. */
DJ_NONNULL void dj_never_cache(dj_response *resp);

/* Compresses this answer if the client takes gzip: GZipMiddleware for one view. The body must be
 * complete. Django: gzip_page. */
DJ_NONNULL void dj_gzip_page(dj_response *resp);

DJ_END_DECLS
