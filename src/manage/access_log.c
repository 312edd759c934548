/* src/manage/access_log.c - one line for each answered request: the "combined" format, or a JSON
 * object.
 *
 * Lines are gathered during a turn of the loop and written together at its end, so that a busy
 * worker makes one system call for many requests. Values of query fields with a telling name
 * (token, password, ...) are masked: an access log is copied to many places.
 *
 * Must not know: settings, routes. */
#include "manage/manage.h"
#include "base/sink.h"
#include "donjon/json.h"
#include "donjon/policy.h"
#include "donjon/time.h"
#include "http/http.h"
#include "loop/loop.h"

#define LINES_MAX ((size_t)64 * 1024)
#define LINE_MAX_BYTES                                                                             \
    ((size_t)32 * 1024) /* more than the longest line: the parts below, each byte escaped */
#define TARGET_MAX 2048
#define FIELD_MAX  512

struct dj_access_log {
    dj_sink       sink;
    dj_log_format format;
    dj_buf        lines;
    dj_loop      *loop; /* NULL: each line is written at once */
    dj_task       flush;
};

/* -- parts of a line -- */

static void add_quoted(dj_buf *b, dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            dj_buf_addf(b, "\\x%02X", c);
        else
            dj_buf_add_byte(b, (char)c);
    }
}

/* A URL with the values of telling query fields replaced; shortened to `max`. */
static dj_str masked_url(dj_scope *s, dj_str url, size_t max)
{
    static const dj_cleanse_rules rules = {.session_cookie_name = DJ_STR_INIT("")};
    url = dj_cleanse_url(s, dj_str_first(url, max));
    size_t mark = dj_str_chr(url, '?');
    if (mark == DJ_NOT_FOUND)
        return url;
    dj_buf out = dj_buf_make(s, 16 * max);
    dj_buf_add(&out, dj_str_first(url, mark + 1));
    dj_str rest = dj_str_from(url, mark + 1), pair;
    for (bool first = true; dj_str_next(&rest, '&', &pair); first = false) {
        if (!first)
            dj_buf_add_byte(&out, '&');
        size_t eq = dj_str_chr(pair, '=');
        if (eq != DJ_NOT_FOUND && eq + 1 < pair.len &&
            dj_name_is_sensitive(&rules, dj_str_first(pair, eq))) {
            dj_buf_add(&out, dj_str_first(pair, eq + 1));
            dj_buf_add(&out, DJ_LIT("***"));
        } else {
            dj_buf_add(&out, pair);
        }
    }
    return dj_buf_str(&out);
}

/* "22/Nov/2026:17:41:29 +0000" from "Sun, 22 Nov 2026 17:41:29 GMT". */
static void add_clf_time(dj_buf *b, int64_t time_us)
{
    char date[DJ_HTTP_DATE_LEN];
    dj_http_date(date, time_us / 1000000);
    dj_buf_addf(b, "%.2s/%.3s/%.4s:%.8s +0000", date + 5, date + 8, date + 12, date + 17);
}

static dj_str or_dash(dj_str text)
{
    return text.len == 0 ? DJ_LIT("-") : text;
}

void dj_access_line(dj_scope *s, dj_buf *out, dj_log_format format, const dj_access_record *r)
{
    dj_str target = masked_url(s, r->target, TARGET_MAX),
           referer = masked_url(s, r->referer, FIELD_MAX);
    dj_str agent = dj_str_first(r->user_agent, FIELD_MAX), method = dj_str_first(r->method, 32);
    if (format == DJ_LOG_TEXT) {
        dj_buf_add(out, or_dash(r->client));
        dj_buf_add(out, DJ_LIT(" - - ["));
        add_clf_time(out, r->time_us);
        dj_buf_add(out, DJ_LIT("] \""));
        add_quoted(out, method);
        dj_buf_add_byte(out, ' ');
        add_quoted(out, target);
        dj_buf_addf(out, " HTTP/1.%d\" %d %llu \"", r->minor, r->status,
                    (unsigned long long)r->bytes);
        add_quoted(out, or_dash(referer));
        dj_buf_add(out, DJ_LIT("\" \""));
        add_quoted(out, or_dash(agent));
        dj_buf_add(out, DJ_LIT("\"\n"));
        return;
    }
    char when[DJ_ISO_TIME_LEN];
    dj_iso_time(when, r->time_us);
    dj_json j = dj_json_make(out);
    dj_json_open(&j, '{');
    dj_json_add_str(&j, DJ_LIT("ts"), dj_str_n(when, sizeof when));
    dj_json_add_str(&j, DJ_LIT("client"), r->client);
    dj_json_add_str(&j, DJ_LIT("method"), method);
    dj_json_add_str(&j, DJ_LIT("target"), target);
    dj_json_add_str(&j, DJ_LIT("host"), dj_str_first(r->host, FIELD_MAX));
    dj_json_add_bool(&j, DJ_LIT("tls"), r->tls);
    dj_json_add_int(&j, DJ_LIT("status"), r->status);
    dj_json_add_int(&j, DJ_LIT("bytes"), (int64_t)r->bytes);
    dj_json_add_int(&j, DJ_LIT("duration_us"), r->duration_us);
    dj_json_add_str(&j, DJ_LIT("referer"), referer);
    dj_json_add_str(&j, DJ_LIT("user_agent"), agent);
    dj_json_add_int(&j, DJ_LIT("request_id"), (int64_t)r->request_id);
    dj_json_close(&j, '}');
    dj_buf_add_byte(out, '\n');
}

