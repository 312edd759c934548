"""nginx, h2o and HAProxy in front of a site, with the configurations of docs/proxies.md: names of hosts, addresses and files are
filled in, nothing else. No root is needed; each process is ended by its id."""

import contextlib
import os
import re
import selectors
import shutil
import socket
import subprocess
import threading

from conftest import PATIENCE, ROOT, free_port, wait_for

PAGE = ROOT / 'docs/proxies.md'
SOCKET = '/run/site/site.sock'
HOST = 'www.example.com'


def configuration(language):
    """The one block of that language on the page."""
    found = re.findall(rf'^```{language}\n(.*?)^```$', PAGE.read_text(), re.M | re.S)
    assert len(found) == 1, f'{len(found)} blocks of {language} in {PAGE}'
    return found[0]


def fill_in(text, **pairs):
    """Each text on the left, which must be there, becomes the one on the right."""
    for old, new in pairs.values():
        assert old in text, f'{old!r} is not in the configuration of the page any more'
        text = text.replace(old, new)
    return text


class Proxy:
    """A proxy in front of `upstream`: a port of loopback, or the path of a Unix socket."""

    name = language = binary = None

    def __init__(self, folder, upstream, certificate=None, **extra):
        """`extra`: see configure() of each. Without a certificate it listens in clear."""
        self.folder, self.upstream, self.certificate = folder / self.name, upstream, certificate
        self.folder.mkdir()
        self.port = free_port()
        self.extra = extra
        self.process = None
        self.errors = self.folder / 'stderr.log'
        self.file = self.folder / 'proxy.conf'
        self.file.write_text(self.configure(configuration(self.language), **extra))

    def start(self):
        with self.errors.open('ab') as errors:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, cwd=self.folder)
        wait_for(f'{self.name} to listen', self.accepts)
        return self

    def accepts(self):
        assert self.process.poll() is None, f'{self.name} ended:\n{self.errors.read_text()}'
        with contextlib.suppress(OSError):
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        return False

    def end(self):
        """At once: it is one process, and holds nothing."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Nginx(Proxy):
    name, language, binary = 'nginx', 'nginx', '/usr/sbin/nginx'

    def command(self):
        return [self.binary, '-p', str(self.folder), '-c', str(self.file), '-e', str(self.folder / 'error.log')]

    def configure(self, text, location='', server='', http='', keepalive=None, body=None):
        """More lines for `location /`, for the server and for http; how many connections are kept; the largest body."""
        text = fill_in(text, upstream=(f'unix:{SOCKET}', address_of(self.upstream, 'unix:{}', '127.0.0.1:{}')),
                       listen=('listen 443 ssl;', f'listen 127.0.0.1:{self.port}{" ssl" if self.certificate else ""};'))
        if self.certificate:
            text = fill_in(text, crt=(f'/etc/ssl/{HOST}.crt', str(self.certificate[0])),
                           key=(f'/etc/ssl/{HOST}.key', str(self.certificate[1])))
        else:
            text = re.sub(r'(?m)^.*ssl_certificate.*\n', '', text)
        if keepalive is not None:
            text = fill_in(text, keepalive=('keepalive 32;', f'keepalive {keepalive};'))
        if body is not None:
            text = fill_in(text, body=('client_max_body_size 10m;', f'client_max_body_size {body};'))
        text = fill_in(text, location=('location / {\n', f'{server}\nlocation / {{\n{location}\n'))
        if 'access_log' not in http:
            http += 'access_log off;\n'
        for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'):
            http += f'{kind}_temp_path {self.folder}/{kind};\n'
        user = 'user root;\n' if os.geteuid() == 0 else ''
        return (f'{user}daemon off;\nmaster_process off;\npid {self.folder}/nginx.pid;\nerror_log {self.folder}/error.log;\n'
                f'events {{ worker_connections 1024; }}\nhttp {{\n{http}\n{text}\n}}\n')


class H2o(Proxy):
    name, language, binary = 'h2o', 'yaml', '/usr/bin/h2o'

    def command(self):
        return [self.binary, '-c', str(self.file)]

    def configure(self, text, body=None):
        """The largest body."""
        text = fill_in(text, upstream=(f'[unix:{SOCKET}]', address_of(self.upstream, '[unix:{}]', '127.0.0.1:{}')),
                       name=(f'"{HOST}:443"', f'"{HOST}:{self.port}"'),
                       listen=('      port: 443\n', f'      port: {self.port}\n      host: 127.0.0.1\n'))
        if self.certificate:
            text = fill_in(text, crt=(f'/etc/ssl/{HOST}.crt', str(self.certificate[0])),
                           key=(f'/etc/ssl/{HOST}.key', str(self.certificate[1])))
        else:
            text = re.sub(r'(?m)^      ssl:\n(?:        .*\n)*', '', text)
        if body is not None:
            text = fill_in(text, body=('limit-request-body: 10485760', f'limit-request-body: {body}'))
        user = 'user: root\n' if os.geteuid() == 0 else ''
        return f'{user}num-threads: 1\nnum-name-resolution-threads: 1\ntemp-buffer-path: {self.folder}\n' + text


class Haproxy(Proxy):
    name, language, binary = 'haproxy', 'haproxy', '/usr/sbin/haproxy'

    def command(self):
        return [self.binary, '-db', '-f', str(self.file)]

    def configure(self, text):
        listen = f'bind 127.0.0.1:{self.port}'
        if self.certificate:
            pem = self.folder / 'both.pem'
            pem.write_bytes(b''.join(path.read_bytes() for path in self.certificate))
            pem.chmod(0o600)
            listen += f' ssl crt {pem}'
        return fill_in(text, upstream=(f'unix@{SOCKET}', address_of(self.upstream, 'unix@{}', '127.0.0.1:{}')),
                       listen=(f'bind :443 ssl crt /etc/ssl/{HOST}.pem', listen))


class HaproxyOfBytes(Haproxy):
    """HAProxy that knows no HTTP: it passes bytes on, behind a header of the PROXY protocol."""

    def configure(self, _):
        found = re.findall(r'(?m)^    backend site\n(?:        .*\n)+', PAGE.read_text())
        assert len(found) == 1
        backend = fill_in(found[0], upstream=('10.1.2.9:443', address_of(self.upstream, 'unix@{}', '127.0.0.1:{}')))
        return ('defaults\n    mode tcp\n    timeout connect 60s\n    timeout client 60s\n    timeout server 60s\n'
                f'frontend public\n    bind 127.0.0.1:{self.port}\n    default_backend site\n' + backend)


PROXIES = {kind.name: kind for kind in (Nginx, H2o, Haproxy)}


def address_of(upstream, unix, tcp):
    return (tcp if isinstance(upstream, int) else unix).format(upstream)


def installed(kind):
    return shutil.which(kind.binary) is not None


class Link:
    """One connection that a proxy opened to the site: what went either way."""

    def __init__(self, near, far):
        self.near, self.far = near, far
        self.sent, self.got = bytearray(), bytearray()  # to the site, from the site
        self.ended = set()  # of near and far: who has said that no more comes
        self.over = False


class Tap(threading.Thread):
    """Stands between a proxy and the site, changes nothing and keeps every byte."""

    def __init__(self, site_port):
        super().__init__(daemon=True)
        self.site_port, self.links, self.stopping = site_port, [], False
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.start()

    def run(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.2):
                if key.data is None:
                    self.accept()
                else:
                    self.carry(key.data, key.fileobj)
        for link in self.links:
            self.drop(link)
        self.listener.close()

    def accept(self):
        near, _ = self.listener.accept()
        link = Link(near, socket.create_connection(('127.0.0.1', self.site_port), PATIENCE))
        for sock in (link.near, link.far):
            sock.settimeout(PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(sock, selectors.EVENT_READ, link)
        self.links.append(link)

    def carry(self, link, sock):
        if link.over:
            return
        other = link.far if sock is link.near else link.near
        try:
            data = sock.recv(65536)
            if data:
                (link.sent if sock is link.near else link.got).extend(data)
                other.sendall(data)
                return
            link.ended.add(sock)
            self.selector.unregister(sock)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(link)
        if len(link.ended) == 2:
            self.drop(link)

    def drop(self, link):
        if link.over:
            return
        link.over = True
        for sock in (link.near, link.far):
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(sock)
            sock.close()

    def end(self):
        self.stopping = True
        self.join(PATIENCE)
