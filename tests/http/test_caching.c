/* tests/http/test_caching.c - Vary, Cache-Control, 304, condition(), gzip. Expected headers:
 * Django 5.2's patch functions. */
#include "test.h"
#include "donjon/time.h"
#include "http/caching.h"
#include <zlib.h>

static dj_req *request(dj_case *c, dj_method method, const char *field, const char *value)
{
    static const dj_peer peer = {.address = DJ_STR_INIT("127.0.0.1"), .port = 80};
    dj_head             *head = dj_new(c->scope, dj_head);
    head->method = method;
    head->minor = 1;
    head->path = DJ_LIT("/");
    if (field != NULL)
        head->fields[head->nfields++] =
            (dj_field){dj_str_of(field), dj_str_of(value), DJ_FIELD_OTHER};
    return dj_req_new(c->scope, head, &peer, DJ_LIT(""));
}

static dj_str after_vary(dj_case *c, const char *before, const char *names)
{
    dj_response *resp = dj_respond(request(c, DJ_GET, NULL, NULL), 200);
    if (before != NULL)
        dj_header_set(resp, DJ_LIT("Vary"), dj_str_of(before));
    dj_patch_vary(resp, dj_str_of(names));
    return dj_header_get(resp, DJ_LIT("Vary"));
}

DJ_TEST(vary_keeps_order_and_compares_without_case)
{
    dj_expect_str(DJ_LIT("Cookie"), after_vary(c, NULL, "Cookie"));
    dj_expect_str(DJ_LIT("Cookie, Accept-Encoding"), after_vary(c, "Cookie", "Accept-Encoding"));
    dj_expect_str(DJ_LIT("accept-encoding, cookie"),
                  after_vary(c, "accept-encoding, cookie", "Accept-Encoding, Cookie"));
    dj_expect_str(DJ_LIT("Foo, Accept-Encoding, Cookie"),
                  after_vary(c, "Foo", "Accept-Encoding, Cookie, foo, COOKIE"));
    dj_expect_str(DJ_LIT("*"), after_vary(c, "*", "Accept-Language, Cookie"));
    dj_expect_str(DJ_LIT("*"), after_vary(c, "Accept-Language, Cookie", "*"));
}

static dj_str after_cc(dj_case *c, const char *before, const char *wanted)
{
    dj_response *resp = dj_respond(request(c, DJ_GET, NULL, NULL), 200);
    if (before != NULL)
        dj_header_set(resp, DJ_LIT("Cache-Control"), dj_str_of(before));
    dj_cache_control(resp, dj_str_of(wanted));
    return dj_header_get(resp, DJ_LIT("Cache-Control"));
}

