/* src/manage/watch.c - which files below some folders changed (inotify).
 *
 * The kernel watches folders, not trees: each folder of a tree is a watch of its own, new ones are
 * added as they appear. If the kernel's queue overflows, everything is looked at anew and the trees
 * themselves are reported. A tree whose folder is not there (yet, or for a moment, as during a
 * checkout) is tried again every half second.
 *
 * Must not know: what the files are for. */
#include "manage/reload.h"
#include <dirent.h>
#include <errno.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREES_MAX   64
#define FOLDERS_MAX 4096 /* watches; a tree that has more is watched in part, and that is said */
#define DEPTH_MAX   24
#define AGAIN_MS    500
#define MEMORY_MAX  ((size_t)16 * 1024 * 1024)
#define MASK                                                                                       \
    (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF |       \
     IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)

typedef struct folder {
    int      wd;
    unsigned depth;
    uint64_t trees; /* a bit for each tree that it belongs to */
    dj_str   path;
} folder;

struct dj_watcher {
    dj_watch       watch; /* first: the loop hands it back */
    dj_timer       again;
    dj_loop       *loop;
    dj_changed_fn *changed;
    void          *ctx;
    dj_scope      *scope;   /* of the trees */
    dj_scope      *folders; /* of what is watched now: emptied and filled anew after an overflow */
    folder        *all;     /* sorted by wd: the kernel counts upwards */
    size_t         len;
    dj_tree        trees[TREES_MAX];
    bool           there[TREES_MAX]; /* its own folder is watched */
    size_t         ntrees;
    dj_str         complaint;
    bool           complained;
};

static void complain(dj_watcher *w, dj_str what)
{
    if (!w->complained)
        w->complaint = what;
    w->complained = true;
}

dj_str dj_watcher_complaint(dj_watcher *w)
{
    dj_str text = w->complaint;
    w->complaint = DJ_NONE;
    return text;
}

/* -- the table of folders -- */

/* Where `wd` is, or would be. */
static size_t place_of(const dj_watcher *w, int wd)
{
    size_t from = 0, to = w->len;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (w->all[mid].wd < wd)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static folder *find(const dj_watcher *w, int wd)
{
    size_t at = place_of(w, wd);
    return at < w->len && w->all[at].wd == wd ? &w->all[at] : NULL;
}

static void forget(dj_watcher *w, int wd)
{
    folder *f = find(w, wd);
    if (f == NULL)
        return;
    size_t at = (size_t)(f - w->all);
    memmove(f, f + 1, (w->len - at - 1) * sizeof *f);
    w->len--;
}

/* Watches `path` for `trees`; NULL if that can't be. *fresh: it was not watched for all of them. */
static folder *keep(dj_watcher *w, dj_str path, uint64_t trees, unsigned depth, bool *fresh)
{
    *fresh = false;
    int wd = inotify_add_watch(w->watch.fd, dj_cstr(w->folders, path), MASK);
    if (wd < 0) {
        if (errno == ENOSPC)
            complain(w, DJ_LIT("Not all folders can be watched for changes: raise "
                               "fs.inotify.max_user_watches (sysctl)."));
        return NULL;
    }
    folder *f = find(w, wd);
    if (f != NULL) {
        *fresh = (trees & ~f->trees) != 0;
        f->trees |= trees;
        return f;
    }
    if (w->len == FOLDERS_MAX) {
        inotify_rm_watch(w->watch.fd, wd);
        complain(w, DJ_LIT("Not all folders can be watched for changes: there are more than 4096 "
                           "of them."));
        return NULL;
    }
    size_t at = place_of(w, wd);
    memmove(&w->all[at + 1], &w->all[at], (w->len - at) * sizeof *w->all);
    w->all[at] = (folder){wd, depth, trees, dj_str_dup(w->folders, path)};
    w->len++;
    *fresh = true;
    return &w->all[at];
}

/* -- looking into folders -- */

static bool has(const char *parent, const char *name)
{
    char        path[4096];
    struct stat st;
    int         n = snprintf(path, sizeof path, "%s/%s", parent, name);
    return n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0;
}

/* What a build makes changes with every build, and is nobody's source. */
static bool is_left_out(const char *path, const char *name)
{
    return name[0] == '.' || strcmp(name, "node_modules") == 0 ||
           strcmp(name, "__pycache__") == 0 || has(path, "build.ninja") ||
           has(path, "meson-private") || has(path, "CMakeCache.txt");
}

static uint64_t deep_ones(const dj_watcher *w, uint64_t trees)
{
    uint64_t deep = 0;
    for (size_t i = 0; i < w->ntrees; i++) {
        if ((trees >> i & 1) != 0 && w->trees[i].deep)
            deep |= UINT64_C(1) << i;
    }
    return deep;
}

static void report(dj_watcher *w, uint64_t trees, dj_str folder_path, dj_str name)
{
    unsigned marks = 0;
    for (size_t i = 0; i < w->ntrees; i++) {
        const dj_tree *t = &w->trees[i];
        if ((trees >> i & 1) != 0 && (name.len == 0 || t->wanted == NULL || t->wanted(name)))
            marks |= t->marks;
    }
    if (marks == 0)
        return;
    if (name.len == 0)
        w->changed(folder_path, marks, w->ctx);
    else
        w->changed(dj_strf(w->folders, DJ_FMT "/" DJ_FMT, DJ_ARG(folder_path), DJ_ARG(name)), marks,
                   w->ctx);
}

/* Folders below `path`, each before what is in it. `tell`: it appeared just now, and files that
 * were in it before it was watched are news. Links are not followed: they could lead in circles. */
static void look_into(dj_watcher *w, dj_str path, uint64_t trees, unsigned depth, bool tell)
{
    bool    fresh;
    folder *f = keep(w, path, trees, depth, &fresh);
    if (f == NULL || !fresh)
        return;
    uint64_t deep = deep_ones(w, trees);
    DIR     *dir = tell || deep != 0 ? opendir(dj_cstr(w->folders, path)) : NULL;
    if (dir == NULL)
        return;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.' && (e->d_name[1] == '\0' || strcmp(e->d_name, "..") == 0))
            continue;
        dj_str      below = dj_strf(w->folders, DJ_FMT "/%s", DJ_ARG(path), e->d_name);
        const char *below_path = dj_cstr(w->folders, below);
        struct stat st;
        bool        is_folder = e->d_type == DT_DIR;
        if (e->d_type == DT_UNKNOWN) /* file systems need not tell */
            is_folder = lstat(below_path, &st) == 0 && S_ISDIR(st.st_mode);
        if (!is_folder) {
            if (tell)
                report(w, trees, path, dj_str_of(e->d_name));
        } else if (deep != 0 && depth < DEPTH_MAX && !is_left_out(below_path, e->d_name)) {
            look_into(w, below, deep, depth + 1, tell);
        }
    }
    closedir(dir);
}

