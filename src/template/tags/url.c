/* src/template/tags/url.c - url, static, get_static_prefix, get_media_prefix, querystring.
 *
 * Django: django/template/defaulttags.py, django/templatetags/static.py.
 *
 * Must not know: routes, where static files lie: the hooks do. */
#include "donjon/url.h"
#include "template/inside.h"

/* A URL as the template sees it: encoded for its place in the page, or escaped HTML if it holds
 * what HTML would read. */
static dj_var url_value(dj_run *run, dj_str url, bool escape)
{
    dj_str text = dj_html_escape(run->scope, url).safe;
    bool   plain = dj_str_eq(text, url);
    return dj_var_made(escape ? text : url, plain ? DJ_SAFE_URL_ENCODED : DJ_SAFE_HTML);
}

/* -- url -- */

typedef struct url_tag {
    const dj_expr  *name;
    const dj_expr **args, **kwargs;
    dj_str         *names; /* of kwargs */
    size_t          nargs, nkwargs;
    dj_str          as;
} url_tag;

/* Integers stay what they are, all else is Python's str(). */
static dj_err url_arg(dj_run *run, const dj_expr *expr, dj_var *out)
{
    dj_str text = DJ_NONE;
    dj_err e = dj_expr_eval(run, expr, DJ_MISSING_IS_TEXT, out);
    if (e || out->kind == DJ_VAR_INT)
        return e;
    if ((e = dj_var_plain(run, out, &text)))
        return e;
    *out = dj_var_made(text, DJ_UNSAFE);
    return DJ_OK;
}

static dj_err url_enter(dj_run *run, const dj_tnode *node)
{
    const url_tag         *tag = node->data;
    const dj_engine_hooks *hooks = &dj_engine_options_of(run->engine)->hooks;
    dj_var                 name = dj_var_none();
    dj_str                 url = DJ_NONE;
    bool                   named = tag->nkwargs > 0;
    size_t                 n = tag->nargs + tag->nkwargs;
    dj_var                *values = dj_new_array(run->scope, dj_var, n);
    dj_err                 e;
    for (size_t i = 0; i < n; i++) {
        const dj_expr *one = i < tag->nargs ? tag->args[i] : tag->kwargs[i - tag->nargs];
        if ((e = url_arg(run, one, &values[i])))
            return e;
    }
    if ((e = dj_expr_eval(run, tag->name, DJ_MISSING_IS_TEXT, &name)) ||
        (e = dj_var_plain(run, &name, &name.text)))
        return e;
    if (named && tag->nargs > 0)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE,
                       "A URL takes arguments by position or by name, not both");
    if (hooks->reverse == NULL)
        return dj_fail(run->scope, DJ_ERR_NO_REVERSE, "There are no routes here");
    e = hooks->reverse(hooks->ctx, run, name.text, values, n, named ? tag->names : NULL, &url);
    if (e == DJ_ERR_NO_REVERSE && !dj_str_is_none(tag->as)) {
        dj_run_forgive(run);
        url = DJ_LIT("");
    } else if (e) {
        return e;
    }
    dj_var v = dj_var_made(url, DJ_SAFE_URL_ENCODED);
    return dj_run_print_as(run, &v, tag->as);
}

static dj_str url_target(const dj_tnode *node)
{
    const dj_expr *name = ((const url_tag *)node->data)->name;
    return name->what.path == NULL && name->nfilters == 0 && name->what.literal.kind == DJ_VAR_STR
               ? name->what.literal.text
               : DJ_NONE;
}

static const dj_node_kind url_kind = {"url", url_enter, NULL, url_target};

static dj_err add_kwarg(dj_parser *p, url_tag *tag, dj_str key, dj_str value)
{
    size_t i = 0;
    while (i < tag->nkwargs && !dj_str_eq(tag->names[i], key))
        i++;
    tag->names[i] = key;
    tag->nkwargs += i == tag->nkwargs ? 1 : 0;
    return dj_expr_compile(p, value, &tag->kwargs[i]);
}

