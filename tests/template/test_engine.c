/* tests/template/test_engine.c - what vectors don't show: limits, names, files that change,
 * failures and the way to them, partials, tags of the application. */
#include "template/template.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- templates in memory -- */

typedef struct memory {
    const char *name, *source;
} memory;

static bool find(void *ctx, dj_str name, dj_str *source)
{
    for (const memory *m = ctx; m->name != NULL; m++) {
        if (dj_str_eq(name, dj_str_of(m->name))) {
            *source = dj_str_of(m->source);
            return true;
        }
    }
    return false;
}

static bool each(void *ctx, size_t i, dj_str *name)
{
    *name = dj_str_of(((const memory *)ctx)[i].name);
    return !dj_str_is_none(*name);
}

static dj_engine *engine_with(dj_case *c, const memory *m, dj_engine_options options)
{
    dj_engine       *engine = NULL;
    dj_template_dir *dir = dj_new(c->scope, dj_template_dir);
    *dir = (dj_template_dir){.find = find, .each = each, .ctx = (void *)(uintptr_t)m};
    options.dirs = dir;
    options.ndirs = 1;
    options.autoescape = options.contextual = options.use_tz = true;
    dj_expect_ok(dj_engine_new(c->scope, &options, &engine));
    return engine;
}

static dj_err render(dj_case *c, dj_engine *engine, const char *name, const dj_var_item *items,
                     size_t nitems, dj_str *page, dj_template_error *error)
{
    const dj_template *t = NULL;
    dj_render_input    input = {.items = items, .nitems = nitems};
    dj_out             out = dj_out_make(c->scope, (uint64_t)1024 * 1024);
    dj_err             e = dj_engine_load(engine, c->scope, dj_str_of(name), &t, error);
    if (!e)
        e = dj_template_render(c->scope, t, &input, &out, error);
    *page = e ? DJ_NONE : dj_out_str(&out);
    return e;
}

static void expect_page(dj_case *c, const memory *m, dj_engine_options options,
                        const dj_var_item *items, size_t nitems, const char *want)
{
    dj_str            page;
    dj_template_error error;
    dj_err e = render(c, engine_with(c, m, options), "main", items, nitems, &page, &error);
    if (e)
        print_error(DJ_FMT "\n", DJ_ARG(error.message));
    dj_expect_ok(e);
    dj_expect_str(dj_str_of(want), page);
}

static dj_template_error expect_error(dj_case *c, const memory *m, dj_engine_options options,
                                      dj_err want)
{
    dj_str            page;
    dj_template_error error;
    dj_expect_err(want, render(c, engine_with(c, m, options), "main", NULL, 0, &page, &error));
    assert_int_equal(want, error.code);
    return error;
}

#define MEMORY(...)                                                                                \
    (const memory[])                                                                               \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

static char *repeated(dj_case *c, const char *what, size_t times, const char *behind)
{
    dj_buf b = dj_buf_make(c->scope, (size_t)16 * 1024 * 1024);
    for (size_t i = 0; i < times; i++)
        dj_buf_add(&b, dj_str_of(what));
    dj_buf_add(&b, dj_str_of(behind));
    return (char *)(uintptr_t)dj_cstr(c->scope, dj_buf_str(&b));
}

/* -- limits -- */

DJ_TEST(a_source_with_too_many_open_tags_is_refused)
{
    const char *deep = repeated(c, "{% if 1 %}", 100000, "");
    expect_error(c, MEMORY({"main", deep}), (dj_engine_options){0}, DJ_ERR_TEMPLATE_SYNTAX);
    const char *opened = repeated(c, "{% spaceless %}", 150, "x");
    const char *closed = repeated(c, "{% endspaceless %}", 150, "");
    const char *both = dj_cstr(c->scope, dj_strf(c->scope, "%s%s", opened, closed));
    expect_page(c, MEMORY({"main", both}), (dj_engine_options){0}, NULL, 0, "x");
}

DJ_TEST(a_condition_can_not_exhaust_the_stack)
{
    const char *nots = repeated(c, "not ", 150, "1 %}x{% endif %}");
    const char *if_nots = dj_cstr(c->scope, dj_strf(c->scope, "{%% if %s", nots));
    expect_error(c, MEMORY({"main", if_nots}), (dj_engine_options){0}, DJ_ERR_TEMPLATE_SYNTAX);
    const char *ands = repeated(c, "1 and ", 90, "1 %}x{% endif %}");
    const char *if_ands = dj_cstr(c->scope, dj_strf(c->scope, "{%% if %s", ands));
    expect_page(c, MEMORY({"main", if_ands}), (dj_engine_options){0}, NULL, 0, "x");
}

