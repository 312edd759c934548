/* src/app/app.h - the application floor from the inside: from a request to a response.
 *
 * site.c builds everything once at start; chain.c runs the layers; resolver.c finds the view;
 * errors.c makes the answers of errors. Must not know: sockets, processes, command lines. */
#pragma once
#include "donjon/app.h"
#include "http/http.h"
#include "donjon/log.h"
#include "donjon/policy.h"

typedef struct dj_site dj_site;

/* Names a middleware: the built-in ones (middleware/ registers its table with the site's builder)
 * and the app's. */
typedef struct dj_site_parts {
    const dj_app               *app;
    const dj_settings          *settings;
    const dj_middleware *const *builtin; /* middleware/all.c: dj_builtin_middleware */
    size_t                      nbuiltin;
} dj_site_parts;

/* Routes compiled and checked, layers made, error pages and header blocks prepared. DJ_ERR_SETTINGS
 * with one sentence: an unknown middleware, a broken route, a bad regular expression. */
DJ_CHECKED dj_err dj_site_new(dj_scope *s, const dj_site_parts *parts, dj_site **out);

/* A whole request: host check, layers, view, errors to pages. Never NULL, never raised.
 * dj_server_app.handle. */
DJ_RETURNS dj_response *dj_site_handle(dj_req *req, void *site) DJ_WAITS;
/* A long body, before that. dj_server_app.body. */
DJ_CHECKED dj_err dj_site_body(dj_req *req, dj_str bytes, bool last, void *site) DJ_WAITS;
/* For dj_server_app: the answers of requests that never become one. */
dj_str dj_site_refusal_headers(int status, bool tls, void *site);
dj_str dj_site_refusal_body(int status, void *site);
/* Their records on django.request; of a flood only some, with the number of the others. */
void dj_site_refused(const dj_peer *peer, int status, dj_str reason, void *site);

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
    size_t          nargs;
    dj_arg          args[DJ_ARGS_MAX]; /* the first nargs are filled */
} dj_match;
/* `path` begins with '/'. False: no route (Resolver404). Memory of `s` is taken only for routes
 * that need more than one pass: a converter that may run past where the next literal begins, or a
 * regular expression. */
bool dj_resolve(dj_scope *s, const dj_resolver *r, dj_str path, dj_match *out);

typedef struct dj_reverse_query {
    dj_str        name; /* "ns:name" */
    const dj_arg *args; /* named or all unnamed */
    size_t        nargs;
    dj_str        current_app, script_prefix; /* none; "/" */
    const dj_str *query;                      /* name, value, name, value ...; NULL: none */
    size_t        nquery;                     /* pairs */
    dj_str        fragment;                   /* none */
    bool as_django; /* lets "." and ".." pass as arguments and the fragment unquoted, as Django does
                     */
} dj_reverse_query;
DJ_CHECKED dj_err dj_resolver_reverse(dj_scope *s, const dj_resolver *r, const dj_reverse_query *q,
                                      dj_str *url);

/* What checks ask about routes. */
void dj_resolver_each(const dj_resolver *r,
                      void (*visit)(const dj_route *route, dj_str full_pattern, dj_str namespaces,
                                    void *ctx),
                      void *ctx);

/* -- routing from the inside: route.c (one route), resolver.c (the tree), reverse.c -- */

typedef enum dj_conv_kind {
    DJ_CONV_STR,
    DJ_CONV_INT,
    DJ_CONV_SLUG,
    DJ_CONV_UUID,
    DJ_CONV_PATH,
    DJ_CONV_OWN
} dj_conv_kind;

/* A path() route is a row of these: a literal, or a converter with the name of its argument. */
typedef struct dj_part {
    bool                literal;
    dj_conv_kind        kind;
    dj_str              text; /* the literal, or the argument's name */
    const dj_converter *own;  /* DJ_CONV_OWN */
} dj_part;

