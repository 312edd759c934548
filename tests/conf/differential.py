"""Random settings files, read by Donjon and executed by Python: both must give the same values, or both an error.

Two kinds of files. *Valid* ones are made statement by statement from the grammar (docs/settings-files.md); each statement is
tried in Python while it is made, so that most files run to their end. *Broken* ones are valid files with tokens deleted,
doubled, swapped or inserted: what Python calls a SyntaxError must be an error of Donjon's, too, and what Donjon takes must
have Python's values.

The generator stays inside what both define: 64 bits, exponents 0-64, `is` for None, True and False, one comparison in a
row, str() of texts, ints, bools, None and paths.

    differential.py DUMP_SETTINGS FIRST_SEED COUNT [broken]
"""
import io
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import tokenize
import types
import warnings

ENV = {
    "COMMA": "x,y", "EMPTY": "", "NUM": " 4_2 ", "YES": "True", "WORD": "no", "ROOT_DIR": "/srv//app/./x/", "UNI": "ünï ẞ",
    "SPACES": " a  b\tc ",
}
REFUSED = {"overflow"}  # more than 64 bits: Python goes on, Donjon does not


class Refused(Exception):
    """The generator has left common ground."""


def shape(v):
    """A value in the form of tests/vectors/settings/README.md; sets in a fixed order."""
    if v is None or isinstance(v, (bool, str)):
        return v
    if isinstance(v, int):
        if not -2**63 <= v < 2**63:
            raise Refused("64 bits")
        return v
    if isinstance(v, float):
        return {"$float": "nan" if math.isnan(v) else v.hex()}
    if isinstance(v, pathlib.PurePath):
        return {"$path": str(v)}
    if isinstance(v, list):
        return [shape(x) for x in v]
    if isinstance(v, tuple):
        return {"$tuple": [shape(x) for x in v]}
    if isinstance(v, (set, frozenset)):
        return {"$set": sorted((shape(x) for x in v), key=repr)}
    if isinstance(v, dict):
        if all(isinstance(k, str) for k in v):
            return {k: shape(x) for k, x in v.items()}
        return {"$dict": [[shape(k), shape(x)] for k, x in v.items()]}
    raise Refused(type(v).__name__)


def shape_json(v):
    """The same, of what dump_settings wrote."""
    if isinstance(v, float):
        return shape(v)
    if isinstance(v, list):
        return [shape_json(x) for x in v]
    if isinstance(v, dict):
        v = {k: shape_json(x) for k, x in v.items()}
        if list(v) == ["$set"]:
            v["$set"].sort(key=repr)
        return v
    return v


def text_of(shaped):
    return json.dumps(shaped, sort_keys=False)


# -- Python's side --

class CSP:
    SELF = "'self'"
    NONE = "'none'"
    UNSAFE_INLINE = "'unsafe-inline'"


class Runner:
    """Executes a file with the names that Donjon predeclares, and relative imports."""

    def __init__(self):
        self.modules = {}

    def importer(self, name, globals_=None, locals_=None, fromlist=(), level=0):
        if level == 0:
            return __import__(name, globals_, locals_, fromlist, 0)
        folder = pathlib.Path(globals_["__file__"]).parent
        for _ in range(level - 1):
            folder = folder.parent
        path = folder / (name.replace(".", "/") + ".py")
        if not path.exists():
            raise ImportError(name)
        module = types.ModuleType(name)
        module.__dict__.update(self.run(path))
        return module

    def run(self, path):
        path = str(path)
        if path in self.modules:
            return self.modules[path]
        names = self.names(path)
        self.modules[path] = names
        with open(path, "rb") as f:
            code = compile(f.read(), path, "exec")
        exec(code, names)
        return names

    def names(self, path):
        import builtins
        own = dict(vars(builtins))
        own["__import__"] = self.importer
        return {"__builtins__": own, "__file__": path, "__name__": "settings", "__package__": "site", "os": os,
                "Path": pathlib.Path, "CSP": CSP}


def python_values(path):
    names = Runner().run(path)
    return {k: v for k, v in names.items() if k.isupper() and k.isascii() and k != "CSP"}


# -- the generator --

def kind_of(v):
    if v is None:
        return "none"
    if isinstance(v, pathlib.PurePath):
        return "path"
    return type(v).__name__


