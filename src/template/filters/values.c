/* src/template/filters/values.c - int(), float(), str() and iter() of Python for filters. */
#include "donjon/unicode.h"
#include "template/filters/filters.h"
#include "template/inside.h"
#include <errno.h>
#include <math.h>

/* -- numbers -- */

/* Digits with single '_' between them, as int() and float() read them: copied without to `out`. */
static bool digits(dj_str *text, dj_buf *out)
{
    size_t n = 0;
    while (n < text->len &&
           (dj_is_digit(text->ptr[n]) || (text->ptr[n] == '_' && n > 0 && text->ptr[n - 1] != '_' &&
                                          n + 1 < text->len && dj_is_digit(text->ptr[n + 1])))) {
        if (text->ptr[n] != '_')
            dj_buf_add_byte(out, text->ptr[n]);
        n++;
    }
    *text = dj_str_from(*text, n);
    return n > 0;
}

filter_number filter_int_of(dj_str text, int64_t *out)
{
    text = dj_utf8_strip(text);
    bool   minus = text.len > 0 && text.ptr[0] == '-';
    size_t i = minus || (text.len > 0 && text.ptr[0] == '+') ? 1 : 0;
    if (i == text.len)
        return FILTER_VALUE_ERROR;
    filter_number result = FILTER_NUMBER;
    uint64_t      n = 0, most = (uint64_t)INT64_MAX + (minus ? 1 : 0);
    for (size_t first = i; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '_' && i > first && text.ptr[i - 1] != '_' && i + 1 < text.len)
            continue;
        if (!dj_is_digit(c))
            return FILTER_VALUE_ERROR;
        unsigned digit = (unsigned)(c - '0');
        if (n > (most - digit) / 10)
            result = FILTER_TOO_BIG;
        else
            n = n * 10 + digit;
    }
    if (result == FILTER_TOO_BIG)
        n = most;
    *out = minus ? (int64_t)(0 - n) : (int64_t)n;
    return result;
}

filter_number filter_int(dj_run *run, const dj_var *v, int64_t *out)
{
    switch (v->kind) {
    case DJ_VAR_BOOL:
        *out = v->truth;
        return FILTER_NUMBER;
    case DJ_VAR_INT:
        *out = v->number;
        return FILTER_NUMBER;
    case DJ_VAR_FLOAT:
        if (isnan(v->real))
            return FILTER_VALUE_ERROR;
        if (v->real >= 0x1p63 || v->real < -0x1p63) {
            *out = v->real > 0 ? INT64_MAX : INT64_MIN;
            return FILTER_TOO_BIG;
        }
        *out = (int64_t)v->real;
        return FILTER_NUMBER;
    case DJ_VAR_STR:
        return filter_int_of(v->text, out);
    default:
        return FILTER_TYPE_ERROR;
    }
}

static filter_number float_of(dj_scope *s, dj_str text, double *out)
{
    text = dj_utf8_strip(text);
    dj_buf number = dj_buf_make(s, text.len + 1);
    dj_str rest = text;
    if (rest.len > 0 && (rest.ptr[0] == '+' || rest.ptr[0] == '-')) {
        dj_buf_add_byte(&number, rest.ptr[0]);
        rest = dj_str_from(rest, 1);
    }
    if (dj_str_eq_nocase(rest, DJ_LIT("inf")) || dj_str_eq_nocase(rest, DJ_LIT("infinity")) ||
        dj_str_eq_nocase(rest, DJ_LIT("nan"))) {
        dj_buf_add(&number, rest);
        *out = strtod(dj_cstr(s, dj_buf_str(&number)), NULL);
        return FILTER_NUMBER;
    }
    bool some = digits(&rest, &number);
    if (rest.len > 0 && rest.ptr[0] == '.') {
        dj_buf_add_byte(&number, '.');
        rest = dj_str_from(rest, 1);
        some = digits(&rest, &number) || some;
    }
    if (!some)
        return FILTER_VALUE_ERROR;
    if (rest.len > 0 && (rest.ptr[0] == 'e' || rest.ptr[0] == 'E')) {
        dj_buf_add_byte(&number, 'e');
        rest = dj_str_from(rest, 1);
        if (rest.len > 0 && (rest.ptr[0] == '+' || rest.ptr[0] == '-')) {
            dj_buf_add_byte(&number, rest.ptr[0]);
            rest = dj_str_from(rest, 1);
        }
        if (!digits(&rest, &number))
            return FILTER_VALUE_ERROR;
    }
    if (rest.len > 0)
        return FILTER_VALUE_ERROR;
    *out = strtod(dj_cstr(s, dj_buf_str(&number)), NULL);
    return FILTER_NUMBER;
}

filter_number filter_float(dj_run *run, const dj_var *v, double *out)
{
    switch (v->kind) {
    case DJ_VAR_BOOL:
        *out = v->truth;
        return FILTER_NUMBER;
    case DJ_VAR_INT:
        *out = (double)v->number;
        return FILTER_NUMBER;
    case DJ_VAR_FLOAT:
        *out = v->real;
        return FILTER_NUMBER;
    case DJ_VAR_STR:
        return float_of(dj_run_scope(run), v->text, out);
    default:
        return FILTER_TYPE_ERROR;
    }
}

dj_err filter_int_needed(dj_run *run, const dj_var *v, int64_t *out)
{
    filter_number is = filter_int(run, v, out);
    if (is == FILTER_VALUE_ERROR || is == FILTER_TYPE_ERROR)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "the argument is not a whole number");
    return DJ_OK;
}

/* -- text -- */

