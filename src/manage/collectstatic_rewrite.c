/* src/manage/collectstatic_rewrite.c - finds the links inside CSS and JavaScript and puts others in
 * their place.
 *
 * Finds what the regular expressions of Django's HashedFilesMixin find (storage.py, `patterns`),
 * one kind of link after the other, in time linear in the text.
 *
 * Must not know: files. Which link means which file is the caller's. */
#include "donjon/unicode.h"
#include "manage/collectstatic.h"

typedef struct match {
    size_t end; /* of the whole link */
    dj_str url;
} match;

/* The last answer of a search, so that a line full of unfinished links is not read again for each
 * of them. */
typedef struct memo {
    size_t from, at; /* no hit in [from, at); at: a hit, or the end of the line */
    bool   known, hit;
} memo;

typedef struct finder {
    dj_str text;
    bool   line_comments;
    size_t comment_from, comment_end; /* the comment around or behind the place last asked for */
    memo   ends[3];                   /* of ")", "')", "\")" */
} finder;

typedef struct kind {
    bool (*at)(finder *f, size_t pos, match *m);
    const char *before, *behind; /* what stands around the new URL */
} kind;

/* -- comments -- */

/* The first comment that ends behind `pos`. An unfinished one is none. */
static void next_comment(finder *f, size_t pos)
{
    dj_str text = f->text;
    size_t i = f->comment_end;
    while (f->comment_end <= pos) {
        while (i + 1 < text.len &&
               !(text.ptr[i] == '/' &&
                 (text.ptr[i + 1] == '*' || (f->line_comments && text.ptr[i + 1] == '/'))))
            i++;
        if (i + 1 >= text.len) {
            f->comment_from = f->comment_end = SIZE_MAX;
            return;
        }
        bool   line = text.ptr[i + 1] == '/';
        size_t behind = dj_str_find(dj_str_from(text, i + 2), line ? DJ_LIT("\n") : DJ_LIT("*/"));
        if (behind == DJ_NOT_FOUND && !line) {
            /* No block ends from here on; a comment of one line may still begin. */
            if (!f->line_comments) {
                f->comment_from = f->comment_end = SIZE_MAX;
                return;
            }
            i++;
            continue;
        }
        f->comment_from = i;
        f->comment_end = behind == DJ_NOT_FOUND ? text.len : i + 2 + behind + (line ? 0 : 2);
        i = f->comment_end;
    }
}

/* Inside, not at its beginning: a source map is a comment itself. */
static bool in_comment(finder *f, size_t pos)
{
    if (f->comment_end <= pos)
        next_comment(f, pos);
    return f->comment_from != SIZE_MAX && f->comment_from < pos && pos < f->comment_end;
}

/* -- links -- */

static bool word_at(dj_str text, size_t pos, dj_str word)
{
    return dj_str_starts_nocase(dj_str_from(text, pos), word);
}

static size_t skip_blanks(dj_str text, size_t pos)
{
    while (pos < text.len) {
        size_t  next = pos;
        int32_t cp = dj_utf8_next(text, &next);
        if (cp < 0 || !dj_cp_is_space((uint32_t)cp))
            break;
        pos = next;
    }
    return pos;
}

/* Where ")" behind `quote` (0: none) begins, on this line. */
static bool find_end(finder *f, size_t pos, char quote, size_t *at)
{
    memo *m = &f->ends[quote == 0 ? 0 : quote == '\'' ? 1 : 2];
    if (!m->known || pos < m->from || pos > m->at) {
        size_t i = pos;
        m->hit = false;
        for (; i < f->text.len && f->text.ptr[i] != '\n' && !m->hit; i++)
            m->hit = quote == 0 ? f->text.ptr[i] == ')'
                                : f->text.ptr[i] == quote && i + 1 < f->text.len &&
                                      f->text.ptr[i + 1] == ')';
        m->known = true;
        m->from = pos;
        m->at = m->hit ? i - 1 : i;
    }
    *at = m->at;
    return m->hit;
}

/* url("x"), url('x'), url(x); quotes that don't match belong to the URL. */
static bool url_at(finder *f, size_t pos, match *m)
{
    size_t at;
    if (!word_at(f->text, pos, DJ_LIT("url(")))
        return false;
    size_t open = pos + 4;
    char   quote = open < f->text.len ? f->text.ptr[open] : '\0';
    if (quote == '"' || quote == '\'') {
        size_t from = skip_blanks(f->text, open + 1);
        if (find_end(f, from, quote, &at)) {
            *m = (match){.end = at + 2, .url = dj_str_n(f->text.ptr + from, at - from)};
            return true;
        }
    }
    size_t from = skip_blanks(f->text, open);
    if (!find_end(f, from, 0, &at))
        return false;
    *m = (match){.end = at + 1, .url = dj_str_n(f->text.ptr + from, at - from)};
    return true;
}

