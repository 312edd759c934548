#include <donjon/donjon.h>

static dj_response *hello(dj_req *req)
{
    dj_response *page = dj_page(req, DJ_HTML("<!doctype html><title>Hello</title><p>Hello, "));
    dj_str name = dj_query_get(req, DJ_LIT("name"));
    dj_page_add(page, dj_html_escape(dj_req_scope(req), name));
    return page;
}

static const dj_route urls[] = {
    DJ_PATH("", hello, .name = "hello", .methods = DJ_GET),
};

int main(int argc, char **argv)
{
    return dj_manage(argc, argv, &(dj_app){.urls = DJ_ALL(urls), .settings = "hello.py"});
}
