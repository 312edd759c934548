/* tests/conf/test_settings.c - typed settings: types, defaults, the key, and what an error must not
 * show. */
#include "donjon/settings.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HIDDEN "s3cr3t-0f-th3-env"

static bool env(void *ctx, dj_str name, dj_str *value)
{
    (void)ctx;
    if (!dj_str_eq(name, DJ_LIT("HIDDEN")))
        return false;
    *value = DJ_LIT(HIDDEN);
    return true;
}

static dj_str temporary(dj_case *c, const char *text)
{
    char *path = dj_test_template(dj_alloc(c->scope, DJ_TEST_PATH), "settings");
    int   fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return dj_str_of(path);
}

static dj_err read_text(dj_case *c, const char *text, dj_conf **conf, dj_conf_error *error)
{
    dj_str          path = temporary(c, text);
    dj_conf_options options = {.mode = DJ_CONF_STRICT, .env = env};
    dj_err          e = dj_conf_read(c->scope, path, &options, conf, error);
    unlink(dj_cstr(c->scope, path));
    return e;
}

static dj_settings *load(dj_case *c, const char *text)
{
    dj_conf_error error;
    dj_conf      *conf = NULL;
    dj_settings  *settings = NULL;
    dj_expect_ok(read_text(c, text, &conf, &error));
    dj_expect_ok(dj_settings_load(c->scope, conf, &settings));
    return settings;
}

/* The one problem of this text. */
static void refused(dj_case *c, const char *text, const char *message)
{
    dj_conf_error error;
    dj_conf      *conf = NULL;
    dj_settings  *settings = NULL;
    size_t        n;
    dj_expect_ok(read_text(c, text, &conf, &error));
    const dj_settings_problem *problems = dj_settings_problems(c->scope, conf, &n);
    assert_int_equal(n, 1);
    dj_expect_str(dj_str_of(message), problems[0].message);
    assert_true(problems[0].advice.len > 0 && problems[0].origin.line == 1);
    dj_expect_err(DJ_ERR_SETTINGS, dj_settings_load(c->scope, conf, &settings));
    assert_true(dj_str_has(dj_failure_text(c->scope), dj_str_of(message)));
}

DJ_TEST(every_type_is_loaded)
{
    dj_settings *s =
        load(c, "DEBUG = True\nSECURE_HSTS_SECONDS = 60\nALLOWED_HOSTS = ('a', "
                "'b')\nSECURE_SSL_HOST = 'x'\n"
                "from pathlib import Path\nSECRET_KEY_FILE = None\nADMINS = [('a', 'b')]\n");
    assert_true(s->DEBUG);
    assert_int_equal(s->SECURE_HSTS_SECONDS, 60);
    assert_int_equal(s->ALLOWED_HOSTS.len, 2);
    dj_expect_str(DJ_LIT("b"), s->ALLOWED_HOSTS.items[1]);
    dj_expect_str(DJ_LIT("x"), s->SECURE_SSL_HOST);
    assert_null(s->SECRET_KEY_FILE.ptr);
    assert_int_equal(s->ADMINS->kind, DJ_V_LIST);
    assert_null(s->secret_key);
}

DJ_TEST(what_is_not_set_has_its_default)
{
    const dj_settings *s = dj_settings_default(c->scope);
    assert_false(s->DEBUG);
    assert_true(s->APPEND_SLASH);
    assert_int_equal(s->ALLOWED_HOSTS.len, 0);
    dj_expect_str(DJ_LIT("utf-8"), s->DEFAULT_CHARSET);
    assert_null(s->SECURE_SSL_HOST.ptr);
    assert_null(s->conf);
    size_t n;
    for (const dj_setting_info *row = dj_setting_table(&n), *end = row + n; row < end; row++)
        assert_non_null(row->def);
}

DJ_TEST(a_wrong_type_is_a_problem)
{
    refused(c, "DEBUG = 'False'\n", "DEBUG must be True or False, not str");
    refused(c, "DEBUG = 1\n", "DEBUG must be True or False, not int");
    refused(c, "DEBUG = False,\n", "DEBUG must be True or False, not tuple");
    refused(c, "SECURE_HSTS_SECONDS = '60'\n", "SECURE_HSTS_SECONDS must be an int, not str");
    refused(c, "SECURE_HSTS_SECONDS = True\n", "SECURE_HSTS_SECONDS must be an int, not bool");
    refused(c, "SECURE_HSTS_SECONDS = None\n", "SECURE_HSTS_SECONDS must be an int, not None");
    refused(c, "DATA_UPLOAD_MAX_MEMORY_SIZE = -1\n",
            "DATA_UPLOAD_MAX_MEMORY_SIZE must be an int or None, not a negative int");
    refused(c, "DEFAULT_CHARSET = None\n", "DEFAULT_CHARSET must be a str, not None");
    refused(c, "SECURE_SSL_HOST = 5\n", "SECURE_SSL_HOST must be a str, a Path or None, not int");
    refused(c, "ALLOWED_HOSTS = '*'\n", "ALLOWED_HOSTS must be a list or tuple of str, not str");
    refused(c, "ALLOWED_HOSTS = ['a', 1]\n",
            "ALLOWED_HOSTS must be a list or tuple of str, not list whose item 2 is int");
}

DJ_TEST(the_key_is_a_secret_and_nothing_else)
{
    dj_settings *s = load(c, "import os\nSECRET_KEY = os.environ['HIDDEN']\n");
    assert_non_null(s->secret_key);
    assert_int_equal(s->SECRET_KEY.len, 0);
}

