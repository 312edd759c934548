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
#include "donjon/attrs.h"

/* -- output: out.c --
 *
 * Static text of a template is borrowed when it is long enough to be worth a piece of its own for
 * writev, else copied behind what is there. */
typedef struct dj_out {
    dj_scope *scope;
    dj_buf    buf;    /* the piece that grows; may be written to directly */
    dj_str   *pieces; /* finished ones, in order; the buffer's unfinished rest comes last */
    size_t    npieces, cap;
    uint64_t  len, max; /* of the finished pieces; of all */
} dj_out;
dj_out dj_out_make(dj_scope *s, uint64_t max);
void   dj_out_static(dj_out *out, dj_str text); /* lives as long as the program */
void   dj_out_add(dj_out *out, dj_str text);    /* copied */
/* Did something not fit? Ask once, at the end. */
static inline bool dj_out_is_full(const dj_out *out)
{
    return out->buf.full;
}
/* As one text. */
dj_str dj_out_str(dj_out *out);
/* The pieces, the buffer's rest included; for writev. */
const dj_str *dj_out_pieces(dj_out *out, size_t *len);

/* -- the engine: engine.c -- */

typedef struct dj_engine   dj_engine;
typedef struct dj_template dj_template; /* compiled */

/* Where templates come from: a folder, or a function (templates inside the program). */
typedef struct dj_template_dir {
    dj_str path; /* of a folder */
    /* Else: false if there is none of that name. *source lives as long as the engine. */
    bool (*find)(void *ctx, dj_str name, dj_str *source);
    /* All names that find() knows, one by one; NULL: they can't be listed. */
    bool (*each)(void *ctx, size_t i, dj_str *name);
    void *ctx;
} dj_template_dir;

typedef struct dj_template_limits { /* 0: the default */
    uint32_t depth;                 /* of include and extends, together: 32 */
    uint64_t loops;                 /* turns of all loops of a rendering: 1,000,000 */
    uint64_t output;                /* bytes of a rendering: 16 MiB */
    size_t   source;                /* bytes of a template: 1 MiB */
    size_t   templates;             /* kept compiled: 10,000 */
} dj_template_limits;

/* What the floors above do for the engine; each may be NULL. */
typedef struct dj_engine_hooks {
    void *ctx;
    /* {% url %}; texts as Python's str() of the arguments. DJ_ERR_NO_REVERSE. `names` NULL: all are
     * positional. */
    dj_err (*reverse)(void *ctx, dj_run *run, dj_str name, const dj_var *args, size_t nargs,
                      const dj_str *names, dj_str *url);
    /* {% static %}; NULL: STATIC_URL in front of the path. */
    dj_err (*static_url)(void *ctx, dj_scope *s, dj_str path, dj_str *url);
    /* A line for the security log: the failsafe word was printed. */
    void (*failsafe)(void *ctx, const dj_template *t, uint32_t line, dj_str place);
} dj_engine_hooks;

typedef struct dj_engine_options {
    const dj_template_dir   *dirs; /* asked in this order */
    size_t                   ndirs;
    const dj_library *const *libraries; /* of the application */
    size_t                   nlibraries;
    dj_str                   string_if_invalid;
    bool                     autoescape, contextual, use_tz;
    bool                     debug;  /* {% debug %} prints */
    bool                     reload; /* a changed file is compiled anew */
    dj_str                   static_url, media_url;
    dj_template_limits       limits;
    dj_engine_hooks          hooks;
} dj_engine_options;

/* Why a template was refused, or a rendering failed. All lives in the scope of the call. */
typedef struct dj_template_error {
    dj_err code; /* its name is Django's: dj_err_info_of */
    dj_str message;
    dj_str template; /* none: no template is to blame */
    uint32_t line, column;
    dj_str   source; /* of that template, for a debug page; none if it is unknown */
    dj_str   tried;  /* DJ_ERR_TEMPLATE_MISSING: places, one a line */
    /* What led there, innermost first: inclusions, parents. */
    struct dj_template_step {
        dj_str template;
        uint32_t line;
    } steps[8];
    size_t nsteps;
} dj_template_error;

/* Options are copied, what they point to is borrowed. The engine lives as long as `s`.
 * DJ_ERR_SETTINGS: a library of a name that is taken. */
DJ_CHECKED dj_err dj_engine_new(dj_scope *s, const dj_engine_options *options, dj_engine **out);
/* "page.html", or "page.html#partial". The template stays valid until `s` ends, its static text,
 * too. DJ_ERR_TEMPLATE_MISSING, DJ_ERR_TEMPLATE_SYNTAX. */
DJ_CHECKED dj_err dj_engine_load(dj_engine *engine, dj_scope *s, dj_str name,
                                 const dj_template **out, dj_template_error *error);
/* Every template of every folder, compiled: `t` is NULL if it is broken, and `error` says why.
 * Stops at the first failure of `visit`. */
