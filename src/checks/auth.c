/* src/checks/auth.c - hashers, validators, reset time-out and backends, as far as settings tell. */
#include "checks/family.h"
#include "donjon/map.h"

#define DAY ((int64_t)86400)

/* Sites without users need none of this. */
static bool has_users(dj_check_run *c)
{
    return ck_app(c, "django.contrib.auth") == YES ||
           ck_has(c, "MIDDLEWARE", "django.contrib.auth.middleware.AuthenticationMiddleware") ==
               YES;
}

#define HASHER(name) "django.contrib.auth.hashers." name
static const char *const good_hashers[] = {HASHER("PBKDF2PasswordHasher"),
                                           HASHER("PBKDF2SHA1PasswordHasher"),
                                           HASHER("Argon2PasswordHasher"),
                                           HASHER("BCryptSHA256PasswordHasher"),
                                           HASHER("BCryptPasswordHasher"),
                                           HASHER("ScryptPasswordHasher"),
                                           NULL};
static const char *const weak_hashers[] = {
    HASHER("MD5PasswordHasher"),         HASHER("SHA1PasswordHasher"),
    HASHER("UnsaltedMD5PasswordHasher"), HASHER("UnsaltedSHA1PasswordHasher"),
    HASHER("CryptPasswordHasher"),       NULL};

static void first_hasher(dj_check_run *c)
{
    const dj_value *v = has_users(c) ? dj_check_setting(c, "PASSWORD_HASHERS") : NULL;
    if (ck_len(v) > 0 && ck_in_table(weak_hashers, ck_text(ck_item(v, 0))))
        ck_report(c, "donjon.E090", ck_at(c, "PASSWORD_HASHERS", ck_item(v, 0)),
                  "Put 'django.contrib.auth.hashers.PBKDF2PasswordHasher', Argon2PasswordHasher or "
                  "ScryptPasswordHasher first in "
                  "PASSWORD_HASHERS.",
                  "New passwords are stored by '" DJ_FMT
                  "', which is guessed at billions a second.",
                  DJ_ARG(ck_text(ck_item(v, 0))));
}

static void hasher_names(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "PASSWORD_HASHERS");
    dj_map          seen = dj_map_make(c->s);
    for (size_t i = 0; i < ck_len(v); i++) {
        dj_str name = ck_text(ck_item(v, i));
        bool   known = ck_in_table(good_hashers, name) || ck_in_table(weak_hashers, name);
        if (dj_map_has(&seen, name))
            ck_report(c, "donjon.E092", ck_at(c, "PASSWORD_HASHERS", ck_item(v, i)),
                      "Remove the second one from PASSWORD_HASHERS.",
                      "PASSWORD_HASHERS names '" DJ_FMT "' twice.", DJ_ARG(name));
        else if (!known && (c->in->urls != NULL || dj_str_starts(name, DJ_LIT("django."))))
            ck_report(c, "donjon.E092", ck_at(c, "PASSWORD_HASHERS", ck_item(v, i)),
                      "Name a hasher of django.contrib.auth.hashers in PASSWORD_HASHERS, e.g. "
                      "PBKDF2PasswordHasher.",
                      "PASSWORD_HASHERS names '" DJ_FMT "', which is not known.", DJ_ARG(name));
        dj_map_set(&seen, name, c);
    }
}

static void validators(dj_check_run *c)
{
    const dj_value *v = has_users(c) ? dj_check_setting(c, "AUTH_PASSWORD_VALIDATORS") : NULL;
    const char     *hint = "Set AUTH_PASSWORD_VALIDATORS to Django's four validators, "
                           "MinimumLengthValidator with min_length 8 or "
                           "more.";
    if (v == NULL)
        return;
    if (ck_len(v) == 0) {
        ck_report(c, "donjon.W093", dj_check_origin(c, "AUTH_PASSWORD_VALIDATORS"), hint,
                  "AUTH_PASSWORD_VALIDATORS is empty: any password is accepted.");
        return;
    }
    for (size_t i = 0; i < ck_len(v); i++) {
        const dj_value *min = ck_in(ck_in(ck_item(v, i), "OPTIONS"), "min_length");
        if (dj_str_ends(ck_text(ck_in(ck_item(v, i), "NAME")), DJ_LIT(".MinimumLengthValidator")) &&
            min != NULL && min->kind == DJ_V_INT && min->integer < 8)
            ck_report(c, "donjon.W093", ck_at(c, "AUTH_PASSWORD_VALIDATORS", min), hint,
                      "AUTH_PASSWORD_VALIDATORS lets passwords be shorter than 8 characters.");
    }
}

static void reset_timeout(dj_check_run *c)
{
    const dj_value *v = dj_check_setting(c, "PASSWORD_RESET_TIMEOUT");
    if (v != NULL && v->kind == DJ_V_INT && v->integer > 3 * DAY)
        ck_report(c, "donjon.W094", dj_check_origin(c, "PASSWORD_RESET_TIMEOUT"),
                  "Set PASSWORD_RESET_TIMEOUT = 3600.",
                  "PASSWORD_RESET_TIMEOUT is over 3 days: a link in an old mail still opens the "
                  "account.");
}

static void backends(dj_check_run *c)
{
    static const char *const open[] = {
        "django.contrib.auth.backends.AllowAllUsersModelBackend",
        "django.contrib.auth.backends.AllowAllUsersRemoteUserBackend", NULL};
    const dj_value *v = dj_check_setting(c, "AUTHENTICATION_BACKENDS");
    for (size_t i = 0; i < ck_len(v); i++)
        if (ck_in_table(open, ck_text(ck_item(v, i))))
            ck_report(c, "donjon.E095", ck_at(c, "AUTHENTICATION_BACKENDS", ck_item(v, i)),
                      "Use 'django.contrib.auth.backends.ModelBackend' in AUTHENTICATION_BACKENDS.",
                      "'" DJ_FMT "' lets users in whose account is switched off (is_active).",
                      DJ_ARG(ck_text(ck_item(v, i))));
}

static const dj_check checks[] = {
    {"donjon security", true, "donjon.E090", first_hasher},
    {"donjon security", false, "donjon.E092", hasher_names},
    {"donjon security", true, "donjon.W093", validators},
    {"donjon security", true, "donjon.W094", reset_timeout},
    {"donjon security", true, "donjon.E095", backends},
};
CHECK_FAMILY(auth, checks);
