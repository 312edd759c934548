/* src/conf/eval.c - computes the values of a parsed settings file, from top to bottom, as Python
 * would.
 *
 * Strict: the first thing that fails ends the run. Audit: it becomes an UNKNOWN value, and whatever
 * needs that value is unknown, too; nothing is guessed. What an audit's gaps may have changed is
 * audit.c's business. */
#include "reader.h"

const dj_value conf_gettext = {.kind = DJ_V_UNKNOWN};
const dj_value conf_messages = {.kind = DJ_V_UNKNOWN};

/* -- values -- */

dj_origin conf_origin(conf_eval *e, uint32_t tok)
{
    const token *t = &e->m->tokens.items[tok];
    return (dj_origin){e->m->src.path, t->line, t->column};
}

dj_value *conf_value_new(conf_eval *e, dj_value_kind kind, uint32_t tok)
{
    dj_value *v = dj_new(e->s, dj_value);
    v->kind = kind;
    v->origin = conf_origin(e, tok);
    return v;
}

dj_value *conf_unknown(conf_eval *e, dj_str why)
{
    dj_value *v = conf_value_new(e, DJ_V_UNKNOWN, e->statement == NULL ? 0 : e->statement->first);
    v->str = why;
    return v;
}

dj_value *conf_eval_fail(conf_eval *e, const char *code, uint32_t tok, dj_str message,
                         const char *advice)
{
    e->why = message;
    if (!e->r->audit && !e->failed) {
        e->failed = true;
        conf_error_set(e->r, code, &e->m->src, e->m->tokens.items[tok].start, message,
                       dj_str_of(advice));
    }
    return NULL;
}

bool conf_charge(conf_eval *e, size_t bytes, uint32_t tok)
{
    e->r->bytes += bytes;
    if (e->r->bytes <= CONF_BYTES_MAX)
        return true;
    (void)conf_eval_fail(e, "value", tok, DJ_LIT("the values of this file get too large"), "");
    return false;
}

/* -- names -- */

dj_value *conf_lookup(const conf_module *m, dj_str name)
{
    dj_value *v = dj_map_get(&m->sticky, name);
    return v != NULL ? v : dj_map_get(&m->names, name);
}

void conf_bind(conf_eval *e, dj_str name, dj_value *value)
{
    dj_map_set(&e->m->names, name, value);
}

static dj_value *name_missing(conf_eval *e, const node *n)
{
    static const char *const words[] = {"True", "False", "None"};
    static const char *const doors[] = {"globals", "locals", "vars", "exec", "eval"};
    for (size_t i = 0; e->r->audit && i < DJ_COUNT(doors); i++) {
        if (dj_str_eq(n->text,
                      dj_str_of(doors[i]))) /* under another name it reaches all names, too */
            conf_lose_names(e, DJ_LIT("a function that reaches all names"));
    }
    dj_str   best = DJ_NONE;
    unsigned least = 3;
    for (size_t i = 0; i < DJ_COUNT(words); i++) {
        if (dj_str_eq_nocase(n->text, dj_str_of(words[i])))
            best = dj_str_of(words[i]);
    }
    for (size_t i = 0; i < e->m->names.len && dj_str_is_none(best); i++) {
        unsigned d = conf_distance(n->text, e->m->names.entries[i].key);
        if (d < least && d < n->text.len) {
            least = d;
            best = e->m->names.entries[i].key;
        }
    }
    const char *advice = "assign it further up, or put text in quotes";
    if (!dj_str_is_none(best))
        advice = dj_cstr(e->s, dj_strf(e->s, "did you mean " DJ_FMT "?", DJ_ARG(best)));
    return conf_eval_fail(e, "name", n->tok,
                          dj_strf(e->s, "the name " DJ_FMT " is not defined here", DJ_ARG(n->text)),
                          advice);
}

static dj_value *eval_name(conf_eval *e, const node *n)
{
    dj_value *v = conf_lookup(e->m, n->text);
    if (v == NULL)
        return name_missing(e, n);
    if (v == &conf_gettext || v == &conf_messages)
        return conf_eval_fail(e, "attribute", n->tok,
                              dj_strf(e->s, DJ_FMT " is no value by itself", DJ_ARG(n->text)),
                              v == &conf_gettext ? "call it with a text"
                                                 : "write one of its constants, as in X.ERROR");
    return v;
}

