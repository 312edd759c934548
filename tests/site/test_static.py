"""Static files on the wire, and collectstatic: what curl and Python's http.client make of the answers, and what Debian's Django
makes of the same tree."""

import fcntl
import gzip
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import KEY, PATIENCE, ROOT, wait_for

BIG = bytes(i * 7 % 251 for i in range(300000))
CSS = 'body { color: red }\n' * 400


def tree(folder):
    """A small source tree."""
    for name, content in {
        'css/site.css': "@import 'base.css';\n@font-face { src: url(../fonts/f.eot?#iefix), url('../fonts/f.eot#x') }\n" + CSS,
        'css/base.css': 'p { background: url("../img/dot.svg") } q { background: url(data:image/png;base64,AA) }\n',
        'js/site.js': 'var a = 1;\n',
        'img/dot.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
        'img/é & <b>.txt': 'text', 'fonts/f.eot': 'font', 'LICENSE': 'all of it', '.secret': 'no', 'a~': 'no',
        'big.bin': BIG, 'page.html': '<p>a page</p>',
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.fixture
def static(make_site):
    """A site with a source tree and an empty place for STATIC_ROOT."""
    site = make_site()
    site.source, site.root = tree(site.folder / 'source'), site.folder / 'root'
    site.write(INSTALLED_APPS=['django.contrib.staticfiles'], STATIC_URL='/static/', STATIC_ROOT=str(site.root),
               STATICFILES_DIRS=[str(site.source)])
    return site


def collect(site, *options, status=0):
    done = site.run('collectstatic', '--noinput', *options)
    assert done.returncode == status, done
    return done


def names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob('*') if p.is_file())


def manifest(site):
    return json.loads((site.root / 'staticfiles.json').read_text())


# -- collectstatic --

DJANGO = """
import hashlib, json, sys
from django.conf import settings
settings.configure(DEBUG=False, SECRET_KEY='x' * 50, INSTALLED_APPS=['django.contrib.staticfiles'], STATIC_URL='/static/',
                   STATIC_ROOT=sys.argv[2], STATICFILES_DIRS=[sys.argv[1]], STATICFILES_STORAGE='django_oracle.Storage')
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.files.base import ContentFile

class Storage(ManifestStaticFilesStorage):
    def save_manifest(self):  # as releases from 4.2 (hash) and 6.0 (order) on write it
        pairs = sorted(self.hashed_files.items())
        digest = hashlib.md5(json.dumps(pairs).encode()).hexdigest()[:12]
        text = json.dumps({'paths': dict(pairs), 'version': '1.1', 'hash': digest})
        self._save(self.manifest_name, ContentFile(text.encode()))

sys.modules['django_oracle'] = sys.modules['__main__']
import django
django.setup()
from django.core.management import call_command
call_command('collectstatic', interactive=False, verbosity=0)
"""


def test_django_collects_the_same_bytes(static, tmp_path):
    collect(static)
    subprocess.run(['/usr/bin/python3', '-c', DJANGO, str(static.source), str(tmp_path / 'theirs')], check=True, timeout=PATIENCE)
    ours = [n for n in names(static.root) if not n.endswith(('.gz', '.br'))]
    assert ours == names(tmp_path / 'theirs')
    for name in ours:
        assert (static.root / name).read_bytes() == (tmp_path / 'theirs' / name).read_bytes(), name


def test_links_of_newer_django(static):
    """What 5.2 has and 3.2 has not: comments are left alone, source maps are links, quotes come in pairs."""
    (static.source / 'css/new.css').write_text(
        '/* url(gone.png) @import "gone.css" */\na { background: url(base.css) }\n/*# sourceMappingURL=new.css.map */\n')
    (static.source / 'css/new.css.map').write_text('{}')
    (static.source / 'js/new.js').write_text('// import "./site.js"; url(x)\n//# sourceMappingURL=../css/new.css.map\n')
    collect(static)
    paths = manifest(static)['paths']
    mapped = paths['css/new.css.map'].rpartition('/')[2]
    css = (static.root / paths['css/new.css']).read_text()
    assert '/* url(gone.png) @import "gone.css" */' in css and f'/*# sourceMappingURL={mapped} */\n' in css
    assert f'url("{paths["css/base.css"].rpartition("/")[2]}")' in css
    assert (static.root / paths['js/new.js']).read_text() == f'// import "./site.js"; url(x)\n//# sourceMappingURL=../css/{mapped}\n'


