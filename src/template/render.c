/* src/template/render.c - runs a program.
 *
 * The frames of open bodies stand in an array of the scope, not on the stack. A node that fails
 * fills the error record with its template and line; frames are not unwound, since a failed
 * rendering is dropped as a whole.
 *
 * Must not know: files, how a template was compiled. */
#include "template/inside.h"

#define LAYER_ROOM 16

/* -- frames -- */

dj_err dj_run_enter(dj_run *run, const dj_template *t, const dj_tnode *node, uint32_t from,
                    uint32_t to, dj_frame **frame)
{
    if (DJ_UNLIKELY(run->nframes == run->frames_cap)) {
        if (run->nframes >= FRAMES_MAX)
            return dj_fail(run->scope, DJ_ERR_TEMPLATE, "Over %d tags inside each other",
                           FRAMES_MAX);
        uint32_t cap = run->frames_cap * 2;
        run->frames = dj_realloc(run->scope, run->frames, run->frames_cap * sizeof *run->frames,
                                 cap * sizeof *run->frames);
        run->frames_cap = cap;
    }
    *frame = &run->frames[run->nframes++];
    **frame = (dj_frame){.template = t, .node = node, .pc = from, .end = to};
    return DJ_OK;
}

dj_err dj_run_body(dj_run *run, const dj_tnode *node, dj_frame **frame)
{
    const dj_template *t = dj_run_top(run)->template;
    return dj_run_enter(run, t, node, dj_node_index(t, node) + 1, node->next, frame);
}

/* -- failures -- */

/* The innermost place wins; those around it are the way there. */
static dj_err blame(dj_run *run, dj_err e, const dj_template *t, const dj_tnode *node)
{
    dj_template_error *error = run->error;
    if (error->code != DJ_OK)
        return e;
    error->code = e;
    error->message = dj_failure_text(run->scope);
    error->template = t->name;
    error->line = node == NULL ? 1 : node->line;
    error->column = node == NULL ? 1 : node->column;
    error->source = t->source;
    return e;
}

/* Templates on the way to the failure, from the frames: each change of template is a step. */
static void fill_steps(dj_run *run)
{
    dj_template_error *error = run->error;
    dj_str             last = error->template;
    for (uint32_t i = run->nframes; i-- > 0 && error->nsteps < DJ_COUNT(error->steps);) {
        const dj_frame *f = &run->frames[i];
        if (f->at == NULL || dj_str_eq(f->template->name, last))
            continue;
        last = f->template->name;
        error->steps[error->nsteps].template = last;
        error->steps[error->nsteps++].line = f->at->line;
    }
}

void dj_run_forgive(dj_run *run)
{
    *run->error = (dj_template_error){0};
    dj_failure_clear(run->scope);
}

/* -- the loop -- */

static void print_chunk(dj_run *run, const dj_tnode *node)
{
    /* A program is the worker's own: what was learnt about its text is kept in it. */
    dj_chunk *chunk = (dj_chunk *)(uintptr_t)node->data;
    if (run->contextual) {
        if (!chunk->known || memcmp(&chunk->in, &run->place, sizeof chunk->in) != 0) {
            chunk->in = run->place;
            chunk->out = dj_place_after(run->place, chunk->text);
            chunk->known = true;
            chunk->stays = memcmp(&chunk->in, &chunk->out, sizeof chunk->in) == 0;
        }
        if (!chunk->stays) /* most begin and end in text */
            run->place = chunk->out;
    }
    dj_out_static(run->out, chunk->text);
}

static dj_err print_value(dj_run *run, const dj_tnode *node)
{
    const dj_expr *expr = node->data;
    dj_var         v;
    dj_err         e = dj_expr_eval(run, expr, DJ_MISSING_IS_TEXT, &v);
    return e ? e : dj_run_print(run, &v, expr->raw);
}

/* {{ block.super }} opens the block's body above; any other value is printed on the way. */
static dj_err super_enter(dj_run *run, const dj_tnode *node)
{
    dj_var v = dj_var_none();
    bool   found = false;
    dj_err e = dj_run_get(run, DJ_LIT("block"), &v, &found);
    if (e)
        return e;
    if (found && v.kind == DJ_VAR_OBJECT && v.object.attrs == &dj_block_attrs)
        return dj_block_super(run, v.object.ptr, true, &v);
    return print_value(run, node);
}

const dj_node_kind dj_node_text = {"text", NULL, NULL, NULL}; /* run_straight() prints them */
const dj_node_kind dj_node_value = {"value", super_enter, NULL, NULL};
/* Entered by the tag around it, never by itself. */
const dj_node_kind dj_node_branch = {"branch", NULL, NULL, NULL};

