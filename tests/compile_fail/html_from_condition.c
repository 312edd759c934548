/* tests/compile_fail/html_from_condition.c - a conditional expression is no literal of HTML. */
#include "donjon/html.h"

dj_html probe(const char *user, int admin);
dj_html probe(const char *user, int admin)
{
    (void)user;
#ifdef OK
    return admin ? DJ_HTML("<b>") : DJ_HTML("</b>");
#else
    return DJ_HTML("<b>" ? user : "</b>");
#endif
}
