/* tools/gen_template_doc.c - prints docs/template-reference.md: the engine's own tables of tags and
 * filters, joined with the words and examples of template_reference.def, which are rendered here.
 */
#include "template/template.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct entry {
    bool        is_tag;
    const char *name, *words, *example;
    bool        met; /* the engine knows it */
} entry;

static entry entries[] = {
#define DJ_TAG(name, words, example)    {true, name, words, example, false},
#define DJ_FILTER(name, words, example) {false, name, words, example, false},
#include "template_reference.def"
#undef DJ_TAG
#undef DJ_FILTER
};

typedef struct values {
    dj_str v;
} values;
DJ_ATTRS(values, DJ_ATTR(values, v));

static entry *find(bool is_tag, dj_str name)
{
    for (size_t i = 0; i < DJ_COUNT(entries); i++) {
        if (entries[i].is_tag == is_tag && dj_str_eq(dj_str_of(entries[i].name), name))
            return &entries[i];
    }
    return NULL;
}

static _Noreturn void stop(const char *why, dj_str what)
{
    fprintf(stderr, "gen-template-doc: %s: " DJ_FMT "\n", why, DJ_ARG(what));
    exit(1);
}

/* The example is the whole of a template. */
static bool find_example(void *ctx, dj_str name, dj_str *source)
{
    *source = dj_str_of(ctx);
    return dj_str_eq(name, DJ_LIT("example.html"));
}

static dj_engine *engine_for(dj_scope *s, const char *example)
{
    const dj_template_dir   dir = {.find = find_example, .ctx = (void *)(uintptr_t)example};
    const dj_engine_options options = {.dirs = &dir,
                                       .ndirs = 1,
                                       .autoescape = true,
                                       .contextual = true,
                                       .use_tz = true,
                                       .static_url = DJ_LIT("/static/"),
                                       .media_url = DJ_LIT("/media/")};
    dj_engine              *engine;
    if (dj_engine_new(s, &options, &engine) != DJ_OK)
        stop("engine", dj_failure_text(s));
    return engine;
}

static void print_code(dj_str text)
{
    /* Backquotes around; line ends would end a list's item. */
    printf("`` ");
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n')
            printf("\\n");
        else
            putchar(text.ptr[i]);
    }
    printf(" ``");
}

static void print_example(const entry *e)
{
    dj_scope             *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    const dj_template    *t;
    dj_template_error     error = {0};
    const values          v = {DJ_LIT("<ab>")};
    const dj_ctx          ctx = {&v, &values_attrs};
    const dj_render_input input = {.contexts = &ctx, .ncontexts = 1};
    dj_out                out = dj_out_make(s, 65536);
    if (dj_engine_load(engine_for(s, e->example), s, DJ_LIT("example.html"), &t, &error) != DJ_OK ||
        dj_template_render(s, t, &input, &out, &error) != DJ_OK)
        stop(e->name, error.message);
    printf(" ");
    print_code(dj_str_of(e->example));
    dj_str made = dj_out_str(&out);
    printf(made.len > 0 ? " prints " : " prints nothing here.");
    if (made.len > 0)
        print_code(made);
    dj_scope_close(s);
}

static void print_entry(const entry *e, const char *arguments)
{
    printf("- **`%s`**%s: %s", e->name, arguments, e->words);
    if (e->example[0] != '\0')
        print_example(e);
    printf("\n");
}

static void see_tag(void *ctx, dj_str name)
{
    entry *e = find(true, name);
    (void)ctx;
    if (e == NULL)
        stop("no words for the tag", name);
    e->met = true;
}

int main(void)
{
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    if (s == NULL)
        return 1;
    dj_engine_each_tag(engine_for(s, ""), see_tag, NULL);
    puts("# Tags and filters\n\n"
         "Made by `build/gen-template-doc` from the engine's tables and "
         "`tools/template_reference.def`. In the examples `v` is `<ab>`.\n\n## Tags\n");
    for (size_t i = 0; i < DJ_COUNT(entries); i++) {
        if (entries[i].is_tag)
            print_entry(&entries[i], "");
    }
    puts("\n## Filters\n");
    for (size_t i = 0; i < dj_nfilters_builtin; i++) {
        const dj_filter *f = &dj_filters_builtin[i];
        entry           *e = find(false, dj_str_of(f->name));
        if (e == NULL)
            stop("no words for the filter", dj_str_of(f->name));
        e->met = true;
        print_entry(e, (f->flags & DJ_FILTER_ARG_NEEDED) != 0    ? " (argument)"
                       : (f->flags & DJ_FILTER_ARG_ALLOWED) != 0 ? " (argument optional)"
                                                                 : "");
    }
    for (size_t i = 0; i < DJ_COUNT(entries); i++) {
        if (!entries[i].met)
            stop("the engine does not have", dj_str_of(entries[i].name));
    }
    dj_scope_close(s);
    return 0;
}
