/* src/template/tags/inherit.c - extends, block, include.
 *
 * A chain holds the definitions of one block name, the most derived first; rendering a block takes
 * the next one off it and gives it back at the end, so block.super inside finds the one after.
 * An inclusion begins with a fresh state: own chains, own cycles. Django:
 * django/template/loader_tags.py.
 *
 * Must not know: files. */
#include "template/inside.h"

/* -- block -- */

typedef struct block_state {
    dj_chain *chain; /* to give the definition back to; NULL: none was taken */
    uint32_t  mark;
} block_state;

static const dj_attr block_items[] = {DJ_ATTR(dj_block_var, name)};
const dj_attrs dj_block_attrs = {"block", sizeof(dj_block_var), block_items, DJ_COUNT(block_items)};

static dj_chain *find_chain(const dj_run *run, dj_str name)
{
    for (dj_chain *c = run->chains; c != NULL; c = c->older) {
        if (dj_str_eq(c->name, name))
            return c;
    }
    return NULL;
}

/* Enters a definition; `chain` is what it was taken from. */
static dj_err enter_definition(dj_run *run, const dj_template *t, const dj_tnode *node,
                               dj_chain *chain)
{
    dj_frame *frame;
    uint32_t  at = dj_node_index(t, node);
    dj_err    e = dj_run_enter(run, t, node, at + 1, node->next, &frame);
    if (e)
        return e;
    block_state  *state = dj_new(run->scope, block_state);
    dj_block_var *block = dj_new(run->scope, dj_block_var);
    *block = (dj_block_var){.name = *(const dj_str *)node->data, .inherits = run->inherits};
    *state = (block_state){.chain = chain, .mark = dj_layer_push(run)};
    frame->state = state;
    dj_run_bind(run, run->nbindings, DJ_LIT("block"),
                (dj_var){.kind = DJ_VAR_OBJECT, .object = {block, &dj_block_attrs}});
    return DJ_OK;
}

/* The next definition of the name, or `t`'s own `node`. */
static dj_err enter_block(dj_run *run, const dj_template *t, const dj_tnode *node)
{
    dj_chain *chain = find_chain(run, *(const dj_str *)node->data);
    if (chain == NULL || chain->next == chain->len)
        return enter_definition(run, t, node, NULL);
    const struct dj_definition *d = &chain->items[chain->next++];
    return enter_definition(run, d->template, dj_node_at(d->template, d->node), chain);
}

static dj_err block_enter(dj_run *run, const dj_tnode *node)
{
    return enter_block(run, dj_run_top(run)->template, node);
}

static dj_err block_leave(dj_run *run, dj_frame *frame, bool *again)
{
    block_state *state = frame->state;
    (void)again;
    if (state->chain != NULL)
        state->chain->next--;
    dj_layer_pop(run, state->mark);
    return DJ_OK;
}

static dj_str block_target(const dj_tnode *node)
{
    return *(const dj_str *)node->data;
}

const dj_node_kind dj_node_block = {"block", block_enter, block_leave, block_target};

dj_err dj_block_super(dj_run *run, const dj_block_var *block, bool direct, dj_var *out)
{
    dj_chain *chain = find_chain(run, block->name);
    if (!block->inherits)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE_SYNTAX,
                       "'BlockNode' object has no attribute 'context'. Did you use "
                       "{{ block.super }} in a base template?");
    *out = dj_var_html(DJ_HTML(""));
    if (chain == NULL || chain->next == chain->len)
        return DJ_OK;
    const struct dj_definition *d = &chain->items[chain->next];
    const dj_tnode             *node = dj_node_at(d->template, d->node);
    if (direct)
        return enter_block(run, d->template, node);
    if (run->nested == SUPER_MAX)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE, "Over %d times block.super inside expressions",
                       SUPER_MAX);
    uint32_t nframes = run->nframes;
    dj_place place = run->place;
    dj_out  *before = dj_run_capture(run);
    run->nested++;
    dj_err e = enter_block(run, d->template, node);
    if (!e)
        e = dj_run_until(run, nframes);
    run->nested--;
    dj_str text = dj_run_captured(run, before);
    /* What is done with the text is not known here: it must leave the page where it found it. */
    bool moved = run->contextual && memcmp(&place, &run->place, sizeof place) != 0;
    run->place = place;
    *out = dj_var_made(text, DJ_SAFE_HTML);
    if (!e && moved)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE_SYNTAX,
                       "block.super ends inside a tag, an attribute or a script; only "
                       "{{ block.super }} by itself can print that");
    return e;
}

