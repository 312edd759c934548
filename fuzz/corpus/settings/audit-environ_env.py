from pathlib import Path
import environ
BASE_DIR = Path('/srv/app')
env = environ.Env()
DEBUG = env.bool('DJANGO_DEBUG', False)
LANGUAGE_CODE = 'en-us'
USE_TZ = True
DATABASES = {'default': env.db('DATABASE_URL')}
DATABASES['default']['ATOMIC_REQUESTS'] = True
DJANGO_APPS = ['a']
LOCAL_APPS = ['b']
INSTALLED_APPS = DJANGO_APPS + LOCAL_APPS
STATIC_ROOT = str(BASE_DIR / 'staticfiles')
CSRF_COOKIE_HTTPONLY = True
EMAIL_TIMEOUT = 5
ADMINS = [("""A""", 'a@example.com')]
MANAGERS = ADMINS
