/* src/conf/parser_tokens.c - what the parser stands on: taking tokens, making nodes, saying what is
 * wrong, and in an audit passing over what can't be read.
 *
 * Must not know: the grammar. */
#include "reader.h"

void conf_push(conf_parser *p, node_list *list, node *n)
{
    if (list->len == list->cap) {
        size_t cap = list->cap == 0 ? 4 : 2 * list->cap;
        list->items =
            dj_realloc(p->work, list->items, list->cap * sizeof(node *), cap * sizeof(node *));
        list->cap = cap;
    }
    list->items[list->len++] = n;
}

node *conf_node_new(conf_parser *p, node_kind kind, size_t start, size_t tok)
{
    node *n = dj_new(p->work, node);
    n->kind = (uint8_t)kind;
    n->start = (uint32_t)start;
    n->tok = (uint32_t)tok;
    return n;
}

node *conf_node_of(conf_parser *p, node_kind kind, size_t start, size_t tok, const node_list *list)
{
    node *n = conf_node_new(p, kind, start, tok);
    n->items = list->items;
    n->n = (uint32_t)list->len;
    return n;
}

node *conf_node_of1(conf_parser *p, node_kind kind, size_t start, size_t tok, node *a)
{
    node_list list = {0};
    conf_push(p, &list, a);
    return conf_node_of(p, kind, start, tok, &list);
}

void conf_mark(conf_parser *p, node *n, size_t tok)
{
    n->toks = dj_new_array(p->work, uint32_t, 1);
    n->toks[0] = (uint32_t)tok;
}

/* -- what can go wrong -- */

static bool bad_token(conf_parser *p, size_t tok)
{
    const token *t = &p->tokens->items[tok];
    if (t->kind != T_BAD)
        return false;
    p->failed = true;
    if (p->audit)
        return true;
    dj_str text = token_text(p->src, t);
    dj_str message =
        p->tokens->bad_message != NULL
            ? dj_strf(p->work, "%s (" DJ_FMT ")", p->tokens->bad_message, DJ_ARG(text))
            : dj_strf(p->work, "the character " DJ_FMT " can't stand here", DJ_ARG(text));
    conf_error_set(p->reader, p->tokens->bad_code, p->src, t->start, message,
                   dj_str_of(p->tokens->bad_advice));
    return true;
}

node *conf_parse_fail(conf_parser *p, const char *code, size_t tok, dj_str message,
                      const char *advice)
{
    if (p->failed || bad_token(p, tok))
        return NULL;
    p->failed = true;
    if (!p->audit)
        conf_error_set(p->reader, code, p->src, p->tokens->items[tok].start, message,
                       dj_str_of(advice));
    return NULL;
}

bool conf_is_comparison(const token *t)
{
    if (t->kind != T_OP)
        return false;
    switch (t->op) {
    case OP('<'):
    case OP('>'):
    case OP2('=', '='):
    case OP2('!', '='):
    case OP2('<', '='):
    case OP2('>', '='):
        return true;
    default:
        return false;
    }
}

static bool is_foreign_operator(const token *t)
{
    if (t->kind != T_OP)
        return false;
    switch (t->op) {
    case OP('|'):
    case OP('&'):
    case OP('^'):
    case OP('~'):
    case OP('@'):
    case OP2('<', '<'):
    case OP2('>', '>'):
        return true;
    default:
        return false;
    }
}

