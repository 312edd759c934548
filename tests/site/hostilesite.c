/* tests/site/hostilesite.c - a site with one page, which puts hostile strings into every context of
 * hostile.html. test_browser.py opens it in a browser; DONJON_HOSTILE names the folder of the page
 * and of the strings. */
#include "donjon/app.h"
#include "donjon/json.h"
#include "template/template.h"
#include <stdio.h>
#include <stdlib.h>

static dj_engine  *engine;
static dj_var_list strings;

/* Templates and strings come from here. */
static dj_str folder(void)
{
    return dj_str_of(getenv("DONJON_HOSTILE"));
}

static dj_response *page(dj_req *req, bool inline_too)
{
    dj_scope          *s = dj_req_scope(req);
    const dj_template *t = NULL;
    dj_template_error  error;
    dj_var_item        items[] = {
               {DJ_LIT("strings"), {.kind = DJ_VAR_LIST, .list = strings}},
               {DJ_LIT("inline"), dj_var_bool(inline_too)},
               {DJ_LIT("csp_nonce"), dj_var_str(dj_csp_nonce(req))},
    };
    dj_render_input input = {.items = items, .nitems = DJ_COUNT(items)};
    dj_out          out = dj_out_make(s, 32 * 1024 * 1024);
    if (dj_engine_load(engine, s, DJ_LIT("hostile.html"), &t, &error) != DJ_OK ||
        dj_template_render(s, t, &input, &out, &error) != DJ_OK)
        return dj_text(req, dj_str_cat(s, DJ_LIT("failed: "), error.message));
    return dj_page(req, dj_html_trust(dj_out_str(&out), DJ_LIT("the engine made it")));
}

static dj_response *strict(dj_req *req)
{
    return page(req, false);
}

static dj_response *with_inline(dj_req *req)
{
    return page(req, true);
}

static void read_strings(dj_scope *s)
{
    static char          text[256 * 1024];
    const dj_json_value *json = NULL;
    const dj_json_limits limits = {sizeof text, 10, 10000};
    FILE *f = fopen(dj_cstr(s, dj_str_cat(s, folder(), DJ_LIT("/hostile_strings.json"))), "re");
    DJ_ASSERT(f != NULL);
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    DJ_ASSERT(dj_json_parse(s, dj_str_n(text, len), &limits, &json) == DJ_OK);
    dj_var *items = dj_new_array(s, dj_var, json->array.len);
    for (size_t i = 0; i < json->array.len; i++)
        items[i] = dj_var_str(json->array.items[i].text);
    strings = (dj_var_list){items, json->array.len};
}

static const dj_route urls[] = {
    DJ_PATH("strict/", strict, .name = "strict", .methods = DJ_GET),
    DJ_PATH("inline/", with_inline, .name = "inline", .methods = DJ_GET),
};

int main(int argc, char **argv)
{
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    DJ_ASSERT(s != NULL);
    if (getenv("DONJON_HOSTILE") != NULL) {
        dj_template_dir  *dir = dj_new(s, dj_template_dir);
        dj_engine_options options = {
            .dirs = dir, .ndirs = 1, .autoescape = true, .contextual = true};
        dir->path = folder();
        DJ_ASSERT(dj_engine_new(s, &options, &engine) == DJ_OK);
        read_strings(s);
    }
    return dj_manage(argc, argv, &(dj_app){.urls = DJ_ALL(urls)});
}
