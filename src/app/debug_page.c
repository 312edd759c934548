/* src/app/debug_page.c - what a developer sees instead of an error page.
 *
 * Only with DEBUG, only for a client on this machine (req->debug). All that is shown goes through
 * the escaper; what may be a secret goes through policy's filter first. No script and no style: it
 * works under any Content-Security-Policy.
 *
 * Must not know: how the error came to be. */
#include "app/app.h"
#include "donjon/policy.h"

#define PAGE_MAX  ((size_t)1024 * 1024)
#define VALUE_MAX 500

static void text(dj_buf *b, dj_str value)
{
    dj_buf_add_escaped(b, dj_str_first(value, VALUE_MAX));
    if (value.len > VALUE_MAX)
        dj_buf_add_html(b, DJ_HTML("..."));
}

static void row(dj_buf *b, dj_str name, dj_str value)
{
    dj_buf_add_html(b, DJ_HTML("<tr><th align=\"left\" valign=\"top\">"));
    text(b, name);
    dj_buf_add_html(b, DJ_HTML("</th><td><code>"));
    text(b, value);
    dj_buf_add_html(b, DJ_HTML("</code></td></tr>\n"));
}

static void add_route(const dj_route *route, dj_str pattern, dj_str namespaces, void *ctx)
{
    dj_buf *b = ctx;
    if (route->include != NULL)
        return;
    dj_buf_add_html(b, DJ_HTML("<li><code>"));
    text(b, pattern);
    dj_buf_add_html(b, DJ_HTML("</code>"));
    if (route->name != NULL) {
        dj_buf_add_html(b, DJ_HTML(" [name='"));
        if (namespaces.len > 0) {
            text(b, namespaces);
            dj_buf_add_html(b, DJ_HTML(":"));
        }
        text(b, dj_str_of(route->name));
        dj_buf_add_html(b, DJ_HTML("']"));
    }
    dj_buf_add_html(b, DJ_HTML("</li>\n"));
}

/* "X-Forwarded-For" -> "HTTP_X_FORWARDED_FOR": the names that the filter knows. */
static dj_str meta_name(dj_scope *s, dj_str field)
{
    dj_str name = dj_str_upper(s, dj_str_replace(s, field, DJ_LIT("-"), DJ_LIT("_")));
    if (dj_str_eq(name, DJ_LIT("CONTENT_TYPE")) || dj_str_eq(name, DJ_LIT("CONTENT_LENGTH")))
        return name;
    return dj_str_cat(s, DJ_LIT("HTTP_"), name);
}

static void add_headers(dj_buf *b, dj_req *req, const dj_cleanse_rules *rules)
{
    dj_buf_add_html(b, DJ_HTML("<h2>Headers of the request</h2>\n<table>\n"));
    for (size_t i = 0; i < req->head->nfields; i++) {
        dj_str name = meta_name(req->scope, req->head->fields[i].name);
        row(b, name, dj_cleanse_text(req->scope, rules, name, req->head->fields[i].value));
    }
    dj_buf_add_html(b, DJ_HTML("</table>\n"));
}

/* Those that the settings file assigns; a program's own settings have no file. */
static void add_settings(dj_buf *b, dj_req *req, const dj_cleanse_rules *rules)
{
    const dj_conf *conf = req->site->settings->conf;
    if (conf == NULL)
        return;
    dj_buf_add_html(b, DJ_HTML("<h2>Settings</h2>\n<table>\n"));
    for (size_t i = 0; i < conf->names.len; i++) {
        const dj_map_entry *entry = &conf->names.entries[i];
        const dj_value     *value = dj_cleanse(req->scope, rules, entry->key, entry->value);
        row(b, entry->key, dj_value_repr(req->scope, value, VALUE_MAX));
    }
    dj_buf_add_html(b, DJ_HTML("</table>\n"));
}

dj_response *dj_debug_page(dj_req *req, int status, dj_err e, dj_str sentence)
{
    dj_buf b = dj_buf_make(req->scope, PAGE_MAX);
    dj_str place = dj_failure(req->scope) == e ? dj_failure_place(req->scope) : DJ_LIT("");
    dj_str name = dj_err_info_of(e)->name;
    dj_buf_add_html(
        &b, DJ_HTML("<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>"));
    text(&b, name);
    dj_buf_add_html(&b, DJ_HTML(" at "));
    text(&b, req->path);
    dj_buf_add_html(&b, DJ_HTML("</title></head>\n<body>\n<h1>"));
    text(&b, name);
    dj_buf_add_html(&b, DJ_HTML(" at "));
    text(&b, req->path);
    dj_buf_add_html(&b, DJ_HTML("</h1>\n<p>"));
    text(&b, sentence);
    dj_buf_add_html(&b, DJ_HTML("</p>\n<table>\n"));
    row(&b, DJ_LIT("Status"), dj_strf(req->scope, "%d " DJ_FMT, status, DJ_ARG(dj_reason(status))));
    row(&b, DJ_LIT("Method"), req->head->method_name);
    row(&b, DJ_LIT("Path"), req->path);
    if (place.len > 0)
        row(&b, DJ_LIT("Found at"), place);
    if (req->match != NULL)
        row(&b, DJ_LIT("Route"), req->match->pattern);
    dj_buf_add_html(&b, DJ_HTML("</table>\n"));
    if (e == DJ_ERR_NOT_FOUND && req->match == NULL) {
        dj_buf_add_html(&b, DJ_HTML("<h2>Routes that were tried, in this order</h2>\n<ol>\n"));
        dj_resolver_each(req->site->resolver, add_route, &b);
        dj_buf_add_html(&b, DJ_HTML("</ol>\n"));
    }
    const dj_cleanse_rules rules = {.session_cookie_name =
                                        req->site->settings->SESSION_COOKIE_NAME};
    add_headers(&b, req, &rules);
    add_settings(&b, req, &rules);
    dj_buf_add_html(
        &b,
        DJ_HTML("<p>You see this page because <code>DEBUG = True</code> stands in the settings and "
                "you are on the "
                "server's own machine. Others get a plain error page.</p>\n</body>\n</html>\n"));
    dj_response *resp = dj_respond(req, status);
    dj_page_add(resp, (dj_html){dj_buf_str(&b)}); /* every value in it went through the escaper */
    return resp;
}
