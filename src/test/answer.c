/* src/test/answer.c - questions to an answer.
 *
 * Must not know: where it came from. */
#include "donjon/test.h"

dj_str dj_answer_header(const dj_answer *a, const char *name)
{
    for (size_t i = 0; i < a->nheaders; i++) {
        if (dj_str_eq_nocase(a->headers[i].name, dj_str_of(name)))
            return a->headers[i].value;
    }
    return DJ_NONE;
}

size_t dj_answer_header_count(const dj_answer *a, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < a->nheaders; i++)
        n += dj_str_eq_nocase(a->headers[i].name, dj_str_of(name));
    return n;
}

dj_str dj_answer_cookie(const dj_answer *a, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < a->nheaders; i++) {
        dj_str value = a->headers[i].value;
        if (dj_str_eq_nocase(a->headers[i].name, DJ_LIT("Set-Cookie")) && value.len > len &&
            memcmp(value.ptr, name, len) == 0 && value.ptr[len] == '=')
            return dj_str_from(value, len + 1);
    }
    return DJ_NONE;
}

size_t dj_answer_count(const dj_answer *a, const char *text)
{
    dj_str rest = a->body, part = dj_str_of(text);
    size_t n = 0, at;
    if (part.len == 0)
        return 0;
    for (; (at = dj_str_find(rest, part)) != DJ_NOT_FOUND; n++)
        rest = dj_str_from(rest, at + part.len);
    return n;
}

bool dj_answer_logged(const dj_answer *a, const char *logger, const char *text)
{
    for (size_t i = 0; i < a->nrecords; i++) {
        const dj_test_record *r = &a->records[i];
        if (dj_str_eq(r->logger, dj_str_of(logger)) &&
            (dj_str_has(r->message, dj_str_of(text)) || dj_str_has(r->detail, dj_str_of(text))))
            return true;
    }
    return false;
}

dj_str dj_answer_failure(const dj_answer *a)
{
    for (size_t i = a->nrecords; i-- > 0;) {
        const dj_test_record *r = &a->records[i];
        if (r->status >= 400 || r->level >= DJ_ERROR_LEVEL)
            return dj_str_is_none(r->detail) ? r->message : r->detail;
    }
    return DJ_NONE;
}
