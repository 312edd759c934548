/* src/conf/statements.c - statements of a settings file.
 *
 * Strict: assignments, a few imports, texts on their own; anything else is an error. Audit: `if`
 * and `try` are kept, and what can't be read becomes a gap, to be searched by audit.c for the names
 * that it may have changed. */
#include "reader.h"

#define BLOCKS_MAX 60 /* blocks inside blocks; deeper ones become gaps */

typedef struct stmt_list {
    stmt **items;
    size_t len, cap;
} stmt_list;

static bool parse_block(conf_parser *p, block *out);

static void push(conf_parser *p, stmt_list *list, stmt *st)
{
    if (list->len == list->cap) {
        size_t cap = list->cap == 0 ? 8 : 2 * list->cap;
        list->items =
            dj_realloc(p->work, list->items, list->cap * sizeof(stmt *), cap * sizeof(stmt *));
        list->cap = cap;
    }
    list->items[list->len++] = st;
}

static stmt *stmt_new(conf_parser *p, stmt_kind kind, size_t first)
{
    stmt *st = dj_new(p->work, stmt);
    st->kind = (uint8_t)kind;
    st->first = (uint32_t)first;
    return st;
}

static const token *at(const conf_parser *p)
{
    return parser_at(p, 0);
}
static bool at_op(const conf_parser *p, uint32_t op)
{
    return token_op(at(p), op);
}
static bool at_word(const conf_parser *p, const char *word)
{
    return token_is(p->src, at(p), word);
}
static dj_str word_at(const conf_parser *p, size_t ahead)
{
    return token_text(p->src, parser_at(p, ahead));
}
static bool at_end(const conf_parser *p)
{
    return at(p)->kind == T_NEWLINE || at(p)->kind == T_EOF || at_op(p, OP(';'));
}

static stmt *failed(conf_parser *p, const char *code, size_t tok, dj_str message,
                    const char *advice)
{
    (void)conf_parse_fail(p, code, tok, message, advice);
    return NULL;
}
static stmt *unexpected(conf_parser *p, const char *wanted)
{
    (void)conf_parse_unexpected(p, wanted);
    return NULL;
}

static bool is_predeclared(dj_str name)
{
    static const char *const names[] = {"os", "Path", "CSP", "__file__", "int", "bool", "str"};
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        if (dj_str_eq(name, dj_str_of(names[i])))
            return true;
    }
    return false;
}

static bool is_augmented(const token *t)
{
    return t->kind == T_OP && t->len >= 2 && t->op != OP2('=', '=') && t->op != OP2('!', '=') &&
           t->op != OP2('<', '=') && t->op != OP2('>', '=') && (t->op >> 8 * (t->len - 1)) == '=' &&
           t->op != OP2(':', '=');
}

/* Is there an assignment in this statement, outside all brackets? */
static bool assigns(const conf_parser *p)
{
    for (size_t i = p->pos; i < p->tokens->len;) {
        const token *t = &p->tokens->items[i];
        if (t->kind == T_NEWLINE || t->kind == T_EOF || t->kind == T_BAD || token_op(t, OP(';')))
            return false;
        if (token_op(t, OP('=')) || is_augmented(t))
            return true;
        bool open = token_op(t, OP('(')) || token_op(t, OP('[')) || token_op(t, OP('{'));
        i = open ? conf_skip_bracket(p, i) : i + 1;
    }
    return false;
}

static stmt *not_a_statement(conf_parser *p, size_t tok)
{
    dj_str      word = token_text(p->src, &p->tokens->items[tok]);
    const char *advice = "a settings file holds lines like NAME = value; remove this one";
    if (dj_str_eq(word, DJ_LIT("if")) || dj_str_eq(word, DJ_LIT("try")) ||
        dj_str_eq(word, DJ_LIT("else")))
        advice =
            "split the file and write `from .base import *`, or write NAME = a if condition else b";
    else if (dj_str_eq(word, DJ_LIT("print")) || dj_str_eq(word, DJ_LIT("exec")))
        advice = "remove the call; nothing is run while settings are read";
    return failed(p, "statement", tok,
                  dj_strf(p->work,
                          "a statement that starts with \"" DJ_FMT
                          "\" is not read in a settings file",
                          DJ_ARG(conf_show(p->src, &p->tokens->items[tok]))),
                  advice);
}

