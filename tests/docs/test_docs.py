"""The docs hold: complete programs in them compile, the front page's is examples/hello.c, links lead somewhere."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('DONJON_BUILD', ROOT / 'build'))
PAGES = sorted([*ROOT.glob('*.md'), *(ROOT / 'docs').rglob('*.md')])
INCLUDES = ['-I', str(ROOT / 'include'), '-I', str(ROOT / 'src/conf')]


def blocks(page, language):
    """(line, text) of each fenced block in that language."""
    text = page.read_text()
    for match in re.finditer(rf'^```{language}\n(.*?)^```$', text, re.M | re.S):
        yield text.count('\n', 0, match.start()) + 1, match[1]


PROGRAMS = [(f'{page.relative_to(ROOT)}:{line}', text) for page in PAGES for line, text in blocks(page, 'c')
            if re.search(r'^int main\(', text, re.M)]


@pytest.mark.parametrize('place, text', PROGRAMS, ids=[place for place, _ in PROGRAMS])
def test_a_complete_program_compiles(tmp_path, place, text):
    source = tmp_path / 'program.c'
    source.write_text(text)
    done = subprocess.run(['gcc', '-std=gnu11', '-Wall', '-Wextra', '-Wno-missing-field-initializers', '-Werror', '-fsyntax-only',
                           *INCLUDES, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, f'{place}\n{done.stderr}'


@pytest.mark.parametrize('place, text', [(place, text) for place, text in PROGRAMS if '<donjon/test.h>' in text],
                         ids=[place for place, text in PROGRAMS if '<donjon/test.h>' in text])
def test_a_program_that_tests_itself_passes(tmp_path, place, text):
    source, program = tmp_path / 'program.c', tmp_path / 'program'
    source.write_text(text)
    subprocess.run(['gcc', '-std=gnu11', *INCLUDES, str(source), '-o', str(program), '-L', str(BUILD), f'-Wl,-rpath,{BUILD}', '-ldonjon'],
                   check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f'{place}\n{done.stderr}'


def code_of(path):
    """A C file without its opening comment."""
    return re.sub(r'\A/\*.*?\*/\s*', '', path.read_text(), flags=re.S).strip()


def test_the_front_page_shows_hello_c():
    shown = [text.strip() for _, text in blocks(ROOT / 'README.md', 'c')]
    assert code_of(ROOT / 'examples/hello.c') in [re.sub(r'\A/\*.*?\*/\s*', '', text, flags=re.S) for text in shown]


def test_the_page_on_templates_shows_articles_c():
    assert code_of(ROOT / 'examples/articles.c') in [text.strip() for _, text in blocks(ROOT / 'docs/templates.md', 'c')]
    shown = [text.strip() for _, text in blocks(ROOT / 'docs/templates.md', 'django')]
    assert (ROOT / 'examples/articles/index.html').read_text().strip() in shown


def test_hello_c_has_at_most_20_lines():
    assert len((ROOT / 'examples/hello.c').read_text().splitlines()) <= 20


@pytest.mark.parametrize('page', PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_links_inside_the_project_lead_somewhere(page):
    broken = []
    for target in re.findall(r'\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)', page.read_text()):
        if not re.match(r'[a-z]+:', target) and not (page.parent / target).exists():
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize('page', PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_files_named_in_code_spans_exist(page):
    """`src/conf/settings.def` and the like: a page that names a file keeps up with it."""
    gone = [name for name in re.findall(r'`((?:src|include|tools|tests|docs|examples|fuzz|benches)/[\w./-]+)`', page.read_text())
            if not (ROOT / name).exists() and not re.search(r'\b(ROOM|NAME)\b', name)]
    assert gone == []


@pytest.mark.parametrize('name', ['README.md', 'CHANGES.md', 'SECURITY.md', 'CONTRIBUTING.md', 'LICENSE'])
def test_the_front_papers_are_there(name):
    assert (ROOT / name).is_file()