/* Audit: has the file bound one of the predeclared names to something else? */
static bool shadowed(conf_eval *e, const char *name)
{
    if (!e->r->audit || conf_lookup(e->m, dj_str_of(name)) == NULL)
        return false;
    e->why = dj_strf(e->s, "%s is not Python's own here", name);
    return true;
}

static void uses_os(conf_eval *e, const node *n)
{
    dj_conf *c = e->r->conf;
    if (!e->m->has_os && !c->uses_os_without_import) {
        c->uses_os_without_import = true;
        c->os_use = conf_origin(e, n->start);
    }
}

static void uses_path(conf_eval *e, const node *n)
{
    dj_conf *c = e->r->conf;
    if (!e->m->has_path && !c->uses_path_without_import) {
        c->uses_path_without_import = true;
        c->path_use = conf_origin(e, n->start);
    }
}

/* -- the environment -- */

static bool environment(conf_eval *e, dj_str name, dj_str *value)
{
    const dj_conf_options *o = e->r->options;
    if (dj_str_chr(name, '=') != DJ_NOT_FOUND || name.len == 0)
        return false;
    if (o->env != NULL)
        return o->env(o->env_ctx, name, value);
    const char *text = getenv(dj_cstr(e->s, name));
    if (text == NULL)
        return false;
    *value = dj_str_of(text);
    return true;
}

/* A name that came out of the environment itself stays untold. */
static dj_str shown_name(const dj_value *name)
{
    return (name->flags & DJ_VALUE_ENV) != 0 ? DJ_LIT("named there") : name->str;
}

/* Audit: a statement further up may have set or removed this variable. */
static dj_value *env_changed(conf_eval *e, const dj_value *name)
{
    if (!e->r->audit)
        return NULL;
    if (!e->r->env_lost && !dj_map_has(&e->r->env_changed, name->str))
        return NULL;
    return conf_unknown(e, dj_strf(e->s,
                                   "environment variable " DJ_FMT " may have been set further up",
                                   DJ_ARG(shown_name(name))));
}

static void wipe_text(void *text)
{
    dj_str *t = text;
    dj_wipe((char *)(uintptr_t)t->ptr, t->len);
}

/* The value of a set variable; NULL with *set false if it is not set. Texts from outside are wiped
 * with the scope. */
static dj_value *env_value(conf_eval *e, const dj_value *name, uint32_t start, bool *set)
{
    dj_str text = DJ_NONE;
    *set = environment(e, name->str, &text);
    if (!*set)
        return NULL;
    if (!dj_utf8_valid(text))
        return conf_eval_fail(e, "value", start,
                              dj_strf(e->s, "the environment variable " DJ_FMT " is not UTF-8",
                                      DJ_ARG(shown_name(name))),
                              "");
    if (!conf_charge(e, text.len, start))
        return NULL;
    dj_value *v = conf_value_new(e, DJ_V_STR, start);
    v->str = dj_str_dup(e->s, text);
    v->flags = DJ_VALUE_ENV;
    if (v->str.len > 0)
        dj_own(e->s, wipe_text, &v->str);
    return v;
}

static dj_value *eval_env(conf_eval *e, const node *n)
{
    bool      set;
    dj_value *key = conf_eval_node(e, n->items[0]);
    if (key == NULL || shadowed(e, "os"))
        return NULL;
    uses_os(e, n);
    if (key->kind == DJ_V_UNKNOWN)
        return key;
    if (key->kind != DJ_V_STR)
        return conf_eval_fail(
            e, "type", n->toks[0],
            dj_strf(e->s, "os.environ[...] takes a text, not " DJ_FMT, DJ_ARG(dj_value_type(key))),
            "");
    dj_value *v = env_changed(e, key);
    if (v != NULL)
        return v;
    v = env_value(e, key, n->start, &set);
    if (set)
        return v;
    if (e->r->audit)
        return conf_unknown(e, dj_strf(e->s, "environment variable " DJ_FMT " is not set here",
                                       DJ_ARG(shown_name(key))));
    return conf_eval_fail(
        e, "env-missing", n->start,
        dj_strf(e->s, "the environment variable " DJ_FMT " is not set", DJ_ARG(shown_name(key))),
        "set it, or give a default: os.environ.get('NAME', 'default')");
}

