"""The examples of docs/contextual-escaping.md: each is rendered by the engine and gives what the page says."""

import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('DONJON_BUILD', ROOT / 'build'))
PAGE = ROOT / 'docs/contextual-escaping.md'


def examples():
    for block in re.findall(r'^```escaping\n(.*?)^```$', PAGE.read_text(), re.M | re.S):
        for example in block.strip().split('\n\n'):
            yield dict(re.match(r'(\w+) +(.*)', line).groups() for line in example.splitlines())


def render(cases, folder):
    vectors = folder / 'examples.json'
    vectors.write_text(json.dumps({'kind': 'templates.render', 'cases': cases}))
    return subprocess.run([str(BUILD / 'conformance'), str(vectors)], capture_output=True, text=True, timeout=60)


def test_every_example_holds(tmp_path):
    cases = []
    for i, example in enumerate(examples()):
        case = {'id': f'example {i + 1}', 'templates': {'main': example['template']}, 'main': 'main',
                'context': {'v': json.loads(example['value'])}}
        if 'error' in example:
            case['error'] = {'class': 'TemplateSyntaxError', 'level': 'render'}
        else:
            case['expect'] = example['page']
        cases.append(case)
    assert len(cases) > 20
    done = render(cases, tmp_path)
    assert done.returncode == 0, done.stdout


def test_an_example_that_does_not_hold_is_seen(tmp_path):
    done = render([{'id': 'wrong', 'templates': {'main': '{{ v }}'}, 'main': 'main', 'context': {'v': '<'}, 'expect': '<'}], tmp_path)
    assert done.returncode == 1
