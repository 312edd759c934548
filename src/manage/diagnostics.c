/* src/manage/diagnostics.c - what compilers print: which file, which line, what is wrong.
 *
 *   FILE:LINE:COLUMN: error: MESSAGE     gcc, clang; fatal error, warning, note; our settings
 * reader FILE:LINE:COLUMN: ERROR: MESSAGE     meson FILE:LINE: undefined reference ...   ld, also
 * FILE:(.text+0x1f): ... Makefile:LINE: *** MESSAGE           make
 *
 * Anything else is passed over: the page shows the whole text, too.
 *
 * Must not know: pages, processes. */
#include "manage/reload.h"

/* -- plain text -- */

/* Behind an escape sequence at text.ptr[at]: ESC [ ... letter, ESC ] ... BEL or ESC \, ESC x. */
static size_t behind_escape(dj_str text, size_t at)
{
    at++;
    if (at >= text.len)
        return at;
    char kind = text.ptr[at++];
    if (kind == '[') {
        while (at < text.len && (unsigned char)text.ptr[at] >= 0x20 &&
               (unsigned char)text.ptr[at] < 0x40)
            at++;
        return at < text.len ? at + 1 : at;
    }
    if (kind != ']')
        return at;
    for (; at < text.len && text.ptr[at] != '\n'; at++) {
        if (text.ptr[at] == '\a')
            return at + 1;
        if (text.ptr[at] == '\033' && at + 1 < text.len && text.ptr[at + 1] == '\\')
            return at + 2;
    }
    return at;
}

dj_str dj_plain_text(dj_scope *s, dj_str text)
{
    char  *out = dj_alloc_raw(s, text.len + 1);
    size_t n = 0;
    for (size_t at = 0; at < text.len;) {
        unsigned char c = (unsigned char)text.ptr[at];
        if (c == '\033') {
            at = behind_escape(text, at);
            continue;
        }
        if (c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7F))
            out[n++] = (char)c;
        at++;
    }
    return dj_str_n(out, n);
}

/* -- one line -- */

/* Cuts digits off the front of *rest; false if there are none, or too many for a line number. */
static bool cut_number(dj_str *rest, uint32_t *number)
{
    size_t   n = 0;
    uint32_t value = 0;
    for (; n < rest->len && dj_is_digit(rest->ptr[n]); n++)
        value = value * 10 + (uint32_t)(rest->ptr[n] - '0');
    if (n == 0 || n > 9)
        return false;
    *rest = dj_str_from(*rest, n);
    *number = value;
    return true;
}

static bool cut_word(dj_str *rest, dj_str word)
{
    if (!dj_str_starts(*rest, word))
        return false;
    *rest = dj_str_from(*rest, word.len);
    return true;
}

/* What stands behind the place. */
static bool read_message(dj_str rest, dj_diagnostic *d)
{
    static const struct {
        dj_str             word;
        dj_diagnostic_kind kind;
        bool               keep; /* the word is a part of the sentence */
    } words[] = {
        {DJ_STR_INIT("fatal error: "), DJ_DIAG_ERROR, false},
        {DJ_STR_INIT("error: "), DJ_DIAG_ERROR, false},
        {DJ_STR_INIT("Error: "), DJ_DIAG_ERROR, false}, /* as */
        {DJ_STR_INIT("ERROR: "), DJ_DIAG_ERROR, false},
        {DJ_STR_INIT("warning: "), DJ_DIAG_WARNING, false},
        {DJ_STR_INIT("WARNING: "), DJ_DIAG_WARNING, false},
        {DJ_STR_INIT("note: "), DJ_DIAG_NOTE, false},
        {DJ_STR_INIT("*** "), DJ_DIAG_ERROR, false},
        {DJ_STR_INIT("undefined reference to "), DJ_DIAG_ERROR, true},
        {DJ_STR_INIT("multiple definition of "), DJ_DIAG_ERROR, true},
    };
    for (size_t i = 0; i < DJ_COUNT(words); i++) {
        dj_str message = rest;
        if (!cut_word(&message, words[i].word))
            continue;
        d->kind = words[i].kind;
        d->message = words[i].keep ? rest : message;
        return true;
    }
    return false;
}

/* ":12:3: ", ":12: " or ":(.text+0x1f): " at rest, then a message. */
static bool read_place(dj_str rest, dj_diagnostic *d)
{
    d->line = d->column = 0;
    if (!cut_word(&rest, DJ_LIT(":")))
        return false;
    if (cut_word(&rest, DJ_LIT("(."))) {
        size_t close = dj_str_chr(rest, ')');
        if (close == DJ_NOT_FOUND)
            return false;
        rest = dj_str_from(rest, close + 1);
    } else {
        if (!cut_number(&rest, &d->line))
            return false;
        dj_str with_column = rest;
        if (cut_word(&with_column, DJ_LIT(":")) && cut_number(&with_column, &d->column))
            rest = with_column;
    }
    return cut_word(&rest, DJ_LIT(": ")) && read_message(rest, d);
}

static bool read_line(dj_str line, dj_diagnostic *d)
{
    dj_str text = line;
    if (text.len == 0 || text.ptr[0] == ' ' || text.ptr[0] == '\t' || text.ptr[0] == ':')
        return false;
    /* "/usr/bin/ld: main.c:3: undefined ..."; a name may hold a colon, so each is tried. */
    size_t ld = dj_str_find(text, DJ_LIT("ld: "));
    if (ld != DJ_NOT_FOUND && (ld == 0 || text.ptr[ld - 1] == '/'))
        text = dj_str_from(text, ld + 4);
    for (size_t at = 1; at < text.len; at++) {
        if (text.ptr[at] == ':' && read_place(dj_str_from(text, at), d)) {
            d->file = dj_str_first(text, at);
            return true;
        }
    }
    return false;
}

/* -- all lines -- */

/* "    ^~~~", clang's mark below a line of the source. */
static bool is_caret(dj_str line)
{
    bool caret = false;
    for (size_t i = 0; i < line.len; i++) {
        caret = caret || line.ptr[i] == '^';
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '^' && line.ptr[i] != '~')
            return false;
    }
    return caret;
}

static dj_str next_line(dj_str text)
{
    size_t end = dj_str_chr(text, '\n');
    return end == DJ_NOT_FOUND ? text : dj_str_first(text, end);
}

/* How many bytes at the start of `text` belong to the diagnostic above: what is indented, and a
 * line that has a caret below it. */
static size_t excerpt_len(dj_str text)
{
    dj_diagnostic ignored;
    size_t        len = 0;
    while (len < text.len) {
        dj_str line = next_line(dj_str_from(text, len));
        dj_str below = next_line(dj_str_from(text, len + line.len + 1));
        bool   indented = line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
        if (!indented && !is_caret(line) && (!is_caret(below) || read_line(line, &ignored)))
            break;
        len += line.len + 1;
    }
    return len < text.len ? len : text.len;
}

size_t dj_diagnostics(dj_str text, dj_diagnostic *out, size_t max)
{
    size_t n = 0;
    while (text.len > 0 && n < max) {
        dj_str line = next_line(text);
        text = dj_str_from(text, line.len + 1);
        dj_diagnostic d = {0};
        if (!read_line(line, &d))
            continue;
        d.excerpt = dj_str_first(text, excerpt_len(text));
        text = dj_str_from(text, d.excerpt.len);
        out[n++] = d;
    }
    return n;
}
