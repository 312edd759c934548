/* src/app/app.h - the application floor from the inside: from a request to a response.
 *
 * site.c builds everything once at start; chain.c runs the layers; resolver.c finds the view; errors.c makes the
 * answers of errors. Must not know: sockets, processes, command lines. */
#pragma once
#include "donjon/app.h"
#include "http/http.h"
#include "donjon/log.h"

typedef struct dj_site dj_site;

/* Names a middleware: the built-in ones (middleware/ registers its table with the site's builder) and the app's. */
typedef struct dj_site_parts {
    const dj_app                *app;
    const dj_settings           *settings;
    const dj_middleware *const  *builtin; /* middleware/all.c: dj_builtin_middleware */
    size_t                       nbuiltin;
} dj_site_parts;

/* Routes compiled and checked, layers made, error pages and header blocks prepared. DJ_ERR_SETTINGS with one sentence:
 * an unknown middleware, a broken route, a bad regular expression. */
DJ_CHECKED dj_err dj_site_new(dj_scope *s, const dj_site_parts *parts, dj_site **out);

/* A whole request: host check, layers, view, errors to pages. Never NULL, never raised. dj_server_app.handle. */
DJ_RETURNS dj_response *dj_site_handle(dj_req *req, void *site) DJ_WAITS;
/* For dj_server_app: the answers of requests that never become one. */
dj_str dj_site_refusal_headers(int status, bool tls, void *site);
dj_str dj_site_refusal_body(int status, void *site);

/* -- routing -- */

typedef struct dj_resolver dj_resolver;
/* Compiles a table. DJ_ERR_SETTINGS names the route. */
DJ_CHECKED dj_err dj_resolver_new(dj_scope *s, const dj_urls *urls, dj_resolver **out);

typedef enum dj_arg_kind { DJ_ARG_STR, DJ_ARG_INT } dj_arg_kind;
typedef struct dj_arg {
    dj_str      name; /* none: unnamed group of a regular expression */
    dj_arg_kind kind;
    dj_str      text;
    int64_t     number;
} dj_arg;

#define DJ_ARGS_MAX 16
typedef struct dj_match {
    const dj_route *route;
    dj_str          pattern;               /* the whole route text, for logs and errors */
    dj_str          url_name;              /* or none */
    dj_str          app_names, namespaces; /* joined by ':' */
    dj_arg          args[DJ_ARGS_MAX];
    size_t          nargs;
} dj_match;
/* `path` begins with '/'. False: no route (Resolver404). */
bool dj_resolve(dj_scope *s, const dj_resolver *r, dj_str path, dj_match *out);

typedef struct dj_reverse_query {
    dj_str        name; /* "ns:name" */
    const dj_arg *args; /* named or all unnamed */
    size_t        nargs;
    dj_str        current_app, script_prefix; /* none; "/" */
    const dj_str *query;                      /* name, value, name, value ...; NULL: none */
    size_t        nquery;
    dj_str        fragment; /* none */
} dj_reverse_query;
DJ_CHECKED dj_err dj_resolver_reverse(dj_scope *s, const dj_resolver *r, const dj_reverse_query *q, dj_str *url);

/* What checks ask about routes. */
void dj_resolver_each(const dj_resolver *r, void (*visit)(const dj_route *route, dj_str full_pattern, dj_str namespaces, void *ctx),
                      void *ctx);
