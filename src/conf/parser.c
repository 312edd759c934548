/* src/conf/parser.c - expressions of a settings file: the grammar of docs/settings-files.md as
 * functions, from what may follow a value up to lists of expressions.
 *
 * Nothing is computed here. In an audit, a part that needs Python becomes N_OPAQUE and the rest is
 * kept. parser_atoms.c has the values themselves, parser_tokens.c what both stand on. */
#include "reader.h"

#define POSTFIX_MAX                                                                                \
    40 /* .parent.parent... and [..][..] behind one value: with the nesting this bounds recursion  \
        */

/* -- what follows an atom -- */

static const char *const method_names[METHOD_COUNT] = {"split",      "lower",    "upper",   "strip",
                                                       "startswith", "endswith", "replace", "join",
                                                       "resolve",    "joinpath"};

const char *conf_method_name(conf_method m)
{
    return method_names[m];
}

static node *parse_subscript(conf_parser *p, node *on, node_kind kind, size_t start)
{
    size_t open = p->pos++;
    if (!conf_enter(p, open))
        return NULL;
    if (token_op(parser_at(p, 0), OP(':')))
        return conf_parse_fail(p, "slice", p->pos,
                               DJ_LIT("slices (:) are not read in a settings file"),
                               "write the values out");
    node *index = conf_parse_expr(p);
    if (index == NULL)
        return NULL;
    if (token_op(parser_at(p, 0), OP(':')))
        return conf_parse_fail(p, "slice", p->pos,
                               DJ_LIT("slices (:) are not read in a settings file"),
                               "write the values out");
    while (p->in_annotation && conf_accept(p, OP(','))) {
        if (conf_parse_expr(p) == NULL)
            return NULL;
    }
    if (!conf_expect(p, OP(']'), "]"))
        return NULL;
    p->nesting--;
    node_list both = {0};
    conf_push(p, &both, on);
    conf_push(p, &both, index);
    node *n = conf_node_of(p, kind, start, open, &both);
    conf_mark(p, n, open);
    return n;
}

static node *parse_attribute(conf_parser *p, node *on, size_t start)
{
    size_t word = p->pos + 1;
    if (parser_at(p, 1)->kind != T_NAME) {
        p->pos++;
        return conf_parse_unexpected(p, "a name behind the dot");
    }
    p->pos += 2;
    dj_str text = token_text(p->src, &p->tokens->items[word]);
    bool   called = token_op(parser_at(p, 0), OP('('));
    if (dj_str_eq(text, DJ_LIT("parent")) && !called)
        return conf_node_of1(p, N_PARENT, start, word, on);
    if (dj_str_eq(text, DJ_LIT("parents")) && token_op(parser_at(p, 0), OP('['))) {
        node *n = parse_subscript(p, on, N_PARENTS, start);
        if (n != NULL)
            n->tok = (uint32_t)word;
        return n;
    }
    for (unsigned m = 0; m < METHOD_COUNT && called; m++) {
        node_list args = {0};
        if (!dj_str_eq(text, dj_str_of(method_names[m])))
            continue;
        conf_push(p, &args, on);
        if (!conf_parse_args(p, &args, NULL, NULL))
            return NULL;
        node *n = conf_node_of(p, N_METHOD, start, word, &args);
        n->op = m;
        return n;
    }
    bool mutates =
        called && (dj_str_eq(text, DJ_LIT("append")) || dj_str_eq(text, DJ_LIT("extend")) ||
                   dj_str_eq(text, DJ_LIT("insert")));
    return conf_parse_fail(
        p, "attribute", word,
        dj_strf(p->work, "." DJ_FMT "%s is not read in a settings file",
                DJ_ARG(dj_str_first(text, 80)), called ? "()" : ""),
        mutates
            ? "write X += [y] instead of X.append(y)"
            : "of methods split, lower, upper, strip, startswith, endswith, replace, join, resolve "
              "and joinpath are read");
}

