/* src/conf/methods.c - the few functions and methods that a settings file may call, with Python's
 * results. */
#include "reader.h"
#include <math.h>

static dj_value *new_text(conf_eval *e, dj_str text, unsigned flags, uint32_t start)
{
    dj_value *v = conf_value_new(e, DJ_V_STR, start);
    v->str = text;
    v->flags = flags;
    return v;
}

static dj_value *wrong_args(conf_eval *e, const char *name, const char *takes, uint32_t tok)
{
    return conf_eval_fail(e, "type", tok, dj_strf(e->s, "%s() takes %s", name, takes), "");
}

static dj_value *wrong_type(conf_eval *e, const char *name, const char *takes, const dj_value *got,
                            uint32_t tok)
{
    return conf_eval_fail(
        e, "type", tok,
        dj_strf(e->s, "%s() takes %s, not " DJ_FMT, name, takes, DJ_ARG(dj_value_type(got))), "");
}

/* -- int, bool, str, Path -- */

static dj_str trim_spaces(dj_str text)
{
    size_t from = 0, to = 0;
    bool   seen = false;
    for (size_t pos = 0; pos < text.len;) {
        size_t  at = pos;
        int32_t cp = dj_utf8_next(text, &pos);
        if (cp >= 0 && dj_cp_is_space((uint32_t)cp))
            continue;
        if (!seen)
            from = at;
        seen = true;
        to = pos;
    }
    return dj_str_n(text.ptr + from, to - from);
}

static dj_value *int_of_text(conf_eval *e, const dj_value *v, uint32_t tok)
{
    dj_str text = trim_spaces(v->str), digits = text;
    bool   minus = false, ok, after_digit = false, over = false;
    if (digits.len > 0 && (digits.ptr[0] == '-' || digits.ptr[0] == '+')) {
        minus = digits.ptr[0] == '-';
        digits = dj_str_from(digits, 1);
    }
    uint64_t n = 0;
    ok = digits.len > 0;
    for (size_t i = 0; i < digits.len && ok; i++) {
        char c = digits.ptr[i];
        ok = c == '_' ? after_digit && i + 1 < digits.len : dj_is_digit(c);
        after_digit = c != '_';
        if (!ok || c == '_')
            continue;
        over = over || n > ((uint64_t)INT64_MAX + 1 - (uint64_t)(c - '0')) / 10;
        n = n * 10 + (uint64_t)(c - '0');
    }
    bool secret =
        (v->flags & DJ_VALUE_ENV) != 0 || e->statement == NULL ||
        conf_is_secret_name(token_text(&e->m->src, &e->m->tokens.items[e->statement->first]));
    if (!ok) {
        dj_str shown = secret ? DJ_LIT("this text") : dj_value_repr(e->s, v, 60);
        return conf_eval_fail(
            e, "value", tok,
            dj_strf(e->s, "int() can't read " DJ_FMT " as a whole number", DJ_ARG(shown)),
            "write digits, or correct the environment variable");
    }
    if (over || n > (uint64_t)INT64_MAX + minus)
        return conf_eval_fail(e, "overflow", tok,
                              DJ_LIT("the number in int() does not fit into 64 bits"), "");
    dj_value *r = conf_value_new(e, DJ_V_INT, tok);
    r->integer = minus ? (int64_t)(0 - n) : (int64_t)n;
    r->flags = v->flags & ~(unsigned)DJ_VALUE_LITERAL;
    return r;
}

static dj_value *call_int(conf_eval *e, const dj_value *v, uint32_t tok)
{
    dj_value *r;
    switch (v->kind) {
    case DJ_V_STR:
        return int_of_text(e, v, tok);
    case DJ_V_FLOAT:
        if (isnan(v->number) || isinf(v->number))
            return conf_eval_fail(e, isnan(v->number) ? "value" : "overflow", tok,
                                  DJ_LIT("int() takes a finite number"), "");
        if (!(v->number > -9223372036854775809.0 && v->number < 9223372036854775808.0))
            return conf_eval_fail(e, "overflow", tok,
                                  DJ_LIT("the number in int() does not fit into 64 bits"), "");
        r = conf_value_new(e, DJ_V_INT, tok);
        r->integer = (int64_t)v->number;
        return r;
    case DJ_V_BOOL:
    case DJ_V_INT:
        r = conf_value_new(e, DJ_V_INT, tok);
        r->integer = v->kind == DJ_V_BOOL ? v->boolean : v->integer;
        return r;
    default:
        return wrong_type(e, "int", "a text or a number", v, tok);
    }
}

