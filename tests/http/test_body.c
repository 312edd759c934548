/* tests/http/test_body.c - bodies: limits to the byte and what the reader promises about its
 * slices. */
#include "http/http.h"
#include "test.h"

typedef struct outcome {
    dj_http1_result result;
    dj_refusal      refusal;
    dj_buf          data;
    size_t          consumed;
} outcome;

static const dj_head chunked = {.chunked = true};

/* Feeds pieces of at most `step` bytes; what is not consumed is given again. */
static outcome read_all(dj_case *c, const dj_head *head, const dj_http_limits *l, dj_str bytes,
                        size_t step)
{
    dj_http1_body b;
    outcome       o = {.data = dj_buf_make(c->scope, 1 << 24)};
    size_t        arrived = 0;
    dj_http1_body_init(&b, head, l);
    for (;;) {
        size_t consumed;
        dj_str data, input = dj_str_from(dj_str_first(bytes, arrived), o.consumed);
        o.result = dj_http1_body_read(&b, input, &consumed, &data);
        assert_true(consumed <= input.len);
        o.consumed += consumed;
        if (o.result == DJ_HTTP1_DATA) {
            assert_true(data.len > 0 && data.ptr >= input.ptr &&
                        data.ptr + data.len <= input.ptr + consumed);
            dj_buf_add(&o.data, data);
        } else if (o.result != DJ_HTTP1_MORE || arrived == bytes.len) {
            o.refusal = b.refusal;
            return o;
        } else {
            arrived = bytes.len - arrived < step ? bytes.len : arrived + step;
        }
    }
}

static outcome read_steps(dj_case *c, const dj_http_limits *l, dj_str bytes)
{
    outcome whole = read_all(c, &chunked, l, bytes, bytes.len);
    for (size_t step = 1; step < 8; step++) {
        outcome cut = read_all(c, &chunked, l, bytes, step);
        assert_int_equal(whole.result, cut.result);
        dj_expect_str(dj_refusal_name(whole.refusal), dj_refusal_name(cut.refusal));
        dj_expect_str(dj_buf_str(&whole.data), dj_buf_str(&cut.data));
    }
    return whole;
}

DJ_TEST(no_body_is_done_at_once)
{
    dj_http_limits l = dj_http_limits_default();
    dj_head        none = {.content_length = 0};
    outcome        o = read_all(c, &none, &l, DJ_LIT("GET"), 3);
    assert_int_equal(o.result, DJ_HTTP1_DONE);
    assert_int_equal(o.consumed, 0);
}

DJ_TEST(a_known_length_ends_where_it_says)
{
    dj_http_limits l = dj_http_limits_default();
    dj_head        five = {.content_length = 5};
    for (size_t step = 1; step < 9; step++) {
        outcome o = read_all(c, &five, &l, DJ_LIT("helloGET"), step);
        assert_int_equal(o.result, DJ_HTTP1_DONE);
        assert_int_equal(o.consumed, 5);
        dj_expect_str(DJ_LIT("hello"), dj_buf_str(&o.data));
        assert_int_equal(read_all(c, &five, &l, DJ_LIT("hell"), step).result, DJ_HTTP1_MORE);
    }
}

DJ_TEST(chunks_may_fill_the_limit_and_no_byte_more)
{
    dj_http_limits l = dj_http_limits_default();
    l.body = 20;
    outcome o = read_steps(c, &l, DJ_LIT("a\r\n0123456789\r\n0A\r\n0123456789\r\n0\r\n\r\n"));
    assert_int_equal(o.result, DJ_HTTP1_DONE);
    assert_int_equal(o.data.len, 20);
    /* Refused when announced, before a byte of it is taken. */
    o = read_steps(c, &l, DJ_LIT("a\r\n0123456789\r\nB\r\n"));
    assert_int_equal(o.refusal, DJ_REFUSED_BODY_TOO_LARGE);
    assert_int_equal(o.data.len, 10);
    o = read_steps(c, &l, DJ_LIT("FFFFFFFFFFFFFFFF\r\n"));
    assert_int_equal(o.refusal, DJ_REFUSED_BODY_TOO_LARGE);
    o = read_steps(c, &l, DJ_LIT("1\r\nx\r\nffffffffffffffff\r\n")); /* the sum would wrap around */
    assert_int_equal(o.refusal, DJ_REFUSED_BODY_TOO_LARGE);
}

