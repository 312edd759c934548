/* tests/compile_fail/lit_from_condition.c - a conditional expression is no literal: "" "x" ? user :
 * "y" would slip through a plain paste. */
#include "donjon/str.h"

dj_str probe(const char *user);
dj_str probe(const char *user)
{
    (void)user;
#ifdef OK
    return DJ_LIT("x"
                  "y");
#else
    return DJ_LIT("x" ? user : "y");
#endif
}
