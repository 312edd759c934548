/* src/middleware/gzip.c - compresses what is worth it.
 *
 * Django: middleware/gzip.py. */
#include "http/caching.h"
#include "middleware/middleware.h"

typedef struct state {
    dj_gzip *kept;
    bool     refusable;
} state;

static dj_err init(dj_scope *s, const dj_settings *settings, void **out)
{
    state *st = dj_new(s, state);
    st->kept = dj_gzip_new(s);
    st->refusable = settings->GZIP_REFUSABLE;
    *out = st;
    return DJ_OK;
}

static dj_response *around(dj_req *req, dj_next *next)
{
    const state *st = dj_layer_state(next);
    dj_response *resp = dj_call(next, req);
    dj_gzip_apply(resp, st->kept, st->refusable);
    return resp;
}

const dj_middleware dj_gzip_middleware = {
    .name = "django.middleware.gzip.GZipMiddleware",
    .after = "django.middleware.security.SecurityMiddleware",
    .init = init,
    .around = around,
};