static dj_err url_open(dj_parser *p, const dj_token *t)
{
    dj_str  *words, key, value;
    size_t   nwords;
    url_tag *tag = dj_new(p->scope, url_tag);
    dj_err   e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords == 0)
        return dj_parse_fail(p, "'url' takes at least one argument, a URL pattern name.");
    if ((e = dj_expr_compile(p, words[0], &tag->name)))
        return e;
    if (nwords >= 3 && dj_str_eq(words[nwords - 2], DJ_LIT("as"))) {
        tag->as = words[nwords - 1];
        nwords -= 2;
    }
    tag->args = dj_new_array(p->scope, const dj_expr *, nwords);
    tag->kwargs = dj_new_array(p->scope, const dj_expr *, nwords);
    tag->names = dj_new_array(p->scope, dj_str, nwords);
    for (size_t i = 1; i < nwords; i++) {
        e = dj_word_assigns(words[i], &key, &value)
                ? add_kwarg(p, tag, key, value)
                : dj_expr_compile(p, words[i], &tag->args[tag->nargs++]);
        if (e)
            return e;
    }
    dj_emit(p, &url_kind, tag);
    return DJ_OK;
}

const dj_tag dj_tag_url = {"url", url_open, NULL, NULL};

/* -- static -- */

typedef struct static_tag {
    const dj_expr *path;
    dj_str         as;
    bool           media; /* of the prefix tags */
} static_tag;

static dj_err print_url(dj_run *run, dj_str url, dj_str as)
{
    if (!dj_str_is_none(as)) {
        dj_run_set(run, as, url_value(run, url, run->autoescape));
        return DJ_OK;
    }
    dj_var v = dj_var_made(url, DJ_SAFE_URL_ENCODED);
    return dj_run_print(run, &v, false);
}

/* urljoin(STATIC_URL, path); the setting may lack a scheme, or scheme and host. */
static bool join_static(dj_scope *s, dj_str prefix, dj_str path, dj_str *url)
{
    static const char any_host[] = "http://any";
    bool              absolute = dj_str_starts_nocase(prefix, DJ_LIT("http://")) ||
                    dj_str_starts_nocase(prefix, DJ_LIT("https://"));
    if (absolute)
        return dj_url_join(s, prefix, path, url);
    bool   host = dj_str_starts(prefix, DJ_LIT("//"));
    dj_str base = dj_str_cat(s, host ? DJ_LIT("http:") : dj_str_of(any_host), prefix);
    if (!dj_url_join(s, base, path, url))
        return false;
    bool same = !host && dj_str_starts(*url, DJ_LIT("http://any/"));
    *url = dj_str_from(*url, same ? sizeof any_host - 1 : 5);
    return true;
}

static dj_err static_enter(dj_run *run, const dj_tnode *node)
{
    const static_tag        *tag = node->data;
    const dj_engine_options *options = dj_engine_options_of(run->engine);
    dj_var                   path = dj_var_none();
    dj_str                   url = DJ_NONE;
    dj_err                   e = dj_expr_eval(run, tag->path, DJ_MISSING_IS_TEXT, &path);
    if (e)
        return e;
    if (path.kind != DJ_VAR_STR)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE, "The path of a static file must be a text");
    if (options->hooks.static_url != NULL) {
        e = options->hooks.static_url(options->hooks.ctx, run->scope, path.text, &url);
        if (e)
            return e;
    } else {
        dj_str prefix = dj_iri_to_uri(run->scope, options->static_url);
        dj_str quoted = dj_url_quote(run->scope, path.text, DJ_LIT("/"));
        if (!join_static(run->scope, prefix, quoted, &url))
            return dj_fail(run->scope, DJ_ERR_TEMPLATE, "STATIC_URL and the path make no URL");
    }
    return print_url(run, url, tag->as);
}

static const dj_node_kind static_kind = {"static", static_enter, NULL, NULL};

static dj_err static_open(dj_parser *p, const dj_token *t)
{
    dj_str     *words;
    size_t      nwords;
    static_tag *tag = dj_new(p->scope, static_tag);
    dj_err      e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords == 0)
        return dj_parse_fail(p, "'static' takes at least one argument (path to file)");
    if ((e = dj_expr_compile(p, words[0], &tag->path)))
        return e;
    if (nwords >= 2 && dj_str_eq(words[nwords - 2], DJ_LIT("as"))) {
        if (nwords < 3)
            return dj_parse_fail(p, "'static' takes at least one argument (path to file)");
        tag->as = words[2];
    }
    dj_emit(p, &static_kind, tag);
    return DJ_OK;
}

const dj_tag dj_tag_static = {"static", static_open, NULL, NULL};

/* -- get_static_prefix, get_media_prefix -- */

