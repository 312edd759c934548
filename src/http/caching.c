/* src/http/caching.c - the headers of caching on an answer: validators, Vary, Cache-Control, 304.
 *
 * Django: utils/cache.py, views/decorators/http.py. Must not know: settings, routes, caches. */
#include "http/caching.h"
#include "donjon/time.h"

/* -- condition() -- */

/* Prepared when the view asked, so that adding them can't fail. */
struct dj_shown_validators {
    dj_header etag, last_modified;
};

static bool is_safe(const dj_req *req)
{
    return (req->head->method & (DJ_GET | DJ_HEAD)) != 0;
}

dj_response *dj_condition(dj_req *req, dj_str etag, int64_t last_modified)
{
    struct dj_shown_validators *shown = dj_new(req->scope, struct dj_shown_validators);
    if (!dj_str_is_none(etag) && !dj_is_etag(etag))
        etag = dj_strf(req->scope, "\"" DJ_FMT "\"", DJ_ARG(etag));
    if (etag.len > 0 && dj_header_line(req->scope, DJ_LIT("ETag"), etag, &shown->etag))
        return dj_raise_failure(req);
    if (last_modified != 0 &&
        dj_header_line(req->scope, DJ_LIT("Last-Modified"),
                       dj_http_date_str(req->scope, last_modified), &shown->last_modified))
        return dj_raise_failure(req);
    req->validators = shown;
    dj_validators    have = {etag, last_modified};
    dj_preconditions asked = dj_preconditions_of(req);
    switch (dj_preconditions_decide(&asked, &have, is_safe(req), dj_now(req->scope))) {
    case DJ_VERDICT_NOT_MODIFIED:
        return dj_not_modified(req, NULL);
    case DJ_VERDICT_FAILED:
        return dj_respond(req, 412);
    case DJ_VERDICT_GO_ON:
        break;
    }
    return NULL;
}

static void show(dj_response *resp, const dj_header *h)
{
    if (h->line.len > 0 && !dj_header_seen(resp, h->id))
        dj_header_add_line(resp, h->id, h->name_len, h->line);
}

void dj_validators_show(const dj_req *req, dj_response *resp)
{
    if (!is_safe(req))
        return;
    show(resp, &req->validators->last_modified);
    show(resp, &req->validators->etag);
}

/* -- 304 -- */

/* Lines are taken as they are: what was sendable still is. */
static void take_lines(dj_response *resp, const dj_response *from, dj_str name)
{
    for (size_t i = 0; i < from->nheaders; i++) {
        const dj_header *h = &from->headers[i];
        if (dj_str_eq_nocase(dj_str_first(h->line, h->name_len), name))
            dj_header_add_line(resp, h->id, h->name_len, h->line);
    }
}

dj_response *dj_not_modified(dj_req *req, const dj_response *from)
{
    static const dj_str kept[] = {
        DJ_STR_INIT("Cache-Control"), DJ_STR_INIT("Content-Location"), DJ_STR_INIT("Date"),
        DJ_STR_INIT("ETag"),          DJ_STR_INIT("Expires"),          DJ_STR_INIT("Last-Modified"),
        DJ_STR_INIT("Vary"),          DJ_STR_INIT("Set-Cookie"),
    };
    dj_response *resp = dj_respond(req, 304);
    dj_header_remove(resp, DJ_LIT("Content-Type"));
    if (from == NULL)
        return resp;
    for (size_t i = 0; i < DJ_COUNT(kept); i++)
        take_lines(resp, from, kept[i]);
    resp->from_view = from->from_view; /* its policies go into the copy that the client keeps */
    return resp;
}

/* -- lists in headers -- */

/* Cuts the next item off at a comma outside quotes. Unlike Django's split it leaves a quoted comma
 * alone. */
