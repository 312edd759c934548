/* src/template/filters/logic.c - filters that choose or count: default, yesno, pluralize, add ...
 */
#include "template/filters/filters.h"

FILTER(filter_default)
{
    bool   truth;
    dj_err e = dj_var_true(run, in, &truth);
    if (!e)
        *out = truth ? *in : *arg;
    return e;
}

FILTER(filter_default_if_none)
{
    *out = in->kind == DJ_VAR_NONE ? *arg : *in;
    return DJ_OK;
}

FILTER(filter_yesno)
{
    dj_str bits[3], rest = DJ_LIT("yes,no,maybe"), bit;
    size_t nbits = 0;
    if (arg != NULL && arg->kind != DJ_VAR_NONE) {
        dj_err e = filter_text_needed(run, arg, &rest);
        if (e)
            return e;
    }
    while (dj_str_next(&rest, ',', &bit)) {
        if (nbits < 3)
            bits[nbits] = bit;
        nbits++;
    }
    if (nbits < 2) {
        *out = *in;
        return DJ_OK;
    }
    if (nbits != 3)
        bits[2] = bits[1];
    bool   truth;
    dj_err e = dj_var_true(run, in, &truth);
    if (!e)
        *out = dj_var_made(in->kind == DJ_VAR_NONE ? bits[2] : bits[truth ? 0 : 1], DJ_UNSAFE);
    return e;
}

/* Is it one? False: it can't be counted. */
static bool is_one(dj_run *run, const dj_var *v, bool *one)
{
    double        number;
    size_t        len;
    filter_number is = filter_float(run, v, &number);
    *one = is == FILTER_NUMBER && number == 1;
    if (is == FILTER_TYPE_ERROR && dj_var_len(run, v, &len)) {
        *one = len == 1;
        return true;
    }
    return is == FILTER_NUMBER;
}

FILTER(filter_pluralize)
{
    dj_str text = DJ_LIT("s"), one_form = DJ_LIT(""), form;
    bool   one;
    if (arg != NULL) {
        dj_err e = filter_text_needed(run, arg, &text);
        if (e)
            return e;
    }
    size_t comma = dj_str_chr(text, ',');
    form = text;
    if (comma != DJ_NOT_FOUND) {
        one_form = dj_str_first(text, comma);
        form = dj_str_from(text, comma + 1);
    }
    if (dj_str_chr(form, ',') != DJ_NOT_FOUND || !is_one(run, in, &one))
        form = DJ_LIT("");
    else if (one)
        form = one_form;
    *out = dj_var_made(form, DJ_UNSAFE);
    return DJ_OK;
}

/* -- whole numbers -- */

static dj_err too_big(dj_run *run)
{
    return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "a whole number is over 64 bits");
}

static dj_err add_lists(dj_run *run, const dj_var *in, const dj_var *arg, dj_var *out)
{
    dj_var *a, *b;
    size_t  na, nb;
    dj_err  e = filter_items(run, in, &a, &na);
    if (!e)
        e = filter_items(run, arg, &b, &nb);
    if (e)
        return e;
    if ((na + nb) * sizeof(dj_var) > filter_buf(run).max)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "the list would be too long");
    dj_var *both = dj_new_array(dj_run_scope(run), dj_var, na + nb);
    memcpy(both, a, na * sizeof(*a));
    memcpy(both + na, b, nb * sizeof(*b));
    *out = dj_var_of_list(both, na + nb);
    return DJ_OK;
}

static bool is_list(const dj_var *v)
{
    return v->kind == DJ_VAR_LIST || v->kind == DJ_VAR_ARRAY;
}

FILTER(filter_add)
{
    int64_t       a, b, sum;
    filter_number is_a = filter_int(run, in, &a), is_b = filter_int(run, arg, &b);
    bool          numbers = is_a != FILTER_VALUE_ERROR && is_a != FILTER_TYPE_ERROR &&
                   is_b != FILTER_VALUE_ERROR && is_b != FILTER_TYPE_ERROR;
    if (numbers) {
        if (is_a == FILTER_TOO_BIG || is_b == FILTER_TOO_BIG || __builtin_add_overflow(a, b, &sum))
            return too_big(run);
        *out = dj_var_int(sum);
        return DJ_OK;
    }
    if (is_list(in) && is_list(arg))
        return add_lists(run, in, arg, out);
    *out = dj_var_made(DJ_LIT(""), DJ_UNSAFE);
    if (in->kind != DJ_VAR_STR || arg->kind != DJ_VAR_STR)
        return DJ_OK;
    dj_buf text = filter_buf(run);
    dj_buf_add(&text, in->text);
    dj_buf_add(&text, arg->text);
    bool safe = dj_var_is_safe(in) && dj_var_is_safe(arg);
    return filter_done(run, &text, safe ? DJ_SAFE_HTML : DJ_UNSAFE, out);
}

FILTER(filter_divisibleby)
{
    int64_t       n, by;
    filter_number is_n = filter_int(run, in, &n), is_by = filter_int(run, arg, &by);
    if (is_n == FILTER_TOO_BIG || is_by == FILTER_TOO_BIG)
        return too_big(run);
    if (is_n != FILTER_NUMBER || is_by != FILTER_NUMBER)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "divisibleby wants whole numbers");
    if (by == 0)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "divisibleby: division by zero");
    *out = dj_var_bool(by == -1 || n % by == 0);
    return DJ_OK;
}

FILTER(filter_get_digit)
{
    int64_t       place, n;
    filter_number is = filter_int(run, arg, &place);
    *out = *in;
    if (is == FILTER_VALUE_ERROR)
        return DJ_OK;
    filter_number is_n = is == FILTER_TYPE_ERROR ? is : filter_int(run, in, &n);
    if (is_n == FILTER_VALUE_ERROR)
        return DJ_OK;
    if (is_n == FILTER_TYPE_ERROR)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "get_digit wants whole numbers");
    if (is_n == FILTER_TOO_BIG)
        return too_big(run);
    *out = dj_var_int(n);
    if (place < 1)
        return DJ_OK;
    dj_str digits = dj_strf(dj_run_scope(run), "%lld", (long long)n);
    if (place > (int64_t)digits.len) {
        *out = dj_var_int(0);
        return DJ_OK;
    }
    char c = digits.ptr[digits.len - (size_t)place];
    if (c == '-')
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "get_digit: the sign is no digit");
    *out = dj_var_int(c - '0');
    return DJ_OK;
}