static dj_value *call_str(conf_eval *e, dj_value *v, uint32_t tok)
{
    switch (v->kind) {
    case DJ_V_STR:
    case DJ_V_PATH:
        return new_text(e, v->str, v->flags, tok);
    case DJ_V_NONE:
    case DJ_V_BOOL:
    case DJ_V_INT:
        return new_text(e, dj_value_repr(e->s, v, 40), v->flags, tok);
    default:
        return wrong_type(e, "str", "a text, int, bool, None or path", v, tok);
    }
}

static bool is_path_text(const dj_value *v)
{
    return v->kind == DJ_V_STR || v->kind == DJ_V_PATH;
}

static dj_value *call_os_path(conf_eval *e, conf_call c, dj_value **args, size_t n, uint32_t tok)
{
    static const char *const names[] = {[CALL_OS_JOIN] = "os.path.join",
                                        [CALL_OS_DIRNAME] = "os.path.dirname",
                                        [CALL_OS_ABSPATH] = "os.path.abspath",
                                        [CALL_OS_REALPATH] = "os.path.realpath"};
    unsigned                 flags = 0;
    size_t                   total = 0;
    if (n == 0 || (c != CALL_OS_JOIN && n != 1))
        return wrong_args(
            e, names[c], c == CALL_OS_JOIN ? "at least one text or path" : "one text or path", tok);
    for (size_t i = 0; i < n; i++) {
        if (!is_path_text(args[i]))
            return wrong_type(e, names[c], "texts and paths", args[i], tok);
        flags |= args[i]->flags;
        total += args[i]->str.len + 1;
    }
    if (!conf_charge(e, total, tok))
        return NULL;
    dj_str text = args[0]->str;
    if (c == CALL_OS_DIRNAME)
        return new_text(e, conf_path_dirname(text), flags, tok);
    if (c == CALL_OS_ABSPATH)
        return new_text(e, conf_path_abspath(e->s, text), flags, tok);
    if (c == CALL_OS_REALPATH)
        return new_text(e, conf_path_realpath(e->s, text), flags, tok);
    dj_buf b = dj_buf_make(e->s, total + 1);
    dj_buf_add(&b, text);
    for (size_t i = 1; i < n; i++) {
        dj_str part = args[i]->str;
        if (dj_str_starts(part, DJ_LIT("/")))
            b.len = 0;
        else if (b.len > 0 && b.ptr[b.len - 1] != '/')
            dj_buf_add_byte(&b, '/');
        dj_buf_add(&b, part);
    }
    return new_text(e, dj_buf_str(&b), flags, tok);
}

dj_value *conf_call_builtin(conf_eval *e, conf_call c, dj_value **args, size_t n, uint32_t tok)
{
    static const char *const names[] = {
        [CALL_INT] = "int", [CALL_BOOL] = "bool", [CALL_STR] = "str", [CALL_PATH] = "Path"};
    dj_value *v;
    if (c > CALL_PATH)
        return call_os_path(e, c, args, n, tok);
    if (n != 1)
        return wrong_args(e, names[c], "one value", tok);
    switch (c) {
    case CALL_INT:
        return call_int(e, args[0], tok);
    case CALL_STR:
        return call_str(e, args[0], tok);
    case CALL_BOOL:
        v = conf_value_new(e, DJ_V_BOOL, tok);
        v->boolean = dj_value_truth(args[0]);
        if ((args[0]->kind == DJ_V_STR || args[0]->kind == DJ_V_NONE) &&
            (args[0]->flags & (DJ_VALUE_ENV | DJ_VALUE_ENV_DEFAULT)) != 0)
            v->flags = DJ_VALUE_BOOL_OF_ENV;
        return v;
    default:
        if (!is_path_text(args[0]))
            return wrong_type(e, "Path", "a text or path", args[0], tok);
        v = conf_value_new(e, DJ_V_PATH, tok);
        v->str = conf_path_clean(e->s, args[0]->str);
        v->flags = args[0]->flags;
        return v;
    }
}

