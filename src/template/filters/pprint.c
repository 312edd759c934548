/* src/template/filters/pprint.c - pprint: values for a developer's eye, as Python's pprint.pformat
 * lays them out (width 80, names of maps sorted). */
#include "template/filters/filters.h"
#include "template/inside.h"

enum { WIDTH = 80 };

typedef struct printer {
    dj_run *run;
    dj_buf  out;
    dj_err  error;
} printer;

static bool is_list(const dj_var *v)
{
    return v->kind == DJ_VAR_LIST || v->kind == DJ_VAR_ARRAY;
}

static int by_name(const void *a, const void *b)
{
    return dj_str_cmp(((const dj_var_item *)a)->name, ((const dj_var_item *)b)->name);
}

/* Names are there once, so the sort need not be stable. */
static const dj_var_item *sorted_items(printer *p, const dj_var_map *map)
{
    dj_var_item *items = dj_new_array(dj_run_scope(p->run), dj_var_item, map->len);
    if (map->len > 0)
        memcpy(items, map->items, map->len * sizeof(*items));
    qsort(items, map->len, sizeof(*items), by_name);
    return items;
}

static bool too_deep(printer *p, int depth)
{
    if (!p->error && depth > VALUE_DEPTH_MAX)
        p->error =
            dj_fail(dj_run_scope(p->run), DJ_ERR_TEMPLATE, "pprint: too many lists in lists");
    return p->error != DJ_OK;
}

/* repr() with the names of maps sorted, on one line. */
static void add_repr(printer *p, dj_buf *b, const dj_var *v, int depth)
{
    dj_var *items;
    size_t  len;
    if (too_deep(p, depth) || b->full)
        return;
    if (v->kind == DJ_VAR_MAP) {
        const dj_var_item *pairs = sorted_items(p, &v->map);
        dj_buf_add_byte(b, '{');
        for (size_t i = 0; i < v->map.len; i++) {
            dj_var name = dj_var_made(pairs[i].name, DJ_UNSAFE);
            dj_buf_add(b, i == 0 ? DJ_LIT("") : DJ_LIT(", "));
            dj_var_repr(p->run, b, &name);
            dj_buf_add(b, DJ_LIT(": "));
            add_repr(p, b, &pairs[i].value, depth + 1);
        }
        dj_buf_add_byte(b, '}');
    } else if (is_list(v)) {
        p->error = filter_items(p->run, v, &items, &len);
        dj_buf_add_byte(b, '[');
        for (size_t i = 0; !p->error && i < len; i++) {
            dj_buf_add(b, i == 0 ? DJ_LIT("") : DJ_LIT(", "));
            add_repr(p, b, &items[i], depth + 1);
        }
        dj_buf_add_byte(b, ']');
    } else {
        dj_var_repr(p->run, b, v);
    }
}

static dj_str repr(printer *p, const dj_var *v, int depth)
{
    dj_buf b = filter_buf(p->run);
    add_repr(p, &b, v, depth);
    if (b.full)
        p->out.full = true;
    return dj_buf_str(&b);
}

static dj_str repr_of_text(printer *p, dj_str text)
{
    dj_var v = dj_var_made(text, DJ_UNSAFE);
    return repr(p, &v, 0);
}

static void new_line(printer *p, int64_t indent)
{
    dj_buf_add_byte(&p->out, '\n');
    filter_repeat(&p->out, ' ', indent);
}

/* -- long texts: broken behind line ends and blanks -- */

typedef struct pieces {
    printer *p;
    int64_t  indent;
    bool     parens; /* the text is the whole value */
    size_t   n;
    dj_str   first; /* kept until there is a second */
} pieces;

static void add_piece(pieces *of, dj_str text)
{
    if (of->n == 0) {
        of->first = text;
    } else {
        if (of->n == 1) {
            dj_buf_add(&of->p->out, of->parens ? DJ_LIT("(") : DJ_LIT(""));
            dj_buf_add(&of->p->out, of->first);
        }
        new_line(of->p, of->indent);
        dj_buf_add(&of->p->out, text);
    }
    of->n++;
}

/* One of non-blanks and the blanks behind them. */
static dj_str next_part(dj_str *rest)
{
    size_t pos = 0, after;
    while (pos < rest->len && !filter_is_space_at(*rest, pos, &after))
        pos = after;
    while (pos < rest->len && filter_is_space_at(*rest, pos, &after))
        pos = after;
    dj_str part = dj_str_first(*rest, pos);
    *rest = dj_str_from(*rest, pos);
    return part;
}

