/* src/template/filters/html.c - striptags and the truncating of HTML. */
#include "donjon/unicode.h"
#include "template/filters/filters.h"
#include "template/filters/markup.h"

/* -- striptags -- */

enum {
    STRIP_DEPTH_MAX = 50, /* rounds, and '<' in an open tag without end */
    OPEN_TAG_LONG = 1000  /* characters */
};

static void strip_data(markup *m, void *ctx, dj_str text)
{
    dj_buf_add(ctx, text);
}

static void strip_start(markup *m, void *ctx, dj_str tag, dj_str raw, bool closed)
{
}

static void strip_end(markup *m, void *ctx, dj_str tag)
{
}

static void strip_reference(markup *m, void *ctx, dj_str name, bool number)
{
    dj_buf_addf(ctx, number ? "&#" DJ_FMT ";" : "&" DJ_FMT ";", DJ_ARG(name));
}

static size_t count(dj_str text, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == c;
    return n;
}

/* "<a<a<a<a ..." without an end: what makes the parser slow, and nobody writes. */
static bool is_suspicious(dj_str text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] != '<' || !dj_is_alpha(text.ptr[i + 1]))
            continue;
        dj_str tag = dj_str_from(text, i);
        tag = dj_str_first(tag, dj_str_chr(tag, '>'));
        if (filter_len(tag) >= OPEN_TAG_LONG + 2 && count(tag, '<') >= STRIP_DEPTH_MAX)
            return true;
        i += tag.len - 1;
    }
    return false;
}

FILTER(filter_striptags)
{
    static const markup_handlers handlers = {strip_data, strip_start, strip_end, strip_reference};
    dj_scope                    *s = dj_run_scope(run);
    dj_str                       text = in->text;
    uint64_t                     budget = MARKUP_BUDGET(text.len);
    if (is_suspicious(text))
        return dj_fail(s, DJ_ERR_SUSPICIOUS, "striptags: an endless open tag");
    for (int depth = 0;
         dj_str_chr(text, '<') != DJ_NOT_FOUND && dj_str_chr(text, '>') != DJ_NOT_FOUND; depth++) {
        if (depth >= STRIP_DEPTH_MAX)
            return dj_fail(s, DJ_ERR_SUSPICIOUS, "striptags: tags within tags");
        dj_buf b = filter_buf(run);
        markup m = {.scope = s, .handlers = &handlers, .ctx = &b, .text = text, .budget = budget};
        markup_feed(&m);
        markup_close(&m);
        budget = m.budget;
        if (m.error)
            return m.error;
        if (b.full)
            return filter_done(run, &b, DJ_UNSAFE, out);
        if (count(text, '<') == count(dj_buf_str(&b), '<'))
            break; /* none was a tag */
        text = dj_buf_str(&b);
    }
    *out = dj_var_made(text, DJ_UNSAFE);
    return DJ_OK;
}

/* -- truncatechars_html, truncatewords_html -- */

typedef struct truncator {
    dj_run *run;
    dj_buf  out;
    bool    words;
    int64_t length, remaining, processed;
    size_t  written, whole; /* characters put out; of the whole text */
    dj_str *open;           /* tags, the innermost last */
    size_t  nopen, cap;
} truncator;

/* Elements without an end tag. */
static bool is_void(dj_str tag)
{
    static const char names[] = " area base br col embed hr img input link meta param source track "
                                "wbr frame spacer ";
    for (size_t i = 0; i + tag.len + 1 < sizeof(names) - 1; i++) {
        if (names[i] == ' ' && names[i + 1 + tag.len] == ' ' &&
            memcmp(names + i + 1, tag.ptr, tag.len) == 0)
            return memchr(tag.ptr, ' ', tag.len) == NULL && tag.len > 0;
    }
    return false;
}

static void put(truncator *t, dj_str text)
{
    dj_buf_add(&t->out, text);
    t->written += filter_len(text);
}

static void put_end_tag(truncator *t, dj_str tag)
{
    put(t, DJ_LIT("</"));
    put(t, tag);
    put(t, DJ_LIT(">"));
}

static void truncate_end(markup *m, void *ctx, dj_str tag)
{
    truncator *t = ctx;
    if (is_void(tag))
        return;
    put_end_tag(t, tag);
    if (t->nopen > 0 && dj_str_eq(t->open[t->nopen - 1], tag))
        t->nopen--;
}

