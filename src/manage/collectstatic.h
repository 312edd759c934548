/* src/manage/collectstatic.h - the parts of collectstatic, one file each: the command, hashed
 * names, links inside files, writing. */
#pragma once
#include "app/static.h"
#include "manage/manage.h"

/* -- links inside files: collectstatic_rewrite.c -- */

typedef enum dj_static_language { DJ_STATIC_CSS, DJ_STATIC_JS } dj_static_language;
/* What to write for `url`; *replacement stays DJ_NONE to leave the whole link as it is. */
typedef dj_err dj_static_link(void *ctx, dj_str url, dj_str *replacement);
/* `text` (UTF-8) with its links replaced: url(), @import and source maps of CSS, source maps of
 * JavaScript; what stands in a comment is left alone. An error of `link` is passed on, with *at the
 * offset of the link in the text as it was then. */
DJ_CHECKED dj_err dj_static_rewrite(dj_scope *s, dj_static_language language, dj_str text,
                                    dj_static_link *link, void *ctx, dj_str *out, size_t *line);

/* -- writing: collectstatic_write.c -- */

/* STATIC_ROOT, opened. What is written there is whole or not there: each file gets its name when
 * all of it is on disk. */
typedef struct dj_static_out {
    dj_scope *scope;
    dj_str    path; /* of STATIC_ROOT */
    int       root; /* -1: not there yet (dry run) */
    int       staging;
    mode_t    file_mode, folder_mode;
} dj_static_out;
/* Makes the folder, unless it is a dry run, and locks it against another collectstatic. */
DJ_CHECKED dj_err dj_static_out_open(dj_scope *s, dj_str path, const dj_settings *settings,
                                     bool dry_run, dj_static_out *out);
/* False: nothing regular of that name. */
bool dj_static_out_stat(dj_scope *s, const dj_static_out *out, dj_str name, struct stat *st);
DJ_CHECKED dj_err dj_static_out_write(dj_scope *s, const dj_static_out *out, dj_str name,
                                      dj_str bytes);
/* Copies an open file. `md5` NULL: no digest. */
DJ_CHECKED dj_err dj_static_out_copy(dj_scope *s, const dj_static_out *out, dj_str name, int fd,
                                     dj_md5 *md5, char hex[DJ_MD5_HEX]);
/* Gone or never there. */
DJ_CHECKED dj_err dj_static_out_remove(dj_scope *s, const dj_static_out *out, dj_str name);
/* "name.gz" and "name.br" for `bytes`, where they are smaller. */
DJ_CHECKED dj_err dj_static_out_compress(dj_scope *s, const dj_static_out *out, dj_str name,
                                         dj_str bytes);
/* All that was written survives a loss of power from here on. */
DJ_CHECKED dj_err dj_static_out_sync(dj_scope *s, const dj_static_out *out);

/* -- hashed names: collectstatic_hash.c -- */

typedef struct dj_static_item {
    dj_str   name;   /* below STATIC_ROOT */
    dj_str   path;   /* below its source */
    size_t   source; /* index */
    uint64_t size;
    int64_t  mtime;
    bool     adjustable;
    char     original[DJ_MD5_HEX]; /* digest of its own bytes */
    dj_str   hashed;               /* the newest hashed name; none yet */
} dj_static_item;

typedef struct dj_collection {
    dj_scope          *scope;
    const dj_settings *settings;
    dj_str             static_url;
    dj_md5            *md5;
    dj_static_out      out;
    dj_static_sources  sources;
    int               *roots; /* of the sources; -1: not there */
    dj_static_item    *items;
    size_t             len, cap;
    dj_map             by_name;
    size_t             post_processed;
    void (*progress)(void *ctx, const char *what, size_t done, size_t all);
    void (*log)(void *ctx, int verbosity, dj_str line);
    void *ctx;
} dj_collection;

/* Bytes of a source file, in `s`. DJ_ERR_LIMIT over `max`. */
DJ_CHECKED dj_err dj_static_item_read(dj_scope *s, const dj_collection *c,
                                      const dj_static_item *item, size_t max, dj_str *out);
/* Every item gets its hashed name, and a copy of that name; then the manifest. */
DJ_CHECKED dj_err dj_collection_post_process(dj_collection *c);