static dj_err block_open(dj_parser *p, const dj_token *t)
{
    dj_str *words, *name = dj_new(p->scope, dj_str);
    size_t  nwords;
    dj_err  e = dj_tag_words(p, t, false, &words, &nwords);
    if (e)
        return e;
    if (nwords != 1)
        return dj_parse_fail(p, "'block' tag takes only one argument");
    if (dj_map_has(&p->blocks, words[0]))
        return dj_parse_fail(p, "'block' tag with name '" DJ_FMT "' appears more than once",
                             DJ_ARG(words[0]));
    *name = words[0];
    uint32_t node = dj_emit(p, &dj_node_block, name);
    dj_map_set(&p->blocks, words[0], (void *)(uintptr_t)(node + 1));
    return dj_open_body(p, t, node, "endblock\0");
}

static dj_err block_next(dj_parser *p, dj_open *open, const dj_token *t, dj_str word)
{
    const dj_str *name = p->nodes[open->node].data;
    dj_str        named = dj_strf(p->failures, "endblock " DJ_FMT, DJ_ARG(*name));
    if (!dj_str_eq(t->text, word) && !dj_str_eq(t->text, named)) {
        p->blame = *t;
        return dj_parse_fail(
            p,
            "Invalid block tag on line %u: 'endblock', expected 'endblock' or '" DJ_FMT
            "'. Did you forget to register or load this tag?",
            t->line, DJ_ARG(named));
    }
    dj_close_body(p, open);
    return DJ_OK;
}

const dj_tag dj_tag_block = {"block", block_open, block_next, NULL};

/* -- extends -- */

typedef struct extends_tag {
    const dj_expr *parent;
    dj_str         word;
    bool           late; /* something else stands in front of it */
} extends_tag;

/* The blocks of one more template up the chain. */
static void add_blocks(dj_run *run, const dj_template *t)
{
    for (size_t i = 0; i < t->nblocks; i++) {
        dj_chain *chain = find_chain(run, t->blocks[i].name);
        if (chain == NULL) {
            chain = dj_new(run->scope, dj_chain);
            chain->older = run->chains;
            chain->name = t->blocks[i].name;
            chain->items = chain->first;
            chain->cap = DJ_COUNT(chain->first);
            run->chains = chain;
        }
        if (chain->len == chain->cap) {
            struct dj_definition *more =
                dj_new_array(run->scope, struct dj_definition, 2 * chain->cap);
            memcpy(more, chain->items, chain->len * sizeof *more);
            chain->items = more;
            chain->cap *= 2;
        }
        chain->items[chain->len++] = (struct dj_definition){t, t->blocks[i].node};
    }
}

static dj_err parent_name(dj_run *run, const extends_tag *tag, dj_str *name)
{
    dj_var v = dj_var_none();
    bool   truth = false;
    dj_err e = dj_expr_eval(run, tag->parent, DJ_MISSING_IS_TEXT, &v);
    if (e || (e = dj_var_true(run, &v, &truth)))
        return e;
    if (!truth) {
        dj_buf shown = dj_buf_make(run->scope, 4096);
        bool   variable = tag->parent->what.path != NULL || tag->parent->nfilters > 0;
        dj_var_repr(run, &shown, &v);
        return dj_fail(run->scope, DJ_ERR_TEMPLATE_SYNTAX,
                       "Invalid template name in 'extends' tag: " DJ_FMT ".%s" DJ_FMT "%s",
                       DJ_ARG(dj_buf_str(&shown)), variable ? " Got this from the '" : "",
                       DJ_ARG(variable ? tag->word : DJ_LIT("")), variable ? "' variable." : "");
    }
    return dj_var_text(run, &v, name);
}

dj_err dj_run_deeper(dj_run *run)
{
    uint32_t max = dj_engine_options_of(run->engine)->limits.depth;
    if (++run->depth > max)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE, "Over %u templates inside each other", max);
    return DJ_OK;
}

static void remember_origin(dj_run *run, const dj_template *t)
{
    struct dj_held *held = dj_new(run->scope, struct dj_held);
    *held = (struct dj_held){.older = run->origins, .template = t};
    run->origins = held;
}

static dj_err extends_enter(dj_run *run, const dj_tnode *node)
{
    const dj_template *t = dj_run_top(run)->template, *parent = NULL;
    dj_str             name = DJ_NONE;
    dj_frame          *frame;
    dj_err             e = parent_name(run, node->data, &name);
    if (e || (e = dj_run_deeper(run)))
        return e;
    if (run->origins == NULL)
        remember_origin(run, t->whole);
    e = dj_engine_find(run->engine, run->scope, name, run->origins, &parent, run->error);
    if (e)
        return e;
    remember_origin(run, parent);
    if (!run->inherits)
        add_blocks(run, t->whole);
    add_blocks(run, parent);
    run->inherits = true;
    return dj_run_enter(run, parent, NULL, parent->from, parent->to, &frame);
}