class Maker:
    def __init__(self, seed, path, runner):
        self.r = random.Random(seed)
        self.path = path
        self.runner = runner
        self.ns = runner.names(str(path))
        self.vars = []
        self.nest = 0
        self.count = 0

    def one(self, *choices):
        return self.r.choice(choices)

    def chance(self, p):
        return self.r.random() < p

    def ws(self):
        if self.nest > 0 and self.chance(0.04):
            return self.one("\n", "\n    ", " # ' ) comment\n", "\n\t\n", "\\\n", " \f ")
        return self.one(" ", " ", " ", "") if self.nest > 0 or not self.chance(0.03) else " \\\n "

    def of_kind(self, *kinds):
        found = [n for n in self.vars if kind_of(self.ns[n]) in kinds]
        return self.r.choice(found) if found else None

    def bracket(self, open_, make, close):
        self.nest += 1
        text = open_ + self.ws() + make() + self.ws() + close
        self.nest -= 1
        return text

    # literals

    def number(self):
        r = self.r
        n = self.one(0, 1, 2, 3, 7, 10, 64, 255, 1000, 65536, r.randrange(10**6), r.randrange(2**40))
        return self.one(lambda: str(n), lambda: str(n), lambda: hex(n), lambda: oct(n), lambda: bin(n),
                        lambda: f"{n:_}", lambda: f"0x{n:_X}", lambda: f"0X_{n:x}", lambda: f"0B{n:b}",
                        lambda: f"0O{n:o}", lambda: self.one("00", "0_0", "000"))()

    def float(self):
        r = self.r
        return self.one("0.5", "1.", ".25", "1e3", "1E-2", "2.5e+1", "1_0.2_5", "0.1", "00.5", "1e0", "09.5", "0e0", "1e-320",
                        "9007199254740993.", repr(r.random()), repr(r.uniform(-1e6, 1e6)).lstrip("-"), f"{r.random():.3e}")

    def piece(self):
        """A string token."""
        r = self.r
        prefix = self.one("", "", "", "", "r", "R", "u", "U")
        raw = prefix.lower() == "r"
        quote = self.one("'", '"', "'''", '"""')
        parts = ["a", "b c", "é", "ß", "日本", "😀", "/", ",", "#", "{", "x", "X", "0", " ", "\t", "%s", "ǅ", "İ", "Σ", "."]
        parts += ["\\n", "\\t", "\\\\", "\\'", '\\"', "\\q", "\\d", "\\ "]
        if not raw:
            parts += ["\\a", "\\b", "\\f", "\\r", "\\v", "\\101", "\\7", "\\18", "\\377", "\\x41", "\\xe9", "\\u00e9",
                      "\\U0001F600", "\\1234", "\\\n"]
        parts += ["\\\n"] if raw and len(quote) == 3 else []
        parts += ["'"] if '"' in quote else ['"']
        if len(quote) == 3:
            parts += ["\n", "\n  ", quote[0], quote[0] * 2 + "z"]
        body = "".join(r.choice(parts) for _ in range(r.randrange(6)))
        if body.endswith(quote[0]):
            body += "."
        return prefix + quote + body + quote

    def string(self):
        if self.chance(0.2):
            return self.ws().join(self.piece() + " " for _ in range(self.r.randrange(2, 4))).rstrip(" ")
        return self.piece()

    # numbers, by precedence

    def chain(self, make, ops, p):
        text = make()
        while self.chance(p):
            op = self.one(*ops)
            if op.isalpha():
                text += " " + self.ws() + op + " " + make()
            else:
                text += self.ws() + op + self.ws() + make()
        return text

    def num(self, d):
        return self.chain(lambda: self.chain(lambda: self.num_not(d), ["and"], 0.08), ["or"], 0.08)

    def num_not(self, d):
        if self.chance(0.05):
            return "not " + self.num_not(d)
        text = self.num_sum(d)
        if self.chance(0.12):
            text += " " + self.one("==", "!=", "<", ">", "<=", ">=") + self.ws() + self.num_sum(d)
        return text

    def num_sum(self, d):
        return self.chain(lambda: self.num_term(d), ["+", "-"], 0.3 if d > 0 else 0)

    def num_term(self, d):
        return self.chain(lambda: self.num_factor(d), ["*", "/", "//", "%"], 0.25 if d > 0 else 0)

    def num_factor(self, d):
        if self.chance(0.12):
            return self.one("-", "+") + self.one("", " ") + self.num_factor(d)
        if self.chance(0.06):
            return self.one("2", "3", "10", "0", "1.5", "True", "(-2)") + self.ws() + "**" + self.ws() + \
                self.one("0", "1", "2", "5", "True", "+3", "2 ** 2", "2**0")
        return self.num_atom(d)

    def num_atom(self, d):
        pick = self.r.randrange(12)
        if pick < 4 or d <= 0:
            return self.one(self.number, self.number, self.float)()
        if pick == 4:
            return self.one("True", "False")
        if pick == 5:
            name = self.of_kind("int", "float", "bool")
            return name or self.number()
        if pick == 6:
            return self.bracket("(", lambda: self.num(d - 1), ")")
        if pick == 7:
            return "int" + self.bracket("(", lambda: self.one("'12'", "' -3\\n'", "'1_0'", "True", "2.9", "-2.9", "os.environ['NUM']",
                                                              "'+7'", "'0012'", self.number()), ")")
        if pick == 8:
            return "bool" + self.bracket("(", lambda: self.any(d - 1), ")")
        if pick == 9:
            return self.element("int", "float", "bool") or self.number()
        if pick == 10:
            return "(" + self.any_compare(d - 1) + ")"
        return self.number()

    def any_compare(self, d):
        pick = self.r.randrange(6)
        if pick == 0:
            return self.paren(self.any(d)) + self.one(" is ", " is not ") + self.one("None", "True", "False")
        if pick == 1:
            return self.str(d) + self.one(" in ", " not in ") + self.paren(self.one(self.str, self.list, self.dict, self.set, self.tuple)(d))
        if pick == 2:
            return f"{self.string()} {self.one('in', 'not in')} os.environ"
        if pick == 3:
            kind = self.one(self.str, self.list, self.tuple, self.set, self.path_)
            return self.paren(kind(d)) + self.one(" < ", " > ", " <= ", " >= ", " == ", " != ") + self.paren(kind(d))
        return self.paren(self.any(d)) + self.one(" == ", " != ") + self.paren(self.any(d))

    def paren(self, text):
        return "(" + text + ")"

    def element(self, *kinds):
        """A subscript of a variable whose value is of one of the kinds."""
        found = []
        for n in self.vars:
            v = self.ns[n]
            if isinstance(v, (list, tuple, str)):
                found += [(n, i, x) for i, x in enumerate(v)] + [(n, i - len(v), x) for i, x in enumerate(v)]
            elif isinstance(v, dict):
                found += [(n, k, x) for k, x in v.items() if isinstance(k, (str, int, bool))]
        found = [f for f in found if kind_of(f[2]) in kinds]
        if not found:
            return None
        n, k, _ = self.r.choice(found)
        return n + self.one("", " ") + self.bracket("[", lambda: repr(k), "]")

    # texts and paths

    def str(self, d):
        pick = self.r.randrange(18)
        if pick < 5 or d <= 0:
            return self.string()
        d -= 1
        if pick == 5:
            return self.of_kind("str") or self.string()
        if pick == 6:
            return self.str(d) + self.ws() + "+" + self.ws() + self.str(d)
        if pick == 7:
            return "str" + self.bracket("(", lambda: self.one(self.int_text, self.str, lambda d: "None", lambda d: "True", self.path_)(d), ")")
        if pick == 8:
            return self.str_atom(d) + self.one(".lower", ".upper", ".strip") + self.bracket("(", lambda: "", ")")
        if pick == 9:
            return self.str_atom(d) + ".strip" + self.bracket("(", lambda: self.one("None", self.str(d)), ")")
        if pick == 10:
            return self.str_atom(d) + ".replace" + self.bracket("(", lambda: self.str(d) + "," + self.str(d), ")")
        if pick == 11:
            return self.str_atom(d) + ".join" + self.bracket("(", lambda: self.texts(d), ")")
        if pick == 12:
            name = self.one("'COMMA'", "'EMPTY'", "'UNI'", "'WO' 'RD'", "'SPACES'", "'ROOT_DIR'")
            return self.one(f"os.environ[{name}]", f"os . environ.get({name})", f"os.getenv({name}, 'd')",
                            f"os.environ.get('UNSET', {self.string()})", f"os.environ.get('UNSET', default = {self.string()})")
        if pick == 13:
            parts = ",".join(self.one(self.str, self.path_)(d) for _ in range(self.r.randrange(1, 4)))
            return "os.path.join(" + parts + self.one("", ",") + ")"
        if pick == 14:
            return "os.path." + self.one("dirname", "abspath", "realpath", "dirname") + "(" + self.one("__file__", self.str(d)) + ")"
        if pick == 15:
            return self.element("str") or "__file__"
        if pick == 16:
            return self.bracket("(", lambda: self.str(d) + " if " + self.any(d) + " else " + self.str(d), ")")
        return self.str_atom(d) + ".split(',')[0]"

    def int_text(self, d):
        return self.one("12", "-3", "0x1F", "True")

    def texts(self, d):
        return self.one("[", "(") .replace("[", "[" + ", ".join(self.str(d) for _ in range(2)) + "]") \
            .replace("(", "(" + self.str(d) + ",)")

    def str_atom(self, d):
        text = self.one(self.of_kind("str") or "'aXbxc'", self.piece(), "(" + self.str(d) + ")")
        return text

    def path_(self, d):
        pick = self.r.randrange(9)
        if pick < 3 or d <= 0:
            return "Path(" + self.one("__file__", "'/a/b/../c/'", "'x'", "''", "'.'", "'//two/x'", "'///three'", "'a//b/./c'",
                                      "'..'", "'/..'", "'/'", "'./a'") + ")"
        d -= 1
        if pick == 3:
            return self.of_kind("path") or "Path('/q')"
        base = "(" + self.path_(d) + ")"
        if pick == 4:
            return base + self.one(".parent", ".parent.parent", " . parent")
        if pick == 5:
            return base + self.ws() + "/" + self.ws() + self.one("'x'", "'/abs'", "'../y/'", "''", "Path('z')", "'a' 'b'")
        if pick == 6:
            return base + ".joinpath(" + self.one("", "'a'", "'a', 'b/c'", "Path('k'), '/r'") + ")"
        if pick == 7:
            return "Path(__file__).resolve()" + self.one("", ".parent", ".parents[0]", ".parents[ 1 ]", ".parent / 'db'")
        return "'pre' / " + base

    # containers

    def items(self, d, make):
        def one():
            if self.chance(0.1):
                return "*" + self.one("", " ") + self.one(self.list, self.tuple)(d)
            return make(d)
        n = self.one(0, 1, 1, 2, 2, 3, 4)
        return ("," + self.ws()).join(one() for _ in range(n)) + (self.one("", "", ",") if n else ""), n

    def list(self, d):
        pick = self.r.randrange(8)
        if d <= 0 or pick < 5:
            return self.bracket("[", lambda: self.items(d - 1, self.any)[0], "]")
        if pick == 5:
            return self.of_kind("list") or "[]"
        if pick == 6:
            return "(" + self.list(d - 1) + " + " + self.list(d - 1) + ")"
        return self.str_atom(d - 1) + ".split(" + self.one("", "','", "'x'", "None", self.str(0)) + ")"

    def tuple(self, d):
        pick = self.r.randrange(7)
        if d > 0 and pick == 5:
            return self.of_kind("tuple") or "()"
        if d > 0 and pick == 6:
            return "(" + self.tuple(d - 1) + " + " + self.tuple(d - 1) + ")"

        def body():
            text, n = self.items(d - 1, self.any)
            return text + ("," if n == 1 and not text.endswith(",") else "")
        return self.bracket("(", body, ")")

    def hashable(self, d):
        return self.one(self.str, self.str, self.num, lambda d: self.one("1", "1.0", "True", "0", "False", "-0.0", "None", "'a'", "2"),
                        self.path_, lambda d: "(1, 'x')", lambda d: "(True, 'x',)")(d)

    def set(self, d):
        n = self.one(1, 2, 3, 4)
        return self.bracket("{", lambda: ("," + self.ws()).join(self.hashable(d - 1) for _ in range(n)) + self.one("", ","), "}")

    def dict(self, d):
        def pair():
            if self.chance(0.1):
                return "**" + (self.of_kind("dict") or "{'k': 1}")
            return self.hashable(d - 1) + self.ws() + ":" + self.ws() + self.any(d - 1)
        n = self.one(0, 1, 2, 3)
        if d > 0 and self.chance(0.1):
            return self.of_kind("dict") or "{}"
        return self.bracket("{", lambda: ("," + self.ws()).join(pair() for _ in range(n)) + (self.one("", ",") if n else ""), "}")

    def any(self, d):
        pick = self.r.randrange(20)
        if pick < 5:
            return self.num(d)
        if pick < 9:
            return self.str(d)
        if pick < 11:
            return self.list(d)
        if pick == 11:
            return self.tuple(d)
        if pick == 12:
            return self.dict(d)
        if pick == 13:
            return self.set(d)
        if pick == 14:
            return self.path_(d)
        if pick == 15:
            return self.one("None", "True", "False", "CSP.SELF", "os.environ.get('UNSET')", "os.getenv('YES')")
        if pick == 16 and self.vars:
            return self.r.choice(self.vars)
        if pick == 17 and d > 0:
            return "(" + self.any(d - 1) + " if " + self.any(d - 1) + " else " + self.any(d - 1) + ")"
        if pick == 18 and d > 0:
            return "(" + self.any(d - 1) + self.one(" or ", " and ") + self.any(d - 1) + ")"
        return self.one("not ", "") + self.any(0) if d <= 0 else "(" + self.any_compare(d - 1) + ")"

    # statements

    def name(self, fresh=0.75):
        if self.vars and not self.chance(fresh):
            return self.r.choice(self.vars)
        self.count += 1
        return self.one("A", "B", "_C", "NAME_", "low", "É"[:0] + "D") + str(self.count)

    def wrong(self):
        """Wrong for both."""
        return self.one("'a' + 1", "[1] + (2,)", "1 / 0", "1 // 0", "5 % 0", "1.0 / 0", "int('x')", "int('')", "int('1__0')", "int([])",
                        "nowhere", "{}['k']", "[][0]", "(1,)[1]", "'ab'[2]", "os.environ['UNSET']", "{[]: 1}", "{[1]}", "None.parent",
                        "'x'.parent", "[1]['a']", "1 < 'a'", "[] < ()", "None < 1", "{} < {}", "-'a'", "+[]", "1 in 1", "1 in 'a'", "[] in {1}",
                        "'a'.split('')", "'a'.split(1)", "','.join([1])", "','.join(1)", "Path(1)", "Path('a') + 'b'", "'a' / 'b'",
                        "os.path.join(1)", "os.path.join('a', None)", "'a'.replace('b')", "'a'.lower(1)", "'a'.startswith(1)",
                        "[*1]", "{**[]}", "int('٣x')", "1[0]", "os.environ[1]", "'a'.strip(1)", "Path('x').parents[5]",
                        "{1: 2}[(1, [])]", "{'a'}[0]", "[1, 2][1.0]", "{*[[]]}", "{**{}, [] : 1}", "'x' in None", "str('a', 'b', 'c', 'd')")

    def statement(self):
        pick = self.r.randrange(24)
        d = self.one(0, 1, 2, 3)
        name = self.name()
        if pick == 0 and (target := self.of_kind("list")):
            return f"{target} += {self.one(self.list, self.tuple)(d)}"
        if pick == 1 and (target := self.of_kind("str")):
            return f"{target}+={self.str(d)}"
        if pick == 2 and (target := self.of_kind("tuple")):
            return f"{target} += {self.tuple(d)}"
        if pick == 3 and (target := self.of_kind("int", "float", "bool")):
            return f"{target} += {self.num(d)}"
        if pick == 4 and (target := self.of_kind("dict")):
            return f"{target}[{self.hashable(d)}] = {self.any(d)}"
        if pick == 5 and (target := self.of_kind("list")) and self.ns[target]:
            return f"{target}[{self.r.randrange(-len(self.ns[target]), len(self.ns[target]))}] = {self.any(d)}"
        if pick == 6 and self.vars:
            return f"{name} = {self.r.choice(self.vars)}"
        if pick == 7:
            return f"{name} = {self.name()} = {self.any(d)}"
        if pick == 8:
            return f"{name}: {self.one('int', 'list[str]', 'str')} = {self.any(d)}"
        if pick == 9:
            return f"{name} = {self.any(d)}, {self.one('', self.any(d))}"
        if pick == 10:
            return self.string()
        if pick == 11:
            return self.one("import os", "from pathlib import Path", "import os.path")
        if pick == 12:
            return f"{name} = {self.any_compare(d)}"
        if pick == 13:
            return f"{name} = {self.any(d)} if {self.any(d)} else {self.any(d)}"
        if pick == 14:
            return f"{name} = " + self.str_atom(d) + self.one(".startswith(", ".endswith(") + self.one(self.str(d), "('a', 'b c')", "()") + ")"
        if pick == 15 and (target := self.of_kind("dict")):
            inner = [k for k, v in self.ns[target].items() if isinstance(v, (dict, list)) and isinstance(k, str)]
            if inner:
                key = self.r.choice(inner)
                if isinstance(self.ns[target][key], dict):
                    return f"{target}[{key!r}][{self.hashable(0)}] = {self.any(d)}"
        if pick < 18:
            return f"{name} = {self.num(d + 1)}"
        return f"{name}{self.ws()}={self.ws()}{self.any(d)}"

    def try_(self, text):
        """Runs a statement; its names count from now on. False: it raised."""
        code = compile(text, "<made>", "exec")
        try:
            exec(code, self.ns)
            for v in [v for n, v in self.ns.items() if n not in ("__builtins__", "os", "Path", "CSP")]:
                shape(v)
        finally:
            self.vars = [n for n in self.ns if n not in ("__builtins__", "__file__", "__name__", "__package__", "os", "Path", "CSP",
                                                         "__annotations__", "__doc__")]

    def make(self, head=""):
        lines = []
        if head:
            self.try_(head)
            lines.append(head)
        for _ in range(self.r.randrange(1, 10)):
            text = self.statement()
            before = dict(self.ns)
            try:
                self.try_(text)
            except Refused:
                # what it has changed can't be taken back
                if any(self.ns.get(n) is not before.get(n) for n in self.ns) or "[" in text or "+=" in text:
                    raise
                continue
            except RecursionError:
                raise Refused("contains itself")
            except Exception:
                lines.append(text)
                break
            lines.append(text)
        else:
            if self.chance(0.1):
                lines.append(f"{self.name()} = {self.wrong()}")
        text = ""
        for i, line in enumerate(lines):
            text += line
            simple = i + 1 < len(lines) and "\n" not in line
            text += self.one("; ", ";") if simple and self.chance(0.08) else \
                self.one("\n", "\n", "\n", " # c\n", "\n\n", ";\n", "  \n", "\n# c 'x\n", "\n   # in\n", "\n\f\n", "\n\t\n")
        if self.chance(0.1):
            text = text.rstrip("\n") if not text.rstrip("\n").endswith("\\") else text
        return text


