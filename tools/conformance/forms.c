/* tools/conformance/forms.c - http.multipart, and the forms of http.querydict: whole requests to a
 * view that reads POST and FILES. */
#include "forms.h"

static const dj_form *seen; /* what the view read; NULL: it could not */

static void add_values(dj_json *j, const dj_form *form)
{
    dj_json_key(j, DJ_LIT("post"));
    dj_json_open(j, '[');
    for (size_t i = 0; i < dj_post_names(form); i++) {
        dj_str name = dj_post_name(form, i);
        dj_json_open(j, '[');
        dj_json_str(j, name);
        dj_json_open(j, '[');
        for (size_t k = 0; k < dj_post_count(form, name); k++)
            dj_json_str(j, dj_post_at(form, name, k));
        dj_json_close(j, ']');
        dj_json_close(j, ']');
    }
    dj_json_close(j, ']');
}

static void add_file(dj_json *j, const dj_upload *upload)
{
    dj_json_open(j, '{');
    dj_json_add_str(j, DJ_LIT("field"), upload->field);
    dj_json_add_str(j, DJ_LIT("name"), upload->name);
    dj_json_add_str(j, DJ_LIT("content_type"), upload->content_type);
    dj_json_add_int(j, DJ_LIT("size"), (int64_t)upload->size);
    dj_json_close(j, '}');
}

/* The README's post/: JSON of the parsed POST and FILES. */
dj_response *form_view(dj_req *req)
{
    const dj_form *form;
    dj_buf         b = dj_buf_make(req->scope, (size_t)16 * 1024 * 1024);
    dj_json        j = dj_json_make(&b);
    seen = NULL;
    if (dj_form_parse(req, &form) != DJ_OK) {
        dj_response   *raised = dj_raise_failure(req);
        const dj_form *again;
        /* Once is enough: an error handler that looks at POST finds it empty. */
        if (dj_form_parse(req, &again) != DJ_OK || dj_post_names(again) + dj_file_names(again) > 0)
            return dj_raise(req, DJ_ERR_INTERNAL, "a form that failed is read again");
        return raised;
    }
    seen = form;
    j.comma = DJ_LIT(", ");
    j.colon = DJ_LIT(": ");
    dj_json_open(&j, '{');
    add_values(&j, form);
    dj_json_key(&j, DJ_LIT("files"));
    dj_json_open(&j, '[');
    for (size_t i = 0; i < dj_file_names(form); i++) {
        dj_str name = dj_file_name(form, i);
        for (size_t k = 0; k < dj_file_count(form, name); k++)
            add_file(&j, dj_file_at(form, name, k));
    }
    dj_json_close(&j, ']');
    dj_json_close(&j, '}');
    return dj_json_response(req, &b);
}

static const dj_route routes[] = {DJ_PATH("post/", form_view)};
static const dj_app   app = {.urls = DJ_ALL(routes)};

/* -- what is expected -- */

static void compare_post(run *r, const json_t *lists, const dj_form *form)
{
    case_expect_int(r, "names", (int64_t)json_array_size(lists), (int64_t)dj_post_names(form));
    for (size_t i = 0; i < json_array_size(lists) && i < dj_post_names(form); i++) {
        const json_t *pair = json_array_get(lists, i), *values = json_array_get(pair, 1);
        dj_str        name = dj_post_name(form, i);
        case_expect_str(r, "name", js_text(json_array_get(pair, 0)), name);
        case_expect_int(r, "values", (int64_t)json_array_size(values),
                        (int64_t)dj_post_count(form, name));
        for (size_t k = 0; k < json_array_size(values); k++)
            case_expect_str(r, "value", js_text(json_array_get(values, k)),
                            dj_post_at(form, name, k));
    }
}

static void compare_file(run *r, const json_t *want, const dj_upload *upload)
{
    json_t     *extra = json_object_get(want, "extra"), *value;
    const char *name;
    char       *bytes = dj_alloc_raw(r->scope, (size_t)upload->size + 1);
    size_t      got = 0, i = 0;
    case_expect_str(r, "field", js_str(want, "field"), upload->field);
    case_expect_str(r, "file name", js_str(want, "name"), upload->name);
    case_expect_str(r, "content type", js_str(want, "content_type"), upload->content_type);
    case_expect_str(r, "charset", js_str(want, "charset"), upload->charset);
    case_expect_int(r, "size", js_int(want, "size"), (int64_t)upload->size);
    case_expect_int(r, "parameters", (int64_t)json_object_size(extra), (int64_t)upload->nparams);
    json_object_foreach(extra, name, value)
    {
        for (i = 0; i < upload->nparams && !dj_str_eq(upload->params[i].name, dj_str_of(name));)
            i++;
        case_expect_str(r, name, js_text(value),
                        i < upload->nparams ? upload->params[i].value : DJ_NONE);
    }
    if (dj_upload_read(r->scope, upload, 0, bytes, (size_t)upload->size, &got) != DJ_OK)
        case_fail(r, DJ_FMT, DJ_ARG(dj_failure_text(r->scope)));
    case_expect_str(r, "content", js_base64(r, js_str(want, "content_b64")), dj_str_n(bytes, got));
}

