/* src/template/filters/lists.c - filters about lists and other things with items. */
#include "donjon/crypto.h"
#include "template/filters/filters.h"
#include "template/inside.h"

static void nothing(dj_var *out)
{
    *out = dj_var_made(DJ_LIT(""), DJ_UNSAFE);
}

/* -- one item -- */

/* v[i] as Python has it: maps and numbers have no places. */
static dj_err item(dj_run *run, const dj_var *v, bool last, dj_var *out)
{
    size_t len;
    if (!filter_is_sequence(v) || !dj_var_len(run, v, &len))
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "the value has no items by number");
    nothing(out);
    if (len == 0)
        return DJ_OK;
    dj_var one;
    dj_err e = dj_var_at(run, v, last ? len - 1 : 0, &one);
    return e ? e : dj_var_force(run, &one, out);
}

FILTER(filter_first_item)
{
    return item(run, in, false, out);
}

FILTER(filter_last_item)
{
    return item(run, in, true, out);
}

FILTER(filter_random)
{
    size_t len;
    nothing(out);
    if (!filter_is_sequence(in) || !dj_var_len(run, in, &len) || len > UINT32_MAX)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "random wants a list");
    if (len == 0)
        return DJ_OK;
    dj_var one;
    dj_err e = dj_var_at(run, in, dj_random_below((uint32_t)len), &one);
    return e ? e : dj_var_force(run, &one, out);
}

FILTER(filter_length)
{
    size_t len;
    *out = dj_var_int(dj_var_len(run, in, &len) ? (int64_t)len : 0);
    return DJ_OK;
}

/* -- slice -- */

typedef struct bound {
    bool    given;
    int64_t at;
} bound;

/* "1:-1:2"; false: not a slice. Python's slice() wants at least one bound. */
static bool read_slice(dj_str text, bound bounds[3], size_t *n)
{
    dj_str part;
    *n = 0;
    while (dj_str_next(&text, ':', &part)) {
        if (*n == 3)
            return false;
        bounds[*n] = (bound){.given = part.len > 0};
        if (part.len > 0 && filter_int_of(part, &bounds[*n].at) == FILTER_VALUE_ERROR)
            return false;
        ++*n;
    }
    return true;
}

static int64_t clamped(int64_t at, int64_t len, int64_t low, int64_t high)
{
    if (at < 0)
        at = at < -len ? low : at + len;
    return at < low ? low : at > high ? high : at;
}

/* slice.indices(): `count` items from `first` by `step`. */
static void resolve_slice(const bound b[3], size_t nbounds, int64_t len, int64_t *first,
                          int64_t *step, int64_t *count)
{
    bound start = nbounds == 1 ? (bound){0} : b[0], stop = nbounds == 1 ? b[0] : b[1];
    *step = nbounds == 3 && b[2].given ? b[2].at : 1;
    int64_t low = *step < 0 ? -1 : 0, high = *step < 0 ? len - 1 : len;
    *first = start.given ? clamped(start.at, len, low, high) : *step < 0 ? high : low;
    int64_t  end = stop.given ? clamped(stop.at, len, low, high) : *step < 0 ? low : high;
    uint64_t gap = *step < 0 ? (*first > end ? (uint64_t)(*first - end) : 0)
                             : (end > *first ? (uint64_t)(end - *first) : 0);
    uint64_t by = *step < 0 ? 0 - (uint64_t)*step : (uint64_t)*step;
    *count = (int64_t)(gap == 0 ? 0 : (gap - 1) / by + 1);
}

