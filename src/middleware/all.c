/* src/middleware/all.c - the table of layers that this build has. */
#include "middleware/middleware.h"

const dj_middleware *const dj_builtin_middleware[] = {
    &dj_security_middleware,
    &dj_csp_middleware,
    &dj_gzip_middleware,
    &dj_conditional_get_middleware,
    &dj_common_middleware,
    &dj_xframe_options,
    &dj_permissions_policy_middleware,
    &dj_fetch_metadata_middleware,
};
const size_t dj_builtin_middleware_len = DJ_COUNT(dj_builtin_middleware);

dj_err dj_layer_header(dj_scope *s, dj_str name, dj_str value, dj_header *out)
{
    *out = (dj_header){.line = DJ_NONE};
    if (value.len == 0)
        return DJ_OK;
    if (dj_header_line(s, name, value, out))
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "the settings give " DJ_FMT " a value that can't be sent", DJ_ARG(name));
    return DJ_OK;
}
