"""Whole-site tests: real binaries over real sockets. DONJON_BUILD names the build folder (default build/)."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('DONJON_BUILD', ROOT / 'build')).resolve()
SANITIZED = 'asan' in BUILD.name
PATIENCE = 60 if SANITIZED else 20  # seconds until a test gives up; never a measure of speed
KEY = 'w!x7Qm2#rT9$kLp4&vZ8(nB6)yH3*dF5-gJ1_cS0=aE+uM^oI%R'

MIDDLEWARE = [
    'django.middleware.security.SecurityMiddleware',
    'django.middleware.csp.ContentSecurityPolicyMiddleware',
    'django.middleware.common.CommonMiddleware',
    'django.middleware.clickjacking.XFrameOptionsMiddleware',
]
SETTINGS = {
    'DEBUG': False,
    'SECRET_KEY': KEY,
    'ALLOWED_HOSTS': ['*'],
    'MIDDLEWARE': MIDDLEWARE,
    'APPEND_SLASH': False,
    'MAX_CONNECTIONS_PER_ADDRESS': 10000,
}
CSP_SETTING = "SECURE_CSP = {'default-src': [CSP.SELF], 'script-src': [CSP.SELF, CSP.NONCE]}\n"


def pytest_configure(config):
    config.addinivalue_line('markers', 'release: figures or load, of no meaning in a sanitized build')


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=PATIENCE):
    """The first true value of condition(); fails with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f'waited {seconds} s for {what}')


