/* tests/server/test_supervisor.c - workers that only sleep, under the real supervisor. */
#include "test.h"
#include "server/server.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What all processes of a test see. */
typedef struct board {
    volatile int   prepared, started, drained;
    volatile int   fail_prepare, fail_worker, ignore_term;
    volatile pid_t pids[64]; /* in order of start */
    volatile uid_t uid;
    volatile int   no_new_privs;
    volatile int   reads_in_prepare, reads_in_worker;
    char           private_file[DJ_TEST_PATH]; /* that only its owner can read */
} board;

static board *shared;

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void on_term(int signo, void *ctx)
{
    (void)signo;
    if (!shared->ignore_term) {
        __atomic_add_fetch(&shared->drained, 1, __ATOMIC_SEQ_CST);
        dj_loop_stop(ctx);
    }
}

static bool readable(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int work(unsigned index, int ready_fd, const dj_server_config *config, void *ctx)
{
    (void)index, (void)config, (void)ctx;
    dj_loop *loop = dj_loop_new();
    if (dj_loop_on_signal(loop, SIGTERM, on_term, loop) != 0 || shared->fail_worker)
        return 3;
    int n = __atomic_fetch_add(&shared->started, 1, __ATOMIC_SEQ_CST);
    shared->uid = geteuid();
    shared->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    shared->reads_in_worker += readable(shared->private_file) ? 1 : 0;
    if (n < 64)
        shared->pids[n] = getpid();
    dj_worker_ready(ready_fd);
    dj_loop_run(loop);
    dj_loop_free(loop);
    return 0;
}

static dj_err prepare(dj_scope *s, void *ctx)
{
    (void)ctx;
    if (shared->fail_prepare)
        return dj_fail(s, DJ_ERR_SETTINGS, "settings are broken");
    shared->reads_in_prepare += readable(shared->private_file) ? 1 : 0;
    shared->prepared++;
    return DJ_OK;
}

static void board_clear(void)
{
    memset(shared, 0, sizeof *shared);
}

static pid_t supervise_as_is(unsigned workers, int64_t drain_ms)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int quiet = open("/dev/null", O_WRONLY);
    if (getenv("DJ_TEST_LOUD") == NULL)
        dup2(quiet, 2);
    dj_scope        *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    dj_server_config config = {.workers = workers, .user = DJ_LIT("nobody")};
    dj_supervisor    sup = {
           .config = &config, .worker = work, .prepare = prepare, .drain_ms = drain_ms};
    int status = dj_supervise(s, &sup);
    dj_scope_close(s);
    _exit(status);
}

static pid_t supervise(unsigned workers, int64_t drain_ms)
{
    board_clear();
    return supervise_as_is(workers, drain_ms);
}

static void wait_for(volatile int *value, int want)
{
    for (int i = 0; i < 1000 && *value < want; i++)
        sleep_ms(5);
    assert_true(*value >= want);
}

/* The exit status, within 10 s; a signal counts as 128 + number. */
static int end_of(pid_t pid)
{
    for (int i = 0; i < 2000; i++) {
        int status;
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        sleep_ms(5);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    fail_msg("the supervisor did not end");
    return -1;
}

static bool gone(pid_t pid)
{
    for (int i = 0; i < 400; i++) {
        if (kill(pid, 0) < 0)
            return true;
        sleep_ms(5);
    }
    return false;
}

DJ_TEST(workers_start_without_rights_and_drain_at_sigterm)
{
    pid_t pid = supervise(3, 0);
    wait_for(&shared->started, 3);
    assert_int_equal(shared->prepared, 1);
    assert_int_not_equal(shared->uid, 0);
    assert_int_equal(shared->no_new_privs, 1);
    sleep_ms(50);
    kill(pid, SIGTERM);
    assert_int_equal(end_of(pid), 0);
    assert_int_equal(shared->drained, 3);
    for (int i = 0; i < 3; i++)
        assert_true(gone(shared->pids[i]));
}

DJ_TEST(a_killed_worker_is_replaced_again_and_again)
{
    pid_t pid = supervise(2, 0);
    wait_for(&shared->started, 2);
    for (int i = 0; i < 3; i++) {
        kill(shared->pids[i == 0 ? 0 : i + 1], SIGKILL);
        wait_for(&shared->started, 3 + i);
    }
    kill(pid, SIGINT);
    assert_int_equal(end_of(pid), 0);
    assert_int_equal(shared->drained, 2);
    assert_int_equal(shared->prepared, 1);
}

DJ_TEST(a_reload_starts_new_workers_before_the_old_ones_drain)
{
    pid_t pid = supervise(2, 0);
    wait_for(&shared->started, 2);
    sleep_ms(50);
    kill(pid, SIGHUP);
    wait_for(&shared->started, 4);
    wait_for(&shared->drained, 2);
    assert_int_equal(shared->prepared, 2);
    assert_true(gone(shared->pids[0]) && gone(shared->pids[1]));
    assert_int_equal(kill(shared->pids[2], 0), 0);
    /* Many at once become few. */
    for (int i = 0; i < 20; i++)
        kill(pid, SIGHUP);
    sleep_ms(300);
    assert_true(shared->prepared >= 3 && shared->prepared <= 20);
    assert_int_equal(shared->started - shared->drained, 2);
    kill(pid, SIGTERM);
    assert_int_equal(end_of(pid), 0);
    assert_int_equal(shared->drained, shared->started);
}

static uint64_t capability_word(pid_t pid, const char *name)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    uint64_t word = UINT64_MAX;
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            word = strtoull(line + strlen(name) + 1, NULL, 16);
    fclose(f);
    return word;
}

