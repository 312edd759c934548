/* src/crypto/random.c - random bytes from getrandom, through a pool for the small ones.
 *
 * The pool lives in a page of its own that the kernel empties on fork (MADV_WIPEONFORK) and leaves
 * out of core dumps, one for each thread. Its first word says how much is left; an emptied page
 * says "nothing", so a child never repeats what its parent handed out.
 *
 * Must not know: what the bytes are for. */
#include "donjon/crypto.h"
#include "donjon/secret.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define POOL_BYTES   1024
#define POOL_LARGEST 64 /* longer requests go to the kernel */

typedef struct pool {
    size_t        left; /* unused bytes, at the end of `bytes` */
    unsigned char bytes[POOL_BYTES];
} pool;

static _Thread_local pool *own_pool;
static pthread_key_t       pool_key;
static pthread_once_t      pool_once = PTHREAD_ONCE_INIT;
static bool                key_made;

static void die(const char *what)
{
    static const char prefix[] = "donjon: no random numbers: ";
    ssize_t           done = write(STDERR_FILENO, prefix, sizeof prefix - 1);
    done += write(STDERR_FILENO, what, strlen(what));
    done += write(STDERR_FILENO, "\n", 1);
    (void)done;
    abort();
}

static void from_kernel(void *out, size_t len)
{
    unsigned char *at = out;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            die("getrandom failed");
        at += n;
        len -= (size_t)n;
    }
}

static void drop_pool(void *what)
{
    explicit_bzero(what, sizeof(pool));
    (void)munmap(what, sizeof(pool));
}

static void make_key(void)
{
    key_made = pthread_key_create(&pool_key, drop_pool) == 0;
}

/* NULL if this system can't keep such a page: then every request goes to the kernel. */
static pool *make_pool(void)
{
    pthread_once(&pool_once, make_key);
    if (!key_made)
        return NULL;
    void *page =
        mmap(NULL, sizeof(pool), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, sizeof(pool), MADV_WIPEONFORK) != 0 ||
        pthread_setspecific(pool_key, page) != 0) {
        (void)munmap(page, sizeof(pool));
        return NULL;
    }
    (void)madvise(page, sizeof(pool), MADV_DONTDUMP);
    own_pool = page;
    return page;
}

void dj_random_bytes(void *out, size_t len)
{
    pool *p = own_pool;
    if (DJ_UNLIKELY(len > POOL_LARGEST || (p == NULL && (p = make_pool()) == NULL))) {
        from_kernel(out, len);
        return;
    }
    if (p->left < len) {
        from_kernel(p->bytes, POOL_BYTES);
        p->left = POOL_BYTES;
    }
    unsigned char *from = p->bytes + (POOL_BYTES - p->left);
    memcpy(out, from, len);
    explicit_bzero(from, len);
    p->left -= len;
}

uint32_t dj_random_below(uint32_t limit)
{
    DJ_ASSERT(limit > 0);
    /* The lowest 2^32 mod limit values would be a little likelier: they are thrown again. */
    uint32_t unfair = (uint32_t)-limit % limit, value;
    do {
        dj_random_bytes(&value, sizeof value);
    } while (value < unfair);
    return value % limit;
}

dj_str dj_random_string(dj_scope *s, size_t len, dj_str alphabet)
{
    DJ_ASSERT(alphabet.len >= 1 && alphabet.len <= 256);
    char         *text = dj_alloc_raw(s, len + 1);
    unsigned char bytes[POOL_LARGEST];
    size_t        fair = 256 - 256 % alphabet.len, done = 0;
    while (done < len) {
        size_t wanted = len - done < sizeof bytes ? len - done : sizeof bytes;
        dj_random_bytes(bytes, wanted);
        for (size_t i = 0; i < wanted; i++) {
            if (bytes[i] < fair)
                text[done++] = alphabet.ptr[bytes[i] % alphabet.len];
        }
    }
    text[len] = '\0';
    dj_wipe(bytes, sizeof bytes);
    return dj_str_n(text, len);
}

size_t dj_base64url(char *out, const void *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *b = bytes;
    char                *at = out;
    for (; len >= 3; len -= 3, b += 3) {
        *at++ = digits[b[0] >> 2];
        *at++ = digits[(b[0] & 3) << 4 | b[1] >> 4];
        *at++ = digits[(b[1] & 15) << 2 | b[2] >> 6];
        *at++ = digits[b[2] & 63];
    }
    if (len > 0) {
        *at++ = digits[b[0] >> 2];
        *at++ = digits[(b[0] & 3) << 4 | (len > 1 ? b[1] >> 4 : 0)];
        if (len > 1)
            *at++ = digits[(b[1] & 15) << 2];
    }
    return (size_t)(at - out);
}

void dj_nonce(char out[DJ_NONCE_LEN])
{
    unsigned char bytes[DJ_NONCE_BYTES];
    dj_random_bytes(bytes, sizeof bytes);
    (void)dj_base64url(out, bytes, sizeof bytes);
}
