/* src/http/query.c - QueryDict: names with lists of values, from a query string and back.
 *
 * Django: http/request.py QueryDict, Python's urllib.parse.parse_qsl. Only '&' separates; ';' is
 * data.
 *
 * Must not know: requests, settings; the limit is handed in. */
#include "http/http.h"

/* One side of a pair: '+' is a blank, then percent-decoding, then UTF-8 with U+FFFD for what is
 * none. */
static dj_str decode(dj_scope *s, dj_str text)
{
    if (memchr(text.ptr, '+', text.len) != NULL) {
        char *copy = dj_alloc_raw(s, text.len);
        for (size_t i = 0; i < text.len; i++)
            copy[i] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
        text.ptr = copy;
    }
    return dj_utf8_repair(s, dj_url_unquote(s, text));
}

void dj_querydict_add(dj_scope *s, dj_querydict *q, dj_str name, dj_str value)
{
    dj_querydict_entry *entry = dj_map_get(&q->names, name);
    if (entry == NULL) {
        entry = dj_new(s, dj_querydict_entry);
        entry->name = name;
        dj_map_set(&q->names, name, entry);
    }
    if (entry->nvalues == entry->cap) {
        size_t cap = entry->cap == 0 ? 1 : entry->cap * 2;
        entry->values =
            dj_realloc(s, entry->values, entry->cap * sizeof(dj_str), cap * sizeof(dj_str));
        entry->cap = cap;
    }
    entry->values[entry->nvalues++] = value;
}

dj_err dj_querydict_parse(dj_scope *s, dj_str text, int64_t max_fields, dj_querydict **out)
{
    dj_querydict *q = dj_new(s, dj_querydict);
    q->names = dj_map_make(s);
    if (text.len > 0 && max_fields >= 0) {
        int64_t fields = 1;
        for (size_t i = 0; i < text.len; i++)
            fields += text.ptr[i] == '&';
        if (fields > max_fields)
            return dj_fail(s, DJ_ERR_TOO_MANY_FIELDS,
                           "The number of GET/POST parameters exceeded "
                           "settings.DATA_UPLOAD_MAX_NUMBER_FIELDS.");
    }
    if (!dj_utf8_valid(text)) /* the whole of it, not the bad bytes alone, as Django does */
        text = dj_latin1_to_utf8(s, text);
    dj_str piece;
    while (dj_str_next(&text, '&', &piece)) {
        if (piece.len == 0)
            continue;
        size_t equals = dj_str_chr(piece, '=');
        dj_str name = dj_str_first(piece, equals);
        dj_str value = equals == DJ_NOT_FOUND ? DJ_LIT("") : dj_str_from(piece, equals + 1);
        dj_querydict_add(s, q, decode(s, name), decode(s, value));
    }
    *out = q;
    return DJ_OK;
}

const dj_querydict_entry *dj_querydict_getlist(const dj_querydict *q, dj_str name)
{
    return dj_map_get(&q->names, name);
}

dj_str dj_querydict_get(const dj_querydict *q, dj_str name)
{
    const dj_querydict_entry *entry = dj_map_get(&q->names, name);
    return entry == NULL ? DJ_NONE : entry->values[entry->nvalues - 1];
}

dj_str dj_querydict_urlencode(dj_scope *s, const dj_querydict *q, dj_str safe)
{
    dj_buf buf =
        dj_buf_make(s, SIZE_MAX / 2); /* three times what was parsed; the scope has its own limit */
    void (*add)(dj_buf * b, dj_str text, dj_str safe) =
        dj_str_is_none(safe) ? dj_buf_add_quoted_plus : dj_buf_add_quoted;
    for (size_t i = 0; i < q->names.len; i++) {
        const dj_querydict_entry *entry = q->names.entries[i].value;
        for (size_t k = 0; k < entry->nvalues; k++) {
            if (buf.len > 0)
                dj_buf_add_byte(&buf, '&');
            add(&buf, entry->name, safe);
            dj_buf_add_byte(&buf, '=');
            add(&buf, entry->values[k], safe);
        }
    }
    return dj_buf_str(&buf);
}
