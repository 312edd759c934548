/* src/crypto/crypto.h - what higher floors use and applications do not: names of contents.
 *
 * MD5 is broken as a proof against an enemy. Here it only says whether two bodies of one site are
 * the same, in the form in which Django's ETags say it. */
#pragma once
#include "donjon/scope.h"

#define DJ_MD5_HEX 32

typedef struct dj_md5 dj_md5;

/* Looks the algorithm up and makes room, once at start. DJ_ERR_INTERNAL: this machine's OpenSSL has
 * none. */
DJ_CHECKED DJ_NONNULL dj_err dj_md5_new(dj_scope *s, dj_md5 **out);
/* Of the pieces one behind the other, in small hex digits. Not for two threads at a time. */
DJ_NONNULL void dj_md5_hex(dj_md5 *md5, const dj_str *pieces, size_t npieces, char out[DJ_MD5_HEX]);
/* The same for contents that come bit by bit. */
DJ_NONNULL void dj_md5_begin(dj_md5 *md5);
DJ_NONNULL void dj_md5_add(dj_md5 *md5, dj_str piece);
DJ_NONNULL void dj_md5_end(dj_md5 *md5, char out[DJ_MD5_HEX]);
