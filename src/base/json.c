/* src/base/json.c - writes JSON and reads it back, bounded in bytes, depth and number of values.
 *
 * The reader keeps no recursion: open brackets stand on a stack of its own, so that a small
 * coroutine stack suffices for any input. Python: json.dumps(ensure_ascii=True),
 * django.utils.html.json_script.
 *
 * Must not know: what the values mean. */
#include "donjon/json.h"
#include <math.h>

/* -- writer -- */

static void before_value(dj_json *j)
{
    if (j->after_key)
        j->after_key = false;
    else if (!j->first)
        dj_buf_add(j->out, j->comma);
    j->first = false;
}

void dj_json_open(dj_json *j, char bracket)
{
    DJ_ASSERT(bracket == '{' || bracket == '[');
    before_value(j);
    dj_buf_add_byte(j->out, bracket);
    j->first = true;
}

void dj_json_close(dj_json *j, char bracket)
{
    DJ_ASSERT((bracket == '}' || bracket == ']') && !j->after_key);
    dj_buf_add_byte(j->out, bracket);
    j->first = false;
}

static void add_unit(dj_buf *out, unsigned unit, const char *digits)
{
    char text[6] = {'\\',
                    'u',
                    digits[unit >> 12 & 15],
                    digits[unit >> 8 & 15],
                    digits[unit >> 4 & 15],
                    digits[unit & 15]};
    dj_buf_add(out, dj_str_n(text, sizeof text));
}

/* What must not stand in the output as it is. */
static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void add_escaped(dj_buf *out, char c)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    const char       *at = c == '\0' ? NULL : strchr(from, c);
    if (at != NULL) {
        dj_buf_add_byte(out, '\\');
        dj_buf_add_byte(out, to[at - from]);
    } else {
        /* json_script writes its three in capitals, json.dumps all others in small letters. */
        add_unit(out, (unsigned char)c, c == '<' || c == '>' || c == '&' ? upper : lower);
    }
}

static void add_quoted(dj_buf *out, dj_str value)
{
    static const char lower[] = "0123456789abcdef";
    dj_buf_add_byte(out, '"');
    for (size_t pos = 0; pos < value.len;) {
        size_t start = pos;
        while (pos < value.len && is_plain(value.ptr[pos]))
            pos++;
        if (pos > start)
            dj_buf_add(out, dj_str_n(value.ptr + start, pos - start));
        if (pos == value.len)
            break;
        if ((unsigned char)value.ptr[pos] < 0x80) {
            add_escaped(out, value.ptr[pos++]);
            continue;
        }
        int32_t  cp = dj_utf8_next(value, &pos);
        unsigned code = cp < 0 ? 0xFFFD : (unsigned)cp;
        if (code >= 0x10000) {
            add_unit(out, 0xD800 + ((code - 0x10000) >> 10), lower);
            add_unit(out, 0xDC00 + ((code - 0x10000) & 0x3FF), lower);
        } else {
            add_unit(out, code, lower);
        }
    }
    dj_buf_add_byte(out, '"');
}

void dj_json_key(dj_json *j, dj_str name)
{
    DJ_ASSERT(!j->after_key);
    before_value(j);
    add_quoted(j->out, name);
    dj_buf_add(j->out, j->colon);
    j->after_key = true;
}

void dj_json_str(dj_json *j, dj_str value)
{
    before_value(j);
    add_quoted(j->out, value);
}

void dj_json_int(dj_json *j, int64_t value)
{
    before_value(j);
    dj_buf_add_int(j->out, value);
}

void dj_json_bool(dj_json *j, bool value)
{
    before_value(j);
    dj_buf_add(j->out, value ? DJ_LIT("true") : DJ_LIT("false"));
}

void dj_json_null(dj_json *j)
{
    before_value(j);
    dj_buf_add(j->out, DJ_LIT("null"));
}

void dj_json_add_str(dj_json *j, dj_str name, dj_str value)
{
    dj_json_key(j, name);
    dj_json_str(j, value);
}

