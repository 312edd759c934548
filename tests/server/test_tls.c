/* tests/server/test_tls.c - real handshakes against OpenSSL's client, and each bad certificate or
 * key in one sentence. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "test.h"
#include "donjon/log.h"
#include "server/server.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The clock of this program, OpenSSL included. */
static time_t                                 ahead;
__attribute__((visibility("default"))) time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += ahead;
    if (out != NULL)
        *out = t.tv_sec;
    return t.tv_sec;
}

static char dir[DJ_TEST_PATH];
static char warned[512];

static dj_str in_dir(dj_scope *s, const char *name)
{
    return dj_strf(s, "%s/%s", dir, name);
}

static FILE *create(dj_scope *s, const char *name, unsigned mode)
{
    int fd = open(dj_cstr(s, in_dir(s, name)), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    return fdopen(fd, "w");
}

/* NAME.crt and NAME.key, valid from `from` to `to` seconds from now. */
static void make_pair(dj_scope *s, const char *name, long from, long to, const char *pass)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509     *cert = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_set_version(cert, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(cert), from);
    X509_gmtime_adj(X509_getm_notAfter(cert), to);
    X509_set_pubkey(cert, key);
    X509_NAME *subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
                               -1, 0);
    X509_set_issuer_name(cert, subject);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *f = create(s, dj_cstr(s, dj_strf(s, "%s.crt", name)), 0644);
    PEM_write_X509(f, cert);
    fclose(f);
    f = create(s, dj_cstr(s, dj_strf(s, "%s.key", name)), 0600);
    PEM_write_PrivateKey(f, key, pass == NULL ? NULL : EVP_aes_128_cbc(), NULL, 0, NULL,
                         (void *)(uintptr_t)pass);
    fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void capture(const dj_log_record *record, void *ctx)
{
    (void)ctx;
    snprintf(warned, sizeof warned, DJ_FMT, DJ_ARG(record->message));
}

static dj_tls *load(dj_scope *s, const char *name)
{
    DJ_ASSERT(name != NULL); /* or gcc fears for the format under the sanitizer */
    dj_tls *tls = NULL;
    dj_expect_ok(dj_tls_new(s, dj_strf(s, "%s/%s.crt", dir, name),
                            dj_strf(s, "%s/%s.key", dir, name), &tls));
    return tls;
}

/* -- a client and a server in one process -- */

typedef struct pair {
    int             fd[2];
    SSL            *client;
    dj_tls_session *server;
} pair;

static pair pair_open(dj_tls *tls, SSL_CTX *ctx, SSL_SESSION *resume)
{
    pair p;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p.fd), 0);
    p.client = SSL_new(ctx);
    SSL_set_fd(p.client, p.fd[0]);
    SSL_set_connect_state(p.client);
    if (resume != NULL)
        SSL_set_session(p.client, resume);
    p.server = dj_tls_accept(tls, p.fd[1]);
    assert_non_null(p.server);
    return p;
}

static void pair_close(pair *p)
{
    SSL_set_shutdown(p->client,
                     SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* or it forgets its session */
    SSL_free(p->client);
    dj_tls_session_free(p->server);
    close(p->fd[0]);
    close(p->fd[1]);
    assert_int_equal(ERR_peek_error(), 0);
}

/* True when both sides are through; false when the server failed. */
static bool pair_shake(pair *p)
{
    dj_io io = DJ_IO_WANT_READ;
    bool  client = false;
    for (int i = 0; i < 20 && !(client && io == DJ_IO_OK); i++) {
        client = SSL_do_handshake(p->client) == 1;
        ERR_clear_error();
        if (io != DJ_IO_OK)
            io = dj_tls_handshake(p->server);
        assert_int_equal(ERR_peek_error(), 0);
        if (io == DJ_IO_FAILED || io == DJ_IO_CLOSED)
            return false;
    }
    return client && io == DJ_IO_OK;
}

static SSL_CTX *client_ctx(int min, int max)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, min);
    SSL_CTX_set_max_proto_version(ctx, max);
    return ctx;
}

