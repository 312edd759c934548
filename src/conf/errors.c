/* src/conf/errors.c - what is wrong in a settings file, where, and what to write instead.
 *
 *     settings/production.py:12:5: error: f-strings are not read in a settings file
 *     NAME = f'...'
 *            ^
 *     join the parts with + and str()
 *
 * Nothing of a secret leaves here: texts and numbers of a line that assigns or names one are shown
 * as stars, and values from the environment never reach this file. */
#include "reader.h"
#include <unistd.h>

#define SHOWN_MAX 160 /* code points of a source line */

bool conf_is_secret_name(dj_str name)
{
    static const char *const words[] = {"KEY", "SECRET", "PASS", "TOKEN", "SIGNATURE", "API"};
    for (size_t w = 0; w < DJ_COUNT(words); w++) {
        size_t n = strlen(words[w]);
        for (size_t i = 0; i + n <= name.len; i++) {
            if (dj_str_eq_nocase(dj_str_n(name.ptr + i, n), dj_str_n(words[w], n)))
                return true;
        }
    }
    return false;
}

void conf_place(dj_str text, uint32_t offset, uint32_t *line, uint32_t *column, dj_str *line_text)
{
    size_t start = 0;
    *line = 1;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            ++*line;
            start = i + 1;
        }
    }
    *column = 1;
    for (size_t i = start; i < offset && i < text.len; i++)
        *column += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    dj_str rest = dj_str_from(text, start);
    size_t end = dj_str_chr(rest, '\n');
    *line_text = end == DJ_NOT_FOUND ? rest : dj_str_first(rest, end);
}

/* Where the text of several lines starts that this place is in the middle of; DJ_NOT_FOUND if it is
 * in none. */
static size_t open_text(dj_str text, size_t place)
{
    size_t start = DJ_NOT_FOUND;
    char   quote = '\0';
    for (size_t i = 0; i < place; i++) {
        char c = text.ptr[i];
        bool three = i + 2 < text.len && text.ptr[i + 1] == c && text.ptr[i + 2] == c;
        if (quote == '\0' && c == '#') {
            while (i < place && text.ptr[i] != '\n')
                i++;
        } else if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
            start = three ? i : DJ_NOT_FOUND;
            i += three ? 2 : 0;
        } else if (quote != '\0' && c == '\\') {
            i++;
        } else if (quote != '\0' && c == quote && (start == DJ_NOT_FOUND || three)) {
            i += start == DJ_NOT_FOUND ? 0 : 2;
            quote = '\0';
            start = DJ_NOT_FOUND;
        } else if (c == '\n' && start == DJ_NOT_FOUND) {
            quote = '\0'; /* never closed */
        }
    }
    return start;
}

/* Does the statement around `offset` name a secret, in its first line (the target) or in this one?
 */
static bool secret_around(dj_str text, uint32_t offset)
{
    uint32_t line, column;
    dj_str   here;
    conf_place(text, offset, &line, &column, &here);
    if (conf_is_secret_name(here))
        return true;
    size_t start = (size_t)(here.ptr - text.ptr), outer = open_text(text, start);
    if (outer != DJ_NOT_FOUND) { /* on from the line where the text starts */
        for (start = outer; start > 0 && text.ptr[start - 1] != '\n';)
            start--;
        if (open_text(text, start) != DJ_NOT_FOUND)
            return true; /* and that line starts inside another one */
    }
    while (start > 0) {
        char c = start < text.len ? text.ptr[start] : '\n';
        if (dj_is_alpha(c) || c == '_')
            break;
        start--;
        while (start > 0 && text.ptr[start - 1] != '\n')
            start--;
    }
    dj_str rest = dj_str_from(text, start);
    size_t end = dj_str_chr(rest, '=');
    return conf_is_secret_name(dj_str_first(rest, end == DJ_NOT_FOUND ? 0 : end));
}

/* Texts that only name an environment variable may be seen. */
static bool names_variable(dj_str before)
{
    return dj_str_ends(before, DJ_LIT("environ[")) || dj_str_ends(before, DJ_LIT("environ.get(")) ||
           dj_str_ends(before, DJ_LIT("getenv("));
}

/* Stars for the contents of literals; as many as there were code points, so that the caret stays
 * right. */
