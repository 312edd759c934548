/* tests/compile_fail/var_html_of_str.c - text is no HTML for a template either. */
#include "donjon/context.h"

dj_var probe(dj_str user);
dj_var probe(dj_str user)
{
#ifdef OK
    return dj_var_str(user);
#else
    return dj_var_html(user);
#endif
}
