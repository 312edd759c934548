/* src/http/multipart.c - a multipart/form-data body, read as it arrives.
 *
 * Two readers on top of each other. The lower one (scan) cuts the body into pieces at each
 * "--boundary", wherever it stands, and takes the line end before it away. The upper one reads a
 * piece: a header of at most 1024 bytes, then a field, a file, or something to skip. What precedes
 * the first boundary and what follows the last are pieces as any other: they count as fields, and
 * almost always hold nothing. Only the window, 16 KiB, is looked at; the outcome does not hang on
 * how the body was cut. Django: http/multipartparser.py. RFC 7578.
 *
 * Must not know: requests, settings, where the bytes come from. */
#include "donjon/unicode.h"
#include "http/http.h"

#define WINDOW       ((size_t)16 * 1024)
#define HEADER_MAX   1024 /* with the empty line; Django's MAX_TOTAL_HEADER_SIZE */
#define BOUNDARY_MAX 201

typedef enum piece_state {
    PIECE_NONE,   /* between two pieces: the next byte begins one */
    PIECE_HEADER, /* its header is not complete */
    PIECE_SKIP,
    PIECE_FIELD,
    PIECE_FILE
} piece_state;

/* base64 as it comes: binascii.a2b_base64 of everything that is no blank. */
typedef struct base64 {
    uint64_t bytes; /* without blanks */
    unsigned quad, pads, left;
    bool     done; /* padding has come: the rest means nothing */
} base64;

struct dj_multipart {
    dj_scope             *scope;
    const dj_form_limits *limits;
    int                   charset;
    dj_err                failed;
    dj_form              *form;
    char                  delimiter[BOUNDARY_MAX + 2];
    size_t                delimiter_len;
    piece_state           state;
    char                  header[HEADER_MAX];
    size_t                header_len;
    int64_t               nfields, nfiles; /* pieces that are no file; files */
    int64_t               nnameless;       /* files that belong to no field: dropped, but bounded */
    uint64_t              field_bytes;     /* as DATA_UPLOAD_MAX_MEMORY_SIZE counts them */
    uint64_t              files_in_memory;
    dj_str                name; /* of the field or file being read */
    bool                  is_base64;
    dj_buf                value; /* of a field */
    base64                decoder;
    dj_upload            *upload;  /* being read, or read and not in the form yet */
    bool                  pending; /* read: it goes into the form once another piece begins */
    size_t                len;
    char                  window[WINDOW];
};

static dj_err fail(dj_multipart *m, dj_err e, const char *why)
{
    return dj_fail(m->scope, e, "%s", why);
}

/* -- base64 -- */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (dj_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Writes at most bytes.len bytes to `out`, which may be where `bytes` lie. */
static size_t base64_add(base64 *b, dj_str bytes, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        int  digit = base64_digit(c);
        b->bytes += !(c == ' ' || (c >= '\t' && c <= '\r'));
        if (b->done)
            continue;
        if (c == '=') {
            b->done = b->quad >= 2 && b->quad + ++b->pads >= 4;
            continue;
        }
        if (digit < 0)
            continue;
        b->pads = 0;
        b->left = (b->left << 6 | (unsigned)digit) & 0xFFFFFFu;
        if (b->quad > 0)
            out[len++] = (char)(b->left >> (6 - 2 * b->quad) & 0xFFu);
        b->quad = (b->quad + 1) % 4;
    }
    return len;
}

static bool base64_ended(const base64 *b)
{
    return b->done || b->quad == 0;
}

/* -- what a piece ends as -- */

/* A field counts with its name and two bytes, as "name=value&" does. */
static bool too_much(const dj_multipart *m)
{
    uint64_t total = m->field_bytes + m->value.len + dj_utf8_len(m->name) + 2;
    return m->limits->memory >= 0 && total > (uint64_t)m->limits->memory;
}

static dj_err too_big(dj_multipart *m)
{
    return fail(m, DJ_ERR_DATA_TOO_BIG,
                "Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE.");
}

