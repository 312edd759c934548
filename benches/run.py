#!/usr/bin/python3
"""The driver behind ./bench: Donjon beside a bare epoll loop and nginx, in one run.

    ./bench [--works W1,W2,W6,T] [--rounds 5] [--seconds 4]

Servers have one worker, pinned to the first CPU; wrk is pinned to the second, with 64 keep-alive connections. Rounds are interleaved: every
contender has its turn in each. What counts is CPU time per request (user and system of the server's processes, from /proc), and its ratio to
the peers in the same rounds, as absolute figures move with the machine. User time is sampled by the kernel's tick, so it is added up over all
rounds. Nothing is asserted: the exit status is 1 only if something did not run or answered wrongly."""

import argparse
import contextlib
import http.client
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import fortunes

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / 'build'
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = CPUS[0], CPUS[min(1, len(CPUS) - 1)]
TICK = os.sysconf('SC_CLK_TCK')
CONNECTIONS = 64
TARGETS = {  # work: [(what, peer, must, aim)], ratios of CPU per request; peer None: user microseconds
    'W1': [('floor', 1.15, 1.08), ('nginx', 1.0, None)],
    'W2': [('nginx', 1.0, 0.85), (None, 1.6, 1.0)],
    'W6': [('nginx', 0.9, 0.77)],
}
ABOUT = {
    'W1': 'Hello, World!, no protections',
    'W2': 'hardened page: host check, six headers, CSP with fresh nonce, 1 KB',
    'W6': 'static file of 64 KiB; nginx opens it each time, as it comes, or keeps it open (open_file_cache)',
}


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def family(pid):
    """A process and all below it."""
    found = [pid]
    with contextlib.suppress(OSError):
        for child in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split():
            found += family(int(child))
    return found


def times(pid):
    """User and system seconds so far, of the whole family."""
    user = system = 0
    for one in family(pid):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f'/proc/{one}/stat').read_text().rpartition(')')[2].split()
            user += int(fields[11])
            system += int(fields[12])
    return user / TICK, system / TICK


def rss_mib(pid):
    """Of the worker, the youngest of the family."""
    text = pathlib.Path(f'/proc/{family(pid)[-1]}/status').read_text()
    return int(re.search(r'VmRSS:\s+(\d+)', text)[1]) / 1024


class Server:
    def __init__(self, name, command, port):
        self.name, self.port = name, port
        self.log = tempfile.TemporaryFile()
        started = time.monotonic()
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CPU}))
        self.first_answer_ms = self.wait(started)

    def wait(self, started):
        while time.monotonic() - started < 10:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.get('/')
                return (time.monotonic() - started) * 1000
            time.sleep(0.001)
        self.log.seek(0)
        raise SystemExit(f'bench: {self.name} does not answer:\n{self.log.read().decode(errors="replace")}')

    def get(self, path):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=5)
        try:
            connection.request('GET', path)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Contender:
    """One server answering one work; what its rounds measured."""

    def __init__(self, work, name, server, path):
        self.work, self.name, self.server, self.path = work, name, server, path
        self.requests, self.cpu_us, self.user_s, self.rate = 0, [], 0.0, []

    def round(self, seconds):
        before = times(self.server.process.pid)
        done = subprocess.run(['wrk', '-t1', f'-c{CONNECTIONS}', f'-d{seconds}s', f'http://127.0.0.1:{self.server.port}{self.path}'],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 30,
                              preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CPU}))
        after = times(self.server.process.pid)
        requests = re.search(r'(\d+) requests in', done.stdout)
        wrong = re.search(r'(Non-2xx or 3xx responses: .*|Socket errors: .*)', done.stdout)
        if not requests or int(requests[1]) == 0 or wrong:
            raise SystemExit(f'bench: {self.work} {self.name}: {wrong[1] if wrong else "no answers"}\n{done.stdout}{done.stderr}')
        count = int(requests[1])
        user, system = after[0] - before[0], after[1] - before[1]
        self.requests += count
        self.user_s += user
        self.cpu_us.append((user + system) / count * 1e6)
        self.rate.append(count / seconds)

    @property
    def user_us(self):
        return self.user_s / self.requests * 1e6


