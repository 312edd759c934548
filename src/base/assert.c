/* src/base/assert.c - the end of a process whose invariant broke. Must not know: what the invariant
 * was about. */
#include "donjon/attr.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void dj_assert_failed(const char *expr, const char *file, int line)
{
    char text[512];
    int  n = snprintf(text, sizeof text, "donjon: %s:%d: invariant broken: %s\n", file, line, expr);
    if (n > 0) {
        size_t  len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
        ssize_t done = write(STDERR_FILENO, text, len);
        (void)done; /* nothing is left to do if even that fails */
    }
    abort();
}
