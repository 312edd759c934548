/* tests/compile_fail/route_from_pointer.c - the pattern of a route is a literal. */
#include "donjon/routes.h"

dj_response             *view(dj_req *req);
extern const char *const from_elsewhere;
const dj_route          *table(void);
const dj_route          *table(void)
{
    static const dj_route urls[] = {
#ifdef OK
        DJ_PATH("here/", view),
    };
    return urls;
#else
        DJ_PATH(from_elsewhere, view),
    };
    return urls;
#endif
}
