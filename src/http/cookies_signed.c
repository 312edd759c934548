/* src/http/cookies_signed.c - the text of a signed cookie: the value, when it was signed, a
 * signature for that name.
 *
 * Django: set_signed_cookie, get_signed_cookie; core/signing.py get_cookie_signer. The salt carries
 * its own length, so that no other pair of name and salt gives the same one.
 *
 * Must not know: where the keys come from. */
#include "http/http.h"
#include "donjon/signing.h"

static dj_signer signer_of(dj_scope *s, const dj_keys *keys, dj_str name, dj_str salt)
{
    dj_str head = dj_strf(s, "django.http.cookies.v2:%zu:", dj_utf8_len(salt));
    return (dj_signer){
        .keys = keys,
        .prefix = DJ_LIT("django.http.cookies"),
        .salt = dj_str_cat(s, head, dj_str_cat(s, salt, name)),
    };
}

dj_str dj_signed_cookie(dj_scope *s, const dj_keys *keys, dj_str name, dj_str salt, dj_str value)
{
    dj_signer signer = signer_of(s, keys, name, salt);
    return dj_sign_timed(s, &signer, value);
}

dj_err dj_signed_cookie_read(dj_scope *s, const dj_keys *keys, dj_str name, dj_str salt,
                             bool legacy, dj_str text, int64_t max_age, dj_str *value)
{
    if (dj_str_is_none(text))
        return dj_fail(s, DJ_ERR_MISSING, "no signed cookie of that name");
    dj_signer signer = signer_of(s, keys, name, salt);
    dj_err    e = dj_unsign_timed(s, &signer, text, max_age, value);
    if (e != DJ_ERR_BAD_SIGNATURE || !legacy)
        return e;
    signer.salt = dj_str_cat(s, name, salt); /* of older releases: ambiguous */
    return dj_unsign_timed(s, &signer, text, max_age, value);
}
