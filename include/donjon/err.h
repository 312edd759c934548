/* include/donjon/err.h - error codes. The sentence that goes with one stays in the scope: see
 * dj_fail in donjon/scope.h. */
#pragma once
#include "donjon/str.h"

DJ_BEGIN_DECLS

typedef enum dj_err {
    DJ_OK = 0,
#define DJ_ERROR(code, name, status, logger, level) DJ_ERR_##code,
#include "donjon/err.def"
#undef DJ_ERROR
    DJ_ERR_COUNT /* how many there are; not an error itself */
} dj_err;

/* Severity, with Django's (Python's) numbers. */
typedef enum dj_level {
    DJ_DEBUG = 10,
    DJ_INFO = 20,
    DJ_WARNING = 30,
    DJ_ERROR_LEVEL = 40,
    DJ_CRITICAL = 50
} dj_level;

typedef struct dj_err_info {
    dj_str   name;   /* Django's exception class, "DisallowedHost" */
    int      status; /* the answer to a request that ends with it */
    dj_str   logger; /* where it is recorded */
    dj_level level;
} dj_err_info;

/* Static data; `e` must be an error, not DJ_OK. */
DJ_RETURNS const dj_err_info *dj_err_info_of(dj_err e);

DJ_END_DECLS
