/* benches/floor.c - what no server can beat: an epoll loop that answers anything it reads with one
 * fixed response.
 *
 *   bench-floor PORT
 *
 * No parser, no time-outs, no limits: it exists to be measured against. Must not be used for
 * anything else. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "Content-Type: text/plain; charset=utf-8\r\n"
                             "Content-Length: 13\r\n"
                             "\r\n"
                             "Hello, World!";

static int fail(const char *what)
{
    perror(what);
    return 1;
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 1024) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void accept_all(int loop, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &e) != 0)
            close(fd);
    }
}

static void answer_one(int fd)
{
    char    request[4096];
    ssize_t got = recv(fd, request, sizeof request, 0);
    if (got > 0 &&
        send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) == (ssize_t)(sizeof answer - 1))
        return;
    if (got < 0 && errno == EAGAIN)
        return;
    close(fd);
}

int main(int argc, char **argv)
{
    char *end = NULL;
    long  port = argc == 2 ? strtol(argv[1], &end, 10) : 0;
    if (port < 1 || port > 65535 || *end != '\0') {
        fputs("usage: bench-floor PORT\n", stderr);
        return 2;
    }
    int listener = listen_on((uint16_t)port);
    if (listener < 0)
        return fail("listen");
    int                loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
    if (loop < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, listener, &e) != 0)
        return fail("epoll");
    for (;;) {
        struct epoll_event events[64];
        int                n = epoll_wait(loop, events, 64, -1);
        if (n < 0 && errno != EINTR)
            return fail("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                accept_all(loop, listener);
            else
                answer_one(events[i].data.fd);
        }
    }
}
