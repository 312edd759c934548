/* src/base/sink.c - finished lines to stderr, a file or syslog, without waiting.
 *
 * stderr is shared with whoever started us, so it never becomes non-blocking (that flag belongs to
 * the open file, not to the descriptor): a stream is asked with poll(2) first, a socket gets
 * MSG_DONTWAIT.
 *
 * Must not know: levels, loggers, what a line says. */
#include "base/sink.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSLOG_SOCKET "/dev/log"
#define LOG_MODE      0640

static dj_sink_kind kind_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return DJ_SINK_STREAM;
    if (S_ISREG(st.st_mode))
        return DJ_SINK_FILE;
    return S_ISSOCK(st.st_mode) ? DJ_SINK_SOCKET : DJ_SINK_STREAM;
}

static dj_err open_file(dj_scope *s, const char *path, int *out)
{
    /* O_NONBLOCK: a named pipe without a reader fails at once. It has no meaning for a regular
     * file. */
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    /* Root must not be led elsewhere by a link in a folder that another account may write;
     * /dev/stdout is one of the system's own. */
    if (geteuid() == 0 && strncmp(path, "/dev/", 5) != 0)
        flags |= O_NOFOLLOW;
    int fd = open(path, flags, LOG_MODE);
    if (fd < 0)
        return dj_fail_errno(s, "log file %s", path);
    *out = fd;
    return DJ_OK;
}

static dj_err open_syslog(dj_scope *s, const char *path, int *out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t             len = strlen(path);
    if (len >= sizeof address.sun_path)
        return dj_fail(s, DJ_ERR_IO, "syslog socket %s: the path is too long", path);
    memcpy(address.sun_path, path, len + 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return dj_fail_errno(s, "syslog socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        dj_err e = dj_fail_errno(s, "syslog socket %s", path);
        close(fd);
        return e;
    }
    *out = fd;
    return DJ_OK;
}

static dj_err open_path(dj_scope *s, dj_sink_kind kind, const char *path, int *out)
{
    return kind == DJ_SINK_SYSLOG ? open_syslog(s, path, out) : open_file(s, path, out);
}

dj_err dj_sink_open(dj_scope *s, dj_sink *sink, dj_str to)
{
    int          fd = 2;
    dj_sink_kind kind = DJ_SINK_FILE;
    const char  *path = "";

    if (dj_str_eq(to, DJ_LIT("syslog"))) {
        kind = DJ_SINK_SYSLOG;
        path = SYSLOG_SOCKET;
    } else if (dj_str_starts(to, DJ_LIT("syslog:"))) {
        kind = DJ_SINK_SYSLOG;
        path = dj_cstr(s, dj_str_from(to, strlen("syslog:")));
    } else if (!dj_str_eq(to, DJ_LIT("stderr"))) {
        path = dj_cstr(s, to);
    }
    size_t len = strlen(path);
    if (len >= sizeof sink->path)
        return dj_fail(s, DJ_ERR_IO, "log file: the path is too long");
    if (len > 0) {
        dj_err e = open_path(s, kind, path, &fd);
        if (e)
            return e;
    }
    dj_sink_close(sink);
    memcpy(sink->path, path, len + 1);
    sink->fd = fd;
    sink->kind = kind == DJ_SINK_SYSLOG ? kind : kind_of(fd);
    atomic_store(&sink->torn, false);
    return DJ_OK;
}

dj_err dj_sink_reopen(dj_scope *s, dj_sink *sink)
{
    if (sink->path[0] == '\0')
        return DJ_OK;
    int    fd = -1;
    dj_err e = open_path(s, sink->kind, sink->path, &fd);
    if (e)
        return e;
    /* The number stays: a thread that is about to write to it finds the new file behind it. */
    int moved = dup3(fd, sink->fd, O_CLOEXEC);
    if (moved < 0)
        e = dj_fail_errno(s, "log file %s", sink->path);
    close(fd);
    return e;
}

/* The bytes that went out, or -1. */
static ssize_t put(const dj_sink *sink, const char *ptr, size_t len)
{
    ssize_t n;
    switch (sink->kind) {
    case DJ_SINK_SOCKET:
    case DJ_SINK_SYSLOG:
        do
            n = send(sink->fd, ptr, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n;
    case DJ_SINK_STREAM: {
        struct pollfd room = {.fd = sink->fd, .events = POLLOUT};
        if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0)
            return -1;
        break;
    }
    case DJ_SINK_FILE:
        break;
    }
    do
        n = write(sink->fd, ptr, len);
    while (n < 0 && errno == EINTR);
    return n;
}

static bool put_all(dj_sink *sink, dj_str bytes)
{
    ssize_t n = put(sink, bytes.ptr, bytes.len);
    if (n == (ssize_t)bytes.len)
        return true;
    if (n > 0)
        atomic_store(&sink->torn, true);
    return false;
}

static unsigned long count_lines(dj_str lines)
{
    unsigned long n = 0;
    for (size_t i = 0; i < lines.len; i++)
        n += lines.ptr[i] == '\n';
    return n;
}

/* What goes into one write: all of it, but on a stream no more than it surely takes without
 * waiting. */
static dj_str first_part(const dj_sink *sink, dj_str lines)
{
    if (sink->kind != DJ_SINK_STREAM || lines.len <= DJ_SINK_ATOMIC)
        return lines;
    size_t end = dj_str_rchr(dj_str_first(lines, DJ_SINK_ATOMIC), '\n');
    return dj_str_first(lines, end == DJ_NOT_FOUND ? DJ_SINK_ATOMIC : end + 1);
}

/* Ends a torn line, says what was lost. False if there is still no room. */
static bool catch_up(dj_sink *sink)
{
    if (atomic_load(&sink->torn) && sink->kind != DJ_SINK_SYSLOG) {
        if (put(sink, "\n", 1) != 1)
            return false;
        atomic_store(&sink->torn, false);
    }
    unsigned long lost = atomic_exchange(&sink->lost, 0);
    if (lost == 0)
        return true;
    char   line[256];
    size_t len;
    if (sink->report != NULL)
        len = sink->report(line, sizeof line, lost);
    else
        len = (size_t)snprintf(line, sizeof line, "%lu records could not be written\n", lost);
    if (put_all(sink, dj_str_n(line, len)))
        return true;
    atomic_fetch_add(&sink->lost, lost);
    return false;
}

bool dj_sink_write(dj_sink *sink, dj_str lines)
{
    bool behind = atomic_load_explicit(&sink->lost, memory_order_relaxed) != 0 ||
                  atomic_load_explicit(&sink->torn, memory_order_relaxed);
    bool works = !behind || catch_up(sink);

    while (works && lines.len > 0) {
        dj_str part = first_part(sink, lines);
        works = put_all(sink, part);
        if (works)
            lines = dj_str_from(lines, part.len);
    }
    if (!works)
        atomic_fetch_add(&sink->lost, count_lines(lines));
    return works;
}

unsigned long dj_sink_lost(const dj_sink *sink)
{
    return atomic_load(&sink->lost);
}

void dj_sink_close(dj_sink *sink)
{
    if (sink->path[0] != '\0')
        close(sink->fd);
    sink->path[0] = '\0';
    sink->fd = 2;
    sink->kind = DJ_SINK_STREAM;
}
