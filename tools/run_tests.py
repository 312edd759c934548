#!/usr/bin/python3
"""The driver behind ./test: builds, runs every kind of test, counts them.

    ./test                 all steps
    ./test --quick         release build, unit tests, conformance: for a developer, in seconds
    ./test STEP...         chosen steps; --list names them
    ./test --clean         removes the build folders first

Logs stay in build/test-logs/STEP.log; a failed step shows the end of its log. Environment:
    DONJON_FUZZ_SECONDS    for each fuzz target (20)
    DONJON_SOAK_SECONDS    of the soak test (15; 60 for the full one)
The last line is "N passed, M failed", over unit tests, vector cases, compile-fail files, fuzz targets, site tests and single steps."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / 'build/test-logs'
JOBS = os.cpu_count() or 2
TAIL = 60
PYTHON = '/usr/bin/python3'

SANITIZERS = {
    'ASAN_OPTIONS': 'detect_stack_use_after_return=0:abort_on_error=0:exitcode=99',
    'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1',
}
BUILDS = {
    'build': ('gcc', ['-Dbuildtype=release', '-Dwerror=true']),
    'build-clang': ('clang', ['-Dbuildtype=release', '-Dwerror=true']),
    # gcc's warnings see what the sanitizers insert as well as what is written: there they are not judged.
    'build-asan': ('gcc', ['-Dbuildtype=debug', '-Doptimization=1', '-Dwerror=false', '-Db_sanitize=address,undefined',
                           '-Db_lundef=false']),
    'build-fuzz': ('clang', ['-Dbuildtype=debugoptimized', '-Db_sanitize=address,undefined', '-Db_lundef=false', '-Dfuzz=true',
                             '-Dtests=false']),
}


class Count:
    """What a step found. `notes` are printed behind the figures."""

    def __init__(self, passed=0, failed=0, notes=''):
        self.passed, self.failed, self.notes = passed, failed, notes

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.notes = ', '.join(n for n in (self.notes, other.notes) if n)
        return self


class Log:
    """A step's log: everything it ran and what came out."""

    def __init__(self, name):
        LOGS.mkdir(parents=True, exist_ok=True)
        self.path = LOGS / f'{name}.log'
        self.file = self.path.open('w', errors='replace')

    def say(self, text):
        self.file.write(text.rstrip('\n') + '\n')
        self.file.flush()

    def run(self, command, timeout=600, env=None):
        """Runs a command to its end or to the time-out, in a process group of its own; (status, output)."""
        command = [str(c) for c in command]
        started = time.monotonic()
        try:
            child = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        except OSError as error:
            self.say(f'$ {" ".join(command)}\n{error}')
            return 127, str(error)
        try:
            output, _ = child.communicate(timeout=timeout)
            status = child.returncode
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            output, _ = child.communicate()
            output += f'\nstopped after {timeout} s\n'.encode()
            status = 124
        text = output.decode(errors='replace')
        self.say(f'$ {" ".join(command)}\n{text}[status {status}, {time.monotonic() - started:.1f} s]')
        return status, text

    def tail(self):
        self.file.flush()
        lines = self.path.read_text(errors='replace').splitlines()
        return '\n'.join('    ' + line[:400] for line in lines[-TAIL:])


def single(status, notes=''):
    return Count(1, 0, notes) if status == 0 else Count(0, 1, notes)


# -- building --

def build(log, folder):
    compiler, options = BUILDS[folder]
    where = ROOT / folder
    stamp, want = where / '.options', ' '.join([compiler, *options])
    known = stamp.read_text() if stamp.is_file() else want
    if not (where / 'build.ninja').is_file() or known != want:
        again = ['--wipe'] if (where / 'meson-private').is_dir() else []
        status, _ = log.run(['meson', 'setup', *again, *options, where, ROOT], env={'CC': compiler})
        if status != 0:
            return Count(0, 1)
    stamp.write_text(want)
    status, text = log.run(['ninja', '-C', where, '-k', '20'], timeout=1200)
    if status != 0:  # what matters, at the end of the log
        log.say('\n'.join(line for line in text.splitlines() if re.search(r'^FAILED|error:|warning:|undefined reference', line)))
    return single(status, compiler)