def make_files(seed, folder):
    """Writes settings.py, and perhaps base.py beside it; returns the path."""
    r = random.Random(seed)
    runner = Runner()
    entry = pathlib.Path(folder) / "settings.py"
    head = ""
    if r.random() < 0.15:
        base = pathlib.Path(folder) / "base.py"
        maker = Maker(seed + 500_000_000, base, runner)
        text = maker.make()
        base.write_text(text, encoding="utf-8", newline="")
        names = sorted(n for n in maker.vars if not n.startswith("_"))
        head = "from .base import *"
        if names and r.random() < 0.4:
            some = r.sample(names, min(len(names), 3))
            head = "from . base import " + r.choice(["%s", "(%s)", "(\n%s,\n)"]) % \
                ", ".join(n + r.choice(["", f" as {n}X"]) for n in some)
        runner.modules.clear()
    maker = Maker(seed, entry, runner)
    try:
        text = maker.make(head)
    except (Refused, RecursionError):
        raise
    except Exception:  # the base raises
        text = head + "\n"
    end = r.choice(["\n", "\n", "\n", "\r\n", "\r"])
    data = text.replace("\n", end).encode()
    if r.random() < 0.05:
        data = b"\xef\xbb\xbf" + data
    entry.write_bytes(data)
    return entry


