/* src/checks/database.c - DATABASES, as far as settings tell: who connects, and how the way there
 * is protected. */
#include "checks/family.h"

static bool is_postgres(const dj_value *db)
{
    static const char *const engines[] = {"django.db.backends.postgresql",
                                          "django.db.backends.postgresql_psycopg2",
                                          "django.contrib.gis.db.backends.postgis", NULL};
    return ck_in_table(engines, ck_text(ck_in(db, "ENGINE")));
}

static bool is_remote(dj_str host)
{
    static const char *const here[] = {"localhost", "127.0.0.1", "::1", "[::1]", NULL};
    return host.len > 0 && host.ptr[0] != '/' && host.ptr[0] != '@' && !ck_in_table(here, host);
}

static void connection(dj_check_run *c)
{
    const dj_value *all = dj_check_setting(c, "DATABASES");
    for (size_t i = 0; all != NULL && all->kind == DJ_V_DICT && i < all->dict.len; i++) {
        const dj_value *db = all->dict.pairs[i].value,
                       *mode = ck_in(ck_in(db, "OPTIONS"), "sslmode");
        dj_str alias = ck_text(all->dict.pairs[i].key), user = ck_text(ck_in(db, "USER"));
        if (!is_postgres(db))
            continue;
        if (is_remote(ck_text(ck_in(db, "HOST"))) && !ck_is_text(mode, "verify-full"))
            ck_report(
                c, "donjon.W120", ck_at(c, "DATABASES", mode != NULL ? mode : db),
                "Set 'OPTIONS': {'sslmode': 'verify-full', 'sslrootcert': 'system'} in DATABASES.",
                "The database '" DJ_FMT
                "' is reached over the network without checking who answers: its sslmode is not "
                "'verify-full'.",
                DJ_ARG(alias));
        if (dj_str_eq(user, DJ_LIT("postgres")) || dj_str_eq(user, DJ_LIT("root")))
            ck_report(c, "donjon.W121", ck_at(c, "DATABASES", ck_in(db, "USER")),
                      "Make an account of the site's own and name it as USER in DATABASES.",
                      "The database '" DJ_FMT "' is used as '" DJ_FMT
                      "', who may do anything there.",
                      DJ_ARG(alias), DJ_ARG(user));
    }
}

static const dj_check checks[] = {{"donjon security", true, "donjon.W120 donjon.W121", connection}};
CHECK_FAMILY(database, checks);
