/* src/app/render.c - pages from templates: dj_render and what the engine asks of a site.
 *
 * Must not know: how a template is compiled. */
#include "app/static.h"
#include "app/templates.h"

/* -- what the engine asks -- */

static dj_err reverse(void *ctx, dj_run *run, dj_str name, const dj_var *args, size_t nargs,
                      const dj_str *names, dj_str *url)
{
    const struct dj_site  *site = ctx;
    const dj_render_input *input = dj_run_input(run);
    dj_scope              *s = dj_run_scope(run);
    dj_arg                *list = dj_new_array(s, dj_arg, nargs + 1);
    for (size_t i = 0; i < nargs; i++) {
        list[i] = (dj_arg){.name = names == NULL ? DJ_NONE : names[i], .kind = DJ_ARG_STR};
        dj_err e = dj_var_text(run, &args[i], &list[i].text);
        if (e)
            return e;
    }
    dj_reverse_query q = {.name = name,
                          .args = list,
                          .nargs = nargs,
                          .current_app = input->current_app,
                          .script_prefix = DJ_LIT("/")};
    return dj_resolver_reverse(s, site->resolver, &q, url);
}

static dj_err static_url(void *ctx, dj_scope *s, dj_str path, dj_str *url)
{
    return dj_static_url(s, ctx, path, url);
}

static void failsafe(void *ctx, const dj_template *t, uint32_t line, dj_str place)
{
    (void)ctx;
    dj_log(DJ_LIT("django.security.template"), DJ_WARNING, NULL,
           "a value was replaced, because it is not safe in " DJ_FMT " (" DJ_FMT ", line %u)",
           DJ_ARG(place), DJ_ARG(dj_template_name(t)), line);
}

dj_engine_hooks dj_template_hooks(struct dj_site *site)
{
    return (dj_engine_hooks){
        .ctx = site, .reverse = reverse, .static_url = static_url, .failsafe = failsafe};
}

/* -- rendering -- */

/* The first engine that has the template. */
static dj_err find(dj_req *req, dj_str name, const struct dj_site_engine **engine,
                   const dj_template **template, dj_template_error *error)
{
    const struct dj_site_templates *all = req->site->templates;
    for (size_t i = 0; i < all->nengines; i++) {
        *engine = &all->engines[i];
        dj_err e = dj_engine_load(all->engines[i].engine, req->scope, name, template, error);
        if (e != DJ_ERR_TEMPLATE_MISSING)
            return e;
    }
    error->code = DJ_ERR_TEMPLATE_MISSING;
    error->message = name;
    return DJ_ERR_TEMPLATE_MISSING;
}

/* Keeps the error for the debug page, and its sentence for the log. */
static dj_err explain(dj_req *req, dj_err e, const dj_template_error *error)
{
    dj_template_error *kept = dj_new(req->scope, dj_template_error);
    *kept = *error;
    req->template_error = kept;
    if (kept->line == 0)
        return dj_fail(req->scope, e, DJ_FMT, DJ_ARG(kept->message));
    return dj_fail(req->scope, e, DJ_FMT ":%u:%u: " DJ_FMT, DJ_ARG(kept->template), kept->line,
                   kept->column, DJ_ARG(kept->message));
}

/* `bare`: without the request and its processors, as Django renders 400.html and 500.html. */
static dj_err render(dj_req *req, dj_str name, dj_ctx ctx, bool bare, dj_out *out)
{
    const struct dj_site_engine *engine;
    const dj_template *template;
    dj_template_error error = {0};
    dj_render_input   input = {
          .contexts = &ctx, .ncontexts = ctx.attrs == NULL ? 0 : 1, .request = bare ? NULL : req};
    dj_err e = find(req, name, &engine, &template, &error);
    if (e)
        return explain(req, e, &error);
    if (!bare) {
        dj_var_map map = dj_context_of(req, engine->processors, engine->nprocessors);
        input.items = map.items;
        input.nitems = map.len;
        input.current_app = req->match == NULL ? DJ_NONE : req->match->namespaces;
        e = req->head->has_query ? dj_request_multi(req, &input.get) : DJ_OK;
        if (e)
            return e;
    }
    *out = dj_out_make(req->scope, (uint64_t)req->site->settings->TEMPLATE_MAX_OUTPUT);
    e = dj_template_render(req->scope, template, &input, out, &error);
    return e ? explain(req, e, &error) : DJ_OK;
}

