/* tests/http/test_response.c - headers that can't be forged, bodies, raised errors, the head on the
 * wire. */
#include "test.h"
#include "http/http.h"

static dj_req *request(dj_case *c, dj_method method)
{
    static const dj_peer peer = {.address = DJ_STR_INIT("127.0.0.1"), .port = 80};
    dj_head             *head = dj_new(c->scope, dj_head);
    head->method = method;
    head->minor = 1;
    head->path = DJ_LIT("/");
    return dj_req_new(c->scope, head, &peer, DJ_LIT(""));
}

static dj_str on_the_wire(dj_case *c, const dj_response *resp, dj_wire wire)
{
    dj_buf out = dj_buf_make(c->scope, 1 << 20);
    dj_response_head(&out, resp, &wire, DJ_LIT("Date: now\r\n"));
    return dj_buf_str(&out);
}

DJ_TEST(no_byte_can_end_a_header_early)
{
    for (int byte = 0; byte < 256; byte++) {
        char         value[3] = {'a', (char)byte, 'b'};
        dj_response *resp = dj_respond(request(c, DJ_GET), 200);
        dj_header_set(resp, DJ_LIT("X-Test"), dj_str_n(value, 3));
        bool refused = (byte < 0x20 && byte != '\t') || byte == 0x7F;
        assert_int_equal(resp->raised, refused ? DJ_ERR_BAD_HEADER : DJ_OK);
        resp = dj_respond(request(c, DJ_GET), 200);
        dj_header_set(resp, dj_str_n(value, 3), DJ_LIT("x"));
        bool token = dj_is_alpha((char)byte) || dj_is_digit((char)byte) ||
                     (byte != 0 && byte < 128 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
        assert_int_equal(resp->raised, token ? DJ_OK : DJ_ERR_BAD_HEADER);
    }
}

DJ_TEST(setting_replaces_in_place_and_adding_repeats)
{
    dj_response *resp = dj_respond(request(c, DJ_GET), 200);
    dj_header_set(resp, DJ_LIT("X-A"), DJ_LIT("1"));
    dj_header_set(resp, DJ_LIT("X-B"), DJ_LIT("2"));
    dj_header_set(resp, DJ_LIT("x-a"), DJ_LIT("3"));
    dj_header_add(resp, DJ_LIT("Set-Cookie"), DJ_LIT("a=1"));
    dj_header_add(resp, DJ_LIT("Set-Cookie"), DJ_LIT("b=2"));
    dj_expect_str(DJ_LIT("3"), dj_header_get(resp, DJ_LIT("X-A")));
    dj_expect_str(DJ_LIT("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: text/html; "
                         "charset=utf-8\r\nx-a: 3\r\nX-B: 2\r\n"
                         "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"),
                  on_the_wire(c, resp, (dj_wire){.minor = 1}));
    dj_header_remove(resp, DJ_LIT("SET-COOKIE"));
    assert_false(dj_header_has(resp, DJ_LIT("Set-Cookie")));
    assert_true(dj_header_has(resp, DJ_LIT("content-type")));
    for (int i = 0; i < 100; i++)
        dj_header_set(resp, dj_strf(c->scope, "X-%d", i), DJ_LIT("v"));
    dj_expect_str(DJ_LIT("v"), dj_header_get(resp, DJ_LIT("X-99")));
}

DJ_TEST(text_outside_latin1_is_mime_encoded)
{
    dj_response *resp = dj_respond(request(c, DJ_GET), 200);
    dj_header_set(resp, DJ_LIT("X-A"), DJ_LIT("h\xc3\xa9"));
    dj_header_set(resp, DJ_LIT("X-B"),
                  DJ_LIT("h\xc3\xa9 \xe2\x99\xa5")); /* email.header: base64 is shorter */
    dj_header_set(resp, DJ_LIT("X-C"), DJ_LIT("a long plain text with one \xe2\x99\xa5"));
    dj_expect_str(DJ_LIT("h\xe9"), dj_header_get(resp, DJ_LIT("X-A")));
    dj_expect_str(DJ_LIT("=?utf-8?b?aMOpIOKZpQ==?="), dj_header_get(resp, DJ_LIT("X-B")));
    dj_expect_str(DJ_LIT("=?utf-8?q?a_long_plain_text_with_one_=E2=99=A5?="),
                  dj_header_get(resp, DJ_LIT("X-C")));
}

DJ_TEST(only_the_server_frames)
{
    dj_response *resp = dj_text(request(c, DJ_GET), DJ_LIT("12345"));
    dj_header_set(resp, DJ_LIT("Content-Length"), DJ_LIT("3"));
    dj_header_set(resp, DJ_LIT("Transfer-Encoding"), DJ_LIT("chunked"));
    dj_header_set(resp, DJ_LIT("Connection"), DJ_LIT("upgrade"));
    dj_header_set(resp, DJ_LIT("Date"), DJ_LIT("never"));
    dj_expect_str(
        DJ_LIT("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Content-Length: 5\r\nConnection: close\r\n\r\n"),
        on_the_wire(c, resp, (dj_wire){.minor = 1, .close = true}));
    dj_status_set(resp, 204);
    assert_false(dj_str_has(on_the_wire(c, resp, (dj_wire){.minor = 1, .head_only = true}),
                            DJ_LIT("Content-Length")));
    dj_expect_str(DJ_LIT("Unknown Status Code"), dj_reason(299));
}

DJ_TEST(a_view_states_the_length_of_a_body_that_is_not_sent_once_and_as_a_number)
{
    static const char *const stated[][3] = {{"7", "8", "Content-Length: 7\r\n"},
                                            {"7x", "8", "Content-Length: 8\r\n"},
                                            {"-1", "+2", "Content-Length: 0\r\n"},
                                            {"", "0x1", "Content-Length: 0\r\n"},
                                            {"5", "5, 5", "Content-Length: 5\r\n"}};
    dj_wire                  wire = {.minor = 1, .head_only = true};
    for (size_t i = 0; i < DJ_COUNT(stated); i++) {
        dj_response *resp = dj_respond(request(c, DJ_HEAD), 200);
        dj_header_add(resp, DJ_LIT("Content-Length"), dj_str_of(stated[i][0]));
        dj_header_add(resp, DJ_LIT("content-length"), dj_str_of(stated[i][1]));
        dj_str      head = on_the_wire(c, resp, wire);
        const char *found = strcasestr(dj_cstr(c->scope, head), "\r\nContent-Length:");
        assert_non_null(found);
        assert_null(strcasestr(found + 2, "\r\nContent-Length:"));
        assert_int_equal(strncasecmp(found + 2, stated[i][2], strlen(stated[i][2])), 0);
    }
}

DJ_TEST(pieces_of_a_body_add_up)
{
    dj_response *resp = dj_respond(request(c, DJ_GET), 200);
    for (int i = 0; i < 50; i++)
        dj_body_add(resp, DJ_LIT("0123456789"));
    assert_int_equal(resp->body_len, 500);
    assert_int_equal(resp->npieces, 50);
    dj_body_set(resp, DJ_LIT("x"));
    assert_int_equal(resp->body_len, 1);
}

DJ_TEST(a_raised_error_carries_its_status_and_sentence)
{
    dj_req      *req = request(c, DJ_GET);
    dj_response *resp = dj_raise(req, DJ_ERR_DENIED, "no %s", "way");
    assert_int_equal(resp->raised, DJ_ERR_DENIED);
    assert_int_equal(resp->status, 403);
    dj_expect_str(DJ_LIT("no way"), dj_failure_text(c->scope));
}

DJ_TESTS(DJ_T(no_byte_can_end_a_header_early), DJ_T(setting_replaces_in_place_and_adding_repeats),
         DJ_T(text_outside_latin1_is_mime_encoded), DJ_T(only_the_server_frames),
         DJ_T(a_view_states_the_length_of_a_body_that_is_not_sent_once_and_as_a_number),
         DJ_T(pieces_of_a_body_add_up), DJ_T(a_raised_error_carries_its_status_and_sentence))