def was_built(folder):
    return built.get(folder, (ROOT / folder / 'build.ninja').is_file())


built = {}  # folder -> did its build step pass in this run


# -- steps --

def step_vectors(log):
    """Copies of the shared vectors and advisories are up to date."""
    total = Count()
    for name in ('vectors', 'advisories'):
        shared = ROOT.parent / 'shared' / name
        if not shared.is_dir():
            log.say(f'{name}: no shared copy beside this clone, nothing to compare')
            continue
        total += single(log.run(['diff', '-r', shared, ROOT / 'tests' / name])[0])
    return total


def step_layers(log):
    return single(log.run([PYTHON, 'tools/layers.py'])[0])


def step_build(log):
    return build(log, 'build')


def step_build_clang(log):
    return build(log, 'build-clang')


def step_build_asan(log):
    return build(log, 'build-asan')


def unit(log, folder, env=None):
    """cmocka speaks TAP, meson runs two at a time and keeps what they said."""
    status, _ = log.run(['meson', 'test', '-C', folder, '--no-rebuild', '--num-processes', JOBS, '--timeout-multiplier', '3'],
                        timeout=900, env={'CMOCKA_MESSAGE_OUTPUT': 'TAP', **(env or {})})
    total = Count()
    record = ROOT / folder / 'meson-logs/testlog.json'
    if not record.is_file():
        return Count(0, 1, 'no test ran')
    for line in record.read_text(errors='replace').splitlines():
        test = json.loads(line)
        said = test.get('stdout', '')
        passed = len(re.findall(r'^\s*ok \d+', said, re.M))
        failed = len(re.findall(r'^\s*not ok \d+', said, re.M))
        if test.get('returncode') != 0 and failed == 0:
            failed = 1  # crashed, stopped by a sanitizer or by the clock
        if passed + failed == 0:
            passed = 1  # a test that counts nothing by itself
        if failed:
            log.say(f'FAILED {test.get("name")} (status {test.get("returncode")})\n{said}\n{test.get("stderr", "")}')
        total += Count(passed, failed)
    if status != 0 and total.failed == 0:
        total.failed = 1
    return total


def step_unit(log):
    return unit(log, 'build')


def step_unit_asan(log):
    return unit(log, 'build-asan', SANITIZERS)


def read_later():
    """tests/conformance-later.txt: (patterns of whole files, {file: ids})."""
    whole, cases = [], {}
    for line in (ROOT / 'tests/conformance-later.txt').read_text().splitlines():
        text = line.split('#')[0].strip()
        if not text:
            continue
        name, colon, ids = text.partition(':')
        if colon:
            cases.setdefault(name.strip(), set()).update(ids.split())
        else:
            whole.append(name)
    return whole, cases


def conformance_file(log, folder, path, whole, later, env):
    """One vector file: every case passes but the listed ones, and the listed ones fail. (Count, cases waiting, findings)"""
    name = path.relative_to(ROOT / 'tests/vectors').as_posix()
    status, text = log.run([ROOT / folder / 'conformance', path], timeout=600, env=env)
    totals = re.findall(r'^(\d+) passed, (\d+) failed$', text, re.M)
    if not totals or status not in (0, 1):
        return Count(0, 1), 0, [f'{name}: no result (status {status})']
    passed, failed = int(totals[-1][0]), int(totals[-1][1])
    if any(path.match(pattern) for pattern in whole):
        if passed == 0:
            return Count(), failed, []
        return Count(0, 1), 0, [f'{name}: {passed} cases pass now: tests/conformance-later.txt must name the others, not the file']
    bad = set(re.findall(r'^FAIL (\S+?):', text, re.M))
    expected = later.get(name, set())
    findings = []
    if too_good := expected - bad:
        findings.append(f'{name}: these pass now, take them off tests/conformance-later.txt: {" ".join(sorted(too_good))}')
    if bad - expected:
        findings.append(f'{name}: FAILED {" ".join(sorted(bad - expected))}')
    waiting = len(bad & expected)
    wrong = max(failed - waiting, 1 if status == 1 and failed == 0 else 0)
    return Count(passed - len(too_good), wrong + len(too_good)), waiting, findings


