/* tests/app/test_render.c - pages from templates: contexts, processors, pages of errors, bounds. */
#include "test.h"
#include "donjon/render.h"
#include "donjon/routes.h"
#include "donjon/test.h"

/* -- a site with its templates inside -- */

typedef struct author {
    dj_str name;
} author;
DJ_ATTRS(author, DJ_ATTR(author, name));

typedef struct book {
    dj_str        title;
    int64_t       published;
    const author *by;
} book;
DJ_ATTRS(book, DJ_ATTR(book, title), DJ_ATTR_TIME(book, published),
         DJ_ATTR_OBJECT(book, by, author));

typedef struct shelf_ctx {
    const book        *books;
    size_t             nbooks;
    bool               open;
    int                floor;
    double             width;
    const char        *room;
    dj_html            sign;
    dj_var             extra;
    const dj_var_lazy *later;
} shelf_ctx;
DJ_ATTRS(shelf_ctx, DJ_ATTR_ARRAY(shelf_ctx, books, nbooks, book), DJ_ATTR(shelf_ctx, open),
         DJ_ATTR(shelf_ctx, floor), DJ_ATTR(shelf_ctx, width), DJ_ATTR(shelf_ctx, room),
         DJ_ATTR(shelf_ctx, sign), DJ_ATTR(shelf_ctx, extra), DJ_ATTR(shelf_ctx, later));

static const author ada = {DJ_STR_INIT("Ada <b>")};
static const book   books[] = {
      {DJ_STR_INIT("Tea & time"), 1767225600, &ada},
      {DJ_STR_INIT("\"Quoted\""), 0, NULL},
};

static int    made;
static dj_err make_later(dj_scope *s, void *ctx, dj_var *out)
{
    made++;
    *out = dj_var_str(dj_strf(s, "made for %s", (const char *)ctx));
    return DJ_OK;
}
static const dj_var_lazy later = {make_later, (void *)(uintptr_t) "you"};

static dj_response *shelf(dj_req *req)
{
    const dj_var_item map[] = {{DJ_LIT("k"), dj_var_int(7)}};
    return dj_render(req, "shelf.html",
                     DJ_CTX(shelf_ctx, .books = books, .nbooks = DJ_COUNT(books), .open = true,
                            .floor = -3, .width = 1.5, .room = NULL, .sign = DJ_HTML("<i>!</i>"),
                            .extra = dj_var_of_map(map, 1), .later = &later));
}

/* Objects of several types take turns under one name: what was remembered of one is not the
 * other's. */
static dj_response *mixed(dj_req *req)
{
    const dj_var all[] = {
        dj_var_object(&books[0], book),
        dj_var_object(&ada, author),
        dj_var_object(&books[1], book),
        dj_var_object(&ada, author),
        dj_var_int(5),
        dj_var_object(&books[0], book),
    };
    return dj_render(req, "mixed.html",
                     DJ_CTX(shelf_ctx, .extra = dj_var_of_list(all, DJ_COUNT(all))));
}

static dj_response *named(dj_req *req)
{
    return dj_render(req, dj_cstr(dj_req_scope(req), dj_path_str(req, "name")), DJ_NO_CTX);
}

typedef struct word_ctx {
    dj_str word;
} word_ctx;
DJ_ATTRS(word_ctx, DJ_ATTR(word_ctx, word));

static dj_response *deferred(dj_req *req)
{
    return dj_render_later(req, "word.html", DJ_CTX(word_ctx, .word = DJ_LIT("<first>")));
}

static dj_response *fragment(dj_req *req)
{
    dj_html html;
    if (dj_render_html(req, "word.html", DJ_CTX(word_ctx, .word = DJ_LIT("<f>")), &html) != DJ_OK)
        return dj_raise_failure(req);
    dj_response *resp = dj_page(req, DJ_HTML("["));
    dj_page_add(resp, html);
    dj_page_add(resp, DJ_HTML("]"));
    return resp;
}

static dj_response *boom(dj_req *req)
{
    return dj_raise(req, DJ_ERR_INTERNAL, "a secret sentence");
}

static dj_response *denied(dj_req *req)
{
    return dj_denied(req);
}

