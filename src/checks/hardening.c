/* src/checks/hardening.c - the program and the process that serve the site.
 *
 * Looks at /proc/self/exe, and at libdonjon.so if the program loads it: with a shared library much
 * of what must be protected is there. Must not know: settings. */
#include "checks/family.h"
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static bool look_at_file(const char *path, elf_facts *out)
{
    struct stat st;
    int         fd = open(path, O_RDONLY | O_CLOEXEC);
    bool        ok = false;
    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && st.st_size > 0) {
        size_t size = (size_t)st.st_size;
        void  *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED) {
            ok = elf_look(dj_str_n(bytes, size), out);
            munmap(bytes, size);
        }
    }
    close(fd);
    return ok;
}

static int find_library(struct dl_phdr_info *info, size_t size, void *ctx)
{
    (void)size;
    const char **path = ctx;
    if (info->dlpi_name != NULL && strstr(info->dlpi_name, "/libdonjon.so") != NULL)
        *path = info->dlpi_name;
    return *path != NULL;
}

/* The program's facts, with what libdonjon.so adds. False: the check can't look, and says so. */
static bool look(dj_check_run *c, elf_facts *out)
{
    const char *library = NULL;
    elf_facts   more;
    if (!c->in->program)
        return false;
    if (!look_at_file("/proc/self/exe", out)) {
        ck_report(c, "donjon.I002", (dj_origin){0}, NULL,
                  "not decided: the program file can't be read through /proc/self/exe; this leaves "
                  "open: %s",
                  c->current->ids);
        return false;
    }
    dl_iterate_phdr(find_library, &library);
    if (library != NULL && look_at_file(library, &more)) {
        out->stack_protector = out->stack_protector || more.stack_protector;
        out->fortify = out->fortify || more.fortify;
        out->relro = out->relro && more.relro;
        out->bind_now = out->bind_now && more.bind_now;
        out->exec_stack = out->exec_stack || more.exec_stack;
        out->writable_code = out->writable_code || more.writable_code;
        out->instrumented = out->instrumented || more.instrumented;
    }
    return true;
}

static bool is_optimised(void)
{
#ifdef __OPTIMIZE__
    return true;
#else
    return false;
#endif
}

static bool is_instrumented(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return false;
#endif
}

static void layout(dj_check_run *c)
{
    elf_facts f;
    if (!look(c, &f))
        return;
    if (!f.pie)
        ck_report(c, "donjon.W001", (dj_origin){0}, "Build the program with -fPIE -pie.",
                  "The program is not position independent: its code lies at known addresses.");
    if (!f.relro || !f.bind_now)
        ck_report(c, "donjon.W002", (dj_origin){0}, "Link the program with -Wl,-z,relro,-z,now.",
                  "The program has no full RELRO: its table of functions can be overwritten.");
    if (f.exec_stack || f.writable_code)
        ck_report(c, "donjon.E005", (dj_origin){0}, "Link the program with -Wl,-z,noexecstack.",
                  "The program has %s: data written by an attacker could run.",
                  f.exec_stack ? "an executable stack" : "memory that can be written and run");
}

static void guards(dj_check_run *c)
{
    elf_facts f;
    if (!look(c, &f))
        return;
    if (f.has_symbols && !f.stack_protector)
        ck_report(c, "donjon.W003", (dj_origin){0},
                  "Build the program with -fstack-protector-strong.",
                  "The program has no stack protector: an overrun buffer can redirect it.");
    if ((f.has_symbols && !f.fortify) || !is_optimised())
        ck_report(c, "donjon.W004", (dj_origin){0},
                  "Build the program with -O2 -D_FORTIFY_SOURCE=3.",
                  "The program is built %s: the C library checks fewer sizes.",
                  is_optimised() ? "without _FORTIFY_SOURCE" : "without optimisation");
    if (f.instrumented || is_instrumented() || !is_optimised())
        ck_report(c, "donjon.W008", (dj_origin){0},
                  "Build a release: meson setup --buildtype=release.", "The program is %s.",
                  f.instrumented || is_instrumented() ? "built with sanitizers or coverage"
                                                      : "a debug build");
}

static void root(dj_check_run *c)
{
    if (c->in->program && geteuid() == 0)
        ck_report(
            c, "donjon.E006", (dj_origin){0},
            "Start it under an account of its own, and let the service manager bind low ports.",
            "The process runs as root.");
}

static void core_dumps(dj_check_run *c)
{
    struct rlimit limit;
    if (c->in->program && getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur != 0 &&
        prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1)
        ck_report(c, "donjon.W007", (dj_origin){0},
                  "Set LimitCORE=0 in the service, or run ulimit -c 0.",
                  "A crash may write the process's memory, keys included, to disk.");
}

static const dj_check checks[] = {
    {"donjon hardening", true, "donjon.W001 donjon.W002 donjon.E005", layout},
    {"donjon hardening", true, "donjon.W003 donjon.W004 donjon.W008", guards},
    {"donjon hardening", true, "donjon.E006", root},
    {"donjon hardening", true, "donjon.W007", core_dumps},
};
CHECK_FAMILY(hardening, checks);
