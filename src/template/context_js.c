/* src/template/context_js.c - follows JavaScript: strings, comments, template literals, and
 * whether a slash divides or begins a regular expression.
 *
 * The last token before a slash decides, as far as that can be known without a parser: behind a
 * name, a number, ")" or "]" it divides. Where that guess is wrong, `if (x) /re/.test(y)`, so is
 * Go's html/template; docs/contextual-escaping.md tells.
 *
 * Must not know: markup, values. Reference: ECMA-262 12, B.1.1 (comments as in HTML). */
#include "template/place.h"

enum { /* seen in ST_JS and its relatives: what the last bytes were */
       JS_NOTHING,
       JS_WORD,     /* a name or number; the name fields: in js_keywords */
       JS_DIGIT,    /* the same, and a digit last */
       JS_PROPERTY, /* a name that is no keyword, whatever it is */
       JS_DOT,
       JS_DOTS,
       JS_PLUS,
       JS_MINUS,
       JS_MINUSES,
       JS_SLASH, /* one that divides, unless "/" or "*" follow */
       JS_LT,    /* "<", "<!", "<!-" */
       JS_LT_BANG,
       JS_LT_BANG_DASH,
       JS_HASH,
       JS_STAR,
       JS_DOLLAR,
       JS_C2, /* the beginnings of blanks and line ends beyond ASCII */
       JS_E1,
       JS_E1_9A,
       JS_E2,
       JS_E2_80,
       JS_E2_81,
       JS_E3,
       JS_E3_80,
       JS_EF,
       JS_EF_BB
};

#define BEFORE_LT 2 /* in js_ctx: what it was in front of a "<" that may begin a comment */
#define LOST      0xff

/* -- blanks beyond ASCII -- */

typedef enum wide { WIDE_NO, WIDE_BEGINS, WIDE_BLANK, WIDE_LINE_END } wide;

/* Is this byte part of a blank that is not ASCII? Moves `seen` along while that may be. */
static wide wide_step(dj_place *p, char c)
{
    static const struct {
        uint8_t seen, byte, next;
    } ways[] = {
        {0, 0xc2, JS_C2},        {0, 0xe1, JS_E1},        {0, 0xe2, JS_E2},
        {0, 0xe3, JS_E3},        {0, 0xef, JS_EF},        {JS_E1, 0x9a, JS_E1_9A},
        {JS_E2, 0x80, JS_E2_80}, {JS_E2, 0x81, JS_E2_81}, {JS_E3, 0x80, JS_E3_80},
        {JS_EF, 0xbb, JS_EF_BB},
    };
    uint8_t byte = (uint8_t)c;
    if (byte < 0x80)
        return WIDE_NO;
    switch (p->seen) {
    case JS_E2_80:
        if (byte == 0xa8 || byte == 0xa9)
            return WIDE_LINE_END;
        if (byte <= 0x8a || byte == 0xaf)
            return WIDE_BLANK;
        break;
    case JS_C2:
        if (byte == 0xa0)
            return WIDE_BLANK;
        break;
    case JS_E1_9A:
    case JS_E3_80:
        if (byte == 0x80)
            return WIDE_BLANK;
        break;
    case JS_E2_81:
        if (byte == 0x9f)
            return WIDE_BLANK;
        break;
    case JS_EF_BB:
        if (byte == 0xbf)
            return WIDE_BLANK;
        break;
    default:
        break;
    }
    for (size_t i = 0; i < DJ_COUNT(ways); i++)
        if (ways[i].byte == byte &&
            (ways[i].seen == p->seen || (byte >= 0xc0 && ways[i].seen == 0))) {
            p->seen = ways[i].next;
            return WIDE_BEGINS;
        }
    return WIDE_NO;
}

/* -- code -- */

static bool is_word_byte(char c)
{
    return dj_is_alpha(c) || dj_is_digit(c) || c == '_' || c == '$' || c == '\\' ||
           (unsigned char)c >= 0x80;
}

static void word_step(dj_place *p, char c)
{
    bool goes_on = p->seen == JS_WORD || p->seen == JS_DIGIT;
    p->flags &= (uint8_t)~FL_LINE_START;
    if (p->seen == JS_PROPERTY || p->seen == JS_DOT || p->seen == JS_HASH || p->seen >= JS_C2 ||
        (unsigned char)c >= 0x80) {
        p->seen = JS_PROPERTY;
        p->js_ctx = SLASH_DIV;
        return;
    }
    if (!goes_on)
        p->name_at = p->name_len = 0;
    dj_name_step(&dj_names_js_keywords, &p->name_at, &p->name_len, c);
    p->js_ctx = dj_name_found(&dj_names_js_keywords, p->name_at, p->name_len) != NULL ? SLASH_REGEXP
                                                                                      : SLASH_DIV;
    p->seen = dj_is_digit(c) ? JS_DIGIT : JS_WORD;
}

