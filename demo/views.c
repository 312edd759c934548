/* demo/views.c - one function for each page; what the pages look like stands in demo/templates/. */
#include "views.h"
#include "guards.h"

DJ_ATTRS(guard, DJ_ATTR(guard, header), DJ_ATTR(guard, setting), DJ_ATTR(guard, why),
         DJ_ATTR(guard, value), DJ_ATTR(guard, on));

typedef struct front_ctx {
    const guard *guards;
    size_t       nguards, on;
} front_ctx;
DJ_ATTRS(front_ctx, DJ_ATTR_ARRAY(front_ctx, guards, nguards, guard), DJ_ATTR(front_ctx, on));

dj_response *front_page(dj_req *req)
{
    guard  guards[GUARDS_MAX];
    size_t n = guards_of(req, guards), on = 0;
    for (size_t i = 0; i < n; i++)
        on += guards[i].on;
    return dj_render(req, "front.html",
                     DJ_CTX(front_ctx, .guards = guards, .nguards = n, .on = on));
}

typedef struct text_ctx {
    dj_str q, name;
} text_ctx;
DJ_ATTRS(text_ctx, DJ_ATTR(text_ctx, q), DJ_ATTR(text_ctx, name));

dj_response *echo_page(dj_req *req)
{
    dj_str q = dj_query_get(req, DJ_LIT("q"));
    return dj_render(req, "echo.html",
                     DJ_CTX(text_ctx, .q = dj_str_is_none(q) ? DJ_LIT("") : q));
}

dj_response *hello_page(dj_req *req)
{
    return dj_render(req, "hello.html", DJ_CTX(text_ctx, .name = dj_path_str(req, "name")));
}

dj_response *request_json(dj_req *req)
{
    dj_str host;
    if (dj_get_host(req, &host) != DJ_OK)
        return dj_raise_failure(req);
    dj_buf  b = dj_buf_make(dj_req_scope(req), 256 * 1024);
    dj_json j = dj_json_make(&b);
    dj_json_open(&j, '{');
    dj_json_add_str(&j, DJ_LIT("method"), dj_req_method_name(req));
    dj_json_add_str(&j, DJ_LIT("host"), host);
    dj_json_add_str(&j, DJ_LIT("path"), dj_req_path(req));
    dj_json_add_str(&j, DJ_LIT("query"), dj_req_query_string(req));
    dj_json_add_bool(&j, DJ_LIT("secure"), dj_req_is_secure(req));
    dj_json_close(&j, '}');
    return dj_json_response(req, &b);
}

/* -- errors -- */

dj_response *errors_page(dj_req *req)
{
    return dj_render(req, "errors.html", DJ_NO_CTX);
}

dj_response *error_now(dj_req *req)
{
    switch (dj_path_int(req, "status")) {
    case 400:
        return dj_raise(req, DJ_ERR_SUSPICIOUS, "the demo was asked for a suspicious operation");
    case 403:
        return dj_denied(req);
    case 500:
        return dj_raise(req, DJ_ERR_INTERNAL, "the demo was asked to fail");
    default:
        return dj_not_found(req);
    }
}
