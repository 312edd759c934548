/* src/conf/parser.c - expressions of a settings file: the grammar of docs/settings-files.md as
 * functions.
 *
 * Nothing is computed here. In an audit, a part that needs Python becomes N_OPAQUE and the rest is
 * kept. */
#include "reader.h"

#define POSTFIX_MAX                                                                                \
    40 /* .parent.parent... and [..][..] behind one value: with the nesting this bounds recursion  \
        */

typedef struct node_list {
    node **items;
    size_t len, cap;
} node_list;

static void push(conf_parser *p, node_list *list, node *n)
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

static node *node_of(conf_parser *p, node_kind kind, size_t start, size_t tok,
                     const node_list *list)
{
    node *n = conf_node_new(p, kind, start, tok);
    n->items = list->items;
    n->n = (uint32_t)list->len;
    return n;
}

static node *node_of1(conf_parser *p, node_kind kind, size_t start, size_t tok, node *a)
{
    node_list list = {0};
    push(p, &list, a);
    return node_of(p, kind, start, tok, &list);
}

static void mark(conf_parser *p, node *n, size_t tok)
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

static bool is_comparison(const token *t)
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

static bool enter(conf_parser *p, size_t tok)
{
    if (++p->nesting <= CONF_NESTING_MAX)
        return true;
    conf_parse_fail(p, "nesting", tok,
                    dj_strf(p->work, "\"" DJ_FMT "\" is nested more than %d deep",
                            DJ_ARG(token_text(p->src, &p->tokens->items[tok])), CONF_NESTING_MAX),
                    "give inner parts a name of their own");
    return false;
}

static bool accept(conf_parser *p, uint32_t op)
{
    if (!token_op(parser_at(p, 0), op))
        return false;
    p->pos++;
    return true;
}

static bool expect(conf_parser *p, uint32_t op, const char *wanted)
{
    if (accept(p, op))
        return true;
    conf_parse_unexpected(p, wanted);
    return false;
}

static bool at_word(const conf_parser *p, const char *word)
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

static node *opaque(conf_parser *p, size_t start, dj_str why)
{
    node *n = conf_node_new(p, N_OPAQUE, start, start);
    n->text = dj_str_dup(p->reader->s, why);
    p->recovered = true;
    return n;
}

/* What may follow an expression. */
static bool at_end_of_expr(const conf_parser *p)
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
        } else if (at_end_of_expr(p) &&
                   !(lambdas > 0 && (token_op(t, OP(',')) || token_op(t, OP('='))))) {
            break;
        }
        p->pos++;
    }
    if (p->pos == start) {
        p->failed = true;
        return NULL;
    }
    return opaque(p, start, why);
}

/* -- atoms -- */

static node *constant(conf_parser *p, size_t tok, dj_value_kind kind)
{
    node *n = conf_node_new(p, N_CONST, tok, tok);
    n->value = dj_new(p->reader->s, dj_value);
    n->value->kind = kind;
    n->value->origin =
        (dj_origin){p->src->path, p->tokens->items[tok].line, p->tokens->items[tok].column};
    return n;
}

static node *literal_failed(conf_parser *p, size_t tok, const literal_fault *f)
{
    if (p->audit)
        return opaque(p, tok, f->message);
    p->failed = true;
    conf_error_set(p->reader, f->code, p->src, f->offset, f->message, dj_str_of(f->advice));
    return NULL;
}

node *conf_parse_strings(conf_parser *p)
{
    size_t        start = p->pos, total = 0;
    literal_fault fault = {0};
    bool          failed = false;
    for (size_t i = 0; parser_at(p, i)->kind == T_STRING; i++)
        total += parser_at(p, i)->len;
    dj_buf b = dj_buf_make(p->reader->s, total + 1);
    dj_buf_reserve(&b, total);
    for (; parser_at(p, 0)->kind == T_STRING; p->pos++) {
        if (!failed)
            failed = !conf_read_string(p->work, p->src, parser_at(p, 0), &b, &fault);
        if (failed && !p->audit)
            break;
    }
    if (failed)
        return literal_failed(p, start, &fault);
    node *n = constant(p, start, DJ_V_STR);
    n->value->str = dj_buf_str(&b);
    n->value->flags = b.len > 0 ? DJ_VALUE_LITERAL : 0;
    return n;
}