def test_names_are_hashes_and_siblings_are_copies(static):
    done = collect(static)
    assert done.stdout == f"\n9 static files copied to '{static.root}', 9 post-processed.\n" and done.stderr == ''
    paths = manifest(static)['paths']
    for name, hashed in paths.items():
        content = (static.root / hashed).read_bytes()
        assert hashlib.md5(content).hexdigest()[:12] in hashed
        for coded in (name, hashed):
            packed = static.root / (coded + '.gz')
            if packed.exists():
                assert gzip.decompress(packed.read_bytes()) == (static.root / coded).read_bytes()
                assert packed.stat().st_size < (static.root / coded).stat().st_size
    assert (static.root / (paths['css/site.css'] + '.br')).exists()
    assert not list(static.root.rglob('big*.gz')) and not (static.root / '.collectstatic').exists()
    assert oct((static.root / 'LICENSE').stat().st_mode & 0o777) == '0o644'


def test_again_and_changed(static):
    collect(static)
    before = names(static.root)
    assert ', 9 unmodified, 3 post-processed.' in collect(static).stdout and names(static.root) == before
    (static.source / 'img/dot.svg').write_text('<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    assert '1 static file copied' in collect(static).stdout
    paths = manifest(static)['paths']  # the picture, the sheet that shows it, the sheet that imports that one
    assert len(set(names(static.root)) - set(before)) >= 3
    assert paths['css/base.css'].rpartition('/')[2] in (static.root / paths['css/site.css']).read_text()
    assert 'Deleting' in collect(static, '--clear').stdout
    assert {n for n in names(static.root) if not n.endswith(('.gz', '.br'))} == {*paths, *paths.values(), 'staticfiles.json'}


def test_what_nobody_collects_keeps_its_name(static):
    collect(static)
    (static.root / 'img/made.png').write_text('made elsewhere')
    (static.source / 'css/base.css').write_text("p { background: url(../img/made.png?v=1) } q { background: url(.) } r { background: url('../img/') }")
    collect(static)
    assert (static.root / manifest(static)['paths']['css/base.css']).read_text() == (
        'p { background: url("../img/made.png?v=1") } q { background: url(".") } r { background: url("../img/") }')


def test_options(static):
    done = collect(static, '-n')
    assert done.stdout.count('Pretending to copy') == 9 and not static.root.exists()
    collect(static, '-i', '*.css', '--ignore=js', '--no-default-ignore', '--no-post-process', '-v0')
    assert names(static.root) == ['.secret', 'LICENSE', 'a~', 'big.bin', 'fonts/f.eot', 'img/dot.svg', 'img/é & <b>.txt', 'page.html']
    done = static.run('collectstatic')
    assert done.returncode == 1 and "Type 'yes' to continue" in done.stdout and 'cancelled' in done.stderr


def test_a_failure_leaves_the_old_names(static):
    collect(static)
    old, files = (static.root / 'staticfiles.json').read_bytes(), names(static.root)
    (static.source / 'css/base.css').write_text('p { background: url(gone.png) }')
    done = collect(static, status=1)
    assert "Post-processing 'css/base.css' failed!" in done.stderr
    assert "The file 'css/gone.png' could not be found (named in 'css/base.css', line 1)" in done.stderr
    assert (static.root / 'staticfiles.json').read_bytes() == old and set(files) - set(names(static.root)) <= {'css/base.css.gz', 'css/base.css.br'}
    (static.source / 'css/base.css').write_text("@import 'site.css';")
    assert 'Max post-process passes exceeded' in collect(static, status=1).stderr


def test_links_that_lead_out_are_refused(static):
    (static.source / 'inside.txt').symlink_to('LICENSE')
    collect(static)
    assert (static.root / 'inside.txt').read_text() == 'all of it' and not (static.root / 'inside.txt').is_symlink()
    (static.source / 'passwd').symlink_to('/etc/passwd')
    assert "'passwd' is a symbolic link that leads out of its folder" in collect(static, status=1).stderr


def test_links_in_the_root_are_not_followed(static):
    elsewhere = static.folder / 'elsewhere'
    elsewhere.mkdir()
    (elsewhere / 'base.css.gz').write_text('not ours')
    static.root.mkdir()
    (static.root / 'css').symlink_to(elsewhere)
    assert "can't be written to" in collect(static, status=1).stderr
    assert [p.name for p in elsewhere.iterdir()] == ['base.css.gz']


def test_one_at_a_time_and_not_over_the_site(static):
    static.root.mkdir()
    fd = os.open(static.root, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert 'Another collectstatic works on' in collect(static, status=1).stderr
    os.close(fd)
    static.write(STATIC_URL='/static/', STATIC_ROOT=str(static.folder), STATICFILES_DIRS=[str(static.source)])
    assert 'holds' in collect(static, status=1).stderr


@pytest.mark.skipif(os.geteuid() != 0, reason='mounts a small file system')
def test_a_full_disk_is_an_error_and_no_loss(static):
    static.root.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', str(static.root)], stderr=subprocess.DEVNULL).returncode:
        pytest.skip('may not mount')
    try:
        done = collect(static, status=1)  # 300 kB twice
        assert 'No space left on device' in done.stderr and not (static.root / 'staticfiles.json').exists()
        (static.source / 'big.bin').unlink()
        collect(static, '--clear')
        assert (static.root / 'staticfiles.json').exists()
    finally:
        subprocess.run(['umount', str(static.root)], check=True)


def test_check_says_what_is_not_collected(static):
    def said():
        return re.findall(r'donjon\.W15\d', static.run('check', '--deploy').stderr)
    assert said() == ['donjon.W150']
    collect(static)
    assert said() == []
    later = (static.root / 'staticfiles.json').stat().st_mtime + 10
    os.utime(static.source / 'js/site.js', (later, later))
    assert said() == ['donjon.W151']


# -- serving --

@pytest.fixture
def served(static):
    collect(static)
    static.paths = manifest(static)['paths']
    static.start()
    return static


def test_headers(served):
    hashed = served.get('/static/' + served.paths['css/site.css'])
    assert hashed.status == 200 and hashed.header('Cache-Control') == 'max-age=315360000, public, immutable'
    plain = served.get('/static/css/site.css')
    assert plain.header('Cache-Control') == 'max-age=60, public' and plain.body == (served.source / 'css/site.css').read_bytes()
    for answer in (hashed, plain):
        assert answer.header('Content-Type') == 'text/css; charset=utf-8' and answer.header('X-Content-Type-Options') == 'nosniff'
        assert answer.header('Vary') == 'Accept-Encoding' and answer.header('Set-Cookie') is None
        assert answer.header('Referrer-Policy') and answer.header('Cross-Origin-Resource-Policy') == 'same-origin'
        assert [n for n, _ in answer.fields].count('X-Content-Type-Options') == 1
    assert served.get('/static/page.html').header('X-Frame-Options') == 'DENY'
    assert served.get('/static/LICENSE').header('Content-Type') == 'application/octet-stream'


@pytest.mark.parametrize('path', ['/static/', '/static/css', '/static/css/', '/static/nothing', '/static/.secret', '/static/staticfiles.json',
                                  '/static/css/site.css.gz', '/static//LICENSE', '/static/css/../LICENSE', '/static/%2e%2e/settings.py',
                                  '/static/LICENSE/', '/static/license'])
def test_other_names_are_not_found(served, path):
    assert served.get(path).status == 404


def test_methods(served):
    for method in ('POST', 'DELETE', 'OPTIONS'):
        answer = served.get('/static/LICENSE', method=method)
        assert answer.status == 405 and answer.header('Allow') == 'GET, HEAD'
    head = served.get('/static/big.bin', method='HEAD')
    assert head.status == 200 and head.header('Content-Length') == str(len(BIG)) and head.body == b''


def test_names_are_decoded(served):
    assert served.get('/static/img/%C3%A9%20%26%20%3Cb%3E.txt').body == b'text'


def test_codings(served):
    source = (served.source / 'css/site.css').read_bytes()
    packed = served.get('/static/css/site.css', 'Accept-Encoding: gzip')
    assert packed.header('Content-Encoding') == 'gzip' and gzip.decompress(packed.body) == source
    br = served.get('/static/css/site.css', 'Accept-Encoding: gzip, deflate, br')
    assert br.header('Content-Encoding') == 'br' and br.body == (served.root / 'css/site.css.br').read_bytes()
    assert br.header('Content-Type') == 'text/css; charset=utf-8'
    none = served.get('/static/css/site.css', 'Accept-Encoding: gzip;q=0, br;q=0.0')
    assert none.header('Content-Encoding') is None and none.body == source
    assert len({a.header('ETag') for a in (packed, br, none)}) == 3
    assert served.get('/static/big.bin', 'Accept-Encoding: gzip').header('Vary') is None


def test_ranges(served):
    connection = http.client.HTTPConnection('localhost', served.port, timeout=PATIENCE)

    def ask(path='/static/big.bin', **headers):
        connection.request('GET', path, headers={n.replace('_', '-'): v for n, v in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()
    for text, part, where in (('bytes=0-9', BIG[:10], '0-9'), ('bytes=299990-', BIG[-10:], '299990-299999'),
                              ('bytes=-5', BIG[-5:], '299995-299999'), ('bytes=100000-199999', BIG[100000:200000], '100000-199999')):
        answer, body = ask(Range=text)
        assert (answer.status, body, answer.getheader('Content-Range')) == (206, part, f'bytes {where}/300000')
    answer, body = ask(Range='bytes=300000-')
    assert (answer.status, answer.getheader('Content-Range')) == (416, 'bytes */300000')
    answer, body = ask(Range='bytes=0-1,5-6')
    assert answer.status == 200 and body == BIG
    tag, date = answer.getheader('ETag'), answer.getheader('Last-Modified')
    for value, status in ((tag, 206), (date, 206), ('"other"', 200), ('W/' + tag, 200), ('Thu, 01 Jan 1970 00:00:00 GMT', 200)):
        assert ask(Range='bytes=0-1', If_Range=value)[0].status == status
    for name, value, status in (('If_None_Match', tag, 304), ('If_None_Match', '"x"', 200), ('If_Modified_Since', date, 304),
                                ('If_Match', '"x"', 412), ('If_Unmodified_Since', 'Fri, 01 Jan 1971 00:00:00 GMT', 412)):
        answer, body = ask(**{name: value})
        assert answer.status == status and (status != 304 or (body == b'' and answer.getheader('ETag') == tag)), name
    answer, body = ask('/static/LICENSE', Range='bytes=0-2')  # from memory
    assert (answer.status, body) == (206, b'all')
    connection.close()


@pytest.mark.skipif(shutil.which('curl') is None, reason='no curl')
def test_curl_goes_on_where_it_stopped(served, tmp_path):
    target = tmp_path / 'big.bin'
    target.write_bytes(BIG[:123456])
    subprocess.run(['curl', '-sS', '--fail', '-C', '-', '-o', target, f'http://127.0.0.1:{served.port}/static/big.bin'], check=True, timeout=PATIENCE)
    assert target.read_bytes() == BIG
    out = subprocess.run(['curl', '-sS', '--compressed', f'http://127.0.0.1:{served.port}/static/css/site.css'], check=True, timeout=PATIENCE,
                         stdout=subprocess.PIPE).stdout
    assert out == (served.source / 'css/site.css').read_bytes()


def test_a_file_that_was_collected_anew_has_its_own_headers(served):
    before = served.get('/static/big.bin', method='HEAD')  # opened, and kept
    (served.source / 'page.html').write_bytes(b'<p>' + b'x' * 50000)
    (served.source / 'big.bin').write_bytes(b'short')
    collect(served)
    kept = served.get('/static/big.bin')
    assert kept.body == BIG and kept.header('ETag') == before.header('ETag')
    served.process.send_signal(signal.SIGHUP)
    served.wait_log('reload')
    wait_for('the new worker', lambda: served.get('/static/big.bin').body == b'short')
    assert served.get('/static/page.html').body == b'<p>' + b'x' * 50000


def test_a_root_that_is_not_there_is_a_warning(static):
    static.start()
    assert static.get('/static/LICENSE').status == 404 and re.search('STATIC_ROOT .* run collectstatic', static.log())


def test_development_serves_the_sources(static):
    static.write(DEBUG=True, ALLOWED_HOSTS=['localhost'], INSTALLED_APPS=['django.contrib.staticfiles'], STATIC_URL='/static/',
                 STATICFILES_DIRS=[str(static.source), ('more', str(static.source / 'js'))])
    static.start(command='runserver')
    assert static.get('/static/css/base.css').body == (static.source / 'css/base.css').read_bytes()
    assert static.get('/static/more/site.js').header('Content-Type') == 'text/javascript; charset=utf-8'
    (static.source / 'js/site.js').write_text('changed')
    answer = static.get('/static/js/site.js')
    assert answer.body == b'changed' and answer.header('Cache-Control') == 'no-cache'
    (static.source / 'passwd').symlink_to('/etc/passwd')
    for path in ('/static/.secret', '/static/passwd', '/static/../settings.py', '/static/css', '/static/', '/static//etc/passwd'):
        assert static.get(path).status == 404, path


# -- files that views send --

@pytest.fixture
def files(make_site):
    site = make_site()
    tree(site.folder / 'files')
    (site.folder / 'files/out').symlink_to('../settings.py')
    (site.folder / 'files/in').symlink_to('LICENSE')
    os.mkfifo(site.folder / 'files/pipe')
    return site.start()


def test_views_send_files(files):
    whole = files.get('/files/big.bin')
    assert whole.status == 200 and whole.body == BIG and whole.header('Accept-Ranges') == 'bytes'
    assert whole.header('Content-Disposition') == 'inline; filename="big.bin"'
    part = files.get('/files/big.bin', 'Range: bytes=5-7')
    assert part.status == 206 and part.body == BIG[5:8] and part.header('Content-Range') == 'bytes 5-7/300000'
    assert files.get('/files/big.bin', 'Range: bytes=300000-').status == 416
    assert files.get('/files/big.bin', f'If-None-Match: {whole.header("ETag")}').status == 304
    head = files.get('/files/big.bin', method='HEAD')
    assert head.header('Content-Length') == '300000' and head.body == b''
    named = files.get('/saved/LICENSE')
    assert named.header('Content-Disposition') == "attachment; filename*=utf-8''%C3%A9t%C3%A9%20%221%22.txt"
    assert named.header('ETag') == '"v1"' and named.header('Content-Type') == 'text/plain'
    assert files.get('/files/in').body == b'all of it'


def test_markup_of_visitors_is_tame(files):
    for name in ('page.html', 'img/dot.svg'):
        answer = files.get(f'/files/{name}')
        assert answer.status == 200 and answer.header('Content-Disposition').startswith('attachment; ')
        assert answer.header('Content-Security-Policy') == "sandbox; default-src 'none'"
        assert answer.header('X-Content-Type-Options') == 'nosniff'


def test_no_name_leaves_the_folder(files):
    for name, status in (('out', 400), ('%2e%2e/settings.py', 400), ('a/%2e%2e/%2e%2e/settings.py', 404), ('/etc/passwd', 400),
                         ('css', 404), ('nothing', 404), ('css/', 404), ('pipe', 404), ('x' * 300, 404)):
        assert files.get(f'/files/{name}').status == status, name
    files.wait_log('SuspiciousFileOperation')


# -- the demo --

def links(page):
    return re.findall(r'(?:href|src)="(/static/[^"]+)"', page.body.decode())


def test_the_demo_in_development(make_site):
    site = make_site('demo')
    site.settings = ROOT / 'demo/settings/development.py'
    site.start(command='runserver')
    found = links(site.get('/'))
    assert found == ['/static/img/donjon.svg', '/static/css/site.css', '/static/js/headers.js']
    for link in found:
        assert site.get(link).body == (ROOT / 'demo' / link[1:]).read_bytes()


def test_the_demo_in_production(make_site):
    site = make_site('demo')
    shutil.copytree(ROOT / 'demo', site.folder / 'demo')
    site.settings = site.folder / 'demo/settings/here.py'
    site.settings.write_text('from .production import *\n\nSECURE_SSL_REDIRECT = False\nBIND_TLS = []\n')
    env = {'SECRET_KEY': KEY, 'ALLOWED_HOSTS': 'localhost', 'STATIC_ROOT': str(site.folder / 'collected')}
    done = site.run('collectstatic', '--noinput', env=env)
    assert done.returncode == 0 and '3 static files copied' in done.stdout, done
    site.start(env=env)
    found = links(site.get('/'))
    assert len(found) == 3 and all(re.search(r'\.[0-9a-f]{12}\.\w+$', link) for link in found)
    for link in found:
        answer = site.get(link, 'Accept-Encoding: br')
        assert answer.status == 200 and 'immutable' in answer.header('Cache-Control') and answer.header('Content-Encoding') == 'br'
    assert re.search(r'url\("\.\./img/donjon\.[0-9a-f]{12}\.svg"\)', site.get(found[1]).body.decode())