void dj_json_add_int(dj_json *j, dj_str name, int64_t value)
{
    dj_json_key(j, name);
    dj_json_int(j, value);
}

void dj_json_add_bool(dj_json *j, dj_str name, bool value)
{
    dj_json_key(j, name);
    dj_json_bool(j, value);
}

/* -- reader -- */

#define DEPTH_MAX 1000

/* A finished value that waits for its bracket to close; `name` is used inside objects only. */
typedef dj_json_member pending;

typedef struct frame {
    bool   object;
    size_t first; /* index of its first pending value */
    dj_str name;  /* of the member that is being read in the object around */
} frame;

typedef struct reader {
    dj_scope             *s;
    dj_str                text;
    size_t                pos, nodes;
    const dj_json_limits *limits;
    pending              *values;
    size_t                nvalues, values_cap;
    frame                *frames;
    size_t                depth, frames_cap;
} reader;

static dj_err bad(reader *r, const char *what)
{
    return dj_fail(r->s, DJ_ERR_MALFORMED, "JSON: %s at byte %zu", what, r->pos);
}

static void skip_blanks(reader *r)
{
    while (r->pos < r->text.len) {
        char c = r->text.ptr[r->pos];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return;
        r->pos++;
    }
}

/* The next byte, or -1 at the end. */
static int peek(const reader *r)
{
    return r->pos < r->text.len ? (unsigned char)r->text.ptr[r->pos] : -1;
}

static void *grown(dj_scope *s, void *old, size_t *cap, size_t size)
{
    size_t more = *cap == 0 ? 16 : *cap * 2;
    void  *fresh = dj_realloc(s, old, *cap * size, more * size);
    *cap = more;
    return fresh;
}

static dj_err read_hex4(reader *r, unsigned *unit)
{
    unsigned value = 0;
    if (r->text.len - r->pos < 4)
        return bad(r, "short \\u escape");
    for (int i = 0; i < 4; i++) {
        int digit = dj_hex_value(r->text.ptr[r->pos]);
        if (digit < 0)
            return bad(r, "bad \\u escape");
        value = value << 4 | (unsigned)digit;
        r->pos++;
    }
    *unit = value;
    return DJ_OK;
}