/* The body on top is at its end. */
static dj_err leave(dj_run *run)
{
    dj_frame       *f = dj_run_top(run);
    const dj_tnode *node = f->node;
    bool            again = false;
    if (node != NULL && node->kind->leave != NULL) {
        const dj_template *t = f->template;
        dj_err             e = node->kind->leave(run, f, &again);
        if (e)
            return blame(run, e, t, node);
    }
    if (!again)
        run->nframes--;
    return DJ_OK;
}

/* Texts and values up to the end of the body, or up to the first node of another kind, which is the
 * caller's to enter. The frame is looked at once; its array may move meanwhile (a value may render
 * the block above). */
static dj_err run_straight(dj_run *run, const dj_tnode **other)
{
    uint32_t        top = run->nframes - 1;
    dj_frame       *f = &run->frames[top];
    const dj_tnode *nodes = f->template->nodes;
    dj_err          e = DJ_OK;
    uint32_t        at = f->pc, end = f->end;
    while (at < end && !e && !dj_out_is_full(run->out)) {
        const dj_tnode *node = &nodes[at];
        f->at = node;
        at = node->next;
        if (node->kind == &dj_node_text) {
            print_chunk(run, node);
        } else if (node->kind == &dj_node_value && !((const dj_expr *)node->data)->super) {
            e = print_value(run, node);
            f = &run->frames[top];
        } else {
            *other = node;
            break;
        }
    }
    f->pc = at;
    return e;
}

dj_err dj_run_until(dj_run *run, uint32_t nframes)
{
    dj_err e;
    while (run->nframes > nframes) {
        dj_frame *f = dj_run_top(run);
        if (f->pc >= f->end) {
            if ((e = leave(run)))
                return e;
            continue;
        }
        const dj_template *t = f->template;
        const dj_tnode    *other = NULL, *at;
        e = run_straight(run, &other);
        at = dj_run_top(run)->at; /* before others are opened */
        if (!e && other != NULL)
            e = other->kind->enter(run, other);
        if (!e && DJ_UNLIKELY(dj_out_is_full(run->out)))
            e = dj_fail(run->scope, DJ_ERR_TEMPLATE, "The page is over %llu bytes",
                        (unsigned long long)run->out->max);
        if (DJ_UNLIKELY(e))
            return blame(run, e, t, at);
    }
    return DJ_OK;
}

dj_out *dj_run_capture(dj_run *run)
{
    dj_out *before = run->out;
    dj_out *out = dj_new(run->scope, dj_out);
    *out = dj_out_make(run->scope, before->max);
    run->out = out;
    return before;
}

dj_str dj_run_captured(dj_run *run, dj_out *before)
{
    dj_str text = dj_out_str(run->out);
    run->out = before;
    return text;
}

/* -- variables -- */

uint32_t dj_layer_push(dj_run *run)
{
    uint32_t below = run->mark;
    run->mark = run->nbindings;
    return below;
}

void dj_layer_pop(dj_run *run, uint32_t mark)
{
    run->nbindings = run->mark;
    run->mark = mark;
}

void dj_run_bind(dj_run *run, uint32_t index, dj_str name, dj_var value)
{
    if (index < run->nbindings) {
        run->bindings[index].value = value;
        return;
    }
    DJ_ASSERT(index == run->nbindings);
    if (run->nbindings == run->bindings_cap) {
        uint32_t cap = run->bindings_cap * 2;
        run->bindings =
            dj_realloc(run->scope, run->bindings, run->bindings_cap * sizeof *run->bindings,
                       cap * sizeof *run->bindings);
        run->bindings_cap = cap;
    }
    run->bindings[run->nbindings++] = (dj_binding){.name = name, .value = value};
}

static dj_binding *find_override(dj_run *run, dj_str name)
{
    for (uint32_t i = 0; i < run->noverrides; i++) {
        if (dj_same_name(run->overrides[i].name, name))
            return &run->overrides[i];
    }
    return NULL;
}

void dj_run_set(dj_run *run, dj_str name, dj_var value)
{
    dj_binding *there = dj_find_binding(run, name, run->mark);
    if (there != NULL)
        there->value = value;
    else
        dj_run_bind(run, run->nbindings, name, value);
}

/* What the program gave. */
static dj_err find_given(dj_run *run, dj_str name, dj_var *out, bool *found)
{
    const dj_render_input *in = run->input;
    for (size_t i = 0; i < in->ncontexts; i++) {
        const dj_ctx *ctx = &in->contexts[i];
        if (ctx->attrs == NULL)
            continue;
        dj_err e = dj_attr_get(run->scope, ctx->ptr, ctx->attrs, name, out, found);
        if (e || *found)
            return e;
    }
    for (size_t i = 0; i < in->nitems; i++) {
        if (dj_same_name(in->items[i].name, name)) {
            *out = in->items[i].value;
            *found = true;
            return DJ_OK;
        }
    }
    return DJ_OK;
}

