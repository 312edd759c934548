/* tools/embed.c - the files below some folders as one C file, for a program that carries its
 * templates with it.
 *
 * The names are the paths from the folder on, the folders are searched in the order given: what a
 * site would find in TEMPLATES 'DIRS' is what it finds in the program. */
#include "embed.h"
#include "donjon/buf.h"
#include "donjon/map.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES  ((size_t)1024 * 1024)
#define TOTAL_MAX_BYTES ((size_t)4 * 1024 * 1024)
#define DEPTH_MAX       16
#define FILES_MAX       4096

static const dj_option options[] = {
    {'o', "output", "FILE", "Writes there; without it, to stdout.", NULL},
    {'n', "name", "NAME", "Name of the C variable: site_templates unless told otherwise.", NULL},
};
static const dj_command_spec spec = {
    .name = "embed",
    .summary = "Writes the templates below DIRECTORY as a C file, to be compiled into a site: "
               ".templates = &site_templates in its dj_app.",
    .options = options,
    .noptions = DJ_COUNT(options),
    .args = "DIRECTORY",
    .min_args = 1,
    .max_args = 32,
};

typedef struct collection {
    dj_scope *s;
    dj_map    files; /* name -> dj_str * */
    size_t    total;
} collection;

static bool is_identifier(dj_str name)
{
    if (name.len == 0 || name.len > 63 || dj_is_digit(name.ptr[0]))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!dj_is_alpha(name.ptr[i]) && !dj_is_digit(name.ptr[i]) && name.ptr[i] != '_')
            return false;
    }
    return true;
}

/* All of an open file that says it has `size` bytes. */
static dj_err read_all(dj_scope *s, int fd, size_t size, dj_str full, dj_str *text)
{
    char  *bytes = dj_alloc(s, size + 1);
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dj_fail_errno(s, DJ_FMT, DJ_ARG(full));
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *text = dj_str_n(bytes, len);
    return dj_utf8_valid(*text)
               ? DJ_OK
               : dj_fail(s, DJ_ERR_MALFORMED, DJ_FMT " is not UTF-8", DJ_ARG(full));
}

/* `name` of the folder `dir`; the first folder that has a template wins. */
static dj_err take_file(collection *all, int dir, const char *name, size_t size, dj_str full)
{
    if (dj_map_has(&all->files, full))
        return DJ_OK;
    if (size > FILE_MAX_BYTES)
        return dj_fail(all->s, DJ_ERR_LIMIT, DJ_FMT " has more than %zu bytes", DJ_ARG(full),
                       FILE_MAX_BYTES);
    all->total += size;
    if (all->total > TOTAL_MAX_BYTES || all->files.len >= FILES_MAX)
        return dj_fail(all->s, DJ_ERR_LIMIT, "more than %d files, or %zu bytes in all", FILES_MAX,
                       TOTAL_MAX_BYTES);
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return dj_fail_errno(all->s, DJ_FMT, DJ_ARG(full));
    dj_str *text = dj_new(all->s, dj_str);
    dj_err  e = read_all(all->s, fd, size, full, text);
    close(fd);
    if (!e)
        dj_map_set(&all->files, full, text);
    return e;
}

static dj_err collect(collection *all, int fd, dj_str prefix, int depth);

static dj_err take_entry(collection *all, int dir, const char *name, dj_str prefix, int depth)
{
    struct stat st;
    dj_str      full = dj_strf(all->s, DJ_FMT "%s", DJ_ARG(prefix), name);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return dj_fail_errno(all->s, DJ_FMT, DJ_ARG(full));
    if (S_ISREG(st.st_mode))
        return take_file(all, dir, name, (size_t)st.st_size, full);
    if (!S_ISDIR(st.st_mode))
        return DJ_OK;
    int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0)
        return dj_fail_errno(all->s, DJ_FMT, DJ_ARG(full));
    return collect(all, below, dj_str_cat(all->s, full, DJ_LIT("/")), depth + 1);
}

/* All files below a folder; closes `fd`. Names that begin with a dot, links and devices are left
 * out. */
static dj_err collect(collection *all, int fd, dj_str prefix, int depth)
{
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return dj_fail_errno(all->s, DJ_FMT, DJ_ARG(prefix));
    }
    dj_err e = depth <= DEPTH_MAX
                   ? DJ_OK
                   : dj_fail(all->s, DJ_ERR_LIMIT, DJ_FMT " lies over %d folders deep",
                             DJ_ARG(prefix), DEPTH_MAX);
    for (struct dirent *entry; !e && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.')
            e = take_entry(all, dirfd(dir), entry->d_name, prefix, depth);
    }
    closedir(dir);
    return e;
}

/* -- C out -- */

