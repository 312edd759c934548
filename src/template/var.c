/* src/template/var.c - values from the inside: members, elements, truth, order.
 *
 * Where Python would raise, a question here answers "there is none" or "not ordered". A hostile
 * structure can't exhaust the stack: nesting is followed VALUE_DEPTH_MAX deep.
 *
 * Must not know: programs, places in a page. */
#include "template/inside.h"
#include <time.h>

dj_var dj_var_made(dj_str text, dj_safety safety)
{
    if (text.ptr == NULL)
        text = DJ_LIT("");
    return (dj_var){.kind = DJ_VAR_STR, .safety = (uint8_t)safety, .text = text};
}

dj_err dj_var_force(dj_run *run, const dj_var *v, dj_var *out)
{
    if (v->kind != DJ_VAR_LAZY) {
        *out = *v;
        return DJ_OK;
    }
    const dj_var_lazy *lazy = v->lazy;
    for (const struct dj_made *m = run->made; m != NULL; m = m->older) {
        if (m->lazy == lazy) {
            *out = m->value;
            return DJ_OK;
        }
    }
    dj_var value = dj_var_none();
    dj_err e = lazy->make(run->scope, lazy->ctx, &value);
    if (e)
        return e;
    if (value.kind == DJ_VAR_LAZY)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE, "A lazy value made another lazy value");
    struct dj_made *made = dj_new(run->scope, struct dj_made);
    *made = (struct dj_made){.lazy = lazy, .value = value, .older = run->made};
    run->made = made;
    *out = value;
    return DJ_OK;
}

/* -- elements -- */

static bool is_mapping(const dj_var *v)
{
    return v->kind == DJ_VAR_MAP || v->kind == DJ_VAR_MULTI ||
           (v->kind == DJ_VAR_OBJECT && v->object.attrs == &dj_forloop_attrs);
}

static bool is_group(const dj_var *v)
{
    return v->kind == DJ_VAR_OBJECT && v->object.attrs == &dj_group_attrs;
}

bool dj_var_len(dj_run *run, const dj_var *v, size_t *len)
{
    (void)run;
    switch ((dj_var_kind)v->kind) {
    case DJ_VAR_STR:
        *len = dj_utf8_len(v->text);
        return true;
    case DJ_VAR_LIST:
        *len = v->list.len;
        return true;
    case DJ_VAR_MAP:
        *len = v->map.len;
        return true;
    case DJ_VAR_MULTI:
        *len = v->multi->len;
        return true;
    case DJ_VAR_ARRAY:
        *len = v->array->len;
        return true;
    case DJ_VAR_OBJECT:
        *len = v->object.attrs->len - (is_mapping(v) ? 1 : 0); /* without forloop.length */
        return is_mapping(v) || is_group(v);
    case DJ_VAR_NONE:
    case DJ_VAR_BOOL:
    case DJ_VAR_INT:
    case DJ_VAR_FLOAT:
    case DJ_VAR_DATE:
    case DJ_VAR_TIME:
    case DJ_VAR_DATETIME:
    case DJ_VAR_LAZY:
        break;
    }
    return false;
}

static dj_var character_at(dj_str text, size_t i)
{
    size_t at = 0, from = 0;
    for (size_t n = 0; at < text.len; n++) {
        from = at;
        (void)dj_utf8_next(text, &at);
        if (n == i)
            break;
    }
    return dj_var_made(dj_str_n(text.ptr + from, at - from), DJ_UNSAFE);
}

