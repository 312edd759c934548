/* src/http/caching.h - conditional requests and compression from the inside: for the layers that do
 * for every answer what donjon/caching.h does for one. */
#pragma once
#include "http/http.h"
#include "donjon/caching.h"

/* -- preconditions: conditional.c -- */

/* What a resource is known by. */
typedef struct dj_validators {
    dj_str  etag;          /* as its header says it; empty: none */
    int64_t last_modified; /* 0: none */
} dj_validators;

/* What a request asks: values of headers, DJ_NONE if absent. */
typedef struct dj_preconditions {
    dj_str if_match, if_unmodified_since, if_none_match, if_modified_since;
} dj_preconditions;

typedef enum dj_verdict {
    DJ_VERDICT_GO_ON,
    DJ_VERDICT_NOT_MODIFIED, /* 304 */
    DJ_VERDICT_FAILED        /* 412 */
} dj_verdict;

/* RFC 9110 13.2.2 with Django's reading of tags and dates. `safe`: GET or HEAD. Takes no memory. */
dj_verdict dj_preconditions_decide(const dj_preconditions *asked, const dj_validators *have,
                                   bool safe, int64_t now);
/* (W/)?"[^"]*" and nothing else. */
bool             dj_is_etag(dj_str text);
dj_preconditions dj_preconditions_of(dj_req *req);

/* -- answers: caching.c -- */

/* 304 with what of `resp` belongs to one: validators, caching headers, cookies. */
DJ_RETURNS dj_response *dj_not_modified(dj_req *req, const dj_response *resp);
/* Puts what dj_condition was told onto the view's answer. Only if req->validators is set. */
void dj_validators_show(const dj_req *req, dj_response *resp);
/* Is the directive (small letters) among those of Cache-Control? */
bool dj_cache_control_lists(const dj_response *resp, dj_str name);

/* -- gzip: gzip.c -- */

/* A deflate stream that one body after the other goes through: making one costs ten times the
 * compressing of a small page. */
typedef struct dj_gzip dj_gzip;
DJ_RETURNS dj_gzip    *dj_gzip_new(dj_scope *s);
/* Does an Accept-Encoding say gzip? `refusable`: not with q=0. */
bool dj_accepts_gzip(dj_str accept_encoding, bool refusable);
/* The whole of GZipMiddleware for one answer. `kept` NULL: with a stream of the request's own. */
void dj_gzip_apply(dj_response *resp, dj_gzip *kept, bool refusable);
