/* src/manage/rebuild.c - the project's own build: finding it, running it, ending it.
 *
 * It is found from the program that runs: the folder it lies in, or one above, holds the
 * build.ninja (Meson, CMake) or the Makefile that made it. A build runs commands, so one that
 * belongs to somebody else is not taken.
 *
 * Must not know: what is rebuilt for, and what compilers mean. */
#include "manage/reload.h"
#include "donjon/json.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEVELS_MAX   4 /* from the program's folder up */
#define FILE_MAX     ((size_t)1024 * 1024)
#define STOP_MS      2000 /* after SIGTERM */
#define WORDS_MAX    6
#define READ_AT_ONCE 16384

/* -- finding it -- */

bool dj_project_wants(dj_str name)
{
    static const dj_str ends[] = {
        DJ_STR_INIT(".c"),   DJ_STR_INIT(".h"),  DJ_STR_INIT(".cc"),    DJ_STR_INIT(".cpp"),
        DJ_STR_INIT(".cxx"), DJ_STR_INIT(".hh"), DJ_STR_INIT(".hpp"),   DJ_STR_INIT(".inc"),
        DJ_STR_INIT(".def"), DJ_STR_INIT(".S"),  DJ_STR_INIT(".s"),     DJ_STR_INIT(".mk"),
        DJ_STR_INIT(".l"),   DJ_STR_INIT(".y"),  DJ_STR_INIT(".cmake"),
    };
    static const dj_str names[] = {
        DJ_STR_INIT("meson.build"),   DJ_STR_INIT("meson_options.txt"),
        DJ_STR_INIT("meson.options"), DJ_STR_INIT("CMakeLists.txt"),
        DJ_STR_INIT("Makefile"),      DJ_STR_INIT("makefile"),
        DJ_STR_INIT("GNUmakefile"),
    };
    if (name.len == 0 || name.ptr[0] == '.') /* editors' own files, too: ".main.c.swp" */
        return false;
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        if (dj_str_eq(name, names[i]))
            return true;
    }
    for (size_t i = 0; i < DJ_COUNT(ends); i++) {
        if (dj_str_ends(name, ends[i]))
            return true;
    }
    return false;
}

/* A plain file of this user (or of root), that nobody else may write. */
static bool is_ours(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           (st.st_uid == geteuid() || st.st_uid == 0) && (st.st_mode & S_IWOTH) == 0;
}

static dj_str read_file(dj_scope *s, const char *path)
{
    dj_buf b = dj_buf_make(s, FILE_MAX);
    int    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return DJ_LIT("");
    for (ssize_t got = 1; got > 0 && dj_buf_reserve(&b, READ_AT_ONCE);) {
        got = read(fd, b.ptr + b.len, READ_AT_ONCE);
        b.len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return dj_buf_str(&b);
}

static dj_str parent_of(dj_str path)
{
    size_t slash = dj_str_rchr(path, '/');
    return slash == DJ_NOT_FOUND || slash == 0 ? DJ_LIT("/") : dj_str_first(path, slash);
}

/* Where a build folder's sources are, as Meson and CMake note it there. */
static dj_str sources_of(dj_scope *s, dj_str build)
{
    const dj_json_limits limits = {.bytes = FILE_MAX, .depth = 32, .nodes = 10000};
    const dj_json_value *info;
    dj_str               text =
        read_file(s, dj_cstr(s, dj_strf(s, DJ_FMT "/meson-info/meson-info.json", DJ_ARG(build))));
    if (text.len > 0 && dj_json_parse(s, text, &limits, &info) == DJ_OK) {
        dj_str root = dj_json_get_str(dj_json_get(info, DJ_LIT("directories")), DJ_LIT("source"));
        if (dj_str_starts(root, DJ_LIT("/")))
            return root;
    }
    dj_failure_clear(s);
    text = read_file(s, dj_cstr(s, dj_strf(s, DJ_FMT "/CMakeCache.txt", DJ_ARG(build))));
    for (dj_str line; dj_str_next(&text, '\n', &line);) {
        const dj_str name = DJ_LIT("CMAKE_HOME_DIRECTORY:INTERNAL=");
        if (dj_str_starts(line, name))
            return dj_str_from(line, name.len);
    }
    return parent_of(build);
}

static void set_command(dj_scope *s, const dj_console *con, dj_project *p,
                        const char *const words[WORDS_MAX])
{
    const char **command = dj_new_array(s, const char *, WORDS_MAX + 1);
    dj_buf       b = dj_buf_make(s, 64 * 1024);
    dj_str       here = dj_strf(s, DJ_FMT "/", DJ_ARG(con->cwd));
    for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++) {
        dj_str word = dj_str_of(command[i] = words[i]);
        dj_buf_add(&b, i > 0 ? DJ_LIT(" ") : DJ_LIT(""));
        dj_buf_add(&b, dj_str_starts(word, here) ? dj_str_from(word, here.len) : word);
    }
    p->command = command;
    p->text = dj_str_dup(s, dj_buf_str(&b));
}

