/* src/template/context_watch.c - watches the tags of a template that is checked: forms without a
 * token, scripts and styles that a strict policy would not run.
 *
 * Must not know: branches, programs. */
#include "template/place.h"

void dj_findings_add(dj_findings *out, dj_scope *s, dj_finding_code code, dj_str template,
                     uint32_t line, dj_str message)
{
    for (size_t i = 0; i < out->len; i++)
        if (out->items[i].code == code && out->items[i].line == line &&
            dj_str_eq(out->items[i].template, template))
            return; /* once for each place, however often it is walked */
    if (out->len == DJ_FINDINGS_MAX)
        return;
    if (out->len == out->cap) {
        size_t cap = out->cap == 0 ? 16 : 2 * out->cap;
        out->items =
            dj_realloc(s, out->items, out->cap * sizeof *out->items, cap * sizeof *out->items);
        out->cap = cap;
    }
    out->items[out->len++] = (dj_finding){
        .code = code, .template = dj_str_dup(s, template), .line = line, .message = message};
}

static void keep(char *room, size_t size, size_t *len, char c)
{
    if (*len < size)
        room[(*len)++] = dj_to_lower(c);
}
#define KEEP(w, field, c) keep((w)->field, sizeof(w)->field, &(w)->field##_len, (c))

static bool is(const char *room, size_t len, const char *word)
{
    return dj_str_eq(dj_str_n(room, len), dj_str_of(word));
}
#define IS(w, field, word) is((w)->field, (w)->field##_len, (word))

static bool in_tag(const dj_place *p)
{
    return p->delim != DELIM_NONE || (p->state >= ST_TAG_NAME && p->state <= ST_BEFORE_VALUE);
}

/* -- tags -- */

static void attr_end(dj_tag_watch *w)
{
    dj_str value = dj_str_strip(dj_str_n(w->value, w->value_len), DJ_LIT(" \t\r\n\f"));
    if (!w->in_attr)
        return;
    w->in_attr = false;
    w->src = w->src || IS(w, attr, "src");
    w->nonce = w->nonce || IS(w, attr, "nonce");
    if (IS(w, attr, "type") && !w->dynamic)
        w->data = dj_str_has(value, DJ_LIT("json"));
    if (IS(w, attr, "method"))
        w->post = dj_str_eq(value, DJ_LIT("post"));
    if (IS(w, attr, "action"))
        w->foreign = dj_str_starts(value, DJ_LIT("//")) || dj_str_starts(value, DJ_LIT("http:")) ||
                     dj_str_starts(value, DJ_LIT("https:"));
    if (IS(w, attr, "name"))
        w->token = w->token || dj_str_eq(value, DJ_LIT("csrfmiddlewaretoken"));
    if (w->attr_len > 2 && w->attr[0] == 'o' && w->attr[1] == 'n')
        w->handler = w->attr_line;
    if (IS(w, attr, "style"))
        w->style = w->attr_line;
}

static void form_end(dj_tag_watch *w, dj_scope *s, dj_findings *out)
{
    if (w->form.open && !w->form.token && !w->form.unknown)
        dj_findings_add(out, s, DJ_FINDING_NO_CSRF_TOKEN, w->form.template, w->form.line,
                        DJ_LIT("a form with method=\"post\" has no {% csrf_token %}"));
    w->form.open = false;
}

static void tag_end(dj_tag_watch *w, dj_scope *s, dj_findings *out, dj_str template,
                    const dj_place *after)
{
    if (IS(w, tag, "form")) {
        form_end(w, s, out);
        if (!w->end && w->post && !w->foreign) {
            w->form.template = template;
            w->form.line = w->line;
            w->form.open = true;
            w->form.token = w->form.unknown = false;
        }
    }
    if (w->end)
        return;
    if (w->token)
        w->form.token = true;
    if (w->handler != 0)
        dj_findings_add(out, s, DJ_FINDING_INLINE_HANDLER, template, w->handler,
                        DJ_LIT("an event handler stands in an attribute"));
    if (w->style != 0)
        dj_findings_add(out, s, DJ_FINDING_INLINE_STYLE, template, w->style,
                        DJ_LIT("a style stands in an attribute"));
    if (IS(w, tag, "script") && after->state == ST_JS && !w->src && !w->nonce && !w->data)
        dj_findings_add(out, s, DJ_FINDING_INLINE_SCRIPT, template, w->line,
                        DJ_LIT("<script> has neither src nor nonce=\"{{ csp_nonce }}\""));
    if (IS(w, tag, "style") && !w->nonce)
        dj_findings_add(out, s, DJ_FINDING_INLINE_STYLE, template, w->line,
                        DJ_LIT("<style> has no nonce=\"{{ csp_nonce }}\""));
}

static void tag_start(dj_tag_watch *w, uint32_t line, const dj_place *at)
{
    typeof(w->form) form = w->form;
    *w = (dj_tag_watch){.line = line, .end = (at->flags & FL_END_TAG) != 0};
    w->form = form;
}

void dj_watch_byte(dj_tag_watch *w, dj_scope *s, dj_findings *out, dj_str template, uint32_t line,
                   const dj_place *before, const dj_place *after, char c)
{
    if (after->state == ST_TAG_NAME && before->state != ST_TAG_NAME)
        tag_start(w, line, after);
    if (after->state == ST_TAG_NAME)
        KEEP(w, tag, c);
    if (before->delim != DELIM_NONE || (after->delim == DELIM_UNQUOTED && c != '>'))
        KEEP(w, value, c);
    if (w->value_len > 0 && before->delim != DELIM_NONE && after->delim == DELIM_NONE)
        w->value_len--; /* what ended it */
    if (after->state == ST_ATTR_NAME && before->state != ST_ATTR_NAME) {
        attr_end(w);
        w->in_attr = true;
        w->attr_line = line;
        w->attr_len = w->value_len = 0;
        w->dynamic = false;
    }
    if (after->state == ST_ATTR_NAME)
        KEEP(w, attr, c);
    if (after->state == ST_URL_CODE && before->state != ST_URL_CODE)
        dj_findings_add(out, s, DJ_FINDING_CODE_URL, template, line,
                        DJ_LIT("a URL begins with javascript:"));
    if (in_tag(before) && !in_tag(after) && c == '>') {
        attr_end(w);
        tag_end(w, s, out, template, after);
    }
}

void dj_watch_value(dj_tag_watch *w, const dj_place *at)
{
    w->dynamic = w->dynamic || in_tag(at);
}

void dj_watch_token(dj_tag_watch *w)
{
    w->form.token = true;
}

void dj_watch_unknown(dj_tag_watch *w)
{
    w->form.unknown = true;
}

void dj_watch_end(dj_tag_watch *w, dj_scope *s, dj_findings *out)
{
    form_end(w, s, out);
}
