/* tests/compile_fail/secret_as_str.c - a secret has no view as text. */
#include "donjon/secret.h"

dj_str probe(dj_scope *s, const dj_secret *key);
dj_str probe(dj_scope *s, const dj_secret *key)
{
    (void)s;
#ifdef OK
    return dj_str_dup(s, dj_secret_reveal(key));
#else
    return dj_str_dup(s, key);
#endif
}
