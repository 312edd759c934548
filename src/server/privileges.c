/* src/server/privileges.c - from root to an ordinary user, with no way back.
 *
 * A worker ends up with nothing. The supervisor of a site that was started as root keeps one right,
 * to read files that only root can (settings, TLS keys), and has it asleep but while it reloads.
 *
 * Every step is read back: a kernel, a container or a library that only pretends must not leave a
 * worker with rights.
 *
 * Must not know: sockets, workers. */
#include "server/server.h"
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The leak checker of AddressSanitizer traces its own process, so that build leaves tracing
 * allowed. */
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

static dj_err find_user(dj_scope *s, dj_str name, uid_t *uid, gid_t *gid)
{
    if (name.len == 0)
        return dj_fail(s, DJ_ERR_SETTINGS, "started as root without a user to become: give --user");
    size_t        size = 16 * 1024;
    char         *space = dj_alloc_raw(s, size);
    struct passwd entry, *found = NULL;
    int           error = getpwnam_r(dj_cstr(s, name), &entry, space, size, &found);
    if (found == NULL && error != 0 && error != ENOENT) {
        errno = error;
        return dj_fail_errno(s, "look up the user \"" DJ_FMT "\"", DJ_ARG(name));
    }
    if (found == NULL)
        return dj_fail(s, DJ_ERR_SETTINGS, "there is no user \"" DJ_FMT "\": give another --user",
                       DJ_ARG(name));
    if (entry.pw_uid == 0 || entry.pw_gid == 0)
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "the user \"" DJ_FMT "\" is root or has root's group: give another --user",
                       DJ_ARG(name));
    *uid = entry.pw_uid;
    *gid = entry.pw_gid;
    return DJ_OK;
}

/* Capabilities as one word each; the kernel has two. */
static bool caps_set(uint64_t permitted, uint64_t effective)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct   data[_LINUX_CAPABILITY_U32S_3] = {
          {.permitted = (uint32_t)permitted, .effective = (uint32_t)effective},
          {.permitted = (uint32_t)(permitted >> 32), .effective = (uint32_t)(effective >> 32)},
    };
    return syscall(SYS_capset, &head, data) == 0;
}

static bool caps_get(uint64_t *permitted, uint64_t *effective, uint64_t *inheritable)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct   data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &head, data) < 0)
        return false;
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
    *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return true;
}

/* The weakest right to read root's files that this process has. Containers often lack the first. */
static uint64_t reading_right(uint64_t permitted)
{
    const uint64_t read_search = (uint64_t)1 << CAP_DAC_READ_SEARCH,
                   override = (uint64_t)1 << CAP_DAC_OVERRIDE;
    return permitted & read_search ? read_search : permitted & override;
}

static dj_err become(dj_scope *s, uid_t uid, gid_t gid, bool keep_caps)
{
    DJ_ASSERT(uid != 0 && gid != 0);
    if (setgroups(0, NULL) < 0)
        return dj_fail_errno(s, "give up root's groups");
    if (setresgid(gid, gid, gid) < 0)
        return dj_fail_errno(s, "become group %u", (unsigned)gid);
    if (prctl(PR_SET_KEEPCAPS, keep_caps ? 1 : 0, 0, 0, 0) < 0 || setresuid(uid, uid, uid) < 0)
        return dj_fail_errno(s, "become user %u", (unsigned)uid);
    (void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);

    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;
    if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
        return dj_fail_errno(s, "read user and group back");
    if (ruid != uid || euid != uid || suid != uid || rgid != gid || egid != gid || sgid != gid ||
        getgroups(0, NULL) != 0)
        return dj_fail(s, DJ_ERR_INTERNAL, "user and group are not what was asked for");
    return DJ_OK;
}

/* Also those that an ordinary user was given (CAP_NET_BIND_SERVICE from systemd): they have served
 * their purpose. */
static dj_err drop_capabilities(dj_scope *s, uint64_t keep)
{
    uint64_t permitted, effective, inheritable;
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (!caps_set(keep, 0))
        return dj_fail_errno(s, "give up capabilities");
    if (!caps_get(&permitted, &effective, &inheritable))
        return dj_fail_errno(s, "read capabilities back");
    if (permitted != keep || effective != 0 || inheritable != 0)
        return dj_fail(s, DJ_ERR_INTERNAL, "capabilities are still there");
    if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setegid(0) == 0)
        return dj_fail(s, DJ_ERR_INTERNAL, "root could be regained");
    return DJ_OK;
}

static dj_err drop(dj_scope *s, dj_str user, bool keep_reading)
{
    dj_err   e;
    uint64_t keep = 0;
    if (geteuid() == 0 || getuid() == 0) {
        uid_t    uid = 0;
        gid_t    gid = 0;
        uint64_t permitted = 0, effective, inheritable;
        e = find_user(s, user, &uid, &gid);
        if (e)
            return e;
        if (keep_reading && caps_get(&permitted, &effective, &inheritable))
            keep = reading_right(permitted);
        e = become(s, uid, gid, keep != 0);
        if (e)
            return e;
    }
    e = drop_capabilities(s, keep);
    if (e)
        return e;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return dj_fail_errno(s, "set no_new_privs");
    /* Keys and sessions are in this memory: no core file, and no reading it by another process of
     * the same user. */
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return dj_fail_errno(s, "forbid core dumps");
#ifndef WITH_ASAN
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return dj_fail_errno(s, "forbid tracing");
#endif
    return DJ_OK;
}

dj_err dj_drop_privileges(dj_scope *s, dj_str user)
{
    return drop(s, user, false);
}

dj_err dj_drop_privileges_but_reading(dj_scope *s, dj_str user)
{
    return drop(s, user, true);
}

void dj_read_any_file(bool on)
{
    uint64_t permitted, effective, inheritable;
    if (!caps_get(&permitted, &effective, &inheritable))
        return;
    const uint64_t right = reading_right(permitted);
    /* Root itself, before the drop, needs none; and asleep it must be for certain. */
    if (geteuid() != 0 && right != 0 && !caps_set(permitted, on ? right : 0))
        DJ_ASSERT(on);
}
