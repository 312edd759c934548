/* src/template/tags/load.c - load, and the tags that applications bring.
 *
 * Django: django/template/defaulttags.py (load), django/template/library.py (simple_tag,
 * simple_block_tag, inclusion_tag). */
#include "template/inside.h"

/* -- load -- */

static dj_err unknown_library(dj_parser *p, dj_str name)
{
    return dj_parse_fail(p,
                         "'" DJ_FMT "' is not a registered tag library. Must be one of:\n" DJ_FMT,
                         DJ_ARG(name), DJ_ARG(dj_engine_library_names(p->engine, p->failures)));
}

/* One name of a library, or all of them (`only` is none). False: there is no such name. */
static bool load_from(dj_parser *p, const dj_library_inside *library, dj_str only)
{
    bool found = dj_str_is_none(only);
    for (size_t i = 0; i < library->ntags; i++) {
        const dj_tag *tag = library->tags[i];
        dj_str        name = dj_str_of(tag->name);
        if (!dj_str_is_none(only) && !dj_str_eq(only, name))
            continue;
        dj_map_set(&p->tags, name, (void *)(uintptr_t)tag);
        found = true;
    }
    for (size_t i = 0; library->own != NULL && i < library->own->nfilters; i++) {
        const dj_filter *filter = &library->own->filters[i];
        dj_str           name = dj_str_of(filter->name);
        if (!dj_str_is_none(only) && !dj_str_eq(only, name))
            continue;
        dj_map_set(&p->filters, name, (void *)(uintptr_t)filter);
        found = true;
    }
    return found;
}

static dj_err load_open(dj_parser *p, const dj_token *t)
{
    dj_str *words;
    size_t  nwords;
    dj_err  e = dj_tag_words(p, t, false, &words, &nwords);
    if (e)
        return e;
    bool   some = nwords >= 3 && dj_str_eq(words[nwords - 2], DJ_LIT("from"));
    size_t n = some ? nwords - 2 : nwords;
    for (size_t i = 0; i < n; i++) {
        dj_str                   name = some ? words[nwords - 1] : words[i];
        const dj_library_inside *library = dj_engine_library(p->engine, name);
        if (library == NULL)
            return unknown_library(p, name);
        if (!load_from(p, library, some ? words[i] : DJ_NONE))
            return dj_parse_fail(
                p, "'" DJ_FMT "' is not a valid tag or filter in tag library '" DJ_FMT "'",
                DJ_ARG(words[i]), DJ_ARG(name));
    }
    return DJ_OK;
}

const dj_tag dj_tag_load = {"load", load_open, NULL, NULL};

/* -- tags of applications -- */

typedef struct own_call {
    const dj_own_tag *tag;
    const dj_expr   **args;
    size_t            nargs;
    const dj_assign  *kwargs;
    size_t            nkwargs;
    dj_str            as;
} own_call;

/* Variables of the template that an inclusion tag renders: those of its result alone. */
static dj_err bind_members(dj_run *run, const dj_var *v)
{
    if (v->kind == DJ_VAR_MAP) {
        for (size_t i = 0; i < v->map.len; i++)
            dj_run_set(run, v->map.items[i].name, v->map.items[i].value);
        return DJ_OK;
    }
    if (v->kind != DJ_VAR_OBJECT)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE,
                       "A tag that includes a template must make a map or an object");
    const dj_attrs *attrs = v->object.attrs;
    for (size_t i = 0; i < attrs->len; i++) {
        dj_var one = dj_var_none();
        bool   found = false;
        dj_str name = dj_str_of(attrs->items[i].name);
        dj_err e = dj_attr_get(run->scope, v->object.ptr, attrs, name, &one, &found);
        if (e)
            return e;
        dj_run_set(run, name, one);
    }
    return DJ_OK;
}

