/* include/donjon/policy.h - security decisions as functions: values in, answer out.
 *
 * Middleware, checks, templates and tools ask the same function. None reads a request, a setting or
 * a file. */
#pragma once
#include "donjon/csp.h"
#include "donjon/settings.h"

DJ_BEGIN_DECLS

/* -- hosts: allowed_hosts.c; text is UTF-8 -- */

typedef enum dj_host_verdict {
    DJ_HOST_OK,
    DJ_HOST_SYNTAX,     /* not a host, or not host:port */
    DJ_HOST_NOT_ALLOWED /* well formed, but not ours */
} dj_host_verdict;

/* Cuts "Example.com.:80" into "example.com" and "80"; an absent port is empty. False: not a host.
 * Django: split_domain_port. */
DJ_CHECKED DJ_NONNULL bool dj_host_split(dj_scope *s, dj_str host, dj_str *domain, dj_str *port);
/* Does one entry of ALLOWED_HOSTS cover the domain ("example.com", ".example.com", "*")? Any case
 * on both sides. */
DJ_CHECKED bool dj_host_matches(dj_str domain, dj_str entry);
/* The whole decision. With `debug` and no entries the list is .localhost, 127.0.0.1 and [::1].
 * Takes no memory. */
DJ_CHECKED dj_host_verdict dj_host_decide(dj_str host, dj_str_list allowed, bool debug);
/* The text of DisallowedHost, for the log. */
DJ_NONNULL dj_str dj_host_complaint(dj_scope *s, dj_str host);
/* One to five digits. */
DJ_CHECKED bool dj_port_is_plausible(dj_str port);
/* SECURE_PROXY_SSL_HEADER: `value` is the header as received, `secure` the text that means https.
 */
DJ_CHECKED bool dj_proxy_says_secure(dj_str value, dj_str secure);

typedef struct dj_network {
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned      bits;
} dj_network;

typedef struct dj_networks {
    dj_network *items;
    size_t      len;
    bool        unix_socket;
} dj_networks;

/* "10.0.0.0/8", "::1", "unix". DJ_ERR_SETTINGS names the entry: not an address, or bits set behind
 * the prefix. */
DJ_CHECKED DJ_NONNULL dj_err dj_networks_parse(dj_scope *s, dj_str_list entries, dj_networks *out);
/* `address` as text; IPv4 inside IPv6 is IPv4. False if it is no address. */
DJ_CHECKED DJ_NONNULL bool dj_networks_has(const dj_networks *networks, dj_str address);

/* -- redirects: safe_redirect.c -- */

/* May a client be sent to `url`, which a client named? True for a relative address and for one of
 * `hosts` (compared exactly, port included) over http or https, or https alone. Bytes that are not
 * UTF-8: false. Django: url_has_allowed_host_and_scheme. */
DJ_CHECKED DJ_NONNULL bool
dj_url_has_allowed_host_and_scheme(dj_scope *s, dj_str url, dj_str_list hosts, bool require_https);

/* -- requests that another site makes: fetch_metadata.c -- */

/* What the browser says of a request; DJ_NONE for a header that is absent. */
typedef struct dj_fetch_metadata {
    dj_str site, mode, dest; /* Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest */
    bool   get_or_head;
} dj_fetch_metadata;

typedef enum dj_fetch_verdict {
    DJ_FETCH_UNKNOWN, /* no Sec-Fetch-Site: a program, or a browser over plain HTTP */
    DJ_FETCH_ALLOWED,
    DJ_FETCH_REFUSED
} dj_fetch_verdict;

/* Same origin and what the user did himself: allowed; another site: only as a link to a page. A
 * sister host counts as another site unless `allow_same_site`. */
DJ_CHECKED DJ_NONNULL dj_fetch_verdict dj_fetch_decide(const dj_fetch_metadata *f,
                                                       bool                     allow_same_site);

/* -- files: safe_join.c, valid_filename.c -- */

/* Joins `parts` to `base` (absolute) and normalises, textually: no link is followed.
 *   DJ_ERR_SUSPICIOUS_FILE  the result leaves the base, or there is a NUL */
DJ_CHECKED DJ_NONNULL dj_err dj_safe_join(dj_scope *s, dj_str base, dj_str_list parts, dj_str *out);
/* The file behind a URL path, as django.views.static.serve finds it. Errors as dj_safe_join. */
DJ_CHECKED DJ_NONNULL dj_err dj_static_path(dj_scope *s, dj_str root, dj_str url_path, dj_str *out);
/* A name for an uploaded file. Errors: DJ_ERR_SUSPICIOUS_FILE if nothing usable is left, or for a
 * NUL. Django: get_valid_filename. */
