/* include/donjon/html.h - text that is safe to stand in an HTML page has a type of its own.
 *
 * Made by literals (DJ_HTML) and by the escaper; a dj_str never turns into one by itself. */
#pragma once
#include "donjon/buf.h"

DJ_BEGIN_DECLS

typedef struct {
    dj_str safe;
} dj_html;

#define DJ_HTML(lit) ((dj_html){DJ_LIT(lit)})

/* & < > " ' become &amp; &lt; &gt; &quot; &#x27;, as django.utils.html.escape does: safe as text
 * and inside a quoted attribute. Not for script, style, URLs or unquoted attributes. Lives in `s`,
 * or is `text` itself if nothing in it needs escaping. */
DJ_NONNULL dj_html dj_html_escape(dj_scope *s, dj_str text);
DJ_NONNULL void    dj_buf_add_escaped(dj_buf *b, dj_str text);
/* Pieces of a page, one after the other. */
static inline void dj_buf_add_html(dj_buf *b, dj_html html)
{
    dj_buf_add(b, html.safe);
}

/* html.unescape() of Python: "&amp;", "&#47;", "&#x2F;" to characters, as a browser reads them in
 * text. */
dj_str dj_html_unescape(dj_scope *s, dj_str text);

/* The one door from text to HTML. `why` must be a literal: reviews and tools list it. */
dj_html dj_html_trust(dj_str text, dj_str why);

DJ_END_DECLS