static stmt *bad_target(conf_parser *p, size_t tok)
{
    dj_str word = token_text(p->src, &p->tokens->items[tok]);
    if (is_predeclared(word))
        return failed(p, "target", tok,
                      dj_strf(p->work, DJ_FMT " can't be assigned to", DJ_ARG(word)),
                      "choose another name; the environment is set outside of the settings file");
    return failed(p, "target", tok,
                  dj_strf(p->work, "this (" DJ_FMT ") is not one name to assign to", DJ_ARG(word)),
                  "write one NAME = value per line");
}

/* -- imports -- */

static stmt *import_not_read(conf_parser *p, size_t tok)
{
    dj_str text = p->tokens->items[tok].kind == T_NEWLINE
                      ? DJ_LIT("end of line")
                      : token_text(p->src, &p->tokens->items[tok]);
    return failed(
        p, "import", tok,
        dj_strf(p->work, "this import (" DJ_FMT ") is not read in a settings file", DJ_ARG(text)),
        "allowed are import os, from pathlib import Path, from .base import * and Django's CSP, "
        "gettext and "
        "message constants; keep secrets in the environment");
}

static stmt *bind(conf_parser *p, size_t first, bind_kind kind, dj_str name, dj_str as)
{
    stmt *st = stmt_new(
        p, kind == BIND_OS || kind == BIND_PATH || kind == BIND_NOTHING ? S_USES : S_BIND, first);
    st->bind = kind;
    st->names = dj_new(p->work, import_name);
    st->nnames = 1;
    st->names[0] = (import_name){.name = name, .as = as};
    if (st->kind == S_BIND)
        dj_map_set(&p->aliases, as, st);
    return st;
}

static stmt *parse_import(conf_parser *p)
{
    size_t first = p->pos++;
    if (!at_word(p, "os"))
        return import_not_read(p, p->pos);
    p->pos++;
    if (at_op(p, OP('.'))) {
        p->pos++;
        if (!at_word(p, "path"))
            return import_not_read(p, p->pos);
        p->pos++;
    }
    return at_end(p) ? bind(p, first, BIND_OS, DJ_LIT("os"), DJ_LIT("os"))
                     : import_not_read(p, p->pos);
}

/* The names behind `from .x import`. */
static stmt *parse_import_names(conf_parser *p, stmt *st)
{
    bool   paren = at_op(p, OP('('));
    size_t cap = 0;
    if (paren)
        p->pos++;
    for (;;) {
        const token *t = at(p);
        if (t->kind != T_NAME || conf_is_keyword(word_at(p, 0)))
            return unexpected(p, "a name to import");
        import_name name = {.name = word_at(p, 0), .as = word_at(p, 0), .tok = (uint32_t)p->pos++};
        if (at_word(p, "as")) {
            p->pos++;
            if (at(p)->kind != T_NAME || conf_is_keyword(word_at(p, 0)))
                return unexpected(p, "a name behind as");
            if (is_predeclared(word_at(p, 0)))
                return bad_target(p, p->pos);
            name.as = word_at(p, 0);
            p->pos++;
        }
        if (st->nnames == cap) {
            size_t more = cap == 0 ? 8 : 2 * cap;
            st->names = dj_realloc(p->work, st->names, cap * sizeof(import_name),
                                   more * sizeof(import_name));
            cap = more;
        }
        st->names[st->nnames++] = name;
        if (!at_op(p, OP(',')))
            break;
        p->pos++;
        if (paren && at_op(p, OP(')')))
            break;
    }
    if (paren && !at_op(p, OP(')')))
        return unexpected(p, "a comma or )");
    p->pos += paren;
    return st;
}

