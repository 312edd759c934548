"""A proxy and Donjon never disagree on where a request ends.

Ambiguous requests go through a proxy to a site; a tap between the two keeps every byte. For each: as many requests as the proxy says
it passed on are answered by Donjon, each answer belongs to its own request, and the next request of somebody else, on the same
connection to the site, gets its own answer. The seed is fixed; DONJON_SMUGGLING_REQUESTS makes more of them."""

import contextlib
import os
import random
import re
import socket
import time

import pytest
from ambiguous import ambiguous
from conftest import PATIENCE, Site, Wire, new_folder, no_sanitizer_report
from proxies import PROXIES, Tap

SEED = 20261122
COUNT = int(os.environ.get('DONJON_SMUGGLING_REQUESTS', 1500))
LOG = r"""log_format requests '$request_id $upstream_status $status';
access_log {log} requests;
keepalive_requests 1000000;
"""
LOCATION = """proxy_set_header X-Request-Id $request_id;
proxy_next_upstream off;
proxy_ignore_client_abort on;
proxy_connect_timeout 60s;
"""
# What a careless administrator may do: odd names pass, bodies are passed on as they come.
CARELESS = 'ignore_invalid_headers off;\nunderscores_in_headers on;\nmerge_slashes off;\nproxy_request_buffering off;\n'


class Answered:
    """One answer of the site, as it went over a connection of the proxy."""

    def __init__(self, status, fields):
        self.status, self.fields = status, fields
        self.number, self.id = fields.get('x-seen-number'), fields.get('x-seen-id')


def read_answers(link, at):
    """(the answers on a connection from an offset on, the offset behind them): strictly, nothing between or behind them."""
    data, found = bytes(link.got), []
    while at < len(data):
        end = data.index(b'\r\n\r\n', at) + 4
        start, *lines = data[at:end - 4].decode('latin-1').split('\r\n')
        status = int(re.fullmatch(r'HTTP/1\.1 (\d{3}) .*', start)[1])
        fields = {name.lower(): value.strip() for name, value in (line.split(':', 1) for line in lines)}
        at = end
        if status < 200:
            continue
        refused = 'x-seen-method' not in fields
        length = int(fields.get('content-length', 0))
        if refused and fields.get('connection') == 'close':
            assert len(data) - at in (0, length), f'something follows a refusal: {data[at:]!r}'
            at = len(data)
        elif fields.get('x-seen-method') != 'HEAD' and status not in (204, 304):
            assert 'content-length' in fields and at + length <= len(data)
            at += length
        found.append(Answered(status, fields))
    return found, at


@contextlib.contextmanager
def in_front(kind, **extra):
    """(tap, proxy): a proxy in front of a tap in front of a site."""
    with new_folder() as folder:
        site = Site(folder, 'tests/site/peersite', MAX_REQUESTS_PER_CONNECTION=1000000, MAX_REQUEST_BODY=65536)
        tap = proxy = None
        try:
            site.start()
            tap = Tap(site.port)
            proxy = PROXIES[kind](folder, tap.port, **extra)
            yield tap, proxy.start()
        finally:
            for what in (proxy, tap, site):
                if what is not None:
                    what.end()
        no_sanitizer_report(site)


def attack(port, data, late=0):
    """Sends it all, the last `late` bytes a little later, says that no more comes, and reads what comes back to the end."""
    got = b''
    with socket.create_connection(('127.0.0.1', port), PATIENCE) as sock:
        sock.settimeout(PATIENCE)
        try:
            sock.sendall(data[:len(data) - late])
            if late:
                time.sleep(0.002)  # the proxy passes on what it has, and does not know yet how much comes
                sock.sendall(data[len(data) - late:])
            sock.shutdown(socket.SHUT_WR)
            while more := sock.recv(65536):
                got += more
        except TimeoutError:
            raise
        except OSError:
            pass  # the proxy has closed
    return got


def canary(wire, number):
    """Somebody else's request, on a connection of its own to the proxy."""
    wire.send(b'GET /token/c%d/ HTTP/1.1\r\nHost: www.example.com\r\n\r\n' % number)
    answer = wire.answer()
    assert answer.status == 200 and answer.body == b'c%d\n' % number, answer
    return answer


