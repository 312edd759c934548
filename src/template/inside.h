/* src/template/inside.h - what the engine's own files share: tokens, the compiled form of a
 * template, and a rendering under way. Private to src/template/.
 *
 * A program is a flat row of nodes in the order of the source. A node's descendants follow it;
 * `next` is the first one that is not inside. Tags with several bodies (if, for ... empty) have one
 * branch node for each. The renderer keeps its own stack of frames, so neither deep templates nor
 * deep inclusion use the coroutine's stack. */
#pragma once
#include "donjon/attrs.h"
#include "template/template.h"

enum {
    NESTING_MAX = 200,    /* open block tags in a source */
    WORDS_MAX = 256,      /* of one tag */
    FILTERS_MAX = 64,     /* of one expression */
    FRAMES_MAX = 4096,    /* bodies open at once in a rendering */
    SUPER_MAX = 12,       /* block.super inside expressions, each uses the stack */
    VALUE_DEPTH_MAX = 64, /* lists in lists, when compared or printed */
    CONDITION_MAX = 200,  /* operators and operands of one condition */
    NOT_MAX = 24,         /* `not` in a row, each uses the stack */
};

typedef struct dj_parser dj_parser;
typedef struct dj_frame  dj_frame;

/* -- tokens: lexer.c -- */

typedef enum dj_token_kind {
    DJ_TOKEN_END,
    DJ_TOKEN_TEXT,
    DJ_TOKEN_VALUE,
    DJ_TOKEN_TAG,
    DJ_TOKEN_COMMENT
} dj_token_kind;

typedef struct dj_token {
    dj_token_kind kind;
    uint32_t      line, column; /* where it starts, from 1; the column counts bytes */
    dj_str        text;         /* without the delimiters and blanks around; all of a text */
} dj_token;

typedef struct dj_lexer {
    dj_str   source;
    size_t   pos, line_start;
    uint32_t line;
    dj_str   verbatim;  /* the tag that this verbatim ends with; none outside */
    size_t   barren[3]; /* up to here no %} }} #} was found on this line */
} dj_lexer;

dj_lexer dj_lexer_make(dj_str source);
dj_token dj_lexer_next(dj_lexer *l);
/* The next word as split() of Python has it; false: none left. */
bool dj_word_next(dj_str *rest, dj_str *word);
/* The same, but quotes keep what is between them together, as Django's smart_split. */
bool dj_smart_next(dj_str *rest, dj_str *word);

/* -- expressions: expr.c -- */

typedef struct dj_segment {
    dj_str  name;
    int64_t index; /* the name as a number, or -1 */
    /* Where the last object that was asked had it: objects of a loop are of one type. A program is
     * the worker's own, so this is kept in it. */
    const dj_attrs *attrs;
    const dj_attr  *attr;
} dj_segment;

/* A literal or a path. */
typedef struct dj_operand {
    dj_str            source;
    const dj_segment *path; /* NULL: a literal */
    size_t            npath;
    dj_var            literal;
} dj_operand;

typedef struct dj_filter_call {
    const dj_filter  *filter;
    const dj_operand *arg; /* NULL: none */
} dj_filter_call;

typedef struct dj_expr {
    dj_str                source;
    dj_operand            what;
    const dj_filter_call *filters;
    size_t                nfilters;
    bool                  raw;   /* the last filter is `safe` */
    bool                  super; /* {{ block.super }} and nothing else */
} dj_expr;

DJ_CHECKED dj_err dj_expr_compile(dj_parser *p, dj_str text, const dj_expr **out);
typedef enum dj_missing {
    DJ_MISSING_IS_TEXT, /* string_if_invalid */
    DJ_MISSING_IS_NONE
} dj_missing;
DJ_CHECKED dj_err dj_expr_eval(dj_run *run, const dj_expr *e, dj_missing missing, dj_var *out);
/* The same from a value that is there already: the filters alone. */
DJ_CHECKED dj_err dj_expr_filter(dj_run *run, const dj_expr *e, dj_var in, dj_var *out);
/* False: there is no such variable. */
DJ_CHECKED dj_err dj_operand_eval(dj_run *run, const dj_operand *o, dj_var *out, bool *found);
/* A path from `from` on instead of from the context. */
DJ_CHECKED dj_err dj_path_walk(dj_run *run, const dj_segment *path, size_t npath, dj_var from,
                               dj_var *out, bool *found);

