/* src/http/http1.c - reads the head of an HTTP/1.1 request: request line, field lines, and what
 * they mean for framing.
 *
 * Works line by line: a line is judged when its LF is there, or refused when it can't end within
 * its limit any more. Good lines of the common kind are accepted by fast paths; whatever these do
 * not take goes to the full rules, which alone refuse. Lines that come in pieces see the full rules
 * only, so reading in both ways (conformance, fuzz_http1) compares the two. RFC 9112 sections 2-6,
 * RFC 9110 sections 5, 7, 8.6, 10.1.1.
 *
 * Must not know: sockets, which hosts a site answers to, what a field means to an application. */
#include "http/http.h"
#include <arpa/inet.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* -- refusals and limits -- */

static const struct {
    int    status;
    dj_str name;
} refusals[DJ_REFUSAL_COUNT] = {
    [DJ_REFUSAL_NONE] = {0, DJ_STR_INIT("")},
#define DJ_REFUSAL(code, status, name) [DJ_REFUSED_##code] = {status, DJ_STR_INIT(name)},
#include "http/refusals.def"
#undef DJ_REFUSAL
};

int dj_refusal_status(dj_refusal r)
{
    return refusals[r].status;
}

dj_str dj_refusal_name(dj_refusal r)
{
    return refusals[r].name;
}

dj_http_limits dj_http_limits_default(void)
{
    return (dj_http_limits){
        .request_line = 8190,
        .field_line = 8190,
        .fields = DJ_HTTP_FIELDS_MAX,
        .header_section = 32768,
        .chunk_line = 256,
        .trailers = 8190,
        .body = (uint64_t)10 * 1024 * 1024,
    };
}

/* -- classes of bytes -- */

enum {
    TOKEN = 1,      /* tchar */
    UNDERSCORE = 2, /* '_', a tchar too */
    PATH = 4,       /* as it is in a path: no '%', '?', '#' */
    QUERY = 8,      /* in a query: no '#' */
    REG_NAME = 16,  /* unreserved and sub-delims */
    VALUE = 32,     /* in a field value: no control but TAB */
    TARGET = 64     /* anywhere in a target, before its parts are told apart */
};

#define IS_ALNUM(c)                                                                                \
    (((c) >= '0' && (c) <= '9') || ((c) >= 'A' && (c) <= 'Z') || ((c) >= 'a' && (c) <= 'z'))
#define IS_UNRESERVED(c) (IS_ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define IS_SUB_DELIM(c)                                                                            \
    ((c) == '!' || (c) == '$' || (c) == '&' || (c) == '\'' || (c) == '(' || (c) == ')' ||          \
     (c) == '*' || (c) == '+' || (c) == ',' || (c) == ';' || (c) == '=')
#define IS_TOKEN(c)                                                                                \
    (IS_ALNUM(c) || (c) == '!' || (c) == '#' || (c) == '$' || (c) == '%' || (c) == '&' ||          \
     (c) == '\'' || (c) == '*' || (c) == '+' || (c) == '-' || (c) == '.' || (c) == '^' ||          \
     (c) == '_' || (c) == '`' || (c) == '|' || (c) == '~')
/* RFC 3986 allows less; what many clients send unencoded and what can't be confused is let through.
 */
#define IS_TARGET(c) ((c) > 0x20 && (c) < 0x7F && (c) != '"' && (c) != '<' && (c) != '>')
#define IS_VALUE(c)  ((c) == '\t' || ((c) >= 0x20 && (c) != 0x7F))
#define CLASS(c)                                                                                   \
    (uint8_t)((IS_TOKEN(c) ? TOKEN : 0) | ((c) == '_' ? UNDERSCORE : 0) |                          \
              (IS_TARGET(c) && (c) != '\\' && (c) != '%' && (c) != '?' && (c) != '#' ? PATH : 0) | \
              (IS_TARGET(c) && (c) != '#' ? QUERY : 0) |                                           \
              (IS_UNRESERVED(c) || IS_SUB_DELIM(c) ? REG_NAME : 0) | (IS_VALUE(c) ? VALUE : 0) |   \
              (IS_TARGET(c) ? TARGET : 0))
#define CLASS4(c)  CLASS(c), CLASS((c) + 1), CLASS((c) + 2), CLASS((c) + 3)
#define CLASS16(c) CLASS4(c), CLASS4((c) + 4), CLASS4((c) + 8), CLASS4((c) + 12)
#define CLASS64(c) CLASS16(c), CLASS16((c) + 16), CLASS16((c) + 32), CLASS16((c) + 48)

static const uint8_t classes[256] = {CLASS64(0), CLASS64(64), CLASS64(128), CLASS64(192)};

