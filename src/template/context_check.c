/* src/template/context_check.c - what can be said about a template's escaping without rendering it:
 * every branch is walked, and what a review would stop at is told with template and line.
 *
 * A template stands for itself if no other one extends or includes it by name; the others are
 * walked where they are used, with the page in the state that it has there.
 *
 * Must not know: programs, values; settings: whether a finding matters is the check's to say. */
#include "template/place.h"

enum {
    DEPTH = 24,                   /* templates inside each other */
    BYTES_MAX = 16 * 1024 * 1024, /* of static text walked for one template */
};

/* A template as an array of steps; `match` of an opening step is the index of its end. */
typedef struct program {
    dj_str        name;
    dj_walk_step *steps;
    uint32_t     *match;
    uint32_t      len, cap;
} program;

typedef struct checker {
    dj_engine   *engine;
    dj_scope    *s;
    dj_findings *out;
    dj_map      *seen; /* names of templates that were walked */
    dj_place     at;
    dj_tag_watch watch;
    program     *chain[DEPTH]; /* the most derived first */
    size_t       nchain;
    dj_str       including[DEPTH];
    size_t       depth;
    dj_str       block; /* whose body is walked, and from which template of the chain it is */
    size_t       block_from;
    dj_str       name; /* of the template that is being walked */
    uint64_t     bytes;
    uint32_t     error_line; /* where the markup began to be malformed */
    bool         raw;        /* autoescape is off */
    bool         lost;       /* the place is not known any more: nothing more is said about it */
} checker;

static void walk(checker *k, program *p, uint32_t from, uint32_t to);

/* -- programs -- */

static bool add_step(void *ctx, const dj_walk_step *step)
{
    program *p = ctx;
    if (p->len == p->cap)
        return false;
    p->steps[p->len++] = *step;
    return true;
}

static bool count_step(void *ctx, const dj_walk_step *step)
{
    (void)step;
    ++*(uint32_t *)ctx;
    return true;
}

static bool is_opening(dj_walk_kind kind)
{
    return kind == DJ_WALK_FORK || kind == DJ_WALK_BRANCH || kind == DJ_WALK_LOOP ||
           kind == DJ_WALK_TAG;
}

static bool is_closing(dj_walk_kind kind)
{
    return kind == DJ_WALK_JOIN || kind == DJ_WALK_BRANCH_END || kind == DJ_WALK_LOOP_END ||
           kind == DJ_WALK_TAG_END;
}

static program *program_of(dj_scope *s, const dj_template *t)
{
    program *p = dj_new(s, program);
    dj_template_walk(t, count_step, &p->cap);
    p->name = dj_template_name(t);
    p->steps = dj_new_array(s, dj_walk_step, p->cap);
    p->match = dj_new_array(s, uint32_t, p->cap);
    dj_template_walk(t, add_step, p);
    uint32_t *open = dj_new_array(s, uint32_t, p->len), nopen = 0;
    for (uint32_t i = 0; i < p->len; i++) {
        if (is_opening(p->steps[i].kind))
            open[nopen++] = i;
        else if (is_closing(p->steps[i].kind) && nopen > 0)
            p->match[open[--nopen]] = i;
    }
    return p;
}

static program *load(checker *k, dj_str name)
{
    const dj_template *t = NULL;
    dj_template_error  error;
    if (dj_str_is_none(name) || dj_engine_load(k->engine, k->s, name, &t, &error) != DJ_OK)
        return NULL;
    dj_map_set(k->seen, dj_str_dup(k->s, name), k);
    return program_of(k->s, t);
}

/* -- findings -- */

static void find(checker *k, dj_finding_code code, uint32_t line, dj_str message)
{
    dj_findings_add(k->out, k->s, code, k->name, line, message);
}

static void lose(checker *k)
{
    k->lost = true;
}

/* -- text and values -- */

static void walk_text(checker *k, const dj_walk_step *step)
{
    uint32_t line = step->line;
    k->bytes += step->text.len;
    if (k->bytes > BYTES_MAX)
        return;
    for (size_t i = 0; i < step->text.len; i++) {
        dj_place before = k->at;
        char     c = step->text.ptr[i];
        k->at = dj_place_after(before, dj_str_n(&step->text.ptr[i], 1));
        dj_watch_byte(&k->watch, k->s, k->out, k->name, line, &before, &k->at, c);
        if (k->at.state == ST_ERROR && before.state != ST_ERROR)
            k->error_line = line;
        line += c == '\n';
        if (k->at.state == ST_ERROR && k->at.seen == ERROR_SLASH && !k->lost) {
            find(k, DJ_FINDING_AMBIGUOUS_SLASH, line,
                 DJ_LIT("a slash divides or begins a regular expression, as the branch in front of "
                        "it was taken or not"));
            lose(k);
        }
    }
}

