/* tests/compile_fail/lit_from_pointer.c - DJ_LIT takes a string literal, not a pointer that a
 * client may have filled. */
#include "donjon/str.h"

dj_str probe(const char *user);
dj_str probe(const char *user)
{
    (void)user;
#ifdef OK
    return DJ_LIT("user");
#else
    return DJ_LIT(user);
#endif
}
