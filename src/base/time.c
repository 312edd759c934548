/* src/base/time.c - the calendar, and dates as HTTP and logs write them; no locale, no time zones.
 */
#include "donjon/time.h"
#include "donjon/unicode.h"
#include <time.h>

/* Days to date in the proleptic Gregorian calendar, counted in 400-year eras from 1 March of year
 * 0. */
dj_civil dj_civil_of(int64_t t)
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
    return (dj_civil){
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
    dj_civil c = dj_civil_of(t);
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

/* -- reading an HTTP date -- */

static int64_t days_of(const dj_civil *c)
{
    int64_t  year = c->year - (c->month <= 2);
    int64_t  era = (year >= 0 ? year : year - 399) / 400;
    unsigned in_era = (unsigned)(year - era * 400);
    unsigned shifted_month = c->month > 2 ? c->month - 3 : c->month + 9; /* March is 0 */
    unsigned in_year = (153 * shifted_month + 2) / 5 + c->day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

int64_t dj_civil_unix(const dj_civil *c)
{
    return days_of(c) * 86400 + (int64_t)(c->hour * 3600 + c->minute * 60 + c->second);
}

bool dj_is_leap_year(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

unsigned dj_days_in_month(int64_t year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (unsigned)(month == 2 && dj_is_leap_year(year));
}

/* 1-12, or 0. */
static unsigned month_of(const char name[3])
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (unsigned i = 0; i < 12; i++) {
        const char *want = names + 3 * (size_t)i;
        if (want[0] == dj_to_lower(name[0]) && want[1] == dj_to_lower(name[1]) &&
            want[2] == dj_to_lower(name[2]))
            return i + 1;
    }
    return 0;
}

/* `form` has D d Y h m s for a digit of day (d: or a blank), year, hour, minute, second; N for a
 * letter of the month; other characters stand for themselves. */
static bool read_form(dj_str text, const char *form, dj_civil *c)
{
    char   month[3];
    size_t nmonth = 0;
    if (text.len != strlen(form))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char      is = text.ptr[i];
        unsigned *field = NULL;
        unsigned  digit = (unsigned)(is - '0');
        switch (form[i]) {
        case 'N':
            month[nmonth++] = is;
            continue;
        case 'd':
            if (is == ' ')
                continue;
            field = &c->day;
            break;
        case 'D':
            field = &c->day;
            break;
        case 'h':
            field = &c->hour;
            break;
        case 'm':
            field = &c->minute;
            break;
        case 's':
            field = &c->second;
            break;
        case 'Y':
            break;
        default:
            if (is != form[i])
                return false;
            continue;
        }
        if (!dj_is_digit(is))
            return false;
        if (field != NULL)
            *field = *field * 10 + digit;
        else
            c->year = c->year * 10 + digit;
    }
    c->month = month_of(month);
    return true;
}

static bool is_real(const dj_civil *c)
{
    if (c->month == 0 || c->day == 0 || c->year < 1 || c->hour > 23 || c->minute > 59 ||
        c->second > 59)
        return false;
    return c->day <= dj_days_in_month(c->year, c->month);
}

bool dj_http_date_parse(dj_str text, int64_t now, int64_t *out)
{
    dj_civil c = {0};
    size_t   name = 0; /* of the day: characters of a word in Latin-1, whatever they say */
    bool     read;
    while (name < text.len && dj_cp_is_word((unsigned char)text.ptr[name]))
        name++;
    dj_str rest = dj_str_from(text, name);
    if (name == 3 && dj_str_starts(rest, DJ_LIT(",")))
        read = read_form(rest, ", DD NNN YYYY hh:mm:ss GMT", &c);
    else if (name == 3)
        read = read_form(rest, " NNN dD hh:mm:ss YYYY", &c);
    else
        read = name >= 6 && name <= 9 && read_form(rest, ", DD-NNN-YY hh:mm:ss GMT", &c);
    if (!read)
        return false;
    if (c.year < 100) {
        int64_t this_year = dj_civil_of(now).year, in_century = this_year % 100;
        c.year += this_year - in_century - (c.year - in_century > 50 ? 100 : 0);
    }
    if (!is_real(&c))
        return false;
    *out = dj_civil_unix(&c);
    return true;
}

void dj_iso_time(char out[DJ_ISO_TIME_LEN], int64_t time_us)
{
    int64_t seconds = time_us / 1000000, micro = time_us % 1000000;
    if (micro < 0) {
        micro += 1000000;
        seconds--;
    }
    dj_civil c = dj_civil_of(seconds);
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
