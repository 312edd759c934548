/* src/base/log.c - records on loggers: who listens, how a record becomes one line.
 *
 * A line has at most DJ_SINK_ATOMIC bytes: the message is cut, never the request that stands behind
 * it. All memory is on the stack (a coroutine's, so it is little) or fixed: writing a record can't
 * fail for lack of memory. Configuration is set at start, before threads, and only read afterwards.
 *
 * Must not know: requests (a context is handed in), settings, what the loggers mean. */
#include "donjon/log.h"
#include "base/sink.h"
#include "donjon/time.h"
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#define LOGGERS_MAX     64
#define LOGGER_NAME_MAX 96
#define MESSAGE_RAW_MAX 2048 /* bytes of a formatted message that are kept */

/* Room in a line for each part once it is escaped; the rest belongs to the message. */
#define PATH_ROOM   1024
#define WORD_ROOM   160
#define DETAIL_ROOM 512

typedef struct logger_level {
    char     name[LOGGER_NAME_MAX];
    size_t   len;
    dj_level level;
} logger_level;

static logger_level levels[LOGGERS_MAX];
static size_t       nlevels;
static dj_level     root_level = DJ_INFO;

static size_t        report_lost(char *out, size_t size, unsigned long lost);
static dj_sink       target = {.fd = 2, .kind = DJ_SINK_STREAM, .report = report_lost};
static dj_log_format target_format = DJ_LOG_TEXT;

static void (*capture)(const dj_log_record *record, void *ctx);
static void *capture_ctx;

/* -- levels -- */

dj_str dj_level_name(dj_level level)
{
    if (level >= DJ_CRITICAL)
        return DJ_LIT("CRITICAL");
    if (level >= DJ_ERROR_LEVEL)
        return DJ_LIT("ERROR");
    if (level >= DJ_WARNING)
        return DJ_LIT("WARNING");
    return level >= DJ_INFO ? DJ_LIT("INFO") : DJ_LIT("DEBUG");
}

void dj_log_set_level(dj_str logger, dj_level level)
{
    if (logger.len == 0) {
        root_level = level;
        return;
    }
    for (size_t i = 0; i < nlevels; i++) {
        if (dj_str_eq(dj_str_n(levels[i].name, levels[i].len), logger)) {
            levels[i].level = level;
            return;
        }
    }
    if (nlevels == LOGGERS_MAX || logger.len > LOGGER_NAME_MAX)
        return;
    logger_level *l = &levels[nlevels++];
    memcpy(l->name, logger.ptr, logger.len);
    l->len = logger.len;
    l->level = level;
}

/* Is `logger` that one, or below it at a dot? */
static bool is_below(dj_str logger, const logger_level *l)
{
    return logger.len >= l->len && memcmp(logger.ptr, l->name, l->len) == 0 &&
           (logger.len == l->len || logger.ptr[l->len] == '.');
}

static dj_level level_of(dj_str logger)
{
    dj_level level = root_level;
    size_t   longest = 0;
    for (size_t i = 0; i < nlevels; i++) {
        if (levels[i].len > longest && is_below(logger, &levels[i])) {
            longest = levels[i].len;
            level = levels[i].level;
        }
    }
    return level;
}

bool dj_log_enabled(dj_str logger, dj_level level)
{
    return capture != NULL || level >= level_of(logger);
}

/* -- a line: bytes with a fixed end -- */

typedef struct line {
    char   bytes[DJ_SINK_ATOMIC];
    size_t len;
    size_t limit; /* nothing is written behind it */
} line;

typedef enum escape_for { FOR_TEXT, FOR_QUOTES, FOR_JSON } escape_for;

static bool add(line *l, dj_str text)
{
    if (l->limit - l->len < text.len)
        return false;
    memcpy(l->bytes + l->len, text.ptr, text.len);
    l->len += text.len;
    return true;
}

/* Characters that move a cursor, end a line or turn the direction of what follows. */
static bool is_unsafe(int32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029 ||
           (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x202a && cp <= 0x202e) ||
           (cp >= 0x2060 && cp <= 0x2069) || cp == 0xfeff;
}

