/* src/template/tags/flow.c - if, for.
 *
 * Each body is a branch node; the data of an if's branch is its condition, NULL for else; that of
 * a for's second branch marks {% empty %}. Django: django/template/defaulttags.py.
 *
 * Must not know: places in a page. */
#include "donjon/unicode.h"
#include "template/inside.h"

/* -- if -- */

static dj_err if_condition(dj_parser *p, const dj_token *t, const dj_condition **out)
{
    dj_str *words;
    size_t  nwords;
    dj_err  e = dj_tag_words(p, t, true, &words, &nwords);
    return e ? e : dj_condition_compile(p, words, nwords, out);
}

static dj_err if_enter(dj_run *run, const dj_tnode *node)
{
    const dj_template *t = dj_run_top(run)->template;
    uint32_t           end = node->next, at = dj_node_index(t, node) + 1;
    while (at < end) {
        const dj_tnode *branch = dj_node_at(t, at);
        bool            truth = true;
        dj_err          e;
        if (branch->data != NULL && (e = dj_condition_eval(run, branch->data, &truth)))
            return e;
        if (truth) {
            dj_frame *frame;
            return dj_run_enter(run, t, node, at + 1, branch->next, &frame);
        }
        at = branch->next;
    }
    return DJ_OK;
}

static const dj_node_kind if_kind = {"if", if_enter, NULL, NULL};

static const char if_until[] = "elif\0else\0endif\0";

static dj_err if_open(dj_parser *p, const dj_token *t)
{
    const dj_condition *condition = NULL;
    dj_err              e = if_condition(p, t, &condition);
    if (e || (e = dj_open_body(p, t, dj_emit(p, &if_kind, NULL), if_until)))
        return e;
    dj_next_branch(p, dj_open_last(p), condition, if_until);
    return DJ_OK;
}

static dj_err if_next(dj_parser *p, dj_open *open, const dj_token *t, dj_str word)
{
    if (dj_str_eq(word, DJ_LIT("elif"))) {
        const dj_condition *condition = NULL;
        dj_err              e = if_condition(p, t, &condition);
        if (e)
            return e;
        dj_next_branch(p, open, condition, if_until);
        return DJ_OK;
    }
    if (!dj_str_eq(t->text, word))
        return dj_parse_fail(p, "Malformed template tag at line %u: \"" DJ_FMT "\"", t->line,
                             DJ_ARG(t->text));
    if (dj_str_eq(word, DJ_LIT("else")))
        dj_next_branch(p, open, NULL, "endif\0");
    else
        dj_close_body(p, open);
    return DJ_OK;
}

const dj_tag dj_tag_if = {"if", if_open, if_next, NULL};

/* -- for -- */

typedef struct for_tag {
    const dj_expr *in;
    const dj_str  *names;
    size_t         nnames;
    bool           reversed;
} for_tag;

typedef struct for_state {
    dj_forloop loop;
    dj_var     values;
    size_t     len, turn;
    size_t     byte;      /* of a text: where the next character begins, or ends if reversed */
    uint32_t   slot;      /* of `forloop` among the bindings; the names follow */
    uint32_t   mark;      /* the layer below */
    uint32_t   turn_mark; /* of the layer of a turn, if there are several names */
} for_state;

static const char forloop_name[] = "forloop";

/* The next character of a text. */
static dj_var next_character(for_state *f, bool reversed)
{
    dj_str text = f->values.text;
    size_t from = f->byte;
    if (!reversed) {
        (void)dj_utf8_next(text, &f->byte);
        return dj_var_made(dj_str_n(text.ptr + from, f->byte - from), DJ_UNSAFE);
    }
    while (f->byte > 0 && ((unsigned char)text.ptr[--f->byte] & 0xC0) == 0x80)
        continue;
    return dj_var_made(dj_str_n(text.ptr + f->byte, from - f->byte), DJ_UNSAFE);
}

