/* src/http/files.h - what goes with sending a file: its type, its coding, the part of it that is
 * asked for. For static files and for views alike.
 *
 * Must not know: where files lie, who may see them. */
#pragma once
#include "http/caching.h"

/* -- types: media_types.c -- */

typedef struct dj_media_type {
    dj_str extension; /* "css" */
    dj_str type;      /* "text/css; charset=utf-8" */
    bool   compress;  /* text, and what is packed as loosely as text */
} dj_media_type;
/* By the extension of `name`, in any case. Never NULL: application/octet-stream. */
DJ_RETURNS const dj_media_type *dj_media_type_of(dj_str name);
/* Would a browser run scripts in it? "text/html; charset=utf-8" */
bool dj_media_type_is_active(dj_str type);

/* -- Content-Disposition: disposition.c -- */

/* "attachment; filename=\"a.txt\""; DJ_NONE for an inline one without a name. Django:
 * utils/http.py, content_disposition_header. */
dj_str dj_content_disposition(dj_scope *s, bool attachment, dj_str filename);

/* -- ranges: range.c. RFC 9110 section 14 -- */

typedef struct dj_range {
    uint64_t from, len;
} dj_range;
typedef enum dj_range_verdict {
    DJ_RANGE_WHOLE, /* no Range, another unit, several ranges, or nothing that is one */
    DJ_RANGE_PART,
    DJ_RANGE_UNSATISFIABLE /* 416 */
} dj_range_verdict;
/* The value of Range, or DJ_NONE, for `size` bytes. *out is filled for PART. */
dj_range_verdict dj_range_decide(dj_str range, uint64_t size, dj_range *out);
/* If-Range: does it name what we have? Tags are compared strongly, a date must be the same one. */
bool dj_if_range_holds(dj_str if_range, const dj_validators *have, int64_t now);

/* -- codings: range.c. RFC 9110 section 12.5.3 -- */

typedef enum dj_coding { DJ_CODING_IDENTITY, DJ_CODING_GZIP, DJ_CODING_BR, DJ_CODINGS } dj_coding;
/* The best of those that `have` lists (bits 1 << dj_coding; identity always counts): highest q
 * first, then br, gzip, identity. `accept` DJ_NONE: identity. */
dj_coding dj_coding_choose(dj_str accept, unsigned have);

/* -- what a request for a file asks, and what it gets: range.c -- */

typedef struct dj_file_asked {
    dj_preconditions conditions;
    dj_str           range, if_range, accept_encoding; /* DJ_NONE if absent */
} dj_file_asked;
/* One pass over the request's fields. */
dj_file_asked dj_file_asked_of(dj_req *req);
/* 200, 206 (*part is filled), 304, 412 or 416 for a GET or HEAD of `size` bytes. */
int dj_file_status(const dj_req *req, const dj_file_asked *asked, const dj_validators *have,
                   uint64_t size, dj_range *part);
/* "Content-Range: bytes 0-9/100" for 206, of the whole for 416. */
void dj_content_range_add(dj_response *resp, const dj_range *part, uint64_t size);
