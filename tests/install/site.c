/* tests/install/site.c - a site outside the tree: built against the installed library by pkg-config
 * alone. */
#include <donjon/donjon.h>

static dj_response *front(dj_req *req)
{
    return dj_page(req, DJ_HTML("<!DOCTYPE html><title>Hello</title><p>Hello, World!"));
}

static const dj_route urls[] = {DJ_PATH("", front, .name = "front", .methods = DJ_GET)};

int main(int argc, char **argv)
{
    return dj_manage(argc, argv, &(dj_app){.urls = DJ_ALL(urls)});
}
