/* include/donjon/signing.h - text that comes back unchanged or not at all: signatures with the
 * site's key.
 *
 * A signed text is readable by everybody; it proves that this site made it, for the purpose that
 * the salt names, and, when timed, when. Old keys still verify, the first one alone signs. Byte for
 * byte Django's: topics/signing, Signer and TimestampSigner. */
#pragma once
#include "donjon/secret.h"

DJ_BEGIN_DECLS

/* SHA-1 and MD5 are there to verify what others have signed. */
typedef enum dj_digest { DJ_SHA256, DJ_SHA384, DJ_SHA512, DJ_SHA1, DJ_MD5 } dj_digest;
#define DJ_DIGEST_MAX 64 /* bytes of the longest */

/* HMAC with the key H(key_salt || secret); returns how many bytes `out` now has.
 * django.utils.crypto.salted_hmac */
DJ_NONNULL size_t dj_salted_hmac(dj_digest digest, dj_str key_salt, const dj_secret *secret,
                                 dj_str value, unsigned char out[DJ_DIGEST_MAX]);

/* SECRET_KEY and SECRET_KEY_FALLBACKS. */
typedef struct dj_keys {
    const dj_secret        *key;
    const dj_secret *const *fallbacks; /* verify only, tried in order */
    size_t                  nfallbacks;
} dj_keys;

typedef struct dj_signer {
    const dj_keys *keys;   /* borrowed */
    dj_str         salt;   /* the purpose; none: Django's default for Signer or TimestampSigner */
    dj_str         prefix; /* stands before every key; none: nothing */
    dj_str         sep;    /* none: ":" */
    dj_digest      digest;
} dj_signer;

/* Not empty, and not made of A-z, 0-9, '-', '_' and '=' alone. A signer with another one is a bug
 * (DJ_ASSERT). */
bool dj_separator_fits(dj_str sep);

/* value, sep, signature; lives in `s`. Cannot fail. */
DJ_NONNULL dj_str dj_sign(dj_scope *s, const dj_signer *signer, dj_str value);
/* Points *value into `text`. DJ_ERR_BAD_SIGNATURE: no separator; another key, salt or byte. */
DJ_CHECKED DJ_NONNULL dj_err dj_unsign(dj_scope *s, const dj_signer *signer, dj_str text,
                                       dj_str *value);

#define DJ_NO_MAX_AGE INT64_MIN
/* The same with the time of the scope's clock, in whole seconds. */
DJ_NONNULL dj_str dj_sign_timed(dj_scope *s, const dj_signer *signer, dj_str value);
/* `max_age` in seconds; a time in the future is fine. Also DJ_ERR_EXPIRED: authentic, but older
 * than that. */
DJ_CHECKED DJ_NONNULL dj_err dj_unsign_timed(dj_scope *s, const dj_signer *signer, dj_str text,
                                             int64_t max_age, dj_str *value);

/* -- the numbers and bytes in it -- */

#define DJ_BASE62_MAX 12
/* 0-9 A-Z a-z, a '-' before a negative number; returns how many bytes. */
DJ_NONNULL size_t dj_base62(char out[DJ_BASE62_MAX], int64_t n);
/* Outside 64 bits: the nearest number inside. False: no digits, or others. */
DJ_CHECKED DJ_NONNULL bool dj_base62_read(dj_str text, int64_t *out);
/* base64url without padding to bytes, which live in `s`. False: another character (also '='), or an
 * impossible length. */
DJ_CHECKED DJ_NONNULL bool dj_base64url_read(dj_scope *s, dj_str text, dj_str *out);

DJ_END_DECLS
