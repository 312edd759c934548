/* src/template/condition.c - the conditions of {% if %}.
 *
 * An operator-precedence parser (Pratt) that writes a row of operations for a small stack of
 * values; `and` and `or` jump. Whatever fails inside an operator makes that operator false: each
 * operation knows where its operator ends. Django: django/template/smartif.py.
 *
 * Must not know: tags. */
#include "template/inside.h"

typedef enum op_kind {
    OP_END,
    OP_VALUE,
    OP_NOT,
    OP_AND,
    OP_OR,
    OP_IN,
    OP_NOT_IN,
    OP_IS,
    OP_IS_NOT,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_GT,
    OP_LE,
    OP_GE,
    OP_JUMP, /* of `and`, `or`: the left side decides, or is dropped */
} op_kind;

static const struct {
    const char *text;
    uint8_t     power; /* how strongly it binds */
} operators[] = {
    [OP_END] = {"", 0},          [OP_VALUE] = {"", 0}, [OP_NOT] = {"not", 8},
    [OP_AND] = {"and", 7},       [OP_OR] = {"or", 6},  [OP_IN] = {"in", 9},
    [OP_NOT_IN] = {"not in", 9}, [OP_IS] = {"is", 10}, [OP_IS_NOT] = {"is not", 10},
    [OP_EQ] = {"==", 10},        [OP_NE] = {"!=", 10}, [OP_LT] = {"<", 10},
    [OP_GT] = {">", 10},         [OP_LE] = {"<=", 10}, [OP_GE] = {">=", 10},
    [OP_JUMP] = {"", 0},
};

#define HEIGHT_MAX (NOT_MAX + 8)

typedef struct operation {
    uint8_t        kind;
    uint8_t        height;  /* of the stack where its operator began */
    bool           if_true; /* JUMP: of `or` */
    uint16_t       caught;  /* behind its operator, 0: it belongs to none */
    uint16_t       jump;
    const dj_expr *value;
} operation;

struct dj_condition {
    const operation *ops;
    size_t           len;
};

/* -- compiling -- */

typedef struct item {
    op_kind        kind;
    dj_str         text;
    const dj_expr *value;
} item;

typedef struct compiler {
    dj_parser *p;
    item      *items; /* the last one is END */
    size_t     at;
    operation *ops;
    size_t     len;
    unsigned   height, nots;
} compiler;

static dj_err expression(compiler *c, unsigned power);

static operation *add_op(compiler *c, op_kind kind)
{
    operation *op = &c->ops[c->len++];
    *op = (operation){.kind = (uint8_t)kind};
    return op;
}

/* The operator whose operations begin at `start` is complete. */
static void close_operator(compiler *c, size_t start, unsigned height)
{
    for (size_t i = start; i < c->len; i++) {
        if (c->ops[i].caught != 0)
            continue;
        c->ops[i].caught = (uint16_t)c->len;
        c->ops[i].height = (uint8_t)height;
    }
}

/* An operand, or `not` and what it applies to. */
static dj_err prefix(compiler *c)
{
    const item *t = &c->items[c->at];
    size_t      start = c->len;
    unsigned    height = c->height;
    if (t->kind == OP_END)
        return dj_parse_fail(c->p, "Unexpected end of expression in if tag.");
    c->at++;
    if (t->kind == OP_VALUE) {
        add_op(c, OP_VALUE)->value = t->value;
        if (++c->height > HEIGHT_MAX)
            return dj_parse_fail(c->p, "The condition of this if tag is too deep");
        return DJ_OK;
    }
    if (t->kind != OP_NOT)
        return dj_parse_fail(c->p, "Not expecting '%s' in this position in if tag.",
                             operators[t->kind].text);
    if (++c->nots > NOT_MAX)
        return dj_parse_fail(c->p, "More than %d times `not` inside each other in an if tag",
                             NOT_MAX);
    dj_err e = expression(c, operators[OP_NOT].power);
    if (e)
        return e;
    c->nots--;
    add_op(c, OP_NOT);
    close_operator(c, start, height);
    return DJ_OK;
}

