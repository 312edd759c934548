/* src/app/static.h - static files from the inside: where they come from, what collectstatic called
 * them, what is served.
 *
 * In production a site answers from an index of STATIC_ROOT that is made at start; a name that a
 * client made up never reaches the file system. With DEBUG files come straight from where they are
 * written: STATICFILES_DIRS and the apps. */
#pragma once
#include "app/app.h"
#include "crypto/crypto.h"
#include "http/files.h"
#include <sys/stat.h>

/* -- folders: static_find.c -- */

/* A folder whose files are collected: STATICFILES_DIRS, then "static" of local apps. */
typedef struct dj_static_source {
    dj_str prefix; /* "admin/" stands before its names, or "" */
    dj_str folder; /* absolute */
} dj_static_source;
typedef struct dj_static_sources {
    dj_static_source *items;
    size_t            len;
} dj_static_sources;
/* As STATICFILES_FINDERS says; relative folders start at `cwd`. An app is looked for where Python
 * would find it: a folder of its name below `cwd`. DJ_ERR_SETTINGS. */
DJ_CHECKED dj_err dj_static_sources_of(dj_scope *s, const dj_settings *settings, dj_str cwd,
                                       dj_static_sources *out);

/* What is found in a folder. `path` is relative to it; *st that of the file. A result that is not
 * DJ_OK ends the walk. */
typedef dj_err dj_static_visit(void *ctx, dj_str path, const struct stat *st);
typedef struct dj_static_walk {
    int                root;   /* open folder */
    const dj_str_list *ignore; /* glob patterns of names and of whole paths */
    dj_static_visit   *file;
    /* A link that leads out of the folder or nowhere, a name that is not UTF-8, something that is
     * neither file nor folder. NULL: the walk ends with an error. */
    void (*odd)(void *ctx, dj_str path, const char *why);
    void *ctx;
} dj_static_walk;
/* Every regular file below, folder by folder, sorted by name. */
DJ_CHECKED dj_err dj_static_walk_run(dj_scope *s, const dj_static_walk *walk);
/* Python's fnmatchcase() with one of them. */
bool dj_static_matches(dj_scope *s, dj_str name, const dj_str_list *patterns);

/* openat2 that no "..", no absolute path and no link leads out of; -1 and errno (EXDEV: it tried).
 */
int dj_open_beneath(int folder, const char *path, int flags);

/* -- names: static_manifest.c -- */

#define DJ_STATIC_MANIFEST "staticfiles.json"

typedef struct dj_static_pair {
    dj_str name, hashed;
} dj_static_pair;
typedef struct dj_static_manifest {
    dj_map paths; /* name -> dj_str *: the hashed one */
} dj_static_manifest;
/* DJ_ERR_MALFORMED: no JSON, or not of version 1.0 or 1.1. */
DJ_CHECKED dj_err dj_static_manifest_parse(dj_scope *s, dj_str text, dj_static_manifest *out);
/* Of STATIC_ROOT; DJ_ERR_MISSING if there is none. */
DJ_CHECKED dj_err dj_static_manifest_read(dj_scope *s, dj_str static_root, dj_static_manifest *out);
/* As Django writes it; sorts `pairs` by name. */
dj_str dj_static_manifest_text(dj_scope *s, dj_md5 *md5, dj_static_pair *pairs, size_t n);
/* "css/a.css" and 12 digits to "css/a.0123456789ab.css"; a query or fragment in the name (which
 * Django reads as one) stays behind. */
dj_str dj_static_hashed_name(dj_scope *s, dj_str name, dj_str hash);
/* Is there a hash of 12 digits in front of the extension? */
bool dj_static_is_hashed(dj_str name);

/* STATIC_URL as templates see it: "static/" is "/static/". DJ_NONE: not set. */
dj_str dj_static_prefix(dj_scope *s, const dj_settings *settings);
/* Does `{% static %}` ask the manifest? */
bool dj_static_uses_manifest(const dj_settings *settings);
/* What `{% static path %}` says, not escaped. Without 'django.contrib.staticfiles' in
 * INSTALLED_APPS the path is only quoted and joined. DJ_ERR_MALFORMED (Django's ValueError): not in
 * the manifest; DJ_ERR_SETTINGS: no STATIC_URL. */
DJ_CHECKED dj_err dj_static_url(dj_scope *s, const struct dj_site *site, dj_str path, dj_str *out);

/* -- serving: static_index.c makes it, static_serve.c answers from it -- */

/* One coding of a file. */
typedef struct dj_static_body {
    const char *path;  /* below STATIC_ROOT */
    const char *mark;  /* of its coding, in the ETag: ".gz", or "" */
    const char *bytes; /* small ones are kept in memory; NULL: in the file */
    int         fd;    /* -1: not opened yet */
    uint64_t    size;
    int64_t     mtime, mtime_ns; /* seconds, and the rest */
    dj_header   etag, modified;
    dj_str      etag_value;
} dj_static_body;

typedef struct dj_static_entry {
    dj_header       type, cache;
    bool            document; /* opened by itself it is a page: HTML, SVG, XML, PDF */
    unsigned        codings;  /* bits 1 << dj_coding of those below */
    dj_static_body *bodies[DJ_CODINGS];
} dj_static_entry;

typedef struct dj_static {
    dj_str             prefix; /* of paths: "/static/" */
    int                root;   /* STATIC_ROOT; -1 with DEBUG */
    dj_map             entries;
    dj_static_manifest manifest;
    bool               has_manifest;
    dj_static_sources  sources; /* DEBUG */
    unsigned           nopen;   /* descriptors that are kept */
} dj_static;

/* Looks at STATIC_ROOT, or with DEBUG at the folders of sources. *out is NULL if the settings want
 * nothing served. A STATIC_ROOT that is not there yet is a warning in the log. */
DJ_CHECKED dj_err dj_static_new(dj_scope *s, const dj_settings *settings, dj_static **out);
/* NULL without a (readable) one. */
const dj_static_manifest *dj_static_manifest_of(const dj_static *st);
/* What is known of a file once it is open. `mark` tells codings of one file apart. DJ_ERR_LIMIT. */
DJ_CHECKED dj_err dj_static_describe(dj_scope *s, const struct stat *st, const char *mark,
                                     dj_static_body *body);
/* The layer that site.c puts behind SecurityMiddleware. State: dj_static. */
extern const dj_middleware dj_static_layer;
