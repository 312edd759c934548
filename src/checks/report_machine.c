/* src/checks/report_machine.c - the report for machines: JSON, SARIF 2.1.0, JUnit, GitHub's
 * workflow commands.
 *
 * SARIF: OASIS sarif-v2.1.0. JUnit: the form that Jenkins and GitLab read. Must not know: how
 * checks come to messages. */
#include "checks/family.h"
#include "donjon/json.h"

#define REPORT_MAX ((size_t)32 * 1024 * 1024)

dj_str ck_place_file(dj_scope *s, dj_origin at, dj_str cwd)
{
    at.line = 0;
    return ck_place(s, at, cwd);
}

static dj_str level_word(dj_level level)
{
    return level >= DJ_CRITICAL      ? DJ_LIT("CRITICAL")
           : level >= DJ_ERROR_LEVEL ? DJ_LIT("ERROR")
           : level >= DJ_WARNING     ? DJ_LIT("WARNING")
           : level >= DJ_INFO        ? DJ_LIT("INFO")
                                     : DJ_LIT("DEBUG");
}

/* -- JSON -- */

static void add_json_message(dj_scope *s, dj_json *j, const dj_check_message *m, dj_str cwd)
{
    dj_json_open(j, '{');
    dj_json_add_str(j, DJ_LIT("id"), m->id);
    dj_json_add_str(j, DJ_LIT("level"), level_word(m->level));
    dj_json_add_str(j, DJ_LIT("message"), m->text);
    if (m->hint.len > 0)
        dj_json_add_str(j, DJ_LIT("hint"), m->hint);
    if (m->object.len > 0)
        dj_json_add_str(j, DJ_LIT("object"), m->object);
    if (m->origin.file.len > 0)
        dj_json_add_str(j, DJ_LIT("file"), ck_place_file(s, m->origin, cwd));
    if (m->origin.line > 0) {
        dj_json_add_int(j, DJ_LIT("line"), m->origin.line);
        dj_json_add_int(j, DJ_LIT("column"), m->origin.column);
    }
    dj_json_close(j, '}');
}

dj_str dj_check_report_json(dj_scope *s, const dj_check_result *r, const dj_check_report_options *o)
{
    dj_buf  b = dj_buf_make(s, REPORT_MAX);
    dj_json j = dj_json_make(&b);
    dj_json_open(&j, '{');
    dj_json_add_str(&j, DJ_LIT("mode"), o->audited ? DJ_LIT("audit") : DJ_LIT("strict"));
    dj_json_add_bool(&j, DJ_LIT("failed"), dj_checks_failed(r, o->fail_level));
    dj_json_add_bool(&j, DJ_LIT("undecided"), r->undecided);
    dj_json_add_int(&j, DJ_LIT("silenced"), (int64_t)r->nsilenced);
    dj_json_key(&j, DJ_LIT("issues"));
    dj_json_open(&j, '[');
    for (size_t i = 0; i < r->len; i++)
        add_json_message(s, &j, &r->messages[i], o->cwd);
    dj_json_close(&j, ']');
    dj_json_key(&j, DJ_LIT("silenced_ids"));
    dj_json_open(&j, '[');
    for (size_t i = 0; i < r->nsilenced; i++)
        dj_json_str(&j, r->silenced[i].id);
    dj_json_close(&j, ']');
    dj_json_close(&j, '}');
    dj_buf_add_byte(&b, '\n');
    return dj_buf_str(&b);
}

/* -- SARIF -- */

/* RFC 3986: a path as a relative reference, or as file:// if it is absolute. */
static dj_str as_uri(dj_scope *s, dj_str path)
{
    dj_buf b = dj_buf_make(s, 16384);
    if (dj_str_starts(path, DJ_LIT("/")))
        dj_buf_add(&b, DJ_LIT("file://"));
    for (size_t i = 0; i < path.len; i++) {
        char ch = path.ptr[i];
        if (dj_is_alpha(ch) || dj_is_digit(ch) || (ch != '\0' && strchr("/-._~", ch) != NULL))
            dj_buf_add_byte(&b, ch);
        else
            dj_buf_addf(&b, "%%%02X", (unsigned char)ch);
    }
    return dj_buf_str(&b);
}

