/* tools/conformance/urls.c - http.urls: tables of routes built from the file, resolved and
 * reversed; request targets. */
#include "conformance.h"
#include "app/app.h"
#include <stdio.h>

/* -- a table from JSON -- */

static dj_response *no_view(dj_req *req)
{
    return dj_not_found(req);
}

static const char *const *defaults_of(run *r, const json_t *kwargs)
{
    if (json_object_size(kwargs) == 0)
        return NULL;
    const char **list = dj_alloc_array(r->scope, 2 * json_object_size(kwargs) + 1, sizeof *list);
    size_t       n = 0;
    const char  *name;
    json_t      *value;
    json_object_foreach((json_t *)(uintptr_t)kwargs, name, value)
    {
        bool number = json_is_integer(value);
        list[n++] = number ? dj_cstr(r->scope, dj_strf(r->scope, "int:%s", name)) : name;
        list[n++] =
            number
                ? dj_cstr(r->scope, dj_strf(r->scope, "%lld", (long long)json_integer_value(value)))
                : json_string_value(value);
    }
    return list;
}

/* The view's name stands for the view: it is found again by the route. */
typedef struct view_name {
    const dj_route   *route;
    const char       *view;
    struct view_name *next;
} view_name;

static view_name *views;

static dj_urls build_urls(run *r, const json_t *list)
{
    size_t    len = json_array_size(list);
    dj_route *routes = dj_alloc_array(r->scope, len, sizeof *routes);
    for (size_t i = 0; i < len; i++) {
        const json_t *one = json_array_get(list, i);
        dj_route     *route = &routes[i];
        route->route = json_string_value(json_object_get(one, "route"));
        route->regex = dj_str_eq(js_str(one, "kind"), DJ_LIT("re_path"));
        route->name = json_string_value(json_object_get(one, "name"));
        route->defaults = defaults_of(r, json_object_get(one, "kwargs"));
        const json_t *include = json_object_get(one, "include");
        if (include == NULL) {
            view_name *v = dj_new(r->scope, view_name);
            *v = (view_name){.route = route,
                             .view = json_string_value(json_object_get(one, "view")),
                             .next = views};
            views = v;
            route->view = no_view;
            continue;
        }
        dj_urls *urls = dj_new(r->scope, dj_urls);
        *urls = build_urls(r, include);
        urls->app_name = json_string_value(json_object_get(one, "app_name"));
        route->include = urls;
        route->space = json_string_value(json_object_get(one, "namespace"));
    }
    return (dj_urls){.routes = routes, .len = len};
}

static dj_resolver *resolver_of(run *r, const json_t *file, const json_t *c)
{
    dj_resolver *resolver = NULL;
    const char  *name = json_string_value(json_object_get(c, "urlconf"));
    dj_urls     *urls = dj_new(r->scope, dj_urls);
    views = NULL;
    *urls = build_urls(r, json_object_get(json_object_get(file, "urlconfs"), name));
    if (dj_resolver_new(r->scope, urls, &resolver) != DJ_OK)
        case_fail(r, DJ_FMT, DJ_ARG(dj_failure_text(r->scope)));
    return resolver;
}

/* -- resolve -- */

static dj_str typed_text(const json_t *value)
{
    if (json_is_string(value))
        return js_text(value);
    dj_str text = js_str(value, "int");
    return dj_str_is_none(text) ? js_str(value, "uuid") : text;
}

static dj_str list_text(run *r, const json_t *list)
{
    dj_str text = DJ_LIT("");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i > 0)
            text = dj_str_cat(r->scope, text, DJ_LIT(":"));
        text = dj_str_cat(r->scope, text, js_text(json_array_get(list, i)));
    }
    return text;
}

