/* src/checks/elf.c - reads headers, segments, dynamic section and symbol names of an ELF file in
 * memory.
 *
 * System V ABI; <elf.h>. Must not know: which file it is, what checks make of the facts. */
#include "checks/family.h"
#include <elf.h>
#include <link.h>

typedef ElfW(Ehdr) elf_header;
typedef ElfW(Phdr) elf_segment;
typedef ElfW(Shdr) elf_section;
typedef ElfW(Dyn) elf_dynamic;
typedef ElfW(Sym) elf_symbol;

/* Copies `size` bytes at `offset`; false outside of the file. */
static bool read_at(dj_str file, uint64_t offset, void *out, size_t size)
{
    if (offset > file.len || size > file.len - offset)
        return false;
    memcpy(out, file.ptr + offset, size);
    return true;
}

/* The text that begins at `offset` and ends before `end`. */
static dj_str text_at(dj_str file, uint64_t offset, uint64_t end)
{
    if (end > file.len || offset >= end)
        return DJ_NONE;
    const char *from = file.ptr + offset;
    const char *nul = memchr(from, '\0', (size_t)(end - offset));
    return nul == NULL ? DJ_NONE : dj_str_n(from, (size_t)(nul - from));
}

static void note_symbol(dj_str name, elf_facts *out)
{
    static const char *const tools[] = {"__asan_init",    "__ubsan_handle_", "__tsan_init",
                                        "__msan_init",    "__lsan_init",     "__gcov_init",
                                        "__llvm_profile_"};
    out->has_symbols = true;
    if (dj_str_eq(name, DJ_LIT("__stack_chk_fail")))
        out->stack_protector = true;
    else if (dj_str_starts(name, DJ_LIT("__")) && dj_str_ends(name, DJ_LIT("_chk")))
        out->fortify = true;
    for (size_t i = 0; i < DJ_COUNT(tools); i++)
        if (dj_str_starts(name, dj_str_of(tools[i])))
            out->instrumented = true;
}

static void look_at_symbols(dj_str file, const elf_header *h, const elf_section *table,
                            elf_facts *out)
{
    elf_section names;
    if (table->sh_link >= h->e_shnum || table->sh_entsize != sizeof(elf_symbol) ||
        !read_at(file, h->e_shoff + (uint64_t)table->sh_link * sizeof names, &names, sizeof names))
        return;
    uint64_t end = names.sh_offset + names.sh_size;
    if (end < names.sh_offset)
        return;
    for (uint64_t at = 0; at + sizeof(elf_symbol) <= table->sh_size; at += sizeof(elf_symbol)) {
        elf_symbol symbol;
        if (!read_at(file, table->sh_offset + at, &symbol, sizeof symbol))
            return;
        dj_str name = text_at(file, names.sh_offset + symbol.st_name, end);
        if (name.len > 0)
            note_symbol(dj_str_first(name, dj_str_chr(name, '@')), out);
    }
}

static void look_at_dynamic(dj_str file, const elf_segment *segment, elf_facts *out)
{
    for (uint64_t at = 0; at + sizeof(elf_dynamic) <= segment->p_filesz;
         at += sizeof(elf_dynamic)) {
        elf_dynamic d;
        if (!read_at(file, segment->p_offset + at, &d, sizeof d) || d.d_tag == DT_NULL)
            return;
        if (d.d_tag == DT_BIND_NOW || (d.d_tag == DT_FLAGS && (d.d_un.d_val & DF_BIND_NOW) != 0) ||
            (d.d_tag == DT_FLAGS_1 && (d.d_un.d_val & DF_1_NOW) != 0))
            out->bind_now = true;
    }
}

static bool look_at_segments(dj_str file, const elf_header *h, elf_facts *out)
{
    out->exec_stack = true; /* without GNU_STACK the kernel makes it executable */
    for (unsigned i = 0; i < h->e_phnum; i++) {
        elf_segment seg;
        if (!read_at(file, h->e_phoff + (uint64_t)i * sizeof seg, &seg, sizeof seg))
            return false;
        if (seg.p_type == PT_GNU_STACK)
            out->exec_stack = (seg.p_flags & PF_X) != 0;
        else if (seg.p_type == PT_GNU_RELRO)
            out->relro = true;
        else if (seg.p_type == PT_DYNAMIC)
            look_at_dynamic(file, &seg, out);
        else if (seg.p_type == PT_LOAD && (seg.p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
            out->writable_code = true;
    }
    return true;
}

bool elf_look(dj_str file, elf_facts *out)
{
    elf_header h;
    *out = (elf_facts){0};
    if (!read_at(file, 0, &h, sizeof h) || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 ||
        h.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        h.e_phentsize != sizeof(elf_segment) || !look_at_segments(file, &h, out))
        return false;
    out->pie = h.e_type == ET_DYN;
    if (h.e_shentsize != sizeof(elf_section))
        return true;
    for (unsigned i = 0; i < h.e_shnum; i++) {
        elf_section section;
        if (!read_at(file, h.e_shoff + (uint64_t)i * sizeof section, &section, sizeof section))
            break;
        if (section.sh_type == SHT_DYNSYM || section.sh_type == SHT_SYMTAB)
            look_at_symbols(file, &h, &section, out);
    }
    return true;
}