static node *parse_number(conf_parser *p)
{
    size_t        tok = p->pos++;
    literal_fault fault = {0};
    dj_value      v = {0};
    if (!conf_read_number(p->work, p->src, &p->tokens->items[tok], &v, &fault))
        return literal_failed(p, tok, &fault);
    node *n = constant(p, tok, v.kind);
    if (v.kind == DJ_V_INT)
        n->value->integer = v.integer;
    else
        n->value->number = v.number;
    return n;
}

/* ( expr, ... ) behind a called name. `named`, if any, is the one keyword allowed; its value goes
 * to *named_value. */
static bool parse_args(conf_parser *p, node_list *args, const char *named, node **named_value)
{
    size_t open = p->pos;
    if (!expect(p, OP('('), "(") || !enter(p, open))
        return false;
    while (!token_op(parser_at(p, 0), OP(')'))) {
        const token *t = parser_at(p, 0);
        if (token_op(t, OP('*')) || token_op(t, OP2('*', '*'))) {
            conf_parse_fail(p, "star", p->pos,
                            dj_strf(p->work,
                                    "\"" DJ_FMT "\" in a call is not read in a settings file",
                                    DJ_ARG(token_text(p->src, t))),
                            "write the arguments out");
            return false;
        }
        bool keyword = t->kind == T_NAME && token_op(parser_at(p, 1), OP('='));
        if (keyword && (named == NULL || !token_is(p->src, t, named) || *named_value != NULL)) {
            conf_parse_fail(p, "call", p->pos,
                            dj_strf(p->work, "the argument " DJ_FMT "= is not read here",
                                    DJ_ARG(token_text(p->src, t))),
                            "write the arguments by position");
            return false;
        }
        if (!keyword && named_value != NULL && *named_value != NULL) {
            conf_parse_unexpected(p, ")");
            return false;
        }
        if (keyword)
            p->pos += 2;
        node *n = conf_parse_expr(p);
        if (n == NULL)
            return false;
        if (keyword)
            *named_value = n;
        else
            push(p, args, n);
        if (!accept(p, OP(',')))
            break;
    }
    p->nesting--;
    return expect(p, OP(')'), "a comma or )");
}

static node *call_of(conf_parser *p, size_t start, conf_call which, const node_list *args)
{
    node *n = node_of(p, N_CALL, start, start, args);
    n->op = which;
    return n;
}

static node *parse_os(conf_parser *p)
{
    static const struct {
        const char *name;
        conf_call   call;
    } paths[] = {{"join", CALL_OS_JOIN},
                 {"dirname", CALL_OS_DIRNAME},
                 {"abspath", CALL_OS_ABSPATH},
                 {"realpath", CALL_OS_REALPATH}};
    size_t    start = p->pos;
    node_list args = {0};
    node     *named = NULL;
    size_t    words = 1;
    while (words < 5 && token_op(parser_at(p, 2 * words - 1), OP('.')) &&
           parser_at(p, 2 * words)->kind == T_NAME)
        words++;
    const token *one = parser_at(p, 2), *two = parser_at(p, 4);
    if (words == 2 && token_is(p->src, one, "environ") && token_op(parser_at(p, 3), OP('['))) {
        size_t open = p->pos + 3;
        p->pos += 4;
        if (!enter(p, open))
            return NULL;
        node *key = conf_parse_expr(p);
        if (key == NULL || !expect(p, OP(']'), "]"))
            return NULL;
        p->nesting--;
        node *n = node_of1(p, N_ENV, start, start, key);
        mark(p, n, open);
        return n;
    }
    bool get = words == 3 && token_is(p->src, one, "environ") && token_is(p->src, two, "get");
    if (get || (words == 2 && token_is(p->src, one, "getenv"))) {
        if (token_op(parser_at(p, get ? 5 : 3), OP('('))) {
            p->pos += get ? 5 : 3;
            if (!parse_args(p, &args, "default", &named))
                return NULL;
            if (named != NULL && args.len == 1)
                push(p, &args, named);
            else if (named != NULL)
                args.len = 0; /* too many or too few: reported by the evaluation */
            return call_of(p, start, CALL_ENV_GET, &args);
        }
    }
    for (size_t i = 0; i < DJ_COUNT(paths) && words == 3 && token_is(p->src, one, "path"); i++) {
        if (token_is(p->src, two, paths[i].name) && token_op(parser_at(p, 5), OP('('))) {
            p->pos += 5;
            return parse_args(p, &args, NULL, NULL) ? call_of(p, start, paths[i].call, &args)
                                                    : NULL;
        }
    }
    const token *last = parser_at(p, 2 * words - 2);
    size_t       from = parser_at(p, 0)->start;
    dj_str       whole = dj_str_n(p->src->text.ptr + from, last->start + last->len - from);
    if (p->audit) {
        p->pos += 2 * words - 1;
        return opaque(p, start, dj_strf(p->work, "needs " DJ_FMT, DJ_ARG(dj_str_first(whole, 80))));
    }
    return conf_parse_fail(
        p, "attribute", start,
        dj_strf(p->work, DJ_FMT " is not read in a settings file", DJ_ARG(dj_str_first(whole, 80))),
        "of os only os.environ['X'], os.environ.get, os.getenv, os.path.join, dirname, abspath and "
        "realpath are read");
}

