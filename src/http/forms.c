/* src/http/forms.c - request.POST and request.FILES.
 *
 * Read when first asked for, once. Django: http/request.py, _load_post_and_files and
 * _set_content_type_params.
 *
 * Must not know: settings; the limits are handed in. */
#include "http/http.h"
#include "donjon/unicode.h"

/* -- a form -- */

dj_form *dj_form_new(dj_scope *s)
{
    dj_form *form = dj_new(s, dj_form);
    form->post = dj_new(s, dj_querydict);
    form->post->names = dj_map_make(s);
    form->files = dj_map_make(s);
    return form;
}

void dj_form_add_file(dj_scope *s, dj_form *form, dj_upload *upload)
{
    dj_upload_list *list = dj_map_get(&form->files, upload->field);
    if (list == NULL) {
        list = dj_new(s, dj_upload_list);
        dj_map_set(&form->files, upload->field, list);
    }
    if (list->len == list->cap) {
        size_t cap = list->cap == 0 ? 1 : list->cap * 2;
        list->items =
            dj_realloc(s, list->items, list->cap * sizeof *list->items, cap * sizeof *list->items);
        list->cap = cap;
    }
    list->items[list->len++] = upload;
}

dj_str dj_post_get(const dj_form *form, dj_str name)
{
    return dj_querydict_get(form->post, name);
}

size_t dj_post_count(const dj_form *form, dj_str name)
{
    const dj_querydict_entry *entry = dj_querydict_getlist(form->post, name);
    return entry == NULL ? 0 : entry->nvalues;
}

dj_str dj_post_at(const dj_form *form, dj_str name, size_t i)
{
    const dj_querydict_entry *entry = dj_querydict_getlist(form->post, name);
    return entry == NULL || i >= entry->nvalues ? DJ_NONE : entry->values[i];
}

size_t dj_post_names(const dj_form *form)
{
    return form->post->names.len;
}

dj_str dj_post_name(const dj_form *form, size_t i)
{
    return i < form->post->names.len ? form->post->names.entries[i].key : DJ_NONE;
}

size_t dj_file_count(const dj_form *form, dj_str name)
{
    const dj_upload_list *list = dj_map_get(&form->files, name);
    return list == NULL ? 0 : list->len;
}

const dj_upload *dj_file_at(const dj_form *form, dj_str name, size_t i)
{
    const dj_upload_list *list = dj_map_get(&form->files, name);
    return list == NULL || i >= list->len ? NULL : list->items[i];
}

const dj_upload *dj_file_get(const dj_form *form, dj_str name)
{
    size_t n = dj_file_count(form, name);
    return n == 0 ? NULL : dj_file_at(form, name, n - 1);
}

size_t dj_file_names(const dj_form *form)
{
    return form->files.len;
}

dj_str dj_file_name(const dj_form *form, size_t i)
{
    return i < form->files.len ? form->files.entries[i].key : DJ_NONE;
}

/* -- reading -- */

/* How much of the body counts: what Content-Length says, as Python's int() reads it. Absent or
 * unreadable: nothing. The server lets only its own reading through, so that the rest matters where
 * a request was made in another way. */
static dj_err announced(dj_req *req, dj_str *body)
{
    int64_t length = 0;
    *body = req->body;
    if (req->head->chunked)
        return DJ_OK;
    dj_str text = dj_str_trim(dj_head_field(req->head, DJ_FIELD_CONTENT_LENGTH));
    if (text.len > 1 && text.ptr[0] == '+' && dj_is_digit(text.ptr[1]))
        text = dj_str_from(text, 1);
    if (!dj_str_to_int(text, &length))
        length = 0;
    if (length < 0)
        return dj_fail(req->scope, DJ_ERR_MULTIPART, "Invalid content length: %lld",
                       (long long)length);
    *body = dj_str_first(req->body, (size_t)length);
    return DJ_OK;
}

