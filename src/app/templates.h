/* src/app/templates.h - a site's templates from the inside: templates.c makes the engines at start,
 * context.c says what every template of a request sees, render.c makes pages. */
#pragma once
#include "app/app.h"
#include "donjon/render.h"
#include "template/template.h"

struct dj_site_engine {
    dj_engine                         *engine;
    const dj_context_processor *const *processors;
    size_t                             nprocessors;
};

struct dj_site_templates {
    struct dj_site_engine *engines; /* asked in this order */
    size_t                 nengines;
    bool                   has_csp; /* its layer is in MIDDLEWARE: `csp_nonce` means something */
};

/* Reads TEMPLATES into site->templates and, with DEBUG off, compiles all there is. DJ_ERR_SETTINGS:
 * an option that is not known, or the broken templates, one a line (NAME:LINE:COLUMN: what). */
DJ_CHECKED dj_err dj_templates_new(dj_scope *s, const dj_site_parts *parts, struct dj_site *site);
dj_engine_hooks   dj_template_hooks(struct dj_site *site);
/* The program's, or Django's; NULL if there is none. */
const dj_context_processor *dj_context_processor_find(const dj_app *app, dj_str name);
/* What they bring, and what layers have set. */
dj_var_map dj_context_of(dj_req *req, const dj_context_processor *const *processors, size_t len);
/* request.GET for templates. */
DJ_CHECKED dj_err dj_request_multi(dj_req *req, const dj_var_multi **out);
/* 400.html, 403.html, 404.html or 500.html with what Django hands them; NULL if there is none;
 * raised if it fails. */
dj_response *dj_error_template(dj_req *req, int status, dj_str text) DJ_WAITS;
