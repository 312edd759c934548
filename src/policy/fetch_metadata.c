/* src/policy/fetch_metadata.c - may this request have been made by another site?
 *
 * Browsers say in Sec-Fetch-Site where a request comes from, and no page can change it. A request
 * from elsewhere is let in only as what any link does: going to a page. W3C Fetch Metadata Request
 * Headers; the rule is the "resource isolation policy" that its section 1 describes.
 *
 * Must not know: requests, settings, who is exempt. */
#include "donjon/policy.h"

/* The values are tokens in small letters; what is not one of them counts as another site. */
dj_fetch_verdict dj_fetch_decide(const dj_fetch_metadata *f, bool allow_same_site)
{
    if (dj_str_is_none(f->site))
        return DJ_FETCH_UNKNOWN;
    if (dj_str_eq(f->site, DJ_LIT("same-origin")) || dj_str_eq(f->site, DJ_LIT("none")))
        return DJ_FETCH_ALLOWED;
    if (allow_same_site && dj_str_eq(f->site, DJ_LIT("same-site")))
        return DJ_FETCH_ALLOWED;
    /* A page of another site may lead here, but not load a part of ours as a plug-in. */
    bool link = f->get_or_head && dj_str_eq(f->mode, DJ_LIT("navigate")) &&
                !dj_str_eq(f->dest, DJ_LIT("object")) && !dj_str_eq(f->dest, DJ_LIT("embed"));
    return link ? DJ_FETCH_ALLOWED : DJ_FETCH_REFUSED;
}
