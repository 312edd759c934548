/* src/http/http.h - requests and responses from the inside: for the server, the application floor
 * and the middleware. Applications see request.h and response.h.
 *
 * Must not know: sockets, settings, routes. What a higher floor hangs on a request it declares
 * itself: the pointers `site`, `match` and `override` are its own. */
#pragma once
#include "donjon/map.h"
#include "donjon/crypto.h"
#include "donjon/forms.h"
#include "donjon/response.h"
#include "donjon/signing.h"
#include "donjon/url.h"

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

typedef enum dj_target_form {
    DJ_TARGET_ORIGIN,
    DJ_TARGET_ABSOLUTE,
    DJ_TARGET_ASTERISK
} dj_target_form;

typedef struct dj_head {
    dj_method      method;
    dj_str         method_name, target, path, query; /* path and query still percent-encoded */
    bool           has_query; /* a '?' was there, even with nothing behind it */
    dj_target_form form;
    int            minor; /* HTTP/1.minor, 0 or 1 */
    dj_str host; /* effective: the absolute form's authority, else Host; none in HTTP/1.0 without */
    dj_field fields[DJ_HTTP_FIELDS_MAX];
    size_t   nfields;
    size_t   ndropped; /* fields whose name holds '_': checked, counted, not in `fields` */
    uint32_t seen;     /* bit 1 << dj_field_id */
    bool     keep_alive, expect_continue, chunked;
    uint64_t content_length; /* 0 if none */
} dj_head;

/* -- reading HTTP/1.1: http1.c and body.c --
 *
 * Strict on purpose: a front end that reads a message otherwise than we do is how requests are
 * smuggled. Verdicts hang on whole lines, so they are the same however the bytes were split.
 * Nothing is allocated, no byte is looked at more than a constant number of times. RFC 9112, RFC
 * 9110. */

/* Why a request was refused: status and name. The connection answers, reads no further request and
 * closes. */
typedef enum dj_refusal {
    DJ_REFUSAL_NONE,
#define DJ_REFUSAL(code, status, name) DJ_REFUSED_##code,
#include "http/refusals.def"
#undef DJ_REFUSAL
    DJ_REFUSAL_COUNT
} dj_refusal;
int    dj_refusal_status(dj_refusal r); /* 400, 413, 414, 417, 421, 431, 501, 505; 0 for NONE */
dj_str dj_refusal_name(dj_refusal r);   /* "bare-lf", for the log */

typedef struct dj_http_limits {
    size_t   request_line, field_line; /* bytes of a line without its CR LF: 8190, 8190 */
    size_t   fields;                   /* lines, dropped ones too; at most DJ_HTTP_FIELDS_MAX */
    size_t   header_section;           /* bytes of all field lines with their CR LF: 32768 */
    size_t   chunk_line;               /* 256, as request_line */
    size_t   trailers;                 /* 8190, as header_section */
    uint64_t body;                     /* 10 MiB */
} dj_http_limits;
dj_http_limits dj_http_limits_default(void);

typedef enum dj_http1_result {
    DJ_HTTP1_MORE,   /* not complete: call again when there is more input */
    DJ_HTTP1_DATA,   /* body only: a slice of it; call again at once */
    DJ_HTTP1_DONE,   /* the head, or the body, is complete and valid */
    DJ_HTTP1_REFUSED /* see .refusal; final */
} dj_http1_result;

/* One head being read. Zero it and set `limits` and `tls` (dj_http1_init); again for each request.
 */
typedef struct dj_http1 {
    const dj_http_limits *limits;
    dj_refusal            refusal;
    uint32_t              line;     /* offset of the line being read */
    uint32_t              scanned;  /* no LF between `line` and here */
    uint32_t              section;  /* offset of the first field line; 0 before */
    uint16_t              nlines;   /* field lines so far */
    bool                  tls;      /* which scheme an absolute target must name */
    bool                  skipped;  /* the one empty line before the request was there */
    uint32_t              repeated; /* known fields that came more than once, as `seen` */
    uint8_t               first[DJ_FIELD_COUNT]; /* index of the first of each, where seen */
} dj_http1;

static inline void dj_http1_init(dj_http1 *p, const dj_http_limits *limits, bool tls)
{
    *p = (dj_http1){.limits = limits, .tls = tls};
}
/* `input` begins with the request's first byte (an empty line before it included) and holds all
 * that has arrived; it may lie elsewhere than at the last call. *head is written to, but kept for
 * no other call: while there is MORE to come it may be lent to another request. DONE: it is filled,
 * its slices point into `input`, and *consumed is the head's length (the body, or the next request,
 * follows). REFUSED: see p->refusal. MORE with p->line == 0 and p->scanned == 0: not a byte has
 * come. */