static size_t rule_index(const dj_check_message *messages, size_t len, const dj_str *rules,
                         size_t nrules, size_t i)
{
    (void)len;
    for (size_t k = 0; k < nrules; k++)
        if (dj_str_eq(rules[k], messages[i].id))
            return k;
    return nrules;
}

static void add_sarif_text(dj_json *j, dj_str name, dj_str text)
{
    dj_json_key(j, name);
    dj_json_open(j, '{');
    dj_json_add_str(j, DJ_LIT("text"), text);
    dj_json_close(j, '}');
}

static void add_sarif_rule(dj_scope *s, dj_json *j, dj_str id)
{
    size_t               n;
    const dj_check_info *all = dj_check_catalogue(s, &n);
    dj_str               summary = id;
    for (size_t i = 0; i < n; i++)
        if (dj_str_eq(all[i].id, id) && all[i].summary.len > 0)
            summary = all[i].summary;
    dj_json_open(j, '{');
    dj_json_add_str(j, DJ_LIT("id"), id);
    add_sarif_text(j, DJ_LIT("shortDescription"), summary);
    dj_json_close(j, '}');
}

static void add_sarif_place(dj_scope *s, dj_json *j, const dj_check_message *m, dj_str cwd)
{
    dj_json_key(j, DJ_LIT("locations"));
    dj_json_open(j, '[');
    if (m->origin.file.len > 0) {
        dj_json_open(j, '{');
        dj_json_key(j, DJ_LIT("physicalLocation"));
        dj_json_open(j, '{');
        dj_json_key(j, DJ_LIT("artifactLocation"));
        dj_json_open(j, '{');
        dj_json_add_str(j, DJ_LIT("uri"), as_uri(s, ck_place_file(s, m->origin, cwd)));
        dj_json_close(j, '}');
        if (m->origin.line > 0) {
            dj_json_key(j, DJ_LIT("region"));
            dj_json_open(j, '{');
            dj_json_add_int(j, DJ_LIT("startLine"), m->origin.line);
            dj_json_add_int(j, DJ_LIT("startColumn"), m->origin.column > 0 ? m->origin.column : 1);
            dj_json_close(j, '}');
        }
        dj_json_close(j, '}');
        dj_json_close(j, '}');
    }
    dj_json_close(j, ']');
}

static void add_sarif_result(dj_scope *s, dj_json *j, const dj_check_message *m, size_t rule,
                             dj_str cwd)
{
    dj_str level = m->level >= DJ_ERROR_LEVEL ? DJ_LIT("error")
                   : m->level >= DJ_WARNING   ? DJ_LIT("warning")
                                              : DJ_LIT("note");
    dj_str text = m->hint.len == 0
                      ? m->text
                      : dj_strf(s, DJ_FMT "\n" DJ_FMT, DJ_ARG(m->text), DJ_ARG(m->hint));
    dj_json_open(j, '{');
    dj_json_add_str(j, DJ_LIT("ruleId"), m->id);
    dj_json_add_int(j, DJ_LIT("ruleIndex"), (int64_t)rule);
    dj_json_add_str(j, DJ_LIT("level"), level);
    add_sarif_text(j, DJ_LIT("message"), text);
    add_sarif_place(s, j, m, cwd);
    dj_json_close(j, '}');
}

