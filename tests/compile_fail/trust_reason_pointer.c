/* tests/compile_fail/trust_reason_pointer.c - dj_html_trust wants its reason as a dj_str made by
 * DJ_LIT, not a pointer. */
#include "donjon/html.h"

dj_html probe(dj_str text);
dj_html probe(dj_str text)
{
#ifdef OK
    return dj_html_trust(text, DJ_LIT("because"));
#else
    return dj_html_trust(text, "because");
#endif
}