DJ_CHECKED dj_http1_result dj_http1_parse(dj_http1 *p, dj_str input, dj_head *head,
                                          size_t *consumed);
/* Points the slices of a complete head to a copy of its bytes: `from` and `to` begin with the
 * request's first byte. */
void dj_head_move(dj_head *head, const char *from, const char *to);

/* A body being read: chunked, or of head->content_length bytes, or none. */
typedef struct dj_http1_body {
    const dj_http_limits *limits;
    dj_refusal            refusal;
    uint8_t               state;
    uint16_t              ntrailers; /* read, checked and thrown away */
    uint32_t              scanned;   /* no LF in so much of the unconsumed input */
    uint32_t              trailer_bytes;
    uint64_t              left;  /* of the data, or of this chunk */
    uint64_t              total; /* announced so far */
} dj_http1_body;

void dj_http1_body_init(dj_http1_body *b, const dj_head *head, const dj_http_limits *limits);
/* `input` begins with the first byte that earlier calls did not consume. *consumed says how much of
 * it is done with, whatever the result; with MORE an unfinished line (at most limits->trailers + 2
 * bytes) may stay. DATA: *data is a slice of `input`, never empty. DONE: *consumed ends behind the
 * body. */
DJ_CHECKED dj_http1_result dj_http1_body_read(dj_http1_body *b, dj_str input, size_t *consumed,
                                              dj_str *data);

/* One field line without its line end; `first`: right behind the request line. out->name and value
 * point into it. */
dj_refusal dj_field_line(dj_str line, bool first, dj_field *out);
/* *line ends before an LF: cuts the CR, or says which rule of line ends it breaks. */
dj_refusal dj_line_check(dj_str *line);

/* Is it a Host field's value, or an authority without userinfo (RFC 9110 7.2, 3986 3.2): host [":"
 * digits]? Not empty. Whether the site answers to that name is policy's to say. */
bool dj_authority_valid(dj_str text);

/* -- URLs: url.c. Text in and out is bytes; what is made lives in `s`, unchanged input is returned
 * as it is. -- */

/* Django's path_info of a raw path: percent-decoded, bad `%` sequences kept, octets that are not
 * legal UTF-8 put back as %XX; "/" for an empty one. */
dj_str dj_url_path_decode(dj_scope *s, dj_str raw);
/* get_full_path(force_append_slash): quoted decoded path, '?' and quoted query unless that is
 * empty. The parser lets no byte over 0x7E into a query; one that comes otherwise is taken as
 * Latin-1, as WSGI does. */
dj_str dj_url_full_path(dj_scope *s, dj_str path, dj_str query, bool force_slash);
/* What dj_redirect sends as Location, or DJ_ERR_DISALLOWED_REDIRECT: redirect.c. */
DJ_CHECKED dj_err dj_redirect_location(dj_scope *s, dj_str url, dj_str *location);
/* Each bad sequence in `text` (one per maximal invalid prefix) becomes U+FFFD, as Python decodes
 * with errors="replace". */
dj_str dj_utf8_repair(dj_scope *s, dj_str text);
/* A character a byte to UTF-8. */
dj_str dj_latin1_to_utf8(dj_scope *s, dj_str text);

/* -- QueryDict: query.c -- */

typedef struct dj_querydict_entry {
    dj_str  name;
    dj_str *values; /* in order, at least one */
    size_t  nvalues, cap;
} dj_querydict_entry;

typedef struct dj_querydict {
    dj_map names; /* name -> dj_querydict_entry *, in order of first appearance */
} dj_querydict;

/* Parses `name=value&...` to UTF-8. `max_fields` < 0: no limit, else DJ_ERR_TOO_MANY_FIELDS when
 * there are more. */
DJ_CHECKED dj_err dj_querydict_parse(dj_scope *s, dj_str text, int64_t max_fields,
                                     dj_querydict **out);
/* The last value, or DJ_NONE. */
dj_str dj_querydict_get(const dj_querydict *q, dj_str name);
/* All values, or NULL. */
const dj_querydict_entry *dj_querydict_getlist(const dj_querydict *q, dj_str name);
/* One more value. Both are borrowed. */
void dj_querydict_add(dj_scope *s, dj_querydict *q, dj_str name, dj_str value);
/* urlencode(safe=None): '+' for blanks; with `safe` (not DJ_NONE) %20 and those bytes kept. */
dj_str dj_querydict_urlencode(dj_scope *s, const dj_querydict *q, dj_str safe);