/* Behind a backslash. Half a surrogate pair has no UTF-8 and is refused. */
static dj_err read_escape(reader *r, char *out, size_t *len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int               c = peek(r);
    const char       *at = c <= 0 ? NULL : strchr(from, c);
    if (at != NULL) {
        out[(*len)++] = to[at - from];
        r->pos++;
        return DJ_OK;
    }
    if (c != 'u')
        return bad(r, "bad escape");
    r->pos++;
    unsigned unit, low;
    dj_err   e = read_hex4(r, &unit);
    if (e)
        return e;
    if (unit >= 0xD800 && unit < 0xE000) {
        if (unit >= 0xDC00 || r->text.len - r->pos < 6 || r->text.ptr[r->pos] != '\\' ||
            r->text.ptr[r->pos + 1] != 'u')
            return bad(r, "half a surrogate pair");
        r->pos += 2;
        e = read_hex4(r, &low);
        if (e)
            return e;
        if (low < 0xDC00 || low > 0xDFFF)
            return bad(r, "half a surrogate pair");
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    *len += dj_utf8_put(out + *len, unit);
    return DJ_OK;
}

/* At the opening quote. An escape is never shorter than what it stands for, so the raw length
 * bounds the text. */
static dj_err read_string(reader *r, dj_str *out)
{
    size_t end = ++r->pos;
    while (end < r->text.len && r->text.ptr[end] != '"')
        end += r->text.ptr[end] == '\\' && end + 1 < r->text.len ? 2 : 1;
    if (end >= r->text.len)
        return bad(r, "string without end");
    char  *text = dj_alloc_raw(r->s, end - r->pos);
    size_t len = 0;
    while (r->pos < end) {
        unsigned char c = (unsigned char)r->text.ptr[r->pos];
        if (c < 0x20)
            return bad(r, "control character in a string");
        r->pos++;
        if (c != '\\') {
            text[len++] = (char)c;
            continue;
        }
        dj_err e = read_escape(r, text, &len);
        if (e)
            return e;
    }
    r->pos++;
    *out = dj_str_n(text, len);
    return DJ_OK;
}

static bool skip_digits(reader *r)
{
    size_t start = r->pos;
    while (r->pos < r->text.len && dj_is_digit(r->text.ptr[r->pos]))
        r->pos++;
    return r->pos > start;
}

static dj_err read_number(reader *r, dj_json_value *out)
{
    size_t start = r->pos;
    bool   whole = true;
    if (peek(r) == '-')
        r->pos++;
    if (peek(r) == '0')
        r->pos++;
    else if (!skip_digits(r))
        return bad(r, "no value");
    if (peek(r) == '.') {
        whole = false;
        r->pos++;
        if (!skip_digits(r))
            return bad(r, "no digit behind the point");
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        whole = false;
        r->pos++;
        if (peek(r) == '+' || peek(r) == '-')
            r->pos++;
        if (!skip_digits(r))
            return bad(r, "no digit in the exponent");
    }
    dj_str text = dj_str_n(r->text.ptr + start, r->pos - start);
    if (whole && dj_str_to_int(text, &out->integer)) {
        out->kind = DJ_JSON_INT;
        return DJ_OK;
    }
    out->kind = DJ_JSON_FLOAT;
    out->number = strtod(dj_cstr(r->s, text), NULL);
    return isfinite(out->number) ? DJ_OK : bad(r, "number out of range");
}

static dj_err read_word(reader *r, dj_str word, dj_json_kind kind, bool value, dj_json_value *out)
{
    if (!dj_str_starts(dj_str_from(r->text, r->pos), word))
        return bad(r, "no value");
    r->pos += word.len;
    out->kind = kind;
    out->boolean = value;
    return DJ_OK;
}

/* Anything but a bracket. */
static dj_err read_scalar(reader *r, dj_json_value *out)
{
    switch (peek(r)) {
    case '"':
        out->kind = DJ_JSON_STR;
        return read_string(r, &out->text);
    case 't':
        return read_word(r, DJ_LIT("true"), DJ_JSON_BOOL, true, out);
    case 'f':
        return read_word(r, DJ_LIT("false"), DJ_JSON_BOOL, false, out);
    case 'n':
        return read_word(r, DJ_LIT("null"), DJ_JSON_NULL, false, out);
    default:
        return read_number(r, out);
    }
}

static dj_err count_node(reader *r)
{
    if (++r->nodes > r->limits->nodes)
        return dj_fail(r->s, DJ_ERR_LIMIT, "JSON: more than %zu values", r->limits->nodes);
    return DJ_OK;
}

static dj_err open_bracket(reader *r, dj_str name)
{
    size_t most = r->limits->depth < DEPTH_MAX ? r->limits->depth : DEPTH_MAX;
    if (r->depth >= most)
        return dj_fail(r->s, DJ_ERR_LIMIT, "JSON: more than %zu brackets deep", most);
    if (r->depth == r->frames_cap)
        r->frames = grown(r->s, r->frames, &r->frames_cap, sizeof *r->frames);
    r->frames[r->depth++] = (frame){peek(r) == '{', r->nvalues, name};
    r->pos++;
    return DJ_OK;
}

static void push_value(reader *r, dj_str name, const dj_json_value *value)
{
    if (r->nvalues == r->values_cap)
        r->values = grown(r->s, r->values, &r->values_cap, sizeof *r->values);
    r->values[r->nvalues++] = (pending){name, value};
}

/* Takes the values of the innermost bracket off the stack and makes one of them. */
static dj_json_value *close_bracket(reader *r, dj_str *name)
{
    frame          f = r->frames[--r->depth];
    size_t         n = r->nvalues - f.first;
    dj_json_value *out = dj_new(r->s, dj_json_value);
    if (f.object) {
        dj_json_member *members = dj_new_array(r->s, dj_json_member, n);
        if (n > 0)
            memcpy(members, r->values + f.first, n * sizeof *members);
        out->kind = DJ_JSON_OBJECT;
        out->object.members = members;
        out->object.len = n;
    } else {
        dj_json_value *items = dj_new_array(r->s, dj_json_value, n);
        for (size_t i = 0; i < n; i++)
            items[i] = *r->values[f.first + i].value;
        out->kind = DJ_JSON_ARRAY;
        out->array.items = items;
        out->array.len = n;
    }
    r->nvalues = f.first;
    r->pos++;
    *name = f.name;
    return out;
}

/* "name" : , in the object that is open. */
static dj_err read_name(reader *r, dj_str *name)
{
    if (peek(r) != '"')
        return bad(r, "no member name");
    dj_err e = read_string(r, name);
    if (e)
        return e;
    skip_blanks(r);
    if (peek(r) != ':')
        return bad(r, "no colon");
    r->pos++;
    skip_blanks(r);
    return DJ_OK;
}

/* Behind a finished value: climbs out of all brackets that close here. *again: another value
 * follows. */
static dj_err after_value(reader *r, dj_str name, const dj_json_value *value, bool *again,
                          const dj_json_value **root)
{
    for (;;) {
        skip_blanks(r);
        if (r->depth == 0) {
            *root = value;
            *again = false;
            return DJ_OK;
        }
        push_value(r, name, value);
        bool object = r->frames[r->depth - 1].object;
        if (peek(r) == ',') {
            r->pos++;
            skip_blanks(r);
            *again = true;
            return DJ_OK;
        }
        if (peek(r) != (object ? '}' : ']'))
            return bad(r, "no comma and no end of the bracket");
        value = close_bracket(r, &name);
    }
}

static dj_err read_all(reader *r, const dj_json_value **root)
{
    bool again = true;
    skip_blanks(r);
    while (again) {
        dj_str name = DJ_NONE;
        dj_err e = DJ_OK;
        if (r->depth > 0 && r->frames[r->depth - 1].object)
            e = read_name(r, &name);
        if (!e)
            e = count_node(r);
        if (e)
            return e;
        const dj_json_value *value;
        int                  c = peek(r);
        if (c == '{' || c == '[') {
            e = open_bracket(r, name);
            if (e)
                return e;
            skip_blanks(r);
            if (peek(r) != (c == '{' ? '}' : ']'))
                continue;
            value = close_bracket(r, &name);
        } else {
            dj_json_value *scalar = dj_new(r->s, dj_json_value);
            e = read_scalar(r, scalar);
            if (e)
                return e;
            value = scalar;
        }
        e = after_value(r, name, value, &again, root);
        if (e)
            return e;
    }
    return r->pos == r->text.len ? DJ_OK : bad(r, "something behind the value");
}

dj_err dj_json_parse(dj_scope *s, dj_str text, const dj_json_limits *limits,
                     const dj_json_value **out)
{
    if (text.len > limits->bytes)
        return dj_fail(s, DJ_ERR_LIMIT, "JSON: %zu bytes, at most %zu", text.len, limits->bytes);
    if (!dj_utf8_valid(text))
        return dj_fail(s, DJ_ERR_MALFORMED, "JSON: not UTF-8");
    reader               r = {.s = s, .text = text, .limits = limits};
    const dj_json_value *root = NULL;
    dj_err               e = read_all(&r, &root);
    if (!e)
        *out = root;
    return e;
}

const dj_json_value *dj_json_get(const dj_json_value *object, dj_str name)
{
    if (object == NULL || object->kind != DJ_JSON_OBJECT)
        return NULL;
    for (size_t i = object->object.len; i-- > 0;) {
        if (dj_str_eq(object->object.members[i].name, name))
            return object->object.members[i].value;
    }
    return NULL;
}

dj_str dj_json_get_str(const dj_json_value *object, dj_str name)
{
    const dj_json_value *value = dj_json_get(object, name);
    return value != NULL && value->kind == DJ_JSON_STR ? value->text : DJ_NONE;
}