static dj_str masked(dj_scope *s, dj_str line)
{
    dj_buf b = dj_buf_make(s, line.len + 1);
    char   quote = '\0';
    bool   seen = false, in_name = false;
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        if (quote == '\0' && (c == '\'' || c == '"')) {
            seen = names_variable(dj_str_first(line, i));
            quote = c;
        } else if (quote != '\0' && c == quote && line.ptr[i - 1] != '\\') {
            quote = '\0';
        } else if (quote != '\0' && !seen) {
            if (((unsigned char)c & 0xC0) != 0x80)
                dj_buf_add_byte(&b, '*');
            continue;
        } else if (quote == '\0' && dj_is_digit(c) && !in_name) {
            c = '*';
        }
        if (quote == '\0')
            in_name = dj_is_alpha(c) || c == '_' || (in_name && dj_is_digit(c));
        dj_buf_add_byte(&b, c);
    }
    return dj_buf_str(&b);
}

/* Inside a text of several lines nothing tells where the text starts: all letters go. */
static dj_str all_masked(dj_scope *s, dj_str line)
{
    dj_buf b = dj_buf_make(s, line.len + 1);
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        if (((unsigned char)c & 0xC0) != 0x80)
            dj_buf_add_byte(&b, c == ' ' || c == '\t' ? c : '*');
    }
    return dj_buf_str(&b);
}

dj_str conf_show(const conf_source *src, const token *t)
{
    bool literal = t->kind == T_NUMBER || t->kind == T_STRING;
    if (literal && (src->reader->audit ||
                    secret_around(src->text, t->start))) /* an audit would look too often */
        return t->kind == T_NUMBER ? DJ_LIT("this number") : DJ_LIT("this text");
    return dj_str_first(token_text(src, t), 60);
}

static dj_str short_path(dj_scope *s, dj_str path)
{
    char here[4096];
    if (getcwd(here, sizeof(here)) == NULL)
        return path;
    dj_str dir = dj_strf(s, "%s/", here);
    return dj_str_starts(path, dir) ? dj_str_from(path, dir.len) : path;
}

/* The line, cut around the caret, and the caret below it. Control characters can't reach the
 * terminal. */
static void add_line(dj_buf *b, dj_str line, uint32_t column)
{
    dj_buf   pad = dj_buf_make(b->scope, line.len + 8);
    uint32_t at = 1, from = column > SHOWN_MAX - 20 ? column - (SHOWN_MAX - 20) : 1;
    for (size_t pos = 0; pos < line.len && at < from + SHOWN_MAX;) {
        size_t  start = pos;
        int32_t cp = dj_utf8_next(line, &pos);
        if (at >= from) {
            if (cp < 0 || (cp < 0x20 && cp != '\t') || (cp >= 0x7F && cp < 0xA0))
                dj_buf_add_byte(b, '?');
            else
                dj_buf_add(b, dj_str_n(line.ptr + start, pos - start));
            if (at < column)
                dj_buf_add_byte(&pad, cp == '\t' ? '\t' : ' ');
        }
        at++;
    }
    dj_buf_add_byte(b, '\n');
    dj_buf_add(b, dj_buf_str(&pad));
    dj_buf_add_byte(b, '^');
}

void conf_error_set(conf_reader *r, const char *code, const conf_source *src, uint32_t offset,
                    dj_str message, dj_str advice)
{
    if (r->failed)
        return;
    r->failed = true;
    conf_error_io(r, src->path, message);
    dj_conf_error *error = r->error;
    dj_str         line;
    error->code = dj_str_of(code);
    error->advice = dj_str_dup(r->s, advice);
    conf_place(src->text, offset, &error->origin.line, &error->origin.column, &line);
    if (secret_around(src->text, offset)) {
        bool inside = open_text(src->text, (size_t)(line.ptr - src->text.ptr)) != DJ_NOT_FOUND;
        line = inside ? all_masked(r->s, line) : masked(r->s, line);
    }
    dj_buf b = dj_buf_make(r->s, 16384);
    dj_buf_addf(&b, DJ_FMT ":%u:%u: error: ", DJ_ARG(short_path(r->s, src->path)),
                error->origin.line, error->origin.column);
    dj_buf_add(&b, error->message);
    dj_buf_add_byte(&b, '\n');
    add_line(&b, line, error->origin.column);
    if (advice.len > 0) {
        dj_buf_add_byte(&b, '\n');
        dj_buf_add(&b, advice);
    }
    error->text = dj_buf_str(&b);
}

void conf_error_io(conf_reader *r, dj_str path, dj_str message)
{
    r->failed = true;
    *r->error = (dj_conf_error){
        .code = DJ_LIT("io"),
        .origin = {.file = path},
        .message = dj_str_dup(r->s, message),
        .advice = DJ_LIT(""),
        .text = dj_strf(r->s, DJ_FMT ": error: " DJ_FMT, DJ_ARG(short_path(r->s, path)),
                        DJ_ARG(message)),
    };
}
