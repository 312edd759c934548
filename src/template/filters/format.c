/* src/template/filters/format.c - stringformat: one value by a format of Python's % operator.
 *
 * The format is the argument with a '%' in front; it may hold more text and more conversions, but
 * there is one value. What Python refuses with ValueError or TypeError prints nothing. */
#include "donjon/unicode.h"
#include "template/filters/filters.h"
#include <math.h>

enum { PRECISION_MAX = 10000 }; /* digits of one number; its own, not the padding */

typedef enum outcome {
    GOOD,
    REFUSED, /* ValueError, TypeError: "" */
    FAILED   /* the rendering ends */
} outcome;

typedef struct formatting {
    dj_run       *run;
    const dj_var *value;
    bool          used; /* the one value was taken */
    dj_buf        out;
    dj_err        error;
} formatting;

/* %[(key)][flags][width][.precision][l]conversion */
typedef struct spec {
    bool    left, plus, blank, alternate, zero;
    int64_t width, precision; /* -1: not given */
    char    conversion;
    bool    by_key;
    dj_var  value; /* of the key */
} spec;

/* A number before padding: sign, "0x", digits. */
typedef struct number_text {
    char   sign; /* or 0 */
    dj_str prefix, digits;
} number_text;

static outcome fail(formatting *f, const char *why)
{
    f->error = dj_fail(dj_run_scope(f->run), DJ_ERR_TEMPLATE, "stringformat: %s", why);
    return FAILED;
}

/* Python asks PyMapping_Check: such values may be left unused. */
static bool is_mapping(const dj_var *v)
{
    return v->kind == DJ_VAR_MAP || v->kind == DJ_VAR_MULTI || v->kind == DJ_VAR_LIST ||
           v->kind == DJ_VAR_ARRAY;
}

static bool read_count(dj_str *rest, int64_t *count)
{
    size_t n = 0;
    while (n < rest->len && dj_is_digit(rest->ptr[n]))
        n++;
    filter_number is = filter_int_of(dj_str_first(*rest, n), count);
    *rest = dj_str_from(*rest, n);
    return is == FILTER_NUMBER;
}

/* "(key)" with parentheses inside in pairs. */
static bool read_key(dj_str *rest, dj_str *key)
{
    size_t depth = 1, n = 1;
    for (; n < rest->len && depth > 0; n++)
        depth += rest->ptr[n] == '(' ? 1 : rest->ptr[n] == ')' ? (size_t)-1 : 0;
    if (depth > 0)
        return false;
    *key = dj_str_n(rest->ptr + 1, n - 2);
    *rest = dj_str_from(*rest, n);
    return true;
}

static void read_flags(dj_str *rest, spec *sp)
{
    for (; rest->len > 0; *rest = dj_str_from(*rest, 1)) {
        switch (rest->ptr[0]) {
        case '-':
            sp->left = true;
            break;
        case '+':
            sp->plus = true;
            break;
        case ' ':
            sp->blank = true;
            break;
        case '#':
            sp->alternate = true;
            break;
        case '0':
            sp->zero = true;
            break;
        default:
            return;
        }
    }
}

/* A width or precision: digits, or '*' for the value itself. */
static outcome read_size(formatting *f, dj_str *rest, int64_t max, int64_t *size)
{
    if (rest->len == 0 || (rest->ptr[0] != '*' && !dj_is_digit(rest->ptr[0])))
        return GOOD;
    if (rest->ptr[0] != '*')
        return read_count(rest, size) && *size <= max ? GOOD : REFUSED;
    bool whole = f->value->kind == DJ_VAR_INT || f->value->kind == DJ_VAR_BOOL;
    *rest = dj_str_from(*rest, 1);
    if (f->used || !whole)
        return REFUSED;
    f->used = true;
    *size = f->value->kind == DJ_VAR_BOOL ? f->value->truth : f->value->number;
    return *size > max || *size < -max - 1 ? fail(f, "the size is too big") : GOOD;
}

/* What "(key)" names in the map. */
static outcome look_up(formatting *f, dj_str key, dj_var *v)
{
    dj_var raw;
    bool   found;
    if (f->value->kind != DJ_VAR_MAP && f->value->kind != DJ_VAR_MULTI)
        return REFUSED;
    f->error = dj_var_get(f->run, f->value, key, &raw, &found);
    if (!f->error && found)
        f->error = dj_var_force(f->run, &raw, v);
    if (f->error)
        return FAILED;
    f->used = true;
    return found ? GOOD : fail(f, "there is no such key");
}

