/* fuzz/fuzz_context.c - hostile values in a fixed set of templates. The property: another HTML
 * parser (gumbo) sees the page that it sees with harmless values - the same elements, attributes,
 * comments; in scripts and event handlers the same tokens, in styles the same structure, and no URL
 * that runs code. In text and plain attributes it reads the very value.
 *
 * The first byte chooses the template; the rest is cut at a byte 0x1f into the values v and w. */
#include "donjon/template.h"
#include "template/template.h"
#include <gumbo.h>
#include <stdio.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const pages[] = {
    "<p>{{ v }}</p><p>{{ w }}</p>",
    "<p>a {{ v }}{{ w }} b <br> c</p>",
    "<title>{{ v }}</title><body><textarea>{{ w }}</textarea>",
    "<!-- {{ v }}> {{ w }} --><p>x</p>",
    "<p><!--{{ v }}--{{ w }}--><b>y</b><!-- {{ v }}!></p>-->",
    "<p title=\"{{ v }}\" class='{{ w }}'>x</p>",
    "<p title={{ v }} class=a{{ w }}b>x</p>",
    "<p data-x=\"{{ v }}{{ w }}\">x</p>",
    "<a href=\"{{ v }}\">x</a><a href='{{ w }}'>y</a>",
    "<a href={{ v }}>x</a><img src={{ w }}>",
    "<a href=\"{{ v }}{{ w }}\">x</a>",
    "<a href=\"{{ v }}:{{ w }}\">x</a>",
    "<a href=\"java{{ v }}\">x</a><a href=\"javascript{{ w }}\">x</a>",
    "<a href=\" j{{ v }}{{ w }}\">x</a><a href='&Tab;{{ v }}'>x</a>",
    "<a href=\"/p/{{ v }}?q={{ w }}#{{ v }}\">x</a>",
    "<form action='{{ v }}'><button formaction={{ w }}>x</button></form>",
    "<meta http-equiv=refresh content=\"5; url={{ v }}\"><meta content=\"0;URL = '{{ w }}'\">",
    "<img srcset=\"{{ v }}\"><img srcset='/a.png 1x, {{ w }} 2x'>",
    "<iframe srcdoc=\"<p>{{ v }}</p>\"></iframe><iframe srcdoc={{ w }}></iframe>",
    "<script>var x = {{ v }}; f({{ w }}, 1)</script>",
    "<script>var x = \"{{ v }}\", y = '{{ w }}';</script>",
    "<script>var r = /{{ v }}/g, s = /a{{ w }}b/.test(x) / 2;</script>",
    "<script>// {{ v }}\nvar x; /* {{ w }} */ y()</script>",
    "<script>a = 1 / {{ v }} / 2; b = x /{{ w }}/ 3</script>",
    "<script><!-- <script> {{ v }} </script> f('{{ w }}') --></script><p>x</p>",
    "<script type=\"application/ld+json\">{\"a\": {{ v }}, \"b\": \"{{ w }}\"}</script>",
    "<script type=text/template><b title='{{ v }}'>{{ w }}</b></script><p>x</p>",
    "<script type='{{ v }}'>x = {{ w }}</script>",
    "<a onclick=\"f('{{ v }}', {{ w }})\">x</a>",
    "<a onclick='f(\"{{ v }}\")' onmouseover=\"g(&quot;{{ w }}&quot;)\">x</a>",
    "<a onclick=f({{ v }})>x</a><a onfocus='x = {{ w }}/2'>y</a>",
    "<a onclick=\"f('?a=1&{{ v }}', '&#{{ w }};')\">x</a>",
    "<p style=\"color: {{ v }}; width: {{ w }}\">x</p>",
    "<p style='font-family: \"{{ v }}\"; content: \"{{ w }}\"'>x</p>",
    "<p style=\"background: url('{{ v }}')\">x</p><p style=\"background: url({{ w }})\">y</p>",
    "<p style=\"a: '& {{ v }}'; b: url(/x?{{ w }})\">x</p>",
    "<style>p { color: {{ v }}; content: \"{{ w }}\" }</style>",
    "<style>p { background: url({{ v }}) } q.{{ w }} { color: red }</style>",
    "<style>/* {{ v }} */ p { a: url( \"{{ w }}\" ) }</style>",
    "<input {{ v }}><input {{ w }}=\"x\">",
    "<input {{ v }}{{ w }}=\"x\">",
    "<input data-{{ v }}=\"{{ w }}\">",
    "<h{{ v }}>x</h{{ v }}><b{{ w }}>y</b>",
    "<a/href={{ v }}><a title=\"x\"href=\"{{ w }}\">x</a>",
    "<?xml {{ v }}?><!doctype {{ w }}><p>x</p>",
    "{% for x in l %}<li title={{ x }}>{{ x }}</li>{% endfor %}",
    "{% if v %}<a href=\"{{ v }}\">{% else %}<a href=\"{{ w }}\">{% endif %}x</a>",
    "<p title='{{ v|upper }}'>{{ w|capfirst }}</p>",
    "<script>var x = '{{ v|escapejs }}';</script><a onclick=\"f('{{ w|escapejs }}')\">x</a>",
    "<a href=\"/?q={{ v|urlencode }}&{{ w|iriencode }}\">x</a>",
    "{{ v|json_script:'d' }}<p>{{ w|truncatechars:9 }}</p>",
    "<a href='{{ v|iriencode }}'>x</a><a href=\"{{ w|urlencode:':' }}\">y</a>",
};

