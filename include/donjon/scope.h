/* include/donjon/scope.h - one unit of work: a request, a command, a test.
 *
 * A scope owns memory (an arena), whatever was given to dj_own, a deadline, a clock and the last
 * failure. Closing it runs the owners, last in first out, and frees everything at once. Allocation
 * never returns NULL: when the machine or the scope's limit has no more, the scope's `exhausted`
 * hook runs and does not return (in a request: the loop closes the scope, the client gets 503 or a
 * closed connection; in a command: one line on stderr and exit 1). A scope belongs to one thread at
 * a time. */
#pragma once
#include "donjon/err.h"
#include <stdarg.h>

DJ_BEGIN_DECLS

typedef struct dj_scope dj_scope;

#define DJ_SCOPE_MAX_DEFAULT ((size_t)64 * 1024 * 1024)

/* Opens a scope that may hold up to `max` bytes. NULL only if not even the first block can be had.
 */
DJ_CHECKED dj_scope *dj_scope_open(size_t max);
/* Runs the owners and frees all. NULL is allowed. */
void dj_scope_close(dj_scope *s);
/* Runs the owners, forgets failure, deadline and contents, keeps the first block for the next use.
 */
DJ_NONNULL void dj_scope_reset(dj_scope *s);

/* `exhausted` must not return. Without one the process says so on stderr and exits with status 1.
 */
void dj_scope_on_exhausted(dj_scope *s, void (*exhausted)(dj_scope *s, void *ctx), void *ctx)
    __attribute__((nonnull(1, 2)));

/* Zeroed, aligned for any type, lives as long as the scope. size 0 gives a valid pointer. */
DJ_RETURNS DJ_NONNULL __attribute__((malloc, alloc_size(2))) void *dj_alloc(dj_scope *s,
                                                                            size_t    size);
/* The same, not zeroed: for bytes that are written at once. */
DJ_RETURNS DJ_NONNULL __attribute__((malloc, alloc_size(2))) void *dj_alloc_raw(dj_scope *s,
                                                                                size_t    size);
/* count * size with the overflow checked. */
DJ_RETURNS DJ_NONNULL void *dj_alloc_array(dj_scope *s, size_t count, size_t size);
/* Grows an allocation, in place if it is the newest; new bytes are not zeroed. */
DJ_RETURNS __attribute__((nonnull(1))) void *dj_realloc(dj_scope *s, void *old, size_t old_size,
                                                        size_t new_size);
#define dj_new(s, type)              ((type *)dj_alloc((s), sizeof(type)))
#define dj_new_array(s, type, count) ((type *)dj_alloc_array((s), (count), sizeof(type)))
/* Bytes handed out since it was opened or reset, rounding included. */
DJ_NONNULL size_t dj_scope_used(const dj_scope *s);

/* `release(what)` runs when the scope ends. */
void dj_own(dj_scope *s, void (*release)(void *what), void *what) __attribute__((nonnull(1, 2)));
/* Takes the newest dj_own of `what` back without running it. */
DJ_NONNULL void dj_disown(dj_scope *s, void *what);

/* -- failures: a code goes up, the sentence stays where it was found -- */

/* Keeps code, place and sentence and returns `e`. No secret, cookie or password enters the
 * sentence. A later failure replaces an earlier one. */
#define dj_fail(s, e, ...) dj_fail_at((s), (e), __FILE__, __LINE__, __VA_ARGS__)
DJ_NONNULL DJ_FORMAT(5, 6) dj_err
    dj_fail_at(dj_scope *s, dj_err e, const char *file, int line, const char *fmt, ...);
/* DJ_ERR_IO, with strerror(errno) behind the sentence. */
#define dj_fail_errno(s, ...) dj_fail_errno_at((s), __FILE__, __LINE__, __VA_ARGS__)
DJ_NONNULL DJ_FORMAT(4, 5) dj_err
    dj_fail_errno_at(dj_scope *s, const char *file, int line, const char *fmt, ...);
/* The last failure: DJ_OK and an empty sentence if there was none. */
DJ_NONNULL dj_err dj_failure(const dj_scope *s);
DJ_NONNULL dj_str dj_failure_text(const dj_scope *s);
/* "src/http/cookies.c:41", for the log. */
DJ_NONNULL dj_str dj_failure_place(dj_scope *s);
DJ_NONNULL void   dj_failure_clear(dj_scope *s);

/* -- time -- */

/* Unix time in seconds / microseconds, from the scope's clock. */
DJ_NONNULL int64_t dj_now(const dj_scope *s);
DJ_NONNULL int64_t dj_now_us(const dj_scope *s);
/* Freezes the scope's clock (tests, vectors); -1 thaws it. */
DJ_NONNULL void dj_clock_freeze(dj_scope *s, int64_t now_us);

/* -- text that lives in the scope -- */

DJ_RETURNS DJ_NONNULL const char *dj_cstr(dj_scope *s, dj_str text); /* NUL-terminated copy */
DJ_NONNULL dj_str                 dj_str_dup(dj_scope *s, dj_str text);
DJ_NONNULL dj_str                 dj_str_lower(dj_scope *s,
                                               dj_str    text); /* ASCII; the same bytes if already lower */
DJ_NONNULL dj_str                 dj_str_upper(dj_scope *s, dj_str text);
DJ_NONNULL dj_str                 dj_str_cat(dj_scope *s, dj_str a, dj_str b);
DJ_NONNULL                        DJ_FORMAT(2, 3) dj_str dj_strf(dj_scope *s, const char *fmt, ...);
DJ_NONNULL __attribute__((format(printf, 2, 0))) dj_str dj_vstrf(dj_scope *s, const char *fmt,
                                                                 va_list args);
DJ_NONNULL dj_str dj_str_replace(dj_scope *s, dj_str text, dj_str what, dj_str with);

DJ_END_DECLS
