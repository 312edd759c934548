DATABASES = {'default': {'NAME': 'x'}}
DATABASES['default']['CONN_MAX_AGE'] = 60
L = [1, 2]
L[0] = 9