static bool is_html_text(const dj_place *p)
{
    return p->state <= ST_COMMENT || p->state == ST_RCDATA;
}

static void report_raw(checker *k, uint32_t line, dj_str what)
{
    dj_str where = dj_place_name(k->at);
    if (is_html_text(&k->at))
        find(k, DJ_FINDING_RAW_TEXT, line,
             dj_strf(k->s, "{{ " DJ_FMT " }} is printed as it is", DJ_ARG(what)));
    else
        find(k, DJ_FINDING_RAW, line,
             dj_strf(k->s,
                     "{{ " DJ_FMT " }} is printed as it is in " DJ_FMT
                     ": say what it is with safeurl, safejs, safejsstr, safecss, safeattr or "
                     "safesrcset",
                     DJ_ARG(what), DJ_ARG(where)));
}

static void walk_value(checker *k, uint32_t line, dj_str what, bool raw)
{
    const char *why = dj_place_refusal(&k->at);
    if (raw) {
        report_raw(k, line, what);
    } else if (k->lost) {
        ;
    } else if (why != NULL) {
        bool   bad = k->at.state == ST_ERROR;
        dj_str since = bad ? dj_strf(k->s, " since line %u", k->error_line) : DJ_LIT("");
        find(k, bad ? DJ_FINDING_BAD_MARKUP : DJ_FINDING_REFUSED, line,
             dj_strf(k->s, "cannot determine the context of {{ " DJ_FMT " }}: %s" DJ_FMT,
                     DJ_ARG(what), why, DJ_ARG(since)));
        lose(k);
    } else if (k->at.url_part == URL_UNKNOWN) {
        find(k, DJ_FINDING_AMBIGUOUS_URL, line,
             dj_strf(k->s,
                     "{{ " DJ_FMT " }} is part of a URL's path or of its query, as the branch in "
                     "front of it was taken or not",
                     DJ_ARG(what)));
        k->at.url_part = URL_QUERY;
    }
    dj_watch_value(&k->watch, &k->at);
    dj_place_pass(&k->at);
}

/* -- branches -- */

