/* src/test/jar.c - cookies between requests, as a browser keeps them: Path, Secure, Max-Age and
 * Expires count; there is one host, so Domain does not. RFC 6265 5.
 *
 * Must not know: requests, answers. */
#include "test/test.h"
#include "donjon/time.h"

const dj_jar_cookie *dj_jar_find(const dj_jar *jar, dj_str name)
{
    for (size_t i = 0; i < jar->len; i++) {
        if (dj_str_eq(jar->cookies[i].name, name))
            return &jar->cookies[i];
    }
    return NULL;
}

/* The same name and path: replaced in its place. */
static size_t place_of(const dj_jar *jar, const dj_jar_cookie *c)
{
    for (size_t i = 0; i < jar->len; i++) {
        if (dj_str_eq(jar->cookies[i].name, c->name) && dj_str_eq(jar->cookies[i].path, c->path))
            return i;
    }
    return jar->len;
}

void dj_jar_put(dj_jar *jar, const dj_jar_cookie *cookie)
{
    size_t at = place_of(jar, cookie);
    if (at == DJ_JAR_MAX)
        return;
    jar->cookies[at] = (dj_jar_cookie){
        .name = dj_str_dup(jar->scope, cookie->name),
        .value = dj_str_dup(jar->scope, cookie->value),
        .path = dj_str_dup(jar->scope, cookie->path),
        .expires = cookie->expires,
        .secure = cookie->secure,
    };
    jar->len += at == jar->len;
}

static void drop(dj_jar *jar, const dj_jar_cookie *c)
{
    size_t at = place_of(jar, c);
    if (at == jar->len)
        return;
    jar->len--;
    memmove(&jar->cookies[at], &jar->cookies[at + 1], (jar->len - at) * sizeof jar->cookies[0]);
}

/* RFC 6265 5.1.4: the folder of the request. */
static dj_str default_path(dj_str path)
{
    size_t slash = dj_str_rchr(path, '/');
    return slash == DJ_NOT_FOUND || slash == 0 ? DJ_LIT("/") : dj_str_first(path, slash);
}

/* A Set-Cookie line as it is read. */
typedef struct line {
    dj_jar_cookie cookie;
    int64_t       by_age, by_date; /* when it ends; 0: not said */
} line;

static void attribute(line *l, dj_str name, dj_str value, int64_t now)
{
    int64_t n;
    if (dj_str_eq_nocase(name, DJ_LIT("Path")) && dj_str_starts(value, DJ_LIT("/")))
        l->cookie.path = value;
    else if (dj_str_eq_nocase(name, DJ_LIT("Secure")))
        l->cookie.secure = true;
    else if (dj_str_eq_nocase(name, DJ_LIT("Max-Age")) && dj_str_to_int(value, &n))
        l->by_age = n <= 0 ? now : n > INT64_MAX - now ? INT64_MAX : now + n;
    else if (dj_str_eq_nocase(name, DJ_LIT("Expires")) && dj_http_date_parse(value, now, &n))
        l->by_date = n == 0 ? 1 : n;
}

void dj_jar_take(dj_jar *jar, dj_str text, dj_str path, bool secure, int64_t now)
{
    dj_str rest = text, part;
    size_t equals;
    line   l = {.cookie.path = default_path(path)};
    if (!dj_str_next(&rest, ';', &part) || (equals = dj_str_chr(part, '=')) == DJ_NOT_FOUND)
        return;
    l.cookie.name = dj_str_trim(dj_str_first(part, equals));
    l.cookie.value = dj_str_trim(dj_str_from(part, equals + 1));
    while (dj_str_next(&rest, ';', &part)) {
        equals = dj_str_chr(part, '=');
        dj_str value = equals == DJ_NOT_FOUND ? DJ_LIT("") : dj_str_from(part, equals + 1);
        attribute(&l, dj_str_trim(dj_str_first(part, equals)), dj_str_trim(value), now);
    }
    l.cookie.expires = l.by_age != 0 ? l.by_age : l.by_date;
    if (l.cookie.secure && !secure)
        return; /* a browser takes none over plain HTTP */
    if (l.cookie.expires != 0 && l.cookie.expires <= now)
        drop(jar, &l.cookie);
    else
        dj_jar_put(jar, &l.cookie);
}

static bool path_matches(dj_str path, dj_str of_cookie)
{
    if (!dj_str_starts(path, of_cookie))
        return false;
    return path.len == of_cookie.len || dj_str_ends(of_cookie, DJ_LIT("/")) ||
           path.ptr[of_cookie.len] == '/';
}

dj_str dj_jar_header(dj_scope *s, const dj_jar *jar, dj_str path, bool secure, int64_t now)
{
    dj_buf b = dj_buf_make(s, (size_t)1024 * 1024);
    path = dj_str_first(path, dj_str_chr(path, '?'));
    for (size_t i = 0; i < jar->len; i++) {
        const dj_jar_cookie *c = &jar->cookies[i];
        if ((c->secure && !secure) || (c->expires != 0 && c->expires <= now) ||
            !path_matches(path, c->path))
            continue;
        if (b.len > 0)
            dj_buf_add(&b, DJ_LIT("; "));
        dj_buf_addf(&b, DJ_FMT "=" DJ_FMT, DJ_ARG(c->name), DJ_ARG(c->value));
    }
    return b.len == 0 ? DJ_NONE : dj_buf_str(&b);
}
