/* src/app/errors.c - errors become answers and records.
 *
 * One record per answer, on Django's loggers and with Django's words; the sentence of a failure
 * goes there and never to the client. Our own pages are constants. Django:
 * core/handlers/exception.py, utils/log.py (log_response).
 *
 * Must not know: what raised the error, layers. */
#include "app/templates.h"
#include "donjon/caching.h"
#include <stdio.h>
#include <stdlib.h>

/* -- records -- */

/* Python's unicode_escape, so that no path can forge a line: "/caf\xe9/", "\n", "\\". */
static dj_str escaped(dj_scope *s, dj_str text)
{
    dj_buf b = dj_buf_make(s, 64 * 1024);
    size_t plain = 0;
    while (plain < text.len && text.ptr[plain] >= 0x20 && text.ptr[plain] < 0x7F &&
           text.ptr[plain] != '\\')
        plain++;
    if (plain == text.len)
        return text;
    for (size_t pos = 0; pos < text.len;) {
        size_t  start = pos;
        int32_t cp = dj_utf8_next(text, &pos);
        if (cp < 0) {
            pos = start + 1;
            dj_buf_addf(&b, "\\x%02x", (unsigned)(unsigned char)text.ptr[start]);
        } else if (cp == '\\') {
            dj_buf_add(&b, DJ_LIT("\\\\"));
        } else if (cp == '\n' || cp == '\r' || cp == '\t') {
            dj_buf_add_byte(&b, '\\');
            dj_buf_add_byte(&b, cp == '\n' ? 'n' : cp == '\r' ? 'r' : 't');
        } else if (cp >= 0x20 && cp < 0x7F) {
            dj_buf_add_byte(&b, (char)cp);
        } else {
            dj_buf_addf(&b,
                        cp > 0xFFFF ? "\\U%08x"
                        : cp > 0xFF ? "\\u%04x"
                                    : "\\x%02x",
                        (unsigned)cp);
        }
    }
    return dj_buf_str(&b);
}

static void record(dj_req *req, int status, dj_str logger, dj_level level, dj_str detail,
                   dj_str message)
{
    dj_log_context context = {
        .status = status,
        .method = req->head->method_name,
        .path = req->path,
        .client = req->peer->address,
        .detail = detail,
    };
    char id[24];
    int  len = req->id == 0 ? 0 : snprintf(id, sizeof id, "%llx", (unsigned long long)req->id);
    context.request_id = dj_str_n(id, len > 0 ? (size_t)len : 0);
    dj_log(logger, level, &context, DJ_FMT, DJ_ARG(message));
}

/* "<what>: <path>" on django.request, once per answer. */
static void record_answer(dj_req *req, dj_response *resp, dj_str detail, dj_str what)
{
    dj_scope *s = req->scope;
    dj_level  level = resp->status >= 500 ? DJ_ERROR_LEVEL : DJ_WARNING;
    resp->logged = true;
    if (dj_log_enabled(DJ_LIT("django.request"), level))
        record(req, resp->status, DJ_LIT("django.request"), level, detail,
               dj_strf(s, DJ_FMT ": " DJ_FMT, DJ_ARG(escaped(s, what)),
                       DJ_ARG(escaped(s, req->path))));
}

void dj_error_log_answer(dj_req *req, dj_response *resp)
{
    if (resp->status >= 400 && !resp->logged)
        record_answer(req, resp, DJ_NONE, dj_reason(resp->status));
}

/* -- our own pages -- */

#define PAGE(title, text)                                                                          \
    DJ_STR_INIT("<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>" title \
                "</title></head>\n"                                                                \
                "<body>\n<h1>" title "</h1>\n<p>" text "</p>\n</body>\n</html>\n")

