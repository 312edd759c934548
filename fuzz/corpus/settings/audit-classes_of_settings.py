from configurations import Configuration, values
DEBUG = False
APPS = ['a']
HOSTS = ['h']
OPTIONS = {}
class Common(Configuration):
    DEBUG = values.BooleanValue(True)
    X = 1
    APPS += ['b']
    OPTIONS['k'] = 1

    @property
    def HOSTS(self):
        return []

Z = 2
