/* src/base/secret.c - keys and passwords in pages of their own: locked, left out of core dumps,
 * wiped.
 *
 * One mapping per secret: there are a handful in a process, and a page that holds nothing else can
 * be excluded from dumps. A worker's copy after fork is wiped when the worker's own scope ends or
 * the process does. */
#include "donjon/secret.h"
#include <stdlib.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_FILE_MAX ((size_t)64 * 1024)

struct dj_secret {
    size_t len, mapped;
    char   bytes[];
};

void dj_wipe(void *ptr, size_t len)
{
    if (len > 0)
        explicit_bzero(ptr, len);
}

static void forget(void *what)
{
    dj_secret *secret = what;
    size_t     mapped = secret->mapped;
    dj_wipe(secret, mapped);
    munmap(secret, mapped);
}

const dj_secret *dj_secret_new(dj_scope *s, dj_str bytes)
{
    size_t     page = (size_t)sysconf(_SC_PAGESIZE);
    size_t     want = (sizeof(dj_secret) + bytes.len + page - 1) & ~(page - 1);
    dj_secret *secret =
        mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    DJ_ASSERT(secret != MAP_FAILED); /* start-up: a process without one page is of no use */
    madvise(secret, want, MADV_DONTDUMP);
    (void)mlock(
        secret,
        want); /* RLIMIT_MEMLOCK may forbid it: then the page may be swapped, nothing else */
    secret->len = bytes.len;
    secret->mapped = want;
    if (bytes.len > 0)
        memcpy(secret->bytes, bytes.ptr, bytes.len);
    dj_own(s, forget, secret);
    return secret;
}

dj_err dj_secret_from_env(dj_scope *s, const char *variable, const dj_secret **out)
{
    const char *value = getenv(variable);
    if (value == NULL)
        return dj_fail(s, DJ_ERR_SETTINGS, "the environment variable %s is not set", variable);
    if (*value == '\0')
        return dj_fail(s, DJ_ERR_SETTINGS, "the environment variable %s is empty", variable);
    *out = dj_secret_new(s, dj_str_of(value));
    return DJ_OK;
}

/* Reads an open regular file whole, into bytes that the caller wipes. */
static dj_err read_secret(dj_scope *s, int fd, dj_str path, char *bytes, size_t *len)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return dj_fail_errno(s, DJ_FMT, DJ_ARG(path));
    if (!S_ISREG(st.st_mode))
        return dj_fail(s, DJ_ERR_SETTINGS, DJ_FMT ": not a regular file", DJ_ARG(path));
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return dj_fail(s, DJ_ERR_SETTINGS, DJ_FMT ": others may write it; chmod go-w",
                       DJ_ARG(path));
    *len = 0;
    for (;;) {
        ssize_t got = read(fd, bytes + *len, SECRET_FILE_MAX + 1 - *len);
        if (got < 0)
            return dj_fail_errno(s, DJ_FMT, DJ_ARG(path));
        if (got == 0)
            break;
        *len += (size_t)got;
        if (*len > SECRET_FILE_MAX)
            return dj_fail(s, DJ_ERR_SETTINGS, DJ_FMT ": over %zu bytes", DJ_ARG(path),
                           SECRET_FILE_MAX);
    }
    if (*len > 0 && bytes[*len - 1] == '\n')
        --*len;
    if (*len > 0 && bytes[*len - 1] == '\r')
        --*len;
    if (*len == 0)
        return dj_fail(s, DJ_ERR_SETTINGS, DJ_FMT ": empty", DJ_ARG(path));
    return DJ_OK;
}

dj_err dj_secret_from_file(dj_scope *s, dj_str path, const dj_secret **out)
{
    int fd = open(dj_cstr(s, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return dj_fail_errno(s, DJ_FMT, DJ_ARG(path));
    char  *bytes = dj_alloc_raw(s, SECRET_FILE_MAX + 1);
    size_t len = 0;
    dj_err e = read_secret(s, fd, path, bytes, &len);
    close(fd);
    if (e == DJ_OK)
        *out = dj_secret_new(s, dj_str_n(bytes, len));
    dj_wipe(bytes, SECRET_FILE_MAX + 1);
    return e;
}

bool dj_equal_constant_time(dj_str a, dj_str b)
{
    unsigned char diff = 0;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        diff |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
        __asm__ volatile("" : "+r"(diff)); /* no early exit by a clever compiler */
    }
    return diff == 0;
}

bool dj_secret_equal(const dj_secret *want, dj_str got)
{
    return dj_equal_constant_time(dj_secret_reveal(want), got);
}

size_t dj_secret_len(const dj_secret *secret)
{
    return secret->len;
}

dj_str dj_secret_reveal(const dj_secret *secret)
{
    return dj_str_n(secret->bytes, secret->len);
}
