"""HTTP/1.1 over a real socket: every case of http1.json, then what only a live connection shows."""

import base64
import json
import re
import socket
import time

import pytest
from conftest import ROOT, Wire

VECTORS = json.loads((ROOT / 'tests/vectors/http/http1.json').read_text())['cases']
SECURITY_HEADERS = ('X-Content-Type-Options', 'Referrer-Policy', 'Cross-Origin-Opener-Policy', 'X-Frame-Options')
GET = b'GET /hello/ HTTP/1.1\r\nHost: localhost\r\n\r\n'


def assert_hardened(answer):
    missing = [name for name in SECURITY_HEADERS if answer.header(name) is None]
    assert not missing, f'{missing} missing in {answer.head!r}'


def assert_echo(want, got):
    """The application saw what the vector says; a Host that HTTP allows and Django does not gets its 400."""
    if want['form'] == 'asterisk':
        assert got.status in (200, 204)
        return
    if got.status == 400 and not re.fullmatch(r'[a-z0-9.-]+(:\d+)?|\[[a-f0-9:.]+\](:\d+)?', want['host'], re.I):
        return
    assert got.status == 200, got
    if want['method'] == 'HEAD':
        return
    if '%0a' in want['path'].lower():  # a line end in the first lines of the echo
        assert got.body.startswith(want['method'].encode() + b'\n') and got.body.endswith(base64.b64decode(want['body_b64']))
        return
    method, path, query, body = got.body.split(b'\n', 3)
    assert method.decode() == want['method']
    if '%' not in want['path']:
        assert path.decode() == want['path']
    assert query.decode('latin-1') == (want['query'] or '')
    assert body == base64.b64decode(want['body_b64'])


@pytest.mark.parametrize('case', VECTORS, ids=[c['id'] for c in VECTORS])
def test_vector(site, case):
    raw, verdict = base64.b64decode(case['bytes_b64']), case['verdict']
    end = verdict['end']
    wire = site.wire()
    try:
        try:
            if case.get('split') == 'every-byte':
                wire.send_bytewise(raw)
            else:
                wire.send(raw)
            if end['action'] == 'incomplete':
                wire.sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before the last byte was sent
        for want in verdict['requests']:
            got = wire.answer(want['method'])
            assert got is not None, f'no answer to {want}'
            assert_echo(want, got)
        if end['action'] == 'open':
            wire.send(GET)
            assert wire.answer().status == 200
        elif end['action'] == 'reject':
            refusal = wire.answer()
            assert refusal is not None and refusal.status == end['status'], refusal
            assert refusal.header('Connection') == 'close'
            assert_hardened(refusal)
            assert wire.at_end()
        elif end['action'] == 'close':
            assert wire.at_end()
        else:
            assert end['action'] == 'incomplete'
            last = wire.answer()
            assert last is None or last.status in (400, 408), last
            assert wire.at_end()
    finally:
        wire.close()


def test_pipelined_answers_come_in_order(site):
    wire = site.wire()
    wire.send(b''.join(b'GET /token/t%d/ HTTP/1.1\r\nHost: localhost\r\n\r\n' % i for i in range(200)))
    for i in range(200):
        assert wire.answer().body.startswith(b't%d ' % i)
    wire.close()


