"""runserver on real projects: sources, settings and files change while it serves.

The project is what `donjon startproject` writes, built by its own build against the library under test."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import threading

import pytest
from conftest import BUILD, PATIENCE, SANITIZED, Site, Wire, children, free_port, new_folder, no_sanitizer_report, wait_for

BUILDING = 3 * PATIENCE  # a compiler runs meanwhile
ENVIRONMENT = {**os.environ, 'PKG_CONFIG_PATH': str(BUILD / 'meson-uninstalled')}
CRASH = '''static dj_response *crash_page(dj_req *req)
{
    signal(SIGSEGV, SIG_DFL); /* a sanitizer would make an exit status of it */
    raise(SIGSEGV);
    return dj_not_found(req);
}

static dj_response *fail_page(dj_req *req)
{
    return dj_raise(req, DJ_ERR_INTERNAL, "this <went> wrong"); /* the place */
}

static const dj_route urls[] = {
    DJ_PATH("crash/", crash_page),
    DJ_PATH("fail/", fail_page),
    DJ_PATH("upload/", index_page, .methods = DJ_GET | DJ_POST),
'''


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        return 'Z' not in open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[0]
    return False


class Project(Site):
    """A project of its own in `folder`, and a runserver of it."""

    def __init__(self, folder):
        self.folder, self.process, self.port = folder, None, free_port()
        self.errors = folder.parent / 'stderr.log'
        self.urls, self.settings = folder / 'urls.c', folder / 'settings/development.py'
        self.program = folder / 'build/pages'
        self.options = []

    def run_runserver(self, *options, program=None, env=None):
        with self.errors.open('ab') as errors:
            self.process = subprocess.Popen([str(program or self.program), 'runserver', f'127.0.0.1:{self.port}', *options],
                                            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, cwd=self.folder,
                                            env={**ENVIRONMENT, **(env or {})}, start_new_session=True)
        self.wait_log('Quit the server with CONTROL-C', BUILDING)
        return self

    def write(self, path, text):
        """As editors do it: beside, then over it."""
        beside = path.with_name(path.name + '~')
        beside.write_text(text)
        os.replace(beside, path)

    def edit(self, path, old, new):
        text = path.read_text()
        assert old in text
        self.write(path, text.replace(old, new, 1))

    def see(self, what, path='/', *fields, status=None, **how):
        """Asks until the answer has `what` in it; each must be an answer."""
        def asked():
            answer = self.get(path, *fields, **how)
            assert answer is not None, self.log()
            fits = what in answer.body.decode() and (status is None or answer.status == status)
            return answer if fits else None
        return wait_for(f'{what!r} at {path}', asked, BUILDING)


@pytest.fixture(scope='module')
def made():
    """A project, built once; each test leaves its files as they were."""
    with new_folder() as folder:
        subprocess.run([str(BUILD / 'donjon'), 'startproject', 'pages'], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        project = Project(folder / 'pages')
        project.edit(project.urls, 'static const dj_route urls[] = {\n', CRASH)
        project.edit(project.urls, '#include "site.h"\n', '#include "site.h"\n#include <signal.h>\n')
        sanitize = ['-Db_sanitize=address,undefined', '-Db_lundef=false', '-Dbuildtype=debug'] if SANITIZED else []
        for command in (['meson', 'setup', 'build', *sanitize], ['ninja', '-C', 'build']):
            subprocess.run(command, cwd=project.folder, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
        yield project


@pytest.fixture
def project(made):
    before = {path: path.read_text() for path in (made.urls, made.settings, made.folder / 'meson.build')}
    made.errors.unlink(missing_ok=True)
    made.port = free_port()
    yield made
    made.end()
    changed = [path for path in before if path.read_text() != before[path]]
    for path in changed:
        path.write_text(before[path])
    if changed:
        subprocess.run(['ninja', '-C', 'build'], cwd=made.folder, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    no_sanitizer_report(made)


# -- sources --

def test_a_changed_source_is_in_the_next_answers(project):
    project.run_runserver()
    assert 'It works' in project.get('/').body.decode()
    first = children(project.pid)
    assert len(first) == 1
    project.edit(project.urls, 'It works', 'It changed')
    project.see('It changed')
    project.wait_log(r'urls\.c changed, reloading\.\nBuilding: ninja --quiet -C build pages\n')
    wait_for('the first program to end', lambda: children(project.pid) != first and len(children(project.pid)) == 1)
    assert not alive(first[0])


def test_a_new_header_in_a_new_folder_is_seen(project):
    project.run_runserver()
    (project.folder / 'parts/deep').mkdir(parents=True)
    header = project.folder / 'parts/deep/words.h'
    header.write_text('#define WORDS "first words"\n')
    project.edit(project.urls, '#include <signal.h>', '#include <signal.h>\n#include "parts/deep/words.h"')
    project.edit(project.urls, '<h1>It works</h1>', '<h1>" WORDS "</h1>')
    project.see('first words')
    project.write(header, '#define WORDS "second words"\n')
    project.see('second words')


def test_no_request_is_refused_while_the_program_is_replaced(project):
    project.run_runserver()
    wrong, texts, over = [], set(), threading.Event()

    def ask():
        while not over.is_set():
            try:
                connection = http.client.HTTPConnection('127.0.0.1', project.port, timeout=BUILDING)
                connection.request('GET', '/')
                answer = connection.getresponse()
                text = answer.read().decode()
                connection.close()
                if answer.status != 200:
                    wrong.append((answer.status, text))
                texts.update(re.findall('<h1>(.*)</h1>', text))
            except (OSError, http.client.HTTPException) as e:
                wrong.append(repr(e))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        before = 'It works'
        for turn in range(3):
            project.edit(project.urls, before, f'Turn {turn}')
            before = f'Turn {turn}'
            wait_for(before, lambda before=before: before in texts or wrong, BUILDING)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == [] and {'It works', 'Turn 0', 'Turn 1', 'Turn 2'} == texts


def test_a_request_that_runs_is_answered_by_the_program_that_has_it(project):
    project.run_runserver()
    wire = project.wire()
    wire.send(b'POST /upload/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab')
    old = children(project.pid)[0]
    # The request is with the program when it has read what was sent: its answer to the next connection says so.
    assert project.get('/').status == 200
    project.edit(project.urls, 'It works', 'It is new')
    project.see('It is new')
    assert alive(old)
    wire.send(b'cd')
    assert 'It works' in wire.answer().body.decode()
    assert wire.at_end()
    wait_for('the old program to end', lambda: not alive(old))


def test_a_failed_build_is_shown_to_a_browser_on_this_machine(project):
    project.run_runserver()
    project.edit(project.urls, 'return dj_page(req, DJ_HTML(', 'int <b>; return dj_page(req, DJ_HTML(')
    line = 1 + project.urls.read_text()[:project.urls.read_text().index('int <b>')].count('\n')
    page = project.see('The build failed', '/', 'Accept: text/html,*/*;q=0.8', status=500)
    text = page.body.decode()
    assert f'<code>urls.c:{line}:9</code>' in text and 'int &lt;b&gt;' in text and '<b>;' not in text
    nonce = re.search("style-src 'nonce-([^']+)'", page.header('Content-Security-Policy'))[1]
    assert f'<style nonce="{nonce}">' in text and '<script' not in text and "default-src 'none'" in page.header('Content-Security-Policy')
    assert page.header('X-Content-Type-Options') == 'nosniff' and page.header('Cache-Control') == 'no-store'
    assert '<meta http-equiv="refresh"' in text

    plain = project.get('/')
    assert plain.status == 500 and plain.header('Content-Type') == 'text/plain; charset=utf-8'
    assert f'urls.c:{line}:9: error:' in plain.body.decode()
    sent = project.get('/', 'Accept: text/html', method='POST', body=b'')
    assert sent.status == 500 and b'http-equiv' not in sent.body

    # Others learn nothing: a proxy's clients, and a foreign name that points here.
    for answer in (project.get('/', 'X-Forwarded-For: 192.0.2.1', 'Accept: text/html'),
                   project.get('/', 'Accept: text/html', host='rebound.example')):
        assert answer.status == 500 and b'urls.c' not in answer.body and b'build' not in answer.body
    assert re.search(rf'urls\.c:{line}:9: error: ', project.log())

    project.edit(project.urls, 'int <b>; ', '')
    assert project.see('It works').status == 200


def test_a_linker_error_names_the_place(project):
    project.run_runserver()
    project.edit(project.urls, 'static dj_response *index_page', 'dj_html nowhere(void);\nstatic dj_response *index_page')
    project.edit(project.urls, 'return dj_page(req, DJ_HTML(', 'if (req == NULL) return dj_page(req, nowhere()); return dj_page(req, DJ_HTML(')
    text = project.see('The build failed', '/', 'Accept: text/html').body.decode()
    assert re.search(r'error</span> <code>urls\.c(:\d+)?</code> undefined reference to `nowhere&#x27;', text)


def test_the_build_file_is_a_source_too(project):
    project.run_runserver()
    project.edit(project.folder / 'meson.build', "executable('pages'", "executble('pages'")
    assert 'meson.build' in project.see('The build failed', '/', 'Accept: text/html').body.decode()
    project.edit(project.folder / 'meson.build', "executble('pages'", "executable('pages'")
    project.see('It works')


# -- settings, templates, static files --

def test_settings_are_read_again_and_their_errors_shown(project):
    project.run_runserver()
    assert project.get('/').header('X-Frame-Options') == 'DENY'
    text = project.settings.read_text()
    project.write(project.settings, text + "X_FRAME_OPTIONS = 'SAMEORIGIN'\n")
    wait_for('the setting', lambda: project.get('/').header('X-Frame-Options') == 'SAMEORIGIN')

    project.write(project.settings, text + "NAME = f'<i>'\n")
    line = text.count('\n') + 1
    page = project.see('The site does not start', '/', 'Accept: text/html', status=500)
    assert f'<code>settings/development.py:{line}:8</code>' in page.body.decode() and b'<i>' not in page.body
    assert f'settings/development.py:{line}:8: error:' in project.get('/').body.decode()
    project.wait_log(rf'settings/development\.py:{line}:8: error:')

    base = project.folder / 'settings/base.py'
    before = base.read_text()
    project.write(project.settings, text)
    project.see('It works')
    try:
        project.write(base, before + "X_FRAME_OPTIONS = 'SAMEORIGIN'\n")
        wait_for('the imported file', lambda: project.get('/').header('X-Frame-Options') == 'SAMEORIGIN')
    finally:
        project.write(base, before)


def test_checks_that_fail_are_shown(project):
    project.run_runserver()
    project.write(project.settings, project.settings.read_text() + "X_FRAME_OPTIONS = 5\n")
    text = project.see('The site does not start', '/', 'Accept: text/html').body.decode()
    assert 'X_FRAME_OPTIONS' in text


def test_static_files_and_templates_need_no_new_program(project):
    for name in ('templates', 'static'):
        (project.folder / name).mkdir(exist_ok=True)
    style = project.folder / 'static/site.css'
    style.write_text('p{color:red}')
    project.write(project.settings, project.settings.read_text() + """
