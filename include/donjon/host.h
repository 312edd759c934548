/* include/donjon/host.h - under which name, port and scheme a request came, and addresses made from
 * them.
 *
 * The client says which host it wants, and a proxy may say more: none of it is believed before it
 * is checked against ALLOWED_HOSTS, and forwarding headers count only if the peer is in
 * TRUSTED_PROXIES. Django: ref/request-response. */
#pragma once
#include "donjon/response.h"

DJ_BEGIN_DECLS

/* Django's request.get_host(): as the client wrote it, validated (every request was, before any
 * layer ran). DJ_ERR_DISALLOWED_HOST. */
DJ_CHECKED DJ_NONNULL dj_err dj_get_host(dj_req *req, dj_str *host);
/* Django's request.get_port(). */
DJ_NONNULL dj_str dj_req_port(dj_req *req);
/* Django's request.build_absolute_uri(location); DJ_NONE: the address of this request.
 * DJ_ERR_DISALLOWED_HOST, or DJ_ERR_MALFORMED for a location whose host is malformed. */
DJ_CHECKED DJ_NONNULL dj_err dj_build_absolute_uri(dj_req *req, dj_str location, dj_str *uri);
/* Redirects (302) to `url` if it is relative or on this host, and over HTTPS if this request is;
 * else to `fallback`, which must come from the program. For targets that a client named, as in
 * ?next=. */
DJ_RETURNS DJ_NONNULL dj_response *dj_redirect_safe(dj_req *req, dj_str url, dj_str fallback);

DJ_END_DECLS
