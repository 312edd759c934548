/* src/template/escape_css.c - the escaper for CSS strings, and the filter for CSS values.
 *
 * Must not know: places in a page, templates. Reference: CSS Syntax 3; Go html/template, css.go. */
#include "template/place.h"

dj_str dj_escape_css(dj_scope *s, dj_str text)
{
    dj_buf b = dj_buf_make(s, 4 * text.len); /* "\7f " */
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool control = (unsigned char)c < 0x20 || c == 0x7f;
        if (c == '\\') {
            dj_buf_add(&b, DJ_LIT("\\\\"));
        } else if (control || strchr("\"&'()+/:;<>{}", c) != NULL) {
            dj_buf_addf(&b, "\\%x", (unsigned char)c);
            /* Digits go on as long as they can, and swallow a blank behind. */
            if (i + 1 == text.len || dj_hex_value(text.ptr[i + 1]) >= 0 ||
                dj_is_html_space(text.ptr[i + 1]))
                dj_buf_add_byte(&b, ' ');
        } else {
            dj_buf_add_byte(&b, c);
        }
    }
    return dj_buf_str(&b);
}

/* Takes one escape, which begins at *i with a backslash, and adds what it stands for. */
static void decode_escape(dj_buf *b, dj_str text, size_t *i)
{
    uint32_t cp = 0;
    size_t   digits = 0;
    char     utf8[4];
    for (++*i; *i < text.len && digits < 6 && dj_hex_value(text.ptr[*i]) >= 0; ++*i, digits++)
        cp = cp * 16 + (uint32_t)dj_hex_value(text.ptr[*i]);
    if (digits == 0) {
        if (*i < text.len)
            dj_buf_add_byte(b, text.ptr[(*i)++]);
        return;
    }
    if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        cp = 0xfffd;
    dj_buf_add(b, dj_str_n(utf8, dj_utf8_put(utf8, cp)));
    if (*i + 1 < text.len && text.ptr[*i] == '\r' && text.ptr[*i + 1] == '\n')
        *i += 2;
    else if (*i < text.len && dj_is_html_space(text.ptr[*i]))
        ++*i;
}

static dj_str decode(dj_scope *s, dj_str text)
{
    if (dj_str_chr(text, '\\') == DJ_NOT_FOUND)
        return text;
    dj_buf b = dj_buf_make(s, text.len);
    for (size_t i = 0; i < text.len;) {
        if (text.ptr[i] == '\\')
            decode_escape(&b, text, &i);
        else
            dj_buf_add_byte(&b, text.ptr[i++]);
    }
    return dj_buf_str(&b);
}

/* Words that old browsers took for code, however they are taken apart. */
static bool has_code_word(dj_scope *s, dj_str text)
{
    dj_buf letters = dj_buf_make(s, text.len);
    for (size_t i = 0; i < text.len; i++)
        if (dj_is_alpha(text.ptr[i]) || dj_is_digit(text.ptr[i]) || text.ptr[i] == '_')
            dj_buf_add_byte(&letters, dj_to_lower(text.ptr[i]));
    return dj_str_has(dj_buf_str(&letters), DJ_LIT("expression")) ||
           dj_str_has(dj_buf_str(&letters), DJ_LIT("mozbinding"));
}

dj_str dj_filter_css(dj_scope *s, dj_str text)
{
    dj_str plain = decode(s, text);
    for (size_t i = 0; i < plain.len; i++) {
        char c = plain.ptr[i];
        if (c == '\0' || strchr("\"'()/;@[\\]`{}<>", c) != NULL ||
            (c == '-' && i > 0 && plain.ptr[i - 1] == '-'))
            return DJ_NONE;
    }
    if (!dj_utf8_valid(plain) || has_code_word(s, plain))
        return DJ_NONE;
    return plain;
}
