/* src/template/filters/markup.c - see markup.h.
 *
 * The functions have the names of CPython's Lib/html/parser.py and Lib/_markupbase.py, and return
 * what those return: where to go on, or NONE for "not complete yet". */
#include "template/filters/markup.h"
#include "donjon/html.h"
#include "donjon/unicode.h"

#define NONE DJ_NOT_FOUND

/* -- looking, within the budget -- */

static void spend(markup *m, size_t bytes)
{
    if (m->budget >= bytes) {
        m->budget -= bytes;
        return;
    }
    m->budget = 0;
    if (!m->error)
        m->error = dj_fail(m->scope, DJ_ERR_SUSPICIOUS, "markup that takes too long to read");
}

static void refuse(markup *m, const char *why)
{
    if (!m->error)
        m->error = dj_fail(m->scope, DJ_ERR_TEMPLATE, "markup: %s", why);
}

static char byte_at(const markup *m, size_t i)
{
    return i < m->text.len ? m->text.ptr[i] : '\0';
}

static bool starts(const markup *m, size_t i, dj_str with)
{
    return dj_str_starts(dj_str_from(m->text, i), with);
}

static size_t find(markup *m, char c, size_t from)
{
    size_t at = dj_str_chr(dj_str_from(m->text, from), c);
    spend(m, at == NONE ? (from < m->text.len ? m->text.len - from : 0) : at);
    return at == NONE ? NONE : from + at;
}

/* \s; *after behind it. */
static bool is_space(const markup *m, size_t i, size_t *after)
{
    if (i >= m->text.len)
        return false;
    unsigned char c = (unsigned char)m->text.ptr[i];
    *after = i + 1;
    if (c < 0x80)
        return c == ' ' || (c >= 0x9 && c <= 0xD) || (c >= 0x1C && c <= 0x1F);
    *after = i;
    int32_t cp = dj_utf8_next(m->text, after);
    return cp >= 0 && dj_cp_is_space((uint32_t)cp);
}

static size_t skip_spaces(markup *m, size_t i)
{
    size_t from = i, after;
    while (is_space(m, i, &after))
        i = after;
    spend(m, i - from);
    return i;
}

/* Is the character that ends before `i` blank? */
static bool is_space_before(const markup *m, size_t i, size_t *start)
{
    size_t after;
    *start = i - 1;
    while (*start > 0 && i - *start < 4 && ((unsigned char)m->text.ptr[*start] & 0xC0) == 0x80)
        --*start;
    return is_space(m, *start, &after) && after == i;
}

/* (?:\s|/(?!>))* */
static size_t skip_gap(markup *m, size_t i)
{
    size_t from = i, after;
    for (; i < m->text.len; i = after) {
        if (m->text.ptr[i] == '/' && byte_at(m, i + 1) != '>')
            after = i + 1;
        else if (!is_space(m, i, &after))
            break;
    }
    spend(m, i - from);
    return i;
}

/* -- start tags -- */

/* [a-zA-Z][^\t\n\r\f />\x00]* */
static size_t tag_name_end(markup *m, size_t i)
{
    size_t from = i;
    if (!dj_is_alpha(byte_at(m, i)))
        return NONE;
    while (i < m->text.len && memchr("\t\n\r\f />\0", m->text.ptr[i], 8) == NULL)
        i++;
    spend(m, i - from);
    return i;
}

/* \s*=+\s*('...'|"..."|bare), or where it began. An open quote makes the expression give back what
 * it took: first the blank before the quote, then one of several '='. */
static size_t attribute_value(markup *m, size_t begin)
{
    size_t equals = skip_spaces(m, begin), i = equals;
    while (byte_at(m, i) == '=')
        i++;
    if (i == equals)
        return begin;
    size_t value = skip_spaces(m, i), after;
    char   quote = byte_at(m, value);
    if (value < m->text.len && (quote == '\'' || quote == '"')) {
        size_t close = find(m, quote, value + 1), blank;
        if (close != NONE)
            return close + 1;
        if (value > i && is_space_before(m, value, &blank))
            return blank;
        if (i - equals < 2)
            return begin;
    }
    for (i = value; i < m->text.len && m->text.ptr[i] != '>' && !is_space(m, i, &after);)
        i = after;
    spend(m, i - value);
    return i;
}

