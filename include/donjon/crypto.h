/* include/donjon/crypto.h - randomness that nobody can guess.
 *
 * All of it comes from the kernel's getrandom. Small requests are served from a pool that one call
 * fills; what is handed out is wiped from the pool, and a child process starts with an empty one.
 */
#pragma once
#include "donjon/scope.h"

DJ_BEGIN_DECLS

/* Fills `out`. Cannot fail: without a random source the process ends. */
void dj_random_bytes(void *out, size_t len) __attribute__((nonnull(1)));
/* A number below `limit` (> 0), each as likely as any other. */
uint32_t dj_random_below(uint32_t limit);
/* `len` letters of `alphabet` (1-256 bytes), each as likely as any other; Django:
 * get_random_string. */
DJ_NONNULL dj_str dj_random_string(dj_scope *s, size_t len, dj_str alphabet);
#define DJ_ALPHANUMERIC DJ_LIT("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")

/* base64url without padding (RFC 4648 5): writes (len * 4 + 2) / 3 bytes to `out` and returns how
 * many. */
DJ_NONNULL size_t dj_base64url(char *out, const void *bytes, size_t len);
#define DJ_BASE64URL_LEN(len) (((len)*4 + 2) / 3)

#define DJ_NONCE_BYTES 16
#define DJ_NONCE_LEN   22
/* 16 random bytes as base64url: a nonce for Content-Security-Policy. */
DJ_NONNULL void dj_nonce(char out[DJ_NONCE_LEN]);

DJ_END_DECLS