typedef struct dj_parts {
    const dj_part *items;
    size_t         len;
    bool one_pass; /* each converter ends where its characters end: no second try is ever needed */
    bool anchored; /* the text must end with it */
} dj_parts;

#define DJ_PARTS_MAX (2 * DJ_ARGS_MAX + 1)

/* Cuts a route. `converters`: the program's own. DJ_ERR_SETTINGS. */
DJ_CHECKED dj_err dj_parts_parse(dj_scope *s, const dj_urls *root, const char *route, bool anchored,
                                 dj_parts *out);
/* Matches from the start of `text`; fills `args` (room for as many as there are converters) and
 * says where it ended. Linear in the text for each part. `args` NULL: only asks, and integers may
 * have any size. */
bool dj_parts_match(dj_scope *s, const dj_parts *parts, dj_str text, dj_arg *args, size_t *end);
/* Python's regular expression of the route, without anchors. */
dj_str dj_parts_regex(dj_scope *s, const dj_parts *parts);

typedef struct dj_node  dj_node;
typedef struct dj_space dj_space;

/* A compiled route. */
struct dj_node {
    const dj_route *route;
    const dj_node  *parent; /* the include around it, or NULL */
    dj_parts        parts;  /* of path() */
    const struct dj_pattern
                 *regex;  /* of re_path(), or of a path() with a converter of the program */
    dj_str       *groups; /* names of the regex's groups from 1 on; none: unnamed */
    size_t        ngroups;
    bool          has_named;
    dj_node      *children; /* of an include */
    size_t        nchildren;
    const dj_arg *defaults;
    size_t        ndefaults;
    dj_str        pattern, app_names, namespaces; /* whole, from the root on */
    dj_space     *space;                          /* opened by this include, or NULL */
};

/* What names mean inside a namespace; the root is one, too. */
struct dj_space {
    const dj_node *node;   /* NULL: root */
    dj_map         names;  /* -> dj_candidates */
    dj_map         spaces; /* -> dj_space */
    dj_map         apps;   /* -> dj_instances */
};

struct dj_resolver {
    dj_node  *nodes;
    size_t    nnodes;
    dj_space *root;
};
/* A way to write a route: literals and arguments in turn. */
typedef struct dj_piece {
    bool           argument;
    dj_str         text; /* the literal; an argument's name, or none */
    const dj_part *part; /* of path() */
    const dj_node *node; /* whose piece it is */
} dj_piece;
typedef struct dj_row {
    const dj_piece *pieces;
    size_t          len;
} dj_row;
/* The ways to write a regular expression back (route_regex.c). False: there is none. */
bool dj_regex_rows(dj_scope *s, dj_str regex, const dj_row **rows, size_t *len);

/* Fills resolver->root from the tree. */
DJ_CHECKED dj_err dj_reverse_prepare(dj_scope *s, dj_resolver *r);

/* -- layers: chain.c -- */

struct dj_next {
    const dj_middleware *layer; /* NULL: the view comes next */
    void                *state;
};

/* -- host, port, scheme: host.c (donjon/host.h has the rest) -- */

typedef struct dj_host_rules dj_host_rules;
/* Reads the settings once, at start: into site->hosts. DJ_ERR_SETTINGS. */
DJ_CHECKED dj_err dj_host_rules_new(dj_scope *s, const dj_settings *settings,
                                    const dj_host_rules **out);
/* Is it one of TRUSTED_PROXIES? dj_server_app.is_proxy. */
bool dj_site_is_proxy(const dj_peer *peer, void *site);
/* First of all for a request, once req->site is set: takes forwarding headers of untrusted peers
 * away, decides req->secure. */
void dj_host_prepare(dj_req *req);
/* Before any layer: DJ_ERR_DISALLOWED_HOST with Django's sentence in the scope. */
DJ_CHECKED dj_err dj_host_check(dj_req *req);
/* For a listener that only redirects: 301 to the same address by https. Raised if the host is not
 * ours. */
DJ_RETURNS dj_response *dj_https_redirect(dj_req *req);

/* -- the site: site.c -- */

