/* src/crypto/md5.c - MD5 by OpenSSL, looked up once: a look-up for each digest would cost more than
 * most bodies.
 *
 * Must not know: what is digested. */
#include "crypto/crypto.h"
#include <openssl/evp.h>

struct dj_md5 {
    EVP_MD     *algorithm;
    EVP_MD_CTX *ctx;
};

static void md5_free(void *what)
{
    dj_md5 *md5 = what;
    EVP_MD_CTX_free(md5->ctx);
    EVP_MD_free(md5->algorithm);
}

dj_err dj_md5_new(dj_scope *s, dj_md5 **out)
{
    dj_md5 *md5 = dj_new(s, dj_md5);
    dj_own(s, md5_free, md5);
    md5->algorithm = EVP_MD_fetch(NULL, "MD5", NULL);
    md5->ctx = EVP_MD_CTX_new();
    if (md5->algorithm == NULL || md5->ctx == NULL ||
        EVP_DigestInit_ex2(md5->ctx, md5->algorithm, NULL) != 1)
        return dj_fail(s, DJ_ERR_INTERNAL, "OpenSSL offers no MD5");
    *out = md5;
    return DJ_OK;
}

void dj_md5_begin(dj_md5 *md5)
{
    /* again, with the same algorithm */
    DJ_ASSERT(EVP_DigestInit_ex2(md5->ctx, NULL, NULL) == 1);
}

void dj_md5_add(dj_md5 *md5, dj_str piece)
{
    DJ_ASSERT(EVP_DigestUpdate(md5->ctx, piece.ptr, piece.len) == 1);
}

void dj_md5_end(dj_md5 *md5, char out[DJ_MD5_HEX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char     sum[EVP_MAX_MD_SIZE];
    unsigned          len = 0;
    DJ_ASSERT(EVP_DigestFinal_ex(md5->ctx, sum, &len) == 1 && 2 * len == DJ_MD5_HEX);
    for (unsigned i = 0; i < len; i++) {
        out[2 * (size_t)i] = digits[sum[i] >> 4];
        out[2 * (size_t)i + 1] = digits[sum[i] & 15];
    }
}

void dj_md5_hex(dj_md5 *md5, const dj_str *pieces, size_t npieces, char out[DJ_MD5_HEX])
{
    dj_md5_begin(md5);
    for (size_t i = 0; i < npieces; i++)
        dj_md5_add(md5, pieces[i]);
    dj_md5_end(md5, out);
}