DJ_CHECKED DJ_NONNULL dj_err dj_valid_filename(dj_scope *s, dj_str name, dj_str *out);

/* -- header values; DJ_NONE: no header -- */

/* "max-age=31536000; includeSubDomains; preload"; none for 0 seconds. */
DJ_NONNULL dj_str dj_hsts_value(dj_scope *s, int64_t seconds, bool include_subdomains,
                                bool preload);
/* From SECURE_REFERRER_POLICY: text with commas, a list, or None. DJ_ERR_SETTINGS for another type.
 */
DJ_CHECKED DJ_NONNULL dj_err dj_referrer_policy_value(dj_scope *s, const dj_value *setting,
                                                      dj_str *out);
/* From PERMISSIONS_POLICY: {"camera": [], "geolocation": ["self", "https://a.example"],
 * "fullscreen": "*"}, text, or None. DJ_ERR_SETTINGS names the feature. */
DJ_CHECKED DJ_NONNULL dj_err dj_permissions_policy_value(dj_scope *s, const dj_value *setting,
                                                         dj_str *out);

/* -- Content Security Policy: csp.c -- */

typedef struct dj_csp_entry {
    dj_str  name;
    dj_str *values;
    size_t  len;
    bool    bare; /* the name alone, without values */
} dj_csp_entry;

/* A policy in order, as the builder takes it: what is null or false is left out already, sets are
 * sorted. */
typedef struct dj_csp_config {
    dj_csp_entry *entries;
    size_t        len;
} dj_csp_config;

/* From SECURE_CSP: a dict or None. DJ_ERR_SETTINGS for another type inside. */
DJ_CHECKED DJ_NONNULL dj_err dj_csp_config_of_value(dj_scope *s, const dj_value *setting,
                                                    dj_csp_config *out);
DJ_NONNULL void              dj_csp_config_of_policy(dj_scope *s, const dj_csp_policy *policy,
                                                     dj_csp_config *out);
/* Django's build_policy(): the header's value; `nonce` DJ_NONE leaves the marker out. Empty if
 * nothing remains. */
DJ_NONNULL dj_str dj_csp_build(dj_scope *s, const dj_csp_config *config, dj_str nonce);
/* What must not be sent: a name outside [a-z-]+, a value with ';', ',' or a control character.
 * DJ_ERR_SETTINGS. */
DJ_CHECKED DJ_NONNULL dj_err dj_csp_validate(dj_scope *s, const dj_csp_config *config);

/* A policy made ready: per request only copying is left. */
typedef struct dj_csp {
    dj_str   plain;    /* "Name: value\r\n" without nonce; DJ_NONE: no header */
    dj_str  *pieces;   /* with nonce: text, nonce, text, ... text; NULL: the same as plain */
    size_t   npieces;  /* pieces of text */
    size_t   text_len; /* of them together */
    uint32_t name_len;
} dj_csp;

/* Validates and prepares. `header` is the header's name. */
DJ_CHECKED DJ_NONNULL dj_err dj_csp_compile(dj_scope *s, dj_str header, const dj_csp_config *config,
                                            dj_csp *out);
/* The finished line, DJ_NONE for no header. `nonce` as it was read in this request, or DJ_NONE. */
DJ_NONNULL dj_str dj_csp_line(dj_scope *s, const dj_csp *csp, dj_str nonce);

/* -- what error reports hide: cleanse.c -- */

#define DJ_CLEANSED DJ_LIT("********************")

typedef struct dj_cleanse_rules {
    dj_str session_cookie_name;
    bool   as_django; /* names as Django knows them, and no look inside values */
} dj_cleanse_rules;

/* API, AUTH, TOKEN, KEY, SECRET, PASS, SIGNATURE, HTTP_COOKIE anywhere in the name, in any case;
 * Donjon adds DSN, PWD, CREDENTIAL and PRIVATE. */
DJ_CHECKED DJ_NONNULL bool dj_name_is_sensitive(const dj_cleanse_rules *rules, dj_str name);
/* `text` with the password of each user:password@ in a URL masked; the same bytes if there is none.
 */
DJ_NONNULL dj_str dj_cleanse_url(dj_scope *s, dj_str text);
/* The value as a report may show it; dicts, lists and tuples are walked. Django: cleanse_setting.
 */
DJ_RETURNS DJ_NONNULL const dj_value *dj_cleanse(dj_scope *s, const dj_cleanse_rules *rules,
                                                 dj_str name, const dj_value *value);
/* The same for one text value (META, cookies, POST). */
DJ_NONNULL dj_str dj_cleanse_text(dj_scope *s, const dj_cleanse_rules *rules, dj_str name,
                                  dj_str value);

DJ_END_DECLS
