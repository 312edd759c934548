/* tests/policy/test_allowed_hosts.c - what the vectors do not show: proxies' networks, equivalence
 * of the two ways to look at a host. */
#include "donjon/crypto.h"
#include "donjon/policy.h"
#include "test.h"

static dj_networks parsed(dj_case *c, const dj_str *entries, size_t len)
{
    dj_networks out;
    dj_expect_ok(dj_networks_parse(c->scope, (dj_str_list){entries, len}, &out));
    return out;
}

DJ_TEST(networks_hold_what_lies_in_them)
{
    static const dj_str      entries[] = {DJ_STR_INIT("10.0.0.0/8"), DJ_STR_INIT("192.0.2.128/25"),
                                          DJ_STR_INIT("::1"), DJ_STR_INIT("2001:db8::/33"),
                                          DJ_STR_INIT("198.51.100.7")};
    dj_networks              n = parsed(c, entries, DJ_COUNT(entries));
    static const char *const in[] = {
        "10.0.0.0",         "10.255.255.255", "192.0.2.128",     "192.0.2.255", "::1",
        "2001:db8:7fff::1", "198.51.100.7",   "::ffff:10.1.2.3", "::1%lo"};
    static const char *const out[] = {
        "11.0.0.0", "9.255.255.255", "192.0.2.127", "::2",       "2001:db8:8000::1", "198.51.100.8",
        "",         "example.com",   "10.0.0",      "10.0.0.1 ", "0::10.0.0.1"};
    for (size_t i = 0; i < DJ_COUNT(in); i++) {
        if (!dj_networks_has(&n, dj_str_of(in[i])))
            fail_msg("should hold %s", in[i]);
    }
    for (size_t i = 0; i < DJ_COUNT(out); i++) {
        if (dj_networks_has(&n, dj_str_of(out[i])))
            fail_msg("should not hold %s", out[i]);
    }
    assert_false(n.unix_socket);
}

DJ_TEST(the_unix_socket_is_named)
{
    static const dj_str entries[] = {DJ_STR_INIT("unix")};
    dj_networks         n = parsed(c, entries, 1);
    assert_true(n.unix_socket);
    assert_false(dj_networks_has(&n, DJ_LIT("127.0.0.1")));
}

DJ_TEST(a_whole_family_is_a_network)
{
    static const dj_str entries[] = {DJ_STR_INIT("0.0.0.0/0")};
    dj_networks         n = parsed(c, entries, 1);
    assert_true(dj_networks_has(&n, DJ_LIT("203.0.113.1")));
    assert_false(dj_networks_has(&n, DJ_LIT("2001:db8::1")));
}

DJ_TEST(bad_networks_stop_the_start)
{
    static const char *const bad[] = {"",
                                      "10.0.0.1/8",
                                      "10.0.0.0/33",
                                      "::/129",
                                      "10.0.0.0/",
                                      "10.0.0.0/-1",
                                      "localhost",
                                      "UNIX",
                                      "10.0.0.0/8/8",
                                      "10.0.0.0/255.0.0.0",
                                      "::1%lo",
                                      " ::1"};
    for (size_t i = 0; i < DJ_COUNT(bad); i++) {
        dj_networks n;
        dj_str      entry = dj_str_of(bad[i]);
        if (dj_networks_parse(c->scope, (dj_str_list){&entry, 1}, &n) != DJ_ERR_SETTINGS)
            fail_msg("accepted: %s", bad[i]);
    }
}

/* dj_host_decide takes no memory and compares from the end; the plain way is to cut, lower and
 * compare. */
static bool plain_way(dj_scope *s, dj_str host, dj_str entry)
{
    dj_str domain, port, lower = dj_str_lower(s, entry);
    if (!dj_host_split(s, host, &domain, &port))
        return false;
    if (dj_str_eq(entry, DJ_LIT("*")))
        return true;
    if (entry.len == 0)
        return false;
    return dj_str_eq(domain, lower) ||
           (lower.ptr[0] == '.' &&
            (dj_str_ends(domain, lower) || dj_str_eq(domain, dj_str_from(lower, 1))));
}

DJ_TEST(both_ways_to_match_agree)
{
    for (int i = 0; i < 50000; i++) {
        dj_str host = dj_random_string(c->scope, dj_random_below(7), DJ_LIT("aAb.:8[]-"));
        dj_str entry = dj_random_string(c->scope, dj_random_below(5), DJ_LIT("aAb.*-"));
        bool   ok = dj_host_decide(host, (dj_str_list){&entry, 1}, false) == DJ_HOST_OK;
        if (ok != plain_way(c->scope, host, entry))
            fail_msg("host %.*s entry %.*s", DJ_ARG(host), DJ_ARG(entry));
    }
}

DJ_TEST(a_proxys_word_is_the_first_of_its_list)
{
    assert_true(dj_proxy_says_secure(DJ_LIT("https"), DJ_LIT("https")));
    assert_true(dj_proxy_says_secure(DJ_LIT(" https , http"), DJ_LIT("https")));
    assert_false(dj_proxy_says_secure(DJ_LIT("http, https"), DJ_LIT("https")));
    assert_false(dj_proxy_says_secure(DJ_LIT("HTTPS"), DJ_LIT("https")));
    assert_false(dj_proxy_says_secure(DJ_LIT(""), DJ_LIT("https")));
}

DJ_TEST(ports_are_one_to_five_digits)
{
    assert_true(dj_port_is_plausible(DJ_LIT("1")));
    assert_true(dj_port_is_plausible(DJ_LIT("65535")));
    assert_false(dj_port_is_plausible(DJ_LIT("")));
    assert_false(dj_port_is_plausible(DJ_LIT("123456")));
    assert_false(dj_port_is_plausible(DJ_LIT("80, 443")));
    assert_false(dj_port_is_plausible(DJ_NONE));
}

DJ_TESTS(DJ_T(networks_hold_what_lies_in_them), DJ_T(the_unix_socket_is_named),
         DJ_T(a_whole_family_is_a_network), DJ_T(bad_networks_stop_the_start),
         DJ_T(both_ways_to_match_agree), DJ_T(a_proxys_word_is_the_first_of_its_list),
         DJ_T(ports_are_one_to_five_digits))