DJ_TEST(cache_control_is_patched_as_django_does)
{
    dj_expect_str(DJ_LIT("private, max-age=60"), after_cc(c, NULL, "private, max-age=60"));
    dj_expect_str(DJ_LIT("max-age=60"), after_cc(c, "max-age=60", "max-age=600"));
    dj_expect_str(DJ_LIT("max-age=60"), after_cc(c, "Max-Age=600", "max-age=60"));
    dj_expect_str(DJ_LIT("private"), after_cc(c, "public", "private"));
    dj_expect_str(DJ_LIT("max-age=5, public"), after_cc(c, "private, max-age=5", "public"));
    dj_expect_str(DJ_LIT("no-cache"), after_cc(c, "no-cache=Set-Cookie", "no-cache"));
    dj_expect_str(DJ_LIT("no-cache"), after_cc(c, "no-cache", "no-cache=Set-Cookie"));
    dj_expect_str(DJ_LIT("no-cache=Set-Cookie, no-cache=Link"),
                  after_cc(c, "no-cache=Set-Cookie", "no-cache=Link"));
    dj_expect_str(DJ_LIT("no-cache=\"a, b\", max-age=1"),
                  after_cc(c, "no-cache=\"a, b\"", "max-age=1"));
    dj_expect_str(DJ_LIT("must-revalidate, s-maxage=9"),
                  after_cc(c, "must-revalidate, s-maxage=3", "s-maxage=9"));
    dj_expect_str(
        DJ_LIT("no-store"),
        after_cc(c, NULL, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,1,2,3,4,5,6,7"));
}

DJ_TEST(never_cache_says_it_in_every_way)
{
    dj_clock_freeze(c->scope, INT64_C(1767225600) * 1000000);
    dj_response *resp = dj_respond(request(c, DJ_GET, NULL, NULL), 200);
    dj_cache_control(resp, DJ_LIT("public, max-age=60"));
    dj_never_cache(resp);
    dj_expect_str(DJ_LIT("max-age=0, no-cache, no-store, must-revalidate, private"),
                  dj_header_get(resp, DJ_LIT("Cache-Control")));
    dj_expect_str(DJ_LIT("Thu, 01 Jan 2026 00:00:00 GMT"), dj_header_get(resp, DJ_LIT("Expires")));
}

DJ_TEST(a_304_keeps_validators_and_cookies_and_nothing_else)
{
    dj_req      *req = request(c, DJ_GET, NULL, NULL);
    dj_response *resp = dj_text(req, DJ_LIT("secret"));
    dj_header_set(resp, DJ_LIT("etag"), DJ_LIT("\"a\""));
    dj_header_set(resp, DJ_LIT("X-Other"), DJ_LIT("1"));
    dj_header_add(resp, DJ_LIT("Set-Cookie"), DJ_LIT("a=1"));
    dj_header_add(resp, DJ_LIT("Set-Cookie"), DJ_LIT("b=2"));
    dj_response *known = dj_not_modified(req, resp);
    assert_int_equal(dj_status(known), 304);
    assert_int_equal(known->nheaders, 3);
    assert_int_equal(known->body_len, 0);
    assert_false(dj_header_has(known, DJ_LIT("Content-Type")) ||
                 dj_header_has(known, DJ_LIT("X-Other")));
}

DJ_TEST(a_tag_that_can_not_be_sent_is_an_error)
{
    dj_response *resp = dj_condition(request(c, DJ_GET, NULL, NULL), DJ_LIT("a\r\nb"), 0);
    assert_non_null(resp);
    assert_int_equal(resp->raised, DJ_ERR_BAD_HEADER);
    assert_null(dj_condition(request(c, DJ_POST, "If-Match", "\"a\""), DJ_LIT("a"), 0));
    assert_int_equal(
        dj_status(dj_condition(request(c, DJ_POST, "If-Match", "\"b\""), DJ_LIT("a"), 0)), 412);
}

/* -- gzip -- */

DJ_TEST(gzip_is_a_word_and_may_be_refused)
{
    assert_true(dj_accepts_gzip(DJ_LIT("gzip"), true) &&
                dj_accepts_gzip(DJ_LIT("br;q=1.0, gzip;q=0.8"), true));
    assert_true(dj_accepts_gzip(DJ_LIT("x-gzip"), true) &&
                dj_accepts_gzip(DJ_LIT("identity;q=0, gzip"), true));
    assert_false(dj_accepts_gzip(DJ_NONE, true) || dj_accepts_gzip(DJ_LIT("gzipped"), true));
    assert_false(dj_accepts_gzip(DJ_LIT("GZIP"), true) || dj_accepts_gzip(DJ_LIT("*"), true));
    assert_false(dj_accepts_gzip(DJ_LIT("gzip;q=0"), true) ||
                 dj_accepts_gzip(DJ_LIT("br, gzip ; Q=0.000"), true));
    assert_true(dj_accepts_gzip(DJ_LIT("gzip;q=0"), false) &&
                dj_accepts_gzip(DJ_LIT("gzip;q=0.001"), true));
}

static dj_str all_of(dj_case *c, dj_response *resp)
{
    dj_buf b = dj_buf_make(c->scope, (size_t)8 << 20);
    dj_str piece;
    for (size_t i = 0; i < resp->npieces; i++)
        dj_buf_add(&b, resp->pieces[i]);
    while (resp->stream != NULL && resp->stream(resp->req, resp->stream_ctx, &piece))
        dj_buf_add(&b, piece);
    assert_false(b.full);
    return dj_buf_str(&b);
}

static void expect_gunzipped(dj_case *c, dj_str want, dj_str body)
{
    unsigned char *in = dj_alloc_raw(c->scope, body.len + 1),
                  *out = dj_alloc_raw(c->scope, want.len + 1);
    memcpy(in, body.ptr, body.len);
    z_stream z = {.next_in = in,
                  .avail_in = (uInt)body.len,
                  .next_out = out,
                  .avail_out = (uInt)want.len + 1};
    assert_int_equal(inflateInit2(&z, 31), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(z.total_out, want.len);
    inflateEnd(&z);
    assert_memory_equal(out, want.ptr, want.len);
}

/* Text that compresses to about `percent` of itself. */
static dj_str some_text(dj_case *c, size_t len, unsigned percent)
{
    char *text = dj_alloc_raw(c->scope, len + 1);
    dj_random_bytes(text, len);
    for (size_t i = 0; i < len; i++)
        text[i] = (unsigned char)text[i] * 100u / 256 < percent
                      ? (char)('a' + (unsigned char)text[i] % 26)
                      : ' ';
    return dj_str_n(text, len);
}

DJ_TEST(bodies_of_all_sizes_come_back_from_one_kept_stream)
{
    static const size_t sizes[] = {200,   201,   1000,  16384,  16385,
                                   65535, 65536, 65537, 300000, 3000000};
    dj_gzip            *kept = dj_gzip_new(c->scope);
    for (size_t i = 0; i < DJ_COUNT(sizes); i++) {
        dj_str       text = some_text(c, sizes[i], i % 2 == 0 ? 5 : 60);
        dj_response *resp = dj_text(request(c, DJ_GET, "Accept-Encoding", "gzip"),
                                    dj_str_first(text, sizes[i] / 3));
        dj_body_add(resp, dj_str_from(text, sizes[i] / 3));
        dj_header_set(resp, DJ_LIT("ETag"), DJ_LIT("\"t\""));
        dj_gzip_apply(resp, kept, true);
        dj_str body = all_of(c, resp);
        assert_int_equal(body.len, resp->body_len);
        dj_expect_str(DJ_LIT("Accept-Encoding"), dj_header_get(resp, DJ_LIT("Vary")));
        if (!dj_header_has(resp, DJ_LIT("Content-Encoding"))) { /* a long name made it no shorter */
            assert_true(sizes[i] < 1000);
            dj_expect_str(text, body);
            continue;
        }
        dj_expect_str(DJ_LIT("W/\"t\""), dj_header_get(resp, DJ_LIT("ETag")));
        dj_expect_str(dj_strf(c->scope, "%zu", body.len),
                      dj_header_get(resp, DJ_LIT("Content-Length")));
        assert_true(body.len < sizes[i] && resp->raw);
        expect_gunzipped(c, text, body);
    }
}

DJ_TEST(random_bytes_are_sent_as_they_are)
{
    char *noise = dj_alloc_raw(c->scope, 100000);
    dj_random_bytes(noise, 100000);
    dj_response *resp =
        dj_text(request(c, DJ_GET, "Accept-Encoding", "gzip"), dj_str_n(noise, 100000));
    dj_header_set(resp, DJ_LIT("ETag"), DJ_LIT("\"t\""));
    dj_gzip_page(resp);
    assert_false(dj_header_has(resp, DJ_LIT("Content-Encoding")));
    dj_expect_str(DJ_LIT("\"t\""), dj_header_get(resp, DJ_LIT("ETag")));
    dj_expect_str(dj_str_n(noise, 100000), all_of(c, resp));
}

DJ_TEST(the_length_of_a_compressed_page_is_blurred)
{
    dj_gzip *kept = dj_gzip_new(c->scope);
    dj_str   text = some_text(c, 5000, 5);
    size_t   seen[100] = {0}, least = SIZE_MAX, kinds = 0;
    for (int round = 0; round < 2000; round++) {
        dj_response *resp = dj_text(request(c, DJ_GET, "Accept-Encoding", "gzip"), text);
        dj_gzip_apply(resp, kept, true);
        dj_str rest = dj_str_from(resp->pieces[0], 10);
        size_t name = dj_str_chr(rest, '\0');
        assert_true(name < 100);
        seen[name]++;
        if (least == SIZE_MAX)
            least = resp->body_len - name;
        assert_int_equal(resp->body_len - name, least);
    }
    for (size_t i = 0; i < 100; i++)
        kinds += seen[i] > 0;
    assert_true(kinds > 95);
}

typedef struct source {
    dj_str text;
    size_t piece;
} source;

static bool next_of(dj_req *req, void *ctx, dj_str *piece)
{
    source *src = ctx;
    *piece = dj_str_first(src->text, src->piece);
    src->text = dj_str_from(src->text, piece->len);
    return piece->len > 0;
}

DJ_TEST(streams_are_compressed_piece_by_piece)
{
    static const size_t pieces[] = {1, 7, 1000, 16384, 100000, 500000};
    for (size_t i = 0; i < DJ_COUNT(pieces); i++) {
        dj_str       text = some_text(c, pieces[i] < 1000 ? 2000 : 500000, 90);
        source       src = {text, pieces[i]};
        dj_response *resp = dj_stream(request(c, DJ_GET, "Accept-Encoding", "gzip"), next_of, &src);
        dj_header_set(resp, DJ_LIT("Content-Length"), DJ_LIT("500000"));
        dj_gzip_page(resp);
        assert_false(dj_header_has(resp, DJ_LIT("Content-Length")));
        dj_str first;
        assert_true(resp->stream(resp->req, resp->stream_ctx, &first));
        assert_true(first.len > 10); /* a header and what there was, not only a header */
        dj_str head = dj_str_dup(c->scope, first);
        expect_gunzipped(c, text, dj_str_cat(c->scope, head, all_of(c, resp)));
    }
}

DJ_TESTS(DJ_T(vary_keeps_order_and_compares_without_case),
         DJ_T(cache_control_is_patched_as_django_does), DJ_T(never_cache_says_it_in_every_way),
         DJ_T(a_304_keeps_validators_and_cookies_and_nothing_else),
         DJ_T(a_tag_that_can_not_be_sent_is_an_error), DJ_T(gzip_is_a_word_and_may_be_refused),
         DJ_T(bodies_of_all_sizes_come_back_from_one_kept_stream),
         DJ_T(random_bytes_are_sent_as_they_are), DJ_T(the_length_of_a_compressed_page_is_blurred),
         DJ_T(streams_are_compressed_piece_by_piece))
