/* src/app/refused.c - records of requests that were refused before there was one.
 *
 * A hostile client makes thousands a second and none of them says more than the first ones: a
 * second has a bounded number of records, and the next one tells how many were left out.
 *
 * Must not know: why a request is refused, what is answered. */
#include "app/app.h"
#include "donjon/time.h"

bool dj_record_may(dj_record_gate *gate, int64_t now_ms, uint64_t *left_out)
{
    if (now_ms - gate->since_ms >= 1000 || now_ms < gate->since_ms) {
        gate->since_ms = now_ms;
        gate->written = 0;
    }
    if (gate->written >= DJ_REFUSALS_A_SECOND) {
        gate->left_out++;
        return false;
    }
    gate->written++;
    *left_out = gate->left_out;
    gate->left_out = 0;
    return true;
}

void dj_site_refused(const dj_peer *peer, int status, dj_str reason, void *given)
{
    struct dj_site      *site = given;
    const dj_log_context context = {.status = status, .client = peer->address};
    dj_str               name = dj_reason(status);
    dj_level             level = status >= 500 ? DJ_ERROR_LEVEL : DJ_WARNING;
    uint64_t             left_out;
    if (!dj_record_may(&site->refusals, dj_monotonic_ms(), &left_out))
        return;
    if (left_out == 0)
        dj_log(DJ_LIT("django.request"), level, &context, DJ_FMT ": " DJ_FMT, DJ_ARG(name),
               DJ_ARG(reason));
    else
        dj_log(DJ_LIT("django.request"), level, &context,
               DJ_FMT ": " DJ_FMT " (%llu refused requests before it were not recorded)",
               DJ_ARG(name), DJ_ARG(reason), (unsigned long long)left_out);
}