dj_err dj_var_at(dj_run *run, const dj_var *v, size_t i, dj_var *out)
{
    if (v->kind == DJ_VAR_ARRAY) {
        const dj_var_array *array = v->array;
        DJ_ASSERT(i < array->len);
        out->kind = DJ_VAR_OBJECT;
        out->safety = DJ_UNSAFE;
        out->object.ptr = (const char *)array->first + i * array->attrs->size;
        out->object.attrs = array->attrs;
        return DJ_OK;
    }
    *out = dj_var_none();
    if (v->kind == DJ_VAR_LIST) {
        *out = v->list.items[i];
    } else if (v->kind == DJ_VAR_STR) {
        *out = character_at(v->text, i);
    } else if (v->kind == DJ_VAR_MAP) {
        *out = dj_var_str(v->map.items[i].name);
    } else if (v->kind == DJ_VAR_MULTI) {
        *out = dj_var_str(v->multi->items[i].name);
    } else if (is_group(v)) {
        const dj_group *group = v->object.ptr;
        *out = i == 0 ? group->grouper : group->list;
    } else if (v->kind == DJ_VAR_OBJECT) {
        *out = dj_var_str(dj_str_of(v->object.attrs->items[i].name));
    }
    return out->kind == DJ_VAR_LAZY ? dj_var_force(run, out, out) : DJ_OK;
}

/* -- members -- */

/* The i-th value of a mapping. */
static dj_err value_at(dj_run *run, const dj_var *v, size_t i, dj_var *out)
{
    bool found = false;
    if (v->kind == DJ_VAR_MAP) {
        *out = v->map.items[i].value;
        return DJ_OK;
    }
    if (v->kind == DJ_VAR_MULTI) {
        const struct dj_multi_item *item = &v->multi->items[i];
        *out = dj_var_str(item->values[item->nvalues - 1]);
        return DJ_OK;
    }
    return dj_attr_get(run->scope, v->object.ptr, v->object.attrs,
                       dj_str_of(v->object.attrs->items[i].name), out, &found);
}

static dj_var texts(dj_run *run, const dj_str *items, size_t len)
{
    dj_var *list = dj_new_array(run->scope, dj_var, len);
    for (size_t i = 0; i < len; i++)
        list[i] = dj_var_str(items[i]);
    return dj_var_of_list(list, len);
}

/* The methods of mappings that templates may call: items, keys, values; of a QueryDict also lists.
 */
static dj_err mapping_method(dj_run *run, const dj_var *v, dj_str name, dj_var *out, bool *found)
{
    bool   keys = dj_str_eq(name, DJ_LIT("keys")), values = dj_str_eq(name, DJ_LIT("values"));
    bool   lists = v->kind == DJ_VAR_MULTI && dj_str_eq(name, DJ_LIT("lists"));
    size_t len = 0;
    *found = keys || values || lists || dj_str_eq(name, DJ_LIT("items"));
    if (!*found || !dj_var_len(run, v, &len))
        return DJ_OK;
    dj_var *list = dj_new_array(run->scope, dj_var, len);
    for (size_t i = 0; i < len; i++) {
        dj_var key = dj_var_none(), value = dj_var_none();
        dj_err e;
        if ((e = dj_var_at(run, v, i, &key)) || (e = value_at(run, v, i, &value)))
            return e;
        if (lists)
            value = texts(run, v->multi->items[i].values, v->multi->items[i].nvalues);
        if (keys || values) {
            list[i] = keys ? key : value;
            continue;
        }
        dj_var *pair = dj_new_array(run->scope, dj_var, 2);
        pair[0] = key;
        pair[1] = value;
        list[i] = dj_var_of_list(pair, 2);
    }
    *out = dj_var_of_list(list, len);
    return DJ_OK;
}

static bool map_get(const dj_var *v, dj_str name, dj_var *out)
{
    for (size_t i = 0; i < v->map.len; i++) {
        const dj_var_item *item = &v->map.items[i];
        if (item->name.len == name.len && memcmp(item->name.ptr, name.ptr, name.len) == 0) {
            *out = item->value;
            return true;
        }
    }
    return false;
}

static bool multi_get(const dj_var *v, dj_str name, dj_var *out)
{
    for (size_t i = 0; i < v->multi->len; i++) {
        const struct dj_multi_item *item = &v->multi->items[i];
        if (dj_str_eq(item->name, name)) {
            *out = dj_var_str(item->values[item->nvalues - 1]);
            return true;
        }
    }
    return false;
}