static void compare_files(run *r, const json_t *list, const dj_form *form)
{
    size_t n = 0;
    for (size_t i = 0; i < dj_file_names(form); i++) {
        dj_str name = dj_file_name(form, i);
        for (size_t k = 0; k < dj_file_count(form, name); k++) {
            if (n < json_array_size(list))
                compare_file(r, json_array_get(list, n), dj_file_at(form, name, k));
            n++;
        }
    }
    case_expect_int(r, "files", (int64_t)json_array_size(list), (int64_t)n);
}

/* -- a case -- */

static dj_settings *settings_of(run *r, const json_t *c)
{
    static const dj_str hosts[] = {DJ_STR_INIT("testserver")};
    dj_settings        *settings = dj_settings_default(r->scope);
    const char         *name;
    json_t             *value;
    settings->ALLOWED_HOSTS = (dj_str_list){hosts, 1};
    settings->MIDDLEWARE = (dj_str_list){NULL, 0};
    json_object_foreach(json_object_get(c, "settings"), name, value)
    {
        if (!js_setting(r, settings, name, value))
            case_fail(r, "the setting %s", name);
    }
    return settings;
}

/* A field of the case becomes a header unless it is null. Content-Length is the body's unless the
 * case has one. */
static void add_header(json_t *headers, const char *name, json_t *value)
{
    if (value != NULL && !json_is_null(value))
        json_array_append_new(headers, json_pack("[sO]", name, value));
}

static dj_req *request_of(run *r, const json_t *c)
{
    json_t *headers = json_array(), *length = json_object_get(c, "content_length");
    dj_str  method = js_str(c, "method");
    size_t  len = js_base64(r, js_str(c, "body_b64")).len;
    if (length == NULL)
        length = json_string(dj_cstr(r->scope, dj_strf(r->scope, "%zu", len)));
    else
        json_incref(length);
    add_header(headers, "Content-Type", json_object_get(c, "content_type"));
    add_header(headers, "Content-Length", length);
    json_t *request = json_pack("{ss, ss, ss, sO, sO}", "method",
                                dj_str_is_none(method) ? "POST" : dj_cstr(r->scope, method),
                                "target", "/post/", "host", "testserver", "headers", headers,
                                "body_b64", json_object_get(c, "body_b64"));
    dj_own(r->scope, (void (*)(void *))json_decref, request); /* the request borrows its texts */
    json_decref(length);
    json_decref(headers);
    return js_request(r, request);
}

static const json_t *one_of_peers(const json_t *log)
{
    return json_object_get(json_array_get(log, 0),
                           "peer"); /* Django's answer is not ours: no record to compare */
}

void form_case(run *r, const json_t *c)
{
    const json_t *expect = json_object_get(c, "expect"), *log = json_object_get(expect, "log");
    dj_site      *site = NULL;
    dj_site_parts parts = {.app = &app, .settings = settings_of(r, c)};
    if (dj_site_new(r->scope, &parts, &site) != DJ_OK) {
        case_fail(r, DJ_FMT, DJ_ARG(dj_failure_text(r->scope)));
        return;
    }
    dj_req *req = request_of(r, c);
    seen = NULL;
    case_log_start(r);
    dj_response *resp = dj_site_handle(req, site);
    if (one_of_peers(log) == NULL)
        case_log_compare(r, log);
    else
        dj_log_capture(NULL, NULL);
    case_expect_int(r, "status", js_int(expect, "status"), dj_status(resp));
    if (js_int(expect, "status") != 200 || seen == NULL)
        return;
    compare_post(r, json_object_get(expect, "post"), seen);
    compare_files(r, json_object_get(expect, "files"), seen);
}

void run_multipart(run *r, const json_t *file)
{
    const json_t *one;
    size_t        i;
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        case_begin(r, json_string_value(json_object_get(one, "id")));
        form_case(r, one);
        case_end(r);
    }
}