def children(pid):
    try:
        return [int(p) for p in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
    except OSError:
        return []


def status_of(pid):
    """/proc/PID/status as a dict."""
    lines = pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()
    return dict(line.split(':\t', 1) for line in lines if ':\t' in line)


def rss_kib(pid):
    return int(status_of(pid)['VmRSS'].split()[0])


class Answer:
    """One answer from the wire."""

    def __init__(self, status, fields, body, head):
        self.status, self.fields, self.body, self.head = status, fields, body, head

    def header(self, name):
        found = [v for n, v in self.fields if n.lower() == name.lower()]
        return found[0] if found else None

    def __repr__(self):
        return f'<{self.status} {self.fields} {self.body[:200]!r}>'


class Wire:
    """A client socket that reads answers strictly: what is not exactly HTTP/1.1 fails the test."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b''
        self.sock.settimeout(PATIENCE)

    def send(self, data):
        self.sock.sendall(data)

    def send_bytewise(self, data):
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(data)):
            self.sock.send(data[i:i + 1])

    def more(self):
        """False at the end of the stream; a reset counts as an end."""
        try:
            got = self.sock.recv(65536)
        except ConnectionResetError:
            got = b''
        self.buffer += got
        return bool(got)

    def take(self, count):
        while len(self.buffer) < count:
            assert self.more(), f'ended after {self.buffer!r}, {count} bytes wanted'
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def line(self):
        while b'\r\n' not in self.buffer:
            assert self.more(), f'ended inside a line: {self.buffer!r}'
        line, _, self.buffer = self.buffer.partition(b'\r\n')
        return line

    def answer(self, method='GET', skip_continue=True):
        """The next answer; None at the end of the stream."""
        if not self.buffer and not self.more():
            return None
        start = self.line()
        match = re.fullmatch(rb'HTTP/1\.1 (\d{3}) [^\r\n]*', start)
        assert match, f'not a status line: {start!r}'
        status, fields, head = int(match[1]), [], start
        while line := self.line():
            name, colon, value = line.partition(b':')
            assert colon and re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name), f'not a field: {line!r}'
            fields.append((name.decode(), value.strip().decode('latin-1')))
            head += b'\r\n' + line
        if status == 100 and skip_continue:
            return self.answer(method)
        result = Answer(status, fields, b'', head)
        result.body = b'' if method == 'HEAD' or status in (100, 204, 304) else self.body(result)
        return result

    def body(self, answer):
        if (answer.header('Transfer-Encoding') or '').lower() == 'chunked':
            assert answer.header('Content-Length') is None
            body = b''
            while size := int(self.line(), 16):
                body += self.take(size)
                assert self.take(2) == b'\r\n'
            assert self.line() == b''
            return body
        length = answer.header('Content-Length')
        if length is not None:
            return self.take(int(length))
        assert answer.header('Connection') == 'close', f'no end to this body: {answer.head!r}'
        while self.more():
            pass
        body, self.buffer = self.buffer, b''
        return body

    def at_end(self):
        """The server has closed and sent nothing more."""
        return not self.buffer and not self.more()

    def close(self):
        self.sock.close()


class Site:
    """A site under test: its settings file, its processes, its log."""

    def __init__(self, folder, program='testsite', **settings):
        self.folder = folder
        folder.chmod(0o755)
        self.program = BUILD / ('tests/site/testsite' if program == 'testsite' else program)
        self.port, self.tls_port = free_port(), free_port()
        self.settings = folder / 'settings.py'
        self.write(**settings)
        self.process = None
        self.errors = folder / 'stderr.log'

    def write(self, **settings):
        """Settings on top of the usual ones; a text value of `raw` is added as it stands."""
        raw = settings.pop('raw', '')
        values = {**SETTINGS, **settings}
        text = ''.join(f'{name} = {value!r}\n' for name, value in values.items() if value is not None)
        self.settings.write_text('import os\nfrom django.utils.csp import CSP\n' + text + CSP_SETTING + raw)
        self.settings.chmod(0o644)

    def command(self, *args):
        return [str(self.program), *map(str, args), '--settings', str(self.settings)]

    def run(self, *args, env=None, timeout=PATIENCE):
        """A command that ends by itself."""
        return subprocess.run(self.command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=timeout, env={**os.environ, **(env or {})}, cwd=self.folder)

    def start(self, *options, command='serve', workers=1, tls=None, plain=True, env=None, ready=True):
        args = [command]
        if command == 'serve':
            args += ['--workers', workers]
            if plain:
                args += ['--bind', f'127.0.0.1:{self.port}']
            if tls:
                args += ['--bind-tls', f'127.0.0.1:{self.tls_port}', '--tls-cert', tls[0], '--tls-key', tls[1]]
        else:
            args.append(f'127.0.0.1:{self.port}')
        with self.errors.open('ab') as errors:
            self.process = subprocess.Popen(self.command(*args, *options), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                            env={**os.environ, **(env or {})}, cwd=self.folder, start_new_session=True)
        if ready:
            self.wait_ready(self.port if plain else self.tls_port)
        return self

    def wait_ready(self, port):
        def accepts():
            assert self.process.poll() is None, f'ended with {self.process.returncode}:\n{self.log()}'
            with contextlib.suppress(OSError):
                socket.create_connection(('127.0.0.1', port), 1).close()
                return True
            return False
        wait_for('the site to listen', accepts)

    def log(self):
        return self.errors.read_text(errors='replace') if self.errors.exists() else ''

    def wait_log(self, pattern, seconds=PATIENCE):
        return wait_for(f'{pattern!r} in the log', lambda: re.search(pattern, self.log()), seconds)

    @property
    def pid(self):
        return self.process.pid

    def workers(self):
        return children(self.pid)

    def wire(self, port=None):
        return Wire(socket.create_connection(('127.0.0.1', port or self.port), PATIENCE))

    def get(self, path, *fields, method='GET', host='localhost', body=None):
        """One request on a connection of its own."""
        wire = self.wire()
        try:
            head = f'{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n' + ''.join(f + '\r\n' for f in fields)
            if body is not None:
                head += f'Content-Length: {len(body)}\r\n'
            wire.send(head.encode('latin-1') + b'\r\n' + (body or b''))
            return wire.answer(method)
        finally:
            wire.close()

    def stop(self, signo=signal.SIGTERM, seconds=PATIENCE):
        """Ends it and returns the exit status."""
        self.process.send_signal(signo)
        return self.process.wait(seconds)

    def end(self):
        """Whatever is left of it, workers too: they are in its process group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextlib.contextmanager
def new_folder():
    """A folder that the account `nobody` can reach, as pytest's own can't be."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix='donjon-site-'))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def no_sanitizer_report(site):
    log = site.log()
    assert 'ERROR: AddressSanitizer' not in log and 'runtime error:' not in log and 'LeakSanitizer' not in log, log


@pytest.fixture
def make_site():
    """make_site(program='testsite', SETTING=value, ...) -> Site, ended with the test."""
    with contextlib.ExitStack() as stack:
        sites = []

        def make(program='testsite', **settings):
            site = Site(stack.enter_context(new_folder()), program, **settings)
            sites.append(site)
            return site

        yield make
        for site in sites:
            site.end()
        for site in sites:
            no_sanitizer_report(site)


@pytest.fixture(scope='module')
def site():
    """One site for all tests of a module that leave it as it was: one worker, a body of 1 MiB at most as in the vectors."""
    with new_folder() as folder:
        one = Site(folder, MAX_REQUEST_BODY=1048576)
        try:
            yield one.start()
        finally:
            one.end()
        no_sanitizer_report(one)


def make_certificate(folder, name='localhost'):
    """(certificate, key), self-signed, the key readable by its owner only."""
    cert, key = folder / f'{name}.crt', folder / f'{name}.key'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30',
                    '-subj', f'/CN={name}', '-addext', f'subjectAltName=DNS:{name},DNS:www.{name},IP:127.0.0.1',
                    '-keyout', str(key), '-out', str(cert)], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    key.chmod(0o600)
    return cert, key


@pytest.fixture(scope='session')
def certificate():
    with new_folder() as folder:
        yield make_certificate(folder, 'example.com')
