/* src/crypto/signing.c - keyed hashes and signed texts. Django: utils/crypto.py (salted_hmac),
 * core/signing.py.
 *
 * Signatures are compared as text, in constant time: padding, case or a line end behind one make
 * another text.
 *
 * Must not know: settings, what is signed. */
#include "donjon/signing.h"
#include "donjon/crypto.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* -- HMAC -- */

static const EVP_MD *md_of(dj_digest digest)
{
    switch (digest) {
    case DJ_SHA384:
        return EVP_sha384();
    case DJ_SHA512:
        return EVP_sha512();
    case DJ_SHA1:
        return EVP_sha1();
    case DJ_MD5:
        return EVP_md5();
    case DJ_SHA256:
        break;
    }
    return EVP_sha256();
}

size_t dj_salted_hmac(dj_digest digest, dj_str key_salt, const dj_secret *secret, dj_str value,
                      unsigned char out[DJ_DIGEST_MAX])
{
    const EVP_MD *md = md_of(digest);
    EVP_MD_CTX   *ctx = EVP_MD_CTX_new();
    dj_str        bytes = dj_secret_reveal(secret);
    unsigned char key[DJ_DIGEST_MAX];
    unsigned      key_len = 0, len = 0;
    /* Fails only without memory, or where the system forbids the algorithm: then nothing may be
     * signed. */
    DJ_ASSERT(ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
              EVP_DigestUpdate(ctx, key_salt.ptr, key_salt.len) == 1 &&
              EVP_DigestUpdate(ctx, bytes.ptr, bytes.len) == 1 &&
              EVP_DigestFinal_ex(ctx, key, &key_len) == 1);
    EVP_MD_CTX_free(ctx); /* wipes what it has of the key */
    const void *data = value.ptr == NULL ? "" : value.ptr;
    DJ_ASSERT(HMAC(md, key, (int)key_len, data, value.len, out, &len) != NULL);
    dj_wipe(key, sizeof key);
    return len;
}

/* -- base62, base64url -- */

size_t dj_base62(char out[DJ_BASE62_MAX], int64_t n)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char              reversed[DJ_BASE62_MAX];
    uint64_t          left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    size_t            len = 0, at = 0;
    do {
        reversed[len++] = digits[left % 62];
        left /= 62;
    } while (left > 0);
    if (n < 0)
        out[at++] = '-';
    while (len > 0)
        out[at++] = reversed[--len];
    return at;
}

static int base62_value(char c)
{
    if (dj_is_digit(c))
        return c - '0';
    if (!dj_is_alpha(c))
        return -1;
    return c <= 'Z' ? c - 'A' + 10 : c - 'a' + 36;
}

bool dj_base62_read(dj_str text, int64_t *out)
{
    bool    negative = text.len > 0 && text.ptr[0] == '-', beyond = false;
    int64_t n = 0; /* counted downwards: there is one number more */
    size_t  at = negative ? 1 : 0;
    if (at == text.len)
        return false;
    for (; at < text.len; at++) {
        int digit = base62_value(text.ptr[at]);
        if (digit < 0)
            return false;
        beyond =
            beyond || __builtin_mul_overflow(n, 62, &n) || __builtin_sub_overflow(n, digit, &n);
    }
    if (beyond)
        *out = negative ? INT64_MIN : INT64_MAX;
    else
        *out = negative ? n : n == INT64_MIN ? INT64_MAX : -n;
    return true;
}

static int base64url_value(char c)
{
    if (dj_is_digit(c))
        return c - '0' + 52;
    if (dj_is_alpha(c))
        return c <= 'Z' ? c - 'A' : c - 'a' + 26;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool dj_base64url_read(dj_scope *s, dj_str text, dj_str *out)
{
    if (text.len % 4 == 1)
        return false;
    char    *bytes = dj_alloc_raw(s, text.len / 4 * 3 + 3);
    size_t   n = 0;
    unsigned acc = 0, bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = base64url_value(text.ptr[i]);
        if (value < 0)
            return false;
        acc = (acc << 6 | (unsigned)value) & 0xFFFF;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[n++] = (char)(acc >> bits & 0xFF);
        }
    }
    *out = dj_str_n(bytes, n);
    return true;
}

/* -- signing -- */

bool dj_separator_fits(dj_str sep)
{
    for (size_t i = 0; i < sep.len; i++) {
        char c = sep.ptr[i];
        if (!(c >= 'A' && c <= 'z') && !dj_is_digit(c) && c != '-' &&
            c != '=') /* "A-z" has the '_' */
            return true;
    }
    return false;
}

static dj_str sep_of(const dj_signer *signer)
{
    dj_str sep = dj_str_is_none(signer->sep) ? DJ_LIT(":") : signer->sep;
    DJ_ASSERT(dj_separator_fits(sep));
    return sep;
}

