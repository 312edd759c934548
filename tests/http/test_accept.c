/* tests/http/test_accept.c - which kinds a client takes, and which it likes best. The expectations
 * are those of Django 5.2's own tests of MediaType, and of RFC 9110 12.5.1. */
#include "test.h"
#include "http/http.h"

static dj_req *request(dj_case *c, const char *accept)
{
    static const dj_peer peer = {.address = DJ_STR_INIT("127.0.0.1")};
    dj_head             *head = dj_new(c->scope, dj_head);
    head->path = DJ_LIT("/");
    if (accept != NULL)
        head->fields[head->nfields++] =
            (dj_field){.name = DJ_LIT("Accept"), .value = dj_str_of(accept)};
    return dj_req_new(c->scope, head, &peer, DJ_LIT(""));
}

/* `kinds` apart by '|'. */
static dj_str preferred(dj_case *c, const char *accept, const char *kinds)
{
    dj_str types[8], rest = dj_str_of(kinds);
    size_t n = 0;
    while (n < DJ_COUNT(types) && kinds[0] != '\0' && dj_str_next(&rest, '|', &types[n]))
        n++;
    return dj_preferred_type(request(c, accept), types, n);
}

DJ_TEST(a_kind_is_accepted_or_not)
{
    static const struct {
        const char *accept, *kind;
        bool        want;
    } cases[] = {
        {NULL, "application/json", true},
        {"", "application/json", false},
        {" , ,", "application/json", false},
        {"*/*", "application/json", true},
        {" */* ", "application/json", true},
        {"*/*; q=0.8", "*/*", true},
        {"application/*", "application/json", true},
        {"application/*", "application/*", true},
        {" application/xml ", "application/xml", true},
        {"application/xml", " application/xml ", true},
        {"Application/XML", "application/xml", true},
        {"application/xml", "application/html", false},
        {"text/html,application/xhtml+xml,application/xml;q=0.9", "application/xml", true},
        {"text/html,application/xhtml+xml,application/xml;q=0.9", "application/json", false},
        {"text/vcard; version=4.0", "text/vcard; version=4.0", true},
        {"text/vcard; version=4.0; q=0.7", "text/vcard; version=4.0", true},
        {"text/vcard; version=4.0", "text/vcard; version=3.0", false},
        {"text/vcard; version=4.0", "text/vcard", false},
        {"text/vcard", "text/vcard; version=4.0", true},
        {"*/*", "", false},
        {"*/*", "; q=0.8", false},
        {"/*", "*/*", false},
        {"*/*", "/*", false},
        {"application", "application/*", false},
        {"application/*", "application", false},
        {"text/html;q=0", "text/html", false},
        {"text/*;q=0,text/html", "text/html", true},
        {"text/html;q=0.0001", "text/html", false},
        {"text/html;q=0.0005", "text/html", true},
        {"text/html;q=-1", "text/html", true},
        {"text/html;q=h", "text/html", true},
        {"text/html;q=", "text/html", true},
        {"text/html;q=.", "text/html", true},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        if (dj_accepts(request(c, cases[i].accept), dj_str_of(cases[i].kind)) != cases[i].want)
            fail_msg("Accept: %s, kind %s", cases[i].accept, cases[i].kind);
    }
}

DJ_TEST(the_best_liked_kind_is_found)
{
    static const struct {
        const char *accept, *kinds, *want;
    } cases[] = {
        {"*/*", "", NULL},
        {"*/*", "application/json|text/plain", "application/json"},
        {NULL, "application/json|text/plain", "application/json"},
        {"text/html", "application/json|text/plain", NULL},
        {"text/html,application/xml;q=0.9,*/*;q=0.1,text/*;q=0.5", "text/html|application/xml",
         "text/html"},
        {"text/html,application/xml;q=0.9,*/*;q=0.1,text/*;q=0.5",
         "application/xml|application/json", "application/xml"},
        {"text/html,application/xml;q=0.9,*/*;q=0.1,text/*;q=0.5", "application/json|text/plain",
         "text/plain"},
        {"text/vcard; version=3.0, text/html;q=0.5",
         "text/vcard; version=4.0|text/vcard; version=3.0|text/vcard", "text/vcard; version=3.0"},
        {"text/vcard; version=3.0, text/html;q=0.5",
         "text/vcard; version=4.0|text/vcard|text/directory", NULL},
        {"text/vcard; version=3.0, text/html;q=0.5", "text/vcard; version=4.0|text/html",
         "text/html"},
        {"text/*;q=0.3,text/html;q=0.7,text/html;level=1,text/html;level=2;q=0.4,*/*;q=0.5",
         "text/html|text/html; level=1", "text/html; level=1"},
        {"text/*;q=0.3,text/html;q=0.7,text/html;level=1,text/html;level=2;q=0.4,*/*;q=0.5",
         "text/html; level=2|text/html; level=3", "text/html; level=3"},
        {"text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, "
         "text/plain;format=fixed;q=0.4, */*;q=0.5",
         "text/html|image/jpeg", "image/jpeg"},
        {"text/plain;q=0.5,text/html", "text/html|text/plain", "text/html"},
        {"text/*,image/jpeg", "text/plain|image/jpeg", "image/jpeg"},
        {"application/json, text/html", "text/html|application/json", "application/json"},
        {"text/html;q=0.8, application/json;q=0.8", "application/json|text/html", "text/html"},
        {"application/json;q=0.9999, text/html;q=1", "application/json|text/html",
         "application/json"}, /* both are 1 */
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        dj_str got = preferred(c, cases[i].accept, cases[i].kinds);
        if (dj_str_is_none(got) != (cases[i].want == NULL) ||
            !dj_str_eq(got, dj_str_of(cases[i].want)))
            fail_msg("Accept: %s of %s: %.*s", cases[i].accept, cases[i].kinds, DJ_ARG(got));
    }
}

DJ_TEST(a_header_full_of_kinds_is_bounded)
{
    char  *accept = dj_alloc(c->scope, 8191);
    size_t before = dj_scope_used(c->scope);
    for (size_t i = 0; i + 3 < 8190; i += 4)
        memcpy(accept + i, "a/b,", 4);
    assert_false(dj_accepts(request(c, accept), DJ_LIT("text/html")));
    memset(accept, ';', 8190);
    assert_false(dj_accepts(request(c, accept), DJ_LIT("text/html")));
    assert_true(dj_scope_used(c->scope) - before < (size_t)256 * 1024);
}

DJ_TESTS(DJ_T(a_kind_is_accepted_or_not), DJ_T(the_best_liked_kind_is_found),
         DJ_T(a_header_full_of_kinds_is_bounded))