def write_nginx(folder, port):
    page = (b'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Hardened</title>\n<script nonce="$request_id">'
            b"document.title += \\' page\\';</script></head><body>\n"
            + b'<p>The quick brown fox jumps over the lazy dog; 0123456789 and so on, to fill a page of a kilobyte.\n' * 8
            + b'</body></html>\n').decode()
    www = folder / 'www'
    www.mkdir()
    (www / 'hello.html').write_text('Hello, World!')
    (www / 'large.css').write_bytes(bytes(b'0123456789'[i % 10] for i in range(65536)))
    for path in (folder, www):
        path.chmod(0o755)
    text = (ROOT / 'benches/nginx.conf.in').read_text()
    for name, value in (('FOLDER', str(folder)), ('PORT', str(port)), ('PAGE', page)):
        text = text.replace(f'@{name}@', value)
    (folder / 'nginx.conf').write_text(text)


def start_servers(stack, folder):
    def start(name, command, port):
        server = Server(name, command, port)
        stack.callback(server.stop)
        return server

    def donjon(name, settings):
        port = free_port()
        return start(name, [BUILD / 'bench-site', 'serve', '--settings', ROOT / 'benches' / settings, '--workers', 1,
                            '--bind', f'127.0.0.1:{port}'], port)
    nginx = shutil.which('nginx', path=os.environ.get('PATH', '') + ':/usr/sbin')
    nginx_port = free_port()
    write_nginx(folder, nginx_port)
    os.environ['BENCH_STATIC_ROOT'] = str(folder / 'www')
    port = free_port()
    servers = {'floor': start('floor', [BUILD / 'bench-floor', port], port)}
    servers['plain'] = donjon('Donjon', 'plain.py')
    servers['hardened'] = donjon('Donjon, hardened', 'hardened.py')
    servers['static'] = donjon('Donjon, static files', 'static.py')
    servers['nginx'] = start('nginx', [nginx, '-p', folder, '-e', folder / 'nginx.log', '-c', folder / 'nginx.conf'], nginx_port)
    return servers


def contenders(servers, works):
    every = [
        Contender('W1', 'floor', servers['floor'], '/'),
        Contender('W1', 'donjon', servers['plain'], '/'),
        Contender('W1', 'nginx', servers['nginx'], '/'),
        Contender('W1', 'nginx, file', servers['nginx'], '/hello.html'),
        Contender('W2', 'donjon', servers['hardened'], '/hardened/'),
        Contender('W2', 'nginx', servers['nginx'], '/hardened/'),
        Contender('W6', 'donjon', servers['static'], '/static/large.css'),
        Contender('W6', 'nginx', servers['nginx'], '/large.css'),
        Contender('W6', 'nginx, cached', servers['nginx'], '/cached/large.css'),
    ]
    return [c for c in every if c.work in works]


def verify(chosen):
    """The contenders of a work answer alike, or the figures mean nothing."""
    headers = {'x-content-type-options', 'referrer-policy', 'cross-origin-opener-policy', 'x-frame-options', 'permissions-policy',
               'cross-origin-resource-policy', 'content-security-policy'}
    for c in chosen:
        status, fields, body = c.server.get(c.path)
        if status != 200:
            raise SystemExit(f'bench: {c.work} {c.name} answers {status}')
        if c.work == 'W1' and body != b'Hello, World!' or c.work == 'W6' and len(body) != 65536:
            raise SystemExit(f'bench: {c.work} {c.name} answers {body[:80]!r}')
        if c.work == 'W2':
            missing = headers - {n.lower() for n, _ in fields}
            nonces = [re.search(rb'nonce="([^"]+)"', c.server.get(c.path)[2]) for _ in range(2)]
            if missing or None in nonces or nonces[0][1] == nonces[1][1]:
                raise SystemExit(f'bench: {c.work} {c.name}: {sorted(missing)} missing, or no fresh nonce')


