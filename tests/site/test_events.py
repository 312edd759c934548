"""Server-sent events over real sockets: they arrive when they happen, and end when one of the two wants to."""

import signal
import socket
import ssl

import pytest
from conftest import PATIENCE, Wire, make_certificate, wait_for

EVENTS = b'GET /events/5/ HTTP/1.1\r\nHost: localhost\r\n\r\n'
FIRST = b''.join(b'data: event\ndata: %d\n\n' % n for n in (5, 4, 3, 2))


def open_stream(wire):
    """The four events that come soon; the fifth would take an hour."""
    wire.send(EVENTS)
    head = b''
    while line := wire.line():
        head += line + b'\r\n'
    assert head.startswith(b'HTTP/1.1 200 ')
    got = b''
    while len(got) < len(FIRST):
        size = int(wire.line(), 16)
        got += wire.take(size)
        assert wire.take(2) == b'\r\n'
    assert got == FIRST
    return head.decode()


def wire_to(site, tls):
    if not tls:
        return site.wire()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return Wire(context.wrap_socket(socket.create_connection(('127.0.0.1', site.tls_port), PATIENCE)))


def streams(site):
    return int(site.get('/live/').body)


def test_events_arrive_while_the_answer_goes_on(make_site):
    site = make_site(MIDDLEWARE=['django.middleware.gzip.GZipMiddleware', 'django.middleware.common.CommonMiddleware']).start()
    head = open_stream(site.wire())
    assert 'Content-Type: text/event-stream\r\n' in head and 'X-Accel-Buffering: no\r\n' in head
    assert 'Transfer-Encoding: chunked\r\n' in head and 'Content-Encoding' not in head
    assert site.get('/hello/').status == 200


def test_a_client_that_leaves_is_freed_at_once(make_site):
    site = make_site().start()
    wires = [site.wire() for _ in range(5)]
    for wire in wires:
        open_stream(wire)
    assert streams(site) == 5
    for wire in wires:
        wire.sock.close()
    wait_for('the streams to be gone', lambda: streams(site) == 0)


def test_a_pipelined_request_waits_and_is_answered_after_a_reset(make_site):
    site = make_site().start()
    wire = site.wire()
    open_stream(wire)
    wire.send(b'GET /hello/ HTTP/1.1\r\nHost: localhost\r\n\r\n')
    assert streams(site) == 1
    wire.sock.shutdown(2)
    wire.sock.close()
    assert site.get('/hello/').status == 200


@pytest.mark.parametrize('tls', [False, True])
def test_a_server_that_stops_ends_its_streams_in_order(make_site, tmp_path, tls):
    site = make_site(DRAIN_TIMEOUT=3600).start(tls=make_certificate(tmp_path) if tls else None)
    wires = [wire_to(site, tls) for _ in range(3)]
    for wire in wires:
        open_stream(wire)
    site.process.send_signal(signal.SIGTERM)
    for wire in wires:
        assert wire.line() == b'0' and wire.line() == b''  # the last chunk: a whole answer
        assert not wire.more()
    assert site.process.wait(PATIENCE) == 0


def test_a_reload_sends_clients_to_the_next_worker(make_site):
    site = make_site(DRAIN_TIMEOUT=3600).start()
    wire = site.wire()
    open_stream(wire)
    before = site.workers()
    site.process.send_signal(signal.SIGHUP)
    assert wire.line() == b'0' and wire.line() == b''
    wait_for('the old worker to end', lambda: not set(before) & set(site.workers()))
    open_stream(site.wire())
