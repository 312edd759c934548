/* src/app/reverse.c - from a name and arguments back to a URL.
 *
 * Each route that has a name is a candidate, last defined first. A candidate is a row of literals
 * and arguments (a regular expression may have several, one for each optional group that is there
 * or not); the text that comes out must match the route again, so no argument can leave the place
 * it was meant for. Django: django/urls/resolvers.py (_reverse_with_prefix), django/urls/base.py
 * (reverse).
 *
 * Must not know: requests, but for dj_reverse. */
#include "app/app.h"
#include "donjon/pattern.h"
#include <stdarg.h>

#define URL_MAX            ((size_t)64 * 1024)
#define CANDIDATE_ROWS_MAX 256

typedef struct candidate {
    const dj_piece *pieces;
    size_t          len;
    size_t          nargs; /* arguments among them */
    const dj_arg   *defaults;
    size_t          ndefaults;
} candidate;

typedef struct dj_candidates {
    candidate *items;
    size_t     len, cap;
} dj_candidates;

typedef struct dj_instances {
    dj_str *items; /* namespaces of an application, last defined first */
    size_t  len, cap;
} dj_instances;

/* -- candidates -- */

/* The rows of one node. */
static bool rows_of(dj_scope *s, const dj_node *n, const dj_row **rows, size_t *nrows)
{
    if (n->route->regex)
        return dj_regex_rows(s, dj_str_of(n->route->route), rows, nrows);
    dj_row   *row = dj_new(s, dj_row);
    dj_piece *pieces = dj_new_array(s, dj_piece, n->parts.len);
    for (size_t i = 0; i < n->parts.len; i++)
        pieces[i] = (dj_piece){.argument = !n->parts.items[i].literal,
                               .text = n->parts.items[i].text,
                               .part = &n->parts.items[i]};
    *row = (dj_row){.pieces = pieces, .len = n->parts.len};
    *rows = row;
    *nrows = 1;
    return true;
}

static dj_piece *joined(dj_scope *s, const candidate *before, const dj_row *row, const dj_node *n)
{
    dj_piece *all = dj_new_array(s, dj_piece, before->len + row->len);
    if (before->len > 0)
        memcpy(all, before->pieces, before->len * sizeof *all);
    for (size_t i = 0; i < row->len; i++) {
        all[before->len + i] = row->pieces[i];
        all[before->len + i].node = n;
    }
    return all;
}

/* Each way to write the whole route, prefixes of the includes first. False: there is none. */
static bool all_rows(dj_scope *s, const dj_node *n, candidate **out, size_t *len)
{
    candidate *before = dj_new(s, candidate);
    size_t     nbefore = 1;
    if (n->parent != NULL && !all_rows(s, n->parent, &before, &nbefore))
        return false;
    const dj_row *rows = NULL;
    size_t        nrows = 0;
    if (!rows_of(s, n, &rows, &nrows) || nbefore * nrows > CANDIDATE_ROWS_MAX)
        return false;
    candidate *all = dj_new_array(s, candidate, nbefore * nrows);
    *len = 0;
    for (size_t i = 0; i < nbefore; i++) {
        for (size_t k = 0; k < nrows; k++)
            all[(*len)++] = (candidate){.pieces = joined(s, &before[i], &rows[k], n),
                                        .len = before[i].len + rows[k].len};
    }
    *out = all;
    return true;
}

static bool find_arg(const dj_arg *args, size_t len, dj_str name, size_t *at)
{
    for (size_t i = 0; i < len; i++) {
        if (!dj_str_is_none(args[i].name) && dj_str_eq(args[i].name, name)) {
            *at = i;
            return true;
        }
    }
    return false;
}

/* Of the route and the includes around it, up to the namespace; an outer one counts, as Django has
 * it. */
static const dj_arg *all_defaults(dj_scope *s, const dj_node *leaf, const dj_node *stop,
                                  size_t *len)
{
    dj_arg *all = dj_new_array(s, dj_arg, DJ_ARGS_MAX);
    *len = 0;
    for (const dj_node *n = leaf; n != stop && n != NULL; n = n->parent) {
        for (size_t i = 0; i < n->ndefaults; i++) {
            size_t at = *len;
            if (!find_arg(all, *len, n->defaults[i].name, &at))
                (*len)++;
            all[at] = n->defaults[i];
        }
    }
    return all;
}

