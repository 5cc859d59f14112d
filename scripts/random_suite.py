"""A suite that is generated: fixtures of all scopes, classes, parameters, skips and failures; see `random_suites`.

Everything that happens is written to the file SUITE_LOG: which worker, and what. SUITE_ORDER names a file with the
tests to run, in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

SCOPES = ("session", "package", "module", "class", "function")
"""From the widest to the narrowest: a fixture may ask for those of its own scope, and of wider ones."""

TEARDOWN_FAILS = "raise OSError('tear-down')"

LOG = """\
import os

def note(text):
    with open(os.environ["SUITE_LOG"], "a") as file:
        file.write(f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')} {text}\\n")
"""
CONFTEST = """\
import os, pytest
from suite_log import note

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item): note(f"start {item.nodeid}")

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    if "SUITE_ORDER" in os.environ:
        wanted = open(os.environ["SUITE_ORDER"]).read().splitlines()
        known = {item.nodeid: item for item in items}
        items[:] = [known[name] for name in wanted]

"""
BODIES = (
    (12, "pass"),
    (1, "assert 0, 'wrong'"),
    (1, "pytest.skip('inside')"),
    (1, "pytest.xfail('inside')"),
    (1, "raise OSError('no')"),
    (1, "warnings.warn('words')"),
)
MARKS = (
    (16, ""),
    (1, "@pytest.mark.skip(reason='mark')\n"),
    (1, "@pytest.mark.skipif(True, reason='condition')\n"),
    (1, "@pytest.mark.xfail(reason='expected')\n"),
    (1, "@pytest.mark.xfail(strict=True, reason='expected')\n"),
    (2, "@pytest.mark.xdist_group('one')\n"),
)
SETUPS = (
    "def setup_module(): note(f'setup {__name__}')\ndef teardown_module(): note(f'teardown {__name__}')\n",
    "def setup_function(f): note(f'setup {f.__name__}')\ndef teardown_function(f): note(f'teardown {f.__name__}')\n",
    "def teardown_module(): raise OSError('tear-down')\n",
)


@dataclass(frozen=True)
class Fixture:
    """One fixture."""

    name: str
    scope: str
    is_autouse: bool


def _weighted(chance: random.Random, choices: Sequence[tuple[int, str]]) -> str:
    weights, values = zip(*choices, strict=True)
    return str(chance.choices(values, weights)[0])


def _indented(text: str) -> str:
    return "".join(f"    {line}" if line.strip() else line for line in text.splitlines(keepends=True))


class Suite:
    """One suite; `files` are its texts."""

    def __init__(self, chance: random.Random) -> None:
        """Draw it."""
        self._chance = chance
        self._count = 0
        self.files = {"suite_log.py": LOG, "conftest.py": CONFTEST}
        shared = self._add_fixtures("conftest.py", SCOPES, ())
        for folder in ("", "sub/") if chance.random() < 0.4 else ("",):  # noqa: PLR2004 - a share
            known = list(shared)
            if folder:
                self.files["sub/__init__.py"] = ""
                self.files["sub/conftest.py"] = "import pytest\nfrom suite_log import note\n\n"
                known += self._add_fixtures("sub/conftest.py", SCOPES, known)
            for number in range(chance.randrange(1, 4)):
                self._add_module(f"{folder}test_{folder[:3]}{number}.py", known)

    def _add_fixtures(self, path: str, scopes: Sequence[str], known: Sequence[Fixture]) -> list[Fixture]:
        made: list[Fixture] = []
        for _ in range(self._chance.randrange(4)):
            fixture, text = self._fixture(scopes, [*known, *made])
            self.files[path] += text
            made.append(fixture)
        return made

    def _fixture(self, scopes: Sequence[str], known: Sequence[Fixture], first: str = "") -> tuple[Fixture, str]:
        self._count += 1
        chance = self._chance
        made = Fixture(f"f{self._count}", chance.choice(scopes), chance.random() < 0.2)  # noqa: PLR2004 - a share
        wider = [one.name for one in known if SCOPES.index(one.scope) <= SCOPES.index(made.scope)]
        asked = chance.sample(wider, min(len(wider), chance.randrange(3)))
        params = chance.choice(("", "", "", ", params=['p', 'q']"))
        name = f"{made.name} {{getattr(request, 'param', '')}}"
        fails = chance.choices(("", "up", "down"), (14, 1, 1))[0]
        ends = chance.choice(("yield", "finalizer"))
        lines = [
            f"@pytest.fixture(scope={made.scope!r}, autouse={made.is_autouse}{params})",
            f"def {made.name}({', '.join((*((first,) if first else ()), 'request', *asked))}):",
            f"    note(f'up {name}')",
            *(["    raise OSError('set-up')"] if fails == "up" else []),
            *([f"    request.addfinalizer(lambda: note('down {made.name}'))"] if ends == "finalizer" else []),
            "    yield 1",
            *([f"    note(f'down {name}')"] if ends == "yield" else []),
            *([f"    {TEARDOWN_FAILS}"] if fails == "down" else []),
        ]
        return made, "\n".join(lines) + "\n\n"

    def _add_module(self, path: str, known: Sequence[Fixture]) -> None:
        chance = self._chance
        self.files[path] = "import pytest, unittest, warnings\nfrom suite_log import note\n\n"
        if chance.random() < 0.2:  # noqa: PLR2004 - a share
            self.files[path] += chance.choice(SETUPS)
        here = [*known, *self._add_fixtures(path, SCOPES[2:], known)]
        for _ in range(chance.randrange(1, 6)):
            kind = chance.choices(("test", "class", "unittest", "reading"), (6, 3, 1, 1))[0]
            if kind == "class":
                self.files[path] += self._class(here)
            elif kind == "unittest":
                self.files[path] += self._unittest()
            elif kind == "reading" and here:
                self.files[path] += self._reading(here)
            else:
                self.files[path] += self._test(here)

    def _test(self, known: Sequence[Fixture], first: str = "") -> str:
        self._count += 1
        chance = self._chance
        asked = [one.name for one in chance.sample(known, min(len(known), chance.randrange(4)))]
        mark = _weighted(chance, MARKS)
        if chance.random() < 0.2:  # noqa: PLR2004 - a share
            mark += f"@pytest.mark.parametrize('n', range({chance.randrange(5)}))\n"
            asked.append("n")
        names = ", ".join((*((first,) if first else ()), "request", *asked))
        body = _weighted(chance, BODIES)
        return f"{mark}def test_{self._count}({names}):\n    note('test {self._count}')\n    {body}\n\n"

    def _reading(self, known: Sequence[Fixture]) -> str:
        """Return a test that asks for a fixture when it runs."""
        self._count += 1
        plain = [one.name for one in known if "params" not in self.text_of(one)] or ["request"]
        name = self._chance.choice(plain)
        use = f"request.getfixturevalue({name!r})"
        return f"def test_{self._count}(request):\n    note('test {self._count}')\n    {use}\n\n"

    def text_of(self, fixture: Fixture) -> str:
        """Return the line that defines a fixture, in whichever file."""
        texts = "".join(self.files.values()).split("@pytest.fixture")
        return next((text for text in texts if f"def {fixture.name}(" in text), "")

    def _class(self, known: Sequence[Fixture]) -> str:
        self._count += 1
        chance = self._chance
        text = ""
        if chance.random() < 0.3:  # noqa: PLR2004 - a share
            text += "def setup_method(self): note('setup of a method')\n"
            text += "@classmethod\ndef teardown_class(cls): note(f'teardown {cls.__name__}')\n"
        here = list(known)
        if chance.random() < 0.3:  # noqa: PLR2004 - a share
            made, more = self._fixture(SCOPES[3:], known, "self")
            text += more
            here.append(made)
        text += "".join(self._test(here, "self") for _ in range(chance.randrange(1, 5)))
        return f"class Test{self._count}:\n{_indented(text)}\n"

    def _unittest(self) -> str:
        self._count += 1
        wrong = self._chance.choice(
            ("", "\n    def test_c(self): self.fail('wrong')", "\n    def test_d(self): self.skipTest('it is')")
        )
        return (
            f"class Test{self._count}(unittest.TestCase):\n"
            f"    @classmethod\n    def setUpClass(cls): note('setUpClass {self._count}')\n"
            f"    @classmethod\n    def tearDownClass(cls): note('tearDownClass {self._count}')\n"
            f"    def test_a(self): note('test {self._count} a')\n    def test_b(self): pass{wrong}\n\n"
        )
