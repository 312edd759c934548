/* tests/app/test_static.c - hashed names, the manifest, addresses in pages. Expected values:
 * Django 5.2 and Python's json. */
#include "test.h"
#include "app/static.h"

DJ_TEST(the_hash_stands_before_the_extension)
{
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"a.css", "a.0123456789ab.css"},
        {"css/a.min.css", "css/a.min.0123456789ab.css"},
        {"LICENSE", "LICENSE.0123456789ab"},
        {"v1.0/LICENSE", "v1.0/LICENSE.0123456789ab"},
        {".hidden", ".hidden.0123456789ab"},
        {"a%20b.png", "a b.0123456789ab.png"},
        {"font.eot?v=1", "font.0123456789ab.eot?v=1"},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        dj_str hashed =
            dj_static_hashed_name(c->scope, dj_str_of(cases[i].name), DJ_LIT("0123456789ab"));
        dj_expect_str(dj_str_of(cases[i].want), hashed);
    }
    assert_true(dj_static_is_hashed(DJ_LIT("css/a.0123456789ab.css")));
    assert_true(dj_static_is_hashed(DJ_LIT("LICENSE.0123456789ab")));
    static const char *const others[] = {
        "css/a.css",    "a.0123456789AB.css",     "a.0123456789abc.css",  "0123456789ab.css",
        "0123456789ab", "a.0123456789ab.min.css", "x.0123456789ab/a.css", ""};
    for (size_t i = 0; i < DJ_COUNT(others); i++)
        assert_false(dj_static_is_hashed(dj_str_of(others[i])));
}

DJ_TEST(the_manifest_is_djangos)
{
    dj_md5        *md5;
    dj_static_pair pairs[] = {
        {DJ_LIT("b<&>\"\\.txt"), DJ_LIT("b<&>\"\\.1.txt")},
        {DJ_LIT("a\xc3\xa9\x7f.css"), DJ_LIT("a\xf0\x9f\x98\x80.css")},
    };
    dj_expect_ok(dj_md5_new(c->scope, &md5));
    dj_expect_str(DJ_LIT("{\"paths\": {\"a\\u00e9\\u007f.css\": \"a\\ud83d\\ude00.css\", "
                         "\"b<&>\\\"\\\\.txt\": \"b<&>\\\"\\\\.1.txt\"}, "
                         "\"version\": \"1.1\", \"hash\": \"08be92bf3e51\"}"),
                  dj_static_manifest_text(c->scope, md5, pairs, 2));
    dj_expect_str(DJ_LIT("{\"paths\": {}, \"version\": \"1.1\", \"hash\": \"d75171398898\"}"),
                  dj_static_manifest_text(c->scope, md5, NULL, 0));
}

static dj_err parse(dj_case *c, const char *text, dj_static_manifest *out)
{
    return dj_static_manifest_parse(c->scope, dj_str_of(text), out);
}

DJ_TEST(other_manifests_are_refused)
{
    dj_static_manifest m;
    dj_expect_ok(parse(c, "{\"version\": \"1.0\", \"paths\": {\"a\": \"b\"}}", &m));
    dj_expect_str(DJ_LIT("b"), *(dj_str *)dj_map_get(&m.paths, DJ_LIT("a")));
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"version\": \"2.0\", \"paths\": {}}",
        "{\"version\": 1.1, \"paths\": {}}",
        "{\"version\": \"1.1\"}",
        "{\"version\": \"1.1\", \"paths\": {\"a\": 1}}",
        "{\"version\": \"1.1\", \"paths\": []}",
    };
    for (size_t i = 0; i < DJ_COUNT(bad); i++)
        dj_expect_err(DJ_ERR_MALFORMED, parse(c, bad[i], &m));
}

/* -- addresses -- */

typedef struct setup {
    dj_settings    settings;
    struct dj_site site;
    dj_static      statics;
    dj_value       text, dict;
    dj_value_pair  pair;
    dj_value       keys[2], storage;
    dj_value_pair  storage_pair;
} setup;

