#!/usr/bin/env python3
"""Writes src/http/charsets.def: the charsets that Python 3.11 knows, under all their names, and what the bytes from 0x80 on
mean in those of one byte a character.

    /usr/bin/python3 tools/generate/charsets.py > src/http/charsets.def

NAME(normalised name, kind): see charset.c. TABLE(kind, 128 code points; 0xFFFD: no character)."""
import codecs
import encodings
import pkgutil
from encodings.aliases import aliases

modules = {m.name for m in pkgutil.iter_modules(encodings.__path__)} - {"aliases", "mbcs", "oem"}
ASCII = bytes(range(128))


def kind(module):
    """One of UTF8, ASCII, LATIN1, OTHER (known, but not read here), or the 128 characters of the upper half."""
    known = {"utf_8": "UTF8", "ascii": "ASCII", "latin_1": "LATIN1"}
    if module in known:
        return known[module]
    info = codecs.lookup(module)
    if not info._is_text_encoding:
        return "OTHER"
    try:
        if ASCII.decode(module) != ASCII.decode("ascii"):
            return "OTHER"
        # every byte by itself: more than one byte a character shows as an empty or failing answer
        upper = tuple(ord(bytes([b]).decode(module, "replace")) for b in range(128, 256))
        whole = bytes(range(128, 256)).decode(module, "replace")
        if tuple(map(ord, whole)) != upper or max(upper) > 0xFFFF or upper.count(0xFFFD) > 100:
            return "OTHER"
        return "LATIN1" if upper == tuple(range(128, 256)) else upper
    except (UnicodeError, TypeError, LookupError):
        return "OTHER"


kinds, tables = {}, {}
for module in sorted(modules):
    found = kind(module)
    if isinstance(found, tuple):
        found = tables.setdefault(found, module.upper())
    kinds[module] = found
names = dict(kinds)
for alias, module in aliases.items():
    if module in kinds:
        names[alias] = kinds[module]

print("/* src/http/charsets.def - made by tools/generate/charsets.py from Python 3.11; do not edit. */")
print("\n#ifdef DJ_CHARSET_NAMES")
for name in sorted(names):
    print(f'NAME("{name}", {names[name]})')
print("#endif\n\n#ifdef DJ_CHARSET_TABLES")
for table, name in sorted(tables.items(), key=lambda item: item[1]):
    print(f"TABLE({name},")
    for at in range(0, 128, 16):
        print("  " + " ".join(f"0x{c:04X}," for c in table[at:at + 16]).rstrip("," if at == 112 else ""))
    print(")")
print("#endif")
