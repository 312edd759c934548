/* src/conf/arith.c - operators and comparisons, with Python's results and 64-bit integers. */
#include "reader.h"
#include <math.h>

static dj_value *undecided(conf_eval *e, uint32_t tok)
{
    return conf_eval_fail(e, "value", tok,
                          DJ_LIT("these values are too large to compare, or not known"), "");
}

/* -- equality and hashing -- */

conf_truth conf_truth_of(const dj_value *v)
{
    return v->kind == DJ_V_UNKNOWN ? CONF_MAYBE : dj_value_truth(v) ? CONF_YES : CONF_NO;
}

bool conf_hashable(const dj_value *v, unsigned depth)
{
    if (v->kind == DJ_V_LIST || v->kind == DJ_V_SET || v->kind == DJ_V_DICT ||
        depth > CONF_DEPTH_MAX)
        return false;
    if (v->kind != DJ_V_TUPLE)
        return true;
    for (size_t i = 0; i < v->seq.len; i++) {
        if (!conf_hashable(v->seq.items[i], depth + 1))
            return false;
    }
    return true;
}

static bool is_number(const dj_value *v)
{
    return v->kind == DJ_V_BOOL || v->kind == DJ_V_INT || v->kind == DJ_V_FLOAT;
}
static bool is_int(const dj_value *v)
{
    return v->kind == DJ_V_BOOL || v->kind == DJ_V_INT;
}
static int64_t int_of(const dj_value *v)
{
    return v->kind == DJ_V_BOOL ? v->boolean : v->integer;
}
static double float_of(const dj_value *v)
{
    return v->kind == DJ_V_FLOAT ? v->number : (double)int_of(v);
}
static long double exact_of(const dj_value *v)
{
    return v->kind == DJ_V_FLOAT ? (long double)v->number : (long double)int_of(v);
}

static conf_truth equal(conf_eval *e, const dj_value *a, const dj_value *b, unsigned depth);

/* Is `v` in the sequence? */
static conf_truth among(conf_eval *e, const dj_value *seq, const dj_value *v, unsigned depth)
{
    conf_truth result = CONF_NO;
    for (size_t i = 0; i < seq->seq.len; i++) {
        conf_truth one = equal(e, seq->seq.items[i], v, depth);
        if (one == CONF_YES)
            return one;
        if (one == CONF_MAYBE)
            result = one;
    }
    return result;
}

static conf_truth equal_items(conf_eval *e, const dj_value *a, const dj_value *b, unsigned depth)
{
    conf_truth result = CONF_YES;
    if (a->seq.len != b->seq.len)
        return CONF_NO;
    for (size_t i = 0; i < a->seq.len; i++) {
        conf_truth one = a->kind == DJ_V_SET ? among(e, b, a->seq.items[i], depth)
                                             : equal(e, a->seq.items[i], b->seq.items[i], depth);
        if (one == CONF_NO)
            return one;
        if (one == CONF_MAYBE)
            result = one;
    }
    return result;
}

static conf_truth equal_dicts(conf_eval *e, const dj_value *a, const dj_value *b, unsigned depth)
{
    conf_truth result = CONF_YES;
    if (a->dict.len != b->dict.len)
        return CONF_NO;
    for (size_t i = 0; i < a->dict.len; i++) {
        conf_truth found = CONF_NO;
        size_t     j = 0;
        for (; j < b->dict.len && found != CONF_YES; j++)
            found = equal(e, a->dict.pairs[i].key, b->dict.pairs[j].key, depth);
        conf_truth one = found == CONF_YES
                             ? equal(e, a->dict.pairs[i].value, b->dict.pairs[j - 1].value, depth)
                             : found;
        if (one == CONF_NO)
            return one;
        if (one == CONF_MAYBE)
            result = one;
    }
    return result;
}

