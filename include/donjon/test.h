/* include/donjon/test.h - a client for tests of a site, without a socket: #include <donjon/test.h>.
 *
 *     dj_client *client;
 *     if (dj_client_open(s, &(dj_client_options){.app = &site}, &client) != DJ_OK)
 *         ...
 *     const dj_answer *a = dj_client_post(client, "/notes/", DJ_PAIRS({"title", "Milk"}));
 *     assert(a->status == 302 && dj_answer_logged(a, "shop.notes", "added"));
 *
 * A request is written as bytes and goes through the same parser, limits, middleware and views as
 * one that arrived at `serve`; views run on a coroutine, so they may wait. What comes back is what
 * a client would read, streamed bodies and files collected. Cookies are kept from answer to
 * request. Django: django.test.Client, topics/testing/tools. How to: docs/testing.md. */
#pragma once
#include "donjon/app.h"

DJ_BEGIN_DECLS

typedef struct dj_client dj_client;

typedef struct dj_client_options {
    const dj_app *app;
    /* Settings: the first of these that is given, else app->settings. From a file or a text:
     * 'testserver' joins ALLOWED_HOSTS, DEBUG is off, and a SECRET_KEY is made if there is none.
     * Made by code they are taken as they are, and must live as long as the client. */
    const dj_settings *settings;
    const char        *settings_text; /* as a file would hold it */
    const char        *settings_file; /* from the current folder */
    int64_t            now;     /* the requests' clock stands still at this Unix time; 0: it runs */
    const char        *host;    /* of requests that say none; "testserver" */
    const char        *address; /* of the client; "127.0.0.1"; "" is a Unix socket */
    int64_t            timeout_ms; /* for an answer; 10000 */
    size_t             body_max;   /* of an answer's body; more is cut. 16 MiB */
    bool               quiet;      /* records of errors do not go to stderr */
} dj_client_options;

/* Starts the site. The client lives in `s`. DJ_ERR_SETTINGS and the like: what `serve` would say.
 */
DJ_CHECKED DJ_NONNULL dj_err dj_client_open(dj_scope *s, const dj_client_options *options,
                                            dj_client **out);

/* -- requests -- */

/* Name and value; `len` is the length of a value that holds a NUL. */
typedef struct dj_pair {
    const char *name, *value;
    size_t      len; /* 0: up to the NUL */
} dj_pair;
typedef struct dj_pairs {
    const dj_pair *items;
    size_t         len;
} dj_pairs;
/* DJ_PAIRS({"title", "Milk"}, {"count", "2"}) */
#define DJ_PAIRS(...)                                                                              \
    ((dj_pairs){(const dj_pair[]){__VA_ARGS__},                                                    \
                sizeof((const dj_pair[]){__VA_ARGS__}) / sizeof(dj_pair)})
#define DJ_NO_PAIRS ((dj_pairs){NULL, 0})

typedef struct dj_test_file {
    const char *field, *name;
    const char *content_type; /* NULL: application/octet-stream */
    dj_str      content;
} dj_test_file;
typedef struct dj_test_files {
    const dj_test_file *items;
    size_t              len;
} dj_test_files;
#define DJ_FILES(...)                                                                              \
    ((dj_test_files){(const dj_test_file[]){__VA_ARGS__},                                          \
                     sizeof((const dj_test_file[]){__VA_ARGS__}) / sizeof(dj_test_file)})

typedef struct dj_client_request {
    const char   *method;  /* NULL: POST if there is a body, a form or a file, else GET */
    const char   *path;    /* as the request line shall have it: quoted, with its query */
    dj_pairs      query;   /* quoted and added to the path */
    dj_pairs      headers; /* as they are; Host, Cookie and Content-Type replace the client's own */
    dj_pairs      form; /* application/x-www-form-urlencoded, or with files multipart/form-data */
    dj_test_files files;
    bool          multipart;    /* also without files */
    dj_str        body;         /* instead of a form */
    const char   *content_type; /* of `body` */
    bool          chunked;      /* the body goes in chunks, without its length */
    bool          secure;       /* https */
    bool          follow;       /* redirects, up to 20; the last answer is returned */
    size_t        pieces_max;   /* goes away after so many pieces of a streamed body; 0: stays */
} dj_client_request;

