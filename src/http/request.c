/* src/http/request.c - a request as a view asks about it: path, headers, query, nonce.
 *
 * Must not know: the connection it came on, settings, routes. */
#include "http/http.h"
#include "donjon/crypto.h"

dj_req *dj_req_new(dj_scope *s, const dj_head *head, const dj_peer *peer, dj_str body)
{
    dj_req *req = dj_new(s, dj_req);
    req->scope = s;
    req->head = head;
    req->peer = peer;
    req->body = body;
    req->secure = peer->tls;
    req->path = dj_url_path_decode(s, head->path);
    return req;
}

dj_scope *dj_req_scope(dj_req *req)
{
    return req->scope;
}

dj_method dj_req_method(const dj_req *req)
{
    return req->head->method;
}

dj_str dj_req_method_name(const dj_req *req)
{
    return req->head->method_name;
}

dj_str dj_req_path(dj_req *req)
{
    return req->path;
}

dj_str dj_req_full_path(dj_req *req)
{
    if (dj_str_is_none(req->full_path))
        req->full_path = dj_url_full_path(req->scope, req->path, req->head->query, false);
    return req->full_path;
}

dj_str dj_req_query_string(const dj_req *req)
{
    return dj_str_is_none(req->head->query) ? DJ_LIT("") : req->head->query;
}

/* Parsed once, when first asked for. Too many fields are refused before the view (app/), so parsing
 * here can't fail. */
dj_str dj_query_get(dj_req *req, dj_str name)
{
    if (req->query == NULL &&
        dj_querydict_parse(req->scope, dj_req_query_string(req), -1, &req->query) != DJ_OK)
        return DJ_NONE;
    return dj_querydict_get(req->query, name);
}

dj_str dj_head_field(const dj_head *head, dj_field_id id)
{
    if ((head->seen >> id & 1u) == 0)
        return DJ_NONE;
    for (size_t i = 0; i < head->nfields; i++) {
        if (head->fields[i].id == id)
            return head->fields[i].value;
    }
    return DJ_NONE;
}

dj_str dj_req_header(dj_req *req, dj_str name)
{
    const dj_head *head = req->head;
    dj_str         value = DJ_NONE;
    dj_str         glue = dj_str_eq_nocase(name, DJ_LIT("cookie")) ? DJ_LIT("; ") : DJ_LIT(",");
    for (size_t i = 0; i < head->nfields; i++) {
        const dj_field *f = &head->fields[i];
        if (f->name.len != name.len || !dj_str_eq_nocase(f->name, name))
            continue;
        if (dj_str_is_none(value))
            value = f->value;
        else
            value = dj_str_cat(req->scope, dj_str_cat(req->scope, value, glue), f->value);
    }
    return value;
}

dj_str dj_req_body(const dj_req *req)
{
    return dj_form_is_multipart(req) ? DJ_NONE : req->body;
}

bool dj_req_is_secure(const dj_req *req)
{
    return req->secure;
}

dj_str dj_req_client(const dj_req *req)
{
    return req->peer->address;
}

dj_str dj_csp_nonce(dj_req *req)
{
    if (!req->nonce_made) {
        dj_nonce(req->nonce);
        req->nonce_made = true;
    }
    return dj_str_n(req->nonce, DJ_NONCE_LEN);
}

void dj_set_exempt(dj_req *req, dj_exempt what)
{
    req->exempt |= (unsigned)what;
}

bool dj_is_exempt(const dj_req *req, dj_exempt what)
{
    return (req->exempt & (unsigned)what) != 0;
}