static inline unsigned class_of(char c)
{
    return classes[(unsigned char)c];
}

/* All bytes of one class? */
static bool all_are(dj_str s, unsigned class)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((class_of(s.ptr[i]) & class) == 0)
            return false;
    }
    return true;
}

/* First byte that can't stand in a field value, or `end`. Values are most of a head, so 16 bytes at
 * a time. */
static const char *skip_value(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i last_control = _mm_set1_epi8(0x1F), tab = _mm_set1_epi8('\t'),
                  del = _mm_set1_epi8(0x7F);
    while (end - p >= 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(x, last_control), x);
        __m128i bad =
            _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(x, tab), control), _mm_cmpeq_epi8(x, del));
        unsigned mask = (unsigned)_mm_movemask_epi8(bad);
        if (mask != 0)
            return p + __builtin_ctz(mask);
        p += 16;
    }
#endif
    while (p < end && (class_of(*p) & VALUE) != 0)
        p++;
    return p;
}

/* Skips letters, digits and '-' of a field name, 16 at a time while there are so many bytes; what
 * else a token may hold is left to the caller. */
static inline const char *skip_plain_name(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i case_bit = _mm_set1_epi8(0x20), a = _mm_set1_epi8('a'), zero = _mm_set1_epi8('0');
    const __m128i letters = _mm_set1_epi8(25), digits = _mm_set1_epi8(9), dash = _mm_set1_epi8('-');
    while (end - p >= 16) {
        __m128i  x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i  letter = _mm_sub_epi8(_mm_or_si128(x, case_bit), a), digit = _mm_sub_epi8(x, zero);
        __m128i  plain = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(letter, letters), letter),
                                      _mm_cmpeq_epi8(_mm_min_epu8(digit, digits), digit));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(plain, _mm_cmpeq_epi8(x, dash)));
        if (mask != 0xFFFF)
            return p + __builtin_ctz(~mask);
        p += 16;
    }
#endif
    return p;
}

/* The bytes from `from` up to `to`. */
static inline dj_str slice(const char *from, const char *to)
{
    return (dj_str){from, (size_t)(to - from)};
}

void dj_head_move(dj_head *head, const char *from, const char *to)
{
    const char *path = head->path.ptr;
    bool        inside = path >= head->target.ptr && path <= head->target.ptr + head->target.len;
    head->method_name.ptr = to + (head->method_name.ptr - from);
    head->query.ptr = to + (head->query.ptr - from);
    head->target.ptr = to + (head->target.ptr - from);
    if (inside)
        head->path.ptr = to + (path - from);
    if (!dj_str_is_none(head->host))
        head->host.ptr = to + (head->host.ptr - from);
    for (size_t i = 0; i < head->nfields; i++) {
        head->fields[i].name.ptr = to + (head->fields[i].name.ptr - from);
        head->fields[i].value.ptr = to + (head->fields[i].value.ptr - from);
    }
}

/* -- the authority of a URL -- */

static bool is_ipv6(dj_str s)
{
    char            text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (s.len == 0 || s.len >= sizeof text || memchr(s.ptr, '\0', s.len) != NULL)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* Letters of a name; %XX only whole. */
static bool is_reg_name(dj_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((class_of(s.ptr[i]) & REG_NAME) != 0)
            continue;
        if (s.ptr[i] != '%' || s.len - i < 3 || dj_hex_value(s.ptr[i + 1]) < 0 ||
            dj_hex_value(s.ptr[i + 2]) < 0)
            return false;
        i += 2;
    }
    return s.len > 0;
}

/* host [":" digits]; *port is DJ_NONE without a colon. */
static bool split_authority(dj_str text, dj_str *port)
{
    size_t host_len;
    *port = DJ_NONE;
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t close = dj_str_chr(text, ']');
        if (close == DJ_NOT_FOUND || !is_ipv6(dj_str_n(text.ptr + 1, close - 1)))
            return false;
        host_len = close + 1;
    } else {
        const char *colon = memchr(text.ptr, ':', text.len);
        host_len = colon == NULL ? text.len : (size_t)(colon - text.ptr);
        if (!is_reg_name(dj_str_first(text, host_len)))
            return false;
    }
    if (host_len == text.len)
        return true;
    if (text.ptr[host_len] != ':')
        return false;
    *port = dj_str_from(text, host_len + 1);
    for (size_t i = 0; i < port->len; i++) {
        if (!dj_is_digit(port->ptr[i]))
            return false;
    }
    return true;
}

bool dj_authority_valid(dj_str text)
{
    dj_str port;
    return text.len > 0 && split_authority(text, &port);
}

/* -- the request line -- */

