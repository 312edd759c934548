/* src/app/forms.c - bodies as views ask for them: http/ reads, the limits are the settings'.
 *
 * Must not know: how a body is read, who asks. */
#include "app/app.h"
#include "donjon/forms.h"

#define JSON_DEPTH_MAX  64
#define JSON_VALUES_MAX 100000

static dj_form_limits limits_of(const dj_settings *settings, struct dj_loop *loop)
{
    return (dj_form_limits){
        .memory = settings->DATA_UPLOAD_MAX_MEMORY_SIZE,
        .fields = settings->DATA_UPLOAD_MAX_NUMBER_FIELDS,
        .files = settings->DATA_UPLOAD_MAX_NUMBER_FILES,
        .files_memory = settings->FILE_UPLOAD_MAX_MEMORY_SIZE < 0
                            ? 0
                            : (uint64_t)settings->FILE_UPLOAD_MAX_MEMORY_SIZE,
        .temp_dir = settings->FILE_UPLOAD_TEMP_DIR,
        .loop = loop,
    };
}

dj_err dj_form_parse(dj_req *req, const dj_form **form)
{
    /* What a form keeps on disk asks them for as long as it lives. */
    dj_form_limits *limits = dj_new(req->scope, dj_form_limits);
    *limits = limits_of(req->site->settings, req->loop);
    return dj_form_read(req, limits, form);
}

dj_err dj_site_body(dj_req *req, dj_str bytes, bool last, void *site)
{
    const struct dj_site *here = site;
    if (req->peer->redirect_only)
        return DJ_OK; /* nobody will ask */
    const dj_form_limits limits = limits_of(here->settings, req->loop);
    return last ? dj_intake_end(req) : dj_intake_take(req, &limits, bytes);
}

dj_err dj_json_body(dj_req *req, const dj_json_value **value)
{
    dj_scope            *s = req->scope;
    int64_t              max = req->site->settings->DATA_UPLOAD_MAX_MEMORY_SIZE;
    const dj_json_limits limits = {
        .bytes = SIZE_MAX, .depth = JSON_DEPTH_MAX, .nodes = JSON_VALUES_MAX};
    if (max >= 0 && req->body.len > (uint64_t)max)
        return dj_fail(s, DJ_ERR_DATA_TOO_BIG,
                       "Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE.");
    if (dj_json_parse(s, req->body, &limits, value) != DJ_OK)
        return dj_fail(s, DJ_ERR_BAD_REQUEST, "The body is no JSON that is read here");
    return DJ_OK;
}
