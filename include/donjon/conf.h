/* include/donjon/conf.h - reads a Django settings file and runs nothing.
 *
 * Grammar and meaning: docs/settings-files.md. Two modes: STRICT for a site's own settings, where
 * anything outside the static subset is an error; AUDIT for existing Django projects, where an
 * expression that needs Python becomes an UNKNOWN value and reading goes on. */
#pragma once
#include "donjon/map.h"
#include "donjon/value.h"

DJ_BEGIN_DECLS

typedef enum dj_conf_mode { DJ_CONF_STRICT, DJ_CONF_AUDIT } dj_conf_mode;

#define DJ_CONF_FILE_MAX ((size_t)1024 * 1024)

/* Names of the files read, and the settings they end with. */
typedef struct dj_conf {
    dj_conf_mode mode;
    dj_map       names; /* upper-case name -> dj_value *, in order of first assignment */
    dj_str      *files; /* absolute paths in order of reading; files[0] is the one asked for */
    size_t       nfiles;
    bool         uses_os_without_import, uses_path_without_import;
    dj_origin    os_use, path_use; /* the first such use */
    /* AUDIT: the statements that could not be read. `names_lost` is set when one of them may have
     * bound any name at all (a star import of a foreign package, exec): then an absent name is
     * unknown, too. */
    const struct dj_conf_gap *gaps;
    size_t                    ngaps;
    bool                      names_lost;
    dj_origin                 names_lost_at;
} dj_conf;

typedef struct dj_conf_gap {
    dj_origin origin;
    dj_str    reason; /* "import of environ", "def", ... */
} dj_conf_gap;

/* Looks a variable up; *value is untouched if it is not set. */
typedef bool (*dj_env_fn)(void *ctx, dj_str name, dj_str *value);

typedef struct dj_conf_options {
    dj_conf_mode mode;
    dj_env_fn    env; /* NULL: the process's environment */
    void        *env_ctx;
} dj_conf_options;

/* What is wrong, for people and for machines. */
typedef struct dj_conf_error {
    dj_str    code; /* "f-string", "name", ... : spec table; "io" if the file can't be read */
    dj_origin origin;
    dj_str    message; /* without the place */
    dj_str    advice;  /* what to write instead; may be empty */
    dj_str text; /* FILE:LINE:COL: error: ... + source line + caret + advice, no final line end */
} dj_conf_error;

/* Reads `path`. On error: *error is filled (lives in `s`), dj_failure_text is error->text and the
 * result is DJ_ERR_SETTINGS. Values from the environment never appear in an error. */
DJ_CHECKED DJ_NONNULL dj_err dj_conf_read(dj_scope *s, dj_str path, const dj_conf_options *options,
                                          dj_conf **out, dj_conf_error *error);

/* The same for a text, as if it stood in a file `name`. */
DJ_CHECKED DJ_NONNULL dj_err dj_conf_read_text(dj_scope *s, dj_str name, dj_str text,
                                               const dj_conf_options *options, dj_conf **out,
                                               dj_conf_error *error);

/* The value of a setting as Django would see it: from the file, else Django's default, else NULL (a
 * name that neither knows). In AUDIT mode with names_lost an absent name gives an UNKNOWN value. */
DJ_NONNULL const dj_value *dj_conf_get(const dj_conf *conf, dj_str name);
/* Was it assigned in the file? */
DJ_NONNULL bool dj_conf_is_set(const dj_conf *conf, dj_str name);

/* The known name nearest to `name` by edit distance <= 2, or DJ_NONE. */
dj_str dj_conf_nearest(dj_scope *s, dj_str name);

DJ_END_DECLS
