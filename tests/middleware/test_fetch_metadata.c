/* tests/middleware/test_fetch_metadata.c - what pages of other sites get of a whole site. */
#include "test.h"
#include "donjon/caching.h"
#include "donjon/test.h"

#define VARY "Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest"

static dj_response *page(dj_req *req)
{
    return dj_text(req, DJ_LIT("page"));
}

static dj_response *varied(dj_req *req)
{
    dj_response *resp = page(req);
    dj_patch_vary(resp, DJ_LIT("Cookie, sec-fetch-mode"));
    return resp;
}

static const dj_route urls[] = {
    DJ_PATH("page/", page),
    DJ_PATH("varied/", varied),
    DJ_PATH("image/", page, .exempt = DJ_EXEMPT_FETCH_METADATA),
};
static const dj_app app = {.urls = DJ_ALL(urls)};

#define SETTINGS "MIDDLEWARE = ['donjon.middleware.FetchMetadataMiddleware']\n"

static dj_client *opened(dj_case *c, const char *settings)
{
    dj_client *client;
    dj_expect_ok(dj_client_open(
        c->scope, &(dj_client_options){.app = &app, .settings_text = settings}, &client));
    return client;
}

static const dj_answer *ask(dj_client *client, const char *path, const char *method,
                            const char *site, const char *mode)
{
    return dj_client_send(
        client,
        &(dj_client_request){.path = path,
                             .method = method,
                             .headers = DJ_PAIRS({"Sec-Fetch-Site", site}, {"Sec-Fetch-Mode", mode},
                                                 {"Sec-Fetch-Dest", "empty"})});
}

DJ_TEST(another_site_is_refused_with_a_record)
{
    dj_client       *client = opened(c, SETTINGS);
    const dj_answer *a = ask(client, "/page/", "POST", "cross-site", "cors");
    assert_int_equal(a->status, 403);
    assert_int_equal(dj_answer_count(a, "page"), 1); /* "You may not see this page." */
    dj_expect_str(DJ_LIT(VARY), dj_answer_header(a, "Vary"));
    assert_int_equal(a->nrecords, 1);
    dj_expect_str(DJ_LIT("django.security.fetch_metadata"), a->records[0].logger);
    assert_int_equal(a->records[0].level, DJ_WARNING);
    assert_int_equal(a->records[0].status, 403);
    dj_expect_str(DJ_LIT("Forbidden (Sec-Fetch-Site cross-site, Sec-Fetch-Mode cors, "
                         "Sec-Fetch-Dest empty): /page/"),
                  a->records[0].message);
    /* A header that came twice is none that a browser sends. */
    a = dj_client_send(client,
                       &(dj_client_request){.path = "/page/",
                                            .headers = DJ_PAIRS({"Sec-Fetch-Site", "same-origin"},
                                                                {"Sec-Fetch-Site", "cross-site"})});
    assert_int_equal(a->status, 403);
}

DJ_TEST(a_record_does_not_grow_with_the_header)
{
    dj_client *client = opened(c, SETTINGS);
    char       longest[8000] = {0};
    memset(longest, 'x', sizeof longest - 1);
    const dj_answer *a = ask(client, "/page/", "GET", longest, "cors");
    assert_int_equal(a->status, 403);
    assert_true(a->records[0].message.len < 200);
}

DJ_TEST(everything_varies_and_programs_pass)
{
    dj_client       *client = opened(c, SETTINGS);
    const dj_answer *a = dj_client_post(client, "/page/", DJ_PAIRS({"a", "b"}));
    assert_int_equal(a->status, 200);
    dj_expect_str(DJ_LIT(VARY), dj_answer_header(a, "Vary"));
    a = ask(client, "/varied/", "GET", "same-origin", "cors");
    assert_int_equal(a->status, 200);
    dj_expect_str(DJ_LIT("Cookie, sec-fetch-mode, Sec-Fetch-Site, Sec-Fetch-Dest"),
                  dj_answer_header(a, "Vary"));
    assert_int_equal(ask(client, "/page/", "GET", "cross-site", "navigate")->status, 200);
    assert_int_equal(ask(client, "/nowhere/", "GET", "cross-site", "cors")->status, 404);
    a = ask(client, "/image/", "GET", "cross-site", "no-cors");
    assert_int_equal(a->status, 200);
    dj_expect_str(DJ_LIT(VARY), dj_answer_header(a, "Vary"));
}

DJ_TEST(sister_hosts_are_let_in_by_a_setting)
{
    assert_int_equal(ask(opened(c, SETTINGS), "/page/", "GET", "same-site", "cors")->status, 403);
    dj_client *client = opened(c, SETTINGS "FETCH_METADATA_ALLOW_SAME_SITE = True\n");
    assert_int_equal(ask(client, "/page/", "GET", "same-site", "cors")->status, 200);
    assert_int_equal(ask(client, "/page/", "GET", "cross-site", "cors")->status, 403);
}

DJ_TEST(report_only_records_and_lets_pass)
{
    dj_client       *client = opened(c, SETTINGS "FETCH_METADATA_REPORT_ONLY = True\n");
    const dj_answer *a = ask(client, "/page/", "POST", "cross-site", "cors");
    assert_int_equal(a->status, 200);
    assert_int_equal(a->nrecords, 1);
    assert_true(dj_answer_logged(a, "django.security.fetch_metadata", "Would be forbidden"));
    assert_int_equal(ask(client, "/page/", "POST", "same-origin", "cors")->nrecords, 0);
}

DJ_TESTS(DJ_T(another_site_is_refused_with_a_record), DJ_T(a_record_does_not_grow_with_the_header),
         DJ_T(everything_varies_and_programs_pass), DJ_T(sister_hosts_are_let_in_by_a_setting),
         DJ_T(report_only_records_and_lets_pass))
