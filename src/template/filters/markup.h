/* src/template/filters/markup.h - HTML read as Python 3.11's html.parser reads it.
 *
 * striptags and truncate..._html of Django are built on that parser, so what they do to broken HTML
 * is what it does. It is not a browser's parser, and its output is not safe by itself. */
#pragma once
#include "donjon/scope.h"

typedef struct markup markup;

/* What the parser meets. Text in pieces; names of tags in lower case. */
typedef struct markup_handlers {
    void (*data)(markup *m, void *ctx, dj_str text);
    void (*start)(markup *m, void *ctx, dj_str tag, dj_str raw, bool closed); /* <a>, <a/> */
    void (*end)(markup *m, void *ctx, dj_str tag);
    /* "&name;" or "&#name;"; NULL: references are decoded and come as data. */
    void (*reference)(markup *m, void *ctx, dj_str name, bool number);
} markup_handlers;

struct markup {
    dj_scope              *scope;
    const markup_handlers *handlers;
    void                  *ctx;
    dj_str                 text;
    size_t                 pos;
    dj_str                 raw_element; /* inside of script or style; none elsewhere */
    uint64_t               budget;      /* bytes that may still be looked at */
    bool                   stopped;     /* by a handler */
    dj_err                 error;       /* DJ_ERR_SUSPICIOUS, explained */
};

/* Many times the text, so that honest pages never reach it; what can only be read in the square of
 * its length does. */
#define MARKUP_BUDGET(len) (128 * (uint64_t)(len) + 65536)

/* feed(): as far as is sure. */
void markup_feed(markup *m);
/* close(): the rest. */
void markup_close(markup *m);