/* The left operand is compiled; `start` is where it begins. */
static dj_err infix(compiler *c, size_t start, unsigned height)
{
    op_kind kind = c->items[c->at++].kind;
    size_t  jump = 0;
    if (kind == OP_NOT)
        return dj_parse_fail(c->p, "Not expecting 'not' as infix operator in if tag.");
    if (kind == OP_AND || kind == OP_OR) {
        jump = c->len;
        add_op(c, OP_JUMP)->if_true = kind == OP_OR;
        c->height--;
    }
    dj_err e = expression(c, operators[kind].power);
    if (e)
        return e;
    add_op(c, kind);
    if (kind == OP_AND || kind == OP_OR)
        c->ops[jump].jump = (uint16_t)c->len;
    else
        c->height--;
    close_operator(c, start, height);
    return DJ_OK;
}

static dj_err expression(compiler *c, unsigned power)
{
    size_t   start = c->len;
    unsigned height = c->height;
    dj_err   e = prefix(c);
    while (!e && power < operators[c->items[c->at].kind].power)
        e = infix(c, start, height);
    return e;
}

static op_kind operator_of(const dj_str *words, size_t n, size_t *used)
{
    bool more = n > 1;
    *used = 2;
    if (more && dj_str_eq(words[0], DJ_LIT("is")) && dj_str_eq(words[1], DJ_LIT("not")))
        return OP_IS_NOT;
    if (more && dj_str_eq(words[0], DJ_LIT("not")) && dj_str_eq(words[1], DJ_LIT("in")))
        return OP_NOT_IN;
    *used = 1;
    for (op_kind kind = OP_NOT; kind <= OP_GE; kind++) {
        if (dj_str_eq(words[0], dj_str_of(operators[kind].text)))
            return kind;
    }
    return OP_VALUE;
}

dj_err dj_condition_compile(dj_parser *p, const dj_str *words, size_t nwords,
                            const dj_condition **out)
{
    if (nwords > CONDITION_MAX)
        return dj_parse_fail(p, "More than %d words in a condition", CONDITION_MAX);
    compiler c = {.p = p};
    size_t   n = 0, used;
    c.items = dj_new_array(p->scope, item, nwords + 1);
    c.ops = dj_new_array(p->scope, operation, 2 * nwords + 1);
    for (size_t i = 0; i < nwords; i += used, n++) {
        c.items[n] = (item){.kind = operator_of(words + i, nwords - i, &used), .text = words[i]};
        if (c.items[n].kind != OP_VALUE)
            continue;
        dj_err e = dj_expr_compile(p, words[i], &c.items[n].value);
        if (e)
            return e;
    }
    dj_err e = expression(&c, 0);
    if (e)
        return e;
    const item *rest = &c.items[c.at];
    if (rest->kind != OP_END)
        return dj_parse_fail(p, "Unused '" DJ_FMT "' at end of if expression.", DJ_ARG(rest->text));
    dj_condition *made = dj_new(p->scope, dj_condition);
    *made = (dj_condition){.ops = c.ops, .len = c.len};
    *out = made;
    return DJ_OK;
}

/* -- evaluation -- */

/* `in`. *out is false for what Python would call a TypeError, too: then *failed is set. */
static dj_err is_in(dj_run *run, const dj_var *what, const dj_var *container, bool *in,
                    bool *failed)
{
    size_t len = 0;
    *in = *failed = false;
    if (container->kind == DJ_VAR_STR) {
        *failed = what->kind != DJ_VAR_STR;
        *in = !*failed && dj_str_has(container->text, what->text);
        return DJ_OK;
    }
    if (!dj_var_len(run, container, &len)) {
        *failed = true;
        return DJ_OK;
    }
    if ((container->kind == DJ_VAR_MAP || container->kind == DJ_VAR_MULTI) &&
        (what->kind == DJ_VAR_LIST || what->kind == DJ_VAR_MAP || what->kind == DJ_VAR_MULTI)) {
        *failed = true; /* unhashable */
        return DJ_OK;
    }
    for (size_t i = 0; i < len && !*in; i++) {
        dj_var one = dj_var_none();
        dj_err e = dj_var_at(run, container, i, &one);
        if (e || (one.kind == DJ_VAR_LAZY && (e = dj_var_force(run, &one, &one))))
            return e;
        *in = dj_var_eq(run, what, &one);
    }
    return DJ_OK;
}

