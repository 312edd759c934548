/* src/app/static_manifest.c - which hashed name each static file has, and the address that a page
 * gives it.
 *
 * Django: contrib/staticfiles/storage.py (ManifestFilesMixin, HashedFilesMixin), templatetags/
 * static.py. The form of the manifest is Django's, so either can read what the other collected.
 *
 * Must not know: contents of files. */
#include "app/static.h"
#include "crypto/crypto.h"
#include "donjon/static.h"
#include "donjon/url.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define MANIFEST_MAX   ((size_t)32 * 1024 * 1024)
#define MANIFEST_NODES 1000000
#define HASH_LEN       12
#define STORAGE_SAFE   DJ_LIT("/~!*()'") /* filepath_to_uri */
/* A host for joining addresses that have none; never sent. */
#define NOWHERE "http://nowhere.invalid"

/* -- names -- */

dj_str dj_static_hashed_name(dj_scope *s, dj_str name, dj_str hash)
{
    /* urlsplit(unquote(name)), as far as a name of a file can be split */
    dj_str clean = dj_url_unquote(s, name);
    size_t end = 0;
    while (end < clean.len && clean.ptr[end] != '?' && clean.ptr[end] != '#')
        end++;
    dj_str behind = dj_str_from(clean, end);
    clean = dj_str_trim(dj_str_first(clean, end));
    size_t slash = dj_str_rchr(clean, '/'), base = slash == DJ_NOT_FOUND ? 0 : slash + 1;
    size_t at = base + dj_extension_at(dj_str_from(clean, base));
    return dj_strf(s, DJ_FMT "." DJ_FMT DJ_FMT DJ_FMT, DJ_ARG(dj_str_first(clean, at)),
                   DJ_ARG(hash), DJ_ARG(dj_str_from(clean, at)), DJ_ARG(behind));
}

static bool is_hash(dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (dj_hex_value(text.ptr[i]) < 0 || (text.ptr[i] >= 'A' && text.ptr[i] <= 'F'))
            return false;
    }
    return text.len == HASH_LEN;
}

bool dj_static_is_hashed(dj_str name)
{
    size_t slash = dj_str_rchr(name, '/');
    dj_str base = slash == DJ_NOT_FOUND ? name : dj_str_from(name, slash + 1);
    dj_str root = dj_str_first(base, dj_extension_at(base));
    size_t dot = dj_str_rchr(root, '.');
    if (dot != DJ_NOT_FOUND && is_hash(dj_str_from(root, dot + 1)))
        return true;
    /* "LICENSE.0123456789ab": the hash stands where an extension would. */
    return dj_str_chr(base, '.') != DJ_NOT_FOUND &&
           is_hash(dj_str_from(base, dj_str_rchr(base, '.') + 1));
}

/* -- reading -- */

dj_err dj_static_manifest_parse(dj_scope *s, dj_str text, dj_static_manifest *out)
{
    const dj_json_limits limits = {.bytes = MANIFEST_MAX, .depth = 4, .nodes = MANIFEST_NODES};
    const dj_json_value *root, *version, *paths;
    out->paths = dj_map_make(s);
    dj_err e = dj_json_parse(s, text, &limits, &root);
    if (e)
        return e;
    version = dj_json_get(root, DJ_LIT("version"));
    paths = dj_json_get(root, DJ_LIT("paths"));
    if (version == NULL || version->kind != DJ_JSON_STR ||
        !(dj_str_eq(version->text, DJ_LIT("1.1")) || dj_str_eq(version->text, DJ_LIT("1.0"))))
        return dj_fail(s, DJ_ERR_MALFORMED, "the manifest is not of version 1.0 or 1.1");
    if (paths == NULL || paths->kind != DJ_JSON_OBJECT)
        return dj_fail(s, DJ_ERR_MALFORMED, "the manifest has no paths");
    for (size_t i = 0; i < paths->object.len; i++) {
        const dj_json_member *m = &paths->object.members[i];
        if (m->value->kind != DJ_JSON_STR)
            return dj_fail(s, DJ_ERR_MALFORMED, "the manifest has a path that is no text");
        dj_str *hashed = dj_new(s, dj_str);
        *hashed = m->value->text;
        dj_map_set(&out->paths, m->name, hashed);
    }
    return DJ_OK;
}

