/* src/app/route_regex.c - what texts a regular expression of a route can be written back to.
 *
 * "^comments/(?:page-(?P<page>[0-9]+)/)?$" gives two rows: "comments/" and "comments/page-" page
 * "/". A group is an argument; what may be absent is absent, unless it holds a group: then there is
 * a row with it and one without. A class stands for its first character. Django:
 * utils/regex_helper.py, normalize().
 *
 * Must not know: nodes, names of routes; whether the text matches in the end. */
#include "app/app.h"

#define ROWS_MAX   64
#define PIECES_MAX 64
#define DEPTH_MAX  16

typedef enum item_kind { CHARS, GROUP, SEQUENCE, CHOICE } item_kind;

typedef struct item item;
struct item {
    item_kind kind;
    dj_str    text;       /* CHARS; name of a GROUP, or none */
    item     *first;      /* SEQUENCE; CHOICE: nothing, or this */
    item     *next, *end; /* end: last of a SEQUENCE */
};

typedef struct reader {
    dj_scope *scope;
    dj_str    text;
    size_t    at;
    char      c;
    bool      escaped;
    bool      unsupported; /* an alternative, flags: there is no way back */
} reader;

/* The next character that stands for text. False at the end. */
static bool next(reader *r)
{
    while (r->at < r->text.len) {
        r->c = r->text.ptr[r->at++];
        r->escaped = false;
        if (r->c != '\\')
            return true;
        if (r->at == r->text.len)
            return false;
        r->escaped = true;
        r->c = r->text.ptr[r->at++];
        switch (r->c) {
        case 'A':
        case 'b':
        case 'B':
        case 'Z':
            continue; /* a place, no text */
        case 'd':
            r->c = '0';
            return true;
        case 'D':
        case 'S':
        case 'w':
            r->c = 'x';
            return true;
        case 's':
            r->c = ' ';
            return true;
        case 'W':
            r->c = '!';
            return true;
        default:
            return true;
        }
    }
    return false;
}

static void append(item *seq, item *it)
{
    if (seq->first == NULL)
        seq->first = it;
    else
        seq->end->next = it;
    seq->end = it;
}

static item *make(reader *r, item_kind kind, dj_str text)
{
    item *it = dj_new(r->scope, item);
    it->kind = kind;
    it->text = text;
    return it;
}

static void append_char(reader *r, item *seq)
{
    append(seq, make(r, CHARS, dj_str_dup(r->scope, dj_str_n(&r->c, 1))));
}

/* Behind the bracket that closes the group we are in. */
static void skip_group(reader *r, bool at_open)
{
    size_t depth = at_open ? 2 : 1;
    while (depth > 0 && next(r)) {
        if (r->escaped)
            continue;
        if (r->c == '[') { /* brackets in a class are characters */
            bool first = true;
            while (next(r) && (r->escaped || r->c != ']' || first))
                first = !r->escaped && r->c == '^' && first;
        } else if (r->c == '(') {
            depth++;
        } else if (r->c == ')') {
            depth--;
        }
    }
}

static void read_class(reader *r, item *seq)
{
    if (!next(r))
        return;
    append_char(r, seq);
    while (next(r) && (r->escaped || r->c != ']'))
        ;
}

static void read_sequence(reader *r, item *seq, size_t depth);

/* Behind "(". */
static void read_group(reader *r, item *seq, size_t depth)
{
    if (!next(r))
        return;
    if (r->c != '?' || r->escaped) {
        append(seq, make(r, GROUP, DJ_NONE));
        if (r->c != ')' || r->escaped)
            skip_group(r, r->c == '(' && !r->escaped);
        return;
    }
    if (!next(r))
        return;
    if (r->c == ':') {
        item *inner = make(r, SEQUENCE, DJ_NONE);
        read_sequence(r, inner, depth + 1);
        append(seq, inner);
    } else if (r->c == 'P' && next(r) && r->c == '<') {
        size_t start = r->at;
        while (next(r) && r->c != '>')
            ;
        append(seq, make(r, GROUP, dj_str_n(r->text.ptr + start, r->at - 1 - start)));
        skip_group(r, false);
    } else {
        r->unsupported = true;
    }
}

static bool holds_group(const item *it)
{
    if (it->kind == GROUP)
        return true;
    for (const item *sub = it->first; sub != NULL; sub = sub->next) {
        if (holds_group(sub))
            return true;
    }
    return false;
}

