/* src/middleware/csp_report.c - receives browsers' reports of CSP violations and puts them into the
 * security log.
 *
 * Anybody can send anything here, as often as he likes: a report is bounded in size, depth and
 * number, the same one is written once in ten minutes, and all together at most sixty a minute;
 * what was left out is counted. Addresses lose their query, which may hold secrets. CSP Level 3,
 * section 5; Reporting API. */
#include "donjon/crypto.h"
#include "donjon/json.h"
#include "donjon/time.h"
#include "middleware/middleware.h"

#define LOGGER           DJ_LIT("django.security.csp_report")
#define BODY_MAX         ((size_t)16 * 1024)
#define REPORTS_MAX      20 /* of one request */
#define TEXT_MAX         ((size_t)256)
#define SLOTS            256
#define SAME_MS          (10 * 60 * 1000)
#define MINUTE_MS        (60 * 1000)
#define RECORDS_A_MINUTE 60

typedef struct slot {
    uint64_t hash;
    int64_t  until_ms;
} slot;

/* Of one worker. The only state of a layer that changes: it decides about log records, never about
 * answers. */
struct dj_csp_reports {
    uint64_t key[2];
    slot     seen[SLOTS];
    int64_t  minute_start_ms;
    unsigned written;  /* in this minute */
    uint64_t left_out; /* since the last record */
};

typedef struct report {
    dj_str  directive, blocked, document, source, disposition;
    int64_t line;
} report;

dj_csp_reports *dj_csp_reports_new(dj_scope *s)
{
    dj_csp_reports *r = dj_new(s, dj_csp_reports);
    dj_random_bytes(r->key, sizeof r->key);
    return r;
}

/* -- one record for many reports -- */

/* Keyed, so that nobody can choose reports that hide others. */
static uint64_t mixed(uint64_t h, dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        h ^= (unsigned char)text.ptr[i];
        h *= 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    h ^= 0xFF;
    return h * 0xBF58476D1CE4E5B9u;
}

static uint64_t hash_of(const dj_csp_reports *r, const report *one)
{
    uint64_t h = mixed(r->key[0], one->directive);
    h = mixed(h, one->blocked);
    h = mixed(h, one->document);
    h = mixed(h, one->source) ^ (uint64_t)one->line;
    return mixed(h ^ r->key[1], one->disposition);
}

/* May this one be written? */
static bool is_fresh(dj_csp_reports *r, const report *one, int64_t now_ms)
{
    uint64_t h = hash_of(r, one);
    slot    *at = &r->seen[h % SLOTS];
    if (at->hash == h && now_ms < at->until_ms)
        return false;
    if (now_ms - r->minute_start_ms >= MINUTE_MS || now_ms < r->minute_start_ms) {
        r->minute_start_ms = now_ms;
        r->written = 0;
    }
    if (r->written >= RECORDS_A_MINUTE)
        return false;
    *at = (slot){h, now_ms + SAME_MS};
    r->written++;
    return true;
}

static void record(dj_req *req, dj_csp_reports *r, const report *one)
{
    if (!is_fresh(r, one, dj_monotonic_ms())) {
        r->left_out++;
        return;
    }
    dj_log_context context = {.status = 204,
                              .method = req->head->method_name,
                              .path = req->path,
                              .client = req->peer->address};
    dj_log(LOGGER, DJ_WARNING, &context,
           "CSP violation: directive=" DJ_FMT " blocked=" DJ_FMT " document=" DJ_FMT
           " source=" DJ_FMT ":%lld disposition=" DJ_FMT " (%llu reports left out)",
           DJ_ARG(one->directive), DJ_ARG(one->blocked), DJ_ARG(one->document), DJ_ARG(one->source),
           (long long)one->line, DJ_ARG(one->disposition), (unsigned long long)r->left_out);
    r->left_out = 0;
}

/* -- reading -- */

