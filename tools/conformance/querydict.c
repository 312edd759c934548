/* tools/conformance/querydict.c - http.querydict: query strings to lists and back, and bodies of
 * forms. */
#include "forms.h"

/* DATA_UPLOAD_MAX_NUMBER_FIELDS of the case; null turns the limit off. */
static int64_t max_fields(const json_t *one)
{
    const json_t *limit =
        json_object_get(json_object_get(one, "settings"), "DATA_UPLOAD_MAX_NUMBER_FIELDS");
    if (limit == NULL)
        return 1000;
    return json_is_null(limit) ? -1 : json_integer_value(limit);
}

static void check_lists(run *r, const json_t *lists, const dj_querydict *q)
{
    case_expect_int(r, "names", (int64_t)json_array_size(lists), (int64_t)q->names.len);
    for (size_t i = 0; i < json_array_size(lists) && i < q->names.len; i++) {
        const json_t *pair = json_array_get(lists, i), *values = json_array_get(pair, 1);
        const dj_querydict_entry *entry = q->names.entries[i].value;
        size_t                    n = json_array_size(values);
        case_expect_str(r, "name", js_text(json_array_get(pair, 0)), entry->name);
        case_expect_int(r, "values", (int64_t)n, (int64_t)entry->nvalues);
        for (size_t k = 0; k < n && k < entry->nvalues; k++)
            case_expect_str(r, "value", js_text(json_array_get(values, k)), entry->values[k]);
        if (n > 0)
            case_expect_str(r, "get", js_text(json_array_get(values, n - 1)),
                            dj_querydict_get(q, entry->name));
    }
}

static void query_case(run *r, const json_t *one)
{
    const json_t *expect = json_object_get(one, "expect");
    dj_str        error = js_str(expect, "error");
    dj_querydict *q;
    dj_err        e =
        dj_querydict_parse(r->scope, js_base64(r, js_str(one, "query_b64")), max_fields(one), &q);
    if (e != DJ_OK || !dj_str_is_none(error)) {
        case_expect_str(r, "error", error, e == DJ_OK ? DJ_NONE : dj_err_info_of(e)->name);
        return;
    }
    check_lists(r, json_object_get(expect, "lists"), q);
    case_expect_str(r, "urlencode", js_str(expect, "urlencode"),
                    dj_querydict_urlencode(r->scope, q, DJ_NONE));
    case_expect_str(r, "urlencode(safe='/')", js_str(expect, "urlencode_safe_slash"),
                    dj_querydict_urlencode(r->scope, q, DJ_LIT("/")));
}

void run_querydict(run *r, const json_t *file)
{
    const json_t *one;
    size_t        i;
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        dj_str kind = js_str(one, "kind");
        case_begin(r, json_string_value(json_object_get(one, "id")));
        if (dj_str_eq(kind, DJ_LIT("query")))
            query_case(r, one);
        else if (dj_str_eq(kind, DJ_LIT("form")))
            form_case(r, one);
        else
            case_fail(r, "kind \"" DJ_FMT "\"", DJ_ARG(kind));
        case_end(r);
    }
}
