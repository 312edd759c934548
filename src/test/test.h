/* src/test/test.h - the test client from the inside: what its files ask of each other.
 *
 * client.c is the public face; request.c writes a request as bytes; exchange.c lets a site answer
 * such bytes; jar.c keeps cookies.
 *
 * Must not know: sockets, command lines, any test framework. */
#pragma once
#include "app/app.h"
#include "donjon/test.h"
#include "loop/loop.h"

#define DJ_JAR_MAX          100
#define DJ_TEST_RECORDS_MAX 64
#define DJ_TEST_HEADERS_MAX 256

typedef struct dj_jar_cookie {
    dj_str  name, value, path;
    int64_t expires; /* Unix time; 0: with the client */
    bool    secure;
} dj_jar_cookie;

typedef struct dj_jar {
    dj_scope     *scope;
    dj_jar_cookie cookies[DJ_JAR_MAX];
    size_t        len;
} dj_jar;

struct dj_client {
    dj_scope          *scope;   /* as long as the client */
    dj_scope          *answers; /* what dj_client_forget frees */
    dj_client_options  options;
    const dj_settings *settings;
    dj_site           *site;
    dj_loop           *loop;
    dj_http_limits     limits;
    dj_jar             jar;
};

/* Where a request goes; the way of a redirect changes it. */
typedef struct dj_target {
    dj_str method, host, path; /* path with query, as the request line has it */
    bool   secure, with_body;
} dj_target;

/* The request's bytes. `s` is where they live. */
dj_str dj_test_bytes(dj_scope *s, const dj_client *client, const dj_client_request *r,
                     const dj_target *target, int64_t now);
/* The path with r->query behind it; true if there is something to send as a body. */
dj_str dj_test_path(dj_scope *s, const dj_client_request *r);
bool   dj_test_has_body(const dj_client_request *r);

/* One request and its answer, which lives in client->answers. */
dj_answer *dj_exchange(dj_client *client, dj_str bytes, bool secure, size_t pieces_max);

/* The Cookie header's value for a request, or DJ_NONE. */
dj_str dj_jar_header(dj_scope *s, const dj_jar *jar, dj_str path, bool secure, int64_t now);
/* What a Set-Cookie line asks for. `path` is the request's. */
void                 dj_jar_take(dj_jar *jar, dj_str line, dj_str path, bool secure, int64_t now);
void                 dj_jar_put(dj_jar *jar, const dj_jar_cookie *cookie);
const dj_jar_cookie *dj_jar_find(const dj_jar *jar, dj_str name);