static node *parse_csp(conf_parser *p)
{
    static const char *const words[][2] = {
        {"HEADER_ENFORCE", "Content-Security-Policy"},
        {"HEADER_REPORT_ONLY", "Content-Security-Policy-Report-Only"},
        {"NONE", "'none'"},
        {"REPORT_SAMPLE", "'report-sample'"},
        {"SELF", "'self'"},
        {"STRICT_DYNAMIC", "'strict-dynamic'"},
        {"UNSAFE_EVAL", "'unsafe-eval'"},
        {"UNSAFE_HASHES", "'unsafe-hashes'"},
        {"UNSAFE_INLINE", "'unsafe-inline'"},
        {"WASM_UNSAFE_EVAL", "'wasm-unsafe-eval'"},
        {"NONCE", "<CSP_NONCE_SENTINEL>"},
    };
    size_t start = p->pos;
    if (!token_op(parser_at(p, 1), OP('.')) || parser_at(p, 2)->kind != T_NAME)
        return conf_parse_fail(p, "attribute", start, DJ_LIT("CSP stands for nothing by itself"),
                               "write one of its constants: CSP.SELF, CSP.NONCE, CSP.NONE, ...");
    for (size_t i = 0; i < DJ_COUNT(words); i++) {
        if (token_is(p->src, parser_at(p, 2), words[i][0])) {
            p->pos += 3;
            node *n = constant(p, start, DJ_V_STR);
            n->value->str = dj_str_of(words[i][1]);
            n->value->flags = DJ_VALUE_LITERAL;
            return n;
        }
    }
    return conf_parse_fail(
        p, "attribute", start + 2,
        dj_strf(p->work, "CSP has no " DJ_FMT, DJ_ARG(token_text(p->src, parser_at(p, 2)))),
        "CSP has NONE, REPORT_SAMPLE, SELF, STRICT_DYNAMIC, UNSAFE_EVAL, UNSAFE_HASHES, "
        "UNSAFE_INLINE, WASM_UNSAFE_EVAL and NONCE");
}

static node *unknown_call(conf_parser *p, size_t tok)
{
    dj_str name = token_text(p->src, &p->tokens->items[tok]);
    if (p->audit) {
        p->pos = conf_skip_bracket(p, tok + 1);
        return opaque(p, tok, dj_strf(p->work, "call of " DJ_FMT, DJ_ARG(dj_str_first(name, 80))));
    }
    return conf_parse_fail(
        p, "call", tok,
        dj_strf(p->work, "the call of " DJ_FMT "() is not read in a settings file", DJ_ARG(name)),
        "only int, bool, str, Path, os.environ.get, os.getenv and os.path functions are called; "
        "keep "
        "secrets in the environment");
}

