"""docs/differences.md stays honest: settings and checks that it names exist, and its numbers are those of the code."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs/differences.md').read_text()
SETTINGS = dict(re.findall(r'^DJ_SETTING\(\s*\w+,\s*(\w+),\s*"((?:[^"\\]|\\.)*)"', (ROOT / 'src/conf/settings.def').read_text(), re.M))


def test_settings_that_it_names_exist():
    spans = re.findall(r'`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?: = [^`]*)?`', PAGE)
    assert len(spans) > 15
    assert {name for name in spans if not name.startswith('DJ_')} - set(SETTINGS) == set()


def test_settings_that_give_the_behaviour_of_django_are_not_at_that_value_already():
    given = re.findall(r'`([A-Z][A-Z0-9_]+) = (\w+)`', PAGE)
    assert len(given) >= 4
    assert [name for name, value in given if SETTINGS[name] == value] == []


def test_checks_that_it_names_exist():
    known = (ROOT / 'docs/checks.md').read_text()
    assert [name for name in re.findall(r'donjon\.[EWI]\d{3}', PAGE) if f'| {name} |' not in known] == []


def test_functions_that_it_names_exist():
    headers = ''.join(path.read_text() for path in (ROOT / 'include/donjon').glob('*.h'))
    assert [name for name in re.findall(r'`(dj_\w+)`', PAGE) if not re.search(rf'\b{name}\b', headers)] == []


def test_its_limits_are_those_of_the_code():
    """The defaults of dj_http_limits, and of the settings that stand beside a number."""
    source = (ROOT / 'src/http/http1.c').read_text() + (ROOT / 'src/http/http.h').read_text()
    for field, want in (('request_line', '8190'), ('field_line', '8190'), ('header_section', '32768'), ('chunk_line', '256'),
                        ('trailers', '8190')):
        assert re.search(rf'\.{field} = {want},', source) and want in PAGE, field
    assert re.search(r'#define DJ_HTTP_FIELDS_MAX 100\b', source) and 'more than 100 of them' in PAGE
    for number, name in re.findall(r'(\d+)(?: s)? [\w ]+ \(`([A-Z_]+)`\)', PAGE):
        assert SETTINGS[name] == number, name
    assert SETTINGS['MAX_REQUEST_BODY'] == '10 * 1024 * 1024' and '`MAX_REQUEST_BODY`, 10 MiB' in PAGE


def test_each_row_has_all_its_columns():
    """A `|` too many or too few moves a reason under another heading."""
    width = None
    for line in PAGE.splitlines():
        if not line.startswith('|'):
            width = None
            continue
        cells = len(re.sub(r'`[^`]*`', '', line).strip('|').split('|'))
        width = width or cells
        assert cells == width, line
