/* tests/app/test_forms.c - bodies through a whole site: forms, JSON, files that are saved. */
#include "../test.h"
#include "app/app.h"
#include "donjon/forms.h"
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

static dj_response *post(dj_case *c, const char *path, const char *type, dj_str body)
{
    static dj_peer      peer = {.address = DJ_STR_INIT("127.0.0.1"),
                                .loopback = true,
                                .port = 80,
                                .server_name = DJ_STR_INIT("localhost")};
    static const dj_str hosts[] = {DJ_STR_INIT("localhost")};
    static const dj_app app = {.urls = DJ_ALL(urls)};
    dj_settings        *settings = dj_settings_default(c->scope);
    dj_site            *site;
    dj_head            *head = dj_new(c->scope, dj_head);
    settings->ALLOWED_HOSTS = (dj_str_list){hosts, 1};
    settings->MIDDLEWARE = (dj_str_list){NULL, 0};
    settings->DATA_UPLOAD_MAX_MEMORY_SIZE = 1000;
    settings->FILE_UPLOAD_PERMISSIONS = 0640;
    dj_expect_ok(dj_site_new(c->scope, &(dj_site_parts){.app = &app, .settings = settings}, &site));
    head->method = DJ_POST;
    head->method_name = DJ_LIT("POST");
    head->target = head->path = dj_str_of(path);
    head->query = DJ_LIT("");
    head->host = DJ_LIT("localhost");
    head->chunked = true; /* the body is what came, whatever was announced */
    head->fields[0] = (dj_field){
        .name = DJ_LIT("Content-Type"), .value = dj_str_of(type), .id = DJ_FIELD_CONTENT_TYPE};
    head->nfields = 1;
    head->seen = 1u << DJ_FIELD_CONTENT_TYPE;
    return dj_site_handle(dj_req_new(c->scope, head, &peer, body), site);
}

static dj_response *send_file(dj_case *c, const char *name, dj_str content)
{
    dj_str body =
        dj_strf(c->scope,
                "--B\r\nContent-Disposition: form-data; name=f; filename=\"%s\"\r\n\r\n" DJ_FMT
                "\r\n--B--\r\n",
                name, DJ_ARG(content));
    return post(c, "/save/", "multipart/form-data; boundary=B", body);
}

static dj_str body_of(const dj_response *resp)
{
    return resp->npieces == 0 ? DJ_LIT("") : resp->pieces[0];
}

static void silent(const dj_log_record *record, void *ctx)
{
    (void)record;
    (void)ctx;
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
    dj_log_capture(silent, NULL);
}

DJ_TEST(a_file_is_saved_under_a_name_of_ours)
{
    struct stat st;
    char        text[8];
    make_folder(c);
    dj_response *resp = send_file(c, "../../My photo;1.JPG", DJ_LIT("content"));
    assert_int_equal(dj_status(resp), 200);
    dj_expect_str(DJ_LIT("My_photo1.JPG"), body_of(resp));
    const char *path = path_in(c, body_of(resp));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_size, 7);
    FILE *file = fopen(path, "re");
    assert_int_equal(fread(text, 1, 8, file), 7);
    fclose(file);
    assert_memory_equal(text, "content", 7);
    /* Taken: another name, the old file untouched. */
    dj_str other = body_of(send_file(c, "My photo1.JPG", DJ_LIT("other")));
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
    dj_response *resp = send_file(c, "x.txt", DJ_LIT("content"));
    assert_int_equal(dj_status(resp), 200);
    assert_int_equal(body_of(resp).len, 5 + 8);
    assert_int_equal(stat(target, &st), -1);
    assert_int_equal(unlink(path_in(c, body_of(resp))), 0);
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
    dj_response *resp = send_file(c, "x.txt", dj_str_n(content, 5000));
    assert_int_equal(dj_status(resp), 507);
    remove_folder(c);
}

DJ_TEST(a_missing_folder_gives_500_and_a_useless_name_400)
{
    make_folder(c);
    dj_expect_str(DJ_LIT("no file"), body_of(send_file(c, "..", DJ_LIT("x"))));
    assert_int_equal(dj_status(send_file(c, ";;", DJ_LIT("x"))), 400);
    remove_folder(c);
    assert_int_equal(dj_status(send_file(c, "a", DJ_LIT("x"))), 500);
}

DJ_TEST(a_name_may_have_255_bytes_and_no_more)
{
    make_folder(c);
    char long_name[256 + 4] = "";
    memset(long_name, 'n', 250);
    memcpy(long_name + 250, ".jpg", 5);
    for (int i = 0; i < 2; i++) {
        dj_str name = body_of(send_file(c, long_name, DJ_LIT("x")));
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
    dj_log_capture(silent, NULL);
    dj_response *resp = post(c, "/json/", "application/json", DJ_LIT("{\"a\": \"x\"}"));
    assert_int_equal(dj_status(resp), 200);
    dj_expect_str(DJ_LIT("x"), body_of(resp));
    assert_int_equal(dj_status(post(c, "/json/", "application/json", DJ_LIT("{\"a\": "))), 400);
    assert_int_equal(dj_status(post(c, "/json/", "application/json", DJ_LIT(""))), 400);
    char *deep = dj_alloc(c->scope, 1200);
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    assert_int_equal(dj_status(post(c, "/json/", "application/json", dj_str_n(deep, 130))), 400);
    memset(deep, ' ', 1200);
    deep[0] = '1';
    assert_int_equal(dj_status(post(c, "/json/", "application/json", dj_str_n(deep, 1000))), 200);
    assert_int_equal(dj_status(post(c, "/json/", "application/json", dj_str_n(deep, 1001))), 400);
}

DJ_TESTS(DJ_T(a_file_is_saved_under_a_name_of_ours), DJ_T(no_link_is_followed),
         DJ_T(a_full_disk_gives_507_and_leaves_no_file),
         DJ_T(a_missing_folder_gives_500_and_a_useless_name_400),
         DJ_T(a_name_may_have_255_bytes_and_no_more), DJ_T(json_is_bounded))
