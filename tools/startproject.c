/* tools/startproject.c - a new site in a folder of its own, from the templates below.
 *
 * What is written is the product: it builds as it stands, and `check --deploy` with its production
 * settings has nothing to say. Existing files are never touched. */
#include "startproject.h"
#include "donjon/buf.h"
#include "donjon/crypto.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN_MAX 40

/* @NAME@ is the project's name, @KEY@ a fresh key for development. */
typedef struct template_file {
    const char *path, *text;
} template_file;

static const char meson_build[] =
    "project('@NAME@', 'c', default_options: ['c_std=gnu11', 'buildtype=release', 'b_pie=true', "
    "'warning_level=2'])\n"
    "\n"
    "add_project_arguments('-D_FORTIFY_SOURCE=3', '-fstack-protector-strong', "
    "'-fstack-clash-protection', '-fcf-protection=full',\n"
    "  '-ftrivial-auto-var-init=zero', '-fno-strict-aliasing', '-Wformat=2', '-Wconversion', "
    "language: 'c')\n"
    "add_project_link_arguments('-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,noexecstack', "
    "'-Wl,-z,separate-code', language: 'c')\n"
    "\n"
    "donjon = dependency('donjon')\n"
    "executable('@NAME@', 'main.c', 'urls.c', dependencies: donjon)\n"
    "test('site', executable('test_site', 'tests/test_site.c', 'urls.c', dependencies: donjon), "
    "workdir: meson.current_source_dir())\n";

static const char site_h[] = "/* site.h - what the program and its tests share. */\n"
                             "#pragma once\n"
                             "#include <donjon/donjon.h>\n"
                             "\n"
                             "extern const dj_app site;\n";

static const char main_c[] = "/* main.c - the program of @NAME@. */\n"
                             "#include \"site.h\"\n"
                             "\n"
                             "int main(int argc, char **argv)\n"
                             "{\n"
                             "    return dj_manage(argc, argv, &site);\n"
                             "}\n";

static const char urls_c[] =
    "/* urls.c - the routes of @NAME@ and their views. */\n"
    "#include \"site.h\"\n"
    "\n"
    "static dj_response *index_page(dj_req *req)\n"
    "{\n"
    "    return dj_page(req, DJ_HTML(\"<!doctype html>\\n<html lang=\\\"en\\\"><meta "
    "charset=\\\"utf-8\\\"><title>@NAME@</title>\"\n"
    "                                \"<h1>It works</h1></html>\\n\"));\n"
    "}\n"
    "\n"
    "static const dj_route urls[] = {\n"
    "    DJ_PATH(\"\", index_page, .name = \"index\", .methods = DJ_GET),\n"
    "};\n"
    "\n"
    "const dj_app site = {.urls = DJ_ALL(urls), .settings = \"settings/development.py\"};\n";

static const char test_site_c[] =
    "/* tests/test_site.c - meson test -C build */\n"
    "#include \"../site.h\"\n"
    "#include <donjon/test.h>\n"
    "#include <stdio.h>\n"
    "\n"
    "static int failed;\n"
    "\n"
    "static void expect(bool holds, const char *what)\n"
    "{\n"
    "    if (!holds)\n"
    "        failed += fprintf(stderr, \"FAILED: %s\\n\", what) > 0;\n"
    "}\n"
    "\n"
    "static void test_pages(dj_client *client)\n"
    "{\n"
    "    const dj_answer *a = dj_client_get(client, \"/\");\n"
    "    expect(a->status == 200 && dj_answer_count(a, \"It works\") == 1, \"the front page is "
    "there\");\n"
    "    expect(dj_answer_header_count(a, \"Content-Security-Policy\") == 1, \"it has a "
    "policy\");\n"
    "    expect(dj_client_get(client, \"/nowhere/\")->status == 404, \"no other page is\");\n"
    "}\n"
    "\n"
    "int main(void)\n"
    "{\n"
    "    dj_scope  *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);\n"
    "    dj_client *client;\n"
    "    if (dj_client_open(s, &(dj_client_options){.app = &site}, &client) != DJ_OK) {\n"
    "        (void)fprintf(stderr, DJ_FMT \"\\n\", DJ_ARG(dj_failure_text(s)));\n"
    "        return 1;\n"
    "    }\n"
    "    test_pages(client);\n"
    "    dj_scope_close(s);\n"
    "    return failed != 0;\n"
    "}\n";