static void add_candidates(dj_scope *s, dj_space *space, const dj_node *leaf)
{
    dj_str         name = dj_str_of(leaf->route->name);
    dj_candidates *list = dj_map_get(&space->names, name);
    candidate     *rows = NULL;
    size_t         nrows = 0, ndefaults = 0;
    if (list == NULL) {
        list = dj_new(s, dj_candidates);
        dj_map_set(&space->names, name, list);
    }
    if (!all_rows(s, leaf, &rows, &nrows))
        return; /* an alternative or the like: it can be found, but not written */
    const dj_arg *defaults = all_defaults(s, leaf, space->node, &ndefaults);
    for (size_t i = 0; i < nrows; i++) {
        candidate *c = &rows[i];
        c->defaults = defaults;
        c->ndefaults = ndefaults;
        for (size_t k = 0; k < c->len; k++)
            c->nargs += c->pieces[k].argument ? 1 : 0;
        if (list->len == list->cap) {
            size_t cap = list->cap == 0 ? 2 : list->cap * 2;
            list->items = dj_realloc(s, list->items, list->cap * sizeof *list->items,
                                     cap * sizeof *list->items);
            list->cap = cap;
        }
        list->items[list->len++] = *c;
    }
}

/* -- namespaces -- */

static dj_space *space_new(dj_scope *s, const dj_node *node)
{
    dj_space *space = dj_new(s, dj_space);
    *space = (dj_space){
        .node = node, .names = dj_map_make(s), .spaces = dj_map_make(s), .apps = dj_map_make(s)};
    return space;
}

static void add_instance(dj_scope *s, dj_space *space, dj_str app, dj_str name)
{
    dj_instances *list = dj_map_get(&space->apps, app);
    if (list == NULL) {
        list = dj_new(s, dj_instances);
        dj_map_set(&space->apps, app, list);
    }
    if (list->len == list->cap) {
        size_t cap = list->cap == 0 ? 2 : list->cap * 2;
        list->items =
            dj_realloc(s, list->items, list->cap * sizeof *list->items, cap * sizeof *list->items);
        list->cap = cap;
    }
    list->items[list->len++] = name;
}

/* From the last route to the first: then the first of two equal namespaces stays, and the last of
 * two equal names is asked first. */
static void fill_space(dj_scope *s, dj_space *space, dj_node *nodes, size_t len)
{
    for (size_t i = len; i-- > 0;) {
        dj_node        *n = &nodes[i];
        const dj_route *route = n->route;
        if (route->include == NULL) {
            if (route->name != NULL)
                add_candidates(s, space, n);
            continue;
        }
        if (route->include->app_name == NULL) {
            fill_space(s, space, n->children, n->nchildren);
            continue;
        }
        dj_str name = dj_str_of(route->space != NULL ? route->space : route->include->app_name);
        n->space = space_new(s, n);
        fill_space(s, n->space, n->children, n->nchildren);
        dj_map_set(&space->spaces, name, n->space);
        add_instance(s, space, dj_str_of(route->include->app_name), name);
    }
}

dj_err dj_reverse_prepare(dj_scope *s, dj_resolver *r)
{
    r->root = space_new(s, NULL);
    fill_space(s, r->root, r->nodes, r->nnodes);
    return DJ_OK;
}

static bool has_instance(const dj_instances *list, dj_str name)
{
    for (size_t i = 0; i < list->len; i++) {
        if (dj_str_eq(list->items[i], name))
            return true;
    }
    return false;
}

/* One step of "outer:inner:name". `current` is the part of current_app at the same place, or none.
 */
static const dj_space *enter(const dj_space *space, dj_str name, dj_str current, dj_str *entered)
{
    const dj_instances *instances = dj_map_get(&space->apps, name);
    if (instances != NULL) {
        if (!dj_str_is_none(current) && current.len > 0 && has_instance(instances, current))
            name = current;
        else if (!has_instance(instances, name))
            name = instances->items[0];
    }
    *entered = name;
    return dj_map_get(&space->spaces, name);
}

/* -- one candidate -- */

typedef struct attempt {
    dj_scope               *scope;
    const dj_reverse_query *q;
    bool                    named;
} attempt;

static dj_str arg_text(dj_scope *s, const dj_arg *arg)
{
    return arg->kind == DJ_ARG_INT ? dj_strf(s, "%lld", (long long)arg->number) : arg->text;
}

static bool is_param(const candidate *c, dj_str name)
{
    for (size_t i = 0; i < c->len; i++) {
        if (c->pieces[i].argument && !dj_str_is_none(c->pieces[i].text) &&
            dj_str_eq(c->pieces[i].text, name))
            return true;
    }
    return false;
}

