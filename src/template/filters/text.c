/* src/template/filters/text.c - filters that make one text of another. */
#include "donjon/unicode.h"
#include "template/filters/filters.h"

/* `text` is made already. */
static dj_err made(dj_var *out, dj_str text)
{
    *out = dj_var_made(text, DJ_UNSAFE);
    return DJ_OK;
}

FILTER(filter_addslashes)
{
    dj_buf b = filter_buf(run);
    for (size_t i = 0; i < in->text.len; i++) {
        char c = in->text.ptr[i];
        if (c == '\\' || c == '"' || c == '\'')
            dj_buf_add_byte(&b, '\\');
        dj_buf_add_byte(&b, c);
    }
    return filter_done(run, &b, DJ_UNSAFE, out);
}

FILTER(filter_capfirst)
{
    dj_scope *s = dj_run_scope(run);
    dj_str    first = filter_first(in->text, 1);
    return made(out, dj_str_cat(s, dj_utf8_upper(s, first), dj_str_from(in->text, first.len)));
}

FILTER(filter_lower)
{
    return made(out, dj_utf8_lower(dj_run_scope(run), in->text));
}

FILTER(filter_upper)
{
    return made(out, dj_utf8_upper(dj_run_scope(run), in->text));
}

/* str.title() makes "They'Re" and "2Nd"; Django lowers the letter behind an apostrophe that follows
 * a lower letter, and the letter behind a digit. */
FILTER(filter_title)
{
    dj_str text = dj_utf8_title(dj_run_scope(run), in->text);
    dj_buf b = filter_buf(run);
    for (size_t i = 0; i < text.len; i++) {
        const char *c = text.ptr + i;
        bool        quoted = i >= 2 && c[-1] == '\'' && c[-2] >= 'a' && c[-2] <= 'z';
        bool        lower = *c >= 'A' && *c <= 'Z' && (quoted || (i >= 1 && dj_is_digit(c[-1])));
        dj_buf_add_byte(&b, lower ? dj_to_lower(*c) : *c);
    }
    return filter_done(run, &b, DJ_UNSAFE, out);
}

/* -- to a width -- */

static dj_err pad(dj_run *run, const dj_var *in, int64_t left, int64_t right, dj_var *out)
{
    dj_buf b = filter_buf(run);
    filter_repeat(&b, ' ', left);
    dj_buf_add(&b, in->text);
    filter_repeat(&b, ' ', right);
    return filter_done(run, &b, DJ_UNSAFE, out);
}

/* How many blanks the text lacks. */
static dj_err lacking(dj_run *run, const dj_var *in, const dj_var *arg, int64_t *lack,
                      int64_t *width)
{
    dj_err e = filter_int_needed(run, arg, width);
    if (e)
        return e;
    int64_t len = (int64_t)filter_len(in->text);
    *lack = *width > len ? *width - len : 0;
    return DJ_OK;
}

FILTER(filter_ljust)
{
    int64_t lack, width;
    dj_err  e = lacking(run, in, arg, &lack, &width);
    return e ? e : pad(run, in, 0, lack, out);
}

FILTER(filter_rjust)
{
    int64_t lack, width;
    dj_err  e = lacking(run, in, arg, &lack, &width);
    return e ? e : pad(run, in, lack, 0, out);
}

FILTER(filter_center)
{
    int64_t lack, width;
    dj_err  e = lacking(run, in, arg, &lack, &width);
    int64_t left = e ? 0 : lack / 2 + (lack & width & 1);
    return e ? e : pad(run, in, left, lack - left, out);
}

/* -- parts -- */

FILTER(filter_cut)
{
    dj_str what;
    dj_err e = filter_text_needed(run, arg, &what);
    if (e)
        return e;
    /* Without its ";" an entity may become another. */
    bool   safe = dj_var_is_safe(in) && !dj_str_eq(what, DJ_LIT(";"));
    dj_str text = in->text;
    if (what.len > 0)
        text = dj_str_replace(dj_run_scope(run), text, what, DJ_LIT(""));
    *out = dj_var_made(text, safe ? DJ_SAFE_HTML : DJ_UNSAFE);
    return DJ_OK;
}

