/* demo/layout.h - the frame that every page of the demo stands in. */
#pragma once
#include <donjon/donjon.h>

/* A page: head, style and navigation are there, content is added with put(), page_end() closes it.
 */
dj_response *page_begin(dj_req *req, int status, dj_html title);
dj_response *page_end(dj_response *resp);

/* Adds markup that is a literal or came out of the escaper; nothing else fits. */
static inline void put(dj_response *resp, dj_html piece)
{
    dj_page_add(resp, piece);
}
/* Adds text of any origin. */
void put_text(dj_req *req, dj_response *resp, dj_str text);
/* Adds a link to a static file between two pieces of markup; nothing if it was not collected. */
void put_static(dj_req *req, dj_response *resp, dj_html before, dj_str path, dj_html behind);
