/* tests/manage/test_watch.c - tests src/manage/watch.c: what happens to files below a folder is
 * reported, whatever happens to the folders. */
#include "test.h"
#include "donjon/buf.h"
#include "manage/reload.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MARK_C = 1, MARK_PY = 2 };

typedef struct scene {
    dj_case    *c;
    dj_loop    *loop;
    dj_watcher *watcher;
    char        root[DJ_TEST_PATH];
    dj_buf      seen; /* "path marks\n" */
    dj_str      awaited;
    dj_timer    patience;
} scene;

static bool is_c(dj_str name)
{
    return dj_str_ends(name, DJ_LIT(".c"));
}

static bool is_py(dj_str name)
{
    return dj_str_ends(name, DJ_LIT(".py"));
}

static void changed(dj_str path, unsigned marks, void *ctx)
{
    scene *sc = ctx;
    dj_str below = dj_str_from(path, strlen(sc->root));
    dj_buf_addf(&sc->seen, DJ_FMT " %u\n", DJ_ARG(below), marks);
    if (dj_str_has(dj_buf_str(&sc->seen), sc->awaited))
        dj_loop_stop(sc->loop);
}

static void too_late(dj_timer *t)
{
    scene *sc = (scene *)(void *)((char *)t - offsetof(scene, patience));
    print_error("waited for %.*s, saw:\n%.*s", DJ_ARG(sc->awaited), DJ_ARG(dj_buf_str(&sc->seen)));
    abort();
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void remove_all(const char *path)
{
    assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static const char *at(scene *sc, const char *name)
{
    return dj_cstr(sc->c->scope, dj_strf(sc->c->scope, "%s%s", sc->root, name));
}

static void make(scene *sc, const char *name)
{
    assert_int_equal(mkdir(at(sc, name), 0700), 0);
}

static void put(scene *sc, const char *name)
{
    FILE *f = fopen(at(sc, name), "a");
    assert_non_null(f);
    assert_true(fputs("x\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Runs the loop until that was reported. */
static void await(scene *sc, dj_str what)
{
    sc->awaited = what;
    if (!dj_str_has(dj_buf_str(&sc->seen), what)) {
        dj_timer_start(sc->loop, &sc->patience, 60000);
        dj_loop_run(sc->loop);
        dj_timer_stop(sc->loop, &sc->patience);
    }
    sc->seen.len = 0;
}

static void begin(scene *sc, dj_case *c)
{
    *sc = (scene){.c = c,
                  .loop = dj_loop_new(),
                  .seen = dj_buf_make(c->scope, 1024 * 1024),
                  .patience = {.fire = too_late}};
    assert_non_null(sc->loop);
    assert_non_null(mkdtemp(dj_test_template(sc->root, "watch")));
    make(sc, "/a");
    make(sc, "/a/b");
    dj_expect_ok(dj_watcher_new(c->scope, sc->loop, changed, sc, &sc->watcher));
    dj_watcher_add(
        sc->watcher,
        &(dj_tree){.folder = dj_str_of(sc->root), .deep = true, .marks = MARK_C, .wanted = is_c});
    assert_true(dj_str_is_none(dj_watcher_complaint(sc->watcher)));
}

static void finish(scene *sc)
{
    remove_all(sc->root);
    dj_scope_reset(sc->c->scope); /* the watcher goes before its loop */
    dj_loop_free(sc->loop);
}

DJ_TEST(a_file_written_moved_or_removed_is_reported)
{
    scene sc;
    begin(&sc, c);
    put(&sc, "/a/b/x.c");
    await(&sc, DJ_LIT("/a/b/x.c 1\n"));
    assert_int_equal(rename(at(&sc, "/a/b/x.c"), at(&sc, "/y.c")), 0);
    await(&sc, DJ_LIT("/y.c 1\n"));
    put(&sc, "/a/no.txt"); /* not wanted */
    assert_int_equal(unlink(at(&sc, "/y.c")), 0);
    await(&sc, DJ_LIT("/y.c 1\n"));
    put(&sc, "/a/z.c");
    await(&sc, DJ_LIT("/a/z.c 1\n"));
    finish(&sc);
}

DJ_TEST(folders_that_appear_are_watched_with_what_is_in_them)
{
    scene sc;
    begin(&sc, c);
    make(&sc, "/new");
    make(&sc, "/new/deep");
    put(&sc, "/new/deep/x.c");
    await(&sc, DJ_LIT("/new/deep/x.c 1\n"));
    put(&sc, "/new/deep/y.c");
    await(&sc, DJ_LIT("/new/deep/y.c 1\n"));
    assert_int_equal(rename(at(&sc, "/new"), at(&sc, "/moved")), 0);
    await(&sc, DJ_LIT("/moved/deep/x.c 1\n"));
    put(&sc, "/moved/deep/y.c");
    await(&sc, DJ_LIT("/moved/deep/y.c 1\n"));
    remove_all(at(&sc, "/moved"));
    await(&sc, DJ_LIT("/moved/deep/x.c 1\n"));
    finish(&sc);
}

DJ_TEST(what_builds_and_hidden_folders_make_is_left_out)
{
    scene sc;
    begin(&sc, c);
    make(&sc, "/build");
    make(&sc, "/build/meson-private");
    make(&sc, "/.git");
    dj_watcher_look(sc.watcher); /* now it has seen them */
    put(&sc, "/build/x.c");
    put(&sc, "/.git/x.c");
    put(&sc, "/a/last.c");
    sc.awaited = DJ_LIT("/a/last.c 1\n");
    dj_watcher_look(sc.watcher);
    assert_true(dj_str_has(dj_buf_str(&sc.seen), DJ_LIT("/a/last.c 1\n")));
    assert_false(dj_str_has(dj_buf_str(&sc.seen), DJ_LIT(".git")));
    finish(&sc);
}

DJ_TEST(trees_that_share_a_folder_each_have_their_files)
{
    scene sc;
    begin(&sc, c);
    dj_watcher_add(
        sc.watcher,
        &(dj_tree){.folder = dj_str_of(at(&sc, "/a/")), .marks = MARK_PY, .wanted = is_py});
    put(&sc, "/a/x.py");
    await(&sc, DJ_LIT("/a/x.py 2\n"));
    put(&sc, "/a/b/deeper.py"); /* that tree is flat */
    put(&sc, "/a/x.c");
    dj_watcher_look(sc.watcher);
    assert_false(dj_str_has(dj_buf_str(&sc.seen), DJ_LIT("deeper.py")));
    await(&sc, DJ_LIT("/a/x.c 1\n"));
    finish(&sc);
}

DJ_TEST(a_tree_that_comes_later_or_comes_back_is_watched)
{
    scene sc;
    begin(&sc, c);
    dj_watcher_add(
        sc.watcher,
        &(dj_tree){.folder = dj_str_of(at(&sc, "/later")), .marks = MARK_PY, .wanted = is_py});
    make(&sc, "/later");
    put(&sc, "/later/x.py");
    await(&sc, DJ_LIT("/later/x.py 2\n"));
    remove_all(at(&sc, "/later"));
    await(&sc, DJ_LIT("/later/x.py 2\n"));
    make(&sc, "/later");
    put(&sc, "/later/y.py");
    await(&sc, DJ_LIT("/later/y.py 2\n"));
    finish(&sc);
}

/* More events than the kernel keeps (fs.inotify.max_queued_events): nothing is lost for good. */
DJ_TEST(after_an_overflow_the_trees_are_reported_and_watched_again)
{
    scene sc;
    begin(&sc, c);
    long  limit = 16384;
    FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    if (f != NULL) {
        assert_int_equal(fscanf(f, "%ld", &limit), 1);
        (void)fclose(f);
    }
    if (limit > 200000)
        skip();
    /* Equal events in a row are one event, so two names take turns. */
    for (long i = 0; i <= limit; i++)
        put(&sc, i % 2 == 0 ? "/a/x.txt" : "/a/y.txt");
    make(&sc, "/a/late");
    await(&sc, DJ_LIT(" 1\n"));
    put(&sc, "/a/late/x.c");
    await(&sc, DJ_LIT("/a/late/x.c 1\n"));
    finish(&sc);
}

DJ_TEST(more_trees_than_can_be_watched_are_said_once)
{
    scene sc;
    begin(&sc, c);
    for (int i = 0; i < 70; i++)
        dj_watcher_add(sc.watcher,
                       &(dj_tree){.folder = dj_strf(c->scope, "%s/%d", sc.root, i), .marks = 1});
    assert_true(dj_str_has(dj_watcher_complaint(sc.watcher), DJ_LIT("more than 64")));
    assert_true(dj_str_is_none(dj_watcher_complaint(sc.watcher)));
    finish(&sc);
}

DJ_TESTS(DJ_T(a_file_written_moved_or_removed_is_reported),
         DJ_T(folders_that_appear_are_watched_with_what_is_in_them),
         DJ_T(what_builds_and_hidden_folders_make_is_left_out),
         DJ_T(trees_that_share_a_folder_each_have_their_files),
         DJ_T(a_tree_that_comes_later_or_comes_back_is_watched),
         DJ_T(after_an_overflow_the_trees_are_reported_and_watched_again),
         DJ_T(more_trees_than_can_be_watched_are_said_once))
