/* src/manage/secret_key.c - a new SECRET_KEY on stdout.
 *
 * Must not know: settings. */
#include "donjon/crypto.h"
#include "donjon/secret.h"
#include "manage/manage.h"

#define KEY_LEN         50
#define URLSAFE_DEFAULT 32
#define URLSAFE_MAX     1024
#define URLSAFE_MIN     16

/* As django.core.management.utils.get_random_secret_key: 50 letters of an alphabet of 50, 282 bits.
 */
#define KEY_ALPHABET DJ_LIT("abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)")

static const dj_option options[] = {
    {0, "urlsafe", NULL,
     "Base64url letters only (A-Z a-z 0-9 - _), of BYTES random bytes: 32 unless told otherwise.",
     NULL},
};
static const dj_command_spec spec = {
    .name = "secret-key",
    .summary = "Makes a new secret key and writes it to stdout: 50 characters, as Django's. Keep "
               "it out of the settings file:\n"
               "SECRET_KEY = os.environ['SECRET_KEY']",
    .options = options,
    .noptions = DJ_COUNT(options),
    .args = "BYTES",
    .max_args = 1,
};

int dj_manage_secret_key(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                         const struct dj_app *app)
{
    dj_options o;
    int        status = dj_options_parse(s, con, &spec, argc, argv, &o);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    (void)app;
    int64_t bytes = URLSAFE_DEFAULT;
    bool    urlsafe = dj_options_has(&o, "urlsafe");
    if (o.nargs > 0 && !urlsafe)
        return dj_options_refuse(s, con, &spec, argv, "BYTES goes with --urlsafe only");
    if (o.nargs > 0 &&
        (!dj_str_to_int(o.args[0], &bytes) || bytes < URLSAFE_MIN || bytes > URLSAFE_MAX))
        return dj_options_refuse(s, con, &spec, argv,
                                 "BYTES must be a number from %d to %d, not '" DJ_FMT "'",
                                 URLSAFE_MIN, URLSAFE_MAX, DJ_ARG(o.args[0]));
    if (!urlsafe) {
        dj_str key = dj_random_string(s, KEY_LEN, KEY_ALPHABET);
        dj_console_outf(s, con, DJ_FMT "\n", DJ_ARG(key));
        return 0;
    }
    unsigned char raw[URLSAFE_MAX];
    char          text[DJ_BASE64URL_LEN(URLSAFE_MAX)];
    dj_random_bytes(raw, (size_t)bytes);
    size_t len = dj_base64url(text, raw, (size_t)bytes);
    dj_console_outf(s, con, DJ_FMT "\n", (int)len, text);
    dj_wipe(raw, sizeof raw);
    dj_wipe(text, sizeof text);
    return 0;
}
