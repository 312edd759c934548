/* src/template/tags/vars.c - tags that make variables: with, regroup, firstof.
 *
 * Django: django/template/defaulttags.py. Must not know: places in a page. */
#include "template/inside.h"

/* -- with -- */

typedef struct with_tag {
    const dj_assign *values;
    size_t           nvalues;
} with_tag;

static dj_err with_enter(dj_run *run, const dj_tnode *node)
{
    const with_tag *tag = node->data;
    dj_frame       *frame;
    dj_var         *values = dj_new_array(run->scope, dj_var, tag->nvalues);
    dj_err          e;
    for (size_t i = 0; i < tag->nvalues; i++) {
        if ((e = dj_expr_eval(run, tag->values[i].value, DJ_MISSING_IS_TEXT, &values[i])))
            return e;
    }
    if ((e = dj_run_body(run, node, &frame)))
        return e;
    frame->mark = dj_layer_push(run);
    for (size_t i = 0; i < tag->nvalues; i++)
        dj_run_bind(run, run->nbindings, tag->values[i].name, values[i]);
    return DJ_OK;
}

static dj_err with_leave(dj_run *run, dj_frame *frame, bool *again)
{
    (void)again;
    dj_layer_pop(run, frame->mark);
    return DJ_OK;
}

static const dj_node_kind with_kind = {"with", with_enter, with_leave, NULL};

static dj_err with_open(dj_parser *p, const dj_token *t)
{
    dj_str   *words;
    size_t    nwords;
    with_tag *tag = dj_new(p->scope, with_tag);
    dj_err    e = dj_tag_words(p, t, true, &words, &nwords);
    if (e || (e = dj_take_assigns(p, &words, &nwords, true, &tag->values, &tag->nvalues)))
        return e;
    if (tag->nvalues == 0)
        return dj_parse_fail(p, "'with' expected at least one variable assignment");
    if (nwords > 0)
        return dj_parse_fail(p, "'with' received an invalid token: " DJ_FMT,
                             DJ_ARG(dj_text_repr(p->failures, words[0])));
    return dj_open_body(p, t, dj_emit(p, &with_kind, tag), "endwith\0");
}

dj_err dj_body_next(dj_parser *p, dj_open *open, const dj_token *t, dj_str word)
{
    (void)t;
    (void)word;
    dj_close_body(p, open);
    return DJ_OK;
}

const dj_tag dj_tag_with = {"with", with_open, dj_body_next, NULL};

/* -- regroup -- */

typedef struct regroup_tag {
    const dj_expr *of, *by;
    dj_str         as;
} regroup_tag;

static const dj_attr group_items[] = {DJ_ATTR(dj_group, grouper), DJ_ATTR(dj_group, list)};
const dj_attrs       dj_group_attrs = {"GroupedResult", sizeof(dj_group), group_items,
                                       DJ_COUNT(group_items)};

/* What an item is grouped by: the expression with the item's own name in front. Missing is None. */
static dj_err group_key(dj_run *run, const dj_expr *by, dj_var item, dj_var *out)
{
    bool   found = false;
    dj_var v = dj_var_none();
    dj_err e = dj_path_walk(run, by->what.path + 1, by->what.npath - 1, item, &v, &found);
    return e ? e : dj_expr_filter(run, by, found ? v : dj_var_none(), out);
}

static dj_err regroup_enter(dj_run *run, const dj_tnode *node)
{
    const regroup_tag *tag = node->data;
    dj_var             values = dj_var_none();
    size_t             len = 0, ngroups = 0;
    dj_err             e = dj_expr_eval(run, tag->of, DJ_MISSING_IS_NONE, &values);
    if (e)
        return e;
    if (values.kind != DJ_VAR_NONE && !dj_var_len(run, &values, &len))
        return dj_fail(run->scope, DJ_ERR_TEMPLATE, "This value can't be iterated over");
    dj_var   *items = dj_new_array(run->scope, dj_var, len);
    dj_group *groups = dj_new_array(run->scope, dj_group, len);
    for (size_t i = 0; i < len; i++) {
        dj_var key = dj_var_none();
        if ((e = dj_var_at(run, &values, i, &items[i])) ||
            (e = group_key(run, tag->by, items[i], &key)))
            return e;
        if (ngroups == 0 || !dj_var_eq(run, &groups[ngroups - 1].grouper, &key))
            groups[ngroups++] = (dj_group){.grouper = key, .list = dj_var_of_list(&items[i], 0)};
        groups[ngroups - 1].list.list.len++;
    }
    dj_var *list = dj_new_array(run->scope, dj_var, ngroups);
    for (size_t i = 0; i < ngroups; i++)
        list[i] = dj_var_object_of(&groups[i], &dj_group_attrs);
    dj_run_set(run, tag->as, dj_var_of_list(list, ngroups));
    return DJ_OK;
}

