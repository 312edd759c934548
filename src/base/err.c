/* src/base/err.c - the table of err.def. */
#include "donjon/err.h"

/* err.def names levels as Django does; the constant for ERROR has another name because DJ_ERROR is
 * the table's macro. */
enum { LEVEL_WARNING = DJ_WARNING, LEVEL_ERROR = DJ_ERROR_LEVEL };

static const dj_err_info table[DJ_ERR_COUNT] = {
    [DJ_OK] = {DJ_STR_INIT("OK"), 200, DJ_STR_INIT("django.request"), DJ_INFO},
#define DJ_ERROR(code, name, status, logger, level)                                                \
    [DJ_ERR_##code] = {DJ_STR_INIT(name), status, DJ_STR_INIT(logger), (dj_level)LEVEL_##level},
#include "donjon/err.def"
#undef DJ_ERROR
};

const dj_err_info *dj_err_info_of(dj_err e)
{
    DJ_ASSERT((unsigned)e < DJ_ERR_COUNT);
    return &table[e];
}
