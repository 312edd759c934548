"""Clients that mean harm, or only behave so: cut, reset, slow, greedy, many. The site answers everybody else, leaks nothing, and
says what the sanitizers of a sanitized build have to say: nothing.

The seed is fixed; DONJON_HOSTILE_SECONDS lets the traffic go on for longer."""

import base64
import contextlib
import json
import os
import random
import re
import signal
import socket
import ssl
import struct
import threading
import time

import pytest
from conftest import PATIENCE, ROOT, children, new_folder, no_sanitizer_report, Site, wait_for

SECONDS = float(os.environ.get('DONJON_HOSTILE_SECONDS', 20))
SEED = 20261122
NEEDED = ['X-Content-Type-Options', 'Referrer-Policy', 'Cross-Origin-Opener-Policy', 'X-Frame-Options',
          'Cross-Origin-Resource-Policy']


def hostile_requests():
    """The raw bytes of every case of the vectors, good and bad."""
    cases = json.loads((ROOT / 'tests/vectors/http/http1.json').read_text())['cases']
    return [base64.b64decode(case['bytes_b64']) for case in cases]


def reset(sock):
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


def connect(port, receive_buffer=0):
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(5)
    sock.connect(('127.0.0.1', port))
    return sock


# -- the attackers: each does one thing and ends --

def cut_pipeline(rnd, site, requests):
    """Good and bad requests behind each other, cut at random places."""
    data = b''.join(rnd.choice([b'GET /hello/ HTTP/1.1\r\nHost: localhost\r\n\r\n', b'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
                                b'POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n123456789',
                                rnd.choice(requests)]) for _ in range(rnd.randint(1, 8)))
    sock = connect(site.port)
    try:
        for _ in range(rnd.randint(1, 6)):
            at = rnd.randint(1, max(1, len(data)))
            sock.sendall(data[:at])
            data = data[at:]
            if rnd.random() < 0.3:
                time.sleep(rnd.random() * 0.005)
        if rnd.random() < 0.5:
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
    finally:
        rnd.choice([reset, socket.socket.close])(sock)


def slow_reader(rnd, site, requests):
    sock = connect(site.port, 2048)
    path = rnd.choice(['/bytes/4000000/', '/stream/20000/', '/bytes/70000/'])
    sock.sendall(f'GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode() * rnd.randint(1, 4) + b'GET /x')
    try:
        for _ in range(rnd.randint(0, 20)):
            if not sock.recv(rnd.randint(1, 3000)):
                break
            time.sleep(rnd.random() * 0.01)
    finally:
        rnd.choice([reset, socket.socket.close])(sock)


def bad_tls(rnd, site, requests):
    sock = connect(site.tls_port)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname='localhost')
    said = rnd.choice([b'GET /hello/ HTTP/1.1\r\nHost: localhost\r\n\r\n' * 40,
                       b'GET /bytes/900000/ HTTP/1.1\r\nHost: localhost\r\n\r\n', rnd.choice(requests)])
    steps = rnd.randint(0, 6)
    try:
        for step in range(6):
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                tls.write(said)
                said = b'\r\n'
            data = outgoing.read()
            if step == steps and data:  # stops, cut or spoilt, in the middle of it
                data = data[:rnd.randint(0, len(data))] + rnd.choice([b'', bytes(rnd.randint(1, 99))])
            if data:
                sock.sendall(data)
            if step == steps:
                break
            incoming.write(sock.recv(16384))
    finally:
        rnd.choice([reset, socket.socket.close])(sock)


def short(rnd, site, requests):
    for _ in range(20):
        sock = connect(rnd.choice([site.port, site.tls_port]))
        if rnd.random() < 0.5:
            sock.send(b'G')
        rnd.choice([reset, socket.socket.close])(sock)


def chunked(rnd, site, requests):
    sock = connect(site.port)
    try:
        sock.sendall(b'POST /up HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n')
        for _ in range(rnd.randint(0, 30)):
            size = rnd.choice([1, 2, 100, 70000])
            sock.sendall(b'%x;a=b\r\n' % size + bytes(size) + rnd.choice([b'\r\n'] * 9 + [b'x']))
        sock.sendall(rnd.choice([b'0\r\n\r\n', b'0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n', b'-1\r\n', b'']))
        sock.recv(65536)
    finally:
        rnd.choice([reset, socket.socket.close])(sock)


ATTACKS = [cut_pipeline, cut_pipeline, slow_reader, bad_tls, short, chunked]