static void expect_talk(pair *p)
{
    char   text[64];
    size_t n;
    assert_int_equal(SSL_write(p->client, "ping", 4), 4);
    assert_int_equal(dj_tls_read(p->server, text, sizeof text, &n), DJ_IO_OK);
    dj_expect_str(DJ_LIT("ping"), dj_str_n(text, n));
    assert_int_equal(dj_tls_read(p->server, text, sizeof text, &n), DJ_IO_WANT_READ);
    assert_int_equal(dj_tls_write(p->server, "pong", 4, &n), DJ_IO_OK);
    assert_int_equal(n, 4);
    assert_int_equal(SSL_read(p->client, text, sizeof text), 4);
}

DJ_TEST(tls_1_2_and_1_3_talk_and_older_ones_are_refused)
{
    dj_tls *tls = load(c->scope, "good");
    static const struct {
        int  version;
        bool ok;
    } cases[] = {{TLS1_VERSION, false},
                 {TLS1_1_VERSION, false},
                 {TLS1_2_VERSION, true},
                 {TLS1_3_VERSION, true}};
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        SSL_CTX *ctx = client_ctx(cases[i].version, cases[i].version);
        pair     p = pair_open(tls, ctx, NULL);
        assert_int_equal(pair_shake(&p), cases[i].ok);
        if (cases[i].ok) {
            assert_int_equal(SSL_version(p.client), cases[i].version);
            expect_talk(&p);
            char   byte;
            size_t n;
            assert_int_equal(dj_tls_shutdown(p.server), DJ_IO_OK);
            assert_int_equal(SSL_read(p.client, &byte, 1), 0);
            assert_int_equal(SSL_get_error(p.client, 0), SSL_ERROR_ZERO_RETURN);
            SSL_shutdown(p.client);
            assert_int_equal(dj_tls_read(p.server, &byte, 1, &n), DJ_IO_CLOSED);
        } else {
            assert_int_equal(dj_tls_shutdown(p.server), DJ_IO_OK); /* says nothing more */
        }
        pair_close(&p);
        SSL_CTX_free(ctx);
    }
    dj_tls_free(tls);
}

DJ_TEST(ciphers_without_forward_secrecy_and_renegotiation_are_refused)
{
    dj_tls                  *tls = load(c->scope, "good");
    static const char *const weak[] = {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA",
                                       "ECDHE-ECDSA-AES128-SHA256", "AECDH-AES128-SHA"};
    for (size_t i = 0; i < DJ_COUNT(weak); i++) {
        SSL_CTX *ctx = client_ctx(TLS1_2_VERSION, TLS1_2_VERSION);
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, weak[i]), 1);
        pair p = pair_open(tls, ctx, NULL);
        assert_false(pair_shake(&p));
        pair_close(&p);
        SSL_CTX_free(ctx);
    }
    SSL_CTX *ctx = client_ctx(TLS1_2_VERSION, TLS1_2_VERSION);
    pair     p = pair_open(tls, ctx, NULL);
    assert_true(pair_shake(&p));
    SSL_renegotiate(p.client);
    for (int i = 0; i < 6; i++) {
        char   byte;
        size_t n;
        (void)SSL_do_handshake(p.client);
        ERR_clear_error();
        (void)dj_tls_read(p.server, &byte, 1, &n);
    }
    assert_int_equal(SSL_total_renegotiations(p.client), 1);  /* asked, and */
    assert_int_not_equal(SSL_get_state(p.client), TLS_ST_OK); /* not granted */
    ERR_clear_error();
    pair_close(&p);
    SSL_CTX_free(ctx);
    dj_tls_free(tls);
}

