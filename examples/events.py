# Settings of examples/events.c: those of its neighbour.
from .hello import *
