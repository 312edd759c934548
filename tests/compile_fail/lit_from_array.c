/* tests/compile_fail/lit_from_array.c - a char array is no literal either. */
#include "donjon/str.h"

dj_str probe(void);
dj_str probe(void)
{
    static char filled[] = "x";
    (void)filled;
#ifdef OK
    return DJ_LIT("x");
#else
    return DJ_LIT(filled);
#endif
}
