/* src/server/tls.c - TLS on a non-blocking descriptor; the only file that knows OpenSSL's SSL.
 *
 * TLS 1.2 and 1.3 with forward secrecy alone, no renegotiation, no compression, no early data.
 * OpenSSL's error queue is per thread and shared by all connections: it is emptied around every
 * call, or one connection's error would be taken for another's.
 *
 * Must not know: HTTP, beyond its ALPN name. */
#include "server/server.h"
#include "donjon/log.h"
#include "donjon/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PEM_MAX = 1024 * 1024,
    TICKET_LIFE = 3600, /* a key encrypts for an hour and decrypts for one more */
    RATCHET_MAX = 24 * 366,
};

static const dj_str LOGGER = DJ_STR_INIT("donjon.server");

struct dj_tls {
    SSL_CTX *ctx;
};

/* -- session tickets --
 *
 * Each hour has a key, and each hour's secret is the hash of the one before, which is then wiped:
 * workers forked at different times agree on the key without talking, and memory that leaks opens
 * no ticket older than two hours. */

typedef struct ticket_key {
    unsigned char name[16], aes[32], mac[32];
} ticket_key;

typedef struct tickets {
    int64_t       hour; /* of `secret` and `now`; 0: none yet */
    unsigned char secret[32];
    ticket_key    now, before;
} tickets;

/* One per process, inherited by fork; in a page of its own that no core dump or swap sees. */
static tickets *shared_tickets;

static bool expand(const unsigned char secret[32], const char *label, unsigned char *out,
                   size_t len)
{
    EVP_KDF      *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX  *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    int           mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    char          digest[] = "SHA256";
    unsigned char key[32];
    memcpy(key, secret, sizeof key);
    char             info[32];
    int              info_len = snprintf(info, sizeof info, "donjon ticket %s", label);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, sizeof key),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, (size_t)info_len),
        OSSL_PARAM_construct_end(),
    };
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    dj_wipe(key, sizeof key);
    return ok;
}

static bool tickets_begin(tickets *t, int64_t hour)
{
    dj_wipe(t, sizeof *t);
    if (RAND_priv_bytes(t->secret, sizeof t->secret) != 1 ||
        !expand(t->secret, "keys", (unsigned char *)&t->now, sizeof t->now) ||
        /* Nothing was encrypted before: a key that fits no ticket. */
        RAND_priv_bytes((unsigned char *)&t->before, sizeof t->before) != 1)
        return false;
    t->hour = hour;
    return true;
}

/* Up to the present hour. A clock that went back changes nothing. */
static bool tickets_turn(tickets *t, int64_t hour)
{
    if (hour <= t->hour)
        return t->hour != 0;
    if (t->hour == 0 || hour - t->hour > RATCHET_MAX)
        return tickets_begin(t, hour);
    while (t->hour < hour) {
        unsigned char next[32];
        t->before = t->now;
        if (!expand(t->secret, "next", next, sizeof next))
            return false;
        memcpy(t->secret, next, sizeof next);
        dj_wipe(next, sizeof next);
        if (!expand(t->secret, "keys", (unsigned char *)&t->now, sizeof t->now))
            return false;
        t->hour++;
    }
    return true;
}

