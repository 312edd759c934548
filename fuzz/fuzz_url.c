/* fuzz/fuzz_url.c - percent coding there and back, and what its results promise. */
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_printable(dj_str s)
{
    for (size_t i = 0; i < s.len; i++)
        DJ_ASSERT(s.ptr[i] > 0x20 && s.ptr[i] < 0x7F);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    dj_str    text = dj_str_n((const char *)data, size);
    if (s == NULL)
        return 0;
    /* Quoting loses nothing. */
    DJ_ASSERT(dj_str_eq(text, dj_url_unquote(s, dj_url_quote(s, text, DJ_LIT("")))));
    DJ_ASSERT(dj_str_eq(text, dj_url_unquote(s, dj_url_quote(s, text, DJ_LIT("/:")))));
    /* A path is UTF-8 and survives the way out and in again. */
    dj_str path = dj_url_path_decode(s, text), escaped = dj_url_escape_path(s, path);
    DJ_ASSERT(path.len > 0 && dj_utf8_valid(path) &&
              dj_str_eq(path, dj_url_path_decode(s, escaped)));
    expect_printable(escaped);
    /* An IRI made a URI holds nothing that could end a header line, and stays as it is from then
     * on. */
    dj_str uri = dj_iri_to_uri(s, text);
    expect_printable(uri);
    DJ_ASSERT(dj_str_eq(uri, dj_iri_to_uri(s, uri)));
    dj_str full = dj_url_full_path(s, path, text, (size & 1) != 0);
    expect_printable(full);
    DJ_ASSERT(dj_utf8_valid(dj_utf8_repair(s, text)));
    (void)dj_authority_valid(text);
    dj_scope_close(s);
    return 0;
}