/* Only the program is built, not all that the build could. */
static bool take_ninja(dj_scope *s, const dj_console *con, dj_str folder, dj_project *p)
{
    if (!is_ours(dj_cstr(s, dj_strf(s, DJ_FMT "/build.ninja", DJ_ARG(folder)))))
        return false;
    const char *target = dj_cstr(s, dj_str_from(p->program, folder.len + 1));
    const char *words[WORDS_MAX] = {"ninja", "--quiet", "-C", dj_cstr(s, folder), target};
    p->root = sources_of(s, folder);
    p->folder = folder;
    set_command(s, con, p, words);
    return true;
}

static bool take_make(dj_scope *s, const dj_console *con, dj_str folder, dj_project *p)
{
    static const char *const names[] = {"GNUmakefile", "makefile", "Makefile"};
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        if (!is_ours(dj_cstr(s, dj_strf(s, DJ_FMT "/%s", DJ_ARG(folder), names[i]))))
            continue;
        const char *words[WORDS_MAX] = {"make", "--no-print-directory", "-C", dj_cstr(s, folder)};
        p->root = p->folder = folder;
        set_command(s, con, p, words);
        return true;
    }
    return false;
}

dj_err dj_project_find(dj_scope *s, const dj_console *con, dj_str command, dj_project *out)
{
    char    exe[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe);
    if (len <= 0 || (size_t)len == sizeof exe)
        return dj_fail_errno(s, "/proc/self/exe");
    *out = (dj_project){.program = dj_str_dup(s, dj_str_n(exe, (size_t)len)), .folder = con->cwd};
    if (command.len > 0) {
        const char *words[WORDS_MAX] = {"/bin/sh", "-c", dj_cstr(s, command)};
        out->root = con->cwd;
        set_command(s, con, out, words);
        out->text = command;
        return DJ_OK;
    }
    dj_str folder = parent_of(out->program);
    for (int level = 0; level < LEVELS_MAX && folder.len > 1; level++, folder = parent_of(folder)) {
        if (take_ninja(s, con, folder, out) || take_make(s, con, folder, out))
            return DJ_OK;
    }
    return DJ_OK;
}

/* -- running it -- */

struct dj_build {
    dj_watch        output; /* first: the loop hands it back */
    dj_timer        stop;
    dj_loop        *loop;
    dj_build_events on;
    dj_buf          kept;
    pid_t           pid; /* of its process group, too; 0: it has ended */
    bool            watched;
};

