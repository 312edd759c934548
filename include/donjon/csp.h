/* include/donjon/csp.h - Content Security Policy, for views that need another one than the settings
 * say.
 *
 *     static const dj_csp_policy map_page = DJ_CSP(
 *         {"default-src", {DJ_CSP_SELF}},
 *         {"script-src", {DJ_CSP_SELF, DJ_CSP_NONCE}},
 *         {"img-src", {DJ_CSP_SELF, "https://tiles.example.com"}},
 *         {"upgrade-insecure-requests"});
 *     static const dj_csp_policy no_policy = {0};
 *
 *     DJ_PATH("map/", map_view, .csp = &map_page)
 *
 * Plain constant data: it is checked and compiled when the site starts. An empty policy takes the
 * header away. Django 6.0: csp_override, csp_report_only_override. */
#pragma once
#include "donjon/attr.h"

DJ_BEGIN_DECLS

#define DJ_CSP_NONE             "'none'"
#define DJ_CSP_SELF             "'self'"
#define DJ_CSP_REPORT_SAMPLE    "'report-sample'"
#define DJ_CSP_STRICT_DYNAMIC   "'strict-dynamic'"
#define DJ_CSP_UNSAFE_EVAL      "'unsafe-eval'"
#define DJ_CSP_UNSAFE_HASHES    "'unsafe-hashes'"
#define DJ_CSP_UNSAFE_INLINE    "'unsafe-inline'"
#define DJ_CSP_WASM_UNSAFE_EVAL "'wasm-unsafe-eval'"
/* Becomes 'nonce-...' if the page asked for the nonce (dj_csp_nonce), else nothing. */
#define DJ_CSP_NONCE "<CSP_NONCE_SENTINEL>"

#define DJ_CSP_VALUES_MAX     16
#define DJ_CSP_DIRECTIVES_MAX 24

typedef struct dj_csp_directive {
    const char *name;                      /* NULL behind the last one */
    const char *values[DJ_CSP_VALUES_MAX]; /* up to the first NULL; none: the name stands alone */
} dj_csp_directive;

typedef struct dj_csp_policy {
    dj_csp_directive directives[DJ_CSP_DIRECTIVES_MAX];
} dj_csp_policy;

#define DJ_CSP(...)                                                                                \
    {                                                                                              \
        .directives = { __VA_ARGS__ }                                                              \
    }

DJ_END_DECLS
