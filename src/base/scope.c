/* src/base/scope.c - the arena, the owners and the last failure of one unit of work.
 *
 * Blocks are chained, newest first; the first one is kept through dj_scope_reset, so a scope that
 * serves one request after another asks malloc for nothing while requests stay small. */
#include "donjon/scope.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <errno.h>

#define ALIGN       ((size_t)16)
#define FIRST_BLOCK ((size_t)8192)
#define BLOCK_MAX                                                                                  \
    ((size_t)256 * 1024) /* blocks double up to here; larger requests get one of their own */
#define FAILURE_MAX ((size_t)4096) /* bytes of a sentence */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
#define POISON(ptr, len)   ASAN_POISON_MEMORY_REGION(ptr, len)
#define UNPOISON(ptr, len) ASAN_UNPOISON_MEMORY_REGION(ptr, len)
#else
#define POISON(ptr, len)   ((void)0)
#define UNPOISON(ptr, len) ((void)0)
#endif

typedef struct block {
    struct block *older;
    size_t        size; /* of data */
    _Alignas(16) char data[];
} block;

typedef struct owner {
    struct owner *older;
    void (*release)(void *what);
    void *what;
} owner;

struct dj_scope {
    char  *at, *end; /* free part of the newest block */
    block *newest, *first;
    owner *owners;
    size_t used, max;
    void (*exhausted)(dj_scope *s, void *ctx);
    void       *exhausted_ctx;
    int64_t     frozen_us; /* -1: the real clock */
    dj_err      failure;
    int         failure_line;
    const char *failure_file;
    dj_str      failure_text;
};

/* The scope itself lies at the start of its first block. */
#define SCOPE_ROOM ((sizeof(struct dj_scope) + ALIGN - 1) & ~(ALIGN - 1))

static void start(dj_scope *s)
{
    s->newest = s->first;
    s->at = s->first->data + SCOPE_ROOM;
    s->end = s->first->data + s->first->size;
    s->owners = NULL;
    s->used = 0;
    s->failure = DJ_OK;
    s->failure_text = DJ_LIT("");
    s->failure_file = "";
    s->failure_line = 0;
    s->frozen_us = -1;
    POISON(s->at, (size_t)(s->end - s->at));
}

dj_scope *dj_scope_open(size_t max)
{
    block *b = malloc(sizeof *b + FIRST_BLOCK);
    if (b == NULL)
        return NULL;
    b->older = NULL;
    b->size = FIRST_BLOCK;
    dj_scope *s = (dj_scope *)(void *)b->data;
    *s = (dj_scope){.first = b, .max = max};
    start(s);
    return s;
}

static void run_owners(dj_scope *s)
{
    while (s->owners != NULL) {
        owner *o = s->owners;
        s->owners = o->older; /* an owner may use the scope, even add owners */
        o->release(o->what);
    }
}

static void free_newer_blocks(dj_scope *s)
{
    for (block *b = s->newest; b != s->first;) {
        block *older = b->older;
        UNPOISON(b->data, b->size);
        free(b);
        b = older;
    }
}

void dj_scope_reset(dj_scope *s)
{
    if (s->owners != NULL)
        run_owners(s);
    if (s->newest != s->first)
        free_newer_blocks(s);
    start(s);
}

void dj_scope_close(dj_scope *s)
{
    if (s == NULL)
        return;
    run_owners(s);
    free_newer_blocks(s);
    block *b = s->first;
    UNPOISON(b->data, b->size);
    free(b);
}

void dj_scope_on_exhausted(dj_scope *s, void (*exhausted)(dj_scope *s, void *ctx), void *ctx)
{
    s->exhausted = exhausted;
    s->exhausted_ctx = ctx;
}

DJ_NORETURN static void out_of_memory(dj_scope *s)
{
    if (s->exhausted != NULL)
        s->exhausted(s, s->exhausted_ctx);
    fputs("donjon: out of memory\n", stderr);
    exit(1);
}

