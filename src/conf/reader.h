/* src/conf/reader.h - the settings reader from the inside: text -> tokens -> tree -> values.
 *
 * source.c has the bytes of a file (encoding, line ends), lexer.c its tokens, literal.c strings and
 * numbers, parser.c expressions, statements.c statements. eval.c, arith.c, methods.c and paths.c
 * make the tree's values, value.c knows Python's ==, truth and repr, reader.c files, imports and
 * the result. names.c has the known names and the nearest one, errors.c sentences, source line and
 * caret, audit.c what a statement that can't be read may have changed.
 *
 * Must not know: what a setting means. settings.c does that, behind the public header. */
#pragma once
#include "donjon/buf.h"
#include "donjon/conf.h"
#include "donjon/secret.h"
#include "donjon/unicode.h"

#define CONF_NESTING_MAX 100 /* open brackets, prefix operators, nested conditionals */
#define CONF_FILES_MAX   16
#define CONF_TEXT_MAX    ((size_t)4 * 1024 * 1024)    /* one text made by an expression */
#define CONF_BYTES_MAX   ((size_t)24 * 1024 * 1024)   /* all that expressions make */
#define CONF_STEPS_MAX   ((uint64_t)50 * 1000 * 1000) /* comparisons of values */
#define CONF_DEPTH_MAX   200                          /* containers inside containers */
#define CONF_WEIGHT_MAX  1000000 /* values inside one setting, shared ones counted each time */

typedef struct conf_reader conf_reader;

/* -- one file -- */

typedef struct conf_source {
    conf_reader *reader;
    dj_str       path; /* absolute */
    dj_str       text; /* no BOM, line ends are LF */
} conf_source;

/* Checks encoding and makes line ends LF. False: the reader's error is set. */
bool conf_source_init(conf_source *src, dj_scope *work, conf_reader *r, dj_str path, dj_str bytes);

typedef enum token_kind {
    T_EOF,
    T_NEWLINE,
    T_INDENT,
    T_DEDENT,
    T_NAME,
    T_NUMBER,
    T_STRING,
    T_OP,
    T_BAD /* can't stand anywhere; see bad_code and bad_message of the token list */
} token_kind;

typedef struct token {
    uint32_t start, len;
    uint32_t line, column; /* from 1; in code points */
    uint32_t op;           /* T_OP: OP(...) */
    uint8_t  kind;
} token;

/* Up to three bytes of an operator as a number that can be switched on. */
#define OP(a)        ((uint32_t)(a))
#define OP2(a, b)    ((uint32_t)(a) | (uint32_t)(b) << 8)
#define OP3(a, b, c) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16)

typedef struct token_list {
    token      *items;
    size_t      len;
    const char *bad_code, *bad_message, *bad_advice; /* of the T_BAD token that ends the list */
    bool        unclosed; /* the end came inside a bracket, opened at `open` */
    token       open;
    bool broken; /* audit: brackets or strings don't close, Python could not read it either */
} token_list;

/* Makes all tokens. Strict: the first bad one ends the list. Audit: only what Python can't cut into
 * tokens does. */
void                 conf_lex(dj_scope *work, const conf_source *src, bool audit, token_list *out);
static inline dj_str token_text(const conf_source *src, const token *t)
{
    return dj_str_n(src->text.ptr + t->start, t->len);
}
static inline bool token_is(const conf_source *src, const token *t, const char *word)
{
    return t->kind == T_NAME && dj_str_eq(token_text(src, t), dj_str_of(word));
}
static inline bool token_op(const token *t, uint32_t op)
{
    return t->kind == T_OP && t->op == op;
}
bool conf_is_keyword(dj_str word);

/* -- the tree -- */

typedef enum node_kind {
    N_CONST, /* .value */
    N_NAME,  /* .text */
    N_TUPLE, /* .items .n; a starred item is N_STAR */
    N_LIST,
    N_SET,
    N_DICT, /* .items: key, value, key, value...; key NULL: value is N_STAR, for ** */
    N_STAR, /* .items[0] */
    N_SIGN, /* op, .items[0] */
    N_NOT,
    N_POWER, /* .items[0] ** .items[1], at .tok */
    N_CHAIN, /* left to right: .items[0], then (.ops[i], .items[i + 1]) at .toks[i] */
    N_AND,
    N_OR,
    N_COMPARE,  /* .op: OP(...), or 'i' in, 'n' not in, 's' is, 't' is not */
    N_IN_ENV,   /* .items[0]; .op 'i' or 'n' */
    N_IF,       /* condition, then, else */
    N_CALL,     /* .op: a conf_call, .items .n arguments */
    N_ENV,      /* os.environ[.items[0]], `[` at .toks[0] */
    N_ALIAS,    /* NAME(...) of a gettext function: .text, .items .n */
    N_CONSTANT, /* NAME.WORD of message constants: .text, .word, word at .toks[0] */
    N_PARENT,   /* .items[0]; at .tok */
    N_PARENTS,  /* .items[0], .items[1] the index; `[` at .toks[0] */
    N_METHOD,   /* .op: a conf_method, .items[0] the object, the rest arguments */
    N_INDEX,    /* .items[0] [ .items[1] ] */
    N_OPAQUE    /* audit: needs Python; .text says why */
} node_kind;

