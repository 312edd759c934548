/* fuzz/fuzz_headers.c - any bytes as header lines, in and out.
 *
 * In: a line that is taken obeys RFC 9110 5.5 and 5.6.2 by a second, plain reading of them. Out: a
 * response never says more lines than were set, whatever a view puts into names and values; each of
 * them is one that our own parser takes, with the same name; framing is the server's alone. The
 * first byte chooses status and wire, lines of the rest are "name NUL value". */
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_token(dj_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c <= 0x20 || c >= 0x7F || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL)
            return false;
    }
    return name.len > 0;
}

static bool has_control(dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return true;
    }
    return false;
}

static bool has_outer_blank(dj_str text)
{
    const char *last = text.ptr + text.len - 1;
    return text.len > 0 && (*text.ptr == ' ' || *text.ptr == '\t' || *last == ' ' || *last == '\t');
}

static void expect_field(dj_str line)
{
    dj_field   f;
    dj_refusal why = dj_field_line(line, true, &f);
    size_t     colon = dj_str_chr(line, ':');
    bool       named = colon != DJ_NOT_FOUND && is_token(dj_str_first(line, colon));
    if (why == DJ_REFUSAL_NONE) {
        DJ_ASSERT(named && f.name.ptr == line.ptr && f.name.len == colon);
        DJ_ASSERT(!has_control(f.value) && !has_outer_blank(f.value));
        DJ_ASSERT(f.value.len == 0 || (f.value.ptr > line.ptr + colon &&
                                       f.value.ptr + f.value.len <= line.ptr + line.len));
    } else {
        DJ_ASSERT(!named || has_control(dj_str_from(line, colon + 1)));
        DJ_ASSERT(dj_refusal_status(why) == 400);
    }
    /* The line end: one CR, at the end. */
    dj_str cut = line;
    if (dj_line_check(&cut) == DJ_REFUSAL_NONE)
        DJ_ASSERT(cut.len + 1 == line.len && dj_str_chr(cut, '\r') == DJ_NOT_FOUND);
    else
        DJ_ASSERT(dj_str_chr(line, '\r') != line.len - 1 || line.len == 0);
}

/* Each line of the head that was written; how many of `name`. */
static size_t expect_head(dj_str head, size_t most, dj_str name)
{
    size_t   lines = 0, found = 0;
    dj_str   line;
    dj_field f;
    DJ_ASSERT(dj_str_starts(head, DJ_LIT("HTTP/1.1 ")) && dj_str_ends(head, DJ_LIT("\r\n\r\n")));
    head.len -= 2;
    for (bool first = true; head.len > 0; first = false) {
        DJ_ASSERT(dj_str_next(&head, '\n', &line) && dj_line_check(&line) == DJ_REFUSAL_NONE);
        if (first)
            continue;
        DJ_ASSERT(dj_field_line(line, true, &f) == DJ_REFUSAL_NONE);
        found += dj_str_eq_nocase(f.name, name);
        lines++;
    }
    DJ_ASSERT(lines <= most);
    return found;
}

static void expect_response(dj_scope *s, uint8_t how, dj_str text)
{
    static const dj_peer peer = {.address = DJ_STR_INIT("127.0.0.1")};
    static const int     statuses[] = {200, 204, 304, 404, 299, 500, 302, 206};
    dj_head             *head = dj_new(s, dj_head);
    head->path = DJ_LIT("/");
    dj_req      *req = dj_req_new(s, head, &peer, DJ_LIT(""));
    dj_response *resp = dj_respond(req, statuses[how & 7]);
    dj_str       line, name;
    size_t       set = 1; /* Content-Type */
    if ((how & 128) == 0)
        dj_body_add(resp, DJ_LIT("body"));
    while (dj_str_next(&text, '\n', &line)) {
        dj_str value = line;
        if (!dj_str_next(&value, '\0', &name))
            continue;
        bool good = is_token(name) && !has_control(value);
        resp->raised = DJ_OK;
        if ((line.len & 1) != 0)
            dj_header_set(resp, name, value);
        else
            dj_header_add(resp, name, value);
        DJ_ASSERT((resp->raised == DJ_OK) == good);
        DJ_ASSERT(!good || dj_header_has(resp, name));
        set += good;
    }
    dj_wire wire = {.chunked = (how & 8) != 0, .close = (how & 16) != 0, .minor = how >> 5 & 1};
    wire.head_only = (how & 64) != 0;
    dj_buf out = dj_buf_make(s, 1 << 20);
    dj_response_head(&out, resp, &wire, DJ_LIT("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
    dj_str made = dj_buf_str(&out);
    DJ_ASSERT(expect_head(made, set + 4, DJ_LIT("Date")) == 1);
    size_t lengths = expect_head(made, set + 4, DJ_LIT("Content-Length"));
    size_t codings = expect_head(made, set + 4, DJ_LIT("Transfer-Encoding"));
    bool   none = resp->status == 204 || resp->status == 304;
    DJ_ASSERT(lengths + codings == (none && !wire.chunked ? 0 : 1) && codings == wire.chunked);
    DJ_ASSERT(expect_head(made, set + 4, DJ_LIT("Connection")) == (wire.close || wire.minor == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dj_str text = dj_str_n((const char *)data, size), line;
    if (size == 0)
        return 0;
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s == NULL)
        return 0;
    dj_str rest = dj_str_from(text, 1);
    for (dj_str left = rest; dj_str_next(&left, '\n', &line);)
        expect_field(line);
    expect_response(s, data[0], rest);
    dj_scope_close(s);
    return 0;
}
