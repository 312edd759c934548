/* src/http/serialise.c - a response's head as bytes. RFC 9112.
 *
 * Only this file writes a status line, Date, Connection and the framing fields; what a view says
 * about framing is dropped, so no view can make a connection ambiguous. */
#include "http/http.h"

#define REASON(code, text)                                                                         \
    {                                                                                              \
        code, DJ_STR_INIT(text), DJ_STR_INIT("HTTP/1.1 " #code " " text "\r\n")                    \
    }

/* RFC 9110 section 15, and those of the IANA registry that Django names. */
static const struct {
    int    status;
    dj_str reason, line;
} reasons[] = {
    REASON(100, "Continue"),
    REASON(101, "Switching Protocols"),
    REASON(102, "Processing"),
    REASON(103, "Early Hints"),
    REASON(200, "OK"),
    REASON(201, "Created"),
    REASON(202, "Accepted"),
    REASON(203, "Non-Authoritative Information"),
    REASON(204, "No Content"),
    REASON(205, "Reset Content"),
    REASON(206, "Partial Content"),
    REASON(207, "Multi-Status"),
    REASON(208, "Already Reported"),
    REASON(226, "IM Used"),
    REASON(300, "Multiple Choices"),
    REASON(301, "Moved Permanently"),
    REASON(302, "Found"),
    REASON(303, "See Other"),
    REASON(304, "Not Modified"),
    REASON(305, "Use Proxy"),
    REASON(307, "Temporary Redirect"),
    REASON(308, "Permanent Redirect"),
    REASON(400, "Bad Request"),
    REASON(401, "Unauthorized"),
    REASON(402, "Payment Required"),
    REASON(403, "Forbidden"),
    REASON(404, "Not Found"),
    REASON(405, "Method Not Allowed"),
    REASON(406, "Not Acceptable"),
    REASON(407, "Proxy Authentication Required"),
    REASON(408, "Request Timeout"),
    REASON(409, "Conflict"),
    REASON(410, "Gone"),
    REASON(411, "Length Required"),
    REASON(412, "Precondition Failed"),
    REASON(413, "Request Entity Too Large"),
    REASON(414, "Request-URI Too Long"),
    REASON(415, "Unsupported Media Type"),
    REASON(416, "Requested Range Not Satisfiable"),
    REASON(417, "Expectation Failed"),
    REASON(418, "I'm a Teapot"),
    REASON(421, "Misdirected Request"),
    REASON(422, "Unprocessable Entity"),
    REASON(423, "Locked"),
    REASON(424, "Failed Dependency"),
    REASON(425, "Too Early"),
    REASON(426, "Upgrade Required"),
    REASON(428, "Precondition Required"),
    REASON(429, "Too Many Requests"),
    REASON(431, "Request Header Fields Too Large"),
    REASON(451, "Unavailable For Legal Reasons"),
    REASON(500, "Internal Server Error"),
    REASON(501, "Not Implemented"),
    REASON(502, "Bad Gateway"),
    REASON(503, "Service Unavailable"),
    REASON(504, "Gateway Timeout"),
    REASON(505, "HTTP Version Not Supported"),
    REASON(506, "Variant Also Negotiates"),
    REASON(507, "Insufficient Storage"),
    REASON(508, "Loop Detected"),
    REASON(510, "Not Extended"),
    REASON(511, "Network Authentication Required"),
};

dj_str dj_reason(int status)
{
    for (size_t i = 0; i < DJ_COUNT(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return DJ_LIT("Unknown Status Code");
}

static void add_status_line(dj_buf *out, int status)
{
    if (DJ_LIKELY(status == 200)) {
        dj_buf_add(out, DJ_LIT("HTTP/1.1 200 OK\r\n"));
        return;
    }
    for (size_t i = 0; i < DJ_COUNT(reasons); i++) {
        if (reasons[i].status == status) {
            dj_buf_add(out, reasons[i].line);
            return;
        }
    }
    dj_buf_addf(out, "HTTP/1.1 %d Unknown Status Code\r\n", status);
}

/* The last wall against response splitting: one line end, at the end. */
static bool is_one_line(dj_str line)
{
    return memchr(line.ptr, '\n', line.len) == line.ptr + line.len - 1;
}

/* The length that a view states for a body that is not here to be counted: once, and a number. */
static const dj_header *stated_length(const dj_response *resp)
{
    for (size_t i = 0; i < resp->nheaders; i++) {
        const dj_header *h = &resp->headers[i];
        dj_str value = dj_str_n(h->line.ptr + h->name_len + 2, h->line.len - h->name_len - 4);
        size_t digits = 0;
        while (digits < value.len && dj_is_digit(value.ptr[digits]))
            digits++;
        if (h->id == DJ_HEADER_CONTENT_LENGTH && digits > 0 && digits == value.len)
            return h;
    }
    return NULL;
}

void dj_response_head(dj_buf *out, const dj_response *resp, const dj_wire *wire, dj_str date_line)
{
    bool             no_length = resp->status == 204 || resp->status == 304 || resp->status < 200;
    bool             own_length = resp->stream == NULL && !(wire->head_only && resp->body_len == 0);
    const dj_header *stated = NULL;
    if (!own_length && !no_length && !wire->chunked &&
        dj_header_seen(resp, DJ_HEADER_CONTENT_LENGTH))
        stated = stated_length(resp);
    add_status_line(out, resp->status);
    dj_buf_add(out, date_line);
    for (size_t i = 0; i < resp->nheaders; i++) {
        const dj_header *h = &resp->headers[i];
        if (h->id == DJ_HEADER_HOP || (h->id == DJ_HEADER_CONTENT_LENGTH && h != stated))
            continue;
        DJ_ASSERT(is_one_line(h->line));
        dj_buf_add(out, h->line);
    }
    if (wire->chunked) {
        dj_buf_add(out, DJ_LIT("Transfer-Encoding: chunked\r\n"));
    } else if (resp->stream == NULL && !no_length && stated == NULL) {
        dj_buf_add(out, DJ_LIT("Content-Length: "));
        dj_buf_add_int(out, (int64_t)resp->body_len);
        dj_buf_add(out, DJ_LIT("\r\n"));
    }
    if (wire->close)
        dj_buf_add(out, DJ_LIT("Connection: close\r\n"));
    else if (wire->minor == 0)
        dj_buf_add(out, DJ_LIT("Connection: keep-alive\r\n"));
    dj_buf_add(out, DJ_LIT("\r\n"));
}
