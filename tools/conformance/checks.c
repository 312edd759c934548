/* tools/conformance/checks.c - kind "checks.run": `check` on whole projects, against what Django
 * printed.
 *
 * Each case gets a fresh project folder and an environment of its own; the command itself is
 * called, its streams are caught. Django's checks are run alone (--exclude-tag donjon): layout,
 * order, ids, levels, counts, streams and exit status must then be Django's; of a text only the
 * settings it names are compared. Where Django stopped with a traceback, all checks run and the
 * exit status must not be 0 - without the hardening ones, which judge this machine and not the
 * case. */
#include "conformance.h"
#include "donjon/app.h"
#include "donjon/settings.h"
#include "manage/manage.h"
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)4 * 1024 * 1024)

typedef struct world {
    dj_buf        out, err;
    const json_t *env;
} world;

static void world_write(void *ctx, bool to_stderr, dj_str text)
{
    world *w = ctx;
    dj_buf_add(to_stderr ? &w->err : &w->out, text);
}

static bool world_env(void *ctx, dj_str name, dj_str *value)
{
    const world *w = ctx;
    char         key[256];
    if (name.len >= sizeof key)
        return false;
    memcpy(key, name.ptr, name.len);
    key[name.len] = '\0';
    dj_str text = js_str(w->env, key);
    if (!dj_str_is_none(text))
        *value = text;
    return !dj_str_is_none(text);
}

/* -- the project folder -- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_tree(void *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes the folders above root/path. */
static void make_parents(run *r, dj_str root, dj_str path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] == '/')
            (void)mkdir(dj_cstr(r->scope, dj_strf(r->scope, DJ_FMT "/" DJ_FMT, DJ_ARG(root),
                                                  DJ_ARG(dj_str_first(path, i)))),
                        0755);
}

static void write_file(run *r, dj_str root, const char *path, dj_str text)
{
    make_parents(r, root, dj_str_of(path));
    FILE *f = fopen(dj_cstr(r->scope, dj_strf(r->scope, DJ_FMT "/%s", DJ_ARG(root), path)), "we");
    if (f == NULL || fwrite(text.len == 0 ? "" : text.ptr, 1, text.len, f) != text.len ||
        fclose(f) != 0)
        case_fail(r, "can't write %s", path);
}

/* Returns the folder; *settings is the file to check, relative to it. */
static dj_str make_project(run *r, const json_t *c, dj_str *settings)
{
    const char *tmp = getenv("TMPDIR");
    dj_str      pattern =
        dj_strf(r->scope, "%s/donjon-checks-XXXXXX", tmp == NULL || *tmp == '\0' ? "/tmp" : tmp);
    char *root = dj_alloc(r->scope, pattern.len + 1);
    memcpy(root, pattern.ptr, pattern.len);
    if (mkdtemp(root) == NULL) {
        case_fail(r, "can't make a folder like %s", root);
        return DJ_NONE;
    }
    dj_own(r->scope, remove_tree, root);
    dj_str        folder = dj_str_of(root);
    const json_t *files = json_object_get(c, "files"), *dirs = json_object_get(c, "dirs"), *item;
    const char   *name;
    size_t        i;
    write_file(r, folder, "mysite/__init__.py", DJ_LIT(""));
    write_file(r, folder, "mysite/urls.py", DJ_LIT("urlpatterns = []\n"));
    *settings = files == NULL ? DJ_LIT("mysite/settings.py") : js_str(c, "entry");
    if (files == NULL)
        write_file(r, folder, "mysite/settings.py", js_str(c, "text"));
    json_object_foreach((json_t *)(uintptr_t)files, name, item)
    {
        write_file(r, folder, name, js_text(item));
    }
    json_array_foreach(dirs, i, item)
    {
        dj_str dir = dj_strf(r->scope, DJ_FMT "/", DJ_ARG(js_text(item)));
        make_parents(r, folder, dir);
    }
    return folder;
}

/* -- running -- */

typedef struct outcome {
    int    status;
    dj_str out, err;
} outcome;

