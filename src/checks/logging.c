/* src/checks/logging.c - logs that tell too much, or nothing; and helpers of debugging left on. */
#include "checks/family.h"

static bool is_level(const dj_value *v, const char *name, int64_t number)
{
    return v != NULL && ((v->kind == DJ_V_STR && dj_str_eq(v->str, dj_str_of(name))) ||
                         (v->kind == DJ_V_INT && v->integer == number));
}

static bool is_branch(dj_str logger, const char *root)
{
    dj_str r = dj_str_of(root);
    return dj_str_starts(logger, r) && (logger.len == r.len || logger.ptr[r.len] == '.');
}

static void report_debug(dj_check_run *c, const dj_value *level, dj_str logger)
{
    ck_report(c, "donjon.W110", ck_at(c, "LOGGING", level),
              "Set the 'level' in LOGGING to 'INFO', or 'WARNING'.",
              "The logger '" DJ_FMT
              "' of LOGGING is at DEBUG: queries and their values are written down.",
              DJ_ARG(logger));
}

static void debug_level(dj_check_run *c)
{
    const dj_value *logging = dj_check_setting(c, "LOGGING"), *loggers = ck_in(logging, "loggers");
    const dj_value *root = ck_in(ck_in(logging, "root"), "level");
    if (is_level(root, "DEBUG", 10))
        report_debug(c, root, DJ_LIT("root"));
    for (size_t i = 0; loggers != NULL && loggers->kind == DJ_V_DICT && i < loggers->dict.len;
         i++) {
        dj_str          name = ck_text(loggers->dict.pairs[i].key);
        const dj_value *level = ck_in(loggers->dict.pairs[i].value, "level");
        if (is_level(level, "DEBUG", 10) && (name.len == 0 || is_branch(name, "django")))
            report_debug(c, level, name.len == 0 ? DJ_LIT("root") : name);
    }
    if (c->in->urls != NULL && ck_is_text(dj_check_setting(c, "LOG_LEVEL"), "DEBUG"))
        ck_report(c, "donjon.W110", dj_check_origin(c, "LOG_LEVEL"), "Set LOG_LEVEL = 'INFO'.",
                  "LOG_LEVEL is DEBUG: more is written down than an operator should keep.");
}

/* Do all handlers of a logger throw its records away? */
static bool goes_nowhere(const dj_value *logging, const dj_value *logger)
{
    const dj_value *names = ck_in(logger, "handlers"), *propagate = ck_in(logger, "propagate");
    if (propagate == NULL || dj_value_truth(propagate))
        return false;
    for (size_t i = 0; i < ck_len(names); i++) {
        const dj_value *handlers = ck_in(logging, "handlers");
        const dj_value *handler =
            handlers == NULL ? NULL : dj_value_get(handlers, ck_text(ck_item(names, i)));
        if (!ck_is_text(ck_in(handler, "class"), "logging.NullHandler"))
            return false;
    }
    return true;
}

static void security_logger(dj_check_run *c)
{
    const dj_value *logging = dj_check_setting(c, "LOGGING"), *loggers = ck_in(logging, "loggers");
    for (size_t i = 0; loggers != NULL && loggers->kind == DJ_V_DICT && i < loggers->dict.len;
         i++) {
        dj_str          name = ck_text(loggers->dict.pairs[i].key);
        const dj_value *logger = loggers->dict.pairs[i].value, *level = ck_in(logger, "level");
        if (!is_branch(name, "django.security") && !dj_str_eq(name, DJ_LIT("django")))
            continue;
        if (is_level(level, "CRITICAL", 50) || goes_nowhere(logging, logger))
            ck_report(
                c, "donjon.W111", ck_at(c, "LOGGING", level != NULL ? level : logger),
                "Give 'django.security' in LOGGING a handler and the level 'WARNING'.",
                "The logger '" DJ_FMT
                "' of LOGGING is off, at CRITICAL or without handler: attacks leave no trace.",
                DJ_ARG(name));
    }
    if (c->in->urls != NULL && ck_is_text(dj_check_setting(c, "LOG_LEVEL"), "CRITICAL"))
        ck_report(c, "donjon.W111", dj_check_origin(c, "LOG_LEVEL"), "Set LOG_LEVEL = 'INFO'.",
                  "LOG_LEVEL is CRITICAL: attacks leave no trace.");
}

/* A network wider than one host: "*", or a mask that leaves bits open. */
static bool is_wide(dj_str address)
{
    size_t slash = dj_str_rchr(address, '/');
    if (dj_str_has(address, DJ_LIT("*")))
        return true;
    if (slash == DJ_NOT_FOUND)
        return false;
    int64_t bits, whole = dj_str_has(address, DJ_LIT(":")) ? 128 : 32;
    return !dj_str_to_int(dj_str_from(address, slash + 1), &bits) || bits < whole;
}

static void debugging(dj_check_run *c)
{
    if (ck_truth(c, "DEBUG_PROPAGATE_EXCEPTIONS") == YES)
        ck_report(c, "donjon.W112", dj_check_origin(c, "DEBUG_PROPAGATE_EXCEPTIONS"),
                  "Set DEBUG_PROPAGATE_EXCEPTIONS = False.",
                  "DEBUG_PROPAGATE_EXCEPTIONS is on: the failure of one view ends its worker.");
    const dj_value *v = dj_check_setting(c, "INTERNAL_IPS");
    for (size_t i = 0; i < ck_len(v); i++)
        if (is_wide(ck_text(ck_item(v, i))))
            ck_report(c, "donjon.W112", ck_at(c, "INTERNAL_IPS", ck_item(v, i)),
                      "Name single addresses in INTERNAL_IPS.",
                      "INTERNAL_IPS has '" DJ_FMT
                      "', wider than one host: debugging help is shown to it.",
                      DJ_ARG(ck_text(ck_item(v, i))));
}

static const dj_check checks[] = {
    {"donjon security", true, "donjon.W110", debug_level},
    {"donjon security", true, "donjon.W111", security_logger},
    {"donjon security", true, "donjon.W112", debugging},
};
CHECK_FAMILY(logging, checks);