def conformance(log, folder, env=None):
    whole, later = read_later()
    paths = sorted((ROOT / 'tests/vectors').rglob('*.json'))
    total, waiting, findings = Count(), 0, []
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for count, cases, found in pool.map(lambda p: conformance_file(log, folder, p, whole, later, env), paths):
            total += count
            waiting += cases
            findings += found
    log.say('\n'.join(findings))
    total.notes = f'{waiting} wait for a later stage: tests/conformance-later.txt'
    return total


def step_conformance(log):
    return conformance(log, 'build')


def step_conformance_asan(log):
    return conformance(log, 'build-asan', SANITIZERS)


def step_compile_fail(log):
    status, text = log.run([PYTHON, 'tests/compile_fail/run.py'])
    totals = re.findall(r'^(\d+) passed, (\d+) failed$', text, re.M)
    return Count(int(totals[-1][0]), int(totals[-1][1])) if totals else Count(0, 1)


def pytest(log, name, folder, where, *options, env=None, timeout=900):
    report = LOGS / f'{name}.xml'
    report.unlink(missing_ok=True)
    status, _ = log.run([PYTHON, '-m', 'pytest', '-p', 'no:cacheprovider', '-q', '-rfEs', '--tb=short', '-o', 'junit_family=xunit2',
                         f'--junitxml={report}', *options, where],
                        timeout=timeout, env={'DONJON_BUILD': str(ROOT / folder), 'PYTHONDONTWRITEBYTECODE': '1', **(env or {})})
    if not report.is_file():
        return Count(0, 1, 'pytest left no report')
    suite = xml.etree.ElementTree.parse(report).getroot().find('testsuite')
    ran, skipped = int(suite.get('tests')), int(suite.get('skipped'))
    failed = int(suite.get('failures')) + int(suite.get('errors'))
    if status not in (0, 5) and failed == 0:
        failed = 1
    return Count(max(ran - skipped - failed, 0), failed, f'{skipped} skipped' if skipped else '')


def step_tools(log):
    """Tests of the tools themselves."""
    return pytest(log, 'tools', 'build', 'tests/tools')


def step_fuzz(log):
    seconds = int(os.environ.get('DONJON_FUZZ_SECONDS', '20'))
    total = build(log, 'build-fuzz')
    if total.failed:
        return total
    targets = sorted(p for p in (ROOT / 'build-fuzz/fuzz').glob('fuzz_*') if p.is_file() and os.access(p, os.X_OK))

    def one(target):
        name = target.name[len('fuzz_'):]
        grown, artifacts, seeds = (ROOT / f'build-fuzz/{d}/{name}' for d in ('corpus', 'artifacts', ''))
        seeds = ROOT / 'fuzz/corpus' / name
        for folder in (grown, artifacts):
            folder.mkdir(parents=True, exist_ok=True)
        corpora = [grown] + ([seeds] if seeds.is_dir() else [])
        status, text = log.run([target, f'-max_total_time={seconds}', '-timeout=10', '-rss_limit_mb=2048', '-max_len=40000',
                                '-print_final_stats=1', f'-artifact_prefix={artifacts}/', *corpora], timeout=seconds + 120, env=SANITIZERS)
        if status != 0:
            log.say(f'FAILED {name}: the input is in {artifacts}')
        return single(status)

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for count in pool.map(one, targets):
            total += count
    total.notes = f'{len(targets)} targets, {seconds} s each'
    return total


def step_site(log):
    return pytest(log, 'site', 'build', 'tests/site', timeout=1200)


def step_site_asan(log):
    """Figures under load mean nothing there: tests marked `release` stay out."""
    return pytest(log, 'site-asan', 'build-asan', 'tests/site', '-m', 'not release', env=SANITIZERS, timeout=1200)


