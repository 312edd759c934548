/* src/checks/translation.c - language codes. Django: django/core/checks/translation.py, and
 * get_supported_language_variant of django/utils/translation/trans_real.py. */
#include "checks/family.h"

/* [a-z]{1,8} ( - [a-z0-9]{1,8} )* ( @ [a-z0-9]{1,20} )?, any case; a final line end is let through
 * by Python's $. */
static bool is_language_code(dj_str code)
{
    size_t i = 0, len = code.len > 0 && code.ptr[code.len - 1] == '\n' ? code.len - 1 : code.len;
    for (bool first = true;; first = false) {
        size_t start = i;
        while (i < len && i - start < 8 &&
               (dj_is_alpha(code.ptr[i]) || (!first && dj_is_digit(code.ptr[i]))))
            i++;
        if (i == start)
            return false;
        if (i == len)
            return true;
        if (code.ptr[i++] == '-')
            continue;
        if (code.ptr[i - 1] != '@')
            return false;
        start = i;
        while (i < len && i - start < 20 && (dj_is_alpha(code.ptr[i]) || dj_is_digit(code.ptr[i])))
            i++;
        return i > start && i == len;
    }
}

static bool is_code_value(const dj_value *v)
{
    return v != NULL && v->kind == DJ_V_STR && is_language_code(v->str);
}

static void language_code(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "LANGUAGE_CODE");
    if (v != NULL && !is_code_value(v))
        ck_report(c, "translation.E001", dj_check_origin(c, "LANGUAGE_CODE"), NULL,
                  "LANGUAGE_CODE is no language code: " DJ_FMT ".",
                  DJ_ARG(dj_value_repr(c->s, v, 100)));
}

static void languages(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "LANGUAGES");
    for (size_t i = 0; i < ck_len(v); i++) {
        const dj_value *pair = ck_item(v, i), *code = ck_len(pair) > 0 ? ck_item(pair, 0) : pair;
        if (!is_code_value(code))
            ck_report(c, "translation.E002", ck_at(c, "LANGUAGES", code), NULL,
                      "LANGUAGES has an entry that is no language code: " DJ_FMT ".",
                      DJ_ARG(dj_value_repr(c->s, code, 100)));
    }
}

static void languages_bidi(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "LANGUAGES_BIDI");
    for (size_t i = 0; i < ck_len(v); i++)
        if (!is_code_value(ck_item(v, i)))
            ck_report(c, "translation.E003", ck_at(c, "LANGUAGES_BIDI", ck_item(v, i)), NULL,
                      "LANGUAGES_BIDI has an entry that is no language code: " DJ_FMT ".",
                      DJ_ARG(dj_value_repr(c->s, ck_item(v, i), 100)));
}

static bool has_language(const dj_value *list, dj_str code)
{
    for (size_t i = 0; i < ck_len(list); i++)
        if (ck_len(ck_item(list, i)) > 0 &&
            dj_str_eq_nocase(ck_text(ck_item(ck_item(list, i), 0)), code))
            return true;
    return false;
}

/* Codes that Django replaces by another before it cuts subtags off. */
static const char *const fallbacks[][2] = {
    {"zh-cn", "zh-hans"}, {"zh-hk", "zh-hant"}, {"zh-mo", "zh-hant"}, {"zh-my", "zh-hans"},
    {"zh-sg", "zh-hans"}, {"zh-tw", "zh-hant"}, {"no", "nb"},
};

static bool is_supported(const dj_value *list, dj_str code)
{
    if (has_language(list, code))
        return true;
    for (size_t i = 0; i < DJ_COUNT(fallbacks); i++)
        if (dj_str_eq(dj_str_of(fallbacks[i][0]), code) &&
            has_language(list, dj_str_of(fallbacks[i][1])))
            return true;
    dj_str part = code;
    for (size_t dash; (dash = dj_str_rchr(part, '-')) != DJ_NOT_FOUND;) {
        part = dj_str_first(part, dash);
        if (has_language(list, part))
            return true;
    }
    for (size_t i = 0; i < ck_len(list); i++) { /* fr-fr is not there, fr-ca will do */
        dj_str known =
            ck_len(ck_item(list, i)) > 0 ? ck_text(ck_item(ck_item(list, i), 0)) : DJ_NONE;
        if (known.len > part.len && dj_str_starts(known, part) && known.ptr[part.len] == '-')
            return true;
    }
    return false;
}

static void consistent(dj_check_run *c)
{
    tri translated = ck_truth(c, "USE_I18N");
    if (translated == NO) /* then there is only LANGUAGE_CODE itself */
        return;
    const dj_value *code = dj_check_setting(c, "LANGUAGE_CODE"),
                   *list = dj_check_setting(c, "LANGUAGES");
    if (translated == YES && code != NULL && list != NULL &&
        !(code->kind == DJ_V_STR && is_supported(list, code->str)))
        ck_report(c, "translation.E004", dj_check_origin(c, "LANGUAGE_CODE"), NULL,
                  "LANGUAGE_CODE is not among LANGUAGES.");
}

static const dj_check checks[] = {
    {"translation", false, "translation.E001", language_code},
    {"translation", false, "translation.E002", languages},
    {"translation", false, "translation.E003", languages_bidi},
    {"translation", false, "translation.E004", consistent},
};
CHECK_FAMILY(translation, checks);
