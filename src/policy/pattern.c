/* src/policy/pattern.c - Python's regular expressions on PCRE2, with an upper bound on the work.
 *
 * The pattern is read once and written again for PCRE2: what Python spells differently is
 * translated, what Python does not have is an error (PCRE2 would give it another meaning), what
 * can't be bounded or explained is refused. No JIT: it needs memory that is writable and
 * executable, and the workers' sandbox forbids that.
 *
 * Must not know: routes, settings, requests. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "donjon/pattern.h"
#include "donjon/buf.h"
#include <pcre2.h>

#define MATCH_LIMIT    50000u /* steps; an honest pattern on a path takes some hundreds */
#define DEPTH_LIMIT    2000u
#define HEAP_LIMIT_KIB 4096u

struct dj_pattern {
    dj_str               text;
    pcre2_code          *code;
    pcre2_match_context *limits;
    size_t               groups;
    dj_str               names[DJ_PATTERN_GROUPS_MAX];
};

typedef struct translator {
    dj_scope *s;
    dj_str    in;
    size_t    pos;
    dj_buf    out;
    uint32_t  options;
    bool      verbose;
} translator;

static dj_err bad(const translator *t, size_t at, const char *what)
{
    return dj_fail(t->s, DJ_ERR_MALFORMED, "regular expression \"" DJ_FMT "\": %s at position %zu",
                   DJ_ARG(t->in), what, at);
}

static int at(const translator *t, size_t offset)
{
    return t->pos + offset < t->in.len ? (unsigned char)t->in.ptr[t->pos + offset] : -1;
}

static void copy(translator *t, size_t n)
{
    dj_buf_add(&t->out, dj_str_n(t->in.ptr + t->pos, n));
    t->pos += n;
}

static void put_code_point(translator *t, unsigned cp)
{
    dj_buf_addf(&t->out, "\\x{%X}", cp);
}

/* \xHH, \uHHHH, \UHHHHHHHH: exactly that many digits, as in Python. */
static dj_err hex_escape(translator *t, size_t digits)
{
    size_t   start = t->pos;
    unsigned cp = 0;
    t->pos += 2;
    for (size_t i = 0; i < digits; i++, t->pos++) {
        int c = at(t, 0), value = c < 0 ? -1 : dj_hex_value((char)c);
        if (value < 0)
            return bad(t, start, "incomplete escape");
        cp = cp << 4 | (unsigned)value;
    }
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
        return bad(t, start, "escape of no character");
    put_code_point(t, cp);
    return DJ_OK;
}

static bool is_octal(int c)
{
    return c >= '0' && c <= '7';
}

/* \0, \07, \012 and \123 are octal; any other digit is a back-reference. */
static dj_err digit_escape(translator *t, bool in_class)
{
    size_t   start = t->pos, n = 0;
    unsigned cp = 0;
    bool     three = is_octal(at(t, 1)) && is_octal(at(t, 2)) && is_octal(at(t, 3));
    if (at(t, 1) != '0' && !three && !(in_class && is_octal(at(t, 1))))
        return bad(t, start, "a back-reference, which is not served,");
    t->pos++;
    while (n < 3 && is_octal(at(t, 0))) {
        cp = cp * 8 + (unsigned)(at(t, 0) - '0');
        t->pos++;
        n++;
    }
    if (cp > 0377)
        return bad(t, start, "octal escape out of range");
    put_code_point(t, cp);
    return DJ_OK;
}