static conf_truth equal(conf_eval *e, const dj_value *a, const dj_value *b, unsigned depth)
{
    if (a->kind == DJ_V_UNKNOWN || b->kind == DJ_V_UNKNOWN || depth > CONF_DEPTH_MAX ||
        ++e->r->steps > CONF_STEPS_MAX)
        return CONF_MAYBE;
    if (is_number(a) && is_number(b))
        return exact_of(a) == exact_of(b) ? CONF_YES : CONF_NO;
    if (a->kind != b->kind)
        return CONF_NO;
    switch (a->kind) {
    case DJ_V_NONE:
        return CONF_YES;
    case DJ_V_STR:
    case DJ_V_PATH:
        return dj_str_eq(a->str, b->str) ? CONF_YES : CONF_NO;
    case DJ_V_LIST:
    case DJ_V_TUPLE:
    case DJ_V_SET:
        return a == b && a->seq.len == 0 ? CONF_YES : equal_items(e, a, b, depth + 1);
    case DJ_V_DICT:
        return equal_dicts(e, a, b, depth + 1);
    default:
        return CONF_NO;
    }
}

conf_truth conf_equal(conf_eval *e, const dj_value *a, const dj_value *b)
{
    return equal(e, a, b, 0);
}

/* Equal values have equal hashes: 1, 1.0 and True, too. */
static uint64_t hash_of(const dj_value *v)
{
    uint64_t h = 1469598103934665603u;
    dj_str   bytes = DJ_NONE;
    int64_t  n = 0;
    double   d;
    switch (v->kind) {
    case DJ_V_BOOL:
    case DJ_V_INT:
        n = int_of(v);
        bytes = dj_str_n((const char *)&n, sizeof(n));
        break;
    case DJ_V_FLOAT:
        d = v->number;
        if (d >= -9.2e18 && d <= 9.2e18 && d == (double)(int64_t)d) {
            n = (int64_t)d;
            bytes = dj_str_n((const char *)&n, sizeof(n));
        } else {
            bytes = dj_str_n((const char *)&v->number, sizeof(v->number));
        }
        break;
    case DJ_V_STR:
    case DJ_V_PATH:
        bytes = v->str;
        break;
    case DJ_V_TUPLE:
        for (size_t i = 0; i < v->seq.len; i++)
            h = (h ^ hash_of(v->seq.items[i])) * 1099511628211u;
        return h;
    default:
        return h;
    }
    for (size_t i = 0; i < bytes.len; i++)
        h = (h ^ (unsigned char)bytes.ptr[i]) * 1099511628211u;
    return h ^ h >> 29;
}

/* Finds the first of keys[0..n) that equals each new one, in expected constant time. */
typedef struct key_table {
    uint32_t *slots; /* index + 1 */
    size_t    mask;
} key_table;

static key_table table_make(conf_eval *e, size_t n)
{
    size_t size = 8;
    while (size < 2 * n)
        size *= 2;
    return (key_table){dj_new_array(e->r->work, uint32_t, size), size - 1};
}

/* Index of an equal key already there, or SIZE_MAX after adding this one as `index`. */
static size_t table_add(conf_eval *e, key_table *t, dj_value *const *keys, size_t stride,
                        const dj_value *key, size_t index)
{
    size_t at = hash_of(key) & t->mask;
    for (; t->slots[at] != 0; at = (at + 1) & t->mask) {
        if (conf_equal(e, keys[(t->slots[at] - 1) * stride], key) == CONF_YES)
            return t->slots[at] - 1;
    }
    t->slots[at] = (uint32_t)index + 1;
    return SIZE_MAX;
}