/* One attribute and the gap behind it; NONE: there is none here. */
static size_t attribute(markup *m, size_t i)
{
    size_t from = i, after, start;
    char   before = m->text.ptr[i - 1];
    if (before != '\'' && before != '"' && before != '/' && !is_space_before(m, i, &start))
        return NONE;
    if (i >= m->text.len || m->text.ptr[i] == '/' || m->text.ptr[i] == '>' ||
        is_space(m, i, &after))
        return NONE;
    for (i = after; i < m->text.len; i = after) {
        char c = m->text.ptr[i];
        if (c == '/' || c == '=' || c == '>' || is_space(m, i, &after))
            break;
    }
    spend(m, i - from);
    return skip_gap(m, attribute_value(m, i));
}

static size_t attributes(markup *m, size_t i)
{
    for (size_t next; !m->error && (next = attribute(m, i)) != NONE;)
        i = next;
    return i;
}

static size_t check_for_whole_start_tag(markup *m, size_t i)
{
    size_t j = tag_name_end(m, i + 1), after;
    while (byte_at(m, j) == '/' || is_space(m, j, &after)) {
        j = m->text.ptr[j] == '/' ? j + 1 : after;
        spend(m, 1);
    }
    j = skip_spaces(m, attributes(m, j));
    if (j >= m->text.len)
        return NONE;
    char next = m->text.ptr[j];
    if (next == '>')
        return j + 1;
    if (next == '/')
        return byte_at(m, j + 1) == '>' ? j + 2 : NONE;
    return dj_is_alpha(next) || next == '=' ? NONE : j;
}

static void give_data(markup *m, dj_str text)
{
    m->handlers->data(m, m->ctx, text);
}

static dj_str part(const markup *m, size_t from, size_t to)
{
    return dj_str_n(m->text.ptr + from, to - from);
}

static size_t parse_starttag(markup *m, size_t i)
{
    size_t end = check_for_whole_start_tag(m, i);
    if (end == NONE || m->error)
        return NONE;
    size_t name_end = tag_name_end(m, i + 1);
    dj_str tag = dj_utf8_lower(m->scope, part(m, i + 1, name_end));
    size_t k = skip_gap(m, name_end);
    while (k < end && !m->error) {
        size_t next = attribute(m, k);
        if (next == NONE)
            break;
        k = next;
    }
    dj_str tail = k < end ? dj_utf8_strip(part(m, k, end)) : DJ_LIT("");
    bool   closed = dj_str_eq(tail, DJ_LIT("/>"));
    if (!closed && !dj_str_eq(tail, DJ_LIT(">"))) {
        give_data(m, part(m, i, end));
        return end;
    }
    m->handlers->start(m, m->ctx, tag, part(m, i, end), closed);
    if (!closed && (dj_str_eq(tag, DJ_LIT("script")) || dj_str_eq(tag, DJ_LIT("style"))))
        m->raw_element = tag;
    return end;
}

/* -- end tags -- */

/* </\s*([a-zA-Z][-.a-zA-Z0-9:_]*)\s*> at `i`; none: it is not of that form. */
static dj_str plain_end_tag(markup *m, size_t i)
{
    size_t from = skip_spaces(m, i + 2), to = from;
    if (!dj_is_alpha(byte_at(m, from)))
        return DJ_NONE;
    while (to < m->text.len && (dj_is_alpha(m->text.ptr[to]) || dj_is_digit(m->text.ptr[to]) ||
                                memchr("-.:_", m->text.ptr[to], 4) != NULL))
        to++;
    spend(m, to - from);
    return byte_at(m, skip_spaces(m, to)) == '>' ? part(m, from, to) : DJ_NONE;
}

static size_t parse_endtag(markup *m, size_t i)
{
    size_t end = find(m, '>', i + 1);
    if (end++ == NONE)
        return NONE;
    dj_str plain = plain_end_tag(m, i);
    bool   raw = !dj_str_is_none(m->raw_element);
    if (dj_str_is_none(plain) && !raw) {
        size_t name_end = tag_name_end(m, i + 2);
        if (name_end == NONE)
            return end; /* "</>", or what counts as a comment */
        size_t close = find(m, '>', skip_gap(m, name_end));
        m->handlers->end(m, m->ctx, dj_utf8_lower(m->scope, part(m, i + 2, name_end)));
        return close == NONE ? NONE : close + 1;
    }
    dj_str tag = dj_str_lower(m->scope, plain);
    if (raw && !dj_str_eq(tag, m->raw_element)) {
        give_data(m, part(m, i, end));
        return end;
    }
    m->handlers->end(m, m->ctx, tag);
    m->raw_element = DJ_NONE;
    return end;
}

/* -- comments and declarations: nothing is told of them -- */

static size_t behind(size_t at)
{
    return at == NONE ? NONE : at + 1;
}

