/* src/template/context_html.c - follows a page through its markup: text, tags, attributes, and
 * where a script, a style sheet or a URL begins and ends inside.
 *
 * Reads HTML as browsers do where a value could come to stand, and never changes a byte of it.
 * Inside values and bodies a machine of its own goes on: context_js.c, context_css.c,
 * context_url.c.
 *
 * Must not know: values, escapers. Reference: HTML (WHATWG) 13.2.5; Go html/template. */
#include "template/place.h"

static void error(dj_place *p)
{
    *p = (dj_place){.state = ST_ERROR};
}

static void text(dj_place *p)
{
    uint8_t keep = p->flags & FL_SCRIPT_TEXT;
    *p = (dj_place){.flags = keep, .close = keep != 0 ? p->close : 0};
}

/* -- inner machines -- */

static void inner_step(dj_place *p, char c)
{
    if (p->state >= ST_CSS && p->state < ST_ERROR)
        dj_css_step(p, c);
    else if (p->state >= ST_JS && p->state < ST_CSS)
        dj_js_step(p, c);
    else if (p->state == ST_URL)
        dj_url_step(p, c);
    else if (p->state == ST_META)
        dj_meta_step(p, c);
    else if (p->state == ST_SRCDOC)
        dj_srcdoc_step(p, c);
    else if (p->state == ST_TYPE)
        dj_type_step(p, c);
}

static void enter(dj_place *p, uint8_t state)
{
    p->state = state;
    p->seen = p->name_at = p->name_len = p->url_part = p->braces = 0;
    p->js_ctx = SLASH_REGEXP;
    p->flags = (uint8_t)((p->flags & (FL_END_TAG | FL_SCRIPT_TEXT)) |
                         (state == ST_JS ? FL_LINE_START : 0));
    p->ref = 0;
}

void dj_place_enter_value(dj_place *p, uint8_t delim)
{
    static const uint8_t states[] = {
        [AT_PLAIN] = ST_ATTR, [AT_UNSAFE] = ST_ATTR,   [AT_URL] = ST_URL,
        [AT_STYLE] = ST_CSS,  [AT_EVENT] = ST_JS,      [AT_SRCSET] = ST_SRCSET,
        [AT_TYPE] = ST_TYPE,  [AT_SRCDOC] = ST_SRCDOC, [AT_CONTENT] = ST_META,
    };
    enter(p, states[p->attr]);
    p->delim = delim;
}

static void enter_body(dj_place *p)
{
    uint8_t element = p->element;
    bool    nested = (p->flags & FL_SCRIPT_TEXT) != 0;
    text(p);
    switch (element) {
    case EL_SCRIPT:
    case EL_SCRIPT_JS:
    case EL_STYLE:
        if (nested) { /* a script in a script: no parser reads it as one */
            p->state = ST_ERROR;
            return;
        }
        enter(p, element == EL_STYLE ? ST_CSS : ST_JS);
        break;
    case EL_SCRIPT_TEXT:
        p->flags = FL_SCRIPT_TEXT;
        return;
    case EL_TEXTAREA:
    case EL_TITLE:
        if (nested)
            return;
        enter(p, ST_RCDATA);
        break;
    default:
        return;
    }
    p->element = element;
}

/* -- the end of a body: </script>, and HTML's "escaped" scripts. `close` counts what was read -- */

enum {
    CLOSE_NOTHING,
    CLOSE_LT,
    CLOSE_SLASH,     /* "</"; + n: and n letters of the name */
    CLOSE_BANG = 32, /* "<!" */
    CLOSE_BANG_DASH, /* "<!-" */
    CLOSE_DASH,      /* "-" */
    CLOSE_DASHES,    /* "--" */
    CLOSE_INNER = 48 /* "<"; + n: and n letters of "script" */
};

static const char *body_name(const dj_place *p)
{
    if ((p->flags & FL_SCRIPT_TEXT) != 0)
        return "script";
    switch (p->element) {
    case EL_STYLE:
        return "style";
    case EL_TEXTAREA:
        return "textarea";
    case EL_TITLE:
        return "title";
    default:
        return "script";
    }
}

