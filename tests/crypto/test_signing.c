/* tests/crypto/test_signing.c - signatures: what vectors can't show. */
#include "donjon/signing.h"
#include "test.h"

static dj_signer signer_of(dj_case *c, dj_str key)
{
    dj_keys *keys = dj_new(c->scope, dj_keys);
    keys->key = dj_secret_new(c->scope, key);
    return (dj_signer){.keys = keys, .salt = DJ_LIT("t")};
}

DJ_TEST(any_flipped_bit_is_refused)
{
    dj_signer s = signer_of(c, DJ_LIT("a key"));
    dj_str    good = dj_sign_timed(c->scope, &s, DJ_LIT("42")), value = DJ_NONE;
    dj_expect_ok(dj_unsign_timed(c->scope, &s, good, 10, &value));
    dj_expect_str(DJ_LIT("42"), value);
    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        char *bad = dj_alloc_raw(c->scope, good.len);
        memcpy(bad, good.ptr, good.len);
        bad[bit / 8] = (char)(bad[bit / 8] ^ 1 << bit % 8);
        value = DJ_LIT("untouched");
        dj_expect_err(DJ_ERR_BAD_SIGNATURE,
                      dj_unsign_timed(c->scope, &s, dj_str_n(bad, good.len), 10, &value));
        dj_expect_str(DJ_LIT("untouched"), value);
    }
    for (size_t len = 0; len < good.len; len++)
        dj_expect_err(DJ_ERR_BAD_SIGNATURE,
                      dj_unsign_timed(c->scope, &s, dj_str_first(good, len), 10, &value));
}

DJ_TEST(salt_prefix_and_key_each_matter)
{
    dj_signer s = signer_of(c, DJ_LIT("a key")), other = s, prefixed = s,
              keyed = signer_of(c, DJ_LIT("a kez"));
    dj_str text = dj_sign(c->scope, &s, DJ_LIT("v")), value;
    other.salt = DJ_LIT("u");
    prefixed.prefix = DJ_LIT("p");
    dj_expect_ok(dj_unsign(c->scope, &s, text, &value));
    dj_expect_err(DJ_ERR_BAD_SIGNATURE, dj_unsign(c->scope, &other, text, &value));
    dj_expect_err(DJ_ERR_BAD_SIGNATURE, dj_unsign(c->scope, &prefixed, text, &value));
    dj_expect_err(DJ_ERR_BAD_SIGNATURE, dj_unsign(c->scope, &keyed, text, &value));
    dj_expect_err(DJ_ERR_BAD_SIGNATURE, dj_unsign(c->scope, &s, DJ_NONE, &value));
}

DJ_TEST(a_nul_does_not_cut_the_salt)
{
    dj_signer a = signer_of(c, DJ_LIT("k")), b = a;
    dj_str    value;
    a.salt = DJ_LIT("x\0a");
    b.salt = DJ_LIT("x\0b");
    dj_expect_err(DJ_ERR_BAD_SIGNATURE,
                  dj_unsign(c->scope, &b, dj_sign(c->scope, &a, DJ_LIT("v")), &value));
}

DJ_TEST(times_at_the_ends_of_64_bits)
{
    dj_signer s = signer_of(c, DJ_LIT("k"));
    dj_str    value;
    /* A plain signer with the timed one's salt makes any time. */
    dj_str future = dj_sign(c->scope, &s, DJ_LIT("v:zzzzzzzzzzzzzzzzzzzzzzzz")),
           past = dj_sign(c->scope, &s, DJ_LIT("v:-zzzzzzzzzzzzzz"));
    dj_expect_ok(dj_unsign_timed(c->scope, &s, future, 10, &value));
    dj_expect_err(DJ_ERR_EXPIRED, dj_unsign_timed(c->scope, &s, past, 10, &value));
    dj_expect_ok(dj_unsign_timed(c->scope, &s, past, DJ_NO_MAX_AGE, &value));
    dj_clock_freeze(c->scope, INT64_C(100000000));
    dj_str now = dj_sign_timed(c->scope, &s, DJ_LIT("v"));
    dj_expect_ok(dj_unsign_timed(c->scope, &s, now, INT64_MAX, &value));
    dj_expect_ok(dj_unsign_timed(c->scope, &s, now, 0, &value));
    dj_expect_err(DJ_ERR_EXPIRED, dj_unsign_timed(c->scope, &s, now, -1, &value));
    dj_expect_err(DJ_ERR_EXPIRED, dj_unsign_timed(c->scope, &s, now, INT64_MIN + 1, &value));
}

DJ_TEST(base62_of_the_whole_range)
{
    static const int64_t numbers[] = {
        0, 1, -1, 61, 62, -62, INT64_MAX, INT64_MAX - 1, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < DJ_COUNT(numbers); i++) {
        char    text[DJ_BASE62_MAX];
        int64_t back;
        size_t  len = dj_base62(text, numbers[i]);
        assert_true(dj_base62_read(dj_str_n(text, len), &back));
        assert_true(back == numbers[i]);
    }
    int64_t n;
    assert_true(dj_base62_read(DJ_LIT("AzL8n0Y58m8"), &n) && n == INT64_MAX); /* one more */
    assert_true(dj_base62_read(DJ_LIT("-AzL8n0Y58m9"), &n) && n == INT64_MIN);
    assert_false(dj_base62_read(DJ_LIT("-"), &n));
    assert_false(dj_base62_read(DJ_NONE, &n));
}

DJ_TESTS(DJ_T(any_flipped_bit_is_refused), DJ_T(salt_prefix_and_key_each_matter),
         DJ_T(a_nul_does_not_cut_the_salt), DJ_T(times_at_the_ends_of_64_bits),
         DJ_T(base62_of_the_whole_range))
