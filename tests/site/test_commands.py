"""The commands as a user types them: the production file read as it stands, the demo, the tool."""

import json
import os
import re
import subprocess

import pytest
from conftest import BUILD, KEY, PATIENCE, ROOT, Site, new_folder

# As Django's users write it; nothing in it was changed for Donjon.
PRODUCTION = """# settings/production.py
DEBUG = False
SECRET_KEY = os.environ['DJANGO_SECRET_KEY']
ALLOWED_HOSTS = ['example.com', 'www.example.com']
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 31536000  # 1 year
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = False
X_FRAME_OPTIONS = 'DENY'
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = 'strict-origin-when-cross-origin'
MIDDLEWARE = [
    'django.middleware.security.SecurityMiddleware',  # First!
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.middleware.common.CommonMiddleware',
    'django.middleware.csrf.CsrfViewMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
    'django.contrib.messages.middleware.MessageMiddleware',
    'django.middleware.clickjacking.XFrameOptionsMiddleware',
]
"""
KEY_ENV = {'DJANGO_SECRET_KEY': KEY}


def run(program, *args, env=None, cwd=None):
    return subprocess.run([str(BUILD / program), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE, env={**os.environ, **(env or {})}, cwd=cwd)


def issues(done):
    """Ids of what `check` reported; that the tests run as root is nothing that settings could cure."""
    found = set(re.findall(r'\(([a-z_]+\.[EWIC]\d+)\)', done.stdout + done.stderr))
    return found - ({'donjon.E006'} if os.getuid() == 0 else set())


@pytest.fixture
def production(tmp_path):
    path = tmp_path / 'production.py'
    path.write_text(PRODUCTION)
    return path


@pytest.mark.parametrize('program', ['demo', 'donjon'])
def test_the_production_file_has_no_issue_of_djangos(production, program):
    done = run(program, 'check', '--deploy', '--settings', production, env=KEY_ENV)
    assert 'identified' in done.stdout + done.stderr, done
    assert not [name for name in issues(done) if not name.startswith('donjon.') or name.startswith('donjon.E')], done


def test_the_production_file_is_judged_line_by_line(production):
    production.write_text(PRODUCTION.replace('SECURE_SSL_REDIRECT = True', 'SECURE_SSL_REDIRECT = False'))
    done = run('donjon', 'check', '--deploy', '--settings', production, env=KEY_ENV)
    said = done.stdout + done.stderr
    assert 'security.W008' in said and 'production.py:5' in said, done


def test_serve_names_the_middleware_that_is_missing(production):
    done = run('demo', 'serve', '--settings', production, '--bind', '127.0.0.1:0', env=KEY_ENV)
    assert done.returncode == 1
    assert 'django.contrib.sessions.middleware.SessionMiddleware' in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_the_same_file_serves_with_what_exists(production, certificate):
    """Over TLS, with the middleware that this build has."""
    with new_folder() as folder:
        site = Site(folder, 'demo')
        have = re.sub(r"    'django\.(contrib|middleware\.csrf).*\n", '', PRODUCTION)
        site.settings.write_text(have)
        try:
            site.start(tls=certificate, env=KEY_ENV)
            done = subprocess.run(['curl', '-si', '--cacert', str(certificate[0]), '--resolve', f'example.com:{site.tls_port}:127.0.0.1',
                                   f'https://example.com:{site.tls_port}/'], capture_output=True, text=True, timeout=PATIENCE)
            head = done.stdout.partition('\r\n\r\n')[0].lower()
            assert head.startswith('http/1.1 200'), done
            for line in ('strict-transport-security: max-age=31536000; includesubdomains; preload', 'x-content-type-options: nosniff',
                         'referrer-policy: strict-origin-when-cross-origin', 'cross-origin-opener-policy: same-origin',
                         'x-frame-options: deny'):
                assert line in head
            plain = site.get('/', host='example.com')
            assert plain.status == 301 and plain.header('Location').startswith('https://example.com')
            assert site.get('/', host='evil.example').status == 400
            site.wait_log(r'DisallowedHost')
        finally:
            site.end()


def test_a_file_on_top_of_it_serves_with_what_exists(tmp_path, certificate):
    """The file untouched beside one that imports it and names the layers of this build."""
    with new_folder() as folder:
        site = Site(folder, 'demo')
        (folder / 'production.py').write_text(PRODUCTION)
        site.settings = folder / 'site.py'
        layers = [name for name in re.findall(r"'(django\.middleware\.[\w.]+)'", PRODUCTION) if '.csrf.' not in name]
        site.settings.write_text(f'from .production import *\n\nMIDDLEWARE = {layers!r}\n')
        for path in folder.glob('*.py'):
            path.chmod(0o644)
        try:
            site.start(tls=certificate, env=KEY_ENV)
            done = subprocess.run(['curl', '-si', '--cacert', str(certificate[0]), '--resolve', f'example.com:{site.tls_port}:127.0.0.1',
                                   f'https://example.com:{site.tls_port}/'], capture_output=True, text=True, timeout=PATIENCE)
            assert done.stdout.startswith('HTTP/1.1 200'), done
            assert 'strict-transport-security: max-age=31536000' in done.stdout.lower()
            assert site.get('/', host='www.example.com').status == 301
            assert site.get('/', host='evil.example').status == 400
            site.wait_log(r"ERROR django\.security\.DisallowedHost Invalid HTTP_HOST header: 'evil\.example'")
        finally:
            site.end()


def test_donjon_makes_keys():
    keys = {run('donjon', 'secret-key').stdout.strip() for _ in range(3)}
    assert len(keys) == 3 and all(re.fullmatch(r'[a-z0-9!@#$%^&*(\-_=+)]{50}', k) for k in keys), keys


def test_formats_of_check_are_what_they_say(production):
    production.write_text(PRODUCTION.replace('SECURE_HSTS_SECONDS = 31536000', 'SECURE_HSTS_SECONDS = 0'))
    for kind in ('json', 'sarif'):
        done = run('donjon', 'check', '--deploy', '--format', kind, '--settings', production, env=KEY_ENV)
        assert 'security.W004' in json.dumps(json.loads(done.stdout)), done


def test_an_unknown_command_and_help():
    assert run('demo', 'sevre').returncode == 1
    assert 'serve' in run('demo', 'sevre').stderr
    for program in ('demo', 'donjon'):
        done = run(program, '--help')
        assert done.returncode == 0 and 'check' in done.stdout


def test_the_demo_serves_its_front_page_hardened(make_site):
    site = make_site('demo')
    site.settings = ROOT / 'demo/settings/development.py'
    site.start(command='runserver')
    front = site.get('/')
    assert front.status == 200
    for name in ('X-Content-Type-Options', 'Referrer-Policy', 'Cross-Origin-Opener-Policy', 'X-Frame-Options',
                 'Content-Security-Policy', 'Permissions-Policy', 'Cross-Origin-Resource-Policy'):
        assert front.header(name), name
        assert name.lower() in front.body.decode().lower(), f'the front page does not explain {name}'


def test_the_demos_page_for_a_refused_host_has_its_policy(make_site):
    site = make_site('demo')
    site.settings = ROOT / 'demo/settings/development.py'
    site.start(command='runserver')
    refused = site.get('/', 'X-Forwarded-For: 192.0.2.1', host='evil.example')  # no debug page behind a proxy
    assert refused.status == 400 and b'<h1>Bad request</h1>' in refused.body and b'<style' not in refused.body
    assert "default-src 'self'" in refused.header('Content-Security-Policy'), refused


@pytest.mark.release  # a sanitized program is not hardened, and `check` says so
@pytest.mark.parametrize('path', sorted((ROOT / 'demo').rglob('production.py')), ids=lambda path: path.name)
def test_the_demos_production_settings_are_clean(path):
    done = run('demo', 'check', '--deploy', '--settings', path, env={**KEY_ENV, 'SECRET_KEY': KEY}, cwd=ROOT)
    assert 'identified' in done.stdout + done.stderr and not issues(done), done


def test_the_20_line_program_is_hardened_and_escapes(make_site):
    site = make_site('examples/hello')
    site.settings.write_text((ROOT / 'examples/hello.py').read_text())
    site.start(command='runserver')
    answer = site.get('/?name=%3Cscript%3E')
    assert answer.status == 200 and b'&lt;script&gt;' in answer.body and b'<script>' not in answer.body
    for name in ('X-Content-Type-Options', 'Referrer-Policy', 'Cross-Origin-Opener-Policy', 'X-Frame-Options'):
        assert answer.header(name), name