dj_str dj_check_report_sarif(dj_scope *s, const dj_check_result *r,
                             const dj_check_report_options *o)
{
    dj_buf  b = dj_buf_make(s, REPORT_MAX);
    dj_json j = dj_json_make(&b);
    dj_str *rules = dj_new_array(s, dj_str, r->len);
    size_t  nrules = 0;
    for (size_t i = 0; i < r->len; i++)
        if (rule_index(r->messages, r->len, rules, nrules, i) == nrules)
            rules[nrules++] = r->messages[i].id;
    dj_json_open(&j, '{');
    dj_json_add_str(&j, DJ_LIT("$schema"),
                    DJ_LIT("https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
                           "sarif-schema-2.1.0.json"));
    dj_json_add_str(&j, DJ_LIT("version"), DJ_LIT("2.1.0"));
    dj_json_key(&j, DJ_LIT("runs"));
    dj_json_open(&j, '[');
    dj_json_open(&j, '{');
    dj_json_key(&j, DJ_LIT("tool"));
    dj_json_open(&j, '{');
    dj_json_key(&j, DJ_LIT("driver"));
    dj_json_open(&j, '{');
    dj_json_add_str(&j, DJ_LIT("name"), DJ_LIT("donjon check"));
    if (o->version.len > 0)
        dj_json_add_str(&j, DJ_LIT("version"), o->version);
    dj_json_key(&j, DJ_LIT("rules"));
    dj_json_open(&j, '[');
    for (size_t i = 0; i < nrules; i++)
        add_sarif_rule(s, &j, rules[i]);
    dj_json_close(&j, ']');
    dj_json_close(&j, '}');
    dj_json_close(&j, '}');
    dj_json_add_str(&j, DJ_LIT("columnKind"), DJ_LIT("unicodeCodePoints"));
    dj_json_key(&j, DJ_LIT("results"));
    dj_json_open(&j, '[');
    for (size_t i = 0; i < r->len; i++)
        add_sarif_result(s, &j, &r->messages[i], rule_index(r->messages, r->len, rules, nrules, i),
                         o->cwd);
    dj_json_close(&j, ']');
    dj_json_close(&j, '}');
    dj_json_close(&j, ']');
    dj_json_close(&j, '}');
    dj_buf_add_byte(&b, '\n');
    return dj_buf_str(&b);
}

/* -- JUnit -- */

/* XML 1.0: no control characters but TAB and line ends; broken UTF-8 becomes U+FFFD. */
static void add_xml(dj_buf *b, dj_str text)
{
    for (size_t pos = 0; pos < text.len;) {
        size_t  from = pos;
        int32_t cp = dj_utf8_next(text, &pos);
        if (cp == '&')
            dj_buf_add(b, DJ_LIT("&amp;"));
        else if (cp == '<')
            dj_buf_add(b, DJ_LIT("&lt;"));
        else if (cp == '>')
            dj_buf_add(b, DJ_LIT("&gt;"));
        else if (cp == '"')
            dj_buf_add(b, DJ_LIT("&quot;"));
        else if (cp < 0 || cp == 0xFFFE || cp == 0xFFFF || (cp < 0x20 && cp != '\t' && cp != '\n'))
            dj_buf_add(b, DJ_LIT("\xEF\xBF\xBD"));
        else
            dj_buf_add(b, dj_str_n(text.ptr + from, pos - from));
    }
}

static void add_xml_attribute(dj_buf *b, const char *name, dj_str value)
{
    dj_buf_addf(b, " %s=\"", name);
    add_xml(b, value);
    dj_buf_add_byte(b, '"');
}

static bool counts_as_failure(const dj_check_message *m, const dj_check_report_options *o)
{
    return m->level >= o->fail_level;
}

