/* src/template/moment.c - dates and times as text: Django's format characters, ISO 8601.
 *
 * Django: django/utils/dateformat.py. A naive datetime counts as one of the local zone (TIME_ZONE)
 * where a format asks for a zone; a date or a time of day has none.
 *
 * Must not know: requests, settings. The zone is the process's (base/zone.c). */
#include "donjon/time.h"
#include "template/template.h"

/* -- zones -- */

static dj_civil civil_of(const dj_moment *m)
{
    return (dj_civil){.year = m->year,
                      .month = m->month,
                      .day = m->day,
                      .hour = m->hour,
                      .minute = m->minute,
                      .second = m->second};
}

/* What the local zone does at a local time. False: clocks show that time twice, or never; *at is
 * then what held before the change, as Python's fold=0 has it. */
static bool zone_of_local(int64_t wall, dj_zone_time *at)
{
    dj_zone_time before, after, then;
    dj_zone_at(wall - 86400, &before);
    dj_zone_at(wall + 86400, &after);
    *at = before;
    if (before.utc_offset == after.utc_offset) {
        dj_zone_at(wall - before.utc_offset, at); /* the name may change, and summer begin */
        return true;
    }
    dj_zone_at(wall - before.utc_offset, &then);
    bool as_before = then.utc_offset == before.utc_offset;
    dj_zone_at(wall - after.utc_offset, &then);
    bool as_after = then.utc_offset == after.utc_offset;
    if (as_before == as_after)
        return false;
    dj_zone_at(wall - (as_before ? before.utc_offset : after.utc_offset), at);
    return true;
}

int64_t dj_moment_unix(const dj_moment *m)
{
    dj_civil     c = civil_of(m);
    dj_zone_time at;
    int64_t      wall = dj_civil_unix(&c);
    if (m->aware)
        return wall - m->utc_offset;
    zone_of_local(wall, &at);
    return wall - at.utc_offset;
}

dj_moment dj_moment_local(const dj_moment *m)
{
    int64_t      t = dj_moment_unix(m);
    dj_zone_time at;
    dj_zone_at(t, &at);
    dj_civil c = dj_civil_of(t + at.utc_offset);
    return (dj_moment){
        .year = (int32_t)c.year,
        .month = (uint8_t)c.month,
        .day = (uint8_t)c.day,
        .hour = (uint8_t)c.hour,
        .minute = (uint8_t)c.minute,
        .second = (uint8_t)c.second,
        .microsecond = m->microsecond,
        .utc_offset = at.utc_offset,
        .aware = true,
        .local = true,
    };
}

/* -- ISO 8601 -- */

/* "+02:00", with seconds where there are some. */
static void add_offset(dj_buf *b, int32_t seconds, bool colon)
{
    unsigned n = (unsigned)(seconds < 0 ? -seconds : seconds);
    dj_buf_addf(b, "%c%02u%s%02u", seconds < 0 ? '-' : '+', n / 3600, colon ? ":" : "",
                n / 60 % 60);
    if (n % 60 != 0)
        dj_buf_addf(b, "%s%02u", colon ? ":" : "", n % 60);
}

void dj_moment_iso(const dj_moment *m, dj_var_kind kind, char between, dj_buf *out)
{
    if (kind != DJ_VAR_TIME)
        dj_buf_addf(out, "%04d-%02u-%02u", m->year, m->month, m->day);
    if (kind == DJ_VAR_DATETIME)
        dj_buf_add_byte(out, between);
    if (kind == DJ_VAR_DATE)
        return;
    dj_buf_addf(out, "%02u:%02u:%02u", m->hour, m->minute, m->second);
    if (m->microsecond != 0)
        dj_buf_addf(out, ".%06u", m->microsecond);
    if (m->aware)
        add_offset(out, m->utc_offset, true);
}

/* -- format characters -- */

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
/* As the Associated Press has them. */
static const char *const months_ap[] = {"Jan.", "Feb.", "March", "April", "May",  "June",
                                        "July", "Aug.", "Sept.", "Oct.",  "Nov.", "Dec."};
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

