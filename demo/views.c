/* demo/views.c - one function for each page. */
#include "views.h"
#include "guards.h"
#include "layout.h"

static void put_guard(dj_req *req, dj_response *resp, const guard *g)
{
    put(resp, DJ_HTML("<li><h3><code>"));
    put(resp, g->header);
    put(resp, g->on ? DJ_HTML("</code> <span class=\"on\">on</span></h3><p>")
                    : DJ_HTML("</code> <span class=\"off\">off for this request</span></h3><p>"));
    put(resp, g->why);
    put(resp, DJ_HTML("</p>"));
    if (g->on) {
        put(resp, DJ_HTML("<code class=\"value\" data-header=\""));
        put(resp, g->header);
        put(resp, DJ_HTML("\">"));
        put_text(req, resp, g->value);
        put(resp, DJ_HTML("</code>"));
    }
    put(resp, DJ_HTML("<p>Setting: <code>"));
    put(resp, g->setting);
    put(resp, DJ_HTML("</code></p></li>\n"));
}

dj_response *front_page(dj_req *req)
{
    guard  guards[GUARDS_MAX];
    size_t n = guards_of(req, guards), on = 0;
    for (size_t i = 0; i < n; i++)
        on += guards[i].on;

    dj_response *resp = page_begin(req, 200, DJ_HTML("What guards this page"));
    put(resp, DJ_HTML("<p class=\"lead\">This answer came "));
    put(resp, dj_req_is_secure(req) ? DJ_HTML("over HTTPS") : DJ_HTML("over plain HTTP"));
    put(resp, DJ_HTML(" with "));
    put_text(req, resp, dj_strf(dj_req_scope(req), "%zu of %zu", on, n));
    put(resp,
        DJ_HTML(" protections. Each is a header that tells your browser what it must not do, "
                "and each comes from one line of the settings.</p>\n<ul class=\"guards\">\n"));
    for (size_t i = 0; i < n; i++)
        put_guard(req, resp, &guards[i]);
    put(resp, DJ_HTML("</ul>\n<h2>And before any header</h2>\n<p>The request that you sent was "
                      "read strictly: its host name "));
    dj_str host;
    if (dj_get_host(req, &host) != DJ_OK)
        return dj_raise_failure(req);
    put(resp, DJ_HTML("<code>"));
    put_text(req, resp, host);
    put(resp, DJ_HTML("</code> is one of <code>ALLOWED_HOSTS</code>, its framing has one meaning "
                      "only, its size is within limits. "
                      "Anything else would have been answered with status 400 and a record in the "
                      "security log.</p>\n"));
    put_static(req, resp, DJ_HTML("<script src=\""), DJ_LIT("js/headers.js"),
               DJ_HTML("\"></script>\n"));
    return page_end(resp);
}

dj_response *echo_page(dj_req *req)
{
    dj_str       q = dj_query_get(req, DJ_LIT("q"));
    dj_response *resp = page_begin(req, 200, DJ_HTML("Hostile input"));
    put(resp,
        DJ_HTML(
            "<p class=\"lead\">Send anything. It comes back as text: in the page, in an attribute, "
            "in JSON.</p>\n"
            "<form action=\"/echo/\" method=\"get\"><label>Your text<input name=\"q\" value=\""));
    put_text(req, resp, q);
    put(resp, DJ_HTML("\"></label><button>Send</button></form>\n<h2>In the page</h2>\n<pre>"));
    put_text(req, resp, q);
    put(resp, DJ_HTML("</pre>\n<h2>As JSON</h2>\n<pre>"));
    dj_buf  json = dj_buf_make(dj_req_scope(req), 256 * 1024);
    dj_json j = dj_json_make(&json);
    dj_json_str(&j, q);
    put_text(req, resp, dj_buf_str(&json));
    put(resp, DJ_HTML("</pre>\n<p>And if one of these were forgotten, the Content-Security-Policy "
                      "of this answer would still not run it."
                      "</p>\n"));
    return page_end(resp);
}

dj_response *hello_page(dj_req *req)
{
    dj_response *resp = page_begin(req, 200, DJ_HTML("Hello"));
    put(resp, DJ_HTML("<p class=\"lead\">Hello, "));
    put_text(req, resp, dj_path_str(req, "name"));
    put(resp, DJ_HTML(".</p>\n"));
    return page_end(resp);
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
    dj_response *resp = page_begin(req, 200, DJ_HTML("Errors"));
    put(resp, DJ_HTML("<p class=\"lead\">An error says little to the visitor and much to the log. "
                      "These end with one:</p>\n<ul>"
                      "<li><a href=\"/errors/400/\">400</a>: a suspicious operation, recorded on "
                      "<code>django.security</code></li>"
                      "<li><a href=\"/errors/403/\">403</a>: not allowed</li>"
                      "<li><a href=\"/errors/404/\">404</a>: not found</li>"
                      "<li><a href=\"/errors/500/\">500</a>: a failure of the view</li></ul>\n"));
    return page_end(resp);
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

static dj_response *error_page(dj_req *req, int status, dj_html title, dj_html text)
{
    dj_response *resp = page_begin(req, status, title);
    put(resp, DJ_HTML("<p class=\"lead\">"));
    put(resp, text);
    put(resp, DJ_HTML("</p>\n"));
    return page_end(resp);
}

dj_response *bad_request_page(dj_req *req)
{
    return error_page(
        req, 400, DJ_HTML("Bad request"),
        DJ_HTML("This request was not understood. What was wrong stands in the log."));
}

dj_response *denied_page(dj_req *req)
{
    return error_page(req, 403, DJ_HTML("Not allowed"), DJ_HTML("You may not see this page."));
}

dj_response *not_found_page(dj_req *req)
{
    return error_page(req, 404, DJ_HTML("Not found"), DJ_HTML("There is no page at this address."));
}

dj_response *server_error_page(dj_req *req)
{
    return error_page(req, 500, DJ_HTML("Something failed"),
                      DJ_HTML("The failure was recorded. It says nothing here."));
}
