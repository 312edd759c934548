/* tests/compile_fail/raise_format.c - so is dj_raise. */
#include "donjon/response.h"

dj_response *view(dj_req *req);
dj_response *view(dj_req *req)
{
#ifdef OK
    return dj_raise(req, DJ_ERR_BAD_REQUEST, DJ_FMT, DJ_ARG(dj_req_path(req)));
#else
    return dj_raise(req, DJ_ERR_BAD_REQUEST, "%d", dj_req_path(req));
#endif
}
