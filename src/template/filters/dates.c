/* src/template/filters/dates.c - date, time, timesince, timeuntil. */
#include "donjon/time.h"
#include "template/filters/filters.h"

/* -- date, time -- */

/* What the names of formats stand for with LANGUAGE_CODE en-us. */
static dj_str named_format(dj_str name)
{
    static const struct {
        dj_str name, format;
    } formats[] = {
        {DJ_STR_INIT("DATE_FORMAT"), DJ_STR_INIT("N j, Y")},
        {DJ_STR_INIT("TIME_FORMAT"), DJ_STR_INIT("P")},
        {DJ_STR_INIT("DATETIME_FORMAT"), DJ_STR_INIT("N j, Y, P")},
        {DJ_STR_INIT("SHORT_DATE_FORMAT"), DJ_STR_INIT("m/d/Y")},
        {DJ_STR_INIT("SHORT_DATETIME_FORMAT"), DJ_STR_INIT("m/d/Y P")},
        {DJ_STR_INIT("YEAR_MONTH_FORMAT"), DJ_STR_INIT("F Y")},
        {DJ_STR_INIT("MONTH_DAY_FORMAT"), DJ_STR_INIT("F j")},
    };
    for (size_t i = 0; i < DJ_COUNT(formats); i++)
        if (dj_str_eq(name, formats[i].name))
            return formats[i].format;
    return name;
}

static dj_err format_of(dj_run *run, const dj_var *arg, dj_str fallback, dj_str *format)
{
    bool   given = false;
    dj_err e = arg == NULL ? DJ_OK : dj_var_true(run, arg, &given);
    *format = fallback;
    if (!e && given)
        e = dj_var_plain(run, arg, format);
    *format = named_format(*format);
    return e;
}

static dj_err show(dj_run *run, const dj_var *in, dj_str format, bool time_only, dj_var *out)
{
    static const dj_moment none = {.month = 1, .day = 1};
    bool moment = in->kind == DJ_VAR_DATE || in->kind == DJ_VAR_TIME || in->kind == DJ_VAR_DATETIME;
    dj_buf            b = filter_buf(run);
    dj_moment_outcome outcome =
        dj_moment_try(moment ? in->moment : &none, (dj_var_kind)in->kind, format, time_only, &b);
    if (outcome == DJ_MOMENT_DONE)
        return filter_done(run, &b, DJ_UNSAFE, out);
    if (outcome == DJ_MOMENT_REFUSED && !time_only)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE,
                       "the format '" DJ_FMT "' needs a part that the value lacks", DJ_ARG(format));
    *out = dj_var_made(DJ_LIT(""), DJ_UNSAFE);
    return DJ_OK;
}

static bool is_nothing(const dj_var *v)
{
    return v->kind == DJ_VAR_NONE || (v->kind == DJ_VAR_STR && v->text.len == 0);
}

FILTER(filter_date)
{
    dj_str format;
    dj_err e = format_of(run, arg, DJ_LIT("DATE_FORMAT"), &format);
    *out = dj_var_made(DJ_LIT(""), DJ_UNSAFE);
    return e || is_nothing(in) ? e : show(run, in, format, false, out);
}

FILTER(filter_time)
{
    dj_str format;
    dj_err e = format_of(run, arg, DJ_LIT("TIME_FORMAT"), &format);
    *out = dj_var_made(DJ_LIT(""), DJ_UNSAFE);
    return e || is_nothing(in) ? e : show(run, in, format, true, out);
}

/* -- timesince, timeuntil -- */

/* A date counts as its midnight, naive. */
static dj_err moment_of(dj_run *run, const dj_var *v, dj_moment *m)
{
    if (v->kind != DJ_VAR_DATE && v->kind != DJ_VAR_DATETIME)
        return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "the value is no date");
    *m = *v->moment;
    if (v->kind == DJ_VAR_DATE)
        *m = (dj_moment){.year = m->year, .month = m->month, .day = m->day};
    return DJ_OK;
}

/* What the clock shows, on the wall of `like`: its offset if it is aware, else the local zone. */
static dj_moment on_the_wall_of(const dj_moment *like, int64_t unix_us)
{
    int64_t t = unix_us / 1000000;
    int32_t offset = like->utc_offset;
    if (!like->aware) {
        dj_zone_time zone;
        dj_zone_at(t, &zone);
        offset = zone.utc_offset;
    }
    dj_civil c = dj_civil_of(t + offset);
    return (dj_moment){.year = (int32_t)c.year,
                       .month = (uint8_t)c.month,
                       .day = (uint8_t)c.day,
                       .hour = (uint8_t)c.hour,
                       .minute = (uint8_t)c.minute,
                       .second = (uint8_t)c.second,
                       .microsecond = (uint32_t)(unix_us % 1000000),
                       .utc_offset = like->aware ? offset : 0,
                       .aware = like->aware};
}

