/* src/template/context_print.c - prints a value for where it lands: chooses the escapers, and says
 * where the page stands behind it.
 *
 * A value never moves a place to another state, but for the little that it can't help: behind a
 * value in JavaScript a slash divides, and letters of a value go on with the name of a tag or an
 * attribute.
 *
 * Must not know: programs, tags, filters. Reference: Go html/template; docs/contextual-escaping.md.
 */
#include "template/place.h"

typedef struct printing {
    dj_run   *run;
    dj_scope *s;
    dj_place *p;
    dj_buf   *b;
    dj_str    text;
    uint8_t   safety; /* dj_safety */
    bool     *failsafe;
} printing;

/* -- in front of the value -- */

static void begin(dj_place *p)
{
    dj_place_end_reference(p);
    if (p->state == ST_TAG || p->state == ST_AFTER_NAME) {
        p->state = ST_ATTR_NAME;
        p->attr = AT_PLAIN;
        p->seen = p->name_at = p->name_len = 0;
    } else if (p->state == ST_BEFORE_VALUE) {
        dj_place_enter_value(p, DELIM_UNQUOTED);
    } else if (p->state == ST_CSS_URL_START) {
        p->state = ST_CSS_URL;
    }
}

static bool is_js(const dj_place *p)
{
    return p->state >= ST_JS && p->state < ST_CSS;
}

static bool is_css(const dj_place *p)
{
    return p->state >= ST_CSS && p->state < ST_ERROR;
}

/* Right behind "&" or "&#" of an attribute "quot;" would become a quote. */
const char *dj_place_refusal(const dj_place *p)
{
    if (p->state == ST_ERROR)
        return "the markup in front of it is malformed";
    if (p->state == ST_URL_CODE)
        return "it stands in a javascript: URL";
    if (p->state == ST_SRCDOC && !dj_srcdoc_is_text(p))
        return "it stands in a tag or a script inside srcdoc";
    if (dj_place_may_close(p))
        return "it stands behind the name of an end tag";
    if (is_js(p)) {
        if (p->state == ST_JS_TMPL || p->braces != 0)
            return "it stands in a JavaScript template literal";
        if ((p->flags & FL_BACKSLASH) != 0)
            return "it stands behind a backslash";
        if ((p->flags & FL_CLASS) != 0)
            return "it stands in [...] of a regular expression";
    }
    if (is_css(p)) {
        if ((p->flags & FL_BACKSLASH) != 0 && p->name_len == 0)
            return "it stands behind a backslash";
        if (p->ref != 0 && p->state < ST_CSS_BLOCK)
            return "it stands behind \"&\" in CSS";
        if (dj_place_in_close(p) && p->state < ST_CSS_BLOCK)
            return "it stands behind \"<\" in CSS";
    }
    return NULL;
}

static dj_err refuse(const printing *w, const dj_print *how, const char *why)
{
    dj_str source = dj_str_is_none(how->source) ? DJ_LIT("...") : how->source;
    return dj_fail(w->s, DJ_ERR_TEMPLATE_SYNTAX,
                   "cannot determine the context of {{ " DJ_FMT " }}: %s", DJ_ARG(source), why);
}

/* -- behind it -- */

static void end(dj_place *p)
{
    p->ref = 0;
    p->close = 0;
    if (p->state == ST_TAG_OPEN || p->state == ST_END_TAG_OPEN)
        p->state = ST_TEXT;
    else if (p->state == ST_MARKUP)
        p->state = ST_BOGUS;
    if (p->state == ST_COMMENT || p->state == ST_META)
        p->seen = 0;
    if (p->state == ST_TYPE)
        dj_type_value(p);
    if (is_js(p) && p->state != ST_JS_TMPL) {
        p->seen = p->name_at = p->name_len = 0;
        p->flags &= (uint8_t) ~(FL_FRESH | FL_LINE_START);
        if (p->state == ST_JS)
            p->js_ctx = SLASH_DIV;
    }
    if (is_css(p)) {
        p->seen = p->name_at = p->name_len = 0;
        p->flags &= (uint8_t)~FL_BACKSLASH;
    }
}

