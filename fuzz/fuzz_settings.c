/* fuzz/fuzz_settings.c - any bytes as a settings file, in both modes: no crash, no hang, bounded
 * memory.
 *
 * Also: an error has a code and a place, strict mode knows every value, and typed settings can be
 * asked for. */
#include "donjon/settings.h"
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool no_env(void *ctx, dj_str name, dj_str *value)
{
    (void)ctx;
    if (!dj_str_eq(name, DJ_LIT("A")))
        return false;
    *value = DJ_LIT("a,b 1");
    return true;
}

static void read_as(int fd, dj_conf_mode mode)
{
    dj_scope *s = dj_scope_open((size_t)512 * 1024 * 1024);
    DJ_ASSERT(s != NULL);
    dj_conf_options options = {.mode = mode, .env = no_env};
    dj_conf_error   error;
    dj_conf        *conf = NULL;
    dj_err e = dj_conf_read(s, dj_strf(s, "/proc/self/fd/%d", fd), &options, &conf, &error);
    if (e) {
        DJ_ASSERT(error.code.len > 0 && error.message.len > 0 && error.text.len > 0);
        DJ_ASSERT(dj_str_eq(error.code, DJ_LIT("io")) ||
                  (error.origin.line > 0 && error.origin.column > 0));
    } else {
        size_t n;
        for (size_t i = 0; i < conf->names.len; i++) {
            const dj_value *v = dj_conf_get(conf, conf->names.entries[i].key);
            DJ_ASSERT(v != NULL && (mode == DJ_CONF_AUDIT || !dj_value_has_unknown(v)));
            (void)dj_value_repr(s, v, 4096);
            DJ_ASSERT(v->kind == DJ_V_UNKNOWN || v->origin.line > 0);
        }
        (void)dj_settings_problems(s, conf, &n);
    }
    dj_scope_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("settings", MFD_CLOEXEC);
    if (fd < 0 || (size > 0 && write(fd, data, size) != (ssize_t)size)) {
        close(fd);
        return 0;
    }
    read_as(fd, DJ_CONF_STRICT);
    read_as(fd, DJ_CONF_AUDIT);
    close(fd);
    return 0;
}
