"""How tests of generated projects come by a value: directly, by fixtures, caches, hooks, threads …; see `changes`.

A channel is a text of a test file, and maybe of more files, with ``from lib.src# import value``. `#` is its number,
`VALUE` what the tests expect. At least two tests use the value: whoever comes second often finds it in a cache.
"""

from __future__ import annotations

TESTS = "t#/test_#.py"
CONFTEST = "t#/conftest.py"
KEEP = "lib/keep#.py"
V = "import pytest\nfrom lib.src# import value\n\n"
TWO = "def test_a(): assert get() == VALUE\ndef test_b(): assert get() == VALUE\ndef test_o(): pass\n"
USED = "def test_a(v): assert v == VALUE\ndef test_b(v): assert v == VALUE\ndef test_o(): pass\n"


def _fixture(scope: str, more: str = "") -> str:
    return f"{V}@pytest.fixture(scope={scope!r}{more})\ndef v():\n    yield value()\n\n"


def _conftest(hook: str, test: str) -> dict[str, str]:
    return {CONFTEST: V + hook, TESTS: f"import pytest\n{test}"}


def _kept(code: str, use: str = "keep.get()") -> dict[str, str]:
    other = f"from lib import keep# as keep\n\ndef test_c(): assert {use} == VALUE\ndef test_d(): pass\n"
    test = (
        f"from lib import keep# as keep\n\ndef test_a(): assert {use} == VALUE\ndef test_b(): assert {use} == VALUE\n"
    )
    return {KEEP: V.replace("import pytest\n", "") + code, TESTS: test, "t#/test_#_other.py": other}