/* A default keeps its value and remembers where it came from; shared containers can't remember. */
static dj_value *as_default(conf_eval *e, const dj_value *v, uint32_t start)
{
    dj_value *copy = conf_value_new(e, v->kind, start);
    dj_origin origin = copy->origin;
    *copy = *v;
    copy->origin = origin;
    copy->flags |= DJ_VALUE_ENV_DEFAULT;
    return copy;
}

static dj_value *eval_env_get(conf_eval *e, const node *n, dj_value **args)
{
    bool set;
    if (n->n < 1 || n->n > 2)
        return conf_eval_fail(e, "type", n->tok,
                              DJ_LIT("os.environ.get takes a name and perhaps a default"), "");
    if (args[0]->kind == DJ_V_UNKNOWN)
        return args[0];
    if (args[0]->kind != DJ_V_STR)
        return conf_eval_fail(e, "type", n->tok,
                              dj_strf(e->s, "os.environ.get takes a text, not " DJ_FMT,
                                      DJ_ARG(dj_value_type(args[0]))),
                              "");
    dj_value *v = env_changed(e, args[0]);
    if (v != NULL) {
        if (n->n == 2) /* what comes out may be the default itself */
            conf_forget_deep(e, args[1], v->str);
        return v;
    }
    v = env_value(e, args[0], n->start, &set);
    if (set)
        return v;
    if (n->n == 1) {
        v = conf_value_new(e, DJ_V_NONE, n->start);
        v->flags = DJ_VALUE_ENV_DEFAULT;
        return v;
    }
    bool shared = args[1]->kind == DJ_V_UNKNOWN || args[1]->kind == DJ_V_LIST ||
                  args[1]->kind == DJ_V_SET || args[1]->kind == DJ_V_DICT;
    return shared ? args[1] : as_default(e, args[1], n->start);
}

static dj_value *eval_in_env(conf_eval *e, const node *n)
{
    dj_str    text = DJ_NONE;
    dj_value *name = conf_eval_node(e, n->items[0]);
    if (name == NULL || shadowed(e, "os"))
        return NULL;
    uses_os(e, n);
    if (name->kind == DJ_V_UNKNOWN)
        return name;
    if (name->kind != DJ_V_STR)
        return conf_eval_fail(
            e, "type", n->tok,
            dj_strf(e->s, "in os.environ takes a text, not " DJ_FMT, DJ_ARG(dj_value_type(name))),
            "");
    dj_value *v = env_changed(e, name);
    if (v != NULL)
        return v;
    v = conf_value_new(e, DJ_V_BOOL, n->start);
    v->boolean = environment(e, name->str, &text) == (n->op == 'i');
    return v;
}

/* -- containers -- */

typedef struct value_list {
    dj_value **items;
    size_t     len, cap;
} value_list;

static void push(conf_eval *e, value_list *list, dj_value *v)
{
    if (list->len == list->cap) {
        size_t cap = list->cap == 0 ? 8 : 2 * list->cap;
        list->items = dj_realloc(e->r->work, list->items, list->cap * sizeof(dj_value *),
                                 cap * sizeof(dj_value *));
        list->cap = cap;
    }
    list->items[list->len++] = v;
}

/* The values of *x. False: failed; *whole is set if how many they are is unknown. */
static bool unpack(conf_eval *e, const node *n, bool into_set, value_list *list, dj_value **whole)
{
    dj_value *v = conf_eval_node(e, n->items[0]);
    if (v == NULL)
        return false;
    if (v->kind == DJ_V_UNKNOWN) {
        *whole = v;
        return true;
    }
    if (v->kind == DJ_V_LIST || v->kind == DJ_V_TUPLE || (v->kind == DJ_V_SET && into_set)) {
        if (!conf_charge(e, v->seq.len * sizeof(dj_value *), n->tok))
            return false;
        for (size_t i = 0; i < v->seq.len; i++)
            push(e, list, v->seq.items[i]);
        return true;
    }
    if (v->kind == DJ_V_DICT) {
        if (!conf_charge(e, v->dict.len * sizeof(dj_value *), n->tok))
            return false;
        for (size_t i = 0; i < v->dict.len; i++)
            push(e, list, v->dict.pairs[i].key);
        return true;
    }
    return conf_eval_fail(
               e, "type", n->tok,
               dj_strf(e->s, "* unpacks lists and tuples, not " DJ_FMT, DJ_ARG(dj_value_type(v))),
               "") != NULL;
}

