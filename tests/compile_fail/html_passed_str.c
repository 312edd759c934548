/* tests/compile_fail/html_passed_str.c - dj_buf_add_html takes dj_html, not a dj_str. */
#include "donjon/html.h"

void probe(dj_buf *b, dj_str user);
void probe(dj_buf *b, dj_str user)
{
#ifdef OK
    dj_buf_add_escaped(b, user);
#else
    dj_buf_add_html(b, user);
#endif
}