static stmt *parse_relative(conf_parser *p, size_t first)
{
    stmt *st = stmt_new(p, S_IMPORT, first);
    st->tok = (uint32_t)p->pos;
    for (; at_op(p, OP('.')); p->pos++)
        st->dots++;
    size_t from = at(p)->start, to = from;
    if (!at_word(p, "import")) {
        for (;;) {
            if (at(p)->kind != T_NAME || conf_is_keyword(word_at(p, 0)))
                return unexpected(p, "the name of a file");
            to = at(p)->start + at(p)->len;
            p->pos++;
            if (!at_op(p, OP('.')))
                break;
            p->pos++;
        }
    }
    st->module = dj_str_n(p->src->text.ptr + from, to - from);
    if (!at_word(p, "import"))
        return unexpected(p, "import");
    p->pos++;
    p->may_alias = true;
    if (!at_op(p, OP('*')))
        return parse_import_names(p, st);
    p->pos++;
    st->star = true;
    return st;
}

/* from MODULE import NAME [as NAME], for the few modules of Python and Django that are known. */
static stmt *parse_known(conf_parser *p, size_t first)
{
    static const struct {
        const char *module, *name;
        bind_kind   bind;
        bool        as;
    } known[] = {
        {"pathlib", "Path", BIND_PATH, false},
        {"__future__", "annotations", BIND_NOTHING, false},
        {"django.utils.csp", "CSP", BIND_NOTHING, false},
        {"django.contrib.messages", "constants", BIND_MESSAGES, true},
        {"django.utils.translation", "gettext", BIND_GETTEXT, true},
        {"django.utils.translation", "gettext_lazy", BIND_GETTEXT, true},
        {"django.utils.translation", "gettext_noop", BIND_GETTEXT, true},
    };
    size_t module = p->pos, from = at(p)->start, to = from;
    while (at(p)->kind == T_NAME && !at_word(p, "import")) {
        to = at(p)->start + at(p)->len;
        p->pos++;
        if (!at_op(p, OP('.')))
            break;
        p->pos++;
    }
    dj_str name = dj_str_n(p->src->text.ptr + from, to - from);
    bool   known_module = false, star;
    for (size_t i = 0; i < DJ_COUNT(known); i++)
        known_module = known_module || dj_str_eq(name, dj_str_of(known[i].module));
    star = at_word(p, "import") && token_op(parser_at(p, 1), OP('*'));
    if (p->audit && star && !known_module &&
        name.len > 0) { /* perhaps a package of the same project */
        stmt *st = stmt_new(p, S_IMPORT, first);
        st->tok = (uint32_t)module;
        st->module = name;
        st->star = true;
        p->may_alias = true;
        p->pos += 2;
        return st;
    }
    if (!known_module || star)
        return import_not_read(p, module);
    if (dj_str_eq(name, DJ_LIT("__future__")) && p->past_head)
        return failed(p, "syntax", module,
                      DJ_LIT("from __future__ must stand at the top of the file"), "");
    if (!at_word(p, "import"))
        return import_not_read(p, p->pos);
    size_t word = ++p->pos;
    for (size_t i = 0; i < DJ_COUNT(known); i++) {
        if (!dj_str_eq(name, dj_str_of(known[i].module)) || !at_word(p, known[i].name))
            continue;
        dj_str as = word_at(p, 0);
        p->pos++;
        if (known[i].as && at_word(p, "as")) {
            p->pos++;
            if (at(p)->kind != T_NAME || conf_is_keyword(word_at(p, 0)))
                return unexpected(p, "a name behind as");
            if (is_predeclared(word_at(p, 0)))
                return bad_target(p, p->pos);
            as = word_at(p, 0);
            p->pos++;
        }
        return at_end(p) ? bind(p, first, known[i].bind, dj_str_of(known[i].name), as)
                         : import_not_read(p, p->pos);
    }
    return import_not_read(p, word);
}

