/* include/donjon/time.h - dates as HTTP and logs write them. Times are Unix seconds, UTC. */
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
/* Monotonic clock, milliseconds and microseconds. */
int64_t dj_monotonic_ms(void);
int64_t dj_monotonic_us(void);

DJ_END_DECLS
