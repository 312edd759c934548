/* examples/upload.c - a form with a file: what comes is checked, kept under a name of ours, and never served as a page. */
#include <donjon/donjon.h>

static dj_response *upload(dj_req *req)
{
    const dj_form *form;
    dj_str         name;
    if (dj_form_parse(req, &form) != DJ_OK)
        return dj_raise_failure(req);
    const dj_upload *file = dj_file_get(form, DJ_LIT("photo"));
    if (file == NULL)
        return dj_page(req, DJ_HTML("<!doctype html><title>Upload</title>"
                                    "<form method=post enctype=multipart/form-data>"
                                    "<input type=file name=photo><button>Send</button></form>"));
    if (dj_upload_save(req, file, DJ_LIT("uploads"), &name) != DJ_OK)
        return dj_raise_failure(req);
    dj_response *page = dj_page(req, DJ_HTML("<!doctype html><title>Upload</title><p>Kept as "));
    dj_page_add(page, dj_html_escape(dj_req_scope(req), name));
    return page;
}

static const dj_route urls[] = {
    DJ_PATH("", upload, .name = "upload", .methods = DJ_GET | DJ_POST),
};

int main(int argc, char **argv)
{
    return dj_manage(argc, argv, &(dj_app){.urls = DJ_ALL(urls), .settings = "upload.py"});
}
