/* src/app/resolver.c - the table of routes as a tree, and the way from a path to a view.
 *
 * Compiled once at start; resolving walks the tree in order, depth first, and the first match wins.
 * An include takes its prefix off and is left again if nothing inside fits. Django:
 * django/urls/resolvers.py.
 *
 * Must not know: requests, methods, permissions. */
#include "app/app.h"
#include "donjon/pattern.h"

#define DEPTH_MAX 16 /* includes in includes; a table that includes itself ends here */

typedef struct builder {
    dj_scope      *scope;
    const dj_urls *root;
} builder;

/* -- compiling -- */

static dj_str joined(dj_scope *s, dj_str before, const char *name)
{
    if (name == NULL)
        return before;
    if (before.len == 0)
        return dj_str_of(name);
    return dj_str_cat(s, dj_str_cat(s, before, DJ_LIT(":")), dj_str_of(name));
}

static dj_err compile_regex(builder *b, dj_node *n, dj_str regex)
{
    dj_pattern *p = NULL;
    if (dj_pattern_compile(b->scope, regex, &p) != DJ_OK) {
        dj_str why = dj_failure_text(b->scope);
        return dj_fail(b->scope, DJ_ERR_SETTINGS, "the route \"%s\": " DJ_FMT, n->route->route,
                       DJ_ARG(dj_str_dup(b->scope, why)));
    }
    n->regex = p;
    n->ngroups = dj_pattern_group_count(p) - 1;
    n->groups = dj_new_array(b->scope, dj_str, n->ngroups);
    for (size_t i = 0; i < n->ngroups; i++) {
        n->groups[i] = dj_pattern_group_name(p, i + 1);
        n->has_named = n->has_named || !dj_str_is_none(n->groups[i]);
    }
    return DJ_OK;
}

static dj_err compile_pattern(builder *b, dj_node *n)
{
    const dj_route *route = n->route;
    bool            leaf = route->include == NULL;
    if (route->regex)
        return compile_regex(b, n, dj_str_of(route->route));
    dj_err e = dj_parts_parse(b->scope, b->root, route->route, leaf, &n->parts);
    if (e)
        return e;
    for (size_t i = 0; i < n->parts.len; i++) {
        if (!n->parts.items[i].literal && n->parts.items[i].kind == DJ_CONV_OWN)
            return compile_regex(
                b, n, dj_str_cat(b->scope, DJ_LIT("^"), dj_parts_regex(b->scope, &n->parts)));
    }
    return DJ_OK;
}

/* "int:page", "1": the same words as in a route. */
static dj_err compile_defaults(builder *b, dj_node *n)
{
    size_t len = 0;
    for (const char *const *d = n->route->defaults; d != NULL && d[len] != NULL;)
        len += d[len + 1] == NULL ? 1 : 2;
    if (len % 2 != 0 || len / 2 > DJ_ARGS_MAX)
        return dj_fail(
            b->scope, DJ_ERR_SETTINGS,
            "the defaults of the route \"%s\" are not name and value in turn, at most %d",
            n->route->route, DJ_ARGS_MAX);
    dj_arg *args = dj_new_array(b->scope, dj_arg, len / 2);
    for (size_t i = 0; i < len / 2; i++) {
        dj_str name = dj_str_of(n->route->defaults[2 * i]);
        args[i].text = dj_str_of(n->route->defaults[2 * i + 1]);
        if (dj_str_starts(name, DJ_LIT("int:"))) {
            name = dj_str_from(name, 4);
            args[i].kind = DJ_ARG_INT;
            if (!dj_str_to_int(args[i].text, &args[i].number))
                return dj_fail(b->scope, DJ_ERR_SETTINGS,
                               "the default \"" DJ_FMT "\" of the route \"%s\" is no integer",
                               DJ_ARG(name), n->route->route);
        }
        args[i].name = name;
    }
    n->defaults = args;
    n->ndefaults = len / 2;
    return DJ_OK;
}

static size_t captures(const dj_node *n)
{
    size_t count = n->ndefaults + n->ngroups;
    for (size_t i = 0; n->regex == NULL && i < n->parts.len; i++)
        count += n->parts.items[i].literal ? 0 : 1;
    return count;
}

static dj_err check_route(builder *b, const dj_route *route)
{
    if (route->route == NULL)
        return dj_fail(b->scope, DJ_ERR_SETTINGS, "a route without text in the table of routes");
    if ((route->view == NULL) == (route->include == NULL))
        return dj_fail(b->scope, DJ_ERR_SETTINGS,
                       "the route \"%s\" must have either a view or an included table",
                       route->route);
    if (route->space != NULL && (route->include == NULL || route->include->app_name == NULL))
        return dj_fail(b->scope, DJ_ERR_SETTINGS,
                       "the route \"%s\" has a namespace, but no included table with an app_name: "
                       "give the table one",
                       route->route);
    if (route->needs != NULL)
        return dj_fail(b->scope, DJ_ERR_SETTINGS,
                       "the route \"%s\" needs the permission %s, but this build has no users to "
                       "ask: it would be open to all",
                       route->route, route->needs);
    return DJ_OK;
}

