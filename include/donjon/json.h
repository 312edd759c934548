/* include/donjon/json.h - JSON (RFC 8259): a writer into a dj_buf, and a bounded reader. */
#pragma once
#include "donjon/buf.h"

DJ_BEGIN_DECLS

/* -- writer: the caller keeps keys and values in turn; commas and quotes are the writer's -- */

typedef struct dj_json {
    dj_buf *out;
    dj_str  comma, colon; /* separators; compact by default */
    bool    first;        /* nothing written yet at this level */
    bool    after_key;
} dj_json;

/* Compact: {"a":1}. Set .comma and .colon for another spacing. */
static inline dj_json dj_json_make(dj_buf *out)
{
    return (dj_json){.out = out, .comma = DJ_LIT(","), .colon = DJ_LIT(":"), .first = true};
}
DJ_NONNULL void dj_json_open(dj_json *j, char bracket);  /* '{' or '[' */
DJ_NONNULL void dj_json_close(dj_json *j, char bracket); /* '}' or ']' */
DJ_NONNULL void dj_json_key(dj_json *j, dj_str name);
/* Escapes as Python's json.dumps does with ensure_ascii: output is ASCII; a byte that is not UTF-8
 * becomes U+FFFD. Also safe inside <script>: <, > and & are written \u003C, \u003E, \u0026. */
DJ_NONNULL void dj_json_str(dj_json *j, dj_str value);
DJ_NONNULL void dj_json_int(dj_json *j, int64_t value);
DJ_NONNULL void dj_json_bool(dj_json *j, bool value);
DJ_NONNULL void dj_json_null(dj_json *j);
/* key and value in one */
DJ_NONNULL void dj_json_add_str(dj_json *j, dj_str name, dj_str value);
DJ_NONNULL void dj_json_add_int(dj_json *j, dj_str name, int64_t value);
DJ_NONNULL void dj_json_add_bool(dj_json *j, dj_str name, bool value);

/* -- reader -- */

typedef enum dj_json_kind {
    DJ_JSON_NULL,
    DJ_JSON_BOOL,
    DJ_JSON_INT,
    DJ_JSON_FLOAT,
    DJ_JSON_STR,
    DJ_JSON_ARRAY,
    DJ_JSON_OBJECT
} dj_json_kind;

typedef struct dj_json_value dj_json_value;
typedef struct dj_json_member {
    dj_str               name;
    const dj_json_value *value;
} dj_json_member;

struct dj_json_value {
    dj_json_kind kind;
    union {
        bool    boolean;
        int64_t integer;
        double  number;
        dj_str  text; /* UTF-8; may hold NUL */
        struct {
            const dj_json_value *items;
            size_t               len;
        } array;
        struct {
            const dj_json_member *members; /* in order; a repeated name is kept */
            size_t                len;
        } object;
    };
};

typedef struct dj_json_limits {
    size_t bytes; /* of the text */
    size_t depth; /* of brackets, at most 1000 */
    size_t nodes; /* values in all */
} dj_json_limits;

/* Strict RFC 8259: no comments, no trailing commas, no NaN, UTF-8 only, one value. DJ_ERR_MALFORMED
 * with the byte position, DJ_ERR_LIMIT; *out is untouched on error and lives in `s`. */
DJ_CHECKED DJ_NONNULL dj_err dj_json_parse(dj_scope *s, dj_str text, const dj_json_limits *limits,
                                           const dj_json_value **out);
/* The last member of that name, or NULL; also NULL if `object` is no object. */
const dj_json_value *dj_json_get(const dj_json_value *object, dj_str name);
/* Its text, or DJ_NONE if absent or no string. */
dj_str dj_json_get_str(const dj_json_value *object, dj_str name);

DJ_END_DECLS
