/* tests/base/test_scope.c - arena, owners, failures, maps, buffers. */
#include "test.h"
#include "donjon/buf.h"
#include "donjon/html.h"
#include "donjon/map.h"
#include "donjon/secret.h"
#include "donjon/time.h"

static char order[8];

static void note(void *what)
{
    order[strlen(order)] = *(const char *)what;
}

DJ_TEST(owners_run_last_in_first_out_and_disowned_ones_do_not)
{
    memset(order, 0, sizeof order);
    char a[] = "a", b[] = "b", d[] = "d";
    dj_own(c->scope, note, a);
    dj_own(c->scope, note, b);
    dj_own(c->scope, note, d);
    dj_disown(c->scope, b);
    dj_scope_reset(c->scope);
    assert_string_equal(order, "da");
}

DJ_TEST(allocations_are_aligned_zeroed_and_apart)
{
    char *last = NULL;
    for (size_t size = 0; size < 3000; size += 7) {
        char *p = dj_alloc(c->scope, size);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 'x', size);
        if (last != NULL)
            assert_ptr_not_equal(p, last);
        last = size == 0 ? NULL : p; /* nothing may share its place with the next */
    }
}

static jmp_buf escaped;

static void give_up(dj_scope *s, void *ctx)
{
    (void)s;
    (void)ctx;
    longjmp(escaped, 1);
}

DJ_TEST(past_its_limit_a_scope_calls_the_hook_and_keeps_its_count)
{
    dj_scope *small = dj_scope_open(1000);
    dj_scope_on_exhausted(small, give_up, NULL);
    if (setjmp(escaped) == 0) {
        (void)dj_alloc(small, 600);
        (void)dj_alloc(small, 600);
        fail_msg("the limit did not hold");
    }
    assert_in_range(dj_scope_used(small), 600, 1000);
    if (setjmp(escaped) == 0) {
        (void)dj_alloc_array(small, SIZE_MAX / 2, 4);
        fail_msg("the overflow was not seen");
    }
    dj_scope_close(small);
}

DJ_TEST(a_failure_keeps_code_sentence_and_place)
{
    dj_err e = dj_fail(c->scope, DJ_ERR_LIMIT, "over %d", 7);
    dj_expect_err(DJ_ERR_LIMIT, e);
    dj_expect_str(DJ_LIT("over 7"), dj_failure_text(c->scope));
    assert_true(dj_str_has(dj_failure_place(c->scope), DJ_LIT("test_scope.c:")));
    dj_scope_reset(c->scope);
    dj_expect_err(DJ_OK, dj_failure(c->scope));
}

DJ_TEST(a_map_keeps_order_and_finds_all_keys)
{
    dj_map m = dj_map_make(c->scope);
    for (int i = 0; i < 5000; i++)
        dj_map_set(&m, dj_strf(c->scope, "key %d", i),
                   dj_strf(c->scope, "%d", i).len == 0 ? NULL : &order);
    dj_map_set(&m, DJ_LIT("key 17"), NULL);
    assert_int_equal(m.len, 5000);
    dj_expect_str(DJ_LIT("key 17"), m.entries[17].key);
    for (int i = 0; i < 5000; i++)
        assert_true(dj_map_has(&m, dj_strf(c->scope, "key %d", i)));
    assert_false(dj_map_has(&m, DJ_LIT("key")));
    assert_null(dj_map_get(&m, DJ_LIT("key 17")));
}

DJ_TEST(a_buffer_stops_at_its_limit_and_says_so)
{
    dj_buf b = dj_buf_make(c->scope, 10);
    dj_buf_add(&b, DJ_LIT("12345678"));
    assert_false(b.full);
    dj_buf_add(&b, DJ_LIT("901"));
    assert_true(b.full);
    dj_expect_str(DJ_LIT("12345678"), dj_buf_str(&b));
    dj_buf n = dj_buf_make(c->scope, 100);
    dj_buf_add_int(&n, INT64_MIN);
    dj_buf_addf(&n, " %s", "x");
    dj_expect_str(DJ_LIT("-9223372036854775808 x"), dj_buf_str(&n));
}

DJ_TEST(html_is_escaped_as_django_does)
{
    dj_expect_str(DJ_LIT("a&lt;b&gt;&amp;&quot;&#x27;c"),
                  dj_html_escape(c->scope, DJ_LIT("a<b>&\"'c")).safe);
}

DJ_TEST(dates_are_those_of_the_rfcs)
{
    dj_expect_str(DJ_LIT("Sun, 06 Nov 1994 08:49:37 GMT"), dj_http_date_str(c->scope, 784111777));
    dj_expect_str(DJ_LIT("Thu, 29 Feb 2024 23:59:59 GMT"), dj_http_date_str(c->scope, 1709251199));
    dj_expect_str(DJ_LIT("Wed, 31 Dec 1969 23:59:59 GMT"), dj_http_date_str(c->scope, -1));
    char iso[DJ_ISO_TIME_LEN];
    dj_iso_time(iso, 1767225600123456);
    dj_expect_str(DJ_LIT("2026-01-01T00:00:00.123456Z"), dj_str_n(iso, sizeof iso));
}

DJ_TEST(secrets_are_compared_whole)
{
    const dj_secret *k = dj_secret_new(c->scope, DJ_LIT("hunter2"));
    assert_true(dj_secret_equal(k, DJ_LIT("hunter2")));
    assert_false(dj_secret_equal(k, DJ_LIT("hunter3")));
    assert_false(dj_secret_equal(k, DJ_LIT("hunter22")));
    assert_false(dj_secret_equal(k, DJ_NONE));
}

DJ_TESTS(DJ_T(owners_run_last_in_first_out_and_disowned_ones_do_not),
         DJ_T(allocations_are_aligned_zeroed_and_apart),
         DJ_T(past_its_limit_a_scope_calls_the_hook_and_keeps_its_count),
         DJ_T(a_failure_keeps_code_sentence_and_place), DJ_T(a_map_keeps_order_and_finds_all_keys),
         DJ_T(a_buffer_stops_at_its_limit_and_says_so), DJ_T(html_is_escaped_as_django_does),
         DJ_T(dates_are_those_of_the_rfcs), DJ_T(secrets_are_compared_whole))
