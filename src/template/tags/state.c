/* src/template/tags/state.c - tags that remember: cycle, resetcycle, ifchanged.
 *
 * What they remember belongs to the rendering of a template, so that an inclusion starts anew; of
 * ifchanged to the innermost loop. Django: django/template/defaulttags.py.
 *
 * Must not know: places in a page, but that a body which is not printed leaves the page where it
 * was. */
#include "template/inside.h"

/* -- cycle, resetcycle -- */

typedef struct cycle_tag {
    const dj_expr **values;
    size_t          nvalues;
    dj_str          as;
    bool            silent;
} cycle_tag;

/* Cycles by name, and the one that was parsed last. */
#define LAST_CYCLE DJ_LIT("\1last")

static dj_err cycle_enter(dj_run *run, const dj_tnode *node)
{
    const cycle_tag *tag = node->data;
    void           **state = dj_run_state(run, tag);
    size_t           turn = (size_t)(uintptr_t)*state;
    dj_var           v = dj_var_none();
    const dj_expr   *value = tag->values[turn % tag->nvalues];
    *state = (void *)(uintptr_t)((turn + 1) % tag->nvalues);
    dj_err e = dj_expr_eval(run, value, DJ_MISSING_IS_TEXT, &v);
    if (e)
        return e;
    if (!dj_str_is_none(tag->as))
        dj_run_set_upward(run, tag->as, v);
    return tag->silent ? DJ_OK : dj_run_print(run, &v, value->raw);
}

static const dj_node_kind cycle_kind = {"cycle", cycle_enter, NULL, NULL};

static dj_map *named_cycles(dj_parser *p)
{
    dj_map *names = dj_map_get(&p->own, DJ_LIT("cycle"));
    if (names == NULL) {
        names = dj_new(p->scope, dj_map);
        *names = dj_map_make(p->scope);
        dj_map_set(&p->own, DJ_LIT("cycle"), names);
    }
    return names;
}

/* {% cycle name %}: the cycle of that name goes on here. */
static dj_err cycle_again(dj_parser *p, dj_str name)
{
    dj_map *names = named_cycles(p);
    if (names->len == 0 || (names->len == 1 && dj_map_has(names, LAST_CYCLE)))
        return dj_parse_fail(p, "No named cycles in template. '" DJ_FMT "' is not defined",
                             DJ_ARG(name));
    const cycle_tag *tag = dj_map_get(names, name);
    if (tag == NULL)
        return dj_parse_fail(p, "Named cycle '" DJ_FMT "' does not exist", DJ_ARG(name));
    dj_emit(p, &cycle_kind, tag);
    return DJ_OK;
}

static dj_err cycle_open(dj_parser *p, const dj_token *t)
{
    dj_str *words;
    size_t  nwords;
    dj_err  e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords == 0)
        return dj_parse_fail(p, "'cycle' tag requires at least two arguments");
    if (nwords == 1)
        return cycle_again(p, words[0]);
    cycle_tag *tag = dj_new(p->scope, cycle_tag);
    size_t     n = nwords;
    if (nwords > 3 && dj_str_eq(words[nwords - 3], DJ_LIT("as"))) {
        if (!dj_str_eq(words[nwords - 1], DJ_LIT("silent")))
            return dj_parse_fail(
                p, "Only 'silent' flag is allowed after cycle's name, not '" DJ_FMT "'.",
                DJ_ARG(words[nwords - 1]));
        tag->silent = true;
        tag->as = words[nwords - 2];
        n = nwords - 3;
    } else if (nwords > 3 && dj_str_eq(words[nwords - 2], DJ_LIT("as"))) {
        tag->as = words[nwords - 1];
        n = nwords - 2;
    }
    tag->values = dj_new_array(p->scope, const dj_expr *, n);
    tag->nvalues = n;
    for (size_t i = 0; i < n; i++) {
        if ((e = dj_expr_compile(p, words[i], &tag->values[i])))
            return e;
    }
    if (!dj_str_is_none(tag->as))
        dj_map_set(named_cycles(p), tag->as, tag);
    dj_map_set(named_cycles(p), LAST_CYCLE, tag);
    dj_emit(p, &cycle_kind, tag);
    return DJ_OK;
}