static size_t rounded(size_t size)
{
    return (size + ALIGN - 1) & ~(ALIGN - 1);
}

/* A new block with room for `size`, which becomes the newest. */
static void *alloc_in_new_block(dj_scope *s, size_t size)
{
    size_t want = s->newest->size * 2;
    if (want > BLOCK_MAX)
        want = BLOCK_MAX;
    if (want < size)
        want = size;
    block *b = malloc(sizeof *b + want);
    if (b == NULL)
        out_of_memory(s);
    b->older = s->newest;
    b->size = want;
    s->newest = b;
    s->at = b->data + size;
    s->end = b->data + want;
    POISON(s->at, (size_t)(s->end - s->at));
    return b->data;
}

void *dj_alloc_raw(dj_scope *s, size_t size)
{
    if (DJ_UNLIKELY(size > s->max))
        out_of_memory(s);
    size = rounded(size);
    if (DJ_UNLIKELY(size > s->max - s->used))
        out_of_memory(s);
    s->used += size;
    if (DJ_UNLIKELY(size > (size_t)(s->end - s->at)))
        return alloc_in_new_block(s, size);
    void *out = s->at;
    s->at += size;
    UNPOISON(out, size);
    return out;
}

void *dj_alloc(dj_scope *s, size_t size)
{
    return memset(dj_alloc_raw(s, size), 0, size);
}

void *dj_alloc_array(dj_scope *s, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory(s);
    return dj_alloc(s, bytes);
}

void *dj_realloc(dj_scope *s, void *old, size_t old_size, size_t new_size)
{
    if (old == NULL)
        return dj_alloc_raw(s, new_size);
    if (new_size <= old_size)
        return old;
    size_t had = rounded(old_size), want = rounded(new_size);
    if (new_size <= s->max && (char *)old + had == s->at &&
        want - had <= (size_t)(s->end - s->at) && want - had <= s->max - s->used) {
        UNPOISON(s->at, want - had);
        s->at += want - had;
        s->used += want - had;
        return old;
    }
    void *out = dj_alloc_raw(s, new_size);
    return memcpy(out, old, old_size);
}

size_t dj_scope_used(const dj_scope *s)
{
    return s->used;
}

void dj_own(dj_scope *s, void (*release)(void *what), void *what)
{
    owner *o = dj_alloc_raw(s, sizeof *o);
    *o = (owner){.older = s->owners, .release = release, .what = what};
    s->owners = o;
}

void dj_disown(dj_scope *s, void *what)
{
    for (owner **link = &s->owners; *link != NULL; link = &(*link)->older) {
        if ((*link)->what == what) {
            *link = (*link)->older;
            return;
        }
    }
}

/* -- failures -- */

static dj_err keep_failure(dj_scope *s, dj_err e, const char *file, int line, dj_str text)
{
    s->failure = e;
    s->failure_file = file;
    s->failure_line = line;
    s->failure_text = dj_str_first(text, FAILURE_MAX);
    return e;
}

dj_err dj_fail_at(dj_scope *s, dj_err e, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    dj_str text = dj_vstrf(s, fmt, args);
    va_end(args);
    return keep_failure(s, e, file, line, text);
}

dj_err dj_fail_errno_at(dj_scope *s, const char *file, int line, const char *fmt, ...)
{
    int     number = errno; /* before anything else can change it */
    char    why[128];
    va_list args;
    va_start(args, fmt);
    dj_str text = dj_vstrf(s, fmt, args);
    va_end(args);
    text = dj_strf(s, DJ_FMT ": %s", DJ_ARG(text), strerror_r(number, why, sizeof why));
    return keep_failure(s, DJ_ERR_IO, file, line, text);
}

dj_err dj_failure(const dj_scope *s)
{
    return s->failure;
}

dj_str dj_failure_text(const dj_scope *s)
{
    return s->failure_text;
}