FILTER(filter_slice)
{
    bound  bounds[3] = {0};
    size_t nbounds, len;
    dj_str text;
    dj_err e = dj_var_plain(run, arg, &text);
    if (e)
        return e;
    *out = *in;
    if (!filter_is_sequence(in) || !read_slice(text, bounds, &nbounds) ||
        (nbounds == 3 && bounds[2].given && bounds[2].at == 0))
        return DJ_OK;
    dj_var *items;
    e = filter_items(run, in, &items, &len);
    if (e)
        return e;
    int64_t first, step, count;
    resolve_slice(bounds, nbounds, (int64_t)len, &first, &step, &count);
    dj_var *picked = dj_new_array(dj_run_scope(run), dj_var, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        picked[i] = items[first + i * step];
    *out = dj_var_of_list(picked, (size_t)count);
    if (in->kind != DJ_VAR_STR)
        return DJ_OK;
    dj_buf b = filter_buf(run);
    for (int64_t i = 0; i < count; i++)
        dj_buf_add(&b, picked[i].text);
    return filter_done(run, &b, DJ_UNSAFE, out);
}

/* -- join -- */

FILTER(filter_join)
{
    bool    escape = dj_run_autoescape(run);
    dj_str  between;
    dj_var *items;
    size_t  len;
    if (!escape && arg->kind != DJ_VAR_STR)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "join wants a text between the items");
    dj_err e = filter_html(run, arg, escape, &between);
    if (e)
        return e;
    *out = *in;
    if (!filter_is_iterable(in))
        return DJ_OK;
    e = filter_items(run, in, &items, &len);
    dj_buf b = filter_buf(run);
    for (size_t i = 0; !e && i < len; i++) {
        dj_str text;
        if (!escape && items[i].kind != DJ_VAR_STR)
            return DJ_OK; /* str.join() takes nothing but text, and Django shows the list then */
        e = filter_html(run, &items[i], escape, &text);
        if (e)
            return e;
        if (i > 0)
            dj_buf_add(&b, between);
        dj_buf_add(&b, text);
    }
    return e ? e : filter_done(run, &b, DJ_SAFE_HTML, out);
}

/* -- dictsort -- */

typedef struct sort_key {
    dj_var value, item;
} sort_key;

/* How items are looked at: by a path of names, by one name as it is, or by number. */
typedef struct sort_by {
    dj_str  path;
    bool    is_path, is_number;
    int64_t number;
} sort_by;

/* value[name], else the attribute. *found false: Django's answer is "". */
static dj_err by_name(dj_run *run, dj_var v, dj_str name, dj_var *out, bool *found)
{
    *found = false;
    if (filter_is_sequence(&v)) /* a list has no item of that name, and text no attribute */
        return DJ_OK;
    return dj_var_get(run, &v, name, out, found);
}

static dj_err by_path(dj_run *run, const dj_var *item_, dj_str path, dj_var *out, bool *found)
{
    dj_var v = *item_;
    dj_str name;
    *found = true;
    while (*found && dj_str_next(&path, '.', &name)) {
        dj_var next;
        dj_err e = by_name(run, v, name, &next, found);
        if (e)
            return e;
        if (*found) {
            e = dj_var_force(run, &next, &v);
            if (e)
                return e;
        }
    }
    *out = v;
    return DJ_OK;
}

static dj_err by_number(dj_run *run, const dj_var *v, int64_t number, dj_var *out, bool *found)
{
    size_t len;
    *found = filter_is_sequence(v);
    if (v->kind == DJ_VAR_MAP || v->kind == DJ_VAR_MULTI)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "dictsort: there is no such key");
    if (!*found || !dj_var_len(run, v, &len))
        return DJ_OK;
    if (number < 0)
        number += (int64_t)len;
    if (number < 0 || number >= (int64_t)len)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "dictsort: there is no such item");
    return dj_var_at(run, v, (size_t)number, out);
}

/* itemgetter("1"): a key of a map, and of nothing else. */
static dj_err by_key(dj_run *run, const dj_var *v, dj_str key, dj_var *out, bool *found)
{
    *found = false;
    if (v->kind != DJ_VAR_MAP && v->kind != DJ_VAR_MULTI)
        return DJ_OK;
    dj_err e = dj_var_get(run, v, key, out, found);
    if (!e && !*found)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "dictsort: there is no such key");
    return e;
}

/* Like operator.itemgetter for what looks like a number, else a path. *ok false: "". */
static dj_err read_sort_by(dj_run *run, const dj_var *arg, sort_by *by, bool *ok)
{
    double        number;
    filter_number is = filter_float(run, arg, &number);
    *by = (sort_by){0};
    *ok = is != FILTER_TYPE_ERROR;
    if (arg->kind == DJ_VAR_INT || arg->kind == DJ_VAR_BOOL) {
        by->is_number = true;
        return filter_int_needed(run, arg, &by->number);
    }
    if (arg->kind != DJ_VAR_STR)
        return DJ_OK; /* a float is a number that no list has */
    by->path = arg->text;
    by->is_path = is == FILTER_VALUE_ERROR;
    if (by->is_path && by->path.len == 0)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "dictsort: an empty name");
    if (by->is_path && (by->path.ptr[0] == '_' || dj_str_has(by->path, DJ_LIT("._"))))
        *ok = false;
    return DJ_OK;
}