DJ_CHECKED dj_err dj_engine_each(dj_engine *engine, dj_scope *s,
                                 dj_err (*visit)(void *ctx, dj_str name, const dj_template *t,
                                                 const dj_template_error *error),
                                 void *ctx);
/* Every built-in tag, those of {% load static %} too. */
void dj_engine_each_tag(const dj_engine *engine, void (*visit)(void *ctx, dj_str name), void *ctx);
dj_str dj_template_name(const dj_template *t);

/* What a rendering starts with. */
typedef struct dj_render_input {
    const dj_ctx       *contexts; /* innermost first */
    size_t              ncontexts;
    const dj_var_item  *items; /* below them: of context processors */
    size_t              nitems;
    const dj_var_multi *get;         /* of the request, for {% querystring %}; NULL: no request */
    dj_str              current_app; /* for {% url %} */
    void               *request;     /* for the hooks */
} dj_render_input;
const dj_render_input *dj_run_input(const dj_run *run);

/* Renders into `out`, which holds nothing useful after a failure: never send it. `input` must live
 * as long as the call; may wait if a lazy value does. */
DJ_CHECKED dj_err dj_template_render(dj_scope *s, const dj_template *t,
                                     const dj_render_input *input, dj_out *out,
                                     dj_template_error *error) DJ_WAITS;

/* -- a look at a compiled template without rendering it: walk.c -- */

/* A fork is told as FORK, perhaps NOTHING, then its bodies, then JOIN. A body is BRANCH ...
 * BRANCH_END, or LOOP ... LOOP_END, in the order of the source. */
typedef enum dj_walk_kind {
    DJ_WALK_TEXT,    /* static text */
    DJ_WALK_VALUE,   /* {{ }} */
    DJ_WALK_FORK,    /* if, for, ifchanged: one of the bodies is printed */
    DJ_WALK_NOTHING, /* ... or none */
    DJ_WALK_BRANCH,
    DJ_WALK_BRANCH_END,
    DJ_WALK_LOOP, /* a body that may come again right behind itself */
    DJ_WALK_LOOP_END,
    DJ_WALK_JOIN,
    DJ_WALK_TAG, /* any other tag; its body, if it has one, follows */
    DJ_WALK_TAG_END
} dj_walk_kind;

typedef struct dj_walk_step {
    dj_walk_kind kind;
    dj_str       name;   /* of the tag: "if", "csrf_token", "include", ... */
    dj_str       text;   /* TEXT; of a VALUE the variable as it is written */
    dj_str       filter; /* the last filter of a VALUE; none if it has none */
    bool         raw;    /* `safe` is the last filter */
    dj_str       target; /* extends, include: the name if it is a literal; block: its name;
                            autoescape: "on" or "off" */
    uint32_t line, column;
} dj_walk_step;

/* In the order of the source; stops when `visit` returns false. */
void dj_template_walk(const dj_template *t, bool (*visit)(void *ctx, const dj_walk_step *step),
                      void              *ctx);

/* -- what can be said of the escaping without rendering: context_check.c -- */

typedef enum dj_finding_code {
    DJ_FINDING_BRANCH_END,      /* branches that end in different contexts */
    DJ_FINDING_END_CONTEXT,     /* the template ends inside a tag, an attribute, a script */
    DJ_FINDING_AMBIGUOUS_URL,   /* a value whose part of a URL depends on the branch taken */
    DJ_FINDING_AMBIGUOUS_SLASH, /* the same of a slash in a script */
    DJ_FINDING_BAD_MARKUP,      /* a value behind markup that can't be followed */
    DJ_FINDING_REFUSED,         /* a value where none can stand: rendering it fails */
    DJ_FINDING_RAW,             /* `safe` or autoescape off outside HTML text */
    DJ_FINDING_RAW_TEXT,        /* ... in HTML text */
    DJ_FINDING_NO_CSRF_TOKEN,
    DJ_FINDING_INLINE_SCRIPT, /* without a nonce */
    DJ_FINDING_INLINE_STYLE,
    DJ_FINDING_INLINE_HANDLER,
    DJ_FINDING_CODE_URL /* javascript: */
} dj_finding_code;
typedef struct dj_finding {
    dj_finding_code code;
    dj_str template;
    uint32_t line;
    dj_str   message;
} dj_finding;
#define DJ_FINDINGS_MAX 1000
/* Starts as {0}; lives in the scope of the call. */
typedef struct dj_findings {
    dj_finding *items;
    size_t      len, cap;
} dj_findings;
/* One template, with those that it extends and includes by name. One that is missing or broken
 * gives no finding: dj_engine_each tells those. */
void dj_template_check(dj_engine *engine, dj_scope *s, dj_str name, dj_findings *out);
/* All templates of all folders. */
DJ_CHECKED dj_err dj_engine_check(dj_engine *engine, dj_scope *s, dj_findings *out);
/* Names like "mail.txt" are not HTML: contextual escaping is off for them. */
bool dj_template_is_markup(dj_str name);

