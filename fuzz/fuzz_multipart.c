/* fuzz/fuzz_multipart.c - any bytes as a multipart/form-data body: cut anywhere, the outcome is the
 * same, what is kept is UTF-8, and no file has a name with a separator. */
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Low limits, so that each is reached. */
static dj_form_limits limits = {.memory = 300, .fields = 6, .files = 3, .files_memory = 64};

/* First byte: seeds the sizes of the pieces; 0: whole. */
static dj_err parse(dj_scope *s, dj_str body, unsigned cut, int charset, dj_form **form)
{
    dj_multipart *m;
    if (dj_multipart_new(s, DJ_LIT("B"), charset, &limits, &m) != DJ_OK)
        return DJ_ERR_INTERNAL;
    for (unsigned x = cut; cut != 0 && body.len > 0;) {
        x = x * 1103515245u + 12345u;
        dj_str head = dj_str_first(body, 1 + (x >> 16) % (cut * 4));
        if (dj_multipart_feed(m, head) != DJ_OK)
            break;
        body = dj_str_from(body, head.len);
    }
    if (cut == 0 && dj_multipart_feed(m, body) != DJ_OK) {
        /* the error is told again */
    }
    return dj_multipart_end(m, form);
}

static void expect_same_file(dj_scope *s, const dj_upload *a, const dj_upload *b)
{
    char   one[512], two[512];
    size_t n, k;
    DJ_ASSERT(dj_str_eq(a->name, b->name) && dj_str_eq(a->content_type, b->content_type) &&
              a->size == b->size);
    DJ_ASSERT(a->name.len > 0 && dj_utf8_valid(a->name) && dj_utf8_len(a->name) <= 255);
    DJ_ASSERT(
        dj_str_chr(a->name, '/') == DJ_NOT_FOUND && dj_str_chr(a->name, '\\') == DJ_NOT_FOUND &&
        dj_str_chr(a->name, '\0') == DJ_NOT_FOUND && dj_str_chr(a->name, '\n') == DJ_NOT_FOUND);
    for (uint64_t at = 0; at < a->size; at += n) {
        DJ_ASSERT(dj_upload_read(s, a, at, one, sizeof one, &n) == DJ_OK &&
                  dj_upload_read(s, b, at, two, sizeof two, &k) == DJ_OK);
        DJ_ASSERT(n > 0 && n == k && memcmp(one, two, n) == 0);
    }
}

static void expect_same(dj_scope *s, const dj_form *a, const dj_form *b)
{
    DJ_ASSERT(dj_post_names(a) == dj_post_names(b) && dj_file_names(a) == dj_file_names(b));
    for (size_t i = 0; i < dj_post_names(a); i++) {
        dj_str name = dj_post_name(a, i);
        DJ_ASSERT(dj_utf8_valid(name) && dj_str_eq(name, dj_post_name(b, i)) &&
                  dj_post_count(a, name) == dj_post_count(b, name));
        for (size_t k = 0; k < dj_post_count(a, name); k++)
            DJ_ASSERT(dj_utf8_valid(dj_post_at(a, name, k)) &&
                      dj_str_eq(dj_post_at(a, name, k), dj_post_at(b, name, k)));
    }
    for (size_t i = 0; i < dj_file_names(a); i++) {
        dj_str name = dj_file_name(a, i);
        DJ_ASSERT(dj_str_eq(name, dj_file_name(b, i)) &&
                  dj_file_count(a, name) == dj_file_count(b, name));
        for (size_t k = 0; k < dj_file_count(a, name); k++)
            expect_same_file(s, dj_file_at(a, name, k), dj_file_at(b, name, k));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    dj_form  *whole = NULL, *cut = NULL;
    dj_str    body = dj_str_n((const char *)data + 2, size - 2);
    int       charset = data[1] & 1   ? DJ_CHARSET_LATIN1
                        : data[1] & 2 ? DJ_CHARSET_ASCII
                                      : DJ_CHARSET_UTF8;
    if (s == NULL)
        return 0;
    dj_err a = parse(s, body, 0, charset, &whole), b = parse(s, body, 1u + data[0], charset, &cut);
    DJ_ASSERT(a == b);
    if (a == DJ_OK)
        expect_same(s, whole, cut);
    dj_scope_close(s);
    return 0;
}
