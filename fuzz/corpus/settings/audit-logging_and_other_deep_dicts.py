import logging
LOGGING = {
    'version': 1,
    'filters': {'f': {'()': 'django.utils.log.RequireDebugFalse'}},
    'handlers': {'console': {'class': 'logging.StreamHandler', 'level': logging.DEBUG}},
}
LOGGING['loggers'] = {'django': {'handlers': ['console']}}
logging.getLogger(__name__).info('x')
CACHES = {'default': {'B': 'x'}}
CACHES['default'].update(TIMEOUT=1)
OK = True
