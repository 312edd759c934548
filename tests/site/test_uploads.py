"""Large uploads by a real client: whole, in little memory, and with nothing left over when they fail.

The figures of memory are printed; in a sanitized build they mean nothing and are not looked at."""

import contextlib
import hashlib
import os
import signal
import socket
import struct
import subprocess

import pytest
from conftest import PATIENCE, SANITIZED, new_folder, Site, no_sanitizer_report, status_of, wait_for

MIB = 1024 * 1024
LARGE = 20 * MIB if SANITIZED else 200 * MIB
MEMORY_KIB = 16 * 1024


class Uploads(Site):
    def __init__(self, folder, **settings):
        (folder / 'saved').mkdir()
        (folder / 'saved').chmod(0o777)
        (folder / 'temp').mkdir()
        (folder / 'temp').chmod(0o777)
        super().__init__(folder, 'tests/site/uploadsite', MAX_REQUEST_BODY=300 * MIB, FILE_UPLOAD_TEMP_DIR=str(folder / 'temp'),
                         **settings)

    def worker(self):
        return wait_for('a worker', self.workers)[0]

    def descriptors(self):
        """How many the worker has; 0 for an ordinary account, to which it does not show them."""
        return len(os.listdir(f'/proc/{self.worker()}/fd')) if os.geteuid() == 0 else 0

    def has_open(self, name):
        folder, found = f'/proc/{self.worker()}/fd', []
        for fd in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                found.append(os.path.basename(os.readlink(f'{folder}/{fd}')))
        return name in found

    def curl(self, *args, port=None, scheme='http'):
        """(status, body) of one request."""
        done = subprocess.run(['curl', '-sS', '--max-time', '120', '-k', '-w', '\n%{http_code}', *map(str, args[1:]),
                               f'{scheme}://127.0.0.1:{port or self.port}{args[0]}'],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace')
        body, _, status = done.stdout.rpartition('\n')
        return int(status), body

    def take_saved(self, name):
        """SHA-256 of a saved file, which is removed."""
        path = self.folder / 'saved' / name
        digest = hashlib.sha256()
        with path.open('rb') as f:
            while block := f.read(MIB):
                digest.update(block)
        path.unlink()
        return digest.hexdigest()

    def expect_clean(self):
        assert os.listdir(self.folder / 'temp') == []
        assert os.listdir(self.folder / 'saved') == []


@pytest.fixture
def uploads():
    with contextlib.ExitStack() as stack:
        one = Uploads(stack.enter_context(new_folder()))
        stack.callback(one.end)
        yield one
        no_sanitizer_report(one)


@pytest.fixture(scope='module')
def large():
    """(path, SHA-256) of a file whose bytes do not repeat."""
    with new_folder() as folder:
        path, digest, block = folder / 'large.bin', hashlib.sha256(), os.urandom(MIB)
        with path.open('wb') as f:
            for i in range(LARGE // MIB):
                piece = struct.pack('>Q', i) + block[8:]
                f.write(piece)
                digest.update(piece)
        yield path, digest.hexdigest()


def ways(path):
    """How curl sends a file, and to which page; behind a "/" it would write the name of the file."""
    return {
        'multipart': ('/form/', '-F', 'note=hello', '-F', f'file=@{path};filename=large.bin'),
        'put': ('/put', '-T', path),
        'chunked': ('/put', '-T', path, '-H', 'Transfer-Encoding: chunked'),
        'put without 100-continue': ('/put', '-T', path, '-H', 'Expect:'),
    }


def test_large_uploads_arrive_whole_in_little_memory(uploads, large):
    path, digest = large
    uploads.start()
    worker, before = uploads.worker(), uploads.descriptors()
    for way, args in ways(path).items():
        status, body = uploads.curl(*args)
        assert (status, body.split()[1:]) == (200, [str(LARGE)]), (way, body, uploads.log())
        assert uploads.take_saved(body.split()[0]) == digest, way
        peak = int(status_of(worker)['VmHWM'].split()[0])
        print(f'{way}: {LARGE // MIB} MiB, worker at most {peak} KiB')
        assert SANITIZED or peak < MEMORY_KIB, way
    status, body = uploads.curl('/look', '-T', path)
    with path.open('rb') as f:
        assert status == 200 and f' {LARGE} ' in body
    wait_for('descriptors to be closed', lambda: uploads.descriptors() <= before + 1)  # the pool keeps one
    assert uploads.workers() == [worker]
    uploads.expect_clean()


def test_large_uploads_over_tls(uploads, large, certificate):
    path, digest = large
    uploads.start(tls=certificate)
    for way, args in ways(path).items():
        status, body = uploads.curl(*args, port=uploads.tls_port, scheme='https')
        assert (status, body.split()[1:]) == (200, [str(LARGE)]), (way, body, uploads.log())
        assert uploads.take_saved(body.split()[0]) == digest, way
    peak = int(status_of(uploads.worker())['VmHWM'].split()[0])
    print(f'TLS: {LARGE // MIB} MiB, worker at most {peak} KiB')
    assert SANITIZED or peak < MEMORY_KIB
    uploads.expect_clean()


@pytest.mark.parametrize('scheme', ['http', 'https'])
def test_large_downloads(uploads, large, certificate, scheme):
    """By the kernel in the clear, through a buffer under TLS; a client that leaves in the middle frees the file."""
    path, digest = large
    uploads.start(tls=certificate if scheme == 'https' else None, plain=scheme == 'http')
    port = uploads.tls_port if scheme == 'https' else uploads.port
    worker = uploads.worker()
    (uploads.folder / 'saved' / 'large.bin').hardlink_to(path)
    path.chmod(0o644)
    got = uploads.folder / 'got.bin'
    status, _ = uploads.curl('/saved/large.bin', '-o', got, port=port, scheme=scheme)
    assert status == 200, uploads.log()
    assert hashlib.sha256(got.read_bytes()).hexdigest() == digest
    for _ in range(3):
        leaves = subprocess.Popen(['curl', '-sSk', '--limit-rate', '1M', f'{scheme}://127.0.0.1:{port}/saved/large.bin'],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for('the file to be opened', lambda: uploads.has_open('large.bin'))
        leaves.kill()
        leaves.wait()
        wait_for('the file to be closed', lambda: not uploads.has_open('large.bin'))
    peak = int(status_of(worker)['VmHWM'].split()[0])
    print(f'{scheme}: {LARGE // MIB} MiB sent, worker at most {peak} KiB')
    assert SANITIZED or peak < MEMORY_KIB


def test_many_uploads_at_once(uploads, large):
    path, digest = large
    uploads.start()
    small = uploads.folder / 'small.bin'
    small.write_bytes(path.read_bytes()[:3 * MIB])
    digest = hashlib.sha256(small.read_bytes()).hexdigest()
    running = [subprocess.Popen(['curl', '-sS', '--max-time', '120', '-T', str(small), f'http://127.0.0.1:{uploads.port}/put'],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) for _ in range(40)]
    names = [p.communicate(timeout=120)[0].split()[0] for p in running]
    assert len(set(names)) == 40
    assert all(uploads.take_saved(name) == digest for name in names)
    peak = int(status_of(uploads.worker())['VmHWM'].split()[0])
    print(f'40 uploads at once: worker at most {peak} KiB')
    uploads.expect_clean()


@pytest.mark.skipif(os.geteuid() != 0, reason='a worker shows its descriptors to root only')
def test_clients_that_leave_free_everything(uploads):
    uploads.start()
    before = uploads.descriptors()
    form = (b'--B\r\nContent-Disposition: form-data; name=file; filename=f\r\n\r\n', b'multipart/form-data; boundary=B', b'POST /form/')
    put = (b'', b'application/octet-stream', b'PUT /put')
    for start, kind, line in (form, put) * 5:
        wire = uploads.wire()
        wire.send(line + b' HTTP/1.1\r\nHost: localhost\r\nContent-Type: ' + kind + b'\r\nContent-Length: 50000000\r\n\r\n' + start)
        wire.send(b'x' * 5 * MIB)
        wait_for('the file', lambda: uploads.descriptors() >= before + 2)
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        wire.close()
        wait_for('descriptors to be closed', lambda: uploads.descriptors() <= before + 1)
    uploads.expect_clean()


def in_small_folder(uploads):
    """From now on the site runs where its folder for arriving files is a file system of 4 MiB: in a mount namespace of its own, which
    is gone with it. Who is not root makes one as the root of a user namespace, and is an ordinary user again in another."""
    mount = f'mount -t tmpfs -o size=4m,mode=1777 tmpfs {uploads.folder}/temp'
    script = uploads.folder / 'run'
    if os.geteuid() == 0:
        run = f'exec unshare --mount sh -c \'{mount} && exec "$0" "$@"\' {uploads.program} "$@"'
    else:
        inner = f'{mount} && exec unshare --user --map-user={os.getuid()} "$0" "$@"'
        run = f'exec unshare --user --map-root-user --mount sh -c \'{inner}\' {uploads.program} "$@"'
    script.write_text(f'#!/bin/sh\n{run}\n')
    script.chmod(0o755)
    uploads.program = script


def test_a_full_disk_is_507_and_leaves_nothing(uploads, large):
    path, _ = large
    in_small_folder(uploads)
    # In a namespace without root the folders above the settings belong to an account that is none (donjon.E010).
    uploads.start(*([] if os.geteuid() == 0 else ['--skip-checks']))
    before = uploads.descriptors()
    fits = uploads.folder / 'fits.bin'
    fits.write_bytes(path.read_bytes()[:3 * MIB])
    for _ in range(3):
        for args in ways(path).values():
            status, _ = uploads.curl(*args)
            assert status == 507
        wait_for('descriptors to be closed', lambda: uploads.descriptors() <= before + 1)
        status, body = uploads.curl('/put', '-T', fits)  # the room is there again
        assert status == 200
        uploads.take_saved(body.split()[0])
    uploads.wait_log(r'ERROR .*Insufficient Storage: An uploaded file .* No space left on device')
    assert os.listdir(uploads.folder / 'saved') == []


def test_forms_that_break_a_rule(uploads):
    """Found while they arrive, said when the view asks: as with a short body."""
    uploads.start()
    part = b'--B\r\nContent-Disposition: form-data; name=%s\r\n\r\n%s\r\n'
    bodies = {
        b'too many fields': b''.join(part % (b'a%d' % i, b'x' * 100) for i in range(1100)) + b'--B--\r\n',
        b'too much text': part % (b'a', b'x' * 3_000_000) + b'--B--\r\n',
        b'long header': b'--B\r\nContent-Disposition: form-data; name=a; x=' + b'y' * 2000 + b'\r\n\r\n' + b'z' * 70000 + b'\r\n--B--\r\n',
    }
    for name, body in bodies.items():
        answer = uploads.get('/form/', 'Content-Type: multipart/form-data; boundary=B', method='POST', body=body)
        assert answer.status == 400, name
        assert uploads.get('/look', 'Content-Type: multipart/form-data; boundary=B', method='POST', body=body).status == 200, name
    for error in ('TooManyFieldsSent', 'RequestDataTooBig', 'Unable to parse request body'):
        uploads.wait_log(error)
    answer = uploads.get('/nowhere/', method='PUT', body=b'x' * MIB)
    assert answer.status == 404
    uploads.expect_clean()


def test_a_slow_upload_is_408(uploads):
    uploads.start()
    wire = uploads.wire()
    wire.send(b'PUT /put HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n' + b'x' * 100000)
    wire.sock.settimeout(3 * PATIENCE)
    assert wire.answer().status == 408
    assert wire.at_end()
    uploads.expect_clean()


@pytest.mark.parametrize('chunked', [False, True])
def test_a_body_behind_a_large_buffer_of_an_earlier_one(uploads, chunked):
    """The first byte of the next head comes with the end of a body whose head was long; then very much at once, as the worker was busy."""
    uploads.start()
    wire, worker = uploads.wire(), uploads.worker()
    host = b'Host: localhost\r\n'
    padding = b''.join(b'X-P%d: %s\r\n' % (i, b'a' * 7000) for i in range(4))
    wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.send(b'POST /look HTTP/1.1\r\n' + host + b'Content-Length: 2000000\r\n\r\n' + b'z' * 2000000)  # opens the window
    assert wire.answer().body == b'zzzzzzzz 2000000 zzzzzzzz\n'
    wire.send(b'POST /look HTTP/1.1\r\n' + host + padding + b'Expect: 100-continue\r\nContent-Length: 1\r\n\r\n')
    assert wire.answer(skip_continue=False).status == 100  # the body is waited for, in its own buffer
    wire.send(b'xP')
    assert wire.answer().body == b'x 1 x\n'
    body = bytes(33 + i % 90 for i in range(300000))
    framing = b'Content-Length: %d\r\n\r\n%s' % (len(body), body)
    if chunked:
        framing = b'Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n' % (len(body), body)
    sent = b'OST /look HTTP/1.1\r\n' + host + framing
    os.kill(worker, signal.SIGSTOP)
    try:
        wire.sock.setblocking(False)
        at = wire.sock.send(sent)
    finally:
        os.kill(worker, signal.SIGCONT)
    wire.sock.settimeout(PATIENCE)
    wire.send(sent[at:])
    assert wire.answer().body == body[:8] + b' 300000 ' + body[-8:] + b'\n'
    assert uploads.workers() == [worker]
    # The same bytes to a view that keeps them.
    wire.send(b'PUT /put HTTP/1.1\r\n' + host + framing)
    name = wire.answer().body.split()[0].decode()
    assert uploads.take_saved(name) == hashlib.sha256(body).hexdigest()
    wire.close()
