/* tests/compile_fail/banned_atoi.c - atoi has no safe use here: src/base/banned.h. */
#include "donjon/str.h"

void probe(char *to, const char *from, size_t n);
void probe(char *to, const char *from, size_t n)
{
    (void)from;
#ifdef OK
    if (n > 0)
        to[0] = (char)0;
#else
    (void)n, to[0] = (char)atoi(from);
#endif
}