typedef struct formatter {
    const dj_moment *m;
    dj_var_kind      kind;
    dj_buf          *out;
    bool             has_zone; /* of a datetime: aware, or local because it is naive */
    bool             clear;    /* the zone is; see zone_of_local */
    dj_zone_time     zone;
} formatter;

static unsigned weekday_of(const dj_moment *m)
{
    dj_civil c = civil_of(m);
    return dj_civil_of(dj_civil_unix(&c)).weekday;
}

static unsigned day_of_year(int64_t year, unsigned month, unsigned day)
{
    for (unsigned before = 1; before < month; before++)
        day += dj_days_in_month(year, before);
    return day;
}

static int weeks_in_year(int64_t year)
{
    dj_moment last = {.year = (int32_t)year, .month = 12, .day = 31};
    unsigned  weekday = weekday_of(&last);
    return weekday == 4 || (weekday == 5 && dj_is_leap_year(year)) ? 53 : 52;
}

/* ISO 8601: week 1 has the year's first Thursday. */
static int iso_week(const dj_moment *m, int32_t *year)
{
    int weekday = (int)(weekday_of(m) + 6) % 7 + 1; /* Monday is 1 */
    int week = ((int)day_of_year(m->year, m->month, m->day) - weekday + 10) / 7;
    *year = m->year;
    if (week < 1)
        return weeks_in_year(--*year);
    if (week > weeks_in_year(m->year)) {
        ++*year;
        return 1;
    }
    return week;
}

/* The zone's name as Python has it: of a fixed offset "UTC+02:00". */
static void add_zone_name(formatter *f)
{
    if (f->m->aware && !f->m->local) {
        dj_buf_add(f->out, DJ_LIT("UTC"));
        if (f->m->utc_offset != 0)
            add_offset(f->out, f->m->utc_offset, true);
    } else {
        dj_buf_add(f->out, dj_str_of(f->zone.name));
    }
}

static void add_hour12(formatter *f)
{
    unsigned hour = f->m->hour % 12;
    dj_buf_addf(f->out, "%u", hour == 0 ? 12 : hour);
}

static void add_short_time(formatter *f)
{
    add_hour12(f);
    if (f->m->minute != 0)
        dj_buf_addf(f->out, ":%02u", f->m->minute);
}

static void add_time_in_words(formatter *f)
{
    const dj_moment *m = f->m;
    if (m->minute == 0 && m->hour % 12 == 0) {
        dj_buf_add(f->out, m->hour == 0 ? DJ_LIT("midnight") : DJ_LIT("noon"));
        return;
    }
    add_short_time(f);
    dj_buf_add(f->out, m->hour > 11 ? DJ_LIT(" p.m.") : DJ_LIT(" a.m."));
}

/* RFC 5322. A date is its midnight. */
static void add_mail_date(formatter *f)
{
    const dj_moment *m = f->m;
    dj_buf_addf(f->out, "%.3s, %02u %.3s %04d %02u:%02u:%02u ", days[weekday_of(m)], m->day,
                months[m->month - 1], m->year, m->hour, m->minute, m->second);
    add_offset(f->out, f->zone.utc_offset, false);
}

/* int() of a fraction: towards zero. */
static void add_unix_time(formatter *f)
{
    int64_t t = dj_moment_unix(f->m);
    dj_buf_add_int(f->out, t < 0 && f->m->microsecond > 0 ? t + 1 : t);
}

/* Characters about the zone: nothing if there is none, or it is not clear. */
static void add_zone_char(formatter *f, char c)
{
    int32_t  offset = f->zone.utc_offset;
    unsigned n = (unsigned)(offset < 0 ? -offset : offset);
    if (!f->has_zone || (c == 'e' && !f->m->aware))
        return;
    if (c == 'e' || (c == 'T' && f->clear))
        add_zone_name(f);
    else if (!f->clear)
        return;
    else if (c == 'I')
        dj_buf_add_byte(f->out, f->zone.dst ? '1' : '0');
    else if (c == 'O')
        dj_buf_addf(f->out, "%c%02u%02u", offset < 0 ? '-' : '+', n / 3600, n / 60 % 60);
    else if (c == 'Z')
        dj_buf_addf(f->out, "%d", offset);
}

