/* src/template/place.h - what the machines that follow a page share (context_*.c), and the
 * escapers (escape_*.c). Private to src/template/.
 *
 * A place is the state of a machine that reads the page byte by byte, so it makes no difference
 * where one stretch of static text ends and the next begins: after(after(p, a), b) is
 * after(p, a + b). What a value may look like here is a question to the same place. */
#pragma once
#include "template/template.h"

enum { /* dj_place.state; those from RCDATA on have a machine of their own inside */
       ST_TEXT,
       ST_TAG_OPEN,     /* behind "<" */
       ST_END_TAG_OPEN, /* behind "</" */
       ST_MARKUP,       /* behind "<!"; seen: one dash more */
       ST_BOGUS,        /* <!doctype ...>, <?xml ...>: to the next ">" */
       ST_COMMENT,      /* seen: COMMENT_... */
       ST_TAG_NAME,     /* name_at, name_len: in element_names */
       ST_TAG,          /* between attributes */
       ST_ATTR_NAME,    /* name_at, name_len: in attr_names; seen: NAME_... */
       ST_AFTER_NAME,
       ST_BEFORE_VALUE, /* behind "=" */
       ST_ATTR,         /* in a value; delim says up to where */
       ST_SRCSET,
       ST_RCDATA,   /* <title>, <textarea> */
       ST_TYPE,     /* of a script; seen: TYPE_...; the name fields: in script_types */
       ST_SRCDOC,   /* seen: DOC_... */
       ST_META,     /* content="...": seen counts the letters of "url=" */
       ST_URL,      /* seen: SCHEME_...; the name fields: in code_schemes */
       ST_URL_CODE, /* behind "javascript:" */
       ST_JS,       /* seen: JS_... */
       ST_JS_DQ,
       ST_JS_SQ,
       ST_JS_TMPL,
       ST_JS_REGEXP,
       ST_JS_BLOCK,
       ST_JS_LINE,
       ST_CSS, /* seen: CSS_... */
       ST_CSS_DQ,
       ST_CSS_SQ,
       ST_CSS_URL_START, /* behind "url(" and blanks */
       ST_CSS_URL,
       ST_CSS_DQURL,
       ST_CSS_SQURL,
       ST_CSS_BLOCK,
       ST_CSS_LINE,
       ST_ERROR /* nothing that can be followed; harmless until a value must be printed */
};
enum { DELIM_NONE, DELIM_DQ, DELIM_SQ, DELIM_UNQUOTED };
enum { URL_NONE, URL_PRE_QUERY, URL_QUERY, URL_UNKNOWN }; /* dj_place.url_part */
/* dj_place.js_ctx: what a "/" would be. UNKNOWN, in both: checks join branches; never in a page. */
enum { SLASH_REGEXP, SLASH_DIV, SLASH_UNKNOWN = 4 };
#define ERROR_SLASH 1 /* seen in ST_ERROR: it was a slash that could be either */

enum { /* dj_place.element */
       EL_NONE,
       EL_SCRIPT,
       EL_SCRIPT_JS,   /* its type was read: it is code or JSON */
       EL_SCRIPT_TEXT, /* its type was read: it is neither */
       EL_STYLE,
       EL_TEXTAREA,
       EL_TITLE,
       EL_META,
       EL_RAW,  /* its body is text and has no markup */
       EL_OTHER /* one that no value may name */
};
enum { /* dj_place.attr */
       AT_PLAIN,
       AT_UNSAFE, /* printed as a plain one, but no value may name it */
       AT_URL,
       AT_STYLE,
       AT_EVENT,
       AT_SRCSET,
       AT_SRCDOC,
       AT_TYPE, /* of a script */
       AT_CONTENT
};
enum { /* dj_place.flags */
       FL_END_TAG = 1,
       FL_BACKSLASH = 2,   /* the next byte is escaped */
       FL_CLASS = 4,       /* in [...] of a regular expression */
       FL_FRESH = 8,       /* the regular expression has just begun: "/" or "*" make it a comment */
       FL_LINE_START = 16, /* nothing but blanks and comments on this line of a script so far */
       FL_SCRIPT_TEXT = 32, /* in the body of a script that is no code: </script ends it anywhere */
       FL_SCRIPT_COMMENT = 64, /* a script's body has had "<!--": HTML's "escaped" states */
       FL_SCRIPT_INNER = 128   /* and "<script" behind it: the next </script ends only that */
};
enum {
    COMMENT_TEXT,
    COMMENT_DASH,
    COMMENT_DASHES,
    COMMENT_BANG,
    COMMENT_START,
    COMMENT_START_DASH
};
enum {              /* seen in ST_ATTR_NAME */
       NAME_ON = 3, /* these bits: does it begin with "on"? */
       ON_START = 0,
       ON_O = 1,
       ON_YES = 2,
       ON_NOT = 3,
       NAME_URLISH = 7 << 2, /* these: does it contain src, uri or url? */
       NAME_URLISH_SHIFT = 2,
       URLISH_NOTHING = 0,
       URLISH_S = 1,
       URLISH_SR = 2,
       URLISH_U = 3,
       URLISH_UR = 4,
       URLISH_FOUND = 5,
       NAME_STRIPPED = 32, /* "data-" or "prefix:" was cut off */
       NAME_XMLNS = 64
};
#define TAG_NAME_OWN 1 /* seen in ST_TAG_NAME: there is a "-", so it is no element of HTML */
enum { SCHEME_START, SCHEME_IN, SCHEME_OVER };

