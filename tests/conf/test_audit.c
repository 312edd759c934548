/* tests/conf/test_audit.c - what an audit knows of a settings file that needs Python, and what it
 * must not guess. */
#include "donjon/settings.h"
#include "test.h"
#include <stdlib.h>
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
    char *path = dj_test_template(dj_alloc(c->scope, DJ_TEST_PATH), "audit");
    int   fd = mkstemp(path);
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
    dj_conf *conf =
        audit(c, "from decouple import config\nDEBUG = False\nSECRET_KEY = config('K')\n"
                 "DATABASES = {'default': {'ENGINE': 'e', 'PASSWORD': config('P')}}\n");
    assert_true(unknown(conf, "SECRET_KEY"));
    assert_false(unknown(conf, "DEBUG"));
    const dj_value *db = dj_value_get(dj_conf_get(conf, DJ_LIT("DATABASES")), DJ_LIT("default"));
    dj_expect_str(DJ_LIT("e"), dj_value_get(db, DJ_LIT("ENGINE"))->str);
    assert_int_equal(dj_value_get(db, DJ_LIT("PASSWORD"))->kind, DJ_V_UNKNOWN);
}

DJ_TEST(blocks_with_a_known_condition_are_followed)
{
    dj_conf *conf =
        audit(c, "import os, sys\nDEBUG = False\nif DEBUG:\n    A = 1\nelse:\n    A = 2\n"
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

/* The value is known: Python's repr. */
static void known_at(const dj_conf *conf, dj_case *c, const char *name, const char *repr, int line)
{
    const dj_value *v = dj_conf_get(conf, dj_str_of(name));
    if (v == NULL)
        print_error("line %d: %s is not there\n", line, name);
    assert_non_null(v);
    dj_str text = dj_value_repr(c->scope, v, 400);
    if (!dj_str_eq(text, dj_str_of(repr)))
        print_error("line %d: %s\n", line, name);
    dj_expect_str(dj_str_of(repr), text);
}
#define known(name, repr) known_at(conf, c, name, repr, __LINE__)

/* The value is unknown, and hangs on this line; 0: on any. */
static void lost_at(const dj_conf *conf, const char *name, uint32_t origin, int line)
{
    const dj_value *v = dj_conf_get(conf, dj_str_of(name));
    if (v == NULL || v->kind != DJ_V_UNKNOWN || (origin != 0 && v->origin.line != origin))
        print_error("line %d: %s (kind %d, line %u)\n", line, name, v == NULL ? -1 : (int)v->kind,
                    v == NULL ? 0 : v->origin.line);
    assert_true(v != NULL && v->kind == DJ_V_UNKNOWN && (origin == 0 || v->origin.line == origin));
}
#define lost(name, line) lost_at(conf, name, line, __LINE__)

DJ_TEST(environ_env)
{
    dj_conf *conf = audit(
        c, "from pathlib import Path\nimport environ\nBASE_DIR = Path('/srv/app')\nenv = "
           "environ.Env()\n"
           "DEBUG = env.bool('DJANGO_DEBUG', False)\nLANGUAGE_CODE = 'en-us'\nUSE_TZ = True\n"
           "DATABASES = {'default': "
           "env.db('DATABASE_URL')}\nDATABASES['default']['ATOMIC_REQUESTS'] = True\n"
           "DJANGO_APPS = ['a']\nLOCAL_APPS = ['b']\nINSTALLED_APPS = DJANGO_APPS + LOCAL_APPS\n"
           "STATIC_ROOT = str(BASE_DIR / 'staticfiles')\nCSRF_COOKIE_HTTPONLY = True\n"
           "EMAIL_TIMEOUT = 5\nADMINS = [(\"\"\"A\"\"\", 'a@example.com')]\nMANAGERS = ADMINS\n");
    lost("DEBUG", 5);
    known("LANGUAGE_CODE", "'en-us'");
    known("USE_TZ", "True");
    known("INSTALLED_APPS", "['a', 'b']");
    known("STATIC_ROOT", "'/srv/app/staticfiles'");
    known("MANAGERS", "[('A', 'a@example.com')]");
    known("EMAIL_TIMEOUT", "5");
}

DJ_TEST(a_file_of_variables_changes_the_environment)
{
    dj_conf *conf = audit(
        c,
        "import os\nfrom dotenv import load_dotenv\nA = os.environ.get('A', 'x')\nload_dotenv()\n"
        "B = os.environ.get('A', 'x')\nC = 'A' in os.environ\nD = 1\n");
    known("A", "'x'");
    lost("B", 5);
    lost("C", 6);
    known("D", "1");
}

DJ_TEST(a_variable_set_by_name_is_lost_alone)
{
    dj_conf *conf = audit(
        c, "import os\nos.environ.setdefault('MODE', 'live')\nos.environ['X'] = '1'\n"
           "MODE = os.environ.get('MODE')\nX = os.getenv('X', '')\nY = os.getenv('Y', 'y')\n");
    lost("MODE", 4);
    lost("X", 5);
    known("Y", "'y'");
}

DJ_TEST(decouple_and_database_urls)
{
    dj_conf *conf = audit(
        c, "from decouple import config, Csv\nimport dj_database_url\nDEFAULT = ['localhost']\n"
           "ALLOWED_HOSTS = config('HOSTS', default=DEFAULT, cast=Csv())\nDATABASES = {}\n"
           "DATABASES['default'] = dj_database_url.parse(config('URL'), conn_max_age=600)\n"
           "DATABASES['other'] = {'ENGINE': 'x'}\nSESSION_COOKIE_SECURE = not config('DEBUG', "
           "cast=bool)\n");
    lost("ALLOWED_HOSTS", 4);
    lost("DEFAULT", 4); /* the same list, perhaps */
    lost("SESSION_COOKIE_SECURE", 8);
    known("DATABASES", "{'default': <unknown>, 'other': {'ENGINE': 'x'}}");
}

DJ_TEST(classes_of_settings)
{
    dj_conf *conf = audit(c, "from configurations import Configuration, values\nDEBUG = "
                             "False\nAPPS = ['a']\nHOSTS = ['h']\n"
                             "OPTIONS = {}\nclass Common(Configuration):\n    DEBUG = "
                             "values.BooleanValue(True)\n    X = 1\n"
                             "    APPS += ['b']\n    OPTIONS['k'] = 1\n\n    @property\n    def "
                             "HOSTS(self):\n        return []\n\nZ = 2\n");
    known("DEBUG", "False");
    lost("APPS", 6);
    lost("OPTIONS", 6);
    known("HOSTS", "['h']");
    known("Z", "2");
    assert_null(dj_conf_get(conf, DJ_LIT("X")));
}

DJ_TEST(local_settings_that_are_missing)
{
    dj_conf *conf = audit(c, "DEBUG = False\nLOCAL = None\ntry:\n    from .no_such_local import "
                             "*\nexcept ImportError:\n    LOCAL = False\n"
                             "try:\n    import debug_toolbar\n    TOOLBAR = True\nexcept "
                             "ImportError:\n    TOOLBAR = False\n");
    known("DEBUG", "False");
    known("LOCAL", "False");
    lost("TOOLBAR", 7);
}

DJ_TEST(a_debug_block_adds_apps)
{
    dj_conf *conf = audit(
        c,
        "DEBUG = True\nINSTALLED_APPS = ['a']\nif DEBUG:\n    INSTALLED_APPS += ['debug_toolbar']\n"
        "    INTERNAL_IPS = ['127.0.0.1']\nif not DEBUG:\n    SECURE_SSL_REDIRECT = True\nelse:\n  "
        "  X = 1\n");
    known("INSTALLED_APPS", "['a', 'debug_toolbar']");
    known("INTERNAL_IPS", "['127.0.0.1']");
    assert_false(dj_conf_is_set(conf, DJ_LIT("SECURE_SSL_REDIRECT")));
    known("X", "1");
}

DJ_TEST(loops_and_what_they_reach)
{
    dj_conf *conf = audit(c, "T = [{'OPTIONS': {}}]\nAPPS = ['a']\nN = 0\nfor t in T:\n    "
                             "t['OPTIONS']['debug'] = True\n"
                             "for name in ['b', 'c']:\n    APPS.append(name)\n    N += 1\nwhile "
                             "cond():\n    W = 1\nZ = 1\n");
    known("T", "[<unknown>]");
    lost("APPS", 6);
    lost("N", 6);
    lost("W", 9);
    known("Z", "1");
}

DJ_TEST(functions_may_run_at_any_time)
{
    dj_conf *conf = audit(
        c,
        "def later():\n    global DEBUG\n    DEBUG = True\n    HOSTS.append('*')\n    DB['x'] = 1\n"
        "DEBUG = False\nHOSTS = ['h']\nDB = {}\nOTHER = [1]\nlater()\nadd = lambda x: "
        "OTHER.append(x)\n"
        "OTHER = [2]\nadd(1)\nasync def never():\n    LOCAL = 1\nKEPT = 3\n");
    lost("DEBUG", 0);
    lost("HOSTS", 0);
    lost("DB", 0);
    lost("OTHER", 0);
    known("KEPT", "3");
    assert_null(dj_conf_get(conf, DJ_LIT("LOCAL")));
}

DJ_TEST(f_strings_comprehensions_and_bytes)
{
    dj_conf *conf = audit(c, "NAME = 'x'\nA = f'{NAME}/y'\nB = [a for a in [1, 2]]\nC = b'raw'\nD "
                             "= {'k': f'{NAME}', 'l': 1}\n"
                             "E = [x.strip() for x in 'a,b'.split(',')]\nif (n := len(B)) > 1:\n   "
                             " F = n\nG = (NAME\n  + 'z')\n"
                             "H = NAME + \\\n  'w'\n");
    lost("A", 2);
    lost("B", 3);
    lost("C", 4);
    known("D", "{'k': <unknown>, 'l': 1}");
    lost("E", 6);
    lost("F", 7);
    known("G", "'xz'");
    known("H", "'xw'");
}

DJ_TEST(logging_and_other_deep_dicts)
{
    dj_conf *conf = audit(
        c, "import logging\nLOGGING = {\n    'version': 1,\n    'filters': {'f': {'()': "
           "'django.utils.log.RequireDebugFalse'}},\n"
           "    'handlers': {'console': {'class': 'logging.StreamHandler', 'level': "
           "logging.DEBUG}},\n}\n"
           "LOGGING['loggers'] = {'django': {'handlers': "
           "['console']}}\nlogging.getLogger(__name__).info('x')\n"
           "CACHES = {'default': {'B': 'x'}}\nCACHES['default'].update(TIMEOUT=1)\nOK = True\n");
    known("LOGGING", "{'version': 1, 'filters': {'f': {'()': "
                     "'django.utils.log.RequireDebugFalse'}}, 'handlers': {'console': "
                     "{'class': 'logging.StreamHandler', 'level': <unknown>}}, 'loggers': "
                     "{'django': {'handlers': ['console']}}}");
    lost("CACHES", 10);
    known("OK", "True");
}

DJ_TEST(match_with_and_del)
{
    dj_conf *conf = audit(
        c,
        "ENV = 'p'\nGONE = 1\nmatch ENV:\n    case 'p':\n        A = 1\n    case B:\n        pass\n"
        "with open('/etc/key') as FILE:\n    SECRET_KEY = FILE.read().strip()\ndel GONE\nX, (Y, Z) "
        "= 1, (2, 3)\n"
        "@decorated\ndef D():\n    pass\n");
    lost("A", 3);
    lost("B", 3);
    lost("SECRET_KEY", 8);
    lost("FILE", 8);
    lost("GONE", 10);
    lost("X", 11);
    lost("Z", 11);
    lost("D", 0);
    known("ENV", "'p'");
}

DJ_TEST(what_reaches_all_names)
{
    static const char *const all[] = {"globals().update({'A': 2})",
                                      "exec(open('x').read())",
                                      "vars()['A'] = 2",
                                      "django_heroku.settings(locals())",
                                      "setattr(sys.modules[__name__], 'A', 2)",
                                      "from split_settings.tools import include\ninclude('a.py')",
                                      "g = globals\ng()['A'] = 2",
                                      "if x():\n    from elsewhere import *"};
    for (size_t i = 0; i < DJ_COUNT(all); i++) {
        dj_conf *conf =
            audit(c, dj_cstr(c->scope, dj_strf(c->scope, "A = 1\n%s\nB = 1\n", all[i])));
        lost("A", 0);
        lost("NEVER_SEEN", 0);
        known("B", "1");
    }
}

DJ_TEST(lines_ends_tabs_and_indents)
{
    dj_conf *conf = audit(
        c,
        "\xEF\xBB\xBF"
        "A = 1\r\nif A:\r\n\tB = '''x\r\n  y'''\r\n\tif f():\r\n\t\tC = 1\r\nelse:\r\n\tB = 2\r\n"
        "D: list[str] = ['a',\r\n\t\t'b']\r\nE = ('a'\r\n 'b')\r\n");
    known("B", "'x\\n  y'");
    lost("C", 5);
    known("D", "['a', 'b']");
    known("E", "'ab'");
}

DJ_TEST(another_name_for_the_same_list)
{
    dj_conf *conf = audit(
        c,
        "A = ['a']\nB = A\nB.append('b')\nC = ['c']\nD = C if f() else []\nD += ['d']\nE = [{}]\n"
        "x = E[f()]\nx['k'] = 1\nG = [1]\nH = g() or G\nI = [1]\nhelper(I)\nJ = [1]\nK = len(J)\n");
    lost("A", 3);
    lost("B", 3);
    lost("C", 5);
    lost("D", 0);
    known("E", "[<unknown>]");
    lost("G", 11);
    lost("I", 13);
    known("J", "[1]");
}

DJ_TEST(a_try_that_may_fail_early)
{
    dj_conf *conf = audit(c, "try:\n    X += [1]\nexcept NameError:\n    Y = 1\nelse:\n    Y = 2\n"
                             "try:\n    A = 1\nexcept Exception:\n    A = 2\nfinally:\n    B = "
                             "3\nsys.path.insert(0, '/x')\nC = 1\n");
    lost("Y", 1);
    known("A", "1");
    known("B", "3");
    known("C", "1");
}

DJ_TESTS(DJ_T(a_helper_makes_one_value_unknown_and_no_other),
         DJ_T(blocks_with_a_known_condition_are_followed),
         DJ_T(a_foreign_star_import_loses_all_names), DJ_T(environ_env),
         DJ_T(a_file_of_variables_changes_the_environment),
         DJ_T(a_variable_set_by_name_is_lost_alone), DJ_T(decouple_and_database_urls),
         DJ_T(classes_of_settings), DJ_T(local_settings_that_are_missing),
         DJ_T(a_debug_block_adds_apps), DJ_T(loops_and_what_they_reach),
         DJ_T(functions_may_run_at_any_time), DJ_T(f_strings_comprehensions_and_bytes),
         DJ_T(logging_and_other_deep_dicts), DJ_T(match_with_and_del), DJ_T(what_reaches_all_names),
         DJ_T(lines_ends_tabs_and_indents), DJ_T(another_name_for_the_same_list),
         DJ_T(a_try_that_may_fail_early))