static void compare_args(run *r, const dj_match *m, const json_t *expect)
{
    const json_t *args = json_object_get(expect, "args"),
                 *kwargs = json_object_get(expect, "kwargs");
    size_t unnamed = 0, named = 0;
    for (size_t i = 0; i < m->nargs; i++) {
        const dj_arg *arg = &m->args[i];
        const json_t *want = dj_str_is_none(arg->name)
                                 ? json_array_get(args, unnamed++)
                                 : json_object_get(kwargs, dj_cstr(r->scope, arg->name));
        named += dj_str_is_none(arg->name) ? 0 : 1;
        bool   number = json_is_object(want) && json_object_get(want, "int") != NULL;
        dj_str got =
            arg->kind == DJ_ARG_INT ? dj_strf(r->scope, "%lld", (long long)arg->number) : arg->text;
        case_expect_str(r,
                        dj_cstr(r->scope, dj_str_is_none(arg->name) ? DJ_LIT("args") : arg->name),
                        typed_text(want), got);
        case_expect_bool(r, "is an integer", number, arg->kind == DJ_ARG_INT);
    }
    case_expect_int(r, "args", (int64_t)json_array_size(args), (int64_t)unnamed);
    case_expect_int(r, "kwargs", (int64_t)json_object_size(kwargs), (int64_t)named);
}

static void run_resolve(run *r, const json_t *file, const json_t *c)
{
    const json_t      *expect = json_object_get(c, "expect");
    const dj_resolver *resolver = resolver_of(r, file, c);
    dj_match           m;
    if (resolver == NULL)
        return;
    bool found = dj_resolve(r->scope, resolver, js_str(c, "path"), &m);
    /* Where Donjon has 64 bits the file says so. */
    bool beyond = dj_str_has(js_str(c, "note"), DJ_LIT("Donjon may answer Resolver404"));
    if (!case_expect_bool(r, "found", !beyond && json_object_get(expect, "error") == NULL, found) ||
        !found)
        return;
    const char *view = NULL;
    for (const view_name *v = views; v != NULL; v = v->next)
        view = v->route == m.route ? v->view : view;
    case_expect_str(r, "view", js_str(expect, "view"), dj_str_of(view));
    case_expect_str(r, "url_name", js_str(expect, "url_name"), m.url_name);
    case_expect_str(r, "route", js_str(expect, "route"), m.pattern);
    case_expect_str(r, "app_names", list_text(r, json_object_get(expect, "app_names")),
                    m.app_names);
    case_expect_str(r, "namespaces", list_text(r, json_object_get(expect, "namespaces")),
                    m.namespaces);
    dj_str prefix =
        m.namespaces.len == 0 ? DJ_LIT("") : dj_str_cat(r->scope, m.namespaces, DJ_LIT(":"));
    case_expect_str(r, "view_name", js_str(expect, "view_name"),
                    dj_str_cat(r->scope, prefix, m.url_name));
    compare_args(r, &m, expect);
}

/* -- reverse -- */

static dj_arg arg_of(const char *name, const json_t *value)
{
    dj_arg arg = {.name = dj_str_of(name),
                  .kind = DJ_ARG_STR,
                  .text = json_is_null(value) ? DJ_LIT("None") : typed_text(value)};
    if (json_is_object(value) && json_object_get(value, "int") != NULL &&
        dj_str_to_int(arg.text, &arg.number))
        arg.kind = DJ_ARG_INT;
    return arg;
}

static dj_str scalar_text(run *r, const json_t *value)
{
    return json_is_integer(value) ? dj_strf(r->scope, "%lld", (long long)json_integer_value(value))
                                  : js_text(value);
}

static void read_query(run *r, const json_t *query, dj_reverse_query *q)
{
    const char *name;
    json_t     *value;
    size_t      n = 0;
    if (!json_is_object(query))
        return;
    dj_str *pairs = dj_alloc_array(r->scope, 64, sizeof *pairs);
    json_object_foreach((json_t *)(uintptr_t)query, name, value)
    {
        size_t count = json_is_array(value) ? json_array_size(value) : 1;
        for (size_t i = 0; i < count && n < 32; i++) {
            pairs[2 * n] = dj_str_of(name);
            pairs[2 * n + 1] =
                scalar_text(r, json_is_array(value) ? json_array_get(value, i) : value);
            n++;
        }
    }
    q->query = pairs;
    q->nquery = n;
}

