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

/* What a tag was called with. */
typedef struct dj_tag_call {
    const dj_var      *args;
    size_t             nargs;
    const dj_var_item *kwargs;
    size_t             nkwargs;
    dj_html            body; /* of a block tag, rendered and escaped already */
} dj_tag_call;

/* A tag in C: {% name arg key=value [as variable] %}. `*out` begins as None, and prints as any
 * value does, escaped for where it lands; with `as` it is kept in the variable instead. */
typedef struct dj_own_tag {
    const char *name;
    dj_err (*call)(dj_run *run, const dj_tag_call *call, dj_var *out);
    const char *end;      /* of a block tag: "endname"; NULL: it has no body */
    const char *includes; /* a template to render with *out (a map or an object) as its context;
                             csrf_token is passed on. Django: inclusion_tag */
} dj_own_tag;

/* What {% load name %} brings. */
typedef struct dj_library {
    const char       *name;
    const dj_filter  *filters;
    size_t            nfilters;
    const dj_own_tag *tags;
    size_t            ntags;
} dj_library;

DJ_NONNULL dj_scope *dj_run_scope(dj_run *run);
/* A variable of the rendering, as {{ name }} sees it; None if there is none. */
DJ_CHECKED DJ_NONNULL dj_err dj_run_variable(dj_run *run, dj_str name, dj_var *out);
/* Is {% autoescape %} on here? Filters with needs_autoescape in Django ask it. */
DJ_NONNULL bool dj_run_autoescape(const dj_run *run);
/* What Django's str() makes of a value, as section "output of a value" of docs/templates.md says; a
 * text keeps its safety, all else is unsafe. */
DJ_CHECKED DJ_NONNULL dj_err dj_var_text(dj_run *run, const dj_var *v, dj_str *text);
/* Python's truth of a value. */
DJ_CHECKED DJ_NONNULL dj_err dj_var_true(dj_run *run, const dj_var *v, bool *truth);

DJ_END_DECLS