/* Binds the names for the value of this turn. */
static dj_err bind_names(dj_run *run, const for_tag *tag, for_state *f, dj_var value)
{
    dj_err e;
    size_t len = 0;
    if (value.kind == DJ_VAR_LAZY && (e = dj_var_force(run, &value, &value)))
        return e;
    if (!dj_var_len(run, &value, &len))
        len = 1;
    if (len != tag->nnames)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE,
                       "Need %zu values to unpack in for loop; got %zu. ", tag->nnames, len);
    f->turn_mark = dj_layer_push(run);
    for (size_t i = 0; i < tag->nnames; i++) {
        dj_var part = dj_var_none();
        if ((e = dj_var_at(run, &value, i, &part)))
            return e;
        dj_run_set(run, tag->names[i], part);
    }
    return DJ_OK;
}

static dj_err begin_turn(dj_run *run, const for_tag *tag, for_state *f)
{
    dj_forloop *loop = &f->loop;
    dj_var      value = dj_var_none(), *into = &value;
    dj_err      e;
    size_t      i = tag->reversed ? f->len - 1 - f->turn : f->turn;
    if (++run->loops > run->loops_max)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE, "Over %llu turns of loops in one page",
                       (unsigned long long)run->loops_max);
    loop->counter0 = (int64_t)f->turn;
    loop->counter = (int64_t)f->turn + 1;
    loop->revcounter = (int64_t)(f->len - f->turn);
    loop->revcounter0 = loop->revcounter - 1;
    loop->first = f->turn == 0;
    loop->last = f->turn + 1 == f->len;
    if (tag->nnames == 1) { /* straight into the variable */
        if (f->turn == 0)
            dj_run_bind(run, f->slot + 1, tag->names[0], value);
        into = &run->bindings[f->slot + 1].value;
    }
    if (f->values.kind == DJ_VAR_STR)
        *into = next_character(f, tag->reversed);
    else if ((e = dj_var_at(run, &f->values, i, into)))
        return e;
    return tag->nnames == 1 ? DJ_OK : bind_names(run, tag, f, value);
}

/* What the loop goes over; None and missing are empty. */
static dj_err for_values(dj_run *run, const for_tag *tag, dj_var *values, size_t *len)
{
    dj_err e = dj_expr_eval(run, tag->in, DJ_MISSING_IS_NONE, values);
    *len = 0;
    if (e || values->kind == DJ_VAR_NONE)
        return e;
    if (!dj_var_len(run, values, len))
        return dj_fail(run->scope, DJ_ERR_TEMPLATE, "This value can't be iterated over");
    return DJ_OK;
}

static dj_err for_enter(dj_run *run, const dj_tnode *node)
{
    const for_tag     *tag = node->data;
    const dj_template *t = dj_run_top(run)->template;
    uint32_t           at = dj_node_index(t, node) + 1;
    const dj_tnode    *body = dj_node_at(t, at);
    dj_var             values = dj_var_none(), parent = dj_var_none();
    size_t             len = 0;
    bool               found = false;
    dj_frame          *frame;
    dj_err             e = for_values(run, tag, &values, &len);
    if (e)
        return e;
    if (len == 0) {
        if (body->next == node->next)
            return DJ_OK;
        uint32_t empty = body->next;
        if ((e = dj_run_enter(run, t, node, empty + 1, node->next, &frame)))
            return e;
        frame->state = NULL;
        return DJ_OK;
    }
    if ((e = dj_run_get(run, dj_str_n(forloop_name, 7), &parent, &found)))
        return e;
    for_state *f = dj_new(run->scope, for_state);
    f->loop.parentloop = found ? parent : dj_var_of_map(NULL, 0);
    f->loop.length = (int64_t)len;
    f->values = values;
    f->len = len;
    f->byte = values.kind == DJ_VAR_STR && tag->reversed ? values.text.len : 0;
    if ((e = dj_run_enter(run, t, node, at + 1, body->next, &frame)))
        return e;
    frame->state = f;
    f->mark = dj_layer_push(run);
    f->slot = run->nbindings;
    dj_run_bind(run, f->slot, dj_str_n(forloop_name, 7),
                (dj_var){.kind = DJ_VAR_OBJECT, .object = {&f->loop, &dj_forloop_attrs}});
    return begin_turn(run, tag, f);
}