/* A name that stands in the source. */
static dj_str literal_of(const dj_expr *e)
{
    bool literal = e->what.path == NULL && e->nfilters == 0 && e->what.literal.kind == DJ_VAR_STR;
    return literal ? e->what.literal.text : DJ_NONE;
}

static dj_str extends_target(const dj_tnode *node)
{
    return literal_of(((const extends_tag *)node->data)->parent);
}

const dj_node_kind dj_node_extends = {"extends", extends_enter, NULL, extends_target};

/* The name of a template as the tag has it, resolved if it is relative. */
static dj_err compile_name(dj_parser *p, dj_str word, bool recursion_is_fine, const dj_expr **out)
{
    dj_str resolved = DJ_NONE;
    dj_err e = dj_relative_name(p->failures, p->template->name, word, recursion_is_fine, &resolved);
    if (e)
        return e;
    if (!dj_str_is_none(resolved))
        word = dj_strf(p->scope, "\"" DJ_FMT "\"", DJ_ARG(resolved));
    return dj_expr_compile(p, word, out);
}

static dj_err extends_open(dj_parser *p, const dj_token *t)
{
    dj_str      *words;
    size_t       nwords;
    extends_tag *tag = dj_new(p->scope, extends_tag);
    dj_err       e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords != 1)
        return dj_parse_fail(p, "'extends' takes one argument");
    tag->late = dj_open_last(p)->nontext;
    tag->word = words[0];
    if ((e = compile_name(p, words[0], false, &tag->parent)))
        return e;
    /* Its body is the rest of the source. */
    return dj_open_body(p, t, dj_emit(p, &dj_node_extends, tag), NULL);
}

static dj_err extends_next(dj_parser *p, dj_open *open, const dj_token *t, dj_str word)
{
    const extends_tag *tag = p->nodes[open->node].data;
    (void)word;
    if (p->template->extends != UINT32_MAX)
        return dj_parse_fail(p, "'extends' cannot appear more than once in the same template");
    if (tag->late)
        return dj_parse_fail(p, "{%% " DJ_FMT " %%} must be the first tag in " DJ_FMT ".",
                             DJ_ARG(t->text), DJ_ARG(dj_text_repr(p->failures, p->template->name)));
    p->template->extends = open->node;
    dj_close_body(p, open);
    return DJ_OK;
}

const dj_tag dj_tag_extends = {"extends", extends_open, extends_next, NULL};

/* -- include -- */

typedef struct include_tag {
    const dj_expr   *name;
    const dj_assign *values;
    size_t           nvalues;
    bool             only;
} include_tag;

void dj_inclusion_begin(dj_run *run, dj_inclusion *saved, bool only)
{
    *saved = (dj_inclusion){.floor = run->floor,
                            .isolated = run->isolated,
                            .inherits = run->inherits,
                            .chains = run->chains,
                            .origins = run->origins,
                            .level = run->level,
                            .nstates = run->nstates,
                            .depth = run->depth};
    saved->mark = dj_layer_push(run);
    if (only) {
        run->floor = run->nbindings;
        run->isolated = true;
    }
    run->inherits = false;
    run->chains = NULL;
    run->origins = NULL;
    run->level = ++run->levels;
}

void dj_inclusion_end(dj_run *run, const dj_inclusion *saved)
{
    dj_layer_pop(run, saved->mark);
    run->floor = saved->floor;
    run->isolated = saved->isolated;
    run->inherits = saved->inherits;
    run->chains = saved->chains;
    run->origins = saved->origins;
    run->level = saved->level;
    run->nstates = saved->nstates;
    run->depth = saved->depth;
}

/* The first that exists of several names. */
static dj_err find_first(dj_run *run, const dj_var *names, size_t len, const dj_template **out)
{
    dj_buf missing = dj_buf_make(run->scope, 16 * 1024);
    for (size_t i = 0; i < len; i++) {
        dj_var one = dj_var_none();
        dj_err e = dj_var_at(run, names, i, &one);
        if (e)
            return e;
        if (one.kind != DJ_VAR_STR)
            return dj_fail(run->scope, DJ_ERR_TEMPLATE, "The name of a template must be a text");
        e = dj_engine_find(run->engine, run->scope, one.text, NULL, out, run->error);
        if (e != DJ_ERR_TEMPLATE_MISSING)
            return e;
        if (missing.len > 0)
            dj_buf_add(&missing, DJ_LIT(", "));
        dj_buf_add(&missing, one.text);
    }
    if (len == 0)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE_MISSING, "No template names provided");
    return dj_fail(run->scope, DJ_ERR_TEMPLATE_MISSING, DJ_FMT, DJ_ARG(dj_buf_str(&missing)));
}

