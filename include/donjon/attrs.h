/* include/donjon/attrs.h - which members of a C struct a template can see.
 *
 *   typedef struct book { dj_str title; int64_t published; const author *by; } book;
 *   DJ_ATTRS(book, DJ_ATTR(book, title), DJ_ATTR_TIME(book, published),
 *            DJ_ATTR_OBJECT(book, by, author));
 *
 * makes a table named book_attrs; {{ book.title }} then works, and nothing else of the struct is
 * within reach. A member of another type - a dj_secret, a pointer to bytes, a struct - does not
 * compile. */
#pragma once
#include "donjon/context.h"
#include <stddef.h>

DJ_BEGIN_DECLS

typedef enum dj_attr_type {
    DJ_ATTR_IS_BOOL,
    DJ_ATTR_IS_INT,
    DJ_ATTR_IS_UINT, /* over INT64_MAX: a failure of the rendering */
    DJ_ATTR_IS_LONG,
    DJ_ATTR_IS_ULONG,
    DJ_ATTR_IS_DOUBLE,
    DJ_ATTR_IS_STR,     /* DJ_NONE is None */
    DJ_ATTR_IS_CSTRING, /* NULL is None */
    DJ_ATTR_IS_HTML,
    DJ_ATTR_IS_VAR,
    DJ_ATTR_IS_MOMENT, /* a pointer; NULL is None */
    DJ_ATTR_IS_LAZY,   /* a pointer; NULL is None */
    DJ_ATTR_IS_TIME,   /* int64_t, Unix seconds */
    DJ_ATTR_IS_OBJECT, /* a pointer to a struct with attributes; NULL is None */
    DJ_ATTR_IS_ARRAY   /* a pointer to the first of many, and a size_t that counts them */
} dj_attr_type;

struct dj_attrs;
typedef struct dj_attr {
    const char            *name;
    uint32_t               offset, len_offset;
    dj_attr_type           type;
    const struct dj_attrs *attrs; /* OBJECT, ARRAY */
} dj_attr;

typedef struct dj_attrs {
    const char    *name; /* of the struct */
    size_t         size;
    const dj_attr *items;
    size_t         len;
} dj_attrs;

/* The type of a member, from the compiler. */
#define DJ_ATTR_TYPE_OF(x)                                                                         \
    _Generic((x),                                                                                  \
        bool: DJ_ATTR_IS_BOOL,                                                                     \
        int: DJ_ATTR_IS_INT,                                                                       \
        unsigned: DJ_ATTR_IS_UINT,                                                                 \
        long: DJ_ATTR_IS_LONG,                                                                     \
        unsigned long: DJ_ATTR_IS_ULONG,                                                           \
        double: DJ_ATTR_IS_DOUBLE,                                                                 \
        dj_str: DJ_ATTR_IS_STR,                                                                    \
        char *: DJ_ATTR_IS_CSTRING,                                                                \
        const char *: DJ_ATTR_IS_CSTRING,                                                          \
        dj_html: DJ_ATTR_IS_HTML,                                                                  \
        dj_var: DJ_ATTR_IS_VAR,                                                                    \
        const dj_moment *: DJ_ATTR_IS_MOMENT,                                                      \
        const dj_var_lazy *: DJ_ATTR_IS_LAZY)

#define DJ_ATTR(type, member)                                                                      \
    {                                                                                              \
#member, offsetof(type, member), 0, DJ_ATTR_TYPE_OF(((type *)0)->member), NULL             \
    }
/* int64_t, Unix seconds: an aware datetime. */
#define DJ_ATTR_TIME(type, member)                                                                 \
    {                                                                                              \
#member, offsetof(type, member), 0,                                                        \
            _Generic(((type *)0)->member, int64_t                                                  \
                     : DJ_ATTR_IS_TIME),                                                           \
            NULL                                                                                   \
    }
/* A pointer to a `struct_name`, whose table is struct_name_attrs. */
#define DJ_ATTR_OBJECT(type, member, struct_name)                                                  \
    {                                                                                              \
#member, offsetof(type, member), 0,                                                        \
            _Generic(((type *)0)->member,                                                          \
                     const struct_name *: DJ_ATTR_IS_OBJECT,                                       \
                     struct_name *: DJ_ATTR_IS_OBJECT),                                            \
            &struct_name##_attrs       \
    }
/* The same to the first of `count` (a size_t member). */
#define DJ_ATTR_ARRAY(type, member, count, struct_name)                                            \
    {                                                                                              \
#member, offsetof(type, member),                                                           \
            _Generic(((type *)0)->count, size_t: offsetof(type, count)),                           \
            _Generic(((type *)0)->member,                                                          \
                     const struct_name *: DJ_ATTR_IS_ARRAY,                                        \
                     struct_name *: DJ_ATTR_IS_ARRAY),                                             \
            &struct_name##_attrs       \
    }
#define DJ_ATTRS(type, ...)                                                                        \
    static const dj_attr  type##_attr_items[] = {__VA_ARGS__};                                     \
    static const dj_attrs type##_attrs = {#type, sizeof(type), type##_attr_items,                  \
                                          sizeof type##_attr_items / sizeof *type##_attr_items}

/* A whole context: a struct with its table. */
typedef struct dj_ctx {
    const void     *ptr;
    const dj_attrs *attrs;
} dj_ctx;
/* DJ_CTX(page, .title = t, .books = b): `page` is a struct with a table of that name. Lives as long
 * as the block around it. */
#define DJ_CTX(type, ...) ((dj_ctx){&(const type){__VA_ARGS__}, &type##_attrs})
#define DJ_NO_CTX         ((dj_ctx){NULL, NULL})

/* A value of a struct. */
#define dj_var_object(pointer, type) dj_var_object_of((const type *){(pointer)}, &type##_attrs)
static inline dj_var dj_var_object_of(const void *ptr, const dj_attrs *attrs)
{
    return (dj_var){.kind = (uint8_t)(ptr == NULL ? DJ_VAR_NONE : DJ_VAR_OBJECT),
                    .object = {ptr, attrs}};
}

DJ_END_DECLS
