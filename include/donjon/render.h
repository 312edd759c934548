/* include/donjon/render.h - answers from templates.
 *
 *   return dj_render(req, "blog/article.html", DJ_CTX(article_page, .article = a));
 *
 * Templates lie in the folders that TEMPLATES names ('DIRS'), or in the program itself (`donjon
 * embed`). All are compiled at start: a broken one stops the program, with name, line and column.
 * Values are escaped for the place in the page where they land. Every template also sees what the
 * context processors of TEMPLATES bring: `request`, `debug`, `csp_nonce`, ... The context wins over
 * them. Django: render(), TemplateResponse, topics/templates. */
#pragma once
#include "donjon/attrs.h"
#include "donjon/response.h"
#include "donjon/template.h"

DJ_BEGIN_DECLS

/* 200 with the page; its type follows the name's ending: .html, .htm and none are text/html, .txt
 * text/plain, .xml application/xml, .svg image/svg+xml. A template that is not there, or that
 * fails, is 500 with a record that names template and line; nothing of a broken page is sent. Waits
 * only if a lazy value does. */
DJ_RETURNS DJ_NONNULL dj_response *dj_render(dj_req *req, const char *name, dj_ctx ctx) DJ_WAITS;
/* The same, but rendered behind the view, after every middleware's on_template hook (Django's
 * TemplateResponse). The struct of `ctx` is copied; what it points to must live as long as the
 * request. */
DJ_RETURNS DJ_NONNULL dj_response *dj_render_later(dj_req *req, const char *name, dj_ctx ctx);
/* A fragment: *html lives as long as the request. The errors are those of the template, explained
 * in the request's scope: DJ_ERR_TEMPLATE_MISSING, DJ_ERR_TEMPLATE, ... */
DJ_CHECKED DJ_NONNULL dj_err dj_render_html(dj_req *req, const char *name, dj_ctx ctx,
                                            dj_html *html) DJ_WAITS;

/* A variable for all templates of this request, as a context processor's: for middleware. A second
 * one of that name replaces the first. `name` must be a literal. */
DJ_NONNULL void dj_context_set(dj_req *req, const char *name, dj_var value);

/* The program's own context processor: calls dj_context_set. Once per request, before its first
 * rendering. TEMPLATES names it among 'context_processors'. */
typedef struct dj_context_processor {
    const char *name; /* "site.context.menu" */
    void (*run)(dj_req *req);
} dj_context_processor;

/* Templates inside the program, as `donjon embed` writes them. They are looked for behind the
 * folders of TEMPLATES; without TEMPLATES they see the processors `request` and `csp`. */
typedef struct dj_embedded {
    const char *name, *text;
    size_t      len;
} dj_embedded;
typedef struct dj_embedded_templates {
    const dj_embedded *items; /* sorted by name */
    size_t             len;
} dj_embedded_templates;

DJ_END_DECLS
