"""Real peers: curl, http.client, and nginx, h2o and HAProxy in front, on TCP and on a Unix socket."""

import contextlib
import http.client
import re
import socket
import ssl
import subprocess
import threading
import zlib

import pytest
from conftest import MIDDLEWARE, PATIENCE, SANITIZED, Site, Wire, make_certificate, new_folder, no_sanitizer_report, status_of
from proxies import HOST, PROXIES, HaproxyOfBytes, Tap

CONDITIONAL = 'django.middleware.http.ConditionalGetMiddleware'
UPLOAD = 20 * 1024 * 1024
BODY_MAX = 64 * 1024 * 1024
SETTINGS = {
    'ALLOWED_HOSTS': [HOST],
    'MIDDLEWARE': MIDDLEWARE + [CONDITIONAL],
    'MAX_REQUEST_BODY': BODY_MAX,
    'SECURE_PROXY_SSL_HEADER': ('HTTP_X_FORWARDED_PROTO', 'https'),
    'STATIC_URL': '/static/',
}


class Peer:
    """A site on both kinds of sockets, and where a test's client connects: to the site or to a proxy in front."""

    def __init__(self, site, path, port, proxy=None, certificate=None):
        self.site, self.path, self.port, self.proxy, self.certificate = site, path, port, proxy, certificate
        self.tls = certificate is not None
        self.url = f'{"https" if self.tls else "http"}://{HOST}:{port}'

    def connection(self):
        if not self.tls:
            return http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        context = ssl.create_default_context(cafile=self.certificate[0])
        context.check_hostname = False
        return http.client.HTTPSConnection('127.0.0.1', self.port, timeout=PATIENCE, context=context)

    def curl(self, *args, path='/', data=None):
        """(exit status, output, the last head as text)"""
        trust = ['--cacert', str(self.certificate[0])] if self.tls else []
        with new_folder() as folder:
            head = folder / 'head'
            done = subprocess.run(['curl', '-sS', '--http1.1', '--max-time', str(PATIENCE), '--resolve', f'{HOST}:{self.port}:127.0.0.1',
                                   *trust, '-D', str(head), *map(str, args), self.url + path], input=data, capture_output=True)
            text = head.read_text().replace('\r', '') if head.exists() else ''
        return done.returncode, done.stdout, text.strip().split('\n\n')[-1]


@contextlib.contextmanager
def running_site(**settings):
    """(site, path of its Unix socket); one file of static/, three.bin, has 300,000 bytes."""
    with new_folder() as folder:
        static = folder / 'static'
        static.mkdir()
        (static / 'three.bin').write_bytes(random_bytes(300000))
        site = Site(folder, 'tests/site/peersite', **{**SETTINGS, 'STATIC_ROOT': str(static), **settings})
        path = folder / 'site.sock'
        try:
            yield site.start('--bind', f'unix:{path}'), path
        finally:
            site.end()
        no_sanitizer_report(site)


@contextlib.contextmanager
def running_proxy(kind, upstream, certificate=None, **extra):
    with new_folder() as folder:
        proxy = PROXIES[kind](folder, upstream, certificate, **extra)
        try:
            yield proxy.start()
        finally:
            proxy.end()


BODY_OPTION = {'nginx': {'body': '64m'}, 'h2o': {'body': BODY_MAX}, 'haproxy': {}}
FRONTS = ['direct', *(f'{kind}-{how}' for kind in PROXIES for how in ('tcp', 'unix'))]


@pytest.fixture(scope='module')
def one_site():
    with running_site() as pair:
        yield pair


@pytest.fixture(scope='module', params=FRONTS)
def peer(request, one_site, certificate):
    """The same site, reached directly, and through each proxy on each kind of socket; the proxies speak TLS to their clients."""
    site, path = one_site
    if request.param == 'direct':
        yield Peer(site, path, site.port)
        return
    kind, how = request.param.split('-')
    with running_proxy(kind, site.port if how == 'tcp' else path, certificate, **BODY_OPTION[kind]) as proxy:
        yield Peer(site, path, proxy.port, proxy, certificate)


@pytest.fixture(scope='module')
def certificate():
    with new_folder() as folder:
        yield make_certificate(folder, HOST)


