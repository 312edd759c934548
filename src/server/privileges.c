/* src/server/privileges.c - from root to an ordinary user, with no way back.
 *
 * Every step is read back: a kernel, a container or a library that only pretends must not leave a worker with rights.
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

/* The leak checker of AddressSanitizer traces its own process, so that build leaves tracing allowed. */
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
    size_t size = 16 * 1024;
    char *space = dj_alloc_raw(s, size);
    struct passwd entry, *found = NULL;
    int error = getpwnam_r(dj_cstr(s, name), &entry, space, size, &found);
    if (found == NULL && error != 0 && error != ENOENT) {
        errno = error;
        return dj_fail_errno(s, "look up the user \"" DJ_FMT "\"", DJ_ARG(name));
    }
    if (found == NULL)
        return dj_fail(s, DJ_ERR_SETTINGS, "there is no user \"" DJ_FMT "\": give another --user", DJ_ARG(name));
    if (entry.pw_uid == 0 || entry.pw_gid == 0)
        return dj_fail(s, DJ_ERR_SETTINGS, "the user \"" DJ_FMT "\" is root or has root's group: give another --user",
                       DJ_ARG(name));
    *uid = entry.pw_uid;
    *gid = entry.pw_gid;
    return DJ_OK;
}

static dj_err become(dj_scope *s, uid_t uid, gid_t gid)
{
    DJ_ASSERT(uid != 0 && gid != 0);
    if (setgroups(0, NULL) < 0)
        return dj_fail_errno(s, "give up root's groups");
    if (setresgid(gid, gid, gid) < 0)
        return dj_fail_errno(s, "become group %u", (unsigned)gid);
    if (setresuid(uid, uid, uid) < 0)
        return dj_fail_errno(s, "become user %u", (unsigned)uid);

    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;
    if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
        return dj_fail_errno(s, "read user and group back");
    if (ruid != uid || euid != uid || suid != uid || rgid != gid || egid != gid || sgid != gid || getgroups(0, NULL) != 0)
        return dj_fail(s, DJ_ERR_INTERNAL, "user and group are not what was asked for");
    if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setegid(0) == 0)
        return dj_fail(s, DJ_ERR_INTERNAL, "root could be regained");
    return DJ_OK;
}

/* Capabilities that an ordinary user was given (CAP_NET_BIND_SERVICE from systemd) have served their purpose. */
static dj_err drop_capabilities(dj_scope *s)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &head, data) < 0)
        return dj_fail_errno(s, "give up capabilities");
    if (syscall(SYS_capget, &head, data) < 0)
        return dj_fail_errno(s, "read capabilities back");
    for (size_t i = 0; i < DJ_COUNT(data); i++)
        if (data[i].effective != 0 || data[i].permitted != 0 || data[i].inheritable != 0)
            return dj_fail(s, DJ_ERR_INTERNAL, "capabilities are still there");
    return DJ_OK;
}

dj_err dj_drop_privileges(dj_scope *s, dj_str user)
{
    dj_err e;
    if (geteuid() == 0 || getuid() == 0) {
        uid_t uid = 0;
        gid_t gid = 0;
        e = find_user(s, user, &uid, &gid);
        if (e)
            return e;
        e = become(s, uid, gid);
        if (e)
            return e;
    }
    e = drop_capabilities(s);
    if (e)
        return e;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return dj_fail_errno(s, "set no_new_privs");
    /* Keys and sessions are in this memory: no core file, and no reading it by another process of the same user. */
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return dj_fail_errno(s, "forbid core dumps");
#ifndef WITH_ASAN
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return dj_fail_errno(s, "forbid tracing");
#endif
    return DJ_OK;
}
