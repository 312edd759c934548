/* src/http/accept.c - what kinds of answer a client takes: the Accept header.
 *
 * Of the types that a client names, the one that fits a kind best says how much it is wanted: the
 * most specific, then the best liked. Django: http/request.py, MediaType and accepted_type. RFC
 * 9110 section 12.5.1.
 *
 * Must not know: what is negotiated. */
#include "donjon/unicode.h"
#include "http/http.h"

#define TYPES_MAX 64 /* of a header; what follows is not looked at */

typedef struct media_type {
    dj_str           main, sub;
    dj_header_params head;
    size_t           nparams; /* without q */
    int              quality; /* thousandths */
    int              specificity;
} media_type;

typedef struct accepted {
    media_type types[TYPES_MAX]; /* in order of the header */
    size_t     len;
} accepted;

/* "0.5" in thousandths, rounded; what is no number from 0 to 1 counts as 1. */
static int quality_of(dj_str text)
{
    int     value = 0, unit = 1000;
    bool    digits = false, point = false;
    int64_t round = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!dj_is_digit(c) || value > 1000)
            return 1000;
        digits = true;
        if (!point) {
            value = value * 10 + (c - '0') * 1000;
        } else if (unit > 1) {
            unit /= 10;
            value += (c - '0') * unit;
        } else if (unit == 1) {
            round = c - '0';
            unit = 0;
        }
    }
    value += round >= 5;
    return digits && value <= 1000 ? value : 1000;
}

static bool read_type(dj_scope *s, dj_str text, media_type *out)
{
    *out = (media_type){.quality = 1000};
    if (dj_header_params_parse(s, text, &out->head) != DJ_OK)
        return false;
    size_t slash = dj_str_chr(out->head.value, '/');
    out->main = dj_str_first(out->head.value, slash);
    out->sub = slash == DJ_NOT_FOUND ? DJ_NONE : dj_str_from(out->head.value, slash + 1);
    dj_str q = dj_header_param_get(&out->head, DJ_LIT("q"));
    out->nparams = out->head.params.len - !dj_str_is_none(q);
    if (!dj_str_is_none(q))
        out->quality = quality_of(q);
    out->specificity = dj_str_eq(out->main, DJ_LIT("*"))  ? 0
                       : dj_str_eq(out->sub, DJ_LIT("*")) ? 1
                       : out->nparams == 0                ? 2
                                                          : 3;
    return true;
}

static const accepted *read_accept(dj_req *req)
{
    dj_scope *s = req->scope;
    dj_str    rest = dj_req_header(req, DJ_LIT("Accept")), piece;
    accepted *a = dj_new(s, accepted);
    if (dj_str_is_none(rest))
        rest = DJ_LIT("*/*");
    while (a->len < TYPES_MAX && dj_str_next(&rest, ',', &piece)) {
        media_type *type = &a->types[a->len];
        if (dj_utf8_strip(piece).len > 0 && read_type(s, piece, type) && type->quality > 0)
            a->len++;
    }
    return a;
}

static bool part_matches(dj_str a, dj_str b)
{
    return dj_str_eq(a, b) || dj_str_eq(a, DJ_LIT("*")) || dj_str_eq(b, DJ_LIT("*"));
}

static bool same_params(const media_type *a, const media_type *b)
{
    if (a->nparams != b->nparams)
        return false;
    for (size_t i = 0; i < a->head.params.len; i++) {
        dj_str name = a->head.params.entries[i].key;
        if (!dj_str_eq(name, DJ_LIT("q")) &&
            (!dj_map_has(&b->head.params, name) ||
             !dj_str_eq(dj_header_param_get(&a->head, name), dj_header_param_get(&b->head, name))))
            return false;
    }
    return true;
}

/* A range without parameters takes a kind with any; otherwise they must be the same. */
static bool matches(const media_type *kind, const media_type *range)
{
    if (kind->main.len == 0 || kind->sub.len == 0 || range->main.len == 0 || range->sub.len == 0 ||
        !part_matches(kind->main, range->main) || !part_matches(kind->sub, range->sub))
        return false;
    return range->nparams == 0 || same_params(kind, range);
}

/* Is `a` before `b`: more of the first, of the second where that is the same? The one that came
 * first stays first. */
static bool is_before(int a1, int a2, int b1, int b2)
{
    return a1 > b1 || (a1 == b1 && a2 > b2);
}

/* The range that speaks for a kind, or NULL. */
static const media_type *range_for(const accepted *a, const media_type *kind)
{
    const media_type *best = NULL;
    for (size_t i = 0; i < a->len; i++) {
        const media_type *t = &a->types[i];
        if (matches(kind, t) && (best == NULL || is_before(t->specificity, t->quality,
                                                           best->specificity, best->quality)))
            best = t;
    }
    return best;
}

dj_str dj_preferred_type(dj_req *req, const dj_str *types, size_t len)
{
    const accepted   *a = read_accept(req);
    const media_type *best = NULL, *range;
    dj_str            preferred = DJ_NONE;
    media_type        kind;
    for (size_t i = 0; i < len; i++) {
        if (!read_type(req->scope, types[i], &kind) || (range = range_for(a, &kind)) == NULL)
            continue;
        /* Equally liked and specific ranges count in the order of the header. */
        if (best == NULL ||
            is_before(range->quality, range->specificity, best->quality, best->specificity) ||
            (range < best && range->quality == best->quality &&
             range->specificity == best->specificity)) {
            best = range;
            preferred = types[i];
        }
    }
    return preferred;
}

bool dj_accepts(dj_req *req, dj_str type)
{
    return !dj_str_is_none(dj_preferred_type(req, &type, 1));
}
