/* src/conf/literal.c - the values of string and number tokens, as Python reads them. */
#include "reader.h"

static bool fault_at(literal_fault *f, const char *code, size_t offset, dj_str message,
                     const char *advice)
{
    *f = (literal_fault){
        .code = code, .offset = (uint32_t)offset, .message = message, .advice = advice};
    return false;
}

static bool put_code_point(dj_scope *s, dj_buf *out, uint32_t cp, dj_str spelling, size_t offset,
                           literal_fault *f)
{
    char bytes[4];
    if (cp == 0)
        return fault_at(f, "escape", offset,
                        dj_strf(s, "\"" DJ_FMT "\" is a NUL", DJ_ARG(spelling)),
                        "a text can't hold a NUL character");
    if (cp >= 0xD800 && cp <= 0xDFFF)
        return fault_at(f, "escape", offset,
                        dj_strf(s, "\"" DJ_FMT "\" is half a character", DJ_ARG(spelling)),
                        "write the character itself, or \\U with eight digits");
    if (cp > 0x10FFFF)
        return fault_at(f, "escape", offset,
                        dj_strf(s, "\"" DJ_FMT "\" is beyond Unicode", DJ_ARG(spelling)),
                        "write the character itself");
    dj_buf_add(out, dj_str_n(bytes, dj_utf8_put(bytes, cp)));
    return true;
}

/* One escape; *pos is behind the backslash. */
static bool escape(dj_scope *s, dj_str text, size_t base, size_t *pos, dj_buf *out,
                   literal_fault *f)
{
    static const char plain[][2] = {{'\\', '\\'}, {'\'', '\''}, {'"', '"'},  {'a', '\a'},
                                    {'b', '\b'},  {'f', '\f'},  {'n', '\n'}, {'r', '\r'},
                                    {'t', '\t'},  {'v', '\v'}};
    size_t            at = *pos - 1;
    char              c = text.ptr[*pos];
    for (size_t i = 0; i < DJ_COUNT(plain); i++) {
        if (c == plain[i][0]) {
            dj_buf_add_byte(out, plain[i][1]);
            ++*pos;
            return true;
        }
    }
    if (c == '\n') {
        ++*pos;
        return true;
    }
    if (c >= '0' && c <= '7') {
        uint32_t cp = 0;
        for (int i = 0; i < 3 && *pos < text.len && text.ptr[*pos] >= '0' && text.ptr[*pos] <= '7';
             i++, ++*pos)
            cp = cp * 8 + (uint32_t)(text.ptr[*pos] - '0');
        return put_code_point(s, out, cp, dj_str_n(text.ptr + at, *pos - at), base + at, f);
    }
    if (c == 'x' || c == 'u' || c == 'U') {
        size_t   wanted = c == 'x' ? 2 : c == 'u' ? 4 : 8, got = 0;
        uint32_t cp = 0;
        ++*pos;
        while (got < wanted && *pos < text.len && dj_hex_value(text.ptr[*pos]) >= 0) {
            cp = cp << 4 | (uint32_t)dj_hex_value(text.ptr[*pos]);
            ++*pos;
            got++;
        }
        if (got < wanted)
            return fault_at(
                f, "escape", base + at,
                dj_strf(s, "\"\\%c\" needs %zu hexadecimal digits", c, wanted),
                "write the character itself; for a plain backslash write \\\\ or r'...'");
        return put_code_point(s, out, cp, dj_str_n(text.ptr + at, *pos - at), base + at, f);
    }
    if (c == 'N')
        return fault_at(f, "escape", base + at,
                        DJ_LIT("\"\\N{...}\" is not read in a settings file"),
                        "write the character itself");
    dj_buf_add_byte(out,
                    '\\'); /* unknown: the backslash stays, and the character is read as usual */
    return true;
}

bool conf_read_string(dj_scope *s, const conf_source *src, const token *t, dj_buf *out,
                      literal_fault *fault)
{
    dj_str text = token_text(src, t);
    size_t pos = 0;
    bool   raw = false;
    for (; text.ptr[pos] != '\'' && text.ptr[pos] != '"'; pos++) {
        char c = dj_to_lower(text.ptr[pos]);
        raw = raw || c == 'r';
        if (c != 'f' && c != 'b')
            continue;
        size_t quotes = pos;
        while (text.ptr[quotes] != '\'' && text.ptr[quotes] != '"')
            quotes++;
        char   q = text.ptr[quotes];
        size_t n = quotes + 6 <= text.len && text.ptr[quotes + 1] == q && text.ptr[quotes + 2] == q
                       ? 3
                       : 1;
        dj_str shown = dj_str_first(text, quotes + n);
        if (c == 'f')
            return fault_at(
                fault, "f-string", t->start,
                dj_strf(s, "f-strings (" DJ_FMT ") are not read in a settings file", DJ_ARG(shown)),
                "join the parts with + and str()");
        return fault_at(
            fault, "bytes", t->start,
            dj_strf(s, "bytes (" DJ_FMT ") are not read in a settings file", DJ_ARG(shown)),
            "write text: leave the b away");
    }
    char   quote = text.ptr[pos];
    size_t quotes =
        text.len - pos >= 6 && text.ptr[pos + 1] == quote && text.ptr[pos + 2] == quote ? 3 : 1;
    pos += quotes;
    text = dj_str_first(text, text.len - quotes);
    while (pos < text.len) {
        char c = text.ptr[pos++];
        if (c != '\\' || raw || pos >= text.len)
            dj_buf_add_byte(out, c);
        else if (!escape(s, text, t->start, &pos, out, fault))
            return false;
    }
    return true;
}