const dj_tag dj_tag_cycle = {"cycle", cycle_open, NULL, NULL};

static dj_err resetcycle_enter(dj_run *run, const dj_tnode *node)
{
    *dj_run_state(run, node->data) = NULL;
    return DJ_OK;
}

static const dj_node_kind resetcycle_kind = {"resetcycle", resetcycle_enter, NULL, NULL};

static dj_err resetcycle_open(dj_parser *p, const dj_token *t)
{
    dj_str *words;
    size_t  nwords;
    dj_err  e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords > 1)
        return dj_parse_fail(p, "'resetcycle' tag accepts at most one argument.");
    const cycle_tag *tag = dj_map_get(named_cycles(p), nwords == 1 ? words[0] : LAST_CYCLE);
    if (tag == NULL && nwords == 1)
        return dj_parse_fail(p, "Named cycle '" DJ_FMT "' does not exist.", DJ_ARG(words[0]));
    if (tag == NULL)
        return dj_parse_fail(p, "No cycles in template.");
    dj_emit(p, &resetcycle_kind, tag);
    return DJ_OK;
}

const dj_tag dj_tag_resetcycle = {"resetcycle", resetcycle_open, NULL, NULL};

/* -- ifchanged -- */

typedef struct ifchanged_tag {
    const dj_expr **values; /* none: the body is what is compared */
    size_t          nvalues;
} ifchanged_tag;

typedef struct ifchanged_state {
    dj_out  *before;
    dj_place place;
} ifchanged_state;

/* Where the last value is kept: in the loop around, or in the rendering of the template. */
static dj_err last_value(dj_run *run, const dj_tnode *node, void ***out)
{
    dj_var v = dj_var_none();
    bool   found = false;
    dj_err e = dj_run_get(run, DJ_LIT("forloop"), &v, &found);
    if (e)
        return e;
    if (!found || v.kind != DJ_VAR_OBJECT || v.object.attrs != &dj_forloop_attrs) {
        *out = dj_run_state(run, node);
        return DJ_OK;
    }
    dj_forloop *loop = (dj_forloop *)(uintptr_t)v.object.ptr;
    for (struct dj_loop_state *s = loop->states; s != NULL; s = s->older) {
        if (s->of == node) {
            *out = &s->data;
            return DJ_OK;
        }
    }
    struct dj_loop_state *s = dj_new(run->scope, struct dj_loop_state);
    *s = (struct dj_loop_state){.older = loop->states, .of = node};
    loop->states = s;
    *out = &s->data;
    return DJ_OK;
}

/* Is `now` other than what was kept? It is kept then. */
static dj_err is_new(dj_run *run, const dj_tnode *node, dj_var now, bool *changed)
{
    void **kept = NULL;
    dj_err e = last_value(run, node, &kept);
    if (e)
        return e;
    const dj_var *last = *kept;
    *changed = last == NULL || !dj_var_eq(run, last, &now);
    if (*changed) {
        dj_var *copy = *kept == NULL ? dj_new(run->scope, dj_var) : *kept;
        *copy = now;
        *kept = copy;
    }
    return DJ_OK;
}

static dj_err enter_branch(dj_run *run, const dj_tnode *node, uint32_t branch, dj_frame **frame)
{
    const dj_template *t = dj_run_top(run)->template;
    return dj_run_enter(run, t, node, branch + 1, dj_node_at(t, branch)->next, frame);
}

static dj_err enter_else(dj_run *run, const dj_tnode *node, dj_frame **frame)
{
    const dj_template *t = dj_run_top(run)->template;
    uint32_t           second = dj_node_at(t, dj_node_index(t, node) + 1)->next;
    *frame = NULL;
    return second == node->next ? DJ_OK : enter_branch(run, node, second, frame);
}

