"""Processes of a site: privileges, drain, reload, restart, Unix socket, TLS, and refusing to start."""

import os
import pwd
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import time

import pytest
from conftest import KEY, MIDDLEWARE, PATIENCE, Wire, make_certificate, rss_kib, status_of, wait_for

GET = b'GET /hello/ HTTP/1.1\r\nHost: localhost\r\n\r\n'


def worker_of(site):
    return int(site.get('/token/t/').body.split()[1])


# -- privileges --

@pytest.mark.skipif(os.getuid() != 0, reason='started as root only')
def test_root_becomes_nobody_before_a_client_is_read(make_site):
    site = make_site().start(workers=2)
    nobody = pwd.getpwnam('nobody')
    assert site.get('/hello/').status == 200
    workers = wait_for('two workers', lambda: len(site.workers()) == 2 and site.workers())
    for pid in workers:
        status = status_of(pid)
        assert status['Uid'].split() == [str(nobody.pw_uid)] * 4
        assert status['Gid'].split() == [str(nobody.pw_gid)] * 4
        assert status['Groups'].split() in ([], [str(nobody.pw_gid)])
        assert int(status['CapEff'], 16) == 0 and int(status['CapPrm'], 16) == 0


@pytest.mark.skipif(os.getuid() != 0, reason='started as root only')
def test_an_unknown_user_stops_the_start(make_site):
    site = make_site()
    done = site.run('serve', '--bind', f'127.0.0.1:{site.port}', '--user', 'no-such-user-here')
    assert done.returncode != 0 and 'no-such-user-here' in done.stderr


# -- ending --

def test_sigterm_lets_a_request_in_flight_finish(make_site):
    site = make_site().start()
    wire = site.wire()
    wire.send(b'POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello')
    time.sleep(0.3)
    site.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    wire.send(b'world')
    answer = wire.answer()
    assert answer.body == b'POST\n/a\n\nhelloworld' and answer.header('Connection') == 'close'
    assert site.process.wait(PATIENCE) == 0


def test_sigterm_with_idle_connections_ends_soon(make_site):
    site = make_site().start(workers=2)
    wires = [site.wire() for _ in range(5)]
    for wire in wires[:3]:
        wire.send(GET)
        assert wire.answer().status == 200
    started = time.monotonic()
    assert site.stop() == 0
    assert time.monotonic() - started < 10
    with pytest.raises(OSError):
        site.wire()


def test_runserver_ends_on_sigint(make_site):
    site = make_site(DEBUG=True).start(command='runserver')
    assert site.stop(signal.SIGINT) in (0, 130)


# -- workers --

def test_a_killed_worker_is_replaced(make_site):
    site = make_site().start(workers=1)
    first = worker_of(site)
    os.kill(first, signal.SIGKILL)
    second = wait_for('another worker', lambda: [p for p in site.workers() if p != first])[0]
    assert worker_of(site) == second


def test_a_lost_supervisor_takes_its_workers_along(make_site):
    site = make_site().start(workers=2)
    workers = wait_for('two workers', lambda: len(site.workers()) == 2 and site.workers())
    site.process.kill()
    site.process.wait()
    wait_for('the workers to end', lambda: not any(os.path.exists(f'/proc/{p}') and status_of(p)['State'][0] != 'Z'
                                                   for p in workers))


# -- reload --

def reload_site(site):
    before = set(site.workers())
    site.process.send_signal(signal.SIGHUP)
    wait_for('new workers', lambda: set(site.workers()) - before)
    wait_for('the old workers to end', lambda: not before & set(site.workers()))


def test_reload_takes_changed_settings(make_site):
    site = make_site(X_FRAME_OPTIONS='DENY').start()
    assert site.get('/hello/').header('X-Frame-Options') == 'DENY'
    site.write(X_FRAME_OPTIONS='SAMEORIGIN')
    reload_site(site)
    assert site.get('/hello/').header('X-Frame-Options') == 'SAMEORIGIN'


def test_reload_finishes_what_is_in_flight(make_site):
    site = make_site().start()
    wire = site.wire()
    wire.send(b'POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello')
    time.sleep(0.3)
    before = set(site.workers())
    site.process.send_signal(signal.SIGHUP)
    wait_for('new workers', lambda: set(site.workers()) - before)
    wire.send(b'world')
    assert wire.answer().body == b'POST\n/a\n\nhelloworld'


@pytest.mark.parametrize('text', ['DEBUG = (\n', 'X_FRAME_OPTIONS = compute()\n', 'SECURE_HSTS_SECONDS = "many"\n',
                                  'MIDDLEWARE = ["no.such.Middleware"]\n'])
def test_broken_settings_at_reload_keep_the_old_workers(make_site, text):
    site = make_site().start()
    first = worker_of(site)
    before = len(site.log())
    site.write(raw=text)
    site.process.send_signal(signal.SIGHUP)
    wait_for('a line in the log', lambda: 'settings.py' in site.log()[before:] or 'no.such.Middleware' in site.log()[before:])
    assert worker_of(site) == first
    assert site.process.poll() is None


