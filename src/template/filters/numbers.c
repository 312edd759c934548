/* src/template/filters/numbers.c - floatformat and filesizeformat.
 *
 * floatformat calculates in decimal digits, as Django does with Python's Decimal: 0.125 is a tie
 * and goes up, though no double is exactly 0.035. */
#include "donjon/unicode.h"
#include "template/filters/filters.h"

/* digits * 10^exponent */
typedef struct decimal {
    bool    minus;
    dj_str  digits; /* without leading zeros; "0" for zero */
    int64_t exponent;
} decimal;

enum {
    DIGITS_MAX = 200
}; /* with more than these, or zeros to print, Django leaves the number alone */

/* Decimal(text): no Infinity, no NaN; those have no digits. */
static bool read_decimal(dj_scope *s, dj_str text, decimal *d)
{
    dj_buf  digits = dj_buf_make(s, text.len + 1);
    int64_t point = 0, exponent = 0;
    size_t  i = 0, first = 0;
    bool    some = false, behind_point = false;
    text = dj_str_replace(s, dj_utf8_strip(text), DJ_LIT("_"), DJ_LIT(""));
    d->minus = text.len > 0 && text.ptr[0] == '-';
    if (d->minus || (text.len > 0 && text.ptr[0] == '+'))
        i++;
    for (; i < text.len && (dj_is_digit(text.ptr[i]) || (text.ptr[i] == '.' && !behind_point));
         i++) {
        if (text.ptr[i] == '.') {
            behind_point = true;
            continue;
        }
        some = true;
        point += behind_point;
        dj_buf_add_byte(&digits, text.ptr[i]);
    }
    if (!some)
        return false;
    if (i < text.len) {
        dj_str rest = dj_str_from(text, i + 1);
        size_t sign = rest.len > 0 && (rest.ptr[0] == '+' || rest.ptr[0] == '-');
        if (dj_to_lower(text.ptr[i]) != 'e' || rest.len == sign || !dj_is_digit(rest.ptr[sign]))
            return false;
        filter_number is = filter_int_of(rest, &exponent);
        if (is == FILTER_VALUE_ERROR)
            return false;
        if (exponent > INT32_MAX || exponent < INT32_MIN)
            exponent = exponent > 0 ? INT32_MAX : INT32_MIN; /* too many for us in any case */
    }
    d->exponent = exponent - point;
    d->digits = dj_buf_str(&digits);
    while (first + 1 < d->digits.len && d->digits.ptr[first] == '0')
        first++;
    d->digits = dj_str_from(d->digits, first);
    return true;
}

static bool is_zero(dj_str digits)
{
    return dj_str_eq(digits, DJ_LIT("0"));
}

static bool is_integral(const decimal *d)
{
    for (int64_t i = d->exponent; i < 0; i++) {
        int64_t at = (int64_t)d->digits.len - 1 - (i - d->exponent);
        if (at >= 0 && d->digits.ptr[at] != '0')
            return false;
    }
    return true;
}

/* The digits of d * 10^places, rounded half up; zeros may lead. */
static void add_rounded(const decimal *d, int64_t places, dj_buf *b)
{
    int64_t keep = (int64_t)d->digits.len + d->exponent + places;
    size_t  kept = keep < 0 ? 0 : keep < (int64_t)d->digits.len ? (size_t)keep : d->digits.len;
    size_t  from = b->len;
    dj_buf_add_byte(b, '0'); /* for a carry */
    dj_buf_add(b, dj_str_first(d->digits, kept));
    filter_repeat(b, '0', keep - (int64_t)kept);
    if (keep < 0 || kept == d->digits.len || d->digits.ptr[kept] < '5')
        return;
    for (size_t i = b->len; i-- > from;) {
        if (b->ptr[i] < '9') {
            b->ptr[i]++;
            return;
        }
        b->ptr[i] = '0';
    }
}

/* "-1,234.50" from the digits of it times 10^places. */
static dj_err put_decimal(dj_run *run, bool minus, dj_str digits, int64_t places, bool grouped,
                          dj_var *out)
{
    dj_buf b = filter_buf(run);
    size_t whole = digits.len > (uint64_t)places ? digits.len - (size_t)places : 0, zeros = 0;
    bool   zero = true;
    for (size_t i = 0; i < digits.len; i++)
        zero = zero && digits.ptr[i] == '0';
    while (zeros + 1 < whole && digits.ptr[zeros] == '0')
        zeros++;
    if (minus && !zero)
        dj_buf_add_byte(&b, '-');
    if (whole == 0)
        dj_buf_add_byte(&b, '0');
    for (size_t i = zeros; i < whole; i++) {
        dj_buf_add_byte(&b, digits.ptr[i]);
        if (grouped && i + 1 < whole && (whole - i - 1) % 3 == 0)
            dj_buf_add_byte(&b, ',');
    }
    if (places > 0) {
        dj_buf_add_byte(&b, '.');
        filter_repeat(&b, '0', places - (int64_t)(digits.len - whole));
        dj_buf_add(&b, dj_str_from(digits, whole));
    }
    return filter_done(run, &b, DJ_SAFE_HTML, out);
}