def ask(connection, method, path, body=None, **fields):
    """(answer, body) on a connection that stays open."""
    headers = {'Host': HOST, **{name.replace('_', '-'): value for name, value in fields.items()}}
    connection.request(method, path, body, headers, encode_chunked='Transfer-Encoding' in headers)
    answer = connection.getresponse()
    return answer, answer.read()


def about(body):
    return dict(line.split(': ', 1) if ': ' in line else (line.rstrip(':'), '') for line in body.decode().splitlines())


def sum_of(data):
    return f'{len(data)} {zlib.crc32(data):08x}'


def random_bytes(count):
    block = bytes((i * 7919 >> 3) & 255 for i in range(65536))
    return (block * (count // len(block) + 1))[:count]


# -- with http.client --

def test_get_head_and_post_on_one_connection(peer):
    connection = peer.connection()
    ports = set()
    for i in range(20):
        answer, body = ask(connection, 'GET', f'/token/t{i}/')
        assert (answer.status, body) == (200, f't{i}\n'.encode())
        ports.add(connection.sock.getsockname()[1])
        answer, body = ask(connection, 'HEAD', '/bytes/5000/')
        assert (answer.status, body, answer.getheader('Content-Length')) == (200, b'', '5000')
        answer, body = ask(connection, 'POST', '/count/', b'note=a+b&x=1', Content_Type='application/x-www-form-urlencoded')
        assert (answer.status, body.decode()) == (200, f'{sum_of(b"note=a+b&x=1")} a b\n')
        answer, body = ask(connection, 'GET', f'/missing/?q={i}')
        assert (answer.status, body) == (200, f'GET\n/missing/\nq={i}\n'.encode())
    assert len(ports) == 1, 'the connection of the client was not kept open'


def test_a_streamed_answer(peer):
    connection = peer.connection()
    for count in (0, 1, 5000):
        answer, body = ask(connection, 'GET', f'/stream/{count}/')
        assert answer.status == 200
        assert body.decode() == ''.join(f'piece {i}\n' for i in range(count, 0, -1))
        if count:
            assert answer.getheader('Content-Length') is None and answer.getheader('Transfer-Encoding') == 'chunked'
    answer, body = ask(connection, 'HEAD', '/stream/5000/')
    assert (answer.status, body) == (200, b'')
    assert ask(connection, 'GET', '/token/after/')[1] == b'after\n'


def test_a_chunked_request(peer):
    connection = peer.connection()
    pieces = [b'x', b'y' * 100000, b'note=1', random_bytes(300000)]
    for _ in range(3):
        answer, body = ask(connection, 'POST', '/count/', iter(pieces), Transfer_Encoding='chunked', Content_Type='text/plain')
        assert (answer.status, body.decode()) == (200, sum_of(b''.join(pieces)) + ' \n')


def test_not_modified(peer):
    connection = peer.connection()
    answer, body = ask(connection, 'GET', '/bytes/3000/')
    tag = answer.getheader('ETag')
    assert tag and len(body) == 3000
    for method in ('GET', 'GET'):
        answer, body = ask(connection, method, '/bytes/3000/', If_None_Match=tag)
        assert (answer.status, body, answer.getheader('ETag')) == (304, b'', tag)
        assert answer.getheader('Content-Type') is None
    answer, body = ask(connection, 'GET', '/bytes/3000/', If_None_Match='"other"')
    assert (answer.status, len(body)) == (200, 3000)


def test_a_large_answer(peer):
    connection = peer.connection()
    answer, body = ask(connection, 'GET', '/bytes/30000000/')
    assert answer.status == 200 and body == b'0123456789' * 3000000


def test_a_static_file_its_ranges_and_validators(peer):
    connection, content = peer.connection(), random_bytes(300000)
    answer, body = ask(connection, 'GET', '/static/three.bin')
    tag, date = answer.getheader('ETag'), answer.getheader('Last-Modified')
    assert (answer.status, body, answer.getheader('Accept-Ranges')) == (200, content, 'bytes') and tag and date
    answer, body = ask(connection, 'HEAD', '/static/three.bin')
    assert (answer.status, body, answer.getheader('Content-Length'), answer.getheader('ETag')) == (200, b'', '300000', tag)
    for asked, want in (('0-0', slice(0, 1)), ('100-199999', slice(100, 200000)), ('299999-', slice(299999, None)),
                        ('-5000', slice(-5000, None)), ('0-400000', slice(None))):
        answer, body = ask(connection, 'GET', '/static/three.bin', Range=f'bytes={asked}')
        first = want.indices(300000)[0]
        assert (answer.status, body) == (206, content[want]), asked
        assert answer.getheader('Content-Range') == f'bytes {first}-{first + len(body) - 1}/300000', asked
    answer, _ = ask(connection, 'GET', '/static/three.bin', Range='bytes=300000-')
    assert (answer.status, answer.getheader('Content-Range')) == (416, 'bytes */300000')
    answer, body = ask(connection, 'GET', '/static/three.bin', Range='bytes=0-9', If_Range=tag)
    assert (answer.status, body) == (206, content[:10])
    answer, body = ask(connection, 'GET', '/static/three.bin', Range='bytes=0-9', If_Range='"old"')
    assert (answer.status, body) == (200, content)
    for fields in ({'If_None_Match': tag}, {'If_Modified_Since': date}, {'If_None_Match': f'"x", W/{tag}'}):
        answer, body = ask(connection, 'GET', '/static/three.bin', **fields)
        assert (answer.status, body, answer.getheader('ETag')) == (304, b'', tag), fields
    assert ask(connection, 'GET', '/static/other.bin')[0].status == 404
    assert ask(connection, 'POST', '/static/three.bin')[0].status == 405


def test_curl_resumes_a_download(peer):
    content = random_bytes(300000)
    with new_folder() as folder:
        part = folder / 'part'
        part.write_bytes(content[:123456])
        status, _, head = peer.curl('-C', '-', '-o', part, path='/static/three.bin')
        assert status == 0 and ' 206 ' in head and part.read_bytes() == content


def multipart(fields, name, content):
    boundary = 'aBoundary7MA4YWxkTrZu0gW'
    head = b''.join(f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields)
    head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    return f'multipart/form-data; boundary={boundary}', head + content + f'\r\n--{boundary}--\r\n'.encode()


def test_an_upload(peer):
    content = random_bytes(UPLOAD)
    kind, body = multipart([('note', 'the note')], 'a.bin', content)
    answer, said = ask(peer.connection(), 'POST', '/count/', body, Content_Type=kind)
    assert (answer.status, said.decode()) == (200, sum_of(content) + ' the note\n')


# -- with curl --

def test_curl_gets_heads_and_posts(peer):
    status, body, head = peer.curl(path='/token/curl/')
    assert (status, body) == (0, b'curl\n') and ' 200 ' in head
    status, body, head = peer.curl('-I', path='/bytes/77/')
    assert status == 0 and re.search('(?mi)^content-length: 77$', head)
    status, body, head = peer.curl('--data-urlencode', 'note=é & co', path='/count/')
    assert status == 0 and body.decode().endswith(' é & co\n')
    status, body, head = peer.curl('-T', '-', '-H', 'Expect: 100-continue', path='/count/', data=b'z' * 200000)
    assert status == 0 and body.decode() == sum_of(b'z' * 200000) + ' \n'


def test_curl_uploads_a_file(peer):
    content = random_bytes(UPLOAD + 1)
    with new_folder() as folder:
        file = folder / 'large.bin'
        file.write_bytes(content)
        status, body, head = peer.curl('-F', 'note=hello', '-F', f'file=@{file}', path='/count/')
        assert (status, body.decode()) == (0, sum_of(content) + ' hello\n')
        status, body, head = peer.curl('--data-binary', f'@{file}', '-H', 'Content-Type: application/octet-stream',
                                       '-H', 'Transfer-Encoding: chunked', path='/count/')
        assert (status, body.decode()) == (0, sum_of(content) + ' \n')


def test_curl_reuses_its_connection(peer):
    status, body, _ = peer.curl('-w', '%{num_connects} ', f'{peer.url}/token/a/', f'{peer.url}/token/b/', path='/token/c/')
    assert status == 0 and body == b'a\n1 b\n0 c\n0 '


@pytest.mark.parametrize('kind', ['direct', *PROXIES])
def test_an_upload_of_200_mb_stays_out_of_memory(kind, tmp_path):
    """The largest that the worker ever was; a sanitizer's own memory means nothing."""
    size = (20 if SANITIZED else 200) * 1024 * 1024
    content = random_bytes(size)
    file = tmp_path / 'large.bin'
    file.write_bytes(content)
    limit = size + 65536
    with running_site(MAX_REQUEST_BODY=limit) as (site, path), contextlib.ExitStack() as stack:
        port = site.port
        if kind != 'direct':
            extra = {} if kind == 'haproxy' else {'body': limit}  # which has no limit of its own
            port = stack.enter_context(running_proxy(kind, path, **extra)).port
        peer = Peer(site, path, port)
        status, said, _ = peer.curl('--max-time', 10 * PATIENCE, '-F', f'file=@{file}', '-F', 'note=n', path='/count/')
        assert (status, said.decode()) == (0, sum_of(content) + ' n\n')
        highest = int(status_of(site.workers()[0])['VmHWM'].split()[0])
        print(f'{kind}: VmHWM {highest} KiB after an upload of {size >> 20} MiB')
        assert SANITIZED or highest < 16 * 1024


# -- what a proxy says of its client --

def test_a_proxy_says_who_asked_how(peer):
    told = {'X_Forwarded_For': '6.6.6.6', 'X_Forwarded_Host': 'evil.example', 'X_Forwarded_Port': '99', 'X_Real_IP': '6.6.6.6',
            'Forwarded': 'for=6.6.6.6;proto=https'}
    answer, body = ask(peer.connection(), 'GET', '/about/', **told)
    seen = about(body)
    assert answer.status == 200 and seen['host'] == HOST
    if peer.proxy is None:
        assert seen['secure'] == '0' and seen['client'] == '127.0.0.1'
        return
    assert seen['secure'] == '1' and seen['uri'] == f'https://{HOST}/about/'
    assert seen['client'] == ('' if str(peer.proxy.upstream).endswith('sock') else '127.0.0.1')
    assert {'X-Forwarded-Host', 'X-Forwarded-Port', 'X-Real-IP', 'Forwarded'} & set(seen) == set(), seen
    assert seen['X-Forwarded-Proto'] == 'https' and seen['X-Forwarded-For'].split(', ')[-1] == '127.0.0.1'


# -- errors --

def test_a_body_over_the_limit(peer):
    """The proxy's own limit is the same: either says it, and the client need not have sent it all."""
    connection = peer.connection()
    connection.putrequest('POST', '/count/', skip_host=True)
    connection.putheader('Host', HOST)
    connection.putheader('Content-Length', str(BODY_MAX + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413 and (peer.proxy is not None or answer.getheader('Connection') == 'close')
    assert ask(peer.connection(), 'GET', '/token/after/')[1] == b'after\n'


def test_a_body_over_the_limit_of_the_site_alone():
    """The proxy has passed on what the site refuses: its client gets the site's answer. (The site reads 64 KiB more, and then closes.)"""
    with running_site(MAX_REQUEST_BODY=10000) as (site, path):
        for kind in PROXIES:
            with running_proxy(kind, path) as proxy:
                peer = Peer(site, path, proxy.port, proxy)
                answer, _ = ask(peer.connection(), 'POST', '/count/', b'x' * 20000)
                assert answer.status == 413, kind
                answer, _ = ask(peer.connection(), 'POST', '/count/', iter([b'x' * 9999, b'y' * 9999]), Transfer_Encoding='chunked')
                assert answer.status == 413, kind
                assert ask(peer.connection(), 'GET', '/token/after/')[1] == b'after\n'


def test_a_head_over_the_limits(peer):
    """A long line passes none of them; the proxies count lines as they like, and what they let pass the site refuses."""
    answer, _ = ask(peer.connection(), 'GET', '/token/a/', X_Long='x' * 9000)
    assert answer.status in (400, 431)
    answer, _ = ask(peer.connection(), 'GET', '/token/a/', **{f'X_Many_{i}': 'v' for i in range(130)})
    assert answer.status in (400, 431)
    if peer.proxy is None or peer.proxy.name == 'nginx':
        assert answer.status == 431
    assert ask(peer.connection(), 'GET', '/token/after/')[1] == b'after\n'


def test_a_body_that_stalls_gets_408_through_a_proxy_that_does_not_buffer(one_site):
    """The site's own clock: 10 seconds of grace, then 1 KiB a second."""
    site, path = one_site
    got = {}

    def stall(name, port):
        with socket.create_connection(('127.0.0.1', port), PATIENCE) as sock:
            sock.settimeout(3 * PATIENCE)
            sock.sendall(f'POST /count/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\nabc'.encode())
            wire = Wire(sock)
            sock.settimeout(3 * PATIENCE)
            got[name] = wire.answer()

    with running_proxy('haproxy', path) as haproxy, running_proxy('nginx', path, location='proxy_request_buffering off;') as nginx:
        stalls = [threading.Thread(target=stall, args=pair) for pair in
                  [('direct', site.port), ('haproxy', haproxy.port), ('nginx', nginx.port)]]
        for thread in stalls:
            thread.start()
        for thread in stalls:
            thread.join(4 * PATIENCE)
    assert {name: answer.status for name, answer in got.items()} == {'direct': 408, 'haproxy': 408, 'nginx': 408}


# -- whom to believe --

def test_a_client_beside_the_proxy_is_not_believed(certificate):
    """Trusted is the Unix socket alone: what comes by TCP says what it likes, and nothing of it is seen."""
    with running_site(TRUSTED_PROXIES=['unix'], USE_X_FORWARDED_HOST=True, USE_X_FORWARDED_PORT=True) as (site, path):
        lies = {'X_Forwarded_Proto': 'https', 'X_Forwarded_For': '6.6.6.6', 'X_Forwarded_Host': 'evil.example', 'X_Forwarded_Port': '99',
                'X_Real_IP': '6.6.6.6', 'Forwarded': 'for=6.6.6.6', 'X_Forwarded_Anything': 'x'}
        answer, body = ask(Peer(site, path, site.port).connection(), 'GET', '/about/', **lies)
        assert answer.status == 200
        assert about(body) == {'secure': '0', 'host': HOST, 'port': str(site.port), 'client': '127.0.0.1', 'uri': f'http://{HOST}/about/'}
        assert answer.getheader('Strict-Transport-Security') is None
        for kind in PROXIES:
            with running_proxy(kind, path, certificate) as proxy:
                answer, body = ask(Peer(site, path, proxy.port, proxy, certificate).connection(), 'GET', '/about/', **lies)
                assert about(body)['secure'] == '1' and about(body)['host'] == HOST, kind


def test_a_network_of_proxies_is_believed_and_its_neighbour_is_not():
    with running_site(TRUSTED_PROXIES=['127.0.0.8/30']) as (site, path):
        for source, trusted in (('127.0.0.7', '0'), ('127.0.0.8', '1'), ('127.0.0.11', '1'), ('127.0.0.12', '0'), ('127.0.0.1', '0')):
            connection = http.client.HTTPConnection('127.0.0.1', site.port, PATIENCE, source_address=(source, 0))
            _, body = ask(connection, 'GET', '/about/', X_Forwarded_Proto='https')
            assert about(body)['secure'] == trusted, source


@pytest.mark.parametrize('kind', PROXIES)
def test_a_site_that_redirects_to_https_does_not_loop_behind_tls(kind, certificate):
    with running_site(SECURE_SSL_REDIRECT=True, SECURE_HSTS_SECONDS=3600) as (site, path):
        with running_proxy(kind, path, certificate) as proxy:
            answer, body = ask(Peer(site, path, proxy.port, proxy, certificate).connection(), 'GET', '/token/a/')
        assert (answer.status, body) == (200, b'a\n') and answer.getheader('Strict-Transport-Security') == 'max-age=3600'
        answer, _ = ask(Peer(site, path, site.port).connection(), 'GET', '/token/a/')
        assert (answer.status, answer.getheader('Location')) == (301, f'https://{HOST}/token/a/')


@pytest.mark.parametrize('how', ['tcp', 'unix', 'tls'])
def test_haproxy_tells_the_address_by_the_proxy_protocol(how, certificate):
    """It passes bytes on, TLS too. The client is known, and what it claims of itself is not believed."""
    with new_folder() as folder, contextlib.ExitStack() as stack:
        site = Site(folder, 'tests/site/peersite', **{**SETTINGS, 'PROXY_PROTOCOL': True, 'TRUSTED_PROXIES': ['127.0.0.1', 'unix']})
        stack.callback(no_sanitizer_report, site)
        stack.callback(site.end)
        path = folder / 'site.sock'
        site.start('--bind', f'unix:{path}', tls=certificate if how == 'tls' else None)
        proxy = HaproxyOfBytes(folder, {'tcp': site.port, 'unix': path, 'tls': site.tls_port}[how])
        stack.callback(proxy.end)
        proxy.start()
        options = {'timeout': PATIENCE, 'source_address': ('127.0.0.9', 0)}
        if how == 'tls':
            context = ssl.create_default_context(cafile=certificate[0])
            context.check_hostname = False
            connection = http.client.HTTPSConnection('127.0.0.1', proxy.port, context=context, **options)
        else:
            connection = http.client.HTTPConnection('127.0.0.1', proxy.port, **options)
        for _ in range(3):
            answer, body = ask(connection, 'GET', '/about/', X_Forwarded_Proto='https', X_Forwarded_For='6.6.6.6')
            seen = about(body)
            assert (answer.status, seen['client'], seen['secure']) == (200, '127.0.0.9', '1' if how == 'tls' else '0')
            assert 'X-Forwarded-For' not in seen and 'X-Forwarded-Proto' not in seen


# -- between the proxy and the site --

@contextlib.contextmanager
def tapped(kind, site, **extra):
    tap = Tap(site.port)
    try:
        with running_proxy(kind, tap.port, **extra) as proxy:
            yield tap, Peer(site, None, proxy.port, proxy)
    finally:
        tap.end()


@pytest.mark.parametrize('kind', PROXIES)
def test_connections_to_the_site_are_kept_open(kind, one_site):
    with tapped(kind, one_site[0]) as (tap, peer):
        connection = peer.connection()
        for i in range(50):
            assert ask(connection, 'GET', f'/token/t{i}/')[1] == f't{i}\n'.encode()
            assert ask(connection, 'POST', '/count/', b'x' * i)[0].status == 200
        assert len(tap.links) == 1 and bytes(tap.links[0].sent).count(b' HTTP/1.1\r\n') == 100


@pytest.mark.parametrize('kind', PROXIES)
def test_a_proxy_follows_when_the_site_closes(kind):
    """Over MAX_REQUESTS_PER_CONNECTION the last answer says so: no request is lost."""
    with running_site(MAX_REQUESTS_PER_CONNECTION=7) as (site, _), tapped(kind, site) as (tap, peer):
        connection = peer.connection()
        for i in range(50):
            answer, body = ask(connection, 'GET', f'/token/t{i}/')
            assert (answer.status, body) == (200, f't{i}\n'.encode())
        assert len(tap.links) == 8


@pytest.mark.parametrize('kind', ['nginx', 'haproxy'])
def test_chunks_both_ways(kind, one_site):
    """Chunked from the client through the proxy to the site, and back again. (h2o takes a whole body and gives it a length.)"""
    extra = {'location': 'proxy_request_buffering off;'} if kind == 'nginx' else {}
    with tapped(kind, one_site[0], **extra) as (tap, peer):
        pieces = [b'y' * 200000, b'z' * 3, random_bytes(400000)]
        answer, body = ask(peer.connection(), 'POST', '/count/', iter(pieces), Transfer_Encoding='chunked')
        assert (answer.status, body.decode()) == (200, sum_of(b''.join(pieces)) + ' \n')
        assert re.search(rb'(?i)\r\ntransfer-encoding: chunked\r\n', bytes(tap.links[0].sent))
        assert ask(peer.connection(), 'GET', '/stream/100/')[1].count(b'piece') == 100
        assert re.search(rb'(?i)\r\ntransfer-encoding: chunked\r\n', b''.join(link.got for link in tap.links))
