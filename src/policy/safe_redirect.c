/* src/policy/safe_redirect.c - may a client be sent to an address that a client named?
 *
 * The address is judged twice, as it stands and with '\' read as '/', because browsers read it so.
 * Django: utils/http.py, url_has_allowed_host_and_scheme.
 *
 * Must not know: requests, settings. */
#include "donjon/policy.h"
#include "donjon/unicode.h"
#include "http/http.h"

#define URL_MAX 2048 /* characters; longer addresses make browsers and proxies disagree */

static bool listed(dj_str netloc, dj_str_list hosts)
{
    for (size_t i = 0; i < hosts.len; i++) {
        if (dj_str_eq(netloc, hosts.items[i]))
            return true;
    }
    return false;
}

static bool one_reading_is_safe(dj_scope *s, dj_str url, dj_str_list hosts, bool require_https)
{
    dj_url_parts parts;
    size_t       pos = 0;
    /* Browsers take any number of slashes for two. */
    if (dj_str_starts(url, DJ_LIT("///")) || dj_utf8_len(url) > URL_MAX ||
        !dj_url_split(s, url, &parts))
        return false;
    if (parts.netloc.len == 0 && parts.scheme.len > 0)
        return false;
    if (dj_cp_is_other((uint32_t)dj_utf8_next(url, &pos)))
        return false;
    if (parts.netloc.len > 0 && !listed(parts.netloc, hosts))
        return false;
    dj_str scheme = parts.scheme.len == 0 && parts.netloc.len > 0 ? DJ_LIT("http") : parts.scheme;
    return scheme.len == 0 || dj_str_eq(scheme, DJ_LIT("https")) ||
           (!require_https && dj_str_eq(scheme, DJ_LIT("http")));
}

bool dj_url_has_allowed_host_and_scheme(dj_scope *s, dj_str url, dj_str_list hosts,
                                        bool require_https)
{
    if (!dj_utf8_valid(url))
        return false;
    url = dj_utf8_strip(url);
    return url.len > 0 && one_reading_is_safe(s, url, hosts, require_https) &&
           one_reading_is_safe(s, dj_str_replace(s, url, DJ_LIT("\\"), DJ_LIT("/")), hosts,
                               require_https);
}
