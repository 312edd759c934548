/* tests/compile_fail/secret_printed.c - a secret does not fit a printf of text. */
#include "donjon/secret.h"

dj_err probe(dj_scope *s, const dj_secret *key);
dj_err probe(dj_scope *s, const dj_secret *key)
{
#ifdef OK
    return dj_fail(s, DJ_ERR_IO, "key of %zu bytes", dj_secret_len(key));
#else
    return dj_fail(s, DJ_ERR_IO, "key " DJ_FMT, DJ_ARG(key));
#endif
}
