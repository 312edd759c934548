"""The commands that serve no request, and the logs of those that do."""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
from conftest import BUILD, PATIENCE, wait_for


def run(program, *args, cwd=None, env=None):
    return subprocess.run([str(BUILD / program), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE, cwd=cwd, env={**os.environ, **(env or {})})


# -- dispatch --

def test_commands_are_listed_and_explained():
    listed = run('demo')
    assert listed.returncode == 0 and listed.stdout == run('demo', '--help').stdout == run('demo', 'help').stdout
    for command in ('check', 'diffsettings', 'runserver', 'secret-key', 'serve', 'version'):
        assert re.search(rf'^  {command} ', listed.stdout, re.M)
        told = run('demo', 'help', command)
        assert told.returncode == 0 and told.stdout == run('demo', command, '--help').stdout
        assert told.stdout.startswith(f'usage: demo {command}')


def test_an_unknown_command_gets_the_nearest_name():
    done = run('demo', 'runsever')
    assert (done.returncode, done.stdout) == (1, '')
    assert done.stderr == "Unknown command: 'runsever'. Did you mean runserver?\nType 'demo help' for usage.\n"
    assert 'Did you mean' not in run('demo', 'qqqqqqqq').stderr


def test_a_bad_option_is_answered_with_usage_and_2():
    for args in (('serve', '--wokers', '2'), ('secret-key', '10'), ('secret-key', '--urlsafe', 'ten'), ('version', 'x')):
        done = run('demo', *args)
        assert done.returncode == 2 and done.stderr.startswith(f'usage: demo {args[0]}'), done


def test_the_tool_lists_only_what_it_has():
    listed = run('donjon').stdout
    assert 'startproject' in listed and 'audit' not in re.findall(r'^  (\S+)', listed, re.M)
    assert run('donjon', 'probe').returncode == 1
    assert re.fullmatch(r'\d+\.\d+\.\d+\n', run('donjon', '--version').stdout)


# -- secret-key --

def test_secret_keys_have_djangos_alphabet_and_length():
    keys = [run('demo', name).stdout for name in ('secret-key', 'generate-secret-key')]
    assert len(set(keys)) == 2
    assert all(re.fullmatch(r'[a-z0-9!@#$%^&*(\-_=+)]{50}\n', key) for key in keys), keys


@pytest.mark.parametrize('size', [None, 16, 33, 64])
def test_urlsafe_keys_are_base64url_of_so_many_bytes(size):
    key = run('demo', 'secret-key', '--urlsafe', *([size] if size else [])).stdout.strip()
    assert len(base64.urlsafe_b64decode(key + '=' * (-len(key) % 4))) == (size or 32)


# -- diffsettings --

def test_diffsettings_tells_values_and_places_but_no_secrets(make_site):
    site = make_site('demo', raw="""OWN = 1
DATABASES = {'default': {'ENGINE': 'x', 'PASSWORD': 'hunter2', 'NAME': 'postgres://u:hunter3@h/db'}}
CACHES = {'default': {'BACKEND': 'b', 'LOCATION': 'redis://u:hunter4@h:1'}}
""")
    plain = site.run('diffsettings')
    assert plain.returncode == 0, plain
    assert not re.search(r'hunter\d', plain.stdout) and 'w!x7Qm2' not in plain.stdout
    assert re.search(r"^ALLOWED_HOSTS = \['\*'\]  # .*settings\.py:\d+$", plain.stdout, re.M)
    assert re.search(r'^OWN = 1  ###  # ', plain.stdout, re.M)
    assert 'SECURE_SSL_REDIRECT' not in plain.stdout
    every = site.run('diffsettings', '--all').stdout
    assert '### SECURE_SSL_REDIRECT = False\n' in every
    unified = site.run('diffsettings', '--output', 'unified').stdout
    assert re.search(r"^- APPEND_SLASH = True\n\+ APPEND_SLASH = False  # ", unified, re.M)
    shown = json.loads(site.run('diffsettings', '--output', 'json').stdout)
    assert shown['APPEND_SLASH']['value'] == 'False' and shown['APPEND_SLASH']['default'] == 'True'
    assert not re.search(r'hunter\d', json.dumps(shown))


# -- startproject --

def test_startproject_writes_a_site_with_clean_checks_and_overwrites_nothing(tmp_path):
    done = run('donjon', 'startproject', 'pages', cwd=tmp_path)
    assert done.returncode == 0, done
    project = tmp_path / 'pages'
    key = run('donjon', 'secret-key').stdout.strip()
    said = run('demo', 'check', '--deploy', '--settings', project / 'settings/production.py',
               env={'SECRET_KEY': key, 'ALLOWED_HOSTS': 'example.org'})
    found = set(re.findall(r'\(([a-z]+\.[A-Z]\d+)\)', said.stderr))
    assert found <= {'donjon.E006', 'donjon.W001', 'donjon.W002', 'donjon.W003', 'donjon.W004', 'donjon.W007', 'donjon.W008'}, said
    (project / 'main.c').write_text('mine')
    again = run('donjon', 'startproject', 'pages', cwd=tmp_path)
    assert again.returncode == 1 and 'exists already' in again.stderr
    assert (project / 'main.c').read_text() == 'mine'
    for bad in ('9lives', 'a-b', '../x', ''):
        assert run('donjon', 'startproject', bad, cwd=tmp_path).returncode != 0
    shutil.rmtree(project)


# -- runserver --

def test_runserver_wants_hosts_and_an_address(make_site):
    site = make_site('demo', ALLOWED_HOSTS=[])
    done = site.run('runserver')
    assert done.returncode == 1 and done.stderr == 'CommandError: You must set settings.ALLOWED_HOSTS if DEBUG is False.\n'
    done = site.run('runserver', 'nonsense')
    assert done.returncode == 1 and done.stderr == 'CommandError: "nonsense" is not a valid port number or address:port pair.\n'


def test_runserver_says_where_and_shows_requests(make_site):
    site = make_site('demo').start(command='runserver')
    site.wait_log(rf'Starting development server at http://127\.0\.0\.1:{site.port}/\nQuit the server with CONTROL-C\.')
    assert re.search(r'Performing system checks\.\.\.\n\n(.*\n)*System check identified (no|\d+) issues?', site.log()), site.log()
    site.get('/echo/?q=1')
    site.wait_log(r'\[\d\d/\w{3}/\d{4} [\d:]{8}\] "GET /echo/\?q=1 HTTP/1\.1" 200 \d+')


# -- serve: settings as addresses, logs --

def test_serve_takes_addresses_from_the_settings_and_says_so(make_site):
    site = make_site('demo')
    site.write(BIND=[f'127.0.0.1:{site.port}'], WORKERS=1)
    site.start(plain=False, ready=False)
    site.wait_log(rf'Serving with 1 worker, pid {site.pid}: http://127\.0\.0\.1:{site.port}\n')
    site.wait_ready(site.port)
    assert site.get('/').status == 200


def test_an_address_for_https_needs_a_certificate(make_site):
    site = make_site('demo')
    done = site.run('serve', '--bind-tls', f'127.0.0.1:{site.tls_port}')
    assert done.returncode == 1 and 'TLS_CERT' in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize('settings', [{'LOG_FORMAT': 'xml'}, {'LOG_LEVEL': 'LOUD'}, {'LOG_TO': '/nonexistent/site.log'},
                                      {'ACCESS_LOG': '/nonexistent/access.log'}, {'WORKERS': -1}, {'HEAD_TIMEOUT': 0},
                                      {'BIND': 'nonsense'}], ids=str)
def test_a_value_out_of_range_is_one_line(make_site, settings):
    site = make_site('demo', **settings)
    done = site.run('serve')
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done


def log_folder(site):
    """Where the account of the workers may write; the settings are elsewhere."""
    logs = site.folder / 'logs'
    logs.mkdir()
    logs.chmod(0o777)
    return logs / 'site.log', logs / 'access.log'


def test_logs_are_json_lines_that_no_request_forges(make_site):
    site = make_site('demo')
    log, access = log_folder(site)
    site.write(LOG_FORMAT='json', LOG_TO=str(log), ACCESS_LOG=str(access), ALLOWED_HOSTS=['localhost'])
    site.start()
    site.get('/no%0A%1B%5B2Jsuch/?token=s3cret', 'User-Agent: a" b')
    site.get('/', host='evil.example')
    wait_for('two requests in the access log', lambda: access.exists() and access.read_text().count('\n') >= 2)
    records = [json.loads(line) for line in log.read_text().splitlines()]
    found = [r for r in records if r['logger'] == 'django.request' and r.get('status') == 404]
    assert len(found) == 1 and found[0]['method'] == 'GET' and found[0]['client'] == '127.0.0.1', records
    assert any(r['logger'] == 'django.security.DisallowedHost' and r['status'] == 400 for r in records)
    lines = [json.loads(line) for line in access.read_text().splitlines()]
    assert [line['status'] for line in lines] == [404, 400]
    assert lines[0]['user_agent'] == 'a" b' and 's3cret' not in access.read_text()


def test_a_reload_follows_rotated_logs(make_site):
    site = make_site('demo')
    log, access = log_folder(site)
    site.write(LOG_TO=str(log), ACCESS_LOG=str(access))
    site.start()
    site.get('/before/')
    wait_for('a line', lambda: access.exists() and '/before/' in access.read_text())
    for path in (log, access):
        path.rename(path.with_suffix('.1'))
    site.process.send_signal(signal.SIGHUP)
    wait_for('the reload', lambda: log.exists() and 'reloaded' in log.read_text())
    site.get('/after/')
    wait_for('a line', lambda: access.exists() and '/after/' in access.read_text())
    assert 'GET /before/' not in access.read_text()


def test_an_occupied_port_of_runserver(make_site):
    site = make_site('demo')
    with socket.socket() as s:
        s.bind(('127.0.0.1', site.port))
        s.listen()
        done = site.run('runserver', f'127.0.0.1:{site.port}')
    assert done.returncode == 1 and 'already in use' in done.stderr
