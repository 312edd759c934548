/* tests/compile_fail/fail_format_variable.c - the format of dj_fail is a literal: text from outside
 * never is one. */
#include "donjon/scope.h"

dj_err probe(dj_scope *s, const char *user);
dj_err probe(dj_scope *s, const char *user)
{
#ifdef OK
    return dj_fail(s, DJ_ERR_LIMIT, "%s", user);
#else
    return dj_fail(s, DJ_ERR_LIMIT, user);
#endif
}
