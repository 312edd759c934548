/* src/conf/run.c - carries out the statements of one file, in order. */
#include "reader.h"

static bool run_one(conf_eval *e, const stmt *st);

static bool is_container(const dj_value *v)
{
    return v->kind == DJ_V_LIST || v->kind == DJ_V_DICT || v->kind == DJ_V_SET;
}

static bool assign_to(conf_eval *e, const node *target, dj_value *value)
{
    if (target->kind == N_NAME) {
        conf_bind(e, target->text, value);
        return true;
    }
    dj_value *on = conf_eval_node(e, target->items[0]);
    dj_value *index = on == NULL ? NULL : conf_eval_node(e, target->items[1]);
    if (index == NULL)
        return false;
    if (conf_assign_item(e, on, index, value, target->toks[0]))
        return true;
    if (e->r->audit && is_container(on))
        conf_forget(e, on, e->why);
    return e->r->audit;
}

static bool run_assign(conf_eval *e, const stmt *st)
{
    dj_value *value = conf_eval_node(e, st->value);
    if (value == NULL)
        return false;
    for (size_t i = 0; i < st->ntargets; i++) {
        if (!assign_to(e, st->targets[i], value))
            return false;
    }
    return true;
}

/* list += changes the list itself, for all names that share it. */
static bool extend(conf_eval *e, dj_value *list, const dj_value *more, uint32_t tok)
{
    size_t n = list->seq.len + more->seq.len;
    if (!conf_charge(e, n * sizeof(dj_value *), tok))
        return false;
    dj_value **items = dj_new_array(e->s, dj_value *, n);
    if (list->seq.len > 0)
        memcpy(items, list->seq.items, list->seq.len * sizeof(dj_value *));
    if (more->seq.len > 0)
        memcpy(items + list->seq.len, more->seq.items, more->seq.len * sizeof(dj_value *));
    list->seq.items = items;
    list->seq.len = n;
    list->flags |= more->flags;
    return true;
}

static bool run_augment(conf_eval *e, const stmt *st)
{
    const node *target = st->targets[0];
    dj_value   *a = conf_eval_node(e, target);
    dj_value   *b = a == NULL ? NULL : conf_eval_node(e, st->value);
    if (b == NULL)
        return false;
    if (a->kind == DJ_V_LIST && b->kind == DJ_V_UNKNOWN) {
        conf_forget(e, a, b->str);
        return true;
    }
    if (a->kind == DJ_V_LIST && (b->kind == DJ_V_LIST || b->kind == DJ_V_TUPLE)) {
        if (extend(e, a, b, st->tok))
            return true;
    } else if (a->kind == DJ_V_LIST) {
        (void)conf_eval_fail(e, "type", st->tok, conf_types(e, "+=", a, b),
                             "add a list: NAME += ['x']");
    } else {
        dj_value *v = conf_binary(e, OP('+'), a, b, st->value->start, st->tok);
        if (v != NULL) {
            conf_bind(e, target->text, v);
            return true;
        }
    }
    if (!e->r->audit)
        return false;
    if (is_container(a))
        conf_forget(e, a, e->why);
    conf_bind(e, target->text, conf_unknown(e, e->why));
    return true;
}

/* Audit: one more statement that could not be read. */
static void record_gap(conf_eval *e, const stmt *st, dj_str reason)
{
    conf_reader *r = e->r;
    if (r->conf->ngaps == r->gaps_cap) {
        size_t cap = r->gaps_cap == 0 ? 16 : 2 * r->gaps_cap;
        r->gaps =
            dj_realloc(r->s, r->gaps, r->gaps_cap * sizeof(dj_conf_gap), cap * sizeof(dj_conf_gap));
        r->gaps_cap = cap;
        r->conf->gaps = r->gaps;
    }
    r->gaps[r->conf->ngaps++] = (dj_conf_gap){conf_origin(e, st->first), reason};
}

/* -- imports -- */