static dj_err prefix_enter(dj_run *run, const dj_tnode *node)
{
    const static_tag        *tag = node->data;
    const dj_engine_options *options = dj_engine_options_of(run->engine);
    dj_str url = dj_iri_to_uri(run->scope, tag->media ? options->media_url : options->static_url);
    /* A setting, which Django does not escape here. */
    dj_var v = url_value(run, url, false);
    return dj_run_print_as(run, &v, tag->as);
}

static const dj_node_kind prefix_kind = {"get_prefix", prefix_enter, NULL, NULL};

static dj_err prefix_open(dj_parser *p, const dj_token *t, bool media)
{
    dj_str     *words;
    size_t      nwords;
    static_tag *tag = dj_new(p->scope, static_tag);
    dj_err      e = dj_tag_words(p, t, false, &words, &nwords);
    if (e)
        return e;
    const char *name = media ? "get_media_prefix" : "get_static_prefix";
    if (nwords > 0 && !dj_str_eq(words[0], DJ_LIT("as")))
        return dj_parse_fail(p, "First argument in '%s' must be 'as'", name);
    if (nwords == 1)
        return dj_parse_fail(p, "'%s' needs the name of a variable behind 'as'", name);
    tag->media = media;
    tag->as = nwords > 1 ? words[1] : DJ_NONE;
    dj_emit(p, &prefix_kind, tag);
    return DJ_OK;
}

static dj_err static_prefix_open(dj_parser *p, const dj_token *t)
{
    return prefix_open(p, t, false);
}

static dj_err media_prefix_open(dj_parser *p, const dj_token *t)
{
    return prefix_open(p, t, true);
}

const dj_tag dj_tag_get_static_prefix = {"get_static_prefix", static_prefix_open, NULL, NULL};
const dj_tag dj_tag_get_media_prefix = {"get_media_prefix", media_prefix_open, NULL, NULL};

/* -- querystring -- */

typedef struct querystring_tag {
    const dj_expr   *source; /* NULL: the request's */
    const dj_assign *values;
    size_t           nvalues;
    dj_str           as;
} querystring_tag;

static void add_pair(dj_buf *b, dj_str name, dj_str value)
{
    if (b->len > 0)
        dj_buf_add_byte(b, '&');
    dj_buf_add_quoted_plus(b, name, DJ_LIT(""));
    dj_buf_add_byte(b, '=');
    dj_buf_add_quoted_plus(b, value, DJ_LIT(""));
}

/* One value, or each of a list. */
static dj_err add_value(dj_run *run, dj_buf *b, dj_str name, const dj_var *v)
{
    size_t len = 1;
    bool   many = v->kind != DJ_VAR_STR && dj_var_len(run, v, &len);
    for (size_t i = 0; i < len; i++) {
        dj_var one = *v;
        dj_str text = DJ_NONE;
        dj_err e = DJ_OK;
        if (many)
            e = dj_var_at(run, v, i, &one);
        if (e || (e = dj_var_plain(run, &one, &text)))
            return e;
        add_pair(b, name, text);
    }
    return DJ_OK;
}

static const dj_var *replacement(const querystring_tag *tag, const dj_var *values, dj_str name)
{
    for (size_t i = 0; i < tag->nvalues; i++) {
        if (dj_str_eq(tag->values[i].name, name))
            return &values[i];
    }
    return NULL;
}

static bool has_name(const dj_var_multi *source, dj_str name)
{
    for (size_t i = 0; i < source->len; i++) {
        if (dj_str_eq(source->items[i].name, name))
            return true;
    }
    return false;
}

/* *any: at least one key is left. */
static dj_err write_query(dj_run *run, const querystring_tag *tag, const dj_var_multi *source,
                          const dj_var *values, dj_buf *b, bool *any)
{
    dj_err e;
    *any = false;
    for (size_t i = 0; i < source->len; i++) {
        const struct dj_multi_item *item = &source->items[i];
        const dj_var               *v = replacement(tag, values, item->name);
        if (v != NULL && v->kind == DJ_VAR_NONE)
            continue;
        *any = true;
        if (v != NULL && (e = add_value(run, b, item->name, v)))
            return e;
        for (size_t k = 0; v == NULL && k < item->nvalues; k++)
            add_pair(b, item->name, item->values[k]);
    }
    for (size_t i = 0; i < tag->nvalues; i++) {
        if (values[i].kind == DJ_VAR_NONE || has_name(source, tag->values[i].name))
            continue;
        *any = true;
        if ((e = add_value(run, b, tag->values[i].name, &values[i])))
            return e;
    }
    return DJ_OK;
}

