/* src/template/context_names.c - the names that decide what follows: of elements, attributes,
 * types of scripts, schemes, character references and JavaScript keywords.
 *
 * Names are read letter by letter, so that one may be cut in two by the end of a piece of text.
 *
 * Must not know: templates, values. Reference: HTML (WHATWG) 13.2.5 and 13.5; Go html/template. */
#include "template/place.h"

#define NAMES(table)                                                                               \
    {                                                                                              \
        table, DJ_COUNT(table)                                                                     \
    }

static const dj_name elements[] = {
    {"base", EL_OTHER},     {"embed", EL_OTHER},    {"form", EL_OTHER},        {"frame", EL_OTHER},
    {"frameset", EL_OTHER}, {"iframe", EL_RAW},     {"link", EL_OTHER},        {"math", EL_OTHER},
    {"meta", EL_META},      {"noembed", EL_RAW},    {"noframes", EL_RAW},      {"noscript", EL_RAW},
    {"object", EL_OTHER},   {"plaintext", EL_RAW},  {"script", EL_SCRIPT},     {"style", EL_STYLE},
    {"svg", EL_OTHER},      {"template", EL_OTHER}, {"textarea", EL_TEXTAREA}, {"title", EL_TITLE},
    {"xmp", EL_RAW},
};
const dj_names dj_names_elements = NAMES(elements);

static const dj_name attrs[] = {
    {"accept-charset", AT_UNSAFE},
    {"action", AT_URL},
    {"archive", AT_URL},
    {"async", AT_UNSAFE},
    {"background", AT_URL},
    {"challenge", AT_UNSAFE},
    {"charset", AT_UNSAFE},
    {"cite", AT_URL},
    {"classid", AT_URL},
    {"codebase", AT_URL},
    {"content", AT_CONTENT},
    {"crossorigin", AT_UNSAFE},
    {"data", AT_URL},
    {"defer", AT_UNSAFE},
    {"enctype", AT_UNSAFE},
    {"form", AT_UNSAFE},
    {"formaction", AT_URL},
    {"formenctype", AT_UNSAFE},
    {"formmethod", AT_UNSAFE},
    {"formnovalidate", AT_UNSAFE},
    {"href", AT_URL},
    {"http-equiv", AT_UNSAFE},
    {"icon", AT_URL},
    {"keytype", AT_UNSAFE},
    {"language", AT_UNSAFE},
    {"longdesc", AT_URL},
    {"manifest", AT_URL},
    {"method", AT_UNSAFE},
    {"novalidate", AT_UNSAFE},
    {"pattern", AT_UNSAFE},
    {"poster", AT_URL},
    {"profile", AT_URL},
    {"rel", AT_UNSAFE},
    {"sandbox", AT_UNSAFE},
    {"src", AT_URL},
    {"srcdoc", AT_SRCDOC},
    {"srclang", AT_PLAIN},
    {"srcset", AT_SRCSET},
    {"style", AT_STYLE},
    {"type", AT_TYPE},
    {"usemap", AT_URL},
    {"value", AT_UNSAFE},
    {"xmlns", AT_URL},
};
const dj_names dj_names_attrs = NAMES(attrs);

/* Types of scripts that hold code or JSON. */
static const dj_name types[] = {
    {"application/ecmascript", 0},
    {"application/javascript", 0},
    {"application/json", 0},
    {"application/ld+json", 0},
    {"application/x-ecmascript", 0},
    {"application/x-javascript", 0},
    {"importmap", 0},
    {"module", 0},
    {"speculationrules", 0},
    {"text/ecmascript", 0},
    {"text/javascript", 0},
    {"text/javascript1.0", 0},
    {"text/javascript1.1", 0},
    {"text/javascript1.2", 0},
    {"text/javascript1.3", 0},
    {"text/javascript1.4", 0},
    {"text/javascript1.5", 0},
    {"text/jscript", 0},
    {"text/livescript", 0},
    {"text/x-ecmascript", 0},
    {"text/x-javascript", 0},
};
const dj_names dj_names_types = NAMES(types);

/* Schemes whose URLs are programs. */
static const dj_name schemes[] = {{"javascript", 0}, {"vbscript", 0}};
const dj_names       dj_names_schemes = NAMES(schemes);

/* Character references that stand for an ASCII character, which is the kind; 0x80 is set for those
 * that need no semicolon. &nbsp; counts as a blank. The others are text to every machine here. */
