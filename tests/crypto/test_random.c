/* tests/crypto/test_random.c - no repetition, no bias that shows, nothing shared with a child. */
#include "donjon/crypto.h"
#include "donjon/map.h"
#include "test.h"
#include <sys/wait.h>
#include <unistd.h>

/* RFC 4648 section 10, in the alphabet of section 5. */
DJ_TEST(base64url_of_the_rfc)
{
    static const char *const want[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
    for (size_t n = 0; n < DJ_COUNT(want); n++) {
        char out[16];
        assert_int_equal(dj_base64url(out, "foobar", n), DJ_BASE64URL_LEN(n));
        dj_expect_str(dj_str_of(want[n]), dj_str_n(out, DJ_BASE64URL_LEN(n)));
    }
    char out[4];
    (void)dj_base64url(out, "\xFB\xFF\xFE", 3);
    dj_expect_str(DJ_LIT("-__-"), dj_str_n(out, 4));
}

DJ_TEST(a_thousand_nonces_differ)
{
    dj_map seen = dj_map_make(c->scope);
    for (int i = 0; i < 1000; i++) {
        char *text = dj_alloc(c->scope, DJ_NONCE_LEN);
        dj_nonce(text);
        assert_false(dj_map_has(&seen, dj_str_n(text, DJ_NONCE_LEN)));
        dj_map_set(&seen, dj_str_n(text, DJ_NONCE_LEN), c);
    }
}

/* The pool is filled before the fork: parent and child must not go on with the same bytes. */
DJ_TEST(a_child_starts_with_an_empty_pool)
{
    char mine[DJ_NONCE_LEN], theirs[DJ_NONCE_LEN];
    int  fds[2];
    dj_nonce(mine);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dj_nonce(theirs);
        _exit(write(fds[1], theirs, sizeof theirs) == sizeof theirs ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(fds[0], theirs, sizeof theirs), sizeof theirs);
    dj_nonce(mine);
    assert_memory_not_equal(mine, theirs, sizeof mine);
    close(fds[0]);
    close(fds[1]);
}

DJ_TEST(letters_are_equally_likely)
{
    size_t counts[3] = {0};
    dj_str text = dj_random_string(c->scope, 30000, DJ_LIT("abc"));
    assert_int_equal(text.len, 30000);
    for (size_t i = 0; i < text.len; i++)
        counts[text.ptr[i] - 'a']++;
    for (size_t i = 0; i < 3; i++)
        assert_true(counts[i] > 9500 && counts[i] < 10500); /* six standard deviations */
    dj_expect_str(DJ_LIT("xxxx"), dj_random_string(c->scope, 4, DJ_LIT("x")));
    for (int i = 0; i < 1000; i++)
        assert_true(dj_random_below(7) < 7);
    assert_int_equal(dj_random_below(1), 0);
}

DJ_TESTS(DJ_T(base64url_of_the_rfc), DJ_T(a_thousand_nonces_differ),
         DJ_T(a_child_starts_with_an_empty_pool), DJ_T(letters_are_equally_likely))