static stmt *parse_from(conf_parser *p)
{
    size_t first = p->pos++;
    if (at_op(p, OP('.')))
        return parse_relative(p, first);
    return parse_known(p, first);
}

/* -- assignments -- */

static bool is_target(const node *n)
{
    while (n->kind == N_INDEX)
        n = n->items[0];
    return n->kind == N_NAME;
}

static stmt *parse_assign(conf_parser *p)
{
    stmt  *st = stmt_new(p, S_ASSIGN, p->pos);
    size_t cap = 0;
    for (;;) {
        size_t start = p->pos;
        if (at(p)->kind == T_NAME && token_op(parser_at(p, 1), OP('=')) &&
            (is_predeclared(word_at(p, 0)) || conf_is_keyword(word_at(p, 0))))
            return bad_target(p, start);
        node *n = conf_parse_exprs(p);
        if (n == NULL)
            return NULL;
        if (!at_op(p, OP('='))) {
            st->value = n;
            break;
        }
        if (!is_target(n))
            return bad_target(p, start);
        if (st->ntargets == cap) {
            size_t more = cap == 0 ? 2 : 2 * cap;
            st->targets =
                dj_realloc(p->work, st->targets, cap * sizeof(node *), more * sizeof(node *));
            cap = more;
        }
        st->targets[st->ntargets++] = n;
        p->pos++;
    }
    return st->ntargets > 0 ? st : not_a_statement(p, st->first);
}

static stmt *parse_annotated(conf_parser *p)
{
    stmt *st = stmt_new(p, S_ASSIGN, p->pos);
    if (is_predeclared(word_at(p, 0)))
        return bad_target(p, p->pos);
    node *target = conf_node_new(p, N_NAME, p->pos, p->pos);
    target->text = word_at(p, 0);
    p->pos += 2;
    p->in_annotation = true;
    node *annotation = conf_parse_expr(p); /* never evaluated: it changes nothing */
    p->in_annotation = false;
    if (annotation == NULL)
        return NULL;
    if (!at_op(p, OP('=')))
        return unexpected(p, "= and a value");
    p->pos++;
    p->recovered = false;
    st->value = conf_parse_exprs(p);
    st->targets = dj_new(p->work, node *);
    st->targets[0] = target;
    st->ntargets = 1;
    return st->value == NULL ? NULL : st;
}

static stmt *parse_augment(conf_parser *p)
{
    stmt *st = stmt_new(p, S_AUGMENT, p->pos);
    if (is_predeclared(word_at(p, 0)))
        return bad_target(p, p->pos);
    st->targets = dj_new(p->work, node *);
    st->targets[0] = conf_node_new(p, N_NAME, p->pos, p->pos);
    st->targets[0]->text = word_at(p, 0);
    st->ntargets = 1;
    st->tok = (uint32_t)++p->pos;
    p->pos++;
    st->value = conf_parse_exprs(p);
    return st->value == NULL ? NULL : st;
}

/* A[...], A.b or A, b: find out what is meant, to say what is wrong. */
static stmt *parse_longer(conf_parser *p)
{
    size_t       first = p->pos;
    const token *next = parser_at(p, 1);
    if (token_op(next, OP('['))) {
        size_t end = first + 1;
        while (end < p->tokens->len && token_op(&p->tokens->items[end], OP('[')))
            end = conf_skip_bracket(p, end);
        const token *t = &p->tokens->items[end < p->tokens->len ? end : p->tokens->len - 1];
        if (is_predeclared(word_at(p, 0)) && token_op(t, OP('=')))
            return bad_target(p, first);
        if (is_augmented(t)) {
            p->pos = first;
            if (conf_parse_expr(p) == NULL)
                return NULL;
            return failed(p, "operator", end,
                          dj_strf(p->work,
                                  DJ_FMT " behind a subscript is not read in a settings file",
                                  DJ_ARG(token_text(p->src, t))),
                          "write A['x'] = A['x'] + value");
        }
        if (token_op(t, OP('=')))
            return parse_assign(p);
    }
    if (assigns(p))
        return bad_target(p, first);
    if (token_op(next, OP(',')))
        return not_a_statement(p, first);
    if (conf_parse_exprs(p) == NULL)
        return NULL;
    return not_a_statement(p, first);
}

