/* src/app/match.c - what a view asks about the route that found it, and about the site.
 *
 * Must not know: how routes are found. */
#include "app/app.h"

static const dj_arg *find_arg(const dj_req *req, const char *name)
{
    dj_str wanted = dj_str_of(name);
    for (size_t i = 0; req->match != NULL && i < req->match->nargs; i++) {
        const dj_arg *arg = &req->match->args[i];
        if (!dj_str_is_none(arg->name) && dj_str_eq(arg->name, wanted))
            return arg;
    }
    return NULL;
}

bool dj_path_has(const dj_req *req, const char *name)
{
    return find_arg(req, name) != NULL;
}

int64_t dj_path_int(const dj_req *req, const char *name)
{
    const dj_arg *arg = find_arg(req, name);
    DJ_ASSERT(arg != NULL && arg->kind == DJ_ARG_INT);
    return arg->number;
}

dj_str dj_path_str(const dj_req *req, const char *name)
{
    const dj_arg *arg = find_arg(req, name);
    DJ_ASSERT(arg != NULL && arg->kind == DJ_ARG_STR);
    return arg->text;
}

dj_str dj_path_group(const dj_req *req, size_t index)
{
    for (size_t i = 0; req->match != NULL && i < req->match->nargs; i++) {
        if (dj_str_is_none(req->match->args[i].name) && index-- == 0)
            return req->match->args[i].text;
    }
    return DJ_NONE;
}

const dj_settings *dj_settings_of(const dj_req *req)
{
    return req->site->settings;
}

/* -- marks and guards that decorators are in Django -- */

static void set_xframe(dj_response *resp, dj_str value)
{
    if (!dj_header_seen(resp, DJ_HEADER_XFRAME))
        dj_header_set(resp, DJ_LIT("X-Frame-Options"), value);
}

void dj_xframe_deny(dj_response *resp)
{
    set_xframe(resp, DJ_LIT("DENY"));
}

void dj_xframe_sameorigin(dj_response *resp)
{
    set_xframe(resp, DJ_LIT("SAMEORIGIN"));
}

dj_response *dj_require_methods(dj_req *req, unsigned methods)
{
    return (methods & (unsigned)req->head->method) != 0 ? NULL
                                                        : dj_method_not_allowed(req, methods);
}
