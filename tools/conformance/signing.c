/* tools/conformance/signing.c - identity.salted_hmac, signer, timestamp_signer, base62, base64url,
 * signed_cookies. */
#include "conformance.h"
#include "donjon/crypto.h"
#include "donjon/signing.h"
#include "http/http.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* These files number no cases. */
static void each_case(run *r, const json_t *file, const char *name,
                      void (*one)(run *r, const json_t *file, const json_t *c))
{
    const json_t *c;
    size_t        i;
    char          id[64];
    json_array_foreach(json_object_get(file, "cases"), i, c)
    {
        snprintf(id, sizeof id, "%s-%04zu", name, i + 1);
        case_begin(r, id);
        one(r, file, c);
        case_end(r);
    }
}

static dj_str from_hex(run *r, dj_str hex)
{
    char *out = dj_alloc_raw(r->scope, hex.len / 2 + 1);
    for (size_t i = 0; i + 1 < hex.len; i += 2)
        out[i / 2] = (char)(dj_hex_value(hex.ptr[i]) << 4 | dj_hex_value(hex.ptr[i + 1]));
    return dj_str_n(out, hex.len / 2);
}

static dj_str to_hex(run *r, dj_str bytes)
{
    dj_buf b = dj_buf_make(r->scope, SIZE_MAX / 4);
    for (size_t i = 0; i < bytes.len; i++)
        dj_buf_addf(&b, "%02x", (unsigned)(unsigned char)bytes.ptr[i]);
    return dj_buf_str(&b);
}

static const dj_secret *secret_of(run *r, const json_t *c, const char *name, const char *hex_name)
{
    dj_str hex = js_str(c, hex_name);
    return dj_secret_new(r->scope, dj_str_is_none(hex) ? js_str(c, name) : from_hex(r, hex));
}

static dj_keys keys_of(run *r, const json_t *c)
{
    const json_t     *list = json_object_get(c, "fallback_keys");
    size_t            n = json_array_size(list);
    const dj_secret **old = dj_alloc_array(r->scope, n + 1, sizeof *old);
    for (size_t i = 0; i < n; i++)
        old[i] = dj_secret_new(r->scope, js_text(json_array_get(list, i)));
    return (dj_keys){.key = secret_of(r, c, "key", "key_hex"), .fallbacks = old, .nfallbacks = n};
}

static bool digest_of(dj_str name, dj_digest *out)
{
    static const struct {
        dj_str    name;
        dj_digest digest;
    } table[] = {
        {DJ_STR_INIT("sha256"), DJ_SHA256}, {DJ_STR_INIT("sha384"), DJ_SHA384},
        {DJ_STR_INIT("sha512"), DJ_SHA512}, {DJ_STR_INIT("sha1"), DJ_SHA1},
        {DJ_STR_INIT("md5"), DJ_MD5},
    };
    *out = DJ_SHA256;
    for (size_t i = 0; i < DJ_COUNT(table); i++) {
        if (dj_str_eq(table[i].name, name)) {
            *out = table[i].digest;
            return true;
        }
    }
    return dj_str_is_none(name);
}

static void freeze(run *r, const json_t *c)
{
    const json_t *now = json_object_get(c, "now");
    if (now != NULL)
        dj_clock_freeze(r->scope, (int64_t)llround(json_number_value(now) * 1e6));
}

/* Seconds are whole here: of a limit with a fraction the whole part. */
static int64_t max_age_of(const json_t *c)
{
    const json_t *limit = json_object_get(c, "max_age");
    return json_is_number(limit) ? (int64_t)floor(json_number_value(limit)) : DJ_NO_MAX_AGE;
}

/* "Malformed" (authentic, but undecodable: Python fails there) is a bad signature here. */
static void expect_unsigned(run *r, const json_t *c, dj_err e, dj_str value)
{
    dj_str want = js_str(c, "error");
    if (dj_str_eq(want, DJ_LIT("Malformed")))
        want = DJ_LIT("BadSignature");
    else if (dj_str_eq(want, DJ_LIT("Missing")))
        want = dj_err_info_of(DJ_ERR_MISSING)->name;
    case_expect_str(r, "error", want, e == DJ_OK ? DJ_NONE : dj_err_info_of(e)->name);
    if (e == DJ_OK && dj_str_is_none(want))
        case_expect_str(r, "value", js_str(c, "value"), value);
}

static void salted_hmac(run *r, const json_t *file, const json_t *c)
{
    unsigned char out[DJ_DIGEST_MAX];
    dj_digest     digest;
    if (!digest_of(js_str(c, "algorithm"), &digest)) {
        case_expect_str(r, "digest", js_str(c, "hexdigest"), DJ_NONE);
        return;
    }
    size_t len = dj_salted_hmac(digest, js_str(c, "key_salt"),
                                secret_of(r, c, "secret", "secret_hex"), js_str(c, "value"), out);
    case_expect_str(r, "digest", js_str(c, "hexdigest"),
                    to_hex(r, dj_str_n((const char *)out, len)));
}