dj_value *conf_dict_of(conf_eval *e, dj_value_pair *pairs, size_t n, uint32_t tok)
{
    dj_value *v = conf_value_new(e, DJ_V_DICT, tok);
    key_table t = table_make(e, n);
    size_t    room = 1;
    while (room < n) /* a power of two: conf_assign_item counts on it */
        room *= 2;
    if (!conf_charge(e, room * sizeof(*pairs), tok))
        return NULL;
    v->dict.pairs = dj_new_array(e->s, dj_value_pair, room);
    for (size_t i = 0; i < n; i++) {
        size_t same = table_add(e, &t, &v->dict.pairs[0].key, 2, pairs[i].key, v->dict.len);
        if (same == SIZE_MAX)
            v->dict.pairs[v->dict.len++] = pairs[i];
        else
            v->dict.pairs[same].value = pairs[i].value;
        v->flags |= pairs[i].value->flags;
    }
    return e->r->steps > CONF_STEPS_MAX ? undecided(e, tok) : v;
}

dj_value *conf_set_of(conf_eval *e, dj_value **items, size_t n, uint32_t tok)
{
    dj_value *v = conf_value_new(e, DJ_V_SET, tok);
    key_table t = table_make(e, n);
    if (!conf_charge(e, n * sizeof(*items), tok))
        return NULL;
    v->seq.items = dj_new_array(e->s, dj_value *, n);
    for (size_t i = 0; i < n; i++) {
        if (table_add(e, &t, v->seq.items, 1, items[i], v->seq.len) == SIZE_MAX)
            v->seq.items[v->seq.len++] = items[i];
        v->flags |= items[i]->flags;
    }
    return e->r->steps > CONF_STEPS_MAX ? undecided(e, tok) : v;
}

/* -- arithmetic -- */

dj_str conf_types(conf_eval *e, const char *op, const dj_value *a, const dj_value *b)
{
    return dj_strf(e->s, "%s does not work between " DJ_FMT " and " DJ_FMT, op,
                   DJ_ARG(dj_value_type(a)), DJ_ARG(dj_value_type(b)));
}

static dj_value *new_int(conf_eval *e, int64_t n, uint32_t start)
{
    dj_value *v = conf_value_new(e, DJ_V_INT, start);
    v->integer = n;
    return v;
}
static dj_value *new_float(conf_eval *e, double n, uint32_t start)
{
    dj_value *v = conf_value_new(e, DJ_V_FLOAT, start);
    v->number = n;
    return v;
}

static dj_value *overflow(conf_eval *e, const char *op, uint32_t tok)
{
    return conf_eval_fail(e, "overflow", tok,
                          dj_strf(e->s, "the result of %s does not fit into 64 bits", op),
                          "numbers reach from -9223372036854775808 to 9223372036854775807");
}

/* The nearest double of a / b. Up to 2^53 the machine does it; above, the quotient is made with
 * spare bits. */
static double true_divide(int64_t a, int64_t b)
{
    const int64_t exact = (int64_t)1 << 53;
    if (a >= -exact && a <= exact && b >= -exact && b <= exact)
        return (double)a / (double)b;
    unsigned __int128 x = a < 0 ? -(unsigned __int128)a : (unsigned __int128)a;
    unsigned __int128 y = b < 0 ? -(unsigned __int128)b : (unsigned __int128)b;
    int               shift = 0;
    while (x >> 126 == 0 && x != 0) {
        x <<= 1;
        shift++;
    }
    unsigned __int128 q = x / y;
    bool              sticky = x % y != 0;
    while (q >> 62 != 0) {
        sticky = sticky || (q & 1) != 0;
        q >>= 1;
        shift--;
    }
    double result = ldexp((double)((uint64_t)q << 1 | sticky), -shift - 1);
    return (a < 0) != (b < 0) ? -result : result;
}

static dj_value *int_power(conf_eval *e, int64_t base, int64_t exponent, uint32_t start,
                           uint32_t tok)
{
    int64_t result = 1;
    for (int64_t i = 0; i < exponent; i++) {
        if (__builtin_mul_overflow(result, base, &result))
            return overflow(e, "**", tok);
    }
    return new_int(e, result, start);
}