EXTRA = ["(", ")", "[", "]", "{", "}", ",", ":", "=", "==", "+", "-", "*", "**", "/", ".", ";", "+=", "if", "else", "not", "in", "is", "and",
         "or", "None", "True", "1", "0x", "1_", "'s'", "'", "b''", "f''", "for", "lambda", "A1", "\n", " ", "\\", "import", "from", "...", "0777",
         "1.e", "@", "!", "~", "<", "as", "*A1", "**A1", "\\\n", "\t", "r", "u", "rb", '"""', "await", "yield", "$", "?", "é", ":=", "->"]


def break_file(seed, path):
    r = random.Random(seed)
    text = path.read_bytes().decode().replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    try:
        tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.string]
        starts = [0]
        for line in text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        spans = [(starts[t.start[0] - 1] + t.start[1], starts[t.end[0] - 1] + t.end[1]) for t in tokens]
    except (tokenize.TokenError, SyntaxError, IndexError):
        spans = [(i, i + 1) for i in range(len(text))]
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        if not spans:
            break
        a, b = r.choice(spans)
        c, e = r.choice(spans)
        how = r.randrange(6)
        if how == 0:
            text = text[:a] + text[b:]
        elif how == 1:
            text = text[:a] + text[c:e] + " " + text[a:]
        elif how == 2:
            text = text[:a] + text[c:e] + text[b:]
        elif how == 3:
            text = text[:a] + r.choice(EXTRA) + text[a:]
        elif how == 4:
            text = text[:a] + r.choice(EXTRA) + text[b:]
        else:
            i = r.randrange(len(text) + 1)
            text = text[:i] + text[i + 1:]
        spans = [(x, y) for x, y in spans if y <= min(a, c)] or [(i, i + 1) for i in range(len(text))]
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


