"""Projects of any size that no one has to read: many modules that import each other, or many files to watch.

They exist for figures that depend on size: what an edit costs in a project of two hundred modules, what watching five
thousand files costs while nobody works.
"""

from collections.abc import Iterator
from pathlib import Path
from string import Template

from scripts.example import ini, write_files

EDITED_TEST = "tests/test_edited.py::test_runs_the_saved_text"
"""Passes only if the edited module's text as it is on disk is what runs: see `Edits`."""

LONG_TEST = "test_long.py"
"""Calls the last function of a module made by `write_long_file`."""

BUSY_TEST = "test_busy.py"
"""Computes: see `write_busy_project`."""

WATCHED_TEST = "test_watched.py"
"""Imports every file of a project made by `write_plain_files`."""

_MODULE = Template('''
"""Module $number of a project that was generated."""

import re
from dataclasses import dataclass, field
$imports

PATTERN = re.compile(r"(?P<word>[a-z]+)-$number-(?P<serial>[0-9]+)")
REVISION = $constant


@dataclass(frozen=True)
class Part:
    name: str
    weight: float = $number.0
    tags: tuple[str, ...] = field(default_factory=tuple)

    @property
    def label(self) -> str:
        return f"{self.name} ({self.weight:.1f})"


class Shelf:
    """Holds parts."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = list(parts)

    def add(self, part: Part) -> None:
        self._parts.append(part)

    def weight(self) -> float:
        return sum(part.weight for part in self._parts)

    def find(self, name: str) -> Part | None:
        return next((part for part in self._parts if part.name == name), None)


def revision() -> int:
    return $body


def serial(text: str) -> int | None:
    match = PATTERN.fullmatch(text)
    return int(match["serial"]) if match else None


def heaviest(parts: list[Part]) -> Part:
    return max(parts, key=lambda part: part.weight)


def total() -> int:
    return $number$total
''')

_TEST = Template("""
from app import $module as subject


def test_total():
    assert subject.total() >= $number


def test_serial():
    assert subject.serial("part-$number-12") == 12


def test_shelf():
    shelf = subject.Shelf([subject.Part("one")])
    shelf.add(subject.Part("two", 1.5))
    assert shelf.weight() == $number + 1.5


def test_heaviest():
    assert subject.heaviest([subject.Part("one", 1.0), subject.Part("two", 2.0)]).label == "two (2.0)"
""")

_BUSY = Template("""
def step(value):
    return (value * 1103515245 + $number) % 2147483648


def work():
    value = 1
    for _ in range(2_000_000):
        value = step(value)
    return value
""")

_BUSY_TEST = """
import time
from pathlib import Path

import busy


def test_busy():
    start = time.process_time()
    busy.work()
    Path(__file__).with_name("seconds.txt").write_text(str(time.process_time() - start))
"""

_EDITED_TEST = Template('''
"""Compares what runs with what was saved: the expectation stands in a file that no process has read before."""

from pathlib import Path

import app.every
from app import $last, $edited


def test_runs_the_saved_text():
    assert $last.total() > 0
    assert f"{$edited.revision()} {$edited.REVISION}" == Path(__file__).with_name("expected.txt").read_text()
''')


