/* src/manage/reload_page.c - the answer while there is no program: what went wrong, and where.
 *
 * Details go to a browser on this machine that asked for a name of this site, and only while DEBUG
 * is on: another site whose name was pointed at this machine could read them otherwise. The page
 * asks again by itself, so it goes when the trouble has gone; it needs no script.
 *
 * Must not know: what the trouble is about. */
#include "manage/reload.h"
#include "app/app.h"
#include "donjon/crypto.h"
#include "donjon/policy.h"

#define PAGE_MAX        ((size_t)4 * 1024 * 1024)
#define DIAGNOSTICS_MAX 50
#define SHORT_TEXT      2000 /* shown without being asked for */

static const dj_html style = {DJ_STR_INIT(
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "background:#fff;color:#1b1b1b}"
    "h1{font-size:1.5rem;margin:0 0 .5rem;color:#a4001d}"
    "h2{font-size:1rem;margin:1.5rem 0 .25rem;overflow-wrap:anywhere}"
    "pre{background:#f4f4f4;padding:.75rem;overflow-x:auto;margin:.25rem 0;font-size:.875rem}"
    ".kind{color:#fff;border-radius:.25rem;padding:.1rem .4rem;font-size:.8rem}"
    ".error{background:#a4001d}.warning{background:#8a5a00}.note{background:#3d5a80}"
    "@media(prefers-color-scheme:dark){body{background:#1b1b1b;color:#eee}h1{color:#ff8a9a}"
    "pre{background:#2a2a2a}}")};

/* -- what is shown -- */

static const dj_html *kind_name(dj_diagnostic_kind kind)
{
    static const dj_html names[] = {[DJ_DIAG_ERROR] = {DJ_STR_INIT("error")},
                                    [DJ_DIAG_WARNING] = {DJ_STR_INIT("warning")},
                                    [DJ_DIAG_NOTE] = {DJ_STR_INIT("note")}};
    return &names[kind];
}

/* "../main.c" from /site/build -> "/site/main.c". Of the text alone: links are not looked at. */
static dj_str whole_path(dj_scope *s, dj_str folder, dj_str path)
{
    dj_str rest = dj_str_starts(path, DJ_LIT("/"))
                      ? path
                      : dj_strf(s, DJ_FMT "/" DJ_FMT, DJ_ARG(folder), DJ_ARG(path));
    dj_buf b = dj_buf_make(s, rest.len + 1);
    for (dj_str piece; dj_str_next(&rest, '/', &piece);) {
        if (piece.len == 0 || dj_str_eq(piece, DJ_LIT(".")))
            continue;
        if (dj_str_eq(piece, DJ_LIT(".."))) {
            size_t slash = dj_str_rchr(dj_buf_str(&b), '/');
            b.len = slash == DJ_NOT_FOUND ? 0 : slash;
            continue;
        }
        dj_buf_add_byte(&b, '/');
        dj_buf_add(&b, piece);
    }
    return dj_buf_str(&b);
}

/* As somebody in the current folder would type it. */
static dj_str short_path(const dj_trouble *t, dj_str whole)
{
    bool below =
        dj_str_starts(whole, t->cwd) && whole.len > t->cwd.len + 1 && whole.ptr[t->cwd.len] == '/';
    return below ? dj_str_from(whole, t->cwd.len + 1) : whole;
}

static void add_diagnostic(dj_buf *b, const dj_trouble *t, const dj_diagnostic *d)
{
    dj_str path = whole_path(b->scope, t->folder, d->file);
    dj_buf_add_html(b, DJ_HTML("<h2><span class=\"kind "));
    dj_buf_add_html(b, *kind_name(d->kind));
    dj_buf_add_html(b, DJ_HTML("\">"));
    dj_buf_add_html(b, *kind_name(d->kind));
    dj_buf_add_html(b, DJ_HTML("</span> <code>"));
    /* A linker without line numbers names a source as its author did, from nowhere. */
    dj_buf_add_escaped(b, d->line > 0 ? short_path(t, path) : d->file);
    if (d->line > 0)
        dj_buf_addf(b, ":%u", d->line);
    if (d->column > 0)
        dj_buf_addf(b, ":%u", d->column);
    dj_buf_add_html(b, DJ_HTML("</code> "));
    dj_buf_add_escaped(b, d->message);
    dj_buf_add_html(b, DJ_HTML("</h2>\n"));
    if (d->excerpt.len == 0) { /* a linker does not show the line */
        dj_debug_source(b, path, d->line);
        return;
    }
    dj_buf_add_html(b, DJ_HTML("<pre>"));
    dj_buf_add_escaped(b, d->excerpt);
    dj_buf_add_html(b, DJ_HTML("</pre>\n"));
}