def attack(site, seed, end, requests, wrong):
    rnd = random.Random(seed)
    while time.monotonic() < end:
        try:
            rnd.choice(ATTACKS)(rnd, site, requests)
        except (OSError, ssl.SSLError):
            pass  # what an attacker feels is not our business
        except Exception as error:  # a mistake of this test
            wrong.append(repr(error))
            return


def attacked(site, requests, threads, seconds):
    """Attackers in threads; yields the time when they end, and joins them."""
    end, wrong = time.monotonic() + seconds, []
    crowd = [threading.Thread(target=attack, args=(site, SEED + i, end, requests, wrong)) for i in range(threads)]
    for thread in crowd:
        thread.start()
    yield end
    for thread in crowd:
        thread.join(PATIENCE)
    assert wrong == []


@pytest.mark.parametrize('over_tls', [False, True])
def test_hostile_traffic_with_reloads_and_kills(make_site, certificate, over_tls):
    site = make_site(HEAD_TIMEOUT=2, KEEPALIVE_TIMEOUT=2, WRITE_TIMEOUT=2, MAX_REQUEST_BODY=1048576)
    if not over_tls:
        site.tls_port = site.port  # TLS records are hostile to a plain port, too
    site.start(workers=2, tls=certificate if over_tls else None)
    rnd, answers, turn = random.Random(SEED), 0, 0
    for end in attacked(site, hostile_requests(), 6, SECONDS / 2):
        while time.monotonic() < end:
            time.sleep(0.5)
            turn += 1
            if turn % 5 == 0:
                site.process.send_signal(signal.SIGHUP)
            if turn % 7 == 0 and site.workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(rnd.choice(site.workers()), signal.SIGKILL)
            with contextlib.suppress(OSError, AssertionError):  # it may be on the worker that was killed
                answer = site.get('/hello/')
                answers += answer is not None and answer.status in (200, 301)
    assert answers > turn // 2
    time.sleep(2.5)
    wait_for('the site to be well', lambda: site.get('/hello/').status in (200, 301))
    if os.geteuid() == 0:  # a worker shows its descriptors to nobody else
        for pid in site.workers():  # nothing of it is left: listeners, loop, logs
            wait_for('descriptors to be closed', lambda: not os.path.exists(f'/proc/{pid}') or len(os.listdir(f'/proc/{pid}/fd')) < 24)
    assert site.stop() == 0
    assert children(site.pid) == []


def test_one_process_leaks_nothing_under_hostile_traffic():
    """runserver ends by returning, so the leak checker of a sanitized build looks at it."""
    with new_folder() as folder:
        site = Site(folder, DEBUG=True, MAX_REQUEST_BODY=1048576)
        site.tls_port = site.port
        try:
            site.start(command='runserver')
            for end in attacked(site, hostile_requests(), 4, min(SECONDS, 8)):
                while time.monotonic() < end:
                    assert site.get('/hello/').status == 200
                    time.sleep(0.2)
            stuck = [connect(site.port, 2048) for _ in range(5)]
            for sock in stuck:
                sock.sendall(b'GET /stream/100000/ HTTP/1.1\r\nHost: localhost\r\n\r\n')
            time.sleep(0.3)
            assert site.stop() == 0, site.log()[-2000:]
            for sock in stuck:
                sock.close()
        finally:
            site.end()
        no_sanitizer_report(site)


# -- one rule each --

def test_every_answer_has_the_security_headers(site):
    asked = {
        204: b'OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
        400: b'GET / HTTP/1.1\r\n\r\n',
        404: b'GET /missing/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
        405: b'POST /hello/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
        413: b'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n',
        414: b'GET /' + b'a' * 9000 + b' HTTP/1.1\r\nHost: localhost\r\n\r\n',
        417: b'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nExpect: more\r\n\r\n',
        421: b'GET https://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n',
        431: b'GET / HTTP/1.1\r\nHost: localhost\r\n' + b'A: b\r\n' * 101 + b'\r\n',
        500: b'GET /boom/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
        501: b'TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n',
        505: b'GET / HTTP/2.0\r\nHost: localhost\r\n\r\n',
    }
    for status, request in asked.items():
        wire = site.wire()
        wire.send(request)
        answer = wire.answer()
        assert answer.status == status
        missing = [name for name in NEEDED if answer.header(name) is None]
        assert missing == [], (status, answer)
        assert (answer.header('Content-Type') is None) == (status == 204), answer
        assert b'secret detail' not in answer.body
        assert wire.at_end(), status
        wire.close()


