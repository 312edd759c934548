/* src/http/conditional.c - does the client have it already, or does it want to change something
 * else?
 *
 * Values in, verdict out. Lists of tags are read where they stand, in one pass.
 * Django: utils/cache.py, get_conditional_response; utils/http.py, parse_etags.
 *
 * Must not know: responses, who made the validators. */
#include "http/caching.h"
#include "donjon/time.h"

/* Python's str.strip() of a header, which is Latin-1. */
#define BLANKS DJ_LIT(" \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0")

bool dj_is_etag(dj_str text)
{
    if (dj_str_starts(text, DJ_LIT("W/")))
        text = dj_str_from(text, 2);
    return text.len >= 2 && text.ptr[0] == '"' &&
           dj_str_chr(dj_str_from(text, 1), '"') == text.len - 2;
}

/* The next item of a list that is a tag: cut at commas, so a tag with a comma in it is none. */
static bool next_tag(dj_str *rest, dj_str *tag)
{
    while (dj_str_next(rest, ',', tag)) {
        *tag = dj_str_strip(*tag, BLANKS);
        if (dj_is_etag(*tag))
            return true;
    }
    return false;
}

static bool is_star(dj_str list)
{
    return dj_str_eq(dj_str_strip(list, BLANKS), DJ_LIT("*"));
}

/* A header without a single tag asks nothing. */
static bool asks(dj_str list)
{
    dj_str tag;
    return list.len > 0 && (is_star(list) || next_tag(&list, &tag));
}

static dj_str without_weakness(dj_str tag)
{
    return dj_str_strip(tag, DJ_LIT("W/"));
}

static bool names_tag(dj_str list, dj_str etag, bool weak)
{
    dj_str tag;
    if (etag.len == 0)
        return false;
    if (is_star(list))
        return true;
    if (weak)
        etag = without_weakness(etag);
    else if (dj_str_starts(etag, DJ_LIT("W/")))
        return false;
    while (next_tag(&list, &tag)) {
        if (dj_str_eq(weak ? without_weakness(tag) : tag, etag))
            return true;
    }
    return false;
}

/* Unix seconds; 0, which no resource has either, for anything that is no date. */
static int64_t date_of(dj_str text, int64_t now)
{
    int64_t t = 0;
    return dj_http_date_parse(text, now, &t) ? t : 0;
}

dj_verdict dj_preconditions_decide(const dj_preconditions *asked, const dj_validators *have,
                                   bool safe, int64_t now)
{
    bool match = asks(asked->if_match), none_match = asks(asked->if_none_match);
    if (match && !names_tag(asked->if_match, have->etag, false))
        return DJ_VERDICT_FAILED;
    if (!match) {
        int64_t since = date_of(asked->if_unmodified_since, now);
        if (since != 0 && (have->last_modified == 0 || have->last_modified > since))
            return DJ_VERDICT_FAILED;
    }
    if (none_match)
        return !names_tag(asked->if_none_match, have->etag, true) ? DJ_VERDICT_GO_ON
               : safe                                             ? DJ_VERDICT_NOT_MODIFIED
                                                                  : DJ_VERDICT_FAILED;
    int64_t since = date_of(asked->if_modified_since, now);
    bool    known = since != 0 && have->last_modified != 0 && have->last_modified <= since;
    return known && safe ? DJ_VERDICT_NOT_MODIFIED : DJ_VERDICT_GO_ON;
}

dj_preconditions dj_preconditions_of(dj_req *req)
{
    return (dj_preconditions){
        .if_match = dj_req_header(req, DJ_LIT("If-Match")),
        .if_unmodified_since = dj_req_header(req, DJ_LIT("If-Unmodified-Since")),
        .if_none_match = dj_req_header(req, DJ_LIT("If-None-Match")),
        .if_modified_since = dj_req_header(req, DJ_LIT("If-Modified-Since")),
    };
}
