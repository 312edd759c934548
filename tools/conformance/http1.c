/* tools/conformance/http1.c - http.http1: bytes on one connection -> the requests handed on, and
 * how it ends.
 *
 * Each case runs whole, byte by byte and cut at random places; all must agree. The buffer moves
 * with every piece and is exactly as long as what has arrived, so that a sanitizer sees any read
 * beyond it. */
#include "conformance.h"
#include "http/http.h"

typedef struct conversation {
    dj_http_limits limits;
    dj_http1       parser;
    dj_http1_body  body;
    dj_head        head;
    char          *input; /* not consumed yet */
    size_t         input_len;
    char          *head_bytes;
    dj_buf         data; /* of the body */
    bool           in_body;
    json_t        *requests;
    const char    *action; /* how it ended, or NULL */
    dj_refusal     refusal;
} conversation;

static json_t *text_of(run *r, dj_str latin1)
{
    char  *out = dj_alloc_raw(r->scope, latin1.len * 2 + 1);
    size_t n = 0;
    for (size_t i = 0; i < latin1.len; i++)
        n += dj_utf8_put(out + n, (unsigned char)latin1.ptr[i]);
    return json_stringn(out, n);
}

static json_t *base64_of(run *r, dj_str s)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char  *out = dj_alloc_raw(r->scope, s.len / 3 * 4 + 5);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i += 3) {
        unsigned three = 0;
        for (size_t k = 0; k < 3; k++)
            three = three << 8 | (i + k < s.len ? (unsigned char)s.ptr[i + k] : 0u);
        for (size_t k = 0; k < 4; k++)
            out[n++] = i + k > s.len ? '=' : alphabet[three >> (18 - 6 * k) & 63];
    }
    return json_stringn(out, n);
}

/* A request in the form of a verdict. */
static void hand_on(run *r, conversation *c)
{
    static const char *const forms[] = {"origin", "absolute", "asterisk"};
    const dj_head           *head = &c->head;
    json_t                  *request = json_object(), *headers = json_array();
    for (size_t i = 0; i < head->nfields; i++) {
        json_t *pair = json_array();
        json_array_append_new(pair, text_of(r, dj_str_lower(r->scope, head->fields[i].name)));
        json_array_append_new(pair, text_of(r, head->fields[i].value));
        json_array_append_new(headers, pair);
    }
    json_object_set_new(request, "method", text_of(r, head->method_name));
    json_object_set_new(request, "target", text_of(r, head->target));
    json_object_set_new(request, "form", json_string(forms[head->form]));
    json_object_set_new(request, "path", text_of(r, head->path));
    json_object_set_new(request, "query", text_of(r, head->query));
    json_object_set_new(request, "version", json_string(head->minor == 0 ? "1.0" : "1.1"));
    json_object_set_new(request, "host", text_of(r, head->host));
    json_object_set_new(request, "headers", headers);
    json_object_set_new(request, "body_b64", base64_of(r, dj_buf_str(&c->data)));
    json_object_set_new(request, "keep_alive", json_boolean(head->keep_alive));
    if (head->ndropped > 0)
        json_object_set_new(request, "dropped_headers", json_integer((json_int_t)head->ndropped));
    if (c->body.ntrailers > 0)
        json_object_set_new(request, "trailers_ignored", json_integer(c->body.ntrailers));
    json_array_append_new(c->requests, request);
    if (!head->keep_alive)
        c->action = "close";
}

static void drop(conversation *c, size_t consumed)
{
    c->input_len -= consumed;
    memmove(c->input, c->input + consumed, c->input_len);
}

static void refuse(conversation *c, dj_refusal why)
{
    c->action = "reject";
    c->refusal = why;
}

/* Reads what there is of a head; true if it is complete. */
static bool read_head(conversation *c)
{
    size_t          consumed;
    dj_http1_result got =
        dj_http1_parse(&c->parser, dj_str_n(c->input, c->input_len), &c->head, &consumed);
    if (got == DJ_HTTP1_REFUSED)
        refuse(c, c->parser.refusal);
    if (got != DJ_HTTP1_DONE) {
        memset(&c->head, 0xA5, sizeof c->head); /* kept for no other call */
        return false;
    }
    free(c->head_bytes);
    c->head_bytes = malloc(consumed);
    DJ_ASSERT(c->head_bytes != NULL && consumed <= c->input_len);
    memcpy(c->head_bytes, c->input, consumed);
    dj_head_move(&c->head, c->input, c->head_bytes);
    drop(c, consumed);
    dj_http1_body_init(&c->body, &c->head, &c->limits);
    c->data.len = 0;
    return true;
}

/* Reads what there is of a body; true if it is complete. */
static bool read_body(conversation *c)
{
    for (;;) {
        size_t          consumed;
        dj_str          data;
        dj_http1_result got =
            dj_http1_body_read(&c->body, dj_str_n(c->input, c->input_len), &consumed, &data);
        DJ_ASSERT(consumed <= c->input_len);
        if (got == DJ_HTTP1_DATA)
            dj_buf_add(&c->data, data);
        if (got == DJ_HTTP1_REFUSED)
            refuse(c, c->body.refusal);
        drop(c, consumed);
        if (got != DJ_HTTP1_DATA)
            return got == DJ_HTTP1_DONE;
    }
}