static dj_value *int_binary(conf_eval *e, uint32_t op, int64_t a, int64_t b, uint32_t start,
                            uint32_t tok)
{
    int64_t r = 0;
    switch (op) {
    case OP('+'):
        return __builtin_add_overflow(a, b, &r) ? overflow(e, "+", tok) : new_int(e, r, start);
    case OP('-'):
        return __builtin_sub_overflow(a, b, &r) ? overflow(e, "-", tok) : new_int(e, r, start);
    case OP('*'):
        return __builtin_mul_overflow(a, b, &r) ? overflow(e, "*", tok) : new_int(e, r, start);
    case OP('/'):
        return new_float(e, true_divide(a, b), start);
    case OP2('/', '/'):
        if (a == INT64_MIN && b == -1)
            return overflow(e, "//", tok);
        r = a / b - (a % b != 0 && (a < 0) != (b < 0));
        return new_int(e, r, start);
    default:
        if (b == -1)
            return new_int(e, 0, start);
        r = a % b;
        if (r != 0 && (r < 0) != (b < 0))
            r += b;
        return new_int(e, r, start);
    }
}

/* Python's float // and %: the remainder has the divisor's sign. */
static double float_floor(double a, double b, double *mod)
{
    double m = fmod(a, b), div = (a - m) / b, whole;
    if (m != 0.0) {
        if ((b < 0) != (m < 0)) {
            m += b;
            div -= 1.0;
        }
    } else {
        m = copysign(0.0, b);
    }
    if (div != 0.0) {
        whole = floor(div);
        if (div - whole > 0.5)
            whole += 1.0;
    } else {
        whole = copysign(0.0, a / b);
    }
    *mod = m;
    return whole;
}

static dj_value *float_binary(conf_eval *e, uint32_t op, double a, double b, uint32_t start)
{
    double mod, whole;
    switch (op) {
    case OP('+'):
        return new_float(e, a + b, start);
    case OP('-'):
        return new_float(e, a - b, start);
    case OP('*'):
        return new_float(e, a * b, start);
    case OP('/'):
        return new_float(e, a / b, start);
    default:
        whole = float_floor(a, b, &mod);
        return new_float(e, op == OP('%') ? mod : whole, start);
    }
}

static const char *op_text(uint32_t op)
{
    switch (op) {
    case OP('+'):
        return "+";
    case OP('-'):
        return "-";
    case OP('*'):
        return "*";
    case OP('/'):
        return "/";
    case OP('%'):
        return "%";
    case OP2('/', '/'):
        return "//";
    case OP2('*', '*'):
        return "**";
    case OP2('=', '='):
        return "==";
    case OP2('!', '='):
        return "!=";
    case OP('<'):
        return "<";
    case OP('>'):
        return ">";
    case OP2('<', '='):
        return "<=";
    case OP2('>', '='):
        return ">=";
    case OP2('+', '='):
        return "+=";
    case 'i':
        return "in";
    case 'n':
        return "not in";
    default:
        return "is";
    }
}

static dj_value *numbers(conf_eval *e, uint32_t op, const dj_value *a, const dj_value *b,
                         uint32_t start, uint32_t tok)
{
    bool ints = is_int(a) && is_int(b);
    if (op == OP2('*', '*')) {
        if (!is_int(b) || int_of(b) < 0 || int_of(b) > 64)
            return conf_eval_fail(e, "type", tok, DJ_LIT("** takes whole exponents from 0 to 64"),
                                  "write the number out");
        if (ints)
            return int_power(e, int_of(a), int_of(b), start, tok);
        double r = pow(float_of(a), float_of(b));
        return isinf(r) && !isinf(float_of(a)) ? overflow(e, "**", tok) : new_float(e, r, start);
    }
    bool divides = op == OP('/') || op == OP2('/', '/') || op == OP('%');
    if (divides && float_of(b) == 0.0)
        return conf_eval_fail(e, "value", tok, dj_strf(e->s, "%s by zero", op_text(op)), "");
    return ints ? int_binary(e, op, int_of(a), int_of(b), start, tok)
                : float_binary(e, op, float_of(a), float_of(b), start);
}