DJ_TEST(a_source_over_its_limit_is_refused)
{
    dj_engine_options options = {.limits = {.source = 10}};
    expect_error(c, MEMORY({"main", "0123456789x"}), options, DJ_ERR_TEMPLATE_SYNTAX);
    expect_page(c, MEMORY({"main", "0123456789"}), options, NULL, 0, "0123456789");
}

DJ_TEST(loops_end_at_their_limit)
{
    dj_engine_options options = {.limits = {.loops = 9}};
    const memory     *m = MEMORY({"main", "{% for a in '123' %}{% for b in '123' %}{% endfor %}"
                                              "{% endfor %}"});
    dj_template_error error = expect_error(c, m, options, DJ_ERR_TEMPLATE);
    assert_int_equal(1, error.line);
    options.limits.loops = 12;
    expect_page(c, m, options, NULL, 0, "");
}

DJ_TEST(a_page_over_its_limit_is_an_error)
{
    const dj_template *t = NULL;
    dj_template_error  error;
    dj_engine         *engine = engine_with(
                c, MEMORY({"main", "{% for a in '12' %}0123456789{% endfor %}"}), (dj_engine_options){0});
    dj_expect_ok(dj_engine_load(engine, c->scope, DJ_LIT("main"), &t, &error));
    dj_out small = dj_out_make(c->scope, 19), enough = dj_out_make(c->scope, 20);
    dj_expect_err(DJ_ERR_TEMPLATE, dj_template_render(c->scope, t, NULL, &small, &error));
    dj_expect_ok(dj_template_render(c->scope, t, NULL, &enough, &error));
    dj_expect_str(DJ_LIT("01234567890123456789"), dj_out_str(&enough));
}

DJ_TEST(templates_inside_each_other_end_at_the_limit)
{
    dj_engine_options options = {.limits = {.depth = 5}};
    expect_error(c, MEMORY({"main", "{% include 'main' %}"}), options, DJ_ERR_TEMPLATE);
    expect_error(c,
                 MEMORY({"main", "{% partialdef a %}{% partial a %}{% endpartialdef %}"
                                 "{% partial a %}"}),
                 options, DJ_ERR_TEMPLATE);
    expect_error(c,
                 MEMORY({"main", "{% include 'a' %}"}, {"a", "{% extends 'b' %}"},
                        {"b", "{% include 'main' %}"}),
                 options, DJ_ERR_TEMPLATE);
    /* One behind the other is no depth. */
    expect_page(
        c, MEMORY({"main", "{% for a in '0123456789' %}{% include 'x' %}{% endfor %}"}, {"x", "x"}),
        options, NULL, 0, "xxxxxxxxxx");
}

DJ_TEST(block_super_inside_expressions_ends_at_a_limit)
{
    enum { LEVELS = 30 };
    memory *m = dj_new_array(c->scope, memory, LEVELS + 1);
    for (size_t i = 0; i < LEVELS; i++) {
        m[i].name = i == 0 ? "main" : dj_cstr(c->scope, dj_strf(c->scope, "t%zu", i));
        m[i].source = i + 1 == LEVELS
                          ? "{% block b %}x{% endblock %}"
                          : dj_cstr(c->scope, dj_strf(c->scope,
                                                      "{%% extends 't%zu' %%}{%% block b %%}"
                                                      "{{ block.super|upper }}{%% endblock %%}",
                                                      i + 1));
    }
    expect_error(c, m, (dj_engine_options){0}, DJ_ERR_TEMPLATE);
    for (size_t i = 0; i + 1 < LEVELS; i++)
        m[i].source = dj_cstr(c->scope, dj_strf(c->scope,
                                                "{%% extends 't%zu' %%}{%% block b %%}"
                                                "({{ block.super }}){%% endblock %%}",
                                                i + 1));
    dj_str            page;
    dj_template_error error;
    dj_expect_ok(
        render(c, engine_with(c, m, (dj_engine_options){0}), "main", NULL, 0, &page, &error));
    assert_int_equal(2 * (LEVELS - 1) + 1, page.len);
}

