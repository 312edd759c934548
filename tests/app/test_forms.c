/* tests/app/test_forms.c - bodies through a whole site: forms, JSON, files that are saved. */
#include "../test.h"
#include "donjon/forms.h"
#include "donjon/test.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static dj_str folder; /* where save() puts files */
static bool   full;   /* save() finds a full disk */

static dj_response *save(dj_req *req)
{
    const dj_form *form;
    dj_str         name;
    struct rlimit  old, small = {.rlim_cur = 100};
    if (dj_form_parse(req, &form) != DJ_OK)
        return dj_raise_failure(req);
    const dj_upload *upload = dj_file_get(form, DJ_LIT("f"));
    if (upload == NULL)
        return dj_text(req, DJ_LIT("no file"));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    if (full)
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    dj_err e = dj_upload_save(req, upload, folder, &name);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    return e == DJ_OK ? dj_text(req, name) : dj_raise_failure(req);
}

static dj_response *json(dj_req *req)
{
    const dj_json_value *value;
    if (dj_json_body(req, &value) != DJ_OK)
        return dj_raise_failure(req);
    return dj_text(req, dj_json_get_str(value, DJ_LIT("a")));
}

static const dj_route urls[] = {DJ_PATH("save/", save), DJ_PATH("json/", json)};

static const dj_answer *post(dj_case *c, const char *path, const char *type, dj_str body)
{
    static const dj_app app = {.urls = DJ_ALL(urls)};
    static const char   settings[] = "DATA_UPLOAD_MAX_MEMORY_SIZE = 1000\n"
                                     "FILE_UPLOAD_PERMISSIONS = 0o640\n";
    dj_client          *client;
    dj_expect_ok(dj_client_open(
        c->scope, &(dj_client_options){.app = &app, .settings_text = settings, .quiet = true},
        &client));
    return dj_client_send(
        client,
        &(dj_client_request){
            .method = "POST", .path = path, .content_type = type, .body = body, .chunked = true});
}

static const dj_answer *send_file(dj_case *c, const char *name, dj_str content)
{
    dj_str body =
        dj_strf(c->scope,
                "--B\r\nContent-Disposition: form-data; name=f; filename=\"%s\"\r\n\r\n" DJ_FMT
                "\r\n--B--\r\n",
                name, DJ_ARG(content));
    return post(c, "/save/", "multipart/form-data; boundary=B", body);
}

static const char *path_in(dj_case *c, dj_str name)
{
    return dj_cstr(c->scope, dj_strf(c->scope, DJ_FMT "/" DJ_FMT, DJ_ARG(folder), DJ_ARG(name)));
}

static void remove_folder(dj_case *c)
{
    assert_int_equal(rmdir(dj_cstr(c->scope, folder)), 0); /* empty: nothing was left behind */
}

static void make_folder(dj_case *c)
{
    char *name = dj_alloc(c->scope, DJ_TEST_PATH);
    assert_non_null(mkdtemp(dj_test_template(name, "test")));
    folder = dj_str_of(name);
    full = false;
}

DJ_TEST(a_file_is_saved_under_a_name_of_ours)
{
    struct stat st;
    char        text[8];
    make_folder(c);
    const dj_answer *a = send_file(c, "../../My photo;1.JPG", DJ_LIT("content"));
    assert_int_equal(a->status, 200);
    dj_expect_str(DJ_LIT("My_photo1.JPG"), a->body);
    const char *path = path_in(c, a->body);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_size, 7);
    FILE *file = fopen(path, "re");
    assert_int_equal(fread(text, 1, 8, file), 7);
    fclose(file);
    assert_memory_equal(text, "content", 7);
    /* Taken: another name, the old file untouched. */
    dj_str other = send_file(c, "My photo1.JPG", DJ_LIT("other"))->body;
    assert_int_equal(other.len, 13 + 8);
    assert_true(dj_str_starts(other, DJ_LIT("My_photo1_")) && dj_str_ends(other, DJ_LIT(".JPG")));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 7);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(path_in(c, other)), 0);
    remove_folder(c);
}

DJ_TEST(no_link_is_followed)
{
    struct stat st;
    make_folder(c);
    const char *target = path_in(c, DJ_LIT("outside")), *link = path_in(c, DJ_LIT("x.txt"));
    assert_int_equal(symlink(target, link), 0);
    const dj_answer *a = send_file(c, "x.txt", DJ_LIT("content"));
    assert_int_equal(a->status, 200);
    assert_int_equal(a->body.len, 5 + 8);
    assert_int_equal(stat(target, &st), -1);
    assert_int_equal(unlink(path_in(c, a->body)), 0);
    assert_int_equal(unlink(link), 0);
    remove_folder(c);
}

DJ_TEST(a_full_disk_gives_507_and_leaves_no_file)
{
    make_folder(c);
    signal(SIGXFSZ, SIG_IGN);
    full = true;
    char *content = dj_alloc(c->scope, 5000);
    memset(content, 'x', 5000);
    const dj_answer *a = send_file(c, "x.txt", dj_str_n(content, 5000));
    assert_int_equal(a->status, 507);
    remove_folder(c);
}

DJ_TEST(a_missing_folder_gives_500_and_a_useless_name_400)
{
    make_folder(c);
    dj_expect_str(DJ_LIT("no file"), send_file(c, "..", DJ_LIT("x"))->body);
    assert_int_equal(send_file(c, ";;", DJ_LIT("x"))->status, 400);
    remove_folder(c);
    assert_int_equal(send_file(c, "a", DJ_LIT("x"))->status, 500);
}

DJ_TEST(a_name_may_have_255_bytes_and_no_more)
{
    make_folder(c);
    char long_name[256 + 4] = "";
    memset(long_name, 'n', 250);
    memcpy(long_name + 250, ".jpg", 5);
    for (int i = 0; i < 2; i++) {
        dj_str name = send_file(c, long_name, DJ_LIT("x"))->body;
        assert_int_equal(name.len, 254 + i);
        assert_true(dj_str_ends(name, DJ_LIT(".jpg")));
        assert_int_equal(access(path_in(c, name), R_OK), 0);
        if (i == 1)
            assert_int_equal(unlink(path_in(c, name)), 0);
    }
    assert_int_equal(unlink(path_in(c, dj_str_of(long_name))), 0);
    remove_folder(c);
}

DJ_TEST(json_is_bounded)
{
    const dj_answer *a = post(c, "/json/", "application/json", DJ_LIT("{\"a\": \"x\"}"));
    assert_int_equal(a->status, 200);
    dj_expect_str(DJ_LIT("x"), a->body);
    assert_int_equal(post(c, "/json/", "application/json", DJ_LIT("{\"a\": "))->status, 400);
    assert_int_equal(post(c, "/json/", "application/json", DJ_LIT(""))->status, 400);
    char *deep = dj_alloc(c->scope, 1200);
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    assert_int_equal(post(c, "/json/", "application/json", dj_str_n(deep, 130))->status, 400);
    memset(deep, ' ', 1200);
    deep[0] = '1';
    assert_int_equal(post(c, "/json/", "application/json", dj_str_n(deep, 1000))->status, 200);
    assert_int_equal(post(c, "/json/", "application/json", dj_str_n(deep, 1001))->status, 400);
}

DJ_TESTS(DJ_T(a_file_is_saved_under_a_name_of_ours), DJ_T(no_link_is_followed),
         DJ_T(a_full_disk_gives_507_and_leaves_no_file),
         DJ_T(a_missing_folder_gives_500_and_a_useless_name_400),
         DJ_T(a_name_may_have_255_bytes_and_no_more), DJ_T(json_is_bounded))