static dj_value *concat(conf_eval *e, const dj_value *a, const dj_value *b, uint32_t start,
                        uint32_t tok)
{
    dj_value *v = conf_value_new(e, a->kind, start);
    v->flags = a->flags | b->flags;
    if (a->kind == DJ_V_STR) {
        if (a->str.len + b->str.len > CONF_TEXT_MAX ||
            !conf_charge(e, a->str.len + b->str.len, tok))
            return conf_eval_fail(e, "value", tok, DJ_LIT("the text (+) gets too long"), "");
        v->str = dj_str_cat(e->s, a->str, b->str);
        return v;
    }
    size_t n = a->seq.len + b->seq.len;
    if (!conf_charge(e, n * sizeof(dj_value *), tok))
        return NULL;
    v->seq.items = dj_new_array(e->s, dj_value *, n);
    if (a->seq.len > 0)
        memcpy(v->seq.items, a->seq.items, a->seq.len * sizeof(dj_value *));
    if (b->seq.len > 0)
        memcpy(v->seq.items + a->seq.len, b->seq.items, b->seq.len * sizeof(dj_value *));
    v->seq.len = n;
    return v;
}

dj_value *conf_binary(conf_eval *e, uint32_t op, dj_value *a, dj_value *b, uint32_t start,
                      uint32_t tok)
{
    if (a->kind == DJ_V_UNKNOWN)
        return a;
    if (b->kind == DJ_V_UNKNOWN)
        return b;
    if (is_number(a) && is_number(b))
        return numbers(e, op, a, b, start, tok);
    if (op == OP('+') && a->kind == b->kind &&
        (a->kind == DJ_V_STR || a->kind == DJ_V_LIST || a->kind == DJ_V_TUPLE))
        return concat(e, a, b, start, tok);
    bool paths = (a->kind == DJ_V_PATH && (b->kind == DJ_V_PATH || b->kind == DJ_V_STR)) ||
                 (a->kind == DJ_V_STR && b->kind == DJ_V_PATH);
    if (op == OP('/') && paths) {
        dj_value *v = conf_value_new(e, DJ_V_PATH, start);
        if (!conf_charge(e, 2 * (a->str.len + b->str.len), tok))
            return NULL;
        v->str = conf_path_join(e->s, a->str, b->str);
        v->flags = a->flags | b->flags;
        return v;
    }
    const char *advice = op == OP('%')   ? "join the parts with + and str()"
                         : op == OP('/') ? "a path starts with Path(...)"
                         : op == OP('+') ? "convert with str(), or make both sides lists"
                                         : "";
    return conf_eval_fail(e, "type", tok, conf_types(e, op_text(op), a, b), advice);
}

dj_value *conf_sign(conf_eval *e, uint32_t op, dj_value *a, uint32_t tok)
{
    bool minus = op == OP('-');
    if (a->kind == DJ_V_UNKNOWN)
        return a;
    if (a->kind == DJ_V_FLOAT)
        return new_float(e, minus ? -a->number : a->number, tok);
    if (!is_int(a))
        return conf_eval_fail(e, "type", tok,
                              dj_strf(e->s, "%s does not work on " DJ_FMT, minus ? "-" : "+",
                                      DJ_ARG(dj_value_type(a))),
                              "");
    if (minus && int_of(a) == INT64_MIN)
        return overflow(e, "-", tok);
    return new_int(e, minus ? -int_of(a) : int_of(a), tok);
}

/* -- comparisons -- */

static dj_value *new_bool(conf_eval *e, bool b, uint32_t start)
{
    dj_value *v = conf_value_new(e, DJ_V_BOOL, start);
    v->boolean = b;
    return v;
}

typedef enum order { LESS, SAME, MORE, UNORDERED, NO_ORDER, MAYBE_ORDER } order;

