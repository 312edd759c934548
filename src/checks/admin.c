/* src/checks/admin.c - what the admin needs around it. Django: django/contrib/admin/checks.py,
 * check_dependencies. */
#include "checks/family.h"

#define DJANGO_ENGINE "django.template.backends.django.DjangoTemplates"
#define AUTH_LAYER    "django.contrib.auth.middleware.AuthenticationMiddleware"
#define MESSAGE_LAYER "django.contrib.messages.middleware.MessageMiddleware"
#define SESSION_LAYER "django.contrib.sessions.middleware.SessionMiddleware"

static void apps(dj_check_run *c)
{
    static const struct {
        const char *app, *id;
    } needed[] = {{"django.contrib.contenttypes", "admin.E401"},
                  {"django.contrib.auth", "admin.E405"},
                  {"django.contrib.messages", "admin.E406"}};
    for (size_t i = 0; i < DJ_COUNT(needed); i++)
        if (ck_app(c, needed[i].app) == NO)
            ck_report(c, needed[i].id, dj_check_origin(c, "INSTALLED_APPS"), NULL,
                      "The admin needs '%s' in INSTALLED_APPS.", needed[i].app);
}

/* Does the site use Django's own backend, or one derived from it? */
static bool default_backend(dj_check_run *c)
{
    static const char *const derived[] = {
        "django.contrib.auth.backends.ModelBackend",
        "django.contrib.auth.backends.AllowAllUsersModelBackend",
        "django.contrib.auth.backends.RemoteUserBackend",
        "django.contrib.auth.backends.AllowAllUsersRemoteUserBackend", NULL};
    const dj_value *v = dj_check_setting(c, "AUTHENTICATION_BACKENDS");
    for (size_t i = 0; i < ck_len(v); i++)
        if (ck_in_table(derived, ck_text(ck_item(v, i))))
            return true;
    return false;
}

static bool has_processor(const dj_value *processors, const char *name)
{
    for (size_t i = 0; i < ck_len(processors); i++)
        if (ck_is_text(ck_item(processors, i), name))
            return true;
    return false;
}

static void templates(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "TEMPLATES"), *engine = NULL;
    if (v == NULL)
        return;
    for (size_t i = 0; i < ck_len(v) && engine == NULL; i++)
        if (ck_is_text(ck_in(ck_item(v, i), "BACKEND"), DJANGO_ENGINE))
            engine = ck_item(v, i);
    if (engine == NULL) {
        ck_report(c, "admin.E403", dj_check_origin(c, "TEMPLATES"), NULL,
                  "The admin needs an engine '" DJANGO_ENGINE "' in TEMPLATES.");
        return;
    }
    const dj_value *processors = ck_in(ck_in(engine, "OPTIONS"), "context_processors");
    dj_origin       at = ck_at(c, "TEMPLATES", processors != NULL ? processors : engine);
    if (!has_processor(processors, "django.contrib.auth.context_processors.auth") &&
        default_backend(c))
        ck_report(c, "admin.E402", at, NULL,
                  "With the default auth backend the admin needs "
                  "'django.contrib.auth.context_processors.auth' among the "
                  "context processors of TEMPLATES.");
    if (!has_processor(processors, "django.contrib.messages.context_processors.messages"))
        ck_report(c, "admin.E404", at, NULL,
                  "The admin needs 'django.contrib.messages.context_processors.messages' among the "
                  "context processors of "
                  "TEMPLATES.");
    if (!has_processor(processors, "django.template.context_processors.request"))
        ck_report(c, "admin.W411", at, NULL,
                  "The admin's sidebar needs 'django.template.context_processors.request' among "
                  "the context processors of "
                  "TEMPLATES.");
}

static void layers(dj_check_run *c)
{
    dj_origin at = dj_check_origin(c, "MIDDLEWARE");
    if (ck_has(c, "MIDDLEWARE", AUTH_LAYER) == NO)
        ck_report(c, "admin.E408", at, NULL, "The admin needs '" AUTH_LAYER "' in MIDDLEWARE.");
    if (ck_has(c, "MIDDLEWARE", MESSAGE_LAYER) == NO)
        ck_report(c, "admin.E409", at, NULL, "The admin needs '" MESSAGE_LAYER "' in MIDDLEWARE.");
    if (ck_has(c, "MIDDLEWARE", SESSION_LAYER) == NO)
        ck_report(c, "admin.E410", at, "Insert '" SESSION_LAYER "' before '" AUTH_LAYER "'.",
                  "The admin needs '" SESSION_LAYER "' in MIDDLEWARE.");
}

static const dj_check checks[] = {
    {"admin", false, "admin.E401 admin.E405 admin.E406", apps},
    {"admin", false, "admin.E402 admin.E403 admin.E404 admin.W411", templates},
    {"admin", false, "admin.E408 admin.E409 admin.E410", layers},
};
CHECK_FAMILY(admin, checks, .app = "django.contrib.admin");