static outcome run_check(run *r, const json_t *c, dj_str root, dj_str settings,
                         const char *leave_out, const char *format)
{
    static const dj_app app = {.urls = {0}};
    const json_t       *args = json_object_get(c, "args");
    size_t              n = json_array_size(args);
    char              **argv = dj_new_array(r->scope, char *, n + 10);
    const char *const   before[] = {
          "manage.py",     "check",   "--settings", dj_cstr(r->scope, settings),
          "--exclude-tag", leave_out, "--format",   format};
    size_t argc = 0;
    for (size_t i = 0; i < DJ_COUNT(before); i++)
        argv[argc++] = (char *)(uintptr_t)before[i];
    for (size_t i = 0; i < n; i++)
        argv[argc++] = (char *)(uintptr_t)json_string_value(json_array_get(args, i));
    world      w = {dj_buf_make(r->scope, OUTPUT_MAX), dj_buf_make(r->scope, OUTPUT_MAX),
                    json_object_get(c, "env")};
    dj_console con = {.write = world_write, .env = world_env, .ctx = &w, .cwd = root};
    outcome    got = {.status = dj_manage_check(r->scope, &con, (int)argc, argv, &app)};
    got.out = dj_buf_str(&w.out);
    got.err = dj_buf_str(&w.err);
    return got;
}

/* -- comparing -- */

/* Cuts "OBJ: (ID) TEXT" into its id and text; false for headings and all else. */
static bool cut_message(dj_str line, dj_str *id, dj_str *text)
{
    size_t open = dj_str_find(line, DJ_LIT(": ("));
    size_t close =
        open == DJ_NOT_FOUND ? DJ_NOT_FOUND : dj_str_find(dj_str_from(line, open), DJ_LIT(") "));
    if (close == DJ_NOT_FOUND || dj_str_starts(line, DJ_LIT("\t")) ||
        dj_str_starts(line, DJ_LIT("System")))
        return false;
    *id = dj_str_n(line.ptr + open + 3, close - 3);
    *text = dj_str_from(line, open + close + 2);
    return true;
}

/* The report with texts and hints left out: what must be the same byte for byte. */
static dj_str skeleton(run *r, dj_str report)
{
    dj_buf b = dj_buf_make(r->scope, OUTPUT_MAX);
    dj_str rest = report, line, id, text;
    if (report.len == 0)
        return DJ_LIT("");
    while (dj_str_next(&rest, '\n', &line)) {
        if (cut_message(line, &id, &text))
            dj_buf_addf(&b, "%s: (" DJ_FMT ")", line.ptr[0] == '?' ? "?" : "OBJECT", DJ_ARG(id));
        else if (dj_str_starts(line, DJ_LIT("\tHINT: ")))
            dj_buf_add(&b, DJ_LIT("\tHINT"));
        else
            dj_buf_add(&b, line);
        dj_buf_add_byte(&b, '|');
    }
    return dj_buf_str(&b);
}

static bool is_setting(dj_str word)
{
    size_t                 len;
    const dj_setting_info *table = dj_setting_table(&len);
    size_t                 bracket = dj_str_chr(word, '[');
    dj_str                 name = dj_str_first(word, bracket);
    for (size_t i = 0; i < len; i++)
        if (dj_str_eq(table[i].name, name))
            return true;
    return false;
}

static bool is_word_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || c == '_' || c == '[' || c == ']' || dj_is_digit(c);
}

/* Every setting that Django's text names, index included, must stand in ours. */
static void compare_names(run *r, dj_str id, dj_str expected, dj_str got)
{
    for (size_t i = 0; i < expected.len;) {
        size_t from = i;
        while (i < expected.len && is_word_byte(expected.ptr[i]))
            i++;
        dj_str word = dj_str_n(expected.ptr + from, i - from);
        if (word.len > 3 && is_setting(word) && !dj_str_has(got, word))
            case_fail(r, "the text of " DJ_FMT " does not name " DJ_FMT, DJ_ARG(id), DJ_ARG(word));
        i += i == from;
    }
}

static void compare_texts(run *r, dj_str expected, dj_str got)
{
    dj_str rest_e = expected, rest_g = got, line_e, line_g, id, id_g, text_e, text_g;
    while (dj_str_next(&rest_e, '\n', &line_e) && dj_str_next(&rest_g, '\n', &line_g))
        if (cut_message(line_e, &id, &text_e) && cut_message(line_g, &id_g, &text_g))
            compare_names(r, id, text_e, text_g);
}

