/* src/server/server.h - sockets to requests and back: connections, TLS, workers, supervisor.
 *
 * Must not know: routes, settings, middleware, views. The application is two functions and the
 * bytes of the answers that end a connection before there is a request. */
#pragma once
#include "http/http.h"
#include "loop/loop.h"
#include <sys/socket.h>

/* -- what the application floor hands down -- */

typedef struct dj_server_app {
    void *ctx;
    /* Never NULL, never a raised response; may wait. */
    dj_response *(*handle)(dj_req *req, void *ctx)DJ_WAITS;
    /* A body over DJ_BODY_MEMORY, before `handle` and on the same coroutine: the next bytes, in the
     * end none and `last`. They are gone when it returns; what `handle` shall find of them in the
     * request is its business. An error ends the request with that error's status. NULL: no such
     * bodies. */
    dj_err (*body)(dj_req *req, dj_str bytes, bool last, void *ctx) DJ_WAITS;
    /* Once per answered request, after it was handed to the kernel: the access log. May be NULL. */
    void (*done)(const dj_req *req, const dj_response *resp, uint64_t bytes_sent, void *ctx);
    /* The header lines (security headers, Content-Type, ...) and the body of a refusal: 400 408 413
     * 414 417 421 431 500 501 503 505 507; the lines also of 204, for OPTIONS *, which has no body.
     * Prepared at start. `https_only` NULL, or for a plain listener with TLS on: see redirect. */
    dj_str (*refusal_headers)(int status, bool tls, void *ctx);
    dj_str (*refusal_body)(int status, void *ctx);
    /* May this peer name another in its place (proxy_protocol)? NULL: nobody may. */
    bool (*is_proxy)(const dj_peer *peer, void *ctx);
    /* A refused request, for the log: status and the parser's reason. May be NULL. */
    void (*refused)(const dj_peer *peer, int status, dj_str reason, void *ctx);
} dj_server_app;

/* -- configuration: values, not names of settings -- */

typedef struct dj_limits {
    dj_http_limits http;
    unsigned       connections, connections_per_address;      /* 10000, 100; per worker */
    unsigned       requests_per_connection;                   /* 1000 */
    int64_t        head_ms, idle_ms, write_ms, body_grace_ms; /* 10000 15000 30000 10000 */
    uint64_t       body_rate;  /* bytes a second after the grace: 1024 */
    uint64_t       write_rate; /* bytes a second that a client takes, after write_ms: 1024 */
} dj_limits;
dj_limits dj_limits_default(void);

typedef struct dj_listen {
    dj_str address; /* "127.0.0.1:8000", "[::]:80", "unix:/run/site.sock" */
    bool   tls;
    bool   redirect_only; /* plain port beside TLS: every valid request gets 301 to https */
    int    fd;            /* bound; -1 before */
} dj_listen;

typedef struct dj_server_config {
    dj_listen *listens;
    size_t     nlistens;
    dj_limits  limits;
    unsigned   workers;           /* 0: one a core */
    dj_str     user;              /* to become when started as root; "nobody" */
    dj_str     tls_cert, tls_key; /* PEM paths */
    unsigned   unix_mode;         /* of a Unix socket: 0660 */
    bool       proxy_protocol; /* every connection begins with its header, and comes from a proxy */
} dj_server_config;

/* Binds every listener of the config (fills .fd), or none. DJ_ERR_IO with one clear sentence
 * ("127.0.0.1:8000 is already in use"). ":8000" is every IPv4 address, "[::]:8000" every IPv6
 * address, "8000" loopback; port 0 lets the kernel choose. A stale Unix socket is replaced, one
 * that somebody listens on is not. SIGPIPE is ignored from here on. */
DJ_CHECKED dj_err dj_server_bind(dj_scope *s, dj_server_config *config);
/* That alone, for a process that was handed its sockets. */
void dj_server_ignore_signals(void);
/* Closes them and removes Unix sockets, as far as this user may. */
void dj_server_unbind(dj_scope *s, dj_server_config *config);

/* -- one worker: a loop with its listeners and connections; worker.c -- */

struct dj_tls;
typedef struct dj_worker dj_worker;

/* Everything a worker needs; `config` and `app` stay the caller's, `tls` may be NULL. DJ_ERR_IO if
 * a listener can't be watched. */
DJ_CHECKED dj_err dj_worker_new(dj_scope *s, dj_loop *loop, const dj_server_config *config,
                                const dj_server_app *app, struct dj_tls *tls, dj_worker **out);
/* Stops accepting, answers what is in flight (Connection: close), closes idle connections; `done`
 * runs once, when none is left or after `ms`. */
