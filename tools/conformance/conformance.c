/* tools/conformance/conformance.c - `build/conformance FILE...`: every case of every file, or a
 * failure. */
#include "conformance.h"
#include <stdarg.h>

#define DJ_VECTOR_KIND(name, fn) kind_fn fn;
#include "kinds.def"
#undef DJ_VECTOR_KIND

static const struct {
    const char *name;
    kind_fn    *fn;
} kinds[] = {
#define DJ_VECTOR_KIND(name, fn) {name, fn},
#include "kinds.def"
#undef DJ_VECTOR_KIND
    {NULL, NULL},
};

/* Cut and made printable, so that a hostile case can't garble the terminal or hide a line. */
static void print_escaped(dj_str s)
{
    size_t shown = s.len > 400 ? 400 : s.len;
    if (dj_str_is_none(s)) {
        fputs("(none)", stdout);
        return;
    }
    putchar('"');
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '\n')
            fputs("\\n", stdout);
        else if (c < 0x20 || c == 0x7F)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
    fputs(shown < s.len ? "\"..." : "\"", stdout);
}

void case_begin(run *r, const char *id)
{
    r->scope = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (r->scope == NULL) {
        fputs("conformance: out of memory\n", stderr);
        exit(1);
    }
    r->id = id;
    r->bad = false;
}

void case_end(run *r)
{
    if (r->bad)
        r->failed++;
    else
        r->passed++;
    dj_scope_close(r->scope);
    r->scope = NULL;
}

void case_fail(run *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    printf("FAIL %s: ", r->id);
    vprintf(fmt, args);
    putchar('\n');
    va_end(args);
    r->bad = true;
}

static void fail_open(run *r, const char *what)
{
    printf("FAIL %s: %s: expected ", r->id, what);
    r->bad = true;
}

bool case_expect_str(run *r, const char *what, dj_str expected, dj_str got)
{
    if (dj_str_is_none(expected) == dj_str_is_none(got) && dj_str_eq(expected, got))
        return true;
    fail_open(r, what);
    print_escaped(expected);
    fputs(" got ", stdout);
    print_escaped(got);
    putchar('\n');
    return false;
}

bool case_expect_int(run *r, const char *what, int64_t expected, int64_t got)
{
    if (expected == got)
        return true;
    fail_open(r, what);
    printf("%lld got %lld\n", (long long)expected, (long long)got);
    return false;
}

bool case_expect_bool(run *r, const char *what, bool expected, bool got)
{
    if (expected == got)
        return true;
    fail_open(r, what);
    printf("%s got %s\n", expected ? "true" : "false", got ? "true" : "false");
    return false;
}

dj_str js_text(const json_t *value)
{
    if (!json_is_string(value))
        return DJ_NONE;
    return dj_str_n(json_string_value(value), json_string_length(value));
}

dj_str js_str(const json_t *object, const char *name)
{
    return js_text(json_object_get(object, name));
}

int64_t js_int(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

bool js_bool(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

dj_str js_latin1(run *r, dj_str text)
{
    if (dj_str_is_none(text))
        return text;
    char  *out = dj_alloc_raw(r->scope, text.len + 1);
    size_t n = 0;
    for (size_t pos = 0; pos < text.len;) {
        int32_t cp = dj_utf8_next(text, &pos);
        if (cp >= 0 && cp < 256)
            out[n++] = (char)cp;
        else if (cp >= 0)
            n += dj_utf8_put(out + n, (uint32_t)cp);
    }
    return dj_str_n(out, n);
}

dj_str js_base64(run *r, dj_str text)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char    *out = dj_alloc_raw(r->scope, text.len + 1);
    size_t   n = 0;
    unsigned acc = 0, bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.ptr[i] == '\0' ? NULL : strchr(alphabet, text.ptr[i]);
        if (at == NULL)
            continue;
        acc = acc << 6 | (unsigned)(at - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(acc >> bits & 0xFF);
        }
    }
    return dj_str_n(out, n);
}

/* False if the file can't be read or its kind is unknown: an error, never a skipped file. */
static bool run_file(const char *path, size_t *passed, size_t *failed)
{
    json_error_t error;
    json_t      *file = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (file == NULL) {
        fprintf(stderr, "conformance: %s:%d:%d: %s\n", path, error.line, error.column, error.text);
        return false;
    }
    const char *kind = json_string_value(json_object_get(file, "kind"));
    kind_fn    *fn = NULL;
    for (size_t i = 0; kind != NULL && kinds[i].name != NULL; i++) {
        if (strcmp(kinds[i].name, kind) == 0)
            fn = kinds[i].fn;
    }
    if (fn == NULL) {
        fprintf(stderr, "conformance: %s: unknown kind %s\n", path, kind == NULL ? "(none)" : kind);
        json_decref(file);
        return false;
    }
    run r = {.file = path};
    fn(&r, file);
    json_decref(file);
    printf("%s: %zu passed, %zu failed\n", path, r.passed, r.failed);
    *passed += r.passed;
    *failed += r.failed;
    return true;
}

int main(int argc, char **argv)
{
    size_t passed = 0, failed = 0;
    bool   all_read = true;
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        fputs("usage: conformance FILE...\nRuns vector files by their \"kind\"; exit status 1 on "
              "any failure.\n",
              argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    for (int i = 1; i < argc; i++) {
        if (!run_file(argv[i], &passed, &failed)) {
            all_read = false;
            failed++;
        }
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed == 0 && all_read ? 0 : 1;
}
