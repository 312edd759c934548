/* tests/policy/test_pattern.c - expected values are those of Python 3.11's re. */
#include "donjon/pattern.h"
#include "test.h"

static dj_found search(dj_scope *s, const char *regex, const char *subject)
{
    dj_pattern *p;
    dj_expect_ok(dj_pattern_compile(s, dj_str_of(regex), &p));
    return dj_pattern_search(p, dj_str_of(subject), NULL);
}

DJ_TEST(matches_as_python_does)
{
    static const struct {
        const char *regex, *subject;
        bool        found;
    } cases[] = {
        {"^ok/$", "ok/", true},
        {"^ok/$", "ok/\n", true},
        {"^ok/\\Z", "ok/\n", false},
        {"(?i)scraper", "SCRAPER/1", true},
        {"a{,2}b", "aab", true},
        {"^a{,2}$", "aaa", false},
        {"^a{,}$", "aaa", true},
        {"[[:x]+", "[:", true},
        {"^[]a]+$", "]a", true},
        {"^[^]]$", "]", false},
        {"^\\d$", "\xD9\xA1", true},
        {"(?a)^\\d$", "\xD9\xA1", false},
        {"^\\v$", "\n", false},
        {"^\\v$", "\v", true},
        {"^\\x41\\u00e9\\U0001F600$", "A\xC3\xA9\xF0\x9F\x98\x80", true},
        {"^\\012$", "\n", true},
        {"^\\101$", "A", true},
        {"(?x) ^ a # b )\n c$", "ac", true},
        {"^a(?#c)b$", "ab", true},
        {"^.$", "\n", false},
        {"(?s)^.$", "\n", true},
        {"^(?i:a)b$", "Ab", true},
        {"^(?i:a)b$", "AB", false},
        {"x{", "x{", true},
        {"a b", "a b", true},
        {"", "anything", true},
        {"^\xC3\xA9$", "\xC3\xA9", true},
        {"^.$", "\xFF", false},
        {"a", "a\xFF", false},
        {"^.$", "\r", true},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        if (search(c->scope, cases[i].regex, cases[i].subject) !=
            (cases[i].found ? DJ_FOUND_YES : DJ_FOUND_NO))
            fail_msg("%s on %s", cases[i].regex, cases[i].subject);
    }
}

DJ_TEST(refuses_what_python_has_not_and_what_cannot_be_bounded)
{
    static const char *const bad[] = {
        "(",
        "a)",
        "[",
        "*",
        "a**",
        "\\",
        "\\y",
        "\\Q",
        "\\R",
        "\\K",
        "\\p{L}",
        "(a)\\1",
        "(?P<a>x)(?P=a)",
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?<!a)",
        "(?<n>a)",
        "(?|a)",
        "(?R)",
        "(?1)",
        "(?(1)a|b)",
        "(*UTF)a",
        "(?P<1a>b)",
        "(?P<a>b)(?P<a>c)",
        "a(?i)",
        "(?L)a",
        "(?P>a)",
        "\\x4",
        "\\u00",
        "\\ud800",
        "(?-i)a",
        "(?#a",
        "\xFF",
        "\\C",
    };
    for (size_t i = 0; i < DJ_COUNT(bad); i++) {
        dj_pattern *p = NULL;
        if (dj_pattern_compile(c->scope, dj_str_of(bad[i]), &p) != DJ_ERR_MALFORMED || p != NULL)
            fail_msg("compiled: %s", bad[i]);
        assert_true(dj_failure_text(c->scope).len > 0);
    }
}

DJ_TEST(captures_by_number_and_name)
{
    dj_pattern      *p;
    dj_pattern_match m;
    dj_expect_ok(dj_pattern_compile(c->scope, DJ_LIT("^rx/(?P<y>[0-9]{4})/(?:(\\w+)/)?(x)?$"), &p));
    assert_int_equal(dj_pattern_group_count(p), 4);
    dj_expect_str(DJ_LIT("y"), dj_pattern_group_name(p, 1));
    assert_true(dj_str_is_none(dj_pattern_group_name(p, 2)));
    assert_int_equal(dj_pattern_search(p, DJ_LIT("rx/2026/x"), &m), DJ_FOUND_YES);
    assert_int_equal(m.len, 4);
    dj_expect_str(DJ_LIT("2026"), m.groups[1]);
    assert_true(dj_str_is_none(m.groups[2]));
    dj_expect_str(DJ_LIT("x"), m.groups[3]);
    assert_int_equal(dj_pattern_search(p, DJ_LIT("rx/2026/\n"), &m), DJ_FOUND_YES);
    assert_int_equal(dj_pattern_fullmatch(p, DJ_LIT("rx/2026/\n"), &m), DJ_FOUND_NO);
}

/* The classic that doubles with each letter. */
DJ_TEST(a_runaway_pattern_gives_up)
{
    char subject[4001];
    memset(subject, 'a', sizeof subject - 1);
    subject[3999] = '!';
    subject[4000] = '\0';
    assert_int_equal(search(c->scope, "^(a+)+$", subject), DJ_FOUND_GAVE_UP);
}

DJ_TESTS(DJ_T(matches_as_python_does), DJ_T(refuses_what_python_has_not_and_what_cannot_be_bounded),
         DJ_T(captures_by_number_and_name), DJ_T(a_runaway_pattern_gives_up))
