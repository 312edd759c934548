/* tests/site/load.c - many clients that read every byte of every answer, and say how each lost
 * connection was lost.
 *
 *   site-load PORT CONNECTIONS SECONDS [HOST]
 *
 * Each connection asks testsite for /token/TOKEN/ with a token of its own, again and again; the
 * answer must be 200 with exactly "TOKEN PID\n". Prints one JSON object:
 *   {"answers": 1, "wrong": 0, "closed": 0, "p50_us": 1, "p99_us": 1, "max_us": 1,
 *    "errors": [{"kind": "reset", "pid": 12, "at": 1.5}, ...]}
 * `closed` counts connections that ended properly, after an answer with Connection: close. An
 * error's pid is the worker that had answered on that connection before (0: none had), `at` seconds
 * of CLOCK_MONOTONIC. */
#include "donjon/attr.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_NS     10000000000ll
#define ERRORS_MAX  4096
#define SAMPLES_MAX 8000000u

typedef struct {
    int      fd;
    int      pid; /* of the worker behind it; 0 until known */
    unsigned id, round;
    bool     connecting;
    int64_t  sent_ns;
    size_t   got;
    char     token[32];
    char     in[4096];
} client;

typedef struct {
    const char *kind;
    int         pid;
    int64_t     at_ns;
} error;

static struct sockaddr_in server;
static const char        *host = "localhost";
static int                loop;
static uint64_t           answers, wrong, closed;
static error              errors[ERRORS_MAX];
static size_t             nerrors;
static uint32_t          *samples; /* microseconds */
static size_t             nsamples;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void reconnect(client *c);

static void lost(client *c, const char *kind)
{
    if (nerrors < ERRORS_MAX)
        errors[nerrors] = (error){kind, c->pid, now_ns()};
    nerrors++;
    reconnect(c);
}

