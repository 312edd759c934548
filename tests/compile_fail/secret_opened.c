/* tests/compile_fail/secret_opened.c - the inside of a secret is not to be seen. */
#include "donjon/secret.h"

size_t probe(const dj_secret *key);
size_t probe(const dj_secret *key)
{
#ifdef OK
    return dj_secret_len(key);
#else
    return key->len;
#endif
}
