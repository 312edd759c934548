import os

DEBUG = False
SECRET = f'{DEBUG}-x'