static void ask(client *c)
{
    char request[256];
    snprintf(c->token, sizeof c->token, "c%ur%u", c->id, c->round++);
    int len = snprintf(request, sizeof request, "GET /token/%s/ HTTP/1.1\r\nHost: %s\r\n\r\n",
                       c->token, host);
    c->got = 0;
    c->sent_ns = now_ns();
    if (send(c->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
        lost(c, errno == EPIPE || errno == ECONNRESET ? "reset" : "send");
}

static void reconnect(client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->pid = 0;
    c->got = 0;
    c->connecting = true;
    c->sent_ns = now_ns();
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event e = {.events = EPOLLOUT, .data.ptr = c};
    if (c->fd < 0 ||
        (connect(c->fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS) ||
        epoll_ctl(loop, EPOLL_CTL_ADD, c->fd, &e) != 0) {
        perror("site-load: connect");
        exit(1);
    }
}

/* Length of a complete answer in c->in, 0 if more must come, -1 if it is not what was asked for. */
static ssize_t judge(client *c, bool *last)
{
    char        want[64];
    const char *end = memmem(c->in, c->got, "\r\n\r\n", 4);
    if (end == NULL)
        return c->got == sizeof c->in ? -1 : 0;
    size_t head = (size_t)(end - c->in) + 4;
    c->in[head - 1] = '\0'; /* the head is text from here */
    const char *length = strcasestr(c->in, "\r\nContent-Length: ");
    *last = strcasestr(c->in, "\r\nConnection: close") != NULL;
    if (strncmp(c->in, "HTTP/1.1 200 OK\r\n", 17) != 0 || length == NULL)
        return -1;
    size_t body = strtoul(length + 18, NULL, 10);
    if (head + body > sizeof c->in)
        return -1;
    if (c->got < head + body) {
        c->in[head - 1] = '\n';
        return 0;
    }
    char  *pid_end;
    size_t token = strlen(c->token);
    if (body < token + 2 || memcmp(c->in + head, c->token, token) != 0)
        return -1;
    long pid = strtol(c->in + head + token, &pid_end, 10);
    int  len = snprintf(want, sizeof want, "%s %ld\n", c->token, pid);
    if ((size_t)len != body || memcmp(want, c->in + head, body) != 0 ||
        (c->pid != 0 && c->pid != (int)pid))
        return -1;
    c->pid = (int)pid;
    return (ssize_t)(head + body);
}

static void answered(client *c, bool last)
{
    answers++;
    if (nsamples < SAMPLES_MAX)
        samples[nsamples++] = (uint32_t)((now_ns() - c->sent_ns) / 1000);
    if (last) {
        closed++;
        reconnect(c);
    } else {
        ask(c);
    }
}

static void readable(client *c)
{
    bool    last = false;
    ssize_t got = recv(c->fd, c->in + c->got, sizeof c->in - c->got, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        lost(c, got == 0 ? (c->got > 0 ? "cut" : "eof") : "reset");
        return;
    }
    c->got += (size_t)got;
    ssize_t used = judge(c, &last);
    if (used < 0 || (used > 0 && (size_t)used != c->got)) {
        if (wrong++ == 0)
            fprintf(stderr, "site-load: wrong answer to %s: %.*s\n", c->token, (int)c->got, c->in);
        reconnect(c);
    } else if (used > 0) {
        answered(c, last);
    }
}

static void writable(client *c)
{
    int       failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure != 0) {
        usleep(1000); /* a refused connection must not spin */
        lost(c, failure == ECONNREFUSED ? "refused" : "connect");
        return;
    }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    epoll_ctl(loop, EPOLL_CTL_MOD, c->fd, &e);
    c->connecting = false;
    ask(c);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void report(void)
{
    qsort(samples, nsamples, sizeof *samples, by_size);
    printf("{\"answers\": %llu, \"wrong\": %llu, \"closed\": %llu, \"p50_us\": %u, \"p99_us\": %u, "
           "\"max_us\": %u, \"errors\": [",
           (unsigned long long)answers, (unsigned long long)wrong, (unsigned long long)closed,
           nsamples ? samples[nsamples / 2] : 0, nsamples ? samples[nsamples * 99 / 100] : 0,
           nsamples ? samples[nsamples - 1] : 0);
    for (size_t i = 0; i < nerrors && i < ERRORS_MAX; i++)
        printf("%s{\"kind\": \"%s\", \"pid\": %d, \"at\": %.3f}", i ? ", " : "", errors[i].kind,
               errors[i].pid, (double)errors[i].at_ns / 1e9);
    puts("]}");
}

static void run(client *clients, unsigned n, int64_t until_ns)
{
    int64_t now;
    while ((now = now_ns()) < until_ns) {
        struct epoll_event events[256];
        int                ready = epoll_wait(loop, events, 256, 100);
        for (int i = 0; i < ready; i++) {
            client *c = events[i].data.ptr;
            if (c->connecting)
                writable(c);
            else
                readable(c);
        }
        for (unsigned i = 0; i < n && ready < 256; i++) {
            if (now - clients[i].sent_ns > WAIT_NS)
                lost(&clients[i], "timeout");
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fputs("usage: site-load PORT CONNECTIONS SECONDS [HOST]\n", stderr);
        return 2;
    }
    unsigned n = (unsigned)strtoul(argv[2], NULL, 10);
    server = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10))};
    if (argc > 4)
        host = argv[4];
    client *clients = calloc(n, sizeof *clients);
    samples = malloc(SAMPLES_MAX * sizeof *samples);
    loop = epoll_create1(EPOLL_CLOEXEC);
    if (clients == NULL || samples == NULL || loop < 0) {
        perror("site-load");
        return 1;
    }
    int64_t until = now_ns() + strtoll(argv[3], NULL, 10) * 1000000000;
    for (unsigned i = 0; i < n; i++) {
        clients[i].fd = -1;
        clients[i].id = i;
        reconnect(&clients[i]);
    }
    run(clients, n, until);
    report();
    free(clients);
    free(samples);
    return 0;
}
