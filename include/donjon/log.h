/* include/donjon/log.h - records, on loggers with Django's names.
 *
 * "django.request", "django.security.DisallowedHost", "django.security.csrf", "donjon.server", ...
 * A level is set per logger and inherited at the dots, as in Python. One record is one line:
 * control characters, line ends and bytes that are not UTF-8 are written escaped (\n, \x1b), so no
 * input can forge a line. Writing never blocks the caller for long and never fails it: a record
 * that can't be written is counted and the count is reported when writing works again. A line has
 * at most PIPE_BUF (4096) bytes: a longer message is cut and ends with "...". Passwords in URLs
 * (user:password@) are written as asterisks. */
#pragma once
#include "donjon/scope.h"

DJ_BEGIN_DECLS

/* What a record knows about its request; all may be absent. */
typedef struct dj_log_context {
    int    status; /* 0: none */
    dj_str method, path, client, request_id;
    dj_str detail; /* what failed and where; for the operator alone */
} dj_log_context;

typedef struct dj_log_record {
    dj_str                logger;
    dj_level              level;
    dj_str                message; /* as given; sinks escape it */
    int64_t               time_us;
    const dj_log_context *context; /* or NULL */
} dj_log_record;

/* `context` may be NULL. Cheap when nobody listens at that level. */
void dj_log(dj_str logger, dj_level level, const dj_log_context *context, const char *fmt, ...)
    DJ_FORMAT(4, 5) __attribute__((nonnull(4)));
/* Is a record of that level written at all? */
bool dj_log_enabled(dj_str logger, dj_level level);

typedef enum dj_log_format { DJ_LOG_TEXT, DJ_LOG_JSON } dj_log_format;

/* Process-wide configuration; set at start, before threads and workers. Strings are copied. */
typedef struct dj_log_target {
    dj_str
        to; /* "stderr", "syslog", "syslog:SOCKET", or a path (opened for appending, mode 0640) */
    dj_log_format format;
} dj_log_target;
DJ_CHECKED DJ_NONNULL dj_err dj_log_open(dj_scope *s, const dj_log_target *target);
/* Opens the same path again (after logrotate); called on SIGHUP. */
DJ_CHECKED DJ_NONNULL dj_err dj_log_reopen(dj_scope *s);
/* Level of `logger` and all below it that have none of their own; "" is the root (default INFO). */
void dj_log_set_level(dj_str logger, dj_level level);
/* Takes every record instead of the target (tests, conformance); NULL gives it back. */
void dj_log_capture(void (*sink)(const dj_log_record *record, void *ctx), void *ctx);

/* "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL". */
dj_str dj_level_name(dj_level level);

DJ_END_DECLS
