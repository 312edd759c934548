/* Filters: what holds for all of them, and what hostile values and arguments cost. What each prints
 * is shown by the vectors. */
#include "template/template.h"
#include "test.h"

enum { OUTPUT_MAX = 1024 * 1024 };

static bool find_main(void *ctx, dj_str name, dj_str *source)
{
    *source = *(const dj_str *)ctx;
    return dj_str_eq(name, DJ_LIT("main"));
}

/* The page, with `v` and `a` as its variables. */
static dj_err render(dj_case *c, dj_str source, dj_var v, dj_var a, dj_str *page)
{
    const dj_template_dir   dir = {.find = find_main, .ctx = &source};
    const dj_engine_options options = {.dirs = &dir,
                                       .ndirs = 1,
                                       .string_if_invalid = DJ_LIT(""),
                                       .autoescape = true,
                                       .contextual = true,
                                       .use_tz = true,
                                       .limits = {.output = OUTPUT_MAX}};
    const dj_var_item       items[] = {{DJ_LIT("v"), v}, {DJ_LIT("a"), a}};
    const dj_render_input   input = {.items = items, .nitems = DJ_COUNT(items)};
    dj_engine              *engine;
    const dj_template      *t;
    dj_template_error       error = {0};
    dj_out                  out = dj_out_make(c->scope, OUTPUT_MAX);
    dj_expect_ok(dj_engine_new(c->scope, &options, &engine));
    dj_expect_ok(dj_engine_load(engine, c->scope, DJ_LIT("main"), &t, &error));
    dj_err e = dj_template_render(c->scope, t, &input, &out, &error);
    *page = e ? DJ_NONE : dj_out_str(&out);
    return e;
}

static dj_str repeated(dj_case *c, dj_str what, size_t count)
{
    char *text = dj_alloc_raw(c->scope, what.len * count);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * what.len, what.ptr, what.len);
    return dj_str_n(text, what.len * count);
}

/* -- arguments -- */

DJ_TEST(a_number_in_a_template_buys_no_memory)
{
    static const char *const pages[] = {
        "{{ v|center:1000000000 }}",
        "{{ v|ljust:1000000000 }}",
        "{{ v|rjust:9223372036854775807 }}",
        "{{ v|rjust:'99999999999999999999999' }}",
        "{{ v|floatformat:1000000000 }}",
        "{{ v|floatformat:'9223372036854775807g' }}",
        "{{ v|stringformat:'1000000000d' }}",
        "{{ v|stringformat:'01000000000x' }}",
        "{{ v|stringformat:'-1000000000s' }}",
        "{{ v|stringformat:'.1000000000d' }}",
        "{{ v|stringformat:'.1000000000f' }}",
        "{{ v|stringformat:'1000000000.3e' }}",
        "{{ v|stringformat:'*s' }}{{ v|stringformat:'1000000000r' }}",
    };
    for (size_t i = 0; i < DJ_COUNT(pages); i++) {
        dj_str page;
        size_t before = dj_scope_used(c->scope);
        dj_expect_err(DJ_ERR_TEMPLATE,
                      render(c, dj_str_of(pages[i]), dj_var_int(15), dj_var_none(), &page));
        assert_true(dj_scope_used(c->scope) - before < 256 * 1024);
        if (i % 2 == 0)
            dj_scope_reset(c->scope);
    }
}

DJ_TEST(a_large_argument_that_makes_nothing_larger_is_fine)
{
    static const char *const pages[] = {
        "{{ v|truncatechars:1000000000 }}",
        "{{ v|truncatewords:9223372036854775807 }}",
        "{{ v|truncatechars_html:1000000000 }}",
        "{{ v|truncatewords_html:'999999999999999999999' }}",
        "{{ v|wordwrap:1000000000 }}",
        "{{ v|slice:'-9223372036854775808:9223372036854775807' }}",
        "{{ v|slice:'0:99999999999999999999:1' }}",
        "{{ v|urlizetrunc:9223372036854775807 }}",
    };
    for (size_t i = 0; i < DJ_COUNT(pages); i++) {
        dj_str page;
        dj_expect_ok(
            render(c, dj_str_of(pages[i]), dj_var_str(DJ_LIT("one two")), dj_var_none(), &page));
        dj_expect_str(DJ_LIT("one two"), page);
    }
}

DJ_TEST(text_that_grows_beyond_a_page_is_an_error)
{
    dj_var lines = dj_var_str(repeated(c, DJ_LIT("\n"), 600 * 1024));
    dj_var quotes = dj_var_str(repeated(c, DJ_LIT("'"), 600 * 1024));
    dj_str page;
    dj_expect_err(DJ_ERR_TEMPLATE, render(c, DJ_LIT("{{ v|linebreaksbr }}"), lines, lines, &page));
    dj_expect_err(DJ_ERR_TEMPLATE, render(c, DJ_LIT("{{ v|linenumbers }}"), lines, lines, &page));
    dj_expect_err(DJ_ERR_TEMPLATE, render(c, DJ_LIT("{{ v|add:a }}"), lines, quotes, &page));
    dj_expect_err(DJ_ERR_TEMPLATE, render(c, DJ_LIT("{{ v|addslashes }}"), quotes, lines, &page));
    dj_expect_err(DJ_ERR_TEMPLATE, render(c, DJ_LIT("{{ v|urlencode }}"), quotes, lines, &page));
}

