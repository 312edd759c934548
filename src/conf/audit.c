/* src/conf/audit.c - what a statement that can't be read may have changed: all of that becomes
 * unknown.
 *
 * Works on tokens, so it holds for any Python. It looks for the forms that bind a name (assignment,
 * for, with, import, def, class, except, :=, del), for the ones that change a value in place
 * (X.append(...), X['a'] = ..., X += ...), and for those that may do either to any name (exec,
 * globals(), a star import). It errs on the side of unknown. */
#include "reader.h"

#define CHAIN_MAX      2000 /* tokens of one A.b['c'].d; of a longer one nothing is known */
#define CHAIN_TOO_LONG (SIZE_MAX - 1)

typedef struct scan {
    conf_eval        *e;
    const token_list *tokens;
    uint32_t          first, last;
    dj_str            why;
    bool              whole; /* bindings count, too */
    bool              later; /* a def or lambda was met: what follows may run at any time */
} scan;

void conf_forget(conf_eval *e, dj_value *v, dj_str why)
{
    if (v->kind != DJ_V_LIST && v->kind != DJ_V_TUPLE && v->kind != DJ_V_SET &&
        v->kind != DJ_V_DICT)
        return;
    dj_value *unknown = conf_unknown(e, why);
    *v = *unknown;
}

/* Sub-values may have other names; they are as unknown as the whole. */
static void forget_deep(conf_eval *e, dj_value *v, dj_str why, unsigned depth)
{
    dj_value was = *v;
    conf_forget(e, v, why); /* first: what contains itself ends here */
    if (depth >= CONF_DEPTH_MAX)
        return;
    for (size_t i = 0; dj_value_is_seq(&was) && i < was.seq.len; i++)
        forget_deep(e, was.seq.items[i], why, depth + 1);
    for (size_t i = 0; was.kind == DJ_V_DICT && i < was.dict.len; i++)
        forget_deep(e, was.dict.pairs[i].value, why, depth + 1);
}

void conf_forget_deep(conf_eval *e, dj_value *v, dj_str why)
{
    if (e->r->audit)
        forget_deep(e, v, why, 0);
}

void conf_forget_items(conf_eval *e, dj_value *v, dj_str why)
{
    if (!e->r->audit)
        return;
    for (size_t i = 0; dj_value_is_seq(v) && i < v->seq.len; i++)
        forget_deep(e, v->seq.items[i], why, 1);
    for (size_t i = 0; v->kind == DJ_V_DICT && i < v->dict.len; i++)
        forget_deep(e, v->dict.pairs[i].value, why, 1);
}

static dj_str own_name(conf_eval *e, dj_str name)
{
    return dj_map_has(&e->m->names, name) ? name : dj_str_dup(e->s, name);
}

void conf_forget_name(conf_eval *e, dj_str name, dj_str why)
{
    conf_bind(e, own_name(e, name), conf_unknown(e, why));
}

void conf_lose_names(conf_eval *e, dj_str why)
{
    conf_module *m = e->m;
    if (!m->lost) {
        m->lost = true;
        m->lost_at = conf_origin(e, e->statement == NULL ? 0 : e->statement->first);
    }
    dj_value *unknown = conf_unknown(e, why);
    for (size_t i = 0; i < m->names.len; i++) {
        const dj_value *v = m->names.entries[i].value;
        if (v == NULL || v->kind != DJ_V_UNKNOWN || v == &conf_gettext || v == &conf_messages)
            m->names.entries[i].value = unknown;
    }
}

