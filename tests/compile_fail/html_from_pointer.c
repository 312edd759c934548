/* tests/compile_fail/html_from_pointer.c - DJ_HTML takes a literal: text from elsewhere goes
 * through the escaper. */
#include "donjon/html.h"

dj_html probe(dj_scope *s, const char *user);
dj_html probe(dj_scope *s, const char *user)
{
    (void)s;
#ifdef OK
    return dj_html_escape(s, dj_str_of(user));
#else
    return DJ_HTML(user);
#endif
}
