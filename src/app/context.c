/* src/app/context.c - what every template of a request sees: the context processors.
 *
 * Each is a name of Django's with the variables it brings. Most are lazy: a page pays for what it
 * shows. Django: template/context_processors.py, contrib/auth and contrib/messages
 * context_processors.py.
 *
 * Must not know: templates, how values are printed. */
#include "app/templates.h"
#include "donjon/csp.h"

struct dj_context {
    dj_var_item *items;
    size_t       len, cap;
    const void  *processed; /* the list of processors that ran */
};

static struct dj_context *context_of(dj_req *req)
{
    if (req->context == NULL)
        req->context = dj_new(req->scope, struct dj_context);
    return req->context;
}

void dj_context_set(dj_req *req, const char *name, dj_var value)
{
    struct dj_context *context = context_of(req);
    dj_str             key = dj_str_of(name);
    for (size_t i = 0; i < context->len; i++) {
        if (dj_str_eq(context->items[i].name, key)) {
            context->items[i].value = value;
            return;
        }
    }
    if (context->len == context->cap) {
        size_t cap = context->cap == 0 ? 8 : 2 * context->cap;
        context->items = dj_realloc(req->scope, context->items, context->cap * sizeof(dj_var_item),
                                    cap * sizeof(dj_var_item));
        context->cap = cap;
    }
    context->items[context->len++] = (dj_var_item){key, value};
}

static bool is_set(const dj_req *req, const char *name)
{
    for (size_t i = 0; req->context != NULL && i < req->context->len; i++) {
        if (dj_str_eq(req->context->items[i].name, dj_str_of(name)))
            return true;
    }
    return false;
}

typedef dj_err make_fn(dj_scope *s, void *ctx, dj_var *out);

static dj_var lazy(dj_req *req, make_fn *make)
{
    dj_var_lazy *it = dj_new(req->scope, dj_var_lazy);
    *it = (dj_var_lazy){.make = make, .ctx = req};
    return (dj_var){.kind = DJ_VAR_LAZY, .lazy = it};
}

/* -- request: what a template may see of it -- */

static dj_err make_method(dj_scope *s, void *ctx, dj_var *out)
{
    *out = dj_var_str(dj_req_method_name(ctx));
    return DJ_OK;
}

static dj_err make_path(dj_scope *s, void *ctx, dj_var *out)
{
    *out = dj_var_str(dj_req_path(ctx));
    return DJ_OK;
}

static dj_err make_full_path(dj_scope *s, void *ctx, dj_var *out)
{
    *out = dj_var_str(dj_req_full_path(ctx));
    return DJ_OK;
}

static dj_err make_secure(dj_scope *s, void *ctx, dj_var *out)
{
    *out = dj_var_bool(dj_req_is_secure(ctx));
    return DJ_OK;
}

static dj_err make_scheme(dj_scope *s, void *ctx, dj_var *out)
{
    *out = dj_var_str(dj_req_is_secure(ctx) ? DJ_LIT("https") : DJ_LIT("http"));
    return DJ_OK;
}

static dj_err make_host(dj_scope *s, void *ctx, dj_var *out)
{
    dj_str host;
    dj_err e = dj_get_host(ctx, &host);
    if (!e)
        *out = dj_var_str(host);
    return e;
}

static dj_err make_absolute_uri(dj_scope *s, void *ctx, dj_var *out)
{
    dj_str uri;
    dj_err e = dj_build_absolute_uri(ctx, DJ_NONE, &uri);
    if (!e)
        *out = dj_var_str(uri);
    return e;
}

dj_err dj_request_multi(dj_req *req, const dj_var_multi **out)
{
    dj_scope *s = req->scope;
    if (req->query == NULL) {
        dj_err e = dj_querydict_parse(s, dj_req_query_string(req), -1, &req->query);
        if (e)
            return e;
    }
    const dj_map         *names = &req->query->names;
    struct dj_multi_item *items = dj_new_array(s, struct dj_multi_item, names->len);
    dj_var_multi         *multi = dj_new(s, dj_var_multi);
    for (size_t i = 0; i < names->len; i++) {
        const dj_querydict_entry *entry = names->entries[i].value;
        items[i] = (struct dj_multi_item){entry->name, entry->values, entry->nvalues};
    }
    *multi = (dj_var_multi){items, names->len};
    *out = multi;
    return DJ_OK;
}

