/* src/base/map.c - an ordered hash map with a keyed hash: entries in a row, an open-addressing
 * index beside. */
#include "donjon/map.h"
#include <pthread.h>
#include <sys/random.h>

static uint64_t       key[2];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
        dj_assert_failed("getrandom", __FILE__, __LINE__);
}

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

#define ROUND                                                                                      \
    do {                                                                                           \
        v0 += v1;                                                                                  \
        v1 = rotl(v1, 13);                                                                         \
        v1 ^= v0;                                                                                  \
        v0 = rotl(v0, 32);                                                                         \
        v2 += v3;                                                                                  \
        v3 = rotl(v3, 16);                                                                         \
        v3 ^= v2;                                                                                  \
        v0 += v3;                                                                                  \
        v3 = rotl(v3, 21);                                                                         \
        v3 ^= v0;                                                                                  \
        v2 += v1;                                                                                  \
        v1 = rotl(v1, 17);                                                                         \
        v1 ^= v2;                                                                                  \
        v2 = rotl(v2, 32);                                                                         \
    } while (0)

/* SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"). */
static uint64_t hash_of(dj_str text)
{
    pthread_once(&key_once, make_key);
    uint64_t v0 = 0x736f6d6570736575u ^ key[0], v1 = 0x646f72616e646f6du ^ key[1];
    uint64_t v2 = 0x6c7967656e657261u ^ key[0], v3 = 0x7465646279746573u ^ key[1];
    size_t   i = 0;
    for (; i + 8 <= text.len; i += 8) {
        uint64_t word = 0;
        memcpy(&word, text.ptr + i, 8);
        v3 ^= word;
        ROUND;
        v0 ^= word;
    }
    uint64_t last = (uint64_t)text.len << 56;
    for (size_t shift = 0; i < text.len; i++, shift += 8)
        last |= (uint64_t)(unsigned char)text.ptr[i] << shift;
    v3 ^= last;
    ROUND;
    v0 ^= last;
    v2 ^= 0xFF;
    ROUND;
    ROUND;
    ROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}

/* The slot that holds `text`, or the empty one where it belongs. */
static size_t slot_of(const dj_map *m, dj_str text, uint64_t hash)
{
    size_t slot = (size_t)hash & (m->nslots - 1);
    for (; m->slots[slot] != 0; slot = (slot + 1) & (m->nslots - 1)) {
        const dj_map_entry *e = &m->entries[m->slots[slot] - 1];
        if (e->hash == hash && dj_str_eq(e->key, text))
            break;
    }
    return slot;
}

static void grow(dj_map *m)
{
    size_t cap = m->cap == 0 ? 8 : m->cap * 2;
    DJ_ASSERT(cap < UINT32_MAX / 2);
    m->entries =
        dj_realloc(m->scope, m->entries, m->cap * sizeof *m->entries, cap * sizeof *m->entries);
    m->cap = cap;
    m->nslots = cap * 2; /* at most half full */
    m->slots = dj_new_array(m->scope, uint32_t, m->nslots);
    for (size_t i = 0; i < m->len; i++)
        m->slots[slot_of(m, m->entries[i].key, m->entries[i].hash)] = (uint32_t)i + 1;
}

void dj_map_set(dj_map *m, dj_str text, void *value)
{
    uint64_t hash = hash_of(text);
    if (m->len == m->cap)
        grow(m);
    size_t slot = slot_of(m, text, hash);
    if (m->slots[slot] != 0) {
        m->entries[m->slots[slot] - 1].value = value;
        return;
    }
    m->entries[m->len++] = (dj_map_entry){.key = text, .value = value, .hash = hash};
    m->slots[slot] = (uint32_t)m->len;
}

static const dj_map_entry *find(const dj_map *m, dj_str text)
{
    if (m->len == 0)
        return NULL;
    size_t slot = slot_of(m, text, hash_of(text));
    return m->slots[slot] == 0 ? NULL : &m->entries[m->slots[slot] - 1];
}

void *dj_map_get(const dj_map *m, dj_str text)
{
    const dj_map_entry *e = find(m, text);
    return e == NULL ? NULL : e->value;
}

bool dj_map_has(const dj_map *m, dj_str text)
{
    return find(m, text) != NULL;
}