FILTER(filter_make_list)
{
    dj_var *items;
    size_t  len;
    dj_err  e = filter_items(run, in, &items, &len);
    if (!e)
        *out = dj_var_of_list(items, len);
    return e;
}

FILTER(filter_wordcount)
{
    dj_str  rest = in->text, word;
    int64_t n = 0;
    while (filter_word(&rest, &word))
        n++;
    *out = dj_var_int(n);
    return DJ_OK;
}

FILTER(filter_linenumbers)
{
    if (arg != NULL)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "linenumbers takes no argument");
    bool   escape = dj_run_autoescape(run) && !dj_var_is_safe(in);
    dj_buf b = filter_buf(run);
    size_t lines = 1, n = 0;
    int    width = 1;
    for (size_t i = 0; i < in->text.len; i++)
        lines += in->text.ptr[i] == '\n';
    for (size_t rest = lines; rest >= 10; rest /= 10)
        width++;
    dj_str rest = in->text, line;
    if (dj_str_is_none(rest))
        rest = DJ_LIT("");
    while (dj_str_next(&rest, '\n', &line)) {
        n++;
        dj_buf_addf(&b, "%s%0*zu. ", n == 1 ? "" : "\n", width, n);
        if (escape)
            dj_buf_add_escaped(&b, line);
        else
            dj_buf_add(&b, line);
    }
    return filter_done(run, &b, DJ_SAFE_HTML, out);
}

/* -- shorter -- */

/* The argument as a length; false: it is none, and the input is the answer. */
static dj_err length_of(dj_run *run, const dj_var *arg, int64_t *length, bool *is)
{
    filter_number number = filter_int(run, arg, length);
    *is = number != FILTER_VALUE_ERROR;
    if (number == FILTER_TYPE_ERROR)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "the length is not a number");
    return DJ_OK;
}

FILTER(filter_truncatechars)
{
    int64_t length;
    bool    is;
    dj_err  e = length_of(run, arg, &length, &is);
    if (e)
        return e;
    if (!is)
        return made(out, in->text);
    if (length <= 0)
        return made(out, DJ_LIT(""));
    dj_str  text = dj_utf8_nfc(dj_run_scope(run), in->text);
    size_t  cut = text.len; /* behind the last character that the mark leaves room for */
    int64_t seen = 0;
    for (size_t pos = 0; pos < text.len;) {
        size_t  from = pos;
        int32_t cp = dj_utf8_next(text, &pos);
        if (cp >= 0 && dj_cp_combining((uint32_t)cp) != 0)
            continue;
        seen++;
        if (seen == length)
            cut = from;
        if (seen > length)
            return made(out,
                        dj_str_cat(dj_run_scope(run), dj_str_first(text, cut), DJ_LIT("\u2026")));
    }
    return made(out, text);
}

FILTER(filter_truncatewords)
{
    int64_t length;
    bool    is;
    dj_err  e = length_of(run, arg, &length, &is);
    if (e)
        return e;
    if (!is)
        return made(out, in->text);
    if (length <= 0)
        return made(out, DJ_LIT(""));
    dj_buf  b = filter_buf(run);
    dj_str  rest = in->text, word;
    int64_t n = 0;
    while (filter_word(&rest, &word)) {
        if (n++ == length) {
            if (!dj_str_ends(dj_buf_str(&b), DJ_LIT(" \u2026")))
                dj_buf_add(&b, DJ_LIT(" \u2026"));
            break;
        }
        if (n > 1)
            dj_buf_add_byte(&b, ' ');
        dj_buf_add(&b, word);
    }
    return filter_done(run, &b, DJ_UNSAFE, out);
}

/* -- for machines -- */

FILTER(filter_slugify)
{
    dj_str text = dj_utf8_nfkd(dj_run_scope(run), in->text);
    dj_buf b = filter_buf(run);
    for (size_t i = 0; i < text.len; i++) {
        char c = dj_to_lower(text.ptr[i]);
        bool gap = c == '-' || c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F);
        if (gap && !(b.len > 0 && b.ptr[b.len - 1] == '-'))
            dj_buf_add_byte(&b, '-');
        else if (dj_is_alpha(c) || dj_is_digit(c) || c == '_')
            dj_buf_add_byte(&b, c);
    }
    dj_err e = filter_done(run, &b, DJ_UNSAFE, out);
    if (!e)
        out->text = dj_str_strip(out->text, DJ_LIT("-_"));
    return e;
}

