#!/usr/bin/python3
"""Each file here must not compile, for the reason it states: with -DOK it must. Both under gcc and clang, with the project's flags.

    tests/compile_fail/run.py [FILE...]

The flags come from the root meson.build, so that a warning dropped there is noticed here. Last line "N passed, M failed"."""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def project_flags():
    """The -W flags of the root meson.build, and what its defaults (warning_level 2, werror) mean."""
    text = (ROOT / 'meson.build').read_text()
    first = text[text.index('flags = ['):]
    own = re.findall(r"'(-W[^']*)'", first[:first.index(']')])
    assert '-Wconversion' in own, 'the flags in meson.build have moved'
    return ['-std=gnu11', '-Wall', '-Wextra', '-Werror', *own]


FLAGS = [*project_flags(), '-c', '-o', '/dev/null', '-O1', '-D_GNU_SOURCE', '-include', str(ROOT / 'src/base/banned.h'),
         '-I', str(ROOT / 'include'), '-I', str(ROOT / 'src'), '-I', str(ROOT / 'src/conf')]
EXTRA = {'gcc': [], 'clang': ['-Wno-gnu-zero-variadic-macro-arguments']}


def compiles(compiler, path, *more):
    done = subprocess.run([compiler, *FLAGS, *EXTRA[compiler], *more, path], capture_output=True, text=True, timeout=60)
    return done.returncode == 0, done.stderr


def check(case):
    """None if all is as it should be, else what is wrong."""
    compiler, path = case
    good, said = compiles(compiler, path, '-DOK')
    if not good:
        return f'{path.name} with {compiler}: its OK half does not compile:\n{said}'
    bad, _ = compiles(compiler, path)
    if bad:
        return f'{path.name} with {compiler}: compiles, and must not'
    return None


def main():
    paths = [pathlib.Path(a).resolve() for a in sys.argv[1:]] or sorted(HERE.glob('*.c'))
    cases = [(compiler, path) for path in paths for compiler in EXTRA]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [w for w in pool.map(check, cases) if w]
    for text in wrong:
        print('FAIL ' + text)
    print(f'{len(cases) - len(wrong)} passed, {len(wrong)} failed')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
