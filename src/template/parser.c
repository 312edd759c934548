/* src/template/parser.c - from tokens to a program.
 *
 * Block tags that are open stand in a stack, so the depth of a source costs no stack of ours. A
 * failure names the place of the innermost tag it belongs to. Static text is joined across
 * comments and tags that print nothing, so that contextual escaping sees what the browser will.
 * Django: django/template/base.py (Parser).
 *
 * Must not know: what a tag does. */
#include "template/inside.h"
#include "donjon/unicode.h"

#define NODES_MAX ((uint32_t)1 << 22)

dj_err dj_parse_fail_at(dj_parser *p, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    dj_str text = dj_vstrf(p->failures, fmt, args);
    va_end(args);
    return dj_fail_at(p->failures, DJ_ERR_TEMPLATE_SYNTAX, file, line, DJ_FMT, DJ_ARG(text));
}

/* -- nodes -- */

static uint32_t add_node(dj_parser *p, const dj_node_kind *kind, const void *data, uint32_t line,
                         uint32_t column)
{
    if (p->nnodes == p->cap) {
        uint32_t cap = p->cap == 0 ? 32 : 2 * p->cap;
        p->nodes =
            dj_realloc(p->scope, p->nodes, p->cap * sizeof *p->nodes, cap * sizeof *p->nodes);
        p->cap = cap;
    }
    DJ_ASSERT(p->nnodes < NODES_MAX);
    p->nodes[p->nnodes] = (dj_tnode){
        .kind = kind, .data = data, .next = p->nnodes + 1, .line = line, .column = column};
    return p->nnodes++;
}

/* Text that was put off. */
static void flush_text(dj_parser *p)
{
    dj_str text = dj_str_is_none(p->text_piece) ? dj_buf_str(&p->text) : p->text_piece;
    if (text.len > 0) {
        dj_chunk *chunk = dj_new(p->scope, dj_chunk);
        chunk->text = text;
        add_node(p, &dj_node_text, chunk, p->text_line, p->text_column);
    }
    p->text_piece = DJ_NONE;
    p->text = dj_buf_make(p->scope, SIZE_MAX / 2);
}

void dj_add_text(dj_parser *p, const dj_token *t)
{
    if (dj_str_is_none(p->text_piece) && p->text.len == 0) {
        p->text_piece = t->text;
        p->text_line = t->line;
        p->text_column = t->column;
    } else if (!dj_str_is_none(p->text_piece) &&
               p->text_piece.ptr + p->text_piece.len == t->text.ptr) {
        p->text_piece.len += t->text.len;
    } else {
        dj_buf_add(&p->text, p->text_piece);
        dj_buf_add(&p->text, t->text);
        p->text_piece = DJ_NONE;
    }
}

uint32_t dj_emit(dj_parser *p, const dj_node_kind *kind, const void *data)
{
    flush_text(p);
    return add_node(p, kind, data, p->blame.line, p->blame.column);
}

/* -- bodies -- */

dj_open *dj_open_last(dj_parser *p)
{
    DJ_ASSERT(p->nopen > 0);
    return &p->open[p->nopen - 1];
}

dj_err dj_open_body(dj_parser *p, const dj_token *token, uint32_t node, const char *until)
{
    if (p->nopen == NESTING_MAX)
        return dj_parse_fail(p, "More than %d tags inside each other", NESTING_MAX);
    flush_text(p);
    p->open[p->nopen++] = (dj_open){.token = *token, .node = node, .branch = node, .until = until};
    return DJ_OK;
}

void dj_next_branch(dj_parser *p, dj_open *open, const void *data, const char *until)
{
    flush_text(p);
    if (open->branch != open->node)
        p->nodes[open->branch].next = p->nnodes;
    open->branch = add_node(p, &dj_node_branch, data, p->blame.line, p->blame.column);
    open->until = until;
    open->nontext = false;
}

void dj_close_body(dj_parser *p, dj_open *open)
{
    DJ_ASSERT(open == dj_open_last(p));
    flush_text(p);
    p->nodes[open->branch].next = p->nnodes;
    p->nodes[open->node].next = p->nnodes;
    p->nopen--;
}

/* -- what tags ask -- */

