/* tests/checks/test_reports.c - the five forms of a report; Django's layout comes from 5.2.18's own
 * output. */
#include "test.h"
#include "donjon/checks.h"
#include <jansson.h>

static const dj_check_message messages[] = {
    {DJ_ERROR_LEVEL,
     DJ_STR_INIT("security.E023"),
     DJ_STR_INIT("bad <value> & 100%"),
     DJ_STR_INIT("Valid: a, b."),
     {NULL, 0},
     {DJ_STR_INIT("/srv/site/settings/my file.py"), 12, 5}},
    {DJ_WARNING,
     DJ_STR_INIT("security.W018"),
     DJ_STR_INIT("DEBUG is on."),
     {NULL, 0},
     {NULL, 0},
     {DJ_STR_INIT("/srv/site/settings/my file.py"), 0, 0}},
    {DJ_INFO,
     DJ_STR_INIT("donjon.I002"),
     DJ_STR_INIT("not decided"),
     {NULL, 0},
     DJ_STR_INIT("<engine>"),
     {{NULL, 0}, 0, 0}},
};
static const dj_check_result some = {
    .messages = messages, .len = 3, .silenced = messages, .nsilenced = 1, .undecided = true};
static const dj_check_result clean;

static dj_check_report_options options(void)
{
    return (dj_check_report_options){
        .fail_level = DJ_ERROR_LEVEL, .cwd = DJ_LIT("/srv/site"), .version = DJ_LIT("1")};
}

DJ_TEST(text_is_laid_out_as_django_does)
{
    dj_check_report_options o = options();
    dj_expect_str(DJ_LIT("SystemCheckError: System check identified some issues:\n\n"
                         "ERRORS:\n?: (security.E023) bad <value> & 100%\n\tHINT: Valid: a, b.\n\n"
                         "WARNINGS:\n?: (security.W018) DEBUG is on.\n\n"
                         "INFOS:\n<engine>: (donjon.I002) not decided\n\n"
                         "System check identified 3 issues (1 silenced).\n"),
                  dj_check_report_text(c->scope, &some, &o));
    dj_expect_str(DJ_LIT("System check identified no issues (0 silenced).\n"),
                  dj_check_report_text(c->scope, &clean, &o));
}

DJ_TEST(text_says_where_when_asked)
{
    dj_check_report_options o = options();
    o.origins = true;
    dj_str text = dj_check_report_text(c->scope, &some, &o);
    assert_true(dj_str_has(text, DJ_LIT("\tHINT: Valid: a, b.\n\tAT: settings/my file.py:12:5\n")));
    assert_true(dj_str_has(text, DJ_LIT("\tAT: settings/my file.py (not set)\n")));
}

DJ_TEST(colours_stand_around_messages_only)
{
    dj_check_report_options o = options();
    o.color = true;
    dj_str text = dj_check_report_text(c->scope, &some, &o);
    assert_true(dj_str_has(text, DJ_LIT("\nERRORS:\n\x1b[31;1m?: (security.E023)")));
    assert_true(dj_str_has(
        text, DJ_LIT("\nWARNINGS:\n\x1b[33;1m?: (security.W018) DEBUG is on.\x1b[0m\n")));
}

DJ_TEST(json_is_json)
{
    dj_check_report_options o = options();
    dj_str                  text = dj_check_report_json(c->scope, &some, &o);
    json_t                 *root = json_loadb(text.ptr, text.len, 0, NULL);
    assert_non_null(root);
    assert_true(json_is_true(json_object_get(root, "failed")));
    assert_true(json_is_true(json_object_get(root, "undecided")));
    const json_t *first = json_array_get(json_object_get(root, "issues"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "file")), "settings/my file.py");
    assert_int_equal(json_integer_value(json_object_get(first, "line")), 12);
    json_decref(root);
}

/* The fields that the SARIF 2.1.0 schema requires, and those that CI systems read. */
DJ_TEST(sarif_has_what_its_schema_requires)
{
    dj_check_report_options o = options();
    const dj_check_result  *both[] = {&some, &clean};
    for (size_t i = 0; i < DJ_COUNT(both); i++) {
        dj_str  text = dj_check_report_sarif(c->scope, both[i], &o);
        json_t *root = json_loadb(text.ptr, text.len, 0, NULL);
        assert_non_null(root);
        assert_string_equal(json_string_value(json_object_get(root, "version")), "2.1.0");
        const json_t *one = json_array_get(json_object_get(root, "runs"), 0);
        const json_t *driver = json_object_get(json_object_get(one, "tool"), "driver");
        assert_non_null(json_string_value(json_object_get(driver, "name")));
        const json_t *results = json_object_get(one, "results"),
                     *rules = json_object_get(driver, "rules"), *result;
        size_t k;
        assert_int_equal(json_array_size(results), both[i]->len);
        json_array_foreach(results, k, result)
        {
            const json_t *rule = json_array_get(
                rules, (size_t)json_integer_value(json_object_get(result, "ruleIndex")));
            assert_string_equal(json_string_value(json_object_get(rule, "id")),
                                json_string_value(json_object_get(result, "ruleId")));
            assert_non_null(
                json_string_value(json_object_get(json_object_get(result, "message"), "text")));
            assert_true(json_is_array(json_object_get(result, "locations")));
        }
        json_decref(root);
    }
}

DJ_TEST(sarif_points_at_line_and_column)
{
    dj_check_report_options o = options();
    dj_str                  text = dj_check_report_sarif(c->scope, &some, &o);
    assert_true(dj_str_has(
        text,
        DJ_LIT("{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"settings/my%20file.py\"},"
               "\"region\":{\"startLine\":12,\"startColumn\":5}}}")));
    assert_true(dj_str_has(text, DJ_LIT("\"level\":\"note\"")));
}

DJ_TEST(junit_escapes_and_counts)
{
    dj_check_report_options o = options();
    dj_str                  text = dj_check_report_junit(c->scope, &some, &o);
    assert_true(dj_str_has(text, DJ_LIT("<testsuites tests=\"3\" failures=\"1\">")));
    assert_true(dj_str_has(text, DJ_LIT("bad &lt;value&gt; &amp; 100%")));
    assert_true(dj_str_has(dj_check_report_junit(c->scope, &clean, &o),
                           DJ_LIT("tests=\"1\" failures=\"0\"")));
}

DJ_TEST(github_lines_are_one_line_each)
{
    dj_check_report_options o = options();
    dj_str                  text = dj_check_report_github(c->scope, &some, &o);
    assert_true(dj_str_starts(
        text, DJ_LIT("::error file=settings/my file.py,line=12,col=5,title=security.E023::"
                     "bad <value> & 100%25%0AValid: a, b.\n::warning file=")));
    assert_int_equal(dj_check_report_github(c->scope, &clean, &o).len, 0);
}

DJ_TESTS(DJ_T(text_is_laid_out_as_django_does), DJ_T(text_says_where_when_asked),
         DJ_T(colours_stand_around_messages_only), DJ_T(json_is_json),
         DJ_T(sarif_has_what_its_schema_requires), DJ_T(sarif_points_at_line_and_column),
         DJ_T(junit_escapes_and_counts), DJ_T(github_lines_are_one_line_each))
