"""A project that is generated, its files and its runs, and the kinds of changes that are made to it; see `changes`."""

from __future__ import annotations

import collections
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_zygote.adapters.system.files import drop_bytecode
from scripts.change_channels import CHANNELS
from scripts.change_sources import SOURCES, Key, Link, Stamped
from tests.support.affected import INI, AffectedProject

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from scripts.change_sources import Content, Files
    from tests.support.affected import Ran, Server

LINE = re.compile(r"^(\S+?::.*?)(?: <- \S+)? (PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)(.*?) +\[ *\d+%\]$", re.MULTILINE)
MANY = "import pytest\n@pytest.mark.parametrize('n', range(45))\ndef test_many(n): pass\n"
NEW_FIXTURE = "import pytest\n@pytest.fixture(autouse=True)\ndef _all(): assert 0\n"
NEW_HOOK = "def pytest_runtest_setup(item): assert item.name != 'test_o'\n"
SETTINGS = "[pytest]\naddopts = -p pytest_zygote\npythonpath = .\npython_functions = test_a test_o\n"
MODES = ("once", "twice", "exact")
LOUD = frozenset(
    {
        *("parametrize", "ids", "generate_tests", "skipif", "skip of a module", "xfail", "error while collecting"),
        *("configure", "runtest_setup", "runtest_call", "collection_modifyitems", "ignored files", "session fixture"),
        *("package fixture", "fixture of a fixture", "overridden fixture", "autouse", "request.config", "class body"),
        *("default made at import", "set_name", "decorated test", "steps", "module teardown"),
    }
)
"""Channels by which one test decides how all are recorded, or whether they run: few of them make a project."""


@dataclass
class Pair:
    """Tests of one kind."""

    number: int
    source: str
    channel: str
    value: int
    expected: int

    def files(self) -> Files:
        """Return its files."""
        tests = {path: text.replace("VALUE", str(self.expected)) for path, text in CHANNELS[self.channel].items()}
        named = {
            path.replace("#", str(self.number)): text.replace("#", str(self.number)) for path, text in tests.items()
        }
        return {**SOURCES[self.source](self.number, self.value), **named}


def same_value(source: str, number: int, value: int) -> int:
    """Return what the function of a source returns for a value: some have few answers."""
    files = SOURCES[source](number, value)
    text = str(files[f"lib/src{number}.py"])
    counts = {"many": value % 7 + 1, "apps": value % 5 + 1, "tree": value % 9 + 1}
    for name, count in counts.items():
        if f"{name}{number}" in text:
            return count
    if source in (
        "exists",
        "is_file",
        "missing file",
        "missing folder",
        "optional import",
        "find_spec",
        "iter_modules",
        "access",
    ):
        return value % 2
    if source == "mode":
        return 0o600 + value % 8 * 8
    if source == "compared":
        return 10 + value % 2
    return value


class Project:
    """A generated project, and what is known of it.

    Attributes:
        pairs: kinds of tests in it.
        more: files beside those of the pairs.
        added: text at the end of files.
    """

    def __init__(self, root: Path, server: Server, chance: random.Random) -> None:
        """Draw one and write its files."""
        self.chance = chance
        self.project = AffectedProject(root, server)
        self.is_quiet = chance.choices((True, False), (7, 3))[0]
        self.pairs = [self._pair(number + 1) for number in range(8 if self.is_quiet else chance.randrange(1, 5))]
        is_large = chance.choices((True, False), (1, 6))[0]
        self.more: Files = {"t0/test_many.py": MANY if is_large else "def test_few(): pass\n"}
        self.added: dict[str, str] = {}
        self.mode = chance.choice(MODES)
        self.written: Files = {}
        self.seen: dict[str, set[str]] = collections.defaultdict(set)
        self.write()

    def _pair(self, number: int) -> Pair:
        channels = [name for name in CHANNELS if not (self.is_quiet and name in LOUD)]
        source, channel = self.chance.choice(list(SOURCES)), self.chance.choice(channels)
        value = self.chance.randrange(11, 98)
        return Pair(number, source, channel, value, same_value(source, number, value))

    def __str__(self) -> str:
        pairs = "; ".join(f"{pair.number}: {pair.source} by {pair.channel}" for pair in self.pairs)
        return f"{pairs}; recorded {self.mode}"

    def files(self) -> Files:
        """Return all files as they are to be."""
        found = {path: content for pair in self.pairs for path, content in pair.files().items()} | self.more
        for path, text in self.added.items():
            if isinstance(known := found.get(path), str):
                found[path] = known + text
        return found

    def write(self) -> None:
        """Write what has changed."""
        files = self.files()
        for path in self.written.keys() - files.keys():
            self._remove(path)
        for path, content in files.items():
            if self.written.get(path) != content:
                self._write(path, content)
        self.written = files

    def _remove(self, path: str) -> None:
        if isinstance(self.written[path], Key):
            del self.project.environ[path]
            return
        file = self.project.root / path
        file.unlink()
        drop_bytecode([str(file)])
        while file.parent != self.project.root and not any(file.parent.iterdir()):
            file.parent.rmdir()
            file = file.parent

    def _write(self, path: str, content: Content) -> None:
        if isinstance(content, Key):
            self.project.environ[path] = content.value
        else:
            write_file(self.project.root / path, content)

    def run(self, *args: str) -> tuple[dict[str, str], Ran]:
        """Run pytest; return the outcome of each test that ran, with what was said of it."""
        ran = self.project.run(*args, "-rN", "--tb=short", COLUMNS="400")
        return {name: outcome + why for name, outcome, why in LINE.findall(ran.output)}, ran

    def affected(self, word: str = "explain") -> tuple[dict[str, str], Ran]:
        """Run what is affected."""
        found, ran = self.run(f"--affected={word}")
        for name, outcome in found.items():
            self.seen[name].add(outcome)
        return found, ran

    def record(self) -> bool:
        """Record the project; return whether all is as expected."""
        _, ran = self.affected("exact" if self.mode == "exact" else "explain")
        if self.mode == "twice":
            self.added.update({path: "\n_again = 0\n" for path in self.written if path.startswith("lib/src")})
            self.write()
            _, ran = self.affected()
        return ran.status in (0, 5)


