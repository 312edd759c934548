/* tools/conformance/conformance.h - runs vector files: one runner per kind, registered in
 * kinds.def.
 *
 * A runner walks the cases of its file: case_begin, any number of case_fail, case_end. Jansson
 * reads the files; Donjon's own functions, the ones that serve requests, are what is driven. */
#pragma once
#include "donjon/scope.h"
#include <jansson.h>

typedef struct run {
    const char *file;
    dj_scope   *scope; /* of the case; new for each */
    const char *id;
    size_t      passed, failed;
    bool        bad; /* this case has failed */
} run;

/* `id` lives as long as the file. Frees the previous case's scope. */
void case_begin(run *r, const char *id);
void case_end(run *r);
/* One line per failure: case, expected, got. May be called more than once a case; it counts once.
 */
void case_fail(run *r, const char *expected_fmt, ...) DJ_FORMAT(2, 3);
/* expected vs got, both printed (cut, escaped) when they differ. */
bool case_expect_str(run *r, const char *what, dj_str expected, dj_str got);
bool case_expect_int(run *r, const char *what, int64_t expected, int64_t got);
bool case_expect_bool(run *r, const char *what, bool expected, bool got);

/* Readers of fields; borrowed from the file. */
dj_str  js_str(const json_t *object, const char *name);  /* DJ_NONE if absent or null */
int64_t js_int(const json_t *object, const char *name);  /* 0 if absent */
bool    js_bool(const json_t *object, const char *name); /* false if absent */
dj_str  js_text(const json_t *value);                    /* of a string; DJ_NONE else */
/* Text with one character per byte (latin-1) to its bytes; a character above U+00FF is written as
 * UTF-8. */
dj_str js_latin1(run *r, dj_str text);
dj_str js_base64(run *r, dj_str text);

typedef void kind_fn(run *r, const json_t *file);
#define DJ_VECTOR_KIND(name, fn) kind_fn fn;
#include "kinds.def"
#undef DJ_VECTOR_KIND