static void signer(run *r, const json_t *file, const json_t *c)
{
    dj_str    op = js_str(c, "op"), value = DJ_NONE;
    dj_keys   keys = keys_of(r, c);
    dj_signer s = {.keys = &keys, .salt = js_str(c, "salt"), .sep = js_str(c, "sep")};
    if (dj_str_eq(op, DJ_LIT("separator"))) {
        case_expect_bool(r, "fits", js_bool(c, "ok"), dj_separator_fits(s.sep));
    } else if (!digest_of(js_str(c, "algorithm"), &s.digest)) {
        case_fail(r, "an unknown algorithm");
    } else if (dj_str_eq(op, DJ_LIT("sign"))) {
        case_expect_str(r, "signed", js_str(c, "signed"),
                        dj_sign(r->scope, &s, js_str(c, "value")));
    } else {
        dj_err e = dj_unsign(r->scope, &s, js_str(c, "signed"), &value);
        expect_unsigned(r, c, e, value);
    }
}

static void timestamp_signer(run *r, const json_t *file, const json_t *c)
{
    dj_str    value = DJ_NONE;
    dj_keys   keys = keys_of(r, c);
    dj_signer s = {.keys = &keys, .salt = js_str(c, "salt")};
    freeze(r, c);
    if (dj_str_eq(js_str(c, "op"), DJ_LIT("sign"))) {
        case_expect_str(r, "signed", js_str(c, "signed"),
                        dj_sign_timed(r->scope, &s, js_str(c, "value")));
    } else {
        dj_err e = dj_unsign_timed(r->scope, &s, js_str(c, "signed"), max_age_of(c), &value);
        expect_unsigned(r, c, e, value);
    }
}

static void base62(run *r, const json_t *file, const json_t *c)
{
    char    digits[DJ_BASE62_MAX];
    dj_str  number = js_str(c, "int");
    int64_t got = 0, want = dj_str_is_none(number) ? 0
                                                   : strtoll(dj_cstr(r->scope, number), NULL,
                                                             10); /* nearest in 64 bits */
    if (dj_str_eq(js_str(c, "op"), DJ_LIT("encode"))) {
        case_expect_str(r, "text", js_str(c, "text"), dj_str_n(digits, dj_base62(digits, want)));
        return;
    }
    bool ok = dj_base62_read(js_str(c, "text"), &got);
    if (!ok && js_bool(c, "python_leniency"))
        return;
    if (case_expect_bool(r, "ok", js_bool(c, "ok"), ok) && ok)
        case_expect_int(r, "int", want, got);
}

static void base64url(run *r, const json_t *file, const json_t *c)
{
    dj_str bytes = DJ_NONE;
    if (dj_str_eq(js_str(c, "op"), DJ_LIT("encode"))) {
        bytes = from_hex(r, js_str(c, "hex"));
        char *text = dj_alloc_raw(r->scope, DJ_BASE64URL_LEN(bytes.len) + 1);
        case_expect_str(r, "text", js_str(c, "text"),
                        dj_str_n(text, dj_base64url(text, bytes.ptr, bytes.len)));
        return;
    }
    bool ok = dj_base64url_read(r->scope, js_str(c, "text"), &bytes);
    if (!ok && js_bool(c, "python_leniency"))
        return;
    if (case_expect_bool(r, "ok", js_bool(c, "ok"), ok) && ok)
        case_expect_str(r, "hex", js_str(c, "hex"), to_hex(r, bytes));
}

static void signed_cookies(run *r, const json_t *file, const json_t *c)
{
    dj_str name = js_str(c, "name"), salt = js_str(c, "salt"), text = js_str(c, "cookie_value"),
           value = DJ_NONE;
    dj_keys keys = keys_of(r, c);
    freeze(r, c);
    if (dj_str_eq(js_str(c, "op"), DJ_LIT("set"))) {
        case_expect_str(r, "cookie", text,
                        dj_signed_cookie(r->scope, &keys, name, salt, js_str(c, "value")));
    } else {
        dj_err e = dj_signed_cookie_read(r->scope, &keys, name, salt, js_bool(c, "legacy_fallback"),
                                         text, max_age_of(c), &value);
        expect_unsigned(r, c, e, value);
    }
}

#define RUNNER(name)                                                                               \
    void run_##name(run *r, const json_t *file)                                                    \
    {                                                                                              \
        each_case(r, file, #name, name);                                                           \
    }
RUNNER(salted_hmac)
RUNNER(signer)
RUNNER(timestamp_signer)
RUNNER(base62)
RUNNER(base64url)
RUNNER(signed_cookies)
