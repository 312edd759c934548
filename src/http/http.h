/* src/http/http.h - requests and responses from the inside: for the server, the application floor and the
 * middleware. Applications see request.h and response.h.
 *
 * Must not know: sockets, settings, routes. What a higher floor hangs on a request it declares itself: the
 * pointers `site`, `match` and `override` are its own. */
#pragma once
#include "donjon/response.h"

/* -- the head of a request, as the parser leaves it: slices of the connection's buffer -- */

#define DJ_HTTP_FIELDS_MAX 100

/* Request fields that the server or a middleware asks for on every request. */
typedef enum dj_field_id {
    DJ_FIELD_OTHER,
    DJ_FIELD_HOST,
    DJ_FIELD_CONNECTION,
    DJ_FIELD_CONTENT_LENGTH,
    DJ_FIELD_CONTENT_TYPE,
    DJ_FIELD_TRANSFER_ENCODING,
    DJ_FIELD_EXPECT,
    DJ_FIELD_USER_AGENT,
    DJ_FIELD_COOKIE,
    DJ_FIELD_ORIGIN,
    DJ_FIELD_AUTHORIZATION,
    DJ_FIELD_X_FORWARDED_HOST,
    DJ_FIELD_X_FORWARDED_PORT,
    DJ_FIELD_X_FORWARDED_PROTO,
    DJ_FIELD_COUNT
} dj_field_id;

typedef struct dj_field {
    dj_str      name, value; /* as received; value without outer blanks */
    dj_field_id id;
} dj_field;

typedef enum dj_target_form { DJ_TARGET_ORIGIN, DJ_TARGET_ABSOLUTE, DJ_TARGET_ASTERISK } dj_target_form;

typedef struct dj_head {
    dj_method      method;
    dj_str         method_name, target, path, query; /* path and query still percent-encoded */
    bool           has_query;                        /* a '?' was there, even with nothing behind it */
    dj_target_form form;
    int            minor; /* HTTP/1.minor, 0 or 1 */
    dj_str         host;  /* effective: the absolute form's authority, else Host; none in HTTP/1.0 without */
    dj_field       fields[DJ_HTTP_FIELDS_MAX];
    size_t         nfields;
    uint32_t       seen; /* bit 1 << dj_field_id */
    bool           keep_alive, expect_continue, chunked;
    uint64_t       content_length; /* 0 if none */
} dj_head;

/* -- response headers: one finished line each, so that sending is copying -- */

typedef enum dj_header_id {
    DJ_HEADER_OTHER,
    DJ_HEADER_CONTENT_TYPE,
    DJ_HEADER_CONTENT_LENGTH,
    DJ_HEADER_LOCATION,
    DJ_HEADER_STS, /* Strict-Transport-Security */
    DJ_HEADER_NOSNIFF,
    DJ_HEADER_REFERRER_POLICY,
    DJ_HEADER_COOP,
    DJ_HEADER_XFRAME,
    DJ_HEADER_CSP,
    DJ_HEADER_CSP_REPORT_ONLY,
    DJ_HEADER_PERMISSIONS_POLICY,
    DJ_HEADER_CORP,
    DJ_HEADER_VARY,
    DJ_HEADER_CACHE_CONTROL,
    DJ_HEADER_SET_COOKIE,
    DJ_HEADER_ETAG,
    DJ_HEADER_LAST_MODIFIED,
    DJ_HEADER_CONTENT_ENCODING,
    DJ_HEADER_ALLOW,
    DJ_HEADER_COUNT
} dj_header_id;

typedef struct dj_header {
    dj_str       line; /* "Name: value\r\n" */
    uint32_t     name_len;
    dj_header_id id;
} dj_header;

#define DJ_HEADERS_INLINE 16
#define DJ_PIECES_INLINE 4

struct dj_response {
    dj_req      *req;
    int          status;
    dj_err       raised; /* not DJ_OK: no answer yet, an exception on its way up */
    uint32_t     seen;   /* bit 1 << dj_header_id, for what stands in `headers` */
    dj_header   *headers;
    size_t       nheaders, headers_cap;
    dj_str      *pieces;
    size_t       npieces, pieces_cap;
    size_t       body_len;
    dj_stream_fn stream;
    void        *stream_ctx;
    /* A template response: rendered after the on_template hooks; NULL for all others. */
    dj_response *(*render)(dj_response *resp, void *ctx);
    void        *render_ctx;
    bool         logged; /* its record was written */
    bool         close;  /* last answer on this connection */
    dj_header    inline_headers[DJ_HEADERS_INLINE];
    dj_str       inline_pieces[DJ_PIECES_INLINE];
};

/* Adds a header whose line was prepared (a start-up constant, or bytes in the request's scope). `line` is
 * complete and valid: "Name: value\r\n". No look-up, no copy; the caller has seen that it is not there yet. */
void dj_header_add_line(dj_response *resp, dj_header_id id, uint32_t name_len, dj_str line);
static inline bool dj_header_seen(const dj_response *resp, dj_header_id id)
{
    return (resp->seen >> id & 1u) != 0;
}
/* Builds such a line; DJ_ERR_BAD_HEADER if name or value can't be sent. */
DJ_CHECKED dj_err dj_header_line(dj_scope *s, dj_str name, dj_str value, dj_header *out);
dj_header_id dj_header_id_of(dj_str name);

/* -- a request -- */

typedef struct dj_peer {
    dj_str   address; /* text; "" on a Unix socket */
    bool     tls, unix_socket, loopback;
    uint16_t port; /* local */
    dj_str   server_name; /* local address as text: SERVER_NAME */
} dj_peer;

#define DJ_NONCE_LEN 22

struct dj_site;        /* app/ */
struct dj_match;       /* app/ */
struct dj_csp_override; /* middleware/ */

struct dj_req {
    dj_scope      *scope;
    const dj_head *head;
    const dj_peer *peer;
    dj_str         body;
    dj_str         path;      /* decoded, made by dj_req_init */
    dj_str         full_path; /* made on demand */
    bool           secure;    /* peer->tls until a trusted proxy says otherwise */
    bool           nonce_made;
    char           nonce[DJ_NONCE_LEN];
    unsigned       exempt; /* dj_exempt bits */
    uint64_t       id;     /* unique in this worker's life; for log records */
    int64_t        started_us;
    void          *query; /* parsed on demand */

    const struct dj_site            *site;
    struct dj_match                 *match;
    const struct dj_csp_override    *csp, *csp_report_only; /* NULL: the settings */
    dj_response                     *made; /* the view's latest response; for reuse by dj_raise */
};

/* Fills a request in memory of `s`: decodes the path. `head`, `peer` and `body` stay the caller's. */
dj_req *dj_req_new(dj_scope *s, const dj_head *head, const dj_peer *peer, dj_str body);
/* First field with that id, or DJ_NONE: no joining. */
dj_str dj_head_field(const dj_head *head, dj_field_id id);

/* -- serialising -- */

/* Status line, Date, headers, Content-Length or Transfer-Encoding and Connection as the server decides. */
typedef struct dj_wire {
    bool head_only; /* HEAD, 204, 304: no body bytes */
    bool chunked;   /* streamed body on HTTP/1.1 */
    bool close;
    int  minor;
} dj_wire;
/* Appends the head, empty line included. `date_line` is "Date: ...\r\n", kept by the server. */
void dj_response_head(dj_buf *out, const dj_response *resp, const dj_wire *wire, dj_str date_line);
