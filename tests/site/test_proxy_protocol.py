"""PROXY protocol, version 2, before plain requests and before TLS: the log names the client, forwarding headers are the client's."""

import json
import socket
import ssl
import struct

import pytest
from conftest import PATIENCE, wait_for, Wire

SIGNATURE = b'\r\n\r\n\0\r\nQUIT\n'
HTTPS = ('HTTP_X_FORWARDED_PROTO', 'https')


def header(source, records=b''):
    family = socket.AF_INET6 if ':' in source else socket.AF_INET
    kind, here = (0x21, '2001:db8::1') if ':' in source else (0x11, '192.0.2.1')
    rest = socket.inet_pton(family, source) + socket.inet_pton(family, here) + struct.pack('>HH', 40000, 443) + records
    return SIGNATURE + bytes([0x21, kind]) + struct.pack('>H', len(rest)) + rest


@pytest.fixture
def proxied(make_site, certificate):
    site = make_site(PROXY_PROTOCOL=True, TRUSTED_PROXIES=['127.0.0.0/8'], SECURE_PROXY_SSL_HEADER=HTTPS, ACCESS_LOG='stderr',
                     LOG_FORMAT='json', SECURE_SSL_REDIRECT=True)
    return site


def ask(sock, path, *fields):
    """None: the connection was closed, or cut (what was sent behind a refused header is not read any more)."""
    wire = Wire(sock)
    try:
        wire.send(f'GET {path} HTTP/1.1\r\nHost: example.com\r\n{"".join(f + chr(13) + chr(10) for f in fields)}\r\n'.encode())
        return wire.answer()
    except (BrokenPipeError, ConnectionResetError):
        return None


def connect(port, begin):
    sock = socket.create_connection(('127.0.0.1', port), PATIENCE)
    sock.sendall(begin)
    return sock


def client_of(site, path):
    def found():
        for line in site.log().splitlines():
            if line.startswith('{') and json.loads(line).get('target') == path:
                return json.loads(line)
        return None
    return wait_for(f'{path} in the log', found)['client']


def test_plain(proxied):
    site = proxied.start()
    answer = ask(connect(site.port, header('198.51.100.9', b'\x04\x00\x02hi')), '/token/plain/')
    assert answer.status == 301  # SECURE_SSL_REDIRECT: it is plain HTTP
    assert client_of(site, '/token/plain/') == '198.51.100.9'
    # The client says so, not the proxy: not believed.
    answer = ask(connect(site.port, header('2001:db8::5')), '/token/forged/', 'X-Forwarded-Proto: https')
    assert answer.status == 301
    assert client_of(site, '/token/forged/') == '2001:db8::5'
    # A proxy before the proxy is.
    answer = ask(connect(site.port, header('127.0.0.2')), '/token/chain/', 'X-Forwarded-Proto: https')
    assert answer.status == 200
    # No header, or the text of version 1.
    for begin in (b'', b'PROXY TCP4 198.51.100.9 192.0.2.1 40000 443\r\n'):
        assert ask(connect(site.port, begin), '/token/none/') is None
    site.wait_log('proxy-header')


def test_tls(proxied, certificate):
    site = proxied.start(tls=certificate, plain=False)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for source in ('198.51.100.10', '2001:db8::6'):
        sock = connect(site.tls_port, header(source))
        answer = ask(context.wrap_socket(sock), f'/token/tls{len(source)}/')
        assert answer.status == 200
        assert client_of(site, f'/token/tls{len(source)}/') == source
    with pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(connect(site.tls_port, b''))


def test_nobody_else(make_site):
    site = make_site(PROXY_PROTOCOL=True, TRUSTED_PROXIES=['192.0.2.1']).start()
    assert ask(connect(site.port, header('198.51.100.9')), '/token/x/') is None
    site.wait_log('not-a-trusted-proxy')
    site.stop()
    done = make_site(PROXY_PROTOCOL=True, TRUSTED_PROXIES=[]).run('serve', '--bind', '127.0.0.1:0')
    assert done.returncode != 0 and 'TRUSTED_PROXIES' in done.stderr
