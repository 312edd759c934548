/* src/app/debug_page.c - what a developer sees instead of an error page.
 *
 * Only with DEBUG, only for a client on this machine (req->debug), and in full only under a name
 * that the site answers to: a foreign name that points at this machine would make a page of
 * somebody else's site able to read it. All that is shown goes through the escaper; what may be a
 * secret goes through policy's filter first. No script and no style: it works under any
 * Content-Security-Policy.
 *
 * Must not know: how the error came to be. */
#include "app/templates.h"
#include "donjon/forms.h"
#include "donjon/policy.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_MAX      ((size_t)1024 * 1024)
#define VALUE_MAX     500
#define SOURCE_MAX    ((size_t)1024 * 1024)
#define LINE_MAX_LEN  400
#define LINES_AROUND  5
#define VALUES_MAX    200
#define FOLDERS_ABOVE 4 /* of the program's own, in which a source's path may begin */

/* -- who may see it -- */

bool dj_client_is_here(const dj_req *req)
{
    if (!req->peer->loopback || req->peer->unix_socket)
        return false;
    for (size_t i = 0; i < req->head->nfields; i++) {
        dj_str name = req->head->fields[i].name;
        if (dj_str_starts_nocase(name, DJ_LIT("X-Forwarded-")) ||
            dj_str_eq_nocase(name, DJ_LIT("Forwarded")) ||
            dj_str_eq_nocase(name, DJ_LIT("X-Real-IP")))
            return false;
    }
    return true;
}

static bool is_our_name(const dj_req *req)
{
    dj_str host = dj_head_field(req->head, DJ_FIELD_HOST);
    return dj_host_decide(host, req->site->settings->ALLOWED_HOSTS, true) == DJ_HOST_OK;
}

/* -- source -- */

void dj_debug_excerpt(dj_buf *b, dj_str text, uint32_t line)
{
    uint32_t first = line > LINES_AROUND ? line - LINES_AROUND : 1, number = 1;
    dj_str   rest = text, one;
    dj_buf_add_html(b, DJ_HTML("<pre>"));
    for (; dj_str_next(&rest, '\n', &one) && number <= line + LINES_AROUND; number++) {
        if (number < first || (rest.len == 0 && one.len == 0))
            continue;
        dj_buf_add_html(b, number == line ? DJ_HTML("<mark>") : DJ_HTML(""));
        dj_buf_addf(b, "%5u  ", number);
        dj_buf_add_escaped(b, dj_str_first(one, LINE_MAX_LEN));
        dj_buf_add_html(b, number == line ? DJ_HTML("</mark>\n") : DJ_HTML("\n"));
    }
    dj_buf_add_html(b, DJ_HTML("</pre>\n"));
}

/* A plain file, up to SOURCE_MAX; DJ_NONE if there is none. */
static dj_str read_source(dj_scope *s, dj_str path)
{
    struct stat st;
    int         fd = open(dj_cstr(s, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return DJ_NONE;
    char  *bytes = NULL;
    size_t len = 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        size_t size = st.st_size < (off_t)SOURCE_MAX ? (size_t)st.st_size : SOURCE_MAX;
        bytes = dj_alloc_raw(s, size + 1);
        for (ssize_t got = 1; len < size && got > 0; len += got > 0 ? (size_t)got : 0)
            got = read(fd, bytes + len, size - len);
    }
    close(fd);
    return dj_str_n(bytes, len);
}

void dj_debug_source(dj_buf *b, dj_str path, uint32_t line)
{
    dj_str text = read_source(b->scope, path);
    if (!dj_str_is_none(text) && line > 0)
        dj_debug_excerpt(b, text, line);
}

/* "../src/views.c:41", as the compiler was told it: from the folder of the build, which is the
 * program's or one above. */
static void add_source_at(dj_buf *b, dj_str place)
{
    char    exe[PATH_MAX];
    int64_t line;
    size_t  colon = dj_str_rchr(place, ':');
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe);
    if (colon == DJ_NOT_FOUND || len <= 0 || !dj_str_to_int(dj_str_from(place, colon + 1), &line) ||
        line < 1 || line > 9999999)
        return;
    dj_str file = dj_str_first(place, colon), folder = dj_str_n(exe, (size_t)len), text = DJ_NONE;
    if (dj_str_starts(file, DJ_LIT("/")))
        text = read_source(b->scope, file);
    for (int i = 0; dj_str_is_none(text) && i < FOLDERS_ABOVE; i++) {
        size_t slash = dj_str_rchr(folder, '/');
        if (slash == DJ_NOT_FOUND)
            break;
        folder = dj_str_first(folder, slash);
        text = read_source(b->scope,
                           dj_strf(b->scope, DJ_FMT "/" DJ_FMT, DJ_ARG(folder), DJ_ARG(file)));
    }
    if (!dj_str_is_none(text))
        dj_debug_excerpt(b, text, (uint32_t)line);
}

/* -- what is shown of the request -- */

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

/* Every value of each name, or nothing if there is none. */
static void add_pairs(dj_buf *b, dj_req *req, dj_html title, const dj_querydict *q,
                      const dj_cleanse_rules *rules)
{
    if (q == NULL || q->names.len == 0)
        return;
    dj_buf_add_html(b, DJ_HTML("<h2>"));
    dj_buf_add_html(b, title);
    dj_buf_add_html(b, DJ_HTML("</h2>\n<table>\n"));
    for (size_t i = 0; i < q->names.len; i++) {
        const dj_querydict_entry *entry = q->names.entries[i].value;
        for (size_t k = 0; k < entry->nvalues; k++)
            row(b, entry->name, dj_cleanse_text(req->scope, rules, entry->name, entry->values[k]));
    }
    dj_buf_add_html(b, DJ_HTML("</table>\n"));
}

