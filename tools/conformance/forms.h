/* tools/conformance/forms.h - a request with a form in its body: shared by the runners that have
 * such cases. */
#pragma once
#include "site_case.h"
#include "donjon/forms.h"

/* {"method", "content_type", "content_length", "body_b64", "settings", "expect"} against a view
 * that reads POST and FILES. */
void form_case(run *r, const json_t *c);
/* That view: JSON of POST and FILES. */
dj_response *form_view(dj_req *req);