static outcome read_spec(formatting *f, dj_str *rest, spec *sp)
{
    outcome how = GOOD;
    dj_str  key;
    *sp = (spec){.width = -1, .precision = -1};
    if (rest->len > 0 && rest->ptr[0] == '(') {
        sp->by_key = true;
        how = read_key(rest, &key) ? look_up(f, key, &sp->value) : REFUSED;
    }
    read_flags(rest, sp);
    if (how == GOOD)
        how = read_size(f, rest, INT64_MAX, &sp->width);
    if (sp->width < -1) {
        sp->left = true;
        sp->width = sp->width == INT64_MIN ? INT64_MAX : -sp->width;
    }
    if (how == GOOD && rest->len > 0 && rest->ptr[0] == '.') {
        *rest = dj_str_from(*rest, 1);
        sp->precision = 0;
        how = read_size(f, rest, INT32_MAX, &sp->precision);
        if (sp->precision < 0)
            sp->precision = 0;
    }
    if (rest->len > 0 && memchr("hlL", rest->ptr[0], 3) != NULL)
        *rest = dj_str_from(*rest, 1);
    if (how == GOOD && rest->len == 0)
        how = REFUSED;
    if (how != GOOD)
        return how;
    sp->conversion = rest->ptr[0];
    *rest = dj_str_from(*rest, 1);
    return GOOD;
}

/* -- putting out -- */

static void put_text(formatting *f, const spec *sp, dj_str text)
{
    if (sp->precision >= 0)
        text = filter_first(text, (size_t)sp->precision);
    int64_t lack = sp->width < 0 ? 0 : sp->width - (int64_t)filter_len(text);
    if (!sp->left)
        filter_repeat(&f->out, ' ', lack);
    dj_buf_add(&f->out, text);
    if (sp->left)
        filter_repeat(&f->out, ' ', lack);
}

static void put_number(formatting *f, const spec *sp, number_text n)
{
    if (n.sign != '-')
        n.sign = sp->plus ? '+' : sp->blank ? ' ' : '\0';
    int64_t len = (n.sign != '\0') + (int64_t)(n.prefix.len + n.digits.len);
    int64_t lack = sp->width > len ? sp->width - len : 0;
    if (!sp->left && !sp->zero)
        filter_repeat(&f->out, ' ', lack);
    if (n.sign != '\0')
        dj_buf_add_byte(&f->out, n.sign);
    dj_buf_add(&f->out, n.prefix);
    if (!sp->left && sp->zero)
        filter_repeat(&f->out, '0', lack);
    dj_buf_add(&f->out, n.digits);
    if (sp->left)
        filter_repeat(&f->out, ' ', lack);
}

/* -- conversions -- */

static dj_str digits_of(dj_scope *s, uint64_t n, unsigned base, bool upper)
{
    const char *names = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char        digits[64];
    size_t      at = sizeof(digits);
    do {
        digits[--at] = names[n % base];
        n /= base;
    } while (n > 0);
    return dj_str_dup(s, dj_str_n(digits + at, sizeof(digits) - at));
}

static outcome put_whole(formatting *f, const spec *sp, const dj_var *v)
{
    dj_scope   *s = dj_run_scope(f->run);
    number_text n = {.prefix = DJ_LIT("")};
    char        c = sp->conversion;
    unsigned    base = c == 'o' ? 8 : c == 'x' || c == 'X' ? 16 : 10;
    if (v->kind == DJ_VAR_FLOAT && base == 10) {
        if (!isfinite(v->real))
            return isnan(v->real) ? REFUSED : fail(f, "infinity is not a whole number");
        double whole = trunc(v->real); /* all its digits, whatever its size */
        n.sign = whole < 0 ? '-' : '\0';
        n.digits = dj_strf(s, "%.0f", fabs(whole));
    } else if (v->kind == DJ_VAR_INT || v->kind == DJ_VAR_BOOL) {
        int64_t whole = v->kind == DJ_VAR_BOOL ? v->truth : v->number;
        n.sign = whole < 0 ? '-' : '\0';
        n.digits = digits_of(s, whole < 0 ? 0 - (uint64_t)whole : (uint64_t)whole, base, c == 'X');
    } else {
        return REFUSED;
    }
    if (sp->alternate && base != 10)
        n.prefix = c == 'o' ? DJ_LIT("0o") : c == 'x' ? DJ_LIT("0x") : DJ_LIT("0X");
    if (sp->precision > PRECISION_MAX)
        return fail(f, "too many digits");
    if (sp->precision > (int64_t)n.digits.len) {
        dj_buf longer = dj_buf_make(s, PRECISION_MAX);
        filter_repeat(&longer, '0', sp->precision - (int64_t)n.digits.len);
        dj_buf_add(&longer, n.digits);
        n.digits = dj_buf_str(&longer);
    }
    put_number(f, sp, n);
    return GOOD;
}

static dj_str float_digits(dj_scope *s, char conversion, bool alternate, int precision, double d)
{
    switch (conversion) {
    case 'e':
        return alternate ? dj_strf(s, "%#.*e", precision, d) : dj_strf(s, "%.*e", precision, d);
    case 'E':
        return alternate ? dj_strf(s, "%#.*E", precision, d) : dj_strf(s, "%.*E", precision, d);
    case 'g':
        return alternate ? dj_strf(s, "%#.*g", precision, d) : dj_strf(s, "%.*g", precision, d);
    case 'G':
        return alternate ? dj_strf(s, "%#.*G", precision, d) : dj_strf(s, "%.*G", precision, d);
    case 'F':
        return alternate ? dj_strf(s, "%#.*F", precision, d) : dj_strf(s, "%.*F", precision, d);
    default:
        return alternate ? dj_strf(s, "%#.*f", precision, d) : dj_strf(s, "%.*f", precision, d);
    }
}

