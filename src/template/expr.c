/* src/template/expr.c - variables and filters: {{ path.to.it|filter:arg }}.
 *
 * The grammar is Django's regular expression, followed by hand, with its way to name what could
 * not be read. Literals are safe texts. Django: django/template/base.py (FilterExpression,
 * Variable).
 *
 * Must not know: tags, places in a page. */
#include "donjon/unicode.h"
#include "template/inside.h"
#include <errno.h>
#include <stdlib.h>

/* -- reading -- */

static bool word_at(dj_str s, size_t at, size_t *next)
{
    *next = at;
    if (at >= s.len)
        return false;
    int32_t cp = dj_utf8_next(s, next);
    return cp >= 0 && dj_cp_is_word((uint32_t)cp);
}

static bool space_at(dj_str s, size_t at, size_t *next)
{
    *next = at;
    if (at >= s.len)
        return false;
    int32_t cp = dj_utf8_next(s, next);
    return cp >= 0 && dj_cp_is_space((uint32_t)cp);
}

static size_t skip_spaces(dj_str s, size_t at)
{
    for (size_t next; space_at(s, at, &next);)
        at = next;
    return at;
}

/* Behind a literal text "..." '...' _("...") _('...') that begins at `at`, or 0. */
static size_t skip_literal(dj_str s, size_t at)
{
    bool translated = dj_str_starts(dj_str_from(s, at), DJ_LIT("_("));
    if (translated)
        at += 2;
    if (at >= s.len || (s.ptr[at] != '"' && s.ptr[at] != '\''))
        return 0;
    char quote = s.ptr[at++];
    while (at < s.len && s.ptr[at] != quote)
        at += s.ptr[at] == '\\' ? 2 : 1;
    if (at >= s.len)
        return 0;
    at++;
    if (!translated)
        return at;
    return at < s.len && s.ptr[at] == ')' ? at + 1 : 0;
}

/* Behind a run of word characters and dots, or a number with a sign; 0: neither. */
static size_t skip_name(dj_str s, size_t at)
{
    size_t end = at, next;
    while (end < s.len && (s.ptr[end] == '.' || word_at(s, end, &next)))
        end = s.ptr[end] == '.' ? end + 1 : next;
    if (end > at)
        return end;
    if (at + 1 >= s.len || (s.ptr[at] != '-' && s.ptr[at] != '+') || !dj_is_digit(s.ptr[at + 1]))
        return 0;
    for (end = at + 1;
         end < s.len && (dj_is_digit(s.ptr[end]) || s.ptr[end] == '.' || s.ptr[end] == 'e');)
        end++;
    return end;
}

typedef struct filter_match {
    size_t start, end;
    dj_str name, arg; /* arg: none */
} filter_match;

/* The first "| name[:arg]" at or behind `at`. */
static bool find_filter_call(dj_str s, size_t at, filter_match *m)
{
    while (at < s.len) {
        size_t bar = skip_spaces(s, at), name = bar + 1, end, next;
        if (bar >= s.len)
            return false;
        if (s.ptr[bar] != '|') {
            (void)dj_utf8_next(s, &bar);
            at = bar;
            continue;
        }
        name = skip_spaces(s, name);
        for (end = name; word_at(s, end, &next);)
            end = next;
        if (end == name) {
            at = bar + 1;
            continue;
        }
        *m = (filter_match){.start = at, .end = end, .name = dj_str_n(s.ptr + name, end - name)};
        if (end < s.len && s.ptr[end] == ':') {
            size_t arg = skip_literal(s, end + 1);
            if (arg == 0)
                arg = skip_name(s, end + 1);
            if (arg != 0) {
                m->arg = dj_str_n(s.ptr + end + 1, arg - end - 1);
                m->end = arg;
            }
        }
        return true;
    }
    return false;
}

/* -- literals and paths -- */

/* Digits with single underscores between them, as Python reads numbers; without them into `out`. */
static bool plain_digits(dj_str text, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '_') {
            bool between = i > 0 && i + 1 < text.len && dj_is_digit(text.ptr[i - 1]) &&
                           dj_is_digit(text.ptr[i + 1]);
            if (!between)
                return false;
            continue;
        }
        if (n + 1 >= room)
            return false;
        out[n++] = text.ptr[i];
    }
    out[n] = '\0';
    return n > 0;
}

static bool is_float(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t      digits = 0;
    for (; dj_is_digit(*at) || *at == '.'; at++)
        digits += dj_is_digit(*at) ? 1 : 0;
    const char *dot = strchr(text, '.');
    if (digits == 0 || (dot != NULL && strchr(dot + 1, '.') != NULL))
        return false;
    if (*at != 'e' && *at != 'E')
        return *at == '\0';
    at += 1 + (at[1] == '-' || at[1] == '+');
    if (!dj_is_digit(*at))
        return false;
    while (dj_is_digit(*at))
        at++;
    return *at == '\0';
}

