/* src/app/signed_cookies.c - signed cookies with the site's keys.
 *
 * Must not know: how a signature is made. */
#include "app/app.h"
#include "donjon/signed_cookies.h"

void dj_site_keys(dj_scope *s, const dj_settings *settings, dj_keys *out)
{
    size_t            n = settings->SECRET_KEY_FALLBACKS.len;
    const dj_secret **old = dj_alloc_array(s, n + 1, sizeof *old);
    for (size_t i = 0; i < n; i++)
        old[i] = dj_secret_new(s, settings->SECRET_KEY_FALLBACKS.items[i]);
    *out = (dj_keys){.key = settings->secret_key, .fallbacks = old, .nfallbacks = n};
}

static const dj_keys *keys_of(const dj_req *req)
{
    const dj_keys *keys = req->site == NULL ? NULL : &req->site->keys;
    return keys == NULL || keys->key == NULL ? NULL : keys;
}

static dj_err no_key(dj_req *req)
{
    return dj_fail(req->scope, DJ_ERR_SETTINGS, "SECRET_KEY is needed to sign cookies");
}

void dj_cookie_set_signed(dj_response *resp, const dj_cookie *cookie, dj_str salt)
{
    dj_req        *req = resp->req;
    const dj_keys *keys = keys_of(req);
    dj_cookie      with_signature = *cookie;
    if (keys == NULL) {
        resp->raised = no_key(req);
        return;
    }
    with_signature.value = dj_signed_cookie(req->scope, keys, cookie->name, salt, cookie->value);
    dj_cookie_set(resp, &with_signature);
}

dj_err dj_cookie_get_signed(dj_req *req, dj_str name, dj_str salt, int64_t max_age, dj_str *value)
{
    const dj_keys *keys = keys_of(req);
    if (keys == NULL)
        return no_key(req);
    return dj_signed_cookie_read(req->scope, keys, name, salt,
                                 req->site->settings->SIGNED_COOKIE_LEGACY_SALT_FALLBACK,
                                 dj_cookie_get(req, name), max_age, value);
}
