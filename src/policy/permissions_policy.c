/* src/policy/permissions_policy.c - the value of Permissions-Policy (a structured dictionary, RFC
 * 8941).
 *
 * Must not know: which features browsers have; new ones must not wait for a release of ours. */
#include "donjon/policy.h"
#include "donjon/buf.h"

#define VALUE_MAX ((size_t)8192)

static bool is_feature(dj_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && c != '-' && !(i > 0 && dj_is_digit(c)))
            return false;
    }
    return name.len > 0;
}

/* What may stand in double quotes there. */
static bool is_origin(dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c <= 0x20 || c >= 0x7F || c == '"' || c == '\\')
            return false;
    }
    return dj_str_has(text, DJ_LIT("://"));
}

static bool add_member(dj_buf *out, dj_str value, bool first)
{
    if (!first)
        dj_buf_add_byte(out, ' ');
    if (dj_str_eq(value, DJ_LIT("self")) || dj_str_eq(value, DJ_LIT("'self'"))) {
        dj_buf_add(out, DJ_LIT("self"));
    } else if (dj_str_eq(value, DJ_LIT("src")) || dj_str_eq(value, DJ_LIT("'src'"))) {
        dj_buf_add(out, DJ_LIT("src"));
    } else if (is_origin(value)) {
        dj_buf_add_byte(out, '"');
        dj_buf_add(out, value);
        dj_buf_add_byte(out, '"');
    } else {
        return false;
    }
    return true;
}

static bool is_text(const dj_value *v, dj_str text)
{
    return v->kind == DJ_V_STR && dj_str_eq(v->str, text);
}

/* [] or "none", "*", "self", or a list of "self" and origins. */
static bool add_allowlist(dj_buf *out, const dj_value *v)
{
    if (is_text(v, DJ_LIT("*")) ||
        (dj_value_is_seq(v) && v->seq.len == 1 && is_text(v->seq.items[0], DJ_LIT("*")))) {
        dj_buf_add_byte(out, '*');
        return true;
    }
    dj_buf_add_byte(out, '(');
    if (v->kind == DJ_V_STR && !is_text(v, DJ_LIT("none")) && !add_member(out, v->str, true))
        return false;
    if (v->kind != DJ_V_STR && !dj_value_is_seq(v))
        return false;
    for (size_t i = 0; v->kind != DJ_V_STR && i < v->seq.len; i++) {
        const dj_value *item = v->seq.items[i];
        if (item->kind != DJ_V_STR || !add_member(out, item->str, i == 0))
            return false;
    }
    dj_buf_add_byte(out, ')');
    return true;
}

dj_err dj_permissions_policy_value(dj_scope *s, const dj_value *setting, dj_str *out)
{
    *out = DJ_NONE;
    if (!dj_value_truth(setting))
        return DJ_OK;
    if (setting->kind == DJ_V_STR) {
        *out = setting->str;
        return DJ_OK;
    }
    if (setting->kind != DJ_V_DICT)
        return dj_fail(s, DJ_ERR_SETTINGS, "PERMISSIONS_POLICY is neither a dict nor text");
    dj_buf value = dj_buf_make(s, VALUE_MAX);
    for (size_t i = 0; i < setting->dict.len; i++) {
        const dj_value_pair *pair = &setting->dict.pairs[i];
        if (pair->key->kind != DJ_V_STR || !is_feature(pair->key->str))
            return dj_fail(s, DJ_ERR_SETTINGS,
                           "PERMISSIONS_POLICY names a feature that is not like 'camera'");
        if (i > 0)
            dj_buf_add(&value, DJ_LIT(", "));
        dj_buf_add(&value, pair->key->str);
        dj_buf_add_byte(&value, '=');
        if (!add_allowlist(&value, pair->value))
            return dj_fail(s, DJ_ERR_SETTINGS,
                           "PERMISSIONS_POLICY['" DJ_FMT
                           "'] is not '*', [], or a list of 'self' and origins like "
                           "'https://example.com'",
                           DJ_ARG(dj_str_first(pair->key->str, 64)));
    }
    if (value.full)
        return dj_fail(s, DJ_ERR_SETTINGS, "PERMISSIONS_POLICY is over %zu bytes", VALUE_MAX);
    *out = dj_buf_str(&value);
    return DJ_OK;
}
