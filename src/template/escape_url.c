/* src/template/escape_url.c - escapers for URLs and lists of them.
 *
 * Must not know: places in a page, templates. Reference: RFC 3986; Go html/template, url.go. */
#include "template/place.h"

/* The text before the first ":" is a scheme unless it contains "/". */
bool dj_url_scheme_is_safe(dj_str text)
{
    size_t colon = dj_str_chr(text, ':');
    if (colon == DJ_NOT_FOUND)
        return true;
    dj_str scheme = dj_str_first(text, colon);
    return dj_str_chr(scheme, '/') != DJ_NOT_FOUND || dj_str_eq_nocase(scheme, DJ_LIT("http")) ||
           dj_str_eq_nocase(scheme, DJ_LIT("https")) || dj_str_eq_nocase(scheme, DJ_LIT("mailto"));
}

static bool is_unreserved(char c)
{
    return dj_is_alpha(c) || dj_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* Is the byte at `i` left as it is in a URL that is one already? Quotes and parentheses are not:
 * they mean something to HTML and CSS. */
static bool is_kept(dj_str text, size_t i)
{
    char c = text.ptr[i];
    if (c == '%')
        return i + 2 < text.len && dj_hex_value(text.ptr[i + 1]) >= 0 &&
               dj_hex_value(text.ptr[i + 2]) >= 0;
    return c != '\0' && strchr("!#$&*+,/:;=?@[]", c) != NULL;
}

static void add_url(dj_buf *b, dj_str text, bool keep_reserved)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_unreserved(c) || (keep_reserved && is_kept(text, i))) {
            dj_buf_add_byte(b, c);
        } else {
            char coded[3] = {'%', hex[(uint8_t)c >> 4], hex[c & 15]};
            dj_buf_add(b, dj_str_n(coded, 3));
        }
    }
}

dj_str dj_escape_url(dj_scope *s, dj_str text, bool keep_reserved)
{
    size_t i = 0;
    while (i < text.len && (is_unreserved(text.ptr[i]) || (keep_reserved && is_kept(text, i))))
        i++;
    if (i == text.len)
        return text;
    dj_buf b = dj_buf_make(s, 3 * text.len);
    add_url(&b, text, keep_reserved);
    return dj_buf_str(&b);
}

/* "URL width-or-density", with blanks around. */
static bool add_candidate(dj_buf *b, dj_str item)
{
    size_t start = 0, end;
    while (start < item.len && dj_is_html_space(item.ptr[start]))
        start++;
    for (end = start; end < item.len && !dj_is_html_space(item.ptr[end]);)
        end++;
    dj_str url = dj_str_n(item.ptr + start, end - start);
    bool   ok = dj_url_scheme_is_safe(url);
    for (size_t i = end; ok && i < item.len; i++)
        ok = dj_is_html_space(item.ptr[i]) || dj_is_alpha(item.ptr[i]) || dj_is_digit(item.ptr[i]);
    if (!ok) {
        dj_buf_add(b, DJ_LIT("#" DJ_FAILSAFE));
        return false;
    }
    dj_buf_add(b, dj_str_first(item, start));
    add_url(b, url, true);
    dj_buf_add(b, dj_str_from(item, end));
    return true;
}

dj_str dj_escape_srcset(dj_scope *s, dj_str text, bool *failsafe)
{
    dj_buf b = dj_buf_make(s, (sizeof "#" DJ_FAILSAFE) * (text.len + 1)); /* for each comma */
    dj_str rest = text, item;
    for (bool first = true; dj_str_next(&rest, ',', &item); first = false) {
        if (!first)
            dj_buf_add_byte(&b, ',');
        if (!add_candidate(&b, item))
            *failsafe = true;
    }
    return dj_buf_str(&b);
}