/* -- paths -- */

static dj_value *no_attribute(conf_eval *e, const char *name, const dj_value *on, uint32_t tok)
{
    return conf_eval_fail(e, "attribute", tok,
                          dj_strf(e->s, "a " DJ_FMT " has no .%s", DJ_ARG(dj_value_type(on)), name),
                          on->kind == DJ_V_NONE ? "give the environment look-up a default" : "");
}

dj_value *conf_path_parent(conf_eval *e, dj_value *on, uint32_t start, uint32_t tok)
{
    if (on->kind == DJ_V_UNKNOWN)
        return on;
    if (on->kind != DJ_V_PATH)
        return no_attribute(e, "parent", on, tok);
    dj_value *v = conf_value_new(e, DJ_V_PATH, start);
    v->str = conf_path_up(on->str);
    v->flags = on->flags;
    return v;
}

/* `start` is the word behind the dot, `tok` the bracket. */
dj_value *conf_path_parents(conf_eval *e, dj_value *on, dj_value *index, uint32_t start,
                            uint32_t tok)
{
    if (on->kind == DJ_V_UNKNOWN)
        return on;
    if (index->kind == DJ_V_UNKNOWN)
        return index;
    if (on->kind != DJ_V_PATH)
        return no_attribute(e, "parents", on, start);
    if (index->kind != DJ_V_INT && index->kind != DJ_V_BOOL)
        return conf_eval_fail(e, "type", tok, DJ_LIT(".parents[...] takes an int"), "");
    int64_t count = 0, i = index->kind == DJ_V_BOOL ? index->boolean : index->integer;
    for (dj_str p = on->str;; count++) {
        dj_str up = conf_path_up(p);
        if (dj_str_eq(p, up))
            break;
        p = up;
    }
    if (i < -count || i >= count)
        return conf_eval_fail(
            e, "value", tok, dj_strf(e->s, ".parents[...] has %lld folders", (long long)count), "");
    dj_value *v = conf_value_new(e, DJ_V_PATH, start);
    v->str = on->str;
    v->flags = on->flags;
    for (int64_t up = i < 0 ? i + count : i; up >= 0; up--)
        v->str = conf_path_up(v->str);
    return v;
}

static dj_value *call_joinpath(conf_eval *e, dj_value *on, dj_value **args, size_t n,
                               uint32_t start, uint32_t tok)
{
    dj_value *v = conf_value_new(e, DJ_V_PATH, start);
    v->str = on->str;
    v->flags = on->flags;
    for (size_t i = 0; i < n; i++) {
        if (!is_path_text(args[i]))
            return wrong_type(e, "joinpath", "texts and paths", args[i], tok);
        if (!conf_charge(e, 2 * (v->str.len + args[i]->str.len), tok))
            return NULL;
        v->str = conf_path_join(e->s, v->str, args[i]->str);
        v->flags |= args[i]->flags;
    }
    return v;
}

/* -- text -- */

static dj_value *list_new(conf_eval *e, size_t n, unsigned flags, uint32_t start, uint32_t tok)
{
    if (!conf_charge(e, n * (sizeof(dj_value *) + sizeof(dj_value)), tok))
        return NULL;
    dj_value *v = conf_value_new(e, DJ_V_LIST, start);
    v->seq.items = dj_new_array(e->s, dj_value *, n);
    v->flags = flags;
    return v;
}

static dj_value *split_spaces(conf_eval *e, const dj_value *on, uint32_t start, uint32_t tok)
{
    size_t    n = 0;
    bool      inside = false;
    dj_value *v = list_new(e, on->str.len / 2 + 1, on->flags, start, tok);
    if (v == NULL)
        return NULL;
    for (size_t pos = 0; pos < on->str.len;) {
        size_t  at = pos;
        int32_t cp = dj_utf8_next(on->str, &pos);
        bool    space = cp >= 0 && dj_cp_is_space((uint32_t)cp);
        if (!space && !inside)
            v->seq.items[n++] = new_text(e, dj_str_n(on->str.ptr + at, 0), on->flags, start);
        if (!space)
            v->seq.items[n - 1]->str.len =
                pos - (size_t)(v->seq.items[n - 1]->str.ptr - on->str.ptr);
        inside = !space;
    }
    v->seq.len = n;
    return v;
}