static dj_value *unhashable(conf_eval *e, const dj_value *v, const node *n)
{
    return conf_eval_fail(e, "type", n->start,
                          dj_strf(e->s,
                                  "a " DJ_FMT " is unhashable: it can't be a key or stand in a set",
                                  DJ_ARG(dj_value_type(v))),
                          "use a text, a number or a tuple of them");
}

static dj_value *eval_items(conf_eval *e, const node *n)
{
    value_list list = {0};
    dj_value  *whole = NULL;
    for (size_t i = 0; i < n->n; i++) {
        const node *item = n->items[i];
        size_t      before = list.len;
        if (item->kind == N_STAR) {
            if (!unpack(e, item, n->kind == N_SET, &list, &whole))
                return NULL;
        } else {
            dj_value *v = conf_eval_node(e, item);
            if (v == NULL)
                return NULL;
            push(e, &list, v);
        }
        for (size_t k = before; n->kind == N_SET && k < list.len; k++) {
            if (list.items[k]->kind != DJ_V_UNKNOWN && !conf_hashable(list.items[k], 0))
                return unhashable(e, list.items[k], item);
        }
    }
    if (whole != NULL)
        return whole;
    if (n->kind == N_SET)
        return conf_set_of(e, list.items, list.len, n->start);
    dj_value *v = conf_value_new(e, n->kind == N_LIST ? DJ_V_LIST : DJ_V_TUPLE, n->start);
    if (!conf_charge(e, list.len * sizeof(dj_value *), n->start))
        return NULL;
    v->seq.items = dj_new_array(e->s, dj_value *, list.len);
    v->seq.len = list.len;
    for (size_t i = 0; i < list.len; i++) {
        v->seq.items[i] = list.items[i];
        v->flags |= list.items[i]->flags;
    }
    return v;
}

static dj_value *eval_dict(conf_eval *e, const node *n)
{
    value_list list = {0}; /* key, value, key, value... */
    dj_value  *whole = NULL;
    for (size_t i = 0; i < n->n; i += 2) {
        const node *key = n->items[i], *value = n->items[i + 1];
        if (key != NULL) {
            dj_value *k = conf_eval_node(e, key), *v = k == NULL ? NULL : conf_eval_node(e, value);
            if (v == NULL)
                return NULL;
            if (k->kind == DJ_V_UNKNOWN)
                whole = k;
            else if (!conf_hashable(k, 0))
                return unhashable(e, k, key);
            push(e, &list, k);
            push(e, &list, v);
            continue;
        }
        dj_value *all = conf_eval_node(e, value->items[0]);
        if (all == NULL)
            return NULL;
        if (all->kind == DJ_V_UNKNOWN) {
            whole = all;
            continue;
        }
        if (all->kind != DJ_V_DICT)
            return conf_eval_fail(
                e, "type", value->tok,
                dj_strf(e->s, "** unpacks a dict, not " DJ_FMT, DJ_ARG(dj_value_type(all))), "");
        if (!conf_charge(e, all->dict.len * sizeof(dj_value_pair), value->tok))
            return NULL;
        for (size_t k = 0; k < all->dict.len; k++) {
            push(e, &list, all->dict.pairs[k].key);
            push(e, &list, all->dict.pairs[k].value);
        }
    }
    if (whole != NULL)
        return whole;
    dj_value_pair *pairs = dj_new_array(e->r->work, dj_value_pair, list.len / 2);
    for (size_t i = 0; i < list.len / 2; i++)
        pairs[i] = (dj_value_pair){list.items[2 * i], list.items[2 * i + 1]};
    return conf_dict_of(e, pairs, list.len / 2, n->start);
}

/* The place of seq[index]; SIZE_MAX with the error set. */
static size_t place_in(conf_eval *e, size_t len, const dj_value *index, uint32_t tok)
{
    if (index->kind != DJ_V_INT && index->kind != DJ_V_BOOL) {
        (void)conf_eval_fail(e, "type", tok,
                             dj_strf(e->s, "the index [...] must be an int, not " DJ_FMT,
                                     DJ_ARG(dj_value_type(index))),
                             "");
        return SIZE_MAX;
    }
    int64_t i = index->kind == DJ_V_BOOL ? index->boolean : index->integer;
    int64_t n = (int64_t)len;
    if (i < -n || i >= n) {
        (void)conf_eval_fail(e, "value", tok,
                             dj_strf(e->s, "the index [%lld] is out of range: there are %zu items",
                                     (long long)i, len),
                             "");
        return SIZE_MAX;
    }
    return (size_t)(i < 0 ? i + n : i);
}

