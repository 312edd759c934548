/* src/template/filters/escape.c - filters about safety: escaping, declaring, line breaks as HTML.
 */
#include "template/filters/filters.h"

FILTER(filter_escape)
{
    dj_str text;
    dj_err e = filter_html(run, in, true, &text);
    if (!e)
        *out = dj_var_made(text, dj_var_is_safe(in) ? (dj_safety)in->safety : DJ_SAFE_HTML);
    return e;
}

FILTER(filter_force_escape)
{
    *out = dj_var_made(dj_html_escape(dj_run_scope(run), in->text).safe, DJ_SAFE_HTML);
    return DJ_OK;
}

/* For the inside of quotes in JavaScript, and not for template literals: a backtick is escaped, but
 * "${" is not. */
FILTER(filter_escapejs)
{
    static const char escaped[] = "\\'\"><&=-;`";
    dj_buf            b = filter_buf(run);
    dj_str            text = in->text;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || (c < 0x80 && memchr(escaped, c, sizeof(escaped) - 1) != NULL)) {
            dj_buf_addf(&b, "\\u%04X", c);
        } else if (c == 0xE2 && i + 2 < text.len && text.ptr[i + 1] == '\x80' &&
                   (text.ptr[i + 2] == '\xA8' || text.ptr[i + 2] == '\xA9')) {
            dj_buf_addf(&b, "\\u%04X", text.ptr[i + 2] == '\xA8' ? 0x2028 : 0x2029);
            i += 2;
        } else {
            dj_buf_add_byte(&b, (char)c);
        }
    }
    return filter_done(run, &b, DJ_SAFE_ESCAPEJS, out);
}

/* -- declaring: nothing is changed, only what the escaper may believe -- */

FILTER(filter_safe)
{
    *out = dj_var_made(in->text, DJ_SAFE_HTML);
    return DJ_OK;
}

FILTER(filter_safeattr)
{
    *out = dj_var_made(in->text, DJ_SAFE_ATTR);
    return DJ_OK;
}

FILTER(filter_safecss)
{
    *out = dj_var_made(in->text, DJ_SAFE_CSS);
    return DJ_OK;
}

FILTER(filter_safejs)
{
    *out = dj_var_made(in->text, DJ_SAFE_JS);
    return DJ_OK;
}

FILTER(filter_safejsstr)
{
    *out = dj_var_made(in->text, DJ_SAFE_JSSTR);
    return DJ_OK;
}

FILTER(filter_safesrcset)
{
    *out = dj_var_made(in->text, DJ_SAFE_SRCSET);
    return DJ_OK;
}

FILTER(filter_safeurl)
{
    *out = dj_var_made(in->text, DJ_SAFE_URL);
    return DJ_OK;
}

FILTER(filter_safeseq)
{
    dj_var *items;
    size_t  len;
    dj_err  e = filter_items(run, in, &items, &len);
    for (size_t i = 0; !e && i < len; i++) {
        dj_str text;
        e = dj_var_plain(run, &items[i], &text);
        if (!e && !dj_var_is_safe(&items[i]))
            items[i] = dj_var_made(text, DJ_SAFE_HTML);
    }
    if (!e)
        *out = dj_var_of_list(items, len);
    return e;
}

FILTER(filter_escapeseq)
{
    dj_var *items;
    size_t  len;
    dj_err  e = filter_items(run, in, &items, &len);
    for (size_t i = 0; !e && i < len; i++) {
        dj_str text;
        e = filter_html(run, &items[i], true, &text);
        if (!e && !dj_var_is_safe(&items[i]))
            items[i] = dj_var_made(text, DJ_SAFE_HTML);
    }
    if (!e)
        *out = dj_var_of_list(items, len);
    return e;
}

/* -- lines -- */

/* CRLF and CR become LF. */
static dj_str normal_newlines(dj_scope *s, dj_str text)
{
    if (dj_str_chr(text, '\r') == DJ_NOT_FOUND)
        return text;
    dj_buf b = dj_buf_make(s, text.len);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n')
            continue;
        dj_buf_add_byte(&b, text.ptr[i] == '\r' ? '\n' : text.ptr[i]);
    }
    return dj_buf_str(&b);
}

static dj_str escaped_lines(dj_run *run, const dj_var *in)
{
    dj_scope *s = dj_run_scope(run);
    dj_str    text = normal_newlines(s, in->text);
    return dj_run_autoescape(run) && !dj_var_is_safe(in) ? dj_html_escape(s, text).safe : text;
}

static void add_lines(dj_buf *b, dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n')
            dj_buf_add(b, DJ_LIT("<br>"));
        else
            dj_buf_add_byte(b, text.ptr[i]);
    }
}

FILTER(filter_linebreaksbr)
{
    if (arg != NULL)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "linebreaksbr takes no argument");
    dj_buf b = filter_buf(run);
    add_lines(&b, escaped_lines(run, in));
    return filter_done(run, &b, DJ_SAFE_HTML, out);
}

FILTER(filter_linebreaks)
{
    if (arg != NULL)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "linebreaks takes no argument");
    dj_str text = escaped_lines(run, in);
    dj_buf b = filter_buf(run);
    size_t from = 0;
    dj_buf_add(&b, DJ_LIT("<p>"));
    for (size_t i = 0; i < text.len; i++) {
        size_t end = i;
        while (end < text.len && text.ptr[end] == '\n')
            end++;
        if (end - i < 2) /* a paragraph ends with two or more */
            continue;
        add_lines(&b, dj_str_n(text.ptr + from, i - from));
        dj_buf_add(&b, DJ_LIT("</p>\n\n<p>"));
        from = end;
        i = end - 1;
    }
    add_lines(&b, dj_str_from(text, from));
    dj_buf_add(&b, DJ_LIT("</p>"));
    return filter_done(run, &b, DJ_SAFE_HTML, out);
}

/* -- data for scripts -- */

FILTER(filter_json_script)
{
    dj_buf b = filter_buf(run);
    bool   named = false;
    dj_err e = arg == NULL ? DJ_OK : dj_var_true(run, arg, &named);
    dj_str id = DJ_NONE;
    if (!e && named)
        e = filter_html(run, arg, true, &id);
    if (e)
        return e;
    dj_buf_add(&b, DJ_LIT("<script"));
    if (named) {
        dj_buf_add(&b, DJ_LIT(" id=\""));
        dj_buf_add(&b, id);
        dj_buf_add_byte(&b, '"');
    }
    dj_buf_add(&b, DJ_LIT(" type=\"application/json\">"));
    e = dj_var_json(run, in, DJ_JSON_SCRIPT, &b);
    if (e)
        return e;
    dj_buf_add(&b, DJ_LIT("</script>"));
    return filter_done(run, &b, DJ_SAFE_HTML, out);
}
