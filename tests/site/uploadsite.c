/* tests/site/uploadsite.c - a site that takes files: forms, and bodies by PUT. They are saved in
 * the folder "saved" below the current one; the answer is "NAME SIZE". */
#include "donjon/app.h"
#include "donjon/files.h"
#include "donjon/forms.h"
#include <unistd.h>

static dj_response *save(dj_req *req, const dj_upload *file)
{
    dj_str name;
    if (dj_upload_save(req, file, DJ_LIT("saved"), &name) != DJ_OK)
        return dj_raise_failure(req);
    return dj_text(req, dj_strf(dj_req_scope(req), DJ_FMT " %llu\n", DJ_ARG(name),
                                (unsigned long long)file->size));
}

static dj_response *form(dj_req *req)
{
    const dj_form *sent;
    if (dj_form_parse(req, &sent) != DJ_OK)
        return dj_raise_failure(req);
    const dj_upload *file = dj_file_get(sent, DJ_LIT("file"));
    return file == NULL ? dj_not_found(req) : save(req, file);
}

static dj_response *put(dj_req *req)
{
    return save(req, dj_req_body_upload(req, DJ_LIT("body.bin")));
}

/* Only looks: its length, and the bytes at both ends. */
static dj_response *look(dj_req *req)
{
    dj_str body = dj_req_body(req);
    dj_str end = dj_str_from(body, body.len < 8 ? 0 : body.len - 8);
    return dj_text(req, dj_strf(dj_req_scope(req), DJ_FMT " %zu " DJ_FMT "\n",
                                DJ_ARG(dj_str_first(body, 8)), body.len, DJ_ARG(end)));
}

/* What was saved, back to who asks. */
static dj_response *saved(dj_req *req)
{
    char here[4096];
    if (getcwd(here, sizeof here) == NULL)
        return dj_not_found(req);
    return dj_file_response(req, dj_strf(dj_req_scope(req), "%s/saved", here),
                            dj_path_str(req, "name"), NULL);
}

static const dj_route urls[] = {
    DJ_PATH("saved/<str:name>", saved, .methods = DJ_GET),
    DJ_PATH("form/", form, .methods = DJ_POST),
    DJ_PATH("put", put, .methods = DJ_PUT),
    DJ_PATH("look", look, .methods = DJ_PUT | DJ_POST),
};

int main(int argc, char **argv)
{
    return dj_manage(argc, argv, &(dj_app){.urls = DJ_ALL(urls)});
}
