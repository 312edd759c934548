/* src/template/var_json.c - values as JSON: for the filter json_script, and for a value that stands
 * in JavaScript.
 *
 * Must not know: places in a page. Reference: django.core.serializers.json.DjangoJSONEncoder. */
#include "donjon/json.h"
#include "template/inside.h"
#include <math.h>
#include <stdlib.h>

typedef struct writer {
    dj_run       *run;
    dj_json_style style;
    dj_buf       *out;
    unsigned      depth;
} writer;

static dj_err write_value(writer *w, const dj_var *v);

/* -- texts -- */

static void write_js_text(dj_buf *b, dj_str text)
{
    dj_buf_add_byte(b, '"');
    for (size_t i = 0; i < text.len;) {
        size_t  from = i;
        int32_t cp = dj_utf8_next(text, &i);
        if (cp < 0)
            dj_buf_add(b, DJ_LIT("\xef\xbf\xbd"));
        else if (cp == '"' || cp == '\\')
            dj_buf_addf(b, "\\%c", (char)cp);
        else if (cp == '\n' || cp == '\r' || cp == '\t')
            dj_buf_add(b, cp == '\n' ? DJ_LIT("\\n") : cp == '\r' ? DJ_LIT("\\r") : DJ_LIT("\\t"));
        else if (cp < 0x20 || cp == '<' || cp == '>' || cp == '&' || cp == 0x2028 || cp == 0x2029)
            dj_buf_addf(b, "\\u%04x", (unsigned)cp);
        else
            dj_buf_add(b, dj_str_n(text.ptr + from, i - from));
    }
    dj_buf_add_byte(b, '"');
}

static void write_text(const writer *w, dj_str text)
{
    if (w->style == DJ_JSON_JS) {
        write_js_text(w->out, text);
    } else {
        dj_json json = dj_json_make(w->out);
        dj_json_str(&json, text);
    }
}

/* -- numbers and times -- */

static void write_float(const writer *w, double d)
{
    dj_str text = dj_float_repr(dj_run_scope(w->run), d);
    if (isfinite(d)) {
        if (w->style == DJ_JSON_JS && dj_str_ends(text, DJ_LIT(".0")))
            text.len -= 2;
    } else if (w->style == DJ_JSON_JS) {
        text = DJ_LIT("null");
    } else {
        text = isnan(d) ? DJ_LIT("NaN") : d > 0 ? DJ_LIT("Infinity") : DJ_LIT("-Infinity");
    }
    dj_buf_add(w->out, text);
}

static void write_offset(dj_buf *b, int32_t offset)
{
    unsigned east = (unsigned)abs(offset);
    if (offset == 0) {
        dj_buf_add_byte(b, 'Z');
        return;
    }
    dj_buf_addf(b, "%c%02u:%02u", offset < 0 ? '-' : '+', east / 3600, east / 60 % 60);
    if (east % 60 != 0)
        dj_buf_addf(b, ":%02u", east % 60);
}

/* ISO 8601 with milliseconds, as ECMA-262 reads it. */
static dj_err write_moment(const writer *w, const dj_var *v)
{
    const dj_moment *m = v->moment;
    dj_buf          *b = w->out;
    if (v->kind == DJ_VAR_TIME && m->aware)
        return dj_fail(dj_run_scope(w->run), DJ_ERR_TEMPLATE,
                       "JSON can't represent timezone-aware times.");
    dj_buf_add_byte(b, '"');
    if (v->kind != DJ_VAR_TIME)
        dj_buf_addf(b, "%04d-%02u-%02u", m->year, m->month, m->day);
    if (v->kind == DJ_VAR_DATETIME)
        dj_buf_add_byte(b, 'T');
    if (v->kind != DJ_VAR_DATE) {
        dj_buf_addf(b, "%02u:%02u:%02u", m->hour, m->minute, m->second);
        if (m->microsecond != 0)
            dj_buf_addf(b, ".%03u", m->microsecond / 1000);
    }
    if (v->kind == DJ_VAR_DATETIME && m->aware)
        write_offset(b, m->utc_offset);
    dj_buf_add_byte(b, '"');
    return DJ_OK;
}

/* -- lists and objects -- */

static void write_comma(const writer *w, size_t i)
{
    if (i > 0)
        dj_buf_add(w->out, w->style == DJ_JSON_JS ? DJ_LIT(",") : DJ_LIT(", "));
}

