/* tests/server/test_proxy_protocol.c - who a proxy says its client is: the header's form, and what
 * a worker makes of it. */
#include "one_worker.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define INET      "\xC0\x00\x02\x07\xC0\x00\x02\x01\x9C\x40\x01\xBB"
#define TAKEN     SIGNATURE "\x21\x11\x00\x0C" INET

static bool trusted;

static bool is_proxy(const dj_peer *peer, void *ctx)
{
    (void)peer, (void)ctx;
    return trusted;
}

static dj_response *handle(dj_req *req, void *ctx)
{
    (void)ctx;
    return dj_text(req, dj_strf(req->scope, "<" DJ_FMT "> %s %s", DJ_ARG(req->peer->address),
                                req->peer->loopback ? "here" : "elsewhere",
                                req->peer->unix_socket ? "unix" : "inet"));
}

static fix *begin_behind_a_proxy(dj_case *c)
{
    fix *f = begin(c, handle);
    f->config.proxy_protocol = true;
    f->app.is_proxy = is_proxy;
    trusted = true;
    return f;
}

/* -- the form -- */

static dj_proxy_result read_header(const char *bytes, size_t len, dj_proxy_header *out)
{
    size_t need = 0;
    for (size_t n = 0; n < len; n++) {
        dj_proxy_result r = dj_proxy_header_read(dj_str_n(bytes, n), &need, out);
        if (r != DJ_PROXY_MORE)
            return r;
        assert_true(need > n);
    }
    dj_proxy_result r = dj_proxy_header_read(dj_str_n(bytes, len), &need, out);
    assert_true(r != DJ_PROXY_DONE || need == len);
    return r;
}
#define READ(text) read_header(text, sizeof(text) - 1, &header)

DJ_TEST(headers_are_taken_or_refused)
{
    dj_proxy_header header;
    char            text[48];
    unsigned char   key[16];
    bool            loopback;
    (void)c;
    assert_int_equal(READ(TAKEN), DJ_PROXY_DONE);
    assert_false(header.local);
    dj_address_describe(&header.from, text, key, &loopback);
    assert_string_equal(text, "192.0.2.7");
    assert_int_equal(READ(SIGNATURE "\x21\x11\x00\x10" INET "\x20\x00\x01!"), DJ_PROXY_DONE);
    assert_int_equal(READ(SIGNATURE "\x20\x00\x00\x00"), DJ_PROXY_DONE);
    assert_true(header.local);
    assert_int_equal(READ(SIGNATURE "\x20\xFF\x00\x01x"), DJ_PROXY_DONE); /* LOCAL: not asked */
    assert_int_equal(READ(SIGNATURE "\x21\x00\x00\x00"), DJ_PROXY_DONE);
    assert_int_equal(header.from.ss_family, AF_UNSPEC);

    assert_int_equal(READ("PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\r\n"), DJ_PROXY_REFUSED);
    assert_int_equal(READ("GET / HTTP/1.1\r\n"), DJ_PROXY_REFUSED);
    assert_int_equal(READ(SIGNATURE "\x11\x11\x00\x0C" INET), DJ_PROXY_REFUSED); /* version 1 */
    assert_int_equal(READ(SIGNATURE "\x22\x11\x00\x0C" INET), DJ_PROXY_REFUSED); /* command */
    assert_int_equal(READ(SIGNATURE "\x21\x41\x00\x0C" INET), DJ_PROXY_REFUSED); /* family */
    assert_int_equal(READ(SIGNATURE "\x21\x12\x00\x0C" INET), DJ_PROXY_REFUSED); /* datagrams */
    assert_int_equal(READ(SIGNATURE "\x21\x01\x00\x0C" INET), DJ_PROXY_REFUSED);
    assert_int_equal(READ(SIGNATURE "\x21\x11\x00\x0B" INET), DJ_PROXY_REFUSED); /* too short */
    assert_int_equal(READ(SIGNATURE "\x21\x21\x00\x0C" INET), DJ_PROXY_REFUSED);
    assert_int_equal(READ(SIGNATURE "\x21\x31\x00\x0C" INET), DJ_PROXY_REFUSED);
    assert_int_equal(READ(SIGNATURE "\x21\x11\x0F\xF1" INET), DJ_PROXY_REFUSED); /* over 4 KiB */
    assert_int_equal(READ(SIGNATURE "\x21\x11\x0F\xF0" INET), DJ_PROXY_MORE);
}

