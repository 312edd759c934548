/* src/app/site.c - everything a site is, made once at start, and the way of a request through it.
 *
 * Must not know: sockets, processes, command lines. */
#include "app/static.h"
#include "app/templates.h"

/* -- layers -- */

static const dj_middleware *find_layer(const dj_site_parts *parts, dj_str name)
{
    for (size_t i = 0; i < parts->app->nmiddleware; i++) {
        if (dj_str_eq(dj_str_of(parts->app->middleware[i]->name), name))
            return parts->app->middleware[i];
    }
    for (size_t i = 0; i < parts->nbuiltin; i++) {
        if (dj_str_eq(dj_str_of(parts->builtin[i]->name), name))
            return parts->builtin[i];
    }
    return NULL;
}

/* The hooks of one kind, in the order they run. */
typedef bool has_hook(const dj_middleware *layer);

static bool has_view(const dj_middleware *layer)
{
    return layer->on_view != NULL;
}

static bool has_exception(const dj_middleware *layer)
{
    return layer->on_exception != NULL;
}

static bool has_template(const dj_middleware *layer)
{
    return layer->on_template != NULL;
}

static dj_hook *collect(dj_scope *s, const dj_hook *used, size_t nused, bool innermost_first,
                        has_hook *has, size_t *len)
{
    dj_hook *hooks = dj_new_array(s, dj_hook, nused);
    *len = 0;
    for (size_t i = 0; i < nused; i++) {
        const dj_hook *h = &used[innermost_first ? nused - 1 - i : i];
        if (has(h->layer))
            hooks[(*len)++] = *h;
    }
    return hooks;
}

/* Static files are answered right below SecurityMiddleware: with its headers, and before anything
 * that costs more. */
static void add_static_layer(struct dj_site *site, dj_hook *used, size_t *nused)
{
    size_t at = *nused;
    while (at > 0 && strcmp(used[at - 1].layer->name, dj_static_layer.after) != 0)
        at--;
    memmove(used + at + 1, used + at, (*nused - at) * sizeof *used);
    used[at] = (dj_hook){.layer = &dj_static_layer, .state = site->statics};
    (*nused)++;
}

static dj_err make_layers(dj_scope *s, const dj_site_parts *parts, struct dj_site *site)
{
    const dj_str_list *names = &parts->settings->MIDDLEWARE;
    dj_hook           *used = dj_new_array(s, dj_hook, names->len + 1);
    size_t             nused = 0;
    for (size_t i = 0; i < names->len; i++) {
        dj_hook h = {.layer = find_layer(parts, names->items[i])};
        if (h.layer == NULL)
            return dj_fail(s, DJ_ERR_SETTINGS,
                           "MIDDLEWARE names " DJ_FMT ", which this build does not have",
                           DJ_ARG(names->items[i]));
        dj_err e = h.layer->init == NULL ? DJ_OK : h.layer->init(s, parts->settings, &h.state);
        if (e == DJ_ERR_NOT_USED)
            continue;
        if (!e && h.layer->on_routes != NULL)
            e = h.layer->on_routes(s, &parts->app->urls, h.state);
        if (e)
            return e;
        used[nused++] = h;
    }
    if (site->statics != NULL)
        add_static_layer(site, used, &nused);
    site->layers = dj_new_array(s, struct dj_next, nused + 1);
    for (size_t i = 0; i < nused; i++) {
        if (used[i].layer->around != NULL)
            site->layers[site->nlayers++] =
                (struct dj_next){.layer = used[i].layer, .state = used[i].state};
    }
    site->on_view = collect(s, used, nused, false, has_view, &site->non_view);
    site->on_exception = collect(s, used, nused, true, has_exception, &site->non_exception);
    site->on_template = collect(s, used, nused, true, has_template, &site->non_template);
    return DJ_OK;
}

/* -- requests -- */

dj_response *dj_site_handle(dj_req *req, void *site)
{
    const struct dj_site *it = site;
    dj_response          *resp;
    req->site = it;
    req->debug = DJ_UNLIKELY(it->settings->DEBUG) && dj_client_is_here(req);
    dj_host_prepare(req);
    if (DJ_UNLIKELY(it->settings->HOST_CHECK_FIRST && dj_host_check(req) != DJ_OK))
        resp = dj_error_answer(req, dj_failure(req->scope), dj_failure_text(req->scope));
    else if (DJ_UNLIKELY((req->head->seen >> DJ_FIELD_COOKIE & 1u) != 0 &&
                         dj_cookies_check(req) != DJ_OK))
        resp = dj_error_answer(req, dj_failure(req->scope), dj_failure_text(req->scope));
    else if (DJ_UNLIKELY(req->peer->redirect_only && !req->secure))
        resp = dj_https_redirect(req);
    else
        resp = dj_layer_run(it->layers, req);
    if (resp->raised != DJ_OK)
        resp = dj_error_answer(req, resp->raised, dj_failure_text(req->scope));
    if (DJ_UNLIKELY(resp->status >= 400))
        dj_error_log_answer(req, resp);
    if (DJ_UNLIKELY(resp->status >= 400 || (req->match == NULL && !resp->part)))
        dj_answer_finish(req, resp);
    return resp;
}

dj_err dj_site_new(dj_scope *s, const dj_site_parts *parts, dj_site **out)
{
    dj_site *site = dj_new(s, dj_site);
    site->settings = parts->settings;
    site->app = parts->app;
    dj_site_keys(s, parts->settings, &site->keys);
    dj_err e = dj_resolver_new(s, &parts->app->urls, &site->resolver);
    if (e || (e = dj_host_rules_new(s, parts->settings, &site->hosts)) ||
        (e = dj_answers_prepare(s, site)) ||
        (e = dj_static_new(s, parts->settings, &site->statics)) ||
        (e = dj_templates_new(s, parts, site)) || (e = make_layers(s, parts, site)))
        return e;
    *out = site;
    return DJ_OK;
}