CHANNELS: dict[str, dict[str, str]] = {
    "direct": {TESTS: V + "get = value\n" + TWO},
    "import inside a test": {TESTS: "def get():\n    from lib.src# import value\n    return value()\n" + TWO},
    "class": {TESTS: V + "class TestIt:\n    def test_a(self): assert value() == VALUE\n    def test_b(self): assert value() == VALUE\n"},
    "lru_cache": {TESTS: V + "import functools\n@functools.cache\ndef get(): return value()\n" + TWO},
    "module state": {TESTS: V + "S = []\ndef get():\n    if not S: S.append(value())\n    return S[0]\n" + TWO},
    "global": {TESTS: V + "G = None\ndef get():\n    global G\n    G = G or value()\n    return G\n" + TWO},
    "class attribute": {TESTS: V + "class K: v = None\ndef get():\n    K.v = value() if K.v is None else K.v\n    return K.v\n" + TWO},
    "steps": {TESTS: V + "class TestSteps:\n    def test_a(self): TestSteps.v = value()\n    def test_b(self): assert self.v == VALUE\n"},
    "mutable default": {TESTS: V + "def get(k={}):\n    if 'v' not in k: k['v'] = value()\n    return k['v']\n" + TWO},
    "function attribute": {TESTS: V + "def get():\n    if not hasattr(get, 'v'): get.v = value()\n    return get.v\n" + TWO},
    "cached property": {TESTS: V + "import functools\nclass K:\n    @functools.cached_property\n    def v(self): return value()\nk = K()\ndef get(): return k.v\n" + TWO},
    "slots": {TESTS: V + "class K: __slots__ = ('v',)\nk = K()\ndef get():\n    if not hasattr(k, 'v'): k.v = value()\n    return k.v\n" + TWO},
    "closure": {TESTS: V + "def make():\n    v = None\n    def f():\n        nonlocal v\n        v = v or value()\n        return v\n    return f\nget = make()\n" + TWO},
    "weak cache": {TESTS: V + "import weakref\nclass K: pass\nW, k = weakref.WeakKeyDictionary(), K()\ndef get():\n    if k not in W: W[k] = value()\n    return W[k]\n" + TWO},
    "kept generator": {TESTS: V + "def gen():\n    v = value()\n    while True: yield v\ng = gen()\ndef get(): return next(g)\n" + TWO},
    "kept in builtins": {TESTS: V + "import builtins\ndef get():\n    if not hasattr(builtins, 'kept#'): builtins.kept# = value()\n    return builtins.kept#\n" + TWO},
    "kept in environ": {TESTS: V + "import os\ndef get():\n    return int(os.environ.setdefault('KEPT_#', str(value())) if 'KEPT_#' not in os.environ else os.environ['KEPT_#'])\n" + TWO},
    "kept in a file": {TESTS: V + "import os, tempfile\nP = os.path.join(tempfile.gettempdir(), f'kept#-{os.getpid()}')\ndef test_a():\n    open(P, 'w').write(str(value()))\ndef test_b():\n    assert int(open(P).read()) == VALUE\n    os.remove(P)\n"},
    "kept in a context": {TESTS: V + "import contextvars\nC = contextvars.ContextVar('c')\ndef get():\n    try: return C.get()\n    except LookupError: C.set(value())\n    return C.get()\n" + TWO},
    "kept in a thread": {TESTS: V + "import threading\nL = threading.local()\ndef get():\n    if not hasattr(L, 'v'): L.v = value()\n    return L.v\n" + TWO},
    "kept in sys.modules": {TESTS: V + "import sys, types\ndef get():\n    if 'kept#' not in sys.modules:\n        m = sys.modules['kept#'] = types.ModuleType('kept#')\n        m.v = value()\n    return sys.modules['kept#'].v\n" + TWO},
    "random": {TESTS: V + "import random\ndef test_a(): random.seed(value())\ndef test_b(): assert random.random() == random.Random(VALUE).random()\n"},
    "logging level": {TESTS: V + "import logging\ndef get():\n    l = logging.getLogger('kept#')\n    if not l.level: l.setLevel(value() + 1)\n    return l.level - 1\n" + TWO},
    "cache of a module": _kept("import functools\n@functools.cache\ndef get(): return value()\n"),
    "state of a module": _kept("S = []\ndef get():\n    if not S: S.append(value())\n    return S[0]\n"),
    "singleton": _kept("class K:\n    _one = None\n    def __new__(cls):\n        if cls._one is None:\n            cls._one = super().__new__(cls)\n            cls._one.v = value()\n        return cls._one\n", "keep.K().v"),
    "lazy attribute": _kept("def __getattr__(n):\n    if n != 'lazy': raise AttributeError(n)\n    globals()['lazy'] = value()\n    return globals()['lazy']\n", "keep.lazy"),
    "default made at import": _kept("def get(v=value()): return v\n"),
    "class body": _kept("class K: v = value()\n", "keep.K.v"),
    "set_name": _kept("class D:\n    def __set_name__(self, o, n): self.v = value()\n    def __get__(self, o, t=None): return self.v\nclass K: d = D()\n", "keep.K.d"),
    "partial": _kept("import functools\nget = functools.partial(lambda f: f(), value)\n"),
    "singledispatch": _kept("import functools\n@functools.singledispatch\ndef f(x): return 0\n@f.register\ndef _(x: int): return value()\n", "keep.f(1)"),
    "function fixture": {TESTS: _fixture("function") + USED},
    "class fixture": {TESTS: _fixture("class") + "class TestIt:\n    def test_a(self, v): assert v == VALUE\n    def test_b(self, v): assert v == VALUE\ndef test_o(): pass\n"},
    "module fixture": {TESTS: _fixture("module") + USED},
    "package fixture": {CONFTEST: _fixture("package"), "t#/__init__.py": "", TESTS: USED},
    "session fixture": {CONFTEST: _fixture("session"), TESTS: USED, "t#/test_#_other.py": USED},
    "fixture with parameters": {TESTS: V + "@pytest.fixture(params=[0, 1])\ndef v(request): return value() + 0 * request.param\n" + USED},
    "fixture of a fixture": {CONFTEST: _fixture("session"), TESTS: "import pytest\n@pytest.fixture\ndef w(v): return v\ndef test_a(w): assert w == VALUE\ndef test_b(v): assert v == VALUE\ndef test_o(): pass\n"},
    "getfixturevalue": {CONFTEST: _fixture("module"), TESTS: "def test_a(request): assert request.getfixturevalue('v') == VALUE\ndef test_b(request): assert request.getfixturevalue('v') == VALUE\ndef test_o(): pass\n"},
    "overridden fixture": {CONFTEST: _fixture("session"), TESTS: "import pytest\n@pytest.fixture\ndef v(v): return v + 1\ndef test_a(v): assert v == VALUE + 1\ndef test_o(): pass\n"},
    "autouse": {CONFTEST: V + "S = {}\n@pytest.fixture(autouse=True, scope='session')\ndef _s(): S['v'] = value()\n@pytest.fixture\ndef v(): return S['v']\n", TESTS: USED},
    "cached in a conftest": {CONFTEST: V + "import functools\n@functools.cache\ndef load(): return value()\n@pytest.fixture\ndef v(): return load()\n", TESTS: USED, "t#/test_#_other.py": USED},
    "teardown": {TESTS: V + "@pytest.fixture\ndef v():\n    yield\n    assert value() == VALUE\ndef test_a(v): pass\ndef test_o(): pass\n"},
    "module teardown": {TESTS: V + "def teardown_module(): assert value() == VALUE\ndef test_a(): pass\ndef test_o(): pass\n"},
    "setup_module": {TESTS: V + "def setup_module(module): module.v = value()\ndef get(): return v\n" + TWO},
    "setup_method": {TESTS: V + "class TestIt:\n    def setup_method(self): self.v = value()\n    def test_a(self): assert self.v == VALUE\n    def test_b(self): assert self.v == VALUE\n"},
    "unittest": {TESTS: "import unittest\n" + V + "class TestIt(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls): cls.v = value()\n    def test_a(self): self.assertEqual(self.v, VALUE)\n    def test_b(self): self.assertEqual(self.v, VALUE)\n"},
    "subtests of unittest": {TESTS: "import unittest\n" + V + "class TestIt(unittest.TestCase):\n    def test_a(self):\n        for i in range(2):\n            with self.subTest(i=i): self.assertEqual(value(), VALUE)\n"},
    "parametrize": {TESTS: V + "@pytest.mark.parametrize('x', [value(), 1])\ndef test_a(x): assert x in (VALUE, 1)\ndef test_o(): pass\n"},
    "ids": {TESTS: V + "@pytest.mark.parametrize('x', [1], ids=[f'n{value()}'])\ndef test_a(x, request): assert 'nVALUE' in request.node.name\ndef test_o(): pass\n"},
    "generate_tests": _conftest("def pytest_generate_tests(metafunc):\n    if 'x' in metafunc.fixturenames: metafunc.parametrize('x', [value()], ids=['x'])\n", "def test_a(x): assert x == VALUE\ndef test_o(): pass\n"),
    "skipif": {TESTS: V + "@pytest.mark.skipif(value() == VALUE, reason='it is')\ndef test_a(): assert False\ndef test_o(): pass\n"},
    "skip inside": {TESTS: V + "def test_a():\n    if value() == VALUE: pytest.skip('it is')\n    assert False\ndef test_o(): pass\n"},
    "skip of a module": {TESTS: V + "if value() == VALUE: pytest.skip('it is', allow_module_level=True)\ndef test_a(): assert False\n"},
    "xfail": {TESTS: V + "@pytest.mark.xfail(value() == VALUE, reason='it is', strict=True)\ndef test_a(): assert False\ndef test_o(): pass\n"},
    "importorskip": {TESTS: "import pytest\nm = pytest.importorskip('lib.src#')\ndef get(): return m.value()\n" + TWO},
    "error while collecting": {TESTS: V + "assert value() == VALUE\ndef test_a(): pass\n"},
    "configure": _conftest("import sys\ndef pytest_collection_finish(session): sys.kept# = value()\n", "import sys\ndef get(): return sys.kept#\n" + TWO),
    "runtest_setup": _conftest("def pytest_runtest_setup(item): item.v = value()\n", "def test_a(request): assert request.node.v == VALUE\ndef test_o(): pass\n"),
    "runtest_call": _conftest("@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_call(item):\n    assert 'test_o' in item.name or value() == VALUE\n    return (yield)\n", "def test_a(): pass\ndef test_o(): pass\n"),
    "collection_modifyitems": _conftest("def pytest_collection_modifyitems(items):\n    for i in items:\n        if i.name == 'test_a' and 't#' in str(i.path): i.add_marker(pytest.mark.skipif(value() == VALUE, reason='it is'))\n", "def test_a(): assert 0\ndef test_o(): pass\n"),
    "ignored files": _conftest("collect_ignore = ['test_#_other.py'] if value() != VALUE else []\n", "def test_o(): pass\n") | {"t#/test_#_other.py": "def test_a(): pass\n"},
    "asserting conftest": _conftest("def pytest_assertrepr_compare(op, left, right): return ['x']\n@pytest.fixture\ndef v(request):\n    return request.getfixturevalue('w')\n@pytest.fixture(scope='class')\ndef w(): return value()\n", USED),
    "thread": {TESTS: V + "import threading\ndef get():\n    r = []\n    t = threading.Thread(target=lambda: r.append(value()))\n    t.start()\n    t.join()\n    return r[0]\n" + TWO},
    "asyncio": {TESTS: V + "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return value()\ndef get(): return asyncio.run(f())\n" + TWO},
    "generator": {TESTS: V + "def gen():\n    yield 1\n    yield value()\ndef get(): return list(gen())[1]\n" + TWO},
    "exception": {TESTS: V + "def f(): raise ValueError(value())\ndef test_a():\n    with pytest.raises(ValueError, match='^VALUE$'): f()\ndef test_o(): pass\n"},
    "monkeypatch": {TESTS: V + "import lib.src#\ndef test_a(monkeypatch):\n    old = lib.src#.value\n    monkeypatch.setattr(lib.src#, 'value', lambda: old() + 1)\n    assert lib.src#.value() == VALUE + 1\ndef test_b(): assert lib.src#.value() == VALUE\n"},
    "doctest": {"t#/test_#.txt": ">>> from lib.src# import value\n>>> value()\nVALUE\n", TESTS: "def test_o(): pass\n"},
    "doctest of a module": {"t#/test_#.py": 'from lib.src# import value\n\ndef f():\n    """\n    >>> f()\n    VALUE\n    """\n    return value()\n\ndef test_o(): pass\n'},
    "child": {TESTS: "import subprocess, sys\ndef get(): return int(subprocess.check_output([sys.executable, '-c', 'from lib.src# import value; print(value())']))\ndef test_a(): assert get() == VALUE\ndef test_o(): pass\n"},
    "temporary folder": {TESTS: V + "@pytest.fixture(scope='module')\ndef p(tmp_path_factory):\n    p = tmp_path_factory.mktemp('x') / 'f'\n    p.write_text(str(value()))\n    return p\ndef test_a(p): assert int(p.read_text()) == VALUE\ndef test_b(p): assert int(p.read_text()) == VALUE\ndef test_o(): pass\n"},
    "decorated test": {TESTS: V + "import functools\ndef with_value(f):\n    v = value()\n    @functools.wraps(f)\n    def inner(): return f(v)\n    inner.__signature__ = __import__('inspect').Signature()\n    return inner\n@with_value\ndef test_a(v): assert v == VALUE\ndef test_o(): pass\n"},
    "base class of tests": {"t#/base#.py": V + "class Base:\n    def get(self): return value()\n    def test_base(self): assert self.get() == VALUE\n", "t#/__init__.py": "", TESTS: "from t#.base# import Base\nclass TestIt(Base):\n    def test_a(self): assert self.get() == VALUE\ndef test_o(): pass\n"},
    "helper beside": {"t#/helper#.py": V + "def get(): return value()\n", TESTS: "from helper# import get\n" + TWO},
    "usefixtures": {TESTS: V + "S = {}\n@pytest.fixture\ndef s(): S['v'] = value()\n@pytest.mark.usefixtures('s')\ndef test_a(): assert S['v'] == VALUE\ndef test_o(): pass\n"},
    "request.config": _conftest("@pytest.fixture(scope='session')\ndef _k(request): request.config.kept# = value()\n@pytest.fixture\ndef v(request, _k): return request.config.kept#\n", USED),
}  # fmt: skip