/* -- cookies: cookies.c -- */

/* One Cookie header to name -> dj_str *, in order of first appearance. DJ_ERR_SUSPICIOUS: too many,
 * or a `__Host-` or
 * `__Secure-` name twice. */
DJ_CHECKED dj_err dj_cookies_parse(dj_scope *s, dj_str header, dj_map *out);
/* The same verdict for a request, before anything reads a cookie. Only a header that may be refused
 * is parsed. */
DJ_CHECKED dj_err dj_cookies_check(dj_req *req);

/* -- charsets of clients: charset.c -- */

/* UTF8, ASCII, LATIN1, or a table's number; OTHER is a charset that Python knows and we don't read.
 */
enum {
    DJ_CHARSET_UNKNOWN = -1,
    DJ_CHARSET_UTF8,
    DJ_CHARSET_ASCII,
    DJ_CHARSET_LATIN1,
    DJ_CHARSET_OTHER
};
/* Python's names and aliases, in any case. */
int dj_charset_find(dj_str name);
/* To UTF-8; bytes that mean nothing become U+FFFD. Not for UNKNOWN and OTHER. */
dj_str dj_charset_decode(dj_scope *s, int charset, dj_str bytes);

/* -- "value; name=text; name*=charset''text": content_type.c -- */

typedef struct dj_header_params {
    dj_str value;  /* before the first ';', in lower case, without outer blanks */
    dj_map params; /* name in lower case -> dj_str *, the last of each name */
} dj_header_params;
/* `text` is UTF-8. DJ_ERR_MALFORMED: over 10,000 bytes, or an RFC 2231 parameter in an unknown
 * charset. */
DJ_CHECKED dj_err dj_header_params_parse(dj_scope *s, dj_str text, dj_header_params *out);
dj_str dj_header_param_get(const dj_header_params *h, dj_str name); /* DJ_NONE if absent */

/* -- bodies of forms: forms.c, multipart.c, upload.c -- */

typedef struct dj_form_limits {
    int64_t memory, fields,
        files; /* DATA_UPLOAD_MAX_MEMORY_SIZE, _NUMBER_FIELDS, _NUMBER_FILES; < 0: none */
    uint64_t        files_memory; /* FILE_UPLOAD_MAX_MEMORY_SIZE: of all files of a form together */
    dj_str          temp_dir;     /* FILE_UPLOAD_TEMP_DIR; DJ_NONE: $TMPDIR or /tmp */
    struct dj_loop *loop;         /* its threads write to disk; NULL: the caller does */
} dj_form_limits;

struct dj_form {
    dj_querydict *post;
    dj_map        files; /* field -> dj_upload_list, in order of first appearance */
};
typedef struct dj_upload_list {
    dj_upload **items;
    size_t      len, cap;
} dj_upload_list;

dj_form *dj_form_new(dj_scope *s);
void     dj_form_add_file(dj_scope *s, dj_form *form, dj_upload *upload);
/* What dj_form_parse() does, with the limits handed in. */
DJ_CHECKED dj_err dj_form_read(dj_req *req, const dj_form_limits *limits, const dj_form **out);

/* So much of a body is gathered in memory. A longer one is not, while it arrives: intake.c */
#define DJ_BODY_MEMORY ((size_t)64 * 1024)
typedef struct dj_intake {
    dj_form_limits          limits;
    bool                    is_form; /* a POST of multipart/form-data */
    struct dj_multipart    *multipart;
    dj_form                *form;   /* read whole */
    dj_err                  failed; /* by the client: what the view gets when it asks */
    dj_str                  why;
    struct dj_upload_store *store; /* of any other body */
} dj_intake;
/* The next bytes. A form that can't be read is no error here. DJ_ERR_NO_SPACE, DJ_ERR_IO,
 * DJ_ERR_MEMORY end the request. */
DJ_CHECKED dj_err dj_intake_take(dj_req *req, const dj_form_limits *limits, dj_str bytes) DJ_WAITS;
/* All has come: req->body and the form are as if they had been read in one. The same errors. */
DJ_CHECKED dj_err dj_intake_end(dj_req *req) DJ_WAITS;
/* What dj_form_read gives for such a request. */
DJ_CHECKED dj_err dj_intake_form(dj_req *req, dj_form **form);

/* A multipart/form-data body, in pieces of any size: the result does not hang on where they are
 * cut. Takes memory for one window and for what it keeps. After an error every further call returns
 * it. */