static dj_err make_get(dj_scope *s, void *ctx, dj_var *out)
{
    const dj_var_multi *multi;
    dj_err              e = dj_request_multi(ctx, &multi);
    if (!e)
        *out = (dj_var){.kind = DJ_VAR_MULTI, .multi = multi};
    return e;
}

static dj_err make_match(dj_scope *s, void *ctx, dj_var *out)
{
    const dj_req   *req = ctx;
    const dj_match *match = req->match;
    if (match == NULL)
        return DJ_OK;
    dj_str view =
        match->namespaces.len == 0
            ? match->url_name
            : dj_strf(s, DJ_FMT ":" DJ_FMT, DJ_ARG(match->namespaces), DJ_ARG(match->url_name));
    const dj_var_item parts[] = {
        {DJ_LIT("url_name"), dj_var_str(match->url_name)},
        {DJ_LIT("view_name"), dj_var_str(view)},
        {DJ_LIT("route"), dj_var_str(match->pattern)},
        {DJ_LIT("app_name"), dj_var_str(match->app_names)},
        {DJ_LIT("namespace"), dj_var_str(match->namespaces)},
    };
    dj_var_item *items = dj_new_array(s, dj_var_item, DJ_COUNT(parts));
    memcpy(items, parts, sizeof parts);
    *out = dj_var_of_map(items, DJ_COUNT(parts));
    return DJ_OK;
}

static const struct {
    const char *name;
    make_fn    *make;
} request_parts[] = {
    {"method", make_method},    {"path", make_path},
    {"path_info", make_path},   {"get_full_path", make_full_path},
    {"is_secure", make_secure}, {"scheme", make_scheme},
    {"get_host", make_host},    {"build_absolute_uri", make_absolute_uri},
    {"GET", make_get},          {"resolver_match", make_match},
};

static dj_err make_request(dj_scope *s, void *ctx, dj_var *out)
{
    dj_var_item *items = dj_new_array(s, dj_var_item, DJ_COUNT(request_parts));
    for (size_t i = 0; i < DJ_COUNT(request_parts); i++)
        items[i] =
            (dj_var_item){dj_str_of(request_parts[i].name), lazy(ctx, request_parts[i].make)};
    *out = dj_var_of_map(items, DJ_COUNT(request_parts));
    return DJ_OK;
}

/* -- Django's processors -- */

static void run_request(dj_req *req)
{
    dj_context_set(req, "request", lazy(req, make_request));
}

static bool is_internal(const dj_req *req)
{
    const dj_str_list *ips = &req->site->settings->INTERNAL_IPS;
    for (size_t i = 0; i < ips->len; i++) {
        if (dj_str_eq(ips->items[i], req->peer->address))
            return true;
    }
    return false;
}

static void run_debug(dj_req *req)
{
    if (req->site->settings->DEBUG && is_internal(req))
        dj_context_set(req, "debug", dj_var_bool(true));
}

static dj_err make_nonce(dj_scope *s, void *ctx, dj_var *out)
{
    *out = dj_var_str(dj_csp_nonce(ctx));
    return DJ_OK;
}

static void run_csp(dj_req *req)
{
    if (req->site->templates->has_csp)
        dj_context_set(req, "csp_nonce", lazy(req, make_nonce));
}

static void run_static(dj_req *req)
{
    dj_context_set(req, "STATIC_URL", dj_var_str(req->site->settings->STATIC_URL));
}

static void run_media(dj_req *req)
{
    dj_context_set(req, "MEDIA_URL", dj_var_str(req->site->settings->MEDIA_URL));
}

static void run_tz(dj_req *req)
{
    dj_context_set(req, "TIME_ZONE", dj_var_str(req->site->settings->TIME_ZONE));
}