static void add_junit_case(dj_scope *s, dj_buf *b, const dj_check_message *m,
                           const dj_check_report_options *o)
{
    dj_str group = dj_str_first(m->id, dj_str_rchr(m->id, '.'));
    dj_buf_add(b, DJ_LIT("    <testcase"));
    add_xml_attribute(b, "classname", dj_strf(s, "check." DJ_FMT, DJ_ARG(group)));
    add_xml_attribute(b, "name", m->id);
    if (m->origin.file.len > 0)
        add_xml_attribute(b, "file", ck_place_file(s, m->origin, o->cwd));
    if (m->origin.line > 0)
        dj_buf_addf(b, " line=\"%u\"", (unsigned)m->origin.line);
    bool fails = counts_as_failure(m, o);
    dj_buf_addf(b, ">\n      <%s", fails ? "failure" : "system-out");
    if (fails) {
        add_xml_attribute(b, "type", level_word(m->level));
        add_xml_attribute(b, "message", m->text);
    }
    dj_buf_add_byte(b, '>');
    add_xml(b,
            dj_strf(s, DJ_FMT ": " DJ_FMT "%s" DJ_FMT "%s" DJ_FMT, DJ_ARG(level_word(m->level)),
                    DJ_ARG(m->text), m->hint.len > 0 ? "\nHINT: " : "", DJ_ARG(m->hint),
                    m->origin.file.len > 0 ? "\nAT: " : "",
                    DJ_ARG(m->origin.file.len > 0 ? ck_place(s, m->origin, o->cwd) : DJ_LIT(""))));
    dj_buf_addf(b, "</%s>\n    </testcase>\n", fails ? "failure" : "system-out");
}

dj_str dj_check_report_junit(dj_scope *s, const dj_check_result *r,
                             const dj_check_report_options *o)
{
    dj_buf b = dj_buf_make(s, REPORT_MAX);
    size_t failures = 0;
    for (size_t i = 0; i < r->len; i++)
        failures += counts_as_failure(&r->messages[i], o);
    size_t tests = r->len == 0 ? 1 : r->len;
    dj_buf_addf(
        &b,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%zu\" failures=\"%zu\">\n",
        tests, failures);
    dj_buf_addf(&b,
                "  <testsuite name=\"donjon check\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
                "skipped=\"0\">\n",
                tests, failures);
    if (r->len == 0)
        dj_buf_add(&b, DJ_LIT("    <testcase classname=\"check\" name=\"no issues\"/>\n"));
    for (size_t i = 0; i < r->len; i++)
        add_junit_case(s, &b, &r->messages[i], o);
    dj_buf_add(&b, DJ_LIT("  </testsuite>\n</testsuites>\n"));
    return dj_buf_str(&b);
}

/* -- GitHub -- */

static void add_github(dj_buf *b, dj_str text, bool property)
{
    for (size_t i = 0; i < text.len; i++) {
        char ch = text.ptr[i];
        if (ch == '%' || ch == '\r' || ch == '\n' || (property && (ch == ':' || ch == ',')))
            dj_buf_addf(b, "%%%02X", (unsigned char)ch);
        else
            dj_buf_add_byte(b, ch);
    }
}

dj_str dj_check_report_github(dj_scope *s, const dj_check_result *r,
                              const dj_check_report_options *o)
{
    dj_buf b = dj_buf_make(s, REPORT_MAX);
    for (size_t i = 0; i < r->len; i++) {
        const dj_check_message *m = &r->messages[i];
        dj_buf_addf(&b, "::%s ",
                    m->level >= DJ_ERROR_LEVEL ? "error"
                    : m->level >= DJ_WARNING   ? "warning"
                                               : "notice");
        if (m->origin.file.len > 0) {
            dj_buf_add(&b, DJ_LIT("file="));
            add_github(&b, ck_place_file(s, m->origin, o->cwd), true);
            dj_buf_add_byte(&b, ',');
        }
        if (m->origin.line > 0)
            dj_buf_addf(&b, "line=%u,col=%u,", (unsigned)m->origin.line,
                        (unsigned)m->origin.column);
        dj_buf_add(&b, DJ_LIT("title="));
        add_github(&b, m->id, true);
        dj_buf_add(&b, DJ_LIT("::"));
        add_github(&b, m->text, false);
        if (m->hint.len > 0) {
            dj_buf_add(&b, DJ_LIT("%0A"));
            add_github(&b, m->hint, false);
        }
        dj_buf_add_byte(&b, '\n');
    }
    return dj_buf_str(&b);
}