static node *parse_builtin(conf_parser *p)
{
    static const struct {
        const char *name;
        conf_call   call;
    } builtins[] = {{"int", CALL_INT}, {"bool", CALL_BOOL}, {"str", CALL_STR}, {"Path", CALL_PATH}};
    size_t    start = p->pos;
    node_list args = {0};
    for (size_t i = 0; i < DJ_COUNT(builtins); i++) {
        if (!at_word(p, builtins[i].name))
            continue;
        p->pos++;
        if (p->in_annotation && !token_op(parser_at(p, 0), OP('('))) {
            node *n = conf_node_new(p, N_NAME, start, start);
            n->text = token_text(p->src, &p->tokens->items[start]);
            return n;
        }
        if (token_op(parser_at(p, 0), OP('.')) && parser_at(p, 1)->kind == T_NAME)
            return conf_parse_fail(p, "attribute", p->pos + 1,
                                   dj_strf(p->work, "%s." DJ_FMT " is not read in a settings file",
                                           builtins[i].name,
                                           DJ_ARG(token_text(p->src, parser_at(p, 1)))),
                                   "call it by its name alone, with one value");
        if (!token_op(parser_at(p, 0), OP('(')))
            return conf_parse_unexpected(p, "( behind the name of a type");
        return parse_args(p, &args, NULL, NULL) ? call_of(p, start, builtins[i].call, &args) : NULL;
    }
    return NULL;
}

static node *parse_name(conf_parser *p)
{
    size_t       start = p->pos;
    const token *t = parser_at(p, 0);
    dj_str       text = token_text(p->src, t);
    if (at_word(p, "True") || at_word(p, "False") || at_word(p, "None")) {
        p->pos++;
        node *n = constant(p, start, text.ptr[0] == 'N' ? DJ_V_NONE : DJ_V_BOOL);
        n->value->boolean = text.ptr[0] == 'T';
        return n;
    }
    if (conf_is_keyword(text))
        return conf_parse_unexpected(p, "a value");
    if (at_word(p, "os"))
        return parse_os(p);
    if (at_word(p, "CSP"))
        return parse_csp(p);
    if (at_word(p, "__file__")) {
        p->pos++;
        node *n = constant(p, start, DJ_V_STR);
        n->value->str = p->src->path;
        return n;
    }
    node *n = parse_builtin(p);
    if (n != NULL || p->failed)
        return n;
    bool alias = p->may_alias || dj_map_has(&p->aliases, text);
    p->pos++;
    if (token_op(parser_at(p, 0), OP('('))) {
        node_list args = {0};
        if (!alias)
            return unknown_call(p, start);
        if (p->audit) { /* the arguments of an unknown function may hold anything */
            size_t pos = p->pos;
            if (parse_args(p, &args, NULL, NULL)) {
                n = node_of(p, N_ALIAS, start, start, &args);
                n->text = text;
                return n;
            }
            p->failed = false;
            p->pos = pos;
            return unknown_call(p, start);
        }
        if (!parse_args(p, &args, NULL, NULL))
            return NULL;
        n = node_of(p, N_ALIAS, start, start, &args);
        n->text = text;
        return n;
    }
    if (alias && token_op(parser_at(p, 0), OP('.')) && parser_at(p, 1)->kind == T_NAME &&
        token_text(p->src, parser_at(p, 1)).ptr[0] >= 'A' &&
        token_text(p->src, parser_at(p, 1)).ptr[0] <= 'Z') {
        n = conf_node_new(p, N_CONSTANT, start, start);
        n->text = text;
        n->word = token_text(p->src, parser_at(p, 1));
        mark(p, n, start + 2);
        p->pos += 2;
        return n;
    }
    n = conf_node_new(p, N_NAME, start, start);
    n->text = text;
    return n;
}

/* An item of a list, tuple or set. */
static node *parse_item(conf_parser *p);

static node *parse_paren(conf_parser *p)
{
    size_t    start = p->pos++;
    node_list items = {0};
    bool      comma = false;
    if (!enter(p, start))
        return NULL;
    while (!token_op(parser_at(p, 0), OP(')'))) {
        size_t at = p->pos;
        node  *n = parse_item(p);
        if (n == NULL)
            return NULL;
        push(p, &items, n);
        comma = accept(p, OP(','));
        if (!comma && items.len == 1 && n->kind == N_STAR && token_op(parser_at(p, 0), OP(')')))
            return conf_parse_fail(p, "star", at,
                                   DJ_LIT("\"*\" alone in parentheses means nothing"),
                                   "add a comma to make a tuple");
        if (!comma)
            break;
    }
    if (!expect(p, OP(')'), "a comma or )"))
        return NULL;
    p->nesting--;
    if (items.len == 1 && !comma)
        return items.items[0];
    return node_of(p, N_TUPLE, start, start, &items);
}