static dj_err compile_table(builder *b, const dj_urls *urls, const dj_node *parent, size_t depth,
                            dj_node **nodes);

static dj_err compile_node(builder *b, const dj_route *route, const dj_node *parent, size_t depth,
                           dj_node *n)
{
    dj_err e = check_route(b, route);
    if (e)
        return e;
    n->route = route;
    n->parent = parent;
    if ((e = compile_pattern(b, n)) || (e = compile_defaults(b, n)))
        return e;
    size_t args = 0;
    for (const dj_node *up = n; up != NULL; up = up->parent)
        args += captures(up);
    if (args > DJ_ARGS_MAX)
        return dj_fail(b->scope, DJ_ERR_SETTINGS, "the route \"%s\" has more than %d arguments",
                       route->route, DJ_ARGS_MAX);
    /* As Django shows it: the inner table's ^ is dropped. */
    dj_str own = dj_str_of(route->route);
    if (parent == NULL)
        n->pattern = own;
    else
        n->pattern = dj_str_cat(b->scope, parent->pattern,
                                parent->pattern.len > 0 && own.len > 0 && own.ptr[0] == '^'
                                    ? dj_str_from(own, 1)
                                    : own);
    n->app_names = parent == NULL ? DJ_LIT("") : parent->app_names;
    n->namespaces = parent == NULL ? DJ_LIT("") : parent->namespaces;
    if (route->include == NULL)
        return DJ_OK;
    const char *app = route->include->app_name;
    n->app_names = joined(b->scope, n->app_names, app);
    n->namespaces = joined(b->scope, n->namespaces, route->space != NULL ? route->space : app);
    n->nchildren = route->include->len;
    return compile_table(b, route->include, n, depth + 1, &n->children);
}

static dj_err compile_table(builder *b, const dj_urls *urls, const dj_node *parent, size_t depth,
                            dj_node **nodes)
{
    if (depth > DEPTH_MAX)
        return dj_fail(b->scope, DJ_ERR_SETTINGS,
                       "the route \"" DJ_FMT
                       "\" includes tables more than %d deep: does one include itself?",
                       DJ_ARG(dj_str_first(parent->pattern, 60)), DEPTH_MAX);
    *nodes = dj_new_array(b->scope, dj_node, urls->len);
    for (size_t i = 0; i < urls->len; i++) {
        dj_err e = compile_node(b, &urls->routes[i], parent, depth, &(*nodes)[i]);
        if (e)
            return e;
    }
    return DJ_OK;
}

dj_err dj_resolver_new(dj_scope *s, const dj_urls *urls, dj_resolver **out)
{
    builder      b = {.scope = s, .root = urls};
    dj_resolver *r = dj_new(s, dj_resolver);
    r->nnodes = urls->len;
    dj_err e = compile_table(&b, urls, NULL, 0, &r->nodes);
    if (e)
        return e;
    if ((e = dj_reverse_prepare(s, r)))
        return e;
    *out = r;
    return DJ_OK;
}

/* -- resolving -- */

/* A re_path(): search, but a route to a view that ends with $ must be the whole text, a final line
 * end included. */
static bool match_regex(const dj_node *n, dj_str text, dj_match *m, size_t *end)
{
    dj_pattern_match found;
    bool             leaf = n->route->include == NULL;
    bool whole = leaf && (!n->route->regex || dj_str_ends(dj_str_of(n->route->route), DJ_LIT("$")));
    dj_found answer = whole ? dj_pattern_fullmatch(n->regex, text, &found)
                            : dj_pattern_search(n->regex, text, &found);
    if (answer != DJ_FOUND_YES)
        return false;
    for (size_t i = 0; i < n->ngroups; i++) {
        dj_str value = found.groups[i + 1];
        if (n->has_named && (dj_str_is_none(n->groups[i]) || dj_str_is_none(value)))
            continue;
        m->args[m->nargs++] = (dj_arg){.name = n->groups[i], .kind = DJ_ARG_STR, .text = value};
    }
    *end = (size_t)(found.groups[0].ptr - text.ptr) + found.groups[0].len;
    return true;
}

/* The program's converters: a regular expression for the whole route, then each argument's own
 * test. */
