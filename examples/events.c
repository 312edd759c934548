/* examples/events.c - a page whose clock the server sets, by server-sent events. */
#include <donjon/donjon.h>

static int64_t tick(dj_event_stream *stream, void *ctx)
{
    (void)ctx;
    dj_scope *s = dj_events_scope(stream);
    dj_event  event = {.type = DJ_LIT("tick"), .data = dj_http_date_str(s, dj_now(s))};
    if (dj_event_send(stream, &event) != DJ_OK)
        return DJ_EVENTS_END;
    return 1000;
}

static dj_response *ticks(dj_req *req)
{
    return dj_events(req, tick, NULL);
}

static dj_response *script(dj_req *req)
{
    dj_response *resp =
        dj_text(req, DJ_LIT("new EventSource('/ticks/').addEventListener('tick', function (e) {\n"
                            "    document.querySelector('time').textContent = e.data;\n"
                            "});\n"));
    dj_header_set(resp, DJ_LIT("Content-Type"), DJ_LIT("text/javascript; charset=utf-8"));
    return resp;
}

static dj_response *page(dj_req *req)
{
    return dj_page(req, DJ_HTML("<!doctype html><title>Clock</title><p>Server time: <time></time>"
                                "<script src=\"/clock.js\"></script>"));
}

static const dj_route urls[] = {
    DJ_PATH("", page, .name = "clock", .methods = DJ_GET),
    DJ_PATH("clock.js", script, .name = "script", .methods = DJ_GET),
    DJ_PATH("ticks/", ticks, .name = "ticks", .methods = DJ_GET),
};

int main(int argc, char **argv)
{
    return dj_manage(argc, argv, &(dj_app){.urls = DJ_ALL(urls), .settings = "events.py"});
}
