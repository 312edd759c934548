/* src/http/gzip.c - answers compressed with gzip (RFC 1952), with a header of random length.
 *
 * Where a page repeats what a client sent beside a secret, the length of the compressed page tells
 * how much of the secret was guessed (BREACH). A file name of 0 to 99 letters in the header blurs
 * that length, as Django does it. A body's pieces stand in the response, compressed or not: what
 * was said of them (escaped or raw) is said of the page, and stays. Django: middleware/gzip.py;
 * utils/text.py, compress_string and compress_sequence.
 *
 * Must not know: settings, layers. */
#include "http/caching.h"
#include "donjon/crypto.h"
#include "donjon/unicode.h"
#define ZLIB_CONST /* input is const */
#include <zlib.h>

#define SMALLEST     ((size_t)200) /* bodies below are not worth it */
#define NAME_LIMIT   100           /* of the random name, with its NUL */
#define LEVEL        6
#define CHUNK        ((size_t)16 * 1024)
#define GZIP_WINDOW  (15 + 16)
#define MEMORY_LEVEL 8

/* -- what the client takes -- */

static bool has_word(dj_str text, dj_str word)
{
    for (size_t from = 0;;) {
        size_t at = dj_str_find(dj_str_from(text, from), word);
        if (at == DJ_NOT_FOUND)
            return false;
        at += from;
        size_t end = at + word.len;
        if ((at == 0 || !dj_cp_is_word((unsigned char)text.ptr[at - 1])) &&
            (end == text.len || !dj_cp_is_word((unsigned char)text.ptr[end])))
            return true;
        from = at + 1;
    }
}

/* "0", "0.", "0.000" */
static bool is_zero(dj_str q)
{
    if (q.len == 0 || q.ptr[0] != '0' || (q.len > 1 && q.ptr[1] != '.'))
        return false;
    for (size_t i = 2; i < q.len; i++) {
        if (q.ptr[i] != '0')
            return false;
    }
    return true;
}

/* "gzip; q=0" */
static bool is_refused(dj_str coding)
{
    dj_str part;
    while (dj_str_next(&coding, ';', &part)) {
        size_t sign = dj_str_chr(part, '=');
        if (sign != DJ_NOT_FOUND &&
            dj_str_eq_nocase(dj_str_trim(dj_str_first(part, sign)), DJ_LIT("q")) &&
            is_zero(dj_str_trim(dj_str_from(part, sign + 1))))
            return true;
    }
    return false;
}

bool dj_accepts_gzip(dj_str accept_encoding, bool refusable)
{
    dj_str coding;
    while (dj_str_next(&accept_encoding, ',', &coding)) {
        if (has_word(coding, DJ_LIT("gzip")) && !(refusable && is_refused(coding)))
            return true;
    }
    return false;
}

/* -- streams -- */

struct dj_gzip {
    z_stream  z;
    gz_header header;
    char      name[NAME_LIMIT];
};

/* zlib's memory is the scope's: freed with it, wherever the request ends. */
static voidpf take(voidpf scope, uInt items, uInt size)
{
    return dj_alloc_raw(scope, (size_t)items * size);
}

static void leave(voidpf scope, voidpf address)
{
}