static bool is_operator_word(dj_str word)
{
    return dj_str_eq(word, DJ_LIT("and")) || dj_str_eq(word, DJ_LIT("or")) ||
           dj_str_eq(word, DJ_LIT("in")) || dj_str_eq(word, DJ_LIT("is")) ||
           dj_str_eq(word, DJ_LIT("not")) || dj_str_eq(word, DJ_LIT("if"));
}

static stmt *parse_named(conf_parser *p)
{
    const token *next = parser_at(p, 1);
    size_t       behind = p->pos + 1;
    if (next->kind == T_BAD)
        return failed(p, "syntax", behind, DJ_NONE, "");
    if (token_op(next, OP('=')))
        return parse_assign(p);
    if (token_op(next, OP2('+', '=')))
        return parse_augment(p);
    if (is_augmented(next))
        return failed(
            p, "operator", behind,
            dj_strf(p->work, DJ_FMT " is not read in a settings file", DJ_ARG(word_at(p, 1))),
            "write NAME = NAME - value; of these only += is read");
    if (token_op(next, OP(':')))
        return parse_annotated(p);
    if (token_op(next, OP('.')) || token_op(next, OP('[')) || token_op(next, OP(',')))
        return parse_longer(p);
    if (token_op(next, OP2(':', '='))) {
        p->pos++;
        return unexpected(p, "=");
    }
    bool word = next->kind == T_NAME && !is_operator_word(word_at(p, 1));
    if (word || next->kind == T_NUMBER || next->kind == T_STRING || token_op(next, OP('{')) ||
        token_op(next, OP(')')) || token_op(next, OP(']')) || token_op(next, OP('}'))) {
        p->pos++;
        return unexpected(p, "=");
    }
    return not_a_statement(p, p->pos);
}

/* One simple statement of strict mode; in an audit NULL means: make it a gap. */
static stmt *parse_simple(conf_parser *p)
{
    const token *t = at(p);
    size_t       first = p->pos;
    stmt        *st;
    if (t->kind == T_STRING) {
        if (conf_parse_strings(p) == NULL)
            return NULL;
        return at_end(p) ? stmt_new(p, S_NOTHING, first) : unexpected(p, "end of line");
    }
    if (t->kind == T_NAME && conf_is_keyword(word_at(p, 0))) {
        if (at_word(p, "import")) {
            p->past_head = true;
            return parse_import(p);
        }
        if (at_word(p, "from")) {
            bool future = token_is(p->src, parser_at(p, 1), "__future__");
            st = parse_from(p);
            p->past_head = p->past_head || !future;
            return st;
        }
        return is_operator_word(word_at(p, 0)) && !at_word(p, "if") && !at_word(p, "not")
                   ? unexpected(p, "a statement")
                   : not_a_statement(p, first);
    }
    p->past_head = true;
    if (t->kind == T_NAME)
        return parse_named(p);
    if (t->kind == T_NUMBER)
        return not_a_statement(p, first);
    if (t->kind == T_OP) {
        if (t->op == OP('(') || t->op == OP('[') || t->op == OP('*'))
            return assigns(p) ? bad_target(p, first) : not_a_statement(p, first);
        if (t->op == OP('{') || t->op == OP('-') || t->op == OP('+') || t->op == OP('~'))
            return not_a_statement(p, first);
        return failed(
            p, "syntax", first,
            dj_strf(p->work, "a line can't start with \"" DJ_FMT "\"", DJ_ARG(word_at(p, 0))),
            "a settings file holds lines like NAME = value");
    }
    return unexpected(p, "a statement");
}

/* -- audit -- */

/* Behind the end of the logical line, or of this simple statement. */
static void skip_line(conf_parser *p)
{
    while (at(p)->kind != T_NEWLINE && at(p)->kind != T_EOF)
        p->pos++;
    if (at(p)->kind == T_NEWLINE)
        p->pos++;
}