/* A parser for the body that comes with this Content-Type. */
static dj_err begin_multipart(dj_req *req, const dj_header_params *params,
                              const dj_form_limits *limits, dj_multipart **out)
{
    dj_scope *s = req->scope;
    dj_str    type = dj_head_field(req->head, DJ_FIELD_CONTENT_TYPE);
    int       charset = dj_charset_find(dj_header_param_get(params, DJ_LIT("charset")));
    if (charset == DJ_CHARSET_OTHER)
        return dj_fail(s, DJ_ERR_BAD_REQUEST, "A form in a charset that is not read here");
    if (!dj_str_starts(type, DJ_LIT("multipart/")))
        return dj_fail(s, DJ_ERR_MULTIPART, "Invalid Content-Type");
    for (size_t i = 0; i < type.len; i++) {
        if ((unsigned char)type.ptr[i] > 0x7F)
            return dj_fail(s, DJ_ERR_MULTIPART, "Invalid non-ASCII Content-Type in multipart");
    }
    return dj_multipart_new(s, dj_header_param_get(params, DJ_LIT("boundary")),
                            charset == DJ_CHARSET_UNKNOWN ? DJ_CHARSET_UTF8 : charset, limits, out);
}

static dj_err read_multipart(dj_req *req, const dj_header_params *params,
                             const dj_form_limits *limits, dj_form **out)
{
    dj_multipart *m;
    dj_str        body;
    dj_err        e = begin_multipart(req, params, limits, &m);
    if (!e)
        e = announced(req, &body);
    if (!e)
        e = dj_multipart_feed(m, body);
    return e ? e : dj_multipart_end(m, out);
}

static dj_err read_urlencoded(dj_req *req, dj_str charset, const dj_form_limits *limits,
                              dj_form **out)
{
    dj_scope *s = req->scope;
    if (dj_charset_find(charset) != DJ_CHARSET_UNKNOWN &&
        !dj_str_eq_nocase(charset, DJ_LIT("utf-8")))
        return dj_fail(s, DJ_ERR_BAD_REQUEST,
                       "HTTP requests with the 'application/x-www-form-urlencoded' content type "
                       "must be UTF-8 encoded.");
    if (limits->memory >= 0 && req->body.len > (uint64_t)limits->memory)
        return dj_fail(s, DJ_ERR_DATA_TOO_BIG,
                       "Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE.");
    *out = dj_form_new(s);
    return dj_querydict_parse(s, req->body, limits->fields, &(*out)->post);
}

/* False if it can't be read. */
static bool content_type(const dj_req *req, dj_header_params *params)
{
    dj_str type = dj_head_field(req->head, DJ_FIELD_CONTENT_TYPE);
    if (dj_str_is_none(type))
        type = DJ_LIT("");
    return dj_header_params_parse(req->scope, dj_latin1_to_utf8(req->scope, type), params) == DJ_OK;
}

static bool is_multipart(const dj_header_params *params)
{
    return dj_str_eq(params->value, DJ_LIT("multipart/form-data"));
}

static dj_err read_body(dj_req *req, const dj_form_limits *limits, dj_form **out)
{
    dj_header_params params;
    if (req->head->method != DJ_POST)
        return DJ_OK;
    if (!content_type(req, &params))
        return dj_fail(req->scope, DJ_ERR_BAD_REQUEST, "Invalid Content-Type");
    if (dj_str_eq(params.value, DJ_LIT("application/x-www-form-urlencoded")))
        return read_urlencoded(req, dj_header_param_get(&params, DJ_LIT("charset")), limits, out);
    return is_multipart(&params) ? read_multipart(req, &params, limits, out) : DJ_OK;
}

dj_err dj_form_read(dj_req *req, const dj_form_limits *limits, const dj_form **out)
{
    if (req->form == NULL) {
        dj_form *form = NULL;
        dj_err   e = req->intake != NULL && req->intake->is_form ? dj_intake_form(req, &form)
                                                                 : read_body(req, limits, &form);
        req->form = e || form == NULL ? dj_form_new(req->scope) : form;
        if (e)
            return e;
    }
    *out = req->form;
    return DJ_OK;
}

bool dj_form_is_multipart(const dj_req *req)
{
    dj_header_params params;
    return req->head->method == DJ_POST && content_type(req, &params) && is_multipart(&params);
}

dj_err dj_form_begin(dj_req *req, const dj_form_limits *limits, dj_multipart **out)
{
    dj_header_params params;
    (void)content_type(req, &params);
    return begin_multipart(req, &params, limits, out);
}