static bool same(const dj_place *a, const dj_place *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* What of a place must agree where branches meet: not how much of a name or token was read. */
static dj_place canonical(dj_place p)
{
    if (p.state == ST_AFTER_NAME || p.state == ST_ATTR_NAME || p.state == ST_TAG) {
        p.state = ST_TAG;
        p.attr = AT_PLAIN;
    }
    if (p.state == ST_BEFORE_VALUE)
        dj_place_enter_value(&p, DELIM_UNQUOTED);
    if (p.state != ST_SRCDOC)
        p.seen = p.state == ST_URL ? SCHEME_OVER : 0;
    p.name_at = p.name_len = p.close = 0;
    p.js_ctx &= SLASH_DIV | SLASH_UNKNOWN;
    p.flags &= (uint8_t) ~(FL_FRESH | FL_LINE_START);
    p.ref = 0;
    return p;
}

static bool join(dj_place *a, const dj_place *b)
{
    if (same(a, b))
        return true;
    dj_place x = canonical(*a), y = canonical(*b), z = x;
    z.url_part = y.url_part;
    z.js_ctx = y.js_ctx;
    if (!same(&z, &y))
        return false;
    if (x.url_part != y.url_part)
        x.url_part = URL_UNKNOWN;
    if (x.js_ctx != y.js_ctx)
        x.js_ctx = SLASH_UNKNOWN;
    *a = x;
    return true;
}

static void meet(checker *k, const dj_walk_step *step, dj_place *joined, bool *any)
{
    if (!*any) {
        *joined = k->at;
        *any = true;
    } else if (!k->lost && !join(joined, &k->at)) {
        find(k, DJ_FINDING_BRANCH_END, step->line,
             dj_strf(k->s,
                     "the branches of {%% " DJ_FMT " %%} end in different contexts: " DJ_FMT
                     ", " DJ_FMT,
                     DJ_ARG(step->name), DJ_ARG(dj_place_name(*joined)),
                     DJ_ARG(dj_place_name(k->at))));
        lose(k);
    }
}

/* The body comes again behind itself. */
static void walk_loop(checker *k, program *p, uint32_t i)
{
    dj_place start = k->at;
    walk(k, p, i + 1, p->match[i]);
    dj_place once = k->at;
    if (join(&start, &once))
        return;
    walk(k, p, i + 1, p->match[i]);
    if (!k->lost && !join(&once, &k->at)) {
        find(k, DJ_FINDING_BRANCH_END, p->steps[i].line,
             DJ_LIT("the body of {% for %} ends in another context each time"));
        lose(k);
    }
}

static void walk_fork(checker *k, program *p, uint32_t i)
{
    const dj_walk_step *fork = &p->steps[i];
    dj_place            start = k->at, joined = start;
    bool                any = false;
    for (uint32_t j = i + 1; j < p->match[i]; j++) {
        dj_walk_kind kind = p->steps[j].kind;
        k->at = start;
        if (kind == DJ_WALK_LOOP)
            walk_loop(k, p, j);
        else if (kind == DJ_WALK_BRANCH)
            walk(k, p, j + 1, p->match[j]);
        else if (kind != DJ_WALK_NOTHING)
            continue;
        meet(k, fork, &joined, &any);
        if (kind != DJ_WALK_NOTHING)
            j = p->match[j];
    }
    k->at = joined;
}

/* -- templates -- */

/* The next definition of the block up the chain. */
static void walk_block(checker *k, dj_str name, size_t from)
{
    dj_str outer = k->block, outer_name = k->name;
    size_t outer_from = k->block_from;
    for (size_t i = from; i < k->nchain; i++) {
        program *p = k->chain[i];
        for (uint32_t j = 0; j < p->len; j++) {
            const dj_walk_step *step = &p->steps[j];
            if (step->kind != DJ_WALK_TAG || !dj_str_eq(step->name, DJ_LIT("block")) ||
                !dj_str_eq(step->target, name))
                continue;
            k->block = name;
            k->block_from = i + 1;
            k->name = p->name;
            walk(k, p, j + 1, p->match[j]);
            k->block = outer;
            k->block_from = outer_from;
            k->name = outer_name;
            return;
        }
    }
}

static const dj_walk_step *find_extends(const program *p)
{
    for (uint32_t i = 0; i < p->len; i++)
        if (p->steps[i].kind == DJ_WALK_TAG && dj_str_eq(p->steps[i].name, DJ_LIT("extends")))
            return &p->steps[i];
    return NULL;
}

/* A template that extends is its parent, with blocks of its own. */
static void walk_template(checker *k, program *p)
{
    dj_str outer = k->name;
    while (p != NULL && k->nchain < DEPTH) {
        k->chain[k->nchain++] = p;
        k->name = p->name;
        const dj_walk_step *extends = find_extends(p);
        if (extends == NULL) {
            walk(k, p, 0, p->len);
            break;
        }
        p = load(k, extends->target);
    }
    k->name = outer;
}

static bool is_being_included(const checker *k, dj_str name)
{
    for (size_t i = 0; i < k->depth; i++)
        if (dj_str_eq(k->including[i], name))
            return true;
    return false;
}

static void walk_include(checker *k, const dj_walk_step *step)
{
    program *p =
        k->depth == DEPTH || is_being_included(k, step->target) ? NULL : load(k, step->target);
    if (p == NULL) {
        dj_watch_unknown(&k->watch);
        return;
    }
    checker outer = *k;
    k->including[k->depth++] = step->target;
    k->nchain = 0;
    k->block = DJ_NONE;
    walk_template(k, p);
    memcpy(k->chain, outer.chain, sizeof k->chain);
    k->nchain = outer.nchain;
    k->depth = outer.depth;
    k->block = outer.block;
    k->block_from = outer.block_from;
}

/* Tags that print a value, unless it is kept with `as`: looked at where only a value can stand. */
static bool prints_value(const checker *k, dj_str name)
{
    static const char *const names[] = {
        "url",   "static",          "cycle",       "firstof",
        "now",   "widthratio",      "querystring", "get_static_prefix",
        "lorem", "get_media_prefix"};
    for (size_t i = 0; i < DJ_COUNT(names); i++)
        if (dj_str_eq(name, dj_str_of(names[i])))
            return k->at.state == ST_BEFORE_VALUE || k->at.delim != DELIM_NONE;
    return false;
}

static void walk_tag(checker *k, program *p, uint32_t i)
{
    const dj_walk_step *step = &p->steps[i];
    if (dj_str_eq(step->name, DJ_LIT("block"))) {
        walk_block(k, step->target, 0);
        return;
    }
    if (dj_str_eq(step->name, DJ_LIT("include")))
        walk_include(k, step);
    if (dj_str_eq(step->name, DJ_LIT("csrf_token")))
        dj_watch_token(&k->watch);
    if (prints_value(k, step->name))
        walk_value(k, step->line, step->name, false);
    bool     raw = k->raw;
    dj_place at = k->at;
    if (dj_str_eq(step->name, DJ_LIT("autoescape")))
        k->raw = dj_str_eq(step->target, DJ_LIT("off"));
    walk(k, p, i + 1, p->match[i]);
    k->raw = raw;
    if (dj_str_eq(step->name, DJ_LIT("partialdef")))
        k->at = at;
}

static void walk(checker *k, program *p, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to && k->bytes <= BYTES_MAX; i++) {
        const dj_walk_step *step = &p->steps[i];
        switch (step->kind) {
        case DJ_WALK_TEXT:
            walk_text(k, step);
            break;
        case DJ_WALK_VALUE:
            if (dj_str_eq(step->text, DJ_LIT("block.super")))
                walk_block(k, k->block, k->block_from);
            else
                walk_value(k, step->line, step->text, step->raw || k->raw);
            break;
        case DJ_WALK_FORK:
            walk_fork(k, p, i);
            i = p->match[i];
            break;
        case DJ_WALK_TAG:
            walk_tag(k, p, i);
            i = p->match[i];
            break;
        default:
            break;
        }
    }
}

