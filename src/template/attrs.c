/* src/template/attrs.c - reads members of C structs by name.
 *
 * Must not know: programs, places in a page. */
#include "donjon/attrs.h"
#include "template/template.h"

static const dj_attr *find(const dj_attrs *attrs, dj_str name)
{
    for (size_t i = 0; i < attrs->len; i++) {
        const char *candidate = attrs->items[i].name;
        if (strncmp(candidate, name.ptr, name.len) == 0 && candidate[name.len] == '\0')
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

/* `type` is the member's own type, so the read is what the program's own would be. */
#define MEMBER(type) (*(const type *)(const void *)(object + attr->offset))

dj_err dj_attr_get(dj_scope *s, const void *ptr, const dj_attrs *attrs, dj_str name, dj_var *out,
                   bool *found)
{
    const char    *object = ptr;
    const dj_attr *attr = find(attrs, name);
    *found = attr != NULL;
    if (attr == NULL)
        return DJ_OK;
    switch (attr->type) {
    case DJ_ATTR_IS_BOOL:
        *out = dj_var_bool(MEMBER(bool));
        break;
    case DJ_ATTR_IS_INT:
        *out = dj_var_int(MEMBER(int));
        break;
    case DJ_ATTR_IS_UINT:
        *out = dj_var_int(MEMBER(unsigned));
        break;
    case DJ_ATTR_IS_LONG:
        *out = dj_var_int(MEMBER(long));
        break;
    case DJ_ATTR_IS_ULONG:
        if (MEMBER(unsigned long) > INT64_MAX)
            return too_large(s, attrs, attr);
        *out = dj_var_int((int64_t)MEMBER(unsigned long));
        break;
    case DJ_ATTR_IS_DOUBLE:
        *out = dj_var_float(MEMBER(double));
        break;
    case DJ_ATTR_IS_STR:
        *out = dj_var_str(MEMBER(dj_str));
        break;
    case DJ_ATTR_IS_CSTRING:
        *out = dj_var_str(dj_str_of(MEMBER(char *)));
        break;
    case DJ_ATTR_IS_HTML:
        *out = dj_var_html(MEMBER(dj_html));
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
        (out->kind == DJ_VAR_LAZY && out->lazy == NULL) ||
        (out->kind == DJ_VAR_STR && out->text.ptr == NULL))
        *out = dj_var_none();
    return DJ_OK;
}

dj_var dj_array_at(const dj_var_array *array, size_t i)
{
    DJ_ASSERT(i < array->len);
    return dj_var_object_of((const char *)array->first + i * array->attrs->size, array->attrs);
}
