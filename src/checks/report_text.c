/* src/checks/report_text.c - the report as Django's `check` prints it, byte for byte but for the
 * texts.
 *
 * Django: django/core/management/base.py (BaseCommand.check), core/checks/messages.py,
 * core/management/color.py. */
#include "checks/family.h"

#define REPORT_MAX ((size_t)16 * 1024 * 1024)

static const char *const group_names[] = {"CRITICALS", "ERRORS", "WARNINGS", "INFOS", "DEBUGS"};

static size_t group_of(dj_level level)
{
    return level >= DJ_CRITICAL      ? 0
           : level >= DJ_ERROR_LEVEL ? 1
           : level >= DJ_WARNING     ? 2
           : level >= DJ_INFO        ? 3
                                     : 4;
}

/* "settings/production.py:12:5"; without a line if the setting stands nowhere. */
dj_str ck_place(dj_scope *s, dj_origin at, dj_str cwd)
{
    dj_str file = at.file;
    if (cwd.len > 0 && file.len > cwd.len + 1 && dj_str_starts(file, cwd) &&
        file.ptr[cwd.len] == '/')
        file = dj_str_from(file, cwd.len + 1);
    if (at.line == 0)
        return file;
    return dj_strf(s, DJ_FMT ":%u:%u", DJ_ARG(file), (unsigned)at.line, (unsigned)at.column);
}

static void add_message(dj_scope *s, dj_buf *b, const dj_check_message *m,
                        const dj_check_report_options *o)
{
    bool serious = m->level >= DJ_ERROR_LEVEL;
    if (o->color)
        dj_buf_add(b, serious ? DJ_LIT("\x1b[31;1m") : DJ_LIT("\x1b[33;1m"));
    dj_buf_addf(b, DJ_FMT ": (" DJ_FMT ") " DJ_FMT,
                DJ_ARG(m->object.len == 0 ? DJ_LIT("?") : m->object), DJ_ARG(m->id),
                DJ_ARG(m->text));
    if (m->hint.len > 0)
        dj_buf_addf(b, "\n\tHINT: " DJ_FMT, DJ_ARG(m->hint));
    if (o->origins && m->origin.file.len > 0)
        dj_buf_addf(b, "\n\tAT: " DJ_FMT "%s", DJ_ARG(ck_place(s, m->origin, o->cwd)),
                    m->origin.line == 0 && m->origin.column == 0 ? " (not set)" : "");
    if (o->color)
        dj_buf_add(b, DJ_LIT("\x1b[0m"));
    dj_buf_add_byte(b, '\n');
}

dj_str dj_check_report_text(dj_scope *s, const dj_check_result *r, const dj_check_report_options *o)
{
    dj_buf b = dj_buf_make(s, REPORT_MAX);
    if (dj_checks_failed(r, o->fail_level)) {
        dj_str head = DJ_LIT("SystemCheckError: System check identified some issues:\n");
        if (o->color)
            dj_buf_addf(&b, "\x1b[31;1m" DJ_FMT "\x1b[0m", DJ_ARG(head));
        else
            dj_buf_add(&b, head);
    } else if (r->len > 0) {
        dj_buf_add(&b, DJ_LIT("System check identified some issues:\n"));
    }
    size_t group = DJ_COUNT(group_names);
    for (size_t i = 0; i < r->len; i++) {
        if (group_of(r->messages[i].level) != group) {
            group = group_of(r->messages[i].level);
            dj_buf_addf(&b, "\n%s:\n", group_names[group]);
        }
        add_message(s, &b, &r->messages[i], o);
    }
    if (r->len > 0)
        dj_buf_add_byte(&b, '\n');
    dj_buf_add(&b, DJ_LIT("System check identified "));
    if (r->len == 0)
        dj_buf_add(&b, DJ_LIT("no issues"));
    else
        dj_buf_addf(&b, "%zu issue%s", r->len, r->len == 1 ? "" : "s");
    dj_buf_addf(&b, " (%zu silenced).\n", r->nsilenced);
    return dj_buf_str(&b);
}