static bool next_item(dj_str *rest, dj_str *item)
{
    bool quoted = false;
    if (dj_str_is_none(*rest))
        return false;
    for (size_t i = 0; i < rest->len; i++) {
        char c = rest->ptr[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (c == ',' && !quoted) {
            *item = dj_str_trim(dj_str_first(*rest, i));
            *rest = dj_str_from(*rest, i + 1);
            return true;
        }
    }
    *item = dj_str_trim(*rest);
    *rest = DJ_NONE;
    return true;
}

static bool lists(dj_str list, dj_str what)
{
    dj_str item;
    while (next_item(&list, &item)) {
        if (dj_str_eq_nocase(item, what))
            return true;
    }
    return false;
}

static void add_item(dj_buf *b, dj_str item)
{
    if (b->len > 0)
        dj_buf_add(b, DJ_LIT(", "));
    dj_buf_add(b, item);
}

void dj_patch_vary(dj_response *resp, dj_str names)
{
    dj_str old = dj_header_get(resp, DJ_LIT("Vary")), item, rest = old;
    dj_buf b = dj_buf_make(resp->req->scope, old.len + names.len * 2 + 2);
    bool   star = false;
    while (next_item(&rest, &item)) {
        star = star || dj_str_eq(item, DJ_LIT("*"));
        if (item.len > 0)
            add_item(&b, item);
    }
    size_t before = b.len;
    for (rest = names; next_item(&rest, &item);) {
        star = star || dj_str_eq(item, DJ_LIT("*"));
        if (item.len > 0 && !lists(dj_buf_str(&b), item))
            add_item(&b, item);
    }
    if (star)
        dj_header_set(resp, DJ_LIT("Vary"), DJ_LIT("*"));
    else if (b.len > before)
        dj_header_set(resp, DJ_LIT("Vary"), dj_buf_str(&b));
}

/* -- Cache-Control -- */

#define DIRECTIVES_MAX 32

typedef struct directive {
    dj_str name, value; /* small letters; DJ_NONE: no '=' */
    bool   gone;
} directive;

typedef struct directives {
    dj_scope *scope;
    directive items[DIRECTIVES_MAX];
    size_t    len;
    bool      full;
} directives;

static directive *directive_of(directives *all, dj_str name)
{
    for (size_t i = 0; i < all->len; i++) {
        if (!all->items[i].gone && dj_str_eq(all->items[i].name, name))
            return &all->items[i];
    }
    return NULL;
}

static void append(directives *all, const directive *d)
{
    if (all->len == DIRECTIVES_MAX)
        all->full = true;
    else
        all->items[all->len++] = *d;
}

/* no-cache may name fields, a directive for each; one that names none covers them. */
static void put_no_cache(directives *all, const directive *d)
{
    for (size_t i = 0; i < all->len; i++) {
        directive *other = &all->items[i];
        if (other->gone || !dj_str_eq(other->name, d->name))
            continue;
        if (dj_str_is_none(other->value) || dj_str_eq(other->value, d->value))
            return;
        if (dj_str_is_none(d->value)) {
            *other = *d;
            for (size_t k = i + 1; k < all->len; k++)
                all->items[k].gone = all->items[k].gone || dj_str_eq(all->items[k].name, d->name);
            return;
        }
    }
    append(all, d);
}

static void put(directives *all, const directive *d)
{
    directive *old = directive_of(all, d->name);
    if (dj_str_eq(d->name, DJ_LIT("no-cache")))
        put_no_cache(all, d);
    else if (old != NULL)
        *old = *d; /* its place is kept */
    else
        append(all, d);
}

static bool next_directive(dj_scope *s, dj_str *rest, directive *d)
{
    dj_str item;
    while (next_item(rest, &item)) {
        if (item.len == 0)
            continue;
        size_t sign = dj_str_chr(item, '=');
        *d = (directive){.name = dj_str_lower(s, dj_str_first(item, sign)),
                         .value = sign == DJ_NOT_FOUND ? DJ_NONE : dj_str_from(item, sign + 1)};
        return true;
    }
    return false;
}

/* What a new directive does to those that are there. */
static void reconcile(directives *all, directive *d)
{
    directive *other = NULL;
    int64_t    age, old_age;
    if (dj_str_eq(d->name, DJ_LIT("public")))
        other = directive_of(all, DJ_LIT("private"));
    else if (dj_str_eq(d->name, DJ_LIT("private")))
        other = directive_of(all, DJ_LIT("public"));
    if (other != NULL)
        other->gone = true;
    if (!dj_str_eq(d->name, DJ_LIT("max-age")) || (other = directive_of(all, d->name)) == NULL)
        return;
    if (dj_str_to_int(other->value, &old_age) && dj_str_to_int(d->value, &age) && old_age < age)
        d->value = other->value;
}

void dj_cache_control(dj_response *resp, dj_str wanted)
{
    dj_scope  *s = resp->req->scope;
    dj_str     old = dj_header_get(resp, DJ_LIT("Cache-Control"));
    directives all = {.scope = s};
    directive  d;
    while (next_directive(s, &old, &d))
        put(&all, &d);
    while (next_directive(s, &wanted, &d)) {
        reconcile(&all, &d);
        put(&all, &d);
    }
    dj_buf b = dj_buf_make(s, (size_t)64 * 1024);
    for (size_t i = 0; i < all.len; i++) {
        const directive *one = &all.items[i];
        if (one->gone)
            continue;
        add_item(&b, one->name);
        if (!dj_str_is_none(one->value)) {
            dj_buf_add_byte(&b, '=');
            dj_buf_add(&b, one->value);
        }
    }
    /* Nobody writes so many; what can't be kept track of is not kept. */
    dj_header_set(resp, DJ_LIT("Cache-Control"),
                  all.full || b.full ? DJ_LIT("no-store") : dj_buf_str(&b));
}

bool dj_cache_control_lists(const dj_response *resp, dj_str name)
{
    return dj_header_seen(resp, DJ_HEADER_CACHE_CONTROL) &&
           lists(dj_header_get(resp, DJ_LIT("Cache-Control")), name);
}

void dj_never_cache(dj_response *resp)
{
    dj_scope *s = resp->req->scope;
    if (!dj_header_has(resp, DJ_LIT("Expires")))
        dj_header_set(resp, DJ_LIT("Expires"), dj_http_date_str(s, dj_now(s)));
    dj_cache_control(resp, DJ_LIT("max-age=0, no-cache, no-store, must-revalidate, private"));
}