def write_file(file: Path, content: Content) -> None:
    """Write one file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Link):
        file.unlink(missing_ok=True)
        file.symlink_to(content.target)
    elif isinstance(content, Stamped):
        file.write_text(content.text)
        file.chmod(content.mode)
        if content.mtime:
            os.utime(file, (content.mtime, content.mtime))
    elif isinstance(content, bytes):
        file.write_bytes(content)
    elif isinstance(content, str):
        file.write_text(content)
        drop_bytecode([str(file)])


# Changes: each gets a project, changes its model, and returns what kind of change it was.


def _value(project: Project) -> str:
    """Change one source, or several at once."""
    changed = project.chance.sample(project.pairs, 3 if project.is_quiet else 1)
    for pair in changed:
        pair.value = project.chance.choice([value for value in range(11, 98) if value != pair.value])
    return "sources " + ", ".join(pair.source for pair in changed)


def _back(project: Project) -> str:
    changed = [pair for pair in project.pairs if pair.value != pair.expected]
    if not changed:
        return _value(project)
    pair = project.chance.choice(changed)
    pair.value = pair.expected
    return "back"


def _source_file(project: Project) -> str:
    return f"lib/src{project.chance.choice(project.pairs).number}.py"


def _test_file(project: Project) -> str:
    return project.chance.choice(
        sorted(path for path in project.files() if path.startswith("t") and path.endswith(".py"))
    )


def _adding(kind: str, text: str, where: Callable[[Project], str]) -> Callable[[Project], str]:
    def change(project: Project) -> str:
        path = where(project)
        project.added[path] = project.added.get(path, "") + text
        return kind

    return change


def _adding_file(kind: str, path: str, text: str) -> Callable[[Project], str]:
    def change(project: Project) -> str:
        name = path.replace("#", str(project.chance.choice(project.pairs).number))
        if project.more.pop(name, None) is None and name not in project.files():
            project.more[name] = text
        return kind

    return change


def _settings(project: Project) -> str:
    """Look for tests of other names, or of the usual ones again; without the file, the plugin would not be there."""
    is_usual = project.files().get("pytest.ini", INI) == INI
    project.more["pytest.ini"] = SETTINGS if is_usual else INI
    return "settings"


def _expectation(project: Project) -> str:
    pair = project.chance.choice(project.pairs)
    pair.expected += project.chance.choice((-1, 1))
    return "expectation of a test"


def _touch(project: Project) -> str:
    for path, content in project.written.items():
        if not isinstance(content, (Key, Link, Stamped)):
            os.utime(project.project.root / path)
    return "touch"


AGAIN: tuple[tuple[int, Callable[[Project], str]], ...] = (
    (14, _value),
    (5, _back),
    (1, _touch),
    (1, _expectation),
    (1, _adding("comment", "# words\n", _source_file)),
    (1, _adding("new function", "\ndef added():\n    return 1\n", _source_file)),
    (1, _adding("new constant", "\nADDED = 1\n", _source_file)),
    (1, _adding("function defined again", "\n_old = value\ndef value(): return _old() + 1\n", _source_file)),
    (1, _adding("import that fails", "\nimport nowhere\n", _source_file)),
    (1, _adding("new test", "\ndef test_new(): pass\n", _test_file)),
    (1, _adding("mark of a file", "\nimport pytest\npytestmark = pytest.mark.skip('now')\n", _test_file)),
    (1, _adding_file("new conftest", "t#/conftest.py", NEW_FIXTURE)),
    (1, _adding_file("new conftest at the root", "conftest.py", NEW_HOOK)),
    (1, _adding_file("conftest that ignores", "conftest.py", "collect_ignore_glob = ['t1/*']\n")),
    (1, _adding_file("module in the way", "t#/lib.py", "X = 1\n")),
    (1, _adding_file("package in the way", "lib/src#/__init__.py", "def value(): return -1\n")),
    (1, _adding_file("standard module in the way", "json.py", "raise ImportError\n")),
    (1, _adding_file("new package", "t#/__init__.py", "")),
    (1, _settings),
    (1, _adding_file("other file", "notes/text.md", "words\n")),
)  # fmt: skip