dj_err dj_static_manifest_read(dj_scope *s, dj_str static_root, dj_static_manifest *out)
{
    struct stat st;
    dj_str      path = dj_strf(s, DJ_FMT "/" DJ_STATIC_MANIFEST, DJ_ARG(static_root));
    int         fd = open(dj_cstr(s, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return dj_fail(s, DJ_ERR_MISSING, DJ_FMT " is not there: run collectstatic", DJ_ARG(path));
    if (fd < 0 || fstat(fd, &st) < 0) {
        dj_err e = dj_fail_errno(s, "open " DJ_FMT, DJ_ARG(path));
        if (fd >= 0)
            close(fd);
        return e;
    }
    size_t size = st.st_size > 0 && S_ISREG(st.st_mode) ? (size_t)st.st_size : 0, got = 0;
    char  *bytes = dj_alloc_raw(s, size < MANIFEST_MAX ? size : 0);
    for (ssize_t n = 1; size < MANIFEST_MAX && got < size && n > 0; got += (size_t)(n > 0 ? n : 0))
        n = pread(fd, bytes + got, size - got, (off_t)got);
    close(fd);
    if (got < size)
        return dj_fail(s, DJ_ERR_IO, DJ_FMT " can't be read", DJ_ARG(path));
    if (dj_static_manifest_parse(s, dj_str_n(bytes, got), out) != DJ_OK)
        return dj_fail(s, DJ_ERR_MALFORMED, DJ_FMT " can't be used: " DJ_FMT, DJ_ARG(path),
                       DJ_ARG(dj_failure_text(s)));
    return DJ_OK;
}

/* -- writing: Python's json.dumps(), byte for byte -- */

static void add_unit(dj_buf *b, unsigned unit)
{
    dj_buf_addf(b, "\\u%04x", unit);
}

/* Not dj_json_str: that escapes '<', '>' and '&' too, and the digest is over Django's text. */
static void add_text(dj_buf *b, dj_str text)
{
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    dj_buf_add_byte(b, '"');
    for (size_t pos = 0; pos < text.len;) {
        int32_t     cp = dj_utf8_next(text, &pos);
        const char *at = cp > 0 && cp < 0x80 ? strchr(from, cp) : NULL;
        if (at != NULL) {
            dj_buf_add_byte(b, '\\');
            dj_buf_add_byte(b, to[at - from]);
        } else if (cp >= 0x20 && cp < 0x7F) {
            dj_buf_add_byte(b, (char)cp);
        } else if (cp >= 0x10000) {
            add_unit(b, 0xD800 + (((unsigned)cp - 0x10000) >> 10));
            add_unit(b, 0xDC00 + (((unsigned)cp - 0x10000) & 0x3FF));
        } else {
            add_unit(b, cp < 0 ? 0xFFFD : (unsigned)cp);
        }
    }
    dj_buf_add_byte(b, '"');
}

static void add_pairs(dj_buf *b, const dj_static_pair *pairs, size_t n, dj_str open, dj_str between,
                      dj_str close)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            dj_buf_add(b, DJ_LIT(", "));
        dj_buf_add(b, open);
        add_text(b, pairs[i].name);
        dj_buf_add(b, between);
        add_text(b, pairs[i].hashed);
        dj_buf_add(b, close);
    }
}

static int by_name(const void *a, const void *b)
{
    return dj_str_cmp(((const dj_static_pair *)a)->name, ((const dj_static_pair *)b)->name);
}

dj_str dj_static_manifest_text(dj_scope *s, dj_md5 *md5, dj_static_pair *pairs, size_t n)
{
    char   hex[DJ_MD5_HEX];
    dj_buf list = dj_buf_make(s, MANIFEST_MAX), b = dj_buf_make(s, MANIFEST_MAX);
    if (n > 0)
        qsort(pairs, n, sizeof *pairs, by_name);
    dj_buf_add_byte(&list, '[');
    add_pairs(&list, pairs, n, DJ_LIT("["), DJ_LIT(", "), DJ_LIT("]"));
    dj_buf_add_byte(&list, ']');
    dj_str digested = dj_buf_str(&list);
    dj_md5_hex(md5, &digested, 1, hex);
    dj_buf_add(&b, DJ_LIT("{\"paths\": {"));
    add_pairs(&b, pairs, n, DJ_LIT(""), DJ_LIT(": "), DJ_LIT(""));
    dj_buf_addf(&b, "}, \"version\": \"1.1\", \"hash\": \"%.*s\"}", HASH_LEN, hex);
    return list.full || b.full ? DJ_NONE : dj_buf_str(&b);
}

/* -- addresses -- */

dj_str dj_static_prefix(dj_scope *s, const dj_settings *settings)
{
    dj_str url = settings->STATIC_URL;
    if (url.len == 0)
        return DJ_NONE;
    /* Django's _add_script_prefix: what is relative starts at the site's root. */
    if (url.ptr[0] == '/' || dj_str_starts(url, DJ_LIT("http://")) ||
        dj_str_starts(url, DJ_LIT("https://")))
        return url;
    return dj_str_cat(s, DJ_LIT("/"), url);
}

bool dj_static_uses_manifest(const dj_settings *settings)
{
    const dj_value *storage =
        settings->STORAGES == NULL ? NULL : dj_value_get(settings->STORAGES, DJ_LIT("staticfiles"));
    const dj_value *backend = storage == NULL ? NULL : dj_value_get(storage, DJ_LIT("BACKEND"));
    return backend != NULL && backend->kind == DJ_V_STR &&
           dj_str_has(backend->str, DJ_LIT("Manifest"));
}