static dj_err end_field(dj_multipart *m)
{
    if (too_much(m))
        return too_big(m);
    m->field_bytes += m->value.len + dj_utf8_len(m->name) + 2;
    dj_str value = dj_buf_str(&m->value);
    if (m->is_base64) {
        base64 b = {0};
        char  *plain = dj_alloc_raw(m->scope, value.len + 1);
        size_t len = base64_add(&b, value, plain);
        if (base64_ended(&b))
            value = dj_str_n(plain, len);
    }
    dj_querydict_add(m->scope, m->form->post, m->name,
                     dj_charset_decode(m->scope, m->charset, value));
    return DJ_OK;
}

static dj_err end_file(dj_multipart *m)
{
    if (m->is_base64 && (m->decoder.bytes % 4 != 0 || !base64_ended(&m->decoder)))
        return fail(m, DJ_ERR_MULTIPART, "Could not decode base64 data.");
    m->upload->size = m->upload->store->size;
    return dj_upload_store_finish(m->upload->store);
}

static dj_err count_field(dj_multipart *m)
{
    /* The empty pieces before the first and behind the last boundary are free. */
    if (m->limits->fields >= 0 && ++m->nfields - 2 > m->limits->fields)
        return fail(
            m, DJ_ERR_TOO_MANY_FIELDS,
            "The number of GET/POST parameters exceeded settings.DATA_UPLOAD_MAX_NUMBER_FIELDS.");
    return DJ_OK;
}

/* At its boundary, or at the end of the body. */
static dj_err piece_end(dj_multipart *m, bool at_boundary)
{
    piece_state was = m->state;
    m->state = PIECE_NONE;
    if (was == PIECE_HEADER)
        return count_field(m);
    if (was == PIECE_FIELD)
        return end_field(m);
    if (was == PIECE_FILE) {
        m->pending = at_boundary;
        return end_file(m);
    }
    return DJ_OK;
}

static void piece_begin(dj_multipart *m)
{
    if (m->pending) {
        dj_form_add_file(m->scope, m->form, m->upload);
        m->upload = NULL;
    }
    m->pending = false;
    m->state = PIECE_HEADER;
    m->header_len = 0;
}

/* -- the header of a piece -- */

typedef struct part {
    dj_header_params disposition, type, encoding;
    bool             has_disposition, has_type, has_encoding;
    bool             is_file;
} part;

/* A line that is no header is skipped; of two the last counts. Blanks before the name don't matter,
 * one behind it does. */
static void read_line(dj_multipart *m, dj_str line, part *p)
{
    dj_header_params params;
    if (!dj_utf8_valid(line) || dj_header_params_parse(m->scope, line, &params) != DJ_OK)
        return;
    size_t colon = dj_str_chr(params.value, ':');
    if (colon == DJ_NOT_FOUND)
        return;
    dj_str name = dj_str_first(params.value, colon);
    params.value = dj_utf8_strip(dj_str_from(params.value, colon + 1));
    bool disposition = dj_str_eq(name, DJ_LIT("content-disposition"));
    bool type = dj_str_eq(name, DJ_LIT("content-type"));
    bool encoding = dj_str_eq(name, DJ_LIT("content-transfer-encoding"));
    if (disposition) {
        p->disposition = params;
        p->has_disposition = true;
        p->is_file = dj_header_param_get(&params, DJ_LIT("filename")).len > 0;
    } else if (type) {
        p->type = params;
        p->has_type = true;
    } else if (encoding) {
        p->encoding = params;
        p->has_encoding = true;
    }
}

static void set_type(dj_multipart *m, dj_upload *upload, const part *p)
{
    upload->content_type = p->has_type ? p->type.value : DJ_LIT("");
    if (!p->has_type)
        return;
    dj_header_param *params = dj_new_array(m->scope, dj_header_param, p->type.params.len);
    for (size_t i = 0; i < p->type.params.len; i++) {
        const dj_map_entry *entry = &p->type.params.entries[i];
        params[i] = (dj_header_param){.name = entry->key, .value = *(const dj_str *)entry->value};
    }
    upload->params = params;
    upload->nparams = p->type.params.len;
    upload->charset = dj_header_param_get(&p->type, DJ_LIT("charset"));
}

