/* fuzz/fuzz_static.c - links in files on disk, and the headers that ask for parts and codings of
 * files. The first byte says which. */
#include "donjon/url.h"
#include "manage/collectstatic.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

typedef struct links {
    dj_scope *scope;
    bool      keep;
    dj_str    text;
} links;

static dj_err link_of(void *ctx, dj_str url, dj_str *replacement)
{
    const links *l = ctx;
    must(dj_str_chr(url, '\n') == DJ_NOT_FOUND);
    if (!l->keep)
        *replacement = dj_url_unquote(l->scope, url);
    return DJ_OK;
}

static void rewrite(dj_scope *s, dj_str text, dj_static_language language)
{
    links  l = {.scope = s, .keep = true, .text = text};
    dj_str out = DJ_NONE;
    size_t line = 0;
    must(dj_static_rewrite(s, language, text, link_of, &l, &out, &line) == DJ_OK);
    must(dj_str_eq(out, text)); /* what is kept is kept */
    l.keep = false;
    must(dj_static_rewrite(s, language, text, link_of, &l, &out, &line) == DJ_OK);
}

static void headers(dj_str text)
{
    static const uint64_t sizes[] = {0, 1, 10, 65536, UINT64_C(1) << 40};
    const dj_validators   have = {.etag = DJ_LIT("\"x\""), .last_modified = 784111777};
    for (size_t i = 0; i < DJ_COUNT(sizes); i++) {
        dj_range part = {0, 0};
        if (dj_range_decide(text, sizes[i], &part) == DJ_RANGE_PART)
            must(part.len > 0 && part.from < sizes[i] && part.len <= sizes[i] - part.from);
    }
    for (unsigned have_codings = 1; have_codings < 8; have_codings += 2)
        must((have_codings >> dj_coding_choose(text, have_codings) & 1u) != 0);
    (void)dj_if_range_holds(text, &have, INT64_C(1767225600));
    (void)dj_media_type_of(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dj_scope *s = size == 0 ? NULL : dj_scope_open((size_t)256 * 1024 * 1024);
    if (s == NULL)
        return 0;
    dj_str text = dj_str_dup(s, dj_str_n((const char *)data + 1, size - 1));
    if (data[0] == 'r')
        headers(text);
    else
        rewrite(s, text, data[0] == 'j' ? DJ_STATIC_JS : DJ_STATIC_CSS);
    dj_static_manifest manifest;
    if (data[0] == 'm')
        (void)!dj_static_manifest_parse(s, text, &manifest);
    dj_scope_close(s);
    return 0;
}
