/* tools/conformance/site_case.c - settings, requests and records of the runners that drive whole
 * sites. */
#include "site_case.h"
#include <ctype.h>
#include <unistd.h>

/* -- settings -- */

dj_value *js_value(run *r, const json_t *json)
{
    dj_value *v = dj_new(r->scope, dj_value);
    switch (json_typeof(json)) {
    case JSON_NULL:
        v->kind = DJ_V_NONE;
        return v;
    case JSON_TRUE:
    case JSON_FALSE:
        v->kind = DJ_V_BOOL;
        v->boolean = json_is_true(json);
        return v;
    case JSON_INTEGER:
        v->kind = DJ_V_INT;
        v->integer = json_integer_value(json);
        return v;
    case JSON_REAL:
        v->kind = DJ_V_FLOAT;
        v->number = json_real_value(json);
        return v;
    case JSON_STRING:
        v->kind = DJ_V_STR;
        v->str = js_text(json);
        return v;
    case JSON_ARRAY:
        v->kind = DJ_V_LIST;
        break;
    case JSON_OBJECT:
        v->kind = json_object_get(json, "set") != NULL     ? DJ_V_SET
                  : json_object_get(json, "tuple") != NULL ? DJ_V_TUPLE
                                                           : DJ_V_DICT;
        break;
    }
    if (v->kind == DJ_V_DICT) {
        const char *name;
        json_t     *item;
        v->dict.pairs = dj_alloc_array(r->scope, json_object_size(json), sizeof *v->dict.pairs);
        json_object_foreach((json_t *)(uintptr_t)json, name, item)
        {
            dj_value *key = dj_new(r->scope, dj_value);
            key->kind = DJ_V_STR;
            key->str = dj_str_of(name);
            v->dict.pairs[v->dict.len++] = (dj_value_pair){.key = key, .value = js_value(r, item)};
        }
        return v;
    }
    if (v->kind != DJ_V_LIST)
        json = json_object_get(json, v->kind == DJ_V_SET ? "set" : "tuple");
    v->seq.len = json_array_size(json);
    v->seq.items = dj_alloc_array(r->scope, v->seq.len, sizeof *v->seq.items);
    for (size_t i = 0; i < v->seq.len; i++)
        v->seq.items[i] = js_value(r, json_array_get(json, i));
    return v;
}

static bool put_bool(run *r, bool *field, const json_t *v)
{
    *field = json_is_true(v);
    return json_is_boolean(v);
}

static bool put_int(run *r, int64_t *field, const json_t *v)
{
    *field = json_integer_value(v);
    return json_is_integer(v);
}

static bool put_opt_int(run *r, int64_t *field, const json_t *v)
{
    *field = json_is_null(v) ? -1 : json_integer_value(v);
    return json_is_integer(v) || json_is_null(v);
}

static bool put_str(run *r, dj_str *field, const json_t *v)
{
    *field = js_text(v);
    return json_is_string(v);
}

static bool put_opt_str(run *r, dj_str *field, const json_t *v)
{
    *field = js_text(v);
    return json_is_string(v) || json_is_null(v);
}

static bool put_str_list(run *r, dj_str_list *field, const json_t *v)
{
    dj_str *items = dj_alloc_array(r->scope, json_array_size(v), sizeof *items);
    for (size_t i = 0; i < json_array_size(v); i++)
        items[i] = js_text(json_array_get(v, i));
    *field = (dj_str_list){items, json_array_size(v)};
    return json_is_array(v);
}

static bool put_value(run *r, const dj_value **field, const json_t *v)
{
    *field = js_value(r, v);
    return true;
}