/* --\s*> */
static size_t parse_comment(markup *m, size_t i)
{
    for (i += 4; (i = find(m, '-', i)) != NONE; i++) {
        if (byte_at(m, i + 1) != '-')
            continue;
        size_t end = skip_spaces(m, i + 2);
        if (byte_at(m, end) == '>')
            return end + 1;
    }
    return NONE;
}

/* ]\s*> or, with `twice`, ]\s*]\s*> */
static size_t section_end(markup *m, size_t i, bool twice)
{
    for (; (i = find(m, ']', i)) != NONE; i++) {
        size_t end = skip_spaces(m, i + 1);
        if (twice) {
            if (byte_at(m, end) != ']')
                continue;
            end = skip_spaces(m, end + 1);
        }
        if (byte_at(m, end) == '>')
            return end + 1;
    }
    return NONE;
}

static bool is_one_of(dj_str name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (dj_str_eq_nocase(name, dj_str_of(*names)))
            return true;
    return false;
}

/* <![name ... */
static size_t parse_marked_section(markup *m, size_t i)
{
    static const char *const sgml[] = {"temp", "cdata", "ignore", "include", "rcdata", NULL};
    static const char *const office[] = {"if", "else", "endif", NULL};
    size_t                   from = i + 3, to = from;
    if (from >= m->text.len)
        return NONE;
    if (!dj_is_alpha(m->text.ptr[from])) {
        refuse(m, "a section without a name");
        return NONE;
    }
    while (to < m->text.len && (dj_is_alpha(m->text.ptr[to]) || dj_is_digit(m->text.ptr[to]) ||
                                memchr("-_.", m->text.ptr[to], 3) != NULL))
        to++;
    if (skip_spaces(m, to) >= m->text.len)
        return NONE;
    if (is_one_of(part(m, from, to), sgml))
        return section_end(m, from, true);
    if (is_one_of(part(m, from, to), office))
        return section_end(m, from, false);
    refuse(m, "a section of unknown name");
    return NONE;
}

static size_t parse_html_declaration(markup *m, size_t i)
{
    if (starts(m, i, DJ_LIT("<![")))
        return parse_marked_section(m, i);
    bool doctype = dj_str_starts_nocase(dj_str_from(m->text, i), DJ_LIT("<!doctype"));
    return behind(find(m, '>', i + (doctype ? 9 : 2)));
}

/* -- references -- */

/* &#(?:[0-9]+|[xX][0-9a-fA-F]+)[^0-9a-fA-F]; where its name ends, or NONE. */
static size_t charref_end(const markup *m, size_t i)
{
    bool   hex = byte_at(m, i + 2) == 'x' || byte_at(m, i + 2) == 'X';
    size_t from = i + (hex ? 3 : 2), to = from;
    while (to < m->text.len &&
           (hex ? dj_hex_value(m->text.ptr[to]) >= 0 : dj_is_digit(m->text.ptr[to])))
        to++;
    bool ended = to < m->text.len && dj_hex_value(m->text.ptr[to]) < 0;
    return to > from && ended ? to : NONE;
}

/* &([a-zA-Z][-.a-zA-Z0-9]*)[^a-zA-Z0-9] */
static size_t entityref_end(const markup *m, size_t i)
{
    size_t to = i + 1;
    if (!dj_is_alpha(byte_at(m, to)))
        return NONE;
    while (to < m->text.len && (dj_is_alpha(m->text.ptr[to]) || dj_is_digit(m->text.ptr[to]) ||
                                m->text.ptr[to] == '-' || m->text.ptr[to] == '.'))
        to++;
    if (to < m->text.len)
        return to;
    while (to-- > i + 2)
        if (m->text.ptr[to] == '-' || m->text.ptr[to] == '.')
            return to;
    return NONE;
}

/* At an '&'. False: nothing more can be said. */
static bool parse_reference(markup *m, bool end)
{
    size_t i = m->pos;
    bool   number = byte_at(m, i + 1) == '#';
    size_t name_end = number ? charref_end(m, i) : entityref_end(m, i);
    if (name_end != NONE) {
        m->handlers->reference(m, m->ctx, part(m, i + (number ? 2 : 1), name_end), number);
        m->pos = name_end + (m->text.ptr[name_end] == ';');
        spend(m, m->pos - i);
        return true;
    }
    if (number) {
        if (find(m, ';', i) != NONE) {
            give_data(m, part(m, i, i + 2));
            m->pos += 2;
        }
        return false;
    }
    if (dj_is_alpha(byte_at(m, i + 1))) {
        if (end && i + 2 == m->text.len)
            m->pos++; /* the '&' is lost, as in Python */
        return false;
    }
    if (i + 1 == m->text.len)
        return false;
    give_data(m, DJ_LIT("&"));
    m->pos++;
    return true;
}

