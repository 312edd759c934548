"""Pages from templates, as a browser gets them: in development and in production, broken and whole, beside the real Django."""

import json
import pathlib
import re
import subprocess
import time

import pytest
from conftest import BUILD

ROOT = pathlib.Path(__file__).resolve().parents[2]

ENGINE = '''
TEMPLATES = [{
    'BACKEND': 'django.template.backends.django.DjangoTemplates',
    'DIRS': [%r],
    'OPTIONS': {'context_processors': ['django.template.context_processors.request', 'django.template.context_processors.csp']},
}]
'''


def run(program, *args):
    return subprocess.run([str(BUILD / program), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def articles(make_site, templates=None, **settings):
    """examples/articles with templates of its own before those in the program."""
    site = make_site('examples/articles', DEBUG=settings.pop('DEBUG', False), raw=ENGINE % str(templates or '/nowhere'), **settings)
    return site


def test_the_example_carries_its_pages(make_site):
    site = articles(make_site).start()
    page = site.get('/')
    nonce = re.search(r'<script nonce="([\w-]{22})">', page.body.decode())[1]
    assert page.status == 200 and f"'nonce-{nonce}'" in page.header('Content-Security-Policy')
    assert b'<a href="/2/" title="Bread &amp; water">' in page.body and b'document.title = "Walls" +' in page.body
    assert b'<p>With &lt;few&gt; doors.</p>' in site.get('/1/').body
    missing = site.get('/3/')
    assert missing.status == 404 and b'There is no article at /3/.' in missing.body


def test_a_broken_template_stops_serve_with_its_place(make_site, tmp_path):
    (tmp_path / 'index.html').write_text('<p>\n{% for a in articles %}{{ a.title|lowr }}{% endfor %}\n')
    (tmp_path / 'detail.html').write_text('{% extends "bas.html" %}')
    site = articles(make_site, tmp_path)
    done = site.run('serve', '--bind', f'127.0.0.1:{site.port}')
    assert done.returncode == 1
    assert "index.html:2:24: Invalid filter: 'lowr'" in done.stderr and "detail.html:1:1: there is no template 'bas.html'" in done.stderr


def test_in_development_a_template_is_mended_while_the_site_runs(make_site, tmp_path):
    site = articles(make_site, tmp_path, DEBUG=True).start('--noreload', command='runserver')
    page = tmp_path / 'index.html'
    page.write_text('one {{ articles|length }}')
    assert site.get('/').body == b'one 2'
    page.write_text('<h1>first</h1>\n<h2>{{ articles|lengthh }}</h2>\n<p>third</p>\n')
    broken = site.get('/')
    assert broken.status == 500
    text = broken.body.decode()
    assert 'TemplateSyntaxError' in text and 'index.html, line 2' in text and 'Invalid filter: &#x27;lengthh&#x27;' in text
    assert re.search(r'<mark>\s+2  &lt;h2&gt;\{\{ articles\|lengthh \}\}&lt;/h2&gt;</mark>', text)
    page.write_text('two {{ articles|length }}!')
    assert site.get('/').body == b'two 2!'
    page.unlink()
    assert b'2 articles' in site.get('/').body  # the one in the program again


def test_production_never_looks_again(make_site, tmp_path):
    page = tmp_path / 'index.html'
    page.write_text('one')
    site = articles(make_site, tmp_path).start()
    assert site.get('/').body == b'one'
    page.write_text('{% broken')
    time.sleep(0.05)
    assert site.get('/').body == b'one'


HOSTILE = '<script>alert("1")</script> & \'quoted\' \u2028 caf\u00e9'
REQUEST = {'path': '/', 'get_host': 'localhost:8000', 'is_secure': False}
GUARDS = [{'header': 'X-Frame-Options', 'setting': 'X_FRAME_OPTIONS', 'why': HOSTILE, 'value': HOSTILE, 'on': True},
          {'header': HOSTILE, 'setting': HOSTILE, 'why': '', 'value': None, 'on': False}]
DEMO_PAGES = [  # template, context, contextual escaping
    ('front.html', {'guards': GUARDS, 'on': 1, 'request': REQUEST, 'csp_nonce': 'bm9uY2Vub25jZW5vbmNlMg'}, True),
    ('hello.html', {'name': HOSTILE, 'request': REQUEST, 'csp_nonce': 'x'}, True),
    ('errors.html', {'request': REQUEST, 'csp_nonce': 'x'}, True),
    ('403.html', {'exception': HOSTILE}, True),
    ('404.html', {'request_path': '/%3Cx%3E/', 'exception': 'no route'}, True),
    ('400.html', {}, True),
    ('500.html', {}, True),
    ('echo.html', {'q': HOSTILE, 'csp_nonce': 'x'}, False),  # puts it into addresses and a script, where Django is not safe
]


def test_the_demos_pages_are_those_of_django(tmp_path):
    """The same files with the same contexts through the real Django: the same bytes."""
    import django
    from django.conf import settings
    from django.template import Context
    from django.template.engine import Engine
    from django.urls import path
    routes = re.findall(r'DJ_PATH\("([^"]*)", \w+, \.name = "([^"]+)"', (ROOT / 'demo/main.c').read_text())
    assert len(routes) >= 6
    if not settings.configured:
        settings.configure(STATIC_URL='/static/', ROOT_URLCONF=tuple(path(route, lambda request: None, name=name) for route, name in routes))
        django.setup()
    engine = Engine(dirs=[str(ROOT / 'demo/templates')], libraries={'static': 'django.templatetags.static'})
    sources = {p.name: p.read_text() for p in (ROOT / 'demo/templates').iterdir()}
    cases = [{'id': name, 'templates': {**sources, 'main': sources[name]}, 'main': 'main', 'context': context, 'contextual': contextual,
              'expect': engine.get_template(name).render(Context(context))} for name, context, contextual in DEMO_PAGES]
    (tmp_path / 'urls.json').write_text(json.dumps(
        {'kind': 'templates.routes', 'routes': [{'namespace': None, 'name': name, 'route': route} for route, name in routes]}))
    (tmp_path / 'demo.json').write_text(json.dumps({'kind': 'templates.render', 'cases': cases}))
    done = subprocess.run([str(BUILD / 'conformance'), str(tmp_path / 'demo.json')], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and f'{len(DEMO_PAGES)} passed, 0 failed' in done.stdout, done.stdout


def test_values_that_once_led_a_page_astray(tmp_path):
    """Cases of our own beside Django's: names of tags and attributes from values, block.super and {% filter %} in odd places."""
    (tmp_path / 'urls.json').write_text('{"kind": "templates.routes", "routes": []}')
    (tmp_path / 'places.json').write_text((ROOT / 'tests/template/places.json').read_text())
    done = subprocess.run([str(BUILD / 'conformance'), str(tmp_path / 'places.json')], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and '16 passed, 0 failed' in done.stdout, done.stdout


def test_embed_writes_what_compiles(tmp_path):
    folder = tmp_path / 'pages'
    (folder / 'sub').mkdir(parents=True)
    (folder / 'sub/x.html').write_text('h\u00e9 "quoted" ??= \\ {{ v }}\nend')
    (folder / 'empty.txt').write_text('')
    (folder / '.hidden').write_text('no')
    done = run('donjon', 'embed', folder, '--name', 'mine', '--output', tmp_path / 'out.c')
    assert done.returncode == 0, done.stderr
    (tmp_path / 'main.c').write_text('#include <donjon/render.h>\n#include <stdio.h>\nextern const dj_embedded_templates mine;\n'
                                     'int main(void) { for (size_t i = 0; i < mine.len; i++) { printf("%s %zu\\n", mine.items[i].name, mine.items[i].len);'
                                     ' fwrite(mine.items[i].text, 1, mine.items[i].len, stdout); } return 0; }\n')
    subprocess.run(['gcc', '-std=gnu11', '-Wall', '-Werror', '-I', str(ROOT / 'include'), str(tmp_path / 'out.c'), str(tmp_path / 'main.c'),
                    '-o', str(tmp_path / 'main')], check=True)
    shown = subprocess.run([str(tmp_path / 'main')], capture_output=True, check=True).stdout.decode()
    assert shown == 'empty.txt 0\nsub/x.html 30\nh\u00e9 "quoted" ??= \\ {{ v }}\nend'


@pytest.mark.parametrize('make, want', [
    (lambda f: f.mkdir(), 'there is no file to embed'),
    (lambda f: None, 'No such file or directory'),
    (lambda f: (f.mkdir(), (f / 'a.html').write_bytes(b'\xff')), 'is not UTF-8'),
    (lambda f: (f.mkdir(), (f / 'a.html').write_bytes(b'x' * (1024 * 1024 + 1))), 'has more than 1048576 bytes'),
])
def test_embed_says_what_is_wrong(tmp_path, make, want):
    make(tmp_path / 'pages')
    done = run('donjon', 'embed', tmp_path / 'pages', '--output', tmp_path / 'out.c')
    assert done.returncode != 0 and want in done.stderr and not (tmp_path / 'out.c').exists()
