/* src/server/bind.c - listening sockets: from "127.0.0.1:8000" to a descriptor.
 *
 * Done once, before privileges are dropped and workers forked, who share the sockets. All or none:
 * if one can't be had, those before it are closed again.
 *
 * Must not know: what is spoken on a socket. */
#include "server/server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024 /* the kernel lowers it to net.core.somaxconn */ };

static const dj_str UNIX_PREFIX = DJ_STR_INIT("unix:");

static dj_err bad_address(dj_scope *s, dj_str address, const char *why)
{
    return dj_fail(
        s, DJ_ERR_IO,
        "\"" DJ_FMT
        "\" is no address to listen on: %s (write 127.0.0.1:8000, [::1]:8000, :8000 or unix:/path)",
        DJ_ARG(address), why);
}

/* "127.0.0.1:8000" and ":8000" (every IPv4 address), "[::]:80" (every IPv6 address), "8000"
 * (loopback). */
static dj_err parse_ip(dj_scope *s, dj_str address, struct sockaddr_storage *out, socklen_t *len)
{
    size_t  colon = dj_str_rchr(address, ':');
    dj_str  host = colon == DJ_NOT_FOUND ? DJ_LIT("127.0.0.1") : dj_str_first(address, colon);
    dj_str  port_text = colon == DJ_NOT_FOUND ? address : dj_str_from(address, colon + 1);
    int64_t port;
    if (!dj_str_to_int(port_text, &port) || port < 0 || port > 65535)
        return bad_address(s, address, "the port must be a number from 0 to 65535");
    if (host.len == 0)
        host = DJ_LIT("0.0.0.0");
    else if (dj_str_eq_nocase(host, DJ_LIT("localhost")))
        host = DJ_LIT("127.0.0.1");

    if (host.ptr[0] == '[' && dj_str_ends(host, DJ_LIT("]"))) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
        *in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        *len = sizeof *in6;
        if (inet_pton(AF_INET6, dj_cstr(s, dj_str_n(host.ptr + 1, host.len - 2)),
                      &in6->sin6_addr) != 1)
            return bad_address(s, address, "no IPv6 address between the brackets");
        return DJ_OK;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    *len = sizeof *in;
    if (inet_pton(AF_INET, dj_cstr(s, host), &in->sin_addr) != 1)
        return bad_address(s, address, "the host must be an IP address, an IPv6 one in brackets");
    return DJ_OK;
}

static dj_err explain_bind(dj_scope *s, dj_str address)
{
    switch (errno) {
    case EADDRINUSE:
        return dj_fail(s, DJ_ERR_IO, DJ_FMT " is already in use", DJ_ARG(address));
    case EACCES:
        return dj_fail(s, DJ_ERR_IO,
                       DJ_FMT
                       ": permission denied: ports below 1024 need root or CAP_NET_BIND_SERVICE",
                       DJ_ARG(address));
    case EADDRNOTAVAIL:
        return dj_fail(s, DJ_ERR_IO, DJ_FMT ": this machine does not have that address",
                       DJ_ARG(address));
    default:
        return dj_fail_errno(s, "listen on " DJ_FMT, DJ_ARG(address));
    }
}

static dj_err bind_ip(dj_scope *s, dj_listen *listener)
{
    struct sockaddr_storage address = {0};
    socklen_t               len = 0;
    dj_err                  e = parse_ip(s, listener->address, &address, &len);
    if (e)
        return e;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return dj_fail_errno(s, "a socket for " DJ_FMT, DJ_ARG(listener->address));
    const int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Accepted sockets inherit it: one call here instead of one a connection. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* Without this [::] would take IPv4 clients too, under addresses that no allow-list expects. */
    if (address.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, BACKLOG) < 0) {
        e = explain_bind(s, listener->address);
        close(fd);
        return e;
    }
    listener->fd = fd;
    return DJ_OK;
}

/* A socket file outlives its server. It is removed only if nobody listens on it, and only if it is
 * a socket. */