/* The first of two spellings, cut. */
static dj_str text_of(const dj_json_value *object, dj_str name, dj_str other)
{
    dj_str text = dj_json_get_str(object, name);
    if (dj_str_is_none(text))
        text = dj_json_get_str(object, other);
    return dj_str_is_none(text) ? DJ_LIT("-") : dj_str_first(text, TEXT_MAX);
}

static dj_str address_of(const dj_json_value *object, dj_str name, dj_str other)
{
    dj_str text = text_of(object, name, other);
    text = dj_str_first(text, dj_str_chr(text, '?'));
    return dj_str_first(text, dj_str_chr(text, '#'));
}

static report read_report(const dj_json_value *body)
{
    const dj_json_value *line = dj_json_get(body, DJ_LIT("line-number"));
    if (line == NULL)
        line = dj_json_get(body, DJ_LIT("lineNumber"));
    report one = {
        .directive = text_of(body, DJ_LIT("effective-directive"), DJ_LIT("effectiveDirective")),
        .blocked = address_of(body, DJ_LIT("blocked-uri"), DJ_LIT("blockedURL")),
        .document = address_of(body, DJ_LIT("document-uri"), DJ_LIT("documentURL")),
        .source = address_of(body, DJ_LIT("source-file"), DJ_LIT("sourceFile")),
        .disposition = text_of(body, DJ_LIT("disposition"), DJ_LIT("disposition")),
        .line = line != NULL && line->kind == DJ_JSON_INT ? line->integer : 0,
    };
    if (dj_str_eq(one.directive, DJ_LIT("-"))) /* older browsers */
        one.directive = text_of(body, DJ_LIT("violated-directive"), DJ_LIT("violatedDirective"));
    return one;
}

static bool read_one(dj_req *req, dj_csp_reports *r, const dj_json_value *body)
{
    if (body == NULL || body->kind != DJ_JSON_OBJECT)
        return false;
    report one = read_report(body);
    record(req, r, &one);
    return true;
}

/* application/reports+json: a list, in which reports of other kinds are passed over. */
static bool read_list(dj_req *req, dj_csp_reports *r, const dj_json_value *list)
{
    if (list->kind != DJ_JSON_ARRAY)
        return false;
    for (size_t i = 0; i < list->array.len && i < REPORTS_MAX; i++) {
        const dj_json_value *item = &list->array.items[i];
        if (dj_str_eq(dj_json_get_str(item, DJ_LIT("type")), DJ_LIT("csp-violation")) &&
            !read_one(req, r, dj_json_get(item, DJ_LIT("body"))))
            return false;
    }
    return true;
}

/* -- the answer -- */

static dj_response *answer(dj_req *req, int status)
{
    dj_response *resp = dj_respond(req, status);
    dj_header_remove(resp, DJ_LIT("Content-Type"));
    return resp;
}

static dj_str media_type(const dj_req *req)
{
    dj_str type = dj_head_field(req->head, DJ_FIELD_CONTENT_TYPE);
    return dj_str_trim(dj_str_first(type, dj_str_chr(type, ';')));
}

dj_response *dj_csp_report_receive(dj_req *req, dj_csp_reports *reports)
{
    static const dj_json_limits limits = {.bytes = BODY_MAX, .depth = 8, .nodes = 1000};
    const dj_json_value        *json;
    if (req->head->method != DJ_POST)
        return dj_method_not_allowed(req, DJ_POST);
    dj_str type = media_type(req);
    bool   list = dj_str_eq_nocase(type, DJ_LIT("application/reports+json"));
    if (!list && !dj_str_eq_nocase(type, DJ_LIT("application/csp-report")))
        return answer(req, 415);
    if (req->body.len > BODY_MAX)
        return answer(req, 413);
    if (dj_json_parse(req->scope, req->body, &limits, &json))
        return answer(req, 400);
    bool good = list ? read_list(req, reports, json)
                     : read_one(req, reports, dj_json_get(json, DJ_LIT("csp-report")));
    return answer(req, good ? 204 : 400);
}