void dj_worker_drain(dj_worker *w, int64_t ms, void (*done)(void *ctx), void *ctx);
/* Accepts again after a drain, whether that is over or not; its `done` does not run any more. */
void dj_worker_resume(dj_worker *w);
/* The end, while loop and application are still there: views that run are abandoned, connections
 * closed. */
void     dj_worker_close(dj_worker *w);
unsigned dj_worker_connections(const dj_worker *w);
/* A new context for handshakes to come (certificate reloaded). */
void dj_worker_set_tls(dj_worker *w, struct dj_tls *tls);

/* What came of asking a socket. */
typedef enum dj_io {
    DJ_IO_OK,
    DJ_IO_WANT_READ,
    DJ_IO_WANT_WRITE,
    DJ_IO_CLOSED,
    DJ_IO_FAILED
} dj_io;

/* -- one connection: connection.c. Its states, in order: -- */

typedef enum dj_conn_state {
    DJ_CONN_PROXY,     /* reading the header of the PROXY protocol */
    DJ_CONN_HANDSHAKE, /* TLS */
    DJ_CONN_IDLE,      /* no byte of the next request yet */
    DJ_CONN_HEAD,      /* reading a head */
    DJ_CONN_BODY,      /* reading a body */
    DJ_CONN_HANDLE,    /* a view is running (or waiting) */
    DJ_CONN_WRITE,     /* the kernel takes no more for now; nothing is read meanwhile */
    DJ_CONN_LINGER,    /* refused: what still arrives is thrown away, within bounds */
    DJ_CONN_CLOSED     /* off the loop; freed when its request has let go */
} dj_conn_state;

/* A request in flight; pooled, so that its scope's first block is allocated once. */
typedef struct dj_work {
    struct dj_work *next; /* in the pool */
    dj_scope       *scope;
    struct dj_conn *conn;
    dj_co          *co; /* while it is suspended */
    dj_req         *req;
    dj_response    *resp;
    dj_buf          body;    /* up to DJ_BODY_MEMORY bytes of it */
    dj_str          pending; /* of a long one: what did not fit into that */
    bool            hungry;  /* it waits for more of its long body */
    unsigned        reads;   /* of a long body */
    int             refused; /* a status: its long body was no good */
    dj_str          why;
    bool            streaming; /* the head is on its way, pieces follow from the coroutine */
    dj_head         head;
} dj_work;

typedef struct dj_conn {
    dj_watch               watch; /* first: the loop hands it back */
    dj_timer               timer;
    dj_worker             *worker;
    struct dj_conn        *next, *prev; /* of this worker */
    dj_conn_state          state;
    bool                   close_after; /* no further request */
    bool                   busy;        /* connection.c is at work on it: don't enter again */
    unsigned               requests;
    unsigned               watched; /* events asked for */
    dj_peer                peer;
    char                   address[48]; /* of peer.address */
    unsigned char          key[16];     /* the address for counting; IPv4 mapped */
    bool                   counted;     /* it is, for its address */
    struct dj_tls_session *tls;
    char                  *in; /* what was read: the request being parsed begins at in_from */
    size_t                 in_cap, in_from, in_len;
    size_t   head_from, body_base; /* where this request's head began; where its body's bytes go */
    dj_task  again;                /* one more read in this turn: TLS */
    dj_http1 head_parser;
    dj_http1_body body_parser;
    int64_t       since_ms; /* when this state began; of a body: when its rate was last looked at */
    uint64_t      body_bytes; /* arrived since then */
    int64_t       body_credit_ms;
    size_t        lingered;
    dj_work      *work;
    char         *out; /* unsent bytes, owned */
    size_t        out_len, out_from;
    size_t        piece, piece_from; /* then the body: the response's pieces from here on, */
    uint64_t      file_sent;         /* then its file from there on */
    bool          body_left;
    uint64_t      sent, taken; /* bytes handed to the kernel, and those that it got rid of */
    int64_t       write_since_ms, write_credit_ms;
} dj_conn;

struct dj_worker {
    dj_loop                *loop;
    dj_scope               *scope; /* as long as the worker */
    const dj_server_config *config;
    const dj_server_app    *app;
    struct dj_tls          *tls;
    struct dj_listener     *listeners;
    size_t                  nlisteners;
    dj_timer                pause;   /* accepting again after EMFILE */
    dj_timer                tickets; /* with TLS */
    dj_conn                *conns;
    unsigned                nconns;
    struct dj_addresses    *addresses;
    dj_work                *free_works;
    dj_conn                *free_conns;
    char                   *free_buffers; /* chained through their first bytes */
    unsigned                nfree_works, nfree_conns, nfree_buffers;
    char                   *file_buffer; /* once a file was sent under TLS */
    dj_buf                  stage;       /* answers of this turn, on their way to one send */
    int64_t                 date;
    char                    date_line[64];
    size_t                  date_line_len;
    uint64_t                next_id;
    bool                    draining;
    dj_timer                drain_timer;
    void (*drained)(void *ctx);
    void *drained_ctx;
};

