/* benches/site.c - Donjon's contender: the works of docs/performance.md as a user would write them.
 */
#include "donjon/app.h"

/* W1. What is measured is everything around it: coroutine, chain, router. */
static dj_response *hello(dj_req *req)
{
    return dj_text(req, DJ_LIT("Hello, World!"));
}

#define LINE                                                                                       \
    "<p>The quick brown fox jumps over the lazy dog; 0123456789 and so on, to fill a page of a "   \
    "kilobyte.\n"

/* W2: about 1 KiB, the nonce of the Content-Security-Policy in its one script. */
static dj_response *hardened(dj_req *req)
{
    dj_response *resp = dj_page(req, DJ_HTML("<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
                                             "charset=\"utf-8\"><title>Hardened</title>\n"
                                             "<script nonce=\""));
    dj_page_add(resp, dj_html_escape(dj_req_scope(req), dj_csp_nonce(req)));
    dj_page_add(resp, DJ_HTML("\">document.title += ' page';</script></head><body>\n" LINE LINE LINE
                                  LINE LINE LINE LINE LINE "</body></html>\n"));
    return resp;
}

static const dj_route urls[] = {
    DJ_PATH("", hello, .methods = DJ_GET),
    DJ_PATH("hardened/", hardened, .methods = DJ_GET),
};

int main(int argc, char **argv)
{
    return dj_manage(argc, argv, &(dj_app){.urls = DJ_ALL(urls)});
}
