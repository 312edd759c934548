/* src/template/template.h - the template engine from the inside.
 *
 * lexer -> parser -> program (compiled once) -> render. A value goes: variable (resolve.c) ->
 * filters/ -> the escaper of its place in the page (context_*.c) -> output.
 *
 * Must not know: requests, responses, routes, settings, sockets. The application floor hands down
 * functions (dj_engine_hooks). Reference: Django 5.2, django/template/; contextual escaping after
 * Go's html/template. */
#pragma once
#include "donjon/buf.h"
#include "donjon/map.h"
#include "donjon/template.h"

/* -- output: out.c --
 *
 * Static text of a template is borrowed when it is long enough to be worth a piece of its own for
 * writev, else copied behind what is there. */
typedef struct dj_out {
    dj_scope *scope;
    dj_buf    buf;    /* the piece that grows */
    dj_str   *pieces; /* finished ones, in order; the buffer's unfinished rest comes last */
    size_t    npieces, cap;
    uint64_t  len, max; /* past `max`: `full` */
    bool      full;
} dj_out;
dj_out dj_out_make(dj_scope *s, uint64_t max);
void   dj_out_static(dj_out *out, dj_str text); /* lives as long as the program */
void   dj_out_add(dj_out *out, dj_str text);    /* copied */
/* As one text. */
dj_str dj_out_str(dj_out *out);

/* -- where in the page: context_*.c (contextual escaping) -- */

/* A small value: compared with memcmp, kept per (chunk, state). Fields are context_*.c's own. */
typedef struct dj_place {
    uint8_t state, delim, url_part, js_ctx, attr, element, flags, spare;
} dj_place;
static inline dj_place dj_place_start(void)
{
    return (dj_place){0};
}
/* Static text moves the place; pure. */
dj_place dj_place_after(dj_place at, dj_str chunk);
/* What the printing of a value needs to know beside the value. */
typedef struct dj_print {
    bool escape; /* {% autoescape %} */
    bool raw;    /* `safe` was the last filter, or autoescape off: Django's raw bytes anywhere */
    bool contextual; /* the engine's option; off: HTML escaping everywhere */
} dj_print;
/* Prints `v` escaped for *at and moves *at over it. DJ_ERR_TEMPLATE: the place can't take a value.
 * *failsafe is set if the failsafe word was printed, for the log. */
DJ_CHECKED dj_err dj_place_print(dj_run *run, dj_place *at, const dj_var *v, const dj_print *how,
                                 dj_out *out, bool *failsafe);
/* For humans and for checks: "in a script", "in the attribute href". */
dj_str dj_place_name(dj_place at);

/* -- values: var.c (T: resolve, text, truth, compare) -- */

/* list or map element, attribute, index: one segment of a path. False: there is none. */
DJ_CHECKED dj_err dj_var_get(dj_run *run, const dj_var *v, dj_str segment, dj_var *out,
                             bool *found);
/* A member of a C struct: attrs.c. DJ_ERR_TEMPLATE: a number over int64_t. */
DJ_CHECKED dj_err dj_attr_get(dj_scope *s, const void *ptr, const struct dj_attrs *attrs,
                              dj_str name, dj_var *out, bool *found);
dj_var            dj_array_at(const dj_var_array *array, size_t i); /* i < array->len */
/* A LAZY is made; anything else is copied. */
DJ_CHECKED dj_err dj_var_force(dj_run *run, const dj_var *v, dj_var *out);
/* repr() of Python, for lists and maps. */
void dj_var_repr(dj_run *run, dj_buf *out, const dj_var *v);
/* Python's ==. */
bool dj_var_eq(dj_run *run, const dj_var *a, const dj_var *b);
/* < 0, 0, > 0 into *order; false: types that Python does not order. */
bool dj_var_order(dj_run *run, const dj_var *a, const dj_var *b, int *order);
/* len(); false: has none. */
bool dj_var_len(dj_run *run, const dj_var *v, size_t *len);
/* v[i], 0 <= i < len of a list, array or text (a character), or the i-th key of a map. */
DJ_CHECKED dj_err dj_var_at(dj_run *run, const dj_var *v, size_t i, dj_var *out);
/* A text made in the rendering's scope. */
dj_var dj_var_made(dj_str text, dj_safety safety);

/* -- filters: filters/ (a table per subject), looked up when a template is compiled -- */

extern const dj_filter dj_filters_builtin[];
extern const size_t    dj_nfilters_builtin;

/* -- time: moment.c -- */

/* Django's date format characters. `kind` is that of the value (DJ_VAR_DATE ...): a format that
 * needs what is not there is DJ_ERR_TEMPLATE. */
DJ_CHECKED dj_err dj_moment_format(dj_run *run, const dj_moment *m, dj_var_kind kind, dj_str format,
                                   dj_buf *out);
/* An aware one in the local zone (TIME_ZONE, which is the process's: base/time). */
dj_moment dj_moment_local(const dj_moment *m);
int64_t   dj_moment_unix(const dj_moment *m); /* naive: as of the local zone */