static void skip_indented(conf_parser *p)
{
    if (at(p)->kind != T_INDENT)
        return;
    for (size_t depth = 0; at(p)->kind != T_EOF; p->pos++) {
        if (at(p)->kind == T_INDENT)
            depth++;
        else if (at(p)->kind == T_DEDENT && --depth == 0) {
            p->pos++;
            return;
        }
    }
}

static dj_str reason_of(conf_parser *p)
{
    const token *t = at(p);
    if (at_word(p, "import") || at_word(p, "from")) {
        dj_str module = word_at(p, 1);
        return dj_strf(p->reader->s, "import of " DJ_FMT, DJ_ARG(dj_str_first(module, 80)));
    }
    if (t->kind == T_NAME && conf_is_keyword(word_at(p, 0)))
        return dj_str_dup(p->reader->s, word_at(p, 0));
    if (token_op(t, OP('@')))
        return DJ_LIT("decorator");
    if (t->kind == T_NAME && !assigns(p) && token_op(parser_at(p, 1), OP('(')))
        return dj_strf(p->reader->s, "call of " DJ_FMT, DJ_ARG(dj_str_first(word_at(p, 0), 80)));
    return DJ_LIT("statement");
}

/* The logical line and its indented block, whatever it is. */
static stmt *gap(conf_parser *p, size_t first)
{
    p->pos = first;
    p->failed = false;
    p->nesting = 0;
    p->in_annotation = false;
    stmt *st = stmt_new(p, S_GAP, first);
    st->reason = reason_of(p);
    skip_line(p);
    skip_indented(p);
    st->last = (uint32_t)p->pos;
    return st;
}

/* Simple statements up to the end of the line. False: strict mode has failed. */
static bool parse_line(conf_parser *p, stmt_list *list)
{
    for (;;) {
        size_t first = p->pos;
        p->recovered = false;
        p->nesting = 0;
        stmt *st = NULL;
        if (p->audit && at_word(p, "pass")) {
            p->pos++;
            st = stmt_new(p, S_NOTHING, first);
        } else {
            st = parse_simple(p);
        }
        if (st != NULL && !at_end(p))
            st = unexpected(p, "end of line");
        if (st == NULL && !p->audit)
            return false;
        if (st == NULL) {
            push(p, list, gap(p, first));
            return true;
        }
        st->last = (uint32_t)p->pos;
        st->opaque = p->recovered;
        push(p, list, st);
        if (at_op(p, OP(';'))) {
            p->pos++;
            if (at(p)->kind == T_NEWLINE)
                p->pos++;
            else if (at(p)->kind != T_EOF)
                continue;
            return true;
        }
        if (at(p)->kind == T_NEWLINE)
            p->pos++;
        return true;
    }
}

/* ":" and what belongs to it. */
static bool parse_suite(conf_parser *p, block *out)
{
    if (!at_op(p, OP(':')))
        return false;
    p->pos++;
    if (at(p)->kind != T_NEWLINE) {
        stmt_list list = {0};
        if (at(p)->kind == T_EOF || !parse_line(p, &list))
            return false;
        *out = (block){list.items, list.len};
        return true;
    }
    p->pos++;
    if (at(p)->kind != T_INDENT)
        return false;
    p->pos++;
    return parse_block(p, out);
}

static stmt *parse_if(conf_parser *p)
{
    stmt *st = stmt_new(p, S_IF, p->pos++);
    p->recovered = false;
    p->nesting = 0;
    st->value = conf_parse_expr(p);
    st->opaque = p->recovered;
    st->tok = (uint32_t)p->pos;
    if (st->value == NULL || !parse_suite(p, &st->body))
        return NULL;
    if (at_word(p, "elif")) {
        stmt_list list = {0};
        size_t    first = p->pos;
        if (++p->block_depth > BLOCKS_MAX)
            return NULL;
        stmt *next = parse_if(p);
        p->block_depth--;
        if (next == NULL)
            return NULL;
        next->first = (uint32_t)first;
        push(p, &list, next);
        st->orelse = (block){list.items, list.len};
    } else if (at_word(p, "else")) {
        p->pos++;
        if (!parse_suite(p, &st->orelse))
            return NULL;
    }
    st->last = (uint32_t)p->pos;
    return st;
}