/* -- conditions of {% if %}: condition.c -- */

typedef struct dj_condition dj_condition;
DJ_CHECKED dj_err           dj_condition_compile(dj_parser *p, const dj_str *words, size_t nwords,
                                                 const dj_condition **out);
DJ_CHECKED dj_err           dj_condition_eval(dj_run *run, const dj_condition *c, bool *truth);

/* -- programs -- */

typedef struct dj_tnode dj_tnode;

typedef struct dj_node_kind {
    const char *name;
    /* May enter a body. */
    dj_err (*enter)(dj_run *run, const dj_tnode *node);
    /* The body that was entered is at its end. *again: the frame was set to a new beginning. */
    dj_err (*leave)(dj_run *run, dj_frame *frame, bool *again);
    /* For walks: what the tag is about, dj_walk_step.target; NULL: nothing. */
    dj_str (*target)(const dj_tnode *node);
} dj_node_kind;

struct dj_tnode {
    const dj_node_kind *kind;
    const void         *data; /* the tag's own */
    uint32_t            next; /* the first node that is not inside */
    uint32_t            line, column;
};

/* Static text, and where in the page it leads from where: the last answer is kept. */
typedef struct dj_chunk {
    dj_str   text;
    dj_place in, out;
    bool     known, stays; /* stays: `in` is `out` */
} dj_chunk;

typedef struct dj_block_def {
    dj_str   name;
    uint32_t node;
} dj_block_def;

struct dj_template {
    dj_scope           *scope;
    dj_engine          *engine;
    dj_str              name;
    bool                contextual; /* HTML, and the engine wants it */
    size_t              dir;        /* which of the engine's folders it comes from */
    const char         *path;
    int64_t             mtime_ns, size;
    dj_str              source;
    dj_tnode           *nodes;
    uint32_t            nnodes;
    uint32_t            extends; /* its {% extends %}; UINT32_MAX: none */
    const dj_block_def *blocks;
    size_t              nblocks;
    const dj_block_def *partials;
    dj_template        *fragments; /* of the partials: for "page.html#name" */
    size_t              npartials;
    uint32_t            from, to; /* what is rendered: a partial is a part */
    const dj_template  *whole;    /* of a partial; else itself */
    size_t              last_len; /* of the last output, for the next one's buffer */
    size_t              users;    /* renderings and caches that hold it */
};

extern const dj_node_kind dj_node_text, dj_node_value, dj_node_branch, dj_node_block,
    dj_node_extends, dj_node_partialdef;

/* -- parser: parser.c -- */

typedef struct dj_open dj_open;

/* A tag. */
typedef struct dj_tag {
    const char *name;
    /* The tag was met. */
    dj_err (*open)(dj_parser *p, const dj_token *token);
    /* One of the tags that its body ends with was met. */
    dj_err (*next)(dj_parser *p, dj_open *open, const dj_token *token, dj_str word);
    const void *own; /* of a custom one */
} dj_tag;

/* A block tag whose end has not been met. */
struct dj_open {
    const dj_tag *tag;
    dj_token      token;
    uint32_t      node, branch; /* its own, and that of the body that is open */
    const char   *until;        /* "elif\0else\0endif\0": what the body may end with */
    bool          nontext;      /* something but text stands in the open body */
    void         *data;         /* the tag's own */
};

struct dj_parser {
    dj_scope  *failures; /* where failures are explained */
    dj_scope  *scope;    /* the program's memory */
    dj_engine *engine;
    dj_template *template;
    dj_lexer      lexer;
    dj_token      blame; /* whose fault a failure is */
    dj_tnode     *nodes;
    uint32_t      nnodes, cap;
    dj_open      *open;
    size_t        nopen;
    dj_buf        text;       /* static text that was not emitted yet */
    dj_str        text_piece; /* the same while it is one piece of the source */
    uint32_t      text_line, text_column;
    const dj_tag *tag;           /* that is being opened */
    dj_map        tags, filters; /* loaded by {% load %} */
    dj_map        blocks, partials;
    dj_map        own; /* what tags keep for the whole of the template */
};