DJ_TEST(alpn_takes_http_1_1_and_refuses_foreign_protocols)
{
    dj_tls *tls = load(c->scope, "good");
    static const struct {
        const char *offer;
        bool        ok;
    } cases[] = {{"\x08http/1.1", true},
                 {"\x02h2\x08http/1.1", true},
                 {"\x03"
                  "ftp",
                  false},
                 {"\x08http/1.0", false}};
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        SSL_CTX *ctx = client_ctx(TLS1_3_VERSION, TLS1_3_VERSION);
        SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)cases[i].offer,
                                (unsigned)strlen(cases[i].offer));
        pair p = pair_open(tls, ctx, NULL);
        assert_int_equal(pair_shake(&p), cases[i].ok);
        const unsigned char *got;
        unsigned             len;
        SSL_get0_alpn_selected(p.client, &got, &len);
        if (cases[i].ok)
            dj_expect_str(DJ_LIT("http/1.1"), dj_str_n((const char *)got, len));
        pair_close(&p);
        SSL_CTX_free(ctx);
    }
    dj_tls_free(tls);
}

static SSL_SESSION *kept;
static int          keep(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

DJ_TEST(tickets_resume_sessions_also_under_a_context_loaded_later)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < DJ_COUNT(versions); i++) {
        dj_tls  *tls = load(c->scope, "good");
        SSL_CTX *ctx = client_ctx(versions[i], versions[i]);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
        SSL_CTX_sess_set_new_cb(ctx, keep);
        pair p = pair_open(tls, ctx, NULL);
        assert_true(pair_shake(&p));
        expect_talk(&p); /* reads the ticket of 1.3 */
        assert_false(SSL_session_reused(p.client));
        pair_close(&p);
        dj_tls_free(tls);
        assert_non_null(kept);

        tls = load(c->scope, "good"); /* reload: the ticket is good still */
        SSL_SESSION *session = kept;
        kept = NULL;
        p = pair_open(tls, ctx, session);
        assert_true(pair_shake(&p));
        assert_true(SSL_session_reused(p.client));
        dj_tls_free(tls); /* the session goes on */
        expect_talk(&p);
        pair_close(&p);
        SSL_SESSION_free(session);
        SSL_SESSION_free(kept);
        kept = NULL;
        SSL_CTX_free(ctx);
    }
}

/* A new session at `from` hours and minutes past a full hour; is it resumed at `to`? */
static bool resumes(dj_tls *tls, int version, int64_t from_minutes, int64_t to_minutes)
{
    SSL_CTX *ctx = client_ctx(version, version);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(ctx, keep);
    time_t hour = (time(NULL) / 3600 + 1) * 3600;
    ahead += hour - time(NULL) + from_minutes * 60;
    pair p = pair_open(tls, ctx, NULL);
    assert_true(pair_shake(&p));
    expect_talk(&p);
    pair_close(&p);
    SSL_SESSION *session = kept;
    kept = NULL;
    assert_non_null(session);
    ahead += (to_minutes - from_minutes) * 60;
    /* The client would not offer one that it takes for old. */
    SSL_SESSION_set_time(session, (long)time(NULL));
    p = pair_open(tls, ctx, session);
    assert_true(pair_shake(&p));
    expect_talk(&p);
    bool reused = SSL_session_reused(p.client);
    pair_close(&p);
    SSL_SESSION_free(session);
    SSL_SESSION_free(kept);
    kept = NULL;
    SSL_CTX_free(ctx);
    return reused;
}

DJ_TEST(ticket_keys_change_every_hour_and_old_ones_are_forgotten)
{
    dj_tls          *tls = load(c->scope, "good");
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < DJ_COUNT(versions); i++) {
        assert_true(resumes(tls, versions[i], 5, 10));
        assert_true(resumes(tls, versions[i], 50, 65)); /* the key of the hour before */
        assert_false(resumes(tls, versions[i], 5, 125));
        assert_true(resumes(tls, versions[i], 5, 10)); /* after the hours that went by unused */
    }
    /* A clock that jumps ten years makes new keys, it does not hash for minutes. */
    ahead += (time_t)10 * 366 * 86400;
    assert_true(resumes(tls, TLS1_2_VERSION, 5, 10));
    ahead = 0;
    dj_tls_free(tls);
}

