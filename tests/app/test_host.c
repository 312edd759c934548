/* tests/app/test_host.c - whose word counts: forwarding headers of trusted and other peers;
 * addresses made from requests. */
#include "app/app.h"
#include "donjon/host.h"
#include "test.h"

static const dj_str hosts[] = {DJ_STR_INIT("testserver"), DJ_STR_INIT("front.example")};
static const dj_str proxies[] = {DJ_STR_INIT("10.0.0.0/8")};

static dj_site *site_of(dj_case *c)
{
    dj_settings *s = dj_settings_default(c->scope);
    dj_site     *site = dj_new(c->scope, dj_site);
    dj_value    *pair = dj_new(c->scope, dj_value), *items = dj_new_array(c->scope, dj_value, 2);
    pair->kind = DJ_V_TUPLE;
    pair->seq.items = dj_new_array(c->scope, dj_value *, 2);
    pair->seq.len = 2;
    for (size_t i = 0; i < 2; i++) {
        items[i].kind = DJ_V_STR;
        pair->seq.items[i] = &items[i];
    }
    items[0].str = DJ_LIT("HTTP_X_FORWARDED_PROTO");
    items[1].str = DJ_LIT("https");
    s->SECURE_PROXY_SSL_HEADER = pair;
    s->USE_X_FORWARDED_HOST = s->USE_X_FORWARDED_PORT = true;
    s->ALLOWED_HOSTS = (dj_str_list){hosts, DJ_COUNT(hosts)};
    s->TRUSTED_PROXIES = (dj_str_list){proxies, DJ_COUNT(proxies)};
    site->settings = s;
    dj_expect_ok(dj_host_rules_new(c->scope, s, &site->hosts));
    return site;
}

static dj_req *request(dj_case *c, const char *address, const char *path)
{
    static const dj_field fields[] = {
        {DJ_STR_INIT("Host"), DJ_STR_INIT("testserver"), DJ_FIELD_HOST},
        {DJ_STR_INIT("X-Forwarded-Host"), DJ_STR_INIT("front.example"), DJ_FIELD_X_FORWARDED_HOST},
        {DJ_STR_INIT("X-Forwarded-Port"), DJ_STR_INIT("8443"), DJ_FIELD_X_FORWARDED_PORT},
        {DJ_STR_INIT("X-Forwarded-Proto"), DJ_STR_INIT("https"), DJ_FIELD_X_FORWARDED_PROTO},
        {DJ_STR_INIT("x-forwarded-for"), DJ_STR_INIT("198.51.100.1"), DJ_FIELD_OTHER},
        {DJ_STR_INIT("FORWARDED"), DJ_STR_INIT("for=198.51.100.1"), DJ_FIELD_OTHER},
        {DJ_STR_INIT("X-Other"), DJ_STR_INIT("kept"), DJ_FIELD_OTHER},
    };
    dj_head *head = dj_new(c->scope, dj_head);
    dj_peer *peer = dj_new(c->scope, dj_peer);
    head->method = DJ_GET;
    head->method_name = DJ_LIT("GET");
    head->path = dj_str_of(path);
    head->query = DJ_LIT("q=1");
    head->host = hosts[0];
    for (size_t i = 0; i < DJ_COUNT(fields); i++) {
        head->fields[head->nfields++] = fields[i];
        head->seen |= 1u << fields[i].id;
    }
    peer->address = dj_str_of(address);
    peer->port = 80;
    peer->server_name = hosts[0];
    dj_req *req = dj_req_new(c->scope, head, peer, DJ_LIT(""));
    req->site = site_of(c);
    dj_host_prepare(req);
    return req;
}

DJ_TEST(a_trusted_proxy_is_believed)
{
    dj_req *req = request(c, "10.1.2.3", "/p/");
    dj_str  host;
    dj_expect_ok(dj_get_host(req, &host));
    dj_expect_str(DJ_LIT("front.example"), host);
    dj_expect_str(DJ_LIT("8443"), dj_req_port(req));
    assert_true(dj_req_is_secure(req));
    dj_expect_str(DJ_LIT("198.51.100.1"), dj_req_header(req, DJ_LIT("X-Forwarded-For")));
}

DJ_TEST(what_others_forward_is_gone_before_anything_reads_it)
{
    static const char *const names[] = {"X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto",
                                        "X-Forwarded-For", "Forwarded"};
    dj_req                  *req = request(c, "203.0.113.5", "/p/");
    dj_str                   host;
    dj_expect_ok(dj_get_host(req, &host));
    dj_expect_str(DJ_LIT("testserver"), host);
    dj_expect_str(DJ_LIT("80"), dj_req_port(req));
    assert_false(dj_req_is_secure(req));
    for (size_t i = 0; i < DJ_COUNT(names); i++)
        assert_true(dj_str_is_none(dj_req_header(req, dj_str_of(names[i]))));
    dj_expect_str(DJ_LIT("kept"), dj_req_header(req, DJ_LIT("X-Other")));
}

/* Python 3.11: Django 5.2's build_absolute_uri for a request of /a/b/?q=1 on front.example over
 * HTTPS. */
DJ_TEST(addresses_are_joined_as_django_joins_them)
{
    static const struct {
        const char *location, *want;
    } cases[] = {
        {NULL, "https://front.example/a/b/?q=1"},
        {"/x", "https://front.example/x"},
        {"//other.example/x", "https://other.example/x"},
        {"http://other.example/\xC3\xA9", "http://other.example/%C3%A9"},
        {"x?y=1#z", "https://front.example/a/b/x?y=1#z"},
        {"../x", "https://front.example/a/x"},
        {"../../../x", "https://front.example/x"},
        {"/x/../y", "https://front.example/y"},
        {"?p=2", "https://front.example/a/b/?p=2"},
        {"", "https://front.example/a/b/"},
        {"///x", "https://front.example/x"},
        {";p", "https://front.example/a/b/;p"},
        {"mailto:a@b", "mailto:a@b"},
    };
    dj_req *req = request(c, "10.1.2.3", "/a/b/");
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        dj_str uri;
        dj_expect_ok(dj_build_absolute_uri(req, dj_str_of(cases[i].location), &uri));
        dj_expect_str(dj_str_of(cases[i].want), uri);
    }
    dj_str uri;
    dj_expect_err(DJ_ERR_MALFORMED, dj_build_absolute_uri(req, DJ_LIT("//[x"), &uri));
}

DJ_TEST(a_clients_target_is_followed_only_to_this_host)
{
    static const struct {
        const char *target, *location;
    } cases[] = {
        {"/next/?a=b", "/next/?a=b"},
        {" /next/ ", "/next/"},
        {"https://front.example/x", "https://front.example/x"},
        {"http://front.example/x", "/safe/"}, /* this request is secure */
        {"//evil.example/", "/safe/"},
        {"/\\evil.example", "/safe/"},
        {"javascript:alert(1)", "/safe/"},
        {"", "/safe/"},
    };
    dj_req *req = request(c, "10.1.2.3", "/");
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        dj_response *resp = dj_redirect_safe(req, dj_str_of(cases[i].target), DJ_LIT("/safe/"));
        assert_int_equal(dj_status(resp), 302);
        dj_expect_str(dj_str_of(cases[i].location), dj_header_get(resp, DJ_LIT("Location")));
    }
}

DJ_TESTS(DJ_T(a_trusted_proxy_is_believed),
         DJ_T(what_others_forward_is_gone_before_anything_reads_it),
         DJ_T(addresses_are_joined_as_django_joins_them),
         DJ_T(a_clients_target_is_followed_only_to_this_host))
