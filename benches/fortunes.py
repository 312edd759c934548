"""The 12-row fortunes page, rendered by Donjon's engine and by Django's in turn: CPU microseconds per page, no server around."""

import html
import json
import os
import pathlib
import statistics
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parent
MUST, AIM_US = 75, 4.0


def one(command, cpu):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    if done.returncode != 0:
        raise SystemExit(f'bench: {command[0]}: {done.stderr or done.stdout}')
    return json.loads(done.stdout)


def measure(build, cpu, rounds, seconds):
    """Prints the figures; both must make the same page, or they mean nothing."""
    ours, theirs, version = [], [], ''
    for number in range(rounds):
        a = one([build / 'bench-fortunes', FOLDER / 'templates', seconds], cpu)
        b = one(['/usr/bin/python3', FOLDER / 'fortunes_django.py', seconds], cpu)
        if a['page'] != b['page'] or html.escape('<script>') not in a['page']:
            raise SystemExit(f'bench: fortunes: the pages differ\n{a["page"]}\n{b["page"]}')
        ours.append(a['us'])
        theirs.append(b['us'])
        version = b['version']
        print(f'fortunes, round {number + 1}: donjon {a["us"]:.2f} us, {version} {b["us"]:.1f} us', flush=True)
    best, median = min(theirs) / min(ours), statistics.median(t / o for o, t in zip(ours, theirs))
    print(f'fortunes: 12 rows, one hostile, escaped for where they land; {len(a["page"].encode())} bytes')
    print(f'  donjon {min(ours):.2f} us (median {statistics.median(ours):.2f}, aim {AIM_US:.0f}), {version} {min(theirs):.1f} us: '
          f'{best:.0f} times faster (median {median:.0f})   must >= {MUST}: {"ok" if best >= MUST else "MISSED"}')