#define PROBLEM(status, title)                                                                     \
    DJ_STR_INIT("{\"type\":\"about:blank\",\"title\":\"" title "\",\"status\":" #status "}\n")
#define ERROR_PAGE(status, title, text)                                                            \
    {                                                                                              \
        status, PAGE(title, text), PROBLEM(status, title)                                          \
    }

static const struct {
    int    status;
    dj_str page, problem; /* the same for people and for programs */
} pages[] = {
    ERROR_PAGE(400, "Bad Request", "The server could not understand this request."),
    ERROR_PAGE(403, "Forbidden", "You may not see this page."),
    ERROR_PAGE(404, "Not Found", "There is no such page on this server."),
    ERROR_PAGE(408, "Request Timeout", "The request took too long to arrive."),
    ERROR_PAGE(413, "Content Too Large", "The request is larger than this server accepts."),
    ERROR_PAGE(414, "URI Too Long", "The address is longer than this server accepts."),
    ERROR_PAGE(417, "Expectation Failed", "The server can not do what the request expects."),
    ERROR_PAGE(421, "Misdirected Request", "The request was sent to the wrong server."),
    ERROR_PAGE(431, "Request Header Fields Too Large",
               "The request has larger headers than this server accepts."),
    ERROR_PAGE(500, "Server Error", "Something went wrong on the server."),
    ERROR_PAGE(501, "Not Implemented", "The server does not know this method."),
    ERROR_PAGE(503, "Service Unavailable", "The server is busy. Please try again in a moment."),
    ERROR_PAGE(507, "Insufficient Storage", "The server has no room for what was sent."),
    ERROR_PAGE(505, "HTTP Version Not Supported", "The server speaks HTTP/1.1."),
};

static size_t page_of(int status)
{
    for (size_t i = 0; i < DJ_COUNT(pages); i++) {
        if (pages[i].status == status)
            return i;
    }
    return page_of(status >= 500 ? 500 : 400);
}

dj_str dj_error_page(int status)
{
    return pages[page_of(status)].page;
}

/* Does the client like JSON better than a page? One that says nothing, or takes anything, gets the
 * page. */
static bool wants_problem(dj_req *req)
{
    static const dj_str kinds[] = {DJ_STR_INIT("text/html"),
                                   DJ_STR_INIT("application/problem+json"),
                                   DJ_STR_INIT("application/json")};
    if (dj_str_is_none(dj_req_header(req, DJ_LIT("Accept"))))
        return false;
    dj_str preferred = dj_preferred_type(req, kinds, DJ_COUNT(kinds));
    return !dj_str_is_none(preferred) && !dj_str_eq(preferred, kinds[0]);
}

/* RFC 9457. */
static dj_response *problem(dj_req *req, int status, dj_str body)
{
    dj_response *resp = dj_text(req, body);
    resp->status = status;
    dj_header_set(resp, DJ_LIT("Content-Type"), DJ_LIT("application/problem+json"));
    return resp;
}

/* The answer hangs on Accept, whichever it is. */
static dj_response *negotiated(dj_req *req, dj_response *resp)
{
    if (!dj_str_is_none(dj_req_header(req, DJ_LIT("Accept"))))
        dj_patch_vary(resp, DJ_LIT("Accept"));
    return resp;
}

static dj_response *page(dj_req *req, int status)
{
    dj_response *resp;
    if (DJ_UNLIKELY(wants_problem(req))) {
        resp = problem(req, status, pages[page_of(status)].problem);
    } else {
        resp = dj_respond(req, status);
        dj_page_add(resp, (dj_html){dj_error_page(status)}); /* a constant of ours */
    }
    resp->builtin = true;
    if (status == 503)
        dj_header_set(resp, DJ_LIT("Retry-After"), DJ_LIT("5"));
    return negotiated(req, resp);
}

/* For a developer at this machine: what the page for him begins with. */
static dj_response *debug_page(dj_req *req, int status, dj_err e, dj_str text)
{
    if (!wants_problem(req))
        return negotiated(req, dj_debug_page(req, status, e, text));
    dj_buf  b = dj_buf_make(req->scope, (size_t)64 * 1024);
    dj_json j = dj_json_make(&b);
    dj_json_open(&j, '{');
    dj_json_add_str(&j, DJ_LIT("type"), DJ_LIT("about:blank"));
    dj_json_add_str(&j, DJ_LIT("title"), dj_reason(status));
    dj_json_add_int(&j, DJ_LIT("status"), status);
    dj_json_add_str(&j, DJ_LIT("detail"), dj_str_first(text, 4096));
    dj_json_close(&j, '}');
    return negotiated(req, problem(req, status, dj_buf_str(&b)));
}

/* -- answers -- */

static dj_view handler_of(const dj_req *req, int status)
{
    const dj_urls *urls = &req->site->app->urls;
    switch (status) {
    case 400:
        return urls->handler400;
    case 403:
        return urls->handler403;
    case 404:
        return urls->handler404;
    case 500:
        return urls->handler500;
    default:
        return NULL;
    }
}

/* The program's template of that status, for who does not like JSON better. */
static dj_response *own_page(dj_req *req, int status, dj_str text)
{
    dj_response *resp = wants_problem(req) ? NULL : dj_error_template(req, status, text);
    return resp == NULL || resp->raised != DJ_OK ? resp : negotiated(req, resp);
}

/* What the program's handler says, or its template of that status; NULL if it has neither, or it
 * fails. */
static dj_response *own_answer(dj_req *req, int status, dj_str text, bool *failed)
{
    dj_view handler = handler_of(req, status);
    *failed = false;
    dj_response *resp = handler != NULL ? handler(req) : own_page(req, status, text);
    if (resp == NULL && handler == NULL)
        return NULL;
    if (resp != NULL && resp->raised == DJ_OK && resp->render != NULL) {
        dj_response *(*render)(dj_response *, void *) = resp->render;
        resp->render = NULL;
        resp = render(resp, resp->render_ctx);
    }
    if (resp == NULL || resp->raised != DJ_OK) {
        *failed = true;
        return NULL;
    }
    if (resp->status == 200)
        resp->status = status;
    return resp;
}

/* Handler, else template, else our page; one that fails is an error of its own, and what there is
 * for 500 is the last that is asked. */
static dj_response *answer(dj_req *req, int status, dj_err e, dj_str text)
{
    bool         failed;
    dj_response *resp = own_answer(req, status, text, &failed);
    if (resp != NULL)
        return resp;
    if (!failed)
        return page(req, status);
    dj_str detail =
        dj_strf(req->scope, "the page for %d failed: " DJ_FMT " (" DJ_FMT ")", status,
                DJ_ARG(dj_failure_text(req->scope)), DJ_ARG(dj_failure_place(req->scope)));
    if (req->debug)
        resp = debug_page(req, 500, e, text);
    else if (status != 500)
        resp = own_answer(req, 500, text, &failed);
    if (resp == NULL)
        resp = page(req, 500);
    record_answer(req, resp, detail, dj_reason(500));
    return resp;
}

static dj_response *answer_or_debug(dj_req *req, int status, dj_err e, dj_str text)
{
    return req->debug ? debug_page(req, status, e, text) : answer(req, status, e, text);
}

static dj_response *uncaught(dj_req *req, int status, dj_err e, dj_str text)
{
    dj_scope *s = req->scope;
    dj_str    place = dj_failure(s) == e ? dj_failure_place(s) : DJ_LIT("");
    dj_str detail = dj_strf(s, DJ_FMT ": " DJ_FMT " (" DJ_FMT ")", DJ_ARG(dj_err_info_of(e)->name),
                            DJ_ARG(text), DJ_ARG(place));
    bool   propagate = status == 500 && req->site->settings->DEBUG_PROPAGATE_EXCEPTIONS;
    dj_response *resp = propagate ? page(req, status) : answer_or_debug(req, status, e, text);
    if (!resp->logged)
        record_answer(req, resp, detail, dj_reason(status));
    if (propagate)
        abort(); /* after its record: a debugger or a core file shows where it happened */
    return resp;
}

static bool is_security(const dj_err_info *info)
{
    return dj_str_starts(info->logger, DJ_LIT("django.security."));
}

dj_response *dj_error_answer(dj_req *req, dj_err e, dj_str text)
{
    const dj_err_info *info = dj_err_info_of(e);
    dj_response       *resp;
    /* The sentence may be written over by what a handler does. */
    if (info->status != 404)
        text = dj_str_dup(req->scope, text);
    if (is_security(info)) {
        record(req, info->status, info->logger, info->level, DJ_NONE, escaped(req->scope, text));
        resp = answer_or_debug(req, info->status, e, text);
        resp->logged = true;
        return resp;
    }
    switch (e) {
    case DJ_ERR_NOT_FOUND:
        /* No record yet: a layer may still turn it into something else. */
        return answer_or_debug(req, 404, e, text);
    case DJ_ERR_DENIED:
        resp = answer(req, 403, e, text);
        if (!resp->logged)
            record_answer(req, resp, DJ_NONE, DJ_LIT("Forbidden (Permission denied)"));
        return resp;
    case DJ_ERR_MULTIPART:
        resp = answer_or_debug(req, 400, e, text);
        if (!resp->logged)
            record_answer(req, resp, text, DJ_LIT("Bad request (Unable to parse request body)"));
        return resp;
    case DJ_ERR_BAD_REQUEST:
        resp = answer_or_debug(req, 400, e, text);
        if (!resp->logged)
            record_answer(req, resp, DJ_NONE, text);
        return resp;
    default:
        return uncaught(req, info->status, e, text);
    }
}

/* -- methods -- */

dj_str dj_methods_text(dj_scope *s, unsigned methods)
{
    static const struct {
        dj_method method;
        dj_str    name;
    } names[] = {
        {DJ_GET, DJ_STR_INIT("GET")},         {DJ_HEAD, DJ_STR_INIT("HEAD")},
        {DJ_POST, DJ_STR_INIT("POST")},       {DJ_PUT, DJ_STR_INIT("PUT")},
        {DJ_PATCH, DJ_STR_INIT("PATCH")},     {DJ_DELETE, DJ_STR_INIT("DELETE")},
        {DJ_OPTIONS, DJ_STR_INIT("OPTIONS")},
    };
    dj_buf b = dj_buf_make(s, 64);
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        if ((methods & (unsigned)names[i].method) == 0)
            continue;
        if (b.len > 0)
            dj_buf_add(&b, DJ_LIT(", "));
        dj_buf_add(&b, names[i].name);
    }
    return dj_buf_str(&b);
}

dj_response *dj_method_not_allowed(dj_req *req, unsigned methods)
{
    dj_response *resp = dj_respond(req, 405);
    dj_header_set(resp, DJ_LIT("Allow"), dj_methods_text(req->scope, methods));
    record_answer(
        req, resp, DJ_NONE,
        dj_strf(req->scope, "Method Not Allowed (" DJ_FMT ")", DJ_ARG(req->head->method_name)));
    return resp;
}