static void look_at_trees(dj_watcher *w, bool tell)
{
    bool all_there = true;
    for (size_t i = 0; i < w->ntrees; i++) {
        if (w->there[i])
            continue;
        struct stat st;
        w->there[i] =
            stat(dj_cstr(w->folders, w->trees[i].folder), &st) == 0 && S_ISDIR(st.st_mode);
        if (w->there[i])
            look_into(w, w->trees[i].folder, UINT64_C(1) << i, 0, tell);
        else
            all_there = false;
    }
    if (!all_there)
        dj_timer_start(w->loop, &w->again, AGAIN_MS);
}

static void look_again(dj_timer *t)
{
    look_at_trees((dj_watcher *)(void *)((char *)t - offsetof(dj_watcher, again)), true);
}

/* Forgets all folders and finds them anew. */
static void start_over(dj_watcher *w)
{
    for (size_t i = 0; i < w->len; i++)
        inotify_rm_watch(w->watch.fd, w->all[i].wd);
    w->len = 0;
    dj_scope_reset(w->folders);
    w->all = dj_new_array(w->folders, folder, FOLDERS_MAX);
    memset(w->there, 0, sizeof w->there);
    look_at_trees(w, false);
}

/* -- events -- */

/* A folder that is gone from its place: what is below it keeps its old path and goes, too. */
static void lost_folder(dj_watcher *w, const folder *f)
{
    bool own = false;
    for (size_t i = 0; i < w->ntrees; i++) {
        if ((f->trees >> i & 1) != 0 && dj_str_eq(w->trees[i].folder, f->path)) {
            w->there[i] = false;
            own = true;
        }
    }
    if (own)
        dj_timer_start(w->loop, &w->again, AGAIN_MS);
    inotify_rm_watch(w->watch.fd, f->wd);
    forget(w, f->wd);
}