/* -- answers -- */

/* By the ending of the name; text/html is a response's own. */
static dj_str type_of(dj_str name)
{
    static const struct {
        dj_str ending, type;
    } types[] = {
        {DJ_STR_INIT(".txt"), DJ_STR_INIT("text/plain; charset=utf-8")},
        {DJ_STR_INIT(".xml"), DJ_STR_INIT("application/xml; charset=utf-8")},
        {DJ_STR_INIT(".svg"), DJ_STR_INIT("image/svg+xml")},
        {DJ_STR_INIT(".json"), DJ_STR_INIT("application/json")},
        {DJ_STR_INIT(".csv"), DJ_STR_INIT("text/csv; charset=utf-8")},
        {DJ_STR_INIT(".js"), DJ_STR_INIT("text/javascript; charset=utf-8")},
        {DJ_STR_INIT(".css"), DJ_STR_INIT("text/css; charset=utf-8")},
    };
    for (size_t i = 0; i < DJ_COUNT(types); i++) {
        if (dj_str_ends(name, types[i].ending))
            return types[i].type;
    }
    return DJ_NONE;
}

static void add_pieces(dj_response *resp, dj_str name, dj_out *out)
{
    size_t        len;
    const dj_str *pieces = dj_out_pieces(out, &len);
    dj_str        type = type_of(name);
    if (!dj_str_is_none(type))
        dj_header_set(resp, DJ_LIT("Content-Type"), type);
    for (size_t i = 0; i < len; i++) {
        if (dj_str_is_none(type))
            dj_page_add(resp, (dj_html){pieces[i]}); /* the engine escaped for where each stands */
        else
            dj_body_add(resp, pieces[i]);
    }
}

static dj_response *answer(dj_req *req, int status, dj_str name, dj_ctx ctx, bool bare)
{
    dj_out out;
    if (render(req, name, ctx, bare, &out) != DJ_OK)
        return dj_raise_failure(req);
    dj_response *resp = dj_respond(req, status);
    add_pieces(resp, name, &out);
    return resp;
}

dj_response *dj_render(dj_req *req, const char *name, dj_ctx ctx)
{
    return answer(req, 200, dj_str_of(name), ctx, false);
}

typedef struct later {
    dj_str name;
    dj_ctx ctx;
} later;

static dj_response *render_later(dj_response *resp, void *ctx)
{
    const later *it = ctx;
    dj_out       out;
    if (render(resp->req, it->name, it->ctx, false, &out) != DJ_OK)
        return dj_raise_failure(resp->req);
    add_pieces(resp, it->name, &out);
    return resp;
}

dj_response *dj_render_later(dj_req *req, const char *name, dj_ctx ctx)
{
    dj_response *resp = dj_respond(req, 200);
    later       *it = dj_new(req->scope, later);
    *it = (later){dj_str_of(name), ctx};
    if (ctx.attrs != NULL) {
        void *copy = dj_alloc(req->scope, ctx.attrs->size);
        memcpy(copy, ctx.ptr, ctx.attrs->size);
        it->ctx.ptr = copy;
    }
    resp->render = render_later;
    resp->render_ctx = it;
    return resp;
}

dj_err dj_render_html(dj_req *req, const char *name, dj_ctx ctx, dj_html *html)
{
    dj_out out;
    dj_err e = render(req, dj_str_of(name), ctx, false, &out);
    if (!e)
        *html = (dj_html){dj_out_str(&out)}; /* escaped by the engine */
    return e;
}

/* -- pages of errors -- */

typedef struct error_page {
    dj_str request_path, exception;
} error_page;
DJ_ATTRS(error_page, DJ_ATTR(error_page, request_path), DJ_ATTR(error_page, exception));

dj_response *dj_error_template(dj_req *req, int status, dj_str text)
{
    const struct dj_site_engine *engine;
    const dj_template *template;
    dj_template_error error = {0};
    dj_str            name = dj_strf(req->scope, "%d.html", status);
    bool              bare = status != 404 && status != 403;
    if (find(req, name, &engine, &template, &error) == DJ_ERR_TEMPLATE_MISSING)
        return NULL;
    dj_ctx ctx = status == 404
                     ? DJ_CTX(error_page, .request_path = dj_url_escape_path(req->scope, req->path),
                              .exception = text)
                     : DJ_CTX(error_page, .exception = text);
    return answer(req, status, name, bare ? DJ_NO_CTX : ctx, bare);
}