/* One piece of escaped text into `out`: of a code point, or of a byte that is no UTF-8 (cp < 0). */
static size_t escape_one(char out[16], int32_t cp, unsigned char byte, escape_for how)
{
    const char *slash =
        how == FOR_JSON ? "\\\\" : "\\"; /* JSON has no \x: what is read back is a backslash */
    char letter = cp == '\n' ? 'n' : cp == '\r' ? 'r' : cp == '\t' ? 't' : '\0';
    int  len;
    if (cp < 0)
        len = snprintf(out, 16, "%sx%02x", slash, byte);
    else if (letter != '\0')
        len = snprintf(out, 16, "\\%c", letter);
    else if (how == FOR_JSON || cp > 0xff)
        len = snprintf(out, 16, "\\u%04x", (unsigned)cp);
    else
        len = snprintf(out, 16, "\\x%02x", (unsigned)cp);
    return (size_t)len;
}

/* Adds as much of `text` as fits into `room` bytes, cut between characters. True if all of it did.
 */
static bool add_escaped(line *l, dj_str text, escape_for how, size_t room)
{
    size_t end = l->limit - l->len < room ? l->limit : l->len + room;
    for (size_t pos = 0; pos < text.len;) {
        char    out[16];
        size_t  start = pos;
        int32_t cp = dj_utf8_next(text, &pos);
        dj_str  piece = dj_str_n(text.ptr + start, pos - start);
        if (cp < 0) {
            pos = start + 1;
            piece = dj_str_n(out, escape_one(out, cp, (unsigned char)text.ptr[start], how));
        } else if (is_unsafe(cp)) {
            piece = dj_str_n(out, escape_one(out, cp, 0, how));
        } else if (how != FOR_TEXT && (cp == '"' || cp == '\\')) {
            out[0] = '\\';
            out[1] = (char)cp;
            piece = dj_str_n(out, 2);
        }
        if (end - l->len < piece.len)
            return false;
        (void)add(l, piece);
    }
    return true;
}

/* -- passwords in URLs -- */

static bool is_digits(dj_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!dj_is_digit(s.ptr[i]))
            return false;
    }
    return true;
}

/* "scheme://user:password@host" somewhere in `text`: the place of the password. */
static bool next_url_password(dj_str text, size_t from, size_t *start, size_t *end)
{
    for (;;) {
        size_t found = dj_str_find(dj_str_from(text, from), DJ_LIT("://"));
        if (found == DJ_NOT_FOUND)
            return false;
        size_t authority = from + found + 3, at = 0, colon = 0;
        for (from = authority; from < text.len; from++) {
            char c = text.ptr[from];
            if (c == '/' || c == '?' || c == '#' || c == '"' || c == '\'' || c == '<' || c == '>' ||
                (unsigned char)c <= ' ')
                break;
            if (c == ':' && colon == 0)
                colon = from;
            if (c == '@')
                at = from; /* the last one: a password may hold an unescaped '@' */
        }
        /* A record may have been cut before the '@': what can't be a port is taken for a password.
         */
        if (colon != 0 && at == 0 && from == text.len && !is_digits(dj_str_from(text, colon + 1)))
            at = text.len;
        if (colon != 0 && at > colon + 1) {
            *start = colon + 1;
            *end = at;
            return true;
        }
    }
}

/* Adds `text` with such passwords replaced. True if all of it fitted. */
static bool add_masked(line *l, dj_str text, escape_for how, size_t room)
{
    size_t first = l->len, pos = 0, start, end;
    bool   fits = true;
    while (fits && next_url_password(text, pos, &start, &end)) {
        fits =
            add_escaped(l, dj_str_n(text.ptr + pos, start - pos), how, room - (l->len - first)) &&
            add_escaped(l, DJ_LIT("********************"), how, room - (l->len - first));
        pos = end;
    }
    return fits && add_escaped(l, dj_str_from(text, pos), how, room - (l->len - first));
}

/* -- the two formats -- */

static void add_time(line *l, int64_t time_us)
{
    char text[DJ_ISO_TIME_LEN];
    dj_iso_time(text, time_us);
    (void)add(l, dj_str_n(text, sizeof "2026-01-01T00:00:00.000" - 1));
    (void)add(l, DJ_LIT("Z"));
}

