/* src/middleware/middleware.h - what the layers share with each other.
 *
 * A layer is glue: policy/ decides, http/ writes the line. All that does not change from request to
 * request is made in init, so that a request costs a look at a bit and a copy. */
#pragma once
#include "app/app.h"
#include "donjon/builtin.h"
#include "donjon/policy.h"

/* Adds a prepared header unless the answer has one of that name. A line that is DJ_NONE is never
 * added. */
static inline void dj_layer_add(dj_response *resp, const dj_header *h)
{
    if (h->line.len > 0 && !dj_header_seen(resp, h->id))
        dj_header_add_line(resp, h->id, h->name_len, h->line);
}
/* Prepares it; a value that is DJ_NONE or empty gives no header. DJ_ERR_SETTINGS if it can't be
 * sent. */
DJ_CHECKED dj_err dj_layer_header(dj_scope *s, dj_str name, dj_str value, dj_header *out);

/* -- reports of CSP violations: csp_report.c -- */

typedef struct dj_csp_reports dj_csp_reports;
dj_csp_reports               *dj_csp_reports_new(dj_scope *s);
DJ_RETURNS dj_response       *dj_csp_report_receive(dj_req *req, dj_csp_reports *reports);
