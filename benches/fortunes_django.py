#!/usr/bin/python3
"""Renders benches/templates/fortunes.html with Django's engine: CPU microseconds per page on stdout, behind the page itself.

    fortunes_django.py SECONDS"""

import json
import pathlib
import sys
import time

import django
from django.conf import settings
from django.template import Context
from django.template.engine import Engine

FOLDER = pathlib.Path(__file__).resolve().parent / 'templates'


def main():
    settings.configure()
    django.setup()
    rows = json.loads((FOLDER / 'fortunes.json').read_text())
    template = Engine(dirs=[str(FOLDER)]).get_template('fortunes.html')
    page = template.render(Context({'fortunes': rows}))
    n, begin = 0, time.process_time()
    while (spent := time.process_time() - begin) < float(sys.argv[1]):
        for _ in range(20):
            template.render(Context({'fortunes': rows}))
        n += 20
    print(json.dumps({'page': page, 'us': spent / n * 1e6, 'version': f'Django {django.get_version()}'}))


if __name__ == '__main__':
    main()
