/* demo/main.c - a small site that shows what protects it: the table of routes and the program. */
#include "views.h"

static const dj_route urls[] = {
    DJ_PATH("", front_page, .name = "front", .methods = DJ_GET),
    DJ_PATH("echo/", echo_page, .name = "echo", .methods = DJ_GET),
    DJ_PATH("hello/<str:name>/", hello_page, .name = "hello", .methods = DJ_GET),
    DJ_PATH("api/request/", request_json, .name = "api-request", .methods = DJ_GET),
    DJ_PATH("errors/", errors_page, .name = "errors", .methods = DJ_GET),
    DJ_PATH("errors/<int:status>/", error_now, .name = "error", .methods = DJ_GET),
};

/* demo/templates/, put into the program by `donjon embed`. */
extern const dj_embedded_templates demo_templates;

int main(int argc, char **argv)
{
    const dj_app app = {
        .urls = DJ_ALL(urls),
        .templates = &demo_templates,
        .settings = "demo/settings/development.py",
    };
    return dj_manage(argc, argv, &app);
}
