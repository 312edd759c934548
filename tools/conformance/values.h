/* tools/conformance/values.h - settings' values out of vector files. */
#pragma once
#include "site_case.h"

/* [["name", value], ...] as a dict in that order. */
dj_value *js_pairs(run *r, const json_t *pairs);
/* A list of texts. */
dj_str_list js_str_list(run *r, const json_t *list);
/* Same kind, same contents. */
bool js_value_same(const dj_value *a, const dj_value *b);