typedef struct dj_multipart dj_multipart;
/* `boundary` without the dashes; 1-201 bytes of 0x20-0x7E, the last no blank, else
 * DJ_ERR_MULTIPART. `charset` is that of names and values. `limits` must live as long as the
 * parser. */
DJ_CHECKED dj_err dj_multipart_new(dj_scope *s, dj_str boundary, int charset,
                                   const dj_form_limits *limits, dj_multipart **out);
DJ_CHECKED dj_err dj_multipart_feed(dj_multipart *m, dj_str bytes);
/* No more comes. A file whose end did not come is dropped. */
DJ_CHECKED dj_err dj_multipart_end(dj_multipart *m, dj_form **out);
/* Is the body of this request such a one (a POST)? Then this makes a parser for it: forms.c. */
bool              dj_form_is_multipart(const dj_req *req);
DJ_CHECKED dj_err dj_form_begin(dj_req *req, const dj_form_limits *limits, dj_multipart **out);

/* Bytes of a file that arrives: in memory up to `memory` bytes, then in a file without a name. */
typedef struct dj_upload_store {
    dj_scope             *scope;
    dj_buf                memory;
    const dj_form_limits *limits;
    struct dj_writer     *writer;
    int                   fd; /* -1: in memory */
    uint64_t              size;
} dj_upload_store;
/* `limits` must live as long. */
dj_upload_store *dj_upload_store_new(dj_scope *s, const dj_form_limits *limits);
/* DJ_ERR_NO_SPACE, DJ_ERR_IO. */
DJ_CHECKED dj_err dj_upload_store_add(dj_upload_store *store, dj_str bytes,
                                      uint64_t memory) DJ_WAITS;
/* Before it is read. */
DJ_CHECKED dj_err dj_upload_store_finish(dj_upload_store *store) DJ_WAITS;
void              dj_upload_store_drop(dj_upload_store *store);
/* What an errno of a file means: a disk without room is the administrator's business (507), too
 * many open files or waiting writers pass (503), anything else is a failure (500). */
dj_err dj_file_error(int error);
/* What Django makes of a client's file name; DJ_NONE if nothing usable is left. `name` is UTF-8. */
dj_str dj_upload_name(dj_scope *s, dj_str name);
/* os.path.splitext: where the extension begins. */
size_t dj_extension_at(dj_str name);

/* Signed ones: cookies_signed.c. `salt` is the caller's, "" if there is none; `legacy` also takes
 * the salt of older releases. Errors and `max_age` of dj_unsign_timed; DJ_ERR_MISSING if `text` is
 * none. */
dj_str dj_signed_cookie(dj_scope *s, const dj_keys *keys, dj_str name, dj_str salt, dj_str value);
DJ_CHECKED dj_err dj_signed_cookie_read(dj_scope *s, const dj_keys *keys, dj_str name, dj_str salt,
                                        bool legacy, dj_str text, int64_t max_age, dj_str *value);

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
    DJ_HEADER_HOP, /* Connection, Date, Transfer-Encoding, ...: the server writes them; a view's are
                      dropped */
    DJ_HEADER_COUNT
} dj_header_id;

typedef struct dj_header {
    dj_str       line; /* "Name: value\r\n" */
    uint32_t     name_len;
    dj_header_id id;
} dj_header;

#define DJ_HEADERS_INLINE 16
#define DJ_PIECES_INLINE  4

struct dj_response {
    dj_req    *req;
    int        status;
    dj_err     raised; /* not DJ_OK: no answer yet, an exception on its way up */
    uint32_t   seen;   /* bit 1 << dj_header_id, for what stands in `headers` */
    dj_header *headers;
    size_t     nheaders, headers_cap;
    dj_str    *pieces;
    size_t     npieces, pieces_cap;
    size_t     body_len; /* of the pieces and the file */
    /* Behind the pieces, a stretch of a file that the server reads while it sends; none if its
     * length is 0. The descriptor is borrowed: it stays open as long as the request's scope. */
    int          file_fd;
    uint64_t     file_from, file_len;
    dj_stream_fn stream;
    void        *stream_ctx;
    /* A template response: rendered after the on_template hooks; NULL for all others. */
    dj_response *(*render)(dj_response *resp, void *ctx);
    void                 *render_ctx;
    struct dj_set_cookie *cookies; /* set by dj_cookie_set; their lines are in `headers` */
    bool                  logged;  /* its record was written */
    bool from_view; /* the route's view returned it: what the route says of headers holds for it */
    bool builtin;   /* a page of our own: constant, nothing of the request in it */
    bool close;     /* last answer on this connection */
    bool live; /* a stream that says things when they happen: no layer holds its pieces back, and
                  it is woken with `ending` set when the server wants to stop */
    bool      ending;
    bool      part; /* of pages, and none itself: what only pages need is left out */
    bool      html; /* its Content-Type says so, or there is none */
    bool      raw;  /* bytes in the body that no escaper has seen */
    dj_header inline_headers[DJ_HEADERS_INLINE];
    dj_str    inline_pieces[DJ_PIECES_INLINE];
};