static node *parse_list(conf_parser *p)
{
    size_t    start = p->pos++;
    node_list items = {0};
    if (!enter(p, start))
        return NULL;
    while (!token_op(parser_at(p, 0), OP(']'))) {
        node *n = parse_item(p);
        if (n == NULL)
            return NULL;
        push(p, &items, n);
        if (!accept(p, OP(',')))
            break;
    }
    if (!expect(p, OP(']'), "a comma or ]"))
        return NULL;
    p->nesting--;
    return node_of(p, N_LIST, start, start, &items);
}

static node *parse_braces(conf_parser *p)
{
    size_t    start = p->pos++;
    node_list items = {0};
    enum { UNDECIDED, SET, DICT } what = UNDECIDED;
    if (!enter(p, start))
        return NULL;
    while (!token_op(parser_at(p, 0), OP('}'))) {
        size_t at = p->pos;
        if (what != SET && accept(p, OP2('*', '*'))) {
            node *n = conf_parse_expr(p);
            if (n == NULL)
                return NULL;
            what = DICT;
            push(p, &items, NULL);
            push(p, &items, node_of1(p, N_STAR, at, at, n));
        } else {
            node *n = what == DICT ? conf_parse_expr(p) : parse_item(p);
            if (n == NULL)
                return NULL;
            push(p, &items, n);
            if (what == UNDECIDED)
                what = token_op(parser_at(p, 0), OP(':')) && n->kind != N_STAR ? DICT : SET;
            if (what == DICT) {
                if (!expect(p, OP(':'), "a colon and a value"))
                    return NULL;
                n = conf_parse_expr(p);
                if (n == NULL)
                    return NULL;
                push(p, &items, n);
            }
        }
        if (!accept(p, OP(',')))
            break;
    }
    if (!expect(p, OP('}'), "a comma or }"))
        return NULL;
    p->nesting--;
    return node_of(p, what == SET ? N_SET : N_DICT, start, start, &items);
}

static node *parse_atom(conf_parser *p)
{
    const token *t = parser_at(p, 0);
    switch (t->kind) {
    case T_STRING:
        return conf_parse_strings(p);
    case T_NUMBER:
        return parse_number(p);
    case T_NAME:
        return parse_name(p);
    case T_OP:
        break;
    default:
        return conf_parse_unexpected(p, "a value");
    }
    if (t->op == OP('('))
        return parse_paren(p);
    if (t->op == OP('['))
        return parse_list(p);
    if (t->op == OP('{'))
        return parse_braces(p);
    if (t->op == OP('*') || t->op == OP2('*', '*'))
        return conf_parse_fail(
            p, "star", p->pos,
            dj_strf(p->work, "\"" DJ_FMT "\" can't stand here", DJ_ARG(token_text(p->src, t))),
            "unpack inside brackets: [*a, *b] or {**a, **b}");
    return conf_parse_unexpected(p, "a value");
}

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
    if (!enter(p, open))
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
    while (p->in_annotation && accept(p, OP(','))) {
        if (conf_parse_expr(p) == NULL)
            return NULL;
    }
    if (!expect(p, OP(']'), "]"))
        return NULL;
    p->nesting--;
    node_list both = {0};
    push(p, &both, on);
    push(p, &both, index);
    node *n = node_of(p, kind, start, open, &both);
    mark(p, n, open);
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
        return node_of1(p, N_PARENT, start, word, on);
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
        push(p, &args, on);
        if (!parse_args(p, &args, NULL, NULL))
            return NULL;
        node *n = node_of(p, N_METHOD, start, word, &args);
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
    node  *n = parse_atom(p);
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
            next = opaque(p, start, n->kind == N_OPAQUE ? n->text : why);
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
        if (!enter(p, start))
            return NULL;
        p->pos++;
        node *n = parse_factor(p);
        if (n == NULL)
            return NULL;
        p->nesting--;
        n = node_of1(p, N_SIGN, start, start, n);
        n->op = t->op;
        return n;
    }
    node *n = parse_postfix(p);
    if (n == NULL || !token_op(parser_at(p, 0), OP2('*', '*')))
        return n;
    size_t tok = p->pos++;
    if (!enter(p, tok))
        return NULL;
    node_list both = {0};
    push(p, &both, n);
    n = parse_factor(p);
    if (n == NULL)
        return NULL;
    p->nesting--;
    push(p, &both, n);
    return node_of(p, N_POWER, start, tok, &both);
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
            push(p, &list, first);
        push(p, &list, next);
        node *op = conf_node_new(p, N_CHAIN, tok, tok);
        op->op = t->op;
        push(p, &ops, op);
    }
    if (list.len == 0)
        return first;
    node *n = node_of(p, N_CHAIN, start, start, &list);
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
    if (is_comparison(parser_at(p, 0)))
        return parser_at(p, 0)->op;
    if (at_word(p, "in"))
        return 'i';
    if (at_word(p, "not") && token_is(p->src, parser_at(p, 1), "in")) {
        *words = 2;
        return 'n';
    }
    if (!at_word(p, "is"))
        return 0;
    if (!token_is(p->src, parser_at(p, 1), "not"))
        return 's';
    *words = 2;
    return 't';
}

