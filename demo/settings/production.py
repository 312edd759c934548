# SECRET_KEY=... ALLOWED_HOSTS=example.com TLS_CERT=cert.pem TLS_KEY=key.pem \
#     build/demo serve --settings demo/settings/production.py
# and before that, with STATIC_ROOT=/srv/demo/static for both:
#     build/demo collectstatic --noinput --settings demo/settings/production.py
import os
from .base import *

DEBUG = False
SECRET_KEY = os.environ['SECRET_KEY']
ALLOWED_HOSTS = os.environ.get('ALLOWED_HOSTS', 'example.com,www.example.com').split(',')

SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 31536000  # one year
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True

SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# Where collectstatic puts files. Without it none are served, and pages link to names that are not there: they do without.
STATIC_ROOT = os.environ.get('STATIC_ROOT')
INSTALLED_APPS = ['django.contrib.staticfiles'] if STATIC_ROOT else []

BIND = ['0.0.0.0:80']  # only redirects to HTTPS
BIND_TLS = ['0.0.0.0:443']
TLS_CERT = os.environ.get('TLS_CERT')
TLS_KEY = os.environ.get('TLS_KEY')
