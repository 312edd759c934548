/* tools/conformance/settings.c - kind "settings.files": files that the strict reader takes, with
 * their values, and files that it refuses, with the place and the word of the error. Each case gets
 * a fresh folder, {ROOT}. */
#include "conformance.h"
#include "donjon/conf.h"
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static void remove_tree(const char *path)
{
    DIR           *dir = opendir(path);
    struct dirent *entry;
    char           one[4096];
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(one, sizeof(one), "%s/%s", path, entry->d_name);
        if (lstat(one, &st) == 0 && S_ISDIR(st.st_mode))
            remove_tree(one);
        else
            unlink(one);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(path);
}

static bool write_file(run *r, dj_str root, dj_str name, dj_str text)
{
    const char *path =
        dj_cstr(r->scope, dj_strf(r->scope, DJ_FMT "/" DJ_FMT, DJ_ARG(root), DJ_ARG(name)));
    char *folder = dj_alloc(r->scope, strlen(path) + 1);
    for (size_t i = root.len + 1; path[i] != '\0'; i++) {
        if (path[i] != '/')
            continue;
        memcpy(folder, path, i);
        folder[i] = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return false;
    }
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        return false;
    bool ok = text.len == 0 || fwrite(text.ptr, 1, text.len, f) == text.len;
    return fclose(f) == 0 && ok;
}

static bool env_of_case(void *ctx, dj_str name, dj_str *value)
{
    const char   *key;
    const json_t *v;
    json_object_foreach((json_t *)ctx, key, v)
    {
        if (dj_str_eq(dj_str_of(key), name)) {
            *value = js_text(v);
            return true;
        }
    }
    return false;
}

static bool same_text(run *r, dj_str root, const json_t *want, dj_str got)
{
    return json_is_string(want) &&
           dj_str_eq(dj_str_replace(r->scope, js_text(want), DJ_LIT("{ROOT}"), root), got);
}

static bool same(run *r, dj_str root, const json_t *want, const dj_value *got);

static bool same_items(run *r, dj_str root, const json_t *want, const dj_value *got, bool ordered)
{
    if (!json_is_array(want) || json_array_size(want) != got->seq.len)
        return false;
    for (size_t i = 0; i < got->seq.len; i++) {
        bool found = false;
        for (size_t k = ordered ? i : 0; !found && k < (ordered ? i + 1 : got->seq.len); k++)
            found = same(r, root, json_array_get(want, k), got->seq.items[i]);
        if (!found)
            return false;
    }
    return true;
}

static bool same_dict(run *r, dj_str root, const json_t *want, const dj_value *got)
{
    const json_t *pairs = json_object_get(want, "$dict"), *value;
    const char   *key;
    size_t        i = 0;
    if (pairs != NULL) {
        if (json_array_size(pairs) != got->dict.len)
            return false;
        for (; i < got->dict.len; i++) {
            const json_t *pair = json_array_get(pairs, i);
            if (!same(r, root, json_array_get(pair, 0), got->dict.pairs[i].key) ||
                !same(r, root, json_array_get(pair, 1), got->dict.pairs[i].value))
                return false;
        }
        return true;
    }
    if (json_object_size(want) != got->dict.len)
        return false;
    json_object_foreach((json_t *)want, key, value)
    {
        const dj_value *k = got->dict.pairs[i].key;
        if (k->kind != DJ_V_STR ||
            !dj_str_eq(dj_str_replace(r->scope, dj_str_of(key), DJ_LIT("{ROOT}"), root), k->str) ||
            !same(r, root, value, got->dict.pairs[i].value))
            return false;
        i++;
    }
    return true;
}

static bool same(run *r, dj_str root, const json_t *want, const dj_value *got)
{
    switch (got->kind) {
    case DJ_V_NONE:
        return json_is_null(want);
    case DJ_V_BOOL:
        return json_is_boolean(want) && json_is_true(want) == got->boolean;
    case DJ_V_INT:
        return json_is_integer(want) && json_integer_value(want) == got->integer;
    case DJ_V_FLOAT:
        return json_is_real(want) && json_real_value(want) == got->number;
    case DJ_V_STR:
        return same_text(r, root, want, got->str);
    case DJ_V_PATH:
        return same_text(r, root, json_object_get(want, "$path"), got->str);
    case DJ_V_LIST:
        return same_items(r, root, want, got, true);
    case DJ_V_TUPLE:
        return same_items(r, root, json_object_get(want, "$tuple"), got, true);
    case DJ_V_SET:
        return same_items(r, root, json_object_get(want, "$set"), got, false);
    case DJ_V_DICT:
        return json_is_object(want) && same_dict(r, root, want, got);
    case DJ_V_UNKNOWN:
        break;
    }
    return false;
}

