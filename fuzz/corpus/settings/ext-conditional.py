import os
DEBUG = True
HOSTS = ['*'] if DEBUG else os.environ['HOSTS'].split(',')
A = 1 if not DEBUG else 2 if DEBUG else 3