/* No header, no body yet, not called HTML. */
DJ_RETURNS dj_response *dj_response_bare(dj_req *req, int status);

/* Adds a header whose line was prepared (a start-up constant, or bytes in the request's scope).
 * `line` is complete and valid: "Name: value\r\n". No look-up, no copy; the caller has seen that it
 * is not there yet. */
void dj_header_add_line(dj_response *resp, dj_header_id id, uint32_t name_len, dj_str line);
static inline bool dj_header_seen(const dj_response *resp, dj_header_id id)
{
    return (resp->seen >> id & 1u) != 0;
}
/* Builds such a line; DJ_ERR_BAD_HEADER if name or value can't be sent. */
DJ_CHECKED dj_err dj_header_line(dj_scope *s, dj_str name, dj_str value, dj_header *out);
dj_header_id      dj_header_id_of(dj_str name);

/* A stretch of an open file becomes the end of the body: sent behind the pieces, never copied into
 * memory as a whole, left alone by layers that read bodies (gzip, ETag). `fd` is borrowed, see
 * dj_response. The bytes must be there when they are sent: a file that is shorter by then costs the
 * connection. */
void dj_body_file(dj_response *resp, int fd, uint64_t from, uint64_t len);

/* -- a request -- */

typedef struct dj_peer {
    dj_str   address; /* text; "" on a Unix socket */
    bool     tls, unix_socket, loopback;
    bool     redirect_only; /* a plain port beside TLS: every request gets 301 to https */
    uint16_t port;          /* local */
    uint16_t https_port;    /* where redirect_only sends them; 443 is left out of the URL */
    dj_str   server_name;   /* local address as text: SERVER_NAME */
} dj_peer;

struct dj_site;  /* app/ */
struct dj_match; /* app/ */

struct dj_req {
    dj_scope       *scope;
    const dj_head  *head;
    const dj_peer  *peer;
    dj_str          body;
    dj_str          path;      /* decoded, made by dj_req_init */
    dj_str          full_path; /* made on demand */
    dj_str          host;      /* get_host(), once it was found allowed; none before */
    bool            secure;    /* peer->tls until a trusted proxy says otherwise */
    bool            debug;     /* may see debug pages: DEBUG, and the client is on this machine */
    bool            nonce_made;
    char            nonce[DJ_NONCE_LEN];
    unsigned        exempt;     /* dj_exempt bits */
    uint64_t        id;         /* unique in this worker's life; for log records */
    int64_t         started_us; /* of the monotonic clock */
    dj_querydict   *query;      /* parsed on demand */
    const dj_form  *form;       /* dj_form_read; empty after a failure */
    dj_intake      *intake;     /* a long body; NULL: it is in `body` alone */
    struct dj_loop *loop;       /* on which it is answered; NULL: none, as in a test */
    dj_map         *cookies;    /* name -> dj_str *; parsed on demand */

    const struct dj_shown_validators
        *validators; /* of dj_condition, for the view's answer; NULL: it was not asked */
    struct dj_context        *context;        /* of templates; app/ */
    struct dj_template_error *template_error; /* why the last rendering failed; app/ */
    const struct dj_site     *site;
    struct dj_match          *match;
};

/* Fills a request in memory of `s`: decodes the path. `head`, `peer` and `body` stay the caller's.
 */
dj_req *dj_req_new(dj_scope *s, const dj_head *head, const dj_peer *peer, dj_str body);
/* First field with that id, or DJ_NONE: no joining. */
dj_str dj_head_field(const dj_head *head, dj_field_id id);

/* -- serialising -- */

/* Status line, Date, headers, Content-Length or Transfer-Encoding and Connection as the server
 * decides. */
typedef struct dj_wire {
    bool head_only; /* HEAD, 204, 304: no body bytes */
    bool chunked;   /* streamed body on HTTP/1.1 */
    bool close;
    int  minor;
} dj_wire;
/* Appends the head, empty line included. `date_line` is "Date: ...\r\n", kept by the server. */
void dj_response_head(dj_buf *out, const dj_response *resp, const dj_wire *wire, dj_str date_line);
