/* src/template/tags/numbers.c - widthratio, now, lorem.
 *
 * Django: django/template/defaulttags.py, django/utils/lorem_ipsum.py. Must not know: places in a
 * page. */
#include "template/filters/filters.h"
#include "template/inside.h"
#include <math.h>
#include <stdlib.h>

/* -- widthratio -- */

typedef struct widthratio_tag {
    const dj_expr *value, *max, *width;
    dj_str         as;
} widthratio_tag;

/* Half to even; empty: not a number. */
static dj_str ratio(dj_run *run, const dj_var *value, const dj_var *max, int64_t width)
{
    double v, m;
    if (filter_float(run, value, &v) != FILTER_NUMBER ||
        filter_float(run, max, &m) != FILTER_NUMBER)
        return DJ_LIT("");
    if (m == 0)
        return DJ_LIT("0");
    double result = nearbyint(v / m * (double)width);
    if (!isfinite(result))
        return DJ_LIT("");
    return dj_strf(run->scope, "%.0f", result == 0 ? 0.0 : result);
}

static dj_err widthratio_enter(dj_run *run, const dj_tnode *node)
{
    const widthratio_tag *tag = node->data;
    dj_var                value, max, width;
    int64_t               pixels = 0, number = 0;
    dj_err                e = dj_expr_eval(run, tag->value, DJ_MISSING_IS_TEXT, &value);
    if (!e)
        e = dj_expr_eval(run, tag->max, DJ_MISSING_IS_TEXT, &max);
    if (!e)
        e = dj_expr_eval(run, tag->width, DJ_MISSING_IS_TEXT, &width);
    if (e == DJ_ERR_VARIABLE_MISSING) {
        dj_run_forgive(run);
        return DJ_OK;
    }
    if (e && e != DJ_ERR_TEMPLATE)
        return e;
    if (e || filter_int(run, &width, &pixels) != FILTER_NUMBER)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE_SYNTAX,
                       "widthratio final argument must be a number");
    dj_str text = ratio(run, &value, &max, pixels);
    dj_var v = dj_var_made(text, DJ_UNSAFE);
    /* Printed as the number that it is: in a script it needs no quotes. */
    if (dj_str_is_none(tag->as) && dj_str_to_int(text, &number))
        v = dj_var_int(number);
    return dj_run_print_as(run, &v, tag->as);
}

static const dj_node_kind widthratio_kind = {"widthratio", widthratio_enter, NULL, NULL};

static dj_err widthratio_open(dj_parser *p, const dj_token *t)
{
    dj_str         *words;
    size_t          nwords;
    widthratio_tag *tag = dj_new(p->scope, widthratio_tag);
    dj_err          e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords != 3 && nwords != 5)
        return dj_parse_fail(p, "widthratio takes at least three arguments");
    if (nwords == 5) {
        if (!dj_str_eq(words[3], DJ_LIT("as")))
            return dj_parse_fail(p, "Invalid syntax in widthratio tag. Expecting 'as' keyword");
        tag->as = words[4];
    }
    if ((e = dj_expr_compile(p, words[0], &tag->value)) ||
        (e = dj_expr_compile(p, words[1], &tag->max)) ||
        (e = dj_expr_compile(p, words[2], &tag->width)))
        return e;
    dj_emit(p, &widthratio_kind, tag);
    return DJ_OK;
}

const dj_tag dj_tag_widthratio = {"widthratio", widthratio_open, NULL, NULL};

/* -- now -- */

typedef struct now_tag {
    dj_str format, as;
} now_tag;

static dj_err now_enter(dj_run *run, const dj_tnode *node)
{
    const now_tag   *tag = node->data;
    const dj_filter *date = dj_engine_filter(run->engine, DJ_LIT("date"));
    int64_t          us = dj_now_us(run->scope);
    dj_var           now = dj_var_time(run->scope, us / 1000000), out = dj_var_none();
    dj_var           format = dj_var_made(tag->format, DJ_SAFE_HTML);
    dj_moment        local = dj_moment_local(now.moment);
    local.microsecond = (uint32_t)(us % 1000000);
    local.aware = dj_engine_options_of(run->engine)->use_tz;
    now.moment = memcpy(dj_alloc_raw(run->scope, sizeof local), &local, sizeof local);
    dj_err e = date->apply(run, &now, &format, &out);
    if (e)
        return e;
    /* The text is the template's own, and not escaped: as Django has it. */
    if (dj_str_is_none(tag->as) && out.kind == DJ_VAR_STR)
        out.safety = DJ_SAFE_HTML;
    return dj_run_print_as(run, &out, tag->as);
}

static const dj_node_kind now_kind = {"now", now_enter, NULL, NULL};

static dj_err now_open(dj_parser *p, const dj_token *t)
{
    dj_str  *words;
    size_t   nwords;
    now_tag *tag = dj_new(p->scope, now_tag);
    dj_err   e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords == 3 && dj_str_eq(words[1], DJ_LIT("as"))) {
        tag->as = words[2];
        nwords = 1;
    }
    if (nwords != 1)
        return dj_parse_fail(p, "'now' statement takes one argument");
    tag->format = words[0].len < 2 ? DJ_LIT("") : dj_str_n(words[0].ptr + 1, words[0].len - 2);
    dj_emit(p, &now_kind, tag);
    return DJ_OK;
}

const dj_tag dj_tag_now = {"now", now_open, NULL, NULL};

/* -- lorem -- */

/* Cicero, De finibus bonorum et malorum, as printers have garbled it; the first paragraph and the
 * first words are always these. */
