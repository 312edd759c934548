/* src/policy/csp.c - builds Content-Security-Policy, and prepares it so that a request only copies.
 *
 * The nonce is the one thing in it that varies. A policy is kept twice: as the whole line without
 * nonce, and as the pieces of text around the nonces. Django 6.0: utils/csp.py, build_policy.
 *
 * Must not know: requests, responses, where nonces come from. */
#include "donjon/policy.h"
#include "donjon/buf.h"
#include "donjon/unicode.h"
#include <stdlib.h>

#define POLICY_MAX ((size_t)16384)
#define NONCES_MAX 64

/* -- configurations -- */

static int by_code_point(const void *a, const void *b)
{
    return dj_str_cmp(*(const dj_str *)a, *(const dj_str *)b);
}

static dj_err read_values(dj_scope *s, const dj_value *v, dj_csp_entry *entry)
{
    if (dj_value_is_true(v)) {
        entry->bare = true;
        return DJ_OK;
    }
    size_t           len = dj_value_is_seq(v) ? v->seq.len : 1;
    dj_value *const *items = v->seq.items;
    dj_value        *self = (dj_value *)(uintptr_t)v;
    if (!dj_value_is_seq(v))
        items = &self;
    entry->values = dj_new_array(s, dj_str, len);
    for (size_t i = 0; i < len; i++) {
        if (items[i]->kind != DJ_V_STR)
            return dj_fail(s, DJ_ERR_SETTINGS,
                           "CSP directive '" DJ_FMT "' holds something that is not text",
                           DJ_ARG(dj_str_first(entry->name, 64)));
        entry->values[entry->len++] = items[i]->str;
    }
    if (v->kind == DJ_V_SET && len > 1)
        qsort(entry->values, len, sizeof *entry->values, by_code_point);
    return DJ_OK;
}

/* None, False (and 0, which Python takes for it). */
static bool is_left_out(const dj_value *v)
{
    return v->kind == DJ_V_NONE || (v->kind == DJ_V_BOOL && !v->boolean) ||
           (v->kind == DJ_V_INT && v->integer == 0);
}

dj_err dj_csp_config_of_value(dj_scope *s, const dj_value *setting, dj_csp_config *out)
{
    *out = (dj_csp_config){0};
    if (setting->kind == DJ_V_NONE)
        return DJ_OK;
    if (setting->kind != DJ_V_DICT)
        return dj_fail(s, DJ_ERR_SETTINGS, "a CSP setting must be a dict");
    out->entries = dj_new_array(s, dj_csp_entry, setting->dict.len);
    for (size_t i = 0; i < setting->dict.len; i++) {
        const dj_value_pair *pair = &setting->dict.pairs[i];
        if (pair->key->kind != DJ_V_STR)
            return dj_fail(s, DJ_ERR_SETTINGS, "a CSP directive's name must be text");
        if (is_left_out(pair->value))
            continue;
        dj_csp_entry *entry = &out->entries[out->len++];
        *entry = (dj_csp_entry){.name = pair->key->str};
        dj_err e = read_values(s, pair->value, entry);
        if (e)
            return e;
    }
    return DJ_OK;
}

void dj_csp_config_of_policy(dj_scope *s, const dj_csp_policy *policy, dj_csp_config *out)
{
    *out = (dj_csp_config){.entries = dj_new_array(s, dj_csp_entry, DJ_CSP_DIRECTIVES_MAX)};
    for (size_t i = 0; i < DJ_CSP_DIRECTIVES_MAX && policy->directives[i].name != NULL; i++) {
        const dj_csp_directive *d = &policy->directives[i];
        dj_csp_entry           *entry = &out->entries[out->len++];
        *entry = (dj_csp_entry){.name = dj_str_of(d->name),
                                .values = dj_new_array(s, dj_str, DJ_CSP_VALUES_MAX)};
        while (entry->len < DJ_CSP_VALUES_MAX && d->values[entry->len] != NULL) {
            entry->values[entry->len] = dj_str_of(d->values[entry->len]);
            entry->len++;
        }
        entry->bare = entry->len == 0;
    }
}

/* -- building -- */

typedef struct builder {
    dj_buf  out;
    dj_str  nonce;
    size_t *cuts; /* where nonces go, instead of one being written; NULL: write */
    size_t  ncuts;
    bool    with_nonce;
} builder;

static bool is_marker(dj_str value)
{
    return dj_str_eq(value, DJ_LIT(DJ_CSP_NONCE));
}

static void add_value(builder *b, dj_str value)
{
    dj_buf_add_byte(&b->out, ' ');
    if (!is_marker(value)) {
        dj_buf_add(&b->out, value);
        return;
    }
    dj_buf_add(&b->out, DJ_LIT("'nonce-"));
    if (b->cuts == NULL)
        dj_buf_add(&b->out, b->nonce);
    else if (b->ncuts < NONCES_MAX)
        b->cuts[b->ncuts++] = b->out.len;
    else
        b->out.full = true;
    dj_buf_add_byte(&b->out, '\'');
}

