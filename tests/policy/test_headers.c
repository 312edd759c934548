/* tests/policy/test_headers.c - values of Strict-Transport-Security, Referrer-Policy and
 * Permissions-Policy; what error reports hide beyond Django's rules. */
#include "donjon/policy.h"
#include "test.h"

static dj_value *text(dj_case *c, const char *s)
{
    dj_value *v = dj_new(c->scope, dj_value);
    v->kind = DJ_V_STR;
    v->str = dj_str_of(s);
    return v;
}

static dj_value *list(dj_case *c, const char *a, const char *b)
{
    dj_value *v = dj_new(c->scope, dj_value);
    v->kind = DJ_V_LIST;
    v->seq.items = dj_new_array(c->scope, dj_value *, 2);
    if (a != NULL)
        v->seq.items[v->seq.len++] = text(c, a);
    if (b != NULL)
        v->seq.items[v->seq.len++] = text(c, b);
    return v;
}

static dj_value *dict(dj_case *c, const char *key, dj_value *value)
{
    dj_value *v = dj_new(c->scope, dj_value);
    v->kind = DJ_V_DICT;
    v->dict.pairs = dj_new(c->scope, dj_value_pair);
    v->dict.pairs[0] = (dj_value_pair){text(c, key), value};
    v->dict.len = 1;
    return v;
}

DJ_TEST(hsts_has_its_parts_in_order)
{
    assert_true(dj_str_is_none(dj_hsts_value(c->scope, 0, true, true)));
    dj_expect_str(DJ_LIT("max-age=31536000"), dj_hsts_value(c->scope, 31536000, false, false));
    dj_expect_str(DJ_LIT("max-age=1; includeSubDomains; preload"),
                  dj_hsts_value(c->scope, 1, true, true));
}

DJ_TEST(referrer_policies_are_joined)
{
    dj_str out;
    dj_expect_ok(dj_referrer_policy_value(c->scope, text(c, " no-referrer , strict-origin"), &out));
    dj_expect_str(DJ_LIT("no-referrer,strict-origin"), out);
    dj_expect_ok(dj_referrer_policy_value(c->scope, list(c, "no-referrer", "same-origin"), &out));
    dj_expect_str(DJ_LIT("no-referrer,same-origin"), out);
    dj_expect_ok(dj_referrer_policy_value(c->scope, text(c, ""), &out));
    assert_true(dj_str_is_none(out));
    dj_expect_err(DJ_ERR_SETTINGS,
                  dj_referrer_policy_value(c->scope, dict(c, "a", text(c, "b")), &out));
}

DJ_TEST(permissions_become_a_structured_dictionary)
{
    dj_str out;
    dj_expect_ok(
        dj_permissions_policy_value(c->scope, dict(c, "camera", list(c, NULL, NULL)), &out));
    dj_expect_str(DJ_LIT("camera=()"), out);
    dj_expect_ok(dj_permissions_policy_value(
        c->scope, dict(c, "camera", list(c, "self", "https://a.example")), &out));
    dj_expect_str(DJ_LIT("camera=(self \"https://a.example\")"), out);
    dj_expect_ok(dj_permissions_policy_value(c->scope, dict(c, "camera", text(c, "*")), &out));
    dj_expect_str(DJ_LIT("camera=*"), out);
    static const char *const bad[] = {"https://a\"b", "https://a b", "a.example",
                                      "https://a\r\nX: y", ""};
    for (size_t i = 0; i < DJ_COUNT(bad); i++)
        dj_expect_err(
            DJ_ERR_SETTINGS,
            dj_permissions_policy_value(c->scope, dict(c, "camera", list(c, bad[i], NULL)), &out));
    dj_expect_err(DJ_ERR_SETTINGS, dj_permissions_policy_value(
                                       c->scope, dict(c, "camera=*, x", text(c, "*")), &out));
}

DJ_TEST(passwords_in_addresses_are_masked)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"redis://:pw@h/1", "redis://:********************@h/1"},
        {"postgres://u:p@ss@h/db?x=1", "postgres://u:********************@h/db?x=1"},
        {"see https://a:b@c/ and ftp://d:e@f",
         "see https://a:********************@c/ and ftp://d:********************@f"},
        {"https://user@host/a:b@c", "https://user@host/a:b@c"},
        {"https://host:80/", "https://host:80/"},
        {"no address: a:b@c", "no address: a:b@c"},
        {"://", "://"},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++)
        dj_expect_str(dj_str_of(cases[i].out), dj_cleanse_url(c->scope, dj_str_of(cases[i].in)));
}

DJ_TEST(our_names_are_hidden_unless_as_django)
{
    static const dj_cleanse_rules ours = {.session_cookie_name = DJ_STR_INIT("sid")};
    static const dj_cleanse_rules django = {.session_cookie_name = DJ_STR_INIT("sid"),
                                            .as_django = true};
    static const char *const names[] = {"SENTRY_DSN", "pwd", "AWS_CREDENTIALS", "my_private_x"};
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        assert_true(dj_name_is_sensitive(&ours, dj_str_of(names[i])));
        assert_false(dj_name_is_sensitive(&django, dj_str_of(names[i])));
    }
    assert_true(dj_name_is_sensitive(&django, DJ_LIT("sid")));
    assert_false(dj_name_is_sensitive(&django, DJ_LIT("SID")));
    dj_expect_str(DJ_CLEANSED,
                  dj_cleanse_text(c->scope, &ours, DJ_LIT("HTTP_COOKIE"), DJ_LIT("a=b")));
}

DJ_TESTS(DJ_T(hsts_has_its_parts_in_order), DJ_T(referrer_policies_are_joined),
         DJ_T(permissions_become_a_structured_dictionary), DJ_T(passwords_in_addresses_are_masked),
         DJ_T(our_names_are_hidden_unless_as_django))