void dj_run_set_upward(dj_run *run, dj_str name, dj_var value)
{
    dj_binding *there = dj_find_binding(run, name, run->floor);
    dj_var      given = dj_var_none();
    bool        found = false;
    if (there == NULL && !run->isolated) {
        there = find_override(run, name);
        if (there == NULL && (find_given(run, name, &given, &found) || !found)) {
            dj_run_set(run, name, value);
            return;
        }
    }
    if (there != NULL) {
        there->value = value;
        return;
    }
    if (run->isolated) {
        dj_run_set(run, name, value);
        return;
    }
    run->overrides =
        dj_realloc(run->scope, run->overrides, run->noverrides * sizeof *run->overrides,
                   (run->noverrides + 1) * sizeof *run->overrides);
    run->overrides[run->noverrides++] = (dj_binding){.name = name, .value = value};
}

dj_err dj_run_get(dj_run *run, dj_str name, dj_var *out, bool *found)
{
    const dj_binding *there = dj_find_binding(run, name, run->floor);
    *found = true;
    if (there == NULL && run->noverrides > 0 && !run->isolated)
        there = find_override(run, name);
    if (there != NULL) {
        *out = there->value;
        return DJ_OK;
    }
    *found = false;
    if (!run->isolated) {
        dj_err e = find_given(run, name, out, found);
        if (e || *found)
            return e;
    }
    *found = true;
    if (dj_str_eq(name, DJ_LIT("True")))
        *out = dj_var_bool(true);
    else if (dj_str_eq(name, DJ_LIT("False")))
        *out = dj_var_bool(false);
    else if (dj_str_eq(name, DJ_LIT("None")))
        *out = dj_var_none();
    else
        *found = false;
    return DJ_OK;
}

dj_err dj_run_variable(dj_run *run, dj_str name, dj_var *out)
{
    bool   found = false;
    dj_err e = dj_run_get(run, name, out, &found);
    if (!e && !found)
        *out = dj_var_none();
    return e ? e : dj_var_force(run, out, out);
}

void **dj_run_state(dj_run *run, const void *of)
{
    for (uint32_t i = run->nstates; i-- > 0;) {
        if (run->states[i].level == run->level && run->states[i].of == of)
            return &run->states[i].data;
    }
    if (run->nstates == run->states_cap) {
        uint32_t cap = run->states_cap == 0 ? 8 : run->states_cap * 2;
        run->states = dj_realloc(run->scope, run->states, run->states_cap * sizeof *run->states,
                                 cap * sizeof *run->states);
        run->states_cap = cap;
    }
    run->states[run->nstates++] = (dj_state){.of = of, .level = run->level};
    return &run->states[run->nstates - 1].data;
}

/* -- printing -- */

static void log_failsafe(dj_run *run, dj_place at)
{
    const dj_engine_hooks *hooks = &dj_engine_options_of(run->engine)->hooks;
    const dj_frame        *f = dj_run_top(run);
    if (hooks->failsafe == NULL)
        return;
    hooks->failsafe(hooks->ctx, f->template, f->at->line, dj_place_name(at));
}

/* Bytes that are not UTF-8 never reach a page. */
static dj_var repaired(dj_run *run, const dj_var *v)
{
    dj_buf b = dj_buf_make(run->scope, SIZE_MAX / 2);
    for (size_t at = 0; at < v->text.len;) {
        size_t from = at;
        if (dj_utf8_next(v->text, &at) < 0)
            dj_buf_add(&b, DJ_LIT("\xEF\xBF\xBD"));
        else
            dj_buf_add(&b, dj_str_n(v->text.ptr + from, at - from));
    }
    dj_var out = *v;
    out.text = dj_buf_str(&b);
    return out;
}

/* Most values of most pages: in HTML text, to be escaped as Django does. False: not one of them. */
static bool print_plain(dj_run *run, const dj_var *v)
{
    if (!run->autoescape || (run->contextual && !dj_place_is_text(run->place)))
        return false;
    if (v->kind == DJ_VAR_INT) {
        dj_buf_add_int(&run->out->buf, v->number);
        return true;
    }
    if (v->kind != DJ_VAR_STR || v->safety != DJ_UNSAFE)
        return false;
    dj_buf *b = &run->out->buf;
    size_t  before = b->len;
    if (dj_escape_html(b, v->text) || dj_utf8_valid(v->text))
        return true;
    b->len = before;
    return false;
}

/* All others: for the place where the page stands. Not inlined: what it needs of the stack is more
 * than print_plain does. */