#define SIGNATURE_MAX DJ_BASE64URL_LEN(DJ_DIGEST_MAX)

/* H(salt || "signer" || prefix || key): the prefix may stand on either side of the border. */
static dj_str key_salt(dj_scope *s, const dj_signer *signer, dj_str default_salt)
{
    dj_str salt = dj_str_is_none(signer->salt) ? default_salt : signer->salt;
    return dj_str_cat(s, dj_str_cat(s, salt, DJ_LIT("signer")), signer->prefix);
}

static dj_str signature(const dj_signer *signer, dj_str salt, const dj_secret *key, dj_str value,
                        char out[SIGNATURE_MAX])
{
    unsigned char mac[DJ_DIGEST_MAX];
    size_t        len = dj_salted_hmac(signer->digest, salt, key, value, mac);
    return dj_str_n(out, dj_base64url(out, mac, len));
}

static dj_str sign(dj_scope *s, const dj_signer *signer, dj_str default_salt, dj_str value)
{
    char   text[SIGNATURE_MAX];
    dj_str sep = sep_of(signer);
    dj_str sig =
        signature(signer, key_salt(s, signer, default_salt), signer->keys->key, value, text);
    return dj_str_cat(s, dj_str_cat(s, value, sep), sig);
}

/* Cuts `text` at the last `sep`. */
static bool cut_last(dj_str text, dj_str sep, dj_str *head, dj_str *tail)
{
    for (size_t at = text.len < sep.len ? 0 : text.len - sep.len + 1; at-- > 0;) {
        if (!dj_str_starts(dj_str_from(text, at), sep))
            continue;
        *head = dj_str_first(text, at);
        *tail = dj_str_from(text, at + sep.len);
        return true;
    }
    return false;
}

static dj_err unsign(dj_scope *s, const dj_signer *signer, dj_str default_salt, dj_str text,
                     dj_str *value)
{
    const dj_keys *keys = signer->keys;
    char           right[SIGNATURE_MAX];
    dj_str         signed_text, given;
    if (!cut_last(text, sep_of(signer), &signed_text, &given))
        return dj_fail(s, DJ_ERR_BAD_SIGNATURE, "a signed text without separator");
    dj_str salt = key_salt(s, signer, default_salt);
    for (size_t i = 0; i <= keys->nfallbacks; i++) {
        const dj_secret *key = i == 0 ? keys->key : keys->fallbacks[i - 1];
        if (!dj_equal_constant_time(signature(signer, salt, key, signed_text, right), given))
            continue;
        *value = signed_text;
        return DJ_OK;
    }
    return dj_fail(s, DJ_ERR_BAD_SIGNATURE, "a signature that does not match");
}

static const dj_str plain_salt = DJ_STR_INIT("django.core.signing.Signer");
static const dj_str timed_salt = DJ_STR_INIT("django.core.signing.TimestampSigner");

dj_str dj_sign(dj_scope *s, const dj_signer *signer, dj_str value)
{
    return sign(s, signer, plain_salt, value);
}

dj_err dj_unsign(dj_scope *s, const dj_signer *signer, dj_str text, dj_str *value)
{
    return unsign(s, signer, plain_salt, text, value);
}

dj_str dj_sign_timed(dj_scope *s, const dj_signer *signer, dj_str value)
{
    char   digits[DJ_BASE62_MAX];
    size_t len = dj_base62(digits, dj_now(s));
    return sign(s, signer, timed_salt,
                dj_str_cat(s, dj_str_cat(s, value, sep_of(signer)), dj_str_n(digits, len)));
}

dj_err dj_unsign_timed(dj_scope *s, const dj_signer *signer, dj_str text, int64_t max_age,
                       dj_str *value)
{
    dj_str  both, head, digits;
    int64_t at, age, limit;
    dj_err  e = unsign(s, signer, timed_salt, text, &both);
    if (e)
        return e;
    if (!cut_last(both, sep_of(signer), &head, &digits) || !dj_base62_read(digits, &at))
        return dj_fail(s, DJ_ERR_BAD_SIGNATURE, "a timed signature without a time");
    /* In microseconds. What is beyond 64 bits of them lies in the far future or past. */
    bool old = false;
    if (max_age != DJ_NO_MAX_AGE) {
        if (__builtin_mul_overflow(at, INT64_C(1000000), &age) ||
            __builtin_sub_overflow(dj_now_us(s), age, &age))
            old = at < 0;
        else if (__builtin_mul_overflow(max_age, INT64_C(1000000), &limit))
            old = max_age < 0;
        else
            old = age > limit;
    }
    if (old)
        return dj_fail(s, DJ_ERR_EXPIRED, "a signature older than %lld seconds",
                       (long long)max_age);
    *value = head;
    return DJ_OK;
}