static dj_err count_file(dj_multipart *m, int64_t *counter)
{
    if (m->limits->files >= 0 && ++*counter > m->limits->files)
        return fail(m, DJ_ERR_TOO_MANY_FILES,
                    "The number of files exceeded settings.DATA_UPLOAD_MAX_NUMBER_FILES.");
    return DJ_OK;
}

static dj_err begin_file(dj_multipart *m, const part *p)
{
    dj_err e = count_file(m, &m->nfiles);
    if (e)
        return e;
    dj_str name = dj_charset_decode(m->scope, m->charset,
                                    dj_header_param_get(&p->disposition, DJ_LIT("filename")));
    name = dj_upload_name(m->scope, name);
    m->state = PIECE_SKIP;
    if (dj_str_is_none(name))
        return DJ_OK;
    m->upload = dj_new(m->scope, dj_upload);
    m->upload->field = m->name;
    m->upload->name = name;
    m->upload->store = dj_upload_store_new(m->scope, m->limits);
    set_type(m, m->upload, p);
    m->decoder = (base64){0};
    m->state = PIECE_FILE;
    return DJ_OK;
}

static dj_err read_header(dj_multipart *m, dj_str header)
{
    part   p = {.is_file = false};
    dj_str copy = dj_str_dup(m->scope, header); /* the window moves on */
    while (copy.len > 0) {
        size_t end = dj_str_find(copy, DJ_LIT("\r\n"));
        read_line(m, dj_str_first(copy, end), &p);
        copy = end == DJ_NOT_FOUND ? DJ_NONE : dj_str_from(copy, end + 2);
    }
    dj_err e = p.is_file ? DJ_OK : count_field(m);
    if (e)
        return e;
    m->state = PIECE_SKIP;
    dj_str name = p.has_disposition ? dj_header_param_get(&p.disposition, DJ_LIT("name")) : DJ_NONE;
    if (dj_str_is_none(name))
        return p.is_file ? count_file(m, &m->nnameless) : DJ_OK;
    m->name = dj_charset_decode(m->scope, m->charset, dj_str_strip(name, DJ_LIT(" \t\n\r\v\f")));
    m->is_base64 = p.has_encoding && dj_str_eq(p.encoding.value, DJ_LIT("base64"));
    if (p.is_file)
        return begin_file(m, &p);
    m->state = PIECE_FIELD;
    m->value = dj_buf_make(m->scope, SIZE_MAX / 2);
    return DJ_OK;
}

/* -- the bytes of a piece -- */

/* In memory as long as what the files of the form share of it lasts. */
static dj_err keep(dj_multipart *m, dj_str bytes)
{
    dj_upload_store *store = m->upload->store;
    uint64_t         others = m->files_in_memory - store->memory.len;
    dj_err           e = dj_upload_store_add(store, bytes, m->limits->files_memory - others);
    m->files_in_memory = others + store->memory.len;
    return e;
}

static dj_err file_bytes(dj_multipart *m, dj_str bytes)
{
    char   plain[1024];
    dj_err e = DJ_OK;
    if (!m->is_base64)
        return keep(m, bytes);
    while (!e && bytes.len > 0) {
        dj_str head = dj_str_first(bytes, sizeof plain);
        e = keep(m, dj_str_n(plain, base64_add(&m->decoder, head, plain)));
        bytes = dj_str_from(bytes, head.len);
    }
    return e;
}

/* Completes the header; *rest is what follows it. */
static dj_err header_bytes(dj_multipart *m, dj_str bytes, dj_str *rest)
{
    size_t n = bytes.len < HEADER_MAX - m->header_len ? bytes.len : HEADER_MAX - m->header_len;
    size_t old = m->header_len, from = old < 3 ? 0 : old - 3;
    memcpy(m->header + old, bytes.ptr, n);
    m->header_len += n;
    size_t at = dj_str_find(dj_str_n(m->header + from, m->header_len - from), DJ_LIT("\r\n\r\n"));
    *rest = dj_str_from(bytes, n);
    if (at != DJ_NOT_FOUND) {
        *rest = dj_str_from(bytes, from + at + 4 - old);
        return read_header(m, dj_str_n(m->header, from + at));
    }
    if (m->header_len == HEADER_MAX)
        return fail(m, DJ_ERR_MULTIPART, "Request max total header size exceeded.");
    return DJ_OK;
}

