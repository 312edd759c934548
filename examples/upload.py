# Settings of examples/upload.c: those of its neighbour.
from .hello import *