DJ_CHECKED dj_err dj_parse(dj_parser *p);
#define dj_parse_fail(p, ...) dj_parse_fail_at((p), __FILE__, __LINE__, __VA_ARGS__)
dj_err dj_parse_fail_at(dj_parser *p, const char *file, int line, const char *fmt, ...)
    DJ_FORMAT(4, 5);
/* Adds a node; its place is the blamed token's. */
uint32_t dj_emit(dj_parser *p, const dj_node_kind *kind, const void *data);
/* Static text, which is joined with that around it. */
void dj_add_text(dj_parser *p, const dj_token *t);
/* The node from dj_emit has a body, which ends with one of `until`. */
DJ_CHECKED dj_err dj_open_body(dj_parser *p, const dj_token *token, uint32_t node,
                               const char *until);
/* Its next body: a branch node. The first body of such a tag starts with this, too. */
void dj_next_branch(dj_parser *p, dj_open *open, const void *data, const char *until);
void dj_close_body(dj_parser *p, dj_open *open);
/* For tags whose body has one end and no parts. */
dj_err   dj_body_next(dj_parser *p, dj_open *open, const dj_token *t, dj_str word);
dj_open *dj_open_last(dj_parser *p);
/* The words of a tag behind its name. */
DJ_CHECKED dj_err dj_tag_words(dj_parser *p, const dj_token *token, bool smart, dj_str **words,
                               size_t *nwords);
/* "key=expr": cuts; false: it isn't one. */
bool dj_word_assigns(dj_str word, dj_str *key, dj_str *value);
typedef struct dj_assign {
    dj_str         name;
    const dj_expr *value;
} dj_assign;
/* Takes "k=v k=v" or, with `legacy`, "v as k and v as k" off the front of the words; a repeated
 * name counts once, the last wins. */
DJ_CHECKED dj_err dj_take_assigns(dj_parser *p, dj_str **words, size_t *nwords, bool legacy,
                                  const dj_assign **out, size_t *nout);
const dj_filter  *dj_parser_filter(dj_parser *p, dj_str name);
/* Django's construct_relative_path: `word` as written, with its quotes if it has some. DJ_NONE: it
 * is not relative, or failed. */
DJ_CHECKED dj_err dj_relative_name(dj_scope *s, dj_str from, dj_str word, bool recursion_is_fine,
                                   dj_str *out);

/* -- tags -- */

extern const dj_tag dj_tag_autoescape, dj_tag_block, dj_tag_comment, dj_tag_csrf_token,
    dj_tag_cycle, dj_tag_debug, dj_tag_extends, dj_tag_filter, dj_tag_firstof, dj_tag_for,
    dj_tag_get_media_prefix, dj_tag_get_static_prefix, dj_tag_if, dj_tag_ifchanged, dj_tag_include,
    dj_tag_load, dj_tag_lorem, dj_tag_now, dj_tag_own, dj_tag_partial, dj_tag_partialdef,
    dj_tag_querystring, dj_tag_regroup, dj_tag_resetcycle, dj_tag_spaceless, dj_tag_static,
    dj_tag_templatetag, dj_tag_url, dj_tag_verbatim, dj_tag_widthratio, dj_tag_with;

/* -- rendering: render.c -- */

typedef struct dj_binding {
    dj_str name;
    dj_var value;
} dj_binding;

/* What a node keeps during a rendering: the turn of a cycle, the last value of ifchanged. */
typedef struct dj_state {
    const void *of;
    uint32_t    level; /* of the inclusion that it belongs to */
    void       *data;
} dj_state;

/* The definitions of a block along the chain of extends. */
typedef struct dj_chain {
    struct dj_chain *older;
    dj_str           name;
    size_t           len, cap, next; /* the next one to render */
    struct dj_definition {
        const dj_template *template;
        uint32_t node;
    } * items, first[2]; /* the most derived first; two are mostly all */
} dj_chain;