static void add_int(line *l, int64_t n)
{
    char digits[24];
    int  len = snprintf(digits, sizeof digits, "%lld", (long long)n);
    (void)add(l, dj_str_n(digits, (size_t)len));
}

static bool is_plain_word(dj_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!dj_is_alpha(c) && !dj_is_digit(c) && c != '.' && c != ':' && c != '-' && c != '_')
            return false;
    }
    return s.len > 0;
}

static void add_text_pair(line *l, dj_str name, dj_str value, bool quoted, size_t room)
{
    if (value.len == 0)
        return;
    (void)add(l, DJ_LIT(" "));
    (void)add(l, name);
    (void)add(l, DJ_LIT("="));
    if (!quoted && value.len < room && is_plain_word(value)) {
        (void)add(l, value);
        return;
    }
    (void)add(l, DJ_LIT("\""));
    if (!add_masked(l, value, FOR_QUOTES, room))
        (void)add(l, DJ_LIT("..."));
    (void)add(l, DJ_LIT("\""));
}

/* What the parts behind the message can need at most, names and quotes included. */
#define CONTEXT_ROOM (PATH_ROOM + 3 * WORD_ROOM + DETAIL_ROOM + 176)

static void add_message(line *l, dj_str message, escape_for how)
{
    size_t behind = CONTEXT_ROOM;
    size_t room = l->limit - l->len > behind ? l->limit - l->len - behind : 0;
    if (!add_masked(l, message, how, room))
        (void)add(l, DJ_LIT("..."));
}

static void text_line(line *l, const dj_log_record *r)
{
    const dj_log_context *c = r->context;
    add_time(l, r->time_us);
    (void)add(l, DJ_LIT(" "));
    (void)add(l, dj_level_name(r->level));
    (void)add(l, DJ_LIT(" "));
    (void)add_escaped(l, r->logger, FOR_TEXT, WORD_ROOM);
    (void)add(l, DJ_LIT(" "));
    add_message(l, r->message, FOR_TEXT);
    if (c == NULL)
        return;
    if (c->status != 0) {
        (void)add(l, DJ_LIT(" status="));
        add_int(l, c->status);
    }
    add_text_pair(l, DJ_LIT("method"), c->method, false, WORD_ROOM);
    add_text_pair(l, DJ_LIT("path"), c->path, true, PATH_ROOM);
    add_text_pair(l, DJ_LIT("client"), c->client, false, WORD_ROOM);
    add_text_pair(l, DJ_LIT("request_id"), c->request_id, false, WORD_ROOM);
    add_text_pair(l, DJ_LIT("detail"), c->detail, true, DETAIL_ROOM);
}

static void add_json_pair(line *l, dj_str name, dj_str value, size_t room)
{
    if (value.len == 0)
        return;
    (void)add(l, DJ_LIT(",\""));
    (void)add(l, name);
    (void)add(l, DJ_LIT("\":\""));
    if (!add_masked(l, value, FOR_JSON, room))
        (void)add(l, DJ_LIT("..."));
    (void)add(l, DJ_LIT("\""));
}

static void json_line(line *l, const dj_log_record *r)
{
    const dj_log_context *c = r->context;
    (void)add(l, DJ_LIT("{\"ts\":\""));
    add_time(l, r->time_us);
    (void)add(l, DJ_LIT("\",\"level\":\""));
    (void)add(l, dj_level_name(r->level));
    (void)add(l, DJ_LIT("\""));
    add_json_pair(l, DJ_LIT("logger"), r->logger, WORD_ROOM);
    (void)add(l, DJ_LIT(",\"message\":\""));
    add_message(l, r->message, FOR_JSON);
    (void)add(l, DJ_LIT("\""));
    if (c != NULL) {
        if (c->status != 0) {
            (void)add(l, DJ_LIT(",\"status\":"));
            add_int(l, c->status);
        }
        add_json_pair(l, DJ_LIT("method"), c->method, WORD_ROOM);
        add_json_pair(l, DJ_LIT("path"), c->path, PATH_ROOM);
        add_json_pair(l, DJ_LIT("client"), c->client, WORD_ROOM);
        add_json_pair(l, DJ_LIT("request_id"), c->request_id, WORD_ROOM);
        add_json_pair(l, DJ_LIT("detail"), c->detail, DETAIL_ROOM);
    }
    (void)add(l, DJ_LIT(",\"pid\":"));
    add_int(l, getpid());
    (void)add(l, DJ_LIT("}"));
}

