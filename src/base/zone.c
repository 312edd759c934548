/* src/base/zone.c - the process's time zone, from the system's zoneinfo.
 *
 * As Django does it: TIME_ZONE becomes the variable TZ, and the C library does the rest. Reading
 * the zone is safe in every thread; setting it is for the start of the process. */
#include "donjon/time.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ZONES        "/usr/share/zoneinfo"
#define ZONE_LEN_MAX 64

static bool is_name(dj_str name)
{
    if (name.len == 0 || name.len > ZONE_LEN_MAX || name.ptr[0] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!dj_is_alpha(c) && !dj_is_digit(c) && c != '/' && c != '_' && c != '+' && c != '-')
            return false;
    }
    return true;
}

/* Compiled zones begin with "TZif" (RFC 8536); the folder holds lists and folders, too. */
static bool is_zone_file(const char *path)
{
    char magic[4];
    int  fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is = read(fd, magic, sizeof(magic)) == sizeof(magic) && memcmp(magic, "TZif", 4) == 0;
    close(fd);
    return is;
}

bool dj_time_zone_exists(dj_scope *s, dj_str name)
{
    struct stat folder;
    if (!is_name(name))
        return false;
    if (stat(ZONES, &folder) != 0)
        return true;
    return is_zone_file(dj_cstr(s, dj_strf(s, ZONES "/" DJ_FMT, DJ_ARG(name))));
}

dj_err dj_time_zone_set(dj_scope *s, dj_str name)
{
    /* A worker that reloads its settings may no longer be allowed to look at the files. */
    static char current[ZONE_LEN_MAX + 1];
    if (name.len > 0 && dj_str_eq(name, dj_str_of(current)))
        return DJ_OK;
    if (!dj_time_zone_exists(s, name))
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "TIME_ZONE: this machine has no time zone '" DJ_FMT
                       "'; write a name such as 'UTC' or 'Europe/Amsterdam'",
                       DJ_ARG(name));
    if (setenv("TZ", dj_cstr(s, name), 1) != 0)
        return dj_fail_errno(s, "set TZ");
    tzset();
    snprintf(current, sizeof(current), DJ_FMT, DJ_ARG(name));
    return DJ_OK;
}

void dj_zone_at(int64_t t, dj_zone_time *out)
{
    struct tm parts;
    time_t    when = (time_t)t;
    *out = (dj_zone_time){.name = "UTC"};
    if (localtime_r(&when, &parts) == NULL)
        return; /* a year beyond 32 bits */
    out->utc_offset = (int32_t)parts.tm_gmtoff;
    out->dst = parts.tm_isdst > 0;
    if (parts.tm_zone != NULL)
        snprintf(out->name, sizeof(out->name), "%s", parts.tm_zone);
}
