/* fuzz/fuzz_http1.c - any bytes on one connection, whole, byte by byte and cut where the fuzzer
 * says: one verdict.
 *
 * Byte by byte no line is whole at first sight, so the fast paths never run: their agreement with
 * the full rules is tested, too. The first byte chooses the limits, the second the cuts. */
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct conversation {
    const dj_http_limits *limits;
    dj_http1              parser;
    dj_http1_body         body;
    dj_head               head;
    char *input; /* not consumed yet; exactly as long as that, so that ASan sees a read behind it */
    size_t len;
    dj_buf log; /* what happened, as text */
    bool   in_body, over, tls;
} conversation;

static void add(conversation *c, dj_str part)
{
    dj_buf_addf(&c->log, "%zu:", part.len);
    dj_buf_add(&c->log, part);
}

/* A slice of the input, or a constant. */
static void add_slice(conversation *c, dj_str part, size_t consumed)
{
    DJ_ASSERT(part.ptr >= c->input && part.ptr + part.len <= c->input + consumed);
    add(c, part);
}

static void end(conversation *c, dj_refusal why)
{
    DJ_ASSERT(why != DJ_REFUSAL_NONE && dj_refusal_status(why) >= 400 &&
              dj_refusal_name(why).len > 0);
    dj_buf_addf(&c->log, "refused %d", (int)why);
    c->over = true;
}

static void keep(conversation *c, size_t consumed)
{
    char *rest = malloc(c->len - consumed + 1);
    DJ_ASSERT(rest != NULL);
    memcpy(rest, c->input + consumed, c->len - consumed);
    free(c->input);
    c->len -= consumed;
    c->input = realloc(rest, c->len == 0 ? 1 : c->len);
}

static bool read_head(conversation *c)
{
    size_t          consumed = 0;
    dj_http1_result got =
        dj_http1_parse(&c->parser, dj_str_n(c->input, c->len), &c->head, &consumed);
    if (got == DJ_HTTP1_REFUSED) {
        end(c, c->parser.refusal);
        DJ_ASSERT(dj_http1_parse(&c->parser, dj_str_n(c->input, c->len), &c->head, &consumed) ==
                  DJ_HTTP1_REFUSED);
    }
    if (got != DJ_HTTP1_DONE) {
        memset(&c->head, 0xA5, sizeof c->head); /* kept for no other call */
        return false;
    }
    const dj_head *h = &c->head;
    DJ_ASSERT(consumed >= 4 && consumed <= c->len &&
              memcmp(c->input + consumed - 4, "\r\n\r\n", 4) == 0);
    DJ_ASSERT(h->nfields + h->ndropped <= c->limits->fields &&
              h->content_length <= c->limits->body);
    DJ_ASSERT(!(h->chunked && h->content_length > 0) && h->path.len > 0);
    add_slice(c, h->method_name, consumed);
    add_slice(c, h->target, consumed);
    add_slice(c, h->query, consumed);
    add(c, h->path);
    if (!dj_str_is_none(h->host))
        add_slice(c, h->host, consumed);
    dj_buf_addf(&c->log, "%d %d %d %d %d %d %d %llu %zu", (int)h->method, (int)h->form, h->minor,
                h->has_query, h->keep_alive, h->expect_continue, h->chunked,
                (unsigned long long)h->content_length, h->ndropped);
    for (size_t i = 0; i < h->nfields; i++) {
        add_slice(c, h->fields[i].name, consumed);
        add_slice(c, h->fields[i].value, consumed);
        dj_buf_add_int(&c->log, h->fields[i].id);
        DJ_ASSERT(dj_str_chr(h->fields[i].name, '_') == DJ_NOT_FOUND);
    }
    dj_http1_body_init(&c->body, h, c->limits);
    keep(c, consumed);
    dj_buf_add(&c->log, DJ_LIT("body "));
    return true;
}

static bool read_body(conversation *c)
{
    for (;;) {
        size_t          consumed = 0;
        dj_str          data = DJ_NONE;
        dj_http1_result got =
            dj_http1_body_read(&c->body, dj_str_n(c->input, c->len), &consumed, &data);
        DJ_ASSERT(consumed <= c->len && c->body.total <= c->limits->body);
        if (got == DJ_HTTP1_DATA) {
            DJ_ASSERT(data.len > 0 && data.ptr >= c->input &&
                      data.ptr + data.len <= c->input + consumed);
            dj_buf_add(&c->log, data);
        }
        if (got == DJ_HTTP1_REFUSED)
            end(c, c->body.refusal);
        DJ_ASSERT(got != DJ_HTTP1_MORE || c->len - consumed <= c->limits->trailers + 2 ||
                  c->len - consumed <= c->limits->chunk_line + 2);
        keep(c, consumed);
        if (got != DJ_HTTP1_DATA) {
            dj_buf_addf(&c->log, "trailers %d ",
                        got == DJ_HTTP1_DONE ? (int)c->body.ntrailers : -1);
            if (got == DJ_HTTP1_MORE) /* how often we ask must not show */
                c->log.len -= sizeof("trailers -1 ") - 1;
            return got == DJ_HTTP1_DONE;
        }
    }
}

static void arrive(conversation *c, const uint8_t *piece, size_t len)
{
    char *moved = malloc(c->len + len);
    DJ_ASSERT(moved != NULL);
    memcpy(moved, c->input, c->len);
    memcpy(moved + c->len, piece, len);
    free(c->input);
    c->input = moved;
    c->len += len;
    while (!c->over) {
        if (!c->in_body && !read_head(c))
            return;
        c->in_body = true;
        if (!read_body(c))
            return;
        c->in_body = false;
        dj_http1_init(&c->parser, c->limits, c->tls);
    }
}

/* What happened; `step` 0: all at once, else pieces of at most so many bytes. */
static dj_str converse(dj_scope *s, const dj_http_limits *limits, bool tls, const uint8_t *data,
                       size_t size, size_t step)
{
    static conversation c;
    c = (conversation){
        .limits = limits, .tls = tls, .input = malloc(1), .log = dj_buf_make(s, 1 << 22)};
    dj_http1_init(&c.parser, limits, tls);
    uint32_t mix = (uint32_t)step;
    for (size_t at = 0, len; at < size && !c.over; at += len) {
        mix = mix * 1664525u + 1013904223u;
        len = step == 0 ? size : step == 1 ? 1 : 1 + (mix >> 16) % step;
        if (len > size - at)
            len = size - at;
        arrive(&c, data + at, len);
    }
    /* What is left over, unless it was refused: where the refusal was seen in it is the reader's
     * business. */
    if (!c.over)
        add(&c, dj_str_n(c.input, c.len));
    free(c.input);
    return dj_buf_str(&c.log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const dj_http_limits small = {.request_line = 40,
                                         .field_line = 40,
                                         .fields = 5,
                                         .header_section = 120,
                                         .chunk_line = 16,
                                         .trailers = 30,
                                         .body = 64};
    dj_http_limits              usual = dj_http_limits_default();
    if (size < 2)
        return 0;
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s == NULL)
        return 0;
    const dj_http_limits *limits = (data[0] & 1) != 0 ? &small : &usual;
    bool                  tls = (data[0] & 2) != 0;
    dj_str                whole = converse(s, limits, tls, data + 2, size - 2, 0);
    DJ_ASSERT(dj_str_eq(whole, converse(s, limits, tls, data + 2, size - 2, 1)));
    DJ_ASSERT(dj_str_eq(whole, converse(s, limits, tls, data + 2, size - 2, 2 + data[1])));
    dj_scope_close(s);
    return 0;
}
