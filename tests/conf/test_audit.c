/* tests/conf/test_audit.c - what an audit knows of a settings file that needs Python, and what it must not guess. */
#include "donjon/settings.h"
#include "test.h"
#include <unistd.h>

static bool no_env(void *ctx, dj_str name, dj_str *value)
{
    (void)ctx;
    (void)name;
    (void)value;
    return false;
}

static dj_conf *audit(dj_case *c, const char *text)
{
    char path[] = "/tmp/donjon-audit-XXXXXX";
    int  fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    dj_conf_options options = {.mode = DJ_CONF_AUDIT, .env = no_env};
    dj_conf_error   error;
    dj_conf        *conf = NULL;
    dj_err          e = dj_conf_read(c->scope, dj_str_of(path), &options, &conf, &error);
    unlink(path);
    dj_expect_ok(e);
    return conf;
}

static bool unknown(const dj_conf *conf, const char *name)
{
    const dj_value *v = dj_conf_get(conf, dj_str_of(name));
    return v != NULL && v->kind == DJ_V_UNKNOWN;
}

DJ_TEST(a_helper_makes_one_value_unknown_and_no_other)
{
    dj_conf *conf = audit(c, "from decouple import config\nDEBUG = False\nSECRET_KEY = config('K')\n"
                             "DATABASES = {'default': {'ENGINE': 'e', 'PASSWORD': config('P')}}\n");
    assert_true(unknown(conf, "SECRET_KEY"));
    assert_false(unknown(conf, "DEBUG"));
    const dj_value *db = dj_value_get(dj_conf_get(conf, DJ_LIT("DATABASES")), DJ_LIT("default"));
    dj_expect_str(DJ_LIT("e"), dj_value_get(db, DJ_LIT("ENGINE"))->str);
    assert_int_equal(dj_value_get(db, DJ_LIT("PASSWORD"))->kind, DJ_V_UNKNOWN);
}

DJ_TEST(blocks_with_a_known_condition_are_followed)
{
    dj_conf *conf = audit(c, "import os, sys\nDEBUG = False\nif DEBUG:\n    A = 1\nelse:\n    A = 2\n"
                             "if 'test' in sys.argv:\n    B = 1\nfor x in y:\n    C = x\n");
    assert_int_equal(dj_conf_get(conf, DJ_LIT("A"))->integer, 2);
    assert_true(unknown(conf, "B"));
    assert_true(unknown(conf, "C"));
}

DJ_TEST(a_foreign_star_import_loses_all_names)
{
    dj_conf *conf = audit(c, "DEBUG = False\nfrom elsewhere import *\nA = 1\n");
    assert_true(unknown(conf, "DEBUG"));
    assert_true(unknown(conf, "ALLOWED_HOSTS"));
    assert_false(unknown(conf, "A"));
}

DJ_TESTS(DJ_T(a_helper_makes_one_value_unknown_and_no_other), DJ_T(blocks_with_a_known_condition_are_followed),
         DJ_T(a_foreign_star_import_loses_all_names))
