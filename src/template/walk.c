/* src/template/walk.c - a compiled template, told step by step without rendering it: what checks
 * look at.
 *
 * Must not know: what checks look for. */
#include "template/inside.h"

typedef struct walk {
    const dj_template *t;
    bool (*visit)(void *ctx, const dj_walk_step *step);
    void *ctx;
    bool  stopped;
} walk;

static void tell(walk *w, const dj_tnode *node, dj_walk_kind kind, dj_walk_step step)
{
    if (w->stopped)
        return;
    step.kind = kind;
    step.name = dj_str_of(node->kind->name);
    step.line = node->line;
    step.column = node->column;
    w->stopped = !w->visit(w->ctx, &step);
}

static dj_walk_step of_value(const dj_expr *e)
{
    dj_walk_step step = {.text = e->what.source, .raw = e->raw};
    if (e->nfilters > 0)
        step.filter = dj_str_of(e->filters[e->nfilters - 1].filter->name);
    return step;
}

/* Is one of the bodies printed in any case? An if without else may print none. */
static bool is_complete(const dj_template *t, const dj_tnode *node)
{
    uint32_t        at = dj_node_index(t, node) + 1;
    const dj_tnode *last = NULL;
    for (; at < node->next; at = dj_node_at(t, at)->next)
        last = dj_node_at(t, at);
    bool is_if = strcmp(node->kind->name, "if") == 0;
    return last != NULL &&
           (is_if ? last->data == NULL : dj_node_index(t, last) != dj_node_index(t, node) + 1);
}

/* A node with branches, or a step of one: the end of what is open is told first. The nesting of a
 * program is bounded by NESTING_MAX, so the open nodes fit into an array. */
typedef struct open_node {
    const dj_tnode *node;
    dj_walk_kind    end;
} open_node;

static open_node opened(walk *w, const dj_tnode *node)
{
    const dj_template *t = w->t;
    uint32_t           first = dj_node_index(t, node) + 1;
    bool branches = first < node->next && dj_node_at(t, first)->kind == &dj_node_branch;
    if (!branches) {
        dj_walk_step step = {0};
        if (node->kind->target != NULL)
            step.target = node->kind->target(node);
        tell(w, node, DJ_WALK_TAG, step);
        return (open_node){node, DJ_WALK_TAG_END};
    }
    tell(w, node, DJ_WALK_FORK, (dj_walk_step){0});
    if (!is_complete(t, node))
        tell(w, node, DJ_WALK_NOTHING, (dj_walk_step){0});
    return (open_node){node, DJ_WALK_JOIN};
}

void dj_template_walk(const dj_template *t, bool (*visit)(void *ctx, const dj_walk_step *step),
                      void              *ctx)
{
    open_node open[2 * NESTING_MAX + 4];
    size_t    nopen = 0;
    walk      w = {.t = t, .visit = visit, .ctx = ctx};
    for (uint32_t at = t->from; at <= t->to && !w.stopped; at++) {
        while (nopen > 0 && open[nopen - 1].node->next <= at) {
            nopen--;
            tell(&w, open[nopen].node, open[nopen].end, (dj_walk_step){0});
        }
        if (at == t->to)
            break;
        const dj_tnode *node = dj_node_at(t, at);
        if (node->kind == &dj_node_text) {
            tell(&w, node, DJ_WALK_TEXT,
                 (dj_walk_step){.text = ((const dj_chunk *)node->data)->text});
        } else if (node->kind == &dj_node_value) {
            tell(&w, node, DJ_WALK_VALUE, of_value(node->data));
        } else if (node->kind == &dj_node_branch) {
            /* The first body of a for comes again behind itself. */
            bool loop = strcmp(open[nopen - 1].node->kind->name, "for") == 0 &&
                        dj_node_index(t, open[nopen - 1].node) + 1 == at;
            tell(&w, node, loop ? DJ_WALK_LOOP : DJ_WALK_BRANCH, (dj_walk_step){0});
            open[nopen++] = (open_node){node, loop ? DJ_WALK_LOOP_END : DJ_WALK_BRANCH_END};
        } else {
            open[nopen++] = opened(&w, node);
        }
        DJ_ASSERT(nopen < DJ_COUNT(open));
    }
}