static bool in_body(const dj_place *p)
{
    return (p->flags & FL_SCRIPT_TEXT) != 0 ||
           (p->delim == DELIM_NONE && p->state >= ST_RCDATA && p->state < ST_ERROR);
}

static bool is_script_body(const dj_place *p)
{
    return p->element == EL_SCRIPT || p->element == EL_SCRIPT_JS ||
           (p->flags & FL_SCRIPT_TEXT) != 0;
}

static bool ends_name(char c)
{
    return dj_is_html_space(c) || c == '/' || c == '>';
}

/* Does the body end with this byte, the one behind "</name"? */
static bool close_step(dj_place *p, char c)
{
    const char *name = body_name(p);
    uint8_t     have = p->close;
    size_t      letters = have >= CLOSE_INNER   ? have - (size_t)CLOSE_INNER
                          : have >= CLOSE_BANG  ? 0
                          : have >= CLOSE_SLASH ? have - (size_t)CLOSE_SLASH
                                                : 0;
    p->close = CLOSE_NOTHING;
    if (c == '<') {
        p->close = CLOSE_LT;
    } else if (have == CLOSE_LT && c == '/') {
        p->close = CLOSE_SLASH;
    } else if (have == CLOSE_LT && c == '!' && is_script_body(p)) {
        p->close = CLOSE_BANG;
    } else if (have == CLOSE_BANG && c == '-') {
        p->close = CLOSE_BANG_DASH;
    } else if (have == CLOSE_BANG_DASH && c == '-') {
        p->flags |= FL_SCRIPT_COMMENT;
        p->close = CLOSE_DASHES;
    } else if (c == '-' && (p->flags & FL_SCRIPT_COMMENT) != 0) {
        p->close = have == CLOSE_DASH || have == CLOSE_DASHES ? CLOSE_DASHES : CLOSE_DASH;
    } else if (have == CLOSE_DASHES && c == '>') {
        p->flags &= (uint8_t) ~(FL_SCRIPT_COMMENT | FL_SCRIPT_INNER);
    } else if ((have == CLOSE_LT || have >= CLOSE_INNER) && dj_to_lower(c) == name[letters] &&
               name[letters] != '\0' && (p->flags & FL_SCRIPT_COMMENT) != 0) {
        p->close = (uint8_t)(CLOSE_INNER + letters + 1);
    } else if (have >= CLOSE_INNER && name[letters] == '\0' && ends_name(c)) {
        p->flags |= FL_SCRIPT_INNER;
    } else if (have >= CLOSE_SLASH && have < CLOSE_BANG) {
        if (name[letters] == '\0' && ends_name(c)) {
            if ((p->flags & FL_SCRIPT_INNER) == 0)
                return true;
            p->flags &= (uint8_t)~FL_SCRIPT_INNER;
        } else if (name[letters] != '\0' && dj_to_lower(c) == name[letters]) {
            p->close = (uint8_t)(have + 1);
        }
    }
    return false;
}

bool dj_place_may_close(const dj_place *p)
{
    return in_body(p) && p->close >= CLOSE_SLASH && p->close < CLOSE_BANG &&
           body_name(p)[p->close - CLOSE_SLASH] == '\0';
}

bool dj_place_in_close(const dj_place *p)
{
    return in_body(p) && p->close != CLOSE_NOTHING && p->close != CLOSE_DASH &&
           p->close != CLOSE_DASHES;
}

/* -- tags -- */

static void enter_tag(dj_place *p)
{
    p->state = ST_TAG;
    p->delim = DELIM_NONE;
    p->attr = AT_PLAIN;
    p->seen = p->name_at = p->name_len = p->url_part = p->braces = p->js_ctx = 0;
    p->flags &= FL_END_TAG | FL_SCRIPT_TEXT;
    p->ref = 0;
}

static void tag_step(dj_place *p, char c);