static void enter(dj_place *p, uint8_t state)
{
    p->state = state;
    p->seen = JS_NOTHING;
    p->name_at = p->name_len = 0;
    p->flags &= (uint8_t) ~(FL_BACKSLASH | FL_CLASS | FL_FRESH);
}

static void comment(dj_place *p, uint8_t state, uint8_t ctx_before)
{
    enter(p, state);
    p->js_ctx = ctx_before;
}

/* -- the braces of ${...}: the low half of `braces` is one more than those open in the outer one,
 * the high half in one inside it -- */

static void push_template(dj_place *p)
{
    if ((p->braces & 0xf) == 0)
        p->braces = 1;
    else if (p->braces >> 4 == 0)
        p->braces |= 0x10;
    else
        p->braces = LOST;
    enter(p, ST_JS);
    p->js_ctx = SLASH_REGEXP;
}

static void open_brace(dj_place *p)
{
    unsigned step = p->braces >> 4 != 0 ? 0x10 : 1;
    if (p->braces == 0)
        return;
    bool room = step == 0x10 ? p->braces >> 4 < 14 : (p->braces & 0xf) < 14;
    p->braces = room ? (uint8_t)(p->braces + step) : LOST;
}

static void close_brace(dj_place *p)
{
    unsigned step = p->braces >> 4 != 0 ? 0x10 : 1;
    if (p->braces == 0)
        return;
    p->braces = (uint8_t)(p->braces - step);
    if (step == 0x10 ? p->braces >> 4 == 0 : p->braces == 0)
        enter(p, ST_JS_TMPL);
}

static void slash(dj_place *p)
{
    if (p->js_ctx == SLASH_UNKNOWN) {
        *p = (dj_place){.state = ST_ERROR, .seen = ERROR_SLASH};
    } else if (p->seen == JS_SLASH) {
        comment(p, ST_JS_LINE, SLASH_DIV);
    } else if ((p->js_ctx & 1) == SLASH_REGEXP) {
        enter(p, ST_JS_REGEXP);
        p->flags |= FL_FRESH;
    } else {
        p->js_ctx = SLASH_REGEXP;
        p->seen = JS_SLASH;
    }
}

static void sign(dj_place *p, char c)
{
    bool again = c == '+' ? p->seen == JS_PLUS : p->seen == JS_MINUS || p->seen == JS_MINUSES;
    if (p->seen == JS_LT_BANG && c == '-') {
        p->seen = JS_LT_BANG_DASH;
        return;
    }
    if (p->seen == JS_LT_BANG_DASH && c == '-') {
        comment(p, ST_JS_LINE, p->js_ctx >> 1);
        return;
    }
    if (c == '+' || p->seen == JS_MINUSES)
        p->flags &= (uint8_t)~FL_LINE_START;
    p->js_ctx = again && (p->js_ctx & 1) == SLASH_REGEXP ? SLASH_DIV : SLASH_REGEXP;
    p->seen = c == '+' ? JS_PLUS : again ? JS_MINUSES : JS_MINUS;
}

static void dot(dj_place *p)
{
    p->js_ctx = p->seen == JS_DIGIT ? SLASH_DIV : SLASH_REGEXP;
    p->seen = p->seen == JS_DOT || p->seen == JS_DOTS ? JS_DOTS : JS_DOT;
}

static void punctuator(dj_place *p, char c)
{
    uint8_t seen = p->seen;
    p->seen = JS_NOTHING;
    switch (c) {
    case '<':
        p->js_ctx = (uint8_t)(SLASH_REGEXP | (p->js_ctx & 1) << 1);
        p->seen = JS_LT;
        return;
    case '!':
        if (seen == JS_LT) {
            p->seen = JS_LT_BANG;
            return;
        }
        if (seen == JS_HASH) {
            comment(p, ST_JS_LINE, SLASH_REGEXP);
            return;
        }
        break;
    case '#':
        p->seen = JS_HASH;
        break;
    case '*':
        if (seen == JS_SLASH) {
            comment(p, ST_JS_BLOCK, SLASH_DIV);
            return;
        }
        break;
    case ')':
    case ']':
        p->js_ctx = SLASH_DIV;
        return;
    case '{':
        open_brace(p);
        break;
    case '}':
        p->js_ctx = SLASH_REGEXP;
        close_brace(p);
        return;
    case '@':
        p->js_ctx = SLASH_DIV;
        return;
    default:
        break;
    }
    p->js_ctx = SLASH_REGEXP;
}

