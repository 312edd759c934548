/* src/template/lexer.c - cuts a template into text and tags, and a tag into words.
 *
 * A tag never crosses the end of a line; whatever does not close is text. Time is linear in the
 * source: where no closing delimiter was found, none is looked for again.
 * Django: django/template/base.py (Lexer), django/utils/text.py (smart_split).
 *
 * Must not know: what any tag but verbatim means. */
#include "donjon/unicode.h"
#include "template/inside.h"

dj_lexer dj_lexer_make(dj_str source)
{
    return (dj_lexer){.source = source, .line = 1};
}

/* Where the tag that begins at `at` ends (behind its delimiter), or 0 if it does not close. */
static size_t tag_end(dj_lexer *l, size_t at)
{
    static const char opening[] = "%{#", closing[] = "%}#";
    const char       *kind = memchr(opening, l->source.ptr[at + 1], 3);
    size_t            k = kind == NULL ? 0 : (size_t)(kind - opening);
    if (kind == NULL || at < l->barren[k])
        return 0;
    for (size_t i = at + 2; i + 1 < l->source.len && l->source.ptr[i] != '\n'; i++) {
        if (l->source.ptr[i] == closing[k] && l->source.ptr[i + 1] == '}')
            return i + 2;
    }
    /* None up to the end of the line: nor is there for a tag of this kind that begins on it. */
    const char *end = memchr(l->source.ptr + at, '\n', l->source.len - at);
    l->barren[k] = end == NULL ? l->source.len : (size_t)(end - l->source.ptr);
    return 0;
}

/* The first tag at or behind `at`; its end in *end. The source's length if there is none. */
static size_t next_tag(dj_lexer *l, size_t at, size_t *end)
{
    while (at + 1 < l->source.len) {
        const char *brace = memchr(l->source.ptr + at, '{', l->source.len - at - 1);
        if (brace == NULL)
            break;
        at = (size_t)(brace - l->source.ptr);
        *end = tag_end(l, at);
        if (*end != 0)
            return at;
        at++;
    }
    return l->source.len;
}

/* Counts lines from the position on and goes there. */
static void advance(dj_lexer *l, size_t to)
{
    for (size_t at = l->pos; at < to;) {
        const char *end = memchr(l->source.ptr + at, '\n', to - at);
        if (end == NULL)
            break;
        at = (size_t)(end - l->source.ptr) + 1;
        l->line++;
        l->line_start = at;
    }
    l->pos = to;
}

dj_token dj_lexer_next(dj_lexer *l)
{
    dj_token t = {.line = l->line, .column = (uint32_t)(l->pos - l->line_start) + 1};
    size_t   end = 0, from = l->pos;
    if (from == l->source.len)
        return t;
    size_t at = next_tag(l, from, &end);
    if (at > from) {
        t.kind = DJ_TOKEN_TEXT;
        t.text = dj_str_n(l->source.ptr + from, at - from);
        advance(l, at);
        return t;
    }
    dj_str whole = dj_str_n(l->source.ptr + at, end - at);
    dj_str content = dj_utf8_strip(dj_str_n(whole.ptr + 2, whole.len - 4));
    bool   tag = whole.ptr[1] == '%';
    advance(l, end);
    if (!dj_str_is_none(l->verbatim)) {
        if (!tag || content.len < 3 || !dj_str_starts(content, DJ_LIT("end")) ||
            !dj_str_eq(dj_str_from(content, 3), l->verbatim)) {
            t.kind = DJ_TOKEN_TEXT;
            t.text = whole;
            return t;
        }
        l->verbatim = DJ_NONE;
    }
    t.text = content;
    t.kind = tag ? DJ_TOKEN_TAG : whole.ptr[1] == '{' ? DJ_TOKEN_VALUE : DJ_TOKEN_COMMENT;
    if (tag && dj_str_starts(content, DJ_LIT("verbatim")) &&
        (content.len == 8 || content.ptr[8] == ' '))
        l->verbatim = content;
    return t;
}

/* -- words -- */

/* Where the blanks at `at` end. */
static size_t skip_space(dj_str s, size_t at)
{
    while (at < s.len) {
        size_t  next = at;
        int32_t cp = dj_utf8_next(s, &next);
        if (cp < 0 || !dj_cp_is_space((uint32_t)cp))
            break;
        at = next;
    }
    return at;
}

static size_t skip_word(dj_str s, size_t at)
{
    while (at < s.len) {
        size_t  next = at;
        int32_t cp = dj_utf8_next(s, &next);
        if (cp >= 0 && dj_cp_is_space((uint32_t)cp))
            break;
        at = next;
    }
    return at;
}

bool dj_word_next(dj_str *rest, dj_str *word)
{
    size_t from = skip_space(*rest, 0);
    if (from == rest->len)
        return false;
    size_t to = skip_word(*rest, from);
    *word = dj_str_n(rest->ptr + from, to - from);
    *rest = dj_str_from(*rest, to);
    return true;
}

/* Behind the quoted text that begins at `at`, or 0 if it does not close. */
static size_t skip_quoted(dj_str s, size_t at)
{
    char quote = s.ptr[at];
    for (size_t i = at + 1; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == quote)
            return i + 1;
    }
    return 0;
}

/* Up to a blank or a quotation mark. */
static size_t skip_bare(dj_str s, size_t at)
{
    while (at < s.len && s.ptr[at] != '"' && s.ptr[at] != '\'') {
        size_t  next = at;
        int32_t cp = dj_utf8_next(s, &next);
        if (cp >= 0 && dj_cp_is_space((uint32_t)cp))
            break;
        at = next;
    }
    return at;
}

/* A word ends at a blank outside quotes, or in front of a quotation mark that is never closed. */
static bool quoted_word(dj_str *rest, dj_str *word)
{
    size_t from = skip_space(*rest, 0), at = skip_bare(*rest, from), end = 0;
    if (from == rest->len)
        return false;
    while (at < rest->len && (rest->ptr[at] == '"' || rest->ptr[at] == '\'')) {
        size_t behind = skip_quoted(*rest, at);
        if (behind == 0)
            break;
        end = at = skip_bare(*rest, behind);
    }
    if (end == 0)
        end = skip_word(*rest, from);
    *word = dj_str_n(rest->ptr + from, end - from);
    *rest = dj_str_from(*rest, end);
    return true;
}

bool dj_smart_next(dj_str *rest, dj_str *word)
{
    if (!quoted_word(rest, word))
        return false;
    if (word->len < 3 ||
        !(dj_str_starts(*word, DJ_LIT("_(\"")) || dj_str_starts(*word, DJ_LIT("_('"))))
        return true;
    /* Marked for translation: the word goes on up to its own end. */
    char   ending[2] = {word->ptr[2], ')'};
    dj_str more;
    while (!dj_str_ends(*word, dj_str_n(ending, 2)) && quoted_word(rest, &more))
        *word = dj_str_n(word->ptr, (size_t)(more.ptr + more.len - word->ptr));
    return true;
}
