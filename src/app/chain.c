/* src/app/chain.c - the onion: layers, hooks, the view.
 *
 * A layer is one struct in an array; going inwards is the next element, so a layer costs an
 * indirect call and no memory. Each layer receives a response, whatever happens inside: what was
 * raised is made an answer at the border. Django: core/handlers/base.py (_get_response) and
 * core/handlers/exception.py (convert_exception_to_response).
 *
 * Must not know: which layers there are, what their settings are. */
#include "app/app.h"
#include "http/caching.h"

/* -- raised answers -- */

static dj_str failure_text(const dj_req *req, dj_err e)
{
    return dj_failure(req->scope) == e ? dj_failure_text(req->scope) : DJ_LIT("");
}

/* The answer of a border: `resp` if it is one. `what` names who returned nothing. */
static dj_response *settled(dj_req *req, dj_response *resp, const char *what, const char *name)
{
    if (resp == NULL)
        resp = dj_raise(req, DJ_ERR_INTERNAL, "%s %s returned no response", what, name);
    if (resp->raised != DJ_OK)
        return dj_error_answer(req, resp->raised, failure_text(req, resp->raised));
    return resp;
}

/* on_exception hooks, innermost first. NULL: nobody answered, or one of them failed: then *raised
 * is its error. */
static dj_response *handled(dj_req *req, dj_response **raised)
{
    const struct dj_site *site = req->site;
    for (size_t i = 0; i < site->non_exception; i++) {
        const dj_hook *h = &site->on_exception[i];
        dj_response   *resp = h->layer->on_exception(req, (*raised)->raised, h->state);
        if (resp == NULL)
            continue;
        if (resp->raised == DJ_OK)
            return resp;
        *raised = resp;
        return NULL;
    }
    return NULL;
}

/* An exception of the view or of its rendering. Hooks may fail and recover: the sentence is kept
 * from before. */
static dj_response *after_exception(dj_req *req, dj_response *raised, bool *converted)
{
    dj_err       e = raised->raised;
    dj_str       text = failure_text(req, e);
    dj_response *resp = NULL;
    *converted = true;
    if (req->site->non_exception > 0) {
        dj_response *last = raised;
        text = dj_str_dup(req->scope, text);
        resp = handled(req, &last);
        if (resp == NULL && last != raised) {
            e = last->raised;
            text = failure_text(req, e);
        }
    }
    if (resp == NULL)
        return dj_error_answer(req, e, text);
    *converted = false;
    return resp;
}

/* -- the view -- */

static dj_response *too_many_fields(dj_req *req)
{
    int64_t max = req->site->settings->DATA_UPLOAD_MAX_NUMBER_FIELDS;
    dj_str  query = req->head->query;
    int64_t count = 1;
    if (query.len == 0 || max < 0)
        return NULL;
    for (const char *p = query.ptr, *end = p + query.len;
         (p = memchr(p, '&', (size_t)(end - p))) != NULL; p++)
        count++;
    if (count <= max)
        return NULL;
    return dj_raise(
        req, DJ_ERR_TOO_MANY_FIELDS,
        "The number of GET/POST parameters exceeded settings.DATA_UPLOAD_MAX_NUMBER_FIELDS.");
}

/* The table's methods. NULL: the view decides. */
static dj_response *other_method(dj_req *req, const dj_route *route)
{
    unsigned methods = route->methods;
    if (methods == DJ_ANY_METHOD)
        return NULL;
    if (methods & DJ_GET)
        methods |= DJ_HEAD;
    if (methods & (unsigned)req->head->method)
        return NULL;
    if (req->head->method != DJ_OPTIONS)
        return dj_method_not_allowed(req, methods);
    /* Django's View.options */
    dj_response *resp = dj_respond(req, 200);
    dj_header_set(resp, DJ_LIT("Allow"), dj_methods_text(req->scope, methods | DJ_OPTIONS));
    dj_header_set(resp, DJ_LIT("Content-Length"), DJ_LIT("0"));
    return resp;
}

static dj_response *call_view(dj_req *req, const dj_route *route)
{
    dj_response *resp = other_method(req, route);
    if (resp == NULL)
        resp = too_many_fields(req);
    return resp == NULL ? route->view(req) : resp;
}

/* A deferred response: hooks, innermost first, then it is rendered. */
static dj_response *rendered(dj_req *req, dj_response *resp)
{
    const struct dj_site *site = req->site;
    for (size_t i = 0; i < site->non_template; i++) {
        const dj_hook *h = &site->on_template[i];
        resp = h->layer->on_template(req, resp, h->state);
        if (resp == NULL || resp->raised != DJ_OK)
            return settled(req, resp, "the on_template hook of", h->layer->name);
    }
    dj_response *(*render)(dj_response *, void *) = resp->render;
    if (render == NULL)
        return resp;
    resp->render = NULL;
    resp = render(resp, resp->render_ctx);
    if (resp != NULL && resp->raised != DJ_OK) {
        bool converted;
        return after_exception(req, resp, &converted);
    }
    return settled(req, resp, "rendering", "a deferred response");
}

static dj_response *run_view(dj_req *req)
{
    const struct dj_site *site = req->site;
    dj_match             *match = dj_alloc_raw(req->scope, sizeof *match);
    if (!dj_resolve(req->scope, site->resolver, req->path, match))
        return dj_error_answer(req, DJ_ERR_NOT_FOUND, DJ_LIT("no route"));
    const dj_route *route = match->route;
    req->match = match;
    req->exempt |= route->exempt;

    dj_response *resp = NULL;
    for (size_t i = 0; i < site->non_view && resp == NULL; i++) {
        resp = site->on_view[i].layer->on_view(req, site->on_view[i].state);
        if (resp != NULL && resp->raised != DJ_OK)
            return settled(req, resp, "", "");
    }
    if (resp == NULL) {
        resp = call_view(req, route);
        if (resp == NULL)
            return settled(req, resp, "the view of", route->route);
        if (resp->raised != DJ_OK) {
            bool converted;
            resp = after_exception(req, resp, &converted);
            if (converted)
                return resp;
        } else {
            resp->from_view = true;
            if (DJ_UNLIKELY(req->validators != NULL))
                dj_validators_show(req, resp);
        }
    }
    return resp->render == NULL ? resp : rendered(req, resp);
}

/* -- layers -- */

/* Text that no escaper has seen, called HTML: not sent. See dj_body_add. */
static dj_response *escaped(dj_req *req, dj_response *resp)
{
    if (DJ_LIKELY(!resp->html || !resp->raw))
        return resp;
    return dj_error_answer(
        req, DJ_ERR_INTERNAL,
        DJ_LIT(
            "bytes added with dj_body_add stand in a response of an HTML type: use dj_page_add"));
}

dj_response *dj_layer_run(struct dj_next *layer, dj_req *req)
{
    if (layer->layer == NULL)
        return escaped(req, run_view(req));
    dj_response *resp = layer->layer->around(req, layer);
    if (DJ_LIKELY(resp != NULL && resp->raised == DJ_OK))
        return escaped(req, resp);
    return settled(req, resp, "the middleware", layer->layer->name);
}

dj_response *dj_call(dj_next *next, dj_req *req)
{
    return dj_layer_run(next + 1, req);
}

void *dj_layer_state(const dj_next *next)
{
    return next->state;
}