static bool is_quote(dj_str text, size_t pos)
{
    return pos < text.len && (text.ptr[pos] == '"' || text.ptr[pos] == '\'');
}

/* @import "x" */
static bool import_at(finder *f, size_t pos, match *m)
{
    if (!word_at(f->text, pos, DJ_LIT("@import")))
        return false;
    size_t quote = skip_blanks(f->text, pos + 7);
    if (!is_quote(f->text, quote))
        return false;
    size_t from = skip_blanks(f->text, quote + 1), at = from;
    while (at < f->text.len && f->text.ptr[at] != '\n' && !is_quote(f->text, at))
        at++;
    if (!is_quote(f->text, at))
        return false;
    *m = (match){.end = at + 1, .url = dj_str_n(f->text.ptr + from, at - from)};
    return true;
}

/* A whole line between `before` (in any case but for the name) and `behind`. */
static bool map_at(finder *f, size_t pos, size_t before_len, dj_str behind, match *m)
{
    dj_str line = dj_str_from(f->text, pos);
    line = dj_str_first(line, dj_str_chr(line, '\n'));
    if (line.len < before_len + behind.len || !dj_str_ends(line, behind))
        return false;
    *m = (match){.end = pos + line.len,
                 .url = dj_str_n(line.ptr + before_len, line.len - before_len - behind.len)};
    return true;
}

#define MAP_NAME "sourceMappingURL="

/* A line of its own: / *# sourceMappingURL=x * / without those blanks. */
static bool css_map_at(finder *f, size_t pos, match *m)
{
    dj_str text = dj_str_from(f->text, pos);
    if ((pos > 0 && f->text.ptr[pos - 1] != '\n') || !dj_str_starts(text, DJ_LIT("/*#")) ||
        text.len < 4 || (text.ptr[3] != ' ' && text.ptr[3] != '\t') ||
        !dj_str_starts(dj_str_from(text, 4), DJ_LIT(MAP_NAME)))
        return false;
    return map_at(f, pos, 4 + sizeof MAP_NAME - 1, DJ_LIT("*/"), m);
}

static bool js_map_at(finder *f, size_t pos, match *m)
{
    if ((pos > 0 && f->text.ptr[pos - 1] != '\n') ||
        !dj_str_starts(dj_str_from(f->text, pos), DJ_LIT("//# " MAP_NAME)))
        return false;
    return map_at(f, pos, 4 + sizeof MAP_NAME - 1, DJ_LIT(""), m);
}

/* -- one kind through the whole text -- */

static size_t line_of(dj_str text, size_t pos)
{
    size_t line = 1;
    for (size_t i = 0; i < pos; i++)
        line += text.ptr[i] == '\n';
    return line;
}

static dj_err replace(dj_scope *s, const kind *k, bool line_comments, dj_str text,
                      dj_static_link *link, void *ctx, dj_str *out, size_t *line)
{
    finder f = {.text = text, .line_comments = line_comments};
    dj_buf b = dj_buf_make(s, SIZE_MAX / 2);
    size_t done = 0; /* all before it is in `b` */
    match  m;
    for (size_t pos = 0; pos < text.len;) {
        char c = text.ptr[pos];
        if ((c != 'u' && c != 'U' && c != '@' && c != '/') || !k->at(&f, pos, &m)) {
            pos++;
            continue;
        }
        dj_str replacement = DJ_NONE;
        dj_err e = in_comment(&f, pos) ? DJ_OK : link(ctx, m.url, &replacement);
        if (e) {
            *line = line_of(text, pos);
            return e;
        }
        if (!dj_str_is_none(replacement)) {
            dj_buf_add(&b, dj_str_n(text.ptr + done, pos - done));
            dj_buf_add(&b, dj_str_of(k->before));
            dj_buf_add(&b, replacement);
            dj_buf_add(&b, dj_str_of(k->behind));
            done = m.end;
        }
        pos = m.end;
    }
    if (done > 0)
        dj_buf_add(&b, dj_str_from(text, done));
    *out = done > 0 ? dj_buf_str(&b) : text;
    return DJ_OK;
}

dj_err dj_static_rewrite(dj_scope *s, dj_static_language language, dj_str text,
                         dj_static_link *link, void *ctx, dj_str *out, size_t *line)
{
    static const kind css[] = {
        {url_at, "url(\"", "\")"},
        {import_at, "@import url(\"", "\")"},
        {css_map_at, "/*# " MAP_NAME, " */"},
    };
    static const kind js[] = {{js_map_at, "//# " MAP_NAME, ""}};
    bool              is_css = language == DJ_STATIC_CSS;
    for (size_t i = 0; i < (is_css ? DJ_COUNT(css) : DJ_COUNT(js)); i++) {
        dj_err e = replace(s, is_css ? &css[i] : &js[i], !is_css, text, link, ctx, &text, line);
        if (e)
            return e;
    }
    *out = text;
    return DJ_OK;
}
