/* src/conf/lexer.c - text to tokens, as Python's tokenizer cuts it.
 *
 * Strict mode stops at the first thing that no settings file may hold; the parser reports it when
 * it gets there, so that errors come in file order. Audit mode reads anything that Python could, to
 * be able to skip it. */
#include "reader.h"

typedef struct lexer {
    dj_scope          *work;
    const conf_source *src;
    bool               audit, stop;
    dj_str             text;
    size_t             pos;
    uint32_t           line;
    size_t             col_pos; /* the column of this offset is `col` */
    uint32_t           col;
    size_t             cap;
    token_list        *out;
    token             *open; /* brackets that wait for their end */
    size_t             depth, open_cap;
    uint32_t          *indents;
    size_t             nindents, indents_cap;
} lexer;

static const char *const keywords[] = {
    "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
    "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
    "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
    "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield",
};

bool conf_is_keyword(dj_str word)
{
    for (size_t i = 0; i < DJ_COUNT(keywords); i++) {
        if (dj_str_eq(word, dj_str_of(keywords[i])))
            return true;
    }
    return false;
}

static char peek(const lexer *x, size_t ahead)
{
    return x->pos + ahead < x->text.len ? x->text.ptr[x->pos + ahead] : '\0';
}

static bool name_start(char c)
{
    return dj_is_alpha(c) || c == '_';
}
static bool name_char(char c)
{
    return name_start(c) || dj_is_digit(c);
}

/* Columns are counted on from the last token, so a long line costs its length once. */
static uint32_t column_at(lexer *x, size_t start)
{
    for (; x->col_pos < start; x->col_pos++) {
        if (((unsigned char)x->text.ptr[x->col_pos] & 0xC0) != 0x80)
            x->col++;
    }
    return x->col;
}

static void next_line(lexer *x)
{
    x->line++;
    x->col_pos = x->pos;
    x->col = 1;
}

static token *add(lexer *x, token_kind kind, size_t start, size_t len)
{
    token_list *out = x->out;
    if (out->len == x->cap) {
        size_t cap = x->cap == 0 ? 256 : 2 * x->cap;
        out->items = dj_realloc(x->work, out->items, x->cap * sizeof(token), cap * sizeof(token));
        x->cap = cap;
    }
    token *t = &out->items[out->len++];
    *t = (token){.start = (uint32_t)start,
                 .len = (uint32_t)len,
                 .line = x->line,
                 .column = column_at(x, start),
                 .kind = (uint8_t)kind};
    return t;
}

static void bad(lexer *x, size_t start, size_t len, const char *code, const char *message,
                const char *advice)
{
    add(x, T_BAD, start, len);
    x->out->bad_code = code;
    x->out->bad_message = message;
    x->out->bad_advice = advice;
    x->out->broken = true;
    x->stop = true;
}

/* Length of a string prefix in front of a quote, or 0 if these letters are none. */
static size_t string_prefix(const lexer *x)
{
    size_t n = 0;
    bool   raw = false, other = false;
    for (; n < 3; n++) {
        char c = dj_to_lower(peek(x, n));
        if (c == '\'' || c == '"')
            return n;
        if (c == 'r' && !raw)
            raw = true;
        else if ((c == 'b' || c == 'f' ||
                  (c == 'u' &&
                   (n == 0 && (x->audit || peek(x, 1) == '\'' || peek(x, 1) == '"')))) &&
                 !other)
            other = true;
        else
            return 0;
    }
    return 0;
}