/* Digits with single underscores between them. */
static bool digits_ok(dj_str s, unsigned base)
{
    bool after_digit = false;
    for (size_t i = 0; i < s.len; i++) {
        int v = dj_hex_value(s.ptr[i]);
        if (s.ptr[i] == '_') {
            if (!after_digit)
                return false;
            after_digit = false;
        } else if (v >= 0 && (unsigned)v < base) {
            after_digit = true;
        } else {
            return false;
        }
    }
    return after_digit;
}

static bool read_float(dj_scope *s, dj_str text, double *out)
{
    dj_buf b = dj_buf_make(s, text.len + 1);
    size_t pos = 0, whole = 0;
    while (pos < text.len && (dj_is_digit(text.ptr[pos]) || text.ptr[pos] == '_'))
        pos++;
    whole = pos;
    if (whole > 0 && !digits_ok(dj_str_first(text, whole), 10))
        return false;
    if (pos < text.len && text.ptr[pos] == '.') {
        size_t from = ++pos;
        while (pos < text.len && (dj_is_digit(text.ptr[pos]) || text.ptr[pos] == '_'))
            pos++;
        if (pos > from && !digits_ok(dj_str_n(text.ptr + from, pos - from), 10))
            return false;
        if (pos == from && whole == 0)
            return false;
    }
    if (pos < text.len && dj_to_lower(text.ptr[pos]) == 'e') {
        pos++;
        if (pos < text.len && (text.ptr[pos] == '+' || text.ptr[pos] == '-'))
            pos++;
        if (!digits_ok(dj_str_from(text, pos), 10))
            return false;
        pos = text.len;
    }
    if (pos != text.len)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '_')
            dj_buf_add_byte(&b, text.ptr[i]);
    }
    dj_buf_add_byte(&b, '\0');
    *out = strtod(b.ptr, NULL); /* LC_NUMERIC is "C": nothing in Donjon sets another locale */
    return true;
}

bool conf_read_number(dj_scope *s, const conf_source *src, const token *t, dj_value *out,
                      literal_fault *fault)
{
    dj_str   text = token_text(src, t), digits = text;
    unsigned base = 10;
    if (text.len > 1 && text.ptr[0] == '0') {
        char c = dj_to_lower(text.ptr[1]);
        base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
        if (base != 10) {
            digits = dj_str_from(text, 2);
            if (digits.len > 1 && digits.ptr[0] == '_')
                digits = dj_str_from(digits, 1);
        }
    }
    dj_str shown = conf_show(src, t);
    if (!digits_ok(digits, base)) {
        if (base == 10 && read_float(s, text, &out->number)) {
            out->kind = DJ_V_FLOAT;
            return true;
        }
        return fault_at(
            fault, "number", t->start, dj_strf(s, "\"" DJ_FMT "\" is not a number", DJ_ARG(shown)),
            "write digits, with single _ between them if you like; text stands in quotes");
    }
    bool     zeros = true;
    uint64_t n = 0;
    bool     over = false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] == '_')
            continue;
        uint64_t v = (uint64_t)dj_hex_value(digits.ptr[i]);
        zeros = zeros && v == 0;
        over = over || n > (INT64_MAX - v) / base;
        n = over ? 0 : n * base + v;
    }
    if (base == 10 && digits.ptr[0] == '0' && !zeros) {
        return fault_at(fault, "number", t->start,
                        dj_strf(s, "\"" DJ_FMT "\" starts with a zero", DJ_ARG(shown)),
                        "octal numbers are written 0o644, decimal ones without the zero in front");
    }
    if (over)
        return fault_at(fault, "overflow", t->start,
                        dj_strf(s, "\"" DJ_FMT "\" does not fit into 64 bits", DJ_ARG(shown)),
                        "numbers reach from -9223372036854775808 to 9223372036854775807");
    out->kind = DJ_V_INT;
    out->integer = (int64_t)n;
    return true;
}