static dj_value *call_split(conf_eval *e, const dj_value *on, dj_value **args, size_t n,
                            uint32_t start, uint32_t tok)
{
    if (n > 1)
        return wrong_args(e, "split", "one separator", tok);
    if (n == 0 || args[0]->kind == DJ_V_NONE)
        return split_spaces(e, on, start, tok);
    if (args[0]->kind != DJ_V_STR)
        return wrong_type(e, "split", "a text", args[0], tok);
    dj_str sep = args[0]->str, rest = on->str;
    size_t count = 1;
    if (sep.len == 0)
        return wrong_args(e, "split", "a separator that is not empty", tok);
    for (size_t at; (at = dj_str_find(rest, sep)) != DJ_NOT_FOUND; count++)
        rest = dj_str_from(rest, at + sep.len);
    dj_value *v = list_new(e, count, on->flags, start, tok);
    if (v == NULL)
        return NULL;
    rest = on->str;
    for (v->seq.len = 0; v->seq.len < count; v->seq.len++) {
        size_t at = dj_str_find(rest, sep);
        dj_str piece = at == DJ_NOT_FOUND ? rest : dj_str_first(rest, at);
        v->seq.items[v->seq.len] = new_text(e, piece, on->flags, start);
        rest = dj_str_from(rest, piece.len + sep.len);
    }
    return v;
}

static bool has_code_point(dj_str set, int32_t cp)
{
    for (size_t pos = 0; pos < set.len;) {
        if (dj_utf8_next(set, &pos) == cp)
            return true;
    }
    return false;
}

static dj_value *call_strip(conf_eval *e, const dj_value *on, dj_value **args, size_t n,
                            uint32_t start, uint32_t tok)
{
    if (n > 1)
        return wrong_args(e, "strip", "one text", tok);
    if (n == 0 || args[0]->kind == DJ_V_NONE)
        return new_text(e, trim_spaces(on->str), on->flags, start);
    if (args[0]->kind != DJ_V_STR)
        return wrong_type(e, "strip", "a text", args[0], tok);
    size_t from = 0, to = 0;
    bool   seen = false;
    if (args[0]->str.len > 1024) /* the set is searched for each character */
        return wrong_args(e, "strip", "a short text", tok);
    for (size_t pos = 0; pos < on->str.len;) {
        size_t  at = pos;
        int32_t cp = dj_utf8_next(on->str, &pos);
        if (has_code_point(args[0]->str, cp))
            continue;
        if (!seen)
            from = at;
        seen = true;
        to = pos;
    }
    return new_text(e, dj_str_n(on->str.ptr + from, to - from), on->flags, start);
}

static dj_value *call_with(conf_eval *e, conf_method m, const dj_value *on, dj_value **args,
                           size_t n, uint32_t start, uint32_t tok)
{
    const char *name = conf_method_name(m);
    if (n != 1)
        return wrong_args(e, name, "one text or a tuple of texts", tok);
    bool       tuple = args[0]->kind == DJ_V_TUPLE, found = false;
    dj_value **items = tuple ? args[0]->seq.items : args;
    for (size_t i = 0; i < (tuple ? args[0]->seq.len : 1); i++) {
        if (items[i]->kind == DJ_V_UNKNOWN)
            return items[i];
        if (items[i]->kind != DJ_V_STR)
            return wrong_type(e, name, "one text or a tuple of texts", items[i], tok);
        found = found || (m == METHOD_STARTSWITH ? dj_str_starts(on->str, items[i]->str)
                                                 : dj_str_ends(on->str, items[i]->str));
    }
    dj_value *v = conf_value_new(e, DJ_V_BOOL, start);
    v->boolean = found;
    return v;
}

