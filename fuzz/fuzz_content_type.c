/* fuzz/fuzz_content_type.c - any bytes as a header with parameters, as a charset's name, as text
 * with character references and as a file name. */
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dj_scope        *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    dj_header_params h, again;
    if (s == NULL)
        return 0;
    dj_str text = dj_utf8_repair(s, dj_str_n((const char *)data, size));
    if (dj_header_params_parse(s, text, &h) == DJ_OK) {
        DJ_ASSERT(dj_utf8_valid(h.value));
        for (size_t i = 0; i < h.params.len; i++) {
            dj_str value = *(const dj_str *)h.params.entries[i].value;
            DJ_ASSERT(dj_utf8_valid(h.params.entries[i].key) && dj_utf8_valid(value));
            DJ_ASSERT(dj_str_eq(value, dj_header_param_get(&h, h.params.entries[i].key)));
        }
        /* The value alone is a value alone. */
        DJ_ASSERT(dj_header_params_parse(s, h.value, &again) == DJ_OK &&
                  dj_str_eq(again.value, h.value) && again.params.len == 0);
    }
    int charset = dj_charset_find(text);
    if (charset != DJ_CHARSET_UNKNOWN && charset != DJ_CHARSET_OTHER)
        DJ_ASSERT(dj_utf8_valid(dj_charset_decode(s, charset, dj_str_n((const char *)data, size))));
    DJ_ASSERT(dj_utf8_valid(dj_html_unescape(s, text)));
    dj_str name = dj_upload_name(s, text);
    DJ_ASSERT(dj_str_is_none(name) ||
              (name.len > 0 && dj_utf8_len(name) <= 255 && dj_str_chr(name, '/') == DJ_NOT_FOUND &&
               dj_str_chr(name, '\\') == DJ_NOT_FOUND && dj_str_chr(name, '\0') == DJ_NOT_FOUND));
    dj_scope_close(s);
    return 0;
}