static bool moment_get(const dj_var *v, dj_str name, dj_var *out)
{
    const dj_moment *m = v->moment;
    const struct {
        dj_str  name;
        int64_t value;
        bool    date;
    } parts[] = {
        {DJ_LIT("year"), m->year, true},
        {DJ_LIT("month"), m->month, true},
        {DJ_LIT("day"), m->day, true},
        {DJ_LIT("hour"), m->hour, false},
        {DJ_LIT("minute"), m->minute, false},
        {DJ_LIT("second"), m->second, false},
        {DJ_LIT("microsecond"), m->microsecond, false},
    };
    for (size_t i = 0; i < DJ_COUNT(parts); i++) {
        if (v->kind != (parts[i].date ? DJ_VAR_TIME : DJ_VAR_DATE) &&
            dj_str_eq(parts[i].name, name)) {
            *out = dj_var_int(parts[i].value);
            return true;
        }
    }
    return false;
}

/* An index in decimal digits. */
static bool index_get(dj_run *run, const dj_var *v, dj_str name, dj_var *out, dj_err *e)
{
    int64_t i = 0;
    size_t  len = 0;
    if (name.len == 0 || !dj_is_digit(name.ptr[0]) || !dj_str_to_int(name, &i) ||
        !dj_var_len(run, v, &len) || (uint64_t)i >= len)
        return false;
    *e = dj_var_at(run, v, (size_t)i, out);
    return true;
}

dj_err dj_var_get(dj_run *run, const dj_var *v, dj_str segment, dj_var *out, bool *found)
{
    dj_err e = DJ_OK;
    *found = false;
    switch ((dj_var_kind)v->kind) {
    case DJ_VAR_MAP:
        *found = map_get(v, segment, out);
        return *found ? DJ_OK : mapping_method(run, v, segment, out, found);
    case DJ_VAR_MULTI:
        *found = multi_get(v, segment, out);
        return *found ? DJ_OK : mapping_method(run, v, segment, out, found);
    case DJ_VAR_OBJECT:
        e = dj_attr_get(run->scope, v->object.ptr, v->object.attrs, segment, out, found);
        if (e || *found)
            return e;
        if (is_mapping(v))
            return mapping_method(run, v, segment, out, found);
        *found = is_group(v) && index_get(run, v, segment, out, &e);
        return e;
    case DJ_VAR_DATE:
    case DJ_VAR_TIME:
    case DJ_VAR_DATETIME:
        *found = moment_get(v, segment, out);
        return DJ_OK;
    case DJ_VAR_STR:
    case DJ_VAR_LIST:
    case DJ_VAR_ARRAY:
        *found = index_get(run, v, segment, out, &e);
        return e;
    case DJ_VAR_LAZY: {
        dj_var made = dj_var_none();
        e = dj_var_force(run, v, &made);
        return e ? e : dj_var_get(run, &made, segment, out, found);
    }
    case DJ_VAR_NONE:
    case DJ_VAR_BOOL:
    case DJ_VAR_INT:
    case DJ_VAR_FLOAT:
        break;
    }
    return DJ_OK;
}

/* -- truth, equality, order -- */

dj_err dj_var_true(dj_run *run, const dj_var *v, bool *truth)
{
    dj_var made = dj_var_none();
    size_t len = 0;
    dj_err e;
    switch ((dj_var_kind)v->kind) {
    case DJ_VAR_NONE:
        *truth = false;
        return DJ_OK;
    case DJ_VAR_BOOL:
        *truth = v->truth;
        return DJ_OK;
    case DJ_VAR_INT:
        *truth = v->number != 0;
        return DJ_OK;
    case DJ_VAR_FLOAT:
        *truth = v->real != 0;
        return DJ_OK;
    case DJ_VAR_STR:
        *truth = v->text.len > 0;
        return DJ_OK;
    case DJ_VAR_LAZY:
        e = dj_var_force(run, v, &made);
        return e ? e : dj_var_true(run, &made, truth);
    case DJ_VAR_DATE:
    case DJ_VAR_TIME:
    case DJ_VAR_DATETIME:
    case DJ_VAR_LIST:
    case DJ_VAR_MAP:
    case DJ_VAR_MULTI:
    case DJ_VAR_OBJECT:
    case DJ_VAR_ARRAY:
        *truth = !dj_var_len(run, v, &len) || len > 0;
        return DJ_OK;
    }
    return DJ_OK;
}

