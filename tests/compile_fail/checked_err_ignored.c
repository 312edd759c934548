/* tests/compile_fail/checked_err_ignored.c - an error code must not be ignored. */
#include "donjon/secret.h"

void probe(dj_scope *s);
void probe(dj_scope *s)
{
    const dj_secret *key = NULL;
#ifdef OK
    if (dj_secret_from_env(s, "KEY", &key) != DJ_OK)
        dj_failure_clear(s);
#else
    dj_secret_from_env(s, "KEY", &key);
#endif
}