static const dj_node_kind regroup_kind = {"regroup", regroup_enter, NULL, NULL};

static dj_err regroup_open(dj_parser *p, const dj_token *t)
{
    dj_str      *words;
    size_t       nwords;
    regroup_tag *tag = dj_new(p->scope, regroup_tag);
    dj_err       e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords != 5)
        return dj_parse_fail(p, "'regroup' tag takes five arguments");
    if ((e = dj_expr_compile(p, words[0], &tag->of)))
        return e;
    if (!dj_str_eq(words[1], DJ_LIT("by")))
        return dj_parse_fail(p, "second argument to 'regroup' tag must be 'by'");
    if (!dj_str_eq(words[3], DJ_LIT("as")))
        return dj_parse_fail(p, "next-to-last argument to 'regroup' tag must be 'as'");
    tag->as = words[4];
    /* "name.attribute|filter", as Django compiles it: each item takes the name's place. */
    dj_str path = dj_strf(p->scope, DJ_FMT "." DJ_FMT, DJ_ARG(tag->as), DJ_ARG(words[2]));
    if ((e = dj_expr_compile(p, path, &tag->by)))
        return e;
    if (tag->by->what.path == NULL)
        return dj_parse_fail(p, "'regroup' can't group by '" DJ_FMT "'", DJ_ARG(words[2]));
    dj_emit(p, &regroup_kind, tag);
    return DJ_OK;
}

const dj_tag dj_tag_regroup = {"regroup", regroup_open, NULL, NULL};

/* -- firstof -- */

typedef struct firstof_tag {
    const dj_expr **values;
    size_t          nvalues;
    dj_str          as;
} firstof_tag;

static dj_err firstof_enter(dj_run *run, const dj_tnode *node)
{
    const firstof_tag *tag = node->data;
    dj_var             v = dj_var_none(), kept = dj_var_str(DJ_LIT(""));
    bool               truth = false, raw = false;
    dj_err             e;
    for (size_t i = 0; i < tag->nvalues && !truth; i++) {
        if ((e = dj_expr_eval(run, tag->values[i], DJ_MISSING_IS_NONE, &v)) ||
            (e = dj_var_true(run, &v, &truth)))
            return e;
        raw = tag->values[i]->raw;
    }
    if (dj_str_is_none(tag->as))
        return truth ? dj_run_print(run, &v, raw) : DJ_OK;
    if (truth && (e = dj_run_html(run, &v, &kept)))
        return e;
    dj_run_set(run, tag->as, kept);
    return DJ_OK;
}

static const dj_node_kind firstof_kind = {"firstof", firstof_enter, NULL, NULL};

static dj_err firstof_open(dj_parser *p, const dj_token *t)
{
    dj_str      *words;
    size_t       nwords;
    firstof_tag *tag = dj_new(p->scope, firstof_tag);
    dj_err       e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords == 0)
        return dj_parse_fail(p, "'firstof' statement requires at least one argument");
    if (nwords >= 2 && dj_str_eq(words[nwords - 2], DJ_LIT("as"))) {
        tag->as = words[nwords - 1];
        nwords -= 2;
    }
    tag->values = dj_new_array(p->scope, const dj_expr *, nwords);
    tag->nvalues = nwords;
    for (size_t i = 0; i < nwords; i++) {
        if ((e = dj_expr_compile(p, words[i], &tag->values[i])))
            return e;
    }
    dj_emit(p, &firstof_kind, tag);
    return DJ_OK;
}

const dj_tag dj_tag_firstof = {"firstof", firstof_open, NULL, NULL};