/* -- failures -- */

DJ_TEST(a_failure_names_its_place_and_the_way_there)
{
    dj_template_error error =
        expect_error(c,
                     MEMORY({"main", "\n\n{% include 'a' %}"}, {"a", "x\n{% include 'b' %}"},
                            {"b", "1\n2\n3\n  {{ v|add:nope }}"}),
                     (dj_engine_options){0}, DJ_ERR_VARIABLE_MISSING);
    dj_expect_str(DJ_LIT("b"), error.template);
    assert_int_equal(4, error.line);
    assert_int_equal(3, error.column);
    assert_int_equal(2, error.nsteps);
    dj_expect_str(DJ_LIT("a"), error.steps[0].template);
    assert_int_equal(2, error.steps[0].line);
    dj_expect_str(DJ_LIT("main"), error.steps[1].template);
    assert_int_equal(3, error.steps[1].line);
}

DJ_TEST(bytes_that_are_not_utf8_are_refused_with_their_place)
{
    dj_template_error error = expect_error(c, MEMORY({"main", "ok\nab\xFFz"}),
                                           (dj_engine_options){0}, DJ_ERR_TEMPLATE_SYNTAX);
    assert_int_equal(2, error.line);
    assert_int_equal(3, error.column);
}

DJ_TEST(values_that_are_not_utf8_are_repaired)
{
    dj_var_item items[] = {{DJ_LIT("v"), dj_var_str(DJ_LIT("a\xC3<\xFF"))}};
    expect_page(c, MEMORY({"main", "{{ v }}"}), (dj_engine_options){0}, items, 1,
                "a\xEF\xBF\xBD&lt;\xEF\xBF\xBD");
}

/* -- lazy values -- */

typedef struct counter {
    int    calls;
    dj_err result;
} counter;

static dj_err count_calls(dj_scope *s, void *ctx, dj_var *out)
{
    counter *n = ctx;
    *out = dj_var_int(++n->calls);
    return n->result ? dj_fail(s, n->result, "no") : DJ_OK;
}

DJ_TEST(a_lazy_value_is_made_once_and_only_if_needed)
{
    counter     n = {0};
    dj_var_lazy lazy = {count_calls, &n};
    dj_var_item items[] = {{DJ_LIT("v"), {.kind = DJ_VAR_LAZY, .lazy = &lazy}}};
    expect_page(c, MEMORY({"main", "{% if 0 %}{{ v }}{% endif %}"}), (dj_engine_options){0}, items,
                1, "");
    assert_int_equal(0, n.calls);
    expect_page(c, MEMORY({"main", "{{ v }}{{ v|add:1 }}{% if v == 1 %}y{% endif %}"}),
                (dj_engine_options){0}, items, 1, "12y");
    assert_int_equal(1, n.calls);
    n.result = DJ_ERR_IO;
    dj_str            page;
    dj_template_error error;
    dj_expect_err(DJ_ERR_IO,
                  render(c, engine_with(c, MEMORY({"main", "{{ v }}"}), (dj_engine_options){0}),
                         "main", items, 1, &page, &error));
}

/* -- partials -- */

DJ_TEST(partials_are_named_fragments)
{
    const memory *m =
        MEMORY({"main", "{% partial row %}{% partialdef row %}<b>{{ v }}</b>"
                        "{% endpartialdef row %}{% with v='2' %}{% partial row %}"
                        "{% endwith %}{% partialdef in inline %}i{% endpartialdef %}"});
    dj_var_item       items[] = {{DJ_LIT("v"), dj_var_str(DJ_LIT("<1>"))}};
    dj_engine        *engine = engine_with(c, m, (dj_engine_options){0});
    dj_str            page;
    dj_template_error error;
    dj_expect_ok(render(c, engine, "main", items, 1, &page, &error));
    dj_expect_str(DJ_LIT("<b>&lt;1&gt;</b><b>2</b>i"), page);
    dj_expect_ok(render(c, engine, "main#row", items, 1, &page, &error));
    dj_expect_str(DJ_LIT("<b>&lt;1&gt;</b>"), page);
    dj_expect_err(DJ_ERR_TEMPLATE_MISSING, render(c, engine, "main#none", items, 1, &page, &error));
    dj_template_error undefined = expect_error(c, MEMORY({"main", "{% partial x %}"}),
                                               (dj_engine_options){0}, DJ_ERR_TEMPLATE_SYNTAX);
    dj_expect_str(DJ_LIT("Partial 'x' is not defined in the current template."), undefined.message);
    expect_error(c,
                 MEMORY({"main", "{% partialdef a %}{% endpartialdef %}{% partialdef a %}"
                                 "{% endpartialdef %}"}),
                 (dj_engine_options){0}, DJ_ERR_TEMPLATE_SYNTAX);
}

