/* src/policy/allowed_hosts.c - is this host ours, is this proxy ours, what did the proxy say.
 *
 * A Host header is the client's word. Everything that builds an address from it (links in mails,
 * redirects) is only as good as this check. Django: http/request.py, split_domain_port,
 * validate_host; utils/http.py, is_same_domain.
 *
 * Must not know: requests, settings, sockets. */
#include "donjon/policy.h"
#include "donjon/buf.h"
#include "donjon/unicode.h"
#include <arpa/inet.h>

/* str.lower() makes one character of ASCII that is none: the Kelvin sign. The pattern sees the
 * lowered text. */
#define KELVIN DJ_LIT("\xE2\x84\xAA")

static bool host_char(char c)
{
    return dj_is_alpha(c) || dj_is_digit(c) || c == '.' || c == '-';
}

/* Length of the name or of the bracketed address at the start; 0 if there is none. */
static size_t domain_end(dj_str host)
{
    size_t i = 0;
    if (host.len > 0 && host.ptr[0] == '[') {
        for (i = 1; i < host.len && dj_hex_value(host.ptr[i]) >= 0;)
            i++;
        if (i >= host.len || host.ptr[i] != ':')
            return 0;
        size_t first = ++i;
        while (i < host.len &&
               (dj_hex_value(host.ptr[i]) >= 0 || host.ptr[i] == '.' || host.ptr[i] == ':'))
            i++;
        return i > first && i < host.len && host.ptr[i] == ']' ? i + 1 : 0;
    }
    while (i < host.len) {
        if (host_char(host.ptr[i]))
            i++;
        else if (dj_str_starts(dj_str_from(host, i), KELVIN))
            i += 3;
        else
            break;
    }
    return i;
}

/* The domain without its final dot, and the port, both as written. */
static bool split(dj_str host, dj_str *domain, dj_str *port)
{
    size_t end = domain_end(host);
    dj_str rest = dj_str_from(host, end);
    if (end == 0 || (rest.len > 0 && (rest.ptr[0] != ':' || rest.len == 1)))
        return false;
    for (size_t i = 1; i < rest.len; i++) {
        if (!dj_is_digit(rest.ptr[i]))
            return false;
    }
    *domain = dj_str_first(host, host.ptr[end - 1] == '.' ? end - 1 : end);
    *port = rest.len > 0 ? dj_str_from(rest, 1) : DJ_LIT("");
    return domain->len > 0;
}

bool dj_host_split(dj_scope *s, dj_str host, dj_str *domain, dj_str *port)
{
    if (!split(host, domain, port))
        return false;
    *domain = dj_str_lower(s, dj_str_replace(s, *domain, KELVIN, DJ_LIT("k")));
    return true;
}

/* Takes the last character off *text, in lower case. */
static char take_last(dj_str *text)
{
    if (dj_str_ends(*text, KELVIN)) {
        text->len -= 3;
        return 'k';
    }
    return dj_to_lower(text->ptr[--text->len]);
}

bool dj_host_matches(dj_str domain, dj_str entry)
{
    if (dj_str_eq(entry, DJ_LIT("*")))
        return true;
    if (entry.len == 0)
        return false;
    bool subdomains = entry.ptr[0] == '.';
    /* From the end on: ".example.com" fits "example.com" when all behind its dot has been met. */
    while (domain.len > 0 && entry.len > 0) {
        if (take_last(&domain) != take_last(&entry))
            return false;
    }
    if (entry.len == 0)
        return domain.len == 0 || subdomains;
    return subdomains && entry.len == 1;
}

dj_host_verdict dj_host_decide(dj_str host, dj_str_list allowed, bool debug)
{
    static const dj_str local[] = {DJ_STR_INIT(".localhost"), DJ_STR_INIT("127.0.0.1"),
                                   DJ_STR_INIT("[::1]")};
    dj_str              domain, port;
    if (!split(host, &domain, &port))
        return DJ_HOST_SYNTAX;
    if (debug && allowed.len == 0)
        allowed = (dj_str_list){local, DJ_COUNT(local)};
    for (size_t i = 0; i < allowed.len; i++) {
        if (dj_host_matches(domain, allowed.items[i]))
            return DJ_HOST_OK;
    }
    return DJ_HOST_NOT_ALLOWED;
}

/* -- the sentence for the log -- */