FILTER(filter_phone2numeric)
{
    if (in->kind != DJ_VAR_STR)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "phone2numeric wants a text");
    static const char keys[] = "22233344455566677778889999";
    dj_str            text = dj_utf8_lower(dj_run_scope(run), in->text);
    dj_buf            b = filter_buf(run);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        dj_buf_add_byte(&b, c >= 'a' && c <= 'z' ? keys[c - 'a'] : c);
    }
    return filter_done(run, &b, DJ_UNSAFE, out);
}

/* -- wordwrap: textwrap.TextWrapper without breaking words -- */

/* A run of blanks, or of anything else. */
typedef struct chunk {
    dj_str text;
    size_t len; /* characters */
    bool   blank;
} chunk;

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* str.expandtabs(8) */
static dj_str without_tabs(dj_run *run, dj_str line)
{
    if (dj_str_chr(line, '\t') == DJ_NOT_FOUND)
        return line;
    dj_buf b = dj_buf_make(dj_run_scope(run), 8 * line.len);
    size_t column = 0;
    for (size_t pos = 0; pos < line.len;) {
        size_t from = pos;
        if (dj_utf8_next(line, &pos) == '\t') {
            filter_repeat(&b, ' ', 8 - (int64_t)(column % 8));
            column += 8 - column % 8;
        } else {
            dj_buf_add(&b, dj_str_n(line.ptr + from, pos - from));
            column++;
        }
    }
    return dj_buf_str(&b);
}

static bool next_chunk(dj_str *rest, chunk *c)
{
    size_t n = 0;
    if (rest->len == 0)
        return false;
    bool blanks = is_blank(rest->ptr[0]);
    while (n < rest->len && is_blank(rest->ptr[n]) == blanks)
        n++;
    c->text = dj_str_first(*rest, n);
    c->len = filter_len(c->text);
    c->blank = dj_utf8_strip(c->text).len == 0; /* also a run of no-break spaces */
    *rest = dj_str_from(*rest, n);
    return true;
}

/* One line of the input into as many as it takes. False: nothing but blanks, and all were dropped.
 */
static bool wrap_line(dj_run *run, dj_str line, uint64_t width, bool *first, dj_buf *b)
{
    dj_str rest = without_tabs(run, line);
    chunk  next;
    bool   more = next_chunk(&rest, &next), some = false;
    while (more) {
        if (next.blank && some) /* a later line does not begin with blanks */
            more = next_chunk(&rest, &next);
        const char *from = more ? next.text.ptr : NULL;
        size_t      len = 0, bytes = 0;
        chunk       last = {0};
        while (more && (len + next.len <= width || (len == 0 && next.len > width))) {
            bool alone = next.len > width;
            len += next.len;
            bytes += next.text.len;
            last = next;
            more = next_chunk(&rest, &next);
            if (alone)
                break;
        }
        if (last.blank)
            bytes -= last.text.len;
        if (bytes == 0)
            continue;
        if (!*first)
            dj_buf_add_byte(b, '\n');
        dj_buf_add(b, dj_str_n(from, bytes));
        *first = false;
        some = true;
    }
    return some;
}

FILTER(filter_wordwrap)
{
    int64_t width;
    dj_err  e = filter_int_needed(run, arg, &width);
    if (e)
        return e;
    if (width <= 0 && in->text.len > 0)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "the width must be more than 0");
    dj_buf b = filter_buf(run);
    dj_str rest = in->text, line, end;
    bool   first = true;
    while (filter_line(&rest, &line, &end)) {
        if (wrap_line(run, line, (uint64_t)width, &first, &b))
            continue;
        if (!first)
            dj_buf_add_byte(&b, '\n');
        dj_buf_add(&b, line);
        first = false;
    }
    if (dj_str_ends(in->text, DJ_LIT("\n")))
        dj_buf_add_byte(&b, '\n');
    return filter_done(run, &b, DJ_UNSAFE, out);
}
