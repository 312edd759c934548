/* src/base/sink.h - where finished lines go: stderr, a file, syslog; for log.c and the access log.
 *
 * Writing never waits for a slow reader and never fails the caller: what can't be written now is
 * counted, and the count stands in the next line that can. One call is one write(2), so lines of
 * several workers never mix; a call of at most DJ_SINK_ATOMIC bytes is whole on pipes, too.
 *
 * Must not know: levels, loggers, what a line says. */
#pragma once
#include "donjon/scope.h"
#include <limits.h>
#include <stdatomic.h>

#define DJ_SINK_ATOMIC ((size_t)PIPE_BUF)

typedef enum dj_sink_kind {
    DJ_SINK_FILE,   /* regular file: write(2) */
    DJ_SINK_STREAM, /* pipe, terminal, device: only when it has room */
    DJ_SINK_SOCKET, /* stream or datagram socket (a service manager's stderr) */
    DJ_SINK_SYSLOG  /* datagrams to /dev/log, with a priority in front */
} dj_sink_kind;

typedef struct dj_sink {
    int          fd;
    dj_sink_kind kind;
    char         path[PATH_MAX]; /* "" for stderr */
    atomic_ulong lost;           /* records not written, not yet reported */
    atomic_bool  torn;           /* the last write stopped inside a line */
    /* Makes the line that says how many were lost, '\n' included; returns its length. NULL: a plain
     * sentence. */
    size_t (*report)(char *out, size_t size, unsigned long lost);
} dj_sink;

/* stderr, usable without opening anything. */
#define DJ_SINK_STDERR                                                                             \
    {                                                                                              \
        .fd = 2, .kind = DJ_SINK_STREAM                                                            \
    }

/* `to`: "stderr", "syslog", "syslog:SOCKET", or a path (appended to, made with mode 0640). On error
 * the sink is as before. DJ_ERR_IO names the path. */
DJ_CHECKED DJ_NONNULL dj_err dj_sink_open(dj_scope *s, dj_sink *sink, dj_str to);
/* The same path again: a new file after a rotation, a new connection to syslog. On error the old
 * one stays in use. */
DJ_CHECKED DJ_NONNULL dj_err dj_sink_reopen(dj_scope *s, dj_sink *sink);
/* Writes whole lines, each ending with '\n' (syslog: one line a call); those that can't be written
 * are counted as lost. False if any was. Safe from any thread. */
DJ_NONNULL bool dj_sink_write(dj_sink *sink, dj_str lines);
/* How many records wait to be reported as lost. */
DJ_NONNULL unsigned long dj_sink_lost(const dj_sink *sink);
/* Closes what dj_sink_open opened; stderr stays. */
DJ_NONNULL void dj_sink_close(dj_sink *sink);
