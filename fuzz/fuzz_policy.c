/* fuzz/fuzz_policy.c - hosts, redirect targets, paths, file names and patterns out of any bytes,
 * and what must hold of every answer. The first byte chooses. */
#include "donjon/pattern.h"
#include "donjon/policy.h"
#include "donjon/unicode.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hosts(dj_scope *s, dj_str text)
{
    static const dj_str entries[] = {DJ_STR_INIT("example.com"), DJ_STR_INIT(".a.b"),
                                     DJ_STR_INIT("[::1]")};
    dj_str              domain, port;
    dj_host_verdict     verdict =
        dj_host_decide(text, (dj_str_list){entries, DJ_COUNT(entries)}, false);
    bool valid = dj_host_split(s, text, &domain, &port);
    DJ_ASSERT(valid == (verdict != DJ_HOST_SYNTAX));
    if (verdict == DJ_HOST_OK)
        DJ_ASSERT(dj_str_eq(domain, DJ_LIT("example.com")) || dj_str_eq(domain, DJ_LIT("a.b")) ||
                  dj_str_ends(domain, DJ_LIT(".a.b")) || dj_str_eq(domain, DJ_LIT("[::1]")));
    dj_str complaint = dj_host_complaint(s, text);
    for (size_t i = 0; i < complaint.len; i++)
        DJ_ASSERT((unsigned char)complaint.ptr[i] >= 0x20 && complaint.ptr[i] != 0x7F);
}

/* A target that was found safe names no host but ours, to no reader of URLs that we know. */
static void redirects(dj_scope *s, dj_str url)
{
    static const dj_str ours[] = {DJ_STR_INIT("good")};
    dj_url_parts        parts;
    dj_str              location;
    url = dj_utf8_strip(url);
    if (dj_url_has_allowed_host_and_scheme(s, url, (dj_str_list){ours, 1}, false)) {
        DJ_ASSERT(dj_url_split(s, url, &parts));
        DJ_ASSERT(parts.netloc.len == 0 || dj_str_eq(parts.netloc, ours[0]));
        DJ_ASSERT(parts.scheme.len == 0 || parts.netloc.len > 0);
    }
    if (dj_redirect_location(s, url, &location) == DJ_OK) {
        for (size_t i = 0; i < location.len; i++)
            DJ_ASSERT((unsigned char)location.ptr[i] > 0x20 &&
                      (unsigned char)location.ptr[i] < 0x7F);
    }
    (void)(dj_url_join(s, DJ_LIT("https://h/a/b?c"), url, &location) && location.len > 0);
}

static void files(dj_scope *s, dj_str text)
{
    dj_str path, name;
    if (dj_safe_join(s, DJ_LIT("/srv/static"), (dj_str_list){&text, 1}, &path) == DJ_OK) {
        DJ_ASSERT(dj_str_eq(path, DJ_LIT("/srv/static")) ||
                  dj_str_starts(path, DJ_LIT("/srv/static/")));
        DJ_ASSERT(!dj_str_has(path, DJ_LIT("/../")) && !dj_str_ends(path, DJ_LIT("/..")));
    }
    if (dj_static_path(s, DJ_LIT("/srv/static"), text, &path) == DJ_OK)
        DJ_ASSERT(dj_str_starts(path, DJ_LIT("/srv/static")));
    if (dj_valid_filename(s, text, &name) == DJ_OK)
        DJ_ASSERT(name.len > 0 && dj_str_chr(name, '/') == DJ_NOT_FOUND &&
                  dj_str_chr(name, '\0') == DJ_NOT_FOUND);
}

/* Half a pattern, half a subject. */
static void patterns(dj_scope *s, dj_str text)
{
    dj_pattern      *p;
    dj_pattern_match m;
    if (dj_pattern_compile(s, dj_str_first(text, text.len / 2), &p))
        return;
    dj_str subject = dj_str_from(text, text.len / 2);
    if (dj_pattern_search(p, subject, &m) == DJ_FOUND_YES)
        DJ_ASSERT(m.len == dj_pattern_group_count(p) && m.groups[0].len <= subject.len);
    if (dj_pattern_fullmatch(p, subject, &m) == DJ_FOUND_YES)
        DJ_ASSERT(m.groups[0].len == subject.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s == NULL || size == 0) {
        dj_scope_close(s);
        return 0;
    }
    static const dj_cleanse_rules rules = {0};
    dj_str                        text = dj_str_n((const char *)data + 1, size - 1);
    switch (data[0] % 5) {
    case 0:
        hosts(s, text);
        break;
    case 1:
        redirects(s, text);
        break;
    case 2:
        files(s, text);
        break;
    case 3:
        patterns(s, text);
        break;
    default:
        (void)dj_cleanse_text(s, &rules, DJ_LIT("LOCATION"), text);
        break;
    }
    dj_scope_close(s);
    return 0;
}