static void expect_values(run *r, dj_str root, const json_t *want, const dj_conf *conf)
{
    const char *name;
    json_t     *value;
    json_object_foreach((json_t *)want, name, value)
    {
        const dj_value *got = dj_map_get(&conf->names, dj_str_of(name));
        if (got == NULL) {
            case_fail(r, "%s: expected a value, got none", name);
        } else if (!same(r, root, value, got)) {
            char  *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            dj_str shown = dj_value_repr(r->scope, got, 300);
            case_fail(r, "%s: expected %.300s got " DJ_FMT, name, text, DJ_ARG(shown));
            free(text);
        }
    }
    for (size_t i = 0; i < conf->names.len; i++) {
        if (json_object_get(want, dj_cstr(r->scope, conf->names.entries[i].key)) == NULL)
            case_fail(r, "expected no " DJ_FMT, DJ_ARG(conf->names.entries[i].key));
    }
}

static void expect_error(run *r, dj_str root, const json_t *want, const dj_conf_error *got)
{
    dj_str file = dj_strf(r->scope, DJ_FMT "/" DJ_FMT, DJ_ARG(root), DJ_ARG(js_str(want, "file")));
    dj_str mention = js_str(want, "mention");
    bool   ok = case_expect_str(r, "error", js_str(want, "error"), got->code);
    ok = case_expect_str(r, "file", file, got->origin.file) && ok;
    ok = case_expect_int(r, "line", js_int(want, "line"), got->origin.line) && ok;
    ok = case_expect_int(r, "column", js_int(want, "column"), got->origin.column) && ok;
    if (!dj_str_is_none(mention) && !dj_str_has(got->message, mention))
        case_fail(r, "expected a message that mentions " DJ_FMT ", got " DJ_FMT, DJ_ARG(mention),
                  DJ_ARG(got->message));
    if (!ok)
        case_fail(r, "the message was: " DJ_FMT, DJ_ARG(got->text));
}

static void run_case(run *r, const json_t *c, bool accept)
{
    const char *tmp = getenv("TMPDIR");
    char        folder[4096];
    snprintf(folder, sizeof(folder), "%s/donjon-settings-XXXXXX",
             tmp == NULL || *tmp == '\0' ? "/tmp" : tmp);
    const json_t *files = json_object_get(c, "files"), *text;
    const char   *name;
    bool          written = true;
    case_begin(r, json_string_value(json_object_get(c, "id")));
    if (mkdtemp(folder) == NULL) {
        case_fail(r, "no temporary folder: %s", strerror(errno));
        case_end(r);
        return;
    }
    dj_str root = dj_str_of(folder), entry = js_str(c, "entry");
    if (files == NULL) {
        entry = DJ_LIT("mysite/settings.py");
        written = write_file(r, root, entry, js_str(c, "text"));
    }
    json_object_foreach((json_t *)files, name, text)
    {
        written = write_file(r, root, dj_str_of(name), js_text(text)) && written;
    }
    dj_conf_options options = {
        .mode = DJ_CONF_STRICT, .env = env_of_case, .env_ctx = json_object_get(c, "env")};
    dj_conf_error error;
    dj_conf      *conf = NULL;
    dj_str        path = dj_strf(r->scope, DJ_FMT "/" DJ_FMT, DJ_ARG(root), DJ_ARG(entry));
    dj_err        e = dj_conf_read(r->scope, path, &options, &conf, &error);
    if (!written)
        case_fail(r, "the files could not be written");
    else if (accept && e)
        case_fail(r, "expected values, got " DJ_FMT, DJ_ARG(error.text));
    else if (accept)
        expect_values(r, root, json_object_get(c, "expected"), conf);
    else if (!e)
        case_fail(r, "expected an error, got values");
    else
        expect_error(r, root, json_object_get(c, "expected"), &error);
    remove_tree(folder);
    case_end(r);
}

kind_fn run_settings;
void    run_settings(run *r, const json_t *file)
{
    const json_t *accept = json_object_get(file, "accept"),
                 *reject = json_object_get(file, "reject");
    for (size_t i = 0; i < json_array_size(accept); i++)
        run_case(r, json_array_get(accept, i), true);
    for (size_t i = 0; i < json_array_size(reject); i++)
        run_case(r, json_array_get(reject, i), false);
}
