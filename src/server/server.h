/* src/server/server.h - sockets to requests and back: connections, TLS, workers, supervisor.
 *
 * Must not know: routes, settings, middleware, views. The application is two functions and the bytes of the
 * answers that end a connection before there is a request. */
#pragma once
#include "http/http.h"
#include "loop/loop.h"

/* -- what the application floor hands down -- */

typedef struct dj_server_app {
    void *ctx;
    /* Never NULL, never a raised response; may wait. */
    dj_response *(*handle)(dj_req *req, void *ctx) DJ_WAITS;
    /* Once per answered request, after it was handed to the kernel: the access log. May be NULL. */
    void (*done)(const dj_req *req, const dj_response *resp, uint64_t bytes_sent, void *ctx);
    /* The header lines (security headers, Content-Type, ...) and the body of a refusal: 400 408 413 414 417 421 431
     * 500 501 503 505. Prepared at start. `https_only` NULL, or for a plain listener with TLS on: see redirect. */
    dj_str (*refusal_headers)(int status, bool tls, void *ctx);
    dj_str (*refusal_body)(int status, void *ctx);
    /* A refused request, for the log: status and the parser's reason. May be NULL. */
    void (*refused)(const dj_peer *peer, int status, dj_str reason, void *ctx);
} dj_server_app;

/* -- configuration: values, not names of settings -- */

typedef struct dj_limits {
    size_t   request_line, field_line, fields, header_section; /* 8190 8190 100 32768 */
    uint64_t body;                                             /* 10 MiB */
    unsigned connections, connections_per_address;             /* 10000, 100; per worker */
    unsigned requests_per_connection;                          /* 1000 */
    int64_t  head_ms, idle_ms, write_ms, body_grace_ms;        /* 10000 15000 30000 10000 */
    uint64_t body_rate;                                        /* bytes a second after the grace: 1024 */
} dj_limits;
dj_limits dj_limits_default(void);

typedef struct dj_listen {
    dj_str   address; /* "127.0.0.1:8000", "[::]:80", "unix:/run/site.sock" */
    bool     tls;
    bool     redirect_only; /* plain port beside TLS: every valid request gets 301 to https */
    int      fd;            /* bound; -1 before */
} dj_listen;

typedef struct dj_server_config {
    dj_listen *listens;
    size_t     nlistens;
    dj_limits  limits;
    unsigned   workers; /* 0: one a core */
    dj_str     user;    /* to become when started as root; "nobody" */
    dj_str     tls_cert, tls_key; /* PEM paths */
    unsigned   unix_mode;         /* of a Unix socket: 0660 */
} dj_server_config;

/* Binds every listener of the config (fills .fd). DJ_ERR_IO with one clear sentence ("127.0.0.1:8000 is in use"). */
DJ_CHECKED dj_err dj_server_bind(dj_scope *s, dj_server_config *config);

/* -- one worker: a loop with its listeners and connections; connection.c, worker.c -- */

typedef struct dj_worker dj_worker;
struct dj_tls; /* tls.c */

/* Everything a worker needs; `tls` may be NULL. NULL if memory or descriptors are missing. */
dj_worker *dj_worker_new(dj_loop *loop, const dj_server_config *config, const dj_server_app *app, struct dj_tls *tls);
/* Stops accepting, answers what is in flight (Connection: close), closes idle connections; `done` runs when
 * none is left or after `ms`. */
void dj_worker_drain(dj_worker *w, int64_t ms, void (*done)(void *ctx), void *ctx);
void dj_worker_free(dj_worker *w);
unsigned dj_worker_connections(const dj_worker *w);
/* A new context for handshakes to come (certificate reloaded). */
void dj_worker_set_tls(dj_worker *w, struct dj_tls *tls);

/* -- TLS: tls.c, the only file that knows OpenSSL -- */

typedef struct dj_tls dj_tls;
/* TLS 1.2 and 1.3, modern ciphers, rotated session tickets. DJ_ERR_SETTINGS with one sentence: unreadable, not PEM, key does not
 * belong to the certificate, expired. */
DJ_CHECKED dj_err dj_tls_new(dj_scope *s, dj_str cert_path, dj_str key_path, dj_tls **out);
void dj_tls_free(dj_tls *tls); /* when the last connection that uses it is closed: counted */
typedef struct dj_tls_session dj_tls_session;
dj_tls_session *dj_tls_accept(dj_tls *tls, int fd); /* NULL: memory */
typedef enum dj_io { DJ_IO_OK, DJ_IO_WANT_READ, DJ_IO_WANT_WRITE, DJ_IO_CLOSED, DJ_IO_FAILED } dj_io;
dj_io dj_tls_handshake(dj_tls_session *t);
dj_io dj_tls_read(dj_tls_session *t, char *buf, size_t size, size_t *got);
dj_io dj_tls_write(dj_tls_session *t, const char *buf, size_t size, size_t *sent);
dj_io dj_tls_shutdown(dj_tls_session *t);
void  dj_tls_session_free(dj_tls_session *t);

/* -- supervisor: supervisor.c -- */

typedef struct dj_supervisor {
    dj_server_config *config;
    /* Runs in each new worker process after privileges were dropped and read back: loads what a worker needs and runs its loop
     * until told to stop. The result is the worker's exit status. Also after a reload: settings and certificates
     * are read anew by `prepare`. */
    int (*worker)(unsigned index, const dj_server_config *config, void *ctx);
    /* In the supervisor, before the first start and at each SIGHUP: read settings and certificates; an error keeps the
     * old workers going and is logged. */
    dj_err (*prepare)(dj_scope *s, void *ctx);
    void *ctx;
} dj_supervisor;
/* Forks the workers, restarts dead ones with back-off, SIGHUP: zero-loss reload (new workers first, then old ones
 * drain), SIGTERM/SIGINT: drain and end, SIGQUIT: end at once. Returns the exit status. */
DJ_CHECKED int dj_supervise(dj_scope *s, const dj_supervisor *sup);
/* root: becomes `user` (uid, gid, no supplementary groups) and verifies that there is no way back. Not root: nothing. */
DJ_CHECKED dj_err dj_drop_privileges(dj_scope *s, dj_str user);