/* -- where in the page: context_*.c (contextual escaping) -- */

/* A small value: compared with memcmp, kept per (chunk, state). Fields are context_*.c's own
 * (place.h). */
typedef struct dj_place {
    uint8_t  state, delim, url_part, js_ctx, attr, element, flags, seen;
    uint8_t  name_at, name_len, close, braces;
    uint32_t ref; /* a character reference that is being read in an attribute */
} dj_place;
static inline dj_place dj_place_start(void)
{
    return (dj_place){0};
}
/* HTML text, where a page begins: there Django's escaping is all that is needed, and a value leaves
 * the page where it stands. */
static inline bool dj_place_is_text(dj_place at)
{
    return at.state == 0;
}
/* Escaped text may be cut or changed here and stays harmless: text, <title>, quoted attributes of
 * no special kind. */
bool dj_place_is_plain(dj_place at);
/* Where nobody can tell any more: static text goes on, a value is an error. */
dj_place dj_place_lost(void);
/* Static text moves the place; pure. */
dj_place dj_place_after(dj_place at, dj_str chunk);
/* Django's escape() straight into the output. True: all of `text` is ASCII. */
bool dj_escape_html(dj_buf *b, dj_str text);
/* What the printing of a value needs to know beside the value. */
typedef struct dj_print {
    bool   escape; /* {% autoescape %} */
    bool   raw;    /* `safe` was the last filter, or autoescape off: Django's raw bytes anywhere */
    bool   contextual; /* the engine's option; off: HTML escaping everywhere */
    dj_str source;     /* of {{ source }}, for messages; DJ_NONE: "..." */
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
/* A member of a C struct: attrs.c. In one step, or found once (NULL: there is none) and read often.
 * DJ_ERR_TEMPLATE: a number over int64_t. */
DJ_CHECKED dj_err     dj_attr_get(dj_scope *s, const void *ptr, const struct dj_attrs *attrs,
                                  dj_str name, dj_var *out, bool *found);
const struct dj_attr *dj_attr_find(const struct dj_attrs *attrs, dj_str name);
DJ_CHECKED dj_err     dj_attr_read(dj_scope *s, const void *ptr, const struct dj_attrs *attrs,
                                   const struct dj_attr *attr, dj_var *out);
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
/* As JSON. What can't be written fails: a time of day with a zone, lists in lists over a limit. */
typedef enum dj_json_style {
    DJ_JSON_SCRIPT, /* json.dumps() with DjangoJSONEncoder: ", " and ": ", ASCII, "<" as \u003C */
    DJ_JSON_JS      /* for a value in JavaScript: compact, UTF-8, names sorted */
} dj_json_style;
DJ_CHECKED dj_err dj_var_json(dj_run *run, const dj_var *v, dj_json_style style, dj_buf *out);
/* A text made in the rendering's scope. */
dj_var dj_var_made(dj_str text, dj_safety safety);
/* str(v) of Python: what filters on text get. Unlike dj_var_text floats keep their exponent and
 * moments are in ISO 8601. A text is returned as it is. */
DJ_CHECKED dj_err dj_var_plain(dj_run *run, const dj_var *v, dj_str *text);
/* Django's SafeData: text that stands in HTML as it is. */
static inline bool dj_var_is_safe(const dj_var *v)
{
    return v->kind == DJ_VAR_STR && (v->safety == DJ_SAFE_HTML || v->safety == DJ_SAFE_ESCAPEJS);
}

/* -- filters: filters/ (a table per subject), looked up when a template is compiled -- */

extern const dj_filter dj_filters_builtin[];
extern const size_t    dj_nfilters_builtin;

/* -- time: moment.c -- */

/* Django's date format characters. `kind` is that of the value (DJ_VAR_DATE ...): a format that
 * needs what is not there is DJ_ERR_TEMPLATE. */
DJ_CHECKED dj_err dj_moment_format(dj_run *run, const dj_moment *m, dj_var_kind kind, dj_str format,
                                   dj_buf *out);
/* The same, and what Python would raise: AttributeError (the value has no such part) or TypeError
 * (it must not be asked). `kind` may be any; `time_only`: the filter `time`. */
typedef enum dj_moment_outcome {
    DJ_MOMENT_DONE,
    DJ_MOMENT_LACKS,
    DJ_MOMENT_REFUSED
} dj_moment_outcome;
dj_moment_outcome dj_moment_try(const dj_moment *m, dj_var_kind kind, dj_str format, bool time_only,
                                dj_buf *out);
/* isoformat(), with `between` date and time. */
void dj_moment_iso(const dj_moment *m, dj_var_kind kind, char between, dj_buf *out);
/* An aware one in the local zone (TIME_ZONE, which is the process's: base/time). */
dj_moment dj_moment_local(const dj_moment *m);
int64_t   dj_moment_unix(const dj_moment *m); /* naive: as of the local zone */
