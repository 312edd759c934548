/* tests/compile_fail/nonnull_null.c - NULL where a pointer is promised. */
#include "donjon/scope.h"

const char *probe(dj_scope *s);
const char *probe(dj_scope *s)
{
    (void)s;
#ifdef OK
    return dj_cstr(s, DJ_LIT("x"));
#else
    return dj_cstr(NULL, DJ_LIT("x"));
#endif
}
