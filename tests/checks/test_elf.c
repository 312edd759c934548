/* tests/checks/test_elf.c - ELF files are looked at, whole and damaged. */
#include "test.h"
#include "checks/family.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static dj_str read_file(dj_case *c, const char *path)
{
    int         fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    char  *bytes = dj_alloc(c->scope, (size_t)st.st_size);
    size_t got = 0;
    for (ssize_t n; (n = read(fd, bytes + got, (size_t)st.st_size - got)) > 0;)
        got += (size_t)n;
    close(fd);
    return dj_str_n(bytes, got);
}

DJ_TEST(a_program_of_the_distribution_is_hardened)
{
    elf_facts f;
    assert_true(elf_look(read_file(c, "/bin/ls"), &f));
    assert_true(f.pie && f.relro && f.has_symbols && f.stack_protector && f.fortify);
    assert_false(f.exec_stack || f.writable_code || f.instrumented);
}

DJ_TEST(what_is_no_elf_file_is_refused)
{
    elf_facts f;
    assert_false(elf_look(DJ_LIT(""), &f));
    assert_false(elf_look(DJ_LIT("#!/bin/sh\nexec true\n"), &f));
}

DJ_TEST(damaged_files_are_harmless)
{
    dj_str    whole = read_file(c, "/bin/true");
    char     *copy = dj_alloc(c->scope, whole.len);
    elf_facts f;
    for (size_t len = 0; len < whole.len; len += len < 4096 ? 7 : 1021)
        (void)elf_look(dj_str_first(whole, len), &f);
    for (size_t i = 0; i < 1024; i++) { /* header and segments: each byte turned round */
        memcpy(copy, whole.ptr, whole.len);
        copy[i] = (char)~copy[i];
        (void)elf_look(dj_str_n(copy, whole.len), &f);
    }
    for (size_t i = 1; i < 8192 && i < whole.len; i++) { /* section headers, at the end */
        memcpy(copy, whole.ptr, whole.len);
        copy[whole.len - i] = (char)0xFF;
        if (i % 3 == 0)
            (void)elf_look(dj_str_n(copy, whole.len), &f);
    }
}

DJ_TESTS(DJ_T(a_program_of_the_distribution_is_hardened), DJ_T(what_is_no_elf_file_is_refused),
         DJ_T(damaged_files_are_harmless))