/* Takes an accepted socket. The connection frees itself. */
void dj_conn_start(dj_worker *w, const dj_peer *peer, const unsigned char key[16], int fd,
                   bool tls);
/* Drain: idle connections close, the others after their answer. */
void dj_conn_drain(dj_conn *conn);
/* Off the loop at once, without a word; its view is abandoned. Does not return when the running
 * coroutine is the connection's own. */
void dj_conn_close(dj_conn *conn);
void dj_conn_want(dj_conn *conn, unsigned events);
/* Its timer ends the state after `ms`. */
void dj_conn_enter(dj_conn *conn, dj_conn_state state, int64_t ms);

/* -- its bytes: receive.c -- */

/* More into the buffer. */
dj_io dj_conn_receive(dj_conn *conn);
void  dj_conn_give_back_buffer(dj_conn *conn);
/* The few bytes of a next request need not hold the large buffer of the last one. */
void dj_conn_shrink_buffer(dj_conn *conn);

typedef enum dj_body {
    DJ_BODY_WHOLE,
    DJ_BODY_PART,
    DJ_BODY_REFUSED, /* the refusal is staged */
    DJ_BODY_LONG     /* over DJ_BODY_MEMORY: for dj_conn_receive_body */
} dj_body;
dj_body dj_conn_take_body(dj_conn *conn);
/* The rest comes later: state DJ_CONN_BODY. False without memory. */
bool dj_conn_await_body(dj_conn *conn);
/* The rest of a long body, to the application; on the request's coroutine. False: work->refused. */
bool dj_conn_receive_body(dj_work *work) DJ_WAITS;
/* An event, while a long body is read. */
void dj_conn_body_ready(dj_conn *conn);
/* The timer, in DJ_CONN_BODY. False: too slow, and nobody but the caller to say so. */
bool dj_conn_body_tick(dj_conn *conn);

/* -- its answers: answer.c -- */

/* The head, and a small body behind it, onto the worker's stage; a large body stays where it is, in
 * the request's scope or in a file. */
void dj_conn_stage_response(dj_conn *conn);
/* A streamed body, head and all; on the request's coroutine. */
void dj_conn_stream_body(dj_work *work) DJ_WAITS;
/* An answer without a request onto the stage; nothing more is read. */
void dj_conn_refuse(dj_conn *conn, int status, dj_str reason);
void dj_conn_answer_asterisk(dj_conn *conn);
/* Stage and kept bytes to the kernel; what it does not take stays with the connection, which then
 * waits for it. False: the connection is closed. */
bool dj_conn_flush(dj_conn *conn);
bool dj_conn_is_flushed(const dj_conn *conn);
/* The timer, in DJ_CONN_WRITE. False: the client reads too slowly. */
bool dj_conn_write_tick(dj_conn *conn);

/* worker.c's pools and counts, for connections */
#define DJ_CONN_BUFFER ((size_t)8192)
char *dj_worker_buffer(dj_worker *w); /* DJ_CONN_BUFFER bytes; NULL: no memory */
void  dj_worker_buffer_back(dj_worker *w, char *buffer);
#define DJ_FILE_BUFFER ((size_t)64 * 1024)
/* DJ_FILE_BUFFER bytes for whoever runs, until the next who asks; NULL: no memory. */
char    *dj_worker_file_buffer(dj_worker *w);
dj_work *dj_worker_work(dj_worker *w); /* NULL: no memory */
void     dj_worker_work_back(dj_worker *w, dj_work *work);
dj_conn *dj_worker_conn(dj_worker *w);
/* The text of an address, the key to count it by, and whether it is on this machine. "" and zeros
 * for what is no Internet address. */
void dj_address_describe(const struct sockaddr_storage *from, char text[48], unsigned char key[16],
                         bool *loopback);
void dj_worker_conn_back(dj_worker *w,
                         dj_conn   *conn); /* also takes it off the list and the counts */
dj_str dj_worker_date(dj_worker *w);

/* How many connections an address has: addresses.c. A fixed table, so a flood costs no memory. */
typedef struct dj_addresses dj_addresses;
dj_addresses               *dj_addresses_new(dj_scope *s, unsigned connections);
/* False if the address has `limit` already. */
bool dj_addresses_enter(dj_addresses *a, const unsigned char key[16], unsigned limit);
void dj_addresses_leave(dj_addresses *a, const unsigned char key[16]);