typedef enum conf_call {
    CALL_INT,
    CALL_BOOL,
    CALL_STR,
    CALL_PATH,
    CALL_ENV_GET,
    CALL_OS_JOIN,
    CALL_OS_DIRNAME,
    CALL_OS_ABSPATH,
    CALL_OS_REALPATH
} conf_call;

typedef enum conf_method {
    METHOD_SPLIT,
    METHOD_LOWER,
    METHOD_UPPER,
    METHOD_STRIP,
    METHOD_STARTSWITH,
    METHOD_ENDSWITH,
    METHOD_REPLACE,
    METHOD_JOIN,
    METHOD_RESOLVE,
    METHOD_JOINPATH,
    METHOD_COUNT
} conf_method;

typedef struct node node;
struct node {
    uint8_t   kind;
    uint32_t  op;
    uint32_t  start, tok; /* where the expression starts; where its errors are */
    uint32_t  n;
    node    **items;
    uint32_t *ops, *toks;
    dj_str    text, word;
    dj_value *value;
};

typedef enum stmt_kind {
    S_NOTHING, /* a text on its own, imports that change nothing */
    S_ASSIGN,  /* .targets .ntargets = .value */
    S_AUGMENT, /* .targets[0] += .value */
    S_IMPORT, /* relative: .dots .module .star or .names; audit: .dots 0, .star, of a package nearby
                 or a foreign one */
    S_BIND,   /* a name bound by an import: .names[0].as, .bind says to what */
    S_USES,   /* import os / import Path: .bind */
    S_IF,     /* .value (up to .tok), .body, .orelse */
    S_TRY,    /* .body, .handlers (if .star: what runs when a file is missing), .orelse, .final */
    S_GAP     /* audit: not read; .first .last tokens, .reason */
} stmt_kind;

typedef enum bind_kind { BIND_GETTEXT, BIND_MESSAGES, BIND_OS, BIND_PATH, BIND_NOTHING } bind_kind;

typedef struct import_name {
    dj_str   name, as;
    uint32_t tok;
} import_name;

typedef struct stmt stmt;
typedef struct block {
    stmt **items;
    size_t len;
} block;

struct stmt {
    uint8_t      kind;
    uint32_t     first, last; /* tokens; last is behind the end */
    uint32_t     tok;         /* S_AUGMENT: the operator; S_IMPORT: the first dot */
    bool         opaque;      /* audit: parts were skipped; they may have changed something */
    node       **targets;
    size_t       ntargets;
    node        *value;
    uint32_t     dots;
    dj_str       module; /* "a.b", or empty */
    bool         star;
    import_name *names;
    size_t       nnames;
    bind_kind    bind;
    block        body, handlers, orelse, final;
    dj_str       reason;
};

typedef struct conf_parser {
    conf_reader       *reader;
    const conf_source *src;
    dj_scope          *work;
    const token_list  *tokens;
    size_t             pos, statement; /* tokens: the current one; the first of the statement */
    unsigned           nesting;
    bool               audit;
    bool               failed;    /* the reader's error is set */
    bool               recovered; /* audit: something was skipped in this statement */
    bool     may_alias; /* a relative import may have brought a gettext or message constants */
    bool     past_head; /* a statement other than a text or from __future__ was seen */
    bool     in_annotation;
    unsigned block_depth;
    dj_map   aliases; /* names bound to gettext or message constants in this file */
} conf_parser;

/* The whole file. Strict: false with the reader's error set. Audit: false only if Python can't read
 * it either. */
bool conf_parse(conf_parser *p, block *out);
/* One expression (`exprs` of the grammar); NULL on error. */
node *conf_parse_exprs(conf_parser *p);
node *conf_parse_expr(conf_parser *p);
/* Adjacent string tokens, as one constant. */
node *conf_parse_strings(conf_parser *p);
/* Audit: passes over one expression, up to what must follow it. */
node *conf_skip_expr(conf_parser *p, dj_str why);
/* Sets the reader's error at a token, and returns NULL. */
node *conf_parse_fail(conf_parser *p, const char *code, size_t tok, dj_str message,
                      const char *advice);
/* "syntax" at the current token: "expected WHAT, found ..."; the right error if the token itself is
 * bad. */
