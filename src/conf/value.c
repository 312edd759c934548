/* src/conf/value.c - Python's truth, ==, repr and type names, for the values of a settings file. */
#include "donjon/value.h"
#include "donjon/buf.h"
#include <math.h>

#define DEPTH_MAX 250 /* the reader refuses deeper values */

bool dj_value_is_seq(const dj_value *v)
{
    return v->kind == DJ_V_LIST || v->kind == DJ_V_TUPLE || v->kind == DJ_V_SET;
}

bool dj_value_truth(const dj_value *v)
{
    switch (v->kind) {
    case DJ_V_UNKNOWN:
        DJ_ASSERT(v->kind != DJ_V_UNKNOWN);
        return false;
    case DJ_V_NONE:
        return false;
    case DJ_V_BOOL:
        return v->boolean;
    case DJ_V_INT:
        return v->integer != 0;
    case DJ_V_FLOAT:
        return v->number != 0.0;
    case DJ_V_STR:
        return v->str.len > 0;
    case DJ_V_PATH:
        return true;
    case DJ_V_LIST:
    case DJ_V_TUPLE:
    case DJ_V_SET:
        return v->seq.len > 0;
    case DJ_V_DICT:
        return v->dict.len > 0;
    }
    return false;
}

bool dj_value_is_true(const dj_value *v)
{
    return v->kind == DJ_V_BOOL && v->boolean;
}

static bool is_number(const dj_value *v)
{
    return v->kind == DJ_V_BOOL || v->kind == DJ_V_INT || v->kind == DJ_V_FLOAT;
}

/* long double holds every int64_t and every double exactly on the machines Donjon runs on. */
static long double number_of(const dj_value *v)
{
    return v->kind == DJ_V_BOOL  ? (long double)v->boolean
           : v->kind == DJ_V_INT ? (long double)v->integer
                                 : (long double)v->number;
}

static bool equal(const dj_value *a, const dj_value *b, unsigned depth);

static bool has_item(const dj_value *set, const dj_value *v, unsigned depth)
{
    for (size_t i = 0; i < set->seq.len; i++) {
        if (equal(set->seq.items[i], v, depth))
            return true;
    }
    return false;
}

static bool equal_dicts(const dj_value *a, const dj_value *b, unsigned depth)
{
    if (a->dict.len != b->dict.len)
        return false;
    for (size_t i = 0; i < a->dict.len; i++) {
        size_t j = 0;
        while (j < b->dict.len && !equal(a->dict.pairs[i].key, b->dict.pairs[j].key, depth))
            j++;
        if (j == b->dict.len || !equal(a->dict.pairs[i].value, b->dict.pairs[j].value, depth))
            return false;
    }
    return true;
}

static bool equal(const dj_value *a, const dj_value *b, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return false;
    if (is_number(a) && is_number(b))
        return number_of(a) == number_of(b);
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case DJ_V_NONE:
        return true;
    case DJ_V_STR:
    case DJ_V_PATH:
        return dj_str_eq(a->str, b->str);
    case DJ_V_LIST:
    case DJ_V_TUPLE:
        if (a->seq.len != b->seq.len)
            return false;
        for (size_t i = 0; i < a->seq.len; i++) {
            if (!equal(a->seq.items[i], b->seq.items[i], depth + 1))
                return false;
        }
        return true;
    case DJ_V_SET:
        if (a->seq.len != b->seq.len)
            return false;
        for (size_t i = 0; i < a->seq.len; i++) {
            if (!has_item(b, a->seq.items[i], depth + 1))
                return false;
        }
        return true;
    case DJ_V_DICT:
        return equal_dicts(a, b, depth + 1);
    default:
        return false;
    }
}

bool dj_value_equal(const dj_value *a, const dj_value *b)
{
    return equal(a, b, 0);
}

static bool has_unknown(const dj_value *v, unsigned depth)
{
    if (v->kind == DJ_V_UNKNOWN || depth > DEPTH_MAX)
        return true;
    if (dj_value_is_seq(v)) {
        for (size_t i = 0; i < v->seq.len; i++) {
            if (has_unknown(v->seq.items[i], depth + 1))
                return true;
        }
    } else if (v->kind == DJ_V_DICT) {
        for (size_t i = 0; i < v->dict.len; i++) {
            if (has_unknown(v->dict.pairs[i].key, depth + 1) ||
                has_unknown(v->dict.pairs[i].value, depth + 1))
                return true;
        }
    }
    return false;
}

bool dj_value_has_unknown(const dj_value *v)
{
    return has_unknown(v, 0);
}

const dj_value *dj_value_get(const dj_value *dict, dj_str key)
{
    if (dict->kind != DJ_V_DICT)
        return NULL;
    for (size_t i = 0; i < dict->dict.len; i++) {
        const dj_value *k = dict->dict.pairs[i].key;
        if (k->kind == DJ_V_STR && dj_str_eq(k->str, key))
            return dict->dict.pairs[i].value;
    }
    return NULL;
}

