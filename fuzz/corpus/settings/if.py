import os

DEBUG = False
if DEBUG:
    ALLOWED_HOSTS = ['*']
