/* src/app/route.c - one path() route: "articles/<int:year>/<slug:title>/" cut into parts, and
 * matched.
 *
 * Django turns such a route into a regular expression; here it stays a row of literals and
 * character classes, so that a literal is compared as bytes and nothing a client sends makes
 * matching slow. Where a converter could swallow what the next literal needs ("<path:p>/edit/") the
 * parts are matched from the last to the first, each position once: the longest text for the
 * earliest converter, as a greedy expression finds it, in linear time. Django:
 * django/urls/converters.py and django/urls/resolvers.py, class RoutePattern.
 *
 * Must not know: requests, trees of routes, regular expressions but as text. */
#include "app/app.h"

#define UUID_LEN 36

/* -- characters of a converter -- */

static bool is_slug(char c)
{
    return dj_is_alpha(c) || dj_is_digit(c) || c == '-' || c == '_';
}

static bool takes(dj_conv_kind kind, char c)
{
    switch (kind) {
    case DJ_CONV_INT:
        return dj_is_digit(c);
    case DJ_CONV_SLUG:
        return is_slug(c);
    case DJ_CONV_PATH:
        return c != '\n';
    case DJ_CONV_STR:
        return c != '/';
    case DJ_CONV_UUID:
    case DJ_CONV_OWN:
        break;
    }
    return false;
}

/* Lower case and hyphens only: one spelling per value. */
static bool is_uuid(dj_str text)
{
    if (text.len < UUID_LEN)
        return false;
    for (size_t i = 0; i < UUID_LEN; i++) {
        char c = text.ptr[i];
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? c != '-' : !dj_is_digit(c) && !(c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

/* How many bytes at the start of `text` the converter takes at most; 0: does not match here. */
static size_t run(dj_conv_kind kind, dj_str text)
{
    size_t n = 0;
    if (kind == DJ_CONV_UUID)
        return is_uuid(text) ? UUID_LEN : 0;
    if (kind == DJ_CONV_STR || kind == DJ_CONV_PATH) {
        n = dj_str_chr(text, kind == DJ_CONV_STR ? '/' : '\n');
        return n == DJ_NOT_FOUND ? text.len : n;
    }
    while (n < text.len && takes(kind, text.ptr[n]))
        n++;
    return n;
}

/* -- reading a route -- */

static const struct {
    dj_str       name;
    dj_conv_kind kind;
    dj_str       regex;
} converters[] = {
    {DJ_STR_INIT("int"), DJ_CONV_INT, DJ_STR_INIT("[0-9]+")},
    {DJ_STR_INIT("path"), DJ_CONV_PATH, DJ_STR_INIT(".+")},
    {DJ_STR_INIT("slug"), DJ_CONV_SLUG, DJ_STR_INIT("[-a-zA-Z0-9_]+")},
    {DJ_STR_INIT("str"), DJ_CONV_STR, DJ_STR_INIT("[^/]+")},
    {DJ_STR_INIT("uuid"), DJ_CONV_UUID,
     DJ_STR_INIT("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")},
};

static bool is_identifier(dj_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c != '_' && !dj_is_alpha(c) && !(i > 0 && dj_is_digit(c)))
            return false;
    }
    return name.len > 0;
}

static bool find_converter(const dj_urls *root, dj_str name, dj_part *part)
{
    for (size_t i = 0; i < root->nconverters; i++) {
        if (dj_str_eq(dj_str_of(root->converters[i].name), name)) {
            part->kind = DJ_CONV_OWN;
            part->own = &root->converters[i];
            return true;
        }
    }
    for (size_t i = 0; i < DJ_COUNT(converters); i++) {
        if (dj_str_eq(converters[i].name, name)) {
            part->kind = converters[i].kind;
            return true;
        }
    }
    return false;
}

/* `inside` is what stands between < and >. */
static dj_err read_converter(dj_scope *s, const dj_urls *root, const char *route, dj_str inside,
                             dj_part *part)
{
    size_t colon = dj_str_chr(inside, ':');
    dj_str name = colon == DJ_NOT_FOUND ? DJ_LIT("str") : dj_str_first(inside, colon);
    part->literal = false;
    part->text = colon == DJ_NOT_FOUND ? inside : dj_str_from(inside, colon + 1);
    for (size_t i = 0; i < inside.len; i++) {
        if (strchr(" \t\n\r\f\v", inside.ptr[i]) != NULL)
            return dj_fail(s, DJ_ERR_SETTINGS, "the route \"%s\" has a blank between < and >",
                           route);
    }
    if (!is_identifier(part->text))
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "the route \"%s\" names an argument \"" DJ_FMT "\", which is no identifier",
                       route, DJ_ARG(part->text));
    if (!find_converter(root, name, part))
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "the route \"%s\" uses the converter \"" DJ_FMT "\", which does not exist",
                       route, DJ_ARG(name));
    return DJ_OK;
}

