/* src/app/host.c - host, port and scheme of a request: policy's decisions on what this request
 * carries.
 *
 * Django: http/request.py, get_host, get_port, scheme, build_absolute_uri. Donjon's own: forwarding
 * headers from a peer that is not in TRUSTED_PROXIES are taken away before anything can read them.
 */
#include "app/app.h"
#include "donjon/host.h"
#include "donjon/policy.h"
#include "donjon/unicode.h"

struct dj_host_rules {
    dj_str_list allowed;
    bool        debug, forwarded_host, forwarded_port;
    dj_str      proxy_header; /* name as in a request; none: SECURE_PROXY_SSL_HEADER is not set */
    dj_str      proxy_secure;
    dj_networks proxies;
};

/* "HTTP_X_FORWARDED_PROTO" -> "X-FORWARDED-PROTO"; names are compared without case. */
static dj_str header_of_meta(dj_scope *s, dj_str key)
{
    if (!dj_str_starts(key, DJ_LIT("HTTP_")))
        return DJ_NONE;
    return dj_str_replace(s, dj_str_from(key, 5), DJ_LIT("_"), DJ_LIT("-"));
}

static dj_err read_proxy_header(dj_scope *s, const dj_value *v, dj_host_rules *rules)
{
    if (!dj_value_truth(v))
        return DJ_OK;
    if (!dj_value_is_seq(v) || v->seq.len != 2 || v->seq.items[0]->kind != DJ_V_STR ||
        v->seq.items[1]->kind != DJ_V_STR)
        return dj_fail(
            s, DJ_ERR_SETTINGS,
            "The SECURE_PROXY_SSL_HEADER setting must be a tuple containing two values, like "
            "('HTTP_X_FORWARDED_PROTO', 'https')");
    rules->proxy_header = header_of_meta(s, v->seq.items[0]->str);
    rules->proxy_secure = v->seq.items[1]->str;
    if (dj_str_is_none(rules->proxy_header))
        return dj_fail(s, DJ_ERR_SETTINGS,
                       "The name in SECURE_PROXY_SSL_HEADER must begin with HTTP_");
    return DJ_OK;
}

dj_err dj_host_rules_new(dj_scope *s, const dj_settings *settings, const dj_host_rules **out)
{
    dj_host_rules *rules = dj_new(s, dj_host_rules);
    rules->allowed = settings->ALLOWED_HOSTS;
    rules->debug = settings->DEBUG;
    rules->forwarded_host = settings->USE_X_FORWARDED_HOST;
    rules->forwarded_port = settings->USE_X_FORWARDED_PORT;
    dj_err e = read_proxy_header(s, settings->SECURE_PROXY_SSL_HEADER, rules);
    if (!e)
        e = dj_networks_parse(s, settings->TRUSTED_PROXIES, &rules->proxies);
    if (e)
        return e;
    *out = rules;
    return DJ_OK;
}

/* -- before everything else -- */

static bool is_forwarding(const dj_host_rules *rules, const dj_field *f)
{
    switch (f->id) {
    case DJ_FIELD_X_FORWARDED_HOST:
    case DJ_FIELD_X_FORWARDED_PORT:
    case DJ_FIELD_X_FORWARDED_PROTO:
        return true;
    case DJ_FIELD_OTHER:
        break;
    default:
        return false;
    }
    return dj_str_starts_nocase(f->name, DJ_LIT("X-Forwarded-")) ||
           dj_str_eq_nocase(f->name, DJ_LIT("Forwarded")) ||
           dj_str_eq_nocase(f->name, DJ_LIT("X-Real-IP")) ||
           (rules->proxy_header.len > 0 && dj_str_eq_nocase(f->name, rules->proxy_header));
}

static bool peer_is_trusted(const dj_host_rules *rules, const dj_peer *peer)
{
    return peer->unix_socket ? rules->proxies.unix_socket
                             : dj_networks_has(&rules->proxies, peer->address);
}

bool dj_site_is_proxy(const dj_peer *peer, void *site)
{
    return peer_is_trusted(((const struct dj_site *)site)->hosts, peer);
}

/* A copy of the head without what a client must not say. */
static void drop_forwarding(dj_req *req, const dj_host_rules *rules)
{
    dj_head *head = dj_new(req->scope, dj_head);
    *head = *req->head;
    head->nfields = 0;
    for (size_t i = 0; i < req->head->nfields; i++) {
        if (!is_forwarding(rules, &req->head->fields[i]))
            head->fields[head->nfields++] = req->head->fields[i];
    }
    head->seen &= ~(1u << DJ_FIELD_X_FORWARDED_HOST | 1u << DJ_FIELD_X_FORWARDED_PORT |
                    1u << DJ_FIELD_X_FORWARDED_PROTO);
    req->head = head;
}

void dj_host_prepare(dj_req *req)
{
    const dj_host_rules *rules = req->site->hosts;
    for (size_t i = 0; i < req->head->nfields; i++) {
        if (DJ_LIKELY(!is_forwarding(rules, &req->head->fields[i])))
            continue;
        if (!peer_is_trusted(rules, req->peer)) {
            drop_forwarding(req, rules);
            return;
        }
        break;
    }
    if (rules->proxy_header.len == 0)
        return;
    dj_str value = dj_req_header(req, rules->proxy_header);
    /* Present and saying anything else means http, even over TLS: the proxy knows better what the
     * client did. */
    if (!dj_str_is_none(value))
        req->secure = dj_proxy_says_secure(value, rules->proxy_secure);
}

