"""The registry of kinds: text, checksum and the rule for git of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_zygote.core.affected import dependency
from pytest_zygote.core.affected.dependency import KINDS, Need, describe
from pytest_zygote.core.affected.fingerprints import IMPORTS, MODULE, compiled_text, whole
from pytest_zygote.core.affected.tree_changes import TreeChanges

if TYPE_CHECKING:
    from collections.abc import Mapping

UNITS = {MODULE: b"m", "A.method": b"f", IMPORTS: b"json"}


class FakeTree:
    """Answers with what it was asked."""

    def units(self, path: str) -> Mapping[str, bytes]:
        """Return units for one file."""
        return UNITS if path == "app.py" else {}

    def imports(self, path: str) -> tuple[str, ...]:
        """Return one name."""
        return (f"from {path}",)

    def names(self, path: str, imports: tuple[str, ...]) -> bytes:
        """Return both arguments."""
        return f"{path} {imports[0]}".encode()

    def digest(self, path: str) -> bytes:
        """Return the path."""
        return f"digest {path}".encode()

    def presence(self, path: str) -> bytes:
        """Return the path."""
        return f"presence {path}".encode()

    def status(self, path: str) -> bytes:
        """Return the path."""
        return f"status {path}".encode()

    def listing(self, path: str) -> bytes:
        """Return the path."""
        return f"listing {path}".encode()

    def importable(self, path: str) -> bytes:
        """Return the path."""
        return f"importable {path}".encode()

    def environ(self, key: str) -> bytes:
        """Return the key."""
        return f"environ {key}".encode()

    def project(self) -> bytes:
        """Return a word."""
        return b"project"

    def matching(self, glob: str) -> bytes:
        """Return a word."""
        return f"matching {glob}".encode()

    def package(self, name: str) -> bytes:
        """Return a word."""
        return f"package {name}".encode()


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        (Need(dependency.BODY, "app.py", "A.method"), b"f"),
        (Need(dependency.BODY, "app.py", "gone"), b""),
        (Need(dependency.SKELETON, "app.py", MODULE), b"m"),
        (Need(dependency.SKELETON, "gone.py", MODULE), b""),
        (Need(dependency.FILE, "app.py"), whole({MODULE: b"m", "A.method": b"f"})),
        (Need(dependency.NAMES, "app.py"), b"app.py from app.py"),
        (Need(dependency.FOUND, "", "app.x"), b" app.x"),
        (Need(dependency.DATA, "a.txt"), b"digest a.txt"),
        (Need(dependency.PRESENCE, "a.txt"), b"presence a.txt"),
        (Need(dependency.STATUS, "a.txt"), b"status a.txt"),
        (Need(dependency.LISTING, "a"), b"listing a"),
        (Need(dependency.IMPORTABLE, "a"), b"importable a"),
        (Need(dependency.ENVIRON, "", "KEY"), b"environ KEY"),
        (Need(dependency.PROJECT), b"project"),
        (Need(dependency.FILES, "data/*.json"), b"matching data/*.json"),
        (Need(dependency.PACKAGE, "", "numpy"), b"package numpy"),
        (Need(dependency.AFTER, "", "t.py::test"), b""),
    ],
)
def test_the_checksum_of_each_kind(need: Need, expected: bytes) -> None:
    """It is what the tree has for the path or the name."""
    assert KINDS[need.kind].checksum(FakeTree(), need) == expected


@pytest.mark.parametrize(
    ("need", "text"),
    [
        (Need(dependency.BODY, "app.py", "A.method#1"), "app.py: A.method no. 1() changed"),
        (Need(dependency.SKELETON, "app.py"), "app.py: what its import executes changed"),
        (Need(dependency.FILE, "app.py"), "app.py changed"),
        (Need(dependency.NAMES, "app.py"), "app.py: an import leads to another file"),
        (Need(dependency.FOUND, "", "app.x"), "an import of app.x leads to another file"),
        (Need(dependency.DATA, "{data}.txt"), "{data}.txt changed"),
        (Need(dependency.STATUS, "a.txt"), "a.txt has another size, mode or time"),
        (Need(dependency.PRESENCE, "a.txt"), "a.txt came or went"),
        (Need(dependency.LISTING, ""), "files came to or left the root folder"),
        (Need(dependency.IMPORTABLE, "app"), "modules came to or left app"),
        (Need(dependency.ENVIRON, "", "A#1"), "environment key A#1 changed"),
        (Need(dependency.PROJECT), "it may read any file, and a file of the project changed"),
        (Need(dependency.FILES, "data"), "data changed: a file, or the files there are"),
        (Need(dependency.PACKAGE, "", "numpy"), "package numpy changed"),
        (Need(dependency.AFTER, "", "t.py::test"), "t.py::test leaves something else"),
    ],
)
def test_the_words_for_each_kind(need: Need, text: str) -> None:
    """For users who ask why a test runs."""
    assert describe(need) == text


def test_no_kind_is_forgotten_here() -> None:
    """A new row needs a case in the tables above."""
    assert KINDS.keys() == set("FMWNADXSLIEOGPT")


THEN = {"app.py": compiled_text(b"import lib.speedups\ndef f(): return 1\ndef g(): return 2\n", "app.py")}
NOW = {"app.py": compiled_text(b"import lib.speedups\ndef f(): return 3\ndef g(): return 2\n", "app.py")}


def changes(*came_or_went: str) -> TreeChanges:
    """Return the difference in which a body of app.py is another, and these files came or went."""
    return TreeChanges(
        {"app.py", "data.txt", *came_or_went},
        {*came_or_went},
        units_then=lambda path: THEN.get(path, {}),
        units_now=lambda path: NOW.get(path, {}),
        has_moved="data/came".__eq__,
    )


@pytest.mark.parametrize(
    ("need", "came", "expected"),
    [
        (Need(dependency.BODY, "app.py", "f"), (), True),
        (Need(dependency.BODY, "app.py", "g"), (), False),
        (Need(dependency.BODY, "other.py", "f"), (), False),
        (Need(dependency.SKELETON, "app.py", MODULE), (), False),
        (Need(dependency.FILE, "app.py"), (), True),
        (Need(dependency.FILE, "other.py"), (), False),
        (Need(dependency.FILE, "new.py"), ("new.py",), True),
        (Need(dependency.NAMES, "app.py"), (), False),
        (Need(dependency.NAMES, "app.py"), ("lib/speedups.py",), True),
        (Need(dependency.NAMES, "app.py"), ("lib.py",), True),
        (Need(dependency.NAMES, "app.py"), ("docs/notes.txt",), False),
        (Need(dependency.DATA, "data.txt"), (), True),
        (Need(dependency.DATA, "other.txt"), (), False),
        (Need(dependency.PRESENCE, "flag"), ("flag",), True),
        (Need(dependency.STATUS, "data.txt"), (), True),
        (Need(dependency.STATUS, "other.txt"), (), False),
        (Need(dependency.LISTING, "data"), ("data/new",), True),
        (Need(dependency.LISTING, "data"), ("data/deep/new",), False),
        (Need(dependency.LISTING, "data"), ("data/came/new",), True),
        (Need(dependency.LISTING, ""), (), False),
        (Need(dependency.IMPORTABLE, ""), ("new.py",), True),
        (Need(dependency.ENVIRON, "", "KEY"), ("KEY",), False),
        (Need(dependency.PROJECT), (), True),
        (Need(dependency.FILES, "*.txt"), (), True),
        (Need(dependency.FILES, "data"), ("data/deep/new",), True),
        (Need(dependency.FILES, "data/*.json"), ("data/new.txt",), False),
        (Need(dependency.PACKAGE, "", "numpy"), ("numpy",), False),
    ],
)
def test_how_git_decides_for_each_kind(need: Need, came: tuple[str, ...], *, expected: bool) -> None:
    """By paths, by units, by what came or went; the environment is in no commit."""
    assert KINDS[need.kind].differs(changes(*came), need) is expected


def test_without_changes_nothing_differs() -> None:
    """Not even for a test that may read anything."""
    nothing = TreeChanges(
        set(),
        set(),
        units_then=NOW.__getitem__,
        units_now=NOW.__getitem__,
        has_moved="".__eq__,
    )

    assert not any(kind.differs(nothing, Need(code, "app.py", "f")) for code, kind in KINDS.items())