node                      *conf_parse_unexpected(conf_parser *p, const char *wanted);
static inline const token *parser_at(const conf_parser *p, size_t ahead)
{
    size_t i = p->pos + ahead;
    return &p->tokens->items[i < p->tokens->len ? i : p->tokens->len - 1];
}
/* Index behind the balanced bracket that starts at `tok`. */
size_t conf_skip_bracket(const conf_parser *p, size_t tok);
node  *conf_node_new(conf_parser *p, node_kind kind, size_t start, size_t tok);

/* -- what the parser's files share: parser_tokens.c, parser_atoms.c, parser.c -- */

typedef struct node_list {
    node **items;
    size_t len, cap;
} node_list;
void  conf_push(conf_parser *p, node_list *list, node *n);
node *conf_node_of(conf_parser *p, node_kind kind, size_t start, size_t tok, const node_list *list);
node *conf_node_of1(conf_parser *p, node_kind kind, size_t start, size_t tok, node *a);
/* The token that an error of its operator points at: n->toks[0]. */
void conf_mark(conf_parser *p, node *n, size_t tok);
/* What an audit passes over, and why. */
node *conf_opaque(conf_parser *p, size_t start, dj_str why);
/* One level deeper; false, and the error is set, if that is too deep. */
bool conf_enter(conf_parser *p, size_t tok);
/* Takes the operator if it is next; expect: else it is an error. */
bool conf_accept(conf_parser *p, uint32_t op);
bool conf_expect(conf_parser *p, uint32_t op, const char *wanted);
bool conf_at_word(const conf_parser *p, const char *word);
bool conf_is_comparison(const token *t);
/* Is what comes next something that may follow an expression? */
bool  conf_at_end_of_expr(const conf_parser *p);
node *conf_parse_atom(conf_parser *p);
/* Of a list or call: an expression, or one behind a star. */
node *conf_parse_item(conf_parser *p);
/* ( expr, ... ) behind a called name. `named`, if any, is the one keyword allowed; its value goes
 * to *named_value. */
bool conf_parse_args(conf_parser *p, node_list *args, const char *named, node **named_value);
/* Words of a token for a message; hidden when the line assigns a secret. */
dj_str conf_show(const conf_source *src, const token *t);

/* -- literals -- */

/* Decodes a string token into `out`. False with code, message and the offset of the fault. */
typedef struct literal_fault {
    const char *code;
    uint32_t    offset; /* in the source */
    dj_str      message;
    const char *advice;
} literal_fault;
bool conf_read_string(dj_scope *s, const conf_source *src, const token *t, dj_buf *out,
                      literal_fault *fault);
/* An INT or FLOAT. */
bool conf_read_number(dj_scope *s, const conf_source *src, const token *t, dj_value *out,
                      literal_fault *fault);

/* -- names of one file while it is evaluated -- */

typedef struct conf_module {
    conf_source src;
    token_list  tokens;
    dj_map      names; /* name -> dj_value * */
    bool        running;
    bool        has_os, has_path; /* imported here, or brought by a star import */
    bool        lost;             /* audit: any name may have been bound */
    dj_origin   lost_at;
    dj_map      sticky; /* audit: names that a function may change at any time -> dj_value * */
} conf_module;

struct conf_reader {
    dj_scope *s, *work; /* of the result; of texts, tokens and trees, closed at the end */
    dj_conf  *conf;
    const dj_conf_options *options;
    dj_conf_error         *error;
    bool                   audit, failed;
    conf_module           *modules[CONF_FILES_MAX];
    size_t                 nmodules;
    size_t                 files_cap, gaps_cap;
    dj_conf_gap           *gaps;
    size_t                 bytes; /* made by expressions */
    bool     env_lost;            /* audit: a statement may have changed any environment variable */
    dj_map   env_changed;         /* audit: the variables that are set or removed by name */
    uint64_t steps;
};

/* What the names of `from django.contrib.messages import constants` and of gettext are bound to. */
extern const dj_value conf_gettext, conf_messages;

/* -- evaluation -- */

typedef struct conf_eval {
    conf_reader *r;
    conf_module *m;
    dj_scope    *s;         /* values live here */
    const stmt  *statement; /* audit: what unknown values hang on */
    bool         failed;    /* strict: the error is set */
    bool         missing;   /* audit: a relative import found no file */
    dj_str       why;       /* audit: of the last failure */
} conf_eval;

/* Runs statements. False: the reader's error is set (strict). */
bool      conf_run(conf_eval *e, const block *statements);
dj_value *conf_eval_node(conf_eval *e, const node *n);
/* Sets the error (strict) or not (audit); returns NULL. The caller of conf_eval_node gets UNKNOWN
 * in audit mode. */
dj_value *conf_eval_fail(conf_eval *e, const char *code, uint32_t tok, dj_str message,
                         const char *advice);