static void add_time_char(formatter *f, char c)
{
    const dj_moment *m = f->m;
    switch (c) {
    case 'a':
        dj_buf_add(f->out, m->hour > 11 ? DJ_LIT("p.m.") : DJ_LIT("a.m."));
        break;
    case 'A':
        dj_buf_add(f->out, m->hour > 11 ? DJ_LIT("PM") : DJ_LIT("AM"));
        break;
    case 'f':
        add_short_time(f);
        break;
    case 'g':
        add_hour12(f);
        break;
    case 'G':
        dj_buf_addf(f->out, "%u", m->hour);
        break;
    case 'h':
        dj_buf_addf(f->out, "%02u", m->hour % 12 == 0 ? 12 : m->hour % 12);
        break;
    case 'H':
        dj_buf_addf(f->out, "%02u", m->hour);
        break;
    case 'i':
        dj_buf_addf(f->out, "%02u", m->minute);
        break;
    case 'P':
        add_time_in_words(f);
        break;
    case 's':
        dj_buf_addf(f->out, "%02u", m->second);
        break;
    default: /* u */
        dj_buf_addf(f->out, "%06u", m->microsecond);
    }
}

/* "jan" */
static void add_lower_month(formatter *f)
{
    const char *name = months[f->m->month - 1];
    dj_buf_addf(f->out, "%c%.2s", dj_to_lower(name[0]), name + 1);
}

static const char *ordinal(unsigned day)
{
    if (day >= 11 && day <= 13)
        return "th";
    return day % 10 == 1 ? "st" : day % 10 == 2 ? "nd" : day % 10 == 3 ? "rd" : "th";
}

static void add_date_char(formatter *f, char c)
{
    const dj_moment *m = f->m;
    int32_t          year;
    switch (c) {
    case 'b':
        add_lower_month(f);
        break;
    case 'd':
        dj_buf_addf(f->out, "%02u", m->day);
        break;
    case 'D':
        dj_buf_addf(f->out, "%.3s", days[weekday_of(m)]);
        break;
    case 'E':
    case 'F':
        dj_buf_addf(f->out, "%s", months[m->month - 1]);
        break;
    case 'j':
        dj_buf_addf(f->out, "%u", m->day);
        break;
    case 'l':
        dj_buf_addf(f->out, "%s", days[weekday_of(m)]);
        break;
    case 'L':
        dj_buf_add(f->out, dj_is_leap_year(m->year) ? DJ_LIT("True") : DJ_LIT("False"));
        break;
    case 'm':
        dj_buf_addf(f->out, "%02u", m->month);
        break;
    case 'M':
        dj_buf_addf(f->out, "%.3s", months[m->month - 1]);
        break;
    case 'n':
        dj_buf_addf(f->out, "%u", m->month);
        break;
    case 'N':
        dj_buf_addf(f->out, "%s", months_ap[m->month - 1]);
        break;
    case 'o':
        iso_week(m, &year);
        dj_buf_addf(f->out, "%d", year);
        break;
    case 'S':
        dj_buf_addf(f->out, "%s", ordinal(m->day));
        break;
    case 't':
        dj_buf_addf(f->out, "%02u", dj_days_in_month(m->year, m->month));
        break;
    case 'w':
        dj_buf_addf(f->out, "%u", weekday_of(m));
        break;
    case 'W':
        dj_buf_addf(f->out, "%d", iso_week(m, &year));
        break;
    case 'y':
        dj_buf_addf(f->out, "%02d", m->year % 100);
        break;
    case 'Y':
        dj_buf_addf(f->out, "%04d", m->year);
        break;
    default: /* z */
        dj_buf_addf(f->out, "%u", day_of_year(m->year, m->month, m->day));
    }
}

static bool one_of(const char *set, char c)
{
    return c != '\0' && strchr(set, c) != NULL;
}

