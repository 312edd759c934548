/* include/donjon/routes.h - the URL table: plain data, checked at start.
 *
 * First match in order wins, depth first. Converters: int str slug uuid path; a program may
 * register more. Django: topics/http/urls. */
#pragma once
#include "donjon/response.h"

DJ_BEGIN_DECLS

typedef dj_response *(*dj_view)(dj_req *req)DJ_WAITS;

/* A converter of the program: <name:argument> takes text that matches `regex` (no groups in it) and
 * that `accepts` takes; NULL accepts all. The argument is that text. */
typedef struct dj_converter {
    const char *name, *regex;
    bool (*accepts)(dj_str text);
} dj_converter;

typedef struct dj_route dj_route;
typedef struct dj_urls {
    const dj_route *routes;
    size_t          len;
    const char     *app_name; /* application namespace of an included table, or NULL */
    /* Root table only. Handlers: NULL is the built-in page; a 200 of theirs becomes the error's
     * status. */
    dj_view             handler400, handler403, handler404, handler500;
    const dj_converter *converters;
    size_t              nconverters;
} dj_urls;

struct dj_csp_policy; /* donjon/csp.h */

struct dj_route {
    const char    *route; /* "articles/<int:id>/", or a regular expression if .regex */
    bool           regex;
    dj_view        view; /* NULL for an include */
    const dj_urls *include;
    const char    *name;  /* for reverse */
    const char    *space; /* instance namespace of an include; default its app_name */
    unsigned methods; /* DJ_GET | ...; 0: any. HEAD comes with GET, OPTIONS is answered. Others: 405
                         with Allow */
    unsigned           exempt;   /* dj_exempt bits */
    const char        *needs;    /* permission, from the identity floor on */
    const char *const *defaults; /* extra arguments: "name" or "int:name", value, ..., NULL */
    const struct dj_csp_policy *csp,
        *csp_report_only; /* replaces the setting for this view; NULL: settings */
};

/* DJ_PATH("articles/<int:id>/", article_detail, .name = "article-detail", .methods = DJ_GET) */
#define DJ_PATH(pattern, the_view, ...)                                                            \
    {                                                                                              \
        .route = "" pattern "", .view = (the_view), ##__VA_ARGS__                                  \
    }
#define DJ_REGEX(pattern, the_view, ...)                                                           \
    {                                                                                              \
        .route = "" pattern "", .regex = true, .view = (the_view), ##__VA_ARGS__                   \
    }
#define DJ_INCLUDE(pattern, table, ...)                                                            \
    {                                                                                              \
        .route = "" pattern "", .include = (table), ##__VA_ARGS__                                  \
    }
/* A whole array as a table: .urls = DJ_ALL(urls) */
#define DJ_ALL(array)                                                                              \
    {                                                                                              \
        .routes = (array), .len = DJ_COUNT(array)                                                  \
    }

/* "shop:article-detail" with arguments by name: dj_reverse(req, "article-detail", "id", "7", NULL).
 * DJ_ERR_NO_REVERSE says what was looked for. */
DJ_CHECKED dj_err dj_reverse(dj_req *req, dj_str *url, const char *name, ...)
    __attribute__((nonnull(1, 2, 3), sentinel));

/* Django's require_http_methods, for a view that decides itself: NULL if the request's method is
 * one of these (HEAD only if named), else the 405 to return. */
DJ_NONNULL dj_response *dj_require_methods(dj_req *req, unsigned methods);
/* xframe_options_deny, xframe_options_sameorigin: what the layer would set, unless it is set. */
DJ_NONNULL void dj_xframe_deny(dj_response *resp);
DJ_NONNULL void dj_xframe_sameorigin(dj_response *resp);

DJ_END_DECLS
