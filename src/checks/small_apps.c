/* src/checks/small_apps.c - checks of parts that bring one or two: sites, mail. */
#include "checks/family.h"

/* -- sites: django/contrib/sites/checks.py -- */

static void site_id(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "SITE_ID");
    if (v != NULL && v->kind != DJ_V_NONE && v->kind != DJ_V_INT && v->kind != DJ_V_BOOL)
        ck_report(c, "sites.E101", dj_check_origin(c, "SITE_ID"), NULL,
                  "SITE_ID must be an integer.");
}

static const dj_check site_checks[] = {{"sites", false, "sites.E101", site_id}};
CHECK_FAMILY(sites, site_checks, .app = "django.contrib.sites");

/* -- mail: Django 6.1, MAILERS -- */

static void default_mailer(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "MAILERS");
    if (v != NULL && dj_value_get(v, DJ_LIT("default")) == NULL)
        ck_report(c, "mail.W001", dj_check_origin(c, "MAILERS"),
                  "Add a 'default' to MAILERS, or name the mailer each time mail is sent.",
                  "MAILERS has no 'default'.");
}

static void real_backend(dj_check_run *c)
{
    static const char *const sinks[] = {"django.core.mail.backends.console.EmailBackend",
                                        "django.core.mail.backends.dummy.EmailBackend",
                                        "django.core.mail.backends.filebased.EmailBackend",
                                        "django.core.mail.backends.locmem.EmailBackend", NULL};
    const dj_value          *v = dj_check_setting(c, "MAILERS"),
                   *backend = ck_in(ck_in(v, "default"), "BACKEND");
    if (ck_in_table(sinks, ck_text(backend)))
        ck_report(c, "mail.E001", ck_at(c, "MAILERS", backend),
                  "Use a backend that delivers: 'django.core.mail.backends.smtp.EmailBackend'.",
                  "The default mailer of MAILERS sends no mail: its BACKEND is '" DJ_FMT "'.",
                  DJ_ARG(ck_text(backend)));
}

static const dj_check mail_checks[] = {
    {"mail", false, "mail.W001", default_mailer},
    {"mail", true, "mail.E001", real_backend},
};
CHECK_FAMILY(mail, mail_checks, .setting = "MAILERS");