static void run_i18n(dj_req *req)
{
    dj_context_set(req, "LANGUAGE_CODE", dj_var_str(req->site->settings->LANGUAGE_CODE));
    dj_context_set(req, "LANGUAGE_BIDI", dj_var_bool(false));
}

/* Nobody can be logged in where no layer has said who it is: Django's AnonymousUser. */
static void run_auth(dj_req *req)
{
    static const dj_var_item anonymous[] = {
        {DJ_STR_INIT("id"), {.kind = DJ_VAR_NONE}},
        {DJ_STR_INIT("pk"), {.kind = DJ_VAR_NONE}},
        {DJ_STR_INIT("username"), {.kind = DJ_VAR_STR, .text = DJ_STR_INIT("")}},
        {DJ_STR_INIT("get_username"), {.kind = DJ_VAR_STR, .text = DJ_STR_INIT("")}},
        {DJ_STR_INIT("is_staff"), {.kind = DJ_VAR_BOOL}},
        {DJ_STR_INIT("is_active"), {.kind = DJ_VAR_BOOL}},
        {DJ_STR_INIT("is_superuser"), {.kind = DJ_VAR_BOOL}},
        {DJ_STR_INIT("is_anonymous"), {.kind = DJ_VAR_BOOL, .truth = true}},
        {DJ_STR_INIT("is_authenticated"), {.kind = DJ_VAR_BOOL}},
    };
    if (!is_set(req, "user"))
        dj_context_set(req, "user", dj_var_of_map(anonymous, DJ_COUNT(anonymous)));
    if (!is_set(req, "perms"))
        dj_context_set(req, "perms", dj_var_of_map(NULL, 0));
}

/* None, where no layer has collected any. */
static void run_messages(dj_req *req)
{
    static const dj_var_item levels[] = {
        {DJ_STR_INIT("DEBUG"), {.kind = DJ_VAR_INT, .number = 10}},
        {DJ_STR_INIT("INFO"), {.kind = DJ_VAR_INT, .number = 20}},
        {DJ_STR_INIT("SUCCESS"), {.kind = DJ_VAR_INT, .number = 25}},
        {DJ_STR_INIT("WARNING"), {.kind = DJ_VAR_INT, .number = 30}},
        {DJ_STR_INIT("ERROR"), {.kind = DJ_VAR_INT, .number = 40}},
    };
    if (!is_set(req, "messages"))
        dj_context_set(req, "messages", dj_var_of_list(NULL, 0));
    dj_context_set(req, "DEFAULT_MESSAGE_LEVELS", dj_var_of_map(levels, DJ_COUNT(levels)));
}

/* {% csrf_token %} is silent while no layer gives a token. */
static void run_nothing(dj_req *req)
{
    (void)req;
}

static const dj_context_processor builtin[] = {
    {"django.template.context_processors.request", run_request},
    {"django.template.context_processors.debug", run_debug},
    {"django.template.context_processors.csp", run_csp},
    {"django.template.context_processors.csrf", run_nothing},
    {"django.template.context_processors.static", run_static},
    {"django.template.context_processors.media", run_media},
    {"django.template.context_processors.tz", run_tz},
    {"django.template.context_processors.i18n", run_i18n},
    {"django.contrib.auth.context_processors.auth", run_auth},
    {"django.contrib.messages.context_processors.messages", run_messages},
};

const dj_context_processor *dj_context_processor_find(const dj_app *app, dj_str name)
{
    for (size_t i = 0; i < app->nprocessors; i++) {
        if (dj_str_eq(dj_str_of(app->processors[i].name), name))
            return &app->processors[i];
    }
    for (size_t i = 0; i < DJ_COUNT(builtin); i++) {
        if (dj_str_eq(dj_str_of(builtin[i].name), name))
            return &builtin[i];
    }
    return NULL;
}

dj_var_map dj_context_of(dj_req *req, const dj_context_processor *const *processors, size_t len)
{
    struct dj_context *context = context_of(req);
    if (context->processed != processors) {
        context->processed = processors;
        for (size_t i = 0; i < len; i++)
            processors[i]->run(req);
    }
    return (dj_var_map){context->items, context->len};
}
