/* src/checks/family.h - what the files of this room share: the list of families and small questions
 * about settings.
 *
 * A family is one file with one table of checks. A check asks, reports, and returns; it opens no
 * socket and changes nothing. Must not know: the command line, formats of reports, the server. */
#pragma once
#include "donjon/checks.h"
#include "donjon/buf.h"

struct dj_check_run {
    dj_scope              *s;
    const dj_check_input  *in;
    const dj_check        *current;
    dj_check_message      *messages;
    size_t                 len, cap;
    struct undecided_note *notes;
    size_t                 nnotes, cap_notes;
};

/* The families, in the order of running (the report sorts anyway). */
#define CHECK_FAMILIES(X)                                                                          \
    X(security)                                                                                    \
    X(compatibility) X(files) X(types) X(keys) X(hosts) X(transport) X(cookies) X(csp)             \
        X(middleware_order) X(auth) X(caches) X(urls) X(staticfiles) X(templates) X(translation)   \
            X(admin) X(sites) X(mail) X(async_support) X(limits) X(logging) X(protections)         \
                X(database) X(hardening) X(template_findings)

typedef struct check_family {
    const dj_check *checks;
    size_t          len;
    const char *app; /* Django registers these checks only if this app is installed; NULL: always */
    const char *setting; /* ... or only if this setting is set */
} check_family;
#define CHECK_DECLARE(name) extern const check_family check_family_##name;
CHECK_FAMILIES(CHECK_DECLARE)
#undef CHECK_DECLARE
#define CHECK_FAMILY(name, table, ...)                                                             \
    const check_family check_family_##name = {                                                     \
        .checks = (table), .len = DJ_COUNT(table), ##__VA_ARGS__}

/* Python knows three answers when a value may be unknown. */
typedef enum tri { NO, YES, UNDECIDED } tri;

/* -- settings; each notes what it could not decide -- */

/* dj_conf_get: may be UNKNOWN or NULL. Notes nothing. */
const dj_value *ck_peek(dj_check_run *c, const char *name);
/* Notes that the current check could not be decided because of `v`, a value of the setting `name`.
 */
void ck_undecided(dj_check_run *c, const char *name, const dj_value *v);
/* Python's truth of the setting, and `is True`; a missing setting is false. */
tri ck_truth(dj_check_run *c, const char *name);
tri ck_is_true(dj_check_run *c, const char *name);
/* `item in SETTING`: for a list whose other items are unknown, still YES if the item is seen. */
tri ck_has(dj_check_run *c, const char *name, const char *item);
/* Index of the first such item; NO_INDEX if it is not there. UNDECIDED (*undecided) if something
 * unknown stands before it or it is not seen. */
#define NO_INDEX ((size_t)-1)
size_t ck_index(dj_check_run *c, const char *name, const char *item, bool *undecided);
/* INSTALLED_APPS names the app or its AppConfig ("x.y" or "x.y.apps.Anything"). */
tri ck_app(dj_check_run *c, const char *app);
/* Text of a STR or PATH; DJ_NONE for all else. */
dj_str ck_text(const dj_value *v);
/* The items of a list, tuple or set: v->seq; none for other kinds. */
size_t          ck_len(const dj_value *v);
const dj_value *ck_item(const dj_value *v, size_t i);
/* A value in a dict in a dict ...; NULL if absent. */
const dj_value *ck_in(const dj_value *dict, const char *key);
bool            ck_is_text(const dj_value *v, const char *text);
/* A place for `v`: its own, else the setting's. */
dj_origin ck_at(dj_check_run *c, const char *name, const dj_value *v);
/* Level from the id's letter: "security.E023" is an error. */
void ck_report(dj_check_run *c, const char *id, dj_origin origin, const char *hint, const char *fmt,
               ...) DJ_FORMAT(5, 6);
/* The same, about an object. */
void ck_report_on(dj_check_run *c, const char *id, dj_str object, dj_origin origin,
                  const char *hint, const char *fmt, ...) DJ_FORMAT(6, 7);

/* A variable of the environment, or DJ_NONE. */
dj_str ck_env(dj_check_run *c, const char *name);

/* -- paths -- */

/* pathlib's resolve(): absolute from `base`, symlinks followed as far as they exist, "." and ".."
 * gone. */
dj_str ck_resolve(dj_scope *s, dj_str base, dj_str path);
/* os.path.abspath: absolute and normalised, links not followed. */
dj_str ck_abspath(dj_scope *s, dj_str base, dj_str path);
/* `inner` equals or lies below `outer`; both resolved. */
bool ck_is_below(dj_str inner, dj_str outer);
bool ck_is_dir(dj_scope *s, dj_str path);
bool ck_is_file(dj_scope *s, dj_str path);
/* A Python module or package "a.b" in the project's folders (base, the settings file's folder and
 * two above). */
bool ck_module_exists(dj_scope *s, const dj_check_input *in, dj_str dotted);
/* The longest part of a dotted name that is a module: "a.b.View" -> true if a/b.py exists. */
bool ck_attribute_module_exists(dj_scope *s, const dj_check_input *in, dj_str dotted);

/* -- names Django ships -- */

bool ck_known_middleware(dj_check_run *c, dj_str name);
bool ck_in_table(const char *const *table, dj_str name); /* ends with NULL */

/* -- public suffixes (hosts.c; libpsl) -- */

/* UNDECIDED without the list's data. A single label counts as a public suffix; an address never
 * does. */
tri  ck_public_suffix(dj_str domain);
bool ck_is_ip(dj_str host);

/* -- elf.c: what an ELF file says about how it was hardened -- */

typedef struct elf_facts {
    bool pie;                       /* ET_DYN */
    bool relro, bind_now;           /* GNU_RELRO segment; BIND_NOW, DF_BIND_NOW or DF_1_NOW */
    bool stack_protector, fortify;  /* symbols: __stack_chk_fail, __*_chk */
    bool exec_stack, writable_code; /* GNU_STACK with X or missing; a segment with W and X */
    bool instrumented;              /* symbols of sanitizers or gcov */
    bool has_symbols;               /* some table of names was there to look at */
} elf_facts;

/* Every offset is checked: a damaged file gives false, never a crash. 64-bit and 32-bit, own byte
 * order. */
bool elf_look(dj_str file, elf_facts *out);

/* -- reports -- */

/* "settings/production.py:12:5", relative to `cwd` if below it; without a line if there is none. */
dj_str ck_place(dj_scope *s, dj_origin at, dj_str cwd);
/* The file alone, the same way. */
dj_str ck_place_file(dj_scope *s, dj_origin at, dj_str cwd);