/* str.replace; an empty pattern stands between all characters. */
static dj_value *call_replace(conf_eval *e, const dj_value *on, dj_value **args, size_t n,
                              uint32_t start, uint32_t tok)
{
    if (n != 2)
        return wrong_args(e, "replace", "two texts", tok);
    for (size_t i = 0; i < 2; i++) {
        if (args[i]->kind != DJ_V_STR)
            return wrong_type(e, "replace", "two texts", args[i], tok);
    }
    dj_str what = args[0]->str, with = args[1]->str, text = on->str;
    dj_buf b = dj_buf_make(e->s, CONF_TEXT_MAX);
    size_t pos = 0;
    while (pos <= text.len && !b.full) {
        dj_str rest = dj_str_from(text, pos);
        if (what.len == 0) {
            size_t from = pos;
            dj_buf_add(&b, with);
            if (pos == text.len)
                break;
            (void)dj_utf8_next(text, &pos);
            dj_buf_add(&b, dj_str_n(text.ptr + from, pos - from));
            continue;
        }
        size_t at = dj_str_find(rest, what);
        dj_buf_add(&b, at == DJ_NOT_FOUND ? rest : dj_str_first(rest, at));
        if (at == DJ_NOT_FOUND)
            break;
        dj_buf_add(&b, with);
        pos += at + what.len;
    }
    if (b.full || !conf_charge(e, 2 * b.len, tok))
        return conf_eval_fail(e, "value", tok,
                              DJ_LIT("the text that replace() makes gets too long"), "");
    return new_text(e, dj_buf_str(&b), on->flags | args[0]->flags | args[1]->flags, start);
}

static dj_value *call_join(conf_eval *e, const dj_value *on, dj_value **args, size_t n,
                           uint32_t start, uint32_t tok)
{
    if (n != 1 || (args[0]->kind != DJ_V_LIST && args[0]->kind != DJ_V_TUPLE))
        return n != 1 ? wrong_args(e, "join", "one list or tuple of texts", tok)
                      : wrong_type(e, "join", "a list or tuple of texts", args[0], tok);
    dj_buf   b = dj_buf_make(e->s, CONF_TEXT_MAX);
    unsigned flags = on->flags;
    for (size_t i = 0; i < args[0]->seq.len; i++) {
        const dj_value *item = args[0]->seq.items[i];
        if (item->kind == DJ_V_UNKNOWN)
            return args[0]->seq.items[i];
        if (item->kind != DJ_V_STR)
            return wrong_type(e, "join", "a list or tuple of texts", item, tok);
        if (i > 0)
            dj_buf_add(&b, on->str);
        dj_buf_add(&b, item->str);
        flags |= item->flags;
    }
    if (b.full || !conf_charge(e, 2 * b.len, tok))
        return conf_eval_fail(e, "value", tok, DJ_LIT("the text that join() makes gets too long"),
                              "");
    return new_text(e, dj_buf_str(&b), flags, start);
}

dj_value *conf_call_method(conf_eval *e, conf_method m, dj_value *on, dj_value **args, size_t n,
                           uint32_t start, uint32_t tok)
{
    const char *name = conf_method_name(m);
    bool        of_path = m == METHOD_RESOLVE || m == METHOD_JOINPATH;
    if (on->kind != (of_path ? DJ_V_PATH : DJ_V_STR))
        return no_attribute(e, name, on, tok);
    if (n > 0 && (m == METHOD_LOWER || m == METHOD_UPPER || m == METHOD_RESOLVE))
        return wrong_args(e, name, "nothing", tok);
    switch (m) {
    case METHOD_SPLIT:
        return call_split(e, on, args, n, start, tok);
    case METHOD_STRIP:
        return call_strip(e, on, args, n, start, tok);
    case METHOD_STARTSWITH:
    case METHOD_ENDSWITH:
        return call_with(e, m, on, args, n, start, tok);
    case METHOD_REPLACE:
        return call_replace(e, on, args, n, start, tok);
    case METHOD_JOIN:
        return call_join(e, on, args, n, start, tok);
    case METHOD_JOINPATH:
        return call_joinpath(e, on, args, n, start, tok);
    case METHOD_RESOLVE: {
        dj_value *v = conf_value_new(e, DJ_V_PATH, start);
        v->str = conf_path_realpath(e->s, on->str);
        v->flags = on->flags;
        return v;
    }
    default:
        if (!conf_charge(e, 3 * on->str.len, tok))
            return NULL;
        return new_text(
            e, m == METHOD_LOWER ? dj_utf8_lower(e->s, on->str) : dj_utf8_upper(e->s, on->str),
            on->flags, start);
    }
}
