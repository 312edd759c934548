/* src/middleware/xframe.c - X-Frame-Options: who may put a page into a frame.
 *
 * Django: middleware/clickjacking.py. */
#include "middleware/middleware.h"

static dj_err init(dj_scope *s, const dj_settings *settings, void **state)
{
    dj_header *header = dj_new(s, dj_header);
    *state = header;
    return dj_layer_header(s, DJ_LIT("X-Frame-Options"), dj_str_upper(s, settings->X_FRAME_OPTIONS),
                           header);
}

static dj_response *around(dj_req *req, dj_next *next)
{
    const dj_header *header = dj_layer_state(next);
    dj_response     *resp = dj_call(next, req);
    if (!dj_is_exempt(req, DJ_EXEMPT_XFRAME))
        dj_layer_add(resp, header);
    return resp;
}

const dj_middleware dj_xframe_options = {
    .name = "django.middleware.clickjacking.XFrameOptionsMiddleware",
    .after = "django.middleware.security.SecurityMiddleware",
    .init = init,
    .around = around,
};
