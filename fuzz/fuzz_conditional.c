/* fuzz/fuzz_conditional.c - any bytes as preconditions and as Accept-Encoding, against what must
 * hold of every verdict: a date that was read is written and read back; a resource without
 * validators is never "not modified"; its own strong tag always matches; a method that changes
 * something never gets 304. The first byte picks the method, lines are the headers. */
#include "donjon/time.h"
#include "http/caching.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_date(dj_scope *s, dj_str text)
{
    int64_t now = INT64_C(1767225600), t, again;
    if (!dj_http_date_parse(text, now, &t))
        return;
    /* A year below 100 is not written as one that is read back. */
    DJ_ASSERT(text.len >= 24 && text.len <= 33 && t >= -INT64_C(62135596800) &&
              t < INT64_C(253402300800));
    DJ_ASSERT(dj_http_date_parse(dj_http_date_str(s, t), now, &again) && again == t);
}

static void expect_verdicts(const dj_preconditions *asked, dj_str etag, bool safe)
{
    dj_validators nothing = {0}, have = {.etag = etag, .last_modified = INT64_C(1767225600)};
    int64_t       now = INT64_C(1767225600);
    dj_verdict    bare = dj_preconditions_decide(asked, &nothing, safe, now);
    DJ_ASSERT(bare != DJ_VERDICT_NOT_MODIFIED);
    dj_verdict v = dj_preconditions_decide(asked, &have, safe, now);
    DJ_ASSERT(safe || v != DJ_VERDICT_NOT_MODIFIED);
    DJ_ASSERT(bare != DJ_VERDICT_GO_ON || v != DJ_VERDICT_FAILED || asked->if_none_match.len > 0 ||
              asked->if_unmodified_since.len > 0);
    if (!dj_is_etag(etag) || dj_str_chr(etag, ',') != DJ_NOT_FOUND)
        return;
    bool             weak = dj_str_starts(etag, DJ_LIT("W/"));
    dj_preconditions own = {.if_match = etag};
    DJ_ASSERT(dj_preconditions_decide(&own, &have, safe, now) ==
              (weak ? DJ_VERDICT_FAILED : DJ_VERDICT_GO_ON));
    own = (dj_preconditions){.if_none_match = etag};
    DJ_ASSERT(dj_preconditions_decide(&own, &have, safe, now) ==
              (safe ? DJ_VERDICT_NOT_MODIFIED : DJ_VERDICT_FAILED));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dj_str    text = dj_str_n((const char *)data, size), lines[6] = {{0}}, line;
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s == NULL)
        return 0;
    bool safe = size > 0 && (data[0] & 1) == 0;
    text = dj_str_from(text, 1);
    for (size_t i = 0; i < DJ_COUNT(lines) && dj_str_next(&text, '\n', &line); i++)
        lines[i] = line;
    dj_preconditions asked = {lines[0], lines[1], lines[2], lines[3]};
    expect_date(s, lines[1]);
    expect_date(s, lines[3]);
    expect_verdicts(&asked, lines[4], safe);
    DJ_ASSERT(dj_accepts_gzip(lines[5], false) || !dj_accepts_gzip(lines[5], true));
    dj_scope_close(s);
    return 0;
}
