/* include/donjon/unicode.h - what Python knows about a code point (Unicode 14, as Python 3.11).
 *
 * `cp` may be any number; one that is no code point is "other". */
#pragma once
#include "donjon/scope.h"

DJ_BEGIN_DECLS

/* General category C: control, format, surrogate, private use, not assigned. */
bool dj_cp_is_other(uint32_t cp);
/* \w of Python's re: str.isalnum(), or '_'. */
bool dj_cp_is_word(uint32_t cp);
/* str.isspace(): what str.strip() takes away. */
bool dj_cp_is_space(uint32_t cp);
/* str.isprintable(): what repr() shows as it is. */
bool dj_cp_is_printable(uint32_t cp);
/* Not ASCII, and its NFKC form contains one of / ? # @ : (it would cut a host name in two). */
bool dj_cp_is_url_mark(uint32_t cp);
/* The ASCII letter, in lower case, that re.IGNORECASE takes `cp` for: also U+0130 and U+0131 (i),
 * U+017F (s) and U+212A (k). Other ASCII is returned as it is, anything else as 0. */
char dj_cp_fold(uint32_t cp);

/* Unicode's combining class; 0 for what stands alone. */
unsigned dj_cp_combining(uint32_t cp);

/* str.lower(), str.upper() and str.title() with the full case mapping (one character may become
 * three). In what is made, U+FFFD stands for each bad sequence. */
dj_str dj_utf8_lower(dj_scope *s, dj_str text);
dj_str dj_utf8_upper(dj_scope *s, dj_str text);
dj_str dj_utf8_title(dj_scope *s, dj_str text);
/* unicodedata.normalize(): composed, and decomposed with compatibility characters replaced. */
dj_str dj_utf8_nfc(dj_scope *s, dj_str text);
dj_str dj_utf8_nfkd(dj_scope *s, dj_str text);

/* U+FFFD for each bad sequence, as bytes.decode(errors="replace") has it; valid text as it is. */
dj_str dj_utf8_repaired(dj_scope *s, dj_str text);

/* str.strip() on UTF-8. */
dj_str dj_utf8_strip(dj_str text);

DJ_END_DECLS