def test_reload_takes_a_new_certificate(make_site):
    site = make_site()
    cert, key = make_certificate(site.folder, 'first.example')
    site.start(tls=(cert, key), plain=False)

    def served():
        return ssl.get_server_certificate(('127.0.0.1', site.tls_port)).strip()
    assert served() == cert.read_text().strip()
    second = make_certificate(site.folder, 'second.example')
    cert.write_text(second[0].read_text())
    key.write_text(second[1].read_text())
    reload_site(site)
    assert served() == second[0].read_text().strip()


# -- listeners --

def test_a_unix_socket_for_a_proxy(make_site):
    site = make_site()
    path = site.folder / 'run/site.sock'
    path.parent.mkdir()
    path.parent.chmod(0o777)  # for nobody to take the socket away again
    site.start('--bind', f'unix:{path}', plain=False, ready=False)
    wait_for('the socket', path.exists)

    def ask():
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(str(path))
            except OSError:
                return None
            wire = Wire(s)
            wire.send(GET)
            return wire.answer()
    assert wait_for('an answer', ask).status == 200
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    site.stop(signal.SIGKILL)
    again = site.start('--bind', f'unix:{path}', plain=False, ready=False)  # what is left of the old one is in nobody's way
    assert wait_for('an answer again', ask).status == 200
    assert again.stop() == 0


def tls_client(site, **options):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in options.items():
        setattr(context, name, value)
    raw = socket.create_connection(('127.0.0.1', site.tls_port), PATIENCE)
    return Wire(context.wrap_socket(raw, server_hostname='example.com'))


@pytest.fixture
def tls_site(make_site, certificate):
    site = make_site(ALLOWED_HOSTS=['example.com', 'www.example.com'], SECURE_SSL_REDIRECT=True, SECURE_HSTS_SECONDS=31536000,
                     SECURE_HSTS_INCLUDE_SUBDOMAINS=True, SECURE_HSTS_PRELOAD=True,
                     SECURE_REFERRER_POLICY='strict-origin-when-cross-origin')
    return site.start(tls=certificate)


def test_tls_answers_carry_hsts(tls_site):
    wire = tls_client(tls_site)
    assert wire.sock.version() == 'TLSv1.3'
    wire.send(b'GET /hello/ HTTP/1.1\r\nHost: example.com\r\n\r\n')
    answer = wire.answer()
    assert answer.status == 200
    assert answer.header('Strict-Transport-Security') == 'max-age=31536000; includeSubDomains; preload'
    assert answer.header('X-Content-Type-Options') == 'nosniff'
    assert answer.header('Referrer-Policy') == 'strict-origin-when-cross-origin'
    assert answer.header('Cross-Origin-Opener-Policy') == 'same-origin'
    assert answer.header('X-Frame-Options') == 'DENY'
    wire.close()


