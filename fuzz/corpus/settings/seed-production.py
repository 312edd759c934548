# settings/production.py

# NEVER run with DEBUG=True in production
DEBUG = False

# Secret key - use environment variable, never commit
SECRET_KEY = os.environ['DJANGO_SECRET_KEY']

# Only allow your domain(s)
ALLOWED_HOSTS = ['example.com', 'www.example.com']

# Force HTTPS
SECURE_SSL_REDIRECT = True

# HSTS - Tell browsers to only use HTTPS
SECURE_HSTS_SECONDS = 31536000  # 1 year
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True

# Secure cookies
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = False  # Keep False if using cookie-based AJAX CSRF pattern

# Prevent clickjacking
X_FRAME_OPTIONS = 'DENY'

# Note: SECURE_BROWSER_XSS_FILTER was removed in Django 4.0
# Modern protection uses Content Security Policy instead (see SECURE_CSP)
# SECURE_CSP is configured via django.middleware.csp.ContentSecurityPolicyMiddleware

# Prevent MIME type sniffing
SECURE_CONTENT_TYPE_NOSNIFF = True

# Referrer policy
SECURE_REFERRER_POLICY = 'strict-origin-when-cross-origin'
