/* tests/policy/test_csp.c - the prepared form says what the builder says; nothing that ends a
 * header gets in. */
#include "donjon/crypto.h"
#include "donjon/policy.h"
#include "test.h"

static const dj_csp_policy strict =
    DJ_CSP({"default-src", {DJ_CSP_SELF}}, {"script-src", {DJ_CSP_SELF, DJ_CSP_NONCE}},
           {"style-src", {DJ_CSP_NONCE}}, {"upgrade-insecure-requests"});
static const dj_csp_policy empty = {0};

DJ_TEST(a_constant_policy_is_built)
{
    dj_csp_config config;
    dj_csp_config_of_policy(c->scope, &strict, &config);
    dj_expect_str(DJ_LIT("default-src 'self'; script-src 'self'; upgrade-insecure-requests"),
                  dj_csp_build(c->scope, &config, DJ_NONE));
    dj_expect_str(DJ_LIT("default-src 'self'; script-src 'self' 'nonce-N'; style-src 'nonce-N'; "
                         "upgrade-insecure-requests"),
                  dj_csp_build(c->scope, &config, DJ_LIT("N")));
}

/* Random configurations: the compiled line is "Name: " + dj_csp_build + CR LF, with and without
 * nonce. */
DJ_TEST(prepared_lines_equal_the_slow_path)
{
    static const char *const values[] = {
        DJ_CSP_SELF, DJ_CSP_NONCE, "https:", "*.example.com", DJ_CSP_NONE, ""};
    static const char *const names[] = {"default-src", "script-src", "img-src", "sandbox"};
    dj_str                   header = DJ_LIT("Content-Security-Policy");
    for (int round = 0; round < 3000; round++) {
        dj_csp_policy policy = {0};
        for (size_t i = 0, n = dj_random_below(5); i < n; i++) {
            policy.directives[i].name = names[dj_random_below(DJ_COUNT(names))];
            for (size_t k = 0, m = dj_random_below(5); k < m; k++)
                policy.directives[i].values[k] = values[dj_random_below(DJ_COUNT(values))];
        }
        dj_csp_config config;
        dj_csp        csp;
        dj_csp_config_of_policy(c->scope, &policy, &config);
        dj_expect_ok(dj_csp_compile(c->scope, header, &config, &csp));
        dj_str nonces[] = {DJ_NONE, dj_random_string(c->scope, 22, DJ_ALPHANUMERIC)};
        for (size_t i = 0; i < DJ_COUNT(nonces); i++) {
            dj_str text = dj_csp_build(c->scope, &config, nonces[i]);
            dj_str want = text.len == 0 ? DJ_NONE
                                        : dj_strf(c->scope, DJ_FMT ": " DJ_FMT "\r\n",
                                                  DJ_ARG(header), DJ_ARG(text));
            dj_expect_str(want, dj_csp_line(c->scope, &csp, nonces[i]));
        }
    }
}

DJ_TEST(an_empty_policy_gives_no_header)
{
    dj_csp_config config;
    dj_csp        csp;
    dj_csp_config_of_policy(c->scope, &empty, &config);
    dj_expect_ok(dj_csp_compile(c->scope, DJ_LIT("X"), &config, &csp));
    assert_true(dj_str_is_none(dj_csp_line(c->scope, &csp, DJ_NONE)));
    assert_true(dj_str_is_none(dj_csp_line(c->scope, &csp, DJ_LIT("N"))));
}

DJ_TEST(what_could_end_a_value_or_a_header_is_refused)
{
    static const char *const bad[] = {"a;b",  "a,b",     "a\r\nSet-Cookie: x=1", "a\n", "\x01",
                                      "\x7f", "\xC3\xA9"};
    for (size_t i = 0; i < DJ_COUNT(bad); i++) {
        dj_csp_policy policy = DJ_CSP({"script-src", {bad[i]}});
        dj_csp_config config;
        dj_csp        csp;
        dj_csp_config_of_policy(c->scope, &policy, &config);
        dj_expect_err(DJ_ERR_SETTINGS, dj_csp_compile(c->scope, DJ_LIT("X"), &config, &csp));
    }
    static const char *const names[] = {"", "Script-Src", "script src", "script-src;x",
                                        "script-src\n"};
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        dj_csp_policy policy = DJ_CSP({names[i], {DJ_CSP_SELF}});
        dj_csp_config config;
        dj_csp_config_of_policy(c->scope, &policy, &config);
        dj_expect_err(DJ_ERR_SETTINGS, dj_csp_validate(c->scope, &config));
    }
}

DJ_TESTS(DJ_T(a_constant_policy_is_built), DJ_T(prepared_lines_equal_the_slow_path),
         DJ_T(an_empty_policy_gives_no_header), DJ_T(what_could_end_a_value_or_a_header_is_refused))
