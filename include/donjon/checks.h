/* include/donjon/checks.h - system checks: what is wrong with a site's settings, routes, files,
 * program.
 *
 * Django's framework (topics/checks): a check is a function that may report messages; it carries
 * tags; some run only with --deploy. Ids, levels, order and counts are Django's; Donjon's own have
 * ids "donjon.X000". A program adds its own checks in dj_app.checks.
 *
 * Nothing is guessed: a check that asks for a setting whose value is UNKNOWN (audit of a file that
 * needs Python) decides nothing, and the run reports donjon.I002 with the place. */
#pragma once
#include "donjon/conf.h"
#include "donjon/routes.h"

DJ_BEGIN_DECLS

typedef struct dj_check_run dj_check_run; /* what a check sees and reports to */

typedef struct dj_check {
    const char *tags;   /* "security urls": words, may be empty (then it runs only when no tag is
                           asked for) */
    bool        deploy; /* only with --deploy */
    const char *ids;    /* what it may report: "security.W004 security.W005" */
    void (*fn)(dj_check_run *c);
} dj_check;

typedef struct dj_check_message {
    dj_level  level;
    dj_str    id;     /* "security.W018" */
    dj_str    text;   /* one line */
    dj_str    hint;   /* what to write instead; or none */
    dj_str    object; /* what it concerns, as Django prints it; none: "?" */
    dj_origin origin; /* the line to change. Line 0, column 0: the setting stands nowhere, .file is
                         where it could; line 0, column 1: the file as a whole */
} dj_check_message;

/* -- for the functions of checks -- */

/* The setting as Django would see it: from the file or the default. NULL if it is UNKNOWN, or has
 * something UNKNOWN inside: then this is noted (donjon.I002) and the check returns. NULL too for a
 * name that has no default and is not set. */
DJ_NONNULL const dj_value *dj_check_setting(dj_check_run *c, const char *name);
/* Where the setting is set, else the main settings file with line 0. */
DJ_NONNULL dj_origin dj_check_origin(dj_check_run *c, const char *name);
/* `hint` may be NULL. Secrets never enter a text. */
void dj_check_report(dj_check_run *c, dj_level level, const char *id, dj_origin origin,
                     const char *hint, const char *fmt, ...) DJ_FORMAT(6, 7)
    __attribute__((nonnull(1, 3, 6)));
DJ_NONNULL dj_scope *dj_check_scope(dj_check_run *c);

/* -- running -- */

/* What a program brings to its templates. */
struct dj_library;
struct dj_embedded_templates;
typedef struct dj_check_templates {
    const struct dj_library *const     *libraries; /* dj_app.libraries */
    size_t                              nlibraries;
    const struct dj_embedded_templates *embedded; /* dj_app.templates; or NULL */
} dj_check_templates;

typedef struct dj_check_input {
    const dj_conf *conf;
    dj_str         base; /* absolute folder: relative paths in settings start there */
    dj_env_fn      env;  /* NULL: the process's */
    void          *env_ctx;
    const dj_urls *urls; /* the program's table; NULL: an audit of someone else's project */
    const char *const *
        middleware; /* names of the program's own layers, for MIDDLEWARE; ends with NULL; or NULL */
    const dj_check           *checks; /* the program's own */
    size_t                    nchecks;
    const dj_check_templates *templates; /* walk the site's templates; NULL: don't */
    bool program; /* this program serves the site: look at its binary and process too */
} dj_check_input;

typedef struct dj_check_options {
    const dj_str *tags; /* run only checks that carry one of them; none: all */
    size_t        ntags;
    bool          deploy;
    const char *leave_out; /* a tag whose checks don't run ("donjon": Django's alone); NULL: none */
} dj_check_options;

typedef struct dj_check_result {
    const dj_check_message *messages; /* visible ones in the order of printing */
    size_t                  len;
    const dj_check_message *silenced; /* by SILENCED_SYSTEM_CHECKS, sorted too */
    size_t                  nsilenced;
    bool                    undecided; /* a donjon.I002 is among the messages */
} dj_check_result;

/* Cannot fail: what can't be looked at is a message. Names unknown to dj_check_tags are the
 * caller's error. */
DJ_NONNULL void dj_checks_run(dj_scope *s, const dj_check_input *input,
                              const dj_check_options *options, dj_check_result *out);
/* Is one of the visible messages at `level` or above? */
DJ_NONNULL bool dj_checks_failed(const dj_check_result *result, dj_level level);
/* The tags of the checks that such a run could choose from, sorted; contrib tags only for installed
 * apps. */
DJ_NONNULL const dj_str *dj_check_tags(dj_scope *s, const dj_check_input *input,
                                       const dj_check_options *options, size_t *len);

/* What Django refuses before any check runs (ImproperlyConfigured at start): unknown or doubled
 * apps, unknown time zone, missing ROOT_URLCONF, broken TEMPLATES. For a site's own settings; an
 * audit can't know them. */
typedef struct dj_setup_problem {
    dj_origin origin;
    dj_str    message, advice;
} dj_setup_problem;
DJ_NONNULL const dj_setup_problem *dj_checks_setup(dj_scope *s, const dj_check_input *input,
                                                   size_t *len);

/* Labels of INSTALLED_APPS ("auth"); an entry that is UNKNOWN sets *unknown. */
DJ_NONNULL const dj_str *dj_check_app_labels(dj_scope *s, const dj_check_input *input, size_t *len,
                                             bool *unknown);

/* -- the catalogue: every id that some check of ours may report, for docs and --list-checks -- */

typedef struct dj_check_info {
    dj_str id, summary, tags;
    bool   deploy;
} dj_check_info;
DJ_NONNULL const dj_check_info *dj_check_catalogue(dj_scope *s, size_t *len);

/* -- reports -- */

typedef struct dj_check_report_options {
    dj_level fail_level;
    bool     color;   /* text only */
    bool     origins; /* text: a line "\tAT: FILE:LINE:COLUMN" below a message that has one */
    bool     audited; /* machine formats say which mode it was */
    dj_str   cwd;     /* paths below it are shown relative to it; none: absolute */
    dj_str   version; /* of the tool */
} dj_check_report_options;

/* Django's layout, byte for byte: "System check identified ..." Goes to stderr if there are visible
 * messages, else to stdout. */
DJ_NONNULL dj_str dj_check_report_text(dj_scope *s, const dj_check_result *r,
                                       const dj_check_report_options *o);
DJ_NONNULL dj_str dj_check_report_json(dj_scope *s, const dj_check_result *r,
                                       const dj_check_report_options *o);
/* SARIF 2.1.0 (OASIS). */
DJ_NONNULL dj_str dj_check_report_sarif(dj_scope *s, const dj_check_result *r,
                                        const dj_check_report_options *o);
DJ_NONNULL dj_str dj_check_report_junit(dj_scope *s, const dj_check_result *r,
                                        const dj_check_report_options *o);
/* Workflow commands of GitHub Actions. */
DJ_NONNULL dj_str dj_check_report_github(dj_scope *s, const dj_check_result *r,
                                         const dj_check_report_options *o);

DJ_END_DECLS
