/* tests/manage/test_options.c - command lines are read as Python's argparse reads them (3.11). */
#include "test.h"
#include "manage/manage.h"
#include "donjon/buf.h"

static const char *const levels[] = {"CRITICAL", "ERROR", NULL};
static const dj_option   options[] = {
      {'t', "tag", "TAG", "A tag.", NULL},
      {0, "list-tags", NULL, "List.", NULL},
      {0, "deploy", NULL, "Deploy.", NULL},
      {0, "database", "ALIAS", "A database.", NULL},
      {0, "fail-level", "LEVEL", "A level.", levels},
};
static const dj_command_spec spec = {
    .name = "check",
    .summary = "Checks.",
    .options = options,
    .noptions = DJ_COUNT(options),
    .common = true,
    .args = "app_label",
};

typedef struct streams {
    dj_buf out, err;
} streams;

static void keep(void *ctx, bool to_stderr, dj_str text)
{
    streams *st = ctx;
    dj_buf_add(to_stderr ? &st->err : &st->out, text);
}

static bool env(void *ctx, dj_str name, dj_str *value)
{
    (void)ctx;
    (void)name;
    (void)value;
    return false;
}

static int parse(dj_case *c, streams *st, dj_options *o, const char *const *words, size_t n)
{
    char *argv[16] = {(char *)(uintptr_t) "/usr/bin/manage", (char *)(uintptr_t) "check"};
    for (size_t i = 0; i < n; i++)
        argv[i + 2] = (char *)(uintptr_t)words[i];
    *st = (streams){dj_buf_make(c->scope, 65536), dj_buf_make(c->scope, 65536)};
    dj_console con = {.write = keep, .env = env, .ctx = st, .cwd = DJ_LIT("/")};
    return dj_options_parse(c->scope, &con, &spec, (int)n + 2, argv, o);
}

#define PARSE(...)                                                                                 \
    const char *const words[] = {__VA_ARGS__};                                                     \
    streams           st;                                                                          \
    dj_options        o;                                                                           \
    int               status = parse(c, &st, &o, words, DJ_COUNT(words))

static void expect_error(streams *st, int status, const char *line)
{
    assert_int_equal(status, 2);
    assert_int_equal(st->out.len, 0);
    dj_str text = dj_buf_str(&st->err);
    assert_true(dj_str_starts(text, DJ_LIT("usage: manage check [-h] [--tag TAG]")));
    dj_str last = dj_str_from(dj_str_first(text, text.len - 1),
                              dj_str_rchr(dj_str_first(text, text.len - 1), '\n') + 1);
    dj_expect_str(dj_str_of(line), last);
}

DJ_TEST(options_and_arguments_mix_in_any_order)
{
    PARSE("auth", "--tag", "urls", "--deploy", "-tsecurity", "sessions", "--fail-level=ERROR", "-v",
          "2", "-t=x");
    assert_int_equal(status, DJ_OPTIONS_GO_ON);
    assert_int_equal(o.nargs, 2);
    dj_expect_str(DJ_LIT("sessions"), o.args[1]);
    assert_int_equal(dj_options_count(&o, "tag"), 3);
    dj_expect_str(DJ_LIT("urls"), dj_options_nth(&o, "tag", 0));
    dj_expect_str(DJ_LIT("security"), dj_options_nth(&o, "tag", 1));
    dj_expect_str(DJ_LIT("x"), dj_options_get(&o, "tag"));
    dj_expect_str(DJ_LIT("ERROR"), dj_options_get(&o, "fail-level"));
    dj_expect_str(DJ_LIT("2"), dj_options_get(&o, "verbosity"));
    assert_true(dj_options_has(&o, "deploy"));
    assert_false(dj_options_has(&o, "list-tags"));
    assert_true(dj_str_is_none(dj_options_get(&o, "settings")));
}

DJ_TEST(a_unique_prefix_is_enough)
{
    PARSE("--dep", "--da=default", "--se", "x.py");
    assert_int_equal(status, DJ_OPTIONS_GO_ON);
    assert_true(dj_options_has(&o, "deploy"));
    dj_expect_str(DJ_LIT("default"), dj_options_get(&o, "database"));
    dj_expect_str(DJ_LIT("x.py"), dj_options_get(&o, "settings"));
}

DJ_TEST(an_ambiguous_prefix_is_refused)
{
    PARSE("--d");
    expect_error(&st, status,
                 "manage check: error: ambiguous option: --d could match --deploy, --database");
}

DJ_TEST(a_double_dash_ends_the_options)
{
    PARSE("--deploy", "--", "--tag", "-x");
    assert_int_equal(status, DJ_OPTIONS_GO_ON);
    assert_int_equal(o.nargs, 2);
    dj_expect_str(DJ_LIT("--tag"), o.args[0]);
}

DJ_TEST(an_unknown_option_is_refused_with_usage)
{
    PARSE("--nope", "auth", "-x");
    expect_error(&st, status, "manage check: error: unrecognized arguments: --nope -x");
}

DJ_TEST(a_bad_choice_is_refused_and_the_choices_told)
{
    PARSE("--fail-level", "error");
    expect_error(&st, status,
                 "manage check: error: argument --fail-level: invalid choice: 'error' (choose from "
                 "'CRITICAL', 'ERROR')");
}

DJ_TEST(an_option_is_no_value_for_another)
{
    PARSE("--tag", "--deploy");
    expect_error(&st, status, "manage check: error: argument --tag/-t: expected one argument");
}

DJ_TEST(a_flag_takes_no_value)
{
    PARSE("--deploy=yes");
    expect_error(&st, status,
                 "manage check: error: argument --deploy: ignored explicit argument 'yes'");
}

DJ_TEST(help_goes_to_stdout_and_names_every_option)
{
    PARSE("--help", "--nope");
    assert_int_equal(status, 0);
    assert_int_equal(st.err.len, 0);
    dj_str text = dj_buf_str(&st.out);
    for (size_t i = 0; i < DJ_COUNT(options); i++)
        assert_true(
            dj_str_has(text, dj_strf(c->scope, "  %s--%s", options[i].letter ? "-t TAG, " : "",
                                     options[i].name)));
    assert_true(dj_str_has(text, DJ_LIT("--settings SETTINGS")));
}

DJ_TEST(version_is_one_line_on_stdout)
{
    PARSE("--version");
    assert_int_equal(status, 0);
    assert_true(st.out.len > 2 && dj_str_ends(dj_buf_str(&st.out), DJ_LIT("\n")));
}

DJ_TESTS(DJ_T(options_and_arguments_mix_in_any_order), DJ_T(a_unique_prefix_is_enough),
         DJ_T(an_ambiguous_prefix_is_refused), DJ_T(a_double_dash_ends_the_options),
         DJ_T(an_unknown_option_is_refused_with_usage),
         DJ_T(a_bad_choice_is_refused_and_the_choices_told),
         DJ_T(an_option_is_no_value_for_another), DJ_T(a_flag_takes_no_value),
         DJ_T(help_goes_to_stdout_and_names_every_option), DJ_T(version_is_one_line_on_stdout))
