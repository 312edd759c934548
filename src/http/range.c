/* src/http/range.c - which part of a file a request wants, in which coding, and whether it needs it
 * at all.
 *
 * Values in, verdicts out; lists are read where they stand. One range is served, several get the
 * whole file (RFC 9110 14.2 leaves that to us): answers of many small parts cost a server more than
 * they spare a client.
 *
 * Must not know: files. */
#include "http/files.h"
#include "donjon/time.h"

/* -- Range -- */

/* Digits and nothing else; more than fits is as much as fits. */
static bool number(dj_str text, uint64_t *out)
{
    const uint64_t most = INT64_MAX;
    uint64_t       n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!dj_is_digit(text.ptr[i]))
            return false;
        unsigned digit = (unsigned)(text.ptr[i] - '0');
        n = n > (most - digit) / 10 ? most : n * 10 + digit;
    }
    *out = n;
    return text.len > 0;
}

/* "-500": the last 500 bytes. */
static dj_range_verdict suffix(uint64_t wanted, uint64_t size, dj_range *out)
{
    if (wanted == 0)
        return DJ_RANGE_UNSATISFIABLE;
    if (size == 0)
        return DJ_RANGE_WHOLE; /* all there is; Content-Range has no word for it */
    out->len = wanted < size ? wanted : size;
    out->from = size - out->len;
    return DJ_RANGE_PART;
}

dj_range_verdict dj_range_decide(dj_str range, uint64_t size, dj_range *out)
{
    static const char unit[] = "bytes=";
    if (!dj_str_starts_nocase(range, DJ_LIT("bytes=")))
        return DJ_RANGE_WHOLE;
    dj_str   text = dj_str_trim(dj_str_from(range, sizeof unit - 1));
    size_t   dash = dj_str_chr(text, '-');
    uint64_t first, last = UINT64_MAX;
    if (dash == DJ_NOT_FOUND || dj_str_chr(text, ',') != DJ_NOT_FOUND)
        return DJ_RANGE_WHOLE;
    dj_str behind = dj_str_from(text, dash + 1);
    if (dash == 0)
        return number(behind, &last) ? suffix(last, size, out) : DJ_RANGE_WHOLE;
    if (!number(dj_str_first(text, dash), &first) || (behind.len > 0 && !number(behind, &last)) ||
        last < first)
        return DJ_RANGE_WHOLE;
    if (first >= size)
        return DJ_RANGE_UNSATISFIABLE;
    *out = (dj_range){.from = first, .len = (last < size - 1 ? last : size - 1) - first + 1};
    return DJ_RANGE_PART;
}

bool dj_if_range_holds(dj_str if_range, const dj_validators *have, int64_t now)
{
    int64_t date;
    if (dj_is_etag(if_range))
        return dj_str_eq(if_range, have->etag) && !dj_str_starts(if_range, DJ_LIT("W/"));
    return have->last_modified != 0 && dj_http_date_parse(if_range, now, &date) &&
           date == have->last_modified;
}

void dj_content_range_add(dj_response *resp, const dj_range *part, uint64_t size)
{
    dj_str value =
        resp->status == 206
            ? dj_strf(resp->req->scope, "bytes %llu-%llu/%llu", (unsigned long long)part->from,
                      (unsigned long long)(part->from + part->len - 1), (unsigned long long)size)
            : dj_strf(resp->req->scope, "bytes */%llu", (unsigned long long)size);
    dj_header_set(resp, DJ_LIT("Content-Range"), value);
}

/* -- Accept-Encoding -- */

#define Q_ONE 1000

/* ";q=0.5" behind a coding, in thousandths; what is no weight refuses. RFC 9110 12.4.2. */
static int weight(dj_str params)
{
    dj_str text = dj_str_trim(params);
    if (text.len == 0)
        return Q_ONE;
    if (!dj_str_starts_nocase(text, DJ_LIT("q=")) || text.len < 3 || text.len > 7)
        return 0;
    text = dj_str_from(text, 2);
    if (text.ptr[0] != '0' && text.ptr[0] != '1')
        return 0;
    int q = (text.ptr[0] - '0') * Q_ONE, step = Q_ONE / 10;
    if (text.len > 1 && text.ptr[1] != '.')
        return 0;
    for (size_t i = 2; i < text.len; i++, step /= 10) {
        if (!dj_is_digit(text.ptr[i]))
            return 0;
        q += (text.ptr[i] - '0') * step;
    }
    return q > Q_ONE ? 0 : q;
}

static int coding_of(dj_str name)
{
    if (dj_str_eq_nocase(name, DJ_LIT("br")))
        return DJ_CODING_BR;
    if (dj_str_eq_nocase(name, DJ_LIT("gzip")) || dj_str_eq_nocase(name, DJ_LIT("x-gzip")))
        return DJ_CODING_GZIP;
    if (dj_str_eq_nocase(name, DJ_LIT("identity")))
        return DJ_CODING_IDENTITY;
    return dj_str_eq(name, DJ_LIT("*")) ? DJ_CODINGS : -1;
}