/* What str.rstrip() takes, but never what stands before `from`. */
static void cut_blanks(dj_buf *out, size_t from)
{
    dj_str tail = dj_str_n(out->ptr + from, out->len - from);
    dj_str stripped = dj_utf8_strip(tail);
    out->len = stripped.len == 0 ? from : (size_t)(stripped.ptr - out->ptr) + stripped.len;
}

static void add_entry(builder *b, const dj_csp_entry *entry)
{
    size_t used = 0;
    for (size_t i = 0; i < entry->len; i++)
        used += b->with_nonce || !is_marker(entry->values[i]);
    if (used == 0 && !entry->bare)
        return;
    if (b->out.len > 0)
        dj_buf_add(&b->out, DJ_LIT("; "));
    size_t start = b->out.len;
    dj_buf_add(&b->out, entry->name);
    for (size_t i = 0; i < entry->len; i++) {
        if (b->with_nonce || !is_marker(entry->values[i]))
            add_value(b, entry->values[i]);
    }
    if (b->out.len > start)
        cut_blanks(&b->out, start);
}

static void build(builder *b, const dj_csp_config *config)
{
    for (size_t i = 0; i < config->len; i++)
        add_entry(b, &config->entries[i]);
}

dj_str dj_csp_build(dj_scope *s, const dj_csp_config *config, dj_str nonce)
{
    builder b = {.out = dj_buf_make(s, POLICY_MAX), .nonce = nonce, .with_nonce = nonce.len > 0};
    build(&b, config);
    return dj_buf_str(&b.out);
}

/* -- start-up -- */

static bool name_ok(dj_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!(name.ptr[i] >= 'a' && name.ptr[i] <= 'z') && name.ptr[i] != '-')
            return false;
    }
    return name.len > 0;
}

static bool value_ok(dj_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c < 0x20 || c >= 0x7F || c == ';' || c == ',')
            return false;
    }
    return true;
}

dj_err dj_csp_validate(dj_scope *s, const dj_csp_config *config)
{
    for (size_t i = 0; i < config->len; i++) {
        const dj_csp_entry *entry = &config->entries[i];
        if (!name_ok(entry->name))
            return dj_fail(s, DJ_ERR_SETTINGS,
                           "CSP directive number %zu has a name that is not like 'script-src'",
                           i + 1);
        for (size_t j = 0; j < entry->len; j++) {
            if (!value_ok(entry->values[j]))
                return dj_fail(s, DJ_ERR_SETTINGS,
                               "CSP directive '" DJ_FMT
                               "': a value must be ASCII without ';', ',' and control characters",
                               DJ_ARG(entry->name));
        }
    }
    return DJ_OK;
}

dj_err dj_csp_compile(dj_scope *s, dj_str header, const dj_csp_config *config, dj_csp *out)
{
    dj_err e = dj_csp_validate(s, config);
    if (e)
        return e;
    *out = (dj_csp){.plain = DJ_NONE, .name_len = (uint32_t)header.len};
    dj_str plain = dj_csp_build(s, config, DJ_NONE);
    if (plain.len > 0)
        out->plain = dj_strf(s, DJ_FMT ": " DJ_FMT "\r\n", DJ_ARG(header), DJ_ARG(plain));
    builder b = {.out = dj_buf_make(s, POLICY_MAX),
                 .cuts = dj_new_array(s, size_t, NONCES_MAX + 1),
                 .with_nonce = true};
    build(&b, config);
    if (b.out.full)
        return dj_fail(s, DJ_ERR_SETTINGS, DJ_FMT " is over %zu bytes or has more than %d nonces",
                       DJ_ARG(header), POLICY_MAX, NONCES_MAX);
    if (b.ncuts == 0)
        return DJ_OK;
    dj_str line = dj_strf(s, DJ_FMT ": " DJ_FMT "\r\n", DJ_ARG(header), DJ_ARG(dj_buf_str(&b.out)));
    size_t prefix = header.len + 2, from = 0;
    out->pieces = dj_new_array(s, dj_str, b.ncuts + 1);
    out->text_len = line.len;
    for (size_t i = 0; i <= b.ncuts; i++) {
        size_t to = i < b.ncuts ? b.cuts[i] + prefix : line.len;
        out->pieces[out->npieces++] = dj_str_n(line.ptr + from, to - from);
        from = to;
    }
    return DJ_OK;
}

dj_str dj_csp_line(dj_scope *s, const dj_csp *csp, dj_str nonce)
{
    if (csp->pieces == NULL || nonce.len == 0)
        return csp->plain;
    size_t len = csp->text_len + nonce.len * (csp->npieces - 1);
    char  *line = dj_alloc_raw(s, len), *at = line;
    for (size_t i = 0; i < csp->npieces; i++) {
        if (i > 0) {
            memcpy(at, nonce.ptr, nonce.len);
            at += nonce.len;
        }
        memcpy(at, csp->pieces[i].ptr, csp->pieces[i].len);
        at += csp->pieces[i].len;
    }
    return dj_str_n(line, len);
}
