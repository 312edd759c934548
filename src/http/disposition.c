/* src/http/disposition.c - under which name a browser keeps a file. RFC 6266, RFC 8187.
 *
 * Django: utils/http.py, content_disposition_header.
 *
 * Must not know: files. A control character in a name is refused where every header value is
 * checked. */
#include "donjon/url.h"
#include "http/files.h"

static bool is_ascii(dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

dj_str dj_content_disposition(dj_scope *s, bool attachment, dj_str filename)
{
    if (filename.len == 0)
        return attachment ? DJ_LIT("attachment") : DJ_NONE;
    dj_buf b = dj_buf_make(s, 3 * filename.len + 64);
    dj_buf_add(&b, attachment ? DJ_LIT("attachment") : DJ_LIT("inline"));
    if (!is_ascii(filename)) {
        dj_buf_add(&b, DJ_LIT("; filename*=utf-8''"));
        dj_buf_add_quoted(&b, filename, DJ_LIT("/"));
        return dj_buf_str(&b);
    }
    dj_buf_add(&b, DJ_LIT("; filename=\""));
    for (size_t i = 0; i < filename.len; i++) {
        if (filename.ptr[i] == '"' || filename.ptr[i] == '\\')
            dj_buf_add_byte(&b, '\\');
        dj_buf_add_byte(&b, filename.ptr[i]);
    }
    dj_buf_add_byte(&b, '"');
    return dj_buf_str(&b);
}