static const char paragraph[] =
    "Lorem ipsum dolor sit amet, consectetur adipisicing elit, sed do eiusmod tempor incididunt "
    "ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco "
    "laboris nisi ut aliquip ex ea commodo consequat. Duis aute irure dolor in reprehenderit in "
    "voluptate velit esse cillum dolore eu fugiat nulla pariatur. Excepteur sint occaecat "
    "cupidatat non proident, sunt in culpa qui officia deserunt mollit anim id est laborum.";

static const char *const words_of_it[] = {
    "lorem",       "ipsum",        "dolor",
    "sit",         "amet",         "consectetur",
    "adipisicing", "elit",         "sed",
    "do",          "eiusmod",      "tempor",
    "incididunt",  "ut",           "labore",
    "et",          "dolore",       "magna",
    "aliqua",      "enim",         "ad",
    "minim",       "veniam",       "quis",
    "nostrud",     "exercitation", "ullamco",
    "laboris",     "nisi",         "aliquip",
    "ex",          "ea",           "commodo",
    "consequat",   "duis",         "aute",
    "irure",       "in",           "reprehenderit",
    "voluptate",   "velit",        "esse",
    "cillum",      "eu",           "fugiat",
    "nulla",       "pariatur",     "excepteur",
    "sint",        "occaecat",     "cupidatat",
    "non",         "proident",     "sunt",
    "culpa",       "qui",          "officia",
    "deserunt",    "mollit",       "anim",
    "id",          "est",          "laborum",
};
enum { COMMON_WORDS = 19 };

typedef struct lorem_tag {
    const dj_expr *count;
    char           method; /* w p b */
    bool           common;
} lorem_tag;

/* At random, but nothing hangs on it. */
static unsigned any(unsigned below)
{
    return (unsigned)random() % below;
}

static void add_sentence(dj_buf *b)
{
    for (unsigned sections = 1 + any(5), i = 0; i < sections; i++) {
        for (unsigned words = 3 + any(10), k = 0; k < words; k++) {
            const char *word = words_of_it[any((unsigned)DJ_COUNT(words_of_it))];
            if (i + k > 0)
                dj_buf_add(b, k == 0 ? DJ_LIT(", ") : DJ_LIT(" "));
            if (i + k > 0)
                dj_buf_add(b, dj_str_of(word));
            else
                dj_buf_addf(b, "%c%s", dj_to_upper(word[0]), word + 1);
        }
    }
    dj_buf_add_byte(b, any(2) == 0 ? '?' : '.');
}

static void add_words(dj_buf *b, int64_t count, bool common)
{
    int64_t fixed = common ? COMMON_WORDS : 0;
    if (count < 0) /* Python's words[:count] */
        count = fixed + count;
    for (int64_t i = 0; i < count && !b->full; i++) {
        size_t at = i < fixed ? (size_t)i : any((unsigned)DJ_COUNT(words_of_it));
        if (i > 0)
            dj_buf_add_byte(b, ' ');
        dj_buf_add(b, dj_str_of(words_of_it[at]));
    }
}

static void add_paragraphs(dj_buf *b, int64_t count, const lorem_tag *tag)
{
    for (int64_t i = 0; i < count && !b->full; i++) {
        dj_buf_add(b, i > 0 ? DJ_LIT("\n\n") : DJ_LIT(""));
        dj_buf_add(b, tag->method == 'p' ? DJ_LIT("<p>") : DJ_LIT(""));
        if (tag->common && i == 0)
            dj_buf_add(b, dj_str_of(paragraph));
        for (unsigned n = tag->common && i == 0 ? 0 : 1 + any(4), k = 0; k < n; k++) {
            dj_buf_add(b, k > 0 ? DJ_LIT(" ") : DJ_LIT(""));
            add_sentence(b);
        }
        dj_buf_add(b, tag->method == 'p' ? DJ_LIT("</p>") : DJ_LIT(""));
    }
}

static dj_err lorem_enter(dj_run *run, const dj_tnode *node)
{
    const lorem_tag *tag = node->data;
    dj_buf  b = dj_buf_make(run->scope, (size_t)dj_engine_options_of(run->engine)->limits.output);
    dj_var  v = dj_var_none();
    int64_t count = 1;
    dj_err  e = dj_expr_eval(run, tag->count, DJ_MISSING_IS_TEXT, &v);
    if (e)
        return e;
    if (filter_int(run, &v, &count) != FILTER_NUMBER)
        count = 1;
    if (tag->method == 'w')
        add_words(&b, count, tag->common);
    else
        add_paragraphs(&b, count, tag);
    if (b.full)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE, "So much text is over the limit of a page");
    v = dj_var_made(dj_buf_str(&b), DJ_SAFE_HTML);
    return dj_run_print(run, &v, false);
}

static const dj_node_kind lorem_kind = {"lorem", lorem_enter, NULL, NULL};

static dj_err lorem_open(dj_parser *p, const dj_token *t)
{
    dj_str    *words, count = DJ_LIT("1");
    size_t     nwords;
    lorem_tag *tag = dj_new(p->scope, lorem_tag);
    dj_err     e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    *tag = (lorem_tag){.method = 'b', .common = true};
    if (nwords > 0 && dj_str_eq(words[nwords - 1], DJ_LIT("random"))) {
        tag->common = false;
        nwords--;
    }
    if (nwords > 0 && words[nwords - 1].len == 1 && strchr("wpb", words[nwords - 1].ptr[0]) != NULL)
        tag->method = words[--nwords].ptr[0];
    if (nwords > 0)
        count = words[--nwords];
    if ((e = dj_expr_compile(p, count, &tag->count)))
        return e;
    if (nwords > 0)
        return dj_parse_fail(p, "Incorrect format for 'lorem' tag");
    dj_emit(p, &lorem_kind, tag);
    return DJ_OK;
}

const dj_tag dj_tag_lorem = {"lorem", lorem_open, NULL, NULL};
