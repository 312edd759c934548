/* src/checks/urls.c - the program's routes, and the addresses in settings. Django:
 * django/core/checks/urls.py and the check methods of django/urls/resolvers.py.
 *
 * Must not know: how a route is matched; the table alone is looked at. */
#include "checks/family.h"
#include "donjon/map.h"

#define DEPTH_MAX 16

typedef void route_fn(dj_check_run *c, const dj_route *route, void *ctx);

static void each_route(dj_check_run *c, const dj_urls *urls, route_fn *fn, void *ctx, int depth)
{
    if (urls == NULL || depth == DEPTH_MAX)
        return;
    for (size_t i = 0; i < urls->len; i++) {
        fn(c, &urls->routes[i], ctx);
        each_route(c, urls->routes[i].include, fn, ctx, depth + 1);
    }
}

static dj_str describe(dj_check_run *c, const dj_route *route)
{
    dj_str text = dj_strf(c->s, "'%s'", route->route);
    return route->name == NULL ? text
                               : dj_strf(c->s, DJ_FMT " [name='%s']", DJ_ARG(text), route->name);
}

static void include_with_dollar(dj_check_run *c, const dj_route *route, void *ctx)
{
    (void)ctx;
    dj_str text = dj_str_of(route->route);
    if (route->regex && route->include != NULL && dj_str_ends(text, DJ_LIT("$")) &&
        !dj_str_ends(text, DJ_LIT("\\$")))
        ck_report(c, "urls.W001", (dj_origin){0}, NULL,
                  "The included route " DJ_FMT
                  " ends with '$', so nothing below it can match. Remove the dollar.",
                  DJ_ARG(describe(c, route)));
}

static void leading_slash(dj_check_run *c, const dj_route *route, void *ctx)
{
    (void)ctx;
    dj_str text = dj_str_of(route->route);
    bool   starts = dj_str_starts(text, DJ_LIT("/")) ||
                  (route->regex &&
                   (dj_str_starts(text, DJ_LIT("^/")) || dj_str_starts(text, DJ_LIT("^\\/"))));
    if (starts && !dj_str_ends(text, DJ_LIT("/")))
        ck_report(c, "urls.W002", (dj_origin){0}, NULL,
                  "The route " DJ_FMT
                  " begins with '/'. Remove it: the slash before a route is always there.",
                  DJ_ARG(describe(c, route)));
}

static void colon_in_name(dj_check_run *c, const dj_route *route, void *ctx)
{
    (void)ctx;
    if (route->name != NULL && strchr(route->name, ':') != NULL)
        ck_report(c, "urls.W003", (dj_origin){0}, NULL,
                  "The route " DJ_FMT
                  " has a name with ':', which separates namespaces. Remove it.",
                  DJ_ARG(describe(c, route)));
}

static void regex_habits(dj_check_run *c, const dj_route *route, void *ctx)
{
    (void)ctx;
    dj_str text = dj_str_of(route->route);
    if (!route->regex && (dj_str_has(text, DJ_LIT("(?P<")) || dj_str_starts(text, DJ_LIT("^")) ||
                          dj_str_ends(text, DJ_LIT("$"))))
        ck_report(
            c, "2_0.W001", (dj_origin){0}, NULL,
            "The route " DJ_FMT
            " contains '(?P<', begins with '^' or ends with '$', but is no regular expression: "
            "use DJ_REGEX if it should be one.",
            DJ_ARG(describe(c, route)));
}

/* '<', '>' or 0: the first bracket of a path segment without its partner. */
static char unmatched(dj_str segment)
{
    int open = 0;
    for (size_t i = 0; i < segment.len; i++) {
        open += segment.ptr[i] == '<' ? 1 : segment.ptr[i] == '>' ? -1 : 0;
        if (open < 0)
            return '>';
    }
    return open > 0 ? '<' : 0;
}

static void angle_brackets(dj_check_run *c, const dj_route *route, void *ctx)
{
    (void)ctx;
    dj_str rest = dj_str_of(route->route), segment;
    while (!route->regex && dj_str_next(&rest, '/', &segment))
        if (unmatched(segment) != 0)
            ck_report(c, "urls.W010", (dj_origin){0}, NULL,
                      "The route " DJ_FMT " has a '%c' without its partner.",
                      DJ_ARG(describe(c, route)), unmatched(segment));
}

static void routes(dj_check_run *c)
{
    each_route(c, c->in->urls, include_with_dollar, NULL, 0);
    if (ck_truth(c, "APPEND_SLASH") == YES)
        each_route(c, c->in->urls, leading_slash, NULL, 0);
    each_route(c, c->in->urls, colon_in_name, NULL, 0);
    each_route(c, c->in->urls, regex_habits, NULL, 0);
    each_route(c, c->in->urls, angle_brackets, NULL, 0);
}

static void count_spaces(dj_check_run *c, const dj_urls *urls, dj_str parent, dj_map *seen,
                         int depth)
{
    if (urls == NULL || depth == DEPTH_MAX)
        return;
    for (size_t i = 0; i < urls->len; i++) {
        const dj_route *r = &urls->routes[i];
        if (r->include == NULL)
            continue;
        const char *space = r->space != NULL ? r->space : r->include->app_name;
        dj_str      path = parent;
        if (space != NULL) {
            path = parent.len == 0 ? dj_str_of(space)
                                   : dj_strf(c->s, DJ_FMT ":%s", DJ_ARG(parent), space);
            uintptr_t count = (uintptr_t)dj_map_get(seen, path) + 1;
            dj_map_set(seen, path, (void *)count);
        }
        count_spaces(c, r->include, path, seen, depth + 1);
    }
}

static void namespaces(dj_check_run *c)
{
    dj_map seen = dj_map_make(c->s);
    count_spaces(c, c->in->urls, DJ_NONE, &seen, 0);
    for (size_t i = 0; i < seen.len; i++)
        if ((uintptr_t)seen.entries[i].value > 1)
            ck_report(c, "urls.W005", (dj_origin){0}, NULL,
                      "The URL namespace '" DJ_FMT
                      "' occurs twice: not all of its addresses can be reversed.",
                      DJ_ARG(seen.entries[i].key));
}

static void final_slash(dj_check_run *c)
{
    static const char *const settings[] = {"STATIC_URL", "MEDIA_URL"};
    for (size_t i = 0; i < DJ_COUNT(settings); i++) {
        dj_str url = ck_text(dj_check_setting(c, settings[i]));
        if (url.len > 0 && !dj_str_ends(url, DJ_LIT("/")))
            ck_report(c, "urls.E006", dj_check_origin(c, settings[i]), NULL,
                      "%s must end with a slash.", settings[i]);
    }
}

static const dj_check checks[] = {
    {"urls", false, "urls.W001 urls.W002 urls.W003 2_0.W001 urls.W010", routes},
    {"urls", false, "urls.W005", namespaces},
    {"urls", false, "urls.E006", final_slash},
};
CHECK_FAMILY(urls, checks);