static bool is_number(const dj_var *v)
{
    return v->kind == DJ_VAR_INT || v->kind == DJ_VAR_FLOAT || v->kind == DJ_VAR_BOOL;
}

static int64_t integer_of(const dj_var *v)
{
    return v->kind == DJ_VAR_BOOL ? v->truth : v->number;
}

/* Exact, as Python compares them. False: one is NaN. */
static bool order_int_float(int64_t i, double d, int *order)
{
    if (d != d)
        return false;
    if (d >= 9223372036854775808.0) {
        *order = -1;
    } else if (d < -9223372036854775808.0) {
        *order = 1;
    } else {
        int64_t whole = (int64_t)d;
        double  rest = d - (double)whole;
        *order = i != whole ? (i < whole ? -1 : 1) : rest > 0 ? -1 : rest < 0 ? 1 : 0;
    }
    return true;
}

static bool order_numbers(const dj_var *a, const dj_var *b, int *order)
{
    if (a->kind == DJ_VAR_FLOAT && b->kind == DJ_VAR_FLOAT) {
        *order = a->real < b->real ? -1 : a->real > b->real ? 1 : 0;
        return a->real == a->real && b->real == b->real;
    }
    if (b->kind == DJ_VAR_FLOAT)
        return order_int_float(integer_of(a), b->real, order);
    if (a->kind == DJ_VAR_FLOAT) {
        bool ordered = order_int_float(integer_of(b), a->real, order);
        *order = -*order;
        return ordered;
    }
    int64_t x = integer_of(a), y = integer_of(b);
    *order = x < y ? -1 : x > y ? 1 : 0;
    return true;
}

static int64_t moment_key(const dj_moment *m, bool date, bool time)
{
    int64_t key = 0;
    if (date)
        key = ((int64_t)m->year * 12 + m->month) * 31 + m->day;
    if (time)
        key = (((key * 24 + m->hour) * 60 + m->minute) * 60 + m->second) * 1000000 + m->microsecond;
    return key;
}

/* False: Python does not order them, and they are not equal. */
static bool order_moments(const dj_var *a, const dj_var *b, int *order)
{
    if (a->kind != b->kind || a->moment->aware != b->moment->aware)
        return false;
    bool    date = a->kind != DJ_VAR_TIME, time = a->kind != DJ_VAR_DATE;
    int64_t x = moment_key(a->moment, date, time), y = moment_key(b->moment, date, time);
    if (a->kind == DJ_VAR_DATETIME && a->moment->aware) {
        x = dj_moment_unix(a->moment) * 1000000 + a->moment->microsecond;
        y = dj_moment_unix(b->moment) * 1000000 + b->moment->microsecond;
    }
    *order = x < y ? -1 : x > y ? 1 : 0;
    return true;
}

static bool is_moment(const dj_var *v)
{
    return v->kind == DJ_VAR_DATE || v->kind == DJ_VAR_TIME || v->kind == DJ_VAR_DATETIME;
}

static bool equal(dj_run *run, const dj_var *a, const dj_var *b, unsigned depth);

static bool equal_at(dj_run *run, const dj_var *a, const dj_var *b, size_t i, unsigned depth)
{
    dj_var x = dj_var_none(), y = dj_var_none();
    if (dj_var_at(run, a, i, &x) || dj_var_at(run, b, i, &y))
        return false;
    return equal(run, &x, &y, depth + 1);
}

static bool equal_maps(dj_run *run, const dj_var *a, const dj_var *b, unsigned depth)
{
    if (a->map.len != b->map.len)
        return false;
    for (size_t i = 0; i < a->map.len; i++) {
        dj_var other = dj_var_none();
        if (!map_get(b, a->map.items[i].name, &other) ||
            !equal(run, &a->map.items[i].value, &other, depth + 1))
            return false;
    }
    return true;
}