static dj_err remove_stale(dj_scope *s, dj_str text, const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) < 0)
        return errno == ENOENT ? DJ_OK : dj_fail_errno(s, "look at " DJ_FMT, DJ_ARG(text));
    if (!S_ISSOCK(st.st_mode))
        return dj_fail(s, DJ_ERR_IO, DJ_FMT ": a file of that name exists and is not a socket",
                       DJ_ARG(text));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return dj_fail_errno(s, "a socket for " DJ_FMT, DJ_ARG(text));
    bool dead =
        connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    close(fd);
    if (!dead)
        return dj_fail(s, DJ_ERR_IO, DJ_FMT " is already in use", DJ_ARG(text));
    if (unlink(address->sun_path) < 0)
        return dj_fail_errno(s, "remove the stale socket " DJ_FMT, DJ_ARG(text));
    return DJ_OK;
}

static dj_err bind_unix(dj_scope *s, dj_listen *listener, unsigned mode)
{
    dj_str             text = listener->address;
    dj_str             path = dj_str_from(text, UNIX_PREFIX.len);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path.len == 0 || path.ptr[0] != '/' || memchr(path.ptr, 0, path.len) != NULL)
        return bad_address(s, text, "the path must be absolute");
    if (path.len >= sizeof address.sun_path)
        return bad_address(s, text, "the path of a Unix socket has at most 107 bytes");
    memcpy(address.sun_path, path.ptr, path.len);

    size_t      slash = dj_str_rchr(path, '/');
    struct stat st;
    const char *parent = slash == 0 ? "/" : dj_cstr(s, dj_str_first(path, slash));
    if (stat(parent, &st) < 0 || !S_ISDIR(st.st_mode))
        return dj_fail(s, DJ_ERR_IO, DJ_FMT ": the directory %s does not exist", DJ_ARG(text),
                       parent);
    dj_err e = remove_stale(s, text, &address);
    if (e)
        return e;

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return dj_fail_errno(s, "a socket for " DJ_FMT, DJ_ARG(text));
    /* The mode comes from the umask: a chmod by name could meet another file in a folder that
     * others may write. */
    mode_t before = umask(0777 & ~(mode == 0 ? 0660 : mode & 0777));
    bool   bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    int    bind_errno = errno;
    umask(before);
    errno = bind_errno;
    if (!bound || listen(fd, BACKLOG) < 0) {
        e = errno == EADDRINUSE ? explain_bind(s, text)
                                : dj_fail_errno(s, "listen on " DJ_FMT, DJ_ARG(text));
        if (bound)
            unlink(address.sun_path);
        close(fd);
        return e;
    }
    listener->fd = fd;
    return DJ_OK;
}

void dj_server_unbind(dj_scope *s, dj_server_config *config)
{
    for (size_t i = 0; i < config->nlistens; i++) {
        dj_listen *listener = &config->listens[i];
        if (listener->fd < 0)
            continue;
        close(listener->fd);
        listener->fd = -1;
        /* As another user we may not be allowed to; the next start finds it stale. */
        if (dj_str_starts(listener->address, UNIX_PREFIX))
            (void)unlink(dj_cstr(s, dj_str_from(listener->address, UNIX_PREFIX.len)));
    }
}

void dj_server_ignore_signals(void)
{
    /* A client that goes away is an error code, never a signal. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* so is a file over its limit */
}

dj_err dj_server_bind(dj_scope *s, dj_server_config *config)
{
    dj_server_ignore_signals();
    for (size_t i = 0; i < config->nlistens; i++)
        config->listens[i].fd = -1;
    for (size_t i = 0; i < config->nlistens; i++) {
        dj_listen *listener = &config->listens[i];
        dj_err     e = dj_str_starts(listener->address, UNIX_PREFIX)
                           ? bind_unix(s, listener, config->unix_mode)
                           : bind_ip(s, listener);
        if (e) {
            dj_server_unbind(s, config);
            return e;
        }
    }
    return DJ_OK;
}