class Counter:
    """What has gone over the tap since the last look."""

    def __init__(self, tap):
        self.tap, self.known = tap, {}

    def new(self):
        """[(link, answers since the last look)], for links that have any."""
        found = []
        for link in list(self.tap.links):
            if len(link.got) > self.known.get(link, 0):
                answers, self.known[link] = read_answers(link, self.known.get(link, 0))
                found.append((link, answers))
        return found


class LogOfNginx:
    def __init__(self, path):
        self.path, self.at = path, 0

    def new(self):
        """[(id, status of the site or None)] since the last look."""
        with self.path.open() as log:
            log.seek(self.at)
            text = log.read()
        lines = text[:text.rfind('\n') + 1]
        self.at += len(lines.encode())
        return [(line.split()[0], None if line.split()[1] == '-' else line.split()[1]) for line in lines.splitlines()]

    def until(self, name):
        """The same, up to the request of that id: nginx writes a line when it is done with a connection, not before the client is."""
        end, found = time.monotonic() + PATIENCE, []
        while name not in [known for known, _ in found]:
            assert time.monotonic() < end, 'nginx wrote no line'
            found += self.new()
        return found


@pytest.mark.parametrize('careless', [False, True], ids=['as-documented', 'careless'])
def test_nginx_and_donjon_count_the_same_requests(careless, tmp_path):
    log = tmp_path / 'requests.log'
    tmp_path.chmod(0o755)
    rnd = random.Random(SEED + careless)
    accepted, same, classes = 0, 0, set()
    extra = {'server': CARELESS} if careless else {}
    with in_front('nginx', keepalive=1, location=LOCATION, http=LOG.format(log=log), body='64k', **extra) as (tap, proxy):
        counter, lines = Counter(tap), LogOfNginx(log)
        other = Wire(socket.create_connection(('127.0.0.1', proxy.port), PATIENCE))
        for number in range(COUNT):
            kind, data = ambiguous(rnd, number)
            attack(proxy.port, data, len(data) * rnd.randint(0, 9) // 10 if careless else 0)
            answer = canary(other, number)
            asked, new = lines.until(answer.header('X-Seen-Id')), counter.new()
            answers = [answer for _, found in new for answer in found]
            where = f'{kind} {number}: {data!r}\nnginx: {asked}\nDonjon: {[(a.status, a.id) for a in answers]}'
            sent = [name for name, status in asked if status]
            ids = [answer.id for answer in answers if answer.number]
            assert sent[-1] == ids[-1] == answer.header('X-Seen-Id'), where
            assert len(answers) == len(sent), where
            assert len(set(ids)) == len(ids) and set(ids) <= set(sent), where
            accepted += len(ids) - 1
            link = next(link for link, found in new if found[-1].id == ids[-1])
            if len(ids) > 1 and len([1 for l, found in new if l is link for _ in found]) > 1:
                same += 1
                classes.add(kind)
    print(f'{COUNT} sent, {accepted} accepted by Donjon, {same} canaries on the same connection, {sorted(classes)}')
    assert accepted > COUNT // 4 and same > COUNT // 8


@pytest.mark.parametrize('kind', ['h2o', 'haproxy'])
def test_other_proxies_deliver_every_answer_to_who_asked(kind):
    """They keep no log of what they passed on: each answer that Donjon gave must reach the client whose request it was."""
    rnd = random.Random(SEED)
    accepted = 0
    with in_front(kind) as (tap, proxy):
        counter = Counter(tap)
        other = Wire(socket.create_connection(('127.0.0.1', proxy.port), PATIENCE))
        for number in range(COUNT):
            name, data = ambiguous(rnd, number)
            got = attack(proxy.port, data)
            answer = canary(other, number)
            new = counter.new()
            answers = [answer for _, found in new for answer in found]
            delivered = [int(n) for n in re.findall(rb'(?i)\r\nx-seen-number: (\d+)\r\n', got)]
            where = f'{name} {number}: {data!r}\nclient: {got!r}\nDonjon: {[(a.status, a.number) for a in answers]}'
            numbers = sorted(int(answer.number) for answer in answers if answer.number)
            assert int(answer.header('X-Seen-Number')) == numbers[-1], where
            assert delivered == numbers[:-1], where
            accepted += len(delivered)
    print(f'{COUNT} sent, {accepted} accepted by Donjon')
    assert accepted > COUNT // 4
