/* tools/conformance/site_case.h - what the runners of whole sites share: settings, requests,
 * records from JSON. */
#pragma once
#include "conformance.h"
#include "app/app.h"

/* Sets one setting by name. False: no such setting, or not its type. */
bool js_setting(run *r, dj_settings *settings, const char *name, const json_t *value);
/* A Python value of JSON; {"set": [...]} and {"tuple": [...]} are those. */
dj_value *js_value(run *r, const json_t *value);

/* The vectors' request: {"method", "target", "secure", "host", "headers", "body_b64"}. */
dj_req *js_request(run *r, const json_t *request);

/* Records written from here on; compared with the case's list (absent: none). */
void case_log_start(run *r);
void case_log_compare(run *r, const json_t *expected);

/* The whole body, a streamed one read to its end. */
dj_str case_body(run *r, dj_response *resp);
