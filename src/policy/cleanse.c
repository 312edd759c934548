/* src/policy/cleanse.c - what an error report must not show.
 *
 * Judged by names, as Django does, and by passwords inside URLs, which names do not give away.
 * Django: views/debug.py, SafeExceptionReporterFilter.
 *
 * Must not know: requests, settings, how a report looks. */
#include "donjon/policy.h"
#include "donjon/buf.h"
#include "donjon/unicode.h"

static const dj_str django_words[] = {
    DJ_STR_INIT("api"),       DJ_STR_INIT("auth"),        DJ_STR_INIT("token"),
    DJ_STR_INIT("key"),       DJ_STR_INIT("secret"),      DJ_STR_INIT("pass"),
    DJ_STR_INIT("signature"), DJ_STR_INIT("http_cookie"),
};
static const dj_str own_words[] = {
    DJ_STR_INIT("dsn"),
    DJ_STR_INIT("pwd"),
    DJ_STR_INIT("credential"),
    DJ_STR_INIT("private"),
};

/* Does `word` stand at the start of `name`, letters folded as re.IGNORECASE folds them? */
static bool stands_here(dj_str name, dj_str word)
{
    size_t pos = 0;
    for (size_t i = 0; i < word.len; i++) {
        if (pos >= name.len)
            return false;
        int32_t cp = dj_utf8_next(name, &pos);
        if (cp < 0 || dj_cp_fold((uint32_t)cp) != word.ptr[i])
            return false;
    }
    return true;
}

static bool has_word(dj_str name, const dj_str *words, size_t len)
{
    for (size_t at = 0; at < name.len; at++) {
        for (size_t i = 0; i < len; i++) {
            if (stands_here(dj_str_from(name, at), words[i]))
                return true;
        }
    }
    return false;
}

bool dj_name_is_sensitive(const dj_cleanse_rules *rules, dj_str name)
{
    return (rules->session_cookie_name.len > 0 && dj_str_eq(name, rules->session_cookie_name)) ||
           has_word(name, django_words, DJ_COUNT(django_words)) ||
           (!rules->as_django && has_word(name, own_words, DJ_COUNT(own_words)));
}

/* Ends of an authority, or of the text around a URL. */
static bool ends_authority(char c)
{
    return c == '/' || c == '?' || c == '#' || c == '"' || c == '\'' || (unsigned char)c <= 0x20;
}

dj_str dj_cleanse_url(dj_scope *s, dj_str text)
{
    size_t mark = dj_str_find(text, DJ_LIT("://"));
    if (mark == DJ_NOT_FOUND)
        return text;
    dj_buf out = dj_buf_make(s, text.len * 6 + 64);
    for (;;) {
        size_t start = mark + 3, end = start;
        dj_buf_add(&out, dj_str_first(text, start));
        while (end < text.len && !ends_authority(text.ptr[end]))
            end++;
        dj_str authority = dj_str_n(text.ptr + start, end - start);
        size_t at = dj_str_rchr(authority, '@'), colon = dj_str_chr(authority, ':');
        if (at != DJ_NOT_FOUND && colon < at) {
            dj_buf_add(&out, dj_str_first(authority, colon + 1));
            dj_buf_add(&out, DJ_CLEANSED);
            authority = dj_str_from(authority, at);
        }
        dj_buf_add(&out, authority);
        text = dj_str_from(text, end);
        mark = dj_str_find(text, DJ_LIT("://"));
        if (mark == DJ_NOT_FOUND)
            break;
    }
    dj_buf_add(&out, text);
    return out.full ? DJ_CLEANSED : dj_buf_str(&out);
}

static dj_value *text_value(dj_scope *s, const dj_value *like, dj_str text)
{
    dj_value *v = dj_new(s, dj_value);
    v->kind = DJ_V_STR;
    v->origin = like->origin;
    v->str = text;
    return v;
}

/* Settings are nested as deep as the reader allows; a report needs no more than this. */
#define DEPTH_MAX 64

static dj_value *cleansed(dj_scope *s, const dj_cleanse_rules *rules, dj_str name,
                          const dj_value *value, int depth)
{
    if (depth > DEPTH_MAX || dj_name_is_sensitive(rules, name))
        return text_value(s, value, DJ_CLEANSED);
    dj_value *copy = dj_new(s, dj_value);
    *copy = *value;
    if (value->kind == DJ_V_DICT) {
        copy->dict.pairs = dj_new_array(s, dj_value_pair, value->dict.len);
        for (size_t i = 0; i < value->dict.len; i++) {
            const dj_value_pair *pair = &value->dict.pairs[i];
            dj_str               key = pair->key->kind == DJ_V_STR ? pair->key->str : DJ_LIT("");
            copy->dict.pairs[i] =
                (dj_value_pair){pair->key, cleansed(s, rules, key, pair->value, depth + 1)};
        }
    } else if (value->kind == DJ_V_LIST || value->kind == DJ_V_TUPLE ||
               (value->kind == DJ_V_SET && !rules->as_django)) {
        copy->seq.items = dj_new_array(s, dj_value *, value->seq.len);
        for (size_t i = 0; i < value->seq.len; i++)
            copy->seq.items[i] = cleansed(s, rules, DJ_LIT(""), value->seq.items[i], depth + 1);
    } else if (value->kind == DJ_V_STR && !rules->as_django) {
        copy->str = dj_cleanse_url(s, value->str);
    }
    return copy;
}

const dj_value *dj_cleanse(dj_scope *s, const dj_cleanse_rules *rules, dj_str name,
                           const dj_value *value)
{
    return cleansed(s, rules, name, value, 0);
}

dj_str dj_cleanse_text(dj_scope *s, const dj_cleanse_rules *rules, dj_str name, dj_str value)
{
    if (dj_name_is_sensitive(rules, name))
        return DJ_CLEANSED;
    return rules->as_django ? value : dj_cleanse_url(s, value);
}