static dj_err ifchanged_enter(dj_run *run, const dj_tnode *node)
{
    const ifchanged_tag *tag = node->data;
    const dj_template   *t = dj_run_top(run)->template;
    uint32_t             first = dj_node_index(t, node) + 1;
    dj_frame            *frame;
    bool                 changed = false;
    dj_err               e;
    if (tag->nvalues > 0) {
        dj_var *values = dj_new_array(run->scope, dj_var, tag->nvalues);
        for (size_t i = 0; i < tag->nvalues; i++) {
            if ((e = dj_expr_eval(run, tag->values[i], DJ_MISSING_IS_NONE, &values[i])))
                return e;
        }
        if ((e = is_new(run, node, dj_var_of_list(values, tag->nvalues), &changed)))
            return e;
        return changed ? enter_branch(run, node, first, &frame) : enter_else(run, node, &frame);
    }
    if ((e = enter_branch(run, node, first, &frame)))
        return e;
    ifchanged_state *state = dj_new(run->scope, ifchanged_state);
    state->place = run->place;
    state->before = dj_run_capture(run);
    frame->state = state;
    return DJ_OK;
}

static dj_err ifchanged_leave(dj_run *run, dj_frame *frame, bool *again)
{
    ifchanged_state *state = frame->state;
    const dj_tnode  *node = frame->node;
    bool             changed = false;
    if (state == NULL)
        return DJ_OK;
    dj_str text = dj_run_captured(run, state->before);
    dj_err e = is_new(run, node, dj_var_made(text, DJ_SAFE_HTML), &changed);
    if (e)
        return e;
    if (changed && text.len > 0) {
        dj_run_print_tracked(run, text);
        return DJ_OK;
    }
    if (changed) {
        /* Django renders a body that was empty a second time; tags in it may notice. */
        run->place = state->place;
        frame->state = NULL;
        frame->pc = dj_node_index(frame->template, node) + 2;
        *again = true;
        return DJ_OK;
    }
    /* The body was not printed: the page stands where it stood. Its frame goes on with else. */
    run->place = state->place;
    const dj_template *t = frame->template;
    uint32_t           second = dj_node_at(t, dj_node_index(t, node) + 1)->next;
    if (second == node->next)
        return DJ_OK;
    frame->state = NULL;
    frame->pc = second + 1;
    frame->end = node->next;
    *again = true;
    return DJ_OK;
}

static const dj_node_kind ifchanged_kind = {"ifchanged", ifchanged_enter, ifchanged_leave, NULL};

static dj_err ifchanged_open(dj_parser *p, const dj_token *t)
{
    dj_str        *words;
    size_t         nwords;
    ifchanged_tag *tag = dj_new(p->scope, ifchanged_tag);
    dj_err         e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    tag->values = dj_new_array(p->scope, const dj_expr *, nwords);
    tag->nvalues = nwords;
    if ((e = dj_open_body(p, t, dj_emit(p, &ifchanged_kind, tag), NULL)))
        return e;
    dj_next_branch(p, dj_open_last(p), NULL, "else\0endifchanged\0");
    dj_open_last(p)->data = words;
    return DJ_OK;
}

static dj_err ifchanged_next(dj_parser *p, dj_open *open, const dj_token *t, dj_str word)
{
    ifchanged_tag *tag = (ifchanged_tag *)(uintptr_t)p->nodes[open->node].data;
    const dj_str  *words = open->data;
    /* {% else x %} ends it, as in Django. */
    if (dj_str_eq(word, DJ_LIT("else")) && dj_str_eq(t->text, word)) {
        dj_next_branch(p, open, NULL, "endifchanged\0");
        return DJ_OK;
    }
    /* Django reads the values last: what is wrong in the body is told first. */
    for (size_t i = 0; i < tag->nvalues; i++) {
        dj_err e = dj_expr_compile(p, words[i], &tag->values[i]);
        if (e)
            return e;
    }
    dj_close_body(p, open);
    return DJ_OK;
}

const dj_tag dj_tag_ifchanged = {"ifchanged", ifchanged_open, ifchanged_next, NULL};