# -- comparison --

class Donjon:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(ENV, **SANITIZER))

    def read(self, path):
        self.process.stdin.write(os.fsencode(str(path)) + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            return {"crash": True}
        return json.loads(line, strict=False)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


SANITIZER = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}


def difference(donjon, path, broken):
    """None, or what differs; "refused" if the file lies outside common ground."""
    got = donjon.read(path)
    if "crash" in got:
        return "Donjon has crashed"
    if "error" in got and (got["error"] in REFUSED or broken):
        if not broken:
            return "refused"
        return None
    try:
        want = {k: text_of(shape(v)) for k, v in python_values(path).items()}
    except Refused as e:
        return "refused" if "error" in got else f"Donjon takes it, but: {e}"
    except RecursionError:
        return None if "error" in got else "Donjon takes it; Python: recursion"
    except Exception as e:
        return None if "error" in got else f"Donjon takes it; Python: {type(e).__name__}: {e}"
    if "error" in got:
        return f"Python takes it; Donjon: {got}"
    got = {k: text_of(shape_json(v)) for k, v in got["values"].items()}
    for name in list(want) + list(got):
        if want.get(name) != got.get(name):
            return f"{name}: Python {want.get(name)}, Donjon {got.get(name)}"
    return None


def run(program, first, count, broken=False):
    """Returns (files compared, files outside common ground, [(seed, difference, text)])."""
    warnings.simplefilter("ignore")
    os.environ.clear()
    os.environ.update(ENV)
    donjon = Donjon(program)
    compared, refused, found = 0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder).resolve()
        for seed in range(first, first + count):
            here = folder / str(seed)
            here.mkdir()
            try:
                path = make_files(seed, here)
                if broken:
                    break_file(seed, path)
            except (Refused, RecursionError):
                refused += 1
                continue
            what = difference(donjon, path, broken)
            if what == "refused":
                refused += 1
            else:
                compared += 1
            if what not in (None, "refused"):
                text = "".join(f"--- {p.name}\n{p.read_bytes().decode(errors='replace')}" for p in sorted(here.iterdir()))
                found.append((seed, what, text))
                if what.endswith("crashed"):
                    donjon = Donjon(program)
            for p in here.iterdir():
                p.unlink()
            here.rmdir()
    donjon.close()
    return compared, refused, found


if __name__ == "__main__":
    result = run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] == ["broken"])
    for item in result[2]:
        print("seed %d: %s\n%s" % item)
    print(f"{result[0]} files compared, {result[1]} outside common ground, {len(result[2])} differences")
    sys.exit(len(result[2]) > 0)
