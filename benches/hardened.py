# W2: host check, six security headers, a Content-Security-Policy with a fresh nonce.
from django.utils.csp import CSP

DEBUG = False
SECRET_KEY = 'bench-only:k8Qw2vN5xT7zB4mR9pL3sD6fG1hJ0cY8uE2aZ5iO7qX4'
ALLOWED_HOSTS = ['127.0.0.1']
MIDDLEWARE = [
    'django.middleware.security.SecurityMiddleware',
    'django.middleware.csp.ContentSecurityPolicyMiddleware',
    'django.middleware.common.CommonMiddleware',
    'django.middleware.clickjacking.XFrameOptionsMiddleware',
    'donjon.middleware.PermissionsPolicyMiddleware',
]
SECURE_CSP = {
    'default-src': [CSP.SELF],
    'script-src': [CSP.SELF, CSP.NONCE],
    'object-src': [CSP.NONE],
    'base-uri': [CSP.NONE],
}
PERMISSIONS_POLICY = {'camera': [], 'geolocation': [], 'microphone': []}
MAX_REQUESTS_PER_CONNECTION = 1000000000
MAX_CONNECTIONS_PER_ADDRESS = 10000
