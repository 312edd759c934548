/* tests/test.h - what a unit test needs, on top of cmocka. One executable per
 * tests/ROOM/test_NAME.c.
 *
 *   DJ_TEST(any_flipped_bit_is_refused) { ... dj_expect_str(...); }
 *   DJ_TESTS(DJ_T(any_flipped_bit_is_refused), DJ_T(another))     last in the file: makes main()
 *
 * Each test has a scope of its own in `c->scope`. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "donjon/scope.h"

typedef struct dj_case {
    dj_scope *scope;
} dj_case;

/* Where temporary files belong, and a template there for mkstemp and mkdtemp. */
static inline const char *dj_test_tmp(void)
{
    const char *tmp = getenv("TMPDIR");
    return tmp == NULL || *tmp == '\0' ? "/tmp" : tmp;
}
#define DJ_TEST_PATH 256
static inline char *dj_test_template(char path[DJ_TEST_PATH], const char *name)
{
    (void)snprintf(path, DJ_TEST_PATH, "%s/donjon-%s-XXXXXX", dj_test_tmp(), name);
    return path;
}

#define DJ_TEST(name)                                                                              \
    static void name##_body(dj_case *c);                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        dj_case one = {dj_scope_open(DJ_SCOPE_MAX_DEFAULT)};                                       \
        assert_non_null(one.scope);                                                                \
        name##_body(&one);                                                                         \
        dj_scope_close(one.scope);                                                                 \
    }                                                                                              \
    static void name##_body(dj_case *c __attribute__((unused)))

#define DJ_T(name) cmocka_unit_test(name)
#define DJ_TESTS(...)                                                                              \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }

static inline void dj_expect_str_at(dj_str want, dj_str got, const char *file, int line)
{
    if (!dj_str_eq(want, got)) {
        want = dj_str_is_none(want) ? DJ_LIT("(none)") : want;
        got = dj_str_is_none(got) ? DJ_LIT("(none)") : got;
        print_error("expected \"%.*s\"\n     got \"%.*s\"\n", DJ_ARG(want), DJ_ARG(got));
        _fail(file, line);
    }
}
/* Same bytes. */
#define dj_expect_str(want, got) dj_expect_str_at((want), (got), __FILE__, __LINE__)
#define dj_expect_ok(e)          assert_int_equal((e), DJ_OK)
#define dj_expect_err(code, e)   assert_int_equal((e), (code))
