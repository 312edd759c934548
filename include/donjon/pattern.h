/* include/donjon/pattern.h - regular expressions in Python's dialect, that cannot run away.
 *
 * For settings (SECURE_REDIRECT_EXEMPT, DISALLOWED_USER_AGENTS) and re_path routes. Compiled at
 * start, never from a request's bytes. Back-references and look-around are refused, and a search
 * stops after a bounded number of steps, so that no subject costs more than about a millisecond.
 * Python: library/re, for str patterns. */
#pragma once
#include "donjon/scope.h"

DJ_BEGIN_DECLS

typedef struct dj_pattern dj_pattern;

#define DJ_PATTERN_MAX        ((size_t)4096) /* bytes of a pattern */
#define DJ_PATTERN_GROUPS_MAX 32             /* the whole match included */

typedef struct dj_pattern_match {
    dj_str groups[DJ_PATTERN_GROUPS_MAX]; /* [0] is the whole match; DJ_NONE: took no part */
    size_t len;
} dj_pattern_match;

typedef enum dj_found {
    DJ_FOUND_NO,
    DJ_FOUND_YES,
    DJ_FOUND_GAVE_UP /* too many steps: neither yes nor no; take the safe side */
} dj_found;

/* Compiles; *out lives in `s`.
 *   DJ_ERR_MALFORMED  not a regular expression of Python's, or one with back-references,
 * look-around or another thing that is not served; the sentence says what, and where in the pattern
 *   DJ_ERR_LIMIT      too long, or too many groups */
DJ_CHECKED DJ_NONNULL dj_err dj_pattern_compile(dj_scope *s, dj_str regex, dj_pattern **out);
/* re.search: anywhere in `subject`; one that is not UTF-8 never matches. `match` may be NULL. */
DJ_CHECKED dj_found dj_pattern_search(const dj_pattern *p, dj_str subject, dj_pattern_match *match)
    __attribute__((nonnull(1)));
/* re.fullmatch: the whole of `subject`, a line end at its end included. */
DJ_CHECKED dj_found dj_pattern_fullmatch(const dj_pattern *p, dj_str subject,
                                         dj_pattern_match *match) __attribute__((nonnull(1)));

/* Groups, the whole match included. */
DJ_NONNULL size_t dj_pattern_group_count(const dj_pattern *p);
/* Name of group `index` (from 1), or DJ_NONE. */
DJ_NONNULL dj_str dj_pattern_group_name(const dj_pattern *p, size_t index);
/* The pattern as it was given. */
DJ_NONNULL dj_str dj_pattern_text(const dj_pattern *p);

DJ_END_DECLS
