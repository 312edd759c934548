/* src/policy/hsts.c - the value of Strict-Transport-Security (RFC 6797 6.1).
 *
 * Django: middleware/security.py. Must not know: whether the request came over TLS; who sends it
 * decides that. */
#include "donjon/policy.h"

dj_str dj_hsts_value(dj_scope *s, int64_t seconds, bool include_subdomains, bool preload)
{
    if (seconds == 0)
        return DJ_NONE;
    return dj_strf(s, "max-age=%lld%s%s", (long long)seconds,
                   include_subdomains ? "; includeSubDomains" : "", preload ? "; preload" : "");
}