/* -- the loop -- */

/* "</script >" in any case, at `i`. */
static bool ends_raw_element(markup *m, size_t i)
{
    size_t at = skip_spaces(m, i + 2);
    for (size_t n = 0; n < m->raw_element.len; n++) {
        int32_t cp = at < m->text.len ? dj_utf8_next(m->text, &at) : -1;
        if (cp < 0 || dj_cp_fold((uint32_t)cp) != m->raw_element.ptr[n])
            return false;
    }
    return byte_at(m, skip_spaces(m, at)) == '>';
}

/* Is the text behind the last '&' so short that it may be a reference cut in two? */
static bool may_be_cut(const markup *m)
{
    size_t from = m->text.len;
    for (int back = 0; back < 34 && from > m->pos; back++) {
        from--;
        while (from > m->pos && ((unsigned char)m->text.ptr[from] & 0xC0) == 0x80)
            from--;
    }
    size_t amp = dj_str_rchr(dj_str_from(m->text, from), '&'), after;
    if (amp == NONE)
        return false;
    for (size_t i = from + amp; i < m->text.len; i = after)
        if (m->text.ptr[i] == ';' || is_space(m, i, &after))
            return false;
    return true;
}

/* Where text ends and something else may begin; NONE: wait for more. */
static size_t next_interesting(markup *m)
{
    size_t i = m->pos;
    if (!dj_str_is_none(m->raw_element)) {
        while ((i = find(m, '<', i)) != NONE &&
               !(byte_at(m, i + 1) == '/' && ends_raw_element(m, i)))
            i++;
        return i;
    }
    if (m->handlers->reference == NULL) {
        i = find(m, '<', i);
        if (i == NONE)
            return may_be_cut(m) ? NONE : m->text.len;
        return i;
    }
    while (i < m->text.len && m->text.ptr[i] != '<' && m->text.ptr[i] != '&')
        i++;
    spend(m, i - m->pos);
    return i;
}

static void give_text(markup *m, size_t from, size_t to)
{
    dj_str text = part(m, from, to);
    if (m->handlers->reference == NULL && dj_str_is_none(m->raw_element))
        text = dj_html_unescape(m->scope, text);
    give_data(m, text);
}

/* At a '<': what it begins; *alone: nothing. */
static size_t parse_markup(markup *m, size_t i, bool *alone)
{
    *alone = false;
    if (dj_is_alpha(byte_at(m, i + 1)))
        return parse_starttag(m, i);
    if (starts(m, i, DJ_LIT("</")))
        return parse_endtag(m, i);
    if (starts(m, i, DJ_LIT("<!--")))
        return parse_comment(m, i);
    if (starts(m, i, DJ_LIT("<?")))
        return behind(find(m, '>', i + 2));
    if (starts(m, i, DJ_LIT("<!")))
        return parse_html_declaration(m, i);
    *alone = true;
    return i + 1;
}

/* False: nothing more can be said. */
static bool step_markup(markup *m, bool end)
{
    bool   alone;
    size_t i = m->pos, k = parse_markup(m, i, &alone);
    if (m->error || m->stopped)
        return false;
    if (alone) {
        if (k >= m->text.len)
            return false;
        give_data(m, DJ_LIT("<"));
    } else if (k == NONE) {
        if (!end)
            return false;
        k = behind(find(m, '>', i + 1));
        if (k == NONE)
            k = find(m, '<', i + 1);
        if (k == NONE)
            k = i + 1;
        give_text(m, i, k);
    }
    m->pos = k;
    return true;
}

static void goahead(markup *m, bool end)
{
    while (m->pos < m->text.len && !m->stopped && !m->error) {
        size_t next = next_interesting(m);
        if (next == NONE)
            break;
        if (next > m->pos) {
            give_text(m, m->pos, next);
            m->pos = next;
        }
        if (next == m->text.len || m->stopped || m->error)
            break;
        bool more = m->text.ptr[next] == '<' ? step_markup(m, end) : parse_reference(m, end);
        if (!more)
            break;
    }
    if (end && m->pos < m->text.len && dj_str_is_none(m->raw_element) && !m->stopped && !m->error)
        give_text(m, m->pos, m->text.len);
}

void markup_feed(markup *m)
{
    goahead(m, false);
}

void markup_close(markup *m)
{
    m->text = dj_str_from(m->text, m->pos); /* what feed() left */
    m->pos = 0;
    goahead(m, true);
}