static void lex_string(lexer *x, size_t prefix)
{
    size_t   start = x->pos;
    uint32_t line = x->line, column = column_at(x, start);
    x->pos += prefix;
    char   quote = peek(x, 0);
    bool   triple = peek(x, 1) == quote && peek(x, 2) == quote;
    size_t quotes = triple ? 3 : 1;
    size_t opening = prefix + quotes;
    x->pos += quotes;
    for (;;) {
        if (x->pos >= x->text.len || (peek(x, 0) == '\n' && !triple)) {
            x->line = line;
            x->pos = start;
            x->col = column;
            x->col_pos = start;
            bad(x, start, opening, "unterminated-string", "this string is never closed",
                "close it with the same quotes it starts with");
            return;
        }
        char c = peek(x, 0);
        if (c == '\\' && x->pos + 1 < x->text.len) {
            x->pos++;
            c = peek(x, 0);
            x->pos++;
            if (c == '\n')
                next_line(x);
            continue;
        }
        if (c == quote && (!triple || (peek(x, 1) == quote && peek(x, 2) == quote)))
            break;
        x->pos++;
        if (c == '\n')
            next_line(x);
    }
    x->pos += quotes;
    uint32_t end_line = x->line, end_col = x->col;
    size_t   end_pos = x->col_pos;
    if (end_line == line) {
        add(x, T_STRING, start, x->pos - start);
        return;
    }
    x->line = line;
    x->col = column;
    x->col_pos = start;
    add(x, T_STRING, start, x->pos - start);
    x->line = end_line;
    x->col = end_col;
    x->col_pos = end_pos;
}

static void lex_number(lexer *x)
{
    size_t start = x->pos;
    if (peek(x, 0) == '0' && name_start(peek(x, 1)) && dj_to_lower(peek(x, 1)) != 'e') {
        while (name_char(peek(x, 0)))
            x->pos++;
    } else {
        while (dj_is_digit(peek(x, 0)) || peek(x, 0) == '_')
            x->pos++;
        if (peek(x, 0) == '.') {
            x->pos++;
            while (dj_is_digit(peek(x, 0)) || peek(x, 0) == '_')
                x->pos++;
        }
        if (dj_to_lower(peek(x, 0)) == 'e') {
            size_t sign = peek(x, 1) == '+' || peek(x, 1) == '-';
            if (dj_is_digit(peek(x, 1 + sign)))
                x->pos += 1 + sign;
        }
        while (name_char(peek(x, 0)))
            x->pos++;
    }
    add(x, T_NUMBER, start, x->pos - start);
}

static void bracket(lexer *x, const token *t)
{
    char c = x->text.ptr[t->start];
    if (c == '(' || c == '[' || c == '{') {
        if (x->depth == x->open_cap) {
            size_t cap = x->open_cap == 0 ? 64 : 2 * x->open_cap;
            x->open =
                dj_realloc(x->work, x->open, x->open_cap * sizeof(token), cap * sizeof(token));
            x->open_cap = cap;
        }
        x->open[x->depth++] = *t;
        return;
    }
    char wanted = c == ')' ? '(' : c == ']' ? '[' : '{';
    if (x->depth > 0 && x->text.ptr[x->open[x->depth - 1].start] == wanted)
        x->depth--;
    else
        x->out->broken =
            true; /* the strict parser stops at this token; an audit gives the file up */
}

static void lex_operator(lexer *x)
{
    static const char three[][4] = {"**=", "//=", ">>=", "<<="};
    static const char two[][3] = {"**", "//", ">>", "<<", "==", "!=", "<=", ">=", "->", ":=",
                                  "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@="};
    size_t            len = 1;
    dj_str            rest = dj_str_from(x->text, x->pos);
    for (size_t i = 0; i < DJ_COUNT(three) && len == 1; i++) {
        if (dj_str_starts(rest, dj_str_n(three[i], 3)))
            len = 3;
    }
    for (size_t i = 0; i < DJ_COUNT(two) && len == 1; i++) {
        if (dj_str_starts(rest, dj_str_n(two[i], 2)))
            len = 2;
    }
    char c = rest.ptr[0];
    if (len == 1 && strchr("()[]{}.,;:=+-*/%<>|&^~@", c) == NULL && !x->audit) {
        size_t after = x->pos;
        (void)dj_utf8_next(x->text, &after);
        bad(x, x->pos, after - x->pos, "syntax", NULL,
            (unsigned char)c >= 0x80 ? "names are plain ASCII; text stands in quotes, ' or \""
                                     : "");
        return;
    }
    token *t = add(x, T_OP, x->pos, len);
    for (size_t i = 0; i < len; i++)
        t->op |= (uint32_t)(unsigned char)rest.ptr[i] << 8 * i;
    x->pos += len;
    if (strchr("()[]{}", c) != NULL)
        bracket(x, t);
}