static bool has_app(const dj_settings *settings)
{
    static const char name[] = "django.contrib.staticfiles";
    for (size_t i = 0; i < settings->INSTALLED_APPS.len; i++) {
        if (dj_str_starts(settings->INSTALLED_APPS.items[i], dj_str_of(name)))
            return true;
    }
    return false;
}

/* urllib.parse.urljoin for a base that may have no host. */
static dj_err join(dj_scope *s, dj_str base, dj_str url, dj_str *out)
{
    bool rooted = dj_str_starts(base, DJ_LIT("/")), net = dj_str_starts(base, DJ_LIT("//"));
    if (net)
        base = dj_str_cat(s, DJ_LIT("http:"), base);
    else if (rooted)
        base = dj_str_cat(s, DJ_LIT(NOWHERE), base);
    if (!dj_url_join(s, base, url, out))
        return dj_fail(s, DJ_ERR_MALFORMED, "STATIC_URL and a path give no address");
    if (rooted && dj_str_starts(*out, DJ_LIT(NOWHERE)))
        *out = dj_str_from(*out, sizeof NOWHERE - 1);
    else if (rooted && dj_str_starts(*out, DJ_LIT("http:")))
        *out = dj_str_from(*out, sizeof "http:" - 1);
    return DJ_OK;
}

/* ManifestFilesMixin.stored_name: the path without query and fragment is looked up. */
static dj_err stored_name(dj_scope *s, const dj_static_manifest *manifest, dj_str name, dj_str *out)
{
    dj_str clean = dj_url_unquote(s, name);
    size_t query = dj_str_chr(clean, '?');
    dj_str path = dj_str_trim(dj_str_first(clean, query)), behind = dj_str_from(clean, query);
    const dj_str *hashed = manifest == NULL ? NULL : dj_map_get(&manifest->paths, path);
    if (hashed == NULL)
        return dj_fail(s, DJ_ERR_MALFORMED, "Missing staticfiles manifest entry for '" DJ_FMT "'",
                       DJ_ARG(path));
    *out = behind.len > 1 ? dj_str_cat(s, *hashed, behind) : *hashed;
    return DJ_OK;
}

/* HashedFilesMixin._url: with the fragment put back, and nothing left quoted. */
static dj_err hashed_url(dj_scope *s, const struct dj_site *site, dj_str prefix, dj_str path,
                         dj_str *out)
{
    size_t sign = dj_str_chr(path, '#');
    dj_str name = dj_str_first(path, sign), fragment = dj_str_from(path, sign);
    bool   empty_query = sign != DJ_NOT_FOUND && dj_str_ends(name, DJ_LIT("?"));
    if (empty_query)
        name.len--;
    size_t query = dj_str_chr(name, '?');
    if (site->settings->DEBUG || dj_str_ends(dj_str_first(name, query), DJ_LIT("/"))) {
        name = path;
        fragment = DJ_LIT("");
        empty_query = false;
    } else {
        dj_err e = stored_name(s, dj_static_manifest_of(site->statics), name, &name);
        if (e)
            return e;
    }
    dj_str url = dj_url_quote(s, name, STORAGE_SAFE);
    while (url.len > 0 && url.ptr[0] == '/')
        url = dj_str_from(url, 1);
    dj_err e = join(s, prefix, url, out);
    if (e)
        return e;
    *out = dj_url_unquote(s, *out);
    if (fragment.len > 1)
        *out =
            dj_strf(s, DJ_FMT "%s" DJ_FMT, DJ_ARG(*out), empty_query ? "?" : "", DJ_ARG(fragment));
    return DJ_OK;
}

dj_err dj_static_url(dj_scope *s, const struct dj_site *site, dj_str path, dj_str *out)
{
    dj_str prefix = dj_static_prefix(s, site->settings);
    if (!has_app(site->settings))
        return join(s, dj_iri_to_uri(s, dj_str_is_none(prefix) ? DJ_LIT("") : prefix),
                    dj_url_quote(s, path, DJ_LIT("/")), out);
    if (dj_str_is_none(prefix))
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "You're using the staticfiles app without having set the required "
                       "STATIC_URL setting.");
    if (dj_static_uses_manifest(site->settings))
        return hashed_url(s, site, prefix, path, out);
    dj_str url = dj_url_quote(s, path, STORAGE_SAFE);
    while (url.len > 0 && url.ptr[0] == '/')
        url = dj_str_from(url, 1);
    return join(s, prefix, url, out);
}

dj_err dj_static_address(dj_req *req, dj_str path, dj_str *url)
{
    return dj_static_url(req->scope, req->site, path, url);
}
