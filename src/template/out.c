/* src/template/out.c - the output of a rendering: copied bytes and borrowed pieces, in order.
 *
 * Must not know: what is written. */
#include "template/template.h"

/* A piece costs an entry of writev; below this size copying is cheaper. */
#define BORROW_FROM ((size_t)4096)

dj_out dj_out_make(dj_scope *s, uint64_t max)
{
    if (max > SIZE_MAX / 2)
        max = SIZE_MAX / 2;
    return (dj_out){.scope = s, .buf = dj_buf_make(s, (size_t)max), .max = max};
}

static void add_piece(dj_out *out, dj_str piece)
{
    if (out->npieces == out->cap) {
        size_t cap = out->cap == 0 ? 8 : 2 * out->cap;
        out->pieces = dj_realloc(out->scope, out->pieces, out->cap * sizeof *out->pieces,
                                 cap * sizeof *out->pieces);
        out->cap = cap;
    }
    out->pieces[out->npieces++] = piece;
    out->len += piece.len;
    out->buf.max = out->len < out->max ? (size_t)(out->max - out->len) : 0;
    if (out->buf.cap > out->buf.max) /* room that is there counts, too */
        out->buf.cap = out->buf.max;
}

/* What the buffer holds becomes a piece; a new buffer begins in the room behind it. */
static void finish_buffer(dj_out *out)
{
    dj_buf *b = &out->buf;
    if (b->len == 0)
        return;
    dj_str piece = dj_buf_str(b);
    b->cap -= b->len;
    b->ptr = b->cap == 0 ? NULL : b->ptr + b->len;
    b->len = 0;
    add_piece(out, piece);
}

void dj_out_static(dj_out *out, dj_str text)
{
    dj_buf *b = &out->buf;
    /* Between two values there is mostly a tag or two: no call for so little. */
    if (text.len >= 8 && text.len <= 16 && b->cap - b->len >= 16) {
        memcpy(b->ptr + b->len, text.ptr, 8);
        memcpy(b->ptr + b->len + text.len - 8, text.ptr + text.len - 8, 8);
        b->len += text.len;
    } else if (text.len < BORROW_FROM || text.len > b->max - b->len) {
        dj_buf_add(b, text);
    } else {
        finish_buffer(out);
        add_piece(out, text);
    }
}

void dj_out_add(dj_out *out, dj_str text)
{
    dj_buf_add(&out->buf, text);
}

const dj_str *dj_out_pieces(dj_out *out, size_t *len)
{
    finish_buffer(out);
    *len = out->npieces;
    return out->pieces;
}

dj_str dj_out_str(dj_out *out)
{
    if (out->npieces == 0)
        return dj_buf_str(&out->buf);
    finish_buffer(out);
    if (out->npieces == 1)
        return out->pieces[0];
    char *text = dj_alloc_raw(out->scope, out->len + 1), *at = text;
    for (size_t i = 0; i < out->npieces; i++) {
        memcpy(at, out->pieces[i].ptr, out->pieces[i].len);
        at += out->pieces[i].len;
    }
    *at = '\0';
    return dj_str_n(text, out->len);
}