static void add_text(dj_buf *b, const dj_trouble *t)
{
    dj_diagnostic found[DIAGNOSTICS_MAX];
    size_t        n = dj_diagnostics(t->text, found, DIAGNOSTICS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (found[i].kind == DJ_DIAG_ERROR)
            add_diagnostic(b, t, &found[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (found[i].kind != DJ_DIAG_ERROR)
            add_diagnostic(b, t, &found[i]);
    }
    if (t->text.len == 0)
        return;
    if (n > 0)
        dj_buf_add_html(b, t->text.len < SHORT_TEXT ? DJ_HTML("<details open>")
                                                    : DJ_HTML("<details>"));
    dj_buf_add_html(b, n > 0 ? DJ_HTML("<summary>All that was printed</summary>\n<pre>")
                             : DJ_HTML("<pre>"));
    dj_buf_add_escaped(b, t->text);
    dj_buf_add_html(b, n > 0 ? DJ_HTML("</pre></details>\n") : DJ_HTML("</pre>\n"));
}

static dj_html page_of(dj_req *req, const dj_trouble *t, dj_str nonce)
{
    dj_buf b = dj_buf_make(req->scope, PAGE_MAX);
    dj_buf_add_html(&b, DJ_HTML("<!doctype html>\n<html lang=\"en\">\n<head><meta "
                                "charset=\"utf-8\">"));
    /* Asking again for what was sent by POST would be another request than the one that failed. */
    if (req->head->method == DJ_GET)
        dj_buf_add_html(&b, DJ_HTML("<meta http-equiv=\"refresh\" content=\"2\">"));
    dj_buf_add_html(&b, DJ_HTML("<meta name=\"viewport\" "
                                "content=\"width=device-width\"><title>"));
    dj_buf_add_escaped(&b, t->title);
    dj_buf_add_html(&b, DJ_HTML("</title>\n<style nonce=\""));
    dj_buf_add_escaped(&b, nonce);
    dj_buf_add_html(&b, DJ_HTML("\">"));
    dj_buf_add_html(&b, style);
    dj_buf_add_html(&b, DJ_HTML("</style></head>\n<body>\n<h1>"));
    dj_buf_add_escaped(&b, t->title);
    dj_buf_add_html(&b, DJ_HTML("</h1>\n<p>"));
    dj_buf_add_escaped(&b, t->advice);
    dj_buf_add_html(&b, DJ_HTML("</p>\n"));
    add_text(&b, t);
    dj_buf_add_html(&b, DJ_HTML("</body>\n</html>\n"));
    return dj_html_trust(dj_buf_str(&b), DJ_LIT("every value in it went through the escaper"));
}

/* -- who gets it -- */

static bool may_see(const dj_req *req, const dj_trouble *t)
{
    if (!t->debug || !dj_client_is_here(req))
        return false;
    dj_str host = dj_head_field(req->head, DJ_FIELD_HOST);
    return dj_host_decide(host, t->hosts, true) == DJ_HOST_OK ||
           dj_host_decide(host, (dj_str_list){0}, true) == DJ_HOST_OK;
}

static bool wants_page(dj_req *req)
{
    return dj_str_has(dj_str_lower(req->scope, dj_req_header(req, DJ_LIT("Accept"))),
                      DJ_LIT("text/html"));
}

static void protect(dj_scope *s, dj_response *resp, dj_str nonce)
{
    dj_header_set(resp, DJ_LIT("Content-Security-Policy"),
                  dj_strf(s,
                          "default-src 'none'; style-src 'nonce-" DJ_FMT
                          "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                          DJ_ARG(nonce)));
    dj_header_set(resp, DJ_LIT("X-Content-Type-Options"), DJ_LIT("nosniff"));
    dj_header_set(resp, DJ_LIT("X-Frame-Options"), DJ_LIT("DENY"));
    dj_header_set(resp, DJ_LIT("Referrer-Policy"), DJ_LIT("same-origin"));
    dj_header_set(resp, DJ_LIT("Cross-Origin-Resource-Policy"), DJ_LIT("same-origin"));
    dj_header_set(resp, DJ_LIT("Cache-Control"), DJ_LIT("no-store"));
}

dj_response *dj_trouble_answer(dj_req *req, const dj_trouble *trouble)
{
    dj_response *resp;
    dj_str       nonce = dj_csp_nonce(req);
    if (!may_see(req, trouble)) {
        resp = dj_respond(req, 500);
        dj_page_add(resp, (dj_html){dj_error_page(500)}); /* a constant of ours */
    } else if (wants_page(req)) {
        resp = dj_respond(req, 500);
        dj_page_add(resp, page_of(req, trouble, nonce));
    } else {
        resp = dj_text(req, dj_strf(req->scope, DJ_FMT "\n" DJ_FMT "\n\n" DJ_FMT "\n",
                                    DJ_ARG(trouble->title), DJ_ARG(trouble->advice),
                                    DJ_ARG(trouble->text)));
        dj_status_set(resp, 500);
    }
    protect(req->scope, resp, nonce);
    return resp;
}
