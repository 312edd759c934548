/* src/template/text.c - what Python's str() and repr() make of a value, as Django prints it.
 *
 * Must not know: programs, places in a page. */
#include "donjon/unicode.h"
#include "template/inside.h"
#include <stdio.h>
#include <stdlib.h>

/* -- floats -- */

/* The shortest digits that read back as `d` (finite, not 0), without a point, and the power of ten
 * of the first one. */
static size_t shortest(double d, char digits[24], int *exponent)
{
    char text[40];
    /* Fifteen digits always survive; below the normal range fewer may do. */
    int precision = d < 1e-300 && d > -1e-300 ? 0 : 14;
    for (; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, d);
        if (strtod(text, NULL) == d)
            break;
    }
    size_t n = 0;
    char  *at = text + (text[0] == '-');
    for (; *at != 'e'; at++) {
        if (dj_is_digit(*at))
            digits[n++] = *at;
    }
    *exponent = (int)strtol(at + 1, NULL, 10);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

/* Digits with the point behind the first `whole` ones (which may be none or less). */
static void add_positional(dj_buf *b, const char *digits, size_t n, int whole)
{
    if (whole <= 0) {
        dj_buf_add(b, DJ_LIT("0."));
        for (int i = whole; i < 0; i++)
            dj_buf_add_byte(b, '0');
        dj_buf_add(b, dj_str_n(digits, n));
        return;
    }
    size_t before = (size_t)whole < n ? (size_t)whole : n;
    dj_buf_add(b, dj_str_n(digits, before));
    for (size_t i = n; i < (size_t)whole; i++)
        dj_buf_add_byte(b, '0');
    if ((size_t)whole < n) {
        dj_buf_add_byte(b, '.');
        dj_buf_add(b, dj_str_n(digits + whole, n - (size_t)whole));
    }
}

/* nan, inf, 0.0; false: any other. */
static bool add_special_float(dj_buf *b, double d)
{
    if (d != d)
        dj_buf_add(b, DJ_LIT("nan"));
    else if (d == 0)
        dj_buf_add(b, __builtin_signbit(d) ? DJ_LIT("-0.0") : DJ_LIT("0.0"));
    else if (d - d != 0)
        dj_buf_add(b, d < 0 ? DJ_LIT("-inf") : DJ_LIT("inf"));
    else
        return false;
    return true;
}