static const char base_py[] =
    "# What development and production share.\n"
    "from django.utils.csp import CSP\n"
    "from pathlib import Path\n"
    "\n"
    "BASE_DIR = Path(__file__).resolve().parent.parent\n"
    "\n"
    "MIDDLEWARE = [\n"
    "    'django.middleware.security.SecurityMiddleware',\n"
    "    'django.middleware.common.CommonMiddleware',\n"
    "    'donjon.middleware.FetchMetadataMiddleware',\n"
    "    'django.middleware.clickjacking.XFrameOptionsMiddleware',\n"
    "    'django.middleware.csp.ContentSecurityPolicyMiddleware',\n"
    "    'donjon.middleware.PermissionsPolicyMiddleware',\n"
    "]\n"
    "\n"
    "# Scripts and styles run only with the nonce of the answer that carries them.\n"
    "SECURE_CSP = {\n"
    "    'default-src': [CSP.SELF],\n"
    "    'script-src': [CSP.SELF, CSP.NONCE],\n"
    "    'style-src': [CSP.SELF, CSP.NONCE],\n"
    "    'object-src': [CSP.NONE],\n"
    "    'base-uri': [CSP.NONE],\n"
    "    'form-action': [CSP.SELF],\n"
    "    'frame-ancestors': [CSP.NONE],\n"
    "}\n"
    "SECURE_REFERRER_POLICY = 'strict-origin-when-cross-origin'\n"
    "X_FRAME_OPTIONS = 'DENY'\n"
    "TIME_ZONE = 'UTC'\n"
    "\n"
    "# For pages from templates; {{ csp_nonce }} is what dj_csp_nonce() is in C.\n"
    "TEMPLATES = [\n"
    "    {\n"
    "        'BACKEND': 'django.template.backends.django.DjangoTemplates',\n"
    "        'OPTIONS': {'context_processors': ['django.template.context_processors.csp']},\n"
    "    },\n"
    "]\n"
    "\n"
    "# This build of Donjon has no CSRF protection yet, and no page here changes anything: W003 is "
    "known. W025 says that it is\n"
    "# silenced. Remove this line with the first page that changes something.\n"
    "SILENCED_SYSTEM_CHECKS = ['security.W003', 'donjon.W025']\n";

static const char development_py[] = "# build/@NAME@ runserver\n"
                                     "from .base import *\n"
                                     "\n"
                                     "DEBUG = True\n"
                                     "SECRET_KEY = 'django-insecure-@KEY@'\n"
                                     "ALLOWED_HOSTS = ['localhost', '127.0.0.1', '[::1]']\n";

static const char production_py[] =
    "# build/@NAME@ serve --settings settings/production.py\n"
    "import os\n"
    "from .base import *\n"
    "\n"
    "DEBUG = False\n"
    "SECRET_KEY = os.environ['SECRET_KEY']  # build one with: donjon secret-key\n"
    "ALLOWED_HOSTS = os.environ['ALLOWED_HOSTS'].split(',')\n"
    "\n"
    "SECURE_SSL_REDIRECT = True\n"
    "SECURE_HSTS_SECONDS = 31536000  # one year\n"
    "SECURE_HSTS_INCLUDE_SUBDOMAINS = True\n"
    "SECURE_HSTS_PRELOAD = True\n"
    "SESSION_COOKIE_SECURE = True\n"
    "CSRF_COOKIE_SECURE = True\n"
    "\n"
    "BIND = ['0.0.0.0:80']  # only redirects to HTTPS\n"
    "BIND_TLS = ['0.0.0.0:443']\n"
    "TLS_CERT = os.environ.get('TLS_CERT')\n"
    "TLS_KEY = os.environ.get('TLS_KEY')\n";

static const char readme_md[] =
    "# @NAME@\n"
    "\n"
    "    meson setup build && ninja -C build\n"
    "    meson test -C build\n"
    "    build/@NAME@ runserver\n"
    "\n"
    "In production:\n"
    "\n"
    "    export SECRET_KEY=\"$(donjon secret-key)\" ALLOWED_HOSTS=example.com TLS_CERT=cert.pem "
    "TLS_KEY=key.pem\n"
    "    build/@NAME@ check --deploy --settings settings/production.py\n"
    "    build/@NAME@ serve --settings settings/production.py\n";

static const template_file files[] = {
    {"meson.build", meson_build},
    {"main.c", main_c},
    {"site.h", site_h},
    {"urls.c", urls_c},
    {"tests/test_site.c", test_site_c},
    {"settings/base.py", base_py},
    {"settings/development.py", development_py},
    {"settings/production.py", production_py},
    {"README.md", readme_md},
    {".gitignore", "/build/\n"},
};