static outcome put_float(formatting *f, const spec *sp, const dj_var *v)
{
    double d;
    if (v->kind == DJ_VAR_STR || filter_float(f->run, v, &d) != FILTER_NUMBER)
        return REFUSED;
    if (sp->precision > PRECISION_MAX)
        return fail(f, "too many digits");
    number_text n = {.sign = signbit(d) && !isnan(d) ? '-' : '\0', .prefix = DJ_LIT("")};
    n.digits = float_digits(dj_run_scope(f->run), sp->conversion, sp->alternate,
                            sp->precision < 0 ? 6 : (int)sp->precision, isnan(d) ? d : fabs(d));
    put_number(f, sp, n);
    return GOOD;
}

static outcome put_character(formatting *f, const spec *sp, const dj_var *v)
{
    spec bare = *sp;
    bare.precision = -1;
    if (v->kind == DJ_VAR_STR && filter_len(v->text) == 1) {
        put_text(f, &bare, v->text);
        return GOOD;
    }
    if (v->kind != DJ_VAR_INT && v->kind != DJ_VAR_BOOL)
        return REFUSED;
    int64_t cp = v->kind == DJ_VAR_BOOL ? v->truth : v->number;
    if (cp < 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        return fail(f, "there is no such character");
    char bytes[4];
    put_text(f, &bare, dj_str_n(bytes, dj_utf8_put(bytes, (uint32_t)cp)));
    return GOOD;
}

/* repr() or ascii() */
static outcome put_repr(formatting *f, const spec *sp, const dj_var *v)
{
    dj_buf b = filter_buf(f->run);
    dj_var_repr(f->run, &b, v);
    dj_str text = dj_buf_str(&b);
    if (sp->conversion == 'a') {
        dj_buf ascii = filter_buf(f->run);
        for (size_t pos = 0; pos < text.len;) {
            int32_t cp = dj_utf8_next(text, &pos);
            if (cp >= 0 && cp < 0x80)
                dj_buf_add_byte(&ascii, (char)cp);
            else
                dj_buf_addf(&ascii,
                            cp < 0x100     ? "\\x%02x"
                            : cp < 0x10000 ? "\\u%04x"
                                           : "\\U%08x",
                            cp < 0 ? 0xFFFDu : (unsigned)cp);
        }
        text = dj_buf_str(&ascii);
    }
    put_text(f, sp, text);
    return GOOD;
}

static outcome convert(formatting *f, const spec *sp)
{
    dj_var v = sp->by_key ? sp->value : *f->value;
    dj_str text;
    if (!sp->by_key && f->used)
        return REFUSED; /* there is but one value */
    f->used = true;
    if (sp->conversion == '\0' || strchr("diuoxXeEfFgGcrsa", sp->conversion) == NULL)
        return REFUSED;
    switch (sp->conversion) {
    case 's':
        f->error = dj_var_plain(f->run, &v, &text);
        if (f->error)
            return FAILED;
        put_text(f, sp, text);
        return GOOD;
    case 'r':
    case 'a':
        return put_repr(f, sp, &v);
    case 'c':
        return put_character(f, sp, &v);
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X':
        return put_whole(f, sp, &v);
    default:
        return put_float(f, sp, &v);
    }
}

FILTER(filter_stringformat)
{
    formatting f = {.run = run, .value = in, .out = filter_buf(run)};
    outcome    how = GOOD;
    dj_str     rest;
    f.error = dj_var_plain(run, arg, &rest);
    if (f.error)
        return f.error;
    for (bool more = true; more && how == GOOD && !f.out.full;) {
        if (dj_str_starts(rest, DJ_LIT("%"))) {
            dj_buf_add_byte(&f.out, '%');
            rest = dj_str_from(rest, 1);
        } else {
            spec sp;
            how = read_spec(&f, &rest, &sp);
            if (how == GOOD)
                how = convert(&f, &sp);
        }
        size_t percent = dj_str_chr(rest, '%');
        more = percent != DJ_NOT_FOUND;
        dj_buf_add(&f.out, dj_str_first(rest, percent));
        rest = dj_str_from(rest, more ? percent + 1 : rest.len);
    }
    if (how == FAILED)
        return f.error;
    if (how == GOOD && !f.used && !is_mapping(in))
        how = REFUSED; /* a value that no conversion took */
    if (how == GOOD)
        return filter_done(run, &f.out, DJ_UNSAFE, out);
    *out = dj_var_made(DJ_LIT(""), DJ_UNSAFE);
    return DJ_OK;
}
