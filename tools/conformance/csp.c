/* tools/conformance/csp.c - http.csp: the builder of policies, and the layer in a whole site.
 *
 * Where Donjon is stricter than Django on purpose (spec/http.md section 10, [D]): a policy in which
 * nothing is left gives no header in place of an empty one, and a policy that can't be sent stops
 * the start in place of each request. */
#include "donjon/builtin.h"
#include "donjon/policy.h"
#include "values.h"

static void build_case(run *r, const json_t *one)
{
    dj_csp_config config;
    if (dj_csp_config_of_value(r->scope, js_pairs(r, json_object_get(one, "config")), &config)) {
        case_fail(r, "refused: " DJ_FMT, DJ_ARG(dj_failure_text(r->scope)));
        return;
    }
    case_expect_str(r, "policy", js_str(one, "expect"),
                    dj_csp_build(r->scope, &config, js_str(one, "nonce")));
}

/* -- op middleware -- */

/* The view's part of the case; a view has nowhere else to get it from. */
static const json_t *current;

static dj_response *view(dj_req *req)
{
    const json_t *how = json_object_get(current, "view");
    dj_str        header = js_str(how, "header"), report_only = js_str(how, "header_ro");
    if (js_bool(current, "template_used_nonce"))
        (void)dj_csp_nonce(req);
    if (js_bool(how, "boom"))
        return dj_raise(req, DJ_ERR_INTERNAL, "boom");
    dj_response *resp =
        dj_respond(req, json_object_get(how, "status") != NULL ? (int)js_int(how, "status") : 200);
    if (!dj_str_is_none(header))
        dj_header_set(resp, DJ_LIT("Content-Security-Policy"), header);
    if (!dj_str_is_none(report_only))
        dj_header_set(resp, DJ_LIT("Content-Security-Policy-Report-Only"), report_only);
    return resp;
}

static void directive_values(const json_t *json, dj_csp_directive *d)
{
    if (json_is_string(json)) {
        d->values[0] = json_string_value(json);
        return;
    }
    for (size_t i = 0; i < json_array_size(json) && i < DJ_CSP_VALUES_MAX; i++)
        d->values[i] = json_string_value(json_array_get(json, i));
}

/* What a program writes as DJ_CSP(...). NULL if the view has none. */
static const dj_csp_policy *view_policy(run *r, const char *name)
{
    const json_t *pairs = json_object_get(json_object_get(current, "view"), name);
    if (pairs == NULL)
        return NULL;
    dj_csp_policy *policy = dj_new(r->scope, dj_csp_policy);
    for (size_t i = 0; i < json_array_size(pairs) && i < DJ_CSP_DIRECTIVES_MAX; i++) {
        const json_t *pair = json_array_get(pairs, i);
        policy->directives[i].name = json_string_value(json_array_get(pair, 0));
        directive_values(json_array_get(pair, 1), &policy->directives[i]);
    }
    return policy;
}

/* Did the view set this header itself? */
static bool is_views_own(const json_t *pair)
{
    bool report_only = dj_str_ends(js_text(json_array_get(pair, 0)), DJ_LIT("-Report-Only"));
    return json_object_get(json_object_get(current, "view"),
                           report_only ? "header_ro" : "header") != NULL;
}

/* The nonce is pinned in the vectors and fresh here. */
static dj_str with_nonce(run *r, dj_str text, dj_req *req)
{
    return dj_str_replace(r->scope, text, DJ_LIT("dGVzdC1ub25jZS0xMjM0"),
                          req->nonce_made ? dj_csp_nonce(req) : DJ_NONE);
}

static bool is_csp(const dj_header *h)
{
    return h->id == DJ_HEADER_CSP || h->id == DJ_HEADER_CSP_REPORT_ONLY;
}

static void expect_headers(run *r, dj_req *req, dj_response *resp)
{
    const json_t *list = json_object_get(json_object_get(current, "expect"), "csp_headers"), *pair;
    size_t        i, at = 0;
    json_array_foreach(list, i, pair)
    {
        dj_str name = js_text(json_array_get(pair, 0)),
               value = with_nonce(r, js_text(json_array_get(pair, 1)), req);
        if (value.len == 0 && !is_views_own(pair))
            continue; /* [D] */
        while (at < resp->nheaders && !is_csp(&resp->headers[at]))
            at++;
        if (at == resp->nheaders) {
            case_fail(r, "expected " DJ_FMT ", which is missing", DJ_ARG(name));
            return;
        }
        case_expect_str(r, "header",
                        dj_strf(r->scope, DJ_FMT ": " DJ_FMT "\r\n", DJ_ARG(name), DJ_ARG(value)),
                        resp->headers[at++].line);
    }
    for (; at < resp->nheaders; at++) {
        if (is_csp(&resp->headers[at]))
            case_expect_str(r, "header too many", DJ_NONE, resp->headers[at].line);
    }
}

static void middleware_case(run *r, const json_t *one)
{
    static const dj_str layers[] = {
        DJ_STR_INIT("django.middleware.csp.ContentSecurityPolicyMiddleware")};
    static const dj_str hosts[] = {DJ_STR_INIT("*")};
    current = one;
    dj_route      route[] = {DJ_PATH("", view, .csp = view_policy(r, "csp"),
                                     .csp_report_only = view_policy(r, "csp_ro"))};
    dj_app        app = {.urls = DJ_ALL(route)};
    dj_settings  *settings = dj_settings_default(r->scope);
    dj_site_parts parts = {.app = &app,
                           .settings = settings,
                           .builtin = dj_builtin_middleware,
                           .nbuiltin = dj_builtin_middleware_len};
    dj_site      *site;
    settings->MIDDLEWARE = (dj_str_list){layers, DJ_COUNT(layers)};
    settings->ALLOWED_HOSTS = (dj_str_list){hosts, DJ_COUNT(hosts)};
    settings->SECURE_ALL_ANSWERS = false;
    settings->SECURE_CSP = js_pairs(r, json_object_get(one, "SECURE_CSP"));
    settings->SECURE_CSP_REPORT_ONLY = js_pairs(r, json_object_get(one, "SECURE_CSP_REPORT_ONLY"));
    int64_t status = js_int(json_object_get(one, "expect"), "status");
    if (dj_site_new(r->scope, &parts, &site)) {
        if (status != 500) /* [D] Django answers each request with 500 */
            case_fail(r, "the site does not start: " DJ_FMT, DJ_ARG(dj_failure_text(r->scope)));
        return;
    }
    json_t *request =
        json_pack("{s:s, s:s, s:s}", "method", "GET", "target", "/", "host", "testserver");
    dj_req *req = js_request(r, request);
    case_log_start(r);
    dj_response *resp = dj_site_handle(req, site);
    case_expect_int(r, "status", status, dj_status(resp));
    expect_headers(r, req, resp);
    dj_log_capture(NULL, NULL);
    json_decref(request);
}

void run_csp(run *r, const json_t *file)
{
    const json_t *one;
    size_t        i;
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        case_begin(r, json_string_value(json_object_get(one, "id")));
        if (dj_str_eq(js_str(one, "op"), DJ_LIT("build_policy")))
            build_case(r, one);
        else
            middleware_case(r, one);
        case_end(r);
    }
}
