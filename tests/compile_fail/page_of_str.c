/* tests/compile_fail/page_of_str.c - dj_page takes dj_html: an unescaped page does not compile. */
#include "donjon/response.h"

dj_response *view(dj_req *req);
dj_response *view(dj_req *req)
{
#ifdef OK
    return dj_page(req, dj_html_escape(dj_req_scope(req), dj_query_get(req, DJ_LIT("q"))));
#else
    return dj_page(req, dj_query_get(req, DJ_LIT("q")));
#endif
}