/* The dj_var of `forloop`. */
typedef struct dj_forloop {
    int64_t counter, counter0, revcounter, revcounter0, length;
    bool    first, last;
    dj_var  parentloop;
    /* Not for templates: what ifchanged keeps. */
    struct dj_loop_state {
        struct dj_loop_state *older;
        const void           *of;
        void                 *data;
    } * states;
} dj_forloop;
extern const dj_attrs dj_forloop_attrs;
/* A group of {% regroup %}. */
typedef struct dj_group {
    dj_var grouper, list;
} dj_group;
extern const dj_attrs dj_group_attrs;
/* The dj_var of `block`. */
typedef struct dj_block_var {
    dj_str name;
    bool   inherits; /* a chain of extends is there */
} dj_block_var;
extern const dj_attrs dj_block_attrs;

struct dj_frame {
    const dj_template *template;
    const dj_tnode *node; /* whose body it is; NULL: the template itself */
    const dj_tnode *at;   /* the one that runs */
    uint32_t        pc, end;
    void           *state; /* the tag's own */
    uint32_t        mark;  /* of the layer to come back to, if it opened one */
    bool            saved; /* for `leave`, of any tag */
};

struct dj_run {
    dj_scope              *scope;
    dj_engine             *engine;
    const dj_render_input *input;
    dj_out                *out;
    dj_place               place;
    bool                   autoescape, contextual, isolated;
    dj_frame              *frames;
    uint32_t               nframes, frames_cap;
    dj_binding            *bindings;
    uint32_t               nbindings, bindings_cap;
    uint32_t               mark;      /* where the innermost layer begins */
    uint32_t               floor;     /* nothing below is seen (include ... only) */
    dj_binding            *overrides; /* set by a tag in place of a variable of the context */
    uint32_t               noverrides;
    dj_chain              *chains; /* of this chain of extends; NULL outside */
    bool                   inherits;
    dj_state              *states;
    uint32_t               nstates, states_cap, level, levels;
    struct dj_made {
        const dj_var_lazy *lazy;
        dj_var             value;
        struct dj_made    *older;
    } * made;
    uint32_t           depth, nested; /* inclusions; renderings inside expressions */
    uint64_t           loops;         /* turns so far */
    uint64_t           loops_max;
    dj_template_error *error;
    const struct dj_held {
        const struct dj_held *older;
        const dj_template *template;
    } * origins; /* the chain of extends that is being followed */
};

/* Enters a body: nodes [from, to) of `t`, whose end calls node->kind->leave. The frame is valid
 * until the next one. */
DJ_CHECKED dj_err       dj_run_enter(dj_run *run, const dj_template *t, const dj_tnode *node,
                                     uint32_t from, uint32_t to, dj_frame **frame);
static inline dj_frame *dj_run_top(dj_run *run)
{
    return &run->frames[run->nframes - 1];
}
static inline const dj_tnode *dj_node_at(const dj_template *t, uint32_t i)
{
    return &t->nodes[i];
}
static inline uint32_t dj_node_index(const dj_template *t, const dj_tnode *n)
{
    return (uint32_t)(n - t->nodes);
}
/* The body of the node that is being entered. */
DJ_CHECKED dj_err dj_run_body(dj_run *run, const dj_tnode *node, dj_frame **frame);
/* Runs until the frame on top is done. Uses the stack. */
DJ_CHECKED dj_err dj_run_until(dj_run *run, uint32_t nframes);
/* A failure that the page survives. */
void dj_run_forgive(dj_run *run);
/* What is printed from here on goes to *out instead; returns what was there. */
dj_out *dj_run_capture(dj_run *run);
/* The captured text; `before` takes the output back. */
dj_str dj_run_captured(dj_run *run, dj_out *before);