static const token *at(const scan *x, size_t i)
{
    return &x->tokens->items[i < x->tokens->len ? i : x->tokens->len - 1];
}
static bool is_op(const scan *x, size_t i, uint32_t op)
{
    return token_op(at(x, i), op);
}
static bool is_word(const scan *x, size_t i, const char *word)
{
    return token_is(&x->e->m->src, at(x, i), word);
}
static dj_str text_at(const scan *x, size_t i)
{
    return token_text(&x->e->m->src, at(x, i));
}
static bool is_name(const scan *x, size_t i)
{
    return at(x, i)->kind == T_NAME && !conf_is_keyword(text_at(x, i));
}
static bool opens(const scan *x, size_t i)
{
    return is_op(x, i, OP('(')) || is_op(x, i, OP('[')) || is_op(x, i, OP('{'));
}
static bool closes(const scan *x, size_t i)
{
    return is_op(x, i, OP(')')) || is_op(x, i, OP(']')) || is_op(x, i, OP('}'));
}
static bool follows_value(const scan *x, size_t i)
{
    return i > x->first &&
           (is_name(x, i - 1) || at(x, i - 1)->kind == T_STRING || is_op(x, i - 1, OP(')')) ||
            is_op(x, i - 1, OP(']')) || is_op(x, i - 1, OP('}')));
}

static void sticky(scan *x, size_t name)
{
    conf_module *m = x->e->m;
    dj_str       text = text_at(x, name);
    if (dj_map_get(&m->sticky, text) == NULL)
        dj_map_set(&m->sticky, dj_str_dup(x->e->s, text), conf_unknown(x->e, x->why));
}

static void change_in_place(scan *x, size_t name)
{
    if (x->later)
        sticky(x, name);
    dj_value *v = dj_map_get(&x->e->m->names, text_at(x, name));
    if (v != NULL && v != &conf_gettext && v != &conf_messages)
        forget_deep(x->e, v, x->why, 0);
}

/* Names left of `=`, `in`, `:`: targets are bound, bases of X.y and X[...] are changed. */
static void targets(scan *x, size_t from, size_t to, bool bind)
{
    for (size_t i = from; i < to; i++) {
        if (!is_name(x, i) || is_op(x, i - (i > x->first), OP('.')))
            continue;
        if (is_op(x, i + 1, OP('.')) || is_op(x, i + 1, OP('['))) {
            change_in_place(x, i);
            while (i + 1 < to && (is_op(x, i + 1, OP('.')) || is_op(x, i + 1, OP('[')) ||
                                  is_op(x, i + 1, OP('(')))) {
                if (is_op(x, i + 1, OP('.'))) {
                    i += 2;
                    continue;
                }
                size_t depth = 0;
                do {
                    i++;
                    depth += opens(x, i);
                    depth -= closes(x, i);
                } while (depth > 0 && i < to);
            }
        } else if (bind) {
            conf_forget_name(x->e, text_at(x, i), x->why);
        }
    }
}

/* Functions that reach any name of the file. */
static bool reaches_all(const scan *x, size_t i)
{
    static const char *const calls[] = {"execfile", "setattr", "delattr",   "include",
                                        "optional", "compile", "__import__"};
    static const char *const words[] = {"globals", "locals",   "vars",        "exec",
                                        "eval",    "__dict__", "__builtins__"};
    bool                     attribute = is_op(x, i - (i > x->first), OP('.'));
    if ((attribute && is_word(x, i, "modules")) || is_word(x, i, "__dict__"))
        return true;
    for (size_t k = 0; k < DJ_COUNT(words); k++) { /* also when they are only handed on */
        if (is_word(x, i, words[k]) && !attribute && !is_op(x, i + 1, OP('=')))
            return true;
    }
    for (size_t k = 0; k < DJ_COUNT(calls); k++) {
        if (is_word(x, i, calls[k]) && is_op(x, i + 1, OP('(')))
            return true;
    }
    return false;
}

static bool is_mutator(const scan *x, size_t i)
{
    static const char *const words[] = {"append",
                                        "extend",
                                        "insert",
                                        "remove",
                                        "pop",
                                        "popitem",
                                        "clear",
                                        "sort",
                                        "reverse",
                                        "update",
                                        "setdefault",
                                        "add",
                                        "discard",
                                        "difference_update",
                                        "intersection_update",
                                        "symmetric_difference_update",
                                        "__setitem__",
                                        "__delitem__",
                                        "__iadd__",
                                        "__ior__"};
    for (size_t k = 0; k < DJ_COUNT(words); k++) {
        if (is_word(x, i, words[k]))
            return true;
    }
    return false;
}

