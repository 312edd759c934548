/* src/server/proxy_protocol.c - the header by which a TCP proxy says for whom it speaks.
 *
 * Version 2, the binary one, of HAProxy's specification (doc/proxy-protocol.txt): a signature that
 * is no request and no TLS record, version and command, family, length, addresses, and then records
 * that are skipped. Version 1, the text, is refused: it has no signature of its own and its length
 * is known only at its end.
 *
 * Must not know: sockets, who may send it. */
#include "server/server.h"
#include <arpa/inet.h>
#include <netinet/in.h>

static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";

enum {
    PREFIX = 16,
    VERSION = 2,
    COMMAND_LOCAL = 0, /* the proxy's own connection: a health check */
    COMMAND_PROXY = 1,
    FAMILY_NONE = 0,
    FAMILY_INET = 1,
    FAMILY_INET6 = 2,
    FAMILY_UNIX = 3,
    PROTOCOL_NONE = 0,
    PROTOCOL_STREAM = 1,
    INET_LEN = 12, /* two addresses, two ports */
    INET6_LEN = 36,
    UNIX_LEN = 216,
};

/* Of the announced rest; `family` is that of a PROXY command. */
static bool lengths_fit(unsigned family, size_t len)
{
    return family == FAMILY_INET    ? len >= INET_LEN
           : family == FAMILY_INET6 ? len >= INET6_LEN
           : family == FAMILY_UNIX  ? len >= UNIX_LEN
                                    : true;
}

static bool family_is_good(unsigned family, unsigned protocol)
{
    if (family == FAMILY_NONE)
        return protocol == PROTOCOL_NONE;
    return family <= FAMILY_UNIX && protocol == PROTOCOL_STREAM;
}

/* The source; what the client connected to, behind it, is not asked. */
static void read_source(unsigned family, const char *at, struct sockaddr_storage *from)
{
    memset(from, 0, sizeof *from);
    from->ss_family = AF_UNSPEC;
    if (family == FAMILY_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)from;
        in->sin_family = AF_INET;
        memcpy(&in->sin_addr, at, sizeof in->sin_addr);
    } else if (family == FAMILY_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)from;
        in6->sin6_family = AF_INET6;
        memcpy(&in6->sin6_addr, at, sizeof in6->sin6_addr);
    }
}

dj_proxy_result dj_proxy_header_read(dj_str bytes, size_t *need, dj_proxy_header *out)
{
    size_t n = bytes.len < sizeof signature ? bytes.len : sizeof signature;
    if (n > 0 && memcmp(bytes.ptr, signature, n) != 0)
        return DJ_PROXY_REFUSED;
    *need = PREFIX;
    if (bytes.len < PREFIX)
        return DJ_PROXY_MORE;
    const unsigned char *prefix = (const unsigned char *)bytes.ptr;
    unsigned             version = prefix[12] >> 4, command = prefix[12] & 15u;
    unsigned             family = prefix[13] >> 4, protocol = prefix[13] & 15u;
    size_t               len = (size_t)prefix[14] << 8 | prefix[15];
    if (version != VERSION || command > COMMAND_PROXY || PREFIX + len > DJ_PROXY_HEADER_MAX)
        return DJ_PROXY_REFUSED;
    if (command == COMMAND_PROXY &&
        (!family_is_good(family, protocol) || !lengths_fit(family, len)))
        return DJ_PROXY_REFUSED;
    *need = PREFIX + len;
    if (bytes.len < *need)
        return DJ_PROXY_MORE;
    out->local = command == COMMAND_LOCAL;
    read_source(out->local ? FAMILY_NONE : family, bytes.ptr + PREFIX, &out->from);
    return DJ_PROXY_DONE;
}