static void repr_str(dj_buf *b, dj_str text)
{
    bool apostrophe = dj_str_chr(text, '\'') != DJ_NOT_FOUND;
    char quote = apostrophe && dj_str_chr(text, '"') == DJ_NOT_FOUND ? '"' : '\'';
    dj_buf_add_byte(b, quote);
    for (size_t pos = 0; pos < text.len && !b->full;) {
        size_t  start = pos;
        int32_t cp = dj_utf8_next(text, &pos);
        if (cp == quote || cp == '\\')
            dj_buf_addf(b, "\\%c", (char)cp);
        else if (cp == '\n')
            dj_buf_add(b, DJ_LIT("\\n"));
        else if (cp == '\r')
            dj_buf_add(b, DJ_LIT("\\r"));
        else if (cp == '\t')
            dj_buf_add(b, DJ_LIT("\\t"));
        else if (cp < 0x20 || (cp >= 0x7F && cp <= 0xA0) || cp == 0xAD)
            dj_buf_addf(b, "\\x%02x", (unsigned)cp & 0xFF);
        else
            dj_buf_add(b, dj_str_n(text.ptr + start, pos - start));
    }
    dj_buf_add_byte(b, quote);
}

/* The shortest digits that read back as the same number, laid out as Python does. */
static void repr_float(dj_buf *b, double n)
{
    char text[40];
    int  digits = 1;
    if (isnan(n) || isinf(n)) {
        dj_buf_addf(b, "%s", isnan(n) ? "nan" : n < 0 ? "-inf" : "inf");
        return;
    }
    do
        snprintf(text, sizeof(text), "%.*e", digits - 1, n);
    while (strtod(text, NULL) != n && ++digits <= 17);
    long exponent = strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent >= -4 && exponent < 16) {
        int places = digits - 1 - (int)exponent;
        dj_buf_addf(b, "%.*f", places > 1 ? places : 1, n);
    } else {
        *strchr(text, 'e') = '\0';
        dj_buf_addf(b, "%se%c%02ld", text, exponent < 0 ? '-' : '+',
                    exponent < 0 ? -exponent : exponent);
    }
}

static void repr(dj_buf *b, const dj_value *v, unsigned depth)
{
    if (b->full)
        return;
    if (depth > DEPTH_MAX) {
        dj_buf_add(b, DJ_LIT("..."));
        return;
    }
    switch (v->kind) {
    case DJ_V_UNKNOWN:
        dj_buf_add(b, DJ_LIT("<unknown>"));
        break;
    case DJ_V_NONE:
        dj_buf_add(b, DJ_LIT("None"));
        break;
    case DJ_V_BOOL:
        dj_buf_add(b, v->boolean ? DJ_LIT("True") : DJ_LIT("False"));
        break;
    case DJ_V_INT:
        dj_buf_add_int(b, v->integer);
        break;
    case DJ_V_FLOAT:
        repr_float(b, v->number);
        break;
    case DJ_V_STR:
        repr_str(b, v->str);
        break;
    case DJ_V_PATH:
        dj_buf_add(b, DJ_LIT("PosixPath("));
        repr_str(b, v->str);
        dj_buf_add_byte(b, ')');
        break;
    case DJ_V_LIST:
    case DJ_V_TUPLE:
    case DJ_V_SET:
        if (v->kind == DJ_V_SET && v->seq.len == 0) {
            dj_buf_add(b, DJ_LIT("set()"));
            break;
        }
        dj_buf_add_byte(b, v->kind == DJ_V_LIST ? '[' : v->kind == DJ_V_TUPLE ? '(' : '{');
        for (size_t i = 0; i < v->seq.len && !b->full; i++) {
            if (i > 0)
                dj_buf_add(b, DJ_LIT(", "));
            repr(b, v->seq.items[i], depth + 1);
        }
        if (v->kind == DJ_V_TUPLE && v->seq.len == 1)
            dj_buf_add_byte(b, ',');
        dj_buf_add_byte(b, v->kind == DJ_V_LIST ? ']' : v->kind == DJ_V_TUPLE ? ')' : '}');
        break;
    case DJ_V_DICT:
        dj_buf_add_byte(b, '{');
        for (size_t i = 0; i < v->dict.len && !b->full; i++) {
            if (i > 0)
                dj_buf_add(b, DJ_LIT(", "));
            repr(b, v->dict.pairs[i].key, depth + 1);
            dj_buf_add(b, DJ_LIT(": "));
            repr(b, v->dict.pairs[i].value, depth + 1);
        }
        dj_buf_add_byte(b, '}');
        break;
    }
}

dj_str dj_value_repr(dj_scope *s, const dj_value *v, size_t max)
{
    dj_buf b = dj_buf_make(s, max);
    repr(&b, v, 0);
    return dj_buf_str(&b);
}

dj_str dj_value_type(const dj_value *v)
{
    static const dj_str names[] = {
        [DJ_V_UNKNOWN] = DJ_STR_INIT("unknown"), [DJ_V_NONE] = DJ_STR_INIT("None"),
        [DJ_V_BOOL] = DJ_STR_INIT("bool"),       [DJ_V_INT] = DJ_STR_INIT("int"),
        [DJ_V_FLOAT] = DJ_STR_INIT("float"),     [DJ_V_STR] = DJ_STR_INIT("str"),
        [DJ_V_PATH] = DJ_STR_INIT("Path"),       [DJ_V_LIST] = DJ_STR_INIT("list"),
        [DJ_V_TUPLE] = DJ_STR_INIT("tuple"),     [DJ_V_SET] = DJ_STR_INIT("set"),
        [DJ_V_DICT] = DJ_STR_INIT("dict"),
    };
    return names[v->kind];
}
