/* tools/conformance/values.c - settings' values out of vector files, and compared. */
#include "values.h"

dj_value *js_pairs(run *r, const json_t *pairs)
{
    dj_value *v = dj_new(r->scope, dj_value);
    v->kind = DJ_V_DICT;
    v->dict.len = json_array_size(pairs);
    v->dict.pairs = dj_new_array(r->scope, dj_value_pair, v->dict.len);
    for (size_t i = 0; i < v->dict.len; i++) {
        const json_t *pair = json_array_get(pairs, i);
        v->dict.pairs[i] = (dj_value_pair){js_value(r, json_array_get(pair, 0)),
                                           js_value(r, json_array_get(pair, 1))};
    }
    return v;
}

dj_str_list js_str_list(run *r, const json_t *list)
{
    size_t  len = json_array_size(list);
    dj_str *items = dj_new_array(r->scope, dj_str, len);
    for (size_t i = 0; i < len; i++)
        items[i] = js_text(json_array_get(list, i));
    return (dj_str_list){items, len};
}

static bool same_items(const dj_value *a, const dj_value *b)
{
    if (a->seq.len != b->seq.len)
        return false;
    for (size_t i = 0; i < a->seq.len; i++) {
        if (!js_value_same(a->seq.items[i], b->seq.items[i]))
            return false;
    }
    return true;
}

static bool same_pairs(const dj_value *a, const dj_value *b)
{
    if (a->dict.len != b->dict.len)
        return false;
    for (size_t i = 0; i < a->dict.len; i++) {
        if (!js_value_same(a->dict.pairs[i].key, b->dict.pairs[i].key) ||
            !js_value_same(a->dict.pairs[i].value, b->dict.pairs[i].value))
            return false;
    }
    return true;
}

bool js_value_same(const dj_value *a, const dj_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case DJ_V_BOOL:
        return a->boolean == b->boolean;
    case DJ_V_INT:
        return a->integer == b->integer;
    case DJ_V_FLOAT:
        return !(a->number < b->number) && !(a->number > b->number);
    case DJ_V_STR:
    case DJ_V_PATH:
        return dj_str_eq(a->str, b->str);
    case DJ_V_LIST:
    case DJ_V_TUPLE:
    case DJ_V_SET:
        return same_items(a, b);
    case DJ_V_DICT:
        return same_pairs(a, b);
    case DJ_V_NONE:
    case DJ_V_UNKNOWN:
        return true;
    }
    return false;
}
