/* include/donjon/template.h - filters and tags of one's own.
 *
 * A library is a table of filters and tags under the name that {% load %} uses. A filter says what
 * it does to safety: nothing that it returns is trusted unless the table or the returned value says
 * so. Django: howto/custom-template-tags. */
#pragma once
#include "donjon/context.h"

DJ_BEGIN_DECLS

/* A rendering under way. */
typedef struct dj_run dj_run;

/* `*out` begins as a copy of nothing (None). A failure ends the rendering: dj_fail(scope,
 * DJ_ERR_TEMPLATE, ...) and the place in the template is added. `arg` is NULL if the template gave
 * none. */
typedef dj_err (*dj_filter_fn)(dj_run *run, const dj_var *in, const dj_var *arg, dj_var *out);

enum {
    DJ_FILTER_IS_SAFE = 1,     /* a safe input makes the output safe */
    DJ_FILTER_STRING = 2,      /* the input is turned into text first; keeps the safety of a text */
    DJ_FILTER_LOCALTIME = 4,   /* an aware datetime is turned into local time first */
    DJ_FILTER_ARG_NEEDED = 8,  /* exactly one argument */
    DJ_FILTER_ARG_ALLOWED = 16 /* none or one; neither flag: none */
};

typedef struct dj_filter {
    const char  *name;
    dj_filter_fn apply;
    unsigned     flags;
} dj_filter;

DJ_NONNULL dj_scope *dj_run_scope(dj_run *run);
/* Is {% autoescape %} on here? Filters with needs_autoescape in Django ask it. */
DJ_NONNULL bool dj_run_autoescape(const dj_run *run);
/* What Django's str() makes of a value, as section "output of a value" of docs/templates.md says; a
 * text keeps its safety, all else is unsafe. */
DJ_CHECKED DJ_NONNULL dj_err dj_var_text(dj_run *run, const dj_var *v, dj_str *text);
/* Python's truth of a value. */
DJ_CHECKED DJ_NONNULL dj_err dj_var_true(dj_run *run, const dj_var *v, bool *truth);

DJ_END_DECLS