static dj_err key_of(dj_run *run, const sort_by *by, const dj_var *v, dj_var *out, bool *found)
{
    if (by->is_number)
        return by_number(run, v, by->number, out, found);
    if (by->is_path)
        return by_path(run, v, by->path, out, found);
    return by_key(run, v, by->path, out, found);
}

/* Stable merging from below; false: two keys have no order. */
static bool sort_keys(dj_run *run, sort_key *keys, sort_key *spare, size_t len, bool reversed)
{
    for (size_t width = 1; width < len; width *= 2) {
        for (size_t from = 0; from + width < len; from += 2 * width) {
            size_t a = from, b = from + width, to = from;
            size_t end_a = b, end_b = b + width < len ? b + width : len;
            while (a < end_a && b < end_b) {
                int order;
                if (!dj_var_order(run, &keys[b].value, &keys[a].value, &order))
                    return false;
                bool right_first = reversed ? order > 0 : order < 0;
                spare[to++] = right_first ? keys[b++] : keys[a++];
            }
            while (a < end_a)
                spare[to++] = keys[a++];
            while (b < end_b)
                spare[to++] = keys[b++];
            memcpy(keys + from, spare + from, (end_b - from) * sizeof(*keys));
        }
    }
    return true;
}

static dj_err sorted(dj_run *run, const dj_var *in, const dj_var *arg, bool reversed, dj_var *out)
{
    sort_by by;
    bool    ok;
    dj_err  e = read_sort_by(run, arg, &by, &ok);
    nothing(out);
    if (e || !ok || !filter_is_iterable(in))
        return e;
    dj_var *items;
    size_t  len;
    e = filter_items(run, in, &items, &len);
    sort_key *keys = dj_new_array(dj_run_scope(run), sort_key, e ? 0 : len);
    sort_key *spare = dj_new_array(dj_run_scope(run), sort_key, e ? 0 : len);
    for (size_t i = 0; !e && i < len; i++) {
        bool found;
        keys[i].item = items[i];
        e = key_of(run, &by, &items[i], &keys[i].value, &found);
        if (!e && !found)
            return DJ_OK;
    }
    if (e || !sort_keys(run, keys, spare, len, reversed))
        return e;
    for (size_t i = 0; i < len; i++)
        items[i] = keys[i].item;
    *out = dj_var_of_list(items, len);
    return DJ_OK;
}

FILTER(filter_dictsort)
{
    return sorted(run, in, arg, false, out);
}

FILTER(filter_dictsortreversed)
{
    return sorted(run, in, arg, true, out);
}

/* -- unordered_list -- */

static bool is_sublist(const dj_var *v)
{
    return v->kind == DJ_VAR_LIST || v->kind == DJ_VAR_ARRAY;
}

static dj_err add_list(dj_run *run, dj_buf *b, const dj_var *list, int depth)
{
    bool    escape = dj_run_autoescape(run);
    dj_var *items;
    size_t  len;
    dj_err  e = filter_items(run, list, &items, &len);
    if (!e && depth > VALUE_DEPTH_MAX)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE,
                       "unordered_list: too many lists in lists");
    for (size_t i = 0; !e && i < len && !b->full; i++) {
        dj_str text;
        e = filter_html(run, &items[i], escape, &text);
        if (e)
            return e;
        if (i > 0)
            dj_buf_add_byte(b, '\n');
        filter_repeat(b, '\t', depth);
        dj_buf_add(b, DJ_LIT("<li>"));
        dj_buf_add(b, text);
        /* A list behind an item holds what is below that item. */
        if (i + 1 < len && is_sublist(&items[i + 1])) {
            size_t below;
            i++;
            if (dj_var_len(run, &items[i], &below) && below > 0) {
                dj_buf_add_byte(b, '\n');
                filter_repeat(b, '\t', depth);
                dj_buf_add(b, DJ_LIT("<ul>\n"));
                e = add_list(run, b, &items[i], depth + 1);
                dj_buf_add_byte(b, '\n');
                filter_repeat(b, '\t', depth);
                dj_buf_add(b, DJ_LIT("</ul>\n"));
                filter_repeat(b, '\t', depth);
            }
        }
        dj_buf_add(b, DJ_LIT("</li>"));
    }
    return e;
}

FILTER(filter_unordered_list)
{
    dj_buf b = filter_buf(run);
    if (arg != NULL)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "unordered_list takes no argument");
    dj_err e = add_list(run, &b, in, 1);
    return e ? e : filter_done(run, &b, DJ_SAFE_HTML, out);
}