/* -- the last step: the attribute around -- */

static void add(const printing *w, dj_str text)
{
    switch (w->p->delim) {
    case DELIM_NONE:
        dj_buf_add(w->b, text);
        break;
    case DELIM_UNQUOTED:
        if (text.len == 0)
            *w->failsafe = true;
        dj_escape_nospace(w->b, text, false);
        break;
    default:
        dj_escape_html(w->b, text);
    }
}

static void add_failsafe(const printing *w, dj_str word)
{
    *w->failsafe = true;
    add(w, word);
}

/* What is HTML already keeps its references, and gets nothing that ends the attribute. */
static void print_attr(const printing *w)
{
    if (w->safety != DJ_SAFE_HTML)
        add(w, w->text);
    else if (w->p->delim == DELIM_UNQUOTED)
        dj_escape_nospace(w->b, w->text, true);
    else
        dj_escape_html_again(w->b, w->text);
}

/* -- HTML text -- */

static void print_html(const printing *w)
{
    if (w->safety == DJ_SAFE_HTML)
        dj_buf_add(w->b, w->text);
    else
        dj_escape_html(w->b, w->text);
}

static void add_reference(dj_buf *b, char c)
{
    dj_buf_addf(b, "&#%u;", (unsigned)(unsigned char)c);
}

/* Escaped, it can only be a part of the name of a tag that no browser knows, and nothing behind it.
 */
static bool is_unknown_name(dj_str text)
{
    bool unknown = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0' || dj_is_html_space(text.ptr[i]) || text.ptr[i] == '/')
            return false;
        unknown = unknown || strchr("&<>\"'", text.ptr[i]) != NULL;
    }
    return unknown;
}

/* Right behind a "<" of the template, which stays text: a value that would make it a tag has its
 * first letter written as a reference. One that could only be a tag that no browser knows, with
 * nothing behind its name, is left as Django has it. */
static bool makes_a_tag(const dj_place *p, dj_str text)
{
    char first = text.len > 0 ? text.ptr[0] : ' ';
    if (p->state == ST_MARKUP)
        return text.len > 0;
    if (!dj_is_alpha(first))
        return p->state == ST_TAG_OPEN && (first == '/' || first == '!' || first == '?');
    return !is_unknown_name(text);
}

/* The last byte must not go on to "-->" with what the template has behind. */
static void print_comment(printing *w)
{
    uint8_t seen = w->p->seen;
    for (size_t i = 0; i < w->text.len; i++)
        seen = dj_comment_step(seen, w->text.ptr[i]);
    if (w->text.len == 0 || seen == COMMENT_TEXT) {
        print_html(w);
        return;
    }
    w->text.len--;
    print_html(w);
    add_reference(w->b, w->text.ptr[w->text.len]);
}

/* -- names -- */

static bool is_name(dj_str lower)
{
    for (size_t i = 0; i < lower.len; i++)
        if (!dj_is_alpha(lower.ptr[i]) && !dj_is_digit(lower.ptr[i]))
            return false;
    return lower.len > 0;
}

static dj_place name_after(dj_place p, dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (p.state == ST_ATTR_NAME)
            dj_attr_name_step(&p, text.ptr[i]);
        else
            dj_name_step(&dj_names_elements, &p.name_at, &p.name_len, dj_to_lower(text.ptr[i]));
    }
    return p;
}

static bool names_attr(const dj_place *p, dj_str lower)
{
    static const dj_place start = {.state = ST_ATTR_NAME};
    dj_place              alone = name_after(start, lower), whole = name_after(*p, lower);
    return dj_attr_name_kind(&alone) == AT_PLAIN &&
           (dj_attr_name_kind(p) != AT_PLAIN || dj_attr_name_kind(&whole) == AT_PLAIN);
}