/* -- what the application brings -- */

static dj_err shout(dj_run *run, const dj_var *in, const dj_var *arg, dj_var *out)
{
    (void)arg;
    *out = dj_var_str(dj_str_cat(dj_run_scope(run), in->text, DJ_LIT("!<")));
    return DJ_OK;
}

static dj_err link_to(dj_run *run, const dj_tag_call *call, dj_var *out)
{
    (void)run;
    *out = call->nargs > 0 ? call->args[0] : dj_var_str(DJ_LIT("?"));
    if (call->nkwargs == 1)
        *out = call->kwargs[0].value;
    return DJ_OK;
}

static dj_err box(dj_run *run, const dj_tag_call *call, dj_var *out)
{
    *out = dj_var_html((dj_html){dj_str_cat(dj_run_scope(run), DJ_LIT("<i>"), call->body.safe)});
    return DJ_OK;
}

static dj_err menu(dj_run *run, const dj_tag_call *call, dj_var *out)
{
    dj_var_item *items = dj_new_array(dj_run_scope(run), dj_var_item, 1);
    items[0] = (dj_var_item){DJ_LIT("title"), call->args[0]};
    *out = dj_var_of_map(items, 1);
    return DJ_OK;
}

static dj_err fails(dj_run *run, const dj_tag_call *call, dj_var *out)
{
    (void)call;
    (void)out;
    return dj_fail(dj_run_scope(run), DJ_ERR_TEMPLATE, "as it should");
}

static const dj_filter  site_filters[] = {{"shout", shout, DJ_FILTER_STRING}};
static const dj_own_tag site_tags[] = {{.name = "link_to", .call = link_to},
                                       {.name = "box", .call = box, .end = "endbox"},
                                       {.name = "menu", .call = menu, .includes = "menu.html"},
                                       {.name = "fails", .call = fails}};
static const dj_library site = {"site", site_filters, 1, site_tags, 4};

DJ_TEST(libraries_of_the_application_are_loaded_by_name)
{
    static const dj_library *const libraries[] = {&site};
    dj_engine_options              options = {.libraries = libraries, .nlibraries = 1};
    dj_var_item                    items[] = {{DJ_LIT("v"), dj_var_str(DJ_LIT("<v>"))},
                                              {DJ_LIT("csrf_token"), dj_var_str(DJ_LIT("tok"))}};
    expect_page(c,
                MEMORY({"main", "{% load site %}{{ 'a'|shout }}|{% link_to v %}|"
                                "{% link_to x=v as y %}{{ y }}|{% box %}{{ v }}{% endbox %}"}),
                options, items, 2, "a!&lt;|&lt;v&gt;|&lt;v&gt;|<i>&lt;v&gt;");
    expect_page(c,
                MEMORY({"main", "{% load menu from site %}{% menu v %}{{ title }}"},
                       {"menu.html", "[{{ title }}{{ v }}{{ csrf_token }}]"}),
                options, items, 2, "[&lt;v&gt;tok]");
    expect_error(c, MEMORY({"main", "{% load menu from site %}{% box %}{% endbox %}"}), options,
                 DJ_ERR_TEMPLATE_SYNTAX);
    dj_template_error error =
        expect_error(c, MEMORY({"main", "{% load site %}\n{% fails %}"}), options, DJ_ERR_TEMPLATE);
    assert_int_equal(2, error.line);
    dj_expect_str(DJ_LIT("as it should"), error.message);
    static const dj_library *const twice[] = {&site, &site};
    dj_engine                     *engine = NULL;
    options.libraries = twice;
    options.nlibraries = 2;
    dj_expect_err(DJ_ERR_SETTINGS, dj_engine_new(c->scope, &options, &engine));
}

/* -- output -- */

