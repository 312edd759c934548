/* src/checks/framework.c - chooses checks, runs them, silences, sorts and counts what they report.
 *
 * Django: django/core/checks/registry.py, and BaseCommand.check for order and counts.
 *
 * Must not know: what any check is about, how reports look, the command line. */
#include "checks/family.h"

#define MESSAGES_MAX ((size_t)10000)
#define TEXT_MAX     ((size_t)16 * 1024)

static const check_family *const families[] = {
#define FAMILY(name) &check_family_##name,
    CHECK_FAMILIES(FAMILY)
#undef FAMILY
};

/* Tags that Django has although no check of ours carries them yet: `--tag models` is no mistake. */
static const dj_check empty_tags[] = {
    {"models", false, "", NULL}, {"database", false, "", NULL}, {"commands", false, "", NULL}};

/* -- what a check may ask and say -- */

/* A setting that some checks could not decide, and which those are. */
typedef struct undecided_note {
    dj_str          name;
    const dj_value *value;
    dj_buf          ids;
} undecided_note;

dj_scope *dj_check_scope(dj_check_run *c)
{
    return c->s;
}

static void add_message(dj_check_run *c, const dj_check_message *m)
{
    if (c->len == MESSAGES_MAX)
        return;
    if (c->len == c->cap) {
        size_t cap = c->cap == 0 ? 32 : c->cap * 2;
        c->messages = dj_realloc(c->s, c->messages, c->cap * sizeof *m, cap * sizeof *m);
        c->cap = cap;
    }
    c->messages[c->len++] = *m;
}

/* A message is one line, whatever a setting holds. */
static dj_str one_line(dj_scope *s, dj_str text)
{
    dj_buf b = dj_buf_make(s, TEXT_MAX);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char ch = (unsigned char)text.ptr[i];
        if (ch < 0x20 || ch == 0x7f)
            dj_buf_addf(&b, "\\x%02x", ch);
        else
            dj_buf_add_byte(&b, text.ptr[i]);
    }
    return dj_buf_str(&b);
}

__attribute__((format(printf, 7, 0))) static void add_text(dj_check_run *c, dj_level level,
                                                           const char *id, dj_str object,
                                                           dj_origin origin, const char *hint,
                                                           const char *fmt, va_list args)
{
    dj_check_message m = {
        .level = level,
        .id = dj_str_dup(c->s, dj_str_of(id)),
        .text = one_line(c->s, dj_vstrf(c->s, fmt, args)),
        .hint = hint == NULL ? DJ_NONE : one_line(c->s, dj_str_of(hint)),
        .object = object,
        .origin = origin,
    };
    add_message(c, &m);
}

void dj_check_report(dj_check_run *c, dj_level level, const char *id, dj_origin origin,
                     const char *hint, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_text(c, level, id, DJ_NONE, origin, hint, fmt, args);
    va_end(args);
}

static dj_level level_of_id(const char *id)
{
    const char *dot = strrchr(id, '.');
    switch (dot == NULL ? 0 : dot[1]) {
    case 'C':
        return DJ_CRITICAL;
    case 'E':
        return DJ_ERROR_LEVEL;
    case 'I':
        return DJ_INFO;
    default:
        return DJ_WARNING;
    }
}

void ck_report(dj_check_run *c, const char *id, dj_origin origin, const char *hint, const char *fmt,
               ...)
{
    va_list args;
    va_start(args, fmt);
    add_text(c, level_of_id(id), id, DJ_NONE, origin, hint, fmt, args);
    va_end(args);
}

void ck_report_on(dj_check_run *c, const char *id, dj_str object, dj_origin origin,
                  const char *hint, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_text(c, level_of_id(id), id, object, origin, hint, fmt, args);
    va_end(args);
}

/* -- undecided -- */