/* _("... without its bracket at the end of the word. */
static bool is_unfinished(dj_str word)
{
    bool marked = dj_str_starts(word, DJ_LIT("_(\"")) || dj_str_starts(word, DJ_LIT("_('"));
    char ending[2] = {marked ? word.ptr[2] : ' ', ')'};
    return marked && !dj_str_ends(word, dj_str_n(ending, 2));
}

dj_err dj_tag_words(dj_parser *p, const dj_token *token, bool smart, dj_str **words, size_t *nwords)
{
    dj_str rest = token->text, word;
    size_t n = 0;
    (void)(smart ? dj_smart_next(&rest, &word) : dj_word_next(&rest, &word));
    dj_str list = rest;
    while (smart ? dj_smart_next(&rest, &word) : dj_word_next(&rest, &word))
        n++;
    if (n > WORDS_MAX)
        return dj_parse_fail(p, "More than %d words in a tag", WORDS_MAX);
    *words = dj_new_array(p->scope, dj_str, n);
    *nwords = n;
    for (size_t i = 0; i < n; i++) {
        dj_str *one = &(*words)[i];
        (void)(smart ? dj_smart_next(&list, one) : dj_word_next(&list, one));
        if (smart && is_unfinished(*one))
            return dj_parse_fail(p, "A text that is marked for translation has no end: " DJ_FMT,
                                 DJ_ARG(*one));
    }
    return DJ_OK;
}

bool dj_word_assigns(dj_str word, dj_str *key, dj_str *value)
{
    size_t at = 0;
    while (at < word.len) {
        size_t  next = at;
        int32_t cp = dj_utf8_next(word, &next);
        if (cp < 0 || !dj_cp_is_word((uint32_t)cp))
            break;
        at = next;
    }
    if (at == 0 || at + 1 >= word.len || word.ptr[at] != '=')
        return false;
    *key = dj_str_first(word, at);
    *value = dj_str_from(word, at + 1);
    return true;
}

/* A name that comes twice keeps its first place and takes the last value, as in a Python dict. */
static dj_err add_assign(dj_parser *p, dj_assign *list, size_t *n, dj_str key, dj_str value)
{
    size_t i = 0;
    while (i < *n && !dj_str_eq(list[i].name, key))
        i++;
    dj_err e = dj_expr_compile(p, value, &list[i].value);
    if (e)
        return e;
    list[i].name = dj_engine_name(p->engine, key);
    *n += i == *n ? 1 : 0;
    return DJ_OK;
}

dj_err dj_take_assigns(dj_parser *p, dj_str **words, size_t *nwords, bool legacy,
                       const dj_assign **out, size_t *nout)
{
    dj_assign *list = dj_new_array(p->scope, dj_assign, *nwords);
    dj_str     key, value;
    dj_err     e;
    size_t     at = 0, n = 0;
    *out = list;
    if (*nwords > 0 && dj_word_assigns((*words)[0], &key, &value)) {
        for (; at < *nwords && dj_word_assigns((*words)[at], &key, &value); at++) {
            if ((e = add_assign(p, list, &n, key, value)))
                return e;
        }
    } else if (legacy) {
        while (*nwords - at >= 3 && dj_str_eq((*words)[at + 1], DJ_LIT("as"))) {
            if ((e = add_assign(p, list, &n, (*words)[at + 2], (*words)[at])))
                return e;
            at += 3;
            if (at == *nwords || !dj_str_eq((*words)[at], DJ_LIT("and")))
                break;
            at++;
        }
    }
    *words += at;
    *nwords -= at;
    *nout = n;
    return DJ_OK;
}

const dj_filter *dj_parser_filter(dj_parser *p, dj_str name)
{
    const dj_filter *loaded = dj_map_get(&p->filters, name);
    return loaded != NULL ? loaded : dj_engine_filter(p->engine, name);
}

/* -- the loop -- */

static bool is_listed(const char *list, dj_str word)
{
    for (; list != NULL && *list != '\0'; list += strlen(list) + 1) {
        if (dj_str_eq(dj_str_of(list), word))
            return true;
    }
    return false;
}

/* 'a', 'b' or 'c' */
static dj_str alternatives(dj_scope *s, const char *list)
{
    dj_buf b = dj_buf_make(s, 4096);
    for (bool first = true; *list != '\0'; list += strlen(list) + 1, first = false) {
        bool last = list[strlen(list) + 1] == '\0';
        dj_buf_addf(&b, "%s'%s'", first ? "" : last ? " or " : ", ", list);
    }
    return dj_buf_str(&b);
}