DJ_TEST(the_size_of_a_chunk)
{
    dj_http_limits l = dj_http_limits_default();
    assert_int_equal(read_steps(c, &l, DJ_LIT("00000000000000005\r\n")).refusal,
                     DJ_REFUSED_CHUNK_SIZE_DIGITS);
    assert_int_equal(read_steps(c, &l, DJ_LIT("000000000000000000\r\n\r\n")).refusal,
                     DJ_REFUSED_CHUNK_SIZE_DIGITS);
    assert_int_equal(read_steps(c, &l, DJ_LIT("010000000000000000\r\n")).refusal,
                     DJ_REFUSED_CHUNK_SIZE_OVERFLOW);
    assert_int_equal(read_steps(c, &l, DJ_LIT("0000000000000000\r\n\r\n")).result, DJ_HTTP1_DONE);
    assert_int_equal(read_steps(c, &l, DJ_LIT("\r\n")).refusal, DJ_REFUSED_CHUNK_SIZE);
    assert_int_equal(read_steps(c, &l, DJ_LIT("5\t\r\n")).refusal, DJ_REFUSED_CHUNK_SIZE);
    assert_int_equal(read_steps(c, &l, DJ_LIT("2\r\nhix")).refusal, DJ_REFUSED_CHUNK_END);
    assert_int_equal(read_steps(c, &l, DJ_LIT("2\r\nhi\rx")).refusal, DJ_REFUSED_CHUNK_END);
    assert_int_equal(read_steps(c, &l, DJ_LIT("2\r\nhi\r")).result, DJ_HTTP1_MORE);
}

DJ_TEST(extensions_follow_their_grammar)
{
    static const struct {
        const char *ext;
        dj_refusal  refusal;
    } cases[] = {
        {";a", DJ_REFUSAL_NONE},
        {";a=b;c;d=\"e;f=g\"", DJ_REFUSAL_NONE},
        {";a=\"\"", DJ_REFUSAL_NONE},
        {";a=\"\\\"\\\\\"", DJ_REFUSAL_NONE},
        {";a=\"\t\xC3\xA9\"", DJ_REFUSAL_NONE},
        {";!#$%&'*+-.^_`|~=1", DJ_REFUSAL_NONE},
        {";a=", DJ_REFUSED_CHUNK_EXT},
        {";=b", DJ_REFUSED_CHUNK_EXT},
        {";;", DJ_REFUSED_CHUNK_EXT},
        {";a==b", DJ_REFUSED_CHUNK_EXT},
        {";a=\"b\"c", DJ_REFUSED_CHUNK_EXT},
        {";a=\"b\\", DJ_REFUSED_CHUNK_EXT},
        {";a=\"\x01\"", DJ_REFUSED_CHUNK_EXT},
        {";a=\"\\\x7F\"", DJ_REFUSED_CHUNK_EXT},
        {";a,b", DJ_REFUSED_CHUNK_EXT},
        {";\xC3\xA9", DJ_REFUSED_CHUNK_EXT},
        {";a ", DJ_REFUSED_CHUNK_EXT},
        {" ;", DJ_REFUSED_CHUNK_EXT},
        {"\t;a", DJ_REFUSED_CHUNK_EXT_BWS},
        {";a= b", DJ_REFUSED_CHUNK_EXT_BWS},
        {";a =\"b\"", DJ_REFUSED_CHUNK_EXT_BWS},
        {";a ;b", DJ_REFUSED_CHUNK_EXT_BWS},
    };
    dj_http_limits l = dj_http_limits_default();
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        outcome o = read_steps(c, &l, dj_strf(c->scope, "2%s\r\nhi\r\n0\r\n\r\n", cases[i].ext));
        dj_expect_str(dj_refusal_name(cases[i].refusal), dj_refusal_name(o.refusal));
        assert_int_equal(o.result,
                         cases[i].refusal == DJ_REFUSAL_NONE ? DJ_HTTP1_DONE : DJ_HTTP1_REFUSED);
    }
}