def test_curl_agrees(tls_site, certificate):
    done = subprocess.run(['curl', '-si', '--cacert', str(certificate[0]), '--resolve', f'example.com:{tls_site.tls_port}:127.0.0.1',
                           f'https://example.com:{tls_site.tls_port}/hello/'], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and done.stdout.startswith('HTTP/1.1 200'), done
    assert 'strict-transport-security: max-age=31536000' in done.stdout.lower()


def test_plain_http_beside_tls_only_redirects(tls_site):
    answer = tls_site.get('/a/b?c=d', host='example.com')
    assert answer.status == 301 and answer.header('Location').startswith('https://example.com')
    assert answer.header('Location').endswith('/a/b?c=d')


def test_a_foreign_host_gets_400_and_a_record(tls_site):
    for host in (b'evil.example', b'example.com.evil.example', b'example.com@evil'):
        wire = tls_client(tls_site)
        wire.send(b'GET /hello/ HTTP/1.1\r\nHost: ' + host + b'\r\n\r\n')
        assert wire.answer().status == 400
        wire.close()
    tls_site.wait_log('DisallowedHost')
    assert tls_site.get('/', host='evil.example').status == 400


def test_old_tls_is_refused(tls_site):
    with pytest.raises((ssl.SSLError, OSError, ValueError)):
        tls_client(tls_site, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    wire = tls_client(tls_site, maximum_version=ssl.TLSVersion.TLSv1_2)
    assert wire.sock.version() == 'TLSv1.2' and 'CBC' not in wire.sock.cipher()[0]
    wire.close()


def test_large_bodies_over_tls(tls_site):
    wire = tls_client(tls_site)
    body = bytes(range(256)) * 2000
    wire.send(b'POST /a HTTP/1.1\r\nHost: example.com\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
    assert wire.answer().body == b'POST\n/a\n\n' + body
    wire.send(b'GET /bytes/3000000/ HTTP/1.1\r\nHost: example.com\r\n\r\n')
    assert wire.answer().body == b'0123456789' * 300000
    wire.close()


def test_garbage_on_the_tls_port_hurts_nobody(tls_site):
    for junk in (b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', b'\x16\x03\x01\xff\xff' + b'\x00' * 100, b'\x80\x00' * 50, b''):
        with socket.create_connection(('127.0.0.1', tls_site.tls_port), PATIENCE) as s:
            s.sendall(junk)
    wire = tls_client(tls_site)
    wire.send(b'GET /hello/ HTTP/1.1\r\nHost: example.com\r\n\r\n')
    assert wire.answer().status == 200
    wire.close()


# -- refusing to start: one clear line, not 0, nothing half-started --

def refused(site, *options, env=None):
    done = site.run('serve', '--bind', f'127.0.0.1:{site.port}', *options, env=env)
    assert done.returncode not in (0, None) and done.returncode > 0, done
    assert 'Traceback' not in done.stderr and done.stderr.strip(), done
    with pytest.raises(OSError):
        socket.create_connection(('127.0.0.1', site.port), 1)
    return done.stderr


def test_a_call_in_the_settings(make_site):
    site = make_site(raw='X = compute()\n')
    said = refused(site)
    assert 'settings.py:' in said and 'compute' in said


def test_a_missing_environment_variable(make_site):
    site = make_site(SECRET_KEY=None, raw="SECRET_KEY = os.environ['DONJON_TEST_NO_SUCH_VARIABLE']\n")
    said = refused(site)
    assert 'DONJON_TEST_NO_SUCH_VARIABLE' in said and 'settings.py:' in said


def test_an_absent_settings_file(make_site):
    site = make_site()
    site.settings.unlink()
    assert 'settings.py' in refused(site)


def test_an_occupied_port(make_site):
    site = make_site()
    with socket.socket() as s:
        s.bind(('127.0.0.1', site.port))
        s.listen()
        done = site.run('serve', '--bind', f'127.0.0.1:{site.port}')
    assert done.returncode > 0 and str(site.port) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_second_port_that_is_occupied_leaves_the_first_one_closed(make_site):
    site = make_site()
    with socket.socket() as s:
        s.bind(('127.0.0.1', site.tls_port))
        s.listen()
        said = refused(site, '--bind', f'127.0.0.1:{site.tls_port}')
    assert said.count('\n') == 1 and 'already in use' in said


def test_a_key_that_the_account_may_not_read(make_site, certificate):
    site = make_site()
    program, key = site.folder / 'site', site.folder / 'key.pem'
    shutil.copy(site.program, program)  # where any account can run it
    program.chmod(0o755)
    key.write_bytes(certificate[1].read_bytes())
    key.chmod(0o000)
    account = {'user': 65534, 'group': 65534, 'extra_groups': []} if os.getuid() == 0 else {}
    done = subprocess.run([program, 'serve', '--settings', site.settings, '--bind', f'127.0.0.1:{site.port}', '--bind-tls',
                           f'127.0.0.1:{site.tls_port}', '--tls-cert', certificate[0], '--tls-key', key], cwd=site.folder,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, **account)
    assert done.returncode == 1 and done.stderr.endswith('key.pem can\'t be read: Permission denied\n'), done
    assert len(done.stderr.splitlines()) == 1, done
    for port in (site.port, site.tls_port):
        with pytest.raises(OSError):
            socket.create_connection(('127.0.0.1', port), 1)


def test_an_absent_key(make_site, certificate):
    site = make_site()
    said = refused(site, '--bind-tls', f'127.0.0.1:{site.tls_port}', '--tls-cert', certificate[0], '--tls-key', '/nonexistent/key.pem')
    assert '/nonexistent/key.pem' in said and said.count('\n') == 1


def test_a_key_of_another_certificate(make_site, certificate):
    site = make_site()
    other = make_certificate(site.folder, 'other.example')
    said = refused(site, '--bind-tls', f'127.0.0.1:{site.tls_port}', '--tls-cert', certificate[0], '--tls-key', other[1])
    assert 'does not belong to the certificate' in said and said.count('\n') == 1


@pytest.mark.parametrize('key', [None, '', 'short', 'django-insecure-' + KEY, 'a' * 60])
def test_a_weak_secret_key(make_site, key):
    said = refused(make_site(SECRET_KEY=key))
    assert 'SECRET_KEY' in said
    assert not key or len(key) < 20 or key not in said


@pytest.mark.parametrize('name', ['django.contrib.sessions.middleware.SessionMiddleware', 'no.such.Middleware'])
def test_a_middleware_that_this_build_lacks(make_site, name):
    assert name in refused(make_site(MIDDLEWARE=[*MIDDLEWARE, name]))


def test_a_wrong_type(make_site):
    said = refused(make_site(SECURE_HSTS_SECONDS='a year'))
    assert 'SECURE_HSTS_SECONDS' in said


def test_debug_off_without_allowed_hosts_refuses_every_host(make_site):
    site = make_site(ALLOWED_HOSTS=[]).start()
    assert site.get('/hello/').status == 400


# -- figures that do not hang on the machine's load --

@pytest.mark.release
def test_an_idle_worker_is_small(make_site):
    site = make_site().start()
    worker = worker_of(site)
    assert rss_kib(worker) < 8 * 1024