/* A layer that adds to every context, and a processor of the program. */
static dj_response *around(dj_req *req, dj_next *next)
{
    dj_context_set(req, "from_layer", dj_var_str(DJ_LIT("old")));
    dj_context_set(req, "from_layer", dj_var_str(DJ_LIT("layer")));
    return dj_call(next, req);
}
static dj_response *on_template(dj_req *req, dj_response *resp, void *state)
{
    dj_context_set(req, "hooked", dj_var_bool(true));
    return resp;
}
static const dj_middleware layer = {
    .name = "tests.Layer", .around = around, .on_template = on_template};
static const dj_middleware *const layers[] = {&layer};

static void run_processor(dj_req *req)
{
    dj_context_set(req, "from_program", dj_var_int(42));
}
static const dj_context_processor processors[] = {{"tests.processor", run_processor}};

/* A filter and tags of the program. */
static dj_err twice(dj_run *run, const dj_var *in, const dj_var *arg, dj_var *out)
{
    dj_str text;
    dj_err e = dj_var_text(run, in, &text);
    if (!e)
        *out = dj_var_str(dj_str_cat(dj_run_scope(run), text, text));
    return e;
}
static dj_err strong(dj_run *run, const dj_tag_call *call, dj_var *out)
{
    dj_buf b = dj_buf_make(dj_run_scope(run), 4096);
    dj_buf_add_html(&b, DJ_HTML("<strong>"));
    dj_buf_add_html(&b, call->body);
    dj_buf_add_html(&b, DJ_HTML("</strong>"));
    *out = dj_var_html(dj_html_trust(dj_buf_str(&b), DJ_LIT("literals around escaped text")));
    return DJ_OK;
}
static const dj_filter  own_filters[] = {{"twice", twice, 0}};
static const dj_own_tag own_tags[] = {{.name = "strong", .call = strong, .end = "endstrong"}};
static const dj_library own = {"own", own_filters, 1, own_tags, 1};
static const dj_library *const libraries[] = {&own};

#define TEMPLATE(name, text)                                                                       \
    {                                                                                              \
        name, text, sizeof text - 1                                                                \
    }
static const dj_embedded items[] = {
    /* sorted by name */
    TEMPLATE("403.html", "403 {{ exception }}"),
    TEMPLATE("404.html", "404 {{ request_path }} {{ request.path }}"),
    TEMPLATE("500.html", "500 [{{ request.path }}{{ from_layer }}]"),
    TEMPLATE("attr.html", "<p title={{ request.GET.t }}>"),
    TEMPLATE("deep.html", "x{% include 'deep.html' %}"),
    TEMPLATE("fails.html", "a\nb {{ 1|divisibleby:0 }} c"),
    TEMPLATE("long.html", "{% for a in request.GET.t %}0123456789012345678901234567890123456789"
                          "{% endfor %}"),
    TEMPLATE("loops.html", "{% for a in request.GET.t %}{% for b in request.GET.t %}{% endfor %}"
                           "{% endfor %}done"),
    TEMPLATE("mixed.html", "{% for a in extra %}{{ a.title }}/{{ a.name }};{% endfor %}"),
    TEMPLATE("nonce.html", "<script nonce=\"{{ csp_nonce }}\">1</script>"),
    TEMPLATE("notes.txt", "{{ request.GET.t }}"),
    TEMPLATE("own.html", "{% load own %}{{ '<'|twice }}{{ request.GET.t|twice }}"
                         "{% strong %}{{ request.GET.t }}{% endstrong %}"),
    TEMPLATE("processors.html",
             "{{ from_layer }} {{ from_program }} {{ request.method }} {{ request.path }} "
             "{{ request.GET.t }} {{ request.get_host }} {{ request.resolver_match.view_name }}"
             "{% url 'named' name='a.html' %}{% querystring u=1 %}"),
    TEMPLATE("shelf.html",
             "{% for book in books %}{{ book.title }}/{{ book.published|date:'Y' }}/"
             "{{ book.by.name }}/{{ book.secret }};{% endfor %}{{ open }} {{ floor }} {{ width }} "
             "{{ room }} {{ sign }} {{ extra.k }} {{ later }} {{ later }}"),
    TEMPLATE("word.html", "{{ word }}{% if hooked %} hooked{% endif %}"),
};
static const dj_embedded_templates templates = {items, DJ_COUNT(items)};

