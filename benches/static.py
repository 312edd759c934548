# W6: a static file, as a site in production sends it.
import os

DEBUG = False
SECRET_KEY = 'bench-only:k8Qw2vN5xT7zB4mR9pL3sD6fG1hJ0cY8uE2aZ5iO7qX4'
ALLOWED_HOSTS = ['127.0.0.1']
MIDDLEWARE = ['django.middleware.security.SecurityMiddleware']
STATIC_URL = '/static/'
STATIC_ROOT = os.environ['BENCH_STATIC_ROOT']
MAX_REQUESTS_PER_CONNECTION = 1000000000
MAX_CONNECTIONS_PER_ADDRESS = 10000