static void truncate_start(markup *m, void *ctx, dj_str tag, dj_str raw, bool closed)
{
    truncator *t = ctx;
    put(t, raw);
    if (!is_void(tag)) {
        if (t->nopen == t->cap) {
            size_t cap = t->cap == 0 ? 16 : 2 * t->cap;
            t->open =
                dj_realloc(m->scope, t->open, t->cap * sizeof(*t->open), cap * sizeof(*t->open));
            t->cap = cap;
        }
        t->open[t->nopen++] = tag;
        if (closed)
            truncate_end(m, ctx, tag);
    }
}

static void completed(markup *m, truncator *t)
{
    while (t->nopen > 0)
        put_end_tag(t, t->open[--t->nopen]);
    m->stopped = true;
}

/* Escaped; the mark behind it unless it ends with it already. */
static void put_last(truncator *t, dj_str text, dj_str mark)
{
    dj_str escaped = dj_html_escape(dj_run_scope(t->run), text).safe;
    put(t, escaped);
    if (!t->words || !dj_str_ends(escaped, mark))
        put(t, mark);
}

static void truncate_chars(markup *m, void *ctx, dj_str text)
{
    truncator *t = ctx;
    int64_t    len = (int64_t)filter_len(text);
    t->processed += len;
    if (t->processed == t->length && t->written + (size_t)len == t->whole) {
        put(t, text);
        completed(m, t);
    } else if (t->remaining < len) {
        put_last(t, filter_first(text, (size_t)t->remaining), DJ_LIT("\u2026"));
        completed(m, t);
    } else {
        t->remaining -= len;
        put(t, dj_html_escape(dj_run_scope(t->run), text).safe);
    }
}

/* Words of re.split(r"(?<=\S)\s+(?=\S)"): blanks at the ends stay with their words. */
static void truncate_words(markup *m, void *ctx, dj_str text)
{
    truncator *t = ctx;
    dj_buf     b = filter_buf(t->run); /* the words that remain, one blank between two */
    int64_t    words = 0;
    size_t     pos = 0, from = 0;
    while (pos < text.len) {
        size_t after, gap;
        while (pos < text.len && filter_is_space_at(text, pos, &after)) /* in front of all */
            pos = after;
        while (pos < text.len && !filter_is_space_at(text, pos, &after))
            pos = after;
        for (gap = pos; gap < text.len && filter_is_space_at(text, gap, &after);)
            gap = after;
        size_t end = gap == text.len ? gap : pos;
        if (words++ < t->remaining) {
            if (words > 1)
                dj_buf_add_byte(&b, ' ');
            dj_buf_add(&b, dj_str_n(text.ptr + from, end - from));
        }
        pos = from = gap;
    }
    if (words == 0)
        words = 1; /* "".split() of that kind has one */
    if (t->remaining < words) {
        put_last(t, dj_buf_str(&b), DJ_LIT(" \u2026"));
        t->remaining = 0;
        completed(m, t);
    } else {
        t->remaining -= words;
        put(t, dj_html_escape(dj_run_scope(t->run), dj_buf_str(&b)).safe);
    }
}

static dj_err truncate_html(dj_run *run, const dj_var *in, const dj_var *arg, bool words,
                            dj_var *out)
{
    static const markup_handlers chars_handlers = {truncate_chars, truncate_start, truncate_end,
                                                   NULL};
    static const markup_handlers words_handlers = {truncate_words, truncate_start, truncate_end,
                                                   NULL};
    int64_t                      length;
    filter_number                is = filter_int(run, arg, &length);
    if (is == FILTER_TYPE_ERROR)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "the length is not a number");
    *out = dj_var_made(is == FILTER_VALUE_ERROR ? in->text : DJ_LIT(""), DJ_UNSAFE);
    if (is == FILTER_VALUE_ERROR || length <= 0)
        return DJ_OK;
    dj_str    text = words ? in->text : dj_utf8_nfc(dj_run_scope(run), in->text);
    truncator t = {.run = run, .out = filter_buf(run), .words = words, .length = length};
    t.remaining = words ? length : length - 1; /* the mark counts, too */
    t.whole = filter_len(text);
    markup m = {.scope = dj_run_scope(run),
                .handlers = words ? &words_handlers : &chars_handlers,
                .ctx = &t,
                .text = text,
                .budget = MARKUP_BUDGET(text.len)};
    markup_feed(&m);
    return m.error ? m.error : filter_done(run, &t.out, DJ_UNSAFE, out);
}

FILTER(filter_truncatechars_html)
{
    return truncate_html(run, in, arg, false, out);
}

FILTER(filter_truncatewords_html)
{
    return truncate_html(run, in, arg, true, out);
}