static void end_tag_name(dj_place *p, char c)
{
    const dj_name *name = dj_name_found(&dj_names_elements, p->name_at, p->name_len);
    p->element = name != NULL && (p->flags & FL_END_TAG) == 0 ? name->kind : EL_NONE;
    enter_tag(p);
    tag_step(p, c);
}

static void end_attr_name(dj_place *p)
{
    uint8_t kind = dj_attr_name_kind(p);
    bool    stripped = (p->seen & NAME_STRIPPED) != 0;
    if (kind == AT_TYPE && (p->element != EL_SCRIPT || stripped))
        kind = AT_UNSAFE;
    if (kind == AT_CONTENT && (p->element != EL_META || stripped))
        kind = AT_UNSAFE;
    p->attr = kind;
    p->state = ST_AFTER_NAME;
    p->seen = p->name_at = p->name_len = 0;
}

/* Between attributes, in a name and behind it. */
static void tag_step(dj_place *p, char c)
{
    if (p->state == ST_ATTR_NAME) {
        if (!dj_is_html_space(c) && c != '=' && c != '>' && c != '/') {
            if (c == '"' || c == '\'' || c == '<')
                error(p);
            else
                dj_attr_name_step(p, c);
            return;
        }
        end_attr_name(p);
    }
    if (dj_is_html_space(c))
        return;
    if (c == '>') {
        enter_body(p);
    } else if (c == '/') {
        enter_tag(p);
    } else if (c == '=') {
        if (p->state == ST_AFTER_NAME)
            p->state = ST_BEFORE_VALUE;
        else
            error(p);
    } else if (c == '"' || c == '\'' || c == '<') {
        error(p);
    } else {
        enter_tag(p);
        p->state = ST_ATTR_NAME;
        dj_attr_name_step(p, c);
    }
}

/* -- attribute values: character references are decoded for the machine inside -- */

enum { REF_AMP = 1, REF_NAME, REF_HASH, REF_HASH_X, REF_DECIMAL, REF_HEX };

static void ref_set(dj_place *p, unsigned kind, uint32_t payload)
{
    p->ref = kind << 24 | payload;
}

static void inner_text(dj_place *p, dj_str decoded)
{
    for (size_t i = 0; i < decoded.len; i++)
        inner_step(p, decoded.ptr[i]);
}