DJ_TEST(large_answers_are_written_in_parts)
{
    enum { SIZE = 4 * 1024 * 1024 };
    dj_tls  *tls = load(c->scope, "good");
    SSL_CTX *ctx = client_ctx(TLS1_3_VERSION, TLS1_3_VERSION);
    pair     p = pair_open(tls, ctx, NULL);
    assert_true(pair_shake(&p));
    char *out = dj_alloc(c->scope, SIZE), *in = dj_alloc(c->scope, SIZE);
    for (size_t i = 0; i < SIZE; i++)
        out[i] = (char)(i * 31 % 251);
    size_t sent = 0, got = 0, waits = 0;
    while (got < SIZE) {
        dj_io io = DJ_IO_OK;
        while (io == DJ_IO_OK && sent < SIZE) {
            size_t n = 0;
            io = dj_tls_write(p.server, out + sent, SIZE - sent, &n);
            sent += n;
        }
        waits += io == DJ_IO_WANT_WRITE ? 1 : 0;
        assert_true(io == DJ_IO_OK || io == DJ_IO_WANT_WRITE);
        int r;
        while ((r = SSL_read(p.client, in + got, (int)(SIZE - got))) > 0)
            got += (size_t)r;
        ERR_clear_error();
    }
    assert_true(waits > 0);
    assert_memory_equal(in, out, SIZE);
    pair_close(&p);
    SSL_CTX_free(ctx);
    dj_tls_free(tls);
}

DJ_TEST(plain_text_garbage_and_hanging_up_end_a_session_without_noise)
{
    dj_tls  *tls = load(c->scope, "good");
    SSL_CTX *ctx = client_ctx(TLS1_3_VERSION, TLS1_3_VERSION);
    pair     p = pair_open(tls, ctx, NULL);
    assert_int_equal(write(p.fd[0], "GET / HTTP/1.1\r\n\r\n", 18), 18);
    assert_int_equal(dj_tls_handshake(p.server), DJ_IO_FAILED);
    pair_close(&p);

    p = pair_open(tls, ctx, NULL);
    shutdown(p.fd[0], SHUT_WR);
    assert_true(dj_tls_handshake(p.server) != DJ_IO_OK &&
                dj_tls_handshake(p.server) != DJ_IO_WANT_READ);
    pair_close(&p);

    p = pair_open(tls, ctx, NULL);
    assert_true(pair_shake(&p));
    SSL_set_quiet_shutdown(p.client, 1);
    shutdown(p.fd[0], SHUT_RDWR);
    char   byte;
    size_t n;
    assert_int_equal(dj_tls_read(p.server, &byte, 1, &n), DJ_IO_CLOSED);
    dj_io io = dj_tls_write(p.server, "x", 1, &n);
    assert_true(io == DJ_IO_CLOSED || io == DJ_IO_FAILED);
    pair_close(&p);
    SSL_CTX_free(ctx);
    dj_tls_free(tls);
}

/* -- certificates and keys -- */

static void expect_refusal(dj_scope *s, const char *cert, const char *key, const char *sentence)
{
    dj_tls *tls = NULL;
    dj_expect_err(DJ_ERR_SETTINGS, dj_tls_new(s, in_dir(s, cert), in_dir(s, key), &tls));
    assert_null(tls);
    dj_str text = dj_failure_text(s);
    if (!dj_str_has(text, dj_str_of(sentence)))
        fail_msg("\"%.*s\" lacks \"%s\"", DJ_ARG(text), sentence);
    assert_int_equal(ERR_peek_error(), 0);
}