/* -- answers: live until dj_client_forget, or as long as the client -- */

typedef struct dj_test_header {
    dj_str name, value;
} dj_test_header;

typedef struct dj_test_record {
    dj_str   logger, message;
    dj_str   detail; /* what failed and where; never shown to a client */
    dj_level level;
    int      status; /* 0: none */
} dj_test_record;

typedef struct dj_answer {
    int                   status; /* 0: none came, `problem` says why */
    dj_str                body;
    const dj_test_header *headers; /* in order, as sent */
    size_t                nheaders;
    const dj_test_record *records; /* written while it was made; the first 64 */
    size_t                nrecords;
    dj_str                method, url; /* what was asked: "https://testserver/a/?b=1" */
    dj_str                route;       /* pattern of the route that answered; DJ_NONE: none did */
    /* The parser's word for a request that was refused before there was one ("bare-lf"), "no answer
     * within 10000 ms", "body cut at ... bytes", "redirect loop"; else empty. */
    dj_str                  problem;
    bool                    streamed;
    size_t                  npieces; /* of a streamed body */
    const struct dj_answer *before;  /* the redirect that led here; NULL: none was followed */
} dj_answer;

DJ_RETURNS DJ_NONNULL const dj_answer *dj_client_get(dj_client *client, const char *path);
DJ_RETURNS DJ_NONNULL const dj_answer *dj_client_post(dj_client *client, const char *path,
                                                      dj_pairs form);
DJ_RETURNS DJ_NONNULL const dj_answer *dj_client_post_json(dj_client *client, const char *path,
                                                           const char *json);
/* All that a request can be. */
DJ_RETURNS DJ_NONNULL const dj_answer *dj_client_send(dj_client               *client,
                                                      const dj_client_request *request);
/* Bytes as they are, well-formed or not: a head and its body. No cookies are added or kept. */
DJ_RETURNS DJ_NONNULL const dj_answer *dj_client_send_raw(dj_client *client, dj_str bytes,
                                                          bool secure);
/* Frees all answers. */
DJ_NONNULL void dj_client_forget(dj_client *client);
/* Sets the requests' clock; 0 lets it run. */
DJ_NONNULL void dj_client_set_now(dj_client *client, int64_t now);
/* The site's settings. */
DJ_RETURNS DJ_NONNULL const dj_settings *dj_client_settings(const dj_client *client);

/* -- cookies: as a browser keeps them; `Secure` ones are sent over https alone -- */

/* DJ_NONE if there is none; what a server said, not decoded. */
DJ_NONNULL dj_str dj_client_cookie(const dj_client *client, const char *name);
/* Sent with every request from now on; `value` as the header shall have it. At most 100 are kept.
 */
DJ_NONNULL void dj_client_set_cookie(dj_client *client, const char *name, const char *value);
DJ_NONNULL void dj_client_forget_cookies(dj_client *client);

/* -- questions to an answer -- */

/* Value of the first header of that name, in any case; DJ_NONE if absent. And how many there are.
 */
DJ_NONNULL dj_str dj_answer_header(const dj_answer *a, const char *name);
DJ_NONNULL size_t dj_answer_header_count(const dj_answer *a, const char *name);
/* The Set-Cookie value of that cookie, attributes included; DJ_NONE if it sets none. */
DJ_NONNULL dj_str dj_answer_cookie(const dj_answer *a, const char *name);
/* How often `text` stands in the body. Django: assertContains. */
DJ_NONNULL size_t dj_answer_count(const dj_answer *a, const char *text);
/* Was there a record on `logger` with `text` in its message or detail? */
DJ_NONNULL bool dj_answer_logged(const dj_answer *a, const char *logger, const char *text);
/* What the view raised, as the log has it: sentence and place of the last record of a failure;
 * DJ_NONE if there is none. Django: raise_request_exception. */
DJ_NONNULL dj_str dj_answer_failure(const dj_answer *a);

DJ_END_DECLS
