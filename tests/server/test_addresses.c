/* tests/server/test_addresses.c - counting connections per address. */
#include "test.h"
#include "server/server.h"

static void key_of(unsigned char key[16], unsigned n)
{
    memset(key, 0, 16);
    memcpy(key + 12, &n, 4);
}

DJ_TEST(an_address_has_its_limit_and_others_theirs)
{
    dj_addresses *a = dj_addresses_new(c->scope, 100);
    unsigned char one[16], two[16];
    key_of(one, 1);
    key_of(two, 2);
    assert_true(dj_addresses_enter(a, one, 2));
    assert_true(dj_addresses_enter(a, one, 2));
    assert_false(dj_addresses_enter(a, one, 2));
    assert_true(dj_addresses_enter(a, two, 2));
    dj_addresses_leave(a, one);
    assert_true(dj_addresses_enter(a, one, 2));
}

/* Against a plain array, so that closing gaps can't lose or double a count. */
DJ_TEST(counts_survive_many_comings_and_goings)
{
    enum { ADDRESSES = 400, LIMIT = 5, STEPS = 200000 };
    dj_addresses *a = dj_addresses_new(c->scope, 1000);
    unsigned      counts[ADDRESSES] = {0}, seed = 12345;
    for (int i = 0; i < STEPS; i++) {
        seed = seed * 1103515245u + 12345u;
        unsigned      n = seed >> 16 & 0x1FF;
        unsigned char key[16];
        if (n >= ADDRESSES)
            continue;
        key_of(key, n);
        if ((seed & 0x8000u) != 0 && counts[n] > 0) {
            dj_addresses_leave(a, key);
            counts[n]--;
        } else {
            assert_int_equal(dj_addresses_enter(a, key, LIMIT), counts[n] < LIMIT);
            counts[n] += counts[n] < LIMIT;
        }
    }
}

DJ_TESTS(DJ_T(an_address_has_its_limit_and_others_theirs),
         DJ_T(counts_survive_many_comings_and_goings))