static void run_reverse(run *r, const json_t *file, const json_t *c)
{
    const json_t      *expect = json_object_get(c, "expect"), *list = json_object_get(c, "args");
    const dj_resolver *resolver = resolver_of(r, file, c);
    dj_arg             args[2 * DJ_ARGS_MAX];
    dj_reverse_query   q = {.name = js_str(c, "name"), .args = args, .as_django = true};
    const char        *name;
    json_t            *value;
    dj_str             url = DJ_NONE;
    if (resolver == NULL)
        return;
    for (size_t i = 0; i < json_array_size(list) && q.nargs < DJ_ARGS_MAX; i++)
        args[q.nargs++] = arg_of(NULL, json_array_get(list, i));
    json_object_foreach(json_object_get(c, "kwargs"), name, value)
    {
        if (q.nargs < 2 * DJ_ARGS_MAX)
            args[q.nargs++] = arg_of(name, value);
    }
    q.current_app = js_str(c, "current_app");
    q.script_prefix = js_str(c, "script_prefix");
    q.fragment = js_str(c, "fragment");
    read_query(r, json_object_get(c, "query"), &q);
    dj_err e = dj_resolver_reverse(r->scope, resolver, &q, &url);
    dj_str error = js_str(expect, "error");
    if (!dj_str_is_none(error))
        case_expect_str(r, "error", error, e == DJ_OK ? url : dj_err_info_of(e)->name);
    else if (e != DJ_OK)
        case_fail(r, "expected " DJ_FMT " got " DJ_FMT, DJ_ARG(js_str(expect, "url")),
                  DJ_ARG(dj_failure_text(r->scope)));
    else
        case_expect_str(r, "url", js_str(expect, "url"), url);
}

/* -- request targets -- */

static void expect_get(run *r, dj_req *req, const json_t *get)
{
    dj_querydict *q = NULL;
    if (dj_querydict_parse(r->scope, dj_req_query_string(req), -1, &q) != DJ_OK) {
        case_fail(r, "the query does not parse");
        return;
    }
    case_expect_int(r, "names", (int64_t)json_array_size(get), (int64_t)q->names.len);
    for (size_t i = 0; i < json_array_size(get) && i < q->names.len; i++) {
        const json_t             *pair = json_array_get(get, i), *values = json_array_get(pair, 1);
        const dj_querydict_entry *entry = q->names.entries[i].value;
        case_expect_str(r, "name", js_text(json_array_get(pair, 0)), entry->name);
        case_expect_int(r, "values", (int64_t)json_array_size(values), (int64_t)entry->nvalues);
        for (size_t k = 0; k < json_array_size(values) && k < entry->nvalues; k++)
            case_expect_str(r, "value", js_text(json_array_get(values, k)), entry->values[k]);
    }
}

static void run_request_path(run *r, const json_t *c)
{
    const json_t *expect = json_object_get(c, "expect");
    dj_str        target = js_latin1(r, js_str(c, "target"));
    size_t        mark = dj_str_chr(target, '?');
    dj_head      *head = dj_new(r->scope, dj_head);
    dj_peer       peer = {.address = DJ_LIT("127.0.0.1"),
                          .loopback = true,
                          .port = 80,
                          .server_name = DJ_LIT("testserver")};
    *head = (dj_head){.method = DJ_GET,
                      .method_name = DJ_LIT("GET"),
                      .target = target,
                      .minor = 1,
                      .host = DJ_LIT("testserver")};
    head->has_query = mark != DJ_NOT_FOUND;
    head->path = head->has_query ? dj_str_first(target, mark) : target;
    head->query = head->has_query ? dj_str_from(target, mark + 1) : DJ_LIT("");
    dj_req *req = dj_req_new(r->scope, head, &peer, DJ_LIT(""));
    case_expect_str(r, "path_info", js_str(expect, "path_info"), dj_req_path(req));
    case_expect_str(r, "full_path", js_str(expect, "full_path"), dj_req_full_path(req));
    case_expect_str(r, "full_path_slash", js_str(expect, "full_path_slash"),
                    dj_url_full_path(r->scope, dj_req_path(req), dj_req_query_string(req), true));
    expect_get(r, req, json_object_get(expect, "get"));
}

void run_urls(run *r, const json_t *file)
{
    const json_t *cases = json_object_get(file, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        dj_str        op = js_str(c, "op");
        case_begin(r, json_string_value(json_object_get(c, "id")));
        if (dj_str_eq(op, DJ_LIT("resolve")))
            run_resolve(r, file, c);
        else if (dj_str_eq(op, DJ_LIT("reverse")))
            run_reverse(r, file, c);
        else if (dj_str_eq(op, DJ_LIT("request-path")))
            run_request_path(r, c);
        else
            case_fail(r, "unknown op " DJ_FMT, DJ_ARG(op));
        case_end(r);
    }
}