static const dj_route urls[] = {
    DJ_PATH("shelf/", shelf),
    DJ_PATH("mixed/", mixed),
    DJ_PATH("t/<str:name>", named, .name = "named"),
    DJ_PATH("deferred/", deferred),
    DJ_PATH("fragment/", fragment),
    DJ_PATH("boom/", boom),
    DJ_PATH("denied/", denied),
};
static const dj_app app = {
    .urls = DJ_ALL(urls),
    .middleware = layers,
    .nmiddleware = 1,
    .templates = &templates,
    .libraries = libraries,
    .nlibraries = 1,
    .processors = processors,
    .nprocessors = 1,
};

#define ENGINE(options)                                                                            \
    "TEMPLATES = [{'BACKEND': 'django.template.backends.django.DjangoTemplates', "                 \
    "'OPTIONS': {" options "}}]\n"
#define LAYERS                                                                                     \
    "MIDDLEWARE = ['django.middleware.security.SecurityMiddleware', "                              \
    "'django.middleware.csp.ContentSecurityPolicyMiddleware', 'tests.Layer']\n"                    \
    "SECURE_CSP = {'script-src': ['<CSP_NONCE_SENTINEL>']}\n"
#define PROCESSORS                                                                                 \
    "'context_processors': ['django.template.context_processors.request', "                        \
    "'django.template.context_processors.csp', 'tests.processor']"

static dj_client *opened_with(dj_case *c, const char *text)
{
    dj_client              *client;
    const dj_client_options options = {.app = &app, .settings_text = text, .quiet = true};
    if (dj_client_open(c->scope, &options, &client) != DJ_OK)
        fail_msg(DJ_FMT, DJ_ARG(dj_failure_text(c->scope)));
    return client;
}

static dj_client *opened(dj_case *c)
{
    return opened_with(c, LAYERS ENGINE(PROCESSORS) "TIME_ZONE = 'UTC'\n");
}

/* -- contexts -- */

DJ_TEST(a_page_shows_what_the_tables_of_the_structs_name)
{
    made = 0;
    const dj_answer *a = dj_client_get(opened(c), "/shelf/");
    dj_expect_str(DJ_LIT("Tea &amp; time/2026/Ada &lt;b&gt;/;&quot;Quoted&quot;/1970//;"
                         "True -3 1.5 None <i>!</i> 7 made for you made for you"),
                  a->body);
    assert_int_equal(a->status, 200);
    assert_int_equal(made, 1);
    dj_expect_str(DJ_LIT("text/html; charset=utf-8"), dj_answer_header(a, "Content-Type"));
}

DJ_TEST(objects_of_several_types_stand_under_one_name)
{
    dj_client *client = opened(c);
    for (int i = 0; i < 2; i++)
        dj_expect_str(DJ_LIT("Tea &amp; time/;/Ada &lt;b&gt;;&quot;Quoted&quot;/;/Ada &lt;b&gt;;/;"
                             "Tea &amp; time/;"),
                      dj_client_get(client, "/mixed/")->body);
}

DJ_TEST(every_template_sees_what_processors_and_layers_bring)
{
    const dj_answer *a = dj_client_get(opened(c), "/t/processors.html?t=%3Cx%3E");
    dj_expect_str(DJ_LIT("layer 42 GET /t/processors.html &lt;x&gt; testserver named"
                         "/t/a.html?t=%3Cx%3E&amp;u=1"),
                  a->body);
}

DJ_TEST(the_nonce_of_a_page_is_that_of_its_header)
{
    dj_client       *client = opened(c);
    const dj_answer *a = dj_client_get(client, "/t/nonce.html");
    dj_str           policy = dj_answer_header(a, "Content-Security-Policy");
    size_t           at = dj_str_find(a->body, DJ_LIT("nonce=\""));
    dj_str           nonce = dj_str_first(dj_str_from(a->body, at + 7), 22);
    assert_true(dj_str_has(policy, nonce));
    assert_false(dj_str_has(dj_client_get(client, "/t/nonce.html")->body, nonce));
}