static dj_err write_list(writer *w, const dj_var *v)
{
    size_t len = v->kind == DJ_VAR_ARRAY ? v->array->len : v->list.len;
    dj_err e = DJ_OK;
    dj_buf_add_byte(w->out, '[');
    for (size_t i = 0; !e && i < len; i++) {
        write_comma(w, i);
        dj_var item = v->kind == DJ_VAR_LIST ? v->list.items[i] : dj_var_none();
        if (v->kind == DJ_VAR_ARRAY)
            e = dj_var_at(w->run, v, i, &item);
        if (!e)
            e = write_value(w, &item);
    }
    dj_buf_add_byte(w->out, ']');
    return e;
}

static int by_name(const void *a, const void *b)
{
    const dj_var_item *x = a, *y = b;
    return dj_str_cmp(x->name, y->name);
}

/* The members in order, in the scope of the rendering. */
static dj_err members(const writer *w, const dj_var *v, dj_var_item **out, size_t *len)
{
    dj_scope *s = dj_run_scope(w->run);
    *len = v->kind == DJ_VAR_MAP     ? v->map.len
           : v->kind == DJ_VAR_MULTI ? v->multi->len
                                     : v->object.attrs->len;
    *out = dj_new_array(s, dj_var_item, *len);
    for (size_t i = 0; i < *len; i++) {
        dj_var_item *item = &(*out)[i];
        if (v->kind == DJ_VAR_MAP) {
            *item = v->map.items[i];
        } else if (v->kind == DJ_VAR_MULTI) { /* as a QueryDict: the last value of each name */
            const struct dj_multi_item *from = &v->multi->items[i];
            *item = (dj_var_item){from->name, dj_var_str(from->values[from->nvalues - 1])};
        } else {
            bool found;
            item->name = dj_str_of(v->object.attrs->items[i].name);
            dj_err e =
                dj_attr_get(s, v->object.ptr, v->object.attrs, item->name, &item->value, &found);
            if (e)
                return e;
        }
    }
    if (w->style == DJ_JSON_JS && *len > 1)
        qsort(*out, *len, sizeof **out, by_name);
    return DJ_OK;
}

static dj_err write_object(writer *w, const dj_var *v)
{
    dj_var_item *items;
    size_t       len;
    dj_err       e = members(w, v, &items, &len);
    dj_buf_add_byte(w->out, '{');
    for (size_t i = 0; !e && i < len; i++) {
        write_comma(w, i);
        write_text(w, items[i].name);
        dj_buf_add(w->out, w->style == DJ_JSON_JS ? DJ_LIT(":") : DJ_LIT(": "));
        e = write_value(w, &items[i].value);
    }
    dj_buf_add_byte(w->out, '}');
    return e;
}

static dj_err write_nested(writer *w, const dj_var *v)
{
    if (w->depth >= VALUE_DEPTH_MAX)
        return dj_fail(dj_run_scope(w->run), DJ_ERR_TEMPLATE,
                       "a value has lists or maps in each other over %d deep", VALUE_DEPTH_MAX);
    w->depth++;
    dj_err e =
        v->kind == DJ_VAR_LIST || v->kind == DJ_VAR_ARRAY ? write_list(w, v) : write_object(w, v);
    w->depth--;
    return e;
}

static dj_err write_value(writer *w, const dj_var *v)
{
    dj_var made;
    dj_err e;
    switch (v->kind) {
    case DJ_VAR_NONE:
        dj_buf_add(w->out, DJ_LIT("null"));
        return DJ_OK;
    case DJ_VAR_BOOL:
        dj_buf_add(w->out, v->truth ? DJ_LIT("true") : DJ_LIT("false"));
        return DJ_OK;
    case DJ_VAR_INT:
        dj_buf_add_int(w->out, v->number);
        return DJ_OK;
    case DJ_VAR_FLOAT:
        write_float(w, v->real);
        return DJ_OK;
    case DJ_VAR_STR:
        write_text(w, v->text);
        return DJ_OK;
    case DJ_VAR_DATE:
    case DJ_VAR_TIME:
    case DJ_VAR_DATETIME:
        return write_moment(w, v);
    case DJ_VAR_LAZY:
        e = dj_var_force(w->run, v, &made);
        return e ? e : made.kind == DJ_VAR_LAZY ? DJ_ERR_TEMPLATE : write_value(w, &made);
    default:
        return write_nested(w, v);
    }
}

dj_err dj_var_json(dj_run *run, const dj_var *v, dj_json_style style, dj_buf *out)
{
    writer w = {.run = run, .style = style, .out = out};
    return write_value(&w, v);
}