static bool match_own(const dj_node *n, dj_str text, dj_match *m, size_t *end)
{
    size_t first = m->nargs;
    if (!match_regex(n, text, m, end))
        return false;
    for (size_t i = 0; i < n->parts.len; i++) {
        const dj_part *p = &n->parts.items[i];
        for (size_t k = first; !p->literal && k < m->nargs; k++) {
            dj_arg *arg = &m->args[k];
            if (!dj_str_eq(arg->name, p->text))
                continue;
            if (p->kind == DJ_CONV_INT) {
                arg->kind = DJ_ARG_INT;
                if (!dj_str_to_int(arg->text, &arg->number))
                    return false;
            } else if (p->kind == DJ_CONV_OWN && p->own->accepts != NULL &&
                       !p->own->accepts(arg->text)) {
                return false;
            }
        }
    }
    return true;
}

static bool match_node(dj_scope *s, const dj_node *n, dj_str text, dj_match *m, size_t *end)
{
    if (n->regex != NULL)
        return n->route->regex ? match_regex(n, text, m, end) : match_own(n, text, m, end);
    if (!dj_parts_match(s, &n->parts, text, m->args + m->nargs, end))
        return false;
    for (size_t i = 0; i < n->parts.len; i++)
        m->nargs += n->parts.items[i].literal ? 0 : 1;
    return true;
}

static void add_defaults(const dj_node *n, dj_match *m)
{
    for (size_t i = 0; i < n->ndefaults; i++)
        m->args[m->nargs++] = n->defaults[i];
}

/* `leaf_args`: where the arguments of the matched route itself begin. */
static const dj_node *resolve_in(dj_scope *s, const dj_node *nodes, size_t len, dj_str text,
                                 dj_match *m, size_t *leaf_args)
{
    size_t before = m->nargs;
    for (size_t i = 0; i < len; i++) {
        const dj_node *n = &nodes[i];
        size_t         end = 0;
        m->nargs = before;
        if (!match_node(s, n, text, m, &end))
            continue;
        add_defaults(n, m);
        if (n->route->include == NULL) {
            *leaf_args = before;
            return n;
        }
        const dj_node *found =
            resolve_in(s, n->children, n->nchildren, dj_str_from(text, end), m, leaf_args);
        if (found != NULL)
            return found;
    }
    m->nargs = before;
    return NULL;
}

static bool has_later(const dj_match *m, size_t i, bool same_name)
{
    for (size_t k = i + 1; k < m->nargs; k++) {
        if (!dj_str_is_none(m->args[k].name) &&
            (!same_name || dj_str_eq(m->args[k].name, m->args[i].name)))
            return true;
    }
    return false;
}

/* Arguments stand in the order outer to inner, captured before default: by name the last one
 * counts, in the place of the first. Unnamed ones of an include fall away when anything further in
 * has a name. */
static void merge_args(dj_match *m, size_t leaf_args)
{
    dj_arg kept[DJ_ARGS_MAX];
    size_t nkept = 0;
    for (size_t i = 0; i < m->nargs; i++) {
        bool unnamed = dj_str_is_none(m->args[i].name);
        if (unnamed ? i < leaf_args && has_later(m, i, false) : has_later(m, i, true))
            continue;
        kept[nkept++] = m->args[i];
    }
    if (nkept > 0)
        memcpy(m->args, kept, nkept * sizeof *kept);
    m->nargs = nkept;
}

bool dj_resolve(dj_scope *s, const dj_resolver *r, dj_str path, dj_match *out)
{
    size_t leaf_args = 0;
    out->nargs = 0;
    if (path.len == 0 || path.ptr[0] != '/')
        return false;
    const dj_node *n = resolve_in(s, r->nodes, r->nnodes, dj_str_from(path, 1), out, &leaf_args);
    if (n == NULL)
        return false;
    /* Names inside one route differ: only an include or defaults can bring one twice. */
    if (out->nargs > 1 && (leaf_args > 0 || n->ndefaults > 0))
        merge_args(out, leaf_args);
    out->route = n->route;
    out->pattern = n->pattern;
    out->url_name = dj_str_of(n->route->name);
    out->app_names = n->app_names;
    out->namespaces = n->namespaces;
    return true;
}

static void each(const dj_node *nodes, size_t                                   len,
                 void (*visit)(const dj_route *, dj_str, dj_str, void *), void *ctx)
{
    for (size_t i = 0; i < len; i++) {
        visit(nodes[i].route, nodes[i].pattern, nodes[i].namespaces, ctx);
        each(nodes[i].children, nodes[i].nchildren, visit, ctx);
    }
}

void dj_resolver_each(const dj_resolver *r,
                      void (*visit)(const dj_route *route, dj_str full_pattern, dj_str namespaces,
                                    void *ctx),
                      void *ctx)
{
    each(r->nodes, r->nnodes, visit, ctx);
}