/* The name at the start of A.b['c'].append: walks back from the dot before the method. */
static size_t base_of(const scan *x, size_t dot)
{
    size_t i = dot;
    while (i > x->first) {
        if (dot - i > CHAIN_MAX)
            return CHAIN_TOO_LONG;
        i--;
        if (closes(x, i)) {
            size_t depth = 0;
            for (;; i--) {
                depth += closes(x, i);
                depth -= opens(x, i);
                if (depth == 0 || i == x->first || dot - i > CHAIN_MAX)
                    break;
            }
            if (i == x->first || !follows_value(x, i))
                return SIZE_MAX;
            continue;
        }
        if (!is_name(x, i))
            return SIZE_MAX;
        if (i == x->first || !is_op(x, i - 1, OP('.')))
            return i;
        i--;
    }
    return SIZE_MAX;
}

/* Functions that leave their arguments as they are, and keep none of them. */
static bool is_harmless(const scan *x, size_t i)
{
    static const char *const words[] = {
        "len",         "str",        "int",       "bool",       "float",  "repr",   "print",
        "any",         "all",        "sum",       "isinstance", "join",   "format", "index",
        "count",       "startswith", "endswith",  "getLogger",  "hash",   "type",   "range",
        "environ_get", "search",     "match",     "sub",        "exists", "isfile", "isdir",
        "open",        "set",        "frozenset", "hasattr",
    };
    for (size_t k = 0; k < DJ_COUNT(words); k++) {
        if (is_word(x, i, words[k]))
            return true;
    }
    return false;
}

/* f(X), f(a, *X), f(k=[X]): a call may change the lists and dicts that it is given, or hand them
 * out again. */
static void call_arguments(scan *x)
{
    size_t depth = 0;
    bool  *call = dj_new_array(x->e->r->work, bool,
                               x->last - x->first + 2); /* by depth: inside such a call? */
    for (size_t i = x->first; i < x->last; i++) {
        if (opens(x, i)) {
            bool callee =
                i > x->first && is_op(x, i, OP('(')) && (is_name(x, i - 1) || closes(x, i - 1));
            bool head =
                i > x->first + 1 && (is_word(x, i - 2, "def") || is_word(x, i - 2, "class"));
            depth++;
            call[depth] = callee ? !head && !is_harmless(x, i - 1) : call[depth - 1];
        } else if (closes(x, i)) {
            depth -= depth > 0;
        } else if (call[depth] && is_name(x, i) && !is_op(x, i - 1, OP('.'))) {
            bool after = is_op(x, i + 1, OP(',')) || is_op(x, i + 1, OP('[')) || closes(x, i + 1) ||
                         is_word(x, i + 1, "if") || is_word(x, i + 1, "or") ||
                         is_word(x, i + 1, "else") || is_word(x, i + 1, "and");
            bool test = is_word(x, i - 1, "in");
            if (after && !test)
                change_in_place(x, i);
        }
    }
}

/* for A in X: the body may change what stands in X, under the name of A. */
static void loop_items(scan *x, size_t in)
{
    for (size_t i = in + 1; i < x->last && !is_op(x, i, OP(':')) && !is_word(x, i, "in") &&
                            at(x, i)->kind != T_NEWLINE;
         i++) {
        dj_value *v = is_name(x, i) ? dj_map_get(&x->e->m->names, text_at(x, i)) : NULL;
        if (v != NULL && v != &conf_gettext && v != &conf_messages)
            conf_forget_items(x->e, v, x->why);
    }
}

/* -- the environment -- */

/* The variable, if a single text stands behind the bracket; else all of them. */
static void change_variable(scan *x, size_t open)
{
    conf_reader  *r = x->e->r;
    dj_buf        b = dj_buf_make(x->e->s, 4096);
    literal_fault fault = {0};
    bool          single =
        at(x, open + 1)->kind == T_STRING && (is_op(x, open + 2, OP(',')) || closes(x, open + 2));
    if (!single || !conf_read_string(r->work, &x->e->m->src, at(x, open + 1), &b, &fault)) {
        r->env_lost = true;
        return;
    }
    dj_map_set(&r->env_changed, dj_str_dup(r->work, dj_buf_str(&b)), x->e);
}

