/* src/template/attrs.c - reads members of C structs by name.
 *
 * Must not know: programs, places in a page. */
#include "donjon/attrs.h"
#include "template/template.h"

const dj_attr *dj_attr_find(const dj_attrs *attrs, dj_str name)
{
    for (size_t i = 0; i < attrs->len; i++) {
        if (dj_str_eq(dj_str_of(attrs->items[i].name), name)) /* a name may hold a NUL */
            return &attrs->items[i];
    }
    return NULL;
}

static dj_err too_large(dj_scope *s, const dj_attrs *attrs, const dj_attr *attr)
{
    return dj_fail(s, DJ_ERR_TEMPLATE, "%s.%s is over the largest integer of a template",
                   attrs->name, attr->name);
}

static dj_var array_of(dj_scope *s, const char *object, const dj_attr *attr, const void *first)
{
    dj_var_array *array = dj_new(s, dj_var_array);
    array->first = first;
    memcpy(&array->len, object + attr->len_offset, sizeof array->len);
    array->attrs = attr->attrs;
    return (dj_var){.kind = DJ_VAR_ARRAY, .array = array};
}

/* Field by field: a dj_var that is put together elsewhere and copied at once costs the processor a
 * wait for its own stores. */
static void put_int(dj_var *out, int64_t number)
{
    out->kind = DJ_VAR_INT;
    out->safety = DJ_UNSAFE;
    out->number = number;
}

static void put_text(dj_var *out, dj_str text, dj_safety safety)
{
    out->kind = text.ptr == NULL ? DJ_VAR_NONE : DJ_VAR_STR;
    out->safety = (uint8_t)safety;
    out->text.ptr = text.ptr;
    out->text.len = text.len;
}

/* `type` is the member's own type, so the read is what the program's own would be. */
#define MEMBER(type) (*(const type *)(const void *)(object + attr->offset))

dj_err dj_attr_read(dj_scope *s, const void *ptr, const dj_attrs *attrs, const dj_attr *attr,
                    dj_var *out)
{
    const char *object = ptr;
    switch (attr->type) {
    case DJ_ATTR_IS_BOOL:
        *out = dj_var_bool(MEMBER(bool));
        break;
    case DJ_ATTR_IS_INT:
        put_int(out, MEMBER(int));
        break;
    case DJ_ATTR_IS_UINT:
        put_int(out, MEMBER(unsigned));
        break;
    case DJ_ATTR_IS_LONG:
        put_int(out, MEMBER(long));
        break;
    case DJ_ATTR_IS_ULONG:
        if (MEMBER(unsigned long) > INT64_MAX)
            return too_large(s, attrs, attr);
        put_int(out, (int64_t)MEMBER(unsigned long));
        break;
    case DJ_ATTR_IS_DOUBLE:
        *out = dj_var_float(MEMBER(double));
        break;
    case DJ_ATTR_IS_STR:
        put_text(out, MEMBER(dj_str), DJ_UNSAFE);
        break;
    case DJ_ATTR_IS_CSTRING:
        put_text(out, dj_str_of(MEMBER(char *)), DJ_UNSAFE);
        break;
    case DJ_ATTR_IS_HTML:
        put_text(out, MEMBER(dj_html).safe, DJ_SAFE_HTML);
        break;
    case DJ_ATTR_IS_VAR:
        *out = MEMBER(dj_var);
        break;
    case DJ_ATTR_IS_MOMENT:
        *out = (dj_var){.kind = DJ_VAR_DATETIME, .moment = MEMBER(dj_moment *)};
        break;
    case DJ_ATTR_IS_LAZY:
        *out = (dj_var){.kind = DJ_VAR_LAZY, .lazy = MEMBER(dj_var_lazy *)};
        break;
    case DJ_ATTR_IS_TIME:
        *out = dj_var_time(s, MEMBER(int64_t));
        break;
    case DJ_ATTR_IS_OBJECT:
        *out = dj_var_object_of(MEMBER(void *), attr->attrs);
        break;
    case DJ_ATTR_IS_ARRAY:
        *out = array_of(s, object, attr, MEMBER(void *));
        break;
    }
    if ((out->kind == DJ_VAR_DATETIME && out->moment == NULL) ||
        (out->kind == DJ_VAR_LAZY && out->lazy == NULL))
        *out = dj_var_none();
    return DJ_OK;
}

dj_err dj_attr_get(dj_scope *s, const void *ptr, const dj_attrs *attrs, dj_str name, dj_var *out,
                   bool *found)
{
    const dj_attr *attr = dj_attr_find(attrs, name);
    *found = attr != NULL;
    return attr == NULL ? DJ_OK : dj_attr_read(s, ptr, attrs, attr, out);
}