static dj_err unknown_tag(dj_parser *p, const dj_token *t, dj_str word)
{
    const char *until = p->nopen == 0 ? NULL : dj_open_last(p)->until;
    if (until == NULL)
        return dj_parse_fail(p,
                             "Invalid block tag on line %u: '" DJ_FMT
                             "'. Did you forget to register or load this tag?",
                             t->line, DJ_ARG(word));
    return dj_parse_fail(p,
                         "Invalid block tag on line %u: '" DJ_FMT "', expected " DJ_FMT
                         ". Did you forget to register or load this tag?",
                         t->line, DJ_ARG(word), DJ_ARG(alternatives(p->failures, until)));
}

static dj_err unclosed_tag(dj_parser *p, const dj_open *open)
{
    dj_buf list = dj_buf_make(p->failures, 4096);
    for (const char *one = open->until; *one != '\0'; one += strlen(one) + 1)
        dj_buf_addf(&list, "%s%s", one == open->until ? "" : ", ", one);
    p->blame = open->token;
    return dj_parse_fail(p, "Unclosed tag on line %u: '%s'. Looking for one of: " DJ_FMT ".",
                         open->token.line, open->tag->name, DJ_ARG(dj_buf_str(&list)));
}

/* The tag stands for something in the body that is open. */
static void mark_nontext(dj_parser *p, size_t body)
{
    p->open[body].nontext = true;
}

static dj_err on_tag(dj_parser *p, const dj_token *t)
{
    dj_str rest = t->text, word;
    p->blame = *t;
    if (!dj_word_next(&rest, &word))
        return dj_parse_fail(p, "Empty block tag on line %u", t->line);
    size_t   body = p->nopen;
    dj_open *open = dj_open_last(p);
    if (is_listed(open->until, word)) {
        p->blame = open->token; /* the opening tag is to blame for what is wrong from here on */
        return open->tag->next(p, open, t, word);
    }
    const dj_tag *tag = dj_map_get(&p->tags, word);
    if (tag == NULL)
        tag = dj_engine_tag(p->engine, word);
    if (tag == NULL)
        return unknown_tag(p, t, word);
    p->tag = tag;
    dj_err e = tag->open(p, t);
    if (e)
        return e;
    if (p->nopen > body)
        p->open[p->nopen - 1].tag = tag;
    mark_nontext(p, body - 1);
    return DJ_OK;
}

static dj_err on_value(dj_parser *p, const dj_token *t)
{
    const dj_expr *e = NULL;
    p->blame = *t;
    if (t->text.len == 0)
        return dj_parse_fail(p, "Empty variable tag on line %u", t->line);
    dj_err err = dj_expr_compile(p, t->text, &e);
    if (err)
        return err;
    dj_emit(p, &dj_node_value, e);
    mark_nontext(p, p->nopen - 1);
    return DJ_OK;
}

/* At the end of the source: {% extends %} has taken the rest as its body; anything else that is
 * open was forgotten. */
static dj_err finish(dj_parser *p)
{
    flush_text(p);
    while (p->nopen > 1) {
        dj_open *open = dj_open_last(p);
        if (open->until != NULL)
            return unclosed_tag(p, open);
        p->blame = open->token;
        dj_err e = open->tag->next(p, open, &open->token, DJ_NONE);
        if (e)
            return e;
    }
    return DJ_OK;
}

dj_err dj_parse(dj_parser *p)
{
    static const dj_tag whole = {.name = ""};
    p->open = dj_new_array(p->scope, dj_open, NESTING_MAX + 1);
    p->open[0] = (dj_open){.tag = &whole};
    p->nopen = 1;
    p->text = dj_buf_make(p->scope, SIZE_MAX / 2);
    p->tags = p->filters = p->blocks = p->partials = p->own = dj_map_make(p->scope);
    for (;;) {
        dj_token t = dj_lexer_next(&p->lexer);
        dj_err   e = DJ_OK;
        if (t.kind == DJ_TOKEN_END)
            return finish(p);
        if (t.kind == DJ_TOKEN_TEXT)
            dj_add_text(p, &t);
        else if (t.kind == DJ_TOKEN_VALUE)
            e = on_value(p, &t);
        else if (t.kind == DJ_TOKEN_TAG)
            e = on_tag(p, &t);
        if (e)
            return e;
    }
}