DJ_TEST(whole_numbers_over_64_bits_are_refused_rather_than_wrong)
{
    dj_var most = dj_var_int(INT64_MAX), least = dj_var_int(INT64_MIN);
    dj_str page;
    dj_expect_err(DJ_ERR_TEMPLATE, render(c, DJ_LIT("{{ v|add:1 }}"), most, most, &page));
    dj_expect_err(DJ_ERR_TEMPLATE, render(c, DJ_LIT("{{ v|add:a }}"), least, least, &page));
    dj_expect_err(DJ_ERR_TEMPLATE, render(c, DJ_LIT("{{ v|divisibleby:0 }}"), most, most, &page));
    dj_expect_ok(render(c, DJ_LIT("{{ v|divisibleby:-1 }}"), least, most, &page));
    dj_expect_str(DJ_LIT("True"), page);
    dj_expect_ok(render(c, DJ_LIT("{{ v|filesizeformat }}"), least, most, &page));
    dj_expect_str(DJ_LIT("-8192.0\u00a0PB"), page);
    dj_expect_ok(
        render(c, DJ_LIT("{{ v|stringformat:'d' }} {{ v|floatformat }}"), least, most, &page));
    dj_expect_str(DJ_LIT("-9223372036854775808 -9223372036854775808"), page);
}

/* -- time: nothing here may take the square of its length; each would take hours if it did -- */

DJ_TEST(hostile_text_is_read_in_one_go)
{
    static const struct {
        const char *filter, *piece;
    } cases[] = {
        {"urlize", "&;"},
        {"urlize", "a.b@"},
        {"urlize", "www.)"},
        {"urlize", "(((http://a.b"},
        {"urlize", "&amp;.;"},
        {"urlize", "x.com"},
        {"urlize", "http://[ "},
        {"striptags", "< <"},
        {"striptags", "<<>"},
        {"striptags", "&#"},
        {"striptags", "&a-"},
        {"striptags", "]]"},
        {"striptags", "<!-"},
        {"truncatewords_html:1000000", "<a>x "},
        {"truncatechars_html:1000000", "</a>&"},
        {"truncatewords:1000000", "\u3000x"},
        {"wordwrap:3", "\t a"},
        {"wordwrap:1000000", "x "},
        {"slugify", "- -"},
        {"title", "'a"},
        {"linebreaks", "\n\n\r"},
        {"make_list|join:''", "\u00e9"},
        {"slice:'::-1'", "\u00e9"},
        {"truncatechars:100000", "e\u0301"},
        {"pprint", "a \n"},
        {"phone2numeric", "\u0130"},
        {"iriencode", "%\u00e9"},
    };
    for (size_t i = 0; i < DJ_COUNT(cases); i++) {
        dj_str page, piece = dj_str_of(cases[i].piece);
        dj_str source = dj_strf(c->scope, "{{ v|%s|length }}", cases[i].filter);
        dj_var text = dj_var_str(repeated(c, piece, 300 * 1024 / piece.len));
        dj_err e = render(c, source, text, text, &page);
        assert_true(e == DJ_OK || e == DJ_ERR_TEMPLATE);
        dj_scope_reset(c->scope);
    }
}

DJ_TEST(markup_that_python_reads_in_the_square_of_its_length_is_refused)
{
    static const char *const pieces[] = {
        "<a b=\">\"",   /* each tag is looked for up to the end of all */
        "<!--x>",       /* a comment without end, and again */
        "<a <a <a <a ", /* Django has the same limit for this one */
    };
    for (size_t i = 0; i < DJ_COUNT(pieces); i++) {
        dj_str page, piece = dj_str_of(pieces[i]);
        dj_var text = dj_var_str(
            dj_str_cat(c->scope, repeated(c, piece, 512 * 1024 / piece.len), DJ_LIT(" a='>'")));
        dj_expect_err(DJ_ERR_SUSPICIOUS,
                      render(c, DJ_LIT("{{ v|striptags|length }}"), text, text, &page));
        dj_scope_reset(c->scope);
    }
    dj_str page;
    dj_var nested = dj_var_str(
        dj_str_cat(c->scope, repeated(c, DJ_LIT("<"), 200), repeated(c, DJ_LIT("b>"), 200)));
    dj_expect_err(DJ_ERR_SUSPICIOUS, render(c, DJ_LIT("{{ v|striptags }}"), nested, nested, &page));
}