/* Does this `except` clause take a missing module? *pos is behind the colon's expression then. */
static bool takes_import_error(conf_parser *p)
{
    bool takes = at_op(p, OP(':'));
    for (; !at_op(p, OP(':')) && at(p)->kind != T_NEWLINE && at(p)->kind != T_EOF; p->pos++)
        takes = takes || at_word(p, "ImportError") || at_word(p, "ModuleNotFoundError") ||
                at_word(p, "Exception") || at_word(p, "BaseException");
    return takes;
}

static stmt *parse_try(conf_parser *p)
{
    stmt *st = stmt_new(p, S_TRY, p->pos++);
    bool  handled = false;
    if (!parse_suite(p, &st->body))
        return NULL;
    while (at_word(p, "except")) {
        block body = {0};
        p->pos++;
        bool takes = takes_import_error(p);
        if (!parse_suite(p, &body))
            return NULL;
        if (takes && !handled) {
            st->handlers = body;
            handled = true;
        }
    }
    if (at_word(p, "else")) {
        p->pos++;
        if (!parse_suite(p, &st->orelse))
            return NULL;
    }
    if (at_word(p, "finally")) {
        p->pos++;
        if (!parse_suite(p, &st->final))
            return NULL;
    }
    st->star = handled;
    st->last = (uint32_t)p->pos;
    return st;
}

/* if and try as a whole, or nothing of them: then all clauses become one gap. */
static stmt *parse_compound(conf_parser *p)
{
    size_t first = p->pos;
    if (p->block_depth < BLOCKS_MAX) {
        p->block_depth++;
        stmt *st = at_word(p, "if") ? parse_if(p) : parse_try(p);
        p->block_depth--;
        if (st != NULL)
            return st;
    }
    stmt *st = gap(p, first);
    while (at_word(p, "elif") || at_word(p, "else") || at_word(p, "except") ||
           at_word(p, "finally")) {
        skip_line(p);
        skip_indented(p);
    }
    st->last = (uint32_t)p->pos;
    return st;
}

/* Up to the DEDENT that ends it, or the end of the file. */
static bool parse_block(conf_parser *p, block *out)
{
    stmt_list list = {0};
    while (at(p)->kind != T_EOF && at(p)->kind != T_DEDENT) {
        if (p->audit && (at_word(p, "if") || at_word(p, "try")))
            push(p, &list, parse_compound(p));
        else if (at(p)->kind == T_INDENT)
            push(p, &list, gap(p, p->pos + 1));
        else if (!parse_line(p, &list))
            return false;
    }
    if (at(p)->kind == T_DEDENT)
        p->pos++;
    *out = (block){list.items, list.len};
    return true;
}

bool conf_parse(conf_parser *p, block *out)
{
    stmt_list list = {0};
    while (at(p)->kind != T_EOF) {
        if (at(p)->kind == T_DEDENT) {
            p->pos++; /* behind a gap that began inside a block */
            continue;
        }
        if (at(p)->kind == T_INDENT && !p->audit) {
            dj_str word = conf_show(p->src, parser_at(p, 1));
            return failed(p, "indent", p->pos,
                          dj_strf(p->work, "\"" DJ_FMT "\" is indented", DJ_ARG(word)),
                          "start every line of a settings file at its left edge") != NULL;
        }
        if (p->audit) {
            block some = {0};
            if (!parse_block(p, &some))
                return false;
            for (size_t i = 0; i < some.len; i++)
                push(p, &list, some.items[i]);
        } else if (!parse_line(p, &list)) {
            return false;
        }
    }
    *out = (block){list.items, list.len};
    return true;
}
