/* src/template/context_css.c - follows CSS: strings, url(...), comments.
 *
 * "//" counts as a comment up to the end of the line, as some dialects have it: a value there is
 * not printed.
 *
 * Must not know: markup, values. Reference: CSS Syntax 3, section 4. */
#include "template/place.h"

enum { /* seen in ST_CSS: the end of what was read */
       CSS_NOTHING,
       CSS_NAME,
       CSS_U,
       CSS_UR,
       CSS_URL,       /* the function's name */
       CSS_URL_SPACE, /* and blanks */
       CSS_SLASH,
       CSS_STAR
};
#define HEX_MAX 6 /* digits of an escape */

static void enter(dj_place *p, uint8_t state)
{
    p->state = state;
    p->seen = CSS_NOTHING;
    p->url_part = URL_NONE;
    p->name_at = p->name_len = 0;
    p->flags &= (uint8_t)~FL_BACKSLASH;
}

static bool is_name_byte(char c)
{
    return dj_is_alpha(c) || dj_is_digit(c) || c == '-' || c == '_' || (unsigned char)c >= 0x80;
}

static uint8_t url_word(uint8_t seen, char c)
{
    switch (dj_to_lower(c)) {
    case 'u':
        return seen == CSS_NOTHING || seen >= CSS_URL_SPACE ? CSS_U : CSS_NAME;
    case 'r':
        return seen == CSS_U ? CSS_UR : CSS_NAME;
    case 'l':
        return seen == CSS_UR ? CSS_URL : CSS_NAME;
    default:
        return CSS_NAME;
    }
}

static void code_step(dj_place *p, char c)
{
    uint8_t seen = p->seen;
    if ((p->flags & FL_BACKSLASH) != 0) {
        p->flags &= (uint8_t)~FL_BACKSLASH;
        p->seen = CSS_NAME;
        return;
    }
    p->seen = CSS_NOTHING;
    if (is_name_byte(c))
        p->seen = url_word(seen, c);
    else if (dj_is_html_space(c))
        p->seen = seen == CSS_URL || seen == CSS_URL_SPACE ? CSS_URL_SPACE : CSS_NOTHING;
    else if (c == '(' && (seen == CSS_URL || seen == CSS_URL_SPACE))
        enter(p, ST_CSS_URL_START);
    else if (c == '"' || c == '\'')
        enter(p, c == '"' ? ST_CSS_DQ : ST_CSS_SQ);
    else if (seen == CSS_SLASH && (c == '/' || c == '*'))
        enter(p, c == '/' ? ST_CSS_LINE : ST_CSS_BLOCK);
    else if (c == '/')
        p->seen = CSS_SLASH;
    else if (c == '\\')
        p->flags |= FL_BACKSLASH;
}

/* A character of a string or URL, decoded. */
static void text_char(dj_place *p, char c)
{
    if (c == '?' || c == '#')
        p->url_part = URL_QUERY;
    else if (!dj_is_html_space(c) && p->url_part == URL_NONE)
        p->url_part = URL_PRE_QUERY;
}

/* Behind a backslash; name_len counts hexadecimal digits, name_at is their value or 255. False:
 * the escape was over before `c`. */
static bool escape_step(dj_place *p, char c)
{
    int digit = dj_hex_value(c);
    if (digit >= 0 && p->name_len < HEX_MAX) {
        unsigned value = p->name_at * 16U + (unsigned)digit;
        p->name_at = value > 255 ? 255 : (uint8_t)value;
        p->name_len++;
        return true;
    }
    bool hex = p->name_len > 0;
    text_char(p, hex ? (p->name_at == 255 ? 'x' : (char)p->name_at) : c);
    p->flags &= (uint8_t)~FL_BACKSLASH;
    p->name_at = p->name_len = 0;
    return !hex || dj_is_html_space(c); /* one blank ends the digits */
}

static bool ends(const dj_place *p, char c)
{
    switch (p->state) {
    case ST_CSS_DQ:
    case ST_CSS_DQURL:
        return c == '"';
    case ST_CSS_SQ:
    case ST_CSS_SQURL:
        return c == '\'';
    default:
        return c == ')' || dj_is_html_space(c);
    }
}

static void text_step(dj_place *p, char c)
{
    if ((p->flags & FL_BACKSLASH) != 0 && escape_step(p, c))
        return;
    if (ends(p, c))
        enter(p, ST_CSS);
    else if (c == '\\')
        p->flags |= FL_BACKSLASH;
    else
        text_char(p, c);
}

void dj_css_step(dj_place *p, char c)
{
    switch (p->state) {
    case ST_CSS:
        code_step(p, c);
        break;
    case ST_CSS_URL_START:
        if (dj_is_html_space(c))
            break;
        if (c == '"' || c == '\'') {
            enter(p, c == '"' ? ST_CSS_DQURL : ST_CSS_SQURL);
            break;
        }
        enter(p, ST_CSS_URL);
        text_step(p, c);
        break;
    case ST_CSS_LINE:
        if (c == '\n' || c == '\r' || c == '\f')
            enter(p, ST_CSS);
        break;
    case ST_CSS_BLOCK:
        if (c == '/' && p->seen == CSS_STAR)
            enter(p, ST_CSS);
        else
            p->seen = c == '*' ? CSS_STAR : CSS_NOTHING;
        break;
    default:
        text_step(p, c);
    }
}