/* <h{{ level }}>, <my-{{ kind }}>: not another element of HTML. */
static bool names_element(const dj_place *p, dj_str lower)
{
    dj_place whole = name_after(*p, lower);
    for (size_t i = 0; i < lower.len && p->seen != TAG_NAME_OWN; i++)
        if (!dj_is_digit(lower.ptr[i]))
            return false;
    return dj_name_found(&dj_names_elements, whole.name_at, whole.name_len) == NULL;
}

static void print_name(const printing *w)
{
    dj_str lower = dj_str_lower(w->s, w->text);
    if (w->p->state == ST_ATTR_NAME && w->safety == DJ_SAFE_ATTR) {
        dj_buf_add(w->b, w->text);
        *w->p = dj_place_after(*w->p, w->text); /* trusted: what stands behind it is not */
        return;
    }
    if (w->p->state == ST_TAG_NAME && w->safety == DJ_UNSAFE && is_unknown_name(lower)) {
        /* "<X{{ v }}>": Django's bytes, as they are harmless. */
        dj_buf_add_escaped(w->b, w->text);
        *w->p = name_after(*w->p, DJ_LIT("&"));
        return;
    }
    bool fine = is_name(lower) && (w->p->state == ST_ATTR_NAME ? names_attr(w->p, lower)
                                                               : names_element(w->p, lower));
    if (!fine) {
        *w->failsafe = true;
        lower = DJ_LIT(DJ_FAILSAFE);
    }
    dj_buf_add(w->b, lower);
    *w->p = name_after(*w->p, lower);
}

static void print_behind_lt(printing *w)
{
    dj_str lower = dj_str_lower(w->s, w->text);
    /* <{{ level }}> with a literal, or a word that was escaped: the name of a tag like any other.
     */
    if (w->safety == DJ_SAFE_HTML && w->p->state != ST_MARKUP && lower.len > 0 &&
        dj_is_alpha(lower.ptr[0]) && is_name(lower)) {
        dj_place after = dj_place_after(*w->p, lower);
        if (names_element(&after, DJ_LIT(""))) {
            dj_buf_add(w->b, w->text);
            *w->p = after;
            return;
        }
    }
    if (makes_a_tag(w->p, w->text)) {
        add_reference(w->b, w->text.ptr[0]);
        w->text = dj_str_from(w->text, 1);
    }
    print_html(w);
}

/* -- URLs -- */

static bool is_url(uint8_t safety)
{
    return safety == DJ_SAFE_URL || safety == DJ_SAFE_URL_ENCODED;
}

static bool is_css_string(const dj_place *p)
{
    return p->state == ST_CSS_DQ || p->state == ST_CSS_SQ;
}

/* Could the value be, or go on with, the scheme? */
static bool is_in_scheme(const dj_place *p)
{
    return p->url_part == URL_NONE ||
           (p->state == ST_URL && p->url_part == URL_PRE_QUERY && p->seen == SCHEME_IN);
}

static void print_url(const printing *w)
{
    dj_place *p = w->p;
    dj_str    text = w->text;
    if (w->safety != DJ_SAFE_URL && is_in_scheme(p) && !dj_url_scheme_is_safe(text)) {
        add_failsafe(w, DJ_LIT("#" DJ_FAILSAFE));
        p->seen = p->state == ST_URL ? SCHEME_OVER : p->seen;
        return;
    }
    if (p->state == ST_URL)
        dj_url_value(p, text);
    if (w->safety == DJ_SAFE_URL_ENCODED && p->state == ST_URL)
        add(w, text);
    else if (p->url_part == URL_QUERY && !is_url(w->safety))
        add(w, dj_escape_url(w->s, text, false));
    else if (is_css_string(p))
        add(w, dj_escape_css(w->s, text));
    else
        add(w, dj_escape_url(w->s, text, true));
}

static void print_srcset(const printing *w)
{
    if (w->safety == DJ_SAFE_SRCSET)
        add(w, w->text);
    else if (is_url(w->safety))
        add(w,
            dj_str_replace(w->s, dj_escape_url(w->s, w->text, true), DJ_LIT(","), DJ_LIT("%2c")));
    else
        add(w, dj_escape_srcset(w->s, w->text, w->failsafe));
}