DJ_TEST(the_type_follows_the_name_and_text_is_not_escaped)
{
    const dj_answer *a = dj_client_get(opened(c), "/t/notes.txt?t=%26");
    dj_expect_str(DJ_LIT("text/plain; charset=utf-8"), dj_answer_header(a, "Content-Type"));
    dj_expect_str(DJ_LIT("&amp;"), a->body); /* autoescape is on, as in Django */
}

DJ_TEST(a_value_is_escaped_for_where_it_lands)
{
    const dj_answer *a = dj_client_get(opened(c), "/t/attr.html?t=x%20onclick%3Df()");
    dj_expect_str(DJ_LIT("<p title=x&#32;onclick&#61;f()>"), a->body);
    a = dj_client_get(opened_with(c, LAYERS ENGINE(PROCESSORS ", 'contextual_autoescape': False")),
                      "/t/attr.html?t=x%20onclick%3Df()");
    dj_expect_str(DJ_LIT("<p title=x onclick=f()>"), a->body);
}

DJ_TEST(a_later_rendering_comes_behind_the_hooks)
{
    dj_client *client = opened(c);
    dj_expect_str(DJ_LIT("&lt;first&gt; hooked"), dj_client_get(client, "/deferred/")->body);
    dj_expect_str(DJ_LIT("[&lt;f&gt;]"), dj_client_get(client, "/fragment/")->body);
}

DJ_TEST(the_programs_own_filters_and_tags_are_escaped_unless_they_say_html)
{
    const dj_answer *a = dj_client_get(opened(c), "/t/own.html?t=%3C");
    dj_expect_str(DJ_LIT("&lt;&lt;&lt;&lt;<strong>&lt;</strong>"), a->body);
}

/* -- errors -- */

DJ_TEST(pages_of_errors_come_from_templates)
{
    dj_client       *client = opened(c);
    const dj_answer *a = dj_client_get(client, "/missing/%3Cb%3E/");
    assert_int_equal(a->status, 404);
    dj_expect_str(DJ_LIT("404 /missing/%3Cb%3E/ /missing/&lt;b&gt;/"), a->body);
    a = dj_client_get(client, "/denied/");
    assert_int_equal(a->status, 403);
    assert_true(dj_str_starts(a->body, DJ_LIT("403 ")));
    a = dj_client_get(client, "/boom/");
    assert_int_equal(a->status, 500);
    dj_expect_str(DJ_LIT("500 []"), a->body); /* nothing of the request, as in Django */
}

DJ_TEST(a_template_that_fails_is_a_500_with_its_line_in_the_log)
{
    dj_client       *client = opened(c);
    const dj_answer *a = dj_client_get(client, "/t/fails.html");
    assert_int_equal(a->status, 500);
    dj_expect_str(DJ_LIT("500 []"), a->body);
    assert_true(dj_answer_logged(a, "django.request", "fails.html:2:"));
    a = dj_client_get(client, "/t/gone.html");
    assert_int_equal(a->status, 500);
    assert_true(dj_answer_logged(a, "django.request", "gone.html"));
    assert_true(dj_answer_logged(a, "django.request", "TemplateDoesNotExist"));
}

static void expect_refused(dj_case *c, const dj_app *broken, const char *text, const char *want)
{
    dj_client *client;
    dj_err     e = dj_client_open(
            c->scope, &(dj_client_options){.app = broken, .settings_text = text, .quiet = true},
            &client);
    dj_expect_err(DJ_ERR_SETTINGS, e);
    if (!dj_str_has(dj_failure_text(c->scope), dj_str_of(want))) {
        print_error("'%s' is not in: %.*s\n", want, DJ_ARG(dj_failure_text(c->scope)));
        fail();
    }
}

DJ_TEST(broken_templates_stop_the_start)
{
    static const dj_embedded broken[] = {
        TEMPLATE("a.html", "one\n  {% blok %}"),
        TEMPLATE("b.html", "{% extends 'nowhere.html' %}"),
        TEMPLATE("c.html", "{{ v|nofilter }}"),
    };
    static const dj_embedded_templates all = {broken, DJ_COUNT(broken)};
    dj_app                             site = app;
    site.templates = &all;
    expect_refused(c, &site, "", "3 templates cannot be used");
    expect_refused(c, &site, "", "a.html:2:3: Invalid block tag on line 2: 'blok'");
    expect_refused(c, &site, "", "b.html:1:1: there is no template 'nowhere.html'");
    expect_refused(c, &site, "", "c.html:1:1: Invalid filter: 'nofilter'");
}