/* The pair of a key; SIZE_MAX if it is absent, SIZE_MAX - 1 with the error set. */
static size_t pair_of(conf_eval *e, const dj_value *dict, const dj_value *key, uint32_t tok)
{
    if (!conf_hashable(key, 0)) {
        (void)conf_eval_fail(e, "type", tok,
                             dj_strf(e->s, "a " DJ_FMT " is unhashable: it can't be a key",
                                     DJ_ARG(dj_value_type(key))),
                             "");
        return SIZE_MAX - 1;
    }
    for (size_t i = 0; i < dict->dict.len; i++) {
        conf_truth same = conf_equal(e, dict->dict.pairs[i].key, key);
        if (same == CONF_YES)
            return i;
        if (same == CONF_MAYBE) {
            (void)conf_eval_fail(e, "value", tok, DJ_LIT("too many comparisons"), "");
            return SIZE_MAX - 1;
        }
    }
    return SIZE_MAX;
}

dj_value *conf_subscript(conf_eval *e, dj_value *on, dj_value *index, uint32_t start, uint32_t tok)
{
    size_t i;
    if (on->kind == DJ_V_UNKNOWN)
        return on;
    if (index->kind == DJ_V_UNKNOWN)
        return index;
    switch (on->kind) {
    case DJ_V_LIST:
    case DJ_V_TUPLE:
        i = place_in(e, on->seq.len, index, tok);
        return i == SIZE_MAX ? NULL : on->seq.items[i];
    case DJ_V_DICT:
        i = pair_of(e, on, index, tok);
        if (i == SIZE_MAX)
            return conf_eval_fail(
                e, "value", tok,
                dj_strf(e->s, "there is no key [" DJ_FMT "]",
                        DJ_ARG(index->flags & DJ_VALUE_ENV ? DJ_LIT("...")
                                                           : dj_value_repr(e->s, index, 60))),
                "");
        return i == SIZE_MAX - 1 ? NULL : on->dict.pairs[i].value;
    case DJ_V_STR:
        i = place_in(e, dj_utf8_len(on->str), index, tok);
        if (i != SIZE_MAX) {
            size_t pos = 0, from;
            do {
                from = pos;
                (void)dj_utf8_next(on->str, &pos);
            } while (i-- > 0);
            dj_value *v = conf_value_new(e, DJ_V_STR, start);
            v->str = dj_str_n(on->str.ptr + from, pos - from);
            v->flags = on->flags;
            return v;
        }
        return NULL;
    default:
        return conf_eval_fail(
            e, "type", tok,
            dj_strf(e->s, "[...] does not work on " DJ_FMT, DJ_ARG(dj_value_type(on))), "");
    }
}

bool conf_assign_item(conf_eval *e, dj_value *on, dj_value *index, dj_value *value, uint32_t tok)
{
    size_t i;
    if (on->kind == DJ_V_UNKNOWN)
        return true;
    if (index->kind == DJ_V_UNKNOWN) {
        conf_forget(e, on, index->str);
        return true;
    }
    if (on->kind == DJ_V_LIST) {
        i = place_in(e, on->seq.len, index, tok);
        if (i != SIZE_MAX)
            on->seq.items[i] = value;
        return i != SIZE_MAX;
    }
    if (on->kind != DJ_V_DICT)
        return conf_eval_fail(e, "type", tok,
                              dj_strf(e->s, "items of " DJ_FMT " can't be assigned with [...]",
                                      DJ_ARG(dj_value_type(on))),
                              "") != NULL;
    i = pair_of(e, on, index, tok);
    if (i == SIZE_MAX - 1)
        return false;
    if (i == SIZE_MAX) {
        size_t n = on->dict.len;
        if ((n & (n - 1)) == 0) { /* room for a power of two is always there */
            if (!conf_charge(e, (n + 1) * 2 * sizeof(dj_value_pair), tok))
                return false;
            dj_value_pair *pairs = dj_new_array(e->s, dj_value_pair, n == 0 ? 1 : 2 * n);
            if (n > 0)
                memcpy(pairs, on->dict.pairs, n * sizeof(dj_value_pair));
            on->dict.pairs = pairs;
        }
        i = on->dict.len++;
        on->dict.pairs[i].key = index;
    }
    on->dict.pairs[i].value = value;
    return true;
}

/* -- calls -- */