/* Do number, names and defaults agree? */
static bool agrees(const attempt *a, const candidate *c)
{
    size_t at;
    if (a->q->nargs > 0 && !a->named)
        return a->q->nargs == c->nargs;
    for (size_t i = 0; i < c->len; i++) {
        const dj_piece *p = &c->pieces[i];
        if (p->argument &&
            (dj_str_is_none(p->text) || !find_arg(a->q->args, a->q->nargs, p->text, &at)))
            return false;
    }
    for (size_t i = 0; i < a->q->nargs; i++) {
        const dj_arg *arg = &a->q->args[i];
        if (is_param(c, arg->name))
            continue;
        if (!find_arg(c->defaults, c->ndefaults, arg->name, &at) ||
            !dj_str_eq(arg_text(a->scope, arg), arg_text(a->scope, &c->defaults[at])))
            return false;
    }
    return true;
}

/* The argument of piece `i`; of two pieces with one name the last counts, as in Django's
 * dictionary. */
static const dj_arg *argument(const attempt *a, const candidate *c, size_t i)
{
    size_t at = 0;
    if (a->named)
        return find_arg(a->q->args, a->q->nargs, c->pieces[i].text, &at) ? &a->q->args[at] : NULL;
    size_t chosen = 0;
    for (size_t k = 0, n = 0; k < c->len; k++) {
        if (!c->pieces[k].argument)
            continue;
        bool same =
            k == i || (!dj_str_is_none(c->pieces[i].text) && !dj_str_is_none(c->pieces[k].text) &&
                       dj_str_eq(c->pieces[i].text, c->pieces[k].text));
        if (same)
            chosen = n;
        n++;
    }
    return &a->q->args[chosen];
}

/* Does the text of one node match it? */
static bool node_matches(dj_scope *s, const dj_node *n, dj_str text)
{
    if (n->regex != NULL)
        return dj_pattern_fullmatch(n->regex, text, NULL) == DJ_FOUND_YES;
    dj_parts whole = n->parts;
    size_t   end;
    whole.anchored = true;
    return dj_parts_match(s, &whole, text, NULL, &end);
}

static bool allowed(const attempt *a, const dj_piece *p, dj_str text)
{
    bool dots = dj_str_eq(text, DJ_LIT(".")) || dj_str_eq(text, DJ_LIT(".."));
    /* A browser would take "/users/../" for another address. */
    if (dots && !a->q->as_django)
        return false;
    return p->part == NULL || p->part->own == NULL || p->part->own->accepts == NULL ||
           p->part->own->accepts(text);
}

static bool write_candidate(const attempt *a, const candidate *c, dj_str *out)
{
    dj_buf b = dj_buf_make(a->scope, URL_MAX);
    size_t start = 0;
    for (size_t i = 0; i < c->len; i++) {
        const dj_piece *p = &c->pieces[i];
        if (p->argument) {
            const dj_arg *arg = argument(a, c, i);
            dj_str        text = arg == NULL ? DJ_NONE : arg_text(a->scope, arg);
            if (arg == NULL || !allowed(a, p, text))
                return false;
            dj_buf_add(&b, text);
        } else {
            dj_buf_add(&b, p->text);
        }
        if (i + 1 == c->len || c->pieces[i + 1].node != p->node) {
            if (b.full || !node_matches(a->scope, p->node, dj_str_from(dj_buf_str(&b), start)))
                return false;
            start = b.len;
        }
    }
    *out = dj_buf_str(&b);
    return true;
}

/* -- the URL -- */

#define PATH_SAFE DJ_LIT("!$&'()*+,;=/~:@")

static dj_str finish(dj_scope *s, const dj_reverse_query *q, dj_str path)
{
    dj_buf raw = dj_buf_make(s, 2 * URL_MAX), b = dj_buf_make(s, 8 * URL_MAX);
    dj_buf_add(&raw, q->script_prefix.len == 0 ? DJ_LIT("/") : q->script_prefix);
    if (!dj_str_ends(dj_buf_str(&raw), DJ_LIT("/")))
        dj_buf_add_byte(&raw, '/');
    dj_buf_add(&raw, path);
    dj_str whole = dj_buf_str(&raw);
    /* "//host/" would be another site. */
    if (dj_str_starts(whole, DJ_LIT("//"))) {
        dj_buf_add(&b, DJ_LIT("/%2F"));
        whole = dj_str_from(whole, 2);
    }
    dj_buf_add_quoted(&b, whole, PATH_SAFE);
    for (size_t i = 0; q->query != NULL && i < q->nquery; i++) {
        dj_buf_add_byte(&b, i == 0 ? '?' : '&');
        dj_buf_add_quoted_plus(&b, q->query[2 * i], DJ_LIT(""));
        dj_buf_add_byte(&b, '=');
        dj_buf_add_quoted_plus(&b, q->query[2 * i + 1], DJ_LIT(""));
    }
    if (!dj_str_is_none(q->fragment)) {
        dj_buf_add_byte(&b, '#');
        if (q->as_django)
            dj_buf_add(&b, q->fragment);
        else
            dj_buf_add_quoted(&b, q->fragment, DJ_LIT("!$&'()*+,;=/~:@?"));
    }
    return dj_buf_str(&b);
}

