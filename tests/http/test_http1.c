/* tests/http/test_http1.c - what the vectors of http1.json can't show about reading heads: every
 * byte in every place, limits to the byte, how much is looked at again. Expectations come from RFC
 * 9110 and RFC 9112. */
#include "http/http.h"
#include "test.h"
#include <stdlib.h>

typedef struct reading {
    dj_http1_result result;
    dj_refusal      refusal;
    size_t          consumed;
    dj_head         head;
} reading;

static const dj_http_limits *limits(void)
{
    static dj_http_limits l;
    l = dj_http_limits_default();
    return &l;
}

static reading *read_with(dj_case *c, dj_str bytes, const dj_http_limits *l, bool tls,
                          bool every_byte)
{
    reading *r = dj_new(c->scope, reading);
    dj_http1 p;
    dj_http1_init(&p, l, tls);
    for (size_t len = every_byte ? 1 : bytes.len; len <= bytes.len; len++) {
        r->result = dj_http1_parse(&p, dj_str_first(bytes, len), &r->head, &r->consumed);
        if (r->result != DJ_HTTP1_MORE)
            break;
        memset(&r->head, 0xA5, sizeof r->head); /* kept for no other call */
        assert_int_equal(p.scanned, len);       /* nothing is searched twice */
    }
    r->refusal = p.refusal;
    return r;
}

/* Whole, where the fast paths take what they can, and byte by byte, where they take nothing. */
static reading *read_both(dj_case *c, dj_str bytes)
{
    reading *whole = read_with(c, bytes, limits(), false, false),
            *slow = read_with(c, bytes, limits(), false, true);
    assert_int_equal(whole->result, slow->result);
    assert_int_equal(whole->refusal, slow->refusal);
    if (whole->result == DJ_HTTP1_DONE) {
        dj_expect_str(whole->head.target, slow->head.target);
        dj_expect_str(whole->head.path, slow->head.path);
        dj_expect_str(whole->head.query, slow->head.query);
        assert_int_equal(whole->head.nfields, slow->head.nfields);
    }
    return whole;
}

static void expect_refused(dj_case *c, dj_str bytes, dj_refusal why)
{
    reading *r = read_both(c, bytes);
    dj_expect_str(dj_refusal_name(why), dj_refusal_name(r->refusal));
    assert_int_equal(r->result, DJ_HTTP1_REFUSED);
}

static const dj_head *expect_done(dj_case *c, dj_str bytes)
{
    reading *r = read_both(c, bytes);
    dj_expect_str(DJ_LIT(""), dj_refusal_name(r->refusal));
    assert_int_equal(r->result, DJ_HTTP1_DONE);
    assert_int_equal(r->consumed, bytes.len);
    return &r->head;
}

