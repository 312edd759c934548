"""What a worker does when it has no descriptors left, and with handshakes that it finds when it is told to end."""

import contextlib
import os
import signal
import socket
import ssl

from conftest import PATIENCE, wait_for, Wire


def with_descriptors(site, count):
    """From now on the site starts with a limit that it can't raise."""
    script = site.folder / 'run'
    script.write_text(f'#!/bin/sh\nulimit -n {count}\nexec {site.program} "$@"\n')
    script.chmod(0o755)
    site.program = script


def hello(sock):
    wire = Wire(sock)
    wire.send(b'GET /hello/ HTTP/1.1\r\nHost: localhost\r\n\r\n')
    return wire.answer()


def test_without_descriptors_accepting_pauses_and_goes_on(make_site):
    site = make_site()
    with_descriptors(site, 40)
    site.start()
    worker = wait_for('a worker', site.workers)[0]
    first = socket.create_connection(('127.0.0.1', site.port), PATIENCE)
    assert hello(first).status == 200
    for _ in range(3):
        many = [socket.create_connection(('127.0.0.1', site.port), PATIENCE) for _ in range(60)]
        site.wait_log('accepting pauses')
        assert hello(first).status == 200  # who is in is served
        for sock in many[:30]:
            sock.close()
        assert hello(many[-1]).status == 200  # who waited comes in
        for sock in many[30:]:
            sock.close()
        wait_for('descriptors to be closed', lambda: len(os.listdir(f'/proc/{worker}/fd')) < 20)
        first.close()
        first = socket.create_connection(('127.0.0.1', site.port), PATIENCE)
        assert hello(first).status == 200
    assert site.workers() == [worker]
    first.close()


def test_handshakes_during_a_drain(make_site, certificate):
    """A handshake that has begun is finished, its request answered, the connection closed; one that stands still ends, too."""
    site = make_site(HEAD_TIMEOUT=8).start(tls=certificate, plain=False)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    idle = context.wrap_socket(socket.create_connection(('127.0.0.1', site.tls_port), PATIENCE))
    assert b'200' in hello(idle).head
    half, silent = (socket.create_connection(('127.0.0.1', site.tls_port), PATIENCE) for _ in range(2))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname='example.com')

    def step(action):
        """Runs `action` of the TLS client as far as it goes without reading."""
        while True:
            try:
                result = action()
            except ssl.SSLWantReadError:
                result = None
            if outgoing.pending:
                half.sendall(outgoing.read())
            if result is not None:
                return result
            got = half.recv(65536)
            incoming.write(got) if got else incoming.write_eof()

    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    half.sendall(outgoing.read())
    incoming.write(half.recv(65536))  # the worker has it, and waits for our part
    site.process.send_signal(signal.SIGTERM)
    assert idle.recv(1) == b''  # an idle connection is closed: the drain has begun
    step(lambda: tls.do_handshake() or True)
    step(lambda: tls.write(b'GET /hello/ HTTP/1.1\r\nHost: example.com\r\n\r\n'))
    answer = step(lambda: tls.read(65536))
    assert answer.startswith(b'HTTP/1.1 200 ') and b'\r\nConnection: close\r\n' in answer
    assert site.process.wait(PATIENCE) == 0
    for sock in (idle, silent, half):
        sock.close()