static const dj_name references[] = {
    {"AMP", 0xa6},
    {"DiacriticalGrave", 0x60},
    {"GT", 0xbe},
    {"Hat", 0x5e},
    {"LT", 0xbc},
    {"NewLine", 0xa},
    {"NonBreakingSpace", 0x20},
    {"QUOT", 0xa2},
    {"Tab", 0x9},
    {"UnderBar", 0x5f},
    {"VerticalLine", 0x7c},
    {"amp", 0xa6},
    {"apos", 0x27},
    {"ast", 0x2a},
    {"bne", 0x3d},
    {"bsol", 0x5c},
    {"colon", 0x3a},
    {"comma", 0x2c},
    {"commat", 0x40},
    {"dollar", 0x24},
    {"equals", 0x3d},
    {"excl", 0x21},
    {"grave", 0x60},
    {"gt", 0xbe},
    {"lbrace", 0x7b},
    {"lbrack", 0x5b},
    {"lcub", 0x7b},
    {"lowbar", 0x5f},
    {"lpar", 0x28},
    {"lsqb", 0x5b},
    {"lt", 0xbc},
    {"midast", 0x2a},
    {"nbsp", 0xa0},
    {"num", 0x23},
    {"nvgt", 0x3e},
    {"nvlt", 0x3c},
    {"percnt", 0x25},
    {"period", 0x2e},
    {"plus", 0x2b},
    {"quest", 0x3f},
    {"quot", 0xa2},
    {"rbrace", 0x7d},
    {"rbrack", 0x5d},
    {"rcub", 0x7d},
    {"rpar", 0x29},
    {"rsqb", 0x5d},
    {"semi", 0x3b},
    {"sol", 0x2f},
    {"verbar", 0x7c},
    {"vert", 0x7c},
};
const dj_names dj_names_references = NAMES(references);

/* Behind these a slash begins a regular expression. */
static const dj_name js_keywords[] = {
    {"break", 0}, {"case", 0},    {"continue", 0}, {"delete", 0},     {"do", 0},
    {"else", 0},  {"finally", 0}, {"in", 0},       {"instanceof", 0}, {"return", 0},
    {"throw", 0}, {"try", 0},     {"typeof", 0},   {"void", 0},
};
const dj_names dj_names_js_keywords = NAMES(js_keywords);

void dj_name_step(const dj_names *names, uint8_t *at, uint8_t *len, char c)
{
    if (*at == NO_NAME)
        return;
    const char *prefix = names->items[*at].name;
    for (uint8_t i = *at; i < names->len; i++) {
        const char *name = names->items[i].name;
        if (strncmp(name, prefix, *len) != 0)
            break;
        if (name[*len] == c && c != '\0') {
            *at = i;
            (*len)++;
            return;
        }
    }
    *at = NO_NAME;
}

const dj_name *dj_name_found(const dj_names *names, uint8_t at, uint8_t len)
{
    if (at == NO_NAME || names->items[at].name[len] != '\0')
        return NULL;
    return &names->items[at];
}

/* "src", "uri" or "url" anywhere in the name: how much of one was just read. */
static unsigned urlish_step(unsigned have, char c)
{
    if (have == URLISH_FOUND)
        return have;
    if ((have == URLISH_SR && c == 'c') || (have == URLISH_UR && (c == 'i' || c == 'l')))
        return URLISH_FOUND;
    if (c == 'r' && (have == URLISH_S || have == URLISH_U))
        return have == URLISH_S ? URLISH_SR : URLISH_UR;
    return c == 's' ? URLISH_S : c == 'u' ? URLISH_U : URLISH_NOTHING;
}

static unsigned on_step(unsigned have, char c)
{
    if (have == ON_START)
        return c == 'o' ? ON_O : ON_NOT;
    return have == ON_O ? (c == 'n' ? ON_YES : ON_NOT) : have;
}

/* "data-href" and "xlink:href" are read as "href" is. */
static bool strips_prefix(dj_place *p, char c)
{
    if ((p->seen & NAME_STRIPPED) != 0 || (c != '-' && c != ':'))
        return false;
    const dj_name *name = dj_name_found(&dj_names_attrs, p->name_at, p->name_len);
    if (c == '-' && (name == NULL || strcmp(name->name, "data") != 0))
        return false;
    bool xmlns = c == ':' && name != NULL && strcmp(name->name, "xmlns") == 0;
    p->name_at = p->name_len = 0;
    p->seen = (uint8_t)(NAME_STRIPPED | (xmlns ? NAME_XMLNS : 0));
    return true;
}

void dj_attr_name_step(dj_place *p, char c)
{
    c = dj_to_lower(c);
    if (strips_prefix(p, c))
        return;
    dj_name_step(&dj_names_attrs, &p->name_at, &p->name_len, c);
    unsigned on = on_step(p->seen & NAME_ON, c),
             urlish = urlish_step((p->seen & NAME_URLISH) >> NAME_URLISH_SHIFT, c);
    p->seen =
        (uint8_t)((p->seen & (NAME_STRIPPED | NAME_XMLNS)) | on | (urlish << NAME_URLISH_SHIFT));
}

uint8_t dj_attr_name_kind(const dj_place *p)
{
    if ((p->seen & NAME_XMLNS) != 0)
        return AT_URL;
    const dj_name *name = dj_name_found(&dj_names_attrs, p->name_at, p->name_len);
    if (name != NULL)
        return name->kind;
    if ((p->seen & NAME_ON) == ON_YES)
        return AT_EVENT;
    return (p->seen & NAME_URLISH) >> NAME_URLISH_SHIFT == URLISH_FOUND ? AT_URL : AT_PLAIN;
}
