/* src/checks/protections.c - protections that Donjon has and Django has not, switched off by a line
 * of the settings.
 *
 * What is on by default is reported when a line turns it off; who knows it silences the id. */
#include "checks/family.h"

/* Is it set to a false value? *at is then the line that does it. A setting that nobody wrote has
 * its default, which is on. */
static bool turned_off(dj_check_run *c, const char *name, dj_origin *at)
{
    const dj_value *v = dj_check_setting(c, name);
    if (v == NULL || v->kind == DJ_V_UNKNOWN || dj_value_truth(v))
        return false;
    *at = dj_check_origin(c, name);
    return true;
}

static void host_first(dj_check_run *c)
{
    dj_origin at;
    if (turned_off(c, "HOST_CHECK_FIRST", &at))
        ck_report(
            c, "donjon.W140", at, "Set HOST_CHECK_FIRST = True, or remove the line.",
            "HOST_CHECK_FIRST is off: a view that never asks for the host answers under any name.");
}

static void all_answers(dj_check_run *c)
{
    dj_origin at;
    if (turned_off(c, "SECURE_ALL_ANSWERS", &at))
        ck_report(c, "donjon.W141", at, "Set SECURE_ALL_ANSWERS = True, or remove the line.",
                  "SECURE_ALL_ANSWERS is off: errors and answers of outer layers go without "
                  "security headers.");
}

static void permissions(dj_check_run *c)
{
    dj_origin at;
    if (turned_off(c, "PERMISSIONS_POLICY", &at))
        ck_report(c, "donjon.W142", at,
                  "Name in PERMISSIONS_POLICY what pages may use, or remove the line.",
                  "PERMISSIONS_POLICY is empty: a script on a page may ask for the camera, the "
                  "position and the like.");
}

static void resource_policy(dj_check_run *c)
{
    dj_origin at;
    if (turned_off(c, "CROSS_ORIGIN_RESOURCE_POLICY", &at))
        ck_report(c, "donjon.W143", at,
                  "Set CROSS_ORIGIN_RESOURCE_POLICY = 'same-origin', or remove the line.",
                  "CROSS_ORIGIN_RESOURCE_POLICY is empty: other sites can load answers into their "
                  "own process.");
}

static void fetch_metadata(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "FETCH_METADATA_REPORT_ONLY");
    if (v != NULL && v->kind != DJ_V_UNKNOWN && dj_value_truth(v))
        ck_report(c, "donjon.W144", dj_check_origin(c, "FETCH_METADATA_REPORT_ONLY"),
                  "Set FETCH_METADATA_REPORT_ONLY = False, or remove the line, when the records "
                  "show nothing that is wanted.",
                  "FETCH_METADATA_REPORT_ONLY is on: requests that other sites make are recorded "
                  "and let through.");
}

static const dj_check checks[] = {
    {"donjon security", true, "donjon.W140", host_first},
    {"donjon security", true, "donjon.W141", all_answers},
    {"donjon security", true, "donjon.W142", permissions},
    {"donjon security", true, "donjon.W143", resource_policy},
    {"donjon security", true, "donjon.W144", fetch_metadata},
};
CHECK_FAMILY(protections, checks);