/* The place that makes it unknown: the value itself or the first unknown thing inside. */
static const dj_value *first_unknown(const dj_value *v, int depth)
{
    if (v == NULL || v->kind == DJ_V_UNKNOWN || depth > 50)
        return v;
    if (dj_value_is_seq(v)) {
        for (size_t i = 0; i < v->seq.len; i++)
            if (dj_value_has_unknown(v->seq.items[i]))
                return first_unknown(v->seq.items[i], depth + 1);
    } else if (v->kind == DJ_V_DICT) {
        for (size_t i = 0; i < v->dict.len; i++) {
            if (dj_value_has_unknown(v->dict.pairs[i].key))
                return first_unknown(v->dict.pairs[i].key, depth + 1);
            if (dj_value_has_unknown(v->dict.pairs[i].value))
                return first_unknown(v->dict.pairs[i].value, depth + 1);
        }
    }
    return v;
}

void ck_undecided(dj_check_run *c, const char *name, const dj_value *v)
{
    undecided_note *note = NULL;
    for (size_t i = 0; i < c->nnotes && note == NULL; i++)
        if (dj_str_eq(c->notes[i].name, dj_str_of(name)))
            note = &c->notes[i];
    if (note == NULL) {
        if (c->nnotes == c->cap_notes) {
            size_t cap = c->cap_notes == 0 ? 16 : c->cap_notes * 2;
            c->notes = dj_realloc(c->s, c->notes, c->cap_notes * sizeof *note, cap * sizeof *note);
            c->cap_notes = cap;
        }
        note = &c->notes[c->nnotes++];
        *note = (undecided_note){dj_str_dup(c->s, dj_str_of(name)), v, dj_buf_make(c->s, TEXT_MAX)};
    }
    dj_str ids = dj_str_of(c->current->ids);
    if (ids.len == 0 || dj_str_has(dj_buf_str(&note->ids), ids))
        return;
    if (note->ids.len > 0)
        dj_buf_add_byte(&note->ids, ' ');
    dj_buf_add(&note->ids, ids);
}

/* File name alone: the full path is the message's origin. */
static dj_str base_name(dj_str path)
{
    size_t slash = dj_str_rchr(path, '/');
    return slash == DJ_NOT_FOUND ? path : dj_str_from(path, slash + 1);
}

static void report_undecided(dj_check_run *c)
{
    for (size_t i = 0; i < c->nnotes; i++) {
        const undecided_note *n = &c->notes[i];
        const dj_value       *v = first_unknown(n->value, 0);
        dj_origin at = v == NULL ? (dj_origin){.file = c->in->conf->files[0]} : v->origin;
        dj_str    reason = v != NULL && v->kind == DJ_V_UNKNOWN && v->str.len > 0
                               ? v->str
                               : DJ_LIT("needs Python");
        dj_str    place = at.line == 0 ? base_name(at.file)
                                       : dj_strf(c->s, DJ_FMT ":%u", DJ_ARG(base_name(at.file)),
                                                 (unsigned)at.line);
        ck_report(c, "donjon.I002", at, NULL,
                  "not decided: " DJ_FMT ": " DJ_FMT " (" DJ_FMT "); this leaves open: " DJ_FMT,
                  DJ_ARG(n->name), DJ_ARG(place), DJ_ARG(reason), DJ_ARG(dj_buf_str(&n->ids)));
    }
}

/* -- choosing -- */

static bool has_word(const char *words, dj_str word)
{
    dj_str rest = dj_str_of(words), piece;
    while (dj_str_next(&rest, ' ', &piece))
        if (piece.len > 0 && dj_str_eq(piece, word))
            return true;
    return false;
}

static bool chosen(const dj_check *check, const dj_check_options *o)
{
    if (check->deploy && !o->deploy)
        return false;
    if (o->leave_out != NULL && has_word(check->tags, dj_str_of(o->leave_out)))
        return false;
    for (size_t i = 0; i < o->ntags; i++)
        if (has_word(check->tags, o->tags[i]))
            return true;
    return o->ntags == 0;
}

/* Django registers checks of contrib apps when the app is installed. Not to know counts as
 * installed: the checks then say themselves what they can't decide. */
