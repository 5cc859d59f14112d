"""Where values of generated projects come from: code, files, folders, the environment, programs; see `changes`.

A source is a function of a number, which names its files, and of the value. It returns files; one of them is a module
``src`` with a function ``value()`` that returns the value, however that has to be found.
"""

from __future__ import annotations

import gzip
import io
import pickle
import sqlite3
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Stamped:
    """A file with a mode, or a time of modification."""

    text: str
    mode: int = 0o644
    mtime: int = 0


@dataclass(frozen=True)
class Key:
    """The value of an environment key; its path is the key's name."""

    value: str


Content: TypeAlias = "str | bytes | Link | Stamped | Key"
Files: TypeAlias = "dict[str, Content]"
Source: TypeAlias = "Callable[[int, int], Files]"


def module(number: int, code: str, **more: Content) -> Files:
    """Return the files of a source whose function has this body, or whose module has this text."""
    text = code if "def value" in code else f"import os\n\ndef value():\n    {code}\n"
    return {"lib/__init__.py": "", f"lib/src{number}.py": text.replace("#", str(number)), **more}


def reads(code: str, render: Callable[[int], Content] = str, name: str = "data/d#.txt") -> Source:
    """Return a source that reads one file; `#` stands for its number."""

    def source(number: int, value: int) -> Files:
        path = name.replace("#", str(number))
        return module(number, code.replace("FILE", path), **{path: render(value)})

    return source


def written(code: str) -> Source:
    """Return a source whose value stands in its code, as `VALUE`."""
    return lambda number, value: module(number, code.replace("VALUE", str(value)))


def asked(code: str) -> Source:
    """Return a source that asks for a key of the environment."""
    return lambda number, value: {**module(number, code), f"KEY_{number}": Key(str(value))}


def present(code: str, name: str) -> Source:
    """Return a source that is 1 if a file is there and 0 otherwise: it comes and goes."""

    def source(number: int, value: int) -> Files:
        path = name.replace("#", str(number))
        folder = path.split("/")[0]
        files = {path: "X = 1\n"} if value % 2 else {}
        return module(number, code.replace("FILE", path), **{f"{folder}/keep": ""}, **files)

    return source


def helped(code: str, helper: str, path: str = "lib/more#.py") -> Source:
    """Return a source with a second module, in which the value stands."""

    def source(number: int, value: int) -> Files:
        text = helper.replace("VALUE", str(value)).replace("#", str(number))
        return module(number, code, **{path.replace("#", str(number)): text})

    return source


def linked(code: str, files: Callable[[int, int], Files]) -> Source:
    """Return a source that looks at a link."""
    return lambda number, value: {**module(number, code), **files(number, value)}