static node *parse_postfix(conf_parser *p)
{
    size_t start = p->pos, length = 0;
    node  *n = conf_parse_atom(p);
    while (n != NULL) {
        const token *t = parser_at(p, 0);
        size_t       at = p->pos;
        unsigned     nesting = p->nesting;
        bool         dot = token_op(t, OP('.'));
        if (!dot && !token_op(t, OP('[')) && !token_op(t, OP('(')))
            return n;
        if (++length > POSTFIX_MAX)
            return conf_parse_fail(p, "nesting", at,
                                   DJ_LIT("too many dots and brackets behind one value"),
                                   "give inner parts a name of their own");
        node *next = dot ? parse_attribute(p, n, start)
                     : token_op(t, OP('['))
                         ? parse_subscript(p, n, N_INDEX, start)
                         : conf_parse_fail(p, "call", start,
                                           DJ_LIT("this can't be called in a settings file"),
                                           "only int, bool, str, Path and os functions are called");
        if (next == NULL && p->audit) {
            p->failed = false;
            p->nesting = nesting;
            bool name =
                dot && parser_at(p, 0)->kind != T_EOF && p->tokens->items[at + 1].kind == T_NAME;
            if (dot && !name) {
                p->failed = true;
                return NULL;
            }
            dj_str why =
                name ? dj_strf(
                           p->work, "needs ." DJ_FMT,
                           DJ_ARG(dj_str_first(token_text(p->src, &p->tokens->items[at + 1]), 80)))
                     : DJ_LIT("needs Python");
            p->pos = dot ? at + 2 : conf_skip_bracket(p, at);
            next = conf_opaque(p, start, n->kind == N_OPAQUE ? n->text : why);
        }
        n = next;
    }
    return n;
}

static node *parse_factor(conf_parser *p)
{
    size_t       start = p->pos;
    const token *t = parser_at(p, 0);
    if (token_op(t, OP('-')) || token_op(t, OP('+'))) {
        if (!conf_enter(p, start))
            return NULL;
        p->pos++;
        node *n = parse_factor(p);
        if (n == NULL)
            return NULL;
        p->nesting--;
        n = conf_node_of1(p, N_SIGN, start, start, n);
        n->op = t->op;
        return n;
    }
    node *n = parse_postfix(p);
    if (n == NULL || !token_op(parser_at(p, 0), OP2('*', '*')))
        return n;
    size_t tok = p->pos++;
    if (!conf_enter(p, tok))
        return NULL;
    node_list both = {0};
    conf_push(p, &both, n);
    n = parse_factor(p);
    if (n == NULL)
        return NULL;
    p->nesting--;
    conf_push(p, &both, n);
    return conf_node_of(p, N_POWER, start, tok, &both);
}

/* a op b op c, from left to right, without recursion: a chain may be long. */
static node *parse_chain(conf_parser *p, bool sum)
{
    size_t    start = p->pos;
    node     *first = sum ? parse_chain(p, false) : parse_factor(p);
    node_list list = {0}, ops = {0};
    if (first == NULL)
        return NULL;
    for (;;) {
        const token *t = parser_at(p, 0);
        bool         mine = sum ? token_op(t, OP('+')) || token_op(t, OP('-'))
                                : token_op(t, OP('*')) || token_op(t, OP('/')) ||
                              token_op(t, OP2('/', '/')) || token_op(t, OP('%'));
        if (!mine)
            break;
        size_t tok = p->pos++;
        node  *next = sum ? parse_chain(p, false) : parse_factor(p);
        if (next == NULL)
            return NULL;
        if (list.len == 0)
            conf_push(p, &list, first);
        conf_push(p, &list, next);
        node *op = conf_node_new(p, N_CHAIN, tok, tok);
        op->op = t->op;
        conf_push(p, &ops, op);
    }
    if (list.len == 0)
        return first;
    node *n = conf_node_of(p, N_CHAIN, start, start, &list);
    n->ops = dj_new_array(p->work, uint32_t, ops.len);
    n->toks = dj_new_array(p->work, uint32_t, ops.len);
    for (size_t i = 0; i < ops.len; i++) {
        n->ops[i] = ops.items[i]->op;
        n->toks[i] = ops.items[i]->tok;
    }
    return n;
}

/* 0, or the code of N_COMPARE; *words says how many tokens it takes. */
static uint32_t comparison(const conf_parser *p, size_t *words)
{
    *words = 1;
    if (conf_is_comparison(parser_at(p, 0)))
        return parser_at(p, 0)->op;
    if (conf_at_word(p, "in"))
        return 'i';
    if (conf_at_word(p, "not") && token_is(p->src, parser_at(p, 1), "in")) {
        *words = 2;
        return 'n';
    }
    if (!conf_at_word(p, "is"))
        return 0;
    if (!token_is(p->src, parser_at(p, 1), "not"))
        return 's';
    *words = 2;
    return 't';
}

static bool at_environ(const conf_parser *p)
{
    return conf_at_word(p, "os") && token_op(parser_at(p, 1), OP('.')) &&
           token_is(p->src, parser_at(p, 2), "environ") && !token_op(parser_at(p, 3), OP('.')) &&
           !token_op(parser_at(p, 3), OP('[')) && !token_op(parser_at(p, 3), OP('('));
}