bool dj_child_prepare(pid_t parent, int signo)
{
    static const int usual[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ, SIGCHLD};
    sigset_t         none;
    prctl(PR_SET_PDEATHSIG, signo);
    for (size_t i = 0; i < DJ_COUNT(usual); i++)
        (void)signal(usual[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return getppid() == parent; /* else it ended before prctl was called */
}

static bool read_some(dj_build *b)
{
    char piece[READ_AT_ONCE];
    errno = 0;
    ssize_t got = read(b->output.fd, piece, sizeof piece);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    b->on.printed(dj_str_n(piece, (size_t)got), b->on.ctx);
    size_t room = b->kept.max - b->kept.len;
    dj_buf_add(&b->kept, dj_str_first(dj_str_n(piece, (size_t)got), room));
    return true;
}

static void unwatch(dj_build *b)
{
    if (b->watched)
        dj_watch_remove(b->loop, &b->output);
    b->watched = false;
}

static void readable(dj_watch *w, unsigned events)
{
    dj_build *b = (dj_build *)(void *)w;
    (void)events;
    if (!read_some(b) && errno != EAGAIN)
        unwatch(b); /* the end of the output: what matters is the end of the process */
}

static void kill_now(dj_timer *t)
{
    dj_build *b = (dj_build *)(void *)((char *)t - offsetof(dj_build, stop));
    kill(-b->pid, SIGKILL);
}

void dj_build_stop(dj_build *b)
{
    if (b->pid == 0 || b->stop.link != NULL)
        return; /* it has ended already, or was told to */
    kill(-b->pid, SIGTERM);
    dj_timer_start(b->loop, &b->stop, STOP_MS);
}

static void ended(pid_t pid, int status, void *ctx)
{
    dj_build *b = ctx;
    (void)pid;
    /* Not up to the end of the file: a compiler cache's server may hold the pipe for ever. */
    for (int i = 0; i < 1024 && read_some(b); i++)
        ;
    unwatch(b);
    close(b->output.fd);
    dj_timer_stop(b->loop, &b->stop);
    kill(-b->pid, SIGKILL); /* whatever it left behind; mostly nothing */
    b->pid = 0;
    b->on.ended(status, dj_buf_str(&b->kept), b->on.ctx);
}

static void run_command(const dj_project *project, int output, pid_t parent)
{
    if (!dj_child_prepare(parent, SIGTERM))
        _exit(1);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0 || chdir(project->folder.ptr) != 0)
        _exit(126);
    setenv("LC_ALL", "C.UTF-8", 1); /* "error:" is looked for */
    execvp(project->command[0], (char *const *)(uintptr_t)project->command);
    const char *why = strerrordesc_np(errno);
    dprintf(STDERR_FILENO, "%s: error: can't be run: %s\n", project->command[0], why);
    _exit(127);
}

dj_err dj_build_start(dj_scope *s, dj_loop *loop, const dj_project *project,
                      const dj_build_events *events, dj_build **out)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return dj_fail_errno(s, "a pipe for the build");
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    dj_build *b = dj_new(s, dj_build);
    *b = (dj_build){.output = {.fd = ends[0], .ready = readable},
                    .stop = {.fire = kill_now},
                    .loop = loop,
                    .on = *events,
                    .kept = dj_buf_make(s, DJ_BUILD_OUTPUT_MAX)};
    /* chdir wants a NUL behind it */
    dj_project at = *project;
    at.folder = dj_str_of(dj_cstr(s, project->folder));
    pid_t parent = getpid();
    b->pid = fork();
    if (b->pid == 0) {
        setpgid(0, 0);
        run_command(&at, ends[1], parent);
    }
    close(ends[1]);
    if (b->pid < 0) {
        close(ends[0]);
        return dj_fail_errno(s, "starting the build");
    }
    setpgid(b->pid, b->pid); /* both sides: who is first must not matter */
    int error = dj_watch_add(loop, &b->output, DJ_READ);
    b->watched = error == 0;
    if (error == 0)
        error = dj_loop_on_exit(loop, b->pid, ended, b);
    if (error != 0) {
        unwatch(b);
        close(ends[0]);
        kill(-b->pid, SIGKILL);
        (void)waitpid(b->pid, NULL, 0);
        errno = error;
        return dj_fail_errno(s, "following the build");
    }
    *out = b;
    return DJ_OK;
}