static void blank(dj_place *p, bool line_end)
{
    p->seen = JS_NOTHING;
    p->js_ctx &= SLASH_DIV | SLASH_UNKNOWN;
    p->name_at = p->name_len = 0;
    if (line_end)
        p->flags |= FL_LINE_START;
}

static void code_step(dj_place *p, char c)
{
    switch (wide_step(p, c)) {
    case WIDE_BEGINS:
        return;
    case WIDE_BLANK:
    case WIDE_LINE_END:
        blank(p, (unsigned char)c == 0xa8 || (unsigned char)c == 0xa9);
        return;
    default:
        break;
    }
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
        blank(p, c == '\n' || c == '\r');
        return;
    }
    if (c == '>' && p->seen == JS_MINUSES && (p->flags & FL_LINE_START) != 0) {
        comment(p, ST_JS_LINE, SLASH_REGEXP);
        return;
    }
    if (is_word_byte(c)) {
        word_step(p, c);
        return;
    }
    if (c == '+' || c == '-') {
        sign(p, c);
        return;
    }
    p->flags &= (uint8_t)~FL_LINE_START;
    if (c == '"' || c == '\'' || c == '`')
        enter(p, c == '"' ? ST_JS_DQ : c == '\'' ? ST_JS_SQ : ST_JS_TMPL);
    else if (c == '/')
        slash(p);
    else if (c == '.')
        dot(p);
    else
        punctuator(p, c);
}

/* -- strings, regular expressions, comments -- */

static void quoted_step(dj_place *p, char c)
{
    char end = p->state == ST_JS_DQ ? '"' : p->state == ST_JS_SQ ? '\'' : '`';
    if ((p->flags & FL_BACKSLASH) != 0) {
        p->flags &= (uint8_t)~FL_BACKSLASH;
        p->seen = JS_NOTHING;
        return;
    }
    if (c == '\\') {
        p->flags |= FL_BACKSLASH;
    } else if (c == end) {
        enter(p, ST_JS);
        p->js_ctx = SLASH_DIV;
        return;
    } else if (p->state == ST_JS_TMPL && c == '{' && p->seen == JS_DOLLAR) {
        push_template(p);
        return;
    }
    p->seen = p->state == ST_JS_TMPL && c == '$' ? JS_DOLLAR : JS_NOTHING;
}

static void regexp_step(dj_place *p, char c)
{
    uint8_t flags = p->flags;
    p->flags &= (uint8_t) ~(FL_FRESH | FL_BACKSLASH);
    if ((flags & FL_FRESH) != 0 && (c == '/' || c == '*')) {
        comment(p, c == '/' ? ST_JS_LINE : ST_JS_BLOCK, SLASH_REGEXP);
    } else if ((flags & FL_BACKSLASH) != 0) {
        return;
    } else if (c == '\\') {
        p->flags |= FL_BACKSLASH;
    } else if (c == '[') {
        p->flags |= FL_CLASS;
    } else if (c == ']') {
        p->flags &= (uint8_t)~FL_CLASS;
    } else if (c == '/' && (flags & FL_CLASS) == 0) {
        enter(p, ST_JS);
        p->js_ctx = SLASH_DIV;
        p->seen = JS_PROPERTY; /* its flags */
    }
}

static void comment_step(dj_place *p, char c)
{
    wide is_wide = wide_step(p, c);
    bool line_end = c == '\n' || c == '\r' || is_wide == WIDE_LINE_END;
    if (line_end)
        p->flags |= FL_LINE_START;
    if (p->state == ST_JS_LINE) {
        if (line_end)
            enter(p, ST_JS);
    } else if (c == '/' && p->seen == JS_STAR) {
        enter(p, ST_JS);
        return;
    }
    if (is_wide != WIDE_BEGINS)
        p->seen = c == '*' && p->state == ST_JS_BLOCK ? JS_STAR : JS_NOTHING;
}

void dj_js_step(dj_place *p, char c)
{
    if (p->braces == LOST)
        return;
    switch (p->state) {
    case ST_JS:
        code_step(p, c);
        break;
    case ST_JS_REGEXP:
        regexp_step(p, c);
        break;
    case ST_JS_BLOCK:
    case ST_JS_LINE:
        comment_step(p, c);
        break;
    default:
        quoted_step(p, c);
    }
}