TEMPLATES = [{'BACKEND': 'django.template.backends.django.DjangoTemplates', 'DIRS': [BASE_DIR / 'templates']}]
STATIC_URL = '/static/'
STATICFILES_DIRS = [BASE_DIR / 'static']
INSTALLED_APPS = ['django.contrib.staticfiles']
""")
    project.run_runserver()
    program = children(project.pid)
    assert project.see('p{color:red}', '/static/site.css').status == 200
    style.write_text('p{color:blue}')
    assert project.get('/static/site.css').body == b'p{color:blue}'
    (project.folder / 'templates/page.html').write_text('{{ x }}')
    assert project.get('/').status == 200
    assert children(project.pid) == program and 'changed, reloading' not in project.log()


# -- crashes, and the debug page --

def test_a_crash_is_shown_and_the_next_change_starts_again(project):
    project.run_runserver()
    crashed = children(project.pid)[0]
    assert project.get('/crash/') is None
    page = project.see('signal 11, SIGSEGV', '/', 'Accept: text/html', status=500)
    assert b'crashed' in page.body and not alive(crashed)
    assert project.get('/').status == 500
    project.edit(project.urls, 'It works', 'It works again')
    project.see('It works again')
    assert project.get('/crash/') is None
    project.see('SIGSEGV')
    project.urls.open('ab').close()
    project.see('It works again')


def test_the_debug_page_shows_the_failing_line(project):
    project.run_runserver()
    page = project.get('/fail/?q=%3Cb%3E&password=hunter2')
    text = page.body.decode()
    assert page.status == 500 and 'this &lt;went&gt; wrong' in text
    line = 1 + project.urls.read_text()[:project.urls.read_text().index('/* the place */')].count('\n')
    assert re.search(rf'<mark> *{line}  .*/\* the place \*/</mark>', text) and f'urls.c:{line}' in text
    assert '&lt;b&gt;' in text and 'hunter2' not in text
    foreign = project.get('/fail/', host='rebound.example').body.decode()
    assert 'the place' not in foreign and 'ALLOWED_HOSTS</th>' not in foreign
    assert 'the place' not in project.get('/fail/', 'X-Forwarded-For: 192.0.2.1').body.decode()


# -- the processes --

@pytest.mark.parametrize('signo', [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_and_leaves_nothing(project, signo):
    project.run_runserver()
    program = children(project.pid)[0]
    os.killpg(project.pid, signo)  # as a terminal does
    assert project.process.wait(PATIENCE) == 0
    assert not alive(program)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.0.1', project.port), PATIENCE)
    assert 'ended' not in project.log() and 'crashed' not in project.log()


def test_the_program_ends_with_the_process_that_watches(project):
    project.run_runserver()
    program = children(project.pid)[0]
    project.process.kill()
    wait_for('the program to end', lambda: not alive(program))


def test_a_build_ends_with_runserver_and_with_a_newer_change(project):
    log = project.folder / 'builds.log'
    log.unlink(missing_ok=True)
    project.run_runserver('--build', f'echo $$ >> {log}; sleep 1000')

    def builds():
        return [int(pid) for pid in log.read_text().split()] if log.exists() else []
    project.edit(project.urls, 'It works', 'One')
    wait_for('a build', lambda: len(builds()) == 1)
    project.edit(project.urls, 'One', 'Two')
    wait_for('a second build', lambda: len(builds()) == 2)
    assert not alive(builds()[0])
    project.stop(signal.SIGINT)
    assert not alive(builds()[1])


def test_what_a_build_writes_itself_does_not_build_for_ever(project):
    made = project.folder / 'stamp.h'
    project.run_runserver('--build', f'date +%N > {made}; sleep 0.3; ninja -C build')
    project.edit(project.urls, 'It works', 'It stops')
    try:
        project.see('It stops')
        project.wait_log('stamp.h is changed by the build itself, it seems: not built again')
    finally:
        made.unlink()


def test_noreload_is_one_process(project):
    project.run_runserver('--noreload')
    assert children(project.pid) == [] and 'Watching' not in project.log()
    project.urls.open('ab').close()
    assert project.get('/').status == 200
    assert project.stop(signal.SIGINT) == 0


def test_without_debug_nothing_is_built_and_nothing_told(project):
    key = subprocess.run([str(BUILD / 'donjon'), 'secret-key'], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    text = project.settings.read_text()
    project.write(project.settings, re.sub('SECRET_KEY = .*', f'SECRET_KEY = {key!r}', text).replace('DEBUG = True', 'DEBUG = False'))
    project.run_runserver()
    project.edit(project.urls, 'It works', 'Never built')
    production = project.settings.read_text()
    project.write(project.settings, production + "NAME = f''\n")
    answer = project.see('Server Error', '/', 'Accept: text/html', status=500)
    assert b'development.py' not in answer.body
    project.write(project.settings, production)
    project.see('It works')
    assert 'Building' not in project.log()


def test_a_first_start_that_fails_ends_it(project):
    project.write(project.settings, project.settings.read_text() + "NAME = f''\n")
    done = subprocess.run([str(project.program), 'runserver', f'127.0.0.1:{project.port}'], cwd=project.folder, capture_output=True,
                          text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and 'settings/development.py' in done.stderr and 'error:' in done.stderr


# -- other builds --

def test_a_project_with_a_makefile(project):
    with new_folder() as folder:
        flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'donjon'], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True,
                               check=True).stdout.strip()
        if SANITIZED:
            flags += ' -fsanitize=address,undefined'
        (folder / 'settings').mkdir()
        for name in ('main.c', 'urls.c', 'site.h', 'settings/base.py', 'settings/development.py'):
            (folder / name).write_text((project.folder / name).read_text())
        (folder / 'Makefile').write_text(f'pages: main.c urls.c site.h\n\tcc -D_GNU_SOURCE -o $@ main.c urls.c {flags} -Wl,-rpath,{BUILD}\n')
        subprocess.run(['make', '-C', str(folder)], check=True, stdout=subprocess.DEVNULL)
        other = Project(folder)
        other.errors, other.program = folder / 'stderr.log', folder / 'pages'
        try:
            other.run_runserver()
            other.edit(other.urls, 'It works', 'Made')
            other.see('Made')
            assert 'Building: make --no-print-directory -C ' in other.log()
            other.edit(other.urls, 'return dj_page(req', 'return dj_pge(req')
            assert 'urls.c:' in other.see('The build failed', '/', 'Accept: text/html').body.decode()
        finally:
            other.end()


def test_a_program_without_a_build_says_so(make_site):
    site = make_site('demo', DEBUG=True)
    program = site.folder / 'program'
    program.write_bytes(site.program.read_bytes())
    program.chmod(0o755)
    site.program = program
    site.start(command='runserver')
    site.wait_log('No build.ninja or Makefile above program: sources are not watched. --build COMMAND names the build.')
    with contextlib.closing(Wire(socket.create_connection(('127.0.0.1', site.port)))) as wire:
        wire.send(b'GET /nix/ HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert wire.answer().status == 404