/* Can each converter run to its end without looking at what follows? */
static bool is_one_pass(const dj_parts *parts)
{
    for (size_t i = 0; i + 1 < parts->len; i++) {
        const dj_part *p = &parts->items[i], *next = p + 1;
        if (p->literal || p->kind == DJ_CONV_UUID)
            continue;
        if (!next->literal || takes(p->kind, next->text.ptr[0]))
            return false;
    }
    return true;
}

dj_err dj_parts_parse(dj_scope *s, const dj_urls *root, const char *route, bool anchored,
                      dj_parts *out)
{
    dj_part parts[DJ_PARTS_MAX];
    size_t  len = 0;
    for (dj_str rest = dj_str_of(route); rest.len > 0;) {
        size_t open = dj_str_chr(rest, '<');
        size_t close =
            open == DJ_NOT_FOUND ? DJ_NOT_FOUND : dj_str_chr(dj_str_from(rest, open), '>');
        /* "<>" and a "<" that nothing closes are text, as in Django. */
        bool converter = close != DJ_NOT_FOUND && close > 1;
        if (len + 2 > DJ_PARTS_MAX)
            return dj_fail(s, DJ_ERR_SETTINGS, "the route \"%s\" has more than %d arguments", route,
                           DJ_ARGS_MAX);
        dj_str literal = converter ? dj_str_first(rest, open) : rest;
        if (literal.len > 0)
            parts[len++] = (dj_part){.literal = true, .text = literal};
        if (!converter)
            break;
        dj_part *part = &parts[len++];
        *part = (dj_part){.literal = false};
        dj_err e = read_converter(s, root, route, dj_str_n(rest.ptr + open + 1, close - 1), part);
        if (e)
            return e;
        for (size_t i = 0; i + 1 < len; i++) {
            if (!parts[i].literal && dj_str_eq(parts[i].text, part->text))
                return dj_fail(s, DJ_ERR_SETTINGS,
                               "the route \"%s\" names the argument \"" DJ_FMT "\" twice", route,
                               DJ_ARG(part->text));
        }
        rest = dj_str_from(rest, open + close + 1);
    }
    dj_part *items = dj_new_array(s, dj_part, len);
    if (len > 0)
        memcpy(items, parts, len * sizeof *items);
    *out = (dj_parts){.items = items, .len = len, .anchored = anchored};
    out->one_pass = is_one_pass(out);
    return DJ_OK;
}

static void add_regex_escaped(dj_buf *b, dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if ((unsigned char)c < 0x80 && !dj_is_alpha(c) && !dj_is_digit(c) && c != '_' && c != '/')
            dj_buf_add_byte(b, '\\');
        dj_buf_add_byte(b, c);
    }
}

dj_str dj_parts_regex(dj_scope *s, const dj_parts *parts)
{
    dj_buf b = dj_buf_make(s, 64 * 1024);
    for (size_t i = 0; i < parts->len; i++) {
        const dj_part *p = &parts->items[i];
        if (p->literal) {
            add_regex_escaped(&b, p->text);
            continue;
        }
        dj_buf_addf(&b, "(?P<" DJ_FMT ">", DJ_ARG(p->text));
        if (p->kind == DJ_CONV_OWN)
            dj_buf_add(&b, dj_str_of(p->own->regex));
        for (size_t k = 0; k < DJ_COUNT(converters); k++) {
            if (p->kind != DJ_CONV_OWN && converters[k].kind == p->kind)
                dj_buf_add(&b, converters[k].regex);
        }
        dj_buf_add_byte(&b, ')');
    }
    return dj_buf_str(&b);
}

