#!/usr/bin/env python3
"""Writes src/base/entities.def: HTML's named character references, sorted by name.

    /usr/bin/python3 tools/generate/entities.py > src/base/entities.def

A name without ';' is one that HTML also takes without it."""
from html.entities import html5

print("/* src/base/entities.def - made by tools/generate/entities.py from the table of HTML 5; do not edit. */")
line = ""
for name in sorted(html5, key=str.encode):
    text = "".join(f"\\x{b:02x}" for b in html5[name].encode())
    row = f'E("{name}", "{text}") '
    if len(line) + len(row) > 118:
        print(line.rstrip())
        line = ""
    line += row
print(line.rstrip())
