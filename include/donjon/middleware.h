/* include/donjon/middleware.h - a layer around every view: a small struct of hooks.
 *
 * Layers stand in the order of MIDDLEWARE, outermost first. Each sees the request on its way in,
 * the response on its way out. Errors of what lies inside arrive as responses, never as raised
 * ones. Django: topics/http/middleware. */
#pragma once
#include "donjon/host.h"
#include "donjon/response.h"
#include "donjon/settings.h"

DJ_BEGIN_DECLS

typedef struct dj_next dj_next;

struct dj_urls; /* donjon/routes.h */

typedef struct dj_middleware {
    const char *name;  /* as MIDDLEWARE names it */
    const char *after; /* the one it must stand below, or NULL; `check` compares with MIDDLEWARE */
    /* Once at start. DJ_ERR_NOT_USED takes the layer out (MiddlewareNotUsed); another error stops
     * the start. *state is handed to the hooks and must not change afterwards. NULL: none needed.
     */
    dj_err (*init)(dj_scope *s, const dj_settings *settings, void **state);
    /* Once at start, behind init: the URL table, for what a layer prepares for single routes. */
    dj_err (*on_routes)(dj_scope *s, const struct dj_urls *urls, void *state);
    /* Must call dj_call(next, req) once and return its result or another response; or answer by
     * itself. */
    dj_response *(*around)(dj_req *req, dj_next *next);
    /* Before the view, outermost first; NULL goes on, a response replaces the view. (process_view)
     */
    dj_response *(*on_view)(dj_req *req, void *state);
    /* The view raised `e`: innermost first; NULL goes on. (process_exception) */
    dj_response *(*on_exception)(dj_req *req, dj_err e, void *state);
    /* A deferred response before it renders: innermost first; must return one.
     * (process_template_response) */
    dj_response *(*on_template)(dj_req *req, dj_response *resp, void *state);
} dj_middleware;

/* The rest of the chain, to the view and back. Never returns a raised response. */
DJ_RETURNS DJ_NONNULL dj_response *dj_call(dj_next *next, dj_req *req) DJ_WAITS;
/* What this layer's init left; NULL without init. */
DJ_NONNULL void *dj_layer_state(const dj_next *next);

/* The site's settings. */
DJ_RETURNS DJ_NONNULL const dj_settings *dj_settings_of(const dj_req *req);

DJ_END_DECLS