/* The same object, as far as values of ours have an identity. */
static bool is_same(const dj_var *a, const dj_var *b)
{
    if (a->kind != b->kind)
        return false;
    switch ((dj_var_kind)a->kind) {
    case DJ_VAR_NONE:
        return true;
    case DJ_VAR_BOOL:
        return a->truth == b->truth;
    case DJ_VAR_INT:
        return a->number == b->number && a->number >= -5 && a->number <= 256;
    case DJ_VAR_FLOAT:
        return false;
    case DJ_VAR_STR:
        return a->text.ptr == b->text.ptr && a->text.len == b->text.len;
    case DJ_VAR_LIST:
        return a->list.items == b->list.items && a->list.len == b->list.len;
    case DJ_VAR_MAP:
        return a->map.items == b->map.items && a->map.len == b->map.len;
    case DJ_VAR_OBJECT:
        return a->object.ptr == b->object.ptr;
    case DJ_VAR_DATE:
    case DJ_VAR_TIME:
    case DJ_VAR_DATETIME:
    case DJ_VAR_MULTI:
    case DJ_VAR_ARRAY:
    case DJ_VAR_LAZY:
        return a->moment == b->moment; /* each is one pointer */
    }
    return false;
}

/* *failed: Python would raise. */
static dj_err compare(dj_run *run, op_kind kind, const dj_var *a, const dj_var *b, bool *truth,
                      bool *failed)
{
    int    order = 0;
    dj_err e = DJ_OK;
    *failed = false;
    switch (kind) {
    case OP_IN:
    case OP_NOT_IN:
        e = is_in(run, a, b, truth, failed);
        *truth = *truth == (kind == OP_IN);
        break;
    case OP_IS:
    case OP_IS_NOT:
        *truth = is_same(a, b) == (kind == OP_IS);
        break;
    case OP_EQ:
    case OP_NE:
        *truth = dj_var_eq(run, a, b) == (kind == OP_EQ);
        break;
    default:
        *failed = !dj_var_order(run, a, b, &order);
        *truth = kind == OP_LT   ? order < 0
                 : kind == OP_GT ? order > 0
                 : kind == OP_LE ? order <= 0
                                 : order >= 0;
    }
    return e;
}

/* Limits and lost clients end the page even from here. */
static bool is_swallowed(dj_err e)
{
    return e != DJ_ERR_LIMIT && e != DJ_ERR_MEMORY && e != DJ_ERR_DEADLINE;
}

typedef struct machine {
    dj_var   stack[HEIGHT_MAX + 1];
    unsigned height;
} machine;

/* One operation; *next is where to go on. */
static dj_err step(dj_run *run, machine *m, const operation *op, size_t *next)
{
    bool   truth = false, failed = false;
    dj_err e;
    if (op->kind == OP_VALUE) {
        dj_var v = dj_var_none();
        if ((e = dj_expr_eval(run, op->value, DJ_MISSING_IS_NONE, &v)))
            return e;
        m->stack[m->height++] = v;
        return DJ_OK;
    }
    if (op->kind <= OP_OR || op->kind == OP_JUMP) {
        if ((e = dj_var_true(run, &m->stack[m->height - 1], &truth)))
            return e;
        if (op->kind == OP_JUMP && truth != op->if_true) {
            m->height--;
            return DJ_OK;
        }
        if (op->kind == OP_JUMP)
            *next = op->jump;
        m->stack[m->height - 1] = dj_var_bool(op->kind == OP_NOT ? !truth : truth);
        return DJ_OK;
    }
    m->height--;
    e = compare(run, (op_kind)op->kind, &m->stack[m->height - 1], &m->stack[m->height], &truth,
                &failed);
    if (e)
        return e;
    m->stack[m->height - 1] = dj_var_bool(truth && !failed);
    return DJ_OK;
}

dj_err dj_condition_eval(dj_run *run, const dj_condition *c, bool *truth)
{
    /* The usual case: one value. */
    if (c->len == 1) {
        dj_var v = dj_var_none();
        dj_err e = dj_expr_eval(run, c->ops[0].value, DJ_MISSING_IS_NONE, &v);
        if (e == DJ_ERR_VARIABLE_MISSING) {
            dj_run_forgive(run);
            *truth = false;
            return DJ_OK;
        }
        return e ? e : dj_var_true(run, &v, truth);
    }
    machine m;
    m.height = 0;
    for (size_t at = 0; at < c->len;) {
        const operation *op = &c->ops[at++];
        dj_err           e = step(run, &m, op, &at);
        if (!e)
            continue;
        if (op->caught == 0 || !is_swallowed(e))
            return e;
        dj_run_forgive(run);
        m.height = op->height;
        m.stack[m.height++] = dj_var_bool(false);
        at = op->caught;
    }
    return dj_var_true(run, &m.stack[0], truth);
}