static void add_code_point(dj_buf *out, uint32_t cp, char quote)
{
    char bytes[4];
    switch (cp) {
    case '\n':
        dj_buf_add(out, DJ_LIT("\\n"));
        return;
    case '\r':
        dj_buf_add(out, DJ_LIT("\\r"));
        return;
    case '\t':
        dj_buf_add(out, DJ_LIT("\\t"));
        return;
    default:
        break;
    }
    if (cp == '\\' || cp == (unsigned char)quote)
        dj_buf_addf(out, "\\%c", (char)cp);
    else if (dj_cp_is_printable(cp))
        dj_buf_add(out, dj_str_n(bytes, dj_utf8_put(bytes, cp)));
    else if (cp < 0x100)
        dj_buf_addf(out, "\\x%02x", cp);
    else
        dj_buf_addf(out, cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
}

/* Python's repr() of text. */
static dj_str quoted(dj_scope *s, dj_str text)
{
    bool twofold = dj_str_chr(text, '\'') != DJ_NOT_FOUND && dj_str_chr(text, '"') == DJ_NOT_FOUND;
    char quote = twofold ? '"' : '\'';
    dj_buf out = dj_buf_make(s, text.len * 10 + 2);
    dj_buf_add_byte(&out, quote);
    for (size_t pos = 0; pos < text.len;) {
        size_t  start = pos;
        int32_t cp = dj_utf8_next(text, &pos);
        if (cp >= 0) {
            add_code_point(&out, (uint32_t)cp, quote);
            continue;
        }
        for (; start < pos; start++)
            dj_buf_addf(&out, "\\x%02x", (unsigned)(unsigned char)text.ptr[start]);
    }
    dj_buf_add_byte(&out, quote);
    return dj_buf_str(&out);
}

dj_str dj_host_complaint(dj_scope *s, dj_str host)
{
    dj_str domain, port;
    dj_buf out = dj_buf_make(s, host.len * 12 + 256);
    dj_buf_add(&out, DJ_LIT("Invalid HTTP_HOST header: "));
    dj_buf_add(&out, quoted(s, host));
    if (dj_host_split(s, host, &domain, &port)) {
        dj_buf_add(&out, DJ_LIT(". You may need to add "));
        dj_buf_add(&out, quoted(s, domain));
        dj_buf_add(&out, DJ_LIT(" to ALLOWED_HOSTS."));
    } else {
        dj_buf_add(&out,
                   DJ_LIT(". The domain name provided is not valid according to RFC 1034/1035."));
    }
    return dj_buf_str(&out);
}

/* -- what a proxy says -- */

bool dj_port_is_plausible(dj_str port)
{
    for (size_t i = 0; i < port.len; i++) {
        if (!dj_is_digit(port.ptr[i]))
            return false;
    }
    return port.len >= 1 && port.len <= 5;
}

bool dj_proxy_says_secure(dj_str value, dj_str secure)
{
    /* White space of str.strip(), in latin-1: how Django sees a header. */
    static const char blanks[] = " \t\n\v\f\r\x1C\x1D\x1E\x1F\x85\xA0";
    size_t            comma = dj_str_chr(value, ',');
    return dj_str_eq(dj_str_strip(dj_str_first(value, comma), dj_str_n(blanks, sizeof blanks - 1)),
                     secure);
}

/* -- trusted proxies -- */

static bool parse_address(dj_str text, unsigned char address[16], bool *v4)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    char                       copy[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof copy || dj_str_chr(text, '\0') != DJ_NOT_FOUND)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *v4 = inet_pton(AF_INET, copy, address + 12) == 1;
    if (*v4)
        memcpy(address, mapped, sizeof mapped);
    return *v4 || inet_pton(AF_INET6, copy, address) == 1;
}

static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool parse_network(dj_str entry, dj_network *out, const char **why)
{
    size_t  slash = dj_str_chr(entry, '/');
    bool    v4;
    int64_t bits = 0;
    *why = "not an address, a network or 'unix'";
    if (!parse_address(dj_str_first(entry, slash), out->address, &v4))
        return false;
    int64_t most = v4 ? 32 : 128;
    if (slash == DJ_NOT_FOUND)
        bits = most;
    else if (!dj_str_to_int(dj_str_from(entry, slash + 1), &bits) || bits < 0 || bits > most)
        return false;
    out->bits = (unsigned)bits + (v4 ? 96u : 0u);
    unsigned char masked[16] = {0};
    for (unsigned i = 0; i < out->bits; i++)
        masked[i / 8] = (unsigned char)(masked[i / 8] | (out->address[i / 8] & (0x80u >> i % 8)));
    *why = "an address with bits set behind the prefix";
    return memcmp(masked, out->address, sizeof masked) == 0;
}

dj_err dj_networks_parse(dj_scope *s, dj_str_list entries, dj_networks *out)
{
    *out = (dj_networks){.items = dj_new_array(s, dj_network, entries.len)};
    for (size_t i = 0; i < entries.len; i++) {
        const char *why;
        if (dj_str_eq(entries.items[i], DJ_LIT("unix")))
            out->unix_socket = true;
        else if (parse_network(entries.items[i], &out->items[out->len], &why))
            out->len++;
        else
            return dj_fail(s, DJ_ERR_SETTINGS, "'" DJ_FMT "' is %s",
                           DJ_ARG(dj_str_first(entries.items[i], 80)), why);
    }
    return DJ_OK;
}

bool dj_networks_has(const dj_networks *networks, dj_str address)
{
    unsigned char bytes[16];
    bool          v4;
    if (!parse_address(dj_str_first(address, dj_str_chr(address, '%')), bytes, &v4))
        return false;
    for (size_t i = 0; i < networks->len; i++) {
        if (same_prefix(bytes, networks->items[i].address, networks->items[i].bits))
            return true;
    }
    return false;
}
