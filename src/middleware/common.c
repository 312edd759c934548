/* src/middleware/common.c - unwelcome browsers, "www.", the missing slash, Content-Length.
 *
 * Django: middleware/common.py, CommonMiddleware. */
#include "donjon/pattern.h"
#include "middleware/middleware.h"

typedef struct common {
    bool         append_slash, prepend_www, debug;
    dj_pattern **agents;
    size_t       nagents;
} common;

static dj_err init(dj_scope *s, const dj_settings *settings, void **state)
{
    const dj_str_list *list = &settings->DISALLOWED_USER_AGENTS;
    common            *st = dj_new(s, common);
    st->append_slash = settings->APPEND_SLASH;
    st->prepend_www = settings->PREPEND_WWW;
    st->debug = settings->DEBUG;
    st->agents = dj_new_array(s, dj_pattern *, list->len);
    for (size_t i = 0; i < list->len; i++) {
        if (dj_pattern_compile(s, list->items[i], &st->agents[i]))
            return dj_fail(s, DJ_ERR_SETTINGS, "DISALLOWED_USER_AGENTS: " DJ_FMT,
                           DJ_ARG(dj_failure_text(s)));
    }
    st->nagents = list->len;
    *state = st;
    return DJ_OK;
}

/* A pattern that gives up counts as a match: an honest browser's name does not tire it. */
static bool is_unwelcome(const common *st, const dj_req *req)
{
    dj_str agent = dj_head_field(req->head, DJ_FIELD_USER_AGENT);
    if (dj_str_is_none(agent))
        return false;
    agent = dj_latin1_to_utf8(req->scope, agent);
    for (size_t i = 0; i < st->nagents; i++) {
        if (dj_pattern_search(st->agents[i], agent, NULL) != DJ_FOUND_NO)
            return true;
    }
    return false;
}

/* No route takes the path, one takes it with a slash behind, and its view does not mind. */
static bool slash_is_due(const common *st, dj_req *req)
{
    dj_str path = req->path;
    if (!st->append_slash || dj_str_ends(path, DJ_LIT("/")))
        return false;
    dj_match *match = dj_new(req->scope, dj_match);
    return !dj_resolve(req->scope, req->site->resolver, path, match) &&
           dj_resolve(req->scope, req->site->resolver, dj_str_cat(req->scope, path, DJ_LIT("/")),
                      match) &&
           (match->route->exempt & DJ_EXEMPT_APPEND_SLASH) == 0;
}

/* The full path with a slash. "//evil.example/" would be another host: its second slash is quoted.
 */
static dj_str path_with_slash(dj_req *req)
{
    dj_str path = dj_url_full_path(req->scope, req->path, dj_req_query_string(req), true);
    if (dj_str_starts(path, DJ_LIT("//")))
        path = dj_str_cat(req->scope, DJ_LIT("/%2F"), dj_str_from(path, 2));
    return path;
}

static dj_response *slash_redirect(const common *st, dj_req *req)
{
    dj_str path = path_with_slash(req);
    if (st->debug && (req->head->method & (DJ_DELETE | DJ_POST | DJ_PUT | DJ_PATCH)))
        return dj_raise(req, DJ_ERR_INTERNAL,
                        "You called this URL via " DJ_FMT
                        ", but the URL doesn't end in a slash and you have APPEND_SLASH "
                        "set. Donjon can't redirect to the slash URL while maintaining the body. "
                        "Send the form to " DJ_FMT ", or set APPEND_SLASH=False.",
                        DJ_ARG(req->head->method_name), DJ_ARG(path));
    return dj_redirect_permanent(req, path);
}

static dj_response *www_redirect(const common *st, dj_req *req, dj_str host)
{
    dj_str path;
    if (!slash_is_due(st, req)) {
        path = dj_req_full_path(req);
    } else {
        dj_response *slash = slash_redirect(st, req);
        if (slash->raised != DJ_OK)
            return slash;
        path = path_with_slash(req);
    }
    return dj_redirect_permanent(req, dj_strf(req->scope, "%s://www." DJ_FMT DJ_FMT,
                                              req->secure ? "https" : "http", DJ_ARG(host),
                                              DJ_ARG(path)));
}

static void add_content_length(dj_req *req, dj_response *resp)
{
    char   digits[24];
    size_t at = sizeof digits, value = resp->body_len;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    static const char name[] = "Content-Length: ";
    size_t            len = sizeof name - 1 + (sizeof digits - at) + 2;
    char             *line = dj_alloc_raw(req->scope, len);
    memcpy(line, name, sizeof name - 1);
    memcpy(line + sizeof name - 1, digits + at, sizeof digits - at);
    memcpy(line + len - 2, "\r\n", 2);
    dj_header_add_line(resp, DJ_HEADER_CONTENT_LENGTH, sizeof "Content-Length" - 1,
                       dj_str_n(line, len));
}

static dj_response *around(dj_req *req, dj_next *next)
{
    const common *st = dj_layer_state(next);
    dj_str        host;
    if (st->nagents > 0 && is_unwelcome(st, req))
        return dj_raise(req, DJ_ERR_DENIED, "Forbidden user agent");
    if (dj_get_host(req, &host))
        return dj_raise_failure(req);
    dj_response *resp;
    if (DJ_UNLIKELY(st->prepend_www) && host.len > 0 && !dj_str_starts(host, DJ_LIT("www.")))
        resp = www_redirect(st, req, host);
    else
        resp = dj_call(next, req);
    if (DJ_UNLIKELY(resp->status == 404) && resp->raised == DJ_OK && slash_is_due(st, req))
        return slash_redirect(st, req); /* as it is: Django gives it no Content-Length */
    if (resp->stream == NULL && !dj_header_seen(resp, DJ_HEADER_CONTENT_LENGTH))
        add_content_length(req, resp);
    return resp;
}

const dj_middleware dj_common_middleware = {
    .name = "django.middleware.common.CommonMiddleware",
    .after = "django.middleware.security.SecurityMiddleware",
    .init = init,
    .around = around,
};