static node *parse_compare(conf_parser *p)
{
    size_t   start = p->pos, words = 0;
    node    *left = parse_chain(p, true), *n;
    uint32_t op = left == NULL ? 0 : comparison(p, &words);
    if (op == 0)
        return left;
    size_t tok = p->pos;
    p->pos += words;
    node_list both = {0};
    conf_push(p, &both, left);
    if ((op == 'i' || op == 'n') && at_environ(p)) {
        n = conf_node_of(p, N_IN_ENV, start, tok, &both);
        conf_mark(p, n, p->pos);
        p->pos += 3;
    } else {
        node *right = parse_chain(p, true);
        if (right == NULL)
            return NULL;
        conf_push(p, &both, right);
        n = conf_node_of(p, N_COMPARE, start, tok, &both);
    }
    n->op = op;
    if (comparison(p, &words) != 0)
        return conf_parse_fail(p, "chained-comparison", p->pos,
                               dj_strf(p->work,
                                       "a second comparison (" DJ_FMT
                                       ") in a row is not read in a settings file",
                                       DJ_ARG(token_text(p->src, parser_at(p, 0)))),
                               "join two comparisons with and");
    return n;
}

static node *parse_not(conf_parser *p)
{
    if (!conf_at_word(p, "not"))
        return parse_compare(p);
    size_t start = p->pos;
    if (!conf_enter(p, start))
        return NULL;
    p->pos++;
    node *n = parse_not(p);
    if (n == NULL)
        return NULL;
    p->nesting--;
    return conf_node_of1(p, N_NOT, start, start, n);
}

static node *parse_bool(conf_parser *p, bool any)
{
    size_t    start = p->pos;
    node_list list = {0};
    do {
        node *n = any ? parse_bool(p, false) : parse_not(p);
        if (n == NULL)
            return NULL;
        conf_push(p, &list, n);
    } while (conf_at_word(p, any ? "or" : "and") && ++p->pos > 0);
    return list.len == 1 ? list.items[0] : conf_node_of(p, any ? N_OR : N_AND, start, start, &list);
}

static node *parse_conditional(conf_parser *p)
{
    size_t start = p->pos;
    node  *n = parse_bool(p, true);
    if (n == NULL || !conf_at_word(p, "if"))
        return n;
    size_t    tok = p->pos++;
    node_list three = {0};
    if (!conf_enter(p, tok))
        return NULL;
    node *condition = parse_bool(p, true);
    if (condition == NULL)
        return NULL;
    conf_push(p, &three, condition);
    conf_push(p, &three, n);
    if (!conf_at_word(p, "else"))
        return conf_parse_unexpected(p, "else");
    p->pos++;
    n = conf_parse_expr(p);
    if (n == NULL)
        return NULL;
    p->nesting--;
    conf_push(p, &three, n);
    return conf_node_of(p, N_IF, start, tok, &three);
}

node *conf_parse_expr(conf_parser *p)
{
    size_t   start = p->pos;
    unsigned nesting = p->nesting;
    node    *n = parse_conditional(p);
    if (p->audit && n == NULL && token_op(&p->tokens->items[start], OP('*')))
        return NULL; /* stands for any number of values */
    if (!p->audit || (n != NULL && conf_at_end_of_expr(p)))
        return n;
    p->failed = false;
    p->nesting = nesting;
    p->pos = start;
    return conf_skip_expr(p, DJ_LIT("needs Python"));
}

node *conf_parse_item(conf_parser *p)
{
    size_t start = p->pos;
    if (!conf_accept(p, OP('*')))
        return conf_parse_expr(p);
    node *n = p->audit ? conf_parse_expr(p) : parse_chain(p, true);
    return n == NULL ? NULL : conf_node_of1(p, N_STAR, start, start, n);
}

node *conf_parse_exprs(conf_parser *p)
{
    size_t    start = p->pos;
    node     *n = conf_parse_expr(p);
    node_list items = {0};
    if (n == NULL || !token_op(parser_at(p, 0), OP(',')))
        return n;
    conf_push(p, &items, n);
    while (conf_accept(p, OP(','))) {
        const token *t = parser_at(p, 0);
        if (t->kind == T_NEWLINE || t->kind == T_EOF || token_op(t, OP(';')) ||
            token_op(t, OP('=')))
            break;
        n = conf_parse_expr(p);
        if (n == NULL)
            return NULL;
        conf_push(p, &items, n);
    }
    return conf_node_of(p, N_TUPLE, start, start, &items);
}