dj_gzip *dj_gzip_new(dj_scope *s)
{
    dj_gzip *gz = dj_new(s, dj_gzip);
    gz->z.zalloc = take;
    gz->z.zfree = leave;
    gz->z.opaque = s;
    int e = deflateInit2(&gz->z, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    DJ_ASSERT(e == Z_OK);
    return gz;
}

/* A new body: no time in the header, a name of random length, Unix. */
static void start(dj_gzip *gz)
{
    uint32_t len = dj_random_below(NAME_LIMIT);
    memset(gz->name, 'a', len);
    gz->name[len] = '\0';
    gz->header = (gz_header){.name = (Bytef *)gz->name, .os = 3};
    int e = deflateReset(&gz->z);
    DJ_ASSERT(e == Z_OK);
    e = deflateSetHeader(&gz->z, &gz->header);
    DJ_ASSERT(e == Z_OK);
    gz->z.avail_in = 0;
}

/* zlib counts in 32 bits. */
static dj_str feed(dj_gzip *gz, dj_str input)
{
    dj_str part = dj_str_first(input, (size_t)1 << 30);
    gz->z.next_in = (const Bytef *)part.ptr;
    gz->z.avail_in = (uInt)part.len;
    return dj_str_from(input, part.len);
}

/* -- whole bodies -- */

/* Where compressed bytes go: at most as many as the body has, in at most as many pieces as a
 * response has inline. */
typedef struct output {
    dj_scope *scope;
    dj_str    pieces[DJ_PIECES_INLINE];
    char     *chunk; /* being filled */
    size_t    npieces, chunk_size, used, left;
} output;

/* Room for more; false: what is compressed is not shorter than what was there. */
static bool more_room(dj_gzip *gz, output *out)
{
    if (out->chunk != NULL) {
        out->pieces[out->npieces++] = dj_str_n(out->chunk, out->chunk_size);
        out->used += out->chunk_size;
    }
    out->chunk_size = out->chunk_size < out->left ? out->chunk_size : out->left;
    if (out->chunk_size == 0)
        return false;
    DJ_ASSERT(out->npieces < DJ_PIECES_INLINE);
    out->left -= out->chunk_size;
    out->chunk = dj_alloc_raw(out->scope, out->chunk_size);
    gz->z.next_out = (Bytef *)out->chunk;
    gz->z.avail_out = (uInt)out->chunk_size;
    return true;
}

/* All that was fed; false: not shorter. */
static bool run(dj_gzip *gz, output *out, int flush)
{
    for (;;) {
        if (gz->z.avail_out == 0 && !more_room(gz, out))
            return false;
        int e = deflate(&gz->z, flush);
        DJ_ASSERT(e == Z_OK || e == Z_STREAM_END || e == Z_BUF_ERROR);
        if (flush == Z_FINISH ? e == Z_STREAM_END : gz->z.avail_in == 0)
            return true;
    }
}

static bool compress_body(dj_response *resp, dj_gzip *gz)
{
    size_t quarter = resp->body_len / DJ_PIECES_INLINE + 1;
    output out = {.scope = resp->req->scope,
                  .chunk_size = quarter > CHUNK ? quarter : CHUNK,
                  .left = resp->body_len - 1};
    start(gz);
    gz->z.avail_out = 0;
    for (size_t i = 0; i < resp->npieces; i++) {
        for (dj_str rest = resp->pieces[i]; rest.len > 0;) {
            rest = feed(gz, rest);
            if (!run(gz, &out, Z_NO_FLUSH))
                return false;
        }
    }
    if (!run(gz, &out, Z_FINISH))
        return false;
    size_t last = out.chunk_size - gz->z.avail_out;
    out.pieces[out.npieces++] = dj_str_n(out.chunk, last);
    memcpy(resp->pieces, out.pieces, sizeof out.pieces);
    resp->npieces = out.npieces;
    resp->body_len = out.used + last;
    return true;
}

/* -- streamed bodies -- */

typedef struct gzip_stream {
    dj_gzip     *gz;
    dj_stream_fn inner;
    void        *inner_ctx;
    dj_str       rest;    /* of the piece, not yet fed */
    bool         flushed; /* the piece is through: ask for the next */
    bool         ending, ended;
    char         out[CHUNK];
} gzip_stream;

/* Each piece is sent as soon as it is there: a page that grows would otherwise wait in zlib. One
 * buffer serves all: what was returned has been sent when the next is asked for. */
static bool next_compressed(dj_req *req, void *ctx, dj_str *piece)
{
    gzip_stream *st = ctx;
    z_stream    *z = &st->gz->z;
    if (st->ended)
        return false;
    *piece = DJ_LIT("");
    if (st->flushed && !st->ending) {
        dj_str next = DJ_NONE;
        st->ending = !st->inner(req, st->inner_ctx, &next);
        if (!st->ending && next.len == 0)
            return true;
        st->rest = feed(st->gz, st->ending ? DJ_LIT("") : next);
    }
    z->next_out = (Bytef *)st->out;
    z->avail_out = (uInt)sizeof st->out;
    int e = deflate(z, st->ending ? Z_FINISH : Z_SYNC_FLUSH);
    DJ_ASSERT(e == Z_OK || e == Z_STREAM_END || e == Z_BUF_ERROR);
    *piece = dj_str_n(st->out, sizeof st->out - z->avail_out);
    st->ended = e == Z_STREAM_END;
    st->flushed = z->avail_out > 0;
    if (st->flushed && st->rest.len > 0) {
        st->rest = feed(st->gz, st->rest);
        st->flushed = false;
    }
    return true;
}

static void compress_stream(dj_response *resp)
{
    dj_scope    *s = resp->req->scope;
    gzip_stream *st = dj_alloc_raw(s, sizeof *st);
    memset(st, 0, offsetof(gzip_stream, out));
    st->gz = dj_gzip_new(s); /* of its own: others run while this one waits */
    st->inner = resp->stream;
    st->inner_ctx = resp->stream_ctx;
    st->flushed = true;
    start(st->gz);
    resp->stream = next_compressed;
    resp->stream_ctx = st;
    dj_header_remove(resp, DJ_LIT("Content-Length"));
}

/* -- answers -- */

/* The bytes are others now, what they say is the same: that is a weak tag. */
static void weaken_etag(dj_response *resp)
{
    dj_str tag = dj_header_get(resp, DJ_LIT("ETag"));
    if (dj_str_starts(tag, DJ_LIT("\"")))
        dj_header_set(resp, DJ_LIT("ETag"), dj_str_cat(resp->req->scope, DJ_LIT("W/"), tag));
}

void dj_gzip_apply(dj_response *resp, dj_gzip *kept, bool refusable)
{
    dj_scope *s = resp->req->scope;
    if ((resp->stream == NULL && resp->body_len < SMALLEST) || resp->file_len > 0 || resp->live ||
        dj_header_seen(resp, DJ_HEADER_CONTENT_ENCODING))
        return;
    dj_patch_vary(resp, DJ_LIT("Accept-Encoding"));
    if (!dj_accepts_gzip(dj_req_header(resp->req, DJ_LIT("Accept-Encoding")), refusable))
        return;
    if (resp->stream != NULL) {
        compress_stream(resp);
    } else {
        if (!compress_body(resp, kept != NULL ? kept : dj_gzip_new(s)))
            return;
        dj_header_set(resp, DJ_LIT("Content-Length"), dj_strf(s, "%zu", resp->body_len));
    }
    weaken_etag(resp);
    dj_header_set(resp, DJ_LIT("Content-Encoding"), DJ_LIT("gzip"));
}

void dj_gzip_page(dj_response *resp)
{
    dj_gzip_apply(resp, NULL, true);
}
