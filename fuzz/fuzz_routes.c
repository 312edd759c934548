/* fuzz/fuzz_routes.c - any bytes as a path: an answer, and what is found writes back to the same
 * path. */
#include "app/app.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static dj_response *view(dj_req *req)
{
    return dj_not_found(req);
}

static const dj_route inner[] = {
    DJ_REGEX("^p/(?P<n>\\d+)/$", view, .name = "regex-in-regex"),
    DJ_PATH("q/<int:n>/", view, .name = "path-in-regex"),
};
static const dj_urls  inner_urls = DJ_ALL(inner);
static const dj_route routes[] = {
    DJ_PATH("items/<int:pk>/", view, .name = "int"),
    DJ_PATH("items/<slug:name>/", view, .name = "slug"),
    DJ_PATH("id/<uuid:u>/", view, .name = "uuid"),
    DJ_PATH("files/<path:p>/edit/", view, .name = "edit"),
    DJ_PATH("files/<path:p>", view, .name = "file"),
    DJ_PATH("two/<a><b>", view, .name = "two"),
    DJ_INCLUDE("in/<tenant>-", &inner_urls),
    {.route = "^rx/(?P<lang>[a-z]{2})/", .regex = true, .include = &inner_urls},
    DJ_PATH("<path:a>/x/<path:b>/y/<path:c>/z", view, .name = "three"),
};
static const dj_urls urls = DJ_ALL(routes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dj_scope    *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    dj_resolver *r;
    dj_match     m;
    dj_str       path = dj_str_n((const char *)data, size), url;
    if (s == NULL)
        return 0;
    DJ_ASSERT(dj_resolver_new(s, &urls, &r) == DJ_OK);
    if (size <= 8190 && dj_resolve(s, r, path, &m)) {
        for (size_t i = 0; i < m.nargs; i++)
            m.args[i].kind = DJ_ARG_STR; /* "007" stays as it is */
        dj_reverse_query q = {
            .name = m.url_name, .args = m.args, .nargs = m.nargs, .as_django = true};
        /* Two includes share their names: the one that is written may be the other. */
        if (dj_resolver_reverse(s, r, &q, &url) == DJ_OK &&
            !dj_str_ends(m.url_name, DJ_LIT("-regex")) && !dj_str_starts(path, DJ_LIT("//")))
            DJ_ASSERT(dj_str_eq(dj_url_unquote(s, url), path));
        else
            DJ_ASSERT(dj_str_ends(m.url_name, DJ_LIT("-regex")) ||
                      dj_str_starts(path, DJ_LIT("//")));
    }
    dj_scope_close(s);
    return 0;
}