/* -- names: context_names.c -- */

typedef struct dj_name {
    const char *name;
    uint8_t     kind;
} dj_name;
typedef struct dj_names { /* sorted */
    const dj_name *items;
    uint8_t        len; /* under NO_NAME */
} dj_names;
#define NO_NAME 255
extern const dj_names dj_names_elements, dj_names_attrs, dj_names_types, dj_names_schemes,
    dj_names_references, dj_names_js_keywords;
/* A name is read letter by letter: (at, len) is the first entry that begins with what was read, and
 * how much that is; at NO_NAME none does. Starts with {0, 0}. */
void dj_name_step(const dj_names *names, uint8_t *at, uint8_t *len, char c);
/* The entry that was read in full, or NULL. */
const dj_name *dj_name_found(const dj_names *names, uint8_t at, uint8_t len);
/* One more letter of an attribute's name. */
void    dj_attr_name_step(dj_place *p, char c);
uint8_t dj_attr_name_kind(const dj_place *p);

static inline bool dj_is_html_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* -- inner machines: one byte of decoded text -- */

void dj_js_step(dj_place *p, char c);
void dj_css_step(dj_place *p, char c);
void dj_url_step(dj_place *p, char c);
void dj_meta_step(dj_place *p, char c);
void dj_srcdoc_step(dj_place *p, char c);
void dj_type_step(dj_place *p, char c);
/* At the end of the value: which element a script with this type is. */
uint8_t dj_type_element(const dj_place *p);
/* May a value stand in this srcdoc? */
bool dj_srcdoc_is_text(const dj_place *p);
/* A printed value was part of a URL's scheme, or may have been. */
void dj_url_value(dj_place *p, dj_str text);
/* The machine at the beginning of a value of p->attr. */
void dj_place_enter_value(dj_place *p, uint8_t delim);
/* Was "</script" and the like read in full, so that a blank would end the body? */
bool dj_place_may_close(const dj_place *p);
/* In the middle of "</script" or "<!--" in a body: letters of a value could go on with it. */
bool dj_place_in_close(const dj_place *p);
/* The bytes of a value in a comment's automaton. */
uint8_t dj_comment_step(uint8_t seen, char c);
/* A character reference that static text has begun ends here: a value follows. */
void dj_place_end_reference(dj_place *p);
/* A value stands in the type of a script: it is code, for all we know. */
void dj_type_value(dj_place *p);

/* -- escapers: escape_*.c. They add to `b`, or return what they made (or were given) -- */

#define DJ_FAILSAFE "ZdonjonZ"

/* Of what is HTML already: the same but for "&". */
void dj_escape_html_again(dj_buf *b, dj_str text);
/* For an attribute without quotes. */
void dj_escape_nospace(dj_buf *b, dj_str text, bool again);

bool   dj_url_scheme_is_safe(dj_str text);
dj_str dj_escape_url(dj_scope *s, dj_str text, bool keep_reserved);
dj_str dj_escape_srcset(dj_scope *s, dj_str text, bool *failsafe);

dj_str dj_escape_js_string(dj_scope *s, dj_str text, bool again);
dj_str dj_escape_js_regexp(dj_scope *s, dj_str text);

dj_str dj_escape_css(dj_scope *s, dj_str text);
/* DJ_NONE: refused. */
dj_str dj_filter_css(dj_scope *s, dj_str text);

/* -- the check: context_check.c walks, context_watch.c watches the tags -- */

void dj_findings_add(dj_findings *out, dj_scope *s, dj_finding_code code, dj_str template,
                     uint32_t line, dj_str message);
/* Why no value may stand here, or NULL. */
const char *dj_place_refusal(const dj_place *p);
/* Over any value. */
void dj_place_pass(dj_place *p);

/* The tag that is being read, and the form that is open. */
typedef struct dj_tag_watch {
    char     tag[16], attr[24], value[40]; /* in lower case, cut off */
    size_t   tag_len, attr_len, value_len;
    uint32_t line, attr_line;
    bool     in_attr, end, dynamic; /* dynamic: a value stands in this attribute */
    bool     src, nonce, data;      /* of the tag: attributes; a script that does not run */
    bool     post, foreign, token;
    uint32_t handler, style; /* lines of such attributes; 0: none */
    struct {
        dj_str template;
        uint32_t line;
        bool     open, token, unknown; /* unknown: something not known is inside */
    } form;
} dj_tag_watch;

void dj_watch_byte(dj_tag_watch *w, dj_scope *s, dj_findings *out, dj_str template, uint32_t line,
                   const dj_place *before, const dj_place *after, char c);
void dj_watch_value(dj_tag_watch *w, const dj_place *at);
void dj_watch_token(dj_tag_watch *w);
void dj_watch_unknown(dj_tag_watch *w);
void dj_watch_end(dj_tag_watch *w, dj_scope *s, dj_findings *out);