static dj_value *eval_call(conf_eval *e, const node *n)
{
    static const char *const shadows[] = {"int", "bool", "str", "Path", "os",
                                          "os",  "os",   "os",  "os"};
    dj_value               **args = dj_new_array(e->r->work, dj_value *, n->n);
    dj_value                *unknown = NULL;
    for (size_t i = 0; i < n->n; i++) {
        args[i] = conf_eval_node(e, n->items[i]);
        if (args[i] == NULL)
            return NULL;
        if (args[i]->kind == DJ_V_UNKNOWN)
            unknown = args[i];
    }
    if (shadowed(e, shadows[n->op]))
        return NULL;
    if (n->op == CALL_PATH)
        uses_path(e, n);
    else if (n->op >= CALL_ENV_GET)
        uses_os(e, n);
    if (n->op == CALL_ENV_GET)
        return eval_env_get(e, n, args);
    return unknown != NULL ? unknown : conf_call_builtin(e, (conf_call)n->op, args, n->n, n->tok);
}

static dj_value *eval_method(conf_eval *e, const node *n)
{
    dj_value **args = dj_new_array(e->r->work, dj_value *, n->n);
    for (size_t i = 0; i < n->n; i++) {
        args[i] = conf_eval_node(e, n->items[i]);
        if (args[i] == NULL)
            return NULL;
    }
    for (size_t i = 0; i < n->n; i++) {
        if (args[i]->kind == DJ_V_UNKNOWN)
            return args[i];
    }
    return conf_call_method(e, (conf_method)n->op, args[0], args + 1, n->n - 1, n->start, n->tok);
}

static dj_value *eval_alias(conf_eval *e, const node *n)
{
    dj_value *f = conf_lookup(e->m, n->text);
    if (f != &conf_gettext)
        return conf_eval_fail(e, "call", n->tok,
                              dj_strf(e->s,
                                      "the call of " DJ_FMT "() is not read in a settings file",
                                      DJ_ARG(n->text)),
                              "only int, bool, str, Path, os.environ.get, os.getenv and os.path "
                              "functions are called");
    dj_value *v = n->n == 1 ? conf_eval_node(e, n->items[0]) : NULL;
    if (n->n == 1 && (v == NULL || v->kind == DJ_V_STR || v->kind == DJ_V_UNKNOWN))
        return v;
    return conf_eval_fail(e, "type", n->tok,
                          dj_strf(e->s, DJ_FMT "() takes one text", DJ_ARG(n->text)), "");
}

static dj_value *eval_constant(conf_eval *e, const node *n)
{
    static const struct {
        const char *name, *tag;
        int64_t     level;
    } levels[] = {{"DEBUG", "debug", 10},
                  {"INFO", "info", 20},
                  {"SUCCESS", "success", 25},
                  {"WARNING", "warning", 30},
                  {"ERROR", "error", 40}};
    dj_value *on = conf_lookup(e->m, n->text);
    if (on == NULL)
        return name_missing(e, n);
    bool tags = dj_str_eq(n->word, DJ_LIT("DEFAULT_TAGS")),
         names = dj_str_eq(n->word, DJ_LIT("DEFAULT_LEVELS"));
    dj_value_pair pairs[DJ_COUNT(levels)];
    for (size_t i = 0; i < DJ_COUNT(levels) && on == &conf_messages; i++) {
        dj_value *level = conf_value_new(e, DJ_V_INT, n->start),
                 *text = conf_value_new(e, DJ_V_STR, n->start);
        level->integer = levels[i].level;
        if (dj_str_eq(n->word, dj_str_of(levels[i].name)))
            return level;
        text->str = dj_str_of(tags ? levels[i].tag : levels[i].name);
        pairs[i] = tags ? (dj_value_pair){level, text} : (dj_value_pair){text, level};
    }
    if (on == &conf_messages && (tags || names))
        return conf_dict_of(e, pairs, DJ_COUNT(levels), n->start);
    return conf_eval_fail(
        e, "attribute", n->toks[0],
        dj_strf(e->s, "." DJ_FMT " is not read in a settings file", DJ_ARG(n->word)),
        on == &conf_messages ? "message levels are DEBUG, INFO, SUCCESS, WARNING and ERROR" : "");
}

/* -- expressions -- */

