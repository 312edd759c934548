/* src/template/context_url.c - follows the values of attributes that hold a URL, or a page, or
 * what decides about the body behind: href, <meta content>, srcdoc, <script type>.
 *
 * Must not know: markup, values. */
#include "template/place.h"

/* -- a URL: which part, and is its scheme one that runs code? Browsers drop tabs and line ends
 * inside a URL, and blanks and controls in front of it -- */

static void scheme_step(dj_place *p, char c)
{
    if (p->seen == SCHEME_OVER || c == '\t' || c == '\n' || c == '\r' ||
        (p->seen == SCHEME_START && (unsigned char)c <= ' '))
        return;
    if (c == ':' && dj_name_found(&dj_names_schemes, p->name_at, p->name_len) != NULL) {
        p->state = ST_URL_CODE;
    } else {
        p->seen = SCHEME_IN;
        dj_name_step(&dj_names_schemes, &p->name_at, &p->name_len, dj_to_lower(c));
    }
    if (p->state == ST_URL_CODE || p->name_at == NO_NAME) {
        p->seen = SCHEME_OVER;
        p->name_at = p->name_len = 0;
    }
}

void dj_url_step(dj_place *p, char c)
{
    /* <meta content="0; url='/'">: the quotes are not the URL's. */
    if (p->attr == AT_CONTENT && p->url_part == URL_NONE && (c == '"' || c == '\''))
        return;
    if (c == '?' || c == '#')
        p->url_part = URL_QUERY;
    else if ((unsigned char)c > ' ' && p->url_part == URL_NONE)
        p->url_part = URL_PRE_QUERY;
    scheme_step(p, c);
}

void dj_url_value(dj_place *p, dj_str text)
{
    for (size_t i = 0; i < text.len && p->seen != SCHEME_OVER; i++)
        scheme_step(p, text.ptr[i]);
}

/* -- <meta content="5; url=..."> -- */

void dj_meta_step(dj_place *p, char c)
{
    static const char word[] = "url";
    if (p->seen == sizeof word - 1 && c == '=') {
        p->state = ST_URL;
        p->seen = SCHEME_START;
        p->url_part = URL_NONE;
    } else if (p->seen < sizeof word - 1 && dj_to_lower(c) == word[p->seen]) {
        p->seen++;
    } else if (p->seen != sizeof word - 1 || !dj_is_html_space(c)) {
        p->seen = dj_to_lower(c) == 'u';
    }
}

/* -- srcdoc: a page inside. Only its text takes values, so only that much is followed -- */

enum {
    DOC_TEXT,
    DOC_LT,
    DOC_MARKUP,
    DOC_NAME,
    DOC_END_NAME,
    DOC_TAG,
    DOC_TAG_DQ,
    DOC_TAG_SQ,
    DOC_LOST /* in a script, a style sheet: to the end */
};

static void doc_name_end(dj_place *p, char c)
{
    const dj_name *name =
        p->seen == DOC_NAME ? dj_name_found(&dj_names_elements, p->name_at, p->name_len) : NULL;
    p->name_at = p->name_len = 0;
    if (name != NULL && (name->kind == EL_SCRIPT || name->kind == EL_STYLE || name->kind == EL_RAW))
        p->seen = DOC_LOST;
    else
        p->seen = c == '>' ? DOC_TEXT : DOC_TAG;
}

void dj_srcdoc_step(dj_place *p, char c)
{
    switch (p->seen) {
    case DOC_TEXT:
        p->seen = c == '<' ? DOC_LT : DOC_TEXT;
        break;
    case DOC_LT:
        p->seen = dj_is_alpha(c)         ? DOC_NAME
                  : c == '/'             ? DOC_END_NAME
                  : c == '!' || c == '?' ? DOC_MARKUP
                  : c == '<'             ? DOC_LT
                                         : DOC_TEXT;
        if (p->seen == DOC_NAME)
            dj_name_step(&dj_names_elements, &p->name_at, &p->name_len, dj_to_lower(c));
        break;
    case DOC_NAME:
    case DOC_END_NAME:
        if (dj_is_html_space(c) || c == '/' || c == '>')
            doc_name_end(p, c);
        else if (p->seen == DOC_NAME)
            dj_name_step(&dj_names_elements, &p->name_at, &p->name_len, dj_to_lower(c));
        break;
    case DOC_TAG:
        if (c == '"' || c == '\'')
            p->seen = c == '"' ? DOC_TAG_DQ : DOC_TAG_SQ;
        else if (c == '>')
            p->seen = DOC_TEXT;
        break;
    case DOC_TAG_DQ:
    case DOC_TAG_SQ:
        if (c == (p->seen == DOC_TAG_DQ ? '"' : '\''))
            p->seen = DOC_TAG;
        break;
    case DOC_MARKUP:
        if (c == '>')
            p->seen = DOC_TEXT;
        break;
    default:
        break;
    }
}

bool dj_srcdoc_is_text(const dj_place *p)
{
    return p->seen == DOC_TEXT;
}

/* -- <script type="..."> -- */

enum {
    TYPE_START,
    TYPE_IN,
    TYPE_BLANK, /* behind it */
    TYPE_PARAMETERS,
    TYPE_UNKNOWN,
    TYPE_VALUE
};

void dj_type_step(dj_place *p, char c)
{
    bool space = dj_is_html_space(c);
    if (p->seen >= TYPE_PARAMETERS || (space && p->seen != TYPE_IN))
        return;
    if (space) {
        p->seen = TYPE_BLANK;
    } else if (c == ';') {
        p->seen = TYPE_PARAMETERS;
    } else if (p->seen == TYPE_BLANK) {
        p->seen = TYPE_UNKNOWN;
    } else {
        p->seen = TYPE_IN;
        dj_name_step(&dj_names_types, &p->name_at, &p->name_len, dj_to_lower(c));
    }
}

uint8_t dj_type_element(const dj_place *p)
{
    if (p->seen == TYPE_START || p->seen == TYPE_VALUE)
        return EL_SCRIPT_JS;
    if (p->seen != TYPE_UNKNOWN && dj_name_found(&dj_names_types, p->name_at, p->name_len) != NULL)
        return EL_SCRIPT_JS;
    return EL_SCRIPT_TEXT;
}

void dj_type_value(dj_place *p)
{
    p->seen = TYPE_VALUE;
}
