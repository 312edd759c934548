/* tests/manage/test_diagnostics.c - tests src/manage/diagnostics.c with what gcc 12, clang 14, ld
 * 2.40, Meson 1.0, make 4.3 and our own settings reader printed. */
#include "test.h"
#include "manage/reload.h"

#define MAX 16

typedef struct want {
    dj_diagnostic_kind kind;
    const char        *file;
    uint32_t           line, column;
    const char        *message, *excerpt;
} want;

static void expect(dj_case *c, const char *printed, const want *wants, size_t len)
{
    dj_diagnostic found[MAX];
    size_t        n = dj_diagnostics(dj_plain_text(c->scope, dj_str_of(printed)), found, MAX);
    assert_int_equal(n, len);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(found[i].kind, wants[i].kind);
        dj_expect_str(dj_str_of(wants[i].file), found[i].file);
        assert_int_equal(found[i].line, wants[i].line);
        assert_int_equal(found[i].column, wants[i].column);
        dj_expect_str(dj_str_of(wants[i].message), found[i].message);
        dj_expect_str(dj_str_of(wants[i].excerpt), found[i].excerpt);
    }
}
#define EXPECT(printed, ...)                                                                       \
    do {                                                                                           \
        const want wants[] = {__VA_ARGS__};                                                        \
        expect(c, printed, wants, DJ_COUNT(wants));                                                \
    } while (0)

DJ_TEST(gcc)
{
    EXPECT("FAILED: pages.p/main.c.o \ncc -Ipages.p -c ../main.c\n"
           "../main.c: In function ‘index_page’:\n"
           "../main.c:7:9: error: expected identifier or ‘(’ before ‘<’ token\n"
           "    7 |     int <b>;\n"
           "      |         ^\n"
           "../main.c:9:1: warning: control reaches end of non-void function [-Wreturn-type]\n"
           "    9 | }\n"
           "      | ^\n"
           "ninja: build stopped: subcommand failed.\n",
           {DJ_DIAG_ERROR, "../main.c", 7, 9, "expected identifier or ‘(’ before ‘<’ token",
            "    7 |     int <b>;\n      |         ^\n"},
           {DJ_DIAG_WARNING, "../main.c", 9, 1,
            "control reaches end of non-void function [-Wreturn-type]", "    9 | }\n      | ^\n"});
    EXPECT("main.c:1:10: fatal error: none.h: No such file or directory\n"
           "    1 | #include \"none.h\"\n      |          ^~~~~~~~\ncompilation terminated.\n",
           {DJ_DIAG_ERROR, "main.c", 1, 10, "none.h: No such file or directory",
            "    1 | #include \"none.h\"\n      |          ^~~~~~~~\n"});
}

DJ_TEST(clang_shows_the_line_as_it_stands)
{
    EXPECT("../main.c:3:5: error: use of undeclared identifier 'a'\n"
           "int b = a;\n"
           "        ^\n"
           "../main.c:4:1: note: to match this '{'\n"
           "{\n"
           "^\n"
           "1 error generated.\n",
           {DJ_DIAG_ERROR, "../main.c", 3, 5, "use of undeclared identifier 'a'",
            "int b = a;\n        ^\n"},
           {DJ_DIAG_NOTE, "../main.c", 4, 1, "to match this '{'", "{\n^\n"});
}

DJ_TEST(colours_are_taken_out)
{
    EXPECT("\033[01m\033[K../main.c:7:9:\033[m\033[K \033[01;31m\033[Kerror: "
           "\033[m\033[Kno\033]0;x\a\n",
           {DJ_DIAG_ERROR, "../main.c", 7, 9, "no", ""});
    dj_expect_str(DJ_LIT("ab\tc\nd"),
                  dj_plain_text(c->scope, DJ_LIT("a\rb\t\033[0mc\n\033]8;;u\033\\d\x7F\033")));
}

DJ_TEST(linkers)
{
    EXPECT("/usr/bin/ld: pages.p/main.c.o: in function `index_page':\n"
           "main.c:(.text+0x17): undefined reference to `dj_pag'\n"
           "/usr/bin/ld: /site/build/../main.c:9: undefined reference to `there'\n"
           "collect2: error: ld returned 1 exit status\n",
           {DJ_DIAG_ERROR, "main.c", 0, 0, "undefined reference to `dj_pag'", ""},
           {DJ_DIAG_ERROR, "/site/build/../main.c", 9, 0, "undefined reference to `there'", ""});
}

DJ_TEST(builds)
{
    EXPECT("../meson.build:6:0: ERROR: Unknown function \"executble\".\n",
           {DJ_DIAG_ERROR, "../meson.build", 6, 0, "Unknown function \"executble\".", ""});
    EXPECT("Makefile:3: *** missing separator.  Stop.\n",
           {DJ_DIAG_ERROR, "Makefile", 3, 0, "missing separator.  Stop.", ""});
}

DJ_TEST(settings)
{
    EXPECT("settings/development.py:7:7: error: f-strings (f') are not read in a settings file\n"
           "FOO = f'x'\n"
           "      ^\n"
           "join the parts with + and str()\n",
           {DJ_DIAG_ERROR, "settings/development.py", 7, 7,
            "f-strings (f') are not read in a settings file", "FOO = f'x'\n      ^\n"});
}

DJ_TEST(a_name_may_hold_what_looks_like_a_place)
{
    EXPECT("a:3 b.c:12:1: error: x\n", {DJ_DIAG_ERROR, "a:3 b.c", 12, 1, "x", ""});
}

DJ_TEST(other_lines_are_passed_over)
{
    static const char *const lines[] = {
        "",
        "\n\n",
        ":",
        "a:",
        "a:1",
        "a:1:",
        "a:1: ",
        "a:1:2: error",
        ":1:2: error: x",
        " a:1:2: error: x",

        "a:(.text",
        "a:(.text: undefined reference to",
        "12:30:11: error is not near",
        "make: *** [Makefile:2: all] Error 1",
    };
    dj_diagnostic found[MAX];
    for (size_t i = 0; i < DJ_COUNT(lines); i++)
        assert_int_equal(dj_diagnostics(dj_str_of(lines[i]), found, MAX), 0);
}

DJ_TEST(no_more_than_there_is_room_for)
{
    dj_diagnostic found[2];
    assert_int_equal(
        dj_diagnostics(DJ_LIT("a:1: error: x\nb:2: error: y\nc:3: error: z\n"), found, 2), 2);
    dj_expect_str(DJ_LIT("b"), found[1].file);
}

DJ_TESTS(DJ_T(gcc), DJ_T(clang_shows_the_line_as_it_stands), DJ_T(colours_are_taken_out),
         DJ_T(linkers), DJ_T(builds), DJ_T(settings), DJ_T(a_name_may_hold_what_looks_like_a_place),
         DJ_T(other_lines_are_passed_over), DJ_T(no_more_than_there_is_room_for))