DJ_TEST(each_bad_certificate_or_key_is_refused_with_its_path_and_why)
{
    dj_scope *s = c->scope;
    FILE     *f = create(s, "text", 0600);
    fputs("hello\n", f);
    fclose(f);
    fclose(create(s, "empty", 0600));
    f = create(s, "damaged.crt", 0600);
    fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", f);
    fclose(f);
    expect_refusal(s, "none.crt", "good.key", "/none.crt can't be read: No such file or directory");
    expect_refusal(s, "good.crt", "none.key", "/none.key can't be read: No such file or directory");
    expect_refusal(s, "text", "good.key", "/text holds no certificate in PEM form");
    expect_refusal(s, "empty", "good.key", "/empty holds no certificate in PEM form");
    expect_refusal(s, "damaged.crt", "good.key", "/damaged.crt holds no certificate in PEM form");
    expect_refusal(s, "good.crt", "text", "/text holds no private key in PEM form");
    expect_refusal(s, "good.crt", "good.crt", "/good.crt holds no private key in PEM form");
    expect_refusal(s, "good.crt", "other.key", "/other.key does not belong to the certificate");
    expect_refusal(s, "locked.crt", "locked.key", "/locked.key is encrypted");
    expect_refusal(s, ".", "good.key", "is not a regular file");
    if (geteuid() != 0) {
        fclose(create(s, "secret.key", 0000));
        expect_refusal(s, "good.crt", "secret.key", "/secret.key can't be read: Permission denied");
    }
}

DJ_TEST(an_expired_certificate_and_an_open_key_are_warned_about)
{
    dj_scope *s = c->scope;
    dj_log_capture(capture, NULL);
    warned[0] = 0;
    dj_tls_free(load(s, "good"));
    assert_string_equal(warned, "");
    dj_tls_free(load(s, "old"));
    assert_non_null(strstr(warned, "/old.crt has expired"));
    dj_tls_free(load(s, "soon"));
    assert_non_null(strstr(warned, "/soon.crt expires in 2 days"));
    dj_tls_free(load(s, "future"));
    assert_non_null(strstr(warned, "/future.crt is not valid yet"));
    assert_int_equal(chmod(dj_cstr(s, in_dir(s, "good.key")), 0644), 0);
    dj_tls_free(load(s, "good"));
    assert_non_null(strstr(warned, "/good.key can be read by every user"));
    assert_int_equal(chmod(dj_cstr(s, in_dir(s, "good.key")), 0600), 0);
    dj_log_capture(NULL, NULL);
}

static int setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    assert_non_null(mkdtemp(dj_test_template(dir, "tls")));
    make_pair(s, "good", -60, 86400L * 300, NULL);
    make_pair(s, "other", -60, 86400L * 300, NULL);
    make_pair(s, "old", -86400, -60, NULL);
    make_pair(s, "soon", -60, 86400L * 2 + 3600, NULL);
    make_pair(s, "future", 86400, 86400L * 300, NULL);
    make_pair(s, "locked", -60, 86400L * 300, "sesame");
    dj_scope_close(s);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const names[] = {"good.crt",   "good.key",    "other.crt",  "other.key",
                                        "old.crt",    "old.key",     "soon.crt",   "soon.key",
                                        "future.crt", "future.key",  "locked.crt", "locked.key",
                                        "text",       "damaged.crt", "secret.key", "empty"};
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        char path[DJ_TEST_PATH + 64];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DJ_T(tls_1_2_and_1_3_talk_and_older_ones_are_refused),
        DJ_T(ciphers_without_forward_secrecy_and_renegotiation_are_refused),
        DJ_T(alpn_takes_http_1_1_and_refuses_foreign_protocols),
        DJ_T(tickets_resume_sessions_also_under_a_context_loaded_later),
        DJ_T(ticket_keys_change_every_hour_and_old_ones_are_forgotten),
        DJ_T(large_answers_are_written_in_parts),
        DJ_T(plain_text_garbage_and_hanging_up_end_a_session_without_noise),
        DJ_T(each_bad_certificate_or_key_is_refused_with_its_path_and_why),
        DJ_T(an_expired_certificate_and_an_open_key_are_warned_about),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
