try:
    from .local import *
except ImportError:
    pass
