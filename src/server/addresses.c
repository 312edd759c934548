/* src/server/addresses.c - how many connections each client address holds.
 *
 * Open addressing in a table that is made once for the most connections there can be, at most half
 * full. Must not know: sockets. */
#include "server/server.h"
#include <sys/random.h>

typedef struct slot {
    unsigned char key[16];
    unsigned      count; /* 0: empty */
} slot;

struct dj_addresses {
    slot    *slots;
    size_t   mask;
    uint64_t seed;
};

dj_addresses *dj_addresses_new(dj_scope *s, unsigned connections)
{
    dj_addresses *a = dj_new(s, dj_addresses);
    size_t        n = 64;
    while (n < (size_t)connections * 2)
        n *= 2;
    a->slots = dj_new_array(s, slot, n);
    a->mask = n - 1;
    /* Keyed, so that a client with many addresses (an IPv6 /64) can't make them collide. */
    if (getrandom(&a->seed, sizeof a->seed, 0) != (ssize_t)sizeof a->seed)
        a->seed = (uint64_t)(uintptr_t)a;
    return a;
}

static size_t home_of(const dj_addresses *a, const unsigned char key[16])
{
    uint64_t high = 0, low = 0;
    memcpy(&high, key, 8);
    memcpy(&low, key + 8, 8);
    unsigned __int128 product = (unsigned __int128)(high ^ a->seed) * (low ^ (a->seed << 1 | 1));
    return (size_t)((uint64_t)(product >> 64) ^ (uint64_t)product) & a->mask;
}

static size_t find(const dj_addresses *a, const unsigned char key[16])
{
    size_t i = home_of(a, key);
    while (a->slots[i].count != 0 && memcmp(a->slots[i].key, key, 16) != 0)
        i = (i + 1) & a->mask;
    return i;
}

bool dj_addresses_enter(dj_addresses *a, const unsigned char key[16], unsigned limit)
{
    slot *s = &a->slots[find(a, key)];
    if (s->count >= limit)
        return false;
    memcpy(s->key, key, 16);
    s->count++;
    return true;
}

void dj_addresses_leave(dj_addresses *a, const unsigned char key[16])
{
    size_t hole = find(a, key);
    DJ_ASSERT(a->slots[hole].count > 0);
    if (--a->slots[hole].count > 0)
        return;
    /* Close the gap: whoever was pushed past the hole by it moves back. */
    for (size_t i = (hole + 1) & a->mask; a->slots[i].count != 0; i = (i + 1) & a->mask) {
        size_t from_home = (i - home_of(a, a->slots[i].key)) & a->mask;
        size_t from_hole = (i - hole) & a->mask;
        if (from_home >= from_hole) {
            a->slots[hole] = a->slots[i];
            a->slots[i].count = 0;
            hole = i;
        }
    }
}