#define TIME_CHARS "aAfgGhHiPsu"
#define ZONE_CHARS "eOTZ" /* with TIME_CHARS those of Django's class TimeFormat */
#define DATE_CHARS "bdDEFjlLmMnNoStwWyYz"

/* Is `kind` any of date, time and datetime? Anything else has no parts at all. */
static bool is_moment(dj_var_kind kind)
{
    return kind == DJ_VAR_DATE || kind == DJ_VAR_TIME || kind == DJ_VAR_DATETIME;
}

static dj_moment_outcome add_char(formatter *f, char c, bool time_only)
{
    bool of_time = one_of(TIME_CHARS ZONE_CHARS, c);
    if (time_only && !of_time)
        return DJ_MOMENT_LACKS;
    if (f->kind == DJ_VAR_DATE && of_time)
        return DJ_MOMENT_REFUSED;
    if (one_of(ZONE_CHARS "I", c)) {
        add_zone_char(f, c);
        return DJ_MOMENT_DONE;
    }
    if (c == 'c') {
        if (is_moment(f->kind))
            dj_moment_iso(f->m, f->kind, 'T', f->out);
        return is_moment(f->kind) ? DJ_MOMENT_DONE : DJ_MOMENT_LACKS;
    }
    bool has_date = f->kind == DJ_VAR_DATE || f->kind == DJ_VAR_DATETIME;
    if (c == 'r' || c == 'U') {
        if (has_date && c == 'r')
            add_mail_date(f);
        else if (has_date)
            add_unix_time(f);
        return has_date ? DJ_MOMENT_DONE : DJ_MOMENT_REFUSED;
    }
    if (of_time ? !is_moment(f->kind) : !has_date)
        return DJ_MOMENT_LACKS;
    if (of_time)
        add_time_char(f, c);
    else
        add_date_char(f, c);
    return DJ_MOMENT_DONE;
}

static void find_zone(formatter *f)
{
    const dj_moment *m = f->m;
    f->has_zone = f->kind == DJ_VAR_DATETIME;
    f->clear = true;
    if (!is_moment(f->kind) || f->kind == DJ_VAR_TIME)
        return;
    if (m->aware && !m->local) {
        f->zone = (dj_zone_time){.utc_offset = m->utc_offset};
        return;
    }
    dj_civil c = civil_of(m);
    f->clear = zone_of_local(dj_civil_unix(&c), &f->zone);
    if (m->aware)
        dj_zone_at(dj_moment_unix(m), &f->zone);
}

/* Text between format characters; a backslash makes the next character text. */
static void add_text(dj_buf *out, dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\' && i + 1 < text.len && text.ptr[i + 1] != '\n')
            i++;
        dj_buf_add_byte(out, text.ptr[i]);
    }
}

dj_moment_outcome dj_moment_try(const dj_moment *m, dj_var_kind kind, dj_str format, bool time_only,
                                dj_buf *out)
{
    formatter f = {.m = m, .kind = kind, .out = out};
    size_t    from = 0;
    find_zone(&f);
    for (size_t i = 0; i < format.len; i++) {
        char c = format.ptr[i];
        if (!one_of(TIME_CHARS ZONE_CHARS DATE_CHARS "IcrU", c) ||
            (i > 0 && format.ptr[i - 1] == '\\'))
            continue;
        add_text(out, dj_str_n(format.ptr + from, i - from));
        from = i + 1;
        dj_moment_outcome outcome = add_char(&f, c, time_only);
        if (outcome != DJ_MOMENT_DONE)
            return outcome;
    }
    add_text(out, dj_str_from(format, from));
    return DJ_MOMENT_DONE;
}

dj_err dj_moment_format(dj_run *run, const dj_moment *m, dj_var_kind kind, dj_str format,
                        dj_buf *out)
{
    if (dj_moment_try(m, kind, format, false, out) == DJ_MOMENT_DONE)
        return DJ_OK;
    return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE,
                   "the format '" DJ_FMT "' needs a part that the value lacks", DJ_ARG(format));
}