static dj_err find_included(dj_run *run, const include_tag *tag, const dj_template **out)
{
    dj_var v = dj_var_none();
    size_t len = 0;
    bool   truth = false;
    dj_err e = dj_expr_eval(run, tag->name, DJ_MISSING_IS_TEXT, &v);
    if (e || (e = dj_var_true(run, &v, &truth)))
        return e;
    if (!truth)
        return find_first(run, &v, 0, out);
    if (v.kind != DJ_VAR_STR) {
        if (!dj_var_len(run, &v, &len))
            return dj_fail(run->scope, DJ_ERR_TEMPLATE, "The name of a template must be a text");
        return find_first(run, &v, len, out);
    }
    dj_str resolved = DJ_NONE, from = dj_run_top(run)->template->whole->name;
    if ((e = dj_relative_name(run->scope, from, v.text, false, &resolved)))
        return e;
    if (!dj_str_is_none(resolved))
        v.text = resolved;
    return dj_engine_find(run->engine, run->scope, v.text, NULL, out, run->error);
}

static dj_err include_enter(dj_run *run, const dj_tnode *node)
{
    const include_tag *tag = node->data;
    const dj_template *t = NULL;
    dj_frame          *frame;
    dj_err             e = find_included(run, tag, &t);
    dj_var            *values = dj_new_array(run->scope, dj_var, tag->nvalues);
    for (size_t i = 0; i < tag->nvalues && !e; i++)
        e = dj_expr_eval(run, tag->values[i].value, DJ_MISSING_IS_TEXT, &values[i]);
    if (e || (e = dj_run_enter(run, t, node, t->from, t->to, &frame)))
        return e;
    frame->state = dj_new(run->scope, dj_inclusion);
    dj_inclusion_begin(run, frame->state, tag->only);
    for (size_t i = 0; i < tag->nvalues; i++)
        dj_run_set(run, tag->values[i].name, values[i]);
    return dj_run_deeper(run);
}

static dj_err include_leave(dj_run *run, dj_frame *frame, bool *again)
{
    (void)again;
    dj_inclusion_end(run, frame->state);
    return DJ_OK;
}

static dj_str include_target(const dj_tnode *node)
{
    return literal_of(((const include_tag *)node->data)->name);
}

static const dj_node_kind include_kind = {"include", include_enter, include_leave, include_target};

static dj_err include_options(dj_parser *p, dj_str *words, size_t nwords, include_tag *tag)
{
    while (nwords > 0) {
        dj_str option = words[0];
        bool   with = dj_str_eq(option, DJ_LIT("with"));
        if ((with && tag->values != NULL) || (tag->only && dj_str_eq(option, DJ_LIT("only"))))
            return dj_parse_fail(p, "The '" DJ_FMT "' option was specified more than once.",
                                 DJ_ARG(option));
        words++;
        nwords--;
        if (with) {
            dj_err e = dj_take_assigns(p, &words, &nwords, false, &tag->values, &tag->nvalues);
            if (e)
                return e;
            if (tag->nvalues == 0)
                return dj_parse_fail(
                    p, "\"with\" in 'include' tag needs at least one keyword argument.");
        } else if (dj_str_eq(option, DJ_LIT("only"))) {
            tag->only = true;
        } else {
            return dj_parse_fail(p, "Unknown argument for 'include' tag: " DJ_FMT ".",
                                 DJ_ARG(dj_text_repr(p->failures, option)));
        }
    }
    return DJ_OK;
}

static dj_err include_open(dj_parser *p, const dj_token *t)
{
    dj_str      *words;
    size_t       nwords;
    include_tag *tag = dj_new(p->scope, include_tag);
    dj_err       e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords == 0)
        return dj_parse_fail(p, "'include' tag takes at least one argument: the name of the "
                                "template to be included.");
    if ((e = include_options(p, words + 1, nwords - 1, tag)) ||
        (e = compile_name(p, words[0], true, &tag->name)))
        return e;
    dj_emit(p, &include_kind, tag);
    return DJ_OK;
}

const dj_tag dj_tag_include = {"include", include_open, NULL, NULL};
