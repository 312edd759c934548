#!/usr/bin/env python3
"""Verifies that the sources keep to their floors, as src/LAYERS states them. `./test` runs it.

    tools/layers.py [--root DIR] [--reach]

A line of src/LAYERS is `RANK ROOM: public headers`. What is verified:
  - every folder under src/ is a room of the table, every room a folder, every public header listed once;
  - a file includes headers of its own room and of lower floors only, and headers include each other without a circle;
  - src/ROOM/ROOM.h is what a room offers to higher floors; beyond it a room has at most one header, and that one is
    private: no other room includes it. A line `also ROOM: name.h` allows one more, which higher floors may include, for the
    reason in the comment above it;
  - nothing under src/ includes donjon/donjon.h, and no public header needs a private one;
  - a file opens with a comment that names it and says what it is for;
  - a quoted include exists.
--reach prints, for every .c file, how many lines of our own headers it sees. Exit status 1 on any finding."""

import argparse
import pathlib
import re
import sys

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)
LINE = re.compile(r'^(\d+)\s+(\w+):\s*(.*)$')
ALSO = re.compile(r'^also\s+(\w+):\s*(.+)$')
FOR_APPLICATIONS = 'donjon.h'


class Layers:
    def __init__(self, root):
        self.root = root
        self.findings = []
        self.rank = {}        # room -> rank
        self.owner = {}       # public header name -> room
        self.also = {}        # room -> allowed further headers
        self.includes = {}    # path -> [path]
        self.read_table()

    def find(self, path, line, text):
        place = path.relative_to(self.root) if isinstance(path, pathlib.Path) else path
        self.findings.append(f'{place}:{line}: {text}' if line else f'{place}: {text}')

    def read_table(self):
        table = self.root / 'src/LAYERS'
        for number, raw in enumerate(table.read_text().splitlines(), 1):
            text = raw.split('#')[0].strip()
            if not text:
                continue
            if also := ALSO.match(text):
                self.also.setdefault(also[1], set()).update(also[2].split())
                continue
            line = LINE.match(text)
            if not line:
                self.find(table, number, 'neither "RANK ROOM: headers" nor "also ROOM: header"')
                continue
            rank, room, headers = int(line[1]), line[2], line[3].split()
            if room in self.rank:
                self.find(table, number, f'room {room} stands here twice')
            self.rank[room] = rank
            for header in headers:
                if header in self.owner:
                    self.find(table, number, f'{header}.h belongs to {self.owner[header]} already')
                self.owner[header] = room
                if not (self.root / f'include/donjon/{header}.h').is_file():
                    self.find(table, number, f'include/donjon/{header}.h does not exist')

    def room_of(self, path):
        """The room a file belongs to; None for donjon.h; a missing room was reported by check_tree."""
        parts = path.relative_to(self.root).parts
        if parts[0] == 'src':
            return parts[1] if len(parts) > 2 else None
        return self.owner.get(path.stem)

    def sources(self):
        for top in ('src', 'include/donjon'):
            for path in sorted((self.root / top).rglob('*')):
                if path.suffix in ('.c', '.h', '.def') and path.is_file():
                    yield path

    def resolve(self, path, name):
        for folder in (path.parent, self.root / 'include', self.root / 'src', self.root / 'src/conf'):
            if (folder / name).is_file():
                return (folder / name).resolve()
        return None

    def check_tree(self):
        rooms = {p.name for p in (self.root / 'src').iterdir() if p.is_dir()}
        for room in sorted(rooms - set(self.rank)):
            self.find(f'src/{room}', 0, 'this room is not in src/LAYERS')
        for room in sorted(set(self.rank) - rooms):
            self.find('src/LAYERS', 0, f'room {room} has no folder')
        for header in sorted((self.root / 'include/donjon').glob('*.h')):
            if header.name != FOR_APPLICATIONS and header.stem not in self.owner:
                self.find(header, 0, 'this public header is listed with no room in src/LAYERS')
        for room in sorted(rooms & set(self.rank)):
            private = {p.name for p in (self.root / 'src' / room).rglob('*.h')}
            private -= {f'{room}.h'} | self.also.get(room, set())
            if len(private) > 1:
                self.find(f'src/{room}', 0, 'more than one private header: ' + ', '.join(sorted(private)))

    def check_file(self, path):
        text = path.read_text(errors='replace')
        named = path.relative_to(self.root).as_posix()
        first = text.split('\n', 1)[0]
        if path.suffix == '.def':
            if not first.startswith('/* '):
                self.find(path, 1, 'does not open with a comment that says what it is for')
        elif not first.startswith(f'/* {named} - '):
            self.find(path, 1, f'does not open with "/* {named} - what it is for"')
        self.includes[path] = []
        for match in INCLUDE.finditer(text):
            line = text.count('\n', 0, match.start()) + 1
            target = self.resolve(path, match[1])
            if target is None:
                if not match[1].endswith('version.h'):  # made by the build
                    self.find(path, line, f'"{match[1]}" does not exist')
                continue
            self.includes[path].append(target)
            self.check_include(path, line, target)

    def check_include(self, path, line, target):
        public = path.is_relative_to(self.root / 'include')
        room = self.room_of(path)
        if target.name == FOR_APPLICATIONS and target.parent.name == 'donjon':
            if path.name != FOR_APPLICATIONS:
                self.find(path, line, 'donjon/donjon.h is for applications only')
            return
        other = self.room_of(target)
        if public and not target.is_relative_to(self.root / 'include') and target.suffix == '.h':
            self.find(path, line, f'a public header needs the private {target.name}')
        if room is None or other is None or room == other or room not in self.rank or other not in self.rank:
            return
        mine, theirs = self.rank[room], self.rank[other]
        if theirs > mine:
            self.find(path, line, f'upward: {room} (floor {mine}) includes {target.name} of {other} (floor {theirs})')
        elif theirs == mine:
            self.find(path, line, f'{room} includes {target.name} of {other}: rooms of one floor do not know each other')
        elif target.parent == self.root / 'src' / other and target.suffix == '.h' and \
                target.name not in {f'{other}.h'} | self.also.get(other, set()):
            self.find(path, line, f'{target.name} is private to {other}')

    def check_circles(self):
        done, stack = set(), []

        def visit(path):
            if path in stack:
                circle = stack[stack.index(path):] + [path]
                self.find(path, 0, 'circle: ' + ' -> '.join(p.name for p in circle))
                return
            if path in done:
                return
            stack.append(path)
            for target in self.includes.get(path, ()):
                visit(target)
            stack.pop()
            done.add(path)

        for path in sorted(self.includes):
            visit(path)

    def reach(self, path):
        seen, todo = set(), list(self.includes.get(path, ()))
        while todo:
            target = todo.pop()
            if target not in seen:
                seen.add(target)
                todo += self.includes.get(target, ())
        return sum(len(p.read_text(errors='replace').splitlines()) for p in seen if p.suffix == '.h')

    def check(self):
        self.check_tree()
        for path in self.sources():
            self.check_file(path)
        self.check_circles()
        return self.findings


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--root', type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument('--reach', action='store_true', help='print how many lines of our headers each .c file sees')
    options = parser.parse_args()
    layers = Layers(options.root.resolve())
    findings = layers.check()
    if options.reach:
        for path in layers.includes:
            if path.suffix == '.c':
                print(f'{layers.reach(path):6} {path.relative_to(layers.root)}')
    for finding in findings:
        print(finding)
    print(f'{len(layers.includes)} files in {len(layers.rank)} rooms, {len(findings)} findings')
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