/* "[22/Nov/2026 17:41:29] "GET / HTTP/1.1" 200 1234": what Django's runserver shows. */
void dj_access_short(dj_scope *s, dj_buf *out, const dj_access_record *r)
{
    char date[DJ_HTTP_DATE_LEN];
    dj_http_date(date, r->time_us / 1000000);
    dj_buf_addf(out, "[%.2s/%.3s/%.4s %.8s] \"", date + 5, date + 8, date + 12, date + 17);
    add_quoted(out, dj_str_first(r->method, 32));
    dj_buf_add_byte(out, ' ');
    add_quoted(out, masked_url(s, r->target, TARGET_MAX));
    dj_buf_addf(out, " HTTP/1.%d\" %d %llu\n", r->minor, r->status, (unsigned long long)r->bytes);
}

/* -- the log -- */

static dj_access_log *log_of(dj_task *t)
{
    return (dj_access_log *)(void *)((char *)t - offsetof(dj_access_log, flush));
}

static void flush_lines(dj_task *t)
{
    dj_access_log *log = log_of(t);
    if (log->sink.kind == DJ_SINK_SYSLOG) {
        dj_str rest = dj_buf_str(&log->lines), line; /* a datagram each */
        while (dj_str_next(&rest, '\n', &line) && line.len > 0)
            (void)dj_sink_write(&log->sink, dj_str_n(line.ptr, line.len + 1));
    } else if (log->lines.len > 0) {
        (void)dj_sink_write(&log->sink, dj_buf_str(&log->lines));
    }
    log->lines.len = 0;
}

static void close_log(void *what)
{
    dj_access_log *log = what;
    flush_lines(&log->flush);
    dj_sink_close(&log->sink);
}

dj_err dj_access_log_open(dj_scope *s, dj_str to, dj_log_format format, dj_access_log **out)
{
    dj_access_log *log = dj_new(s, dj_access_log);
    *log = (dj_access_log){.sink = DJ_SINK_STDERR,
                           .format = format,
                           .lines = dj_buf_make(s, LINES_MAX),
                           .flush = {.run = flush_lines}};
    dj_err e = dj_sink_open(s, &log->sink, to);
    if (e)
        return e;
    (void)dj_buf_reserve(&log->lines, LINES_MAX);
    dj_own(s, close_log, log);
    *out = log;
    return DJ_OK;
}

void dj_access_log_attach(dj_access_log *log, dj_loop *loop)
{
    log->loop = loop;
}

dj_err dj_access_log_reopen(dj_scope *s, dj_access_log *log)
{
    return dj_sink_reopen(s, &log->sink);
}

void dj_access_log_add(dj_access_log *log, const dj_req *req, const dj_response *resp,
                       uint64_t bytes)
{
    const dj_head   *head = req->head;
    int64_t          now = dj_now_us(req->scope);
    dj_access_record r = {
        .time_us = now,
        .duration_us = dj_monotonic_us() - req->started_us,
        .client = req->peer->address,
        .method = head->method_name,
        .target = head->target,
        .minor = head->minor,
        .status = resp->status,
        .bytes = bytes,
        .host = head->host,
        .tls = req->peer->tls,
        .request_id = req->id,
        .user_agent = dj_head_field(head, DJ_FIELD_USER_AGENT),
        .referer = dj_req_header((dj_req *)(uintptr_t)req, DJ_LIT("Referer")),
    };
    if (log->lines.max - log->lines.len < LINE_MAX_BYTES)
        flush_lines(&log->flush);
    if (log->sink.kind == DJ_SINK_SYSLOG)
        dj_buf_add(&log->lines, DJ_LIT("<30>donjon: "));
    dj_access_line(req->scope, &log->lines, log->format, &r);
    if (log->loop == NULL)
        flush_lines(&log->flush);
    else
        dj_loop_defer(log->loop, &log->flush);
}
