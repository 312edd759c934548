"""5,000 idle connections and 500 that send a byte a second: the others are served, the slow ones get 408.

The figures are printed; only what is right or wrong is asserted, never a time."""

import json
import resource
import selectors
import socket
import subprocess
import time

import pytest
from conftest import BUILD, PATIENCE, wait_for

IDLE, SLOW = 5000, 500
HEAD = b'GET /hello/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ' + b'a' * 60


def measure(site):
    done = subprocess.run([str(BUILD / 'tests/site/site-load'), str(site.port), '8', '4'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, timeout=60, check=True)
    got = json.loads(done.stdout)
    assert got['wrong'] == 0 and got['errors'] == [] and got['answers'] > 0
    return got


def connect_many(port, count):
    """From several source addresses of the loopback network, so that ports do not run out."""
    made = []
    for i in range(count):
        made.append(socket.create_connection(('127.0.0.1', port), PATIENCE, (f'127.0.1.{1 + i // 1000}', 0)))
    return made


def drip(slow, head, seconds):
    """A byte a second on each connection until all were answered; the answers by connection."""
    answers, end, at = {}, time.monotonic() + seconds, 0
    selector = selectors.DefaultSelector()
    for s in slow:
        s.setblocking(False)
        selector.register(s, selectors.EVENT_READ)
    while len(answers) < len(slow) and time.monotonic() < end:
        turn = time.monotonic() + 1
        for s in slow:
            if s not in answers and at < len(head):
                try:
                    s.send(head[at:at + 1])
                except OSError:
                    pass  # what it said is still to be read
        at += 1
        while (left := turn - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                try:
                    answers[key.fileobj] = key.fileobj.recv(4096)
                except OSError as error:
                    answers[key.fileobj] = repr(error).encode()
                selector.unregister(key.fileobj)
    selector.close()
    return answers


@pytest.mark.release
def test_slow_and_idle_clients_do_not_starve_the_others(make_site):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 2 * (IDLE + SLOW):
        pytest.fail(f'needs {2 * (IDLE + SLOW)} descriptors, the limit is {hard}')
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    site = make_site(MAX_CONNECTIONS=10000, MAX_CONNECTIONS_PER_ADDRESS=10000, HEAD_TIMEOUT=10, KEEPALIVE_TIMEOUT=60).start()
    before = measure(site)
    idle = connect_many(site.port, IDLE)
    slow = connect_many(site.port, SLOW)
    try:
        for s in slow:
            s.sendall(HEAD[:1])
        load = subprocess.Popen([str(BUILD / 'tests/site/site-load'), str(site.port), '8', '4'], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE)
        answers = drip(slow, HEAD[1:], 40)
        during = json.loads(load.communicate(timeout=60)[0])
        print(f"p99 alone {before['p99_us']} us, with {IDLE} idle and {SLOW} slow connections {during['p99_us']} us")
        assert during['wrong'] == 0 and during['errors'] == [] and during['answers'] > 0
        assert len(answers) == SLOW, f'{SLOW - len(answers)} slow connections were never answered'
        late = [a[:60] for a in answers.values() if not a.startswith(b'HTTP/1.1 408 ')]
        assert late == []
        for s in idle:
            s.setblocking(False)
        assert sum(1 for s in idle if is_open(s)) == IDLE
    finally:
        for s in idle + slow:
            s.close()
    wait_for('the site to serve on', lambda: site.get('/hello/').status == 200)


def is_open(s):
    try:
        return s.recv(1) != b''
    except BlockingIOError:
        return True
    except OSError:
        return False