static bool equal(dj_run *run, const dj_var *a, const dj_var *b, unsigned depth)
{
    int    order = 1;
    size_t la = 0, lb = 0;
    if (depth > VALUE_DEPTH_MAX)
        return false;
    if (is_number(a) && is_number(b))
        return order_numbers(a, b, &order) && order == 0;
    if (is_moment(a) && is_moment(b))
        return order_moments(a, b, &order) && order == 0;
    if (a->kind != b->kind)
        return false;
    switch ((dj_var_kind)a->kind) {
    case DJ_VAR_NONE:
        return true;
    case DJ_VAR_STR:
        return dj_str_eq(a->text, b->text);
    case DJ_VAR_MAP:
        return equal_maps(run, a, b, depth);
    case DJ_VAR_OBJECT:
        if (a->object.ptr == b->object.ptr)
            return true;
        if (!is_group(a) || !is_group(b))
            return false;
        break;
    case DJ_VAR_LIST:
        break;
    case DJ_VAR_BOOL:
    case DJ_VAR_INT:
    case DJ_VAR_FLOAT:
    case DJ_VAR_DATE:
    case DJ_VAR_TIME:
    case DJ_VAR_DATETIME:
    case DJ_VAR_MULTI:
    case DJ_VAR_ARRAY:
    case DJ_VAR_LAZY:
        return a->multi == b->multi; /* each is one pointer */
    }
    if (!dj_var_len(run, a, &la) || !dj_var_len(run, b, &lb) || la != lb)
        return false;
    for (size_t i = 0; i < la; i++) {
        if (!equal_at(run, a, b, i, depth))
            return false;
    }
    return true;
}

bool dj_var_eq(dj_run *run, const dj_var *a, const dj_var *b)
{
    return equal(run, a, b, 0);
}

static bool ordered(dj_run *run, const dj_var *a, const dj_var *b, int *order, unsigned depth)
{
    if (depth > VALUE_DEPTH_MAX)
        return false;
    if (is_number(a) && is_number(b))
        return order_numbers(a, b, order);
    if (a->kind == DJ_VAR_STR && b->kind == DJ_VAR_STR) {
        *order = dj_str_cmp(a->text, b->text);
        return true;
    }
    if (is_moment(a) && is_moment(b))
        return order_moments(a, b, order);
    if (a->kind != DJ_VAR_LIST || b->kind != DJ_VAR_LIST)
        return false;
    /* The first elements that differ decide, as in Python. */
    size_t shorter = a->list.len < b->list.len ? a->list.len : b->list.len;
    for (size_t i = 0; i < shorter; i++) {
        dj_var x = dj_var_none(), y = dj_var_none();
        if (dj_var_at(run, a, i, &x) || dj_var_at(run, b, i, &y))
            return false;
        if (!equal(run, &x, &y, depth + 1))
            return ordered(run, &x, &y, order, depth + 1);
    }
    *order = a->list.len < b->list.len ? -1 : a->list.len > b->list.len ? 1 : 0;
    return true;
}

bool dj_var_order(dj_run *run, const dj_var *a, const dj_var *b, int *order)
{
    return ordered(run, a, b, order, 0);
}

dj_var dj_var_time(dj_scope *s, int64_t unix_time)
{
    dj_moment *m = dj_new(s, dj_moment);
    struct tm  parts;
    time_t     t = (time_t)unix_time;
    if (gmtime_r(&t, &parts) == NULL)
        return dj_var_none();
    *m = (dj_moment){.year = parts.tm_year + 1900,
                     .month = (uint8_t)(parts.tm_mon + 1),
                     .day = (uint8_t)parts.tm_mday,
                     .hour = (uint8_t)parts.tm_hour,
                     .minute = (uint8_t)parts.tm_min,
                     .second = (uint8_t)parts.tm_sec,
                     .aware = true};
    return (dj_var){.kind = DJ_VAR_DATETIME, .moment = m};
}
