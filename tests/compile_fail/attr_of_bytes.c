/* tests/compile_fail/attr_of_bytes.c - nor is an array whose end nobody knows. */
#include "donjon/attrs.h"

typedef struct packet {
    dj_str        name;
    unsigned char raw[8];
} packet;
#ifdef OK
DJ_ATTRS(packet, DJ_ATTR(packet, name));
#else
DJ_ATTRS(packet, DJ_ATTR(packet, raw));
#endif

const dj_attrs *probe(void);
const dj_attrs *probe(void)
{
    return &packet_attrs;
}