/* -- matching -- */

/* What to_python() makes of the text: false if it refuses, then the route does not match. */
static bool convert(const dj_part *part, dj_str text, dj_arg *arg)
{
    *arg = (dj_arg){.name = part->text, .kind = DJ_ARG_STR, .text = text};
    if (part->kind != DJ_CONV_INT)
        return true;
    arg->kind = DJ_ARG_INT;
    return dj_str_to_int(text, &arg->number);
}

static bool match_one_pass(const dj_parts *parts, dj_str text, dj_arg *args, size_t *end)
{
    size_t at = 0, nargs = 0;
    for (size_t i = 0; i < parts->len; i++) {
        const dj_part *p = &parts->items[i];
        dj_str         rest = dj_str_from(text, at);
        if (p->literal) {
            if (!dj_str_starts(rest, p->text))
                return false;
            at += p->text.len;
            continue;
        }
        size_t n = run(p->kind, rest);
        if (n == 0 || (args != NULL && !convert(p, dj_str_first(rest, n), &args[nargs++])))
            return false;
        at += n;
    }
    *end = at;
    return !parts->anchored || at == text.len;
}

/* ends[i] for one part: where it ends, plus one, when it starts at i and all parts behind it match;
 * 0 if they can't. `behind` is the same for the next part, NULL for the last one. */
static void part_ends(const dj_part *p, dj_str text, const uint32_t *behind, bool anchored,
                      uint32_t *ends)
{
#define BEHIND_OK(at) (behind != NULL ? behind[at] != 0 : !anchored || (at) == text.len)
    for (size_t i = text.len + 1; i-- > 0;) {
        ends[i] = 0;
        if (p->literal || p->kind == DJ_CONV_UUID) {
            dj_str rest = dj_str_from(text, i);
            bool   here = p->literal ? dj_str_starts(rest, p->text) : is_uuid(rest);
            size_t to = i + (p->literal ? p->text.len : UUID_LEN);
            if (here && BEHIND_OK(to))
                ends[i] = (uint32_t)to + 1;
        } else if (i < text.len && takes(p->kind, text.ptr[i])) {
            /* The longest first: what the next position reaches, this one does, too. */
            if (ends[i + 1] != 0)
                ends[i] = ends[i + 1];
            else if (BEHIND_OK(i + 1))
                ends[i] = (uint32_t)i + 2;
        }
    }
#undef BEHIND_OK
}

static bool match_with_retries(dj_scope *s, const dj_parts *parts, dj_str text, dj_arg *args,
                               size_t *end)
{
    size_t    row = text.len + 1;
    uint32_t *ends = dj_alloc_raw(s, parts->len * row * sizeof *ends);
    for (size_t i = parts->len; i-- > 0;)
        part_ends(&parts->items[i], text, i + 1 < parts->len ? ends + (i + 1) * row : NULL,
                  parts->anchored, ends + i * row);
    size_t at = 0, nargs = 0;
    for (size_t i = 0; i < parts->len; i++) {
        size_t to = ends[i * row + at];
        if (to-- == 0)
            return false;
        const dj_part *p = &parts->items[i];
        if (!p->literal && args != NULL &&
            !convert(p, dj_str_n(text.ptr + at, to - at), &args[nargs++]))
            return false;
        at = to;
    }
    *end = at;
    return true;
}

bool dj_parts_match(dj_scope *s, const dj_parts *parts, dj_str text, dj_arg *args, size_t *end)
{
    if (parts->one_pass)
        return match_one_pass(parts, text, args, end);
    /* The first literal decides most of the time. */
    if (parts->items[0].literal && !dj_str_starts(text, parts->items[0].text))
        return false;
    return text.len < UINT32_MAX / 2 && match_with_retries(s, parts, text, args, end);
}