static const struct {
    dj_str    name;
    dj_method method;
} served[] = {
    {DJ_STR_INIT("GET"), DJ_GET},         {DJ_STR_INIT("HEAD"), DJ_HEAD},
    {DJ_STR_INIT("POST"), DJ_POST},       {DJ_STR_INIT("PUT"), DJ_PUT},
    {DJ_STR_INIT("PATCH"), DJ_PATCH},     {DJ_STR_INIT("DELETE"), DJ_DELETE},
    {DJ_STR_INIT("OPTIONS"), DJ_OPTIONS},
};

static dj_refusal method_of(dj_str name, dj_method *out)
{
    for (size_t i = 0; i < DJ_COUNT(served); i++) {
        if (dj_str_eq(name, served[i].name)) {
            *out = served[i].method;
            return DJ_REFUSAL_NONE;
        }
    }
    if (dj_str_eq(name, DJ_LIT("CONNECT")))
        return DJ_REFUSED_METHOD_CONNECT;
    if (dj_str_eq(name, DJ_LIT("TRACE")))
        return DJ_REFUSED_METHOD_TRACE;
    return DJ_REFUSED_METHOD_UNKNOWN;
}

/* Bytes that no form of target may hold. */
static dj_refusal check_target_bytes(dj_str target, size_t path_len)
{
    bool fragment = false, bad_percent = false, nul = false;
    for (size_t i = 0; i < target.len; i++) {
        char c = target.ptr[i];
        if ((class_of(c) & TARGET) == 0 || (c == '\\' && i < path_len))
            return DJ_REFUSED_TARGET_CHAR;
        if (c == '#')
            fragment = true;
        if (c == '%' && i < path_len) {
            bool whole = path_len - i >= 3 && dj_hex_value(target.ptr[i + 1]) >= 0 &&
                         dj_hex_value(target.ptr[i + 2]) >= 0;
            if (!whole)
                bad_percent = true;
            else if (target.ptr[i + 1] == '0' && target.ptr[i + 2] == '0')
                nul = true;
        }
    }
    if (fragment)
        return DJ_REFUSED_TARGET_FRAGMENT;
    if (bad_percent)
        return DJ_REFUSED_TARGET_PERCENT;
    return nul ? DJ_REFUSED_TARGET_NUL : DJ_REFUSAL_NONE;
}

/* Length of `scheme "://"`, 0 if there is none. */
static size_t scheme_len(dj_str target)
{
    size_t i = 0;
    if (target.len == 0 || !dj_is_alpha(target.ptr[0]))
        return 0;
    while (i < target.len && (IS_ALNUM(target.ptr[i]) || target.ptr[i] == '+' ||
                              target.ptr[i] == '-' || target.ptr[i] == '.'))
        i++;
    return dj_str_starts(dj_str_from(target, i), DJ_LIT("://")) ? i + 3 : 0;
}

static dj_refusal absolute_form(dj_str target, size_t prefix, bool tls, dj_head *head)
{
    dj_str scheme = dj_str_first(target, prefix - 3);
    bool   https = dj_str_eq_nocase(scheme, DJ_LIT("https"));
    if (!https && !dj_str_eq_nocase(scheme, DJ_LIT("http")))
        return DJ_REFUSED_TARGET_SCHEME;
    const char *authority = target.ptr + prefix, *end = target.ptr + target.len, *path = authority;
    while (path < end && *path != '/' && *path != '?')
        path++;
    dj_str host = slice(authority, path);
    if (dj_str_chr(host, '@') != DJ_NOT_FOUND)
        return DJ_REFUSED_TARGET_USERINFO;
    if (!dj_authority_valid(host))
        return DJ_REFUSED_TARGET_HOST;
    if (https != tls)
        return https ? DJ_REFUSED_HTTPS_ON_CLEAR : DJ_REFUSED_HTTP_ON_TLS;
    const char *question = memchr(path, '?', (size_t)(end - path));
    head->form = DJ_TARGET_ABSOLUTE;
    head->host = slice(authority, path);
    head->path = slice(path, question == NULL ? end : question);
    if (head->path.len == 0)
        head->path = DJ_LIT("/");
    return DJ_REFUSAL_NONE;
}

/* Which of the four forms; fills form, path, host. */
static dj_refusal target_form(dj_str target, size_t path_len, dj_str method, bool tls,
                              dj_head *head)
{
    size_t prefix;
    head->path = dj_str_first(target, path_len);
    if (target.ptr[0] == '/') {
        head->form = DJ_TARGET_ORIGIN;
        return DJ_REFUSAL_NONE;
    }
    if (dj_str_eq(target, DJ_LIT("*"))) {
        head->form = DJ_TARGET_ASTERISK;
        return dj_str_eq(method, DJ_LIT("OPTIONS")) ? DJ_REFUSAL_NONE : DJ_REFUSED_ASTERISK_FORM;
    }
    if ((prefix = scheme_len(target)) != 0)
        return absolute_form(target, prefix, tls, head);
    dj_str port;
    bool   authority = split_authority(target, &port) && port.len > 0;
    if (dj_str_eq(method, DJ_LIT("CONNECT")))
        return authority ? DJ_REFUSAL_NONE : DJ_REFUSED_AUTHORITY_FORM;
    return authority ? DJ_REFUSED_AUTHORITY_FORM : DJ_REFUSED_TARGET_FORM;
}