/* -- the API -- */

static void check_one(dj_engine *engine, dj_scope *s, dj_str name, dj_map *seen, dj_findings *out)
{
    checker *k = dj_new(s, checker);
    *k = (checker){.engine = engine, .s = s, .out = out, .seen = seen, .name = name};
    program *p = load(k, name);
    if (p == NULL || !dj_template_is_markup(name))
        return;
    walk_template(k, p);
    dj_watch_end(&k->watch, s, out);
    if (!k->lost && (k->at.state != ST_TEXT || k->at.flags != 0))
        find(k, DJ_FINDING_END_CONTEXT, p->len == 0 ? 1 : p->steps[p->len - 1].line,
             dj_strf(s, "the template ends in " DJ_FMT, DJ_ARG(dj_place_name(k->at))));
}

void dj_template_check(dj_engine *engine, dj_scope *s, dj_str name, dj_findings *out)
{
    dj_map seen = dj_map_make(s);
    check_one(engine, s, name, &seen, out);
}

typedef struct census {
    dj_scope *s;
    dj_map    names, used;
} census;

static bool note_use(void *ctx, const dj_walk_step *step)
{
    census *all = ctx;
    if (step->kind == DJ_WALK_TAG && !dj_str_is_none(step->target) &&
        (dj_str_eq(step->name, DJ_LIT("extends")) || dj_str_eq(step->name, DJ_LIT("include"))))
        dj_map_set(&all->used, dj_str_dup(all->s, step->target), all);
    return true;
}

static dj_err note_template(void *ctx, dj_str name, const dj_template *t,
                            const dj_template_error *error)
{
    census *all = ctx;
    (void)error;
    if (t == NULL)
        return DJ_OK;
    dj_map_set(&all->names, dj_str_dup(all->s, name), all);
    dj_template_walk(t, note_use, all);
    return DJ_OK;
}

dj_err dj_engine_check(dj_engine *engine, dj_scope *s, dj_findings *out)
{
    census all = {.s = s, .names = dj_map_make(s), .used = dj_map_make(s)};
    dj_map seen = dj_map_make(s);
    dj_err e = dj_engine_each(engine, s, note_template, &all);
    if (e)
        return e;
    /* First those that stand for themselves, then what only uses each other in a circle. */
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < all.names.len; i++) {
            dj_str name = all.names.entries[i].key;
            if (!dj_map_has(&seen, name) && (round == 1 || !dj_map_has(&all.used, name)))
                check_one(engine, s, name, &seen, out);
        }
    return DJ_OK;
}