DJ_TEST(the_key_comes_from_a_file)
{
    dj_str path = temporary(c, "the key of a file\n");
    assert_int_equal(chmod(dj_cstr(c->scope, path), 0600), 0);
    dj_settings *s = load(
        c, dj_cstr(c->scope, dj_strf(c->scope, "SECRET_KEY_FILE = '" DJ_FMT "'\n", DJ_ARG(path))));
    unlink(dj_cstr(c->scope, path));
    assert_non_null(s->secret_key);
}

DJ_TEST(a_missing_key_file_is_an_error)
{
    dj_conf_error error;
    dj_conf      *conf = NULL;
    dj_settings  *settings = NULL;
    dj_expect_ok(read_text(c, "SECRET_KEY_FILE = '/nonexistent/key'\n", &conf, &error));
    assert_int_not_equal(dj_settings_load(c->scope, conf, &settings), DJ_OK);
}

DJ_TEST(the_key_comes_from_a_credential)
{
    char *folder = dj_test_template(dj_alloc(c->scope, DJ_TEST_PATH), "credentials");
    assert_non_null(mkdtemp(folder));
    const char *path = dj_cstr(c->scope, dj_strf(c->scope, "%s/SECRET_KEY", folder));
    FILE       *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("the key of a credential", f) >= 0);
    fclose(f);
    assert_int_equal(chmod(path, 0400), 0);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    dj_settings *s = load(c, "DEBUG = False\n");
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(path);
    rmdir(folder);
    assert_non_null(s->secret_key);
}

DJ_TEST(an_error_shows_nothing_of_the_environment)
{
    static const char *const texts[] = {
        "import os\nX = int(os.environ['HIDDEN'])\n",
        "import os\nX = [1][os.environ['HIDDEN']]\n",
        "import os\nX = {}[os.environ['HIDDEN']]\n",
        "import os\nX = os.environ['HIDDEN'] + 1\n",
        "import os\nX = os.environ[os.environ['HIDDEN']]\n",
        "import os\nX = int(os.environ['HIDDEN'].lower())\n",
        "import os\nX = int(' ' + os.environ['HIDDEN'])\n",
        "import os\nX = int(os.environ['HIDDEN'].split('-')[0])\n",
        "import os\nX = int('-'.join([os.environ['HIDDEN']]))\n",
        "import os\nX = int('a'.replace('a', os.environ['HIDDEN']))\n",
        "import os\nX = int(str(os.environ['HIDDEN']))\n",
        "import os\nX = int(os.environ['HIDDEN'][0:1])\n",
        "import os\nX = int(os.path.join('/', os.environ['HIDDEN']))\n",
        "import os\nX = int(str(Path(os.environ['HIDDEN']).parent / os.environ['HIDDEN']))\n",
        "import os\nA = [os.environ['HIDDEN']]\nX = int(A[0])\n",
        "import os\nX = 'a' < os.environ['HIDDEN'] < 'b'\n",
    };
    for (size_t i = 0; i < DJ_COUNT(texts); i++) {
        dj_conf_error error;
        dj_conf      *conf = NULL;
        dj_err        e = read_text(c, texts[i], &conf, &error);
        if (e == DJ_OK)
            print_error("no error: %s", texts[i]);
        dj_expect_err(DJ_ERR_SETTINGS, e);
        if (dj_str_has(error.text, DJ_LIT("s3cr3t")))
            print_error(DJ_FMT "\n", DJ_ARG(error.text));
        assert_false(dj_str_has(error.text, DJ_LIT("s3cr3t")));
        assert_false(dj_str_has(error.message, DJ_LIT("s3cr3t")));
    }
}

DJ_TEST(an_error_hides_the_literals_of_a_secret)
{
    static const char *const texts[] = {
        "SECRET_KEY = 'hush' 'hush\n",
        "SECRET_KEY = 'hush' + 1\n",
        "SECRET_KEY = f'hush'\n",
        "SECRET_KEY = 'hush\\N{BELL}'\n",
        "SECRET_KEY = int('hush')\n",
        "SECRET_KEY = 'hush' if\n",
        "SECRET_KEY = ('hush',\n   'hush' 'x' = 1)\n",
        "DATABASES = {'default': {\n  'NAME': 'x',\n  'PASSWORD': 'hush' % 1,\n}}\n",
        "EMAIL_HOST_PASSWORD = foo('hush')\n",
        "MY_TOKEN = 'hush'.title()\n",
        "SOME_API = {'hush': 1}['x']\n",
        "A_SIGNATURE = \"\"\"hush\nhush\"\"\" + 1\n",
        "secret_key = b'hush'\n",
        "SECRET_KEY == 'hush'\n",
        "SECRET_KEY = 'hush' 'it\\'s hush' +\n",
        "SECRET_KEY += 'hush' 5\n",
        "  SECRET_KEY = 'hush'\n",
        "SECRET_KEY: str = 'hush' 5\n",
        "SECRET_KEY = '''\nhush\n''' 5\n",
    };
    for (size_t i = 0; i < DJ_COUNT(texts); i++) {
        dj_conf_error error;
        dj_conf      *conf = NULL;
        dj_expect_err(DJ_ERR_SETTINGS, read_text(c, texts[i], &conf, &error));
        if (dj_str_has(error.text, DJ_LIT("hush")))
            print_error("%zu: " DJ_FMT "\n", i, DJ_ARG(error.text));
        assert_false(dj_str_has(error.text, DJ_LIT("hush")));
    }
}

DJ_TESTS(DJ_T(every_type_is_loaded), DJ_T(what_is_not_set_has_its_default),
         DJ_T(a_wrong_type_is_a_problem), DJ_T(the_key_is_a_secret_and_nothing_else),
         DJ_T(the_key_comes_from_a_file), DJ_T(a_missing_key_file_is_an_error),
         DJ_T(the_key_comes_from_a_credential), DJ_T(an_error_shows_nothing_of_the_environment),
         DJ_T(an_error_hides_the_literals_of_a_secret))