/* A bare word that Python takes for a number. *large: an integer beyond 64 bits. */
static bool read_number(dj_str text, dj_var *out, bool *large)
{
    char room[512];
    *large = false;
    if (text.len == 0 || !(dj_is_digit(text.ptr[0]) || strchr("+-.", text.ptr[0]) != NULL) ||
        !plain_digits(text, room, sizeof room))
        return false;
    if (strpbrk(room, ".eE") != NULL) {
        if (!is_float(room) || dj_str_ends(text, DJ_LIT(".")))
            return false;
        *out = dj_var_float(strtod(room, NULL));
        return true;
    }
    char *end = NULL;
    errno = 0;
    long long number = strtoll(room, &end, 10);
    if (*end != '\0' || end == room)
        return false;
    *large = errno == ERANGE;
    *out = dj_var_int(number);
    return true;
}

/* Only the quotation mark and the backslash can be escaped. */
static dj_str unquoted(dj_scope *s, dj_str text)
{
    char   quote = text.ptr[0];
    dj_str inside = dj_str_n(text.ptr + 1, text.len - 2);
    if (dj_str_chr(inside, '\\') == DJ_NOT_FOUND)
        return inside;
    char  *out = dj_alloc_raw(s, inside.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < inside.len; i++) {
        if (inside.ptr[i] == '\\' && i + 1 < inside.len &&
            (inside.ptr[i + 1] == quote || inside.ptr[i + 1] == '\\'))
            i++;
        out[n++] = inside.ptr[i];
    }
    return dj_str_n(out, n);
}

static dj_err compile_path(dj_parser *p, dj_str text, dj_operand *out)
{
    if (text.ptr[0] == '_' || dj_str_has(text, DJ_LIT("._")))
        return dj_parse_fail(
            p, "Variables and attributes may not begin with underscores: '" DJ_FMT "'",
            DJ_ARG(text));
    size_t n = 1;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '.' ? 1 : 0;
    dj_segment *path = dj_new_array(p->scope, dj_segment, n);
    dj_str      rest = text;
    for (size_t i = 0; dj_str_next(&rest, '.', &path[i].name); i++) {
        path[i].index = -1;
        if (path[i].name.len == 0 || !dj_is_digit(path[i].name.ptr[0]) ||
            !dj_str_to_int(path[i].name, &path[i].index))
            path[i].index = -1;
    }
    path[0].name = dj_engine_name(p->engine, path[0].name);
    out->path = path;
    out->npath = n;
    return DJ_OK;
}

static dj_err compile_operand(dj_parser *p, dj_str text, dj_operand *out)
{
    bool large = false;
    *out = (dj_operand){.source = text};
    if (text.ptr[0] == '"' || text.ptr[0] == '\'') {
        out->literal = dj_var_made(unquoted(p->scope, text), DJ_SAFE_HTML);
        return DJ_OK;
    }
    if (text.len > 3 && dj_str_starts(text, DJ_LIT("_("))) {
        dj_str inside = dj_str_n(text.ptr + 2, text.len - 3);
        out->literal = dj_var_made(unquoted(p->scope, inside), DJ_SAFE_HTML);
        return DJ_OK;
    }
    if (!read_number(text, &out->literal, &large))
        return compile_path(p, text, out);
    if (large)
        return dj_parse_fail(p, "The number " DJ_FMT " is too large", DJ_ARG(text));
    return DJ_OK;
}

/* -- filters -- */

static dj_err compile_filter(dj_parser *p, const filter_match *m, dj_filter_call *out)
{
    dj_operand *arg = NULL;
    if (!dj_str_is_none(m->arg)) {
        arg = dj_new(p->scope, dj_operand);
        dj_err e = compile_operand(p, m->arg, arg);
        if (e)
            return e;
    }
    const dj_filter *filter = dj_parser_filter(p, m->name);
    if (filter == NULL)
        return dj_parse_fail(p, "Invalid filter: '" DJ_FMT "'", DJ_ARG(m->name));
    bool needed = (filter->flags & DJ_FILTER_ARG_NEEDED) != 0;
    bool allowed = needed || (filter->flags & DJ_FILTER_ARG_ALLOWED) != 0;
    if ((needed && arg == NULL) || (!allowed && arg != NULL))
        return dj_parse_fail(p, DJ_FMT " requires %d arguments, %d provided", DJ_ARG(m->name),
                             needed ? 2 : 1, arg == NULL ? 1 : 2);
    *out = (dj_filter_call){.filter = filter, .arg = arg};
    return DJ_OK;
}