static dj_err escape(translator *t, bool in_class)
{
    int c = at(t, 1);
    if (c < 0)
        return bad(t, t->pos, "lone backslash");
    if (dj_is_digit((char)c))
        return digit_escape(t, in_class);
    if (!dj_is_alpha((char)c)) {
        if (c >= 0x80)
            t->pos++; /* an escaped letter of another script is the letter */
        else
            copy(t, 2);
        return DJ_OK;
    }
    switch (c) {
    case 'x':
        return hex_escape(t, 2);
    case 'u':
        return hex_escape(t, 4);
    case 'U':
        return hex_escape(t, 8);
    case 'v': /* PCRE2: a class of line ends */
        t->pos += 2;
        put_code_point(t, 0x0B);
        return DJ_OK;
    case 'Z':
        if (in_class)
            break;
        t->pos += 2;
        dj_buf_add(&t->out, DJ_LIT("\\z"));
        return DJ_OK;
    case 'A':
    case 'B':
        if (in_class)
            break;
        copy(t, 2);
        return DJ_OK;
    default:
        if (strchr("abfnrtdDsSwW", c) == NULL)
            break;
        copy(t, 2);
        return DJ_OK;
    }
    return bad(t, t->pos, "unknown escape");
}

/* At '['. A ']' in the first place is a member; '[' inside is one too (PCRE2: [:alpha:]). */
static dj_err char_class(translator *t)
{
    size_t start = t->pos;
    copy(t, 1);
    if (at(t, 0) == '^')
        copy(t, 1);
    if (at(t, 0) == ']') {
        dj_buf_add(&t->out, DJ_LIT("\\]"));
        t->pos++;
    }
    while (at(t, 0) != ']') {
        if (at(t, 0) < 0)
            return bad(t, start, "unterminated character set");
        if (at(t, 0) == '\\') {
            dj_err e = escape(t, true);
            if (e)
                return e;
        } else if (at(t, 0) == '[') {
            dj_buf_add(&t->out, DJ_LIT("\\["));
            t->pos++;
        } else {
            copy(t, 1);
        }
    }
    copy(t, 1);
    return DJ_OK;
}

/* "(?i)" sets flags for the whole pattern and stands first; "(?i:" and "(?-i:" for a group. */
static dj_err flags(translator *t)
{
    size_t start = t->pos, from = t->pos + 2, n = 0;
    bool   minus = false;
    for (;; n++) {
        int c = at(t, 2 + n);
        if (c == ')' || c == ':')
            break;
        if (c == '-' && !minus)
            minus = true;
        else if (c < 0 || strchr("aimsux", c) == NULL)
            return bad(t, start, "unknown extension");
    }
    bool   whole = at(t, 2 + n) == ')';
    dj_str letters = dj_str_n(t->in.ptr + from, n);
    if (n == 0 || (whole && (minus || start != 0)))
        return bad(t, start, whole ? "flags that do not stand at the start" : "missing flag");
    if (!whole) {
        if (dj_str_chr(letters, 'x') != DJ_NOT_FOUND || dj_str_chr(letters, 'a') != DJ_NOT_FOUND ||
            dj_str_chr(letters, 'u') != DJ_NOT_FOUND)
            return bad(t, start, "flags a, u or x of a group, which are not served,");
        copy(t, n + 3);
        return DJ_OK;
    }
    for (size_t i = 0; i < n; i++) {
        switch (letters.ptr[i]) {
        case 'a':
            t->options &= ~(uint32_t)PCRE2_UCP;
            break;
        case 'i':
            t->options |= PCRE2_CASELESS;
            break;
        case 'm':
            t->options |= PCRE2_MULTILINE;
            break;
        case 's':
            t->options |= PCRE2_DOTALL;
            break;
        case 'x':
            t->verbose = true;
            break;
        default: /* u: what str patterns are anyway */
            break;
        }
    }
    t->pos += n + 3;
    return DJ_OK;
}

static dj_err named_group(translator *t)
{
    size_t n = 4;
    if (at(t, 3) == '=')
        return bad(t, t->pos, "a back-reference, which is not served,");
    if (at(t, 3) != '<')
        return bad(t, t->pos, "unknown extension");
    while (at(t, n) >= 0 &&
           (dj_is_alpha((char)at(t, n)) || dj_is_digit((char)at(t, n)) || at(t, n) == '_'))
        n++;
    if (n == 4 || n > 4 + 32 || at(t, n) != '>' || dj_is_digit((char)at(t, 4)))
        return bad(t, t->pos, "bad group name");
    copy(t, n + 1);
    return DJ_OK;
}

