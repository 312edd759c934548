/* src/template/filters/filters.h - what the files of filters share: Python's conversions, and a
 * buffer that knows the limit of the output.
 *
 * Each file holds the filters of one subject; table.c lists them all. Behaviour is that of Django
 * 5.2 (django/template/defaultfilters.py) on Python 3.11: where Django returns its input or "" for
 * arguments that make no sense, so does the filter, and where it raises, the rendering fails with
 * DJ_ERR_TEMPLATE.
 *
 * Must not know: where in the page the value lands. The escaper does. */
#pragma once
#include "template/template.h"

/* -- Python's conversions: values.c -- */

typedef enum filter_number {
    FILTER_NUMBER,
    FILTER_VALUE_ERROR, /* Python's ValueError: a text that is no number */
    FILTER_TYPE_ERROR,  /* TypeError: a type that has none */
    FILTER_TOO_BIG      /* a number, but over int64_t: *out is the nearest */
} filter_number;
/* int(v) */
filter_number filter_int(dj_run *run, const dj_var *v, int64_t *out);
filter_number filter_int_of(dj_str text, int64_t *out);
/* float(v) */
filter_number filter_float(dj_run *run, const dj_var *v, double *out);
/* int(v) where anything else ends the rendering; *out may be the nearest number. */
DJ_CHECKED dj_err filter_int_needed(dj_run *run, const dj_var *v, int64_t *out);
/* conditional_escape(v), or str(v) without `escape`. */
DJ_CHECKED dj_err filter_html(dj_run *run, const dj_var *v, bool escape, dj_str *out);

/* The argument is a text, or the rendering ends. */
DJ_CHECKED dj_err filter_text_needed(dj_run *run, const dj_var *arg, dj_str *out);
/* Something that iter() takes: a text, list, map. */
bool filter_is_iterable(const dj_var *v);
/* v[i] for what has places: a list, an array, a text; not a map. */
bool filter_is_sequence(const dj_var *v);
/* Items of an iterable, as an array; none of them is lazy. */
DJ_CHECKED dj_err filter_items(dj_run *run, const dj_var *v, dj_var **items, size_t *len);

/* -- what a filter makes -- */

/* Holds no more than a rendering may put out. */
dj_buf filter_buf(dj_run *run);
/* DJ_ERR_TEMPLATE if something did not fit. */
DJ_CHECKED dj_err filter_done(dj_run *run, const dj_buf *b, dj_safety safety, dj_var *out);
/* The same `c` `count` times; a count over the limit leaves the buffer full at once. */
void filter_repeat(dj_buf *b, char c, int64_t count);
/* `cp` as UTF-8. */
void filter_put(dj_buf *b, uint32_t cp);

/* -- text -- */

/* Characters; each bad sequence is one. */
size_t filter_len(dj_str text);
/* The first `n` characters. */
dj_str filter_first(dj_str text, size_t n);
/* The next word of str.split(); false: none left. */
bool filter_word(dj_str *rest, dj_str *word);
/* The next line of str.splitlines(), its end cut off (and put into *end); false: none left. */
bool filter_line(dj_str *rest, dj_str *line, dj_str *end);
bool filter_is_space_at(dj_str text, size_t pos, size_t *after);

/* -- filters by subject -- */

#define FILTER(name) dj_err name(dj_run *run, const dj_var *in, const dj_var *arg, dj_var *out)
/* text.c */
FILTER(filter_addslashes);
FILTER(filter_capfirst);
FILTER(filter_center);
FILTER(filter_cut);
FILTER(filter_linenumbers);
FILTER(filter_ljust);
FILTER(filter_lower);
FILTER(filter_make_list);
FILTER(filter_phone2numeric);
FILTER(filter_rjust);
FILTER(filter_slugify);
FILTER(filter_title);
FILTER(filter_truncatechars);
FILTER(filter_truncatewords);
FILTER(filter_upper);
FILTER(filter_wordcount);
FILTER(filter_wordwrap);
/* escape.c */
FILTER(filter_escape);
FILTER(filter_escapejs);
FILTER(filter_escapeseq);
FILTER(filter_force_escape);
FILTER(filter_json_script);
FILTER(filter_linebreaks);
FILTER(filter_linebreaksbr);
FILTER(filter_safe);
FILTER(filter_safeattr);
FILTER(filter_safecss);
FILTER(filter_safejs);
FILTER(filter_safejsstr);
FILTER(filter_safeseq);
FILTER(filter_safesrcset);
FILTER(filter_safeurl);
/* lists.c */
FILTER(filter_dictsort);
FILTER(filter_dictsortreversed);
FILTER(filter_first_item);
FILTER(filter_join);
FILTER(filter_last_item);
FILTER(filter_length);
FILTER(filter_random);
FILTER(filter_slice);
FILTER(filter_unordered_list);
/* logic.c */
FILTER(filter_add);
FILTER(filter_default);
FILTER(filter_default_if_none);
FILTER(filter_divisibleby);
FILTER(filter_get_digit);
FILTER(filter_pluralize);
FILTER(filter_yesno);
/* numbers.c */
FILTER(filter_filesizeformat);
FILTER(filter_floatformat);
/* format.c, pprint.c */
FILTER(filter_stringformat);
FILTER(filter_pprint);
/* urls.c, urlize.c */
FILTER(filter_iriencode);
FILTER(filter_urlencode);
FILTER(filter_urlize);
FILTER(filter_urlizetrunc);
/* html.c */
FILTER(filter_striptags);
FILTER(filter_truncatechars_html);
FILTER(filter_truncatewords_html);
/* dates.c */
FILTER(filter_date);
FILTER(filter_time);
FILTER(filter_timesince);
FILTER(filter_timeuntil);