def step_docs(log):
    """Links and programs in the docs; the generated ones are what their generators say now."""
    total = pytest(log, 'docs', 'build', 'tests/docs')
    for page, command in (('docs/settings.md', ['build/gen-settings-doc']), ('docs/checks.md', ['build/donjon', 'check', '--ids']),
                          ('docs/template-reference.md', ['build/gen-template-doc'])):
        status, made = log.run(command)
        good = status == 0 and made != '' and (ROOT / page).read_text().endswith(made)  # above it may stand what people wrote
        if not good:
            log.say(f'FAILED {page} is not what `{" ".join(command)}` prints now')
        total += single(0 if good else 1)
    return total


def step_install(log):
    return pytest(log, 'install', 'build', 'tests/install')


# name, function, the folder that it needs built, folder that it builds
STEPS = [
    ('vectors', step_vectors, None, None),
    ('layers', step_layers, None, None),
    ('build', step_build, None, 'build'),
    ('unit', step_unit, 'build', None),
    ('conformance', step_conformance, 'build', None),
    ('compile-fail', step_compile_fail, None, None),
    ('tools', step_tools, None, None),
    ('site', step_site, 'build', None),
    ('docs', step_docs, 'build', None),
    ('install', step_install, 'build', None),
    ('build-asan', step_build_asan, None, 'build-asan'),
    ('unit-asan', step_unit_asan, 'build-asan', None),
    ('conformance-asan', step_conformance_asan, 'build-asan', None),
    ('site-asan', step_site_asan, 'build-asan', None),
    ('build-clang', step_build_clang, None, 'build-clang'),
    ('fuzz', step_fuzz, None, None),
]
QUICK = ('build', 'unit', 'conformance')


def run_step(name, step, needs, makes):
    log = Log(name)
    print(f'{name:<17}', end='', flush=True)
    started = time.monotonic()
    if needs and not was_built(needs):
        count = Count(0, 1, f'needs {needs}, which was not built')
        log.say(count.notes)
    else:
        try:
            count = step(log)
        except Exception as error:  # a broken step is a failed step, the others still run
            log.say(f'{type(error).__name__}: {error}')
            count = Count(0, 1, 'the step itself broke')
    if makes:
        built[makes] = count.failed == 0
    notes = f'  ({count.notes})' if count.notes else ''
    print(f'{count.passed:6} passed {count.failed:4} failed {time.monotonic() - started:7.1f} s{notes}', flush=True)
    if count.failed:
        print(f'  from {log.path.relative_to(ROOT)}:\n{log.tail()}', flush=True)
    return count


def main():
    names = [name for name, *_ in STEPS]
    parser = argparse.ArgumentParser(prog='./test', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog='steps: ' + ' '.join(names))
    parser.add_argument('--quick', action='store_true', help='only ' + ' '.join(QUICK))
    parser.add_argument('--list', action='store_true', help='names the steps')
    parser.add_argument('--clean', action='store_true', help='removes the build folders first')
    parser.add_argument('steps', nargs='*', metavar='STEP')
    options = parser.parse_args()
    if options.list:
        print('\n'.join(names))
        return 0
    unknown = set(options.steps) - set(names)
    if unknown:
        parser.error(f'no step {", ".join(sorted(unknown))}; there are {" ".join(names)}')
    if options.clean:
        for folder in BUILDS:
            shutil.rmtree(ROOT / folder, ignore_errors=True)
    chosen = options.steps or (QUICK if options.quick else names)
    started = time.monotonic()
    total = Count()
    for name, step, needs, makes in STEPS:
        if name in chosen:
            count = run_step(name, step, needs, makes)
            total.passed += count.passed
            total.failed += count.failed
    print(f'in {time.monotonic() - started:.0f} s')
    print(f'{total.passed} passed, {total.failed} failed')
    return 1 if total.failed else 0


if __name__ == '__main__':
    sys.exit(main())