static dj_err query_source(dj_run *run, const querystring_tag *tag, const dj_var_multi **out)
{
    static const dj_var_multi nothing = {0};
    dj_var                    v = dj_var_none();
    dj_err                    e;
    if (tag->source != NULL && (e = dj_expr_eval(run, tag->source, DJ_MISSING_IS_TEXT, &v)))
        return e;
    if (v.kind == DJ_VAR_NONE) {
        *out = run->input->get;
        return *out != NULL ? DJ_OK
                            : dj_fail(run->scope, DJ_ERR_TEMPLATE,
                                      "querystring needs a request or a mapping");
    }
    if (v.kind == DJ_VAR_MAP && v.map.len == 0 && tag->nvalues == 0) {
        *out = &nothing;
        return DJ_OK;
    }
    if (v.kind != DJ_VAR_MULTI)
        return dj_fail(run->scope, DJ_ERR_TEMPLATE, "querystring needs a QueryDict");
    *out = v.multi;
    return DJ_OK;
}

static dj_err querystring_enter(dj_run *run, const dj_tnode *node)
{
    const querystring_tag *tag = node->data;
    const dj_var_multi    *source = NULL;
    dj_buf  b = dj_buf_make(run->scope, (size_t)dj_engine_options_of(run->engine)->limits.output);
    dj_var *values = dj_new_array(run->scope, dj_var, tag->nvalues);
    bool    any = false;
    dj_err  e = query_source(run, tag, &source);
    for (size_t i = 0; i < tag->nvalues && !e; i++)
        e = dj_expr_eval(run, tag->values[i].value, DJ_MISSING_IS_TEXT, &values[i]);
    if (e || (e = write_query(run, tag, source, values, &b, &any)))
        return e;
    bool   empty = !any && source->len == 0;
    dj_var v = dj_var_made(empty ? DJ_LIT("") : dj_str_cat(run->scope, DJ_LIT("?"), dj_buf_str(&b)),
                           DJ_SAFE_URL_ENCODED);
    return dj_run_print_as(run, &v, tag->as);
}

static const dj_node_kind querystring_kind = {"querystring", querystring_enter, NULL, NULL};

static dj_err querystring_open(dj_parser *p, const dj_token *t)
{
    dj_str          *words, key, value;
    size_t           nwords, n = 0;
    querystring_tag *tag = dj_new(p->scope, querystring_tag);
    dj_err           e = dj_tag_words(p, t, true, &words, &nwords);
    if (e)
        return e;
    if (nwords >= 2 && dj_str_eq(words[nwords - 2], DJ_LIT("as"))) {
        tag->as = words[nwords - 1];
        nwords -= 2;
    }
    dj_assign *values = dj_new_array(p->scope, dj_assign, nwords);
    bool       named = false;
    for (size_t i = 0; i < nwords; i++) {
        if (!dj_word_assigns(words[i], &key, &value)) {
            if (n > 0 || named)
                return dj_parse_fail(p, "'querystring' received some positional argument(s) "
                                        "after some keyword argument(s)");
            if (tag->source != NULL)
                return dj_parse_fail(p, "'querystring' received too many positional arguments");
            if ((e = dj_expr_compile(p, words[i], &tag->source)))
                return e;
            continue;
        }
        bool   source = dj_str_eq(key, DJ_LIT("query_dict"));
        size_t same = 0;
        while (same < n && !dj_str_eq(values[same].name, key))
            same++;
        if (same < n || (source && tag->source != NULL))
            return dj_parse_fail(
                p, "'querystring' received multiple values for keyword argument '" DJ_FMT "'",
                DJ_ARG(key));
        named = true;
        if (source) {
            if ((e = dj_expr_compile(p, value, &tag->source)))
                return e;
            continue;
        }
        values[n].name = key;
        if ((e = dj_expr_compile(p, value, &values[n++].value)))
            return e;
    }
    tag->values = values;
    tag->nvalues = n;
    dj_emit(p, &querystring_kind, tag);
    return DJ_OK;
}

const dj_tag dj_tag_querystring = {"querystring", querystring_open, NULL, NULL};
