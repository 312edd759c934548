/* include/donjon/context.h - values that a template can show.
 *
 * A dj_var is small and copied freely; what it points to is borrowed and must live as long as the
 * rendering (the request's scope, or static data). Plain text is never safe by itself: only a
 * dj_html is, and the escaper that knows the place in the page decides even then. A dj_secret has
 * no way in: DJ_CTX with one does not compile. Django: topics/templates, ref/templates/api. */
#pragma once
#include "donjon/html.h"
#include "donjon/scope.h"

DJ_BEGIN_DECLS

typedef enum dj_var_kind {
    DJ_VAR_NONE, /* Python's None */
    DJ_VAR_BOOL,
    DJ_VAR_INT,
    DJ_VAR_FLOAT,
    DJ_VAR_STR, /* UTF-8; bad sequences are shown as U+FFFD */
    DJ_VAR_DATE,
    DJ_VAR_TIME,
    DJ_VAR_DATETIME,
    DJ_VAR_LIST,
    DJ_VAR_MAP,    /* text to value, in order */
    DJ_VAR_MULTI,  /* a QueryDict: text to texts, in order */
    DJ_VAR_OBJECT, /* a C struct with its table of attributes */
    DJ_VAR_ARRAY,  /* many of them, one behind the other */
    DJ_VAR_LAZY    /* made when it is first asked for */
} dj_var_kind;

/* What a text may do without an escaper, and where. Each counts in its own place only; in any other
 * the text is escaped as if it were unsafe. */
typedef enum dj_safety {
    DJ_UNSAFE,
    DJ_SAFE_HTML,
    DJ_SAFE_ATTR, /* safeattr: a name of an attribute, or name="value" */
    DJ_SAFE_URL,  /* safeurl: any scheme; what a URL can't hold is percent-encoded */
    DJ_SAFE_SRCSET,
    DJ_SAFE_JS,    /* safejs: an expression */
    DJ_SAFE_JSSTR, /* safejsstr: inside quotes */
    DJ_SAFE_CSS,
    DJ_SAFE_URL_ENCODED, /* urlencode, iriencode, {% url %}, {% static %}: printed as it is */
    DJ_SAFE_ESCAPEJS     /* escapejs: inside quotes, as it is */
} dj_safety;

typedef struct dj_var      dj_var;
typedef struct dj_var_item dj_var_item;

/* As Python's date, time and datetime have them; not all parts are used by all kinds. */
typedef struct dj_moment {
    int32_t  year, utc_offset; /* seconds east */
    uint32_t microsecond;
    uint8_t  month, day, hour, minute, second;
    bool     aware; /* utc_offset means something; else naive */
    bool     local; /* it is that of the local zone (TIME_ZONE), whose name is shown, then */
} dj_moment;

typedef struct dj_var_list {
    const dj_var *items;
    size_t        len;
} dj_var_list;

typedef struct dj_var_map {
    const dj_var_item *items; /* names once each */
    size_t             len;
} dj_var_map;

typedef struct dj_var_multi {
    const struct dj_multi_item {
        dj_str        name;
        const dj_str *values;
        size_t        nvalues; /* at least one */
    } * items;
    size_t len;
} dj_var_multi;

struct dj_attrs;
typedef struct dj_var_array {
    const void            *first;
    size_t                 len;
    const struct dj_attrs *attrs; /* says how large one is */
} dj_var_array;

/* Called at most once per rendering; may wait. Fails like a tag: the page is an error. */
typedef struct dj_var_lazy {
    dj_err (*make)(dj_scope *s, void *ctx, dj_var *out) DJ_WAITS;
    void *ctx;
} dj_var_lazy;

struct dj_var {
    uint8_t kind;   /* dj_var_kind */
    uint8_t safety; /* dj_safety; of a STR */
    union {
        bool                truth;
        int64_t             number;
        double              real;
        dj_str              text;
        const dj_moment    *moment;
        dj_var_list         list;
        dj_var_map          map;
        const dj_var_multi *multi;
        struct {
            const void            *ptr;
            const struct dj_attrs *attrs;
        } object;
        const dj_var_array *array;
        const dj_var_lazy  *lazy;
    };
};

struct dj_var_item {
    dj_str name;
    dj_var value;
};

static inline dj_var dj_var_none(void)
{
    return (dj_var){.kind = DJ_VAR_NONE};
}
static inline dj_var dj_var_bool(bool truth)
{
    return (dj_var){.kind = DJ_VAR_BOOL, .truth = truth};
}
static inline dj_var dj_var_int(int64_t number)
{
    return (dj_var){.kind = DJ_VAR_INT, .number = number};
}
static inline dj_var dj_var_float(double real)
{
    return (dj_var){.kind = DJ_VAR_FLOAT, .real = real};
}
/* DJ_NONE is None. */
static inline dj_var dj_var_str(dj_str text)
{
    return (dj_var){.kind = (uint8_t)(text.ptr == NULL ? DJ_VAR_NONE : DJ_VAR_STR), .text = text};
}
static inline dj_var dj_var_html(dj_html html)
{
    return (dj_var){.kind = DJ_VAR_STR, .safety = DJ_SAFE_HTML, .text = html.safe};
}
static inline dj_var dj_var_of_list(const dj_var *items, size_t len)
{
    return (dj_var){.kind = DJ_VAR_LIST, .list = {items, len}};
}
static inline dj_var dj_var_of_map(const dj_var_item *items, size_t len)
{
    return (dj_var){.kind = DJ_VAR_MAP, .map = {items, len}};
}
/* An aware datetime in UTC from Unix seconds. */
DJ_NONNULL dj_var dj_var_time(dj_scope *s, int64_t unix_time);

DJ_END_DECLS
