#!/usr/bin/env python3
"""Writes src/base/casing.def: what str.lower, str.upper and str.title do, as ranges.

    /usr/bin/python3 tools/generate/casing.py > src/base/casing.def

Run it with Debian 12's Python 3.11 (Unicode 14), whose decisions are the ones to be repeated."""
import unicodedata

ALL = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def ranges(pairs):
    """[(code, delta)] -> [(first, last, step, delta)]"""
    out = []
    for code, delta in pairs:
        if out and out[-1][3] == delta:
            first, last, step, _ = out[-1]
            if last == first and code - last in (1, 2) or last != first and code - last == step:
                out[-1] = (first, code, code - last, delta)
                continue
        out.append((code, code, 1, delta))
    return out


def simple(change):
    pairs, special = [], []
    for c in ALL:
        to = change(chr(c))
        if to == chr(c):
            continue
        if len(to) == 1:
            pairs.append((c, ord(to) - c))
        else:
            special.append((c, to))
    return ranges(pairs), special


def spans(codes):
    return [(f, l) for f, l, s, _ in ranges([(c, 0) for c in codes]) for f, l in ([(f, l)] if s == 1 else [(x, x) for x in range(f, l + 1, s)])]


print("/* src/base/casing.def - made by tools/generate/casing.py from Unicode %s; do not edit. */" % unicodedata.unidata_version)
for name, change in ("LOWER", str.lower), ("UPPER", str.upper):
    table, special = simple(change)
    print("\n#ifdef CASING_%s" % name)
    for r in table:
        print("{0x%X, 0x%X, %d, %d}," % r)
    print("#endif\n\n#ifdef CASING_%s_SPECIAL" % name)
    for c, to in special:
        print('{0x%X, {%s}},' % (c, ", ".join("0x%X" % ord(x) for x in to)))
    print("#endif")
# Only what str.upper would not do as well.
print("\n#ifdef CASING_TITLE_SPECIAL")
for c in ALL:
    if chr(c).title() != chr(c).upper():
        print('{0x%X, {%s}},' % (c, ", ".join("0x%X" % ord(x) for x in chr(c).title())))
print("#endif")
SIGMA = "\u03a3"
ignorable, cased = [], []
for c in ALL:
    if (chr(c) + SIGMA).lower().endswith("\u03c2"):
        cased.append(c)
    elif ("A" + chr(c) + SIGMA).lower().endswith("\u03c2"):
        ignorable.append(c)
for name, codes in ("CASED", cased), ("IGNORABLE", ignorable):
    print("\n#ifdef CASING_%s" % name)
    for s in spans(codes):
        print("{0x%X, 0x%X}," % s)
    print("#endif")
