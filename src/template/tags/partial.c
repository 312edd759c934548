/* src/template/tags/partial.c - partialdef, partial: named fragments of a template.
 *
 * Django 6: django/template/defaulttags.py. */
#include "template/inside.h"

typedef struct partialdef_tag {
    dj_str name;
    bool   is_inline;
} partialdef_tag;

static dj_err partialdef_enter(dj_run *run, const dj_tnode *node)
{
    dj_frame *frame;
    return ((const partialdef_tag *)node->data)->is_inline ? dj_run_body(run, node, &frame) : DJ_OK;
}

static dj_str partialdef_target(const dj_tnode *node)
{
    return ((const partialdef_tag *)node->data)->name;
}

const dj_node_kind dj_node_partialdef = {"partialdef", partialdef_enter, NULL, partialdef_target};

static dj_err partialdef_open(dj_parser *p, const dj_token *t)
{
    dj_str         *words;
    size_t          nwords;
    partialdef_tag *tag = dj_new(p->scope, partialdef_tag);
    dj_err          e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords == 0)
        return dj_parse_fail(p, "'partialdef' tag requires a name");
    if (nwords > 2)
        return dj_parse_fail(p, "'partialdef' tag takes at most 2 arguments");
    tag->name = words[0];
    tag->is_inline = nwords == 2;
    if (nwords == 2 && !dj_str_eq(words[1], DJ_LIT("inline")))
        return dj_parse_fail(p, "The 'inline' argument does not have any parameters; either use "
                                "'inline' or remove it completely.");
    return dj_open_body(p, t, dj_emit(p, &dj_node_partialdef, tag), "endpartialdef\0");
}

static dj_err partialdef_next(dj_parser *p, dj_open *open, const dj_token *t, dj_str word)
{
    const partialdef_tag *tag = p->nodes[open->node].data;
    dj_str                named = dj_strf(p->failures, "endpartialdef " DJ_FMT, DJ_ARG(tag->name));
    if (!dj_str_eq(t->text, word) && !dj_str_eq(t->text, named)) {
        p->blame = *t;
        return dj_parse_fail(
            p,
            "Invalid block tag on line %u: 'endpartialdef', expected 'endpartialdef' or '" DJ_FMT
            "'. Did you forget to register or load this tag?",
            t->line, DJ_ARG(named));
    }
    if (dj_map_has(&p->partials, tag->name))
        return dj_parse_fail(
            p, "Partial '" DJ_FMT "' is already defined in the '" DJ_FMT "' template.",
            DJ_ARG(tag->name), DJ_ARG(p->template->name));
    dj_map_set(&p->partials, tag->name, (void *)(uintptr_t)(open->node + 1));
    dj_close_body(p, open);
    return DJ_OK;
}

const dj_tag dj_tag_partialdef = {"partialdef", partialdef_open, partialdef_next, NULL};

static dj_err partial_enter(dj_run *run, const dj_tnode *node)
{
    const dj_str      *name = node->data;
    const dj_template *t = dj_run_top(run)->template->whole;
    dj_frame          *frame;
    for (size_t i = 0; i < t->npartials; i++) {
        if (!dj_str_eq(t->partials[i].name, *name))
            continue;
        uint32_t at = t->partials[i].node;
        dj_err   e = dj_run_enter(run, t, node, at + 1, dj_node_at(t, at)->next, &frame);
        return e ? e : dj_run_deeper(run);
    }
    return dj_fail(run->scope, DJ_ERR_TEMPLATE_SYNTAX,
                   "Partial '" DJ_FMT "' is not defined in the current template.", DJ_ARG(*name));
}

static dj_err partial_leave(dj_run *run, dj_frame *frame, bool *again)
{
    (void)frame;
    (void)again;
    run->depth--;
    return DJ_OK;
}

static dj_str partial_target(const dj_tnode *node)
{
    return *(const dj_str *)node->data;
}

static const dj_node_kind partial_kind = {"partial", partial_enter, partial_leave, partial_target};

static dj_err partial_open(dj_parser *p, const dj_token *t)
{
    dj_str *words, *name = dj_new(p->scope, dj_str);
    size_t  nwords;
    dj_err  e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords != 1)
        return dj_parse_fail(p, "'partial' tag requires a single argument");
    *name = words[0];
    dj_emit(p, &partial_kind, name);
    return DJ_OK;
}

const dj_tag dj_tag_partial = {"partial", partial_open, NULL, NULL};
