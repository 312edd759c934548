/* tests/server/test_bind.c - addresses, errors in one sentence, stale Unix sockets, privileges. */
#include "test.h"
#include "server/server.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static dj_err bind_one(dj_scope *s, dj_listen *listener, const char *address)
{
    *listener = (dj_listen){.address = dj_str_of(address), .fd = 7777};
    dj_server_config config = {.listens = listener, .nlistens = 1, .unix_mode = 0600};
    return dj_server_bind(s, &config);
}

static void unbind_one(dj_scope *s, dj_listen *listener)
{
    dj_server_config config = {.listens = listener, .nlistens = 1};
    dj_server_unbind(s, &config);
    assert_int_equal(listener->fd, -1);
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage a = {0};
    socklen_t               len = sizeof a;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(((struct sockaddr_in *)&a)->sin_port); /* at the same place in sockaddr_in6 */
}

DJ_TEST(each_form_of_address_is_bound_not_blocking_and_not_inherited_by_exec)
{
    static const char *const forms[] = {"127.0.0.1:0", "localhost:0", ":0",
                                        "[::1]:0",     "[::]:0",      "0"};
    for (size_t i = 0; i < DJ_COUNT(forms); i++) {
        dj_listen l;
        dj_expect_ok(bind_one(c->scope, &l, forms[i]));
        assert_true(port_of(l.fd) > 0);
        assert_true((fcntl(l.fd, F_GETFL) & O_NONBLOCK) != 0);
        assert_true((fcntl(l.fd, F_GETFD) & FD_CLOEXEC) != 0);
        int       on = 0;
        socklen_t len = sizeof on;
        assert_int_equal(getsockopt(l.fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len), 0);
        assert_true(on);
        unbind_one(c->scope, &l);
    }
}

DJ_TEST(what_is_no_address_is_refused_with_what_to_write)
{
    static const char *const bad[] = {"",
                                      "nowhere",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:x",
                                      "127.0.0.1:65536",
                                      "1.2.3:80",
                                      "example.com:80",
                                      "::1:80",
                                      "[::1",
                                      "[x]:80",
                                      "unix:",
                                      "unix:relative",
                                      "127.0.0.1:-1",
                                      "[]:80"};
    for (size_t i = 0; i < DJ_COUNT(bad); i++) {
        dj_listen l;
        dj_expect_err(DJ_ERR_IO, bind_one(c->scope, &l, bad[i]));
        assert_true(dj_str_has(dj_failure_text(c->scope), DJ_LIT("is no address to listen on")));
        assert_int_equal(l.fd, -1);
    }
}

DJ_TEST(an_occupied_port_is_named_and_nothing_stays_half_bound)
{
    dj_listen first;
    dj_expect_ok(bind_one(c->scope, &first, "127.0.0.1:0"));
    dj_str           taken = dj_strf(c->scope, "127.0.0.1:%u", port_of(first.fd));
    dj_listen        two[2] = {{.address = DJ_LIT("127.0.0.1:0")}, {.address = taken}};
    dj_server_config config = {.listens = two, .nlistens = 2};
    dj_expect_err(DJ_ERR_IO, dj_server_bind(c->scope, &config));
    dj_expect_str(dj_str_cat(c->scope, taken, DJ_LIT(" is already in use")),
                  dj_failure_text(c->scope));
    assert_int_equal(two[0].fd, -1);
    assert_int_equal(two[1].fd, -1);
    unbind_one(c->scope, &first);
    dj_expect_err(DJ_ERR_IO, bind_one(c->scope, &first, "192.0.2.1:0"));
    assert_true(dj_str_has(dj_failure_text(c->scope), DJ_LIT("does not have that address")));
}

DJ_TEST(a_stale_unix_socket_is_replaced_and_a_live_one_or_a_file_is_not)
{
    char dir[] = "/tmp/donjon-bind-XXXXXX"; /* not TMPDIR: the path of a socket is short */
    assert_non_null(mkdtemp(dir));
    const char *path = dj_cstr(c->scope, dj_strf(c->scope, "%s/site.sock", dir));
    const char *address = dj_cstr(c->scope, dj_strf(c->scope, "unix:%s/site.sock", dir));
    dj_listen   l, second;
    dj_expect_ok(bind_one(c->scope, &l, address));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    dj_expect_err(DJ_ERR_IO, bind_one(c->scope, &second, address));
    assert_true(dj_str_ends(dj_failure_text(c->scope), DJ_LIT("is already in use")));
    close(l.fd); /* as after SIGKILL: the file stays */
    dj_expect_ok(bind_one(c->scope, &second, address));
    unbind_one(c->scope, &second);
    assert_int_equal(stat(path, &st), -1);

    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    dj_expect_err(DJ_ERR_IO, bind_one(c->scope, &l, address));
    assert_int_equal(stat(path, &st), 0);
    unlink(path);
    dj_expect_err(
        DJ_ERR_IO,
        bind_one(c->scope, &l, dj_cstr(c->scope, dj_strf(c->scope, "unix:%s/no/site.sock", dir))));
    assert_true(dj_str_ends(dj_failure_text(c->scope), DJ_LIT("/no does not exist")));
    rmdir(dir);
}

/* -- privileges: in a child, as there is no way back -- */

static int in_child(int (*fn)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn());
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int drop_and_look(void)
{
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    bool      root = geteuid() == 0;
    if (dj_drop_privileges(s, DJ_LIT("nobody")) != DJ_OK)
        return 1;
    if (getuid() == 0 || geteuid() == 0 || getgid() == 0 || (root && getgroups(0, NULL) != 0))
        return 2;
    if (setuid(0) == 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 3;
    /* Without a capability left. */
    FILE *f = fopen("/proc/self/status", "r");
    char  line[256];
    int   found = 0;
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "CapPrm:", 7) == 0 || strncmp(line, "CapEff:", 7) == 0)
            found += strstr(line, "0000000000000000") != NULL ? 1 : 0;
    if (f != NULL)
        fclose(f);
    return found == 2 ? 0 : 4;
}

static int refuse_bad_users(void)
{
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (geteuid() != 0)
        return 0;
    if (dj_drop_privileges(s, DJ_LIT("root")) != DJ_ERR_SETTINGS ||
        dj_drop_privileges(s, DJ_LIT("")) != DJ_ERR_SETTINGS ||
        dj_drop_privileges(s, DJ_LIT("no-such-user-here")) != DJ_ERR_SETTINGS)
        return 1;
    return geteuid() == 0 ? 0 : 2;
}

DJ_TEST(privileges_go_for_good)
{
    assert_int_equal(in_child(drop_and_look), 0);
    assert_int_equal(in_child(refuse_bad_users), 0);
}

DJ_TESTS(DJ_T(each_form_of_address_is_bound_not_blocking_and_not_inherited_by_exec),
         DJ_T(what_is_no_address_is_refused_with_what_to_write),
         DJ_T(an_occupied_port_is_named_and_nothing_stays_half_bound),
         DJ_T(a_stale_unix_socket_is_replaced_and_a_live_one_or_a_file_is_not),
         DJ_T(privileges_go_for_good))
