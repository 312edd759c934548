/* src/base/html.c - the escaper for text and quoted attributes. */
#include "donjon/html.h"

static dj_str entity(char c)
{
    switch (c) {
    case '&':
        return DJ_LIT("&amp;");
    case '<':
        return DJ_LIT("&lt;");
    case '>':
        return DJ_LIT("&gt;");
    case '"':
        return DJ_LIT("&quot;");
    case '\'':
        return DJ_LIT("&#x27;");
    default:
        return DJ_NONE;
    }
}

void dj_buf_add_escaped(dj_buf *b, dj_str text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        dj_str with = entity(text.ptr[i]);
        if (DJ_LIKELY(dj_str_is_none(with)))
            continue;
        dj_buf_add(b, dj_str_n(text.ptr + from, i - from));
        dj_buf_add(b, with);
        from = i + 1;
    }
    dj_buf_add(b, dj_str_from(text, from));
}

dj_html dj_html_escape(dj_scope *s, dj_str text)
{
    size_t plain = 0;
    while (plain < text.len && dj_str_is_none(entity(text.ptr[plain])))
        plain++;
    if (plain == text.len)
        return (dj_html){text};
    /* Six bytes for one at worst. */
    dj_buf b = dj_buf_make(s, text.len > SIZE_MAX / 6 ? SIZE_MAX : text.len * 6);
    dj_buf_add_escaped(&b, text);
    return (dj_html){dj_buf_str(&b)};
}

dj_html dj_html_trust(dj_str text, dj_str why)
{
    (void)why; /* for the reader, and for tools that list the doors */
    return (dj_html){text};
}