static bool tickets_share(void)
{
    /* Turned at a reload, too: what the supervisor holds is then no older than that. */
    if (shared_tickets != NULL)
        return tickets_turn(shared_tickets, time(NULL) / TICKET_LIFE);
    void *page =
        mmap(NULL, sizeof(tickets), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return false;
    (void)mlock(page, sizeof(tickets)); /* a small RLIMIT_MEMLOCK is no reason not to start */
    (void)madvise(page, sizeof(tickets), MADV_DONTDUMP);
    tickets *t = page;
    if (!tickets_begin(t, time(NULL) / TICKET_LIFE)) {
        munmap(page, sizeof(tickets));
        return false;
    }
    shared_tickets = t;
    return true;
}

void dj_tls_tick(void)
{
    if (shared_tickets != NULL)
        (void)tickets_turn(shared_tickets, time(NULL) / TICKET_LIFE); /* else at a handshake */
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1 done, 2 done and send a new ticket, 0 no such key, -1
 * error. */
static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int encrypt)
{
    (void)ssl;
    tickets *t = shared_tickets;
    if (!tickets_turn(t, time(NULL) / TICKET_LIFE))
        return encrypt ? -1 : 0;
    const ticket_key *key = &t->now;
    if (encrypt) {
        memcpy(name, key->name, sizeof key->name);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
            return -1;
    } else if (memcmp(name, key->name, sizeof key->name) !=
               0) { /* a name travels in the clear: no secret */
        key = &t->before;
        if (memcmp(name, key->name, sizeof key->name) != 0)
            return 0;
    }
    unsigned char mac_key[sizeof key->mac];
    memcpy(mac_key, key->mac, sizeof mac_key);
    char             digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key, sizeof mac_key),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    bool ok = EVP_MAC_CTX_set_params(mac, params) == 1 &&
              EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv, encrypt) == 1;
    dj_wipe(mac_key, sizeof mac_key);
    if (!ok)
        return -1;
    return key == &t->before ? 2 : 1;
}

/* -- reading certificate and key -- */

/* The newest error's words, and an empty queue. */
static const char *openssl_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason == NULL ? "unknown error" : reason;
}

/* A whole PEM file. `what` names it in sentences. */
static dj_err read_pem(dj_scope *s, const char *what, dj_str path, BIO **out, unsigned *mode)
{
    size_t      len = 0;
    struct stat st;
    int         fd = open(dj_cstr(s, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return dj_fail(s, DJ_ERR_SETTINGS, "TLS %s " DJ_FMT " can't be read: %s", what,
                       DJ_ARG(path), strerrordesc_np(error));
    }
    dj_err e = DJ_OK;
    if (!S_ISREG(st.st_mode))
        e = dj_fail(s, DJ_ERR_SETTINGS, "TLS %s " DJ_FMT " is not a regular file", what,
                    DJ_ARG(path));
    else if (st.st_size > PEM_MAX)
        e = dj_fail(s, DJ_ERR_SETTINGS, "TLS %s " DJ_FMT " is larger than 1 MiB", what,
                    DJ_ARG(path));
    if (!e) {
        const size_t size = (size_t)st.st_size;
        char        *bytes = dj_alloc_raw(s, size);
        ssize_t      n;
        while (len < size &&
               ((n = read(fd, bytes + len, size - len)) > 0 || (n < 0 && errno == EINTR)))
            len += n > 0 ? (size_t)n : 0;
        *out = BIO_new(BIO_s_mem());
        if (*out == NULL || (len > 0 && BIO_write(*out, bytes, (int)len) != (int)len))
            e = dj_fail(s, DJ_ERR_MEMORY, "no memory for the TLS %s", what);
        dj_wipe(bytes, len);
    }
    *mode = (unsigned)st.st_mode;
    close(fd);
    return e;
}

/* Called for an encrypted key: there is nobody to ask at a server's start. */
static int on_password(char *buf, int size, int writing, void *asked)
{
    (void)buf, (void)size, (void)writing;
    *(bool *)asked = true;
    return -1;
}

static void warn_about_dates(const X509 *cert, dj_str path)
{
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) == 1) {
        if (days < 0 || seconds < 0)
            dj_log(LOGGER, DJ_WARNING, NULL,
                   "TLS certificate " DJ_FMT " has expired: browsers will refuse it", DJ_ARG(path));
        else if (days < 7)
            dj_log(LOGGER, DJ_WARNING, NULL, "TLS certificate " DJ_FMT " expires in %d days",
                   DJ_ARG(path), days);
    }
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notBefore(cert)) == 1 &&
        (days > 0 || seconds > 0))
        dj_log(LOGGER, DJ_WARNING, NULL, "TLS certificate " DJ_FMT " is not valid yet",
               DJ_ARG(path));
}