static dj_err remainder_error(dj_parser *p, dj_str text, size_t upto)
{
    dj_str rest = dj_str_from(text, upto);
    return dj_parse_fail(p, "Could not parse the remainder: '" DJ_FMT "' from '" DJ_FMT "'",
                         DJ_ARG(rest), DJ_ARG(text));
}

dj_err dj_expr_compile(dj_parser *p, dj_str text, const dj_expr **out)
{
    dj_filter_call calls[FILTERS_MAX];
    filter_match   m;
    dj_expr       *e = dj_new(p->scope, dj_expr);
    e->source = text;
    size_t upto = skip_literal(text, 0);
    if (upto == 0)
        upto = skip_name(text, 0);
    if (upto != 0) {
        dj_err err = compile_operand(p, dj_str_first(text, upto), &e->what);
        if (err)
            return err;
    }
    while (upto < text.len && find_filter_call(text, upto, &m)) {
        if (m.start != upto)
            return dj_parse_fail(p,
                                 "Could not parse some characters: " DJ_FMT "|" DJ_FMT "|" DJ_FMT,
                                 DJ_ARG(dj_str_first(text, upto)), (int)(m.start - upto),
                                 text.ptr + upto, DJ_ARG(dj_str_from(text, m.start)));
        if (upto == 0)
            return dj_parse_fail(p, "Could not find variable at start of " DJ_FMT ".",
                                 DJ_ARG(text));
        if (e->nfilters == FILTERS_MAX)
            return dj_parse_fail(p, "More than %d filters on one value", FILTERS_MAX);
        dj_err err = compile_filter(p, &m, &calls[e->nfilters++]);
        if (err)
            return err;
        upto = m.end;
    }
    if (upto != text.len || text.len == 0)
        return remainder_error(p, text, upto);
    if (e->nfilters > 0) {
        dj_filter_call *kept = dj_new_array(p->scope, dj_filter_call, e->nfilters);
        e->filters = memcpy(kept, calls, e->nfilters * sizeof *kept);
        e->raw = strcmp(calls[e->nfilters - 1].filter->name, "safe") == 0;
    }
    e->super = e->nfilters == 0 && dj_str_eq(text, DJ_LIT("block.super"));
    *out = e;
    return DJ_OK;
}

/* -- evaluation -- */

/* Remembers where an object has it. */
static dj_err get_segment(dj_run *run, const dj_var *from, const dj_segment *segment, dj_var *out,
                          bool *found)
{
    dj_segment    *it = (dj_segment *)(uintptr_t)segment;
    const dj_attr *attr =
        from->kind == DJ_VAR_OBJECT ? dj_attr_find(from->object.attrs, segment->name) : NULL;
    if (attr != NULL) {
        it->attrs = from->object.attrs;
        it->attr = attr;
    }
    return dj_var_get(run, from, segment->name, out, found);
}

dj_err dj_path_walk(dj_run *run, const dj_segment *path, size_t npath, dj_var from, dj_var *out,
                    bool *found)
{
    dj_err e;
    *found = true;
    for (size_t i = 0; i < npath && *found; i++) {
        if (from.kind == DJ_VAR_LAZY && (e = dj_var_force(run, &from, &from)))
            return e;
        dj_var next = dj_var_none();
        if (from.kind == DJ_VAR_OBJECT && from.object.attrs == &dj_block_attrs &&
            dj_str_eq(path[i].name, DJ_LIT("super")))
            e = dj_block_super(run, from.object.ptr, false, &next);
        else if (from.kind == DJ_VAR_OBJECT && path[i].attrs == from.object.attrs)
            e = dj_attr_read(run->scope, from.object.ptr, from.object.attrs, path[i].attr, &next);
        else
            e = get_segment(run, &from, &path[i], &next, found);
        if (e)
            return e;
        from = next;
    }
    if (from.kind == DJ_VAR_LAZY && (e = dj_var_force(run, &from, &from)))
        return e;
    *out = from;
    return DJ_OK;
}

dj_err dj_operand_eval(dj_run *run, const dj_operand *o, dj_var *out, bool *found)
{
    *found = true;
    if (o->path == NULL) {
        *out = o->literal;
        return DJ_OK;
    }
    dj_err e;
    /* {{ row.title }}: straight to where it goes, as copying what was just written is slow. */
    const dj_binding *row =
        o->npath == 2 ? dj_find_binding(run, o->path[0].name, run->floor) : NULL;
    if (row != NULL && row->value.kind == DJ_VAR_OBJECT &&
        o->path[1].attrs == row->value.object.attrs) {
        e = dj_attr_read(run->scope, row->value.object.ptr, o->path[1].attrs, o->path[1].attr, out);
        return e || out->kind != DJ_VAR_LAZY ? e : dj_var_force(run, out, out);
    }
    dj_var first = dj_var_none();
    if ((e = dj_run_get(run, o->path[0].name, &first, found)) || !*found)
        return e;
    if (o->npath == 1 && first.kind != DJ_VAR_LAZY) {
        *out = first;
        return DJ_OK;
    }
    return dj_path_walk(run, o->path + 1, o->npath - 1, first, out, found);
}