static dj_err include_result(dj_run *run, const dj_tnode *node, const char *name,
                             const dj_var *members)
{
    const dj_template *t = NULL;
    dj_var             token = dj_var_none();
    dj_frame          *frame;
    dj_err e = dj_engine_find(run->engine, run->scope, dj_str_of(name), NULL, &t, run->error);
    if (e || (e = dj_run_variable(run, DJ_LIT("csrf_token"), &token)) ||
        (e = dj_run_enter(run, t, node, t->from, t->to, &frame)))
        return e;
    frame->state = dj_new(run->scope, dj_inclusion);
    dj_inclusion_begin(run, frame->state, true);
    dj_run_set(run, DJ_LIT("csrf_token"), token);
    e = bind_members(run, members);
    return e ? e : dj_run_deeper(run);
}

static dj_err own_result(dj_run *run, const dj_tnode *node, dj_str body)
{
    const own_call *own = node->data;
    dj_var         *args = dj_new_array(run->scope, dj_var, own->nargs);
    dj_var_item    *kwargs = dj_new_array(run->scope, dj_var_item, own->nkwargs);
    dj_var          out = dj_var_none();
    dj_err          e = DJ_OK;
    for (size_t i = 0; i < own->nargs && !e; i++)
        e = dj_expr_eval(run, own->args[i], DJ_MISSING_IS_TEXT, &args[i]);
    for (size_t i = 0; i < own->nkwargs && !e; i++) {
        kwargs[i].name = own->kwargs[i].name;
        e = dj_expr_eval(run, own->kwargs[i].value, DJ_MISSING_IS_TEXT, &kwargs[i].value);
    }
    if (e)
        return e;
    dj_tag_call call = {.args = args,
                        .nargs = own->nargs,
                        .kwargs = kwargs,
                        .nkwargs = own->nkwargs,
                        .body = {body}};
    if ((e = own->tag->call(run, &call, &out)))
        return e;
    if (own->tag->includes != NULL)
        return include_result(run, node, own->tag->includes, &out);
    return dj_run_print_as(run, &out, own->as);
}

static dj_err own_enter(dj_run *run, const dj_tnode *node)
{
    const own_call *own = node->data;
    dj_frame       *frame;
    if (own->tag->end == NULL)
        return own_result(run, node, DJ_LIT(""));
    dj_err e = dj_run_body(run, node, &frame);
    if (e)
        return e;
    frame->saved = true; /* the body, not an inclusion */
    frame->state = dj_run_capture(run);
    return DJ_OK;
}

static dj_err own_leave(dj_run *run, dj_frame *frame, bool *again)
{
    (void)again;
    if (!frame->saved) {
        dj_inclusion_end(run, frame->state);
        return DJ_OK;
    }
    return own_result(run, frame->node, dj_run_captured(run, frame->state));
}

static const dj_node_kind own_kind = {"own", own_enter, own_leave, NULL};

static dj_err own_open(dj_parser *p, const dj_token *t)
{
    dj_str           *words, key, value;
    size_t            nwords;
    const dj_own_tag *tag = p->tag->own;
    own_call         *own = dj_new(p->scope, own_call);
    dj_err            e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    own->tag = tag;
    if (tag->includes == NULL && nwords >= 2 && dj_str_eq(words[nwords - 2], DJ_LIT("as"))) {
        own->as = words[nwords - 1];
        nwords -= 2;
    }
    own->args = dj_new_array(p->scope, const dj_expr *, nwords);
    while (own->nargs < nwords && !dj_word_assigns(words[own->nargs], &key, &value)) {
        if ((e = dj_expr_compile(p, words[own->nargs], &own->args[own->nargs])))
            return e;
        own->nargs++;
    }
    words += own->nargs;
    nwords -= own->nargs;
    if ((e = dj_take_assigns(p, &words, &nwords, false, &own->kwargs, &own->nkwargs)))
        return e;
    if (nwords > 0)
        return dj_parse_fail(p,
                             "'%s' received some positional argument(s) after some keyword "
                             "argument(s)",
                             tag->name);
    uint32_t node = dj_emit(p, &own_kind, own);
    if (tag->end == NULL)
        return DJ_OK;
    size_t len = strlen(tag->end);
    char  *until = dj_alloc(p->scope, len + 2);
    memcpy(until, tag->end, len);
    return dj_open_body(p, t, node, until);
}

const dj_tag dj_tag_own = {"", own_open, dj_body_next, NULL};
