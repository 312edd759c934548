/* include/donjon/map.h - text to pointer, in order of first insertion.
 *
 * Keys are borrowed: they must live as long as the map's scope. Hashing is keyed per process
 * (SipHash-1-3), so a client can't choose colliding names. */
#pragma once
#include "donjon/scope.h"

DJ_BEGIN_DECLS

typedef struct dj_map_entry {
    dj_str   key;
    void    *value;
    uint64_t hash;
} dj_map_entry;

typedef struct dj_map {
    dj_scope     *scope;
    dj_map_entry *entries; /* in order; read with a loop from 0 to len */
    size_t        len, cap;
    uint32_t     *slots; /* index + 1 into entries */
    size_t        nslots;
} dj_map;

static inline dj_map dj_map_make(dj_scope *s)
{
    return (dj_map){.scope = s};
}
/* A second set replaces the value and keeps the place. */
void dj_map_set(dj_map *m, dj_str key, void *value) __attribute__((nonnull(1)));
/* NULL if absent. */
DJ_NONNULL void *dj_map_get(const dj_map *m, dj_str key);
DJ_NONNULL bool  dj_map_has(const dj_map *m, dj_str key);

DJ_END_DECLS
