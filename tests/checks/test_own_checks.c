/* tests/checks/test_own_checks.c - each donjon.* check on settings: one text that it reports, one
 * that it doesn't. */
#include "test.h"
#include "donjon/checks.h"
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB       "1024 * 1024"
#define CSP_LAYER "'django.middleware.csp.ContentSecurityPolicyMiddleware'"
#define SESSION   "'django.contrib.sessions.middleware.SessionMiddleware'"
#define AUTH      "'django.contrib.auth.middleware.AuthenticationMiddleware'"
#define MESSAGES  "'django.contrib.messages.middleware.MessageMiddleware'"
#define CSRF      "'django.middleware.csrf.CsrfViewMiddleware'"
#define SECURITY  "'django.middleware.security.SecurityMiddleware'"
#define GOOD_KEY  "k7!p2vX9qLm4Zr8tYw3Bn6Hc1Jd5Fg0Ks_Qe-Ru=Ti+Oa^Sv*Gx"
#define PG        "'ENGINE': 'django.db.backends.postgresql', 'NAME': 'x', "

typedef struct row {
    const char *id, *fires, *silent;
} row;

static const row rows[] = {
    {"donjon.I001", "X = os.path.join('a', 'b')\n", "import os\nX = os.path.join('a', 'b')\n"},
    {"donjon.W012", "SECRET_KEY = '" GOOD_KEY "'\n", "import os\nSECRET_KEY = os.environ['KEY']\n"},
    {"donjon.W012", "import os\nSECRET_KEY = os.environ.get('NOKEY', 'dev')\n",
     "SECRET_KEY = ''\n"},
    {"donjon.W012", "SECRET_KEY_FALLBACKS = ['old']\n", "SECRET_KEY_FALLBACKS = []\n"},
    {"donjon.W013", "EMAIL_HOST_PASSWORD = 'x'\n",
     "import os\nEMAIL_HOST_PASSWORD = os.environ['KEY']\n"},
    {"donjon.W013", "DATABASES = {'default': {'PASSWORD': 'x'}}\n",
     "DATABASES = {'default': {'PASSWORD': ''}}\n"},
    {"donjon.W013", "CACHES = {'default': {'LOCATION': 'redis://u:p@h/0'}}\n",
     "CACHES = {'default': {'LOCATION': 'redis://h:6379/0?a=@'}}\n"},
    {"donjon.W013", "MAILERS = {'default': {'OPTIONS': {'password': 'x'}}}\n",
     "MAILERS = {'default': {'OPTIONS': {'username': 'x'}}}\n"},
    {"donjon.E016", "STATIC_ROOT = '/srv/static'\nSESSION_FILE_PATH = '/srv/static/s'\n",
     "STATIC_ROOT = '/srv/static'\nSESSION_FILE_PATH = '/srv/static2'\n"},
    {"donjon.E016",
     "MEDIA_ROOT = '/srv'\nLOGGING = {'handlers': {'f': {'filename': '/srv/x.log'}}}\n",
     "MEDIA_ROOT = '/srv'\nLOGGING = {'handlers': {'f': {'filename': '/log/x.log'}}}\n"},
    {"donjon.E016", "from pathlib import Path\nSTATICFILES_DIRS = [Path(__file__).parent]\n",
     "STATICFILES_DIRS = []\n"},
    {"donjon.W017", "MEDIA_ROOT = '/srv/s/m'\nSTATIC_ROOT = '/srv/s'\n",
     "MEDIA_ROOT = '/srv/m'\nSTATIC_ROOT = '/srv/s'\n"},
    {"donjon.W018", "FILE_UPLOAD_PERMISSIONS = 0o755\n", "FILE_UPLOAD_PERMISSIONS = 0o644\n"},
    {"donjon.W018", "FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o777\n",
     "FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755\n"},
    {"donjon.W019", "FILE_UPLOAD_TEMP_DIR = '/tmp'\n", "FILE_UPLOAD_TEMP_DIR = '/usr'\n"},
    {"donjon.W020", "ALOWED_HOSTS = []\n", "MY_OWN_THING = 1\n"},
    {"donjon.E021", "ALLOWED_HOSTS = 'example.com'\n", "ALLOWED_HOSTS = ('example.com',)\n"},
    {"donjon.E021", "DEBUG = 'False'\n", "DEBUG = False\n"},
    {"donjon.W022", "DEBUG = False,\n", "DEBUG = False\n"},
    {"donjon.W023", "import os\nDEBUG = bool(os.environ.get('KEY', ''))\n",
     "import os\nDEBUG = os.environ.get('KEY', '').lower() == 'true'\n"},
    {"donjon.W024", "SILENCED_SYSTEM_CHECKS = ['security.W999']\n",
     "SILENCED_SYSTEM_CHECKS = ['security.W008', 'models.W042', 'donjon.I066', "
     "'debug_toolbar.W001']\n"},
    {"donjon.W025", "SILENCED_SYSTEM_CHECKS = ['security.W008']\n",
     "SILENCED_SYSTEM_CHECKS = ['urls.W002']\n"},
    {"donjon.W030", "SECRET_KEY = 'abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcxyz12'\n",
     "SECRET_KEY = '" GOOD_KEY "'\n"},
    {"donjon.W030",
     "SECRET_KEY = 'correct horse battery staple and some more words to make it long'\n",
     "SECRET_KEY = '^3w0@u)5l!s7b&xk#n2q%r9vd-8c1=tz4e*ym+6(fgj$hpi_oa'\n"},
    {"donjon.W030", "SECRET_KEY = 'please-change-this-secret-key-before-going-to-production'\n",
     "SECRET_KEY = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08e3b'\n"},
    {"donjon.W031", "SECRET_KEY = '" GOOD_KEY "'\nSECRET_KEY_FALLBACKS = ['" GOOD_KEY "']\n",
     "SECRET_KEY = '" GOOD_KEY "'\nSECRET_KEY_FALLBACKS = ['x']\n"},
    {"donjon.W031", "SECRET_KEY_FALLBACKS = ['a', 'b', 'c', 'd']\n",
     "SECRET_KEY_FALLBACKS = ['a', 'b', 'c']\n"},
    {"donjon.W040", "ALLOWED_HOSTS = ['*']\n", "ALLOWED_HOSTS = ['example.com']\n"},
    {"donjon.E041", "ALLOWED_HOSTS = ['.com']\n", "ALLOWED_HOSTS = ['.example.com']\n"},
    {"donjon.E041", "ALLOWED_HOSTS = ['.co.uk']\n", "ALLOWED_HOSTS = ['.example.co.uk']\n"},
    {"donjon.E041", "ALLOWED_HOSTS = ['.github.io']\n", "ALLOWED_HOSTS = ['me.github.io']\n"},
    {"donjon.W042", "ALLOWED_HOSTS = ['https://example.com']\n",
     "ALLOWED_HOSTS = ['[::1]', '127.0.0.1', '*', '.example.com']\n"},
    {"donjon.W042", "ALLOWED_HOSTS = ['example.com:8000']\n", "ALLOWED_HOSTS = ['example.com']\n"},
    {"donjon.W042", "ALLOWED_HOSTS = ['Example.com']\n",
     "ALLOWED_HOSTS = ['xn--bcher-kva.example']\n"},
    {"donjon.W043", "ALLOWED_HOSTS = ''.split(',')\n", "ALLOWED_HOSTS = 'a.example'.split(',')\n"},
    {"donjon.W044", "ALLOWED_HOSTS = ['172.31.0.1']\n", "ALLOWED_HOSTS = ['172.32.0.1']\n"},
    {"donjon.W044", "ALLOWED_HOSTS = ['localhost']\n", "ALLOWED_HOSTS = ['10.example.com']\n"},
    {"donjon.W050", "SECURE_HSTS_PRELOAD = True\nSECURE_HSTS_SECONDS = 3600\n",
     "SECURE_HSTS_PRELOAD = True\nSECURE_HSTS_SECONDS = 31536000\n"},
    {"donjon.W051", "SECURE_HSTS_PRELOAD = True\nSECURE_HSTS_SECONDS = 31536000\n",
     "SECURE_HSTS_PRELOAD = True\nSECURE_HSTS_SECONDS = 31536000\nSECURE_HSTS_INCLUDE_SUBDOMAINS = "
     "True\n"},
    {"donjon.W052", "SECURE_HSTS_SECONDS = 60\n", "SECURE_HSTS_SECONDS = 2592000\n"},
    {"donjon.W053",
     "SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')\nTRUSTED_PROXIES = []\n",
     "SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')\nTRUSTED_PROXIES = "
     "['10.0.0.0/8']\n"},
    {"donjon.W053",
     "SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')\nBIND = ['0.0.0.0:80']\n",
     "SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')\n"},
    {"donjon.W054", "USE_X_FORWARDED_HOST = True\nTRUSTED_PROXIES = ['0.0.0.0/0']\n",
     "USE_X_FORWARDED_HOST = True\nTRUSTED_PROXIES = ['10.1.1.1']\n"},
    {"donjon.I055", "SECURE_SSL_REDIRECT = True\n",
     "SECURE_SSL_REDIRECT = True\nBIND_TLS = ['0.0.0.0:443']\n"},
    {"donjon.W056", "SECURE_REDIRECT_EXEMPT = [r'.*']\n",
     "SECURE_REDIRECT_EXEMPT = [r'^healthz$']\n"},
    {"donjon.E057", "SECURE_PROXY_SSL_HEADER = ('X-Forwarded-Proto', 'https')\n",
     "SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')\n"},
    {"donjon.E057", "SECURE_PROXY_SSL_HEADER = 'HTTP_X_FORWARDED_PROTO'\n",
     "SECURE_PROXY_SSL_HEADER = None\n"},
    {"donjon.W060", "MIDDLEWARE = [" SESSION "]\nSESSION_COOKIE_SAMESITE = 'none'\n",
     "MIDDLEWARE = [" SESSION "]\nSESSION_COOKIE_SAMESITE = 'Strict'\n"},
    {"donjon.W060", "MIDDLEWARE = [" SESSION "]\nSESSION_COOKIE_SAMESITE = False\n",
     "SESSION_COOKIE_SAMESITE = False\n"},
    {"donjon.W061", "MIDDLEWARE = [" CSRF "]\nCSRF_COOKIE_SAMESITE = None\n",
     "MIDDLEWARE = [" CSRF "]\n"},
    {"donjon.E062", "SESSION_COOKIE_SAMESITE = 'None'\n",
     "SESSION_COOKIE_SAMESITE = 'None'\nSESSION_COOKIE_SECURE = True\n"},
    {"donjon.E063", "CSRF_COOKIE_SAMESITE = 'Loose'\n", "CSRF_COOKIE_SAMESITE = 'lax'\n"},
    {"donjon.E064", "ALLOWED_HOSTS = ['example.com']\nSESSION_COOKIE_DOMAIN = '.co.uk'\n",
     "ALLOWED_HOSTS = ['example.co.uk']\nSESSION_COOKIE_DOMAIN = '.example.co.uk'\n"},
    {"donjon.E064", "ALLOWED_HOSTS = ['example.com']\nCSRF_COOKIE_DOMAIN = 'other.com'\n",
     "ALLOWED_HOSTS = ['*']\nCSRF_COOKIE_DOMAIN = 'other.com'\n"},
    {"donjon.W065", "ALLOWED_HOSTS = ['app.example.com']\nSESSION_COOKIE_DOMAIN = 'example.com'\n",
     "ALLOWED_HOSTS = ['.example.com']\nSESSION_COOKIE_DOMAIN = 'example.com'\n"},
    {"donjon.I066", "MIDDLEWARE = [" SESSION "]\nSESSION_COOKIE_SECURE = True\n",
     "MIDDLEWARE = [" SESSION
     "]\nSESSION_COOKIE_SECURE = True\nSESSION_COOKIE_NAME = '__Host-sessionid'\n"},
    {"donjon.W067", "MIDDLEWARE = [" SESSION "]\nSESSION_COOKIE_AGE = 60 * 60 * 24 * 31\n",
     "MIDDLEWARE = [" SESSION "]\nSESSION_COOKIE_AGE = 60 * 60 * 24 * 30\n"},
    {"donjon.W067", "CSRF_TRUSTED_ORIGINS = ['http://example.com']\n",
     "CSRF_TRUSTED_ORIGINS = ['https://example.com']\n"},
    {"donjon.W067", "CSRF_TRUSTED_ORIGINS = ['https://*.co.uk']\n",
     "CSRF_TRUSTED_ORIGINS = ['https://*.example.co.uk:8443']\n"},
    {"donjon.E068", "SESSION_SERIALIZER = 'django.contrib.sessions.serializers.PickleSerializer'\n",
     "SESSION_SERIALIZER = 'django.contrib.sessions.serializers.JSONSerializer'\n"},
    {"donjon.E069", "SESSION_COOKIE_NAME = 'my session'\n", "SESSION_COOKIE_NAME = 'my-session'\n"},
    {"donjon.W070", "DEBUG = False\n",
     "MIDDLEWARE = [" CSP_LAYER "]\nSECURE_CSP = {'default-src': [\"'self'\"]}\n"},
    {"donjon.W070", "SECURE_CSP = {'default-src': [\"'self'\"]}\n",
     "MIDDLEWARE = [" CSP_LAYER "]\nSECURE_CSP_REPORT_ONLY = {'default-src': [\"'self'\"]}\n"},
    {"donjon.W070", "MIDDLEWARE = [" CSP_LAYER "]\n",
     "MIDDLEWARE = [" CSP_LAYER "]\nSECURE_CSP = {'default-src': \"'self'\"}\n"},
    {"donjon.W071", "SECURE_CSP = {'script-src': [\"'unsafe-inline'\"]}\n",
     "from django.utils.csp import CSP\nSECURE_CSP = {'script-src': [CSP.UNSAFE_INLINE, "
     "CSP.NONCE]}\n"},
    {"donjon.W072", "SECURE_CSP = {'default-src': [\"'unsafe-eval'\"]}\n",
     "SECURE_CSP = {'default-src': [\"'unsafe-eval'\"], 'script-src': [\"'self'\"]}\n"},
    {"donjon.W073", "SECURE_CSP = {'script-src': ['https:']}\n",
     "SECURE_CSP = {'script-src': ['https://cdn.example.com']}\n"},
    {"donjon.W073", "SECURE_CSP = {'img-src': ['*']}\n",
     "SECURE_CSP = {'img-src': ['*'], 'default-src': [\"'self'\"]}\n"},
    {"donjon.W074", "SECURE_CSP = {'default-src': [\"'none'\"]}\n",
     "SECURE_CSP = {'default-src': [\"'none'\"], 'base-uri': [\"'none'\"], 'frame-ancestors': "
     "[\"'none'\"]}\n"},
    {"donjon.I075",
     "MIDDLEWARE = [" CSP_LAYER "]\nSECURE_CSP_REPORT_ONLY = {'default-src': [\"'self'\"]}\n",
     "MIDDLEWARE = [" CSP_LAYER
     "]\nSECURE_CSP = {'default-src': [\"'self'\"]}\nSECURE_CSP_REPORT_ONLY = {'default-src': "
     "[\"'none'\"]}\n"},
    {"donjon.E076", "SECURE_CSP = {'default-src': ['self']}\n",
     "SECURE_CSP = {'default-src': [\"'self'\"]}\n"},
    {"donjon.E076", "SECURE_CSP = {'defualt-src': [\"'self'\"]}\n",
     "SECURE_CSP = {'style-src-elem': [\"'self'\"]}\n"},
    {"donjon.E076", "SECURE_CSP_REPORT_ONLY = {'default-src': [\"'self'; img-src *\"]}\n",
     "SECURE_CSP_REPORT_ONLY = {'default-src': [\"'self'\", 'https://x.example']}\n"},
    {"donjon.W077",
     "from django.utils.csp import CSP\nMIDDLEWARE = [" CSP_LAYER
     "]\nSECURE_CSP = {'script-src': [CSP.NONCE]}\n",
     "MIDDLEWARE = [" CSP_LAYER "]\nSECURE_CSP = {'script-src': [\"'self'\"]}\n"},
    {"donjon.W080", "MIDDLEWARE = [" SESSION ", " SECURITY "]\n",
     "MIDDLEWARE = ['mysite.HostFilter', " SECURITY ", " SESSION "]\n"},
    {"donjon.E081", "MIDDLEWARE = [" AUTH ", " SESSION "]\n",
     "MIDDLEWARE = [" SESSION ", " AUTH "]\n"},
    {"donjon.E081", "MIDDLEWARE = [" AUTH "]\n", "MIDDLEWARE = []\n"},
    {"donjon.E082", "MIDDLEWARE = [" MESSAGES "]\n",
     "MIDDLEWARE = [" MESSAGES
     "]\nMESSAGE_STORAGE = 'django.contrib.messages.storage.cookie.CookieStorage'\n"},
    {"donjon.E083", "CSRF_USE_SESSIONS = True\nMIDDLEWARE = [" CSRF ", " SESSION "]\n",
     "CSRF_USE_SESSIONS = True\nMIDDLEWARE = [" SESSION ", " CSRF "]\n"},
    {"donjon.W084", "MIDDLEWARE = [" CSRF ", " CSRF "]\n",
     "MIDDLEWARE = [" CSRF ", " SESSION "]\n"},
    {"donjon.E085", "MIDDLEWARE = ['mysite.Nope']\n", "MIDDLEWARE = ['mysite.Known', " CSRF "]\n"},
    {"donjon.E090",
     "MIDDLEWARE = [" AUTH
     "]\nPASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']\n",
     "MIDDLEWARE = [" AUTH
     "]\nPASSWORD_HASHERS = ['django.contrib.auth.hashers.ScryptPasswordHasher', "
     "'django.contrib.auth.hashers.MD5PasswordHasher']\n"},
    {"donjon.E092", "PASSWORD_HASHERS = ['django.contrib.auth.hashers.Nope']\n",
     "PASSWORD_HASHERS = ['django.contrib.auth.hashers.ScryptPasswordHasher']\n"},
    {"donjon.W093", "MIDDLEWARE = [" AUTH "]\n", "MIDDLEWARE = []\n"},
    {"donjon.W093",
     "INSTALLED_APPS = ['django.contrib.auth']\nAUTH_PASSWORD_VALIDATORS = [{'NAME': "
     "'django.contrib.auth.password_validation.MinimumLengthValidator', 'OPTIONS': {'min_length': "
     "6}}]\n",
     "INSTALLED_APPS = ['django.contrib.auth']\nAUTH_PASSWORD_VALIDATORS = [{'NAME': "
     "'django.contrib.auth.password_validation.MinimumLengthValidator'}]\n"},
    {"donjon.W094", "PASSWORD_RESET_TIMEOUT = 259201\n", "PASSWORD_RESET_TIMEOUT = 259200\n"},
    {"donjon.E095",
     "AUTHENTICATION_BACKENDS = ['django.contrib.auth.backends.AllowAllUsersModelBackend']\n",
     "AUTHENTICATION_BACKENDS = ['django.contrib.auth.backends.ModelBackend']\n"},
    {"donjon.W100", "DATA_UPLOAD_MAX_MEMORY_SIZE = 100 * " MIB " + 1\n",
     "DATA_UPLOAD_MAX_MEMORY_SIZE = 100 * " MIB "\n"},
    {"donjon.W100", "DATA_UPLOAD_MAX_MEMORY_SIZE = None\n", "DEBUG = False\n"},
    {"donjon.W101", "DATA_UPLOAD_MAX_NUMBER_FIELDS = None\n",
     "DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000\n"},
    {"donjon.W102", "DATA_UPLOAD_MAX_NUMBER_FILES = None\n", "DATA_UPLOAD_MAX_NUMBER_FILES = 10\n"},
    {"donjon.W110", "LOGGING = {'loggers': {'django.db.backends': {'level': 'DEBUG'}}}\n",
     "LOGGING = {'loggers': {'mysite': {'level': 'DEBUG'}}, 'root': {'level': 'INFO'}}\n"},
    {"donjon.W110", "LOGGING = {'root': {'level': 10}}\n",
     "LOGGING = {'root': {'level': 'WARNING'}}\n"},
    {"donjon.W111",
     "LOGGING = {'loggers': {'django.security.csrf': {'handlers': [], 'propagate': False}}}\n",
     "LOGGING = {'loggers': {'django.security': {'handlers': ['mail'], 'propagate': False}}}\n"},
    {"donjon.W111", "LOGGING = {'loggers': {'django.security': {'level': 'CRITICAL'}}}\n",
     "LOGGING = {'loggers': {'django.security': {'level': 'WARNING'}}}\n"},
    {"donjon.W112", "DEBUG_PROPAGATE_EXCEPTIONS = True\n", "DEBUG_PROPAGATE_EXCEPTIONS = False\n"},
    {"donjon.W112", "INTERNAL_IPS = ['10.0.0.0/8']\n", "INTERNAL_IPS = ['10.0.0.1/32', '::1']\n"},
    {"donjon.W120", "DATABASES = {'default': {" PG "'HOST': 'db.example.net'}}\n",
     "DATABASES = {'default': {" PG
     "'HOST': 'db.example.net', 'OPTIONS': {'sslmode': 'verify-full'}}}\n"},
    {"donjon.W120",
     "DATABASES = {'default': {" PG "'HOST': '10.0.0.2', 'OPTIONS': {'sslmode': 'require'}}}\n",
     "DATABASES = {'default': {" PG "'HOST': '/run/postgresql'}}\n"},
    {"donjon.W121", "DATABASES = {'default': {" PG "'USER': 'postgres'}}\n",
     "DATABASES = {'default': {" PG "'USER': 'shop'}}\n"},
    {"donjon.W140", "HOST_CHECK_FIRST = False\n", "HOST_CHECK_FIRST = True\n"},
    {"donjon.W140", "HOST_CHECK_FIRST = 1 > 2\n", "DEBUG = False\n"},
    {"donjon.W141", "SECURE_ALL_ANSWERS = False\n", "SECURE_ALL_ANSWERS = True\n"},
    {"donjon.W141", "SECURE_ALL_ANSWERS = not True\n", "DEBUG = False\n"},
    {"donjon.W142", "PERMISSIONS_POLICY = None\n", "PERMISSIONS_POLICY = {'camera': []}\n"},
    {"donjon.W142", "PERMISSIONS_POLICY = {}\n", "DEBUG = False\n"},
    {"donjon.W143", "CROSS_ORIGIN_RESOURCE_POLICY = None\n",
     "CROSS_ORIGIN_RESOURCE_POLICY = 'same-site'\n"},
    {"donjon.W144", "FETCH_METADATA_REPORT_ONLY = True\n", "FETCH_METADATA_REPORT_ONLY = False\n"},
};

