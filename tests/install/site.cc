// tests/install/site.cc - the same in C++17: every header is C++, too.
#include <donjon/donjon.h>

static dj_response *front(dj_req *req)
{
    dj_response *resp = dj_page(req, dj_html_escape(dj_req_scope(req), DJ_LIT("Hello, <World>!")));
    dj_header_set(resp, DJ_LIT("X-Language"), DJ_LIT("C++"));
    return resp;
}

static const dj_route urls[] = {DJ_PATH("", front, .name = "front", .methods = DJ_GET)};

int main(int argc, char **argv)
{
    dj_app app = {};
    app.urls = DJ_ALL(urls);
    return dj_manage(argc, argv, &app);
}
