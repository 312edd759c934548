/* tools/conformance/hooks.c - http.hooks: layers A, B, C that trace their hooks and misbehave as
 * the case says. */
#include "site_case.h"

typedef struct layer {
    char   letter;
    dj_str behaviour; /* of this case */
} layer;

static layer  layers[] = {{.letter = 'A'}, {.letter = 'B'}, {.letter = 'C'}};
static dj_buf trace;

static void note(const layer *l, const char *what)
{
    if (trace.len > 0)
        dj_buf_add_byte(&trace, ' ');
    if (l == NULL)
        dj_buf_addf(&trace, "%s", what);
    else
        dj_buf_addf(&trace, "%c.%s", l->letter, what);
}

static bool does(const layer *l, dj_str what)
{
    return dj_str_eq(l->behaviour, what);
}

static dj_response *say(dj_req *req, int status, const char *what, const layer *l)
{
    dj_response *resp = dj_respond(req, status);
    dj_page_add(resp, dj_html_escape(req->scope, dj_strf(req->scope, "%s %c", what, l->letter)));
    return resp;
}

static dj_response *boom(dj_req *req)
{
    return dj_raise(req, DJ_ERR_INTERNAL, "boom");
}

static dj_response *around(dj_req *req, dj_next *next)
{
    const layer *l = dj_layer_state(next);
    note(l, "request");
    if (does(l, DJ_LIT("request-returns")))
        return say(req, 200, "short", l);
    if (does(l, DJ_LIT("request-raises")))
        return boom(req);
    if (does(l, DJ_LIT("request-denies")))
        return dj_denied(req);
    dj_response *resp = dj_call(next, req);
    note(l, dj_cstr(req->scope, dj_strf(req->scope, "response:%d", dj_status(resp))));
    if (does(l, DJ_LIT("response-raises")))
        return boom(req);
    if (does(l, DJ_LIT("response-replaces")))
        return say(req, 202, "replaced", l);
    return resp;
}

static dj_response *on_view(dj_req *req, void *state)
{
    const layer *l = state;
    note(l, "view");
    if (does(l, DJ_LIT("view-returns")))
        return say(req, 200, "from view hook", l);
    return does(l, DJ_LIT("view-raises")) ? boom(req) : NULL;
}

static dj_response *on_exception(dj_req *req, dj_err e, void *state)
{
    const layer *l = state;
    note(l, e == DJ_ERR_DENIED ? "exception:PermissionDenied" : "exception:RuntimeError");
    if (does(l, DJ_LIT("exception-returns")))
        return say(req, 203, "handled", l);
    return does(l, DJ_LIT("exception-raises")) ? boom(req) : NULL;
}

static dj_response *on_template(dj_req *req, dj_response *resp, void *state)
{
    const layer *l = state;
    note(l, "template");
    return does(l, DJ_LIT("template-none")) ? NULL : resp;
}

static dj_err init_layer(size_t i, void **state)
{
    *state = &layers[i];
    return does(&layers[i], DJ_LIT("unused")) ? DJ_ERR_NOT_USED : DJ_OK;
}

#define LAYER(name_, index)                                                                        \
    static dj_err init_##name_(dj_scope *s, const dj_settings *settings, void **state)             \
    {                                                                                              \
        return init_layer(index, state);                                                           \
    }                                                                                              \
    static const dj_middleware layer_##name_ = {.name = #name_,                                    \
                                                .init = init_##name_,                              \
                                                .around = around,                                  \
                                                .on_view = on_view,                                \
                                                .on_exception = on_exception,                      \
                                                .on_template = on_template};
LAYER(A, 0)
LAYER(B, 1)
LAYER(C, 2)

static const dj_middleware *const all_layers[] = {&layer_A, &layer_B, &layer_C};

/* -- views -- */

static dj_response *plain(dj_req *req)
{
    note(NULL, "view");
    return dj_page(req, DJ_HTML("view"));
}

