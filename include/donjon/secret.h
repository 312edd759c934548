/* include/donjon/secret.h - keys and passwords: no view as text, no printing, wiped at the scope's
 * end.
 *
 * Kept in pages of their own: locked if the system allows it, left out of core dumps, wiped on fork
 * only by their owner's exit. */
#pragma once
#include "donjon/scope.h"

DJ_BEGIN_DECLS

typedef struct dj_secret dj_secret;

/* Copies `bytes`; the caller wipes its own copy (dj_wipe). */
DJ_NONNULL const dj_secret *dj_secret_new(dj_scope *s, dj_str bytes);
/* DJ_ERR_SETTINGS if the variable is not set or empty; the sentence names the variable. */
DJ_CHECKED DJ_NONNULL dj_err dj_secret_from_env(dj_scope *s, const char *variable,
                                                const dj_secret **out);
/* One file, at most 64 KiB, final line end cut. DJ_ERR_IO names the path; DJ_ERR_SETTINGS if it is
 * empty, not a regular file, or writable by others. */
DJ_CHECKED DJ_NONNULL dj_err dj_secret_from_file(dj_scope *s, dj_str path, const dj_secret **out);
/* Constant time in got.len. */
DJ_CHECKED DJ_NONNULL bool dj_secret_equal(const dj_secret *want, dj_str got);
DJ_NONNULL size_t          dj_secret_len(const dj_secret *secret);
/* The bytes, for the functions that compute with a key and for no others. */
DJ_NONNULL dj_str dj_secret_reveal(const dj_secret *secret);

/* Constant time in the length; false if lengths differ. */
DJ_CHECKED bool dj_equal_constant_time(dj_str a, dj_str b);
/* explicit_bzero with a length. */
void dj_wipe(void *ptr, size_t len);

DJ_END_DECLS