/* One piece arrives. */
static void arrive(run *r, conversation *c, dj_str piece)
{
    char *moved = malloc(c->input_len + piece.len + (c->input_len + piece.len == 0));
    DJ_ASSERT(moved != NULL);
    memcpy(moved, c->input, c->input_len);
    memcpy(moved + c->input_len, piece.ptr, piece.len);
    free(c->input);
    c->input = moved;
    c->input_len += piece.len;
    while (c->action == NULL) {
        if (!c->in_body && !read_head(c))
            return;
        c->in_body = true;
        if (!read_body(c))
            return;
        c->in_body = false;
        hand_on(r, c);
        dj_http1_init(&c->parser, &c->limits, false);
    }
}

typedef enum cutting { WHOLE, EVERY_BYTE, RANDOM } cutting;

/* The verdict on `bytes`, in the form of the vectors. `seed` only for RANDOM. */
static json_t *converse(run *r, const dj_http_limits *limits, dj_str bytes, cutting how,
                        uint32_t seed)
{
    conversation c = {.limits = *limits,
                      .input = malloc(1),
                      .requests = json_array(),
                      .data = dj_buf_make(r->scope, limits->body)};
    dj_http1_init(&c.parser, &c.limits, false);
    for (size_t at = 0; at < bytes.len && c.action == NULL;) {
        size_t len = how == WHOLE ? bytes.len : 1;
        if (how == RANDOM) {
            seed = seed * 1664525u + 1013904223u;
            len = 1 + (seed >> 8) % ((seed & 64) != 0 ? 7 : 61);
        }
        dj_str piece = dj_str_first(dj_str_from(bytes, at), len);
        arrive(r, &c, piece);
        at += piece.len;
    }
    if (c.action == NULL)
        c.action = !c.in_body && c.input_len == 0 ? "open" : "incomplete";
    json_t *end = json_object(), *verdict = json_object();
    json_object_set_new(end, "action", json_string(c.action));
    if (c.refusal != DJ_REFUSAL_NONE) {
        dj_str name = dj_refusal_name(c.refusal);
        json_object_set_new(end, "status", json_integer(dj_refusal_status(c.refusal)));
        json_object_set_new(end, "reason", json_stringn(name.ptr, name.len));
    }
    json_object_set_new(verdict, "requests", c.requests);
    json_object_set_new(verdict, "end", end);
    free(c.input);
    free(c.head_bytes);
    return verdict;
}

/* The same as `verdict`, with what the RFC says beside it left out. */
static json_t *expected_of(const json_t *verdict)
{
    static const char *const told[] = {"action", "status", "reason"};
    json_t *requests = json_deep_copy(json_object_get(verdict, "requests")), *end = json_object(),
           *out = json_object(), *request;
    size_t i;
    json_array_foreach(requests, i, request)
    {
        json_t *dropped = json_object_get(request, "dropped_headers");
        if (dropped != NULL) /* their names are gone */
            json_object_set_new(request, "dropped_headers",
                                json_integer((json_int_t)json_array_size(dropped)));
    }
    for (i = 0; i < DJ_COUNT(told); i++) {
        json_t *value = json_object_get(json_object_get(verdict, "end"), told[i]);
        if (value != NULL)
            json_object_set(end, told[i], value);
    }
    json_object_set_new(out, "requests", requests);
    json_object_set_new(out, "end", end);
    return out;
}

static void check(run *r, const char *what, const json_t *expected, json_t *got)
{
    if (!json_equal(expected, got)) {
        char *want = json_dumps(expected, JSON_COMPACT | JSON_SORT_KEYS),
             *have = json_dumps(got, JSON_COMPACT | JSON_SORT_KEYS);
        case_expect_str(r, what, dj_str_of(want), dj_str_of(have));
        r->bad = true;
        free(want);
        free(have);
    }
    json_decref(got);
}

static dj_http_limits limits_of(const json_t *file)
{
    const json_t  *given = json_object_get(file, "limits");
    dj_http_limits limits = dj_http_limits_default();
    if (given != NULL) {
        limits.request_line = (size_t)js_int(given, "request_line");
        limits.field_line = (size_t)js_int(given, "field_line");
        limits.fields = (size_t)js_int(given, "fields");
        limits.header_section = (size_t)js_int(given, "header_section");
        limits.chunk_line = (size_t)js_int(given, "chunk_line");
        limits.body = (uint64_t)js_int(given, "body");
    }
    return limits;
}

void run_http1(run *r, const json_t *file)
{
    dj_http_limits limits = limits_of(file);
    const json_t  *one;
    size_t         i;
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        case_begin(r, json_string_value(json_object_get(one, "id")));
        dj_str  bytes = js_base64(r, js_str(one, "bytes_b64"));
        bool    every_byte = dj_str_eq(js_str(one, "split"), DJ_LIT("every-byte"));
        json_t *expected = expected_of(json_object_get(one, "verdict"));
        check(r, every_byte ? "byte by byte" : "whole", expected,
              converse(r, &limits, bytes, every_byte ? EVERY_BYTE : WHOLE, 0));
        check(r, every_byte ? "whole" : "byte by byte", expected,
              converse(r, &limits, bytes, every_byte ? WHOLE : EVERY_BYTE, 0));
        for (uint32_t cut = 0; cut < 8; cut++)
            check(r, "cut at random", expected,
                  converse(r, &limits, bytes, RANDOM, (uint32_t)i * 8 + cut));
        json_decref(expected);
        case_end(r);
    }
}
