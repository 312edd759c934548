import os, sys
import environ
from .local import *
env = environ.Env(DEBUG=(bool, False))
try:
    from .x import *
except ImportError:
    pass
else:
    A = 1
if DEBUG and 'test' not in sys.argv:
    INSTALLED_APPS += ['x']
elif A:
    B = [x for x in y if x]
def f(a, b=1):
    global C
    C = lambda x, y: 1
class K(B, metaclass=M):
    D = 1
for a, (b, *c) in z: D = a
with open(f'{x!r}') as fh, g() as (p, q):
    exec(fh.read())
DATABASES = {'default': env.db(), 'x': {'PASSWORD': f"{a}"}}
DATABASES['default']['X'] = a[1:2] | b
LOGGING.update({'x': 1}); del A
@dec
async def h(): pass
while (n := 1): break