/* The site's certificate, then those that lead to a root, in one file. */
static dj_err use_certificates(dj_scope *s, SSL_CTX *ctx, dj_str path, BIO *pem)
{
    X509 *cert = PEM_read_bio_X509_AUX(pem, NULL, NULL, NULL);
    if (cert == NULL) {
        ERR_clear_error();
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "TLS certificate " DJ_FMT " holds no certificate in PEM form", DJ_ARG(path));
    }
    warn_about_dates(cert, path);
    dj_err e = DJ_OK;
    if (SSL_CTX_use_certificate(ctx, cert) != 1)
        e = dj_fail(s, DJ_ERR_SETTINGS, "TLS certificate " DJ_FMT " can't be used: %s",
                    DJ_ARG(path), openssl_reason());
    X509_free(cert);
    while (!e && (cert = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(ctx, cert) != 1) {
            X509_free(cert);
            e = dj_fail(s, DJ_ERR_SETTINGS,
                        "TLS certificate " DJ_FMT ": its chain can't be used: %s", DJ_ARG(path),
                        openssl_reason());
        }
    }
    /* Behind the last one "no start line" is the end of the file; anything else is a broken one. */
    if (!e && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        e = dj_fail(s, DJ_ERR_SETTINGS,
                    "TLS certificate " DJ_FMT ": a certificate behind the first is damaged",
                    DJ_ARG(path));
    ERR_clear_error();
    return e;
}

static dj_err use_key(dj_scope *s, SSL_CTX *ctx, dj_str path, dj_str cert_path, BIO *pem)
{
    bool      encrypted = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, on_password, &encrypted);
    ERR_clear_error();
    if (encrypted) {
        EVP_PKEY_free(key);
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "TLS key " DJ_FMT " is encrypted: give one without a pass phrase",
                       DJ_ARG(path));
    }
    if (key == NULL)
        return dj_fail(s, DJ_ERR_SETTINGS, "TLS key " DJ_FMT " holds no private key in PEM form",
                       DJ_ARG(path));
    dj_err e = DJ_OK;
    if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1)
        e = dj_fail(s, DJ_ERR_SETTINGS,
                    "TLS key " DJ_FMT " does not belong to the certificate " DJ_FMT, DJ_ARG(path),
                    DJ_ARG(cert_path));
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        e = dj_fail(s, DJ_ERR_SETTINGS, "TLS key " DJ_FMT " can't be used: %s", DJ_ARG(path),
                    openssl_reason());
    ERR_clear_error();
    EVP_PKEY_free(key);
    return e;
}

static dj_err load(dj_scope *s, SSL_CTX *ctx, dj_str cert_path, dj_str key_path)
{
    unsigned mode;
    BIO     *pem = NULL;
    dj_err   e = read_pem(s, "certificate", cert_path, &pem, &mode);
    if (!e)
        e = use_certificates(s, ctx, cert_path, pem);
    BIO_free(pem);
    if (e)
        return e;
    pem = NULL;
    e = read_pem(s, "key", key_path, &pem, &mode);
    if (!e)
        e = use_key(s, ctx, key_path, cert_path, pem);
    BIO_free(pem);
    if (!e && (mode & 0007) != 0)
        dj_log(LOGGER, DJ_WARNING, NULL, "TLS key " DJ_FMT " can be read by every user: chmod 600",
               DJ_ARG(key_path));
    return e;
}

/* -- the context -- */

/* A client that offers protocols, but not ours, may be a browser tricked into speaking to the wrong
 * server: refused. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl, (void)arg;
    static const char ours[] = "http/1.1";
    for (unsigned at = 0; at < in_len && in_len - at > in[at]; at += 1U + in[at]) {
        if (in[at] == sizeof ours - 1 && memcmp(in + at + 1, ours, sizeof ours - 1) == 0) {
            *out = in + at + 1;
            *out_len = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool configure(SSL_CTX *ctx)
{
    static const unsigned char id[] = "donjon";
    SSL_CTX_set_options(
        ctx,
        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
            SSL_OP_PRIORITIZE_CHACHA |
            /* HTTP has lengths of its own, so an end without close_notify cuts nothing unseen. */
            SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets need no memory here */
    SSL_CTX_set_timeout(ctx, TICKET_LIFE);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set_ciphersuites(
               ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") ==
               1 &&
           SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1 &&
           SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
           SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1;
}