DJ_TEST(lists_in_lists_are_bounded)
{
    static const char *const filters[] = {"unordered_list", "pprint", "join:','", "escapeseq"};
    dj_var                   list = dj_var_str(DJ_LIT("x"));
    for (int i = 0; i < 100000; i++) {
        dj_var *items = dj_new_array(c->scope, dj_var, 2);
        items[0] = dj_var_str(DJ_LIT("y"));
        items[1] = list;
        list = dj_var_of_list(items, 2);
    }
    for (size_t i = 0; i < DJ_COUNT(filters); i++) {
        dj_str page;
        dj_err e = render(c, dj_strf(c->scope, "{{ v|%s|length }}", filters[i]), list, list, &page);
        assert_true(e == DJ_OK || e == DJ_ERR_TEMPLATE);
    }
}

/* -- safety -- */

static bool may_print_raw(const char *name)
{
    return strcmp(name, "safe") == 0 || strcmp(name, "safeseq") == 0;
}

DJ_TEST(no_filter_makes_a_hostile_value_html)
{
    static const char hostile[] =
        "<script>alert('1')</script> <img src=x onerror=\"a()\"> & www.a.com/<b>";
    dj_var       text = dj_var_str(dj_str_of(hostile));
    dj_var       list_items[] = {text, text, dj_var_of_list(&text, 1)};
    dj_var_item  pairs[] = {{dj_str_of(hostile), text}};
    const dj_var values[] = {text, dj_var_of_list(list_items, 3), dj_var_of_map(pairs, 1)};
    const dj_var args[] = {dj_var_int(40), dj_var_str(DJ_LIT("<b>,<i>,\"'")),
                           dj_var_str(DJ_LIT("<script>"))};
    for (size_t f = 0; f < dj_nfilters_builtin; f++) {
        const dj_filter *filter = &dj_filters_builtin[f];
        bool takes = (filter->flags & (DJ_FILTER_ARG_NEEDED | DJ_FILTER_ARG_ALLOWED)) != 0;
        if (may_print_raw(filter->name))
            continue;
        for (size_t i = 0; i < DJ_COUNT(values) * DJ_COUNT(args); i++) {
            dj_str source =
                dj_strf(c->scope, "<p title=\"{{ v|%s%s }}\">{{ v|%s%s }}</p>", filter->name,
                        takes ? ":a" : "", filter->name, takes ? ":a" : "");
            dj_str page;
            if (render(c, source, values[i / DJ_COUNT(args)], args[i % DJ_COUNT(args)], &page))
                continue; /* of a wrong type */
            if (dj_str_has(page, DJ_LIT("<script>")) || dj_str_has(page, DJ_LIT("<img")) ||
                dj_str_has(page, DJ_LIT("<b>")) || dj_str_has(page, DJ_LIT("<i>")))
                fail_msg("%s prints %.*s", filter->name, DJ_ARG(page));
        }
        dj_scope_reset(c->scope);
    }
}

DJ_TEST(what_is_safe_elsewhere_is_not_safe_html)
{
    static const char *const filters[] = {
        "safejs",
        "safejsstr",
        "safecss",
        "safeurl",
        "safeattr",
        "safesrcset",
        "safejs|lower",
        "safecss|cut:'x'",
        "safeurl|default:'y'",
        "urlencode:'<>'",
        "urlencode:'<>'|lower",
        "safeattr|linebreaksbr",
        "safejs|add:''",
        "safejsstr|urlize",
        "safesrcset|join:''",
        "safeurl|escape",
        "safecss|iriencode",
    };
    for (size_t i = 0; i < DJ_COUNT(filters); i++) {
        dj_var v = dj_var_str(DJ_LIT("<b>x</b>"));
        dj_str page;
        dj_expect_ok(render(c, dj_strf(c->scope, "<p>{{ v|%s }}</p>", filters[i]), v, v, &page));
        if (dj_str_has(page, DJ_LIT("<b")))
            fail_msg("%s prints %.*s", filters[i], DJ_ARG(page));
    }
}

DJ_TEST(the_table_is_sorted_and_names_are_there_once)
{
    for (size_t i = 1; i < dj_nfilters_builtin; i++)
        assert_true(strcmp(dj_filters_builtin[i - 1].name, dj_filters_builtin[i].name) < 0);
}

DJ_TESTS(DJ_T(a_number_in_a_template_buys_no_memory),
         DJ_T(a_large_argument_that_makes_nothing_larger_is_fine),
         DJ_T(text_that_grows_beyond_a_page_is_an_error),
         DJ_T(whole_numbers_over_64_bits_are_refused_rather_than_wrong),
         DJ_T(hostile_text_is_read_in_one_go),
         DJ_T(markup_that_python_reads_in_the_square_of_its_length_is_refused),
         DJ_T(lists_in_lists_are_bounded), DJ_T(no_filter_makes_a_hostile_value_html),
         DJ_T(what_is_safe_elsewhere_is_not_safe_html),
         DJ_T(the_table_is_sorted_and_names_are_there_once))