static dj_err for_leave(dj_run *run, dj_frame *frame, bool *again)
{
    const for_tag *tag = frame->node->data;
    for_state     *f = frame->state;
    if (f == NULL)
        return DJ_OK;
    if (tag->nnames > 1)
        dj_layer_pop(run, f->turn_mark);
    if (++f->turn < f->len) {
        frame->pc = dj_node_index(frame->template, frame->node) + 2;
        *again = true;
        return begin_turn(run, tag, f);
    }
    dj_layer_pop(run, f->mark);
    return DJ_OK;
}

static const dj_node_kind for_kind = {"for", for_enter, for_leave, NULL};

/* `length` is of Django 6: it can be asked for, but {{ forloop }} does not list it. */
static const dj_attr forloop_items[] = {
    DJ_ATTR(dj_forloop, parentloop), DJ_ATTR(dj_forloop, counter0),    DJ_ATTR(dj_forloop, counter),
    DJ_ATTR(dj_forloop, revcounter), DJ_ATTR(dj_forloop, revcounter0), DJ_ATTR(dj_forloop, first),
    DJ_ATTR(dj_forloop, last),       DJ_ATTR(dj_forloop, length),
};
const dj_attrs dj_forloop_attrs = {"forloop", sizeof(dj_forloop), forloop_items,
                                   DJ_COUNT(forloop_items)};

static dj_err bad_names(dj_parser *p, const dj_token *t)
{
    return dj_parse_fail(p, "'for' tag received an invalid argument: " DJ_FMT, DJ_ARG(t->text));
}

/* "a, b ,c" out of the words in front of `in`: joined by a blank, cut at commas. */
static dj_err loop_names(dj_parser *p, const dj_token *t, const dj_str *words, size_t nwords,
                         for_tag *tag)
{
    dj_buf joined = dj_buf_make(p->scope, SIZE_MAX / 2);
    for (size_t i = 0; i < nwords; i++) {
        if (i > 0)
            dj_buf_add_byte(&joined, ' ');
        dj_buf_add(&joined, words[i]);
    }
    dj_str rest = dj_buf_str(&joined);
    size_t n = 1;
    for (size_t i = 0; i < rest.len; i++)
        n += rest.ptr[i] == ',' ? 1 : 0;
    dj_str *names = dj_new_array(p->scope, dj_str, n);
    for (size_t i = 0; dj_str_next(&rest, ',', &names[i]); i++) {
        names[i] = dj_str_trim(names[i]);
        if (names[i].len == 0 || strcspn(dj_cstr(p->scope, names[i]), " \"'|") < names[i].len)
            return bad_names(p, t);
        names[i] = dj_engine_name(p->engine, names[i]);
    }
    tag->names = names;
    tag->nnames = n;
    return DJ_OK;
}

static dj_err for_open(dj_parser *p, const dj_token *t)
{
    dj_str *words;
    size_t  nwords;
    dj_err  e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords < 3)
        return dj_parse_fail(p, "'for' statements should have at least four words: " DJ_FMT,
                             DJ_ARG(t->text));
    for_tag *tag = dj_new(p->scope, for_tag);
    tag->reversed = dj_str_eq(words[nwords - 1], DJ_LIT("reversed"));
    size_t in = nwords - (tag->reversed ? 3 : 2);
    if (in >= nwords || !dj_str_eq(words[in], DJ_LIT("in")))
        return dj_parse_fail(p, "'for' statements should use the format 'for x in y': " DJ_FMT,
                             DJ_ARG(t->text));
    if ((e = loop_names(p, t, words, in, tag)) || (e = dj_expr_compile(p, words[in + 1], &tag->in)))
        return e;
    if ((e = dj_open_body(p, t, dj_emit(p, &for_kind, tag), "empty\0endfor\0")))
        return e;
    dj_next_branch(p, dj_open_last(p), NULL, "empty\0endfor\0");
    return DJ_OK;
}

static dj_err for_next(dj_parser *p, dj_open *open, const dj_token *t, dj_str word)
{
    /* {% empty x %} ends the loop, as in Django: it is not "empty" and nothing else is asked. */
    if (dj_str_eq(word, DJ_LIT("empty")) && dj_str_eq(t->text, word))
        dj_next_branch(p, open, NULL, "endfor\0");
    else
        dj_close_body(p, open);
    return DJ_OK;
}

const dj_tag dj_tag_for = {"for", for_open, for_next, NULL};
