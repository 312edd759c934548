/* fuzz/fuzz_json.c - any bytes to the reader; what it accepts is written and read again. */
#include "donjon/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite(dj_json *j, const dj_json_value *v)
{
    switch (v->kind) {
    case DJ_JSON_ARRAY:
        dj_json_open(j, '[');
        for (size_t i = 0; i < v->array.len; i++)
            rewrite(j, &v->array.items[i]);
        dj_json_close(j, ']');
        break;
    case DJ_JSON_OBJECT:
        dj_json_open(j, '{');
        for (size_t i = 0; i < v->object.len; i++) {
            dj_json_key(j, v->object.members[i].name);
            rewrite(j, v->object.members[i].value);
        }
        dj_json_close(j, '}');
        break;
    case DJ_JSON_STR:
        dj_json_str(j, v->text);
        break;
    case DJ_JSON_INT:
        dj_json_int(j, v->integer);
        break;
    case DJ_JSON_BOOL:
        dj_json_bool(j, v->boolean);
        break;
    case DJ_JSON_FLOAT:
    case DJ_JSON_NULL:
        dj_json_null(j);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const dj_json_limits limits = {.bytes = 65536, .depth = 100, .nodes = 5000};
    static const dj_json_limits wide = {.bytes = 1 << 20, .depth = 100, .nodes = 5000};
    dj_scope                   *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s == NULL)
        return 0;
    const dj_json_value *v, *again;
    if (!dj_json_parse(s, dj_str_n((const char *)data, size), &limits, &v)) {
        dj_buf  out = dj_buf_make(s, 1 << 20);
        dj_json j = dj_json_make(&out);
        rewrite(&j, v);
        if (!out.full)
            DJ_ASSERT(dj_json_parse(s, dj_buf_str(&out), &wide, &again) == DJ_OK);
    }
    dj_scope_close(s);
    return 0;
}
