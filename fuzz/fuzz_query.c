/* fuzz/fuzz_query.c - any bytes as a query string: all text is UTF-8, and what urlencode writes
 * reads back the same. */
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const dj_querydict *a, const dj_querydict *b)
{
    DJ_ASSERT(a->names.len == b->names.len);
    for (size_t i = 0; i < a->names.len; i++) {
        const dj_querydict_entry *x = a->names.entries[i].value, *y = b->names.entries[i].value;
        DJ_ASSERT(dj_str_eq(x->name, y->name) && x->nvalues == y->nvalues &&
                  dj_utf8_valid(x->name));
        for (size_t k = 0; k < x->nvalues; k++)
            DJ_ASSERT(dj_str_eq(x->values[k], y->values[k]) && dj_utf8_valid(x->values[k]));
        DJ_ASSERT(dj_str_eq(dj_querydict_get(a, x->name), x->values[x->nvalues - 1]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dj_scope     *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    dj_querydict *q, *again;
    if (s == NULL)
        return 0;
    if (dj_querydict_parse(s, dj_str_n((const char *)data, size), 1000, &q) == DJ_OK) {
        DJ_ASSERT(dj_querydict_parse(s, dj_querydict_urlencode(s, q, DJ_NONE), -1, &again) ==
                  DJ_OK);
        expect_same(q, again);
        DJ_ASSERT(dj_querydict_parse(s, dj_querydict_urlencode(s, q, DJ_LIT("/")), -1, &again) ==
                  DJ_OK);
        expect_same(q, again);
    }
    dj_scope_close(s);
    return 0;
}
