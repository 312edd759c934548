/* fuzz/fuzz_filters.c - hostile values and arguments through every filter. The properties: nothing
 * crashes or hangs, what comes out is UTF-8 and within the limit, and a '<' in it begins one of the
 * tags that filters make themselves.
 *
 * Bytes 0 and 1 choose two filters, byte 2 the kind of the value; the rest is cut at a byte 0x1f
 * into the value's text and the argument's. */
#include "template/template.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUTPUT_MAX = 256 * 1024 };

static bool find_main(void *ctx, dj_str name, dj_str *source)
{
    *source = *(const dj_str *)ctx;
    return dj_str_eq(name, DJ_LIT("main"));
}

static bool takes_argument(const dj_filter *f)
{
    return (f->flags & (DJ_FILTER_ARG_NEEDED | DJ_FILTER_ARG_ALLOWED)) != 0;
}

/* Filters that say of any text that it is safe. */
static bool trusts(const dj_filter *f)
{
    return strcmp(f->name, "safe") == 0 || strcmp(f->name, "safeseq") == 0;
}

/* Filters that make tags: safe text, which the next filter may cut or turn into "<Br>". */
static bool makes_tags(const dj_filter *f)
{
    static const char *const names[] = {"json_script",    "linebreaks", "linebreaksbr",
                                        "unordered_list", "urlize",     "urlizetrunc"};
    for (size_t i = 0; i < DJ_COUNT(names); i++)
        if (strcmp(f->name, names[i]) == 0)
            return true;
    return false;
}

static void check_tags(dj_str page)
{
    static const char *const own[] = {
        "<p>",           "</p>",     "<br>", "<a href=\"", "</a>",
        "<li>",          "</li>",    "<ul>", "</ul>",      "<script type=\"application/json\">",
        "<script id=\"", "</script>"};
    for (size_t i = 0; i < page.len; i++) {
        bool known = page.ptr[i] != '<';
        for (size_t k = 0; k < DJ_COUNT(own) && !known; k++)
            known = dj_str_starts(dj_str_from(page, i), dj_str_of(own[k]));
        if (!known) {
            fprintf(stderr, "a foreign tag: %.*s\n", DJ_ARG(dj_str_from(page, i)));
            abort();
        }
    }
}

/* The text as itself, a number, a list, a map, a date. */
static dj_var value_of(dj_scope *s, uint8_t kind, dj_str text)
{
    dj_var      *items = dj_new_array(s, dj_var, 4);
    dj_var_item *pairs = dj_new_array(s, dj_var_item, 2);
    dj_moment   *m = dj_new(s, dj_moment);
    double       number = 0;
    uint8_t      bytes[8] = {0};
    memcpy(bytes, text.ptr, text.len < sizeof(bytes) ? text.len : sizeof(bytes));
    memcpy(&number, bytes, sizeof(number));
    *m = (dj_moment){.year = 1 + (bytes[0] << 4 | bytes[1]) % 9999,
                     .month = (uint8_t)(1 + bytes[2] % 12),
                     .day = (uint8_t)(1 + bytes[3] % 28),
                     .hour = bytes[4] % 24,
                     .minute = bytes[5] % 60,
                     .second = bytes[6] % 60,
                     .utc_offset = (bytes[7] - 128) * 300,
                     .aware = bytes[7] % 2 == 1};
    items[0] = dj_var_str(text);
    items[1] = dj_var_float(number);
    items[2] = dj_var_of_list(items, 2);
    items[3] = dj_var_none();
    pairs[0] = (dj_var_item){DJ_LIT("k"), items[0]};
    pairs[1] = (dj_var_item){text, items[2]};
    switch (kind % 8) {
    case 1:
        return dj_var_float(number);
    case 2:
        return dj_var_int((int64_t)((uint64_t)bytes[0] << 56 | bytes[1]));
    case 3:
        return dj_var_of_list(items, 4);
    case 4:
        return dj_var_of_map(pairs, dj_str_eq(text, DJ_LIT("k")) ? 1 : 2);
    case 5:
        return (dj_var){.kind = (uint8_t)(DJ_VAR_DATE + bytes[0] % 3), .moment = m};
    default:
        return items[0];
    }
}

static void render(dj_scope *s, dj_str source, dj_var v, dj_var a, bool trusted)
{
    const dj_template_dir   dir = {.find = find_main, .ctx = &source};
    const dj_engine_options options = {.dirs = &dir,
                                       .ndirs = 1,
                                       .string_if_invalid = DJ_LIT(""),
                                       .autoescape = true,
                                       .use_tz = true,
                                       .limits = {.output = OUTPUT_MAX}};
    const dj_var_item       items[] = {{DJ_LIT("v"), v}, {DJ_LIT("a"), a}};
    const dj_render_input   input = {.items = items, .nitems = DJ_COUNT(items)};
    dj_engine              *engine;
    const dj_template      *t;
    dj_template_error       error = {0};
    dj_out                  out = dj_out_make(s, OUTPUT_MAX);
    if (dj_engine_new(s, &options, &engine) ||
        dj_engine_load(engine, s, DJ_LIT("main"), &t, &error))
        abort(); /* the template is fine */
    if (dj_template_render(s, t, &input, &out, &error)) {
        DJ_ASSERT(error.message.len > 0);
        return;
    }
    dj_str page = dj_out_str(&out);
    DJ_ASSERT(page.len <= OUTPUT_MAX && dj_utf8_valid(page));
    if (!trusted)
        check_tags(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > 4096)
        return 0;
    dj_scope        *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    const dj_filter *f = &dj_filters_builtin[data[0] % dj_nfilters_builtin];
    const dj_filter *g = &dj_filters_builtin[data[1] % dj_nfilters_builtin];
    dj_str           text = dj_str_n((const char *)data + 3, size - 3);
    size_t           cut = dj_str_chr(text, 0x1f);
    dj_str           arg = cut == DJ_NOT_FOUND ? DJ_LIT("2") : dj_str_from(text, cut + 1);
    text = dj_str_first(text, cut);
    if (dj_utf8_valid(text) && dj_utf8_valid(arg)) {
        const char *f_arg = takes_argument(f) ? ":a" : "", *g_arg = takes_argument(g) ? ":a" : "";
        dj_var      v = value_of(s, data[2], text), a = dj_var_str(arg);
        render(s, dj_strf(s, "{{ v|%s%s }}", f->name, f_arg), v, a, trusts(f));
        render(s, dj_strf(s, "{{ v|%s%s|%s%s }}", f->name, f_arg, g->name, g_arg), v, a,
               trusts(f) || trusts(g) || makes_tags(f));
    }
    dj_scope_close(s);
    return 0;
}