/* Layers of variables. */
uint32_t dj_layer_push(dj_run *run); /* what dj_layer_pop wants back */
void     dj_layer_pop(dj_run *run, uint32_t mark);
void     dj_run_set(dj_run *run, dj_str name, dj_var value); /* in the innermost layer */
/* Where it is already, else in the innermost layer. */
void dj_run_set_upward(dj_run *run, dj_str name, dj_var value);
/* At `index`, which is nbindings when it is new. */
void               dj_run_bind(dj_run *run, uint32_t index, dj_str name, dj_var value);
DJ_CHECKED dj_err  dj_run_get(dj_run *run, dj_str name, dj_var *out, bool *found);
static inline bool dj_same_name(dj_str a, dj_str b)
{
    return a.len == b.len && (a.ptr == b.ptr || memcmp(a.ptr, b.ptr, a.len) == 0);
}
/* The innermost binding of a name at or above `from`, or NULL. */
static inline dj_binding *dj_find_binding(dj_run *run, dj_str name, uint32_t from)
{
    for (uint32_t i = run->nbindings; i-- > from;) {
        if (dj_same_name(run->bindings[i].name, name))
            return &run->bindings[i];
    }
    return NULL;
}
/* What the node keeps: NULL at first. */
void **dj_run_state(dj_run *run, const void *of);

/* Prints a value for where the page stands. */
DJ_CHECKED dj_err dj_run_print(dj_run *run, const dj_var *v, bool raw);
/* Prints text that is HTML already (a captured body whose place was tracked while it was made). */
void dj_run_print_tracked(dj_run *run, dj_str text);
/* Prints static text and moves the place. */
void dj_run_print_static(dj_run *run, dj_str text);
/* The value, escaped for HTML text if autoescape is on and it is not safe: what tags keep `as`. */
DJ_CHECKED dj_err dj_run_html(dj_run *run, const dj_var *v, dj_var *out);
/* Prints it, or with a name keeps it. */
DJ_CHECKED dj_err dj_run_print_as(dj_run *run, const dj_var *v, dj_str as);
/* Renders the next definition of a block up the chain, for block.super. */
DJ_CHECKED dj_err dj_block_super(dj_run *run, const dj_block_var *block, bool direct, dj_var *out);

/* What an inclusion puts aside: its template has an own chain of extends, own cycles, and with
 * `only` no variables from outside. */
typedef struct dj_inclusion {
    uint32_t              mark, floor, level, nstates, depth;
    bool                  isolated, inherits;
    dj_chain             *chains;
    const struct dj_held *origins;
} dj_inclusion;
void dj_inclusion_begin(dj_run *run, dj_inclusion *saved, bool only);
void dj_inclusion_end(dj_run *run, const dj_inclusion *saved);
/* One more template inside another: DJ_ERR_TEMPLATE over the limit. */
DJ_CHECKED dj_err dj_run_deeper(dj_run *run);

/* -- engine: engine.c -- */

/* The first template of that name whose origin is not in `skip`; held until the run's scope ends.
 */
DJ_CHECKED dj_err dj_engine_find(dj_engine *engine, dj_scope *s, dj_str name,
                                 const struct dj_held *skip, const dj_template **out,
                                 dj_template_error *error);
/* The one copy of a variable's name, so that the same names are mostly found by their address.
 * Lives as long as the engine. */
dj_str                   dj_engine_name(dj_engine *engine, dj_str name);
const dj_engine_options *dj_engine_options_of(const dj_engine *engine);
const dj_tag            *dj_engine_tag(const dj_engine *engine, dj_str name);
const dj_filter         *dj_engine_filter(const dj_engine *engine, dj_str name);
/* The library of that name. */
typedef struct dj_library_inside {
    dj_str               name;
    const dj_tag *const *tags;
    size_t               ntags;
    const dj_library    *own; /* of the application; NULL: built in */
} dj_library_inside;
const dj_library_inside *dj_engine_library(const dj_engine *engine, dj_str name);
/* Names of all, sorted, one a line. */
dj_str dj_engine_library_names(const dj_engine *engine, dj_scope *s);

/* -- text of values: text.c -- */

/* Python's repr of a float. */
dj_str dj_float_repr(dj_scope *s, double d);
/* repr() of a text, for messages. */
dj_str dj_text_repr(dj_scope *s, dj_str text);
/* The same as dj_float_repr without an exponent, as Django prints it. */
dj_str dj_float_text(dj_scope *s, double d);