def _archive(name: str, text: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return stream.getvalue()


def _database(value: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "db")
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE t (v)")
        connection.execute("INSERT INTO t VALUES (?)", (value,))
        connection.commit()
        connection.close()
        return path.read_bytes()


def _many(number: int, value: int, code: str, *suffixes: str) -> Files:
    more = {f"many{number}/{name}{suffix}": "Z = 1\n" for name in range(value % 7 + 1) for suffix in suffixes}
    return module(number, code, **more)


def listed(code: str, *suffixes: str) -> Source:
    """Return a source that counts the files of a folder."""
    return lambda number, value: _many(number, value, code, *(suffixes or (".txt",)))


PROGRAM = "import subprocess, sys\n\ndef value():\n    return int(subprocess.run({}, capture_output=True, text=True).stdout)\n"
SQL = "import sqlite3\n\ndef value():\n    c = sqlite3.connect({})\n    v = c.execute('SELECT v FROM t').fetchone()[0]\n    c.close()\n    return v\n"

SOURCES: dict[str, Source] = {
    "body": written("return VALUE"),
    "constant": written("LIMIT = VALUE\n\ndef value():\n    return LIMIT\n"),
    "default": written("def given(x=VALUE):\n    return x\n\ndef value():\n    return given()\n"),
    "decorator": written(
        "import functools\n\ndef plus(n):\n    def wrap(f):\n        @functools.wraps(f)\n        def inner():\n"
        "            return f() + n\n        return inner\n    return wrap\n\n@plus(VALUE)\ndef value():\n    return 0\n"
    ),
    "metaclass": written(
        "class Meta(type):\n    def __new__(m, name, bases, ns):\n        ns['v'] = VALUE\n        return super().__new__(m, name,"
        " bases, ns)\n\nclass A(metaclass=Meta):\n    pass\n\ndef value():\n    return A.v\n"
    ),
    "descriptor": written(
        "class D:\n    def __get__(self, o, t=None):\n        return VALUE\n\nclass A:\n    d = D()\n\ndef value():\n    return A().d\n"
    ),
    "property": written("class A:\n    @property\n    def p(self):\n        return VALUE\n\ndef value():\n    return A().p\n"),
    "lambda": written("F = [lambda: VALUE]\n\ndef value():\n    return F[0]()\n"),
    "comprehension": written("def value():\n    return sum(x for x in (VALUE,))\n"),
    "closure": written("def make():\n    v = VALUE\n    return lambda: v\n\nG = make()\n\ndef value():\n    return G()\n"),
    "match": written("def value():\n    match VALUE:\n        case x:\n            return x\n"),
    "docstring": written('def value():\n    """VALUE"""\n    return int(value.__doc__)\n'),
    "annotation": written("def f(a: VALUE): pass\n\ndef value():\n    return f.__annotations__['a']\n"),
    "dataclass": written("from dataclasses import dataclass\n\n@dataclass\nclass A:\n    v: int = VALUE\n\ndef value():\n    return A().v\n"),
    "enum": written("import enum\n\nclass E(enum.IntEnum):\n    V = VALUE\n\ndef value():\n    return int(E.V)\n"),
    "getattr of a module": written("import sys\n\ndef __getattr__(n):\n    return VALUE\n\ndef value():\n    return sys.modules[__name__].anything\n"),
    "exec of a string": written("NS = {}\nexec('def f(): return VALUE', NS)\n\ndef value():\n    return NS['f']()\n"),
    "source of a function": written("import inspect\n\ndef f():\n    return VALUE\n\ndef value():\n    return int(inspect.getsource(f).split()[-1])\n"),
    "constants of the code": written("def f():\n    return VALUE\n\ndef value():\n    return next(c for c in (*f.__code__.co_consts, VALUE) if c is not None)\n"),
    "import": helped("from lib.more# import LIMIT\n\ndef value():\n    return LIMIT\n", "LIMIT = VALUE\n"),
    "import inside": helped("from lib import more#\n    return more#.f()", "def f():\n    return VALUE\n"),
    "star import": helped("from lib.more# import *\n\ndef value():\n    return f()\n", "__all__ = ['f']\n\ndef f():\n    return VALUE\n"),
    "relative import": helped("from . import more#\n\ndef value():\n    return more#.LIMIT\n", "LIMIT = VALUE\n"),
    "import_module": helped("import importlib\n    return importlib.import_module('lib.more#').f()", "def f(): return VALUE\n"),
    "dunder import": helped("return __import__('lib.more#', fromlist=['f']).f()", "def f(): return VALUE\n"),
    "base class": helped("from lib.more# import B\n\nclass A(B): pass\n\ndef value():\n    return A().m()\n", "class B:\n    def m(self): return VALUE\n"),
    "subclass hook": helped(
        "from lib.more# import B\n\nclass A(B): pass\n\ndef value():\n    return A.v\n",
        "class B:\n    def __init_subclass__(cls):\n        cls.v = VALUE\n",
    ),
    "registry": helped("R = {}\nimport lib.more#\n\ndef value():\n    return R['v']()\n", "from lib.src# import R\n\ndef f(): return VALUE\nR['v'] = f\n"),
    "exec of a file": helped("ns = {}\n    exec(compile(open('lib/more#.py').read(), 'more', 'exec'), ns)\n    return ns['X']", "X = VALUE\n"),
    "run_path": helped("import runpy\n    return runpy.run_path('lib/more#.py')['X']", "X = VALUE\n"),
    "loader": helped(
        "from importlib.util import spec_from_file_location as s, module_from_spec as m\n    spec = s('x#', 'lib/more#.py')\n"
        "    mod = m(spec)\n    spec.loader.exec_module(mod)\n    return mod.X",
        "X = VALUE\n",
    ),
    "reload": helped("import importlib, lib.more#\n    return importlib.reload(lib.more#).X", "X = VALUE\n"),
    "package": helped("import pack#\n    return pack#.f()", "from .inner import f\n", "pack#/__init__.py"),
    "script without suffix": helped("import types\n    from importlib.machinery import SourceFileLoader as L\n    m = types.ModuleType('t#')\n    L('t#', 'bin/tool#').exec_module(m)\n    return m.X", "X = VALUE\n", "bin/tool#"),
    "child": helped(PROGRAM.format("[sys.executable, '-c', 'import lib.more#; print(lib.more#.f())']"), "def f(): return VALUE\n"),
    "child that reads": reads(PROGRAM.format("[sys.executable, '-c', 'print(open(\"FILE\").read())']")),
    "program": reads(PROGRAM.format("['cat', 'FILE']")),
    "shell": reads("return int(os.popen('cat FILE').read())"),
    "multiprocessing": reads(
        "import multiprocessing\n\ndef f(q):\n    q.put(int(open('FILE').read()))\n\ndef value():\n    c = multiprocessing.get_context('fork')\n"
        "    q = c.SimpleQueue()\n    p = c.Process(target=f, args=(q,))\n    p.start()\n    v = q.get()\n    p.join()\n    return v\n"
    ),
    "fork": reads(
        "r, w = os.pipe()\n    p = os.fork()\n    if not p:\n        os.write(w, open('FILE', 'rb').read())\n        os._exit(0)\n"
        "    os.waitpid(p, 0)\n    v = int(os.read(r, 99))\n    os.close(r)\n    os.close(w)\n    return v"
    ),
    "open": reads("return int(open('FILE').read())"),
    "io.FileIO": reads("import io\n    return int(io.FileIO('FILE').read())"),
    "read_text": reads("from pathlib import Path\n    return int(Path('FILE').read_text())"),
    "beside the module": reads("from pathlib import Path\n    return int(Path(__file__).with_name('d#.txt').read_text())", name="lib/d#.txt"),
    "json": reads("import json\n    return json.load(open('FILE'))['v']", lambda v: f'{{"v": {v}}}', "data/d#.json"),
    "toml": reads("import tomllib\n    return tomllib.load(open('FILE', 'rb'))['v']", lambda v: f"v = {v}\n", "data/d#.toml"),
    "config": reads("import configparser\n    c = configparser.ConfigParser()\n    c.read('FILE')\n    return int(c['a']['v'])", lambda v: f"[a]\nv = {v}\n", "d#.cfg"),
    "csv": reads("import csv\n    return int(next(csv.reader(open('FILE')))[1])", lambda v: f"a,{v}\n"),
    "pickle": reads("import pickle\n    return pickle.load(open('FILE', 'rb'))", pickle.dumps),
    "gzip": reads("import gzip\n    return int(gzip.open('FILE').read())", lambda v: gzip.compress(str(v).encode(), mtime=0)),
    "zip": reads("import zipfile\n    return int(zipfile.ZipFile('FILE').read('a'))", lambda v: _archive("a", str(v))),
    "zip import": reads("import sys\n    sys.path.insert(0, 'FILE')\n    import zed#\n    return zed#.X", lambda _: b"", "data/z#.zip"),
    "os.open": reads("f = os.open('FILE', os.O_RDONLY)\n    v = int(os.read(f, 99))\n    os.close(f)\n    return v"),
    "dir_fd": reads("d = os.open('data', os.O_RDONLY)\n    f = os.open('d#.txt', os.O_RDONLY, dir_fd=d)\n    v = int(os.read(f, 99))\n    os.close(f)\n    os.close(d)\n    return v"),
    "mmap": reads("import mmap\n    with open('FILE') as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:\n        return int(m[:])"),
    "linecache": reads("import linecache\n    return int(linecache.getline('FILE', 1))"),
    "fileinput": reads("import fileinput\n    with fileinput.input('FILE') as f:\n        return int(f.readline())"),
    "numbers in code": reads("import ast\n    return ast.literal_eval(open('FILE').read())"),
    "shutil.copy": reads("import shutil, tempfile\n    with tempfile.TemporaryDirectory() as t:\n        return int(open(shutil.copy('FILE', t)).read())"),
    "file url": reads("import urllib.request\n    return int(urllib.request.urlopen('file://' + os.path.abspath('FILE')).read())"),
    "get_data": reads("import pkgutil\n    return int(pkgutil.get_data('lib', 'd#.txt'))", name="lib/d#.txt"),
    "resources": reads("import importlib.resources as r\n    return int(r.files('lib').joinpath('d#.txt').read_text())", name="lib/d#.txt"),
    "thread": reads("import threading\n    v = []\n    t = threading.Thread(target=lambda: v.append(int(open('FILE').read())))\n    t.start()\n    t.join()\n    return v[0]"),
    "executor": reads("import concurrent.futures as c, pathlib\n    with c.ThreadPoolExecutor() as p:\n        return int(next(p.map(pathlib.Path.read_text, [pathlib.Path('FILE')])))"),
    "to_thread": reads("import asyncio, pathlib\n    return int(asyncio.run(asyncio.to_thread(pathlib.Path('FILE').read_text)))"),
    "sqlite": reads(SQL.format("'FILE'"), _database, "data/d#.db"),
    "sqlite uri": reads(SQL.format("'file:FILE?mode=ro', uri=True"), _database, "data/d#.db"),
    "size": reads("return os.path.getsize('FILE')", lambda v: "x" * v),
    "size by seek": reads("with open('FILE', 'rb') as f:\n        return f.seek(0, 2)", lambda v: "x" * v),
    "size in a folder": reads("return next(e.stat().st_size for e in os.scandir('sizes#') if e.name == 'a')", lambda v: "x" * v, "sizes#/a"),
    "fstat": reads("f = os.open('FILE', os.O_RDONLY)\n    v = os.fstat(f).st_size\n    os.close(f)\n    return v", lambda v: "x" * v),
    "compared": reads("import filecmp\n    return 10 + filecmp.cmp('FILE', 'lib/__init__.py', shallow=False)", lambda v: "" if v % 2 else "x"),
    "mode": reads("return os.stat('FILE').st_mode & 0o777", lambda v: Stamped("", 0o600 + v % 8 * 8)),
    "access": reads("return int(os.access('FILE', os.X_OK))", lambda v: Stamped("", 0o744 if v % 2 else 0o644)),
    "time": reads("return int(os.path.getmtime('FILE')) % 1000", lambda v: Stamped("", mtime=1_600_000_000 + v)),
    "link": linked("return int(open('links/l#').read())", lambda n, v: {f"links/l{n}": Link(f"t{v}_{n}"), f"links/t{v}_{n}": str(v)}),
    "target of a link": linked("return int(os.readlink('links/l#'))", lambda n, v: {f"links/l{n}": Link(str(v))}),
    "behind a link": linked("return int(open('links/f#/d').read())", lambda n, v: {f"links/f{n}": Link(f"../deep{n}"), f"deep{n}/d": str(v)}),
    "exists": present("return int(os.path.exists('FILE'))", "some#/f"),
    "is_file": present("from pathlib import Path\n    return int(Path('FILE').is_file())", "some#/f"),
    "missing file": present("try:\n        open('FILE').close()\n    except OSError:\n        return 0\n    return 1", "some#/f"),
    "missing folder": present("return int(os.path.isdir('some#/sub'))", "some#/sub/f"),
    "optional import": present("try:\n        import lib.opt#\n    except ImportError:\n        return 0\n    return 1", "lib/opt#.py"),
    "find_spec": present("import importlib.util\n    return int(importlib.util.find_spec('lib.opt#') is not None)", "lib/opt#.py"),
    "iter_modules": present("import pkgutil, lib\n    return sum(m.name == 'opt#' for m in pkgutil.iter_modules(lib.__path__))", "lib/opt#.py"),
    "listdir": listed("return len(os.listdir('many#'))"),
    "scandir": listed("return len(list(os.scandir('many#')))"),
    "glob": listed("import glob\n    return len(glob.glob('many#/*.txt'))"),
    "glob of a fixed name": lambda n, v: module(n, "import glob\n    return len(glob.glob('apps#/*/c.json'))", **{f"apps{n}/{i}/{'c' if i <= v % 5 else 'd'}.json": "" for i in range(5)}),
    "rglob": listed("from pathlib import Path\n    return len(list(Path('many#').rglob('*.txt')))"),
    "iterdir": listed("from pathlib import Path\n    return len(list(Path('many#').iterdir()))"),
    "walk": lambda n, v: module(n, "return sum(len(f) for _, _, f in os.walk('tree#'))", **{f"tree{n}/{i % 3}/{i}": "" for i in range(v % 9 + 1)}),
    "plugins in a folder": listed("import glob, runpy\n    return sum(runpy.run_path(f)['Z'] for f in glob.glob('many#/*.py'))", ".py"),
    "environ": asked("return int(os.environ['KEY_#'])"),
    "environ.get": asked("return int(os.environ.get('KEY_#', 0))"),
    "getenv": asked("return int(os.getenv('KEY_#', 0))"),
    "environb": asked("return int(os.environb[b'KEY_#'])"),
    "expandvars": asked("return int(os.path.expandvars('$KEY_#'))"),
    "all keys": asked("return int({k: v for k, v in os.environ.items()}['KEY_#'])"),
    "copied keys": asked("return int(dict(os.environ)['KEY_#'])"),
    "key of a child": asked(PROGRAM.format("[sys.executable, '-c', 'import os; print(os.environ[\"KEY_#\"])']")),
    "key of a shell": asked("return int(os.popen('echo $KEY_#').read())"),
    "key in a template": asked("import string\n    return int(string.Template('$KEY_#').substitute(os.environ))"),
}  # fmt: skip


def _zip_import(number: int, value: int) -> Files:
    files = reads("import sys\n    sys.path.insert(0, 'FILE')\n    import zed#\n    return zed#.X", name="data/z#.zip")(
        number, value
    )
    return {**files, f"data/z{number}.zip": _archive(f"zed{number}.py", f"X = {value}\n")}


def _package(number: int, value: int) -> Files:
    files = SOURCES_OF_PACKAGES(number, value)
    return {**files, f"pack{number}/inner.py": f"def f():\n    return {value}\n"}


SOURCES_OF_PACKAGES = SOURCES["package"]
SOURCES["package"] = _package
SOURCES["zip import"] = _zip_import