/* "GET / HTTP/1.1", Host, and these lines. */
static dj_str with_fields(dj_case *c, const char *lines)
{
    return dj_strf(c->scope, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
}

static dj_str with_target(dj_case *c, const char *method, const char *target)
{
    return dj_strf(c->scope, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, target);
}

/* A copy with the byte '\x01' replaced, so that any byte can stand there. */
static dj_str put_byte(dj_case *c, dj_str text, int byte)
{
    char *copy = dj_alloc_raw(c->scope, text.len);
    memcpy(copy, text.ptr, text.len);
    *(char *)memchr(copy, 1, text.len) = (char)byte;
    return dj_str_n(copy, text.len);
}

static bool among(int byte, const char *set)
{
    return byte != 0 && byte < 0x80 && strchr(set, byte) != NULL;
}

static bool alnum(int byte)
{
    return among(byte, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}

DJ_TEST(every_byte_in_a_name)
{
    for (int b = 0; b < 256; b++) {
        reading *r = read_both(c, put_byte(c, with_fields(c, "X\x01Y: z\r\n"), b));
        bool     token = alnum(b) || among(b, "!#$%&'*+-.^_`|~");
        assert_int_equal(r->result, token || b == ':' ? DJ_HTTP1_DONE : DJ_HTTP1_REFUSED);
        if (token && b != '_')
            assert_int_equal(r->head.fields[1].name.len, 3);
        if (token)
            assert_int_equal(r->head.ndropped, b == '_');
        if (!token && !among(b, ":\r\n"))
            assert_int_equal(r->refusal, DJ_REFUSED_FIELD_NAME);
    }
}

DJ_TEST(every_byte_at_every_place_of_a_value)
{
    for (int b = 0; b < 256; b++) {
        for (int before = 0; before < 36; before++) {
            dj_str   line = dj_strf(c->scope, "X: %.*s\x01zzzzzzzzzzzzzzzzzzzz\r\n", before,
                                    "abcdefghijklmnopqrstuvwxyz0123456789");
            reading *r = read_both(c, put_byte(c, with_fields(c, dj_cstr(c->scope, line)), b));
            bool     good = b == '\t' || (b >= 0x20 && b != 0x7F);
            assert_int_equal(r->result, good ? DJ_HTTP1_DONE : DJ_HTTP1_REFUSED);
            if (good && before > 0)
                assert_int_equal(r->head.fields[1].value.len, (size_t)before + 21);
            if (!good && b != '\r' && b != '\n')
                assert_int_equal(r->refusal,
                                 b == 0 ? DJ_REFUSED_FIELD_VALUE_NUL : DJ_REFUSED_FIELD_VALUE_CTL);
        }
        dj_scope_close(c->scope);
        c->scope = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
        assert_non_null(c->scope);
    }
}

DJ_TEST(every_byte_in_a_path_and_in_a_query)
{
    for (int b = 1; b < 256; b++) {
        bool     visible = b > 0x20 && b < 0x7F && !among(b, "\"<>#");
        reading *path = read_both(c, put_byte(c, with_target(c, "GET", "/a\x01zz"), b));
        reading *query = read_both(c, put_byte(c, with_target(c, "GET", "/a?b\x01zz"), b));
        assert_int_equal(path->result,
                         visible && !among(b, "\\%") ? DJ_HTTP1_DONE : DJ_HTTP1_REFUSED);
        assert_int_equal(query->result, visible ? DJ_HTTP1_DONE : DJ_HTTP1_REFUSED);
        assert_int_equal(path->head.has_query, b == '?' && path->result == DJ_HTTP1_DONE);
        if (b == '#')
            assert_int_equal(query->refusal, DJ_REFUSED_TARGET_FRAGMENT);
    }
}

DJ_TEST(every_byte_in_a_method)
{
    for (int b = 1; b < 256; b++) {
        reading *r = read_both(c, put_byte(c, with_target(c, "GE\x01T", "/"), b));
        if (b == ' ' || among(b, "\r\n"))
            continue;
        assert_int_equal(r->refusal, alnum(b) || among(b, "!#$%&'*+-.^_`|~")
                                         ? DJ_REFUSED_METHOD_UNKNOWN
                                         : DJ_REFUSED_METHOD_CHARS);
    }
}

DJ_TEST(methods_are_told_apart)
{
    static const struct {
        const char *name;
        dj_method   method;
    } served[] = {{"GET", DJ_GET},        {"HEAD", DJ_HEAD},   {"POST", DJ_POST},
                  {"PUT", DJ_PUT},        {"PATCH", DJ_PATCH}, {"DELETE", DJ_DELETE},
                  {"OPTIONS", DJ_OPTIONS}};
    for (size_t i = 0; i < DJ_COUNT(served); i++) {
        const dj_head *head = expect_done(c, with_target(c, served[i].name, "/"));
        assert_int_equal(head->method, served[i].method);
        dj_expect_str(dj_str_n(served[i].name, strlen(served[i].name)), head->method_name);
        expect_refused(
            c,
            with_target(c, dj_cstr(c->scope, dj_str_lower(c->scope, dj_str_of(served[i].name))),
                        "/"),
            DJ_REFUSED_METHOD_UNKNOWN);
    }
    expect_refused(c, with_target(c, "TRACE", "/"), DJ_REFUSED_METHOD_TRACE);
    expect_refused(c, with_target(c, "CONNECT", "example.com:443"), DJ_REFUSED_METHOD_CONNECT);
    expect_refused(c, with_target(c, "CONNECT", "[::1]:443"), DJ_REFUSED_METHOD_CONNECT);
    expect_refused(c, with_target(c, "CONNECT", "*"), DJ_REFUSED_ASTERISK_FORM);
    expect_refused(c, with_target(c, "GET", "[::1]:80"), DJ_REFUSED_AUTHORITY_FORM);
    expect_refused(c, with_target(c, "GETS", "/"), DJ_REFUSED_METHOD_UNKNOWN);
    expect_refused(c, DJ_LIT(" / HTTP/1.1\r\nHost: a\r\n\r\n"), DJ_REFUSED_REQUEST_LINE_SHAPE);
    expect_refused(c, DJ_LIT("GET /  \r\nHost: a\r\n\r\n"), DJ_REFUSED_REQUEST_LINE_SHAPE);
}

DJ_TEST(an_absolute_target_must_name_the_scheme_of_the_connection)
{
    dj_str   https = DJ_LIT("GET https://b.example?q HTTP/1.1\r\nHost: a\r\n\r\n");
    dj_str   http = DJ_LIT("GET http://b.example/ HTTP/1.1\r\nHost: a\r\n\r\n");
    reading *r = read_with(c, https, limits(), true, false);
    assert_int_equal(r->result, DJ_HTTP1_DONE);
    dj_expect_str(DJ_LIT("b.example"), r->head.host);
    dj_expect_str(DJ_LIT("/"), r->head.path);
    dj_expect_str(DJ_LIT("q"), r->head.query);
    assert_int_equal(read_with(c, http, limits(), true, false)->refusal, DJ_REFUSED_HTTP_ON_TLS);
    assert_int_equal(read_with(c, https, limits(), false, false)->refusal,
                     DJ_REFUSED_HTTPS_ON_CLEAR);
}

DJ_TEST(a_line_may_be_as_long_as_its_limit_and_no_byte_longer)
{
    const dj_http_limits small = {
        .request_line = 40, .field_line = 30, .fields = 10, .header_section = 1000, .body = 10};
    for (int extra = -3; extra <= 3; extra++) {
        /* The request line is 14 bytes besides the target's tail, the field line 3 besides its
         * value. */
        dj_str line =
            dj_strf(c->scope, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", 40 - 14 + extra, 0);
        dj_str field =
            dj_strf(c->scope, "GET / HTTP/1.1\r\nHost: a\r\nX: %0*d\r\n\r\n", 30 - 3 + extra, 0);
        for (int every_byte = 0; every_byte < 2; every_byte++) {
            reading *r = read_with(c, line, &small, false, every_byte);
            assert_int_equal(r->refusal, extra > 0 ? DJ_REFUSED_URI_TOO_LONG : DJ_REFUSAL_NONE);
            r = read_with(c, field, &small, false, every_byte);
            assert_int_equal(r->refusal, extra > 0 ? DJ_REFUSED_FIELD_TOO_LONG : DJ_REFUSAL_NONE);
        }
    }
}

DJ_TEST(an_endless_line_is_refused_when_it_can_not_end_in_time)
{
    dj_http1 p;
    dj_head  head;
    size_t   consumed, sent = 0;
    char     buf[9000];
    memset(buf, 'a', sizeof buf);
    memcpy(buf, "GET /", 5);
    dj_http1_init(&p, limits(), false);
    while (dj_http1_parse(&p, dj_str_n(buf, sent), &head, &consumed) == DJ_HTTP1_MORE)
        sent++;
    assert_int_equal(p.refusal, DJ_REFUSED_URI_TOO_LONG);
    assert_int_equal(sent, 8192); /* 8190 and a line end would have fitted */
}

DJ_TEST(the_header_section_is_measured_in_whole_lines)
{
    /* Two field lines of 9 and 11 bytes with their line ends: a section of 20. */
    dj_str         bytes = DJ_LIT("GET / HTTP/1.1\r\nHost: a\r\nX: 34567\r\n\r\n"), endless;
    dj_http_limits l = *limits();
    for (size_t max = 15; max < 25; max++) {
        l.header_section = max;
        for (int every_byte = 0; every_byte < 2; every_byte++)
            assert_int_equal(read_with(c, bytes, &l, false, every_byte)->refusal,
                             max < 19 ? DJ_REFUSED_HEADERS_TOO_LARGE : DJ_REFUSAL_NONE);
    }
    dj_buf b = dj_buf_make(c->scope, 100000);
    dj_buf_add(&b, DJ_LIT("GET / HTTP/1.1\r\n"));
    while (b.len < 40000)
        dj_buf_add(
            &b,
            DJ_LIT(
                "X: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n"));
    endless = dj_buf_str(&b);
    l = *limits();
    l.header_section = 2000;
    assert_int_equal(read_with(c, endless, &l, false, true)->refusal, DJ_REFUSED_HEADERS_TOO_LARGE);
    assert_int_equal(read_with(c, endless, &l, false, false)->refusal,
                     DJ_REFUSED_HEADERS_TOO_LARGE);
}

DJ_TEST(dropped_names_count_as_fields)
{
    dj_buf b = dj_buf_make(c->scope, 10000);
    dj_buf_add(&b, DJ_LIT("GET / HTTP/1.1\r\nHost: a\r\n"));
    for (int i = 0; i < 99; i++)
        dj_buf_addf(&b, "X%c%d: 1\r\n", i % 2 == 0 ? '_' : '-', i);
    const dj_head *head = expect_done(c, dj_strf(c->scope, DJ_FMT "\r\n", DJ_ARG(dj_buf_str(&b))));
    assert_int_equal(head->nfields, 50);
    assert_int_equal(head->ndropped, 50);
    expect_refused(c, dj_strf(c->scope, DJ_FMT "X_: 1\r\n\r\n", DJ_ARG(dj_buf_str(&b))),
                   DJ_REFUSED_TOO_MANY_FIELDS);
}

DJ_TEST(fields_that_decide_on_security_come_once)
{
    static const char *const names[] = {"Content-Type",     "Authorization",
                                        "Origin",           "X-Forwarded-Host",
                                        "X-Forwarded-Port", "X-FORWARDED-PROTO"};
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        dj_str once = dj_strf(c->scope, "%s: x\r\n", names[i]),
               twice = dj_str_cat(c->scope, once, once);
        expect_done(c, with_fields(c, dj_cstr(c->scope, once)));
        expect_refused(c, with_fields(c, dj_cstr(c->scope, twice)), DJ_REFUSED_FIELD_REPEATED);
    }
    const dj_head *head = expect_done(
        c, with_fields(c, "Cookie: a=1\r\nUser-Agent: x\r\nCookie: b=2\r\nuser-agent: y\r\n"));
    assert_int_equal(head->nfields, 5);
}

DJ_TEST(hosts)
{
    static const char *const good[] = {"a",
                                       "a.b-c_d~e",
                                       "A:80",
                                       "a:",
                                       "127.0.0.1:1",
                                       "[::1]",
                                       "[2001:db8::1.2.3.4]:8080",
                                       "%41b",
                                       "a!$&'()*+,;=",
                                       "a:99999999999"};
    static const char *const bad[] = {":1",
                                      "a b",
                                      "a@b",
                                      "a/b",
                                      "a?b",
                                      "a#b",
                                      "a\\b",
                                      "[::1",
                                      "::1",
                                      "[]",
                                      "[1.2.3.4]",
                                      "[::1]x",
                                      "[fe80::1%25eth0]",
                                      "[v1.a]",
                                      "a:b",
                                      "a:1:2",
                                      "%4",
                                      "%zz",
                                      "a:+1",
                                      "[::1]:x",
                                      "\xC3\xA4"};
    for (size_t i = 0; i < DJ_COUNT(good); i++) {
        const dj_head *head =
            expect_done(c, dj_strf(c->scope, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]));
        dj_expect_str(dj_str_n(good[i], strlen(good[i])), head->host);
    }
    for (size_t i = 0; i < DJ_COUNT(bad); i++)
        expect_refused(c, dj_strf(c->scope, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]),
                       DJ_REFUSED_HOST_INVALID);
    assert_true(dj_str_is_none(expect_done(c, DJ_LIT("GET / HTTP/1.0\r\n\r\n"))->host));
    assert_false(dj_authority_valid(DJ_LIT("")));
    assert_false(dj_authority_valid(DJ_LIT("[::\0"
                                           "1]")));
}