static void lost_below(dj_watcher *w, dj_str path)
{
    for (size_t i = 0; i < w->len;) {
        const folder *f = &w->all[i];
        if (dj_str_starts(f->path, path) &&
            (f->path.len == path.len || f->path.ptr[path.len] == '/'))
            lost_folder(w, f);
        else
            i++;
    }
}

static void take(dj_watcher *w, const struct inotify_event *e)
{
    if ((e->mask & IN_Q_OVERFLOW) != 0) {
        start_over(w);
        for (size_t i = 0; i < w->ntrees; i++)
            report(w, UINT64_C(1) << i, w->trees[i].folder, DJ_LIT(""));
        return;
    }
    folder *f = find(w, e->wd);
    if (f == NULL)
        return; /* an event of a watch that is gone */
    if ((e->mask & IN_IGNORED) != 0) {
        lost_folder(w, f);
        return;
    }
    if ((e->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
        lost_below(w, dj_str_dup(w->folders, f->path));
        return;
    }
    dj_str name = dj_str_of(e->len > 0 ? e->name : "");
    if (name.len == 0)
        return;
    if ((e->mask & IN_ISDIR) == 0) {
        report(w, f->trees, f->path, name);
        return;
    }
    dj_str      below = dj_strf(w->folders, DJ_FMT "/" DJ_FMT, DJ_ARG(f->path), DJ_ARG(name));
    const char *path = dj_cstr(w->folders, below);
    uint64_t    deep = deep_ones(w, f->trees);
    unsigned    depth = f->depth + 1;
    if ((e->mask & (IN_MOVED_FROM | IN_DELETE)) != 0)
        lost_below(w, below);
    else if (deep != 0 && depth <= DEPTH_MAX && !is_left_out(path, e->name))
        look_into(w, below, deep, depth, true);
}

static bool read_events(dj_watcher *w)
{
    char    buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got = read(w->watch.fd, buffer, sizeof buffer);
    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *e = (const struct inotify_event *)(void *)(buffer + at);
        at += (ssize_t)(sizeof *e + e->len);
        take(w, e);
    }
    if (dj_scope_used(w->folders) > MEMORY_MAX) /* paths of what came and went */
        start_over(w);
    return got > 0;
}

static void ready(dj_watch *watch, unsigned events)
{
    (void)events;
    (void)read_events((dj_watcher *)(void *)watch);
}

/* -- from outside -- */

void dj_watcher_look(dj_watcher *w)
{
    for (int i = 0; i < 1024 && read_events(w); i++)
        ;
}

void dj_watcher_add(dj_watcher *w, const dj_tree *tree)
{
    dj_str path = tree->folder;
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    for (size_t i = 0; i < w->ntrees; i++) {
        dj_tree *t = &w->trees[i];
        if (dj_str_eq(t->folder, path) && t->deep == tree->deep && t->wanted == tree->wanted) {
            t->marks |= tree->marks;
            return;
        }
    }
    if (w->ntrees == TREES_MAX) {
        complain(w, DJ_LIT("Not all folders can be watched for changes: there are more than 64 "
                           "trees of them."));
        return;
    }
    dj_tree *t = &w->trees[w->ntrees++];
    *t = *tree;
    t->folder = dj_str_dup(w->scope, path);
    look_at_trees(w, false);
}

static void end(void *what)
{
    dj_watcher *w = what;
    dj_timer_stop(w->loop, &w->again);
    dj_watch_remove(w->loop, &w->watch);
    close(w->watch.fd);
    dj_scope_close(w->folders);
}

dj_err dj_watcher_new(dj_scope *s, dj_loop *loop, dj_changed_fn *changed, void *ctx,
                      dj_watcher **out)
{
    dj_watcher *w = dj_new(s, dj_watcher);
    *w = (dj_watcher){.watch = {.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .ready = ready},
                      .again = {.fire = look_again},
                      .loop = loop,
                      .changed = changed,
                      .ctx = ctx,
                      .scope = s};
    if (w->watch.fd < 0)
        return dj_fail_errno(s, "watching for changes (fs.inotify.max_user_instances)");
    w->folders = dj_scope_open(2 * MEMORY_MAX);
    int error = w->folders == NULL ? ENOMEM : dj_watch_add(loop, &w->watch, DJ_READ);
    if (error != 0) {
        close(w->watch.fd);
        dj_scope_close(w->folders);
        errno = error;
        return dj_fail_errno(s, "watching for changes");
    }
    w->all = dj_new_array(w->folders, folder, FOLDERS_MAX);
    dj_own(s, end, w);
    *out = w;
    return DJ_OK;
}
