import os
BASE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STATIC_ROOT = os.path.join(BASE_DIR, 'static')
M = os.path.join(BASE_DIR, 'a', 'b', '')
ABS = os.path.join(BASE_DIR, '/etc')