static bool is_predeclared(dj_str name)
{
    return dj_str_eq(name, DJ_LIT("os")) || dj_str_eq(name, DJ_LIT("Path")) ||
           dj_str_eq(name, DJ_LIT("CSP")) || dj_str_eq(name, DJ_LIT("int")) ||
           dj_str_eq(name, DJ_LIT("bool")) || dj_str_eq(name, DJ_LIT("str"));
}

static void take(conf_eval *e, const conf_module *from, dj_str name, dj_str as)
{
    dj_value *v = conf_lookup(from, name);
    if (v != NULL)
        conf_bind(e, as, v);
}

/* Is the name in the file's __all__? Without one all names without an underscore in front are
 * public. */
static bool take_star(conf_eval *e, const stmt *st, const conf_module *from)
{
    dj_value *all = conf_lookup(from, DJ_LIT("__all__"));
    if (from->has_os && all == NULL)
        e->m->has_os = true;
    if (from->has_path && all == NULL)
        e->m->has_path = true;
    if (all == NULL) {
        for (size_t i = 0; i < from->names.len; i++) {
            dj_str name = from->names.entries[i].key;
            if (name.ptr[0] != '_')
                take(e, from, name, name);
        }
        return true;
    }
    bool known = (all->kind == DJ_V_LIST || all->kind == DJ_V_TUPLE) && !dj_value_has_unknown(all);
    for (size_t i = 0; known && i < all->seq.len; i++) {
        const dj_value *name = all->seq.items[i];
        known = name->kind == DJ_V_STR &&
                (is_predeclared(name->str) || conf_lookup(from, name->str) != NULL);
        if (known && !is_predeclared(name->str))
            take(e, from, name->str, name->str);
    }
    if (known)
        return true;
    if (e->r->audit) {
        conf_lose_names(e, DJ_LIT("__all__ of an imported file"));
        return true;
    }
    return conf_eval_fail(e, "name", st->tok,
                          DJ_LIT("__all__ of that file names something that it does not define"),
                          "") != NULL;
}

static bool run_import(conf_eval *e, const stmt *st)
{
    conf_module *from = conf_import(e, st);
    if (from == NULL) {
        if (!e->r->audit)
            return false;
        if (st->dots == 0)
            record_gap(e, st, e->why);
        if (st->star)
            conf_lose_names(e, e->why);
        for (size_t i = 0; i < st->nnames; i++)
            conf_bind(e, st->names[i].as, conf_unknown(e, e->why));
        return true;
    }
    if (st->star) {
        if (from->lost)
            conf_lose_names(e, DJ_LIT("an imported file may bind any name"));
        return take_star(e, st, from);
    }
    for (size_t i = 0; i < st->nnames; i++) {
        const import_name *n = &st->names[i];
        if (conf_lookup(from, n->name) != NULL) {
            take(e, from, n->name, n->as);
        } else if (is_predeclared(n->name) && dj_str_eq(n->name, n->as)) {
            e->m->has_os = e->m->has_os || dj_str_eq(n->name, DJ_LIT("os"));
            e->m->has_path = e->m->has_path || dj_str_eq(n->name, DJ_LIT("Path"));
        } else if (e->r->audit) {
            conf_bind(e, n->as, conf_unknown(e, DJ_LIT("not in the imported file")));
        } else {
            (void)conf_eval_fail(
                e, "name", n->tok,
                dj_strf(e->s, "that file does not define " DJ_FMT, DJ_ARG(n->name)), "");
            return false;
        }
    }
    return true;
}

static void run_bind(conf_eval *e, const stmt *st)
{
    const dj_value *to = st->bind == BIND_GETTEXT ? &conf_gettext : &conf_messages;
    conf_bind(e, st->names[0].as, (dj_value *)(uintptr_t)to); /* only compared, never written to */
}

