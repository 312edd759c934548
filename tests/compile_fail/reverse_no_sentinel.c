/* tests/compile_fail/reverse_no_sentinel.c - dj_reverse ends with NULL. */
#include "donjon/routes.h"

dj_err probe(dj_req *req, dj_str *url);
dj_err probe(dj_req *req, dj_str *url)
{
#ifdef OK
    return dj_reverse(req, url, "detail", "id", "7", NULL);
#else
    return dj_reverse(req, url, "detail", "id", "7");
#endif
}
