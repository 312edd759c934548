/* src/checks/limits.c - limits of requests that are switched off. */
#include "checks/family.h"

#define MIB ((int64_t)1024 * 1024)

static void body(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "DATA_UPLOAD_MAX_MEMORY_SIZE");
    if (v != NULL && (v->kind == DJ_V_NONE || (v->kind == DJ_V_INT && v->integer > 100 * MIB)))
        ck_report(c, "donjon.W100", dj_check_origin(c, "DATA_UPLOAD_MAX_MEMORY_SIZE"),
                  "Set DATA_UPLOAD_MAX_MEMORY_SIZE = 2621440.",
                  "DATA_UPLOAD_MAX_MEMORY_SIZE %s: a request can fill the memory.",
                  v->kind == DJ_V_NONE ? "is None" : "is over 100 MiB");
}

static void none_of(dj_check_run *c, const char *name, const char *id, const char *hint,
                    const char *what)
{
    const dj_value *v = dj_check_setting(c, name);
    if (v != NULL && v->kind == DJ_V_NONE)
        ck_report(c, id, dj_check_origin(c, name), hint,
                  "%s is None: a form may carry any number of %s.", name, what);
}

static void fields(dj_check_run *c)
{
    none_of(c, "DATA_UPLOAD_MAX_NUMBER_FIELDS", "donjon.W101",
            "Set DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000.", "fields");
}

static void uploads(dj_check_run *c)
{
    none_of(c, "DATA_UPLOAD_MAX_NUMBER_FILES", "donjon.W102",
            "Set DATA_UPLOAD_MAX_NUMBER_FILES = 100.", "files");
}

static const dj_check checks[] = {
    {"donjon security", true, "donjon.W100", body},
    {"donjon security", true, "donjon.W101", fields},
    {"donjon security", true, "donjon.W102", uploads},
};
CHECK_FAMILY(limits, checks);
