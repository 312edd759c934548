/* benches/bench_http1.c - nanoseconds to read one request's head, for requests of several kinds.
 * Best and median of many rounds; the clock's cost is spread over a thousand heads. */
#include "donjon/time.h"
#include "http/http.h"
#include <time.h>

enum { HEADS = 1000, ROUNDS = 301 };

static const struct {
    const char *name;
    const char *bytes;
} requests[] = {
    {"one field", "GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"},
    {"4 fields (wrk with headers)",
     "GET /hello/ HTTP/1.1\r\nHost: example.com\r\nUser-Agent: wrk/4.2\r\nAccept: */*\r\n"
     "Connection: keep-alive\r\n\r\n"},
    {"8 fields (api client)",
     "GET /api/v1/articles/42/?fields=title&page=2 HTTP/1.1\r\nHost: "
     "api.example.com\r\nUser-Agent: python-requests/2.31.0\r\n"
     "Accept-Encoding: gzip, deflate, br\r\nAccept: application/json\r\nConnection: keep-alive\r\n"
     "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.abc\r\nX-Request-Id: "
     "5f1c9a\r\nDNT: 1\r\n\r\n"},
    {"14 fields (browser)",
     "GET /articles/2026/01/how-to-read-a-request/ HTTP/1.1\r\nHost: www.example.com\r\n"
     "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/120.0.0.0 Safari/537.36\r\n"
     "Accept: "
     "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
     "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, "
     "br\r\nConnection: keep-alive\r\n"
     "Cookie: sessionid=0123456789abcdef0123456789abcdef; "
     "csrftoken=abcdefghijklmnopqrstuvwxyz012345\r\n"
     "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: "
     "navigate\r\nSec-Fetch-Site: none\r\n"
     "Sec-Fetch-User: ?1\r\nCache-Control: max-age=0\r\nReferer: https://www.example.com/\r\n\r\n"},
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    static int64_t times[ROUNDS];
    static dj_head head;
    dj_http_limits limits = dj_http_limits_default();
    dj_http1       parser;
    for (size_t i = 0; i < DJ_COUNT(requests); i++) {
        dj_str input = dj_str_of(requests[i].bytes);
        size_t consumed, sum = 0;
        for (size_t round = 0; round < ROUNDS; round++) {
            int64_t start = now_ns();
            for (size_t n = 0; n < HEADS; n++) {
                dj_http1_init(&parser, &limits, false);
                if (dj_http1_parse(&parser, input, &head, &consumed) != DJ_HTTP1_DONE) {
                    fprintf(stderr, "bench-http1: %s: refused\n", requests[i].name);
                    return 1;
                }
                sum += consumed + head.nfields;
            }
            times[round] = now_ns() - start;
        }
        DJ_ASSERT(sum == (input.len + head.nfields) * HEADS * ROUNDS);
        qsort(times, ROUNDS, sizeof times[0], by_value);
        printf("%-28s %4zu bytes  best %6.1f ns  median %6.1f ns\n", requests[i].name, input.len,
               (double)times[0] / HEADS, (double)times[ROUNDS / 2] / HEADS);
    }
    return 0;
}
