/* include/donjon/value.h - what a settings file can say: Python's values, with where they come
 * from. */
#pragma once
#include "donjon/scope.h"

DJ_BEGIN_DECLS

typedef enum dj_value_kind {
    DJ_V_UNKNOWN, /* audit mode only: needs Python to know */
    DJ_V_NONE,
    DJ_V_BOOL,
    DJ_V_INT,
    DJ_V_FLOAT,
    DJ_V_STR,
    DJ_V_PATH, /* pathlib.Path; text in .str */
    DJ_V_LIST,
    DJ_V_TUPLE,
    DJ_V_SET,
    DJ_V_DICT
} dj_value_kind;

/* A place in a settings file; line and column count from 1, columns in code points. line 0:
 * nowhere. */
typedef struct dj_origin {
    dj_str   file;
    uint32_t line, column;
} dj_origin;

/* How a value came to be: what the checks on secrets and typos ask. */
enum {
    DJ_VALUE_LITERAL = 1,     /* contains text written in the file */
    DJ_VALUE_ENV = 2,         /* contains a set environment variable's text */
    DJ_VALUE_ENV_DEFAULT = 4, /* is the default of an environment look-up */
    DJ_VALUE_BOOL_OF_ENV = 8  /* bool() around environment text */
};

typedef struct dj_value dj_value;
typedef struct dj_value_pair {
    dj_value *key, *value;
} dj_value_pair;

struct dj_value {
    dj_value_kind kind;
    unsigned      flags;  /* DJ_VALUE_... */
    dj_origin     origin; /* where the expression starts; UNKNOWN: the statement it hangs on */
    union {
        bool    boolean;
        int64_t integer;
        double  number;
        dj_str  str; /* STR and PATH, UTF-8; UNKNOWN: why it is not known, or none */
        struct {
            dj_value **items;
            size_t     len;
        } seq; /* LIST, TUPLE, SET */
        struct {
            dj_value_pair *pairs;
            size_t         len;
        } dict;
    };
};

/* Python's truth; an UNKNOWN value must not be asked. */
DJ_NONNULL bool dj_value_truth(const dj_value *v);
/* `v is True`. */
DJ_NONNULL bool dj_value_is_true(const dj_value *v);
/* Python's ==, for values without UNKNOWN inside. */
DJ_NONNULL bool dj_value_equal(const dj_value *a, const dj_value *b);
/* LIST or TUPLE or SET. */
DJ_NONNULL bool dj_value_is_seq(const dj_value *v);
/* UNKNOWN itself, or something UNKNOWN inside. */
DJ_NONNULL bool dj_value_has_unknown(const dj_value *v);
/* The value behind a text key of a DICT; NULL if absent or no dict. */
DJ_NONNULL const dj_value *dj_value_get(const dj_value *dict, dj_str key);
/* Python's repr(), cut to `max` bytes; for messages, never for secrets. */
DJ_NONNULL dj_str dj_value_repr(dj_scope *s, const dj_value *v, size_t max);
/* "str", "tuple", ... as Python names the type. */
DJ_NONNULL dj_str dj_value_type(const dj_value *v);

DJ_END_DECLS
