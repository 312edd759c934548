# build/demo runserver
import os
from .base import *

DEBUG = True
SECRET_KEY = os.environ.get('SECRET_KEY', 'django-insecure-only-for-this-machine-never-for-a-server')
ALLOWED_HOSTS = ['localhost', '127.0.0.1', '[::1]']
