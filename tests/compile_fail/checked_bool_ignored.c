/* tests/compile_fail/checked_bool_ignored.c - the result of a comparison of secrets must not be
 * ignored. */
#include "donjon/secret.h"

bool probe(const dj_secret *key, dj_str got);
bool probe(const dj_secret *key, dj_str got)
{
#ifdef OK
    return dj_secret_equal(key, got);
#else
    dj_secret_equal(key, got);
    return true;
#endif
}
