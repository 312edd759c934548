/* include/donjon/url.h - percent coding, and URLs in parts.
 *
 * Text in and out is bytes; what is made lives in `s`, unchanged input is returned as it is.
 * RFC 3986; Python's urllib.parse, django.utils.encoding. */
#pragma once
#include "donjon/buf.h"

DJ_BEGIN_DECLS

/* urllib.parse.quote: all but letters, digits, "_.-~" and the bytes of `safe` become %XX. */
dj_str dj_url_quote(dj_scope *s, dj_str text, dj_str safe);
void   dj_buf_add_quoted(dj_buf *b, dj_str text, dj_str safe);
/* The same with '+' for a blank (quote_plus). */
void dj_buf_add_quoted_plus(dj_buf *b, dj_str text, dj_str safe);
/* django.utils.encoding.iri_to_uri: for Location and the like; control characters, blanks and
 * non-ASCII are quoted. */
dj_str dj_iri_to_uri(dj_scope *s, dj_str iri);
/* django.utils.encoding.escape_uri_path: for a path alone; ';' '=' '?' are quoted, too. */
dj_str dj_url_escape_path(dj_scope *s, dj_str path);
/* Percent-decodes to bytes; a bad `%` sequence stays. */
dj_str dj_url_unquote(dj_scope *s, dj_str text);
/* urllib.parse.urlsplit (3.11): none of the parts is DJ_NONE, the scheme is in lower case. */
typedef struct dj_url_parts {
    dj_str scheme, netloc, path, query, fragment;
} dj_url_parts;
/* False: a malformed authority (brackets; a character that NFKC turns into / ? # @ or :). */
DJ_CHECKED bool dj_url_split(dj_scope *s, dj_str url, dj_url_parts *out);
/* urllib.parse.urljoin for an http or https `base`; false if either is malformed. */
DJ_CHECKED bool dj_url_join(dj_scope *s, dj_str base, dj_str url, dj_str *out);

DJ_END_DECLS