static dj_value *eval_chain(conf_eval *e, const node *n)
{
    dj_value *v = conf_eval_node(e, n->items[0]);
    for (size_t i = 1; i < n->n && v != NULL; i++) {
        dj_value *right = conf_eval_node(e, n->items[i]);
        if (right == NULL)
            return NULL;
        v = conf_binary(e, n->ops[i - 1], v, right, n->start, n->toks[i - 1]);
    }
    return v;
}

/* Audit: `unknown` may be this value under another name, so a change there may be a change here. */
static void escape(conf_eval *e, const node *n, const dj_value *unknown)
{
    dj_value *v = conf_eval_node(e, n);
    if (v != NULL)
        conf_forget_deep(e, v, unknown->str);
}

static dj_value *eval_if(conf_eval *e, const node *n)
{
    dj_value *v = conf_eval_node(e, n->items[0]);
    if (v == NULL)
        return NULL;
    if (v->kind != DJ_V_UNKNOWN)
        return conf_eval_node(e, n->items[dj_value_truth(v) ? 1 : 2]);
    escape(e, n->items[1], v);
    escape(e, n->items[2], v);
    return v;
}

static dj_value *eval_logic(conf_eval *e, const node *n)
{
    dj_value *v = NULL;
    for (size_t i = 0; i < n->n; i++) {
        v = conf_eval_node(e, n->items[i]);
        if (v == NULL || v->kind == DJ_V_UNKNOWN || dj_value_truth(v) == (n->kind == N_OR)) {
            for (i++; v != NULL && v->kind == DJ_V_UNKNOWN && i < n->n; i++)
                escape(e, n->items[i], v);
            return v;
        }
    }
    return v;
}

static dj_value *eval_pair(conf_eval *e, const node *n)
{
    dj_value *a = conf_eval_node(e, n->items[0]);
    dj_value *b = a == NULL ? NULL : conf_eval_node(e, n->items[1]);
    if (b == NULL)
        return NULL;
    switch (n->kind) {
    case N_POWER:
        return conf_binary(e, OP2('*', '*'), a, b, n->start, n->tok);
    case N_COMPARE:
        return conf_compare(e, n->op, a, b, n->start, n->tok);
    case N_PARENTS:
        return conf_path_parents(e, a, b, n->tok, n->toks[0]);
    default:
        if (b->kind == DJ_V_UNKNOWN)
            conf_forget_items(e, a, b->str);
        return conf_subscript(e, a, b, n->start, n->toks[0]);
    }
}

static dj_value *eval(conf_eval *e, const node *n)
{
    dj_value *v;
    switch ((node_kind)n->kind) {
    case N_CONST:
        return n->value;
    case N_NAME:
        return eval_name(e, n);
    case N_TUPLE:
    case N_LIST:
    case N_SET:
        return eval_items(e, n);
    case N_DICT:
        return eval_dict(e, n);
    case N_SIGN:
        v = conf_eval_node(e, n->items[0]);
        return v == NULL ? NULL : conf_sign(e, n->op, v, n->tok);
    case N_NOT:
        v = conf_eval_node(e, n->items[0]);
        if (v == NULL || v->kind == DJ_V_UNKNOWN)
            return v;
        bool truth = dj_value_truth(v);
        v = conf_value_new(e, DJ_V_BOOL, n->start);
        v->boolean = !truth;
        return v;
    case N_CHAIN:
        return eval_chain(e, n);
    case N_AND:
    case N_OR:
        return eval_logic(e, n);
    case N_POWER:
    case N_COMPARE:
    case N_PARENTS:
    case N_INDEX:
        return eval_pair(e, n);
    case N_IN_ENV:
        return eval_in_env(e, n);
    case N_IF:
        return eval_if(e, n);
    case N_CALL:
        return eval_call(e, n);
    case N_ENV:
        return eval_env(e, n);
    case N_ALIAS:
        return eval_alias(e, n);
    case N_CONSTANT:
        return eval_constant(e, n);
    case N_PARENT:
        v = conf_eval_node(e, n->items[0]);
        return v == NULL ? NULL : conf_path_parent(e, v, n->start, n->tok);
    case N_METHOD:
        return eval_method(e, n);
    case N_OPAQUE:
        return conf_unknown(e, n->text);
    case N_STAR:
        break;
    }
    return NULL;
}

dj_value *conf_eval_node(conf_eval *e, const node *n)
{
    dj_value *v = eval(e, n);
    return v == NULL && e->r->audit ? conf_unknown(e, e->why) : v;
}