static dj_response *boom_view(dj_req *req)
{
    note(NULL, "view");
    return boom(req);
}

static dj_response *denied_view(dj_req *req)
{
    note(NULL, "view");
    return dj_denied(req);
}

static dj_response *none_view(dj_req *req)
{
    note(NULL, "view");
    return NULL;
}

static dj_response *render(dj_response *resp, void *ctx)
{
    note(NULL, "render");
    if (ctx != NULL)
        return boom(resp->req);
    dj_page_add(resp, DJ_HTML("rendered"));
    return resp;
}

static dj_response *deferred(dj_req *req, void *fails)
{
    dj_response *resp = dj_respond(req, 200);
    note(NULL, "view");
    resp->render = render;
    resp->render_ctx = fails;
    return resp;
}

static dj_response *template_view(dj_req *req)
{
    return deferred(req, NULL);
}

static dj_response *template_boom_view(dj_req *req)
{
    return deferred(req, req);
}

static const dj_route routes[] = {
    DJ_PATH("h-plain/", plain),
    DJ_PATH("h-boom/", boom_view),
    DJ_PATH("h-denied/", denied_view),
    DJ_PATH("h-none/", none_view),
    DJ_PATH("h-template/", template_view),
    DJ_PATH("h-template-boom/", template_boom_view),
};

static const dj_app app = {
    .urls = DJ_ALL(routes), .middleware = all_layers, .nmiddleware = DJ_COUNT(all_layers)};

static dj_str joined_trace(run *r, const json_t *list)
{
    dj_buf b = dj_buf_make(r->scope, 8192);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i > 0)
            dj_buf_add_byte(&b, ' ');
        dj_buf_add(&b, js_text(json_array_get(list, i)));
    }
    return dj_buf_str(&b);
}

static void run_case(run *r, const json_t *c)
{
    const json_t *expect = json_object_get(c, "expect");
    dj_settings  *settings = dj_settings_default(r->scope);
    dj_site      *site = NULL;
    json_t       *hosts = json_pack("[s]", "testserver");
    if (!js_setting(r, settings, "MIDDLEWARE", json_object_get(c, "middleware")) ||
        !js_setting(r, settings, "ALLOWED_HOSTS", hosts))
        case_fail(r, "settings");
    for (size_t i = 0; i < DJ_COUNT(layers); i++) {
        const char name[] = {layers[i].letter, '\0'};
        layers[i].behaviour = js_str(json_object_get(c, "behaviour"), name);
    }
    trace = dj_buf_make(r->scope, 8192);
    dj_site_parts parts = {.app = &app, .settings = settings};
    if (dj_site_new(r->scope, &parts, &site) != DJ_OK) {
        case_fail(r, DJ_FMT, DJ_ARG(dj_failure_text(r->scope)));
        json_decref(hosts);
        return;
    }
    json_t *request =
        json_pack("{s:s, s:s+, s:s}", "method", "GET", "target", "/h-",
                  dj_cstr(r->scope, dj_str_cat(r->scope, js_str(c, "view"), DJ_LIT("/"))), "host",
                  "testserver");
    case_log_start(r);
    dj_response *resp = dj_site_handle(js_request(r, request), site);
    case_log_compare(r, json_object_get(expect, "log"));
    case_expect_str(r, "trace", joined_trace(r, json_object_get(expect, "trace")),
                    dj_buf_str(&trace));
    case_expect_int(r, "status", js_int(expect, "status"), dj_status(resp));
    if (json_is_string(json_object_get(expect, "body")))
        case_expect_str(r, "body", js_str(expect, "body"), case_body(r, resp));
    json_decref(request);
    json_decref(hosts);
}

void run_hooks(run *r, const json_t *file)
{
    const json_t *cases = json_object_get(file, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        case_begin(r, json_string_value(json_object_get(c, "id")));
        run_case(r, c);
        case_end(r);
    }
}