node *conf_parse_unexpected(conf_parser *p, const char *wanted)
{
    size_t       tok = p->pos < p->tokens->len ? p->pos : p->tokens->len - 1;
    const token *t = &p->tokens->items[tok];
    if (p->failed || bad_token(p, tok))
        return NULL;
    if (p->audit) {
        p->failed = true;
        return NULL;
    }
    dj_str text = token_text(p->src, t);
    if (t->kind == T_EOF && p->tokens->unclosed) {
        const token *open = &p->tokens->open;
        p->failed = true;
        conf_error_set(
            p->reader, "unclosed", p->src, open->start,
            dj_strf(p->work, "\"" DJ_FMT "\" is never closed", DJ_ARG(token_text(p->src, open))),
            DJ_LIT("close it with the bracket that belongs to it"));
        return NULL;
    }
    if (is_foreign_operator(t))
        return conf_parse_fail(p, "operator", tok,
                               dj_strf(p->work,
                                       "the operator " DJ_FMT " is not read in a settings file",
                                       DJ_ARG(text)),
                               "write the value out; merge dicts with {**a, **b}");
    if (token_op(t, OP2(':', '=')))
        return conf_parse_fail(p, "walrus", tok, DJ_LIT(":= is not read in a settings file"),
                               "assign on a line of its own: NAME = value");
    if (token_is(p->src, t, "for") || token_is(p->src, t, "async"))
        return conf_parse_fail(
            p, "comprehension", tok,
            dj_strf(p->work, "comprehensions (" DJ_FMT ") are not read in a settings file",
                    DJ_ARG(text)),
            "write the values out");
    if (token_is(p->src, t, "lambda"))
        return conf_parse_fail(p, "lambda", tok, DJ_LIT("lambda is not read in a settings file"),
                               "write the value out");
    dj_str found = t->kind == T_NEWLINE ? DJ_LIT("end of line")
                   : t->kind == T_EOF   ? DJ_LIT("end of file")
                   : t->kind == T_INDENT
                       ? DJ_LIT("an indented line")
                       : dj_strf(p->work, "\"" DJ_FMT "\"", DJ_ARG(conf_show(p->src, t)));
    return conf_parse_fail(p, "syntax", tok,
                           dj_strf(p->work, "expected %s, found " DJ_FMT, wanted, DJ_ARG(found)),
                           "");
}

bool conf_enter(conf_parser *p, size_t tok)
{
    if (++p->nesting <= CONF_NESTING_MAX)
        return true;
    conf_parse_fail(p, "nesting", tok,
                    dj_strf(p->work, "\"" DJ_FMT "\" is nested more than %d deep",
                            DJ_ARG(token_text(p->src, &p->tokens->items[tok])), CONF_NESTING_MAX),
                    "give inner parts a name of their own");
    return false;
}

bool conf_accept(conf_parser *p, uint32_t op)
{
    if (!token_op(parser_at(p, 0), op))
        return false;
    p->pos++;
    return true;
}

bool conf_expect(conf_parser *p, uint32_t op, const char *wanted)
{
    if (conf_accept(p, op))
        return true;
    conf_parse_unexpected(p, wanted);
    return false;
}

bool conf_at_word(const conf_parser *p, const char *word)
{
    return token_is(p->src, parser_at(p, 0), word);
}

/* -- audit: passing over what can't be read -- */

size_t conf_skip_bracket(const conf_parser *p, size_t tok)
{
    size_t depth = 0;
    for (; tok < p->tokens->len && p->tokens->items[tok].kind != T_EOF; tok++) {
        const token *t = &p->tokens->items[tok];
        if (token_op(t, OP('(')) || token_op(t, OP('[')) || token_op(t, OP('{')))
            depth++;
        else if ((token_op(t, OP(')')) || token_op(t, OP(']')) || token_op(t, OP('}'))) &&
                 --depth == 0)
            return tok + 1;
    }
    return tok;
}

node *conf_opaque(conf_parser *p, size_t start, dj_str why)
{
    node *n = conf_node_new(p, N_OPAQUE, start, start);
    n->text = dj_str_dup(p->reader->s, why);
    p->recovered = true;
    return n;
}

/* What may follow an expression. */
bool conf_at_end_of_expr(const conf_parser *p)
{
    const token *t = parser_at(p, 0);
    if (t->kind == T_NEWLINE || t->kind == T_EOF || t->kind == T_INDENT || t->kind == T_DEDENT)
        return true;
    if (t->kind == T_NAME)
        return token_is(p->src, t, "for") || token_is(p->src, t, "async");
    return token_op(t, OP(',')) || token_op(t, OP(')')) || token_op(t, OP(']')) ||
           token_op(t, OP('}')) || token_op(t, OP(':')) || token_op(t, OP('=')) ||
           token_op(t, OP(';'));
}

node *conf_skip_expr(conf_parser *p, dj_str why)
{
    size_t start = p->pos, lambdas = 0;
    for (;;) {
        const token *t = parser_at(p, 0);
        if (token_is(p->src, t, "lambda")) {
            lambdas++;
        } else if (lambdas > 0 && token_op(t, OP(':'))) {
            lambdas--;
        } else if (token_op(t, OP('(')) || token_op(t, OP('[')) || token_op(t, OP('{'))) {
            p->pos = conf_skip_bracket(p, p->pos);
            continue;
        } else if (conf_at_end_of_expr(p) &&
                   !(lambdas > 0 && (token_op(t, OP(',')) || token_op(t, OP('='))))) {
            break;
        }
        p->pos++;
    }
    if (p->pos == start) {
        p->failed = true;
        return NULL;
    }
    return conf_opaque(p, start, why);
}