typedef struct dj_hook {
    const dj_middleware *layer;
    void                *state;
} dj_hook;

/* Header lines that an answer carries which no layer has seen. */
typedef struct dj_site_line {
    dj_header header;
    bool      tls_only;
    bool      pages_only; /* for the pages that we write ourselves */
} dj_site_line;
#define DJ_SITE_LINES_MAX 10

typedef struct dj_refusal_page {
    int    status;
    dj_str headers[2]; /* clear, TLS */
    dj_str body;
} dj_refusal_page;
#define DJ_REFUSAL_PAGES_MAX 16

#define DJ_REFUSALS_A_SECOND 20
typedef struct dj_record_gate {
    int64_t  since_ms;
    unsigned written; /* since then */
    uint64_t left_out;
} dj_record_gate;
/* May one more be written? *left_out is then how many were not since the last one: refused.c */
bool dj_record_may(dj_record_gate *gate, int64_t now_ms, uint64_t *left_out);

struct dj_site {
    const dj_settings        *settings;
    dj_keys                   keys; /* `key` is NULL without SECRET_KEY */
    const dj_host_rules      *hosts;
    const dj_app             *app;
    dj_resolver              *resolver;
    struct dj_site_templates *templates;
    struct dj_next           *layers; /* outermost first; a last one without layer */
    size_t                    nlayers;
    dj_hook                  *on_view;      /* outermost first */
    dj_hook                  *on_exception; /* innermost first */
    dj_hook                  *on_template;  /* innermost first */
    size_t                    non_view, non_exception, non_template;
    dj_site_line              lines[DJ_SITE_LINES_MAX];
    size_t                    nlines;
    struct dj_static         *statics; /* static.h; NULL: none are served */
    dj_csp                    csp;     /* SECURE_CSP, if its layer is in MIDDLEWARE */
    dj_refusal_page           pages[DJ_REFUSAL_PAGES_MAX];
    size_t                    npages;
    dj_record_gate            refusals; /* of this worker */
};

/* SECRET_KEY and its fallbacks: signed_cookies.c. */
void dj_site_keys(dj_scope *s, const dj_settings *settings, dj_keys *out);

/* Runs a layer or, behind the last one, the view. Never NULL, never raised. */
DJ_RETURNS dj_response *dj_layer_run(struct dj_next *layer, dj_req *req) DJ_WAITS;

/* -- what every answer carries: answers.c -- */

DJ_CHECKED dj_err dj_answers_prepare(dj_scope *s, struct dj_site *site);
/* For an error, and for an answer that no view has made. */
void dj_answer_finish(dj_req *req, dj_response *resp);

/* -- errors: errors.c -- */

/* The answer to an error that nobody handled: handler or page, record. */
DJ_RETURNS dj_response *dj_error_answer(dj_req *req, dj_err e, dj_str text) DJ_WAITS;
/* Writes "<reason>: <path>" unless the answer has its record. */
void dj_error_log_answer(dj_req *req, dj_response *resp);
/* The body of our own page: constant, says nothing of the request. */
dj_str dj_error_page(int status);
/* 405 with Allow and its record. */
DJ_RETURNS dj_response *dj_method_not_allowed(dj_req *req, unsigned methods);
/* "GET, HEAD, POST" */
dj_str dj_methods_text(dj_scope *s, unsigned methods);

/* -- for developers: debug_page.c -- */

/* Is the client on this machine? Asked before forwarding headers are taken away: a proxy here
 * speaks for clients elsewhere. */
bool dj_client_is_here(const dj_req *req);
/* Adds the lines around `line` (from 1), that one marked; `text` is the whole file. */
void dj_debug_excerpt(dj_buf *page, dj_str text, uint32_t line);
/* The same for a file; nothing if it can't be read. `path` must not come from a client. */
void                    dj_debug_source(dj_buf *page, dj_str path, uint32_t line);
DJ_RETURNS dj_response *dj_debug_page(dj_req *req, int status, dj_err e, dj_str text);
