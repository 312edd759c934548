/* src/middleware/fetch_metadata.c - refuses what pages of other sites ask for behind the user's
 * back.
 *
 * A second wall behind CSRF tokens and SameSite cookies, and one for reading, too. A request
 * without these headers passes: browsers send them over HTTPS (and to localhost) alone, and
 * programs never. The decision falls before the view, when it is known whether its route is exempt.
 * Donjon's own. */
#include "donjon/caching.h"
#include "middleware/middleware.h"

#define SHOWN_MAX 32 /* bytes of a header's value in a record */

typedef struct state {
    dj_header vary;
    bool      allow_same_site, report_only;
} state;

static const dj_str vary = DJ_STR_INIT("Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest");

static dj_err init(dj_scope *s, const dj_settings *settings, void **out)
{
    state *st = dj_new(s, state);
    st->allow_same_site = settings->FETCH_METADATA_ALLOW_SAME_SITE;
    st->report_only = settings->FETCH_METADATA_REPORT_ONLY;
    *out = st;
    return dj_layer_header(s, DJ_LIT("Vary"), vary, &st->vary);
}

static dj_str shown(dj_str value)
{
    return dj_str_is_none(value) ? DJ_LIT("(none)") : dj_str_first(value, SHOWN_MAX);
}

static dj_response *refused(dj_req *req, const dj_fetch_metadata *f, bool report_only)
{
    dj_str path = dj_req_path(req), site = shown(f->site), mode = shown(f->mode),
           dest = shown(f->dest);
    dj_str text = dj_strf(req->scope,
                          "(Sec-Fetch-Site " DJ_FMT ", Sec-Fetch-Mode " DJ_FMT
                          ", Sec-Fetch-Dest " DJ_FMT "): " DJ_FMT,
                          DJ_ARG(site), DJ_ARG(mode), DJ_ARG(dest), DJ_ARG(path));
    if (!report_only)
        return dj_raise(req, DJ_ERR_FETCH_METADATA, "Forbidden " DJ_FMT, DJ_ARG(text));
    const dj_log_context context = {
        .method = req->head->method_name, .path = path, .client = req->peer->address};
    dj_log(DJ_LIT("django.security.fetch_metadata"), DJ_WARNING, &context,
           "Would be forbidden " DJ_FMT, DJ_ARG(text));
    return NULL;
}

static dj_response *on_view(dj_req *req, void *given)
{
    const state      *st = given;
    dj_fetch_metadata f = {
        .site = dj_req_header(req, DJ_LIT("Sec-Fetch-Site")),
        .get_or_head = req->head->method == DJ_GET || req->head->method == DJ_HEAD,
    };
    if (dj_str_is_none(f.site) || dj_is_exempt(req, DJ_EXEMPT_FETCH_METADATA))
        return NULL;
    f.mode = dj_req_header(req, DJ_LIT("Sec-Fetch-Mode"));
    f.dest = dj_req_header(req, DJ_LIT("Sec-Fetch-Dest"));
    if (dj_fetch_decide(&f, st->allow_same_site) != DJ_FETCH_REFUSED)
        return NULL;
    return refused(req, &f, st->report_only);
}

/* A cache must not hand one site's answer to another, also where today's rule lets both in. */
static dj_response *around(dj_req *req, dj_next *next)
{
    const state *st = dj_layer_state(next);
    dj_response *resp = dj_call(next, req);
    if (dj_header_seen(resp, DJ_HEADER_VARY))
        dj_patch_vary(resp, vary);
    else
        dj_layer_add(resp, &st->vary);
    return resp;
}

const dj_middleware dj_fetch_metadata_middleware = {
    .name = "donjon.middleware.FetchMetadataMiddleware",
    .after = "django.middleware.security.SecurityMiddleware",
    .init = init,
    .around = around,
    .on_view = on_view,
};
