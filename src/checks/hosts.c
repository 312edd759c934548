/* src/checks/hosts.c - ALLOWED_HOSTS; and the public suffix list, which cookies need too (libpsl,
 * here alone). */
#include "checks/family.h"
#include <arpa/inet.h>
#include <libpsl.h>

/* -- public suffixes -- */

bool ck_is_ip(dj_str host)
{
    char          text[64];
    unsigned char raw[16];
    if (host.len > 2 && host.ptr[0] == '[')
        host = dj_str_n(host.ptr + 1, host.len - (host.ptr[host.len - 1] == ']' ? 2 : 1));
    if (host.len == 0 || host.len >= sizeof text)
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

tri ck_public_suffix(dj_str domain)
{
    char name[256];
    if (domain.len == 0 || domain.len >= sizeof name || ck_is_ip(domain))
        return NO;
    for (size_t i = 0; i < domain.len; i++)
        name[i] = dj_to_lower(domain.ptr[i]);
    name[domain.len] = '\0';
    if (strchr(name, '.') == NULL)
        return YES;
    const psl_ctx_t *list = psl_builtin();
    psl_ctx_t       *fresh = list == NULL ? psl_latest(NULL) : NULL;
    if (list == NULL && fresh == NULL)
        return UNDECIDED;
    int is = psl_is_public_suffix2(list != NULL ? list : fresh, name,
                                   PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
    psl_free(fresh);
    return is != 0 ? YES : NO;
}

/* -- ALLOWED_HOSTS -- */

typedef void host_fn(dj_check_run *c, dj_str host, dj_origin at);

static void each_host(dj_check_run *c, host_fn *fn)
{
    const dj_value *v = ck_peek(c, "ALLOWED_HOSTS");
    if (v != NULL && v->kind == DJ_V_UNKNOWN)
        ck_undecided(c, "ALLOWED_HOSTS", v);
    for (size_t i = 0; i < ck_len(v); i++) {
        if (ck_item(v, i)->kind == DJ_V_UNKNOWN)
            ck_undecided(c, "ALLOWED_HOSTS", ck_item(v, i));
        else if (ck_item(v, i)->kind == DJ_V_STR)
            fn(c, ck_item(v, i)->str, ck_at(c, "ALLOWED_HOSTS", ck_item(v, i)));
    }
}

static void one_star(dj_check_run *c, dj_str host, dj_origin at)
{
    if (dj_str_eq(host, DJ_LIT("*")))
        ck_report(c, "donjon.W040", at, "List the names in ALLOWED_HOSTS, e.g. ['example.com'].",
                  "ALLOWED_HOSTS contains '*': any Host header is believed, and links in mails can "
                  "be forged.");
}

static void star(dj_check_run *c)
{
    each_host(c, one_star);
}

static void one_suffix(dj_check_run *c, dj_str host, dj_origin at)
{
    if (!dj_str_starts(host, DJ_LIT(".")) || dj_str_eq_nocase(host, DJ_LIT(".localhost")))
        return;
    dj_str domain = dj_str_from(host, 1);
    tri    is = ck_public_suffix(domain);
    if (is == YES)
        ck_report(c, "donjon.E041", at,
                  "Write your own domain in ALLOWED_HOSTS, e.g. '.example.com'.",
                  "ALLOWED_HOSTS has '" DJ_FMT "', below which anybody can register a name.",
                  DJ_ARG(host));
    else if (is == UNDECIDED)
        ck_report(c, "donjon.I002", at, "Install the package publicsuffix.",
                  "not decided: ALLOWED_HOSTS: the public suffix list is not there; this leaves "
                  "open: donjon.E041");
}

static void suffix(dj_check_run *c)
{
    each_host(c, one_suffix);
}

static void one_impossible(dj_check_run *c, dj_str host, dj_origin at)
{
    const char *why = NULL;
    dj_str      name = host;
    if (host.len > 0 && host.ptr[0] == '[') { /* [v6] or [v6]:port */
        size_t close = dj_str_chr(host, ']');
        if (close == DJ_NOT_FOUND || close + 1 < host.len)
            why = "a port";
        name = DJ_NONE;
    } else if (dj_str_has(host, DJ_LIT("://"))) {
        why = "a scheme";
    } else if (dj_str_has(host, DJ_LIT("/"))) {
        why = "a path";
    } else if (dj_str_has(host, DJ_LIT(":")) && !ck_is_ip(host)) {
        why = "a port";
    } else if (ck_is_ip(host) && dj_str_has(host, DJ_LIT(":"))) {
        why = "an IPv6 address without its brackets";
    }
    for (size_t i = 0; i < name.len && why == NULL; i++) {
        if ((unsigned char)name.ptr[i] <= ' ')
            why = "a space";
        else if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
            why = "upper-case letters";
    }
    if (why == NULL && host.len > 1 && dj_str_has(host, DJ_LIT("*")))
        why = "a '*' within a name";
    if (why != NULL)
        ck_report(c, "donjon.W042", at,
                  "Write the bare host in lower case in ALLOWED_HOSTS, e.g. 'www.example.com' or "
                  "'[::1]'.",
                  "ALLOWED_HOSTS has '" DJ_FMT "' with %s, which no Host header is compared with.",
                  DJ_ARG(host), why);
}

static void impossible(dj_check_run *c)
{
    each_host(c, one_impossible);
}

static void one_empty(dj_check_run *c, dj_str host, dj_origin at)
{
    if (host.len == 0)
        ck_report(c, "donjon.W043", at,
                  "Set the environment variable that ALLOWED_HOSTS is made from.",
                  "ALLOWED_HOSTS has an empty entry, as ''.split(',') makes one.");
}

static void empty(dj_check_run *c)
{
    each_host(c, one_empty);
}

static bool is_private(dj_str host)
{
    static const char *const names[] = {"localhost", ".localhost", "0.0.0.0", "[::1]",
                                        "[::]",      "::1",        NULL};
    static const char *const networks[] = {"127.", "10.", "192.168.", "169.254.", NULL};
    int64_t                  second;
    if (ck_in_table(names, host) || dj_str_ends(host, DJ_LIT(".localhost")))
        return true;
    if (dj_str_starts_nocase(host, DJ_LIT("[fc")) || dj_str_starts_nocase(host, DJ_LIT("[fd")) ||
        dj_str_starts_nocase(host, DJ_LIT("[fe80:")))
        return true;
    if (!ck_is_ip(host))
        return false;
    for (size_t i = 0; networks[i] != NULL; i++)
        if (dj_str_starts(host, dj_str_of(networks[i])))
            return true;
    if (!dj_str_starts(host, DJ_LIT("172.")))
        return false;
    dj_str rest = dj_str_from(host, 4);
    return dj_str_to_int(dj_str_first(rest, dj_str_chr(rest, '.')), &second) && second >= 16 &&
           second <= 31;
}

static void one_private(dj_check_run *c, dj_str host, dj_origin at)
{
    if (is_private(host))
        ck_report(c, "donjon.W044", at, "Remove it from ALLOWED_HOSTS in production.",
                  "ALLOWED_HOSTS has '" DJ_FMT "', which means this machine or its own network.",
                  DJ_ARG(host));
}

static void local(dj_check_run *c)
{
    each_host(c, one_private);
}

static const dj_check checks[] = {
    {"donjon security", true, "donjon.W040", star},
    {"donjon security", true, "donjon.E041", suffix},
    {"donjon security", false, "donjon.W042", impossible},
    {"donjon security", true, "donjon.W043", empty},
    {"donjon security", true, "donjon.W044", local},
};
CHECK_FAMILY(hosts, checks);
