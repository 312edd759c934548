/* src/template/tags/output.c - autoescape, filter, spaceless, comment, verbatim, templatetag,
 * csrf_token, debug.
 *
 * Django: django/template/defaulttags.py. */
#include "donjon/unicode.h"
#include "template/inside.h"

/* -- autoescape -- */

static const bool on = true, off = false;

static dj_err autoescape_enter(dj_run *run, const dj_tnode *node)
{
    dj_frame *frame;
    dj_err    e = dj_run_body(run, node, &frame);
    if (e)
        return e;
    frame->saved = run->autoescape;
    run->autoescape = *(const bool *)node->data;
    return DJ_OK;
}

static dj_err autoescape_leave(dj_run *run, dj_frame *frame, bool *again)
{
    (void)again;
    run->autoescape = frame->saved;
    return DJ_OK;
}

static dj_str autoescape_target(const dj_tnode *node)
{
    return *(const bool *)node->data ? DJ_LIT("on") : DJ_LIT("off");
}

static const dj_node_kind autoescape_kind = {"autoescape", autoescape_enter, autoescape_leave,
                                             autoescape_target};

static dj_err autoescape_open(dj_parser *p, const dj_token *t)
{
    dj_str *words;
    size_t  nwords;
    dj_err  e = dj_tag_words(p, t, false, &words, &nwords);
    if (e)
        return e;
    if (nwords != 1)
        return dj_parse_fail(p, "'autoescape' tag requires exactly one argument.");
    bool is_on = dj_str_eq(words[0], DJ_LIT("on"));
    if (!is_on && !dj_str_eq(words[0], DJ_LIT("off")))
        return dj_parse_fail(p, "'autoescape' argument should be 'on' or 'off'");
    return dj_open_body(p, t, dj_emit(p, &autoescape_kind, is_on ? &on : &off), "endautoescape\0");
}

const dj_tag dj_tag_autoescape = {"autoescape", autoescape_open, dj_body_next, NULL};

/* -- filter -- */

typedef struct capture {
    dj_out  *before;
    dj_place at; /* where the body begins */
} capture;

static dj_err filter_enter(dj_run *run, const dj_tnode *node)
{
    dj_frame *frame;
    dj_err    e = dj_run_body(run, node, &frame);
    if (e)
        return e;
    capture *c = dj_new(run->scope, capture);
    *c = (capture){dj_run_capture(run), run->place};
    frame->state = c;
    return DJ_OK;
}

/* What was escaped for a script, a URL or a name may mean something else once it is changed. */
static bool may_change(const dj_run *run, const capture *c)
{
    return !run->contextual || (dj_place_is_plain(c->at) && dj_place_is_plain(run->place));
}

/* The result is printed as it is: the body was escaped where it was made. */
static dj_err filter_leave(dj_run *run, dj_frame *frame, bool *again)
{
    const capture *c = frame->state;
    dj_var         v = dj_var_made(dj_run_captured(run, c->before), DJ_SAFE_HTML);
    (void)again;
    if (run->contextual && !dj_place_is_plain(c->at))
        return dj_fail(run->scope, DJ_ERR_TEMPLATE_SYNTAX,
                       "a filter tag can't change what was escaped for " DJ_FMT,
                       DJ_ARG(dj_place_name(c->at)));
    if (!may_change(run, c))
        run->place = dj_place_lost(); /* nobody knows where the changed text ends */
    dj_err e = dj_expr_filter(run, frame->node->data, v, &v);
    if (e)
        return e;
    if (v.kind != DJ_VAR_STR)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE, "The filters of a filter tag made no text");
    dj_run_print_tracked(run, v.text);
    return DJ_OK;
}

static const dj_node_kind filter_kind = {"filter", filter_enter, filter_leave, NULL};

static dj_err filter_open(dj_parser *p, const dj_token *t)
{
    dj_str         rest = t->text, word;
    const dj_expr *e = NULL;
    (void)dj_word_next(&rest, &word);
    rest = dj_utf8_strip(rest);
    if (rest.len == 0)
        return dj_parse_fail(p, "'filter' tag requires at least one filter");
    dj_err err = dj_expr_compile(p, dj_strf(p->scope, "var|" DJ_FMT, DJ_ARG(rest)), &e);
    if (err)
        return err;
    for (size_t i = 0; i < e->nfilters; i++) {
        const char *name = e->filters[i].filter->name;
        if (strcmp(name, "escape") == 0 || strcmp(name, "safe") == 0)
            return dj_parse_fail(p,
                                 "\"filter %s\" is not permitted.  Use the \"autoescape\" tag "
                                 "instead.",
                                 name);
    }
    return dj_open_body(p, t, dj_emit(p, &filter_kind, e), "endfilter\0");
}