static void set_up(dj_case *c, setup *u, const char *url, bool app, const char *backend)
{
    static dj_str apps[] = {DJ_STR_INIT("django.contrib.staticfiles")};
    *u = (setup){.text = {.kind = DJ_V_STR, .str = dj_str_of(backend)}};
    u->keys[0] = (dj_value){.kind = DJ_V_STR, .str = DJ_LIT("BACKEND")};
    u->keys[1] = (dj_value){.kind = DJ_V_STR, .str = DJ_LIT("staticfiles")};
    u->pair = (dj_value_pair){&u->keys[0], &u->text};
    u->dict = (dj_value){.kind = DJ_V_DICT, .dict = {&u->pair, 1}};
    u->storage_pair = (dj_value_pair){&u->keys[1], &u->dict};
    u->storage = (dj_value){.kind = DJ_V_DICT, .dict = {&u->storage_pair, 1}};
    u->settings.STATIC_URL = dj_str_of(url);
    u->settings.STORAGES = &u->storage;
    u->settings.INSTALLED_APPS = (dj_str_list){.items = apps, .len = app};
    u->site.settings = &u->settings;
    u->site.statics = &u->statics;
    u->statics.has_manifest = true;
    dj_expect_ok(
        parse(c,
              "{\"version\": \"1.1\", \"paths\": {\"css/a.css\": \"css/a.0123456789ab.css\", "
              "\"a b.png\": \"a b.0123456789ab.png\", \"f.eot\": \"f.0123456789ab.eot\"}}",
              &u->statics.manifest));
}

static dj_str url_of(dj_case *c, setup *u, const char *path)
{
    dj_str out = DJ_NONE;
    dj_expect_ok(dj_static_url(c->scope, &u->site, dj_str_of(path), &out));
    return out;
}

DJ_TEST(without_the_app_a_path_is_quoted_and_joined)
{
    setup u;
    set_up(c, &u, "static/", false, "");
    dj_expect_str(DJ_LIT("/static/css/a.css"), url_of(c, &u, "css/a.css"));
    dj_expect_str(DJ_LIT("/static/a%27b%22c"), url_of(c, &u, "a'b\"c"));
    dj_expect_str(DJ_LIT("/static/http%3A/cdn/x.css"), url_of(c, &u, "http://cdn/x.css"));
    dj_expect_str(DJ_LIT("/abs.css"), url_of(c, &u, "/abs.css"));
    dj_expect_str(DJ_LIT("/up.css"), url_of(c, &u, "../up.css"));
    dj_expect_str(DJ_LIT("//other/x"), url_of(c, &u, "//other/x"));
    dj_expect_str(DJ_LIT("/static/"), url_of(c, &u, ""));
    set_up(c, &u, "https://cdn.example.com/s/", false, "");
    dj_expect_str(DJ_LIT("https://cdn.example.com/up.css"), url_of(c, &u, "../up.css"));
    dj_expect_str(DJ_LIT("https://cdn.example.com/s/a%3Fx%3D1%23f"), url_of(c, &u, "a?x=1#f"));
}

DJ_TEST(with_the_app_names_are_looked_up)
{
    setup  u;
    dj_str out;
    set_up(c, &u, "/static/", true, "x.ManifestStaticFilesStorage");
    dj_expect_str(DJ_LIT("/static/css/a.0123456789ab.css"), url_of(c, &u, "css/a.css"));
    dj_expect_str(DJ_LIT("/static/a b.0123456789ab.png"), url_of(c, &u, "a%20b.png"));
    dj_expect_str(DJ_LIT("/static/f.0123456789ab.eot?#iefix"), url_of(c, &u, "f.eot?#iefix"));
    dj_expect_str(DJ_LIT("/static/f.0123456789ab.eot?v=1#x"), url_of(c, &u, "f.eot?v=1#x"));
    dj_expect_str(DJ_LIT("/static/css/"), url_of(c, &u, "css/"));
    dj_expect_err(DJ_ERR_MALFORMED, dj_static_url(c->scope, &u.site, DJ_LIT("gone.css"), &out));
    dj_expect_str(DJ_LIT("Missing staticfiles manifest entry for 'gone.css'"),
                  dj_failure_text(c->scope));
    u.settings.DEBUG = true;
    dj_expect_str(DJ_LIT("/static/gone.css"), url_of(c, &u, "gone.css"));
    set_up(c, &u, "/static/", true, "x.StaticFilesStorage");
    dj_expect_str(DJ_LIT("/static/a%20b(1).css"), url_of(c, &u, "/a b(1).css"));
    u.settings.STATIC_URL = DJ_NONE;
    dj_expect_err(DJ_ERR_SETTINGS, dj_static_url(c->scope, &u.site, DJ_LIT("a"), &out));
}

DJ_TESTS(DJ_T(the_hash_stands_before_the_extension), DJ_T(the_manifest_is_djangos),
         DJ_T(other_manifests_are_refused), DJ_T(without_the_app_a_path_is_quoted_and_joined),
         DJ_T(with_the_app_names_are_looked_up))