/* -- host and port -- */

dj_str dj_req_port(dj_req *req)
{
    if (req->site->hosts->forwarded_port) {
        dj_str port = dj_head_field(req->head, DJ_FIELD_X_FORWARDED_PORT);
        if (dj_port_is_plausible(port))
            return port;
    }
    return dj_strf(req->scope, "%u", (unsigned)req->peer->port);
}

static dj_str raw_host(dj_req *req)
{
    if (req->site->hosts->forwarded_host) {
        dj_str forwarded = dj_head_field(req->head, DJ_FIELD_X_FORWARDED_HOST);
        if (!dj_str_is_none(forwarded))
            return forwarded;
    }
    if (!dj_str_is_none(req->head->host))
        return req->head->host;
    dj_str port = dj_req_port(req);
    if (dj_str_eq(port, req->secure ? DJ_LIT("443") : DJ_LIT("80")))
        return req->peer->server_name;
    return dj_strf(req->scope, DJ_FMT ":" DJ_FMT, DJ_ARG(req->peer->server_name), DJ_ARG(port));
}

static bool is_ascii(dj_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

dj_err dj_get_host(dj_req *req, dj_str *host)
{
    const dj_host_rules *rules = req->site->hosts;
    if (DJ_LIKELY(!dj_str_is_none(req->host))) {
        *host = req->host;
        return DJ_OK;
    }
    dj_str raw = raw_host(req);
    if (DJ_LIKELY(is_ascii(raw)) &&
        dj_host_decide(raw, rules->allowed, rules->debug) == DJ_HOST_OK) {
        *host = req->host = raw;
        return DJ_OK;
    }
    /* Header bytes are characters of Latin-1, as WSGI hands them to Django. */
    dj_str text = dj_latin1_to_utf8(req->scope, raw);
    return dj_fail(req->scope, DJ_ERR_DISALLOWED_HOST, DJ_FMT,
                   DJ_ARG(dj_host_complaint(req->scope, text)));
}

dj_err dj_host_check(dj_req *req)
{
    dj_str host;
    return dj_get_host(req, &host);
}

/* -- addresses -- */

static bool has_dot_segment(dj_str path)
{
    return dj_str_has(path, DJ_LIT("/./")) || dj_str_has(path, DJ_LIT("/../"));
}

dj_err dj_build_absolute_uri(dj_req *req, dj_str location, dj_str *uri)
{
    dj_scope    *s = req->scope;
    dj_str       host, joined;
    dj_url_parts bits;
    dj_err       e = dj_get_host(req, &host);
    if (e)
        return e;
    if (dj_str_is_none(location))
        location = dj_str_cat(s, DJ_LIT("//"), dj_req_full_path(req));
    if (!dj_url_split(s, location, &bits))
        return dj_fail(s, DJ_ERR_MALFORMED, "build_absolute_uri: a location with a malformed host");
    if (bits.scheme.len == 0 || bits.netloc.len == 0) {
        dj_str base = dj_strf(s, "%s://" DJ_FMT, req->secure ? "https" : "http", DJ_ARG(host));
        bool   rooted = bits.path.len > 0 && bits.path.ptr[0] == '/' && bits.scheme.len == 0 &&
                      bits.netloc.len == 0;
        if (rooted && !has_dot_segment(bits.path)) {
            dj_str rest =
                dj_str_starts(location, DJ_LIT("//")) ? dj_str_from(location, 2) : location;
            location = dj_str_cat(s, base, rest);
        } else if (dj_url_join(s, dj_str_cat(s, base, dj_req_path(req)), location, &joined)) {
            location = joined;
        } else {
            return dj_fail(s, DJ_ERR_MALFORMED,
                           "build_absolute_uri: a location with a malformed host");
        }
    }
    *uri = dj_iri_to_uri(s, location);
    return DJ_OK;
}

dj_response *dj_redirect_safe(dj_req *req, dj_str url, dj_str fallback)
{
    dj_str host;
    if (dj_get_host(req, &host))
        return dj_raise_failure(req);
    url = dj_utf8_strip(url); /* as it is judged, so it is sent */
    bool safe =
        dj_url_has_allowed_host_and_scheme(req->scope, url, (dj_str_list){&host, 1}, req->secure);
    return dj_redirect(req, safe ? url : fallback);
}

/* A plain port beside TLS: whatever is asked for, it is to be had by https. The port is left out
 * where it is the usual one. */
dj_response *dj_https_redirect(dj_req *req)
{
    dj_scope *s = req->scope;
    dj_str    host, domain, port;
    if (dj_get_host(req, &host) || !dj_host_split(s, host, &domain, &port))
        return dj_raise_failure(req);
    if (port.len > 0)
        host = dj_str_first(host, host.len - port.len - 1);
    if (req->peer->https_port != 443)
        host = dj_strf(s, DJ_FMT ":%u", DJ_ARG(host), (unsigned)req->peer->https_port);
    return dj_redirect_permanent(
        req, dj_strf(s, "https://" DJ_FMT DJ_FMT, DJ_ARG(host), DJ_ARG(dj_req_full_path(req))));
}