static bool at_environ(const conf_parser *p)
{
    return at_word(p, "os") && token_op(parser_at(p, 1), OP('.')) &&
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
    push(p, &both, left);
    if ((op == 'i' || op == 'n') && at_environ(p)) {
        n = node_of(p, N_IN_ENV, start, tok, &both);
        mark(p, n, p->pos);
        p->pos += 3;
    } else {
        node *right = parse_chain(p, true);
        if (right == NULL)
            return NULL;
        push(p, &both, right);
        n = node_of(p, N_COMPARE, start, tok, &both);
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
    if (!at_word(p, "not"))
        return parse_compare(p);
    size_t start = p->pos;
    if (!enter(p, start))
        return NULL;
    p->pos++;
    node *n = parse_not(p);
    if (n == NULL)
        return NULL;
    p->nesting--;
    return node_of1(p, N_NOT, start, start, n);
}

static node *parse_bool(conf_parser *p, bool any)
{
    size_t    start = p->pos;
    node_list list = {0};
    do {
        node *n = any ? parse_bool(p, false) : parse_not(p);
        if (n == NULL)
            return NULL;
        push(p, &list, n);
    } while (at_word(p, any ? "or" : "and") && ++p->pos > 0);
    return list.len == 1 ? list.items[0] : node_of(p, any ? N_OR : N_AND, start, start, &list);
}

static node *parse_conditional(conf_parser *p)
{
    size_t start = p->pos;
    node  *n = parse_bool(p, true);
    if (n == NULL || !at_word(p, "if"))
        return n;
    size_t    tok = p->pos++;
    node_list three = {0};
    if (!enter(p, tok))
        return NULL;
    node *condition = parse_bool(p, true);
    if (condition == NULL)
        return NULL;
    push(p, &three, condition);
    push(p, &three, n);
    if (!at_word(p, "else"))
        return conf_parse_unexpected(p, "else");
    p->pos++;
    n = conf_parse_expr(p);
    if (n == NULL)
        return NULL;
    p->nesting--;
    push(p, &three, n);
    return node_of(p, N_IF, start, tok, &three);
}

node *conf_parse_expr(conf_parser *p)
{
    size_t   start = p->pos;
    unsigned nesting = p->nesting;
    node    *n = parse_conditional(p);
    if (p->audit && n == NULL && token_op(&p->tokens->items[start], OP('*')))
        return NULL; /* stands for any number of values */
    if (!p->audit || (n != NULL && at_end_of_expr(p)))
        return n;
    p->failed = false;
    p->nesting = nesting;
    p->pos = start;
    return conf_skip_expr(p, DJ_LIT("needs Python"));
}

static node *parse_item(conf_parser *p)
{
    size_t start = p->pos;
    if (!accept(p, OP('*')))
        return conf_parse_expr(p);
    node *n = p->audit ? conf_parse_expr(p) : parse_chain(p, true);
    return n == NULL ? NULL : node_of1(p, N_STAR, start, start, n);
}

node *conf_parse_exprs(conf_parser *p)
{
    size_t    start = p->pos;
    node     *n = conf_parse_expr(p);
    node_list items = {0};
    if (n == NULL || !token_op(parser_at(p, 0), OP(',')))
        return n;
    push(p, &items, n);
    while (accept(p, OP(','))) {
        const token *t = parser_at(p, 0);
        if (t->kind == T_NEWLINE || t->kind == T_EOF || token_op(t, OP(';')) ||
            token_op(t, OP('=')))
            break;
        n = conf_parse_expr(p);
        if (n == NULL)
            return NULL;
        push(p, &items, n);
    }
    return node_of(p, N_TUPLE, start, start, &items);
}
