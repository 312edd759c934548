/* fuzz/fuzz_proxy_protocol.c - the header of the PROXY protocol: bounded, and the same verdict
 * however its bytes arrive. */
#include "server/server.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dj_proxy_header header, again;
    size_t          need = 0, most = 0;
    dj_proxy_result r = DJ_PROXY_MORE;
    memset(&header, 0, sizeof header);
    memset(&again, 0, sizeof again);
    for (size_t n = 0; n <= size && r == DJ_PROXY_MORE; n++) {
        char *exact = malloc(n + 1); /* so that a byte read too far is seen */
        memcpy(exact, data, n);
        r = dj_proxy_header_read(dj_str_n(exact, n), &need, &header);
        free(exact);
        most = n;
        DJ_ASSERT(r == DJ_PROXY_REFUSED || need <= DJ_PROXY_HEADER_MAX);
        DJ_ASSERT(r != DJ_PROXY_MORE || need > n);
        DJ_ASSERT(r != DJ_PROXY_DONE || need == n);
    }
    if (r == DJ_PROXY_DONE) {
        char          text[48];
        unsigned char key[16];
        bool          loopback;
        DJ_ASSERT(dj_proxy_header_read(dj_str_n((const char *)data, size), &need, &again) == r);
        DJ_ASSERT(need == most && memcmp(&header, &again, sizeof header) == 0);
        dj_address_describe(&header.from, text, key, &loopback);
        DJ_ASSERT(strlen(text) < sizeof text);
    }
    return 0;
}
