#!/usr/bin/env python3
"""Writes src/base/unicode.def: what Python's str methods and re know about code points, as ranges.

    /usr/bin/python3 tools/generate/unicode.py > src/base/unicode.def

Run it with Debian 12's Python 3.11 (Unicode 14), whose decisions are the ones to be repeated."""
import sys
import unicodedata


def ranges(wanted):
    start = None
    for cp in range(0x110000):
        if wanted(chr(cp)):
            start = cp if start is None else start
        elif start is not None:
            yield start, cp - 1
            start = None
    if start is not None:
        yield start, 0x10FFFF


def table(name, wanted):
    print(f"\n#ifdef DJ_RANGES_{name}")
    line = ""
    for first, last in ranges(wanted):
        row = f"R(0x{first:X}, 0x{last:X}) "
        if len(line) + len(row) > 118:
            print(line.rstrip())
            line = ""
        line += row
    print(line.rstrip())
    print("#endif")


print(f"/* src/base/unicode.def - made by tools/generate/unicode.py from Unicode {unicodedata.unidata_version}; do not edit. */")
table("OTHER", lambda c: unicodedata.category(c)[0] == "C")
table("WORD", lambda c: c.isalnum() or c == "_")
table("SPACE", str.isspace)
table("URL_MARK", lambda c: ord(c) > 127 and any(m in unicodedata.normalize("NFKC", c) for m in "/?#@:"))
sys.stdout.flush()
