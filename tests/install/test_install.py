"""`meson install`, then a C and a C++ program built against the result with pkg-config alone."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = pathlib.Path(os.environ.get('DONJON_BUILD', ROOT / 'build'))
CLANG_AND_GCC = [('gcc', 'site.c', '-std=gnu11'), ('clang', 'site.c', '-std=gnu11'), ('g++', 'site.cc', '-std=gnu++17'),
                 ('clang++', 'site.cc', '-std=gnu++17')]


def run(*command, **env):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          env={**os.environ, **env})
    assert done.returncode == 0, f'{command}\n{done.stdout}{done.stderr}'
    return done.stdout


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """(folder, environment) of an installation under a folder of its own."""
    folder = tmp_path_factory.mktemp('installed')
    run('meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', DESTDIR=str(folder))
    found = list(folder.rglob('donjon.pc'))
    assert len(found) == 1, found
    library = next(p.parent for p in folder.rglob('libdonjon.so'))
    return folder, {'PKG_CONFIG_PATH': str(found[0].parent), 'PKG_CONFIG_SYSROOT_DIR': str(folder), 'LD_LIBRARY_PATH': str(library)}


def test_library_headers_and_tool_are_there(installed):
    names = {p.name for p in installed[0].rglob('*')}
    assert {'libdonjon.so', 'libdonjon.a', 'donjon.h', 'donjon.pc', 'donjon'} <= names


def test_pkg_config_knows_the_version(installed):
    assert run('pkg-config', '--modversion', 'donjon', **installed[1]).strip().count('.') == 2


def test_nothing_private_is_installed(installed):
    headers = {p.name for p in installed[0].rglob('*.h')}
    assert headers == {p.name for p in (ROOT / 'include/donjon').glob('*.h')}


@pytest.mark.parametrize('compiler, source, standard', CLANG_AND_GCC)
def test_a_program_builds_and_runs(installed, tmp_path, compiler, source, standard):
    folder, env = installed
    flags = run('pkg-config', '--cflags', '--libs', 'donjon', **env).split()
    program = tmp_path / 'site'
    run(compiler, standard, '-Wall', '-Wextra', '-Wno-missing-field-initializers', '-Werror', HERE / source, '-o', program, *flags)
    assert 'serve' in run(program, 'help', **env)


def test_a_new_project_builds_and_its_tests_pass(installed, tmp_path):
    folder, env = installed
    run(BUILD / 'donjon', 'startproject', 'pages', tmp_path / 'pages')
    run('meson', 'setup', tmp_path / 'build', tmp_path / 'pages', '--werror', **env)
    run('meson', 'compile', '-C', tmp_path / 'build', **env)
    run('meson', 'test', '-C', tmp_path / 'build', **env)
    assert 'serve' in run(tmp_path / 'build/pages', 'help', **env)


@pytest.mark.parametrize('header', sorted(p.name for p in (ROOT / 'include/donjon').glob('*.h')))
def test_each_header_stands_alone(installed, tmp_path, header):
    folder, env = installed
    flags = run('pkg-config', '--cflags', 'donjon', **env).split()
    for compiler, name, standard in (('gcc', 'one.c', '-std=gnu11'), ('g++', 'one.cc', '-std=gnu++17')):
        (tmp_path / name).write_text(f'#include <donjon/{header}>\n')
        run(compiler, standard, '-Wall', '-Wextra', '-Wno-missing-field-initializers', '-Werror', '-fsyntax-only', tmp_path / name, *flags)