static void add_float(dj_buf *b, double d, bool positional)
{
    char digits[24];
    int  exponent = 0;
    if (add_special_float(b, d))
        return;
    if (d < 0)
        dj_buf_add_byte(b, '-');
    size_t n = shortest(d, digits, &exponent);
    bool   small = exponent >= -4 && exponent < 16;
    if (small || positional) {
        add_positional(b, digits, n, exponent + 1);
        if (small && (size_t)(exponent + 1) >= n && exponent >= 0)
            dj_buf_add(b, DJ_LIT(".0"));
        return;
    }
    dj_buf_add_byte(b, digits[0]);
    if (n > 1) {
        dj_buf_add_byte(b, '.');
        dj_buf_add(b, dj_str_n(digits + 1, n - 1));
    }
    dj_buf_addf(b, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

dj_str dj_float_repr(dj_scope *s, double d)
{
    dj_buf b = dj_buf_make(s, 512);
    add_float(&b, d, false);
    return dj_buf_str(&b);
}

dj_str dj_float_text(dj_scope *s, double d)
{
    dj_buf b = dj_buf_make(s, 512);
    add_float(&b, d, true);
    return dj_buf_str(&b);
}

/* -- repr -- */

static void add_str_repr(dj_buf *out, dj_str text)
{
    bool single = dj_str_chr(text, '\'') != DJ_NOT_FOUND;
    char quote = single && dj_str_chr(text, '"') == DJ_NOT_FOUND ? '"' : '\'';
    dj_buf_add_byte(out, quote);
    for (size_t at = 0; at < text.len;) {
        size_t  from = at;
        int32_t cp = dj_utf8_next(text, &at);
        if (cp < 0)
            cp = 0xFFFD;
        if (cp == '\\' || cp == quote)
            dj_buf_addf(out, "\\%c", (char)cp);
        else if (cp == '\n' || cp == '\r' || cp == '\t')
            dj_buf_add(out, cp == '\n'   ? DJ_LIT("\\n")
                            : cp == '\r' ? DJ_LIT("\\r")
                                         : DJ_LIT("\\t"));
        else if (dj_cp_is_printable((uint32_t)cp))
            dj_buf_add(out, dj_str_n(text.ptr + from, at - from));
        else if (cp <= 0xFF)
            dj_buf_addf(out, "\\x%02x", (unsigned)cp);
        else if (cp <= 0xFFFF)
            dj_buf_addf(out, "\\u%04x", (unsigned)cp);
        else
            dj_buf_addf(out, "\\U%08x", (unsigned)cp);
    }
    dj_buf_add_byte(out, quote);
}

dj_str dj_text_repr(dj_scope *s, dj_str text)
{
    dj_buf b = dj_buf_make(s, SIZE_MAX / 2);
    add_str_repr(&b, text);
    return dj_buf_str(&b);
}

static void add_moment_repr(dj_buf *out, const dj_var *v)
{
    const dj_moment *m = v->moment;
    bool             date = v->kind != DJ_VAR_TIME, time = v->kind != DJ_VAR_DATE;
    dj_buf_addf(out, "datetime.%s(", date && time ? "datetime" : date ? "date" : "time");
    if (date)
        dj_buf_addf(out, "%d, %d, %d%s", m->year, m->month, m->day, time ? ", " : "");
    if (time)
        dj_buf_addf(out, "%d, %d", m->hour, m->minute);
    if (time && (m->second != 0 || m->microsecond != 0))
        dj_buf_addf(out, ", %d", m->second);
    if (time && m->microsecond != 0)
        dj_buf_addf(out, ", %u", m->microsecond);
    dj_buf_add_byte(out, ')');
}

static void add_repr(dj_run *run, dj_buf *out, const dj_var *v, unsigned depth);

static void add_elements(dj_run *run, dj_buf *out, const dj_var *v, unsigned depth)
{
    size_t len = 0;
    dj_buf_add_byte(out, '[');
    (void)dj_var_len(run, v, &len);
    for (size_t i = 0; i < len && !out->full; i++) {
        dj_var one = dj_var_none();
        if (i > 0)
            dj_buf_add(out, DJ_LIT(", "));
        if (!dj_var_at(run, v, i, &one))
            add_repr(run, out, &one, depth + 1);
    }
    dj_buf_add_byte(out, ']');
}

static void add_multi(dj_buf *out, const dj_var_multi *multi)
{
    dj_buf_add(out, DJ_LIT("<QueryDict: {"));
    for (size_t i = 0; i < multi->len; i++) {
        const struct dj_multi_item *item = &multi->items[i];
        if (i > 0)
            dj_buf_add(out, DJ_LIT(", "));
        add_str_repr(out, item->name);
        dj_buf_add(out, DJ_LIT(": ["));
        for (size_t k = 0; k < item->nvalues; k++) {
            if (k > 0)
                dj_buf_add(out, DJ_LIT(", "));
            add_str_repr(out, item->values[k]);
        }
        dj_buf_add_byte(out, ']');
    }
    dj_buf_add(out, DJ_LIT("}>"));
}

/* A map, or an object that is one for templates. */
static void add_members(dj_run *run, dj_buf *out, const dj_var *v, unsigned depth)
{
    size_t len = 0;
    dj_buf_add_byte(out, '{');
    (void)dj_var_len(run, v, &len);
    for (size_t i = 0; i < len && !out->full; i++) {
        dj_var key = dj_var_none(), value = dj_var_none();
        bool   found = false;
        if (dj_var_at(run, v, i, &key))
            continue;
        if (v->kind == DJ_VAR_MAP)
            value = v->map.items[i].value;
        else if (dj_var_get(run, v, key.text, &value, &found))
            continue;
        if (i > 0)
            dj_buf_add(out, DJ_LIT(", "));
        add_str_repr(out, key.text);
        dj_buf_add(out, DJ_LIT(": "));
        add_repr(run, out, &value, depth + 1);
    }
    dj_buf_add_byte(out, '}');
}

static void add_object(dj_run *run, dj_buf *out, const dj_var *v, unsigned depth)
{
    if (v->object.attrs == &dj_forloop_attrs) {
        add_members(run, out, v, depth);
    } else if (v->object.attrs == &dj_group_attrs) {
        const dj_group *group = v->object.ptr;
        dj_buf_add(out, DJ_LIT("GroupedResult(grouper="));
        add_repr(run, out, &group->grouper, depth + 1);
        dj_buf_add(out, DJ_LIT(", list="));
        add_repr(run, out, &group->list, depth + 1);
        dj_buf_add_byte(out, ')');
    } else if (v->object.attrs == &dj_block_attrs) {
        const dj_block_var *block = v->object.ptr;
        dj_buf_addf(out, "<Block Node: " DJ_FMT ">", DJ_ARG(block->name));
    } else {
        dj_buf_addf(out, "<%s>", v->object.attrs->name);
    }
}

static void add_repr(dj_run *run, dj_buf *out, const dj_var *v, unsigned depth)
{
    dj_var made = dj_var_none();
    if (depth > VALUE_DEPTH_MAX) {
        dj_buf_add(out, DJ_LIT("..."));
        return;
    }
    switch ((dj_var_kind)v->kind) {
    case DJ_VAR_NONE:
        dj_buf_add(out, DJ_LIT("None"));
        break;
    case DJ_VAR_BOOL:
        dj_buf_add(out, v->truth ? DJ_LIT("True") : DJ_LIT("False"));
        break;
    case DJ_VAR_INT:
        dj_buf_add_int(out, v->number);
        break;
    case DJ_VAR_FLOAT:
        add_float(out, v->real, false);
        break;
    case DJ_VAR_STR:
        add_str_repr(out, v->text);
        break;
    case DJ_VAR_DATE:
    case DJ_VAR_TIME:
    case DJ_VAR_DATETIME:
        add_moment_repr(out, v);
        break;
    case DJ_VAR_LIST:
    case DJ_VAR_ARRAY:
        add_elements(run, out, v, depth);
        break;
    case DJ_VAR_MAP:
        add_members(run, out, v, depth);
        break;
    case DJ_VAR_MULTI:
        add_multi(out, v->multi);
        break;
    case DJ_VAR_OBJECT:
        add_object(run, out, v, depth);
        break;
    case DJ_VAR_LAZY:
        if (!dj_var_force(run, v, &made))
            add_repr(run, out, &made, depth);
        break;
    }
}

void dj_var_repr(dj_run *run, dj_buf *out, const dj_var *v)
{
    add_repr(run, out, v, 0);
}

/* -- str -- */

static dj_err moment_text(dj_run *run, const dj_var *v, dj_str *text)
{
    dj_buf    b = dj_buf_make(run->scope, 4096);
    dj_moment local = *v->moment;
    dj_str    format = v->kind == DJ_VAR_DATE   ? DJ_LIT("N j, Y")
                       : v->kind == DJ_VAR_TIME ? DJ_LIT("P")
                                                : DJ_LIT("N j, Y, P");
    if (v->kind == DJ_VAR_DATETIME && local.aware && dj_engine_options_of(run->engine)->use_tz)
        local = dj_moment_local(v->moment);
    dj_err e = dj_moment_format(run, &local, (dj_var_kind)v->kind, format, &b);
    *text = dj_buf_str(&b);
    return e;
}

dj_err dj_var_text(dj_run *run, const dj_var *v, dj_str *text)
{
    dj_buf b = dj_buf_make(run->scope, (size_t)dj_engine_options_of(run->engine)->limits.output);
    dj_var made = dj_var_none();
    dj_err e;
    switch ((dj_var_kind)v->kind) {
    case DJ_VAR_STR:
        *text = v->text;
        return DJ_OK;
    case DJ_VAR_NONE:
        *text = DJ_LIT("None");
        return DJ_OK;
    case DJ_VAR_BOOL:
        *text = v->truth ? DJ_LIT("True") : DJ_LIT("False");
        return DJ_OK;
    case DJ_VAR_FLOAT:
        *text = dj_float_text(run->scope, v->real);
        return DJ_OK;
    case DJ_VAR_LAZY:
        e = dj_var_force(run, v, &made);
        return e ? e : dj_var_text(run, &made, text);
    case DJ_VAR_DATE:
    case DJ_VAR_TIME:
    case DJ_VAR_DATETIME:
        return moment_text(run, v, text);
    case DJ_VAR_INT:
    case DJ_VAR_LIST:
    case DJ_VAR_MAP:
    case DJ_VAR_MULTI:
    case DJ_VAR_OBJECT:
    case DJ_VAR_ARRAY:
        dj_var_repr(run, &b, v);
        *text = dj_buf_str(&b);
        return b.full ? dj_fail(run->scope, DJ_ERR_TEMPLATE, "The text of a value is too long")
                      : DJ_OK;
    }
    return DJ_OK;
}
