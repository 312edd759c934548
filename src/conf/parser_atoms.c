/* src/conf/parser_atoms.c - the values of a settings file that stand by themselves: texts, numbers,
 * names, known calls, brackets.
 *
 * Nothing is computed here. Must not know: operators, and what may follow a value. */
#include "reader.h"

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
        return conf_opaque(p, tok, f->message);
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
bool conf_parse_args(conf_parser *p, node_list *args, const char *named, node **named_value)
{
    size_t open = p->pos;
    if (!conf_expect(p, OP('('), "(") || !conf_enter(p, open))
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
            conf_push(p, args, n);
        if (!conf_accept(p, OP(',')))
            break;
    }
    p->nesting--;
    return conf_expect(p, OP(')'), "a comma or )");
}

static node *call_of(conf_parser *p, size_t start, conf_call which, const node_list *args)
{
    node *n = conf_node_of(p, N_CALL, start, start, args);
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
        if (!conf_enter(p, open))
            return NULL;
        node *key = conf_parse_expr(p);
        if (key == NULL || !conf_expect(p, OP(']'), "]"))
            return NULL;
        p->nesting--;
        node *n = conf_node_of1(p, N_ENV, start, start, key);
        conf_mark(p, n, open);
        return n;
    }
    bool get = words == 3 && token_is(p->src, one, "environ") && token_is(p->src, two, "get");
    if (get || (words == 2 && token_is(p->src, one, "getenv"))) {
        if (token_op(parser_at(p, get ? 5 : 3), OP('('))) {
            p->pos += get ? 5 : 3;
            if (!conf_parse_args(p, &args, "default", &named))
                return NULL;
            if (named != NULL && args.len == 1)
                conf_push(p, &args, named);
            else if (named != NULL)
                args.len = 0; /* too many or too few: reported by the evaluation */
            return call_of(p, start, CALL_ENV_GET, &args);
        }
    }
    for (size_t i = 0; i < DJ_COUNT(paths) && words == 3 && token_is(p->src, one, "path"); i++) {
        if (token_is(p->src, two, paths[i].name) && token_op(parser_at(p, 5), OP('('))) {
            p->pos += 5;
            return conf_parse_args(p, &args, NULL, NULL) ? call_of(p, start, paths[i].call, &args)
                                                         : NULL;
        }
    }
    const token *last = parser_at(p, 2 * words - 2);
    size_t       from = parser_at(p, 0)->start;
    dj_str       whole = dj_str_n(p->src->text.ptr + from, last->start + last->len - from);
    if (p->audit) {
        p->pos += 2 * words - 1;
        return conf_opaque(p, start,
                           dj_strf(p->work, "needs " DJ_FMT, DJ_ARG(dj_str_first(whole, 80))));
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
        return conf_opaque(p, tok,
                           dj_strf(p->work, "call of " DJ_FMT, DJ_ARG(dj_str_first(name, 80))));
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
        if (!conf_at_word(p, builtins[i].name))
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
        return conf_parse_args(p, &args, NULL, NULL) ? call_of(p, start, builtins[i].call, &args)
                                                     : NULL;
    }
    return NULL;
}

static node *parse_name(conf_parser *p)
{
    size_t       start = p->pos;
    const token *t = parser_at(p, 0);
    dj_str       text = token_text(p->src, t);
    if (conf_at_word(p, "True") || conf_at_word(p, "False") || conf_at_word(p, "None")) {
        p->pos++;
        node *n = constant(p, start, text.ptr[0] == 'N' ? DJ_V_NONE : DJ_V_BOOL);
        n->value->boolean = text.ptr[0] == 'T';
        return n;
    }
    if (conf_is_keyword(text))
        return conf_parse_unexpected(p, "a value");
    if (conf_at_word(p, "os"))
        return parse_os(p);
    if (conf_at_word(p, "CSP"))
        return parse_csp(p);
    if (conf_at_word(p, "__file__")) {
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
            if (conf_parse_args(p, &args, NULL, NULL)) {
                n = conf_node_of(p, N_ALIAS, start, start, &args);
                n->text = text;
                return n;
            }
            p->failed = false;
            p->pos = pos;
            return unknown_call(p, start);
        }
        if (!conf_parse_args(p, &args, NULL, NULL))
            return NULL;
        n = conf_node_of(p, N_ALIAS, start, start, &args);
        n->text = text;
        return n;
    }
    if (alias && token_op(parser_at(p, 0), OP('.')) && parser_at(p, 1)->kind == T_NAME &&
        token_text(p->src, parser_at(p, 1)).ptr[0] >= 'A' &&
        token_text(p->src, parser_at(p, 1)).ptr[0] <= 'Z') {
        n = conf_node_new(p, N_CONSTANT, start, start);
        n->text = text;
        n->word = token_text(p->src, parser_at(p, 1));
        conf_mark(p, n, start + 2);
        p->pos += 2;
        return n;
    }
    n = conf_node_new(p, N_NAME, start, start);
    n->text = text;
    return n;
}