/* -- what comes of it -- */

static void send_header(int fd, const char *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}
#define SEND(fd, text) send_header(fd, text, sizeof(text) - 1)

DJ_TEST(the_peer_is_whom_the_proxy_names)
{
    fix *f = begin_behind_a_proxy(c);
    int  fd = connect_with(f, 0);
    SEND(fd, TAKEN "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(hear(f, fd, "<192.0.2.7> elsewhere inet", 1));
    ask(fd, "/again");
    assert_true(hear(f, fd, "<192.0.2.7> elsewhere inet", 2));
    close(fd);
    fd = connect_with(f, 0);
    for (size_t i = 0; i < sizeof TAKEN - 1; i++) { /* byte by byte */
        send_header(fd, &TAKEN[i], 1);
        turn(f, 1);
    }
    ask(fd, "/a");
    assert_true(hear(f, fd, "<192.0.2.7> elsewhere inet", 1));
    close(fd);
    fd = connect_with(f, 0);
    SEND(fd, SIGNATURE "\x20\x00\x00\x00"); /* the proxy itself */
    ask(fd, "/a");
    assert_true(hear(f, fd, "<127.0.0.1> here inet", 1));
    close(fd);
    fd = connect_with(f, 0);
    SEND(fd, SIGNATURE "\x21\x00\x00\x00"); /* a client without an address */
    ask(fd, "/a");
    assert_true(hear(f, fd, "<> elsewhere inet", 1));
    close(fd);
    end(c, f);
}

DJ_TEST(without_a_header_there_is_no_connection)
{
    fix *f = begin_behind_a_proxy(c);
    f->config.limits.head_ms = 100;
    int fd = connect_with(f, 0);
    ask(fd, "/a");
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(f->got_len, 0);
    assert_int_equal(f->last_refusal, 400);
    close(fd);
    fd = connect_with(f, 0);
    send_header(fd, SIGNATURE, 12); /* and no more */
    assert_true(hear(f, fd, NULL, 0));
    close(fd);
    trusted = false;
    fd = connect_with(f, 0);
    SEND(fd, TAKEN "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(hear(f, fd, NULL, 0));
    assert_int_equal(f->got_len, 0);
    assert_int_equal(f->last_refusal, 403);
    assert_int_equal(f->answered, 0);
    close(fd);
    end(c, f);
}

/* The proxy's address has as many as it likes; each of its clients is counted. */
DJ_TEST(clients_of_a_proxy_are_counted)
{
    fix *f = begin_behind_a_proxy(c);
    int  local[4], fd[2], third;
    f->config.limits.connections_per_address = 2;
    for (size_t i = 0; i < DJ_COUNT(local); i++) {
        local[i] = connect_with(f, 0);
        SEND(local[i], SIGNATURE "\x20\x00\x00\x00");
        ask(local[i], "/a");
        assert_true(hear(f, local[i], "<127.0.0.1>", 1));
    }
    for (size_t i = 0; i < DJ_COUNT(fd); i++) {
        fd[i] = connect_with(f, 0);
        SEND(fd[i], TAKEN "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(hear(f, fd[i], "<192.0.2.7>", 1));
    }
    third = connect_with(f, 0);
    SEND(third, TAKEN);
    assert_true(hear(f, third, NULL, 0));
    assert_int_equal(times(f, "HTTP/1.1 503 "), 1);
    close(fd[0]);
    close(third);
    turn(f, 20);
    third = connect_with(f, 0);
    SEND(third, TAKEN "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(hear(f, third, "<192.0.2.7>", 1));
    close(third);
    close(fd[1]);
    for (size_t i = 0; i < DJ_COUNT(local); i++)
        close(local[i]);
    end(c, f);
}

DJ_TESTS(DJ_T(headers_are_taken_or_refused), DJ_T(the_peer_is_whom_the_proxy_names),
         DJ_T(without_a_header_there_is_no_connection), DJ_T(clients_of_a_proxy_are_counted))
