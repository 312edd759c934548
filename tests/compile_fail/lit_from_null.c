/* tests/compile_fail/lit_from_null.c - NULL is no text; an absent value is DJ_NONE. */
#include "donjon/str.h"

dj_str probe(void);
dj_str probe(void)
{
#ifdef OK
    return DJ_NONE;
#else
    return DJ_LIT(NULL);
#endif
}