/* At '('. */
static dj_err group(translator *t)
{
    if (at(t, 1) == '*')
        return bad(t, t->pos + 1, "nothing to repeat");
    if (at(t, 1) != '?') {
        copy(t, 1);
        return DJ_OK;
    }
    switch (at(t, 2)) {
    case ':':
    case '>':
        copy(t, 3);
        return DJ_OK;
    case 'P':
        return named_group(t);
    case '#': {
        size_t end = t->pos;
        while (end < t->in.len && t->in.ptr[end] != ')')
            end++;
        if (end == t->in.len)
            return bad(t, t->pos, "comment without end");
        t->pos = end + 1;
        return DJ_OK;
    }
    case '=':
    case '!':
    case '<':
        return bad(t, t->pos, "look-around, which is not served,");
    case '(':
        return bad(t, t->pos, "a condition on a group, which is not served,");
    default:
        return flags(t);
    }
}

/* At '{'. "{,n}" means "{0,n}"; what is no repetition is a literal brace in both. */
static void brace(translator *t)
{
    size_t n = 2;
    if (at(t, 1) == ',') {
        while (at(t, n) >= 0 && dj_is_digit((char)at(t, n)))
            n++;
        if (at(t, n) == '}') {
            dj_buf_add(&t->out, n == 2 ? DJ_LIT("{0,") : DJ_LIT("{0"));
            t->pos++;
            if (n == 2)
                t->pos++;
            return;
        }
    }
    copy(t, 1);
}

static bool skip_verbose(translator *t)
{
    int c = at(t, 0);
    if (!t->verbose)
        return false;
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
        t->pos++;
        return true;
    }
    if (c != '#')
        return false;
    while (at(t, 0) >= 0 && at(t, 0) != '\n')
        t->pos++;
    return true;
}

static dj_err translate(translator *t)
{
    while (t->pos < t->in.len) {
        dj_err e = DJ_OK;
        if (skip_verbose(t))
            continue;
        switch (at(t, 0)) {
        case '\\':
            e = escape(t, false);
            break;
        case '[':
            e = char_class(t);
            break;
        case '(':
            e = group(t);
            break;
        case '{':
            brace(t);
            break;
        default:
            copy(t, 1);
        }
        if (e)
            return e;
    }
    return t->out.full ? dj_fail(t->s, DJ_ERR_LIMIT, "regular expression is too long") : DJ_OK;
}

static void release(void *what)
{
    dj_pattern *p = what;
    pcre2_match_context_free(p->limits);
    pcre2_code_free(p->code);
}

static void read_names(dj_scope *s, dj_pattern *p)
{
    uint32_t    count = 0, size = 0;
    const char *table = NULL;
    (void)pcre2_pattern_info(p->code, PCRE2_INFO_NAMECOUNT, &count);
    (void)pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    (void)pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &table);
    for (uint32_t i = 0; i < count; i++, table += size) {
        size_t index = (size_t)(unsigned char)table[0] << 8 | (unsigned char)table[1];
        if (index < DJ_PATTERN_GROUPS_MAX)
            p->names[index] = dj_str_dup(s, dj_str_of(table + 2));
    }
}

