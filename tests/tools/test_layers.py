"""tools/layers.py: each rule finds its violation in a small tree, and a clean tree has no finding."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'tools'))
from layers import Layers  # noqa: E402

TABLE = """# floors
0 base: str
1 loop:
1 crypto: hmac
2 http: request
"""
FILES = {
    'src/base/str.c': '#include "donjon/str.h"\n',
    'src/loop/loop.h': '#include "donjon/str.h"\n',
    'src/loop/inside.h': '#include "loop/loop.h"\n',
    'src/loop/loop.c': '#include "inside.h"\n#include <stdio.h>\n',
    'src/crypto/hmac.c': '#include "donjon/hmac.h"\n',
    'src/http/http.h': '#include "donjon/request.h"\n',
    'src/http/parser.c': '#include "http/http.h"\n#include "loop/loop.h"\n',
    'include/donjon/str.h': '#include <stddef.h>\n',
    'include/donjon/hmac.h': '#include "donjon/str.h"\n',
    'include/donjon/request.h': '#include "donjon/hmac.h"\n',
    'include/donjon/donjon.h': '#include "donjon/request.h"\n#include "donjon/str.h"\n',
}


def findings(root, table=TABLE, **changes):
    """Writes the clean tree with `changes` (path with __ for /, and _dot_) on top and checks it."""
    files = {path: f'/* {path} - a test. */\n{text}' for path, text in FILES.items()}
    files.update({name.replace('__', '/').replace('_dot_', '.'): text for name, text in changes.items()})
    for path, text in files.items():
        if text is None:
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / 'src/LAYERS').write_text(table)
    return Layers(root).check()


def opened(path, text):
    return f'/* {path} - a test. */\n{text}'


def test_a_clean_tree_has_no_finding(tmp_path):
    assert findings(tmp_path) == []


@pytest.mark.parametrize('path, text, expected', [
    ('src/base/str.c', '#include "http/http.h"\n', 'upward: base (floor 0) includes http.h of http (floor 2)'),
    ('src/base/str.c', '#include "donjon/request.h"\n', 'upward: base'),
    ('include/donjon/str.h', '#include "donjon/hmac.h"\n', 'upward: base'),
    ('src/loop/loop.c', '#include "donjon/hmac.h"\n', 'rooms of one floor do not know each other'),
    ('src/http/parser.c', '#include "loop/inside.h"\n', 'inside.h is private to loop'),
    ('src/http/parser.c', '#  include "donjon/donjon.h"\n', 'for applications only'),
    ('include/donjon/request.h', '#include "donjon/donjon.h"\n', 'for applications only'),
    ('include/donjon/request.h', '#include "http/http.h"\n', 'needs the private http.h'),
    ('src/http/parser.c', '#include "http/absent.h"\n', '"http/absent.h" does not exist'),
    ('include/donjon/absent.h', '', 'listed with no room'),
    ('src/sessions/store.c', '', 'this room is not in src/LAYERS'),
])
def test_a_violation_is_found(tmp_path, path, text, expected):
    found = findings(tmp_path, **{path.replace('/', '__').replace('.', '_dot_'): opened(path, text)})
    assert any(expected in line for line in found), found


def test_the_place_of_an_include_is_named(tmp_path):
    found = findings(tmp_path, src__base__str_dot_c=opened('src/base/str.c', '\n\n#include "http/http.h"\n'))
    assert found[0].startswith('src/base/str.c:4: ')


def test_two_private_headers_are_one_too_many(tmp_path):
    more = {'src__loop__second_dot_h': opened('src/loop/second.h', '')}
    found = findings(tmp_path, **more)
    assert found == ['src/loop: more than one private header: inside.h, second.h']
    more['src__http__parser_dot_c'] = opened('src/http/parser.c', '#include "loop/second.h"\n')
    assert findings(tmp_path, TABLE + '# for the reason that\nalso loop: second.h\n', **more) == []


def test_headers_in_a_circle_are_found(tmp_path):
    found = findings(tmp_path, src__loop__loop_dot_h=opened('src/loop/loop.h', '#include "inside.h"\n'))
    assert any('circle: ' in line and 'inside.h' in line for line in found), found


def test_a_file_opens_with_its_own_name(tmp_path):
    found = findings(tmp_path, src__base__str_dot_c='/* src/base/map.c - moved. */\n')
    assert found == ['src/base/str.c:1: does not open with "/* src/base/str.c - what it is for"']
    assert findings(tmp_path, src__base__str_dot_c='int x;\n') == found


def test_a_listed_header_must_exist(tmp_path):
    found = findings(tmp_path, TABLE.replace('0 base: str', '0 base: str gone'))
    assert found == ['src/LAYERS:2: include/donjon/gone.h does not exist']


def test_a_listed_room_must_exist_and_stands_once(tmp_path):
    found = findings(tmp_path, TABLE + '3 server:\n2 http: str\n')
    assert any('room server has no folder' in line for line in found)
    assert any('room http stands here twice' in line for line in found)
    assert any('str.h belongs to base already' in line for line in found)