static bool loads_environment(dj_str name)
{
    char   text[64];
    size_t n = name.len < sizeof(text) ? name.len : sizeof(text);
    for (size_t i = 0; i < n; i++)
        text[i] = dj_to_lower(name.ptr[i]);
    dj_str low = dj_str_n(text, n);
    return dj_str_has(low, DJ_LIT("dotenv")) || dj_str_has(low, DJ_LIT("putenv")) ||
           dj_str_has(low, DJ_LIT("unsetenv")) ||
           (dj_str_has(low, DJ_LIT("env")) &&
            (dj_str_has(low, DJ_LIT("read")) || dj_str_has(low, DJ_LIT("load"))));
}

/* load_dotenv(), os.environ['X'] = ..., os.environ.update(...), f(os.environ): later look-ups may
 * differ. */
static void environment(scan *x, size_t i)
{
    conf_reader *r = x->e->r;
    bool         dotted = i > x->first && is_op(x, i - 1, OP('.'));
    if (is_op(x, i + 1, OP('(')) && loads_environment(text_at(x, i)))
        r->env_lost = true;
    if (!is_word(x, i, "environ") && !is_word(x, i, "environb"))
        return;
    if (is_op(x, i + 1, OP('['))) {
        size_t end = i + 1, depth = 0;
        do {
            depth += opens(x, end);
            depth -= closes(x, end);
            end++;
        } while (depth > 0 && end < x->last && end - i < CHAIN_MAX);
        const token *t = at(x, end);
        bool         assigned = t->kind == T_OP && t->len > 0 && t->op != OP2('=', '=') &&
                        t->op != OP2('!', '=') && t->op != OP2('<', '=') &&
                        t->op != OP2('>', '=') && t->op >> 8 * (t->len - 1) == '=';
        size_t head = i - (dotted ? 2 : 0);
        if (assigned || depth > 0 ||
            (head > x->first && (is_word(x, head - 1, "del") || is_op(x, head - 1, OP(',')))))
            change_variable(x, i + 1);
    } else if (is_op(x, i + 1, OP('.'))) {
        if (is_word(x, i + 2, "setdefault") || is_word(x, i + 2, "pop"))
            change_variable(x, i + 3);
        else if (is_mutator(x, i + 2))
            r->env_lost = true;
    } else if (dotted && is_word(x, i - 2, "os") &&
               !is_word(x, i - (i > x->first + 2 ? 3 : 2), "in")) {
        r->env_lost = true; /* handed on: to a function, to another name */
    }
}

/* In-place changes, and what reaches all names, anywhere in the range. */
static void changes(scan *x)
{
    bool import = is_word(x, x->first, "import") || is_word(x, x->first, "from");
    for (size_t i = x->first; i < x->last; i++) {
        if (is_op(x, i, OP2(':', '=')) && i > x->first && is_name(x, i - 1))
            conf_forget_name(x->e, text_at(x, i - 1), x->why);
        if (at(x, i)->kind != T_NAME)
            continue;
        if (!import)
            environment(x, i);
        if (reaches_all(x, i)) {
            conf_lose_names(x->e, x->why);
        } else if (is_word(x, i, "def") || is_word(x, i, "lambda")) {
            x->later = true;
        } else if (i > x->first && is_op(x, i - 1, OP('.')) && is_mutator(x, i)) {
            size_t base = base_of(x, i - 1);
            if (base == CHAIN_TOO_LONG)
                conf_lose_names(x->e, x->why);
            else if (base != SIZE_MAX)
                change_in_place(x, base);
        } else if (is_word(x, i, "in") && x->whole) {
            loop_items(x, i);
        } else if (is_word(x, i, "global") || is_word(x, i, "nonlocal")) {
            for (i++; i < x->last && at(x, i)->kind != T_NEWLINE; i++) {
                if (is_name(x, i))
                    sticky(x, i);
            }
        }
    }
    call_arguments(x); /* `later` is set if a function was met */
    x->later = false;
}