/* The form only if the view has read it: the body of a request that failed is not touched again. */
static void add_values(dj_buf *b, dj_req *req, const dj_cleanse_rules *rules)
{
    dj_querydict *query = NULL;
    if (dj_querydict_parse(req->scope, dj_req_query_string(req), VALUES_MAX, &query) == DJ_OK)
        add_pairs(b, req, DJ_HTML("GET"), query, rules);
    if (req->form == NULL)
        return;
    add_pairs(b, req, DJ_HTML("POST"), req->form->post, rules);
    if (req->form->files.len == 0)
        return;
    dj_buf_add_html(b, DJ_HTML("<h2>FILES</h2>\n<table>\n"));
    for (size_t i = 0; i < dj_file_names(req->form); i++) {
        const dj_upload *up = dj_file_get(req->form, dj_file_name(req->form, i));
        row(b, up->field,
            dj_strf(req->scope, DJ_FMT " (" DJ_FMT ", %llu bytes)", DJ_ARG(up->name),
                    DJ_ARG(up->content_type), (unsigned long long)up->size));
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

static void add_routes(dj_buf *b, dj_req *req)
{
    dj_buf_add_html(b, DJ_HTML("<h2>Routes that were tried, in this order</h2>\n<ol>\n"));
    dj_resolver_each(req->site->resolver, add_route, b);
    dj_buf_add_html(b, DJ_HTML("</ol>\n"));
}

static void add_heading(dj_buf *b, dj_req *req, dj_str name)
{
    dj_buf_add_html(
        b, DJ_HTML("<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>"));
    text(b, name);
    dj_buf_add_html(b, DJ_HTML(" at "));
    text(b, req->path);
    dj_buf_add_html(b, DJ_HTML("</title></head>\n<body>\n<h1>"));
    text(b, name);
    dj_buf_add_html(b, DJ_HTML(" at "));
    text(b, req->path);
    dj_buf_add_html(b, DJ_HTML("</h1>\n"));
}

static void add_request(dj_buf *b, dj_req *req)
{
    const dj_cleanse_rules rules = {.session_cookie_name =
                                        req->site->settings->SESSION_COOKIE_NAME};
    add_values(b, req, &rules);
    add_headers(b, req, &rules);
    add_settings(b, req, &rules);
}

/* Where in which template, how the rendering came there, and the source around it. */
static void add_template(dj_buf *b, dj_req *req)
{
    const dj_template_error *error = req->template_error;
    if (error->template.len > 0) {
        dj_buf_add_html(b, DJ_HTML("<h2>Template</h2>\n<table>\n"));
        row(b, DJ_LIT("In"),
            dj_strf(req->scope, DJ_FMT ", line %u, column %u", DJ_ARG(error->template), error->line,
                    error->column));
        for (size_t i = 0; i < error->nsteps; i++)
            row(b, DJ_LIT("Used by"),
                dj_strf(req->scope, DJ_FMT ", line %u", DJ_ARG(error->steps[i].template),
                        error->steps[i].line));
        dj_buf_add_html(b, DJ_HTML("</table>\n"));
        dj_debug_excerpt(b, error->source, error->line);
    }
    if (error->tried.len > 0) {
        dj_buf_add_html(b, DJ_HTML("<h2>Places that were looked at</h2>\n<pre>"));
        text(b, error->tried);
        dj_buf_add_html(b, DJ_HTML("</pre>\n"));
    }
}

dj_response *dj_debug_page(dj_req *req, int status, dj_err e, dj_str sentence)
{
    dj_scope *s = req->scope;
    dj_buf    b = dj_buf_make(s, PAGE_MAX);
    dj_str    place = dj_failure(s) == e ? dj_failure_place(s) : DJ_LIT("");
    bool      ours = is_our_name(req);
    add_heading(&b, req, dj_err_info_of(e)->name);
    dj_buf_add_html(&b, DJ_HTML("<p>"));
    text(&b, sentence);
    dj_buf_add_html(&b, DJ_HTML("</p>\n<table>\n"));
    row(&b, DJ_LIT("Status"), dj_strf(s, "%d " DJ_FMT, status, DJ_ARG(dj_reason(status))));
    row(&b, DJ_LIT("Method"), req->head->method_name);
    row(&b, DJ_LIT("Path"), req->path);
    if (place.len > 0)
        row(&b, DJ_LIT("Found at"), place);
    if (req->match != NULL)
        row(&b, DJ_LIT("Route"), req->match->pattern);
    dj_buf_add_html(&b, DJ_HTML("</table>\n"));
    if (ours && req->template_error != NULL && req->template_error->code == e)
        add_template(&b, req);
    else if (ours && place.len > 0)
        add_source_at(&b, place);
    if (ours && e == DJ_ERR_NOT_FOUND && req->match == NULL)
        add_routes(&b, req);
    if (ours)
        add_request(&b, req);
    dj_buf_add_html(
        &b,
        DJ_HTML("<p>You see this page because <code>DEBUG = True</code> stands in the settings and "
                "you are on the "
                "server's own machine. Others get a plain error page.</p>\n</body>\n</html>\n"));
    dj_response *resp = dj_respond(req, status);
    dj_page_add(resp, (dj_html){dj_buf_str(&b)}); /* every value in it went through the escaper */
    return resp;
}