static dj_err compile(const translator *t, dj_pattern *p)
{
    int                    code = 0;
    PCRE2_SIZE             offset = 0;
    uint32_t               captures = 0;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context == NULL || pcre2_set_newline(context, PCRE2_NEWLINE_LF) != 0) {
        pcre2_compile_context_free(context);
        return dj_fail(t->s, DJ_ERR_MEMORY, "regular expression: out of memory");
    }
    (void)pcre2_set_parens_nest_limit(context, 100);
    p->code = pcre2_compile((PCRE2_SPTR)dj_buf_str(&t->out).ptr, t->out.len, t->options, &code,
                            &offset, context);
    pcre2_compile_context_free(context);
    if (p->code == NULL) {
        char text[160] = "";
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
        return bad(t, t->in.len < offset ? t->in.len : offset, text);
    }
    p->limits = pcre2_match_context_create(NULL);
    dj_own(t->s, release, p);
    if (p->limits == NULL)
        return dj_fail(t->s, DJ_ERR_MEMORY, "regular expression: out of memory");
    (void)pcre2_set_match_limit(p->limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(p->limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(p->limits, HEAP_LIMIT_KIB);
    (void)pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &captures);
    p->groups = (size_t)captures + 1;
    if (p->groups > DJ_PATTERN_GROUPS_MAX)
        return dj_fail(t->s, DJ_ERR_LIMIT,
                       "regular expression \"" DJ_FMT "\" has more than %d groups", DJ_ARG(t->in),
                       DJ_PATTERN_GROUPS_MAX - 1);
    read_names(t->s, p);
    return DJ_OK;
}

dj_err dj_pattern_compile(dj_scope *s, dj_str regex, dj_pattern **out)
{
    if (regex.len > DJ_PATTERN_MAX)
        return dj_fail(s, DJ_ERR_LIMIT, "regular expression of %zu bytes, at most %zu", regex.len,
                       DJ_PATTERN_MAX);
    if (!dj_utf8_valid(regex))
        return dj_fail(s, DJ_ERR_MALFORMED, "regular expression is not UTF-8");
    translator  t = {.s = s,
                     .in = dj_str_dup(s, regex),
                     .out = dj_buf_make(s, DJ_PATTERN_MAX * 6),
                     .options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C};
    dj_pattern *p = dj_new(s, dj_pattern);
    p->text = t.in;
    dj_err e = translate(&t);
    if (!e)
        e = compile(&t, p);
    if (!e)
        *out = p;
    return e;
}

static dj_found run(const dj_pattern *p, dj_str subject, uint32_t options, dj_pattern_match *match)
{
    /* PCRE2 could match between bad bytes, but then takes each of them for the end of the text. */
    if (!dj_utf8_valid(subject))
        return DJ_FOUND_NO;
    pcre2_match_data *data = pcre2_match_data_create((uint32_t)p->groups, NULL);
    if (data == NULL)
        return DJ_FOUND_GAVE_UP;
    PCRE2_SPTR text = (PCRE2_SPTR)(subject.ptr == NULL ? "" : subject.ptr);
    int        count =
        pcre2_match(p->code, text, subject.len, 0, options | PCRE2_NO_UTF_CHECK, data, p->limits);
    if (count > 0 && match != NULL) {
        const PCRE2_SIZE *at_pair = pcre2_get_ovector_pointer(data);
        match->len = p->groups;
        for (size_t i = 0; i < p->groups; i++) {
            PCRE2_SIZE from = at_pair[2 * i], to = at_pair[2 * i + 1];
            bool       took_part = i < (size_t)count && from != PCRE2_UNSET && from <= to;
            match->groups[i] = took_part ? dj_str_n((const char *)text + from, to - from) : DJ_NONE;
        }
    }
    pcre2_match_data_free(data);
    return count > 0 ? DJ_FOUND_YES : count == PCRE2_ERROR_NOMATCH ? DJ_FOUND_NO : DJ_FOUND_GAVE_UP;
}

dj_found dj_pattern_search(const dj_pattern *p, dj_str subject, dj_pattern_match *match)
{
    return run(p, subject, 0, match);
}

dj_found dj_pattern_fullmatch(const dj_pattern *p, dj_str subject, dj_pattern_match *match)
{
    return run(p, subject, PCRE2_ANCHORED | PCRE2_ENDANCHORED, match);
}

size_t dj_pattern_group_count(const dj_pattern *p)
{
    return p->groups;
}

dj_str dj_pattern_group_name(const dj_pattern *p, size_t index)
{
    return index < DJ_PATTERN_GROUPS_MAX ? p->names[index] : DJ_NONE;
}

dj_str dj_pattern_text(const dj_pattern *p)
{
    return p->text;
}
