/* benches/bench_fortunes.c - renders benches/templates/fortunes.html: CPU microseconds per page on
 * stdout, behind the page itself. Usage: bench-fortunes FOLDER SECONDS */
#include "donjon/json.h"
#include "template/template.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct fortune {
    int64_t id;
    dj_str  message;
} fortune;
DJ_ATTRS(fortune, DJ_ATTR(fortune, id), DJ_ATTR(fortune, message));

typedef struct page {
    const fortune *fortunes;
    size_t         nfortunes;
} page;
DJ_ATTRS(page, DJ_ATTR_ARRAY(page, fortunes, nfortunes, fortune));

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void stop(dj_scope *s, dj_str why)
{
    fprintf(stderr, "bench-fortunes: " DJ_FMT " " DJ_FMT "\n", DJ_ARG(why),
            DJ_ARG(dj_failure_text(s)));
    exit(1);
}

static page read_rows(dj_scope *s, dj_str folder)
{
    const dj_json_limits limits = {65536, 8, 1000};
    const dj_json_value *rows;
    char                *text = dj_alloc(s, limits.bytes);
    FILE *f = fopen(dj_cstr(s, dj_strf(s, DJ_FMT "/fortunes.json", DJ_ARG(folder))), "r");
    if (f == NULL)
        stop(s, DJ_LIT("there is no fortunes.json"));
    size_t len = fread(text, 1, limits.bytes, f);
    fclose(f);
    if (dj_json_parse(s, dj_str_n(text, len), &limits, &rows) != DJ_OK)
        stop(s, DJ_LIT("fortunes.json:"));
    fortune *fortunes = dj_new_array(s, fortune, rows->array.len);
    for (size_t i = 0; i < rows->array.len; i++)
        fortunes[i] = (fortune){
            .id = dj_json_get(&rows->array.items[i], DJ_LIT("id"))->integer,
            .message = dj_json_get_str(&rows->array.items[i], DJ_LIT("message")),
        };
    return (page){fortunes, rows->array.len};
}

static dj_out render(dj_scope *s, dj_engine *engine, const page *rows)
{
    const dj_template *template;
    dj_template_error     error = {0};
    const dj_ctx          ctx = {rows, &page_attrs};
    const dj_render_input input = {.contexts = &ctx, .ncontexts = 1};
    dj_out                out = dj_out_make(s, 1 << 20);
    if (dj_engine_load(engine, s, DJ_LIT("fortunes.html"), &template, &error) != DJ_OK ||
        dj_template_render(s, template, &input, &out, &error) != DJ_OK)
        stop(s, error.message);
    return out;
}

int main(int argc, char **argv)
{
    dj_scope *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT), *request = dj_scope_open(1 << 20);
    if (argc != 3 || s == NULL || request == NULL) {
        fputs("usage: bench-fortunes FOLDER SECONDS\n", stderr);
        return 2;
    }
    const dj_template_dir   dir = {.path = dj_str_of(argv[1])};
    const dj_engine_options options = {
        .dirs = &dir, .ndirs = 1, .autoescape = true, .contextual = true, .use_tz = true};
    dj_engine *engine;
    page       rows = read_rows(s, dir.path);
    if (dj_engine_new(s, &options, &engine) != DJ_OK)
        stop(s, DJ_LIT("engine:"));
    dj_out  first = render(s, engine, &rows);
    dj_buf  b = dj_buf_make(s, 65536);
    dj_json j = dj_json_make(&b);
    dj_json_open(&j, '{');
    dj_json_add_str(&j, DJ_LIT("page"), dj_out_str(&first));
    double   seconds = strtod(argv[2], NULL), begin = cpu_seconds(), spent;
    unsigned n = 0;
    do {
        for (int i = 0; i < 1000; i++, n++) {
            (void)render(request, engine, &rows);
            dj_scope_reset(request); /* as the server does between requests */
        }
        spent = cpu_seconds() - begin;
    } while (spent < seconds);
    dj_json_close(&j, '}');
    dj_str text = dj_buf_str(&b);
    printf(DJ_FMT ", \"us\": %.3f}\n", (int)text.len - 1, text.ptr, spent / n * 1e6);
    return 0;
}