/* -- the PROXY protocol: proxy_protocol.c -- */

#define DJ_PROXY_HEADER_MAX ((size_t)4096)
typedef struct dj_proxy_header {
    bool                    local; /* the proxy speaks for itself */
    struct sockaddr_storage from;  /* else the client; AF_UNSPEC: one without an Internet address */
} dj_proxy_header;
typedef enum dj_proxy_result {
    DJ_PROXY_MORE,   /* read on, until there are *need bytes and not one more */
    DJ_PROXY_DONE,   /* they are the header */
    DJ_PROXY_REFUSED /* no header, or none that we take */
} dj_proxy_result;
dj_proxy_result dj_proxy_header_read(dj_str bytes, size_t *need, dj_proxy_header *out);

/* -- TLS: tls.c, the only file that knows OpenSSL -- */

typedef struct dj_tls dj_tls;
/* TLS 1.2 and 1.3, modern ciphers, session tickets whose keys change every hour (shared by workers
 * forked later; an old key is forgotten). DJ_ERR_SETTINGS with one sentence: unreadable, not PEM,
 * encrypted, key does not belong to the certificate. An expired certificate and a key that others
 * may read are logged as warnings. */
DJ_CHECKED dj_err dj_tls_new(dj_scope *s, dj_str cert_path, dj_str key_path, dj_tls **out);
/* From time to time: the secrets of hours that are over are forgotten also where nobody comes. */
void dj_tls_tick(void);
void dj_tls_free(dj_tls *tls); /* sessions go on: they hold what they need */
typedef struct dj_tls_session dj_tls_session;
dj_tls_session               *dj_tls_accept(dj_tls *tls, int fd); /* NULL: memory */
/* All need SIGPIPE ignored. Read until WANT_READ: what was decrypted already wakes no descriptor.
 */
dj_io dj_tls_handshake(dj_tls_session *t);
dj_io dj_tls_read(dj_tls_session *t, char *buf, size_t size, size_t *got);
dj_io dj_tls_write(dj_tls_session *t, const char *buf, size_t size, size_t *sent);
dj_io dj_tls_shutdown(dj_tls_session *t);
void  dj_tls_session_free(dj_tls_session *t);

/* -- supervisor: supervisor.c -- */

typedef struct dj_supervisor {
    dj_server_config *config; /* bound */
    /* Runs in each new worker process, privileges dropped and read back: takes what `prepare` made,
     * watches its listeners, calls dj_worker_ready(ready_fd), runs its loop until SIGTERM and
     * drains. The result is the worker's exit status. Signals have their default actions when it
     * begins, but SIGINT and SIGHUP are the supervisor's: ignored. */
    int (*worker)(unsigned index, int ready_fd, const dj_server_config *config, void *ctx);
    /* In the supervisor, before the first start (still as root, if it was started so) and at each
     * SIGHUP (as `user`, but with the right to read root's files): reads settings and certificates.
     * `s` lives until the next success. Changes `ctx` only if it succeeds; an error keeps the old
     * workers going and is logged. */
    dj_err (*prepare)(dj_scope *s, void *ctx);
    void   *ctx;
    int64_t drain_ms; /* for a worker to end after SIGTERM, then SIGKILL; 0: 35 s */
} dj_supervisor;
/* Drops privileges, forks the workers, restarts dead ones with back-off (100 ms doubling to 10 s,
 * back to 100 ms after 30 s of life). SIGHUP: reload without losing a connection (prepare, new
 * workers, and when all are ready the old ones drain). SIGTERM/SIGINT: drain and end; a second one
 * or SIGQUIT: end at once. Tells systemd ($NOTIFY_SOCKET). Returns the exit status; the reason for
 * one that is not 0 was logged. A worker that fails before the first set was ready ends it all. */
DJ_CHECKED int dj_supervise(dj_scope *s, const dj_supervisor *sup);
/* In a worker, once: it accepts connections. Closes `ready_fd`. */
void dj_worker_ready(int ready_fd);
/* root: becomes `user` (uid, gid, no supplementary groups) and verifies that there is no way back.
 * Anyone: gives up all capabilities, sets no_new_privs, forbids core dumps and tracing. */
DJ_CHECKED dj_err dj_drop_privileges(dj_scope *s, dj_str user);
/* The same for a supervisor: root keeps the right to read any file (CAP_DAC_READ_SEARCH; where a
 * container lacks that, CAP_DAC_OVERRIDE), asleep until dj_read_any_file(true). dj_drop_privileges
 * takes it away, too. */
DJ_CHECKED dj_err dj_drop_privileges_but_reading(dj_scope *s, dj_str user);
void              dj_read_any_file(bool on); /* without that right: nothing */