static void inner_code_point(dj_place *p, uint32_t cp)
{
    char utf8[4];
    if (cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        cp = 0xfffd;
    inner_text(p, dj_str_n(utf8, dj_utf8_put(utf8, cp)));
}

/* The reference ends with `c`, which does not belong to it unless it is ';'. */
static void ref_end(dj_place *p, char c)
{
    unsigned kind = p->ref >> 24;
    uint32_t payload = p->ref & 0xffffff;
    p->ref = 0;
    if (kind == REF_DECIMAL || kind == REF_HEX) {
        inner_code_point(p, payload);
    } else if (kind == REF_NAME) {
        uint8_t        at = (uint8_t)(payload >> 8), len = (uint8_t)payload;
        const dj_name *name = dj_name_found(&dj_names_references, at, len);
        if (name != NULL && (c == ';' || ((name->kind & 0x80) != 0 && c != '='))) {
            inner_step(p, (char)(name->kind & 0x7f));
        } else {
            inner_step(p, '&');
            inner_text(p, dj_str_n(dj_names_references.items[at].name, len));
            if (c == ';')
                inner_step(p, c);
        }
        return;
    } else {
        inner_text(p, kind == REF_AMP    ? DJ_LIT("&")
                      : kind == REF_HASH ? DJ_LIT("&#")
                                         : DJ_LIT("&#x"));
        if (c == ';')
            inner_step(p, c);
    }
}

void dj_place_end_reference(dj_place *p)
{
    if (p->ref != 0)
        ref_end(p, '\0');
}

static bool ref_name_step(dj_place *p, uint8_t at, uint8_t len, char c)
{
    uint8_t next_at = at, next_len = len;
    dj_name_step(&dj_names_references, &next_at, &next_len, c);
    if (next_at != NO_NAME)
        ref_set(p, REF_NAME, (uint32_t)next_at << 8 | next_len);
    return next_at != NO_NAME;
}

/* Goes on with a reference; false: `c` does not belong to it. */
static bool ref_step(dj_place *p, char c)
{
    unsigned kind = p->ref >> 24;
    uint32_t payload = p->ref & 0xffffff;
    int      digit = dj_hex_value(c);
    switch (kind) {
    case REF_AMP:
        if (c == '#') {
            ref_set(p, REF_HASH, 0);
            return true;
        }
        return ref_name_step(p, 0, 0, c);
    case REF_NAME:
        if (ref_name_step(p, (uint8_t)(payload >> 8), (uint8_t)payload, c))
            return true;
        if (dj_is_alpha(c) || dj_is_digit(c)) { /* the name of no reference that matters */
            p->ref = 0;
            inner_step(p, '&');
            inner_text(p, dj_str_n(dj_names_references.items[payload >> 8].name, payload & 0xff));
            inner_step(p, c);
            return true;
        }
        return false;
    case REF_HASH:
        if (c == 'x' || c == 'X') {
            ref_set(p, REF_HASH_X, 0);
            return true;
        }
        if (!dj_is_digit(c))
            return false;
        ref_set(p, REF_DECIMAL, (uint32_t)digit);
        return true;
    case REF_HASH_X:
        if (digit < 0)
            return false;
        ref_set(p, REF_HEX, (uint32_t)digit);
        return true;
    default: {
        uint32_t base = kind == REF_HEX ? 16 : 10;
        if (digit < 0 || (uint32_t)digit >= base)
            return false;
        payload = payload > 0x10ffff ? payload : payload * base + (uint32_t)digit;
        ref_set(p, kind, payload > 0x10ffff ? 0x110000 : payload);
        return true;
    }
    }
}

static bool decodes(const dj_place *p)
{
    return p->state > ST_RCDATA;
}

static void value_end(dj_place *p, char c)
{
    if (p->ref != 0)
        ref_end(p, c);
    if (p->state == ST_TYPE)
        p->element = dj_type_element(p);
    enter_tag(p);
    if (c == '>')
        tag_step(p, c);
}

static void value_step(dj_place *p, char c)
{
    if (p->delim == DELIM_UNQUOTED) {
        if (dj_is_html_space(c) || c == '>') {
            value_end(p, c);
            return;
        }
        if (c == '"' || c == '\'' || c == '<' || c == '=' || c == '`') {
            error(p);
            return;
        }
    } else if (c == (p->delim == DELIM_DQ ? '"' : '\'')) {
        value_end(p, c);
        return;
    }
    if (!decodes(p))
        return;
    if (p->ref != 0) {
        if (c != ';' && ref_step(p, c))
            return;
        ref_end(p, c);
        if (c == ';')
            return;
    }
    if (c == '&')
        ref_set(p, REF_AMP, 0);
    else
        inner_step(p, c);
}

static void before_value_step(dj_place *p, char c)
{
    if (dj_is_html_space(c))
        return;
    if (c == '"' || c == '\'') {
        dj_place_enter_value(p, c == '"' ? DELIM_DQ : DELIM_SQ);
        return;
    }
    dj_place_enter_value(p, DELIM_UNQUOTED);
    value_step(p, c);
}

/* -- text and comments -- */

uint8_t dj_comment_step(uint8_t seen, char c)
{
    switch (c) {
    case '-':
        return seen == COMMENT_START                          ? COMMENT_START_DASH
               : seen == COMMENT_TEXT || seen == COMMENT_BANG ? COMMENT_DASH
                                                              : COMMENT_DASHES;
    case '!':
        return seen == COMMENT_DASHES ? COMMENT_BANG : COMMENT_TEXT;
    default:
        return COMMENT_TEXT;
    }
}

static void comment_byte(dj_place *p, char c)
{
    if (c == '>' && (p->seen == COMMENT_DASHES || p->seen == COMMENT_BANG ||
                     p->seen == COMMENT_START || p->seen == COMMENT_START_DASH))
        text(p);
    else
        p->seen = dj_comment_step(p->seen, c);
}

static void tag_name_start(dj_place *p, char c)
{
    p->state = ST_TAG_NAME;
    p->name_at = p->name_len = p->seen = 0;
    dj_name_step(&dj_names_elements, &p->name_at, &p->name_len, dj_to_lower(c));
}

static void text_step(dj_place *p, char c)
{
    switch (p->state) {
    case ST_TAG_OPEN:
        if (dj_is_alpha(c)) {
            p->flags &= (uint8_t)~FL_END_TAG;
            tag_name_start(p, c);
        } else if (c != '<') {
            p->state = c == '/'   ? ST_END_TAG_OPEN
                       : c == '!' ? ST_MARKUP
                       : c == '?' ? ST_BOGUS
                                  : ST_TEXT;
            p->seen = 0;
        }
        return;
    case ST_END_TAG_OPEN:
        if (dj_is_alpha(c)) {
            p->flags |= FL_END_TAG;
            tag_name_start(p, c);
        } else {
            p->state = c == '>' ? ST_TEXT : ST_BOGUS;
        }
        return;
    case ST_MARKUP:
        if (c == '-' && p->seen == 0) {
            p->seen = 1;
        } else if (c == '-') {
            p->state = ST_COMMENT;
            p->seen = COMMENT_START;
        } else {
            p->seen = 0;
            p->state = c == '>' ? ST_TEXT : ST_BOGUS;
        }
        return;
    default: /* ST_BOGUS */
        if (c == '>')
            text(p);
        return;
    }
}

static void tag_name_step(dj_place *p, char c)
{
    if (ends_name(c))
        end_tag_name(p, c);
    else if (c == '"' || c == '\'' || c == '<')
        error(p);
    else
        dj_name_step(&dj_names_elements, &p->name_at, &p->name_len, dj_to_lower(c));
    if (p->state == ST_TAG_NAME && c == '-')
        p->seen = TAG_NAME_OWN;
}

static void step(dj_place *p, char c)
{
    if (in_body(p) && close_step(p, c)) {
        *p = (dj_place){.state = ST_TAG, .flags = FL_END_TAG};
        tag_step(p, c);
        return;
    }
    switch (p->state) {
    case ST_TEXT:
        if (c == '<')
            p->state = ST_TAG_OPEN;
        break;
    case ST_TAG_OPEN:
    case ST_END_TAG_OPEN:
    case ST_MARKUP:
    case ST_BOGUS:
        text_step(p, c);
        break;
    case ST_COMMENT:
        comment_byte(p, c);
        break;
    case ST_TAG_NAME:
        tag_name_step(p, c);
        break;
    case ST_TAG:
    case ST_ATTR_NAME:
    case ST_AFTER_NAME:
        tag_step(p, c);
        break;
    case ST_BEFORE_VALUE:
        before_value_step(p, c);
        break;
    case ST_RCDATA:
    case ST_ERROR:
        break;
    default:
        if (p->delim != DELIM_NONE)
            value_step(p, c);
        else
            inner_step(p, c);
    }
}

/* Text and plain values have one byte that matters: the stretch up to it. */
static size_t skip(const dj_place *p, dj_str rest)
{
    char stop;
    if (p->state == ST_TEXT && (p->flags & FL_SCRIPT_TEXT) == 0)
        stop = '<';
    else if (p->state == ST_ATTR && (p->flags & FL_SCRIPT_TEXT) == 0 && p->delim != DELIM_UNQUOTED)
        stop = p->delim == DELIM_DQ ? '"' : '\'';
    else
        return 0;
    const char *found = memchr(rest.ptr, stop, rest.len);
    return found == NULL ? rest.len : (size_t)(found - rest.ptr);
}

dj_place dj_place_after(dj_place at, dj_str chunk)
{
    for (size_t i = 0; i < chunk.len; i++) {
        i += skip(&at, dj_str_from(chunk, i));
        if (i < chunk.len)
            step(&at, chunk.ptr[i]);
    }
    return at;
}