/* The next part of a path in its normal form: its root, then the names. `.` has no parts. */
static bool next_part(dj_str *rest, dj_str *part, bool first)
{
    size_t root = 0, len;
    if (first && dj_str_eq(*rest, DJ_LIT(".")))
        return false;
    while (first && root < rest->len && rest->ptr[root] == '/')
        root++;
    if (rest->len == 0)
        return false;
    len = root > 0 ? root : dj_str_chr(*rest, '/');
    *part = len == DJ_NOT_FOUND ? *rest : dj_str_first(*rest, len);
    *rest = dj_str_from(*rest, part->len + (root == 0 && len != DJ_NOT_FOUND));
    return true;
}

/* pathlib compares part by part, as Python 3.11 does. */
static order compare_paths(dj_str a, dj_str b)
{
    for (bool first = true;; first = false) {
        dj_str x, y;
        bool   has_x = next_part(&a, &x, first), has_y = next_part(&b, &y, first);
        if (!has_x || !has_y)
            return has_x ? MORE : has_y ? LESS : SAME;
        int c = dj_str_cmp(x, y);
        if (c != 0)
            return c < 0 ? LESS : MORE;
    }
}

/* a <=> b, for the kinds that have an order; lists and tuples have been taken apart. */
static order compare(conf_eval *e, const dj_value *a, const dj_value *b)
{
    if (a->kind == DJ_V_UNKNOWN || b->kind == DJ_V_UNKNOWN || ++e->r->steps > CONF_STEPS_MAX)
        return MAYBE_ORDER;
    if (is_number(a) && is_number(b)) {
        long double x = exact_of(a), y = exact_of(b);
        return x < y ? LESS : x > y ? MORE : x == y ? SAME : UNORDERED;
    }
    if (a->kind != b->kind)
        return NO_ORDER;
    if (a->kind == DJ_V_STR) {
        int c = dj_str_cmp(a->str, b->str);
        return c < 0 ? LESS : c > 0 ? MORE : SAME;
    }
    if (a->kind == DJ_V_PATH)
        return compare_paths(a->str, b->str);
    return NO_ORDER;
}

static conf_truth subset(conf_eval *e, const dj_value *a, const dj_value *b, bool proper)
{
    conf_truth result = CONF_YES;
    if (proper && a->seq.len >= b->seq.len)
        return CONF_NO;
    for (size_t i = 0; i < a->seq.len; i++) {
        conf_truth one = among(e, b, a->seq.items[i], 0);
        if (one != CONF_YES)
            result = one == CONF_NO ? CONF_NO : result == CONF_NO ? CONF_NO : CONF_MAYBE;
    }
    return result;
}

/* Lists and tuples of one kind are decided by the first pair of items that differ, or by their
 * lengths: makes *a and *b that pair. False: too much to compare, or not known. */
static bool first_difference(conf_eval *e, const dj_value **a, const dj_value **b, order *by_length)
{
    *by_length = NO_ORDER;
    while ((*a)->kind == (*b)->kind && ((*a)->kind == DJ_V_LIST || (*a)->kind == DJ_V_TUPLE)) {
        size_t     n = (*a)->seq.len < (*b)->seq.len ? (*a)->seq.len : (*b)->seq.len, i = 0;
        conf_truth same = CONF_YES;
        while (i < n && (same = conf_equal(e, (*a)->seq.items[i], (*b)->seq.items[i])) == CONF_YES)
            i++;
        if (same == CONF_MAYBE)
            return false;
        if (i == n) {
            *by_length = (*a)->seq.len < (*b)->seq.len   ? LESS
                         : (*a)->seq.len > (*b)->seq.len ? MORE
                                                         : SAME;
            return true;
        }
        *a = (*a)->seq.items[i];
        *b = (*b)->seq.items[i];
    }
    return true;
}