static void run_uses(conf_eval *e, const stmt *st)
{
    if (st->bind == BIND_OS)
        e->m->has_os = true;
    if (st->bind == BIND_PATH)
        e->m->has_path = true;
    if (e->r->audit && conf_lookup(e->m, st->names[0].as) != NULL)
        conf_bind(e, st->names[0].as, NULL); /* the name is Python's own again */
}

/* -- audit: blocks -- */

static void give_up(conf_eval *e, const stmt *st, dj_str reason)
{
    e->statement = st;
    record_gap(e, st, reason);
    conf_audit_gap(e, st->first, st->last, true, reason);
}

static bool run_if(conf_eval *e, const stmt *st)
{
    dj_value *v = conf_eval_node(e, st->value);
    if (st->opaque)
        conf_audit_gap(e, st->first, st->tok, false, DJ_LIT("if"));
    if (v->kind == DJ_V_UNKNOWN) {
        give_up(e, st, DJ_LIT("if"));
        return true;
    }
    return conf_run(e, dj_value_truth(v) ? &st->body : &st->orelse);
}

/* Could this statement raise for a reason that is not seen here? Then which clause runs is unknown.
 */
static bool certain(conf_eval *e, const stmt *st)
{
    if (st->kind == S_NOTHING || st->kind == S_BIND || st->kind == S_USES || st->kind == S_IMPORT)
        return true;
    if ((st->kind != S_ASSIGN && st->kind != S_AUGMENT) || st->opaque)
        return false;
    for (size_t i = 0; i < st->ntargets; i++) {
        if (st->targets[i]->kind != N_NAME)
            return false;
    }
    if (st->kind == S_AUGMENT && conf_eval_node(e, st->targets[0])->kind == DJ_V_UNKNOWN)
        return false;
    return conf_eval_node(e, st->value)->kind != DJ_V_UNKNOWN;
}

/* Does that file define all names that this import takes? One that it lacks is an ImportError. */
static bool has_all(const conf_module *from, const stmt *import)
{
    for (size_t i = 0; i < import->nnames; i++) {
        if (conf_lookup(from, import->names[i].name) == NULL)
            return false;
    }
    return true;
}

static bool run_try(conf_eval *e, const stmt *st)
{
    bool missing = false;
    for (size_t i = 0; i < st->body.len && !missing; i++) {
        e->statement = st;
        e->missing = false;
        if (!certain(e, st->body.items[i])) {
            give_up(e, st, DJ_LIT("try"));
            return true;
        }
        if (st->body.items[i]->kind == S_IMPORT) {
            const conf_module *from = conf_import(e, st->body.items[i]);
            missing = from == NULL && e->missing && st->star;
            if (missing)
                break;
            if (from == NULL || !has_all(from, st->body.items[i])) {
                e->statement = st;
                give_up(e, st, DJ_LIT("try"));
                return true;
            }
        }
        if (!run_one(e, st->body.items[i]))
            return false;
    }
    if (!conf_run(e, missing ? &st->handlers : &st->orelse))
        return false;
    return conf_run(e, &st->final);
}

static bool run_one(conf_eval *e, const stmt *st)
{
    bool ok = true;
    e->statement = st;
    switch ((stmt_kind)st->kind) {
    case S_NOTHING:
        return true;
    case S_ASSIGN:
        ok = run_assign(e, st);
        break;
    case S_AUGMENT:
        ok = run_augment(e, st);
        break;
    case S_IMPORT:
        return run_import(e, st);
    case S_BIND:
        run_bind(e, st);
        return true;
    case S_USES:
        run_uses(e, st);
        return true;
    case S_IF:
        return run_if(e, st);
    case S_TRY:
        return run_try(e, st);
    case S_GAP:
        give_up(e, st, st->reason);
        return true;
    }
    if (ok && st->opaque)
        conf_audit_gap(e, st->first, st->last, false, DJ_LIT("statement"));
    return ok;
}

bool conf_run(conf_eval *e, const block *statements)
{
    for (size_t i = 0; i < statements->len; i++) {
        if (!run_one(e, statements->items[i]))
            return false;
    }
    return true;
}
