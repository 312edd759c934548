/* src/template/escape_js.c - escapers for JavaScript strings and regular expressions.
 *
 * What they make is also safe in a quoted attribute and can't end a script.
 *
 * Must not know: places in a page, templates. Reference: ECMA-262 12.9.4; Go html/template, js.go.
 */
#include "template/place.h"

enum { KEEP_BACKSLASH = 1, REGEXP = 2 };

static void add_unicode(dj_buf *b, unsigned unit)
{
    dj_buf_addf(b, "\\u%04x", unit);
}

static void add_ascii(dj_buf *b, char c, unsigned how)
{
    switch (c) {
    case '\t':
        dj_buf_add(b, DJ_LIT("\\t"));
        return;
    case '\n':
        dj_buf_add(b, DJ_LIT("\\n"));
        return;
    case '\f':
        dj_buf_add(b, DJ_LIT("\\f"));
        return;
    case '\r':
        dj_buf_add(b, DJ_LIT("\\r"));
        return;
    case '/':
        dj_buf_add(b, DJ_LIT("\\/"));
        return;
    case '\\':
        dj_buf_add(b, (how & KEEP_BACKSLASH) != 0 ? DJ_LIT("\\") : DJ_LIT("\\\\"));
        return;
    default:
        break;
    }
    if ((unsigned char)c < 0x20 || strchr("\"'`&+<>", c) != NULL) {
        add_unicode(b, (unsigned char)c);
        return;
    }
    if ((how & REGEXP) != 0 && strchr("$()*-.?[]^{|}", c) != NULL)
        dj_buf_add_byte(b, '\\');
    dj_buf_add_byte(b, c);
}

static dj_str escape(dj_scope *s, dj_str text, unsigned how)
{
    dj_buf b = dj_buf_make(s, 6 * text.len); /* "\u0000" */
    for (size_t i = 0; i < text.len;) {
        if ((uint8_t)text.ptr[i] < 0x80) {
            add_ascii(&b, text.ptr[i++], how);
            continue;
        }
        size_t  from = i;
        int32_t cp = dj_utf8_next(text, &i);
        if (cp == 0x2028 || cp == 0x2029)
            add_unicode(&b, (unsigned)cp);
        else
            dj_buf_add(&b, cp < 0 ? DJ_LIT("\xef\xbf\xbd") : dj_str_n(text.ptr + from, i - from));
    }
    return dj_buf_str(&b);
}

dj_str dj_escape_js_string(dj_scope *s, dj_str text, bool again)
{
    return escape(s, text, again ? KEEP_BACKSLASH : 0);
}

/* An empty one would make "//", a comment. */
dj_str dj_escape_js_regexp(dj_scope *s, dj_str text)
{
    return text.len == 0 ? DJ_LIT("(?:)") : escape(s, text, REGEXP);
}