/* Blanks at the start of a line: INDENT and DEDENT tokens, as Python counts them. */
static void indentation(lexer *x)
{
    uint32_t column = 0;
    for (;; x->pos++) {
        char c = peek(x, 0);
        if (c == ' ')
            column++;
        else if (c == '\t')
            column = (column / 8 + 1) * 8;
        else if (c == '\f')
            column = 0;
        else
            break;
    }
    if (x->pos >= x->text.len || peek(x, 0) == '\n' || peek(x, 0) == '#' ||
        (peek(x, 0) == '\\' && peek(x, 1) == '\n'))
        return;
    uint32_t now = x->nindents == 0 ? 0 : x->indents[x->nindents - 1];
    if (column > now) {
        if (x->nindents == x->indents_cap) {
            size_t cap = x->indents_cap == 0 ? 32 : 2 * x->indents_cap;
            x->indents = dj_realloc(x->work, x->indents, x->indents_cap * sizeof(uint32_t),
                                    cap * sizeof(uint32_t));
            x->indents_cap = cap;
        }
        x->indents[x->nindents++] = column;
        add(x, T_INDENT, x->pos, 0);
        return;
    }
    while (x->nindents > 0 && x->indents[x->nindents - 1] > column) {
        x->nindents--;
        add(x, T_DEDENT, x->pos, 0);
    }
    if ((x->nindents == 0 ? 0 : x->indents[x->nindents - 1]) != column)
        x->out->broken = true; /* Python: unindent does not match any outer level */
}

static void newline(lexer *x, bool token_before)
{
    if (token_before)
        add(x, T_NEWLINE, x->pos, x->pos < x->text.len ? 1 : 0);
}

static void lex_one(lexer *x, bool *line_used, bool *line_start)
{
    char c = peek(x, 0);
    if (c == '\n') {
        if (x->depth == 0) {
            newline(x, *line_used);
            *line_used = false;
            *line_start = true;
        }
        x->pos++;
        next_line(x);
    } else if (c == ' ' || c == '\t' || c == '\f') {
        x->pos++;
    } else if (c == '#') {
        while (x->pos < x->text.len && peek(x, 0) != '\n')
            x->pos++;
    } else if (c == '\\') {
        if (peek(x, 1) != '\n' || x->pos + 2 >= x->text.len) {
            bad(x, x->pos, 1, "syntax", "something follows the backslash that continues the line",
                "a backslash must be the last character of its line; brackets continue lines, too");
            return;
        }
        x->pos += 2;
        next_line(x);
    } else {
        size_t prefix = 0;
        *line_used = true;
        if (c == '\'' || c == '"' || (prefix = string_prefix(x)) > 0) {
            lex_string(x, prefix);
        } else if (name_start(c) || (x->audit && (unsigned char)c >= 0x80)) {
            size_t start = x->pos;
            while (name_char(peek(x, 0)) || (x->audit && (unsigned char)peek(x, 0) >= 0x80))
                x->pos++;
            add(x, T_NAME, start, x->pos - start);
        } else if (dj_is_digit(c) || (c == '.' && dj_is_digit(peek(x, 1)))) {
            lex_number(x);
        } else {
            lex_operator(x);
        }
    }
}

void conf_lex(dj_scope *work, const conf_source *src, bool audit, token_list *out)
{
    lexer x = {.work = work,
               .src = src,
               .audit = audit,
               .text = src->text,
               .line = 1,
               .col = 1,
               .out = out};
    bool  line_used = false, line_start = true;
    *out = (token_list){0};
    while (x.pos < x.text.len && !x.stop) {
        if (line_start && x.depth == 0) {
            line_start = false;
            indentation(&x);
        } else {
            lex_one(&x, &line_used, &line_start);
        }
    }
    if (x.stop)
        return;
    if (x.depth > 0) {
        out->unclosed = true;
        out->open = x.open[x.depth - 1];
        out->broken = true;
    }
    if (!out->unclosed)
        newline(&x, line_used);
    while (x.nindents > 0) {
        x.nindents--;
        add(&x, T_DEDENT, x.pos, 0);
    }
    add(&x, T_EOF, x.pos, 0);
}