static void import_line(scan *x, size_t from, size_t to)
{
    bool   is_from = is_word(x, from, "from");
    size_t i = from + 1;
    if (is_from) {
        while (i < to && !is_word(x, i, "import"))
            i++;
        if (is_op(x, i + 1, OP('*'))) {
            conf_lose_names(x->e, x->why);
            return;
        }
        i++;
    }
    for (; i < to; i++) {
        if (!is_name(x, i))
            continue;
        size_t bound = i;
        if (!is_from && is_word(x, i, "os") && !is_word(x, i + 1, "as") &&
            !(is_op(x, i + 1, OP('.')) && is_word(x, i + 3, "as"))) {
            x->e->m->has_os = true; /* also as the head of os.path */
            if (conf_lookup(x->e->m, DJ_LIT("os")) != NULL)
                conf_bind(x->e, DJ_LIT("os"), NULL);
            while (is_op(x, i + 1, OP('.')))
                i += 2;
            continue;
        }
        if (is_from && is_word(x, i, "Path") && !is_word(x, i + 1, "as") &&
            is_word(x, from + 1, "pathlib")) {
            x->e->m->has_path = true;
            if (conf_lookup(x->e->m, DJ_LIT("Path")) != NULL)
                conf_bind(x->e, DJ_LIT("Path"), NULL);
            continue;
        }
        while (!is_from && is_op(x, i + 1, OP('.')) && i + 2 < to)
            i += 2;
        if (is_word(x, i + 1, "as")) {
            i += 2;
            bound = i;
        }
        if (is_name(x, bound))
            conf_forget_name(x->e, text_at(x, bound), x->why);
    }
}

/* The last `=` or augmented assignment outside brackets, or `from`. */
static size_t last_assignment(const scan *x, size_t from, size_t to, bool *binds)
{
    size_t found = from, depth = 0;
    *binds = true;
    for (size_t i = from; i < to; i++) {
        depth += opens(x, i);
        depth -= depth > 0 && closes(x, i);
        const token *t = at(x, i);
        if (depth > 0 || t->kind != T_OP)
            continue;
        bool compares = t->op == OP2('=', '=') || t->op == OP2('!', '=') ||
                        t->op == OP2('<', '=') || t->op == OP2('>', '=') || t->op == OP2(':', '=');
        if (t->len > 0 && !compares && (t->op >> 8 * (t->len - 1)) == '=')
            found = i;
    }
    return found;
}

/* One simple statement, from..to, at module level or in a block that is not a function. */
static void simple(scan *x, size_t from, size_t to)
{
    bool binds;
    if (from >= to)
        return;
    if (is_word(x, from, "import") || is_word(x, from, "from")) {
        import_line(x, from, to);
        return;
    }
    if (is_word(x, from, "del")) {
        targets(x, from + 1, to, true);
        return;
    }
    size_t end = last_assignment(x, from, to, &binds);
    if (end > from) {
        const token *op = at(x, end);
        if (op->len > 1 &&
            is_name(x, from)) /* X += ...: the list itself changes, for all its names */
            change_in_place(x, from);
        size_t colon = from;
        while (colon < end && !is_op(x, colon, OP(':')))
            colon += 1;
        targets(x, from, is_name(x, from) && is_op(x, from + 1, OP(':')) ? colon : end, true);
    }
}

/* An assignment in the body of a function or class: names are its own, but X[...] and X += ... may
 * be the file's. */
static void inner(scan *x, size_t from, size_t to, bool function)
{
    bool   binds;
    size_t end = is_word(x, from, "del") ? to : last_assignment(x, from, to, &binds);
    x->later = function;
    if (end > from && end < to && at(x, end)->len > 1 && is_name(x, from) && !function)
        change_in_place(x, from);
    if (end > from)
        targets(x, from, end, false);
    x->later = false;
}

