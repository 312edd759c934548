/* demo/guards.h - the protections of an answer, one row each. */
#pragma once
#include <donjon/donjon.h>

typedef struct guard {
    dj_html header, setting, why;
    dj_str  value; /* as it is sent */
    bool    on;    /* for this request */
} guard;

#define GUARDS_MAX 12
/* Fills `out` and returns how many. */
size_t guards_of(dj_req *req, guard out[GUARDS_MAX]);