/* "2g": places, and what follows them. *valid false: the places are no number. */
static dj_err read_places(dj_run *run, const dj_var *arg, int64_t *places, bool *grouped,
                          bool *valid)
{
    bool plain = false;
    *grouped = false;
    *valid = true;
    *places = -1;
    if (arg == NULL)
        return DJ_OK;
    dj_var left = *arg;
    if (left.kind == DJ_VAR_STR) {
        size_t marks = 0;
        if (left.text.len == 0)
            return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "floatformat: an empty argument");
        if (dj_str_ends(left.text, DJ_LIT("gu")) || dj_str_ends(left.text, DJ_LIT("ug")))
            marks = 2;
        else if (dj_str_ends(left.text, DJ_LIT("g")) || dj_str_ends(left.text, DJ_LIT("u")))
            marks = 1;
        dj_str tail = dj_str_from(left.text, left.text.len - marks);
        *grouped = dj_str_chr(tail, 'g') != DJ_NOT_FOUND;
        plain = dj_str_chr(tail, 'u') != DJ_NOT_FOUND; /* not of the locale: it has no groups */
        left.text = dj_str_first(left.text, left.text.len - marks);
        if (left.text.len == 0)
            left = dj_var_int(-1);
    }
    *grouped = *grouped && !plain;
    filter_number is = filter_int(run, &left, places);
    if (is == FILTER_TYPE_ERROR)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "floatformat wants a number of places");
    *valid = is != FILTER_VALUE_ERROR;
    return DJ_OK;
}

FILTER(filter_floatformat)
{
    dj_str  text;
    decimal d;
    int64_t places;
    bool    grouped, valid;
    dj_err  e = read_places(run, arg, &places, &grouped, &valid);
    if (!e)
        e = dj_var_plain(run, in, &text);
    if (e)
        return e;
    *out = dj_var_made(text, dj_var_is_safe(in) ? DJ_SAFE_HTML : DJ_UNSAFE);
    if (in->kind == DJ_VAR_BOOL) {
        d = (decimal){.digits = in->truth ? DJ_LIT("10") : DJ_LIT("0"), .exponent = -1};
    } else if (!read_decimal(dj_run_scope(run), text, &d)) {
        double number; /* infinite or none at all: shown as it is */
        if (filter_float(run, in, &number) != FILTER_NUMBER)
            *out = dj_var_made(DJ_LIT(""), DJ_UNSAFE);
        return DJ_OK;
    }
    uint64_t size = d.digits.len + (uint64_t)(d.exponent < 0 ? -d.exponent : d.exponent);
    if (!valid || size > DIGITS_MAX)
        return DJ_OK;
    if (places <= 0 && is_integral(&d))
        places = 0;
    else if (places < 0)
        places = places == INT64_MIN ? INT64_MAX : -places;
    dj_buf digits = filter_buf(run);
    if ((uint64_t)places > digits.max)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "floatformat: too many places");
    add_rounded(&d, places, &digits);
    return put_decimal(run, d.minus && !is_zero(d.digits), dj_buf_str(&digits), places, grouped,
                       out);
}

FILTER(filter_filesizeformat)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB", "PB"};
    int64_t                  size = 0;
    filter_number            is = filter_int(run, in, &size);
    dj_buf                   b = filter_buf(run);
    if (is == FILTER_VALUE_ERROR || is == FILTER_TYPE_ERROR)
        size = 0;
    uint64_t bytes = size < 0 ? 0 - (uint64_t)size : (uint64_t)size;
    if (size < 0)
        dj_buf_add_byte(&b, '-');
    if (bytes < 1024) {
        dj_buf_addf(&b, "%u\u00a0%s", (unsigned)bytes, bytes == 1 ? "byte" : "bytes");
        return filter_done(run, &b, DJ_UNSAFE, out);
    }
    size_t   unit = 0;
    uint64_t one = 1024;
    while (unit + 1 < DJ_COUNT(units) && bytes >= one * 1024) {
        one *= 1024;
        unit++;
    }
    dj_buf_addf(&b, "%.1f\u00a0%s", (double)bytes / (double)one, units[unit]);
    return filter_done(run, &b, DJ_UNSAFE, out);
}