/* -- CSS, JavaScript, a page in an attribute -- */

static void print_css(const printing *w)
{
    dj_str text = w->safety == DJ_SAFE_CSS ? w->text : dj_filter_css(w->s, w->text);
    if (dj_str_is_none(text))
        add_failsafe(w, DJ_LIT(DJ_FAILSAFE));
    else
        add(w, text);
}

/* `cut`: something of the page was begun in front of the value, a reference behind "&" or an end
 * tag behind "</": its first letter must not go on with that. */
static void print_js_text(const printing *w, bool cut)
{
    dj_str text = w->text;
    if (cut && text.len > 0 && text.ptr[0] > ' ' && text.ptr[0] != '\\') {
        add(w, dj_strf(w->s, "\\u%04x", (unsigned)(unsigned char)text.ptr[0]));
        text = dj_str_from(text, 1);
    }
    if (w->p->state == ST_JS_REGEXP)
        add(w, dj_escape_js_regexp(w->s, text));
    else if (w->safety == DJ_SAFE_ESCAPEJS)
        add(w, text);
    else
        add(w, dj_escape_js_string(w->s, text, w->safety == DJ_SAFE_JSSTR));
}

static void print_srcdoc(const printing *w)
{
    if (w->safety == DJ_SAFE_HTML) {
        add(w, w->text);
        return;
    }
    dj_buf inner = dj_buf_make(w->s, 6 * w->text.len); /* "&quot;" */
    dj_escape_html(&inner, w->text);
    add(w, dj_buf_str(&inner));
}

static bool is_js_name(char c)
{
    return dj_is_alpha(c) || dj_is_digit(c) || c == '_' || c == '$';
}

/* Typed: 5 is a number, None is null, a list an array. Blanks keep words apart. */
static dj_err print_js_value(const printing *w, const dj_var *v)
{
    dj_buf json = dj_buf_make(w->s, w->b->max);
    if (v->kind == DJ_VAR_STR && v->safety == DJ_SAFE_JS) {
        add(w, v->text);
        return DJ_OK;
    }
    dj_err e = dj_var_json(w->run, v, DJ_JSON_JS, &json);
    if (e)
        return e;
    dj_str text = dj_buf_str(&json);
    if (text.len > 0 && (is_js_name(text.ptr[0]) || is_js_name(text.ptr[text.len - 1])))
        text = dj_strf(w->s, " " DJ_FMT " ", DJ_ARG(text));
    add(w, text);
    return DJ_OK;
}

/* -- a value -- */

static void print_text(printing *w, bool cut)
{
    switch (w->p->state) {
    case ST_RCDATA:
        if (cut && w->text.len > 0 && dj_is_alpha(w->text.ptr[0])) {
            add_reference(w->b, w->text.ptr[0]);
            w->text = dj_str_from(w->text, 1);
        }
        print_html(w);
        break;
    case ST_TEXT:
    case ST_BOGUS:
        print_html(w);
        break;
    case ST_TAG_OPEN:
    case ST_END_TAG_OPEN:
    case ST_MARKUP:
        print_behind_lt(w);
        break;
    case ST_COMMENT:
        print_comment(w);
        break;
    case ST_TAG_NAME:
    case ST_ATTR_NAME:
        print_name(w);
        break;
    case ST_SRCSET:
        print_srcset(w);
        break;
    case ST_SRCDOC:
        print_srcdoc(w);
        break;
    case ST_URL:
    case ST_CSS_DQ:
    case ST_CSS_SQ:
    case ST_CSS_URL:
    case ST_CSS_DQURL:
    case ST_CSS_SQURL:
        print_url(w);
        break;
    case ST_JS_DQ:
    case ST_JS_SQ:
    case ST_JS_REGEXP:
        print_js_text(w, cut);
        break;
    case ST_CSS:
        print_css(w);
        break;
    case ST_JS_BLOCK: /* nothing is printed in a comment */
    case ST_JS_LINE:
    case ST_CSS_BLOCK:
    case ST_CSS_LINE:
        break;
    default:
        print_attr(w);
    }
}

