/* src/http/content_type.c - "text/plain; charset=utf-8": a value and its parameters, in
 * Content-Type and Content-Disposition.
 *
 * RFC 2045 section 5.1 with the one-piece form of RFC 2231 (name*=utf-8''text). What browsers and
 * Django agree on, not the grammar: a malformed parameter is skipped, not refused. Django:
 * utils/http.py, parse_header_parameters. Linear in the text.
 *
 * Must not know: which header it reads, what the parameters mean. */
#include "donjon/unicode.h"
#include "http/http.h"

#define LINE_MAX_LEN 10000 /* Django's MAX_HEADER_LENGTH */

/* Cuts at the next ';' outside quotes. A quote behind a backslash is none. False when nothing is
 * left. */
static bool next_piece(dj_str *rest, dj_str *piece)
{
    bool   quoted = false;
    size_t end = 0;
    if (dj_str_is_none(*rest))
        return false;
    for (; end < rest->len; end++) {
        if (rest->ptr[end] == ';' && !quoted)
            break;
        if (rest->ptr[end] == '"' && !(end > 0 && rest->ptr[end - 1] == '\\'))
            quoted = !quoted;
    }
    *piece = dj_utf8_strip(dj_str_first(*rest, end));
    *rest = end < rest->len ? dj_str_from(*rest, end + 1) : DJ_NONE;
    return true;
}

/* charset'language'text with %XX. */
static dj_err decode_extended(dj_scope *s, dj_str *value)
{
    size_t first = dj_str_chr(*value, '\'');
    size_t second =
        first == DJ_NOT_FOUND ? DJ_NOT_FOUND : dj_str_chr(dj_str_from(*value, first + 1), '\'');
    if (second == DJ_NOT_FOUND)
        return dj_fail(s, DJ_ERR_MALFORMED, "an extended parameter without charset and language");
    int charset = dj_charset_find(dj_str_first(*value, first));
    if (charset == DJ_CHARSET_UNKNOWN || charset == DJ_CHARSET_OTHER)
        return dj_fail(s, DJ_ERR_MALFORMED, "an extended parameter in an unknown charset");
    /* Characters that stand there unquoted are text already. */
    dj_str text = dj_str_from(*value, first + second + 2);
    dj_buf out = dj_buf_make(s, 3 * text.len + 4);
    while (text.len > 0) {
        size_t ascii = 0, other;
        while (ascii < text.len && (unsigned char)text.ptr[ascii] < 0x80)
            ascii++;
        dj_buf_add(&out,
                   dj_charset_decode(s, charset, dj_url_unquote(s, dj_str_first(text, ascii))));
        for (other = ascii; other < text.len && (unsigned char)text.ptr[other] >= 0x80;)
            other++;
        dj_buf_add(&out, dj_str_n(text.ptr + ascii, other - ascii));
        text = dj_str_from(text, other);
    }
    *value = dj_buf_str(&out);
    return DJ_OK;
}

static dj_str unquote(dj_scope *s, dj_str value)
{
    if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
        return value;
    value = dj_str_n(value.ptr + 1, value.len - 2);
    if (dj_str_chr(value, '\\') == DJ_NOT_FOUND)
        return value;
    value = dj_str_replace(s, value, DJ_LIT("\\\\"), DJ_LIT("\\"));
    return dj_str_replace(s, value, DJ_LIT("\\\""), DJ_LIT("\""));
}

static dj_err add_param(dj_scope *s, dj_header_params *out, dj_str piece)
{
    size_t equals = dj_str_chr(piece, '=');
    if (equals == DJ_NOT_FOUND)
        return DJ_OK;
    dj_str name = dj_str_lower(s, dj_utf8_strip(dj_str_first(piece, equals)));
    dj_str value = unquote(s, dj_utf8_strip(dj_str_from(piece, equals + 1)));
    if (dj_str_ends(name, DJ_LIT("*"))) {
        size_t marks = 0;
        name.len--;
        for (size_t i = 0; i < piece.len; i++)
            marks += piece.ptr[i] == '\'';
        dj_err e = marks == 2 ? decode_extended(s, &value) : DJ_OK;
        if (e)
            return e;
    }
    dj_str *slot = dj_map_get(&out->params, name);
    if (slot == NULL) {
        slot = dj_new(s, dj_str);
        dj_map_set(&out->params, name, slot);
    }
    *slot = value;
    return DJ_OK;
}

dj_err dj_header_params_parse(dj_scope *s, dj_str text, dj_header_params *out)
{
    dj_str rest = text, piece;
    *out = (dj_header_params){.value = DJ_LIT(""), .params = dj_map_make(s)};
    if (text.len == 0)
        return DJ_OK;
    if (text.len > LINE_MAX_LEN)
        return dj_fail(s, DJ_ERR_MALFORMED, "a header with parameters has %zu bytes", text.len);
    if (next_piece(&rest, &piece))
        out->value = dj_str_lower(s, piece);
    while (next_piece(&rest, &piece)) {
        dj_err e = add_param(s, out, piece);
        if (e)
            return e;
    }
    return DJ_OK;
}

dj_str dj_header_param_get(const dj_header_params *h, dj_str name)
{
    const dj_str *value = dj_map_get(&h->params, name);
    return value == NULL ? DJ_NONE : *value;
}