DJ_TEST(a_chunk_line_has_at_most_256_bytes)
{
    dj_http_limits l = dj_http_limits_default();
    for (int len = 250; len < 260; len++) {
        outcome o = read_steps(c, &l, dj_strf(c->scope, "0;a=%0*d\r\n\r\n", len - 4, 0));
        assert_int_equal(o.refusal, len > 256 ? DJ_REFUSED_CHUNK_LINE_TOO_LONG : DJ_REFUSAL_NONE);
    }
    assert_int_equal(read_steps(c, &l, dj_strf(c->scope, "0;%0300d", 0)).refusal,
                     DJ_REFUSED_CHUNK_LINE_TOO_LONG);
}

DJ_TEST(trailers_are_bounded_together)
{
    dj_http_limits l = dj_http_limits_default();
    l.trailers = 20; /* two of ten bytes */
    assert_int_equal(read_steps(c, &l, DJ_LIT("0\r\nA: 45678\r\nB: 45678\r\n\r\n")).result,
                     DJ_HTTP1_DONE);
    assert_int_equal(read_steps(c, &l, DJ_LIT("0\r\nA: 45678\r\nB: 456789\r\n\r\n")).refusal,
                     DJ_REFUSED_TRAILER_TOO_LARGE);
    assert_int_equal(read_steps(c, &l, DJ_LIT("0\r\nA: 45678\r\nB: 45678\r\nC:\r\n\r\n")).refusal,
                     DJ_REFUSED_TRAILER_TOO_LARGE);
    assert_int_equal(read_steps(c, &l, DJ_LIT("0\r\nendless-endless-endless")).refusal,
                     DJ_REFUSED_TRAILER_TOO_LARGE);
    l.fields = 1;
    assert_int_equal(read_steps(c, &l, DJ_LIT("0\r\nA: 1\r\nB: 1\r\n\r\n")).refusal,
                     DJ_REFUSED_TRAILER_TOO_LARGE);
    assert_int_equal(read_steps(c, &l, DJ_LIT("0\r\nA: 1\n\r\n")).refusal, DJ_REFUSED_BARE_LF);
    assert_int_equal(read_steps(c, &l, DJ_LIT("0\r\nA\r\n\r\n")).refusal, DJ_REFUSED_TRAILER_FIELD);
}

DJ_TEST(what_follows_a_body_is_left_alone)
{
    dj_http_limits l = dj_http_limits_default();
    dj_str         bytes = DJ_LIT("2;x\r\nhi\r\n0\r\nT: u\r\n\r\nGET / HTTP/1.1\r\n");
    outcome        o = read_steps(c, &l, bytes);
    assert_int_equal(o.result, DJ_HTTP1_DONE);
    dj_expect_str(DJ_LIT("GET / HTTP/1.1\r\n"), dj_str_from(bytes, o.consumed));
}

DJ_TESTS(DJ_T(no_body_is_done_at_once), DJ_T(a_known_length_ends_where_it_says),
         DJ_T(chunks_may_fill_the_limit_and_no_byte_more), DJ_T(the_size_of_a_chunk),
         DJ_T(extensions_follow_their_grammar), DJ_T(a_chunk_line_has_at_most_256_bytes),
         DJ_T(trailers_are_bounded_together), DJ_T(what_follows_a_body_is_left_alone))
