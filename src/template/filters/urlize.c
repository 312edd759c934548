/* src/template/filters/urlize.c - urlize: addresses in plain text become links.
 *
 * Django: django/utils/html.py, class Urlizer. A word is what stands between blanks, quotes and
 * angle brackets; punctuation around an address is left outside of the link. Django's regular
 * expressions are matched by hand, each in one pass over a word. */
#include "donjon/unicode.h"
#include "donjon/url.h"
#include "template/filters/filters.h"

enum { URL_MAX = 2048, EMAIL_MAX = 320, LABEL_MAX = 63 };

typedef struct urlizer {
    dj_scope *scope;
    dj_buf    out;
    bool      escape;
    int64_t   limit; /* characters of a link's text; -1: all */
} urlizer;

static dj_str range(dj_str text, size_t from, size_t to)
{
    return dj_str_first(dj_str_from(text, from), to - from);
}

static void put(urlizer *u, dj_str text)
{
    if (u->escape)
        dj_buf_add_escaped(&u->out, text);
    else
        dj_buf_add(&u->out, text);
}

/* -- what looks like an address -- */

/* `with` (in lower case) at `pos` as re.IGNORECASE finds it; *pos behind it. */
static bool folds_to(dj_str text, size_t *pos, const char *with)
{
    size_t at = *pos;
    for (; *with != '\0'; with++) {
        int32_t cp = at < text.len ? dj_utf8_next(text, &at) : -1;
        if (cp < 0 || dj_cp_fold((uint32_t)cp) != *with)
            return false;
    }
    *pos = at;
    return true;
}

static bool is_word_at(dj_str text, size_t *pos)
{
    int32_t cp = *pos < text.len ? dj_utf8_next(text, pos) : -1;
    return cp >= 0 && dj_cp_is_word((uint32_t)cp);
}

/* ^https?://\[?\w */
static bool is_url(dj_str text)
{
    size_t pos = 0, s;
    if (!folds_to(text, &pos, "http"))
        return false;
    s = pos;
    if (!folds_to(text, &pos, "://")) {
        pos = s;
        if (!folds_to(text, &pos, "s://"))
            return false;
    }
    if (pos < text.len && text.ptr[pos] == '[')
        pos++;
    return is_word_at(text, &pos);
}

/* ^www\.|^(?!http)\w[^@]+\.(com|edu|gov|int|mil|net|org)($|/.*)$ */
static bool is_bare_host(dj_str text)
{
    static const char *const tlds[] = {"com", "edu", "gov", "int", "mil", "net", "org"};
    size_t                   pos = 0;
    if (folds_to(text, &pos, "www."))
        return true;
    pos = 0;
    if (folds_to(text, &pos, "http"))
        return false;
    pos = 0;
    if (!is_word_at(text, &pos))
        return false;
    for (size_t i = pos; i < text.len && text.ptr[i] != '@'; i++) {
        if (text.ptr[i] != '.' || i == pos)
            continue;
        for (size_t t = 0; t < DJ_COUNT(tlds); t++) {
            size_t end = i + 1;
            if (folds_to(text, &end, tlds[t]) && (end == text.len || text.ptr[end] == '/'))
                return true;
        }
    }
    return false;
}

/* A letter or digit of a host name as Django's DomainNameValidator has them. */
static bool is_host_char(int32_t cp, bool *digit)
{
    *digit = cp >= '0' && cp <= '9';
    return *digit || (cp >= 0xA1 && cp <= 0xFFFF) ||
           (cp > 0 && dj_is_alpha(dj_cp_fold((uint32_t)cp)));
}