dj_err dj_var_plain(dj_run *run, const dj_var *v, dj_str *out)
{
    dj_var forced;
    dj_err e = dj_var_force(run, v, &forced);
    if (e)
        return e;
    if (forced.kind == DJ_VAR_STR) {
        *out = forced.text;
        return DJ_OK;
    }
    dj_buf b = filter_buf(run);
    if (forced.kind == DJ_VAR_DATE || forced.kind == DJ_VAR_TIME || forced.kind == DJ_VAR_DATETIME)
        dj_moment_iso(forced.moment, forced.kind, ' ', &b);
    else
        dj_var_repr(run, &b, &forced);
    *out = dj_buf_str(&b);
    return b.full ? dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "a value's text is too long")
                  : DJ_OK;
}

dj_err filter_html(dj_run *run, const dj_var *v, bool escape, dj_str *out)
{
    dj_err e = dj_var_plain(run, v, out);
    if (!e && escape && !dj_var_is_safe(v))
        *out = dj_html_escape(dj_run_scope(run), *out).safe;
    return e;
}

dj_err filter_text_needed(dj_run *run, const dj_var *arg, dj_str *out)
{
    if (arg->kind != DJ_VAR_STR)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "the argument is not a text");
    *out = arg->text;
    return DJ_OK;
}

size_t filter_len(dj_str text)
{
    size_t n = 0;
    for (size_t pos = 0; pos < text.len; n++)
        dj_utf8_next(text, &pos);
    return n;
}

dj_str filter_first(dj_str text, size_t n)
{
    size_t pos = 0;
    while (n-- > 0 && pos < text.len)
        dj_utf8_next(text, &pos);
    return dj_str_first(text, pos);
}

bool filter_is_space_at(dj_str text, size_t pos, size_t *after)
{
    int32_t cp = dj_utf8_next(text, &pos);
    *after = pos;
    return cp >= 0 && dj_cp_is_space((uint32_t)cp);
}

bool filter_word(dj_str *rest, dj_str *word)
{
    size_t from = 0, to, after;
    while (from < rest->len && filter_is_space_at(*rest, from, &after))
        from = after;
    if (from == rest->len)
        return false;
    for (to = from; to < rest->len && !filter_is_space_at(*rest, to, &after);)
        to = after;
    *word = dj_str_n(rest->ptr + from, to - from);
    *rest = dj_str_from(*rest, to);
    return true;
}

/* What str.splitlines() takes for the end of a line. */
static bool ends_line(uint32_t cp)
{
    return (cp >= 0xA && cp <= 0xD) || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 || cp == 0x2028 ||
           cp == 0x2029;
}

bool filter_line(dj_str *rest, dj_str *line, dj_str *end)
{
    if (rest->len == 0)
        return false;
    size_t pos = 0, start = 0;
    while (pos < rest->len) {
        start = pos;
        int32_t cp = dj_utf8_next(*rest, &pos);
        if (cp >= 0 && ends_line((uint32_t)cp)) {
            if (cp == '\r' && pos < rest->len && rest->ptr[pos] == '\n')
                pos++;
            break;
        }
        start = pos;
    }
    *line = dj_str_first(*rest, start);
    *end = dj_str_n(rest->ptr + start, pos - start);
    *rest = dj_str_from(*rest, pos);
    return true;
}

/* -- sequences -- */

bool filter_is_sequence(const dj_var *v)
{
    return v->kind == DJ_VAR_STR || v->kind == DJ_VAR_LIST || v->kind == DJ_VAR_ARRAY;
}

bool filter_is_iterable(const dj_var *v)
{
    return filter_is_sequence(v) || v->kind == DJ_VAR_MAP || v->kind == DJ_VAR_MULTI;
}

/* A text is cut in one go: asking for its i-th character each time would take the square. */
static dj_var *characters(dj_run *run, dj_str text, size_t *len)
{
    *len = filter_len(text);
    dj_var *items = dj_new_array(dj_run_scope(run), dj_var, *len);
    size_t  pos = 0;
    for (size_t i = 0; i < *len; i++) {
        size_t from = pos;
        dj_utf8_next(text, &pos);
        items[i] = dj_var_made(dj_str_n(text.ptr + from, pos - from), DJ_UNSAFE);
    }
    return items;
}

dj_err filter_items(dj_run *run, const dj_var *v, dj_var **items, size_t *len)
{
    if (!filter_is_iterable(v))
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "the value is not a list");
    if (v->kind == DJ_VAR_STR) {
        *items = characters(run, v->text, len);
        return DJ_OK;
    }
    if (!dj_var_len(run, v, len))
        *len = 0;
    *items = dj_new_array(dj_run_scope(run), dj_var, *len);
    for (size_t i = 0; i < *len; i++) {
        dj_var one;
        dj_err e = dj_var_at(run, v, i, &one);
        if (!e)
            e = dj_var_force(run, &one, &(*items)[i]);
        if (e)
            return e;
    }
    return DJ_OK;
}

/* -- what a filter makes -- */

dj_buf filter_buf(dj_run *run)
{
    return dj_buf_make(run->scope, (size_t)dj_engine_options_of(run->engine)->limits.output);
}

dj_err filter_done(dj_run *run, const dj_buf *b, dj_safety safety, dj_var *out)
{
    if (b->full)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE,
                       "the text would be longer than a page may be (%zu bytes)", b->max);
    *out = dj_var_made(dj_buf_str(b), safety);
    return DJ_OK;
}

void filter_repeat(dj_buf *b, char c, int64_t count)
{
    if (count <= 0 || !dj_buf_reserve(b, (size_t)count))
        return;
    memset(b->ptr + b->len, c, (size_t)count);
    b->len += (size_t)count;
}

void filter_put(dj_buf *b, uint32_t cp)
{
    char bytes[4];
    dj_buf_add(b, dj_str_n(bytes, dj_utf8_put(bytes, cp)));
}
