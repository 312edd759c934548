/* include/donjon/time.h - dates as HTTP and logs write them, the calendar, the local zone. Times
 * are Unix seconds, UTC. */
#pragma once
#include "donjon/scope.h"

DJ_BEGIN_DECLS

#define DJ_HTTP_DATE_LEN 29
/* "Thu, 01 Jan 2026 00:00:00 GMT" (RFC 9110 5.6.7) into `out`, no NUL. Years 1-9999. */
DJ_NONNULL void   dj_http_date(char out[DJ_HTTP_DATE_LEN], int64_t t);
DJ_NONNULL dj_str dj_http_date_str(dj_scope *s, int64_t t);
/* Reads one of the three forms of RFC 9110 5.6.7: "Thu, 01 Jan 2026 00:00:00 GMT", "Thursday,
 * 01-Jan-26 00:00:00 GMT", "Thu Jan  1 00:00:00 2026". Months in any case; the day of the week is
 * not looked at; a year of two digits that would be more than 50 years ahead of `now` is one of the
 * past century. False: not a date, *out untouched. Django: parse_http_date. */
DJ_CHECKED DJ_NONNULL bool dj_http_date_parse(dj_str text, int64_t now, int64_t *out);
#define DJ_ISO_TIME_LEN 27
/* "2026-01-01T00:00:00.000000Z" (RFC 3339) into `out`, no NUL. */
DJ_NONNULL void dj_iso_time(char out[DJ_ISO_TIME_LEN], int64_t time_us);

/* -- the calendar: Gregorian, also before there was one -- */

typedef struct dj_civil {
    int64_t  year;
    unsigned month, day, weekday, hour, minute, second; /* month and day from 1; Sunday is 0 */
} dj_civil;
dj_civil           dj_civil_of(int64_t t);
DJ_NONNULL int64_t dj_civil_unix(const dj_civil *c); /* weekday is not looked at */
bool               dj_is_leap_year(int64_t year);
unsigned           dj_days_in_month(int64_t year, unsigned month); /* 1-12 */

/* -- the local zone: the process has one, TIME_ZONE -- */

/* Sets it, once at start, before there are threads. DJ_ERR_SETTINGS: the system has no such zone.
 * A system without zones at all knows only UTC, and so do the times that it shows then. */
DJ_CHECKED DJ_NONNULL dj_err dj_time_zone_set(dj_scope *s, dj_str name);
/* Does the system's zoneinfo have it? True if the system has no zoneinfo: nothing can be said. */
DJ_NONNULL bool dj_time_zone_exists(dj_scope *s, dj_str name);

typedef struct dj_zone_time {
    int32_t utc_offset; /* seconds east */
    bool    dst;
    char    name[16]; /* "CET" */
} dj_zone_time;
/* What the local zone does at that time. */
DJ_NONNULL void dj_zone_at(int64_t t, dj_zone_time *out);

/* Monotonic clock, milliseconds and microseconds. */
int64_t dj_monotonic_ms(void);
int64_t dj_monotonic_us(void);

DJ_END_DECLS