def test_nothing_behind_a_refused_request_is_answered(site):
    for first in (b'GET / HTTP/1.1\r\n\r\n', b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
                  b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdeXX'):
        wire = site.wire()
        wire.send(first + b'GET /token/smuggled/ HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert wire.answer().status == 400
        assert wire.at_end()
        wire.close()


def test_pieces_of_a_pipeline_do_not_wait_for_more_bytes_over_tls(make_site, certificate):
    """Forty requests in one record: OpenSSL holds what epoll does not know of."""
    site = make_site().start(tls=certificate, plain=False)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(('127.0.0.1', site.tls_port), PATIENCE)) as tls:
        tls.settimeout(5)
        tls.sendall(b''.join(b'GET /token/t%d/ HTTP/1.1\r\nHost: localhost\r\nX-Fill: %s\r\n\r\n' % (i, b'f' * 900) for i in range(40)))
        got = b''
        while got.count(b'HTTP/1.1 200') < 40 or not re.search(rb't39 \d+\n$', got):
            more = tls.recv(65536)
            assert more, got
            got += more
    assert [int(n) for n in re.findall(rb'\r\n\r\nt(\d+) ', got)] == list(range(40))


def test_a_peer_that_sends_during_a_stream_burns_no_time(make_site):
    site = make_site(WRITE_TIMEOUT=30).start()
    sock = connect(site.port, 2048)
    sock.sendall(b'GET /stream/1000000/ HTTP/1.1\r\nHost: localhost\r\n\r\n' + b'GET /next HTTP/1.1\r\n')
    pid = site.workers()[0]

    def ticks():
        fields = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(1)
    before = ticks()
    time.sleep(1)
    assert (ticks() - before) / os.sysconf('SC_CLK_TCK') < 0.3
    reset(sock)


@pytest.mark.skipif(os.geteuid() != 0, reason='only root gives files away')
def test_root_gives_away_its_own_log_files_and_nothing_else(make_site):
    site = make_site(ACCESS_LOG='/dev/null')
    victim, log = site.folder / 'victim', site.folder / 'site.log'
    victim.write_text('of root alone\n')
    os.link(victim, site.folder / 'linked.log')
    site.write(LOG_TO=str(log), ACCESS_LOG=str(site.folder / 'linked.log'))
    site.start()
    assert log.stat().st_uid != 0
    assert victim.stat().st_uid == 0
    site.stop()
    site.write(ACCESS_LOG='/dev/null')
    site.start()
    assert os.stat('/dev/null').st_uid == 0


def test_the_access_log_knows_how_long_an_answer_took(make_site):
    site = make_site(LOG_FORMAT='json', ACCESS_LOG='stderr').start()
    assert site.get('/hello/').status == 200
    found = site.wait_log(r'"duration_us":\s?(-?\d+)')
    assert -20_000 <= int(found[1]) < 5_000_000


def test_a_slow_reader_over_tls_gets_every_byte(make_site, certificate):
    """Writes that OpenSSL must be given again, large bodies and small answers in one pipeline."""
    site = make_site().start(tls=certificate, plain=False)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    rnd = random.Random(SEED)
    with context.wrap_socket(connect(site.tls_port, 4096)) as tls:
        tls.settimeout(PATIENCE)
        tls.sendall(b''.join(b'GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n' % path for path in
                             (b'/token/first/', b'/bytes/700000/', b'/stream/3000/', b'/bytes/20000/', b'/token/last/')))
        got = b''
        while not re.search(rb'\r\n\r\nlast \d+\n$', got):
            more = tls.recv(rnd.choice([100, 5000, 65536]))
            assert more, got[-200:]
            got += more
            if rnd.random() < 0.2:
                time.sleep(0.002)
    digits = b'0123456789'
    assert got.count(b'HTTP/1.1 200 OK') == 5
    assert digits * 70000 in got and b'\r\n\r\n' + digits * 2000 + b'HTTP/1.1' in got
    assert [int(n) for n in re.findall(rb'piece (\d+)\n', got)] == list(range(3000, 0, -1))


def test_a_refused_head_request_gets_no_body(site):
    wire = site.wire()
    wire.send(b'HEAD / HTTP/1.1\r\nHost: a b\r\n\r\n')
    answer = wire.answer('HEAD')
    assert answer.status == 400 and wire.at_end()