DJ_TEST(a_reload_reads_what_only_root_can_and_nobody_else_does)
{
    if (geteuid() != 0)
        return; /* there is nothing to give up */
    board_clear();
    dj_test_template(shared->private_file, "private");
    int fd = mkstemp(shared->private_file);
    assert_true(fd >= 0);
    close(fd);
    pid_t pid = supervise_as_is(2, 0);
    wait_for(&shared->started, 2);
    sleep_ms(50);
    kill(pid, SIGHUP);
    wait_for(&shared->drained, 2);
    assert_int_equal(shared->reads_in_prepare, 2);
    assert_int_equal(shared->reads_in_worker, 0);
    assert_int_equal(capability_word(pid, "CapEff:"), 0);
    assert_int_equal(__builtin_popcountll(capability_word(pid, "CapPrm:")), 1);
    assert_int_equal(capability_word(shared->pids[2], "CapPrm:"), 0);
    kill(pid, SIGTERM);
    assert_int_equal(end_of(pid), 0);
    unlink(shared->private_file);
}

DJ_TEST(a_reload_with_broken_settings_keeps_the_old_workers)
{
    pid_t pid = supervise(2, 0);
    wait_for(&shared->started, 2);
    sleep_ms(50);
    shared->fail_prepare = 1;
    kill(pid, SIGHUP);
    sleep_ms(150);
    assert_int_equal(shared->started, 2);
    assert_int_equal(shared->drained, 0);
    shared->fail_prepare = 0;
    shared->fail_worker = 1; /* read well, but no worker starts with it */
    kill(pid, SIGHUP);
    sleep_ms(250);
    assert_int_equal(shared->drained, 0);
    assert_int_equal(kill(shared->pids[0], 0), 0);
    assert_int_equal(kill(shared->pids[1], 0), 0);
    shared->fail_worker = 0;
    kill(pid, SIGHUP);
    wait_for(&shared->drained, 2);
    kill(pid, SIGTERM);
    assert_int_equal(end_of(pid), 0);
}

DJ_TEST(what_fails_at_the_start_ends_with_status_1)
{
    board_clear();
    shared->fail_prepare = 1;
    assert_int_equal(end_of(supervise_as_is(2, 0)), 1);
    assert_int_equal(shared->started, 0);
    board_clear();
    shared->fail_worker = 1;
    assert_int_equal(end_of(supervise_as_is(2, 0)), 1);
    assert_int_equal(shared->started, 0);
}

DJ_TEST(a_worker_that_will_not_drain_is_killed_after_the_time)
{
    pid_t pid = supervise(2, 200);
    wait_for(&shared->started, 2);
    shared->ignore_term = 1;
    sleep_ms(50);
    kill(pid, SIGTERM);
    assert_int_equal(end_of(pid), 0);
    assert_true(gone(shared->pids[0]) && gone(shared->pids[1]));
}

DJ_TEST(sigquit_and_a_second_sigterm_end_at_once)
{
    for (int round = 0; round < 2; round++) {
        pid_t pid = supervise(2, 60000);
        wait_for(&shared->started, 2);
        shared->ignore_term = 1;
        sleep_ms(50);
        if (round == 0) {
            kill(pid, SIGQUIT);
        } else {
            kill(pid, SIGTERM);
            sleep_ms(50);
            kill(pid, SIGTERM);
        }
        assert_int_equal(end_of(pid), 0);
        assert_int_equal(shared->drained, 0);
    }
}

DJ_TEST(workers_do_not_outlive_the_supervisor)
{
    pid_t pid = supervise(2, 0);
    wait_for(&shared->started, 2);
    sleep_ms(50);
    kill(pid, SIGKILL);
    assert_int_equal(end_of(pid), 128 + SIGKILL);
    assert_true(gone(shared->pids[0]) && gone(shared->pids[1]));
}

static void expect_notice(int fd, const char *want)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 5000), 1);
    char    text[256] = "";
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    assert_true(n > 0);
    assert_true(dj_str_starts(dj_str_n(text, (size_t)n), dj_str_of(want)));
}

DJ_TEST(systemd_hears_of_each_step)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int len = snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "donjon-notify-%d", (int)getpid());
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    char name[120];
    snprintf(name, sizeof name, "@%s", a.sun_path + 1);
    setenv("NOTIFY_SOCKET", name, 1);
    pid_t pid = supervise(1, 0);
    unsetenv("NOTIFY_SOCKET");
    expect_notice(fd, "READY=1");
    kill(pid, SIGHUP);
    expect_notice(fd, "RELOADING=1\nMONOTONIC_USEC=");
    expect_notice(fd, "READY=1");
    kill(pid, SIGTERM);
    expect_notice(fd, "STOPPING=1");
    assert_int_equal(end_of(pid), 0);
    close(fd);
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const struct CMUnitTest tests[] = {
        DJ_T(workers_start_without_rights_and_drain_at_sigterm),
        DJ_T(a_killed_worker_is_replaced_again_and_again),
        DJ_T(a_reload_starts_new_workers_before_the_old_ones_drain),
        DJ_T(a_reload_reads_what_only_root_can_and_nobody_else_does),
        DJ_T(a_reload_with_broken_settings_keeps_the_old_workers),
        DJ_T(what_fails_at_the_start_ends_with_status_1),
        DJ_T(a_worker_that_will_not_drain_is_killed_after_the_time),
        DJ_T(sigquit_and_a_second_sigterm_end_at_once),
        DJ_T(workers_do_not_outlive_the_supervisor),
        DJ_T(systemd_hears_of_each_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
