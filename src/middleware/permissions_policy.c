/* src/middleware/permissions_policy.c - Permissions-Policy and Cross-Origin-Resource-Policy: what a
 * page may ask of the browser, and who may load an answer. Donjon's own; Django has neither. */
#include "middleware/middleware.h"

typedef struct headers {
    dj_header permissions, resource;
} headers;

static dj_err init(dj_scope *s, const dj_settings *settings, void **state)
{
    headers *st = dj_new(s, headers);
    dj_str   permissions, resource = settings->CROSS_ORIGIN_RESOURCE_POLICY;
    *state = st;
    if (resource.len > 0 && !dj_str_eq(resource, DJ_LIT("same-origin")) &&
        !dj_str_eq(resource, DJ_LIT("same-site")) && !dj_str_eq(resource, DJ_LIT("cross-origin")))
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "CROSS_ORIGIN_RESOURCE_POLICY must be 'same-origin', 'same-site', "
                       "'cross-origin' or None");
    dj_err e = dj_permissions_policy_value(s, settings->PERMISSIONS_POLICY, &permissions);
    if (!e)
        e = dj_layer_header(s, DJ_LIT("Permissions-Policy"), permissions, &st->permissions);
    if (!e)
        e = dj_layer_header(s, DJ_LIT("Cross-Origin-Resource-Policy"), resource, &st->resource);
    if (!e && st->permissions.line.len == 0 && st->resource.line.len == 0)
        return DJ_ERR_NOT_USED;
    return e;
}

static dj_response *around(dj_req *req, dj_next *next)
{
    const headers *st = dj_layer_state(next);
    dj_response   *resp = dj_call(next, req);
    dj_layer_add(resp, &st->permissions);
    dj_layer_add(resp, &st->resource);
    return resp;
}

const dj_middleware dj_permissions_policy_middleware = {
    .name = "donjon.middleware.PermissionsPolicyMiddleware",
    .after = "django.middleware.security.SecurityMiddleware",
    .init = init,
    .around = around,
};
