/* tests/policy/test_fetch_metadata.c - all combinations of what a browser can say of a request. */
#include "donjon/policy.h"
#include "test.h"

/* What browsers send (Fetch standard), absent ones, and what is none of them. */
static const char *const sites[] = {NULL,          "same-origin",
                                    "same-site",   "none",
                                    "cross-site",  "",
                                    "Same-Origin", "same-origin,cross-site",
                                    "future"};
static const char *const modes[] = {NULL,          "navigate",  "no-cors", "cors",
                                    "same-origin", "websocket", "",        "Navigate"};
static const char *const dests[] = {NULL,     "document", "empty", "image",  "script", "iframe",
                                    "object", "embed",    "style", "worker", ""};

static dj_str text(const char *s)
{
    return s == NULL ? DJ_NONE : dj_str_of(s);
}

static bool is(const char *value, const char *want)
{
    return value != NULL && strcmp(value, want) == 0;
}

/* The rule as spec sentences, each on its own: what holds for one site value. */
static dj_fetch_verdict expected(const char *site, const char *mode, const char *dest, bool get,
                                 bool same_site)
{
    if (site == NULL)
        return DJ_FETCH_UNKNOWN;
    if (is(site, "same-origin") || is(site, "none") || (same_site && is(site, "same-site")))
        return DJ_FETCH_ALLOWED;
    if (!get || !is(mode, "navigate") || is(dest, "object") || is(dest, "embed"))
        return DJ_FETCH_REFUSED;
    return DJ_FETCH_ALLOWED;
}

DJ_TEST(every_combination_is_decided_by_the_rule)
{
    size_t count[3] = {0};
    for (size_t s = 0; s < DJ_COUNT(sites); s++)
        for (size_t m = 0; m < DJ_COUNT(modes); m++)
            for (size_t d = 0; d < DJ_COUNT(dests); d++)
                for (int bits = 0; bits < 4; bits++) {
                    bool              get = bits & 1, same_site = bits & 2;
                    dj_fetch_metadata f = {.site = text(sites[s]),
                                           .mode = text(modes[m]),
                                           .dest = text(dests[d]),
                                           .get_or_head = get};
                    dj_fetch_verdict  got = dj_fetch_decide(&f, same_site);
                    if (got != expected(sites[s], modes[m], dests[d], get, same_site))
                        fail_msg("site %s mode %s dest %s get %d same_site %d: %d", sites[s],
                                 modes[m], dests[d], get, same_site, (int)got);
                    count[got]++;
                }
    assert_true(count[0] > 0 && count[1] > 0 && count[2] > 0);
}

/* Cases by name, written out: so that the table above does not only repeat the code. */
DJ_TEST(what_real_pages_do)
{
    static const struct {
        const char      *about, *site, *mode, *dest;
        bool             get;
        dj_fetch_verdict want;
    } cases[] = {
        {"address bar", "none", "navigate", "document", true, DJ_FETCH_ALLOWED},
        {"own form", "same-origin", "navigate", "document", false, DJ_FETCH_ALLOWED},
        {"own fetch()", "same-origin", "cors", "empty", false, DJ_FETCH_ALLOWED},
        {"link from elsewhere", "cross-site", "navigate", "document", true, DJ_FETCH_ALLOWED},
        {"form from elsewhere", "cross-site", "navigate", "document", false, DJ_FETCH_REFUSED},
        {"image from elsewhere", "cross-site", "no-cors", "image", true, DJ_FETCH_REFUSED},
        {"script from elsewhere", "cross-site", "no-cors", "script", true, DJ_FETCH_REFUSED},
        {"fetch() from elsewhere", "cross-site", "cors", "empty", true, DJ_FETCH_REFUSED},
        {"<object> from elsewhere", "cross-site", "navigate", "object", true, DJ_FETCH_REFUSED},
        {"<embed> from elsewhere", "cross-site", "navigate", "embed", true, DJ_FETCH_REFUSED},
        {"link from a sister host", "same-site", "navigate", "document", true, DJ_FETCH_ALLOWED},
        {"form from a sister host", "same-site", "navigate", "document", false, DJ_FETCH_REFUSED},
        {"curl, or plain HTTP on a LAN", NULL, NULL, NULL, false, DJ_FETCH_UNKNOWN},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        dj_fetch_metadata f = {.site = text(cases[i].site),
                               .mode = text(cases[i].mode),
                               .dest = text(cases[i].dest),
                               .get_or_head = cases[i].get};
        if (dj_fetch_decide(&f, false) != cases[i].want)
            fail_msg("%s", cases[i].about);
    }
}

DJ_TESTS(DJ_T(every_combination_is_decided_by_the_rule), DJ_T(what_real_pages_do))