static bool is_label(dj_str label, bool last)
{
    size_t chars = 0, digits = 0;
    for (size_t pos = 0; pos < label.len; chars++) {
        bool    digit = false;
        int32_t cp = dj_utf8_next(label, &pos);
        if (cp != '-' && !is_host_char(cp, &digit))
            return false;
        digits += digit;
    }
    if (chars == 0 || chars > LABEL_MAX || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return false;
    if (!last)
        return true;
    if (digits == 0)
        return chars >= 2;
    /* Digits end a host name only as punycode. */
    size_t pos = 0;
    if (!folds_to(label, &pos, "xn--") || label.len == pos)
        return false;
    for (; pos < label.len; pos++)
        if (!dj_is_alpha(label.ptr[pos]) && !dj_is_digit(label.ptr[pos]))
            return false;
    return true;
}

static bool is_host(dj_str host)
{
    dj_str label;
    size_t n = 0;
    for (; dj_str_next(&host, '.', &label); n++) {
        bool last = dj_str_is_none(host) || host.len == 0;
        if (!is_label(label, last))
            return false;
    }
    return n >= 2;
}

/* "[127.0.0.1]"; addresses with ':' never come here. */
static bool is_literal(dj_str domain)
{
    dj_str number;
    size_t n = 0;
    if (domain.len < 2 || domain.ptr[0] != '[' || domain.ptr[domain.len - 1] != ']')
        return false;
    domain = range(domain, 1, domain.len - 1);
    for (; dj_str_next(&domain, '.', &number); n++) {
        int64_t value;
        if (number.len == 0 || number.len > 3 || !dj_is_digit(number.ptr[0]) ||
            (number.len > 1 && number.ptr[0] == '0') || !dj_str_to_int(number, &value) ||
            value > 255)
            return false;
    }
    return n == 4;
}

/* Atoms with single dots between. */
static bool is_local_part(dj_str local)
{
    static const char special[] = "-!#$%&'*+/=?^_`{}|~";
    bool              dot = true;
    for (size_t pos = 0; pos < local.len;) {
        int32_t cp = dj_utf8_next(local, &pos);
        if (cp == '.' && dot)
            return false;
        dot = cp == '.';
        bool atom = cp > 0 && (dj_is_alpha(dj_cp_fold((uint32_t)cp)) || (cp >= '0' && cp <= '9') ||
                               (cp < 0x80 && memchr(special, cp, sizeof(special) - 1) != NULL));
        if (!dot && !atom)
            return false;
    }
    return !dot;
}

static bool is_email(dj_str text, size_t *at)
{
    *at = dj_str_rchr(text, '@');
    return *at != DJ_NOT_FOUND && dj_str_chr(text, ':') == DJ_NOT_FOUND &&
           text.len <= 4 * EMAIL_MAX && filter_len(text) <= EMAIL_MAX &&
           is_local_part(dj_str_first(text, *at)) &&
           (is_host(dj_str_from(text, *at + 1)) || is_literal(dj_str_from(text, *at + 1)));
}

/* -- quoting: smart_urlquote -- */

/* Text of percent-decoded bytes: what is no UTF-8 becomes U+FFFD. */
static dj_str unquoted(dj_scope *s, dj_str text)
{
    return dj_utf8_repaired(s, dj_url_unquote(s, text));
}

static dj_str requoted(dj_scope *s, dj_str text)
{
    return dj_url_quote(s, unquoted(s, text), DJ_LIT("!$&'()*+,;=:/?#[]@~"));
}

/* Names and values are decoded one by one, so that a quoted '&' or '=' stays quoted. */
static dj_str requoted_query(dj_scope *s, dj_str query)
{
    dj_buf b = dj_buf_make(s, 9 * query.len + 16);
    dj_str rest = dj_str_replace(s, query, DJ_LIT("+"), DJ_LIT(" ")), pair;
    while (dj_str_next(&rest, '&', &pair)) {
        if (pair.len == 0)
            continue;
        size_t equals = dj_str_chr(pair, '=');
        dj_str name = dj_str_first(pair, equals);
        dj_str value = equals == DJ_NOT_FOUND ? DJ_LIT("") : dj_str_from(pair, equals + 1);
        if (b.len > 0)
            dj_buf_add_byte(&b, '&');
        /* Twice, as Django does: once by parse_qsl, once by itself. */
        dj_buf_add_quoted_plus(&b, unquoted(s, unquoted(s, name)), DJ_LIT(""));
        dj_buf_add_byte(&b, '=');
        dj_buf_add_quoted_plus(&b, unquoted(s, unquoted(s, value)), DJ_LIT(""));
    }
    return dj_buf_str(&b);
}

static dj_str smart_urlquote(dj_scope *s, dj_str url)
{
    dj_url_parts p;
    if (!dj_url_split(s, url, &p))
        return requoted(s, url);
    dj_buf b = dj_buf_make(s, 9 * url.len + 64);
    dj_str netloc = requoted(s, p.netloc), path = requoted(s, p.path);
    if (p.scheme.len > 0) {
        dj_buf_add(&b, p.scheme);
        dj_buf_add_byte(&b, ':');
    }
    if (netloc.len > 0 || (p.scheme.len > 0 && !dj_str_starts(path, DJ_LIT("//")))) {
        dj_buf_add(&b, DJ_LIT("//"));
        dj_buf_add(&b, netloc);
        if (path.len > 0 && path.ptr[0] != '/')
            dj_buf_add_byte(&b, '/');
    }
    dj_buf_add(&b, path);
    dj_str query = requoted_query(s, p.query), fragment = requoted(s, p.fragment);
    if (query.len > 0) {
        dj_buf_add_byte(&b, '?');
        dj_buf_add(&b, query);
    }
    if (fragment.len > 0) {
        dj_buf_add_byte(&b, '#');
        dj_buf_add(&b, fragment);
    }
    return dj_buf_str(&b);
}

/* -- punctuation around an address -- */

static size_t count(dj_str text, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == c;
    return n;
}

/* Without the last `n` characters. */
static dj_str without_last(dj_str text, size_t n)
{
    for (; n > 0 && text.len > 0; n--) {
        size_t back = 1;
        while (back < text.len && back < 4 &&
               ((unsigned char)text.ptr[text.len - back] & 0xC0) == 0x80)
            back++;
        text.len -= back;
    }
    return text;
}

static dj_str rstrip(dj_str text, const char *set)
{
    while (text.len > 0 && strchr(set, text.ptr[text.len - 1]) != NULL &&
           text.ptr[text.len - 1] != '\0')
        text.len--;
    return text;
}

/* Closing brackets that were never opened. Django takes as many characters from the end as there
 * are too many, be they brackets or not. */
static dj_str trim_bracket(dj_str middle, const char *closing, size_t opened, size_t *closed)
{
    if (opened >= *closed || rstrip(middle, closing).len == middle.len)
        return middle;
    size_t strip = *closed - opened;
    *closed -= strip;
    return without_last(middle, strip);
}

/* A ';' at the end, unless it ends an entity. */
static dj_str trim_semicolon(dj_scope *s, dj_str middle, size_t amp)
{
    if (!dj_str_ends(middle, DJ_LIT(";")))
        return middle;
    /* Without '&' Python's index -1 is the last character. */
    dj_str entity =
        amp == DJ_NOT_FOUND ? dj_str_from(middle, middle.len - 1) : dj_str_from(middle, amp);
    dj_str decoded = dj_html_unescape(s, entity);
    if (!dj_str_eq(decoded, entity) && !dj_str_ends(decoded, DJ_LIT(";")))
        return middle;
    dj_str stripped = rstrip(middle, ".,:;!");
    if (amp == DJ_NOT_FOUND || middle.len - rstrip(middle, ";").len < 2)
        return stripped;
    /* The first of several may end an entity. */
    return dj_str_first(middle,
                        stripped.len + dj_str_chr(dj_str_from(middle, stripped.len), ';') + 1);
}

/* What is left of a word between *lead and *trail. */
static dj_str trim_punctuation(dj_scope *s, dj_str word, dj_str *lead, dj_str *trail)
{
    size_t n = 0, before;
    while (n < word.len && (word.ptr[n] == '(' || word.ptr[n] == '['))
        n++;
    dj_str middle = dj_str_from(word, n);
    size_t round_opened = count(middle, '('), round_closed = count(middle, ')');
    size_t square_opened = count(middle, '['), square_closed = count(middle, ']');
    do {
        before = middle.len;
        middle = trim_bracket(middle, ")", round_opened, &round_closed);
        middle = trim_bracket(middle, "]", square_opened, &square_closed);
        size_t amp = dj_str_rchr(middle, '&');
        middle = rstrip(middle, amp == DJ_NOT_FOUND ? ".,:;!" : ".,:!");
        middle = trim_semicolon(s, middle, amp);
    } while (middle.len < before && middle.len > 0);
    *lead = dj_str_first(word, n);
    *trail = dj_str_from(word, n + middle.len);
    return middle;
}

/* -- words -- */

static void put_link(urlizer *u, dj_str url, dj_str text, bool nofollow)
{
    dj_buf_add(&u->out, DJ_LIT("<a href=\""));
    dj_buf_add_escaped(&u->out, url);
    dj_buf_add(&u->out, nofollow ? DJ_LIT("\" rel=\"nofollow\">") : DJ_LIT("\">"));
    if (u->limit >= 0 && (uint64_t)filter_len(text) > (uint64_t)u->limit) {
        put(u, filter_first(text, u->limit > 0 ? (size_t)u->limit - 1 : 0));
        dj_buf_add(&u->out, DJ_LIT("\u2026"));
    } else {
        put(u, text);
    }
    dj_buf_add(&u->out, DJ_LIT("</a>"));
}

static void put_word(urlizer *u, dj_str word)
{
    dj_scope *s = u->scope;
    dj_str    lead, trail, url = DJ_NONE;
    size_t    at;
    bool      nofollow = true;
    if (dj_str_chr(word, '.') == DJ_NOT_FOUND && dj_str_chr(word, '@') == DJ_NOT_FOUND &&
        dj_str_chr(word, ':') == DJ_NOT_FOUND) {
        put(u, word);
        return;
    }
    dj_str middle = trim_punctuation(s, word, &lead, &trail);
    bool   fits = middle.len <= 4 * URL_MAX && filter_len(middle) <= URL_MAX;
    if (fits && is_url(middle)) {
        url = smart_urlquote(s, dj_html_unescape(s, middle));
    } else if (fits && is_bare_host(middle)) {
        url = smart_urlquote(s, dj_str_cat(s, DJ_LIT("http://"), dj_html_unescape(s, middle)));
    } else if (is_email(middle, &at)) {
        url = dj_strf(s, "mailto:" DJ_FMT "@" DJ_FMT,
                      DJ_ARG(dj_url_quote(s, dj_str_first(middle, at), DJ_LIT(""))),
                      DJ_ARG(dj_url_quote(s, dj_str_from(middle, at + 1), DJ_LIT(""))));
        nofollow = false;
    }
    if (dj_str_is_none(url) || url.len == 0) {
        put(u, word);
        return;
    }
    put(u, lead);
    put_link(u, url, middle, nofollow);
    put(u, trail);
}

static bool splits_words(dj_str text, size_t pos, size_t *after)
{
    char c = text.ptr[pos];
    *after = pos + 1;
    return c == '<' || c == '>' || c == '"' || c == '\'' || filter_is_space_at(text, pos, after);
}

static dj_err urlize(dj_run *run, const dj_var *in, int64_t limit, dj_var *out)
{
    urlizer u = {.scope = dj_run_scope(run), .out = filter_buf(run), .limit = limit};
    u.escape = dj_run_autoescape(run) && !dj_var_is_safe(in);
    dj_str text = in->text;
    size_t pos = 0, after;
    while (pos < text.len && !u.out.full) {
        size_t from = pos;
        while (pos < text.len && splits_words(text, pos, &after))
            pos = after;
        put(&u, range(text, from, pos));
        from = pos;
        while (pos < text.len && !splits_words(text, pos, &after))
            pos = after;
        if (pos > from)
            put_word(&u, range(text, from, pos));
    }
    return filter_done(run, &u.out, DJ_SAFE_HTML, out);
}

FILTER(filter_urlize)
{
    if (arg != NULL)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "urlize takes no argument");
    return urlize(run, in, -1, out);
}

FILTER(filter_urlizetrunc)
{
    int64_t limit;
    dj_err  e = filter_int_needed(run, arg, &limit);
    return e ? e : urlize(run, in, limit < 0 ? 0 : limit, out);
}