/* Ids and levels in order, and what was silenced, from the JSON form of the same run. */
static void compare_messages(run *r, const json_t *expected, dj_str report)
{
    json_t       *got = json_loadb(report.ptr, report.len, 0, NULL);
    const json_t *want = json_object_get(expected, "messages"),
                 *have = json_object_get(got, "issues");
    const json_t *silenced = json_object_get(expected, "silenced"),
                 *hidden = json_object_get(got, "silenced_ids");
    if (got == NULL) {
        case_fail(r, "the JSON report is no JSON");
        return;
    }
    case_expect_int(r, "messages", (int64_t)json_array_size(want), (int64_t)json_array_size(have));
    for (size_t i = 0; i < json_array_size(want) && i < json_array_size(have); i++) {
        const json_t *w = json_array_get(want, i), *h = json_array_get(have, i);
        case_expect_str(r, "id", js_str(w, "id"), js_str(h, "id"));
        case_expect_str(r, "level", js_str(w, "level"), js_str(h, "level"));
    }
    case_expect_int(r, "silenced", (int64_t)json_array_size(silenced),
                    (int64_t)json_array_size(hidden));
    for (size_t i = 0; i < json_array_size(silenced) && i < json_array_size(hidden); i++)
        case_expect_str(r, "silenced id", js_text(json_array_get(silenced, i)),
                        js_text(json_array_get(hidden, i)));
    json_decref(got);
}

/* Which tags there are for models and commands is a matter of Python's. */
static dj_str without_python_tags(run *r, dj_str list)
{
    dj_buf b = dj_buf_make(r->scope, OUTPUT_MAX);
    dj_str rest = list, line;
    while (dj_str_next(&rest, '\n', &line))
        if (!dj_str_eq(line, DJ_LIT("commands")) && !dj_str_eq(line, DJ_LIT("models")))
            dj_buf_addf(&b, DJ_FMT "|", DJ_ARG(line));
    return dj_buf_str(&b);
}

static void compare_other(run *r, const json_t *expected, outcome got)
{
    dj_str err = js_str(expected, "stderr");
    if (dj_str_starts(err, DJ_LIT("usage: "))) {
        case_expect_str(r, "stdout", DJ_LIT(""), got.out);
        case_expect_bool(r, "usage on stderr", true, dj_str_starts(got.err, DJ_LIT("usage: ")));
        case_expect_bool(r, "one line of error", true,
                         dj_str_has(got.err, DJ_LIT("manage.py check: error: ")));
        return;
    }
    case_expect_str(r, "stderr", err, got.err);
    case_expect_str(r, "stdout", without_python_tags(r, js_str(expected, "stdout")),
                    without_python_tags(r, got.out));
}

static void run_case(run *r, const json_t *c, bool streams)
{
    const json_t *expected = json_object_get(c, "expected");
    bool          stopped = json_object_get(expected, "exception") != NULL;
    dj_str        settings = DJ_NONE, root = make_project(r, c, &settings);
    if (dj_str_is_none(root))
        return;
    outcome got = run_check(r, c, root, settings, stopped ? "hardening" : "donjon", "text");
    if (stopped) {
        case_expect_bool(r, "exit status is not 0", true, got.status != 0);
        case_expect_bool(r, "stderr says why", true, got.err.len > 0);
        return;
    }
    case_expect_int(r, "exit", js_int(expected, "exit"), got.status);
    if (json_object_get(expected, "messages") == NULL) {
        compare_other(r, expected, got);
        return;
    }
    if (streams) {
        dj_str want_out = js_str(expected, "stdout"), want_err = js_str(expected, "stderr");
        case_expect_str(r, "stdout", skeleton(r, want_out), skeleton(r, got.out));
        case_expect_str(r, "stderr", skeleton(r, want_err), skeleton(r, got.err));
        compare_texts(r, want_err, got.err);
    }
    outcome json = run_check(r, c, root, settings, "donjon", "json");
    case_expect_int(r, "exit with --format json", js_int(expected, "exit"), json.status);
    compare_messages(r, expected, json.out);
}

void run_checks(run *r, const json_t *file)
{
    static const char *const lists[] = {"cases", "django6"};
    for (size_t l = 0; l < DJ_COUNT(lists); l++) {
        const json_t *cases = json_object_get(file, lists[l]), *c;
        size_t        i;
        json_array_foreach(cases, i, c)
        {
            case_begin(r, json_string_value(json_object_get(c, "id")));
            run_case(r, c, l == 0);
            case_end(r);
        }
    }
}
