/* tests/compile_fail/fail_format.c - dj_fail is checked as printf is. */
#include "donjon/scope.h"

dj_err probe(dj_scope *s, size_t len);
dj_err probe(dj_scope *s, size_t len)
{
#ifdef OK
    return dj_fail(s, DJ_ERR_LIMIT, "%zu bytes", len);
#else
    return dj_fail(s, DJ_ERR_LIMIT, "%s bytes", len);
#endif
}