static dj_err text_of(printing *w, const dj_var *v)
{
    w->safety = DJ_UNSAFE;
    if (v->kind != DJ_VAR_STR)
        return dj_var_text(w->run, v, &w->text);
    w->text = v->text;
    w->safety = v->safety;
    return DJ_OK;
}

/* Raw markup that begins or names a tag or an attribute is followed as the template's own. */
static void print_raw(printing *w)
{
    uint8_t state = w->p->state;
    dj_buf_add(w->b, w->text);
    if (state == ST_ATTR_NAME || state == ST_TAG_NAME || state == ST_TAG_OPEN ||
        state == ST_END_TAG_OPEN || state == ST_MARKUP)
        *w->p = dj_place_after(*w->p, w->text);
    else
        end(w->p);
}

static dj_err print_contextual(printing *w, const dj_var *v, const dj_print *how)
{
    bool        cut = w->p->ref != 0 || dj_place_in_close(w->p);
    const char *why = dj_place_refusal(w->p);
    if (why != NULL)
        return refuse(w, how, why);
    dj_err e = DJ_OK;
    begin(w->p);
    if (w->p->state == ST_JS)
        e = print_js_value(w, v);
    else if ((e = text_of(w, v)) == DJ_OK)
        print_text(w, cut);
    end(w->p);
    return e;
}

void dj_place_pass(dj_place *p)
{
    begin(p);
    if (p->state == ST_ATTR_NAME || p->state == ST_TAG_NAME)
        *p = name_after(*p, DJ_LIT("x"));
    if (p->state == ST_URL && p->url_part == URL_NONE)
        p->seen = SCHEME_OVER;
    end(p);
}

dj_err dj_place_print(dj_run *run, dj_place *at, const dj_var *v, const dj_print *how, dj_out *out,
                      bool *failsafe)
{
    printing w = {
        .run = run, .s = dj_run_scope(run), .p = at, .b = &out->buf, .failsafe = failsafe};
    if (how->contextual && !how->raw && at->state != ST_TEXT)
        return print_contextual(&w, v, how);
    dj_err e = text_of(&w, v);
    if (e)
        return e;
    if (how->raw) {
        begin(at);
        print_raw(&w);
    } else {
        print_html(&w);
    }
    return DJ_OK;
}

dj_place dj_place_lost(void)
{
    return (dj_place){.state = ST_ERROR};
}

bool dj_place_is_plain(dj_place at)
{
    return at.state == ST_TEXT || at.state == ST_RCDATA ||
           (at.state == ST_ATTR && at.attr == AT_PLAIN && at.delim != DELIM_UNQUOTED);
}

dj_str dj_place_name(dj_place at)
{
    static const char *const bodies[] = {
        [EL_STYLE] = "<style>", [EL_TEXTAREA] = "<textarea>", [EL_TITLE] = "<title>"};
    static const char *const attrs[] = {
        [AT_PLAIN] = "an attribute",         [AT_UNSAFE] = "an attribute",
        [AT_URL] = "an attribute's URL",     [AT_STYLE] = "a style attribute",
        [AT_EVENT] = "an event handler",     [AT_SRCSET] = "a srcset attribute",
        [AT_SRCDOC] = "a srcdoc attribute",  [AT_TYPE] = "the type of a script",
        [AT_CONTENT] = "a content attribute"};
    if (at.state == ST_ERROR)
        return DJ_LIT("malformed markup");
    if (at.delim != DELIM_NONE)
        return dj_str_of(attrs[at.attr]);
    if (at.state >= ST_RCDATA)
        return dj_str_of(is_js(&at) ? "<script>" : bodies[at.element]);
    if (at.state >= ST_TAG_NAME && at.state <= ST_BEFORE_VALUE)
        return DJ_LIT("a tag");
    return at.state == ST_COMMENT ? DJ_LIT("a comment") : DJ_LIT("text");
}
