/* fuzz/fuzz_template.c - any bytes as a template, compiled and rendered with a fixed context: a
 * page or an error with a place, within the limits. A byte 0 begins the template that "inc" and
 * "base" name, so that inclusion and inheritance are tried, too. */
#include "template/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool find(void *ctx, dj_str name, dj_str *source)
{
    const dj_str *parts = ctx;
    if (dj_str_eq(name, DJ_LIT("main")))
        *source = parts[0];
    else if (dj_str_eq(name, DJ_LIT("inc")) || dj_str_eq(name, DJ_LIT("base")))
        *source = parts[1];
    else
        return false;
    return true;
}

static dj_err any_url(void *ctx, dj_run *run, dj_str name, const dj_var *args, size_t nargs,
                      const dj_str *names, dj_str *url)
{
    (void)ctx;
    (void)args;
    (void)nargs;
    (void)names;
    if (!dj_str_eq(name, DJ_LIT("home")))
        return dj_fail(dj_run_scope(run), DJ_ERR_NO_REVERSE, "none");
    *url = DJ_LIT("/?a=1&b=2");
    return DJ_OK;
}

static bool ignore_step(void *ctx, const dj_walk_step *step)
{
    (void)ctx;
    return step->kind <= DJ_WALK_TAG_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const dj_moment day = {.year = 2024, .month = 2, .day = 29, .hour = 13, .aware = true};
    static const dj_str    values[] = {DJ_STR_INIT("1"), DJ_STR_INIT("<2>")};
    static struct dj_multi_item pairs[] = {{DJ_STR_INIT("a"), values, 2}};
    static dj_var_multi         get = {pairs, 1};
    const char *text = (const char *)data, *zero = size == 0 ? NULL : memchr(text, '\0', size);
    dj_scope   *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s == NULL)
        return 0;
    dj_str parts[2] = {dj_str_n(text, zero == NULL ? size : (size_t)(zero - text)), DJ_LIT("x")};
    if (zero != NULL)
        parts[1] = dj_str_n(zero + 1, size - parts[0].len - 1);
    dj_var      list[] = {dj_var_int(-1), dj_var_str(DJ_LIT("<b> \"&'")), dj_var_none(),
                          dj_var_float(2.5)};
    dj_var_item map[] = {{DJ_LIT("k"), dj_var_of_list(list, 4)}, {DJ_LIT("b"), dj_var_bool(true)}};
    dj_var_item items[] = {{DJ_LIT("s"), dj_var_str(DJ_LIT("<script>\xC3\xA9\n</a>"))},
                           {DJ_LIT("h"), dj_var_html(DJ_HTML("<i>&amp;</i>"))},
                           {DJ_LIT("n"), dj_var_int(7)},
                           {DJ_LIT("l"), dj_var_of_list(list, 4)},
                           {DJ_LIT("m"), dj_var_of_map(map, 2)},
                           {DJ_LIT("d"), {.kind = DJ_VAR_DATETIME, .moment = &day}},
                           {DJ_LIT("bad"), dj_var_str(DJ_LIT("\xFF\xC3"))}};
    dj_template_dir    dir = {.find = find, .ctx = parts};
    dj_engine_options  options = {.dirs = &dir,
                                  .ndirs = 1,
                                  .autoescape = true,
                                  .contextual = true,
                                  .use_tz = true,
                                  .debug = true,
                                  .static_url = DJ_LIT("/static/"),
                                  .media_url = DJ_LIT("/media/"),
                                  .limits = {.depth = 6, .loops = 300, .output = 100000},
                                  .hooks = {.reverse = any_url}};
    dj_render_input    input = {.items = items, .nitems = DJ_COUNT(items), .get = &get};
    dj_engine         *engine = NULL;
    const dj_template *t = NULL;
    dj_template_error  error;
    dj_out             out = dj_out_make(s, 100000);
    DJ_ASSERT(dj_engine_new(s, &options, &engine) == DJ_OK);
    dj_err e = dj_engine_load(engine, s, DJ_LIT("main"), &t, &error);
    if (!e) {
        dj_findings findings = {0};
        dj_template_walk(t, ignore_step, NULL);
        dj_template_check(engine, s, DJ_LIT("main"), &findings);
        e = dj_template_render(s, t, &input, &out, &error);
    }
    if (e)
        DJ_ASSERT(error.code == e && error.line > 0 && error.message.len > 0);
    else
        DJ_ASSERT(dj_utf8_valid(dj_out_str(&out)));
    dj_scope_close(s);
    return 0;
}