DJ_TEST(long_static_text_is_borrowed)
{
    const char        *text = repeated(c, "0123456789abcdef", 1000, "");
    const dj_template *t = NULL;
    dj_template_error  error;
    dj_engine         *engine = engine_with(
                c, MEMORY({"main", dj_cstr(c->scope, dj_strf(c->scope, "a{{ 1 }}%s{{ 2 }}b", text))}),
                (dj_engine_options){0});
    dj_out out = dj_out_make(c->scope, (uint64_t)1024 * 1024);
    dj_expect_ok(dj_engine_load(engine, c->scope, DJ_LIT("main"), &t, &error));
    dj_expect_ok(dj_template_render(c->scope, t, NULL, &out, &error));
    size_t        npieces = 0;
    const dj_str *pieces = dj_out_pieces(&out, &npieces);
    assert_int_equal(3, npieces);
    dj_expect_str(DJ_LIT("a1"), pieces[0]);
    dj_expect_str(dj_str_of(text), pieces[1]);
    dj_expect_str(DJ_LIT("2b"), pieces[2]);
    assert_int_equal(16004, dj_out_str(&out).len);
}

/* -- files -- */

static const char *folder(dj_case *c)
{
    char *path = (char *)(uintptr_t)dj_cstr(c->scope, DJ_LIT("/tmp/donjon-test-XXXXXX"));
    assert_non_null(mkdtemp(path));
    return path;
}