/* The smallest count of "*", "+", "?", "{3,}"; skips a "?" or "+" behind it. */
static size_t read_count(reader *r)
{
    size_t count = r->c == '+' ? 1 : 0;
    if (r->c == '{') {
        while (r->at < r->text.len && dj_is_digit(r->text.ptr[r->at]) && count <= PIECES_MAX)
            count = count * 10 + (size_t)(r->text.ptr[r->at++] - '0');
        while (next(r) && r->c != '}')
            ;
    }
    if (r->at < r->text.len && (r->text.ptr[r->at] == '?' || r->text.ptr[r->at] == '+'))
        r->at++;
    return count;
}

static void quantify(reader *r, item *seq)
{
    size_t count = read_count(r);
    item  *last = seq->end;
    if (last == NULL)
        return;
    if (count == 0) {
        bool  choice = holds_group(last);
        item *it = make(r, choice ? CHOICE : SEQUENCE, DJ_NONE);
        if (choice) {
            it->first = dj_new(r->scope, item);
            *it->first = *last;
            it->first->next = NULL;
        }
        *last = *it; /* an empty sequence is nothing */
        last->next = NULL;
        return;
    }
    if (count > PIECES_MAX) {
        r->unsupported = true;
        return;
    }
    for (item *again = last; count > 1; count--) {
        item *copy = dj_new(r->scope, item);
        *copy = *again;
        copy->next = NULL;
        append(seq, copy);
    }
}

/* Up to the end, or to the ")" of a group. */
static void read_sequence(reader *r, item *seq, size_t depth)
{
    if (depth > DEPTH_MAX)
        r->unsupported = true;
    while (!r->unsupported && next(r)) {
        if (r->escaped) {
            append_char(r, seq);
            continue;
        }
        switch (r->c) {
        case '^':
            break;
        case '$':
            r->at = depth == 0 ? r->text.len : r->at;
            break;
        case '|':
            r->unsupported = true;
            break;
        case ')':
            return;
        case '[':
            read_class(r, seq);
            break;
        case '(':
            read_group(r, seq, depth);
            break;
        case '*':
        case '?':
        case '+':
        case '{':
            quantify(r, seq);
            break;
        default:
            append_char(r, seq);
        }
    }
}

/* -- rows -- */

typedef struct rows {
    dj_scope *scope;
    dj_row   *items;
    size_t    len;
    bool      full;
} rows;

static void add_piece(rows *rs, size_t i, const item *it)
{
    dj_row *row = &rs->items[i];
    if (row->len == PIECES_MAX) {
        rs->full = true;
        return;
    }
    dj_piece *pieces = dj_new_array(rs->scope, dj_piece, row->len + 1);
    if (row->len > 0)
        memcpy(pieces, row->pieces, row->len * sizeof *pieces);
    pieces[row->len] = (dj_piece){.argument = it->kind == GROUP, .text = it->text};
    row->pieces = pieces;
    row->len++;
}

static void flatten(rows *rs, const item *it)
{
    switch (it->kind) {
    case CHARS:
    case GROUP:
        for (size_t i = 0; i < rs->len; i++)
            add_piece(rs, i, it);
        return;
    case SEQUENCE:
        for (const item *sub = it->first; sub != NULL && !rs->full; sub = sub->next)
            flatten(rs, sub);
        return;
    case CHOICE: {
        size_t before = rs->len;
        if (before * 2 > ROWS_MAX) {
            rs->full = true;
            return;
        }
        rows with = {
            .scope = rs->scope, .items = dj_new_array(rs->scope, dj_row, ROWS_MAX), .len = before};
        memcpy(with.items, rs->items, before * sizeof *with.items);
        flatten(&with, it->first);
        rs->full = rs->full || with.full || before + with.len > ROWS_MAX;
        if (rs->full)
            return;
        memcpy(rs->items + before, with.items, with.len * sizeof *with.items);
        rs->len = before + with.len;
        return;
    }
    }
}

bool dj_regex_rows(dj_scope *s, dj_str regex, const dj_row **out, size_t *len)
{
    reader r = {.scope = s, .text = regex};
    item   all = {.kind = SEQUENCE};
    read_sequence(&r, &all, 0);
    if (r.unsupported)
        return false;
    rows rs = {.scope = s, .items = dj_new_array(s, dj_row, ROWS_MAX), .len = 1};
    flatten(&rs, &all);
    *out = rs.items;
    *len = rs.len;
    return !rs.full;
}
