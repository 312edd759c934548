/* src/policy/valid_filename.c - makes a client's file name usable as one of ours.
 *
 * Django: utils/text.py, get_valid_filename. Must not know: where the file will lie; that is
 * safe_join's part. */
#include "donjon/policy.h"
#include "donjon/unicode.h"

dj_err dj_valid_filename(dj_scope *s, dj_str name, dj_str *out)
{
    if (dj_str_chr(name, '\0') != DJ_NOT_FOUND)
        return dj_fail(s, DJ_ERR_SUSPICIOUS_FILE, "A file name holds a NUL");
    name = dj_utf8_strip(name);
    char  *kept = dj_alloc_raw(s, name.len + 1);
    size_t len = 0;
    for (size_t pos = 0; pos < name.len;) {
        size_t  start = pos;
        int32_t cp = dj_utf8_next(name, &pos);
        if (cp == ' ') {
            kept[len++] = '_';
        } else if (cp >= 0 && (cp == '-' || cp == '.' || dj_cp_is_word((uint32_t)cp))) {
            memcpy(kept + len, name.ptr + start, pos - start);
            len += pos - start;
        }
    }
    dj_str clean = dj_str_n(kept, len);
    if (len == 0 || dj_str_eq(clean, DJ_LIT(".")) || dj_str_eq(clean, DJ_LIT("..")))
        return dj_fail(s, DJ_ERR_SUSPICIOUS_FILE, "Could not derive file name from what was sent");
    *out = clean;
    return DJ_OK;
}