DJ_TEST(wrong_options_stop_the_start)
{
    expect_refused(c, &app, ENGINE("'autoescape': 1"), "must be True or False: 'autoescape'");
    expect_refused(c, &app, ENGINE("'autoscape': True"), "there is no such option: 'autoscape'");
    expect_refused(c, &app, ENGINE("'context_processors': ['tests.other']"),
                   "no context processor of that name: 'tests.other'");
    expect_refused(c, &app, ENGINE("'libraries': {'other': 'site.other'}"),
                   "no tag library of that name: 'other'");
    expect_refused(c, &app, "TEMPLATES = [{'BACKEND': 'django.template.backends.jinja2.Jinja2'}]\n",
                   "the only BACKEND is");
    expect_refused(c, &app, "TEMPLATE_MAX_DEPTH = 0\n", "TEMPLATE_MAX_DEPTH");
    (void)opened_with(c, ENGINE("'loaders': ['django.template.loaders.filesystem.Loader'], "
                                "'libraries': {'own': 'site.own'}, 'builtins': []"));
}

/* -- bounds -- */

DJ_TEST(a_program_gets_json_in_place_of_the_template)
{
    dj_client       *client = opened(c);
    const dj_answer *a = dj_client_send(
        client, &(dj_client_request){.path = "/missing/",
                                     .headers = DJ_PAIRS({"Accept", "application/json"})});
    assert_int_equal(a->status, 404);
    dj_expect_str(DJ_LIT("application/problem+json"), dj_answer_header(a, "Content-Type"));
    a = dj_client_send(client, &(dj_client_request){.path = "/missing/",
                                                    .headers = DJ_PAIRS({"Accept", "text/html"})});
    assert_true(dj_str_starts(a->body, DJ_LIT("404 /missing/")));
    dj_expect_str(DJ_LIT("Accept"), dj_answer_header(a, "Vary"));
}

DJ_TEST(a_runaway_template_is_an_error_and_not_a_dead_worker)
{
    dj_client       *client = opened_with(c, LAYERS ENGINE(PROCESSORS) "TEMPLATE_MAX_LOOPS = 100\n"
                                                                             "TEMPLATE_MAX_OUTPUT = 1000\n");
    const dj_answer *a = dj_client_get(client, "/t/deep.html");
    assert_int_equal(a->status, 500);
    assert_int_equal(dj_client_get(client, "/t/loops.html?t=abcde")->status, 200);
    a = dj_client_get(client, "/t/loops.html?t=abcdefghijklmnopqrstuvwxyz");
    assert_int_equal(a->status, 500);
    assert_true(dj_answer_logged(a, "django.request", "loops.html:1:"));
    assert_int_equal(dj_client_get(client, "/t/long.html?t=abcde")->status, 200);
    a = dj_client_get(client, "/t/long.html?t=abcdefghijklmnopqrstuvwxyz");
    assert_int_equal(a->status, 500);
    assert_int_equal(dj_client_get(client, "/shelf/")->status, 200);
}

DJ_TESTS(DJ_T(a_page_shows_what_the_tables_of_the_structs_name),
         DJ_T(objects_of_several_types_stand_under_one_name),
         DJ_T(every_template_sees_what_processors_and_layers_bring),
         DJ_T(the_nonce_of_a_page_is_that_of_its_header),
         DJ_T(the_type_follows_the_name_and_text_is_not_escaped),
         DJ_T(a_value_is_escaped_for_where_it_lands),
         DJ_T(a_later_rendering_comes_behind_the_hooks),
         DJ_T(the_programs_own_filters_and_tags_are_escaped_unless_they_say_html),
         DJ_T(pages_of_errors_come_from_templates),
         DJ_T(a_template_that_fails_is_a_500_with_its_line_in_the_log),
         DJ_T(broken_templates_stop_the_start), DJ_T(wrong_options_stop_the_start),
         DJ_T(a_program_gets_json_in_place_of_the_template),
         DJ_T(a_runaway_template_is_an_error_and_not_a_dead_worker))