dj_err dj_tls_new(dj_scope *s, dj_str cert_path, dj_str key_path, dj_tls **out)
{
    ERR_clear_error();
    dj_tls *tls = OPENSSL_zalloc(sizeof *tls);
    if (tls != NULL)
        tls->ctx = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || tls->ctx == NULL || !tickets_share() || !configure(tls->ctx)) {
        dj_tls_free(tls);
        return dj_fail(s, DJ_ERR_INTERNAL, "OpenSSL can't be set up: %s", openssl_reason());
    }
    dj_err e = load(s, tls->ctx, cert_path, key_path);
    if (e) {
        dj_tls_free(tls);
        return e;
    }
    *out = tls;
    return DJ_OK;
}

void dj_tls_free(dj_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    OPENSSL_free(tls);
}

/* -- sessions: a dj_tls_session is an SSL, whose application data is set once it is beyond use --
 */

static SSL *ssl_of(dj_tls_session *t)
{
    return (SSL *)(void *)t;
}

dj_tls_session *dj_tls_accept(dj_tls *tls, int fd)
{
    SSL *ssl = SSL_new(tls->ctx);
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1) {
        SSL_set_accept_state(ssl);
        return (dj_tls_session *)(void *)ssl;
    }
    SSL_free(ssl);
    ERR_clear_error();
    return NULL;
}

/* What came of a call that returned `result` <= 0. */
static dj_io verdict(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    int sys = errno;
    switch (error) {
    case SSL_ERROR_WANT_READ:
        return DJ_IO_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return DJ_IO_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return DJ_IO_CLOSED;
    default:
        SSL_set_app_data(ssl, ssl); /* no further word on this one, not even a close_notify */
        ERR_clear_error();
        return error == SSL_ERROR_SYSCALL && (sys == 0 || sys == ECONNRESET || sys == EPIPE)
                   ? DJ_IO_CLOSED
                   : DJ_IO_FAILED;
    }
}

dj_io dj_tls_handshake(dj_tls_session *t)
{
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(ssl_of(t));
    return result == 1 ? DJ_IO_OK : verdict(ssl_of(t), result);
}

dj_io dj_tls_read(dj_tls_session *t, char *buf, size_t size, size_t *got)
{
    *got = 0;
    ERR_clear_error();
    errno = 0;
    int result = SSL_read_ex(ssl_of(t), buf, size, got);
    return result == 1 ? DJ_IO_OK : verdict(ssl_of(t), result);
}

dj_io dj_tls_write(dj_tls_session *t, const char *buf, size_t size, size_t *sent)
{
    *sent = 0;
    if (size == 0)
        return DJ_IO_OK;
    ERR_clear_error();
    errno = 0;
    int result = SSL_write_ex(ssl_of(t), buf, size, sent);
    return result == 1 ? DJ_IO_OK : verdict(ssl_of(t), result);
}

dj_io dj_tls_shutdown(dj_tls_session *t)
{
    SSL *ssl = ssl_of(t);
    if (SSL_get_app_data(ssl) != NULL || SSL_in_init(ssl))
        return DJ_IO_OK;
    ERR_clear_error();
    errno = 0;
    int result = SSL_shutdown(ssl);
    return result >= 0 ? DJ_IO_OK
                       : verdict(ssl, result); /* the peer's own close_notify is not waited for */
}

void dj_tls_session_free(dj_tls_session *t)
{
    if (t == NULL)
        return;
    SSL_free(ssl_of(t));
    ERR_clear_error();
}