/* The full rules for a request line without its line end. */
static dj_refusal request_line(dj_str line, bool tls, dj_head *head)
{
    const char *end = line.ptr + line.len;
    const char *first = memchr(line.ptr, ' ', line.len);
    const char *second = first == NULL ? NULL : memchr(first + 1, ' ', (size_t)(end - first - 1));
    if (second == NULL || first == line.ptr || second == first + 1 || second + 1 == end ||
        memchr(second + 1, ' ', (size_t)(end - second - 1)) != NULL)
        return DJ_REFUSED_REQUEST_LINE_SHAPE;
    dj_str method = slice(line.ptr, first), target = slice(first + 1, second),
           version = slice(second + 1, end);
    if (!all_are(method, TOKEN))
        return DJ_REFUSED_METHOD_CHARS;
    if (version.len != 8 || memcmp(version.ptr, "HTTP/", 5) != 0 || !dj_is_digit(version.ptr[5]) ||
        version.ptr[6] != '.' || !dj_is_digit(version.ptr[7]))
        return DJ_REFUSED_VERSION_SYNTAX;
    if (version.ptr[5] != '1')
        return DJ_REFUSED_VERSION_UNSUPPORTED;

    size_t     question = dj_str_chr(target, '?');
    size_t     path_len = question == DJ_NOT_FOUND ? target.len : question;
    dj_refusal r = check_target_bytes(target, path_len);
    if (r == DJ_REFUSAL_NONE)
        r = target_form(target, path_len, method, tls, head);
    if (r == DJ_REFUSAL_NONE)
        r = method_of(method, &head->method);
    if (r != DJ_REFUSAL_NONE)
        return r;
    head->minor = version.ptr[7] == '0' ? 0 : 1; /* 1.2 to 1.9 are read as what we know */
    head->method_name = method;
    head->target = target;
    head->has_query = question != DJ_NOT_FOUND;
    head->query =
        head->has_query ? slice(target.ptr + question + 1, second) : slice(second, second);
    return DJ_REFUSAL_NONE;
}