static dj_err no_reverse(dj_scope *s, const dj_reverse_query *q, const char *why)
{
    /* As Django says it: the name without its namespaces. */
    size_t colon = dj_str_rchr(q->name, ':');
    dj_str name = colon == DJ_NOT_FOUND ? q->name : dj_str_from(q->name, colon + 1);
    return dj_fail(s, DJ_ERR_NO_REVERSE,
                   "Reverse for '" DJ_FMT "' with %zu arguments not found: %s", DJ_ARG(name),
                   q->nargs, why);
}

/* `rest` is what follows the namespace `piece` in the name. */
static dj_err no_namespace(dj_scope *s, const dj_reverse_query *q, dj_str piece, dj_str rest)
{
    size_t behind = piece.len + 1 + rest.len;
    if (behind == q->name.len)
        return dj_fail(s, DJ_ERR_NO_REVERSE, "'" DJ_FMT "' is not a registered namespace",
                       DJ_ARG(piece));
    dj_str inside = dj_str_first(q->name, q->name.len - behind - 1);
    return dj_fail(s, DJ_ERR_NO_REVERSE,
                   "'" DJ_FMT "' is not a registered namespace inside '" DJ_FMT "'", DJ_ARG(piece),
                   DJ_ARG(inside));
}

dj_err dj_resolver_reverse(dj_scope *s, const dj_resolver *r, const dj_reverse_query *q,
                           dj_str *url)
{
    attempt a = {.scope = s, .q = q, .named = q->nargs > 0 && !dj_str_is_none(q->args[0].name)};
    for (size_t i = 0; i < q->nargs; i++) {
        if (dj_str_is_none(q->args[i].name) == a.named)
            return no_reverse(s, q, "arguments with and without a name");
    }
    const dj_space *space = r->root;
    dj_str          rest = q->name, piece, view = DJ_NONE, current = q->current_app;
    size_t          colon;
    while ((colon = dj_str_chr(rest, ':')) != DJ_NOT_FOUND) {
        dj_str now = DJ_NONE, entered;
        piece = dj_str_first(rest, colon);
        rest = dj_str_from(rest, colon + 1);
        if (!dj_str_is_none(current) && !dj_str_next(&current, ':', &now))
            now = DJ_NONE;
        space = enter(space, piece, now, &entered);
        if (space == NULL)
            return no_namespace(s, q, piece, rest);
        if (dj_str_is_none(now) || !dj_str_eq(now, entered))
            current = DJ_NONE;
    }
    view = rest;
    const dj_candidates *list = dj_map_get(&space->names, view);
    if (list == NULL)
        return no_reverse(s, q, "there is no route of that name");
    for (size_t i = 0; i < list->len; i++) {
        dj_str path;
        if (agrees(&a, &list->items[i]) && write_candidate(&a, &list->items[i], &path)) {
            *url = finish(s, q, path);
            return DJ_OK;
        }
    }
    return no_reverse(s, q, "no route of that name takes these arguments");
}

dj_err dj_reverse(dj_req *req, dj_str *url, const char *name, ...)
{
    dj_arg           args[DJ_ARGS_MAX];
    dj_reverse_query q = {.name = dj_str_of(name), .args = args};
    const char      *arg;
    va_list          list;
    va_start(list, name);
    while ((arg = va_arg(list, const char *)) != NULL && q.nargs < DJ_ARGS_MAX) {
        const char *value = va_arg(list, const char *);
        if (value == NULL)
            break;
        args[q.nargs++] =
            (dj_arg){.name = dj_str_of(arg), .kind = DJ_ARG_STR, .text = dj_str_of(value)};
    }
    va_end(list);
    /* "app:name" means the instance that serves this request. */
    if (req->match != NULL && req->match->namespaces.len > 0)
        q.current_app = req->match->namespaces;
    q.script_prefix = dj_str_of("/");
    return dj_resolver_reverse(req->scope, req->site->resolver, &q, url);
}
