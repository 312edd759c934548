/* include/donjon/signed_cookies.h - cookies that the client can read but not make or change.
 *
 * Signed with SECRET_KEY; SECRET_KEY_FALLBACKS still verify. The signature holds for one name and
 * salt, so a value can't be moved to another cookie, but the client can send an old value again:
 * give a max_age where that matters. Django: HttpResponse.set_signed_cookie,
 * HttpRequest.get_signed_cookie. */
#pragma once
#include "donjon/cookies.h"
#include "donjon/signing.h"

DJ_BEGIN_DECLS

/* dj_cookie_set with the value signed. `salt` tells apart what the name does not; "" is fine. */
DJ_NONNULL void dj_cookie_set_signed(dj_response *resp, const dj_cookie *cookie, dj_str salt);
/* `max_age` in seconds since signing, or DJ_NO_MAX_AGE. DJ_ERR_MISSING: no such cookie;
 * DJ_ERR_BAD_SIGNATURE: not ours; DJ_ERR_EXPIRED: too old. *value is untouched on error. */
DJ_CHECKED DJ_NONNULL dj_err dj_cookie_get_signed(dj_req *req, dj_str name, dj_str salt,
                                                  int64_t max_age, dj_str *value);

DJ_END_DECLS