static void write_file(dj_case *c, const char *dir, const char *name, const char *text)
{
    FILE *f = fopen(dj_cstr(c->scope, dj_strf(c->scope, "%s/%s", dir, name)), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(0, fclose(f));
}

static void remove_files(dj_case *c, const char *dir, const char *const *names)
{
    for (; *names != NULL; names++)
        unlink(dj_cstr(c->scope, dj_strf(c->scope, "%s/%s", dir, *names)));
    rmdir(dir);
}

static dj_engine *engine_of_folder(dj_case *c, const char *dir, bool reload)
{
    dj_engine        *engine = NULL;
    dj_template_dir  *d = dj_new(c->scope, dj_template_dir);
    dj_engine_options options = {
        .dirs = d, .ndirs = 1, .autoescape = true, .contextual = true, .reload = reload};
    d->path = dj_str_of(dir);
    dj_expect_ok(dj_engine_new(c->scope, &options, &engine));
    return engine;
}

DJ_TEST(a_changed_file_is_compiled_anew_only_with_reload)
{
    const char *dir = folder(c);
    for (int reload = 0; reload < 2; reload++) {
        dj_str            page;
        dj_template_error error;
        write_file(c, dir, "main", "first");
        dj_engine *engine = engine_of_folder(c, dir, reload == 1);
        dj_expect_ok(render(c, engine, "main", NULL, 0, &page, &error));
        dj_expect_str(DJ_LIT("first"), page);
        /* An older rendering keeps its template and the text that it borrowed. */
        const dj_template *old = NULL;
        dj_expect_ok(dj_engine_load(engine, c->scope, DJ_LIT("main"), &old, &error));
        write_file(c, dir, "main", "the second one");
        dj_str next;
        dj_expect_ok(render(c, engine, "main", NULL, 0, &next, &error));
        dj_expect_str(reload == 1 ? DJ_LIT("the second one") : DJ_LIT("first"), next);
        dj_out out = dj_out_make(c->scope, 100);
        dj_expect_ok(dj_template_render(c->scope, old, NULL, &out, &error));
        dj_expect_str(DJ_LIT("first"), dj_out_str(&out));
    }
    remove_files(c, dir, (const char *const[]){"main", NULL});
}

DJ_TEST(names_do_not_leave_the_folder)
{
    const char              *dir = folder(c);
    dj_engine               *engine = engine_of_folder(c, dir, false);
    static const char *const names[] = {"../main", "/etc/passwd", "a/../../etc/passwd",
                                        "",        ".",           "..",
                                        "main/",   "./../main",   "//main"};
    write_file(c, dir, "main", "x");
    for (size_t i = 0; i < DJ_COUNT(names); i++) {
        const dj_template *t = NULL;
        dj_template_error  error;
        dj_err             e = dj_engine_load(engine, c->scope, dj_str_of(names[i]), &t, &error);
        if (strcmp(names[i], "main/") != 0)
            dj_expect_err(DJ_ERR_TEMPLATE_MISSING, e);
    }
    const dj_template *t = NULL;
    dj_template_error  error;
    dj_expect_err(DJ_ERR_TEMPLATE_MISSING,
                  dj_engine_load(engine, c->scope, dj_str_n("main\0x", 6), &t, &error));
    dj_expect_ok(dj_engine_load(engine, c->scope, DJ_LIT("x/../main"), &t, &error));
    remove_files(c, dir, (const char *const[]){"main", NULL});
}

static dj_err note(void *ctx, dj_str name, const dj_template *t, const dj_template_error *error)
{
    dj_buf *b = ctx;
    dj_buf_addf(b, DJ_FMT "=%s,", DJ_ARG(name),
                t != NULL                               ? "ok"
                : error->code == DJ_ERR_TEMPLATE_SYNTAX ? "broken"
                                                        : "?");
    return DJ_OK;
}

DJ_TEST(all_templates_are_compiled_in_one_go)
{
    const char *dir = folder(c);
    dj_buf      b = dj_buf_make(c->scope, 1000);
    write_file(c, dir, "b.html", "{% if %}");
    write_file(c, dir, "a.html", "x");
    write_file(c, dir, ".hidden", "{%%}");
    dj_expect_ok(dj_engine_each(engine_of_folder(c, dir, false), c->scope, note, &b));
    dj_expect_str(DJ_LIT("a.html=ok,b.html=broken,"), dj_buf_str(&b));
    remove_files(c, dir, (const char *const[]){"a.html", "b.html", ".hidden", NULL});
    b = dj_buf_make(c->scope, 1000);
    dj_expect_ok(
        dj_engine_each(engine_with(c, MEMORY({"m", "x"}, {"n", "{{ }}"}), (dj_engine_options){0}),
                       c->scope, note, &b));
    dj_expect_str(DJ_LIT("m=ok,n=broken,"), dj_buf_str(&b));
}

/* -- walks -- */

static bool add_step(void *ctx, const dj_walk_step *step)
{
    static const char *const kinds[] = {"text", "value", "fork", "nothing", "(",  ")",
                                        "(*",   "*)",    "join", "tag",     "end"};
    dj_buf_addf(ctx, "%s ", kinds[step->kind]);
    return true;
}

DJ_TEST(a_walk_tells_forks_and_loops)
{
    const dj_template *t = NULL;
    dj_template_error  error;
    dj_buf             b = dj_buf_make(c->scope, 1000);
    dj_engine         *engine =
        engine_with(c,
                    MEMORY({"main", "a{% if x %}{{ y }}{% elif z %}b{% endif %}"
                                    "{% for i in l %}c{% empty %}d{% endfor %}{% csrf_token %}"}),
                    (dj_engine_options){0});
    dj_expect_ok(dj_engine_load(engine, c->scope, DJ_LIT("main"), &t, &error));
    dj_template_walk(t, add_step, &b);
    dj_expect_str(DJ_LIT("text fork nothing ( value ) ( text ) join "
                         "fork (* text *) ( text ) join tag end "),
                  dj_buf_str(&b));
}

DJ_TESTS(DJ_T(a_source_with_too_many_open_tags_is_refused),
         DJ_T(a_condition_can_not_exhaust_the_stack), DJ_T(a_source_over_its_limit_is_refused),
         DJ_T(loops_end_at_their_limit), DJ_T(a_page_over_its_limit_is_an_error),
         DJ_T(templates_inside_each_other_end_at_the_limit),
         DJ_T(block_super_inside_expressions_ends_at_a_limit),
         DJ_T(a_failure_names_its_place_and_the_way_there),
         DJ_T(bytes_that_are_not_utf8_are_refused_with_their_place),
         DJ_T(values_that_are_not_utf8_are_repaired),
         DJ_T(a_lazy_value_is_made_once_and_only_if_needed), DJ_T(partials_are_named_fragments),
         DJ_T(libraries_of_the_application_are_loaded_by_name), DJ_T(long_static_text_is_borrowed),
         DJ_T(a_changed_file_is_compiled_anew_only_with_reload),
         DJ_T(names_do_not_leave_the_folder), DJ_T(all_templates_are_compiled_in_one_go),
         DJ_T(a_walk_tells_forks_and_loops))
