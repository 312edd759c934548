/* src/base/time.c - dates as HTTP and logs write them; no locale, no time zone files. */
#include "donjon/time.h"
#include <time.h>

typedef struct civil {
    int64_t  year;
    unsigned month, day, weekday, hour, minute, second;
} civil;

/* Days to date in the proleptic Gregorian calendar, counted in 400-year eras from 1 March of year 0. */
static civil civil_of(int64_t t)
{
    int64_t days = t / 86400, rest = t % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t  shifted = days + 719468; /* 0000-03-01 to 1970-01-01 */
    int64_t  era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    unsigned in_era = (unsigned)(shifted - era * 146097);
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned shifted_month = (5 * in_year + 2) / 153; /* March is 0 */
    unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    int64_t  weekday = (days + 4) % 7; /* 1970-01-01 was a Thursday; Sunday is 0 */
    return (civil){
        .year = (int64_t)year + era * 400 + (month <= 2),
        .month = month,
        .day = in_year - (153 * shifted_month + 2) / 5 + 1,
        .weekday = (unsigned)(weekday < 0 ? weekday + 7 : weekday),
        .hour = (unsigned)(rest / 3600),
        .minute = (unsigned)(rest / 60 % 60),
        .second = (unsigned)(rest % 60),
    };
}

static void put2(char *out, unsigned n)
{
    out[0] = (char)('0' + n / 10 % 10);
    out[1] = (char)('0' + n % 10);
}

static void put4(char *out, int64_t n)
{
    put2(out, (unsigned)(n / 100));
    put2(out + 2, (unsigned)(n % 100));
}

void dj_http_date(char out[DJ_HTTP_DATE_LEN], int64_t t)
{
    civil c = civil_of(t);
    memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", DJ_HTTP_DATE_LEN);
    memcpy(out, &"SunMonTueWedThuFriSat"[3 * (size_t)c.weekday], 3);
    put2(out + 5, c.day);
    memcpy(out + 8, &"JanFebMarAprMayJunJulAugSepOctNovDec"[3 * (size_t)(c.month - 1)], 3);
    put4(out + 12, c.year);
    put2(out + 17, c.hour);
    put2(out + 20, c.minute);
    put2(out + 23, c.second);
}

dj_str dj_http_date_str(dj_scope *s, int64_t t)
{
    char *out = dj_alloc_raw(s, DJ_HTTP_DATE_LEN);
    dj_http_date(out, t);
    return dj_str_n(out, DJ_HTTP_DATE_LEN);
}

void dj_iso_time(char out[DJ_ISO_TIME_LEN], int64_t time_us)
{
    int64_t seconds = time_us / 1000000, micro = time_us % 1000000;
    if (micro < 0) {
        micro += 1000000;
        seconds--;
    }
    civil c = civil_of(seconds);
    memcpy(out, "1970-01-01T00:00:00.000000Z", DJ_ISO_TIME_LEN);
    put4(out, c.year);
    put2(out + 5, c.month);
    put2(out + 8, c.day);
    put2(out + 11, c.hour);
    put2(out + 14, c.minute);
    put2(out + 17, c.second);
    put2(out + 20, (unsigned)(micro / 10000));
    put4(out + 22, micro % 10000);
}

int64_t dj_monotonic_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t dj_monotonic_ms(void)
{
    return dj_monotonic_us() / 1000;
}
