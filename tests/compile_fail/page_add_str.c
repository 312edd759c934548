/* tests/compile_fail/page_add_str.c - dj_page_add takes dj_html: a piece that nothing escaped does
 * not compile. */
#include "donjon/response.h"

dj_response *view(dj_req *req);
dj_response *view(dj_req *req)
{
#ifdef OK
    dj_response *page = dj_page(req, DJ_HTML("<p>"));
    dj_page_add(page, dj_html_escape(dj_req_scope(req), dj_query_get(req, DJ_LIT("q"))));
    return page;
#else
    dj_response *page = dj_page(req, DJ_HTML("<p>"));
    dj_page_add(page, dj_query_get(req, DJ_LIT("q")));
    return page;
#endif
}