bool js_setting(run *r, dj_settings *settings, const char *name, const json_t *value)
{
#define DJ_SETTING(type, field, def, warn_if, with, check, help)                                   \
    if (strcmp(name, #field) == 0)                                                                 \
        return put_##type(r, &settings->field, value);
#include "settings.def"
#undef DJ_SETTING
    /* Every type has a reader, used or not. */
    (void)put_opt_int;
    return false;
}

/* -- requests -- */

static const struct {
    dj_str    name;
    dj_method method;
} methods[] = {
    {DJ_STR_INIT("GET"), DJ_GET},         {DJ_STR_INIT("HEAD"), DJ_HEAD},
    {DJ_STR_INIT("POST"), DJ_POST},       {DJ_STR_INIT("PUT"), DJ_PUT},
    {DJ_STR_INIT("PATCH"), DJ_PATCH},     {DJ_STR_INIT("DELETE"), DJ_DELETE},
    {DJ_STR_INIT("OPTIONS"), DJ_OPTIONS},
};

static const struct {
    dj_str      name;
    dj_field_id id;
} fields[] = {
    {DJ_STR_INIT("Connection"), DJ_FIELD_CONNECTION},
    {DJ_STR_INIT("Content-Length"), DJ_FIELD_CONTENT_LENGTH},
    {DJ_STR_INIT("Content-Type"), DJ_FIELD_CONTENT_TYPE},
    {DJ_STR_INIT("User-Agent"), DJ_FIELD_USER_AGENT},
    {DJ_STR_INIT("Cookie"), DJ_FIELD_COOKIE},
    {DJ_STR_INIT("Origin"), DJ_FIELD_ORIGIN},
    {DJ_STR_INIT("Authorization"), DJ_FIELD_AUTHORIZATION},
    {DJ_STR_INIT("X-Forwarded-Host"), DJ_FIELD_X_FORWARDED_HOST},
    {DJ_STR_INIT("X-Forwarded-Port"), DJ_FIELD_X_FORWARDED_PORT},
    {DJ_STR_INIT("X-Forwarded-Proto"), DJ_FIELD_X_FORWARDED_PROTO},
};

static void add_field(dj_head *head, dj_field_id id, dj_str name, dj_str value)
{
    for (size_t i = 0; i < DJ_COUNT(fields); i++)
        id = dj_str_eq_nocase(fields[i].name, name) ? fields[i].id : id;
    if (head->nfields == DJ_HTTP_FIELDS_MAX)
        return;
    head->fields[head->nfields++] = (dj_field){.name = name, .value = value, .id = id};
    head->seen |= 1u << id;
}

/* The head as the server's reader leaves it. Built by hand: some of the vectors' methods and
 * targets never get through that reader. */
dj_req *js_request(run *r, const json_t *request)
{
    dj_head *head = dj_new(r->scope, dj_head);
    dj_peer *peer = dj_new(r->scope, dj_peer);
    dj_str   target = js_latin1(r, js_str(request, "target"));
    size_t   mark = dj_str_chr(target, '?');
    bool     secure = js_bool(request, "secure");
    /* WSGI has methods in capitals only. */
    head->method_name = dj_str_upper(r->scope, js_str(request, "method"));
    for (size_t i = 0; i < DJ_COUNT(methods); i++) {
        if (dj_str_eq(methods[i].name, head->method_name))
            head->method = methods[i].method;
    }
    head->target = target;
    head->minor = 1;
    head->has_query = mark != DJ_NOT_FOUND;
    head->path = head->has_query ? dj_str_first(target, mark) : target;
    head->query = head->has_query ? dj_str_from(target, mark + 1) : DJ_LIT("");
    head->host = js_latin1(r, js_str(request, "host"));
    if (!dj_str_is_none(head->host))
        add_field(head, DJ_FIELD_HOST, DJ_LIT("Host"), head->host);
    const json_t *list = json_object_get(request, "headers");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i);
        add_field(head, DJ_FIELD_OTHER, js_text(json_array_get(pair, 0)),
                  js_latin1(r, js_text(json_array_get(pair, 1))));
    }
    dj_str body = js_base64(r, js_str(request, "body_b64"));
    head->content_length = body.len;
    *peer = (dj_peer){.address = DJ_LIT("127.0.0.1"),
                      .tls = secure,
                      .loopback = true,
                      .server_name = DJ_LIT("testserver")};
    peer->port = secure ? 443 : 80;
    return dj_req_new(r->scope, head, peer, body);
}

dj_str case_body(run *r, dj_response *resp)
{
    dj_buf b = dj_buf_make(r->scope, (size_t)1024 * 1024);
    dj_str piece;
    for (size_t i = 0; i < resp->npieces; i++)
        dj_buf_add(&b, resp->pieces[i]);
    if (resp->file_len > 0) {
        char   *bytes = dj_alloc(r->scope, (size_t)resp->file_len);
        ssize_t n = pread(resp->file_fd, bytes, (size_t)resp->file_len, (off_t)resp->file_from);
        dj_buf_add(&b, dj_str_n(bytes, n < 0 ? 0 : (size_t)n));
    }
    while (resp->stream != NULL && !b.full && resp->stream(resp->req, resp->stream_ctx, &piece))
        dj_buf_add(&b, piece);
    return dj_buf_str(&b);
}

/* -- records -- */

#define RECORDS_MAX 16

typedef struct kept {
    dj_str   logger, message;
    dj_level level;
    int      status;
} kept;

static kept   records[RECORDS_MAX];
static size_t nrecords;

static void keep(const dj_log_record *record, void *ctx)
{
    dj_scope *s = ctx;
    if (nrecords == RECORDS_MAX)
        return;
    records[nrecords++] = (kept){
        .logger = dj_str_dup(s, record->logger),
        .message = dj_str_dup(s, record->message),
        .level = record->level,
        .status = record->context == NULL ? 0 : record->context->status,
    };
}

void case_log_start(run *r)
{
    nrecords = 0;
    dj_log_capture(keep, r->scope);
}

void case_log_compare(run *r, const json_t *expected)
{
    dj_log_capture(NULL, NULL);
    case_expect_int(r, "records", (int64_t)json_array_size(expected), (int64_t)nrecords);
    for (size_t i = 0; i < nrecords && i < json_array_size(expected); i++) {
        const json_t *want = json_array_get(expected, i);
        case_expect_str(r, "logger", js_str(want, "logger"), records[i].logger);
        case_expect_str(r, "level", js_str(want, "level"), dj_level_name(records[i].level));
        case_expect_str(r, "message", js_str(want, "message"), records[i].message);
        case_expect_int(r, "status of the record", js_int(want, "status_code"), records[i].status);
        if (dj_str_chr(records[i].message, '\n') != DJ_NOT_FOUND ||
            dj_str_chr(records[i].message, '\r') != DJ_NOT_FOUND)
            case_fail(r, "a record with a line end");
    }
}