static dj_err piece_bytes(dj_multipart *m, dj_str bytes)
{
    if (bytes.len > 0 && m->state == PIECE_HEADER) {
        dj_err e = header_bytes(m, bytes, &bytes);
        if (e)
            return e;
    }
    if (bytes.len == 0 || m->state == PIECE_SKIP)
        return DJ_OK;
    if (m->state == PIECE_FILE)
        return file_bytes(m, bytes);
    if (m->limits->memory >= 0 && bytes.len > (uint64_t)m->limits->memory)
        return too_big(m);
    dj_buf_add(&m->value, bytes);
    return too_much(m) ? too_big(m) : DJ_OK;
}

/* -- pieces -- */

static void window_drop(dj_multipart *m, size_t n)
{
    m->len -= n;
    memmove(m->window, m->window + n, m->len);
}

/* Hands on what is in the window, but for what may be the beginning of a boundary and the line end
 * before it. */
static dj_err scan(dj_multipart *m, bool at_end)
{
    size_t held = m->delimiter_len + 1, done = 0;
    dj_err e = DJ_OK;
    while (!e && done < m->len) {
        dj_str rest = dj_str_n(m->window + done, m->len - done);
        if (m->state == PIECE_NONE)
            piece_begin(m);
        size_t at = dj_str_find(rest, dj_str_n(m->delimiter, m->delimiter_len));
        if (at == DJ_NOT_FOUND) {
            size_t n = at_end ? rest.len : rest.len > held ? rest.len - held : 0;
            e = piece_bytes(m, dj_str_first(rest, n));
            done += n;
            break;
        }
        size_t end = at;
        end -= end > 0 && rest.ptr[end - 1] == '\n';
        end -= end > 0 && rest.ptr[end - 1] == '\r';
        e = piece_bytes(m, dj_str_first(rest, end));
        if (!e)
            e = piece_end(m, true);
        done += at + m->delimiter_len;
    }
    window_drop(m, done);
    return e;
}

dj_err dj_multipart_feed(dj_multipart *m, dj_str bytes)
{
    while (!m->failed && bytes.len > 0) {
        dj_str head = dj_str_first(bytes, WINDOW - m->len);
        memcpy(m->window + m->len, head.ptr, head.len);
        m->len += head.len;
        bytes = dj_str_from(bytes, head.len);
        m->failed = scan(m, false);
    }
    return m->failed;
}

/* A file that is no part of the form. */
static void drop_unfinished(dj_multipart *m)
{
    if (m->upload != NULL)
        dj_upload_store_drop(m->upload->store);
    m->upload = NULL;
}

dj_err dj_multipart_end(dj_multipart *m, dj_form **out)
{
    if (!m->failed)
        m->failed = scan(m, true);
    if (!m->failed && m->state != PIECE_NONE)
        m->failed = piece_end(m, false);
    if (m->failed) {
        drop_unfinished(m);
        return m->failed;
    }
    drop_unfinished(m);
    *out = m->form;
    return DJ_OK;
}

dj_err dj_multipart_new(dj_scope *s, dj_str boundary, int charset, const dj_form_limits *limits,
                        dj_multipart **out)
{
    bool good =
        boundary.len > 0 && boundary.len <= BOUNDARY_MAX && boundary.ptr[boundary.len - 1] != ' ';
    for (size_t i = 0; good && i < boundary.len; i++)
        good = boundary.ptr[i] >= 0x20 && boundary.ptr[i] < 0x7F;
    if (!good)
        return dj_fail(s, DJ_ERR_MULTIPART, "Invalid boundary in multipart");
    dj_multipart *m = dj_alloc_raw(s, sizeof *m);
    memset(m, 0, offsetof(dj_multipart, window));
    m->scope = s;
    m->limits = limits;
    m->charset = charset;
    m->form = dj_form_new(s);
    m->delimiter[0] = m->delimiter[1] = '-';
    memcpy(m->delimiter + 2, boundary.ptr, boundary.len);
    m->delimiter_len = boundary.len + 2;
    *out = m;
    return DJ_OK;
}