DJ_TEST(framing_that_two_readers_could_read_in_two_ways)
{
    expect_refused(c, with_fields(c, "Transfer-Encoding: gzip, chunked, chunked\r\n"),
                   DJ_REFUSED_TE_TWICE);
    expect_refused(c, with_fields(c, "Transfer-Encoding: chunked, gzip, chunked\r\n"),
                   DJ_REFUSED_TE_TWICE);
    expect_refused(c, with_fields(c, "Transfer-Encoding: gzip, , chunked\r\n"),
                   DJ_REFUSED_TE_EMPTY_ELEMENT);
    expect_refused(
        c, with_fields(c, "Transfer-Encoding: gzip\r\nX: y\r\ntransfer-encoding: chunked\r\n"),
        DJ_REFUSED_TE_UNKNOWN);
    expect_refused(c, with_fields(c, "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n"),
                   DJ_REFUSED_TE_EMPTY_ELEMENT);
    expect_refused(c, with_fields(c, "Transfer-Encoding: \"chunked\"\r\n"), DJ_REFUSED_TE_FINAL);
    expect_refused(c, with_fields(c, "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
                   DJ_REFUSED_TE_AND_CL);
    expect_refused(
        c, DJ_LIT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
        DJ_REFUSED_TE_HTTP10);
    expect_refused(c, with_fields(c, "Content-Length: 5,\r\n"), DJ_REFUSED_CL_MULTIPLE);
    expect_refused(c, with_fields(c, "Content-Length: 5\r\nX: y\r\ncontent-length: 05\r\n"),
                   DJ_REFUSED_CL_MULTIPLE);
    expect_refused(c, with_fields(c, "Content-Length: 18446744073709551617\r\n"),
                   DJ_REFUSED_BODY_TOO_LARGE);
    expect_refused(c, with_fields(c, "Content-Length: 10485761\r\nExpect: x\r\n"),
                   DJ_REFUSED_BODY_TOO_LARGE);
    assert_int_equal(
        expect_done(c, with_fields(c, "Content-Length: 000000000000000000000010485760\r\n"))
            ->content_length,
        10485760);
    assert_true(expect_done(c, with_fields(c, "Transfer-Encoding: cHuNkEd\r\n"))->chunked);
}

DJ_TEST(expect_is_a_promise_only_when_there_is_a_body)
{
    assert_false(expect_done(c, with_fields(c, "Expect: 100-continue\r\n"))->expect_continue);
    assert_true(expect_done(c, with_fields(c, "Expect: 100-Continue\r\nContent-Length: 1\r\n"))
                    ->expect_continue);
    assert_true(
        expect_done(c, with_fields(c, "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"))
            ->expect_continue);
    expect_refused(c, with_fields(c, "Expect:\r\n"), DJ_REFUSED_EXPECT_UNKNOWN);
    assert_false(expect_done(c, DJ_LIT("GET / HTTP/1.0\r\nExpect: x\r\nContent-Length: 1\r\n\r\n"))
                     ->expect_continue);
}

DJ_TEST(keep_alive)
{
    assert_true(expect_done(c, with_fields(c, "Connection: Keep-Alive\r\n"))->keep_alive);
    assert_false(
        expect_done(c, with_fields(c, "Connection: keep-alive\r\nConnection: x,\tclose\r\n"))
            ->keep_alive);
    assert_false(expect_done(c, DJ_LIT("GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n"))
                     ->keep_alive);
    assert_true(
        expect_done(c, DJ_LIT("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n"))->keep_alive);
    assert_false(
        expect_done(c, DJ_LIT("GET / HTTP/1.0\r\nConnection: keep-alives\r\n\r\n"))->keep_alive);
}

DJ_TEST(a_head_can_move_with_its_bytes)
{
    dj_str         bytes = DJ_LIT("OPTIONS http://b?q HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
    reading       *r = read_with(c, bytes, limits(), false, false);
    char          *copy = malloc(bytes.len);
    const dj_head *head = &r->head;
    assert_non_null(copy);
    memcpy(copy, bytes.ptr, bytes.len);
    dj_head_move(&r->head, bytes.ptr, copy);
    assert_true(head->target.ptr == copy + 8 && head->fields[1].value.ptr > copy);
    dj_expect_str(DJ_LIT("OPTIONS"), head->method_name);
    dj_expect_str(DJ_LIT("/"), head->path);
    dj_expect_str(DJ_LIT("q"), head->query);
    dj_expect_str(DJ_LIT("b"), head->host);
    dj_expect_str(DJ_LIT("y"), head->fields[1].value);
    free(copy);
}

DJ_TEST(known_fields_are_known_in_any_case)
{
    static const char *const names[DJ_FIELD_COUNT] = {
        [DJ_FIELD_HOST] = "host",
        [DJ_FIELD_CONNECTION] = "connection",
        [DJ_FIELD_CONTENT_LENGTH] = "content-length",
        [DJ_FIELD_CONTENT_TYPE] = "content-type",
        [DJ_FIELD_TRANSFER_ENCODING] = "transfer-encoding",
        [DJ_FIELD_EXPECT] = "expect",
        [DJ_FIELD_USER_AGENT] = "user-agent",
        [DJ_FIELD_COOKIE] = "cookie",
        [DJ_FIELD_ORIGIN] = "origin",
        [DJ_FIELD_AUTHORIZATION] = "authorization",
        [DJ_FIELD_X_FORWARDED_HOST] = "x-forwarded-host",
        [DJ_FIELD_X_FORWARDED_PORT] = "x-forwarded-port",
        [DJ_FIELD_X_FORWARDED_PROTO] = "x-forwarded-proto"};
    for (size_t id = 1; id < DJ_FIELD_COUNT; id++) {
        dj_field field;
        assert_non_null(names[id]);
        for (size_t i = 0; names[id][i] != '\0'; i++) {
            char *line = (char *)(uintptr_t)dj_cstr(c->scope, dj_strf(c->scope, "%s:v", names[id]));
            line[i] = dj_to_upper(line[i]);
            assert_int_equal(dj_field_line(dj_str_of(line), true, &field), DJ_REFUSAL_NONE);
            assert_int_equal(field.id, id);
            line[i] = names[id][i] == 'x' ? 'y' : 'x';
            assert_int_equal(dj_field_line(dj_str_of(line), true, &field), DJ_REFUSAL_NONE);
            assert_int_equal(field.id, DJ_FIELD_OTHER);
        }
    }
}

DJ_TESTS(DJ_T(every_byte_in_a_name), DJ_T(every_byte_at_every_place_of_a_value),
         DJ_T(every_byte_in_a_path_and_in_a_query), DJ_T(every_byte_in_a_method),
         DJ_T(methods_are_told_apart),
         DJ_T(an_absolute_target_must_name_the_scheme_of_the_connection),
         DJ_T(a_line_may_be_as_long_as_its_limit_and_no_byte_longer),
         DJ_T(an_endless_line_is_refused_when_it_can_not_end_in_time),
         DJ_T(the_header_section_is_measured_in_whole_lines), DJ_T(dropped_names_count_as_fields),
         DJ_T(fields_that_decide_on_security_come_once), DJ_T(hosts),
         DJ_T(framing_that_two_readers_could_read_in_two_ways),
         DJ_T(expect_is_a_promise_only_when_there_is_a_body), DJ_T(keep_alive),
         DJ_T(a_head_can_move_with_its_bytes), DJ_T(known_fields_are_known_in_any_case))