static bool registered(dj_check_run *c, const check_family *f)
{
    if (f->setting != NULL && !dj_conf_is_set(c->in->conf, dj_str_of(f->setting)))
        return false;
    return f->app == NULL || ck_app(c, f->app) != NO;
}

static void run_one(dj_check_run *c, const dj_check *check, const dj_check_options *o)
{
    if (check->fn == NULL || !chosen(check, o))
        return;
    c->current = check;
    check->fn(c);
}

/* -- silencing -- */

/* `id in SILENCED_SYSTEM_CHECKS`; Python's `in` on a plain string looks for a substring. What keeps
 * an audit honest can't be silenced. */
static bool is_silenced(const dj_value *list, const dj_check_message *m)
{
    if (list == NULL || dj_str_eq(m->id, DJ_LIT("donjon.I002")))
        return false;
    if (list->kind == DJ_V_STR)
        return dj_str_has(list->str, m->id);
    for (size_t i = 0; i < ck_len(list); i++)
        if (dj_str_eq(ck_text(ck_item(list, i)), m->id))
            return true;
    return false;
}

/* -- order -- */

static int group_of(dj_level level)
{
    return level >= DJ_CRITICAL      ? 0
           : level >= DJ_ERROR_LEVEL ? 1
           : level >= DJ_WARNING     ? 2
           : level >= DJ_INFO        ? 3
                                     : 4;
}

/* Django sorts the formatted lines "OBJ: (ID) TEXT" of a group as text. */
static dj_str sort_key(dj_scope *s, const dj_check_message *m)
{
    return dj_strf(s, DJ_FMT ": (" DJ_FMT ") " DJ_FMT "%s" DJ_FMT,
                   DJ_ARG(m->object.len == 0 ? DJ_LIT("?") : m->object), DJ_ARG(m->id),
                   DJ_ARG(m->text), m->hint.len == 0 ? "" : "\n\tHINT: ", DJ_ARG(m->hint));
}

typedef struct keyed {
    int              group;
    dj_str           key;
    dj_check_message message;
} keyed;

static int compare_keyed(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    return x->group != y->group ? x->group - y->group : dj_str_cmp(x->key, y->key);
}

static dj_check_message *sorted(dj_scope *s, const dj_check_message *list, size_t len)
{
    keyed            *keys = dj_new_array(s, keyed, len);
    dj_check_message *out = dj_new_array(s, dj_check_message, len);
    for (size_t i = 0; i < len; i++)
        keys[i] = (keyed){group_of(list[i].level), sort_key(s, &list[i]), list[i]};
    if (len > 1)
        qsort(keys, len, sizeof *keys, compare_keyed);
    for (size_t i = 0; i < len; i++)
        out[i] = keys[i].message;
    return out;
}

/* -- the run -- */

void dj_checks_run(dj_scope *s, const dj_check_input *input, const dj_check_options *options,
                   dj_check_result *out)
{
    static const dj_check choosing = {"", false, "", NULL};
    dj_check_run          c = {.s = s, .in = input, .current = &choosing};
    for (size_t f = 0; f < DJ_COUNT(families); f++) {
        c.current = &choosing;
        if (!registered(&c, families[f]))
            continue;
        for (size_t i = 0; i < families[f]->len; i++)
            run_one(&c, &families[f]->checks[i], options);
    }
    for (size_t i = 0; i < input->nchecks; i++)
        run_one(&c, &input->checks[i], options);
    const dj_value *silenced = ck_peek(&c, "SILENCED_SYSTEM_CHECKS");
    if (silenced != NULL && silenced->kind == DJ_V_UNKNOWN) {
        c.current = &choosing;
        ck_undecided(&c, "SILENCED_SYSTEM_CHECKS", silenced);
        silenced = NULL;
    }
    if (options->leave_out == NULL || strcmp(options->leave_out, "donjon") != 0)
        report_undecided(&c);

    dj_check_message *seen = dj_new_array(s, dj_check_message, c.len);
    dj_check_message *hidden = dj_new_array(s, dj_check_message, c.len);
    *out = (dj_check_result){0};
    for (size_t i = 0; i < c.len; i++) {
        if (is_silenced(silenced, &c.messages[i]))
            hidden[out->nsilenced++] = c.messages[i];
        else
            seen[out->len++] = c.messages[i];
    }
    out->undecided = c.nnotes > 0;
    out->messages = sorted(s, seen, out->len);
    out->silenced = sorted(s, hidden, out->nsilenced);
}