/* A line that is too long for its own. */
static void add_parts(pieces *of, dj_str line, int64_t width, int64_t allowance)
{
    dj_str rest = line, current = dj_str_first(line, 0);
    while (rest.len > 0) {
        dj_str  part = next_part(&rest);
        dj_str  candidate = dj_str_n(current.ptr, current.len + part.len);
        int64_t room = rest.len == 0 ? width - allowance : width;
        if ((int64_t)filter_len(repr_of_text(of->p, candidate)) > room) {
            if (current.len > 0)
                add_piece(of, repr_of_text(of->p, current));
            current = part;
        } else {
            current = candidate;
        }
    }
    if (current.len > 0)
        add_piece(of, repr_of_text(of->p, current));
}

static void add_text(printer *p, dj_str text, int64_t indent, int64_t allowance, int level)
{
    pieces  of = {.p = p, .parens = level == 1};
    int64_t extra = level == 1 ? 1 : 0;
    dj_str  rest = text, line, end, whole = DJ_NONE;
    of.indent = indent + extra;
    int64_t width = WIDTH - of.indent;
    allowance += extra;
    while (filter_line(&rest, &line, &end)) {
        int64_t less = rest.len == 0 ? allowance : 0;
        dj_str  with_end = dj_str_n(line.ptr, line.len + end.len);
        whole = repr_of_text(p, with_end);
        if ((int64_t)filter_len(whole) <= width - less)
            add_piece(&of, whole);
        else
            add_parts(&of, with_end, width, less);
    }
    if (of.n < 2)
        dj_buf_add(&p->out, text.len == 0 ? DJ_LIT("''") : whole);
    else
        dj_buf_add(&p->out, of.parens ? DJ_LIT(")") : DJ_LIT(""));
}

/* -- layout -- */

static void add_value(printer *p, const dj_var *v, int64_t indent, int64_t allowance, int level);

static void add_items(printer *p, const dj_var *list, int64_t indent, int64_t allowance, int level)
{
    dj_var *items;
    size_t  len;
    p->error = filter_items(p->run, list, &items, &len);
    dj_buf_add_byte(&p->out, '[');
    for (size_t i = 0; !p->error && i < len && !p->out.full; i++) {
        if (i > 0) {
            dj_buf_add_byte(&p->out, ',');
            new_line(p, indent + 1);
        }
        add_value(p, &items[i], indent + 1, i + 1 == len ? allowance + 1 : 1, level);
    }
    dj_buf_add_byte(&p->out, ']');
}

static void add_pairs(printer *p, const dj_var_map *map, int64_t indent, int64_t allowance,
                      int level)
{
    const dj_var_item *pairs = sorted_items(p, map);
    dj_buf_add_byte(&p->out, '{');
    for (size_t i = 0; !p->error && i < map->len && !p->out.full; i++) {
        dj_str name = repr_of_text(p, pairs[i].name);
        if (i > 0) {
            dj_buf_add_byte(&p->out, ',');
            new_line(p, indent + 1);
        }
        dj_buf_add(&p->out, name);
        dj_buf_add(&p->out, DJ_LIT(": "));
        add_value(p, &pairs[i].value, indent + 3 + (int64_t)filter_len(name),
                  i + 1 == map->len ? allowance + 1 : 1, level);
    }
    dj_buf_add_byte(&p->out, '}');
}

static void add_value(printer *p, const dj_var *v, int64_t indent, int64_t allowance, int level)
{
    if (too_deep(p, level))
        return;
    dj_str flat = repr(p, v, level);
    if (p->error)
        return;
    bool fits = (int64_t)filter_len(flat) <= WIDTH - indent - allowance;
    if (!fits && v->kind == DJ_VAR_STR)
        add_text(p, v->text, indent, allowance, level + 1);
    else if (!fits && is_list(v))
        add_items(p, v, indent, allowance, level + 1);
    else if (!fits && v->kind == DJ_VAR_MAP)
        add_pairs(p, &v->map, indent, allowance, level + 1);
    else
        dj_buf_add(&p->out, flat);
}

FILTER(filter_pprint)
{
    printer p = {.run = run, .out = filter_buf(run)};
    add_value(&p, in, 0, 0, 0);
    return p.error ? p.error : filter_done(run, &p.out, DJ_UNSAFE, out);
}