static dj_value *ordered(conf_eval *e, uint32_t op, const dj_value *a, const dj_value *b,
                         uint32_t start, uint32_t tok)
{
    bool less = op == OP('<') || op == OP2('<', '='),
         or_same = op == OP2('<', '=') || op == OP2('>', '=');
    order by_length;
    if (!first_difference(e, &a, &b, &by_length))
        return undecided(e, tok);
    if (a->kind == DJ_V_SET && b->kind == DJ_V_SET) {
        conf_truth t = less ? subset(e, a, b, !or_same) : subset(e, b, a, !or_same);
        return t == CONF_MAYBE ? undecided(e, tok) : new_bool(e, t == CONF_YES, start);
    }
    order o = by_length != NO_ORDER ? by_length : compare(e, a, b);
    if (o == MAYBE_ORDER)
        return undecided(e, tok);
    if (o == NO_ORDER)
        return conf_eval_fail(e, "type", tok, conf_types(e, op_text(op), a, b), "");
    return new_bool(e, (o == SAME && or_same) || o == (less ? LESS : MORE), start);
}

static dj_value *contains(conf_eval *e, bool want, const dj_value *a, const dj_value *b,
                          uint32_t start, uint32_t tok)
{
    conf_truth found = CONF_NO;
    switch (b->kind) {
    case DJ_V_STR:
        if (a->kind != DJ_V_STR)
            return conf_eval_fail(e, "type", tok, conf_types(e, "in", a, b), "");
        found = a->str.len == 0 || dj_str_has(b->str, a->str) ? CONF_YES : CONF_NO;
        break;
    case DJ_V_SET:
    case DJ_V_DICT:
        if (!conf_hashable(a, 0))
            return conf_eval_fail(
                e, "type", tok,
                dj_strf(e->s, "a " DJ_FMT " is unhashable: it can't be in a set or dict",
                        DJ_ARG(dj_value_type(a))),
                "");
        if (b->kind == DJ_V_SET) {
            found = among(e, b, a, 0);
            break;
        }
        for (size_t i = 0; i < b->dict.len && found != CONF_YES; i++) {
            conf_truth one = conf_equal(e, b->dict.pairs[i].key, a);
            found = one == CONF_NO ? found : one;
        }
        break;
    case DJ_V_LIST:
    case DJ_V_TUPLE:
        found = among(e, b, a, 0);
        break;
    default:
        return conf_eval_fail(e, "type", tok, conf_types(e, want ? "in" : "not in", a, b), "");
    }
    return found == CONF_MAYBE ? undecided(e, tok)
                               : new_bool(e, (found == CONF_YES) == want, start);
}

dj_value *conf_compare(conf_eval *e, uint32_t op, dj_value *a, dj_value *b, uint32_t start,
                       uint32_t tok)
{
    if (a->kind == DJ_V_UNKNOWN)
        return a;
    if (b->kind == DJ_V_UNKNOWN)
        return b;
    if (op == OP2('=', '=') || op == OP2('!', '=')) {
        conf_truth same = conf_equal(e, a, b);
        return same == CONF_MAYBE ? undecided(e, tok)
                                  : new_bool(e, (same == CONF_YES) == (op == OP2('=', '=')), start);
    }
    if (op == 's' || op == 't') {
        bool single = a->kind == DJ_V_NONE || a->kind == DJ_V_BOOL || b->kind == DJ_V_NONE ||
                      b->kind == DJ_V_BOOL;
        bool same = a->kind == b->kind &&
                    (a->kind == DJ_V_NONE || (a->kind == DJ_V_BOOL && a->boolean == b->boolean));
        if (!single)
            return conf_eval_fail(e, "operator", tok,
                                  DJ_LIT("is compares with None, True and False only"), "write ==");
        return new_bool(e, same == (op == 's'), start);
    }
    if (op == 'i' || op == 'n')
        return contains(e, op == 'i', a, b, start, tok);
    return ordered(e, op, a, b, start, tok);
}
