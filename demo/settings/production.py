# SECRET_KEY=... ALLOWED_HOSTS=example.com build/demo serve --settings demo/settings/production.py \
#     --bind 0.0.0.0:80 --bind-tls 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem
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