/* Behind the method and its blank; NULL for one that is not served. */
static const char *skip_method(const char *at, dj_head *head)
{
#define METHOD(name)                                                                               \
    if (memcmp(at, #name " ", sizeof(#name)) == 0) {                                               \
        head->method = DJ_##name;                                                                  \
        return at + sizeof(#name);                                                                 \
    }
    switch (*at) {
    case 'G':
        METHOD(GET) break;
    case 'P':
        METHOD(POST) METHOD(PUT) METHOD(PATCH) break;
    case 'H':
        METHOD(HEAD) break;
    case 'D':
        METHOD(DELETE) break;
    case 'O':
        METHOD(OPTIONS) break;
    default:
        break;
    }
#undef METHOD
    return NULL;
}

/* Takes a whole and good request line of origin form; returns the byte behind it, or NULL: ask
 * request_line(). */
static const char *request_line_fast(const char *at, const char *end, size_t limit, dj_head *head)
{
    const char *c;
    if (end - at < (ptrdiff_t)sizeof("GET / HTTP/1.1\r\n") - 1 ||
        (c = skip_method(at, head)) == NULL || *c != '/')
        return NULL;
    const char *target = c, *path_end;
    for (;;) {
        while (c < end && (class_of(*c) & PATH) != 0)
            c++;
        if (end - c < 3 || *c != '%' || dj_hex_value(c[1]) < 0 || dj_hex_value(c[2]) < 0 ||
            (c[1] == '0' && c[2] == '0'))
            break;
        c += 3;
    }
    path_end = c;
    if (c < end && *c == '?') {
        c++;
        while (c < end && (class_of(*c) & QUERY) != 0)
            c++;
    }
    if (end - c < 11 || memcmp(c, " HTTP/1.", 8) != 0 || (c[8] != '1' && c[8] != '0') ||
        c[9] != '\r' || c[10] != '\n' || (size_t)(c + 9 - at) > limit)
        return NULL;
    head->minor = c[8] - '0';
    head->form = DJ_TARGET_ORIGIN;
    head->method_name = slice(at, target - 1);
    head->target = slice(target, c);
    head->path = slice(target, path_end);
    head->has_query = path_end != c;
    head->query = slice(head->has_query ? path_end + 1 : c, c);
    return c + 11;
}

/* -- field lines -- */

/* Compares without regard to case; `known` is lower-case letters and '-'. For bytes without
 * controls alone: of those, none but a letter's other case turns into a letter or '-' by setting
 * bit 5. */
static inline bool is_name(const char *name, const char *known, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((name[i] | 0x20) != known[i])
            return false;
    }
    return true;
}

static dj_field_id field_id(const char *name, size_t len)
{
#define KNOWN(text, id)                                                                            \
    if (is_name(name, text, sizeof(text) - 1))                                                     \
        return id;
    switch (len) {
    case 4:
        KNOWN("host", DJ_FIELD_HOST) break;
    case 6:
        KNOWN("cookie", DJ_FIELD_COOKIE)
        KNOWN("origin", DJ_FIELD_ORIGIN)
        KNOWN("expect", DJ_FIELD_EXPECT)
        break;
    case 10:
        KNOWN("connection", DJ_FIELD_CONNECTION)
        KNOWN("user-agent", DJ_FIELD_USER_AGENT)
        break;
    case 12:
        KNOWN("content-type", DJ_FIELD_CONTENT_TYPE) break;
    case 13:
        KNOWN("authorization", DJ_FIELD_AUTHORIZATION) break;
    case 14:
        KNOWN("content-length", DJ_FIELD_CONTENT_LENGTH) break;
    case 16:
        KNOWN("x-forwarded-host", DJ_FIELD_X_FORWARDED_HOST)
        KNOWN("x-forwarded-port", DJ_FIELD_X_FORWARDED_PORT)
        break;
    case 17:
        KNOWN("transfer-encoding", DJ_FIELD_TRANSFER_ENCODING)
        KNOWN("x-forwarded-proto", DJ_FIELD_X_FORWARDED_PROTO)
        break;
    default:
        break;
    }
#undef KNOWN
    return DJ_FIELD_OTHER;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

dj_refusal dj_field_line(dj_str line, bool first, dj_field *out)
{
    if (line.len > 0 && is_blank(line.ptr[0]))
        return first ? DJ_REFUSED_LEADING_SPACE : DJ_REFUSED_OBS_FOLD;
    size_t colon = dj_str_chr(line, ':');
    if (colon == DJ_NOT_FOUND)
        return DJ_REFUSED_NO_COLON;
    if (colon > 0 && is_blank(line.ptr[colon - 1]))
        return DJ_REFUSED_SPACE_BEFORE_COLON;
    out->name = dj_str_first(line, colon);
    if (colon == 0 || !all_are(out->name, TOKEN))
        return DJ_REFUSED_FIELD_NAME;
    out->value = dj_str_trim(dj_str_from(line, colon + 1));
    if (!all_are(out->value, VALUE))
        return dj_str_chr(out->value, '\0') != DJ_NOT_FOUND ? DJ_REFUSED_FIELD_VALUE_NUL
                                                            : DJ_REFUSED_FIELD_VALUE_CTL;
    out->id = field_id(out->name.ptr, colon);
    return DJ_REFUSAL_NONE;
}

/* Keeps a good field. A name with '_' is dropped: as a CGI variable it could pose as the one with
 * '-'. */
static inline void keep_field(dj_http1 *p, dj_head *head, dj_str name, dj_str value, dj_field_id id,
                              bool underscore)
{
    p->nlines++;
    if (underscore) {
        head->ndropped++;
        return;
    }
    if (id != DJ_FIELD_OTHER) {
        uint32_t bit = (uint32_t)1 << id;
        if ((head->seen & bit) == 0)
            p->first[id] = (uint8_t)head->nfields;
        p->repeated |= head->seen & bit;
        head->seen |= bit;
    }
    head->fields[head->nfields++] = (dj_field){name, value, id};
}

/* Takes a whole and good field line; returns the byte behind it, or NULL: ask the full rules. */
static const char *field_line_fast(dj_http1 *p, const char *base, const char *at, const char *end,
                                   dj_head *head)
{
    const char *c = skip_plain_name(at, end);
    unsigned class, met = 0;
    while (c < end && ((class = class_of(*c)) & TOKEN) != 0) {
        met |= class;
        c++;
    }
    if (c == end || *c != ':' || c == at)
        return NULL;
    const char *name_end = c++;
    while (c < end && is_blank(*c))
        c++;
    const char *value = c;
    c = skip_value(c, end);
    if (end - c < 2 || c[0] != '\r' || c[1] != '\n')
        return NULL;
    if ((size_t)(c - at) > p->limits->field_line || p->nlines >= p->limits->fields ||
        (size_t)(c + 2 - base) - p->section > p->limits->header_section)
        return NULL;
    const char *value_end = c;
    while (value_end > value && is_blank(value_end[-1]))
        value_end--;
    keep_field(p, head, slice(at, name_end), slice(value, value_end),
               field_id(at, (size_t)(name_end - at)), (met & UNDERSCORE) != 0);
    return c + 2;
}

/* The full rules for one field line; `end` is the offset behind its line end. */
static dj_refusal field_line(dj_http1 *p, dj_str line, size_t end, dj_head *head)
{
    dj_field field;
    if (p->nlines >= p->limits->fields)
        return DJ_REFUSED_TOO_MANY_FIELDS;
    if (end - p->section > p->limits->header_section)
        return DJ_REFUSED_HEADERS_TOO_LARGE;
    dj_refusal r = dj_field_line(line, p->nlines == 0, &field);
    if (r != DJ_REFUSAL_NONE)
        return r;
    keep_field(p, head, field.name, field.value, field.id,
               dj_str_chr(field.name, '_') != DJ_NOT_FOUND);
    return DJ_REFUSAL_NONE;
}

/* -- the head as a whole -- */

static inline bool seen(const dj_head *head, dj_field_id id)
{
    return (head->seen >> id & 1u) != 0;
}

static dj_refusal check_host(const dj_http1 *p, dj_head *head)
{
    if (!seen(head, DJ_FIELD_HOST)) {
        if (head->minor > 0)
            return DJ_REFUSED_HOST_MISSING;
        return DJ_REFUSAL_NONE; /* host: the absolute form's, or none */
    }
    if ((p->repeated >> DJ_FIELD_HOST & 1u) != 0)
        return DJ_REFUSED_HOST_MULTIPLE;
    dj_str host = head->fields[p->first[DJ_FIELD_HOST]].value;
    if (host.len == 0)
        return DJ_REFUSED_HOST_EMPTY;
    if (!dj_authority_valid(host))
        return DJ_REFUSED_HOST_INVALID;
    if (head->form != DJ_TARGET_ABSOLUTE)
        head->host = host;
    return DJ_REFUSAL_NONE;
}

/* Fields by which a decision on security hangs: two of them, and we might not read the one that a
 * front end reads. */
#define NEVER_REPEATED                                                                             \
    (1u << DJ_FIELD_CONTENT_TYPE | 1u << DJ_FIELD_AUTHORIZATION | 1u << DJ_FIELD_ORIGIN |          \
     1u << DJ_FIELD_X_FORWARDED_HOST | 1u << DJ_FIELD_X_FORWARDED_PORT |                           \
     1u << DJ_FIELD_X_FORWARDED_PROTO)

/* Next element of a comma list that may span several fields of one id. Start with *i = first index,
 * *rest = DJ_NONE. */
static bool next_element(const dj_head *head, dj_field_id id, size_t *i, dj_str *rest,
                         dj_str *element)
{
    while (dj_str_is_none(*rest)) {
        while (*i < head->nfields && head->fields[*i].id != id)
            (*i)++;
        if (*i == head->nfields)
            return false;
        *rest = head->fields[(*i)++].value;
    }
    size_t comma = dj_str_chr(*rest, ',');
    *element = dj_str_trim(dj_str_first(*rest, comma));
    *rest = comma == DJ_NOT_FOUND ? DJ_NONE : dj_str_from(*rest, comma + 1);
    return true;
}

/* Exactly one `chunked`, or a refusal. */
static dj_refusal check_codings(const dj_http1 *p, dj_head *head)
{
    size_t i = p->first[DJ_FIELD_TRANSFER_ENCODING];
    size_t chunked = 0, unknown = 0, empty = 0;
    dj_str rest = DJ_NONE, element, last = DJ_NONE;
    while (next_element(head, DJ_FIELD_TRANSFER_ENCODING, &i, &rest, &element)) {
        if (element.len == 0) {
            empty++;
            continue;
        }
        last = element;
        if (dj_str_eq_nocase(element, DJ_LIT("chunked")))
            chunked++;
        else
            unknown++;
    }
    if (!dj_str_eq_nocase(last, DJ_LIT("chunked"))) {
        dj_str name = dj_str_trim(dj_str_first(last, dj_str_chr(last, ';')));
        return dj_str_eq_nocase(name, DJ_LIT("chunked")) ? DJ_REFUSED_TE_PARAMS
                                                         : DJ_REFUSED_TE_FINAL;
    }
    if (chunked > 1)
        return DJ_REFUSED_TE_TWICE;
    if (empty > 0)
        return DJ_REFUSED_TE_EMPTY_ELEMENT;
    if (unknown > 0)
        return DJ_REFUSED_TE_UNKNOWN;
    head->chunked = true;
    return DJ_REFUSAL_NONE;
}

/* One number; any size is read, too large ones saturate. */
static dj_refusal check_length(const dj_http1 *p, dj_head *head)
{
    size_t   i = p->first[DJ_FIELD_CONTENT_LENGTH], n = 0;
    dj_str   rest = DJ_NONE, element, length = DJ_NONE;
    bool     differ = false;
    uint64_t value = 0;
    while (next_element(head, DJ_FIELD_CONTENT_LENGTH, &i, &rest, &element)) {
        if (n++ == 0)
            length = element;
        else if (!dj_str_eq(length, element))
            differ = true;
    }
    if (n > 1)
        return differ ? DJ_REFUSED_CL_MULTIPLE : DJ_REFUSED_CL_REPEATED;
    if (length.len == 0)
        return DJ_REFUSED_CL_INVALID;
    for (size_t k = 0; k < length.len; k++) {
        if (!dj_is_digit(length.ptr[k]))
            return DJ_REFUSED_CL_INVALID;
        uint64_t digit = (uint64_t)(length.ptr[k] - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    head->content_length = value;
    return DJ_REFUSAL_NONE;
}

static dj_refusal check_framing(const dj_http1 *p, dj_head *head)
{
    if (seen(head, DJ_FIELD_TRANSFER_ENCODING)) {
        if (head->minor == 0)
            return DJ_REFUSED_TE_HTTP10;
        if (seen(head, DJ_FIELD_CONTENT_LENGTH))
            return DJ_REFUSED_TE_AND_CL;
        return check_codings(p, head);
    }
    if (seen(head, DJ_FIELD_CONTENT_LENGTH)) {
        dj_refusal r = check_length(p, head);
        if (r != DJ_REFUSAL_NONE)
            return r;
        if (head->content_length > p->limits->body)
            return DJ_REFUSED_BODY_TOO_LARGE;
    }
    return DJ_REFUSAL_NONE;
}

/* HTTP/1.0 knows no Expect. */
static dj_refusal check_expect(dj_head *head)
{
    for (size_t i = 0; head->minor > 0 && i < head->nfields; i++) {
        if (head->fields[i].id != DJ_FIELD_EXPECT)
            continue;
        if (!dj_str_eq_nocase(head->fields[i].value, DJ_LIT("100-continue")))
            return DJ_REFUSED_EXPECT_UNKNOWN;
        head->expect_continue = head->chunked || head->content_length > 0;
    }
    return DJ_REFUSAL_NONE;
}

static void decide_keep_alive(const dj_http1 *p, dj_head *head)
{
    bool close = false, keep = false;
    if (seen(head, DJ_FIELD_CONNECTION)) {
        size_t i = p->first[DJ_FIELD_CONNECTION];
        dj_str rest = DJ_NONE, element, first = head->fields[i].value;
        if (first.len == 10 && is_name(first.ptr, "keep-alive", 10)) { /* what nearly all say */
            keep = true;
            i++;
        }
        while (next_element(head, DJ_FIELD_CONNECTION, &i, &rest, &element)) {
            close = close || dj_str_eq_nocase(element, DJ_LIT("close"));
            keep = keep || dj_str_eq_nocase(element, DJ_LIT("keep-alive"));
        }
    }
    head->keep_alive = !close && (head->minor > 0 || keep);
}

/* In the order that decides which refusal is reported when several apply. */
static dj_refusal finish(const dj_http1 *p, dj_head *head)
{
    dj_refusal r;
    if ((r = check_host(p, head)) != DJ_REFUSAL_NONE)
        return r;
    if ((p->repeated & NEVER_REPEATED) != 0)
        return DJ_REFUSED_FIELD_REPEATED;
    if ((r = check_framing(p, head)) != DJ_REFUSAL_NONE)
        return r;
    if (seen(head, DJ_FIELD_EXPECT) && (r = check_expect(head)) != DJ_REFUSAL_NONE)
        return r;
    decide_keep_alive(p, head);
    return DJ_REFUSAL_NONE;
}

/* -- lines -- */

dj_refusal dj_line_check(dj_str *line)
{
    const char *cr = memchr(line->ptr, '\r', line->len);
    if (cr == NULL)
        return DJ_REFUSED_BARE_LF;
    if (cr != line->ptr + line->len - 1)
        return DJ_REFUSED_BARE_CR;
    line->len--;
    return DJ_REFUSAL_NONE;
}

/* The line at p->line, without its line end, once its LF is there: DONE. */
static dj_http1_result next_line(dj_http1 *p, dj_str input, dj_str *line)
{
    size_t     max = p->limits->request_line + 2;
    dj_refusal too_long = DJ_REFUSED_URI_TOO_LONG;
    if (p->section != 0) {
        size_t left = p->limits->header_section + 2 - (p->line - p->section);
        max = p->limits->field_line + 2;
        too_long = DJ_REFUSED_FIELD_TOO_LONG;
        if (left < max) {
            max = left;
            too_long = DJ_REFUSED_HEADERS_TOO_LARGE;
        }
    }
    size_t      from = p->scanned > p->line ? p->scanned : p->line;
    size_t      to = input.len - p->line < max ? input.len : p->line + max;
    const char *lf = from < to ? memchr(input.ptr + from, '\n', to - from) : NULL;
    if (lf == NULL) {
        p->scanned = (uint32_t)to;
        if (to - p->line < max)
            return DJ_HTTP1_MORE;
        p->refusal = too_long;
        return DJ_HTTP1_REFUSED;
    }
    *line = dj_str_n(input.ptr + p->line, (size_t)(lf - input.ptr) - p->line);
    p->refusal = dj_line_check(line);
    return p->refusal == DJ_REFUSAL_NONE ? DJ_HTTP1_DONE : DJ_HTTP1_REFUSED;
}

/* Sets what the parser sums up in; the request line sets the rest, fields behind nfields are never
 * read. */
static void clear(dj_head *head)
{
    head->minor = 1;
    head->host = DJ_NONE;
    head->nfields = head->ndropped = 0;
    head->seen = 0;
    head->keep_alive = head->expect_continue = head->chunked = false;
    head->content_length = 0;
}

/* Moves to the line behind. */
static inline void advance(dj_http1 *p, size_t next)
{
    p->line = p->scanned = (uint32_t)next;
}

/* Takes as many good lines as there are; leaves at the first that the full rules must see. True at
 * the empty line. */
static bool fast_lines(dj_http1 *p, dj_str input, dj_head *head)
{
    const char *base = input.ptr, *at = base + p->line, *end = base + input.len, *next;
    if (p->scanned > p->line) /* a line that came in pieces: not to be read from its start again
                                 before it is whole */
        return false;
    if (p->section == 0) {
        if ((next = request_line_fast(at, end, p->limits->request_line, head)) == NULL)
            return false;
        at = next;
        p->section = (uint32_t)(at - base);
    }
    while ((next = field_line_fast(p, base, at, end, head)) != NULL)
        at = next;
    advance(p, (size_t)(at - base));
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n';
}

/* Judges line after line. DONE: the empty line is at p->line. */
static dj_http1_result read_lines(dj_http1 *p, dj_str input, dj_head *head)
{
    dj_str line;
    clear(head);
    while (!fast_lines(p, input, head)) {
        dj_http1_result got = next_line(p, input, &line);
        if (got != DJ_HTTP1_DONE)
            return got;
        size_t end = p->line + line.len + 2;
        if (p->section != 0) {
            if (line.len == 0)
                return DJ_HTTP1_DONE;
            p->refusal = field_line(p, line, end, head);
        } else if (line.len > 0) {
            p->refusal = request_line(line, p->tls, head);
            p->section = (uint32_t)end;
        } else {
            p->refusal = p->skipped ? DJ_REFUSED_EMPTY_LINES : DJ_REFUSAL_NONE;
            p->skipped = true;
        }
        if (p->refusal != DJ_REFUSAL_NONE)
            return DJ_HTTP1_REFUSED;
        advance(p, end);
    }
    return DJ_HTTP1_DONE;
}

/* A head that comes in pieces is judged piece by piece, and once it is whole it is read again from
 * its start: so no half head needs memory of its own, and no slice points into a buffer that has
 * moved since. */
dj_http1_result dj_http1_parse(dj_http1 *p, dj_str input, dj_head *head, size_t *consumed)
{
    bool again = p->line != 0;
    *consumed = 0;
    DJ_ASSERT(p->limits->fields <= DJ_HTTP_FIELDS_MAX);
    if (p->refusal != DJ_REFUSAL_NONE)
        return DJ_HTTP1_REFUSED;
    dj_http1_result r = read_lines(p, input, head);
    if (r == DJ_HTTP1_DONE && again) {
        dj_http1_init(p, p->limits, p->tls);
        r = read_lines(p, input, head);
        DJ_ASSERT(r == DJ_HTTP1_DONE);
    }
    if (r != DJ_HTTP1_DONE)
        return r;
    p->refusal = finish(p, head);
    if (p->refusal != DJ_REFUSAL_NONE)
        return DJ_HTTP1_REFUSED;
    *consumed = p->line + 2;
    return DJ_HTTP1_DONE;
}
