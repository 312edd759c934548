/* src/policy/referrer_policy.c - the value of Referrer-Policy.
 *
 * Django: middleware/security.py. Must not know: responses. Which words are good is the checks'
 * question. */
#include "donjon/policy.h"
#include "donjon/buf.h"

dj_err dj_referrer_policy_value(dj_scope *s, const dj_value *setting, dj_str *out)
{
    *out = DJ_NONE;
    if (!dj_value_truth(setting))
        return DJ_OK;
    dj_buf joined = dj_buf_make(s, 4096);
    if (setting->kind == DJ_V_STR) {
        dj_str rest = setting->str, piece;
        while (dj_str_next(&rest, ',', &piece)) {
            if (piece.ptr != setting->str.ptr)
                dj_buf_add_byte(&joined, ',');
            dj_buf_add(&joined, dj_str_trim(piece));
        }
    } else if (dj_value_is_seq(setting)) {
        for (size_t i = 0; i < setting->seq.len; i++) {
            if (setting->seq.items[i]->kind != DJ_V_STR)
                return dj_fail(s, DJ_ERR_SETTINGS,
                               "SECURE_REFERRER_POLICY holds something that is not text");
            if (i > 0)
                dj_buf_add_byte(&joined, ',');
            dj_buf_add(&joined, setting->seq.items[i]->str);
        }
    } else {
        return dj_fail(s, DJ_ERR_SETTINGS, "SECURE_REFERRER_POLICY is neither text nor a list");
    }
    if (joined.full)
        return dj_fail(s, DJ_ERR_SETTINGS, "SECURE_REFERRER_POLICY is too long");
    *out = dj_buf_str(&joined);
    return DJ_OK;
}
