"""Compression and conditional requests on the wire: what Python's gzip makes of it, chunked and whole, and 304."""

import gzip
import re

import pytest
from conftest import MIDDLEWARE

LAYERS = [MIDDLEWARE[0], 'django.middleware.gzip.GZipMiddleware', 'django.middleware.http.ConditionalGetMiddleware', *MIDDLEWARE[1:]]


@pytest.fixture
def zipped(make_site):
    return make_site(MIDDLEWARE=LAYERS).start()


def ask(wire, path, method='GET', **headers):
    lines = ''.join(f'{name.replace("_", "-")}: {value}\r\n' for name, value in headers.items())
    wire.send(f'{method} {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n'.encode())
    return wire.answer(method)


def test_whole_bodies_are_compressed(zipped):
    wire = zipped.wire()
    lengths = set()
    for n in (200, 5000, 100000, 3000000, *[5000] * 20):
        answer = ask(wire, f'/bytes/{n}/', Accept_Encoding='gzip')
        assert answer.header('Content-Encoding') == 'gzip' and answer.header('Vary') == 'Accept-Encoding'
        assert int(answer.header('Content-Length')) == len(answer.body) < n
        assert gzip.decompress(answer.body) == (b'0123456789' * (n // 10))
        if n == 5000:
            lengths.add(len(answer.body))
    assert len(lengths) > 3  # blurred
    wire.close()


def test_streams_are_compressed(zipped):
    wire = zipped.wire()
    for n in (0, 1, 3, 500):
        answer = ask(wire, f'/stream/{n}/', Accept_Encoding='br, gzip')
        assert answer.header('Content-Encoding') == 'gzip' and answer.header('Content-Length') is None
        assert gzip.decompress(answer.body) == b''.join(b'piece %d\n' % i for i in range(n, 0, -1))
    wire.close()


def test_refused_and_unknown_encodings_get_the_plain_body(zipped):
    wire = zipped.wire()
    for accept in ('gzip;q=0', 'br', '*', 'GZIP'):
        answer = ask(wire, '/bytes/1000/', Accept_Encoding=accept)
        assert answer.header('Content-Encoding') is None and answer.header('Vary') == 'Accept-Encoding'
        assert answer.body == b'0123456789' * 100
    wire.close()


def test_what_the_client_has_is_not_sent_again(zipped):
    wire = zipped.wire()
    first = ask(wire, '/bytes/5000/', Accept_Encoding='gzip')
    tag = first.header('ETag')
    assert re.fullmatch(r'W/"[0-9a-f]{32}"', tag)
    again = ask(wire, '/bytes/5000/', Accept_Encoding='gzip', If_None_Match=tag)
    assert again.status == 304 and again.body == b'' and again.header('Content-Type') is None
    assert again.header('X-Content-Type-Options') == 'nosniff'
    assert ask(wire, '/bytes/5001/', If_None_Match=tag).status == 200
    assert ask(wire, '/bytes/5000/', If_Match='"other"').status == 412
    head = ask(wire, '/bytes/5000/', method='HEAD', Accept_Encoding='gzip')
    assert head.status == 200 and head.header('Content-Encoding') == 'gzip'
    wire.close()
