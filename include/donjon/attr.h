/* include/donjon/attr.h - what a declaration promises, said to the compiler and to the reader. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens and closes every public header: C linkage, and visible in libdonjon.so (which hides the
 * rest). */
#ifdef __cplusplus
#define DJ_BEGIN_DECLS                                                                             \
    extern "C" {                                                                                   \
    _Pragma("GCC visibility push(default)")
#define DJ_END_DECLS                                                                               \
    _Pragma("GCC visibility pop")                                                                  \
    }
#else
#define DJ_BEGIN_DECLS _Pragma("GCC visibility push(default)")
#define DJ_END_DECLS   _Pragma("GCC visibility pop")
#endif

#define DJ_CHECKED            __attribute__((warn_unused_result)) /* ignoring the result is an error */
#define DJ_NONNULL            __attribute__((nonnull))         /* no pointer argument may be NULL */
#define DJ_RETURNS            __attribute__((returns_nonnull)) /* never returns NULL */
#define DJ_FORMAT(fmt, first) __attribute__((format(printf, fmt, first)))
#define DJ_NORETURN           __attribute__((noreturn))
#define DJ_PURE               __attribute__((pure))

/* The call may suspend the running coroutine. What must live across it belongs to the scope. */
#define DJ_WAITS

#define DJ_LIKELY(x)   __builtin_expect(!!(x), 1)
#define DJ_UNLIKELY(x) __builtin_expect(!!(x), 0)

#define DJ_COUNT(array) (sizeof(array) / sizeof((array)[0]))

DJ_BEGIN_DECLS

/* Says what broke on stderr and aborts. Values of variables are never printed. */
DJ_NORETURN void dj_assert_failed(const char *expr, const char *file, int line);

DJ_END_DECLS

/* An invariant of ours, never of the input. Kept in release builds; a worker that breaks one is
 * replaced. */
#define DJ_ASSERT(expr) (DJ_LIKELY(expr) ? (void)0 : dj_assert_failed(#expr, __FILE__, __LINE__))