/* -- running a text -- */

static bool test_env(void *ctx, dj_str name, dj_str *value)
{
    (void)ctx;
    if (!dj_str_eq(name, DJ_LIT("KEY")))
        return false;
    *value = DJ_LIT(GOOD_KEY);
    return true;
}

static char folder[DJ_TEST_PATH];

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(dj_test_template(folder, "own-checks")) == NULL ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int remove_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static dj_check_result check_mode(dj_case *c, const char *text, dj_conf_mode mode, mode_t file_mode)
{
    static const dj_urls     urls;
    static const char *const layers[] = {"mysite.Known", NULL};
    dj_str                   path = dj_strf(c->scope, "%s/settings.py", folder);
    FILE                    *f = fopen(dj_cstr(c->scope, path), "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(dj_cstr(c->scope, path), file_mode), 0);
    dj_conf        *conf;
    dj_conf_error   error;
    dj_conf_options how = {mode, test_env, NULL};
    if (dj_conf_read(c->scope, path, &how, &conf, &error) != DJ_OK)
        fail_msg("%.*s", DJ_ARG(error.text));
    dj_check_input   input = {.conf = conf,
                              .base = dj_str_of(folder),
                              .env = test_env,
                              .urls = mode == DJ_CONF_STRICT ? &urls : NULL,
                              .middleware = layers};
    dj_check_options options = {.deploy = true, .leave_out = "hardening"};
    dj_check_result  result;
    dj_checks_run(c->scope, &input, &options, &result);
    return result;
}

static const dj_check_message *find(const dj_check_result *r, const char *id)
{
    for (size_t i = 0; i < r->len; i++)
        if (dj_str_eq(r->messages[i].id, dj_str_of(id)))
            return &r->messages[i];
    return NULL;
}

DJ_TEST(each_fires_on_one_text_and_not_on_another)
{
    for (size_t i = 0; i < DJ_COUNT(rows); i++) {
        dj_check_result fires = check_mode(c, rows[i].fires, DJ_CONF_STRICT, 0600);
        dj_check_result silent = check_mode(c, rows[i].silent, DJ_CONF_STRICT, 0600);
        if (find(&fires, rows[i].id) == NULL)
            fail_msg("%s is silent on: %s", rows[i].id, rows[i].fires);
        if (find(&silent, rows[i].id) != NULL)
            fail_msg("%s fires on: %s", rows[i].id, rows[i].silent);
        dj_scope_reset(c->scope);
    }
}

DJ_TEST(each_message_of_ours_has_a_hint_and_a_place)
{
    for (size_t i = 0; i < DJ_COUNT(rows); i++) {
        dj_check_result r = check_mode(c, rows[i].fires, DJ_CONF_STRICT, 0600);
        for (size_t m = 0; m < r.len; m++)
            if (dj_str_starts(r.messages[m].id, DJ_LIT("donjon."))) {
                assert_true(r.messages[m].hint.len > 0);
                assert_true(r.messages[m].origin.file.len > 0);
            }
        dj_scope_reset(c->scope);
    }
}

DJ_TEST(a_secret_never_enters_a_message)
{
    dj_check_result r = check_mode(c,
                                   "SECRET_KEY = 'hunter2'\nSECRET_KEY_FALLBACKS = "
                                   "['hunter2']\nEMAIL_HOST_PASSWORD = 'hunter2'\n"
                                   "DATABASES = {'default': {'PASSWORD': 'hunter2'}}\nCACHES = "
                                   "{'default': {'LOCATION': 'redis://u:hunter2@h'}}\n",
                                   DJ_CONF_STRICT, 0644);
    assert_non_null(find(&r, "donjon.W011"));
    for (size_t i = 0; i < r.len; i++) {
        assert_false(dj_str_has(r.messages[i].text, DJ_LIT("hunter2")));
        assert_false(dj_str_has(r.messages[i].hint, DJ_LIT("hunter2")));
    }
}

DJ_TEST(a_file_others_can_write_is_an_error)
{
    dj_check_result r = check_mode(c, "DEBUG = False\n", DJ_CONF_STRICT, 0666);
    assert_non_null(find(&r, "donjon.E010"));
    r = check_mode(c, "DEBUG = False\n", DJ_CONF_STRICT, 0644);
    assert_null(find(&r, "donjon.E010"));
    assert_null(find(&r, "donjon.W011"));
}

DJ_TEST(sqlite_files_keep_others_out)
{
    const char *text =
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db.sqlite3'}}\n";
    dj_str path = dj_strf(c->scope, "%s/db.sqlite3", folder);
    FILE  *f = fopen(dj_cstr(c->scope, path), "we");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(chmod(dj_cstr(c->scope, path), 0666), 0);
    dj_check_result r = check_mode(c, text, DJ_CONF_STRICT, 0600);
    assert_non_null(find(&r, "donjon.E014"));
    assert_non_null(find(&r, "donjon.W015"));
    assert_int_equal(chmod(dj_cstr(c->scope, path), 0600), 0);
    r = check_mode(c, text, DJ_CONF_STRICT, 0600);
    assert_null(find(&r, "donjon.E014"));
    assert_null(find(&r, "donjon.W015"));
}

/* -- what is not known -- */

DJ_TEST(an_unknown_value_is_undecided_and_never_passes)
{
    dj_check_result r = check_mode(
        c,
        "import environ\nenv = environ.Env()\nDEBUG = env.bool('DEBUG')\nSECRET_KEY = env('KEY')\n"
        "ALLOWED_HOSTS = ['*', env('HOST')]\n",
        DJ_CONF_AUDIT, 0600);
    assert_true(r.undecided);
    assert_null(find(&r, "security.W018"));
    assert_null(find(&r, "security.W009"));
    assert_non_null(find(&r, "donjon.W040")); /* what is known is still reported */
    size_t open = 0;
    for (size_t i = 0; i < r.len; i++) {
        if (!dj_str_eq(r.messages[i].id, DJ_LIT("donjon.I002")))
            continue;
        open++;
        assert_true(r.messages[i].origin.line >= 3);
        if (dj_str_has(r.messages[i].text, DJ_LIT("not decided: DEBUG: settings.py:3")))
            assert_true(dj_str_has(r.messages[i].text, DJ_LIT("security.W018")));
    }
    assert_int_equal(open, 3);
}

DJ_TEST(what_is_undecided_cannot_be_silenced)
{
    dj_check_result r = check_mode(
        c, "import environ\nDEBUG = environ.get('X')\nSILENCED_SYSTEM_CHECKS = ['donjon.I002']\n",
        DJ_CONF_AUDIT, 0600);
    assert_non_null(find(&r, "donjon.I002"));
}

DJ_TEST(a_readable_file_is_decided_in_an_audit_too)
{
    dj_check_result r = check_mode(c, "import os\nDEBUG = True\nALLOWED_HOSTS = ['example.com']\n",
                                   DJ_CONF_AUDIT, 0600);
    assert_false(r.undecided);
    assert_non_null(find(&r, "security.W018"));
    assert_int_equal(find(&r, "security.W018")->origin.line, 2);
    assert_int_equal(find(&r, "security.W018")->origin.column, 9);
}

DJ_TEST(someone_elses_middleware_is_no_mistake_in_an_audit)
{
    dj_check_result r = check_mode(
        c, "MIDDLEWARE = ['corsheaders.middleware.CorsMiddleware', 'django.middleware.Nope']\n",
        DJ_CONF_AUDIT, 0600);
    size_t n = 0;
    for (size_t i = 0; i < r.len; i++)
        n += dj_str_eq(r.messages[i].id, DJ_LIT("donjon.E085"));
    assert_int_equal(n, 1);
}

/* -- the catalogue -- */

DJ_TEST(every_id_has_a_summary)
{
    size_t               n;
    const dj_check_info *all = dj_check_catalogue(c->scope, &n);
    assert_true(n > 130);
    for (size_t i = 0; i < n; i++)
        if (all[i].summary.len == 0)
            fail_msg("%.*s has no line in summaries.def", DJ_ARG(all[i].id));
}

DJ_TEST(every_id_reported_is_in_the_catalogue)
{
    for (size_t i = 0; i < DJ_COUNT(rows); i++) {
        dj_check_result      r = check_mode(c, rows[i].fires, DJ_CONF_STRICT, 0600);
        size_t               n;
        const dj_check_info *all = dj_check_catalogue(c->scope, &n);
        for (size_t m = 0; m < r.len; m++) {
            bool known = false;
            for (size_t k = 0; k < n; k++)
                known = known || dj_str_eq(all[k].id, r.messages[m].id);
            if (!known)
                fail_msg("%.*s is not in the catalogue", DJ_ARG(r.messages[m].id));
        }
        dj_scope_reset(c->scope);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DJ_T(each_fires_on_one_text_and_not_on_another),
        DJ_T(each_message_of_ours_has_a_hint_and_a_place),
        DJ_T(a_secret_never_enters_a_message),
        DJ_T(a_file_others_can_write_is_an_error),
        DJ_T(sqlite_files_keep_others_out),
        DJ_T(an_unknown_value_is_undecided_and_never_passes),
        DJ_T(what_is_undecided_cannot_be_silenced),
        DJ_T(a_readable_file_is_decided_in_an_audit_too),
        DJ_T(someone_elses_middleware_is_no_mistake_in_an_audit),
        DJ_T(every_id_has_a_summary),
        DJ_T(every_id_reported_is_in_the_catalogue),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