static const dj_command_spec spec = {
    .name = "startproject",
    .summary = "Writes a new site into DIRECTORY (a new folder NAME unless told otherwise): it "
               "builds, and its checks are clean.",
    .args = "NAME [DIRECTORY]",
    .min_args = 1,
    .max_args = 2,
};

/* A name for a folder, a program and a Python package. */
static bool is_name(dj_str name)
{
    if (name.len == 0 || name.len > NAME_LEN_MAX || !dj_is_alpha(name.ptr[0]))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!dj_is_alpha(c) && !dj_is_digit(c) && c != '_')
            return false;
    }
    return true;
}

static dj_err write_file(dj_scope *s, dj_str path, dj_str text)
{
    /* O_EXCL: what is there already belongs to somebody. */
    int fd = open(dj_cstr(s, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return dj_fail_errno(s, DJ_FMT, DJ_ARG(path));
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            dj_err e = dj_fail_errno(s, DJ_FMT, DJ_ARG(path));
            close(fd);
            return e;
        }
        text = dj_str_from(text, (size_t)n);
    }
    if (close(fd) != 0)
        return dj_fail_errno(s, DJ_FMT, DJ_ARG(path));
    return DJ_OK;
}

static dj_err make_folder(dj_scope *s, dj_str path)
{
    if (mkdir(dj_cstr(s, path), 0755) != 0 && errno != EEXIST)
        return dj_fail_errno(s, DJ_FMT, DJ_ARG(path));
    return DJ_OK;
}

/* None of the files may be there: nothing is half-written over something else. */
static dj_err check_free(dj_scope *s, dj_str folder)
{
    struct stat st;
    for (size_t i = 0; i < DJ_COUNT(files); i++) {
        dj_str path = dj_strf(s, DJ_FMT "/%s", DJ_ARG(folder), files[i].path);
        if (lstat(dj_cstr(s, path), &st) == 0)
            return dj_fail(s, DJ_ERR_IO, DJ_FMT " exists already", DJ_ARG(path));
    }
    return DJ_OK;
}

static dj_err write_project(dj_scope *s, dj_str folder, dj_str name)
{
    dj_str key = dj_random_string(s, 50, DJ_ALPHANUMERIC);
    dj_err e = check_free(s, folder);
    if (!e)
        e = make_folder(s, folder);
    if (!e)
        e = make_folder(s, dj_strf(s, DJ_FMT "/settings", DJ_ARG(folder)));
    if (!e)
        e = make_folder(s, dj_strf(s, DJ_FMT "/tests", DJ_ARG(folder)));
    for (size_t i = 0; !e && i < DJ_COUNT(files); i++) {
        dj_str text = dj_str_replace(s, dj_str_of(files[i].text), DJ_LIT("@NAME@"), name);
        text = dj_str_replace(s, text, DJ_LIT("@KEY@"), key);
        e = write_file(s, dj_strf(s, DJ_FMT "/%s", DJ_ARG(folder), files[i].path), text);
    }
    return e;
}

int dj_tool_startproject(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                         const struct dj_app *app)
{
    dj_options o;
    int        status = dj_options_parse(s, con, &spec, argc, argv, &o);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    (void)app;
    dj_str name = o.args[0], folder = o.nargs > 1 ? o.args[1] : name;
    if (!is_name(name))
        return dj_command_fail(s, con, argv,
                               "'" DJ_FMT
                               "' is no name for a project: a letter, then letters, digits and _",
                               DJ_ARG(name));
    if (dj_str_eq(name, DJ_LIT("donjon")) || dj_str_eq(name, DJ_LIT("django")) ||
        dj_str_eq(name, DJ_LIT("test")))
        return dj_command_fail(s, con, argv, "'" DJ_FMT "' is taken: choose another name",
                               DJ_ARG(name));
    if (write_project(s, dj_console_path(s, con, folder), name))
        return dj_command_fail(s, con, argv, DJ_FMT, DJ_ARG(dj_failure_text(s)));
    dj_console_outf(s, con,
                    DJ_FMT ": written. Next:\n    cd " DJ_FMT
                           "\n    meson setup build && ninja -C build\n    build/" DJ_FMT
                           " runserver\n",
                    DJ_ARG(name), DJ_ARG(folder), DJ_ARG(name));
    return 0;
}
