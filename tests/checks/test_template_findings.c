/* tests/checks/test_template_findings.c - what `check` says of a site's templates. */
#include "donjon/checks.h"
#include "donjon/render.h"
#include "test.h"
#include <sys/stat.h>
#include <unistd.h>

static void write_file(dj_scope *s, const char *folder, const char *name, const char *text)
{
    FILE *f = fopen(dj_cstr(s, dj_strf(s, "%s/%s", folder, name)), "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* "ID template:line", one behind the other, of a site with these three templates. */
static dj_str findings(dj_scope *s, const char *page, const char *part, const char *csp)
{
    static const dj_urls               urls;
    static const dj_embedded           items[] = {{"bad.html", "{% if %}", 8},
                                                  {"in.html", "<p title=\"{{ v|safe }}\">", 24}};
    static const dj_embedded_templates embedded = {items, 2};
    static const dj_check_templates    inside = {.embedded = &embedded};
    char                               folder[] = "/tmp/donjon-templates-XXXXXX";
    assert_non_null(mkdtemp(folder));
    write_file(s, folder, "page.html", page);
    write_file(s, folder, "part.html", part);
    write_file(s, folder, "base.html", "<body>{% block b %}{% endblock %}</body>");
    write_file(s, folder, "settings.py",
               dj_cstr(s, dj_strf(s,
                                  "%sTEMPLATES = [{'BACKEND': 'django.template.backends.django."
                                  "DjangoTemplates', 'DIRS': ['%s']}]\n",
                                  csp, folder)));
    dj_conf        *conf;
    dj_conf_error   error;
    dj_conf_options how = {DJ_CONF_STRICT, NULL, NULL};
    dj_str          path = dj_strf(s, "%s/settings.py", folder);
    dj_expect_ok(dj_conf_read(s, path, &how, &conf, &error));
    dj_check_input input = {
        .conf = conf, .base = dj_str_of(folder), .urls = &urls, .templates = &inside};
    dj_check_options options = {.tags = (dj_str[]){DJ_LIT("templates")}, .ntags = 1};
    dj_check_result  result;
    int              told = 0;
    dj_buf           b = dj_buf_make(s, 10000);
    dj_checks_run(s, &input, &options, &result);
    for (size_t i = 0; i < result.len; i++) {
        const dj_check_message *m = &result.messages[i];
        if (dj_str_eq(m->origin.file, DJ_LIT("in.html"))) { /* in the program */
            told++;
            continue;
        }
        size_t slash = dj_str_rchr(m->origin.file, '/');
        dj_buf_addf(&b, "%s" DJ_FMT " " DJ_FMT ":%u", b.len > 0 ? ", " : "", DJ_ARG(m->id),
                    DJ_ARG(dj_str_from(m->origin.file, slash + 1)), m->origin.line);
    }
    assert_int_equal(told, 1);
    static const char *const names[] = {"page.html", "part.html", "base.html", "settings.py"};
    for (size_t i = 0; i < DJ_COUNT(names); i++)
        assert_int_equal(unlink(dj_cstr(s, dj_strf(s, "%s/%s", folder, names[i]))), 0);
    assert_int_equal(rmdir(folder), 0);
    return dj_buf_str(&b);
}

#define STRICT "SECURE_CSP = {'default-src': [\"'self'\"]}\n"
#define LOOSE  "SECURE_CSP = {'default-src': [\"'self'\", \"'unsafe-inline'\"]}\n"

DJ_TEST(each_template_is_told_with_its_line)
{
    static const struct {
        const char *page, *part, *csp, *want;
    } rows[] = {
        {"{% extends 'base.html' %}{% block b %}{{ v }}{% endblock %}", "", "", ""},
        {"\n{% if a %}<a href=\"{% endif %}{{ v }}", "", "", "donjon.W160 page.html:2"},
        {"<p>\n<b title='{{ v }}", "", "", "donjon.W160 page.html:2"},
        {"<script nonce=x>\nf(`{{ v }}`)</script>", "", "", "donjon.E161 page.html:2"},
        {"<b title=\"{{ v|safe }}\">{{ v|safe }}</b>", "", "", "donjon.W162 page.html:1"},
        {"{% autoescape off %}\n<a href={{ v }}>{% endautoescape %}", "", "",
         "donjon.W162 page.html:2"},
        {"\n<form method=post>\n</form>", "", "", "donjon.W163 page.html:2"},
        {"<form method=post>{% csrf_token %}</form>", "", "", ""},
        {"<form method=POST>{% include 'part.html' %}</form>", "{% csrf_token %}", "", ""},
        {"<form method=POST>{% include 'part.html' %}</form>", "x", "", "donjon.W163 page.html:1"},
        {"<form method=POST>{% include part %}</form>", "", "", ""},
        {"<form></form><form method=get></form><form method=post action=//h/></form>", "", "", ""},
        {"<script>x</script><p style=x onclick='x'><style>x</style>", "", LOOSE, ""},
        {"<script>x</script>\n<p style=x\nonclick='x'>\n<style>x</style>", "", STRICT,
         "donjon.W164 page.html:1, donjon.W164 page.html:2, donjon.W164 page.html:3, "
         "donjon.W164 page.html:4"},
        {"<script src=x></script><script nonce={{ csp_nonce }}>x</script>", "", STRICT, ""},
        {"<script type='application/json'>{}</script>", "", STRICT, ""},
        {"<a href=javascript:x>x</a>", "", STRICT, "donjon.W164 page.html:1"},
        {"{% for x in l %}<p {% if x %}checked{% endif %} title='{{ x }}'>{% endfor %}", "", "",
         ""},
        {"<p>{% include 'part.html' %}\n'>", "<b title='{{ v }}", "", ""},
    };
    for (size_t i = 0; i < DJ_COUNT(rows); i++) {
        dj_str got = findings(c->scope, rows[i].page, rows[i].part, rows[i].csp);
        if (!dj_str_eq(got, dj_str_of(rows[i].want)))
            fail_msg("%s\nwant %s\ngot  %.*s", rows[i].page, rows[i].want, DJ_ARG(got));
    }
}

DJ_TESTS(DJ_T(each_template_is_told_with_its_line))
