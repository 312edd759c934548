/* fuzz/fuzz_cookies.c - any bytes as a Cookie header, and what came out as a cookie to set: text is
 * UTF-8, a line has no byte that ends it early, and its value reads back the same. The bytes behind
 * a first 0xFF go into the attributes. */
#include "donjon/cookies.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(dj_scope *s, const dj_response *resp, dj_str name, dj_str value)
{
    const dj_header *h = &resp->headers[resp->nheaders - 1];
    dj_map           again;
    DJ_ASSERT(h->id == DJ_HEADER_SET_COOKIE && dj_str_ends(h->line, DJ_LIT("\r\n")));
    dj_str text = dj_str_n(h->line.ptr + h->name_len + 2, h->line.len - h->name_len - 4);
    for (size_t i = 0; i < text.len; i++)
        DJ_ASSERT(text.ptr[i] >= 0x20 && text.ptr[i] <= 0x7E);
    DJ_ASSERT(dj_cookies_parse(s, dj_str_first(text, dj_str_chr(text, ';')), &again) == DJ_OK);
    const dj_str *got = dj_map_get(&again, name);
    DJ_ASSERT(again.len == 1 && got != NULL && dj_str_eq(*got, value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const dj_peer peer = {.address = DJ_STR_INIT("127.0.0.1")};
    dj_scope            *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s == NULL)
        return 0;
    dj_str   all = dj_str_n((const char *)data, size), extra = DJ_NONE, name, value;
    dj_head *head = dj_new(s, dj_head);
    head->path = DJ_LIT("/");
    size_t mark = dj_str_chr(all, (char)0xFF);
    if (mark != DJ_NOT_FOUND)
        extra = dj_str_from(all, mark + 1);
    head->fields[0] = (dj_field){
        .name = DJ_LIT("Cookie"), .value = dj_str_first(all, mark), .id = DJ_FIELD_COOKIE};
    head->nfields = 1;
    head->seen = 1u << DJ_FIELD_COOKIE;
    dj_req *req = dj_req_new(s, head, &peer, DJ_LIT(""));
    bool    fine = dj_cookies_check(req) == DJ_OK;
    for (size_t pos = 0; dj_cookie_next(req, &pos, &name, &value);) {
        DJ_ASSERT(fine && dj_utf8_valid(name) && dj_utf8_valid(value) &&
                  dj_str_eq(dj_cookie_get(req, name), value));
        dj_response *resp = dj_respond(req, 200);
        dj_cookie    cookie = {.name = name,
                               .value = value,
                               .path = extra,
                               .domain = extra,
                               .samesite = DJ_LIT("Lax")};
        dj_cookie_set(resp, &cookie);
        if (resp->raised == DJ_OK)
            check_line(s, resp, name, value);
        DJ_ASSERT(resp->raised != DJ_OK || !dj_str_starts(name, DJ_LIT("__Host-")));
    }
    dj_scope_close(s);
    return 0;
}