class Edits:
    """A project of modules that import each other, and edits of the module in the middle of them.

    Each edit also writes down what a test must see afterwards, so that a run that passes is a run of the saved text.

    Attributes:
        folder: where the project is.
    """

    def __init__(self, folder: Path, modules: int = 200, test_files: int = 100, addopts: str = "") -> None:
        self.folder = folder
        self._edited = modules // 2
        self._modules = modules
        self._body = self._constant = 0
        write_files(folder, dict(self._files(test_files)) | {"pytest.ini": ini(addopts)})
        self._save()

    def edit_body(self) -> None:
        """Save the module with another function body, an edit that can be patched in place."""
        self._body += 1
        self._save()

    def edit_constant(self) -> None:
        """Save the module with another value at its top level, which importers may have copied."""
        self._constant += 1
        self._save()

    def _save(self) -> None:
        text = _module_text(self._edited, self._body, self._constant)
        (self.folder / "app" / f"{_name(self._edited)}.py").write_text(text, encoding="utf-8")
        (self.folder / "tests" / "expected.txt").write_text(f"{self._body} {self._constant}", encoding="utf-8")

    def _files(self, test_files: int) -> Iterator[tuple[str, str]]:
        yield "conftest.py", "import app  # puts this folder on the import path\n"
        yield "app/__init__.py", ""
        # In this order: a chain of so many imports in each other is too deep for the interpreter.
        yield "app/every.py", "".join(f"from app import {_name(number)}\n" for number in range(self._modules))
        for number in range(self._modules):
            yield f"app/{_name(number)}.py", _module_text(number)
        for number in range(test_files):
            tested = number * self._modules // test_files
            yield f"tests/test_{_name(tested)}.py", _TEST.substitute(module=_name(tested), number=tested)
        names = {"last": _name(self._modules - 1), "edited": _name(self._edited)}
        yield "tests/test_edited.py", _EDITED_TEST.substitute(names)


def write_plain_files(folder: Path, count: int, addopts: str = "", per_package: int = 100) -> Path:
    """Write *count* small modules, and one test that imports them all; return *folder*."""
    names = [f"package_{number // per_package:03}/module_{number:05}" for number in range(count)]
    texts = {f"{name}.py": f"NUMBER = {number}\n" for number, name in enumerate(names)}
    texts |= {f"package_{number:03}/__init__.py": "" for number in range((count - 1) // per_package + 1)}
    imports = "".join(f"import {name.replace('/', '.')}\n" for name in names)
    test = f"\n\ndef test_last():\n    assert {names[-1].replace('/', '.')}.NUMBER == {count - 1}\n"
    write_files(folder, texts | {WATCHED_TEST: imports + test, "conftest.py": "", "pytest.ini": ini(addopts)})
    return folder


def write_long_file(folder: Path, count: int, addopts: str = "") -> Path:
    """Write a module of *count* functions that imports big libraries, and a test of the last one; return *folder*."""
    functions = "".join(f"\n\ndef f{number}(x):\n    y = x + {number}\n    return [y, x]\n" for number in range(count))
    test = f"import long\n\n\ndef test_last():\n    assert long.f{count - 1}(1) == [{count}, 1]\n"
    texts = {"long.py": f"import pandas\nimport scipy.stats\n{functions}", LONG_TEST: test}
    write_files(folder, texts | {"conftest.py": "", "pytest.ini": ini(addopts)})
    return folder


def write_busy_project(folder: Path, number: int, addopts: str = "") -> Path:
    """Write a test that computes for a while with a module's functions, and writes down how long; return *folder*.

    Another *number* is another body of the functions.
    """
    write_files(folder, {"busy.py": _BUSY.substitute(number=number), BUSY_TEST: _BUSY_TEST, "conftest.py": ""})
    write_files(folder, {"pytest.ini": ini(addopts)})
    return folder


def write_small_tests(folder: Path, files: int, per_file: int, addopts: str = "", imports: str = "") -> Path:
    """Write tests that take no time; return *folder*. The last one's name is ``test_FFFF_TT``, with both numbers."""
    texts = {
        f"tests/test_{file:04}.py": imports
        + "".join(f"def test_{file:04}_{number:02}():\n    assert True\n\n\n" for number in range(per_file))
        for file in range(files)
    }
    write_files(folder, texts | {"conftest.py": "", "pytest.ini": ini(addopts)})
    return folder


def _name(number: int) -> str:
    return f"m{number:03}"


def _module_text(number: int, body: int = 0, constant: int = 0) -> str:
    """Return a module's text. It imports up to three earlier ones, and every tenth a big library."""
    needed = sorted({number - 1, number // 2, number // 3} - {number, -1})
    lines = [f"from app import {_name(other)}" for other in needed]
    if number % 10 == 0:
        lines += ["import pandas as pd", "from scipy import stats"]
    return _MODULE.substitute(
        number=number,
        imports="\n" + "\n".join(sorted(lines)),
        constant=constant,
        body=body,
        total="".join(f" + {_name(other)}.REVISION + 1" for other in needed),
    )