/* -- what the parser saw, as text that must not differ -- */

static void add_text(dj_buf *b, const char *text)
{
    dj_buf_add(b, dj_str_of(text));
}

static bool is_code_url(dj_scope *s, const char *url)
{
    dj_buf plain = dj_buf_make(s, SIZE_MAX);
    for (; *url != '\0'; url++)
        if ((unsigned char)*url > ' ')
            dj_buf_add_byte(&plain, dj_to_lower(*url));
    return dj_str_starts(dj_buf_str(&plain), DJ_LIT("javascript:")) ||
           dj_str_starts(dj_buf_str(&plain), DJ_LIT("vbscript:")) ||
           dj_str_starts(dj_buf_str(&plain), DJ_LIT("data:"));
}

static bool is_word(char c)
{
    return dj_is_alpha(c) || dj_is_digit(c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* A letter for each token: w for a run of words and of what joins numbers, s for a string, r for a
 * regular expression where the harmless page has one; punctuators as they are. */
static void add_js(dj_buf *b, const char *js)
{
    char last = 0;
    while (*js != '\0') {
        char c = *js;
        if (c == '"' || c == '\'' || c == '`') {
            for (js++; *js != '\0' && *js != c; js++)
                if (*js == '\\' && js[1] != '\0')
                    js++;
            js += *js != '\0';
            add_text(b, "s");
            last = 's';
        } else if (js[0] == '/' && js[1] == '/') {
            js += strcspn(js, "\r\n");
        } else if (js[0] == '/' && js[1] == '*') {
            const char *close = strstr(js + 2, "*/");
            js = close == NULL ? js + strlen(js) : close + 2;
        } else if (c == '/' && last != 's' && last != 'w' && last != ')') {
            bool in_class = false;
            for (js++; *js != '\0' && (*js != '/' || in_class); js++) {
                if (*js == '\\' && js[1] != '\0')
                    js++;
                else if (*js == '[' || *js == ']')
                    in_class = *js == '[';
            }
            js += *js != '\0';
            add_text(b, "r");
            last = 's';
        } else if (is_word(c)) {
            while (is_word(*js))
                js++;
            add_text(b, "w");
            last = 'w';
        } else {
            if ((unsigned char)c > ' ') {
                dj_buf_add_byte(b, c);
                last = c;
            }
            js++;
        }
    }
}

/* What gives CSS its structure, outside strings and URLs. */
static void add_css(dj_buf *b, const char *css)
{
    while (*css != '\0') {
        char c = *css;
        if (c == '"' || c == '\'') {
            for (css++; *css != '\0' && *css != c && *css != '\n'; css++)
                if (*css == '\\' && css[1] != '\0')
                    css++;
            css += *css == c;
            add_text(b, "s");
        } else if (strncasecmp(css, "url(", 4) == 0 && css[4] != '"' && css[4] != '\'') {
            for (css += 4; *css != '\0' && *css != ')'; css++) {
                if (strchr("\"'(\\", *css) != NULL)
                    add_text(b, "!");
            }
            add_text(b, "u");
        } else if (css[0] == '/' && css[1] == '*') {
            const char *close = strstr(css + 2, "*/");
            css = close == NULL ? css + strlen(css) : close + 2;
        } else {
            if (strchr(";{}()[]@\\", c) != NULL)
                dj_buf_add_byte(b, c);
            css++;
        }
    }
}

static const char *const url_attrs[] = {"href", "src", "action", "formaction"};

static void add_node(dj_scope *s, dj_buf *b, const GumboNode *node, bool names_vary, int depth);

static void add_page(dj_scope *s, dj_buf *b, dj_str page, bool names_vary)
{
    GumboOutput *parsed = gumbo_parse_with_options(&kGumboDefaultOptions, page.ptr, page.len);
    add_node(s, b, parsed->root, names_vary, 0);
    gumbo_destroy_output(&kGumboDefaultOptions, parsed);
}

/* Of <meta content="5; url=...">. */
static bool leads_to_code(dj_scope *s, const char *content)
{
    const char *url = strcasestr(content, "url");
    if (url == NULL || (url = strchr(url, '=')) == NULL)
        return false;
    for (url++; *url == ' ' || *url == '\'' || *url == '"';)
        url++;
    return is_code_url(s, url);
}

static void add_attr(dj_scope *s, dj_buf *b, const GumboAttribute *a)
{
    bool url = false;
    for (size_t i = 0; i < DJ_COUNT(url_attrs); i++)
        url = url || strcmp(a->name, url_attrs[i]) == 0;
    dj_buf_addf(b, " %s", a->name);
    if ((url && is_code_url(s, a->value)) ||
        (strcmp(a->name, "content") == 0 && leads_to_code(s, a->value)))
        add_text(b, "=CODE");
    if (strncmp(a->name, "on", 2) == 0) {
        add_text(b, "=");
        add_js(b, a->value);
    } else if (strcmp(a->name, "style") == 0) {
        add_text(b, "=");
        add_css(b, a->value);
    } else if (strcmp(a->name, "srcdoc") == 0) {
        add_text(b, "=");
        add_page(s, b, dj_str_of(a->value), false);
    }
}

/* One with a type of its own is text to the browser. */
static bool is_code(const GumboElement *e)
{
    const GumboAttribute *type = gumbo_get_attribute(&e->attributes, "type");
    return e->tag == GUMBO_TAG_SCRIPT &&
           (type == NULL || strcmp(type->value, "application/ld+json") == 0);
}

/* Names that the value chose: only that they are harmless counts. */
static bool is_harmless_name(const char *name)
{
    return strncmp(name, "on", 2) != 0 && strcmp(name, "style") != 0 &&
           strstr(name, "src") == NULL && strcmp(name, "href") != 0 && strcmp(name, "type") != 0 &&
           strcmp(name, "formaction") != 0;
}

static void add_node(dj_scope *s, dj_buf *b, const GumboNode *node, bool names_vary, int depth)
{
    if (depth > 200)
        return;
    switch (node->type) {
    case GUMBO_NODE_COMMENT:
        add_text(b, "<!>");
        break;
    case GUMBO_NODE_ELEMENT: {
        const GumboElement *e = &node->v.element;
        const char         *name = gumbo_normalized_tagname(e->tag);
        bool                own =
            e->tag == GUMBO_TAG_UNKNOWN || (e->tag >= GUMBO_TAG_H1 && e->tag <= GUMBO_TAG_H6);
        dj_buf_addf(b, "<%s", names_vary && own ? "?" : name);
        for (unsigned i = 0; i < e->attributes.length; i++) {
            const GumboAttribute *a = e->attributes.data[i];
            if (names_vary && is_harmless_name(a->name))
                add_text(b, " ?");
            else
                add_attr(s, b, a);
        }
        add_text(b, ">");
        for (unsigned i = 0; i < e->children.length; i++) {
            const GumboNode *child = e->children.data[i];
            bool text = child->type == GUMBO_NODE_TEXT || child->type == GUMBO_NODE_WHITESPACE;
            if (is_code(e) && text)
                add_js(b, child->v.text.text);
            else if (e->tag == GUMBO_TAG_STYLE && text)
                add_css(b, child->v.text.text);
            else
                add_node(s, b, child, names_vary, depth + 1);
        }
        dj_buf_addf(b, "</>");
        break;
    }
    default:
        break;
    }
}

/* None: the rendering failed, which is fine. */
static dj_str shape(dj_scope *s, const dj_template *t, dj_str v, dj_str w, bool names_vary,
                    dj_str *page)
{
    dj_var            list[2] = {dj_var_str(v), dj_var_str(w)};
    dj_var_item       items[] = {{DJ_LIT("v"), dj_var_str(v)},
                                 {DJ_LIT("w"), dj_var_str(w)},
                                 {DJ_LIT("l"), dj_var_of_list(list, 2)}};
    dj_render_input   input = {.items = items, .nitems = DJ_COUNT(items)};
    dj_out            out = dj_out_make(s, 1 << 20);
    dj_template_error error;
    if (dj_template_render(s, t, &input, &out, &error) != DJ_OK)
        return DJ_NONE;
    *page = dj_out_str(&out);
    dj_buf b = dj_buf_make(s, SIZE_MAX);
    add_page(s, &b, *page, names_vary);
    return dj_buf_str(&b);
}

/* -- the run -- */

static bool find_page(void *ctx, dj_str name, dj_str *source)
{
    int64_t i;
    (void)ctx;
    if (!dj_str_to_int(name, &i) || i < 0 || (size_t)i >= DJ_COUNT(pages))
        return false;
    *source = dj_str_of(pages[i]);
    return true;
}

static dj_engine *engine(dj_scope *s)
{
    static const dj_template_dir dirs[] = {{.find = find_page}};
    dj_engine_options options = {.dirs = dirs, .ndirs = 1, .autoescape = true, .contextual = true};
    dj_engine        *made = NULL;
    DJ_ASSERT(dj_engine_new(s, &options, &made) == DJ_OK);
    return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static dj_scope  *forever;
    static dj_engine *made;
    if (forever == NULL) {
        forever = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
        made = engine(forever);
    }
    if (size == 0)
        return 0;
    dj_scope          *s = dj_scope_open(DJ_SCOPE_MAX_DEFAULT);
    dj_str             values = dj_str_n((const char *)data + 1, size - 1), v = values, w = values;
    size_t             which = data[0] % DJ_COUNT(pages), cut = dj_str_chr(values, 0x1f);
    const dj_template *t = NULL;
    dj_template_error  error;
    dj_str             page = DJ_NONE, ignored;
    if (cut != DJ_NOT_FOUND) {
        v = dj_str_first(values, cut);
        w = dj_str_from(values, cut + 1);
    }
    DJ_ASSERT(dj_engine_load(made, s, dj_strf(s, "%zu", which), &t, &error) == DJ_OK);
    bool names_vary = strstr(pages[which], "input") != NULL || strstr(pages[which], "<h{{") != NULL;
    dj_str want = shape(s, t, DJ_LIT("a"), DJ_LIT("b"), names_vary, &ignored),
           got = shape(s, t, v, w, names_vary, &page);
    DJ_ASSERT(!dj_str_is_none(want));
    if (!dj_str_is_none(got) && !dj_str_eq(want, got)) {
        fprintf(stderr, "template %s\npage " DJ_FMT "\nwant " DJ_FMT "\ngot  " DJ_FMT "\n",
                pages[which], DJ_ARG(page), DJ_ARG(want), DJ_ARG(got));
        DJ_ASSERT(dj_str_eq(want, got)); /* the value changed the page */
    }
    dj_scope_close(s);
    return 0;
}