const dj_tag dj_tag_filter = {"filter", filter_open, dj_body_next, NULL};

/* -- spaceless -- */

/* Behind the blanks at `at`. */
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

static dj_err spaceless_leave(dj_run *run, dj_frame *frame, bool *again)
{
    const capture *c = frame->state;
    dj_str         text = dj_run_captured(run, c->before);
    (void)again;
    if (!may_change(run, c)) { /* blanks may be part of a string there */
        dj_run_print_tracked(run, text);
        return DJ_OK;
    }
    text = dj_utf8_strip(text);
    for (size_t at = 0; at < text.len;) {
        const char *close = memchr(text.ptr + at, '>', text.len - at);
        size_t      to = close == NULL ? text.len : (size_t)(close - text.ptr) + 1;
        dj_run_print_tracked(run, dj_str_n(text.ptr + at, to - at));
        size_t behind = skip_space(text, to);
        at = behind < text.len && text.ptr[behind] == '<' ? behind : to;
    }
    return DJ_OK;
}

static const dj_node_kind spaceless_kind = {"spaceless", filter_enter, spaceless_leave, NULL};

static dj_err spaceless_open(dj_parser *p, const dj_token *t)
{
    return dj_open_body(p, t, dj_emit(p, &spaceless_kind, NULL), "endspaceless\0");
}

const dj_tag dj_tag_spaceless = {"spaceless", spaceless_open, dj_body_next, NULL};

/* -- comment, verbatim -- */

/* The contents are not parsed. */
static dj_err comment_open(dj_parser *p, const dj_token *t)
{
    for (;;) {
        dj_token next = dj_lexer_next(&p->lexer);
        if (next.kind == DJ_TOKEN_END)
            return dj_parse_fail(
                p, "Unclosed tag on line %u: 'comment'. Looking for one of: endcomment.", t->line);
        if (next.kind == DJ_TOKEN_TAG && dj_str_eq(next.text, DJ_LIT("endcomment")))
            return DJ_OK;
    }
}

const dj_tag dj_tag_comment = {"comment", comment_open, NULL, NULL};

static dj_err verbatim_enter(dj_run *run, const dj_tnode *node)
{
    dj_frame *frame;
    return dj_run_body(run, node, &frame);
}

static const dj_node_kind verbatim_kind = {"verbatim", verbatim_enter, NULL, NULL};

/* The lexer makes text of all that stands between; the tags themselves are nothing. It does not
 * if no blank, but a tab, follows the name: then the body is parsed, as Django does. */
static dj_err verbatim_open(dj_parser *p, const dj_token *t)
{
    if (dj_str_is_none(p->lexer.verbatim))
        return dj_open_body(p, t, dj_emit(p, &verbatim_kind, NULL), "endverbatim\0");
    for (;;) {
        dj_token next = dj_lexer_next(&p->lexer);
        if (next.kind == DJ_TOKEN_END)
            return dj_parse_fail(
                p, "Unclosed tag on line %u: 'verbatim'. Looking for one of: endverbatim.",
                t->line);
        if (next.kind == DJ_TOKEN_TAG)
            return DJ_OK;
        dj_add_text(p, &next);
    }
}

const dj_tag dj_tag_verbatim = {"verbatim", verbatim_open, dj_body_next, NULL};

/* -- templatetag -- */

static const struct {
    const char *name;
    dj_str      text;
} marks[] = {
    {"openblock", DJ_STR_INIT("{%")},    {"closeblock", DJ_STR_INIT("%}")},
    {"openvariable", DJ_STR_INIT("{{")}, {"closevariable", DJ_STR_INIT("}}")},
    {"openbrace", DJ_STR_INIT("{")},     {"closebrace", DJ_STR_INIT("}")},
    {"opencomment", DJ_STR_INIT("{#")},  {"closecomment", DJ_STR_INIT("#}")},
};