/* for X in, with A as X, except E as X, class X, def X: the names in the head of a block. */
static void head(scan *x, size_t from, size_t to)
{
    size_t i = from;
    if (is_word(x, i, "async"))
        i++;
    if (is_word(x, i, "def") || is_word(x, i, "class")) {
        if (is_name(x, i + 1))
            conf_forget_name(x->e, text_at(x, i + 1), x->why);
        return;
    }
    if (is_word(x, i, "for")) {
        size_t end = i + 1;
        while (end < to && !is_word(x, end, "in"))
            end++;
        targets(x, i + 1, end, true);
    }
    bool match = is_word(x, i, "case");
    for (; i < to; i++) {
        if (match && is_name(x, i))
            conf_forget_name(x->e, text_at(x, i), x->why);
        if (!is_word(x, i, "as"))
            continue;
        size_t end = i + 1, depth = 0;
        for (; end < to && (depth > 0 || (!is_op(x, end, OP(',')) && !is_op(x, end, OP(':')) &&
                                          !closes(x, end)));
             end++) {
            depth += opens(x, end);
            depth -= depth > 0 && closes(x, end);
        }
        targets(x, i + 1, end, true);
    }
}

/* Does this line start a block? Then where its colon is; else `to`. */
static size_t colon_of(const scan *x, size_t from, size_t to)
{
    static const char *const words[] = {"if",    "elif",   "else",    "for",  "while",
                                        "try",   "except", "finally", "with", "def",
                                        "class", "async",  "match",   "case"};
    bool                     compound = false;
    size_t                   depth = 0, lambdas = 0;
    for (size_t k = 0; k < DJ_COUNT(words); k++)
        compound = compound || is_word(x, from, words[k]);
    for (size_t i = from; compound && i < to; i++) {
        depth += opens(x, i);
        depth -= depth > 0 && closes(x, i);
        lambdas += depth == 0 && is_word(x, i, "lambda");
        if (depth > 0 || !is_op(x, i, OP(':')))
            continue;
        if (lambdas == 0)
            return i;
        lambdas--;
    }
    return to;
}

/* All logical lines of the range. Bodies of functions and classes bind names of their own: only
 * heads count there. */
static void bindings(scan *x)
{
    bool   function = false;
    size_t inside = 0, depth = 0; /* depth at which a def or class was met, and the current one */
    for (size_t i = x->first; i < x->last;) {
        if (at(x, i)->kind == T_INDENT || at(x, i)->kind == T_DEDENT) {
            depth += at(x, i)->kind == T_INDENT;
            depth -= depth > 0 && at(x, i)->kind == T_DEDENT;
            if (inside > 0 && depth < inside)
                inside = 0;
            i++;
            continue;
        }
        size_t end = i;
        while (end < x->last && at(x, end)->kind != T_NEWLINE && at(x, end)->kind != T_EOF)
            end++;
        size_t colon = colon_of(x, i, end), from = i;
        bool   body = is_word(x, i, "def") || is_word(x, i, "class") ||
                    (is_word(x, i, "async") && is_word(x, i + 1, "def"));
        if (colon < end && inside == 0)
            head(x, i, colon);
        if (colon < end)
            from = colon + 1;
        for (size_t k = from; inside == 0 && !body && k <= end; k++) {
            bool   last = k == end;
            size_t nesting = 0;
            for (; !last && k < end; k++) {
                nesting += opens(x, k);
                nesting -= nesting > 0 && closes(x, k);
                if (nesting == 0 && is_op(x, k, OP(';')))
                    break;
            }
            simple(x, from, k);
            from = k + 1;
        }
        if (inside > 0 || body)
            inner(x, from, end, body && inside == 0 ? !is_word(x, i, "class") : function);
        if (body && inside == 0)
            function = !is_word(x, i, "class");
        else if (body && !is_word(x, i, "class"))
            function = true; /* a method: it may run at any time, and the rest of the class is taken
                                for one, too */
        if (body && inside == 0 && from == end)
            inside = depth + 1;
        i = end + 1;
    }
}

void conf_audit_gap(conf_eval *e, uint32_t first, uint32_t last, bool whole, dj_str why)
{
    scan x = {
        .e = e, .tokens = &e->m->tokens, .first = first, .last = last, .why = why, .whole = whole};
    changes(&x);
    if (whole)
        bindings(&x);
}