bool dj_checks_failed(const dj_check_result *result, dj_level level)
{
    for (size_t i = 0; i < result->len; i++)
        if (result->messages[i].level >= level)
            return true;
    return false;
}

/* -- tags and the catalogue -- */

static int compare_str(const void *a, const void *b)
{
    return dj_str_cmp(*(const dj_str *)a, *(const dj_str *)b);
}

static void add_tags(dj_map *seen, const dj_check *check, const dj_check_options *o)
{
    dj_str rest = dj_str_of(check->tags), piece;
    if (check->deploy && !o->deploy)
        return;
    if (o->leave_out != NULL && has_word(check->tags, dj_str_of(o->leave_out)))
        return;
    while (dj_str_next(&rest, ' ', &piece))
        if (piece.len > 0)
            dj_map_set(seen, piece, (void *)(uintptr_t)check);
}

const dj_str *dj_check_tags(dj_scope *s, const dj_check_input *input,
                            const dj_check_options *options, size_t *len)
{
    static const dj_check choosing = {"", false, "", NULL};
    dj_check_run          c = {.s = s, .in = input, .current = &choosing};
    dj_map                seen = dj_map_make(s);
    for (size_t f = 0; f < DJ_COUNT(families); f++)
        for (size_t i = 0; registered(&c, families[f]) && i < families[f]->len; i++)
            add_tags(&seen, &families[f]->checks[i], options);
    for (size_t i = 0; i < DJ_COUNT(empty_tags); i++)
        add_tags(&seen, &empty_tags[i], options);
    for (size_t i = 0; i < input->nchecks; i++)
        add_tags(&seen, &input->checks[i], options);
    dj_str *out = dj_new_array(s, dj_str, seen.len);
    for (size_t i = 0; i < seen.len; i++)
        out[i] = seen.entries[i].key;
    if (seen.len > 1)
        qsort(out, seen.len, sizeof *out, compare_str);
    *len = seen.len;
    return out;
}

static const char *summary_of(dj_str id)
{
    static const struct {
        const char *id, *summary;
    } summaries[] = {
#define CHECK_SUMMARY(the_id, text) {the_id, text},
#include "checks/summaries.def"
#undef CHECK_SUMMARY
    };
    for (size_t i = 0; i < DJ_COUNT(summaries); i++)
        if (dj_str_eq(dj_str_of(summaries[i].id), id))
            return summaries[i].summary;
    return "";
}

static int compare_info(const void *a, const void *b)
{
    return dj_str_cmp(((const dj_check_info *)a)->id, ((const dj_check_info *)b)->id);
}

const dj_check_info *dj_check_catalogue(dj_scope *s, size_t *len)
{
    dj_check_info *out = dj_new_array(s, dj_check_info, 512);
    size_t         n = 0;
    for (size_t f = 0; f < DJ_COUNT(families); f++)
        for (size_t i = 0; i < families[f]->len; i++) {
            const dj_check *check = &families[f]->checks[i];
            dj_str          rest = dj_str_of(check->ids), id;
            while (dj_str_next(&rest, ' ', &id)) {
                DJ_ASSERT(n < 511);
                out[n++] = (dj_check_info){id, dj_str_of(summary_of(id)), dj_str_of(check->tags),
                                           check->deploy};
            }
        }
    dj_str i002 = DJ_LIT("donjon.I002");
    out[n++] = (dj_check_info){i002, dj_str_of(summary_of(i002)), DJ_LIT("donjon"), false};
    qsort(out, n, sizeof *out, compare_info);
    *len = n;
    return out;
}