static dj_err templatetag_open(dj_parser *p, const dj_token *t)
{
    dj_str *words;
    size_t  nwords;
    dj_err  e = dj_tag_words(p, t, false, &words, &nwords);
    if (e)
        return e;
    if (nwords != 1)
        return dj_parse_fail(p, "'templatetag' statement takes one argument");
    for (size_t i = 0; i < DJ_COUNT(marks); i++) {
        if (dj_str_eq(words[0], dj_str_of(marks[i].name))) {
            dj_token text = *t;
            text.text = marks[i].text;
            dj_add_text(p, &text);
            return DJ_OK;
        }
    }
    dj_buf list = dj_buf_make(p->failures, 1024);
    for (size_t i = 0; i < DJ_COUNT(marks); i++)
        dj_buf_addf(&list, "%s'%s'", i == 0 ? "" : ", ", marks[i].name);
    return dj_parse_fail(p,
                         "Invalid templatetag argument: '" DJ_FMT "'. Must be one of: [" DJ_FMT "]",
                         DJ_ARG(words[0]), DJ_ARG(dj_buf_str(&list)));
}

const dj_tag dj_tag_templatetag = {"templatetag", templatetag_open, NULL, NULL};

/* -- csrf_token -- */

static dj_err csrf_token_enter(dj_run *run, const dj_tnode *node)
{
    dj_var token = dj_var_none();
    bool   truth = false;
    dj_err e = dj_run_variable(run, DJ_LIT("csrf_token"), &token);
    (void)node;
    if (e || (e = dj_var_true(run, &token, &truth)))
        return e;
    if (!truth || (token.kind == DJ_VAR_STR && dj_str_eq(token.text, DJ_LIT("NOTPROVIDED"))))
        return DJ_OK;
    dj_run_print_static(run,
                        DJ_LIT("<input type=\"hidden\" name=\"csrfmiddlewaretoken\" value=\""));
    bool autoescape = run->autoescape;
    run->autoescape = true; /* format_html() escapes always */
    e = dj_run_print(run, &token, false);
    run->autoescape = autoescape;
    dj_run_print_static(run, DJ_LIT("\">"));
    return e;
}

static const dj_node_kind csrf_token_kind = {"csrf_token", csrf_token_enter, NULL, NULL};

static dj_err csrf_token_open(dj_parser *p, const dj_token *t)
{
    (void)t;
    dj_emit(p, &csrf_token_kind, NULL);
    return DJ_OK;
}

const dj_tag dj_tag_csrf_token = {"csrf_token", csrf_token_open, NULL, NULL};

/* -- debug -- */

/* The names alone: values may be what no page should show. */
static dj_err debug_enter(dj_run *run, const dj_tnode *node)
{
    dj_buf                 b = dj_buf_make(run->scope, 64 * 1024);
    const dj_render_input *in = run->input;
    (void)node;
    if (!dj_engine_options_of(run->engine)->debug)
        return DJ_OK;
    dj_buf_add(&b, DJ_LIT("{"));
    for (uint32_t i = run->nbindings; i-- > run->floor;)
        dj_buf_addf(&b, "'" DJ_FMT "', ", DJ_ARG(run->bindings[i].name));
    for (size_t i = 0; i < in->ncontexts && !run->isolated; i++) {
        const dj_attrs *attrs = in->contexts[i].attrs;
        for (size_t k = 0; attrs != NULL && k < attrs->len; k++)
            dj_buf_addf(&b, "'%s', ", attrs->items[k].name);
    }
    for (size_t i = 0; i < in->nitems && !run->isolated; i++)
        dj_buf_addf(&b, "'" DJ_FMT "', ", DJ_ARG(in->items[i].name));
    dj_buf_add(&b, DJ_LIT("'True', 'False', 'None'}"));
    dj_var v = dj_var_made(dj_buf_str(&b), DJ_UNSAFE);
    return dj_run_print(run, &v, false);
}

static const dj_node_kind debug_kind = {"debug", debug_enter, NULL, NULL};

static dj_err debug_open(dj_parser *p, const dj_token *t)
{
    (void)t;
    dj_emit(p, &debug_kind, NULL);
    return DJ_OK;
}

const dj_tag dj_tag_debug = {"debug", debug_open, NULL, NULL};