dj_coding dj_coding_choose(dj_str accept, unsigned have)
{
    /* An identity that is not named is acceptable, after all that is. */
    int    q[DJ_CODINGS + 1] = {-1, -1, -1, -1};
    dj_str item;
    if (accept.len == 0 || (have & ~(1u << DJ_CODING_IDENTITY)) == 0)
        return DJ_CODING_IDENTITY;
    while (dj_str_next(&accept, ',', &item)) {
        size_t semicolon = dj_str_chr(item, ';');
        int    coding = coding_of(dj_str_trim(dj_str_first(item, semicolon)));
        if (coding >= 0)
            q[coding] =
                semicolon == DJ_NOT_FOUND ? Q_ONE : weight(dj_str_from(item, semicolon + 1));
    }
    dj_coding best = DJ_CODING_IDENTITY;
    int       best_q = q[DJ_CODING_IDENTITY] >= 0 ? q[DJ_CODING_IDENTITY] : 0;
    for (int c = DJ_CODING_GZIP; c <= DJ_CODING_BR; c++) {
        int its = q[c] >= 0 ? q[c] : q[DJ_CODINGS];
        if ((have >> c & 1u) != 0 && its > 0 && its >= best_q) {
            best = (dj_coding)c;
            best_q = its;
        }
    }
    return best;
}

/* -- requests -- */

/* The place of a field that files care about, by its name; NULL for all others. */
static dj_str *place_of(dj_file_asked *asked, dj_str name)
{
    switch (name.len) {
    case sizeof "Range" - 1:
        return dj_str_eq_nocase(name, DJ_LIT("Range")) ? &asked->range : NULL;
    case sizeof "If-Range" - 1: /* If-Match has as many letters */
        return dj_str_eq_nocase(name, DJ_LIT("If-Range"))   ? &asked->if_range
               : dj_str_eq_nocase(name, DJ_LIT("If-Match")) ? &asked->conditions.if_match
                                                            : NULL;
    case sizeof "If-None-Match" - 1:
        return dj_str_eq_nocase(name, DJ_LIT("If-None-Match")) ? &asked->conditions.if_none_match
                                                               : NULL;
    case sizeof "Accept-Encoding" - 1:
        return dj_str_eq_nocase(name, DJ_LIT("Accept-Encoding")) ? &asked->accept_encoding : NULL;
    case sizeof "If-Modified-Since" - 1:
        return dj_str_eq_nocase(name, DJ_LIT("If-Modified-Since"))
                   ? &asked->conditions.if_modified_since
                   : NULL;
    case sizeof "If-Unmodified-Since" - 1:
        return dj_str_eq_nocase(name, DJ_LIT("If-Unmodified-Since"))
                   ? &asked->conditions.if_unmodified_since
                   : NULL;
    default:
        return NULL;
    }
}

dj_file_asked dj_file_asked_of(dj_req *req)
{
    dj_file_asked asked = {.range = DJ_NONE};
    for (size_t i = 0; i < req->head->nfields; i++) {
        const dj_field *field = &req->head->fields[i];
        dj_str         *place = place_of(&asked, field->name);
        if (place != NULL) /* a second line of the same name: rare, and joined as everywhere */
            *place = dj_str_is_none(*place) ? field->value : dj_req_header(req, field->name);
    }
    return asked;
}

int dj_file_status(const dj_req *req, const dj_file_asked *asked, const dj_validators *have,
                   uint64_t size, dj_range *part)
{
    const dj_preconditions *c = &asked->conditions;
    int64_t                 now = 0;
    bool conditional = !dj_str_is_none(c->if_match) || !dj_str_is_none(c->if_none_match) ||
                       !dj_str_is_none(c->if_modified_since) ||
                       !dj_str_is_none(c->if_unmodified_since);
    if (conditional || !dj_str_is_none(asked->if_range))
        now = dj_now(req->scope);
    switch (conditional ? dj_preconditions_decide(c, have, true, now) : DJ_VERDICT_GO_ON) {
    case DJ_VERDICT_NOT_MODIFIED:
        return 304;
    case DJ_VERDICT_FAILED:
        return 412;
    case DJ_VERDICT_GO_ON:
        break;
    }
    /* RFC 9110 14.2: a Range means something for GET alone. */
    if (DJ_LIKELY(dj_str_is_none(asked->range)) || req->head->method != DJ_GET ||
        (!dj_str_is_none(asked->if_range) && !dj_if_range_holds(asked->if_range, have, now)))
        return 200;
    switch (dj_range_decide(asked->range, size, part)) {
    case DJ_RANGE_PART:
        return 206;
    case DJ_RANGE_UNSATISFIABLE:
        return 416;
    case DJ_RANGE_WHOLE:
        break;
    }
    return 200;
}