def show(chosen):
    by = {(c.work, c.name): c for c in chosen}
    print(f'\n{"":4} {"":12} {"CPU us/request":>26} {"user us":>8} {"requests/s":>12}')
    print(f'{"work":4} {"server":12} {"best":>8} {"median":>8} {"worst":>8} {"(mean)":>8} {"(median)":>12}')
    for c in chosen:
        print(f'{c.work:4} {c.name:12} {min(c.cpu_us):8.2f} {statistics.median(c.cpu_us):8.2f} {max(c.cpu_us):8.2f} {c.user_us:8.2f}'
              f' {statistics.median(c.rate):12,.0f}')
    print('\nratios of CPU per request: best of all rounds, and the median of each round\'s own ratio')
    for work in dict.fromkeys(c.work for c in chosen):
        print(f'{work}: {ABOUT[work]}')
        ours = by[work, 'donjon']
        for peer in [c for c in chosen if c.work == work and c is not ours]:
            best = min(ours.cpu_us) / min(peer.cpu_us)
            median = statistics.median(a / b for a, b in zip(ours.cpu_us, peer.cpu_us))
            print(f'  donjon / {peer.name:12} best {best:5.2f}  median {median:5.2f}{target(work, peer.name, best)}')
        wanted = target(work, None, ours.user_us)
        if wanted:
            print(f'  user time              {ours.user_us:10.2f} us{"":8}{wanted}')


def target(work, peer, got):
    for name, must, aim in TARGETS.get(work, ()):
        if name == peer and must is not None:
            verdict = 'ok' if got <= must else 'MISSED'
            return f'   must <= {must:.2f}: {verdict}' + (f', aim {aim:.2f}' if aim else '')
    return ''


def starts(settings):
    """Milliseconds from exec to the first answer, and the RSS of the worker that then idles."""
    taken, rss = [], 0
    for _ in range(7):
        port = free_port()
        server = Server('Donjon', [BUILD / 'bench-site', 'serve', '--settings', ROOT / 'benches' / settings, '--workers', 1,
                                   '--bind', f'127.0.0.1:{port}'], port)
        taken.append(server.first_answer_ms)
        rss = rss_mib(server.process.pid)
        server.stop()
    return min(taken), statistics.median(taken), rss


def main():
    parser = argparse.ArgumentParser(prog='./bench', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--works', default='W1,W2,W6,T', help='which, with commas (default W1,W2,W6,T; T: templates, without a server)')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=4, help='of one contender in one round')
    options = parser.parse_args()
    works = options.works.upper().split(',')
    if set(works) - set(ABOUT) - {'T'}:
        parser.error(f'works are {", ".join(ABOUT)}, T')
    print(f'one worker on CPU {SERVER_CPU}, wrk with {CONNECTIONS} connections on CPU {LOAD_CPU}; '
          f'{options.rounds} rounds of {options.seconds} s')
    if len(CPUS) < 2:
        print('only one CPU here: the figures are of little worth')
    if 'T' in works:
        fortunes.measure(BUILD, SERVER_CPU, options.rounds, options.seconds)
        works.remove('T')
        if not works:
            return 0
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(tempfile.mkdtemp(prefix='donjon-bench-'))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        best, median, rss = starts('hardened.py')
        servers = start_servers(stack, folder)
        chosen = contenders(servers, works)
        verify(chosen)
        for number in range(options.rounds):
            for c in chosen:
                c.round(options.seconds)
            print(f'round {number + 1}: ' + ', '.join(f'{c.work} {c.name} {c.cpu_us[-1]:.2f}' for c in chosen), flush=True)
        show(chosen)
        print(f'\nidle worker: RSS {rss:.1f} MiB (must be under 8); after the load '
              f'{rss_mib(servers["hardened"].process.pid):.1f} MiB')
        print(f'start to first answer: best {best:.0f} ms, median {median:.0f} ms (must be under 50)')
    return 0


if __name__ == '__main__':
    sys.exit(main())
