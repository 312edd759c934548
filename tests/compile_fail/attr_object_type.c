/* tests/compile_fail/attr_object_type.c - the table of an object is that of its own type. */
#include "donjon/attrs.h"

typedef struct author {
    dj_str name;
} author;
DJ_ATTRS(author, DJ_ATTR(author, name));
typedef struct editor {
    dj_str name;
} editor;
DJ_ATTRS(editor, DJ_ATTR(editor, name));

typedef struct book {
    const author *by;
} book;
#ifdef OK
DJ_ATTRS(book, DJ_ATTR_OBJECT(book, by, author));
#else
DJ_ATTRS(book, DJ_ATTR_OBJECT(book, by, editor));
#endif

const dj_attrs *probe(int which);
const dj_attrs *probe(int which)
{
    return which == 0 ? &book_attrs : which == 1 ? &author_attrs : &editor_attrs;
}