/* A literal for each line. */
static void add_literal(dj_buf *b, dj_str text)
{
    dj_buf_add_byte(b, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\n') {
            dj_buf_add(b, i + 1 < text.len ? DJ_LIT("\\n\"\n    \"") : DJ_LIT("\\n"));
        } else if (c == '"' || c == '\\' || c == '?') { /* two '?' may begin a trigraph */
            dj_buf_add_byte(b, '\\');
            dj_buf_add_byte(b, (char)c);
        } else if (c < 0x20 || c >= 0x7F) {
            dj_buf_addf(b, "\\%03o", c);
        } else {
            dj_buf_add_byte(b, (char)c);
        }
    }
    dj_buf_add_byte(b, '"');
}

static int by_name(const void *a, const void *b)
{
    const dj_map_entry *x = a, *y = b;
    return dj_str_cmp(x->key, y->key);
}

static dj_str c_file(collection *all, dj_str variable)
{
    dj_buf        b = dj_buf_make(all->s, 6 * TOTAL_MAX_BYTES);
    size_t        n = all->files.len;
    dj_map_entry *sorted = dj_new_array(all->s, dj_map_entry, n + 1);
    memcpy(sorted, all->files.entries, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_name);
    dj_buf_add(&b, DJ_LIT("/* Written by `donjon embed`: change the templates, not this file. */\n"
                          "#include <donjon/render.h>\n\n"));
    for (size_t i = 0; i < n; i++) {
        dj_buf_addf(&b, "static const char text_%zu[] =\n    ", i);
        add_literal(&b, *(const dj_str *)sorted[i].value);
        dj_buf_add(&b, DJ_LIT(";\n"));
    }
    dj_buf_add(&b, DJ_LIT("\nstatic const dj_embedded items[] = {\n"));
    for (size_t i = 0; i < n; i++) {
        dj_buf_add(&b, DJ_LIT("    {"));
        add_literal(&b, sorted[i].key);
        dj_buf_addf(&b, ", text_%zu, %zu},\n", i, ((const dj_str *)sorted[i].value)->len);
    }
    dj_buf_addf(&b,
                "};\n\nextern const dj_embedded_templates " DJ_FMT ";\n"
                "const dj_embedded_templates " DJ_FMT " = {items, %zu};\n",
                DJ_ARG(variable), DJ_ARG(variable), n);
    return dj_buf_str(&b);
}

/* Written beside and renamed: a build never sees half a file. */
static dj_err write_file(dj_scope *s, dj_str path, dj_str text)
{
    const char *temporary = dj_cstr(s, dj_strf(s, DJ_FMT ".new", DJ_ARG(path)));
    int         fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return dj_fail_errno(s, "%s", temporary);
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno != EINTR)
            break;
        text = dj_str_from(text, n < 0 ? 0 : (size_t)n);
    }
    dj_err e = text.len > 0 ? dj_fail_errno(s, "%s", temporary) : DJ_OK;
    if (close(fd) != 0 && !e)
        e = dj_fail_errno(s, "%s", temporary);
    if (!e && rename(temporary, dj_cstr(s, path)) != 0)
        e = dj_fail_errno(s, DJ_FMT, DJ_ARG(path));
    if (e)
        unlink(temporary);
    return e;
}

int dj_tool_embed(dj_scope *s, const dj_console *con, int argc, char *const *argv,
                  const struct dj_app *app)
{
    dj_options o;
    int        status = dj_options_parse(s, con, &spec, argc, argv, &o);
    if (status != DJ_OPTIONS_GO_ON)
        return status;
    (void)app;
    dj_str variable =
        dj_options_has(&o, "name") ? dj_options_get(&o, "name") : DJ_LIT("site_templates");
    if (!is_identifier(variable))
        return dj_options_refuse(s, con, &spec, argv,
                                 "argument -n/--name: '" DJ_FMT "' is no name in C",
                                 DJ_ARG(variable));
    collection all = {.s = s, .files = dj_map_make(s)};
    for (size_t i = 0; i < o.nargs; i++) {
        dj_str path = dj_console_path(s, con, o.args[i]);
        int    fd = open(dj_cstr(s, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        dj_err e =
            fd < 0 ? dj_fail_errno(s, DJ_FMT, DJ_ARG(path)) : collect(&all, fd, DJ_LIT(""), 1);
        if (e)
            return dj_command_fail(s, con, argv, DJ_FMT, DJ_ARG(dj_failure_text(s)));
    }
    if (all.files.len == 0)
        return dj_command_fail(s, con, argv, "there is no file to embed");
    dj_str text = c_file(&all, variable);
    if (!dj_options_has(&o, "output")) {
        dj_console_out(con, text);
        return 0;
    }
    if (write_file(s, dj_console_path(s, con, dj_options_get(&o, "output")), text))
        return dj_command_fail(s, con, argv, DJ_FMT, DJ_ARG(dj_failure_text(s)));
    return 0;
}
