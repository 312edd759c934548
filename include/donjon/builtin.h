/* include/donjon/builtin.h - the layers that Donjon brings, by the names that MIDDLEWARE uses. */
#pragma once
#include "donjon/middleware.h"

DJ_BEGIN_DECLS

/* SECURE_SSL_REDIRECT, HSTS, nosniff, Referrer-Policy, Cross-Origin-Opener-Policy. */
extern const dj_middleware dj_security_middleware;
/* Host check, DISALLOWED_USER_AGENTS, PREPEND_WWW, APPEND_SLASH, Content-Length. */
extern const dj_middleware dj_common_middleware;
/* X-Frame-Options. */
extern const dj_middleware dj_xframe_options;
/* Content-Security-Policy and its report-only twin, and the receiver of reports at CSP_REPORT_PATH.
 */
extern const dj_middleware dj_csp_middleware;
/* Permissions-Policy and Cross-Origin-Resource-Policy. */
extern const dj_middleware dj_permissions_policy_middleware;
/* Refuses what other sites' pages ask for but links (Sec-Fetch-Site); a route is let out by
 * DJ_EXEMPT_FETCH_METADATA. */
extern const dj_middleware dj_fetch_metadata_middleware;
/* Compresses answers (with a gzip header of random length, against BREACH); Vary: Accept-Encoding.
 */
extern const dj_middleware dj_gzip_middleware;
/* ETag for answers to GET, 304 and 412. */
extern const dj_middleware dj_conditional_get_middleware;

/* All of them. */
extern const dj_middleware *const dj_builtin_middleware[];
extern const size_t               dj_builtin_middleware_len;

DJ_END_DECLS