/* string_if_invalid with the variable in the place of %s, as Python's % operator does it. */
static dj_err invalid_text(dj_run *run, dj_str format, dj_str name, dj_var *out)
{
    dj_buf b = dj_buf_make(run->scope, SIZE_MAX / 2);
    size_t used = 0;
    if (!dj_str_has(format, DJ_LIT("%s"))) {
        *out = dj_var_made(format, DJ_UNSAFE);
        return DJ_OK;
    }
    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] != '%') {
            dj_buf_add_byte(&b, format.ptr[i]);
            continue;
        }
        char c = i + 1 < format.len ? format.ptr[++i] : '\0';
        if (c == 's' && used++ == 0)
            dj_buf_add(&b, name);
        else if (c == '%')
            dj_buf_add_byte(&b, '%');
        else
            return dj_fail(run->scope, DJ_ERR_TEMPLATE, "string_if_invalid has more than one %%s");
    }
    *out = dj_var_made(dj_buf_str(&b), DJ_UNSAFE);
    return DJ_OK;
}

static dj_err missing_argument(dj_run *run, const dj_operand *arg)
{
    return dj_fail(run->scope, DJ_ERR_VARIABLE_MISSING, "Failed lookup for key [" DJ_FMT "]",
                   DJ_ARG(arg->source));
}

/* What a filter made of safe text: safe again, and text, be it a list. */
static dj_err mark_safe(dj_run *run, dj_var *v)
{
    dj_str text = DJ_NONE;
    dj_err e = dj_var_plain(run, v, &text);
    if (!e && (v->kind != DJ_VAR_STR || v->safety == DJ_UNSAFE))
        *v = dj_var_made(text, DJ_SAFE_HTML);
    return e;
}

static dj_err apply(dj_run *run, const dj_filter *f, const dj_var *arg, dj_var *v)
{
    dj_err    e;
    dj_var    out = dj_var_none();
    dj_moment local;
    bool      safe = dj_var_is_safe(v);
    if ((f->flags & DJ_FILTER_LOCALTIME) && v->kind == DJ_VAR_DATETIME && v->moment->aware &&
        run->engine != NULL && dj_engine_options_of(run->engine)->use_tz) {
        local = dj_moment_local(v->moment);
        v->moment = memcpy(dj_alloc_raw(run->scope, sizeof local), &local, sizeof local);
    }
    if ((f->flags & DJ_FILTER_STRING) && v->kind != DJ_VAR_STR) {
        dj_str text = DJ_NONE;
        if ((e = dj_var_plain(run, v, &text)))
            return e;
        *v = dj_var_made(text, DJ_UNSAFE);
    }
    if ((e = f->apply(run, v, arg, &out)))
        return e;
    if ((f->flags & DJ_FILTER_IS_SAFE) && safe && (e = mark_safe(run, &out)))
        return e;
    *v = out;
    return DJ_OK;
}

dj_err dj_expr_filter(dj_run *run, const dj_expr *e, dj_var in, dj_var *out)
{
    dj_err err;
    for (size_t i = 0; i < e->nfilters; i++) {
        const dj_filter_call *call = &e->filters[i];
        dj_var                arg = dj_var_none();
        bool                  found = true;
        if (call->arg != NULL && (err = dj_operand_eval(run, call->arg, &arg, &found)))
            return err;
        if (!found)
            return missing_argument(run, call->arg);
        if ((err = apply(run, call->filter, call->arg == NULL ? NULL : &arg, &in)))
            return err;
    }
    *out = in;
    return DJ_OK;
}

/* With filters, or nothing to put them on. */
static __attribute__((noinline)) dj_err eval_on(dj_run *run, const dj_expr *e, dj_missing missing,
                                                bool found, dj_var *out)
{
    dj_var v = found ? *out : dj_var_none();
    if (!found && missing == DJ_MISSING_IS_TEXT) {
        dj_str invalid = dj_engine_options_of(run->engine)->string_if_invalid;
        if (invalid.len > 0)
            return invalid_text(run, invalid, e->what.source, out);
        v = dj_var_str(DJ_LIT(""));
    }
    if (e->nfilters == 0) {
        *out = v;
        return DJ_OK;
    }
    return dj_expr_filter(run, e, v, out);
}

dj_err dj_expr_eval(dj_run *run, const dj_expr *e, dj_missing missing, dj_var *out)
{
    bool   found = true;
    dj_err err = dj_operand_eval(run, &e->what, out, &found);
    if (err || DJ_LIKELY(found && e->nfilters == 0))
        return err;
    return eval_on(run, e, missing, found, out);
}
