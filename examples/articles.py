# Settings of examples/articles.c: those of its neighbour, and where templates may lie beside those in the program.
from pathlib import Path

from django.utils.csp import CSP

from .hello import *

BASE_DIR = Path(__file__).resolve().parent

TEMPLATES = [
    {
        'BACKEND': 'django.template.backends.django.DjangoTemplates',
        'DIRS': [BASE_DIR / 'articles'],
        'OPTIONS': {
            'context_processors': [
                'django.template.context_processors.request',
                'django.template.context_processors.csp',
            ],
        },
    },
]

# The script of the first page carries the nonce of its answer.
SECURE_CSP = {
    'default-src': [CSP.SELF],
    'script-src': [CSP.SELF, CSP.NONCE],
    'object-src': [CSP.NONE],
    'base-uri': [CSP.NONE],
    'form-action': [CSP.SELF],
    'frame-ancestors': [CSP.NONE],
}
TIME_ZONE = 'UTC'
