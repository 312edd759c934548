/* src/conf/names.c - the names of settings that are known, and the one that was probably meant. */
#include "reader.h"

static const dj_str known[] = {
#define DJ_SETTING(type, name, def, warn_if, with, check, help) DJ_STR_INIT(#name),
#include "settings.def"
#undef DJ_SETTING
};

/* Settings of older Djangos: nothing reads them, but they are no misspellings. */
static const dj_str past[] = {
    DJ_STR_INIT("CSRF_COOKIE_MASKED"),
    DJ_STR_INIT("DEFAULT_CONTENT_TYPE"),
    DJ_STR_INIT("DEFAULT_FILE_STORAGE"),
    DJ_STR_INIT("DEFAULT_HASHING_ALGORITHM"),
    DJ_STR_INIT("FILE_CHARSET"),
    DJ_STR_INIT("MIDDLEWARE_CLASSES"),
    DJ_STR_INIT("PASSWORD_RESET_TIMEOUT_DAYS"),
    DJ_STR_INIT("SECURE_BROWSER_XSS_FILTER"),
    DJ_STR_INIT("SEND_BROKEN_LINK_EMAILS"),
    DJ_STR_INIT("STATICFILES_STORAGE"),
    DJ_STR_INIT("TEMPLATE_CONTEXT_PROCESSORS"),
    DJ_STR_INIT("TEMPLATE_DEBUG"),
    DJ_STR_INIT("TEMPLATE_DIRS"),
    DJ_STR_INIT("TEMPLATE_LOADERS"),
    DJ_STR_INIT("TEMPLATE_STRING_IF_INVALID"),
    DJ_STR_INIT("TRANSACTIONS_MANAGED"),
    DJ_STR_INIT("URL_VALIDATOR_USER_AGENT"),
    DJ_STR_INIT("USE_DEPRECATED_PYTZ"),
    DJ_STR_INIT("USE_ETAGS"),
    DJ_STR_INIT("USE_L10N"),
};

#define NAME_MAX_LEN 64

unsigned conf_distance(dj_str a, dj_str b)
{
    unsigned char row[NAME_MAX_LEN + 1];
    if (a.len > NAME_MAX_LEN || b.len > NAME_MAX_LEN || a.len > b.len + 2 || b.len > a.len + 2)
        return 3;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = (unsigned char)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned char)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned change = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            unsigned shift = 1u + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            diagonal = row[j];
            row[j] = (unsigned char)(change < shift ? change : shift);
        }
    }
    return row[b.len] <= 2 ? row[b.len] : 3;
}

/* In names of three or four letters two changes make another word. */
static unsigned allowed(dj_str name)
{
    return name.len < 5 ? 1 : 2;
}

dj_str dj_conf_nearest(dj_scope *s __attribute__((unused)), dj_str name)
{
    dj_str   best = DJ_NONE; /* static data */
    unsigned least = 3;
    for (size_t i = 0; i < DJ_COUNT(past); i++) {
        if (dj_str_eq(past[i], name))
            return DJ_NONE;
    }
    for (size_t i = 0; i < DJ_COUNT(known); i++) {
        unsigned d = conf_distance(name, known[i]);
        if (d < least && d <= allowed(known[i])) {
            least = d;
            best = known[i];
        }
    }
    return best;
}