static int64_t wall_seconds(const dj_moment *m)
{
    dj_civil c = {.year = m->year,
                  .month = m->month,
                  .day = m->day,
                  .hour = m->hour,
                  .minute = m->minute,
                  .second = m->second};
    return dj_civil_unix(&c);
}

/* Whole months from `a` to `b`, which is later. */
static int64_t months_between(const dj_moment *a, const dj_moment *b)
{
    int64_t months = ((int64_t)b->year - a->year) * 12 + ((int64_t)b->month - a->month);
    int64_t clock_a = wall_seconds(a) % 86400, clock_b = wall_seconds(b) % 86400;
    if (clock_a < 0)
        clock_a += 86400;
    if (clock_b < 0)
        clock_b += 86400;
    bool later = clock_a > clock_b || (clock_a == clock_b && a->microsecond > b->microsecond);
    return a->day > b->day || (a->day == b->day && later) ? months - 1 : months;
}

/* `a`, some months on; its microseconds are dropped with them. */
static dj_moment pivot_of(const dj_moment *a, int64_t months)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    dj_moment            p = *a;
    int64_t              month = a->month - 1 + months % 12;
    if (months == 0)
        return p;
    p.year = (int32_t)(a->year + months / 12 + month / 12);
    p.month = (uint8_t)(month % 12 + 1);
    if (p.day > days[p.month - 1])
        p.day = days[p.month - 1];
    p.microsecond = 0;
    return p;
}

/* Two adjacent units of the time from `a` to `b`, both on one wall. */
static void add_span(dj_buf *out, const dj_moment *a, const dj_moment *b)
{
    static const struct {
        const char *name;
        int64_t     seconds;
    } units[] = {{"year", 0},    {"month", 0},   {"week", 604800},
                 {"day", 86400}, {"hour", 3600}, {"minute", 60}};
    int64_t   counts[DJ_COUNT(units)];
    int64_t   months = months_between(a, b);
    dj_moment pivot = pivot_of(a, months);
    int64_t   left = wall_seconds(b) - wall_seconds(&pivot);
    if (b->microsecond < pivot.microsecond)
        left--;
    counts[0] = months / 12;
    counts[1] = months % 12;
    for (size_t i = 2; i < DJ_COUNT(units); i++) {
        counts[i] = left / units[i].seconds;
        left %= units[i].seconds;
    }
    size_t first = 0;
    while (first + 1 < DJ_COUNT(units) && counts[first] == 0)
        first++;
    for (size_t i = first; i < DJ_COUNT(units) && i < first + 2; i++) {
        if (i > first && counts[i] == 0)
            break;
        dj_buf_addf(out, "%s%lld\u00a0%s%s", i > first ? ", " : "", (long long)counts[i],
                    units[i].name, counts[i] == 1 ? "" : "s");
    }
}

static dj_err timesince(dj_run *run, const dj_var *in, const dj_var *arg, bool until, dj_var *out)
{
    bool      truth = false, given = false;
    dj_moment then, now;
    dj_buf    b = filter_buf(run);
    dj_err    e = dj_var_true(run, in, &truth);
    *out = dj_var_made(DJ_LIT(""), DJ_UNSAFE);
    if (!e && arg != NULL)
        e = dj_var_true(run, arg, &given);
    if (e || !truth)
        return e;
    e = moment_of(run, in, &then);
    if (!e && given)
        e = moment_of(run, arg, &now);
    if (e)
        return e;
    if (!given)
        now = on_the_wall_of(&then, dj_now_us(dj_run_scope(run)));
    if (then.aware != now.aware)
        return DJ_OK; /* naive and aware have no order */
    if (then.aware && now.utc_offset != then.utc_offset)
        now = on_the_wall_of(&then, dj_moment_unix(&now) * 1000000 + now.microsecond);
    const dj_moment *from = until ? &now : &then, *to = until ? &then : &now;
    int64_t          seconds = wall_seconds(to) - wall_seconds(from);
    if (to->microsecond < from->microsecond)
        seconds--;
    if (seconds <= 0)
        dj_buf_add(&b, DJ_LIT("0\u00a0minutes"));
    else
        add_span(&b, from, to);
    return filter_done(run, &b, DJ_UNSAFE, out);
}

FILTER(filter_timesince)
{
    return timesince(run, in, arg, false, out);
}

FILTER(filter_timeuntil)
{
    return timesince(run, in, arg, true, out);
}
