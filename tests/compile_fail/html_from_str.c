/* tests/compile_fail/html_from_str.c - a dj_str does not turn into dj_html by itself. */
#include "donjon/html.h"

dj_html probe(dj_scope *s, dj_str user);
dj_html probe(dj_scope *s, dj_str user)
{
    (void)s;
#ifdef OK
    return dj_html_escape(s, user);
#else
    return user;
#endif
}