def test_pipelined_large_answers_reach_a_slow_reader(site):
    wire = site.wire()
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sizes = [0, 1, 100000, 3, 700000, 65536, 2]
    wire.send(b''.join(b'GET /bytes/%d/ HTTP/1.1\r\nHost: localhost\r\n\r\n' % n for n in sizes))
    time.sleep(0.3)
    for n in sizes:
        assert wire.answer().body == (b'0123456789' * (n // 10 + 1))[:n]
    wire.close()


def test_a_large_answer_is_complete(site):
    n = 20_000_003
    assert site.get(f'/bytes/{n}/').body == (b'0123456789' * (n // 10 + 1))[:n]


def test_head_has_the_headers_of_get_and_no_body(site):
    get, head = site.get('/bytes/5000/'), site.get('/bytes/5000/', method='HEAD')

    def kept(answer):
        return [(n, re.sub(r"'nonce-[^']*'", '', v)) for n, v in answer.fields if n != 'Date']
    assert head.body == b'' and kept(head) == kept(get)
    wire = site.wire()
    wire.send(b'HEAD /bytes/5000/ HTTP/1.1\r\nHost: localhost\r\n\r\n' + GET)
    assert wire.answer('HEAD').status == 200
    assert wire.answer().status == 200
    wire.close()


def test_http10_closes_unless_asked_to_stay(site):
    wire = site.wire()
    wire.send(b'GET /hello/ HTTP/1.0\r\nHost: localhost\r\n\r\n')
    assert wire.answer().status == 200
    assert wire.at_end()
    wire.close()


def test_connection_close_is_kept(site):
    wire = site.wire()
    wire.send(GET.replace(b'\r\n\r\n', b'\r\nConnection: close\r\n\r\n') + GET)
    answer = wire.answer()
    assert answer.status == 200 and answer.header('Connection') == 'close'
    assert wire.at_end()
    wire.close()


def test_a_stream_is_chunked_in_11_and_ends_by_close_in_10(site):
    want = b''.join(b'piece %d\n' % i for i in range(1000, 0, -1))
    answer = site.get('/stream/1000/')
    assert answer.header('Transfer-Encoding') == 'chunked' and answer.body == want
    wire = site.wire()
    wire.send(b'GET /stream/1000/ HTTP/1.0\r\nHost: localhost\r\n\r\n')
    answer = wire.answer()
    assert answer.header('Transfer-Encoding') is None and answer.body == want
    wire.close()


def test_100_continue_comes_before_the_body(site):
    wire = site.wire()
    wire.send(b'POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n')
    assert wire.answer(skip_continue=False).status == 100
    wire.send(b'hello')
    assert wire.answer().body == b'POST\n/a\n\nhello'
    wire.close()


def test_no_100_continue_for_a_body_that_is_too_large(site):
    wire = site.wire()
    wire.send(b'POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n')
    assert wire.answer(skip_continue=False).status == 413
    assert wire.at_end()
    wire.close()


def test_a_body_at_the_limit_arrives_whole(site):
    body = bytes(range(256)) * 4096
    assert site.get('/a', method='POST', body=body).body == b'POST\n/a\n\n' + body


def test_a_client_that_sends_on_after_a_refusal_still_reads_it(site):
    wire = site.wire()
    wire.send(b'POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n')
    try:
        for _ in range(3):
            wire.send(b'x' * 16384)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert wire.answer().status == 413
    wire.close()


@pytest.mark.parametrize('raw, status', [
    (b'GET /' + b'a' * 9000 + b' HTTP/1.1\r\nHost: localhost\r\n\r\n', 414),
    (b'GET / HTTP/1.1\r\nHost: localhost\r\nX: ' + b'a' * 9000 + b'\r\n\r\n', 431),
    (b'GET / HTTP/1.1\r\nHost: localhost\r\n' + b'X: a\r\n' * 101 + b'\r\n', 431),
    (b'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999999999999999\r\n\r\n', 413),
    (b'BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n', 501),
    (b'GET / HTTP/2.0\r\nHost: localhost\r\n\r\n', 505),
    (b'GET / HTTP/1.1\r\nHost: localhost\r\nExpect: a miracle\r\n\r\n', 417),
    (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400),
], ids=['target', 'field', 'fields', 'body', 'method', 'version', 'expect', 'tls'])
def test_a_refusal_is_hardened_closes_and_shows_nothing(site, raw, status):
    wire = site.wire()
    wire.send(raw)
    answer = wire.answer()
    assert answer.status == status
    assert_hardened(answer)
    assert b'aaaa' not in answer.body
    assert wire.at_end()
    wire.close()


@pytest.mark.parametrize('path, status', [('/hello/', 200), ('/missing/', 404), ('/boom/', 500)])
def test_every_answer_is_hardened(site, path, status):
    answer = site.get(path)
    assert answer.status == status and b'secret detail' not in answer.body
    assert_hardened(answer)
    assert answer.header('Date') and 'Content-Security-Policy' in answer.head.decode()


def test_an_error_is_logged_and_not_told(site):
    before = len(site.log())
    site.get('/boom/')
    deadline = time.monotonic() + 5
    while 'secret detail' not in site.log()[before:] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert 'secret detail' in site.log()[before:]


def test_nonces_are_fresh(site):
    answers = [site.get('/hello/') for _ in range(20)]
    seen = {re.search(r"'nonce-([^']+)'", a.header('Content-Security-Policy'))[1] for a in answers}
    assert len(seen) == 20
    assert seen == {re.search(r'nonce="([^"]+)"', a.body.decode())[1] for a in answers}


def test_a_path_cannot_forge_a_log_line(site):
    site.get('/missing/?x=%0d%0aFORGED')
    site.get('/boom/%0d%0aFORGED%1b[31m')
    assert not re.search(r'^FORGED', site.log(), re.M)
    assert '\x1b[31m' not in site.log()


def test_a_late_head_gets_408_and_an_idle_connection_is_closed(make_site):
    site = make_site(HEAD_TIMEOUT=1, KEEPALIVE_TIMEOUT=1).start()
    slow, idle, kept = site.wire(), site.wire(), site.wire()
    slow.send(b'GET / HTTP/1.1\r\nHo')
    kept.send(GET)
    assert kept.answer().status == 200
    assert slow.answer().status == 408
    assert slow.at_end()
    assert idle.at_end()
    assert kept.at_end()


def test_a_byte_now_and_then_does_not_help(make_site):
    site = make_site(HEAD_TIMEOUT=2).start()
    wire = site.wire()
    started = time.monotonic()
    answer = None
    for byte in GET.replace(b'\r\n\r\n', b'\r\nX: ' + b'a' * 60):
        try:
            wire.send(bytes([byte]))
        except OSError:
            break
        wire.sock.settimeout(0.4)
        try:
            answer = wire.answer()
            break
        except socket.timeout:
            continue
    assert answer is not None and answer.status == 408
    assert time.monotonic() - started >= 1.5


def test_a_connection_ends_after_its_requests(make_site):
    site = make_site(MAX_REQUESTS_PER_CONNECTION=3).start()
    wire = site.wire()
    wire.send(GET * 5)
    assert [wire.answer().header('Connection') for _ in range(3)][2] == 'close'
    assert wire.at_end()


def test_an_address_has_so_many_connections(make_site):
    site = make_site(MAX_CONNECTIONS_PER_ADDRESS=5).start()
    time.sleep(0.3)  # the connection that saw the site listen is gone
    held = [site.wire() for _ in range(5)]
    for wire in held:
        wire.send(GET)
        assert wire.answer().status == 200
    extra = site.wire()
    try:
        extra.send(GET)
        answer = extra.answer()
    except OSError:
        answer = None
    assert answer is None or answer.status == 503
    held.pop().close()

    def served():
        wire = site.wire()
        try:
            wire.send(GET)
            again = wire.answer()
            return again is not None and again.status == 200
        except OSError:
            return False
        finally:
            wire.close()
    deadline = time.monotonic() + 10
    while not served():
        assert time.monotonic() < deadline, 'the closed connection still counts'
        time.sleep(0.05)


def test_a_client_that_goes_away_hurts_nobody(site):
    for _ in range(50):
        wire = site.wire()
        wire.send(b'GET /bytes/20000000/ HTTP/1.1\r\nHost: localhost\r\n\r\n')
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\x01\x00\x00\x00\x00\x00\x00\x00')
        wire.close()
    assert site.get('/hello/').status == 200


def test_runserver_serves_the_same(make_site):
    site = make_site(DEBUG=True).start(command='runserver')
    answer = site.get('/hello/')
    assert answer.status == 200
    assert_hardened(answer)
    assert isinstance(site.wire(), Wire)