static __attribute__((noinline)) dj_err print_placed(dj_run *run, const dj_var *v, bool raw)
{
    dj_print how = {.escape = run->autoescape,
                    .raw = !run->autoescape || (raw && dj_var_is_safe(v)),
                    .contextual = run->contextual};
    bool     failsafe = false;
    dj_place at = run->place;
    dj_var   good;
    if (v->kind == DJ_VAR_STR && !dj_utf8_valid(v->text)) {
        good = repaired(run, v);
        v = &good;
    }
    const dj_tnode *node = dj_run_top(run)->at;
    if (node != NULL && node->kind == &dj_node_value)
        how.source = ((const dj_expr *)node->data)->source;
    dj_err e = dj_place_print(run, &run->place, v, &how, run->out, &failsafe);
    if (DJ_UNLIKELY(failsafe))
        log_failsafe(run, at);
    return e;
}

dj_err dj_run_print(dj_run *run, const dj_var *v, bool raw)
{
    return !raw && print_plain(run, v) ? DJ_OK : print_placed(run, v, raw);
}

void dj_run_print_tracked(dj_run *run, dj_str text)
{
    dj_out_add(run->out, text);
}

void dj_run_print_static(dj_run *run, dj_str text)
{
    if (run->contextual)
        run->place = dj_place_after(run->place, text);
    dj_out_add(run->out, text);
}

dj_err dj_run_html(dj_run *run, const dj_var *v, dj_var *out)
{
    dj_str text = DJ_NONE;
    dj_err e = dj_var_text(run, v, &text);
    if (e)
        return e;
    bool safe = v->kind == DJ_VAR_STR && v->safety == DJ_SAFE_HTML;
    if (run->autoescape && !safe)
        *out = dj_var_html(dj_html_escape(run->scope, text));
    else
        *out = dj_var_made(text, safe ? (dj_safety)v->safety : DJ_UNSAFE);
    return DJ_OK;
}

dj_err dj_run_print_as(dj_run *run, const dj_var *v, dj_str as)
{
    if (dj_str_is_none(as))
        return dj_run_print(run, v, false);
    dj_run_set(run, as, *v);
    return DJ_OK;
}

/* -- the API -- */

dj_scope *dj_run_scope(dj_run *run)
{
    return run->scope;
}

bool dj_run_autoescape(const dj_run *run)
{
    return run->autoescape;
}

const dj_render_input *dj_run_input(const dj_run *run)
{
    return run->input;
}

bool dj_template_is_markup(dj_str name)
{
    size_t slash = dj_str_rchr(name, '/');
    dj_str last = slash == DJ_NOT_FOUND ? name : dj_str_from(name, slash + 1);
    size_t dot = dj_str_rchr(last, '.');
    if (dot == DJ_NOT_FOUND)
        return true;
    dj_str suffix = dj_str_from(last, dot + 1);
    return dj_str_eq_nocase(suffix, DJ_LIT("html")) || dj_str_eq_nocase(suffix, DJ_LIT("htm")) ||
           dj_str_eq_nocase(suffix, DJ_LIT("svg")) || dj_str_eq_nocase(suffix, DJ_LIT("xml"));
}

dj_err dj_template_render(dj_scope *s, const dj_template *t, const dj_render_input *input,
                          dj_out *out, dj_template_error *error)
{
    static const dj_render_input nothing = {0};
    const dj_engine_options     *options = dj_engine_options_of(t->engine);
    dj_run                      *run = dj_new(s, dj_run);
    dj_frame                    *frame;
    *error = (dj_template_error){0};
    run->scope = s;
    run->engine = t->engine;
    run->input = input == NULL ? &nothing : input;
    run->out = out;
    run->place = dj_place_start();
    run->autoescape = options->autoescape;
    run->contextual = t->whole->contextual;
    run->error = error;
    run->loops_max = options->limits.loops;
    run->frames_cap = LAYER_ROOM;
    run->frames = dj_alloc_raw(s, LAYER_ROOM * sizeof *run->frames);
    run->bindings_cap = LAYER_ROOM;
    run->bindings = dj_alloc_raw(s, LAYER_ROOM * sizeof *run->bindings);
    if (t->last_len > 0)
        (void)dj_buf_reserve(&out->buf, t->last_len);
    dj_err e = dj_run_enter(run, t, NULL, t->from, t->to, &frame);
    if (!e)
        e = dj_run_until(run, 0);
    if (e) {
        fill_steps(run);
        return e;
    }
    /* The next page of this template is likely as long: its buffer needs to grow only once. */
    ((dj_template *)(uintptr_t)t)->last_len = out->buf.len + out->buf.len / 8;
    return DJ_OK;
}