/* RFC 3164, as glibc's syslog(3) writes it: "<pri>Nov 22 17:41:29 donjon[123]: ". The time is the
 * machine's own. */
static void syslog_head(line *l, const dj_log_record *r)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int               severity = LOG_DEBUG;
    if (r->level >= DJ_CRITICAL)
        severity = LOG_CRIT;
    else if (r->level >= DJ_ERROR_LEVEL)
        severity = LOG_ERR;
    else if (r->level >= DJ_WARNING)
        severity = LOG_WARNING;
    else if (r->level >= DJ_INFO)
        severity = LOG_INFO;
    time_t    t = (time_t)(r->time_us / 1000000);
    struct tm tm = {0};
    (void)localtime_r(&t, &tm);
    char head[64];
    int  len = snprintf(
         head, sizeof head, "<%d>%s %2d %02d:%02d:%02d donjon[%ld]: ", LOG_DAEMON | severity,
         months[tm.tm_mon % 12], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (long)getpid());
    (void)add(l, dj_str_n(head, (size_t)len));
}

static void make_line(line *l, const dj_log_record *r)
{
    l->len = 0;
    l->limit = sizeof l->bytes - 1; /* the line end always fits */
    if (target.kind == DJ_SINK_SYSLOG)
        syslog_head(l, r);
    if (target_format == DJ_LOG_JSON)
        json_line(l, r);
    else
        text_line(l, r);
    l->bytes[l->len++] = '\n';
}

static int64_t wall_us(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static size_t report_lost(char *out, size_t size, unsigned long lost)
{
    char sentence[64];
    int  len = snprintf(sentence, sizeof sentence, "%lu records could not be written", lost);
    dj_log_record r = {.logger = DJ_LIT("donjon.log"),
                       .level = DJ_WARNING,
                       .message = dj_str_n(sentence, (size_t)len),
                       .time_us = wall_us()};
    line          l;
    make_line(&l, &r);
    if (l.len > size)
        return 0;
    memcpy(out, l.bytes, l.len);
    return l.len;
}

/* -- in and out -- */

void dj_log(dj_str logger, dj_level level, const dj_log_context *context, const char *fmt, ...)
{
    if (!dj_log_enabled(logger, level))
        return;

    char    message[MESSAGE_RAW_MAX];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    if (len < 0)
        len = snprintf(message, sizeof message, "(a record that could not be formatted)");
    if ((size_t)len >= sizeof message) {
        /* Cut between characters: the tail of one would look like a forged byte. */
        size_t end = sizeof message - 4;
        while (end > 0 && ((unsigned char)message[end] & 0xc0) == 0x80)
            end--;
        memcpy(message + end, "...", 3);
        len = (int)end + 3;
    }
    dj_log_record r = {.logger = logger,
                       .level = level,
                       .message = dj_str_n(message, (size_t)len),
                       .time_us = wall_us(),
                       .context = context};
    if (capture != NULL) {
        capture(&r, capture_ctx);
        return;
    }
    line l;
    make_line(&l, &r);
    (void)dj_sink_write(&target, dj_str_n(l.bytes, l.len));
}

dj_err dj_log_open(dj_scope *s, const dj_log_target *t)
{
    dj_err e = dj_sink_open(s, &target, t->to);
    if (e)
        return e;
    target_format = t->format;
    return DJ_OK;
}

dj_err dj_log_reopen(dj_scope *s)
{
    return dj_sink_reopen(s, &target);
}

void dj_log_capture(void (*sink)(const dj_log_record *record, void *ctx), void *ctx)
{
    capture = sink;
    capture_ctx = ctx;
}