/* An item of a list, tuple or set. */
static node *parse_paren(conf_parser *p)
{
    size_t    start = p->pos++;
    node_list items = {0};
    bool      comma = false;
    if (!conf_enter(p, start))
        return NULL;
    while (!token_op(parser_at(p, 0), OP(')'))) {
        size_t at = p->pos;
        node  *n = conf_parse_item(p);
        if (n == NULL)
            return NULL;
        conf_push(p, &items, n);
        comma = conf_accept(p, OP(','));
        if (!comma && items.len == 1 && n->kind == N_STAR && token_op(parser_at(p, 0), OP(')')))
            return conf_parse_fail(p, "star", at,
                                   DJ_LIT("\"*\" alone in parentheses means nothing"),
                                   "add a comma to make a tuple");
        if (!comma)
            break;
    }
    if (!conf_expect(p, OP(')'), "a comma or )"))
        return NULL;
    p->nesting--;
    if (items.len == 1 && !comma)
        return items.items[0];
    return conf_node_of(p, N_TUPLE, start, start, &items);
}

static node *parse_list(conf_parser *p)
{
    size_t    start = p->pos++;
    node_list items = {0};
    if (!conf_enter(p, start))
        return NULL;
    while (!token_op(parser_at(p, 0), OP(']'))) {
        node *n = conf_parse_item(p);
        if (n == NULL)
            return NULL;
        conf_push(p, &items, n);
        if (!conf_accept(p, OP(',')))
            break;
    }
    if (!conf_expect(p, OP(']'), "a comma or ]"))
        return NULL;
    p->nesting--;
    return conf_node_of(p, N_LIST, start, start, &items);
}

static node *parse_braces(conf_parser *p)
{
    size_t    start = p->pos++;
    node_list items = {0};
    enum { UNDECIDED, SET, DICT } what = UNDECIDED;
    if (!conf_enter(p, start))
        return NULL;
    while (!token_op(parser_at(p, 0), OP('}'))) {
        size_t at = p->pos;
        if (what != SET && conf_accept(p, OP2('*', '*'))) {
            node *n = conf_parse_expr(p);
            if (n == NULL)
                return NULL;
            what = DICT;
            conf_push(p, &items, NULL);
            conf_push(p, &items, conf_node_of1(p, N_STAR, at, at, n));
        } else {
            node *n = what == DICT ? conf_parse_expr(p) : conf_parse_item(p);
            if (n == NULL)
                return NULL;
            conf_push(p, &items, n);
            if (what == UNDECIDED)
                what = token_op(parser_at(p, 0), OP(':')) && n->kind != N_STAR ? DICT : SET;
            if (what == DICT) {
                if (!conf_expect(p, OP(':'), "a colon and a value"))
                    return NULL;
                n = conf_parse_expr(p);
                if (n == NULL)
                    return NULL;
                conf_push(p, &items, n);
            }
        }
        if (!conf_accept(p, OP(',')))
            break;
    }
    if (!conf_expect(p, OP('}'), "a comma or }"))
        return NULL;
    p->nesting--;
    return conf_node_of(p, what == SET ? N_SET : N_DICT, start, start, &items);
}

node *conf_parse_atom(conf_parser *p)
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