dj_str dj_failure_place(dj_scope *s)
{
    return dj_strf(s, "%s:%d", s->failure_file, s->failure_line);
}

void dj_failure_clear(dj_scope *s)
{
    s->failure = DJ_OK;
    s->failure_text = DJ_LIT("");
}

/* -- time -- */

int64_t dj_now_us(const dj_scope *s)
{
    if (s->frozen_us >= 0)
        return s->frozen_us;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t dj_now(const dj_scope *s)
{
    return dj_now_us(s) / 1000000;
}

void dj_clock_freeze(dj_scope *s, int64_t now_us)
{
    s->frozen_us = now_us;
}

/* -- text -- */

const char *dj_cstr(dj_scope *s, dj_str text)
{
    char *out = dj_alloc_raw(s, text.len + 1);
    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return out;
}

dj_str dj_str_dup(dj_scope *s, dj_str text)
{
    return dj_str_is_none(text) ? text : dj_str_n(dj_cstr(s, text), text.len);
}

static dj_str mapped(dj_scope *s, dj_str text, char (*change)(char))
{
    size_t same = 0;
    while (same < text.len && change(text.ptr[same]) == text.ptr[same])
        same++;
    if (same == text.len)
        return text;
    char *out = dj_alloc_raw(s, text.len);
    memcpy(out, text.ptr, same);
    for (size_t i = same; i < text.len; i++)
        out[i] = change(text.ptr[i]);
    return dj_str_n(out, text.len);
}

dj_str dj_str_lower(dj_scope *s, dj_str text)
{
    return mapped(s, text, dj_to_lower);
}

dj_str dj_str_upper(dj_scope *s, dj_str text)
{
    return mapped(s, text, dj_to_upper);
}

dj_str dj_str_cat(dj_scope *s, dj_str a, dj_str b)
{
    char *out = dj_alloc_raw(s, a.len + b.len + 1);
    if (a.len > 0)
        memcpy(out, a.ptr, a.len);
    if (b.len > 0)
        memcpy(out + a.len, b.ptr, b.len);
    out[a.len + b.len] = '\0';
    return dj_str_n(out, a.len + b.len);
}

dj_str dj_vstrf(dj_scope *s, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    char   quick[256];
    int    n = vsnprintf(quick, sizeof quick, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n;
    char  *out = dj_alloc_raw(s, len + 1);
    if (len < sizeof quick)
        memcpy(out, quick, len);
    else
        vsnprintf(out, len + 1, fmt, again);
    out[len] = '\0';
    va_end(again);
    return dj_str_n(out, len);
}

dj_str dj_strf(dj_scope *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    dj_str out = dj_vstrf(s, fmt, args);
    va_end(args);
    return out;
}

dj_str dj_str_replace(dj_scope *s, dj_str text, dj_str what, dj_str with)
{
    DJ_ASSERT(what.len > 0);
    size_t count = 0;
    for (dj_str rest = text;;) {
        size_t at = dj_str_find(rest, what);
        if (at == DJ_NOT_FOUND)
            break;
        count++;
        rest = dj_str_from(rest, at + what.len);
    }
    if (count == 0)
        return text;
    size_t len = text.len - count * what.len;
    size_t more = 0;
    if (__builtin_mul_overflow(count, with.len, &more) || __builtin_add_overflow(len, more, &len))
        out_of_memory(s);
    char  *out = dj_alloc_raw(s, len + 1), *to = out;
    dj_str rest = text;
    for (size_t at; (at = dj_str_find(rest, what)) != DJ_NOT_FOUND;) {
        memcpy(to, rest.ptr, at);
        to += at;
        if (with.len > 0)
            memcpy(to, with.ptr, with.len);
        to += with.len;
        rest = dj_str_from(rest, at + what.len);
    }
    if (rest.len > 0)
        memcpy(to, rest.ptr, rest.len);
    out[len] = '\0';
    return dj_str_n(out, len);
}