dj_value *conf_value_new(conf_eval *e, dj_value_kind kind, uint32_t tok);
dj_value *conf_unknown(conf_eval *e, dj_str why);
dj_origin conf_origin(conf_eval *e, uint32_t tok);
/* Bytes that an expression makes; false past the limit, with the error set. */
bool conf_charge(conf_eval *e, size_t bytes, uint32_t tok);
/* Binds a name; reads the file of a relative import. */
void      conf_bind(conf_eval *e, dj_str name, dj_value *value);
dj_value *conf_lookup(const conf_module *m, dj_str name);

typedef enum conf_truth { CONF_NO, CONF_YES, CONF_MAYBE } conf_truth;
conf_truth conf_equal(conf_eval *e, const dj_value *a, const dj_value *b);
conf_truth conf_truth_of(const dj_value *v);
bool       conf_hashable(const dj_value *v, unsigned depth);

dj_value *conf_binary(conf_eval *e, uint32_t op, dj_value *a, dj_value *b, uint32_t start,
                      uint32_t tok);
dj_value *conf_sign(conf_eval *e, uint32_t op, dj_value *a, uint32_t tok);
dj_value *conf_compare(conf_eval *e, uint32_t op, dj_value *a, dj_value *b, uint32_t start,
                       uint32_t tok);
dj_value *conf_call_method(conf_eval *e, conf_method m, dj_value *on, dj_value **args, size_t n,
                           uint32_t start, uint32_t tok);
dj_value *conf_call_builtin(conf_eval *e, conf_call c, dj_value **args, size_t n, uint32_t tok);
dj_value *conf_path_parents(conf_eval *e, dj_value *on, dj_value *index, uint32_t start,
                            uint32_t tok);
dj_value *conf_path_parent(conf_eval *e, dj_value *on, uint32_t start, uint32_t tok);
dj_value *conf_subscript(conf_eval *e, dj_value *on, dj_value *index, uint32_t start, uint32_t tok);
/* on[index] = value */
bool conf_assign_item(conf_eval *e, dj_value *on, dj_value *index, dj_value *value, uint32_t tok);
dj_value *conf_dict_of(conf_eval *e, dj_value_pair *pairs, size_t n, uint32_t tok);
dj_value *conf_set_of(conf_eval *e, dj_value **items, size_t n, uint32_t tok);
/* `a op b`: the sentence of a type error. */
dj_str      conf_types(conf_eval *e, const char *op, const dj_value *a, const dj_value *b);
const char *conf_method_name(conf_method m);

/* -- paths, as text -- */
dj_str conf_path_clean(dj_scope *s, dj_str path);       /* pathlib's normal form */
dj_str conf_path_join(dj_scope *s, dj_str a, dj_str b); /* a / b, both in any form */
dj_str conf_path_up(dj_str path);                       /* .parent of a normal form */
dj_str conf_path_abspath(dj_scope *s, dj_str path);     /* os.path.abspath */
dj_str conf_path_realpath(dj_scope *s, dj_str path);    /* os.path.realpath; never fails */
dj_str conf_path_dirname(dj_str path);                  /* os.path.dirname */

/* The default of a known setting, or NULL. */
const dj_value *conf_default(dj_str name);

/* -- audit -- */

/* Marks what tokens first..last may have changed as unknown; `whole`: what they may have bound,
 * too. */
void conf_audit_gap(conf_eval *e, uint32_t first, uint32_t last, bool whole, dj_str why);
/* Makes a value unknown in place, for everyone who shares it. */
void conf_forget(conf_eval *e, dj_value *v, dj_str why);
/* The same for all that is inside, too; or for what is inside only. */
void conf_forget_deep(conf_eval *e, dj_value *v, dj_str why);
void conf_forget_items(conf_eval *e, dj_value *v, dj_str why);
void conf_forget_name(conf_eval *e, dj_str name, dj_str why);
void conf_lose_names(conf_eval *e, dj_str why);

/* -- files -- */

/* Reads and runs the file behind a relative import. NULL: the error is set, or (audit) e->missing
 * or unreadable. */
conf_module *conf_import(conf_eval *e, const stmt *st);

/* Levenshtein's distance, or 3 if it is more than 2. */
unsigned conf_distance(dj_str a, dj_str b);

/* -- errors -- */

/* Fills the reader's error, once. */
void conf_error_set(conf_reader *r, const char *code, const conf_source *src, uint32_t offset,
                    dj_str message, dj_str advice);
void conf_error_io(conf_reader *r, dj_str path, dj_str message);
void conf_place(dj_str text, uint32_t offset, uint32_t *line, uint32_t *column, dj_str *line_text);
/* KEY, SECRET, PASS, TOKEN, SIGNATURE or API in it. */
bool conf_is_secret_name(dj_str name);
