"""Under load while workers are killed and the site is reloaded: no wrong answer, and only a killed worker's clients notice.

DONJON_SOAK_SECONDS: 15 by default, 60 for the full one."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest
from conftest import BUILD, SANITIZED, rss_kib, wait_for

SECONDS = int(os.environ.get('DONJON_SOAK_SECONDS', '15'))
CONNECTIONS = 64


def load(site, seconds, connections=CONNECTIONS):
    return subprocess.Popen([str(BUILD / 'tests/site/site-load'), str(site.port), str(connections), str(seconds)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def result_of(client):
    out, _ = client.communicate(timeout=SECONDS + 60)
    assert client.returncode == 0
    return json.loads(out)


def rss_or_zero(pid):
    try:
        return rss_kib(pid)
    except (OSError, KeyError):
        return 0


def test_kills_and_reloads_lose_nothing_else(make_site):
    site = make_site(MAX_REQUESTS_PER_CONNECTION=100000).start(workers=2)
    wait_for('two workers', lambda: len(site.workers()) == 2)
    killed, biggest, over = {}, 0, threading.Event()

    def disturb():
        nonlocal biggest
        started = time.monotonic()
        next_kill, next_reload = started + 5, started + 7
        while not over.wait(0.1):
            now = time.monotonic()
            workers = site.workers()
            biggest = max([biggest, *map(rss_or_zero, workers)])
            if now >= next_kill and workers:
                killed[workers[0]] = now
                os.kill(workers[0], signal.SIGKILL)
                next_kill += 5
            if now >= next_reload:
                site.process.send_signal(signal.SIGHUP)
                next_reload += 7

    disturber = threading.Thread(target=disturb)
    client = load(site, SECONDS)
    supervisor_before = rss_kib(site.pid)
    disturber.start()
    try:
        got = result_of(client)
    finally:
        over.set()
        disturber.join()
    unexplained = [e for e in got['errors'] if e['pid'] not in killed
                   and not (e['pid'] == 0 and any(0 <= e['at'] - at < 2 for at in killed.values()))]
    print(f"{got['answers']} answers, {len(got['errors'])} connections lost with {len(killed)} killed workers, "
          f"{got['closed']} closed by reloads, biggest worker {biggest} KiB")
    assert got['wrong'] == 0
    assert got['answers'] > 1000 and len(killed) >= (SECONDS - 1) // 5
    assert unexplained == []
    assert len(got['errors']) <= CONNECTIONS * len(killed)
    assert site.process.poll() is None
    assert SANITIZED or biggest < 24 * 1024
    assert SANITIZED or rss_kib(site.pid) - supervisor_before < 1024


@pytest.mark.release
def test_memory_stays_flat(make_site):
    site = make_site().start()
    worker = wait_for('the worker', site.workers)[0]
    client = load(site, 6)
    time.sleep(2)
    early = rss_kib(worker)
    got = result_of(client)
    late = rss_kib(worker)
    print(f"{got['answers']} answers, RSS {early} then {late} KiB")
    assert got['wrong'] == 0 and got['errors'] == []
    assert late - early < 512
